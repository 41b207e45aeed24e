"""Collect the answers of a class: find the notebooks in a folder, and have each exercise judged."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple

from cnnlab.course.exercises._sandbox import CRASHED, NOTEBOOKS, OUT_OF_TIME, exercises_of
from cnnlab.course.exercises.checker import State

__all__ = ["UNREADABLE", "Answer", "Submission", "best", "collect", "submissions_in", "write_csv"]

UNREADABLE = "unreadable"
STATES = (  # the best first
    *(state.words for state in (State.CORRECT, State.NOT_YET)),
    OUT_OF_TIME,
    CRASHED,
    State.NOT_ATTEMPTED.words,
    UNREADABLE,
)
LARGEST_NOTEBOOK = 2**26  # bytes
PATIENCE = 20.0  # seconds beyond an answer's own, to load the exercises on a busy machine

MOODLE = re.compile(r"(?P<student>.+)_(?P<id>\d+)_assignsubmission_file.*")
OF_THE_COURSE = re.compile("|".join(NOTEBOOKS))
IMPORTED = re.compile(rf"\bcnnlab\.course\.exercises(?:\.| +import +)({'|'.join(NOTEBOOKS.values())})\b")


class Submission(NamedTuple):
    """A notebook that somebody handed in."""

    student: str
    path: Path


class Answer(NamedTuple):
    """What became of one exercise of one student: the first five are the columns of the table."""

    student: str
    notebook: str
    number: str
    state: str
    slip: str = ""
    code: str = ""


def submissions_in(folder: Path) -> list[Submission]:
    """Find the notebooks in a folder, as nbgrader, Moodle, or a teacher's own order has them, and whose each is.

    These are ``submitted/STUDENT/ASSIGNMENT/NOTEBOOK.ipynb``, ``NAME_12345_assignsubmission_file_/NOTEBOOK.ipynb``,
    ``STUDENT/NOTEBOOK.ipynb`` and ``STUDENT_NOTEBOOK.ipynb``.
    """
    if (folder / "submitted").is_dir():
        folder = folder / "submitted"
    paths = [path.relative_to(folder) for path in sorted(folder.rglob("*.ipynb"))]
    paths = [path for path in paths if not any(part.startswith((".", "__MACOSX")) for part in path.parts)]
    owners = {path: _owner(path, folder.resolve().name) for path in paths}
    # Two people may have one name; Moodle's number tells them apart.
    numbers = Counter(name for name, _ in set(owners.values()))
    return [
        Submission(f"{name} {number}" if numbers[name] > 1 and number else name, folder / path)
        for path, (name, number) in owners.items()
    ]


def _owner(path: Path, folder: str) -> tuple[str, str]:
    """Return the student's name, and Moodle's number of them if there is one."""
    first = path.parts[0] if len(path.parts) > 1 else path.stem
    if moodle := MOODLE.fullmatch(first):
        return moodle["student"], moodle["id"]
    if len(path.parts) > 1:
        return first, ""
    found = OF_THE_COURSE.search(first)
    return (first[: found.start()].strip(" _-") if found else first) or folder, ""


def collect(
    submissions: list[Submission], *, jobs: int | None = None, seconds: float = 5, memory: int = 1024
) -> Iterator[list[Answer]]:
    """Judge every exercise of every submission, several at once: yield the answers of one after the other.

    Parameters
    ----------
    submissions : list of Submission
        The notebooks. All are read before the first is judged.
    jobs : int, optional
        How many are judged at once: as many as there are processors.
    seconds : float
        How long one exercise may take.
    memory : int
        How many MB it may use.
    """
    limits = {"seconds": seconds, "memory": memory}
    pages = [_read(one.path) for one in submissions]
    with _Judges() as judges, ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        try:
            yield from pool.map(lambda one, page: _answers(one.student, page, judges, limits), submissions, pages)
        finally:
            pool.shutdown(cancel_futures=True)  # where somebody interrupts it


class _Page(NamedTuple):
    notebook: str
    cells: list[str] | None


def _read(path: Path) -> _Page:
    """Return which notebook of the course a file is, and its code cells: None where it is no notebook."""
    by_name = OF_THE_COURSE.search(path.stem)
    name = by_name[0] if by_name else path.stem
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_NOTEBOOK:
            return _Page(name, None)
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return _Page(name, None)
    imported = IMPORTED.search("\n".join(sources))
    if imported:
        name = next(notebook for notebook, module in NOTEBOOKS.items() if module == imported[1])
    return _Page(name, sources)


def _answers(student: str, page: _Page, judges: _Judges, limits: dict[str, float]) -> list[Answer]:
    notebook, cells = page
    if notebook not in NOTEBOOKS:
        return [Answer(student, notebook, "", UNREADABLE)]
    answers = []
    for exercise in exercises_of(notebook):
        if cells is None:
            answers.append(Answer(student, notebook, exercise.number, UNREADABLE))
            continue
        reply = judges.ask({"notebook": notebook, "number": exercise.number, "cells": cells, **limits})
        # It comes from a process that ran a stranger's code, and may be anything.
        state, slip = str(reply.get("state")), str(reply.get("slip") or "")
        if state not in STATES or slip not in ("", *(one.name for one in exercise.slips)):
            state, slip = CRASHED, ""
        answers.append(Answer(student, notebook, exercise.number, state, slip, str(reply.get("code", ""))))
    return answers


class _Judges:
    """Programs of `_sandbox`, one for each thread that asks, with a bare environment."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> _Judges:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.kill()
            process.communicate()
        self._folder.cleanup()

    def ask(self, task: dict[str, Any]) -> dict[str, Any]:
        """Have one answer judged."""
        process = getattr(self._own, "process", None)
        if process is None or process.poll() is not None:
            process = self._own.process = self._start()
        overdue = threading.Event()

        def stop() -> None:
            overdue.set()
            process.kill()

        alarm = threading.Timer(task["seconds"] + PATIENCE, stop)
        alarm.start()
        try:
            print(json.dumps(task), file=process.stdin, flush=True)
            line = process.stdout.readline() if process.stdout else ""
        except OSError:
            line = ""
        alarm.cancel()
        if not line or not hasattr(os, "fork"):
            process.kill()
            process.wait()
        reply = json.loads(line) if line else {"state": OUT_OF_TIME if overdue.is_set() else CRASHED}
        return reply if isinstance(reply, dict) else {}

    def _start(self) -> subprocess.Popen[str]:
        bare = {
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join(os.path.abspath(place) for place in sys.path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
            "OPENBLAS_NUM_THREADS": "1",  # a process with threads should not be copied
            "OMP_NUM_THREADS": "1",
        }
        if "SYSTEMROOT" in os.environ:  # without it Windows starts nothing
            bare["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cnnlab.course.exercises._sandbox"],
            env=bare,
            cwd=self._folder.name,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # an interruption is for us
        )
        self._started.append(process)
        return process


def best(answers: Iterable[Answer]) -> list[Answer]:
    """Keep the better answer where somebody handed in a notebook twice."""
    kept: dict[tuple[str, ...], Answer] = {}
    for answer in answers:
        before = kept.setdefault(answer[:3], answer)
        if STATES.index(answer.state) < STATES.index(before.state):
            kept[answer[:3]] = answer
    return list(kept.values())


def write_csv(answers: Iterable[Answer], path: Path) -> None:
    """Write a table with a row for each exercise of each notebook that was handed in."""
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        table = csv.writer(file)
        table.writerow(Answer._fields[:5])
        # A name such as =1+1 is a name, whatever a spreadsheet takes it for.
        table.writerows(("'" + a.student if a.student[:1] in "=+-@\t" else a.student, *a[1:5]) for a in answers)
