"""The page that a teacher looks at before the next lesson: one HTML file that needs nothing else."""

from __future__ import annotations

import ast
import re
from collections import Counter
from html import escape
from typing import Iterable

from cnnlab.course.exercises._collect import UNREADABLE, Answer
from cnnlab.course.exercises._sandbox import CRASHED, NOTEBOOKS, OUT_OF_TIME, exercises_of
from cnnlab.course.exercises.checker import Exercise, State

__all__ = ["page"]

CORRECT, NOT_YET, NOT_ATTEMPTED = (state.words for state in (State.CORRECT, State.NOT_YET, State.NOT_ATTEMPTED))
STATES = {  # with sign, colour, and the colour of letters on it: greys, and the scale that the course has for signs
    CORRECT: (State.CORRECT.sign, "#2166ac", "white"),
    NOT_YET: (State.NOT_YET.sign, "#f4a582", "black"),
    OUT_OF_TIME: ("…", "#b2182b", "white"),
    CRASHED: ("!", "#67001f", "white"),
    NOT_ATTEMPTED: (State.NOT_ATTEMPTED.sign, "#d9d9d9", "black"),
    UNREADABLE: ("?", "#737373", "white"),
}
LONGEST_EXAMPLE = 1500  # characters

STYLE = """
:root { color-scheme: light; font: 16px/1.5 system-ui, sans-serif; color: black; background: white; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
caption { text-align: left; font-weight: bold; }
th, td { border: 1px solid #999; padding: 0.2rem 0.4rem; text-align: left; vertical-align: top; }
td.count { text-align: right; }
.wide { overflow-x: auto; position: relative; }
pre { background: #f4f4f4; padding: 0.5rem; overflow-x: auto; }
svg { width: 100%; height: auto; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
"""


def page(answers: list[Answer], *, anonymous: bool = False) -> str:
    """Return the report as HTML: for each exercise who solved it and which slips were made, then each student.

    Parameters
    ----------
    answers : list of Answer
        Of the whole class.
    anonymous : bool
        Leave out the names, and of the examples what might hold one: comments and texts.
    """
    students = sorted({answer.student for answer in answers})
    forbidden = {word for name in students for word in _words(name)} if anonymous else None
    parts = [
        "<h1>What the class has handed in</h1>",
        f"<p>{len(students)} students, {len({answer[:2] for answer in answers})} notebooks. What was read and run are "
        "the functions of the exercises, with their imports and helpers, and nothing else of a notebook. "
        f"<em>{NOT_ATTEMPTED.capitalize()}</em> is an exercise as the page has it; <em>{OUT_OF_TIME}</em> and "
        f"<em>{CRASHED}</em> are functions that did not end, or that ended the program that ran them; "
        f"<em>{UNREADABLE}</em> are files that are no notebook of the course.</p>",
    ]
    for notebook in NOTEBOOKS:
        if of_notebook := [answer for answer in answers if answer.notebook == notebook]:
            parts.append(_notebook(notebook, of_notebook, forbidden))
    others = [f"{answer.student}: {answer.notebook}.ipynb" for answer in answers if answer.notebook not in NOTEBOOKS]
    if others:
        which = "" if anonymous else f": {escape(', '.join(others))}"
        parts.append(f"<p>Files that are no notebook of the course: {len(others)}{which}.</p>")
    parts += ["<h2>The students</h2>", _students(answers, students, anonymous)]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>What the class has handed in</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _notebook(notebook: str, answers: list[Answer], forbidden: set[str] | None) -> str:
    exercises = exercises_of(notebook)
    counts = [Counter(answer.state for answer in answers if answer.number == one.number) for one in exercises]
    parts = [f"<h2>Notebook {int(notebook[:2])}</h2>", _bars(notebook, exercises, counts)]
    used = [state for state in STATES if any(count[state] for count in counts)]
    rows = [
        [f"{one.number} {escape(one.title)}", *(str(count[state]) for state in used)]
        for one, count in zip(exercises, counts, strict=True)
    ]
    parts.append(_table("How many", ["exercise", *used], rows))
    for exercise in exercises:
        parts.append(_slips(exercise, [answer for answer in answers if answer.number == exercise.number], forbidden))
    return "\n".join(parts)


def _bars(notebook: str, exercises: list[Exercise], counts: list[Counter[str]]) -> str:
    """Draw a bar for each exercise; the same in words for who does not see it."""
    most = max(count.total() for count in counts)
    shapes, words = [], []
    for k, (exercise, count) in enumerate(zip(exercises, counts, strict=True)):
        top, left = 40 + 34 * k, 50.0
        shapes.append(f'<text x="0" y="{top + 18}">{exercise.number}</text>')
        for state, (_, colour, letters) in STATES.items():
            width = 740 * count[state] / most
            if count[state]:
                shapes.append(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="26" fill="{colour}"/>')
                if width > 12 * len(str(count[state])):
                    middle = f'x="{left + width / 2:.1f}" y="{top + 18}" text-anchor="middle" fill="{letters}"'
                    shapes.append(f"<text {middle}>{count[state]}</text>")
            left += width
        words.append(f"{exercise.number}: " + ", ".join(f"{count[s]} {s}" for s in STATES if count[s]))
    for k, (state, (_, colour, _)) in enumerate(STATES.items()):
        shapes.append(f'<rect x="{50 + 125 * k}" y="8" width="14" height="14" fill="{colour}"/>')
        shapes.append(f'<text x="{68 + 125 * k}" y="20">{state}</text>')
    return (
        f'<svg role="img" aria-label="Bars, an exercise each. {"; ".join(words)}." '
        f'viewBox="0 0 800 {44 + 34 * len(exercises)}" font-size="14">{"".join(shapes)}</svg>'
    )


def _slips(exercise: Exercise, answers: list[Answer], forbidden: set[str] | None) -> str:
    rows = []
    wrong = [answer for answer in answers if answer.state == NOT_YET]
    for name, count in sorted(
        Counter(answer.slip for answer in wrong).items(), key=lambda pair: (not pair[0], -pair[1])
    ):
        sentence = next((slip.sentence for slip in exercise.slips if slip.name == name), "Wrong in another way.")
        examples = (_shown(answer.code, forbidden) for answer in wrong if answer.slip == name)
        example = min(filter(None, examples), key=len, default="")
        folded = f"<details><summary>an example</summary><pre>{escape(example)}</pre></details>" if example else ""
        rows.append([str(count), escape(name), escape(sentence) + folded])
    if not rows:
        return ""
    return _table(
        f"Exercise {exercise.number}, {exercise.title}: what went wrong", ["how many", "slip", "what it is"], rows
    )


def _shown(code: str, forbidden: set[str] | None) -> str:
    """Return code as it is, or, where there are names that it must not hold, without comments and texts."""
    if forbidden is not None:
        try:
            tree = _WithoutTexts().visit(ast.parse(code))
            code = ast.unparse(tree)
        except (SyntaxError, ValueError, RecursionError):
            return ""
        if forbidden & {*_words(code)} or any(len(name) > 3 and name in code.lower() for name in forbidden):
            return ""
    return code if len(code) <= LONGEST_EXAMPLE else code[:LONGEST_EXAMPLE] + "\n…"


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())


class _WithoutTexts(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("…") if isinstance(node.value, (str, bytes)) else node


def _students(answers: list[Answer], students: list[str], anonymous: bool) -> str:
    numbers = [one.number for notebook in NOTEBOOKS for one in exercises_of(notebook)]
    state_of = {(answer.student, answer.number): answer.state for answer in answers}
    solved = {name: sum(state_of.get((name, number)) == CORRECT for number in numbers) for name in students}
    if anonymous:  # in an order that says nothing of the names
        students = sorted(students, key=lambda name: (-solved[name], [state_of.get((name, n), "") for n in numbers]))
    rows = []
    for k, name in enumerate(students, start=1):
        cells = [_sign(state_of.get((name, number))) for number in numbers]
        rows.append([f"student {k}" if anonymous else escape(name), str(solved[name]), *cells])
    key = ", ".join(f"{sign} {state}" for state, (sign, _, _) in STATES.items())
    return f"<p>{key}; an empty cell: not handed in.</p>" + _table(
        "Each student", ["student", "correct", *numbers], rows
    )


def _sign(state: str | None) -> str:
    if state is None:
        return '<span class="unseen">not handed in</span>'
    return f'<span aria-hidden="true">{STATES[state][0]}</span><span class="unseen">{state}</span>'


def _table(caption: str, heads: Iterable[str], rows: list[list[str]]) -> str:
    """Make a table of cells that are HTML already."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = ""
    for first, *others in rows:
        cells = (f'<td class="count">{text}</td>' if text.isdigit() else f"<td>{text}</td>" for text in others)
        body += f'<tr><th scope="row">{first}</th>{"".join(cells)}</tr>\n'
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )
