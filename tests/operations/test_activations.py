import numpy as np
import pytest
import scipy.special
from oracle import assert_same, compare_with_differences, compare_with_torch, draw, needs_torch

from cnnlab.activations import relu, relu_backward, sigmoid, sigmoid_backward, softmax, softmax_backward

SHAPES = [(), (1,), (7,), (3, 4), (0, 4), (2, 3, 4), (2, 0, 3), (2, 3, 4, 5)]
DTYPES = [np.float64, np.float32]


@needs_torch
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_relu_and_sigmoid_equal_pytorch(shape, dtype):
    x = np.asarray(3 * draw(1, *shape, dtype=dtype), dtype)
    compare_with_torch(relu, lambda dy, y, x: relu_backward(dy, x), lambda x: x.relu(), x)
    compare_with_torch(sigmoid, lambda dy, y, x: sigmoid_backward(dy, y), lambda x: x.sigmoid(), x)


@needs_torch
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((1,), 0), ((7,), -1), ((3, 4), 1), ((3, 4), 0), ((0, 4), 1), ((2, 3, 4), 1), ((2, 3, 4), -3), ((5, 1), -1)],
    ids=str,
)
def test_softmax_equals_pytorch(shape, axis, dtype):
    compare_with_torch(
        lambda x: softmax(x, axis),
        lambda dy, y, x: softmax_backward(dy, y, axis),
        lambda x: x.softmax(axis),
        draw(1, *shape, dtype=dtype),
    )


def test_backwards_equal_central_differences():
    x = draw(1, 4, 5)
    assert np.abs(x).min() > 1e-3  # no entry at relu's kink
    compare_with_differences(relu, lambda dy, y, x: relu_backward(dy, x), x)
    compare_with_differences(sigmoid, lambda dy, y, x: sigmoid_backward(dy, y), x)
    for axis in (0, 1, -1, -2):
        compare_with_differences(
            lambda x, axis=axis: softmax(x, axis), lambda dy, y, x, axis=axis: softmax_backward(dy, y, axis), x
        )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_at_the_extremes_without_a_warning(dtype):
    x = np.array([-np.inf, -1e30, -1000, -100, 0, 100, 1000, 1e30, np.inf], dtype)
    y = sigmoid(x)
    assert y.dtype == dtype
    assert_same(y, scipy.special.expit(x))
    assert y[[0, 1, 2, 4, 6, 7, 8]].tolist() == [0, 0, 0, 0.5, 1, 1, 1]
    assert np.isfinite(sigmoid_backward(np.ones(9, dtype), y)).all()
    assert np.isnan(sigmoid([np.nan])).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_at_the_extremes_without_a_warning(dtype):
    big = np.finfo(dtype).max
    assert softmax(np.array([1000, -1000], dtype)).tolist() == [1, 0]
    assert softmax(np.array([1000, 1000], dtype)).tolist() == [0.5, 0.5]
    assert softmax(np.array([-1000, -1000, -2000], dtype)).tolist() == [0.5, 0.5, 0]
    assert softmax(np.array([big, -big], dtype)).tolist() == [1, 0]
    assert softmax(np.array([0, -np.inf], dtype)).tolist() == [1, 0]
    assert np.isnan(softmax(np.array([np.inf, 0], dtype))).any()
    assert np.isnan(softmax(np.array([np.nan, 0], dtype))).all()
