"""Every exercise with every hostile value: as what the function returns, and in place of the function itself."""

import functools
import re

import hostile
import hostile_values
import numpy as np
import pytest
from test_exercises import every_exercise

from cnnlab.course.exercises import _calls
from cnnlab.course.exercises.checker import State

pytestmark = pytest.mark.thorough

PLACE = "(Your function|Line \\d+(, `[^`]*`,)?)"


@pytest.fixture(autouse=True)
def _little_memory():
    with hostile.little_memory():
        yield


def right_answers(made):
    return [parts[0] if len(parts) == 1 else parts for parts in (call.parts for call in made._expected)]


def returning(made, answers):
    """A function that looks its arguments up and returns what stands there."""

    def function(*arguments):
        for given, answer in zip(made._inputs, answers, strict=True):
            if all(map(_calls.equal, given, arguments)):
                return answer
        raise AssertionError("called with something else")

    return function


def is_right(value, right):
    """Whether it is a number or a plain array of the right numbers; the checker takes nothing else."""
    if not (type(value) is np.ndarray or isinstance(value, (int, float, np.number, np.bool_))):
        return False
    value = np.asarray(value)
    if value.dtype.kind not in "biuf" or value.shape != np.shape(right):
        return False
    value, right = value.astype(np.longdouble), np.asarray(right, np.longdouble)
    return bool(np.all(np.abs(value - right) <= 1e-6 * np.abs(right) + 1e-9))


def rows_of_values(answers):
    """Each kind of value made from each input's right answer; the names are the same for all."""
    sound = [answer if not isinstance(answer, tuple) else answer[0] for answer in answers]
    by_name = [{value.name: value for value in hostile_values.values(np.asarray(answer, float))} for answer in sound]
    for name in by_name[0]:
        if all(name in values for values in by_name):
            yield name, [values[name].make() for values in by_name]


def assert_said(verdict, name):
    """The first line says what came back, or is the sentence of a slip that gives the same."""
    assert verdict.state is State.NOT_YET, name
    assert verdict.lines[-1].startswith("Stuck? ex."), name
    first = verdict.lines[0]
    assert first.strip(), name
    assert "\n" not in first, name
    assert len(first) < 400, name
    return first


@every_exercise
def test_a_hostile_answer_is_never_correct_and_the_words_say_what_came_back(made):
    answers = right_answers(made)
    several = isinstance(answers[0], tuple)
    slips = {slip.sentence for slip in made.slips}
    for name, values in rows_of_values(answers):
        if several:
            values = [(value, *rest[1:]) for value, rest in zip(values, answers, strict=True)]
        right = all(
            all(map(is_right, value, answer)) if several else is_right(value, answer)
            for value, answer in zip(values, answers, strict=True)
        )
        verdict = made.judge(returning(made, values))
        if right:
            assert verdict.state is State.CORRECT, (name, verdict)
        else:
            first = assert_said(verdict, name)
            assert first in slips or re.match(rf"{PLACE} (returns|raises) ", first), (name, first)


async def asynchronous(*arguments):
    return arguments[0]


def generating(*arguments):
    yield arguments[0]


class Thing:
    def __call__(self, *arguments):
        return self

    def method(self, *arguments):
        return arguments[0]


class Lying:
    """Says that it can be called, and raises whatever is done."""

    __signature__ = "no signature"

    def __call__(self, *arguments):
        raise SystemExit

    def __getattr__(self, name):
        raise RuntimeError(name)


class Doubtful(type):
    def __call__(cls, *arguments):
        raise KeyboardInterrupt


FUNCTIONS = {
    "asynchronous": asynchronous,
    "generating": generating,
    "lambda": lambda *_: 0,
    "partial": functools.partial(asynchronous, 1),
    "partial of a builtin": functools.partial(max),
    "builtin": max,
    "method of a builtin": [].append,
    "ufunc": np.add,
    "class": Thing,
    "instance": Thing(),
    "method": Thing().method,
    "unbound method": Thing.method,
    "static": staticmethod(generating),
    "class that raises": Doubtful("D", (), {}),
    "lying": Lying(),
    "cached": functools.lru_cache(generating),
    "exception": ValueError,
    "wrapped": functools.wraps(np.add)(lambda: 0),
    "keywords only": lambda *, a=1: a,
    "many": lambda a, b, c, d, e, f, g, h: a,
}


@every_exercise
def test_a_hostile_thing_in_place_of_the_function_is_never_correct(made, monkeypatch):
    monkeypatch.setattr(_calls, "TIME_LIMIT", 1.0)
    for name, function in FUNCTIONS.items():
        verdict = made.judge(function)
        assert_said(verdict, name)
    made.state = State.NOT_ATTEMPTED
