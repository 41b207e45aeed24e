"""Notebook 5: training by softmax and cross-entropy, with one image or two."""

from __future__ import annotations

from math import log
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets._board import Board, choice, learning_rate_slider, slider
from cnnlab.networks import SoftmaxCNN
from cnnlab.training import gradient_descent

_RNG = np.random.default_rng(10)
IMAGE = _RNG.standard_normal((8, 8))
START: dict[str, Any] = {
    "conv_weight": _RNG.standard_normal((2, 1, 3, 3)),
    "dense_weight": _RNG.standard_normal((2, 18)),
    "conv_bias": np.zeros(2),
    "dense_bias": np.zeros(2),
}
# The image is class 1; the second one, if it takes part, is class 0.
IMAGES = np.stack([IMAGE, IMAGE[:, ::-1]])[:, None]
CLASSES = np.array([1, 0])
LARGEST_AT_START = max(float(np.abs(value).max()) for value in START.values())

HIGHEST_LOSS = 1e6  # where the picture ends
# Where the axis may end: at few places, as a picture whose axes stay is drawn in half the time.
HIGHEST = (10.0, 1000.0, HIGHEST_LOSS)
ABOVE: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "frameon": False, "fontsize": style.LETTERS}
ABOVE |= {"borderpad": 0.2, "borderaxespad": 0.3, "handlelength": 1.5}


class SoftmaxRun(NamedTuple):
    """What one run of gradient descent did."""

    losses: np.ndarray  # at the start and after each step; fewer if it diverged
    probabilities: np.ndarray  # (as many, images) p₁ of each image
    promised: float  # the loss after the first step, to first order
    diverged_at: int | None
    verdict: str  # falls, jumps, stands still, dies or diverges
    words: str


def softmax_run(learning_rate: float, steps: int, images: int) -> SoftmaxRun:
    """Train the network of notebook 5 from its start, on its image alone (1) or with its mirror image (2)."""
    network = SoftmaxCNN(START)
    x, y = IMAGES[:images], CLASSES[:images]
    loss, gradients = network.loss_and_gradients(x, y)
    promised = loss - learning_rate * sum(float(np.sum(gradient**2)) for gradient in gradients.values())
    records: list[Any] = []

    def on_step(step: int, loss: float) -> bool:
        records.append(network.forward(x))
        return step == steps  # the last look is at what the last step led to

    history = gradient_descent(network, x, y, learning_rate=learning_rate, steps=steps + 1, on_step=on_step)
    losses = history.loss
    largest = max(float(np.abs(value).max()) for value in network.parameters.values())
    if history.diverged_at is not None:
        verdict = "diverges"
        detail = f"the loss after step {history.diverged_at} is not a number (overflow): the run ends before it"
    elif not records[-1].relu.any():
        verdict = "dies"
        detail = "every cell is 0 after ReLU: the filters are dead, only the dense bias d still learns"
    elif losses[-1] == 0:
        verdict = "stands still"
        sizes = f"largest weight {style.loss(largest)}, at first {style.loss(LARGEST_AT_START)}"
        detail = f"p − y rounds to 0, so nothing moves; {sizes}"
    elif (rises := np.diff(losses) > 1e-6).any():
        verdict = "jumps"
        highest = style.loss(losses[1:][rises].max())
        detail = f"the loss jumps: it rose in {rises.sum()} of the {steps} steps, to {highest} at the highest"
    else:
        verdict = "falls"
        detail = f"first step: loss {style.loss(promised)} promised by the gradient, {style.loss(losses[1])} reached"
        if promised < 0:
            detail += "; no loss is negative"
    p = np.array([record.probabilities[:, 1] for record in records])
    taken = len(losses) - 1
    after = f"after {taken} step{'s'[: taken != 1]}"
    change = f"loss {style.loss(losses[0])} → {style.loss(losses[-1])}"
    answers = ", mirror image ".join(f"{first:.4f} → {last:.4f}" for first, last in zip(p[0], p[-1], strict=True))
    words = f"learning rate {style.plain(learning_rate)}: p₁ {answers} {after}, {change}\n{detail}"
    return SoftmaxRun(losses, p, promised, history.diverged_at, verdict, words)


@style.course_style()
def softmax_training(learning_rate: float = 0.01, steps: int = 1) -> Board:
    """Show what learning rate and steps do to the network of notebook 5.

    Parameters
    ----------
    learning_rate : float
        Where the first slider stands, from 0.0001 to 1000.
    steps : int
        Where the second slider stands, from 1 to 60.
    """
    controls = {
        "learning_rate": learning_rate_slider(learning_rate, -4, 3, 0.25, readout_format=".2r"),
        "steps": slider("steps", steps, "steps", 1, 60),
        "images": choice("images", 1, "what it learns", [("I alone", 1), ("I, mirror", 2)]),
    }
    curve, answers = _training_axes()
    moving: dict[str, Any] = {"zorder": 5}  # over all that is not redrawn
    (line,) = curve.plot([], [], marker="o", markersize=3, label="loss", **moving)
    look: dict[str, Any] = {"marker": "x", "markersize": 8, "color": style.RED, **moving}
    (promise,) = curve.plot([], [], "--", label="first step as promised", **look)
    curve.legend(**ABOVE).set_zorder(0)
    (first,) = answers.plot([], [], marker="o", markersize=3, label="p₁ of I, should be 1", **moving)
    (second,) = answers.plot(
        [], [], "--", marker="s", markersize=3, label="p₁ of the mirror image, should be 0", **moving
    )
    legend = answers.legend(**ABOVE)
    legend.set_zorder(0)
    named = legend.get_texts()[1]

    def draw(learning_rate: float, steps: int, images: int) -> str:
        run = softmax_run(float(f"{learning_rate:.2g}"), steps, images)  # train with what the slider shows
        at = np.arange(len(run.losses))
        line.set_data(at, np.minimum(run.losses, 100 * HIGHEST_LOSS))
        promise.set_data([0, 1], [run.losses[0], run.promised])
        highest = next(top for top in HIGHEST if top >= min(1.2 * run.losses.max(), HIGHEST_LOSS))
        if highest != curve.get_ylim()[1]:
            curve.set_ylim(-1.3, highest)
        first.set_data(at, run.probabilities[:, 0])
        second.set_data(at, run.probabilities[:, 1] if images == 2 else 1 - run.probabilities[:, 0])
        meaning = "p₁ of the mirror image, should be 0" if images == 2 else "p₀ of I, should be 0"
        if meaning != named.get_text():
            named.set_text(meaning)
            legend.stale = True  # it does not notice by itself
        return run.words

    return Board(controls, plots.figure_of(curve), draw)


def _training_axes() -> tuple[Axes, Axes]:
    """Lay out the loss and the probabilities over the steps."""
    curve, answers = plots.new_axes(6.3, 3.9, columns=2)[0]
    curve.set_yscale("symlog", linthresh=2, linscale=2)
    ticks = {-1: "−1", 0: "0", 1: "1", 2: "2", 10: "10", 100: "100", 1e3: "10³", 1e4: "10⁴", 1e5: "10⁵", 1e6: "10⁶"}
    curve.set_yticks(list(ticks), list(ticks.values()))
    curve.set_yticks([], minor=True)
    curve.axhline(log(2), color="0.4", linestyle=":", linewidth=1)
    curve.text(
        0.99,
        log(2),
        "ln 2: says ½",
        ha="right",
        va="bottom",
        fontsize=style.LETTERS,
        transform=curve.get_yaxis_transform(),
    )
    curve.set(ylabel="loss L (logarithmic above 2)")
    curve.yaxis.set_label_coords(-0.21, 0.5)  # left of the widest of the numbers, wherever the axis ends
    answers.set(ylabel="probability", ylim=(-0.05, 1.05))
    for ax in (curve, answers):
        ax.set_xlabel("step (the first ones wider)")
        ax.set_xscale("function", functions=(_signed_root, lambda root: root * abs(root)))
        ax.set(xlim=(-0.05, 62), xticks=[0, 1, 2, 5, 10, 20, 40, 60])
        ax.grid(**style.GRID)
    return curve, answers


def _signed_root(step: np.ndarray) -> np.ndarray:
    return np.sign(step) * np.sqrt(abs(step))
