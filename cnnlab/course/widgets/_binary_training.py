"""Notebook 4: training on real digits, with a way to stop it."""

from __future__ import annotations

import asyncio
import math
import threading
import time
import weakref
from typing import Any, Callable, ClassVar, Generator, Iterator, NamedTuple

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from cnnlab.course.plots import _style as style
from cnnlab.course.widgets import _digits
from cnnlab.course.widgets._board import (
    Board,
    axes_at,
    error_in_words,
    figure_without_layout,
    learning_rate_slider,
    slider,
)
from cnnlab.networks import BinaryCNN
from cnnlab.training import gradient_descent

CURVE_POINTS = 60  # of the loss, each the mean of the steps since the one before
MEASUREMENTS = 20  # of the accuracies
PIECE = 50  # steps, or more, between two pauses

# How often the training thread speaks up, in seconds.
WORDS_EVERY = 0.125
PICTURE_EVERY = 0.4


class BinaryRun(NamedTuple):
    """What one run of training did, or has done so far."""

    network: BinaryCNN  # with its parameters as they are now
    losses: np.ndarray  # (steps,) or fewer
    measured_at: np.ndarray  # (M,) the steps at which the accuracies were measured
    training: np.ndarray  # (M,) share of the run's digits answered rightly
    held_out: np.ndarray  # (M,) share of the 1,000 held-out digits answered rightly
    step: int
    state: str  # running, finished, stopped or diverged
    words: str


def binary_run(
    learning_rate: float,
    digits: int,
    steps: int,
    watch: Callable[[int, Callable[[], BinaryRun]], Any] | None = None,
) -> BinaryRun:
    """Train the network of the notebook from its usual start, with the first `digits` digits, 64 at a time.

    `watch(step, so_far)` is called before each update, where `so_far()` gives the run up to there. A true return value
    stops the run before the update.
    """
    pieces = run_in_pieces(learning_rate, digits, steps, watch)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            run: BinaryRun = end.value
            return run


def run_in_pieces(
    learning_rate: float, digits: int, steps: int, watch: Callable[[int, Callable[[], BinaryRun]], Any] | None
) -> Generator[None, None, BinaryRun]:
    """Do what `binary_run` does, with a pause after each whole number of epochs, where the shuffling begins anew."""
    train, test = _digits.load_examples()
    images, targets = train.images[:digits], train.targets[:digits]
    network, rng = _digits.initial_network()
    losses: list[float] = []
    measured: list[tuple[int, float, float]] = []
    stopped = False

    def measure(step: int) -> None:
        # On the way to divergence sums overflow; the loss tells of it.
        with np.errstate(over="ignore", invalid="ignore"):
            shares = [np.mean(network.predict(x) == y) for x, y in ((images, targets), (test.images, test.targets))]
        measured.append((step, float(shares[0]), float(shares[1])))

    def summary(state: str, step: int) -> BinaryRun:
        at, training, held_out = np.array(measured).T
        setting = f"learning rate {learning_rate:.2g}, {digits:,} digits"
        begin = {
            "running": f"step {step:,} of {steps:,}",
            "finished": f"{setting}, {steps:,} steps",
            "stopped": f"stopped at step {step:,} of {steps:,} (rate {learning_rate:.2g}, {digits:,} digits)",
            "diverged": f"{setting}: diverged at step {step:,}, where the loss is no longer finite",
        }[state]
        told = ""
        if losses and state != "diverged":
            loss = float(np.mean(losses[-_steps_per_point(steps) :]))
            told = f"loss {loss:{'.0f' if loss >= 10 else '.2f' if loss >= 0.1 else '.2g'}}, "
        told += (
            f"at step {measured[-1][0]:,}: " if measured[-1][0] != step else ""
        )  # the accuracies are measured less often
        words = f"{begin}: {told}training {100 * training[-1]:.0f} %, held out {100 * held_out[-1]:.0f} %"
        return BinaryRun(network, np.array(losses), at.astype(int), training, held_out, step, state, words)

    def on_step(_: int, loss: float) -> bool:
        nonlocal stopped
        step = len(losses)
        losses.append(loss)
        if step % max(1, steps // MEASUREMENTS) == 0:
            measure(step)
        stopped = watch is not None and bool(watch(step, lambda: summary("running", step)))
        return stopped

    epoch = digits // _digits.BATCH
    piece = epoch * math.ceil(PIECE / epoch)
    how: dict[str, Any] = {"learning_rate": learning_rate, "batch_size": _digits.BATCH, "rng": rng, "on_step": on_step}
    for first in range(0, steps, piece):
        history = gradient_descent(network, images, targets, steps=min(piece, steps - first), **how)
        if history.diverged_at is not None or stopped:
            break
        yield
    if history.diverged_at is not None:
        step, state = len(losses), "diverged"
    elif stopped:
        step, state = len(losses) - 1, "stopped"
    else:
        step, state = steps, "finished"
    if not measured or measured[-1][0] != step:
        measure(step)
    return summary(state, step)


def _steps_per_point(steps: int) -> int:
    """Say over how many steps a point of the loss curve is the mean."""
    return max(1, steps // CURVE_POINTS)


class TrainingBoard(Board):
    """The board of `binary_training`: it trains in a thread, so that *Stop* is heard, or in a browser in short pieces.

    A new board ends the runs of those before it, whose *Stop* may have left the page.

    Parameters
    ----------
    learning_rate, digits, steps
        As in `binary_training`.
    clock : callable
        Gives the time in seconds; words and pictures follow the training at its pace.

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

    _stops: ClassVar[weakref.WeakSet[threading.Event]] = weakref.WeakSet()  # of all boards

    def __init__(
        self, learning_rate: float, digits: int, steps: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stop_wanted = threading.Event()  # first of all, as `close` sets it, even where an argument is refused
        for stop_wanted in self._stops:
            stop_wanted.set()
        self._stops.add(self._stop_wanted)
        controls = {
            "learning_rate": learning_rate_slider(learning_rate, -3, 1, 0.1, readout_format=".2g"),
            "digits": slider("digits", digits, "training digits", 100, 4000, 100),
            "steps": slider("steps", steps, "steps", 200, 10_000, 200),
        }
        self.run: BinaryRun | None = None
        self.error: Exception | None = None
        self.thread: threading.Thread | None = None
        self._clock = clock
        self._running = False
        self._run_words = "not trained yet: the filters are as they were drawn at random"
        self._run_picture = _RunPicture(steps)
        self.train = ipywidgets.Button(description="Train", tooltip="start a run with these settings")
        self.stop = ipywidgets.Button(description="Stop", tooltip="stop the run", disabled=True)
        self.progress = ipywidgets.IntProgress(max=steps, description="progress", layout={"width": "300px"})
        buttons = ipywidgets.HBox([self.train, self.stop, self.progress])
        super().__init__(controls, self._run_picture.figure, self._words, extra=[buttons])
        self.train.on_click(lambda _: self._start_run())
        self.stop.on_click(lambda _: self._stop_wanted.set())

    def close(self) -> None:
        """Stop the run, and take the board out of the memory."""
        self._stop_wanted.set()
        super().close()

    def _words(self, learning_rate: float, digits: int, steps: int) -> str:
        setting = f"learning rate {learning_rate:.2g}, {digits:,} digits, {steps:,} steps"
        if self._running:
            return f"{self._run_words}\nthe next run: {setting}"
        return f"{self._run_words}\nTrain starts {'anew' if self.thread else 'a run'} with {setting}"

    def _start_run(self) -> None:
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
            self._run_picture.begin(self.run, values["steps"])
            self.run = None
            self._run_words = "reading the digits"
            self.redraw()
            work = self._train(values)
            self.thread = threading.Thread(target=lambda: list(work), name="cnnlab training", daemon=True)
            try:
                self.thread.start()
            except RuntimeError as error:  # a browser has no threads, or the machine has none left
                try:
                    self._task = asyncio.get_running_loop().create_task(_take_turns(work))
                except RuntimeError:
                    self._end_run(error)

    def _train(self, values: dict[str, Any]) -> Iterator[None]:
        """Train, with a pause after each piece."""
        words_due = picture_due = self._clock()

        def watch(step: int, so_far: Callable[[], BinaryRun]) -> bool:
            nonlocal words_due, picture_due
            now = self._clock()
            if now >= words_due:
                picture = now >= picture_due
                self._show_run(so_far(), picture=picture)
                spent = self._clock() - now
                words_due = now + spent + WORDS_EVERY
                if picture:  # on a slow machine less often, as the training waits for it
                    picture_due = now + spent + max(PICTURE_EVERY, 5 * spent)
            return self._stop_wanted.is_set()

        try:
            run = yield from run_in_pieces(**values, watch=watch)
            self._show_run(run, picture=True)
        except Exception as error:  # whatever it is, it must not vanish with the thread
            self._end_run(error)
        else:
            self._end_run(None)

    def _show_run(self, run: BinaryRun, *, picture: bool) -> None:
        with self._lock:
            self.run, self._run_words = run, run.words
            self.progress.value = run.step
            if picture:
                self._run_picture.show(run)
            self.redraw()

    def _end_run(self, error: Exception | None) -> None:
        """Give the buttons back."""
        with self._lock:
            if error is not None:
                self.error = error
                self._run_words = error_in_words("an error ended the run", error)
            self._running = False
            self.stop.disabled = True
            self.train.disabled = False
            self.redraw()


async def _take_turns(work: Iterator[None]) -> None:
    """Let the kernel read its messages at each pause."""
    for _ in work:
        await asyncio.sleep(0)


@style.course_style()
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
    """
    return TrainingBoard(learning_rate, digits, steps)


class _RunPicture:
    """Loss, accuracies and filters."""

    def __init__(self, steps: int) -> None:
        self.figure = figure_without_layout(6.3, 4.8)
        self.loss = _loss_axes(axes_at(self.figure, 0.7, 2.72, 3.85, 1.95))
        self.accuracy = _accuracy_axes(axes_at(self.figure, 0.7, 0.48, 3.85, 1.92))
        before: dict[str, Any] = {"color": style.PALE, "linestyle": ":", "linewidth": 1.5}
        (self.old_losses,) = self.loss.plot([], [], **before)
        (self.old_held_out,) = self.accuracy.plot([], [], label="the run before", **before)
        (self.losses,) = self.loss.plot([], [], color=style.POSITIVE, linewidth=1.5)
        now: dict[str, Any] = {"color": style.POSITIVE, "marker": "o", "markersize": 4}
        (self.training,) = self.accuracy.plot([], [], label="training", **now)
        now = {"color": style.RED, "linestyle": "--", "marker": "s", "markersize": 4}
        (self.held_out,) = self.accuracy.plot([], [], label="held out", **now)
        for ax in (self.loss, self.accuracy):
            ax.grid(**style.GRID)
            ax.tick_params(labelsize=style.LETTERS)
        self.loss.tick_params(labelbottom=False)
        self.filters = [_empty_filter(axes_at(self.figure, 4.9, 3.26 - 1.58 * k, 1.3, 1.3)) for k in range(3)]
        self.begin(None, steps)

    def begin(self, before: BinaryRun | None, steps: int) -> None:
        """Make room for a run of so many steps; the one before stays as a pale line."""
        if before is not None:
            self.old_losses.set_data(*self.losses.get_data())
            self.old_held_out.set_data(before.measured_at, before.held_out)
        self.steps_per_point = _steps_per_point(steps)
        for line in (self.losses, self.training, self.held_out):
            line.set_data([], [])
        for ax in (self.loss, self.accuracy):
            ax.set_xlim(0, steps)
        lines = [self.training, self.held_out, self.old_held_out][: 2 if before is None else 3]
        # Between the two frames, where no line can pass under it.
        place: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.985), "ncols": 3, "frameon": False}
        self.accuracy.legend(handles=lines, fontsize=style.LETTERS, **place)
        self.make_room()
        self.show_filters(_digits.initial_network()[0])

    def show(self, run: BinaryRun) -> None:
        """Draw a run as far as it has come."""
        points = len(run.losses) // self.steps_per_point
        means = run.losses[: points * self.steps_per_point].reshape(points, self.steps_per_point).mean(axis=1)
        self.losses.set_data((np.arange(points) + 0.5) * self.steps_per_point, means)
        self.training.set_data(run.measured_at, run.training)
        self.held_out.set_data(run.measured_at, run.held_out)
        self.make_room()
        self.show_filters(run.network)

    def make_room(self) -> None:
        """Let the axes end where the usual run has room, or farther out where a line goes there."""
        losses = np.concatenate([line.get_ydata() for line in (self.losses, self.old_losses)])
        lowest, highest = losses.min(initial=0.05, where=losses > 0), losses.max(initial=1.6)
        room = min(0.04, 0.8 * lowest), max(2.0, 1.25 * highest)
        if room != self.loss.get_ylim():
            self.loss.set_ylim(room)
            wide = room[1] > 1000 * room[0]
            ticks = [
                m * 10.0**e for e in range(-9, 39, 2 if room[1] > 1e6 else 1) for m in ((1,) if wide else (1, 2, 5))
            ]
            self.loss.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            self.loss.set_ylim(room)
        shares = np.concatenate([line.get_ydata() for line in (self.training, self.held_out, self.old_held_out)])
        least = 0.1 * np.floor(10 * shares.min(initial=0.5)) - 0.05
        if least != self.accuracy.get_ylim()[0]:
            self.accuracy.set_ylim(least, 1.02)

    def show_filters(self, network: BinaryCNN) -> None:
        weights = network.parameters["conv_weight"][:, 0]
        largest = float(np.nan_to_num(np.abs(weights)).max()) or 1.0
        for k, (drawn, values) in enumerate(zip(self.filters, weights, strict=True)):
            drawn.set_data(values / largest)
            sizes = " to ".join(
                style.number(value, ".1f" if largest < 100 else ".0f") for value in (values.min(), values.max())
            )
            drawn.axes.title.set_text(f"filter {k}: {sizes}")


def _loss_axes(ax: Axes) -> Axes:
    ax.set(yscale="log", ylabel="loss L")
    ax.minorticks_off()
    ax.axhline(np.log(2), color="0.5", linewidth=1)
    look: dict[str, Any] = {"color": style.QUIET, "fontsize": style.LETTERS, "ha": "right", "va": "bottom"}
    ax.text(0.99, 0.76, "ŷ = ½ for every digit", transform=ax.get_yaxis_transform(), **look)
    return ax


def _accuracy_axes(ax: Axes) -> Axes:
    ax.set(xlabel="step", ylabel="answered rightly")
    ax.set_yticks(np.linspace(0, 1, 11), [f"{percent} %" for percent in range(0, 101, 10)])
    return ax


def _empty_filter(ax: Axes) -> AxesImage:
    """Draw an empty 5×5 filter; its numbers are shares of the largest."""
    ax.set(xticks=[], yticks=[])
    ax.set_title("", fontsize=style.LETTERS, pad=3)
    return ax.imshow(np.zeros((5, 5)), cmap=style.SIGNED, vmin=-1, vmax=1, interpolation="nearest", origin="upper")
