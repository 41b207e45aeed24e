"""The dense layer and its three gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cnnlab._checks import as_float, require_room, require_shape
from cnnlab._threads import count_parts

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["LinearGradients", "linear", "linear_backward"]


class LinearGradients(NamedTuple):
    """Gradients of the loss with respect to the inputs of `linear`."""

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray


def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> np.ndarray:
    """Form weighted sums of features.

    .. math:: y_{n,o} = b_o + \\sum_{i} x_{n,i}\\, w_{o,i}

    Parameters
    ----------
    x : (N, in) array_like, or (in,)
        Features; integers and bools become float64.
    weight : (out, in) array_like
        One row of weights for each output.
    bias : (out,) array_like, optional
        Added to each output.

    Returns
    -------
    (N, out) ndarray, or (out,)
        float32 if every argument is float32, else float64.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 5.2.

    Examples
    --------
    >>> linear([1, 2], [[3, 4], [5, 6]], [0.5, 0])
    array([11.5, 17. ])
    """
    x, weight = _features_and_weight(x, weight)
    if bias is not None:
        bias = as_float("bias", bias)
        require_shape("bias", bias, weight.shape[:1], "one number for each output")
    require_room("the output for these x and weight", (*x.shape[:-1], len(weight)), "pass fewer rows of x at a time")
    with np.errstate(all="ignore"):
        y = _product(x, weight.T) if x.ndim == 2 else x @ weight.T
        return y if bias is None else y + bias


def linear_backward(dy: ArrayLike, x: ArrayLike, weight: ArrayLike) -> LinearGradients:
    """Carry the gradient of the loss back through `linear`.

    .. math::
        \\frac{\\partial L}{\\partial w_{o,i}} = \\sum_n dy_{n,o}\\, x_{n,i} \\qquad
        \\frac{\\partial L}{\\partial b_o} = \\sum_n dy_{n,o} \\qquad
        \\frac{\\partial L}{\\partial x_{n,i}} = \\sum_o dy_{n,o}\\, w_{o,i}

    Parameters
    ----------
    dy : (N, out) array_like, or (out,)
        ∂L/∂y, the gradient with respect to the output of `linear`.
    x, weight
        As given to `linear`.

    Returns
    -------
    LinearGradients
        `x`, `weight` and `bias`, each of the shape of what it belongs to.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 5.53.

    Examples
    --------
    >>> linear_backward([1, 0], [1, 2], [[3, 4], [5, 6]]).weight
    array([[1., 2.],
           [0., 0.]])
    """
    x, weight = _features_and_weight(x, weight)
    dy = as_float("dy", dy)
    require_shape("dy", dy, (*x.shape[:-1], len(weight)), "the shape of linear's output")
    with np.errstate(all="ignore"):
        if x.ndim == 1:
            return LinearGradients(dy @ weight, np.outer(dy, x), dy.copy())
        return LinearGradients(_product(dy, weight), _product(dy.T, x), dy.sum(axis=0))


def _product(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Multiply two matrices, in parts so small that BLAS shares none out: digits do not depend on its threads."""
    if a.size == 1 or b.size == 1:  # BLAS leaves a single factor 0 out, even where the other one is NaN or infinite
        return np.multiply(a, b, out=out)
    parts = count_parts(len(a), b.size)
    if parts == 1 or not a.size:
        return np.dot(a, b, out=out)
    shape = (parts, len(a) // parts, b.shape[1])
    product = np.matmul(a.reshape(*shape[:2], -1), b, out=None if out is None else out.reshape(shape))
    return product.reshape(len(a), b.shape[1])


def _features_and_weight(x: ArrayLike, weight: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, weight = as_float("x", x), as_float("weight", weight)
    if x.ndim not in (1, 2):
        hint = ": flatten the maps first with x.reshape(len(x), -1)" if x.ndim else ""
        raise ValueError(f"x must have shape (N, in), or (in,); got {x.shape}{hint}")
    if weight.ndim != 2:
        raise ValueError(f"weight must have shape (out, in), one row for each output; got {weight.shape}")
    if x.shape[-1] != weight.shape[1]:
        hint = ": weight may need transposing, weight.T" if x.shape[-1] == weight.shape[0] else ""
        raise ValueError(f"weight takes {weight.shape[1]} features, x has {x.shape[-1]}{hint}")
    return x, weight
