"""Notebook 5: two logits and what answers them, and training by softmax and cross-entropy."""

from __future__ import annotations

from math import floor, log, log10
from typing import Any, NamedTuple

import ipywidgets
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cnnlab.activations import softmax
from cnnlab.course import plots
from cnnlab.course.widgets._board import Board, choice, slider
from cnnlab.losses import cross_entropy, cross_entropy_backward
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
LARGEST = max(float(np.abs(value).max()) for value in START.values())

HIGHEST_LOSS = 1e6  # where the picture ends
REACH = 6.0  # of the logits
ABOVE: dict[str, Any] = {"fontsize": 9, "loc": "lower left", "bbox_to_anchor": (0, 1), "frameon": False}


class LogitsAnswer(NamedTuple):
    """What softmax and cross-entropy make of two logits."""

    probabilities: np.ndarray  # (2,)
    loss: float
    gradient: np.ndarray  # (2,) p - y
    words: str


def logits_answer(z0: float, z1: float, right: int) -> LogitsAnswer:
    """Compute p, the loss and p - y.

    Parameters
    ----------
    z0, z1 : float
        The logits.
    right : int
        The right class, 0 or 1.

    Returns
    -------
    LogitsAnswer
    """
    z = np.array([z0, z1])
    p, loss, gradient = softmax(z), cross_entropy(z, right), cross_entropy_backward(z, right)
    words = (
        f"z = ({_one(z0)}, {_one(z1)}): p = ({_two(p[0])}, {_two(p[1])}), "
        f"right class {right}: loss {_two(loss)}, p − y = ({_two(gradient[0], '+')}, {_two(gradient[1], '+')})"
    )
    other = 1 - right
    words += f"\nz{'₀₁'[right]} − z{'₀₁'[other]} = {_one(z[right] - z[other])}: "
    if gradient[other] < 0.005:
        words += "sure and right, so there is almost nothing left to learn"
    elif gradient[other] > 0.995:
        words += f"sure and wrong, so a step pushes z{'₀₁'[right]} up and z{'₀₁'[other]} down as hard as it can"
    else:
        words += f"a step raises z{'₀₁'[right]} and lowers z{'₀₁'[other]}, by equal amounts"
    return LogitsAnswer(p, loss, gradient, words)


def logits(z0: float = 0.7, z1: float = -0.6, right: int = 1) -> Board:
    """Show softmax, cross-entropy and p - y answering two logits.

    Parameters
    ----------
    z0, z1 : float
        Where the sliders stand, from -6 to 6.
    right : int
        The right class, 0 or 1.

    Returns
    -------
    Board

    Raises
    ------
    TypeError, ValueError
        If a slider cannot stand there.
    """
    controls = {
        "z0": slider(ipywidgets.FloatSlider, "z0", "logit z₀", z0, -REACH, REACH, 0.1, readout_format=".1f"),
        "z1": slider(ipywidgets.FloatSlider, "z1", "logit z₁", z1, -REACH, REACH, 0.1, readout_format=".1f"),
        "right": slider(ipywidgets.IntSlider, "right", "right class y", right, 0, 1, 1),
    }
    left, middle, last = _logits_axes()
    bars = left.bar([0, 1], [0.5, 0.5], width=0.6, color="#3f90da", edgecolor="black")
    numbers = [left.text(k, 0.5, "", ha="center", va="bottom") for k in (0, 1)]
    (point,) = middle.plot([], [], marker="o", markersize=9, color=plots.RED)
    (slope,) = middle.plot([], [], linestyle="--", color=plots.RED)
    signed = last.bar([0, 1], [0.5, 0.5], width=0.6, edgecolor="black")
    signs = [last.text(k, 0, "", ha="center", fontsize=9, linespacing=1.4) for k in (0, 1)]
    colours = matplotlib.colormaps["RdBu"]

    def draw(z0: float, z1: float, right: int) -> str:
        answer = logits_answer(z0, z1, right)
        margin = (z1 - z0) * (1 if right else -1)
        step = answer.gradient[right]
        point.set_data([margin], [answer.loss])
        slope.set_data(margin + np.array([-4, 4]), answer.loss + step * np.array([-4, 4]))
        middle.title.set_text(f"loss L, slope {_two(step)}")
        middle.xaxis.label.set_text("z₁ − z₀" if right else "z₀ − z₁")
        for k in (0, 1):
            p, gradient = answer.probabilities[k], answer.gradient[k]
            bars[k].set_height(p)
            bars[k].set_hatch("//" if k == right else "")
            numbers[k].set_position((k, p + 0.02))
            numbers[k].set_text(_two(p) + ("\nright" if k == right else ""))
            signed[k].set_height(gradient)
            signed[k].set_facecolor(colours(0.5 + gradient / 2))
            signs[k].set_position((k, gradient + 0.05 * np.sign(gradient)))
            signs[k].set_verticalalignment("bottom" if gradient > 0 else "top")
            signs[k].set_text(f"{_two(gradient, '+')}\nz{'₀₁'[k]} should {'fall' if gradient > 0 else 'rise'}")
        return answer.words

    return Board(controls, plots.figure_of(left), draw)


class SoftmaxRun(NamedTuple):
    """What one run of gradient descent did."""

    losses: np.ndarray  # at the start and after each step; fewer if it diverged
    probabilities: np.ndarray  # (as many, images) p₁ of each image
    promised: float  # the loss after the first step, to first order
    diverged_at: int | None
    verdict: str  # falls, jumps, stands still, dies or diverges
    words: str


def softmax_run(learning_rate: float, steps: int, images: int) -> SoftmaxRun:
    """Train the network of notebook 5 from its start.

    Parameters
    ----------
    learning_rate : float
        η.
    steps : int
        How many.
    images : int
        1: the notebook's image, of class 1; 2: also its mirror image, of class 0.

    Returns
    -------
    SoftmaxRun
    """
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
        detail = "every cell is 0 after ReLU: the filters are dead, and only the dense bias d still learns"
    elif losses[-1] == 0:
        verdict = "stands still"
        sizes = f"largest weight {_plain(largest)}, at first {_plain(LARGEST)}"
        detail = f"p − y is 0 to 16 digits, so nothing moves any more; {sizes}"
    elif (rises := np.diff(losses) > 1e-6).any():
        verdict = "jumps"
        highest = _plain(losses[1:][rises].max())
        detail = f"the loss jumps: it rose in {rises.sum()} of the {steps} steps, to {highest} at the highest"
    else:
        verdict = "falls"
        detail = f"first step: loss {_plain(promised)} promised by the gradient, {_plain(losses[1])} reached"
        if promised < 0:
            detail += "; no loss can be negative"
    p = np.array([record.probabilities[:, 1] for record in records])
    taken = len(losses) - 1
    after = f"after {taken} step{'s'[: taken != 1]}"
    change = f"loss {_plain(losses[0])} → {_plain(losses[-1])}"
    words = f"learning rate {_rate(learning_rate)}: p₁ "
    if images == 1:
        words += f"{p[0, 0]:.4f} → {p[-1, 0]:.4f} {after}, {change}"
    else:
        words += f"{p[0, 0]:.4f} → {p[-1, 0]:.4f}, mirror image {p[0, 1]:.4f} → {p[-1, 1]:.4f} {after}, {change}"
    return SoftmaxRun(losses, p, promised, history.diverged_at, verdict, f"{words}\n{detail}")


def softmax_training(learning_rate: float = 0.01, steps: int = 1) -> Board:
    """Show what learning rate and steps do to the network of notebook 5.

    Parameters
    ----------
    learning_rate : float
        Where the first slider stands, from 0.0001 to 1000.
    steps : int
        Where the second slider stands, from 1 to 60.

    Returns
    -------
    Board

    Raises
    ------
    TypeError, ValueError
        If a slider cannot stand there.
    """
    controls = {
        "learning_rate": slider(
            ipywidgets.FloatLogSlider, "learning_rate", "learning rate η", learning_rate, -4, 3, 0.25
        ),
        "steps": slider(ipywidgets.IntSlider, "steps", "steps", steps, 1, 60, 1),
        "images": choice("images", "what it learns", 1, [("I alone", 1), ("I, mirror", 2)]),
    }
    curve, answers = _training_axes()
    (line,) = curve.plot([], [], marker="o", markersize=4, label="loss")
    (promise,) = curve.plot([], [], "--", marker="x", markersize=8, color=plots.RED, label="first step as promised")
    curve.legend(**ABOVE)
    (first,) = answers.plot([], [], marker="o", markersize=4, label="p₁ of I, should be 1")
    (second,) = answers.plot([], [], "--", marker="s", markersize=4, label="p₁ of the mirror image, should be 0")
    legend = answers.legend(**ABOVE)

    def draw(learning_rate: float, steps: int, images: int) -> str:
        run = softmax_run(learning_rate, steps, images)
        at = np.arange(len(run.losses))
        line.set_data(at, np.minimum(run.losses, 100 * HIGHEST_LOSS))
        promise.set_data([0, 1], [run.losses[0], run.promised])
        curve.set_ylim(-1.3, min(max(2.1, 1.5 * run.losses.max()), HIGHEST_LOSS))
        first.set_data(at, run.probabilities[:, 0])
        second.set_data(at, run.probabilities[:, 1] if images == 2 else 1 - run.probabilities[:, 0])
        legend.get_texts()[1].set_text("p₁ of the mirror image, should be 0" if images == 2 else "p₀ of I, should be 0")
        for ax in (curve, answers):
            ax.set_xlim(-0.04 * steps - 0.1, 1.04 * steps + 0.1)
        for moved in (line, first, second):
            moved.set_markersize(4 if steps <= 30 else 0)
        return run.words

    return Board(controls, plots.figure_of(curve), draw)


def _logits_axes() -> tuple[Axes, Axes, Axes]:
    """Lay out the probabilities, the loss over the difference of the logits, and p - y."""
    left, middle, last = plots.new_axes(8.4, 3.1, columns=3)[0]
    left.set(title="p", xlim=(-0.6, 1.6), ylim=(0, 1.3), yticks=[0, 0.5, 1])
    last.set(title="p − y", xlim=(-0.6, 1.6), ylim=(-1.7, 1.7), yticks=[-1, 0, 1])
    for ax in (left, last):
        ax.set_xticks([0, 1], ["class 0", "class 1"])
    last.axhline(0, color="black", linewidth=1)
    margins = np.linspace(-2 * REACH, 2 * REACH, 97)
    middle.plot(margins, [cross_entropy([0.0, margin], 1) for margin in margins])
    middle.set(xlim=(-12.6, 12.6), ylim=(-0.7, 13), xticks=range(-12, 13, 6), yticks=range(0, 13, 3))
    middle.grid(alpha=0.3)
    return left, middle, last


def _training_axes() -> tuple[Axes, Axes]:
    """Lay out the loss and the probabilities over the steps."""
    curve, answers = plots.new_axes(8.4, 3.9, columns=2)[0]
    curve.set_yscale("symlog", linthresh=2, linscale=2)
    ticks = {-1: "−1", 0: "0", 1: "1", 2: "2", 10: "10", 100: "100", 1e3: "10³", 1e4: "10⁴", 1e5: "10⁵", 1e6: "10⁶"}
    curve.set_yticks(list(ticks), list(ticks.values()))
    curve.set_yticks([], minor=True)
    curve.axhline(log(2), color="0.4", linestyle=":", linewidth=1)
    curve.text(0.99, log(2), "ln 2: says ½", ha="right", va="bottom", fontsize=8, transform=curve.get_yaxis_transform())
    curve.set(ylabel="loss L (logarithmic above 2)")
    curve.yaxis.set_label_coords(-0.15, 0.5)  # left of the widest of the numbers, wherever the axis ends
    answers.set(ylabel="probability", ylim=(-0.05, 1.05))
    for ax in (curve, answers):
        ax.set_xlabel("step")
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.grid(alpha=0.3)
    return curve, answers


def _minus(text: str) -> str:
    """Write a number's minus as one."""
    return text.replace("-", "−").replace("e−0", "e−").replace("e+0", "e+")


def _one(value: float) -> str:
    """Write a logit; what a slider calls −1e−17 is 0."""
    return _minus(f"{round(value, 1) + 0.0:.1f}")


def _two(value: float, sign: str = "") -> str:
    """Write a number with two decimals, or with one digit where those would be 0."""
    if value == 0:
        return "0"
    return _minus(f"{value:{sign}.2f}" if abs(value) >= 0.005 else f"{value:{sign}.0e}")


def _plain(value: float) -> str:
    """Write a loss with four decimals, or with three digits where it is large or small."""
    if value == 0:
        return "0"
    return _minus(f"{value:.4f}" if 0.001 <= abs(value) < 10 else f"{value:.3g}")


def _rate(value: float) -> str:
    """Write a learning rate with two digits or more."""
    return f"{value:.{max(0, 1 - floor(log10(value) + 1e-9))}f}"
