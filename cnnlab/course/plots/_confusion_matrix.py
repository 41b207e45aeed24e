"""Confusion matrix: how often each class was taken for each."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from cnnlab.course.plots import _style as style
from cnnlab.course.plots._checks import as_axes, as_image, as_list, as_title, as_words
from cnnlab.course.plots._figures import new_axes
from cnnlab.course.plots._images import MOST_NUMBERED, image

DIAGONAL = 0.25  # its shade of blue, however many are right: mistakes are few, and must be seen beside it


@style.course_style()
def confusion_matrix(
    counts: ArrayLike, ax: Axes | None = None, *, names: Sequence[str], title: str | None = None
) -> Axes:
    """Draw how often each class was taken for each: what is right on a pale blue diagonal, mistakes in red.

    Parameters
    ----------
    counts : (K, K) array_like of int
        Row: the label, which is right; column: the answer.
    ax : Axes, optional
        Where to draw.
    names : sequence of str
        Of the K classes.
    title : str, optional
        Written above.

    Raises
    ------
    TypeError, ValueError
        If counts are not square or below 0, or there are not K names.
    """
    names = [as_words(f"names[{k}]", name) for k, name in enumerate(as_list("names", names))]
    if not names:
        raise ValueError("names must hold a name for each class; got none")
    counts = as_image("counts", counts)
    if counts.shape != (len(names), len(names)):
        raise ValueError(f"counts must have shape {(len(names), len(names))}, a row for each name; got {counts.shape}")
    if len(names) > MOST_NUMBERED:
        raise ValueError(f"names must be at most {MOST_NUMBERED}, as more numbers cannot be read; got {len(names)}")
    if not ((counts >= 0) & np.isfinite(counts)).all():
        raise ValueError(f"counts must be finite numbers from 0 up, as they say how often; got {counts.min():g}")
    ax, title = as_axes(ax), as_title(title)
    if ax is None:
        ax = new_axes(1.2 + 0.5 * len(names), 1.0 + 0.45 * len(names))
    right = np.eye(len(names), dtype=bool)
    mistakes = np.where(right, 0, counts)
    shades = np.where(right, DIAGONAL, -mistakes / (mistakes.max() or 1))  # the most frequent mistake is darkest
    image(shades, ax, title=title, signed=True, limits=(-1, 1), numbers=False)
    for (row, column), count in np.ndenumerate(counts):
        look: dict[str, Any] = {"color": style.ink_on_signed(float(shades[row, column])), "fontsize": style.LETTERS}
        ax.text(column, row, style.compact(count) if count else "·", ha="center", va="center", **look)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0, labelsize=style.LETTERS, colors="black")
    ax.set_xlabel("answer")
    ax.set_ylabel("label")
    return ax
