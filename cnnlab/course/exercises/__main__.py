"""For teachers: ``python -m cnnlab.course.exercises collect FOLDER``, and ``assignment NOTEBOOK``."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from cnnlab.course.exercises import _assignment, _collect, _report


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m cnnlab.course.exercises", description="For teachers.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser(
        "collect",
        help="judge the notebooks of a class",
        description="Judge the notebooks of a class. This runs the exercises' functions, which strangers wrote, with "
        "what they use of the same cell and of the imports, and nothing else of a notebook. Limits keep one answer's "
        "faults from the others; against harm that is meant, run it in a container (docs/teaching/collect.md).",
    )
    command.add_argument("folder", type=Path, metavar="FOLDER", help="from nbgrader, from Moodle, or one of your own")
    command.add_argument("--output", type=Path, default=Path("results.csv"), help="the table (default: %(default)s)")
    command.add_argument("--report", type=Path, help="a page to look at before the next lesson")
    command.add_argument("--anonymous", action="store_true", help="no names on that page")
    command.add_argument("--jobs", type=_positive(int), help="how many at once (default: one a processor)")
    command.add_argument("--seconds", type=_positive(float), default=5, help="for one exercise (default: %(default)s)")
    command.add_argument("--memory", type=_positive(int), default=1024, metavar="MB", help="(default: %(default)s)")
    command.set_defaults(run=_run_collect)

    command = commands.add_parser("assignment", help="make marked work of a notebook")
    command.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    command.add_argument("--for", dest="tool", choices=_assignment.TOOLS, required=True)
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    command.set_defaults(run=lambda given: print(_assignment.write(given.notebook, given.tool, given.output)))

    given = parser.parse_args(arguments)
    given.run(given)


def _positive(kind: type) -> type:
    def number(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise ValueError
        return value

    number.__name__ = "positive number"
    return number  # type: ignore[return-value]


def _run_collect(given: argparse.Namespace) -> None:
    submissions = _collect.submissions_in(given.folder)
    if not submissions:
        raise SystemExit(f"There are no notebooks in {given.folder}.")
    limits = {"jobs": given.jobs, "seconds": given.seconds, "memory": given.memory}
    progress = tqdm(_collect.collect(submissions, **limits), total=len(submissions), unit="notebook")
    answers = _collect.best(answer for notebook in progress for answer in notebook)
    _collect.write_csv(answers, given.output)
    students = len({answer.student for answer in answers})
    print(f"{students} students, {len(submissions)} notebooks, {len(answers)} answers: {given.output}")
    for state, count in Counter(answer.state for answer in answers).most_common():
        print(f"  {count:5} {state}")
    if given.report:
        page = _report.page(answers, anonymous=given.anonymous)
        given.report.write_text(page, encoding="utf-8", errors="xmlcharrefreplace")
        print(f"The report: {given.report}")


if __name__ == "__main__":
    main()
