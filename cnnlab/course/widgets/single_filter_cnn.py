"""Notebook 3: the learning rate on one image, and the backward pass one step at a time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Iterable, NamedTuple

import ipywidgets
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from cnnlab.activations import relu_backward, sigmoid_backward
from cnnlab.convolution import conv2d_backward, unfold, zero_pad
from cnnlab.course import plots
from cnnlab.course.widgets._board import Board, slider
from cnnlab.course.widgets._lettering import Lettering, Letters, outline
from cnnlab.linear import linear_backward
from cnnlab.losses import half_squared_error_backward
from cnnlab.networks import SingleFilterCNN
from cnnlab.pooling import max_pool2d_backward
from cnnlab.training import sgd_step

# ---------------------------------------------------------------------------------------------------------------
# Fifty steps on one image

STEPS = 50
TINY = 1e-6  # what a gradient is called when nothing moves any more
FLOOR = 1e-20  # where a gradient of 0 stands on the logarithmic axis


class TrainingRun(NamedTuple):
    """What fifty steps on the noise image did."""

    predictions: np.ndarray  # (50,) ŷ before each update
    kernel_gradients: np.ndarray  # (50,) the largest |∂L/∂K_uv| of each step
    before: np.ndarray  # (5, 5) kernel
    after: np.ndarray  # (5, 5)
    dead: int  # blocks without a positive cell after the last update, of 256
    verdict: str  # crawls, learns, saturates or dies
    words: str


def training_run(learning_rate: float) -> TrainingRun:
    """Train notebook 3's network for 50 steps on its image of noise, with target 0.

    Parameters
    ----------
    learning_rate : float
        η.

    Returns
    -------
    TrainingRun
    """
    rng = np.random.default_rng(9)
    image = rng.integers(1, 255, (32, 32))
    network = SingleFilterCNN.initialize(rng)
    before = network.parameters["conv_weight"][0, 0].copy()
    predictions, sizes, killed = np.empty(STEPS), np.empty(STEPS), STEPS
    for step in range(STEPS):
        record = network.forward(image)
        gradients = network.backward(record, 0)
        predictions[step] = record.prediction[0]
        sizes[step] = np.abs(gradients["conv_weight"]).max()
        if not record.features.any():
            killed = min(killed, step)
        sgd_step(network.parameters, gradients, learning_rate)
    dead = int((network.forward(image).features == 0).sum())
    first, last = predictions[0], predictions[-1]
    if dead == 256:
        verdict = "dies"
        detail = f"all 256 blocks are dead after step {killed}: no gradient reaches K, b or w, only d still moves"
    elif sizes[-1] < TINY:
        verdict = "saturates"
        detail = f"ŷ (1 − ŷ) is nearly 0, and so is every gradient: ∂L/∂K fell from {sizes[0]:.2g} to {sizes[-1]:.0e}"
    elif last > first / 2:
        verdict = "crawls"
        detail = f"{100 * last / first:.0f} % of ŷ are left, and ∂L/∂K is still large, up to {sizes[-1]:.2g}"
    else:
        verdict = "learns"
        detail = f"the smaller ŷ, the smaller the steps: the largest ∂L/∂K fell from {sizes[0]:.2g} to {sizes[-1]:.2g}"
    shown = f"{last:.4f}" if last >= 0.001 else f"{last:.1e}"
    words = f"learning rate {learning_rate:.2g}: ŷ {first:.4f} → {shown} in {STEPS} steps, {verdict}\n{detail}"
    after = network.parameters["conv_weight"][0, 0]
    return TrainingRun(predictions, sizes, before, after, dead, verdict, words)


def single_filter_training(learning_rate: float = 0.001) -> Board:
    """Show what the learning rate does to notebook 3's network and its one image.

    Parameters
    ----------
    learning_rate : float
        Where the slider stands, from 0.00001 to 0.1.

    Returns
    -------
    Board

    Raises
    ------
    TypeError, ValueError
        If a slider cannot stand there.
    """
    control = slider(
        ipywidgets.FloatLogSlider,
        "learning_rate",
        "learning rate η",
        learning_rate,
        -5,
        -1,
        0.1,
        base=10,
        readout_format=".2g",
    )
    axes = plots.new_axes(8.4, 4.6, rows=2, columns=2)
    (curve, first), (decay, second) = axes
    curve.get_gridspec().set_width_ratios((5, 3))
    run = training_run(control.value)
    (predictions,) = curve.plot(run.predictions, marker="o", markersize=3)
    (sizes,) = decay.plot(np.maximum(run.kernel_gradients, FLOOR), marker="s", markersize=3, linestyle="--")
    curve.set(ylim=(-0.03, 0.65), ylabel="prediction ŷ")
    decay.set(yscale="log", ylim=(FLOOR / 9, 99), xlabel="step", ylabel="largest |∂L/∂K|")
    decay.set_yticks([FLOOR, 1e-15, 1e-10, 1e-5, 1], ["0", "1e−15", "1e−10", "1e−5", "1"])
    decay.minorticks_off()
    for ax in (curve, decay):
        ax.set_xlim(-1, STEPS)
        ax.grid(alpha=0.3)
    limit = 4.0
    plots.image(100 * run.before, first, title="100 · K before", signed=True, limits=(-limit, limit))
    plots.image(100 * run.after, second, title="100 · K after", signed=True, limits=(-limit, limit))
    _number_kernel(first, 100 * run.before, limit)

    def draw(learning_rate: float) -> str:
        run = training_run(learning_rate)
        predictions.set_ydata(run.predictions)
        sizes.set_ydata(np.maximum(run.kernel_gradients, FLOOR))
        second.images[0].set_data(100 * run.after)
        _number_kernel(second, 100 * run.after, limit)
        return run.words

    return Board({"learning_rate": control}, plots.figure_of(curve), draw)


def _number_kernel(ax: Axes, values: np.ndarray, limit: float) -> None:
    for text, value in zip(ax.texts, values.flat, strict=True):
        # Two digits each, as large learning rates make large weights.
        text.set(text=_number(value, int(abs(value) < 9.95)), color="white" if _is_dark(value / limit) else "black")


def _number(value: float, decimals: int) -> str:
    """Write a number with a true minus sign, and 0 without decimals."""
    text = f"{value:.{decimals}f}"
    return text.replace("-", "−") if float(text) else "0"


def _is_dark(value: float) -> bool:
    """Tell whether a signed colour needs white letters; value is a share of the limit."""
    return abs(value) > 0.62


# ---------------------------------------------------------------------------------------------------------------
# The backward pass, step by step: what is computed

# Small enough to read every number. The upper right block of C is negative throughout: it is dead.
IMAGE = np.array([[3.0, 1, 0, 0], [1, 1, 0, 1], [0, 1, 0, 2], [3, 0, 0, 0]])
KERNEL = np.array([[2.0, 1, 0], [-1, 2, -1], [0, -1, -1]])
PARAMETERS: dict[str, Any] = {
    "conv_weight": KERNEL[None, None],
    "conv_bias": np.array([-1.0]),
    "dense_weight": np.array([[1.0, 2, -1.5, 0.4]]),
    "dense_bias": np.array([0.25]),
}
TARGET = 1
BLOCKS = [(k, l) for k in range(2) for l in range(2)]  # noqa: E741
CELLS = [(i, j) for i in range(4) for j in range(4)]
LAST = 27  # the number of the last step


class Box(NamedTuple):
    """A rectangle of cells of a map."""

    name: str
    row: int = 0
    column: int = 0
    height: int = 1
    width: int = 1


class BackpropStage(NamedTuple):
    """One step of the backward pass."""

    name: str
    formula: str
    filled: str  # the formula with its numbers
    source: str  # where the gradient comes from
    arrays: dict[str, np.ndarray]  # every map by its symbol; NaN where the backward pass has not been yet
    gap: int  # where in the chain it works: 0 between I and C, …, 6 between ŷ and L; -1 in the forward pass
    uses: tuple[Box, ...]  # what it reads
    makes: tuple[Box, ...]  # what it computes
    arrows: tuple[tuple[Box, Box], ...]  # which cell goes where
    crossed: tuple[tuple[int, int], ...]  # the cells of E that ReLU has masked
    stopped: tuple[tuple[int, int], ...]  # those of them where a gradient had arrived

    def words(self, step: int) -> str:
        """Say where the walk has got to, and where the gradient comes from."""
        return f"Step {step} of {LAST}, {self.name}: {self.filled}\n{self.source}"


@lru_cache(maxsize=1)
def backprop_stages() -> tuple[BackpropStage, ...]:
    """Carry the gradient back through a small `SingleFilterCNN`, stage by stage.

    Returns
    -------
    tuple of BackpropStage
        First the forward pass; then ten steps from the loss to the error map; one for each of its 16 cells, with the
        window of the image that the cell looked at; and the result.
    """
    network = SingleFilterCNN(PARAMETERS)
    record = network.forward(IMAGE)
    y_hat, weight = record.prediction, PARAMETERS["dense_weight"]
    features, padded, conv, activated = record.features, zero_pad(IMAGE, 1), record.conv[0, 0], record.relu[0, 0]
    loss = network.loss(record, TARGET)
    arrays = {"I": padded, "C": conv, "R": activated, "P": record.pool[0, 0], "f": features.T}
    arrays |= {"z": record.logit[None], "ŷ": y_hat[None], "L": np.array([[loss]])}
    arrays |= {"K": KERNEL, "b": np.array([[-1.0]]), "w": weight, "d": np.array([[0.25]])}
    for name in LATER:
        arrays[name] = _blank(name)
    stages: list[BackpropStage] = []
    crossed: list[tuple[int, int]] = []
    stopped: list[tuple[int, int]] = []

    def add(
        name: str,
        gap: int,
        formula: str,
        filled: str,
        source: str,
        *,
        uses: Iterable[Box] = (),
        makes: Iterable[Box] = (),
        arrows: Iterable[tuple[Box, Box]] = (),
    ) -> None:
        drawn = (tuple(uses), tuple(makes), tuple(arrows), tuple(crossed), tuple(stopped))
        stages.append(BackpropStage(name, formula, filled, source, dict(arrays), gap, *drawn))

    add(
        "forward",
        -1,
        "I → C → R → P → f → z → ŷ → L",
        f"ŷ = {y_hat[0]:.3f}, the target is y = {TARGET}, the loss is L = {loss:.3f}",
        "Every map of the upper row is known. Now the error goes the other way, from right to left.",
    )

    d_prediction = half_squared_error_backward(y_hat, [TARGET])
    arrays["∂L/∂L"] = np.ones((1, 1))
    arrays["∂L/∂ŷ"] = d_prediction[None]
    error = _number(d_prediction[0], 3)
    add(
        "loss",
        6,
        "∂L/∂ŷ = ŷ − y",
        f"∂L/∂ŷ = {y_hat[0]:.3f} − {TARGET} = {error}",
        "It comes from the loss L = ½ (ŷ − y)². It is negative: a larger ŷ would make the loss smaller.",
        uses=[Box("ŷ"), Box("L")],
        makes=[Box("∂L/∂ŷ")],
        arrows=[(Box("∂L/∂L"), Box("∂L/∂ŷ"))],
    )

    d_score = sigmoid_backward(d_prediction, y_hat)
    arrays["∂L/∂z"] = d_score[None]
    dz = _number(d_score[0], 3)
    add(
        "sigmoid",
        5,
        "∂L/∂z = ∂L/∂ŷ · ŷ (1 − ŷ)",
        f"∂L/∂z = {error} · {y_hat[0]:.3f} · {1 - y_hat[0]:.3f} = {dz}",
        "It comes from ∂L/∂ŷ, times the slope of the sigmoid, which needs only ŷ.",
        uses=[Box("ŷ"), Box("∂L/∂ŷ")],
        makes=[Box("∂L/∂z")],
        arrows=[(Box("∂L/∂ŷ"), Box("∂L/∂z"))],
    )

    dense = linear_backward(d_score[:, None], features, weight)
    arrays["∂L/∂w"], arrays["∂L/∂d"] = dense.weight, dense.bias[None]
    add(
        "dense, its parameters",
        4,
        "∂L/∂wₘ = ∂L/∂z · fₘ        ∂L/∂d = ∂L/∂z",
        f"∂L/∂w = {dz} · {_row(features, 0)} = {_row(dense.weight, 2)}",
        "Each weight gets ∂L/∂z times the feature it met. The dead block's feature is 0: its weight learns nothing.",
        uses=[Box("∂L/∂z"), Box("f", height=4)],
        makes=[Box("∂L/∂w", width=4), Box("∂L/∂d")],
        arrows=[(Box("∂L/∂z"), Box("∂L/∂w", width=4)), (Box("∂L/∂z"), Box("∂L/∂d"))],
    )
    arrays["∂L/∂f"] = dense.x.T
    add(
        "dense, the features",
        4,
        "∂L/∂fₘ = ∂L/∂z · wₘ",
        f"∂L/∂f = {dz} · {_row(weight, 1)} = {_row(dense.x, 2)}",
        "Each feature gets ∂L/∂z times the weight that it met: each factor of a product gets the other one.",
        uses=[Box("∂L/∂z"), Box("w", width=4)],
        makes=[Box("∂L/∂f", height=4)],
        arrows=[(Box("∂L/∂z"), Box("∂L/∂f", height=4))],
    )

    d_pool = dense.x.reshape(2, 2)
    arrays["∂L/∂P"] = d_pool
    add(
        "unflatten",
        3,
        "∂L/∂Pₖₗ = ∂L/∂f₂ₖ₊ₗ",
        f"the four numbers go back to two rows, {_row(d_pool[0], 2)} and {_row(d_pool[1], 2)}",
        "No arithmetic: each number returns to the block that its feature came from.",
        uses=[Box("∂L/∂f", height=4)],
        makes=[Box("∂L/∂P", height=2, width=2)],
        arrows=[(Box("∂L/∂f", m), Box("∂L/∂P", *divmod(m, 2))) for m in range(4)],
    )

    for count, (k, l) in enumerate(BLOCKS, 1):  # noqa: E741
        # The blocks so far: the others' gradients are held back.
        some = np.where(np.arange(4).reshape(2, 2) < count, d_pool, 0)
        d_relu = max_pool2d_backward(some, activated)
        arrays["∂L/∂R"] = np.where(np.arange(4).reshape(2, 2).repeat(2, 0).repeat(2, 1) < count, d_relu, np.nan)
        block = d_relu[2 * k : 2 * k + 2, 2 * l : 2 * l + 2]
        row, column = np.argwhere(block)[0]
        winner = (2 * k + int(row), 2 * l + int(column))
        value = _number(d_pool[k, l], 2)
        if activated[winner] > 0:
            filled = f"block ({k}, {l}) sends {value} to the cell that won, {winner}, where R = {activated[winner]:.0f}"
            source = "The other three cells get 0: a small change of theirs would not have changed P."
        else:
            filled = f"block ({k}, {l}) is dead; four zeros tie, and {value} goes to the first of them, {winner}"
            source = "That is the rule for ties. This number is the largest of the four: will it reach the kernel?"
        add(
            "max pool",
            2,
            "∂L/∂Rᵢⱼ = ∂L/∂Pₖₗ if Rᵢⱼ won block (k, l), else 0",
            filled,
            source,
            uses=[Box("∂L/∂P", k, l), Box("R", 2 * k, 2 * l, 2, 2)],
            makes=[Box("∂L/∂R", *winner)],
            arrows=[(Box("∂L/∂P", k, l), Box("∂L/∂R", *winner))],
        )

    d_conv = relu_backward(d_relu, conv)
    arrays["E"] = d_conv
    crossed += [(i, j) for i, j in CELLS if conv[i, j] <= 0]
    stopped += [(i, j) for i, j in crossed if d_relu[i, j]]
    passed = [(i, j) for i, j in CELLS if d_conv[i, j]]
    add(
        "ReLU",
        1,
        "Eᵢⱼ = ∂L/∂Cᵢⱼ = ∂L/∂Rᵢⱼ if Cᵢⱼ > 0, else 0",
        f"{len(crossed)} of 16 cells are masked; {len(passed)} gradients pass, "
        f"{_number(d_relu[stopped[0]], 2)} at {stopped[0]} is stopped",
        f"Crossed out: where C is not positive. Cell {stopped[0]} won its block, but with C = "
        f"{_number(conv[stopped[0]], 0)} it sends nothing on.",
        uses=[Box(name, *cell) for name in ("C", "∂L/∂R") for cell in stopped + passed],
        makes=[Box("E", height=4, width=4)],
        arrows=[(Box("∂L/∂R", *cell), Box("E", *cell)) for cell in passed],
    )

    windows = unfold(IMAGE, 3, padding="same").T.reshape(4, 4, 3, 3)
    so_far = np.zeros((3, 3))
    for i, j in CELLS:
        product = d_conv[i, j] * windows[i, j]
        so_far = so_far + product
        arrays |= {"window": windows[i, j], "Eᵢⱼ": d_conv[i : i + 1, j : j + 1], "product": product, "∂L/∂K": so_far}
        value = _number(d_conv[i, j], 2)
        if d_conv[i, j]:
            filled = f"cell ({i}, {j}) adds E = {value} times its window of I to ∂L/∂K"
            source = "These are the nine pixels that met the kernel's weights when this cell was computed."
        elif (i, j) in crossed:
            although = ", although it won its block" if (i, j) in stopped else ""
            filled = f"cell ({i}, {j}) adds nothing: E = 0, masked by ReLU{although}"
            source = f"C is {_number(conv[i, j], 0)} there: after a small change of the kernel R is still 0."
        else:
            filled = f"cell ({i}, {j}) adds nothing: E = 0, it lost its block"
            source = f"R is {_number(conv[i, j], 0)} there, but only the largest cell of the block went on to P."
        add(
            "kernel",
            0,
            "∂L/∂K = Σᵢⱼ Eᵢⱼ · (window of I at (i, j))",
            filled,
            source,
            uses=[Box("I", i, j, 3, 3), Box("C", i, j), Box("E", i, j), Box("window", 0, 0, 3, 3), Box("Eᵢⱼ")],
            makes=[Box("product", 0, 0, 3, 3), Box("∂L/∂K", 0, 0, 3, 3)],
            arrows=[(Box("E", i, j), Box("Eᵢⱼ")), (Box("product", 0, 0, 3, 3), Box("∂L/∂K", 0, 0, 3, 3))],
        )

    gradients = conv2d_backward(d_conv, IMAGE, KERNEL, padding="same")
    same = np.allclose(so_far, gradients.weight)
    for name in ("window", "Eᵢⱼ", "product"):
        arrays[name] = _blank(name)
    arrays["∂L/∂K"], arrays["∂L/∂b"] = gradients.weight, np.array([[gradients.bias]])
    terms = " + ".join(_number(d_conv[cell], 2) for cell in passed).replace("+ −", "− ")
    add(
        "done",
        0,
        "∂L/∂K = Σᵢⱼ Eᵢⱼ · (window of I at (i, j))        ∂L/∂b = Σᵢⱼ Eᵢⱼ",
        f"{len(passed)} of 16 windows made ∂L/∂K; ∂L/∂b = {terms} = {_number(float(gradients.bias), 2)}",
        f"The sum is what conv2d_backward returns: {same}. All 15 gradients are known; the parameters can move.",
        uses=[Box("E", *cell) for cell in passed],
        makes=[Box("∂L/∂K", 0, 0, 3, 3), Box("∂L/∂b")],
        arrows=[(Box("E", 0, 0, 4, 4), Box("∂L/∂K", 0, 0, 3, 3)), (Box("E", 0, 0, 4, 4), Box("∂L/∂b"))],
    )
    return tuple(stages)


def _blank(name: str) -> np.ndarray:
    return np.full((PLACES[name].rows, PLACES[name].columns), np.nan)


def _row(values: np.ndarray, decimals: int) -> str:
    return "(" + ", ".join(_number(value, decimals) for value in values.flat) + ")"


# ---------------------------------------------------------------------------------------------------------------
# The backward pass, step by step: what is drawn


class Place(NamedTuple):
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
PLACES = {
    # The forward pass, from left to right.
    "I": Place(8, 48, 20, 112 / 6, 6, 6, "image I, padded", 0, 0),
    "C": Place(146, 48, 32, 28, 4, 4, "C = I ⋆ K + b", 0, 9),
    "R": Place(292, 48, 32, 28, 4, 4, "R = max(0, C)", 0, 9),
    "P": Place(438, 76, 32, 28, 2, 2, "P", 0, 9),
    "f": Place(520, 48, 36, 28, 4, 1, "f", 0, 9),
    "z": Place(576, 90, 42, 28, 1, 1, "z", 3, 0),
    "ŷ": Place(638, 90, 42, 28, 1, 1, "ŷ", 3, 0),
    "L": Place(700, 90, 42, 28, 1, 1, "L", 3, 0),
    # The backward pass, from right to left.
    "∂L/∂L": Place(700, 264, 42, 28, 1, 1, "∂L/∂L", 0, 0),
    "∂L/∂ŷ": Place(638, 264, 42, 28, 1, 1, "∂L/∂ŷ", 3, 0.8),
    "∂L/∂z": Place(576, 264, 42, 28, 1, 1, "∂L/∂z", 3, 0.3),
    "∂L/∂f": Place(520, 222, 36, 28, 4, 1, "∂L/∂f", 2, 0.3),
    "∂L/∂P": Place(438, 250, 32, 28, 2, 2, "∂L/∂P", 2, 0.3),
    "∂L/∂R": Place(292, 222, 32, 28, 4, 4, "∂L/∂R", 2, 0.3),
    "E": Place(146, 222, 32, 28, 4, 4, "E = ∂L/∂C", 2, 0.3),
    "∂L/∂K": Place(8, 236, 40, 28, 3, 3, "∂L/∂K", 2, 0.5),
    # One cell's share in ∂L/∂K.
    "product": Place(8, 372, 40, 28, 3, 3, "Eᵢⱼ · window", 2, 0.5),
    "Eᵢⱼ": Place(158, 400, 40, 28, 1, 1, "Eᵢⱼ", 2, 0.3),
    "window": Place(224, 372, 26, 28, 3, 3, "window of I", 0, 0),
    # Parameters and their gradients.
    "K": Place(346, 372, 26, 28, 3, 3, "K", 0, 4),
    "∂L/∂b": Place(446, 372, 40, 28, 1, 1, "∂L/∂b", 2, 0.5),
    "b": Place(446, 428, 40, 28, 1, 1, "b", 0, 4),
    "∂L/∂w": Place(530, 372, 40, 28, 1, 4, "∂L/∂w", 2, 1),
    "∂L/∂d": Place(702, 372, 40, 28, 1, 1, "∂L/∂d", 2, 1),
    "w": Place(530, 428, 40, 28, 1, 4, "w", 1, 4),
    "d": Place(702, 428, 40, 28, 1, 1, "d", 2, 4),
}
TITLE_BELOW = ("product", "Eᵢⱼ", "window")  # arrows arrive from above
CHAIN = ["I", "C", "R", "P", "f", "z", "ŷ", "L"]
BACK = ["∂L/∂K", "E", "∂L/∂R", "∂L/∂P", "∂L/∂f", "∂L/∂z", "∂L/∂ŷ", "∂L/∂L"]
OPERATIONS = ["convolution", "ReLU", "max pool", "flatten", "dense", "sigmoid", "loss"]
LATER = [*BACK, "product", "Eᵢⱼ", "window", "∂L/∂b", "∂L/∂w", "∂L/∂d"]  # what the forward pass does not know yet
STRIP = 184  # the height at which the operations stand, between the two rows
SIGNED = matplotlib.colormaps["RdBu"]
FADED, INK, QUIET = "0.72", "black", "0.5"
POINT = plots.PIXELS_PER_INCH / 72  # in pixels, which the picture's axes count


def backprop_stepper(step: int = 0) -> Board:
    """Walk through the backward pass of a small network, with every number on view.

    Parameters
    ----------
    step : int
        Where the slider stands, from 0 to 27.

    Returns
    -------
    Board

    Raises
    ------
    TypeError, ValueError
        If a slider cannot stand there.
    """
    control = slider(ipywidgets.IntSlider, "step", "step", step, 0, LAST, 1)
    ax = plots.new_axes(WIDTH / plots.PIXELS_PER_INCH, HEIGHT / plots.PIXELS_PER_INCH)
    ax.figure.set_layout_engine("none")
    ax.set(position=(0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    ax.set_axis_off()
    cells = [(name, i, j) for name, place in PLACES.items() for i in range(place.rows) for j in range(place.columns)]
    tiles = PolyCollection([_corners(Box(*cell)) for cell in cells], linewidths=0.8)
    crosses = LineCollection([])
    uses = LineCollection([], colors="black", linewidths=1.6, linestyles=(0, (3, 1.5)))
    makes = LineCollection([], colors=plots.RED, linewidths=2.4)
    for collection in (tiles, crosses, uses, makes):
        ax.add_collection(collection, autolim=False)
    pill = FancyBboxPatch((0, 0), 1, 1, boxstyle="round,pad=0,rounding_size=9", facecolor=plots.RED, linewidth=0)
    ax.add_patch(pill)
    arrows = [
        FancyArrowPatch((0, 0), (1, 1), arrowstyle="-|>", mutation_scale=11, color=plots.RED, linewidth=1.6, zorder=5)
        for _ in range(4)
    ]
    for arrow in arrows:
        ax.add_patch(arrow)
    lettering = Lettering(ax, [INK, "white", QUIET, FADED, plots.RED], POINT)

    def draw(step: int) -> str:
        stage = backprop_stages()[step]
        faces, edges = zip(*(_colours(stage, name, i, j) for name, i, j in cells), strict=True)
        tiles.set(facecolors=faces, edgecolors=edges)
        crosses.set_segments([line for cell in stage.crossed for line in _cross(Box("E", *cell))])
        crosses.set_color([plots.RED if cell in stage.stopped else QUIET for cell in stage.crossed for _ in range(2)])
        crosses.set_linewidth([2.4 if cell in stage.stopped else 1 for cell in stage.crossed for _ in range(2)])
        uses.set_segments([_corners(box, closed=True) for box in stage.uses])
        makes.set_segments([_corners(box, closed=True) for box in stage.makes])
        for arrow, ends in zip(arrows, [*stage.arrows, *[None] * 4], strict=False):
            arrow.set_visible(ends is not None)
            if ends is not None:
                arrow.set_positions(*_ends(*ends))
        pill.set_visible(stage.gap >= 0)
        if stage.gap >= 0:
            half = outline(OPERATIONS[stage.gap], bold=True)[2] / 2 * 8 * POINT + 8
            pill.set_bounds(_middle(stage.gap) - half, STRIP - 9, 2 * half, 18)
        lettering.write(_letters(stage))
        return stage.words(step)

    return Board({"step": control}, plots.figure_of(ax), draw)


def _corners(box: Box, closed: bool = False) -> list[tuple[float, float]]:
    """Find the corners of some cells on the page."""
    place = PLACES[box.name]
    left, top = place.x + box.column * place.width, place.y + box.row * place.height
    right, bottom = left + box.width * place.width, top + box.height * place.height
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return [*corners, corners[0]] if closed else corners


def _cross(box: Box) -> list[list[tuple[float, float]]]:
    (left, top), _, (right, bottom), _ = _corners(box)
    return [[(left, top), (right, bottom)], [(left, bottom), (right, top)]]


def _ends(start: Box, end: Box) -> tuple[tuple[float, float], tuple[float, float]]:
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
    return (PLACES[start.name].x, down), (_corners(target)[1][0], down2)


def _whole(name: str) -> Box:
    return Box(name, 0, 0, PLACES[name].rows, PLACES[name].columns)


def _middle(gap: int) -> float:
    """Find the middle between two neighbours of the chain."""
    left, right = PLACES[CHAIN[gap]], PLACES[CHAIN[gap + 1]]
    return (left.x + left.columns * left.width + right.x) / 2


def _is_padding(stage: BackpropStage, name: str, i: int, j: int) -> bool:
    """Tell whether a cell of the image, or of the window on it, lies outside the image proper."""
    if name == "window":
        top, left = next(((box.row, box.column) for box in stage.uses if box.name == "I"), (1, 1))
        return _is_padding(stage, "I", top + i, left + j)
    return name == "I" and (i in (0, 5) or j in (0, 5))


def _colours(stage: BackpropStage, name: str, i: int, j: int) -> tuple[Any, Any]:
    """Choose a cell's colour and its edge's."""
    value, limit = stage.arrays[name][i, j], PLACES[name].limit
    if np.isnan(value):
        return "white", "0.9"
    if name in ("I", "window"):
        return ("white", "0.88") if _is_padding(stage, name, i, j) else (str(0.52 + 0.16 * value), "0.7")
    if not limit:
        return "white", "0.6"
    return SIGNED(0.5 + value / limit / 2), "0.7"


def _letters(stage: BackpropStage) -> list[Letters]:
    """Write out one step: formula, titles, operations, and the number of every cell."""
    letters = [
        Letters(8, 14, stage.formula, 12, align="left", bold=True),
        Letters(8, STRIP - 9, "forward →", 8, QUIET, "left"),
        Letters(8, STRIP + 9, "← backward", 8, QUIET, "left"),
    ]
    for gap, operation in enumerate(OPERATIONS):
        middle, here = _middle(gap), gap == stage.gap
        reached = not np.isnan(stage.arrays[BACK[gap]]).all()
        ink = "white" if here else INK
        letters.append(Letters(middle, STRIP, operation, 8, ink, bold=here))
        letters.append(Letters(middle, 104, "→", 11, QUIET))
        if not here:
            letters.append(Letters(middle, 278, "←", 11, INK if reached else FADED))
    made = {box.name for box in stage.makes}
    for name, place in PLACES.items():
        values = stage.arrays[name]
        known = not np.isnan(values).all()
        ink = plots.RED if name in made else INK if known else FADED
        middle = place.x + place.columns * place.width / 2
        above = place.y + place.rows * place.height + 12 if name in TITLE_BELOW else place.y - 10
        letters.append(Letters(middle, above, place.title, 9, ink, bold=name in made))
        for (i, j), value in np.ndenumerate(values):
            if np.isnan(value) or (name == "E" and (i, j) in stage.crossed):
                continue
            text = _number(value, place.decimals)
            if _is_padding(stage, name, i, j) or (text == "0" and name in ("∂L/∂R", "E", "product")):
                ink = QUIET
            else:
                ink = "white" if place.limit and _is_dark(value / place.limit) else INK
            x, y = place.x + (j + 0.5) * place.width, place.y + (i + 0.5) * place.height
            letters.append(Letters(x, y, text, 8 if len(text) < 5 or place.width > 36 else 7.2, ink))
    ink = FADED if np.isnan(stage.arrays["product"]).any() else INK
    letters += [Letters(143, 414, "=", 12, ink), Letters(211, 414, "·", 14, ink, bold=True)]
    if np.nan_to_num(stage.arrays["product"]).any():
        letters.append(Letters(82, 346, "+", 12, plots.RED, bold=True))
    for i, _ in stage.stopped:
        letters.append(Letters(283, PLACES["∂L/∂R"].y + (i + 0.5) * 28, "×", 14, plots.RED, bold=True))
    return letters
