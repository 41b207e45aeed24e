"""Exercises of notebook 1: a 2×2 filter learns on a 3×3 image."""

import numpy as np

from cnnlab.convolution import conv2d, unfold
from cnnlab.course.exercises.checker import exercise

# The page's own numbers, others of the same size, and an image with more columns than rows.
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


@exercise(
    "1.1",
    "a 2×2 filter on an image of any size",
    inputs=[
        (IMAGE, FILTER),
        (WIDE, np.array([[1.0, -2], [0.5, 3]])),
        (np.array([[1, 2, 3], [4, 5, 7]]), np.array([[1.0, -2], [0.5, 3]])),  # whole numbers
        (WIDE.T, np.array([[1.0, 0], [2, -1]])),
    ],
    hints=[
        "Count first: in how many rows, and in how many columns, can the top left corner of the 2×2 window lie?",
        "An image with H rows and W columns gives an output with H − 1 rows and W − 1 columns: image.shape holds both.",
        "Start from `slide` of section 2 and replace each fixed 2 that counts windows. The 2 in i + 2 is the filter's.",
    ],
)
def convolution(image, kernel):
    rows, columns = image.shape
    output = np.zeros((rows - 1, columns - 1))
    for i in range(rows - 1):
        for j in range(columns - 1):
            output[i, j] = np.sum(kernel * image[i : i + 2, j : j + 2])
    return output


@convolution.slip(
    "Your output has 2 rows and 2 columns whatever the image. Take the number of windows from image.shape."
)
def convolution_of_fixed_size(image, kernel):
    output = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            output[i, j] = np.sum(kernel * image[i : i + 2, j : j + 2])
    return output


@convolution.slip(
    "Your output is as large as the image; its last zeros were never computed. Make room for H − 1 rows of windows, "
    "where H is the number of rows of the image."
)
def convolution_of_the_images_size(image, kernel):
    output = np.zeros(image.shape)
    for i in range(image.shape[0] - 1):
        for j in range(image.shape[1] - 1):
            output[i, j] = np.sum(kernel * image[i : i + 2, j : j + 2])
    return output


@convolution.slip(
    "Your loops visit two rows and two columns of windows whatever the image. Let them run as far as the output does."
)
def convolution_of_four_windows(image, kernel):
    output = np.zeros((image.shape[0] - 1, image.shape[1] - 1))
    for i in range(2):
        for j in range(2):
            output[i, j] = np.sum(kernel * image[i : i + 2, j : j + 2])
    return output


@convolution.slip(
    "You take the image for a square. image.shape[0] is its number of rows, image.shape[1] its number of columns."
)
def convolution_of_a_square(image, kernel):
    n = len(image)
    output = np.zeros((n - 1, n - 1))
    for i in range(n - 1):
        for j in range(n - 1):
            output[i, j] = np.sum(kernel * image[i : i + 2, j : j + 2])
    return output


@convolution.slip("Your loops begin a window at every pixel. At the last row and the last column it would stick out.")
def convolution_that_sticks_out(image, kernel):
    output = np.zeros(image.shape)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            output[i, j] = np.sum(kernel * image[i : i + 2, j : j + 2])
    return output


@convolution.slip("Only the first row of the output is computed: does `return` stand inside the loop over the rows?")
def convolution_of_the_first_row(image, kernel):
    output = np.zeros((image.shape[0] - 1, image.shape[1] - 1))
    output[0] = convolution_reference(image, kernel)[0]
    return output


@convolution.slip("Only the first number of the output is computed: does `return` stand inside the loops?")
def convolution_of_the_first_window(image, kernel):
    output = np.zeros((image.shape[0] - 1, image.shape[1] - 1))
    output[0, 0] = convolution_reference(image, kernel)[0, 0]
    return output


@convolution.slip("Your window holds one pixel instead of four: i : i + 1 is row i alone. Two rows are i : i + 2.")
def convolution_of_single_pixels(image, kernel):
    return np.sum(kernel) * image[:-1, :-1]


@convolution.slip("Your window jumps two pixels at a time. Move it by one: neighbouring windows overlap.")
def convolution_in_steps_of_two(image, kernel):
    return convolution_reference(image, kernel)[::2, ::2]


@convolution.slip("Your numbers are right, but in one long row. Each row of windows makes one row of the output.")
def convolution_in_one_row(image, kernel):
    return convolution_reference(image, kernel).reshape(-1)


@convolution.slip(
    "You stop one window early in each direction. In an image with H rows the last window starts at row H − 2, "
    "and range(n) ends before n."
)
def convolution_without_the_last_windows(image, kernel):
    return convolution_reference(image, kernel)[:-1, :-1]


@convolution.slip("Your filter is turned by 180°. Weight (u, v) meets pixel (i + u, j + v): do not turn or mirror it.")
def convolution_with_a_turned_filter(image, kernel):
    return convolution_reference(image, kernel[::-1, ::-1])


@convolution.slip(
    "You use pixel (i − u, j − v). It is (i + u, j + v): a negative index counts from the other end, without an error."
)
def convolution_with_minus(image, kernel):
    rows, columns = image.shape
    output = np.zeros((rows - 1, columns - 1))
    for i in range(rows - 1):
        for j in range(columns - 1):
            for u in range(2):
                for v in range(2):
                    output[i, j] += kernel[u, v] * image[i - u, j - v]
    return output


@convolution.slip("Rows and columns of the filter are exchanged: u counts its rows and goes with i, v goes with j.")
def convolution_with_u_and_v_exchanged(image, kernel):
    return convolution_reference(image, kernel.T)


@convolution.slip("Rows and columns of the output are exchanged. image.shape is (rows, columns), and i counts rows.")
def convolution_with_rows_and_columns_exchanged(image, kernel):
    return convolution_reference(image, kernel).T


@convolution.slip(
    "`@` and np.dot multiply matrices. Here each weight is multiplied with the pixel under it: use `*`, then the sum."
)
def convolution_with_a_matrix_product(image, kernel):
    return convolution_reference(image, kernel, lambda kernel, window: np.sum(kernel @ window))


@convolution.slip("You take the mean of the four products. Their sum is asked for.")
def convolution_with_the_mean(image, kernel):
    return convolution_reference(image, kernel, lambda kernel, window: np.mean(kernel * window))


@convolution.slip("Each product replaces the one before, so only the last of four is left. Add them up with `+=`.")
def convolution_of_the_last_product(image, kernel):
    return kernel[1, 1] * image[1:, 1:]


@convolution.slip(
    "Your output holds whole numbers, so the decimals are cut off. np.zeros(…) without dtype makes room for them."
)
def convolution_in_whole_numbers(image, kernel):
    return convolution_reference(image, kernel).astype(int)


@convolution.slip(
    "Where the image holds whole numbers, so does your output, and the decimals are cut off. np.zeros_like copies the "
    "kind of number; np.zeros(shape) makes room for decimals."
)
def convolution_in_the_images_numbers(image, kernel):
    return convolution_reference(image, kernel).astype(image.dtype)


def convolution_reference(image, kernel, combine=lambda kernel, window: np.sum(kernel * window)):
    rows, columns = image.shape
    windows = [[image[i : i + 2, j : j + 2] for j in range(columns - 1)] for i in range(rows - 1)]
    return np.array([[combine(kernel, window) for window in row] for row in windows])


@exercise(
    "1.2",
    "the mean squared error",
    inputs=[
        (OUTPUT, TARGET),
        (OTHER_OUTPUT, OTHER_TARGET),
        (WIDE_OUTPUT, WIDE_TARGET),
        (np.array([[0.0, -3, 1]]), np.array([[1.0, 1, 1]])),
    ],
    hints=[
        "Three operations, from the inside out: a difference, a square, a mean.",
        "The 1/4 of section 3 is one over the number of cells. For another size it is another number: np.mean knows.",
    ],
)
def squared_error(output, target):
    return np.mean((output - target) ** 2)


@squared_error.slip("You add the squares up. Divide by their number: np.mean instead of np.sum.")
def squared_error_summed(output, target):
    return np.sum((output - target) ** 2)


@squared_error.slip("You divide by 4 whatever the size. Divide by the number of cells: np.mean does that.")
def squared_error_over_four(output, target):
    return np.sum((output - target) ** 2) / 4


@squared_error.slip("You divide by the number of rows, which is what len gives. The number of cells is output.size.")
def squared_error_over_rows(output, target):
    return np.sum((output - target) ** 2) / len(output)


@squared_error.slip(
    "The differences are not squared, so positive and negative ones cancel. Square each, then take the mean."
)
def squared_error_not_squared(output, target):
    return np.mean(output - target)


@squared_error.slip("You square the mean difference. Square first, then take the mean: else errors cancel.")
def squared_error_squared_last(output, target):
    return np.mean(output - target) ** 2


@squared_error.slip("You take absolute values. This loss squares the differences: ** 2.")
def squared_error_absolute(output, target):
    return np.mean(np.abs(output - target))


@squared_error.slip("You take a square root at the end. The formula has none.")
def squared_error_with_root(output, target):
    return np.sqrt(np.mean((output - target) ** 2))


@squared_error.slip("You halve the result. Some losses carry a ½; this one has 1/n alone.")
def squared_error_halved(output, target):
    return np.mean((output - target) ** 2) / 2


@squared_error.slip("You return a squared error for each cell. The loss is one number: take the mean of them.")
def squared_error_by_cell(output, target):
    return (output - target) ** 2


@squared_error.slip("You take the mean over the rows only (axis=0). np.mean without axis takes it over all cells.")
def squared_error_by_column(output, target):
    return np.mean((output - target) ** 2, axis=0)


@squared_error.slip("Your loops visit two rows and two columns whatever the shape. np.mean needs no loop.")
def squared_error_of_four_cells(output, target):
    total = 0
    for i in range(2):
        for j in range(2):
            total += (output[i, j] - target[i, j]) ** 2
    return total / 4


@squared_error.slip("You square the target alone, since ** is done before −. Put brackets around the difference.")
def squared_error_without_brackets(output, target):
    return np.mean(output - target**2)


@squared_error.slip("You take the difference of two squares. Take the square of the difference: subtract first.")
def squared_error_of_squares(output, target):
    return np.mean(output**2 - target**2)


@squared_error.slip("You double the differences. `* 2` is twice a number, `** 2` is its square.")
def squared_error_doubled(output, target):
    return np.mean((output - target) * 2)


@squared_error.slip("You divide by the number of cells twice. np.mean has done it already.")
def squared_error_divided_twice(output, target):
    return np.mean((output - target) ** 2) / output.size


@squared_error.slip("You divide by one less than the number of cells. This loss divides by their number.")
def squared_error_over_one_less(output, target):
    return np.sum((output - target) ** 2) / (output.size - 1)


@squared_error.slip(
    "Python's own sum adds up whole rows and leaves one number for each column. np.sum adds up all cells."
)
def squared_error_with_pythons_sum(output, target):
    return sum((output - target) ** 2) / output.size


@exercise(
    "1.3",
    "the gradient of the four weights",
    inputs=[
        (IMAGE, OUTPUT, TARGET),
        (OTHER_IMAGE, OTHER_OUTPUT, OTHER_TARGET),
        (WIDE, WIDE_OUTPUT, WIDE_TARGET),
        (np.array([[1.0, 2, 3], [4, 5, 7]]), np.array([[2.0, 1]]), np.array([[1.0, 3]])),
        (WIDE.T, WIDE_OUTPUT.T, WIDE_TARGET.T),
    ],
    hints=[
        "Begin with the error map E: the derivative of the loss for each output cell. It has the output's shape.",
        "E = 2 / n · (output − target), where n is the number of output cells: output.size.",
        "Weight (u, v) meets pixel (i + u, j + v) in window (i, j). Add up E[i, j] times that pixel over all windows.",
        "Four loops: u and v over 2, i and j over the rows and columns of E. Inside stands one line with +=.",
    ],
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


def gradient_reference(image, error_map):
    return conv2d(image, error_map)


def error_map(output, target):
    return 2 / output.size * (output - target)


@gradient.slip(
    "You add up the windows of the first column only. A weight takes part in every window: sum over all j too."
)
def gradient_of_the_left_windows(image, output, target):
    E = error_map(output, target)
    return gradient_reference(image[:, :2], E[:, :1])


@gradient.slip("You add up the windows of the first row only. A weight takes part in every window: sum over all i too.")
def gradient_of_the_upper_windows(image, output, target):
    E = error_map(output, target)
    return gradient_reference(image[:2], E[:1])


@gradient.slip("Each window replaces the one before, so only the last is left. Add them up with `+=`.")
def gradient_of_the_last_window(image, output, target):
    return error_map(output, target)[-1, -1] * image[-2:, -2:]


@gradient.slip(
    "You sum over four windows whatever the size of the output. Let i and j run over all rows and columns of E."
)
def gradient_of_four_windows(image, output, target):
    return gradient_reference(image[:3, :3], error_map(output, target)[:2, :2])


@gradient.slip(
    "Two things are still as on the page: the factor 2/4, and two rows and two columns of windows. Here the factor is "
    "2 / output.size, and i and j run over all rows and columns of E."
)
def gradient_for_four_cells(image, output, target):
    E = 2 / 4 * (output - target)
    result = np.zeros((2, 2))
    for u in range(2):
        for v in range(2):
            for i in range(2):
                for j in range(2):
                    result[u, v] += E[i, j] * image[i + u, j + v]
    return result


@gradient.slip(
    "Your slices of the image have two rows and two columns. What is multiplied with E must be as large as E: take its "
    "rows and columns from E.shape."
)
def gradient_with_slices_of_two(image, output, target):
    E = error_map(output, target)
    result = np.zeros((2, 2))
    for u in range(2):
        for v in range(2):
            result[u, v] = np.sum(E * image[u : u + 2, v : v + 2])
    return result


@gradient.slip(
    "Sliding E over the image is right, but the function of exercise 1.1 takes 2×2 filters alone. E may be larger: "
    "conv2d takes any size, and so do loops over E."
)
def gradient_by_a_filter_of_two(image, output, target):
    E = error_map(output, target)
    result = np.zeros((image.shape[0] - 1, image.shape[1] - 1))
    for i in range(image.shape[0] - 1):
        for j in range(image.shape[1] - 1):
            result[i, j] = np.sum(E * image[i : i + 2, j : j + 2])
    return result


@gradient.slip("You take one product for each weight. A weight takes part in every window: sum over all i and j.")
def gradient_of_one_product(image, output, target):
    E = error_map(output, target)
    return np.array([[E[u, v] * image[u, v] for v in range(2)] for u in range(2)])


@gradient.slip("Your loops over the windows stop one row and one column early. range(n) ends before n already.")
def gradient_without_the_last_windows(image, output, target):
    E = error_map(output, target)
    E[-1], E[:, -1] = 0, 0
    return gradient_reference(image, E)


@gradient.slip("Only the last entry is left. Does np.zeros stand inside the loops, so that each round begins anew?")
def gradient_that_begins_anew(image, output, target):
    return gradient_reference(image, error_map(output, target)) * [[0, 0], [0, 1]]


@gradient.slip("Only the first row is computed: does `return` stand inside the loop over u?")
def gradient_of_the_first_row(image, output, target):
    return gradient_reference(image, error_map(output, target)) * [[1, 1], [0, 0]]


@gradient.slip("Only the first entry is computed: does `return` stand inside the loops over u and v?")
def gradient_of_the_first_weight(image, output, target):
    return gradient_reference(image, error_map(output, target)) * [[1, 0], [0, 0]]


@gradient.slip("You multiply by the weight too. The derivative of weight times pixel by the weight is the pixel alone.")
def gradient_times_the_weight(image, output, target):
    return gradient_reference(image, error_map(output, target)) * FILTER


@gradient.slip("You square the difference. The loss has a square; its derivative is twice the difference itself.")
def gradient_of_the_squares(image, output, target):
    return gradient_reference(image, 2 / output.size * (output - target) ** 2)


@gradient.slip("You divide by the number of pixels. The loss is a mean over the output's cells: output.size.")
def gradient_over_the_pixels(image, output, target):
    return gradient_reference(image, 2 / image.size * (output - target))


@gradient.slip("You take the mean over the windows. E has its 1/n already: here the products are added up.")
def gradient_with_the_mean(image, output, target):
    return gradient_reference(image, error_map(output, target)) / output.size


@gradient.slip("The factor 2/n is missing, which comes from the derivative of the mean of squares.")
def gradient_without_2_over_n(image, output, target):
    return gradient_reference(image, output - target)


@gradient.slip("The factor 2 is missing: the derivative of a square is twice its base.")
def gradient_without_2(image, output, target):
    return gradient_reference(image, error_map(output, target)) / 2


@gradient.slip("The factor 1/n is missing: the loss is a mean over n cells, so each has a share of 1/n.")
def gradient_without_1_over_n(image, output, target):
    return gradient_reference(image, 2 * (output - target))


@gradient.slip("Your factor is 2/4 whatever the size. n is the number of output cells: output.size.")
def gradient_with_2_over_4(image, output, target):
    return gradient_reference(image, 2 / 4 * (output - target))


@gradient.slip("The sign is wrong, so a step against this gradient would climb. E is output − target, in this order.")
def gradient_with_the_wrong_sign(image, output, target):
    return -gradient_reference(image, error_map(output, target))


@gradient.slip("Rows and columns of the result are exchanged: u goes with i, v goes with j.")
def gradient_with_u_and_v_exchanged(image, output, target):
    return gradient_reference(image, error_map(output, target)).T


@gradient.slip("Your result is the right one turned by 180°. The pixel is (i + u, j + v), with two plus signs.")
def gradient_turned(image, output, target):
    return gradient_reference(image, error_map(output, target))[::-1, ::-1]


@gradient.slip("You read pixel (i − u, j − v). It is (i + u, j + v): a negative index counts from the other end.")
def gradient_with_minus(image, output, target):
    E = error_map(output, target)
    result = np.zeros((2, 2))
    for u in range(2):
        for v in range(2):
            for i in range(E.shape[0]):
                for j in range(E.shape[1]):
                    result[u, v] += E[i, j] * image[i - u, j - v]
    return result


@gradient.slip("You use pixel (i, j) for every weight. Weight (u, v) meets pixel (i + u, j + v).")
def gradient_of_the_same_pixel(image, output, target):
    E = error_map(output, target)
    return np.full((2, 2), np.sum(E * image[: E.shape[0], : E.shape[1]]))


@gradient.slip(
    "You return the error map E. That is the first half: the gradient of a weight sums E times pixels over all windows."
)
def gradient_that_stops_at_the_error_map(image, output, target):
    return error_map(output, target)


@gradient.slip("You multiply by the output, not by the error. E is 2 / n times the difference of output and target.")
def gradient_of_the_output(image, output, target):
    return gradient_reference(image, 2 / output.size * output)


@exercise(
    "1.4",
    "one step of gradient descent",
    inputs=[
        (FILTER, GRADIENT, 0.1),
        (np.array([[1.0, 2], [3, 4]]), np.array([[2.0, -1], [1, 3]]), 0.5),
        (np.array([[1.0, -2, 3]]), np.array([[2.0, 0, -1]]), 0.5),
    ],
    hints=[
        "The gradient says where the loss grows. Which way should a weight move?",
        "The formula of section 6: W′ = W − η ∂L/∂W. Return W′ as a new array.",
    ],
)
def update(weights, gradient, learning_rate):
    return weights - learning_rate * gradient


@update.slip("You step uphill: the gradient points to where the loss grows. Subtract it.")
def update_uphill(weights, gradient, learning_rate):
    return weights + learning_rate * gradient


@update.slip(
    "You change the weights that came in: `-=` works on the caller's own array, whatever you call it. Compute a new "
    "array with `-`."
)
def update_in_place(weights, gradient, learning_rate):
    weights -= learning_rate * gradient
    return weights


@update.slip("The learning rate is missing: multiply the gradient by it.")
def update_without_rate(weights, gradient, learning_rate):
    return weights - gradient


@update.slip("Your learning rate is 0.1 whatever is passed. Write learning_rate for it, also where you have eta.")
def update_with_a_fixed_rate(weights, gradient, learning_rate):
    return weights - 0.1 * gradient


@update.slip("You subtract the learning rate. Multiply the gradient by it, then subtract the product.")
def update_that_subtracts_the_rate(weights, gradient, learning_rate):
    return weights - learning_rate - gradient


@update.slip("You divide by the learning rate. A small rate must give a small step: multiply.")
def update_that_divides(weights, gradient, learning_rate):
    return weights - gradient / learning_rate


@update.slip("You multiply the weights by the learning rate too. Only the gradient is multiplied by it.")
def update_that_shrinks(weights, gradient, learning_rate):
    return learning_rate * (weights - gradient)


@update.slip("You return the step alone. Add it to the weights: W − η ∂L/∂W.")
def update_that_returns_the_step(weights, gradient, learning_rate):
    return -learning_rate * gradient


@update.slip("You return the product of rate and gradient. Subtract it from the weights.")
def update_that_returns_the_product(weights, gradient, learning_rate):
    return learning_rate * gradient


@update.slip("You return the weights as they came in. Does the step end up in another variable?")
def update_that_stays(weights, gradient, learning_rate):
    return weights


@update.slip("You subtract the rate from the weights first. Multiplication comes before subtraction: no brackets.")
def update_with_brackets(weights, gradient, learning_rate):
    return (weights - learning_rate) * gradient


@update.slip("Your signs are all turned. Begin with the weights, and subtract the product from them.")
def update_reversed(weights, gradient, learning_rate):
    return learning_rate * gradient - weights


@exercise(
    "1.5",
    "the largest learning rate that converges",
    inputs=[(IMAGE,), (WIDE,), (2 * IMAGE,)],
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


def hessian_eigenvalues(image):
    A = unfold(image, 2)
    return np.linalg.eigvalsh(2 / A.shape[1] * A @ A.T)


@largest_rate.slip(
    "You return 1/λ. That rate lands on the floor of the valley; the limit, where 1 − ηλ is −1, is twice as large."
)
def largest_rate_of_one_over(image):
    return 1 / hessian_eigenvalues(image)[-1]


@largest_rate.slip(
    "You use the smallest eigenvalue. The steepest axis diverges first, and that is the one with the largest."
)
def largest_rate_of_the_smallest(image):
    return 2 / hessian_eigenvalues(image)[0]


@largest_rate.slip("You return the largest eigenvalue. The limit is 2 divided by it.")
def largest_rate_as_eigenvalue(image):
    return hessian_eigenvalues(image)[-1]


@largest_rate.slip(
    "Your Hessian has the factor 2/4 whatever the image. n is the number of windows, A.shape[1]; the rows are always 4."
)
def largest_rate_with_2_over_4(image):
    A = unfold(image, 2)
    return 2 / np.linalg.eigvalsh(2 / 4 * A @ A.T)[-1]


@largest_rate.slip("The factor 2/n is missing from your Hessian: the loss is a mean of n squares.")
def largest_rate_without_2_over_n(image):
    A = unfold(image, 2)
    return 2 / np.linalg.eigvalsh(A @ A.T)[-1]


@largest_rate.slip("The factor 2 is missing from your Hessian: the second derivative of a square is 2.")
def largest_rate_without_2(image):
    A = unfold(image, 2)
    return 2 / np.linalg.eigvalsh(A @ A.T / A.shape[1])[-1]


@largest_rate.slip(
    "You add the smallest eigenvalue. That is the rate that shrinks both ends alike; the limit needs the largest alone."
)
def largest_rate_of_both_ends(image):
    eigenvalues = hessian_eigenvalues(image)
    return 2 / (eigenvalues[0] + eigenvalues[-1])


@largest_rate.slip("You use the eigenvalues of the image itself. The loss curves as the Hessian does: H = 2/n · A Aᵀ.")
def largest_rate_of_the_image(image):
    side = min(image.shape)
    return 2 / np.max(np.linalg.eigvals(image[:side, :side]).real)


@largest_rate.slip("You return the number 0.18615 of the page. For another image it is another number: compute it.")
def largest_rate_from_the_page(image):
    return 0.18615


@largest_rate.slip("You round to five digits, as the page does to print. Return the number as it is.")
def largest_rate_rounded(image):
    return np.round(2 / hessian_eigenvalues(image)[-1], 5)


@largest_rate.slip("You use the second smallest eigenvalue. The largest counts; eigvalsh sorts them, eigvals does not.")
def largest_rate_of_the_second(image):
    return 2 / hessian_eigenvalues(image)[1]


@largest_rate.slip("You use the second largest eigenvalue. The largest counts; eigvalsh sorts them, eigvals does not.")
def largest_rate_of_the_third(image):
    return 2 / hessian_eigenvalues(image)[2]


@largest_rate.slip("You divide by A.size, which counts all numbers in A. n is the number of its columns: A.shape[1].")
def largest_rate_over_the_numbers(image):
    A = unfold(image, 2)
    return 2 / np.linalg.eigvalsh(2 / A.size * A @ A.T)[-1]


@largest_rate.slip("You divide by the number of pixels. n is the number of windows, the columns of A: A.shape[1].")
def largest_rate_over_the_pixels(image):
    A = unfold(image, 2)
    return 2 / np.linalg.eigvalsh(2 / image.size * A @ A.T)[-1]


@largest_rate.slip(
    "You divide by the image's number of columns. n is the number of windows, the columns of A: A.shape[1]."
)
def largest_rate_over_the_columns(image):
    A = unfold(image, 2)
    return 2 / np.linalg.eigvalsh(2 / image.shape[1] * A @ A.T)[-1]


@largest_rate.slip("`*` multiplies cell by cell. A Aᵀ is a matrix product: `@`.")
def largest_rate_of_a_cellwise_product(image):
    A = unfold(image, 2)
    return 2 / np.linalg.eigvalsh(2 / A.shape[1] * A * A.T)[-1]


@largest_rate.slip("You multiply the image with itself. A holds its windows as columns: unfold(image, 2).")
def largest_rate_without_windows(image):
    return 2 / np.linalg.eigvalsh(2 / image.shape[1] * image @ image.T)[-1]
