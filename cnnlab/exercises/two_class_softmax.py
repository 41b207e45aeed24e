"""Exercises of notebook 5: two filters, a pool, a dense layer and softmax."""

import numpy as np

from cnnlab.activations import softmax
from cnnlab.exercises.checker import exercise
from cnnlab.linear import linear
from cnnlab.losses import cross_entropy
from cnnlab.pooling import max_pool2d, max_pool2d_backward

# A row is an image, a column a class. The highest score is right in the first row, and wrong in the second.
SCORES = np.array([[2.0, 1, 3], [1, 0, 4]])
LABELS = np.array([2, 0])


@exercise(
    "5.1",
    "a softmax for batches that does not overflow",
    inputs=[
        (SCORES,),
        (np.array([[0.5, -2, 1, 3]]),),
        (np.array([[1000.0, 0], [0, 3], [1000, 1001], [-1000, -1001], [2000, -5000]]),),
    ],
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


@stable_softmax.slip(
    "Scores like 1000 overflow: np.exp(1000) is inf. Subtract from each row its largest score first (section 3)."
)
def stable_softmax_that_overflows(z):
    exponentials = np.exp(z)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "All your numbers together add up to 1. Each row is one image and needs its own sum: axis=1, keepdims=True."
)
def stable_softmax_over_everything(z):
    exponentials = np.exp(z - z.max())
    return exponentials / exponentials.sum()


@stable_softmax.slip(
    "Your columns add up to 1. A row holds the scores of one image, so its numbers compete: sum over axis=1."
)
def stable_softmax_over_axis_0(z):
    return softmax(z, axis=0)


@stable_softmax.slip(
    "You take the largest score of each column. All scores of a row must lose the same number: the row's, with axis=1."
)
def stable_softmax_with_the_columns_maximum(z):
    exponentials = np.exp(z - z.max(axis=0))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "You subtract the largest score of the whole batch. A row far below it becomes 0/0: use each row's own largest."
)
def stable_softmax_with_the_batchs_maximum(z):
    exponentials = np.exp(z - z.max())
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "You subtract the mean of each row. A score far above the mean still overflows: subtract the largest."
)
def stable_softmax_with_the_mean(z):
    exponentials = np.exp(z - z.mean(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "You subtract the smallest score of each row, so the largest still overflows. Subtract the largest."
)
def stable_softmax_with_the_minimum(z):
    exponentials = np.exp(z - z.min(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "You subtract 1000 whatever the scores. Small ones become 0/0, and larger ones still overflow: use each row's max."
)
def stable_softmax_with_a_fixed_number(z):
    exponentials = np.exp(z - 1000)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip("You add the largest score, which overflows sooner. Subtract it: the largest exponent becomes 0.")
def stable_softmax_that_adds_the_maximum(z):
    exponentials = np.exp(z + z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "You divide the scores by the largest. Only adding or subtracting the same number leaves softmax as it is."
)
def stable_softmax_that_divides_by_the_maximum(z):
    exponentials = np.exp(z / z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "You cut scores off at a limit, so 1000 and 1001 count the same. Subtract each row's largest score instead."
)
def stable_softmax_that_clips(z):
    exponentials = np.exp(np.clip(z, -500, 500))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "Replacing nan hides the overflow: such a row does not add up to 1. Subtract its largest score, and no nan arises."
)
def stable_softmax_with_nan_replaced(z):
    exponentials = np.exp(z)
    return np.nan_to_num(exponentials / exponentials.sum(axis=1, keepdims=True))


@stable_softmax.slip("You divide by the sum of the scores. Divide by the sum of the exponentials.")
def stable_softmax_by_the_sum_of_scores(z):
    return np.exp(z - z.max(axis=1, keepdims=True)) / z.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "You divide exp(z) by the sum of z. The same exponentials stand above and below the line: sum those."
)
def stable_softmax_of_plain_exponentials_by_the_sum_of_scores(z):
    return np.exp(z) / z.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "Only one of the two exponentials is shifted. Use the same shifted scores above and below the line."
)
def stable_softmax_shifted_above_only(z):
    return np.exp(z - z.max(axis=1, keepdims=True)) / np.exp(z).sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "Your exponentials are right, but you divide by their sum over the whole batch. Each row has its own: axis=1."
)
def stable_softmax_by_the_batchs_sum(z):
    exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum()


@stable_softmax.slip("The first row is right, but your sum goes on into the next. Set it back to 0 for each row.")
def stable_softmax_by_a_running_sum(z):
    exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    return exponentials / np.cumsum(exponentials.sum(axis=1))[:, None]


@stable_softmax.slip("You return the exponentials. Divide each row by its sum, so that it adds up to 1.")
def stable_softmax_not_divided(z):
    return np.exp(z - z.max(axis=1, keepdims=True))


@stable_softmax.slip(
    "You take the sigmoid of each score by itself, so a row need not add up to 1. Softmax divides by the row's sum."
)
def stable_softmax_as_sigmoids(z):
    return 1 / (1 + np.exp(-z))


@stable_softmax.slip(
    "The maximum or the sum of the rows came out as a row of N numbers, which does not fit the columns: "
    "keepdims=True keeps it as a column."
)
def stable_softmax_without_keepdims(z):
    exponentials = np.exp(z - z.max(axis=1))
    return exponentials / exponentials.sum(axis=1)


@stable_softmax.slip(
    "You give the largest score 1 and the others 0. That is the decision; softmax also says how sure it is."
)
def stable_softmax_as_argmax(z):
    return np.eye(z.shape[1])[z.argmax(axis=1)]


@stable_softmax.slip("You return the logarithms of the probabilities. Leave the logarithm to the loss.")
def stable_softmax_with_logarithm(z):
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@stable_softmax.slip(
    "The probabilities are right, but you write into z, which is the caller's. Give the shifted scores their own name."
)
def stable_softmax_in_place(z):
    z -= z.max(axis=1, keepdims=True)
    exponentials = np.exp(z)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "Each row replaces the one before, so only the last is left. Make room for all, np.zeros(z.shape), and fill row n."
)
def stable_softmax_of_the_last_row(z):
    return softmax(z[-1])


@stable_softmax.slip(
    "Python's max(z) compares whole rows with each other. z.max(axis=1, keepdims=True) finds each row's largest score."
)
def stable_softmax_with_pythons_max(z):
    exponentials = np.exp(z - max(z))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "You cut off large scores: 1000 and 1001 then count the same, and −1000 still gives 0/0. Subtract each row's max."
)
def stable_softmax_that_cuts_off(z):
    exponentials = np.exp(np.minimum(z, 700))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@stable_softmax.slip(
    "You return the probabilities of the first row only. A `return` inside the loop ends it: collect all rows first."
)
def stable_softmax_of_the_first_row(z):
    return softmax(z[0])


@exercise(
    "5.2",
    "cross-entropy without the logarithm of 0",
    inputs=[
        (SCORES, LABELS),
        (np.array([[-1000.0, 0], [0, 3], [2, 1]]), np.array([1, 1, 1])),
        (np.array([[1000.0, 0], [0, 3], [1, 1]]), np.array([0, 1, 0])),
        (np.array([[1000.0, 0], [3, 1], [-1000, 0], [0, 0]]), np.array([1, 0, 0, 1])),
    ],
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


def right_class_of(y, classes):
    return np.eye(classes)[y]


@mean_loss.slip(
    "A probability so small that it is 0 has the logarithm −inf. Compute no p: take M + ln Σ exp(z − M) − z_y."
)
def mean_loss_with_log_of_0(z, y):
    return np.mean(-np.log(softmax(z)[np.arange(len(z)), y]))


@mean_loss.slip(
    "np.exp(1000) is inf, and the logarithm of inf is inf. Take the largest score M out: M + ln Σ exp(z − M) − z_y."
)
def mean_loss_that_overflows(z, y):
    return np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), y])


@mean_loss.slip("For a score of 1000 your p is inf/inf = nan. Do not compute p at all: take M + ln Σ exp(z − M) − z_y.")
def mean_loss_of_inf_over_inf(z, y):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return np.mean(-np.log(p[np.arange(len(z)), y]))


@mean_loss.slip(
    "You multiply one-hot by ln p, and 0 · ln 0 is nan. Pick the right class's score, z[n, y[n]], and compute no p."
)
def mean_loss_of_0_times_inf(z, y):
    return -np.sum(right_class_of(y, z.shape[1]) * np.log(softmax(z))) / len(z)


@mean_loss.slip(
    "With your 1e-12 no loss can exceed 27.6, where 1000 is right. The formula with M in section 4 needs none."
)
def mean_loss_with_1e_12(z, y):
    return np.mean(-np.log(softmax(z)[np.arange(len(z)), y] + 1e-12))


@mean_loss.slip(
    "With your 1e-15 no loss can exceed 34.5, where 1000 is right. The formula with M in section 4 needs none."
)
def mean_loss_with_1e_15(z, y):
    return np.mean(-np.log(softmax(z)[np.arange(len(z)), y] + 1e-15))


@mean_loss.slip(
    "With your 1e-9 no loss can exceed 20.7, where 1000 is right. The formula with M in section 4 needs none."
)
def mean_loss_with_1e_9(z, y):
    return np.mean(-np.log(softmax(z)[np.arange(len(z)), y] + 1e-9))


@mean_loss.slip(
    "With your 1e-10 no loss can exceed 23.0, where 1000 is right. The formula with M in section 4 needs none."
)
def mean_loss_with_1e_10(z, y):
    return np.mean(-np.log(softmax(z)[np.arange(len(z)), y] + 1e-10))


@mean_loss.slip(
    "With your 1e-8 no loss can exceed 18.4, where 1000 is right. The formula with M in section 4 needs none."
)
def mean_loss_with_1e_8(z, y):
    return np.mean(-np.log(softmax(z)[np.arange(len(z)), y] + 1e-8))


@mean_loss.slip(
    "A row of N numbers, the labels or the largest scores, does not fit N rows of classes. "
    "Go image by image: z[n] and y[n]."
)
def mean_loss_of_shapes_that_do_not_fit(z, y):
    return -np.mean(y * np.log(softmax(z)))


@mean_loss.slip(
    "p[y] takes whole rows, as if label 2 meant image 2. A label picks a column: p[n, y[n]], or z[n, y[n]]."
)
def mean_loss_of_rows_picked_by_label(z, y):
    return np.mean(-np.log(softmax(z)[y]))


@mean_loss.slip(
    "p[y] takes whole rows, as if label 2 meant image 2, and it is one number that is asked for. Begin with p[n, y[n]]."
)
def mean_loss_of_rows_picked_by_label_without_mean(z, y):
    return -np.log(softmax(z)[y])


@mean_loss.slip(
    "With your 1e-6 no loss can exceed 13.8, and all are a little off. The formula with M in section 4 needs none."
)
def mean_loss_with_1e_6(z, y):
    return np.mean(-np.log(softmax(z)[np.arange(len(z)), y] + 1e-6))


@mean_loss.slip(
    "With your 1e-7 no loss can exceed 16.1, where 1000 is right. The formula with M in section 4 needs none."
)
def mean_loss_with_1e_7(z, y):
    return np.mean(-np.log(softmax(z)[np.arange(len(z)), y] + 1e-7))


@mean_loss.slip("You add the losses of the images up. Divide by their number N: the mean is asked for.")
def mean_loss_summed(z, y):
    return np.sum(losses_of(z, y))


@mean_loss.slip("You divide by 2 whatever the batch. N is the number of images: len(z).")
def mean_loss_over_2(z, y):
    return np.sum(losses_of(z, y)) / 2


@mean_loss.slip("You divide by the number of classes. Divide by the number of images: len(z).")
def mean_loss_over_classes(z, y):
    return np.sum(losses_of(z, y)) / z.shape[1]


@mean_loss.slip(
    "You take the mean over all N · classes numbers, and most of them are 0. Each image has one loss: divide by N."
)
def mean_loss_over_all_entries(z, y):
    return np.sum(losses_of(z, y)) / z.size


@mean_loss.slip("You return a loss for each image. One number is asked for: their mean.")
def mean_loss_by_image(z, y):
    return losses_of(z, y)


@mean_loss.slip("You return the loss of the first image. A `return` inside the loop ends it: move it behind.")
def mean_loss_of_the_first_image(z, y):
    return losses_of(z, y)[0]


@mean_loss.slip("Only the last image is left, divided by N. Each loss must be added to those before: `+=`.")
def mean_loss_of_the_last_image(z, y):
    return losses_of(z, y)[-1] / len(z)


@mean_loss.slip(
    "Your loss is negative: the minus of −ln p is missing. In the formula with M, the score z_y is what is subtracted."
)
def mean_loss_with_the_wrong_sign(z, y):
    return -np.mean(losses_of(z, y))


@mean_loss.slip("You take the logarithm to base 10. The loss uses the natural one: np.log.")
def mean_loss_with_log10(z, y):
    return np.mean(losses_of(z, y)) / np.log(10)


@mean_loss.slip("You take the logarithm to base 2. The loss uses the natural one: np.log.")
def mean_loss_with_log2(z, y):
    return np.mean(losses_of(z, y)) / np.log(2)


@mean_loss.slip("You multiply by the label as a number, so class 0 never counts. A label says which class: z[n, y[n]].")
def mean_loss_times_the_label(z, y):
    return -np.sum(y[:, None] * np.log(softmax(z))) / len(z)


@mean_loss.slip(
    "z[:, y] takes the labels' columns of every image, N · N numbers. Image n has its own label: z[n, y[n]]."
)
def mean_loss_of_all_pairs(z, y):
    return np.mean(-np.log(softmax(z)[:, y]))


@mean_loss.slip("You take the logarithm of every class's probability. Only the right class counts.")
def mean_loss_of_every_class(z, y):
    return -np.sum(np.log(softmax(z))) / len(z)


@mean_loss.slip(
    "You use the class with the highest score. The loss looks at the right class, y[n], whatever the network says."
)
def mean_loss_of_the_likeliest(z, y):
    return np.mean(losses_of(z, z.argmax(axis=1)))


@mean_loss.slip("You return the mean probability of the right class. The loss is minus its logarithm.")
def mean_loss_without_logarithm(z, y):
    return np.mean(softmax(z)[np.arange(len(z)), y])


@mean_loss.slip("You return 1 − p of the right class. Cross-entropy is −ln p, which grows without limit.")
def mean_loss_as_distance(z, y):
    return np.mean(1 - softmax(z)[np.arange(len(z)), y])


@mean_loss.slip("You take the logarithm of a score. Scores are no probabilities: softmax stands between.")
def mean_loss_of_scores(z, y):
    return np.mean(-np.log(z[np.arange(len(z)), y]))


@mean_loss.slip("You square p − y. That is another loss; cross-entropy is −ln of the right class's probability.")
def mean_loss_squared(z, y):
    return np.sum((softmax(z) - right_class_of(y, z.shape[1])) ** 2) / len(z)


@mean_loss.slip("You subtract the label itself. What is subtracted is the score of the right class: z[n, y[n]].")
def mean_loss_minus_the_label(z, y):
    return np.mean(losses_of(z, y) + z[np.arange(len(z)), y] - y)


@mean_loss.slip("You add the score of the right class. It is subtracted: the higher it is, the smaller the loss.")
def mean_loss_plus_the_right_score(z, y):
    return np.mean(losses_of(z, y) + 2 * z[np.arange(len(z)), y])


@mean_loss.slip("You take class 1 for the right class of every image. It is y[n].")
def mean_loss_of_class_1(z, y):
    return np.mean(losses_of(z, np.ones(len(z), int)))


@mean_loss.slip("You use the first two images only. Let n run over all of them: range(len(z)).")
def mean_loss_of_two_images(z, y):
    return np.mean(losses_of(z[:2], y[:2]))


@mean_loss.slip("You take the logarithm of each exponential. Add the exponentials up first: it is the ln of a sum.")
def mean_loss_of_summed_logarithms(z, y):
    M = z.max(axis=1)
    return np.mean(M + (z - M[:, None]).sum(axis=1) - z[np.arange(len(z)), y])


@mean_loss.slip("You subtract M from the exponentials. It belongs into the exponent: np.exp(z[n] - M).")
def mean_loss_with_m_behind_exp(z, y):
    M = z.max(axis=1)
    return np.mean(M + np.log((np.exp(z) - M[:, None]).sum(axis=1)) - z[np.arange(len(z)), y])


@mean_loss.slip("M is missing in front: what was subtracted in the exponents must be added again.")
def mean_loss_without_m(z, y):
    return np.mean(losses_of(z, y) - z.max(axis=1))


@mean_loss.slip("You add M but do not subtract it from the exponents. It must be in both places.")
def mean_loss_with_m_outside_only(z, y):
    return np.mean(z.max(axis=1) + np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), y])


@mean_loss.slip("The score of the right class is missing: subtract z_y, which is z[n, y[n]].")
def mean_loss_without_the_right_score(z, y):
    return np.mean(losses_of(z, y) + z[np.arange(len(z)), y])


@mean_loss.slip(
    "M is the largest score of the whole batch. Scores far below it become 0, and ln 0 is −inf: use each image's own M."
)
def mean_loss_with_the_batchs_maximum(z, y):
    M = z.max()
    return np.mean(M + np.log(np.exp(z - M).sum(axis=1)) - z[np.arange(len(z)), y])


@mean_loss.slip(
    "Your sum of exponentials runs over all images together. Every image has its own: sum over its row z[n]."
)
def mean_loss_with_one_sum(z, y):
    M = z.max()
    return np.mean(M + np.log(np.exp(z - M).sum()) - z[np.arange(len(z)), y])


@exercise(
    "5.3",
    "the gradient of the scores",
    inputs=[
        (SCORES, LABELS),
        (np.array([[0.0, 2], [1, 0], [3, 1], [1000, 0]]), np.array([1, 1, 0, 1])),
        (np.array([[0.5, -1, 2, 0]]), np.array([3])),
    ],
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
    return softmax(z) - right_class_of(y, z.shape[1])


@score_gradient.slip("You do not divide by N. The loss is a mean over the batch, so each image has a share of 1/N.")
def score_gradient_not_divided(z, y):
    return surplus(z, y)


@score_gradient.slip("You divide by the number of classes. Divide by the number of images: len(z).")
def score_gradient_over_classes(z, y):
    return surplus(z, y) / z.shape[1]


@score_gradient.slip("You divide by all entries, as np.mean would. Divide by the number of images: len(z).")
def score_gradient_over_all_entries(z, y):
    return surplus(z, y) / z.size


@score_gradient.slip("You divide by 2 whatever the batch. N is the number of images: len(z).")
def score_gradient_over_2(z, y):
    return surplus(z, y) / 2


@score_gradient.slip("The sign is wrong: it is p − y, what was said minus what is right.")
def score_gradient_with_the_wrong_sign(z, y):
    return -surplus(z, y) / len(z)


@score_gradient.slip("The sign is wrong, and the 1/N of the mean is missing. Begin with p − y.")
def score_gradient_with_the_wrong_sign_not_divided(z, y):
    return -surplus(z, y)


@score_gradient.slip(
    "You return p(1 − p), the derivative of each probability by its own score. What is asked for is that of the loss."
)
def score_gradient_as_p_times_1_minus_p(z, y):
    p = softmax(z)
    return p * (1 - p) / len(z)


@score_gradient.slip(
    "You multiply p − y by p(1 − p). For softmax with cross-entropy that factor has cancelled: section 5 ends at p − y."
)
def score_gradient_times_p_times_1_minus_p(z, y):
    p = softmax(z)
    return surplus(z, y) * p * (1 - p) / len(z)


@score_gradient.slip(
    "Only the right class gets a gradient. A score changes all probabilities: the wrong classes get p, see "
    "“It is not p(1 − p)”."
)
def score_gradient_of_the_right_class_only(z, y):
    return surplus(z, y) * right_class_of(y, z.shape[1]) / len(z)


@score_gradient.slip(
    "The right class gets nothing. Its entry is p − 1, and that of the others is p: subtract one-hot from p."
)
def score_gradient_of_the_wrong_classes_only(z, y):
    return surplus(z, y) * (1 - right_class_of(y, z.shape[1])) / len(z)


@score_gradient.slip("You return p alone. One-hot is missing: subtract 1 where the right class is.")
def score_gradient_without_labels(z, y):
    return softmax(z) / len(z)


@score_gradient.slip(
    "You subtract the label as a number from every entry. It says which entry loses 1: make it one-hot."
)
def score_gradient_minus_the_label(z, y):
    return (softmax(z) - y[:, None]) / len(z)


@score_gradient.slip(
    "p − y cannot subtract N labels from N rows of numbers. Turn y into one-hot rows first: np.eye(z.shape[1])[y]."
)
def score_gradient_minus_labels_that_do_not_fit(z, y):
    return (softmax(z) - y) / len(z)


@score_gradient.slip(
    "p[:, y] means these columns in every row, so other images' classes lose 1 too. Image n has p[n, y[n]]."
)
def score_gradient_of_whole_columns(z, y):
    p = softmax(z)
    p[:, y] -= 1
    return p / len(z)


@score_gradient.slip("Your one-hot rows mark the class with the highest score. They must mark the right class: y.")
def score_gradient_minus_the_decision(z, y):
    return surplus(z, z.argmax(axis=1)) / len(z)


@score_gradient.slip("You subtract one-hot from the scores. Subtract it from the probabilities: p = softmax(z).")
def score_gradient_of_scores(z, y):
    return (z - right_class_of(y, z.shape[1])) / len(z)


@score_gradient.slip(
    "You return −1/p at the right class. That is ∂L/∂p, the first half; carry it through softmax, and p − y is left."
)
def score_gradient_by_p(z, y):
    one_hot = right_class_of(y, z.shape[1])
    return -one_hot / (softmax(z) * one_hot).sum(axis=1, keepdims=True) / len(z)


@score_gradient.slip(
    "You return p(1 − p), each probability's derivative by its own score, and 1/N is missing. Begin with p − y."
)
def score_gradient_as_p_times_1_minus_p_not_divided(z, y):
    p = softmax(z)
    return p * (1 - p)


@score_gradient.slip(
    "Only the right class gets a gradient, and 1/N is missing. First the other classes: a wrong class gets its p."
)
def score_gradient_of_the_right_class_only_not_divided(z, y):
    return surplus(z, y) * right_class_of(y, z.shape[1])


@score_gradient.slip(
    "You subtract the label as a number, and 1/N is missing. First make the labels one-hot: np.eye(z.shape[1])[y]."
)
def score_gradient_minus_the_label_not_divided(z, y):
    return softmax(z) - y[:, None]


@score_gradient.slip(
    "You return −1/p at the right class, and 1/N is missing. −1/p is ∂L/∂p; carried through softmax it becomes p − y."
)
def score_gradient_by_p_not_divided(z, y):
    one_hot = right_class_of(y, z.shape[1])
    return -one_hot / (softmax(z) * one_hot).sum(axis=1, keepdims=True)


@score_gradient.slip("p[y] −= 1 takes whole rows, as if label 2 meant image 2. For image n the entry is p[n, y[n]].")
def score_gradient_of_rows_picked_by_label(z, y):
    p = softmax(z)
    p[y] -= 1
    return p / len(z)


@score_gradient.slip("You divide p by N, but not one-hot. Put brackets around the difference: (p − one_hot) / N.")
def score_gradient_with_p_divided_only(z, y):
    return softmax(z) / len(z) - right_class_of(y, z.shape[1])


@score_gradient.slip("You divide one-hot by N, but not p. Put brackets around the difference: (p − one_hot) / N.")
def score_gradient_with_one_hot_divided_only(z, y):
    return softmax(z) - right_class_of(y, z.shape[1]) / len(z)


@score_gradient.slip("All numbers of your p together add up to 1. Each row is one image and needs its own softmax.")
def score_gradient_over_everything(z, y):
    p = softmax(z.reshape(-1)).reshape(z.shape)
    return (p - right_class_of(y, z.shape[1])) / len(z)


@score_gradient.slip("You take 2/n times the difference, as for the mean squared error. Cross-entropy gives (p − y)/N.")
def score_gradient_of_mean_squares(z, y):
    return 2 * surplus(z, y) / z.size


@score_gradient.slip("You multiply p − y by 2, as if the loss were a square. Cross-entropy gives (p − y)/N.")
def score_gradient_of_a_square(z, y):
    return 2 * surplus(z, y) / len(z)


@score_gradient.slip("You add the images up to one row. Each image has its own scores: return N rows.")
def score_gradient_summed(z, y):
    return surplus(z, y).sum(axis=0)


@score_gradient.slip("You average the images to one row. Each image has its own scores: return N rows.")
def score_gradient_averaged(z, y):
    return surplus(z, y).mean(axis=0)


@score_gradient.slip(
    "Your columns of p add up to 1, not your rows. Softmax works within a row, the scores of one image."
)
def score_gradient_over_axis_0(z, y):
    return (softmax(z, axis=0) - right_class_of(y, z.shape[1])) / len(z)


@score_gradient.slip("Your p is nan for scores like 1000. Use `softmax`, which subtracts the largest score first.")
def score_gradient_that_overflows(z, y):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return (p - right_class_of(y, z.shape[1])) / len(z)


@score_gradient.slip("np.eye(2) knows two classes only. Make it as large as the number of classes: z.shape[1].")
def score_gradient_of_two_classes(z, y):
    return (softmax(z) - np.eye(2)[y]) / len(z)


@score_gradient.slip("np.eye(2) knows two classes only, and 1/N is missing. First take np.eye(z.shape[1])[y].")
def score_gradient_of_two_classes_not_divided(z, y):
    return softmax(z) - np.eye(2)[y]


@score_gradient.slip("np.eye(3) fits three classes only. Take as many as there are: z.shape[1].")
def score_gradient_of_three_classes(z, y):
    return (softmax(z) - np.eye(3)[y]) / len(z)


@score_gradient.slip(
    "p[:, y] means these columns in every row, and 1/N is missing. First subtract 1 at p[n, y[n]] alone."
)
def score_gradient_of_whole_columns_not_divided(z, y):
    p = softmax(z)
    p[:, y] -= 1
    return p


@score_gradient.slip("np.eye needs the number of classes, z.shape[1]. You gave it the number of images.")
def score_gradient_with_one_hot_of_n(z, y):
    return (softmax(z) - np.eye(len(z))[y]) / len(z)


@score_gradient.slip(
    "The gradient is right, but you write into z, which belongs to the caller. softmax gives a new array: work on p."
)
def score_gradient_in_place(z, y):
    z[:] = surplus(z, y) / len(z)
    return z


@exercise(
    "5.4",
    "a bug hunt in the pool's backward",
    inputs=[
        (np.array([[6.0, 2, 5]]), np.array([[1.0, 3, 0, 0, 1, 2], [3, 3, 0, 0, 0, 1]]), 2),
        (np.array([[1.0], [-4]]), np.array([[1.0, 5, 0], [2, 0, 7], [6, 3, 1], [2, 4, 8], [9, 9, 9]]), 2),
        (np.array([[0.5, -2]]), np.array([[1, 0, 2, 4, 4, 0, 3], [2, 8, 1, 0, 4, 1, 9], [0, 3, 5, 1, 2, 0, 1]]), 3),
        (
            np.array([[1.0, 2], [3, 4]]),
            np.array(
                [
                    [0.0, 1, 2, 0, 5, 1, 8],
                    [3, 4, 1, 2, 0, 3, 0],
                    [2, 0, 6, 1, 4, 2, 5],
                    [1, 2, 0, 7, 3, 0, 1],
                    [5, 3, 2, 1, 0, 2, 6],
                    [0, 1, 4, 6, 2, 1, 3],
                    [9, 7, 8, 2, 4, 6, 1],
                    [8, 3, 0, 9, 1, 5, 2],
                ]
            ),
            3,
        ),
    ],
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


@pool_gradient.given
def pool_gradient_as_found(dP, R, size):
    height, width = R.shape
    dR = np.zeros((height, width))
    for top in range(0, height, size):
        for left in range(0, width, size):
            block = R[top : top + size, left : left + size]
            share = dP[top // size, left // size]
            dR[top : top + size, left : left + size] = share * (block == block.max())
    return dR


@pool_gradient.loss
def pooled_with_weights(dP, R, size):
    P = max_pool2d(R, size)
    covered = R[: size * P.shape[0], : size * P.shape[1]]
    tied = np.sum(covered == np.kron(P, np.ones((size, size)))) > P.size
    return None if tied else (lambda moved: np.sum(dP * max_pool2d(moved, size)), R)


def blocks_of(dP, R, size):
    """Go through the blocks: the gradient that arrives, where the block lies, and its cells."""
    for i, j in np.ndindex(dP.shape):
        place = np.s_[size * i : size * i + size, size * j : size * j + size]
        yield dP[i, j], place, R[place]


def pool_gradient_by(rule, dP, R, size):
    """Lay into each block what `rule` makes of the gradient and the block."""
    dR = np.zeros(R.shape)
    for share, place, block in blocks_of(dP, R, size):
        dR[place] = rule(share, block)
    return dR


def to_one_cell(share, block, index):
    result = np.zeros(block.shape)
    result.flat[index] = share
    return result


def require_whole_blocks(R, size):
    """Raise where the code as found would: it counts a block for what is left over at the edge."""
    if R.shape[0] % size or R.shape[1] % size:
        raise IndexError("index is out of bounds")


# What is wrong with ties shows at the first input, where the sizes do no harm: these sentences fit whether or not the
# IndexError is still there.
@pool_gradient.slip(
    "Every tied maximum gets the whole gradient: from the block [[1, 3], [3, 3]] and 6, three times 6 goes back. "
    "Only the first maximum may get it."
)
def pool_gradient_of_every_maximum(dP, R, size):
    require_whole_blocks(R, size)
    return pool_gradient_by(lambda share, block: share * (block == block.max()), dP, R, size)


@pool_gradient.slip(
    "Ties are right now. What is left is the IndexError: 5 rows hold two blocks of 2, but your loop begins a third. "
    "dP says how many there are."
)
def pool_gradient_with_index_error(dP, R, size):
    require_whole_blocks(R, size)
    return max_pool2d_backward(dP, R, size)


@pool_gradient.slip(
    "The last of several maxima gets the gradient. It is the first: argmax finds it, and so does `>` instead of `>=`."
)
def pool_gradient_of_the_last_maximum(dP, R, size):
    return pool_gradient_by(
        lambda share, block: to_one_cell(share, block, np.flatnonzero(block == block.max())[-1]), dP, R, size
    )


@pool_gradient.slip("You look for the first maximum column by column. It is row by row: (0, 1) comes before (1, 0).")
def pool_gradient_of_the_first_by_column(dP, R, size):
    return pool_gradient_by(lambda share, block: to_one_cell(share, block.T, block.T.argmax()).T, dP, R, size)


@pool_gradient.slip(
    "You share the gradient among the tied maxima. The sum is right, and it can be defended, but the rule asked for "
    "is another: all to the first."
)
def pool_gradient_shared(dP, R, size):
    return pool_gradient_by(
        lambda share, block: share * (block == block.max()) / np.sum(block == block.max()), dP, R, size
    )


@pool_gradient.slip("Where maxima tie, nobody gets the gradient, so it is lost. Give it to the first of them.")
def pool_gradient_of_single_maxima_only(dP, R, size):
    return pool_gradient_by(
        lambda share, block: share * (block == block.max()) * (np.sum(block == block.max()) == 1), dP, R, size
    )


@pool_gradient.slip(
    "A block of zeros gets nothing. Its first zero is its first maximum; to block the gradient there is ReLU's task."
)
def pool_gradient_without_zero_blocks(dP, R, size):
    return pool_gradient_by(
        lambda share, block: to_one_cell(share, block, block.argmax()) * (block.max() > 0), dP, R, size
    )


@pool_gradient.slip(
    "Only blocks of zeros are repaired. Other maxima can tie as well: in [[1, 3], [3, 3]] all three get the gradient."
)
def pool_gradient_with_positive_ties(dP, R, size):
    return pool_gradient_by(
        lambda share, block: share * (block == block.max()) if block.max() > 0 else to_one_cell(share, block, 0),
        dP,
        R,
        size,
    )


@pool_gradient.slip("The rows and columns left over at the edge got a gradient. The pool dropped them, so theirs is 0.")
def pool_gradient_with_a_remainder(dP, R, size):
    dR = np.zeros(R.shape)
    for top in range(0, R.shape[0], size):
        for left in range(0, R.shape[1], size):
            block = R[top : top + size, left : left + size]
            m, n = np.unravel_index(block.argmax(), block.shape)
            i, j = min(top // size, dP.shape[0] - 1), min(left // size, dP.shape[1] - 1)
            dR[top + m, left + n] = dP[i, j]
    return dR


@pool_gradient.slip(
    "The last blocks get nothing: your loop ends too early. range(0, n − size, size) omits a block that just fits."
)
def pool_gradient_without_the_last_blocks(dP, R, size):
    dR = np.zeros(R.shape)
    for top in range(0, R.shape[0] - size, size):
        for left in range(0, R.shape[1] - size, size):
            part = np.s_[top : top + size, left : left + size]
            dR[part] = to_one_cell(dP[top // size, left // size], R[part], R[part].argmax())
    return dR


@pool_gradient.slip(
    "height − 1 mends the loop for blocks of 2 only. With blocks of 3 up to two rows are left over: "
    "the loops can run over dP instead."
)
def pool_gradient_with_one_row_less(dP, R, size):
    dR = np.zeros(R.shape)
    for top in range(0, R.shape[0] - 1, size):
        for left in range(0, R.shape[1] - 1, size):
            part = np.s_[top : top + size, left : left + size]
            dR[part] = to_one_cell(dP[top // size, left // size], R[part], R[part].argmax())
    return dR


@pool_gradient.slip(
    "Your result has lost the rows and columns that are left over. It must have the shape of R, with 0 there."
)
def pool_gradient_cropped(dP, R, size):
    return max_pool2d_backward(dP, R, size)[: size * dP.shape[0], : size * dP.shape[1]]


@pool_gradient.slip("Your blocks are 2×2 whatever the size. Use `size` everywhere, in the place within the block too.")
def pool_gradient_of_2x2_blocks(dP, R, size):
    dR = np.zeros(R.shape)
    for i, j in np.ndindex(dP.shape):
        part = np.s_[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        dR[part] = to_one_cell(dP[i, j], R[part], R[part].argmax())
    return dR


@pool_gradient.slip(
    "The place within a block is counted for 2×2 blocks: pass block.shape to np.unravel_index, not (2, 2)."
)
def pool_gradient_unravelled_by_2(dP, R, size):
    dR = np.zeros(R.shape)
    for i, j in np.ndindex(dP.shape):
        m, n = np.unravel_index(R[size * i : size * i + size, size * j : size * j + size].argmax(), (2, 2))
        dR[size * i + m, size * j + n] = dP[i, j]
    return dR


@pool_gradient.slip("Row and column within the block are exchanged. np.unravel_index and divmod give the row first.")
def pool_gradient_with_rows_and_columns_exchanged(dP, R, size):
    return pool_gradient_by(lambda share, block: to_one_cell(share, block, block.argmax()).T, dP, R, size)


@pool_gradient.slip(
    "You write to the place within the block, (m, n), without the block's own: add size * i and size * j."
)
def pool_gradient_without_offset(dP, R, size):
    dR = np.zeros(R.shape)
    for share, _, block in blocks_of(dP, R, size):
        dR[np.unravel_index(block.argmax(), block.shape)] = share
    return dR


@pool_gradient.slip("You add i and j to the place within the block. Block (i, j) begins at size * i and size * j.")
def pool_gradient_with_a_small_offset(dP, R, size):
    dR = np.zeros(R.shape)
    for i, j in np.ndindex(dP.shape):
        block = R[size * i : size * i + size, size * j : size * j + size]
        m, n = np.unravel_index(block.argmax(), block.shape)
        dR[i + m, j + n] = dP[i, j]
    return dR


@pool_gradient.slip(
    "block.argmax() is a place, and you compare the cells' values with it. np.unravel_index makes row and column of it."
)
def pool_gradient_of_cells_that_equal_the_place(dP, R, size):
    return pool_gradient_by(lambda share, block: share * (block == block.argmax()), dP, R, size)


@pool_gradient.slip(
    "`break` leaves the inner loop only, so the first maximum of each row gets the gradient. One cell of a block may."
)
def pool_gradient_of_the_first_in_each_row(dP, R, size):
    def rule(share, block):
        found = block == block.max()
        return share * (found & (np.cumsum(found, axis=1) == 1))

    return pool_gradient_by(rule, dP, R, size)


@pool_gradient.slip(
    "Your search begins at 0, and nothing in a block of zeros is larger, so the place of the block before is used. "
    "Begin below every number, or use argmax."
)
def pool_gradient_of_a_search_from_0(dP, R, size):
    dR = np.zeros(R.shape)
    m, n = 0, 0
    for i, j in np.ndindex(dP.shape):
        block = R[size * i : size * i + size, size * j : size * j + size]
        if block.max() > 0:
            m, n = np.unravel_index(block.argmax(), block.shape)
        dR[size * i + m, size * j + n] = dP[i, j]
    return dR


@pool_gradient.slip(
    "argmax counts cells, but one index picks a whole row. np.unravel_index(…, block.shape) gives row and column."
)
def pool_gradient_of_a_row(dP, R, size):
    def rule(share, block):
        mask = np.zeros(block.shape)
        mask[block.argmax()] = 1
        return share * mask

    return pool_gradient_by(rule, dP, R, size)


@pool_gradient.slip("You look for the maximum of the whole map. Every block has its own.")
def pool_gradient_of_the_whole_map(dP, R, size):
    dR = np.zeros(R.shape)
    dR[np.unravel_index(R.argmax(), R.shape)] = dP[-1, -1]
    return dR


@pool_gradient.slip("Both of your loops run over the rows of dP. The inner one runs over its columns: dP.shape[1].")
def pool_gradient_of_square_maps(dP, R, size):
    dR = np.zeros(R.shape)
    for i in range(dP.shape[0]):
        for j in range(dP.shape[0]):
            part = np.s_[size * i : size * i + size, size * j : size * j + size]
            dR[part] = to_one_cell(dP[i, j], R[part], R[part].argmax())
    return dR


@pool_gradient.slip(
    "Your blocks begin at row i and column j. i and j count blocks: they begin at size * i and size * j."
)
def pool_gradient_of_overlapping_blocks(dP, R, size):
    dR = np.zeros(R.shape)
    for i, j in np.ndindex(dP.shape):
        m, n = np.unravel_index(R[i : i + size, j : j + size].argmax(), (size, size))
        dR[i + m, j + n] = dP[i, j]
    return dR


@pool_gradient.slip("The whole gradient goes to the top left cell of each block. It goes to the maximum.")
def pool_gradient_of_the_first_cell(dP, R, size):
    return pool_gradient_by(lambda share, block: to_one_cell(share, block, 0), dP, R, size)


@pool_gradient.slip("Every cell of a block gets the gradient. Only the maximum passed, so only it gets any.")
def pool_gradient_of_every_cell(dP, R, size):
    return pool_gradient_by(lambda share, block: np.full(block.shape, share), dP, R, size)


@pool_gradient.slip("You write the maximum itself into dR. What goes back is the gradient of its block: dP[i, j].")
def pool_gradient_as_value(dP, R, size):
    return pool_gradient_by(lambda share, block: to_one_cell(block.max(), block, block.argmax()), dP, R, size)


@pool_gradient.slip("You write 1 at each maximum. That is the mask; the gradient that arrives is dP[i, j].")
def pool_gradient_as_mask(dP, R, size):
    return pool_gradient_by(lambda share, block: to_one_cell(1, block, block.argmax()), dP, R, size)


@pool_gradient.slip(
    "Your result holds whole numbers where R does, and 0.5 became 0. np.zeros_like(R) takes R's type: use R.shape."
)
def pool_gradient_in_whole_numbers(dP, R, size):
    return max_pool2d_backward(dP, R, size).astype(R.dtype)


@pool_gradient.slip(
    "Your result is right, but you write it into R, which belongs to the caller. Start from np.zeros(R.shape)."
)
def pool_gradient_in_place(dP, R, size):
    gradient = max_pool2d_backward(dP, R, size)
    R[:] = gradient
    return gradient


@exercise(
    "5.5",
    "one training step of the dense layer",
    inputs=[
        (
            np.array([[1.0, 2], [0, 1]]),
            np.array([2, 0]),
            np.array([[1.0, 0], [0, 1], [-1, 0]]),
            np.array([1.0, 0, 0]),
            0.1,
        ),
        (
            np.array([[2.0, 1, 0], [0, 1, 1], [1, 3, 0], [1, 1, 2]]),
            np.array([1, 0, 0, 1]),
            np.array([[1.0, 0, -1], [0, 1, 0]]),
            np.array([0.0, 1]),
            0.5,
        ),
        (np.array([[1.0, 0, 2, 1]]), np.array([0]), np.array([[0.0, 1, 0, 1], [1, 0, 1, 0]]), np.array([0.5, 0]), 2),
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


def step_by(dz, f, W, d, eta):
    return W - eta * dz.T @ f, d - eta * dz.sum(axis=0)


def score_gradient_of(f, y, W, d):
    return surplus(linear(f, W, d), y) / len(f)


@training_step.slip("You step uphill: the gradient points to where the loss grows. Subtract eta times the gradient.")
def training_step_uphill(f, y, W, d, eta):
    return step_by(-score_gradient_of(f, y, W, d), f, W, d, eta)


@training_step.slip(
    "You add the images' gradients up. The loss is their mean: divide p minus one-hot by N, the number of images."
)
def training_step_summed(f, y, W, d, eta):
    return step_by(surplus(linear(f, W, d), y), f, W, d, eta)


@training_step.slip(
    "You step uphill, and you add the images' gradients up. First subtract; then divide p − one-hot by N."
)
def training_step_uphill_and_summed(f, y, W, d, eta):
    return step_by(-surplus(linear(f, W, d), y), f, W, d, eta)


@training_step.slip(
    "The bias has not moved, and the gradients are added up, not averaged. Update d too; then divide by N."
)
def training_step_summed_without_the_bias(f, y, W, d, eta):
    return step_by(surplus(linear(f, W, d), y), f, W, d, eta)[0], d.copy()


@training_step.slip(
    "Only the last image counts, since each gradient replaces the one before, and 1/N is missing. Begin with `+=`."
)
def training_step_of_the_last_image_not_divided(f, y, W, d, eta):
    return step_by(surplus(linear(f, W, d), y)[-1:], f[-1:], W, d, eta)


@training_step.slip("p[:, y] −= 1 takes 1 from these columns in every row, and 1/N is missing. First use one-hot rows.")
def training_step_of_whole_columns_summed(f, y, W, d, eta):
    p = softmax(linear(f, W, d))
    p[:, y] -= 1
    return step_by(p, f, W, d, eta)


@training_step.slip("np.eye(2) knows two classes only. Make it as large as the number of classes: len(d).")
def training_step_of_two_classes(f, y, W, d, eta):
    return step_by((softmax(linear(f, W, d)) - np.eye(2)[y]) / len(f), f, W, d, eta)


@training_step.slip("You divide by the number of classes. Divide by the number of images: len(f).")
def training_step_over_classes(f, y, W, d, eta):
    return step_by(surplus(linear(f, W, d), y) / len(d), f, W, d, eta)


@training_step.slip("You divide by N twice: once in dz, and once more in the gradients of W and d. Once is enough.")
def training_step_divided_twice(f, y, W, d, eta):
    return step_by(score_gradient_of(f, y, W, d) / len(f), f, W, d, eta)


@training_step.slip("The gradient of W is divided by N, that of d is not. Divide dz, then both are.")
def training_step_with_the_bias_summed(f, y, W, d, eta):
    dz = score_gradient_of(f, y, W, d)
    return W - eta * dz.T @ f, d - eta * len(f) * dz.sum(axis=0)


@training_step.slip(
    "The bias is averaged over the images although dz holds the 1/N already. Add dz up over the images: sum, not mean."
)
def training_step_with_the_bias_averaged_twice(f, y, W, d, eta):
    dz = score_gradient_of(f, y, W, d)
    return W - eta * dz.T @ f, d - eta * dz.mean(axis=0)


@training_step.slip(
    "You sum the bias's gradient over the classes, where p − y of an image adds up to 0. Sum over the images: axis=0."
)
def training_step_with_the_bias_over_classes(f, y, W, d, eta):
    dz = score_gradient_of(f, y, W, d)
    return W - eta * dz.T @ f, d - eta * dz.sum(axis=1)


@training_step.slip(
    "The bias steps by dz as it is, a row for each image. Add its rows up: dz.sum(axis=0), or += in the loop."
)
def training_step_with_a_bias_for_each_image(f, y, W, d, eta):
    dz = score_gradient_of(f, y, W, d)
    return W - eta * dz.T @ f, d - eta * dz


@training_step.slip(
    "The bias steps by dz as it is, a row for each image, and 1/N is missing. First add the rows up: dz.sum(axis=0)."
)
def training_step_with_a_bias_for_each_image_summed(f, y, W, d, eta):
    dz = surplus(linear(f, W, d), y)
    return W - eta * dz.T @ f, d - eta * dz


@training_step.slip(
    "The bias has not moved. Its gradient is the sum of dz over the images, axis=0, one number for each class."
)
def training_step_without_the_bias(f, y, W, d, eta):
    return step_by(score_gradient_of(f, y, W, d), f, W, d, eta)[0], d.copy()


@training_step.slip("The weights have not moved. Their gradient is the sum of np.outer(dz[n], f[n]) over the images.")
def training_step_of_the_bias_only(f, y, W, d, eta):
    return W.copy(), step_by(score_gradient_of(f, y, W, d), f, W, d, eta)[1]


@training_step.slip(
    "The bias steps by a gradient computed after the weights had moved. Compute both gradients before any step."
)
def training_step_one_after_the_other(f, y, W, d, eta):
    moved, _ = step_by(score_gradient_of(f, y, W, d), f, W, d, eta)
    return moved, d - eta * score_gradient_of(f, y, moved, d).sum(axis=0)


@training_step.slip("The learning rate is missing: multiply each gradient by eta.")
def training_step_without_rate(f, y, W, d, eta):
    return step_by(score_gradient_of(f, y, W, d), f, W, d, 1)


@training_step.slip("The bias steps without the learning rate. Multiply its gradient by eta too.")
def training_step_with_the_bias_without_rate(f, y, W, d, eta):
    dz = score_gradient_of(f, y, W, d)
    return W - eta * dz.T @ f, d - dz.sum(axis=0)


@training_step.slip("Your learning rate is 0.01 whatever is passed, as in section 9. Use eta.")
def training_step_with_a_fixed_rate(f, y, W, d, eta):
    return step_by(score_gradient_of(f, y, W, d), f, W, d, 0.01)


@training_step.slip(
    "You subtract the label as a number. It says which class is right: make it one-hot before subtracting."
)
def training_step_minus_the_label(f, y, W, d, eta):
    return step_by((softmax(linear(f, W, d)) - y[:, None]) / len(f), f, W, d, eta)


@training_step.slip(
    "p − y cannot subtract N labels from N rows of numbers. Turn y into one-hot rows first: np.eye(len(d))[y]."
)
def training_step_minus_labels_that_do_not_fit(f, y, W, d, eta):
    return step_by((softmax(linear(f, W, d)) - y) / len(f), f, W, d, eta)


@training_step.slip("One-hot is missing: dz is p minus one-hot, and yours is p alone.")
def training_step_without_labels(f, y, W, d, eta):
    return step_by(softmax(linear(f, W, d)) / len(f), f, W, d, eta)


@training_step.slip(
    "p[:, y] -= 1 takes 1 from these columns in every row. Image n has its own right class: p[n, y[n]], or one-hot."
)
def training_step_of_whole_columns(f, y, W, d, eta):
    p = softmax(linear(f, W, d))
    p[:, y] -= 1
    return step_by(p / len(f), f, W, d, eta)


@training_step.slip("You subtract one-hot from the scores. Softmax is missing between scores and gradient.")
def training_step_without_softmax(f, y, W, d, eta):
    return step_by((linear(f, W, d) - right_class_of(y, len(d))) / len(f), f, W, d, eta)


@training_step.slip("Your scores leave out the bias d: z = W f + d.")
def training_step_with_scores_without_bias(f, y, W, d, eta):
    return step_by(score_gradient_of(f, y, W, 0 * d), f, W, d, eta)


@training_step.slip(
    "You multiply p − y by p(1 − p). For softmax with cross-entropy that factor has cancelled: dz is p − y (section 5)."
)
def training_step_times_p_times_1_minus_p(f, y, W, d, eta):
    p = softmax(linear(f, W, d))
    return step_by(score_gradient_of(f, y, W, d) * p * (1 - p), f, W, d, eta)


@training_step.slip("Only the last image counts: each gradient replaces the one before. Add them up with `+=`.")
def training_step_of_the_last_image(f, y, W, d, eta):
    return step_by(score_gradient_of(f, y, W, d)[-1:], f[-1:], W, d, eta)


@training_step.slip("Only the first image counts. A `return` inside the loop ends it: move it behind the loop.")
def training_step_of_the_first_image(f, y, W, d, eta):
    return step_by(score_gradient_of(f, y, W, d)[:1], f[:1], W, d, eta)


@training_step.slip(
    "You step after every image, so the later ones see weights that have moved. One step for the batch: "
    "add all gradients up first."
)
def training_step_image_by_image(f, y, W, d, eta):
    for n in range(len(f)):
        W, d = step_by(score_gradient_of(f[n : n + 1], y[n : n + 1], W, d), f[n : n + 1], W, d, eta)
    return W, d


@training_step.slip(
    "Shapes do not fit. dW, like W, has a row for each class and a column for each feature. Is one of them turned, "
    "or is np.outer taken of the whole batch at once?"
)
def training_step_turned(f, y, W, d, eta):
    dz = score_gradient_of(f, y, W, d)
    return W - eta * f.T @ dz, d - eta * dz.sum(axis=0)


@training_step.slip("You return the gradients. Subtract eta times each of them from W and d, and return those.")
def training_step_that_returns_the_gradients(f, y, W, d, eta):
    dz = score_gradient_of(f, y, W, d)
    return dz.T @ f, dz.sum(axis=0)


@training_step.slip("You return the steps. Add them to the parameters: W − eta * dW and d − eta * dd.")
def training_step_that_returns_the_steps(f, y, W, d, eta):
    dz = score_gradient_of(f, y, W, d)
    return -eta * dz.T @ f, -eta * dz.sum(axis=0)


@training_step.slip("Both are right, but in the other order: the weights first, then the bias.")
def training_step_in_the_other_order(f, y, W, d, eta):
    return step_by(score_gradient_of(f, y, W, d), f, W, d, eta)[::-1]


@training_step.slip("You return the new weights only. The new bias belongs to it: return both, with a comma between.")
def training_step_that_returns_the_weights_only(f, y, W, d, eta):
    return step_by(score_gradient_of(f, y, W, d), f, W, d, eta)[0]


@training_step.slip(
    "The result is right, but `-=` changes the caller's W and d as well. Return new arrays: W minus the step."
)
def training_step_in_place(f, y, W, d, eta):
    dz = score_gradient_of(f, y, W, d)
    W -= eta * dz.T @ f
    d -= eta * dz.sum(axis=0)
    return W, d
