"""Call a function that may do anything, and come back with what happened."""

from __future__ import annotations

import builtins
import contextlib
import copy
import ctypes
import inspect
import io
import re
import sys
import threading
import time
import traceback
import warnings
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Iterator

import numpy as np

from cnnlab.course.exercises._source import code_of

__all__ = ["TIME_LIMIT", "Outcome", "call", "nearly_equal", "same_outcome", "same_outcomes", "unchanged", "wrong_cells"]

TIME_LIMIT = 5.0  # seconds of processor time for one call; the exercises' own inputs take milliseconds
CLOCK_FACTOR = 6  # times as long by the clock: a busy machine is slow, and a function that waits needs no processor
MEMORY_LIMIT = 2**29  # bytes that one call may take; the smallest machines in use have 2³⁰
MOST_RETURNED = 2**20  # numbers; the exercises' own answers have a few
MOST_PRINTED = 10_000  # characters kept of what a function prints
# Numbers count as equal within these: a small sum of large numbers is no more exact than they are.
ABSOLUTE_TOLERANCE = 1e-9
RELATIVE_TOLERANCE = 1e-6  # to each number
LARGEST_TOLERANCE = {4: 1e-5, 8: 1e-7}  # to the largest number, by the bytes of the answer's floats


@dataclass(frozen=True)
class Outcome:
    """What one call did."""

    numbers: tuple[np.ndarray, ...] | None  # the numbers it returned, or None where it did not return numbers
    trouble: str = ""  # why there are no numbers, as the end of a sentence that begins with the function or its line
    kind: str = ""  # what sort of trouble that is, to compare it with another call's
    line: int | None = None  # where in the function's own file: of the trouble, or of the `return`
    changed: tuple[str, ...] = ()  # arguments that are not as they were before
    printed: str = ""
    stopped: bool = False  # by a limit or by the reader: no use in calling again
    called: frozenset[Callable[..., Any]] = frozenset()  # of the functions that were watched for
    kept: str = ""  # the argument that it gave back in place of a new array


def call(
    function: Callable[..., Any],
    arguments: dict[str, Any],
    *,
    read_only: bool = False,
    watched: tuple[Callable[..., Any], ...] = (),
    shapes: Iterable[tuple[int, ...]] = (),
) -> Outcome:
    """Call `function` with copies of `arguments`, within limits of time and memory; never raise.

    With `read_only` the copies refuse to be changed, so that the line that tries shows up as an error. Of the
    functions `watched` it is noted which were called, wherever and under whatever name. An array of one of `shapes`
    that comes from `np.empty` holds NaN at first, and not the numbers of an earlier call, or zeros by chance.
    """
    copies = copy.deepcopy(arguments)
    for value in copies.values():
        if read_only and isinstance(value, np.ndarray):
            value.setflags(write=False)
    thread = _CallThread(function, copies, watched, shapes)
    printed = _BoundedText()
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        warnings.catch_warnings(action="ignore"),
        _no_pictures(),
        _no_dialogue(),
        _little_memory(),
    ):
        trouble, kind, line = thread.run_within_limit()
    stopped = bool(kind) or isinstance(thread.error, MemoryError)
    if not kind:
        trouble, kind, line = _describe(thread, printed.getvalue())
    if thread.error:
        traceback.clear_frames(thread.error.__traceback__)  # which hold what the function has made
    changed = tuple(name for name, value in arguments.items() if not unchanged(value, copies[name]))
    numbers = None if kind else thread.numbers
    called = frozenset(thread.called)
    return Outcome(numbers, trouble, kind, line, changed, printed.getvalue(), stopped, called, thread.kept)


def same_outcome(one: Outcome, other: Outcome) -> bool:
    """Whether two calls did the same: equal numbers, or the same sort of trouble, and the same arguments changed."""
    if one.kind != other.kind or one.changed != other.changed:
        return False
    if one.numbers is None or other.numbers is None:
        return one.numbers is other.numbers
    return len(one.numbers) == len(other.numbers) and all(map(nearly_equal, one.numbers, other.numbers))


def same_outcomes(ours: list[Outcome], theirs: list[Outcome]) -> bool:
    """Whether two rows of calls did the same."""
    return len(ours) == len(theirs) and all(map(same_outcome, ours, theirs))


def nearly_equal(got: np.ndarray, right: np.ndarray) -> bool:
    """Whether two arrays have the same shape and, but for rounding, the same numbers."""
    return got.shape == right.shape and not wrong_cells(got, right).any()


def wrong_cells(got: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Mark the cells in which two arrays of the same shape differ by more than rounding does."""
    largest = np.abs(right[np.isfinite(right)]).max(initial=0)
    relative = LARGEST_TOLERANCE.get(got.dtype.itemsize, 0) if got.dtype.kind == "f" else 0
    tolerance = ABSOLUTE_TOLERANCE + relative * largest
    return ~np.isclose(got.astype(float), right.astype(float), rtol=RELATIVE_TOLERANCE, atol=tolerance, equal_nan=True)


class _Stop(BaseException):
    """Raised inside a function that has been running for too long."""


class _Waits(BaseException):
    """Raised inside a function that asks for something to be typed."""


class _CallThread(threading.Thread):
    """A thread, since a thread can be left behind where nothing else stops a loop, on every system.

    It turns the result into arrays too: an object may do anything while it is converted.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: dict[str, Any],
        watched: tuple[Callable[..., Any], ...],
        shapes: Iterable[tuple[int, ...]],
    ) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()  # an interrupted `join` takes a running thread for a dead one
        self.function, self.arguments, self.shapes = function, arguments, shapes
        self.code = code_of(function)
        self.watched = {inspect.unwrap(one).__code__: one for one in watched}
        self.called: set[Callable[..., Any]] = set()
        self.numbers: tuple[np.ndarray, ...] | None = None
        self.returned = ""  # what came back, in words, where it was no numbers
        self.error: BaseException | None = None
        self.return_line: int | None = None
        self.kept = ""

    def run(self) -> None:
        tracer = sys.gettrace()
        try:
            for shape in self.shapes:
                _leave_nan_in_memory(shape)
            sys.settrace(self._trace)
            returned = self.function(*self.arguments.values())
            self.numbers, self.returned = _as_arrays(returned)
            parts = returned if isinstance(returned, tuple) else (returned,)
            for name, value in self.arguments.items():
                if isinstance(value, np.ndarray) and any(part is value for part in parts):
                    self.kept = name
        except BaseException as error:
            self.error = error
        finally:
            sys.settrace(tracer)
            self.done.set()

    def run_within_limit(self) -> tuple[str, str, int | None]:
        """Start, wait, and stop what does not end: (trouble, kind, line), or empty words if it ended by itself."""
        kind, trouble = "time limit", f"was still running after {TIME_LIMIT:g} seconds. Does a loop never end?"
        self.computed, self.end = time.process_time() + TIME_LIMIT, time.monotonic() + CLOCK_FACTOR * TIME_LIMIT
        try:
            try:
                self.start()
            except RuntimeError:  # a browser has no threads
                with self._stopped_in_place():
                    self.run()
                if isinstance(self.error, _Stop):
                    return trouble, kind, self.error_line()
            # In short turns, since on Windows an interruption waits until a wait is over.
            while not self._overdue() and not self.done.wait(0.1):
                pass
        except KeyboardInterrupt:
            kind, trouble = "interrupted", "was interrupted by you"
        if self.done.is_set():
            return "", "", None
        line = self._current_line()
        for _ in range(20):  # a bare `except:` in a loop catches the first few
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident or 0), ctypes.py_object(_Stop))
            if self.done.wait(0.05):
                return trouble, kind, line
        return f"{trouble} It cannot be stopped from here: restart the kernel.", kind, line

    @contextlib.contextmanager
    def _stopped_in_place(self) -> Iterator[None]:
        """Look at the clock at each line and turn of a loop. A tracer would not do: once it has raised it is gone."""
        monitoring: Any = getattr(sys, "monitoring", None)
        if monitoring is None:  # Python 3.11, which no browser has
            yield
            return
        tool = 4  # a number that is free for anyone
        events = monitoring.events.LINE, monitoring.events.JUMP
        self.end = time.monotonic() + TIME_LIMIT  # as `process_time` may stand still

        def look(code: Any, *_: Any) -> None:
            if self.code is not None and code.co_filename == self.code.co_filename and self._overdue():
                raise _Stop

        monitoring.use_tool_id(tool, "cnnlab")
        for event in events:
            monitoring.register_callback(tool, event, look)
        monitoring.set_events(tool, sum(events))
        try:
            yield
        finally:
            monitoring.set_events(tool, 0)
            for event in events:
                monitoring.register_callback(tool, event, None)
            monitoring.free_tool_id(tool)

    def _overdue(self) -> bool:
        return time.process_time() >= self.computed or time.monotonic() >= self.end

    def error_line(self) -> int | None:
        """Return the line that raised, in the file that the function was written in."""
        return self._innermost_line(list(traceback.walk_tb(self.error.__traceback__))) if self.error else None

    def _current_line(self) -> int | None:
        frame = sys._current_frames().get(self.ident or 0)
        return self._innermost_line(list(traceback.walk_stack(frame))[::-1]) if frame else None

    def _innermost_line(self, frames: list[tuple[Any, int]]) -> int | None:
        if self.code is None:
            return None
        lines = [line for frame, line in frames if frame.f_code.co_filename == self.code.co_filename]
        begun = [line for line in lines if line != self.code.co_firstlineno]  # a call too deep ends at its `def`
        return (begun or lines)[-1] if lines else None

    def _trace(self, frame: Any, event: str, _: Any) -> Any:  # pragma: no cover - coverage traces in the same way
        """Note what is called and which line returns; stop what must not be called."""
        code = frame.f_code
        if event == "call":
            if code.co_qualname == "Bdb.set_trace":
                raise _Waits
            if code.co_qualname in ENDS_THE_PROGRAM:
                raise SystemExit
            if code in self.watched:
                self.called.add(self.watched[code])
            if self.code is None or code.co_filename != self.code.co_filename:
                return None
            frame.f_trace_lines = False
        if event == "return" and code is self.code:
            self.return_line = frame.f_lineno
        return self._trace


def _leave_nan_in_memory(shape: tuple[int, ...]) -> None:
    """Fill the memory that this thread's next arrays of a shape will get. NumPy keeps up to seven small ones."""
    _ = [np.full(shape, np.nan) for _ in range(8)]


# What `exit()` comes to in a kernel, in IPython, and in plain Python, which closes the input first.
ENDS_THE_PROGRAM = ("ZMQInteractiveShell.ask_exit", "TerminalInteractiveShell.ask_exit", "Quitter.__call__")


@contextlib.contextmanager
def _no_dialogue() -> Iterator[None]:
    """Let `input` and `breakpoint` say at once that nobody will answer."""

    def ask(*_: Any, **__: Any) -> None:
        raise _Waits

    before = builtins.input, sys.breakpointhook
    builtins.input = sys.breakpointhook = ask  # type: ignore[assignment]
    try:
        yield
    finally:
        builtins.input, sys.breakpointhook = before


@contextlib.contextmanager
def _no_pictures() -> Iterator[None]:
    """Keep off the page what is displayed, and close the figures that are left open."""

    def figures() -> set[int]:
        return set(sys.modules["matplotlib.pyplot"].get_fignums()) if "matplotlib.pyplot" in sys.modules else set()

    before = figures()
    with contextlib.ExitStack() as stack:
        if "IPython" in sys.modules and sys.modules["IPython"].get_ipython():
            from IPython.utils.capture import capture_output

            stack.enter_context(capture_output(stdout=False, stderr=False))
        yield
    for number in figures() - before:
        sys.modules["matplotlib.pyplot"].close(number)


@contextlib.contextmanager
def _little_memory() -> Iterator[None]:
    """Let the process take no more than `MEMORY_LIMIT`, where the system is Linux."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as statm:
            now = int(statm.read().split()[5]) * resource.getpagesize()
        before = resource.getrlimit(resource.RLIMIT_DATA)
        limits = [now + MEMORY_LIMIT, *(limit for limit in before if limit != resource.RLIM_INFINITY)]
        resource.setrlimit(resource.RLIMIT_DATA, (min(limits), before[1]))
    except (ImportError, OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _describe(thread: _CallThread, printed: str) -> tuple[str, str, int | None]:
    """Say why a call that ended by itself gave no numbers: (trouble, kind, line), with empty words if it did."""
    error = thread.error
    if error is None:
        trouble = thread.returned
        if trouble == "returns None":
            trouble += " and only prints: return the result." if printed else ": is a `return` missing?"
        return trouble, thread.returned, thread.return_line
    if isinstance(error, _Waits):
        return WAITS, "waits", thread.error_line()
    try:
        words = re.sub(r", with gufunc signature \S+", "", str(error)).strip().split("\n")[0][:200]
    except Exception:
        words = ""
    name = type(error).__name__.removeprefix("_Array")  # NumPy has a MemoryError of its own
    trouble = f"raises {name}" + (f": {words.removesuffix('.')}." if words else ".")
    # Two errors are of one kind when they begin alike and are about the same sizes, in whatever order.
    kind = " ".join([name, *re.sub(r"\d+", "", words).split()[:3], *sorted(re.findall(r"\d+", words))])
    return trouble, kind, thread.error_line()


WAITS = "waits for something to be typed, and nobody can answer here: leave input() and the debugger out of it."


def _as_arrays(returned: Any) -> tuple[tuple[np.ndarray, ...] | None, str]:
    """Return the numbers as arrays, or words that say what came instead."""
    numbers = []
    if type(returned) is tuple and len(returned) < 2:
        what = "a tuple with one thing in it: is there a comma too many behind it?" if returned else "an empty tuple."
        return None, f"returns {what}"
    for value in returned if type(returned) is tuple else (returned,):
        if value is None and returned is None:
            return None, "returns None"
        if not (type(value) is np.ndarray or isinstance(value, (int, float, np.number, np.bool_))):
            inside = " inside a tuple" if type(returned) is tuple else ""
            advice = ": np.array(…) turns it into one." if isinstance(value, list) else "."
            return None, f"returns {_with_article(value)}{inside}, where a number or a NumPy array is expected{advice}"
        if np.size(value) > MOST_RETURNED:  # a view of one number may pretend to be more than there is memory for
            return None, f"returns an array of shape {np.shape(value)}, which is far too large."
        array = np.array(value)  # a copy: it may be a view of an argument
        if array.dtype.kind in "US":
            return None, "returns text, where a number or a NumPy array of numbers is expected."
        if array.dtype.kind not in "biuf":
            return None, f"returns numbers of dtype {array.dtype}, where real numbers are expected."
        numbers.append(array.astype(float) if array.dtype.itemsize > 8 else array)  # more digits than anything here has
    return tuple(numbers), ""


def _with_article(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def unchanged(before: Any, after: Any) -> bool:
    """Whether an argument, or an array of the page, is as it was, bit for bit: so are NaN, and objects of any kind."""
    if isinstance(before, np.ndarray):
        return (before.shape, before.dtype, before.tobytes()) == (after.shape, after.dtype, after.tobytes())
    return bool(before == after)


class _BoundedText(io.StringIO):
    """Keeps the beginning of what is printed, so that a loop that prints without end does not fill the memory."""

    def write(self, text: str) -> int:
        if self.tell() < MOST_PRINTED:
            super().write(text[:MOST_PRINTED])
        return len(text)
