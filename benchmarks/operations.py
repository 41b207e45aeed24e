"""`conv2d` and `max_pool2d` alone, forward and backward, over a grid of sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import contenders
from benchmarks.agreement import Arrays, require_same
from benchmarks.problems import CASES, DTYPES, Operation
from benchmarks.timing import FULL, QUICK, compared


def run(quick: bool) -> list[dict[str, Any]]:
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
