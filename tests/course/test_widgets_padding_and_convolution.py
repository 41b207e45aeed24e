"""What the sliders of notebook 2 show: each window by hand or by a loop, and words where there is none."""

import itertools

import numpy as np
import pytest

from cnnlab.course import widgets
from cnnlab.course.widgets.padding_and_convolution import IMAGE, KERNELS, OWN, convolution_step

KERNELS_AND_OWN = {**KERNELS, "own": OWN, "5×5": np.arange(25.0).reshape(5, 5) - 7, "2×3": np.arange(6.0).reshape(2, 3)}


def lines(board):
    return [label.value for label in board.labels]


def texts(board):
    return [text.get_text() for text in board.figure.axes[0].texts if text.get_visible()]


def test_the_start_shows_the_window_that_reaches_into_the_padding():
    step = convolution_step(IMAGE, KERNELS["edge"], 1, 0, 1, 1)
    np.testing.assert_array_equal(step.products, [[0, 0, 0], [0, 0, 18], [0, 0, 9]])
    assert step.total == 27
    assert step.words.split("\n") == [
        "output (1, 0) is 27: 0·(−1) + 0·0 + 0·1 + 0·(−2) + 0·0 + 9·2 + 0·(−1) + 0·0 + 9·1",
        "H' = ⌊(5 + 2·1 − 3) / 1⌋ + 1 = 5 rows, W' = ⌊(6 + 2·1 − 3) / 1⌋ + 1 = 6 columns",
    ]


@pytest.mark.parametrize("kernel", KERNELS_AND_OWN.values(), ids=KERNELS_AND_OWN)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_every_cell_is_the_sum_of_its_window_or_is_explained(kernel, padding, stride):
    padded = np.pad(IMAGE, padding)
    (k_rows, k_columns), (rows, columns) = kernel.shape, padded.shape
    for row, column in itertools.product(range(9), range(10)):
        step = convolution_step(IMAGE, kernel, row, column, padding, stride)
        i, j = stride * row, stride * column
        assert step.corner == (i, j)
        if i + k_rows <= rows and j + k_columns <= columns:
            total = sum(padded[i + u, j + v] * kernel[u, v] for u in range(k_rows) for v in range(k_columns))
            assert step.total == pytest.approx(total)
            assert step.output[row, column] == pytest.approx(total)
            assert step.products.sum() == pytest.approx(total)
            assert step.words.startswith(f"output ({row}, {column}) is ")
        else:
            assert step.products is step.total is None
            assert step.words.startswith(f"there is no output ({row}, {column}), ")
        assert step.output.shape == (
            len(range(0, rows - k_rows + 1, stride)),
            len(range(0, columns - k_columns + 1, stride)),
        )
        assert max(len(line) for line in step.words.split("\n")) <= 110


def test_flat_areas_show_the_sum_of_the_kernel():
    totals = {name: convolution_step(IMAGE, kernel, 2, 2, 1, 1).total for name, kernel in KERNELS.items()}
    assert totals == {"edge": 0, "blur": pytest.approx(9), "sharpen": 9, "identity": 9}


def test_the_formula_rounds_down_and_says_one_row():
    step = convolution_step(IMAGE, KERNELS["edge"], 0, 0, 0, 3)
    assert step.words.endswith("\nH' = ⌊(5 + 2·0 − 3) / 3⌋ + 1 = 1 row, W' = ⌊(6 + 2·0 − 3) / 3⌋ + 1 = 2 columns")


@pytest.mark.parametrize(
    ("row", "column", "stride", "words"),
    [
        (2, 0, 2, "there is no output (2, 0), only rows 0 to 1 and columns 0 to 1: the window sticks out below"),
        (0, 2, 2, "there is no output (0, 2), only rows 0 to 1 and columns 0 to 1: the window sticks out to the right"),
        (
            7,
            8,
            3,
            "there is no output (7, 8), only row 0 and columns 0 to 1: the window sticks out below and to the right",
        ),
    ],
)
def test_a_cell_beyond_the_map_is_explained(row, column, stride, words):
    assert convolution_step(IMAGE, KERNELS["edge"], row, column, 0, stride).words.split("\n")[0] == words


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


def test_ninths_stand_in_the_words_as_fractions():
    words = convolution_step(IMAGE, KERNELS["blur"], 2, 2, 1, 1).words
    assert words.startswith("output (2, 2) is 9: " + " + ".join(["9·1/9"] * 9) + "\n")


def test_a_sum_too_long_for_its_line_is_left_to_the_picture():
    step = convolution_step(IMAGE, np.ones((5, 5)), 0, 0, 0, 1)
    assert step.words.startswith("output (0, 0) is 90: the sum of the 25 products in the picture\n")


def test_the_picture_carries_the_sum_and_the_sizes():
    board = widgets.convolution_window()
    assert set(texts(board)) == {"image with p = 1: 7×8", "kernel: edge", "products", "map C: 5×6", "sum = 27"}
    board.controls["padding"].value = 0
    board.controls["stride"].value = 2
    board.controls["row"].value = 2
    assert set(texts(board)) == {"image with p = 0: 5×6", "kernel: edge", "map C: 2×2", "no output\n(2, 0)"}
    assert lines(board)[0].startswith("there is no output (2, 0), ")


def test_an_own_kernel_of_another_size_can_be_chosen():
    board = widgets.convolution_window(row=0, column=0, kernel="own", padding=0, own=[[0, 1, 2, 3, 4]])
    assert "kernel: own" in texts(board)
    assert lines(board) == [
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
        words = board.draw(**dict(zip(board.controls, values, strict=True)))
        assert max(len(line) for line in words.split("\n")) <= 110
    board.redraw()


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_sliders_reach_every_cell_of_the_largest_map_and_go_beyond_all_others(kernel):
    board = widgets.convolution_window(kernel=kernel, padding=2)
    assert (board.controls["row"].max, board.controls["column"].max) == (5 + 4 - 2, 6 + 4 - 2)  # own: 2×2


@pytest.mark.parametrize("own", [[1, 2], [[]], np.ones((6, 2)), [[np.nan]], [[1001]]])
def test_an_own_kernel_that_the_picture_has_no_room_for_is_refused(own):
    with pytest.raises(ValueError, match="own must"):
        widgets.convolution_window(own=own)


def test_an_image_too_large_is_refused():
    with pytest.raises(ValueError, match="image must have 1 to 8 rows and columns"):
        widgets.convolution_window(image=np.zeros((9, 8)))
