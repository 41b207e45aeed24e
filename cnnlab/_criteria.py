"""What a network ends in: from its last layer's scores to the last fields of the record, the loss, the predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlab._checks import as_array, as_flag, as_float, shown
from cnnlab.activations import _sigmoid, _sigmoid_backward, sigmoid, softmax
from cnnlab.losses import (
    _binary_cross_entropy_with_logits,
    _cross_entropy,
    _half_squared_error,
    _mse_loss,
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
)
from cnnlab.normalization import standardize, standardize_backward

__all__ = ["CRITERIA", "Binary", "Criterion", "CrossEntropy", "MeanSquaredError"]


class Criterion:
    """A loss and what goes with it."""

    scores = ""  # the name of the last layer's output in the record
    fields: tuple[str, ...] = ()  # what the record holds behind it
    outputs: int | None = None  # how many scores there must be, if that is fixed
    has_classes = True
    needs_whole_batch = False

    def finish(self, scores: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the scores as the record holds them, and the record's last fields."""
        raise NotImplementedError

    def scores_of(self, record: Any) -> np.ndarray:
        """Return the scores as the last layer gave them."""
        scores: np.ndarray = record[-1 - len(self.fields)]
        return scores

    def loss_of_part(self, scores: np.ndarray, targets: np.ndarray, count: int) -> tuple[float, np.ndarray]:
        """Return what a part of `count` images adds to the loss, and ∂L/∂scores."""
        raise NotImplementedError

    def predictions(self, scores: np.ndarray) -> np.ndarray:
        """Return the class of each image."""
        raise NotImplementedError

    def count_correct(self, scores: np.ndarray, targets: np.ndarray) -> int:
        """Count the images whose predicted class is the right one."""
        return int(np.count_nonzero(self.predictions(scores) == targets))

    def targets(self, target: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Check the targets for scores of this shape."""
        n = shape[0]
        if type(target) is np.ndarray and target.shape == (n,) and target.dtype.kind in "biuf":
            return target  # as they come in training, thousands of times
        array = as_array("target", target)
        if array.ndim == 0 and n == 1:
            array = array[None]
        if array.shape != (n,):
            hint = ": reshape(-1) drops the extra axes" if array.size == n else ""
            if array.ndim == 2 and len(array) == n and not hint:
                hint = ": one-hot rows become class numbers with argmax(axis=1)"
            raise ValueError(f"target must have shape ({n},), one answer for each image; got {array.shape}{hint}")
        return array


class MeanSquaredError(Criterion):
    """`mse_loss` between maps."""

    scores = "prediction"
    has_classes = False

    def finish(self, scores: np.ndarray) -> tuple[np.ndarray, ...]:
        return (scores,)

    def loss_of_part(self, scores: np.ndarray, targets: np.ndarray, count: int) -> tuple[float, np.ndarray]:
        if scores.shape != targets.shape:
            mse_loss(scores, targets)  # says so
        return _mse_loss(scores, targets, count * (scores.size // max(len(scores), 1)))

    def predictions(self, scores: np.ndarray) -> np.ndarray:
        return scores[:, 0] if scores.ndim == 4 and scores.shape[1] == 1 else scores

    def targets(self, target: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        array = as_array("target", target)
        if array.ndim == 2 and len(shape) == 4:
            array = array[None, None]
        if array.ndim != len(shape) or len(array) != shape[0]:
            form = (
                "F, H', W'), maps for each image, or (H', W') for one"
                if len(shape) == 4
                else "K), a row for each image"
            )
            raise ValueError(f"target must have shape ({shape[0]}, {form}; got {np.shape(target)}")
        return converted("target", array, dtype)


class Binary(Criterion):
    """Half the squared error of σ(z), or the cross-entropy of a yes-or-no answer.

    Parameters
    ----------
    loss : "half_squared_error" or "cross_entropy"
    standardized : bool
        Whether the scores are standardised over the batch first.
    scores : "logit" or "dense"
        The name of the last layer's output. Behind `dense` the record holds `logit`, standardised or not.
    """

    outputs = 1

    def __init__(self, loss: str, standardized: Any = False, scores: str = "logit") -> None:
        if not isinstance(loss, str) or loss not in ("half_squared_error", "cross_entropy"):
            raise ValueError(f'loss must be "half_squared_error" or "cross_entropy"; got {shown(loss)}')
        self.loss, self.needs_whole_batch = loss, as_flag("standardized", standardized)
        self.scores = scores
        self.fields = ("logit", "prediction") if scores == "dense" else ("prediction",)

    def finish(self, scores: np.ndarray) -> tuple[np.ndarray, ...]:
        logit = self._logit(scores)
        if self.scores == "dense":
            return scores[:, 0], logit, sigmoid(logit)
        return logit, sigmoid(logit)

    def scores_of(self, record: Any) -> np.ndarray:
        return super().scores_of(record)[:, None]

    def _logit(self, scores: np.ndarray) -> np.ndarray:
        return standardize(scores[:, 0]) if self.needs_whole_batch else scores[:, 0]

    def loss_of_part(self, scores: np.ndarray, targets: np.ndarray, count: int) -> tuple[float, np.ndarray]:
        logit = self._logit(scores)
        if self.loss == "cross_entropy":
            loss, d_logit = _binary_cross_entropy_with_logits(logit, targets, count)
        else:
            prediction = _sigmoid(logit)
            loss, d_prediction = _half_squared_error(prediction, targets, count)
            d_logit = _sigmoid_backward(d_prediction, prediction)
        if self.needs_whole_batch:
            d_logit = standardize_backward(d_logit, scores[:, 0])
        return loss, d_logit[:, None]

    def predictions(self, scores: np.ndarray) -> np.ndarray:
        return (self._logit(scores) > 0).astype(np.intp)

    def targets(self, target: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        array = converted("target", super().targets(target, shape, dtype), dtype)
        # What the sigmoid can answer, whatever the loss. One number is compared at a tenth of the cost.
        fits = 0 <= array.item() <= 1 if array.size == 1 else np.logical_and.reduce((array >= 0) & (array <= 1))
        if not fits:
            binary_cross_entropy_with_logits(np.zeros(array.shape), array)  # says what is wrong with them
        return array


class CrossEntropy(Criterion):
    """`cross_entropy` of a choice among classes."""

    scores = "logits"
    fields = ("probabilities",)

    def finish(self, scores: np.ndarray) -> tuple[np.ndarray, ...]:
        return scores, softmax(scores)

    def loss_of_part(self, scores: np.ndarray, targets: np.ndarray, count: int) -> tuple[float, np.ndarray]:
        return _cross_entropy(scores, targets, count)

    def predictions(self, scores: np.ndarray) -> np.ndarray:
        return scores.argmax(axis=1)

    def targets(self, target: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        labels = super().targets(target, shape, dtype)
        n, classes = shape
        if labels.dtype.kind not in "iub" or (
            n and (np.minimum.reduce(labels) < 0 or np.maximum.reduce(labels) >= classes)
        ):
            cross_entropy(np.zeros((n, classes)), labels)  # says what is wrong with them
        return labels.astype(np.intp, copy=False)


# By the names of the losses.
CRITERIA: dict[str, Criterion] = {
    "mse_loss": MeanSquaredError(),
    "half_squared_error": Binary("half_squared_error"),
    "binary_cross_entropy_with_logits": Binary("cross_entropy"),
    "cross_entropy": CrossEntropy(),
}


def converted(name: str, array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert to a network's dtype; what float32 cannot hold becomes infinite."""
    if array.dtype != dtype:
        array = as_float(name, array) if array.dtype.kind == "f" else array.astype(np.float64)
    if array.dtype == dtype:
        return array
    with np.errstate(all="ignore"):
        return array.astype(dtype)
