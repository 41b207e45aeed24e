"""Which arguments pictures, boards of sliders and exercises take, how they refuse the others, and what is then left."""

import contextlib
import functools
import io
import re
import tracemalloc
import zlib
from unittest import mock

import hostile
import hostile_values as hv
import ipywidgets
import numpy as np
import pytest
from hostile import FINE, MOST_MEMORY, RIGHT, Argument, Case, Fresh, Refuse, accept
from matplotlib.figure import Figure

from cnnlab.course import exercises, plots, widgets
from cnnlab.course.exercises import filter_update
from cnnlab.course.plots._style import RED

# What a call drew is read back from the axes, and compared with what the numbers say.

PLAIN = (*(name for name in hv.FORMS if name != "tuple of lists"), *hv.INTEGERS, *hv.FLOATS)
WHOLE_FORMS = ("read-only", "big-endian", "subclass", "list", *(name for name in hv.INTEGERS if name != "bool"), "0-d")
NUMBER_FORMS = ("object with __array__", "memoryview", "float16", "float32", *WHOLE_FORMS)
SMALL = tuple(name for name in hv.EXTREMES if name[4:] in ("smallest denormal", "-1e-310", "-0.0"))
SMALL = (*SMALL, "float 5e-324", "0.5", "1.5", "-0.5", "2.0")
ROWS = ("pair of floats", "three numbers", "no numbers")
_kept = []  # axes on which nothing is drawn


def clean_axes():
    """Axes without anything on them; they are kept as long as nothing is drawn, since new ones take time."""
    if not _kept or read_back(_kept[0]) != BLANK:
        _kept[:] = [Figure(figsize=(1, 1), dpi=50).add_subplot()]
    return _kept[0]


def read_back(ax):
    """What is on the axes: maps as shares of their limits, lines, words and frames."""
    maps = []
    for drawn in ax.images:
        low, high = drawn.get_clim()
        where = (np.ma.filled(drawn.get_array().astype(float), np.nan) - low) / (high - low)
        maps.append(np.clip(where, 0, 1))
    lines = [np.array(np.ma.filled(line.get_data(), np.nan), float) for line in ax.lines]
    words = [ax.get_title(), ax.get_xlabel(), ax.get_ylabel()]
    return {
        "maps": maps,
        "lines": lines,
        "surfaces": len(ax.collections),
        "words": words,
        "numbers": [text.get_text() for text in ax.texts],
        "frames": [frame.get_bbox().bounds for frame in ax.patches],
    }


BLANK = read_back(Figure().add_subplot())


def drawing(function):
    """Draw, render and read back; a call that is refused must leave the axes as they were."""

    @functools.wraps(function)
    def call(**arguments):
        given = arguments.get("ax")
        try:
            axes = function(**arguments)
        except Exception:
            assert not hasattr(given, "lines") or read_back(given) == BLANK, "something half drawn is left"
            raise
        assert given is None or axes is given, "drawn elsewhere"
        found = [read_back(ax) for ax in np.ravel(axes)]
        if repr(found) not in rendered:  # once for what is the same drawing
            assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
            tracemalloc.stop()  # as following every object of a rendering takes several times as long as it
            rendered.add(repr(found))
            plots.png(axes)
        return found

    rendered = set()
    return call


def shown(fig, alt):
    """The words that are stored with a picture."""
    stored = []
    with mock.patch("IPython.display.display", lambda picture: stored.append(repr(picture))):
        plots.show(fig, alt)
    return stored


def shares(values, low, high):
    """Where the values lie between two limits, in a wider arithmetic; NaN for what is not finite."""
    values, low, high = (np.asarray(numbers, np.longdouble) for numbers in (values, low, high))
    if low == high:
        low, high = low - 1 - abs(low), high + 1 + abs(high)
    return np.where(np.isfinite(values), (values - low) / (high - low), np.nan).astype(float)


def note(values, drawn, place, words):
    """What is said of numbers that are not drawn."""
    left_out = [index for index in np.ndindex(values.shape) if not drawn[index]]
    if not left_out:
        return ""
    where = str(left_out[0]) if values.ndim > 1 else str(*left_out[0])
    number = values[left_out[0]]
    number = f"{number + 0.0:.3g}".replace("-", "−")
    return f"{len(left_out)} of {values.size} {words},\nfirst at {place} {where}: {number}"


def cell(value, decimals):
    if abs(value) < 1000:
        return re.sub(r"^-0$", "0", f"{value:.{decimals}f}".rstrip("0").rstrip(".")).replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def expected_map(values, *, title=None, signed=False, limits=None, numbers=None, box=None, picture=False, **_):
    numbered = values = np.asarray(values, float)
    finite = values[np.isfinite(values)]
    if limits is not None:
        low, high = limits
        values = np.where(np.isfinite(values), np.clip(values, low, high), values)
    elif signed:
        high = max(abs(finite), default=1.0)
        low = -high
    else:
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    return {
        "maps": [shares(values, low, high)],
        "lines": [],
        "surfaces": 0,
        "words": [title or "", note(values, np.isfinite(values), "cell", "not finite"), ""],
        "numbers": [cell(value, 3) for value in numbered.flat] if numbers or (numbers is None and not picture) else [],
        "frames": [] if box is None else [(box[1] - 0.5, box[0] - 0.5, box[3], box[2])],
    }


def expected_image(**arguments):
    return [expected_map(**arguments)]


def expected_images(values, *, titles=None, signed=False, columns=None, size=None, **arguments):
    found = [BLANK] * (0 if columns is None else -len(values) % columns)
    for k, image in enumerate(values):
        title = None if titles is None else titles[k]
        sign = signed if isinstance(signed, (bool, np.bool_)) else signed[k]
        found.insert(k, expected_map(image, title=title, signed=sign, **arguments))
    return found


def expected_curve(losses, *, ax=None, label=None, log=True, ylabel=""):
    losses = np.asarray(losses, float)
    lowest = 1e-300 if log else -1e300
    on = (losses >= lowest) & (losses <= 1e300)
    steps = np.arange(len(losses))
    lines = [np.array([steps, np.where(on, losses, np.nan)])]
    below = note(losses, on, "step", "off the axis (×)")
    if below:
        lines.append(np.array([steps[~on], losses[~on] >= lowest]))  # at the lower edge; NaN and inf at the upper
        lines[1][1][np.isnan(losses[~on])] = 1
        below = f"\n{label}: {below}" if label else f"\n{below}"
    return [BLANK | {"lines": lines, "words": ["", "step" + below, ylabel]}]


def expected_surface(x, y, losses, *, ax=None, path=None, xlabel="", ylabel=""):
    losses = np.asarray(losses, float)
    if (losses < 0).any():
        raise Refuse
    finite = np.isfinite(losses)
    flat = len(set(losses[finite])) < 2
    below = [xlabel]
    if finite.any() and flat:
        below.append("every loss that is a number is the same: there are no lines")
    if not finite.all():
        below.append("×: " + note(losses, finite, "cell", "not finite"))
    lines = []
    if path is not None:
        path = np.asarray(path, float)
        drawn = np.abs(path) <= 1e300
        if not drawn.all():
            below.append("path: " + note(path, drawn, "step", "not finite"))
        path = np.where(drawn, path, np.nan)
        lines = [path.T, path[:1].T]
    words = ["", "\n".join(filter(None, below)), ylabel]
    return [BLANK | {"lines": lines, "surfaces": (not flat) + (not finite.all()), "words": words}]


def expected_counts(counts, names, *, ax=None, title=None):
    counts = np.asarray(counts, float)
    if not ((counts >= 0) & np.isfinite(counts)).all():
        raise Refuse
    right = np.eye(len(counts), dtype=bool)
    mistakes = np.where(right, 0, counts)
    shades = np.where(right, 0.25, -mistakes / (mistakes.max() or 1))
    drawn = expected_map(shades, title=title, limits=(-1, 1), numbers=False)
    numbers = [cell(value, 2) if value else "·" for value in counts.flat]
    return [drawn | {"words": [title or "", "answer", "label"], "numbers": numbers}]


def expected_axes(width, height, *, rows, columns, height_ratios):
    return {"shape": () if rows == columns == 1 else (rows, columns), "size": [float(width), float(height)]}


def measured(**arguments):
    axes = plots.new_axes(**arguments)
    return {"shape": np.shape(axes), "size": [float(inches) for inches in plots.figure_of(axes).get_size_inches()]}


AX = Argument(Fresh(clean_axes), accept("None", answer=FINE))
IMAGE = np.array([[1.0, 2, 3], [4, 5, 6]])
ONE_NUMBER = accept(NUMBER_FORMS, hv.NUMPY_WHOLE, "np.float32 2.0")


def flag(*more):
    return Argument(False, accept("True", "False", "np.True_", *more, answer=RIGHT))


def words(*more):
    return Argument("words", accept("str", "str of digits", *more, answer=RIGHT))


# Boards: where the sliders then stand, and what the labels say.


class Enough(Exception):
    """The sliders stand, and what follows is known."""


ARRAYS = ("own", "image", "filters", "maps", "accuracy")


def board(name):
    """Make a board, whole only once for each position of its sliders."""
    known = {}
    whole = widgets.Board.__init__

    def call(**arguments):
        position = None

        def stop_if_known(self, controls, *rest, **options):
            nonlocal position
            images = [arguments[key] for key in ARRAYS if arguments.get(key) is not None]
            position = str([control.value for control in controls.values()] + [np.array(i, float) for i in images])
            if position in known:
                for control in controls.values():
                    control.close()
                raise Enough
            tracemalloc.stop()  # as following every object of a drawing takes several times as long as it
            whole(self, controls, *rest, **options)

        with mock.patch.object(widgets.Board, "__init__", stop_if_known), contextlib.suppress(Enough):
            made = getattr(widgets, name)(**arguments)
            known[position] = [label.value for label in made.labels]
            made.close()
        return position, known[position]

    return call


def made(**arguments):
    """Make a board of one's own."""
    board = widgets.Board(**arguments)
    words = [label.value for label in board.labels]
    board.close()
    return words


def printed(function):
    """What a call prints: its first line up to a comma or colon."""

    def call(**arguments):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            function(**arguments)
        return re.match("[^,:\n]*", said.getvalue())[0]

    return call


def small_matrix(values):
    """Accept what a board calls a small matrix, and refuse numbers beyond 1,000."""

    def answer(**arguments):
        array = np.asarray(arguments[values], float)
        if not (np.abs(array) <= 1000).all():
            raise Refuse
        return board("convolution_window")(**arguments | {values: array.tolist()})

    drawn = accept(hv.EXTREMES, "tuple of lists", "pair of pairs", answer=answer)
    return accept(PLAIN) | drawn | accept("None", answer=FINE)


def film(name, most):
    """Accept what a board calls a film, and refuse numbers beyond what it draws."""

    def answer(**arguments):
        array = np.asarray(arguments[name], float)
        if not (np.abs(array) <= most).all() or (name == "accuracy" and (array < 0).any()):
            raise Refuse
        return board("filter_film")(**arguments | {name: array.tolist()})

    return accept(PLAIN) | accept(hv.EXTREMES, "tuple of lists", answer=answer)


def slot(sound, *numbers):
    """A slider's place: a whole number, or a fraction where the sound one is."""
    forms = accept(NUMBER_FORMS if isinstance(sound, float) else WHOLE_FORMS)
    return Argument(sound, forms, accept(*numbers, answer=FINE))


BOARDS = {
    "widgets.filter_film": Case(
        board("filter_film"),
        filters=Argument(np.arange(18.0).reshape(2, 3, 3), film("filters", 1e6)),
        maps=Argument(np.arange(24.0).reshape(2, 3, 4), film("maps", 1e6)),
        accuracy=Argument(np.array([0.0, 1.0]), film("accuracy", 1)),
        step=slot(1, "0", "1"),
    ),
    "widgets.filter_update": Case(
        board("filter_update"), learning_rate=slot(0.125), steps=slot(2, "1", "2", "3", hv.NUMPY_WHOLE)
    ),
    "widgets.parabola": Case(board("parabola"), learning_rate=slot(0.125)),
    "widgets.binary_training": Case(
        board("binary_training"),
        learning_rate=slot(0.5, "0.5", "1", "2", "3", "1.5", "2.0", hv.NUMPY_WHOLE, "np.float32 2.0"),
        digits=slot(200),
        steps=slot(200),
    ),
    "widgets.digit_stages": Case(
        board("digit_stages"),
        network=Argument(None, accept("None", answer=FINE)),
        digit=slot(2, "0", "1", "2", "3", hv.NUMPY_WHOLE),
    ),
    "widgets.convolution_window": Case(
        board("convolution_window"),
        row=slot(1, "0", "1", "2", "3", hv.NUMPY_WHOLE),
        column=slot(1, "0", "1", "2", "3", hv.NUMPY_WHOLE),
        kernel=Argument("edge"),
        padding=slot(1, "0", "1", "2", hv.NUMPY_WHOLE),
        stride=slot(1, "1", "2", "3", hv.NUMPY_WHOLE),
        own=Argument(np.array([[1.0, 0], [0, -1]]), small_matrix("own")),
        image=Argument(np.array([[1.0, 2, 3], [4, 5, 6]]), small_matrix("image")),
    ),
    "widgets.backprop_stepper": Case(board("backprop_stepper"), step=slot(2, "0", "1", "2", "3", hv.NUMPY_WHOLE)),
    "widgets.logits": Case(
        board("logits"),
        z0=slot(0.5, hv.WHOLE[:-1], SMALL, hv.NUMPY_WHOLE, "np.float32 2.0"),
        z1=slot(0.5, hv.WHOLE[:-1], SMALL, hv.NUMPY_WHOLE, "np.float32 2.0"),
        right=slot(1, "0", "1", "np.int8 1", "big-endian 0-d int"),
    ),
    "widgets.nudge": Case(board("nudge"), what=Argument("w₀"), by=Argument(0.1, accept("list"))),
    "widgets.softmax_training": Case(
        board("softmax_training"),
        learning_rate=slot(0.5, "0.5", "1", "2", "3", "1.5", "2.0", hv.NUMPY_WHOLE, "np.float32 2.0"),
        steps=slot(2, "1", "2", "3", hv.NUMPY_WHOLE),
    ),
}

CASES = {
    "plots.new_axes": Case(
        measured,
        expected_axes,
        width=Argument(2.0, ONE_NUMBER, accept("1", "2", "3", "0.5", "1.5", "2.0", answer=RIGHT)),
        height=Argument(3, ONE_NUMBER, accept("1", "2", "3", "0.5", "1.5", "2.0", answer=RIGHT)),
        rows=Argument(2, accept(WHOLE_FORMS, "2", "np.uint64 2", "0-d int", answer=RIGHT), named=("height_ratios",)),
        columns=Argument(1, accept(WHOLE_FORMS, hv.NUMPY_WHOLE), accept("1", "2", "3", answer=RIGHT)),
        height_ratios=Argument([2.0, 1], accept("None", hv.PAIRS, "pair of floats", "one axis less", answer=RIGHT)),
    ),
    "plots.png": Case(lambda fig: plots.png(fig)[:4], fig=Argument(Fresh(clean_axes))),
    "plots.show": Case(shown, lambda fig, alt: [alt], fig=Argument(Fresh(clean_axes)), alt=words()),
    "plots.image": Case(
        drawing(plots.image),
        expected_image,
        changes=("ax",),
        values=Argument(IMAGE, accept(PLAIN), accept(hv.EXTREMES, "tuple of lists", answer=RIGHT), named=("box",)),
        ax=AX,
        title=words("None"),
        signed=flag(),
        limits=Argument((0.0, 10.0), accept("None", "one axis less", answer=RIGHT)),
        numbers=flag("None"),
        box=Argument((0, 1, 2, 2), accept("None", answer=RIGHT)),
        picture=flag(),
    ),
    "plots.images": Case(
        drawing(plots.images),
        expected_images,
        values=Argument(IMAGE[None], accept(PLAIN), accept(hv.EXTREMES, "tuple of lists", answer=RIGHT)),
        titles=Argument(["words"], accept("None", answer=RIGHT)),
        columns=Argument(1, accept(WHOLE_FORMS, hv.NUMPY_WHOLE), accept("None", "1", "2", "3", answer=RIGHT)),
        signed=flag(),
        limits=Argument(None, accept("None", "one axis less", answer=RIGHT)),
        numbers=flag("None"),
        picture=flag(),
        size=Argument(1.0, ONE_NUMBER, accept("1", "2", "3", "0.5", "1.5", "2.0", answer=RIGHT)),
    ),
    "plots.loss_curve": Case(
        drawing(plots.loss_curve),
        expected_curve,
        changes=("ax",),
        losses=Argument(
            np.array([3.0, 2, 1, 4]),
            accept(PLAIN),
            accept(hv.EXTREMES, hv.PAIRS, hv.EMPTY, ROWS, "tuple of lists", answer=RIGHT),
        ),
        ax=AX,
        label=words("None"),
        log=flag(),
        ylabel=words(),
    ),
    "plots.loss_surface": Case(
        drawing(plots.loss_surface),
        expected_surface,
        changes=("ax",),
        x=Argument(
            np.array([0.0, 1, 3]),
            accept(PLAIN),
            accept("tuple of lists", "one smallest denormal", answer=RIGHT),
            named=("losses",),
        ),
        y=Argument(
            np.array([1.0, 2]),
            accept(PLAIN),
            accept("tuple of lists", "one float32's largest", answer=RIGHT),
            named=("losses",),
        ),
        losses=Argument(IMAGE, accept(PLAIN), accept(hv.EXTREMES, "tuple of lists", answer=RIGHT)),
        ax=AX,
        path=Argument(
            np.array([[0.0, 1], [1, 1.5], [2, 2]]),
            accept(PLAIN),
            accept(hv.EXTREMES, "None", "tuple of lists", "pair of pairs", answer=RIGHT),
        ),
        xlabel=words(),
        ylabel=words(),
    ),
    "plots.network_map": Case(
        lambda marked: [text.get_text() for text in plots.network_map(marked).texts if text.get_color() == RED],
        marked=Argument(["w", "d"], accept("empty list", "no numbers", answer=FINE)),
    ),
    "plots.confusion_matrix": Case(
        drawing(plots.confusion_matrix),
        expected_counts,
        changes=("ax",),
        counts=Argument(
            np.array([[9, 1], [2, 8]]),
            accept(PLAIN),
            accept(hv.EXTREMES, "tuple of lists", "pair of pairs", answer=RIGHT),
        ),
        ax=AX,
        names=Argument(["no", "yes"]),
        title=words("None"),
    ),
    **BOARDS,
    "widgets.Board": Case(
        made,
        controls=Argument(Fresh(lambda: {"level": ipywidgets.IntSlider()})),
        figure=Argument(Fresh(lambda: Figure(figsize=(1, 1), dpi=50))),
        draw=Argument(lambda level: f"level {level}"),
        extra=Argument([], accept("empty list", "no numbers", answer=lambda **_: ["level 0", ""])),
    ),
    "widgets.Board.redraw": Case(lambda: widgets.backprop_stepper().redraw()),
    "widgets.Board.close": Case(lambda: widgets.backprop_stepper().close()),
    "exercises.progress": Case(printed(exercises.progress)),
    "exercises.results": Case(exercises.results),
    "exercises.Exercise.check": Case(
        printed(filter_update.gradient.check),
        function=Argument(
            None,
            accept(*(value.name for value in hv.values(None)), answer=lambda **_: "✗ Exercise 1.3"),
        ),
    ),
    "exercises.Exercise.hint": Case(printed(filter_update.gradient.hint)),
    "exercises.Exercise.solution": Case(printed(filter_update.gradient.solution)),
}


@pytest.mark.parametrize(("name", "argument"), hostile.calls(CASES))
def test_telling_values_that_cannot_be_drawn_get_an_error_that_helps(name, argument):
    taken = [] if argument is None else ["sound", *CASES[name].arguments[argument].accepted]
    hostile.check(CASES, name, argument, lambda value: hostile.is_telling(value) and value.name not in taken)


@pytest.fixture(scope="module")
def digits_are_read():
    """Read the digits beforehand, as later calls need not."""
    widgets.digit_stages().close()


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "argument"), hostile.calls(CASES))
@pytest.mark.usefixtures("digits_are_read")
def test_every_value_gets_the_right_picture_or_an_error_that_helps(name, argument):
    """Of what draws figures a quarter of the values is tried, another for each argument."""
    draws = name.startswith(("plots.", "widgets."))
    sampled = lambda value: zlib.crc32(f"{name} {argument} {value.name}".encode()) % 4 == 0
    hostile.check(CASES, name, argument, lambda value: not draws or value.name == "sound" or sampled(value))


def test_every_public_function_and_argument_has_a_case():
    assert not hostile.missing(CASES, "course")
