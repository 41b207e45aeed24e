"""Every operation gives the right answer for whatever sizes, options, dtypes, values and layouts are drawn."""

from typing import Any, NamedTuple

import numpy as np
import operation_answers
import pytest
from hostile import Case, Near, attempt, disagreement, right_answer
from hypothesis import assume, given
from hypothesis import strategies as st
from oracle import positions, zeros_around
from strategies import an_int_or_a_pair, as_pair, block_bytes, blocks_of, generators, made, one_of, small

from cnnlab import activations, convolution, linear, losses, normalization, pooling
from cnnlab.gradient_check import check_gradient, numerical_gradient

pytestmark = pytest.mark.thorough
PADDINGS = an_int_or_a_pair(small) | st.sampled_from(["same", "valid"])


@st.composite
def alike(draw, *names, shares=(), axes=(0, 4), axis=False, extreme=True):
    """Draw arrays of one shape, some of them of numbers from 0 to 1; and an axis of theirs."""
    rng, shape = draw(generators), tuple(draw(st.lists(st.integers(0, 5), min_size=axes[0], max_size=axes[1])))
    found = {name: made(rng, shape, extreme=extreme) for name in names}
    for name in shares:
        found[name] = np.asarray(one_of(rng, [rng.integers(0, 2, shape), rng.random(shape, np.float32)]))
    return found | ({"axis": int(rng.integers(-len(shape), len(shape)))} if axis else {})


@st.composite
def labelled(draw):
    """Draw scores and class numbers, for a batch or one image."""
    rng, stack, classes = draw(generators), draw(st.just(()) | st.tuples(st.integers(0, 5))), draw(st.integers(1, 5))
    kind = one_of(rng, [np.int64, np.uint8, ">i4"])
    return {
        "prediction": made(rng, (*stack, classes)),
        "target": np.asarray(rng.integers(0, classes, stack), kind),
    }


@st.composite
def dense(draw, *names):
    rng, stack = draw(generators), draw(st.just(()) | st.tuples(small))
    features, outputs = draw(st.integers(0, 6)), draw(st.integers(0, 4))
    shapes = {"x": (*stack, features), "weight": (outputs, features), "bias": (outputs,), "dy": (*stack, outputs)}
    return {name: made(rng, shapes[name]) for name in names}


@st.composite
def sliding(draw, paddings):
    """Draw a kernel that fits into images, with its steps."""
    kernel, padding = draw(an_int_or_a_pair(st.integers(1, 4))), draw(paddings)
    stride = 1 if padding == "same" else draw(an_int_or_a_pair(st.integers(1, 4)))
    steps = zip(as_pair(kernel), as_pair(stride), *zeros_around(padding, as_pair(kernel)), strict=True)
    size, output = [], []
    for k, step, before, after in steps:
        size.append(max(1, k - before - after) + draw(st.integers(0, 5)))
        output.append(len(positions(size[-1], k, step, before, after)))
    return kernel, stride, padding, tuple(size), tuple(output)


@st.composite
def convolutions(draw, *names):
    """Draw the arguments of a function of convolution."""
    rng, (kernel, stride, padding, size, output) = draw(generators), draw(sliding(PADDINGS))
    single = draw(st.integers(0, 4)) == 4
    n, channels, filters = (1, 1, 1) if single else (draw(small), draw(small), draw(small))
    entries = int(np.prod(as_pair(kernel)))
    shapes = {
        "x": (n, channels, *size),
        "weight": (filters, channels, *as_pair(kernel)),
        "bias": (filters,),
        "dy": (n, filters, *output),
        "columns": (n, channels * entries, int(np.prod(output))),
    }
    if single:
        shapes |= {name: shape[2:] for name, shape in shapes.items() if len(shape) == 4}
        shapes |= {"bias": (), "columns": shapes["columns"][1:]}
    found = {name: made(rng, shape) for name, shape in shapes.items()}
    found |= {"kernel_size": kernel, "stride": stride, "padding": padding, "size": size, "output_size": size}
    found |= {"input_gradient": bool(rng.integers(2))}
    return {name: found[name] for name in names}


@st.composite
def sizes(draw):
    """Draw sizes that need not fit."""
    numbers = [an_int_or_a_pair(st.integers(low, high)) for low, high in ((0, 12), (1, 6), (1, 4))]
    return dict(zip(("size", "kernel_size", "stride", "padding"), map(draw, (*numbers, PADDINGS)), strict=True))


@st.composite
def poolings(draw, *names):
    rng, stack = draw(generators), draw(st.lists(small, max_size=3))
    kernel, stride, _, size, output = draw(sliding(st.just(0)))
    found = {name: made(rng, (*stack, *(size if name == "x" else output))) for name in names}
    return found | {"kernel_size": kernel, "stride": None if stride == kernel else stride}


@st.composite
def padded(draw):
    rng, shape = draw(generators), draw(st.lists(st.integers(0, 5), min_size=2, max_size=4))
    return {"x": made(rng, tuple(shape)), "padding": draw(an_int_or_a_pair(small))}


DRAWN = {
    activations: {
        "relu": alike("x"),
        "relu_backward": alike("dy", "x"),
        "sigmoid": alike("x"),
        "sigmoid_backward": alike("dy", shares=["y"]),
        "softmax": alike("x", axes=(1, 4), axis=True),
        "softmax_backward": alike("dy", "y", axes=(1, 4), axis=True),
    },
    linear: {"linear": dense("x", "weight", "bias"), "linear_backward": dense("dy", "x", "weight")},
    normalization: {
        "standardize": alike("x", axes=(1, 3), axis=True, extreme=False),
        "standardize_backward": alike("dy", "x", axes=(1, 3), axis=True, extreme=False),
    },
    losses: {
        "mse_loss": alike("prediction", "target"),
        "mse_loss_backward": alike("prediction", "target"),
        "half_squared_error": alike("prediction", "target", axes=(0, 2)),
        "half_squared_error_backward": alike("prediction", "target", axes=(0, 2)),
        "binary_cross_entropy_with_logits": alike("prediction", shares=["target"]),
        "binary_cross_entropy_with_logits_backward": alike("prediction", shares=["target"]),
        "cross_entropy": labelled(),
        "cross_entropy_backward": labelled(),
    },
    convolution: {
        "zero_pad": padded(),
        "conv2d_output_size": sizes(),
        "unfold": convolutions("x", "kernel_size", "stride", "padding"),
        "fold": convolutions("columns", "output_size", "kernel_size", "stride", "padding"),
        "conv2d": convolutions("x", "weight", "bias", "stride", "padding"),
        "conv2d_backward": convolutions("dy", "x", "weight", "stride", "padding", "input_gradient"),
    },
    pooling: {"max_pool2d": poolings("x"), "max_pool2d_backward": poolings("dy", "x")},
}
FUNCTIONS = {name: (getattr(module, name), drawn[name]) for module, drawn in DRAWN.items() for name in drawn}


@pytest.mark.parametrize("name", FUNCTIONS)
@given(data=st.data(), size=block_bytes)
def test_an_operation_gives_the_right_answer_whatever_is_drawn(name, data, size):
    function, drawn = FUNCTIONS[name]
    arguments = data.draw(drawn)
    narrow = any(getattr(value, "dtype", None) in ("<f4", ">f4") for value in arguments.values())
    expected = right_answer(getattr(operation_answers, name), dict(arguments))
    if narrow and isinstance(expected, Near):
        expected = Near(expected.answer, expected.error * 2**29)  # as the rounding of float32 is larger than float64's
    with blocks_of(size):
        outcome, wrong = attempt(Case(function), arguments, weigh=False)
    wrong += disagreement(outcome, expected, 1e-4 if narrow else 1e-9)
    assert not wrong, f"{arguments}\n" + "\n".join(wrong)


class Polynomial(NamedTuple):
    """Σ aᵢ xᵢ + bᵢ xᵢ² + cᵢ xᵢ xⱼ, with j the number after i."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray

    def __call__(self, x: np.ndarray) -> Any:
        return np.sum(self.a * x + self.b * x * x + self.c * x * np.roll(x, -1))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return self.a + 2 * self.b * x + self.c * np.roll(x, -1) + np.roll(self.c * x, 1)


@given(rng=generators, shape=st.lists(st.integers(1, 4), max_size=3).map(tuple), exponent=st.floats(-2, 2))
def test_a_gradient_check_passes_what_is_right_and_nothing_else(rng, shape, exponent):
    x, *parts = (rng.standard_normal(shape) for _ in range(4))
    f = Polynomial(*parts)
    right = np.asarray(f.gradient(x))
    largest = np.abs(right).max()
    assume(largest > 0.1)
    np.testing.assert_allclose(numerical_gradient(f, x), right, rtol=0, atol=1e-6)
    assert check_gradient(f, x, right).passed

    one = tuple(int(rng.integers(length)) for length in shape)
    single = right.copy()
    single[one] += 10.0**exponent * largest * rng.choice([-1, 1])
    factor = 1 + 10.0**exponent
    for wrong in (factor * right, right / factor, -right, np.where(np.abs(right) == largest, 0, right), single):
        assert not check_gradient(f, x, wrong).passed
    found = check_gradient(f, x, single)
    assert found.worst_index == one
    error = abs(single[one] - right[one]) / max(np.abs(single).max(), largest)
    assert found.max_relative_error == pytest.approx(error, rel=1e-4)
