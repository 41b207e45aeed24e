"""Properties of the losses and their gradients, and of the gradient check itself."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.special
from hypothesis import assume, given
from hypothesis import strategies as st
from oracle import central_differences
from strategies import FLAVOURS, dtypes, generators, inner, kinds_but, made, one_of, small

from cnnlab import losses
from cnnlab.activations import softmax
from cnnlab.gradient_check import check_gradient, numerical_gradient

pytestmark = pytest.mark.thorough

# Each loss once more, as its formula: in complex numbers too, so that Im f(z + ih v) / h is its slope along v, exactly.


def mean(values):
    return values.sum() / values.size


def binary_cross_entropy(z, y):
    return mean(np.log(1 + np.exp(z)) - z * y)


def cross_entropy(z, y):
    right = np.take_along_axis(z, np.expand_dims(np.asarray(y, int), -1), -1)[..., 0]
    return mean(np.log(np.exp(z).sum(axis=-1)) - right)


FORMULAS = {
    "mse_loss": lambda z, y: mean((z - y) ** 2),
    "half_squared_error": lambda z, y: mean((z - y) ** 2) / 2,
    "binary_cross_entropy_with_logits": binary_cross_entropy,
    "cross_entropy": cross_entropy,
}
every_loss = pytest.mark.parametrize("name", FORMULAS)


class Case(NamedTuple):
    prediction: np.ndarray
    target: np.ndarray
    rng: np.random.Generator


@st.composite
def predictions(draw, name, *, batch=False):
    """Draw a prediction and a target for a loss; with `batch`, both have a first axis of images."""
    rng = draw(generators)
    flavours = kinds_but("wide") if "cross" in name else FLAVOURS
    lengths = st.integers(1, 5)
    if name == "cross_entropy":
        stack, classes = draw(lengths.map(lambda n: (n,)) | (st.nothing() if batch else st.just(()))), draw(lengths)
        prediction = made(rng, (*stack, classes), flavours=flavours)
        kind = one_of(rng, [np.int64, np.uint8, ">i4"])
        return Case(prediction, np.asarray(rng.integers(0, classes, stack), kind), rng)
    most = 1 if name == "half_squared_error" else 3
    shape = draw(st.lists(lengths, min_size=int(batch), max_size=most).map(tuple))
    prediction = made(rng, shape, flavours=flavours)
    if "cross" in name:
        target = np.asarray(one_of(rng, [rng.integers(0, 2, shape), rng.random(shape), rng.random(shape, np.float32)]))
    else:
        target = made(rng, shape, flavours=flavours)
    return Case(prediction, target, rng)


def eps_of(*arrays):
    return max(2.0**-23 if array.dtype == np.float32 else 2.0**-52 for array in arrays)


def tolerance(case):
    """What sums of up to 125 numbers, of squares or exponentials, may err, relative to the largest."""
    eps = max(2.0**-23 if array.dtype.itemsize == 4 and array.dtype.kind == "f" else 2.0**-52 for array in case[:2])
    return 200 * eps


def size_of(case, name):
    """How large the numbers are whose mean the loss is."""
    prediction, target = (array.astype(np.float64) for array in case[:2])
    largest = np.abs(prediction).max(initial=0)
    return 1 + 2 * largest if "cross" in name else (largest + np.abs(target).max(initial=0)) ** 2


def call(name, prediction, target):
    return getattr(losses, name)(prediction, target)


def gradient(name, prediction, target):
    return getattr(losses, f"{name}_backward")(prediction, target)


@every_loss
@given(data=st.data())
def test_a_loss_is_its_formula_and_its_backward_the_slope_of_it(name, data):
    case = data.draw(predictions(name))
    z, y = case.prediction.astype(np.float64), case.target.astype(np.float64)
    loss, d_prediction = call(name, *case[:2]), gradient(name, *case[:2])
    assert type(loss) is float
    assert d_prediction.shape == z.shape
    allowed = tolerance(case) * size_of(case, name)
    assert loss == pytest.approx(FORMULAS[name](z, y), rel=0, abs=allowed)
    direction = case.rng.standard_normal(z.shape)
    slope = np.imag(FORMULAS[name](z + 1e-30j * direction, y)) / 1e-30
    largest = np.abs(z).max() + np.abs(y).max() + 1
    assert inner(d_prediction, direction) == pytest.approx(slope, rel=0, abs=tolerance(case) * largest * 20)


@every_loss
@given(data=st.data())
def test_a_backward_is_the_central_difference_of_its_own_loss(name, data):
    case = data.draw(predictions(name))
    z, y = case.prediction.astype(np.float64), case.target
    assume(np.abs(z).max() < 10 and (name == "cross_entropy" or np.abs(y).max() < 10))
    direction, h = case.rng.standard_normal(z.shape), 1e-5
    slope = (call(name, z + h * direction, y) - call(name, z - h * direction, y)) / (2 * h)
    # A loss of up to 400, good to 1e-15 of it, over 2e-5; beside it the third derivative's part, 1e-10, is nothing.
    assert inner(gradient(name, z, y), direction) == pytest.approx(slope, rel=1e-7, abs=1e-7)


@every_loss
@given(data=st.data())
def test_a_loss_is_never_negative_and_0_at_the_target_only(name, data):
    case = data.draw(predictions(name))
    prediction, target, rng = case
    loss, d_prediction = call(name, prediction, target), gradient(name, prediction, target)
    if "cross" not in name:
        assert (loss == 0) == (prediction.astype(np.float64) == target).all()
        assert call(name, target, target) == 0
        assert not gradient(name, target, target).any()
        assert loss > 0 or not d_prediction.any()
        return
    # A cross-entropy is smallest where the answer is the target: the target's own entropy, 0 for a sure one.
    if name == "cross_entropy":
        classes = prediction.shape[-1]
        sure = 100.0 * (np.expand_dims(target, -1) == np.arange(classes))
        least, best, away = 0.0, sure, -sure
    else:
        y = target.astype(np.float64)
        least = float(np.mean(scipy.special.entr(y) + scipy.special.entr(1 - y)))
        best = np.clip(scipy.special.logit(y), -100, 100)
        away = best + rng.choice([-200.0, 200.0], best.shape)
    assert loss >= max(0, least - 1e-6 * (1 + least))
    assert call(name, best, target) == pytest.approx(least, abs=1e-6)
    np.testing.assert_allclose(gradient(name, best, target), 0, rtol=0, atol=1e-6)
    assert call(name, away, target) > least or (name == "cross_entropy" and classes == 1)


@every_loss
@given(data=st.data(), cut=small)
def test_a_loss_is_the_mean_over_its_images_in_any_order(name, data, cut):
    case = data.draw(predictions(name, batch=True))
    prediction, target, rng = case
    n, whole = len(prediction), call(name, prediction, target)
    d_whole = gradient(name, prediction, target)
    parts = [slice(0, min(cut, n)), slice(min(cut, n), n)]
    shares = [(part.stop - part.start) / n for part in parts]
    allowed = tolerance(case) * size_of(case, name)
    losses_of_parts = [
        share * call(name, prediction[part], target[part]) for part, share in zip(parts, shares, strict=True) if share
    ]
    assert whole == pytest.approx(sum(losses_of_parts), rel=0, abs=allowed)
    joined = np.concatenate(
        [share * gradient(name, prediction[part], target[part]) for part, share in zip(parts, shares, strict=True)]
    )
    largest = np.abs(d_whole).max() + eps_of(d_whole)
    np.testing.assert_allclose(joined, d_whole, rtol=0, atol=20 * eps_of(d_whole) * largest)
    order = rng.permutation(n)
    assert call(name, prediction[order], target[order]) == pytest.approx(whole, rel=0, abs=allowed)
    permuted = gradient(name, prediction[order], target[order])
    np.testing.assert_allclose(permuted, d_whole[order], rtol=0, atol=20 * eps_of(d_whole) * largest)


@every_loss
@given(data=st.data())
def test_a_loss_of_nothing_is_nan_and_has_an_empty_gradient(name, data):
    shape = (0, data.draw(st.integers(1, 4))) if name == "cross_entropy" else (0,)
    prediction, target = np.zeros(shape, data.draw(dtypes)), np.zeros(0, data.draw(st.sampled_from([int, np.uint8])))
    assert np.isnan(call(name, prediction, target))
    assert gradient(name, prediction, target).shape == shape


@given(case=predictions("cross_entropy"), shift=st.floats(-50, 50))
def test_the_gradient_of_cross_entropy_sums_to_0_in_each_row_and_ignores_a_shift(case, shift):
    z, y, _ = case
    d_z, n = gradient("cross_entropy", z, y), y.size
    np.testing.assert_allclose(d_z.sum(axis=-1), 0, rtol=0, atol=30 * eps_of(d_z))
    assert d_z.dtype == z.dtype.newbyteorder("=")
    right = np.expand_dims(y, -1) == np.arange(z.shape[-1])
    np.testing.assert_allclose(d_z, (softmax(z) - right) / n, rtol=0, atol=30 * eps_of(d_z))
    z = z.astype(np.float64)
    assert call("cross_entropy", z + shift, y) == pytest.approx(call("cross_entropy", z, y), rel=0, abs=1e-12)


@given(case=predictions("binary_cross_entropy_with_logits"))
def test_two_classes_of_which_one_has_score_0_are_a_yes_or_no(case):
    z = case.prediction.reshape(-1).astype(np.float64)
    y = case.rng.integers(0, 2, z.shape)
    both = np.stack([np.zeros_like(z), z], axis=1)
    name = "binary_cross_entropy_with_logits"
    assert call(name, z, y) == pytest.approx(call("cross_entropy", both, y), rel=1e-13, abs=1e-15)
    expected = gradient("cross_entropy", both, y)[:, 1]
    np.testing.assert_allclose(gradient(name, z, y), expected, rtol=1e-10, atol=1e-15)


@given(case=predictions("half_squared_error"), factor=st.integers(-4, 4))
def test_half_the_squared_error_is_half_the_mean_squared_error_and_grows_with_the_square(case, factor):
    z, y, _ = case
    half, whole = call("half_squared_error", z, y), call("mse_loss", z, y)
    assert half == whole / 2
    np.testing.assert_allclose(2 * gradient("half_squared_error", z, y), gradient("mse_loss", z, y), rtol=1e-6)
    scale = z.dtype.newbyteorder("=").type(2.0**factor)  # multiplies without rounding
    assert call("mse_loss", z * scale, y * scale) == pytest.approx(whole * float(scale) ** 2, rel=1e-5)


# The gradient check.


class Polynomial(NamedTuple):
    """Σ aᵢ xᵢ + bᵢ xᵢ² + cᵢ xᵢ xⱼ, with j the number after i."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray

    def __call__(self, x: np.ndarray) -> Any:
        return np.sum(self.a * x + self.b * x * x + self.c * x * np.roll(x, -1))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return self.a + 2 * self.b * x + self.c * np.roll(x, -1) + np.roll(self.c * x, 1)


@st.composite
def polynomials(draw):
    """Draw a polynomial and where to take its gradient, which is not small."""
    rng, shape = draw(generators), draw(st.lists(st.integers(1, 4), max_size=3).map(tuple))
    x = made(rng, shape, flavours=kinds_but("wide"))
    f = Polynomial(*(rng.standard_normal(shape) for _ in range(3)))
    assume(np.abs(f.gradient(x.astype(np.float64))).max() > 0.1)
    return f, x, rng


@given(case=polynomials(), eps=st.floats(1e-7, 1e-3))
def test_numerical_gradient_is_that_of_a_polynomial(case, eps):
    f, x, _ = case
    before, expected = x.tobytes(), f.gradient(x.astype(np.float64))
    ours = numerical_gradient(f, x, eps)
    assert ours.dtype == np.float64
    assert ours.shape == x.shape
    assert x.tobytes() == before
    # The central difference of a square is exact, so that only f's rounding counts: some ε |f| over 2 eps.
    size = np.sum(np.abs(f.a * x) + np.abs(f.b) * x.astype(np.float64) ** 2 + np.abs(f.c * x * np.roll(x, -1))) + 1
    np.testing.assert_allclose(ours, expected, rtol=0, atol=100 * 2.0**-52 * size / eps)

    def greedy(moved):
        value = f(moved)
        moved += 7  # a function that changes what it is given spoils nothing
        return value

    if x.ndim:
        np.testing.assert_array_equal(numerical_gradient(greedy, x, eps), ours)


@given(case=polynomials(), exponent=st.floats(-2, 2))
def test_check_gradient_passes_what_is_right_and_nothing_else(case, exponent):
    f, x, rng = case
    right = f.gradient(x.astype(np.float64))
    passed = check_gradient(f, x, right)
    assert passed.passed
    assert passed.max_relative_error <= passed.tolerance == 1e-6
    assert str(passed).startswith("gradient check passed")

    factor = 1 + 10.0**exponent
    one = tuple(int(rng.integers(length)) for length in x.shape)
    single = np.array(right)
    single[one] += 10.0**exponent * np.abs(right).max() * rng.choice([-1, 1])
    turned = np.roll(right, 1)
    lost = np.where(np.abs(right) == np.abs(right).max(), 0, right)
    for wrong in (factor * right, right / factor, -right, lost, single, np.full(right.shape, np.nan)):
        assert not check_gradient(f, x, wrong).passed
    assert check_gradient(f, x, single).worst_index == one
    # The error in numbers: the distance, relative to the largest entry of either.
    found = check_gradient(f, x, turned, tolerance=1e-5)
    numerical = central_differences(f, x)
    error = np.abs(turned - numerical).max() / max(np.abs(turned).max(), np.abs(numerical).max())
    assert found.max_relative_error == pytest.approx(error, rel=1e-4, abs=1e-6)
    assert found.passed == (found.max_relative_error <= 1e-5)
