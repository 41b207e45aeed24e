"""Exercises of notebook 1: a 2×2 filter learns on a 3×3 image."""

import numpy as np

from cnnlab.convolution import conv2d, conv2d_backward, unfold
from cnnlab.course.exercises.checker import exercise
from cnnlab.losses import mse_loss, mse_loss_backward

# The page's own numbers, others of the same size, an image with more columns than rows, and a tall one of all sorts:
# negative numbers, zeros, and fractions, of which some have more digits than a rounded answer keeps.
IMAGE = np.array([[1.0, 2, 1], [0, 1, 2], [2, 1, 0]])
FILTER = np.array([[0.5, 0.2], [0.3, 0.7]])
OUTPUT = np.array([[1.6, 2.9], [1.5, 1.2]])
TARGET = np.array([[1.0, 2], [2, 1]])
GRADIENT = np.array([[1.3, 1.0], [0.05, 0.95]])
OTHER_IMAGE = np.array([[2.0, 0, 1], [1, 3, 0], [0, 1, 1]])
OTHER_OUTPUT = np.array([[2.0, 1], [0, 3]])
OTHER_TARGET = np.array([[1.0, 3], [1, 0]])
WIDE = np.array([[1.0, 2, 0, 3], [4, 1, 2, 0], [0, 5, 1, 2]])
WIDE_OUTPUT = np.array([[2.0, 1, 3], [0, 2, 1]])
WIDE_TARGET = np.array([[1.0, 3, 1], [1, 0, 0]])
TALL = np.array([[-1.0, 2.5, 0], [3, -0.125, 1], [0.5, 4, -2], [1, 0, 0.25], [2, -3, 1.5], [-0.5, 1, 2]])
TALL_OUTPUT = np.array([[-2.0, 1], [0.5, -3], [1.25, 4], [2, 0], [-1, 0.1234]])
TALL_TARGET = np.array([[1.0, -1.5], [2, -3.5], [-1, 0], [0.5, 3], [2, -4]])


@exercise(
    "1.1",
    "a 2×2 filter on an image of any size",
    inputs=[
        (IMAGE, FILTER),
        (WIDE, np.array([[1.0, -2], [0.5, 3]])),
        (np.array([[1, 2, 3], [4, 5, 7]]), np.array([[1.0, -2], [0.5, 3]])),  # whole numbers
        (WIDE.T, np.array([[1.0, 0], [2, -1]])),
        (TALL, np.array([[3, -2], [1, 4]])),
        (TALL, np.array([[0.1234, -2], [1, 0.5]])),
    ],
    hints=[
        "Count first: in how many rows, and in how many columns, can the top left corner of the 2×2 window lie?",
        "An image with H rows and W columns gives an output with H − 1 rows and W − 1 columns: image.shape holds both.",
        "Start from `slide` of section 2 and replace each fixed 2 that counts windows. The 2 in i + 2 is the filter's.",
    ],
    without=(conv2d,),
)
def convolution(image, kernel):
    rows, columns = image.shape
    output = np.zeros((rows - 1, columns - 1))
    for i in range(rows - 1):
        for j in range(columns - 1):
            output[i, j] = np.sum(kernel * image[i : i + 2, j : j + 2])
    return output


def output_shape(image):
    return image.shape[0] - 1, image.shape[1] - 1


def slide(output, image, kernel, windows, product=np.multiply):
    """Fill the cells of `output` for as many rows and columns of windows."""
    for i, j in np.ndindex(windows):
        output[i, j] = np.sum(product(kernel, image[i : i + 2, j : j + 2]))
    return output


def running_sums(output, start=lambda i, j: (i, j) == (0, 0)):
    """Carry a total on from window to window, until one where it starts anew."""
    result, total = np.zeros_like(output), 0.0
    for i, j in np.ndindex(output.shape):
        total = output[i, j] + (0 if start(i, j) else total)
        result[i, j] = total
    return result


def some_windows(image, kernel, rows, columns):
    """Leave the others at 0."""
    output = np.zeros(output_shape(image))
    output[rows, columns] = conv2d(image, kernel)[rows, columns]
    return output


convolution.add_slips(
    "output_of_two_rows: Your output has 2 rows and 2 columns whatever the image. "
    "Take the number of windows from image.shape.",
    lambda image, kernel: slide(np.zeros((2, 2)), image, kernel, (2, 2)),
    "output_as_large_as_the_image: Your output is as large as the image; its last zeros were never computed. "
    "Make room for H − 1 rows of windows, where H is the number of rows of the image.",
    lambda image, kernel: slide(np.zeros(image.shape), image, kernel, output_shape(image)),
    "loops_over_four_windows: Your loops visit two rows and two columns of windows whatever the image. "
    "Let them run as far as the output does.",
    lambda image, kernel: slide(np.zeros(output_shape(image)), image, kernel, (2, 2)),
    "image_taken_for_a_square: You take the image for a square. "
    "image.shape[0] is its number of rows, image.shape[1] its number of columns.",
    lambda image, kernel: slide(np.zeros((len(image) - 1,) * 2), image, kernel, (len(image) - 1,) * 2),
    "window_at_every_pixel: Your loops begin a window at every pixel. "
    "At the last row and the last column it would stick out.",
    lambda image, kernel: slide(np.zeros(image.shape), image, kernel, image.shape),
    "first_row_only: Only the first row of the output is computed: does `return` stand inside the loop over the rows?",
    lambda image, kernel: slide(np.zeros(output_shape(image)), image, kernel, (1, image.shape[1] - 1)),
    "first_window_only: Only the first number of the output is computed: does `return` stand inside the loops?",
    lambda image, kernel: slide(np.zeros(output_shape(image)), image, kernel, (1, 1)),
    "window_of_one_pixel: Your window holds one pixel instead of four: i : i + 1 is row i alone. "
    "Two rows are i : i + 2.",
    lambda image, kernel: np.sum(kernel) * image[:-1, :-1],
    "steps_of_two: Your window jumps two pixels at a time. Move it by one: neighbouring windows overlap.",
    lambda image, kernel: conv2d(image, kernel)[::2, ::2],
    "one_long_row: Your numbers are right, but in one long row. Each row of windows makes one row of the output.",
    lambda image, kernel: conv2d(image, kernel).reshape(-1),
    "rows_and_columns_of_the_shape_exchanged: Your output has its rows and columns exchanged. "
    "image.shape gives the rows first: H, W = image.shape.",
    lambda image, kernel: slide(np.zeros(output_shape(image)[::-1]), image, kernel, output_shape(image)[::-1]),
    "total_never_set_back: Each number holds those before it too: the total is never set back. "
    "Start it at 0 for each window.",
    lambda image, kernel: running_sums(conv2d(image, kernel)),
    "total_set_back_in_each_row: Your total is set back only where a row begins. Start it at 0 for each window.",
    lambda image, kernel: running_sums(conv2d(image, kernel), lambda i, j: j == 0),
    "last_windows_left_at_0: The last row and the last column of your output are still 0. "
    "range(n) ends before n already: take no further 1 off.",
    lambda image, kernel: some_windows(image, kernel, slice(-1), slice(-1)),
    "first_windows_left_at_0: The first row and the first column of your output are still 0. Windows count from 0.",
    lambda image, kernel: some_windows(image, kernel, slice(1, None), slice(1, None)),
    "begun_anew_in_each_round: Only the last number is there. "
    "Does np.zeros stand inside the loops, so that each round begins anew?",
    lambda image, kernel: some_windows(image, kernel, slice(-1, None), slice(-1, None)),
    "last_windows_left_out: You stop one window early in each direction. "
    "In an image with H rows the last window starts at row H − 2, and range(n) ends before n.",
    lambda image, kernel: conv2d(image, kernel)[:-1, :-1],
    "turned_filter: Your filter is turned by 180°. Weight (u, v) meets pixel (i + u, j + v): do not turn or mirror it.",
    lambda image, kernel: conv2d(image, kernel[::-1, ::-1]),
    "pixel_i_minus_u: You use pixel (i − u, j − v). It is (i + u, j + v): a negative index counts from the other end, "
    "without an error.",
    lambda image, kernel: sum(kernel[u, v] * np.roll(image, (u, v), (0, 1))[:-1, :-1] for u, v in np.ndindex(2, 2)),
    "u_and_v_exchanged: Rows and columns of the filter are exchanged: u counts its rows and goes with i, "
    "v goes with j.",
    lambda image, kernel: conv2d(image, kernel.T),
    "rows_and_columns_exchanged: Rows and columns of the output are exchanged. "
    "image.shape is (rows, columns), and i counts rows.",
    lambda image, kernel: conv2d(image, kernel).T,
    "matrix_product: `@` and np.dot multiply matrices. Here each weight is multiplied with the pixel under it: "
    "use `*`, then the sum.",
    lambda image, kernel: slide(np.zeros(output_shape(image)), image, kernel, output_shape(image), np.matmul),
    "mean_of_products: You take the mean of the four products. Their sum is asked for.",
    lambda image, kernel: conv2d(image, kernel) / 4,
    "last_product_only: Each product replaces the one before, so only the last of four is left. Add them up with `+=`.",
    lambda image, kernel: kernel[1, 1] * image[1:, 1:],
    "whole_numbers: Your output holds whole numbers, so the decimals are cut off. "
    "np.zeros(…) without dtype makes room for them.",
    lambda image, kernel: conv2d(image, kernel).astype(int),
    "dtype_of_the_image: Where the image holds whole numbers, so does your output, and the decimals are cut off. "
    "np.zeros_like copies the kind of number; np.zeros(shape) makes room for decimals.",
    lambda image, kernel: conv2d(image, kernel).astype(image.dtype),
)


@exercise(
    "1.2",
    "the mean squared error",
    inputs=[
        (OUTPUT, TARGET),
        (OTHER_OUTPUT, OTHER_TARGET),
        (WIDE_OUTPUT, WIDE_TARGET),
        (np.array([[0.0, -3, 1]]), np.array([[1.0, 1, 1]])),
        (np.array([1, 5, -2, 0]), np.array([-1, 2, -2, 3])),  # one axis, whole numbers
        (TALL_OUTPUT, TALL_TARGET),
        (TALL.reshape(3, 2, 3), TALL[::-1].reshape(3, 2, 3)),
    ],
    hints=[
        "Three operations, from the inside out: a difference, a square, a mean.",
        "The 1/4 of section 3 is one over the number of cells. For another size it is another number: np.mean knows.",
    ],
    without=(mse_loss,),
)
def squared_error(output, target):
    return np.mean((output - target) ** 2)


squared_error.add_slips(
    "summed: You add the squares up. Divide by their number: np.mean instead of np.sum.",
    lambda output, target: np.sum((output - target) ** 2),
    "over_four: You divide by 4 whatever the size. Divide by the number of cells: np.mean does that.",
    lambda output, target: np.sum((output - target) ** 2) / 4,
    "over_rows: You divide by the number of rows, which is what len gives. The number of cells is output.size.",
    lambda output, target: np.sum((output - target) ** 2) / len(output),
    "over_columns: You divide by the number of columns. The number of cells is output.size.",
    lambda output, target: np.sum((output - target) ** 2) / output.shape[1],
    "over_rows_squared: You divide by the number of rows squared, as if each array were square. "
    "The number of cells is output.size.",
    lambda output, target: np.sum((output - target) ** 2) / len(output) ** 2,
    "not_squared: The differences are not squared, so positive and negative ones cancel. "
    "Square each, then take the mean.",
    lambda output, target: np.mean(output - target),
    "squared_last: You square the mean difference. Square first, then take the mean: else errors cancel.",
    lambda output, target: np.mean(output - target) ** 2,
    "absolute: You take absolute values. This loss squares the differences: ** 2.",
    lambda output, target: np.mean(np.abs(output - target)),
    "square_root: You take a square root at the end. The formula has none.",
    lambda output, target: np.sqrt(np.mean((output - target) ** 2)),
    "halved: You halve the result. Some losses carry a ½; this one has 1/n alone.",
    lambda output, target: np.mean((output - target) ** 2) / 2,
    "one_for_each_cell: You return a squared error for each cell. The loss is one number: take the mean of them.",
    lambda output, target: (output - target) ** 2,
    "mean_of_each_column: You take the mean over the rows only (axis=0). np.mean without axis takes it over all cells.",
    lambda output, target: np.mean((output - target) ** 2, axis=0),
    "loops_over_four_cells: Your loops visit two rows and two columns whatever the shape. np.mean needs no loop.",
    lambda output, target: sum((output[i, j] - target[i, j]) ** 2 for i in range(2) for j in range(2)) / 4,
    "two_axes_only: Your loops need arrays of two axes, rows and columns. These may have one, or three: "
    "np.mean needs no loop.",
    lambda output, target: (
        sum((output[i, j] - target[i, j]) ** 2 for i in range(output.shape[0]) for j in range(output.shape[1]))
        / output.size
    ),
    "target_alone_squared: You square the target alone, since ** is done before −. Put brackets around the difference.",
    lambda output, target: np.mean(output - target**2),
    "difference_of_squares: You take the difference of two squares. Take the square of the difference: subtract first.",
    lambda output, target: np.mean(output**2 - target**2),
    "square_of_the_sum: You square the sum of the differences. Square each of them, then add up.",
    lambda output, target: np.sum(output - target) ** 2 / output.size,
    "last_square_only: Each square replaces the one before, so only the last is left. Add them up with `+=`.",
    lambda output, target: (output.flat[-1] - target.flat[-1]) ** 2 / output.size,
    "added: You add the target. The error is the difference: output − target.",
    lambda output, target: np.mean((output + target) ** 2),
    "doubled: You double the differences. `* 2` is twice a number, `** 2` is its square.",
    lambda output, target: np.mean((output - target) * 2),
    "divided_twice: You divide by the number of cells twice. np.mean has done it already.",
    lambda output, target: np.mean((output - target) ** 2) / output.size,
    "over_one_less: You divide by one less than the number of cells. This loss divides by their number.",
    lambda output, target: np.sum((output - target) ** 2) / (output.size - 1),
    "pythons_sum: Whole rows are added up, as Python's own sum does it, and one number is left for each column. "
    "np.sum adds up all cells.",
    lambda output, target: sum((output - target) ** 2) / output.size,
)


@exercise(
    "1.3",
    "the gradient of the four weights",
    inputs=[
        (IMAGE, OUTPUT, TARGET),
        (OTHER_IMAGE, OTHER_OUTPUT, OTHER_TARGET),
        (WIDE, WIDE_OUTPUT, WIDE_TARGET),
        (np.array([[1.0, 2, 3], [4, 5, 7]]), np.array([[2.0, 1]]), np.array([[1.0, 3]])),
        (WIDE.T, WIDE_OUTPUT.T, WIDE_TARGET.T),
        (TALL, TALL_OUTPUT, TALL_TARGET),
        (np.array([[1, -2, 3], [4, 5, -7], [0, 2, 1]]), np.array([[2, -1], [1, 4]]), np.array([[1, 3], [-1, 0]])),
    ],
    hints=[
        "Begin with the error map E: the derivative of the loss for each output cell. It has the output's shape.",
        "E = 2 / n · (output − target), where n is the number of output cells: output.size.",
        "Weight (u, v) meets pixel (i + u, j + v) in window (i, j). Add up E[i, j] times that pixel over all windows.",
        "Four loops: u and v over 2, i and j over the rows and columns of E. Inside stands one line with +=.",
    ],
    without=(conv2d_backward, mse_loss_backward),
)
def gradient(image, output, target):
    E = 2 / output.size * (output - target)
    rows, columns = E.shape
    result = np.zeros((2, 2))
    for u in range(2):
        for v in range(2):
            for i in range(rows):
                for j in range(columns):
                    result[u, v] += E[i, j] * image[i + u, j + v]
    return result


@gradient.loss
def loss_after_a_change_of_the_filter(image, output, target):
    return lambda change: np.mean((output + conv2d(image, change) - target) ** 2), np.zeros((2, 2))


def sum_over_windows(image, E, windows, sign=1):
    result = np.zeros((2, 2))
    for u, v, i, j in np.ndindex(2, 2, *windows):
        result[u, v] += E[i, j] * image[i + sign * u, j + sign * v]
    return result


def by_errors(answer):
    """Make a slip of what is done with the image and the right error map."""
    return lambda image, output, target: answer(image, 2 / output.size * (output - target))


gradient.add_slips(
    "first_column_of_windows_only: You add up the windows of the first column only. "
    "A weight takes part in every window: sum over all j too.",
    by_errors(lambda image, E: conv2d(image[:, :2], E[:, :1])),
    "first_row_of_windows_only: You add up the windows of the first row only. "
    "A weight takes part in every window: sum over all i too.",
    by_errors(lambda image, E: conv2d(image[:2], E[:1])),
    "last_window_only: Each window replaces the one before, so only the last is left. Add them up with `+=`.",
    by_errors(lambda image, E: E[-1, -1] * image[-2:, -2:]),
    "loops_over_four_windows: You sum over four windows whatever the size of the output. "
    "Let i and j run over all rows and columns of E.",
    by_errors(lambda image, E: conv2d(image[:3, :3], E[:2, :2])),
    "sizes_of_the_page: Two things are still as on the page: the factor 2/4, and two rows and two columns of windows. "
    "Here the factor is 2 / output.size, and i and j run over all rows and columns of E.",
    lambda image, output, target: sum_over_windows(image, 2 / 4 * (output - target), (2, 2)),
    "slices_of_two: Your slices of the image have two rows and two columns. "
    "What is multiplied with E must be as large as E: take its rows and columns from E.shape.",
    by_errors(lambda image, E: np.array([[np.sum(E * image[u : u + 2, v : v + 2]) for v in (0, 1)] for u in (0, 1)])),
    "filter_of_two: Sliding E over the image is right, but the function of exercise 1.1 takes 2×2 filters alone. "
    "E may be larger: conv2d takes any size, and so do loops over E.",
    by_errors(lambda image, E: slide(np.zeros(output_shape(image)), image, E, output_shape(image))),
    "one_product_for_each_weight: You take one product for each weight. "
    "A weight takes part in every window: sum over all i and j.",
    by_errors(lambda image, E: np.array([[E[u, v] * image[u, v] for v in range(2)] for u in range(2)])),
    "last_windows_left_out: Your loops over the windows stop one row and one column early. "
    "range(n) ends before n already.",
    by_errors(lambda image, E: sum_over_windows(image, E, (E.shape[0] - 1, E.shape[1] - 1))),
    "begun_anew_in_each_round: Only the last entry is left. "
    "Does np.zeros stand inside the loops, so that each round begins anew?",
    by_errors(lambda image, E: conv2d(image, E) * [[0, 0], [0, 1]]),
    "first_row_only: Only the first row is computed: does `return` stand inside the loop over u?",
    by_errors(lambda image, E: conv2d(image, E) * [[1, 1], [0, 0]]),
    "first_weight_only: Only the first entry is computed: does `return` stand inside the loops over u and v?",
    by_errors(lambda image, E: conv2d(image, E) * [[1, 0], [0, 0]]),
    "times_the_weight: You multiply by the weight too. The derivative of weight times pixel by the weight is the "
    "pixel alone.",
    by_errors(lambda image, E: conv2d(image, E) * FILTER),
    "difference_squared: You square the difference. The loss has a square; "
    "its derivative is twice the difference itself.",
    lambda image, output, target: conv2d(image, 2 / output.size * (output - target) ** 2),
    "over_the_pixels: You divide by the number of pixels. The loss is a mean over the output's cells: output.size.",
    lambda image, output, target: conv2d(image, 2 / image.size * (output - target)),
    "mean_over_windows: You take the mean over the windows. E has its 1/n already: here the products are added up.",
    by_errors(lambda image, E: conv2d(image, E) / E.size),
    "over_rows: You divide by the number of rows, which is what len gives. n is the number of cells: output.size.",
    lambda image, output, target: conv2d(image, 2 / len(output) * (output - target)),
    "over_rows_squared: You divide by the number of rows squared, as if the output were square. "
    "n is the number of its cells: output.size.",
    lambda image, output, target: conv2d(image, 2 / len(output) ** 2 * (output - target)),
    "brackets_missing: You multiply the output alone by 2/n, and subtract the target as it is. "
    "Put brackets around the difference.",
    lambda image, output, target: conv2d(image, 2 / output.size * output - target),
    "total_never_set_back: Each entry holds those before it too: the total is never set back. "
    "Start it at 0 for each weight.",
    by_errors(lambda image, E: running_sums(conv2d(image, E))),
    "without_2_over_n: The factor 2/n is missing, which comes from the derivative of the mean of squares.",
    lambda image, output, target: conv2d(image, output - target),
    "without_2: The factor 2 is missing: the derivative of a square is twice its base.",
    by_errors(lambda image, E: conv2d(image, E) / 2),
    "without_1_over_n: The factor 1/n is missing: the loss is a mean over n cells, so each has a share of 1/n.",
    lambda image, output, target: conv2d(image, 2 * (output - target)),
    "always_2_over_4: Your factor is 2/4 whatever the size. n is the number of output cells: output.size.",
    lambda image, output, target: conv2d(image, 2 / 4 * (output - target)),
    "wrong_sign: The sign is wrong, so a step against this gradient would climb. E is output − target, in this order.",
    by_errors(lambda image, E: -conv2d(image, E)),
    "u_and_v_exchanged: Rows and columns of the result are exchanged: u goes with i, v goes with j.",
    by_errors(lambda image, E: conv2d(image, E).T),
    "turned_result: Your result is the right one turned by 180°. The pixel is (i + u, j + v), with two plus signs.",
    by_errors(lambda image, E: conv2d(image, E)[::-1, ::-1]),
    "pixel_i_minus_u: You read pixel (i − u, j − v). It is (i + u, j + v): a negative index counts from the other end.",
    by_errors(lambda image, E: sum_over_windows(image, E, E.shape, sign=-1)),
    "same_pixel_for_every_weight: You use pixel (i, j) for every weight. Weight (u, v) meets pixel (i + u, j + v).",
    by_errors(lambda image, E: np.full((2, 2), np.sum(E * image[: E.shape[0], : E.shape[1]]))),
    "error_map_alone: You return the error map E. That is the first half: "
    "the gradient of a weight sums E times pixels over all windows.",
    by_errors(lambda image, E: E),
    "output_in_place_of_the_error: You multiply by the output, not by the error. "
    "E is 2 / n times the difference of output and target.",
    lambda image, output, target: conv2d(image, 2 / output.size * output),
)


@exercise(
    "1.4",
    "one step of gradient descent",
    inputs=[
        (FILTER, GRADIENT, 0.1),
        (np.array([[1.0, 2], [3, 4]]), np.array([[2.0, -1], [1, 3]]), 0.5),
        (np.array([[1.0, -2, 3]]), np.array([[2.0, 0, -1]]), 0.5),
        (np.array([0.1234567, -2, 3]), np.array([2, 1, -1]), 0.25),  # one axis, a gradient of whole numbers
        (np.array([[1, 2], [3, 4], [5, 6]]), np.array([[2, -1], [1, 3], [0, 7]]), 0.125),
    ],
    hints=[
        "The gradient says where the loss grows. Which way should a weight move?",
        "The formula of section 6: W′ = W − η ∂L/∂W. Return W′ as a new array.",
    ],
)
def update(weights, gradient, learning_rate):
    return weights - learning_rate * gradient


def update_in_place(weights, gradient, learning_rate):
    weights -= learning_rate * gradient
    return weights


update.add_slips(
    "uphill: You step uphill: the gradient points to where the loss grows. Subtract it.",
    lambda weights, gradient, learning_rate: weights + learning_rate * gradient,
    "weights_changed_in_place: You change the weights that came in: `-=` works on the caller's own array, "
    "whatever you call it. Compute a new array with `-`.",
    update_in_place,
    "without_the_rate: The learning rate is missing: multiply the gradient by it.",
    lambda weights, gradient, learning_rate: weights - gradient,
    "fixed_rate: Your learning rate is 0.1 whatever is passed. Write learning_rate for it, also where you have eta.",
    lambda weights, gradient, learning_rate: weights - 0.1 * gradient,
    "rate_subtracted: You subtract the learning rate. Multiply the gradient by it, then subtract the product.",
    lambda weights, gradient, learning_rate: weights - learning_rate - gradient,
    "divided_by_the_rate: You divide by the learning rate. A small rate must give a small step: multiply.",
    lambda weights, gradient, learning_rate: weights - gradient / learning_rate,
    "weights_times_the_rate: You multiply the weights by the learning rate too. Only the gradient is multiplied by it.",
    lambda weights, gradient, learning_rate: learning_rate * (weights - gradient),
    "step_alone: You return the step alone. Add it to the weights: W − η ∂L/∂W.",
    lambda weights, gradient, learning_rate: -learning_rate * gradient,
    "product_alone: You return the product of rate and gradient. Subtract it from the weights.",
    lambda weights, gradient, learning_rate: learning_rate * gradient,
    "weights_returned_as_they_came: You return the weights as they came in. Does the step end up in another variable?",
    lambda weights, gradient, learning_rate: weights,
    "rate_subtracted_before_multiplying: You subtract the rate from the weights first. "
    "Multiplication comes before subtraction: no brackets.",
    lambda weights, gradient, learning_rate: (weights - learning_rate) * gradient,
    "weights_multiplied: You multiply the weights by 1 − η ∂L/∂W. Subtract the product from them: W − η ∂L/∂W.",
    lambda weights, gradient, learning_rate: weights * (1 - learning_rate * gradient),
    "sum_of_the_gradient: Each weight gets the sum of the whole gradient. It gets its own entry.",
    lambda weights, gradient, learning_rate: weights - learning_rate * np.sum(gradient),
    "dtype_of_the_weights: Where the weights are whole numbers, so is your result, and the decimals are cut off. "
    "np.zeros_like copies the kind of number; np.zeros(weights.shape) makes room for decimals.",
    lambda weights, gradient, learning_rate: (weights - learning_rate * gradient).astype(weights.dtype),
    "signs_turned: Your signs are all turned. Begin with the weights, and subtract the product from them.",
    lambda weights, gradient, learning_rate: learning_rate * gradient - weights,
)


@exercise(
    "1.5",
    "the largest learning rate that converges",
    # Of the fourth the Hessian is diagonal, with the largest eigenvalue in the middle.
    inputs=[
        (IMAGE,),
        (WIDE,),
        (np.array([[2, -1, 2], [-1, -2, 2], [3, -3, -3]]),),
        (np.array([[1.0, 0, 0, 3], [0, 0, 0, 0], [0, 0, 0, 0], [0.5, 0, 0, 2]]),),
        (TALL,),
    ],
    hints=[
        "Three lines: the columns A of the image, the Hessian H, its largest eigenvalue. See sections 9 and 10.",
        "A is unfold(image, 2), and H = 2/n · A Aᵀ, where n is the number of windows: A.shape[1].",
        "np.linalg.eigvalsh sorts the eigenvalues from small to large. For which η is the factor 1 − ηλ equal to −1?",
    ],
)
def largest_rate(image):
    A = unfold(image, 2)
    H = 2 / A.shape[1] * A @ A.T
    eigenvalues = np.linalg.eigvalsh(H)
    return 2 / eigenvalues[-1]


def by_hessian(hessian):
    """Make a slip of a Hessian, given the columns A and the image."""
    return lambda image: 2 / np.linalg.eigvalsh(hessian(unfold(image, 2), image))[-1]


def hessian_eigenvalues(image, solve=np.linalg.eigvalsh):
    A = unfold(image, 2)
    return solve(2 / A.shape[1] * A @ A.T)


largest_rate.add_slips(
    "one_over_the_eigenvalue: Your number is 1/λ, half of the limit. That rate lands on the floor of the valley; "
    "at the limit 1 − ηλ is −1.",
    lambda image: 1 / hessian_eigenvalues(image)[-1],
    "smallest_eigenvalue: You use the smallest eigenvalue. "
    "The steepest axis diverges first, and that is the one with the largest.",
    lambda image: 2 / hessian_eigenvalues(image)[0],
    "eigenvalue_alone: You return the largest eigenvalue. The limit is 2 divided by it.",
    lambda image: hessian_eigenvalues(image)[-1],
    "always_2_over_4: Your Hessian has the factor 2/4 whatever the image. "
    "n is the number of windows, A.shape[1]; the rows are always 4.",
    by_hessian(lambda A, image: 2 / 4 * A @ A.T),
    "without_2_over_n: Your number is what the Hessian gives without its factor 2/n: the loss is a mean of n squares.",
    by_hessian(lambda A, image: A @ A.T),
    "without_2: Your number is twice the limit, as if the Hessian lacked its factor 2: "
    "the second derivative of a square is 2.",
    by_hessian(lambda A, image: A @ A.T / A.shape[1]),
    "without_1_over_n: Your number is what the Hessian gives without its 1/n: "
    "the loss is a mean over n windows, and n is A.shape[1].",
    by_hessian(lambda A, image: 2 * A @ A.T),
    "both_ends: You add the smallest eigenvalue. That is the rate that shrinks both ends alike; "
    "the limit needs the largest alone.",
    lambda image: 2 / np.sum(hessian_eigenvalues(image)[[0, -1]]),
    "eigenvalues_of_the_image: You use the eigenvalues of the image itself. "
    "The loss curves as the Hessian does: H = 2/n · A Aᵀ.",
    lambda image: 2 / np.max(np.linalg.eigvals(image[: min(image.shape), : min(image.shape)]).real),
    "number_of_the_page: You return the number 0.18615 of the page. "
    "For another image it is another number: compute it.",
    lambda image: 0.18615,
    "rounded: You round to five digits, as the page does to print. Return the number as it is.",
    lambda image: np.round(2 / hessian_eigenvalues(image)[-1], 5),
    "second_smallest_eigenvalue: You use the second smallest eigenvalue. "
    "The largest counts; eigvalsh sorts them, eigvals does not.",
    lambda image: 2 / hessian_eigenvalues(image)[1],
    "second_largest_eigenvalue: You use the second largest eigenvalue. "
    "The largest counts; eigvalsh sorts them, eigvals does not.",
    lambda image: 2 / hessian_eigenvalues(image)[2],
    "first_of_the_unsorted: You take the first eigenvalue, and eig and eigvals do not sort them. Take the largest.",
    lambda image: 2 / hessian_eigenvalues(image, np.linalg.eigvals)[0],
    "last_of_the_unsorted: You take the last eigenvalue, and eig and eigvals do not sort them. Take the largest.",
    lambda image: 2 / hessian_eigenvalues(image, np.linalg.eigvals)[-1],
    "sum_of_the_eigenvalues: You divide by the sum of the eigenvalues, which np.trace gives. Take the largest alone.",
    lambda image: 2 / hessian_eigenvalues(image).sum(),
    "windows_of_a_square: You count the windows as if the image were square. Their number is A.shape[1].",
    by_hessian(lambda A, image: 2 / (len(image) - 1) ** 2 * A @ A.T),
    "over_all_numbers: You divide by A.size, which counts all numbers in A. "
    "n is the number of its columns: A.shape[1].",
    by_hessian(lambda A, image: 2 / A.size * A @ A.T),
    "over_the_pixels: You divide by the number of pixels. n is the number of windows, the columns of A: A.shape[1].",
    by_hessian(lambda A, image: 2 / image.size * A @ A.T),
    "over_the_columns: You divide by the image's number of columns. "
    "n is the number of windows, the columns of A: A.shape[1].",
    by_hessian(lambda A, image: 2 / image.shape[1] * A @ A.T),
    "cellwise_product: `*` multiplies cell by cell. A Aᵀ is a matrix product: `@`.",
    by_hessian(lambda A, image: 2 / A.shape[1] * A * A.T),
    "image_in_place_of_windows: You multiply the image with itself. A holds its windows as columns: unfold(image, 2).",
    lambda image: 2 / np.linalg.eigvalsh(2 / image.shape[1] * image @ image.T)[-1],
)
