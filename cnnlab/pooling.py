"""Max pooling and its gradient."""

from __future__ import annotations

from math import isfinite, prod
from typing import TYPE_CHECKING, Callable

import numpy as np

from cnnlab._checks import as_float, as_pair, layout_hint, require_shape
from cnnlab._im2col import Geometry, tiles
from cnnlab._threads import dot, share_out

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["max_pool2d", "max_pool2d_backward"]

# So few pixels, all windows together, are pooled in one go, and so few before another thread has begun.
PIXELS_OF_ONE_TILE, PIXELS_OF_ONE_THREAD = 2**17, 2**19


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
    x, geometry = _maps_and_geometry(x, kernel_size, stride)
    y = np.empty((*x.shape[:-2], *geometry.output_size), x.dtype)

    def pool(geometry: Geometry, x: np.ndarray, y: np.ndarray) -> None:
        _max_pool2d(windows_of(x, geometry).copy(), y)

    _tile_by_tile(pool, geometry, x, y)
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
    x, geometry = _maps_and_geometry(x, kernel_size, stride)
    dy = as_float("dy", dy)
    require_shape("dy", dy, (*x.shape[:-2], *geometry.output_size), "the shape of max_pool2d's output")
    dx = np.zeros(x.shape, np.promote_types(dy.dtype, x.dtype))
    if windows_overlap(geometry):  # place by place: all windows together may be many times the maps
        y = max_pool2d(x, kernel_size, stride=stride)
        _max_pool2d_backward(dy, windows_of(x, geometry), y, windows_of(dx, geometry), np.empty(0, bool), True)
        dx += 0.0  # no minus zeros
        return dx

    def carry_back(geometry: Geometry, x: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> None:
        windows, y = windows_of(x, geometry).copy(), np.empty(dy.shape, x.dtype)
        _max_pool2d(windows, y)
        _max_pool2d_backward(dy, windows, y, windows_of(dx, geometry), np.empty(windows.shape, bool), False)
        dx += 0.0

    _tile_by_tile(carry_back, geometry, x, dx, dy)
    return dx


def windows_of(maps: np.ndarray, geometry: Geometry) -> np.ndarray:
    """See maps (..., H, W) as (kH, kW, ..., H', W'): for each place in a window, the pixels there."""
    (down, right), (rows, columns) = geometry.stride, geometry.output_size
    shape = (*geometry.kernel_size, *maps.shape[:-2], rows, columns)
    *stack, row, column = maps.strides
    # A step that is never taken may be longer than memory.
    steps = (down * row if rows > 1 else row, right * column if columns > 1 else column)
    strides = (row, column, *stack, *steps)
    if maps.flags.c_contiguous:  # as nearly always, and this takes a quarter of the time
        return np.ndarray(shape, maps.dtype, maps, strides=strides)
    return np.lib.stride_tricks.as_strided(maps, shape, strides)


def _max_pool2d(windows: np.ndarray, y: np.ndarray) -> None:
    """Write the largest pixel of each window (kH, kW, ..., H', W') into `y`."""
    np.maximum.reduce(windows, axis=(0, 1), out=y)


def _max_pool2d_backward(
    dy: np.ndarray, windows: np.ndarray, y: np.ndarray, d_windows: np.ndarray, largest: np.ndarray, overlap: bool
) -> None:
    """Write ∂L/∂x into `d_windows`, a view of ∂L/∂x, which must be 0 where windows overlap. A zero may have a sign.

    `largest`, of bool and of the windows' shape, is overwritten.
    """
    if not overlap and isfinite(dot(dy, y)):  # 0 times infinity would be NaN, and NaN is equal to nothing
        np.equal(windows, y, out=largest)
        if np.count_nonzero(largest) > y.size:  # a tie
            first, *others = largest.reshape(-1, *y.shape)
            taken = first.copy()
            for maximum in others:
                np.greater(maximum, taken, out=maximum)
                taken |= maximum
        np.multiply(largest, dy, out=d_windows)
        return
    undecided = np.ones(y.shape, bool)  # windows whose maximum has not been met yet
    for place in np.ndindex(windows.shape[:2]):
        pixels = windows[place]
        first = undecided & ((pixels == y) | (pixels != pixels))  # only NaN differs from itself
        with np.errstate(all="ignore"):
            np.add(d_windows[place] if overlap else 0, np.where(first, dy, 0), out=d_windows[place])
        undecided &= ~first


def windows_overlap(geometry: Geometry) -> bool:
    """Say whether a pixel may lie in several windows."""
    return geometry.stride[0] < geometry.kernel_size[0] or geometry.stride[1] < geometry.kernel_size[1]


def _tile_by_tile(work: Callable[..., None], geometry: Geometry, *arrays: np.ndarray) -> None:
    """Call `work` with a geometry and its part of each array; the last array has the output's size, the others x's.

    Large stacks of maps are cut so that what is made for a part stays in the processor's cache.
    """
    pixels = arrays[-1].size * prod(geometry.kernel_size)
    if pixels < PIXELS_OF_ONE_TILE:
        work(geometry, *arrays)
        return
    *maps, output = (array.reshape(-1, 1, *array.shape[-2:]) for array in arrays)

    def work_on(share: slice) -> None:
        for tile in tiles(maps[0][share].shape, geometry, maps[0].dtype):
            inside = (tile.images, slice(None), *tile.pixels)
            parts = [array[share][inside] for array in maps]
            work(tile.geometry, *parts, output[share][tile.images, :, tile.rows, tile.columns])

    if pixels < PIXELS_OF_ONE_THREAD:
        work_on(slice(None))
    else:
        share_out(work_on, len(output))


def _maps_and_geometry(
    x: ArrayLike, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None
) -> tuple[np.ndarray, Geometry]:
    """Check the arguments, and work out how the window moves."""
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
    output_size = ((height - window[0]) // step[0] + 1, (width - window[1]) // step[1] + 1)
    return x, Geometry(window, step, (0, 0), (0, 0), output_size)
