"""Exercises of notebook 4: real digits, is it greater than four?"""

import numpy as np

from cnnlab.activations import sigmoid
from cnnlab.convolution import conv2d
from cnnlab.exercises.checker import exercise
from cnnlab.normalization import standardize


@exercise(
    "4.1",
    "labels for a question with two answers",
    inputs=[
        (np.array([5, 0, 4, 9, 3]), 4),
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
    "A digit that equals the threshold gets a 1. Greater than 4 begins at 5: use `>`, and for the label 0 `<=`."
)
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


@binary_labels.slip("Only a digit equal to the threshold gets a 1. Ask whether it is greater: `>` and not `==`.")
def binary_labels_of_the_equal(digits, threshold):
    return np.where(digits == threshold, 1, 0)


@binary_labels.slip("You compare with 4 whatever is asked. Use threshold, the second argument.")
def binary_labels_with_a_fixed_threshold(digits, threshold):
    return np.where(digits > 4, 1, 0)


@binary_labels.slip(
    "The digits greater than the threshold are still there as they were. Their label is 1, whatever digit it is."
)
def binary_labels_that_keep_the_digits(digits, threshold):
    return np.where(digits > threshold, digits, 0)


@binary_labels.slip(
    "You return the indices of the digits that are greater. Return a label for every digit, in order: 0 or 1."
)
def binary_labels_as_indices(digits, threshold):
    return np.flatnonzero(digits > threshold)


@binary_labels.slip("You return the greater digits themselves and drop the others. Every digit needs a label: 0 or 1.")
def binary_labels_as_a_selection(digits, threshold):
    return digits[digits > threshold]


@binary_labels.slip("Digits that are not greater get no label at all. They get a 0: as many labels as digits.")
def binary_labels_of_the_hits_alone(digits, threshold):
    return np.ones(np.sum(digits > threshold))


@binary_labels.slip("You count the digits that are greater. A label for each digit is asked for: an array of 0 and 1.")
def binary_labels_counted(digits, threshold):
    return np.sum(digits > threshold)


@binary_labels.slip(
    "Your labels are −1 and +1. The loss of this notebook compares them with ŷ, which lies between "
    "0 and 1: use 0 and 1."
)
def binary_labels_of_minus_one_and_one(digits, threshold):
    return np.where(digits > threshold, 1, -1)


@binary_labels.slip(
    "np.sign has three answers: −1, 0 and +1. And where digits are stored as uint8, a difference is never negative: "
    "compare with `>` in place of subtracting."
)
def binary_labels_as_signs(digits, threshold):
    return np.sign(digits - threshold)


@binary_labels.slip(
    "You subtract before you compare. The last input is stored as uint8, which has no negative numbers: 1 − 2 gives "
    "255. Compare digits with threshold directly."
)
def binary_labels_from_a_difference(digits, threshold):
    return np.where(digits - threshold > 0, 1, 0)


@binary_labels.slip(
    "You write your labels over the caller's digits, which are needed later. Write into a new array: np.zeros makes "
    "one."
)
def binary_labels_in_place(digits, threshold):
    hits = digits > threshold
    digits[hits] = 1
    digits[~hits] = 0
    return digits


@binary_labels.slip(
    "First you turn the greater digits into 1, then you ask again, and 1 is not greater: all end at 0. And the "
    "caller's digits are changed. Ask about digits, and write into a new array."
)
def binary_labels_in_place_and_wiped_out(digits, threshold):
    digits[digits > threshold] = 1
    digits[digits <= threshold] = 0
    return digits


@binary_labels.slip(
    "No digit gets a 1. Do you write the 1 and then ask again? 1 is not greater than the threshold. "
    "Ask about digits, not about the labels that you are writing."
)
def binary_labels_wiped_out(digits, threshold):
    return np.zeros(len(digits))


@binary_labels.slip("Every digit gets a 1. Is the comparison made for each digit, and is there a 0 for the others?")
def binary_labels_all_one(digits, threshold):
    return np.ones(len(digits))


@binary_labels.slip(
    "You return the label of the first digit. Does `return` stand inside the loop? The loop ends there: move it behind."
)
def binary_labels_of_the_first(digits, threshold):
    return 1 if digits[0] > threshold else 0


@binary_labels.slip(
    "You return the label of the last digit. Each overwrites the one before: keep them all, in an array."
)
def binary_labels_of_the_last(digits, threshold):
    return 1 if digits[-1] > threshold else 0


@binary_labels.slip("Your array has 200 labels whatever comes in. Make as many as there are digits: len(digits).")
def binary_labels_for_200(digits, threshold):
    y = np.zeros(200)
    y[: len(digits)] = digits > threshold
    return y


@binary_labels.slip(
    "An `if` can ask about one digit only, and digits holds many. Put it into a loop over n and ask about digits[n], "
    "or compare the whole array without an `if`."
)
def binary_labels_with_one_if_for_all(digits, threshold):
    if digits > threshold:
        return 1
    return 0


@binary_labels.slip(
    "You return one answer for all digits together, as `any` gives it. Each digit has a label of its own."
)
def binary_labels_for_any(digits, threshold):
    return 1 if np.any(digits > threshold) else 0


@binary_labels.slip(
    "You return words. A loss calculates with the labels, so they must be numbers: 1 for yes, 0 for no."
)
def binary_labels_in_words(digits, threshold):
    return np.where(digits > threshold, "yes", "no")


@binary_labels.slip(
    "You return two columns, one for each answer (one-hot). This network has one score for a digit, so one number is "
    "its label: 0 or 1."
)
def binary_labels_one_hot(digits, threshold):
    return np.column_stack([digits <= threshold, digits > threshold])


@binary_labels.slip(
    "Your labels stand in a column, of shape (N, 1). Minus a row of N answers it would become a table: return shape "
    "(N,)."
)
def binary_labels_as_a_column(digits, threshold):
    return (digits > threshold).reshape(-1, 1)


@exercise(
    "4.2",
    "patches as columns, for an image of any size",
    inputs=[
        (np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 0, 2, 1]]), 2),
        (np.array([[0.5, 3, 1], [2, 7, 0], [4, 1.5, 6], [8, 5, 9]]), 2),
        (np.arange(30.0).reshape(5, 6), 3),
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


def windows(image, size, step=1):
    """Return all windows as an array of (rows of windows, columns of windows, size, size)."""
    return np.lib.stride_tricks.sliding_window_view(image, (size, size))[::step, ::step]


@patch_columns.slip("Your patches stand in the rows. Each patch is a column here: exchange rows and columns with `.T`.")
def patch_columns_as_rows(image, size):
    return windows(image, size).reshape(-1, size * size)


@patch_columns.slip(
    "The shape is right, but the columns hold pieces of several windows: `reshape` keeps the order of the numbers. "
    "To make columns of rows, exchange them with `.T`."
)
def patch_columns_reshaped(image, size):
    return windows(image, size).reshape(size * size, -1)


@patch_columns.slip(
    "Your windows are read column by column. In this notebook a window is laid out row by row, as K.reshape(3, 25) "
    "does with the kernels."
)
def patch_columns_read_downwards(image, size):
    return windows(image, size).swapaxes(2, 3).reshape(-1, size * size).T


@patch_columns.slip(
    "Your columns are in the wrong order: the windows move down first. Let them move to the right first: i in the "
    "outer loop, j in the inner."
)
def patch_columns_that_move_down_first(image, size):
    return windows(image, size).swapaxes(0, 1).reshape(-1, size * size).T


@patch_columns.slip(
    "Both orders are exchanged: the windows move down first, and each is read column by column. Rows come before "
    "columns in both."
)
def patch_columns_of_the_image_turned_on_its_side(image, size):
    return windows(image.T, size).reshape(-1, size * size).T


@patch_columns.slip(
    "Your windows lie side by side, a window's size apart. They overlap: each starts one pixel after the one before."
)
def patch_columns_that_do_not_overlap(image, size):
    return windows(image, size, step=size).reshape(-1, size * size).T


@patch_columns.slip(
    "You stop one window early in each direction. The last one starts at row H − size, and range(n) ends before n: "
    "there are H − size + 1."
)
def patch_columns_without_the_last_windows(image, size):
    return windows(image, size)[:-1, :-1].reshape(-1, size * size).T


@patch_columns.slip(
    "You count as many windows side by side as below each other, which holds for square images only. "
    "image.shape[1] has the number of columns."
)
def patch_columns_of_a_square_image(image, size):
    count = image.shape[0] - size + 1
    patches = np.zeros((size * size, count * count))
    for i in range(count):
        for j in range(count):
            patches[:, i * count + j] = image[i : i + size, j : j + size].ravel()
    return patches


@patch_columns.slip("Your window has 5×5 pixels whatever is asked. Use size, also for the 25 and for the 4 in H − 4.")
def patch_columns_of_fixed_size(image, size):
    rows, columns = image.shape[0] - 5 + 1, image.shape[1] - 5 + 1
    patches = np.zeros((25, rows * columns))
    for i in range(rows):
        for j in range(columns):
            patches[:, i * columns + j] = image[i : i + 5, j : j + 5].ravel()
    return patches


@patch_columns.slip(
    "A window does not have as many numbers as its column. Does it stick out over the edge of the image, so that it is "
    "cut short? Or is it still a square, not laid out with `.ravel()`?"
)
def patch_columns_over_the_edge(image, size):
    return np.array([image[i : i + size, j : j + size].ravel() for i, j in np.ndindex(image.shape)]).T


@patch_columns.slip(
    "Your windows lack a row and a column. A slice a : b ends before b, so that i : i + size has size rows already."
)
def patch_columns_one_short(image, size):
    patches = windows(image, size)[..., :-1, :-1]
    return patches.reshape(-1, (size - 1) ** 2).T if size > 1 else np.zeros((0, image.size))


@patch_columns.slip("Your window has 2×2 pixels whatever is asked. Use size, also when you count the windows.")
def patch_columns_of_two_by_two(image, size):
    return windows(image, 2).reshape(-1, 4).T


@patch_columns.slip(
    "Your windows are still squares, stacked in an array with three axes. Lay each out with `.ravel()`, and put it "
    "into a column of a matrix."
)
def patch_columns_left_as_squares(image, size):
    return windows(image, size).reshape(-1, size, size)


@patch_columns.slip(
    "You return the first row of windows only. Does `return` stand inside the outer loop? The loop ends there."
)
def patch_columns_of_the_first_row(image, size):
    return windows(image, size)[0].reshape(-1, size * size).T


@patch_columns.slip(
    "Only the last row of windows is left. Is the list or array made anew inside the outer loop? Make it before the "
    "loops."
)
def patch_columns_of_the_last_row(image, size):
    return windows(image, size)[-1].reshape(-1, size * size).T


@patch_columns.slip("You return the first window only. Does `return` stand inside the inner loop? The loops end there.")
def patch_columns_of_the_first_window(image, size):
    return windows(image, size)[0, 0].reshape(-1, 1)


@patch_columns.slip("You return the last window only: each replaces the one before. Give every window its own column.")
def patch_columns_of_the_last_window(image, size):
    return windows(image, size)[-1, -1].ravel()


@patch_columns.slip(
    "Every window is written into column 0, and the last one stays. Window (i, j) has its own column: count on after "
    "each."
)
def patch_columns_that_never_move_on(image, size):
    patches = np.zeros((size * size, windows(image, size)[..., 0, 0].size))
    patches[:, 0] = windows(image, size)[-1, -1].ravel()
    return patches


@patch_columns.slip(
    "Each row of windows begins at column 0 again and overwrites the row before. Row i begins at column i · (number of "
    "windows side by side)."
)
def patch_columns_that_begin_again_in_each_row(image, size):
    rows, columns = windows(image, size).shape[:2]
    patches = np.zeros((size * size, rows * columns))
    patches[:, :columns] = windows(image, size)[-1].reshape(-1, size * size).T
    return patches


@patch_columns.slip(
    "You put window (i, j) into column i + j, where several windows meet. Before row i there are i full rows of "
    "windows, so its columns begin at i · (number of windows side by side)."
)
def patch_columns_at_i_plus_j(image, size):
    rows, columns = windows(image, size).shape[:2]
    patches = np.zeros((size * size, rows * columns))
    for i in range(rows):
        for j in range(columns):
            patches[:, i + j] = image[i : i + size, j : j + size].ravel()
    return patches


@patch_columns.slip(
    "You multiply i by the number of columns of the image. One row of windows fills fewer: as many as there are "
    "windows side by side."
)
def patch_columns_at_i_times_width(image, size):
    rows, columns = windows(image, size).shape[:2]
    patches = np.zeros((size * size, rows * columns))
    for i in range(rows):
        for j in range(columns):
            patches[:, i * image.shape[1] + j] = image[i : i + size, j : j + size].ravel()
    return patches


@patch_columns.slip(
    "You multiply i by 24, the number of windows side by side in a digit. In another image it is another: count them."
)
def patch_columns_at_24_i_plus_j(image, size):
    rows, columns = windows(image, size).shape[:2]
    patches = np.zeros((size * size, rows * columns))
    for i in range(rows):
        for j in range(columns):
            patches[:, 24 * i + j] = image[i : i + size, j : j + size].ravel()
    return patches


@patch_columns.slip(
    "You multiply i by the number of windows below each other. One row of windows fills as many columns as there are "
    "windows side by side: multiply by that."
)
def patch_columns_at_i_times_rows(image, size):
    rows, columns = windows(image, size).shape[:2]
    patches = np.zeros((size * size, rows * columns))
    for i in range(rows):
        for j in range(columns):
            patches[:, i * rows + j] = image[i : i + size, j : j + size].ravel()
    return patches


@patch_columns.slip(
    "You put pixel (u, v) of a window into row u + v, where several pixels meet. Before row u of the window there are "
    "u full rows of size pixels."
)
def patch_columns_at_u_plus_v(image, size):
    patches = np.zeros((size * size, windows(image, size)[..., 0, 0].size))
    for u in range(size):
        for v in range(size):
            patches[u + v] = windows(image, size)[..., u, v].ravel()
    return patches


@patch_columns.slip(
    "You use pixel (i − u, j − v). It is (i + u, j + v): a negative index counts from the other end, without an error."
)
def patch_columns_with_minus(image, size):
    rows, columns = windows(image, size).shape[:2]
    patches = [
        [image[i - u, j - v] for u in range(size) for v in range(size)] for i in range(rows) for j in range(columns)
    ]
    return np.array(patches).T


@patch_columns.slip(
    "Your result holds whole numbers, so the decimals are cut off, and pixels between 0 and 1 all become 0. "
    "np.zeros(…) without dtype makes room for them."
)
def patch_columns_in_whole_numbers(image, size):
    return windows(image, size).reshape(-1, size * size).T.astype(int)


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


@gradient_of_sums.slip(
    "You hand g on as it is. The standardisation stands between s and z, so it needs a backward step of its own."
)
def gradient_of_sums_left_out(g, s):
    return g.copy()


@gradient_of_sums.slip(
    "You subtract ḡ and stop there. The way through the deviation is missing, and so is the factor 1/δ."
)
def gradient_of_sums_with_the_mean_alone(g, s):
    return g - g.mean()


@gradient_of_sums.slip(
    "The way through the deviation is missing from the bracket. And you divide by the variance, where δ is the "
    "deviation."
)
def gradient_of_sums_without_the_deviation_over_the_variance(g, s):
    return (g - g.mean()) / s.var()


@gradient_of_sums.slip(
    "You divide by δ and stop there. The mean and the deviation move with s too: subtract ḡ, and z times the mean of "
    "g z."
)
def gradient_of_sums_with_the_deviation_alone(g, s):
    return g / s.std()


@gradient_of_sums.slip("The way through the mean is left out: in the bracket, ḡ has to be subtracted from g.")
def gradient_of_sums_without_the_mean(g, s):
    z = standardize(s)
    return (g - z * (g * z).mean()) / s.std()


@gradient_of_sums.slip(
    "The way through the deviation is left out, or it comes out as 0: mean(g) · mean(z) is always 0. "
    "Subtract z times the mean of the products g z."
)
def gradient_of_sums_without_the_deviation(g, s):
    return (g - g.mean()) / s.std()


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


@gradient_of_sums.slip("The second bar is right, but for the first you take a sum. ḡ is the mean of g.")
def gradient_of_sums_with_a_sum_of_g(g, s):
    z = standardize(s)
    return (g - g.sum() - z * (g * z).mean()) / s.std()


@gradient_of_sums.slip("Your δ divides by N − 1 (ddof=1). On this page it divides by N: s.std() does that on its own.")
def gradient_of_sums_with_n_minus_1(g, s):
    delta = s.std(ddof=1)
    z = (s - s.mean()) / delta
    return (g - g.mean() - z * (g * z).mean()) / delta


@gradient_of_sums.slip("Your δ lacks the mean: it is the square root of the mean of the squares, not of their sum.")
def gradient_of_sums_with_the_root_of_the_sum(g, s):
    delta = s.std() * np.sqrt(len(s))
    z = (s - s.mean()) / delta
    return (g - g.mean() - z * (g * z).mean()) / delta


@gradient_of_sums.slip("You divide by 4 whatever comes in. N is the number of sums: len(s), or .mean() and .std().")
def gradient_of_sums_over_four(g, s):
    mu = s.sum() / 4
    delta = np.sqrt(np.sum((s - mu) ** 2) / 4)
    z = (s - mu) / delta
    return (g - g.sum() / 4 - z * (g * z).sum() / 4) / delta


@gradient_of_sums.slip(
    "You use the mu and delta of section 4, which belong to the sums 1, 3, 5, 7. Compute both from the s that comes in."
)
def gradient_of_sums_with_the_pages_mean_and_deviation(g, s):
    z = (s - 4) / np.sqrt(5)
    return (g - g.mean() - z * (g * z).mean()) / np.sqrt(5)


@gradient_of_sums.slip(
    "Only the last score takes part: each n replaces the one before. Add up over all scores n with `+=`."
)
def gradient_of_sums_of_the_last_score(g, s):
    z, N = standardize(s), len(s)
    return g[-1] * ((np.arange(N) == N - 1) - 1 / N - z[-1] * z / N) / s.std()


@gradient_of_sums.slip("You divide by the variance. δ is the deviation, the variance's square root: s.std().")
def gradient_of_sums_with_the_variance(g, s):
    z = (s - s.mean()) / s.var()
    return (g - g.mean() - z * (g * z).mean()) / s.var()


@gradient_of_sums.slip(
    "Your z is right, but in front of the bracket you divide by the variance. 1/δ stands there, with the deviation "
    "s.std()."
)
def gradient_of_sums_over_the_variance(g, s):
    z = standardize(s)
    return (g - g.mean() - z * (g * z).mean()) / s.var()


@gradient_of_sums.slip("The bracket is right. The factor 1/δ in front of it is missing.")
def gradient_of_sums_without_one_over_deviation(g, s):
    z = standardize(s)
    return g - g.mean() - z * (g * z).mean()


@gradient_of_sums.slip("You multiply by δ. The formula divides by it: 1/δ.")
def gradient_of_sums_times_the_deviation(g, s):
    z = standardize(s)
    return (g - g.mean() - z * (g * z).mean()) * s.std()


@gradient_of_sums.slip("Only the last term is divided by δ. All three are: put a bracket around them before the `/`.")
def gradient_of_sums_without_brackets(g, s):
    z = standardize(s)
    return g - g.mean() - z * (g * z).mean() / s.std()


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


@gradient_of_sums.slip("The sign of the last term is wrong: z times the mean of g z is subtracted.")
def gradient_of_sums_plus_the_last_term(g, s):
    z = standardize(s)
    return (g - g.mean() + z * (g * z).mean()) / s.std()


@gradient_of_sums.slip("The sign of ḡ is wrong: it is subtracted from g.")
def gradient_of_sums_plus_the_mean(g, s):
    z = standardize(s)
    return (g + g.mean() - z * (g * z).mean()) / s.std()


@gradient_of_sums.slip("Every sign is wrong: g comes first with a plus, the two means are subtracted from it.")
def gradient_of_sums_with_the_wrong_sign(g, s):
    z = standardize(s)
    return -(g - g.mean() - z * (g * z).mean()) / s.std()


@gradient_of_sums.slip(
    "You divide by N once too often. The means have their 1/N, the loss has put its own into g, and there is no other."
)
def gradient_of_sums_over_n(g, s):
    z = standardize(s)
    return (g - g.mean() - z * (g * z).mean()) / s.std() / len(s)


@gradient_of_sums.slip("You divide both bars by N again. A bar is a mean: its 1/N is in .mean() already.")
def gradient_of_sums_with_means_over_n(g, s):
    z = standardize(s)
    return (g - g.mean() / len(s) - z * (g * z).mean() / len(s)) / s.std()


@gradient_of_sums.slip(
    "The factor z in front of the last mean is missing: each sum moves the deviation by its own z, divided by N."
)
def gradient_of_sums_without_z_in_front(g, s):
    z = standardize(s)
    return (g - g.mean() - (g * z).mean()) / s.std()


@gradient_of_sums.slip(
    "Your last mean takes in the z that stands in front of it. The mean is that of g z alone: "
    "set brackets around (g * z) and take its mean, then multiply by z."
)
def gradient_of_sums_with_both_z_in_the_mean(g, s):
    z = standardize(s)
    return (g - g.mean() - (z * g * z).mean()) / s.std()


@gradient_of_sums.slip(
    "The mean in the last term is missing, so it is a product for each digit. Of g z take the mean, one number."
)
def gradient_of_sums_without_the_last_mean(g, s):
    z = standardize(s)
    return (g - g.mean() - z * (g * z)) / s.std()


@gradient_of_sums.slip("You return the scores z. They go forward; asked for is the gradient ∂L/∂s, made of g and z.")
def gradient_of_sums_forward(g, s):
    return standardize(s)


@gradient_of_sums.slip(
    "Your z is made from g, and then everything cancels to 0. It belongs to the sums: z = (s − μ) / δ."
)
def gradient_of_sums_with_z_of_g(g, s):
    return np.zeros(len(s))


@gradient_of_sums.slip(
    "You standardise g with its own mean and deviation. δ and z belong to the sums s, and the last term is missing."
)
def gradient_of_sums_by_standardising_g(g, s):
    return standardize(g)


@exercise(
    "4.4",
    "the gradient of the filters, over a batch",
    inputs=[
        (
            np.array([[[[1.0, 2], [0, 3], [4, 1], [2, 5]]], [[[2, 0], [5, 1], [0, 3], [1, 4]]]]),
            np.array([[[[1.0], [-2], [1]], [[0], [3], [-1]]], [[[2], [1], [0]], [[-1], [4], [2]]]]),
        ),
        (
            np.array([[[[2.0, 1, 0, 3]]], [[[1, 0, 2, 6]]], [[[4, 1, 1, 0]]]]),
            np.array([[[[1.0, 0]], [[-1, 3]]], [[[2, 1]], [[0.5, -2]]], [[[0, 1]], [[3, -1]]]]),
        ),
        (
            np.arange(40.0).reshape(2, 1, 4, 5) % 7,
            np.arange(48.0).reshape(2, 3, 2, 4) % 5 - 2,
        ),
    ],
    hints=[
        "One entry first: ∂L/∂K_kuv is a sum over n, i and j. Which numbers of E belong to filter k, and which pixels "
        "does its weight (u, v) meet? In the first input, weight (0, 0) of filter 0 gets 1·1 − 2·0 + 1·4 = 5 from "
        "image 0 and 2·2 + 1·5 + 0·0 = 9 from image 1, together 14.",
        "E has as many rows as there are windows below each other, H′ = H − kH + 1. So the filter has kH = H − H′ + 1 "
        "rows, and in the same way its columns.",
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


def gradient_by_image(images, E, combine=lambda error, window: np.sum(error * window)):
    """Return the part that each image contributes, as (N, filters, 1, height, width)."""
    N, filters, rows, columns = E.shape
    height, width = images.shape[2] - rows + 1, images.shape[3] - columns + 1
    result = np.zeros((N, filters, 1, height, width))
    for n, k, u, v in np.ndindex(N, filters, height, width):
        result[n, k, 0, u, v] = combine(E[n, k], images[n, 0, u : u + rows, v : v + columns])
    return result


@filter_gradient.slip(
    "You take the pixels of image 1 for every image. Each error map E[n] must meet its own image: images[n]."
)
def filter_gradient_of_image_1(images, E):
    return gradient_by_image(np.broadcast_to(images[1], images.shape), E).sum(axis=0)


@filter_gradient.slip(
    "The mean of all error maps meets the pixels of image 1. Let each error map meet its own image, E[n, k] and "
    "images[n], and add up without dividing: the 1/N is in E."
)
def filter_gradient_of_image_1_and_the_mean_errors(images, E):
    return gradient_by_image(np.broadcast_to(images[1], images.shape), E).mean(axis=0)


@filter_gradient.slip(
    "You take the pixels of image 0 for every image. Each error map E[n] must meet its own image: images[n]."
)
def filter_gradient_of_image_0(images, E):
    return gradient_by_image(np.broadcast_to(images[0], images.shape), E).sum(axis=0)


@filter_gradient.slip("You take the error map of image 0 for every image. Image n must meet its own errors: E[n, k].")
def filter_gradient_of_error_map_0(images, E):
    return gradient_by_image(images, np.broadcast_to(E[0], E.shape)).sum(axis=0)


@filter_gradient.slip(
    "You add up the errors and the pixels first, then multiply the two sums. Each pixel meets its own error: multiply "
    "cell by cell, then add up."
)
def filter_gradient_of_two_sums(images, E):
    return gradient_by_image(images, E, lambda error, window: error.sum() * window.sum()).sum(axis=0)


@filter_gradient.slip(
    "You add up the errors first and multiply the sum by the one pixel (u, v). The error of window (i, j) meets pixel "
    "(i + u, j + v): a product for each window."
)
def filter_gradient_of_the_sum_and_one_pixel(images, E):
    return gradient_by_image(images, E, lambda error, window: error.sum() * window[0, 0]).sum(axis=0)


@filter_gradient.slip(
    "You add up the errors and the pixels of the whole batch first, then multiply the two sums. Each pixel meets its "
    "own error: multiply cell by cell, then add up."
)
def filter_gradient_of_two_sums_over_the_batch(images, E):
    images, E = images.sum(axis=0, keepdims=True), E.sum(axis=0, keepdims=True)
    return gradient_by_image(images, E, lambda error, window: error.sum() * window.sum())[0]


@filter_gradient.slip(
    "You average over the images before errors and pixels meet, so that errors of one image meet pixels of another. "
    "Multiply for each image, and add up afterwards."
)
def filter_gradient_averaged_first(images, E):
    return gradient_by_image(images.mean(axis=0, keepdims=True), E.sum(axis=0, keepdims=True))[0]


@filter_gradient.slip(
    "You average both, images and error maps, before they meet, so that errors of one image meet pixels of another. "
    "Multiply for each image, and add up afterwards, without dividing."
)
def filter_gradient_of_two_averages(images, E):
    return gradient_by_image(images.mean(axis=0, keepdims=True), E.mean(axis=0, keepdims=True))[0]


@filter_gradient.slip(
    "You add up the errors of all images before they meet the pixels, so that each meets the pixels of every image. "
    "Multiply for each image, and add up the products."
)
def filter_gradient_summed_first(images, E):
    return gradient_by_image(images.sum(axis=0, keepdims=True), E.sum(axis=0, keepdims=True))[0]


@filter_gradient.slip(
    "You divide by N, the number of images. The 1/N of the loss is in E already: add up over the images, do not "
    "average."
)
def filter_gradient_averaged_again(images, E):
    return gradient_by_image(images, E).mean(axis=0)


@filter_gradient.slip(
    "You take the mean over the cells of a window. A weight takes part in every one of them: np.sum in place of "
    "np.mean."
)
def filter_gradient_with_the_mean_of_the_window(images, E):
    return gradient_by_image(images, E, lambda error, window: np.mean(error * window)).sum(axis=0)


@filter_gradient.slip(
    "You take a mean over images and cells. The 1/N is in E already, and a weight takes part in every cell: np.sum."
)
def filter_gradient_with_the_mean_of_everything(images, E):
    return gradient_by_image(images, E, lambda error, window: np.mean(error * window)).mean(axis=0)


@filter_gradient.slip(
    "A single product is left, that of the last window in the last image: each replaces the one before. Add all up, "
    "over n, i and j, with `+=`."
)
def filter_gradient_of_the_last_product(images, E):
    return gradient_by_image(images, E, lambda error, window: error[-1, -1] * window[-1, -1])[-1]


@filter_gradient.slip(
    "Only the last image is left: each replaces the one before. Add the images up with `+=`, beginning at 0."
)
def filter_gradient_of_the_last_image(images, E):
    return gradient_by_image(images, E)[-1]


@filter_gradient.slip("You use image 0 alone. The sum goes over all images of the batch: n from 0 to N − 1.")
def filter_gradient_of_the_first_image(images, E):
    return gradient_by_image(images, E)[0]


@filter_gradient.slip(
    "You return a gradient for each image. The filters are shared by all images: add up over n, the first axis."
)
def filter_gradient_by_image(images, E):
    return gradient_by_image(images, E)


@filter_gradient.slip(
    "Only the last window is left: each product replaces the one before. Add up over all i and j, with `+=` or np.sum."
)
def filter_gradient_of_the_last_window(images, E):
    return gradient_by_image(images, E, lambda error, window: error[-1, -1] * window[-1, -1]).sum(axis=0)


@filter_gradient.slip(
    "Your filters are mixed up: a `reshape` of E keeps the order of the numbers and does not move axes. "
    "Filter k is E[n, k] as it is."
)
def filter_gradient_of_scrambled_filters(images, E):
    N, filters, rows, columns = E.shape
    return gradient_by_image(images, E.reshape(N, rows, columns, filters).transpose(0, 3, 1, 2)).sum(axis=0)


@filter_gradient.slip(
    "You pick the image with k, which counts filters. Image n goes with error map E[n, k]: images[n]."
)
def filter_gradient_of_image_k(images, E):
    by_filter = [gradient_by_image(images[[k] * len(E)], E[:, [k]]).sum(axis=0) for k in range(E.shape[1])]
    return np.concatenate(by_filter)


@filter_gradient.slip("n and k are exchanged: the first axis of E counts images, the second filters. It is E[n, k].")
def filter_gradient_with_n_and_k_exchanged(images, E):
    if E.shape[0] > E.shape[1]:
        raise IndexError
    return gradient_by_image(images, E.swapaxes(0, 1)[: len(images)]).sum(axis=0)


@filter_gradient.slip("Only filter 0 gets a gradient, the others stay at 0. Let k run over all filters: E.shape[1].")
def filter_gradient_for_filter_0_alone(images, E):
    result = gradient_by_image(images, E).sum(axis=0)
    result[1:] = 0
    return result


@filter_gradient.slip(
    "Your sum is never set back to 0, so each weight gets the sums of all weights before it too. Begin at 0 for each "
    "one."
)
def filter_gradient_that_runs_on(images, E):
    result = gradient_by_image(images, E).sum(axis=0)
    return result.cumsum().reshape(result.shape)


@filter_gradient.slip("All filters get the same gradient, that of filter 0. Filter k has its own error map: E[n, k].")
def filter_gradient_of_filter_0(images, E):
    return gradient_by_image(images, np.broadcast_to(E[:, :1], E.shape)).sum(axis=0)


@filter_gradient.slip(
    "All filters get the sum of the gradients. Do not add over k: filter k answers for its own error map E[n, k] alone."
)
def filter_gradient_summed_over_filters(images, E):
    return gradient_by_image(images, np.broadcast_to(E.sum(axis=1, keepdims=True), E.shape)).sum(axis=0)


@filter_gradient.slip("Your result is the right one turned by 180°. The pixel is (i + u, j + v), with two plus signs.")
def filter_gradient_turned(images, E):
    return gradient_by_image(images, E).sum(axis=0)[..., ::-1, ::-1]


@filter_gradient.slip(
    "You read pixel (i − u, j − v). It is (i + u, j + v): a negative index counts from the other end, without an error."
)
def filter_gradient_with_minus(images, E):
    N, _, rows, columns = E.shape
    result = np.zeros(gradient_by_image(images, E).shape[1:])
    for k, _, u, v in np.ndindex(result.shape):
        for n, i, j in np.ndindex(N, rows, columns):
            result[k, 0, u, v] += E[n, k, i, j] * images[n, 0, i - u, j - v]
    return result


@filter_gradient.slip("Rows and columns of each filter are exchanged: u goes with i and counts rows, v goes with j.")
def filter_gradient_with_u_and_v_exchanged(images, E):
    return gradient_by_image(images, E).sum(axis=0).swapaxes(2, 3)


@filter_gradient.slip(
    "You count rows only, as if error maps and filters were square. E.shape[3] and images.shape[3] are the columns."
)
def filter_gradient_of_square_maps(images, E):
    N, filters, rows, _ = E.shape
    size = images.shape[2] - rows + 1
    result = np.zeros((filters, 1, size, size))
    for k, _, u, v in np.ndindex(result.shape):
        for n in range(N):
            result[k, 0, u, v] += np.sum(E[n, k] * images[n, 0, u : u + rows, v : v + rows])
    return result


@filter_gradient.slip("You use pixel (i, j) for every weight. Weight (u, v) meets pixel (i + u, j + v).")
def filter_gradient_of_the_same_pixel(images, E):
    result = gradient_by_image(images, E).sum(axis=0)
    return np.broadcast_to(result[..., :1, :1], result.shape)


@filter_gradient.slip(
    "The numbers are right, but the shape lacks the axis of the channel. Filters are (filters, 1, rows, columns), as "
    "K is."
)
def filter_gradient_without_the_channel(images, E):
    return gradient_by_image(images, E).sum(axis=0)[:, 0]


@filter_gradient.slip("Every sign is wrong. The gradient has the sign of E times pixels; the step subtracts it later.")
def filter_gradient_with_the_wrong_sign(images, E):
    return -gradient_by_image(images, E).sum(axis=0)


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


def step_with(gradient, f, y, w, d, learning_rate):
    """Take a step with the gradient that `gradient(dz, f)` makes of the errors and the features."""
    dz = score_errors(f, y, w, d)
    return w - learning_rate * gradient(dz, f), d - learning_rate * dz.sum()


def score_errors(f, y, w, d):
    y_hat = sigmoid(f @ w + d)
    return (y_hat - y) * y_hat * (1 - y_hat) / len(y)


@dense_step.slip(
    "It still does what it did. dw ends as one number, so all weights move alike; and that number is made of one "
    "digit's feature and the errors of all digits, added up."
)
def dense_step_as_before(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: dz.sum() * f[1, -1], f, y, w, d, learning_rate)


@dense_step.slip(
    "Half of it is repaired: each weight has its own gradient now. But every error meets the features of digit 1. "
    "Let error n meet the features of digit n."
)
def dense_step_with_the_features_of_digit_1(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: dz.sum() * f[1], f, y, w, d, learning_rate)


@dense_step.slip(
    "Now every weight takes the steps of all weights together, since `+=` or the update adds up over m. Keep one "
    "number for each m. And every error still meets the features of digit 1."
)
def dense_step_with_the_features_of_digit_1_added_up(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: dz.sum() * f[1].sum(), f, y, w, d, learning_rate)


@dense_step.slip(
    "You divide by N once more, though dz has the 1/N already. And what was wrong in the loop still is: one number for "
    "all weights, made of one digit's feature."
)
def dense_step_with_the_mean_error(f, y, w, d, learning_rate):
    dz = score_errors(f, y, w, d)
    return w - learning_rate * dz.mean() * f[1, -1], d - learning_rate * dz.mean()


@dense_step.slip(
    "Half of it is repaired: each weight has its own gradient now. But every error meets the features of digit 0. "
    "Let error n meet the features of digit n, not of one digit for all."
)
def dense_step_with_the_features_of_digit_0(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: dz.sum() * f[0], f, y, w, d, learning_rate)


@dense_step.slip(
    "Another digit's feature is no better: each error must meet the feature of its own digit. And dw still ends as one "
    "number, so all weights move alike."
)
def dense_step_with_the_last_feature_of_digit_0(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: dz.sum() * f[0, -1], f, y, w, d, learning_rate)


@dense_step.slip(
    "The features of all digits take part now, but the errors are still added up before they meet them. "
    "And dw still ends as one number: the last feature's, for all weights."
)
def dense_step_averaged_first_and_last_feature(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: dz.sum() * f[:, -1].mean(), f, y, w, d, learning_rate)


@dense_step.slip(
    "Each weight has its own gradient now, and the features of all digits take part. But the sum of the errors meets "
    "the mean feature. Multiply each digit's error by its own feature first, and add up afterwards."
)
def dense_step_averaged_first(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: dz.sum() * f.mean(axis=0), f, y, w, d, learning_rate)


@dense_step.slip(
    "Each weight has its own gradient now. But you add up the errors, add up the features, and multiply the two sums. "
    "Multiply each digit's error by its own feature first, and add up afterwards."
)
def dense_step_of_two_sums(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: dz.sum() * f.sum(axis=0), f, y, w, d, learning_rate)


@dense_step.slip(
    "Errors and features meet digit by digit now, which is right. But each m overwrites dw, so the last feature's "
    "gradient moves all weights. Keep one number for each m."
)
def dense_step_of_the_last_feature(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: np.sum(dz * f[:, -1]), f, y, w, d, learning_rate)


@dense_step.slip(
    "You add up over m too, so that all weights move by one and the same sum. Only n is summed over: keep one number "
    "for each m."
)
def dense_step_summed_over_features(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: np.sum(dz @ f), f, y, w, d, learning_rate)


@dense_step.slip(
    "Only the last digit takes part: each digit's product replaces the one before. Add them up over n, with `+=` or "
    "np.sum."
)
def dense_step_of_the_last_digit(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: dz[-1] * f[-1], f, y, w, d, learning_rate)


@dense_step.slip(
    "Only digit 1 takes part, its error and its features. The sum goes over all digits: n from 0 to N − 1."
)
def dense_step_of_digit_1(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: dz[1] * f[1], f, y, w, d, learning_rate)


@dense_step.slip(
    "The products are right, but you take their mean. dz has the 1/N of the loss already: add them up, np.sum."
)
def dense_step_averaged_again(f, y, w, d, learning_rate):
    return step_with(lambda dz, f: dz @ f / len(dz), f, y, w, d, learning_rate)


@dense_step.slip(
    "The weights are right. But the step of d is divided by N twice: dz has the 1/N already, so add it up."
)
def dense_step_with_the_mean_for_d(f, y, w, d, learning_rate):
    dz = score_errors(f, y, w, d)
    return w - learning_rate * dz @ f, d - learning_rate * dz.mean()


@dense_step.slip(
    "Both gradients are divided by N twice: dz has the 1/N of the loss already. Add up over the digits, for w and for "
    "d."
)
def dense_step_averaged_again_for_both(f, y, w, d, learning_rate):
    dz = score_errors(f, y, w, d)
    return w - learning_rate * dz @ f / len(y), d - learning_rate * dz.mean()


@dense_step.slip(
    "The 1/N is gone, so the steps are N times too long: the loss is a mean over the digits. Leave it in the line of "
    "dz."
)
def dense_step_without_1_over_n(f, y, w, d, learning_rate):
    dz = score_errors(f, y, w, d) * len(y)
    return w - learning_rate * dz @ f, d - learning_rate * dz.sum()


@dense_step.slip("You return the weights as they came. Subtract learning_rate times dw from them, or they never learn.")
def dense_step_that_leaves_the_weights(f, y, w, d, learning_rate):
    return w, d - learning_rate * score_errors(f, y, w, d).sum()


@dense_step.slip("The weights are right. But d stays as it came: subtract learning_rate times the sum of dz.")
def dense_step_that_leaves_the_bias(f, y, w, d, learning_rate):
    return w - learning_rate * score_errors(f, y, w, d) @ f, d


@dense_step.slip(
    "Your step changes the caller's w as well as yours. Collect the gradient in a new array dw, and "
    "return w - learning_rate * dw."
)
def dense_step_in_place(f, y, w, d, learning_rate):
    dz = score_errors(f, y, w, d)
    w -= learning_rate * dz @ f
    return w, d - learning_rate * dz.sum()


@dense_step.slip("You step uphill: a gradient points to where the loss grows. Subtract it, as the first version did.")
def dense_step_uphill(f, y, w, d, learning_rate):
    dz = score_errors(f, y, w, d)
    return w + learning_rate * dz @ f, d + learning_rate * dz.sum()


@dense_step.slip("You return the gradients. Asked for are the new w and d: subtract learning_rate times the gradients.")
def dense_step_that_returns_gradients(f, y, w, d, learning_rate):
    dz = score_errors(f, y, w, d)
    return dz @ f, dz.sum()


@dense_step.slip("You return a list. Return both values with a comma between them, without square brackets.")
def dense_step_that_returns_a_list(f, y, w, d, learning_rate):
    return [w, d]


@dense_step.slip("You return the new w alone. The new d belongs to it: return both, with a comma between.")
def dense_step_that_returns_the_weights_alone(f, y, w, d, learning_rate):
    return w - learning_rate * score_errors(f, y, w, d) @ f


@dense_step.slip("The slope of the sigmoid, ŷ (1 − ŷ), is gone from dz. That line was right: leave it as it was.")
def dense_step_without_the_slope(f, y, w, d, learning_rate):
    dz = (sigmoid(f @ w + d) - y) / len(y)
    return w - learning_rate * dz @ f, d - learning_rate * dz.sum()
