"""Draw docs/testing.png: every backward held against central differences, as it is and with a slip planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np

import cnnlab
from cnnlab import losses
from cnnlab.course import plots
from cnnlab.gradient_check import check_gradient
from cnnlab.linear import linear, linear_backward

rng = np.random.default_rng(0)
x, weight = rng.normal(size=(2, 2, 6, 6)), rng.normal(size=(3, 2, 3, 3))
features, dense = rng.normal(size=(4, 5)), rng.normal(size=(3, 5))
labels, targets = np.array([0, 2, 1, 1]), rng.random((4, 5))


def error(forward: Callable[[Any], Any], at: np.ndarray, backward: Callable[[np.ndarray], Any]) -> float:
    """Return the relative error of a backward, for a loss that weighs every output differently."""
    weights = np.random.default_rng(1).normal(size=np.shape(forward(at)))
    return check_gradient(lambda v: (weights * forward(v)).sum(), at, backward(weights)).max_relative_error


def conv(dy: np.ndarray) -> Any:
    return cnnlab.conv2d_backward(dy, x, weight)


# Operation, forward, where, its backward, the slip, the backward with the slip.
ROWS: list[tuple[str, Any, np.ndarray, Any, str, Any]] = [
    ("conv2d, ∂L/∂weight", lambda w: cnnlab.conv2d(x, w), weight, lambda dy: conv(dy).weight,
     "turned by 180°", lambda dy: conv(dy).weight[..., ::-1, ::-1]),
    ("conv2d, ∂L/∂x", lambda v: cnnlab.conv2d(v, weight), x, lambda dy: conv(dy).x,
     "kernel not turned", lambda dy: cnnlab.conv2d_backward(dy, x, weight[..., ::-1, ::-1]).x),
    ("max_pool2d", cnnlab.max_pool2d, x, lambda dy: cnnlab.max_pool2d_backward(dy, x),
     "to all four cells", lambda dy: dy.repeat(2, axis=2).repeat(2, axis=3)),
    ("relu", cnnlab.relu, x, lambda dy: cnnlab.relu_backward(dy, x), "left out", lambda dy: dy),
    ("sigmoid", cnnlab.sigmoid, features, lambda dy: cnnlab.sigmoid_backward(dy, cnnlab.sigmoid(features)),
     "σ′ of the result", lambda dy: cnnlab.sigmoid_backward(dy, cnnlab.sigmoid(cnnlab.sigmoid(features)))),
    ("linear, ∂L/∂weight", lambda w: linear(features, w), dense, lambda dy: linear_backward(dy, features, dense).weight,
     "averages, then multiplies", lambda dy: np.outer(dy.sum(axis=0), features.mean(axis=0))),
    ("standardize", cnnlab.standardize, features, lambda dy: cnnlab.standardize_backward(dy, features),
     "mean and deviation as constants", lambda dy: dy / features.std(axis=0)),
    ("cross_entropy", lambda z: losses.cross_entropy(z, labels), dense[:, :3].repeat(2, 0)[:4],
     lambda dy: dy * losses.cross_entropy_backward(dense[:, :3].repeat(2, 0)[:4], labels),
     "sum, not mean", lambda dy: 4 * dy * losses.cross_entropy_backward(dense[:, :3].repeat(2, 0)[:4], labels)),
    ("mse_loss", lambda y: losses.mse_loss(y, targets), features,
     lambda dy: dy * losses.mse_loss_backward(features, targets),
     "without the 2", lambda dy: dy * losses.mse_loss_backward(features, targets) / 2),
]  # fmt: skip


def main() -> None:
    ax = plots.new_axes(8.4, 3.6)
    for row, (_, forward, at, backward, slip, wrong) in enumerate(ROWS):
        right_error, wrong_error = error(forward, at, backward), error(forward, at, wrong)
        ax.plot(right_error, row, "o", color="C0", label="as it is" if row == 0 else None)
        ax.plot(wrong_error, row, "X", color="C2", markersize=8, label="with a slip planted" if row == 0 else None)
        ax.text(wrong_error * 2.5, row, slip, va="center", fontsize=9)
        print(f"{ROWS[row][0]:20} {right_error:.1e}   {slip}: {wrong_error:.2g}")
    ax.axvline(1e-6, color="black", linestyle="--", linewidth=1)
    ax.set(xscale="log", xlim=(1e-11, 1e6), ylim=(len(ROWS) - 0.5, -0.5), yticks=range(len(ROWS)))
    ax.set_yticklabels([name for name, *_ in ROWS])
    ax.set_xlabel("relative error against central differences; what passes lies left of the line")
    ax.legend(loc="center", bbox_to_anchor=(0.44, 0.5))
    Path(__file__).parents[1].joinpath("docs", "testing.png").write_bytes(plots.png(ax))


if __name__ == "__main__":
    main()
