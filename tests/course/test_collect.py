"""A class is collected: whose each notebook is, what becomes of each answer, and that none costs another."""

import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from class_of_learners import HOSTILE, hostile_source, slip_source
from exercise_helpers import NOTEBOOKS, OF_NOTEBOOK, ROOT

from cnnlab.course.exercises import __main__ as command
from cnnlab.course.exercises import _collect, _sandbox
from cnnlab.course.exercises import filter_update as ex
from cnnlab.course.exercises._sandbox import NOTEBOOKS as OF_THE_COURSE
from cnnlab.course.exercises._sandbox import answer_in, exercises_of
from cnnlab.course.exercises.checker import State

FIRST = NOTEBOOKS[0]
IMPORTS = "import numpy as np\nfrom cnnlab.course.exercises import filter_update as ex\n"
UPDATE = "def update(weights, gradient, learning_rate):\n    return weights - learning_rate * gradient\n"
CHECK = "ex.update.check(update)  # stuck? ex.update.hint()"


def test_the_notebooks_are_those_of_the_course():
    assert [path.stem for path in NOTEBOOKS] == list(OF_THE_COURSE)
    assert [exercises_of(path.stem) for path in NOTEBOOKS] == [OF_NOTEBOOK[path] for path in NOTEBOOKS]


# Whose each notebook is


def hand_in(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


LAYOUTS = {
    "nbgrader's course": {
        "submitted/anna/ps1/01_filter_update.ipynb": "anna",
        "submitted/bob/ps1/01_filter_update.ipynb": "bob",
        "source/ps1/01_filter_update.ipynb": None,
        "autograded/anna/ps1/01_filter_update.ipynb": None,
    },
    "nbgrader's folder of submissions": {"anna/ps1/01_filter_update.ipynb": "anna", "anna/ps2/05_x.ipynb": "anna"},
    "Moodle": {
        "Anna Berg_1234_assignsubmission_file_/01_filter_update.ipynb": "Anna Berg",
        "Bo_Li_77_assignsubmission_file/deep/er/my work.ipynb": "Bo_Li",
        "Kim Lee_5_assignsubmission_file_/a.ipynb": "Kim Lee 5",
        "Kim Lee_6_assignsubmission_file_/a.ipynb": "Kim Lee 6",
        "Zoe_9_assignsubmission_file_01_filter_update.ipynb": "Zoe",
        "Zoe_9_assignsubmission_file_02_x.ipynb": "Zoe",
    },
    "a plain folder": {
        "anna/01_filter_update.ipynb": "anna",
        "anna/.ipynb_checkpoints/01_filter_update-checkpoint.ipynb": None,
        "__MACOSX/anna/._01_filter_update.ipynb": None,
        "anna/notes.txt": None,
    },
    "names in the files": {
        "anna_berg_01_filter_update.ipynb": "anna_berg",
        "bob-02_padding_and_convolution (2).ipynb": "bob",
        "01_filter_update.ipynb": "class",
        "something.ipynb": "something",
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_notebook_belongs_to_whom_its_place_names(layout, tmp_path):
    for name in LAYOUTS[layout]:
        hand_in(tmp_path / "class", name, "")
    found = {
        one.path.relative_to(tmp_path / "class").as_posix(): one.student
        for one in _collect.submissions_in(tmp_path / "class")
    }
    assert found == {name: student for name, student in LAYOUTS[layout].items() if student}


def test_the_content_says_which_notebook_it_is_and_the_name_where_there_is_no_content(tmp_path):
    hand_in(tmp_path, "02_padding_and_convolution.ipynb", notebook_of(IMPORTS))
    hand_in(tmp_path, "anna-03_single_filter_cnn (1).ipynb", b"broken")
    hand_in(tmp_path, "other.ipynb", notebook_of("x = 1"))
    pages = {path.name: _collect._read(path) for path in tmp_path.iterdir()}
    assert pages["02_padding_and_convolution.ipynb"] == ("01_filter_update", [IMPORTS])
    assert pages["anna-03_single_filter_cnn (1).ipynb"] == ("03_single_filter_cnn", None)
    assert pages["other.ipynb"][0] not in OF_THE_COURSE


# What is read of a notebook


def test_the_answer_is_the_last_definition_before_the_last_question():
    wrong = UPDATE.replace("-", "+")
    for cells in ([UPDATE + CHECK], [UPDATE, CHECK], [wrong + CHECK, UPDATE + CHECK], [UPDATE, CHECK, wrong], [UPDATE]):
        assert answer_in(cells, ex.update)[0].state is State.CORRECT, cells
    for cells in ([wrong + CHECK], [UPDATE + CHECK, wrong, CHECK], [UPDATE, wrong, "ex.update.require(update)"]):
        assert answer_in(cells, ex.update)[0].slip == "uphill", cells


def test_helpers_constants_and_imports_are_found():
    cell = (
        "ONE = 1\n\ndef down(a, b):\n    return subtract(a, twice(b) / 2)\n\ndef twice(x):\n    return 2 * ONE * x\n\n"
        "def unused():\n    return 1\n\nplot(unused())\n\n"
        "def update(weights, gradient, learning_rate):\n"
        "    return down(weights, numpy.multiply(learning_rate, gradient))\n"
    )
    verdict, code = answer_in(["import numpy, no_such_module", "from numpy import *\nimport numpy", cell], ex.update)
    assert verdict.state is State.CORRECT
    assert "def twice" in code
    assert "unused" not in code


def test_an_assigned_function_is_an_answer_where_its_cell_asks():
    assigned = "update = lambda weights, gradient, learning_rate: weights - learning_rate * gradient\n"
    assert answer_in([assigned + CHECK], ex.update)[0].state is State.CORRECT
    assert answer_in([UPDATE + CHECK, "update = 7"], ex.update)[0].state is State.CORRECT


def test_the_functions_of_other_exercises_are_found_through_each_other():
    gradient = "def gradient(image, output, target):\n    return squared_error(output, target) + image\n"
    squared_error = "def squared_error(output, target):\n    return np.sum(output - target)\n"
    others = ("squared_error", "gradient")
    own = UPDATE.replace("- learning_rate", "- 0 * squared_error(weights, weights) - learning_rate")
    assert answer_in([IMPORTS, squared_error, own], ex.update, others)[0].state is State.CORRECT
    through = UPDATE.replace("gradient, learning_rate", "slope, rate").replace(
        "learning_rate * gradient", "rate * slope"
    )
    through = through.replace("- rate", "- 0 * gradient(1, weights, weights) - rate")
    assert answer_in([IMPORTS, squared_error, gradient, through], ex.update, others)[0].state is State.CORRECT
    assert answer_in([IMPORTS, "def squared_error(", gradient, through], ex.update, others)[0].state is State.NOT_YET
    assert answer_in([IMPORTS, "@none\n" + squared_error, UPDATE], ex.update, others)[0].state is State.CORRECT


def test_a_grader_s_own_stub_is_not_attempted():
    stub = "def update(weights, gradient, learning_rate):\n    # YOUR CODE HERE\n    raise NotImplementedError()\n"
    assert answer_in([stub, CHECK], ex.update)[0].state is State.NOT_ATTEMPTED


def test_nothing_else_is_run():
    other = "import sys\nsys.modules['numpy'].was_run = True\n"
    cell = f"{other}\nx = sys.exit()\n\n{UPDATE}\n{other}{CHECK}"
    assert answer_in([other, cell, other], ex.update)[0].state is State.CORRECT
    assert not hasattr(np, "was_run")


def test_magics_do_not_hide_an_answer():
    assert (
        answer_in([f"%matplotlib inline\n!pip install x\nex.update?\n{UPDATE}{CHECK}"], ex.update)[0].state
        is State.CORRECT
    )


def test_an_answer_that_is_not_there_is_not_attempted_and_one_that_cannot_be_read_is_wrong():
    assert answer_in([IMPORTS, CHECK], ex.update)[0].state is State.NOT_ATTEMPTED
    assert answer_in([ex.update.stub_source + "\n\n" + CHECK], ex.update)[0].state is State.NOT_ATTEMPTED
    verdict, code = answer_in([UPDATE + "    )\n" + CHECK], ex.update)
    assert (verdict.state, verdict.lines[0][:41]) == (State.NOT_YET, "Python cannot read the cell: SyntaxError:")
    assert "def update" in code
    verdict, _ = answer_in(["@no_such_name\n" + UPDATE], ex.update)
    assert verdict.lines == ("The cell raises NameError: name 'no_such_name' is not defined",)


# The table


def notebook_of(*cells):
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "text"}, *code]})


def collected(folder, *arguments):
    """Run the command, and return its table by student, notebook and number."""
    command = [sys.executable, "-m", "cnnlab.course.exercises", "collect", str(folder), "--output", "results.csv"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run([*command, *arguments], cwd=folder.parent, env=environment, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    with open(folder.parent / "results.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["student", "notebook", "number", "state", "slip"]
    table = {tuple(row[:3]): tuple(row[3:]) for row in rows}
    assert len(table) == len(rows)
    return table


def files_in(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SHORT = (  # that take no long time, but for one
    *("never_ends", "ends_the_process", "writes_into_every_pipe", "forks", "kills_who_started_it", "is_no_python"),
    *("deletes_files", "deletes_folders", "overwrites_files"),
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be copied here")
def test_of_a_dozen_students_each_gets_what_is_theirs_whatever_the_others_do(tmp_path):
    folder = tmp_path / "class"
    answers = {name: hostile_source(ex.update, HOSTILE[name][0]) for name in SHORT}
    answers = {
        name: source.replace("{victim!r}", repr(str(folder / "right/page.ipynb"))) for name, source in answers.items()
    }
    states = {name: (HOSTILE[name][1], "") for name in SHORT}
    slip = ex.update.slips[0]
    answers |= {"right": UPDATE, "wrong": slip_source(ex.update, slip), "empty": ex.update.stub_source}
    states |= {"right": ("correct", ""), "wrong": ("not yet", slip.name), "empty": ("not attempted", "")}
    for name, answer in answers.items():
        hand_in(folder, f"{name}/page.ipynb", notebook_of(IMPORTS, answer + "\n\n" + CHECK, UPDATE))
    hand_in(folder, "broken/01_filter_update.ipynb", b"{")
    before = files_in(folder)
    table = collected(folder, "--report", "report.html", "--seconds", "8")
    assert files_in(folder) == before
    assert {key[0]: value for key, value in table.items() if key[2] == "1.4"} == states | {"broken": ("unreadable", "")}
    others = {key: value for key, value in table.items() if key[2] != "1.4"}
    assert len(others) == 4 * (len(states) + 1)
    assert all(value == ("unreadable" if key[0] == "broken" else "not attempted", "") for key, value in others.items())
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_better_answer_counts_where_a_notebook_was_handed_in_twice():
    answers = [_collect.Answer("anna", "01", "1.1", state) for state in ("not attempted", "correct", "not yet")]
    assert _collect.best([*answers, _collect.Answer("bob", "01", "1.1", "not yet")]) == [
        answers[1],
        _collect.Answer("bob", "01", "1.1", "not yet"),
    ]


def test_a_name_is_no_formula_and_may_hold_what_no_file_can(tmp_path):
    names = ["=1+1", "Zoë, the second", '"', "\udcff"]
    _collect.write_csv([_collect.Answer(name, "n", "1.1", "correct", "", "code") for name in names], tmp_path / "t.csv")
    with open(tmp_path / "t.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["student"] for row in rows] == ["'=1+1", "Zoë, the second", '"', r"\udcff"]
    assert list(rows[0]) == ["student", "notebook", "number", "state", "slip"]


def test_what_a_judge_replies_is_not_believed():
    class Judges:
        def __init__(self, reply):
            self.ask = lambda task: reply

    page = _collect._Page("01_filter_update", [])
    for reply in ({}, {"state": "perfect"}, {"state": "not yet", "slip": "no_such"}, {"state": ["correct"]}):
        assert {answer.state for answer in _collect._answers("anna", page, Judges(reply), {})} == {"crashed"}


def test_where_a_process_cannot_be_copied_one_answer_is_judged_and_the_program_ends(monkeypatch, capsys):
    monkeypatch.delattr(os, "fork", raising=False)
    task = json.dumps({"notebook": "01_filter_update", "number": "1.4", "cells": [UPDATE]})
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{task}\n{task}\n"))
    _sandbox.main()
    assert json.loads(capsys.readouterr().out) == {"state": "correct", "slip": None, "code": UPDATE.rstrip()}


# The command


def test_the_command_says_what_is_wrong_with_it(tmp_path, capsys):
    with pytest.raises(SystemExit, match="There are no notebooks in"):
        command.main(["collect", str(tmp_path)])
    for wrong in (["--seconds", "0"], ["--jobs", "no"]):
        with pytest.raises(SystemExit):
            command.main(["collect", str(tmp_path), *wrong])
        assert "invalid positive number value" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main(["collect", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "This runs the exercises' functions, which strangers wrote" in said
