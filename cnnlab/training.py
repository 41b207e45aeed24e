"""Gradient descent and its history."""

from __future__ import annotations

import itertools
import math
import sys
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, NamedTuple

import numpy as np

from cnnlab._checks import as_array, as_flag, as_int, as_number, as_rng, require_shape, shown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["History", "gradient_descent", "sgd_step"]


class History(NamedTuple):
    """What happened at each step of gradient descent."""

    loss: np.ndarray
    accuracy: np.ndarray | None
    diverged_at: int | None


def sgd_step(parameters: dict[str, np.ndarray], gradients: dict[str, np.ndarray], learning_rate: float) -> None:
    """Move every parameter a step against its gradient, in place.

    .. math:: \\theta \\leftarrow \\theta - \\eta \\frac{\\partial L}{\\partial \\theta}

    Parameters
    ----------
    parameters : dict of str to ndarray of float
        θ; changed in place.
    gradients : dict of str to ndarray
        ∂L/∂θ, under the same keys and of the same shapes.
    learning_rate : float
        η, not negative.

    Raises
    ------
    TypeError, ValueError
        If keys or shapes differ, a parameter cannot be changed in place, or the learning rate is negative or not
        finite. No parameter is then changed.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation 4.5.

    Examples
    --------
    >>> parameters = {"weight": np.array([1.0, 2.0])}
    >>> sgd_step(parameters, {"weight": np.array([10.0, -10.0])}, 0.01)
    >>> parameters["weight"]
    array([0.9, 2.1])
    """
    learning_rate = _as_learning_rate(learning_rate)
    for argument, given in (("parameters", parameters), ("gradients", gradients)):
        if not isinstance(given, dict):
            raise TypeError(f"{argument} must be a dict of arrays, as a network has and gives them; got {shown(given)}")
    if parameters.keys() != gradients.keys():
        expected, came = (", ".join(map(shown, names)) for names in (parameters, gradients))
        raise ValueError(f"gradients must have the keys of parameters, {expected or 'none'}; got {came or 'none'}")
    steps = []
    # A number that float32 or float64 cannot hold becomes infinite.
    with np.errstate(all="ignore"):
        for name, value in parameters.items():
            if not _may_change(value):
                raise TypeError(
                    f"parameters[{shown(name)}] must be a writeable array of floats, to be changed in place; got "
                    f"{_kind(value)}"
                )
            gradient = gradients[name]
            if type(gradient) is not np.ndarray or gradient.shape != value.shape or gradient.dtype != value.dtype:
                gradient = as_array(f"gradients[{shown(name)}]", gradient)
                require_shape(f"gradients[{shown(name)}]", gradient, value.shape, "its parameter's shape")
            steps.append(learning_rate * gradient)
        for value, step in zip(parameters.values(), steps, strict=True):
            value -= step


def gradient_descent(
    network: Any,
    x: ArrayLike,
    target: ArrayLike,
    *,
    learning_rate: float,
    steps: int,
    batch_size: int | None = None,
    rng: np.random.Generator | None = None,
    progress: bool = False,
    on_step: Callable[[int, float], Any] | None = None,
) -> History:
    """Train a network by gradient descent; its parameters are changed in place.

    Parameters
    ----------
    network : Network, or any object with `parameters` and `loss_and_gradients(x, target)`
        What to train.
    x : (N, 1, H, W) array_like, or (H, W)
        Images.
    target : (N,) array_like, or one number
        The right answers, as the network takes them.
    learning_rate : float
        η, not negative.
    steps : int
        How many updates.
    batch_size : int, optional
        Images per step: every epoch, they are shuffled and dealt out in batches of this size, and what does not
        fill a batch is left for another epoch. Without it each step uses all images.
    rng : numpy.random.Generator, optional
        What shuffles them; needed with `batch_size`, so that a run can be repeated.
    progress : bool
        Whether to show a progress bar.
    on_step : callable, optional
        Called as `on_step(step, loss)` before each update, while the parameters are still those that gave the
        loss. A true return value ends the run there.

    Returns
    -------
    History
        `loss` and, for a network with classes, `accuracy`: one number for each step, measured on the step's
        images before its update. `diverged_at` is the step whose loss was no longer finite, or None; that loss is
        not in the list and that update not made.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value, which is found before the first step; or, later, if a standardised
        output stops varying. A loss that grows without bound is no error.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, algorithm 8.1.

    Examples
    --------
    >>> from cnnlab.networks import FilterRegression
    >>> network = FilterRegression({"conv_weight": [[[[0.5, 0.2], [0.3, 0.7]]]]})
    >>> image, target = [[1, 2, 1], [0, 1, 2], [2, 1, 0]], [[1, 2], [2, 1]]
    >>> gradient_descent(network, image, target, learning_rate=0.1, steps=2).loss.round(6)
    array([0.365   , 0.166225])
    """
    if isinstance(network, type) or not (
        callable(getattr(network, "loss_and_gradients", None)) and hasattr(network, "parameters")
    ):
        raise TypeError(
            "network must have parameters and loss_and_gradients, as SoftmaxCNN.initialize(rng) has; got "
            f"{shown(network)}"
        )
    learning_rate = _as_learning_rate(learning_rate)
    steps = as_int("steps", steps, 0)
    progress = as_flag("progress", progress)
    if on_step is not None and not callable(on_step):
        raise TypeError(f"on_step must be a function, to be called as on_step(step, loss); got {shown(on_step)}")
    x, target = as_array("x", x), as_array("target", target)
    batches = _batches(x, target, batch_size, rng)
    if hasattr(network, "_check_data"):
        network._check_data(x, target)  # all of it, as the first batches may leave out what is wrong
    losses: list[float] = []
    accuracies: list[float] = []
    diverged_at = None
    # A class of one's own has no accuracy, unless it counts what is correct.
    take_step = getattr(network, "loss_gradients_and_correct", None) or (
        lambda *batch: (*network.loss_and_gradients(*batch), None)
    )
    for step in _counted(steps, progress):
        images, answers = next(batches)
        # A run that diverges overflows on its way; that is reported as diverged_at and not as a warning.
        with np.errstate(all="ignore"):
            loss, gradients, correct = take_step(images, answers)
        if not math.isfinite(loss):
            diverged_at = step
            break
        losses.append(loss)
        if correct is not None:
            accuracies.append(correct / (len(images) if images.ndim == 4 else 1))
        if on_step is not None and _ends(on_step(step, loss)):
            break
        sgd_step(network.parameters, gradients, learning_rate)
    accuracy = np.array(accuracies) if len(accuracies) == len(losses) > 0 else None
    return History(np.array(losses), accuracy, diverged_at)


def _may_change(value: Any) -> bool:
    plain = type(value) is np.ndarray or (isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray))
    return plain and value.dtype.kind == "f" and value.flags.writeable


def _kind(value: Any) -> str:
    """Say what kind of array something is, if it is one."""
    if not isinstance(value, np.ndarray):
        return type(value).__name__
    return f"{'an' if value.flags.writeable else 'a read-only'} array of dtype {value.dtype} ({type(value).__name__})"


def _ends(answer: Any) -> bool:
    """Say whether what `on_step` returned is true."""
    try:
        return bool(answer)
    except Exception:  # an array of several numbers is neither true nor false
        raise TypeError(f"on_step must return True, to end the run, or None; got {shown(answer)}") from None


def _as_learning_rate(value: Any) -> float:
    number = as_number("learning_rate", value)
    if not 0 <= number < float("inf"):
        raise ValueError(
            f"learning_rate must be finite and not negative; got {shown(value)}: a negative one would climb the loss"
        )
    return number


def _counted(steps: int, progress: bool) -> Iterable[int]:
    # Without a console, as under pythonw, there is nowhere to show a bar.
    if not progress or sys.stderr is None or getattr(sys.stderr, "closed", False):
        return range(steps)
    from tqdm.auto import trange  # loaded here, as it costs more than everything else in the package

    bar: Iterable[int] = trange(steps, unit="step")
    return bar


def _batches(
    x: np.ndarray, target: np.ndarray, batch_size: int | None, rng: np.random.Generator | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Check the arguments, then return an endless iterator over batches."""
    if rng is not None:
        as_rng(rng)
    if batch_size is None:
        return itertools.repeat((x, target))
    size = as_int("batch_size", batch_size, 1)
    if rng is None:
        raise TypeError("rng must be a random generator with batch_size, as in np.random.default_rng(0); got None")
    if x.ndim != 4 or target.ndim == 0 or len(x) != len(target):
        raise ValueError(
            f"x must have shape (N, 1, H, W) and target N answers for batches; got {x.shape} and {target.shape}"
        )
    if size > len(x):
        raise ValueError(f"batch_size must be at most the number of images, {len(x)}; got {size}")
    return _shuffled(x, target, size, rng)


def _shuffled(
    x: np.ndarray, target: np.ndarray, size: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    while True:
        order = rng.permutation(len(x))
        for start in range(0, len(x) - size + 1, size):
            chosen = order[start : start + size]
            yield x[chosen], target[chosen]
