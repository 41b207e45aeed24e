"""Notebook 4: training on real digits, with a way to stop it, and one digit on its way to the answer."""

from __future__ import annotations

import functools
import threading
import time
from typing import Any, Callable, NamedTuple

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from cnnlab import datasets
from cnnlab.activations import sigmoid
from cnnlab.course import plots
from cnnlab.course.widgets._board import Board, choice, slider
from cnnlab.networks import BinaryCNN
from cnnlab.training import gradient_descent

BATCH = 64
CURVE_POINTS = 60  # of the loss, each the mean of the steps since the one before
MEASUREMENTS = 20  # of the accuracies
QUICK_STEPS = 800  # of the network that `digit_stages` trains where it is given none
SHOWN = 100  # held-out digits to pick from
LARGEST_NUMBER = 100_000  # of a network's, for which there is room

# How often the training thread speaks up, in seconds.
WORDS_EVERY = 0.125
PICTURE_EVERY = 0.4

BLUE = "#2166ac"  # as RdBu has it


class Question(NamedTuple):
    """Digits, and for each of them: is it greater than four?"""

    images: np.ndarray  # (N, 1, 28, 28) float32 from 0 to 1
    labels: np.ndarray  # (N,) the digits
    target: np.ndarray  # (N,) bool


@functools.lru_cache(maxsize=1)
def questions() -> tuple[Question, Question]:
    """Load the digits to learn from and the held-out ones, as the notebook prepares them."""
    train, test = (
        Question((digits.images / 255).astype(np.float32), digits.labels, digits.labels > 4)
        for digits in datasets.mnist_sample()
    )
    return train, test


def _start() -> tuple[BinaryCNN, np.random.Generator]:
    """Draw the network that every run starts from, with the generator that goes on to shuffle the digits."""
    rng = np.random.default_rng(0)
    return BinaryCNN.initialize(rng, loss="cross_entropy", dtype=np.float32), rng


class BinaryRun(NamedTuple):
    """What one run of training did, or has done so far."""

    network: BinaryCNN  # with its parameters as they are now
    losses: np.ndarray  # (steps,) or fewer
    measured_at: np.ndarray  # (M,) the steps at which the accuracies were measured
    training: np.ndarray  # (M,) share of the run's digits answered rightly
    held_out: np.ndarray  # (M,) share of the 1,000 held-out digits answered rightly
    state: str  # running, finished, stopped or diverged
    words: str


def binary_run(
    learning_rate: float,
    digits: int,
    steps: int,
    watch: Callable[[int, Callable[[], BinaryRun]], Any] | None = None,
) -> BinaryRun:
    """Train the network of the notebook from its usual start, 64 digits at a time.

    Parameters
    ----------
    learning_rate : float
        η.
    digits : int
        How many of the 4,000 training digits take part, from 64.
    steps : int
        How many updates.
    watch : callable, optional
        Called as `watch(step, so_far)` before each update; `so_far()` gives the run up to there. A true return value
        stops the run before the update.

    Returns
    -------
    BinaryRun
    """
    train, test = questions()
    images, target = train.images[:digits], train.target[:digits]
    network, rng = _start()
    losses: list[float] = []
    measured: list[tuple[int, float, float]] = []
    stopped = False

    def measure(step: int) -> None:
        # On the way to divergence sums overflow; the loss tells of it.
        with np.errstate(over="ignore", invalid="ignore"):
            right = [np.mean(network.predict(q) == y) for q, y in ((images, target), (test.images, test.target))]
        measured.append((step, float(right[0]), float(right[1])))

    def summary(state: str, step: int) -> BinaryRun:
        at, training, held_out = np.array(measured).T
        setting = f"learning rate {learning_rate:.2g}, {digits:,} digits"
        begin = {
            "running": f"step {step:,} of {steps:,}",
            "finished": f"{setting}, {steps:,} steps",
            "stopped": f"stopped at step {step:,} of {steps:,} (rate {learning_rate:.2g}, {digits:,} digits)",
            "diverged": f"{setting}: diverged at step {step:,}, where the loss is no longer finite",
        }[state]
        recent = losses[-_interval(steps) :]
        numbers = f"loss {_short(float(np.mean(recent)))}, " if recent and state != "diverged" else ""
        words = f"{begin}: {numbers}training {100 * training[-1]:.0f} %, held out {100 * held_out[-1]:.0f} %"
        return BinaryRun(network, np.array(losses), at.astype(int), training, held_out, state, words)

    def on_step(step: int, loss: float) -> bool:
        nonlocal stopped
        losses.append(loss)
        if step % max(1, steps // MEASUREMENTS) == 0:
            measure(step)
        stopped = watch is not None and bool(watch(step, lambda: summary("running", step)))
        return stopped

    history = gradient_descent(
        network, images, target, learning_rate=learning_rate, steps=steps, batch_size=BATCH, rng=rng, on_step=on_step
    )
    if history.diverged_at is not None:
        step, state = history.diverged_at, "diverged"
    elif stopped:
        step, state = len(losses) - 1, "stopped"
    else:
        step, state = steps, "finished"
    if not measured or measured[-1][0] != step:
        measure(step)
    return summary(state, step)


def _interval(steps: int) -> int:
    """Say over how many steps a point of the loss curve is the mean."""
    return max(1, steps // CURVE_POINTS)


class TrainingBoard(Board):
    """The board of `binary_training`: it trains in a thread, so that *Stop* is heard.

    Parameters
    ----------
    learning_rate, digits, steps
        As in `binary_training`.

    Attributes
    ----------
    train, stop : ipywidgets.Button
        They start and stop a run.
    progress : ipywidgets.IntProgress
        How many steps are done.
    thread : threading.Thread or None
        The latest run's; `thread.join()` waits for its end.
    run : BinaryRun or None
        The latest run, as far as the words tell of it.
    error : Exception or None
        What ended the latest run, if anything did.
    """

    def __init__(self, learning_rate: float, digits: int, steps: int) -> None:
        self._stop_wanted = threading.Event()  # first of all, as `close` sets it, even where an argument is refused
        controls = {
            "learning_rate": slider(
                ipywidgets.FloatLogSlider,
                "learning_rate",
                "learning rate η",
                learning_rate,
                -3,
                1,
                0.1,
                base=10,
                readout_format=".2g",
            ),
            "digits": slider(ipywidgets.IntSlider, "digits", "training digits", digits, 100, 4000, 100),
            "steps": slider(ipywidgets.IntSlider, "steps", "steps", steps, 200, 10_000, 200),
        }
        self.run: BinaryRun | None = None
        self.error: Exception | None = None
        self.thread: threading.Thread | None = None
        self._running = False
        self._state = "not trained yet: the filters are as they were drawn at random"
        self._curves = _Curves(steps)
        self._curves.show_filters(_start()[0])
        self.train = ipywidgets.Button(description="Train", tooltip="start a run with these settings")
        self.stop = ipywidgets.Button(description="Stop", tooltip="stop the run", disabled=True)
        self.progress = ipywidgets.IntProgress(
            value=0, min=0, max=steps, description="progress", layout={"width": "300px"}
        )
        buttons = ipywidgets.HBox([self.train, self.stop, self.progress])
        super().__init__(controls, self._curves.figure, self._words, extra=[buttons])
        self.train.on_click(lambda _: self._begin())
        self.stop.on_click(lambda _: self._stop_wanted.set())

    def close(self) -> None:
        """Stop the run, and take the board out of the memory."""
        self._stop_wanted.set()
        super().close()

    def _picture(self) -> bytes | None:
        """Render the figure only where it has changed, as the words change more often."""
        return super()._picture() if self.figure.stale else None

    def _words(self, learning_rate: float, digits: int, steps: int) -> str:
        setting = f"learning rate {learning_rate:.2g}, {digits:,} digits, {steps:,} steps"
        if self._running:
            return f"{self._state}\nthe next run: {setting}"
        return f"{self._state}\nTrain starts {'anew' if self.thread else 'a run'} with {setting}"

    def _begin(self) -> None:
        """Start a run with what the sliders say now."""
        with self._lock:
            if self._running:
                return
            values = {name: control.value for name, control in self.controls.items()}
            values["learning_rate"] = float(f"{values['learning_rate']:.2g}")  # train with what is shown
            self._running, self.error = True, None
            self._stop_wanted.clear()
            self.train.disabled, self.stop.disabled = True, False
            self.progress.value, self.progress.max = 0, values["steps"]
            self._curves.begin(self.run, values["steps"])
            self.run = None
            self._state = "reading the digits"
            self.redraw()
            self.thread = threading.Thread(target=self._work, args=(values,), name="cnnlab training", daemon=True)
            try:
                self.thread.start()
            except RuntimeError as error:  # the machine has no thread left
                self._end(error)

    def _work(self, values: dict[str, Any]) -> None:
        """Train; this runs in the thread."""
        words_due = picture_due = 0.0

        def watch(step: int, so_far: Callable[[], BinaryRun]) -> bool:
            nonlocal words_due, picture_due
            now = time.monotonic()
            if now >= words_due:
                picture = now >= picture_due
                self._show(so_far(), step, picture=picture)
                spent = time.monotonic() - now
                words_due = now + spent + WORDS_EVERY
                if picture:  # on a slow machine less often, as the training waits for it
                    picture_due = now + spent + max(PICTURE_EVERY, 5 * spent)
            return self._stop_wanted.is_set()

        try:
            run = binary_run(**values, watch=watch)
            self._show(run, values["steps"] if run.state == "finished" else len(run.losses) - 1, picture=True)
        except Exception as error:  # whatever it is, it must not vanish with the thread
            self._end(error)
        else:
            self._end(None)

    def _show(self, run: BinaryRun, step: int, *, picture: bool) -> None:
        with self._lock:
            self.run, self._state = run, run.words
            self.progress.value = step
            if picture:
                self._curves.show(run)
            self.redraw()

    def _end(self, error: Exception | None) -> None:
        """Give the buttons back."""
        with self._lock:
            if error is not None:
                self.error = error
                self._state = f"an error ended the run, {type(error).__name__}: {' '.join(str(error).split())}"[:110]
            self._running = False
            self.stop.disabled = True
            self.train.disabled = False
            self.redraw()


def binary_training(learning_rate: float = 0.2, digits: int = 4000, steps: int = 6000) -> TrainingBoard:
    """Train the network of notebook 4 at the press of a button, and stop it at the press of another.

    Parameters
    ----------
    learning_rate : float
        Where the first slider stands, from 0.001 to 10.
    digits : int
        Where the second slider stands, from 100 to 4,000.
    steps : int
        Where the third slider stands, from 200 to 10,000.

    Returns
    -------
    TrainingBoard

    Raises
    ------
    TypeError, ValueError
        If a slider cannot stand there.
    """
    return TrainingBoard(learning_rate, digits, steps)


class _Curves:
    """The picture of `TrainingBoard`: loss, accuracies and filters."""

    def __init__(self, steps: int) -> None:
        self.figure = _empty_figure(8.4, 4.8)
        self.interval = _interval(steps)
        self.loss, self.accuracy = (
            _add_axes(self.figure, 0.75, 2.72, 5.4, 1.95),
            _add_axes(self.figure, 0.75, 0.48, 5.4, 1.92),
        )
        ticks = [0.01, 0.1, 1, 10, 100]
        self.loss.set(yscale="log", ylim=(0.003, 300), ylabel="loss L")
        self.loss.minorticks_off()
        self.loss.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        self.loss.axhline(np.log(2), color="0.5", linewidth=1)
        self.loss.text(
            0.99,
            0.75,
            "ŷ = ½ for every digit",
            color="0.35",
            fontsize=8,
            ha="right",
            va="bottom",
            transform=self.loss.get_yaxis_transform(),
        )
        self.accuracy.set(ylim=(0.45, 1.01), xlabel="step", ylabel="answered rightly")
        self.accuracy.set_yticks([0.5, 0.6, 0.7, 0.8, 0.9, 1], [f"{percent} %" for percent in range(50, 101, 10)])
        before: dict[str, Any] = {"color": "0.6", "linestyle": ":", "linewidth": 1.5}
        (self.old_losses,) = self.loss.plot([], [], **before)
        (self.old_held_out,) = self.accuracy.plot([], [], label="held out, the run before", **before)
        (self.losses,) = self.loss.plot([], [], color=BLUE, linewidth=1.5)
        (self.training,) = self.accuracy.plot([], [], color=BLUE, marker="o", markersize=4, label="training digits")
        (self.held_out,) = self.accuracy.plot(
            [], [], color=plots.RED, linestyle="--", marker="s", markersize=4, label="held-out digits"
        )
        # Between the two frames, where no line can pass under it.
        self.accuracy.legend(
            handles=[self.training, self.held_out, self.old_held_out],
            fontsize=8,
            loc="lower center",
            bbox_to_anchor=(0.5, 0.985),
            ncols=3,
            frameon=False,
        )
        for ax in (self.loss, self.accuracy):
            ax.grid(alpha=0.3)
            ax.tick_params(labelsize=8)
            ax.set_xlim(0, steps)
        self.loss.tick_params(labelbottom=False)
        self.scale = Normalize(-1, 1)
        self.filters = [_Filter(self.figure, k, self.scale) for k in range(3)]

    def begin(self, before: BinaryRun | None, steps: int) -> None:
        """Make room for a run of so many steps; the one before stays as a pale line."""
        if before is not None:
            self.old_losses.set_data(*self.losses.get_data())
            self.old_held_out.set_data(before.measured_at, before.held_out)
        self.interval = _interval(steps)
        for line in (self.losses, self.training, self.held_out):
            line.set_data([], [])
        for ax in (self.loss, self.accuracy):
            ax.set_xlim(0, steps)
        self.show_filters(_start()[0])

    def show(self, run: BinaryRun) -> None:
        """Draw a run as far as it has come."""
        whole = len(run.losses) // self.interval
        means = run.losses[: whole * self.interval].reshape(whole, self.interval).mean(axis=1)
        self.losses.set_data((np.arange(whole) + 0.5) * self.interval, means)
        self.training.set_data(run.measured_at, run.training)
        self.held_out.set_data(run.measured_at, run.held_out)
        self.show_filters(run.network)

    def show_filters(self, network: BinaryCNN) -> None:
        weights = network.parameters["conv_weight"][:, 0]
        largest = float(np.nan_to_num(np.abs(weights)).max()) or 1.0
        self.scale.vmin, self.scale.vmax = -largest, largest
        for drawn, values in zip(self.filters, weights, strict=True):
            drawn.show(values, largest)


class _Filter:
    """A 5×5 filter with its numbers."""

    def __init__(self, figure: Figure, k: int, scale: Normalize) -> None:
        ax = _add_axes(figure, 6.8, 3.26 - 1.58 * k, 1.3, 1.3)
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"filter {k}", fontsize=9, pad=3)
        self.picture = ax.imshow(np.zeros((5, 5)), cmap="RdBu", norm=scale, interpolation="nearest", origin="upper")
        self.numbers = [ax.text(j, i, "", fontsize=7, ha="center", va="center") for i in range(5) for j in range(5)]

    def show(self, values: np.ndarray, largest: float) -> None:
        self.picture.set_data(values)
        for text, value in zip(self.numbers, values.ravel(), strict=True):
            text.set_text(_signed(value, 1 if largest < 100 else 0).lstrip("+"))
            text.set_color("white" if abs(value) > 0.6 * largest else "black")


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


def stages_of_digit(network: BinaryCNN, number: int) -> DigitStages:
    """Send a held-out digit through a network and keep every stage.

    Parameters
    ----------
    network : BinaryCNN
        For images of 28×28, not standardised.
    number : int
        Which of the 1,000 held-out digits.

    Returns
    -------
    DigitStages
    """
    _, test = questions()
    stages = network.forward(test.images[number, 0])
    weights = network.parameters["dense_weight"].reshape(stages.sigmoid.shape[1:])
    parts = weights * stages.sigmoid[0]
    sums, bias = parts.sum(axis=(1, 2)), float(network.parameters["dense_bias"][0])
    score, prediction = float(stages.logit[0]), float(stages.prediction[0])
    answer = prediction > 0.5
    said = "greater than four" if answer else "not greater than four"
    verdict = "right" if answer == test.target[number] else "wrong"
    words = (
        f'digit {test.labels[number]} (held-out number {number}): answer "{said}", {verdict}\n'
        f"parts {' '.join(_signed(value) for value in sums)}, bias {_signed(bias)}: "
        f"z = {_signed(score).lstrip('+')}, ŷ = σ(z) = {prediction:.3f}"
    )
    return DigitStages(stages.conv[0], stages.sigmoid[0], parts, sums, bias, score, prediction, words)


@functools.lru_cache(maxsize=1)
def quick_network() -> BinaryCNN:
    """Train a network for a second: good enough to look at digits with."""
    train, _ = questions()
    network, rng = _start()
    gradient_descent(
        network, train.images, train.target, learning_rate=0.2, steps=QUICK_STEPS, batch_size=BATCH, rng=rng
    )
    return network


def digit_stages(network: BinaryCNN | None = None, digit: int = 0) -> Board:
    """Show one held-out digit through every stage to the answer of notebook 4's network.

    Parameters
    ----------
    network : BinaryCNN, optional
        A trained one, for images of 28×28 and not standardised; it is copied. Without it, one that is trained for
        800 steps on the spot, which takes a second.
    digit : int
        Where the slider stands, from 0 to 99.

    Returns
    -------
    Board

    Raises
    ------
    TypeError, ValueError
        If the network is another one, or there is no such digit.
    """
    note = "" if network is not None else f" (trained for {QUICK_STEPS} steps)"
    network = _copied(quick_network() if network is None else network)
    which = choice("answers", "answers", "all", [("all", "all"), ("only wrong ones", "wrong")])
    controls = {"digit": slider(ipywidgets.IntSlider, "digit", "which digit", digit, 0, SHOWN - 1, 1), "answers": which}
    _, test = questions()
    everything = network.forward(test.images)
    sizes = [np.abs(part).max() for part in (everything.conv, everything.logit, network.parameters["dense_weight"])]
    if not (largest := np.max(sizes)) <= LARGEST_NUMBER:
        raise ValueError(
            f"network must have weights and scores up to {LARGEST_NUMBER:,}, to be drawn; got {largest:g}: did its "
            f"training diverge?"
        )
    wrong = np.flatnonzero((everything.prediction > 0.5) != test.target)
    lists = {"all": np.arange(SHOWN), "wrong": wrong[:SHOWN]}
    picture = _Stages(network, everything)

    def draw(digit: int, answers: str) -> str:
        numbers = lists[answers]
        if not len(numbers):
            picture.clear()
            return "this network answers all held-out digits rightly: there is no wrong answer to show\n"
        place = min(digit, len(numbers) - 1)
        number = int(numbers[place])
        stages = stages_of_digit(network, number)
        picture.show(test.images[number, 0], stages, bool(test.target[number]))
        first, second = stages.words.split("\n")
        if answers == "wrong":
            first += f"; wrong answer {place + 1} of {len(numbers)}" + (", the last" if place < digit else "")
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


class _Stages:
    """The picture of `digit_stages`."""

    def __init__(self, network: BinaryCNN, everything: Any) -> None:
        weights = network.parameters["dense_weight"][0]
        filters = len(network.parameters["conv_weight"])
        sums = (everything.features * weights).reshape(len(everything.x), filters, -1).sum(axis=2)
        self.reach = 1.1 * max(np.abs(sums).max(), np.abs(everything.logit).max(), 0.1)  # of the bars
        scales = [np.abs(everything.conv).max(), None, np.percentile(np.abs(weights), 99.5)]
        figure = self.figure = _empty_figure(8.4, 4.8)
        side = min(1.42, 4.4 / filters - 0.08)
        ax = _add_axes(figure, 0.1, 2.5, 1.42, 1.42)
        self.digit = _map(ax, (28, 28), None)
        ax.set_title("held-out digit I", fontsize=9)
        self.answer = figure.text(0.1 / 8.4, 2.3 / 4.8, "", fontsize=10, va="top", linespacing=1.5)
        shape = everything.conv.shape[2:]
        self.maps = []
        for column, (title, scale) in enumerate(
            zip(("C, convolution", "A = σ(C)", "w · A, the parts"), scales, strict=True)
        ):
            for k in range(filters):
                ax = _add_axes(figure, 1.9 + 1.5 * column, 4.42 - side - k * (side + 0.08), side, side)
                self.maps.append(_map(ax, shape, scale))
                if k == 0:
                    ax.set_title(title, fontsize=9)
                if column == 0:
                    ax.set_ylabel(f"filter {k}", fontsize=9)
        self._add_bars(filters)
        self._add_sigmoid()

    def _add_bars(self, filters: int) -> None:
        names = [*(f"filter {k}" for k in range(filters)), "bias d", "sum z"]
        ax = _add_axes(self.figure, 6.95, 2.2, 1.35, 2.22)
        ax.set_title("added up", fontsize=9)
        ax.set(xlim=(-self.reach, self.reach), ylim=(len(names) - 0.4, -0.6), xticks=[])
        ax.set_yticks(range(len(names)), names, fontsize=8)
        ax.tick_params(length=0)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.axhline(len(names) - 1.5, color="black", linewidth=0.8)
        self.bars = list(ax.barh(range(len(names)), [0.0] * len(names), height=0.6))
        self.values = [ax.text(0, k, "", fontsize=8, va="center") for k in range(len(names))]

    def _add_sigmoid(self) -> None:
        ax = _add_axes(self.figure, 6.95, 0.5, 1.35, 1.2)
        self.limit = max(6.0, self.reach)
        z = np.linspace(-self.limit, self.limit, 81)
        ax.plot(z, sigmoid(z), color="0.4", linewidth=1.2)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.axhline(0.5, color="0.6", linewidth=0.8, linestyle=":")
        ax.set(xlim=(-self.limit, self.limit), ylim=(-0.12, 1.12), xticks=[])
        ax.set_yticks([0, 0.5, 1], ["0", "½", "1"], fontsize=8)
        ax.set_xlabel("z:  ≤ 4   |   > 4", fontsize=8, labelpad=3)
        self.sigmoid_title = ax.set_title("ŷ = σ(z)", fontsize=9)
        (self.point,) = ax.plot([], [], marker="o", markersize=8, color=plots.RED)

    def show(self, image: np.ndarray, stages: DigitStages, target: bool) -> None:
        """Draw a digit's way."""
        self.digit.set_data(image)
        for drawn, values in zip(self.maps, (*stages.conv, *stages.sigmoid, *stages.parts), strict=True):
            drawn.set_data(values)
        for bar, text, value in zip(self.bars, self.values, (*stages.sums, stages.bias, stages.score), strict=True):
            bar.set_width(value)
            bar.set_color(BLUE if value > 0 else plots.RED)
            # The number stands on the free side of 0.
            text.set_text(_signed(value))
            text.set_x(-0.05 * self.reach if value > 0 else 0.05 * self.reach)
            text.set_horizontalalignment("right" if value > 0 else "left")
        self.point.set_data([np.clip(stages.score, -self.limit, self.limit)], [stages.prediction])
        self.sigmoid_title.set_text(f"ŷ = σ(z) = {stages.prediction:.3f}")
        answer = stages.prediction > 0.5
        self.answer.set_text(
            f"answer: {'> 4' if answer else '≤ 4'}\nlabel: {'> 4' if target else '≤ 4'}\n"
            + ("right" if answer == target else "wrong")
        )

    def clear(self) -> None:
        """Draw no digit."""
        for drawn in (self.digit, *self.maps):
            drawn.set_data(np.zeros(drawn.get_size()))
        for bar, text in zip(self.bars, self.values, strict=True):
            bar.set_width(0)
            text.set_text("")
        self.point.set_data([], [])
        self.sigmoid_title.set_text("ŷ = σ(z)")
        self.answer.set_text("")


def _map(ax: Axes, shape: tuple[int, ...], largest: float | None) -> Any:
    """Draw an empty map: grey from 0 to 1, or signed up to `largest`."""
    ax.set(xticks=[], yticks=[])
    cmap, low, high = ("gray", 0.0, 1.0) if largest is None else ("RdBu", -largest, largest)
    return ax.imshow(np.zeros(shape), cmap=cmap, vmin=low, vmax=high, interpolation="nearest", origin="upper")


def _empty_figure(width: float, height: float) -> Figure:
    figure = plots.figure_of(plots.new_axes(width, height))
    figure.set_layout_engine("none")
    figure.clear()
    return figure


def _add_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a fixed place, in inches: later drawings then need no layout."""
    total_width, total_height = figure.get_size_inches()
    return figure.add_axes((left / total_width, bottom / total_height, width / total_width, height / total_height))


def _short(loss: float) -> str:
    """Write a loss with two digits or decimals."""
    return f"{loss:.0f}" if loss >= 10 else f"{loss:.2f}" if loss >= 0.1 else f"{loss:.2g}"


def _signed(value: float, decimals: int = 2) -> str:
    """Write a number with its sign, except for 0."""
    text = f"{value:+.{decimals}f}".replace("-", "−")
    return text[1:] if not text.strip("+−0.") else text
