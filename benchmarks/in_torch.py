"""The problems solved with PyTorch: autograd in eager mode, and `torch.compile`."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from benchmarks.problems import Case, Contender, Operation, Problem, Unavailable
from benchmarks.threads import THREADS

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    torch = None


def single_filter_loss(p: dict[str, Any], x: Any, target: Any) -> Any:
    """Notebook 3."""
    maps = F.max_pool2d(F.relu(F.conv2d(x, p["conv_weight"], p["conv_bias"], padding="same")), 2)
    logit = F.linear(maps.flatten(1), p["dense_weight"], p["dense_bias"])[:, 0]
    return ((torch.sigmoid(logit) - target) ** 2).mean() / 2


def binary_loss(p: dict[str, Any], x: Any, target: Any) -> Any:
    """Notebook 4."""
    maps = torch.sigmoid(F.conv2d(x, p["conv_weight"], p["conv_bias"]))
    logit = F.linear(maps.flatten(1), p["dense_weight"], p["dense_bias"])[:, 0]
    return ((torch.sigmoid(logit) - target) ** 2).mean() / 2


def softmax_loss(p: dict[str, Any], x: Any, target: Any) -> Any:
    """Notebook 5."""
    maps = F.max_pool2d(F.relu(F.conv2d(x, p["conv_weight"], p["conv_bias"])), 2)
    return F.cross_entropy(F.linear(maps.flatten(1), p["dense_weight"], p["dense_bias"]), target)


def ten_class_loss(p: dict[str, Any], x: Any, target: Any) -> Any:
    """Two convolutions, two pools, two dense layers."""
    maps = F.max_pool2d(F.relu(F.conv2d(x, p["conv1_weight"], p["conv1_bias"])), 2)
    maps = F.max_pool2d(F.relu(F.conv2d(maps, p["conv2_weight"], p["conv2_bias"])), 2)
    hidden = F.relu(F.linear(maps.flatten(1), p["dense1_weight"], p["dense1_bias"]))
    return F.cross_entropy(F.linear(hidden, p["dense2_weight"], p["dense2_bias"]), target)


LOSSES = {
    "SingleFilterCNN": single_filter_loss,
    "BinaryCNN": binary_loss,
    "SoftmaxCNN": softmax_loss,
    "TenClassCNN": ten_class_loss,
}


def training(problem: Problem) -> Contender:
    """Train in eager mode."""
    return _training(problem, LOSSES[problem.network.__name__])


def compiled_training(problem: Problem) -> Contender:
    """Train with the loss, and with it its backward, compiled."""
    _require_torch()
    torch.compiler.reset()  # every problem is compiled for its own sizes
    compiled = torch.compile(LOSSES[problem.network.__name__])
    try:
        _training(problem, compiled).step()
    except Exception as error:  # it may fail in many ways, and none of them is cnnlab's
        raise Unavailable(_reason(error)) from error
    return _training(problem, compiled)


def operation(case: Case, arrays: dict[str, np.ndarray]) -> Operation:
    """Call the functions in eager mode; the backward is that of a graph that is kept."""
    _require_torch()
    *inputs, dy = [torch.tensor(array) for array in arrays.values()]
    if case.operation == "max_pool2d":
        function = lambda x: F.max_pool2d(x, case.kernel_size)
    else:
        function = lambda x, weight, bias: F.conv2d(x, weight, bias, padding=case.padding)
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    y = function(*leaves)
    return Operation(lambda: function(*inputs), lambda: torch.autograd.grad(y, leaves, dy, retain_graph=True))


def _training(problem: Problem, loss_function: Callable[..., Any]) -> Contender:
    _require_torch()
    parameters = {name: torch.tensor(value, requires_grad=True) for name, value in problem.parameters.items()}
    batches = problem.batches(torch.from_numpy(problem.x), torch.from_numpy(problem.target))

    def step() -> float:
        for x, target in batches:
            for parameter in parameters.values():
                parameter.grad = None
            loss = loss_function(parameters, x, target)
            loss.backward()
            with torch.no_grad():
                for parameter in parameters.values():
                    parameter -= problem.learning_rate * parameter.grad
        return loss.item()

    return Contender(step, lambda: {name: value.detach().numpy() for name, value in parameters.items()})


def _require_torch() -> None:
    if torch is None:
        raise Unavailable("PyTorch is not installed")
    torch.set_num_threads(THREADS)


def _reason(error: Exception) -> str:
    text = str(error).strip()
    if "InvalidCxxCompiler" in text or "No working C++ compiler" in text:
        return "it needs a C++ compiler, and there is none"
    return text.splitlines()[0] if text else type(error).__name__
