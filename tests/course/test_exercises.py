"""The exercises: what the checker says of right, wrong, untouched and hostile functions."""

import _thread
import ast
import importlib
import io
import itertools
import linecache
import re
import subprocess
import sys
import threading
import time
from contextlib import redirect_stdout
from pathlib import Path

import nbformat
import numpy as np
import pytest
import scipy.signal
import scipy.special
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient

from cnnlab import activations, convolution, linear, losses, normalization, pooling
from cnnlab.convolution import conv2d
from cnnlab.course.exercises import _calls, _words, checker
from cnnlab.course.exercises.checker import Exercise, State, exercise
from cnnlab.gradient_check import numerical_gradient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = {path.stem[3:]: importlib.import_module(f"cnnlab.course.exercises.{path.stem[3:]}") for path in NOTEBOOKS}
EXERCISES = [made for module in MODULES.values() for made in vars(module).values() if isinstance(made, Exercise)]
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
every_exercise = pytest.mark.parametrize("made", EXERCISES, ids=lambda made: f"{made.number}-{made.name}")
every_slip = pytest.mark.parametrize(
    ("made", "slip"),
    [(made, slip) for made in EXERCISES for slip in made.slips],
    ids=lambda value: value.function.__name__ if isinstance(value, checker.Slip) else value.number,
)


def function_of(source, name, filename="<a learner's cell>", **names):
    """What a kernel makes of a cell, with the lines where Python looks for them."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = {"np": np, **names}
    exec(compile(source, filename, "exec"), namespace)
    return namespace[name]


def words_of(function, *arguments):
    """What a call prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        function(*arguments)
    return printed.getvalue()


def test_each_notebook_has_three_to_five_exercises_numbered_in_order():
    for path, module in zip(NOTEBOOKS, MODULES.values(), strict=True):
        numbers = [made.number for made in vars(module).values() if isinstance(made, Exercise)]
        assert 3 <= len(numbers) <= 5
        assert numbers == [f"{int(path.stem[:2])}.{k}" for k in range(1, len(numbers) + 1)]


def test_the_catalogue_has_100_slips_and_five_for_every_exercise():
    assert sum(len(made.slips) for made in EXERCISES) >= 100
    assert min(len(made.slips) for made in EXERCISES) >= 5


@every_exercise
def test_the_solution_is_correct(made):
    verdict = made.judge(made._solution)
    assert verdict.state is State.CORRECT
    assert verdict.lines[0].startswith(f"Right for {len(made._inputs)} inputs")


def step_of(network_loss, parameters, learning_rate):
    """One step of gradient descent by central differences."""
    return tuple(
        value
        - learning_rate
        * numerical_gradient(lambda moved, k=k: network_loss(*parameters[:k], moved, *parameters[k + 1 :]), value)
        for k, value in enumerate(parameters)
    )


def largest_rate_by_curvature(image):
    """2 / λmax of the Hessian, from second differences: exact, as the loss is quadratic."""
    loss = lambda w: np.mean(conv2d(image, w.reshape(2, 2)) ** 2)
    unit = np.eye(4)
    H = [[(loss(a + b) - loss(a - b)) / 2 for b in unit] for a in unit]
    return 2 / np.linalg.eigvalsh(H)[-1]


# The same by the package's own functions, which are tested against PyTorch, by SciPy, or by central differences.
ORACLES = {
    "1.1": conv2d,
    "1.2": losses.mse_loss,
    "1.3": lambda image, output, target: numerical_gradient(
        lambda change: losses.mse_loss(output + conv2d(image, change), target), np.zeros((2, 2))
    ),
    "1.4": lambda weights, gradient, rate: -rate * gradient + weights,
    "1.5": largest_rate_by_curvature,
    "2.1": lambda image, p, q: convolution.zero_pad(image, (p, q)),
    "2.2": lambda H, W, k_H, k_W, p, s: convolution.conv2d_output_size((H, W), (k_H, k_W), stride=s, padding=p),
    "2.3": lambda image, kernel: conv2d(image, kernel, padding="same"),
    "2.4": lambda image, kernel: scipy.signal.convolve2d(image, kernel, mode="valid"),
    "2.5": lambda error_map, kernel, p: scipy.signal.convolve2d(error_map, kernel, mode="full")[
        p : len(error_map) + len(kernel) - 1 - p, p : error_map.shape[1] + kernel.shape[1] - 1 - p
    ],
    "3.1": pooling.max_pool2d,
    "3.2": pooling.max_pool2d_backward,
    "3.3": activations.relu_backward,
    "3.4": lambda E, I, size: convolution.conv2d_backward(E, I, np.zeros((size, size)), padding=size // 2).weight,
    "3.5": lambda E, I, size: convolution.conv2d_backward(E, I, np.zeros((size, size)), padding=size // 2).weight,
    "4.1": lambda digits, threshold: np.array([int(digit > threshold) for digit in digits]),
    "4.2": convolution.unfold,
    "4.3": normalization.standardize_backward,
    "4.4": lambda images, E: sum(
        np.stack([scipy.signal.correlate2d(image[0], error, mode="valid")[None] for error in errors])
        for image, errors in zip(images, E, strict=True)
    ),
    "4.5": lambda f, y, w, d, rate: step_of(
        lambda w, d: losses.half_squared_error(activations.sigmoid(f @ w + d), y), (w, np.float64(d)), rate
    ),
    "5.1": lambda z: scipy.special.softmax(z, axis=1),
    "5.2": losses.cross_entropy,
    "5.3": losses.cross_entropy_backward,
    "5.4": pooling.max_pool2d_backward,
    "5.5": lambda f, y, W, d, eta: step_of(lambda W, d: losses.cross_entropy(linear.linear(f, W, d), y), (W, d), eta),
}


@every_exercise
def test_the_solution_agrees_with_an_independent_one(made):
    for arguments, made_call in zip(made._inputs, made._expected, strict=True):
        wanted = ORACLES[made.number](*arguments)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        assert len(wanted) == len(made_call.parts)
        for mine, other in zip(made_call.parts, wanted, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-8)
            assert mine.shape == np.shape(other)


@every_exercise
def test_the_solution_that_is_shown_is_the_code_that_was_judged_and_stands_alone_on_its_page(made):
    """With the names of the page's import cell and no others."""
    shown = words_of(made.solution)
    assert shown == made.solution_source + "\n"
    assert shown.startswith(f"def {made.name}(")
    learned = function_of(shown, made.name, **names_imported_by(notebook_of(made)))
    assert made.judge(learned).state is State.CORRECT


@every_exercise
def test_the_stub_is_not_attempted(made):
    verdict = made.judge(function_of(made.stub_source, made.name, **names_imported_by(notebook_of(made))))
    assert verdict == (
        State.NOT_ATTEMPTED,
        (f"Change the code, then run the cell again. Stuck? ex.{made.name}.hint()",),
    )


@every_exercise
def test_comments_and_blank_lines_alone_are_no_attempt(made):
    commented = made.stub_source.replace("\n", "\n\n    # thinking\n", 1)
    assert made.judge(function_of(commented, made.name)).state is State.NOT_ATTEMPTED


@every_slip
def test_a_slip_gets_its_own_sentence_and_no_other(made, slip):
    verdict = made.judge(slip.function)
    assert verdict.state is State.NOT_YET
    assert verdict.lines[0] == slip.sentence
    text = "\n".join(verdict.lines)
    assert [other.sentence for other in made.slips if other.sentence in text] == [slip.sentence]


@every_slip
def test_a_sentence_is_plain_and_does_not_give_the_code_away(made, slip):
    assert slip.sentence[-1] in ".?"
    assert "!" not in re.sub("`[^`]*`", "", slip.sentence)
    assert len(slip.sentence.split()) <= 40
    body = [line.strip() for line in made.solution_source.splitlines()[1:]]
    assert not [line for line in body if len(line) > 25 and line in slip.sentence]


@pytest.mark.thorough
@every_exercise
@settings(max_examples=settings().max_examples // 2)  # each judges a whole exercise
@given(data=st.data())
def test_a_perturbed_right_answer_is_never_correct(made, data):
    """One number of the answer to one input, moved by a thousandth of the largest or more, or replaced."""
    k = data.draw(st.integers(0, len(made._inputs) - 1), label="input")
    answers = [part.astype(float) for part in made._expected[k].parts]
    part = data.draw(st.integers(0, len(answers) - 1), label="part")
    assume(answers[part].size)
    cell = data.draw(st.integers(0, answers[part].size - 1), label="cell")
    scale = max(1.0, np.abs(answers[part]).max())
    change = data.draw(st.floats(1e-3, 1e3) | st.just(np.inf) | st.just(np.nan), label="change")
    answers[part].reshape(-1)[cell] += change * scale * data.draw(st.sampled_from([-1, 1]), label="sign")
    calls = itertools.count()

    def perturbed(*arguments):
        # The checker goes through its inputs in order; a call for this one gets the perturbed answer.
        for mine, given_argument in zip(made._inputs[k], arguments, strict=True):
            if not np.array_equal(mine, given_argument):
                return made._solution(*arguments)
        next(calls)
        return tuple(answers) if len(answers) > 1 else answers[0]

    assert made.judge(perturbed).state is State.NOT_YET
    assert next(calls) > 0


@every_exercise
def test_right_numbers_in_the_wrong_shape_are_not_correct(made):
    def with_one_more_axis(*arguments):
        answer = made._solution(*arguments)
        return tuple(np.asarray(part)[None] for part in answer) if isinstance(answer, tuple) else np.array(answer)[None]

    assert made.judge(with_one_more_axis).state is State.NOT_YET


@every_exercise
def test_a_right_answer_that_changes_an_argument_is_not_correct(made):
    def greedy(*arguments):
        answer = made._solution(*arguments)
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                argument += 1
        return answer

    if not any(isinstance(argument, np.ndarray) for argument in made._inputs[0]):
        pytest.skip("takes numbers only, which nobody can change")
    assert made.judge(greedy).state is State.NOT_YET


@every_exercise
def test_hints_come_one_at_a_time_and_name_the_solution_at_the_end(made):
    count = len(made._hints)
    assert 2 <= count <= 4
    made._hints_given = 0
    for k, hint in enumerate(made._hints, start=1):
        said = words_of(made.hint)
        assert said.splitlines()[0] == f"Hint {k} of {count}: {hint}"
        assert (f"ex.{made.name}.solution()" in said) == (k == count)
    assert words_of(made.hint).startswith(f"Hint 1 of {count}")
    made._hints_given = 0


@every_exercise
def test_the_first_input_is_small_enough_to_be_shown(made):
    assert all(np.size(argument) <= _words.LARGEST_SHOWN for argument in made._inputs[0])


# The notebooks


def notebook_of(made):
    (path,) = [path for path in NOTEBOOKS if int(path.stem[:2]) == int(made.number.split(".")[0])]
    return path


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def names_imported_by(path):
    namespace = {}
    for cell in code_cells(path)[1:2]:  # after the setup cell
        exec(cell.source, namespace)
    return namespace


def checked_in(cell):
    found = re.search(r"^ex\.(\w+)\.check\((\w+)\)", cell.source, re.MULTILINE)
    return found and found[1]


@every_notebook
def test_every_exercise_stands_on_its_page_once_with_its_stub(path):
    cells = {checked_in(cell): cell.source for cell in code_cells(path) if checked_in(cell)}
    mine = [made for made in EXERCISES if notebook_of(made) == path]
    assert list(cells) == [made.name for made in mine]
    for made in mine:
        name = made.name
        wanted = (
            f"{made.stub_source}\n\n\nex.{name}.check({name})  # stuck? ex.{name}.hint(), then ex.{name}.solution()"
        )
        assert cells[name] == wanted


@every_notebook
def test_every_exercise_is_announced_and_says_what_it_practises(path):
    cells = nbformat.read(path, as_version=4).cells
    for k, cell in enumerate(cells):
        if cell.cell_type == "code" and checked_in(cell):
            (made,) = [made for made in EXERCISES if notebook_of(made) == path and made.name == checked_in(cell)]
            assert f"### Exercise {made.number}: {made.title}\n" in cells[k - 1].source
            assert re.search(r"\b[Ii]t practises\b", cells[k - 1].source)


@every_notebook
def test_a_learners_function_changes_nothing_else_on_the_page(path):
    mine = {checked_in(cell) for cell in code_cells(path)} - {None}
    assert mine
    for cell in code_cells(path):
        nodes = list(ast.walk(ast.parse(cell.source)))
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        names |= {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        names |= {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
        assert names & mine <= {checked_in(cell)}, cell.source


@every_notebook
def test_the_stored_page_shows_every_exercise_as_not_attempted(path):
    for cell in code_cells(path):
        if checked_in(cell):
            (output,) = cell.outputs
            assert output.text.startswith("○ Exercise ")
            assert output.text.splitlines()[0].endswith(": not attempted")


@pytest.mark.thorough
@every_notebook
def test_with_the_solutions_put_in_the_page_runs_through_and_every_exercise_is_correct(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code" and checked_in(cell):
            (made,) = [made for made in EXERCISES if notebook_of(made) == path and made.name == checked_in(cell)]
            assert made.stub_source in cell.source
            cell.source = cell.source.replace(made.stub_source, made.solution_source)
    before = [cell.copy() for cell in notebook.cells]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()

    def text(cell):
        return "".join(output.get("text", "") for output in cell.outputs)

    said = [text(cell) for cell in notebook.cells if cell.cell_type == "code" and checked_in(cell)]
    assert said
    assert all(words.startswith("✓ Exercise ") for words in said), said
    (table,) = [text(cell) for cell in notebook.cells if cell.source == "exercises.progress()"]
    assert table.splitlines()[0].endswith(f"{len(said)} of {len(said)} exercises correct")
    assert re.findall("^  (.) ", table, re.MULTILINE) == ["✓"] * len(said)
    # Nothing else on the page says anything new.
    for old, new in zip(before, notebook.cells, strict=True):
        untouched = old.cell_type == "code" and not checked_in(old) and old.source != "exercises.progress()"
        if untouched and "NBVAL_IGNORE_OUTPUT" not in old.source:
            assert text(old) == text(new), old.source


# The checker, with an exercise of its own


@pytest.fixture
def double():
    @exercise("0.1", "twice a map", inputs=[(np.array([[1.0, 2, 3]]), 2), (np.ones((2, 2)), 3)], hints=["a", "b"])
    def double(image, factor):
        return factor * image

    @double.loss
    def loss(image, factor):
        return lambda x: np.sum(factor * image * x), np.zeros(image.shape)

    @double.slip("You add.")
    def added(image, factor):
        return factor + image

    yield double
    checker._exercises.pop(__name__, None)


@pytest.fixture
def short_time_limit(monkeypatch):
    monkeypatch.setattr(_calls, "TIME_LIMIT", 0.3)
    # What measures coverage holds a lock now and then; a thread that is stopped while it does would keep it for ever.
    tracer = threading.gettrace()
    threading.settrace(None)
    yield
    threading.settrace(tracer)


# Each body, what is said of it in the first line, and the line of the body that is named (counted from 1) or None.
HOSTILE = {
    "it raises": ("x = 1\nreturn image[5]", "raises IndexError: index 5 is out of bounds", 2),
    "a helper that it defines raises": ("def f():\n    1 / 0\nreturn f()", "raises ZeroDivisionError", 2),
    "a function of NumPy raises": ("return np.zeros((2, 2)) @ np.zeros(3)", "raises ValueError: matmul", 1),
    "it leaves": ("import sys\nsys.exit(1)", "raises SystemExit: 1", 2),
    "it pretends to be interrupted": ("raise KeyboardInterrupt", "raises KeyboardInterrupt", 1),
    "it raises what cannot be said": (
        "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\nraise Odd",
        "raises Odd",
        4,
    ),
    "it calls itself for ever": ("return double(image, factor)", "raises RecursionError", 1),
    "it asks for too much memory": ("return np.zeros(10**15)", "raises MemoryError", 1),
    "it returns nothing": ("2 * image", "returns None: is a `return` missing?", None),
    "it prints instead": ("print(2 * image)", "Your function returns None and only prints: return the result.", None),
    "it returns a list": ("return [[2, 4, 6]]", "returns a list, where a number or a NumPy array is expected", 1),
    "it returns words": ("return 'two'", "returns a str, where a number or a NumPy array is expected", 1),
    "it returns itself": ("return double", "returns a function, where", 1),
    "it yields": ("yield 2 * image", "returns a generator, where", None),
    "it returns complex numbers": ("return 2j * image", "returns numbers of dtype complex128, where real", 1),
    "it returns objects": ("return np.array([None])", "returns numbers of dtype object, where real", 1),
    "it masks": ("return np.ma.array(2 * image)", "returns a MaskedArray, where", 1),
    "it returns a thing that raises when converted": (
        "class Odd:\n    def __array__(self, *a, **k):\n        raise ValueError\nreturn Odd()",
        "returns an Odd, where",
        4,
    ),
    "it returns two things": ("return 2 * image, 1", "returns 2 values, expected 1", 1),
    "it returns the wrong shape": (
        "return (2 * image).T",
        "returns an array of shape (3, 1), expected an array of shape (1, 3)",
        1,
    ),
    "it returns one number": ("return 2.0", "returns one number, expected an array of shape (1, 3)", 1),
    "it returns NaN": ("return image * np.nan", "all 3 numbers are wrong; farthest off is nan (not a number) at", 1),
    "it returns infinity": ("return image / 0", "farthest off is inf at (0, 0)", 1),
    "it is wrong in one cell": (
        "image = 2 * image\nimage[0, 1] = 7\nreturn image",
        "1 of 3 numbers is wrong; farthest off is 7 at (0, 1)",
        3,
    ),
    "it is three times too large": ("return 6 * image", "Every number is 3 times what it should be.", 1),
    "it has the wrong sign": ("return -2 * image", "Every sign is wrong.", 1),
    "it is mirrored": ("return factor * image[:, ::-1]", "They are the right numbers turned by 180°.", 1),
    "it changes its argument": ("image *= factor\nreturn image", "changes image, which belongs to the caller", 1),
    "it reshapes its argument": (
        "image.resize((3,), refcheck=False)\nreturn 2 * image[None]",
        "changes image, which belongs to the caller",
        None,
    ),
    "it draws lots": ("return np.random.rand(1, 3)", "Two calls with the same input gave different results", None),
    "it keeps count": (
        "double.count = getattr(double, 'count', 0) + 1\nreturn image + double.count",
        "Two calls with the same input gave different results",
        None,
    ),
    "it never ends": ("while True:\n    pass", "was still running after 0.3 seconds. Does a loop never end?", (1, 2)),
    "it prints without end": ("while True:\n    print('x' * 1000)", "was still running after 0.3 seconds", (1, 2)),
    "it ends too late": (
        "import time\nfor _ in range(100):\n    time.sleep(0.05)\nreturn 2 * image",
        "was still running after 0.3 seconds",
        3,
    ),
    "it catches everything": (
        "import time\nend = time.time() + 6\nwhile time.time() < end:\n    try:\n        time.sleep(0.01)\n"
        "    except BaseException:\n        pass",
        "It cannot be stopped from here: restart the kernel.",
        5,
    ),
    "it turns warnings and NumPy's errors round": (
        "import warnings\nwarnings.simplefilter('error')\nnp.seterr(all='raise')\nreturn np.log(0 * image)",
        "raises FloatingPointError",
        4,
    ),
    "it closes the page's output": (
        "import sys\nsys.stdout = None\nreturn 2 * image + 1",
        "all 3 numbers are wrong",
        3,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_check_survives_and_says_what_happened_and_where(name, double, short_time_limit):
    body, wanted, line = HOSTILE[name]
    source = "def double(image, factor):\n" + "\n".join("    " + part for part in body.split("\n"))
    function = function_of(source, "double")
    output, before = sys.stdout, [np.array(argument) for argument in double._inputs[0]]
    said = words_of(double.check, function)
    assert sys.stdout is output
    assert said.startswith("✗ Exercise 0.1, twice a map: not yet\n")
    first = said.splitlines()[1]
    assert wanted in first
    if line is None:
        assert not re.match(r"  Line \d", first)
    else:
        lines = source.splitlines()
        places = [f"  Line {k + 1}, `{lines[k].strip()}`," for k in (line if isinstance(line, tuple) else (line,))]
        assert first.startswith(tuple(places)), first
    assert double.state is State.NOT_YET
    assert said.endswith("Stuck? ex.double.hint()\n")
    assert all(map(np.array_equal, double._inputs[0], before))
    assert np.geterr()["divide"] == "warn"


@pytest.mark.parametrize("value", [None, 3, "double", np.zeros((1, 3)), [1]], ids=repr)
def test_a_result_in_place_of_the_function_is_pointed_out(double, value):
    assert "without brackets: ex.double.check(double)" in words_of(double.check, value)


@pytest.mark.parametrize("function", [lambda image: image, lambda a, b, c: a, lambda *, image, factor: image])
def test_other_arguments_are_pointed_out(double, function):
    assert "other arguments than (image, factor)" in words_of(double.check, function)


@pytest.mark.parametrize("function", [print, int, type, np.sum, np.add.reduce, str.join, object(), Exercise])
def test_any_callable_is_judged(double, function):
    assert "not yet" in words_of(double.check, function)


@pytest.mark.parametrize(
    "function",
    [lambda image, factor: factor * image, np.multiply, lambda image, factor, more=0: image * factor + more],
)
def test_a_right_function_of_any_sort_is_correct(double, function):
    said = words_of(double.check, function)
    assert said.splitlines() == [
        "✓ Exercise 0.1, twice a map: correct",
        "  Right for 2 inputs.",
    ] or said.splitlines() == [
        "✓ Exercise 0.1, twice a map: correct",
        "  Right for 2 inputs, and central differences agree.",
    ]
    assert double.state is State.CORRECT


def test_central_differences_are_asked_too(double):
    """A solution that is not the gradient of its loss is found out, even by its own code."""
    assert double.judge(double._solution).lines == ("Right for 2 inputs, and central differences agree.",)
    double.loss(lambda image, factor: (lambda x: np.sum(image * x), np.zeros(image.shape)))
    verdict = double.judge(double._solution)
    assert verdict.state is State.NOT_YET
    assert verdict.lines[0].startswith("gradient check FAILED: relative error 0.5 at (0, 2)")


def test_printing_is_kept_off_the_page_and_mentioned(double):
    def chatty(image, factor):
        print("hello", image)
        print("more")
        return factor * image

    said = words_of(double.check, chatty)
    assert "correct" in said
    assert "(It also prints; the first line is: hello [[1. 2. 3.]])" in said
    assert "more" not in said


def test_the_smallest_failing_input_is_shown_and_handed_over_as_a_copy(double):
    wrong_for_squares = lambda image, factor: 2 * image
    said = words_of(double.check, wrong_for_squares)
    assert "The input: image = [[1, 1], [1, 1]], factor = 3." in said
    assert "double(*ex.double.failing_input)" in said
    image, factor = double.failing_input
    assert factor == 3
    image += 5
    assert np.array_equal(double._inputs[1][0], np.ones((2, 2)))
    double.judge(double._solution)
    assert double.failing_input is None


def test_large_arguments_are_shown_by_shape(double):
    double._inputs[0] = (np.ones((5, 5)), 2)
    assert "image of shape (5, 5), factor = 2" in words_of(double.check, lambda image, factor: 9 * image)


# What a learner writes, and the words that go with the error.
CRYPTIC = {
    "return image^2": "A power is written `**`",
    "return np.zeros(1, 3)": "The shape stands in brackets of its own",
    "return image.size()": "written without brackets",
    "return image.shape(0)": "written without brackets",
    "return image(0, 0)": "brackets for a cell are square",
    "return image.shape - 1": "shape is a tuple",
    "for i in range(image.shape):\n        pass": "shape is a tuple",
    "result = np.zeros(3)\n    result[0] = image": "One cell holds one number",
    "result = [[0, 0, 0]]\n    result[0, 0] = 1": "This is a list",
    "return factor @ image": "a number is multiplied with `*`",
    "return image @ image": "Is the order right",
    "return image + np.zeros(2)": "Two arrays of different shapes meet here",
    "result = np.zeros((1, 2))\n    result[0] = image[0]": "another shape than its place on the left",
    "return image[3]": "What is asked for there does not exist",
    "return image[0, 3]": "What is asked for there does not exist",
    "return image[0, 0, 0]": "fewer axes than numbers in the square brackets",
    "return np.zeros(3 / 1)": "`//` divides to one",
    "return image[: 4 / 2]": "`//` divides to one",
    "return image[1.0]": "`//` divides to one",
    "for _ in range(4 / 2):\n        pass": "`//` divides to one",
    "total += image\n    return total": "used before it has a value",
    "return image if image > 0 else 0": "An array has many answers",
    "return image.std * 2": "Brackets are missing",
    "return 2 * image if factor(3) else image": "written without brackets",
    "return image.max()(factor)": "is a `*` missing",
    "return np.array([[1, 2], [3]])": "different lengths",
    "return np.dot(image, image)": "Is the order right",
    "return image[:, 5:].max()": "A piece beyond the edge is empty",
    "return np.zeros((1, 3)) + int(image)": "One number is needed here",
    "import math\n    return math.exp(1000)": "too large for a float",
    "image[0] += np.ones((2, 3))": "more axes than its place on the left",
    "return imgae": "neither an argument nor made inside the function",
    "return image.multiply(2)": "An array has nothing of this name",
    "return np.vstack([image, np.ones((2, 2))])": "Arrays of different sizes are put together here",
}


@pytest.mark.parametrize("body", CRYPTIC)
def test_a_cryptic_error_comes_with_its_meaning(double, body):
    said = words_of(double.check, function_of(f"def double(image, factor):\n    {body}", "double")).splitlines()
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
        "def times(a):\n        return 9 * a * factor\n    return times(image)": None,
    }
    for body, note in judged.items():
        lines = double.judge(function_of(f"def double(image, factor):\n    {body}", "double", **page)).lines
        assert [line for line in lines if line.startswith("It ")] == ([note] if note else [])


def test_an_array_of_the_page_that_a_function_changes_gets_its_numbers_back(double):
    page = {"total": np.zeros((1, 3))}
    source = "def double(image, factor):\n    total[0, 1] += 1\n    return factor * image + total"
    said = words_of(double.check, function_of(source, "double", **page))
    assert "changes total, an array of the page (which has its numbers back now)" in said
    assert not page["total"].any()


def test_whole_numbers_and_zeros_are_named(double):
    halves = np.array([[0.5, 1.5, 2.5]])
    double._inputs[0] = (halves, 3)
    assert "The decimals are cut off" in words_of(double.check, lambda image, factor: (factor * image).astype(int))
    assert "all 3 numbers are wrong" in words_of(double.check, lambda image, factor: 0 * image)
    assert "All are 0." in words_of(double.check, lambda image, factor: 0 * image)


def test_a_number_is_compared_with_simple_multiples_only():
    try:

        @exercise("0.2", "a sum", inputs=[(np.array([1.0, 2, 4]),)], hints=["a", "b"])
        def total(values):
            return values.sum()

        assert "It is 2 times what it should be." in words_of(total.check, lambda values: 2 * values.sum())
        assert "It is 0.5 times what it should be." in words_of(total.check, lambda values: values.sum() / 2)
        assert "The sign is wrong." in words_of(total.check, lambda values: -values.sum())
        thrice = lambda values: 3 * values.sum()
        assert "It is 3" not in words_of(total.check, thrice)  # between two whole numbers it may be chance
        total._inputs[0] = (np.array([1.0, 2, 4.5]),)
        del total._expected
        assert "It is 3 times what it should be." in words_of(total.check, thrice)
        total._inputs[0] = (np.array([1.0, 2, 4]),)
        del total._expected
        said = words_of(total.check, lambda values: values.max())
        assert "4, which is not the right number.\n" in said
    finally:
        checker._exercises.pop(__name__)


def test_a_list_in_place_of_several_values_is_pointed_out():
    try:

        @exercise("0.2", "two ends", inputs=[(np.array([1.0, 2, 4]),)], hints=["a", "b"])
        def ends(values):
            return values.min(), values.max()

        said = words_of(ends.check, lambda values: [values.min(), values.max()])
        assert "returns a list, expected 2 values: return them with commas, without brackets." in said
        wanted = "returns one number, expected 2 values: return them with commas between."
        assert wanted in words_of(ends.check, lambda values: values.min())
        assert "returns 3 values, expected 2." in words_of(ends.check, lambda values: tuple(values))
        assert "returns value 2 of 2: 9, which is not" in words_of(ends.check, lambda values: (1, 9))
        assert "returns a tuple inside a tuple" in words_of(ends.check, lambda values: ((1, 4), 4))
    finally:
        checker._exercises.pop(__name__)


def test_a_return_inside_a_loop_is_pointed_out(double):
    hasty = """def double(image, factor):
    result = np.zeros(image.shape)
    for j in range(image.shape[1]):
        result[0, j] = factor * image[0, j]
        return result"""
    patient = hasty.replace("        return", "    return").replace("factor *", "7 *")
    question = "This `return` stands inside a loop and ends it: is that meant?"
    assert question in double.judge(function_of(hasty, "double")).lines
    assert question not in double.judge(function_of(patient, "double")).lines
    assert double.judge(lambda image, factor: image).state is State.NOT_YET


def test_the_argument_that_the_line_changes_is_named(double):
    double._inputs[0] = (np.array([[1.0, 2, 3]]), np.array([2.0]))
    body = "factor += 1\n    image *= 2\n    return image"
    lines = double.judge(function_of(f"def double(image, factor):\n    {body}", "double")).lines
    assert lines[0].startswith("Line 2, `factor += 1`, changes factor, which")


def test_an_error_of_a_known_slip_is_shown_with_its_line(double):
    @double.slip("It wants six numbers.")
    def fails(image, factor):
        return factor * image.reshape(2, 3)

    def mine(image, factor):
        return factor * image.reshape(6)

    lines = double.judge(mine).lines
    assert lines[0] == "It wants six numbers."
    assert re.match(r"Line \d+, `return factor \* image.reshape\(6\)`, raises ValueError: cannot reshape", lines[1])


def test_a_slip_beside_another_mistake_is_still_named(double):
    """The sizes of the page are fixed, and the wrong operation too: one thing at a time."""

    def two_mistakes(image, factor):
        assert image.shape == (1, 3)
        return factor + image

    assert double.judge(two_mistakes).lines[0] == "You add."


def test_a_slip_that_two_share_is_not_guessed(double):
    double.slip("You add in another way.")(lambda image, factor: image + (2 if factor == 2 else 100))
    verdict = double.judge(lambda image, factor: image + (2 if factor == 2 else 50))
    assert "You add" not in "\n".join(verdict.lines)
    assert verdict.lines[0].endswith("farthest off is 3 at (0, 0).")


def test_an_interruption_by_the_reader_ends_the_check_politely(double, monkeypatch):
    def endless(image, factor):
        while True:
            pass

    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    said = words_of(double.check, endless)
    assert "was interrupted by you" in said
    assert "Line" in said


@pytest.mark.thorough
def test_only_the_seconds_in_which_a_function_computes_count(double, short_time_limit):
    """Other programs may keep the processor for themselves; here the function does not want it."""

    def slow(image, factor):
        time.sleep(1)
        return factor * image

    assert double.judge(slow).state is State.CORRECT


def test_a_loop_that_was_stopped_leaves_no_thread_behind(double, short_time_limit):
    def endless(image, factor):
        while True:
            pass

    before = set(threading.enumerate())
    words_of(double.check, endless)
    time.sleep(0.1)
    assert set(threading.enumerate()) <= before


@every_exercise
def test_the_stub_is_known_beside_an_import_too(made):
    function = function_of("import numpy as np\n\n" + made.stub_source, made.name)
    assert made.judge(function).state is State.NOT_ATTEMPTED


def test_a_bug_hunt_starts_from_its_faulty_code_which_is_no_attempt(double):
    @double.given
    def faulty(image, factor):
        total = factor + image
        return total

    as_given = function_of(double.stub_source, "double")
    assert double.stub_source.startswith("def double(image, factor):\n    total")
    assert double.judge(as_given).state is State.NOT_ATTEMPTED
    rewritten = function_of(double.stub_source.replace("total", "result"), "double")
    assert double.judge(rewritten).lines[0] == "You add."


@pytest.mark.parametrize(
    "body",
    ["...", "pass", "return None", '"""What it will do."""', '"""What it will do."""\n    ...', "# nothing\n    ..."],
)
def test_an_empty_function_is_no_attempt(double, body):
    function = function_of(f"def double(image, factor):\n    {body}", "double")
    assert double.judge(function).state is State.NOT_ATTEMPTED


def test_progress_shows_a_sign_and_words_for_every_exercise(monkeypatch, double):
    monkeypatch.setattr(checker, "_exercises", {"of a notebook": [double]})
    assert words_of(checker.progress).splitlines() == [
        "Notebook 0: 0 of 1 exercises correct",
        "  ○ 0.1  twice a map  not attempted",
    ]
    words_of(double.check, lambda image, factor: image)
    assert words_of(checker.progress).splitlines()[1] == "  ✗ 0.1  twice a map  not yet"
    words_of(double.check, np.multiply)
    assert words_of(checker.progress).splitlines() == [
        "Notebook 0: 1 of 1 exercises correct",
        "  ✓ 0.1  twice a map  correct",
    ]


def test_a_fresh_kernel_starts_with_nothing_attempted():
    code = (
        "from cnnlab.course import exercises; from cnnlab.course.exercises import filter_update; exercises.progress()"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert said.startswith("Notebook 1: 0 of 5 exercises correct\n")
    assert said.count("not attempted") == 5


@pytest.mark.thorough
@every_notebook
def test_after_a_restart_progress_knows_what_was_run_again(path, tmp_path):
    """The import cell and the last exercise, solved, are run in a new kernel."""
    made = [made for made in EXERCISES if notebook_of(made) == path][-1]
    sources = [code_cells(path)[1].source, f"{made.solution_source}\n\n\nex.{made.name}.check({made.name})"]
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in (*sources, "exercises.progress()")]
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    table = "".join(output.text for output in notebook.cells[-1].outputs)
    assert re.findall("^  (.) ", table, re.MULTILINE) == ["○"] * table.count("not attempted") + ["✓"]
    assert table.splitlines()[-1].startswith(f"  ✓ {made.number}  {made.title}")


def test_exercises_load_neither_pictures_nor_widgets_nor_data():
    code = "import sys\nfrom cnnlab.course import exercises\n"
    code += "".join(f"from cnnlab.course.exercises import {name}\n" for name in MODULES)
    code += "print(sorted({'matplotlib', 'ipywidgets', 'sklearn', 'mlxtend', 'pooch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout == "[]\n"


@pytest.mark.thorough
def test_in_a_kernel_the_line_of_the_cell_is_named_and_printing_loops_and_interrupts_are_survived(tmp_path):
    """Cells have no file there, output goes over sockets, and the checker runs beside the kernel's own threads."""
    notebook = nbformat.v4.new_notebook()
    start = (
        "from cnnlab.course.exercises import _calls, filter_update as ex\nimport numpy as np\n_calls.TIME_LIMIT = 0.5"
    )
    fails = (
        "def update(weights, gradient, learning_rate):\n    step = learning_rate * gradient\n    return weigths - step"
    )
    hangs = "def update(weights, gradient, learning_rate):\n    print('on and on')\n    while True:\n        pass"
    works = (
        "def update(weights, gradient, learning_rate):\n    print('hm')\n    return weights - learning_rate * gradient"
    )
    cells = [start, *(f"{function}\n\n\nex.update.check(update)" for function in (fails, hangs, works))]
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    _, failed, hung, right = ["".join(output.text for output in cell.outputs) for cell in notebook.cells]
    assert "\n  Line 3, `return weigths - step`, raises NameError: name 'weigths' is not defined" in failed
    assert re.search(r"\n  Line [34], `.*`, was still running after 0.5 seconds", hung)
    assert "(It also prints; the first line is: on and on)" in hung
    assert right.startswith("✓ Exercise 1.4")
    assert "(It also prints; the first line is: hm)" in right
