"""The operations of a training step once more, into memory that is made once.

A training step repeats the same operations on the same shapes, thousands of times. Here each layer keeps its
results, and the views it needs of them, from step to step: fresh memory costs page faults, and on small images
every call that is saved counts. The ground floor's functions stay the reference; the tests hold these to them.

A layer's `forward` returns its own memory, which the next call overwrites.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Callable, Hashable, TypeVar

import numpy as np

from cnnlab.convolution import Columns, Window

__all__ = ["Convolution", "Pool", "Sigmoid", "dot", "kept", "product"]

Layers = TypeVar("Layers")
MOST_KEPT = 6  # sets of layers in each thread
MOST_NUMBERS = 2**23  # in the columns of one image; memory for more is not worth keeping

_kept = threading.local()  # two threads must not write into the same memory


def kept(key: Hashable, make: Callable[[], Layers]) -> Layers:
    """Return the layers made under this key, and make them where they are new or were not used for long."""
    if not hasattr(_kept, "layers"):
        _kept.layers = OrderedDict()
    layers = _kept.layers
    if key in layers:
        layers.move_to_end(key)
    else:
        layers[key] = make()
        if len(layers) > MOST_KEPT:
            layers.popitem(last=False)
    return layers[key]


UNSHARED = 2**19  # multiplications that OpenBLAS leaves to one thread


class Convolution:
    """`conv2d` of n images with a bias, and the gradients of weight and bias; the columns are kept in between."""

    def __init__(self, n: int, shape: tuple[int, ...], window: Window, filters: int, dtype: np.dtype) -> None:
        self.shape = (n, *shape)  # of the images
        self._columns = Columns(n, shape, window, dtype, ones=True)
        _, entries, cells = self._columns.matrix.shape
        # A product with 4 rows takes no longer than one with 3: the processor works on 4 at a time.
        rows = 4 if filters == 3 else filters
        self._weights, self._products = np.zeros((rows, entries), dtype), np.empty((n, rows, entries), dtype)
        self._weight, self._bias = self._weights[:filters, :-1], self._weights[:filters, -1]
        self._maps, self._gradients = np.empty((n, rows, cells), dtype), np.zeros((n, rows, cells), dtype)
        self._transposed = self._columns.matrix.transpose(0, 2, 1)
        self._filters = filters
        # The same in parts so small that BLAS does not share one out among threads: the lanes are threads already.
        parts = _parts(rows, entries * cells)
        self._one_product = n == parts == 1  # np.dot costs less than np.matmul to call
        self._weight_parts = self._weights.reshape(parts, -1, entries)
        self._map_parts = self._maps.reshape(n, parts, -1, cells)
        self._gradient_parts = self._gradients.reshape(n, parts, -1, cells)
        self._product_parts = self._products.reshape(n, parts, -1, entries)
        self._column_parts, self._transposed_parts = self._columns.matrix[:, None], self._transposed[:, None]
        self.maps, self.gradients = self._maps[:, :filters], self._gradients[:, :filters]

    def forward(self, images: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Return the maps (n, F, H' W') of the images (n, C, H, W)."""
        self._weight[...] = weight.reshape(self._weight.shape)
        self._bias[...] = bias
        columns = self._columns.fill(images)
        if self._one_product:
            np.dot(self._weights, columns[0], out=self._maps[0])
        else:
            # One small product per image stays in cache; one wide product over all images would not.
            np.matmul(self._weight_parts, self._column_parts, out=self._map_parts)
        return self.maps

    def backward(self) -> tuple[np.ndarray, np.ndarray]:
        """Return ∂L/∂weight (F, C kH kW) and ∂L/∂bias (F,) for ∂L/∂maps in `gradients`."""
        if self._one_product:
            both = dot(self._gradients[0], self._transposed[0])
        else:
            np.matmul(self._gradient_parts, self._transposed_parts, out=self._product_parts)
            both = np.add.reduce(self._products, axis=0)
        return both[: self._filters, :-1], both[: self._filters, -1]

    def input_gradient(self) -> np.ndarray:
        """Return ∂L/∂images (n, C, H, W). It is made where the columns were: call it after `backward`."""
        n, filters, cells = self.gradients.shape
        entries = self._weight.shape[1]
        parts = _parts(entries, filters * cells)
        weights = self._weight.reshape(filters, parts, -1).transpose(1, 2, 0)
        out = self._columns.matrix[:, :-1].reshape(n, parts, -1, cells)
        np.matmul(weights, self.gradients[:, None], out=out)
        return self._columns.fold()


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply two matrices. BLAS leaves a single factor 0 out, even where the other one is NaN or infinite."""
    return a * b if a.size == 1 or b.size == 1 else np.dot(a, b)


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply two matrices, in parts small enough for one thread."""
    parts = _parts(len(a), b.size)
    return np.matmul(a.reshape(parts, len(a) // parts, -1), b).reshape(len(a), -1)


def _parts(rows: int, cost: int) -> int:
    """Say into how many parts to divide rows that cost so many multiplications each."""
    divisors = (parts for parts in range(1, rows + 1) if rows % parts == 0)
    return next((parts for parts in divisors if rows // parts * cost < UNSHARED), rows)


class Sigmoid:
    """σ of maps, cell by cell."""

    def __init__(self, maps: np.ndarray, gradients: np.ndarray) -> None:
        self._maps, self._gradients = maps, gradients
        self._y, self._slope = np.empty(maps.shape, maps.dtype), np.empty(maps.shape, maps.dtype)
        self._features = self._y.reshape(len(maps), -1)

    def forward(self) -> np.ndarray:
        """Return σ of the maps as (n, F H' W')."""
        y = self._y
        # exp may overflow to infinity, and 1 divided by it is 0, as it should be: no `where` is needed.
        np.negative(self._maps, out=y)
        np.exp(y, out=y)
        y += 1
        np.divide(1, y, out=y)
        return self._features

    def backward(self, dy: np.ndarray) -> None:
        """Write ∂L/∂maps for dy (n, F H' W')."""
        slope = self._slope
        np.subtract(1, self._y, out=slope)
        slope *= self._y
        np.multiply(dy.reshape(slope.shape), slope, out=self._gradients)


class Pool:
    """The 2×2 max pool of ReLU of maps.

    The larger of 0 and a maximum is the same, whichever is taken first; after the pool ReLU has a quarter of the work.
    """

    def __init__(self, maps: np.ndarray, gradients: np.ndarray, size: tuple[int, ...]) -> None:
        # The cells of the blocks as (2, 2, n, F, H'/2, W'/2). A remainder that no block covers keeps its gradient 0.
        self._cells, self._gradients = _cells(maps, size), _cells(gradients, size)
        (self._a, self._b), (self._c, self._d) = self._cells
        pooled = self._cells.shape[2:]
        self._largest, self._relu = np.empty(pooled, maps.dtype), np.empty(pooled, maps.dtype)
        self._features = self._relu.reshape(len(maps), -1)
        self._hits, self._taken = np.empty((2, 2, *pooled), bool), np.empty(pooled, bool)

    def forward(self) -> np.ndarray:
        """Return the pool of the maps as (n, F H'/2 W'/2)."""
        largest = self._largest
        # Three maxima of strided slices: a reduction over axes of length 2 takes several times as long.
        np.maximum(self._a, self._b, out=largest)
        np.maximum(largest, self._c, out=largest)
        np.maximum(largest, self._d, out=largest)
        np.maximum(largest, 0, out=self._relu)
        return self._features

    def backward(self, dy: np.ndarray) -> None:
        """Write ∂L/∂maps for dy (n, F H'/2 W'/2): where a block's maximum is positive, its first one gets all."""
        largest, taken, hits = self._largest, self._taken, self._hits
        np.equal(self._cells, largest, out=hits)
        if np.count_nonzero(hits) > largest.size:  # a tie
            taken[...] = hits[0, 0]
            for hit in (hits[0, 1], hits[1, 0], hits[1, 1]):
                np.greater(hit, taken, out=hit)
                taken |= hit
        np.greater(largest, 0, out=taken)
        np.multiply(hits, dy.reshape(largest.shape) * taken, out=self._gradients)


def _cells(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """See maps (n, F, H' W') as the cells (2, 2, n, F, H'/2, W'/2) of 2×2 blocks."""
    n, filters = maps.shape[:2]
    a, b, item = maps.strides
    row = size[1] * item
    return np.lib.stride_tricks.as_strided(
        maps, (2, 2, n, filters, size[0] // 2, size[1] // 2), (row, item, a, b, 2 * row, 2 * item)
    )
