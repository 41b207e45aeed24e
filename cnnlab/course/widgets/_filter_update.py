"""Notebook 1: learning rate and steps of the 2×2 filter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from cnnlab.convolution import unfold
from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets._board import Board, slider
from cnnlab.networks import FilterRegression
from cnnlab.training import gradient_descent

IMAGE = np.array([[1.0, 2, 1], [0, 1, 2], [2, 1, 0]])
TARGET = np.array([[1.0, 2], [2, 1]])
START = np.random.RandomState(42).rand(2, 2)

# The loss is a bowl; its axes are the eigenvectors of the second derivative.
COLUMNS = unfold(IMAGE, 2)
EIGENVALUES, AXES = np.linalg.eigh(COLUMNS @ COLUMNS.T / 2)
STEEPEST_TWO = AXES[:, [2, 3]]
OPTIMUM = np.linalg.solve(COLUMNS.T, TARGET.reshape(4))
LARGEST_RATE = 2 / EIGENVALUES[-1]  # learning rates above it diverge


class FilterRun(NamedTuple):
    """What one run of gradient descent did."""

    losses: np.ndarray  # (steps,) or fewer, if it diverged
    path: np.ndarray  # (steps, 2) the filter along the second steepest and the steepest axis
    verdict: str  # converges, crawls, oscillates or diverges
    words: str


def filter_run(learning_rate: float, steps: int) -> FilterRun:
    """Train the filter from its usual start."""
    network = FilterRegression({"conv_weight": START[None, None]})
    filters: list[np.ndarray] = []

    def keep_filter(step: int, loss: float) -> None:
        filters.append(network.parameters["conv_weight"].reshape(4).copy())

    history = gradient_descent(network, IMAGE, TARGET, learning_rate=learning_rate, steps=steps, on_step=keep_filter)
    path = (np.array(filters) - OPTIMUM) @ STEEPEST_TWO
    flattest, steepest = 1 - learning_rate * EIGENVALUES[[0, -1]]
    if steepest < -1:
        verdict = "diverges"
        detail = f"each step makes the error along the steepest axis {-steepest:.3f} times as large"
    elif steepest < -0.5:
        verdict = "oscillates"
        detail = f"each step turns the error along the steepest axis round and keeps {-100 * steepest:.0f} % of it"
    elif flattest > 0.99:
        verdict = "crawls"
        detail = f"each step takes off only {100 * (1 - flattest):.2f} % of the error along the flattest axis"
    else:
        verdict = "converges"
        detail = f"each step keeps {100 * flattest:.1f} % of the error along the flattest axis"
    words = (
        f"learning rate {learning_rate:.3f}: loss {history.loss[0]:.3g} → {history.loss[-1]:.3g} "
        f"in {steps} step{'s'[: steps > 1]}, {verdict}\n{detail}; the limit is {LARGEST_RATE:.5f}"
    )
    return FilterRun(history.loss, path, verdict, words)


@style.course_style()
def filter_update(learning_rate: float = 0.1, steps: int = 10) -> Board:
    """Show what the learning rate and the number of steps do to the 2×2 filter of notebook 1.

    Parameters
    ----------
    learning_rate : float
        Where the first slider stands, from 0.005 to 0.25.
    steps : int
        Where the second slider stands, from 1 to 100.

    Raises
    ------
    TypeError, ValueError
        If a slider cannot stand there.
    """
    controls = {
        "learning_rate": slider(
            "learning_rate", learning_rate, "learning rate η", 0.005, 0.25, 0.005, readout_format=".3f"
        ),
        "steps": slider("steps", steps, "steps", 1, 100),
    }
    curve, bowl, ruler = _axes()
    (line,) = curve.plot([], [], marker="o", markersize=4)
    (path,) = bowl.plot([], [], marker="o", markersize=3.5, linewidth=1.2, color=style.RED)
    (mark,) = ruler.plot([], [], marker="v", markersize=11, color=style.RED)

    def draw(learning_rate: float, steps: int) -> str:
        run = filter_run(learning_rate, steps)
        line.set_data(np.arange(len(run.losses)), run.losses)
        line.set_marker("o" if steps <= 30 else "")
        curve.set_xlim(-0.04 * steps - 0.1, 1.04 * steps + 0.1)
        path.set_data(run.path.T)
        mark.set_data([learning_rate], [0.5])
        return run.words

    return Board(controls, plots.figure_of(curve), draw)


def _axes() -> tuple[Axes, Axes, Axes]:
    """Lay out the loss curve, the bowl from above, and the ruler of learning rates under them."""
    axes = plots.new_axes(8.4, 4.2, rows=2, columns=2, height_ratios=(8, 1))
    curve, bowl = axes[0]
    axes[1, 1].remove()
    ruler = axes[1, 0]
    ruler.set_subplotspec(ruler.get_gridspec()[1, :])
    curve.set(yscale="log", ylim=(1e-8, 1e5), xlabel="step", ylabel="loss L")
    curve.xaxis.get_major_locator().set_params(integer=True)
    curve.grid(**style.GRID)
    second, first = np.linspace(-1, 1, 61), np.linspace(-1.5, 1.5, 61)
    surface = (EIGENVALUES[2] * second**2 + EIGENVALUES[3] * first[:, None] ** 2) / 2
    plots.loss_surface(second, first, surface, bowl, xlabel="second steepest axis", ylabel="steepest axis")
    bowl.set_xticks([-1, -0.5, 0, 0.5, 1])
    bowl.plot(*((START.reshape(4) - OPTIMUM) @ STEEPEST_TWO), marker="s", markersize=9, color=style.RED)
    ruler.set(xlim=(0, 0.255), ylim=(0, 1), yticks=[], xlabel="learning rate η")
    ruler.axvspan(LARGEST_RATE, 0.255, color=style.RED, alpha=0.15, hatch="//")
    ruler.axvline(LARGEST_RATE, color="black")
    words = f"diverges above {LARGEST_RATE:.5f}"
    ruler.text(LARGEST_RATE + 0.001, 0.5, words, va="center", fontsize=style.LETTERS)
    return curve, bowl, ruler
