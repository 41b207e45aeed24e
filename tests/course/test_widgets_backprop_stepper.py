"""What the slider over notebook 3's training step shows: every number by hand, and its words."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from boards import LONGEST_BESIDE_SIDE_BAR, contrast, fit, words
from matplotlib.colors import to_rgb

from cnnlab.convolution import conv2d_backward
from cnnlab.course import widgets
from cnnlab.course.plots import _figures
from cnnlab.course.widgets._backprop_stages import LAST_STEP, SHARE, backprop_stages, plain
from cnnlab.course.widgets._backprop_stepper import MAPS, _StepPicture
from cnnlab.course.widgets._cells import COMES, GIVES, MEETS, ROLES, Box, formula
from cnnlab.course.widgets._small_network import IMAGE, KEYS, PARAMETERS, TARGET, forward_maps, gradient_maps
from cnnlab.networks import SingleFilterCNN

STAGES = backprop_stages()
LOSS, D_LOSS, SIGMOID, WEIGHTS, FEATURES, ROWS, POOL, RELU, EMPTY, WINDOWS, BIAS, UPDATE = (
    *(7, 8, 9, 10, 11, 12, 13),
    *(17, 18, 19, 22, 23),
)
WINNERS = [(1, 1), (0, 2), (3, 0), (2, 3)]


def at(step, name):
    return STAGES[step].arrays[name]


def known(step):
    return {name for name in MAPS if np.isfinite(at(step, name)).all()}


def test_the_walk_begins_with_image_target_and_parameters_alone():
    assert known(0) == {"I", "y", "K", "b", "w", "d"}


def test_the_forward_pass_by_hand_a_stage_a_step():
    for step, name in enumerate("CRPfzŷL", 1):
        assert known(step) == known(step - 1) | {name}
    np.testing.assert_array_equal(at(LOSS, "C"), [[2, -3, -3, -2], [2, 6, -3, -1], [-4, 4, -2, 4], [5, -3, 1, 1]])
    np.testing.assert_array_equal(at(LOSS, "P"), [[6, 0], [5, 4]])
    assert at(LOSS, "z").item() == pytest.approx(0.35)
    assert at(LOSS, "L").item() == pytest.approx((1 / (1 + math.exp(-0.35)) - 1) ** 2 / 2)


def test_every_gradient_is_what_the_chain_rule_gives_by_hand():
    y_hat = 1 / (1 + math.exp(-0.35))  # z = 6 · 1 + 0 · 2 − 5 · 1.5 + 4 · 0.4 + 0.25
    dz = (y_hat - 1) * y_hat * (1 - y_hat)
    assert at(SIGMOID, "∂L/∂z").item() == pytest.approx(dz)
    np.testing.assert_allclose(at(WEIGHTS, "∂L/∂w"), [[6 * dz, 0, 5 * dz, 4 * dz]])
    np.testing.assert_allclose(at(FEATURES, "∂L/∂f").T, [[dz, 2 * dz, -1.5 * dz, 0.4 * dz]])
    np.testing.assert_allclose(at(ROWS, "∂L/∂P"), [[dz, 2 * dz], [-1.5 * dz, 0.4 * dz]])
    landed = dz * np.array([[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0.4], [-1.5, 0, 0, 0]])
    np.testing.assert_allclose(at(RELU, "∂L/∂R"), landed)
    landed[0, 2] = 0  # C is −3 there
    np.testing.assert_allclose(at(RELU, "E"), landed)
    by_hand = dz * np.array([[3, 1 + 0.4, -1.5], [1, 1 + 0.8 - 4.5, 0], [0, 1, 0]])
    np.testing.assert_allclose(at(BIAS, "∂L/∂K"), by_hand, atol=1e-12)
    assert at(BIAS, "∂L/∂b").item() == pytest.approx(-0.1 * dz)


def test_before_the_update_all_gradients_are_the_network_s_own():
    network = SingleFilterCNN(PARAMETERS)
    gradients = network.backward(network.forward(IMAGE), TARGET)
    for name, key in KEYS.items():
        np.testing.assert_allclose(at(BIAS, "∂L/∂" + name).ravel(), gradients[key].ravel(), atol=1e-15)


@pytest.mark.parametrize("name", ["C", "R", "P", "f", "z", "ŷ"])
def test_a_stage_s_gradient_is_that_of_the_stages_after_it_by_central_differences(name):
    maps = forward_maps()
    w, d = maps["w"], maps["d"]

    def loss(stage):
        value = stage
        if name == "C":
            value = np.maximum(value, 0)
        if name in "CR":
            value = value.reshape(2, 2, 2, 2).max(axis=(1, 3))
        if name in "CRPf":
            value = (w @ value.reshape(4, 1) + d).item()
        if name != "ŷ":
            value = 1 / (1 + np.exp(-value))
        return (np.asarray(value).item() - 1) ** 2 / 2

    gradient = gradient_maps(maps)[name]
    for cell in np.ndindex(maps[name].shape):
        if name == "R" and cell[0] < 2 <= cell[1]:
            continue  # the dead block has no derivative
        up, down = (maps[name].astype(float).copy() for _ in range(2))
        up[cell] += 1e-6
        down[cell] -= 1e-6
        assert (loss(up) - loss(down)) / 2e-6 == pytest.approx(gradient[cell], abs=1e-8)


def test_the_pool_sends_one_block_after_the_other_and_each_only_to_its_winner():
    for count, winner in enumerate(WINNERS, 1):
        stage = STAGES[POOL + count - 1]
        d_relu = stage.arrays["∂L/∂R"]
        assert np.isnan(d_relu).sum() == 16 - 4 * count
        assert {tuple(cell) for cell in np.argwhere(np.nan_to_num(d_relu)).tolist()} == set(WINNERS[:count])
        assert stage.gives == (Box("∂L/∂R", *winner),)
        assert str(winner) in stage.filled
    assert "four zeros" in STAGES[POOL + 1].filled


def test_relu_crosses_out_every_cell_that_is_not_positive_and_names_the_winner_among_them():
    stage = STAGES[RELU]
    assert set(stage.masked) == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 0), (2, 2), (3, 1)}
    assert stage.stopped == ((0, 2),)
    assert not STAGES[RELU - 1].masked


def test_the_windows_that_add_nothing_are_one_step_and_each_other_has_its_own():
    assert {box[1:3] for box in STAGES[EMPTY].comes} == {
        cell for cell in np.ndindex(4, 4) if cell not in [(1, 1), (2, 3), (3, 0)]
    }
    assert not at(EMPTY, "∂L/∂K").any()
    padded, total = np.pad(IMAGE, 1), np.zeros((3, 3))
    for k, (i, j) in enumerate([(1, 1), (2, 3), (3, 0)]):
        stage = STAGES[WINDOWS + k]
        window = padded[i : i + 3, j : j + 3]
        np.testing.assert_array_equal(stage.arrays["window"], window)
        total += at(RELU, "E")[i, j] * window
        np.testing.assert_allclose(stage.arrays["∂L/∂K"], total, atol=1e-15)
        assert Box("I", i, j, 3, 3) in stage.meets
    np.testing.assert_allclose(
        total, conv2d_backward(at(RELU, "E"), IMAGE, np.zeros((3, 3)), padding="same").weight, atol=1e-15
    )


def test_the_update_moves_every_parameter_and_the_next_forward_pass_has_a_smaller_loss():
    for name in KEYS:
        moved = at(BIAS, name) - 0.1 * at(BIAS, "∂L/∂" + name)
        np.testing.assert_allclose(at(UPDATE, name), moved, atol=1e-12)
    assert at(UPDATE, "C") is at(BIAS, "C")
    # By hand, along the winners: 2 of the image's 6 × 6 windows and 1 at the edge, with the moved kernel.
    kernel, bias = at(UPDATE, "K"), at(UPDATE, "b").item()
    windows = [np.pad(IMAGE, 1)[i : i + 3, j : j + 3] for i, j in ((1, 1), (3, 0), (2, 3))]
    six, five, four = (np.sum(kernel * window) + bias for window in windows)
    z = at(UPDATE, "w")[0] @ [six, 0, five, four] + at(UPDATE, "d").item()
    assert at(LAST_STEP, "z").item() == pytest.approx(z)
    assert at(LAST_STEP, "L").item() == pytest.approx((1 / (1 + math.exp(-z)) - 1) ** 2 / 2)
    assert at(LAST_STEP, "L") < at(LOSS, "L") / 4
    assert known(LAST_STEP) == known(LOSS)


def test_every_number_in_a_formula_is_the_one_in_its_map():
    said = [plain(stage.filled) for stage in STAGES]
    assert said[D_LOSS] == "∂L/∂ŷ = 0.587 − 1 = −0.413"
    assert said[SIGMOID] == "∂L/∂z = −0.413 · 0.587 · (1 − 0.587) = −0.100"
    assert said[FEATURES].endswith("(−0.10, −0.20, 0.15, −0.04)")
    assert said[BIAS] == "∂L/∂b = −0.10 − 0.04 + 0.15 = 0.01"
    assert said[LAST_STEP] == "before ŷ = 0.587, L = 0.085; now ŷ = 0.795, L = 0.021"


def test_one_number_has_one_colour_in_all_gradients_and_all_maps():
    for names in (("∂L/∂ŷ", "∂L/∂z", "∂L/∂f", "∂L/∂P", "∂L/∂R", "E", "∂L/∂K", "∂L/∂b", "∂L/∂w", "∂L/∂d"), "CRPfKbwd"):
        assert len({MAPS[name].limit for name in names}) == 1


def test_every_number_stands_out_from_its_cell_and_every_word_from_the_page():
    picture = _StepPicture()
    for stage in STAGES:
        picture.draw(stage)
        cells = picture.cells
        faces = dict(zip(cells.cells, cells.tiles.get_facecolors(), strict=True))
        for text in cells.numbers(stage.arrays):
            behind = next(face for cell, face in faces.items() if inside(cells.corners(cell), text))
            assert contrast(to_rgb(text.ink), behind) >= 4.4, text
    for ink in cells.lettering.patches.keys() - {"white"}:
        assert contrast(to_rgb(ink), (1, 1, 1)) >= 4.4


def inside(corners, text):
    (left, top), _, (right, bottom), _ = corners
    return left < text.x < right and top < text.y < bottom


def test_a_formula_has_the_colours_of_the_frames():
    pieces = formula(0, 0, "g[z] = max(c[f], m[w])", 10)
    assert [(piece.text, piece.ink) for piece in pieces] == [
        ("z", GIVES),
        ("= max(", "black"),
        ("f", COMES),
        (",", "black"),
        ("w", MEETS),
        (")", "black"),
    ]
    assert [before.x < after.x for before, after in pairwise(pieces)] == [True] * 5
    assert set(ROLES.values()) == {COMES, MEETS, GIVES}


def test_every_step_fits_its_maps_and_its_words():
    picture = _StepPicture()
    for step, stage in enumerate(STAGES):
        assert all(stage.arrays[name].shape == (place.rows, place.columns) for name, place in MAPS.items())
        for box in [*stage.comes, *stage.meets, *stage.gives, *(box for arrow in stage.arrows for box in arrow)]:
            assert box.row + box.height <= MAPS[box.name].rows
            assert box.column + box.width <= MAPS[box.name].columns
            assert np.isfinite(stage.arrays[box.name]).any() or box.name in SHARE
        for start, end in stage.arrows:
            (x, y), (x2, y2) = picture.arrow_ends(start, end)
            assert (x, y) != (x2, y2)
        assert len(stage.arrows) <= 4
        assert fit(stage.words(step), LONGEST_BESIDE_SIDE_BAR)
        assert not re.search(r"nan|−0\.0*\b(?!\d)|-\d|[cmg]\[", stage.words(step))


def test_every_step_has_a_picture_and_words_of_its_own(monkeypatch):
    monkeypatch.setattr(_figures, "SHARPNESS", 0.5)  # small pictures differ as large ones do
    board = widgets.backprop_stepper(step=LAST_STEP)
    assert words(board)[0].startswith("Step 24, forward again: ")
    seen = set()
    for step in range(LAST_STEP + 1):
        board.controls["step"].value = step
        seen.add((board.image.value, words(board)[0]))
    assert len({picture for picture, _ in seen}) == len({said for _, said in seen}) == len(STAGES) == LAST_STEP + 1
    board.close()


def test_the_buttons_go_one_step_and_stop_at_the_ends_and_play_follows_the_slider():
    board = widgets.backprop_stepper(step=0)
    (row,) = [child for child in board.children if hasattr(child, "children")]
    back, onward, play = row.children
    step = board.controls["step"]
    for button, wanted in ((back, 0), (onward, 1), (onward, 2), (back, 1)):
        button.click()
        assert (step.value, play.value) == (wanted, wanted)
    play.value = 5  # as the page sets it, step by step
    assert words(board)[0].startswith("Step 5, dense: ")
    step.value = LAST_STEP
    onward.click()
    assert play.value == step.value == LAST_STEP
    board.close()
