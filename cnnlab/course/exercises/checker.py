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
import operator
import os
import re
from enum import Enum
from functools import cached_property
from typing import Any, Callable, NamedTuple

import numpy as np

from cnnlab.course.exercises._calls import Outcome, call, same_outcome, same_outcomes, unchanged
from cnnlab.course.exercises._source import (
    code_of,
    compiled,
    name_on_the_page,
    page_names,
    returns_in_a_loop,
    same_code,
    source_of,
)
from cnnlab.course.exercises._words import (
    argument_in_words,
    error_meaning,
    line_in_words,
    note_on_names,
    note_on_printing,
    order_of_arguments,
    relations,
    say,
    what_is_wrong,
    wrapped,
)
from cnnlab.gradient_check import GradientCheck, check_gradient

__all__ = ["Exercise", "Slip", "State", "Verdict", "exercise", "progress", "results"]

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
    """What the checker says of a function.

    Attributes
    ----------
    state : State
        Whether it is correct.
    slip : str or None
        The name of the known slip that it does the same as; names stay from release to release.
    lines : tuple of str
        What a learner reads below the title.
    """

    state: State
    slip: str | None
    lines: tuple[str, ...]


class Slip(NamedTuple):
    """A wrong answer that people really give, with a name that stays, and what they should read."""

    name: str
    sentence: str
    answer: Function


_exercises: dict[str, dict[str, Exercise]] = {}  # by module and number: those that this kernel has loaded


class Exercise:
    """A function to be written: its solution, the inputs it is tried with, hints, and the known slips.

    Made by `exercise`. A learner uses `check`, `hint`, `solution` and `failing_input`.
    """

    def __init__(
        self,
        solution: Function,
        number: str,
        title: str,
        inputs: Inputs,
        hints: list[str],
        without: tuple[Function, ...] = (),
    ) -> None:
        self.name, self.number, self.title = solution.__name__, number, title
        self.state = State.NOT_ATTEMPTED
        self.slips: list[Slip] = []
        self._solution, self._inputs, self._hints, self._without = solution, inputs, hints, without
        self._failing: int | None = None
        self._argument_names = list(inspect.signature(solution).parameters)
        self._faulty_code: Function | None = None
        self._loss: Function | None = None
        self._hints_given = 0
        self._solution_outcomes: list[Outcome] = []

    def __repr__(self) -> str:
        call = f"{self.name}({', '.join(self._argument_names)})"
        return f"Exercise {self.number}, {self.title}: write {call}, then ex.{self.name}.check({self.name})"

    # What a learner calls

    def check(self, function: Any = None) -> None:
        """Say whether `function` is right, and if not, what went wrong and where.

        Parameters
        ----------
        function : callable
            The function itself, without brackets behind its name. It is called with copies; whatever it does, this
            prints a verdict and raises nothing.
        """
        for line in self._noted(function):
            say(wrapped(line))

    def require(self, function: Any = None) -> None:
        """Do nothing where `function` is right, for graders, which look for an error.

        Raises
        ------
        AssertionError
            Where it is not right, with the words that `check` prints.
        """
        lines = self._noted(function)
        if self.state is not State.CORRECT:
            raise AssertionError("\n".join(lines))

    def hint(self) -> None:
        """Show the next hint; after the last they begin again."""
        number = self._hints_given % len(self._hints)
        self._hints_given += 1
        say(wrapped(f"Hint {number + 1} of {len(self._hints)}: {self._hints[number]}"))
        if number + 1 == len(self._hints):
            shown = f"ex.{self.name}.solution() shows the code." if _solutions() else NOT_SHOWN
            say(wrapped(f"That was the last one. {shown}"))

    def solution(self) -> None:
        """Show a right answer, unless the environment variable ``CNNLAB_SOLUTIONS`` is ``off``."""
        say(self.solution_source if _solutions() else wrapped(NOT_SHOWN))

    @property
    def failing_input(self) -> tuple[Any, ...] | None:
        """A copy of the input that the last check shows, to be looked at: None where there is none."""
        return None if self._failing is None else copy.deepcopy(self._inputs[self._failing])

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
        """Return the verdict that `check` prints, without noting it for `progress`.

        Parameters
        ----------
        function : callable
            As for `check`: whatever it does, this raises nothing.

        Returns
        -------
        Verdict
            The state, the name of the slip that was recognised, and the lines for the learner.
        """
        self._failing = None
        if not callable(function):
            return self._not_yet(
                f"check needs the function itself, without brackets: ex.{self.name}.check({self.name}). "
                f"It got {'nothing' if function is None else f'the value of type {type(function).__name__}'}."
            )
        if self._is_the_stub(function):
            return self._verdict(State.NOT_ATTEMPTED, "Change the code, then run the cell again.")
        if not self._takes_the_arguments(function):
            return self._not_yet(
                f"Your function takes other arguments than ({', '.join(self._argument_names)}): "
                f"keep the line with `def`."
            )
        page = {name: array for name, array in page_names(function).items() if _can_be_kept(array)}
        before = {name: array.copy() for name, array in page.items()}
        outcomes = self._outcomes(function)
        repeated = outcomes if outcomes[-1].stopped else self._outcomes(function)
        changed = [name for name in page if not unchanged(before[name], page[name])]
        if changed:
            _restore(page, before)
            return self._not_yet(CHANGES_THE_PAGE.format(changed[0]))
        if not same_outcomes(outcomes, repeated):
            return self._not_yet(NOT_REPEATABLE, *note_on_printing(outcomes))
        for k, outcome in enumerate(outcomes):
            if not same_outcome(outcome, self._right_outcomes[k]):
                return self._wrong(function, outcomes, k)
        if shortcuts := self._note_on_shortcuts(outcomes):
            return self._not_yet("The numbers are right.", *shortcuts, *note_on_printing(outcomes))
        if kept := next((outcome.kept for outcome in outcomes if outcome.kept), ""):
            return self._not_yet("The numbers are right.", RETURNS_AN_ARGUMENT.format(kept))
        return self._right(outcomes)

    # How it finds out

    def _noted(self, function: Any) -> list[str]:
        """Note the verdict, and return its title and its lines."""
        self.state, _, lines = self.judge(function)
        title = f"{self.state.sign} Exercise {self.number}, {self.title}: {self.state.words}"
        return [title, *("  " + line for line in lines)]

    def _verdict(self, state: State, *lines: str, slip: str | None = None) -> Verdict:
        """Offer a hint below the lines."""
        return Verdict(state, slip, (*lines, f"Stuck? ex.{self.name}.hint()"))

    def _not_yet(self, *lines: str, slip: str | None = None) -> Verdict:
        return self._verdict(State.NOT_YET, *lines, slip=slip)

    def _right(self, outcomes: list[Outcome]) -> Verdict:
        """Call right numbers correct, unless central differences object."""
        checks = [check for k, outcome in enumerate(outcomes) if (check := self._central_differences(k, outcome))]
        for check in checks:
            if not check.passed:
                return self._not_yet(str(check), *note_on_printing(outcomes))
        words = f"Right for {len(outcomes)} inputs" + (", and central differences agree." if checks else ".")
        return Verdict(State.CORRECT, None, (words, *note_on_printing(outcomes)))

    def _wrong(self, function: Function, outcomes: list[Outcome], k: int) -> Verdict:
        """Say which known slip it is, and otherwise what happens for input `k`, the first that goes wrong."""
        self._failing = k
        notes = (*self._note_on_shortcuts(outcomes), *note_on_printing(outcomes))
        if order := order_of_arguments(function, self._argument_names):
            return self._not_yet(order, *notes)
        slip, outcome = self._known_slip(outcomes, k), outcomes[k]
        if slip is None:
            return self._not_yet(*self._explain(function, k, outcomes), *notes)
        lines = [slip.sentence]
        if outcome.trouble.startswith("raises"):
            lines.append(f"{line_in_words(function, outcome.line)} {outcome.trouble}")
        return self._not_yet(*lines, *note_on_names(function), *notes, slip=slip.name)

    def _note_on_shortcuts(self, outcomes: list[Outcome]) -> tuple[str, ...]:
        """Name the functions that the text asks to do without, of those that were called."""
        called = [name_on_the_page(one) for one in self._without if any(one in outcome.called for outcome in outcomes)]
        if not called:
            return ()
        return (f"Your function calls {' and '.join(called)}: the exercise is to do without, step by step.",)

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
            rights = [right for outcome in self._solution_outcomes[k : k + 1] for right in outcome.numbers or ()]
            shapes = [right.shape for right in rights]
            outcomes.append(call(function, self._arguments(k), watched=self._without, shapes=shapes))
            if outcomes[-1].stopped:
                break
        return outcomes

    @property
    def _right_outcomes(self) -> list[Outcome]:
        if not self._solution_outcomes or self._solution_outcomes[-1].stopped:  # as by a reader who interrupts
            self._solution_outcomes = self._outcomes(self._solution)
        return self._solution_outcomes

    @cached_property
    def _slip_outcomes(self) -> list[list[Outcome]]:
        return [self._outcomes(slip.answer) for slip in self.slips]

    def _known_slip(self, outcomes: list[Outcome], k: int) -> Slip | None:
        """Return the slip that does the same.

        That is the slip that agrees on every input. Where there is none, since a second thing is wrong too, it is the
        only slip that agrees with the numbers of input `k`, the smallest that fails, and with all before, and that no
        later input speaks against: there are no numbers of the right shape there, or they are the slip's too.
        """
        if outcomes[-1].stopped:  # nothing can be said of what was not computed
            return None
        pairs = list(zip(self.slips, self._slip_outcomes, strict=True))
        for slip, wrong in pairs:
            if same_outcomes(outcomes, wrong):
                return slip
        if outcomes[k].numbers is None:
            return None

        def agrees(wrong: list[Outcome]) -> bool:
            same = list(map(same_outcome, outcomes, wrong))
            silent = [not self._has_the_right_shape(j, outcome) for j, outcome in enumerate(outcomes)]
            return all(same[: k + 1]) and all(map(operator.or_, same[k + 1 :], silent[k + 1 :]))

        alike = [slip for slip, wrong in pairs if agrees(wrong)]
        return alike[0] if len(alike) == 1 else None

    def _has_the_right_shape(self, k: int, outcome: Outcome) -> bool:
        right = self._right_outcomes[k].numbers or ()
        return outcome.numbers is not None and [a.shape for a in outcome.numbers] == [a.shape for a in right]

    def _explain(self, function: Function, k: int, outcomes: list[Outcome]) -> list[str]:
        """Say what is wrong with the call of input `k`, in one line; then what may help to find out why."""
        outcome, line = outcomes[k], outcomes[k].line
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
            refused = call(function, self._arguments(k), read_only=True)
            start = line_in_words(function, refused.line if refused.kind else None)
            name = next((name for name in outcome.changed if re.search(rf"\b{name}\b", start)), outcome.changed[0])
            copied = f"{name}.astype(float)"
            words = f"changes {name}, which belongs to the caller. Work on a copy, and of floats, as it may hold whole"
            lines = [f"{start} {words} numbers: {copied}"]
        else:
            relation = self._relation(outcomes)
            lines = [f"{line_in_words(function, line)} {what_is_wrong(outcome.numbers, right)}{relation}"]
            if line is not None and returns_in_a_loop(function, line):
                lines.append("This `return` stands inside a loop and ends it: is that meant?")
            if self._has_the_right_shape(k, outcome):
                check = self._central_differences(k, outcome)
                if check and not check.passed:
                    error = f"relative error {check.max_relative_error:.2g}, allowed {check.tolerance:.0e}"
                    lines.append(f"Central differences disagree too: {error}.")
        lines += note_on_names(function)
        lines.append(
            f"The input: {', '.join(argument_in_words(*argument) for argument in self._arguments(k).items())}."
        )
        name, place = name_on_the_page(function), f"*ex.{self.name}.failing_input"
        lines.append(f"To look at it yourself: {f'{name}({place})' if name else f'call your function with {place}'}")
        return lines

    def _relation(self, outcomes: list[Outcome]) -> str:
        """Name a relation to the right numbers that holds for every input that goes wrong, and for two at least."""
        shared: list[set[str]] = []
        for k, outcome in enumerate(outcomes):
            right = self._right_outcomes[k]
            if outcome.numbers and right.numbers and not same_outcome(outcome, right):
                alike = self._has_the_right_shape(k, outcome)
                shared.append(relations(outcome.numbers, right.numbers) if alike else set())
        found = set.intersection(*shared) if len(shared) > 1 else set()
        return f" {min(found)}" if found else ""

    def _central_differences(self, k: int, outcome: Outcome) -> GradientCheck | None:
        """Compare an answer of the right shape with central differences, where there is a gradient to compare."""
        pair = self._loss(*copy.deepcopy(self._inputs[k])) if self._loss else None
        if pair is None or outcome.numbers is None:
            return None
        f, x = pair
        return check_gradient(f, x, outcome.numbers[0], tolerance=1e-5)


def exercise(
    number: str, title: str, *, inputs: Inputs, hints: list[str], without: tuple[Function, ...] = ()
) -> Callable[[Function], Exercise]:
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
    without : tuple of functions
        What the notebook's text forbids, since it would leave nothing to practise.
    """

    def make(solution: Function) -> Exercise:
        new = Exercise(solution, number, title, inputs, hints, without)
        _exercises.setdefault(solution.__module__, {})[number] = new  # a module that is loaded anew counts once
        solution.__globals__["hint"] = hint
        return new

    return make


def progress() -> None:
    """Show a table of the exercises of each notebook whose exercises are loaded, with the state of each.

    After a restart of the kernel it knows of what has been run again.
    """
    if not _exercises:
        say("No exercises are loaded. Run the cells at the top of the page, which import them, then ask again.")
    for module in _exercises.values():
        exercises = list(module.values())
        correct = sum(one.state is State.CORRECT for one in exercises)
        say(f"Notebook {exercises[0].number.split('.')[0]}: {correct} of {len(exercises)} exercises correct")
        width = max(len(one.title) for one in exercises)
        for one in exercises:
            say(f"  {one.state.sign} {one.number}  {one.title:{width}}  {one.state.words}")


def results() -> dict[str, State]:
    """Return the state of each exercise that is loaded, by its number: what `progress` shows, as data."""
    return {number: one.state for module in _exercises.values() for number, one in module.items()}


def hint() -> None:
    """Say how to ask for a hint: a module of exercises has this function, as people call it there."""
    say("Each exercise has hints of its own. Ask for them by name:")
    for module in _exercises.values():
        for one in module.values():
            say(f"  ex.{one.name}.hint()")


def _solutions() -> bool:
    return os.environ.get("CNNLAB_SOLUTIONS") != "off"


NOT_SHOWN = "Solutions are not shown here."
NOT_REPEATABLE = (
    "Two calls with the same input gave different results. Does it draw random numbers, keep something for later, "
    "or read an array of np.empty before it is filled?"
)
RETURNS_AN_ARGUMENT = (
    "For one input at least your function returns {0} itself: whoever changes the result changes {0}. "
    "Return a new array, as {0}.copy() is."
)
CHANGES_THE_PAGE = (
    "Your function changes {}, an array of the page (which has its numbers back now). "
    "Make a new array inside the function."
)


MOST_KEPT = 2**26  # bytes of an array of the page


def _can_be_kept(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.nbytes <= MOST_KEPT


def _restore(arrays: dict[str, np.ndarray], before: dict[str, np.ndarray]) -> None:
    """Give the arrays of the page their numbers back, where they have room for them."""
    for name, array in arrays.items():
        if array.shape == before[name].shape and array.flags.writeable:
            array[...] = before[name]
