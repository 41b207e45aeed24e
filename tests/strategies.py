"""What the property tests draw: sizes and options from hypothesis, so that a failure shrinks; values from a seed."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st
from oracle import positions, zeros_around

from cnnlab import _im2col

KINDS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "whole": lambda rng, shape: rng.integers(-2, 3, shape),  # ties and zeros, and sums without rounding
    "sparse": lambda rng, shape: rng.standard_normal(shape) * (rng.random(shape) < 0.3),
    "negative": lambda rng, shape: -rng.exponential(size=shape),
    "constant": lambda rng, shape: np.full(shape, rng.standard_normal()),
    "wide": lambda rng, shape: rng.standard_normal(shape) * 10.0 ** rng.uniform(-6, 6, shape),
}
LAYOUTS = {
    "C": lambda array: array,
    "Fortran": lambda array: array.copy(order="F"),
    "backwards": lambda array: np.flip(np.flip(array).copy()),
    "with gaps": lambda array: np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim else array,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "read-only": lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
}
FLAVOURS = tuple(itertools.product(KINDS, LAYOUTS))
NORMAL = (("normal", "C"),)
DTYPES = (np.float64, np.float32)

dtypes = st.sampled_from(DTYPES)
generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)
small = st.integers(0, 3)
block_bytes = st.sampled_from([_im2col.BLOCK_BYTES, 1, 400, 2000, 8000])


def kinds_but(*left_out):
    """List every kind of value but these, in every layout."""
    return tuple(flavour for flavour in FLAVOURS if flavour[0] not in left_out)


def one_of(rng, choices):
    return choices[rng.integers(len(choices))]


def made(rng, shape, dtype=None, flavours=FLAVOURS):
    """Make an array of one of these kinds of value and layouts.

    The seed chooses them: drawn one by one by hypothesis, they would cost more than the tests themselves.
    """
    dtype, (kind, layout) = dtype or one_of(rng, DTYPES), one_of(rng, flavours)
    return LAYOUTS[layout](np.asarray(KINDS[kind](rng, shape), dtype))


@st.composite
def arrays(draw, *, axes=(0, 4), longest=5, shape=None, flavours=FLAVOURS):
    """Draw an array."""
    if shape is None:
        shape = draw(st.lists(st.integers(0, longest), min_size=axes[0], max_size=axes[1]))
    return made(draw(generators), tuple(shape), flavours=flavours)


def an_int_or_a_pair(numbers):
    return numbers | st.tuples(numbers, numbers)


def as_pair(value):
    return value if isinstance(value, tuple) else (value, value)


def four_arrays(rng, shapes, flavours=FLAVOURS):
    """Make x, weight, bias and dy: x and dy share a dtype, weight and bias too."""
    a, b = one_of(rng, DTYPES), one_of(rng, DTYPES)
    return [made(rng, shape, dtype, flavours) for shape, dtype in zip(shapes, (a, b, b, a), strict=True)]


class Convolution(NamedTuple):
    """Arguments of conv2d and its backward."""

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    dy: np.ndarray
    options: dict[str, Any]  # stride and padding
    rng: np.random.Generator

    @property
    def stride(self):
        return as_pair(self.options["stride"])

    @property
    def zeros(self):
        """Rows and columns of zeros before and after the image."""
        return zeros_around(self.options["padding"], self.weight.shape[-2:])


@st.composite
def convolutions(draw, *, single=None, fewest=0, flavours=FLAVOURS):
    """Draw a convolution that fits, of any sizes, stride, padding, dtypes, values and layouts.

    It has at least `fewest` images, channels and filters.
    """
    rng = draw(generators)
    if single is None:
        single = draw(st.integers(0, 4)) == 4
    counts = st.integers(fewest, 3)
    n, channels, filters = (1, 1, 1) if single else (draw(counts), draw(counts), draw(counts))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = draw(an_int_or_a_pair(small) | st.sampled_from(["same", "valid"]))
    stride = 1 if padding == "same" else draw(an_int_or_a_pair(st.integers(1, 3)))
    before, after = zeros_around(padding, kernel)
    size, output = [], []
    for axis in (0, 1):
        size.append(max(1, kernel[axis] - before[axis] - after[axis]) + draw(st.integers(0, 5)))
        output.append(len(positions(size[axis], kernel[axis], as_pair(stride)[axis], before[axis], after[axis])))
    shapes = [(n, channels, *size), (filters, channels, *kernel), (filters,), (n, filters, *output)]
    if single:
        shapes = [tuple(size), kernel, (), tuple(output)]
    x, weight, bias, dy = four_arrays(rng, shapes, flavours)
    return Convolution(x, weight, bias, dy, {"stride": stride, "padding": padding}, rng)


class Pooling(NamedTuple):
    """Arguments of max_pool2d and its backward."""

    x: np.ndarray
    dy: np.ndarray
    kernel_size: Any
    stride: Any

    @property
    def windows(self):
        """The windows' size and step as pairs."""
        kernel = as_pair(self.kernel_size)
        return kernel, kernel if self.stride is None else as_pair(self.stride)


@st.composite
def poolings(draw, *, flavours=FLAVOURS, apart=False):
    """Draw a pooling that fits; with `apart`, one whose windows do not overlap."""
    rng, stack = draw(generators), draw(st.lists(small, max_size=3))
    kernel = draw(an_int_or_a_pair(st.integers(1, 3)))
    strides = an_int_or_a_pair(st.integers(3 if apart else 1, 4))
    stride = draw(st.none() | strides)
    step = as_pair(kernel if stride is None else stride)
    size = [k + draw(st.integers(0, 5)) for k in as_pair(kernel)]
    output = [len(positions(h, k, s, 0, 0)) for h, k, s in zip(size, as_pair(kernel), step, strict=True)]
    x, dy = (made(rng, (*stack, *shape), flavours=flavours) for shape in (size, output))
    return Pooling(x, dy, kernel, stride)


@contextmanager
def blocks_of(size):
    """Let convolution take images in blocks whose columns have this many bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_im2col, "BLOCK_BYTES", size)
        yield


def assert_sum(ours, theirs, sizes, terms, dtype=None):
    """Compare sums of `terms` products with what they should be; `sizes` are the same sums of the absolute values.

    Whatever the order of its n additions, a sum errs by at most n ε Σ|a b| (Higham, "Accuracy and Stability of
    Numerical Algorithms", 2002, section 3.1). Twice that leaves room for what `theirs` errs. ε is that of `dtype`,
    ours by default.
    """
    ours = np.asarray(ours)
    assert ours.shape == np.shape(theirs)
    allowed = 2 * (terms + 2) * np.finfo(dtype or ours.dtype).eps * np.asarray(sizes, np.float64)
    error = np.abs(np.float64(ours) - theirs)
    assert (error <= allowed).all(), f"off by {error.max()}, allowed {np.max(allowed)}"


def inner(a, b):
    """⟨a, b⟩ in float64."""
    assert np.shape(a) == np.shape(b)
    return float(np.sum(np.asarray(a, np.float64) * np.asarray(b, np.float64)))
