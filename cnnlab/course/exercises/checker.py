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

import copy
import inspect
import re
from enum import Enum
from functools import cached_property
from typing import Any, Callable, NamedTuple

import numpy as np

from cnnlab.course.exercises._calls import Call, all_same, call, equal, same
from cnnlab.course.exercises._source import code_of, compiled, page_names, returns_in_a_loop, same_code, source_of
from cnnlab.course.exercises._words import advice, names_note, place, printed_note, shown, what_is_wrong
from cnnlab.gradient_check import GradientCheck, check_gradient

__all__ = ["Exercise", "Slip", "State", "Verdict", "exercise", "progress"]

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
        return source_of(self._solution)

    @property
    def stub_source(self) -> str:
        """The code that the notebook begins with."""
        if self._given is None:
            return f"def {self.name}({', '.join(self._names)}):\n    # your code\n    ..."
        return source_of(self._given).replace(f"def {self._given.__name__}(", f"def {self.name}(", 1)

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
        if not self._takes_the_arguments(function):
            return self._not_yet(
                f"Your function takes other arguments than ({', '.join(self._names)}): keep the line with `def`."
            )
        arrays = {name: value for name, value in page_names(function).items() if isinstance(value, np.ndarray)}
        before = copy.deepcopy(arrays)
        calls = self._call_all(function)
        again = calls if calls[-1].cut_short else self._call_all(function)
        spoilt = [name for name in arrays if not equal(before[name], arrays[name])]
        if spoilt:
            return self._not_yet(_restored(spoilt[0], arrays, before))
        if not all_same(calls, again):
            return self._not_yet(RANDOM, *printed_note(calls))
        wrong = next((k for k, made in enumerate(calls) if not same(made, self._expected[k])), None)
        return self._praise(calls) if wrong is None else self._criticise(function, calls, wrong)

    # How it finds out

    def _not_yet(self, *lines: str) -> Verdict:
        return Verdict(State.NOT_YET, (*lines, f"Stuck? ex.{self.name}.hint()"))

    def _praise(self, calls: list[Call]) -> Verdict:
        """Call right numbers correct, unless central differences object."""
        checks = [check for k, made in enumerate(calls) if (check := self._central_differences(k, made))]
        for check in checks:
            if not check.passed:
                return self._not_yet(str(check), *printed_note(calls))
        words = f"Right for {len(calls)} inputs" + (", and central differences agree." if checks else ".")
        return Verdict(State.CORRECT, (words, *printed_note(calls)))

    def _criticise(self, function: Function, calls: list[Call], wrong: int) -> Verdict:
        """Say which known slip it is, and otherwise what happens for the first input that goes wrong."""
        self.failing_input = copy.deepcopy(self._inputs[wrong])
        sentence = self._known_slip(calls, wrong)
        if sentence is None:
            return self._not_yet(*self._explain(function, wrong, calls[wrong]), *printed_note(calls))
        made = calls[wrong]
        raised = [f"{place(function, made.line)} {made.trouble}"] if made.trouble.startswith("raises") else []
        return self._not_yet(sentence, *raised, *names_note(function), *printed_note(calls))

    def _untouched(self, function: Function) -> bool:
        code = code_of(function)
        # Python compiles `np.zeros` in one way in a cell that imports np, and in another way elsewhere.
        sources = (self.stub_source, "import numpy as np\n" + self.stub_source)
        return code is not None and any(same_code(code, compiled(source)) for source in sources)

    def _takes_the_arguments(self, function: Function) -> bool:
        try:
            signature = inspect.signature(function)
        except Exception:
            return True  # a function written in C may have none; calling it will tell
        try:
            signature.bind(*self._names)
        except TypeError:
            return False
        return True

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
            if all_same(calls, slip_calls):
                return slip.sentence
        if calls[wrong].parts is None:
            return None
        alike = [
            slip.sentence
            for slip, slip_calls in zip(self.slips, self._slip_calls, strict=True)
            if all_same(calls[: wrong + 1], slip_calls[: wrong + 1])
        ]
        return alike[0] if len(alike) == 1 else None

    def _explain(self, function: Function, k: int, made: Call) -> list[str]:
        """Say what is wrong with the call of input `k`, in one line; then what may help to find out why."""
        line = made.line or call(function, self._arguments(k), note_return=True).line
        expected = self._expected[k].parts
        assert expected is not None  # noqa: S101  (a right answer gives one: this tells mypy so)
        lines = []
        if made.parts is None:
            # A function that ends without a `return` has no line to point at.
            start = "Your function" if made.trouble.startswith("returns None") else place(function, line)
            trouble = made.trouble
            if trouble.startswith("returns a list") and len(expected) > 1:
                trouble = f"returns a list, expected {len(expected)} values: return them with commas, without brackets."
            lines = [f"{start} {trouble}", *filter(None, [advice(trouble)])]
        elif made.changed:
            start = place(function, call(function, self._arguments(k), read_only=True).line)
            name = next((name for name in made.changed if re.search(rf"\b{name}\b", start)), made.changed[0])
            lines = [f"{start} changes {name}, which belongs to the caller. Work on a copy: {name}.copy()"]
        else:
            lines = [f"{place(function, line)} {what_is_wrong(made.parts, expected)}"]
            if line is not None and returns_in_a_loop(function, line):
                lines.append("This `return` stands inside a loop and ends it: is that meant?")
            if made.parts[0].shape == expected[0].shape:
                check = self._central_differences(k, made)
                if check and not check.passed:
                    error = f"relative error {check.max_relative_error:.2g}, allowed {check.tolerance:.0e}"
                    lines.append(f"Central differences disagree too: {error}.")
        lines += names_note(function)
        lines.append(f"The input: {', '.join(shown(name, value) for name, value in self._arguments(k).items())}.")
        lines.append(f"To look at it yourself: {self.name}(*ex.{self.name}.failing_input)")
        return lines

    def _central_differences(self, k: int, made: Call) -> GradientCheck | None:
        """Compare an answer of the right shape with central differences, where there is a gradient to compare."""
        pair = self._loss(*copy.deepcopy(self._inputs[k])) if self._loss else None
        if pair is None or made.parts is None:
            return None
        f, x = pair
        return check_gradient(f, x, made.parts[0], tolerance=1e-5)


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
    for exercises in _exercises.values():
        correct = sum(made.state is State.CORRECT for made in exercises)
        print(f"Notebook {exercises[0].number.split('.')[0]}: {correct} of {len(exercises)} exercises correct")
        width = max(len(made.title) for made in exercises)
        for made in exercises:
            print(f"  {made.state.sign} {made.number}  {made.title:{width}}  {made.state.words}")


RANDOM = (
    "Two calls with the same input gave different results. Does it draw random numbers, keep something for later, "
    "or read an array of np.empty before it is filled?"
)


def _restored(name: str, arrays: dict[str, np.ndarray], before: dict[str, np.ndarray]) -> str:
    """Give the page its arrays back, and say so."""
    for changed, array in arrays.items():
        if array.shape == before[changed].shape and array.flags.writeable:
            array[...] = before[changed]
    return (
        f"Your function changes {name}, an array of the page (which has its numbers back now). "
        f"Make a new array inside the function."
    )
