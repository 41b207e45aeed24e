"""What the checker reads off a function without running it, and the faulty code that a bug hunt starts from."""

import linecache

import numpy as np
import pytest
from test_exercises import EXERCISES, function_of

from cnnlab.course.exercises import _source
from cnnlab.course.exercises._calls import _as_parts, call, same

BUG_HUNTS = [made for made in EXERCISES if made._given]


def test_there_are_three_bug_hunts():
    assert [made.number for made in BUG_HUNTS] == ["3.5", "4.5", "5.4"]


@pytest.mark.parametrize("made", BUG_HUNTS, ids=lambda made: made.number)
def test_the_code_of_a_bug_hunt_runs_and_gives_wrong_numbers(made):
    calls = [call(made._given, dict(enumerate(arguments))) for arguments in made._inputs]
    assert calls[0].parts
    assert not all(map(same, calls, made._expected))


def code(body):
    return _source.code_of(function_of(f"def f(x):\n    {body}\n", "f"))


def test_code_is_the_same_whatever_its_comments_and_lines():
    assert _source.same_code(code("return x + 1"), code("# a comment\n\n    return x + 1"))
    assert not _source.same_code(code("return x + 1"), code("return x + 2"))
    assert not _source.same_code(code("return x + 1"), code("y = 1\n    return x + y"))


def test_functions_inside_a_function_are_compared_too():
    one, other = code("return list(map(lambda i: i + 1, x))"), code("return list(map(lambda i: i + 2, x))")
    assert _source.same_code(one, one)
    assert not _source.same_code(one, other)


def test_what_has_no_python_code_has_no_unused_arguments_and_no_return_in_a_loop():
    assert _source.unused_arguments(len) == []
    assert not _source.returns_in_a_loop(len, 1)
    assert _source.line_text(len, 1) == ""
    assert _source.page_names(len) == {}


def test_the_return_of_a_function_whose_text_is_gone_or_no_definition_is_in_no_loop():
    f = function_of("def f(x):\n    for i in x:\n        return i\n    return 0\n", "f", "<a text>")
    assert _source.returns_in_a_loop(f, 3)
    assert not _source.returns_in_a_loop(f, 4)
    del linecache.cache["<a text>"]
    assert not _source.returns_in_a_loop(f, 3)
    among_others = (lambda x: [x for x in x], 1)[0]
    assert not _source.returns_in_a_loop(among_others, among_others.__code__.co_firstlineno)


def test_an_array_of_text_is_no_answer():
    parts, trouble = _as_parts(np.array(["1.5"]))
    assert parts is None
    assert trouble == "returns text, where a number or a NumPy array of numbers is expected."
