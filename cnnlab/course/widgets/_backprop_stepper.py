"""Notebook 3: one training step of a small network, stage by stage, with every number on view."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets._backprop_stages import (
    LAST_STEP,
    OPERATIONS,
    BackpropStage,
    backprop_stages,
)
from cnnlab.course.widgets._board import Board, slider
from cnnlab.course.widgets._cells import (
    COMES,
    DASHES,
    GIVES,
    INK,
    LETTERS,
    MEETS,
    POINT,
    QUIET,
    UNKNOWN_INK,
    Box,
    Cells,
    MapLayout,
    formula,
)
from cnnlab.course.widgets._lettering import Text, outline

WIDTH, HEIGHT = 1096, 674
SECONDS_A_STEP = 3
UP, DOWN, MIDDLE, BELOW = 94, 318, 272, 508  # the heights of the two rows, of what is between them, and of the third
MAPS = {
    # Forward, from left to right and down to the loss.
    "I": MapLayout(8, UP, 30, 22, 6, 6, "image I", decimals=0),
    "C": MapLayout(215, UP, 60, 33, 4, 4, "C", limit=6),
    "R": MapLayout(482, UP, 60, 33, 4, 4, "R", limit=6),
    "P": MapLayout(749, UP + 33, 60, 33, 2, 2, "P", limit=6),
    "f": MapLayout(896, UP, 60, 33, 4, 1, "f", limit=6),
    "z": MapLayout(1014, UP, 76, 33, 1, 1, "z", "left", decimals=3),
    "ŷ": MapLayout(1014, UP + 63, 76, 33, 1, 1, "ŷ", "left", decimals=3),
    "y": MapLayout(1014, UP + 99, 76, 33, 1, 1, "y", "left"),
    "L": MapLayout(1014, MIDDLE - 14, 76, 33, 1, 1, "L", "left", decimals=3),
    # Back, from the loss down and from right to left.
    "∂L/∂ŷ": MapLayout(1014, DOWN + 29, 76, 33, 1, 1, "∂L/∂ŷ", limit=0.6, decimals=3),
    "∂L/∂z": MapLayout(1014, DOWN + 88, 76, 33, 1, 1, "∂L/∂z", "below", 0.6, 3),
    "∂L/∂f": MapLayout(896, DOWN, 60, 33, 4, 1, "∂L/∂f", "below", 0.6),
    "∂L/∂P": MapLayout(749, DOWN + 33, 60, 33, 2, 2, "∂L/∂P", "below", 0.6),
    "∂L/∂R": MapLayout(482, DOWN, 60, 33, 4, 4, "∂L/∂R", "below", 0.6),
    "E": MapLayout(215, DOWN, 60, 33, 4, 4, "E = ∂L/∂C", "below", 0.6),
    "∂L/∂K": MapLayout(8, DOWN + 16, 60, 33, 3, 3, "∂L/∂K", limit=0.6),
    # One cell's share in ∂L/∂K.
    "product": MapLayout(8, BELOW, 60, 33, 3, 3, "Eᵢⱼ · window", "below", 0.6),
    "Eᵢⱼ": MapLayout(216, BELOW + 33, 60, 33, 1, 1, "Eᵢⱼ", "below", 0.6),
    "window": MapLayout(304, BELOW, 32, 33, 3, 3, "window of I", "below", decimals=0),
    # Parameters, and their gradients above them.
    "K": MapLayout(446, BELOW, 60, 33, 3, 3, "kernel K", "below", 6),
    "∂L/∂b": MapLayout(662, BELOW, 60, 33, 1, 1, "∂L/∂b", "above", 0.6),
    "b": MapLayout(662, BELOW + 66, 60, 33, 1, 1, "bias b", "below", 6),
    "∂L/∂w": MapLayout(758, BELOW, 60, 33, 1, 4, "∂L/∂w", "above", 0.6),
    "w": MapLayout(758, BELOW + 66, 60, 33, 1, 4, "weights w", "below", 6),
    "∂L/∂d": MapLayout(1018, BELOW, 60, 33, 1, 1, "∂L/∂d", "above", 0.6),
    "d": MapLayout(1018, BELOW + 66, 60, 33, 1, 1, "bias d", "below", 6),
}
# Where an operation's name stands, and the arrow that leads on from it; the same for the gradients.
PLACES = [
    (202, MIDDLE),
    (468, MIDDLE),
    (735, MIDDLE),
    (882, MIDDLE),
    (1014, UP - 15),
    (1012, UP + 48),
    (1000, UP + 147),
]
ONWARD = dict(zip("CRPf", [(202, UP + 66), (468, UP + 66), (735, UP + 66), (882, UP + 66)], strict=True))
ONWARD |= {"z": (971, UP + 16), "ŷ": (1077, UP + 48), "L": (1052, UP + 147)}
BACKWARD = {"∂L/∂K": (202, DOWN + 66), "E": (468, DOWN + 66), "∂L/∂R": (735, DOWN + 66), "∂L/∂P": (882, DOWN + 66)}
BACKWARD |= {"∂L/∂f": (985, DOWN + 105), "∂L/∂z": (1052, DOWN + 75), "∂L/∂ŷ": (1052, MIDDLE + 31)}
LEGEND = [(COMES, "what comes in"), (MEETS, "what it meets"), (GIVES, "what comes out")]
MOST_ARROWS = 4


@style.course_style()
def backprop_stepper(step: int = 0) -> Board:
    """Walk through one training step of a small network, with every number on view.

    Parameters
    ----------
    step : int
        Where the slider stands, from 0 to 24.
    """
    control = slider("step", step, "step", 0, LAST_STEP)
    picture = _StepPicture()

    def draw(step: int) -> str:
        stage = backprop_stages()[step]
        picture.draw(stage)
        return stage.words(step)

    return Board({"step": control}, plots.figure_of(picture.cells.ax), draw, extra=[_buttons(control)])


def _buttons(control: Any) -> ipywidgets.HBox:
    """Make buttons that move a slider by one step, or step by step as a film; the page itself keeps the time."""
    back, onward = ipywidgets.Button(description="◀ back"), ipywidgets.Button(description="next ▶")
    for button, by in ((back, -1), (onward, 1)):
        button.layout.width = "90px"
        button.on_click(lambda _, by=by: setattr(control, "value", min(max(control.value + by, 0), LAST_STEP)))
    play = ipywidgets.Play(value=control.value, min=0, max=LAST_STEP, interval=1000 * SECONDS_A_STEP, show_repeat=False)
    play.observe(lambda change: setattr(control, "value", change.new), "value")
    control.observe(lambda change: setattr(play, "value", change.new), "value")
    return ipywidgets.HBox([back, onward, play], layout={"margin": "0 0 0 136px"})


class _StepPicture:
    """All maps of the small network, and one stage of the walk."""

    def __init__(self) -> None:
        self.cells = Cells(MAPS, WIDTH, HEIGHT)
        ax = self.cells.ax
        self.crosses = LineCollection([])
        ax.add_collection(self.crosses, autolim=False)
        round_ends = "round,pad=0,rounding_size=12"
        self.highlight = FancyBboxPatch((0, 0), 1, 1, boxstyle=round_ends, facecolor=INK, linewidth=0)
        look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 14, "color": GIVES, "linewidth": 2, "zorder": 3}
        self.arrows = [FancyArrowPatch((0, 0), (1, 1), shrinkA=0, shrinkB=0, **look) for _ in range(MOST_ARROWS)]
        for patch in (self.highlight, *self.arrows):
            ax.add_patch(patch)
        for k, (ink, _) in enumerate(LEGEND):
            x, y = 8 + 240 * k, HEIGHT - 16
            frame = [(x, y - 9), (x + 30, y - 9), (x + 30, y + 9), (x, y + 9), (x, y - 9)]
            ax.add_collection(LineCollection([frame], colors=ink, linewidths=2.5, linestyles=DASHES[ink]))

    def draw(self, stage: BackpropStage) -> None:
        cells = self.cells
        cells.paint(stage.arrays, {COMES: stage.comes, MEETS: stage.meets, GIVES: stage.gives})
        stopped = [cell in stage.stopped for cell in stage.masked for _ in range(2)]  # two lines a cross
        self.crosses.set_segments([line for cell in stage.masked for line in self._cross(Box("E", *cell))])
        self.crosses.set_color([GIVES if it else QUIET for it in stopped])
        self.crosses.set_linewidth([2.6 if it else 1 for it in stopped])
        for arrow, ends in zip(self.arrows, [*stage.arrows, *[None] * MOST_ARROWS], strict=False):
            arrow.set_visible(ends is not None)
            if ends is not None:
                arrow.set_positions(*self.arrow_ends(*ends))
        self.highlight.set_visible(stage.operation >= 0)
        if stage.operation >= 0:
            x, y = PLACES[stage.operation]
            half = outline(OPERATIONS[stage.operation], bold=True)[2] * LETTERS * POINT / 2 + 4
            self.highlight.set_bounds(x - half, y - 14, 2 * half, 28)
        masked = [Box("E", *cell) for cell in stage.masked]
        numbers = cells.numbers(stage.arrays, left_out=masked)
        cells.lettering.write([*_headings(stage), *_legend(), *self._titles(stage), *numbers, *_signs(stage)])

    def _cross(self, box: Box) -> list[list[tuple[float, float]]]:
        (left, top), _, (right, bottom), _ = self.cells.corners(box)
        return [[(left, top), (right, bottom)], [(left, bottom), (right, top)]]

    def arrow_ends(self, start: Any, end: Any) -> tuple[tuple[float, float], tuple[float, float]]:
        """Find where an arrow leaves and arrives, so that it crosses no number that is known."""
        (left, top), _, (right, bottom), _ = self.cells.corners(start)
        (left2, top2), _, (right2, bottom2), _ = self.cells.corners(end)
        across, across2 = (left + right) / 2, (left2 + right2) / 2
        if bottom2 < top:  # to a map above
            return (across, top), (across2, bottom2 + 3)
        if bottom < top2:  # to a map below
            return (across, bottom), (across2, top2 - 3)
        # Between the maps only; frames say which cells are meant.
        left = self.cells.corners(self.cells.whole(start.name))[0][0]
        right2 = self.cells.corners(self.cells.whole(end.name))[1][0]
        return (left - 2, (top + bottom) / 2), (right2 + 2, (top2 + bottom2) / 2)

    def _titles(self, stage: BackpropStage) -> list[Text]:
        inks = {box.name: ink for ink, boxes in self._framed(stage) for box in boxes}
        texts = []
        for name in MAPS:
            known = not np.isnan(stage.arrays[name]).all()
            ink = inks.get(name, INK if known else UNKNOWN_INK)
            texts.append(self.cells.title(name, ink, bold=name in inks))
        return texts

    @staticmethod
    def _framed(stage: BackpropStage) -> list[tuple[str, Any]]:
        return [(COMES, stage.comes), (MEETS, stage.meets), (GIVES, stage.gives)]


def _headings(stage: BackpropStage) -> list[Text]:
    """Write the formula, the formula with its numbers, and the operations with their arrows."""
    texts = formula(8, 20, stage.formula, LETTERS, bold=True) + formula(8, 52, stage.filled, LETTERS)
    for k, (x, y) in enumerate(PLACES):
        here = k == stage.operation
        texts.append(Text(x, y, OPERATIONS[k], LETTERS, "white" if here else INK, bold=here))
    for arrows, straight, scalars in ((ONWARD, "→", "ŷL"), (BACKWARD, "←", ("∂L/∂z", "∂L/∂ŷ"))):
        for name, (x, y) in arrows.items():
            ink = UNKNOWN_INK if np.isnan(stage.arrays[name]).all() else INK
            texts.append(Text(x, y, "↓" if name in scalars else straight, LETTERS, ink))
    return texts


def _legend() -> list[Text]:
    words = [Text(46 + 240 * k, HEIGHT - 16, name, LETTERS, ink, "left") for k, (ink, name) in enumerate(LEGEND)]
    scale = "red < 0, white 0, blue > 0"
    return [*words, Text(WIDTH - 8, HEIGHT - 16, scale, LETTERS, QUIET, "right")]


def _signs(stage: BackpropStage) -> list[Text]:
    """Write the signs between the maps, and a cross where a gradient is stopped."""
    known = not np.isnan(stage.arrays["product"]).any()
    ink = INK if known else UNKNOWN_INK
    texts = [Text(202, BELOW + 50, "=", LETTERS, ink), Text(290, BELOW + 50, "·", 20, ink, bold=True)]
    if known:
        texts.append(Text(74, BELOW - 28, "+", LETTERS, GIVES, bold=True))
    for i, _ in stage.stopped:
        texts.append(Text(475, MAPS["∂L/∂R"].y + (i + 0.5) * 33, "×", 20, GIVES, bold=True))
    return texts
