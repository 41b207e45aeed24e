"""Who takes part, and cnnlab itself. It comes first: the others are compared with it."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from benchmarks import in_jax, in_loops, in_torch
from benchmarks.problems import Case, Contender, Operation, Problem, Unavailable
from cnnlab.convolution import conv2d, conv2d_backward
from cnnlab.pooling import max_pool2d, max_pool2d_backward
from cnnlab.training import sgd_step


def cnnlab_training(problem: Problem) -> Contender:
    """Train with the network's fast path."""
    network = problem.network(problem.parameters)
    batches = problem.batches(problem.x, problem.target)

    def step() -> float:
        for x, target in batches:
            loss, gradients = network.loss_and_gradients(x, target)
            sgd_step(network.parameters, gradients, problem.learning_rate)
        return loss

    return Contender(step, lambda: network.parameters)


def cnnlab_operation(case: Case, arrays: dict[str, np.ndarray]) -> Operation:
    """Call the stateless functions."""
    if case.operation == "max_pool2d":
        x, dy = arrays["x"], arrays["dy"]
        return Operation(
            lambda: max_pool2d(x, case.kernel_size), lambda: (max_pool2d_backward(dy, x, case.kernel_size),)
        )
    x, weight, bias, dy = (arrays[name] for name in ("x", "weight", "bias", "dy"))
    return Operation(
        lambda: conv2d(x, weight, bias, padding=case.padding),
        lambda: conv2d_backward(dy, x, weight, padding=case.padding),
    )


TRAINING: dict[str, Callable[[Problem], Contender]] = {
    "cnnlab": cnnlab_training,
    "PyTorch": in_torch.training,
    "torch.compile": in_torch.compiled_training,
    "JAX jit": in_jax.training,
    "loops": in_loops.training,
}
GROWTH = ("cnnlab", "PyTorch", "JAX jit")
OPERATIONS: dict[str, Callable[[Case, dict[str, np.ndarray]], Operation]] = {
    "cnnlab": cnnlab_operation,
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
