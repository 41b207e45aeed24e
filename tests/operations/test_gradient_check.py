import numpy as np
import pytest
from oracle import assert_same, central_differences, draw

from cnnlab.gradient_check import GradientCheck, check_gradient, numerical_gradient


def cubes(x):
    return (x**3).sum()


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (2, 1, 3, 2)], ids=str)
def test_numerical_gradient_of_cubes_is_three_squares(shape):
    x = draw(1, *shape)
    assert_same(numerical_gradient(cubes, x), 3 * x**2, dtype=np.float64, tolerance=1e-8)
    assert_same(numerical_gradient(cubes, x), central_differences(cubes, x), tolerance=1e-8)


def test_numerical_gradient_sees_every_entry_in_its_own_place():
    factors = np.arange(24.0).reshape(2, 3, 4)
    assert_same(numerical_gradient(lambda x: (factors * x).sum(), np.ones((2, 3, 4))), factors, tolerance=1e-8)


def test_numerical_gradient_is_exact_for_a_parabola_whatever_the_step():
    x = np.array([1.0, -3.0])
    for eps in (1, 0.1, 1e-3):
        assert_same(numerical_gradient(lambda x: (x**2).sum(), x, eps), 2 * x, tolerance=1e-11)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, bool])
def test_numerical_gradient_computes_in_float64(dtype):
    x = np.array([0, 1]).astype(dtype)
    seen = []
    gradient = numerical_gradient(lambda x: (seen.append(x.dtype), (2 * x).sum())[1], x)
    assert_same(gradient, [2, 2], dtype=np.float64, tolerance=1e-9)
    assert set(seen) == {np.dtype(np.float64)}


def test_a_function_that_changes_its_argument_does_no_harm():
    def in_place(x):
        x[x < 0] = 0
        x *= 2
        return x.sum()

    x = np.array([1.0, -2.0, 3.0])
    assert_same(numerical_gradient(in_place, x), [2, 0, 2], tolerance=1e-9)
    assert x.tolist() == [1, -2, 3]


def test_numerical_gradient_of_nothing_is_empty():
    assert numerical_gradient(cubes, np.zeros((0, 3))).shape == (0, 3)


def test_f_may_return_an_array_with_one_number():
    assert_same(numerical_gradient(lambda x: np.array([[x[0]]]), [5.0]), [1], tolerance=1e-9)
    assert_same(numerical_gradient(lambda x: int(x[0] > 0), [5.0]), [0])


def test_a_right_gradient_passes_and_prints_one_line_that_never_varies():
    x = draw(1, 3, 4)
    check = check_gradient(cubes, x, 3 * x**2)
    assert isinstance(check, GradientCheck)
    assert check.passed is True
    assert check.max_relative_error < 1e-8
    assert str(check) == "gradient check passed: relative error at most 1e-06"
    assert str(check_gradient(cubes, x, 3 * x**2, tolerance=1e-4)).endswith("at most 1e-04")


@pytest.mark.parametrize("index", [(0, 0), (1, 2), (2, 3)])
def test_a_single_wrong_entry_is_found(index):
    x = draw(1, 3, 4)
    gradient = 3 * x**2
    gradient[index] += 0.01
    check = check_gradient(cubes, x, gradient)
    assert check.passed is False
    assert check.worst_index == index
    assert check.max_relative_error == pytest.approx(0.01 / gradient.max(), rel=1e-5)
    assert str(check) == (
        f"gradient check FAILED: relative error {check.max_relative_error:.2g} at ({index[0]}, {index[1]}), "
        f"allowed 1e-06"
    )


def test_the_error_is_relative_to_the_largest_entry_of_either_gradient():
    def f(x):
        return x @ np.array([4.0, 1.0])

    assert check_gradient(f, [0.0, 0.0], [4.0, 3.0]).max_relative_error == pytest.approx(2 / 4)
    assert check_gradient(f, [0.0, 0.0], [8.0, 1.0]).max_relative_error == pytest.approx(4 / 8)
    # Gradients all below 0.001 are compared with 0.001.
    assert check_gradient(lambda x: 1e-5 * x.sum(), [0.0], [0.0]).max_relative_error == pytest.approx(1e-2)


def test_the_tolerance_decides():
    check = check_gradient(lambda x: x.sum(), [0.0], [1.001], tolerance=0.01)
    assert check.passed
    assert check.tolerance == 0.01
    assert not check_gradient(lambda x: x.sum(), [0.0], [1.001], tolerance=1e-4).passed
    assert check_gradient(lambda x: x.sum(), [0.0], [1.001], tolerance=check.max_relative_error).passed


NO_REASON = [
    (cubes, [1.0, -2.0], [3.0, 11.0]),
    (lambda x: (1e4 * x**2).sum(), [0.5, 0.0], [1e4, 1e4]),  # bent strongly, but smooth
    (lambda x: abs(x).sum(), [1.0, -2.0], [1.0, 1.0]),  # a kink far away
    (lambda x: x.sum(), [0.5, 1.0], [1.0, 2.0]),
    (lambda x: 1e9 * np.exp(x).sum(), [0.1], [1e9]),
]
REASONS = {
    "f gives two values for the same x": (lambda x: x.sum() + np.random.default_rng().random(), [1.0], [1.0]),
    "f is the same wherever x moves: does it use its argument": (lambda x: 3.0, [1.0, 2.0], [1.0, 1.0]),
    "f computes in float32": (lambda x: (x.astype(np.float32) ** 2).sum(), [1.5, 2.5], [3.0, 5.0]),
    "f computes in float32, ": (lambda x: float((x.astype(np.float32) ** 3).sum()), [0.3, 0.7], [0.27, 1.47]),
    "kink at or near x (slope 0 below, 1 above)": (lambda x: np.maximum(x, 0).sum(), [0.0, 1.0], [0.0, 1.0]),
    "kink at or near x (slope -1 below, 1 above)": (lambda x: abs(x).sum(), [2.0, 0.0], [1.0, 1.0]),
    "kink at or near x (slope 1 below, 2 above)": (lambda x: max(x[0], 2 * x[0] - 1), [1 + 3e-7], [2.0]),
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_failed_check_gives_the_reason_that_lies_in_f(reason):
    check = check_gradient(*REASONS[reason])
    assert not check.passed
    assert reason in check.reason
    assert str(check).endswith(check.reason)


@pytest.mark.parametrize(("f", "x", "gradient"), NO_REASON)
def test_a_wrong_gradient_of_a_smooth_function_is_nobody_elses_fault(f, x, gradient):
    check = check_gradient(f, x, gradient)
    assert not check.passed
    assert check.reason == ""


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_fails_where_it_is_not(wrong):
    x = np.array([1.0, 2.0, 3.0])
    check = check_gradient(cubes, x, [3.0, wrong, 27.0])
    assert not check.passed
    assert check.max_relative_error == np.inf
    assert check.worst_index == (1,)
    assert "relative error inf at (1)" in str(check)


def test_a_function_that_gives_nan_fails():
    check = check_gradient(lambda x: np.nan * x.sum(), [1.0], [0.0])
    assert not check.passed


def test_infinite_gradients_fail_without_a_warning():
    def leap(x):
        return np.inf if x[0] > 0 else -np.inf

    assert numerical_gradient(leap, [0.0]).tolist() == [np.inf]
    assert not check_gradient(leap, [0.0], [np.inf]).passed


def test_a_gradient_of_one_number_is_checked_too():
    check = check_gradient(lambda x: x**2, 3.0, 6.0)
    assert check.passed
    assert check.worst_index == ()
    assert str(check_gradient(lambda x: x**2, 3.0, 5.0)) == "gradient check FAILED: relative error 0.17, allowed 1e-06"


@pytest.mark.parametrize(
    ("f", "slip"),
    [
        (lambda x: (x**2).sum(), lambda x: x),  # the factor 2
        (lambda x: (x**2).mean(), lambda x: 2 * x),  # the mean's 1 / n
        (lambda x: (x**2).sum(), lambda x: -2 * x),  # the sign
        (lambda x: (x[::-1] * np.arange(4)).sum(), lambda x: np.arange(4.0)),  # the order
        (lambda x: np.exp(x).sum(), lambda x: x * np.exp(x)),
        (lambda x: (x**2).sum(), lambda x: np.zeros(4)),
        (lambda x: (x**2).sum(), lambda x: 2 * x * (1 + 1e-4)),
    ],
)
def test_common_slips_fail(f, slip):
    x = draw(3, 4)
    assert not check_gradient(f, x, slip(x)).passed


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_an_argument_of_another_dtype_is_checked_in_float64(dtype):
    x = np.array([3, 200]).astype(dtype)
    assert check_gradient(lambda x: (x**2).sum(), x, [6, 400]).passed


def test_eps_may_be_lost_beside_a_large_number_but_not_silently():
    with pytest.raises(ValueError, match=r"eps must be large enough.*1e-06 is lost beside 1e\+12"):
        numerical_gradient(lambda x: x.sum(), [1e12])
    assert_same(numerical_gradient(lambda x: x.sum(), [1e12], eps=1000), [1], tolerance=1e-9)
