"""Nothing is timed before it has given the same numbers as cnnlab."""

from __future__ import annotations

import numpy as np

# Differences that rounding explains, relative to the largest number compared: sums of up to millions of terms.
TOLERANCE = {"float64": 1e-9, "float32": 5e-4}

Arrays = dict[str, np.ndarray]


class Disagreement(Exception):
    """Two libraries computed different things, so their times cannot be compared."""


def require_same(who: str, theirs: Arrays, ours: Arrays, rounding: dict[str, float] | None = None) -> None:
    """Compare arrays name by name; `rounding` names differences that are allowed beyond the tolerance."""
    if set(theirs) != set(ours):
        raise Disagreement(f"{who} gives {sorted(theirs)}, cnnlab {sorted(ours)}")
    for name, expected in ours.items():
        came, expected = np.asarray(theirs[name]), np.asarray(expected)
        if came.shape != expected.shape or came.dtype != expected.dtype:
            raise Disagreement(
                f"{name}: {who} gives {came.dtype} {came.shape}, cnnlab {expected.dtype} {expected.shape}"
            )
        allowed = TOLERANCE[expected.dtype.name] * np.abs(expected).max(initial=0) + (rounding or {}).get(name, 0)
        difference = np.abs(came - expected).max(initial=0)
        if not difference <= allowed:  # so that NaN differs
            raise Disagreement(f"{name}: {who} differs from cnnlab by {difference:.3g}, and {allowed:.3g} is rounding")
