"""The checker: what it says of right, wrong, untouched and hostile functions, and that nothing brings it down."""

import _sitebuiltins
import _thread
import builtins
import contextlib
import functools
import importlib.util
import io
import itertools
import linecache
import re
import signal
import string
import sys
import threading
from types import MethodType, SimpleNamespace

import nbformat
import numpy as np
import pytest
from exercise_helpers import EXERCISES, function_of, sentences_of, words_of
from nbclient import NotebookClient

from cnnlab.course.exercises import _calls, _source, _words, checker
from cnnlab.course.exercises.checker import Exercise, State


@pytest.fixture
def double():
    inputs = [(np.array([[1.0, 2, 3]]), 2), (np.array([[1.0, 2], [3, 5]]), 3)]
    solution = double_of("return factor * image")
    double = Exercise(solution, "0.1", "twice a map", inputs, ["a", "b"])
    double.loss(lambda image, factor: (lambda x: np.sum(factor * image * x), np.zeros(image.shape)))
    double.add_slips("added: You add.", lambda image, factor: factor + image)
    return double


def exercise_of(solution, *inputs):
    """An exercise with one argument, tried with these inputs."""
    solution.__name__ = "answer"
    return Exercise(solution, "0.2", "a title", [(np.array(values),) for values in inputs], ["a"])


@pytest.fixture
def short_time_limit(double, monkeypatch):
    """For functions that do not end by themselves: the solution has been called before."""
    assert double._right_outcomes
    monkeypatch.setattr(_calls, "TIME_LIMIT", 0.1)
    # What measures coverage holds a lock now and then; a thread that is stopped while it does would keep it for ever.
    tracer = threading.gettrace()
    threading.settrace(None)
    yield
    threading.settrace(tracer)


def double_of(body, **page):
    """A learner's function with this body, in a cell that knows these names."""
    source = "def double(image, factor):\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    return function_of(source, "double", **page)


# Each body, what is said of it in the first line, and the line of the body that is named (counted from 1) or None.
ODD_ERROR = "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\nraise Odd"
ODD_THING = "class Odd:\n    def __array__(self, *a, **k):\n        raise ValueError\nreturn Odd()"
KEEPS_COUNT = "double.count = getattr(double, 'count', 0) + 1\nreturn image + double.count"
TURNS_WARNINGS = "import warnings\nwarnings.simplefilter('error')\nnp.seterr(all='raise')\nreturn np.log(0 * image)"
HOSTILE = {
    "it raises": ("x = 1\nreturn image[5]", "raises IndexError: index 5 is out of bounds", 2),
    "a helper that it defines raises": ("def f():\n    1 / 0\nreturn f()", "raises ZeroDivisionError", 2),
    "it raises what cannot be said": (ODD_ERROR, "raises Odd", 4),
    "it pretends to be interrupted": ("raise KeyboardInterrupt", "raises KeyboardInterrupt", 1),
    "it calls itself for ever": ("return double(image, factor)", "raises RecursionError", 1),
    "it returns nothing": ("2 * image", "returns None: is a `return` missing?", None),
    "it prints instead": ("print(2 * image)", "Your function returns None and only prints: return the result.", None),
    "it returns a list": ("return [[2, 4, 6]]", "returns a list, where a number or a NumPy array is expected", 1),
    "it returns an array of words": ("return np.array(['1.5'])", "returns text, where a number", 1),
    "it returns complex numbers": ("return 2j * image", "returns numbers of dtype complex128, where real", 1),
    "it returns a thing that raises when converted": (ODD_THING, "returns an Odd, where", 4),
    "it returns the wrong shape": ("return (2 * image).T", "of shape (3, 1), expected an array of shape (1, 3)", 1),
    "it returns NaN": (
        "return image * np.nan",
        "all 3 numbers are wrong: at (0, 0) it has nan (not a number), expected 2.",
        1,
    ),
    "it is wrong in one cell": (
        "return factor * image + (image == 2) * 3",
        "1 of 3 numbers is wrong: at (0, 1) it has 7, expected 4.",
        1,
    ),
    "it has the wrong sign": ("return -factor * image", "Every sign is wrong.", 1),
    "it is all zero": ("return 0 * image", "all 3 numbers are wrong: at (0, 2) it has 0, expected 6. All are 0.", 1),
    "it is mirrored": ("return factor * image[:, ::-1]", "They are the right numbers mirrored.", 1),
    "it changes its argument": ("image *= factor\nreturn image", "changes image, which belongs to the caller", 1),
    "it reshapes its argument": ("image.shape = 3\nreturn 2 * image[None]", "changes image, which belongs", None),
    "it draws lots": ("return np.random.rand(1, 3)", "Two calls with the same input gave different results", None),
    "it keeps count": (KEEPS_COUNT, "Two calls with the same input gave different results", None),
    "it turns warnings and NumPy's errors round": (TURNS_WARNINGS, "raises FloatingPointError", 4),
    "it closes the page's output": ("import sys\nsys.stdout = None\nreturn 2 * image + 1", "all 3 numbers are", 3),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_check_survives_and_says_what_happened_and_where(name, double):
    body, wanted, line = HOSTILE[name]
    output, before = sys.stdout, [np.array(argument) for argument in double._inputs[0]]
    said = sentences_of(double.check, double_of(body))
    assert sys.stdout is output
    assert said.startswith("✗ Exercise 0.1, twice a map: not yet\n")
    first = said.splitlines()[1]
    assert wanted in first
    named = f"  Line {line + 1}, `{body.splitlines()[line - 1].strip()}`," if line else None
    assert first.startswith(named) if line else not re.match(r"  Line \d", first)
    assert said.endswith("Stuck? ex.double.hint()\n")
    assert all(map(np.array_equal, double._inputs[0], before))
    assert np.geterr()["divide"] == "warn"


CATCHES = "try:\n        let_go.wait(0.01)\n    except BaseException:\n        pass"


@pytest.mark.parametrize(
    "body", ["pass", "print('x' * 1000)", "let_go.wait(0.01)", pytest.param(CATCHES, marks=pytest.mark.thorough)]
)
def test_what_does_not_end_is_stopped_and_leaves_no_thread_behind(body, double, short_time_limit):
    before, let_go = set(threading.enumerate()), threading.Event()
    endless = double_of(f"while not let_go.is_set():\n    {body}", let_go=let_go)
    said = sentences_of(double.check, endless).splitlines()[1]
    assert re.match(r"  Line \d, `.*`, was still running after 0.1 seconds. Does a loop never end\?", said)
    assert ("It cannot be stopped from here: restart the kernel." in said) == (body == CATCHES)
    if body == CATCHES:
        let_go.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()


def test_an_interruption_by_the_reader_ends_the_check_politely(double):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it
    body = "interrupt()\nwhile not let_go.is_set():\n    pass"
    said = sentences_of(double.check, double_of(body, interrupt=_thread.interrupt_main, let_go=threading.Event()))
    signal.signal(signal.SIGINT, before)
    assert re.search(r"Line \d, `.*`, was interrupted by you", said)


@pytest.mark.parametrize(
    ("computing", "waiting", "factor", "stopped"), [(1, 0, 6, True), (0.01, 1, 1000, False), (0, 9, 6, True)]
)
def test_seconds_of_computing_count_and_many_by_the_clock(double, monkeypatch, computing, waiting, factor, stopped):
    """By clocks that go on so many seconds at each look; the function ends at the fourth."""
    looks, clock, looked = itertools.count(), itertools.count(), threading.Event()

    def process_time():
        k = next(looks)
        if k >= 3:
            looked.set()
        return k * computing

    clocks = SimpleNamespace(process_time=process_time, monotonic=lambda: next(clock) * (computing + waiting))
    monkeypatch.setattr(_calls, "time", clocks)
    monkeypatch.setattr(_calls, "TIME_LIMIT", 1.5)
    monkeypatch.setattr(_calls, "CLOCK_FACTOR", factor)
    body = "while not looked.is_set():\n    looked.wait(0.01)\nreturn factor * image"
    said = sentences_of(double.check, double_of(body, looked=looked))
    assert ("was still running after 1.5 seconds" in said) == stopped
    assert ("correct" in said) == (not stopped)


@pytest.fixture
def no_threads(monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_calls._CallThread, "start", start)


@pytest.mark.usefixtures("no_threads")
def test_where_there_are_no_threads_a_function_is_called_in_place(double):
    assert double.judge(double_of("return factor * image")).state is State.CORRECT
    assert "raises IndexError" in double.judge(double_of("return image[5]")).lines[0]


ENDLESS = {
    "loop": "while True:\n    pass",
    "loop in a line": "while True: pass",
    "loop in a function": "def f():\n    while True:\n        x = np.sum(image)\nf()",
    "iterator": "import itertools\nsum(1 for _ in itertools.count())",
    "loop that catches all": "while True:\n    try:\n        while True:\n            x = 1\n    except:\n        pass",
}


@pytest.mark.skipif(not hasattr(sys, "monitoring"), reason="Pythons in browsers can look at the clock; 3.11 cannot")
@pytest.mark.usefixtures("no_threads", "short_time_limit")
@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
def test_where_there_are_no_threads_what_never_ends_is_stopped_in_place(double, body):
    first = double.judge(double_of(body)).lines[0]
    assert re.match(r"Line \d, `.*`, was still running after 0.1 seconds. Does a loop never end\?", first)
    assert sys.monitoring.get_tool(4) is None


ASKS = ["input('a number: ')", "breakpoint()", "import pdb; pdb.set_trace()"]


@pytest.mark.parametrize("body", ASKS)
def test_a_function_that_asks_for_something_to_be_typed_is_told_at_once(double, body):
    asks = builtins.input
    line = double.judge(double_of(f"x = 1\n{body}\nreturn factor * image")).lines[0]
    assert line.startswith(f"Line 3, `{body}`, waits for something to be typed, and nobody can answer here")
    assert builtins.input is asks


@pytest.mark.parametrize("body", ["exit()", "quit()", "import sys; sys.exit(1)", "raise SystemExit"])
def test_a_function_that_ends_the_program_ends_nothing(double, body):
    lines = double.judge(
        double_of(body, exit=_sitebuiltins.Quitter("exit", ""), quit=_sitebuiltins.Quitter("", ""))
    ).lines
    assert lines[0].startswith(f"Line 2, `{body}`, raises SystemExit")
    assert lines[1] == "exit() ends the whole program. `return` ends a function."
    assert not sys.stdin.closed


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nothing bounds it")
@pytest.mark.parametrize("grows", ["x.append(bytes(10**6))", "x.append(np.ones(10**6))", "x = [0] * 10**9"])
def test_a_function_that_takes_ever_more_memory_is_stopped_at_half_a_gibibyte(double, grows):
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    lines = double.judge(double_of(f"x = []\nwhile True:\n    {grows}")).lines
    assert lines[0].startswith(f"Line 4, `{grows}`, raises MemoryError")
    assert lines[1] == "It takes far more memory than these inputs need: does something grow without end?"
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert 2**30 - _calls.MEMORY_LIMIT >= 2**29


def test_figures_that_a_function_leaves_open_are_closed_and_those_of_the_page_are_not(double):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.figure()
    before = plt.get_fignums()
    body = "import matplotlib.pyplot as plt\nplt.figure()\nplt.imshow(image)\nplt.show()\nreturn factor * image"
    assert double.judge(double_of(body)).state is State.CORRECT
    assert plt.get_fignums() == before
    plt.close("all")


PAGE_ARRAYS = {
    "complex": np.array([1 + 0j, np.nan + 0j]),
    "objects": np.array([1.0, np.nan, None], dtype=object),
    "arrays": np.array([np.zeros(2), np.zeros(3)], dtype=object),
    "locks": np.array([threading.Lock(), None], dtype=object),
    "masked": np.ma.masked_array([1.0, np.nan], mask=[True, False]),
    "records": np.array([(1, np.nan)], dtype=[("a", int), ("b", float)]),
    "dates": np.array(["NaT", "2020-01-01"], dtype="datetime64[D]"),
    "read only": np.broadcast_to(np.nan, (2, 3)),
}


@pytest.mark.parametrize("name", PAGE_ARRAYS)
def test_no_array_of_the_page_is_said_to_have_changed_that_has_not(double, name):
    function = double_of("Z.size\nreturn factor * image", Z=PAGE_ARRAYS[name])
    assert double.judge(function).state is State.CORRECT
    assert double.judge(double_of("Z.size\nreturn 5 * image", Z=PAGE_ARRAYS[name])).state is State.NOT_YET


@pytest.mark.parametrize("value", [None, 3, "double", np.zeros((1, 3)), [1]], ids=repr)
def test_a_result_in_place_of_the_function_is_pointed_out(double, value):
    assert "without brackets: ex.double.check(double)" in sentences_of(double.check, value)


@pytest.mark.parametrize("function", [lambda image: image, lambda a, b, c: a, lambda *, image, factor: image])
def test_other_arguments_are_pointed_out(double, function):
    assert "other arguments than (image, factor)" in sentences_of(double.check, function)


def logged(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        result = function(*arguments)
        return result

    return wrapper


class Model:
    def double(self, image, factor):
        return factor * image

    __call__ = double


RIGHT = {
    "other names": lambda a, b: b * a,
    "in C": np.multiply,
    "an argument more": lambda a, b, more=0: a * b + more,
    "any arguments": lambda *two: two[0] * two[1],
    "a partial": functools.partial(lambda more, a, b: a * b + more, 0),
    "a method": Model().double,
    "an object": Model(),
    "decorated twice": logged(logged(lambda a, b: a * b)),
    "vectorized": np.vectorize(lambda a, b: a * b, otypes=[float]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_function_of_any_sort_is_correct(double, name):
    assert sentences_of(double.check, RIGHT[name]).splitlines() == [
        "✓ Exercise 0.1, twice a map: correct",
        "  Right for 2 inputs, and central differences agree.",
    ]
    assert double.state is State.CORRECT


def test_below_decorators_a_partial_and_a_method_the_line_is_the_learners(double):
    fails = double_of("x = 1\nreturn image[5]")
    compiled = SimpleNamespace(py_func=fails)  # as Numba's
    method = MethodType(function_of("def f(self, image, factor):\n    x = 1\n    return image[5]", "f"), 0)
    for function in (logged(fails), logged(logged(fails)), functools.partial(fails), method):
        assert double.judge(function).lines[0].startswith("Line 3, `return image[5]`, raises IndexError")
    assert _source.code_of(compiled) is fails.__code__
    wrong = logged(double_of("x = 1\nreturn 7 * image"))
    assert double.judge(wrong).lines[0].startswith("Line 3, `return 7 * image`, returns")
    assert double.judge(logged(double_of("..."))).state is State.NOT_ATTEMPTED


def test_the_same_names_in_another_order_are_pointed_out_where_it_matters(double):
    double.add_slips("shape: Never said.", lambda image, factor: image + factor[0])
    lines = double.judge(lambda factor, image: factor * image[0]).lines
    assert lines[0] == "Your function takes (factor, image). The order is (image, factor): keep the line with `def`."
    assert double.judge(lambda factor, image: factor * image).state is State.CORRECT


def test_a_function_that_the_text_forbids_is_named_however_it_is_called(double):
    def helper(image):
        return np.pad(image, 0)

    double._without = (np.pad, np.flipud)
    pad = np.pad
    for function in (lambda a, b: b * np.pad(a, 0), lambda a, b: b * helper(a), lambda a, b: b * pad(a, 0)):
        assert double.judge(function) == (
            State.NOT_YET,
            None,
            (
                "The numbers are right.",
                "Your function calls np.pad: the exercise is to do without, step by step.",
                "Stuck? ex.double.hint()",
            ),
        )
    wrong = double.judge(lambda a, b: b + np.pad(np.flipud(a), 0))
    assert "Your function calls np.pad and np.flipud: the exercise is to do without, step by step." in wrong.lines
    assert double.judge(lambda a, b: a * b).state is State.CORRECT


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_counts_by_the_largest_number_in_float32_and_by_each_in_float64(dtype):
    """A small sum of large numbers is no more exact than they are."""
    sums = exercise_of(lambda values: values.sum(axis=0), [[1e3, 5], [-1e3 + 1e-3, 7]])
    verdict = sums.judge(lambda values: values.astype(dtype).sum(axis=0))
    assert verdict.state is State.CORRECT
    verdict = sums.judge(lambda values: np.add(values.sum(axis=0), [1e-5, 0]).astype(dtype))
    assert verdict.state is (State.CORRECT if dtype == np.float32 else State.NOT_YET)
    verdict = sums.judge(lambda values: np.add(values.sum(axis=0), [1e-2, 0]).astype(dtype))
    assert verdict.state is State.NOT_YET


def test_central_differences_are_asked_too(double):
    """A solution that is not the gradient of its loss is found out, even by its own code."""
    double.loss(lambda image, factor: (lambda x: np.sum(image * x), np.zeros(image.shape)))
    verdict = double.judge(double._solution)
    assert verdict.state is State.NOT_YET
    assert verdict.lines[0].startswith("gradient check FAILED: relative error 0.5 at (0, 2)")


def test_printing_is_kept_off_the_page_and_mentioned(double):
    said = sentences_of(double.check, double_of("print('hello', image)\nprint('more')\nreturn factor * image"))
    assert "correct" in said
    assert "(It also prints; the first line is: hello [[1. 2. 3.]])" in said
    assert "more" not in said


def test_the_smallest_failing_input_is_shown_and_handed_over_as_a_fresh_copy_each_time(double):
    said = sentences_of(double.check, double_of("return 2 * image"))
    assert "The input: image = [[1, 2], [3, 5]], factor = 3." in said
    assert "To look at it yourself: double(*ex.double.failing_input)" in said
    image, factor = double.failing_input
    assert factor == 3
    image += 5
    assert np.array_equal(double.failing_input[0], [[1, 2], [3, 5]])
    double.judge(double._solution)
    assert double.failing_input is None
    double._inputs[0] = (np.ones((5, 5)), 2)
    assert "image of shape (5, 5), factor = 2" in sentences_of(double.check, lambda image, factor: 9 * image)


def test_the_function_is_called_by_its_own_name_where_the_page_knows_it(double):
    mine = function_of("def mine(image, factor):\n    return 2 * image", "mine")
    assert "To look at it yourself: mine(*ex.double.failing_input)" in double.judge(mine).lines
    nameless = function_of("f = lambda image, factor: 2 * image", "f")
    assert "To look at it yourself: call your function with *ex.double.failing_input" in double.judge(nameless).lines


# What a learner writes, and the words that go with the error.
CRYPTIC = {
    "return image^2": "A power is written `**`",
    "return np.zeros(1, 3)": "The shape stands in brackets of its own",
    "return image(0, 0)": "brackets for a cell are square",
    "return image.shape - 1": "A tuple such as shape is no number",
    "for i in range(image.shape):\n    pass": "A tuple such as shape is no number",
    "result = np.zeros(3)\nresult[0] = image": "One cell holds one number",
    "result = [[0, 0, 0]]\nresult[0, 0] = 1": "This is a list",
    "return factor @ image": "a number is multiplied with `*`",
    "return image @ image": "Is the order right",
    "return image + np.zeros(2)": "Two arrays of different shapes meet here",
    "result = np.zeros((1, 2))\nresult[0] = image[0]": "another shape than its place on the left",
    "return image[3]": "What is asked for there does not exist",
    "return image[0, 0, 0]": "fewer axes than numbers in the square brackets",
    "return np.zeros(3 / 1)": "`//` divides to one",
    "return image[: 4 / 2]": "`//` divides to one",
    "return image[1.0]": "`//` divides to one",
    "for _ in range(4 / 2):\n    pass": "`//` divides to one",
    "total += image\nreturn total": "used before it has a value",
    "return image if image > 0 else 0": "An array has many answers",
    "return image.std * 2": "Brackets are missing",
    "return 2 * image if factor(3) else image": "size and ndim have no brackets behind them",
    "return image.max()(factor)": "is a `*` missing",
    "return np.array([[1, 2], [3]])": "different lengths",
    "return np.dot(image, image)": "Is the order right",
    "return image[:, 5:].max()": "A piece of an array is empty",
    "return np.zeros((1, 3)) + int(image)": "One number is needed here",
    "import math\nreturn math.exp(1000)": "too large for a float",
    "image[0] += np.ones((2, 3))": "more axes than its place on the left",
    "return imgae": "neither an argument nor made inside the function",
    "return image.multiply(2)": "An array has nothing of this name",
    "return mean(image)": "Is NumPy's meant? It is written np.mean.",
    "return eigvalsh(image)": "Is NumPy's meant? It is written np.linalg.eigvalsh.",
    "return image.shape()": "A tuple such as shape has no round brackets behind it",
    "for i in 3:\n    pass": "range(n) counts up to n",
    "return len(image[0, 0])": "A single number has no length",
    "return np.array[1, 2]": "Behind a function's name stand round brackets",
    "i, j = image.argmax()": "np.unravel_index(number, shape) gives row and column",
    "H, W = image": "is `.shape` missing",
    "return max(image[0], factor * image[0])": "np.max and np.where take arrays",
    "return np.vstack([image, np.ones((2, 2))])": "Arrays of different sizes are put together here",
}


@pytest.mark.parametrize("body", CRYPTIC)
def test_a_cryptic_error_comes_with_its_meaning(double, body):
    said = sentences_of(double.check, double_of(body)).splitlines()
    assert re.search(r" raises \w+Error: ", said[1])
    assert CRYPTIC[body] in said[2]


def test_arguments_that_are_never_used_and_names_of_the_page_are_pointed_out(double):
    page = {"I": np.ones((1, 3)), "eta": 0.5, "I_copy": 3}
    judged = {
        "return I * eta": "It never uses image or factor, but I and eta of the page. "
        "Only the arguments change from call to call.",
        "return image * eta": "It never uses factor, but eta of the page. Only the arguments change from call to call.",
        "return 7 * image": "It never uses factor.",
        "return factor * image * eta": "It uses eta of the page, which will not change with the arguments.",
        "def times(a):\n    return 9 * a * factor\nreturn times(image)": None,
    }
    for body, note in judged.items():
        lines = double.judge(double_of(body, **page)).lines
        assert [line for line in lines if line.startswith("It ")] == ([note] if note else [])


def test_an_array_of_the_page_that_a_function_changes_gets_its_numbers_back(double):
    page = {"total": np.zeros((1, 3))}
    said = sentences_of(double.check, double_of("total[0, 1] += 1\nreturn factor * image + total", **page))
    assert "changes total, an array of the page (which has its numbers back now)" in said
    assert not page["total"].any()


def test_a_relation_to_the_right_numbers_is_named_where_it_holds_for_several_inputs(double):
    relations = {
        "return 2 * factor * image": "Every number is 2 times what it should be.",
        "return -factor * image": "Every sign is wrong.",
        "return factor * image[:, ::-1]": "They are the right numbers mirrored.",
        "return 0 * image": "All are 0.",
        "return factor ** 2 * image": None,  # twice, then three times
        "return factor * image if factor == 2 else -factor * image": None,  # once
        "return factor * image.T": None,  # once: of the other input the shape is wrong
    }
    for body, relation in relations.items():
        line = double.judge(double_of(body)).lines[0]
        assert line.endswith(relation or tuple("0123456789)")) or line[:-1].endswith(tuple("0123456789)")), line
        assert not relation or relation in line
    total = exercise_of(lambda values: values.sum(), [1.0, 2, 4], [3.0, 5, 1])
    assert "It is 3 times what it should be." in sentences_of(total.check, lambda values: 3 * values.sum())
    assert "The sign is wrong." in sentences_of(total.check, lambda values: -values.sum())
    halves = exercise_of(lambda values: 3 * values, [0.5, 1.5, 2.5], [0.5, 7, 3])
    assert "The decimals are cut off" in sentences_of(halves.check, lambda values: (3 * values).astype(int))


def test_a_wrong_number_is_set_against_the_right_one_with_as_many_digits_as_tell_them_apart():
    third = exercise_of(lambda values: values.sum() / 3, [1.0, 2, 4])
    assert "returns 7, expected 2.33333." in third.judge(lambda values: values.sum()).lines[0]
    assert "returns 2.33334333333, expected 2.33333333333." in third.judge(lambda v: v.sum() / 3 + 1e-5).lines[0]


def test_a_list_in_place_of_several_values_is_pointed_out():
    ends = exercise_of(lambda values: (values.min(), values.max()), [1.0, 2, 4])
    said = sentences_of(ends.check, lambda values: [values.min(), values.max()])
    assert "returns a list, expected 2 values: return them with commas, without brackets." in said
    wanted = "returns one number, expected 2 values: return them with commas between."
    assert wanted in sentences_of(ends.check, lambda values: values.min())
    assert "returns 3 values, expected 2." in sentences_of(ends.check, lambda values: tuple(values))
    assert "returns value 2 of 2: 9, expected 4." in sentences_of(ends.check, lambda values: (1, 9))
    assert "returns a tuple inside a tuple" in sentences_of(ends.check, lambda values: ((1, 4), 4))


@pytest.mark.parametrize("change", [1e-3, -1e-3, 1e-5, np.inf, np.nan])
def test_one_number_that_is_off_is_never_correct_and_rounding_is(change):
    thirds = exercise_of(lambda values: (values / 3, 2 * values), [1.0, 2, 4])
    for k in range(6):
        moved = np.zeros((2, 3))
        moved.flat[k] = change
        verdict = thirds.judge(lambda values, moved=moved: (values / 3 + moved[0], 2 * values + moved[1]))
        assert verdict.state is State.NOT_YET
    assert thirds.judge(lambda values: (values / 3 + 1e-10, 2 * values)).state is State.CORRECT


def test_of_two_arguments_that_change_the_one_in_the_line_is_named(double):
    double._inputs[0] = (np.array([[1.0, 2, 3]]), np.array([2.0]))
    lines = double.judge(double_of("factor += 1\nimage *= 2\nreturn image")).lines
    assert lines[0].startswith("Line 2, `factor += 1`, changes factor, which")


def test_a_return_inside_a_loop_is_pointed_out(double):
    loop = "result = 0 * image\nfor j in range(3):\n    result[0, j] = {} * image[0, j]\n"
    question = "This `return` stands inside a loop and ends it: is that meant?"
    assert question in double.judge(double_of(loop.format("factor") + "    return result")).lines
    assert question not in double.judge(double_of(loop.format("7") + "return result")).lines


def test_an_error_of_a_known_slip_is_shown_with_its_line_where_it_is_about_the_same_sizes(double):
    double.add_slips("six: It wants two numbers.", lambda image, factor: image.T + np.ones((3, 2)) @ np.ones((5, 1)))
    lines = double.judge(double_of("return np.ones((3, 2)) @ np.ones((5, 1))")).lines
    assert lines[0] == "It wants two numbers."
    assert lines[1].startswith("Line 2, `return np.ones((3, 2)) @ np.ones((5, 1))`, raises ValueError: matmul")
    assert "It wants" not in double.judge(double_of("return np.ones((3, 2)) @ np.ones((7, 1))")).lines[0]


def test_a_slip_beside_another_mistake_is_still_named(double):
    """The sizes of the page are fixed, and the wrong operation too: one thing at a time."""
    two_mistakes = double_of("assert image.shape == (1, 3)\nreturn factor + image")
    assert double.judge(two_mistakes).lines[0] == "You add."


def test_a_slip_that_another_input_speaks_against_is_not_named(double):
    """For the first input its numbers are those of the slip, by chance."""
    verdict = double.judge(double_of("return image + 2"))
    assert "You add." not in verdict.lines
    assert verdict.lines[0].endswith("at (0, 0) it has 3, expected 2.")


def test_a_table_of_slips_in_another_form_is_refused(double):
    for table in (["added: You add."], [lambda image, factor: image, "added: You add."], ["You add.", np.add]):
        with pytest.raises((TypeError, ValueError)):
            double.add_slips(*table)


def test_a_slip_that_two_share_is_not_guessed(double):
    double.add_slips("a: You add in another way.", lambda image, factor: image + (2 if factor == 2 else 100))
    verdict = double.judge(lambda image, factor: image + (2 if factor == 2 else np.zeros(7)))
    assert "You add" not in "\n".join(verdict.lines)


def test_a_bug_hunt_starts_from_its_faulty_code_which_is_no_attempt(double):
    @double.bug_hunt
    def as_found(image, factor):
        total = factor + image
        return total

    assert double.stub_source.startswith("def double(image, factor):\n    total")
    assert double.judge(double_of("total = factor + image\nreturn total")).state is State.NOT_ATTEMPTED
    assert double.judge(double_of("result = factor + image\nreturn result")).lines[0] == "You add."


@pytest.mark.parametrize("body", ["...", "pass", "return None", '"""A docstring."""\n...', "# nothing\n..."])
def test_an_empty_function_is_no_attempt(double, body):
    assert double.judge(double_of(body)).state is State.NOT_ATTEMPTED


def test_progress_shows_a_sign_and_words_for_every_exercise(monkeypatch, double):
    monkeypatch.setattr(checker, "_exercises", {"of a notebook": {"0.1": double}})
    start = "Notebook 0: 0 of 1 exercises correct\n"
    assert sentences_of(checker.progress) == start + "  ○ 0.1  twice a map  not attempted\n"
    sentences_of(double.check, lambda image, factor: image)
    assert sentences_of(checker.progress) == start + "  ✗ 0.1  twice a map  not yet\n"
    sentences_of(double.check, np.multiply)
    wanted = "Notebook 0: 1 of 1 exercises correct\n  ✓ 0.1  twice a map  correct\n"
    assert sentences_of(checker.progress) == wanted


def test_results_are_what_progress_shows(double, monkeypatch):
    monkeypatch.setattr(checker, "_exercises", {"of a notebook": {"0.1": double}})
    assert checker.results() == {"0.1": State.NOT_ATTEMPTED}
    sentences_of(double.check, np.multiply)
    assert checker.results() == {"0.1": State.CORRECT}
    assert double.judge(np.add).slip == "added"
    assert checker.results() == {"0.1": State.CORRECT}  # to judge notes nothing


def test_no_line_is_so_long_that_a_notebook_would_break_it_within_a_word(double):
    double.add_slips(f"long: {'You forget what stands here. ' * 9}", lambda image, factor: image)
    lines = words_of(double.check, lambda image, factor: image).splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= 72
    assert "".join(lines).count("forget") == 9


def test_require_raises_the_words_of_check_unless_the_answer_is_correct(double):
    for function in (double_of("..."), np.add, lambda image, factor: image, double_of("return image[5]"), None, 7):
        said = sentences_of(double.check, function)
        with pytest.raises(AssertionError) as raised:
            double.require(function)
        assert f"{raised.value}\n" == said
    assert sentences_of(double.require, np.multiply) == ""
    assert double.state is State.CORRECT


def test_solutions_and_the_word_on_them_can_be_switched_off(double, monkeypatch):
    monkeypatch.setenv("CNNLAB_SOLUTIONS", "off")
    assert sentences_of(double.solution) == "Solutions are not shown here.\n"
    assert [sentences_of(double.hint) for _ in "ab"] == [
        "Hint 1 of 2: a\n",
        "Hint 2 of 2: b\nThat was the last one. Solutions are not shown here.\n",
    ]


def test_progress_says_what_to_do_where_nothing_is_loaded(monkeypatch):
    monkeypatch.setattr(checker, "_exercises", {})
    assert sentences_of(checker.progress).startswith("No exercises are loaded. Run the cells at the top of the page")


def test_an_exercise_and_its_module_say_what_to_call():
    from cnnlab.course.exercises import filter_update as ex

    assert repr(ex.update) == (
        "Exercise 1.4, one step of gradient descent: "
        "write update(weights, gradient, learning_rate), then ex.update.check(update)"
    )
    assert "  ex.update.hint()\n" in sentences_of(ex.hint)


def test_a_module_that_is_loaded_anew_counts_its_exercises_once(monkeypatch):
    monkeypatch.setattr(checker, "_exercises", {})
    for _ in range(2):
        module = importlib.util.find_spec("cnnlab.course.exercises.filter_update")
        module.loader.exec_module(importlib.util.module_from_spec(module))
    assert sentences_of(checker.progress).startswith("Notebook 1: 0 of 5 exercises correct\n  ○ 1.1")


@pytest.mark.parametrize(("encoding", "signs"), [("ascii", "o x +"), ("cp1252", "o x +"), ("utf-8", "○ ✗ ✓")])
def test_on_a_page_without_the_letters_all_is_said_in_plain_ones(encoding, signs, double, monkeypatch):
    monkeypatch.setattr(checker, "_exercises", {"of a notebook": {"0.1": double}})
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with contextlib.redirect_stdout(out):
        for function in (double_of("..."), double_of("return 7"), np.multiply):
            double.check(function)
        checker.progress()
        for exercise in EXERCISES:
            exercise.solution()
            for text in (exercise.title, *exercise._hints, *(slip.sentence for slip in exercise.slips)):
                _words.say(text)
    out.seek(0)
    said = out.read()
    assert re.findall("^(.) Exercise 0.1", said, re.MULTILINE) == signs.split()
    assert f"  {signs[-1]} 0.1  twice a map  correct" in said
    assert not set(said) - {*string.printable, *_words.PLAIN, *"Σδμηŷḡ\N{COMBINING TILDE}"}


@pytest.mark.thorough
def test_in_a_kernel_lines_are_named_loops_stopped_and_nothing_is_shown_asked_or_ended(tmp_path):
    """Cells have no file there, output goes over sockets, and the checker runs beside the kernel's own threads."""
    start = "from cnnlab.course.exercises import _calls, filter_update as ex\n_calls.TIME_LIMIT = 0.5\n"
    start += "import matplotlib.pyplot as plt"
    bodies = {
        "return weigths - 1": "\n  Line 2, `return weigths - 1`, raises NameError: name 'weigths' is not defined",
        "print('on and on')\n    while True:\n        pass": "(It also prints; the first line is: on and on)",
        "exit()": "\n  Line 2, `exit()`, raises SystemExit.\n  exit() ends the whole program.",
        "input('a number: ')": "\n  Line 2, `input('a number: ')`, waits for something to be typed",
        "import pdb; pdb.set_trace()": "\n  Line 2, `import pdb; pdb.set_trace()`, waits for something to be typed",
        "plt.plot([1, 2])\n    plt.show()\n    display(plt.gcf())\n    return 0": "returns one number, expected",
    }
    line = "def update(weights, gradient, learning_rate):\n    "
    cells = [start, *(f"{line}{body}\n\n\nex.update.check(update)" for body in bodies)]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for cell, said in zip(notebook.cells[1:], bodies.values(), strict=True):
        (output,) = cell.outputs
        assert said in output.text.replace("\n    ", " ")
    assert re.search(r"\n  Line [234], `.*`, was still running after 0.5 seconds", notebook.cells[2].outputs[0].text)


# What is read off a function without running it


def code(body):
    return _source.code_of(double_of(body))


def test_code_is_the_same_whatever_its_comments_and_lines():
    assert _source.same_code(code("return image + 1"), code("# a comment\n\nreturn image + 1"))
    assert not _source.same_code(code("return image + 1"), code("return image + 2"))
    assert not _source.same_code(code("return image + 1"), code("y = 1\nreturn image + y"))
    assert not _source.same_code(code("return lambda i: i + 1"), code("return lambda i: i + 2"))


def test_an_argument_is_used_also_where_python_loads_two_names_at_once(monkeypatch):
    """As Python 3.13 does."""
    function = double_of("a = 1\nreturn image + a")
    assert _source.unused_arguments(function) == ["factor"]
    for pairs, unused in {
        ("STORE_FAST_LOAD_FAST", ("factor", "image")): ["factor"],
        ("LOAD_FAST_BORROW_LOAD_FAST_BORROW", ("factor", "image")): [],
    }.items():
        fake = [SimpleNamespace(opname=pairs[0], argval=pairs[1])]
        monkeypatch.setattr(_source.dis, "get_instructions", lambda code, fake=fake: fake)
        assert _source.unused_arguments(function) == unused


def test_the_return_of_a_function_whose_text_is_gone_or_no_definition_is_in_no_loop():
    f = function_of("def f(x):\n    for i in x:\n        return i\n    return 0\n", "f", "<a text>")
    assert _source.returns_in_a_loop(f, 3)
    assert not _source.returns_in_a_loop(f, 4)
    del linecache.cache["<a text>"]
    assert not _source.returns_in_a_loop(f, 3)
    among_others = (lambda x: [x for x in x], 1)[0]
    assert not _source.returns_in_a_loop(among_others, among_others.__code__.co_firstlineno)
