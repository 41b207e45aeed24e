"""What the slider of notebook 3's training shows: the fates of a learning rate, and words."""

import math

import numpy as np
import pytest
from boards import fit

from cnnlab.course import widgets
from cnnlab.course.widgets._single_filter_training import training_run


def test_the_training_of_the_notebook_shows_its_predictions():
    run = training_run(0.001)
    np.testing.assert_allclose(run.predictions[[0, 1, 50]], [0.6006, 0.3443, 0.0135], atol=5e-5)
    assert run.words.startswith("learning rate 0.001: ŷ 0.6006 → 0.0135 in 50 steps, learns\n")
    assert training_run(1e-5).words.startswith("learning rate 0.00001: ")


VERDICTS = {1e-5: "crawls", 1e-4: "learns", 1e-3: "learns", 10**-2.4: "saturates", 1e-2: "dies", 1e6: "dies"}


@pytest.mark.parametrize(("learning_rate", "verdict"), VERDICTS.items())
def test_the_verdict_names_what_a_learning_rate_does(learning_rate, verdict):
    run = training_run(learning_rate)
    assert run.verdict == verdict
    assert fit(run.words)


def test_where_the_sigmoid_saturates_the_gradient_has_vanished_though_no_block_is_dead():
    run = training_run(10**-2.4)
    assert run.dead == 0
    assert 0 < run.kernel_gradients[-1] < 1e-12
    assert run.predictions[-1] < 1e-6


def test_where_the_relu_is_dead_the_kernel_stands_still_and_only_the_bias_moves():
    run = training_run(0.1)
    assert run.dead == 256
    assert not run.kernel_gradients[1:].any()
    # Only d is left: z falls by η (ŷ − 0) ŷ (1 − ŷ) at each step, from the z after the first one.
    z = math.log(run.predictions[1] / (1 - run.predictions[1]))
    for _ in range(48):
        y_hat = 1 / (1 + math.exp(-z))
        z -= 0.1 * y_hat * y_hat * (1 - y_hat)
    assert run.predictions[49] == pytest.approx(1 / (1 + math.exp(-z)))


def test_a_rate_of_zero_leaves_the_kernel_as_it_was():
    run = training_run(0.0)
    np.testing.assert_array_equal(run.before, run.after)
    assert run.verdict == "crawls"


def test_the_board_starts_where_it_is_told():
    board = widgets.single_filter_training(learning_rate=0.01)
    assert board.labels[0].value.endswith("in 50 steps, dies")
