"""The checker that all exercises share: it calls the learner's function and says whether, what and where.

An exercise is made from its solution. The wrong answers that people really give stand beside it in a table of *slips*:
a name, the sentence that the learner should read, and a function that gives the answer. A slip is recognised by what
it computes, not by how it is written.

>>> @exercise("0.1", "the sum of two numbers", inputs=[(1, 2), (2, 2)], hints=["Which sign stands for addition?"])
... def add(a, b):
...     return a + b
>>> add.add_slips("subtracted: You subtract the second number. Add it.", lambda a, b: a - b)
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

from cnnlab.course.exercises._calls import Outcome, call, same_outcome, same_outcomes, unchanged
from cnnlab.course.exercises._source import code_of, compiled, page_names, returns_in_a_loop, same_code, source_of
from cnnlab.course.exercises._words import (
    argument_in_words,
    error_meaning,
    line_in_words,
    note_on_names,
    note_on_printing,
    what_is_wrong,
)
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
    """A wrong answer that people really give, with a name that stays, and what they should read."""

    name: str
    sentence: str
    answer: Function


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
        self._argument_names = list(inspect.signature(solution).parameters)
        self._faulty_code: Function | None = None
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

    def add_slips(self, *table: str | Function) -> None:
        """Add wrong answers: in turn a text ``"name: sentence"`` and the function that gives the answer."""
        for text, answer in zip(table[::2], table[1::2], strict=True):
            if not isinstance(text, str) or not callable(answer):
                raise TypeError(f'a slip is "name: sentence", then a function; got {text!r}, then {answer!r}')
            name, sentence = text.split(": ", 1)
            self.slips.append(Slip(name, sentence, answer))

    def bug_hunt(self, function: Function) -> Function:
        """Decorate the faulty code that a bug hunt starts from."""
        self._faulty_code = function
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
        if self._faulty_code is None:
            return f"def {self.name}({', '.join(self._argument_names)}):\n    # your code\n    ..."
        return source_of(self._faulty_code).replace(f"def {self._faulty_code.__name__}(", f"def {self.name}(", 1)

    def judge(self, function: Any) -> Verdict:
        """Return the verdict that `check` prints, without noting it."""
        self.failing_input = None
        if not callable(function):
            return self._not_yet(
                f"check needs the function itself, without brackets: ex.{self.name}.check({self.name}). "
                f"It got {'nothing' if function is None else f'the value of type {type(function).__name__}'}."
            )
        if self._is_the_stub(function):
            return Verdict(
                State.NOT_ATTEMPTED,
                (f"Change the code, then run the cell again. Stuck? ex.{self.name}.hint()",),
            )
        if not self._takes_the_arguments(function):
            return self._not_yet(
                f"Your function takes other arguments than ({', '.join(self._argument_names)}): "
                f"keep the line with `def`."
            )
        page_arrays = {name: value for name, value in page_names(function).items() if isinstance(value, np.ndarray)}
        before = copy.deepcopy(page_arrays)
        outcomes = self._outcomes(function)
        repeated = outcomes if outcomes[-1].stopped else self._outcomes(function)
        changed = [name for name in page_arrays if not unchanged(before[name], page_arrays[name])]
        if changed:
            _restore(page_arrays, before)
            return self._not_yet(CHANGES_THE_PAGE.format(changed[0]))
        if not same_outcomes(outcomes, repeated):
            return self._not_yet(NOT_REPEATABLE, *note_on_printing(outcomes))
        for k, outcome in enumerate(outcomes):
            if not same_outcome(outcome, self._right_outcomes[k]):
                return self._wrong(function, outcomes, k)
        return self._right(outcomes)

    # How it finds out

    def _not_yet(self, *lines: str) -> Verdict:
        return Verdict(State.NOT_YET, (*lines, f"Stuck? ex.{self.name}.hint()"))

    def _right(self, outcomes: list[Outcome]) -> Verdict:
        """Call right numbers correct, unless central differences object."""
        checks = [check for k, outcome in enumerate(outcomes) if (check := self._central_differences(k, outcome))]
        for check in checks:
            if not check.passed:
                return self._not_yet(str(check), *note_on_printing(outcomes))
        words = f"Right for {len(outcomes)} inputs" + (", and central differences agree." if checks else ".")
        return Verdict(State.CORRECT, (words, *note_on_printing(outcomes)))

    def _wrong(self, function: Function, outcomes: list[Outcome], k: int) -> Verdict:
        """Say which known slip it is, and otherwise what happens for input `k`, the first that goes wrong."""
        self.failing_input = copy.deepcopy(self._inputs[k])
        slip, outcome = self._known_slip(outcomes, k), outcomes[k]
        if slip is None:
            return self._not_yet(*self._explain(function, k, outcome), *note_on_printing(outcomes))
        lines = [slip.sentence]
        if outcome.trouble.startswith("raises"):
            lines.append(f"{line_in_words(function, outcome.line)} {outcome.trouble}")
        return self._not_yet(*lines, *note_on_names(function), *note_on_printing(outcomes))

    def _is_the_stub(self, function: Function) -> bool:
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
            signature.bind(*self._argument_names)
        except TypeError:
            return False
        return True

    def _arguments(self, k: int) -> dict[str, Any]:
        return dict(zip(self._argument_names, self._inputs[k], strict=True))

    def _outcomes(self, function: Function) -> list[Outcome]:
        """Call a function with one input after the other, until one call has to be stopped."""
        outcomes = []
        for k in range(len(self._inputs)):
            outcomes.append(call(function, self._arguments(k)))
            if outcomes[-1].stopped:
                break
        return outcomes

    @cached_property
    def _right_outcomes(self) -> list[Outcome]:
        return self._outcomes(self._solution)

    @cached_property
    def _slip_outcomes(self) -> list[list[Outcome]]:
        return [self._outcomes(slip.answer) for slip in self.slips]

    def _known_slip(self, outcomes: list[Outcome], k: int) -> Slip | None:
        """Return the slip that does the same.

        That is the slip that agrees on every input. Where there is none, since a second thing is wrong too, it is the
        only slip that agrees with the numbers of input `k`, the smallest that fails, and with all before.
        """
        pairs = list(zip(self.slips, self._slip_outcomes, strict=True))
        for slip, wrong in pairs:
            if same_outcomes(outcomes, wrong):
                return slip
        if outcomes[k].numbers is None:
            return None
        alike = [slip for slip, wrong in pairs if same_outcomes(outcomes[: k + 1], wrong[: k + 1])]
        return alike[0] if len(alike) == 1 else None

    def _explain(self, function: Function, k: int, outcome: Outcome) -> list[str]:
        """Say what is wrong with the call of input `k`, in one line; then what may help to find out why."""
        line = outcome.line or call(function, self._arguments(k), note_return=True).line
        right = self._right_outcomes[k].numbers
        assert right is not None  # noqa: S101  (a solution gives numbers: this tells mypy so)
        lines = []
        if outcome.numbers is None:
            # A function that ends without a `return` has no line to point at.
            start = "Your function" if outcome.trouble.startswith("returns None") else line_in_words(function, line)
            trouble = outcome.trouble
            if trouble.startswith("returns a list") and len(right) > 1:
                trouble = f"returns a list, expected {len(right)} values: return them with commas, without brackets."
            lines = [f"{start} {trouble}", *filter(None, [error_meaning(trouble)])]
        elif outcome.changed:
            start = line_in_words(function, call(function, self._arguments(k), read_only=True).line)
            name = next((name for name in outcome.changed if re.search(rf"\b{name}\b", start)), outcome.changed[0])
            lines = [f"{start} changes {name}, which belongs to the caller. Work on a copy: {name}.copy()"]
        else:
            lines = [f"{line_in_words(function, line)} {what_is_wrong(outcome.numbers, right)}"]
            if line is not None and returns_in_a_loop(function, line):
                lines.append("This `return` stands inside a loop and ends it: is that meant?")
            if outcome.numbers[0].shape == right[0].shape:
                check = self._central_differences(k, outcome)
                if check and not check.passed:
                    error = f"relative error {check.max_relative_error:.2g}, allowed {check.tolerance:.0e}"
                    lines.append(f"Central differences disagree too: {error}.")
        lines += note_on_names(function)
        lines.append(
            f"The input: {', '.join(argument_in_words(*argument) for argument in self._arguments(k).items())}."
        )
        lines.append(f"To look at it yourself: {self.name}(*ex.{self.name}.failing_input)")
        return lines

    def _central_differences(self, k: int, outcome: Outcome) -> GradientCheck | None:
        """Compare an answer of the right shape with central differences, where there is a gradient to compare."""
        pair = self._loss(*copy.deepcopy(self._inputs[k])) if self._loss else None
        if pair is None or outcome.numbers is None:
            return None
        f, x = pair
        return check_gradient(f, x, outcome.numbers[0], tolerance=1e-5)


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
        new = Exercise(solution, number, title, inputs, hints)
        _exercises.setdefault(solution.__module__, []).append(new)
        return new

    return make


def progress() -> None:
    """Show a table of the exercises of each notebook whose exercises are loaded, with the state of each.

    After a restart of the kernel it knows of what has been run again.
    """
    for exercises in _exercises.values():
        correct = sum(one.state is State.CORRECT for one in exercises)
        print(f"Notebook {exercises[0].number.split('.')[0]}: {correct} of {len(exercises)} exercises correct")
        width = max(len(one.title) for one in exercises)
        for one in exercises:
            print(f"  {one.state.sign} {one.number}  {one.title:{width}}  {one.state.words}")


NOT_REPEATABLE = (
    "Two calls with the same input gave different results. Does it draw random numbers, keep something for later, "
    "or read an array of np.empty before it is filled?"
)
CHANGES_THE_PAGE = (
    "Your function changes {}, an array of the page (which has its numbers back now). "
    "Make a new array inside the function."
)


def _restore(arrays: dict[str, np.ndarray], before: dict[str, np.ndarray]) -> None:
    """Give the arrays of the page their numbers back, where they have room for them."""
    for name, array in arrays.items():
        if array.shape == before[name].shape and array.flags.writeable:
            array[...] = before[name]
