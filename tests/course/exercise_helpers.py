"""What the tests of the exercises share."""

import importlib
import io
import linecache
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from cnnlab.course.exercises.checker import Exercise

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = {path: importlib.import_module(f"cnnlab.course.exercises.{path.stem[3:]}") for path in NOTEBOOKS}
OF_NOTEBOOK = {path: [x for x in vars(MODULES[path]).values() if isinstance(x, Exercise)] for path in NOTEBOOKS}
EXERCISES = [exercise for exercises in OF_NOTEBOOK.values() for exercise in exercises]
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
every_exercise = pytest.mark.parametrize(
    "exercise", EXERCISES, ids=lambda exercise: f"{exercise.number}-{exercise.name}"
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


def sentences_of(function, *arguments):
    """What a call prints, without the breaks in long lines."""
    return words_of(function, *arguments).replace("\n    ", " ")
