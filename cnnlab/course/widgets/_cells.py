"""Maps of numbers, cell by cell, on one axes whose unit is a pixel of the page, counted downwards."""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection

from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets._lettering import Lettering, Text, outline

POINT = style.PIXELS_PER_INCH / 72  # in pixels
# What comes in, what it meets, and what comes out: the same colours in formulas, frames and arrows.
COMES, MEETS, GIVES = "#7a3fb5", "#1a7f37", style.RED
DASHES: dict[str, Any] = {COMES: (0, (4, 1.5)), MEETS: (0, (1, 0.8)), GIVES: "solid"}
ROLES = {"c": COMES, "m": MEETS, "g": GIVES}
UNKNOWN_INK, INK, QUIET = "0.45", "black", style.QUIET
SIGNED = style.colours_of(style.SIGNED)
LETTERS = 18  # points, of which a page 1,000 pixels wide leaves 9 beside a side bar


class Box(NamedTuple):
    """A rectangle of cells of a map."""

    name: str
    row: int = 0
    column: int = 0
    height: int = 1
    width: int = 1


class MapLayout(NamedTuple):
    """Where a map stands, and how its numbers are written."""

    x: float
    y: float
    width: float  # of a cell
    height: float
    rows: int
    columns: int
    title: str
    side: str = "above"  # where the title stands: above, left or below
    limit: float = 0  # the value of the strongest colour; 0 for pixels and for numbers without colour
    decimals: int = 2


class Cells:
    """A picture of many maps: their cells with numbers, frames around some of them, and words."""

    def __init__(self, maps: Mapping[str, MapLayout], width: int, height: int) -> None:
        ax = self.ax = plots.new_axes(width / style.PIXELS_PER_INCH, height / style.PIXELS_PER_INCH)
        ax.figure.figure.set_layout_engine("none")
        ax.set(position=(0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        ax.set_axis_off()
        self.maps = maps
        self.cells = [Box(name, i, j) for name, place in maps.items() for i, j in np.ndindex(place.rows, place.columns)]
        self.tiles = PolyCollection([self.corners(cell) for cell in self.cells], linewidths=0.8)
        self.frames = {ink: LineCollection([], colors=ink, linewidths=2.5, linestyles=DASHES[ink]) for ink in DASHES}
        for collection in (self.tiles, *self.frames.values()):
            ax.add_collection(collection, autolim=False)
        self.lettering = Lettering(ax, [INK, "white", QUIET, UNKNOWN_INK, COMES, MEETS, GIVES], POINT)

    def corners(self, box: Any, closed: bool = False) -> list[tuple[float, float]]:
        """Find the corners of some cells."""
        place = self.maps[box.name]
        left, top = place.x + box.column * place.width, place.y + box.row * place.height
        right, bottom = left + box.width * place.width, top + box.height * place.height
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return [*corners, corners[0]] if closed else corners

    def whole(self, name: str) -> Box:
        """Return all cells of a map."""
        return Box(name, 0, 0, self.maps[name].rows, self.maps[name].columns)

    def paint(self, arrays: Mapping[str, np.ndarray], frames: Mapping[str, Iterable[Any]]) -> None:
        """Colour the cells by their numbers, and frame some in the colour of their role."""
        faces, edges = zip(*(self._colours(arrays, cell) for cell in self.cells), strict=True)
        self.tiles.set(facecolors=faces, edgecolors=edges)
        for role, collection in self.frames.items():
            collection.set_segments([self.corners(box, closed=True) for box in frames.get(role, ())])

    def _colours(self, arrays: Mapping[str, np.ndarray], cell: Box) -> tuple[Any, Any]:
        value, limit = arrays[cell.name][cell.row, cell.column], self.maps[cell.name].limit
        if np.isnan(value):
            return "white", "0.88"
        if self.is_pixel(cell.name):
            return ("white", "0.85") if self.is_border(arrays, cell) else (str(min(0.64 + 0.12 * value, 1)), "0.6")
        return (SIGNED(0.5 + value / limit / 2) if limit else "white"), "0.6"

    def is_pixel(self, name: str) -> bool:
        """Tell whether a map holds pixels."""
        return name in ("I", "window")

    def is_border(self, arrays: Mapping[str, np.ndarray], cell: Box) -> bool:
        """Tell whether a pixel belongs to the border of zeros, which only a padded image has."""
        return cell.name == "I" and self.maps["I"].rows == 6 and (cell.row in (0, 5) or cell.column in (0, 5))

    def numbers(
        self,
        arrays: Mapping[str, np.ndarray],
        coloured: Mapping[str, np.ndarray] | None = None,
        left_out: Sequence[Box] = (),
    ) -> list[Text]:
        """Write the number of every cell that is known; `coloured` are what the cells are painted by, if others."""
        texts, coloured = [], coloured or arrays
        for cell in self.cells:
            value, place = arrays[cell.name][cell.row, cell.column], self.maps[cell.name]
            if np.isnan(value) or cell in left_out:
                continue
            whole = (arrays[cell.name] == arrays[cell.name].round()).all()
            text = style.number(value, f".{0 if whole else place.decimals}f", zero="0")
            quiet = self.is_border(arrays, cell) or (text == "0" and not self.is_pixel(cell.name))
            share = coloured[cell.name][cell.row, cell.column] / place.limit if place.limit else 0
            ink = QUIET if quiet else style.ink_on_signed(share)
            x, y = place.x + (cell.column + 0.5) * place.width, place.y + (cell.row + 0.5) * place.height
            texts.append(Text(x, y, text, LETTERS, ink, room=place.width - 4))
        return texts

    def title(self, name: str, ink: str, bold: bool = False) -> Text:
        """Write a map's name."""
        place = self.maps[name]
        middle, bottom = place.x + place.columns * place.width / 2, place.y + place.rows * place.height
        if place.side == "left":
            return Text(place.x - 7, (place.y + bottom) / 2, place.title, LETTERS, ink, "right", bold)
        return Text(
            middle, place.y - 15 if place.side == "above" else bottom + 16, place.title, LETTERS, ink, bold=bold
        )


def formula(x: float, y: float, marked: str, size: float, bold: bool = False) -> list[Text]:
    """Write a formula, in which c[…], m[…] and g[…] have the colours of their roles, from the left."""
    texts, space = [], 0.3 * size * POINT
    parts = re.split(r"([cmg])\[(.*?)\]", marked)  # plain words; then again and again a role, its words, plain words
    pieces = [("", parts[0])]
    for role, words, between in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        pieces += [(role, words), ("", between)]
    for role, words in pieces:
        core = words.strip()
        x += space * (len(words) - len(words.lstrip()))
        if core:
            texts.append(Text(x, y, core, size, ROLES.get(role, INK), "left", bold))
            x += outline(core, "left", bold)[2] * size * POINT + space / 3
            x += space * (len(words) - len(words.rstrip()))
    return texts
