"""Notebook 5: two logits, and what softmax and cross-entropy answer them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from cnnlab.activations import softmax
from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets._board import Board, slider
from cnnlab.course.widgets._lettering import Text, lettering_over, points_at
from cnnlab.losses import cross_entropy, cross_entropy_backward

LARGEST_LOGIT = 6.0
Z = ("z₀", "z₁")


class LogitsAnswer(NamedTuple):
    """What softmax and cross-entropy make of two logits."""

    probabilities: np.ndarray  # (2,)
    loss: float
    gradient: np.ndarray  # (2,) p - y
    words: str


def logits_answer(z0: float, z1: float, right: int) -> LogitsAnswer:
    """Compute p, the loss and p - y of two logits, where `right` is the right class, 0 or 1."""
    z = np.array([z0, z1])
    p, loss, gradient = softmax(z), cross_entropy(z, right), cross_entropy_backward(z, right)
    in_words = [style.probability(share) for share in p] + [style.probability(part, "+") for part in gradient]
    words = (
        f"z = {style.vector(z, '.1f')}: p = ({in_words[0]}, {in_words[1]}), "
        f"right class {right}: loss {style.probability(loss)}, p − y = ({in_words[2]}, {in_words[3]})"
    )
    other = 1 - right
    words += f"\n{Z[right]} − {Z[other]} = {style.number(z[right] - z[other], '.1f')}: "
    if gradient[other] < 0.005:
        words += "sure and right, so there is almost nothing left to learn"
    elif gradient[other] > 0.995:
        words += f"sure and wrong, so a step pushes {Z[right]} up and {Z[other]} down as hard as it can"
    else:
        words += f"a step raises {Z[right]} and lowers {Z[other]}, by equal amounts"
    return LogitsAnswer(p, loss, gradient, words)


@style.course_style()
def logits(z0: float = 0.7, z1: float = -0.6, right: int = 1) -> Board:
    """Show softmax, cross-entropy and p - y answering two logits.

    Parameters
    ----------
    z0, z1 : float
        Where the sliders stand, from -6 to 6.
    right : int
        The right class, 0 or 1.
    """
    controls = {
        "z0": slider("z0", z0, "logit z₀", -LARGEST_LOGIT, LARGEST_LOGIT, 0.1, readout_format=".1f"),
        "z1": slider("z1", z1, "logit z₁", -LARGEST_LOGIT, LARGEST_LOGIT, 0.1, readout_format=".1f"),
        "right": slider("right", right, "right class y", 0, 1),
    }
    left, middle, last = _logits_axes()
    look: dict[str, Any] = {"width": 0.6, "edgecolor": "black", "zorder": 5}  # over all that is not redrawn
    bars = left.bar([0, 1], [0.5, 0.5], color=style.BLUE, **look)
    (slope,) = middle.plot([], [], linestyle="--", color=style.RED, zorder=5)
    (point,) = middle.plot([], [], marker="o", markersize=9, color=style.RED, zorder=5)
    signed = last.bar([0, 1], [0.5, 0.5], **look)
    lettering = lettering_over(plots.figure_of(left), ["black"])
    colours = style.colours_of(style.SIGNED)

    def draw(z0: float, z1: float, right: int) -> str:
        answer = logits_answer(z0, z1, right)
        margin = (z1 - z0) * (1 if right else -1)
        step = answer.gradient[right]
        point.set_data([margin], [answer.loss])
        slope.set_data(margin + np.array([-4, 4]), answer.loss + step * np.array([-4, 4]))
        texts = [
            Text(*points_at(middle, 0, 13.7), f"loss L, slope {style.probability(step)}", style.TITLE),
            Text(*points_at(middle, 0, -2.8), "z₁ − z₀" if right else "z₀ − z₁", style.TITLE),
        ]
        for k in (0, 1):
            p, gradient = answer.probabilities[k], answer.gradient[k]
            bars[k].set(height=p, hatch="//" if k == right else "")
            signed[k].set(height=gradient, facecolor=colours(0.5 + gradient / 2))
            said = style.probability(p) + (" right" if k == right else "")
            texts.append(Text(*points_at(left, k, p + 0.05), said, style.TITLE))
            x, y = points_at(last, k, gradient + 0.15 * np.sign(gradient))
            texts.append(Text(x, y, style.probability(gradient, "+"), style.LETTERS))
            way, further = ("fall", -13) if gradient > 0 else ("rise", 13)
            texts.append(Text(x, y + further, f"{Z[k]} should {way}", style.LETTERS))
        lettering.write(texts)
        return answer.words

    return Board(controls, plots.figure_of(left), draw)


def _logits_axes() -> tuple[Axes, Axes, Axes]:
    """Lay out the probabilities, the loss over the difference of the logits, and p - y."""
    left, middle, last = plots.new_axes(6.3, 3.1, columns=3)[0]
    left.set(title="p", xlim=(-0.8, 1.8), ylim=(0, 1.15), yticks=[0, 0.5, 1])
    middle.set(title=" ", xlabel=" ")  # room for them
    last.set(title="p − y", xlim=(-0.8, 1.8), ylim=(-1.7, 1.7), yticks=[-1, 0, 1])
    for ax in (left, last):
        ax.set_xticks([0, 1], ["class 0", "class 1"])
    last.axhline(0, color="black", linewidth=1)
    margins = np.linspace(-2 * LARGEST_LOGIT, 2 * LARGEST_LOGIT, 97)
    middle.plot(margins, [cross_entropy([0.0, margin], 1) for margin in margins])
    middle.set(xlim=(-13.4, 13.4), ylim=(-0.7, 13), xticks=range(-12, 13, 6), yticks=range(0, 13, 3))
    middle.grid(**style.GRID)
    return left, middle, last
