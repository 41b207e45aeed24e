"""The problems solved with cnnlab."""

from __future__ import annotations

import numpy as np

from benchmarks.problems import Case, Contender, Operation, Problem
from cnnlab.convolution import conv2d, conv2d_backward
from cnnlab.pooling import max_pool2d, max_pool2d_backward
from cnnlab.training import sgd_step


def training(problem: Problem) -> Contender:
    """Train with the network's fast path."""
    network = problem.network(problem.parameters)
    batches = problem.batches(problem.x, problem.target)

    def step() -> float:
        for x, target in batches:
            loss, gradients = network.loss_and_gradients(x, target)
            sgd_step(network.parameters, gradients, problem.learning_rate)
        return loss

    return Contender(step, lambda: network.parameters)


def operation(case: Case, arrays: dict[str, np.ndarray]) -> Operation:
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
