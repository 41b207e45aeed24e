"""What the sliders over notebook 5's training show: one step by SciPy and finite differences, fates and words."""

from math import exp, log

import numpy as np
import pytest
from boards import fit
from scipy.optimize import approx_fprime
from scipy.signal import correlate2d
from scipy.special import log_softmax

from cnnlab.course import widgets
from cnnlab.course.widgets._softmax_training import IMAGES, START, softmax_run

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
    first, second = run.words.split("\n")
    assert first == "learning rate 0.010: p₁ 0.2053 → 0.8515 after 1 step, loss 1.5832 → 0.1607"
    assert second.endswith("promised by the gradient, 0.1607 reached; no loss is negative")
    np.testing.assert_array_equal(IMAGES[1, 0], np.fliplr(IMAGES[0, 0]))


VERDICTS = {(0.01, 60, 1): "falls", (1.0, 1, 1): "stands still", (1000.0, 60, 1): "stands still"}
VERDICTS |= {(0.0001, 60, 2): "falls", (10**-0.5, 60, 2): "jumps", (1000.0, 10, 2): "jumps"}
VERDICTS |= {(1.0, 60, 2): "dies", (1000.0, 60, 2): "diverges"}


@pytest.mark.parametrize(("setting", "verdict"), VERDICTS.items())
def test_the_verdict_on_learning_rate_steps_and_images(setting, verdict):
    run = softmax_run(*setting)
    assert run.verdict == verdict
    assert fit(run.words)
    assert np.isfinite(run.losses).all()
    assert len(run.losses) == len(run.probabilities)


def test_the_board_trains_with_the_rate_that_its_slider_shows():
    board = widgets.softmax_training()
    board.controls["learning_rate"].value = 10**2.75  # 562.3, shown as 560
    assert [label.value for label in board.labels] == softmax_run(560.0, 1, 1).words.split("\n")
    board.close()


def test_the_gradient_keeps_its_promise_only_for_small_steps():
    for learning_rate, kept in ((0.0001, True), (0.01, False)):
        run = softmax_run(learning_rate, 1, 1)
        assert (abs(run.losses[1] - run.promised) < 0.01 * run.losses[0]) == kept
        assert ("no loss is negative" in run.words) == (run.promised < 0)


def test_one_image_alone_is_learned_exactly_at_any_large_rate():
    run = softmax_run(1.0, 5, 1)
    np.testing.assert_array_equal(run.losses[1:], 0)
    np.testing.assert_array_equal(run.probabilities[1:], 1)
    assert "→ 1.0000 after 5 steps, loss 1.5832 → 0\np − y rounds to 0" in run.words


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
    assert not any(word in run.words for word in ("nan", "inf"))


@pytest.mark.thorough
@pytest.mark.parametrize("images", [1, 2])
def test_every_learning_rate_of_the_slider_has_words_that_fit(images):
    assert all(fit(softmax_run(10.0**exponent, 60, images).words) for exponent in np.arange(-4, 3.1, 0.25))
