"""The test of arguments notices a function that is not sound: each of these is faulty in one way."""

import warnings

import hostile
import numpy as np
import pytest
from hostile import Argument, Case, accept, failures
from hostile_values import FORMS


def doubled(x):
    return 2 * np.asarray(x, float)


def lets_an_error_of_numpy_through(x):
    return np.linalg.inv(x)


def shows_its_cause(x):
    try:
        return doubled(x)
    except Exception as error:
        raise ValueError("x must be something else; got that") from error


def changes_its_argument(x):
    x = np.asarray(x, float)
    x[...] = 0
    return x.copy()


def is_wrong_for_lists(x):
    return doubled(x) + isinstance(x, list)


def is_wrong_for_infinity(x):
    return np.nan_to_num(doubled(x))


def changes_the_dtype(x):
    return doubled(x).astype(np.float32)


def returns_a_subclass(x):
    return doubled(x).view(np.matrix)


def warns(x):
    warnings.warn("strange", UserWarning, stacklevel=1)
    return doubled(x)


def divides_without_a_word(x):
    return doubled(x) / np.zeros(1)


def needs_much_memory(x):
    np.ones(hostile.MOST_MEMORY // 4)
    return doubled(x)


def never_ends(x):
    while True:
        pass


def right(x):
    return np.asarray(x, float) * 2.0


def returns_what_it_was_given(x):
    return np.asarray(x, float)


EVERYTHING = accept(FORMS) | accept("all inf", answer=right)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lets_an_error_of_numpy_through, "x = None: raised LinAlgError"),
        (lets_an_error_of_numpy_through, "x = 2**31 numbers along one axis: raised LinAlgError"),
        (doubled, "x = all NaN: was accepted and gave"),
        (doubled, "x = masked array: was accepted and gave"),
        (doubled, "x = str: the error is not raised by cnnlab: could not convert"),
        (doubled, "x = str: the text does not name the argument: could not convert"),
        (doubled, "x = __array__ raises: raised RuntimeError"),
        (doubled, "x = 2**31 bytes: raised MemoryError"),
        (shows_its_cause, "x = str: the error shows its cause, ValueError"),
        (changes_its_argument, "x = Fortran order: changed x"),
        (changes_its_argument, "sound: changed x"),
        (is_wrong_for_lists, "x = list: gave"),
        (is_wrong_for_infinity, "x = all inf: gave"),
        (changes_the_dtype, "x = all 1e308: was accepted"),
        (returns_a_subclass, "x = list: gave matrix"),
        (returns_what_it_was_given, "sound: returned a view of x"),
        (warns, "x = list: warned strange"),
        (divides_without_a_word, "x = list: warned divide by zero"),
        (needs_much_memory, "x = float 1e308: needed"),
        (needs_much_memory, "sound: needed"),
        (never_ends, "sound: raised _TooSlow"),
    ],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_a_fault_is_seen(function, text, monkeypatch):
    monkeypatch.setattr(hostile, "MOST_SECONDS", 0.05)
    name = text.removeprefix("x = ").partition(":")[0]  # the others need not be tried
    case = Case(function, x=Argument(np.ones((2, 2)), EVERYTHING))
    with hostile.little_memory():
        found = failures("f", case, "x", lambda value: value.name == name)
    assert any(text in line for line in found), "\n".join(found)


def test_a_call_without_a_case_and_a_case_without_a_call_are_seen():
    found = hostile.missing({"datasets.stripes": Case(right, n=Argument(1)), "datasets.dots": Case(right)}, "data")
    assert [line.partition(":")[0] for line in found] == [
        *("datasets.digits_8x8", "datasets.mnist", "datasets.mnist_sample", "datasets.stripes", "datasets.dots")
    ]


@pytest.mark.parametrize(
    "sentence", ["TypeError: x must be …; got a str", "ValueError: x must be …; got str", "TypeError: x must be"]
)
def test_another_sentence_is_seen(sentence):
    def refuses(x):
        raise TypeError("x must be an array; got str")

    hostile.check_sentence("f('1')", "TypeError: x must be …; got str", {"f": refuses})
    with pytest.raises(AssertionError, match="expected"):
        hostile.check_sentence("f('1')", sentence, {"f": refuses})
