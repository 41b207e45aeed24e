"""Notebook 3: the backward pass one step at a time, with every number on view."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets._backprop_stages import (
    CHAIN,
    GRADIENTS,
    LAST_STEP,
    OPERATIONS,
    SHARE,
    BackpropStage,
    Box,
    backprop_stages,
)
from cnnlab.course.widgets._board import Board, slider
from cnnlab.course.widgets._lettering import Lettering, Text, outline


class MapLayout(NamedTuple):
    """Where a map stands, in pixels of the page, and how its numbers are written."""

    x: float
    y: float
    width: float  # of a cell
    height: float
    rows: int
    columns: int
    title: str
    decimals: int
    limit: float  # the value of the strongest colour; 0 for none


WIDTH, HEIGHT = 756, 480
MAPS = {
    # The forward pass, from left to right.
    "I": MapLayout(8, 48, 20, 112 / 6, 6, 6, "image I, padded", 0, 0),
    "C": MapLayout(146, 48, 32, 28, 4, 4, "C = I ⋆ K + b", 0, 9),
    "R": MapLayout(292, 48, 32, 28, 4, 4, "R = max(0, C)", 0, 9),
    "P": MapLayout(438, 76, 32, 28, 2, 2, "P", 0, 9),
    "f": MapLayout(520, 48, 36, 28, 4, 1, "f", 0, 9),
    "z": MapLayout(576, 90, 42, 28, 1, 1, "z", 3, 0),
    "ŷ": MapLayout(638, 90, 42, 28, 1, 1, "ŷ", 3, 0),
    "L": MapLayout(700, 90, 42, 28, 1, 1, "L", 3, 0),
    # The backward pass, from right to left.
    "∂L/∂L": MapLayout(700, 264, 42, 28, 1, 1, "∂L/∂L", 0, 0),
    "∂L/∂ŷ": MapLayout(638, 264, 42, 28, 1, 1, "∂L/∂ŷ", 3, 0.8),
    "∂L/∂z": MapLayout(576, 264, 42, 28, 1, 1, "∂L/∂z", 3, 0.3),
    "∂L/∂f": MapLayout(520, 222, 36, 28, 4, 1, "∂L/∂f", 2, 0.3),
    "∂L/∂P": MapLayout(438, 250, 32, 28, 2, 2, "∂L/∂P", 2, 0.3),
    "∂L/∂R": MapLayout(292, 222, 32, 28, 4, 4, "∂L/∂R", 2, 0.3),
    "E": MapLayout(146, 222, 32, 28, 4, 4, "E = ∂L/∂C", 2, 0.3),
    "∂L/∂K": MapLayout(8, 236, 40, 28, 3, 3, "∂L/∂K", 2, 0.5),
    # One cell's share in ∂L/∂K.
    "product": MapLayout(8, 372, 40, 28, 3, 3, "Eᵢⱼ · window", 2, 0.5),
    "Eᵢⱼ": MapLayout(158, 400, 40, 28, 1, 1, "Eᵢⱼ", 2, 0.3),
    "window": MapLayout(224, 372, 26, 28, 3, 3, "window of I", 0, 0),
    # Parameters and their gradients.
    "K": MapLayout(346, 372, 26, 28, 3, 3, "K", 0, 4),
    "∂L/∂b": MapLayout(446, 372, 40, 28, 1, 1, "∂L/∂b", 2, 0.5),
    "b": MapLayout(446, 428, 40, 28, 1, 1, "b", 0, 4),
    "∂L/∂w": MapLayout(530, 372, 40, 28, 1, 4, "∂L/∂w", 2, 1),
    "∂L/∂d": MapLayout(702, 372, 40, 28, 1, 1, "∂L/∂d", 2, 1),
    "w": MapLayout(530, 428, 40, 28, 1, 4, "w", 1, 4),
    "d": MapLayout(702, 428, 40, 28, 1, 1, "d", 2, 4),
}
TITLE_BELOW = SHARE  # arrows arrive from above
OPERATIONS_Y = 184  # the height at which the operations stand, between the two rows
SIGNED = style.colours_of(style.SIGNED)
UNKNOWN_INK, INK, QUIET = "0.72", "black", "0.5"
POINT = style.PIXELS_PER_INCH / 72  # in pixels, which the picture's axes count
MOST_ARROWS = 4


@style.course_style()
def backprop_stepper(step: int = 0) -> Board:
    """Walk through the backward pass of a small network, with every number on view.

    Parameters
    ----------
    step : int
        Where the slider stands, from 0 to 27.

    Raises
    ------
    TypeError, ValueError
        If a slider cannot stand there.
    """
    control = slider("step", step, "step", 0, LAST_STEP)
    picture = _StepPicture()

    def draw(step: int) -> str:
        stage = backprop_stages()[step]
        picture.draw(stage)
        return stage.words(step)

    return Board({"step": control}, plots.figure_of(picture.ax), draw)


class _StepPicture:
    """All maps on one axes, whose unit is a pixel of the page, counted downwards."""

    def __init__(self) -> None:
        ax = self.ax = plots.new_axes(WIDTH / style.PIXELS_PER_INCH, HEIGHT / style.PIXELS_PER_INCH)
        ax.figure.set_layout_engine("none")
        ax.set(position=(0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
        ax.set_axis_off()
        self.cells = [
            Box(name, i, j) for name, place in MAPS.items() for i in range(place.rows) for j in range(place.columns)
        ]
        self.tiles = PolyCollection([_corners(cell) for cell in self.cells], linewidths=0.8)
        self.crosses = LineCollection([])
        self.read = LineCollection([], colors="black", linewidths=1.6, linestyles=(0, (3, 1.5)))
        self.computed = LineCollection([], colors=style.RED, linewidths=2.4)
        for collection in (self.tiles, self.crosses, self.read, self.computed):
            ax.add_collection(collection, autolim=False)
        round_ends = "round,pad=0,rounding_size=9"
        self.highlight = FancyBboxPatch((0, 0), 1, 1, boxstyle=round_ends, facecolor=style.RED, linewidth=0)
        look: dict[str, Any] = {
            "arrowstyle": "-|>",
            "mutation_scale": 11,
            "color": style.RED,
            "linewidth": 1.6,
            "zorder": 5,
        }
        self.arrows = [FancyArrowPatch((0, 0), (1, 1), **look) for _ in range(MOST_ARROWS)]
        for patch in (self.highlight, *self.arrows):
            ax.add_patch(patch)
        self.lettering = Lettering(ax, [INK, "white", QUIET, UNKNOWN_INK, style.RED], POINT)

    def draw(self, stage: BackpropStage) -> None:
        faces, edges = zip(*(_colours(stage, cell) for cell in self.cells), strict=True)
        self.tiles.set(facecolors=faces, edgecolors=edges)
        stopped = [cell in stage.stopped for cell in stage.masked for _ in range(2)]  # two lines a cross
        self.crosses.set_segments([line for cell in stage.masked for line in _cross(Box("E", *cell))])
        self.crosses.set_color([style.RED if it else QUIET for it in stopped])
        self.crosses.set_linewidth([2.4 if it else 1 for it in stopped])
        self.read.set_segments([_corners(box, closed=True) for box in stage.reads])
        self.computed.set_segments([_corners(box, closed=True) for box in stage.computes])
        for arrow, ends in zip(self.arrows, [*stage.arrows, *[None] * MOST_ARROWS], strict=False):
            arrow.set_visible(ends is not None)
            if ends is not None:
                arrow.set_positions(*arrow_ends(*ends))
        self.highlight.set_visible(stage.operation >= 0)
        if stage.operation >= 0:
            half = outline(OPERATIONS[stage.operation], bold=True)[2] / 2 * style.SMALL_LETTERS * POINT + 8
            self.highlight.set_bounds(_between_maps(stage.operation) - half, OPERATIONS_Y - 9, 2 * half, 18)
        self.lettering.write([*_headings(stage), *_titles(stage), *_numbers(stage), *_signs(stage)])


def _corners(box: Box, closed: bool = False) -> list[tuple[float, float]]:
    """Find the corners of some cells on the page."""
    place = MAPS[box.name]
    left, top = place.x + box.column * place.width, place.y + box.row * place.height
    right, bottom = left + box.width * place.width, top + box.height * place.height
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return [*corners, corners[0]] if closed else corners


def _cross(box: Box) -> list[list[tuple[float, float]]]:
    (left, top), _, (right, bottom), _ = _corners(box)
    return [[(left, top), (right, bottom)], [(left, bottom), (right, top)]]


def arrow_ends(start: Box, end: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    """Find where an arrow leaves and arrives, so that it crosses no number."""
    (left, top), _, (right, bottom), _ = _corners(start)
    (left2, top2), _, (right2, bottom2), _ = _corners(end)
    across, down, across2, down2 = (left + right) / 2, (top + bottom) / 2, (left2 + right2) / 2, (top2 + bottom2) / 2
    (_, upper), _, (_, lower), _ = _corners(_whole(start.name))
    (_, upper2), _, (_, lower2), _ = _corners(_whole(end.name))
    if upper >= lower2:  # to a map above
        return (across, top), (across2, bottom2 + 3)
    if lower <= upper2:  # to a map below
        return (across, lower), (across2, top2 - (3 if end.name in TITLE_BELOW else 20))
    target = end if end.name == "∂L/∂R" else _whole(end.name)  # the pool's arrow goes all the way to the winner
    return (MAPS[start.name].x, down), (_corners(target)[1][0], down2)


def _whole(name: str) -> Box:
    return Box(name, 0, 0, MAPS[name].rows, MAPS[name].columns)


def _between_maps(operation: int) -> float:
    """Find the middle between the two maps of the chain that an operation connects."""
    left, right = MAPS[CHAIN[operation]], MAPS[CHAIN[operation + 1]]
    return (left.x + left.columns * left.width + right.x) / 2


def _is_padding(stage: BackpropStage, name: str, i: int, j: int) -> bool:
    """Tell whether a cell of the image, or of the window on it, lies outside the image proper."""
    if name == "window":
        top, left = next(((box.row, box.column) for box in stage.reads if box.name == "I"), (1, 1))
        return _is_padding(stage, "I", top + i, left + j)
    return name == "I" and (i in (0, 5) or j in (0, 5))


def _colours(stage: BackpropStage, cell: Box) -> tuple[Any, Any]:
    """Choose a cell's colour and its edge's."""
    name, i, j = cell[:3]
    value, limit = stage.arrays[name][i, j], MAPS[name].limit
    if np.isnan(value):
        return "white", "0.9"
    if name in ("I", "window"):
        return ("white", "0.88") if _is_padding(stage, name, i, j) else (str(0.52 + 0.16 * value), "0.7")
    if not limit:
        return "white", "0.6"
    return SIGNED(0.5 + value / limit / 2), "0.7"


def _headings(stage: BackpropStage) -> list[Text]:
    """Write the formula, and the operations between the two rows."""
    texts = [
        Text(8, 14, stage.formula, 12, align="left", bold=True),
        Text(8, OPERATIONS_Y - 9, "forward →", 8, QUIET, "left"),
        Text(8, OPERATIONS_Y + 9, "← backward", 8, QUIET, "left"),
    ]
    for number, name in enumerate(OPERATIONS):
        middle, here = _between_maps(number), number == stage.operation
        reached = not np.isnan(stage.arrays[GRADIENTS[number]]).all()
        texts.append(Text(middle, OPERATIONS_Y, name, 8, "white" if here else INK, bold=here))
        texts.append(Text(middle, 104, "→", 11, QUIET))
        if not here:
            texts.append(Text(middle, 278, "←", 11, INK if reached else UNKNOWN_INK))
    return texts


def _titles(stage: BackpropStage) -> list[Text]:
    texts = []
    computed = {box.name for box in stage.computes}
    for name, place in MAPS.items():
        known = not np.isnan(stage.arrays[name]).all()
        ink = style.RED if name in computed else INK if known else UNKNOWN_INK
        y = place.y + place.rows * place.height + 12 if name in TITLE_BELOW else place.y - 10
        texts.append(Text(place.x + place.columns * place.width / 2, y, place.title, 9, ink, bold=name in computed))
    return texts


def _numbers(stage: BackpropStage) -> list[Text]:
    """Write the number of every cell that is known and not crossed out."""
    texts = []
    for name, place in MAPS.items():
        for (i, j), value in np.ndenumerate(stage.arrays[name]):
            if np.isnan(value) or (name == "E" and (i, j) in stage.masked):
                continue
            text = style.number(value, f".{place.decimals}f", zero="0")
            if _is_padding(stage, name, i, j) or (text == "0" and name in ("∂L/∂R", "E", "product")):
                ink = QUIET
            else:
                ink = style.ink_on_signed(value / place.limit) if place.limit else INK
            x, y = place.x + (j + 0.5) * place.width, place.y + (i + 0.5) * place.height
            texts.append(Text(x, y, text, 8 if len(text) < 5 or place.width > 36 else 7.2, ink))
    return texts


def _signs(stage: BackpropStage) -> list[Text]:
    """Write the signs between the maps, and a cross where a gradient is stopped."""
    ink = UNKNOWN_INK if np.isnan(stage.arrays["product"]).any() else INK
    texts = [Text(143, 414, "=", 12, ink), Text(211, 414, "·", 14, ink, bold=True)]
    if np.nan_to_num(stage.arrays["product"]).any():
        texts.append(Text(82, 346, "+", 12, style.RED, bold=True))
    for i, _ in stage.stopped:
        texts.append(Text(283, MAPS["∂L/∂R"].y + (i + 0.5) * 28, "×", 14, style.RED, bold=True))
    return texts
