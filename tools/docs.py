"""Write what docs/teaching takes from the pages and from the code: `python tools/docs.py`, as `make docs` does.

A page there is written by hand, but for the places between `<!-- make docs writes NAME -->` and `<!-- make docs wrote
it -->`. The function of that name here gives what stands between them. It gets what follows the name, and what stood
there before.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import NamedTuple

import nbformat
from questions import questions

from cnnlab.course.exercises.checker import Exercise

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs" / "teaching").glob("*.md"))
NOTEBOOKS = dict(enumerate(sorted((ROOT / "notebooks").glob("*.ipynb")), start=1))
PLACE = re.compile(r"(<!-- make docs writes (\w+) ?(\S*) -->\n)(.*?)(<!-- make docs wrote it -->\n)", re.DOTALL)

# How long a learner takes, in minutes.
WORD, CELL_WITH_OUTPUT, CELL_WITHOUT, EXERCISE = 1 / 200, 2, 0.5, 10


class Section(NamedTuple):
    """What stands on a page under a heading of the second level; the head of the page stands under none."""

    heading: str
    text: str
    minutes: float


def cells_of(notebook: int) -> list[nbformat.NotebookNode]:
    """Return the cells of a notebook without its setup cell."""
    cells = nbformat.read(NOTEBOOKS[notebook], as_version=4).cells
    return [cell for cell in cells if not cell.source.startswith("# Setup")]


def sections(notebook: int) -> dict[str, Section]:
    """Cut a page at its headings of the second level, which are named without their numbers."""
    found = {"": Section("", "", 0)}
    heading = ""
    for cell in cells_of(notebook):
        if cell.cell_type == "markdown":
            head, *parts = re.split(r"^## (?:\d+\. )?(.*)$", cell.source, flags=re.MULTILINE)
            for name, text in zip([heading, *parts[::2]], [head, *parts[1::2]], strict=True):
                heading = name
                before = found.get(name, Section(name, "", 0))
                words = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL).split()
                found[name] = Section(name, f"{before.text}\n\n{text}", before.minutes + WORD * len(words))
        else:
            cost = EXERCISE if ".check(" in cell.source else CELL_WITH_OUTPUT if cell.outputs else CELL_WITHOUT
            found[heading] = found[heading]._replace(minutes=found[heading].minutes + cost)
    return found


def exercises_of(notebook: int) -> list[Exercise]:
    """Return the exercises of a notebook in order."""
    module = importlib.import_module(f"cnnlab.course.exercises.{NOTEBOOKS[notebook].stem[3:]}")
    found = [value for value in vars(module).values() if isinstance(value, Exercise)]
    return sorted(found, key=lambda exercise: exercise.number)


# What stands in the places.


def minutes(notebook: str, _: str) -> str:
    """List the sections of a page with their exercises and minutes, and what its head says of all."""
    rows = ["| section | exercises | minutes |", "|---|---|---|"]
    head, *parts = sections(int(notebook)).values()
    for part in parts:
        numbers = ", ".join(re.findall(r"^### Exercise (\d\.\d)", part.text, re.MULTILINE))
        rows.append(f"| {part.heading} | {numbers} | {max(1, round(part.minutes))} |")
    said = re.search(r"About (\d+) minutes", head.text)[1]
    rows.append(f"| **all** (the page says {said}) | | **{round(sum(part.minutes for part in parts))}** |")
    return "\n".join(rows) + "\n"


def plan(_: str, table: str) -> str:
    """Fill the last column of a table whose columns are when, the notebook, headings of its sections, and minutes."""
    filled = []
    for row in table.splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if cells[1].isdigit():
            found = sections(int(cells[1]))
            total = sum(found[heading.strip()].minutes for heading in cells[2].split(";"))
            row = f"| {' | '.join(cells[:3])} | {round(total)} |"
        filled.append(row)
    return "\n".join(filled) + "\n"


def slips(number: str, _: str) -> str:
    """List the wrong answers that the checker knows of an exercise."""
    (exercise,) = [one for one in exercises_of(int(number[0])) if one.number == number]
    rows = [f"| {slip.name.replace('_', ' ')} | {cell(slip.sentence)} |" for slip in exercise.slips]
    return "\n".join(["| what people do | what the checker says |", "|---|---|", *rows]) + "\n"


def cell(text: str) -> str:
    """Write a text as the cell of a table: outside of code a star stands for itself."""
    parts = text.replace("|", r"\|").split("`")
    return "`".join(part if k % 2 else part.replace("*", r"\*") for k, part in enumerate(parts))


def predictions(notebook: str, _: str) -> str:
    """Quote the questions of a page that are answered in a fold, with their answers."""
    found = []
    for part in sections(int(notebook)).values():
        pieces = re.split(r"<details><summary>Answers?</summary>\n(.*?)</details>", part.text, flags=re.DOTALL)
        for text, answers in zip(pieces[::2], pieces[1::2], strict=False):
            heading = re.findall(r"^### (.*)$", text, re.MULTILINE)[-1:] or [part.heading]
            numbered = "\n".join(re.findall(r"^\d+\. .*(?:\n   .*)*", text, re.MULTILINE))
            asked = numbered or "\n\n".join(paragraph for paragraph in text.split("\n\n") if "?" in paragraph)
            found.append(f"#### {heading[0]}\n\n{asked}\n\n**Answers**\n\n{answers.strip()}\n")
    return "\n".join(found)


def exam(notebook: str, _: str) -> str:
    """Draw the exam questions of a notebook with the seed 0."""
    return "\n".join(map(str, questions(int(notebook), seed=0)))


def written(text: str) -> str:
    """Return a page with all its places filled."""
    return PLACE.sub(lambda place: place[1] + globals()[place[2]](place[3], place[4]) + place[5], text)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(path.relative_to(ROOT))
