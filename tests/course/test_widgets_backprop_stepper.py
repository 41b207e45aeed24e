"""What the slider over notebook 3's backward pass shows: every gradient by hand, and its words."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from boards import fit, words

from cnnlab.convolution import conv2d_backward
from cnnlab.course import widgets
from cnnlab.course.plots import _figures
from cnnlab.course.widgets._backprop_stages import IMAGE, KERNEL, LAST_STEP, PARAMETERS, TARGET, Box, backprop_stages
from cnnlab.course.widgets._backprop_stepper import MAPS, arrow_ends
from cnnlab.networks import SingleFilterCNN

STAGES = backprop_stages()
LOSS, SIGMOID, DENSE, FEATURES, UNFLATTEN, POOL, RELU, KERNEL_STEPS = 1, 2, 3, 4, 5, 6, 10, 11


def at(step, name):
    return STAGES[step].arrays[name]


def test_the_first_step_is_the_forward_pass_by_hand_and_knows_no_gradient():
    np.testing.assert_array_equal(at(0, "C"), [[2, -3, -3, -2], [2, 6, -3, -1], [-4, 4, -2, 4], [5, -3, 1, 1]])
    np.testing.assert_array_equal(at(0, "P"), [[6, 0], [5, 4]])
    assert at(0, "z").item() == pytest.approx(0.35)
    assert all(np.isnan(at(0, name)).all() for name in MAPS if "∂" in name or name in ("E", "Eᵢⱼ", "product"))


def test_every_gradient_is_what_the_chain_rule_gives_by_hand():
    y_hat = 1 / (1 + math.exp(-0.35))  # z = 6 · 1 + 0 · 2 − 5 · 1.5 + 4 · 0.4 + 0.25
    dz = (y_hat - 1) * y_hat * (1 - y_hat)
    assert at(SIGMOID, "∂L/∂z").item() == pytest.approx(dz)
    np.testing.assert_allclose(at(DENSE, "∂L/∂w"), [[6 * dz, 0, 5 * dz, 4 * dz]])
    np.testing.assert_allclose(at(FEATURES, "∂L/∂f").T, [[dz, 2 * dz, -1.5 * dz, 0.4 * dz]])
    np.testing.assert_allclose(at(UNFLATTEN, "∂L/∂P"), [[dz, 2 * dz], [-1.5 * dz, 0.4 * dz]])
    landed = dz * np.array([[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0.4], [-1.5, 0, 0, 0]])
    np.testing.assert_allclose(at(RELU, "∂L/∂R"), landed)
    landed[0, 2] = 0  # C is −3 there
    np.testing.assert_allclose(at(RELU, "E"), landed)
    by_hand = dz * np.array([[3, 1 + 0.4, -1.5], [1, 1 + 0.8 - 4.5, 0], [0, 1, 0]])
    np.testing.assert_allclose(at(LAST_STEP, "∂L/∂K"), by_hand, atol=1e-12)
    assert at(LAST_STEP, "∂L/∂b").item() == pytest.approx(-0.1 * dz)


def test_the_last_step_holds_the_network_s_own_gradients_and_conv2d_backward_s():
    network = SingleFilterCNN(PARAMETERS)
    gradients = network.backward(network.forward(IMAGE), TARGET)
    for name, key in (("K", "conv_weight"), ("b", "conv_bias"), ("w", "dense_weight"), ("d", "dense_bias")):
        np.testing.assert_allclose(at(LAST_STEP, "∂L/∂" + name).ravel(), gradients[key].ravel(), atol=1e-15)
    whole = conv2d_backward(at(LAST_STEP, "E"), IMAGE, KERNEL, padding="same").weight
    np.testing.assert_allclose(at(LAST_STEP - 1, "∂L/∂K"), whole, atol=1e-15)
    np.testing.assert_array_equal(at(LAST_STEP, "∂L/∂K"), whole)
    assert "conv2d_backward returns: True" in STAGES[LAST_STEP].source


def test_the_pool_sends_one_block_after_the_other_and_each_only_to_its_winner():
    winners = [(1, 1), (0, 2), (3, 0), (2, 3)]
    for count, winner in enumerate(winners, 1):
        stage = STAGES[POOL + count - 1]
        d_relu = stage.arrays["∂L/∂R"]
        assert np.isnan(d_relu).sum() == 16 - 4 * count
        assert {tuple(cell) for cell in np.argwhere(np.nan_to_num(d_relu)).tolist()} == set(winners[:count])
        assert stage.computes == (Box("∂L/∂R", *winner),)
        assert str(winner) in stage.filled
        ((start, end),) = stage.arrows
        (x, y), (x2, y2) = arrow_ends(start, end)  # from the left edge of ∂L/∂P to the right edge of the winner
        source, target = MAPS["∂L/∂P"], MAPS["∂L/∂R"]
        assert (x, y) == (source.x, source.y + (start.row + 0.5) * source.height)
        assert (x2, y2) == (target.x + (winner[1] + 1) * target.width, target.y + (winner[0] + 0.5) * target.height)
    assert "dead" in STAGES[POOL + 1].filled


def test_relu_crosses_out_every_cell_that_is_not_positive_and_names_the_winner_among_them():
    stage = STAGES[RELU]
    assert set(stage.masked) == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 0), (2, 2), (3, 1)}
    assert stage.stopped == ((0, 2),)
    assert "8 of 16 cells are masked; 3 gradients pass" in stage.filled
    assert not STAGES[RELU - 1].masked


def test_the_kernel_s_gradient_grows_window_by_window():
    padded = np.pad(IMAGE, 1)
    total = np.zeros((3, 3))
    for k in range(16):
        i, j = divmod(k, 4)
        stage = STAGES[KERNEL_STEPS + k]
        window = padded[i : i + 3, j : j + 3]
        np.testing.assert_array_equal(stage.arrays["window"], window)
        total += at(RELU, "E")[i, j] * window
        np.testing.assert_allclose(stage.arrays["∂L/∂K"], total, atol=1e-15)
        assert f"cell ({i}, {j}) adds" in stage.filled
        assert Box("I", i, j, 3, 3) in stage.reads
        assert ("nothing" in stage.filled) == ((i, j) not in [(1, 1), (2, 3), (3, 0)])


def test_nothing_that_is_known_is_forgotten_on_the_way_but_the_window():
    passing = {"window", "Eᵢⱼ", "product"}
    for before, after in pairwise(STAGES):
        for name in MAPS.keys() - passing:
            assert not (np.isfinite(before.arrays[name]) & np.isnan(after.arrays[name])).any(), name


def test_every_number_in_a_formula_is_the_one_in_its_map():
    assert STAGES[LOSS].filled == "∂L/∂ŷ = 0.587 − 1 = −0.413"
    assert STAGES[SIGMOID].filled == "∂L/∂z = −0.413 · 0.587 · 0.413 = −0.100"
    assert STAGES[FEATURES].filled.endswith("(−0.10, −0.20, 0.15, −0.04)")
    assert STAGES[LAST_STEP].filled.endswith("∂L/∂b = −0.10 − 0.04 + 0.15 = 0.01")


def test_every_step_fits_its_maps_and_its_words():
    for step, stage in enumerate(STAGES):
        assert all(stage.arrays[name].shape == (place.rows, place.columns) for name, place in MAPS.items())
        for box in [*stage.reads, *stage.computes, *(box for arrow in stage.arrows for box in arrow)]:
            assert box.row + box.height <= MAPS[box.name].rows
            assert box.column + box.width <= MAPS[box.name].columns
        assert len(stage.arrows) <= 4
        assert fit(stage.words(step))
        assert not re.search(r"nan|−0\.0*\b(?!\d)|-\d", stage.words(step))


def test_every_step_has_a_picture_and_words_of_its_own(monkeypatch):
    monkeypatch.setattr(_figures, "SHARPNESS", 0.5)  # small pictures differ as large ones do
    board = widgets.backprop_stepper(step=LAST_STEP)
    assert words(board)[0].startswith("Step 27 of 27, done: ")
    seen = set()
    for step in range(LAST_STEP + 1):
        board.controls["step"].value = step
        seen.add((board.image.value, words(board)[0]))
    assert len({picture for picture, _ in seen}) == len({said for _, said in seen}) == len(STAGES) == LAST_STEP + 1
