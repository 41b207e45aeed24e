import numpy as np
import pytest
from oracle import compare_with_differences, compare_with_torch, draw, needs_torch

from cnnlab.normalization import standardize, standardize_backward

CASES = [((5,), 0), ((3,), -1), ((6, 3), 0), ((6, 3), 1), ((4, 5, 3), 1), ((4, 5, 3), -1), ((0,), 0), ((0, 3), 0)]
CASES += [((0, 3), 1), ((3, 0), 0)]


@needs_torch
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("shape", "axis"), [case for case in CASES if 0 not in case[0]], ids=str)
def test_standardize_and_its_gradient_equal_pytorch(shape, axis, dtype):
    compare_with_torch(
        lambda x: standardize(x, axis),
        lambda dy, y, x: standardize_backward(dy, x, axis),
        lambda x: (x - x.mean(axis, keepdim=True)) / x.std(axis, correction=0, keepdim=True),
        draw(1, *shape, dtype=dtype),
    )


@pytest.mark.parametrize(("shape", "axis"), CASES, ids=str)
def test_standardize_backward_equals_central_differences(shape, axis):
    compare_with_differences(
        lambda x: standardize(x, axis), lambda dy, y, x: standardize_backward(dy, x, axis), draw(1, *shape)
    )


def test_by_hand():
    # Mean 2, deviation 1.
    assert standardize([1, 3]).tolist() == [-1, 1]
    assert standardize(np.array([0, 200], np.uint8)).tolist() == [-1, 1]
    assert standardize([False, True]).tolist() == [-1, 1]
    # Two values always become -1 and 1, so no gradient reaches them.
    assert standardize_backward([5, -3], [1, 3]).tolist() == [0, 0]


CONSTANT = [[3.0], [2, 2, 2], [0.1] * 7, [[1, 5], [2, 5]]]
CONSTANT += [[[0.1, n] for n in range(7)], [[0.1, n] for n in (1, 2, 3, 4, 5, 6, np.inf)]]


@pytest.mark.parametrize("x", CONSTANT, ids=str)
@pytest.mark.filterwarnings("error")
def test_what_does_not_vary_is_refused(x):
    with pytest.raises(ValueError, match="does not vary along axis 0"):
        standardize(x)
    with pytest.raises(ValueError, match="does not vary along axis 0"):
        standardize_backward(np.zeros(np.shape(x)), x)


@pytest.mark.parametrize("exponent", [-1074, -1000, -600, 600, 1000, 1020])
@pytest.mark.filterwarnings("error")
def test_very_small_and_very_large_numbers_neither_vanish_nor_overflow(exponent):
    # Exact even as whole multiples of the smallest number there is.
    x, dy = np.array([[1.0, 7.0], [3.0, -5.0], [6.0, 2.0]]), np.array([[2.0, 1.0], [0.0, 3.0], [5.0, -4.0]])
    large_x, large_dy = np.ldexp(x, exponent), np.ldexp(dy, exponent)
    np.testing.assert_array_equal(standardize(large_x), standardize(x))
    np.testing.assert_array_equal(standardize_backward(large_dy, large_x), standardize_backward(dy, x))
