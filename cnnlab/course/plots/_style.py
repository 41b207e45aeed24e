"""The style of every picture and board: colours, lines, sizes of letters, and how numbers are written."""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Iterable, Iterator

import matplotlib
import matplotlib.style
from cycler import cycler

PIXELS_PER_INCH = 90  # as shown on the page
SHARPNESS = 1.5  # pixels stored for each pixel shown, for dense screens

SIGNED = "RdBu"  # the colours of signed numbers: red negative, white 0, blue positive
PIXELS = "gray"  # of pictures
AMOUNTS = "cividis"  # of lines of equal loss
NOT_FINITE = "#ff77e9"  # of cells that hold NaN or ±inf: a colour that no scale has

RED = "#e42536"  # what to look at
BLUE = "#3f90da"  # a function, a share
POSITIVE = "#2166ac"  # a positive number's bar or line, as `SIGNED` has it
QUIET = "0.35"  # words and numbers that stand back
PALE = "0.6"  # lines that stand back

# Lines differ in style and marker as well as in colour.
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v")
GRID: dict[str, Any] = {"alpha": 0.3}

# Sizes of letters, in points.
TITLE = 10
LETTERS = 9
SMALL_LETTERS = 9


# The colours of lines, in turn (the style petroff10 of newer matplotlibs): told apart by the colour-blind too.
_CYCLE = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
_SETTINGS: list[Any] = ["default", {"axes.prop_cycle": cycler(color=_CYCLE), "patch.facecolor": _CYCLE[0]}]
_settings_taken = threading.RLock()


@contextmanager
def course_style() -> Iterator[None]:
    """Draw with the course's settings, whatever the reader has set; as ``@course_style()`` for a whole function.

    matplotlib's settings are those of all threads, so only one at a time draws.
    """
    with _settings_taken, matplotlib.style.context(_SETTINGS):
        yield


def colours_of(cmap: str) -> Any:
    """Return the colour map of a name."""
    return matplotlib.colormaps[cmap]


def luminance(colour: Any) -> float:
    """Return how bright a colour (red, green, blue, …) from 0 to 1 looks, from 0 to 1.

    References
    ----------
    Web Content Accessibility Guidelines 2.2, "relative luminance".

    >>> luminance((1, 1, 1)), round(luminance((0.5, 0.5, 0.5)), 3)
    (1.0, 0.214)
    """
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in map(float, colour[:3])
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ink_on(colour: Any) -> str:
    """Choose black or white for letters on a colour, whichever stands out more: at least 4.5 : 1."""
    return "white" if luminance(colour) < 0.179 else "black"


def ink_on_signed(share: float) -> str:
    """Choose black or white for letters on a `SIGNED` colour; share is that of its limit, from -1 to 1."""
    return "white" if share > 0.711 or share < -0.656 else "black"  # as `ink_on` has it, without mixing the colour


def number(value: float, form: str, zero: str | None = None) -> str:
    """Write a number in a Python format such as ``.2f``, with a true minus sign, and no sign where it rounds to 0.

    `zero` stands for what rounds to 0, where that is not to be written with its decimals.

    >>> number(-0.413, ".2f"), number(0.413, "+.1f"), number(-0.001, ".2f"), number(-0.001, ".2f", zero="0")
    ('−0.41', '+0.4', '0.00', '0')
    """
    text = f"{value:{form}}"
    if not text.strip("+-0."):
        return text.lstrip("+-") if zero is None else zero
    return text.replace("-", "−")


def vector(values: Iterable[float], form: str, zero: str | None = None) -> str:
    """Write several numbers as `number` does, in brackets.

    >>> vector([1.5, -2], ".1f")
    '(1.5, −2.0)'
    """
    return f"({', '.join(number(value, form, zero) for value in values)})"


def compact(value: float, decimals: int = 2) -> str:
    """Write a number in as few characters as a cell has room for.

    >>> compact(0.295, 3), compact(-1.0), compact(2.5), compact(1234.5)
    ('0.295', '−1', '2.5', '1.23e+03')
    """
    if abs(value) >= 1000:
        return number(value, ".3g")
    text = f"{value:.{decimals}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")


def fraction(value: float) -> str:
    """Write a number as `compact` does, or as a fraction if two decimals are not enough for it.

    >>> fraction(-1 / 9), fraction(0.25)
    ('−1/9', '0.25')
    """
    near = Fraction(value).limit_denominator(25)
    exact = abs(value - round(value, 2)) < 1e-12
    if exact or abs(near - value) > 1e-12 or abs(near.numerator) > 25:
        return compact(value)
    return str(near).replace("-", "−")


def probability(value: float, sign: str = "") -> str:
    """Write a probability, or a loss or gradient made of some: two decimals, or one digit where those would be 0.

    >>> probability(0.786), probability(-0.786, "+"), probability(0.0041), probability(6.1e-6), probability(0)
    ('0.79', '−0.79', '0.004', '6e−6', '0')
    """
    return _with_short_power(number(value, f"{sign}.2f" if abs(value) >= 0.005 else f"{sign}.1g"))


def loss(value: float) -> str:
    """Write a loss: four decimals, or three digits where it is large or small.

    >>> loss(1.58321), loss(4678.2), loss(1234567.0), loss(0.0)
    ('1.5832', '4680', '1.23e+6', '0')
    """
    if 0.001 <= abs(value) < 10:
        return number(value, ".4f")
    return _with_short_power(number(float(f"{value:.3g}"), "g"))


def plain(value: float) -> str:
    """Write a number above 0 with two digits or more, and without a power of ten.

    >>> plain(0.01), plain(1.0), plain(177.8)
    ('0.010', '1.0', '178')
    """
    return f"{value:.{max(0, 1 - math.floor(math.log10(value) + 1e-9))}f}"


def _with_short_power(text: str) -> str:
    return text.replace("e−0", "e−").replace("e+0", "e+")
