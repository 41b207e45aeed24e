"""Independent answers to compare cnnlab with: PyTorch, central differences, and the loops a beginner would write."""

from __future__ import annotations

import numpy as np
import pytest

try:
    import torch
except ImportError:
    torch = None
else:
    torch.set_num_threads(1)

needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed, so there is nothing to compare with")


def draw(seed, *shape, dtype=np.float64):
    """Draw an array whose values differ from each other, negative ones among them where the dtype has any."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype) == np.bool_:
        return rng.integers(0, 2, shape).astype(bool)
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return rng.integers(max(limits.min, -300), min(limits.max, 300), shape, endpoint=True).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def as_tuple(value):
    """Wrap a lone array, so that one gradient and several read alike."""
    return tuple(value) if isinstance(value, tuple) else (value,)


def assert_same(ours, theirs, *, dtype=None, tolerance=None):
    """Compare values (NaN equals NaN) and shapes; the tolerance is relative to the largest value."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    if dtype is not None:
        assert ours.dtype == dtype
    if tolerance is None:
        tolerance = 1e-5 if np.float32 in (ours.dtype, theirs.dtype) else 1e-11
    finite = np.abs(theirs[np.isfinite(theirs)])
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * finite.max(initial=1e-3))


def compare_with_torch(ours, backward, theirs, *arrays, seed=0):
    """Put an operation and its backward beside PyTorch: values, every gradient, and dtypes.

    `ours(*arrays)` and `theirs(*tensors)` give the output, `backward(dy, y, *arrays)` one gradient for each array.
    A further operation costs one line.
    """
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    y, expected = ours(*arrays), theirs(*tensors)
    dtype = arrays[0].dtype
    assert_same(y, expected.detach().numpy(), dtype=dtype if np.ndim(y) else None)
    dy = draw(seed + 1000, *np.shape(y), dtype=dtype)
    expected.backward(torch.tensor(dy))
    gradients = as_tuple(backward(dy, y, *arrays))
    assert len(gradients) == len(tensors)
    for gradient, tensor in zip(gradients, tensors, strict=True):
        assert_same(gradient, tensor.grad.numpy(), dtype=dtype)


def central_differences(f, x, eps=1e-6):
    """Estimate ∂f/∂x by moving every entry of x up and down."""
    x = np.array(x, dtype=np.float64)
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + eps
        above = f(x)
        x[index] = value - eps
        below = f(x)
        x[index] = value
        gradient[index] = (above - below) / (2 * eps)
    return gradient


def compare_with_differences(ours, backward, *arrays, seed=0, tolerance=1e-7):
    """Put a backward beside central differences of L = Σ dy·y, input by input."""
    dy = draw(seed + 1000, *np.shape(ours(*arrays)))
    gradients = as_tuple(backward(dy, ours(*arrays), *arrays))
    assert len(gradients) == len(arrays)
    for place, gradient in enumerate(gradients):

        def loss(value, place=place):
            return np.sum(dy * ours(*arrays[:place], value, *arrays[place + 1 :]))

        assert_same(gradient, central_differences(loss, arrays[place]), tolerance=tolerance)


# The loops a beginner would write. `before` and `after` are the zeros (rows, columns) on either side.


def zeros_around(padding, kernel_size):
    """Translate conv2d's padding into the zeros before and after the image."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        before = tuple((k - 1) // 2 for k in kernel_size)
        return before, tuple(k - 1 - b for k, b in zip(kernel_size, before, strict=True))
    pair = (padding, padding) if isinstance(padding, int) else tuple(padding)
    return pair, pair


def positions(size, kernel, stride, before, after):
    """List the first row (or column) of the kernel at each of its positions; negative inside the padding."""
    found = []
    start = -before
    while start + kernel <= size + after:
        found.append(start)
        start += stride
    return found


def conv2d_loops(x, weight, bias, stride=1, padding=0):
    """Convolve by loops over images, filters, positions, channels and kernel entries."""
    (n, channels, height, width), (filters, _, kh, kw) = x.shape, weight.shape
    before, after = zeros_around(padding, (kh, kw))
    stride = (stride, stride) if isinstance(stride, int) else stride
    rows = positions(height, kh, stride[0], before[0], after[0])
    columns = positions(width, kw, stride[1], before[1], after[1])
    y = np.zeros((n, filters, len(rows), len(columns)))
    for image, f, i, j in np.ndindex(y.shape):
        total = float(bias[f])
        for c in range(channels):
            for u in range(kh):
                for v in range(kw):
                    k, m = rows[i] + u, columns[j] + v
                    if 0 <= k < height and 0 <= m < width:
                        total += float(x[image, c, k, m]) * float(weight[f, c, u, v])
        y[image, f, i, j] = total
    return y


def max_pool2d_loops(x, kernel_size, stride):
    """Pool maps (N, C, H, W) by loops; return the maxima and the cell that each came from (the first of equals)."""
    (kh, kw), (sh, sw) = kernel_size, stride
    rows = range(0, x.shape[2] - kh + 1, sh)
    columns = range(0, x.shape[3] - kw + 1, sw)
    y = np.zeros((*x.shape[:2], len(rows), len(columns)))
    cells = {}
    for n, c in np.ndindex(x.shape[:2]):
        for i, top in enumerate(rows):
            for j, left in enumerate(columns):
                best = (top, left)
                for k in range(top, top + kh):
                    for m in range(left, left + kw):
                        if x[n, c, k, m] > x[n, c, best[0], best[1]]:
                            best = (k, m)
                y[n, c, i, j] = x[n, c, best[0], best[1]]
                cells[n, c, i, j] = (n, c, *best)
    return y, cells
