"""The layers that networks are made of: an operation with its parameters and, for training, its memory.

A layer says twice what it does. `forward` and `backward` call the public operations, for the record that a reader
looks at. `Memory`, made once for images of one shape, calls the same kernels with arrays that it keeps from step to
step: fresh memory costs page faults, and on small images every call that is saved counts. A memory has `y`, its
output, and `dy`, where the layer behind it writes the gradient of that output.
"""

from __future__ import annotations

import copy
from math import prod
from typing import Any, Iterable

import numpy as np

from cnnlab._checks import as_flag, as_int, as_pair, require_room, shown
from cnnlab._im2col import Columns, Geometry, images_per_block, make_geometry
from cnnlab._threads import count_parts
from cnnlab.activations import (
    _relu_backward,
    _sigmoid,
    _sigmoid_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
)
from cnnlab.convolution import conv2d, conv2d_backward
from cnnlab.linear import _product, linear, linear_backward
from cnnlab.pooling import (
    _max_pool2d,
    _max_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    windows_of,
    windows_overlap,
)

__all__ = ["Conv2d", "Flatten", "Linear", "MaxPool2d", "ReLU", "Sigmoid"]

Parameters = dict[str, np.ndarray]
Shape = tuple[int, ...]  # of what a layer gets or gives for one image: (C, H, W), or (features,)

EXAMPLE = "layers, as in Conv2d(8, 3), ReLU(), Flatten(), Linear(2)"
MOST_KEPT_NUMBERS = 2**23  # in the columns of one image; memory for more is not worth keeping


class Layer:
    """One stage of a network.

    Attributes
    ----------
    name : str
        Its field in the record, as `conv` or, where there are several, `conv1`.
    key : str
        With which the names of its parameters begin, as in `conv_weight`.
    """

    kind = ""  # what name and key are made of
    name = ""
    key = ""

    def forward(self, x: np.ndarray, parameters: Parameters) -> np.ndarray:
        """Apply the operation to images."""
        raise NotImplementedError

    def backward(
        self, dy: np.ndarray, x: np.ndarray, y: np.ndarray, parameters: Parameters
    ) -> tuple[np.ndarray | None, Parameters]:
        """Carry the gradient back from the output to the input, and to the parameters."""
        raise NotImplementedError

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Name the parameters."""
        return ()

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Work out the shapes of the parameters for what comes in."""
        return {}

    def check_parameters(self, parameters: Parameters, incoming: int | None) -> int | None:
        """Check the parameters' shapes for so many incoming channels or features; return how many go out."""
        return incoming

    def minimum_input_size(self, size: tuple[int, int], parameters: Parameters) -> tuple[int, int]:
        """Return the size of the smallest maps for an output of this size."""
        return size

    def _require_maps(self, shape: Shape) -> None:
        if len(shape) != 3:
            raise ValueError(f"{self} needs maps (C, H, W); it gets {shape}: put it before Flatten")

    def _check_bias(self, parameters: Parameters, expected: Shape) -> None:
        came = parameters[f"{self.key}_bias"].shape
        if came != expected:
            raise ValueError(f"{self.key}_bias must have shape {expected}; got {came}")

    def output_shape(self, shape: Shape, parameters: Parameters) -> Shape:
        """Return the shape of what goes out for what comes in."""
        return shape

    def images_per_block(self, shape: Shape, parameters: Parameters, dtype: np.dtype) -> int:
        """Count the images whose work fits into the processor's cache."""
        return 2**30

    def memory(self, before: Any, parameters: Parameters) -> Any:
        """Make the memory for a block of images, behind the memory of the layer before."""
        return self.Memory(self, before, parameters)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return self.name or type(self).__name__


class Conv2d(Layer):
    """Filters that slide over maps, as `conv2d`.

    Parameters
    ----------
    filters : int, optional
        How many; in a network of the course, where it is left out, as many as its parameters hold.
    kernel_size : int or pair of int, optional
        Height and width of a filter.
    padding : int, pair of int, "valid" or "same"
        As in `conv2d`.
    bias : bool
        Whether a number is added to each map.
    """

    kind = "conv"

    def __init__(
        self,
        filters: int | None = None,
        kernel_size: int | tuple[int, int] | None = None,
        *,
        padding: int | tuple[int, int] | str = "valid",
        bias: bool = True,
    ) -> None:
        self.filters = None if filters is None else as_int("filters", filters, 1)
        self.kernel_size = None if kernel_size is None else as_pair("kernel_size", kernel_size, 1)
        make_geometry((2**31, 2**31), (1, 1), 1, padding)  # says what is wrong with the padding
        self.padding, self.bias = padding, as_flag("bias", bias)
        self.is_first = False

    def forward(self, x: np.ndarray, parameters: Parameters) -> np.ndarray:
        return conv2d(x, parameters[f"{self.key}_weight"], parameters.get(f"{self.key}_bias"), padding=self.padding)

    def backward(
        self, dy: np.ndarray, x: np.ndarray, y: np.ndarray, parameters: Parameters
    ) -> tuple[np.ndarray | None, Parameters]:
        weight = parameters[f"{self.key}_weight"]
        gradients = conv2d_backward(dy, x, weight, padding=self.padding, input_gradient=not self.is_first)
        return gradients.x, dict(zip(self.parameter_names, (gradients.weight, gradients.bias), strict=False))

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return (f"{self.key}_weight", f"{self.key}_bias") if self.bias else (f"{self.key}_weight",)

    def with_sizes(self, filters: Any = None, kernel_size: Any = None) -> Conv2d:
        """Copy the layer with so many filters, unless it says how many, of this size."""
        layer = copy.copy(self)
        layer.filters = self.filters or as_int("filters", filters, 1)
        layer.kernel_size = as_pair("kernel_size", kernel_size, 1)
        return layer

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        self._require_maps(shape)
        weight = (self.filters or 1, shape[0], *self.filter_size({}))
        require_room(f"channels, filters and kernel_size: {self.key}_weight", weight, "use fewer or smaller filters")
        return dict(zip(self.parameter_names, (weight, weight[:1]), strict=False))

    def check_parameters(self, parameters: Parameters, incoming: int | None) -> int | None:
        shape = parameters[f"{self.key}_weight"].shape
        filters = self.filters or "F"
        if len(shape) != 4 or shape[1] != incoming or 0 in shape or self.filters not in (None, shape[0]):
            hint = ": kernel[None, None] adds the first two axes" if len(shape) == 2 else ""
            raise ValueError(f"{self.key}_weight must have shape ({filters}, {incoming}, kH, kW); got {shape}{hint}")
        if self.bias:
            self._check_bias(parameters, shape[:1])
        return shape[0]

    def filter_size(self, parameters: Parameters) -> tuple[int, int]:
        """Return the size of a filter."""
        if f"{self.key}_weight" in parameters:
            rows, columns = parameters[f"{self.key}_weight"].shape[2:]
            return rows, columns
        if self.filters is None or self.kernel_size is None:
            raise ValueError(f"{self} must say how many filters it has and how large they are, as in Conv2d(8, 3)")
        return self.kernel_size

    def minimum_input_size(self, size: tuple[int, int], parameters: Parameters) -> tuple[int, int]:
        if self.padding == "same":
            return size
        kernel, around = self.filter_size(parameters), (0, 0)
        if not isinstance(self.padding, str):
            around = as_pair("padding", self.padding, 0)
        rows, columns = (max(1, n - 1 + k - 2 * p) for n, k, p in zip(size, kernel, around, strict=True))
        return rows, columns

    def output_shape(self, shape: Shape, parameters: Parameters) -> Shape:
        return len(parameters[f"{self.key}_weight"]), *self._geometry(shape, parameters).output_size

    def _geometry(self, shape: Shape, parameters: Parameters) -> Geometry:
        return make_geometry(shape[1:], self.filter_size(parameters), 1, self.padding)

    def images_per_block(self, shape: Shape, parameters: Parameters, dtype: np.dtype) -> int:
        return images_per_block(shape[0], self._geometry(shape, parameters), dtype)

    def memory(self, before: Any, parameters: Parameters) -> Any:
        cells = prod(self._geometry(before.y.shape[1:], parameters).output_size)
        columns = prod(parameters[f"{self.key}_weight"].shape[1:]) * cells
        return (self.Tiled if columns > MOST_KEPT_NUMBERS else self.Memory)(self, before, parameters)

    class Memory:
        """The columns stay from forward to backward; a last row of ones makes the bias one more weight."""

        def __init__(self, layer: Conv2d, before: Any, parameters: Parameters) -> None:
            self.before, self._has_bias = before, layer.bias
            self._weight_name, self._bias_name = f"{layer.key}_weight", f"{layer.key}_bias"
            weight = parameters[self._weight_name]
            n, *shape = before.y.shape
            geometry, dtype = layer._geometry(tuple(shape), parameters), weight.dtype
            self._columns = Columns(n, tuple(shape), geometry, dtype, ones=layer.bias)
            _, entries, cells = self._columns.matrix.shape
            self._filters, self._entries = len(weight), entries - layer.bias
            # A product with 4 rows takes no longer than one with 3: the processor works on 4 at a time.
            rows = 4 if len(weight) == 3 else len(weight)
            self._weights = np.zeros((rows, entries), dtype)
            self._weight_gradients = np.empty((n, rows, entries), dtype)
            self._kernels = self._weights[: len(weight), : self._entries]
            maps, gradients = np.empty((n, rows, cells), dtype), np.zeros((n, rows, cells), dtype)
            output = (n, len(weight), *geometry.output_size)
            self.y, self.dy = (np.ndarray(output, dtype, a, strides=_map_strides(a, output)) for a in (maps, gradients))
            self._gradients = gradients[:, : len(weight)]
            transposed = self._columns.matrix.transpose(0, 2, 1)
            # In parts so small that BLAS shares none out among threads: blocks are in several threads already.
            parts = count_parts(rows, entries * cells)
            self._is_one_product = n == parts == 1  # np.dot costs less than np.matmul to call
            self._forward_operands = (
                self._weights.reshape(parts, -1, entries),
                self._columns.matrix[:, None],
                maps.reshape(n, parts, -1, cells),
            )
            self._backward_operands = (
                gradients.reshape(n, parts, -1, cells),
                transposed[:, None],
                self._weight_gradients.reshape(n, parts, -1, entries),
            )
            if self._is_one_product:
                self._forward_operands = self._weights, self._columns.matrix[0], maps[0]
                self._backward_operands = gradients[0], transposed[0], self._weight_gradients[0]

        def forward(self, parameters: Parameters) -> None:
            self._kernels[...] = parameters[self._weight_name].reshape(self._kernels.shape)
            if self._has_bias:
                self._weights[: self._filters, -1] = parameters[self._bias_name]
            self._columns.fill(self.before.y)
            a, b, y = self._forward_operands
            if self._is_one_product:
                np.dot(a, b, out=y)
            else:
                # One small product per image stays in cache; one wide product over all images would not.
                np.matmul(a, b, out=y)

        def backward(self, parameters: Parameters, gradients: Parameters) -> None:
            dy, columns, products = self._backward_operands
            if self._is_one_product:
                weight_and_bias = _product(dy, columns)
            else:
                np.matmul(dy, columns, out=products)
                weight_and_bias = np.add.reduce(self._weight_gradients, axis=0)
            gradients[self._weight_name] = weight_and_bias[: self._filters, : self._entries]
            if self._has_bias:
                gradients[self._bias_name] = weight_and_bias[: self._filters, -1]
            if self.before.dy is not None:
                self._input_gradient()

        def _input_gradient(self) -> None:
            """Send each output's gradient back to its window. The columns' memory is used up for that."""
            n, filters, cells = self._gradients.shape
            parts = count_parts(self._entries, filters * cells)
            weights = self._kernels.reshape(filters, parts, -1).transpose(1, 2, 0)
            out = self._columns.matrix[:, : self._entries].reshape(n, parts, -1, cells)
            np.matmul(weights, self._gradients[:, None], out=out)
            self.before.dy[...] = self._columns.col2im()

    class Tiled:
        """Of images so large that their columns are not worth keeping: `conv2d` makes them twice, tile by tile."""

        def __init__(self, layer: Conv2d, before: Any, parameters: Parameters) -> None:
            self.layer, self.before = layer, before
            n, *shape = before.y.shape
            output = (n, *layer.output_shape(tuple(shape), parameters))
            self.y, self.dy = (np.zeros(output, before.y.dtype) for _ in range(2))

        def forward(self, parameters: Parameters) -> None:
            self.y[...] = self.layer.forward(self.before.y, parameters)

        def backward(self, parameters: Parameters, gradients: Parameters) -> None:
            dx, more = self.layer.backward(self.dy, self.before.y, self.y, parameters)
            gradients |= more
            if self.before.dy is not None:
                self.before.dy[...] = dx


class ReLU(Layer):
    """The larger of each number and 0, as `relu`."""

    kind = "relu"

    def forward(self, x: np.ndarray, parameters: Parameters) -> np.ndarray:
        return relu(x)

    def backward(
        self, dy: np.ndarray, x: np.ndarray, y: np.ndarray, parameters: Parameters
    ) -> tuple[np.ndarray | None, Parameters]:
        return relu_backward(dy, x), {}

    class Memory:
        """The output, its gradient, and where the input is positive."""

        def __init__(self, layer: ReLU, before: Any, parameters: Parameters) -> None:
            self.before = before
            self.y, self.dy = (np.empty(before.y.shape, before.y.dtype) for _ in range(2))
            self._positive = np.empty(before.y.shape, bool)

        def forward(self, parameters: Parameters) -> None:
            np.maximum(self.before.y, 0, out=self.y)

        def backward(self, parameters: Parameters, gradients: Parameters) -> None:
            _relu_backward(self.dy, self.before.y, self.before.dy, self._positive)


class Sigmoid(Layer):
    """σ of each number, as `sigmoid`."""

    kind = "sigmoid"

    def forward(self, x: np.ndarray, parameters: Parameters) -> np.ndarray:
        return sigmoid(x)

    def backward(
        self, dy: np.ndarray, x: np.ndarray, y: np.ndarray, parameters: Parameters
    ) -> tuple[np.ndarray | None, Parameters]:
        return sigmoid_backward(dy, y), {}

    class Memory:
        """The output, its gradient, and σ'."""

        def __init__(self, layer: Sigmoid, before: Any, parameters: Parameters) -> None:
            self.before = before
            self.y, self.dy, self._slope = (np.empty(before.y.shape, before.y.dtype) for _ in range(3))

        def forward(self, parameters: Parameters) -> None:
            _sigmoid(self.before.y, self.y)

        def backward(self, parameters: Parameters, gradients: Parameters) -> None:
            _sigmoid_backward(self.dy, self.y, self.before.dy, self._slope)


class MaxPool2d(Layer):
    """The largest value of each window, as `max_pool2d`.

    Parameters
    ----------
    kernel_size : int or pair of int
        Height and width of a window.
    stride : int or pair of int, optional
        Pixels between neighbouring windows; the kernel size by default.
    """

    kind = "pool"

    def __init__(
        self,
        kernel_size: int | tuple[int, int] = 2,
        *,
        stride: int | tuple[int, int] | None = None,
    ) -> None:
        self.kernel_size = as_pair("kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else as_pair("stride", stride, 1)

    def forward(self, x: np.ndarray, parameters: Parameters) -> np.ndarray:
        return max_pool2d(x, self.kernel_size, stride=self.stride)

    def backward(
        self, dy: np.ndarray, x: np.ndarray, y: np.ndarray, parameters: Parameters
    ) -> tuple[np.ndarray | None, Parameters]:
        return max_pool2d_backward(dy, x, self.kernel_size, stride=self.stride), {}

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        self._require_maps(shape)
        return {}

    def minimum_input_size(self, size: tuple[int, int], parameters: Parameters) -> tuple[int, int]:
        rows, columns = ((n - 1) * s + k for n, s, k in zip(size, self.stride, self.kernel_size, strict=True))
        return rows, columns

    def output_shape(self, shape: Shape, parameters: Parameters) -> Shape:
        return shape[0], *self.geometry(shape).output_size

    def geometry(self, shape: Shape) -> Geometry:
        """Work out how the window moves."""
        return make_geometry(shape[1:], self.kernel_size, self.stride, 0)

    def images_per_block(self, shape: Shape, parameters: Parameters, dtype: np.dtype) -> int:
        return images_per_block(shape[0], self.geometry(shape), dtype)

    class Memory:
        """The output, its gradient, and which pixel of each window is the largest."""

        def __init__(self, layer: MaxPool2d, before: Any, parameters: Parameters) -> None:
            self.before = before
            geometry = layer.geometry(before.y.shape[1:])
            self._x, self._dx = (windows_of(maps, geometry) for maps in (before.y, before.dy))
            self._windows, self._largest = (np.empty(self._x.shape, dtype) for dtype in (before.y.dtype, bool))
            self.y, self.dy = (np.empty(self._x.shape[2:], before.y.dtype) for _ in range(2))
            self._overlap = windows_overlap(geometry)
            before.dy.fill(0)  # a remainder that no window covers stays 0

        def forward(self, parameters: Parameters) -> None:
            np.copyto(self._windows, self._x)
            _max_pool2d(self._windows, self.y)

        def backward(self, parameters: Parameters, gradients: Parameters) -> None:
            if self._overlap:
                self.before.dy.fill(0)
            _max_pool2d_backward(self.dy, self._windows, self.y, self._dx, self._largest, self._overlap)


class Flatten(Layer):
    """The maps of each image in one row: map by map, row by row."""

    kind = "features"

    def forward(self, x: np.ndarray, parameters: Parameters) -> np.ndarray:
        return x.reshape(len(x), prod(x.shape[1:]))

    def backward(
        self, dy: np.ndarray, x: np.ndarray, y: np.ndarray, parameters: Parameters
    ) -> tuple[np.ndarray | None, Parameters]:
        return dy.reshape(x.shape), {}

    def check_parameters(self, parameters: Parameters, incoming: int | None) -> int | None:
        return None  # it depends on the images' size

    def output_shape(self, shape: Shape, parameters: Parameters) -> Shape:
        return (prod(shape),)

    class Memory:
        """Views of what is before, so that there is nothing to do."""

        def __init__(self, layer: Flatten, before: Any, parameters: Parameters) -> None:
            self.y, self.dy = (maps.reshape(len(maps), prod(maps.shape[1:])) for maps in (before.y, before.dy))

        def forward(self, parameters: Parameters) -> None:
            """Do nothing."""

        def backward(self, parameters: Parameters, gradients: Parameters) -> None:
            """Do nothing."""


class Linear(Layer):
    """Weighted sums of features, as `linear`.

    Parameters
    ----------
    outputs : int, optional
        How many; in a network of the course, where it is left out, as many as its parameters hold.
    """

    kind = "dense"

    def __init__(self, outputs: int | None = None) -> None:
        self.outputs = None if outputs is None else as_int("outputs", outputs, 1)

    def forward(self, x: np.ndarray, parameters: Parameters) -> np.ndarray:
        return linear(x, parameters[f"{self.key}_weight"], parameters[f"{self.key}_bias"])

    def backward(
        self, dy: np.ndarray, x: np.ndarray, y: np.ndarray, parameters: Parameters
    ) -> tuple[np.ndarray | None, Parameters]:
        gradients = linear_backward(dy, x, parameters[f"{self.key}_weight"])
        return gradients.x, {f"{self.key}_weight": gradients.weight, f"{self.key}_bias": gradients.bias}

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return f"{self.key}_weight", f"{self.key}_bias"

    def with_sizes(self, outputs: Any = None) -> Linear:
        """Copy the layer with so many outputs, unless it says how many."""
        layer = copy.copy(self)
        layer.outputs = self.outputs or as_int("outputs", outputs, 1)
        return layer

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        if len(shape) != 1:
            raise ValueError(f"{self} needs features; it gets maps of shape {shape}: put Flatten() before it")
        if self.outputs is None:
            raise ValueError(f"{self} must say how many outputs it has, as in Linear(10)")
        weight = (self.outputs, shape[0])
        require_room(
            f"channels, image_size, filters, hidden and classes: {self.key}_weight", weight, "make the network smaller"
        )
        return {f"{self.key}_weight": weight, f"{self.key}_bias": (self.outputs,)}

    def check_parameters(self, parameters: Parameters, incoming: int | None) -> int | None:
        shape = parameters[f"{self.key}_weight"].shape
        features = incoming or "features"
        if len(shape) != 2 or 0 in shape or incoming not in (None, shape[1]) or self.outputs not in (None, shape[0]):
            raise ValueError(f"{self.key}_weight must have shape ({self.outputs or 'K'}, {features}); got {shape}")
        self._check_bias(parameters, shape[:1])
        return shape[0]

    def output_shape(self, shape: Shape, parameters: Parameters) -> Shape:
        outputs, features = parameters[f"{self.key}_weight"].shape
        if shape != (features,):
            raise ValueError(
                f"x gives {shape[0]} features, {self.key}_weight takes {features}: the network was made for images of "
                f"another size, so make one with this image_size"
            )
        return (outputs,)

    class Memory:
        """The output and its gradient."""

        def __init__(self, layer: Linear, before: Any, parameters: Parameters) -> None:
            self.before, self._weight_name, self._bias_name = before, f"{layer.key}_weight", f"{layer.key}_bias"
            outputs = len(parameters[self._weight_name])
            self.y, self.dy = (np.empty((len(before.y), outputs), before.y.dtype) for _ in range(2))
            self._dx = before.dy if before.dy.flags.c_contiguous else None  # BLAS writes into one piece

        def forward(self, parameters: Parameters) -> None:
            _product(self.before.y, parameters[self._weight_name].T, self.y)
            self.y += parameters[self._bias_name]

        def backward(self, parameters: Parameters, gradients: Parameters) -> None:
            gradients[self._weight_name] = _product(self.dy.T, self.before.y)
            gradients[self._bias_name] = np.add.reduce(self.dy, axis=0)
            dx = _product(self.dy, parameters[self._weight_name], self._dx)
            if self._dx is None:
                self.before.dy[...] = dx


def name_layers(layers: Iterable[Any], last_name: str) -> tuple[Layer, ...]:
    """Give every layer its name and key, with a number where there are several of a kind.

    `last_name` is the name of the last layer's output.
    """
    named = []
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(f"layers must be {EXAMPLE}; got {shown(layer)}")
        named.append(copy.copy(layer))
    if not named:
        raise TypeError(f"layers must be {EXAMPLE}; got none")
    kinds = [layer.kind for layer in named]
    for place, (layer, kind) in enumerate(zip(named, kinds, strict=True)):
        layer.key = kind if kinds.count(kind) == 1 else f"{kind}{kinds[: place + 1].count(kind)}"
        layer.name = last_name if place == len(named) - 1 else layer.key
    if isinstance(named[0], Conv2d):
        named[0].is_first = True
    return tuple(named)


def _map_strides(a: np.ndarray, output: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of maps (n, F, H', W') in an array (n, rows, H' W')."""
    return (*a.strides[:2], output[3] * a.itemsize, a.itemsize)
