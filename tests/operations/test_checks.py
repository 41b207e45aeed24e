"""The argument checks at their limits."""

import numpy as np
import pytest

from cnnlab import _checks
from cnnlab._checks import (
    as_array,
    as_float,
    as_int,
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


def test_whole_numbers_have_at_most_64_bits():
    for number in (-(2**63), 2**63 - 1, np.int8(-3), np.uint64(5), np.array(4)):
        assert as_int("n", number) == number
        assert type(as_int("n", number)) is int
    for number in (2**63, -(2**63) - 1):
        with pytest.raises(ValueError, match=rf"\An must be a number of at most 64 bits; got {number}\Z"):
            as_int("n", number)


def test_lists_in_lists_without_end_are_refused():
    deep = 1.0
    for _ in range(70):
        deep = [deep]
    endless = []
    endless.append(endless)
    for value in (deep, endless, [1.0, endless]):
        with pytest.raises(ValueError, match=r"\Ax cannot be read as an array of numbers \(list\): rows of different"):
            as_array("x", value)
