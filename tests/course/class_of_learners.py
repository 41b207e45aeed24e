"""A class that hands in notebooks: who answers what, and what the table must then say."""

import random

import nbformat
from exercise_helpers import NOTEBOOKS, OF_NOTEBOOK

# Each body of a function, and the state it must get. `{victim}` is a file that nobody may lose.
HOSTILE = {
    "never_ends": ("while True:\n    pass", "out of time"),
    "never_ends_and_cannot_be_interrupted": (
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        "out of time",
    ),
    "sleeps": ("import time\ntime.sleep(1e6)", "out of time"),
    "prints_for_ever": ("while True:\n    print('x' * 1000)", "out of time"),
    "writes_to_the_terminal_for_ever": ("import os\nwhile True:\n    os.write(1, b'x' * 1000)", "out of time"),
    "ends_the_process": ("import os\nos._exit(0)", "crashed"),
    "aborts": ("import os\nos.abort()", "crashed"),
    "reads_where_nothing_is": ("import ctypes\nctypes.string_at(0)", "crashed"),
    "writes_into_every_pipe": (
        "import contextlib, os\nfor k in range(3, 50):\n    with contextlib.suppress(OSError):\n        "
        "os.write(k, b'{}\\n')\nos._exit(0)",
        "crashed",
    ),
    "exits": ("import sys\nsys.exit()", "not yet"),
    "forks": ("import os\nwhile True:\n    os.fork()", "not yet"),
    "starts_a_program": ("import subprocess\nsubprocess.run(['sleep', '1000'])", "not yet"),
    "kills_who_started_it": ("import os\nos.kill(os.getppid(), 9)", "not yet"),
    "deletes_files": ("import os\nos.remove({victim!r})", "not yet"),
    "deletes_folders": (
        "import os, shutil\nshutil.rmtree('.')\nshutil.rmtree(os.path.expanduser('~'), ignore_errors=True)\n"
        "shutil.rmtree(os.path.dirname({victim!r}))",
        "not yet",
    ),
    "overwrites_files": ("open({victim!r}, 'w').close()", "not yet"),
    "fills_the_disk": ("open('large', 'wb').write(bytes(2**28))", "not yet"),
    "eats_memory": ("return [bytearray(2**30) for _ in range(100)]", "not yet"),
    "calls_itself_for_ever": ("f = lambda: f()\nreturn f()", "not yet"),
    "raises": ("raise ValueError('x')", "not yet"),
    "asks": ("return input()", "not yet"),
    "is_no_python": ("return (", "not yet"),
}
BROKEN = {
    "nothing": b"",
    "no_json": b"hello",
    "json_of_another_kind": b"[1, 2]",
    "cells_without_code": b'{"cells": [{"cell_type": "code"}]}',
    "bytes": bytes(range(256)),
    "too_deep": b"[" * 100_000,
}


def slip_source(exercise, slip):
    """An answer that does what the slip does."""
    arguments = ", ".join(exercise._argument_names)
    return (
        f"def {exercise.name}({arguments}):\n"
        f"    from cnnlab.course.exercises import {exercise._solution.__module__.split('.')[-1]} as module\n"
        f"    slips = module.{exercise.name}.slips\n"
        f"    return next(slip for slip in slips if slip.name == {slip.name!r}).answer({arguments})\n"
    )


def hostile_source(exercise, body):
    return f"def {exercise.name}({', '.join(exercise._argument_names)}):\n" + "".join(
        f"    {line}\n" for line in body.split("\n")
    )


def notebook_with(path, answers):
    """The page as the learner hands it in: the cells of `path`, the functions named in `answers` written anew."""
    notebook = nbformat.read(path, as_version=4)
    for exercise in OF_NOTEBOOK[path]:
        (cell,) = [cell for cell in notebook.cells if f"ex.{exercise.name}.check(" in cell.source]
        assert cell.source.startswith(exercise.stub_source)
        answer = answers.get(exercise.number, exercise.stub_source)
        cell.source = answer + cell.source.removeprefix(exercise.stub_source)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    return nbformat.writes(notebook)


def answers_of_a_class(victim, count, seed):
    """For each of `count` students and each notebook: the sources by number, and (state, slip) by number.

    All that is known to go wrong comes in turn: every slip, every hostile answer; then a mixture.
    """
    chance = random.Random(seed)
    rows = {}
    for path in NOTEBOOKS:
        exercises = OF_NOTEBOOK[path]
        queue = {
            exercise.number: [
                *((slip_source(exercise, slip), ("not yet", slip.name)) for slip in exercise.slips),
                *((exercise.solution_source, ("correct", "")) for _ in range(count // 3)),
            ]
            for exercise in exercises
        }
        for k, (body, state) in enumerate(HOSTILE.values()):
            exercise = exercises[k % len(exercises)]
            source = hostile_source(exercise, body.replace("{victim!r}", repr(str(victim))))
            queue[exercise.number].append((source, (state, "")))
        for answers in queue.values():
            chance.shuffle(answers)
        for student in range(count):
            given = {number: answers[student] for number, answers in queue.items() if student < len(answers)}
            sources = {number: source for number, (source, _) in given.items()}
            wanted = {
                exercise.number: given.get(exercise.number, (None, ("not attempted", "")))[1] for exercise in exercises
            }
            rows[student, path] = sources, wanted
    return rows
