"""Exercises of notebook 1: a 2×2 filter learns on a 3×3 image."""

import numpy as np

from cnnlab.convolution import conv2d, unfold
from cnnlab.exercises.checker import exercise

# The page's own numbers, and an image with more columns than rows.
IMAGE = np.array([[1.0, 2, 1], [0, 1, 2], [2, 1, 0]])
FILTER = np.array([[0.5, 0.2], [0.3, 0.7]])
OUTPUT = np.array([[1.6, 2.9], [1.5, 1.2]])
TARGET = np.array([[1.0, 2], [2, 1]])
WIDE = np.array([[1.0, 2, 0, 3], [4, 1, 2, 0], [0, 5, 1, 2]])
WIDE_OUTPUT = np.array([[2.0, 1, 3], [0, 2, 1]])
WIDE_TARGET = np.array([[1.0, 3, 1], [1, 0, 0]])


@exercise(
    "1.1",
    "a 2×2 filter on an image of any size",
    inputs=[
        (IMAGE, FILTER),
        (np.array([[1.0, 2, 3], [4, 5, 7]]), np.array([[1.0, -2], [0.5, 3]])),
        (WIDE, np.array([[1.0, -2], [0.5, 3]])),
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
    "Your output is as large as the image; its last zeros were never computed. Two rows fit H − 1 times into H rows."
)
def convolution_of_the_images_size(image, kernel):
    output = np.zeros(image.shape)
    for i in range(image.shape[0] - 1):
        for j in range(image.shape[1] - 1):
            output[i, j] = np.sum(kernel * image[i : i + 2, j : j + 2])
    return output


@convolution.slip(
    "You stop one window early in each direction. The last window starts at row H − 2, and range(n) ends before n."
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


def convolution_reference(image, kernel, combine=lambda kernel, window: np.sum(kernel * window)):
    rows, columns = image.shape
    windows = [[image[i : i + 2, j : j + 2] for j in range(columns - 1)] for i in range(rows - 1)]
    return np.array([[combine(kernel, window) for window in row] for row in windows])


@exercise(
    "1.2",
    "the mean squared error",
    inputs=[
        (OUTPUT, TARGET),
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


@exercise(
    "1.3",
    "the gradient of the four weights",
    inputs=[
        (IMAGE, OUTPUT, TARGET),
        (np.array([[1.0, 2, 3], [4, 5, 7]]), np.array([[2.0, 1]]), np.array([[1.0, 3]])),
        (WIDE, WIDE_OUTPUT, WIDE_TARGET),
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
        (FILTER, np.array([[1.3, 1.0], [0.05, 0.95]]), 0.1),
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
    "`-=` changes the caller's weights as well as yours. Make a new array: weights = weights − …, or return weights − …"
)
def update_in_place(weights, gradient, learning_rate):
    weights -= learning_rate * gradient
    return weights


@update.slip("The learning rate is missing: multiply the gradient by it.")
def update_without_rate(weights, gradient, learning_rate):
    return weights - gradient


@update.slip("Your learning rate is 0.1 whatever is passed. Use learning_rate.")
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


@exercise(
    "1.5",
    "the largest learning rate that converges",
    inputs=[(IMAGE,), (WIDE,), (2 * IMAGE,)],
    hints=[
        "Three lines: the columns A of the image, the Hessian H, its largest eigenvalue. See sections 9 and 10.",
        "H = 2/n · A Aᵀ, where n is the number of windows: A.shape[1].",
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


@largest_rate.slip("Your Hessian has the factor 2/4 whatever the image. n is the number of windows: A.shape[1].")
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


@largest_rate.slip("You use the eigenvalues of the image. The loss curves as the Hessian does: H = 2/n · A Aᵀ.")
def largest_rate_of_the_image(image):
    side = min(image.shape)
    return 2 / np.max(np.linalg.eigvals(image[:side, :side]).real)


@largest_rate.slip("You return the rate 0.18615 of the page. For another image it is another number: compute it.")
def largest_rate_from_the_page(image):
    return 0.18615
