"""Argument checks that every module shares.

Each check returns its argument in the form the caller computes with, or raises an error that names the
argument, says what came and what was expected.
"""

from __future__ import annotations

import operator
import reprlib
from math import isqrt, prod
from typing import Any

import numpy as np

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)

# No array of more numbers is taken or made: 8 GiB of float64. What asks for more is a slip, such as a padding of a
# million, and must not take the machine down.
MOST_NUMBERS = 2**30

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


def shown(value: Any) -> str:
    """Write a value that was not expected, of whatever kind and size, in one short line."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape}"
    try:
        text = " ".join(_short.repr(value).split())
        return text if len(text) <= 100 else text[:97] + "..."
    except Exception:  # a repr may raise anything, as that of a number of 5000 digits does
        return f"something of type {type(value).__name__}"


def as_array(name: str, value: Any) -> np.ndarray:
    """Return `value` as a plain array of real numbers (bool, integer or float)."""
    shape = _shape(value)
    require_room(name, shape, "pass fewer images at a time")
    if _holds_mask(value, len(shape)):
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost: fill the masked entries first, as in {name}.filled(0)"
        )
    try:
        array = np.asarray(value)
    except Exception:  # from rows of different lengths, or whatever the value's own __array__ raises
        reason = "rows of different lengths are the usual reason"
        if not isinstance(value, (list, tuple)):
            reason = "turn it into a NumPy array first"
        raise ValueError(f"{name} cannot be read as an array of numbers ({type(value).__name__}): {reason}") from None
    if array.dtype.kind not in "biuf":
        what = type(value).__name__ if array.ndim == 0 else f"an array of dtype {array.dtype}"
        if isinstance(value, int):
            what = "a whole number beyond 64 bits: write it as a float, as in 1e30"
        raise TypeError(f"{name} must be an array of real numbers; got {what}")
    require_room(name, array.shape, "pass fewer images at a time")
    return array


def as_float(name: str, value: Any) -> np.ndarray:
    """Return `value` as a float array: float32 stays, other real numbers become float64."""
    if type(value) is np.ndarray and (value.dtype == FLOAT64 or value.dtype == FLOAT32) and value.size <= MOST_NUMBERS:
        return value
    array = as_array(name, value)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        raise TypeError(f"{name} has dtype {array.dtype}, which would lose digits here: convert it to float64 first")
    return array.astype(np.float32 if array.dtype.type is np.float32 else np.float64, copy=False)


def as_int(name: str, value: Any, minimum: int | None = None) -> int:
    """Return `value` as an int that is at least `minimum`, where there is one."""
    if type(value) is int and minimum is not None and minimum <= value < 2**63:
        return value
    try:
        if isinstance(value, (bool, np.bool_, np.ma.MaskedArray)):
            raise TypeError
        number = operator.index(value)
    except Exception:  # a value's own __index__ may raise anything
        raise TypeError(f"{name} must be a whole number; got {shown(value)} ({type(value).__name__})") from None
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be at least {minimum}; got {shown(number)}")
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{name} must be a number of at most 64 bits; got {shown(number)}")
    return number


def as_pair(name: str, value: Any, minimum: int) -> tuple[int, int]:
    """Return an int, or a pair (rows, columns) of ints, as a pair."""
    is_row = isinstance(value, np.ndarray) and value.ndim == 1 and not isinstance(value, np.ma.MaskedArray)
    if is_row or isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"{name} must be a whole number or a pair (rows, columns); got {len(value)} numbers")
        return as_int(name, value[0], minimum), as_int(name, value[1], minimum)
    if isinstance(value, (str, bytes, float, type(None))):
        raise TypeError(f"{name} must be a whole number or a pair (rows, columns); got {shown(value)}")
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
    if not 0 < number < np.inf:
        raise ValueError(f"{name} must be a finite number above 0; got {shown(value)}")
    return number


def as_number(name: str, value: Any) -> float:
    """Return `value`, one real number, as a float."""
    if type(value) is float:
        return value
    try:
        array = as_array(name, float(value) if type(value) is int else value)
    except (TypeError, ValueError, OverflowError):
        array = None
    if array is None or array.ndim or array.dtype.kind == "b":
        raise TypeError(f"{name} must be one number; got {shown(value)} ({type(value).__name__})")
    return float(as_float(name, array))


def as_flag(name: str, value: Any) -> bool:
    """Return `value`, True or False, as a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False; got {shown(value)}")
    return bool(value)


def as_rng(rng: Any) -> np.random.Generator:
    """Return `rng`, which must be a random generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a random generator, as in np.random.default_rng(0); got {shown(rng)}")
    return rng


def require_shape(name: str, array: np.ndarray, expected: tuple[int, ...], meaning: str) -> None:
    """Raise a ValueError unless `array` has the shape `expected`; `meaning` says what that shape is."""
    if array.shape != expected:
        raise ValueError(f"{name} must have shape {expected}, {meaning}; got {array.shape}")


def require_room(name: str, shape: tuple[int, ...], remedy: str) -> None:
    """Raise a ValueError if an array of this shape, which `name` has or asks for, would hold too many numbers."""
    if prod(shape) > MOST_NUMBERS:
        raise ValueError(f"{name} must hold at most {MOST_NUMBERS:,} numbers; got shape {shape}: {remedy}")


def layout_hint(shape: tuple[int, ...], channels: int | None = None) -> str:
    """Say what images of a shape that is not (N, C, H, W) probably are, and the line that mends them."""
    to_grey = channels == 1 and shape[-1:] in ((3,), (4,))
    if len(shape) == 4 and (shape[3] == channels or (shape[3] in (1, 3, 4) and min(shape[1:3]) > 4)):
        line = "x.mean(axis=-1)[:, None] to become grey" if to_grey else "np.moveaxis(x, -1, 1)"
        return f": x looks like (N, H, W, C), and needs {line}"
    if len(shape) == 4 and channels == 1 and shape[1] in (3, 4):
        return ": x looks like colour images, and needs x.mean(axis=1, keepdims=True) to become grey"
    if len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape[:2]) > 4:
        line = "x.mean(axis=-1) to become grey" if to_grey else "np.moveaxis(x, -1, 0)[None]"
        return f": x looks like one picture (H, W, C), and needs {line}"
    if len(shape) == 3:
        if channels == shape[0] != 1:
            return ": give one picture its first axis with x[None]"
        return ": give a stack of grey images its channel axis with x[:, None]"
    side = isqrt(shape[-1]) if shape else 0
    if side >= 8 and side**2 == shape[-1] and (len(shape) == 1 or (len(shape) == 2 and shape[0] != shape[1])):
        return f": rows of {side**2} pixels, as a table has them, become images with x.reshape(-1, 1, {side}, {side})"
    return ""


def _shape(value: Any) -> tuple[int, ...]:
    """Read the shape of an array, or the one that a list of lists declares, off its first entries."""
    shape: tuple[int, ...] = ()
    while isinstance(value, (list, tuple, range)) and len(shape) < 64:  # NumPy has no more axes
        shape += (len(value),)
        value = value[0] if value else None
    return shape + value.shape if isinstance(value, np.ndarray) else shape


def _holds_mask(value: Any, depth: int) -> bool:
    """Say whether a value is a masked array, or a list of lists, so many deep, with one in it."""
    if isinstance(value, (list, tuple)) and depth:
        return any(_holds_mask(entry, depth - 1) for entry in value)
    return isinstance(value, np.ma.MaskedArray)
