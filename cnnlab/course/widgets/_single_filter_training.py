"""Notebook 3: what the learning rate does to fifty steps on one image."""

from __future__ import annotations

from typing import Iterator, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets._board import Board, learning_rate_slider
from cnnlab.course.widgets._lettering import Text, lettering_over, points_at
from cnnlab.networks import SingleFilterCNN
from cnnlab.training import sgd_step

STEPS = 50
VANISHED = 1e-6  # a gradient below it moves nothing any more
ZERO_AT = 1e-20  # where a gradient of 0 stands on the logarithmic axis
KERNEL_LIMIT = 4.0  # of the colours of 100 · K


class TrainingRun(NamedTuple):
    """What fifty steps on the noise image did."""

    predictions: np.ndarray  # (51,) ŷ before each update and after the last
    kernel_gradients: np.ndarray  # (51,) the largest |∂L/∂K_uv|, likewise
    before: np.ndarray  # (5, 5) kernel
    after: np.ndarray  # (5, 5)
    dead: int  # blocks without a positive cell after the last update, of 256
    verdict: str  # crawls, learns, saturates or dies
    words: str


def training_run(learning_rate: float) -> TrainingRun:
    """Train notebook 3's network for 50 steps on its image of noise, with target 0."""
    rng = np.random.default_rng(9)
    image = rng.integers(1, 255, (32, 32))
    network = SingleFilterCNN.initialize(rng)
    before = network.parameters["conv_weight"][0, 0].copy()
    predictions, largest, died_at = np.empty(STEPS + 1), np.empty(STEPS + 1), STEPS
    for step in range(STEPS + 1):
        record = network.forward(image)
        gradients = network.backward(record, 0)
        predictions[step] = record.prediction[0]
        largest[step] = np.abs(gradients["conv_weight"]).max()
        if not record.features.any():
            died_at = min(died_at, step)
        if step < STEPS:
            sgd_step(network.parameters, gradients, learning_rate)
    dead = int((record.features == 0).sum())
    first, last = predictions[0], predictions[-1]
    if dead == 256:
        verdict = "dies"
        detail = f"all 256 blocks are dead after step {died_at}: no gradient reaches K, b or w, only d still moves"
    elif largest[-1] < VANISHED:
        verdict = "saturates"
        detail = (
            f"ŷ (1 − ŷ) is nearly 0, and so is every gradient: ∂L/∂K fell from {largest[0]:.2g} to {largest[-1]:.0e}"
        )
    elif last > first / 2:
        verdict = "crawls"
        detail = f"{100 * last / first:.0f} % of ŷ is left, and ∂L/∂K is still large, up to {largest[-1]:.2g}"
    else:
        verdict = "learns"
        detail = (
            f"the smaller ŷ, the smaller the steps: the largest ∂L/∂K fell from {largest[0]:.2g} to {largest[-1]:.2g}"
        )
    end = f"{last:.4f}" if last >= 0.001 else f"{last:.1e}"
    rate = np.format_float_positional(learning_rate, 2, fractional=False, trim="-")
    words = f"learning rate {rate}: ŷ {first:.4f} → {end} in {STEPS} steps, {verdict}\n{detail}"
    after = network.parameters["conv_weight"][0, 0]
    return TrainingRun(predictions, largest, before, after, dead, verdict, words)


@style.course_style()
def single_filter_training(learning_rate: float = 0.001) -> Board:
    """Show what the learning rate does to notebook 3's network and its one image.

    Parameters
    ----------
    learning_rate : float
        Where the slider stands, from 0.00001 to 0.1.

    Raises
    ------
    TypeError, ValueError
        If a slider cannot stand there.
    """
    control = learning_rate_slider(learning_rate, -5, -1, 0.1, readout_format=".2g")
    axes = plots.new_axes(6.3, 4.6, rows=2, columns=2)
    (curve, first), (decay, second) = axes
    curve.get_gridspec().set_width_ratios((5, 3))
    run = training_run(control.value)
    (predictions,) = curve.plot(run.predictions, marker="o", markersize=3)
    (largest,) = decay.plot(np.maximum(run.kernel_gradients, ZERO_AT), marker="s", markersize=3, linestyle="--")
    curve.set(ylim=(-0.03, 0.65), ylabel="prediction ŷ")
    decay.set(yscale="log", ylim=(ZERO_AT / 9, 99), xlabel="step", ylabel="largest |∂L/∂K|")
    decay.set_yticks([ZERO_AT, 1e-15, 1e-10, 1e-5, 1], ["0", "1e−15", "1e−10", "1e−5", "1"])
    decay.minorticks_off()
    for ax in (curve, decay):
        ax.set_xlim(-1, STEPS + 1)
        ax.grid(**style.GRID)
    limits = -KERNEL_LIMIT, KERNEL_LIMIT
    plots.image(100 * run.before, first, title="100 · K before", signed=True, limits=limits, numbers=False)
    plots.image(100 * run.after, second, title="100 · K after", signed=True, limits=limits, numbers=False)
    for ax in (first, second):
        ax.images[0].set_zorder(3.5)  # above all that stays, which then need not be drawn again
    lettering = lettering_over(plots.figure_of(curve), ["black", "white"])

    def draw(learning_rate: float) -> str:
        run = training_run(learning_rate)
        predictions.set_ydata(run.predictions)
        largest.set_ydata(np.maximum(run.kernel_gradients, ZERO_AT))
        second.images[0].set_data(100 * run.after)
        lettering.write([*_numbers(first, 100 * run.before), *_numbers(second, 100 * run.after)])
        return run.words

    return Board({"learning_rate": control}, plots.figure_of(curve), draw)


def _numbers(ax: Axes, values: np.ndarray) -> Iterator[Text]:
    for (i, j), value in np.ndenumerate(values):
        # Two digits each, as large learning rates make large weights.
        number = style.number(value, ".1f" if abs(value) < 9.95 else ".0f", zero="0")
        yield Text(*points_at(ax, j, i), number, style.LETTERS, style.ink_on_signed(value / KERNEL_LIMIT))
