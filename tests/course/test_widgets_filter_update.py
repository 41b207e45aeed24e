"""What the sliders of notebook 1 show: numbers by hand and by theory, words, and the ends of their ranges."""

import numpy as np
import pytest

from cnnlab.course import widgets
from cnnlab.course.widgets._filter_update import filter_run


def test_the_usual_run_shows_the_losses_of_the_notebook():
    run = filter_run(0.1, 10)
    assert run.losses[[0, 9]] == pytest.approx([2.806756433470147, 0.010122541172529635])
    assert run.words.startswith("learning rate 0.100: loss 2.81 → 0.0101 in 10 steps, converges\n")


VERDICTS = {0.005: "crawls", 0.1: "converges", 0.18: "oscillates", 0.185: "oscillates", 0.19: "diverges"}


@pytest.mark.parametrize(("learning_rate", "verdict"), VERDICTS.items())
def test_the_verdict_follows_the_factors_along_the_axes(learning_rate, verdict):
    assert filter_run(learning_rate, 10).verdict == verdict


def test_beyond_the_limit_the_loss_grows_by_the_square_of_the_factor_that_the_words_name():
    run = filter_run(0.19, 100)
    assert run.losses[99] / run.losses[98] == pytest.approx(1.041**2, rel=1e-3)
    assert "1.041 times as large" in run.words


def test_the_path_is_measured_from_the_optimum_along_the_two_steepest_axes():
    run = filter_run(0.1, 2)
    # One step multiplies each distance by 1 - 0.1 λ, with the eigenvalues 1.5720 and 10.7440.
    np.testing.assert_allclose(run.path[1] / run.path[0], [1 - 0.1572, 1 - 1.0744], rtol=1e-3)


def test_one_step_is_enough_for_a_picture_and_words():
    board = widgets.filter_update(learning_rate=0.25, steps=1)
    assert board.labels[0].value == "learning rate 0.250: loss 2.81 → 2.81 in 1 step, diverges"
