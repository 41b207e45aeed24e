"""Make marked work of a notebook, as nbgrader or Otter want it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cnnlab.course.exercises._sandbox import NOTEBOOKS, exercises_of
from cnnlab.course.exercises.checker import Exercise

__all__ = ["TOOLS", "write"]

Cell = dict[str, Any]

NBGRADER_CONFIG = r"""c = get_config()
c.CourseDirectory.course_id = "cnnlab"
# What stands in place of a solution: as in the course's pages, where it counts as not attempted.
c.ClearSolutions.code_stub = {"python": "# your code\n..."}
c.Execute.timeout = 120
"""
INTRODUCTION = """# {title}: the exercises

What is to be handed in from the page `{name}.ipynb`. The texts speak of the page's sections: work through it first.

Write your code where you see three dots. The last line of such a cell says what it finds; the cell below it counts the
points."""


def write(notebook: Path, tool: str, folder: Path) -> Path:
    """Write the exercises of a notebook as an assignment, with the solutions for the tool to take out.

    It holds the page's imports and, for each exercise, its text, a cell for the answer and a cell that tests it, for
    one point. The rest of the page is left out: a grader would run it for every student.

    Parameters
    ----------
    notebook : Path
        A notebook of the course.
    tool : {"nbgrader", "otter"}
        For nbgrader the folder becomes a course, with ``source/NAME/NAME.ipynb``; for Otter it receives the master
        ``NAME.ipynb``, which ``otter assign`` takes.
    folder : Path
        Where to write it.

    Returns
    -------
    Path
        The file that was written.
    """
    if notebook.stem not in NOTEBOOKS:
        raise SystemExit(f"{notebook.name} is no notebook of the course, which has {', '.join(NOTEBOOKS)}.")
    page = json.loads(notebook.read_text(encoding="utf-8"))
    cells = [cell | {"source": "".join(cell["source"])} for cell in page["cells"]]
    start = next(k for k, cell in enumerate(cells) if f"import {NOTEBOOKS[notebook.stem]} as ex" in cell["source"])
    (title,) = re.findall(r"^# (.+)$", cells[0]["source"], re.M)
    made = [
        _markdown(INTRODUCTION.format(title=title, name=notebook.stem)),
        *(_code(cell["source"]) for cell in cells[: start + 1] if cell["cell_type"] == "code"),
    ]
    for exercise in exercises_of(notebook.stem):
        made += TOOLS[tool](exercise, _text_of(exercise, cells))
    if tool == "otter":
        made.insert(0, _raw(f"# ASSIGNMENT CONFIG\nname: {notebook.stem}\nexport_cell: false\n"))
        path = folder / notebook.name
    else:
        path = folder / "source" / notebook.stem / notebook.name
    path.parent.mkdir(parents=True, exist_ok=True)
    for k, cell in enumerate(made):
        cell["id"] = f"{notebook.stem[:2]}-{k:02}"
    metadata = {"kernelspec": page["metadata"]["kernelspec"], "language_info": {"name": "python"}}
    content = {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    config = folder / "nbgrader_config.py"
    if tool == "nbgrader" and not config.exists():
        config.write_text(NBGRADER_CONFIG, encoding="utf-8")
    return path


def _text_of(exercise: Exercise, cells: list[Cell]) -> str:
    """Return what the page says from the exercise's heading to its cell, without folded answers."""
    end = next(k for k, cell in enumerate(cells) if f"ex.{exercise.name}.check(" in cell["source"])
    heading = re.compile(rf"^#+ Exercise {re.escape(exercise.number)}\b", re.M)
    begin = next(k for k in range(end, -1, -1) if heading.search(cells[k]["source"]))
    text = "\n\n".join(cell["source"] for cell in cells[begin:end] if cell["cell_type"] == "markdown")
    found = heading.search(text)
    return re.sub(r"<details>.*?</details>\s*", "", text[found.start() if found else 0 :], flags=re.S).strip()


def _with_solution(exercise: Exercise, begin: str, end: str) -> str:
    """Return the code of an answer's cell, with the solution between two marks.

    The faulty code that a bug hunt starts from stays; the solution is defined anew below it.
    """
    source, stub = exercise.solution_source, exercise.stub_source
    if "# your code" in stub:
        head, body = source.split("\n", 1)
        answer = f"{head}\n    {begin}\n{body}\n    {end}"
    else:
        answer = f"{stub}\n\n\n{begin}\n{source}\n{end}"
    return f"{answer}\n\n\nex.{exercise.name}.check({exercise.name})"


def _for_nbgrader(exercise: Exercise, text: str) -> list[Cell]:
    no = dict.fromkeys(("grade", "solution", "locked", "task"), False)

    def mark(name: str, **what: Any) -> Cell:
        return no | what | {"grade_id": name, "schema_version": 3}

    answer = _with_solution(exercise, "### BEGIN SOLUTION", "### END SOLUTION")
    return [
        _markdown(text, nbgrader=mark(f"text_{exercise.name}", locked=True)),
        _code(answer, nbgrader=mark(exercise.name, solution=True)),
        _code(
            f"ex.{exercise.name}.require({exercise.name})",
            nbgrader=mark(f"test_{exercise.name}", grade=True, locked=True, points=1),
        ),
    ]


def _for_otter(exercise: Exercise, text: str) -> list[Cell]:
    prompt = "" if "# your code" in exercise.stub_source else " NO PROMPT"
    return [
        _raw(f"# BEGIN QUESTION\nname: {exercise.name}\npoints: 1"),
        _markdown(text),
        _raw("# BEGIN SOLUTION"),
        _code(_with_solution(exercise, f"# BEGIN SOLUTION{prompt}", "# END SOLUTION")),
        _raw("# END SOLUTION"),
        _raw("# BEGIN TESTS"),
        _code(f"ex.{exercise.name}.require({exercise.name})"),
        _raw("# END TESTS"),
        _raw("# END QUESTION"),
    ]


TOOLS = {"nbgrader": _for_nbgrader, "otter": _for_otter}


def _markdown(source: str, **metadata: Any) -> Cell:
    return {"cell_type": "markdown", "metadata": metadata, "source": source}


def _raw(source: str) -> Cell:
    return {"cell_type": "raw", "metadata": {}, "source": source}


def _code(source: str, **metadata: Any) -> Cell:
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": source}
