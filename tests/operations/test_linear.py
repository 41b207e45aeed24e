import numpy as np
import pytest
from oracle import assert_same, compare_with_differences, compare_with_torch, draw, needs_torch, torch

from cnnlab.linear import linear, linear_backward

SIZES = [(0, 3, 2), (1, 1, 1), (4, 3, 2), (5, 1, 4), (3, 6, 1), (2, 0, 3)]


def backward(dy, y, x, weight, bias):
    return linear_backward(dy, x, weight)


def linear_loops(x, weight, bias):
    y = np.zeros((len(x), len(weight)))
    for n, o in np.ndindex(y.shape):
        y[n, o] = bias[o] + sum(float(x[n, i]) * float(weight[o, i]) for i in range(x.shape[1]))
    return y


@needs_torch
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "inputs", "outputs"), SIZES)
def test_linear_and_its_gradients_equal_pytorch(n, inputs, outputs, dtype):
    x, weight = draw(1, n, inputs, dtype=dtype), draw(2, outputs, inputs, dtype=dtype)
    compare_with_torch(linear, backward, torch.nn.functional.linear, x, weight, draw(3, outputs, dtype=dtype))


@needs_torch
def test_one_row_of_features_equals_pytorch():
    compare_with_torch(linear, backward, torch.nn.functional.linear, draw(1, 4), draw(2, 3, 4), draw(3, 3))


@pytest.mark.parametrize(("n", "inputs", "outputs"), SIZES)
def test_linear_equals_loops(n, inputs, outputs):
    x, weight, bias = draw(1, n, inputs), draw(2, outputs, inputs), draw(3, outputs)
    assert_same(linear(x, weight, bias), linear_loops(x, weight, bias))
    assert_same(linear(x, weight), linear_loops(x, weight, np.zeros(outputs)))


def test_linear_backward_equals_central_differences():
    compare_with_differences(linear, backward, draw(1, 4, 3), draw(2, 2, 3), draw(3, 2))
    compare_with_differences(linear, backward, draw(1, 3), draw(2, 2, 3), draw(3, 2))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_integers_and_bools_become_float64(dtype):
    x, weight = draw(1, 2, 3, dtype=dtype), draw(2, 4, 3, dtype=dtype)
    assert_same(linear(x, weight), linear_loops(x, weight, np.zeros(4)), dtype=np.float64)
    for gradient in linear_backward(np.ones((2, 4), dtype), x, weight):
        assert gradient.dtype == np.float64


def test_one_float64_argument_makes_the_result_float64():
    x, weight = draw(1, 2, 3, dtype=np.float32), draw(2, 4, 3, dtype=np.float32)
    assert linear(x, weight, np.zeros(4, np.float32)).dtype == np.float32
    assert linear(x, weight, np.zeros(4)).dtype == np.float64


def test_a_uint8_feature_never_wraps():
    assert linear(np.full((1, 4), 255, np.uint8), np.full((1, 4), 255, np.uint8)).tolist() == [[4 * 255 * 255]]
    assert linear_backward(np.full((2, 1), 255, np.uint8), np.ones((2, 1)), [[1]]).bias.tolist() == [510]


def test_gradients_bear_the_names_of_the_inputs():
    assert linear_backward([1.0], [2.0], [[3.0]])._fields == ("x", "weight", "bias")
