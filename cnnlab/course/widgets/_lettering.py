"""Many words and numbers in a picture that is redrawn at every move."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Iterable, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath

DIGIT_HEIGHT = 0.73  # of the font's size


class Text(NamedTuple):
    """A word or number, and where its middle stands on axes whose rows count downwards."""

    x: float
    y: float
    text: str
    size: float = 8  # points
    ink: str = "black"
    align: str = "center"
    bold: bool = False
    room: float = np.inf  # the widest it may be, in the axes' units; a longer one is narrowed, not made smaller


class Lettering:
    """All that is written in a picture.

    Text artists take half a millisecond each, which 150 numbers would make a slider feel. Here the letters of one
    colour are one path.

    Parameters
    ----------
    ax : Axes
        Where to write; rows count downwards.
    inks : iterable of str
        The colours that will be used.
    point : float
        How many of the axes' units make a point, the 72nd part of an inch.
    """

    def __init__(self, ax: Axes, inks: Iterable[str], point: float) -> None:
        self.point = point
        self.patches = {ink: PathPatch(Path([(0, 0)]), facecolor=ink, linewidth=0, zorder=4) for ink in inks}
        for patch in self.patches.values():
            ax.add_patch(patch)

    def write(self, texts: Iterable[Text]) -> None:
        """Replace what is written."""
        vertices: dict[str, list[np.ndarray]] = {ink: [np.zeros((1, 2))] for ink in self.patches}
        codes: dict[str, list[np.ndarray]] = {ink: [np.array([Path.MOVETO])] for ink in self.patches}
        for item in texts:
            points, kinds, width = outline(item.text, item.align, item.bold)
            size = item.size * self.point
            vertices[item.ink].append(points * [min(size, item.room / width), size] + [item.x, item.y])
            codes[item.ink].append(kinds)
        for ink, patch in self.patches.items():
            patch.set_path(Path(np.concatenate(vertices[ink]), np.concatenate(codes[ink])))


def lettering_over(figure: Figure, inks: Iterable[str]) -> Lettering:
    """Make the lettering of a whole figure, whose places are points from its upper left corner."""
    width, height = 72 * figure.get_size_inches()
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.set_axis_off()
    ax.set_in_layout(False)
    return Lettering(ax, inks, 1)


def points_at(ax: Axes, x: float, y: float) -> tuple[float, float]:
    """Say where a place of some axes lies, in points from the upper left corner of their figure."""
    figure: Any = ax.get_figure()
    across, up = ax.transData.transform((x, y)) * 72 / figure.dpi
    return across, 72 * figure.get_figheight() - up


@lru_cache(maxsize=2000)
def outline(text: str, align: str = "center", bold: bool = False) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the outline of a text of size 1 around (0, 0), rows counted downwards: points, their kinds, the width."""
    path = TextPath((0, 0), text, size=1, prop=FontProperties(weight="bold" if bold else "normal"))
    points, kinds = np.asarray(path.vertices), np.asarray(path.codes)
    left, right = points[:, 0].min(), points[:, 0].max()
    start = {"left": left, "center": (left + right) / 2, "right": right}[align]
    return (points - [start, DIGIT_HEIGHT / 2]) * [1, -1], kinds, right - left
