"""Nothing breaks it: every public function with every hostile value for every argument.

The names are listed here by the package itself, so a new function or argument without a case fails. What a function
accepts stands in the tables, `hostile_ground_floor` and its neighbours; how an outcome is judged, in `hostile`.
"""

import importlib
import os
import warnings
import zlib

import hostile
import hostile_ground_floor
import numpy as np
import pytest
from hostile import Argument, Case, accept, failures
from hostile_values import FORMS

TABLES = ("hostile_ground_floor", "hostile_networks", "hostile_pages", "hostile_datasets")


CASES = {name: case for table in TABLES for name, case in importlib.import_module(table).CASES.items()}
CALLS = [(name, argument) for name, case in CASES.items() for argument in (case.arguments or [None])]


DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"  # `make test-deep`


def is_tried(name, argument, value):
    """Choose everything, but of what draws figures a quarter, another for each argument, unless told to go deep."""
    draws = name.startswith(("plots.", "widgets."))
    return DEEP or not draws or zlib.crc32(f"{name} {argument} {value.name}".encode()) % 4 == 0


@pytest.fixture(scope="module", autouse=True)
def _little_memory():
    with hostile.little_memory():
        yield


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "argument"), CALLS, ids=lambda part: part or "no argument")
def test_the_answer_is_right_or_the_error_helps(name, argument):
    found = failures(name, CASES[name], argument, lambda value: is_tried(name, argument, value))
    assert not found, f"{len(found)} failures\n" + "\n".join(found)


MEETING = [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -1e-310, 1.0, -2.0, float(np.finfo(np.float32).max)]


@pytest.mark.parametrize("name", hostile_ground_floor.CASES)
def test_extreme_numbers_may_meet(name):
    """Infinity times 0, infinity minus infinity, NaN among sound numbers, ties of infinities: in several arguments."""
    case, rng = CASES[name], np.random.default_rng(0)
    arrays = {
        key: argument.accepted["one inf"]
        for key, argument in case.arguments.items()
        if isinstance(argument.sound, np.ndarray) and key not in ("y", "target")  # those are shares, or classes
    }
    for _ in range(30 if arrays else 0):
        arguments = {key: argument.make() for key, argument in case.arguments.items()}
        for key in arrays:
            extreme = rng.random(arguments[key].shape) < rng.choice([0.03, 0.3, 1.0])
            arguments[key] = np.where(extreme, rng.choice(MEETING, extreme.shape), arguments[key])
        expected = hostile.right_answer(next(iter(arrays.values())), arguments)
        outcome, wrong = hostile.attempt(case, arguments)
        wrong += hostile.disagreement(outcome, expected)
        assert not wrong, f"{arguments}\n" + "\n".join(wrong)


def test_every_public_function_and_argument_has_a_case():
    assert not hostile.missing(CASES), "\n".join(hostile.missing(CASES))


def test_thousands_of_cases_are_tried():
    tried = [
        (name, argument, value.name)
        for name, argument in CALLS
        if argument
        for value in CASES[name].arguments[argument].values()
        if is_tried(name, argument, value)
    ]
    print(f"{len(tried)} hostile cases")
    assert len(tried) > (30_000 if DEEP else 20_000)


# The test itself must fail for a function that is not sound. Each of these is faulty in one way.


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
    name = text.partition("x = ")[2].partition(":")[0]  # the others need not be tried
    case = Case(function, x=Argument(np.ones((2, 2)), EVERYTHING))
    found = failures("f", case, "x", lambda value: value.name == name)
    assert any(text in line for line in found), "\n".join(found)
