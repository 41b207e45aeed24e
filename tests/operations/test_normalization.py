import numpy as np
import pytest
from oracle import assert_same, compare_with_differences, compare_with_torch, draw, needs_torch

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


def test_standardize_gives_mean_0_and_deviation_1():
    y = standardize(1000 + 50 * draw(1, 40, 3))
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-12)


def test_standardize_ignores_shift_and_scale():
    x = draw(1, 9)
    np.testing.assert_allclose(standardize(300 + 7 * x), standardize(x), rtol=1e-11)


def test_the_gradient_sums_to_0_and_is_orthogonal_to_the_output():
    x, dy = draw(1, 9), draw(2, 9)
    dx = standardize_backward(dy, x)
    assert abs(dx.sum()) < 1e-14
    assert abs(dx @ standardize(x)) < 1e-14


def test_by_hand():
    # Mean 2, deviation 1.
    assert standardize([1, 3]).tolist() == [-1, 1]
    assert standardize(np.array([0, 200], np.uint8)).tolist() == [-1, 1]
    assert standardize([False, True]).tolist() == [-1, 1]
    # Two values always become -1 and 1, so no gradient reaches them.
    assert standardize_backward([5, -3], [1, 3]).tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_gives_nothing(shape, dtype):
    x = np.zeros(shape, dtype)
    assert_same(standardize(x), x, dtype=dtype)
    assert_same(standardize_backward(x, x), x, dtype=dtype)
    assert_same(standardize_backward(x.astype(np.float64), x), x, dtype=np.float64)
    assert_same(standardize_backward(x, x.astype(np.float64)), x, dtype=np.float64)


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


@pytest.mark.parametrize("x", [[1, np.nan], [np.inf, np.inf], [np.inf, 1, -np.inf]], ids=str)
@pytest.mark.filterwarnings("error")
def test_nan_and_infinity_come_out_as_nan_without_a_warning(x):
    assert np.isnan(standardize(x)).any()
    assert np.isnan(standardize_backward(np.ones(len(x)), x)).any()


def test_columns_of_very_different_size_are_standardized_each_by_itself():
    x, dy, exponents = draw(1, 5, 3), draw(2, 5, 3), [600, 0, -600]
    large_x, large_dy = np.ldexp(x, exponents), np.ldexp(dy, exponents)
    assert_same(standardize(large_x), standardize(x))
    assert_same(standardize_backward(large_dy, large_x), standardize_backward(dy, x))
