"""Notebook 3: nudge one number of a small network, and see what its gradient had promised."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from matplotlib.patches import Rectangle

from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets._board import Board, choice
from cnnlab.course.widgets._cells import (
    COMES,
    GIVES,
    INK,
    LETTERS,
    MEETS,
    UNKNOWN_INK,
    Box,
    Cells,
    MapLayout,
    formula,
)
from cnnlab.course.widgets._lettering import Text
from cnnlab.course.widgets._small_network import IMAGE, KEYS, PARAMETERS, forward_maps, gradient_maps

STAGES = ["C", "R", "P", "z", "ŷ", "L"]
SUBSCRIPTS = str.maketrans("0123", "₀₁₂₃")
# What can be nudged: each parameter and each pixel, as a map's letter and a cell of it.
PLACES: dict[str, tuple[str, tuple[int, int]]] = {f"w{m}".translate(SUBSCRIPTS): ("w", (0, m)) for m in range(4)}
PLACES |= {"d": ("d", (0, 0)), "b": ("b", (0, 0))}
PLACES |= {f"K{u}{v}".translate(SUBSCRIPTS): ("K", (u, v)) for u in range(3) for v in range(3)}
PLACES |= {f"I{i}{j}".translate(SUBSCRIPTS): ("I", (i, j)) for i in range(4) for j in range(4)}
AMOUNTS = [-1.0, -0.1, -0.01, 0.01, 0.1, 1.0]

WIDTH, HEIGHT = 1096, 716
TOP, PITCH, CELL = 100, 158, 30  # of the three rows: where they begin, how far apart, and a cell's height
ROWS = ["", "Δ", "∂"]  # the values after the nudge, their changes, and the gradients of before
CAPTION, ZERO, TALLEST = 562, 620, 38  # of the bars: their caption, where they begin, and the height of the tallest


def _maps() -> dict[str, MapLayout]:
    maps = {
        "I": MapLayout(8, TOP, 60, CELL, 4, 4, "image I"),
        "K": MapLayout(8, TOP + PITCH, 60, CELL, 3, 3, "kernel K", limit=6),
        "b": MapLayout(206, TOP + PITCH, 60, CELL, 1, 1, "bias b", limit=6),
        "w": MapLayout(8, TOP + 2 * PITCH, 60, CELL, 1, 4, "weights w", limit=6),
        "d": MapLayout(94, TOP + 2 * PITCH + 60, 60, CELL, 1, 1, "bias d", "left", limit=6),
    }
    for row, kind in enumerate(ROWS):
        y, limit = TOP + PITCH * row, (6, 1, 0.6)[row]
        titles = {name: {"": name, "Δ": f"Δ{name}", "∂": f"∂L/∂{name}"}[kind] for name in STAGES}
        maps[kind + "C"] = MapLayout(278, y, 60, CELL, 4, 4, titles["C"], limit=limit)
        maps[kind + "R"] = MapLayout(532, y, 60, CELL, 4, 4, titles["R"], limit=limit)
        maps[kind + "P"] = MapLayout(786, y + CELL, 60, CELL, 2, 2, titles["P"], limit=limit)
        for k, name in enumerate("zŷL"):
            if kind + name != "∂L":
                scale, decimals = (limit, 4) if kind else (0, 4)
                maps[kind + name] = MapLayout(1006, y + 45 * k, 84, CELL, 1, 1, titles[name], "left", scale, decimals)
    return maps


MAPS = _maps()


class Nudge(NamedTuple):
    """What a nudge did, and what the gradient had promised."""

    arrays: dict[str, np.ndarray]  # values after the nudge, their changes (Δ) and the gradients of before (∂)
    slope: float  # the gradient of what was nudged
    promises: dict[str, float]  # at each stage on the way the sum of gradient times change; at L what came
    words: str


@lru_cache(maxsize=256)
def nudge_of(what: str, by: float) -> Nudge:
    """Move one parameter or pixel of the small network, and carry the change forward to the loss."""
    letter, cell = PLACES[what]
    parameters, image = {key: value.copy() for key, value in PARAMETERS.items()}, IMAGE.copy()
    np.atleast_2d(image if letter == "I" else parameters[KEYS[letter]])[(..., *cell)] += by
    before, after = forward_maps(), forward_maps(parameters, image)
    gradients = gradient_maps(before)
    slope = float(gradients[letter][cell])
    changes = {name: after[name] - before[name] for name in STAGES}
    way = STAGES if letter in "IKb" else STAGES[3:]
    promises = {what: slope * by} | {name: float(np.sum(gradients[name] * changes[name])) for name in way}
    promised, linear, came = promises[what], promises["z"], promises["L"]
    arrays = {name: after[name] for name in (*STAGES, *KEYS)} | {"I": after["I"][1:-1, 1:-1]}
    arrays |= {"Δ" + name: change for name, change in changes.items()}
    arrays |= {"∂" + name: gradients[name] for name in STAGES[:-1]}
    moved = f"{what} moves by {_signed(by)}: promised {_exact(promised)}, came {_exact(came)}"
    return Nudge(arrays, slope, promises, f"{moved}\n{_reason(changes, promised, linear, came)}")


def _reason(changes: dict[str, np.ndarray], promised: float, linear: float, came: float) -> str:
    """Say why that came which came; `linear` is what z promises, which a kink alone can set apart from `promised`."""
    cells = sum(int(np.count_nonzero(change)) for change in changes.values())
    changed = f"{cells} cells change" if cells else "no cell changes"
    if not promised and not came:
        last = [name for name in STAGES if changes[name].any()]
        where = f", the last in {last[-1]}" if last else ": the feature is 0"
        return f"{changed}{where}. Nothing reaches L, as the gradient 0 had said."
    if not np.isclose(linear, promised, atol=1e-9):
        return f"{changed}; a block's winner changed: a kink, and no gradient sees beyond it."
    return f"{changed}; {100 * came / promised:.0f} % of the promise came: up to z all of it, then curves bend it."


def _exact(value: float) -> str:
    return style.number(value, "+.5f", zero="0")


def _signed(value: float) -> str:
    return style.number(value, "+g")


@style.course_style()
def nudge(what: str = "w₀", by: float = 0.1) -> Board:
    """Nudge one number of a small network, and see every cell that changes, up to the loss.

    Parameters
    ----------
    what : str
        What is nudged: a parameter such as "w₀", "d", "b" or "K₁₁", or a pixel such as "I₂₃".
    by : float
        How far: −1, −0.1, −0.01, 0.01, 0.1 or 1.
    """
    controls = {
        "what": choice("what", what, "nudge", list(PLACES)),
        "by": choice("by", by, "by", [(_signed(amount), amount) for amount in AMOUNTS]),
    }
    picture = _NudgePicture()

    def draw(what: str, by: float) -> str:
        result = nudge_of(what, by)
        picture.draw(what, by, result)
        return result.words

    return Board(controls, plots.figure_of(picture.cells.ax), draw)


class _NudgePicture:
    """Three rows of maps, and a bar for each stage: what its gradient promises of the change that it has seen."""

    def __init__(self) -> None:
        self.cells = Cells(MAPS, WIDTH, HEIGHT)
        ax = self.cells.ax
        self.bars = [Rectangle((0, 0), 1, 1) for _ in range(1 + len(STAGES))]
        for bar in self.bars:
            ax.add_patch(bar)
        ax.plot([8, WIDTH - 8], [ZERO, ZERO], color=INK, linewidth=1)

    def draw(self, what: str, by: float, result: Nudge) -> None:
        letter, cell = PLACES[what]
        cells, arrays = self.cells, result.arrays
        changed = [box for box in cells.cells if box.name[0] == "Δ" and arrays[box.name][box[1:3]]]
        met = [Box("∂" + box.name[1:], *box[1:3]) for box in changed if box.name != "ΔL"]
        scale = 3 * abs(by)  # one for all changes: a pixel is 3 at most
        coloured = arrays | {"Δ" + name: arrays["Δ" + name] / scale for name in STAGES}
        cells.paint(coloured, {COMES: [Box(letter, *cell), *changed], MEETS: met})
        texts = [
            *cells.numbers(arrays, coloured),
            *(cells.title(name, INK) for name in MAPS),
            *_headings(what, by, result),
        ]
        largest = max(0.02, *(abs(promise) for promise in result.promises.values()))
        for k, (bar, name) in enumerate(zip(self.bars, (what, *STAGES), strict=True)):
            x, promise = 78 + 157 * k, result.promises.get(name)
            bar.set_visible(promise is not None)
            texts.append(Text(x, HEIGHT - 40, name, LETTERS, INK if promise is not None else UNKNOWN_INK, bold=True))
            if promise is not None:
                bar.set_bounds(x - 40, ZERO, 80, -TALLEST * promise / largest)
                bar.set_facecolor(INK if name == "L" else GIVES)
                texts.append(Text(x, HEIGHT - 14, _exact(promise), LETTERS, INK if name == "L" else GIVES))
        cells.lettering.write(texts)


def _headings(what: str, by: float, result: Nudge) -> list[Text]:
    slope = style.number(result.slope, ".4f", zero="0")
    promised, came = _exact(result.promises[what]), _exact(result.promises["L"])
    row = "Σ m[gradient] · c[change], stage by stage: what the gradient g[promises] of ΔL; the last is what came"
    return [
        *formula(8, 20, f"ΔL ≈ m[∂L/∂{what}] · c[Δ{what}]", LETTERS, bold=True),
        *formula(8, 54, f"promised: m[{slope}] · c[({_signed(by)})] = g[{promised}]      came: ΔL = {came}", LETTERS),
        *formula(8, CAPTION, row, LETTERS),
    ]
