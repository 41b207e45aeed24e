"""What the sliders over two logits show: probabilities, loss and gradient by hand, and their words."""

from math import exp, log

import numpy as np
import pytest

from cnnlab.course import widgets
from cnnlab.course.widgets._logits import logits_answer


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
    left, _, last, _ = board.figure.axes
    np.testing.assert_allclose([bar.get_height() for bar in left.patches], p)
    np.testing.assert_allclose([bar.get_height() for bar in last.patches], gradient)
    board.controls["right"].value = 1
    np.testing.assert_allclose([bar.get_height() for bar in last.patches], by_hand(2.0, 0.7, 1)[2])
