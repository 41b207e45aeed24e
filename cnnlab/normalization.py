"""Standardisation and its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cnnlab._checks import as_axis, as_float, require_shape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["standardize", "standardize_backward"]


def standardize(x: ArrayLike, axis: int = 0) -> np.ndarray:
    """Shift and scale values to mean 0 and standard deviation 1.

    .. math:: y = \\frac{x - \\mu}{\\sigma}, \\qquad \\mu = \\frac{1}{N} \\sum_n x_n, \\qquad
        \\sigma^2 = \\frac{1}{N} \\sum_n (x_n - \\mu)^2

    Parameters
    ----------
    x : (N, ...) array_like
        Values; integers and bools become float64.
    axis : int
        The axis along which mean and deviation are taken: 0, the batch, by default.

    Returns
    -------
    (N, ...) ndarray

    Raises
    ------
    TypeError, ValueError
        If x is not an array of real numbers, has no such axis, or does not vary along it (σ = 0).

    References
    ----------
    Ioffe and Szegedy, "Batch normalization", arXiv:1502.03167, algorithm 1 (without ε, scale and shift).

    Examples
    --------
    >>> standardize([1, 3, 5, 7]).round(4)
    array([-1.3416, -0.4472,  0.4472,  1.3416])
    """
    x, axis = _varying(x, axis)
    if not x.size:
        return x.copy()
    with np.errstate(all="ignore"):  # infinity minus infinity is NaN, as it should be
        x, _ = _scaled(x, axis)  # which changes neither the result nor any digit of it
        return (x - x.mean(axis=axis, keepdims=True)) / x.std(axis=axis, keepdims=True)


def standardize_backward(dy: ArrayLike, x: ArrayLike, axis: int = 0) -> np.ndarray:
    """Carry the gradient back through `standardize`, through its mean and its deviation too.

    .. math:: \\frac{\\partial L}{\\partial x_n} = \\frac{1}{\\sigma}
        \\Big( dy_n - \\frac{1}{N} \\sum_m dy_m - y_n \\frac{1}{N} \\sum_m dy_m\\, y_m \\Big)

    Parameters
    ----------
    dy : (N, ...) array_like
        ∂L/∂y, the gradient with respect to the output of `standardize`.
    x, axis
        As given to `standardize`.

    Returns
    -------
    (N, ...) ndarray
        ∂L/∂x. It sums to 0 along the axis, since shifting every value changes nothing.

    Raises
    ------
    TypeError, ValueError
        As in `standardize`, or if dy does not have x's shape.

    References
    ----------
    Ioffe and Szegedy, "Batch normalization", arXiv:1502.03167, section 3.

    Examples
    --------
    >>> standardize_backward([1, 0, 0, 0], [1, 3, 5, 7]).round(4)
    array([ 0.1342, -0.1789, -0.0447,  0.0894])
    """
    x, axis = _varying(x, axis)
    dy = as_float("dy", dy)
    require_shape("dy", dy, x.shape, "the shape of x")
    if not x.size:
        return np.zeros(x.shape, np.result_type(dy, x))
    with np.errstate(all="ignore"):
        (x, scale), (dy, dy_scale) = _scaled(x, axis), _scaled(dy, axis)
        deviation = x.std(axis=axis, keepdims=True)
        y = (x - x.mean(axis=axis, keepdims=True)) / deviation
        dx = (dy - dy.mean(axis=axis, keepdims=True) - y * (dy * y).mean(axis=axis, keepdims=True)) / deviation
        return np.ldexp(dx, dy_scale - scale)


def _varying(x: ArrayLike, axis: int) -> tuple[np.ndarray, int]:
    x = as_float("x", x)
    if x.ndim == 0:
        raise ValueError("x must have an axis to standardise along; got a single number")
    axis = as_axis(axis, x.ndim)
    if x.size and _is_constant(x, axis).any():
        raise ValueError(
            f"x does not vary along axis {axis}, so its standard deviation is 0 and it cannot be standardised: "
            f"a batch of one image, or an output that has saturated, is the usual reason"
        )
    return x, axis


def _is_constant(x: np.ndarray, axis: int) -> np.ndarray:
    # Compared exactly, as the deviation of equal values may come out as a rounding error instead of 0. Equal infinities
    # have none: theirs is NaN.
    largest = x.max(axis=axis)
    return (largest == x.min(axis=axis)) & np.isfinite(largest)


def _scaled(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide by a power of two that brings the largest number near 1, and return its exponent too.

    It costs no digit. Neither the sum nor the squares of very large numbers overflow then, and the squares of very
    small ones do not vanish.
    """
    largest = np.abs(x).max(axis=axis, keepdims=True)
    exponent = np.frexp(np.where(np.isfinite(largest), largest, 1))[1]
    return np.ldexp(x, -exponent), exponent
