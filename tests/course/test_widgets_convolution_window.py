"""What the sliders of notebook 2 show: each window by hand or by a loop, and words where there is none."""

import itertools

import numpy as np
import pytest
from boards import fit, words

from cnnlab.course import widgets
from cnnlab.course.widgets._convolution_window import IMAGE, KERNELS, OWN_KERNEL, convolution_step
from cnnlab.course.widgets._lettering import Lettering


def texts(monkeypatch, board, **values):
    """What a board writes at a place, in the letters that are its paths."""
    written = []
    monkeypatch.setattr(Lettering, "write", lambda lettering, items: written.extend(item.text for item in items))
    for name, value in values.items():
        board.controls[name].value = value
    board.draw(**{name: control.value for name, control in board.controls.items()})
    return {text for text in written if len(text) > 3}


EDGE = KERNELS["edge"]
SAID = {
    "the window that reaches into the padding": (
        (EDGE, 1, 0, 1, 1),
        "output (1, 0) is 27: 0·(−1) + 0·0 + 0·1 + 0·(−2) + 0·0 + 9·2 + 0·(−1) + 0·0 + 9·1",
        "H' = ⌊(5 + 2·1 − 3) / 1⌋ + 1 = 5 rows, W' = ⌊(6 + 2·1 − 3) / 1⌋ + 1 = 6 columns",
    ),
    "one row, rounded down": (
        (EDGE, 0, 1, 0, 3),
        "output (0, 1) is −27: ",
        "H' = ⌊(5 + 2·0 − 3) / 3⌋ + 1 = 1 row, W' = ⌊(6 + 2·0 − 3) / 3⌋ + 1 = 2 columns",
    ),
    "ninths as fractions": ((np.full((1, 3), 1 / 9), 2, 1, 0, 1), "output (2, 1) is 3: 9·1/9 + 9·1/9 + 9·1/9", ""),
    "a sum too long for its line": (
        (np.ones((5, 5)), 0, 0, 0, 1),
        "output (0, 0) is 90: the sum of the 25 products in the picture",
        "",
    ),
}


@pytest.mark.parametrize("what", SAID)
def test_the_words_say(what):
    arguments, first, second = SAID[what]
    said = convolution_step(IMAGE, *arguments).words.split("\n")
    assert said[0].startswith(first)
    assert said[1].startswith(second)


TRIED = {"edge": KERNELS["edge"], "own": OWN_KERNEL, "5×5": np.arange(25.0).reshape(5, 5) - 7, "2×3": np.ones((2, 3))}


@pytest.mark.parametrize("kernel", TRIED.values(), ids=TRIED)
@pytest.mark.parametrize(("padding", "stride"), [(0, 1), (1, 2), (2, 3)])
def test_every_cell_is_the_sum_of_its_window(kernel, padding, stride):
    padded = np.pad(IMAGE, padding)
    (k_rows, k_columns), (rows, columns) = kernel.shape, padded.shape
    shape = len(range(0, rows - k_rows + 1, stride)), len(range(0, columns - k_columns + 1, stride))
    for row, column in np.ndindex(shape):
        step = convolution_step(IMAGE, kernel, row, column, padding, stride)
        i, j = stride * row, stride * column
        assert step.corner == (i, j)
        assert step.output.shape == shape
        assert fit(step.words)
        total = sum(padded[i + u, j + v] * kernel[u, v] for u in range(k_rows) for v in range(k_columns))
        assert [step.total, step.output[row, column], step.products.sum()] == pytest.approx([total] * 3)
        assert step.words.startswith(f"output ({row}, {column}) is ")


def test_flat_areas_show_the_sum_of_the_kernel():
    totals = {name: convolution_step(IMAGE, kernel, 2, 2, 1, 1).total for name, kernel in KERNELS.items()}
    assert totals == {"edge": 0, "blur": pytest.approx(9), "sharpen": 9, "identity": 9}


def test_a_kernel_larger_than_the_padded_image_is_explained_until_the_padding_suffices():
    image, kernel = np.ones((2, 7)), np.ones((5, 5))
    step = convolution_step(image, kernel, 0, 0, 1, 1)
    assert step.output is step.total is None
    assert step.words.split("\n") == [
        "no window fits: the kernel has 5×5 cells, the padded image only 4×9",
        "H + 2p − k = 2 + 2·1 − 5 = −1 is below 0; p must be at least 2",
    ]
    assert convolution_step(image, kernel, 0, 0, 2, 1).total == 6  # two rows of three pixels each
    narrow = convolution_step(image.T, kernel, 0, 0, 0, 1)
    assert narrow.words.endswith("W + 2p − k = 2 + 2·0 − 5 = −3 is below 0; p must be at least 2")


def test_the_picture_carries_the_sum_and_the_sizes(monkeypatch):
    board = widgets.convolution_window()
    assert texts(monkeypatch, board) == {"image with p = 1: 7×8", "kernel: edge", "products", "map C: 5×6", "sum = 27"}
    board = widgets.convolution_window(kernel="own", own=np.ones((5, 5)), image=[[1]], row=0)
    assert texts(monkeypatch, board, padding=1) == {"image with p = 1: 3×3", "kernel: own"}


def test_an_own_kernel_of_another_size_can_be_chosen():
    board = widgets.convolution_window(row=0, column=0, kernel="own", padding=0, own=[[0, 1, 2, 3, 4]])
    assert words(board) == [
        "output (0, 0) is 0: 0·0 + 0·1 + 0·2 + 0·3 + 0·4",
        "H' = ⌊(5 + 2·0 − 1) / 1⌋ + 1 = 5 rows, W' = ⌊(6 + 2·0 − 5) / 1⌋ + 1 = 2 columns",
    ]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"own": [[0]]},
        {"own": -np.ones((5, 5)) / 3},
        {"own": np.full((5, 1), 1000), "image": [[-1000]]},
        {"own": np.ones((5, 5)), "image": np.zeros((2, 8))},
        {"image": np.random.default_rng(0).normal(size=(8, 8))},
    ],
)
def test_no_combination_of_the_controls_raises(options):
    board = widgets.convolution_window(**options)
    rows, columns = (range(0, board.controls[name].max + 1, 3) for name in ("row", "column"))
    for values in itertools.product(rows, columns, board.controls["kernel"].options, (0, 1, 2), (1, 3)):
        assert fit(board.draw(**dict(zip(board.controls, values, strict=True))))
    board.redraw()


# The last row and the last column of the map, by the formula of the page.
ENDS = {("edge", 1, 1): (4, 5), ("own", 2, 1): (7, 8), ("edge", 0, 1): (2, 3), ("edge", 0, 2): (1, 1)}


@pytest.mark.parametrize(("place", "last"), ENDS.items())
def test_the_sliders_end_where_the_map_does(place, last):
    board = widgets.convolution_window(7, 8, "own", 2)
    for name, value in zip(("kernel", "padding", "stride"), place, strict=True):
        board.controls[name].value = value
    row, column = board.controls["row"], board.controls["column"]
    assert (row.max, column.max) == (row.value, column.value) == last
    assert words(board)[0].startswith(f"output {last} is ")


def test_a_slider_over_a_map_of_one_row_rests_at_0():
    board = widgets.convolution_window(row=4, padding=0, stride=3)
    row, column = board.controls["row"], board.controls["column"]
    assert (row.value, row.disabled, column.max, column.disabled) == (0, True, 1, False)
    board.controls["stride"].value = 1
    assert (row.max, row.disabled) == (2, False)


TOO_MUCH = ([1, 2], [[]], np.ones((6, 2)), [[np.nan]], [[1001]])
REFUSED = [*({"own": own} for own in TOO_MUCH), {"image": np.zeros((9, 8))}]


@pytest.mark.parametrize("options", REFUSED)
def test_what_the_picture_has_no_room_for_is_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must h"):
        widgets.convolution_window(**options)
