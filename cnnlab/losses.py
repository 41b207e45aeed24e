"""Losses, each beside its gradient with respect to the prediction.

Every loss is a mean over the batch. Over an empty batch it is NaN, as in PyTorch, and its gradient is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cnnlab._checks import as_array, as_float
from cnnlab._threads import dot
from cnnlab.activations import _sigmoid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "binary_cross_entropy_with_logits",
    "binary_cross_entropy_with_logits_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "half_squared_error",
    "half_squared_error_backward",
    "mse_loss",
    "mse_loss_backward",
]


def mse_loss(prediction: ArrayLike, target: ArrayLike) -> float:
    """Measure the mean squared error.

    .. math:: L = \\frac{1}{n} \\sum_i (\\hat y_i - y_i)^2

    Parameters
    ----------
    prediction : (...) array_like
        ŷ, any shape.
    target : (...) array_like
        y, the same shape.

    Returns
    -------
    float

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation 5.4.

    Examples
    --------
    >>> mse_loss([[1.5, 3.0], [2.0, 1.0]], [[1, 2], [2, 1]])
    0.3125
    """
    prediction, target = _pair(prediction, target)
    with np.errstate(all="ignore"):
        return _mse_loss(prediction, target, prediction.size)[0]


def mse_loss_backward(prediction: ArrayLike, target: ArrayLike) -> np.ndarray:
    """Differentiate `mse_loss`.

    .. math:: \\frac{\\partial L}{\\partial \\hat y_i} = \\frac{2}{n} (\\hat y_i - y_i)

    Parameters
    ----------
    prediction, target
        As given to `mse_loss`.

    Returns
    -------
    (...) ndarray
        ∂L/∂ŷ, of ŷ's shape.

    References
    ----------
    The derivative of Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation 5.4.

    Examples
    --------
    >>> mse_loss_backward([[1.5, 3.0], [2.0, 1.0]], [[1, 2], [2, 1]])
    array([[0.25, 0.5 ],
           [0.  , 0.  ]])
    """
    prediction, target = _pair(prediction, target)
    with np.errstate(all="ignore"):
        return _mse_loss(prediction, target, prediction.size)[1]


def _mse_loss(prediction: np.ndarray, target: np.ndarray, count: int) -> tuple[float, np.ndarray]:
    """Return the share of these numbers in the loss of `count` numbers, and its gradient."""
    error = prediction - target
    # Doubled last, so as not to overflow before its time.
    return dot(error, error) / count if count else np.nan, error / max(count, 1) * 2


def half_squared_error(prediction: ArrayLike, target: ArrayLike) -> float:
    """Measure half the squared error, one number for each image.

    .. math:: L = \\frac{1}{N} \\sum_n \\tfrac{1}{2} (\\hat y_n - y_n)^2

    Parameters
    ----------
    prediction : (N,) array_like, or one number
        ŷ.
    target : (N,) array_like, or one number
        y.

    Returns
    -------
    float

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986, equation 3.

    Examples
    --------
    >>> half_squared_error([0.5, 1.0], [1, 1])
    0.0625
    """
    prediction, target = _numbers_of_a_batch(prediction, target)
    with np.errstate(all="ignore"):
        return _half_squared_error(prediction, target, prediction.size)[0]


def half_squared_error_backward(prediction: ArrayLike, target: ArrayLike) -> np.ndarray:
    """Differentiate `half_squared_error`.

    .. math:: \\frac{\\partial L}{\\partial \\hat y_n} = \\frac{1}{N} (\\hat y_n - y_n)

    Parameters
    ----------
    prediction, target
        As given to `half_squared_error`.

    Returns
    -------
    (N,) ndarray, or ()
        ∂L/∂ŷ.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986, equation 4.

    Examples
    --------
    >>> half_squared_error_backward([0.5, 1.0], [1, 1])
    array([-0.25,  0.  ])
    """
    prediction, target = _numbers_of_a_batch(prediction, target)
    with np.errstate(all="ignore"):
        return _half_squared_error(prediction, target, prediction.size)[1]


def _half_squared_error(prediction: np.ndarray, target: np.ndarray, count: int) -> tuple[float, np.ndarray]:
    """Return the share of these images in the loss of `count` images, and its gradient."""
    error = prediction - target
    return dot(error, error) / (2 * count) if count else np.nan, error / max(count, 1)


def binary_cross_entropy_with_logits(prediction: ArrayLike, target: ArrayLike) -> float:
    """Measure the cross-entropy of a yes-or-no answer, from the score before the sigmoid.

    .. math:: L = -\\frac{1}{n} \\sum_i \\big( y_i \\ln \\hat y_i + (1 - y_i) \\ln (1 - \\hat y_i) \\big)
        = \\frac{1}{n} \\sum_i \\big( \\max(z_i, 0) - z_i y_i + \\ln(1 + e^{-|z_i|}) \\big)

    with ŷ = σ(z). The second form never takes the logarithm of 0.

    Parameters
    ----------
    prediction : (...) array_like
        z, the scores (logits) before the sigmoid; any shape.
    target : (...) array_like
        y, from 0 to 1, the same shape.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an array of real numbers, the shapes differ, or a target lies outside 0 to 1.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.90.

    Examples
    --------
    >>> round(binary_cross_entropy_with_logits([0.0, 2.0], [1, 1]), 6)
    0.410038
    """
    logits, target = _logits_and_answers(prediction, target)
    with np.errstate(all="ignore"):
        return _binary_cross_entropy_with_logits(logits, target, logits.size)[0]


def binary_cross_entropy_with_logits_backward(prediction: ArrayLike, target: ArrayLike) -> np.ndarray:
    """Differentiate `binary_cross_entropy_with_logits`.

    .. math:: \\frac{\\partial L}{\\partial z_i} = \\frac{1}{n} (\\hat y_i - y_i), \\qquad \\hat y = \\sigma(z)

    Parameters
    ----------
    prediction, target
        As given to `binary_cross_entropy_with_logits`.

    Returns
    -------
    (...) ndarray
        ∂L/∂z, of z's shape.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.91.

    Examples
    --------
    >>> binary_cross_entropy_with_logits_backward([0.0, 2.0], [1, 1]).round(6)
    array([-0.25    , -0.059601])
    """
    logits, target = _logits_and_answers(prediction, target)
    with np.errstate(all="ignore"):
        return _binary_cross_entropy_with_logits(logits, target, logits.size)[1]


def _binary_cross_entropy_with_logits(logits: np.ndarray, target: np.ndarray, count: int) -> tuple[float, np.ndarray]:
    """Return the share of these scores in the loss of `count` scores, and its gradient."""
    # max(z, 0) − z y, spelled out: at an infinite z it would be infinity minus infinity.
    distance = np.where(logits > 0, logits * (1 - target), -logits * target)
    loss = _share(distance + np.log1p(np.exp(-np.abs(logits))), count)
    prediction = _sigmoid(logits, np.empty(logits.shape, logits.dtype))
    return loss, (prediction - target) / max(count, 1)


def cross_entropy(prediction: ArrayLike, target: ArrayLike) -> float:
    """Measure the cross-entropy of a choice among classes, from the scores before the softmax.

    .. math:: L = -\\frac{1}{N} \\sum_n \\ln p_{n, y_n}
        = \\frac{1}{N} \\sum_n \\Big( \\ln \\sum_k e^{z_{n,k}} - z_{n, y_n} \\Big)

    with p = softmax(z). The second form never takes the logarithm of 0.

    Parameters
    ----------
    prediction : (N, K) array_like, or (K,)
        z, the scores (logits) before the softmax.
    target : (N,) array_like of int, or one int
        y, the number of the right class, from 0 to K − 1.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or shape, or a label is no class.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.108.

    Examples
    --------
    >>> round(cross_entropy([[0.0, 0.0], [1.0, 3.0]], [0, 1]), 6)
    0.410038
    """
    logits, labels = _logits_and_labels(prediction, target)
    with np.errstate(all="ignore"):
        return _cross_entropy(logits, labels, len(labels))[0]


def cross_entropy_backward(prediction: ArrayLike, target: ArrayLike) -> np.ndarray:
    """Differentiate `cross_entropy`.

    .. math:: \\frac{\\partial L}{\\partial z_{n,k}} = \\frac{1}{N} \\big( p_{n,k} - [k = y_n] \\big),
        \\qquad p = \\mathrm{softmax}(z)

    Parameters
    ----------
    prediction, target
        As given to `cross_entropy`.

    Returns
    -------
    (N, K) ndarray, or (K,)
        ∂L/∂z.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.109.

    Examples
    --------
    >>> cross_entropy_backward([0.0, np.log(3)], 1)
    array([ 0.25, -0.25])
    """
    logits, labels = _logits_and_labels(prediction, target)
    with np.errstate(all="ignore"):
        return _cross_entropy(logits, labels, len(labels))[1].reshape(np.shape(prediction))


def _cross_entropy(logits: np.ndarray, labels: np.ndarray, count: int) -> tuple[float, np.ndarray]:
    """Return the share of these images in the loss of `count` images, and its gradient (n, K)."""
    correct = labels[:, None] == np.arange(logits.shape[1])
    # Softmax stays the same and no exponential overflows; infinity minus infinity is NaN, as it should be.
    shifted = logits - np.maximum.reduce(logits, axis=1, keepdims=True)
    p = np.exp(shifted)
    sums = np.add.reduce(p, axis=1, keepdims=True)
    loss = _share(np.log(sums[:, 0]) - shifted[correct], count)
    p /= sums
    p -= correct
    p /= max(count, 1)
    return loss, p


def _share(values: np.ndarray, count: int) -> float:
    """Return what these values add to the mean of `count` values."""
    return float(np.add.reduce(values, axis=None)) / count if count else np.nan


def _pair(prediction: ArrayLike, target: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    prediction, target = as_float("prediction", prediction), as_float("target", target)
    if prediction.shape != target.shape:
        hint = ""
        if prediction.size == target.size:
            hint = ": the same count of numbers, so reshape one, as in prediction.reshape(target.shape)"
        raise ValueError(f"prediction has shape {prediction.shape}, target {target.shape}; they must be equal{hint}")
    return prediction, target


def _numbers_of_a_batch(prediction: ArrayLike, target: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    prediction, target = _pair(prediction, target)
    if prediction.ndim > 1:
        raise ValueError(f"prediction must have shape (N,), one number for each image; got {prediction.shape}")
    return prediction, target


def _logits_and_answers(prediction: ArrayLike, target: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    logits, target = _pair(prediction, target)
    if not ((target >= 0) & (target <= 1)).all():
        raise ValueError(
            f"target must lie between 0 and 1; got values from {target.min():g} to {target.max():g}: turn class "
            f"numbers into yes or no first, as in digits > 4"
        )
    return logits, target


def _logits_and_labels(prediction: ArrayLike, target: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return logits as (N, K) and labels as (N,) of int."""
    logits, labels = as_float("prediction", prediction), as_array("target", target)
    if logits.ndim not in (1, 2) or logits.shape[-1] == 0:
        raise ValueError(f"prediction must have shape (N, K), or (K,), with at least one class; got {logits.shape}")
    if labels.shape != logits.shape[:-1]:
        hint = ": a one-hot target becomes class numbers with target.argmax(-1)" if labels.shape == logits.shape else ""
        raise ValueError(
            f"target must have shape {logits.shape[:-1]}, one class number for each row of prediction "
            f"{logits.shape}; got {labels.shape}{hint}"
        )
    if labels.size and labels.dtype.kind not in "iub":  # an empty list has no dtype of its own
        raise TypeError(f"target must hold class numbers, whole numbers; got dtype {labels.dtype}")
    if labels.size and not (labels.min() >= 0 and labels.max() < logits.shape[-1]):
        raise ValueError(
            f"target must hold class numbers from 0 to {logits.shape[-1] - 1}; got {labels.min()} to {labels.max()}"
        )
    return np.atleast_2d(logits), np.atleast_1d(labels).astype(np.intp)
