"""Judge strangers' answers, each in a process of its own, with limits, in an empty folder.

`_collect` starts this file as a program that reads one task a line and answers each in one line. The program has loaded
the exercises and knows what their slips do; an answer is judged in a copy of it (a fork), which takes milliseconds.
Where a process cannot be copied, as on Windows, the program judges one answer and ends.

The limits keep one answer's faults from all others. They are no prison for somebody who means harm: a container is.
"""

from __future__ import annotations

import ast
import contextlib
import json
import linecache
import math
import os
import re
import select
import signal
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Iterator

from cnnlab.course.exercises import _calls
from cnnlab.course.exercises.checker import Exercise, State, Verdict

__all__ = ["CRASHED", "NOTEBOOKS", "OUT_OF_TIME", "answer_in", "exercises_of"]

NOTEBOOKS = {  # each notebook of the course, in order, and the module of its exercises
    "01_filter_update": "filter_update",
    "02_padding_and_convolution": "padding_and_convolution",
    "03_single_filter_cnn": "single_filter_cnn",
    "04_mnist_binary": "mnist_binary",
    "05_two_class_softmax": "two_class_softmax",
}
OUT_OF_TIME, CRASHED = "out of time", "crashed"  # beside what the checker says
MOST_WRITTEN = 2**20  # bytes of a file, or of an answer's verdict
LONGEST_CODE = 4000  # characters that are handed back


def exercises_of(notebook: str) -> list[Exercise]:
    """Return the exercises of a notebook of the course, in order."""
    module = import_module(f"cnnlab.course.exercises.{NOTEBOOKS[notebook]}")
    return [value for value in list(vars(module).values()) if isinstance(value, Exercise)]


# An answer in a notebook


def answer_in(cells: list[str], exercise: Exercise, others: tuple[str, ...] = ()) -> tuple[Verdict, str]:
    """Judge the answer that a notebook's cells hold, and return its code too.

    It is the last definition of the function before the last cell that asks for a verdict. Run are: this definition;
    what else its cell defines, where the function uses it; the functions of `others`, the page's other exercises,
    where it uses them; and the imports of any cell that these use. Nothing else.
    """
    cell = _cell_of(exercise.name, cells)
    if cell is None:
        return Verdict(State.NOT_ATTEMPTED, None, ("The notebook does not define the function.",)), ""
    try:
        used, own = _uses(exercise.name, _parsed(cell))
    except NO_PYTHON as error:
        return Verdict(State.NOT_YET, None, (f"Python cannot read the cell: {_words(error)}",)), cell
    code = "\n\n\n".join(filter(None, (ast.get_source_segment(cell, part) for part in own)))
    if any(map(_is_untouched, own)):
        return Verdict(State.NOT_ATTEMPTED, None, ("The function is as the grader made it.",)), code
    before: list[tuple[str, ast.stmt]] = []
    for name in reversed(others):  # later exercises use earlier ones
        other = _cell_of(name, cells) if name in used - _defined(*own) else None
        with contextlib.suppress(*NO_PYTHON):
            more, parts = _uses(name, _parsed(other)) if other else (set(), [])
            used |= more
            before = [(other or "", part) for part in parts] + before
    page: dict[str, Any] = {"__name__": "__main__"}
    for text, part in [*_imports(cells, used), *before]:
        with contextlib.suppress(Exception):  # where it matters, the function will say that a name is missing
            _run(part, text, page)
    try:
        for part in own:
            _run(part, cell, page)
    except Exception as error:
        return Verdict(State.NOT_YET, None, (f"The cell raises {_words(error)}",)), code
    return exercise.judge(page.get(exercise.name)), code


NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # what the parser raises


def _cell_of(name: str, cells: list[str]) -> str | None:
    asks = re.compile(rf"\b{name}\.(check|require|judge)\(")
    asking = [k for k, cell in enumerate(cells) if asks.search(cell)]
    for cell in reversed(cells[: asking[-1] + 1] if asking else cells):
        defined = re.search(rf"^(def {name}\b|{name} *=)", cell, re.M)
        if defined and (defined[0].startswith("def") or asks.search(cell)):
            return cell
    return None


MAGIC = re.compile(r"^[ \t]*([%!?].*|[\w.]+\?+[ \t]*)$", re.M)  # what IPython understands and Python does not


def _parsed(cell: str) -> list[ast.stmt]:
    try:
        return ast.parse(cell).body
    except SyntaxError:
        return ast.parse(MAGIC.sub("", cell)).body


def _uses(name: str, statements: list[ast.stmt]) -> tuple[set[str], list[ast.stmt]]:
    """Return the names that a function uses, itself and through its helpers, and the statements that define them."""
    names, more = set[str](), {name}
    parts: list[ast.stmt] = []
    while more != names:
        names = more
        parts = [statement for statement in statements if _defined(statement) & names]
        more = names.union(*map(_read, parts))
    return names, parts


def _read(statement: ast.stmt) -> set[str]:
    """Return the names in a statement that are no arguments of a function in it."""
    nodes = list(ast.walk(statement))
    arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
    return {node.id for node in nodes if isinstance(node, ast.Name)} - arguments


def _defined(*statements: ast.stmt) -> set[str]:
    names = set()
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            names.add(statement.name)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.Assign):
            targets = [node for target in statement.targets for node in ast.walk(target)]
            names |= {node.id for node in targets if isinstance(node, ast.Name)}
    return names


def _is_untouched(statement: ast.stmt) -> bool:
    """Whether this is a function as nbgrader leaves it where nobody told it what a stub is."""
    body = statement.body if isinstance(statement, ast.FunctionDef) else []
    return [ast.unparse(line) for line in body] == ["raise NotImplementedError()"]


def _imports(cells: list[str], names: set[str]) -> Iterator[tuple[str, ast.stmt]]:
    for cell in cells:
        with contextlib.suppress(*NO_PYTHON):
            for statement in _parsed(cell) if "import" in cell else []:
                if isinstance(statement, (ast.Import, ast.ImportFrom)) and _defined(statement) & {*names, "*"}:
                    yield cell, statement


def _run(statement: ast.stmt, cell: str, page: dict[str, Any]) -> None:
    """Run a statement of a cell, whose lines Python finds again where an error is to be explained."""
    name = f"<cell {hash(cell)}>"
    linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
    exec(compile(ast.Module([statement], []), name, "exec"), page)  # noqa: S102  (what this program is for)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0][:200]


# A process for each answer


def _verdict(task: dict[str, Any]) -> dict[str, Any]:
    exercises = {one.number: one for one in exercises_of(task["notebook"])}
    exercise = exercises.pop(task["number"])
    verdict, code = answer_in(task["cells"], exercise, tuple(one.name for one in exercises.values()))
    return {"state": verdict.state.words, "slip": verdict.slip, "code": code[:LONGEST_CODE]}


def _verdict_apart(task: dict[str, Any]) -> dict[str, Any]:
    """Judge an answer in a copy of this process, which is ended together with all that it may have started."""
    readable, writable = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        child = os.fork()
        if child == 0:
            try:
                _confine(folder, task["memory"])
                os.write(writable, json.dumps(_verdict(task)).encode()[:MOST_WRITTEN] + b"\n")
            finally:
                os._exit(0)
        os.close(writable)
        reply, trouble = b"", ""
        end = time.monotonic() + task["seconds"]
        while not reply.endswith(b"\n") and not trouble:
            if not select.select([readable], [], [], max(0, end - time.monotonic()))[0]:
                trouble = OUT_OF_TIME
            elif not (part := os.read(readable, 2**16)) or len(reply) > MOST_WRITTEN:
                trouble = CRASHED
            else:
                reply += part
        os.close(readable)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    try:
        return {"state": trouble} if trouble else json.loads(reply)
    except (ValueError, RecursionError):  # somebody else wrote into the pipe
        return {"state": CRASHED}


def _confine(folder: str, memory: int) -> None:
    """Leave a process an empty folder, little memory, and nothing to read from or to print to."""
    os.setsid()
    os.chdir(folder)
    os.environ["HOME"] = folder
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    _calls.TIME_LIMIT = math.inf  # the limit is that of the process, whatever the answer is doing
    with contextlib.suppress(ImportError, OSError, ValueError):  # there is no such limit here
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN))
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + memory * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    _refuse_what_reaches_outside(folder)


# What Python announces before it does it (its audit events), and no exercise needs.
REFUSED = re.compile(
    r"os\.(exec|fork|forkpty|kill|killpg|posix_spawn|spawn|startfile|system)|subprocess\.Popen|pty\.spawn"
    r"|signal\.pthread_kill|socket\.(bind|connect|getaddrinfo|sendto)"
)
CHANGES_FILES = re.compile(
    r"os\.(chmod|chown|link|mkdir|remove|removexattr|rename|rmdir|setxattr|symlink|truncate|utime)"
    r"|shutil\.(chown|copyfile|move|rmtree)"
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def _refuse_what_reaches_outside(folder: str) -> None:
    """Let a process start and stop no other, use no network, and change no file but in its folder.

    This stops what Python does; a library called through ctypes is not asked.
    """
    inside = os.path.realpath(folder)

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            paths = arguments[:1] if isinstance(arguments[2], int) and arguments[2] & WRITES else ()
        elif CHANGES_FILES.fullmatch(event):
            paths = arguments[:2]
        elif REFUSED.fullmatch(event):
            raise PermissionError(f"{event} is not allowed here")
        else:
            return
        for path in paths:
            if isinstance(path, (str, bytes, os.PathLike)):
                place = os.path.realpath(os.fsdecode(path))
                if place != os.devnull and os.path.commonpath([place, inside]) != inside:
                    raise PermissionError(f"{event} is not allowed outside the working folder")

    sys.addaudithook(refuse)


def main() -> None:
    """Answer the tasks that come, one a line, until there are no more."""
    for notebook in NOTEBOOKS:
        for exercise in exercises_of(notebook):
            exercise.judge(lambda *_: None)  # which has it find out what the solution and the slips do
    apart = hasattr(os, "fork")
    for line in sys.stdin:
        print(json.dumps((_verdict_apart if apart else _verdict)(json.loads(line))), flush=True)
        if not apart:
            break


if __name__ == "__main__":
    main()
