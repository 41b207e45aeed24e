"""What the sliders of notebook 1 show: numbers by hand and by theory, words, and the ends of their ranges."""

import numpy as np
import pytest

from cnnlab.course import widgets
from cnnlab.course.widgets._filter_update import filter_run
from cnnlab.course.widgets._parabola import descent


def test_losses_are_those_after_as_many_steps_as_the_words_say():
    run = filter_run(0.1, 10)
    # The tenth loss of the notebook is that after nine steps; the tenth step takes it to 0.00752.
    assert run.losses[[0, 9]] == pytest.approx([2.806756433470147, 0.010122541172529635])
    assert len(run.losses) == len(run.path) == 11
    assert run.words.startswith("learning rate 0.100: loss 2.81 → 0.00752 after 10 steps, converges\n")


VERDICTS = {
    0.005: "converges slowly",
    0.1: "converges",
    0.18: "converges in jumps",
    0.185: "converges in jumps",
    0.19: "diverges",
}


@pytest.mark.parametrize(("learning_rate", "verdict"), VERDICTS.items())
def test_the_verdict_follows_the_factors_along_the_axes(learning_rate, verdict):
    run = filter_run(learning_rate, 10)
    assert run.verdict == verdict
    assert (run.losses[-1] < run.losses[0]) == ("converges" in verdict)


def test_beyond_the_limit_the_loss_grows_by_the_square_of_the_factor_that_the_words_name():
    run = filter_run(0.19, 50)
    assert run.losses[50] / run.losses[49] == pytest.approx(1.041**2, rel=1e-3)
    assert "factor −1.041 along the steepest axis; the limit is 0.18615" in run.words


def test_the_path_is_measured_from_the_optimum_along_the_two_axes_of_the_map():
    run = filter_run(0.1, 1)
    # One step multiplies each distance by 1 - 0.1 λ, with the eigenvalues 1.4242 and 10.7440.
    np.testing.assert_allclose(run.path[1] / run.path[0], [1 - 0.14242, 1 - 1.0744], rtol=1e-3)


def test_one_step_is_enough_for_a_picture_and_words():
    board = widgets.filter_update(learning_rate=0.25, steps=1)
    # Nearly all of the loss lies along the steepest axis: 2.644 times (1 - 0.25 · 10.744)² is 7.52.
    assert board.labels[0].value == "learning rate 0.250: loss 2.81 → 7.58 after 1 step, diverges"


def test_what_is_drawn_of_the_path_lies_near_the_map():
    board = widgets.filter_update(learning_rate=0.25, steps=50)
    path = board.figure.axes[1].lines[1].get_xydata()
    assert 2 < len(path) < 50
    assert np.abs(path).max() < 100


FACTORS = {0.05: 0.5, 0.1: 0, 0.15: -0.5, 0.2: -1, 0.21: -1.1}


@pytest.mark.parametrize(("learning_rate", "factor"), FACTORS.items())
def test_on_a_parabola_each_step_multiplies_the_distance_by_its_factor(learning_rate, factor):
    x, words = descent(learning_rate)
    assert x == pytest.approx([factor**step for step in range(11)])
    # Which way, and whether closer: as the page's answers say.
    assert ("other side" in words) == (factor < 0)
    assert ("closer" in words) == (0 < abs(factor) < 1)
    assert ("farther away" in words) == (factor < -1)
