"""ReLU, sigmoid and softmax, each beside its gradient."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from cnnlab._checks import as_axis, as_float, require_shape
from cnnlab._threads import dot

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["relu", "relu_backward", "sigmoid", "sigmoid_backward", "softmax", "softmax_backward"]


def relu(x: ArrayLike) -> np.ndarray:
    """Replace negative values by 0.

    .. math:: y = \\max(0, x)

    Parameters
    ----------
    x : (...) array_like
        Any shape; integers and bools become float64.

    Returns
    -------
    (...) ndarray
        A new array; x is not changed.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation 6.37.

    Examples
    --------
    >>> relu([-2, 0, 3])
    array([0., 0., 3.])
    """
    return np.maximum(as_float("x", x), 0)


def relu_backward(dy: ArrayLike, x: ArrayLike) -> np.ndarray:
    """Let the gradient pass where x was positive.

    .. math:: \\frac{\\partial L}{\\partial x} = dy \\cdot [x > 0]

    Parameters
    ----------
    dy : (...) array_like
        ∂L/∂y, the gradient with respect to the output of `relu`.
    x : (...) array_like
        The input of `relu` (not its output).

    Returns
    -------
    (...) ndarray
        ∂L/∂x. At x = 0 the gradient is 0; at x = NaN it passes.

    References
    ----------
    Glorot, Bordes and Bengio, "Deep sparse rectifier neural networks", 2011, section 3.1.

    Examples
    --------
    >>> relu_backward([10, 20, 30], [-2, 0, 3])
    array([ 0.,  0., 30.])
    """
    dy, x = as_float("dy", dy), as_float("x", x)
    require_shape("dy", dy, x.shape, "the shape of x")
    dx = np.empty(x.shape, np.result_type(dy, x))
    with np.errstate(all="ignore"):
        _relu_backward(dy, x, dx, np.empty(x.shape, bool))
        return dx + 0  # no minus zeros


def _relu_backward(dy: np.ndarray, x: np.ndarray, dx: np.ndarray, positive: np.ndarray) -> None:
    """Write ∂L/∂x into `dx`; `positive` is overwritten. A zero may have a sign."""
    np.greater(x, 0, out=positive)
    np.multiply(dy, positive, out=dx)
    if not isfinite(dot(dy, x)):  # infinity times 0 is NaN, and what passed through NaN gets the gradient too
        np.copyto(dx, np.where(x <= 0, 0, dy))


def sigmoid(x: ArrayLike) -> np.ndarray:
    """Squash any number into the interval from 0 to 1.

    .. math:: y = \\frac{1}{1 + e^{-x}}

    Parameters
    ----------
    x : (...) array_like
        Any shape; integers and bools become float64.

    Returns
    -------
    (...) ndarray

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.59.

    Examples
    --------
    >>> sigmoid([-1000, 0, 1000])
    array([0. , 0.5, 1. ])
    """
    x = as_float("x", x)
    y = np.empty(x.shape, x.dtype)
    with np.errstate(all="ignore"):
        return _sigmoid(x, y)[()]  # one number for one number


def _sigmoid(x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """Return σ(x), in `y` where that is given."""
    y = np.negative(x, out=y)
    np.exp(y, out=y)  # it may reach infinity, and 1 divided by that is the right 0
    y += 1
    return np.divide(1, y, out=y)


def sigmoid_backward(dy: ArrayLike, y: ArrayLike) -> np.ndarray:
    """Carry the gradient back through `sigmoid`.

    .. math:: \\frac{\\partial L}{\\partial x} = dy \\cdot y (1 - y)

    Parameters
    ----------
    dy : (...) array_like
        ∂L/∂y, the gradient with respect to the output of `sigmoid`.
    y : (...) array_like
        The output of `sigmoid` (not its input).

    Returns
    -------
    (...) ndarray
        ∂L/∂x.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an array of real numbers, the shapes differ, or y lies outside 0 to 1.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.88.

    Examples
    --------
    >>> sigmoid_backward([1.0, 1.0], [0.5, 0.8])
    array([0.25, 0.16])
    """
    dy, y = as_float("dy", dy), as_float("y", y)
    require_shape("dy", dy, y.shape, "the shape of y")
    if ((y < 0) | (y > 1)).any():
        raise ValueError(
            f"y must lie between 0 and 1; got values from {y.min():g} to {y.max():g}: give the output of sigmoid, not "
            f"its input"
        )
    with np.errstate(all="ignore"):
        return _sigmoid_backward(dy, y, slope=np.empty(y.shape, y.dtype))


def _sigmoid_backward(
    dy: np.ndarray, y: np.ndarray, dx: np.ndarray | None = None, slope: np.ndarray | None = None
) -> np.ndarray:
    """Return ∂L/∂x, in `dx` where that is given; `slope` is overwritten with σ'(x) = (1 − y) y."""
    slope = np.subtract(1, y, out=slope)
    slope *= y
    return np.multiply(dy, slope, out=dx)


def softmax(x: ArrayLike, axis: int = -1) -> np.ndarray:
    """Turn scores into probabilities.

    .. math:: y_k = \\frac{e^{x_k}}{\\sum_j e^{x_j}}

    The largest score is subtracted first, which changes nothing but keeps the exponentials from overflowing.

    Parameters
    ----------
    x : (..., K, ...) array_like
        Scores; integers and bools become float64.
    axis : int
        The axis of the K classes.

    Returns
    -------
    (..., K, ...) ndarray
        Values from 0 to 1 that sum to 1 along the axis.

    Raises
    ------
    TypeError, ValueError
        If x is not an array of real numbers with at least one class, or has no such axis.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equations 4.1 and 6.29.

    Examples
    --------
    >>> softmax([0.0, np.log(3)])
    array([0.25, 0.75])
    """
    x = _as_scores("x", x)
    axis = as_axis(axis, x.ndim)
    if x.shape[axis] == 0:
        raise ValueError(f"x must have at least one class along axis {axis}; got shape {x.shape}")
    with np.errstate(all="ignore"):  # infinity minus infinity is NaN, as it should be
        exponentials = np.exp(x - x.max(axis=axis, keepdims=True))
        return exponentials / exponentials.sum(axis=axis, keepdims=True)


def softmax_backward(dy: ArrayLike, y: ArrayLike, axis: int = -1) -> np.ndarray:
    """Carry the gradient back through `softmax`.

    Every probability depends on every score, :math:`\\partial y_j / \\partial x_k = y_j ([j = k] - y_k)`, so

    .. math:: \\frac{\\partial L}{\\partial x_k} = y_k \\Big( dy_k - \\sum_j dy_j\\, y_j \\Big)

    Parameters
    ----------
    dy : (..., K, ...) array_like
        ∂L/∂y, the gradient with respect to the output of `softmax`.
    y : (..., K, ...) array_like
        The output of `softmax` (not its input).
    axis : int
        The axis of the K classes.

    Returns
    -------
    (..., K, ...) ndarray
        ∂L/∂x.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an array of real numbers, the shapes differ, or there is no such axis.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.106.

    Examples
    --------
    >>> softmax_backward([1.0, 0.0], [0.25, 0.75])
    array([ 0.1875, -0.1875])
    """
    dy, y = as_float("dy", dy), _as_scores("y", y)
    require_shape("dy", dy, y.shape, "the shape of y")
    axis = as_axis(axis, y.ndim)
    with np.errstate(all="ignore"):
        return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


def _as_scores(name: str, value: ArrayLike) -> np.ndarray:
    array = as_float(name, value)
    if array.ndim == 0:
        raise ValueError(f"{name} must hold one number for each class; got a single number")
    return array
