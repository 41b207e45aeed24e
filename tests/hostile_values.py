"""Values to call a function with that nobody should: every kind is made from a sound argument, and has a name.

A value is `plain` where it is another form of the same numbers: the function must then do with it what it does with
the plain form. The names are gathered in groups, by which a table says what a function accepts.
"""

from __future__ import annotations

import fractions
import warnings
from decimal import Decimal
from typing import Any, Callable, Iterator, NamedTuple

import numpy as np

# Another form of the same numbers.
LAYOUTS = ("Fortran order", "negative strides", "sliced", "read-only", "big-endian", "subclass", "np.matrix")
CONTAINERS = ("list", "tuple of lists", "object with __array__", "memoryview")
INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")  # as array or scalar
FLOATS = ("float16", "float32")
FORMS = (*LAYOUTS, *CONTAINERS)
SINGLE_FORMS = ("read-only", "big-endian", "subclass", "list", "0-d")  # of one number

# The numbers themselves replaced.
NUMBERS = {
    "NaN": np.nan,
    "inf": np.inf,
    "-inf": -np.inf,
    "1e308": 1e308,
    "-1e308": -1e308,
    "float32's largest": float(np.finfo(np.float32).max),
    "smallest denormal": 5e-324,
    "-1e-310": -1e-310,
    "-0.0": -0.0,
}
EXTREMES = (*(f"{which} {name}" for name in NUMBERS for which in ("all", "one")), "all of them in turn")

# Another shape.
RANKS = ("0-d", "one axis less", "one axis more")
EMPTY = ("empty list", "empty first axis", "empty last axis")
HUGE = (
    "2**31 numbers along one axis",
    "2**31 numbers along the first axis",
    "2**31 numbers along the last axis",
    "2**31 bytes",
    "range of 2**31",
    "list of 2**31 numbers",
)

# One number.
WHOLE = ("0", "1", "2", "3", "-1", "1000000")
NUMPY_WHOLE = ("np.int8 1", "np.uint64 2", "0-d int", "big-endian 0-d int")
VAST = ("2**31", "2**62", "-2**62", "2**63", "10**30", "10**400")
EXTREME_FLOATS = ("float NaN", "float inf", "float -inf", "float 1e308", "float -1e308", "float 5e-324")
BOOLS = ("True", "False", "np.True_")
PAIRS = ("pair", "list of two", "array of two", "pair of numpy ints")

# A few that most faults trip over, for the quick tests.
TELLING = (
    *("sound", "None", "str", "ragged list", "masked array", "list with a masked number", "complex array"),
    *("one axis less", "one axis more", "three numbers", "pair of floats", "True", "-1", "0", "1.5", "2**62"),
    *("one NaN", "one inf", "one -inf", "all 1e308", "float NaN"),
    *("list", "read-only", "big-endian", "float32", "int8"),
)

LARGE = (*HUGE, *VAST, *EXTREME_FLOATS, "1000000")  # what may ask for much memory


class Value(NamedTuple):
    """One hostile value: its name, how to make it afresh, and the plain form of the same numbers, if it is one."""

    name: str
    make: Callable[[], Any]
    plain: Callable[[], Any] | None = None


class Subclass(np.ndarray):
    """An array that multiplies in its own way, as np.matrix does."""

    def __mul__(self, other):
        raise AssertionError("the product of the subclass was used")


class Tensor:
    """What has an `__array__`, as a PyTorch tensor does."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return self._array if dtype is None else self._array.astype(dtype)


def _raise(*_: Any) -> Any:
    raise RuntimeError("raised by the argument itself")


def _stub(**methods: Any) -> Any:
    return type("Stub", (), {name: (lambda self, *_, f=f: f()) for name, f in methods.items()})()


def reversed_in_memory(array):
    backwards = (slice(None, None, -1),) * array.ndim
    return np.ascontiguousarray(array[backwards])[backwards]


def sliced(array):
    """Take every third entry of a larger array."""
    large = np.full([3 * length + 1 for length in array.shape], 77, array.dtype)
    view = large[tuple(slice(1, 3 * length + 1, 3) for length in array.shape)]
    view[...] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def as_matrix(array):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # np.matrix is on its way out
        return np.matrix(array if array.ndim <= 2 else array.reshape(len(array), -1))


def holding_itself():
    values = []
    values += [values, values]
    return values


def replaced(array, number, *, everywhere):
    array = array.astype(float)
    if everywhere:
        array[...] = number
    elif array.size:
        array.reshape(-1)[array.size // 2] = number
    return array


def in_turn(array):
    numbers = [*NUMBERS.values(), 0.0, 1.0]
    return np.resize(numbers, array.shape)


def values(sound: Any) -> Iterator[Value]:
    """Make every value in turn from a sound one; where that is no number, from a small matrix."""
    single = isinstance(sound, (int, float)) and not isinstance(sound, bool)
    array = np.asarray(sound) if isinstance(sound, np.ndarray) or single else np.array([[1.0, 2.0], [3.0, 4.0]])
    yield from _forms(array, single)
    yield from _extremes(array, single)
    yield from _shapes(array, single)
    yield from _single_numbers()
    yield from _nonsense(array)


def _forms(array: np.ndarray, single: bool) -> Iterator[Value]:
    same = lambda: array.item() if single else array.copy()
    if array.ndim:
        yield Value("Fortran order", lambda: np.asfortranarray(array), same)
        yield Value("negative strides", lambda: reversed_in_memory(array), same)
        yield Value("sliced", lambda: sliced(array), same)
    yield Value("read-only", lambda: read_only(array), same)
    yield Value("big-endian", lambda: array.astype(array.dtype.newbyteorder(">")), same)
    yield Value("subclass", lambda: array.copy().view(Subclass), same)
    yield Value("np.matrix", lambda: as_matrix(array), lambda: np.array(as_matrix(array)))
    yield Value("list", lambda: array.tolist(), same)
    yield Value(
        "tuple of lists", lambda: tuple(array.tolist()) if array.ndim else (array.item(),), same if array.ndim else None
    )
    yield Value("object with __array__", lambda: Tensor(array.copy()), same)
    yield Value("memoryview", lambda: memoryview(array.copy()), same)
    wide = np.int64 if array.dtype.kind in "iub" else np.float64
    for name in (*INTEGERS, *FLOATS):
        numbers = np.abs(array) if name.startswith("u") else array
        cast = lambda name=name, numbers=numbers: numbers.astype(name)
        yield Value(name, cast, lambda cast=cast: cast().astype(wide)[()] if single else cast().astype(wide))
    if np.dtype(np.longdouble).itemsize > 8:  # else it is float64 by another name
        yield Value("longdouble", lambda: array.astype(np.longdouble), None)


def _extremes(array: np.ndarray, single: bool) -> Iterator[Value]:
    for name, number in NUMBERS.items():
        yield Value(
            f"all {name}", lambda n=number: float(n) if array.ndim == 0 else replaced(array, n, everywhere=True)
        )
        yield Value(f"one {name}", lambda n=number: replaced(array, n, everywhere=False))
    yield Value("all of them in turn", lambda: in_turn(array))


def _shapes(array: np.ndarray, single: bool) -> Iterator[Value]:
    first = array.reshape(-1)[0]
    yield Value("0-d", lambda: np.array(first), (lambda: array.item()) if single else None)
    if array.ndim:
        yield Value("one axis less", lambda: array[0].copy())
        yield Value("empty first axis", lambda: array[:0].copy())
        yield Value("empty last axis", lambda: array[..., :0].copy())
    yield Value("one axis more", lambda: array[None].copy())
    yield Value("empty list", lambda: [])
    many = lambda shape, dtype=array.dtype: np.broadcast_to(first.astype(dtype), shape)
    rest = lambda axis: [1 if i == axis else n for i, n in enumerate(array.shape)]
    yield Value("2**31 numbers along one axis", lambda: many(2**31))
    if array.ndim:
        yield Value("2**31 numbers along the first axis", lambda: many((2**31, *np.delete(array.shape, 0).tolist())))
        yield Value("2**31 numbers along the last axis", lambda: many((*np.delete(array.shape, -1).tolist(), 2**31)))
    yield Value("2**31 bytes", lambda: many((2**31, *rest(0)[1:]), np.int8))
    yield Value("range of 2**31", lambda: range(2**31))
    yield Value("list of 2**31 numbers", lambda: [many(2**31)])


def _single_numbers() -> Iterator[Value]:
    for number in (0, 1, 2, 3, -1, 1000000):
        yield Value(str(number), lambda number=number: number)
    yield Value("np.int8 1", lambda: np.int8(1), lambda: 1)
    yield Value("np.uint64 2", lambda: np.uint64(2), lambda: 2)
    yield Value("0-d int", lambda: np.array(2), lambda: 2)
    yield Value("big-endian 0-d int", lambda: np.array(1, ">i4"), lambda: 1)
    for name in VAST:
        base, exponent = name.split("**")
        yield Value(name, lambda b=int(base), e=int(exponent): -(abs(b) ** e) if b < 0 else b**e)
    for number in (0.5, 1.5, -0.5, 2.0):
        yield Value(str(number), lambda number=number: number)
    yield Value("np.float32 2.0", lambda: np.float32(2.0), lambda: 2.0)
    yield Value("Fraction", lambda: fractions.Fraction(1, 2))
    yield Value("Decimal", lambda: Decimal("0.5"))
    for number in (np.nan, np.inf, -np.inf):
        yield Value(f"float {'NaN' if number != number else number}", lambda number=number: number)
    for number in (1e308, -1e308, 5e-324):
        yield Value(f"float {number:g}".replace("+", "").replace("4.94066e-324", "5e-324"), lambda n=number: n)
    yield Value("True", lambda: True)
    yield Value("False", lambda: False)
    yield Value("np.True_", lambda: np.True_)
    yield Value("pair", lambda: (2, 1))
    yield Value("list of two", lambda: [2, 1], lambda: (2, 1))
    yield Value("array of two", lambda: np.array([2, 1]), lambda: (2, 1))
    yield Value("pair of numpy ints", lambda: (np.int16(2), np.uint8(1)), lambda: (2, 1))
    yield Value("pair of floats", lambda: (2.0, 1.0))
    yield Value("pair with None", lambda: (2, None))
    yield Value("pair of pairs", lambda: ((2, 1), (2, 1)))
    yield Value("three numbers", lambda: (2, 1, 1))
    yield Value("no numbers", lambda: ())
    yield Value("masked pair", lambda: np.ma.array([2, 1]))


def _nonsense(array: np.ndarray) -> Iterator[Value]:
    masked = lambda: np.ma.masked_equal(np.ma.array(array.copy()), array.reshape(-1)[0])
    structured = lambda: np.zeros(array.shape, [("a", float), ("b", int)])
    objects = {
        "None": lambda: None,
        "str": lambda: "image.png",
        "str of digits": lambda: "2",
        "bytes": lambda: b"\x01\x02",
        "array of str": lambda: array.astype(str),
        "ragged list": lambda: [[1, 2], [3]],
        "list that holds itself": holding_itself,
        "object array": lambda: array.astype(object),
        "list with None": lambda: [1.0, None],
        "complex array": lambda: array.astype(complex),
        "complex number": lambda: 1j,
        "datetime array": lambda: np.zeros(array.shape, "datetime64[s]"),
        "timedelta array": lambda: np.ones(array.shape, "timedelta64[s]"),
        "NaT": lambda: np.timedelta64("NaT", "s"),
        "structured array": structured,
        "masked array": masked,
        "masked array without a mask": lambda: np.ma.array(array.copy()),
        "list with a masked number": lambda: [1.0, np.ma.masked],
        "masked": lambda: np.ma.masked,
        "dict": lambda: {"x": 1.0},
        "set": lambda: {1, 2},
        "generator": lambda: (number for number in (1.0, 2.0)),
        "function": lambda: _raise,
        "class": lambda: int,
        "object": object,
        "__array__ raises": lambda: _stub(__array__=_raise),
        "__array__ gives no array": lambda: _stub(__array__=lambda: "no array"),
        "__index__ raises": lambda: _stub(__index__=_raise),
        "__float__ raises": lambda: _stub(__float__=_raise),
        "__repr__ raises": lambda: _stub(__repr__=_raise),
        "__len__ lies": lambda: _stub(__len__=lambda: 2**31, __getitem__=_raise),
    }
    for name, make in objects.items():
        yield Value(name, make)
