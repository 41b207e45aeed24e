"""Compare any backward pass with central differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import numpy as np

from cnnlab._checks import as_float, as_positive, require_shape, shown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["GradientCheck", "check_gradient", "numerical_gradient"]

# Gradients smaller than this are compared absolutely: a central difference of a loss near 1 is itself only good
# to about 1e-10, which is nothing beside 1e-3 and everything beside 1e-10.
SMALLEST_SCALE = 1e-3


class GradientCheck(NamedTuple):
    """What `check_gradient` found; `print` shows it as one line."""

    passed: bool
    max_relative_error: float
    worst_index: tuple[int, ...]
    tolerance: float
    reason: str = ""

    def __str__(self) -> str:
        # A passed check shows the limit, not the error: that is rounding, and differs from machine to machine.
        if self.passed:
            return f"gradient check passed: relative error at most {self.tolerance:.0e}"
        index = ", ".join(str(i) for i in self.worst_index)
        place = f" at ({index})" if index else ""  # x may be one number
        failed = f"gradient check FAILED: relative error {self.max_relative_error:.2g}{place}"
        return f"{failed}, allowed {self.tolerance:.0e}" + (f"; {self.reason}" if self.reason else "")


def numerical_gradient(f: Callable[[np.ndarray], Any], x: ArrayLike, eps: float = 1e-6) -> np.ndarray:
    """Estimate a gradient by moving one number at a time, up and down.

    .. math:: \\frac{\\partial f}{\\partial x_i} \\approx
        \\frac{f(x + \\varepsilon e_i) - f(x - \\varepsilon e_i)}{2 \\varepsilon}

    Parameters
    ----------
    f : callable
        Takes an array of x's shape and returns one number. It is called twice for each number in x.
    x : (...) array_like
        Where to take the gradient, computed in float64; x is not changed.
    eps : float
        ε, how far to move.

    Returns
    -------
    (...) ndarray of float64

    Raises
    ------
    TypeError, ValueError
        If x is not an array of real numbers, f is no function or does not return one number, or ε is not above 0
        or too small to make a difference to x.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation 11.6.

    Examples
    --------
    >>> numerical_gradient(lambda x: (x**2).sum(), [1.0, -3.0]).round(6)
    array([ 2., -6.])
    """
    if not callable(f):
        raise TypeError(f"f must be a function of one array; got {shown(f)}: leave out the brackets behind its name")
    x = np.array(as_float("x", x), np.float64)
    eps = as_positive("eps", eps)
    gradient = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        with np.errstate(all="ignore"):
            up[index] += eps
            down[index] -= eps
            # The step that is really taken, since x + eps is rounded. Measured before f can change its argument.
            step = float(up[index] - down[index])
        if not step > 0:
            raise ValueError(f"eps must be large enough to move every entry of x; {eps:g} is lost beside {x[index]:g}")
        gradient[index] = (_value(f, up) - _value(f, down)) / step
    return gradient


def check_gradient(
    f: Callable[[np.ndarray], Any], x: ArrayLike, gradient: ArrayLike, *, tolerance: float = 1e-6
) -> GradientCheck:
    """Check a gradient against central differences.

    The error of an entry is its distance from the central difference, relative to the largest entry of either
    gradient (or to 0.001 where all entries are smaller).

    Parameters
    ----------
    f : callable
        Takes an array of x's shape and returns one number.
    x : (...) array_like
        Where the gradient was taken. Stay away from kinks (ReLU at 0, tied maxima): no gradient exists there.
    gradient : (...) array_like
        What a backward pass gave for ∂f/∂x.
    tolerance : float
        The largest error that passes.

    Returns
    -------
    GradientCheck
        `passed`, `max_relative_error`, `worst_index` (the entry with that error), `tolerance`, and for a failed check
        the `reason` where it lies in f, which does not use x, draws random numbers, computes in float32 or has a kink.

    Raises
    ------
    TypeError, ValueError
        As in `numerical_gradient`, or if gradient does not have x's shape, or x is empty.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 11.5.

    Examples
    --------
    >>> print(check_gradient(lambda x: (x**2).sum(), [1.0, -3.0], [2.0, -6.0]))
    gradient check passed: relative error at most 1e-06
    >>> print(check_gradient(lambda x: (x**2).sum(), [1.0, -3.0], [2.0, 6.0]))
    gradient check FAILED: relative error 2 at (1), allowed 1e-06
    >>> print(check_gradient(lambda x: abs(x).sum(), [0.0, -3.0], [1.0, -1.0]).reason)
    f has a kink at or near x (slope -1 below, 1 above), where no gradient exists: move x away from it
    """
    tolerance = as_positive("tolerance", tolerance)
    x, gradient = as_float("x", x), as_float("gradient", gradient)
    require_shape("gradient", gradient, x.shape, "the shape of x")
    if not x.size:
        raise ValueError("x is empty, so there is nothing to check")
    numerical = numerical_gradient(f, x)
    sizes = np.abs([gradient, numerical])
    scale = np.max(sizes, initial=SMALLEST_SCALE, where=np.isfinite(sizes))
    with np.errstate(all="ignore"):
        errors = np.asarray(np.abs(gradient - numerical) / scale)  # one number would not be an array any more
    errors[np.isnan(errors)] = np.inf
    worst = np.unravel_index(errors.argmax(), errors.shape)
    error = float(errors[worst])
    place = tuple(int(i) for i in worst)
    if error <= tolerance:
        return GradientCheck(True, error, place, tolerance)
    return GradientCheck(False, error, place, tolerance, _reason_in_f(f, np.array(x, np.float64), place, numerical))


def _reason_in_f(f: Callable[[np.ndarray], Any], x: np.ndarray, index: tuple[int, ...], numerical: np.ndarray) -> str:
    """Say why central differences of f do not give its gradient at x, if that is so; index is the worst entry."""

    def at(step: float) -> float:
        moved = x.copy()
        moved[index] += step
        return _value(f, moved)

    if at(0) != at(0):
        return "f gives two values for the same x: does it draw random numbers?"
    if not numerical.any():
        return "f is the same wherever x moves: does it use its argument?"
    here = np.asarray(f(x.copy()))
    if here.dtype in (np.float16, np.float32) or all(_looks_like_float32(at(step)) for step in (-1e-6, 0, 1e-6)):
        return "f computes in float32, where so small a step is lost in rounding: give it float64"
    # Slopes on both sides differ by h f'' where f is smooth, and by as much as before however small h is at a kink.
    below, above = [[(at(side * h) - at(0)) / (side * h) for h in (1e-5, 1e-6)] for side in (-1, 1)]
    gap, smaller_gap = np.abs(np.subtract(above, below))
    if smaller_gap > max(0.5 * gap, 1e-3 * np.abs([*below, *above]).max()):
        slopes = f"slope {below[0] + 0:.2g} below, {above[0] + 0:.2g} above"
        return f"f has a kink at or near x ({slopes}), where no gradient exists: move x away from it"
    return ""


def _looks_like_float32(value: float) -> bool:
    """Whether a number has the digits of a float32, and more than a round number has."""
    return value == float(np.float32(value)) and value * 1024 % 1 != 0


def _value(f: Callable[[np.ndarray], Any], x: np.ndarray) -> float:
    value = as_float("the result of f", f(x))
    if value.size != 1:
        raise ValueError(f"f must return one number; got shape {value.shape}: take the loss, not the output")
    return float(value.reshape(()))
