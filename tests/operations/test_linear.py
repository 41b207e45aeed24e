import numpy as np
import pytest
from oracle import compare_with_differences, compare_with_torch, draw, needs_torch, torch

from cnnlab.linear import linear, linear_backward

SIZES = [(0, 3, 2), (1, 1, 1), (4, 3, 2), (5, 1, 4), (3, 6, 1), (2, 0, 3)]


def backward(dy, y, x, weight, bias):
    return linear_backward(dy, x, weight)


@needs_torch
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "inputs", "outputs"), SIZES)
def test_linear_and_its_gradients_equal_pytorch(n, inputs, outputs, dtype):
    x, weight = draw(1, n, inputs, dtype=dtype), draw(2, outputs, inputs, dtype=dtype)
    compare_with_torch(linear, backward, torch.nn.functional.linear, x, weight, draw(3, outputs, dtype=dtype))


@needs_torch
def test_one_row_of_features_equals_pytorch():
    compare_with_torch(linear, backward, torch.nn.functional.linear, draw(1, 4), draw(2, 3, 4), draw(3, 3))


def test_linear_backward_equals_central_differences():
    compare_with_differences(linear, backward, draw(1, 4, 3), draw(2, 2, 3), draw(3, 2))
    compare_with_differences(linear, backward, draw(1, 3), draw(2, 2, 3), draw(3, 2))
