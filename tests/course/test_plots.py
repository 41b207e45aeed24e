"""The pictures: what they draw, that they draw where they are told, and that they leave nothing behind."""

import base64
import io
import re
import xml.etree.ElementTree

import matplotlib.figure
import numpy as np
import pytest
from boards import contrast
from matplotlib._pylab_helpers import Gcf
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb, to_rgba
from PIL import Image

from cnnlab.course import plots
from cnnlab.course.plots import _style as style

PINK = [0xFF, 0x77, 0xE9]
loud = pytest.mark.filterwarnings("error:Glyph", "error:constrained_layout", "error::RuntimeWarning")


def some_axes(**options):
    return matplotlib.figure.Figure().add_subplot(**options)


def removed():
    ax = some_axes()
    ax.remove()
    return ax


def texts(ax):
    return [text.get_text() for text in ax.texts]


def pixels(ax):
    return np.asarray(Image.open(io.BytesIO(plots.png(ax))).convert("RGB")).reshape(-1, 3)


def has_pink(ax):
    return (pixels(ax) == PINK).all(axis=1).any()


CALLS = {
    "image": lambda ax: plots.image(np.eye(3), ax),
    "loss_curve": lambda ax: plots.loss_curve([3.0, 2.0, 1.0], ax),
    "loss_surface": lambda ax: plots.loss_surface([0, 1, 2], [0, 1], [[1, 2, 3], [4, 5, 6]], ax),
    "confusion_matrix": lambda ax: plots.confusion_matrix([[9, 1], [2, 8]], ax, names=["0", "1"]),
}


@pytest.mark.parametrize("name", CALLS)
def test_it_draws_into_the_axes_it_is_given_or_makes_some_that_pyplot_does_not_know(name):
    ax = some_axes()
    assert CALLS[name](ax) is ax
    assert ax.has_data()
    made = CALLS[name](None)
    assert isinstance(made, Axes)
    assert made.has_data()
    assert not Gcf.get_all_fig_managers(), "it would be shown twice, and stay open"


def test_small_maps_carry_their_numbers_and_large_ones_none():
    assert texts(plots.image([[0.295, -1.0], [2.5, 1234.5]])) == ["0.295", "−1", "2.5", "1.23e+03"]
    assert texts(plots.image([[-0.0001, 0.0]])) == ["0", "0"]
    assert texts(plots.image(np.zeros((9, 9)))) == []


def test_a_small_picture_looks_like_a_large_one():
    ax = plots.image(np.eye(8), picture=True)
    assert texts(ax) == []
    assert list(ax.get_xticks()) == []
    assert ax.images[0].get_cmap().name == "gray"


def test_numbers_can_be_read_on_dark_and_on_bright_cells_and_on_those_that_are_not_finite():
    assert [text.get_color() for text in plots.image([[0.0, 1.0]]).texts] == ["white", "black"]
    ax = plots.image([[np.nan, -np.inf]])
    assert texts(ax) == ["nan", "−inf"]
    assert {text.get_color() for text in ax.texts} == {"black"}


def test_signed_values_are_coloured_around_zero_and_limits_are_kept():
    drawn = plots.image([[-1.0, 3.0]], signed=True).images[0]
    assert drawn.get_clim() == (-3, 3)
    assert drawn.get_cmap().name == "RdBu"
    assert plots.image([[0.2, 0.4]], limits=(0, 1)).images[0].get_clim() == (0, 1)
    drawn = plots.image([[-1e308, 0.25, 1e308]], limits=(0, 1)).images[0]
    np.testing.assert_array_equal(drawn.norm(drawn.get_array()), [[0, 0.25, 1]])


def test_the_frame_lies_around_the_cells_it_names():
    (frame,) = plots.image(np.zeros((5, 6)), box=(1, 2, 3, 4)).patches
    assert (frame.get_y(), frame.get_x(), frame.get_height(), frame.get_width()) == (0.5, 1.5, 3, 4)


def test_row_0_is_on_top_whatever_the_readers_matplotlibrc_says():
    rows = np.arange(9).reshape(3, 3)
    ax = plots.image(rows)
    bottom, top = ax.get_ylim()
    assert bottom > top
    with matplotlib.rc_context({"image.origin": "lower"}):
        assert plots.png(plots.image(rows)) == plots.png(ax)


def test_several_images_stand_in_rows():
    axes = plots.images([np.eye(2)] * 5, titles=list("abcde"), columns=3, signed=[True, *[False] * 4])
    assert axes.shape == (2, 3)
    assert [ax.get_title() for ax in axes.flat] == ["a", "b", "c", "d", "e", ""]
    assert [ax.images[0].get_cmap().name for ax in axes.flat[:2]] == ["RdBu", "gray"]
    assert not axes[1, 2].axison


@pytest.mark.parametrize(("signed", "picture"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("number", [np.nan, -np.inf])
def test_what_is_not_finite_has_a_colour_of_its_own_and_is_said(number, signed, picture):
    values = np.linspace(-1, 1, 49).reshape(7, 7)
    ax = plots.image(values, signed=signed, picture=picture, numbers=False)
    assert not has_pink(ax)
    assert ax.get_xlabel() == ""
    values[2, 3] = number
    plots.image(values, ax, signed=signed, picture=picture, numbers=False)
    assert has_pink(ax)
    assert ax.get_xlabel() == f"1 of 49 not finite,\nfirst at cell (2, 3): {f'{number}'.replace('-', '−')}"
    assert plots.image([[0, 1]], ax).get_xlabel() == "", "a note goes when the axes get a sound image"


def test_only_nan_everywhere_with_an_empty_title_is_a_place_left_empty():
    nothing = np.full((9, 9), np.nan)
    for title, empty in (("", True), (None, False), ("map", False)):
        ax = plots.image(nothing, title=title)
        assert (ax.get_xlabel() == "") == empty
        assert has_pink(ax) == (not empty)


@pytest.mark.parametrize("shape", [(1, 9000), (9000, 1)])
def test_a_row_of_many_cells_is_no_hair_line(shape):
    values = np.zeros(shape)
    values.reshape(-1)[4000:5000] = 1
    ax = plots.image(values)
    assert ax.get_aspect() == "auto"
    assert (pixels(ax) == 255).all(axis=1).sum() > 1000
    assert ax.get_window_extent().height > 50


def test_a_large_image_is_thinned_and_says_so():
    values = np.zeros((8191, 3), np.uint8)
    values[-1, -1] = 200
    ax = plots.image(values)
    assert ax.get_xlabel() == "drawn: one of 2 rows and columns"
    assert ax.images[0].get_array().shape == (4096, 2)
    assert ax.images[0].get_extent() == [-0.5, 2.5, 8190.5, -0.5]
    assert ax.images[0].get_clim() == (0, 200)


def test_every_line_differs_in_colour_style_and_marker():
    ax = plots.loss_curve([3, 2, 1], label="a")
    plots.loss_curve([3, 1, 2], ax, label="b")
    plots.loss_curve([1, 1, 1], ax, label="c")
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in ax.lines}
    assert [len(set(part)) for part in zip(*looks, strict=True)] == [3, 3, 3]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]


def test_a_loss_near_1_stands_at_its_axis_as_a_plain_number_and_a_tiny_one_as_a_power_of_ten():
    ticks = set()
    for losses in ([0.69, 0.61], [3.0, 1e-6]):
        ax = plots.loss_curve(losses)
        plots.png(ax)
        ticks |= {text.get_text() for text in ax.get_yticklabels(which="both")}
    assert {"0.65", "1", "0.01", r"$\mathdefault{10^{-6}}$"} <= ticks


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


def test_the_lines_of_equal_loss_lie_where_the_loss_is_equal():
    x, y = np.linspace(-2, 2, 81), np.linspace(-1, 1, 41)
    levels = np.geomspace(5e-4, 5, 12)  # the highest loss is 4 + 1
    for scale in (1, 1e300, 1e-300):
        ax = plots.loss_surface(x, y, scale * (x**2 + y[:, None] ** 2))
        for path, level in zip(ax.collections[0].get_paths(), levels, strict=True):
            ends = path.vertices[path.codes != path.CLOSEPOLY] if path.codes is not None else path.vertices
            np.testing.assert_allclose((ends**2).sum(axis=1), level, atol=2e-3)


def test_the_confusion_matrix_names_its_axes():
    ax = plots.confusion_matrix([[9, 1], [2, 8]], names=["no", "yes"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("answer", "label")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["no", "yes"]
    assert texts(ax) == ["9", "1", "2", "8"]


def test_a_confusion_matrix_shows_mistakes_darker_than_what_is_right_and_zeros_as_dots():
    ax = plots.confusion_matrix([[96, 1, 0], [2, 94, 4], [0, 0, 98]], names=["0", "1", "2"])
    shades = np.asarray(ax.images[0].get_array())
    assert shades[1, 2] == -1  # the most frequent mistake, in the darkest red
    assert shades[1, 2] < shades[1, 0] < shades[0, 1] < shades[0, 2] == 0
    assert len({shades[k, k] for k in range(3)}) == 1
    assert 0 < shades[0, 0] < 0.5
    assert texts(ax) == ["96", "1", "·", "2", "94", "4", "·", "·", "98"]


def test_show_stores_an_image_of_the_figures_shape_whose_alternative_text_is_its_words(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    plots.show(plots.new_axes(4, 2), alt='Axes, "empty" & of height < 3.')
    (picture,) = shown
    assert repr(picture) == 'Axes, "empty" & of height < 3.'
    (image,) = xml.etree.ElementTree.fromstring(f"<p>{picture._repr_html_().replace('>', '/>')}</p>")  # noqa: S314  (our own words)
    assert image.get("alt") == repr(picture)
    assert (image.get("width"), image.get("height")) == ("360", "180")
    stored = base64.b64decode(image.get("src").removeprefix("data:image/png;base64,"))
    assert Image.open(io.BytesIO(stored)).size == (540, 270)


def test_outside_a_notebook_show_prints_the_words_alone(capsys):
    plots.show(plots.new_axes(4, 2), alt="Axes without anything on them.")
    assert capsys.readouterr().out == "Axes without anything on them.\n"


@loud
@pytest.mark.parametrize("words", ["$\\frac$", "中", "\ud800", "a\0b", "\u200b", "x" * 301, 5, b"words", ["a"]])
def test_words_that_cannot_be_drawn_are_refused_before_anything_is_drawn(words):
    ax = some_axes()
    before = len(ax.get_children())
    calls = {
        "title": lambda: plots.image(np.eye(2), ax, title=words),
        "xlabel": lambda: plots.loss_surface([0, 1], [0, 1], EYE, ax, xlabel=words),
        "label": lambda: plots.loss_curve([1.0], ax, label=words),
        "names": lambda: plots.confusion_matrix(np.eye(1), ax, names=[words]),
    }
    for name, call in calls.items():
        with pytest.raises((TypeError, ValueError), match=rf"^{name}(\[0\])? must (be|have|hold|not hold) [^\n]*$"):
            call()
    assert len(ax.get_children()) == before


@loud
@pytest.mark.parametrize("words", ["∂L/∂K⁽⁰⁾", "$x^2$", "costs $5", "two\nlines", ""])
def test_words_that_can_be_drawn_are(words):
    assert plots.image(np.eye(2), title=words).get_title() == words


@loud
def test_a_figure_without_room_for_its_axes_is_refused():
    axes = plots.new_axes(1, 1, rows=5, columns=5)
    with pytest.raises(ValueError, match="fig has no room for its axes and words: make it larger"):
        plots.png(axes)


EYE = np.eye(2)
REFUSED = {
    "width and height of a figure must be from": lambda: plots.png(matplotlib.figure.Figure(figsize=(1000, 1000))),
    "at most 200 axes; got 1,000": lambda: plots.new_axes(rows=1000),
    "values must be at most 200 things; got 201": lambda: plots.images([EYE] * 201),
    "at most 200 things; got 201": lambda: plots.images(np.zeros((201, 2, 2))),
    "pass fewer images, another number of columns or": lambda: plots.images([np.ones((500, 1))], size=60),
    "values must hold at least one image": lambda: plots.images([]),
    "titles must be as many as the images, 1; got 2": lambda: plots.images([EYE], titles=["a", "b"]),
    "values must have shape (H, W), one image; got (3,)": lambda: plots.image(np.zeros(3)),
    "values must have shape (H, W), one image; got (0, 3)": lambda: plots.image(np.zeros((0, 3))),
    "values must have at most 67,108,864 numbers": lambda: plots.image(np.broadcast_to(True, (2**14, 2**13))),
    "numbers must be False for more than 32 rows": lambda: plots.image(np.zeros((33, 2)), numbers=True),
    "limits must be two finite numbers, the smaller": lambda: plots.image(EYE, limits=(1, 1)),
    "the smaller one first; got (nan, 1)": lambda: plots.image(EYE, limits=(np.nan, 1)),
    "box must lie within the image, 2×2; got 2×1 cells at": lambda: plots.image(EYE, box=(1, 1, 2, 1)),
    "ax must be one axes; got an array of shape": lambda: plots.image(EYE, np.array([some_axes()])),
    "ax must be in a figure": lambda: plots.image(EYE, removed()),
    "got polar axes": lambda: plots.image(EYE, some_axes(polar=True)),
    "got axes that were removed from theirs": lambda: plots.png(removed()),
    "fig must be a figure or axes; got str": lambda: plots.show("figure", alt="words"),
    "alt must say in words": lambda: plots.show(plots.new_axes(), alt=" "),
    "alt must be text that can be stored": lambda: plots.show(plots.new_axes(), alt="half \ud800"),
    "losses must have at most 1,048,576 numbers to be drawn": lambda: plots.loss_curve(np.zeros(2**21)),
    "losses must have shape (steps,)": lambda: plots.loss_curve(EYE),
    "label must be words that do not begin with _": lambda: plots.loss_curve([1.0], label="_hidden"),
    "label must be words": lambda: plots.loss_curve([1.0], label=" "),
    "losses must have shape (3, 2)": lambda: plots.loss_surface([0, 1], [0, 1, 2], EYE),
    "x must rise from number to number; got 0 after 0": lambda: plots.loss_surface([0, 0], [0, 1], EYE),
    "losses must be at least 0": lambda: plots.loss_surface([0, 1], [0, 1], -EYE),
    "counts must have shape (2, 2)": lambda: plots.confusion_matrix([[1]], names=["a", "b"]),
    "counts must be finite numbers from 0": lambda: plots.confusion_matrix([[0.0, -1], [1, 1]], names=["a", "b"]),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_drawn_or_would_take_too_much_is_refused(text):
    with pytest.raises((ValueError, TypeError), match=re.escape(text)):
        REFUSED[text]()


def test_the_map_of_the_network_is_red_from_the_loss_to_what_is_marked():
    def red(*marked):
        return sum(patch.get_edgecolor() == to_rgba(style.RED) for patch in plots.network_map(marked).patches)

    arrows = [red(), red("ŷ"), red("z"), red("w", "d"), red("f"), red("R"), red("K", "b"), red("I")]
    assert arrows == [0, 1, 2, 2 + 2, 3, 5, 6 + 2, 7]
    with pytest.raises(ValueError, match="marked must be names out of I, C, R, P, f, z, ŷ, K, b, w, d; got 'y'"):
        plots.network_map(["y"])


@pytest.mark.parametrize("share", np.linspace(-1, 1, 201))
def test_ink_stands_out_on_every_signed_colour(share):
    colour = style.colours_of(style.SIGNED)((share + 1) / 2)
    for ink in (style.ink_on(colour), style.ink_on_signed(share)):
        assert contrast(to_rgb(ink), colour) >= 4.5
