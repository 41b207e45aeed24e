"""A map of notebook 3's network, on which a part of the page says where it is."""

from __future__ import annotations

from typing import Any, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from cnnlab.course.plots import _style as style
from cnnlab.course.plots._checks import as_list
from cnnlab.course.plots._figures import new_axes

# Where the middle of each stage stands, its width and height, and its size in words.
STAGES = {
    "I": (24, 40, 40, "32×32"),
    "C": (104, 40, 40, "32×32"),
    "R": (170, 40, 40, "32×32"),
    "P": (236, 24, 24, "16×16"),
    "f": (324, 8, 60, "256"),
    "z": (391, 18, 18, "1"),
    "ŷ": (456, 18, 18, "1"),
    "L": (524, 18, 18, "1"),
}
OPERATIONS = ("convolution", "ReLU", "max pool", "row by row", "dense", "sigmoid", "loss")
# What enters at an operation, from below.
ENTERING = {"K": (54, 0), "b": (74, 0), "w": (346, 4), "d": (364, 4), "y": (490, 6)}
MIDDLE, BELOW = 52, 112  # of the stages, and of what enters
WIDTH, HEIGHT = 548, 128  # pixels, as wide as a page of 1,000 shows a picture


@style.course_style()
def network_map(marked: Sequence[str] = ()) -> Axes:
    """Draw a map of `SingleFilterCNN`, from the image to the loss.

    Parameters
    ----------
    marked : sequence of str
        What the gradient is being computed of, out of I, C, R, P, f, z, ŷ and of the parameters K, b, w and d. The
        arrows then lead back from the loss, and are red as far as the gradient has come. Without it they lead forward.

    Raises
    ------
    TypeError, ValueError
        If marked is no list of these names.
    """
    names = as_list("marked", marked)
    possible = [name for name in [*STAGES, *ENTERING] if name not in "Ly"]
    for name in names:
        if not isinstance(name, str) or name not in possible:
            raise ValueError(f"marked must be names out of {', '.join(possible)}; got {name!r}")
    # The first operation, counted from the image, that the gradient has come through whole.
    through = [ENTERING[name][1] + 1 if name in ENTERING else list(STAGES).index(name) for name in names]
    reached = min(through, default=len(OPERATIONS))
    ax = new_axes(WIDTH / style.PIXELS_PER_INCH, HEIGHT / style.PIXELS_PER_INCH)
    ax.figure.figure.set_layout_engine("none")
    ax.set(position=(0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    ax.set_axis_off()
    for name, (x, width, height, words) in STAGES.items():
        face = style.RED if name in names else "0.85" if name == "I" else "white"
        ax.add_patch(Rectangle((x - width / 2, MIDDLE - height / 2), width, height, facecolor=face, edgecolor="black"))
        if width > 10:
            _write(ax, x, MIDDLE, name, "white" if name in names else "black", bold=True)
        else:
            _write(ax, x, MIDDLE - height / 2 - 9, name, style.RED if name in names else "black", bold=True)
        _write(ax, x, MIDDLE + height / 2 + 9, words, style.QUIET)
    left = [x - width / 2 - 3 for x, width, *_ in STAGES.values()]
    right = [x + width / 2 + 3 for x, width, *_ in STAGES.values()]
    for number, operation in enumerate(OPERATIONS):
        start, end = right[number], left[number + 1]
        _arrow(ax, (start, MIDDLE), (end, MIDDLE), bool(names), bool(names) and number >= reached)
        _write(ax, (start + end) / 2, MIDDLE - 30, operation, "black")
    for name, (x, branch) in ENTERING.items():
        known = name in names
        if known:  # it branches off
            ax.plot([left[branch + 1], x], [MIDDLE, MIDDLE], color=style.RED, linewidth=1.4)
        _arrow(ax, (x, BELOW - 9), (x, MIDDLE + (0 if known else 5)), bool(names) and name != "y", known)
        _write(ax, x, BELOW, name, style.RED if known else "black", bold=True)
    return ax


def _write(ax: Axes, x: float, y: float, text: str, ink: str, bold: bool = False) -> None:
    weight = "bold" if bold else "normal"
    ax.text(x, y, text, ha="center", va="center", fontsize=style.LETTERS, color=ink, fontweight=weight)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], back: bool, red: bool) -> None:
    ends = (end, start) if back else (start, end)
    ink = style.RED if red else style.PALE if back else "black"
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "color": ink, "linewidth": 1.4 if red else 1.0}
    ax.add_patch(FancyArrowPatch(*ends, shrinkA=0, shrinkB=0, **look))
