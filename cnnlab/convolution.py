"""Zero padding, windows as columns, and the convolution with its three gradients.

Everything here is cross-correlation, as in every deep-learning framework: the kernel is not turned.
Images are `(N, C, H, W)` and kernels `(F, C, kH, kW)`; one grey image `(H, W)` with one kernel `(kH, kW)` works
in every function and gives `(H', W')` back.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cnnlab._checks import as_flag, as_float, as_pair, layout_hint, require_room, require_shape
from cnnlab._im2col import Geometry, Tile, col2im_by_tiles, im2col_by_tiles, make_geometry

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Padding = int | tuple[int, int] | str

__all__ = [
    "Conv2dGradients",
    "conv2d",
    "conv2d_backward",
    "conv2d_output_size",
    "fold",
    "unfold",
    "zero_pad",
]


class Conv2dGradients(NamedTuple):
    """Gradients of the loss with respect to the inputs of `conv2d`."""

    x: np.ndarray | None
    weight: np.ndarray
    bias: np.ndarray


def zero_pad(x: ArrayLike, padding: int | tuple[int, int]) -> np.ndarray:
    """Put zeros around an image.

    Parameters
    ----------
    x : (..., H, W) array_like
        One image or any stack of images; integers and bools become float64.
    padding : int or pair of int
        Rows added above and below, and columns added left and right.

    Returns
    -------
    (..., H + 2 pH, W + 2 pW) ndarray
        A new array of x's dtype.

    Raises
    ------
    TypeError, ValueError
        If x is not an array of real numbers with rows and columns, or padding is negative or not whole.

    References
    ----------
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, section 2.2.

    Examples
    --------
    >>> zero_pad([[1, 2], [3, 4]], 1)
    array([[0., 0., 0., 0.],
           [0., 1., 2., 0.],
           [0., 3., 4., 0.],
           [0., 0., 0., 0.]])
    """
    x = as_float("x", x)
    if x.ndim < 2:
        raise ValueError(f"x must have rows and columns, (..., H, W); got shape {x.shape}")
    if isinstance(padding, str):
        raise TypeError(f"padding must be a whole number or a pair here, as no kernel is known; got {padding!r}")
    rows, columns = as_pair("padding", padding, 0)
    *stack, height, width = x.shape
    shape = (*stack, height + 2 * rows, width + 2 * columns)
    require_room("the image with this padding", shape, "use a smaller padding")
    padded = np.zeros(shape, x.dtype)
    padded[..., rows : rows + height, columns : columns + width] = x
    return padded


def conv2d_output_size(
    size: int | tuple[int, int],
    kernel_size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
) -> int | tuple[int, int]:
    """Count the positions of a kernel on an image.

    .. math:: H' = \\lfloor (H + 2p - k) / s \\rfloor + 1

    Parameters
    ----------
    size : int or pair of int
        Height and width of the image, in pixels.
    kernel_size : int or pair of int
        Height and width of the kernel, in pixels.
    stride : int or pair of int
        Pixels between neighbouring positions.
    padding : int, pair of int, "valid" or "same"
        Zeros on each side; "valid" is 0, "same" keeps the size and needs stride 1.

    Returns
    -------
    int or (int, int)
        One number if every argument is one number (or a word), else height and width.

    Raises
    ------
    TypeError, ValueError
        If an argument is not whole or too small, or the kernel does not fit into the padded image.

    References
    ----------
    Dumoulin and Visin, arXiv:1603.07285, relationship 6.

    Examples
    --------
    >>> conv2d_output_size(3, 2, padding=1)
    4
    >>> conv2d_output_size((28, 20), 5, stride=2)
    (12, 8)
    """
    geometry = make_geometry(as_pair("size", size, 0), as_pair("kernel_size", kernel_size, 1), stride, padding)
    if all(np.ndim(argument) == 0 for argument in (size, kernel_size, stride, padding)):
        return geometry.output_size[0]
    return geometry.output_size


def unfold(
    x: ArrayLike, kernel_size: int | tuple[int, int], *, stride: int | tuple[int, int] = 1, padding: Padding = 0
) -> np.ndarray:
    """Copy every window of an image into a column of a matrix.

    Parameters
    ----------
    x : (N, C, H, W) array_like, or (H, W)
        Images; integers and bools become float64.
    kernel_size, stride, padding
        As in `conv2d`.

    Returns
    -------
    (N, C kH kW, H' W') ndarray, or (kH kW, H' W')
        Column i W' + j holds the window at output cell (i, j), channel by channel, row by row.

    References
    ----------
    Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing",
    2006, section 3.1.

    Examples
    --------
    >>> unfold([[1, 2, 1], [0, 1, 2], [2, 1, 0]], 2)
    array([[1., 2., 0., 1.],
           [2., 1., 1., 2.],
           [0., 1., 2., 1.],
           [1., 2., 1., 0.]])
    """
    x = as_float("x", x)
    single = x.ndim == 2
    images = _as_images(x)
    geometry = make_geometry(images.shape[2:], as_pair("kernel_size", kernel_size, 1), stride, padding)
    n, channels, _, _ = images.shape
    shape = (n, channels * prod(geometry.kernel_size), prod(geometry.output_size))
    require_room("the matrix for these x, kernel_size, stride and padding", shape, "pass fewer images at a time")
    matrix = np.empty(shape, x.dtype)
    cells = matrix.reshape(*shape[:2], *geometry.output_size)
    for tile, columns in im2col_by_tiles(images, geometry, x.dtype):
        windows = columns.reshape(len(columns), shape[1], *tile.geometry.output_size)
        cells[tile.images, :, tile.rows, tile.columns] = windows
    return matrix[0] if single else matrix


def fold(
    columns: ArrayLike,
    output_size: int | tuple[int, int],
    kernel_size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
) -> np.ndarray:
    """Add every column back to its window: the adjoint of `unfold`, and so its backward.

    A pixel lies in several windows; `fold` sums what all of them say about it.

    Parameters
    ----------
    columns : (N, C kH kW, H' W') array_like, or (kH kW, H' W')
        Columns in `unfold`'s order, usually gradients.
    output_size : int or pair of int
        Height and width of the image to make.
    kernel_size, stride, padding
        As given to `unfold`.

    Returns
    -------
    (N, C, H, W) ndarray, or (H, W)

    Raises
    ------
    TypeError, ValueError
        If the columns do not have the shape that `unfold` gives for these sizes.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation 9.13.

    Examples
    --------
    The centre of a 3 × 3 image lies in all four 2 × 2 windows:

    >>> fold(np.ones((4, 4)), 3, 2)
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    columns = as_float("columns", columns)
    single = columns.ndim == 2
    if columns.ndim not in (2, 3):
        raise ValueError(f"columns must have shape (N, C kH kW, H' W') or (kH kW, H' W'); got {columns.shape}")
    size = as_pair("output_size", output_size, 1)
    geometry = make_geometry(size, as_pair("kernel_size", kernel_size, 1), stride, padding)
    stack = columns[None] if single else columns
    channels, remainder = divmod(stack.shape[1], prod(geometry.kernel_size))
    if remainder or (single and channels != 1) or stack.shape[2] != prod(geometry.output_size):
        raise ValueError(
            f"columns must have {prod(geometry.kernel_size)} rows per channel and {prod(geometry.output_size)} "
            f"columns for output_size {size} and kernel_size {geometry.kernel_size}; got shape {columns.shape}"
        )
    stack = stack.reshape(len(stack), channels, *geometry.kernel_size, *geometry.output_size)
    shape = (len(stack), channels, *size)
    require_room("the image of this output_size", shape, "pass fewer columns at a time")
    x = np.zeros(shape, columns.dtype)
    with np.errstate(all="ignore"):
        col2im_by_tiles(x, geometry, 0, lambda tile: stack[tile.images, :, :, :, tile.rows, tile.columns])
    return x[0, 0] if single else x


def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
) -> np.ndarray:
    """Slide kernels over images: a sum of products at each position (cross-correlation).

    .. math:: y_{n,f,i,j} = b_f + \\sum_{c,u,v} x_{n,c,\\,s i+u-p,\\,s j+v-p}\\; w_{f,c,u,v}

    with x = 0 outside the image.

    Parameters
    ----------
    x : (N, C, H, W) array_like, or (H, W)
        Images; integers and bools become float64.
    weight : (F, C, kH, kW) array_like, or (kH, kW)
        Kernels.
    bias : (F,) array_like, or one number with a single kernel, optional
        Added to each map.
    stride : int or pair of int
        Pixels between neighbouring positions.
    padding : int, pair of int, "valid" or "same"
        Zeros on each side. "valid" is 0; "same" keeps the image's size, needs stride 1, and gives an even kernel
        its extra zeros at the bottom and right.

    Returns
    -------
    (N, F, H', W') ndarray, or (H', W')
        float32 if every argument is float32, else float64.

    See Also
    --------
    conv2d_output_size : H' and W'.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation 9.6.

    Examples
    --------
    >>> conv2d([[1, 2, 1], [0, 1, 2], [2, 1, 0]], [[0.5, 0.2], [0.3, 0.7]])
    array([[1.6, 2.9],
           [1.5, 1.2]])
    """
    images, kernels, single = _images_and_kernels(x, weight)
    offsets = None if bias is None else _as_bias(bias, len(kernels))
    geometry = make_geometry(images.shape[2:], kernels.shape[2:], stride, padding)
    dtype = np.result_type(images, kernels, *([] if offsets is None else [offsets]))
    shape = (len(images), len(kernels), *geometry.output_size)
    require_room("the output for these x, weight, stride and padding", shape, "pass fewer images at a time")
    y = np.empty(shape, dtype)
    matrix = kernels.reshape(len(kernels), prod(kernels.shape[1:]))
    with np.errstate(all="ignore"):
        for tile, columns in im2col_by_tiles(images, geometry, dtype, len(kernels)):
            # One small product per image stays in cache; one wide product over all images would not.
            maps = np.matmul(matrix, columns)
            if offsets is not None:
                maps += offsets[:, None]
            y[tile.images, :, tile.rows, tile.columns] = maps.reshape(*maps.shape[:2], *tile.geometry.output_size)
    return y[0, 0] if single else y


def conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
    input_gradient: bool = True,
) -> Conv2dGradients:
    """Carry the gradient of the loss back through `conv2d`.

    .. math::
        \\frac{\\partial L}{\\partial w_{f,c,u,v}} &= \\sum_{n,i,j} x_{n,c,\\,s i+u-p,\\,s j+v-p}\\; dy_{n,f,i,j}

        \\frac{\\partial L}{\\partial b_f} &= \\sum_{n,i,j} dy_{n,f,i,j}

        \\frac{\\partial L}{\\partial x_{n,c,k,l}} &= \\sum_{f} \\sum_{\\substack{s i+u-p=k \\\\ s j+v-p=l}}
            w_{f,c,u,v}\\; dy_{n,f,i,j}

    Parameters
    ----------
    dy : (N, F, H', W') array_like, or (H', W')
        ∂L/∂y, the gradient with respect to the output of `conv2d`.
    x, weight, stride, padding
        As given to `conv2d`.
    input_gradient : bool
        Whether to compute ∂L/∂x, which a network's first layer does not need.

    Returns
    -------
    Conv2dGradients
        `x` (x's shape, or None), `weight` (weight's shape) and `bias`, (F,) or one number.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equations 9.11 and 9.13.

    Examples
    --------
    >>> image = [[1, 2, 1], [0, 1, 2], [2, 1, 0]]
    >>> gradients = conv2d_backward([[1, 0], [0, 0]], image, [[0.5, 0.2], [0.3, 0.7]])
    >>> gradients.weight
    array([[1., 2.],
           [0., 1.]])
    >>> gradients.x
    array([[0.5, 0.2, 0. ],
           [0.3, 0.7, 0. ],
           [0. , 0. , 0. ]])
    """
    images, kernels, single = _images_and_kernels(x, weight)
    geometry = make_geometry(images.shape[2:], kernels.shape[2:], stride, padding)
    dy = as_float("dy", dy)
    expected = geometry.output_size if single else (len(images), len(kernels), *geometry.output_size)
    require_shape("dy", dy, expected, "the shape of conv2d's output")
    dy = dy[None, None] if single else dy
    wants_x = as_flag("input_gradient", input_gradient)
    dtype = np.result_type(dy, images, kernels)
    d_weight = np.zeros(kernels.shape, dtype)
    with np.errstate(all="ignore"):
        for tile, columns in im2col_by_tiles(images, geometry, dtype, len(kernels)):
            maps = dy[tile.images, :, tile.rows, tile.columns].reshape(len(columns), len(kernels), columns.shape[2])
            d_weight += np.matmul(maps, columns.transpose(0, 2, 1)).sum(axis=0).reshape(kernels.shape)
        d_x = _input_gradient(dy, images.shape, kernels, geometry, dtype) if wants_x else None
        if single:
            return Conv2dGradients(None if d_x is None else d_x[0, 0], d_weight[0, 0], dy.sum(dtype=dtype))
        return Conv2dGradients(d_x, d_weight, dy.sum(axis=(0, 2, 3), dtype=dtype))


def _input_gradient(
    dy: np.ndarray, shape: tuple[int, ...], kernels: np.ndarray, geometry: Geometry, dtype: np.dtype
) -> np.ndarray:
    """Send each output's gradient back, through the kernel, to the window it came from."""
    d_x = np.zeros(shape, dtype)
    transposed = kernels.reshape(len(kernels), prod(kernels.shape[1:])).T

    def columns(tile: Tile) -> np.ndarray:
        part = dy[tile.images, :, tile.rows, tile.columns]
        product = np.matmul(transposed, part.reshape(len(part), len(kernels), prod(tile.geometry.output_size)))
        return product.reshape(len(part), shape[1], *geometry.kernel_size, *tile.geometry.output_size)

    col2im_by_tiles(d_x, geometry, len(kernels), columns)
    return d_x


def _as_images(x: np.ndarray, channels: int | None = None) -> np.ndarray:
    """Return x as (N, C, H, W); `channels` is what the kernels want, where there are some."""
    if x.ndim == 2:
        return x[None, None]
    if x.ndim != 4:
        hint = layout_hint(x.shape, channels)
        raise ValueError(f"x must have shape (N, C, H, W), or (H, W) for one grey image; got {x.shape}{hint}")
    return x


def _images_and_kernels(x: ArrayLike, weight: ArrayLike) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return x as (N, C, H, W), weight as (F, C, kH, kW), and whether they came as one image and one kernel."""
    x, weight = as_float("x", x), as_float("weight", weight)
    images = _as_images(x, weight.shape[1] if weight.ndim == 4 else None)
    if weight.ndim not in (2, 4):
        hint = ": give a stack of kernels its channel axis with weight[:, None]" if weight.ndim == 3 else ""
        raise ValueError(f"weight must have shape (F, C, kH, kW), or (kH, kW) for one kernel; got {weight.shape}{hint}")
    if x.ndim != weight.ndim:
        hint = (layout_hint(x.shape) if x.ndim == 2 else "") or "; [None, None] in front adds the two missing axes"
        raise ValueError(
            f"x has shape {x.shape} and weight {weight.shape}: use (H, W) with (kH, kW), or (N, C, H, W) with "
            f"(F, C, kH, kW){hint}"
        )
    kernels = weight[None, None] if weight.ndim == 2 else weight
    if kernels.shape[1] != images.shape[1]:
        hint = layout_hint(images.shape, kernels.shape[1])
        if not hint and kernels.shape[2] == images.shape[1]:
            hint = ": weight looks like (kH, kW, C, F), and needs weight.transpose(3, 2, 0, 1)"
        hint = hint or ": a single grey image needs shape (N, 1, H, W) and a kernel for it (F, 1, kH, kW)"
        raise ValueError(f"weight has {kernels.shape[1]} channels, x has {images.shape[1]}{hint}")
    if 0 in kernels.shape[2:]:
        raise ValueError(f"weight must have at least one row and one column; got shape {weight.shape}")
    return images, kernels, weight.ndim == 2


def _as_bias(bias: ArrayLike, filters: int) -> np.ndarray:
    """Return bias as (F,)."""
    array = as_float("bias", bias)
    if array.shape != (filters,) and not (array.ndim == 0 and filters == 1):
        raise ValueError(f"bias must have shape ({filters},), one number for each kernel; got {array.shape}")
    return array.reshape(filters)
