"""Hostile values as what a function returns, and in place of the function itself."""

import functools
import re

import hostile
import hostile_values
import numpy as np
import pytest
from exercise_helpers import EXERCISES

from cnnlab.course.exercises import _calls
from cnnlab.course.exercises.checker import State

LINE = "(Your function|Line \\d+(, `[^`]*`,)?)"
# What the checker makes of a value does not depend on the exercise: one with one array, and one with two values.
ONE_AND_TWO = [exercise for exercise in EXERCISES if exercise.number in ("1.3", "4.5")]
one_and_two_values = pytest.mark.parametrize("exercise", ONE_AND_TWO, ids=["one", "two"])


@pytest.fixture(autouse=True)
def _little_memory():
    with hostile.little_memory():
        yield


def returning(exercise, answers):
    """A function that looks its arguments up and returns what stands there."""

    def function(*arguments):
        for inputs, answer in zip(exercise._inputs, answers, strict=True):
            if all(map(_calls.unchanged, inputs, arguments)):
                return answer
        raise AssertionError("called with something else")

    return function


def assert_said(verdict, name):
    assert verdict.state is State.NOT_YET, name
    assert verdict.lines[-1].startswith("Stuck? ex."), name
    assert re.fullmatch(r"\S.{0,399}", verdict.lines[0]), name
    return verdict.lines[0]


@pytest.mark.thorough
@one_and_two_values
def test_a_hostile_answer_is_never_correct_and_the_words_say_what_came_back(exercise):
    right = [outcome.numbers for outcome in exercise._right_outcomes]
    hostile_ones = [{v.name: v for v in hostile_values.values(np.asarray(numbers[0], float))} for numbers in right]
    sentences = {slip.sentence for slip in exercise.slips}
    for name in set.intersection(*map(set, hostile_ones)):
        values = [by_name[name].make() for by_name in hostile_ones]
        answers = [value if len(rest) == 1 else (value, *rest[1:]) for value, rest in zip(values, right, strict=True)]
        verdict = exercise.judge(returning(exercise, answers))
        if verdict.state is State.CORRECT:
            for value, numbers in zip(values, right, strict=True):
                assert type(value) is np.ndarray or isinstance(value, (int, float, np.number)), name
                np.testing.assert_allclose(value, numbers[0], rtol=1e-6, atol=1e-9, err_msg=name)
        else:
            first = assert_said(verdict, name)
            assert first in sentences or re.match(rf"{LINE} (returns|raises) ", first), (name, first)


async def asynchronous(*arguments):
    return arguments[0]


def generating(*arguments):
    yield arguments[0]


class Thing:
    def __call__(self, *arguments):
        return self


class Lying:
    """Says that it can be called, and raises whatever is done."""

    __signature__ = "no signature"

    def __call__(self, *arguments):
        raise SystemExit

    def __getattr__(self, name):
        raise RuntimeError(name)


FUNCTIONS = {
    "asynchronous": asynchronous,
    "generating": generating,
    "builtin": max,
    "ufunc": np.add,
    "class": Thing,
    "instance": Thing(),
    "static": staticmethod(generating),
    "lying": Lying(),
    "cached": functools.lru_cache(generating),
    "wrapped": functools.wraps(np.add)(lambda: 0),
    "keywords only": lambda *, a=1: a,
}


@one_and_two_values
def test_a_hostile_thing_in_place_of_the_function_is_never_correct(exercise):
    for name, function in FUNCTIONS.items():
        assert_said(exercise.judge(function), name)
