"""Notebook 4: one digit on its way to the answer."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from cnnlab.activations import sigmoid
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets import _digits
from cnnlab.course.widgets._board import Board, axes_at, choice, figure_without_layout, slider
from cnnlab.course.widgets._digits import Examples
from cnnlab.course.widgets._lettering import Text, lettering_over, points_at
from cnnlab.networks import BinaryCNN
from cnnlab.training import gradient_descent

QUICK_STEPS = 800  # of the network that is trained where none is given
SHOWN = 100  # held-out pictures to pick from
LARGEST_NUMBER = 100_000  # of a network's, for which there is room
ABOVE, BELOW = 0.27, 0.32  # the room for titles above all axes and for letters below them, in inches
BEHIND, IN_FRONT = -1, 5  # of all else in its axes: what never changes, and what does, so that nothing else is redrawn


class DigitStages(NamedTuple):
    """One digit on its way through the network."""

    conv: np.ndarray  # (F, H', W') the maps C
    sigmoid: np.ndarray  # (F, H', W') the maps A
    parts: np.ndarray  # (F, H', W') each feature times its weight
    sums: np.ndarray  # (F,) each map's parts, added up
    bias: float  # d
    score: float  # z, the sums and the bias
    prediction: float  # ŷ
    words: str


def stages_of_digit(network: BinaryCNN, held_out: Examples, number: int) -> DigitStages:
    """Send a held-out digit through a network for images of 28×28, not standardised, and keep every stage."""
    stages = network.forward(held_out.images[number, 0])
    weights = network.parameters["dense_weight"].reshape(stages.sigmoid.shape[1:])
    parts = weights * stages.sigmoid[0]
    sums, bias = parts.sum(axis=(1, 2)), float(network.parameters["dense_bias"][0])
    score, prediction = float(stages.logit[0]), float(stages.prediction[0])
    answer = prediction > 0.5
    said = "greater than four" if answer else "not greater than four"
    verdict = "right" if answer == held_out.targets[number] else "wrong"
    words = (
        f'picture {number} shows a {held_out.labels[number]}: answer "{said}", {verdict}\n'
        f"parts {' '.join(_signed(value) for value in sums)}, bias {_signed(bias)}: "
        f"z = {style.number(score, '.2f')}, ŷ = σ(z) = {prediction:.3f}"
    )
    return DigitStages(stages.conv[0], stages.sigmoid[0], parts, sums, bias, score, prediction, words)


@lru_cache(maxsize=1)
def quick_network() -> BinaryCNN:
    """Train a network for a second: good enough to look at digits with."""
    train, _ = _digits.load_examples()
    network, rng = _digits.initial_network()
    how: dict[str, Any] = {"learning_rate": 0.2, "steps": QUICK_STEPS, "batch_size": _digits.BATCH, "rng": rng}
    gradient_descent(network, train.images, train.targets, **how)
    return network


@style.course_style()
def digit_stages(network: BinaryCNN | None = None, digit: int = 0) -> Board:
    """Show one held-out digit through every stage to the answer of notebook 4's network.

    Parameters
    ----------
    network : BinaryCNN, optional
        A trained one, for images of 28×28 and not standardised; it is copied. Without it, one that is trained for
        800 steps on the spot, which takes a second.
    digit : int
        Where the slider stands, from 0 to 99.

    Raises
    ------
    TypeError, ValueError
        If the network is another one, or there is no such digit.
    """
    note = "" if network is not None else f" (trained for {QUICK_STEPS} steps)"
    network = _copied(quick_network() if network is None else network)
    which = choice("answers", "all", "answers", [("all", "all"), ("only wrong ones", "wrong")])
    controls = {"digit": slider("digit", digit, "which picture", 0, SHOWN - 1), "answers": which}
    _, held_out = _digits.load_examples()
    record = network.forward(held_out.images)
    sizes = [np.abs(part).max() for part in (record.conv, record.logit, network.parameters["dense_weight"])]
    if not (largest := np.max(sizes)) <= LARGEST_NUMBER:
        raise ValueError(
            f"network must have weights and scores up to {LARGEST_NUMBER:,}, to be drawn; got {largest:g}: did its "
            f"training diverge?"
        )
    wrong = np.flatnonzero((record.prediction > 0.5) != held_out.targets)
    choices = {"all": np.arange(len(held_out.labels))[:SHOWN], "wrong": wrong[:SHOWN]}
    picture = _StagesPicture(network, record)

    def draw(digit: int, answers: str) -> str:
        numbers = choices[answers]
        if not len(numbers):
            picture.clear()
            return "this network answers all held-out digits rightly: there is no wrong answer to show\n"
        controls["digit"].max = max(1, len(numbers) - 1)  # where it stood beyond, it moves, and this is called again
        place = min(digit, len(numbers) - 1)
        number = int(numbers[place])
        stages = stages_of_digit(network, held_out, number)
        picture.show(held_out.images[number, 0], stages, bool(held_out.targets[number]))
        first, second = stages.words.split("\n")
        if answers == "wrong":
            among = f"one of {len(wrong)}" if len(wrong) > 1 else "the only one"
            first = first.removesuffix(", wrong").replace(" shows", f", {among} answered wrongly, shows")
        return f"{first}\n{second}{note}"

    return Board(controls, picture.figure, draw)


def _copied(network: Any) -> BinaryCNN:
    """Check the network, and copy it, so that the pictures agree with the list of wrong answers."""
    if not isinstance(network, BinaryCNN):
        raise TypeError(f"network must be a BinaryCNN; got {type(network).__name__}")
    filters, _, height, width = network.parameters["conv_weight"].shape
    if network.standardized:
        raise ValueError("network must not be standardised: one digit alone then has no answer")
    if filters > 4 or network.parameters["dense_weight"].shape[1] != filters * (29 - height) * (29 - width):
        raise ValueError(f"network must be for images of 28×28, with at most 4 filters; got {network}")
    parameters: dict[str, Any] = dict(network.parameters)
    return BinaryCNN(parameters, loss=network.loss_name)


def _signed(value: float) -> str:
    return style.number(value, "+.2f")


class _StagesPicture:
    """The digit, its maps, what they add up to, and the answer; `record` is that of all held-out digits."""

    def __init__(self, network: BinaryCNN, record: Any) -> None:
        weights = network.parameters["dense_weight"][0]
        filters = len(network.parameters["conv_weight"])
        sums = (record.features * weights).reshape(len(record.x), filters, -1).sum(axis=2)
        self.reach = 1.1 * max(np.abs(sums).max(), np.abs(record.logit).max(), 0.1)  # of the bars
        row = min(1.06, 3.18 / filters)  # the height of a filter's maps and its bar, with the gap below
        side = row - 0.07
        bottom = BELOW + 1.25  # of the maps: the sum and the sigmoid stand under them
        top = bottom + row * filters - 0.07
        figure = self.figure = figure_without_layout(6.3, top + ABOVE)
        ax = axes_at(figure, 0.1, (bottom + top) / 2 - 0.495, 0.99, 0.99)
        self.digit = _empty_map(ax, (28, 28), None)
        ax.set_title("held-out digit I", fontsize=style.LETTERS, zorder=BEHIND)
        # The largest number of each column of maps; the sigmoid's are shares.
        limits = [np.abs(record.conv).max(), None, np.percentile(np.abs(weights), 99.5)]
        titles = ("C, convolution", "A = σ(C)", "w · A, the parts")
        self.maps = []
        for column, (title, limit) in enumerate(zip(titles, limits, strict=True)):
            for k in range(filters):
                ax = axes_at(figure, 1.55 + 1.12 * column, top - side - k * row, side, side)
                self.maps.append(_empty_map(ax, record.conv.shape[2:], limit))
                if k == 0:
                    ax.set_title(title, fontsize=style.LETTERS, zorder=BEHIND)
                if column == 0:
                    ax.set_ylabel(f"filter {k}", fontsize=style.LETTERS)
        self._add_bars([(k + 0.5) * row - 0.035 for k in range(filters)], top - BELOW)
        self._add_sigmoid()
        self.lettering = lettering_over(figure, ["black"])

    def _add_bars(self, beside_the_maps: list[float], height: float) -> None:
        """Add a bar beside each filter's maps, and below them those of the bias and the sum."""
        places = [*beside_the_maps, height - 1.06, height - 0.425]  # inches, which are the axis' units
        ax = axes_at(self.figure, 4.95, BELOW, 1.25, height)
        ax.set_title("added up", fontsize=style.LETTERS, zorder=BEHIND)
        ax.set(xlim=(-self.reach, self.reach), ylim=(height, 0), xticks=[])
        ax.set_yticks(places[-2:], ["bias d", "sum z"], fontsize=style.LETTERS)
        ax.tick_params(length=0)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.axhline(height - 0.85, color="black", linewidth=0.8)
        self.bars = list(ax.barh(places, [0.0] * len(places), height=0.25, zorder=IN_FRONT))

    def _add_sigmoid(self) -> None:
        """Add it beside the sum, under the maps."""
        ax = axes_at(self.figure, 1.9, BELOW, 2.4, 0.85)
        self.limit = max(6.0, self.reach)
        z = np.linspace(-self.limit, self.limit, 81)
        ax.plot(z, sigmoid(z), color="0.4", linewidth=1.2)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.axhline(0.5, color=style.PALE, linewidth=0.8, linestyle=":")
        ax.set(xlim=(-self.limit, self.limit), ylim=(-0.12, 1.12), xticks=[])
        ax.set_yticks([0, 0.5, 1], ["0", "½", "1"], fontsize=style.LETTERS)
        ax.set_xlabel("z:  ≤ 4   |   > 4", fontsize=style.LETTERS, labelpad=3)
        self.sigmoid = ax
        (self.point,) = ax.plot([], [], marker="o", markersize=8, color=style.RED, zorder=IN_FRONT)

    def show(self, image: np.ndarray, stages: DigitStages, target: bool) -> None:
        """Draw a digit's way."""
        self.digit.set_data(image)
        for drawn, values in zip(self.maps, (*stages.conv, *stages.sigmoid, *stages.parts), strict=True):
            drawn.set_data(values)
        self.point.set_data([np.clip(stages.score, -self.limit, self.limit)], [stages.prediction])
        texts = [Text(*points_at(self.sigmoid, 0, 1.28), f"ŷ = σ(z) = {stages.prediction:.3f}", style.LETTERS)]
        for bar, value in zip(self.bars, (*stages.sums, stages.bias, stages.score), strict=True):
            bar.set_width(value)
            bar.set_color(style.POSITIVE if value > 0 else style.RED)
            # The number stands on the free side of 0.
            side, align = (-0.05, "right") if value > 0 else (0.05, "left")
            x, y = points_at(bar.axes, side * self.reach, bar.get_y() + bar.get_height() / 2)
            texts.append(Text(x, y, _signed(value), style.LETTERS, align=align, room=40))
        answer = stages.prediction > 0.5
        lines = [f"answer: {'> 4' if answer else '≤ 4'}", f"label: {'> 4' if target else '≤ 4'}"]
        _, y = points_at(self.sigmoid, 0, 1)
        for row, line in enumerate([*lines, "right" if answer == target else "wrong"]):
            texts.append(Text(7, y + 16 * row, line, style.TITLE, align="left"))
        self.lettering.write(texts)

    def clear(self) -> None:
        """Draw no digit."""
        for drawn in (self.digit, *self.maps):
            drawn.set_data(np.zeros(drawn.get_size()))
        for bar in self.bars:
            bar.set_width(0)
        self.point.set_data([], [])
        self.lettering.write([])


def _empty_map(ax: Axes, shape: tuple[int, ...], largest: float | None) -> Any:
    """Draw an empty map: grey from 0 to 1, or signed up to `largest`."""
    ax.set(xticks=[], yticks=[])
    cmap, low, high = (style.PIXELS, 0.0, 1.0) if largest is None else (style.SIGNED, -largest, largest)
    look: dict[str, Any] = {"interpolation": "nearest", "origin": "upper", "zorder": IN_FRONT}
    return ax.imshow(np.zeros(shape), cmap=cmap, vmin=low, vmax=high, **look)
