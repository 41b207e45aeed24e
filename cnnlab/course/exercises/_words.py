"""What the checker says of an answer that is wrong in no known way."""

from __future__ import annotations

import re
from typing import Any, Callable

import numpy as np

from cnnlab.course.exercises._calls import Outcome, nearly_equal, wrong_cells
from cnnlab.course.exercises._source import line_text, page_names, unused_arguments

__all__ = [
    "argument_in_words",
    "error_meaning",
    "line_in_words",
    "note_on_names",
    "note_on_printing",
    "what_is_wrong",
]

LARGEST_SHOWN = 16  # numbers of an argument that are written out

# What errors of NumPy and Python mean when a learner meets them here.
ERROR_MEANINGS = {
    r"ufunc 'bitwise_xor'": "A power is written `**`; `^` is something else.",
    r"Cannot interpret '.*' as a data type": "The shape stands in brackets of its own: np.zeros((rows, columns)).",
    r"'(int|tuple)' object is not callable": "shape, size and ndim are written without brackets behind them.",
    r"'(float|numpy.float64)' object is not callable": "A number stands before a bracket: is a `*` missing?",
    r"builtin_function_or_method": "Brackets are missing behind the name of a function.",
    r"'numpy.ndarray' object is not callable": "An array was called like a function: brackets for a cell are square.",
    r"unsupported operand type\(s\) for .*'tuple'": "shape is a tuple: shape[0] counts rows, shape[1] columns.",
    r"'tuple' object cannot be interpreted as an integer": "shape is a tuple: shape[0] counts rows, shape[1] columns.",
    r"inhomogeneous shape": "The parts of the list have different lengths.",
    r"setting an array element with a sequence": "One cell holds one number, and on the right stands a whole array.",
    r"list indices must be integers or slices, not tuple": "This is a list; np.array or np.zeros makes an array.",
    r"matmul: Input operand \d does not have": "`@` multiplies matrices; a number is multiplied with `*`.",
    r"matmul: .*mismatch|shapes .* not aligned": "A matrix product needs rows as long as the other's columns. "
    "Is the order right, is a `.T` missing, or is `*` meant, cell times cell?",
    r"zero-size array|of an empty sequence": "A piece beyond the edge is empty: up to where may it count?",
    r"operands could not be broadcast together": "Two arrays of different shapes meet here: print the shape of each.",
    r"could not broadcast input array": "What stands on the right has another shape than its place on the left.",
    r"index -?\d+ is out of bounds": "What is asked for there does not exist: up to where may it count?",
    r"too many indices for array": "The array has fewer axes than numbers in the square brackets: print its shape.",
    r"only (length-1|0-dimensional)": "One number is needed here, and an array came.",
    r"only integer": "A whole number is needed here: `//` divides to one.",
    r"must be a whole number": "`//` divides to a whole number.",
    r"'float' object cannot be interpreted as an integer": "A whole number is needed here: `//` divides to one.",
    r"expected a sequence of integers or a single integer": "A whole number is needed here: `//` divides to one.",
    r"slice indices must be integers": "A whole number is needed here: `//` divides to one.",
    r"referenced before assignment|cannot access local variable": "It is used before it has a value.",
    r"name '.*' is not defined": "It is neither an argument nor made inside the function: a slip of the pen?",
    r"'numpy.ndarray' object has no attribute": "An array has nothing of this name.",
    r"must match exactly": "Arrays of different sizes are put together here: print the shape of each.",
    r"math range error": "The number is too large for a float; np.exp would give inf.",
    r"non-broadcastable output operand": "What is added has more axes than its place on the left: print both shapes.",
    r"truth value of an array": "An array has many answers: compare cell by cell, or use np.where.",
}


def error_meaning(trouble: str) -> str:
    """Return what an error means, in words for a beginner, or nothing."""
    return next((words for pattern, words in ERROR_MEANINGS.items() if re.search(pattern, trouble)), "")


def line_in_words(function: Callable[..., Any], line: int | None) -> str:
    """Begin a sentence with the learner's line, where there is one."""
    if line is None:
        return "Your function"
    text = line_text(function, line)
    return f"Line {line}, `{text}`," if text else f"Line {line}"


def note_on_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Say which arguments are never used, and which names of the page are."""
    unused, borrowed = " or ".join(unused_arguments(function)), " and ".join(page_names(function))
    if unused and borrowed:
        return (f"It never uses {unused}, but {borrowed} of the page. Only the arguments change from call to call.",)
    if unused:
        return (f"It never uses {unused}.",)
    if borrowed:
        return (f"It uses {borrowed} of the page, which will not change with the arguments.",)
    return ()


def note_on_printing(outcomes: list[Outcome]) -> tuple[str, ...]:
    """Mention what the function printed, which was kept off the page."""
    printed = "".join(outcome.printed for outcome in outcomes).strip()
    if not printed or "only prints" in outcomes[0].trouble:
        return ()
    return (f"(It also prints; the first line is: {printed.splitlines()[0][:100]})",)


def argument_in_words(name: str, value: Any) -> str:
    """Write an argument out, or only its shape where it is large."""
    if not isinstance(value, np.ndarray):
        return f"{name} = {value!r}"
    if value.size > LARGEST_SHOWN:
        return f"{name} of shape {value.shape}"
    numbers = np.array2string(value, separator=", ", formatter={"float_kind": lambda number: f"{number:g}"})
    return f"{name} = {' '.join(numbers.split())}"


@np.errstate(all="ignore")  # whatever numbers came back
def what_is_wrong(got: tuple[np.ndarray, ...], right: tuple[np.ndarray, ...]) -> str:
    """End a sentence with what is wrong with numbers that came back; not with what is right."""
    if len(got) == 1 and len(right) > 1:
        return f"returns {_shape_in_words(got[0])}, expected {len(right)} values: return them with commas between."
    if len(got) != len(right):
        return f"returns {len(got)} values, expected {len(right)}."
    k = next(k for k in range(len(got)) if not nearly_equal(got[k], right[k]))
    which = f"value {k + 1} of {len(got)}: " if len(got) > 1 else ""
    mine, wanted = got[k], right[k]
    if mine.shape != wanted.shape:
        return f"returns {which}{_shape_in_words(mine)}, expected {_shape_in_words(wanted)}."
    return f"returns {which}{_farthest_off(mine, wanted)}{_simple_relation(mine, wanted)}"


def _shape_in_words(array: np.ndarray) -> str:
    return f"an array of shape {array.shape}" if array.shape else "one number"


def _farthest_off(got: np.ndarray, right: np.ndarray) -> str:
    """Say which cell is farthest off."""
    wrong = wrong_cells(got, right)
    with np.errstate(invalid="ignore"):
        distance = np.where(wrong, np.abs(got.astype(float) - right), -1)
    distance[np.isnan(distance)] = np.inf
    worst = np.unravel_index(distance.argmax(), distance.shape)
    value = "nan (not a number)" if np.isnan(got[worst]) else f"{got[worst] + 0.0:.6g}"
    if not got.shape:
        return f"{value}, which is not the right number."
    index = ", ".join(str(i) for i in worst)
    count = wrong.sum()
    words = f"{count} of {wrong.size} numbers {'are' if count > 1 else 'is'} wrong"
    if count == wrong.size:
        words = f"all {count} numbers are wrong" if count > 1 else "a wrong number"
    return f"the right shape, but {words}; farthest off is {value} at ({index})."


def _simple_relation(got: np.ndarray, right: np.ndarray) -> str:
    """Name a relation between the numbers and the right ones, where there is a simple one."""
    whole = got.dtype.kind in "iu"
    got, right = got.astype(float), right.astype(float)
    if not np.isfinite(got).all() or not right.any():
        return ""
    if not got.any():
        return " All are 0." if got.size > 1 else ""
    if whole and nearly_equal(got, np.trunc(right)):
        return " The decimals are cut off, since the array holds whole numbers."
    factor = float((got * right).sum() / (right * right).sum())
    if abs(factor) > 1e-6 and nearly_equal(got, factor * right):
        return _factor_in_words(factor, got.size, bool((right == np.round(right)).all()))
    if got.ndim >= 2:
        orders = {
            "turned by 180°": right[..., ::-1, ::-1],
            "with rows and columns exchanged": right.swapaxes(-1, -2),
            "upside down": right[..., ::-1, :],
            "mirrored": right[..., ::-1],
        }
        for words, order in orders.items():
            if nearly_equal(got, order):
                return f" They are the right numbers {words}."
    return ""


def _factor_in_words(factor: float, size: int, whole: bool) -> str:
    if abs(factor + 1) < 1e-6:
        return " Every sign is wrong." if size > 1 else " The sign is wrong."
    ratio = max(abs(factor), abs(1 / factor))
    if size == 1 and (abs(ratio - round(ratio)) > 1e-6 or (whole and ratio > 2)):
        return ""  # any two numbers have some factor, and two whole numbers often a simple one
    return f" {'Every number' if size > 1 else 'It'} is {factor:.4g} times what it should be."
