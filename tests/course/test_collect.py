"""A class is collected: whose each notebook is, what becomes of each answer, and that none costs another."""

import csv
import os
import subprocess
import sys
import time

import pytest
from class_of_learners import BROKEN, answers_of_a_class, notebook_with
from exercise_helpers import NOTEBOOKS, OF_NOTEBOOK, ROOT

FIRST = NOTEBOOKS[0]
UPDATE = next(exercise for exercise in OF_NOTEBOOK[FIRST] if exercise.name == "update")


def collected(folder, *arguments):
    """Run the command, and return its table by student, notebook and number."""
    command = [sys.executable, "-m", "cnnlab.course.exercises", "collect", str(folder), "--output", "results.csv"]
    result = subprocess.run(
        [*command, *arguments], cwd=folder.parent, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert result.returncode == 0, result.stderr.decode()
    with open(folder.parent / "results.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["student", "notebook", "number", "state", "slip"]
    table = {tuple(row[:3]): tuple(row[3:]) for row in rows}
    assert len(table) == len(rows)
    return table


def hand_in(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def mixed_class(folder, count, seed=0):
    """Hand in a class's notebooks, some of them broken: what the table must be."""
    wanted = {}
    for (student, path), (sources, states) in answers_of_a_class(folder / "s000", count, seed).items():
        hand_in(folder, f"s{student:03}/{path.name}", notebook_with(path, sources))
        wanted |= {(f"s{student:03}", path.stem, number): state for number, state in states.items()}
    for k, text in enumerate(BROKEN.values()):
        path = NOTEBOOKS[k % len(NOTEBOOKS)]
        hand_in(folder, f"broken{k}/{path.name}", text)
        wanted |= {(f"broken{k}", path.stem, exercise.number): ("unreadable", "") for exercise in OF_NOTEBOOK[path]}
    return wanted


@pytest.mark.thorough
def test_of_a_mixed_class_of_120_every_cell_of_the_table_is_what_was_put_in(tmp_path):
    wanted = mixed_class(tmp_path / "class", 120)
    assert {slip for _, slip in wanted.values()} - {""} >= {s.name for e in OF_NOTEBOOK[FIRST] for s in e.slips}
    before = {path: path.read_bytes() for path in (tmp_path / "class").rglob("*") if path.is_file()}
    start = time.monotonic()
    assert collected(tmp_path / "class", "--report", "report.html") == wanted
    print(f"{len(wanted)} answers in {time.monotonic() - start:.0f} s, load {os.getloadavg()}")
    assert {path: path.read_bytes() for path in (tmp_path / "class").rglob("*") if path.is_file()} == before
