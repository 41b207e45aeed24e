"""Properties of convolution that hold for all sizes, strides, paddings, dtypes, values and memory layouts."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from oracle import positions, zeros_around
from strategies import (
    NORMAL,
    an_int_or_a_pair,
    arrays,
    as_pair,
    assert_sum,
    block_bytes,
    blocks_of,
    convolutions,
    inner,
    made,
    small,
)

from cnnlab.convolution import conv2d, conv2d_backward, conv2d_output_size, fold, unfold, zero_pad

pytestmark = pytest.mark.thorough


def padded(image, before, after):
    stack = [(0, 0)] * (image.ndim - 2)
    return np.pad(image, [*stack, (before[0], after[0]), (before[1], after[1])])


def correlation(case, x=None, weight=None, bias=None):
    """What conv2d should give, by SciPy in float64; single images and batches alike."""
    x, weight, bias = (
        np.asarray(mine if given is None else given, np.float64)
        for mine, given in zip(case, (x, weight, bias), strict=False)
    )
    single = x.ndim == 2
    x, weight, bias = (x[None, None], weight[None, None], bias[None]) if single else (x, weight, bias)
    x = padded(x, *case.zeros)
    (sh, sw), (kh, kw) = case.stride, weight.shape[2:]
    rows, columns = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
    y = np.zeros((len(x), len(weight), rows, columns)) + bias[:, None, None]
    for n, f, c in np.ndindex(len(x), len(weight), x.shape[1]):
        y[n, f] += scipy.signal.correlate2d(x[n, c], weight[f, c], "valid")[::sh, ::sw]
    return y[0, 0] if single else y


def sizes_of(case):
    """The sums that conv2d makes, of absolute values."""
    return correlation(case, np.abs(case.x), np.abs(case.weight), np.abs(case.bias))


def terms_of(case):
    return case.weight[0].size + 1 if len(case.weight) else 1


@given(case=convolutions(), size=block_bytes)
def test_conv2d_is_scipys_correlation_at_every_stride_and_padding(case, size):
    with blocks_of(size):
        y = conv2d(case.x, case.weight, case.bias, **case.options)
    assert y.shape == case.dy.shape
    assert y.dtype == (np.float32 if {case.x.dtype.itemsize, case.weight.dtype.itemsize} == {4} else np.float64)
    assert_sum(y, correlation(case), sizes_of(case), terms_of(case))


@given(case=convolutions())
def test_conv2d_is_linear_in_each_argument(case):
    x, weight, bias, _, options, rng = case
    a, b = (float(k) for k in 2.0 ** rng.integers(-3, 4, 2) * rng.choice([-1, 1], 2))  # multiply without rounding
    zero = np.zeros_like(bias)

    def check(combined, first, second, sizes):
        theirs = a * first.astype(np.float64) + b * second.astype(np.float64)
        assert_sum(combined, theirs, abs(a) * sizes[0] + abs(b) * sizes[1], 3 * terms_of(case), dtype=first.dtype)

    def sizes(x, weight, bias):
        return correlation(case, np.abs(x), np.abs(weight), np.abs(bias))

    other = made(rng, x.shape, x.dtype.newbyteorder("="), NORMAL)
    y, z = conv2d(x, weight, **options), conv2d(other, weight, **options)
    both = conv2d(np.float64(a) * x + np.float64(b) * other, weight, **options)
    check(both, y, z, (sizes(x, weight, zero), sizes(other, weight, zero)))

    other = made(rng, weight.shape, weight.dtype.newbyteorder("="), NORMAL)
    z = conv2d(x, other, **options)
    both = conv2d(x, np.float64(a) * weight + np.float64(b) * other, **options)
    check(both, y, z, (sizes(x, weight, zero), sizes(x, other, zero)))

    with_bias = conv2d(x, weight, a * np.float64(bias), **options)
    offsets = a * np.asarray(bias, np.float64)
    offsets = offsets if offsets.ndim == 0 else offsets[:, None, None]
    theirs, limits = y + offsets, sizes(x, weight, offsets.reshape(bias.shape))
    assert_sum(with_bias, theirs, limits, 3 * terms_of(case), dtype=y.dtype)


@given(case=convolutions(), steps=st.tuples(small, small))
def test_shifting_the_image_by_the_stride_shifts_the_map_by_one(case, steps):
    x, weight, bias, _, options, _ = case
    height, width = x.shape[-2:]
    down, right = (min(d * s, size) for d, s, size in zip(steps, case.stride, (height, width), strict=True))
    shifted = np.zeros_like(x)
    shifted[..., down:, right:] = x[..., : height - down, : width - right]
    y, z = conv2d(x, weight, bias, **options), conv2d(shifted, weight, bias, **options)
    # What leaves the image at the bottom and right is lost, so only windows that end above and left of it compare.
    whole = [
        len(positions(size - d * s, k, s, before, 0))
        for size, d, s, k, before in zip(
            (height, width), steps, case.stride, weight.shape[-2:], case.zeros[0], strict=True
        )
    ]
    before = y[..., : whole[0], : whole[1]]
    after = z[..., steps[0] : steps[0] + whole[0], steps[1] : steps[1] + whole[1]]
    assert_sum(after, before.astype(np.float64), sizes_of(case)[..., : whole[0], : whole[1]], terms_of(case))


@given(case=convolutions(), size=block_bytes)
def test_conv2d_backward_is_the_adjoint_of_conv2d_in_each_argument(case, size):
    x, weight, bias, dy, options, _ = case
    zero = np.zeros_like(bias)
    with blocks_of(size):
        gradients = conv2d_backward(dy, x, weight, **options)
        y = conv2d(x, weight, **options)
        offsets = conv2d(x, weight * 0, bias, **options)
        without = conv2d_backward(dy, x, weight, **options, input_gradient=False)
    for ours, argument in zip(gradients, (x, weight, bias), strict=True):
        assert ours.shape == argument.shape
        assert ours.dtype == y.dtype
    # Each entry of a gradient is a sum over what it meets: filters and kernel, or images and positions.
    terms = 2 * max(terms_of(case), weight.size, dy.size)
    sizes = inner(np.abs(dy), correlation(case, np.abs(x), np.abs(weight), zero))
    one = y.dtype.type
    assert_sum(one(inner(dy, y)), inner(gradients.x, x), sizes, terms)
    assert_sum(one(inner(dy, y)), inner(gradients.weight, weight), sizes, terms)
    sizes = inner(np.abs(dy), np.abs(offsets))
    assert_sum(one(inner(dy, offsets)), inner(gradients.bias, bias), sizes, terms)
    assert without.x is None
    np.testing.assert_array_equal(without.weight, gradients.weight)
    np.testing.assert_array_equal(without.bias, gradients.bias)


@given(case=convolutions(), size=block_bytes)
def test_each_entry_of_conv2ds_gradients_is_what_moving_one_entry_does(case, size):
    """conv2d is linear, so ∂⟨dy, y⟩/∂x at one place is ⟨dy, conv2d(one pixel there)⟩."""
    x, weight, _, dy, options, rng = case
    with blocks_of(size):
        gradients = conv2d_backward(dy, x, weight, **options)
    zero = np.zeros(case.bias.shape)
    for gradient, place in ((gradients.x, 0), (gradients.weight, 1)):
        if gradient.size:
            index = tuple(int(rng.integers(length)) for length in gradient.shape)
            arguments = [np.asarray(x, np.float64), np.asarray(weight, np.float64)]
            arguments[place] = np.zeros(gradient.shape)
            arguments[place][index] = 1
            expected = inner(dy, correlation(case, *arguments, zero))
            sizes = inner(np.abs(dy), correlation(case, *map(np.abs, arguments), zero))
            assert_sum(gradient[index], expected, sizes, dy.size + weight.size)
    gradient = gradients.bias.reshape(-1)
    for f, ours in enumerate(gradient):
        part = dy if x.ndim == 2 else dy[:, f]
        assert_sum(ours, np.sum(part, dtype=np.float64), np.sum(np.abs(part), dtype=np.float64), dy.size)


@given(case=convolutions(), size=block_bytes)
def test_fold_is_the_adjoint_of_unfold(case, size):
    kernel = case.weight.shape[-2:]
    with blocks_of(size):
        columns = unfold(case.x, kernel, **case.options)
        other = made(case.rng, columns.shape, np.float64)
        image = fold(other, case.x.shape[-2:], kernel, **case.options)
    sizes = inner(np.abs(other), np.abs(columns))
    assert_sum(np.float64(inner(other, columns)), inner(image, case.x), sizes, other.size + case.x.size)
    assert columns.dtype.itemsize == case.x.dtype.itemsize


@given(case=convolutions(), size=block_bytes)
def test_conv2d_is_a_product_with_the_unfolded_image(case, size):
    x, weight, bias, _, options, _ = case
    y = conv2d(x, weight, bias, **options)
    with blocks_of(size):
        columns = unfold(x, weight.shape[-2:], **options).astype(np.float64)
    rows = 1 if x.ndim == 2 else len(weight)
    offsets = np.asarray(bias, np.float64).reshape(rows, 1)
    product = weight.reshape(rows, columns.shape[-2]).astype(np.float64) @ columns + offsets
    assert_sum(y, product.reshape(y.shape), sizes_of(case), terms_of(case))


@given(x=arrays(axes=(2, 4)), padding=an_int_or_a_pair(small))
def test_zero_pad_puts_zeros_around_what_it_gets(x, padding):
    (rows, columns), (height, width) = as_pair(padding), x.shape[-2:]
    y = zero_pad(x, padding)
    assert y.dtype == x.dtype.newbyteorder("=")
    np.testing.assert_array_equal(y, padded(x, (rows, columns), (rows, columns)))
    np.testing.assert_array_equal(y[..., rows : rows + height, columns : columns + width], x)
    assert not np.shares_memory(x, y)


sizes = an_int_or_a_pair(st.integers(0, 12))
kernels = an_int_or_a_pair(st.integers(1, 6))
strides = an_int_or_a_pair(st.integers(1, 4))
paddings = an_int_or_a_pair(small) | st.sampled_from(["same", "valid"])


@given(
    size=sizes, kernel=an_int_or_a_pair(st.integers(1, 6)), stride=an_int_or_a_pair(st.integers(1, 4)), padding=paddings
)
def test_conv2d_output_size_counts_the_positions_and_refuses_where_there_are_none(size, kernel, stride, padding):
    before, after = zeros_around(padding, as_pair(kernel))
    counts = tuple(
        len(positions(*axis))
        for axis in zip(as_pair(size), as_pair(kernel), as_pair(stride), before, after, strict=True)
    )
    refused = padding == "same" and as_pair(stride) != (1, 1)
    if 0 in counts or refused:
        with pytest.raises(ValueError, match="stride 1" if refused else "does not fit"):
            conv2d_output_size(size, kernel, stride=stride, padding=padding)
    else:
        ours = conv2d_output_size(size, kernel, stride=stride, padding=padding)
        assert as_pair(ours) == counts
        pairs = any(isinstance(argument, tuple) for argument in (size, kernel, stride, padding))
        assert isinstance(ours, tuple) == pairs
        assert conv2d(np.ones(as_pair(size)), np.ones(as_pair(kernel)), stride=stride, padding=padding).shape == counts


@given(case=convolutions(single=False), cut=small, size=block_bytes)
def test_a_batch_filters_and_channels_may_be_split_and_joined(case, cut, size):
    x, weight, bias, dy, options, _ = case
    y, gradients = conv2d(x, weight, bias, **options), conv2d_backward(dy, x, weight, **options)
    expected, limits = correlation(case), sizes_of(case)
    terms = dy.size + weight.size + x.size + 1

    def check(part, whole, sizes=None):
        assert_sum(part, whole.astype(np.float64), np.abs(whole).max(initial=0) if sizes is None else sizes, terms)

    halves = (slice(0, cut), slice(cut, None))
    with blocks_of(size):
        check(np.concatenate([conv2d(x[h], weight, bias, **options) for h in halves]), expected, limits)
        check(np.concatenate([conv2d(x, weight[h], bias[h], **options) for h in halves], axis=1), expected, limits)
        by_channel = [conv2d(x[:, h], weight[:, h], **options) for h in halves]
        check(conv2d(x, weight, **options), by_channel[0] + by_channel[1], limits)

        for_batch = [conv2d_backward(dy[h], x[h], weight, **options) for h in halves]
        for_filters = [conv2d_backward(dy[:, h], x, weight[h], **options) for h in halves]
        for_channels = [conv2d_backward(dy, x[:, h], weight[:, h], **options) for h in halves]
    absolute = conv2d_backward(np.abs(dy), np.abs(x), np.abs(weight), **options)  # the size of each sum
    check(gradients.x, np.concatenate([part.x for part in for_batch]), absolute.x)
    check(gradients.weight, for_batch[0].weight + for_batch[1].weight, absolute.weight)
    check(gradients.bias, for_batch[0].bias + for_batch[1].bias, absolute.bias)
    check(gradients.x, for_filters[0].x + for_filters[1].x, absolute.x)
    check(gradients.weight, np.concatenate([part.weight for part in for_filters]), absolute.weight)
    check(gradients.bias, np.concatenate([part.bias for part in for_filters]), absolute.bias)
    check(gradients.x, np.concatenate([part.x for part in for_channels], axis=1), absolute.x)
    check(gradients.weight, np.concatenate([part.weight for part in for_channels], axis=1), absolute.weight)
    assert y.shape == expected.shape


@given(case=convolutions(single=False))
def test_permuting_images_channels_or_filters_permutes_the_answers(case):
    x, weight, bias, dy, options, rng = case
    images, filters, channels = (rng.permutation(count) for count in (len(x), *weight.shape[:2]))
    y, gradients = conv2d(x, weight, bias, **options), conv2d_backward(dy, x, weight, **options)
    x, bias = x[images][:, channels], bias[filters]
    weight, dy = weight[filters][:, channels], dy[images][:, filters]
    assert_sum(
        conv2d(x, weight, bias, **options), y[images][:, filters], sizes_of(case)[images][:, filters], terms_of(case)
    )
    permuted = conv2d_backward(dy, x, weight, **options)
    absolute = conv2d_backward(np.abs(dy), np.abs(x), np.abs(weight), **options)
    terms = dy.size + weight.size
    assert_sum(permuted.x, gradients.x[images][:, channels], absolute.x, terms)
    assert_sum(permuted.weight, gradients.weight[filters][:, channels], absolute.weight, terms)
    assert_sum(permuted.bias, gradients.bias[filters], absolute.bias, terms)


@given(case=convolutions())
def test_every_padding_is_the_same_as_putting_the_zeros_there_oneself(case):
    x, weight, bias, dy, options, _ = case
    (top, left), _ = case.zeros
    height, width = x.shape[-2:]
    by_hand = padded(x, *case.zeros)
    y = conv2d(by_hand, weight, bias, stride=case.stride)
    assert_sum(conv2d(x, weight, bias, **options), y.astype(np.float64), sizes_of(case), terms_of(case))
    ours, theirs = conv2d_backward(dy, x, weight, **options), conv2d_backward(dy, by_hand, weight, stride=case.stride)
    absolute = conv2d_backward(np.abs(dy), np.abs(x), np.abs(weight), **options)
    terms = dy.size + weight.size
    assert_sum(ours.x, theirs.x[..., top : top + height, left : left + width], absolute.x, terms)
    assert_sum(ours.weight, theirs.weight, absolute.weight, terms)
    columns = unfold(x, weight.shape[-2:], **options)
    np.testing.assert_array_equal(columns, unfold(by_hand, weight.shape[-2:], stride=case.stride))


@given(case=convolutions(single=True))
def test_a_single_image_gives_what_a_batch_of_one_gives(case):
    x, weight, bias, dy, options, _ = case
    batch, kernels, stack = x[None, None], weight[None, None], dy[None, None]
    y = conv2d(x, weight, bias, **options)
    assert_sum(y, conv2d(batch, kernels, bias[None], **options)[0, 0], sizes_of(case), terms_of(case))
    ours, theirs = conv2d_backward(dy, x, weight, **options), conv2d_backward(stack, batch, kernels, **options)
    absolute = conv2d_backward(np.abs(dy), np.abs(x), np.abs(weight), **options)
    for mine, other, size in zip(ours, theirs, absolute, strict=True):
        assert_sum(mine, other.reshape(mine.shape), size, dy.size + weight.size)
    columns = unfold(x, weight.shape, **options)
    np.testing.assert_array_equal(columns, unfold(batch, weight.shape, **options)[0])
    image = fold(columns, x.shape, weight.shape, **options)
    np.testing.assert_array_equal(image, fold(columns[None], x.shape, weight.shape, **options)[0, 0])


@given(case=convolutions())
def test_no_argument_is_changed_and_no_result_shares_memory_with_one(case):
    x, weight, bias, dy, options, _ = case
    arguments = (x, weight, bias, dy)
    before = [argument.tobytes() for argument in arguments]
    columns = unfold(x, weight.shape[-2:], **options)
    results = [
        conv2d(x, weight, bias, **options),
        *conv2d_backward(dy, x, weight, **options),
        columns,
        fold(columns, x.shape[-2:], weight.shape[-2:], **options),
    ]
    assert [argument.tobytes() for argument in arguments] == before
    for result in results:
        assert not any(np.may_share_memory(result, argument) for argument in arguments)
