"""Notebook 3: the learning rate on one image, and the backward pass one step at a time."""

from __future__ import annotations

from functools import lru_cache
from typing import Iterable, NamedTuple

import ipywidgets
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from cnnlab import plots
from cnnlab.activations import relu_backward, sigmoid_backward
from cnnlab.convolution import conv2d_backward, unfold, zero_pad
from cnnlab.linear import linear_backward
from cnnlab.losses import half_squared_error_backward
from cnnlab.networks import SingleFilterCNN
from cnnlab.pooling import max_pool2d_backward
from cnnlab.training import sgd_step
from cnnlab.widgets._board import Board, slider

# ---------------------------------------------------------------------------------------------------------------
# Fifty steps on one image

STEPS = 50
TINY = 1e-8  # what a gradient is called when nothing moves any more
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
    """
    axes = plots.new_axes(8.4, 4.6, rows=2, columns=2)
    (curve, first), (decay, second) = axes
    run = training_run(learning_rate)
    steps = np.arange(STEPS)
    (predictions,) = curve.plot(steps, run.predictions, marker="o", markersize=3)
    (sizes,) = decay.plot(steps, np.maximum(run.kernel_gradients, FLOOR), marker="s", markersize=3, linestyle="--")
    curve.set(ylim=(-0.03, 0.65), ylabel="prediction ŷ")
    decay.set(yscale="log", ylim=(FLOOR / 5, 50), xlabel="step", ylabel="largest |∂L/∂K|")
    decay.set_yticks([FLOOR, 1e-15, 1e-10, 1e-5, 1], ["0", "1e−15", "1e−10", "1e−5", "1"])
    decay.minorticks_off()
    for ax in (curve, decay):
        ax.set_xlim(-1, STEPS)
        ax.grid(alpha=0.3)
    plots.image(100 * run.before, first, title="100 · K before", signed=True, limits=(-4, 4), numbers=False)
    plots.image(100 * run.after, second, title="100 · K after", signed=True, limits=(-4, 4), numbers=False)
    letters = {ax: Lettering(ax, 0.0265) for ax in (first, second)}
    letters[first].write(_numbered(100 * run.before, 1, 4))

    def draw(learning_rate: float) -> str:
        run = training_run(learning_rate)
        predictions.set_ydata(run.predictions)
        sizes.set_ydata(np.maximum(run.kernel_gradients, FLOOR))
        second.images[0].set_data(100 * run.after)
        letters[second].write(_numbered(100 * run.after, 1, 4))
        return run.words

    control = slider(
        ipywidgets.FloatLogSlider, "learning rate η", learning_rate, -5, -1, 0.1, base=10, readout_format=".2g"
    )
    return Board({"learning_rate": control}, plots.figure_of(curve), draw)


def _numbered(values: np.ndarray, decimals: int, limit: float) -> list[Letters]:
    return [
        Letters(column, row, _number(value, decimals), 8, ink=_ink(value, limit))
        for (row, column), value in np.ndenumerate(values)
    ]


# ---------------------------------------------------------------------------------------------------------------
# The backward pass, step by step: what is computed

# Small enough to read every number. The upper right block of C is negative throughout: it is dead.
IMAGE = np.array([[3.0, 1, 0, 0], [1, 1, 0, 1], [0, 1, 0, 2], [3, 0, 0, 0]])
KERNEL = np.array([[2.0, 1, 0], [-1, 2, -1], [0, -1, -1]])
NETWORK = SingleFilterCNN(
    {
        "conv_weight": KERNEL[None, None],
        "conv_bias": [-1.0],
        "dense_weight": [[1.0, 2, -1.5, 0.4]],
        "dense_bias": [0.25],
    }
)
TARGET = 1

BLOCKS = [(0, 0), (0, 1), (1, 0), (1, 1)]
CELLS = [(i, j) for i in range(4) for j in range(4)]
FIRST_BLOCK, RELU, FIRST_WINDOW, LAST = 6, 10, 11, 27  # numbers of steps

NOTHING = float("nan")


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
    uses: tuple[Box, ...]  # what the step reads
    makes: tuple[Box, ...]  # what it computes
    arrows: tuple[tuple[Box, Box], ...]  # which cell goes where
    crossed: tuple[tuple[int, int], ...]  # cells of E that ReLU has masked
    gap: int  # between which two maps of the chain it works, counted from the image; -1 for the forward pass
    words: str


class Passes(NamedTuple):
    """The whole forward and backward pass of the small network."""

    forward: dict[str, np.ndarray]
    backward: dict[str, np.ndarray]


@lru_cache(maxsize=1)
def _passes() -> Passes:
    """Run the network once, and its backward pass function by function."""
    record = NETWORK.forward(IMAGE)
    weight, bias = NETWORK.parameters["dense_weight"], NETWORK.parameters["dense_bias"]
    forward = {
        "I": zero_pad(IMAGE, 1),
        "C": record.conv[0, 0],
        "R": record.relu[0, 0],
        "P": record.pool[0, 0],
        "f": record.features.T,
        "z": record.logit[None],
        "ŷ": record.prediction[None],
        "L": np.array([[NETWORK.loss(record, TARGET)]]),
        "K": KERNEL,
        "b": NETWORK.parameters["conv_bias"][None],
        "w": weight,
        "d": bias[None],
    }
    d_prediction = half_squared_error_backward(record.prediction, [TARGET])
    d_score = sigmoid_backward(d_prediction, record.prediction)
    dense = linear_backward(d_score[:, None], record.features, weight)
    d_pool = dense.x.reshape(2, 2)
    d_relu = max_pool2d_backward(d_pool, forward["R"])
    error = relu_backward(d_relu, forward["C"])
    conv = conv2d_backward(error, IMAGE, KERNEL, padding="same")
    backward = {
        "∂L/∂L": np.ones((1, 1)),
        "∂L/∂ŷ": d_prediction[None],
        "∂L/∂z": d_score[None],
        "∂L/∂w": dense.weight,
        "∂L/∂d": dense.bias[None],
        "∂L/∂f": dense.x.T,
        "∂L/∂P": d_pool,
        "∂L/∂R": d_relu,
        "E": error,
        "∂L/∂K": conv.weight,
        "∂L/∂b": np.array([[conv.bias]]),
    }
    return Passes(forward, backward)


def backprop_stage(step: int) -> BackpropStage:
    """Compute one step of the backward pass through a small `SingleFilterCNN`.

    Parameters
    ----------
    step : int
        0 is the forward pass, 1 to 10 lead from the loss to the error map, 11 to 26 through its 16 cells, one
        window of the image each, and 27 is the result.

    Returns
    -------
    BackpropStage
    """
    forward, backward = _passes()
    arrays = {name: values.copy() for name, values in forward.items()}
    arrays |= {name: np.full(values.shape, NOTHING) for name, values in backward.items()}
    arrays |= {"window": np.full((3, 3), NOTHING), "E_ij": np.full((1, 1), NOTHING), "product": np.full((3, 3), NOTHING)}
    for name, since in (("∂L/∂L", 1), ("∂L/∂ŷ", 1), ("∂L/∂z", 2), ("∂L/∂w", 3), ("∂L/∂d", 3), ("∂L/∂f", 4)):
        if step >= since:
            arrays[name] = backward[name]
    if step >= 5:
        arrays["∂L/∂P"] = backward["∂L/∂P"]
    for k, l in BLOCKS[: max(0, step - FIRST_BLOCK + 1)]:
        arrays["∂L/∂R"][2 * k : 2 * k + 2, 2 * l : 2 * l + 2] = _alone(backward["∂L/∂P"], k, l)
    crossed: tuple[tuple[int, int], ...] = ()
    if step >= RELU:
        arrays["E"] = backward["E"]
        crossed = tuple((int(i), int(j)) for i, j in np.argwhere(forward["C"] <= 0))
        arrays["∂L/∂K"] = arrays["∂L/∂b"] = np.zeros(0)  # follows below
    part = _kernel_part(step) if step >= RELU else {}
    arrays |= part
    name, formula, filled, source, uses, makes, arrows, gap = _story(step, arrays)
    words = f"Step {step} of {LAST}, {name}: {filled}\n{source}"
    return BackpropStage(name, formula, filled, source, arrays, uses, makes, arrows, crossed, gap, words)


def _alone(d_pool: np.ndarray, k: int, l: int) -> np.ndarray:
    """Carry the gradient of one block back alone; return that block of ∂L/∂R."""
    only = np.zeros((2, 2))
    only[k, l] = d_pool[k, l]
    return max_pool2d_backward(only, _passes().forward["R"])[2 * k : 2 * k + 2, 2 * l : 2 * l + 2]
