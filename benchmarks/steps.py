"""The training steps a to d of the course, by everyone."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from benchmarks import contenders
from benchmarks.agreement import Arrays, require_same
from benchmarks.problems import DTYPES, STEPS, Contender, Problem, training_step
from benchmarks.timing import FULL, QUICK, Effort, compared


def run(quick: bool) -> dict[str, Any]:
    """Measure every step in both precisions."""
    makers = dict(contenders.TRAINING)
    if quick:
        del makers["torch.compile"]  # compiling alone takes longer than all the rest
    names = ("a", "c") if quick else tuple(STEPS)
    effort = QUICK if quick else FULL
    return {name: {dtype: measure(training_step(name, dtype), makers, effort) for dtype in DTYPES} for name in names}


def measure(problem: Problem, makers: dict[str, Callable[[Problem], Contender]], effort: Effort) -> dict[str, Any]:
    """Let everyone make the same first step from the same parameters, compare, and only then time."""
    entrants, left_out = contenders.available(makers, problem)
    require_same_first_step(entrants, problem)
    return {**compared({name: entrant.step for name, entrant in entrants.items()}, effort), "left_out": left_out}


def require_same_first_step(entrants: dict[str, Contender], problem: Problem) -> None:
    """Raise `Disagreement` if someone does not do what cnnlab does."""
    outcomes = {name: first_step(entrant, problem) for name, entrant in entrants.items()}
    for name, outcome in outcomes.items():
        require_same(name, outcome, outcomes["cnnlab"], rounding_of(problem))


def first_step(entrant: Contender, problem: Problem) -> Arrays:
    """Make a step; return its loss, and how far every parameter moved.

    The parameters themselves would hide a wrong gradient: a step changes them by little.
    """
    loss = entrant.step()
    moved = {name: value - problem.parameters[name] for name, value in entrant.parameters().items()}
    return {"loss": np.asarray(loss, problem.x.dtype), **moved}


def rounding_of(problem: Problem) -> dict[str, float]:
    """Return by how much a parameter's move may differ because the parameter itself is rounded."""
    return {name: 2 * np.spacing(np.abs(value).max()) for name, value in problem.parameters.items()}
