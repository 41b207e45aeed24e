"""Who takes part. cnnlab comes first: the others are compared with it."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from benchmarks import in_cnnlab, in_jax, in_loops, in_torch
from benchmarks.problems import Case, Contender, Operation, Problem, Unavailable

TRAINING: dict[str, Callable[[Problem], Contender]] = {
    "cnnlab": in_cnnlab.training,
    "PyTorch": in_torch.training,
    "torch.compile": in_torch.compiled_training,
    "JAX jit": in_jax.training,
    "loops": in_loops.training,
}
GROWTH = ("cnnlab", "PyTorch", "JAX jit")
OPERATIONS: dict[str, Callable[[Case, dict[str, np.ndarray]], Operation]] = {
    "cnnlab": in_cnnlab.operation,
    "PyTorch": in_torch.operation,
    "JAX jit": in_jax.operation,
}


def available(makers: dict[str, Callable[..., Any]], *arguments: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Make each contender; return those that can take part, and why the others cannot."""
    present, left_out = {}, {}
    for name, make in makers.items():
        try:
            present[name] = make(*arguments)
        except Unavailable as reason:
            left_out[name] = str(reason)
    return present, left_out
