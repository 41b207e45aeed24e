"""The pictures: what they draw, that they draw where they are told, and that they leave nothing behind."""

import io
import re
import subprocess
import sys

import hostile_values
import matplotlib.figure
import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from cnnlab.course import plots


def some_axes():
    return matplotlib.figure.Figure().add_subplot()


def texts(ax):
    return [text.get_text() for text in ax.texts]


CALLS = {
    "image": lambda ax: plots.image(np.eye(3), ax),
    "loss_curve": lambda ax: plots.loss_curve([3.0, 2.0, 1.0], ax),
    "tangent": lambda ax: plots.tangent(np.square, 1.0, 2.0, ax),
    "loss_surface": lambda ax: plots.loss_surface([0, 1, 2], [0, 1], [[1, 2, 3], [4, 5, 6]], ax),
    "confusion_matrix": lambda ax: plots.confusion_matrix([[9, 1], [2, 8]], ax, names=["0", "1"]),
}


@pytest.mark.parametrize("name", CALLS)
def test_it_draws_into_the_axes_it_is_given_and_returns_them(name):
    ax = some_axes()
    assert CALLS[name](ax) is ax
    assert ax.has_data()


@pytest.mark.parametrize("name", CALLS)
def test_it_makes_axes_where_it_is_given_none(name):
    ax = CALLS[name](None)
    assert isinstance(ax, Axes)
    assert ax.has_data()


def test_pictures_leave_no_figure_open():
    code = (
        "import sys; from cnnlab.course import plots\n"
        "for _ in range(30): plots.png(plots.images([[[1, 2], [3, 4]]]))\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (result.stdout.strip(), result.stderr) == ("False", "")


def test_small_maps_carry_their_numbers():
    assert texts(plots.image([[0.295, -1.0], [2.5, 1234.5]])) == ["0.295", "−1", "2.5", "1.23e+03"]


def test_large_images_carry_no_numbers():
    assert texts(plots.image(np.zeros((9, 9)))) == []


def test_a_small_picture_looks_like_a_large_one():
    ax = plots.image(np.eye(8), picture=True)
    assert texts(ax) == []
    assert list(ax.get_xticks()) == []
    assert ax.images[0].get_cmap().name == "gray"


def test_a_number_that_rounds_to_zero_has_no_sign():
    assert texts(plots.image([[-0.0001, 0.0]])) == ["0", "0"]


def test_numbers_can_be_read_on_dark_and_on_bright_cells():
    ax = plots.image([[0.0, 1.0]])
    assert [text.get_color() for text in ax.texts] == ["white", "black"]


def test_signed_values_are_coloured_around_zero():
    drawn = plots.image([[-1.0, 3.0]], signed=True).images[0]
    assert (drawn.norm.vmin, drawn.norm.vmax) == (-3, 3)
    assert drawn.get_cmap().name == "RdBu"


def test_limits_are_kept():
    drawn = plots.image([[0.2, 0.4]], limits=(0, 1)).images[0]
    assert (drawn.norm.vmin, drawn.norm.vmax) == (0, 1)


def test_row_0_is_at_the_top():
    bottom, top = plots.image(np.eye(3)).get_ylim()
    assert bottom > top


def test_the_frame_lies_around_the_cells_it_names():
    (frame,) = plots.image(np.zeros((5, 6)), box=(1, 2, 3, 4)).patches
    assert (frame.get_y(), frame.get_x(), frame.get_height(), frame.get_width()) == (0.5, 1.5, 3, 4)


def test_a_constant_or_a_non_finite_image_can_be_drawn():
    for values in (np.zeros((2, 2)), np.full((2, 2), np.nan), [[np.inf, 1.0]]):
        plots.png(plots.image(values))


def test_several_images_stand_in_rows():
    axes = plots.images([np.eye(2)] * 5, titles=list("abcde"), columns=3)
    assert axes.shape == (2, 3)
    assert [ax.get_title() for ax in axes.flat] == ["a", "b", "c", "d", "e", ""]
    assert not axes[1, 2].axison


def test_every_line_differs_in_colour_style_and_marker():
    ax = plots.loss_curve([3, 2, 1], label="a")
    plots.loss_curve([3, 1, 2], ax, label="b")
    plots.loss_curve([1, 1, 1], ax, label="c")
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in ax.lines}
    assert [len(set(part)) for part in zip(*looks, strict=True)] == [3, 3, 3]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]


def test_the_tangent_touches_the_curve_if_the_slope_is_right():
    curve, line, point = plots.tangent(np.square, 3.0, 6.0, reach=2).lines
    gap = curve.get_ydata() - line.get_ydata()
    np.testing.assert_allclose(gap, (curve.get_xdata() - 3) ** 2, atol=1e-12)  # x² − (9 + 6 (x − 3))
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (3, 9)


def test_the_confusion_matrix_names_its_axes():
    ax = plots.confusion_matrix([[9, 1], [2, 8]], names=["no", "yes"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("answer", "right class")
    assert texts(ax) == ["9", "1", "2", "8"]


def test_show_stores_the_picture_with_its_words(capsys, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *args, **kwargs: shown.append((args, kwargs)))
    plots.show(plots.image(np.eye(2)), alt="A grid with ones on the diagonal.")
    ((data,), options) = shown[0]
    assert data["text/plain"] == "A grid with ones on the diagonal."
    assert options["metadata"]["image/png"]["alt"] == "A grid with ones on the diagonal."
    assert options["raw"] is True


def test_png_renders_a_picture_of_the_figures_shape():
    ax = plots.new_axes(4, 2)
    width, height = Image.open(io.BytesIO(plots.png(ax))).size
    assert width == 2 * height


def test_row_0_is_on_top_whatever_the_readers_matplotlibrc_says():
    rows = np.arange(9).reshape(3, 3)
    usual = plots.png(plots.image(rows))
    with matplotlib.rc_context({"image.origin": "lower"}):
        assert plots.png(plots.image(rows)) == usual


def pixels(ax):
    return np.asarray(Image.open(io.BytesIO(plots.png(ax))).convert("RGB")).reshape(-1, 3)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("picture", [False, True])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_has_a_colour_of_its_own_and_is_said(number, signed, picture):
    values = np.linspace(-1, 1, 49).reshape(7, 7)
    sound = plots.image(values, signed=signed, picture=picture, numbers=False)
    mine = np.array([0xFF, 0x77, 0xE9])
    assert not (pixels(sound) == mine).all(axis=1).any()
    assert sound.get_xlabel() == ""
    values[2, 3] = number
    ax = plots.image(values, signed=signed, picture=picture, numbers=False)
    assert (pixels(ax) == mine).all(axis=1).any()
    written = f"{number}".replace("-", "−")
    assert ax.get_xlabel() == f"1 of 49 not finite,\nfirst at cell (2, 3): {written}"


def test_the_number_in_a_cell_that_is_not_finite_can_be_read():
    ax = plots.image([[np.nan, -np.inf]])
    assert [text.get_text() for text in ax.texts] == ["nan", "−inf"]
    assert {text.get_color() for text in ax.texts} == {"black"}


def test_a_note_goes_when_the_axes_get_a_sound_image():
    ax = plots.image([[np.nan, 1]])
    assert plots.image([[0, 1]], ax).get_xlabel() == ""


def test_only_nan_everywhere_with_an_empty_title_is_a_place_left_empty():
    nothing = np.full((9, 9), np.nan)
    for values, title, empty in ((nothing, "", True), (nothing, None, False), (nothing, "map", False)):
        ax = plots.image(values, title=title)
        assert (ax.get_xlabel() == "") == empty
        assert (pixels(ax) == [0xFF, 0x77, 0xE9]).all(axis=1).any() == (not empty)


@pytest.mark.parametrize("shape", [(1, 9000), (9000, 1)])
def test_a_row_of_many_cells_is_no_hair_line(shape):
    values = np.zeros(shape)
    values.reshape(-1)[4000:5000] = 1
    ax = plots.image(values)
    bright = (pixels(ax) == 255).all(axis=1).sum()
    assert ax.get_aspect() == "auto"
    assert ax.get_window_extent().height > 50
    assert bright > 1000


def test_a_large_image_is_thinned_and_says_so():
    values = np.zeros((8191, 3), np.uint8)
    values[-1, -1] = 200
    ax = plots.image(values)
    assert ax.get_xlabel() == "drawn: one of 2 rows and columns"
    assert ax.images[0].get_array().shape == (4096, 2)
    assert ax.images[0].get_extent() == [-0.5, 2.5, 8190.5, -0.5]
    assert ax.images[0].get_clim() == (0, 200)


def test_limits_hold_for_numbers_far_beyond_them():
    drawn = plots.image([[-1e308, 0.25, 1e308]], limits=(0, 1)).images[0]
    np.testing.assert_array_equal(drawn.norm(drawn.get_array()), [[0, 0.25, 1]])


def test_what_has_no_place_on_the_axis_is_marked_at_its_edge_and_said():
    ax = plots.loss_curve([1.0, np.nan, 0.5, 0.0, np.inf, -1.0], label="first")
    line, marks = ax.lines
    np.testing.assert_array_equal(line.get_ydata(), [1, np.nan, 0.5, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(marks.get_data(), [[1, 3, 4, 5], [1, 0, 1, 0]])
    assert ax.get_xlabel() == "step\nfirst: 4 of 6 off the axis (×),\nfirst at step 1: nan"
    plots.loss_curve([1.0, 0.0], ax, label="second")
    assert ax.get_xlabel().endswith("nan\nsecond: 1 of 2 off the axis (×),\nfirst at step 1: 0")
    assert len({line.get_linestyle() for line in ax.lines if line.get_marker() != "x"}) == 2
    plots.png(ax)


def test_a_linear_axis_has_a_place_for_zero_and_below():
    ax = plots.loss_curve([1.0, 0.0, -1e300, 5e-324], log=False)
    assert len(ax.lines) == 1
    assert ax.get_xlabel() == "step"


def test_a_run_that_is_no_number_at_all_is_told_too():
    ax = plots.loss_curve([np.nan] * 3)
    plots.png(ax)
    assert "3 of 3 off the axis" in ax.get_xlabel()


def test_the_lines_of_equal_loss_lie_where_the_loss_is_equal():
    x, y = np.linspace(-2, 2, 81), np.linspace(-1, 1, 41)
    for scale in (1, 1e300, 1e-300):
        ax = plots.loss_surface(x, y, scale * (x**2 + y[:, None] ** 2))
        paths = ax.collections[0].get_paths()
        levels = np.geomspace(5e-4, 5, 12)  # the highest loss is 4 + 1
        assert len(paths) == 12
        for path, level in zip(paths, levels, strict=True):
            ends = path.vertices[path.codes != path.CLOSEPOLY] if path.codes is not None else path.vertices
            np.testing.assert_allclose((ends**2).sum(axis=1), level, atol=2e-3)


@pytest.mark.parametrize("answer", list(hostile_values.values(2.0)), ids=lambda value: value.name)
def test_a_function_that_returns_no_number_has_no_tangent(answer):
    ax = some_axes()
    before = len(ax.get_children())
    value, refused = answer.make(), None
    try:
        plots.tangent(lambda x: value, 1.0, 0.0, ax)
    except TypeError as error:
        refused = error
    if refused is not None:
        assert re.match(r"f\(0\) (must be one number; got|has dtype) [^\n]*$", str(refused))
        assert refused.__suppress_context__ or refused.__context__ is None
        assert len(ax.get_children()) == before
    else:
        number = float(np.asarray(value))
        drawn = number if abs(number) <= 1e300 else np.nan
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), np.full(81, drawn))
        assert ("81 of 81 not finite" in ax.get_xlabel()) == bool(np.isnan(drawn))


UNDRAWABLE = ["$\\frac$", "中", "\ud800", "a\0b", "\u200b", "\x07", "x" * 301, 5, None, b"words", ["a"]]


@pytest.mark.filterwarnings("error:Glyph", "error:constrained_layout", "error::RuntimeWarning")
@pytest.mark.parametrize("words", UNDRAWABLE)
def test_words_that_cannot_be_drawn_are_refused_before_anything_is_drawn(words):
    ax = some_axes()
    before = len(ax.get_children())
    calls = {
        "title": lambda: plots.image(np.eye(2), ax, title=words),
        "xlabel": lambda: plots.tangent(np.square, 1.0, 2.0, ax, xlabel=words),
        "ylabel": lambda: plots.loss_curve([1.0], ax, ylabel=words),
        "label": lambda: plots.loss_curve([1.0], ax, label=words),
        "names": lambda: plots.confusion_matrix(np.eye(1), ax, names=[words]),
    }
    for name, call in calls.items():
        if words is None and name in ("title", "label"):
            continue
        with pytest.raises((TypeError, ValueError), match=rf"^{name}(\[0\])? must (be|have|hold|not hold) [^\n]*$"):
            call()
    assert len(ax.get_children()) == before


@pytest.mark.filterwarnings("error:Glyph", "error:constrained_layout", "error::RuntimeWarning")
@pytest.mark.parametrize("words", ["∂L/∂K⁽⁰⁾", "$x^2$", "costs $5", "two\nlines", "a b", ""])
def test_words_that_can_be_drawn_are(words):
    assert plots.image(np.eye(2), title=words).get_title() == words


@pytest.mark.parametrize("label", ["", " ", "_hidden"])
def test_a_label_that_a_legend_would_leave_out_is_refused(label):
    with pytest.raises(ValueError, match="label must be words"):
        plots.loss_curve([1.0], label=label)


@pytest.mark.filterwarnings("error:Glyph", "error:constrained_layout", "error::RuntimeWarning")
def test_a_figure_without_room_for_its_axes_is_refused():
    axes = plots.new_axes(1, 1, rows=5, columns=5)
    with pytest.raises(ValueError, match="fig has no room for its axes and words: make it larger"):
        plots.png(axes)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: plots.png(matplotlib.figure.Figure(figsize=(1000, 1000))), "at most 1,000; got 1000 and 1000"),
        (lambda: plots.new_axes(rows=1000), "at most 200 axes; got 1,000"),
        (lambda: plots.images([np.eye(2)] * 201), "values must be at most 200 things; got 201"),
        (lambda: plots.images(np.zeros((201, 2, 2))), "values must be at most 200 things; got 201"),
        (lambda: plots.images([np.ones((500, 1))], size=60), "pass fewer images, another number of columns or"),
        (lambda: plots.image(np.zeros((33, 2)), numbers=True), "numbers must be False for more than 32 rows"),
        (
            lambda: plots.image(np.zeros((2**14, 2**13), bool)),
            "values must have at most 67,108,864 numbers",
        ),
        (lambda: plots.loss_curve(np.zeros(2**21)), "losses must have at most 1,048,576 numbers to be drawn"),
        (lambda: plots.image(np.eye(2), limits=(1, 1)), "limits must be two finite numbers, the smaller"),
        (
            lambda: plots.image(np.eye(2), limits=(np.nan, 1)),
            "limits must be two finite numbers, the smaller one first",
        ),
        (lambda: plots.image(np.eye(2), box=(1, 1, 2, 1)), "box must lie within the image, 2×2; got 2×1 cells at"),
        (lambda: plots.image(np.eye(2), np.array([some_axes()])), "ax must be one axes; got an array of shape"),
        (lambda: plots.image(np.eye(2), removed()), "ax must be in a figure"),
        (lambda: plots.image(np.eye(2), matplotlib.figure.Figure().add_subplot(polar=True)), "got polar axes"),
        (lambda: plots.png(removed()), "got axes that were removed from theirs"),
        (lambda: plots.show(plots.new_axes(), alt="half \ud800"), "alt must be text that can be stored"),
        (lambda: plots.confusion_matrix([[0.0, -1], [1, 1]], names=["a", "b"]), "counts must be finite numbers from 0"),
        (lambda: plots.tangent(np.square, 1e20, 1.0), "reach must be large enough"),
        (lambda: plots.loss_surface([0, 0], [0, 1], np.eye(2)), "x must rise from number to number; got 0 after 0"),
    ],
)
def test_what_would_take_too_much_or_show_nothing_is_refused(call, text):
    with pytest.raises((ValueError, TypeError), match=re.escape(text)):
        call()


def removed():
    ax = some_axes()
    ax.remove()
    return ax


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: plots.show(plots.new_axes(), alt=" "), ValueError, "alt must say in words"),
        (lambda: plots.show("figure", alt="words"), TypeError, "fig must be a figure or axes; got str"),
        (lambda: plots.image(np.zeros(3)), ValueError, r"values must have shape \(H, W\), one image; got \(3,\)"),
        (lambda: plots.image(np.zeros((0, 3))), ValueError, r"values must have shape \(H, W\)"),
        (lambda: plots.images([]), ValueError, "values must hold at least one image"),
        (lambda: plots.images([np.eye(2)], titles=["a", "b"]), ValueError, "as many as the images, 1; got 2"),
        (lambda: plots.loss_curve(np.eye(2)), ValueError, r"losses must have shape \(steps,\)"),
        (lambda: plots.loss_surface([0, 1], [0, 1, 2], np.eye(2)), ValueError, r"losses must have shape \(3, 2\)"),
        (lambda: plots.confusion_matrix([[1]], names=["a", "b"]), ValueError, r"counts must have shape \(2, 2\)"),
    ],
)
def test_errors_say_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call()
