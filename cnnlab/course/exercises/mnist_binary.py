"""Exercises of notebook 4: real digits, is it greater than four?"""

import numpy as np

from cnnlab.activations import sigmoid
from cnnlab.convolution import conv2d, conv2d_backward, unfold
from cnnlab.course.exercises.checker import exercise
from cnnlab.normalization import standardize, standardize_backward


@exercise(
    "4.1",
    "labels for a question with two answers",
    inputs=[
        (np.array([5, 0, 4, 7, 1, 3, 5, 2]), 4),
        (np.array([1, 7, 6, 8]), 6),
        (np.array([2, 1, 9, 0, 3, 2]), 2),
        (np.array([7]), 3),
        (np.array([3, 0, 1, 0]), 0),
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


def binary_labels_at_the_digits(digits, threshold):
    y = np.zeros(len(digits))
    y[digits[digits > threshold]] = 1
    return y


binary_labels.add_slips(
    "one_if_for_all: Python wants one answer here, and digits > threshold has one for each digit. "
    "Ask about digits[n] in a loop over n, or compare the whole array without an `if`.",
    lambda digits, threshold: 1 if digits > threshold else 0,
    "fixed_threshold: Your labels say which digits are greater than 4, whatever is asked. "
    "Compare with threshold, the second argument.",
    lambda digits, threshold: np.where(digits > 4, 1, 0),
    "at_least: A digit that equals the threshold gets a 1. Greater than 4 begins at 5.",
    lambda digits, threshold: np.where(digits >= threshold, 1, 0),
    "reversed: Your labels are reversed: digits greater than the threshold get y = 1, all others y = 0.",
    lambda digits, threshold: np.where(digits > threshold, 0, 1),
    "smaller_ones: Digits below the threshold get a 1. It is the greater ones that should: mind the direction of `<`.",
    lambda digits, threshold: np.where(digits < threshold, 1, 0),
    "no_label_for_others: Digits that are not greater get no label at all. They get a 0: as many labels as digits.",
    lambda digits, threshold: np.ones(np.sum(digits > threshold)),
    "all_zero: Every label is 0. Does `==` stand where `=` should store a 1? "
    "Or do you ask about a label that is 1 already, in place of the digit?",
    lambda digits, threshold: np.zeros(len(digits)),
    "all_one: Every label is 1. Is the comparison made for each digit, and is there a 0 for the others?",
    lambda digits, threshold: np.ones(len(digits)),
    "greater_digits_kept: The digits greater than the threshold are still there as they were. "
    "Their label is 1, whatever digit it is.",
    lambda digits, threshold: np.where(digits > threshold, digits, 0),
    "other_digits_kept: The digits that are not greater are still there as they were. Their label is 0.",
    lambda digits, threshold: np.where(digits > threshold, 1, digits),
    "last_label_only: One number comes back, as if each label overwrote the one before. Keep them all, in an array.",
    lambda digits, threshold: 1 if digits[-1] > threshold else 0,
    "first_label_only: One number comes back, as the label of the first digit. Does `return` stand inside the loop? "
    "The loop ends there: move it behind.",
    lambda digits, threshold: 1 if digits[0] > threshold else 0,
    "places_compared: You compare n, the place of a digit in the array. The digit itself is digits[n].",
    lambda digits, threshold: np.where(np.arange(len(digits)) > threshold, 1, 0),
    "places_named_by_digits: You write the 1 at the place that the digit names: for a 5 at place 5. "
    "It belongs where the digit stands: let n count the places.",
    binary_labels_at_the_digits,
    "indices: You return the indices of the digits that are greater. Return a label for every digit, in order: 0 or 1.",
    lambda digits, threshold: np.flatnonzero(digits > threshold),
    "any_digit: One number comes back for all digits together, as `any` gives it. Each digit has a label of its own.",
    lambda digits, threshold: 1 if np.any(digits > threshold) else 0,
    "tuple_of_one: A tuple with one array in it came back. np.where(condition) alone makes one, which holds the "
    "places; np.where(condition, 1, 0) gives labels. A comma behind the result makes a tuple too.",
    lambda digits, threshold: np.where(digits > threshold),
)


@exercise(
    "4.2",
    "patches as columns, for any image",
    inputs=[
        (np.array([[0.0, 2, -3, 4, 1], [5, 6, 7.015625, 8, 3], [9, 0, -2, 1, 4]]), 2),
        (np.array([[0.5, 3, 1], [2, 7, 0], [4, 1.5, 6], [8, 5, 9]]), 2),
        (np.arange(16.0).reshape(4, 4), 3),
        (np.array([[3.0, 1, 4]]), 1),
    ],
    without=(unfold,),
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


def windows(image, size):
    """Return all windows as an array of (rows of windows, columns of windows, size, size)."""
    return np.lib.stride_tricks.sliding_window_view(image, (size, size))


def written(image, size, shape, place=lambda i, j, rows, columns: np.s_[:, i * columns + j]):
    """Write as many rows and columns of windows into an array of zeros, each at `place`."""
    rows, columns = shape
    patches = np.zeros((size * size, rows * columns))
    for i, j in np.ndindex(rows, columns):
        patches[place(i, j, rows, columns)] = image[i : i + size, j : j + size].ravel()
    return patches


def written_at(place):
    """Make a slip of another place for each window."""
    return lambda image, size: written(image, size, windows(image, size).shape[:2], place)


def patch_columns_with_zeros_at_the_end(image, size):
    found = windows(image, size)[:-1, :-1].reshape(-1, size * size).T
    return np.pad(found, ((0, 0), (0, windows(image, size)[..., 0, 0].size - found.shape[1])))


def patch_columns_one_short(image, size):
    patches = windows(image, size)[..., :-1, :-1]
    return patches.reshape(-1, (size - 1) ** 2).T if size > 1 else np.zeros((0, image.size))


def patch_columns_of_squares(image, size):
    squares = windows(image, size).reshape(-1, size, size)
    patches = np.zeros((size * size, len(squares)))
    for m, square in enumerate(squares):
        patches[:, m] = square
    return patches


patch_columns.add_slips(
    "sizes_of_the_digits: A window does not fit into its column. "
    "Are the 24, 25 or 576 of the digits still in your code? Take all sizes from image.shape and size.",
    lambda image, size: written(image, 5, (24, 24)),
    "last_windows_left_out: You stop one window early in each direction. "
    "The last one starts at row H − size, and range(n) ends before n: there are H − size + 1.",
    lambda image, size: windows(image, size)[:-1, :-1].reshape(-1, size * size).T,
    "last_column_of_windows_left_out: The windows at the right edge are missing. "
    "W columns leave W − size + 1 places side by side.",
    lambda image, size: windows(image, size)[:, :-1].reshape(-1, size * size).T,
    "last_row_of_windows_left_out: The windows at the lower edge are missing. "
    "H rows leave H − size + 1 places below each other.",
    lambda image, size: windows(image, size)[:-1].reshape(-1, size * size).T,
    "zeros_for_the_last_windows: Some columns stay 0, as the loops stop one window early in each direction. "
    "The last window starts at row H − size, and range(n) ends before n.",
    patch_columns_with_zeros_at_the_end,
    "patches_as_rows: Your patches stand in the rows. Each patch is a column here: "
    "exchange rows and columns with `.T`.",
    lambda image, size: windows(image, size).reshape(-1, size * size),
    "reshaped: The shape is right, but the columns hold pieces of several windows: "
    "`reshape` keeps the order of the numbers. To make columns of rows, exchange them with `.T`.",
    lambda image, size: windows(image, size).reshape(size * size, -1),
    "image_taken_for_a_square: You count as many windows side by side as below each other, "
    "which holds for square images only. image.shape[1] has the number of columns.",
    lambda image, size: written(image, size, (image.shape[0] - size + 1,) * 2),
    "rows_and_columns_exchanged: A window does not have as many numbers as its column. Are rows and columns exchanged? "
    "image.shape has the number of rows first, and so has a slice of image.",
    lambda image, size: written(image, size, windows(image, size).shape[1::-1]),
    "not_laid_out: A window is a square, and a column is none. Lay it out with `.ravel()` before it is written.",
    patch_columns_of_squares,
    "window_over_the_edge: A window does not have as many numbers as its column. Does it stick out over the edge of "
    "the image, so that it is cut short?",
    lambda image, size: written(image, size, image.shape),
    "list_over_the_edge: Some windows are smaller than others: "
    "they stick out over the edge of the image and are cut short. Count the places where a whole window fits.",
    lambda image, size: np.array([image[i : i + size, j : j + size].ravel() for i, j in np.ndindex(image.shape)]).T,
    "written_into_rows: A window does not fit into the place that it is written to. "
    "Is that a row? patches[m] is row m; a colon in front of the m makes it column m.",
    written_at(lambda i, j, rows, columns: i * columns + j),
    "left_as_squares: Your windows are still squares, stacked in an array with three axes. "
    "Lay each out with `.ravel()`, and put it into a column of a matrix.",
    lambda image, size: windows(image, size).reshape(-1, size, size),
    "windows_one_short: Your windows lack a row and a column. "
    "A slice a : b ends before b, so that i : i + size has size rows already.",
    patch_columns_one_short,
    "down_first: Your columns are in the wrong order: the windows move down first. "
    "Let them move to the right first: i in the outer loop, j in the inner.",
    lambda image, size: windows(image, size).swapaxes(0, 1).reshape(-1, size * size).T,
    "read_downwards: Your windows are read column by column. "
    "Here a window is laid out row by row, as K.reshape(3, 25) does with the kernels.",
    lambda image, size: windows(image, size).swapaxes(2, 3).reshape(-1, size * size).T,
    "without_overlap: Your windows lie side by side, a window's size apart. "
    "They overlap: each starts one pixel after the one before.",
    lambda image, size: windows(image, size)[::size, ::size].reshape(-1, size * size).T,
    "always_column_0: Every window is written into column 0, and the last one stays. "
    "Window (i, j) has its own column: count on after each.",
    written_at(lambda i, j, rows, columns: np.s_[:, 0]),
    "begun_again_in_each_row: Each row of windows begins at column 0 again and overwrites the row before. "
    "Row i begins at column i · (number of windows side by side).",
    written_at(lambda i, j, rows, columns: np.s_[:, j]),
    "column_i_plus_j: You put window (i, j) into column i + j, where several windows meet. "
    "Before row i there are i full rows of windows, so its columns begin at i · (number of windows side by side).",
    written_at(lambda i, j, rows, columns: np.s_[:, i + j]),
    "i_times_image_columns: A window's column does not exist. Is i multiplied by the number of columns of the image? "
    "One row of windows fills fewer: as many as there are windows side by side.",
    lambda image, size: written(
        image, size, windows(image, size).shape[:2], lambda i, j, rows, columns: np.s_[:, i * image.shape[1] + j]
    ),
    "i_times_window_rows: You multiply i by the number of windows below each other. "
    "One row of windows fills as many columns as there are windows side by side: multiply by that.",
    written_at(lambda i, j, rows, columns: np.s_[:, i * rows + j]),
)


@exercise(
    "4.3",
    "backward through the standardisation",
    inputs=[
        (np.array([1.0, 0, 0, 0]), np.array([1.0, 3, 5, 7])),
        (np.array([1, 2, -1]), np.array([6, 0, 3])),
        (np.array([0.5, -1, -2, 0, -3, 1]), np.array([-10.0, 12, 11.5, 15, -9, 9])),
        (np.array([2.0, 0, 1]), np.array([0.003, -0.002, 0.004])),  # a small number added to δ shows here
    ],
    without=(standardize_backward,),
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


def bracket(g, z):
    return g - g.mean() - z * (g * z).mean()


def by_z(answer):
    """Make a slip of what is done with g, s and the right z."""
    return lambda g, s: answer(g, s, standardize(s))


def by_deviation(delta):
    """Make a slip of another deviation."""
    return lambda g, s: bracket(g, (s - s.mean()) / delta(s)) / delta(s)


gradient_of_sums.add_slips(
    "without_1_over_deviation: The bracket is right. The factor 1/δ in front of it is missing.",
    lambda g, s: bracket(g, standardize(s)),
    "last_term_divided_only: Only the last term is divided by δ. "
    "All three are: put a bracket around them before the `/`.",
    by_z(lambda g, s, z: g - g.mean() - z * (g * z).mean() / s.std()),
    "first_term_divided_only: Only g is divided by δ. All three terms are: put a bracket around them.",
    by_z(lambda g, s, z: g / s.std() - g.mean() - z * (g * z).mean()),
    "sums_for_means: You take sums where the bars stand. A bar is the mean over the batch, that of g and that of g z.",
    by_z(lambda g, s, z: (g - g.sum() - z * (g * z).sum()) / s.std()),
    "sum_of_g: The second bar is right, but for the first you take a sum. It stands for a mean, that of g.",
    by_z(lambda g, s, z: (g - g.sum() - z * (g * z).mean()) / s.std()),
    "mean_added: The sign of the second term is wrong: ḡ is subtracted.",
    by_z(lambda g, s, z: (g + g.mean() - z * (g * z).mean()) / s.std()),
    "both_added: Two signs are wrong: ḡ is subtracted from g, and so is z times the mean of g z.",
    by_z(lambda g, s, z: (g + g.mean() + z * (g * z).mean()) / s.std()),
    "sum_of_products: The first bar is right, but for the second you take a sum. "
    "It stands for a mean too, that of the products g z.",
    by_z(lambda g, s, z: (g - g.mean() - z * (g * z).sum()) / s.std()),
    "without_the_last_mean: The mean in the last term is missing, so it is a product for each digit. "
    "Of g z take the mean, one number.",
    by_z(lambda g, s, z: (g - g.mean() - z * (g * z)) / s.std()),
    "bar_over_g_alone: In the last term you multiply z by ḡ. "
    "The bar stands over both, g z: multiply each g by its z first, then take the mean.",
    by_z(lambda g, s, z: (g - g.mean() - z * g.mean() * z) / s.std()),
    "without_the_deviation: The way through the deviation is left out, or it comes out as 0: "
    "mean(g) · mean(z) is always 0. Subtract z times the mean of the products g z.",
    lambda g, s: (g - g.mean()) / s.std(),
    "without_the_mean: The way through the mean is left out: in the bracket, ḡ has to be subtracted from g.",
    by_z(lambda g, s, z: (g - z * (g * z).mean()) / s.std()),
    "without_z_in_front: The factor z in front of the last mean is missing: "
    "each sum moves the deviation by its own z, divided by N.",
    by_z(lambda g, s, z: (g - g.mean() - (g * z).mean()) / s.std()),
    "last_term_added: The sign of the last term is wrong: z times the mean of g z is subtracted.",
    by_z(lambda g, s, z: (g - g.mean() + z * (g * z).mean()) / s.std()),
    "sums_in_place_of_z: You use the sums s where z belongs. Standardise first: z = (s − μ) / δ, in both places.",
    lambda g, s: (g - g.mean() - s * (g * s).mean()) / s.std(),
    "z_not_divided: Your z is s − μ only. Divide by δ as well: z = (s − μ) / δ.",
    lambda g, s: bracket(g, s - s.mean()) / s.std(),
    "z_without_brackets: Your z is s − μ / δ: Python divides first. Put brackets around the difference: (s − μ) / δ.",
    lambda g, s: bracket(g, s - s.mean() / s.std()) / s.std(),
    "variance: You divide by the variance. δ is the deviation, the variance's square root: s.std().",
    by_deviation(lambda s: s.var()),
    "root_of_the_sum: Your δ lacks the mean: it is the square root of the mean of the squares, not of their sum.",
    by_deviation(lambda s: np.sqrt(np.sum((s - s.mean()) ** 2))),
    "n_minus_1: Your δ divides by N − 1. On this page it divides by N: s.std() does that on its own.",
    by_deviation(lambda s: s.std(ddof=1)),
    "deviation_alone: Your result is g / δ. The mean and the deviation move with s too: subtract ḡ, "
    "and z times the mean of g z.",
    lambda g, s: g / s.std(),
    "last_score_only: Only the last score takes part: each n replaces the one before. "
    "Add up over all scores n with `+=`.",
    by_z(lambda g, s, z: g[-1] * ((np.arange(len(s)) == len(s) - 1) - 1 / len(s) - z[-1] * z / len(s)) / s.std()),
    "all_zero: Everything comes out as 0. Does a sum over n take g[p] every time? Each score brings its own g[n]. "
    "Or is z made of g, in place of s?",
    lambda g, s: np.zeros(len(s)),
)


@exercise(
    "4.4",
    "the filters' gradient, over a batch",
    inputs=[
        (
            np.array([[[[1.0, 2], [0, 3], [4, 1], [2, 5]]], [[[2, 0], [5, 1], [0, 3], [1, 4]]]]),
            np.array([[[[1.0], [-2]], [[0], [3]], [[2], [1]]], [[[2], [1]], [[-1], [4]], [[1], [0]]]]),
        ),
        (
            np.array([[[[2, 1, 0, 3]]], [[[1, 0, -2, 6]]], [[[4, 1, 1, 0]]]]),
            np.array([[[[1.0, -4]], [[-1, 3]]], [[[2, 1]], [[0.015625, -2]]], [[[0, 0]], [[3, -1]]]]),
        ),
        # As many images as filters, all other sizes different, and whole numbers in E alone.
        (
            (np.arange(234).reshape(2, 1, 9, 13) * 37 % 23 - 9) / 4,
            np.arange(60).reshape(2, 2, 3, 5) * 29 % 17 - 7,
        ),
    ],
    without=(conv2d_backward,),
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


def by_image(images, E, combine=lambda error, window: np.sum(error * window), maps=None, pixels=None):
    """Return what each image contributes, (N, filters, 1, height, width), with maps and images of these sizes."""
    (rows, columns), (H, W) = maps or E.shape[2:], pixels or images.shape[2:]
    result = np.zeros((*E.shape[:2], 1, H - rows + 1, W - columns + 1))
    for n, k, _, u, v in np.ndindex(result.shape):
        result[n, k, 0, u, v] = combine(E[n, k], images[n, 0, u : u + rows, v : v + columns])
    return result


def summed(images, E, *combine, **sizes):
    return by_image(images, E, *combine, **sizes).sum(axis=0)


def filter_gradient_that_runs_on(images, E):
    result = summed(images, E)
    return result.cumsum().reshape(result.shape)


def filter_gradient_not_summed_over_images(images, E):
    result = np.zeros(E.shape[1])
    result[:] = E.sum(axis=(2, 3))  # N rows do not fit into one
    return result


def filter_gradient_with_n_and_k_exchanged(images, E):
    N, filters = E.shape[:2]
    return summed(images, np.array([[E[k, n] for k in range(filters)] for n in range(N)]))


filter_gradient.add_slips(
    "last_image_only: Only the last image is left: each replaces the one before. "
    "Add the images up with `+=`, beginning at 0.",
    lambda images, E: by_image(images, E)[-1],
    "last_product_only: A single product is left, that of the last pixel in the last image: "
    "each replaces the one before. Add all up, over n, i and j, with `+=`.",
    lambda images, E: by_image(images, E, lambda error, window: error[-1, -1] * window[-1, -1])[-1],
    "averaged_again: You divide by N, the number of images. "
    "The 1/N of the loss is in E already: add up over the images, do not average.",
    lambda images, E: by_image(images, E).mean(axis=0),
    "mean_over_cells: You take a mean over the cells. A weight takes part in every cell, so add up: np.sum.",
    lambda images, E: summed(images, E, lambda error, window: np.mean(error * window)),
    "mean_of_everything: You take a mean over images and cells. "
    "The 1/N is in E already, and a weight takes part in every cell: np.sum.",
    lambda images, E: by_image(images, E, lambda error, window: np.mean(error * window)).mean(axis=0),
    "sizes_of_the_digits: Errors and pixels of different shapes meet. Does a 24 or 5 of the digits stand in your "
    "code, or I of the page in place of images? The window has the rows and columns of E.",
    lambda images, E: np.sum(E[0, 0] * images[0, 0, :24, :24]),
    "first_image_only: You use image 0 alone. The sum goes over all images of the batch: n from 0 to N − 1.",
    lambda images, E: by_image(images, E)[0],
    "pixels_of_image_0: You take the pixels of image 0 for every image. "
    "Each error map E[n] must meet its own image: images[n].",
    lambda images, E: summed(np.broadcast_to(images[0], images.shape), E),
    "pixels_of_image_1: You take the pixels of image 1 for every image, as the update of section 8 does. "
    "Each error map E[n] must meet its own image: images[n].",
    lambda images, E: summed(np.broadcast_to(images[1], images.shape), E),
    "mean_image: You take the mean image for every image, so that errors of one image meet pixels of all. "
    "Each error map E[n] must meet its own image: images[n].",
    lambda images, E: summed(np.broadcast_to(images.mean(axis=0), images.shape), E),
    "averaged_first: You average both, images and error maps, before they meet, so that errors of one image meet "
    "pixels of another. Multiply for each image, and add up afterwards, without dividing.",
    lambda images, E: by_image(images.mean(axis=0, keepdims=True), E.mean(axis=0, keepdims=True))[0],
    "two_sums_multiplied: You add up the errors and the pixels first, then multiply the two sums. "
    "Each pixel meets its own error: multiply cell by cell, then add up.",
    lambda images, E: summed(images, E, lambda error, window: error.sum() * window.sum()),
    "summed_over_filters: All filters get the sum of the gradients. "
    "Do not add over k: filter k answers for its own error map E[n, k] alone.",
    lambda images, E: summed(images, np.broadcast_to(E.sum(axis=1, keepdims=True), E.shape)),
    "filter_0_for_all: All filters get the same gradient, that of filter 0. Filter k has its own error map: E[n, k].",
    lambda images, E: summed(images, np.broadcast_to(E[:, :1], E.shape)),
    "sum_runs_on: Your sum is never set back to 0, so each weight gets the sums of all weights before it too. "
    "Begin at 0 for each one.",
    filter_gradient_that_runs_on,
    "last_weights_left_out: The last row and the last column of each filter stay 0: range(n) ends before n. "
    "There are H − H′ + 1 rows.",
    lambda images, E: np.pad(summed(images, E)[..., :-1, :-1], ((0, 0), (0, 0), (0, 1), (0, 1))),
    "without_the_channel: The numbers are right, but the shape lacks the axis of the channel. "
    "Filters are (filters, 1, rows, columns), as K is.",
    lambda images, E: summed(images, E)[:, 0],
    "not_summed_over_images: More than one number is left for a weight of a filter. "
    "Add up over the cells and over the images: axis 0 counts the images, axis 1 the filters.",
    filter_gradient_not_summed_over_images,
    "index_too_far: An index runs too far. images and dK have one channel: images[n, 0] and dK[k, 0], for all filters. "
    "n counts images, k filters, i and j the cells of E.",
    lambda images, E: images[:, 1],
    "n_and_k_exchanged: n and k are exchanged: the first axis of E counts images, the second filters. It is E[n, k].",
    filter_gradient_with_n_and_k_exchanged,
    "squares_assumed: You count rows only, as if error maps and filters were square. "
    "E.shape[3] and images.shape[3] are the columns.",
    lambda images, E: summed(images, E, maps=(E.shape[2],) * 2, pixels=(images.shape[2],) * 2),
    "rows_and_columns_exchanged: Your rows and columns are exchanged: "
    "a shape has the number of rows before that of columns.",
    lambda images, E: summed(images, E, maps=E.shape[:1:-1], pixels=images.shape[:1:-1]),
    "conv2d_of_the_batch: conv2d takes E for filters, and a filter adds up over its channels and meets every image. "
    "Here each E[n, k] meets its own image only: take the images one by one.",
    lambda images, E: conv2d(images, E),
)


@exercise(
    "4.5",
    "a bug hunt in a step of the dense layer",
    inputs=[
        (np.array([[1.0, 2, 0, 3], [3, 1, 1, 2], [0, 4, 2, 5]]), np.array([1.0, 0, 1]), np.zeros(4), 0.0, 24.0),
        (
            np.array([[1.0, 0], [2, -3], [0, 1], [0.5, 1]]),
            np.array([1.0, 1, 0, 1]),
            np.array([0.2, -0.4]),
            -1.0,
            2.0,
        ),
        (np.array([[1, 0, 2], [2, 1, 3]]), np.array([0.0, 1]), np.array([1, -1, 0]), 0.5, 0.1),
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


@dense_step.bug_hunt
def step_as_found(f, y, w, d, learning_rate):
    y_hat = sigmoid(f @ w + d)
    dz = (y_hat - y) * y_hat * (1 - y_hat) / len(y)
    error = dz.sum()
    for m in range(len(w)):
        dw = error * f[1, m]
    return w - learning_rate * dw, d - learning_rate * error


def step(gradient, bias_gradient=np.sum):
    """Make a slip of the gradients of w and d, given the errors dz and the features f."""

    def answer(f, y, w, d, learning_rate):
        y_hat = sigmoid(f @ w + d)
        dz = (y_hat - y) * y_hat * (1 - y_hat) / len(y)
        return w - learning_rate * gradient(dz, f), d - learning_rate * bias_gradient(dz)

    return answer


def gradients(f, y, w, d):
    y_hat = sigmoid(f @ w + d)
    dz = (y_hat - y) * y_hat * (1 - y_hat) / len(y)
    return dz @ f, dz.sum()


def dense_step_without_the_slope(f, y, w, d, learning_rate):
    dz = (sigmoid(f @ w + d) - y) / len(y)
    return w - learning_rate * dz @ f, d - learning_rate * dz.sum()


dense_step.add_slips(
    "as_found: It still does what it did. dw ends as one number, so all weights move alike; "
    "and that number is made of one digit's feature and the errors of all digits, added up.",
    step(lambda dz, f: dz.sum() * f[1, -1]),
    "features_of_digit_1: Half of it is repaired: each weight has its own gradient now. "
    "But every error meets the features of digit 1. Let error n meet the features of digit n.",
    step(lambda dz, f: dz.sum() * f[1]),
    "last_feature_only: Errors and features meet digit by digit now, which is right. "
    "But each m overwrites dw, so the last feature's gradient moves all weights. Keep one number for each m.",
    step(lambda dz, f: dz @ f[:, -1]),
    "mean_feature: Each weight has its own gradient now, and the features of all digits take part. But the sum of the "
    "errors meets the mean feature. Multiply each digit's error by its own feature first, and add up afterwards.",
    step(lambda dz, f: dz.sum() * f.mean(axis=0)),
    "two_sums_multiplied: Each weight has its own gradient now. But you add up the errors, add up the features, "
    "and multiply the two sums. Multiply each digit's error by its own feature first, and add up afterwards.",
    step(lambda dz, f: dz.sum() * f.sum(axis=0)),
    "mean_of_the_last_feature: The features of all digits take part now, but the errors are still added up before "
    "they meet them. And dw still ends as one number: the last feature's, for all weights.",
    step(lambda dz, f: dz.sum() * f[:, -1].mean()),
    "last_feature_of_digit_0: Another digit's feature is no better: "
    "each error must meet the feature of its own digit. And dw still ends as one number, so all weights move alike.",
    step(lambda dz, f: dz.sum() * f[0, -1]),
    "digit_1_summed_over_features: Now every weight takes the steps of all weights together, since `+=` or the update "
    "adds up over m. Keep one number for each m. And every error still meets the features of digit 1.",
    step(lambda dz, f: dz.sum() * f[1].sum()),
    "summed_over_features: You add up over m too, so that all weights move by one and the same sum. "
    "Only n is summed over: keep one number for each m.",
    step(lambda dz, f: np.sum(dz @ f)),
    "last_digit_only: Only the last digit takes part: each digit's product replaces the one before. "
    "Add them up over n, with `+=` or np.sum.",
    step(lambda dz, f: dz[-1] * f[-1]),
    "digit_1_only: Only digit 1 takes part, its error and its features. "
    "The sum goes over all digits: n from 0 to N − 1.",
    step(lambda dz, f: dz[1] * f[1]),
    "averaged_again: The products are right, but you take their mean. "
    "dz has the 1/N of the loss already: add them up, np.sum.",
    step(lambda dz, f: dz @ f / len(dz)),
    "axes_exchanged: A matrix product does not fit. f has a row for each digit and a column for each feature, "
    "dz a number for each digit. Which axis of f has to go with dz?",
    step(lambda dz, f: f @ dz),
    "gradients_alone: You return the gradients. Subtract learning_rate times each of them from w and d.",
    lambda f, y, w, d, learning_rate: gradients(f, y, w, d),
    "without_the_rate: The learning rate is missing: multiply both gradients by it.",
    lambda f, y, w, d, learning_rate: (w - gradients(f, y, w, d)[0], d - gradients(f, y, w, d)[1]),
    "bias_divided_twice: The weights are right. But the step of d is divided by N twice: dz has the 1/N already, "
    "so add it up.",
    step(lambda dz, f: dz @ f, lambda dz: dz.mean()),
    "without_the_slope: The slope of the sigmoid, ŷ (1 − ŷ), is gone from dz. That line was right: leave it as it was.",
    dense_step_without_the_slope,
)
