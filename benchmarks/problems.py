"""What is computed: the training steps of the course, and single operations.

Nothing here is computed yet. Each library solves these in its own file: `contenders`, `in_torch`, `in_jax`, `in_loops`.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import numpy as np

from cnnlab.networks import BinaryCNN, SingleFilterCNN, SoftmaxCNN

DTYPES = ("float64", "float32")


class Unavailable(Exception):
    """A library is not here, or does not work here; the text says why."""


class Problem(NamedTuple):
    """A training step (forward, backward to every parameter, update) or, with a batch size, an epoch of such steps."""

    network: type[Any]
    parameters: dict[str, np.ndarray]
    x: np.ndarray
    target: np.ndarray
    learning_rate: float
    batch_size: int | None = None

    def batches(self, x: Any, target: Any) -> list[tuple[Any, Any]]:
        """Deal out images and targets, be they NumPy's or another library's."""
        size = self.batch_size or len(x)
        return [(x[start : start + size], target[start : start + size]) for start in range(0, len(x), size)]


class Contender(NamedTuple):
    """A library's answer to a problem."""

    step: Callable[[], float]  # makes the step, or the epoch, and returns the loss before the (last) update
    parameters: Callable[[], dict[str, np.ndarray]]  # as they are now


class Step(NamedTuple):
    """A training step of the course."""

    words: str
    notebook: int
    limits: dict[str, float]  # of cnnlab's time divided by PyTorch's


STEPS = {
    "a": Step(
        "one 32×32 image, 5×5 filter with same padding, ReLU, pool, dense 1, sigmoid",
        3,
        {"float64": 0.40, "float32": 0.25},
    ),
    "b": Step(
        "200 images of 28×28, three 5×5 filters, sigmoid, dense 1, sigmoid", 4, {"float64": 0.45, "float32": 1.0}
    ),
    "c": Step("one 8×8 image, two 3×3 filters, ReLU, pool, dense 2, softmax", 5, {"float64": 0.40, "float32": 0.45}),
    "d": Step("as b with 5,000 images", 4, {"float64": 0.20, "float32": 0.30}),
}


def training_step(name: str, dtype: str) -> Problem:
    """Make one of the steps a to d."""
    rng = np.random.default_rng(0)
    if name == "a":
        network = SingleFilterCNN.initialize(rng, dtype=dtype)
        x = (rng.integers(1, 255, (1, 1, 32, 32)) - 128) / 64
        return Problem(SingleFilterCNN, network.parameters, x.astype(dtype), np.zeros(1, dtype), 0.001)
    if name == "c":
        network = SoftmaxCNN.initialize(rng, dtype=dtype)
        x = rng.standard_normal((1, 1, 8, 8))
        return Problem(SoftmaxCNN, network.parameters, x.astype(dtype), np.array([1]), 0.01)
    return binary_step({"b": 200, "d": 5000}[name], 28, dtype)


def binary_step(images: int, side: int, dtype: str) -> Problem:
    """Make step b with any number of images of any size, and nothing in memory but its data."""
    rng = np.random.default_rng(0)
    network = BinaryCNN.initialize(rng, image_size=side, dtype=dtype)
    x = rng.random((images, 1, side, side), dtype=dtype)
    return Problem(BinaryCNN, network.parameters, x, rng.integers(0, 2, images).astype(dtype), 0.1)


class Case(NamedTuple):
    """One operation on arrays of one size."""

    operation: str
    shape: tuple[int, int, int, int]
    filters: int = 0
    kernel_size: int = 2
    padding: int = 0

    @property
    def words(self) -> str:
        size = "×".join(map(str, self.shape))
        if self.operation == "max_pool2d":
            return f"{size}, {self.kernel_size}×{self.kernel_size}"
        return f"{size}, {self.filters} of {self.kernel_size}×{self.kernel_size}, padding {self.padding}"

    def arrays(self, dtype: str) -> dict[str, np.ndarray]:
        """Draw the inputs and ∂L/∂output."""
        rng = np.random.default_rng(0)
        n, channels, height, width = self.shape
        arrays = {"x": rng.standard_normal(self.shape)}
        if self.operation == "conv2d":
            arrays["weight"] = rng.standard_normal((self.filters, channels, self.kernel_size, self.kernel_size))
            arrays["bias"] = rng.standard_normal(self.filters)
            size = [length + 2 * self.padding - self.kernel_size + 1 for length in (height, width)]
            arrays["dy"] = rng.standard_normal((n, self.filters, *size))
        else:
            size = [length // self.kernel_size for length in (height, width)]
            arrays["dy"] = rng.standard_normal((n, channels, *size))
        return {name: array.astype(dtype) for name, array in arrays.items()}


class Operation(NamedTuple):
    """A library's answer to a case; what the functions return is the library's own kind of array."""

    forward: Callable[[], Any]
    backward: Callable[[], tuple[Any, ...]]  # one gradient for each input


CASES = (
    Case("conv2d", (1, 1, 8, 8), 2, 3),
    Case("conv2d", (1, 1, 32, 32), 1, 5, 2),
    Case("conv2d", (1, 1, 224, 224), 1, 5, 2),
    Case("conv2d", (200, 1, 28, 28), 3, 5),
    Case("conv2d", (32, 6, 12, 12), 16, 5),
    Case("conv2d", (16, 16, 56, 56), 32, 3, 1),
    Case("max_pool2d", (1, 1, 32, 32)),
    Case("max_pool2d", (200, 3, 24, 24)),
    Case("max_pool2d", (16, 16, 56, 56)),
    Case("max_pool2d", (16, 16, 56, 56), kernel_size=4),
)
