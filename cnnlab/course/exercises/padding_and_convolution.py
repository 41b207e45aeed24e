"""Exercises of notebook 2: padding, the size of the map, correlation and convolution, the gradient of the pixels."""

import numpy as np

from cnnlab.convolution import conv2d
from cnnlab.course.exercises.checker import exercise

# Small images: more columns than rows, more rows than columns, square.
WIDE = np.array([[1, 2, 0.5], [3, 4, 5]])
TALL = np.array([[1.0, 2], [3, 4], [5, 6]])
SQUARE = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])


@exercise(
    "2.1",
    "zeros around an image",
    inputs=[
        (WIDE, 2, 1),
        (TALL, 1, 2),
        (SQUARE, 1, 0),
        (SQUARE, 0, 1),
        (np.array([[250, 3], [1, 7]], dtype=np.uint8), 2, 2),
    ],
    hints=[
        "Begin with the zeros: how many rows and columns does P have? The image goes into its middle afterwards.",
        "p rows above and p below make H + 2p rows; q columns left and q right make W + 2q columns.",
        "P_{i+p, j+q} = I_{ij}: the image starts at row p and ends before row p + H. Give both ends of the slice.",
        "The slice of the rows is p : p + H, with H, W = image.shape. Columns likewise, with q and W.",
    ],
)
def zeros_around(image, p, q):
    H, W = image.shape
    P = np.zeros((H + 2 * p, W + 2 * q))
    P[p : p + H, q : q + W] = image
    return P


def zeros_with_the_image_at(row, column, image, p, q):
    """Put the image at another place of P."""
    H, W = image.shape
    P = np.zeros((H + 2 * p, W + 2 * q))
    P[row : row + H, column : column + W] = image
    return P


@zeros_around.slip(
    "A slice p:-p works until p is 0: then it is 0:-0, and −0 is 0, so the slice is empty. "
    "Count its end from the front: p + H."
)
def zeros_with_a_negative_end(image, p, q):
    H, W = image.shape
    P = np.zeros((H + 2 * p, W + 2 * q))
    P[p:-p, q:-q] = image
    return P


@zeros_around.slip(
    "This works for a square image only. The image has its own number of rows and of columns: H, W = image.shape."
)
def zeros_around_a_square(image, p, q):
    H = W = len(image)
    P = np.zeros((H + 2 * p, W + 2 * q))
    P[p : p + H, q : q + W] = image
    return P


@zeros_around.slip("Your sizes hold for 3 rows and 3 columns only. Take H and W from image.shape.")
def zeros_around_three_by_three(image, p, q):
    P = np.zeros((3 + 2 * p, 3 + 2 * q))
    P[p : p + 3, q : q + 3] = image
    return P


@zeros_around.slip(
    "Your P has H + p rows: there are zeros above and left, and none below and right. "
    "It takes H + 2p rows, and W + 2q columns."
)
def zeros_above_and_left(image, p, q):
    return np.pad(image, ((p, 0), (q, 0)))


@zeros_around.slip(
    "P has the right size, but the image lies in its top left corner. "
    "By P_{i+p, j+q} = I_{ij} it starts at row p, column q."
)
def zeros_with_the_image_in_the_corner(image, p, q):
    return zeros_with_the_image_at(0, 0, image, p, q)


@zeros_around.slip("P has the right size, but the image starts at column p. Left of it there are q columns of zeros.")
def zeros_with_the_image_at_column_p(image, p, q):
    return zeros_with_the_image_at(p, p, image, p, q)


@zeros_around.slip(
    "Your image lies one row and one column too far up and left. "
    "Rows count from 0, so after p rows of zeros comes row p."
)
def zeros_counted_from_one(image, p, q):
    return zeros_with_the_image_at(p - 1, q - 1, image, p, q)


@zeros_around.slip("You use p for the columns too. There are q columns of zeros on each side.")
def zeros_p_everywhere(image, p, q):
    return np.pad(image, p)


@zeros_around.slip("p and q are exchanged: p counts rows, q counts columns, and a shape names the rows first.")
def zeros_with_p_and_q_exchanged(image, p, q):
    return np.pad(image, ((q, q), (p, p)))


@zeros_around.slip(
    "You put p zeros before and q after, as np.pad(image, (p, q)) does. It is p for rows, q for columns."
)
def zeros_p_before_and_q_after(image, p, q):
    return np.pad(image, (p, q))


@zeros_around.slip("The first row and column of the image are missing: rows and columns count from 0.")
def zeros_over_the_first_pixels(image, p, q):
    P = image.copy()
    P[0] = P[:, 0] = 0
    return np.pad(P, ((p, p), (q, q)))


@zeros_around.slip("The last row and column of the image are missing: range(n) already ends before n.")
def zeros_over_the_last_pixels(image, p, q):
    P = image.copy()
    P[-1] = P[:, -1] = 0
    return np.pad(P, ((p, p), (q, q)))


@zeros_around.slip(
    "Your array has the image's size, and the zeros cover its outer pixels. Begin with a larger array of zeros, "
    "then put the image into its middle."
)
def zeros_over_the_outer_pixels(image, p, q):
    H, W = image.shape
    P = image.copy()
    P[:p] = P[H - p :] = 0
    P[:, :q] = P[:, W - q :] = 0
    return P


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
        (28, 28, 3, 3, 1, 2),
    ],
    hints=[
        "The formula of section 2 twice: once with H and k_H, once with W and k_W. Both use the same p and s.",
        "The brackets ⌊ ⌋ round down. `a // b` divides and rounds down; `a / b` leaves the decimals.",
        "Mind the order: first the whole numerator in brackets, then // s, then + 1 outside.",
        "For the rows: (H + 2 * p - k_H) // s + 1. Return rows and columns with a comma between them.",
    ],
)
def map_size(H, W, k_H, k_W, p, s):
    rows = (H + 2 * p - k_H) // s + 1
    columns = (W + 2 * p - k_W) // s + 1
    return rows, columns


@map_size.slip("A map cannot have part of a row: you do not round. `//` divides and rounds down.")
def map_size_not_rounded(H, W, k_H, k_W, p, s):
    return (H + 2 * p - k_H) / s + 1, (W + 2 * p - k_W) / s + 1


@map_size.slip("One place is missing, the + 1 of the formula: row 0 and row H + 2p − k are both places.")
def map_size_without_plus_one(H, W, k_H, k_W, p, s):
    return (H + 2 * p - k_H) // s, (W + 2 * p - k_W) // s


@map_size.slip("You add p once. There are p rows above and p below, so H grows by 2p, and W likewise.")
def map_size_with_p_once(H, W, k_H, k_W, p, s):
    return (H + p - k_H) // s + 1, (W + p - k_W) // s + 1


@map_size.slip(
    "You divide only a part of the sum: division comes before + and −. Put brackets around the whole numerator."
)
def map_size_with_brackets_missing(H, W, k_H, k_W, p, s):
    return H + 2 * p - k_H // s + 1, W + 2 * p - k_W // s + 1


@map_size.slip("You add 1 before you divide. The + 1 stands outside the brackets ⌊ ⌋: divide, round down, then add 1.")
def map_size_with_plus_one_inside(H, W, k_H, k_W, p, s):
    return (H + 2 * p - k_H + 1) // s, (W + 2 * p - k_W + 1) // s


@map_size.slip("You round up. The brackets ⌊ ⌋ round down: a last window that would stick out does not count.")
def map_size_rounded_up(H, W, k_H, k_W, p, s):
    return -(-(H + 2 * p - k_H) // s) + 1, -(-(W + 2 * p - k_W) // s) + 1


@map_size.slip("You round to the nearest whole number. The brackets ⌊ ⌋ always round down: `//`.")
def map_size_rounded_to_the_nearest(H, W, k_H, k_W, p, s):
    return round((H + 2 * p - k_H) / s) + 1, round((W + 2 * p - k_W) / s) + 1


@map_size.slip("You subtract k − 1 and add 1 at the end too. The lowest place for the top row is H + 2p − k.")
def map_size_with_k_minus_one(H, W, k_H, k_W, p, s):
    return (H + 2 * p - (k_H - 1)) // s + 1, (W + 2 * p - (k_W - 1)) // s + 1


@map_size.slip("You return the columns first. The order is rows, columns, as in a shape.")
def map_size_columns_first(H, W, k_H, k_W, p, s):
    return (W + 2 * p - k_W) // s + 1, (H + 2 * p - k_H) // s + 1


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
    ],
    hints=[
        "Three parts: an image P with zeros around it, an empty map C of the image's size, and the loop that fills C.",
        "A kernel with k rows needs k − 1 rows of zeros in all: (k − 1) // 2 above, the rest below. Columns likewise.",
        "P has H + k − 1 rows. The image starts at row (k − 1) // 2 of P, as in exercise 2.1.",
        "C = np.zeros(image.shape). For each cell (i, j) of C, take the window of P whose first row is i and first "
        "column j, as large as the kernel; multiply it with the kernel and sum.",
    ],
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


def filled(C, P, kernel):
    """Fill the map C from the windows of P, even where they stick out and NumPy cuts the slice off."""
    k_H, k_W = kernel.shape
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C[i, j] = np.sum(kernel * P[i : i + k_H, j : j + k_W])
    return C


@same_convolution.slip(
    "At the edge the windows stick out of the image, and NumPy cuts the slice off. Put zeros around the image first."
)
def same_without_zeros(image, kernel):
    return filled(np.zeros(image.shape), image, kernel)


@same_convolution.slip(
    "You fill only the cells whose window lies inside the image; the others keep their 0. They need a padded image."
)
def same_as_valid_in_the_corner(image, kernel):
    valid = conv2d(image, kernel)
    return np.pad(valid, [(0, size - part) for size, part in zip(image.shape, valid.shape, strict=True)])


@same_convolution.slip("You leave the border of the map at 0. Its windows reach over the edge: pad the image for them.")
def same_as_valid_in_the_middle(image, kernel):
    return padded(conv2d(image, kernel), kernel)


@same_convolution.slip(
    "You compute the valid map, from the windows inside the image. "
    "Same padding has one window around each pixel: put zeros around first."
)
def same_as_valid(image, kernel):
    return conv2d(image, kernel)


@same_convolution.slip(
    "You use the kernel's rows for the columns too, so it works for square kernels only. "
    "kernel.shape holds k_H and k_W."
)
def same_for_square_kernels(image, kernel):
    k = len(kernel)
    P, C = padded(image, np.zeros((k, k))), np.zeros(image.shape)
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C[i, j] = np.sum(kernel * P[i : i + k, j : j + k])
    return C


@same_convolution.slip(
    "For an even kernel your last windows stick out of P, and NumPy cuts the slice off. "
    "One row more is needed below than above, and one column more on the right."
)
def same_with_a_window_that_sticks_out(image, kernel):
    return filled(np.zeros(image.shape), padded(image, kernel, below=lambda k: (k - 1) // 2), kernel)


@same_convolution.slip(
    "For an even kernel your map is too small: k − 1 rows of zeros are needed in all, one more below than above. "
    "Columns likewise."
)
def same_with_too_few_zeros(image, kernel):
    return conv2d(padded(image, kernel, below=lambda k: (k - 1) // 2), kernel)


@same_convolution.slip(
    "For an even kernel your map is too large: k − 1 rows of zeros are needed in all, (k − 1) // 2 of them above. "
    "Columns likewise."
)
def same_with_too_many_zeros(image, kernel):
    return conv2d(padded(image, kernel, above=lambda k: k // 2), kernel)


@same_convolution.slip(
    "For an even kernel your extra zeros are above and left. Here they go below and right: (k − 1) // 2 rows above."
)
def same_with_the_extra_zeros_above(image, kernel):
    return conv2d(padded(image, kernel, above=lambda k: k // 2, below=lambda k: (k - 1) // 2), kernel)


@same_convolution.slip(
    "A slice p:-p is empty for p = 0, and one row too long where there are more zeros below than above. "
    "Count its end from the front: p + H."
)
def same_with_a_negative_end(image, kernel):
    (H, W), (k_H, k_W) = image.shape, kernel.shape
    p, q = (k_H - 1) // 2, (k_W - 1) // 2
    P = np.zeros((H + k_H - 1, W + k_W - 1))
    P[p:-p, q:-q] = image
    return filled(np.zeros((H, W)), P, kernel)


@same_convolution.slip("All your zeros are below and right. Half of the k − 1 rows go above, half of the columns left.")
def same_with_all_zeros_below(image, kernel):
    return conv2d(padded(image, kernel, above=lambda k: 0, below=lambda k: k - 1), kernel)


@same_convolution.slip(
    "Your windows start too far up and left. Above the image there are (k − 1) // 2 rows of zeros, not k − 1, "
    "and columns likewise."
)
def same_with_all_zeros_above(image, kernel):
    return conv2d(padded(image, kernel, above=lambda k: k - 1, below=lambda k: 0), kernel)


@same_convolution.slip(
    "You compute the full map: k − 1 rows of zeros above and k − 1 below. "
    "Same padding has k − 1 rows in all, half above, half below."
)
def same_as_full(image, kernel):
    return conv2d(padded(image, kernel, above=lambda k: k - 1, below=lambda k: k - 1), kernel)


@same_convolution.slip(
    "Your map takes over the image's dtype. uint8 holds whole numbers from 0 to 255, and others wrap around. "
    "np.zeros(image.shape) holds any number."
)
def same_in_the_images_dtype(image, kernel):
    return filled(np.zeros_like(image), padded(image, kernel), kernel)


@same_convolution.slip(
    "Your kernel is turned by 180°. What is asked for slides it as it is: K[u, v] meets P[i + u, j + v]."
)
def same_with_a_turned_kernel(image, kernel):
    return conv2d(padded(image, kernel), kernel[::-1, ::-1])


@same_convolution.slip("Each product replaces the one before, so only the last is left. Add them up with `+=`.")
def same_of_the_last_product(image, kernel):
    last = np.zeros(kernel.shape)
    last[-1, -1] = kernel[-1, -1]
    return conv2d(padded(image, kernel), last)


@same_convolution.slip("`@` is the product of matrices. The window is multiplied cell by cell: `*`.")
def same_with_matrix_products(image, kernel):
    (H, W), (k_H, k_W) = image.shape, kernel.shape
    P, C = padded(image, kernel), np.zeros((H, W))
    for i in range(H):
        for j in range(W):
            C[i, j] = np.sum(kernel @ P[i : i + k_H, j : j + k_W])
    return C


@same_convolution.slip(
    "An index below 0 reads from the other end of the image, without an error. "
    "Outside the image there are zeros: pad first."
)
def same_with_negative_indices(image, kernel):
    k_H, k_W = kernel.shape
    P = np.pad(image, (((k_H - 1) // 2, 0), ((k_W - 1) // 2, 0)), mode="wrap")
    return conv2d(np.pad(P, ((0, k_H // 2), (0, k_W // 2))), kernel)


@same_convolution.slip("Row 0 and column 0 of the image are left out: they are inside too, so > 0 should be >= 0.")
def same_without_the_first_pixels(image, kernel):
    P = image.copy()
    P[0] = P[:, 0] = 0
    return conv2d(padded(P, kernel), kernel)


@exercise(
    "2.4",
    "correlation turned into convolution",
    inputs=[
        (np.array([[1.0, 2, 0, 1], [0, 1, 3, 2], [2, 1, 0, 4]]), np.array([[1.0, 0, 2], [-1, 3, 5]])),
        (np.array([[1.0, 2, 0], [0, 1, 1], [3, 0, 2], [1, 4, 5]]), np.array([[1.0, 2], [4, -1], [0, 3]])),
        (SQUARE, np.array([[1.0, 2], [3, 5]])),
        (np.eye(5)[2] * np.eye(5)[:, 2:3], SQUARE),
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


@true_convolution.slip("This is the correlation: the kernel is not turned. Correlate with K̃ instead of K.")
def convolution_without_a_turn(image, kernel):
    return conv2d(image, kernel)


@true_convolution.slip("Your kernel is upside down only: its rows are in reverse order. Reverse its columns too.")
def convolution_upside_down(image, kernel):
    return conv2d(image, kernel[::-1])


@true_convolution.slip("Your kernel is mirrored left to right only. Reverse the order of its rows too.")
def convolution_mirrored(image, kernel):
    return conv2d(image, kernel[:, ::-1])


@true_convolution.slip("You transpose the kernel. That exchanges rows and columns; a turn by 180° reverses both.")
def convolution_with_a_transpose(image, kernel):
    return conv2d(image, kernel.T)


@true_convolution.slip(
    "You turn the kernel by 90°. K̃ is turned by 180°: rows stay rows, columns stay columns, and both run backwards."
)
def convolution_with_a_quarter_turn(image, kernel):
    return conv2d(image, np.rot90(kernel))


@true_convolution.slip(
    "You change the sign of the kernel. A turn moves its entries to other places and keeps their signs."
)
def convolution_with_a_minus(image, kernel):
    return conv2d(image, -kernel)


@true_convolution.slip(
    "You use the kernel's rows for its columns too. Take both from kernel.shape: K̃ has k_H rows and k_W columns."
)
def convolution_of_a_square_kernel(image, kernel):
    k = len(kernel)
    turned = np.zeros((k, k))
    for u in range(k):
        for v in range(k):
            turned[u, v] = kernel[k - 1 - u, k - 1 - v]
    return conv2d(image, turned)


@true_convolution.slip(
    "You overwrite the kernel while you still read from it, so half of it is lost, for the caller too. "
    "Fill a new array."
)
def convolution_that_overwrites(image, kernel):
    k_H, k_W = kernel.shape
    for u in range(k_H):
        for v in range(k_W):
            kernel[u, v] = kernel[k_H - 1 - u, k_W - 1 - v]
    return conv2d(image, kernel)


@true_convolution.slip("kernel[-u, -v] leaves row 0 and column 0 in their places, as −0 is 0. The index is k − 1 − u.")
def convolution_with_minus_u(image, kernel):
    return conv2d(image, np.roll(kernel[::-1, ::-1], 1, axis=(0, 1)))


@true_convolution.slip(
    "You read pixel (i − u, j − v), and a negative index counts from the other end. "
    "Turn the kernel instead, and read pixel (i + u, j + v)."
)
def convolution_with_negative_indices(image, kernel):
    k_H, k_W = kernel.shape
    C = np.zeros((image.shape[0] - k_H + 1, image.shape[1] - k_W + 1))
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            for u in range(k_H):
                for v in range(k_W):
                    C[i, j] += kernel[u, v] * image[i - u, j - v]
    return C


@true_convolution.slip(
    "Your map is the right one turned by 180°: you turn the image in place of the kernel, or the result too. "
    "Turn the kernel alone."
)
def convolution_with_a_turned_image(image, kernel):
    return conv2d(image[::-1, ::-1], kernel)


@true_convolution.slip(
    "Your map is the correlation turned by 180°: either the result is turned, or image and kernel both are. "
    "Turn the kernel alone."
)
def convolution_with_a_turned_result(image, kernel):
    return conv2d(image, kernel)[::-1, ::-1]


@true_convolution.slip("You return the turned kernel. Now slide it over the image.")
def convolution_that_stops_at_the_kernel(image, kernel):
    return kernel[::-1, ::-1]


@true_convolution.slip(
    "You compute the full map, with zeros around the image. Here p is 0: windows inside the image only."
)
def convolution_in_full(image, kernel):
    return conv2d(image, kernel[::-1, ::-1], padding=(kernel.shape[0] - 1, kernel.shape[1] - 1))


@exercise(
    "2.5",
    "the gradient of a padded image",
    # Without a border first, so that a kernel that lies the wrong way round shows alone.
    inputs=[
        (np.array([[1.0, 2], [4, 3]]), np.array([[1.0, 2], [0, -1], [3, 5]]), 0),
        (np.array([[1.0, 2, 0], [0, 1, 2], [4, 1, 0], [1, 3, 5]]), np.array([[1.0, 0, 3], [2, 1, -1], [0, 4, 1]]), 2),
        (np.array([[1.0, 0, 2, 1], [3, 1, 0, 5]]), np.array([[1.0, 2, -1], [0, 3, 1]]), 1),
        (np.array([[1.0, 2, 0], [0, 1, 3], [2, 0, 1], [1, 1, 0]]), np.array([[1.0, 2], [0, -1], [3, 4], [1, 0]]), 1),
    ],
    hints=[
        "First the gradient of the padded image P, as in section 10; the border of zeros is cut off at the end.",
        "P has k_H − 1 rows more than E and k_W − 1 columns more. Start from zeros of that size.",
        "Window (i, j) of P is as large as the kernel and gets E[i, j] times the kernel: for every window, "
        "add that to the window's place with `+=`. Or: conv2d of E and the turned kernel, padding=(k_H - 1, k_W - 1).",
        "The image is what is left without p rows above and below and p columns left and right. -p fails for p = 0, "
        "so cut from p to (number of rows) − p.",
    ],
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


@input_gradient.slip(
    "Your kernel lies the wrong way round. Turn it by 180° to correlate E with it; do not turn it "
    "when you add E[i, j] times the kernel to window (i, j)."
)
def input_gradient_without_a_turn(error_map, kernel, p):
    return without_border(gradient_with_border(error_map, kernel[::-1, ::-1]), p)


@input_gradient.slip("Your kernel is upside down only. Turned by 180° means its columns backwards too.")
def input_gradient_upside_down(error_map, kernel, p):
    return without_border(gradient_with_border(error_map, kernel[:, ::-1]), p)


@input_gradient.slip("Your kernel is mirrored left to right only. Turned by 180° means its rows backwards too.")
def input_gradient_mirrored(error_map, kernel, p):
    return without_border(gradient_with_border(error_map, kernel[::-1]), p)


@input_gradient.slip(
    "You use the kernel's rows for the columns too. k_H − 1 zeros above and below, k_W − 1 left and right."
)
def input_gradient_of_a_square_kernel(error_map, kernel, p):
    return without_border(conv2d(error_map, kernel[::-1, ::-1], padding=len(kernel) - 1), p)


@input_gradient.slip(
    "Your E has too few zeros around it: full padding puts k − 1 on each side. p comes in at the end, when P's border "
    "is cut off."
)
def input_gradient_padded_with_p(error_map, kernel, p):
    return conv2d(error_map, kernel[::-1, ::-1], padding=p)


@input_gradient.slip(
    "This is the gradient of P, the padded image. Cut the border off: p rows above and below, p columns left and right."
)
def input_gradient_with_the_border(error_map, kernel, p):
    return gradient_with_border(error_map, kernel)


@input_gradient.slip(
    "You put p more zeros on each side. It is the other way round: the image is smaller than P, by p on each side."
)
def input_gradient_with_another_border(error_map, kernel, p):
    return np.pad(gradient_with_border(error_map, kernel), p)


@input_gradient.slip("The slice p:-p is empty for p = 0, as −0 is 0. Count its end from the front.")
def input_gradient_with_a_negative_end(error_map, kernel, p):
    return gradient_with_border(error_map, kernel)[p:-p, p:-p]


@input_gradient.slip("You cut the border off above and left only. It was put on all four sides.")
def input_gradient_cut_above(error_map, kernel, p):
    return gradient_with_border(error_map, kernel)[p:, p:]


@input_gradient.slip(
    "Your numbers belong to P: they start at its corner, in the border. Pixel (q, r) of the image is pixel "
    "(q + p, r + p) of P."
)
def input_gradient_from_the_corner(error_map, kernel, p):
    gradient = gradient_with_border(error_map, kernel)
    return gradient[: gradient.shape[0] - 2 * p, : gradient.shape[1] - 2 * p]


@input_gradient.slip("A pixel lies in several windows, and yours keeps only the last of them. Add up with `+=`.")
def input_gradient_of_the_last_window(error_map, kernel, p):
    (rows, columns), (k_H, k_W) = error_map.shape, kernel.shape
    dP = np.zeros((rows + k_H - 1, columns + k_W - 1))
    for i in range(rows):
        for j in range(columns):
            dP[i : i + k_H, j : j + k_W] = error_map[i, j] * kernel
    return without_border(dP, p)


@input_gradient.slip(
    "A negative index reads E from its other end. E is 0 outside the map: leave out q − u < 0 and r − v < 0."
)
def input_gradient_with_negative_indices(error_map, kernel, p):
    (rows, columns), (k_H, k_W) = error_map.shape, kernel.shape
    dP = np.zeros((rows + k_H - 1, columns + k_W - 1))
    for q in range(dP.shape[0]):
        for r in range(dP.shape[1]):
            for u in range(k_H):
                for v in range(k_W):
                    if q - u < rows and r - v < columns:
                        dP[q, r] += kernel[u, v] * error_map[q - u, r - v]
    return without_border(dP, p)
