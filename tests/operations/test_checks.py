"""The argument checks at their limits."""

import numpy as np
import pytest

from cnnlab import _checks
from cnnlab._checks import (
    as_array,
    as_axis,
    as_flag,
    as_float,
    as_int,
    as_number,
    as_pair,
    as_positive,
    require_room,
    shown,
)


class Says:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text

    def __index__(self):
        raise RuntimeError("no index today")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("up", "'up'"),
        (None, "None"),
        ((1, 2.5), "(1, 2.5)"),
        (np.ones((2, 3)), "an array of shape (2, 3)"),
        (np.ones(0), "an array of shape (0,)"),
        (np.array(7), "array(7)"),
        (Says("two\n   lines"), "two lines"),
        (10**5000, "something of type int"),
    ],
    ids=range(8),
)
def test_a_value_is_shown_in_a_few_words(value, text):
    assert shown(value) == text


def test_a_long_value_is_cut():
    numbers = [10**10 + n for n in range(6)]  # 6 × 11 digits and 12 other characters
    assert shown(numbers) == str(numbers)
    assert shown("x" * 58) == repr("x" * 58)
    assert len(shown("x" * 59)) == 60
    exactly = [10**15 + n for n in range(5)] + [10**7]
    assert len(str(exactly)) == 100
    assert shown(exactly) == str(exactly)
    longer = [10**15 + n for n in range(5)] + [10**8]
    assert shown(longer) == str(longer)[:97] + "..."


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float16, np.float64])
def test_an_array_of_real_numbers_is_taken_as_it_is(dtype):
    array = np.zeros((2, 3), dtype)
    assert as_array("x", array) is array


def test_only_the_size_of_the_whole_array_is_limited(monkeypatch):
    monkeypatch.setattr(_checks, "MOST_NUMBERS", 6)
    for check in (as_array, as_float):
        for enough in (np.zeros((2, 3)), np.zeros((2, 3), int), [[1, 2, 3], [4, 5, 6]], range(6), np.zeros((7, 0))):
            assert check("x", enough).size <= 6
        for many in (np.zeros((7, 1)), np.zeros(7, int), [[1, 2]] * 4, (range(7),), [np.zeros(4)] * 2):
            with pytest.raises(ValueError, match=r"\Ax must hold at most 6 numbers; got shape .*: pass fewer images"):
                check("x", many)
    require_room("the answer", (3, 2), "ask for less")
    with pytest.raises(ValueError, match=r"\Athe answer must hold at most 6 numbers; got shape \(7,\): ask for less\Z"):
        require_room("the answer", (7,), "ask for less")


def test_arrays_in_a_list_are_not_put_together_to_see_that_they_are_too_many():
    with pytest.raises(ValueError, match=r"\Ax must hold at most .* numbers; got shape \(1, 32768, 65536\): pass"):
        as_array("x", [np.broadcast_to(1.0, (2**15, 2**16))])  # 16 GiB


def test_floats_are_not_copied():
    class Subclass(np.ndarray):
        pass

    for dtype in (np.float32, np.float64):
        array = np.ones(3, dtype)
        assert as_float("x", array) is array
        taken = as_float("x", array.view(Subclass))
        assert type(taken) is np.ndarray
        assert np.shares_memory(taken, array)


def test_what_turns_out_to_be_large_when_it_is_read_is_refused_too(monkeypatch):
    class Large:
        def __array__(self, dtype=None, copy=None):
            return np.zeros(7)

    monkeypatch.setattr(_checks, "MOST_NUMBERS", 6)
    with pytest.raises(ValueError, match=r"\Ax must hold at most 6 numbers; got shape \(7,\): pass fewer images"):
        as_array("x", Large())


def test_lists_in_lists_without_end_are_refused():
    deep = 1.0
    for _ in range(70):
        deep = [deep]
    endless = []
    endless.append(endless)
    for value in (deep, endless, [1.0, endless]):
        with pytest.raises(ValueError, match=r"\Ax cannot be read as an array of numbers \(list\): rows of different"):
            as_array("x", value)


def test_a_masked_array_inside_lists_is_found():
    masked = np.ma.masked_array([1.0, 2.0], [True, False])
    for value in (masked, [masked], [[1.0, 2.0], masked], ([masked, masked],)):
        with pytest.raises(TypeError, match=r"\Ax is a masked array"):
            as_array("x", value)


def test_whole_numbers_have_at_most_64_bits():
    for number in (-(2**63), 2**63 - 1, np.int8(-3), np.uint64(5), np.array(4)):
        assert as_int("n", number) == number
        assert type(as_int("n", number)) is int
    for number in (2**63, -(2**63) - 1):
        with pytest.raises(ValueError, match=rf"\An must be a number of at most 64 bits; got {number}\Z"):
            as_int("n", number)


def test_a_minimum_is_allowed_itself():
    assert as_int("n", 3, 3) == 3
    assert as_pair("n", (3, 4), 3) == (3, 4)
    for value in (2, (2, 5), (5, 2), [2, 5], np.array([5, 2])):
        with pytest.raises(ValueError, match=r"\An must be at least 3; got 2\Z"):
            as_pair("n", value, 3)


as_id = lambda value: type(value).__name__


@pytest.mark.parametrize(
    "value", [True, np.False_, 1.0, "1", None, Says("me"), np.ma.masked_array(3), np.ones(1)], ids=as_id
)
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(TypeError, match=rf"\An must be a whole number; got .* \({type(value).__name__}\)\Z"):
        as_int("n", value)


@pytest.mark.parametrize(
    "value", [(True, 2), (2, None), np.ma.masked_array([2, 2]), np.ones((2, 2), int), Says("me")], ids=as_id
)
def test_what_is_no_pair_of_whole_numbers_is_refused(value):
    with pytest.raises(TypeError, match=r"\An must be a whole number; got "):
        as_pair("n", value, 0)


@pytest.mark.parametrize("value", ["12", b"12", 2.0, None])
def test_what_is_neither_a_number_nor_a_pair_is_refused_as_both(value):
    with pytest.raises(TypeError, match=r"\An must be a whole number or a pair \(rows, columns\); got "):
        as_pair("n", value, 0)


def test_an_axis_counts_from_either_end():
    assert [as_axis(axis, 3) for axis in (-3, -2, -1, 0, 1, 2)] == [0, 1, 2, 0, 1, 2]
    for axis in (-4, 3):
        with pytest.raises(ValueError, match=r"\Aaxis must lie between -3 and 2 for an array with 3 axes; got"):
            as_axis(axis, 3)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), np.array(2.0), np.float16(2), 2**70])
def test_one_number_of_any_kind_becomes_a_float(value):
    for check in (as_number, as_positive):
        assert check("rate", value) == value
        assert type(check("rate", value)) is float


@pytest.mark.parametrize(
    "value", [True, np.True_, np.array(True), "2", None, [2], np.ones(1), 10**400, 2j, Says("me")], ids=as_id
)
def test_what_is_not_one_number_is_refused(value):
    with pytest.raises(TypeError, match=rf"\Arate must be one number; got .* \({type(value).__name__}\)\Z"):
        as_number("rate", value)


def test_a_wide_float_is_no_number_here():
    if np.dtype(np.longdouble).itemsize == 8:
        pytest.skip("longdouble is float64 on this machine")
    with pytest.raises(TypeError, match=r"\Arate has dtype .*, which would lose digits here"):
        as_number("rate", np.longdouble(2))


def test_extreme_numbers_are_numbers_but_not_all_are_finite_and_positive():
    for value in (np.inf, -np.inf, 1e308, 5e-324, -1.0, 0.0):
        assert as_number("rate", value) == value
    assert np.isnan(as_number("rate", np.nan))
    assert as_positive("rate", 5e-324) == 5e-324
    for value in (np.inf, -np.inf, np.nan, 0.0, -1):
        with pytest.raises(ValueError, match=rf"\Arate must be a finite number above 0; got {value}\Z"):
            as_positive("rate", value)


def test_a_flag_is_true_or_false():
    assert as_flag("loud", np.True_) is True
    assert as_flag("loud", False) is False
    for value in (1, None, "yes"):
        with pytest.raises(TypeError, match=rf"\Aloud must be True or False; got {value!r}\Z"):
            as_flag("loud", value)
