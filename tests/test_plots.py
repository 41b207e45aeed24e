"""The pictures: what they draw, that they draw where they are told, and that they leave nothing behind."""

import io
import subprocess
import sys

import matplotlib.figure
import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from cnnlab import plots


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
        "import sys; from cnnlab import plots\n"
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
        (lambda: plots.loss_surface([0, 1], [0], [[1], [2]]), ValueError, r"losses must have shape \(1, 2\)"),
        (lambda: plots.confusion_matrix([[1]], names=["a", "b"]), ValueError, r"counts must have shape \(2, 2\)"),
    ],
)
def test_errors_say_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call()
