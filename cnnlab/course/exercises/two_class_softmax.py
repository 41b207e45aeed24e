"""Exercises of notebook 5: two filters, a pool, a dense layer and softmax."""

import numpy as np

from cnnlab.activations import softmax
from cnnlab.course.exercises.checker import exercise
from cnnlab.linear import linear
from cnnlab.losses import cross_entropy, cross_entropy_backward
from cnnlab.pooling import max_pool2d, max_pool2d_backward

# A row is an image, a column a class. Exercises with labels begin with a batch of one image, where a slip in the
# formula shows by itself; a slip with the batch, such as a missing 1/N, shows afterwards. In 5.2 and 5.3 every batch
# has a label that is no row of it, so that to pick a row by a label is an error.
ONE_IMAGE = np.array([[3.0, 0.75, 2]])
TWO_IMAGES = np.array([[2.0, 1, 3], [0, 2, 4]])


@exercise(
    "5.1",
    "a softmax for batches without overflow",
    inputs=[
        (TWO_IMAGES,),
        (np.array([[0.5, -2, 1, 3]]),),
        (np.array([[2, 0], [1, 3], [-1, 0]]),),
        (np.array([[1000.0, 0], [0, 3], [1000, 1001]]),),
        (np.array([[-1000.0, -1001, -1002], [2000, -5000, 0]]),),
        (np.array([[-5000.0, 0.5, 1], [0, 2, 1000], [1000, -1000, 0]]),),
    ],
    without=(softmax,),
    hints=[
        "Begin with `plain_softmax` of section 3. Which two of its steps must look at one row at a time?",
        "Before the exponential, subtract from each row its own largest score: that is the M = max z of this row.",
        "z.max(axis=1, keepdims=True) holds each row's largest score as a column. The sums work the same way.",
        "Three lines: z minus that column; the exponentials; the exponentials divided by the column of their sums.",
    ],
)
def stable_softmax(z):
    shifted = z - z.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def shifted(z):
    return z - z.max(axis=1, keepdims=True)


def divided_by_sums(exponentials, axis=1):
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


stable_softmax.add_slips(
    "overflow: Scores like 1000 overflow: np.exp(1000) is inf. "
    "Subtract from each row its largest score first (section 3).",
    lambda z: divided_by_sums(np.exp(z)),
    "sum_of_everything: All your numbers together add up to 1. "
    "Each row is one image and needs its own sum: axis=1, keepdims=True.",
    lambda z: divided_by_sums(np.exp(z - z.max()), axis=None),
    "without_keepdims: The maximum or the sum of the rows came out as a row of N numbers, "
    "which does not fit the columns: keepdims=True keeps it as a column.",
    lambda z: np.exp(z - z.max(axis=1)) / np.exp(z - z.max(axis=1)).sum(axis=1),
    "sum_without_keepdims: The sum of the rows came out as a row of N numbers, which does not fit the columns: "
    "keepdims=True keeps it as a column.",
    lambda z: np.exp(shifted(z)) / np.exp(shifted(z)).sum(axis=1),
    "first_score_subtracted: You subtract the first score of each row. Where it is far below another one, "
    "the exponential still overflows: subtract the largest.",
    lambda z: divided_by_sums(np.exp(z - z[:, :1])),
    "whole_numbers: Where z holds whole numbers, so does your result: zeros_like and copy make an array of the same "
    "kind. Probabilities are cut off; np.zeros(z.shape) makes room for decimals.",
    lambda z: softmax(z).astype(z.dtype),
    "maximum_of_the_batch: You subtract the largest score of the whole batch. "
    "A row far below it becomes 0/0: use each row's own largest.",
    lambda z: divided_by_sums(np.exp(z - z.max())),
    "sum_of_the_batch: Your exponentials are right, but you divide by their sum over the whole batch. "
    "Each row has its own: axis=1.",
    lambda z: divided_by_sums(np.exp(shifted(z)), axis=None),
    "columns_sum_to_1: Your columns add up to 1. A row holds the scores of one image, so its numbers compete: "
    "sum over axis=1.",
    lambda z: softmax(z, axis=0),
    "maximum_of_each_column: You take the largest score of each column. "
    "All scores of a row must lose the same number: the row's, with axis=1.",
    lambda z: divided_by_sums(np.exp(z - z.max(axis=0))),
    "pythons_max: Python's max(z) compares whole rows with each other. "
    "z.max(axis=1, keepdims=True) finds each row's largest score.",
    lambda z: divided_by_sums(np.exp(z - max(z))),
    "last_row_only: Each row replaces the one before, so only the last is left. "
    "Make room for all, np.zeros(z.shape), and fill row n.",
    lambda z: softmax(z[-1]),
    "running_sum: The first row is right, but your sum goes on into the next. Set it back to 0 for each row.",
    lambda z: np.exp(shifted(z)) / np.cumsum(np.exp(shifted(z)).sum(axis=1))[:, None],
    "not_divided: What you return are the exponentials. Divide each row by its sum, so that it adds up to 1.",
    lambda z: np.exp(shifted(z)),
    "shifted_above_only: Only one of the two exponentials is shifted. "
    "Use the same shifted scores above and below the line.",
    lambda z: np.exp(shifted(z)) / np.exp(z).sum(axis=1, keepdims=True),
    "shifted_after_exp: You subtract the largest score from the exponentials. "
    "Subtract it from the scores, before the exponential.",
    lambda z: divided_by_sums(np.exp(z) - z.max(axis=1, keepdims=True)),
    "maximum_added: You add the largest score, which overflows sooner. Subtract it: the largest exponent becomes 0.",
    lambda z: divided_by_sums(np.exp(z + z.max(axis=1, keepdims=True))),
    "shifted_the_other_way: You subtract the scores from the largest, "
    "and now the highest score gets the lowest probability. Subtract the largest from the scores.",
    lambda z: divided_by_sums(np.exp(-shifted(z))),
    "clipped: You cut scores off at a limit, so 1000 and 1001 count the same. "
    "Subtract each row's largest score instead.",
    lambda z: divided_by_sums(np.exp(np.clip(z, -500, 500))),
    "nan_replaced: Replacing nan hides the overflow: such a row does not add up to 1. "
    "Subtract its largest score, and no nan arises.",
    lambda z: np.nan_to_num(divided_by_sums(np.exp(z))),
)


@exercise(
    "5.2",
    "cross-entropy without the logarithm of 0",
    inputs=[
        (ONE_IMAGE, np.array([1])),
        (TWO_IMAGES, np.array([2, 1])),
        (np.array([[-1000.0, 0, 2], [0, 3, 1]]), np.array([2, 1])),
        (np.array([[1000.0, 0, 1], [0, 3, 1]]), np.array([0, 2])),
        (np.array([[3, 1, 0, 2], [1000, 0, 1, 0], [0, 1, 2, 2]]), np.array([2, 1, 3])),
        (np.array([[-0.5, -1.5, -3]]), np.array([2])),
        (np.array([[0.0, 1000]]), np.array([1])),
        (np.array([[-2001.5, 0.5, 1], [1000, 1000, 999]]), np.array([0, 2])),
        (np.array([[-1002.5, -1000, -1001], [2000, 0, 1]]), np.array([0, 2])),
    ],
    without=(cross_entropy,),
    hints=[
        "Take the last formula of section 4, L = M + ln Σ exp(z − M) − z_y, for one image first.",
        "For image n: its scores are z[n], M is z[n].max(), and the score of its right class is z[n, y[n]].",
        "A loop over n adds the losses up. Divide by their number at the end: len(z).",
    ],
)
def mean_loss(z, y):
    total = 0
    for n in range(len(z)):
        M = z[n].max()
        total += M + np.log(np.sum(np.exp(z[n] - M))) - z[n, y[n]]
    return total / len(z)


def losses_of(z, y):
    """Return the loss of each image."""
    return np.array([cross_entropy(scores, label) for scores, label in zip(z, y, strict=True)])


def right_scores(z, y):
    return z[np.arange(len(z)), y]


def one_hot(y, classes):
    return np.eye(classes)[y]


def loss_of_parts(in_front, exponents, right_scores):
    """Put the formula with M together."""
    return np.mean(in_front + np.log(np.exp(exponents).sum(axis=1)) - right_scores)


mean_loss.add_slips(
    "log_of_0: A probability so small that it is 0 has the logarithm −inf. "
    "Compute no p: take M + ln Σ exp(z − M) − z_y.",
    lambda z, y: np.mean(-np.log(right_scores(softmax(z), y))),
    "rows_picked_by_label: Is a label used as the number of a row? "
    "Label 2 names column 2: for image n take p[n, y[n]], or z[n, y[n]].",
    lambda z, y: np.mean(-np.log(softmax(z)[y])),
    "overflow: np.exp(1000) is inf, and the logarithm of inf is inf. "
    "Take the largest score M out: M + ln Σ exp(z − M) − z_y.",
    lambda z, y: loss_of_parts(0, z, right_scores(z, y)),
    "summed: You add the losses of the images up. Divide by their number N: the mean is asked for.",
    lambda z, y: np.sum(losses_of(z, y)),
    "mean_over_classes_too: You divide by the number of classes too, as np.mean does where one-hot has its zeros. "
    "Divide by N, the number of images.",
    lambda z, y: np.mean(losses_of(z, y)) / z.shape[1],
    "one_for_each_image: You return a loss for each image. One number is asked for: their mean.",
    lambda z, y: losses_of(z, y),
    "labels_columns_of_every_image: z[:, y] takes the labels' columns of every image, N · N numbers. "
    "Image n has its own label: z[n, y[n]].",
    lambda z, y: np.mean(np.logaddexp.reduce(z, axis=1)[:, None] - z[:, y]),
    "labels_columns_of_p: p[:, y] takes the labels' columns of every image, N · N probabilities. "
    "Image n has its own label, and its score is all you need: z[n, y[n]].",
    lambda z, y: np.mean(-np.log(softmax(z)[:, y])),
    "every_label_of_the_batch: In the loop, z[n, y] takes a score for every label of the batch. "
    "Image n has one label: z[n, y[n]].",
    lambda z, y: np.mean(np.logaddexp.reduce(z, axis=1)[:, None] - z[:, y], axis=0),
    "last_image_only: Only the last image is left, divided by N. Each loss must be added to those before: `+=`.",
    lambda z, y: losses_of(z, y)[-1] / len(z),
    "last_image: Only the last image is left: each loss replaces the one before. Add them up with `+=`, "
    "and divide by N.",
    lambda z, y: losses_of(z, y)[-1],
    "largest_probability: You take the largest probability, or the largest score, of each image. "
    "The loss asks for the right class, which may be another: y[n].",
    lambda z, y: loss_of_parts(0, shifted(z), 0),
    "labels_from_1: You subtract 1 from the labels. They count from 0, as columns do: label 2 is column 2.",
    lambda z, y: np.mean(losses_of(z, (y - 1) % z.shape[1])),
    "image_number_for_the_label: You take column n for image n. The column is that of its label: z[n, y[n]].",
    lambda z, y: np.mean(losses_of(z, np.arange(len(z)) % z.shape[1])),
    "right_score_added: The sign of z_y is wrong: the score of the right class is subtracted.",
    lambda z, y: loss_of_parts(z.max(axis=1), shifted(z), -right_scores(z, y)),
    "another_logarithm: Your logarithm has another base. ln is np.log; np.log10 and np.log2 are others.",
    lambda z, y: np.mean(z.max(axis=1) + np.log10(np.exp(shifted(z)).sum(axis=1)) - right_scores(z, y)),
    "m_missing_in_front: M is missing in front: what was subtracted in the exponents must be added again.",
    lambda z, y: loss_of_parts(0, shifted(z), right_scores(z, y)),
    "m_missing_in_the_exponents: Your loss is too large by M. "
    "M in front makes up for the − M in the exponents, and z_y stays as it is.",
    lambda z, y: loss_of_parts(z.max(axis=1), z, right_scores(z, y)),
    "without_the_right_score: The score of the right class is missing: subtract z_y, which is z[n, y[n]].",
    lambda z, y: loss_of_parts(z.max(axis=1), shifted(z), 0),
    "minus_the_label: You subtract the label itself. What is subtracted is the score of the right class: z[n, y[n]].",
    lambda z, y: loss_of_parts(z.max(axis=1), shifted(z), y),
    "without_the_logarithm: The logarithm is missing: of the sum of the exponentials the formula takes ln, "
    "which is np.log.",
    lambda z, y: np.mean(z.max(axis=1) + np.exp(shifted(z)).sum(axis=1) - right_scores(z, y)),
    "sum_of_logarithms: You take the logarithm of each exponential. "
    "Add the exponentials up first: it is the ln of a sum.",
    lambda z, y: np.mean(z.max(axis=1) + np.log(np.exp(shifted(z))).sum(axis=1) - right_scores(z, y)),
    "two_classes_only: You count the classes 0 and 1 only. "
    "A batch may have more: the sum runs over the whole row z[n].",
    lambda z, y: loss_of_parts(z[:, :2].max(axis=1), shifted(z[:, :2]), right_scores(z, y)),
    "one_sum_for_all: Your sum of exponentials runs over all images together. "
    "Every image has its own: sum over its row z[n].",
    lambda z, y: np.mean(z.max() + np.log(np.exp(z - z.max()).sum()) - right_scores(z, y)),
    "maximum_of_the_batch: M is the largest score of the whole batch. "
    "Scores far below it become 0, and ln 0 is −inf: use each image's own M.",
    lambda z, y: loss_of_parts(z.max(), z - z.max(), right_scores(z, y)),
    "zero_times_infinity: You multiply one-hot by ln p, and 0 · ln 0 is nan. "
    "Pick the right class's score, z[n, y[n]], and compute no p.",
    lambda z, y: -np.sum(one_hot(y, z.shape[1]) * np.log(softmax(z))) / len(z),
)

for digits in (8, 10, 12, 15):
    mean_loss.add_slips(
        f"tiny_number_1e_{digits}: With your 1e-{digits} no loss can exceed {digits * np.log(10):.1f}, "
        f"where 1000 is right. The formula with M in section 4 needs none.",
        lambda z, y, tiny=10.0**-digits: np.mean(-np.log(right_scores(softmax(z), y) + tiny)),
    )


@exercise(
    "5.3",
    "the gradient of the scores",
    inputs=[
        (ONE_IMAGE, np.array([2])),
        (np.array([[0.0, 2.5, -1, 1], [3, 1, 0, 2]]), np.array([3, 1])),
        (np.array([[1, 0, 2, 1], [0, 1, 0, 3], [9, 0, 1, 0]]), np.array([3, 1, 3])),
        (np.array([[0.5, 2, -1], [1, 0, 3.5]]), np.array([1, 0])),  # nobody has the last class
        (np.array([[800.0, 801, 799], [0, 2, 1]]), np.array([2, 0])),
    ],
    without=(cross_entropy_backward,),
    hints=[
        "Section 5 has the gradient for one image. The mean over N images gives each of them a share of 1/N.",
        "softmax(z) gives p for the whole batch. Write each label as a row with a 1 at the right class: one-hot.",
        "np.eye(classes)[y] is one-hot for the whole batch, N rows and as many columns as classes: z.shape[1].",
        "The answer is p minus one-hot, divided by N: three lines.",
    ],
)
def score_gradient(z, y):
    N, classes = z.shape
    p = softmax(z)
    one_hot = np.eye(classes)[y]
    return (p - one_hot) / N


@score_gradient.loss
def loss_of_the_scores(z, y):
    return lambda moved: cross_entropy(moved, y), z


def surplus(z, y):
    """Return p − y, not divided."""
    return softmax(z) - one_hot(y, z.shape[1])


def score_gradient_of_rows_picked_by_label(z, y):
    p = softmax(z)
    p[y] -= 1
    return p / len(z)


def score_gradient_of_whole_columns(z, y):
    p = softmax(z)
    p[:, y] -= 1
    return p / len(z)


score_gradient.add_slips(
    "overflow: Scores like 800 overflow: np.exp(800) is inf. Subtract from each row its largest score first, "
    "as in exercise 5.1, or use the package's softmax.",
    lambda z, y: (divided_by_sums(np.exp(z)) - one_hot(y, z.shape[1])) / len(z),
    "not_divided: You do not divide by N. The loss is a mean over the batch, so each image has a share of 1/N.",
    lambda z, y: surplus(z, y),
    "over_all_numbers: You divide by the number of all scores, as z.size counts them. "
    "The loss is a mean over N images: divide by N, the number of rows.",
    lambda z, y: surplus(z, y) / z.size,
    "two_classes_only: np.eye(2) knows two classes only, and has no row for label 2. "
    "Make it as large as the number of classes: z.shape[1].",
    lambda z, y: (softmax(z) - np.eye(2)[y]) / len(z),
    "minus_the_label: You subtract the label as a number. "
    "It says which entry of a row loses 1: make it one-hot, np.eye(z.shape[1])[y].",
    lambda z, y: (softmax(z) - y[:, None]) / len(z),
    "rows_picked_by_label: np.eye, if you use it, needs the number of classes, z.shape[1]. "
    "Or is a label used as the number of a row of p? Label 2 names column 2: for image n the entry is p[n, y[n]].",
    score_gradient_of_rows_picked_by_label,
    "whole_columns: In every row the columns of all labels lose 1, as p[:, y] and p[n, y] do it. "
    "Image n has one label: p[n, y[n]].",
    score_gradient_of_whole_columns,
    "labels_from_1: You subtract 1 from the labels. They count from 0, as columns do: label 2 is column 2.",
    lambda z, y: surplus(z, y - 1) / len(z),
    "image_number_for_the_label: You subtract 1 in column n for image n. The column is that of its label: p[n, y[n]].",
    lambda z, y: surplus(z, np.arange(len(z))) / len(z),
    "one_from_every_class: You subtract 1 in every column. Only that of the right class loses 1: p[n, y[n]].",
    lambda z, y: (softmax(z) - 1) / len(z),
    "right_class_only: Only the right class gets a gradient. "
    "A score changes all probabilities: the wrong classes get p, see “It is not p(1 − p)”.",
    lambda z, y: surplus(z, y) * one_hot(y, z.shape[1]) / len(z),
    "p_times_1_minus_p: You return p(1 − p), the derivative of each probability by its own score. "
    "What is asked for is that of the loss.",
    lambda z, y: softmax(z) * (1 - softmax(z)) / len(z),
    "times_p_times_1_minus_p: You multiply p − y by p(1 − p). "
    "For softmax with cross-entropy that factor has cancelled: section 5 ends at p − y.",
    lambda z, y: surplus(z, y) * softmax(z) * (1 - softmax(z)) / len(z),
    "gradient_of_p: You return −1/p at the right class. That is ∂L/∂p, the first half; carry it through softmax, "
    "and p − y is left.",
    lambda z, y: np.where(one_hot(y, z.shape[1]), -1 / softmax(z), 0) / len(z),
    "labels_not_subtracted: No 1 is subtracted here, and your result is p. "
    "In row n, the column of the right class, y[n], loses 1.",
    lambda z, y: softmax(z) / len(z),
    "one_minus_p: At the right class your sign is turned. It is p − 1 there: what was said minus what is right.",
    lambda z, y: np.abs(surplus(z, y)) / len(z),
    "one_hot_from_scores: You subtract one-hot from the scores. Subtract it from the probabilities: p = softmax(z).",
    lambda z, y: (z - one_hot(y, z.shape[1])) / len(z),
    "softmax_over_everything: All numbers of your p together add up to 1. "
    "Each row is one image and needs its own softmax.",
    lambda z, y: (divided_by_sums(np.exp(z - z.max()), axis=None) - one_hot(y, z.shape[1])) / len(z),
    "one_row: You return one row for the whole batch. Each image has scores of its own: return N rows.",
    lambda z, y: surplus(z, y).mean(axis=0),
    "one_hot_divided_only: You divide one-hot by N, but not p. Put brackets around the difference: (p − one_hot) / N.",
    lambda z, y: softmax(z) - one_hot(y, z.shape[1]) / len(z),
    "p_divided_only: You divide p by N before 1 is subtracted. Subtract first, and divide the difference.",
    lambda z, y: softmax(z) / len(z) - one_hot(y, z.shape[1]),
)


@exercise(
    "5.4",
    "a bug hunt in the pool's backward",
    inputs=[
        (
            np.array([[6.0, 2], [7, 5]]),
            np.array([[1.0, 3, 0, 0], [3, 3, 0, 0], [2, 4, 1, 5], [1, 0, 5, 2]]),
            2,
        ),
        (np.array([[1.0], [-4]]), np.array([[1.0, 5, 0], [2, 0, 7], [6, 3, 1], [2, 4, 8], [9, 9, 9]]), 2),
        (
            np.array([[0.5, -2, 1]]),
            np.array([[1, 0, 2, 4, 4, 0, 3, 1, 0, 9], [2, 8, 1, 0, 4, 1, 2, 6, 1, 0], [0, 3, 5, 1, 2, 0, 1, 5, 6, 8]]),
            3,
        ),
        (
            np.array([[1.0, 2], [3, 4]]),
            np.array(
                [
                    [0.0, 1, 2, 0, 5, 1, 8],
                    [3, 4, 1, 2, 0, 3, 0],
                    [2, 0, 6, 1, 4, 2, 5],
                    [1, 2, 0, 1, 3, 7, 1],
                    [5, 3, 2, 1, 0, 2, 6],
                    [0, 1, 8, 6, 2, 1, 3],
                    [9, 7, 8, 2, 4, 6, 1],
                    [8, 3, 0, 9, 1, 5, 2],
                ]
            ),
            3,
        ),
        (
            np.array([[1.5, -2, 1], [3, 0.015625, 6], [2, 4, -1]]),
            np.array(
                [
                    [-3, -1.5, -2, -4, -9, -7],
                    [-1.25, -4, -2, -1, -8, -8],
                    [-5, -5, -7, -8, -2, -1],
                    [-6, -5, -3, -8, -4, -3],
                    [-2, -1.25, -5.25, -5.75, -3.75, -3.5],
                    [-1, -3, -7, -9, -3.25, -5],
                ]
            ),
            2,
        ),
        (np.array([[1.5], [-2], [3]]), np.array([[1], [0], [2]]), 1),
        (np.array([[4.0]]), np.array([[-5000, -3000], [-4000, -2500.5]]), 2),
    ],
    without=(max_pool2d_backward,),
    hints=[
        "Two things are wrong. First take the block [[1, 3], [3, 3]] and the gradient 6: how much is sent back?",
        "block == block.max() is True at every maximum. block.argmax() finds the first, as a place counted row by row; "
        "np.unravel_index(block.argmax(), block.shape) makes a row and a column within the block of it.",
        "There are as many blocks as dP has numbers. Let i and j run over the rows and columns of dP: dP.shape.",
        "Block (i, j) begins at row size * i, column size * j. Add the place within the block: dP[i, j] goes there.",
    ],
)
def pool_gradient(dP, R, size):
    dR = np.zeros(R.shape)
    rows, columns = dP.shape
    for i in range(rows):
        for j in range(columns):
            block = R[size * i : size * i + size, size * j : size * j + size]
            m, n = np.unravel_index(block.argmax(), block.shape)
            dR[size * i + m, size * j + n] = dP[i, j]
    return dR


@pool_gradient.bug_hunt
def pool_gradient_as_found(dP, R, size):
    height, width = R.shape
    dR = np.zeros((height, width))
    for top in range(0, height, size):
        for left in range(0, width, size):
            bottom, right = top + size, left + size
            block = R[top:bottom, left:right]
            largest = block == block.max()
            share = dP[top // size, left // size]
            dR[top:bottom, left:right] = share * largest
    return dR


@pool_gradient.loss
def pooled_with_weights(dP, R, size):
    P = max_pool2d(R, size)
    covered = R[: size * P.shape[0], : size * P.shape[1]]
    tied = np.sum(covered == np.kron(P, np.ones((size, size)))) > P.size
    return None if tied else (lambda moved: np.sum(dP * max_pool2d(moved, size)), R)


def by_block(rule):
    """Make a slip that lays into each block what `rule` makes of its gradient and its cells."""

    def answer(dP, R, size):
        dR = np.zeros(R.shape)
        for i, j in np.ndindex(dP.shape):
            place = np.s_[size * i : size * i + size, size * j : size * j + size]
            dR[place] = rule(dP[i, j], R[place])
        return dR

    return answer


def back_in_loops(shape, dP, R, size):
    """Begin blocks up to a height and a width, as the code as found does, but with the rule for ties right."""
    dR = np.zeros(R.shape)
    for top in range(0, shape[0], size):
        for left in range(0, shape[1], size):
            m, n = first_maximum(R[top : top + size, left : left + size])
            dR[top + m, left + n] = dP[top // size, left // size]
    return dR


def first_maximum(block):
    return np.unravel_index(block.argmax(), block.shape)


def to_one_cell(share, block, place):
    result = np.zeros(block.shape)
    result[place] = share
    return result


def pool_gradient_that_unpacks_argmax(dP, R, size):
    m, n = R.argmax()
    return m, n


def pool_gradient_without_offset(dP, R, size):
    dR = np.zeros(R.shape)
    for i, j in np.ndindex(dP.shape):
        dR[first_maximum(R[size * i : size * i + size, size * j : size * j + size])] = dP[i, j]
    return dR


def pool_gradient_of_places_counted_by_2(dP, R, size):
    dR = np.zeros(R.shape)
    for i, j in np.ndindex(dP.shape):
        place = R[size * i : size * i + size, size * j : size * j + size].argmax()
        dR[size * i + place // 2, size * j + place % 2] = dP[i, j]
    return dR


def pool_gradient_of_overlapping_blocks(dP, R, size):
    dR = np.zeros(R.shape)
    for i, j in np.ndindex(dP.shape):
        m, n = first_maximum(R[i : i + size, j : j + size])
        dR[i + m, j + n] = dP[i, j]
    return dR


def pool_gradient_of_2x2_blocks(dP, R, size):
    rows, columns = dP.shape
    dR = np.zeros(R.shape)
    dR[: 2 * rows, : 2 * columns] = max_pool2d_backward(dP, R[: 2 * rows, : 2 * columns])
    return dR


# What is wrong with ties shows at the first input, where the sizes do no harm: these sentences fit whether or not the
# IndexError is still there.
pool_gradient.add_slips(
    "every_maximum: Every tied maximum gets the whole gradient: from the block [[1, 3], [3, 3]] and 6, "
    "three times 6 goes back. Only the first maximum may get it.",
    by_block(lambda share, block: share * (block == block.max())),
    "index_error: Ties are right now. What is left is the IndexError: 5 rows hold two blocks of 2, "
    "but your loop begins a third. dP says how many there are.",
    lambda dP, R, size: back_in_loops(R.shape, dP, R, size),
    "cells_equal_to_the_place: block.argmax() is a place, and you compare the cells' values with it. "
    "np.unravel_index makes row and column of it.",
    by_block(lambda share, block: share * (block == block.argmax())),
    "whole_row: argmax counts cells, but one index picks a whole row. "
    "np.unravel_index(…, block.shape) gives row and column.",
    by_block(lambda share, block: to_one_cell(share, block, block.argmax())),
    "argmax_unpacked: argmax gives one number: the place, counted row by row. "
    "np.unravel_index(…, block.shape) makes a row and a column of it.",
    pool_gradient_that_unpacks_argmax,
    "place_in_the_block: You write to the place within the block, (m, n), without the block's own: "
    "add where the block begins.",
    pool_gradient_without_offset,
    "overlapping_blocks: Your blocks begin at row i and column j. "
    "i and j count blocks: they begin at size * i and size * j.",
    pool_gradient_of_overlapping_blocks,
    "shared_among_ties: You share the gradient among the tied maxima. "
    "The sum is right, and it can be defended, but the rule asked for is another: all to the first.",
    by_block(lambda share, block: share * (block == block.max()) / np.sum(block == block.max())),
    "last_maximum: The last of several maxima gets the gradient. "
    "It is the first: argmax finds it, and so does `>` instead of `>=`.",
    by_block(lambda share, block: to_one_cell(share, block, tuple(np.argwhere(block == block.max())[-1]))),
    "first_in_each_row: `break` leaves the inner loop only, so the first maximum of each row gets the gradient. "
    "One cell of a block may.",
    by_block(lambda share, block: share * ((top := block == block.max()) & (np.cumsum(top, axis=1) == 1))),
    "zero_blocks_skipped: A block without a positive number gets nothing, as if the search began at 0. "
    "Its first maximum gets the gradient; to block it there is ReLU's task.",
    by_block(lambda share, block: to_one_cell(share, block, first_maximum(block)) * (block.max() > 0)),
    "search_from_0: In a block of negative numbers the first cell wins, as if the search for the "
    "largest began at 0. Begin with the block's own first cell, or use argmax.",
    by_block(lambda share, block: to_one_cell(share, block, first_maximum(np.maximum(0, block)))),
    "remainder_filled: The rows and columns left over at the edge got a gradient. "
    "The pool dropped them, so theirs is 0.",
    lambda dP, R, size: back_in_loops(R.shape, np.pad(dP, (0, 1), mode="edge"), R, size),
    "last_blocks_left_out: The last blocks get nothing: your loop ends too early. "
    "range(0, n − size, size) omits a block that just fits.",
    lambda dP, R, size: back_in_loops((R.shape[0] - size, R.shape[1] - size), dP, R, size),
    "one_row_less: height − 1 mends the loop for blocks of 2 only. "
    "With blocks of 3 up to two rows are left over: the loops can run over dP instead.",
    lambda dP, R, size: back_in_loops((R.shape[0] - 1, R.shape[1] - 1), dP, R, size),
    "cropped: Your result has lost the rows and columns that are left over. It must have the shape of R, with 0 there.",
    lambda dP, R, size: max_pool2d_backward(dP, R, size)[: size * dP.shape[0], : size * dP.shape[1]],
    "blocks_of_2x2: Your blocks are 2×2 whatever the size. Use `size` everywhere, in the place within the block too.",
    pool_gradient_of_2x2_blocks,
    "unravelled_by_2: The place within a block is counted for 2×2 blocks: pass block.shape to np.unravel_index, "
    "not (2, 2).",
    by_block(lambda share, block: to_one_cell(share, block, np.unravel_index(block.argmax(), (2, 2)))),
    "place_counted_by_2: The place within a block is counted for 2×2 blocks, as // 2 and % 2 do it. "
    "Rows have `size` cells: // size gives the row, % size the column.",
    pool_gradient_of_places_counted_by_2,
    "row_and_column_exchanged: Row and column within the block are exchanged. "
    "np.unravel_index and divmod give the row first.",
    by_block(lambda share, block: to_one_cell(share, block, first_maximum(block)[::-1])),
)


@exercise(
    "5.5",
    "one training step of the dense layer",
    inputs=[
        (
            np.array([[1.0, 2]]),
            np.array([1]),
            np.array([[1.0, 0], [0, 1], [-1, 0]]),
            np.array([1.0, 0, 0]),
            0.1,
        ),
        (
            np.array([[1.0, 0, -2, 1], [0, 1.5, 1, 3]]),
            np.array([2, 0]),
            np.array([[0.5, 1, 0, 1], [1, 0, -1, 0], [0, 0, 1, 0]]),
            np.array([0.5, 0, -1]),
            0.5,
        ),
        (
            np.array([[2, 1], [0, 1], [1, 3]]),
            np.array([1, 3, 1]),
            np.array([[1, 0], [0, 1], [-1, 1], [0, 0]]),
            np.array([0, 1, 0, 1]),
            2,
        ),
        (
            np.array([[0.5, 2], [-1, 1]]),
            np.array([2, 0]),
            np.array([[1.0, 0], [0, 1], [-2, 0.5]]),
            np.array([800.0, 801, 799]),
            0.25,
        ),
    ],
    hints=[
        "In this order: scores and probabilities, the gradient of the scores, those of W and d, and last the update.",
        "The gradient of the scores is that of exercise 5.3: p minus one-hot, divided by N. It has N rows.",
        "Section 6 has dW and dd for one image: np.outer(dz, f) and dz. Add them up over the images; dz holds the 1/N.",
        "Return two new arrays, with a comma between them: W − eta * dW, d − eta * dd.",
    ],
)
def training_step(f, y, W, d, eta):
    N, classes = len(f), len(d)
    p = softmax(linear(f, W, d))
    dz = (p - np.eye(classes)[y]) / N
    dW, dd = np.zeros(W.shape), np.zeros(d.shape)
    for n in range(N):
        dW += np.outer(dz[n], f[n])
        dd += dz[n]
    return W - eta * dW, d - eta * dd


def gradient_of_scores(f, y, W, d):
    return surplus(linear(f, W, d), y) / len(f)


def step(dz, f, W, d, eta):
    return W - eta * dz.T @ f, d - eta * dz.sum(axis=0)


def by_gradient(answer):
    """Make a slip of what is done with the right gradient of the scores."""
    return lambda f, y, W, d, eta: answer(gradient_of_scores(f, y, W, d), f, W, d, eta)


def training_step_of_whole_columns(f, y, W, d, eta):
    p = softmax(linear(f, W, d))
    p[:, y] -= 1
    return step(p / len(f), f, W, d, eta)


def training_step_with_a_factor_too_many(f, y, W, d, eta):
    p = softmax(linear(f, W, d))
    return step(gradient_of_scores(f, y, W, d) * p * (1 - p), f, W, d, eta)


def steps_of_single_images(f, y, W, d, eta):
    for n in range(len(f)):
        one = slice(n, n + 1)
        W, d = step(gradient_of_scores(f[one], y[one], W, d), f[one], W, d, eta)
    return W, d


def training_step_one_after_the_other(f, y, W, d, eta):
    moved, _ = step(gradient_of_scores(f, y, W, d), f, W, d, eta)
    return moved, d - eta * gradient_of_scores(f, y, moved, d).sum(axis=0)


training_step.add_slips(
    "overflow: Scores like 800 overflow: np.exp(800) is inf. Subtract from each row its largest score first, "
    "as in exercise 5.1, or use the package's softmax.",
    lambda f, y, W, d, eta: step(
        (divided_by_sums(np.exp(linear(f, W, d))) - one_hot(y, len(d))) / len(f), f, W, d, eta
    ),
    "summed: You add the images' gradients up. The loss is their mean: divide p minus one-hot by N, "
    "the number of images.",
    lambda f, y, W, d, eta: step(surplus(linear(f, W, d), y), f, W, d, eta),
    "bias_for_each_image: The bias steps by dz as it is, a row for each image. "
    "Add its rows up: dz.sum(axis=0), or += in the loop.",
    by_gradient(lambda dz, f, W, d, eta: (W - eta * dz.T @ f, d - eta * dz)),
    "two_classes_only: p and one-hot have different shapes. np.eye(2) knows two classes only: "
    "make it as large as the number of classes, len(d).",
    lambda f, y, W, d, eta: step((softmax(linear(f, W, d)) - np.eye(2)[y]) / len(f), f, W, d, eta),
    "minus_the_label: You subtract the label as a number. "
    "It says which class is right: make it one-hot before subtracting.",
    lambda f, y, W, d, eta: step((softmax(linear(f, W, d)) - y[:, None]) / len(f), f, W, d, eta),
    "whole_columns: You subtract 1 in the columns of all labels, in every row. "
    "Image n has its own right class: use one-hot rows.",
    training_step_of_whole_columns,
    "uphill: You step uphill: the gradient points to where the loss grows. Subtract eta times the gradient.",
    by_gradient(lambda dz, f, W, d, eta: step(-dz, f, W, d, eta)),
    "weights_turned: Shapes do not fit. dW has the shape of W, a row for each class and a column for each feature: "
    "is yours transposed?",
    by_gradient(lambda dz, f, W, d, eta: (W - eta * f.T @ dz, d - eta * dz.sum(axis=0))),
    "outer_product_of_the_batch: One image goes well, two do not fit. "
    "np.outer and dz.T * f are for one image: add up np.outer(dz[n], f[n]) over the images.",
    by_gradient(lambda dz, f, W, d, eta: (W - eta * np.outer(dz, f), d - eta * dz.sum(axis=0))),
    "bias_not_moved: The bias has not moved. Its gradient is the sum of dz over the images, axis=0, "
    "one number for each class; over the classes, dz adds up to 0.",
    by_gradient(lambda dz, f, W, d, eta: (W - eta * dz.T @ f, d)),
    "without_the_rate: The learning rate eta is missing: multiply both gradients by it.",
    by_gradient(lambda dz, f, W, d, eta: step(dz, f, W, d, 1)),
    "labels_from_1: You subtract 1 from the labels. They count from 0, as classes do.",
    lambda f, y, W, d, eta: step(gradient_of_scores(f, y - 1, W, d), f, W, d, eta),
    "times_p_times_1_minus_p: You multiply p − y by p(1 − p). "
    "For softmax with cross-entropy that factor has cancelled: section 5 ends at p − y.",
    training_step_with_a_factor_too_many,
    "rows_picked_by_label: np.eye, if you use it, needs the number of classes, len(d). "
    "Or is a label used as the number of a row of p? For image n the entry is p[n, y[n]].",
    lambda f, y, W, d, eta: f[y],
    "gradients_alone: You return the gradients. Subtract eta times each of them from W and d, and return those.",
    by_gradient(lambda dz, f, W, d, eta: (dz.T @ f, dz.sum(axis=0))),
    "steps_alone: You return the steps alone. Subtract them from W and d, and return those.",
    by_gradient(lambda dz, f, W, d, eta: (eta * dz.T @ f, eta * dz.sum(axis=0))),
    "last_image_only: Only the last image counts: each gradient replaces the one before. Add them up with `+=`.",
    by_gradient(lambda dz, f, W, d, eta: step(dz[-1:], f[-1:], W, d, eta)),
    "step_after_each_image: You step after every image, so the later ones see weights that have moved. "
    "One step for the batch: add all gradients up first.",
    lambda f, y, W, d, eta: steps_of_single_images(f, y, W, d, eta / len(f)),
    "bias_after_the_weights: The bias steps by a gradient computed after the weights had moved. "
    "Compute both gradients before any step.",
    training_step_one_after_the_other,
    "divided_twice: You divide by N twice: once in dz, and once more in the gradients of W and d. Once is enough.",
    by_gradient(lambda dz, f, W, d, eta: step(dz / len(f), f, W, d, eta)),
    "bias_divided_twice: The weights are right. But the step of d is divided by N twice: "
    "dz has the 1/N already, so add its rows up.",
    by_gradient(lambda dz, f, W, d, eta: (W - eta * dz.T @ f, d - eta * dz.mean(axis=0))),
    "without_softmax: You subtract one-hot from the scores. Softmax is missing between scores and gradient.",
    lambda f, y, W, d, eta: step((linear(f, W, d) - one_hot(y, len(d))) / len(f), f, W, d, eta),
    "scores_without_bias: Your scores leave out the bias d: z = W f + d.",
    lambda f, y, W, d, eta: step(gradient_of_scores(f, y, W, 0 * d), f, W, d, eta),
)
