"""Max pooling and its gradient."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from cnnlab._checks import as_float, as_pair, layout_hint, require_shape
from cnnlab._threads import dot

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["max_pool2d", "max_pool2d_backward"]


def max_pool2d(
    x: ArrayLike, kernel_size: int | tuple[int, int] = 2, *, stride: int | tuple[int, int] | None = None
) -> np.ndarray:
    """Keep the largest value of each window.

    .. math:: y_{i,j} = \\max_{u,v} x_{s i+u,\\,s j+v}

    Parameters
    ----------
    x : (..., H, W) array_like
        Maps; integers and bools become float64.
    kernel_size : int or pair of int
        Height and width of a window.
    stride : int or pair of int, optional
        Pixels between neighbouring windows; the kernel size by default.

    Returns
    -------
    (..., H', W') ndarray
        H' = ⌊(H − k) / s⌋ + 1 and W' alike: a remainder that no window covers is dropped. A NaN in a window
        makes its output NaN.

    Raises
    ------
    TypeError, ValueError
        If x is not an array of maps, or a window does not fit into it.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 9.3.

    Examples
    --------
    >>> max_pool2d([[1, 3, 2, 4], [5, 6, 7, 8], [9, 2, 4, 1], [3, 7, 5, 6]])
    array([[6., 8.],
           [9., 6.]])
    """
    windows = _windows(x, kernel_size, stride)
    y = np.empty(windows.cells.shape[2:], windows.cells.dtype)
    _max_pool2d(windows, y)
    return y


def _max_pool2d(x: Windows, y: np.ndarray) -> None:
    """Write the largest value of each window into `y`."""
    # A maximum over kH × kW strided maps is much faster than a reduction over two tiny axes.
    first, *others = x.places
    if not others:
        y[...] = first
    for place in others:
        np.maximum(first, place, out=y)
        first = y


def max_pool2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    kernel_size: int | tuple[int, int] = 2,
    *,
    stride: int | tuple[int, int] | None = None,
) -> np.ndarray:
    """Carry the gradient of the loss back to the largest value of each window.

    .. math:: \\frac{\\partial L}{\\partial x_{k,l}} = \\sum_{i,j:\\,(k,l) = \\arg\\max\\ \\text{window}(i,j)} dy_{i,j}

    Among equal values the first in row-major order (top row first, then left to right) is the maximum, and it
    alone receives the gradient. Where windows overlap, gradients add up. A NaN counts as the maximum.

    Parameters
    ----------
    dy : (..., H', W') array_like
        ∂L/∂y, the gradient with respect to the output of `max_pool2d`.
    x, kernel_size, stride
        As given to `max_pool2d`.

    Returns
    -------
    (..., H, W) ndarray
        ∂L/∂x; zero for what is no maximum, and for a remainder that no window covers.

    Raises
    ------
    TypeError, ValueError
        As in `max_pool2d`, or if dy does not have the shape of its output.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 9.3.

    Examples
    --------
    >>> x = [[1, 3, 2, 4], [5, 6, 7, 8], [9, 2, 4, 1], [3, 7, 5, 6]]
    >>> max_pool2d_backward([[1, 2], [3, 4]], x)
    array([[0., 0., 0., 0.],
           [0., 1., 0., 2.],
           [3., 0., 0., 0.],
           [0., 0., 0., 4.]])
    """
    windows = _windows(x, kernel_size, stride)
    dy = as_float("dy", dy)
    y = np.empty(windows.cells.shape[2:], windows.cells.dtype)
    require_shape("dy", dy, y.shape, "the shape of max_pool2d's output")
    dx = np.zeros(np.shape(x), np.result_type(dy, y))
    gradients = Windows(dx, windows.kernel_size, windows.stride)
    with np.errstate(all="ignore"):
        _max_pool2d(windows, y)
        _max_pool2d_backward(
            dy, windows, y, gradients, None if gradients.overlap else np.empty(windows.cells.shape, bool)
        )
        dx += 0  # no minus zeros
    return dx


def _max_pool2d_backward(dy: np.ndarray, x: Windows, y: np.ndarray, dx: Windows, largest: np.ndarray | None) -> None:
    """Write ∂L/∂x into `dx`, which must be 0 where windows overlap or none lies. A zero may have a sign.

    `largest` (kH, kW, ..., H', W') of bool is overwritten; it is not needed where windows overlap.
    """
    if largest is not None and isfinite(dot(dy, y)):
        np.equal(x.cells, y, out=largest)
        if np.count_nonzero(largest) > y.size:  # a tie
            first, *others = largest.reshape(-1, *y.shape)
            taken = first.copy()
            for maximum in others:
                np.greater(maximum, taken, out=maximum)
                taken |= maximum
        np.multiply(largest, dy, out=dx.cells)
        return
    waiting = np.ones(y.shape, bool)  # windows whose maximum has not been met yet
    for pixels, gradients in zip(x.places, dx.places, strict=True):
        first = waiting & ((pixels == y) | (pixels != pixels))  # only NaN differs from itself
        np.add(gradients if dx.overlap else 0, np.where(first, dy, 0), out=gradients)
        waiting &= ~first


class Windows:
    """Maps (..., H, W), seen as the pixels at each place (u, v) in their windows.

    `cells` is (kH, kW, ..., H', W'), `places` its kH kW maps in row-major order. Both are views of the maps.
    """

    def __init__(self, maps: np.ndarray, kernel_size: tuple[int, int], stride: tuple[int, int]) -> None:
        self.kernel_size, self.stride = kernel_size, stride
        *stack, height, width = maps.shape
        *steps, down, right = maps.strides
        size = ((height - kernel_size[0]) // stride[0] + 1, (width - kernel_size[1]) // stride[1] + 1)
        shape = (*kernel_size, *stack, *size)
        # A step that is never taken may be longer than memory.
        step = (stride[0] if size[0] > 1 else 1, stride[1] if size[1] > 1 else 1)
        strides = (down, right, *steps, step[0] * down, step[1] * right)
        if maps.flags.c_contiguous:  # as nearly always, and this takes a quarter of the time
            self.cells: np.ndarray = np.ndarray(shape, maps.dtype, maps, strides=strides)
        else:
            self.cells = np.lib.stride_tricks.as_strided(maps, shape, strides)
        self.places = [self.cells[u, v] for u in range(kernel_size[0]) for v in range(kernel_size[1])]
        self.overlap = stride[0] < kernel_size[0] or stride[1] < kernel_size[1]


def _windows(x: ArrayLike, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None) -> Windows:
    """Check the arguments, and see x as windows."""
    x = as_float("x", x)
    if x.ndim < 2:
        raise ValueError(f"x must have rows and columns, (..., H, W); got shape {x.shape}")
    window = as_pair("kernel_size", kernel_size, 1)
    step = window if stride is None else as_pair("stride", stride, 1)
    height, width = x.shape[-2:]
    if window[0] > height or window[1] > width:
        hint = layout_hint(x.shape) if x.ndim == 4 else ""
        raise ValueError(
            f"a window of {window[0]} × {window[1]} does not fit into a map of {height} × {width}"
            f"{hint or ': use a smaller kernel_size'}"
        )
    return Windows(x, window, step)
