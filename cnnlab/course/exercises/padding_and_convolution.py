"""Exercises of notebook 2: padding, the size of the map, correlation and convolution, the gradient of the pixels."""

import numpy as np

from cnnlab.convolution import conv2d, conv2d_backward, conv2d_output_size, zero_pad
from cnnlab.course.exercises.checker import exercise

# Small images: more columns than rows, more rows than columns, square, and a larger one of all sorts: negative
# numbers, fractions, zeros.
WIDE = np.array([[1, 2, 0.5], [3, 4, 5]])
TALL = np.array([[1.0, 2], [3, 4], [5, 6]])
SQUARE = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
MIXED = np.array(
    [[0, -1.5, 2, 3], [1, 0.1234, -4, 0], [2, 5, 0, -1], [-3, 1, 0.25, 2], [0, 4, 1, 1], [1, -1, 2, 0], [2, 0, 3, -0.5]]
)


@exercise(
    "2.1",
    "zeros around an image",
    inputs=[
        (WIDE, 2, 1),
        (TALL, 1, 2),
        (SQUARE, 1, 0),
        (SQUARE, 0, 1),
        (np.array([[250, 3], [1, 7]], dtype=np.uint8), 2, 2),
        (MIXED, 1, 3),
        (MIXED[:1], 0, 0),
    ],
    hints=[
        "Begin with the zeros: how many rows and columns does P have? The image goes into its middle afterwards.",
        "p rows above and p below make H + 2p rows; q columns left and q right make W + 2q columns.",
        "P_{i+p, j+q} = I_{ij}: the image starts at row p and ends before row p + H. Give both ends of the slice.",
        "The slice of the rows is p : p + H, with H, W = image.shape. Columns likewise, with q and W.",
    ],
    without=(zero_pad, np.pad),
)
def zeros_around(image, p, q):
    H, W = image.shape
    P = np.zeros((H + 2 * p, W + 2 * q))
    P[p : p + H, q : q + W] = image
    return P


def image_in_zeros(image, p, q, shape, corner=None):
    """Take the image for one of this shape, and begin it at (p, q) or at another corner."""
    (H, W), (row, column) = shape, corner or (p, q)
    P = np.zeros((H + 2 * p, W + 2 * q))
    P[row : row + H, column : column + W] = image
    return P


def zeros_with_a_negative_end(image, p, q):
    H, W = image.shape
    P = np.zeros((H + 2 * p, W + 2 * q))
    P[p:-p, q:-q] = image
    return P


def zeros_over_the_outer_pixels(image, p, q):
    H, W = image.shape
    P = image.copy()
    P[:p] = P[H - p :] = 0
    P[:, :q] = P[:, W - q :] = 0
    return P


zeros_around.add_slips(
    "slice_to_minus_p: A slice p:-p works until p is 0: then it is 0:-0, and −0 is 0, so the slice is empty. "
    "Count its end from the front: p + H.",
    zeros_with_a_negative_end,
    "image_taken_for_a_square: This works for a square image only. "
    "The image has its own number of rows and of columns: H, W = image.shape.",
    lambda image, p, q: image_in_zeros(image, p, q, (len(image), len(image))),
    "rows_and_columns_of_the_shape_exchanged: You take the image's rows for its columns. "
    "A shape gives the rows first: H, W = image.shape.",
    lambda image, p, q: image_in_zeros(image, p, q, image.shape[::-1]),
    "fixed_3x3: Your sizes hold for 3 rows and 3 columns only. Take H and W from image.shape.",
    lambda image, p, q: image_in_zeros(image, p, q, (3, 3)),
    "zeros_above_and_left_only: Your P has H + p rows: there are zeros above and left, and none below and right. "
    "It takes H + 2p rows, and W + 2q columns.",
    lambda image, p, q: np.pad(image, ((p, 0), (q, 0))),
    "image_in_the_corner: P has the right size, but the image lies in its top left corner. "
    "By P_{i+p, j+q} = I_{ij} it starts at row p, column q.",
    lambda image, p, q: image_in_zeros(image, p, q, image.shape, (0, 0)),
    "image_at_column_p: P has the right size, but the image starts at column p. "
    "Left of it there are q columns of zeros.",
    lambda image, p, q: image_in_zeros(image, p, q, image.shape, (p, p)),
    "counted_from_1: Your image lies one row and one column too far up and left. "
    "Rows count from 0, so after p rows of zeros comes row p.",
    lambda image, p, q: image_in_zeros(image, p, q, image.shape, (p - 1, q - 1)),
    "p_for_columns_too: You use p for the columns too. There are q columns of zeros on each side.",
    lambda image, p, q: np.pad(image, p),
    "p_and_q_exchanged: p and q are exchanged: p counts rows, q counts columns, and a shape names the rows first.",
    lambda image, p, q: np.pad(image, ((q, q), (p, p))),
    "p_before_q_after: You put p zeros before and q after, as np.pad(image, (p, q)) does. "
    "It is p for rows, q for columns.",
    lambda image, p, q: np.pad(image, (p, q)),
    "first_pixels_left_out: The first row and column of the image are missing: rows and columns count from 0.",
    lambda image, p, q: np.pad(image[1:, 1:], ((p + 1, p), (q + 1, q))),
    "last_pixels_left_out: The last row and column of the image are missing: range(n) already ends before n.",
    lambda image, p, q: np.pad(image[:-1, :-1], ((p, p + 1), (q, q + 1))),
    "zeros_over_the_image: Your array has the image's size, and the zeros cover its outer pixels. "
    "Begin with a larger array of zeros, then put the image into its middle.",
    zeros_over_the_outer_pixels,
)


@exercise(
    "2.2",
    "the size of the map",
    # One difficulty after the other, so that of two mistakes the first shows alone: the kernel, the padding,
    # a stride that divides, a stride that does not.
    inputs=[
        (8, 5, 3, 2, 0, 1),
        (5, 6, 3, 2, 2, 1),
        (7, 11, 3, 5, 0, 2),
        (9, 12, 3, 4, 1, 3),
        (28, 29, 3, 3, 1, 4),
        (12, 9, 5, 2, 3, 4),
        (6, 33, 4, 7, 4, 1),
    ],
    hints=[
        "The formula of section 2 twice: once with H and k_H, once with W and k_W. Both use the same p and s.",
        "The brackets ⌊ ⌋ round down. `a // b` divides and rounds down; `a / b` leaves the decimals.",
        "Mind the order: first the whole numerator in brackets, then // s, then + 1 outside.",
        "For the rows: (H + 2 * p - k_H) // s + 1. Return rows and columns with a comma between them.",
    ],
    without=(conv2d_output_size,),
)
def map_size(H, W, k_H, k_W, p, s):
    rows = (H + 2 * p - k_H) // s + 1
    columns = (W + 2 * p - k_W) // s + 1
    return rows, columns


map_size.add_slips(
    "not_rounded: A map cannot have part of a row: you do not round. `//` divides and rounds down.",
    lambda H, W, k_H, k_W, p, s: ((H + 2 * p - k_H) / s + 1, (W + 2 * p - k_W) / s + 1),
    "without_plus_1: One place is missing, the + 1 of the formula: row 0 and row H + 2p − k are both places.",
    lambda H, W, k_H, k_W, p, s: ((H + 2 * p - k_H) // s, (W + 2 * p - k_W) // s),
    "p_added_once: You add p once. There are p rows above and p below, so H grows by 2p, and W likewise.",
    lambda H, W, k_H, k_W, p, s: ((H + p - k_H) // s + 1, (W + p - k_W) // s + 1),
    "brackets_missing: You divide only a part of the sum: division comes before + and −. "
    "Put brackets around the whole numerator.",
    lambda H, W, k_H, k_W, p, s: (H + 2 * p - k_H // s + 1, W + 2 * p - k_W // s + 1),
    "plus_1_before_dividing: You add 1 before you divide. "
    "The + 1 stands outside the brackets ⌊ ⌋: divide, round down, then add 1.",
    lambda H, W, k_H, k_W, p, s: ((H + 2 * p - k_H + 1) // s, (W + 2 * p - k_W + 1) // s),
    "rounded_up: You round up. The brackets ⌊ ⌋ round down: a last window that would stick out does not count.",
    lambda H, W, k_H, k_W, p, s: (-(-(H + 2 * p - k_H) // s) + 1, -(-(W + 2 * p - k_W) // s) + 1),
    "rounded_to_the_nearest: You round to the nearest whole number. The brackets ⌊ ⌋ always round down: `//`.",
    lambda H, W, k_H, k_W, p, s: (round((H + 2 * p - k_H) / s) + 1, round((W + 2 * p - k_W) / s) + 1),
    "k_minus_1_subtracted: You subtract k − 1 and add 1 at the end too. "
    "The lowest place for the top row is H + 2p − k.",
    lambda H, W, k_H, k_W, p, s: ((H + 2 * p - (k_H - 1)) // s + 1, (W + 2 * p - (k_W - 1)) // s + 1),
    "p_subtracted: You subtract 2p. The zeros make the image larger: H + 2p.",
    lambda H, W, k_H, k_W, p, s: ((H - 2 * p - k_H) // s + 1, (W - 2 * p - k_W) // s + 1),
    "p_and_s_exchanged: p and s are exchanged: p counts the zeros, and by the stride s one divides.",
    lambda H, W, k_H, k_W, p, s: ((H + 2 * s - k_H) // p + 1, (W + 2 * s - k_W) // p + 1),
    "kernel_sizes_exchanged: k_H and k_W are exchanged: the kernel's rows are taken off H, its columns off W.",
    lambda H, W, k_H, k_W, p, s: ((H + 2 * p - k_W) // s + 1, (W + 2 * p - k_H) // s + 1),
    "rows_of_the_kernel_twice: You use k_H for the columns too. Their kernel size is k_W.",
    lambda H, W, k_H, k_W, p, s: ((H + 2 * p - k_H) // s + 1, (W + 2 * p - k_H) // s + 1),
    "rows_of_the_image_twice: You use H for the columns too. The image has W of them.",
    lambda H, W, k_H, k_W, p, s: ((H + 2 * p - k_H) // s + 1, (H + 2 * p - k_W) // s + 1),
    "remainder: You take the remainder: that is `%`. `//` divides and rounds down.",
    lambda H, W, k_H, k_W, p, s: ((H + 2 * p - k_H) % s + 1, (W + 2 * p - k_W) % s + 1),
    "columns_first: You return the columns first. The order is rows, columns, as in a shape.",
    lambda H, W, k_H, k_W, p, s: ((W + 2 * p - k_W) // s + 1, (H + 2 * p - k_H) // s + 1),
)


@exercise(
    "2.3",
    "the same convolution for any kernel",
    # Again one difficulty after the other: padding at all, an even kernel, rows and columns of their own, dtypes.
    inputs=[
        (np.array([[1.0, 2, 0, 3], [3, 4, 1, 0], [5, 6, 2, 1]]), np.array([[1.0, 0, 2], [-1, 3, 1], [0, 4, -2]])),
        (SQUARE, np.array([[1.0, 0], [0, -1]])),
        (
            np.array([[1.0, 2, 0, 3, 1], [3, 4, 1, 0, 2], [5, 6, 2, 1, 0]]),
            np.array([[1.0, 0, 4, 2, 0], [-1, 2, 0, 0, 3]]),
        ),
        (
            np.array([[200, 100, 0], [50, 250, 150], [0, 0, 255], [9, 0, 80]], dtype=np.uint8),
            np.array([[0.0, -1, 1], [1, 2, 1], [0, 1, -3]]),
        ),
        (
            np.array([[1, 2, 0, 3], [3, 0, 1, 1], [0, 1, 2, 0], [5, 2, 0, 1]]),
            np.array([[1, 2, 0, 1], [0, 0.5, 3, 2], [2, 1, 1, 0]]),
        ),
        (WIDE, np.array([[2.0]])),
        (300 * MIXED, np.array([[1, -2, 0, 4], [3, 0, 1, 2]])),
        (MIXED, np.array([[1.0], [-2], [0], [4], [0.5], [1]])),
        (MIXED[:, 1:2], np.array([[1.0, -2, 4], [0.5, 3, 1]])),
        (np.array([[1, -2, 3, 0.5, 0, 2, 4]]), np.array([[2, 1], [0.5, 3], [1, -1]])),
    ],
    hints=[
        "Three parts: an image P with zeros around it, an empty map C of the image's size, and the loop that fills C.",
        "A kernel with k rows needs k − 1 rows of zeros in all: (k − 1) // 2 above, the rest below. Columns likewise.",
        "P has H + k − 1 rows. The image starts at row (k − 1) // 2 of P, as in exercise 2.1.",
        "C = np.zeros(image.shape). For each cell (i, j) of C, take the window of P whose first row is i and first "
        "column j, as large as the kernel; multiply it with the kernel and sum.",
    ],
    without=(conv2d,),
)
def same_convolution(image, kernel):
    H, W = image.shape
    k_H, k_W = kernel.shape
    above, left = (k_H - 1) // 2, (k_W - 1) // 2
    P = np.zeros((H + k_H - 1, W + k_W - 1))
    P[above : above + H, left : left + W] = image
    C = np.zeros((H, W))
    for i in range(H):
        for j in range(W):
            C[i, j] = np.sum(kernel * P[i : i + k_H, j : j + k_W])
    return C


def padded(image, kernel, above=lambda k: (k - 1) // 2, below=lambda k: k // 2):
    """Put zeros above and left, and below and right, as many as the two functions say; without them, for *same*."""
    k_H, k_W = kernel.shape
    return np.pad(image, ((above(k_H), below(k_H)), (above(k_W), below(k_W))))


def filled(C, P, kernel, product=np.multiply):
    """Fill the map C from the windows of P, even where they stick out and NumPy cuts the slice off."""
    k_H, k_W = kernel.shape
    for i, j in np.ndindex(C.shape):
        C[i, j] = np.sum(product(kernel, P[i : i + k_H, j : j + k_W]))
    return C


def same_for_square_kernels(image, kernel):
    k = len(kernel)
    P, C = padded(image, np.zeros((k, k))), np.zeros(image.shape)
    for i, j in np.ndindex(C.shape):
        C[i, j] = np.sum(kernel * P[i : i + k, j : j + k])
    return C


def same_with_sides_exchanged(image, kernel):
    k_W, k_H = kernel.shape
    P, C = padded(image, np.zeros((k_H, k_W))), np.zeros(image.shape)
    for i, j in np.ndindex(C.shape):
        C[i, j] = np.sum(P[i : i + k_H, j : j + k_W] * kernel)
    return C


def same_with_a_running_total(image, kernel):
    return np.cumsum(conv2d(padded(image, kernel), kernel)).reshape(image.shape)


def same_with_a_negative_end(image, kernel):
    (H, W), (k_H, k_W) = image.shape, kernel.shape
    p, q = (k_H - 1) // 2, (k_W - 1) // 2
    P = np.zeros((H + k_H - 1, W + k_W - 1))
    P[p:-p, q:-q] = image
    return filled(np.zeros((H, W)), P, kernel)


def same_with_negative_indices(image, kernel):
    k_H, k_W = kernel.shape
    P = np.pad(image, (((k_H - 1) // 2, 0), ((k_W - 1) // 2, 0)), mode="wrap")
    return conv2d(np.pad(P, ((0, k_H // 2), (0, k_W // 2))), kernel)


same_convolution.add_slips(
    "without_zeros: At the edge the windows stick out of the image, and NumPy cuts the slice off. "
    "Put zeros around the image first.",
    lambda image, kernel: filled(np.zeros(image.shape), image, kernel),
    "valid_cells_in_the_corner: You fill only the cells whose window lies inside the image; the others keep their 0. "
    "They need a padded image.",
    lambda image, kernel: np.pad(conv2d(image, kernel), ((0, kernel.shape[0] - 1), (0, kernel.shape[1] - 1))),
    "valid_cells_in_the_middle: You leave the border of the map at 0. "
    "Its windows reach over the edge: pad the image for them.",
    lambda image, kernel: padded(conv2d(image, kernel), kernel),
    "valid_map: You compute the valid map, from the windows inside the image. "
    "Same padding has one window around each pixel: put zeros around first.",
    lambda image, kernel: conv2d(image, kernel),
    "kernel_taken_for_a_square: You use the kernel's rows for the columns too, so it works for square kernels only. "
    "kernel.shape holds k_H and k_W.",
    same_for_square_kernels,
    "sides_of_the_kernel_exchanged: Rows and columns of the kernel are exchanged. "
    "A shape gives the rows first: k_H, k_W = kernel.shape.",
    same_with_sides_exchanged,
    "one_row_of_zeros_always: You put one row of zeros on each side whatever the kernel. "
    "A kernel with k rows needs k − 1 of them in all.",
    lambda image, kernel: filled(np.zeros(image.shape), np.pad(image, 1), kernel),
    "total_never_set_back: Each cell holds those before it too: the total is never set back. "
    "Start it at 0 for each cell.",
    same_with_a_running_total,
    "mean_of_products: You take the mean of the products. Their sum is asked for.",
    lambda image, kernel: conv2d(padded(image, kernel), kernel) / kernel.size,
    "whole_numbers: Your map holds whole numbers, so the decimals are cut off. "
    "np.zeros(…) without dtype makes room for them.",
    lambda image, kernel: conv2d(padded(image, kernel), kernel).astype(int),
    "windows_stick_out: For an even kernel your last windows stick out of P, and NumPy cuts the slice off. "
    "One row more is needed below than above, and one column more on the right.",
    lambda image, kernel: filled(np.zeros(image.shape), padded(image, kernel, below=lambda k: (k - 1) // 2), kernel),
    "one_row_of_zeros_too_few: For an even kernel your map is too small: k − 1 rows of zeros are needed in all, "
    "one more below than above. Columns likewise.",
    lambda image, kernel: conv2d(padded(image, kernel, below=lambda k: (k - 1) // 2), kernel),
    "one_row_of_zeros_too_many: For an even kernel your map is too large: k − 1 rows of zeros are needed in all, "
    "(k − 1) // 2 of them above. Columns likewise.",
    lambda image, kernel: conv2d(padded(image, kernel, above=lambda k: k // 2), kernel),
    "extra_zeros_above: For an even kernel your extra zeros are above and left. "
    "Here they go below and right: (k − 1) // 2 rows above.",
    lambda image, kernel: conv2d(padded(image, kernel, above=lambda k: k // 2, below=lambda k: (k - 1) // 2), kernel),
    "slice_to_minus_p: A slice p:-p is empty for p = 0, and one row too long where there are more zeros below than "
    "above. Count its end from the front: p + H.",
    same_with_a_negative_end,
    "all_zeros_below: All your zeros are below and right. Half of the k − 1 rows go above, half of the columns left.",
    lambda image, kernel: conv2d(padded(image, kernel, above=lambda k: 0, below=lambda k: k - 1), kernel),
    "all_zeros_above: Your windows start too far up and left. "
    "Above the image there are (k − 1) // 2 rows of zeros, not k − 1, and columns likewise.",
    lambda image, kernel: conv2d(padded(image, kernel, above=lambda k: k - 1, below=lambda k: 0), kernel),
    "full_map: You compute the full map: k − 1 rows of zeros above and k − 1 below. "
    "Same padding has k − 1 rows in all, half above, half below.",
    lambda image, kernel: conv2d(padded(image, kernel, above=lambda k: k - 1, below=lambda k: k - 1), kernel),
    "dtype_of_the_image: Your map takes over the image's dtype. "
    "uint8 holds whole numbers from 0 to 255, and others wrap around. np.zeros(image.shape) holds any number.",
    lambda image, kernel: filled(np.zeros_like(image), padded(image, kernel), kernel),
    "turned_kernel: Your kernel is turned by 180°. What is asked for slides it as it is: K[u, v] meets P[i + u, "
    "j + v].",
    lambda image, kernel: conv2d(padded(image, kernel), kernel[::-1, ::-1]),
    "last_product_only: Each product replaces the one before, so only the last is left. Add them up with `+=`.",
    lambda image, kernel: filled(
        np.zeros(image.shape), padded(image, kernel), kernel, lambda K, P: K[-1, -1] * P[-1, -1]
    ),
    "matrix_product: `@` is the product of matrices. The window is multiplied cell by cell: `*`.",
    lambda image, kernel: filled(np.zeros(image.shape), padded(image, kernel), kernel, np.matmul),
    "negative_indices: An index below 0 reads from the other end of the image, without an error. "
    "Outside the image there are zeros: pad first.",
    same_with_negative_indices,
    "first_pixels_left_out: Row 0 and column 0 of the image are left out: they are inside too, so > 0 should be >= 0.",
    lambda image, kernel: conv2d(padded(np.pad(image[1:, 1:], ((1, 0), (1, 0))), kernel), kernel),
)


@exercise(
    "2.4",
    "correlation turned into convolution",
    inputs=[
        (np.array([[1.0, 2, 0, 1], [0, 1, 3, 2], [2, 1, 0, 4]]), np.array([[1.0, 0, 2], [-1, 3, 5]])),
        (np.array([[1.0, 2, 0], [0, 1, 1], [3, 0, 2], [1, 4, 5]]), np.array([[1.0, 2], [4, -1], [0, 3]])),
        (SQUARE, np.array([[1.0, 2], [3, 5]])),
        (np.diag(np.array([0, 0, 1, 0, 0], dtype=np.uint8)), SQUARE),
        (np.array([[4, -2, 0], [0, 400, 1], [3, 0, -2]]), np.array([[1.5, -2], [0, 4], [1, 0.25]])),
        (MIXED, np.array([[1, -2, 5], [0, 4, 3]])),
        (np.array([[-2.5, 1, 3]]), np.array([[1.0, 0.1234, 2]])),
    ],
    hints=[
        "Two steps: turn the kernel, then correlate as in section 3 without padding. The image stays as it is.",
        "Turning by 180° reverses the order of the rows and the order of the columns. One of them is a mirror.",
        "The formula for K̃ with k_H rows and k_W columns: entry (u, v) of the turned kernel is entry "
        "(k_H − 1 − u, k_W − 1 − v) of the kernel.",
        "`a[::-1]` is an array with its rows in reverse order. For the columns too, a second ::-1 stands in the same "
        "pair of brackets, after a comma.",
    ],
)
def true_convolution(image, kernel):
    k_H, k_W = kernel.shape
    turned = np.zeros((k_H, k_W))
    for u in range(k_H):
        for v in range(k_W):
            turned[u, v] = kernel[k_H - 1 - u, k_W - 1 - v]
    return conv2d(image, turned)


def convolution_of_a_square_kernel(image, kernel):
    k = len(kernel)
    return conv2d(image, np.array([[kernel[k - 1 - u, k - 1 - v] for v in range(k)] for u in range(k)]))


def convolution_that_overwrites(image, kernel):
    k_H, k_W = kernel.shape
    for u, v in np.ndindex(k_H, k_W):
        kernel[u, v] = kernel[k_H - 1 - u, k_W - 1 - v]
    return conv2d(image, kernel)


def convolution_with_negative_indices(image, kernel):
    C = np.zeros(conv2d(image, kernel).shape)
    for i, j, u, v in np.ndindex(*C.shape, *kernel.shape):
        C[i, j] += kernel[u, v] * image[i - u, j - v]
    return C


true_convolution.add_slips(
    "kernel_not_turned: This is the correlation: the kernel is not turned. Correlate with K̃ instead of K.",
    lambda image, kernel: conv2d(image, kernel),
    "kernel_upside_down: Your kernel is upside down only: its rows are in reverse order. Reverse its columns too.",
    lambda image, kernel: conv2d(image, kernel[::-1]),
    "kernel_mirrored: Your kernel is mirrored left to right only. Reverse the order of its rows too.",
    lambda image, kernel: conv2d(image, kernel[:, ::-1]),
    "kernel_transposed: You transpose the kernel. That exchanges rows and columns; a turn by 180° reverses both.",
    lambda image, kernel: conv2d(image, kernel.T),
    "quarter_turn: You turn the kernel by 90°. K̃ is turned by 180°: rows stay rows, columns stay columns, "
    "and both run backwards.",
    lambda image, kernel: conv2d(image, np.rot90(kernel)),
    "sign_changed: You change the sign of the kernel. A turn moves its entries to other places and keeps their signs.",
    lambda image, kernel: conv2d(image, -kernel),
    "kernel_taken_for_a_square: You use the kernel's rows for its columns too. "
    "Take both from kernel.shape: K̃ has k_H rows and k_W columns.",
    convolution_of_a_square_kernel,
    "kernel_overwritten: You overwrite the kernel while you still read from it, so half of it is lost, "
    "for the caller too. Fill a new array.",
    convolution_that_overwrites,
    "index_minus_u: kernel[-u, -v] leaves row 0 and column 0 in their places, as −0 is 0. The index is k − 1 − u.",
    lambda image, kernel: conv2d(image, np.roll(kernel[::-1, ::-1], 1, axis=(0, 1))),
    "negative_indices: You read pixel (i − u, j − v), and a negative index counts from the other end. "
    "Turn the kernel instead, and read pixel (i + u, j + v).",
    convolution_with_negative_indices,
    "image_turned: Your map is the right one turned by 180°: you turn the image in place of the kernel, "
    "or the result too. Turn the kernel alone.",
    lambda image, kernel: conv2d(image[::-1, ::-1], kernel),
    "correlation_turned: Your map is the correlation turned by 180°: either the result is turned, "
    "or image and kernel both are. Turn the kernel alone.",
    lambda image, kernel: conv2d(image, kernel)[::-1, ::-1],
    "kernel_alone: You return the turned kernel. Now slide it over the image.",
    lambda image, kernel: kernel[::-1, ::-1],
    "full_map: You compute the full map, with zeros around the image. Here p is 0: windows inside the image only.",
    lambda image, kernel: conv2d(image, kernel[::-1, ::-1], padding=(kernel.shape[0] - 1, kernel.shape[1] - 1)),
)


@exercise(
    "2.5",
    "the gradient of a padded image",
    # Without a border first, so that a kernel that lies the wrong way round shows alone.
    inputs=[
        (np.array([[1.0, 2], [4, 3]]), np.array([[1.0, 2], [0, -1], [3, 5]]), 0),
        (np.array([[1.0, 2, 0], [0, 1, 2], [4, 1, 0], [1, 3, 5]]), np.array([[1.0, 0, 3], [2, 1, -1], [0, 4, 1]]), 2),
        (np.array([[1.0, 0, 2, 1], [3, 1.5, 0, 5]]), np.array([[1.0, 2, -1], [0, 3, 1]]), 1),
        (np.array([[1.0, 2, 0], [0, 1, 3], [2, 0, 1], [1, 1, 0]]), np.array([[1.0, 2], [0, -1], [3, 4], [1, 0]]), 1),
        (np.array([[1.0, -2, 0, 3, 1], [0, 1, 3, -1, 2]] * 3), np.array([[1, 2], [-4, 3]]), 2),  # more zeros than k − 1
        (np.array([[1], [-2], [3]]), np.array([[0.1234, 1, -0.5, 2]]), 0),
        (MIXED, np.array([[5, 1], [-2, 3], [1, 0]]), 0),
    ],
    hints=[
        "First the gradient of the padded image P, as in section 10; the border of zeros is cut off at the end.",
        "P has k_H − 1 rows more than E and k_W − 1 columns more. Start from zeros of that size.",
        "Window (i, j) of P is as large as the kernel and gets E[i, j] times the kernel: for every window, "
        "add that to the window's place with `+=`. Or: conv2d of E and the turned kernel, padding=(k_H - 1, k_W - 1).",
        "The image is what is left without p rows above and below and p columns left and right. -p fails for p = 0, "
        "so cut from p to (number of rows) − p.",
    ],
    without=(conv2d_backward,),
)
def input_gradient(error_map, kernel, p):
    rows, columns = error_map.shape
    k_H, k_W = kernel.shape
    H, W = rows + k_H - 1, columns + k_W - 1
    dP = np.zeros((H, W))
    for i in range(rows):
        for j in range(columns):
            dP[i : i + k_H, j : j + k_W] += error_map[i, j] * kernel
    return dP[p : H - p, p : W - p]


@input_gradient.loss
def loss_of_a_padded_image(error_map, kernel, p):
    (rows, columns), (k_H, k_W) = error_map.shape, kernel.shape
    image = np.ones((rows + k_H - 1 - 2 * p, columns + k_W - 1 - 2 * p))
    return lambda image: np.sum(error_map * conv2d(image, kernel, padding=p)), image


def gradient_with_border(error_map, kernel):
    return conv2d(error_map, kernel[::-1, ::-1], padding=(kernel.shape[0] - 1, kernel.shape[1] - 1))


def without_border(gradient, p):
    return gradient[p : gradient.shape[0] - p, p : gradient.shape[1] - p]


def input_gradient_of_the_last_window(error_map, kernel, p):
    k_H, k_W = kernel.shape
    dP = np.zeros_like(gradient_with_border(error_map, kernel))
    for i, j in np.ndindex(error_map.shape):
        dP[i : i + k_H, j : j + k_W] = error_map[i, j] * kernel
    return without_border(dP, p)


def input_gradient_with_negative_indices(error_map, kernel, p):
    rows, columns = error_map.shape
    dP = np.zeros_like(gradient_with_border(error_map, kernel))
    for q, r, u, v in np.ndindex(*dP.shape, *kernel.shape):
        if q - u < rows and r - v < columns:
            dP[q, r] += kernel[u, v] * error_map[q - u, r - v]
    return without_border(dP, p)


input_gradient.add_slips(
    "kernel_the_wrong_way_round: Your kernel lies the wrong way round. "
    "Turn it by 180° to correlate E with it; do not turn it when you add E[i, j] times the kernel to window (i, j).",
    lambda error_map, kernel, p: without_border(gradient_with_border(error_map, kernel[::-1, ::-1]), p),
    "kernel_upside_down: Your kernel is upside down only. Turned by 180° means its columns backwards too.",
    lambda error_map, kernel, p: without_border(gradient_with_border(error_map, kernel[:, ::-1]), p),
    "kernel_mirrored: Your kernel is mirrored left to right only. Turned by 180° means its rows backwards too.",
    lambda error_map, kernel, p: without_border(gradient_with_border(error_map, kernel[::-1]), p),
    "kernel_taken_for_a_square: You use the kernel's rows for the columns too. "
    "k_H − 1 zeros above and below, k_W − 1 left and right.",
    lambda error_map, kernel, p: without_border(conv2d(error_map, kernel[::-1, ::-1], padding=len(kernel) - 1), p),
    "padded_with_p: Your E has too few zeros around it: full padding puts k − 1 on each side. "
    "p comes in at the end, when P's border is cut off.",
    lambda error_map, kernel, p: conv2d(error_map, kernel[::-1, ::-1], padding=p),
    "border_kept: This is the gradient of P, the padded image. "
    "Cut the border off: p rows above and below, p columns left and right.",
    lambda error_map, kernel, p: gradient_with_border(error_map, kernel),
    "padded_with_what_is_left: You put k − 1 − p zeros around E, which is below 0 where the image had more zeros than "
    "that. Put k − 1 around it, and cut p off at the end.",
    lambda error_map, kernel, p: conv2d(
        error_map, kernel[::-1, ::-1], padding=(kernel.shape[0] - 1 - p, kernel.shape[1] - 1 - p)
    ),
    "border_added: You put p more zeros on each side. It is the other way round: the image is smaller than P, "
    "by p on each side.",
    lambda error_map, kernel, p: np.pad(gradient_with_border(error_map, kernel), p),
    "slice_to_minus_p: The slice p:-p is empty for p = 0, as −0 is 0. Count its end from the front.",
    lambda error_map, kernel, p: gradient_with_border(error_map, kernel)[p:-p, p:-p],
    "cut_above_and_left_only: You cut the border off above and left only. It was put on all four sides.",
    lambda error_map, kernel, p: gradient_with_border(error_map, kernel)[p:, p:],
    "cut_below_and_right_only: Your numbers belong to P: they start at its corner, in the border. "
    "Pixel (q, r) of the image is pixel (q + p, r + p) of P.",
    lambda error_map, kernel, p: gradient_with_border(error_map, kernel)[: -2 * p or None, : -2 * p or None],
    "last_window_only: A pixel lies in several windows, and yours keeps only the last of them. Add up with `+=`.",
    input_gradient_of_the_last_window,
    "negative_indices: A negative index reads E from its other end. "
    "E is 0 outside the map: leave out q − u < 0 and r − v < 0.",
    input_gradient_with_negative_indices,
)
