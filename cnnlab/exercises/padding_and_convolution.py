"""Exercises of notebook 2: padding, the size of the map, correlation and convolution, the gradient of the pixels."""

import numpy as np

from cnnlab.convolution import conv2d
from cnnlab.exercises.checker import exercise

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
        (np.array([[250, 3], [1, 7]], dtype=np.uint8), 0, 1),
        (SQUARE, 2, 2),
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


@zeros_around.slip(
    "You put the zeros above and left only, so P has H + p rows. "
    "The other end gets as many: H + 2p rows, W + 2q columns."
)
def zeros_above_and_left(image, p, q):
    return np.pad(image, ((p, 0), (q, 0)))


@zeros_around.slip(
    "You put the zeros below and right only, so P has H + p rows. "
    "The other end gets as many: H + 2p rows, W + 2q columns."
)
def zeros_below_and_right(image, p, q):
    return np.pad(image, ((0, p), (0, q)))


@zeros_around.slip(
    "P has the right size, but the image lies in its top left corner. "
    "By P_{i+p, j+q} = I_{ij} it starts at row p, column q."
)
def zeros_with_the_image_in_the_corner(image, p, q):
    return np.pad(image, ((0, 2 * p), (0, 2 * q)))


@zeros_around.slip("P has the right size, but the image lies in its bottom right corner. It starts at row p, column q.")
def zeros_with_the_image_in_the_last_corner(image, p, q):
    return np.pad(image, ((2 * p, 0), (2 * q, 0)))


@zeros_around.slip(
    "Your image lies one row and one column too far up and left. "
    "Rows count from 0, so after p rows of zeros comes row p."
)
def zeros_counted_from_one(image, p, q):
    H, W = image.shape
    P = np.zeros((H + 2 * p, W + 2 * q))
    P[p - 1 : p - 1 + H, q - 1 : q - 1 + W] = image
    return P


@zeros_around.slip("You use p for the columns too. There are q columns of zeros on each side.")
def zeros_p_everywhere(image, p, q):
    return np.pad(image, p)


@zeros_around.slip("You use q for the rows too. There are p rows of zeros above, and p below.")
def zeros_q_everywhere(image, p, q):
    return np.pad(image, q)


@zeros_around.slip("p and q are exchanged: p counts rows, q counts columns, and a shape names the rows first.")
def zeros_with_p_and_q_exchanged(image, p, q):
    return np.pad(image, ((q, q), (p, p)))


@zeros_around.slip(
    "You put p zeros before and q after, as np.pad(image, (p, q)) does. It is p for rows, q for columns."
)
def zeros_p_before_and_q_after(image, p, q):
    return np.pad(image, (p, q))


@zeros_around.slip("You put one row and one column around the image whatever p and q are.")
def zeros_one_around(image, p, q):
    return np.pad(image, 1)


@zeros_around.slip("You put zeros above and below only. The q columns left and right are missing.")
def zeros_above_and_below(image, p, q):
    return np.pad(image, ((p, p), (0, 0)))


@zeros_around.slip("You put zeros left and right only. The p rows above and below are missing.")
def zeros_left_and_right(image, p, q):
    return np.pad(image, ((0, 0), (q, q)))


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
    "Rows and columns are exchanged: it works for a square image only. "
    "image.shape is (rows, columns): H, W = image.shape."
)
def zeros_with_rows_and_columns_exchanged(image, p, q):
    W, H = image.shape
    P = np.zeros((H + 2 * p, W + 2 * q))
    P[p : p + H, q : q + W] = image
    return P


@zeros_around.slip("Your sizes hold for 3 rows and 3 columns only. Take H and W from image.shape.")
def zeros_around_three_by_three(image, p, q):
    P = np.zeros((3 + 2 * p, 3 + 2 * q))
    P[p : p + 3, q : q + 3] = image
    return P


@zeros_around.slip(
    "Your P holds whole numbers, so decimals are cut off. np.zeros(…) without dtype makes room for them."
)
def zeros_in_whole_numbers(image, p, q):
    return np.pad(image, ((p, p), (q, q))).astype(int)


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


@zeros_around.slip("You fill the border with copies of the nearest pixels. This exercise asks for zeros.")
def zeros_as_copies_of_the_edge(image, p, q):
    return np.pad(image, ((p, p), (q, q)), mode="edge")


@zeros_around.slip("You fill the border with ones. This exercise asks for zeros: np.zeros.")
def zeros_as_ones(image, p, q):
    return np.pad(image, ((p, p), (q, q)), constant_values=1)


@zeros_around.slip("You return the zeros alone. Put the image into P before you return it.")
def zeros_without_the_image(image, p, q):
    return np.zeros((image.shape[0] + 2 * p, image.shape[1] + 2 * q))


@zeros_around.slip(
    "Your array has the image's size, and the zeros cover its outer pixels. Begin with a larger array of zeros, "
    "then put the image into its middle."
)
def zeros_over_the_outer_pixels(image, p, q):
    P = image.copy()
    P[:p] = P[-p:] = 0
    P[:, :q] = P[:, -q:] = 0
    return P


@zeros_around.slip(
    "You write zeros into the caller's image, over its outer pixels. "
    "Make a larger array of zeros; leave the image as it is."
)
def zeros_written_into_the_image(image, p, q):
    H, W = image.shape
    image[:p] = image[H - p :] = 0
    image[:, :q] = image[:, W - q :] = 0
    return image


@exercise(
    "2.2",
    "the size of the map",
    inputs=[
        (19, 10, 4, 2, 4, 2),
        (9, 6, 4, 2, 1, 3),
        (3, 3, 2, 2, 0, 1),
        (28, 28, 5, 5, 2, 1),
        (6, 7, 3, 3, 0, 2),
        (8, 9, 3, 1, 2, 4),
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


def both_sizes(one, H, W, k_H, k_W, p, s):
    return one(H, k_H, p, s), one(W, k_W, p, s)


@map_size.slip("You round up. The brackets ⌊ ⌋ round down: a last window that would stick out does not count.")
def map_size_rounded_up(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: -(-(n + 2 * p - k) // s) + 1, H, W, k_H, k_W, p, s)


@map_size.slip("You round to the nearest whole number. The brackets ⌊ ⌋ always round down: `//`.")
def map_size_rounded_to_the_nearest(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: round((n + 2 * p - k) / s) + 1, H, W, k_H, k_W, p, s)


@map_size.slip("A map cannot have half a row: you do not round. `//` divides and rounds down.")
def map_size_not_rounded(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p - k) / s + 1, H, W, k_H, k_W, p, s)


@map_size.slip("The + 1 is missing: you count the steps between the windows. The window at row 0 counts too.")
def map_size_without_plus_one(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p - k) // s, H, W, k_H, k_W, p, s)


@map_size.slip("You leave the padding out, and you do not round. The image has H + 2p rows, and `//` rounds down.")
def map_size_not_rounded_without_padding(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n - k) / s + 1, H, W, k_H, k_W, p, s)


@map_size.slip("You add p once, and you do not round. The image has H + 2p rows, and `//` rounds down.")
def map_size_not_rounded_with_p_once(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + p - k) / s + 1, H, W, k_H, k_W, p, s)


@map_size.slip(
    "You count the places above row H + 2p − k only. A window may start on that row too: < should be <=, "
    "and range needs one more."
)
def map_size_without_the_last_place(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: len(range(0, n + 2 * p - k, s)), H, W, k_H, k_W, p, s)


@map_size.slip("The rows are right. In the columns the + 1 is missing.")
def map_size_without_plus_one_in_the_columns(H, W, k_H, k_W, p, s):
    return (H + 2 * p - k_H) // s + 1, (W + 2 * p - k_W) // s


@map_size.slip("The + 1 is missing, and p is added once. The formula has 2p, and + 1 outside the brackets.")
def map_size_with_p_once_without_plus_one(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + p - k) // s, H, W, k_H, k_W, p, s)


@map_size.slip(
    "You neither round down nor add 1. See the formula: the brackets ⌊ ⌋, which `//` stands for, and the + 1."
)
def map_size_not_rounded_without_plus_one(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p - k) / s, H, W, k_H, k_W, p, s)


@map_size.slip("You add 1 before you divide. The + 1 stands outside the brackets ⌊ ⌋: divide, round down, then add 1.")
def map_size_with_plus_one_inside(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p - k + 1) // s, H, W, k_H, k_W, p, s)


@map_size.slip("You add p once. There are p rows above and p below, so H grows by 2p, and W likewise.")
def map_size_with_p_once(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + p - k) // s + 1, H, W, k_H, k_W, p, s)


@map_size.slip("You leave the padding out. The kernel slides over the padded image, which has H + 2p rows.")
def map_size_without_padding(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n - k) // s + 1, H, W, k_H, k_W, p, s)


@map_size.slip("This is H − k + 1, the size without padding and with stride 1. Here p and s count too.")
def map_size_of_notebook_1(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: n - k + 1, H, W, k_H, k_W, p, s)


@map_size.slip("You subtract the padding. Zeros make the image larger: + 2p.")
def map_size_minus_padding(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n - 2 * p - k) // s + 1, H, W, k_H, k_W, p, s)


@map_size.slip("You leave the stride out. With stride s only every s-th place is taken: divide by s and round down.")
def map_size_without_stride(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: n + 2 * p - k + 1, H, W, k_H, k_W, p, s)


@map_size.slip(
    "You divide only a part of the sum: division comes before + and −. Put brackets around the whole numerator."
)
def map_size_with_brackets_missing(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: n + 2 * p - k // s + 1, H, W, k_H, k_W, p, s)


@map_size.slip("You divide by s + 1: in `// (s + 1)` the brackets are in the wrong place. Divide by s, then add 1.")
def map_size_over_s_plus_one(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p - k) // (s + 1), H, W, k_H, k_W, p, s)


@map_size.slip("You subtract k − 1 and add 1 at the end too. The lowest place for the top row is H + 2p − k.")
def map_size_with_k_minus_one(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p - (k - 1)) // s + 1, H, W, k_H, k_W, p, s)


@map_size.slip("You do not subtract the kernel's size. Its top row can lie on row H + 2p − k at the lowest.")
def map_size_without_kernel(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p) // s + 1, H, W, k_H, k_W, p, s)


@map_size.slip("You use H for the columns too. Put W in place of H there.")
def map_size_of_a_square_image(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p - k) // s + 1, H, H, k_H, k_W, p, s)


@map_size.slip("You use k_H for the columns too. There the kernel's columns count: k_W.")
def map_size_of_a_square_kernel(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p - k) // s + 1, H, W, k_H, k_H, p, s)


@map_size.slip("You give both numbers the size of the rows. The columns need W and k_W.")
def map_size_of_rows_twice(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p - k) // s + 1, H, H, k_H, k_H, p, s)


@map_size.slip("k_H and k_W are exchanged: k_H goes with H, k_W with W.")
def map_size_with_a_lying_kernel(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p - k) // s + 1, H, W, k_W, k_H, p, s)


@map_size.slip("You return the columns first. The order is rows, columns, as in a shape.")
def map_size_columns_first(H, W, k_H, k_W, p, s):
    return both_sizes(lambda n, k, p, s: (n + 2 * p - k) // s + 1, W, H, k_W, k_H, p, s)


@map_size.slip("You return the size of the image. A map has it only where the formula says so: see the table.")
def map_size_as_the_image(H, W, k_H, k_W, p, s):
    return H, W


@map_size.slip("You return the size of the padded image. Now count the places where the kernel fits.")
def map_size_as_the_padded_image(H, W, k_H, k_W, p, s):
    return H + 2 * p, W + 2 * p


@map_size.slip("You return one number, that of the rows. Return two, with a comma between: rows, columns.")
def map_size_of_the_rows_alone(H, W, k_H, k_W, p, s):
    return (H + 2 * p - k_H) // s + 1


@map_size.slip("You multiply rows by columns, which counts the cells. Return both numbers: rows, columns.")
def map_size_as_number_of_cells(H, W, k_H, k_W, p, s):
    return ((H + 2 * p - k_H) // s + 1) * ((W + 2 * p - k_W) // s + 1)


@map_size.slip("You return a list. Return two numbers with a comma between, without brackets [ ].")
def map_size_as_a_list(H, W, k_H, k_W, p, s):
    return [0, 0]


@map_size.slip(
    "The numbers are right, but they are in an array. Return two numbers with a comma between: rows, columns."
)
def map_size_as_an_array(H, W, k_H, k_W, p, s):
    return np.array(both_sizes(lambda n, k, p, s: (n + 2 * p - k) // s + 1, H, W, k_H, k_W, p, s))


@exercise(
    "2.3",
    "the same convolution for any kernel",
    inputs=[
        (
            np.array([[1.0, 2, 0, 3, 1], [3, 4, 1, 0, 2], [5, 6, 2, 1, 0]]),
            np.array([[1.0, 0, 4, 2, 0], [-1, 2, 0, 0, 3]]),
        ),
        (np.array([[1, 2], [3, 0], [0, 1], [2, 2]]), np.array([[1, 0.5], [0, -1], [0.5, 1.5]])),
        (SQUARE, np.array([[1.0, 0], [0, -1]])),
        (
            np.array([[200, 100, 0], [50, 250, 150], [0, 0, 255]], dtype=np.uint8),
            np.array([[0, -1, 0.5], [1, 2, 1], [0, 1, -3]]),
        ),
        (np.arange(20.0).reshape(5, 4) % 7, np.array([[1.0, 2, 0, -1], [0, 1, 3, 0], [2, 0, 0, 1], [1, 1, 0, -2]])),
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


def padded_for_same(image, kernel, **options):
    k_H, k_W = kernel.shape
    return np.pad(image, ((((k_H - 1) // 2), k_H // 2), (((k_W - 1) // 2), k_W // 2)), **options)


def same_reference(image, kernel):
    return conv2d(padded_for_same(image, kernel), kernel)


@same_convolution.slip(
    "You compute the valid map, from the windows inside the image. "
    "Same padding has one window around each pixel: put zeros around first."
)
def same_as_valid(image, kernel):
    return conv2d(image, kernel)


@same_convolution.slip(
    "You compute the full map: k − 1 rows of zeros above and k − 1 below. "
    "Same padding has k − 1 rows in all, half above, half below."
)
def same_as_full(image, kernel):
    k_H, k_W = kernel.shape
    return conv2d(image, kernel, padding=(k_H - 1, k_W - 1))


@same_convolution.slip(
    "You fill only the cells whose window lies inside the image; the others keep their 0. They need a padded image."
)
def same_as_valid_in_the_corner(image, kernel):
    C = np.zeros(image.shape)
    valid = conv2d(image, kernel)
    C[: valid.shape[0], : valid.shape[1]] = valid
    return C


@same_convolution.slip("You leave the border of the map at 0. Its windows reach over the edge: pad the image for them.")
def same_as_valid_in_the_middle(image, kernel):
    return padded_for_same(conv2d(image, kernel), kernel)


@same_convolution.slip(
    "For an even kernel your extra zeros go above and left. "
    "Here they go below and right: (k − 1) // 2 above, not k // 2."
)
def same_with_the_extra_zeros_above(image, kernel):
    k_H, k_W = kernel.shape
    return conv2d(np.pad(image, ((k_H // 2, (k_H - 1) // 2), (k_W // 2, (k_W - 1) // 2))), kernel)


@same_convolution.slip(
    "You put k // 2 zeros on both sides, so the map of an even kernel is too large. "
    "Above and left there are (k − 1) // 2."
)
def same_with_half_on_both_sides(image, kernel):
    k_H, k_W = kernel.shape
    return conv2d(image, kernel, padding=(k_H // 2, k_W // 2))


@same_convolution.slip(
    "You put (k − 1) // 2 zeros on both sides, so for an even kernel the last row or column is missing. "
    "k − 1 zeros are needed in all: one more below and right than above and left."
)
def same_with_too_few_zeros(image, kernel):
    k_H, k_W = kernel.shape
    return conv2d(image, kernel, padding=((k_H - 1) // 2, (k_W - 1) // 2))


@same_convolution.slip(
    "For an even kernel your last window sticks out of P, which has (k − 1) // 2 rows below: NumPy cuts the slice off. "
    "One row more is needed below, and one column more on the right."
)
def same_with_a_window_that_sticks_out(image, kernel):
    (H, W), (k_H, k_W) = image.shape, kernel.shape
    P = np.pad(image, (((k_H - 1) // 2,) * 2, ((k_W - 1) // 2,) * 2))
    C = np.zeros(image.shape)
    for i in range(H):
        for j in range(W):
            C[i, j] = np.sum(kernel * P[i : i + k_H, j : j + k_W])
    return C


@same_convolution.slip("All your zeros are below and right. Half of the k − 1 rows go above, half of the columns left.")
def same_with_all_zeros_below(image, kernel):
    k_H, k_W = kernel.shape
    return conv2d(np.pad(image, ((0, k_H - 1), (0, k_W - 1))), kernel)


@same_convolution.slip("All your zeros are above and left. Half of the k − 1 rows go below, half of the columns right.")
def same_with_all_zeros_above(image, kernel):
    k_H, k_W = kernel.shape
    return conv2d(np.pad(image, ((k_H - 1, 0), (k_W - 1, 0))), kernel)


@same_convolution.slip("Your padding is 1 whatever the kernel. It depends on the kernel: k − 1 rows of zeros in all.")
def same_with_one_zero_around(image, kernel):
    return conv2d(image, kernel, padding=1)


@same_convolution.slip(
    "You put 1 zero on each side whatever the kernel, which is right for 3×3 alone. "
    "A kernel with k rows needs k − 1 rows of zeros in all."
)
def same_with_one_zero_around_in_the_images_size(image, kernel):
    (H, W), (k_H, k_W) = image.shape, kernel.shape
    P = np.pad(image, 1)
    C = np.zeros((H, W))
    for i in range(H):
        for j in range(W):
            C[i, j] = np.sum(kernel * P[i : i + k_H, j : j + k_W])
    return C


@same_convolution.slip(
    "You use the kernel's rows for the columns too, so it works for square kernels only. "
    "kernel.shape holds k_H and k_W."
)
def same_for_square_kernels(image, kernel):
    (H, W), k = image.shape, len(kernel)
    P = padded_for_same(image, np.zeros((k, k)))
    C = np.zeros((H, W))
    for i in range(H):
        for j in range(W):
            C[i, j] = np.sum(kernel * P[i : i + k, j : j + k])
    return C


@same_convolution.slip("Rows and columns of the padding are exchanged: k_H − 1 rows of zeros, k_W − 1 columns.")
def same_with_padding_exchanged(image, kernel):
    return conv2d(padded_for_same(image, kernel.T), kernel)


@same_convolution.slip(
    "Your kernel is turned by 180°. What is asked for slides it as it is: K[u, v] meets P[i + u, j + v]."
)
def same_with_a_turned_kernel(image, kernel):
    return same_reference(image, kernel[::-1, ::-1])


@same_convolution.slip(
    "Your kernel is turned by 180°, and the extra zeros of an even kernel go above and left. That is "
    "SciPy's convolve2d; here the kernel is not turned, and the extra zeros go below and right."
)
def same_with_a_turned_kernel_and_zeros_above(image, kernel):
    k_H, k_W = kernel.shape
    return conv2d(np.pad(image, ((k_H // 2, (k_H - 1) // 2), (k_W // 2, (k_W - 1) // 2))), kernel[::-1, ::-1])


@same_convolution.slip(
    "Your map holds whole numbers, since np.zeros_like takes the image's dtype: decimals are lost, and in uint8 "
    "numbers below 0 or above 255 wrap around. Use np.zeros(image.shape)."
)
def same_in_the_images_dtype(image, kernel):
    C = np.zeros_like(image)
    right = same_reference(image, kernel)
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C[i, j] = right[i, j]
    return C


@same_convolution.slip(
    "Your map takes over the image's dtype and loses something with every product: decimals, and in uint8 all beyond "
    "0 to 255. Use np.zeros(image.shape)."
)
def same_added_up_in_the_images_dtype(image, kernel):
    P, C = padded_for_same(image, kernel), np.zeros_like(image)
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            for u in range(kernel.shape[0]):
                for v in range(kernel.shape[1]):
                    C[i, j] = C[i, j] + kernel[u, v] * P[i + u, j + v]
    return C


@same_convolution.slip("Your map is cut to whole numbers. np.zeros(…) without dtype makes room for decimals.")
def same_in_whole_numbers(image, kernel):
    return same_reference(image, kernel).astype(int)


@same_convolution.slip(
    "Your map is stored as uint8: there are no decimals in it, and below 0 and above 255 it wraps around. "
    "np.zeros(…) without dtype holds any number."
)
def same_in_uint8(image, kernel):
    C = np.zeros(image.shape, dtype=np.uint8)
    right = same_reference(image, kernel)
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C[i, j] = right[i, j]
    return C


@same_convolution.slip("You cut the map to 0 … 255. It is no picture: it may hold any number.")
def same_clipped(image, kernel):
    return np.clip(same_reference(image, kernel), 0, 255)


@same_convolution.slip("You set numbers below 0 to 0. A map may hold negative numbers: leave them as they are.")
def same_without_negative_numbers(image, kernel):
    return np.maximum(same_reference(image, kernel), 0)


@same_convolution.slip("You repeat the outermost pixels around the image. Same padding has zeros there.")
def same_with_repeated_edges(image, kernel):
    return conv2d(padded_for_same(image, kernel, mode="edge"), kernel)


@same_convolution.slip(
    "Your windows continue on the opposite side of the image: index −1 is the last row. Put zeros around it first."
)
def same_that_wraps(image, kernel):
    return conv2d(padded_for_same(image, kernel, mode="wrap"), kernel)


@same_convolution.slip(
    "An index below 0 reads from the other end of the image, without an error. "
    "Outside the image there are zeros: pad first."
)
def same_that_wraps_above(image, kernel):
    k_H, k_W = kernel.shape
    P = np.pad(image, (((k_H - 1) // 2, 0), ((k_W - 1) // 2, 0)), mode="wrap")
    return conv2d(np.pad(P, ((0, k_H // 2), (0, k_W // 2))), kernel)


@same_convolution.slip("Each product replaces the one before, so only the last is left. Add them up with `+=`.")
def same_of_the_last_product(image, kernel):
    last = np.zeros(kernel.shape)
    last[-1, -1] = kernel[-1, -1]
    return same_reference(image, last)


@same_convolution.slip(
    "Each product inside the image replaces the one before, so only the last is left. Add them up with `+=`."
)
def same_of_the_last_product_inside(image, kernel):
    (H, W), (k_H, k_W) = image.shape, kernel.shape
    C = np.zeros(image.shape)
    for i in range(H):
        for j in range(W):
            u = min(k_H - 1, H - 1 - i + (k_H - 1) // 2)
            v = min(k_W - 1, W - 1 - j + (k_W - 1) // 2)
            C[i, j] = kernel[u, v] * image[i + u - (k_H - 1) // 2, j + v - (k_W - 1) // 2]
    return C


@same_convolution.slip("You take the mean of the products. Their sum is asked for.")
def same_with_the_mean(image, kernel):
    return same_reference(image, kernel) / kernel.size


@same_convolution.slip("You return the padded image. Now slide the kernel over it.")
def same_that_stops_at_padding(image, kernel):
    return padded_for_same(image, kernel)


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
        "`a[::-1]` is an array backwards. For a grid: one ::-1 for the rows, one for the columns, in one "
        "pair of brackets.",
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


@true_convolution.slip("You transpose the kernel. That exchanges rows and columns; a turn by 180° reverses both.")
def convolution_with_a_transpose(image, kernel):
    return conv2d(image, kernel.T)


@true_convolution.slip(
    "You turn the kernel and transpose it as well. K̃ has as many rows as K: leave the transpose out."
)
def convolution_with_a_turn_and_a_transpose(image, kernel):
    return conv2d(image, kernel.T[::-1, ::-1])


@true_convolution.slip(
    "You turn the kernel by 90°. K̃ is turned by 180°: rows and columns stay what they are, both backwards."
)
def convolution_with_a_quarter_turn(image, kernel):
    return conv2d(image, np.rot90(kernel))


@true_convolution.slip("You turn the kernel by 90°, clockwise. K̃ is turned by 180°: rows and columns both backwards.")
def convolution_with_a_clockwise_quarter_turn(image, kernel):
    return conv2d(image, np.rot90(kernel, -1))


@true_convolution.slip(
    "You change the sign of the kernel. A turn moves its entries to other places and keeps their signs."
)
def convolution_with_a_minus(image, kernel):
    return conv2d(image, -kernel)


@true_convolution.slip("Each product replaces the one before, so only the last is left. Add them up with `+=`.")
def convolution_of_the_last_product(image, kernel):
    return kernel[0, 0] * image[kernel.shape[0] - 1 :, kernel.shape[1] - 1 :]


@true_convolution.slip("Your kernel is upside down only: kernel[::-1] reverses the rows. Reverse the columns too.")
def convolution_upside_down(image, kernel):
    return conv2d(image, kernel[::-1])


@true_convolution.slip("Your kernel is mirrored left to right only. Reverse the order of its rows too.")
def convolution_mirrored(image, kernel):
    return conv2d(image, kernel[:, ::-1])


@true_convolution.slip(
    "Your map is the right one turned by 180°: you turn the image in place of the kernel, or the result too. "
    "Turn the kernel alone."
)
def convolution_with_a_turned_image(image, kernel):
    return conv2d(image[::-1, ::-1], kernel)


@true_convolution.slip(
    "Your map is the correlation turned round: either the result is turned, or image and kernel both are. "
    "Turn the kernel alone."
)
def convolution_with_a_turned_result(image, kernel):
    return conv2d(image, kernel)[::-1, ::-1]


@true_convolution.slip(
    "You turn the kernel in place, so the caller's kernel has changed. Make a new array for the turned one."
)
def convolution_that_turns_in_place(image, kernel):
    kernel[:] = kernel[::-1, ::-1].copy()
    return conv2d(image, kernel)


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


@true_convolution.slip(
    "You read pixel (i − u, j − v), and a negative index counts from the other end. "
    "Use K̃ and pixel (i + u, j + v): the same sum, with the cells counted from the first whole window."
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


@true_convolution.slip("kernel[-u, -v] leaves row 0 and column 0 in their places, as −0 is 0. The index is k − 1 − u.")
def convolution_with_minus_u(image, kernel):
    return conv2d(image, np.roll(kernel[::-1, ::-1], 1, axis=(0, 1)))


@true_convolution.slip(
    "You compute the full map, with zeros around the image. Here p is 0: windows inside the image only."
)
def convolution_in_full(image, kernel):
    return conv2d(image, kernel[::-1, ::-1], padding=(kernel.shape[0] - 1, kernel.shape[1] - 1))


@true_convolution.slip(
    "Your map has the image's size, as with same padding. Here p is 0: the map has one row and column for each window "
    "inside the image."
)
def convolution_as_same(image, kernel):
    return same_reference(image, kernel[::-1, ::-1])


@true_convolution.slip("You return the turned kernel. Now slide it over the image.")
def convolution_that_stops_at_the_kernel(image, kernel):
    return kernel[::-1, ::-1]


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


@exercise(
    "2.5",
    "the gradient of a padded image",
    inputs=[
        (np.array([[1.0, 2, 0], [0, 1, 3], [2, 0, 1], [1, 1, 0]]), np.array([[1.0, 2], [0, -1], [3, 4], [1, 0]]), 1),
        (np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 0], [0, -1]]), 0),
        (np.array([[1.0, 0, 2, 1], [3, 1, 0, 5]]), np.array([[1.0, 2, -1], [0, 3, 1]]), 1),
        (np.array([[1.0, 2, 0], [0, 1, 2], [4, 1, 0], [1, 3, 5]]), np.array([[1.0, 0, 3], [2, 1, -1], [0, 4, 1]]), 2),
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


def padded_gradient(error_map, kernel):
    return conv2d(error_map, kernel[::-1, ::-1], padding=(kernel.shape[0] - 1, kernel.shape[1] - 1))


def without_border(gradient, p):
    return gradient[p : gradient.shape[0] - p, p : gradient.shape[1] - p]


def input_gradient_reference(error_map, kernel, p):
    return without_border(padded_gradient(error_map, kernel), p)


@input_gradient.slip(
    "Your kernel lies the wrong way round. Turn it by 180° to correlate E with it; do not turn it "
    "when you add E[i, j] times the kernel to window (i, j)."
)
def input_gradient_without_a_turn(error_map, kernel, p):
    return input_gradient_reference(error_map, kernel[::-1, ::-1], p)


@input_gradient.slip(
    "Your result is the right one turned by 180°: you turn E, or too many things. Turn the kernel alone."
)
def input_gradient_of_a_turned_map(error_map, kernel, p):
    return input_gradient_reference(error_map, kernel, p)[::-1, ::-1]


@input_gradient.slip("You turn E, or the result, along with the wrong kernel. E stays as it is; the kernel is turned.")
def input_gradient_of_a_turned_correlation(error_map, kernel, p):
    return input_gradient_reference(error_map, kernel[::-1, ::-1], p)[::-1, ::-1]


@input_gradient.slip("Your kernel is reversed up and down only. Turned by 180° means its columns backwards too.")
def input_gradient_upside_down(error_map, kernel, p):
    return input_gradient_reference(error_map, kernel[:, ::-1], p)


@input_gradient.slip("Your kernel is mirrored left to right only. Turned by 180° means its rows backwards too.")
def input_gradient_mirrored(error_map, kernel, p):
    return input_gradient_reference(error_map, kernel[::-1], p)


@input_gradient.slip("You use the transpose of K. The turned kernel has K's rows and columns, both in reverse order.")
def input_gradient_with_a_transpose(error_map, kernel, p):
    return input_gradient_reference(error_map, kernel.T[::-1, ::-1], p)


@input_gradient.slip(
    "This is the gradient of P, the padded image. Cut the border off: p rows above and below, p columns left and right."
)
def input_gradient_with_the_border(error_map, kernel, p):
    return padded_gradient(error_map, kernel)


@input_gradient.slip(
    "This has the size of P, the padded image, and the kernel lies the wrong way round. "
    "Correlate with the turned kernel, then cut the border off."
)
def input_gradient_with_the_border_without_a_turn(error_map, kernel, p):
    return padded_gradient(error_map, kernel[::-1, ::-1])


@input_gradient.slip("You cut the border off above and left only. It was put on all four sides.")
def input_gradient_cut_above(error_map, kernel, p):
    return padded_gradient(error_map, kernel)[p:, p:]


@input_gradient.slip("You cut the border off below and right only. It was put on all four sides.")
def input_gradient_cut_below(error_map, kernel, p):
    gradient = padded_gradient(error_map, kernel)
    return gradient[: gradient.shape[0] - p, : gradient.shape[1] - p]


@input_gradient.slip("The slice p:-p is empty for p = 0, as −0 is 0. Count its end from the front.")
def input_gradient_with_a_negative_end(error_map, kernel, p):
    return padded_gradient(error_map, kernel)[p:-p, p:-p]


@input_gradient.slip("You cut 1 off whatever p is. The border has p rows and columns on each side.")
def input_gradient_cut_by_one(error_map, kernel, p):
    return without_border(padded_gradient(error_map, kernel), 1)


@input_gradient.slip(
    "You pad E with p zeros. Full padding of E takes k − 1 zeros on each side; p is what you cut off at the end."
)
def input_gradient_padded_with_p(error_map, kernel, p):
    return conv2d(error_map, kernel[::-1, ::-1], padding=p)


@input_gradient.slip("You pad E with p zeros, and K is not turned. Full padding takes k − 1 zeros; correlate with K̃.")
def input_gradient_padded_with_p_without_a_turn(error_map, kernel, p):
    return conv2d(error_map, kernel, padding=p)


@input_gradient.slip("Your E has no zeros around it, so the gradient is too small. It takes full padding: k − 1 zeros.")
def input_gradient_as_valid(error_map, kernel, p):
    return conv2d(error_map, kernel[::-1, ::-1])


@input_gradient.slip("You pad E with 1 zero, which is k − 1 for a 2×2 kernel only. Take k_H and k_W from kernel.shape.")
def input_gradient_padded_with_one(error_map, kernel, p):
    return without_border(conv2d(error_map, kernel[::-1, ::-1], padding=1), p)


@input_gradient.slip(
    "You use the kernel's rows for the columns too. k_H − 1 zeros above and below, k_W − 1 left and right."
)
def input_gradient_of_a_square_kernel(error_map, kernel, p):
    return without_border(conv2d(error_map, kernel[::-1, ::-1], padding=len(kernel) - 1), p)


@input_gradient.slip(
    "This is the page's line for a 2×2 kernel without padding. Full padding is k_H − 1 for the rows and k_W − 1 for "
    "the columns, and the border of p zeros must be cut off."
)
def input_gradient_of_the_page(error_map, kernel, p):
    return conv2d(error_map, kernel[::-1, ::-1], padding=1)


@input_gradient.slip(
    "Two things: you use the kernel's rows for the columns too, where k_W − 1 zeros are needed, and the border of "
    "p zeros is not cut off."
)
def input_gradient_of_a_square_kernel_with_the_border(error_map, kernel, p):
    return conv2d(error_map, kernel[::-1, ::-1], padding=len(kernel) - 1)


@input_gradient.slip("A pixel lies in several windows, and yours keeps only the last of them. Add up with `+=`.")
def input_gradient_of_the_last_window(error_map, kernel, p):
    (rows, columns), (k_H, k_W) = error_map.shape, kernel.shape
    dP = np.zeros((rows + k_H - 1, columns + k_W - 1))
    for i in range(rows):
        for j in range(columns):
            dP[i : i + k_H, j : j + k_W] = error_map[i, j] * kernel
    return without_border(dP, p)


@input_gradient.slip("Every sign is wrong. There is no minus in the sum: only in its indices.")
def input_gradient_with_the_wrong_sign(error_map, kernel, p):
    return -input_gradient_reference(error_map, kernel, p)


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
