"""The exam questions: every answer is computed anew, by SciPy, by central differences or by trying it out."""

import re

import numpy as np
import pytest
from questions import DRAWN, questions
from scipy import ndimage, signal, special

SEEDS = range(12)


def slopes(f, x, step=1e-5):
    """Return the central difference of f along each entry of x; what f returns may be an array."""
    x = np.asarray(x, dtype=float)
    found = np.zeros((*x.shape, *np.shape(f(x))))
    for place in np.ndindex(x.shape):
        moved = np.zeros(x.shape)
        moved[place] = step
        found[place] = (f(x + moved) - f(x - moved)) / (2 * step)
    return found


def correlated(image, kernel, padding=0, stride=1):
    return signal.correlate2d(np.pad(image, padding), kernel, "valid")[::stride, ::stride]


def pooled(maps):
    """Return the maxima of 2×2 blocks."""
    return maps.reshape(maps.shape[0] // 2, 2, maps.shape[1] // 2, 2).max(axis=(1, 3))


def half_squared(z, y):
    return (special.expit(z) - y) ** 2 / 2


def surprise(z, y):
    return special.logsumexp(z) - z[y]


def one_pixel(kernel, pixel):
    image = np.arange(16.0).reshape(4, 4)
    brighter = image.copy()
    brighter[pixel] += 1
    return correlated(brighter, kernel) - correlated(image, kernel)


def gradient_of_a_weight(image, error, weight):
    gradient = slopes(lambda kernel: np.sum(error * correlated(image, kernel)), np.zeros((2, 2)))[weight]
    return gradient, gradient / 100


def step_along_a_wrong_gradient(right, wrong):
    bowl = lambda w: np.sum(right * w) + np.sum(w**2)  # any loss with this gradient at 0
    return slopes(lambda rate: bowl(-rate * wrong), 0.0) * 0.01


def rates_on_a_parabola(bend, rates):
    step = lambda rate: 1 - rate * slopes(lambda x: bend * x**2 / 2, 1.0)
    limit = next(rate for rate in np.arange(0.001, 2, 0.001) if abs(step(rate)) >= 1 - 1e-6)
    return [step(rate) for rate in rates], limit


def brighter_pixels(image, scale):
    loss = lambda kernel: np.mean(correlated(scale * image, kernel) ** 2)
    hessian = slopes(lambda kernel: slopes(loss, kernel, 1e-3), np.ones((2, 2)), 1e-3).reshape(4, 4)
    return 2 / np.linalg.eigvals(hessian).real.max()


def size_of_a_map(sizes, k, p, s):
    rows, columns = correlated(np.ones(sizes), np.ones((k, k)), p, s).shape
    seen = slopes(lambda image: np.sum(correlated(image, np.ones((k, k)), p, s)), np.zeros(sizes)) > 0.5
    return rows, columns, np.sum(~seen.any(axis=1)), np.sum(~seen.any(axis=0))


def shapes_of_a_layer(n, c, f, size, k):
    one = ndimage.correlate(np.zeros((size, size)), np.zeros((k, k)), mode="constant")
    kernels, biases = np.zeros((f, c, k, k)), np.zeros(f)
    return kernels.shape, (n, len(kernels), *one.shape), kernels.size + biases.size


def impulse(kernel, place):
    image = np.zeros((5, 5))
    image[place] = 1
    return signal.correlate2d(image, kernel, "valid"), signal.convolve2d(image, kernel, "valid")


def brighter_everywhere(kernel, more):
    image = np.arange(36.0).reshape(6, 6) ** 1.5
    maps = [ndimage.correlate(pixels, kernel.astype(float), mode="constant") for pixels in (image, image + more)]
    changes = maps[1] - maps[0]
    return changes[3, 3], changes[0, 0]


def windows_of_a_pixel(k, p, size, pixel):
    windows = slopes(lambda image: np.sum(correlated(image, np.ones((k, k)), p)), np.zeros((size, size)), 0.5)
    return windows[pixel], windows[size // 2, size // 2]


def tied_block(block, gradient):
    places = [tuple(place) for place in np.argwhere(block == block.max())]
    share = np.zeros((2, 2))
    share[places[0]] = gradient
    return share, slopes(lambda cells: gradient * cells.max(), block)


def dead_block(C, gradients):
    return slopes(lambda cells: np.sum(gradients * pooled(np.maximum(0, cells))[0]), C)


def score_and_weights(prediction, y, features):
    z = special.logit(prediction)
    score = lambda w: z + w @ features
    return slopes(lambda z: half_squared(z, y), z), slopes(lambda w: half_squared(score(w), y), np.zeros(3))


def sure_and_wrong(answers):
    return [slopes(lambda z: half_squared(z, 1), special.logit(answer)) for answer in answers]


def turned_gradient(gradient):
    loss = lambda kernel: np.sum(gradient * kernel)
    return [loss(-0.001 * step) for step in (gradient, np.rot90(gradient, 2))]


def sum_of_many(count, feature):
    rng = np.random.default_rng(0)
    sums = rng.uniform(0, 1, (500, count)).sum(axis=1) * feature
    assert special.expit(sums.min()) == 1
    scaled = rng.normal(0, count**-0.5, (500, count)).sum(axis=1) * feature
    return pytest.approx(sums.mean(), rel=0.01), pytest.approx(scaled.std(), rel=0.12)


def one_sum_moves_all(s, q):
    return slopes(lambda sums: (sums - np.mean(sums)) / np.std(sums), s)[q]


def averaged_too_early(features, targets):
    right = slopes(lambda w: np.mean((w * features - targets) ** 2) / 2, 2.0)
    # The mean image with the mean target: the gradient of a loss that knows nothing else.
    return right, slopes(lambda w: (w * features.mean() - targets.mean()) ** 2 / 2, 2.0)


def two_losses(prediction, y):
    z = special.logit(prediction)
    entropy = lambda z: -special.log_expit(z if y else -z)
    return slopes(entropy, z), slopes(lambda z: half_squared(z, y), z)


def order_of_features(filters, size, place):
    number = np.ravel_multi_index(place, (filters, size, size))
    return number, np.unravel_index(number, (size, size, filters))


def scores_and_probabilities(powers, added, **given):
    z = np.log(powers)
    assert special.softmax(z + added) == pytest.approx(special.softmax(z))
    z_raised = z.copy()
    z_raised[given["class"]] += np.log(2)
    return special.softmax(z), special.softmax(z_raised)


def gradient_of_scores(powers, y):
    z = np.log(powers)
    own = np.diag(slopes(special.softmax, z))
    return slopes(lambda z: surprise(z, y), z), own * slopes(lambda p: -np.log(p[y]), special.softmax(z))


def logarithm_of_nothing(scores):
    clipped = lambda z: -np.log(special.softmax(z)[1] + 1e-12)
    z = np.array(scores, dtype=float)
    assert slopes(clipped, z) == pytest.approx([0, 0], abs=1e-5)
    assert slopes(lambda z: surprise(z, 1), z) == pytest.approx([1, -1])
    return surprise(z, 1), clipped(z)


def promise_of_a_gradient(powers, rate):
    z = np.log(powers)
    gradient = slopes(lambda z: surprise(z, 1), z)
    return surprise(z, 1) - rate * np.sum(gradient**2), surprise(z - rate * gradient, 1)


def numbers_to_learn(size, k, filters, classes):
    one = correlated(np.zeros((size, size)), np.zeros((k, k)))
    even = one[: len(one) // 2 * 2, : len(one) // 2 * 2]
    features = filters * pooled(even).size
    return features, filters * np.zeros((k, k)).size + filters + classes * features + classes


# The function above has the name of the one that draws the question.
every_question = pytest.mark.parametrize(
    ("notebook", "k", "answer"),
    [
        pytest.param(notebook, k, globals()[draw.__name__], id=draw.__name__)
        for notebook, draws in DRAWN.items()
        for k, draw in enumerate(draws)
    ],
)


def leaves(value):
    """Return all numbers of a result, whatever it is made of."""
    if isinstance(value, np.ndarray):
        return list(value.ravel())
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


@every_question
def test_the_result_is_that_of_an_independent_computation(notebook, k, answer):
    for seed in SEEDS:
        question = questions(notebook, seed)[k]
        found, expected = leaves(question.result), leaves(answer(**question.given))
        assert len(found) == len(expected)
        for number, right in zip(found, expected, strict=True):
            right = right if hasattr(right, "expected") else pytest.approx(right, rel=1e-5, abs=1e-5)
            assert number == right, (seed, question.text)


@every_question
def test_the_worked_answer_says_every_number_of_the_result(notebook, k, answer):
    for seed in SEEDS:
        question = questions(notebook, seed)[k]
        said = [float(number) for number in re.findall(r"(?<![\d.])-?\d+(?:\.\d+)?", question.answer.replace("−", "-"))]
        for number in leaves(question.result):
            near = [abs(number - one) for one in said]
            assert min(near) <= 5.1e-4 * max(1, abs(number) if abs(number) < 1000 else 1), (
                seed,
                number,
                question.answer,
            )


@pytest.mark.parametrize("notebook", DRAWN)
def test_other_seeds_draw_other_numbers_and_the_same_seed_the_same(notebook):
    assert list(map(str, questions(notebook, 3))) == list(map(str, questions(notebook, 3)))
    for drawn in zip(*(map(str, questions(notebook, seed)) for seed in SEEDS), strict=True):
        assert len(set(drawn)) >= 4


def test_the_numbers_show_both_sides_where_a_question_has_two():
    texts = ["\n".join(map(str, questions(notebook, seed))) for notebook in DRAWN for seed in SEEDS]
    for words in ("the loss falls:", "the loss rises:", "an edge", "Here both agree", "even the sign is wrong",
                  "cannot be kept", "bends upwards", "gets less of it", "as much as one in the middle"):  # fmt: skip
        assert any(words in text for text in texts), words
