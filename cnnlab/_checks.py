"""Argument checks that every module shares.

Each check returns its argument in the form the caller computes with, or raises an error that names the
argument, says what came and what was expected.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)


def as_array(name: str, value: Any) -> np.ndarray:
    """Return `value` as a plain array of real numbers (bool, integer or float)."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost: fill the masked entries first, as in {name}.filled(0)"
        )
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{name} cannot be read as an array of numbers ({type(value).__name__}): "
            f"rows of different lengths are the usual reason"
        ) from error
    if array.dtype.kind not in "biuf":
        what = type(value).__name__ if array.ndim == 0 else f"an array of dtype {array.dtype}"
        raise TypeError(f"{name} must be an array of real numbers; got {what}")
    return array


def as_float(name: str, value: Any) -> np.ndarray:
    """Return `value` as a float array: float32 stays, other real numbers become float64."""
    if type(value) is np.ndarray and (value.dtype == FLOAT64 or value.dtype == FLOAT32):
        return value
    array = as_array(name, value)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        raise TypeError(f"{name} has dtype {array.dtype}, which would lose digits here: convert it to float64 first")
    return array.astype(np.float32 if array.dtype.type is np.float32 else np.float64, copy=False)


def as_int(name: str, value: Any, minimum: int | None = None) -> int:
    """Return `value` as an int that is at least `minimum`, where there is one."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number; got {value!r} ({type(value).__name__})") from None
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be at least {minimum}; got {number}")
    return number


def as_pair(name: str, value: Any, minimum: int) -> tuple[int, int]:
    """Return an int, or a pair (rows, columns) of ints, as a pair."""
    if isinstance(value, (tuple, list)) or (isinstance(value, np.ndarray) and value.ndim == 1):
        if len(value) != 2:
            raise ValueError(f"{name} must be a whole number or a pair (rows, columns); got {len(value)} numbers")
        return as_int(name, value[0], minimum), as_int(name, value[1], minimum)
    if isinstance(value, (str, bytes, float, type(None))):
        raise TypeError(f"{name} must be a whole number or a pair (rows, columns); got {value!r}")
    number = as_int(name, value, minimum)
    return number, number


def as_axis(axis: Any, ndim: int) -> int:
    """Return `axis` counted from the front."""
    number = as_int("axis", axis)
    if not -ndim <= number < ndim:
        raise ValueError(f"axis must lie between {-ndim} and {ndim - 1} for an array with {ndim} axes; got {number}")
    return number % ndim


def as_positive(name: str, value: Any) -> float:
    """Return `value` as a finite float above 0."""
    number = as_number(name, value)
    if not 0 < number < float("inf"):
        raise ValueError(f"{name} must be a finite number above 0; got {value!r}")
    return number


def as_number(name: str, value: Any) -> float:
    """Return `value`, one real number, as a float."""
    if type(value) is float:
        return value
    if isinstance(value, (str, bytes, bool, np.bool_, type(None), list, tuple)) or np.ndim(value) != 0:
        raise TypeError(f"{name} must be one number; got {value!r} ({type(value).__name__})")
    return float(as_float(name, value))


def as_rng(rng: Any) -> np.random.Generator:
    """Return `rng`, which must be a random generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a random generator, as in np.random.default_rng(0); got {rng!r}")
    return rng


def require_shape(name: str, array: np.ndarray, expected: tuple[int, ...], meaning: str) -> None:
    """Raise a ValueError unless `array` has the shape `expected`; `meaning` says what that shape is."""
    if array.shape != expected:
        raise ValueError(f"{name} must have shape {expected}, {meaning}; got {array.shape}")
