"""Properties of pooling, activations, the dense layer and standardisation."""

import numpy as np
import pytest
import scipy.special
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import NORMAL, arrays, assert_sum, four_arrays, generators, inner, kinds_but, made, poolings, small

from cnnlab.activations import relu, relu_backward, sigmoid, sigmoid_backward, softmax, softmax_backward
from cnnlab.linear import linear, linear_backward
from cnnlab.normalization import standardize, standardize_backward
from cnnlab.pooling import max_pool2d, max_pool2d_backward

pytestmark = pytest.mark.thorough

EPS = {4: 2.0**-23, 8: 2.0**-52}


def eps_of(*arrays):
    return max(EPS[array.dtype.itemsize] for array in arrays)


def pool(case, x=None):
    return max_pool2d(case.x if x is None else x, case.kernel_size, stride=case.stride)


def pool_backward(case, dy=None):
    return max_pool2d_backward(case.dy if dy is None else dy, case.x, case.kernel_size, stride=case.stride)


# Max pooling.


@given(case=poolings())
def test_a_pool_holds_the_first_maximum_of_each_window_and_sends_its_gradient_there(case):
    (kh, kw), (sh, sw) = case.windows
    y, dx = pool(case), pool_backward(case)
    assert y.shape == case.dy.shape
    assert y.dtype == case.x.dtype.newbyteorder("=")
    expected, sizes = np.zeros(case.x.shape), np.zeros(case.x.shape)
    for *stack, i, j in np.ndindex(y.shape):
        window = case.x[(*stack, slice(sh * i, sh * i + kh), slice(sw * j, sw * j + kw))]
        u, v = divmod(int(window.ravel().argmax()), kw)  # the first of equals, row by row
        assert y[(*stack, i, j)] == window[u, v] == window.max()
        expected[(*stack, sh * i + u, sw * j + v)] += case.dy[(*stack, i, j)]
        sizes[(*stack, sh * i + u, sw * j + v)] += abs(case.dy[(*stack, i, j)])
    assert_sum(dx, expected, sizes, kh * kw)


@given(case=poolings())
def test_a_pool_keeps_the_sum_of_the_gradients_of_each_map(case):
    dx, dy = pool_backward(case), case.dy
    assert dx.shape == case.x.shape
    sums = [array.sum(axis=(-2, -1), dtype=np.float64) for array in (dx, dy, np.abs(dy))]
    assert_sum(sums[0], sums[1], sums[2], 9 + dy.size, dtype=dx.dtype)


@given(case=poolings(apart=True))
def test_windows_that_do_not_overlap_hand_each_gradient_on_as_it_is(case):
    dx = pool_backward(case)
    assert sorted(dx[dx != 0].tolist()) == sorted(case.dy[case.dy != 0].tolist())


@given(case=poolings())
def test_the_backward_of_a_pool_is_its_adjoint_where_the_maxima_stay(case):
    """y is linear in x as long as each maximum keeps its place: ⟨dy, y⟩ = ⟨dx, x⟩."""
    y, dx = pool(case), pool_backward(case)
    sizes = inner(np.abs(case.dy), np.abs(y))
    assert_sum(np.float64(inner(case.dy, y)), inner(dx, case.x), sizes, 9 + case.dy.size, dtype=dx.dtype)


@given(case=poolings(), shift=st.floats(-10, 10, width=32), scale=st.floats(0.125, 10, width=32))
def test_a_pool_commutes_with_whatever_keeps_the_order(case, shift, scale):
    """Exactly, since rounding keeps the order too."""
    y, kind = pool(case), case.x.dtype.newbyteorder("=").type
    np.testing.assert_array_equal(pool(case, case.x + kind(shift)), y + kind(shift))
    np.testing.assert_array_equal(pool(case, case.x * kind(scale)), y * kind(scale))
    np.testing.assert_array_equal(pool(case, relu(case.x)), relu(y))
    np.testing.assert_array_equal(pool(case, np.floor(case.x)), np.floor(y))


@given(case=poolings(), rng=generators)
def test_a_pool_is_monotone(case, rng):
    more = case.x + case.x.dtype.type(1) * rng.exponential(size=case.x.shape) * (rng.random(case.x.shape) < 0.3)
    assert (pool(case, more) >= pool(case)).all()


@given(case=poolings())
def test_a_pool_is_idempotent_and_pools_of_pools_are_larger_pools(case):
    y = pool(case)
    np.testing.assert_array_equal(max_pool2d(y, 1), y)
    (kh, kw), (sh, sw) = case.windows
    spread = y.repeat(kh, axis=-2).repeat(kw, axis=-1)
    np.testing.assert_array_equal(max_pool2d(spread, case.kernel_size), y)
    if min(y.shape[-2:]) >= 2 and sh <= kh and sw <= kw:  # four neighbours leave no gap
        large = max_pool2d(case.x, (kh + sh, kw + sw), stride=(sh, sw))
        np.testing.assert_array_equal(max_pool2d(y, 2, stride=1), large)


@given(case=poolings(), places=st.tuples(small, small))
def test_a_stack_may_be_split_before_a_pool(case, places):
    assume(case.x.ndim > 2)
    cut = places[0]
    y, dx = pool(case), pool_backward(case)
    for part in (slice(0, cut), slice(cut, None)):
        half = case._replace(x=case.x[part], dy=case.dy[part])
        np.testing.assert_array_equal(pool(half), y[part])
        np.testing.assert_array_equal(pool_backward(half), dx[part])


# ReLU and sigmoid.


@given(x=arrays())
def test_relu_is_idempotent_and_the_positive_part(x):
    y = relu(x)
    assert y.shape == x.shape
    assert y.dtype == x.dtype.newbyteorder("=")
    assert (y >= 0).all()
    np.testing.assert_array_equal(relu(y), y)
    np.testing.assert_array_equal(y - relu(-x), x)
    np.testing.assert_array_equal(relu_backward(x, x), y)  # x · [x > 0]


@given(x=arrays(), rng=generators)
def test_relu_backward_lets_pass_what_stands_at_a_positive_number(x, rng):
    dy = made(rng, x.shape)
    dx = relu_backward(dy, x)
    np.testing.assert_array_equal(dx[x > 0], dy[x > 0])
    assert not dx[x <= 0].any()
    np.testing.assert_array_equal((dx + relu_backward(dy, -x))[x != 0], dy[x != 0])


@given(x=arrays())
def test_sigmoid_lies_between_0_and_1_rises_and_is_symmetric(x):
    y, eps = sigmoid(x), eps_of(x)
    assert y.shape == x.shape
    assert y.dtype == x.dtype.newbyteorder("=")
    assert ((y >= 0) & (y <= 1)).all()
    tiny = np.finfo(y.dtype).tiny
    np.testing.assert_allclose(y, scipy.special.expit(x.astype(np.float64)), rtol=8 * eps, atol=tiny)
    np.testing.assert_allclose(y + sigmoid(-x), 1, rtol=0, atol=4 * eps)
    order = np.argsort(x, axis=None)
    rising = y.ravel()[order]
    assert (np.diff(rising) >= -4 * eps * rising[1:]).all()


@given(x=arrays(), rng=generators)
def test_sigmoid_backward_is_the_complex_step_through_it(x, rng):
    """f'(x) = Im f(x + ih) / h for a tiny h: no difference is taken, so no digit is lost."""
    dy = made(rng, x.shape, x.dtype.newbyteorder("="), NORMAL)
    z = np.clip(x.astype(np.float64), -30, 30)
    slope = np.imag(1 / (1 + np.exp(-(z + 1e-30j)))) / 1e-30
    dx = sigmoid_backward(dy, sigmoid(z.astype(x.dtype)))
    # 1 − y is as good as y near 1: to half an ε of 1.
    np.testing.assert_allclose(dx, dy * slope, rtol=200 * eps_of(x), atol=eps_of(x) * np.abs(dy).max(initial=0))


# Softmax.


@st.composite
def scores(draw, **options):
    """Draw scores with at least one class along an axis, and the axis."""
    shape = draw(st.lists(st.integers(0, 4), min_size=1, max_size=4))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    shape[axis] = draw(st.integers(1, 5))
    return draw(arrays(shape=shape, **options)), axis


@given(case=scores(), shift=st.floats(-100, 100, width=32))
def test_softmax_sums_to_1_and_ignores_a_shift(case, shift):
    (x, axis), kind = case, case[0].dtype.newbyteorder("=").type
    y, eps = softmax(x, axis), eps_of(x)
    assert y.shape == x.shape
    assert y.dtype == kind
    assert ((y >= 0) & (y <= 1)).all()
    np.testing.assert_allclose(y.sum(axis=axis), 1, rtol=0, atol=20 * eps)
    # x + shift is rounded, to an ε of itself; what is off by δ in a score is off by δ in the probability, relatively.
    off = eps * (np.abs(x).max(initial=0) + abs(shift))
    assume(off < 0.1)
    np.testing.assert_allclose(softmax(x + kind(shift), axis), y, rtol=4 * off + 20 * eps, atol=1e-30)
    by_row = softmax(x + np.random.default_rng(0).integers(-9, 9, x.sum(axis=axis, keepdims=True).shape), axis)
    np.testing.assert_allclose(by_row, y, rtol=4 * off + 80 * eps, atol=1e-30)
    expected = scipy.special.softmax(x.astype(np.float64), axis)
    np.testing.assert_allclose(y, expected, rtol=4 * off + 20 * eps, atol=1e-30)


@given(case=scores(), rng=generators)
def test_permuting_the_classes_permutes_softmax_and_its_gradient(case, rng):
    x, axis = case
    order = rng.permutation(x.shape[axis])
    dy = made(rng, x.shape, x.dtype.newbyteorder("="), NORMAL)
    y = softmax(x, axis)
    np.testing.assert_allclose(softmax(x.take(order, axis), axis), y.take(order, axis), rtol=20 * eps_of(x))
    dx = softmax_backward(dy, y, axis)
    ours = softmax_backward(dy.take(order, axis), y.take(order, axis), axis)
    np.testing.assert_allclose(ours, dx.take(order, axis), rtol=0, atol=30 * eps_of(x) * np.abs(dy).max(initial=0))


@given(case=scores(), rng=generators)
def test_softmax_backward_is_a_product_with_the_jacobian_and_sums_to_0(case, rng):
    x, axis = case
    dy = made(rng, x.shape, x.dtype.newbyteorder("="), NORMAL)
    y = softmax(x, axis)
    dx = softmax_backward(dy, y, axis)
    atol = 50 * eps_of(x) * np.abs(dy).max(initial=0)
    np.testing.assert_allclose(dx.sum(axis=axis), 0, rtol=0, atol=atol)
    assert dx.shape == x.shape
    rows, answers, gradients = (np.moveaxis(array, axis, -1).astype(np.float64) for array in (dy, y, dx))
    for place in np.ndindex(rows.shape[:-1]):
        p = answers[place]
        expected = (np.diag(p) - np.outer(p, p)) @ rows[place]
        np.testing.assert_allclose(gradients[place], expected, rtol=0, atol=atol)


@given(case=scores(flavours=kinds_but("wide")), rng=generators)
def test_softmax_backward_is_the_complex_step_through_it(case, rng):
    x, axis = case
    z, direction = x.astype(np.float64), rng.standard_normal(x.shape)
    dy = rng.standard_normal(x.shape)
    moved = np.exp(z + 1e-30j * direction)
    expected = inner(dy, np.imag(moved / moved.sum(axis=axis, keepdims=True)) / 1e-30)
    ours = inner(softmax_backward(dy, softmax(z, axis), axis), direction)
    assert ours == pytest.approx(expected, rel=1e-11, abs=1e-13 * max(x.size, 1))


# The dense layer.


@st.composite
def dense_layers(draw):
    """Draw x, weight, bias and dy of a dense layer, for a batch or one image."""
    n, features, outputs = draw(small), draw(st.integers(0, 6)), draw(st.integers(0, 4))
    stack, rng = draw(st.sampled_from([(n,), (n,), ()])), draw(generators)
    shapes = [(*stack, features), (outputs, features), (outputs,), (*stack, outputs)]
    return *four_arrays(rng, shapes), rng


def weighted_sums(x, weight, bias):
    x, weight, bias = (np.asarray(array, np.float64) for array in (x, weight, bias))
    return np.einsum("...i,oi->...o", x, weight) + bias


@given(case=dense_layers())
def test_linear_is_weighted_sums_and_linear_in_each_argument(case):
    x, weight, bias, dy, rng = case
    y, terms = linear(x, weight, bias), x.shape[-1] + 1
    assert y.shape == dy.shape
    assert y.dtype == (np.float32 if x.dtype.itemsize == weight.dtype.itemsize == 4 else np.float64)
    sizes = weighted_sums(np.abs(x), np.abs(weight), np.abs(bias))
    assert_sum(y, weighted_sums(x, weight, bias), sizes, terms)
    assert_sum(linear(x, weight) + bias, weighted_sums(x, weight, bias), sizes, terms)
    other = made(rng, x.shape, np.float64, NORMAL)
    sizes = sizes + 2 * weighted_sums(np.abs(other), np.abs(weight), 0 * bias)
    ours = linear(x + 2 * other, weight, bias)
    assert_sum(ours, y + 2 * linear(other, weight).astype(np.float64), sizes, 3 * terms, dtype=y.dtype)
    if x.ndim == 2:
        for row, image in zip(y, x, strict=True):
            assert_sum(linear(image, weight, bias), row, weighted_sums(*map(np.abs, (image, weight, bias))), terms)


@given(case=dense_layers(), cut=small)
def test_linear_backward_is_the_adjoint_of_linear_in_each_argument(case, cut):
    x, weight, bias, dy, _ = case
    gradients, y = linear_backward(dy, x, weight), linear(x, weight)
    terms = 2 * (x.size + weight.size + dy.size + 1)
    sizes = inner(np.abs(dy), weighted_sums(np.abs(x), np.abs(weight), 0 * bias))
    for gradient, argument in ((gradients.x, x), (gradients.weight, weight)):
        assert gradient.shape == argument.shape
        assert gradient.dtype == y.dtype or dy.dtype != y.dtype
        assert_sum(np.float64(inner(gradient, argument)), inner(dy, y), sizes, terms, dtype=gradient.dtype)
    spread = np.broadcast_to(bias, dy.shape)
    assert gradients.bias.shape == bias.shape
    sizes = inner(np.abs(dy), np.abs(spread))
    assert_sum(
        np.float64(inner(gradients.bias, bias)), inner(dy, spread), sizes, terms, dtype=dy.dtype.newbyteorder("=")
    )
    assert not np.shares_memory(gradients.bias, dy)
    if x.ndim == 2:  # a batch is the sum of its parts
        parts = [linear_backward(dy[part], x[part], weight) for part in (slice(0, cut), slice(cut, None))]
        absolute = linear_backward(np.abs(dy), np.abs(x), np.abs(weight))
        assert_sum(gradients.weight, np.float64(parts[0].weight) + parts[1].weight, absolute.weight, terms)
        assert_sum(gradients.bias, np.float64(parts[0].bias) + parts[1].bias, absolute.bias, terms)
        assert_sum(gradients.x, np.concatenate([part.x for part in parts]), absolute.x, terms)


# Standardisation.


@st.composite
def varying(draw, **options):
    """Draw values that vary along an axis, not only by rounding, the axis, and how many deviations they are large."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    shape[axis] = draw(st.integers(2, 6))
    x = draw(arrays(shape=shape, flavours=kinds_but("constant"), **options))
    sizes, deviations = np.abs(x).max(axis=axis).astype(np.float64), x.std(axis=axis, dtype=np.float64)
    assume((sizes < 1e3 * deviations).all())
    return x, axis, float((sizes / deviations).max())


@given(case=varying(), shift=st.floats(-5, 5, width=32), exponent=st.integers(-20, 20))
def test_standardize_gives_mean_0_and_variance_1_and_ignores_shift_and_scale(case, shift, exponent):
    x, axis, ratio = case
    y, allowed = standardize(x, axis), 30 * eps_of(x) * (1 + ratio)
    assert y.shape == x.shape
    assert y.dtype == x.dtype.newbyteorder("=")
    np.testing.assert_allclose(y.mean(axis=axis, dtype=np.float64), 0, rtol=0, atol=allowed)
    np.testing.assert_allclose(y.var(axis=axis, dtype=np.float64), 1, rtol=0, atol=allowed)
    scale = x.dtype.newbyteorder("=").type(2.0**exponent)  # multiplies without rounding
    np.testing.assert_allclose(standardize(x * scale, axis), y, rtol=0, atol=10 * allowed)
    np.testing.assert_allclose(standardize(x * -scale, axis), -y, rtol=0, atol=10 * allowed)
    offsets = shift * np.abs(x).max(axis=axis, keepdims=True).astype(np.float64)
    shifted = standardize(x + offsets, axis)
    np.testing.assert_allclose(shifted, y, rtol=0, atol=60 * eps_of(x) * (1 + 6 * ratio))


@given(case=varying(), rng=generators)
def test_the_gradient_of_standardize_is_orthogonal_to_1_and_to_its_result(case, rng):
    x, axis, ratio = case
    dy = made(rng, x.shape, x.dtype.newbyteorder("="), NORMAL)
    y, dx = standardize(x, axis).astype(np.float64), standardize_backward(dy, x, axis)
    assert dx.shape == x.shape
    assert dx.dtype == dy.dtype
    dx = dx * x.std(axis=axis, keepdims=True, dtype=np.float64)  # of the size of dy
    allowed = 100 * eps_of(x) * (1 + ratio) * np.abs(dy).max(initial=0) * x.shape[axis]
    np.testing.assert_allclose(dx.sum(axis=axis), 0, rtol=0, atol=allowed)
    np.testing.assert_allclose((dx * y).sum(axis=axis), 0, rtol=0, atol=allowed)
    # What is left is dy without its parts along 1 and y, and that is all of it.
    rest = dy - dy.mean(axis=axis, keepdims=True) - y * (dy * y).mean(axis=axis, keepdims=True)
    np.testing.assert_allclose(dx, rest, rtol=0, atol=allowed)


@given(case=varying(), rng=generators)
def test_standardize_backward_is_the_complex_step_through_it(case, rng):
    x, axis, ratio = case
    direction, dy = rng.standard_normal(x.shape), rng.standard_normal(x.shape)
    size = x.std(axis=axis, keepdims=True, dtype=np.float64)
    z = x.astype(np.float64) / size  # so that the gradients are of the size of dy
    moved = z + 1e-30j * direction
    centred = moved - moved.mean(axis=axis, keepdims=True)
    slopes = np.imag(centred / np.sqrt((centred * centred).mean(axis=axis, keepdims=True))) / 1e-30
    ours = inner(standardize_backward(dy, z, axis), direction)
    assert ours == pytest.approx(inner(dy, slopes), rel=1e-10, abs=1e-13 * (1 + ratio) * x.size)


@given(x=arrays(axes=(1, 3)), axis=st.integers(0, 2))
def test_what_does_not_vary_is_refused(x, axis):
    assume(x.size and axis < x.ndim)
    flat = np.repeat(x.take([0], axis), 3, axis)
    for call in (lambda: standardize(flat, axis), lambda: standardize_backward(np.ones(flat.shape), flat, axis)):
        with pytest.raises(ValueError, match="does not vary"):
            call()
