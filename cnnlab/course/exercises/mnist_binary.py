"""Exercises of notebook 4: real digits, is it greater than four?"""

import numpy as np

from cnnlab.activations import sigmoid
from cnnlab.convolution import conv2d
from cnnlab.course.exercises.checker import exercise
from cnnlab.normalization import standardize


@exercise(
    "4.1",
    "labels for a question with two answers",
    inputs=[
        (np.array([5, 0, 4, 7, 1, 5, 3, 2]), 4),
        (np.array([1, 7, 6, 8]), 6),
        (np.array([2, 1, 9, 0, 3, 2], dtype=np.uint8), 2),
    ],
    hints=[
        "Each digit gets one label, whatever its neighbours are. Which labels do 3, 4 and 5 get if the threshold is 4?",
        "`digits > threshold` compares every digit at once and gives an array of True and False. "
        "An `if` can ask about one digit only, so it needs a loop.",
        "With a loop: begin with y = np.zeros(len(digits)), and write a 1 at y[n] where digits[n] is greater.",
    ],
)
def binary_labels(digits, threshold):
    y = np.zeros(len(digits))
    for n in range(len(digits)):
        if digits[n] > threshold:
            y[n] = 1
    return y


@binary_labels.slip(
    "Python wants one answer here, and digits > threshold has one for each digit. Ask about digits[n] in a loop over "
    "n, or compare the whole array without an `if`."
)
def binary_labels_with_one_if_for_all(digits, threshold):
    if digits > threshold:
        return 1
    return 0


@binary_labels.slip("You compare with 4 whatever is asked. Use threshold, the second argument.")
def binary_labels_with_a_fixed_threshold(digits, threshold):
    return np.where(digits > 4, 1, 0)


@binary_labels.slip("A digit that equals the threshold gets a 1. Greater than 4 begins at 5.")
def binary_labels_from_at_least(digits, threshold):
    return np.where(digits >= threshold, 1, 0)


@binary_labels.slip("Your labels are reversed: digits greater than the threshold get y = 1, all others y = 0.")
def binary_labels_reversed(digits, threshold):
    return np.where(digits > threshold, 0, 1)


@binary_labels.slip(
    "Digits below the threshold get a 1. It is the greater ones that should: mind the direction of `<`."
)
def binary_labels_of_the_smaller(digits, threshold):
    return np.where(digits < threshold, 1, 0)


@binary_labels.slip("Digits that are not greater get no label at all. They get a 0: as many labels as digits.")
def binary_labels_of_the_hits_alone(digits, threshold):
    return np.ones(np.sum(digits > threshold))


@binary_labels.slip(
    "Every label is 0. Does `==` stand where `=` should store a 1? Or do you ask about a label that is 1 already, in "
    "place of the digit?"
)
def binary_labels_all_zero(digits, threshold):
    return np.zeros(len(digits))


@binary_labels.slip("Every label is 1. Is the comparison made for each digit, and is there a 0 for the others?")
def binary_labels_all_one(digits, threshold):
    return np.ones(len(digits))


@binary_labels.slip(
    "The digits greater than the threshold are still there as they were. Their label is 1, whatever digit it is."
)
def binary_labels_that_keep_the_greater(digits, threshold):
    return np.where(digits > threshold, digits, 0)


@binary_labels.slip("The digits that are not greater are still there as they were. Their label is 0.")
def binary_labels_that_keep_the_others(digits, threshold):
    return np.where(digits > threshold, 1, digits)


@binary_labels.slip(
    "You return the label of the last digit. Each overwrites the one before: keep them all, in an array."
)
def binary_labels_of_the_last(digits, threshold):
    return 1 if digits[-1] > threshold else 0


@binary_labels.slip(
    "You return the label of the first digit. Does `return` stand inside the loop? The loop ends there: move it behind."
)
def binary_labels_of_the_first(digits, threshold):
    return 1 if digits[0] > threshold else 0


@binary_labels.slip("Only the first digit is asked. Does `return` stand inside the loop? The loop ends there.")
def binary_labels_that_stop_after_the_first(digits, threshold):
    return np.where(np.arange(len(digits)) == 0, digits > threshold, 0)


@binary_labels.slip("You compare n, the place of a digit in the array. The digit itself is digits[n].")
def binary_labels_of_the_places(digits, threshold):
    return np.where(np.arange(len(digits)) > threshold, 1, 0)


@binary_labels.slip(
    "You write the 1 at the place that the digit names: for a 5 at place 5. It belongs where the digit stands: let n "
    "count the places."
)
def binary_labels_at_the_digits(digits, threshold):
    y = np.zeros(len(digits))
    y[digits[digits > threshold]] = 1
    return y


@binary_labels.slip(
    "You return the indices of the digits that are greater. Return a label for every digit, in order: 0 or 1."
)
def binary_labels_as_indices(digits, threshold):
    return np.flatnonzero(digits > threshold)


@binary_labels.slip(
    "You return one answer for all digits together, as `any` gives it. Each digit has a label of its own."
)
def binary_labels_for_any(digits, threshold):
    return 1 if np.any(digits > threshold) else 0


@binary_labels.slip(
    "You subtract before you compare. The last input is stored as uint8, which has no negative numbers: 1 − 2 gives "
    "255. Compare digits with threshold directly."
)
def binary_labels_from_a_difference(digits, threshold):
    return np.where(digits - threshold > 0, 1, 0)


@binary_labels.slip(
    "Your array stays empty. np.append does not change the array that it gets: it returns a longer one, which needs a "
    "name."
)
def binary_labels_never_appended(digits, threshold):
    return np.zeros(0)


@binary_labels.slip(
    "int(…) makes one number of one number, and here come many. True and False count as 1 and 0: leave them as they "
    "are."
)
def binary_labels_as_one_whole_number(digits, threshold):
    return int(digits > threshold)


@exercise(
    "4.2",
    "patches as columns, for an image of any size",
    inputs=[
        (np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 0, 2, 1]]), 2),
        (np.array([[0.5, 3, 1], [2, 7, 0], [4, 1.5, 6], [8, 5, 9]]), 2),
        (np.arange(16.0).reshape(4, 4), 3),
        (np.array([[3.0, 1, 4], [1, 5, 9]]), 1),
    ],
    hints=[
        "Count the windows first. In how many rows, and in how many columns, can the top left corner of a window lie? "
        "A window that sticks out over the edge is cut short without a word, and does not fit into its column.",
        "image.shape is (H, W). H rows leave H − size + 1 for the corner, W columns leave W − size + 1. The result has "
        "size² rows, and a column for each window.",
        "Two loops, i over the rows of windows and j over their columns. The window is "
        "image[i : i + size, j : j + size], and `.ravel()` lays it out in a row of numbers.",
        "Window (i, j) goes to column i · columns + j, where columns is the number of windows side by side. "
        "patches[:, 3] = … writes into column 3.",
    ],
)
def patch_columns(image, size):
    rows = image.shape[0] - size + 1
    columns = image.shape[1] - size + 1
    patches = np.zeros((size * size, rows * columns))
    for i in range(rows):
        for j in range(columns):
            window = image[i : i + size, j : j + size]
            patches[:, i * columns + j] = window.ravel()
    return patches


def _windows(image, size):
    """Return all windows as an array of (rows of windows, columns of windows, size, size)."""
    return np.lib.stride_tricks.sliding_window_view(image, (size, size))


def _written(image, size, shape, rows, columns, place):
    """Write the window of each row and column into an array of zeros, at `place(i, j)`."""
    patches = np.zeros(shape)
    for i in range(rows):
        for j in range(columns):
            patches[place(i, j)] = image[i : i + size, j : j + size].ravel()
    return patches


def _in_column(image, size, column):
    """Write window (i, j) into column `column(i, j, rows, columns)` of an array of the right shape."""
    rows, columns = _windows(image, size).shape[:2]
    place = lambda i, j: np.s_[:, column(i, j, rows, columns)]
    return _written(image, size, (size * size, rows * columns), rows, columns, place)


@patch_columns.slip(
    "A window does not fit into its column. Are the 24, 25 or 576 of the digits still in your code? Take all sizes "
    "from image.shape and size."
)
def patch_columns_of_a_digit(image, size):
    return _written(image, 5, (25, 576), 24, 24, lambda i, j: np.s_[:, 24 * i + j])


@patch_columns.slip(
    "You stop one window early in each direction. The last one starts at row H − size, and range(n) ends before n: "
    "there are H − size + 1."
)
def patch_columns_without_the_last_windows(image, size):
    return _windows(image, size)[:-1, :-1].reshape(-1, size * size).T


@patch_columns.slip(
    "Some columns stay 0, as the loops stop one window early in each direction. The last window starts at row "
    "H − size, and range(n) ends before n."
)
def patch_columns_with_zeros_for_the_last_windows(image, size):
    patches = np.zeros((size * size, _windows(image, size)[..., 0, 0].size))
    found = patch_columns_without_the_last_windows(image, size)
    patches[:, : found.shape[1]] = found
    return patches


@patch_columns.slip("Your patches stand in the rows. Each patch is a column here: exchange rows and columns with `.T`.")
def patch_columns_as_rows(image, size):
    return _windows(image, size).reshape(-1, size * size)


@patch_columns.slip(
    "The shape is right, but the columns hold pieces of several windows: `reshape` keeps the order of the numbers. "
    "To make columns of rows, exchange them with `.T`."
)
def patch_columns_reshaped(image, size):
    return _windows(image, size).reshape(size * size, -1)


@patch_columns.slip(
    "You count as many windows side by side as below each other, which holds for square images only. "
    "image.shape[1] has the number of columns."
)
def patch_columns_of_a_square_image(image, size):
    count = image.shape[0] - size + 1
    place = lambda i, j: np.s_[:, i * count + j]
    return _written(image, size, (size * size, count * count), count, count, place)


@patch_columns.slip(
    "Your rows and columns are exchanged: image.shape has the number of rows first, and so has a slice of image."
)
def patch_columns_with_rows_and_columns_exchanged(image, size):
    columns, rows = _windows(image, size).shape[:2]
    place = lambda i, j: np.s_[:, i * columns + j]
    return _written(image, size, (size * size, rows * columns), rows, columns, place)


@patch_columns.slip(
    "A window does not have as many numbers as its column. Does it stick out over the edge of the image, so that it is "
    "cut short? Or is it still a square, not laid out with `.ravel()`?"
)
def patch_columns_over_the_edge(image, size):
    rows, columns = image.shape
    place = lambda i, j: np.s_[:, i * columns + j]
    return _written(image, size, (size * size, rows * columns), rows, columns, place)


@patch_columns.slip(
    "Some windows are smaller than others: they stick out over the edge of the image and are cut short. Count the "
    "places where a whole window fits."
)
def patch_columns_in_a_list_over_the_edge(image, size):
    return np.array([image[i : i + size, j : j + size].ravel() for i, j in np.ndindex(image.shape)]).T


@patch_columns.slip("You write window m into row m: patches[m] is a row. A colon in front of the m makes it column m.")
def patch_columns_written_into_rows(image, size):
    rows, columns = _windows(image, size).shape[:2]
    return _written(image, size, (size * size, rows * columns), rows, columns, lambda i, j: i * columns + j)


@patch_columns.slip(
    "Your windows are still squares, stacked in an array with three axes. Lay each out with `.ravel()`, and put it "
    "into a column of a matrix."
)
def patch_columns_left_as_squares(image, size):
    return _windows(image, size).reshape(-1, size, size)


@patch_columns.slip(
    "Your windows lack a row and a column. A slice a : b ends before b, so that i : i + size has size rows already."
)
def patch_columns_one_short(image, size):
    patches = _windows(image, size)[..., :-1, :-1]
    return patches.reshape(-1, (size - 1) ** 2).T if size > 1 else np.zeros((0, image.size))


@patch_columns.slip(
    "Your columns are in the wrong order: the windows move down first. Let them move to the right first: i in the "
    "outer loop, j in the inner."
)
def patch_columns_that_move_down_first(image, size):
    return _windows(image, size).swapaxes(0, 1).reshape(-1, size * size).T


@patch_columns.slip(
    "Your windows are read column by column. Here a window is laid out row by row, as K.reshape(3, 25) does with the "
    "kernels."
)
def patch_columns_read_downwards(image, size):
    return _windows(image, size).swapaxes(2, 3).reshape(-1, size * size).T


@patch_columns.slip(
    "Your windows lie side by side, a window's size apart. They overlap: each starts one pixel after the one before."
)
def patch_columns_that_do_not_overlap(image, size):
    return _windows(image, size)[::size, ::size].reshape(-1, size * size).T


@patch_columns.slip(
    "Every window is written into column 0, and the last one stays. Window (i, j) has its own column: count on after "
    "each."
)
def patch_columns_that_never_move_on(image, size):
    return _in_column(image, size, lambda i, j, rows, columns: 0)


@patch_columns.slip(
    "Each row of windows begins at column 0 again and overwrites the row before. Row i begins at column i · (number of "
    "windows side by side)."
)
def patch_columns_that_begin_again_in_each_row(image, size):
    return _in_column(image, size, lambda i, j, rows, columns: j)


@patch_columns.slip(
    "You put window (i, j) into column i + j, where several windows meet. Before row i there are i full rows of "
    "windows, so its columns begin at i · (number of windows side by side)."
)
def patch_columns_at_i_plus_j(image, size):
    return _in_column(image, size, lambda i, j, rows, columns: i + j)


@patch_columns.slip(
    "You multiply i by the number of columns of the image. One row of windows fills fewer: as many as there are "
    "windows side by side."
)
def patch_columns_at_i_times_width(image, size):
    return _in_column(image, size, lambda i, j, rows, columns: i * image.shape[1] + j)


@patch_columns.slip(
    "You multiply i by the number of windows below each other. One row of windows fills as many columns as there are "
    "windows side by side: multiply by that."
)
def patch_columns_at_i_times_rows(image, size):
    return _in_column(image, size, lambda i, j, rows, columns: i * rows + j)


@exercise(
    "4.3",
    "backward through the standardisation",
    inputs=[
        (np.array([1.0, 0, 0, 0]), np.array([1.0, 3, 5, 7])),
        (np.array([1.0, 2, -1]), np.array([6.0, 0, 3])),
        (np.array([0.5, -1, 2, 0, 3, 1]), np.array([10.0, 12, 11, 15, 9, 9])),
    ],
    hints=[
        "Prepare what the formula needs: μ, δ and z, all from s. The tiny example of section 4 has the lines for them.",
        "ḡ is the mean of g. The mean of the products g z is one number too: multiply first, then take the mean. For "
        "the first input they are 0.25 and −0.3354, as on the page; print yours beside them.",
        "Three terms stand in the bracket: g, minus ḡ, minus z times the mean of g z. 1/δ stands in front of all "
        "three.",
    ],
)
def gradient_of_sums(g, s):
    mu, delta = s.mean(), s.std()
    z = (s - mu) / delta
    return (g - g.mean() - z * (g * z).mean()) / delta


@gradient_of_sums.loss
def loss_with_these_score_gradients(g, s):
    return lambda sums: np.sum(g * standardize(sums)), s


@gradient_of_sums.slip("The bracket is right. The factor 1/δ in front of it is missing.")
def gradient_of_sums_without_one_over_deviation(g, s):
    z = standardize(s)
    return g - g.mean() - z * (g * z).mean()


@gradient_of_sums.slip("Only the last term is divided by δ. All three are: put a bracket around them before the `/`.")
def gradient_of_sums_with_the_last_term_divided(g, s):
    z = standardize(s)
    return g - g.mean() - z * (g * z).mean() / s.std()


@gradient_of_sums.slip("Only g is divided by δ. All three terms are: put a bracket around them.")
def gradient_of_sums_with_the_first_term_divided(g, s):
    z = standardize(s)
    return g / s.std() - g.mean() - z * (g * z).mean()


@gradient_of_sums.slip(
    "You take sums where the bars stand. A bar is the mean over the batch, that of g and that of g z."
)
def gradient_of_sums_with_sums(g, s):
    z = standardize(s)
    return (g - g.sum() - z * (g * z).sum()) / s.std()


@gradient_of_sums.slip(
    "The first bar is right, but for the second you take a sum. It stands for a mean too, that of the products g z."
)
def gradient_of_sums_with_a_sum_of_products(g, s):
    z = standardize(s)
    return (g - g.mean() - z * (g * z).sum()) / s.std()


@gradient_of_sums.slip(
    "The mean in the last term is missing, so it is a product for each digit. Of g z take the mean, one number."
)
def gradient_of_sums_without_the_last_mean(g, s):
    z = standardize(s)
    return (g - g.mean() - z * (g * z)) / s.std()


@gradient_of_sums.slip(
    "In the last term you multiply z by ḡ. The bar stands over both, g z: multiply each g by its z first, then take "
    "the mean."
)
def gradient_of_sums_with_the_bar_over_g_alone(g, s):
    z = standardize(s)
    return (g - g.mean() - z * g.mean() * z) / s.std()


@gradient_of_sums.slip(
    "The way through the deviation is left out, or it comes out as 0: mean(g) · mean(z) is always 0. "
    "Subtract z times the mean of the products g z."
)
def gradient_of_sums_without_the_deviation(g, s):
    return (g - g.mean()) / s.std()


@gradient_of_sums.slip("The way through the mean is left out: in the bracket, ḡ has to be subtracted from g.")
def gradient_of_sums_without_the_mean(g, s):
    z = standardize(s)
    return (g - z * (g * z).mean()) / s.std()


@gradient_of_sums.slip(
    "The factor z in front of the last mean is missing: each sum moves the deviation by its own z, divided by N."
)
def gradient_of_sums_without_z_in_front(g, s):
    z = standardize(s)
    return (g - g.mean() - (g * z).mean()) / s.std()


@gradient_of_sums.slip("The sign of the last term is wrong: z times the mean of g z is subtracted.")
def gradient_of_sums_plus_the_last_term(g, s):
    z = standardize(s)
    return (g - g.mean() + z * (g * z).mean()) / s.std()


@gradient_of_sums.slip("You use the sums s where z belongs. Standardise first: z = (s − μ) / δ, in both places.")
def gradient_of_sums_with_s(g, s):
    return (g - g.mean() - s * (g * s).mean()) / s.std()


@gradient_of_sums.slip("Your z is s − μ only. Divide by δ as well: z = (s − μ) / δ.")
def gradient_of_sums_with_distances(g, s):
    z = s - s.mean()
    return (g - g.mean() - z * (g * z).mean()) / s.std()


@gradient_of_sums.slip("Your z is s − μ / δ: Python divides first. Put brackets around the difference: (s − μ) / δ.")
def gradient_of_sums_with_z_without_brackets(g, s):
    z = s - s.mean() / s.std()
    return (g - g.mean() - z * (g * z).mean()) / s.std()


@gradient_of_sums.slip("You divide by the variance. δ is the deviation, the variance's square root: s.std().")
def gradient_of_sums_with_the_variance(g, s):
    z = (s - s.mean()) / s.var()
    return (g - g.mean() - z * (g * z).mean()) / s.var()


@gradient_of_sums.slip("Your δ lacks the mean: it is the square root of the mean of the squares, not of their sum.")
def gradient_of_sums_with_the_root_of_the_sum(g, s):
    delta = s.std() * np.sqrt(len(s))
    z = (s - s.mean()) / delta
    return (g - g.mean() - z * (g * z).mean()) / delta


@gradient_of_sums.slip("Your δ divides by N − 1. On this page it divides by N: s.std() does that on its own.")
def gradient_of_sums_with_n_minus_1(g, s):
    delta = s.std(ddof=1)
    z = (s - s.mean()) / delta
    return (g - g.mean() - z * (g * z).mean()) / delta


@gradient_of_sums.slip(
    "You divide by δ and stop there. The mean and the deviation move with s too: subtract ḡ, and z times the mean of "
    "g z."
)
def gradient_of_sums_with_the_deviation_alone(g, s):
    return g / s.std()


@gradient_of_sums.slip(
    "Only the last score takes part: each n replaces the one before. Add up over all scores n with `+=`."
)
def gradient_of_sums_of_the_last_score(g, s):
    z, N = standardize(s), len(s)
    return g[-1] * ((np.arange(N) == N - 1) - 1 / N - z[-1] * z / N) / s.std()


@gradient_of_sums.slip(
    "Everything comes out as 0. Does a sum over n take g[p] every time? Each score brings its own g[n]. Or is z made "
    "of g, in place of s?"
)
def gradient_of_sums_that_cancels(g, s):
    return np.zeros(len(s))


@exercise(
    "4.4",
    "the gradient of the filters, over a batch",
    inputs=[
        (
            np.array([[[[1.0, 2], [0, 3], [4, 1], [2, 5]]], [[[2, 0], [5, 1], [0, 3], [1, 4]]]]),
            np.array([[[[1.0], [-2]], [[0], [3]], [[2], [1]]], [[[2], [1]], [[-1], [4]], [[1], [0]]]]),
        ),
        (
            np.array([[[[2.0, 1, 0, 3]]], [[[1, 0, 2, 6]]], [[[4, 1, 1, 0]]]]),
            np.array([[[[1.0, 0]], [[-1, 3]]], [[[2, 1]], [[0.5, -2]]], [[[0, 1]], [[3, -1]]]]),
        ),
        (
            np.arange(40.0).reshape(2, 1, 4, 5) % 7,
            np.arange(32.0).reshape(2, 2, 2, 4) % 5 - 2,
        ),
    ],
    hints=[
        "One entry first: ∂L/∂K_kuv is a sum over n, i and j. Which numbers of E belong to filter k, and which pixels "
        "does its weight (u, v) meet? In the first input, weight (0, 0) of filter 0 gets 1·1 − 2·0 = 1 from image 0 "
        "and 2·2 + 1·5 = 9 from image 1, together 10.",
        "Take the sizes from E.shape and images.shape: N and F, the rows and columns of E, and from them those of the "
        "filter, H − H′ + 1 and W − W′ + 1.",
        "For image n the pixels are the window images[n, 0, u : u + rows, v : v + columns], with the rows and columns "
        "of E. Multiply it by E[n, k] with `*`, then add up.",
        "Four loops, over k, u, v and n, and inside one line with +=. The 1/N is in E already, so there is no "
        "division.",
    ],
)
def filter_gradient(images, E):
    N, filters, rows, columns = E.shape
    height = images.shape[2] - rows + 1
    width = images.shape[3] - columns + 1
    dK = np.zeros((filters, 1, height, width))
    for k in range(filters):
        for u in range(height):
            for v in range(width):
                for n in range(N):
                    window = images[n, 0, u : u + rows, v : v + columns]
                    dK[k, 0, u, v] += np.sum(E[n, k] * window)
    return dK


@filter_gradient.loss
def loss_with_these_error_maps(images, E):
    size = np.array(images.shape[2:]) - E.shape[2:] + 1
    return lambda K: np.sum(E * conv2d(images, K)), np.zeros((E.shape[1], 1, *size))


def _of_sizes(images, E, rows, columns, H, W, combine=lambda error, window: np.sum(error * window)):
    """Return what each image contributes, (N, filters, 1, height, width), with maps and images of these sizes."""
    result = np.zeros((*E.shape[:2], 1, H - rows + 1, W - columns + 1))
    for n, k, _, u, v in np.ndindex(result.shape):
        result[n, k, 0, u, v] = combine(E[n, k], images[n, 0, u : u + rows, v : v + columns])
    return result


def _by_image(images, E, *combine):
    """Return what each image contributes, (N, filters, 1, height, width)."""
    return _of_sizes(images, E, *E.shape[2:], *images.shape[2:], *combine)


@filter_gradient.slip(
    "Only the last image is left: each replaces the one before. Add the images up with `+=`, beginning at 0."
)
def filter_gradient_of_the_last_image(images, E):
    return _by_image(images, E)[-1]


@filter_gradient.slip(
    "A single product is left, that of the last pixel in the last image: each replaces the one before. Add all up, "
    "over n, i and j, with `+=`."
)
def filter_gradient_of_the_last_product(images, E):
    return _by_image(images, E, lambda error, window: error[-1, -1] * window[-1, -1])[-1]


@filter_gradient.slip(
    "You divide by N, the number of images. The 1/N of the loss is in E already: add up over the images, do not "
    "average."
)
def filter_gradient_averaged_again(images, E):
    return _by_image(images, E).mean(axis=0)


@filter_gradient.slip(
    "You take a mean over images and cells. The 1/N is in E already, and a weight takes part in every cell: np.sum."
)
def filter_gradient_with_the_mean_of_everything(images, E):
    return _by_image(images, E, lambda error, window: np.mean(error * window)).mean(axis=0)


@filter_gradient.slip(
    "Errors and pixels of different shapes meet. Does a 24 or 5 of the digits stand in your code, or I of the page in "
    "place of images? The window has the rows and columns of E."
)
def filter_gradient_of_the_digits_sizes(images, E):
    return np.sum(E * images[:, :, :24, :24], axis=(0, 2, 3))


@filter_gradient.slip("You use image 0 alone. The sum goes over all images of the batch: n from 0 to N − 1.")
def filter_gradient_of_the_first_image(images, E):
    return _by_image(images, E)[0]


@filter_gradient.slip(
    "You take the pixels of image 0 for every image. Each error map E[n] must meet its own image: images[n]."
)
def filter_gradient_of_the_pixels_of_image_0(images, E):
    return _by_image(np.broadcast_to(images[0], images.shape), E).sum(axis=0)


@filter_gradient.slip(
    "You average both, images and error maps, before they meet, so that errors of one image meet pixels of another. "
    "Multiply for each image, and add up afterwards, without dividing."
)
def filter_gradient_averaged_first(images, E):
    return _by_image(images.mean(axis=0, keepdims=True), E.mean(axis=0, keepdims=True))[0]


@filter_gradient.slip(
    "You add up the errors and the pixels first, then multiply the two sums. Each pixel meets its own error: multiply "
    "cell by cell, then add up."
)
def filter_gradient_of_two_sums(images, E):
    return _by_image(images, E, lambda error, window: error.sum() * window.sum()).sum(axis=0)


@filter_gradient.slip(
    "All filters get the sum of the gradients. Do not add over k: filter k answers for its own error map E[n, k] alone."
)
def filter_gradient_summed_over_filters(images, E):
    return _by_image(images, np.broadcast_to(E.sum(axis=1, keepdims=True), E.shape)).sum(axis=0)


@filter_gradient.slip("All filters get the same gradient, that of filter 0. Filter k has its own error map: E[n, k].")
def filter_gradient_of_filter_0(images, E):
    return _by_image(images, np.broadcast_to(E[:, :1], E.shape)).sum(axis=0)


@filter_gradient.slip(
    "Your sum is never set back to 0, so each weight gets the sums of all weights before it too. Begin at 0 for each "
    "one."
)
def filter_gradient_that_runs_on(images, E):
    result = _by_image(images, E).sum(axis=0)
    return result.cumsum().reshape(result.shape)


@filter_gradient.slip(
    "The last row and the last column of each filter stay 0: range(n) ends before n. There are H − H′ + 1 rows."
)
def filter_gradient_without_the_last_weights(images, E):
    result = _by_image(images, E).sum(axis=0)
    result[..., -1, :] = result[..., -1] = 0
    return result


@filter_gradient.slip(
    "The numbers are right, but the shape lacks the axis of the channel. Filters are (filters, 1, rows, columns), as "
    "K is."
)
def filter_gradient_without_the_channel(images, E):
    return _by_image(images, E).sum(axis=0)[:, 0]


@filter_gradient.slip(
    "More than one number is left for a weight of a filter. Add up over the cells and over the images: axis 0 counts "
    "the images, axis 1 the filters."
)
def filter_gradient_not_summed_over_images(images, E):
    result = np.zeros(E.shape[1])
    result[:] = E.sum(axis=(2, 3))  # N rows do not fit into one
    return result


@filter_gradient.slip(
    "An index runs too far. images has one channel, so its second index is 0 whatever the filter. n counts images, "
    "k filters, i and j the cells of E."
)
def filter_gradient_with_an_index_too_far(images, E):
    return images[:, E.shape[1] - 1]  # the channel of the last filter, which images do not have


@filter_gradient.slip("n and k are exchanged: the first axis of E counts images, the second filters. It is E[n, k].")
def filter_gradient_with_n_and_k_exchanged(images, E):
    N, filters = E.shape[:2]
    return _by_image(images, np.array([[E[k, n] for k in range(filters)] for n in range(N)])).sum(axis=0)


@filter_gradient.slip(
    "You count rows only, as if error maps and filters were square. E.shape[3] and images.shape[3] are the columns."
)
def filter_gradient_of_square_maps(images, E):
    return _of_sizes(images, E, E.shape[2], E.shape[2], images.shape[2], images.shape[2]).sum(axis=0)


@filter_gradient.slip("Your rows and columns are exchanged: a shape has the number of rows before that of columns.")
def filter_gradient_with_rows_and_columns_exchanged(images, E):
    return _of_sizes(images, E, *E.shape[:1:-1], *images.shape[:1:-1]).sum(axis=0)


@filter_gradient.slip(
    "conv2d takes E for filters, and a filter adds up over its channels and meets every image. Here each E[n, k] meets "
    "its own image only: take the images one by one."
)
def filter_gradient_by_conv2d(images, E):
    return conv2d(images, E)


@exercise(
    "4.5",
    "a bug hunt in one step of the dense layer",
    inputs=[
        (np.array([[1.0, 2, 0, 3], [3, 1, 1, 2], [0, 4, 2, 5]]), np.array([1.0, 0, 1]), np.zeros(4), 0.0, 24.0),
        (
            np.array([[1.0, 0], [2, 3], [0, 1], [4, 1]]),
            np.array([1.0, 1, 0, 1]),
            np.array([0.2, -0.4]),
            -1.0,
            2.0,
        ),
        (np.array([[1.0, 0, 2], [2, 1, 3]]), np.array([0.0, 1]), np.array([1.0, -1, 0.5]), 0.5, 0.1),
    ],
    hints=[
        "All weights moved by the same amount. How many numbers should ∂L/∂w hold, and how many does dw hold when the "
        "loop is done?",
        "Compare the line in the loop with the formula for ∂L/∂w_m in section 5, where ∂L/∂s_n is dz[n], as z = s "
        "here. Which digits' features does the formula have, and which does the line?",
        "The errors must not be added up before each has met the feature of its own digit. "
        "For weight m these are the products dz * f[:, m]. Add them up, and keep the sum in dw[m].",
        "The first two lines and the new d are right. Begin with dw = np.zeros(len(w)) before the loop.",
    ],
)
def dense_step(f, y, w, d, learning_rate):
    y_hat = sigmoid(f @ w + d)
    dz = (y_hat - y) * y_hat * (1 - y_hat) / len(y)
    dw = np.zeros(len(w))
    for m in range(len(w)):
        dw[m] = np.sum(dz * f[:, m])
    dd = dz.sum()
    return w - learning_rate * dw, d - learning_rate * dd


@dense_step.given
def step_as_found(f, y, w, d, learning_rate):
    y_hat = sigmoid(f @ w + d)
    dz = (y_hat - y) * y_hat * (1 - y_hat) / len(y)
    error = dz.sum()
    for m in range(len(w)):
        dw = error * f[1, m]
    return w - learning_rate * dw, d - learning_rate * error


def _score_errors(f, y, w, d):
    y_hat = sigmoid(f @ w + d)
    return (y_hat - y) * y_hat * (1 - y_hat) / len(y)


def _step_with(gradient, f, y, w, d, learning_rate):
    """Take a step with the gradient of w that `gradient(dz, f)` makes of the errors and the features."""
    dz = _score_errors(f, y, w, d)
    return w - learning_rate * gradient(dz, f), d - learning_rate * dz.sum()


@dense_step.slip(
    "It still does what it did. dw ends as one number, so all weights move alike; and that number is made of one "
    "digit's feature and the errors of all digits, added up."
)
def dense_step_as_before(*arguments):
    return _step_with(lambda dz, f: dz.sum() * f[1, -1], *arguments)


@dense_step.slip(
    "Half of it is repaired: each weight has its own gradient now. But every error meets the features of digit 1. "
    "Let error n meet the features of digit n."
)
def dense_step_with_the_features_of_digit_1(*arguments):
    return _step_with(lambda dz, f: dz.sum() * f[1], *arguments)


@dense_step.slip(
    "Errors and features meet digit by digit now, which is right. But each m overwrites dw, so the last feature's "
    "gradient moves all weights. Keep one number for each m."
)
def dense_step_of_the_last_feature(*arguments):
    return _step_with(lambda dz, f: dz @ f[:, -1], *arguments)


@dense_step.slip(
    "Each weight has its own gradient now, and the features of all digits take part. But the sum of the errors meets "
    "the mean feature. Multiply each digit's error by its own feature first, and add up afterwards."
)
def dense_step_averaged_first(*arguments):
    return _step_with(lambda dz, f: dz.sum() * f.mean(axis=0), *arguments)


@dense_step.slip(
    "Each weight has its own gradient now. But you add up the errors, add up the features, and multiply the two sums. "
    "Multiply each digit's error by its own feature first, and add up afterwards."
)
def dense_step_of_two_sums(*arguments):
    return _step_with(lambda dz, f: dz.sum() * f.sum(axis=0), *arguments)


@dense_step.slip(
    "The features of all digits take part now, but the errors are still added up before they meet them. "
    "And dw still ends as one number: the last feature's, for all weights."
)
def dense_step_averaged_first_of_the_last_feature(*arguments):
    return _step_with(lambda dz, f: dz.sum() * f[:, -1].mean(), *arguments)


@dense_step.slip(
    "Another digit's feature is no better: each error must meet the feature of its own digit. And dw still ends as one "
    "number, so all weights move alike."
)
def dense_step_with_the_last_feature_of_digit_0(*arguments):
    return _step_with(lambda dz, f: dz.sum() * f[0, -1], *arguments)


@dense_step.slip(
    "Now every weight takes the steps of all weights together, since `+=` or the update adds up over m. Keep one "
    "number for each m. And every error still meets the features of digit 1."
)
def dense_step_with_the_features_of_digit_1_added_up(*arguments):
    return _step_with(lambda dz, f: dz.sum() * f[1].sum(), *arguments)


@dense_step.slip(
    "You add up over m too, so that all weights move by one and the same sum. Only n is summed over: keep one number "
    "for each m."
)
def dense_step_summed_over_features(*arguments):
    return _step_with(lambda dz, f: np.sum(dz @ f), *arguments)


@dense_step.slip(
    "Only the last digit takes part: each digit's product replaces the one before. Add them up over n, with `+=` or "
    "np.sum."
)
def dense_step_of_the_last_digit(*arguments):
    return _step_with(lambda dz, f: dz[-1] * f[-1], *arguments)


@dense_step.slip(
    "Only digit 1 takes part, its error and its features. The sum goes over all digits: n from 0 to N − 1."
)
def dense_step_of_digit_1(*arguments):
    return _step_with(lambda dz, f: dz[1] * f[1], *arguments)


@dense_step.slip(
    "The products are right, but you take their mean. dz has the 1/N of the loss already: add them up, np.sum."
)
def dense_step_averaged_again(*arguments):
    return _step_with(lambda dz, f: dz @ f / len(dz), *arguments)


@dense_step.slip(
    "f has a row for each digit, and dz a number for each digit: in f @ dz the columns of f meet the digits. Which "
    "axis of f has to go with dz?"
)
def dense_step_in_the_wrong_order(*arguments):
    return _step_with(lambda dz, f: f @ dz, *arguments)


@dense_step.slip(
    "The weights are right. But the step of d is divided by N twice: dz has the 1/N already, so add it up."
)
def dense_step_with_the_mean_for_d(f, y, w, d, learning_rate):
    dz = _score_errors(f, y, w, d)
    return w - learning_rate * dz @ f, d - learning_rate * dz.mean()


@dense_step.slip("The slope of the sigmoid, ŷ (1 − ŷ), is gone from dz. That line was right: leave it as it was.")
def dense_step_without_the_slope(f, y, w, d, learning_rate):
    dz = (sigmoid(f @ w + d) - y) / len(y)
    return w - learning_rate * dz @ f, d - learning_rate * dz.sum()
