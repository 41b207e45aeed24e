"""What the nudge of notebook 3 shows: changes by running the network again, promises by hand, and words."""

import numpy as np
import pytest
from boards import LONGEST_BESIDE_SIDE_BAR, fit, words

from cnnlab.course import widgets
from cnnlab.course.widgets._nudge import AMOUNTS, MAPS, PLACES, nudge_of
from cnnlab.course.widgets._small_network import IMAGE, PARAMETERS

LOSS = 0.08544  # of the network as it stands: ½ (0.58662 − 1)²


def loss(kernel, bias, w, d, image):
    """The whole network in loops, by no function of the package."""
    padded, conv = np.pad(image, 1), np.empty((4, 4))
    for i, j in np.ndindex(4, 4):
        conv[i, j] = bias + np.sum(kernel * padded[i : i + 3, j : j + 3])
    pool = [max(0, conv[i : i + 2, j : j + 2].max()) for i in (0, 2) for j in (0, 2)]
    y_hat = 1 / (1 + np.exp(-(np.dot(w, pool) + d)))
    return (y_hat - 1) ** 2 / 2


def loss_with(what, by):
    arrays = [PARAMETERS["conv_weight"][0, 0].copy(), np.array([[-1.0]]), PARAMETERS["dense_weight"].copy()]
    arrays += [np.array([[0.25]]), IMAGE.copy()]
    letter, cell = PLACES[what]
    arrays["KbwdI".index(letter)][cell] += by
    kernel, bias, w, d, image = arrays
    return loss(kernel, bias.item(), w[0], d.item(), image)


@pytest.mark.parametrize("what", PLACES)
def test_what_came_is_the_difference_of_two_losses_and_the_promise_the_slope_between_them(what):
    assert loss_with(what, 0) == pytest.approx(LOSS, abs=2e-5)
    for by in AMOUNTS:
        result = nudge_of(what, by)
        assert result.promises["L"] == pytest.approx(loss_with(what, by) - loss_with(what, 0), abs=1e-12)
        slope = (loss_with(what, 1e-6) - loss_with(what, -1e-6)) / 2e-6
        assert result.promises[what] == pytest.approx(slope * by, abs=1e-8)


def test_without_a_kink_every_stage_up_to_the_score_promises_the_same():
    for what in ("K₁₁", "b", "I₂₃", "I₀₀"):
        promises = nudge_of(what, 0.1).promises
        for stage in "CRPz":
            assert promises[stage] == pytest.approx(promises[what])
    assert list(nudge_of("w₂", 0.1).promises) == ["w₂", "z", "ŷ", "L"]


def test_a_number_that_reaches_no_loss_has_the_gradient_0_and_the_words_say_where_it_ends():
    result = nudge_of("K₁₂", 0.1)
    assert result.promises["L"] == result.slope == 0
    assert result.words.endswith("7 cells change, the last in R. Nothing reaches L, as the gradient 0 had said.")
    assert "no cell changes: the feature is 0." in nudge_of("w₁", 0.1).words


def test_beyond_a_kink_the_promise_does_not_hold():
    result = nudge_of("I₀₂", 1.0)  # lifts C₁₃ from −1 to 1, which wakes the dead block
    assert result.promises["I₀₂"] == 0
    assert result.promises["L"] < -0.08


def test_where_another_cell_wins_a_block_the_words_speak_of_a_kink_and_nowhere_else():
    winners = [(1, 1), (0, 2), (3, 0), (2, 3)]  # of the four blocks, before any nudge
    for what in PLACES:
        for by in AMOUNTS:
            result = nudge_of(what, by)
            beaten = any(result.arrays["R"][cell] < result.arrays["P"][cell[0] // 2, cell[1] // 2] for cell in winners)
            assert ("a block's winner changed: a kink" in result.words) == beaten, (what, by)


def test_the_smaller_the_nudge_the_truer_the_promise():
    for what in ("w₀", "d", "K₁₁", "I₃₀"):
        shares = [nudge_of(what, by).promises["L"] / nudge_of(what, by).promises[what] for by in (1.0, 0.1, 0.01)]
        errors = np.abs(np.array(shares) - 1)
        assert errors[0] > errors[1] > errors[2]
        assert errors[2] < 0.05


@pytest.mark.parametrize("by", AMOUNTS)
def test_every_nudge_fits_its_maps_and_its_lines(by):
    for what in PLACES:
        result = nudge_of(what, by)
        assert all(result.arrays[name].shape == (place.rows, place.columns) for name, place in MAPS.items())
        assert fit(result.words, LONGEST_BESIDE_SIDE_BAR)
        assert "nan" not in result.words


def test_the_board_starts_where_it_is_told():
    board = widgets.nudge(what="b", by=-0.1)
    assert words(board)[0] == "b moves by −0.1: promised −0.00100, came −0.00100"
    board.close()
