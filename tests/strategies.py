"""What the property tests draw: sizes and options from hypothesis, so that a failure shrinks; values from a seed."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import strategies as st

from cnnlab import _im2col
from cnnlab.networks import Network

# None so large that a sum would depend on the order of its terms.
EXTREMES = [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -1e-310, 1.0, -2.0]
KINDS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "whole": lambda rng, shape: rng.integers(-2, 3, shape),  # ties and zeros
    "sparse": lambda rng, shape: rng.standard_normal(shape) * (rng.random(shape) < 0.3),
    "constant": lambda rng, shape: np.full(shape, rng.standard_normal()),
    "extreme": lambda rng, shape: np.where(
        rng.random(shape) < rng.choice([0.03, 0.3, 1.0]), rng.choice(EXTREMES, shape), rng.standard_normal(shape)
    ),
}
LAYOUTS = {
    "C": lambda array: array,
    "Fortran": lambda array: array.copy(order="F"),
    "backwards": lambda array: np.flip(np.flip(array).copy()),
    "with gaps": lambda array: np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim else array,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "read-only": lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
}
DTYPES = (np.float64, np.float32)

generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)
small = st.integers(0, 3)

block_bytes = st.sampled_from([_im2col.BLOCK_BYTES, 1, 400, 2000, 8000])


@contextmanager
def blocks_of(size):
    """Take images in blocks whose columns have this many bytes, also in a network that has counted them before."""
    infer_shapes = Network._infer_shapes

    def anew(network, shape):
        network._last_inference = network._last_inference._replace(shape=())
        return infer_shapes(network, shape)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_im2col, "BLOCK_BYTES", size)
        patch.setattr(Network, "_infer_shapes", anew)
        yield


def one_of(rng, choices):
    return choices[rng.integers(len(choices))]


def made(rng, shape, *, extreme=True):
    """Make an array of any dtype, kind of value and layout; float32 could not hold what is extreme.

    The seed chooses them: drawn one by one by hypothesis, they would cost more than the tests themselves.
    """
    kinds = [kind for kind in KINDS if extreme or kind != "extreme"]
    dtype, kind, layout = one_of(rng, DTYPES), one_of(rng, kinds), one_of(rng, list(LAYOUTS.values()))
    return layout(np.asarray(KINDS[kind](rng, shape), np.float64 if kind == "extreme" else dtype))


def an_int_or_a_pair(numbers):
    return numbers | st.tuples(numbers, numbers)


def as_pair(value):
    return value if isinstance(value, tuple) else (value, value)
