"""Draw exam questions with worked answers: `python tools/questions.py NOTEBOOK [SEED]`.

There are five for each notebook, with other numbers for every seed. They are not part of the package, which learners
install.

>>> [question.title for question in questions(2)]
['The size of a map', 'Shapes of a layer', 'An impulse', 'Brighter everywhere', 'In how many windows']
"""

from __future__ import annotations

import argparse
from typing import Any, Callable, NamedTuple

import numpy as np

Rng = np.random.Generator


class Question(NamedTuple):
    """A question, its worked answer, and the numbers of both, by which a quiz or a test can check them."""

    title: str
    text: str
    answer: str
    given: dict[str, Any]
    result: Any

    def __str__(self) -> str:
        """Return the question and its answer in Markdown."""
        return f"**{self.title}.** {self.text}\n\n*Answer.* {self.answer}\n"


def questions(notebook: int, seed: int = 0) -> list[Question]:
    """Draw the five questions of a notebook, 1 to 5; the same seed draws the same numbers."""
    rng = np.random.default_rng(seed)
    return [draw(rng) for draw in DRAWN[notebook]]


def written(value: Any) -> str:
    """Write a number or an array as people do: rows in brackets, four decimals at most, a true minus."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return "[" + ", ".join(map(written, value)) + "]"
    return f"{round(float(value), 4) + 0.0:.10g}".replace("-", "−")


def factor(value: Any) -> str:
    """Write a number that is multiplied or subtracted: in brackets if it is negative."""
    return f"({written(value)})" if value < 0 else written(value)


def products(a: Any, b: Any) -> str:
    """Write the sum of the products of two arrays, entry by entry."""
    return " + ".join(f"{factor(x)}·{factor(y)}" for x, y in zip(np.ravel(a), np.ravel(b), strict=True))


def counted(number: int, name: str) -> str:
    """Write how many there are: 1 row, 2 rows."""
    return f"{number} {name}{'' if number == 1 else 's'}"


def whole(rng: Rng, shape: Any, low: int = -3, high: int = 3) -> np.ndarray:
    """Draw whole numbers from low to high, but not 0."""
    numbers = rng.integers(low, high, shape)
    return numbers + (numbers >= 0)


# Notebook 1


def one_pixel(rng: Rng) -> Question:
    kernel = whole(rng, (2, 2))
    row, column = map(int, rng.choice([(0, 1), (0, 2), (1, 0), (1, 1), (2, 2), (3, 1)]))
    changes = np.zeros((3, 3))
    for u, v in np.ndindex(2, 2):
        if 0 <= row - u < 3 and 0 <= column - v < 3:
            changes[row - u, column - v] = kernel[u, v]
    return Question(
        "One pixel, many outputs",
        f"The filter W = {written(kernel)} slides over a 4×4 image. The pixel in row {row}, column {column} grows by "
        "1, and all others stay. By how much does each of the 3×3 outputs change?",
        f"In the window of output (i, j) the pixel lies under the weight with row {row} − i and column {column} − j, "
        f"where there is one. So the outputs change by {written(changes)}. {np.count_nonzero(changes)} of the nine "
        "windows hold the pixel. The weights lie in the result as if turned by 180°.",
        {"kernel": kernel, "pixel": (row, column)},
        changes,
    )


def gradient_of_a_weight(rng: Rng) -> Question:
    image, error = whole(rng, (3, 3), 0, 4), whole(rng, (2, 2)) / 4
    u, v = map(int, rng.integers(0, 2, 2))
    pixels = image[u : u + 2, v : v + 2]
    gradient = float(np.sum(error * pixels))
    return Question(
        "The gradient of a weight",
        f"The image is {written(image)}, the filter is 2×2, and the error map is E = ∂L/∂Ŷ = {written(error)}. What "
        f"is ∂L/∂W for the weight in row {u}, column {v}? By about how much does the loss change if this weight alone "
        "grows by 0.01?",
        f"The weight meets one pixel in each of the four windows: {written(pixels)}. All four paths add up: "
        f"{products(error, pixels)} = {written(gradient)}. So the loss changes by about 0.01 · {factor(gradient)} = "
        f"{written(gradient / 100)}.",
        {"image": image, "error": error, "weight": (u, v)},
        (gradient, gradient / 100),
    )


def step_along_a_wrong_gradient(rng: Rng) -> Question:
    right, wrong = whole(rng, 4), whole(rng, 4)
    while right @ wrong == 0 or np.array_equal(right, wrong):
        wrong = whole(rng, 4)
    change = -0.01 * float(right @ wrong)
    return Question(
        "A step along a wrong gradient",
        f"The gradient of four weights is {written(right)}. A program with a slip computes {written(wrong)}, and "
        "makes a step of gradient descent with it, with learning rate 0.01. Does the loss fall? What does that say "
        "about the program?",
        "Each weight moves by −0.01 times its wrong entry, and the loss changes by the right entry times that. "
        f"Together about −0.01 · ({products(right, wrong)}) = {written(change)}: the loss "
        f"{'falls' if change < 0 else 'rises'}. "
        + (
            "It falls although the gradient is wrong, so a falling loss proves nothing. A gradient check fails at once."
            if change < 0
            else "Here one would notice. With other numbers it could fall all the same; a gradient check needs no luck."
        ),
        {"right": right, "wrong": wrong},
        change,
    )


def rates_on_a_parabola(rng: Rng) -> Question:
    bend = int(rng.choice([2, 4, 5, 8, 10]))
    factors = np.sort(rng.choice([0.6, 0.0, -0.5, -1.0, -1.2], 3, replace=False))[::-1]
    rates = (1 - factors) / bend
    fate = {
        0.6: "comes closer on the same side",
        0.0: "is there after one step",
        -0.5: "comes closer, from side to side",
    }
    fate |= {-1.0: "jumps between two points for ever", -1.2: "goes farther away with every step"}
    return Question(
        "Which step size still converges",
        f"The loss is L = ½ · {bend} · x², and gradient descent starts at x = 1. What does x do with the learning "
        f"rates {written(rates)}? Which rates converge?",
        f"The derivative is {bend}x, so a step multiplies x by 1 − {bend}η. "
        + " ".join(
            f"With η = {written(rate)} the factor is {written(factor)}: x {fate[float(factor)]}."
            for rate, factor in zip(rates, factors, strict=True)
        )
        + f" All rates between 0 and 2/{bend} = {written(2 / bend)} converge.",
        {"bend": bend, "rates": rates},
        (factors, 2 / bend),
    )


def brighter_pixels(rng: Rng) -> Question:
    image, scale = whole(rng, (3, 3), 0, 4), int(rng.choice([2, 3, 5, 10]))
    windows = np.lib.stride_tricks.sliding_window_view(image, (2, 2)).reshape(4, 4)
    limit = 2 / np.linalg.eigvalsh(2 / 4 * windows.T @ windows)[-1]
    return Question(
        "Brighter pixels",
        "A 2×2 filter learns on a 3×3 image with the mean squared error. Gradient descent converges for learning "
        f"rates below {limit:.5f}. Now every pixel is multiplied by {scale}. Below which rate does it converge?",
        "The second derivatives of the loss are sums of products of two pixels, so all of them grow by the factor "
        f"{scale}² = {scale**2}, and so does the largest eigenvalue. The limit is 2 divided by it: {limit:.5f} / "
        f"{scale**2} = {limit / scale**2:.7f}. This is why images are scaled before training.",
        {"image": image, "scale": scale},
        limit / scale**2,
    )


# Notebook 2


def size_of_a_map(rng: Rng) -> Question:
    k, p = int(rng.integers(2, 5)), int(rng.integers(0, 2))
    s = int(rng.integers(2, k + 1))
    sizes = [int(n) for n in rng.integers(6, 12, 2)]
    map_sizes = [(n + 2 * p - k) // s + 1 for n in sizes]
    left_over = [(n + 2 * p - k) % s for n in sizes]
    unseen = [max(0, n - p) for n in left_over]
    lines = [f"⌊({n} + 2·{p} − {k}) / {s}⌋ + 1 = {m}" for n, m in zip(sizes, map_sizes, strict=True)]
    return Question(
        "The size of a map",
        f"An image has {sizes[0]} rows and {sizes[1]} columns. A {k}×{k} kernel slides over it with padding {p} and "
        f"stride {s}. How large is the map? How many rows and how many columns of the image lie in no window?",
        f"Rows: {lines[0]}. Columns: {lines[1]}. The divisions leave over {counted(left_over[0], 'row')} and "
        f"{counted(left_over[1], 'column')} of the padded image, which lie in no window. "
        + ("The last row and the last column of it are padding. " if p else "")
        + f"So of the image itself {counted(unseen[0], 'row')} and {counted(unseen[1], 'column')} lie in no window"
        + (", and no gradient reaches them." if any(unseen) else ": all of it counts."),
        {"sizes": sizes, "k": k, "p": p, "s": s},
        (*map_sizes, *unseen),
    )


def shapes_of_a_layer(rng: Rng) -> Question:
    n, c, f = (int(rng.integers(*bounds)) for bounds in ((2, 65), (2, 5), (3, 17)))
    size, k = int(rng.integers(12, 33)), int(rng.choice([3, 5]))
    count = f * c * k * k + f
    return Question(
        "Shapes of a layer",
        f"{n} images with {c} channels and {size}×{size} pixels go through a convolution with {f} kernels of {k}×{k}, "
        "each with a bias, and padding *same*. Which shapes do the kernels and the result have? How many numbers are "
        "to be learned, and how many if the images are twice as wide?",
        f"A kernel has as many channels as the image: ({f}, {c}, {k}, {k}). Each kernel makes one map of the image's "
        f"size: ({n}, {f}, {size}, {size}). To be learned are {f}·{c}·{k}·{k} + {f} = {count} numbers, whatever the "
        "size of the images: the same kernel is used at every place.",
        {"n": n, "c": c, "f": f, "size": size, "k": k},
        ((f, c, k, k), (n, f, size, size), count),
    )


def impulse(rng: Rng) -> Question:
    kernel = rng.permutation(9).reshape(3, 3) + 1
    row, column = map(int, rng.integers(1, 4, 2))
    maps = []
    for slid in (kernel, kernel[::-1, ::-1]):
        one = np.zeros((3, 3))
        for i, j in np.ndindex(3, 3):
            if 0 <= row - i < 3 and 0 <= column - j < 3:
                one[i, j] = slid[row - i, column - j]
        maps.append(one)
    return Question(
        "An impulse",
        f"A 5×5 image is 0 everywhere but for a 1 in row {row}, column {column}. The kernel {written(kernel)} slides "
        "over it without padding, as `conv2d` does it. What is the map? What is it if the kernel is turned first, "
        "which is convolution as mathematics means it?",
        f"Output (i, j) meets the 1 with the kernel's entry in row {row} − i, column {column} − j, or not at all. So "
        f"the map is {written(maps[0])}: the entries run backwards. With the turned kernel it is {written(maps[1])}, "
        "where they run forwards.",
        {"kernel": kernel, "place": (row, column)},
        tuple(maps),
    )


def brighter_everywhere(rng: Rng) -> Question:
    kernel, more = whole(rng, (3, 3), -2, 2), int(rng.integers(2, 10))
    if rng.random() < 0.5:  # an edge kernel, blind to brightness
        kernel[:, 1] = 0
        kernel[:, 2] = -kernel[:, 0]
    inner, corner = more * int(kernel.sum()), more * int(kernel[1:, 1:].sum())
    return Question(
        "Brighter everywhere",
        f"The kernel {written(kernel)} slides over an image with padding *same*. Every pixel grows by {more}. By how "
        "much does an output in the middle change? And output (0, 0)?",
        f"In the middle every entry meets a pixel that grew, so the output changes by {more} times the sum of the "
        f"entries, {more} · {factor(kernel.sum())} = {written(inner)}. At (0, 0) the first row and the first column "
        "of the kernel lie on zeros of the padding, which stay. The other four entries add up to "
        f"{written(kernel[1:, 1:].sum())}, and the output changes by {written(corner)}. "
        + (
            "The padding does not grow with the picture: in the corner the kernel sees an edge."
            if inner != corner
            else "Here both agree."
        ),
        {"kernel": kernel, "more": more},
        (inner, corner),
    )


def windows_of_a_pixel(rng: Rng) -> Question:
    k, p, size = int(rng.choice([3, 5])), int(rng.integers(0, 3)), int(rng.integers(10, 15))
    row, column = map(int, rng.integers(0, 3, 2))

    def along(place: int) -> int:
        return sum(0 <= place + p - u <= size + 2 * p - k for u in range(k))

    corner, middle = along(row) * along(column), k * k
    return Question(
        "In how many windows",
        f"A {k}×{k} kernel slides over an image of {size}×{size} pixels with stride 1 and padding {p}. In how many "
        f"windows is the pixel in row {row}, column {column}, and in how many is a pixel in the middle? What does "
        "that mean for their gradients?",
        f"A window that holds the pixel starts in its row or up to {k - 1} rows above, but not above row "
        f"{written(-p)}, where the padded image begins. Places for it: {along(row)} from top to bottom, "
        f"{along(column)} from left to right, together {along(row)} · {along(column)} = {corner}. In the middle it is "
        f"{k} · {k} = {middle}. The gradient of a pixel has one term for each window, so "
        + ("the border gets less of it." if corner < middle else "this pixel gets as much as one in the middle."),
        {"k": k, "p": p, "size": size, "pixel": (row, column)},
        (corner, middle),
    )


# Notebook 3


def tied_block(rng: Rng) -> Question:
    top, gradient = int(rng.integers(2, 9)), int(whole(rng, (), -5, 5)) * 2
    tied = np.sort(rng.choice(4, 2, replace=False))
    block = rng.integers(-4, top, 4)
    block[tied] = top
    share, differences = np.zeros(4), np.zeros(4)
    share[tied[0]] = gradient
    differences[tied] = gradient / 2
    names = [f"({n // 2}, {n % 2})" for n in tied]
    return Question(
        "A tie in the pool",
        f"A block of a max pool is {written(block.reshape(2, 2))}, and the gradient {written(gradient)} arrives for "
        "its maximum. Which gradient do the four cells get by the rule of the course? What does a central difference "
        "say of each cell, and who is right?",
        f"The first maximum, row by row, gets all: {written(share.reshape(2, 2))}. A central difference moves "
        f"{names[0]} alone. Upwards the maximum follows; downwards it stays, as {names[1]} still has {top}. It "
        f"reports the mean of both slopes, {written(gradient / 2)}, for {names[1]} likewise: "
        f"{written(differences.reshape(2, 2))}. Neither is wrong: at a tie there is a kink and no gradient, so a rule "
        "has to say what is used.",
        {"block": block.reshape(2, 2), "gradient": gradient},
        (share.reshape(2, 2), differences.reshape(2, 2)),
    )


def dead_block(rng: Rng) -> Question:
    alive = rng.permutation([-2, -1, 3, 5]).reshape(2, 2)
    dead = -rng.permutation([1, 2, 3, 4]).reshape(2, 2)
    gradients = whole(rng, 2, -5, 5) / 10
    at = int(rng.integers(0, 2))  # which block is dead
    C = np.hstack((dead, alive) if at == 0 else (alive, dead))
    error = np.zeros((2, 4))
    i, j = np.argwhere(C == 5)[0]
    error[i, j] = gradients[1 - at]
    return Question(
        "What reaches the map",
        f"A map C = {written(C)} goes through ReLU and then through a 2×2 max pool, which makes two numbers of it. "
        f"Their gradients are ∂L/∂P = {written(gradients)}. What is ∂L/∂C?",
        f"After ReLU one block has its maximum 5 at row {i}, column {j}; there {written(gradients[1 - at])} passes "
        "the pool and the ReLU. The other block is dead: four zeros. By the rule its first cell gets "
        f"{written(gradients[at])}, but C is negative there, and ReLU stops it. So ∂L/∂C = {written(error)}.",
        {"C": C, "gradients": gradients},
        error,
    )


def score_and_weights(rng: Rng) -> Question:
    prediction, y = float(rng.choice([0.2, 0.25, 0.4, 0.6, 0.75, 0.8, 0.9])), int(rng.integers(0, 2))
    features = rng.permutation([0, *rng.integers(1, 6, 2)])
    dz = (prediction - y) * prediction * (1 - prediction)
    return Question(
        "From the loss to the weights",
        "A network ends in z = w · f + d, ŷ = σ(z), L = ½(ŷ − y)². For one image the features are f = "
        f"{written(features)}, ŷ = {prediction} and y = {y}. What are ∂L/∂z and ∂L/∂w? Which weight does a step leave "
        "alone, and why?",
        f"∂L/∂z = (ŷ − y) · ŷ · (1 − ŷ) = {factor(prediction - y)} · {prediction} · {written(1 - prediction)} = "
        f"{written(dz)}. Each weight meets its feature: ∂L/∂w = {written(dz * features)}. The weight of the feature 0 "
        "stays: in a product the gradient of one factor is the other.",
        {"prediction": prediction, "y": y, "features": features},
        (dz, dz * features),
    )


def sure_and_wrong(rng: Rng) -> Question:
    sure, unsure = float(rng.choice([0.01, 0.02, 0.03, 0.04, 0.05])), float(rng.choice([0.3, 0.4, 0.5, 0.6, 0.7]))
    pulls = [(p - 1) * p * (1 - p) for p in (sure, unsure)]
    return Question(
        "Sure and wrong",
        "Two images have the target y = 1, and the loss is ½(ŷ − y)² with ŷ = σ(z). For one the network answers ŷ = "
        f"{sure}, for the other ŷ = {unsure}. Which answer is worse? Whose score is pushed harder?",
        f"{sure} is worse. But ∂L/∂z = (ŷ − y) ŷ (1 − ŷ) is {written(pulls[0])} for it and {written(pulls[1])} for "
        f"the other, {written(round(pulls[1] / pulls[0], 1))} times as much. The sigmoid is flat where it is sure, "
        "and the factor ŷ (1 − ŷ) takes the gradient away: it is saturated.",
        {"answers": (sure, unsure)},
        tuple(pulls),
    )


def turned_gradient(rng: Rng) -> Question:
    gradient = whole(rng, (3, 3), -2, 2)
    if rng.random() < 0.5:  # that of an edge filter: bright above, dark below
        gradient = np.sort(np.abs(gradient), axis=0)[::-1] * [[1], [0], [-1]]
    turned = gradient[::-1, ::-1]
    right, slip = float(np.sum(gradient**2)), float(np.sum(gradient * turned))
    places = ", ".join(f"({i}, {j})" for i, j in np.argwhere(gradient == turned))
    fall = "falls" if slip > 0 else "rises" if slip < 0 else "neither rises nor falls"
    return Question(
        "A turned gradient",
        f"The gradient of a kernel is {written(gradient)}. A program computes it turned by 180°. Which entries are "
        "right? To first order, by how much does the loss change in a step with learning rate 0.001, with the right "
        "gradient and with the turned one?",
        f"The slip computes {written(turned)}. An entry is right where it equals the one opposite, as the middle one "
        f"does: here at {places}. A step changes the loss by −0.001 times the sum of the products of the right "
        f"entries with those of the step. With the right gradient all products are squares: −0.001 · {written(right)} "
        f"= {written(-right / 1000)}. With the turned one the sum is {written(slip)}, and the loss {fall}: "
        f"{written(-slip / 1000)}.",
        {"gradient": gradient},
        (-right / 1000, -slip / 1000),
    )


# Notebook 4


def sum_of_many(rng: Rng) -> Question:
    count, feature = int(rng.choice([400, 900, 1600, 2500])), float(rng.choice([0.4, 0.5, 0.8]))
    mean = count * feature / 2
    return Question(
        "A sum of many",
        f"A dense layer adds up {count} features, each about {feature}. Its weights are drawn uniformly between 0 and "
        "1. How large is the sum, and what are ŷ = σ(sum) and its derivative? Then the weights are drawn with mean 0 "
        f"and variance 1/{count} instead. How far from 0 do the sums lie?",
        f"A weight is ½ on average: {count} · ½ · {feature} = {written(mean)}. ŷ is 1 to all digits of a computer, "
        "and ŷ (1 − ŷ) is 0: saturated, no gradient arrives anywhere. With the scaled weights the variance of the "
        f"sum is {count} · 1/{count} · {feature}² = {written(feature**2)}, so sums lie about {feature} from 0, "
        "however many there are.",
        {"count": count, "feature": feature},
        (mean, feature),
    )


def one_sum_moves_all(rng: Rng) -> Question:
    s = np.sort(rng.choice(9, 4, replace=False))
    q = int(rng.choice([0, 3]))
    deviation, z = s.std(), (s - s.mean()) / s.std()
    slopes = ((np.arange(4) == q) - 1 / 4 - z * z[q] / 4) / deviation
    return Question(
        "One sum moves all",
        f"Four sums s = {written(s)} are standardised over the batch: z = (s − μ) / δ. Sum number {q} (counted from "
        "0) grows a little. Which scores rise, and which fall? By how much, for each bit that the sum grows?",
        f"μ = {written(s.mean())}, δ = {written(deviation)}, z = {written(z)}. With [n = {q}] for 1 if n is {q} and "
        f"otherwise 0, the slopes are ([n = {q}] − 1/4 − z_n z_{q} / 4) / δ = {written(slopes)}. The score itself "
        "rises, others move since mean and deviation move. Together the slopes are 0, as the mean of the scores "
        "stays 0.",
        {"s": s, "q": q},
        slopes,
    )


def averaged_too_early(rng: Rng) -> Question:
    features = rng.choice([1, 2, 3, 4, 5], 2, replace=False)
    errors = rng.permutation([int(rng.integers(1, 5)), -int(rng.integers(1, 5))]) / 10
    targets = 2 * features - errors
    right, early = float(np.mean(errors * features)), float(np.mean(errors) * np.mean(features))
    return Question(
        "Averaged too early",
        f"For two images ŷ = w · f with w = 2, f = {written(features)} and y = {written(targets)}; the loss is the "
        "mean of ½(ŷ − y)². What is ∂L/∂w? A program takes the mean error times the mean feature. What does it get, "
        "and what is lost?",
        f"The errors ŷ − y are {written(errors)}. The gradient is the mean of the products, "
        f"({products(errors, features)}) / 2 = {written(right)}. The product of the means is "
        f"{factor(np.mean(errors))} · {written(np.mean(features))} = {written(early)}. It forgets which error belongs "
        "to which feature" + (", and even the sign is wrong." if right * early < 0 else "."),
        {"features": features, "targets": targets},
        (right, early),
    )


def two_losses(rng: Rng) -> Question:
    p, y = float(rng.choice([0.01, 0.02, 0.03, 0.04, 0.05, 0.1])), int(rng.integers(0, 2))
    prediction = round(p if y else 1 - p, 2)
    entropy, squared = prediction - y, (prediction - y) * prediction * (1 - prediction)
    return Question(
        "Two losses, one wrong answer",
        f"A digit has the label y = {y}, and the network answers ŷ = σ(z) = {prediction}. What is ∂L/∂z with "
        "cross-entropy, and what with half the squared error? Why does one of them help more here?",
        f"Cross-entropy: ŷ − y = {written(entropy)}. Half the squared error: (ŷ − y) ŷ (1 − ŷ) = {written(squared)}, "
        f"{written(round(entropy / squared, 1))} times less. The answer is wrong and rather sure, so the sigmoid is "
        "flat; cross-entropy's derivative has ŷ (1 − ŷ) in its denominator, and the flatness cancels.",
        {"prediction": prediction, "y": y},
        (entropy, squared),
    )


def order_of_features(rng: Rng) -> Question:
    filters, size = int(rng.integers(3, 7)), int(rng.integers(4, 13))
    k, i, j = int(rng.integers(0, filters)), *map(int, rng.integers(0, size, 2))
    m = size * size * k + size * i + j
    read = (m // filters // size, m // filters % size, m % filters)
    return Question(
        "The order of the features",
        f"{filters} maps of {size}×{size} are laid out in a row of {filters * size * size} features: filter by "
        f"filter, row by row. Which feature is the number of filter {k} at ({i}, {j})? A program reads the row back "
        f"as ({size}, {size}, {filters}), row, column, filter. Where does it take this feature to be? Does anything "
        "complain?",
        f"A map has {size * size} numbers and a row {size}: {size * size}·{k} + {size}·{i} + {j} = {m}. Read back, "
        f"every place has {filters} numbers in a row, one for each filter: {m} = {filters}·{m // filters} + "
        f"{m % filters}, and {m // filters} = {size}·{read[0]} + {read[1]}, so it lands at ({read[0]}, {read[1]}) of "
        f"filter {read[2]}. Nothing complains, since the count is right; a gradient check does.",
        {"filters": filters, "size": size, "place": (k, i, j)},
        (m, read),
    )


# Notebook 5


def shares(rng: Rng) -> np.ndarray:
    """Draw e to the scores of three classes, so that their probabilities are plain fractions."""
    return rng.choice([1, 2, 3, 4, 5], 3, replace=False)


def scores_and_probabilities(rng: Rng) -> Question:
    powers, c, added = shares(rng), int(rng.integers(0, 3)), int(rng.integers(2, 100))
    doubled = np.where(np.arange(3) == c, 2 * powers, powers)
    before, after = powers / powers.sum(), doubled / doubled.sum()
    names = ", ".join(f"ln {n}" for n in powers)
    return Question(
        "Scores and probabilities",
        f"The scores of three classes are z = [{names}]. What does softmax make of them? What if all three grow by "
        f"{added}? And what if only the score of class {c} grows, by ln 2?",
        f"e to the scores is {written(powers)}, together {powers.sum()}, so p = {written(before)}. If all grow alike, "
        f"nothing changes: the factor e^{added} cancels. If class {c} grows by ln 2, its power doubles, the sum "
        f"becomes {doubled.sum()}, and all three change: p = {written(after)}.",
        {"powers": powers, "class": c, "added": added},
        (before, after),
    )


def gradient_of_scores(rng: Rng) -> Question:
    powers, y = shares(rng), int(rng.integers(0, 3))
    p, one_hot = powers / powers.sum(), np.eye(3)[y]
    slip = one_hot * (p - 1)
    return Question(
        "The gradient of the scores",
        f"Softmax gives the probabilities p = {written(p)}, and the right class is {y}, with the loss −ln p_{y}. What "
        "is ∂L/∂z? A program multiplies ∂L/∂p by p (1 − p), as one does for a sigmoid. What does it get, and what "
        "never happens in its training?",
        f"p − y, with y as a row with a single 1: {written(p - one_hot)}. The three add up to 0. ∂L/∂p is −1/p_{y} "
        f"for the right class and 0 for the others, so the program gets {written(slip)}: right for class {y}, and 0 "
        "for the others. The scores of wrong classes are never pushed down.",
        {"powers": powers, "y": y},
        (p - one_hot, slip),
    )


def logarithm_of_nothing(rng: Rng) -> Question:
    low, apart = int(rng.integers(-20, 21)), int(rng.integers(50, 1000))
    return Question(
        "The logarithm of nothing",
        f"Two classes have the scores {written([low + apart, low])}, and class 1 is right. What is the cross-entropy? "
        "A program computes −ln(p₁ + 10⁻¹²) so that the logarithm never meets 0. What does it get, and why does it "
        "stop learning?",
        f"L = M + ln Σ e^(z − M) − z₁ with M = {low + apart}: {low + apart} + ln(1 + e^−{apart}) − {factor(low)} = "
        f"{apart}, to all digits that one prints. The program gets −ln 10⁻¹² = 27.631, and as long as p₁ is far below "
        "10⁻¹² that does not change with the scores, so its gradient is about 0. The right one is p − y = [1, −1].",
        {"scores": (low + apart, low)},
        (apart, float(-np.log(1e-12))),
    )


def promise_of_a_gradient(rng: Rng) -> Question:
    powers, rate = rng.choice([1, 2, 3, 4], 2, replace=False), float(rng.choice([0.1, 1, 5]))
    p = powers / powers.sum()
    gradient = p - [0, 1]
    loss = -np.log(p[1])
    promised = float(loss - rate * gradient @ gradient)
    difference = np.diff(np.log(powers) - rate * gradient)[0]
    reached = float(np.log(1 + np.exp(-difference)))
    return Question(
        "The promise of a gradient",
        f"Two scores z = [ln {powers[0]}, ln {powers[1]}] are themselves the parameters, class 1 is right, and the "
        f"loss is the cross-entropy. Gradient descent makes one step with learning rate {written(rate)}. Which loss "
        "does the gradient promise, and which is reached?",
        f"p = {written(p)}, L = −ln p₁ = {written(loss)}, and the gradient is p − y = {written(gradient)}. Promised "
        f"is L − η · (sum of its squares) = {written(loss)} − {written(rate)} · {written(gradient @ gradient)} = "
        f"{written(promised)}. After the step the scores differ by {written(difference)}, and the loss is "
        f"{written(reached)}. "
        + (
            "The promise cannot be kept, as no cross-entropy is negative: a gradient speaks of small steps only."
            if promised < 0
            else "The curve bends upwards, so less is reached than promised; the smaller the step, the nearer they are."
        ),
        {"powers": powers, "rate": rate},
        (promised, reached),
    )


def numbers_to_learn(rng: Rng) -> Question:
    size, k = int(rng.integers(9, 20)), int(rng.choice([2, 3, 4, 5]))
    filters, classes = int(rng.integers(2, 7)), int(rng.integers(2, 11))
    side = size - k + 1
    features = filters * (side // 2) ** 2
    count = filters * (k * k + 1) + classes * (features + 1)
    return Question(
        "Numbers to learn",
        f"An image of {size}×{size} pixels with one channel goes through {filters} filters of {k}×{k} without "
        f"padding, each with a bias, then ReLU, a 2×2 max pool, and a dense layer to {classes} scores. How many "
        "features are there, and how many numbers to learn? Where do most of them sit?",
        f"A map has {size} − {k} + 1 = {side} rows, the pooled one ⌊{side} / 2⌋ = {side // 2}: {filters} · "
        f"{side // 2} · {side // 2} = {features} features. Filters: {filters} · ({k}·{k} + 1) = "
        f"{filters * (k * k + 1)}. Dense layer: {classes} · ({features} + 1) = {classes * (features + 1)}. Together "
        f"{count}, most of them in the dense layer: a filter is used everywhere, a dense weight at one place.",
        {"size": size, "k": k, "filters": filters, "classes": classes},
        (features, count),
    )


Draw = Callable[[Rng], Question]
DRAWN: dict[int, tuple[Draw, ...]] = {
    1: (one_pixel, gradient_of_a_weight, step_along_a_wrong_gradient, rates_on_a_parabola, brighter_pixels),
    2: (size_of_a_map, shapes_of_a_layer, impulse, brighter_everywhere, windows_of_a_pixel),
    3: (tied_block, dead_block, score_and_weights, sure_and_wrong, turned_gradient),
    4: (sum_of_many, one_sum_moves_all, averaged_too_early, two_losses, order_of_features),
    5: (scores_and_probabilities, gradient_of_scores, logarithm_of_nothing, promise_of_a_gradient, numbers_to_learn),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw five exam questions with worked answers.")
    parser.add_argument("notebook", type=int, choices=sorted(DRAWN), help="the number of the notebook")
    parser.add_argument("seed", type=int, nargs="?", default=0, help="which numbers are drawn (default 0)")
    print("\n".join(map(str, questions(**vars(parser.parse_args())))))
