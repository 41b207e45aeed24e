"""Numbers that have no place in a picture, or only after a scaling: too large, too small, or not finite."""

from __future__ import annotations

import math

import numpy as np

from cnnlab.course.plots._style import number

# Where the arithmetic of axes and their numbers ends.
LARGEST_DRAWN = 1e300
OFF_AXIS = "off the axis (×)"


def scale_exponent(largest: float) -> int:
    """Return the power of two to divide numbers by, where arithmetic with them as they are would overflow."""
    return 0 if largest == 0 or 1e-30 <= largest <= 1e30 else math.frexp(largest)[1]


def undrawn_note(values: np.ndarray, drawn: np.ndarray, place: str, reason: str = "not finite") -> str:
    """Say how many numbers are not drawn, which is the first, and at which place."""
    count = values.size - int(np.count_nonzero(drawn))
    if not count:
        return ""
    first = np.unravel_index(int(np.argmin(drawn)), drawn.shape)
    where = f"({', '.join(str(i) for i in first)})" if len(first) > 1 else str(first[0])
    return f"{count:,} of {values.size:,} {reason},\nfirst at {place} {where}: {number(float(values[first]), '.3g')}"
