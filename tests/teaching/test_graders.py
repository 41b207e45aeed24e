"""The assignments in nbgrader and Otter themselves: `make test-teaching`."""

import csv
import html
import json
import os
import re
import subprocess
import sys
from collections import Counter

import nbformat
import pytest
from class_of_learners import slip_source
from exercise_helpers import NOTEBOOKS, OF_NOTEBOOK

from cnnlab.course.exercises import _assignment, _collect

pytest.importorskip("nbgrader")
pytest.importorskip("otter")
TIMEOUT = 1800


def submissions(path):
    """What four students write into each answer's cell of a notebook, the points, and what they must read.

    Three cells of the fourth crash, each in its own way; what the others earned must not be lost by it.
    """
    exercises = OF_NOTEBOOK[path]
    crashing = {
        exercises[0].name: f"def {exercises[0].name}(*arguments):\n    return 1 / 0",
        exercises[1].name: "raise RuntimeError('the cell itself')",
        exercises[2].name: f"def {exercises[2].name}(",
    }
    right = {exercise.name: exercise.solution_source for exercise in exercises}
    wrong = {exercise.name: slip_source(exercise, exercise.slips[0]) for exercise in exercises}
    return {
        "right": (right, 5, []),
        "wrong": (wrong, 0, [exercise.slips[0].sentence for exercise in exercises]),
        "empty": ({}, 0, ["not attempted"]),
        "crashing": (right | crashing, 5 - len(crashing), ["ZeroDivisionError"]),
    }


def written_into(release, answers, path):
    notebook = nbformat.read(release, as_version=4)
    for name, answer in answers.items():
        (cell,) = [cell for cell in notebook.cells if f"ex.{name}.check(" in cell.source]
        cell.source = f"{answer}\n\n\nex.{name}.check({name})"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


@pytest.fixture
def run(tmp_path):
    """Run a command of this environment in the folder, without the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    programs = os.path.dirname(sys.executable)
    environment = kept | {"HOME": str(tmp_path), "PATH": os.pathsep.join([programs, os.environ["PATH"]])}

    def run(*command):
        result = subprocess.run(
            [os.path.join(programs, command[0]), *command[1:]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"

    return run


every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@every_notebook
def test_nbgrader_counts_the_points_and_hands_back_the_sentence(path, tmp_path, run):
    name = path.stem
    _assignment.write(path, "nbgrader", tmp_path)
    run("nbgrader", "generate_assignment", name)
    release = tmp_path / "release" / name / path.name
    released = nbformat.read(release, as_version=4)
    for exercise in OF_NOTEBOOK[path]:
        (cell,) = [cell for cell in released.cells if f"ex.{exercise.name}.check(" in cell.source]
        assert cell.source.startswith(exercise.stub_source)
    assert "SOLUTION" not in release.read_text(encoding="utf-8")
    handed_in = submissions(path)
    for student, (answers, _, _) in handed_in.items():
        written_into(release, answers, tmp_path / "submitted" / student / name / path.name)
    run("nbgrader", "autograde", name)
    run("nbgrader", "generate_feedback", name)
    run("nbgrader", "export")
    with open(tmp_path / "grades.csv", encoding="utf-8", newline="") as file:
        grades = {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)}
    assert grades == {student: (points, 5) for student, (_, points, _) in handed_in.items()}
    collected = [one for some in _collect.collect(_collect.submissions_in(tmp_path)) for one in some]
    assert Counter(one.student for one in collected if one.state == "correct") == {"right": 5, "crashing": 2}
    assert {one.state for one in collected if one.student == "empty"} == {"not attempted"}
    for student, (_, _, said) in handed_in.items():
        page = (tmp_path / "feedback" / student / name / f"{name}.html").read_text(encoding="utf-8")
        text = html.unescape(re.sub("<[^>]*>", "", page))
        assert [sentence for sentence in said if sentence not in text] == []


@every_notebook
def test_otter_counts_the_points_and_hands_back_the_sentence(path, tmp_path, run):
    _assignment.write(path, "otter", tmp_path)
    run("otter", "assign", path.name, "dist", "--no-pdfs")
    release = tmp_path / "dist" / "student" / path.name
    released = nbformat.read(release, as_version=4)
    for exercise in OF_NOTEBOOK[path]:
        (cell,) = [cell for cell in released.cells if f"ex.{exercise.name}.check(" in cell.source]
        assert cell.source.startswith(exercise.stub_source.replace("    # your code\n", ""))
    assert "SOLUTION" not in release.read_text(encoding="utf-8")
    (grader,) = (tmp_path / "dist" / "autograder").glob("*.zip")
    for student, (answers, points, said) in submissions(path).items():
        submission = tmp_path / student / path.name
        written_into(release, answers, submission)
        run("otter", "run", "--no-logo", "-a", str(grader), "-o", str(submission.parent), str(submission))
        results = json.loads((submission.parent / "results.json").read_text(encoding="utf-8"))
        assert sum(test.get("score", 0) for test in results["tests"]) == points, student
        text = "\n".join(test.get("output", "") for test in results["tests"])
        assert [sentence for sentence in said if sentence not in text] == [], text
