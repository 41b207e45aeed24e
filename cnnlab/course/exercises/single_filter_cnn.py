"""Exercises of notebook 3: the chain rule through a whole network, one stage at a time."""

# ruff: noqa: E741  (the image is I and a block is (k, l) in the formulas, and so in the code)
import numpy as np

from cnnlab.activations import relu_backward
from cnnlab.convolution import conv2d, conv2d_backward, zero_pad
from cnnlab.course.exercises.checker import exercise
from cnnlab.pooling import max_pool2d, max_pool2d_backward

# Of the page's sizes: fixed sizes in a function fail elsewhere and pass here.
_rng = np.random.default_rng(3)
PAGE_MAP, PAGE_POOLED = _rng.normal(size=(32, 32)), _rng.normal(size=(16, 16))
PAGE_IMAGE = _rng.integers(1, 255, (32, 32))
ODD_MAP = np.array(
    [
        [4.0, 1, 0, 2, 3, 5, 9],
        [2, 3, 7, 1, 6, 0, 9],
        [0, 5, 1, 8, 2, 1, 9],
        [1, 2, 3, 4, 5, 7, 9],
        [9, 9, 9, 9, 9, 9, 9.5],
    ]
)
# Each two cells of a block are equal once.
TIED_MAP = np.array([[7.0, 7, 6, 2, 5, 1, 0, 4, 1, 3, 2, 1], [2, 1, 6, 4, 0, 5, 4, 1, 0, 3, 8, 8]])
NEGATIVE_MAP = np.array([[-1.0, -3], [-2, -4], [-9, -6], [-5, -8]])


@exercise(
    "3.1",
    "a 2×2 max pool of any size",
    inputs=[
        (np.array([[6, 1, 2, 4, 0, 5], [5, 3, 7, 8.5, 1, 2]]),),
        (NEGATIVE_MAP,),
        (ODD_MAP,),
        (PAGE_MAP,),
        (np.array([[-5000.0, -3000], [-4000, -2500.5]]),),  # no search may begin at a number that was thought small
        (TIED_MAP,),
    ],
    without=(max_pool2d,),
    hints=[
        "How many whole 2×2 blocks fit below each other, and how many side by side? R.shape[0] counts rows, "
        "R.shape[1] columns. A block beyond the edge is empty and has no maximum: NumPy then speaks of a zero-size "
        "array.",
        "Start from the loop above. Which of its numbers depend on the size of the map, and which belong to the 2×2 "
        "block? Only the former change.",
        "P has R.shape[0] // 2 rows and R.shape[1] // 2 columns, and k and l run over them. Block (k, l) begins at "
        "row 2k and column 2l.",
    ],
)
def max_pool(R):
    rows, columns = R.shape[0] // 2, R.shape[1] // 2
    P = np.zeros((rows, columns))
    for k in range(rows):
        for l in range(columns):
            P[k, l] = R[2 * k : 2 * k + 2, 2 * l : 2 * l + 2].max()
    return P


def pool_blocks(R, rows, columns, summary=np.max):
    P = np.zeros((rows, columns))
    for k, l in np.ndindex(rows, columns):
        P[k, l] = summary(R[2 * k : 2 * k + 2, 2 * l : 2 * l + 2])
    return P


def pool_whole_blocks(R, summary):
    return pool_blocks(R, R.shape[0] // 2, R.shape[1] // 2, summary)


def max_pool_of_even_maps(R):
    P = np.zeros((R.shape[0] // 2, R.shape[1] // 2))
    for i in range(0, R.shape[0], 2):
        for j in range(0, R.shape[1], 2):
            P[i // 2, j // 2] = max(R[i, j], R[i, j + 1], R[i + 1, j], R[i + 1, j + 1])
    return P


def pool_slices_that_end_at_k_plus_2(R):
    P = np.zeros((R.shape[0] // 2, R.shape[1] // 2))
    for k, l in np.ndindex(P.shape):
        P[k, l] = R[2 * k : k + 2, 2 * l : l + 2].max()
    return P


max_pool.add_slips(
    "size_of_the_page: You count 16 rows and 16 columns of blocks whatever the map. "
    "Take half of R.shape[0] and half of R.shape[1].",
    lambda R: pool_blocks(R, 16, 16),
    "map_taken_for_a_square: You use the number of rows for the columns too. "
    "A map need not be square: columns are R.shape[1].",
    lambda R: pool_blocks(R, R.shape[0] // 2, R.shape[0] // 2),
    "shape_exchanged: You take the number of columns for the number of rows. "
    "R.shape is (rows, columns), in this order.",
    lambda R: pool_blocks(R, R.shape[1] // 2, R.shape[0] // 2),
    "block_for_each_cell: A piece is empty (NumPy says zero-size): it begins beyond the edge, or where it ends. "
    "Do your loops run over R.shape? It counts cells: how many blocks fit below each other, and side by side?",
    lambda R: pool_blocks(R, *R.shape),
    "k_and_l_exchanged: k and l are exchanged: k counts rows of blocks and l columns, so block (k, l) is "
    "R[2k : 2k + 2, 2l : 2l + 2], in this order.",
    lambda R: pool_blocks(R.T, R.shape[0] // 2, R.shape[1] // 2),
    "slice_ends_at_k_plus_2: Your slices begin at 2k and end at k + 2, so they are empty from k = 2 on. "
    "Two rows from row 2k on are 2k : 2k + 2.",
    pool_slices_that_end_at_k_plus_2,
    "pythons_max: Arrays are compared here where Python wants one answer. "
    "Python's own max does that with the rows of a block; block.max() finds the largest of its numbers.",
    lambda R: pool_whole_blocks(R, max),
    "incomplete_blocks: You pool the incomplete blocks at the edge of an odd map too. "
    "Drop them: count with //, which rounds down.",
    lambda R: pool_blocks(R, (R.shape[0] + 1) // 2, (R.shape[1] + 1) // 2),
    "even_maps_only: Even sizes are right. Of an odd map, the last row and the last column fill no block, "
    "and your loop still looks for their partners beyond the edge. Leave them out.",
    max_pool_of_even_maps,
    "reshaped: Even sizes are right. An odd map cannot be cut into whole blocks: "
    "cut off its last row or column first, by a slice.",
    lambda R: R.reshape(R.shape[0] // 2, 2, R.shape[1] // 2, 2).max(axis=(1, 3)),
    "search_from_0: A block of negative numbers gives 0, as if the search for the largest began at 0. "
    "Begin with a number of the block.",
    lambda R: pool_whole_blocks(R, lambda block: max(0, block.max())),
    "mean_of_each_block: You take the mean of each block. The pool lets its largest number pass: block.max().",
    lambda R: pool_whole_blocks(R, np.mean),
    "overlapping_blocks: The size is right, but your blocks begin at (k, l) and overlap. "
    "Block (k, l) begins at row 2k and column 2l.",
    lambda R: max_pool2d(R, stride=1)[: R.shape[0] // 2, : R.shape[1] // 2],
    "stride_1: Your windows overlap: each begins one row or column after the one before. "
    "Blocks lie side by side, and block (k, l) begins at row 2k and column 2l.",
    lambda R: max_pool2d(R, stride=1),
    "first_cell_of_each_block: Only the upper left number of each block arrives. "
    "A slice ends before its end: 0 : 1 is one row, 0 : 2 is two.",
    lambda R: pool_whole_blocks(R, lambda block: block[0, 0]),
    "last_cell_of_each_block: Only the lower right number of each block arrives: each replaces the one before. "
    "Keep the larger one.",
    lambda R: pool_whole_blocks(R, lambda block: block[1, 1]),
    "result_as_large_as_the_map: Your result is as large as the map, and most of it was never filled. "
    "P has one cell for each block: half as many rows and half as many columns.",
    lambda R: np.pad(max_pool2d(R), [(0, n - n // 2) for n in R.shape]),
)


@exercise(
    "3.2",
    "max pool backward, with ties",
    inputs=[
        # The four places of a winner, of which none is opposite to the smallest number, and whole numbers in R.
        (np.array([[1.5, -2, 3, 0.5]]), np.array([[2, 1, -3, 6, 0, -1, 9, 3], [5, -1, 4, 2, 3, 8, -2, 7]])),
        (np.array([[2.0], [-4], [0.5]]), np.array([[0.0, 0], [0, 0], [1, 4], [4, 2], [3, 1], [3, 2.5]])),
        (np.array([[3.0]]), np.array([[-6.0, -9], [-5, -8]])),
        (np.array([[1.0, 2, 3], [4, 5, 6]]), ODD_MAP),
        (PAGE_POOLED, PAGE_MAP),
        (np.array([[2.0]]), np.array([[-5000.0, -3000], [-4000, -2500.5]])),
    ],
    without=(max_pool2d_backward,),
    hints=[
        "The result has the shape of R and begins as zeros. There are as many blocks as dP has cells; one beyond the "
        "edge would be an empty sequence. Each writes one number: where in the map, and which?",
        "Cut the block out as in the forward pass. block.argmax() counts its cells row by row, 0 1 2 3, and gives the "
        "first maximum. np.unravel_index(number, (2, 2)) turns that number into (row, column) inside the block.",
        "A cell at (row, column) inside block (k, l) stands at (2k + row, 2l + column) in the map. What it gets is "
        "dP[k, l], not its own value.",
    ],
)
def pool_gradient(dP, R):
    dR = np.zeros(R.shape)
    rows, columns = dP.shape
    for k in range(rows):
        for l in range(columns):
            block = R[2 * k : 2 * k + 2, 2 * l : 2 * l + 2]
            row, column = np.unravel_index(block.argmax(), (2, 2))
            dR[2 * k + row, 2 * l + column] = dP[k, l]
    return dR


@pool_gradient.loss
def loss_of_the_map(dP, R):
    for k, l in np.ndindex(dP.shape):
        block = R[2 * k : 2 * k + 2, 2 * l : 2 * l + 2]
        if np.sum(block == block.max()) > 1:
            return None
    return lambda R: np.sum(dP * max_pool2d(R)), R


def back_by_block(dP, R, share):
    """Fill each block of the result with what `share` makes of its gradient and of the block."""
    dR = np.zeros(R.shape)
    for k, l in np.ndindex(dP.shape):
        cells = slice(2 * k, 2 * k + 2), slice(2 * l, 2 * l + 2)
        dR[cells] = share(dP[k, l], R[cells])
    return dR


def winner(block):
    """1 at the first maximum, 0 elsewhere."""
    return np.arange(4).reshape(2, 2) == block.argmax()


def back_to_one_cell(dP, R, place=lambda k, l, row, column: (2 * k + row, 2 * l + column), *, blocks=None, dR=None):
    """Write each gradient where `place` says, given the block's (k, l) and the (row, column) of its maximum in it."""
    dR = np.zeros(R.shape) if dR is None else dR
    for k, l in np.ndindex(blocks or dP.shape):
        row, column = np.unravel_index(R[2 * k : 2 * k + 2, 2 * l : 2 * l + 2].argmax(), (2, 2))
        dR[tuple(place(k, l, row, column))] = dP[k, l]
    return dR


def pool_gradient_to_a_tie_in_each_row(dP, R):
    def share(g, block):
        return g * np.array([(np.arange(2) == row.argmax()) * (row.max() == block.max()) for row in block])

    return back_by_block(dP, R, share)


def pool_gradient_that_unpacks_argmax(dP, R):
    row, column = R.argmax()
    return row, column


pool_gradient.add_slips(
    "every_tie: Where numbers are equal, you give the gradient to each of them: comparing with the maximum finds all. "
    "Only the first, reading row by row, gets it.",
    lambda dP, R: back_by_block(dP, R, lambda g, block: g * (block == block.max())),
    "shared_among_ties: Where numbers are equal, you share the gradient among them. "
    "The rule asked for gives all of it to the first, reading row by row.",
    lambda dP, R: back_by_block(dP, R, lambda g, block: g * (block == block.max()) / np.sum(block == block.max())),
    "last_tie: Where numbers are equal, you take the last. "
    "The first one wins, reading row by row: a later cell has to be larger, not equal.",
    lambda dP, R: back_by_block(dP, R, lambda g, block: g * winner(block[::-1, ::-1])[::-1, ::-1]),
    "tie_in_each_row: Where numbers are equal, the first of each row of the block gets the gradient. "
    "`break` leaves only the inner loop; only one cell of a block wins.",
    pool_gradient_to_a_tie_in_each_row,
    "place_in_the_block: Gradients of several blocks land in the same cells, as you leave out where the block begins. "
    "Add 2k to the row and 2l to the column inside the block.",
    lambda dP, R: back_to_one_cell(dP, R, lambda k, l, row, column: (row, column)),
    "offset_k_and_l: You add k and l to the place inside the block. "
    "But block (k, l) begins at row 2k and column 2l of the map.",
    lambda dP, R: back_to_one_cell(dP, R, lambda k, l, row, column: (k + row, l + column)),
    "number_as_column: block.argmax() counts the four cells of the block: 2 is its cell (1, 0), not a third column, "
    "however wide the map is. Turn the number into a row and a column of the 2×2 block.",
    lambda dP, R: back_to_one_cell(dP, R, lambda k, l, row, column: (2 * k, 2 * l + 2 * row + column)),
    "number_as_column_in_lower_row: The rows are right. In the lower row of a block, argmax counts 2 and 3, "
    "but its columns are 0 and 1 there too.",
    lambda dP, R: back_to_one_cell(dP, R, lambda k, l, row, column: (2 * k + row, 2 * l + 2 * row + column)),
    "argmax_unpacked: Two numbers are asked of one. argmax gives a single number, 0 to 3, row by row: "
    "np.unravel_index(number, (2, 2)) makes a row and a column of it, or number // 2 and number % 2.",
    pool_gradient_that_unpacks_argmax,
    "shape_of_the_map: argmax counts the four cells of the block. The shape that np.unravel_index needs is the "
    "block's, (2, 2), and not that of the map.",
    lambda dP, R: back_to_one_cell(
        dP, R, lambda k, l, row, column: np.add((2 * k, 2 * l), np.unravel_index(2 * row + column, R.shape))
    ),
    "smallest: The cell that gets the gradient is the smallest of its block. The pool let the largest pass: argmax.",
    lambda dP, R: back_to_one_cell(dP, -R),
    "row_and_column_exchanged: Row and column inside the block are exchanged: a maximum at (0, "
    "1) is treated as if it were at (1, 0). The row goes with 2k.",
    lambda dP, R: back_to_one_cell(dP, R, lambda k, l, row, column: (2 * k + column, 2 * l + row)),
    "corner_of_each_block: Every gradient lands in the upper left cell of its block. "
    "It goes to the cell that won, wherever in the block that is.",
    lambda dP, R: back_to_one_cell(dP, R, lambda k, l, row, column: (2 * k, 2 * l)),
    "every_cell: All four cells of a block get its gradient. "
    "Three of them did not win: a small change there changes nothing.",
    lambda dP, R: back_by_block(dP, R, lambda g, block: g),
    "value_written: The places are right, but you write the maximum itself. "
    "The value of R decides only where; what is written is the gradient of that block.",
    lambda dP, R: back_by_block(dP, R, lambda g, block: winner(block) * block.max()),
    "times_the_value: The places are right, but you multiply the gradient by the maximum. "
    "The largest number is handed on unchanged, so the factor is 1.",
    lambda dP, R: back_by_block(dP, R, lambda g, block: g * winner(block) * block.max()),
    "mask_alone: You mark the cells that won with 1. Each of them gets the gradient of its block instead: "
    "a number of dP.",
    lambda dP, R: back_by_block(dP, R, lambda g, block: winner(block)),
    "other_cells_kept: The winners are right, but the other cells keep the numbers of R. "
    "They get 0: begin with a new array of zeros.",
    lambda dP, R: back_to_one_cell(dP, R, dR=R.copy()),
    "search_from_0: In a block of negative numbers the first cell wins, as if the search for the largest began at 0. "
    "Begin with a number of the block.",
    lambda dP, R: back_by_block(dP, R, lambda g, block: g * winner(np.maximum(0, block))),
    "dead_blocks_skipped: A block without a positive number gets no gradient at all. "
    "Every block has a winner, even a dead one; to stop gradients is the ReLU's business.",
    lambda dP, R: back_by_block(dP, R, lambda g, block: g * winner(block) * (block > 0)),
    "remainder_cut_off: Your result has two rows and two columns for each block, and an odd map has one more. "
    "dR has the shape of R; what no block covers stays 0.",
    lambda dP, R: max_pool2d_backward(dP, R)[: 2 * dP.shape[0], : 2 * dP.shape[1]],
    "whole_numbers: Where R holds whole numbers, so does your result: zeros_like and copy make an array of the same "
    "kind. Decimals of the gradient are cut off; np.zeros(R.shape) makes room for them.",
    lambda dP, R: max_pool2d_backward(dP, R).astype(R.dtype),
    "size_of_the_page: You count 16 rows and 16 columns of blocks whatever the map. Take their numbers from dP.shape.",
    lambda dP, R: back_to_one_cell(dP, R, blocks=(16, 16)),
    "block_for_each_cell: You count more blocks than there are: R.shape counts cells, dP.shape counts blocks. "
    "A block beyond the edge is an empty sequence.",
    lambda dP, R: back_to_one_cell(dP, R, blocks=R.shape),
)


@exercise(
    "3.3",
    "ReLU backward",
    inputs=[
        # Where C[0, 0] is positive, dR[0, 0] is whole, and where it is not, E[0, 0] is 0: neither kind holds elsewhere.
        (
            np.array([[0.5, 2.5, 3, -4, 7, 1], [5, -6, -7.5, 8, 2.5, -3]]),
            np.array([[-2.0, -1, -3, -4, 1, -2], [-5, 3, -2, -1, 6, 4]]),
        ),
        (np.array([[1.0, -2], [3, 4.5], [-5, 6], [7, 8]]), np.array([[2, -1], [0, 3], [4, -2], [-1, -2]])),
        (np.array([[1.0, 2.5, 3]]), np.array([[0.0, 2, -1]])),
        (_rng.normal(size=(32, 32)), PAGE_MAP),
    ],
    without=(relu_backward,),
    hints=[
        "Two cases for each cell, and only C decides which one. What arrives in the one, what in the other?",
        "C > 0 is a map of True and False. In a product, True counts as 1 and False as 0.",
        "Or two loops over the rows and columns of C, with one `if C[i, j] > 0:` inside. The result is a new array "
        "that begins as np.zeros(C.shape).",
    ],
)
def relu_gradient(dR, C):
    return dR * (C > 0)


@relu_gradient.loss
def loss_before_relu(dR, C):
    if np.any(C == 0):
        return None
    return lambda C: np.sum(dR * np.maximum(0, C)), C


def relu_cell_by_cell(dR, C, rows, columns):
    E = np.zeros(C.shape)
    for i, j in np.ndindex(rows, columns):
        if C[i, j] > 0:
            E[i, j] = dR[i, j]
    return E


# One map with more columns than rows, one with more rows than columns, one for a single weight, and
# one with whole numbers in E, fractions in the image, and a first weight that meets only pixels outside.
WIDE_E = np.array([[1, 0, 0, 2], [0, -1, 0, 0], [3, 0, 0.5, 1]])
WIDE_IMAGE = np.array([[1, 2, 0, 3], [4, 1, 2, 0], [0, 5, 1, 2]])
TALL_E = np.array([[1.0, 0, 2], [0, 3, 0], [0, 0, -1], [0, 1, 0], [2, 0, 1]])
TALL_IMAGE = np.array([[1.0, 4, 0], [2, 1, 5], [0, 2, 1], [3, 0, 2], [1, 6, 2]])
SMALL_E, SMALL_IMAGE = np.array([[1.0, -2], [0.5, 3]]), np.array([[1.0, 2], [4, 1]])
CORNER_E, CORNER_IMAGE = np.array([[2, -1, 3], [1, 0, 0]]), np.array([[0.015625, 640, -1.5], [-3, 0.5, 1]])
FILTERING = [
    (WIDE_E, WIDE_IMAGE, 3),
    (TALL_E, TALL_IMAGE, 5),
    (SMALL_E, SMALL_IMAGE, 1),
    (CORNER_E, CORNER_IMAGE, 3),
    (TALL_E, TALL_IMAGE, 7),
]


relu_gradient.add_slips(
    "sign_of_the_gradient: You look at the sign of the gradient dR. "
    "A gradient may be negative; what decides is whether C was positive.",
    lambda dR, C: dR * (dR > 0),
    "zero_passes: Where C is exactly 0, you let the gradient pass. "
    "Only what is greater than 0 passes: > and not ≥, or stop what is ≤ 0.",
    lambda dR, C: dR * (C >= 0),
    "forward_pass: You return max(0, C), which is the forward pass. The backward pass hands on dR where C is positive.",
    lambda dR, C: np.maximum(0, C),
    "mask_alone: You return the mask. That is the factor of each cell: multiply the gradient dR by it.",
    lambda dR, C: (C > 0).astype(float),
    "times_the_map: You multiply the gradient by C. The factor is 1 where C is positive and 0 elsewhere.",
    lambda dR, C: dR * C,
    "times_the_forward_pass: You multiply the gradient by max(0, C). "
    "The factor is 1 where C is positive, not C itself: a step of C there changes R by the same step.",
    lambda dR, C: dR * np.maximum(0, C),
    "mask_inverted: Your mask is the wrong way round: the gradient passes where C is positive, and stops elsewhere.",
    lambda dR, C: dR * (C <= 0),
    "negative_cells_pass: The gradient passes where C is negative and stops where it is positive. Turn that round.",
    lambda dR, C: dR * (C < 0),
    "maps_exchanged: You exchanged the two maps. C decides where something passes, and what passes is dR.",
    lambda dR, C: C * (dR > 0),
    "negative_gradients_lost: Negative gradients are lost on the way. "
    "Where C is positive, dR passes unchanged, whatever its sign.",
    lambda dR, C: dR * (C > 0) * (dR > 0),
    "map_kept_elsewhere: Where C is positive you are right. "
    "Elsewhere you leave the number of C; the gradient is 0 there.",
    lambda dR, C: np.where(C > 0, dR, C),
    "whole_blocks: You let whole blocks pass, as the pooled map or `alive` tells them apart. "
    "The ReLU knows nothing of blocks: ask about each cell of C.",
    lambda dR, C: dR * np.kron(max_pool2d(C) > 0, np.ones((2, 2))),
    "cells_picked_out: Only the cells with a positive C are left, and the shape is lost, as a mask in square brackets "
    "does it. E has the shape of C, with 0 in the other cells: use the mask as a factor.",
    lambda dR, C: dR[C > 0],
    "whole_numbers: Where C holds whole numbers, so does your result: zeros_like and copy make an array of the same "
    "kind. Decimals of the gradient are cut off; np.zeros(C.shape) makes room for them.",
    lambda dR, C: (dR * (C > 0)).astype(C.dtype),
    "map_taken_for_a_square: You use the number of rows for the columns too. "
    "A map need not be square: C.shape holds both numbers.",
    lambda dR, C: relu_cell_by_cell(dR, C, len(C), len(C)),
    "size_of_the_page: An index runs beyond a map. Do your loops count 32 rows and 32 columns, whatever the map, "
    "or are rows and columns exchanged? C.shape holds both numbers, rows first.",
    lambda dR, C: relu_cell_by_cell(dR, C, 32, 32),
)


@exercise(
    "3.4",
    "the kernel gradient with padding",
    inputs=[
        *FILTERING,
        (SMALL_E, SMALL_IMAGE, 3),
        (np.where(PAGE_MAP > 1, PAGE_MAP, 0), PAGE_IMAGE, 5),
    ],
    without=(conv2d_backward,),
    hints=[
        "Begin with p: a kernel with 3 rows reaches 1 pixel beyond the edge, one with 5 reaches 2. Then pad the "
        "image, so that pixel (i − p, j − p) stands at (i, j).",
        "In the padded image, weight (u, v) meets pixel (i + u, j + v) in output cell (i, j). Add up E[i, j] times "
        "that pixel over all cells, for each of the size · size weights.",
        "Two loops, u and v over range(size). All pixels that meet weight (u, v) form a piece of the padded image "
        "with the shape of E that begins at (u, v): a slice. Multiply it with E, take the sum.",
    ],
)
def kernel_gradient(E, I, size):
    p = size // 2
    padded = zero_pad(I, p)
    rows, columns = E.shape
    dK = np.zeros((size, size))
    for u in range(size):
        for v in range(size):
            dK[u, v] = np.sum(E * padded[u : u + rows, v : v + columns])
    return dK


@kernel_gradient.loss
def loss_of_the_kernel(E, I, size):
    return lambda K: np.sum(E * conv2d(I, K, padding=size // 2)), np.zeros((size, size))


def windows_on(E, padded, size):
    """Σ E[i, j] · padded[i + u, j + v] for u and v from 0."""
    return conv2d(padded, E)[:size, :size]


def right_gradient(E, I, size):
    return windows_on(E, zero_pad(I, size // 2), size)


def piece_by_piece(E, padded, size, rows, columns):
    """The same with slices, which may have another shape than E."""
    dK = np.zeros((size, size))
    for u, v in np.ndindex(size, size):
        dK[u, v] = np.sum(E * padded[u : u + rows, v : v + columns])
    return dK


def pixel_by_pixel(E, I, size, pixel):
    """Σ E[i, j] · I[pixel(i, j, u, v)] with u and v from −p to p, and 0 outside the image."""
    p = size // 2
    around = zero_pad(I, 2 * size)
    dK = np.zeros((size, size))
    for u, v in np.ndindex(size, size):
        for i, j in np.argwhere(E):
            row, column = pixel(i, j, u - p, v - p)
            dK[u, v] += E[i, j] * around[row + 2 * size, column + 2 * size]
    return dK


def kernel_gradient_with_padding_by_hand(E, I, size):
    p = size // 2
    padded = np.zeros((I.shape[0] + 2 * p, I.shape[1] + 2 * p))
    padded[p:-p, p:-p] = I
    return windows_on(E, padded, size)


def kernel_gradient_beyond_the_edge(E, I, size):
    p = size // 2
    dK = np.zeros((size, size))
    for u, v, i, j in np.ndindex(size, size, *E.shape):
        dK[u, v] += E[i, j] * I[i + u - p, j + v - p]
    return dK


def kernel_gradient_with_negative_indices(E, I, size):
    p = size // 2
    wrapped = np.pad(I, p, mode="wrap")
    wrapped[p + I.shape[0] :] = 0
    wrapped[:, p + I.shape[1] :] = 0
    return windows_on(E, wrapped, size)


def kernel_gradient_without_the_shift(E, I, size):
    return pixel_by_pixel(E, I, size, lambda i, j, u, v: (i + u + size // 2, j + v + size // 2))


def kernel_gradient_of_inner_cells(E, I, size):
    p, (rows, columns) = size // 2, E.shape
    inner = np.zeros(E.shape)
    inner[p : rows - p, p : columns - p] = E[p : rows - p, p : columns - p]
    return right_gradient(inner, I, size)


kernel_gradient.add_slips(
    "without_padding: A piece of the image has another shape than E. It goes from u to u + rows and from v to "
    "v + columns, in an image that is padded by p on all four sides.",
    lambda E, I, size: piece_by_piece(E, I, size, *E.shape),
    "padding_always_2: Your padding is 2 whatever the kernel. "
    "For a kernel of 3 it is 1, for 5 it is 2: half of size, rounded down.",
    lambda E, I, size: windows_on(E, zero_pad(I, 2), size),
    "padding_one_too_wide: Your padding is one pixel too wide. "
    "Half of 3, rounded down, is 1; // rounds down by itself.",
    lambda E, I, size: windows_on(E, zero_pad(I, size // 2 + 1), size),
    "padding_twice_too_wide: Every pixel is p too far up and p too far left. "
    "Either your padding is twice too wide, or you subtract p although the padded image already begins p earlier.",
    lambda E, I, size: windows_on(E, zero_pad(I, size - 1), size),
    "slice_to_minus_p: For a 1×1 kernel p is 0, and a slice from p to −p is then empty: −0 is 0. "
    "Count its end from the front, or use zero_pad.",
    kernel_gradient_with_padding_by_hand,
    "index_beyond_the_edge: An index runs beyond the edge. i and j run over E; a pixel outside the image counts as 0, "
    "and row −1, which Python takes for the last row, is outside too.",
    kernel_gradient_beyond_the_edge,
    "negative_indices: At the left and top edge you read from the other side of the image: "
    "a negative index counts from the end. Pixels outside the image count as 0, on all four sides.",
    kernel_gradient_with_negative_indices,
    "first_pixels_left_out: The first row and the first column of the image are treated as outside. "
    "Row 0 and column 0 are inside: ≥ 0.",
    lambda E, I, size: right_gradient(E, np.pad(I[1:, 1:], ((1, 0), (1, 0))), size),
    "without_the_shift: The shift by p is missing: output cell (i, j) has its window centred on pixel (i, j), "
    "but you let it begin there.",
    kernel_gradient_without_the_shift,
    "turned_result: Every number is right but in the opposite cell: the result is turned by 180°. "
    "E stays at (i, j), and the pixel moves with u and v, both with a plus sign.",
    lambda E, I, size: right_gradient(E, I, size)[::-1, ::-1],
    "pieces_of_the_kernels_size: Your pieces have the size of the kernel. "
    "All pixels that meet one weight are as many as output cells: a piece has the shape of E.",
    lambda E, I, size: piece_by_piece(E, zero_pad(I, size // 2), size, size, size),
    "size_of_the_page: Your pieces are 32×32 whatever the image. A piece has the shape of E.",
    lambda E, I, size: piece_by_piece(E, zero_pad(I, size // 2), size, 32, 32),
    "size_always_5: Your u and v run to 5 whatever is asked. The gradient has size rows and size columns.",
    lambda E, I, size: piece_by_piece(E, zero_pad(I, size // 2), 5, *E.shape),
    "image_taken_for_a_square: You use the number of rows for the columns too. "
    "An image need not be square: take both numbers from E.shape.",
    lambda E, I, size: sum(
        E[i, j] * zero_pad(I, size // 2)[i : i + size, j : j + size] for i, j in np.ndindex(len(E), len(E))
    ),
    "last_cell_only: Each output cell replaces the one before, so only the last is left. Add them up with `+=`.",
    lambda E, I, size: right_gradient(np.pad(E[-1:, -1:], [(n - 1, 0) for n in E.shape]), I, size),
    "sum_runs_on: Your sum is never set back to 0, so each weight gets the sums of all weights before it too. "
    "Begin at 0 for each one.",
    lambda E, I, size: right_gradient(E, I, size).cumsum().reshape(size, size),
    "mean_over_cells: You take the mean over the output cells. A weight takes part in every cell: add the products up.",
    lambda E, I, size: right_gradient(E, I, size) / E.size,
    "last_cells_left_out: The last row and the last column of E are left out. "
    "range(n) already ends before n: let i and j run over all of E.",
    lambda E, I, size: right_gradient(np.pad(E[:-1, :-1], (0, 1)), I, size),
    "inner_cells_only: You leave out the output cells whose window hangs over the edge. "
    "They count too: only the pixels outside are 0.",
    kernel_gradient_of_inner_cells,
)


@exercise(
    "3.5",
    "hunt the bug in a kernel gradient",
    inputs=FILTERING,
    without=(conv2d_backward,),
    hints=[
        "Make the case so small that you can see it: call it with an E of zeros but for a single 1 in the middle. By "
        "the formula, the gradient is then the piece of the image around that cell, as it stands. What do you get?",
        "For example E = np.zeros((3, 3)) with E[1, 1] = 1, I = np.arange(1, 10).reshape(3, 3) and size 3. Where does "
        "the 1 of the image end up, and where the 3?",
        "With u = 1 and v = 0, which pixel does the forward pass multiply by the weight: the one below (i, j), or the "
        "one above? Which one does this code read?",
        "Two signs are wrong where the pixel is read, and the `if` must ask about the same pixel.",
    ],
)
def found_gradient(E, I, size):
    p = size // 2
    rows, columns = I.shape
    dK = np.zeros((size, size))
    for u in range(-p, p + 1):
        for v in range(-p, p + 1):
            for i in range(rows):
                for j in range(columns):
                    if 0 <= i + u < rows and 0 <= j + v < columns:
                        dK[u + p, v + p] += E[i, j] * I[i + u, j + v]
    return dK


@found_gradient.bug_hunt
def as_found(E, I, size):
    p = size // 2
    rows, columns = I.shape
    dK = np.zeros((size, size))
    for u in range(-p, p + 1):
        for v in range(-p, p + 1):
            for i in range(rows):
                for j in range(columns):
                    if 0 <= i - u < rows and 0 <= j - v < columns:
                        dK[u + p, v + p] += E[i, j] * I[i - u, j - v]
    return dK


found_gradient.loss(loss_of_the_kernel)


def found_gradient_with_the_old_bounds(E, I, size):
    p, (rows, columns) = size // 2, I.shape
    dK = np.zeros((size, size))
    for u, v, i, j in np.ndindex(size, size, rows, columns):
        if 0 <= i - (u - p) < rows and 0 <= j - (v - p) < columns:
            dK[u, v] += E[i, j] * I[i + u - p, j + v - p]
    return dK


found_gradient.add_slips(
    "still_turned: The bug is still there, or back since two repairs undo each other. "
    "For u = 1 the weight lies below the kernel's centre: which pixel does it meet? And for v = 1?",
    lambda E, I, size: right_gradient(E, I, size)[::-1, ::-1],
    "old_bounds: An index runs beyond its array. The `if` must ask about the very row and column that is read below. "
    "And u and v run from −p to p, and I.shape is (rows, columns).",
    found_gradient_with_the_old_bounds,
    "rows_repaired: Half of it is right: above and below are in order, left and right still exchanged. "
    "What you did for u, do for v.",
    lambda E, I, size: right_gradient(E, I, size)[:, ::-1],
    "columns_repaired: Half of it is right: left and right are in order, above and below still exchanged. "
    "What you did for v, do for u.",
    lambda E, I, size: right_gradient(E, I, size)[::-1],
    "rows_and_columns_exchanged: Now rows and columns are exchanged, and the bug is still there. "
    "Leave u with i and v with j, and look at the signs. Exchanging rows and columns is not half a turn.",
    lambda E, I, size: right_gradient(E, I, size)[::-1, ::-1].T,
    "sign_changed: You changed the sign of the whole result, and each number still stands in the opposite cell. "
    "Look at which pixel is read.",
    lambda E, I, size: -right_gradient(E, I, size)[::-1, ::-1],
    "turned_in_the_wrong_cells: You changed the cell that is written to, "
    "and a negative index there counts from the end. dK[u + p, v + p] was right; the bug is where the pixel is read.",
    lambda E, I, size: np.roll(right_gradient(E, I, size)[::-1, ::-1], (-(size // 2), -(size // 2)), (0, 1)),
    "wrong_cells: The numbers are right but in the wrong cells: dK[u, v] with a negative u counts from the end. "
    "While u and v count from −p, the cell of weight (u, v) is (u + p, v + p).",
    lambda E, I, size: np.roll(right_gradient(E, I, size), (-(size // 2), -(size // 2)), (0, 1)),
    "shifted_twice: Every pixel is p too far up and p too far left. "
    "u and v already count from −p; and if you pad the image, pixel (i, j) stands at (i + p, j + p).",
    lambda E, I, size: pixel_by_pixel(E, I, size, lambda i, j, u, v: (i + u - size // 2, j + v - size // 2)),
    "without_the_shift: The shift is missing: your window begins at pixel (i, j), but its centre lies there. "
    "If u and v count from 0, the centre of the kernel is (p, p).",
    kernel_gradient_without_the_shift,
)
