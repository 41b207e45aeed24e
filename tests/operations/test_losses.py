import math

import numpy as np
import pytest
from oracle import assert_same, central_differences, compare_with_torch, draw, needs_torch, torch

from cnnlab.losses import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    cross_entropy,
    cross_entropy_backward,
    half_squared_error,
    half_squared_error_backward,
    mse_loss,
    mse_loss_backward,
)

SHAPES = [(), (1,), (7,), (3, 4), (2, 1, 3, 3)]
DTYPES = [np.float64, np.float32]


def functional():
    return torch.nn.functional


def half_squared_error_torch(prediction, target):
    return 0.5 * functional().mse_loss(prediction, target)


# Name, loss, its backward, how to draw a target, the same in PyTorch, shapes.
SMOOTH = {
    "mse_loss": (mse_loss, mse_loss_backward, draw, lambda p, t: functional().mse_loss(p, t), SHAPES),
    "half_squared_error": (
        half_squared_error,
        half_squared_error_backward,
        draw,
        half_squared_error_torch,
        SHAPES[:3],
    ),
    "binary_cross_entropy_with_logits": (
        binary_cross_entropy_with_logits,
        binary_cross_entropy_with_logits_backward,
        lambda seed, *shape, dtype=np.float64: np.asarray(
            np.random.default_rng(seed).random(shape) * draw(seed, *shape, dtype=bool), dtype
        ),
        lambda p, t: functional().binary_cross_entropy_with_logits(p, t),
        SHAPES,
    ),
}


@needs_torch
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SMOOTH)
def test_losses_of_numbers_equal_pytorch(name, dtype):
    loss, backward, draw_target, theirs, shapes = SMOOTH[name]
    for shape in shapes:
        target = draw_target(2, *shape, dtype=dtype)
        prediction = np.asarray(2 * draw(1, *shape, dtype=dtype), dtype)
        compare_with_torch(
            lambda p, t=target: loss(p, t),
            lambda dy, y, p, t=target: np.asarray(backward(p, t) * dy, backward(p, t).dtype),
            lambda p, t=target: theirs(p, torch.tensor(t)),
            prediction,
        )


@needs_torch
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (6, 2), (6, 10), (4,)], ids=str)
def test_cross_entropy_equals_pytorch(shape, dtype):
    labels = np.random.default_rng(2).integers(0, shape[-1], shape[:-1])
    compare_with_torch(
        lambda z: cross_entropy(z, labels),
        lambda dy, y, z: np.asarray(cross_entropy_backward(z, labels) * dy, cross_entropy_backward(z, labels).dtype),
        lambda z: functional().cross_entropy(z, torch.tensor(labels)),
        draw(1, *shape, dtype=dtype),
    )


@pytest.mark.parametrize("name", SMOOTH)
def test_backwards_of_losses_of_numbers_equal_central_differences(name):
    loss, backward, draw_target, _, shapes = SMOOTH[name]
    for shape in shapes:
        prediction, target = draw(1, *shape), draw_target(2, *shape)
        expected = central_differences(lambda p, t=target: loss(p, t), prediction)
        assert_same(backward(prediction, target), expected, tolerance=1e-7)


def test_cross_entropy_backward_equals_central_differences():
    logits, labels = draw(1, 4, 3), [2, 0, 1, 1]
    expected = central_differences(lambda z: cross_entropy(z, labels), logits)
    assert_same(cross_entropy_backward(logits, labels), expected, tolerance=1e-7)
    expected = central_differences(lambda z: cross_entropy(z, 2), logits[0])
    assert_same(cross_entropy_backward(logits[0], 2), expected, tolerance=1e-7)


def test_by_hand():
    assert mse_loss([[1, 2], [3, 5]], [[1, 1], [1, 1]]) == (0 + 1 + 4 + 16) / 4
    assert half_squared_error([3, 1], [1, 0]) == (4 + 1) / 2 / 2
    assert half_squared_error(0.8, 1) == pytest.approx(0.02)
    assert half_squared_error_backward(0.8, 1) == pytest.approx(-0.2)
    assert binary_cross_entropy_with_logits([0, 0], [0, 1]) == pytest.approx(math.log(2))
    assert cross_entropy([[0, 0, 0, 0]], [3]) == pytest.approx(math.log(4))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropies_at_the_extremes_without_a_warning(dtype):
    z = np.array([1000, -1000, 1000, -1000], dtype)
    y = np.array([1, 0, 0, 1])
    assert binary_cross_entropy_with_logits(z, y.astype(dtype)) == 500
    assert binary_cross_entropy_with_logits(z[:2], y[:2]) == 0
    assert binary_cross_entropy_with_logits_backward(z, y).tolist() == [0, 0, 0.25, -0.25]
    scores = np.array([[1000, -1000], [-1000, 1000]], dtype)
    assert cross_entropy(scores, [0, 1]) == 0
    assert cross_entropy(scores, [1, 0]) == 2000
    assert cross_entropy_backward(scores, [1, 0]).tolist() == [[0.5, -0.5], [-0.5, 0.5]]
    assert cross_entropy(np.array([np.finfo(dtype).max, -np.finfo(dtype).max], dtype), 1) == np.inf
    assert cross_entropy_backward(np.array([np.finfo(dtype).max, -np.finfo(dtype).max], dtype), 1).tolist() == [1, -1]
    assert cross_entropy(np.array([0, -np.inf], dtype), 0) == 0
    assert math.isnan(cross_entropy(np.array([np.inf, 0], dtype), 0))
    assert math.isnan(binary_cross_entropy_with_logits(np.array([np.nan], dtype), [1]))


@pytest.mark.parametrize(
    "loss", [mse_loss, half_squared_error, binary_cross_entropy_with_logits, lambda p, t: cross_entropy(p, 1)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_a_loss_is_a_plain_float(loss, dtype):
    assert type(loss(np.ones(3, dtype), np.ones(3, dtype))) is float
