"""What the sliders of notebook 5 show: numbers by hand, by SciPy and by finite differences, and their words."""

from math import exp, log

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.signal import correlate2d
from scipy.special import log_softmax

from cnnlab.course import widgets
from cnnlab.course.widgets.two_class_softmax import IMAGES, START, logits_answer, softmax_run

NAMES = ("conv_weight", "conv_bias", "dense_weight", "dense_bias")


def log_probabilities(theta, image):
    """The network of notebook 5 with all 58 parameters in a row, by SciPy."""
    K, b, W, d = np.split(theta, [18, 20, 56])
    maps = [np.maximum(correlate2d(image, K[9 * k :][:9].reshape(3, 3), "valid") + b[k], 0) for k in (0, 1)]
    pooled = [R[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max() for R in maps for i in range(3) for j in range(3)]
    return log_softmax(W.reshape(2, 18) @ pooled + d)


def one_step_by_scipy(learning_rate, images):
    """The loss, and what one step leads to, with the gradient from finite differences."""
    theta = np.concatenate([START[name].reshape(-1) for name in NAMES])
    loss = lambda theta: -np.mean([log_probabilities(theta, IMAGES[n, 0])[1 - n] for n in range(images)])
    gradient = approx_fprime(theta, loss, 1e-7)
    stepped = theta - learning_rate * gradient
    p = [exp(log_probabilities(stepped, IMAGES[n, 0])[1]) for n in range(images)]
    return loss(theta), loss(stepped), p, loss(theta) - learning_rate * np.sum(gradient**2)


@pytest.mark.parametrize(("learning_rate", "images"), [(0.01, 1), (0.001, 2), (0.01, 2), (0.1, 2)])
def test_one_step_does_what_finite_differences_say(learning_rate, images):
    before, after, p, promised = one_step_by_scipy(learning_rate, images)
    run = softmax_run(learning_rate, 1, images)
    np.testing.assert_allclose(run.losses, [before, after], rtol=1e-4)
    np.testing.assert_allclose(run.probabilities[1], p, rtol=1e-4)
    assert run.promised == pytest.approx(promised, rel=1e-4)


def test_the_start_is_that_of_the_notebook():
    run = softmax_run(0.01, 1, 1)
    lines = run.words.split("\n")
    assert lines[0] == "learning rate 0.010: p₁ 0.2053 → 0.8515 after 1 step, loss 1.5832 → 0.1607"
    assert lines[1].endswith("promised by the gradient, 0.1607 reached; no loss can be negative")


def test_the_mirror_image_is_the_image_from_right_to_left():
    np.testing.assert_array_equal(IMAGES[1, 0], np.fliplr(IMAGES[0, 0]))


@pytest.mark.parametrize(
    ("learning_rate", "steps", "images", "verdict"),
    [
        (0.0001, 1, 1, "falls"),
        (0.01, 60, 1, "falls"),
        (1.0, 1, 1, "stands still"),
        (1000.0, 60, 1, "stands still"),
        (0.0001, 60, 2, "falls"),
        (10**-0.5, 60, 2, "jumps"),
        (1.0, 3, 2, "jumps"),
        (1.0, 60, 2, "dies"),
        (1000.0, 10, 2, "jumps"),
        (1000.0, 60, 2, "diverges"),
    ],
)
def test_the_verdict(learning_rate, steps, images, verdict):
    run = softmax_run(learning_rate, steps, images)
    assert run.verdict == verdict
    assert all(len(line) <= 110 for line in run.words.split("\n"))
    assert np.isfinite(run.losses).all()
    assert len(run.losses) == len(run.probabilities)


@pytest.mark.parametrize("learning_rate", [0.0001, 0.01, 0.1])
def test_the_gradient_keeps_its_promise_only_for_small_steps(learning_rate):
    run = softmax_run(learning_rate, 1, 1)
    kept = abs(run.losses[1] - run.promised) < 0.01 * run.losses[0]
    assert kept == (learning_rate == 0.0001)
    assert ("no loss can be negative" in run.words) == (run.verdict == "falls" and run.promised < 0)


def test_one_image_alone_is_learned_exactly_at_any_large_rate():
    run = softmax_run(1.0, 5, 1)
    np.testing.assert_array_equal(run.losses[1:], 0)
    np.testing.assert_array_equal(run.probabilities[1:], 1)
    assert "→ 1.0000 after 5 steps, loss 1.5832 → 0\np − y is 0 to 16 digits" in run.words


def test_dead_filters_leave_a_network_that_says_one_half_to_everything():
    run = softmax_run(1.0, 60, 2)
    assert run.losses[-1] == pytest.approx(log(2), abs=1e-6)
    np.testing.assert_allclose(run.probabilities[-1], 0.5, atol=1e-4)
    assert "dead" in run.words


def test_a_jump_is_told_by_how_often_and_how_high_the_loss_rose():
    run = softmax_run(10**-0.75, 60, 2)
    np.testing.assert_allclose(run.losses[:4], [3.826, 1.291, 3.785, 0.090], atol=5e-4)
    assert (np.diff(run.losses[3:]) < 0).all()
    assert "it rose in 1 of the 60 steps, to 3.78" in run.words  # not to 3.826, where it started


def test_overflow_is_named_and_not_drawn():
    run = softmax_run(1000.0, 60, 2)
    assert run.diverged_at == len(run.losses)
    assert f"after {run.diverged_at - 1} steps" in run.words
    assert f"after step {run.diverged_at} is not a number" in run.words
    assert "nan" not in run.words
    assert "inf" not in run.words


@pytest.mark.thorough
def test_every_setting_of_the_training_sliders_has_words_that_fit():
    board = widgets.softmax_training()
    board.controls["steps"].value = 60
    for images in (1, 2):
        board.controls["images"].value = images
        for exponent in np.arange(-4, 3.1, 0.25):
            board.controls["learning_rate"].value = 10**exponent
            assert all(len(label.value) <= 110 for label in board.labels)
            assert board.labels[0].value.startswith("learning rate ")


def by_hand(z0, z1, right):
    p1 = 1 / (1 + exp(z0 - z1))
    p = (1 - p1, p1)
    return p, -log(p[right]), (p[0] - (right == 0), p[1] - (right == 1))


@pytest.mark.parametrize("right", [0, 1])
@pytest.mark.parametrize(("z0", "z1"), [(0.7, -0.6), (0.0, 0.0), (2.0, 0.7), (6.0, -6.0), (-6.0, 6.0), (6.0, 6.0)])
def test_logits_answer_as_by_hand(z0, z1, right):
    p, loss, gradient = by_hand(z0, z1, right)
    answer = logits_answer(z0, z1, right)
    np.testing.assert_allclose(answer.probabilities, p, rtol=1e-9)
    assert answer.loss == pytest.approx(loss, rel=1e-6)
    np.testing.assert_allclose(answer.gradient, gradient, rtol=1e-5)


def test_logits_in_words():
    assert logits_answer(0.7, -0.6, 1).words == (
        "z = (0.7, −0.6): p = (0.79, 0.21), right class 1: loss 1.54, p − y = (+0.79, −0.79)\n"
        "z₁ − z₀ = −1.3: a step raises z₁ and lowers z₀, by equal amounts"
    )
    assert logits_answer(-6.0, 6.0, 1).words == (
        "z = (−6.0, 6.0): p = (6e−6, 1.00), right class 1: loss 6e−6, p − y = (+6e−6, −6e−6)\n"
        "z₁ − z₀ = 12.0: sure and right, so there is almost nothing left to learn"
    )
    assert logits_answer(-6.0, 6.0, 0).words == (
        "z = (−6.0, 6.0): p = (6e−6, 1.00), right class 0: loss 12.00, p − y = (−1.00, +1.00)\n"
        "z₀ − z₁ = −12.0: sure and wrong, so a step pushes z₀ up and z₁ down as hard as it can"
    )
    assert logits_answer(-1e-17, 0.0, 0).words == (
        "z = (0.0, 0.0): p = (0.50, 0.50), right class 0: loss 0.69, p − y = (−0.50, +0.50)\n"
        "z₀ − z₁ = 0.0: a step raises z₀ and lowers z₁, by equal amounts"
    )


def test_adding_the_same_number_to_both_logits_changes_only_the_logits():
    before, after = logits_answer(0.7, -0.6, 1), logits_answer(4.7, 3.4, 1)
    np.testing.assert_allclose(after.probabilities, before.probabilities, rtol=1e-12)
    assert after.words.split(": ", 1)[1] == before.words.split(": ", 1)[1]


def test_the_bars_stand_where_the_numbers_are():
    board = widgets.logits(2.0, 0.7, 0)
    p, _, gradient = by_hand(2.0, 0.7, 0)
    left, middle, last = board.figure.axes
    np.testing.assert_allclose([bar.get_height() for bar in left.patches], p)
    np.testing.assert_allclose([bar.get_height() for bar in last.patches], gradient)
    board.controls["right"].value = 1
    assert last.texts[0].get_text() == "+0.79\nz₀ should fall"
    assert last.texts[1].get_text() == "−0.79\nz₁ should rise"
    assert middle.get_title() == "loss L, slope −0.79"
