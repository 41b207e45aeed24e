"""Max pooling and its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator

import numpy as np

from cnnlab._checks import as_float, as_pair, require_shape

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
    x, window, step, size = _windows(x, kernel_size, stride)
    # A maximum over kH × kW strided slices is much faster than a reduction over two tiny axes.
    slices = _cells(window, step, size)
    y = x[..., *next(slices)].copy()
    for cells in slices:
        np.maximum(y, x[..., *cells], out=y)
    return y


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
    x, window, step, size = _windows(x, kernel_size, stride)
    dy = as_float("dy", dy)
    require_shape("dy", dy, (*x.shape[:-2], *size), "the shape of max_pool2d's output")
    y = max_pool2d(x, window, stride=step)
    waiting = np.ones(y.shape, bool)  # windows whose maximum has not been met yet
    dx = np.zeros(x.shape, np.result_type(dy, x))
    with np.errstate(all="ignore"):
        for cells in _cells(window, step, size):
            part = x[..., *cells]
            first = waiting & ((part == y) | (part != part))  # only NaN differs from itself
            dx[..., *cells] += np.where(first, dy, 0)
            waiting &= ~first
    return dx


def _windows(
    x: ArrayLike, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None
) -> tuple[np.ndarray, tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Check the arguments; return x, the window's size, its step and the output's size."""
    x = as_float("x", x)
    if x.ndim < 2:
        raise ValueError(f"x must have rows and columns, (..., H, W); got shape {x.shape}")
    window = as_pair("kernel_size", kernel_size, 1)
    step = window if stride is None else as_pair("stride", stride, 1)
    height, width = x.shape[-2:]
    if window[0] > height or window[1] > width:
        raise ValueError(
            f"a window of {window[0]} × {window[1]} does not fit into a map of {height} × {width}: use a smaller "
            f"kernel_size"
        )
    return x, window, step, ((height - window[0]) // step[0] + 1, (width - window[1]) // step[1] + 1)


def _cells(window: tuple[int, int], step: tuple[int, int], size: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Select, for each place in the window in row-major order, the cell of every window at that place."""
    for u in range(window[0]):
        for v in range(window[1]):
            yield (
                slice(u, u + step[0] * (size[0] - 1) + 1, step[0]),
                slice(v, v + step[1] * (size[1] - 1) + 1, step[1]),
            )
