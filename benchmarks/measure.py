"""What is measured: the training steps a to d, operations alone, how a step grows, an epoch.

Nothing is timed before it has given the same numbers as cnnlab.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np

from benchmarks import contenders
from benchmarks.problems import CASES, DTYPES, STEPS, Contender, Operation, Problem, binary_step, training_step
from benchmarks.timing import FULL, QUICK, Effort, compared
from cnnlab import datasets, networks

ROOT = Path(__file__).resolve().parents[1]
GROWTH_DTYPE = "float64"  # the notebook's
IMAGES = [(images, 28) for images in (200, 1000, 5000, 20000, 60000)]
SIDES = [(200, side) for side in (28, 56, 112, 224)]
EPOCH_DTYPE = "float32"
EPOCH_LIMIT = 2.5  # of cnnlab's time divided by PyTorch's
BATCH_SIZE = 32
# Differences that rounding explains, relative to the largest number compared: sums of up to millions of terms.
TOLERANCE = {"float64": 1e-9, "float32": 5e-4}

Arrays = dict[str, np.ndarray]


class Disagreement(Exception):
    """Two libraries computed different things, so their times cannot be compared."""


def require_same(who: str, theirs: Arrays, ours: Arrays, rounding: dict[str, float] | None = None) -> None:
    """Compare arrays name by name; `rounding` names differences that are allowed beyond the tolerance."""
    if set(theirs) != set(ours):
        raise Disagreement(f"{who} gives {sorted(theirs)}, cnnlab {sorted(ours)}")
    for name, expected in ours.items():
        came, expected = np.asarray(theirs[name]), np.asarray(expected)
        if came.shape != expected.shape or came.dtype != expected.dtype:
            raise Disagreement(
                f"{name}: {who} gives {came.dtype} {came.shape}, cnnlab {expected.dtype} {expected.shape}"
            )
        allowed = TOLERANCE[expected.dtype.name] * np.abs(expected).max(initial=0) + (rounding or {}).get(name, 0)
        difference = np.abs(came - expected).max(initial=0)
        if not difference <= allowed:  # so that NaN differs
            raise Disagreement(f"{name}: {who} differs from cnnlab by {difference:.3g}, and {allowed:.3g} is rounding")


def steps(quick: bool) -> dict[str, Any]:
    """Measure every step in both precisions."""
    makers = dict(contenders.TRAINING)
    if quick:
        del makers["torch.compile"]  # compiling alone takes longer than all the rest
    names = ("a", "c") if quick else tuple(STEPS)
    effort = QUICK if quick else FULL
    return {
        name: {dtype: beside_each_other(training_step(name, dtype), makers, effort) for dtype in DTYPES}
        for name in names
    }


def beside_each_other(
    problem: Problem, makers: dict[str, Callable[[Problem], Contender]], effort: Effort
) -> dict[str, Any]:
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


def operations(quick: bool) -> list[dict[str, Any]]:
    """Measure every case in both precisions."""
    effort = QUICK if quick else FULL._replace(rounds=15, budget=2)
    rows = []
    for case in CASES[:2] if quick else CASES:
        for dtype in DTYPES:
            entrants, left_out = contenders.available(contenders.OPERATIONS, case, case.arrays(dtype))
            results = {name: results_of(entrant) for name, entrant in entrants.items()}
            for name, result in results.items():
                require_same(name, result, results["cnnlab"])
            row = {"operation": case.operation, "case": case.words, "dtype": dtype, "left_out": left_out}
            for direction in Operation._fields:
                functions = {name: getattr(entrant, direction) for name, entrant in entrants.items()}
                row[direction] = compared(functions, effort)
            rows.append(row)
    return rows


def results_of(entrant: Operation) -> Arrays:
    """Return the output and every gradient."""
    gradients = {f"gradient {number}": np.asarray(array) for number, array in enumerate(entrant.backward())}
    return {"output": np.asarray(entrant.forward()), **gradients}


def growth(quick: bool) -> dict[str, list[dict[str, Any]]]:
    """Measure both rows of sizes."""
    if quick:
        return {"images": [point(20, 28, quick), point(40, 28, quick)], "side": []}
    return {
        "images": [point(images, side, quick) for images, side in IMAGES],
        "side": [point(images, side, quick) for images, side in SIDES],
    }


def point(images: int, side: int, quick: bool) -> dict[str, Any]:
    """Measure one size."""
    makers = {name: contenders.TRAINING[name] for name in contenders.GROWTH}
    effort = QUICK if quick else FULL._replace(rounds=9, budget=15)
    measured = beside_each_other(binary_step(images, side, GROWTH_DTYPE), makers, effort)
    gc.collect()
    peaks = {name: peak_bytes(name, images, side) for name in measured["times"]}
    return {"images": images, "side": side, "dtype": GROWTH_DTYPE, **measured, "peak_bytes": peaks}


def peak_bytes(name: str, images: int, side: int) -> int:
    """Ask a fresh process how much memory a step takes beyond the data."""
    command = [sys.executable, "-m", "benchmarks.peak", name, str(images), str(side), GROWTH_DTYPE]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def epoch(quick: bool) -> dict[str, Any]:
    """Compare the first batch's step, then time whole epochs."""
    network = networks.TenClassCNN.initialize(np.random.default_rng(0), dtype=EPOCH_DTYPE)
    train = datasets.mnist_sample().train
    count = 10 * BATCH_SIZE if quick else len(train.images)
    x, target = (train.images[:count] / 255).astype(EPOCH_DTYPE), train.labels[:count]
    whole = Problem(networks.TenClassCNN, network.parameters, x, target, 0.1, BATCH_SIZE)
    first = whole._replace(x=x[:BATCH_SIZE], target=target[:BATCH_SIZE])
    makers = {name: contenders.TRAINING[name] for name in contenders.GROWTH}
    require_same_first_step(contenders.available(makers, first)[0], first)
    entrants, left_out = contenders.available(makers, whole)
    effort = QUICK if quick else FULL._replace(rounds=9, budget=30)
    measured = compared({name: entrant.step for name, entrant in entrants.items()}, effort)
    return {"dtype": EPOCH_DTYPE, "images": count, **measured, "left_out": left_out}
