"""What the checker says of an answer that is wrong in no known way, and how it says it on any page."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
import unicodedata
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
    "order_of_arguments",
    "relations",
    "say",
    "what_is_wrong",
    "wrapped",
]

LARGEST_SHOWN = 16  # numbers of an argument that are written out

# What errors of NumPy and Python mean when a learner meets them here.
ERROR_MEANINGS = {
    r"ufunc 'bitwise_xor'": "A power is written `**`; `^` is something else.",
    r"Cannot interpret '.*' as a data type": "The shape stands in brackets of its own: np.zeros((rows, columns)).",
    r"'tuple' object is not callable": "A tuple such as shape has no round brackets behind it.",
    r"'int' object is not callable": "A whole number stands before a bracket: is a `*` missing? "
    "And size and ndim have no brackets behind them.",
    r"'(float|numpy.float64)' object is not callable": "A number stands before a bracket: is a `*` missing?",
    r"(function.*|method|Dispatcher)' object is not subscriptable": "Behind a function's name stand round brackets; "
    "square ones are for cells of an array.",
    r"builtin_function_or_method": "Brackets are missing behind the name of a function.",
    r"'numpy.ndarray' object is not callable": "An array was called like a function: brackets for a cell are square.",
    r"unsupported operand .*'tuple'|'tuple' object cannot be interpreted as an integer": "A tuple such as shape is "
    "no number: shape[0] counts rows, shape[1] columns.",
    r"inhomogeneous shape": "The parts of the list have different lengths.",
    r"setting an array element with a sequence": "One cell holds one number, and on the right stands a whole array.",
    r"list indices must be integers or slices, not tuple": "This is a list; np.array or np.zeros makes an array.",
    r"matmul: Input operand \d does not have": "`@` multiplies matrices; a number is multiplied with `*`.",
    r"matmul: .*mismatch|shapes .* not aligned": "A matrix product needs rows as long as the other's columns. "
    "Is the order right, is a `.T` missing, or is `*` meant, cell times cell?",
    r"zero-size array|of an empty sequence": "A piece of an array is empty: print where it begins and where it ends.",
    r"cannot unpack non-iterable (numpy|int|float)": "One number cannot fill several names. argmax counts the cells "
    "row by row: np.unravel_index(number, shape) gives row and column.",
    r"object is not iterable": "A loop needs something to run through: range(n) counts up to n.",
    r"has no len\(\)": "A single number has no length. In an array of one axis each entry is a number.",
    r"values to unpack": "There are more names on the left than things on the right, or fewer: is `.shape` missing, "
    "or has the array more axes, or fewer?",
    r"tuple index out of range": "A shape has one number for each axis: with one axis there is shape[0] alone.",
    r"operands could not be broadcast together": "Two arrays of different shapes meet here: print the shape of each.",
    r"could not broadcast input array": "What stands on the right has another shape than its place on the left.",
    r"index -?\d+ is out of bounds": "What is asked for there does not exist: up to where may it count?",
    r"too many indices for array": "The array has fewer axes than numbers in the square brackets: print its shape.",
    r"only (length-1|0-dimensional)": "One number is needed here, and an array came.",
    r"only integer": "A whole number is needed here: `//` divides to one.",
    r"must be a whole number": "`//` divides to a whole number.",
    r"'float' object cannot be interpreted as an integer": "A whole number is needed here: `//` divides to one.",
    r"expected a sequence of integers or a single integer": "A whole number is needed here: `//` divides to one.",
    r"Cannot cast ufunc": "An array of whole numbers has no room for decimals: array.astype(float) has.",
    r"slice indices must be integers": "A whole number is needed here: `//` divides to one.",
    r"referenced before assignment|cannot access local variable": "It is used before it has a value.",
    r"name '.*' is not defined": "It is neither an argument nor made inside the function: a slip of the pen?",
    r"'numpy.ndarray' object has no attribute": "An array has nothing of this name.",
    r"must match exactly": "Arrays of different sizes are put together here: print the shape of each.",
    r"math range error": "The number is too large for a float; np.exp would give inf.",
    r"non-broadcastable output operand": "What is added has more axes than its place on the left: print both shapes.",
    r"truth value of an array": "An array has many answers where one is needed: `if` and Python's own max and min take "
    "one number at a time, np.max and np.where take arrays.",
    r"RecursionError": "The function calls itself without end.",
    r"SystemExit": "exit() ends the whole program. `return` ends a function.",
    r"MemoryError": "It takes far more memory than these inputs need: does something grow without end?",
}


def error_meaning(trouble: str) -> str:
    """Return what an error means, in words for a beginner, or nothing."""
    unknown = re.search("name '(.*)' is not defined", trouble)
    for place, module in {"np": np, "np.linalg": np.linalg}.items():
        if unknown and hasattr(module, unknown[1]):
            return f"Is NumPy's meant? It is written {place}.{unknown[1]}."
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
    """End a sentence with what is wrong with numbers that came back."""
    if len(got) == 1 and len(right) > 1:
        return f"returns {_shape_in_words(got[0])}, expected {len(right)} values: return them with commas between."
    if len(got) != len(right):
        return f"returns {len(got)} values, expected {len(right)}."
    k = _first_wrong(got, right)
    which = f"value {k + 1} of {len(got)}: " if len(got) > 1 else ""
    if got[k].shape != right[k].shape:
        return f"returns {which}{_shape_in_words(got[k])}, expected {_shape_in_words(right[k])}."
    return f"returns {which}{_farthest_off(got[k], right[k])}"


def _first_wrong(got: tuple[np.ndarray, ...], right: tuple[np.ndarray, ...]) -> int:
    return next(k for k in range(len(got)) if not nearly_equal(got[k], right[k]))


def _shape_in_words(array: np.ndarray) -> str:
    return f"an array of shape {array.shape}" if array.shape else "one number"


def _farthest_off(got: np.ndarray, right: np.ndarray) -> str:
    """Say which cell is farthest off: what stands there, and what should."""
    wrong = wrong_cells(got, right)
    distance = np.where(wrong, np.abs(got.astype(float) - right), -1)
    distance[np.isnan(distance)] = np.inf
    worst = np.unravel_index(distance.argmax(), distance.shape)
    came, expected = _told_apart(got[worst], right[worst])
    if not got.shape:
        return f"{came}, expected {expected}."
    index = ", ".join(str(i) for i in worst)
    count = wrong.sum()
    words = f"{count} of {wrong.size} numbers {'are' if count > 1 else 'is'} wrong"
    if count == wrong.size:
        words = f"all {count} numbers are wrong" if count > 1 else "a wrong number"
    return f"the right shape, but {words}: at ({index}) it has {came}, expected {expected}."


def _told_apart(one: float, other: float) -> tuple[str, str]:
    """Write two numbers with as many digits as show that they differ."""
    for digits in (6, 12, 17):
        came, expected = ("nan (not a number)" if np.isnan(x) else f"{x + 0.0:.{digits}g}" for x in (one, other))
        if came != expected:
            break
    return came, expected


@np.errstate(all="ignore")
def relations(got: tuple[np.ndarray, ...], right: tuple[np.ndarray, ...]) -> set[str]:
    """Return simple relations between numbers of the right shape and the right ones, in words."""
    k = _first_wrong(got, right)
    whole = got[k].dtype.kind in "iu"
    mine, wanted = got[k].astype(float), right[k].astype(float)
    if not np.isfinite(mine).all() or not wanted.any():
        return set()
    if not mine.any():
        return {"All are 0."}
    found = set()
    if whole and nearly_equal(mine, np.trunc(wanted)):
        found.add("The decimals are cut off, since the array holds whole numbers.")
    factor = float((mine * wanted).sum() / (wanted * wanted).sum())
    if abs(factor) > 1e-6 and nearly_equal(mine, factor * wanted):
        times = f"{'Every number' if mine.ndim else 'It'} is {factor:.4g} times what it should be."
        found.add(times if abs(factor + 1) > 1e-6 else "Every sign is wrong." if mine.ndim else "The sign is wrong.")
    if mine.ndim >= 2:
        orders = {
            "turned by 180°": wanted[..., ::-1, ::-1],
            "with rows and columns exchanged": wanted.swapaxes(-1, -2),
            "upside down": wanted[..., ::-1, :],
            "mirrored": wanted[..., ::-1],
        }
        found |= {
            f"They are the right numbers {words}." for words, order in orders.items() if nearly_equal(mine, order)
        }
    return found


def order_of_arguments(function: Callable[..., Any], names: list[str]) -> str:
    """Say that the line with `def` has the arguments in another order, if it has."""
    try:
        own = list(inspect.signature(function).parameters)
    except Exception:  # a function written in C may have none
        return ""
    if sorted(own) != sorted(names) or own == names:
        return ""
    return f"Your function takes ({', '.join(own)}). The order is ({', '.join(names)}): keep the line with `def`."


PLAIN_PAIRS = '✓+ ✗x ○o −- ·* ×x °deg ∂d …... ′\' ⌊floor( ⌋) ≥>= ≤<= ᵀ.T ½1/2 ²^2 “" ”" λlambda'
PLAIN = {pair[0]: pair[1:] for pair in PLAIN_PAIRS.split()}


def wrapped(text: str) -> str:
    """Break long lines at spaces, as a notebook breaks them within words."""
    options: dict[str, Any] = {"subsequent_indent": "    ", "break_long_words": False, "break_on_hyphens": False}
    return "\n".join(textwrap.fill(line, 72, **options) for line in text.split("\n"))


def say(text: str) -> None:
    """Print a text, with plain letters where the page's own code has no others, as on an old Windows."""
    try:
        print(text)
    except UnicodeEncodeError:
        for letter in {letter for letter in text if not _fits(letter)}:
            name = unicodedata.name(letter, "?").split()
            text = text.replace(letter, PLAIN.get(letter, "" if name[0] == "COMBINING" else name[-1].lower()))
        print(text)


def _fits(letter: str) -> bool:
    try:
        letter.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True
