"""The problems solved with JAX, compiled by `jit`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from benchmarks.problems import Case, Contender, Operation, Problem, Unavailable

try:
    import jax
    import jax.numpy as jnp
    from jax import lax
except ImportError:
    jax = None


def conv2d(x: Any, weight: Any, bias: Any, padding: Any) -> Any:
    """Correlate as PyTorch does; JAX has no bias of its own."""
    maps = lax.conv_general_dilated(x, weight, (1, 1), padding, dimension_numbers=("NCHW", "OIHW", "NCHW"))
    return maps + bias[:, None, None]


def max_pool2d(x: Any, size: int) -> Any:
    """Keep the largest value of each window."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, size, size), (1, 1, size, size), "VALID")


def linear(x: Any, weight: Any, bias: Any) -> Any:
    """Flatten the maps of each image, and multiply."""
    return x.reshape(len(x), -1) @ weight.T + bias


def cross_entropy(logits: Any, target: Any) -> Any:
    """Measure softmax's loss."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), target[:, None], axis=1).mean()


def single_filter_loss(p: dict[str, Any], x: Any, target: Any) -> Any:
    """Notebook 3."""
    maps = max_pool2d(jax.nn.relu(conv2d(x, p["conv_weight"], p["conv_bias"], "SAME")), 2)
    logit = linear(maps, p["dense_weight"], p["dense_bias"])[:, 0]
    return ((jax.nn.sigmoid(logit) - target) ** 2).mean() / 2


def binary_loss(p: dict[str, Any], x: Any, target: Any) -> Any:
    """Notebook 4."""
    maps = jax.nn.sigmoid(conv2d(x, p["conv_weight"], p["conv_bias"], "VALID"))
    logit = linear(maps, p["dense_weight"], p["dense_bias"])[:, 0]
    return ((jax.nn.sigmoid(logit) - target) ** 2).mean() / 2


def softmax_loss(p: dict[str, Any], x: Any, target: Any) -> Any:
    """Notebook 5."""
    maps = max_pool2d(jax.nn.relu(conv2d(x, p["conv_weight"], p["conv_bias"], "VALID")), 2)
    return cross_entropy(linear(maps, p["dense_weight"], p["dense_bias"]), target)


def ten_class_loss(p: dict[str, Any], x: Any, target: Any) -> Any:
    """Two convolutions, two pools, two dense layers."""
    maps = max_pool2d(jax.nn.relu(conv2d(x, p["conv1_weight"], p["conv1_bias"], "VALID")), 2)
    maps = max_pool2d(jax.nn.relu(conv2d(maps, p["conv2_weight"], p["conv2_bias"], "VALID")), 2)
    hidden = jax.nn.relu(linear(maps, p["dense1_weight"], p["dense1_bias"]))
    return cross_entropy(linear(hidden, p["dense2_weight"], p["dense2_bias"]), target)


LOSSES = {
    "SingleFilterCNN": single_filter_loss,
    "BinaryCNN": binary_loss,
    "SoftmaxCNN": softmax_loss,
    "TenClassCNN": ten_class_loss,
}


def training(problem: Problem) -> Contender:
    """Train with the whole step, update included, compiled into one function."""
    _require_jax()
    parameters = {name: jnp.array(value) for name, value in problem.parameters.items()}
    batches = problem.batches(jnp.asarray(problem.x), jnp.asarray(problem.target))

    @jax.jit
    def compiled(parameters: dict[str, Any], x: Any, target: Any) -> tuple[Any, dict[str, Any]]:
        loss, gradients = jax.value_and_grad(LOSSES[problem.network.__name__])(parameters, x, target)
        return loss, {name: value - problem.learning_rate * gradients[name] for name, value in parameters.items()}

    compiled.lower(parameters, *batches[0]).compile()  # so that the memory this takes is not the step's

    def step() -> float:
        nonlocal parameters
        for x, target in batches:
            loss, parameters = compiled(parameters, x, target)
        jax.block_until_ready(parameters)  # until then it has only been promised
        return float(loss)

    return Contender(step, lambda: {name: np.asarray(value) for name, value in parameters.items()})


def operation(case: Case, arrays: dict[str, np.ndarray]) -> Operation:
    """Compile the forward and the backward, each by itself."""
    _require_jax()
    *inputs, dy = [jnp.asarray(array) for array in arrays.values()]
    if case.operation == "max_pool2d":
        function = functools.partial(max_pool2d, size=case.kernel_size)
    else:
        function = functools.partial(conv2d, padding=[(case.padding, case.padding)] * 2)
    forward = jax.jit(function)
    backward = jax.jit(lambda dy, *inputs: jax.vjp(function, *inputs)[1](dy))
    return Operation(
        lambda: jax.block_until_ready(forward(*inputs)), lambda: jax.block_until_ready(backward(dy, *inputs))
    )


def _require_jax() -> None:
    if jax is None:
        raise Unavailable("JAX is not installed")
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)  # without it, float64 becomes float32
