"""The exercises: their solutions, slips, hints and places in the notebooks."""

import ast
import re
import subprocess
import sys

import nbformat
import numpy as np
import pytest
import scipy.signal
import scipy.special
from exercise_helpers import (
    EXERCISES,
    MODULES,
    OF_NOTEBOOK,
    ROOT,
    every_exercise,
    every_notebook,
    function_of,
    sentences_of,
    words_of,
)
from nbclient import NotebookClient

from cnnlab import activations, convolution, linear, losses, normalization, pooling
from cnnlab.convolution import conv2d
from cnnlab.course.exercises import _words, checker
from cnnlab.course.exercises._calls import same_outcomes
from cnnlab.course.exercises.checker import State
from cnnlab.gradient_check import numerical_gradient


def test_each_notebook_has_three_to_five_exercises_numbered_in_order():
    for path, exercises in OF_NOTEBOOK.items():
        assert 3 <= len(exercises) <= 5
        for k, exercise in enumerate(exercises, start=1):
            assert exercise.number == f"{int(path.stem[:2])}.{k}"
            assert all(np.size(argument) <= _words.LARGEST_SHOWN for argument in exercise._inputs[0])


@every_exercise
def test_slips_have_names_of_their_own_and_plain_sentences_that_do_not_give_the_code_away(exercise):
    names = [slip.name for slip in exercise.slips]
    assert len(set(names)) == len(names) >= 5
    body = [line.strip() for line in exercise.solution_source.splitlines()[1:]]
    for slip in exercise.slips:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", slip.name)
        assert slip.sentence[-1] in ".?"
        assert "!" not in re.sub("`[^`]*`", "", slip.sentence)
        assert len(slip.sentence.split()) <= 40
        assert not [line for line in body if len(line) > 25 and line in slip.sentence]


def step_of(loss, parameters, learning_rate):
    """One step of gradient descent by central differences."""
    moved = lambda k, value: loss(*parameters[:k], value, *parameters[k + 1 :])
    slopes = [numerical_gradient(lambda value, k=k: moved(k, value), start) for k, start in enumerate(parameters)]
    return tuple(start - learning_rate * slope for start, slope in zip(parameters, slopes, strict=True))


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
def test_the_solution_agrees_with_an_independent_one(exercise):
    for arguments, outcome in zip(exercise._inputs, exercise._right_outcomes, strict=True):
        wanted = ORACLES[exercise.number](*arguments)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        assert len(wanted) == len(outcome.numbers)
        for mine, other in zip(outcome.numbers, wanted, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-8)
            assert mine.shape == np.shape(other)


# The package's function where the independent one is another.
SHORTCUTS = {
    "1.3": lambda image, output, target: (
        convolution.conv2d_backward(losses.mse_loss_backward(output, target), image, np.zeros((2, 2))).weight
    ),
    "2.5": lambda E, K, p: (
        convolution.conv2d_backward(
            E, np.zeros(np.add(E.shape, K.shape) - 1 - 2 * p), np.asarray(K, float), padding=p
        ).x
    ),
    "4.4": lambda images, E: (
        (
            convolution.conv2d_backward(
                E, images, np.zeros((E.shape[1], 1, *np.subtract(images.shape, E.shape)[2:] + 1))
            )
        ).weight
    ),
    "5.1": activations.softmax,
}


@pytest.mark.parametrize("exercise", [one for one in EXERCISES if one._without], ids=lambda one: one.number)
def test_what_the_package_does_in_one_line_is_not_accepted_where_the_text_forbids_it(exercise):
    state, _, lines = exercise.judge(SHORTCUTS.get(exercise.number, ORACLES[exercise.number]))
    assert state is State.NOT_YET
    assert lines[0] == "The numbers are right."
    assert re.fullmatch(r"Your function calls .*: the exercise is to do without, step by step\.", lines[1])


@every_exercise
def test_a_solution_does_without_what_its_text_forbids(exercise):
    assert all(not outcome.called for outcome in exercise._right_outcomes)


@every_exercise
def test_a_slip_gets_its_own_sentence_and_no_other(exercise):
    for slip in exercise.slips:
        verdict = exercise.judge(slip.answer)
        assert (verdict.state, verdict.slip) == (State.NOT_YET, slip.name)
        text = "\n".join(verdict.lines)
        assert verdict.lines[0] == slip.sentence, (slip.name, text)
        assert [other.name for other in exercise.slips if other.sentence in text] == [slip.name], text


@every_exercise
def test_the_stub_is_not_attempted_whatever_comments_and_imports_stand_beside_it(exercise):
    commented = exercise.stub_source.replace("\n", "\n\n    # thinking\n", 1)
    for source in (exercise.stub_source, commented, "import numpy as np\n\n" + exercise.stub_source):
        assert exercise.judge(function_of(source, exercise.name)) == (
            State.NOT_ATTEMPTED,
            None,
            ("Change the code, then run the cell again.", f"Stuck? ex.{exercise.name}.hint()"),
        )


def test_a_bug_hunt_starts_from_code_that_runs_and_gives_wrong_numbers():
    for exercise in [exercise for exercise in EXERCISES if exercise.number in ("3.5", "4.5", "5.4")]:
        outcomes = exercise._outcomes(exercise._faulty_code)
        assert outcomes[0].numbers
        assert not same_outcomes(outcomes, exercise._right_outcomes)


@every_exercise
def test_hints_come_one_at_a_time_and_name_the_solution_at_the_end(exercise, monkeypatch):
    monkeypatch.setattr(exercise, "_hints_given", 0)
    count = len(exercise._hints)
    assert 2 <= count <= 4
    for k, hint in enumerate(exercise._hints, start=1):
        said = sentences_of(exercise.hint)
        assert said.splitlines()[0] == f"Hint {k} of {count}: {hint}"
        assert (f"ex.{exercise.name}.solution()" in said) == (k == count)
    assert words_of(exercise.hint).startswith(f"Hint 1 of {count}")


# The notebooks


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def checked_in(cell):
    """The name of the exercise that a cell checks."""
    found = re.search(r"^ex\.(\w+)\.check\((\w+)\)", cell.source, re.MULTILINE)
    return found and found[1]


def solved(cell, exercises):
    """The cell's code with the solution in place of the stub."""
    (exercise,) = [exercise for exercise in exercises if exercise.name == checked_in(cell)]
    assert exercise.stub_source in cell.source
    return cell.source.replace(exercise.stub_source, exercise.solution_source)


@every_notebook
def test_every_exercise_stands_on_its_page_once_with_its_stub_and_is_announced(path):
    cells = nbformat.read(path, as_version=4).cells
    places = [k for k, cell in enumerate(cells) if cell.cell_type == "code" and checked_in(cell)]
    for k, exercise in zip(places, OF_NOTEBOOK[path], strict=True):
        name = exercise.name
        hint = f"  # stuck? ex.{name}.hint(), then ex.{name}.solution()"
        assert cells[k].source.removesuffix(hint) == f"{exercise.stub_source}\n\n\nex.{name}.check({name})"
        assert f"### Exercise {exercise.number}: {exercise.title}\n" in cells[k - 1].source
        assert re.search(r"\b[Ii]t\s+practises\b", cells[k - 1].source)
        (output,) = cells[k].outputs
        assert output.text.startswith(f"○ Exercise {exercise.number}, {exercise.title}: not attempted\n")


@every_notebook
def test_a_learners_function_changes_nothing_else_on_the_page(path):
    # A bug hunt's function runs from the start, so that the page can train with it.
    mine = {exercise.name for exercise in OF_NOTEBOOK[path] if exercise._faulty_code is None}
    for cell in code_cells(path):
        nodes = list(ast.walk(ast.parse(cell.source)))
        names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        names |= {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        names |= {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
        assert names & mine <= {checked_in(cell)}, cell.source


@every_notebook
def test_the_solution_that_is_shown_is_correct_beside_the_imports_of_its_page(path, monkeypatch):
    exercises = OF_NOTEBOOK[path]
    monkeypatch.setattr(checker, "_exercises", {path.stem: {exercise.number: exercise for exercise in exercises}})
    for exercise in exercises:
        monkeypatch.setattr(exercise, "state", State.NOT_ATTEMPTED)
    namespace = {}
    exec(code_cells(path)[1].source, namespace)  # the imports, after the setup cell
    cells = [cell for cell in code_cells(path) if checked_in(cell)]
    for k, (cell, exercise) in enumerate(zip(cells, exercises, strict=True), start=1):
        assert words_of(exercise.solution) == exercise.solution_source + "\n"
        assert words_of(exec, solved(cell, exercises), dict(namespace)) == (
            f"✓ Exercise {exercise.number}, {exercise.title}: correct\n  Right for {len(exercise._inputs)} inputs"
            + (", and central differences agree.\n" if exercise._loss else ".\n")
        )
        assert re.findall("^  (.) ", words_of(checker.progress), re.MULTILINE) == ["✓"] * k + ["○"] * (
            len(exercises) - k
        )


@pytest.mark.thorough
def test_a_whole_page_runs_through_with_the_solutions_and_says_nothing_else_that_is_new(tmp_path):
    (path, exercises), *_ = OF_NOTEBOOK.items()
    page, new = nbformat.read(path, as_version=4), nbformat.read(path, as_version=4)
    for cell in new.cells:
        if cell.cell_type == "code" and checked_in(cell):
            cell.source = solved(cell, exercises)
    NotebookClient(new, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for cell, before in zip(new.cells, page.cells, strict=True):
        if cell.cell_type == "code" and "NBVAL_IGNORE_OUTPUT" not in cell.source:
            said, stored = ("".join(output.get("text", "") for output in one.outputs) for one in (cell, before))
            if checked_in(cell):
                assert said.startswith("✓ Exercise ")
            elif cell.source != "exercises.progress()":
                assert said == stored


def test_a_fresh_kernel_starts_with_nothing_attempted_and_loads_neither_pictures_nor_widgets_nor_data():
    code = "import sys\nfrom cnnlab.course import exercises\n"
    code += "".join(f"import {module.__name__}\n" for module in MODULES.values()) + "exercises.progress()\n"
    code += "print(sorted({'matplotlib', 'ipywidgets', 'sklearn', 'mlxtend', 'pooch'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert said.startswith("Notebook 1: 0 of 5 exercises correct\n")
    assert said.count("not attempted") == len(EXERCISES)
    assert said.splitlines()[-1] == "[]"
