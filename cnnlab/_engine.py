"""One training step of any network: blocks of images, side by side in a few threads, with memory that is kept.

A block of images goes forward and backward before the next one begins, so that its columns stay in the processor's
cache from one to the other, and memory does not grow with the number of images.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from math import nan
from typing import Any, Sequence

import numpy as np

from cnnlab._threads import share_out
from cnnlab.layers import Conv2d, Layer, MaxPool2d, Parameters, ReLU

__all__ = ["compute_scores", "loss_gradients_and_correct"]

# What a block adds to the loss, to each gradient, and to the correct predictions.
StepResult = tuple[float, Parameters, int]

NOTHING = np.empty(0)
MOST_MEMORIES = 6  # memories in each thread

_in_this_thread = threading.local()  # two threads must not write into the same memory


class Images:
    """What the first layer reads, in the place of a memory before it."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, *, copied: bool) -> None:
        self._copied = copied
        self.y = np.empty(shape, dtype)
        self.dy = np.empty(shape, dtype) if copied else None

    def take(self, images: np.ndarray) -> None:
        """Take a block's images: a convolution copies them itself, all others see the same memory every time."""
        if self._copied:
            self.y[...] = images
        else:
            self.y = images

    def release(self) -> None:
        """Let the images go, as whoever keeps a block keeps the whole data set."""
        if not self._copied:
            self.y = NOTHING


class NetworkMemory:
    """The memories of all layers, one behind the other, for a block of images of one shape."""

    def __init__(
        self, layers: Sequence[Layer], shape: tuple[int, ...], parameters: Parameters, dtype: np.dtype
    ) -> None:
        self.images = Images(shape, dtype, copied=not isinstance(layers[0], Conv2d))
        memories: list[Any] = []
        last: Any = self.images
        for layer in _relu_after_pool(layers):
            last = layer.memory(last, parameters)
            memories.append(last)
        self._last = last
        self._forward = [memory.forward for memory in memories]
        self._backward = [memory.backward for memory in reversed(memories)]

    def forward(self, images: np.ndarray, parameters: Parameters) -> np.ndarray:
        """Return the scores of a block of images, in memory that the next call overwrites."""
        self.images.take(images)
        for forward in self._forward:
            forward(parameters)
        scores: np.ndarray = self._last.y
        return scores

    def backward(self, d_scores: np.ndarray, parameters: Parameters) -> Parameters:
        """Return the gradients of all parameters for the block that went forward last."""
        gradients: Parameters = {}
        self._last.dy[...] = d_scores
        for backward in self._backward:
            backward(parameters, gradients)
        self.images.release()
        return gradients


def _relu_after_pool(layers: Sequence[Layer]) -> list[Layer]:
    """Put ReLU behind a max pool: the larger of 0 and a maximum is the same either way, and there are fewer of them."""
    order = list(layers)
    for k in range(len(order) - 1):
        if type(order[k]) is ReLU and type(order[k + 1]) is MaxPool2d:  # not for a pool of one's own, derived from it
            order[k : k + 2] = order[k + 1], order[k]
    return order


def _memory(network: Any, shape: tuple[int, ...]) -> NetworkMemory:
    """Return this thread's memory for images of this shape; make it where it is new or was not used for long."""
    if not hasattr(_in_this_thread, "memories"):
        _in_this_thread.memories = OrderedDict()
    memories, key = _in_this_thread.memories, (network.memory_key, shape)
    if key in memories:
        memories.move_to_end(key)
    else:
        memories[key] = NetworkMemory(network.layers, shape, network.parameters, network.dtype)
        if len(memories) > MOST_MEMORIES:
            memories.popitem(last=False)
    memory: NetworkMemory = memories[key]
    return memory


@np.errstate(all="ignore")
def loss_gradients_and_correct(
    network: Any, images: np.ndarray, targets: np.ndarray, *, count_correct: bool
) -> StepResult:
    """Take all images forward and back: the loss, each gradient, and how many predictions are correct.

    Without `count_correct` nothing is counted. The loss of no images is NaN.
    """
    n, most = len(images), network._infer_shapes(images.shape[1:]).images_per_block
    if n == 0:
        return nan, {name: np.zeros_like(value) for name, value in network.parameters.items()}, 0
    if n <= most:
        loss, gradients, correct = _step(network, images, targets, n, count_correct)
    elif network.criterion.needs_whole_batch:
        loss, gradients, correct = _two_passes(network, images, targets, count_correct)
    else:
        loss, gradients, correct = _sum_over_blocks(
            lambda block: _step(network, images[block], targets[block], n, count_correct), _blocks(n, most)
        )
    return loss, {name: gradients[name].reshape(value.shape) for name, value in network.parameters.items()}, correct


def _step(network: Any, images: np.ndarray, targets: np.ndarray, n: int, count_correct: bool) -> StepResult:
    """Take a block of the n images forward and back."""
    criterion, parameters, memory = network.criterion, network.parameters, _memory(network, images.shape)
    scores = memory.forward(images, parameters)
    loss, d_scores = criterion.loss_of_part(scores, targets, n)
    correct = criterion.count_correct(scores, targets) if count_correct else 0
    return loss, memory.backward(d_scores, parameters), correct


def _two_passes(network: Any, images: np.ndarray, targets: np.ndarray, count_correct: bool) -> StepResult:
    """Take every block forward before the first one goes back, as the loss needs the scores of the whole batch.

    Going forward twice takes less time than to keep all columns, and memory does not grow with the images.
    """
    criterion, n = network.criterion, len(images)
    all_scores = compute_scores(network, images)
    loss, d_scores = criterion.loss_of_part(all_scores, targets, n)
    correct = criterion.count_correct(all_scores, targets) if count_correct else 0

    def step(block: slice) -> StepResult:
        memory = _memory(network, images[block].shape)
        memory.forward(images[block], network.parameters)
        return 0.0, memory.backward(d_scores[block], network.parameters), 0

    blocks = _blocks(n, network._infer_shapes(images.shape[1:]).images_per_block)
    return loss, _sum_over_blocks(step, blocks)[1], correct


def _blocks(n: int, most: int) -> list[slice]:
    """Divide n images into those that go through the network at a time, about as many each time."""
    number = max(1, -(-n // most))
    size = max(1, -(-n // number))
    return [slice(start, start + size) for start in range(0, n, size)]


def _sum_over_blocks(step: Any, blocks: list[slice]) -> StepResult:
    """Take a step for every block, side by side, and add up what comes of them."""

    def work(share: slice) -> StepResult:
        return functools.reduce(_add_result, map(step, blocks[share]))

    return functools.reduce(_add_result, share_out(work, len(blocks)))


def _add_result(total: StepResult, part: StepResult) -> StepResult:
    """Add one block's part to that of others, in place where there are arrays."""
    for name, gradient in total[1].items():
        gradient += part[1][name]
    return total[0] + part[0], total[1], total[2] + part[2]


@np.errstate(all="ignore")
def compute_scores(network: Any, images: np.ndarray) -> np.ndarray:
    """Take all images forward, and return the scores of the last layer."""
    shapes = network._infer_shapes(images.shape[1:])
    all_scores = np.empty((len(images), *shapes.output), images.dtype)

    def work(share: slice) -> None:
        for block in blocks[share]:
            memory = _memory(network, images[block].shape)
            all_scores[block] = memory.forward(images[block], network.parameters)
            memory.images.release()

    blocks = _blocks(len(images), shapes.images_per_block)
    share_out(work, len(blocks))
    return all_scores
