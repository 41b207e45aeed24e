"""The checker that all exercises share: it calls the learner's function and says whether, what and where.

An exercise is made from its solution. The wrong answers that people really give stand beside it, as *slips*: functions
with the sentence that the learner should read. A slip is recognised by what it computes, not by how it is written.

>>> @exercise("0.1", "the sum of two numbers", inputs=[(1, 2), (2, 2)], hints=["Which sign stands for addition?"])
... def add(a, b):
...     return a + b
>>> @add.slip("You subtract the second number. Add it.")
... def subtracted(a, b):
...     return a - b
>>> add.check(lambda a, b: a - b)
✗ Exercise 0.1, the sum of two numbers: not yet
  You subtract the second number. Add it.
  Stuck? ex.add.hint()
>>> add.check(lambda a, b: b + a)
✓ Exercise 0.1, the sum of two numbers: correct
  Right for 2 inputs.
"""

from __future__ import annotations

import ast
import copy
import dis
import inspect
import textwrap
from enum import Enum
from functools import cached_property
from types import CodeType
from typing import Any, Callable, NamedTuple

import numpy as np

from cnnlab.exercises._calls import Call, call, line_text
from cnnlab.gradient_check import check_gradient

__all__ = ["Exercise", "Slip", "State", "Verdict", "exercise", "progress"]

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-6, 1e-9
LARGEST_SHOWN = 16  # numbers of an argument that are written out

Function = Callable[..., Any]
Inputs = list[tuple[Any, ...]]


class State(Enum):
    """How far an exercise is: a sign and words, so that nothing depends on a colour."""

    NOT_ATTEMPTED = "○ not attempted"
    NOT_YET = "✗ not yet"
    CORRECT = "✓ correct"

    @property
    def sign(self) -> str:
        """The sign alone."""
        return self.value[0]

    @property
    def words(self) -> str:
        """The words alone."""
        return self.value[2:]


class Verdict(NamedTuple):
    """What the checker says of a function."""

    state: State
    lines: tuple[str, ...]


class Slip(NamedTuple):
    """A wrong answer that people really give, and what they should read."""

    sentence: str
    function: Function


_exercises: dict[str, list[Exercise]] = {}  # by module: those that this kernel has loaded


class Exercise:
    """A function to be written: its solution, the inputs it is tried with, hints, and the known slips.

    Made by `exercise`. A learner uses `check`, `hint`, `solution` and `failing_input`.
    """

    def __init__(self, solution: Function, number: str, title: str, inputs: Inputs, hints: list[str]) -> None:
        self.name, self.number, self.title = solution.__name__, number, title
        self.state = State.NOT_ATTEMPTED
        self.slips: list[Slip] = []
        self.failing_input: tuple[Any, ...] | None = None
        self._solution, self._inputs, self._hints = solution, inputs, hints
        self._names = list(inspect.signature(solution).parameters)
        self._given: Function | None = None
        self._loss: Function | None = None
        self._hints_given = 0

    # What a learner calls

    def check(self, function: Any = None) -> None:
        """Say whether `function` is right, and if not, what went wrong and where.

        Parameters
        ----------
        function : callable
            The function itself, without brackets behind its name. It is called with copies; whatever it does, this
            prints a verdict and raises nothing.
        """
        self.state, lines = self.judge(function)
        print(f"{self.state.sign} Exercise {self.number}, {self.title}: {self.state.words}")
        for line in lines:
            print("  " + line)

    def hint(self) -> None:
        """Show the next hint; after the last they begin again."""
        number = self._hints_given % len(self._hints)
        self._hints_given += 1
        print(f"Hint {number + 1} of {len(self._hints)}: {self._hints[number]}")
        if number + 1 == len(self._hints):
            print(f"That was the last one. ex.{self.name}.solution() shows the code.")

    def solution(self) -> None:
        """Show a right answer."""
        print(self.solution_source)

    # What a module of exercises adds

    def slip(self, sentence: str) -> Callable[[Function], Function]:
        """Decorate a wrong answer with the sentence for the learner who gives it."""

        def register(function: Function) -> Function:
            self.slips.append(Slip(sentence, function))
            return function

        return register

    def given(self, function: Function) -> Function:
        """Decorate the faulty code that a bug hunt starts from."""
        self._given = function
        return function

    def loss(self, function: Function) -> Function:
        """Decorate a function that takes the exercise's arguments and returns (f, x) for central differences.

        The answer must be the gradient of f at x. It returns None where f has a kink.
        """
        self._loss = function
        return function

    # What a test asks

    @property
    def solution_source(self) -> str:
        """The code of the solution."""
        return _source(self._solution)

    @property
    def stub_source(self) -> str:
        """The code that the notebook begins with."""
        if self._given is None:
            return f"def {self.name}({', '.join(self._names)}):\n    ...  # your code"
        return _source(self._given).replace(f"def {self._given.__name__}(", f"def {self.name}(", 1)

    def judge(self, function: Any) -> Verdict:
        """Return the verdict that `check` prints, without noting it."""
        self.failing_input = None
        if not callable(function):
            return self._not_yet(
                f"check needs the function itself, without brackets: ex.{self.name}.check({self.name}). "
                f"It got {'nothing' if function is None else f'the value of type {type(function).__name__}'}."
            )
        if self._untouched(function):
            return Verdict(
                State.NOT_ATTEMPTED,
                (f"Change the code, then run the cell again. Stuck? ex.{self.name}.hint()",),
            )
        try:
            inspect.signature(function).bind(*self._names)
        except TypeError:
            return self._not_yet(
                f"Your function takes other arguments than ({', '.join(self._names)}): keep the line with `def`."
            )
        except ValueError:
            pass  # a function written in C may have no signature

        calls = self._call_all(function)
        wrong = next((k for k, made in enumerate(calls) if not _same(made, self._expected[k])), None)
        printed = _printed(calls)
        if wrong is None:
            again = self._call_all(function)
            if not _all_same(again, calls):
                return self._not_yet(RANDOM, *printed)
            checked = [check for k, made in enumerate(calls) if (check := self._central_differences(k, made))]
            words = f"Right for {len(calls)} inputs" + (", and central differences agree." if checked else ".")
            return Verdict(State.CORRECT, (words, *printed))
        self.failing_input = copy.deepcopy(self._inputs[wrong])
        if not calls[wrong].cut_short and not _same(call(function, self._arguments(wrong)), calls[wrong]):
            return self._not_yet(RANDOM, *printed)
        sentence = self._known_slip(calls, wrong)
        lines = (sentence,) if sentence else self._explain(function, wrong, calls[wrong])
        return self._not_yet(*lines, *printed)

    # How it finds out

    def _not_yet(self, *lines: str) -> Verdict:
        return Verdict(State.NOT_YET, (*lines, f"Stuck? ex.{self.name}.hint()"))

    def _untouched(self, function: Function) -> bool:
        code = getattr(function, "__code__", None)
        if code is None:
            return False
        return _same_code(code, (self._given or _nothing).__code__)

    def _arguments(self, k: int) -> dict[str, Any]:
        return dict(zip(self._names, self._inputs[k], strict=True))

    def _call_all(self, function: Function) -> list[Call]:
        calls = []
        for k in range(len(self._inputs)):
            calls.append(call(function, self._arguments(k)))
            if calls[-1].cut_short:
                break
        return calls

    @cached_property
    def _expected(self) -> list[Call]:
        return self._call_all(self._solution)

    @cached_property
    def _slip_calls(self) -> list[list[Call]]:
        return [self._call_all(slip.function) for slip in self.slips]

    def _known_slip(self, calls: list[Call], wrong: int) -> str | None:
        """Return the sentence of the slip that does the same.

        That is the slip that agrees on every input. Where there is none, since a second thing is wrong too, it is the
        only slip that agrees with the numbers of the smallest input that fails, and with all before.
        """
        for slip, slip_calls in zip(self.slips, self._slip_calls, strict=True):
            if _all_same(calls, slip_calls):
                return slip.sentence
        if calls[wrong].parts is None:
            return None
        alike = [
            slip.sentence
            for slip, slip_calls in zip(self.slips, self._slip_calls, strict=True)
            if _all_same(calls[: wrong + 1], slip_calls[: wrong + 1])
        ]
        return alike[0] if len(alike) == 1 else None

    def _explain(self, function: Function, k: int, made: Call) -> tuple[str, ...]:
        """Say what is wrong with the call of input `k`, in one line; then show the input."""
        expected = self._expected[k].parts
        assert expected is not None
        line = made.line or call(function, self._arguments(k), note_return=True).line
        place = self._place(function, line)
        example = f"The input: {', '.join(_shown(name, value) for name, value in self._arguments(k).items())}."
        retry = f"To look at it yourself: {self.name}(*ex.{self.name}.failing_input)"
        if made.parts is None:
            return f"{place} {made.trouble}", example, retry
        if made.changed:
            at = self._place(function, call(function, self._arguments(k), read_only=True).line)
            name = made.changed[0]
            return f"{at} changes {name}, which belongs to the caller. Work on a copy: {name}.copy()", example, retry
        if len(made.parts) != len(expected):
            counts = f"{len(made.parts)} value{'s' * (len(made.parts) > 1)}, expected {len(expected)}"
            return f"{place} returns {counts}.", example, retry
        for part, (got, right) in enumerate(zip(made.parts, expected, strict=True)):
            which = f"value {part + 1} of {len(expected)}: " if len(expected) > 1 else ""
            if got.shape != right.shape:
                what = f"{which}{_shape(got)}, expected {_shape(right)}"
                return f"{place} returns {what}.", example, retry
            if not _close(got, right):
                what = f"{which}{_worst(got, right)}"
                difference = self._central_differences(k, made)
                return f"{place} returns {what}", *difference, example, retry
        raise AssertionError("a call that differs differs in something")

    def _place(self, function: Function, line: int | None) -> str:
        if line is None:
            return "Your function"
        text = line_text(function, line)
        return f"Line {line}, `{text}`," if text else f"Line {line}"

    def _central_differences(self, k: int, made: Call) -> tuple[str, ...]:
        """Compare the first part with central differences: what the check says, or nothing where none is asked."""
        pair = self._loss(*copy.deepcopy(self._inputs[k])) if self._loss else None
        if pair is None or made.parts is None:
            return ()
        f, x = pair
        return (str(check_gradient(f, x, made.parts[0], tolerance=1e-5)),)


def exercise(number: str, title: str, *, inputs: Inputs, hints: list[str]) -> Callable[[Function], Exercise]:
    """Make an exercise of the function it decorates, which is its solution.

    Parameters
    ----------
    number : str
        As the notebook counts it: "1.3".
    title : str
        What is asked for, in a few words.
    inputs : list of tuple
        The arguments that a function is tried with, smallest first: the first that fails is shown. Between them they
        must tell every slip from the solution and from every other slip.
    hints : list of str
        From the first nudge to nearly the answer.
    """

    def make(solution: Function) -> Exercise:
        made = Exercise(solution, number, title, inputs, hints)
        _exercises.setdefault(solution.__module__, []).append(made)
        return made

    return make


def progress() -> None:
    """Show a table of the exercises of each notebook whose exercises are loaded, with the state of each.

    After a restart of the kernel it knows of what has been run again.
    """
    for module, exercises in _exercises.items():
        correct = sum(made.state is State.CORRECT for made in exercises)
        print(f"{module.rsplit('.')[-1]}: {correct} of {len(exercises)} correct")
        width = max(len(made.title) for made in exercises)
        for made in exercises:
            print(f"  {made.state.sign} {made.number}  {made.title:{width}}  {made.state.words}")


RANDOM = (
    "Two calls with the same input gave different results: does it draw random numbers, or keep something for later?"
)


def _nothing() -> None: ...


def _same_code(a: CodeType, b: CodeType) -> bool:
    """Whether two functions are the same but for names of functions, comments, docstrings and line numbers."""
    ours, theirs = list(dis.get_instructions(a)), list(dis.get_instructions(b))
    if len(ours) != len(theirs):
        return False
    for one, other in zip(ours, theirs, strict=True):
        if isinstance(one.argval, CodeType) and isinstance(other.argval, CodeType):
            if not _same_code(one.argval, other.argval):
                return False
        elif (one.opname, one.argval) != (other.opname, other.argval):
            return False
    return True


def _source(function: Function) -> str:
    """Return a function's code without its decorators."""
    source = textwrap.dedent(inspect.getsource(function))
    (definition,) = ast.parse(source).body
    return "\n".join(source.splitlines()[definition.lineno - 1 :])


def _close(got: np.ndarray, right: np.ndarray) -> bool:
    return got.shape == right.shape and bool(_wrong(got, right).sum() == 0)


def _wrong(got: np.ndarray, right: np.ndarray) -> np.ndarray:
    got, right = got.astype(float), right.astype(float)
    return ~np.isclose(got, right, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE, equal_nan=True)


def _same(a: Call, b: Call) -> bool:
    """Whether two calls did the same: equal numbers, or the same sort of trouble, and the same arguments changed."""
    if a.kind != b.kind or a.changed != b.changed:
        return False
    if a.parts is None or b.parts is None:
        return a.parts is b.parts
    return len(a.parts) == len(b.parts) and all(map(_close, a.parts, b.parts))


def _all_same(ours: list[Call], theirs: list[Call]) -> bool:
    return len(ours) == len(theirs) and all(map(_same, ours, theirs))


def _printed(calls: list[Call]) -> tuple[str, ...]:
    printed = "".join(made.printed for made in calls).strip()
    if not printed:
        return ()
    return (f"(It also prints; the first line is: {printed.splitlines()[0][:100]})",)


def _shape(array: np.ndarray) -> str:
    return f"an array of shape {array.shape}" if array.shape else "one number"


def _shown(name: str, value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > LARGEST_SHOWN:
        return f"{name} of shape {value.shape}"
    if isinstance(value, np.ndarray):
        return f"{name} = {np.array2string(value, separator=', ', precision=4).replace(chr(10), '')}"
    return f"{name} = {value!r}"


def _worst(got: np.ndarray, right: np.ndarray) -> str:
    """Say which cell is farthest off, and whether a simple relation holds; not what is right."""
    wrong = _wrong(got, right)
    with np.errstate(invalid="ignore"):
        distance = np.where(wrong, np.abs(got.astype(float) - right), -1)
    distance[np.isnan(distance)] = np.inf
    worst = np.unravel_index(distance.argmax(), distance.shape)
    value = f"{got[worst]:.6g}"
    if not got.shape:
        return f"{value}, which is not the right number.{_relation(got, right)}"
    index = ", ".join(str(i) for i in worst)
    count = f"{wrong.sum()} of {wrong.size} numbers are wrong" if wrong.size > 1 else "a wrong number"
    return f"the right shape, but {count}; farthest off is {value} at ({index}).{_relation(got, right)}"


def _relation(got: np.ndarray, right: np.ndarray) -> str:
    """Name a relation between all numbers, where there is one: a factor, or another order."""
    got, right = got.astype(float), right.astype(float)
    if not np.isfinite(got).all() or not right.any():
        return ""
    factor = float((got * right).sum() / (right * right).sum())
    if factor and got.size > 1 and _close(got, factor * right):
        return f" Every number is {factor:.4g} times what it should be." if factor != -1 else " Every sign is wrong."
    if got.ndim >= 2:
        orders = {
            "turned by 180°": right[..., ::-1, ::-1],
            "with rows and columns exchanged": right.swapaxes(-1, -2),
            "upside down": right[..., ::-1, :],
            "mirrored": right[..., ::-1],
        }
        for words, order in orders.items():
            if _close(got, order):
                return f" They are the right numbers {words}."
    return ""
