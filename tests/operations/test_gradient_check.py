import numpy as np
import pytest
from oracle import assert_same, draw

from cnnlab.gradient_check import GradientCheck, check_gradient, numerical_gradient


def cubes(x):
    return (x**3).sum()


def test_a_function_that_changes_its_argument_does_no_harm():
    def in_place(x):
        x[x < 0] = 0
        x *= 2
        return x.sum()

    x = np.array([1.0, -2.0, 3.0])
    assert_same(numerical_gradient(in_place, x), [2, 0, 2], tolerance=1e-9)
    assert x.tolist() == [1, -2, 3]


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


def test_a_gradient_of_one_number_is_checked_too():
    check = check_gradient(lambda x: x**2, 3.0, 6.0)
    assert check.passed
    assert check.worst_index == ()
    assert str(check_gradient(lambda x: x**2, 3.0, 5.0)) == "gradient check FAILED: relative error 0.17, allowed 1e-06"
