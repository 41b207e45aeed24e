"""A test of arguments that is complete by construction: every public function, every argument, every hostile value.

A table (`tests/*/test_*_arguments.py`) has one `Case` for each public function, constructor and method: a sound call,
and for each argument what else it accepts and what the right answer then is. Whatever a table does not accept must be
refused, on purpose, with a text that helps; nothing may change an argument, warn, or need much memory.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import importlib
import inspect
import pkgutil
import re
import signal
import tracemalloc
import types
import warnings
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import numpy as np
import pytest
from hostile_values import LARGE, TELLING, Value, values
from oracle import torch

try:
    import resource
except ImportError:  # Windows
    resource = None

import cnnlab
from cnnlab import layers, networks
from cnnlab.course.exercises.checker import Exercise

PACKAGE = Path(cnnlab.__file__).parent
MOST_MEMORY = 64 * 2**20  # bytes that a call on small arguments may need
MOST_SECONDS = 60  # of processor time, after which a call counts as one that never ends

LEARNERS_CALLS = ("exercises.Exercise.check", "exercises.Exercise.hint", "exercises.Exercise.solution")

# An error's text says what came, and what to do.
CAME = re.compile(r"\b(got|has|have|is|are|cannot|does not|do not|gives|came|declares|holds|lost)\b")
REMEDY = re.compile(
    r"\b(must|needs?|takes|use|fill|turn|pass|give|leave|convert|expected|at least|at most|choose|make|set|install"
    r"|reason)\b"
)


class Refuse(Exception):
    """Raised by a table's answer to say that the value makes no sense here and must be refused."""


UNKNOWN = object()  # an answer that PyTorch should give, where it is not installed


class Refused(NamedTuple):
    """A call's outcome when it raised."""

    error: BaseException


class Near(NamedTuple):
    """A right answer that may be missed by so much, where rounding is all there is left of it."""

    answer: Any
    error: Any


class Fresh(NamedTuple):
    """A sound argument that is made anew for every call, where a deep copy would not do."""

    make: Callable[[], Any]


# What a table says about an accepted value. Otherwise: a function of the arguments (by name) that gives the right
# answer, or raises `Refuse`.
SAME = "the same as for the plain form of the same numbers"  # an argument's default for what has a plain form
RIGHT = "what the case's own function says is right"
FINE = "nothing goes wrong"
PASSES = "the error of the argument itself passes through"  # of a function that is called, say

Answer = str | Callable[..., Any]


class Argument:
    """One argument of a case: a sound value, what else is accepted, and the words that may name it in an error."""

    def __init__(self, sound: Any, *accepted: dict[str, Answer], named: tuple[str, ...] = ()) -> None:
        self.sound = sound
        self.accepted: dict[str, Answer] = {}
        for part in accepted:
            self.accepted |= part
        self.named = named

    def make(self) -> Any:
        return self.sound.make() if isinstance(self.sound, Fresh) else copy.deepcopy(self.sound)

    def values(self) -> Iterator[Value]:
        return values(None if isinstance(self.sound, Fresh) else self.sound)


def accept(*groups: tuple[str, ...] | str, answer: Answer = SAME) -> dict[str, Answer]:
    """Accept the values of these groups (a lone string is one value) with this answer."""
    names = [name for group in groups for name in ([group] if isinstance(group, str) else group)]
    return dict.fromkeys(names, answer)


class Case:
    """A sound call of one public function, by its arguments' names."""

    def __init__(
        self,
        call: Callable[..., Any],
        right: Callable[..., Any] | None = None,
        /,
        *,
        changes: tuple[str, ...] = (),
        keeps: tuple[str, ...] = (),
        **arguments: Argument,
    ) -> None:
        self.call, self.right, self.arguments = call, right, arguments
        self.changes, self.keeps = changes, keeps  # what it may change, and what may be part of its result


# What there is to be tested.


def public() -> dict[str, list[str]]:
    """List the package's public functions, constructors and methods, each with its arguments' names."""
    found: dict[str, list[str]] = {}
    for path, prefix in ((PACKAGE, "cnnlab."), (PACKAGE / "course", "cnnlab.course.")):
        for module in pkgutil.iter_modules([str(path)], prefix):
            name = module.name.removeprefix(prefix)
            if not name.startswith("_") and name != "course":
                public_module = importlib.import_module(module.name)
                for member in public_module.__all__:
                    found |= _calls(f"{name}.{member}", getattr(public_module, member))
    exercise = _calls("exercises.Exercise", Exercise)  # of which a learner calls these
    return found | {name: exercise[name] for name in LEARNERS_CALLS}


def _calls(name: str, member: Any) -> dict[str, list[str]]:
    """List a function, or a class's constructor and methods; a named tuple only carries what was put into it."""
    if not isinstance(member, type):
        return {name: list(inspect.signature(member).parameters)} if callable(member) else {}
    if issubclass(member, tuple):
        return {}
    found = {name: list(inspect.signature(member).parameters)}
    if issubclass(member, layers.Layer):
        return found  # a network calls the methods
    if member is networks.Network:
        found = {}  # `Network.of` makes it
    for owner in (base for base in member.__mro__ if base.__module__.split(".")[0] == "cnnlab"):
        for method, value in vars(owner).items():
            if isinstance(value, (classmethod, staticmethod)) and owner is not member:
                continue  # it makes what the class that has it is
            if not method.startswith("_") and isinstance(value, (classmethod, staticmethod, types.FunctionType)):
                names = list(inspect.signature(getattr(member, method)).parameters)
                found[f"{name}.{method}"] = names[1:] if isinstance(value, types.FunctionType) else names
    return found


PARTS = {  # which module's functions stand in which folder's table; those of a module not named here, in operations
    **dict.fromkeys(("layers", "networks", "training"), "networks"),
    "datasets": "data",
    **dict.fromkeys(("plots", "widgets", "exercises"), "course"),
}


def missing(cases: dict[str, Case], part: str) -> list[str]:
    """Say what the table of a part of the package lacks, and what it has too much."""
    expected = {name: sorted(a) for name, a in public().items() if PARTS.get(name.split(".")[0], "operations") == part}
    found = {name: sorted(case.arguments) for name, case in cases.items()}
    return [
        f"{name}: takes {expected.get(name, 'nothing, as there is none')}, its case {found.get(name, 'is missing')}"
        for name in expected | found
        if expected.get(name) != found.get(name)
    ]


# Trying and judging.


def calls(cases: dict[str, Case]) -> list[tuple[str, str | None]]:
    """List what is tried: each argument of each case, and a case without arguments as it is."""
    return [(name, argument) for name, case in cases.items() for argument in (case.arguments or [None])]


def is_telling(value: Value) -> bool:
    return value.name in TELLING


def make_tests(cases: dict[str, Case], part: str) -> tuple[Callable[..., None], ...]:
    """Make the tests of a table: telling values, all others in the thorough run, and that no call or argument lacks."""
    every_call = pytest.mark.parametrize(("name", "argument"), calls(cases))

    @every_call
    def telling(name: str, argument: str | None) -> None:
        check(cases, name, argument, is_telling)

    @pytest.mark.thorough
    @every_call
    def others(name: str, argument: str | None) -> None:
        check(cases, name, argument, lambda value: not is_telling(value))

    def complete() -> None:
        assert not missing(cases, part)

    return telling, others, complete


def check(cases: dict[str, Case], name: str, argument: str | None, chosen: Callable[[Value], bool]) -> None:
    """Try every hostile value that is chosen for one argument (None: the sound call alone)."""
    with little_memory():
        found = failures(name, cases[name], argument, chosen)
    assert not found, f"{len(found)} failures\n" + "\n".join(found)


def sentences(table: str) -> list[tuple[str, str]]:
    """Read a table of sentences: a call at the start of a line, and indented below it the error that it must raise."""
    found: list[tuple[str, str]] = []
    for line in filter(str.strip, table.splitlines()):
        if line[0] != " ":
            found.append((line, ""))
        else:
            call, sentence = found[-1]
            found[-1] = call, f"{sentence} {line.strip()}".strip()
    return found


def check_sentence(call: str, sentence: str, names: dict[str, Any]) -> None:
    """Make a call, which must raise an error with this type and text; … stands for any words."""
    try:
        came = f"gave {eval(call, names)!r}"  # noqa: S307 - the table's own words
    except Exception as error:
        came = f"{type(error).__name__}: {error}"
    assert re.fullmatch(re.escape(sentence).replace("…", ".*"), came), f"{came}\n(expected) {sentence}"


def failures(
    name: str, case: Case, argument: str | None, chosen: Callable[[Value], bool] = lambda value: True
) -> list[str]:
    """Try the sound call and every hostile value that is chosen for one argument; say what went wrong."""
    found: list[str] = []
    if chosen(Value("sound", lambda: None)):
        outcome, wrong = attempt(case, {key: value.make() for key, value in case.arguments.items()})
        if isinstance(outcome, Refused):
            wrong = [*wrong, f"raised {outcome.error!r}"]
        found += [f"{name}, sound: {text}" for text in wrong]
    if argument is None:
        return found
    tried = [*case.arguments[argument].values()]
    unknown = set(case.arguments[argument].accepted) - {value.name for value in tried}
    found += [f"{name}: {argument} accepts {key!r}, which is no value's name" for key in sorted(unknown)]
    for value in filter(chosen, tried):
        found += [f"{name}, {argument} = {value.name}: {text}" for text in _judge(case, argument, value)]
    return found


def _judge(case: Case, argument: str, value: Value) -> list[str]:
    answer = case.arguments[argument].accepted.get(value.name)
    outcome, wrong = _call_with(case, argument, value, value.make)
    if answer is None:
        if not isinstance(outcome, Refused):
            return [*wrong, f"was accepted and gave {_short(outcome)}"]
        return wrong + _judge_error(case, argument, outcome.error)
    if answer == RIGHT:
        answer = case.right
    if answer == PASSES:
        wrong = [text for text in wrong if text not in {f"changed {name}" for name in case.changes}]
        return wrong if isinstance(outcome, Refused) else [*wrong, f"gave {_short(outcome)}"]
    if answer == FINE:
        return wrong if not isinstance(outcome, Refused) else [*wrong, f"raised {outcome.error!r}"]
    if answer == SAME:
        if value.plain is None:
            return [*wrong, "has no plain form to be the same as"]
        expected = _call_with(case, argument, value, value.plain)[0]
        tolerance = 1e-4 if "float32" in value.name else 1e-12
    else:
        arguments = {key: other.make() for key, other in case.arguments.items()} | {argument: value.make()}
        expected, tolerance = right_answer(answer, arguments), 1e-9
    if isinstance(outcome, Refused) and (isinstance(expected, Refused) or expected is UNKNOWN):
        return wrong + _judge_error(case, argument, outcome.error)
    return wrong + disagreement(outcome, expected, tolerance, dtypes=answer == SAME and "float32" not in value.name)


def right_answer(answer: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Ask a table for the answer; `Refused` if it says so, `UNKNOWN` if it needs PyTorch and there is none."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return answer(**arguments)
    except Refuse as refusal:
        return Refused(refusal)
    except AttributeError:
        if torch is not None:
            raise
        return UNKNOWN


def disagreement(outcome: Any, expected: Any, tolerance: float = 1e-9, *, dtypes: bool = False) -> list[str]:
    """Say where a call's outcome is not the right answer."""
    if isinstance(expected, Refused):
        return [] if isinstance(outcome, Refused) else [f"should have been refused; gave {_short(outcome)}"]
    if isinstance(outcome, Refused):
        return [f"raised {outcome.error!r}"]
    if expected is UNKNOWN:
        return []
    expected, error = expected if isinstance(expected, Near) else (expected, 0.0)
    return differences(outcome, expected, tolerance, error, dtypes=dtypes)


def _call_with(case: Case, argument: str, value: Value, make: Callable[[], Any]) -> tuple[Any, list[str]]:
    arguments = {key: other.make() for key, other in case.arguments.items() if key != argument}
    # Only what is large may need much memory, and to weigh every call would take longer than the calls.
    return attempt(case, arguments | {argument: make()}, weigh=value.name in LARGE)


class _TooSlow(BaseException):
    """Not an Exception, so that no `except Exception` keeps it."""


def attempt(case: Case, arguments: dict[str, Any], *, weigh: bool = True) -> tuple[Any, list[str]]:
    """Call and watch; return the result or `Refused`, and what was wrong about the way to it."""
    wrong: list[str] = []
    before = {key: fingerprint(value) for key, value in arguments.items()}
    outcome: Any = None
    with warnings.catch_warnings(record=True) as warned, _stopped_when_slow():
        warnings.simplefilter("always")
        if weigh:
            tracemalloc.start()
        try:
            outcome = case.call(**arguments)
        except (Exception, _TooSlow) as error:
            outcome = Refused(error)
        needed = tracemalloc.get_traced_memory()[1] if weigh else 0
        tracemalloc.stop()
    wrong += [f"warned {warning.message!s}" for warning in warned if not _is_of_a_library(warning)]
    if needed > MOST_MEMORY:
        wrong.append(f"needed {needed / 2**20:.0f} MiB")
    may_change = () if isinstance(outcome, Refused) else case.changes
    for key, value in arguments.items():
        if key not in may_change and fingerprint(value) != before[key]:
            wrong.append(f"changed {key}")
        if key not in case.keeps and any(_shares(part, value) for _, part in _leaves(outcome)):
            wrong.append(f"returned a view of {key}")
    return outcome, wrong


def _shares(part: Any, value: Any) -> bool:
    return isinstance(part, np.ndarray) and isinstance(value, np.ndarray) and np.may_share_memory(part, value)


def _is_of_a_library(warning: warnings.WarningMessage) -> bool:
    """Say whether one library tells another that something in it is on its way out."""
    is_ours = Path(warning.filename).is_relative_to(PACKAGE)
    return issubclass(warning.category, (DeprecationWarning, PendingDeprecationWarning)) and not is_ours


@contextlib.contextmanager
def _stopped_when_slow() -> Iterator[None]:
    """Stop a call that takes too long, where the system has a clock for that."""

    def stop(*_: Any) -> None:
        raise _TooSlow(f"stopped after {MOST_SECONDS} s")

    clock = getattr(signal, "ITIMER_PROF", None)  # processor time: a busy machine is no fault
    if clock is None:
        yield
        return
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(clock, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(clock, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def little_memory(room: int = 4 * 2**30) -> Iterator[None]:
    """Give the process no more than so many bytes beyond what it has."""
    if resource is None or not Path("/proc/self/statm").exists():
        yield
        return
    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = now + room if before[1] == resource.RLIM_INFINITY else min(now + room, before[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def fingerprint(value: Any, depth: int = 4) -> Any:
    """Note everything about an argument that a call might change."""
    if isinstance(value, np.ma.MaskedArray):
        return value.shape, value.tobytes(0), np.ma.getmaskarray(value).tobytes()
    if isinstance(value, np.ndarray):
        content = repr(value.tolist()) if value.dtype == object else None if value.size > 2**20 else value.tobytes()
        return value.shape, value.strides, value.dtype, repr(value.flags), content
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, (list, tuple)) and depth:
        return [len(value), *(fingerprint(entry, depth - 1) for entry in value)]
    if isinstance(value, dict) and depth:
        return [(key, fingerprint(entry, depth - 1)) for key, entry in value.items()]
    if hasattr(value, "parameters") and isinstance(value.parameters, dict):  # a network
        return fingerprint(value.parameters)
    if isinstance(value, (str, bytes, int, float, complex, np.generic)):
        return type(value), str(value) if not isinstance(value, int) else value
    return id(value)


def _judge_error(case: Case, argument: str, error: BaseException) -> list[str]:
    if type(error) not in (ValueError, TypeError):
        return [f"raised {type(error).__name__}: {str(error)[:200]}"]
    wrong = []
    text = str(error)
    if not _raised_on_purpose(error):
        wrong.append("the error is not raised by cnnlab")
    if error.__cause__ is not None or (error.__context__ is not None and not error.__suppress_context__):
        wrong.append(f"the error shows its cause, {error.__cause__ or error.__context__!r}")
    if "\n" in text or len(text) > 400:
        wrong.append("the text is longer than one line")
    names = (argument, *case.arguments[argument].named)
    if not any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names):
        wrong.append("the text does not name the argument")
    if not CAME.search(text):
        wrong.append("the text does not say what came")
    if not REMEDY.search(text):
        wrong.append("the text does not say what to do")
    return [f"{fault}: {text[:200]}" for fault in wrong]


def _raised_on_purpose(error: BaseException) -> bool:
    """Say whether the innermost frame is a `raise` statement of the package."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return False
    file = place.tb_frame.f_code.co_filename
    return Path(file).is_relative_to(PACKAGE) and place.tb_lineno in _raise_lines(file)


@functools.cache
def _raise_lines(file: str) -> set[int]:
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return {line for node in statements for line in range(node.lineno, node.end_lineno + 1)}


def differences(found: Any, expected: Any, tolerance: float, error: Any = 0.0, *, dtypes: bool = False) -> list[str]:
    """Compare two results, leaf by leaf; NaN equals NaN, and the tolerance is relative to each number."""
    ours, theirs = dict(_leaves(found)), dict(_leaves(expected))
    if ours.keys() != theirs.keys():
        return [f"gave {sorted(ours)}; right is {sorted(theirs)}"]
    wrong = []
    for path in ours:
        a, b = ours[path], theirs[path]
        if not (_is_numeric(a) and _is_numeric(b)):
            if repr(a) != repr(b):
                wrong.append(f"gave {path}{_short(a)}; right is {_short(b)}")
            continue
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or (dtypes and a.dtype != b.dtype):
            wrong.append(f"gave {path}shape {a.shape} of {a.dtype}; right is {b.shape} of {b.dtype}")
        elif isinstance(ours[path], np.ndarray) and (type(ours[path]) is not np.ndarray or not a.dtype.isnative):
            wrong.append(f"gave {path}{type(ours[path]).__name__} of {a.dtype}")
        elif not _close(a.astype(float), b.astype(float), tolerance, error):
            wrong.append(f"gave {path}{_short(a)}; right is {_short(b)}")
    return wrong


def _close(a: np.ndarray, b: np.ndarray, tolerance: float, error: Any) -> bool:
    with np.errstate(all="ignore"):
        finite = np.isfinite(a) & np.isfinite(b)
        # Sums that cancel are as good as their parts: small numbers are compared beside the ordinary ones around them.
        ordinary = np.abs(b[finite & (np.abs(b) < 1e3)])
        scale = np.maximum(np.abs(a), np.abs(b)) + ordinary.max(initial=1e-290)
        near = np.abs(a - b) <= tolerance * scale + error
        return bool(np.all((finite & near) | (a == b) | ((a != a) & (b != b))))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        value = dict(zip(value._fields, value, strict=True))
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _leaves(entry, f"{path}{key}: ")
    elif isinstance(value, (tuple, list)):
        for key, entry in enumerate(value):
            yield from _leaves(entry, f"{path}{key}: ")
    elif hasattr(value, "parameters") and isinstance(value.parameters, dict):
        yield from _leaves(value.parameters, path)
    else:
        yield path, value


def _is_numeric(value: Any) -> bool:
    return isinstance(value, (bool, int, float, np.generic, np.ndarray))


def _short(value: Any) -> str:
    return " ".join(repr(value).split())[:160]
