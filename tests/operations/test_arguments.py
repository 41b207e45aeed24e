"""What holds for the arguments of every function of the ground floor, in a quick form.

`test_hostile` goes through every kind of value; this is what a mutation of the package is tried with.
"""

import contextlib
import inspect
from itertools import product

import numpy as np
import pytest
from hostile_values import Subclass, read_only, reversed_in_memory, sliced
from oracle import draw

from cnnlab import activations, convolution, gradient_check, linear, losses, normalization, pooling

MODULES = (activations, convolution, gradient_check, linear, losses, normalization, pooling)

IMAGES, KERNELS = draw(1, 2, 3, 6, 5), draw(2, 4, 3, 3, 2)
MAPS = draw(3, 2, 4, 4, 4)
ROWS = draw(4, 5, 3)
UNIT = 1 / (1 + np.exp(-draw(5, 5, 3)))
UNIT[0, :2] = 0, 1
SHARES = UNIT / UNIT.sum(axis=1, keepdims=True)

# One call for each function: its array arguments, and the call that takes them.
CALLS = {
    "zero_pad": ([IMAGES], lambda x: convolution.zero_pad(x, (1, 2))),
    "unfold": ([IMAGES], lambda x: convolution.unfold(x, (3, 2), padding=1)),
    "fold": ([draw(6, 2, 18, 16)], lambda columns: convolution.fold(columns, (6, 5), (3, 2))),
    "conv2d": ([IMAGES, KERNELS, draw(7, 4)], convolution.conv2d),
    "conv2d_backward": ([MAPS, IMAGES, KERNELS], convolution.conv2d_backward),
    "conv2d_output_size": ([np.array([6, 5]), np.array([3, 2])], convolution.conv2d_output_size),
    "max_pool2d": ([IMAGES], pooling.max_pool2d),
    "max_pool2d_backward": (
        [draw(8, 2, 3, 5, 4), IMAGES],
        lambda dy, x: pooling.max_pool2d_backward(dy, x, stride=1),  # windows that overlap
    ),
    "relu": ([ROWS], activations.relu),
    "relu_backward": ([draw(9, 5, 3), ROWS], activations.relu_backward),
    "sigmoid": ([ROWS], activations.sigmoid),
    "sigmoid_backward": ([ROWS, UNIT], activations.sigmoid_backward),
    "softmax": ([ROWS], activations.softmax),
    "softmax_backward": ([ROWS, SHARES], activations.softmax_backward),
    "linear": ([ROWS, draw(10, 4, 3), draw(11, 4)], linear.linear),
    "linear_backward": ([draw(12, 5, 4), ROWS, draw(10, 4, 3)], linear.linear_backward),
    "standardize": ([ROWS], normalization.standardize),
    "standardize_backward": ([draw(13, 5, 3), ROWS], normalization.standardize_backward),
    "mse_loss": ([ROWS, UNIT], losses.mse_loss),
    "mse_loss_backward": ([ROWS, UNIT], losses.mse_loss_backward),
    "half_squared_error": ([ROWS[0], UNIT[0]], losses.half_squared_error),
    "half_squared_error_backward": ([ROWS[0], UNIT[0]], losses.half_squared_error_backward),
    "binary_cross_entropy_with_logits": ([ROWS, UNIT], losses.binary_cross_entropy_with_logits),
    "binary_cross_entropy_with_logits_backward": ([ROWS, UNIT], losses.binary_cross_entropy_with_logits_backward),
    "cross_entropy": ([ROWS, np.array([0, 2, 1, 1, 0])], losses.cross_entropy),
    "cross_entropy_backward": ([ROWS, np.array([0, 2, 1, 1, 0])], losses.cross_entropy_backward),
    "numerical_gradient": ([ROWS], lambda x: gradient_check.numerical_gradient(lambda x: (x**2).sum(), x)),
    "check_gradient": (
        [ROWS, 2 * ROWS],
        lambda x, gradient: gradient_check.check_gradient(lambda x: (x**2).sum(), x, gradient),
    ),
}


LAYOUTS = {
    "Fortran-ordered": np.asfortranarray,
    "negative strides": reversed_in_memory,
    "sliced": sliced,
    "read-only": read_only,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "list": lambda array: array.tolist(),
    "subclass": lambda array: array.view(Subclass),
}


def numbers(result):
    """Collect the arrays of a result."""
    parts = result if isinstance(result, tuple) else (result,)
    return [part if isinstance(part, np.ndarray) else np.asarray(part) for part in parts]


def test_the_table_holds_every_public_function():
    public = {name for module in MODULES for name in module.__all__ if name[0].islower()}
    assert set(CALLS) == public


@pytest.mark.parametrize("name", CALLS)
def test_no_function_changes_its_arguments_or_returns_a_view_of_them(name):
    arrays, call = CALLS[name]
    arrays = [array.copy() for array in arrays]
    before = [array.copy() for array in arrays]
    result = call(*arrays)
    for array, copy in zip(arrays, before, strict=True):
        assert array.tobytes() == copy.tobytes()
        assert not any(np.shares_memory(part, array) for part in numbers(result))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CALLS)
def test_the_layout_in_memory_does_not_change_the_numbers(name, layout):
    arrays, call = CALLS[name]
    expected = numbers(call(*(array.copy() for array in arrays)))
    found = numbers(call(*(LAYOUTS[layout](array) for array in arrays)))
    for ours, theirs in zip(found, expected, strict=True):
        assert not isinstance(ours, Subclass)
        assert ours.dtype == theirs.dtype
        assert ours.dtype.isnative
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", [name for name in CALLS if not name.endswith(("_size", "_gradient"))])
def test_float32_stays_and_other_numbers_become_float64(name):
    arrays, call = CALLS[name]
    floats = [array.astype(np.float32) if array.dtype.kind == "f" else array for array in arrays]
    for ours, theirs in zip(numbers(call(*floats)), numbers(call(*arrays)), strict=True):
        if ours.ndim:
            assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    big = [array.astype(">f4") if array.dtype.kind == "f" else array for array in arrays]
    halves = [array.astype(np.float16) if array.dtype.kind == "f" else array for array in arrays]
    for ours, theirs in zip(numbers(call(*big)), numbers(call(*halves)), strict=True):
        if ours.ndim:
            assert (ours.dtype, theirs.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("name", [name for name in CALLS if not name.endswith(("_size", "_gradient"))])
def test_one_argument_of_float64_makes_the_results_float64(name):
    arrays, call = CALLS[name]
    floats = [place for place, array in enumerate(arrays) if array.dtype.kind == "f"]
    for wide in floats:
        mixed = [array if i == wide or i not in floats else array.astype(np.float32) for i, array in enumerate(arrays)]
        found = numbers(call(*mixed))
        for ours, theirs in zip(found, numbers(call(*arrays)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
        assert any(part.dtype == np.float64 for part in found)


EXTREMES = [np.inf, -np.inf, np.nan, 1e308, -1e308, 5e-324, 0, -0.0, 1]


@pytest.mark.parametrize("name", [name for name in CALLS if not name.endswith(("_size", "_gradient"))])
def test_extreme_numbers_are_taken_without_a_warning(name):
    arrays, call = CALLS[name]
    answered = 0
    for seed, extreme in enumerate(10 * [*product([False, True], repeat=len(arrays))]):
        drawn = [np.random.default_rng(seed).choice(EXTREMES, array.shape) for array in arrays]
        chosen = [drawn[i] if extreme[i] and array.dtype.kind == "f" else array for i, array in enumerate(arrays)]
        with contextlib.suppress(ValueError):
            call(*chosen)  # where a number makes no sense, as a probability of 1e308, it is refused
            answered += any(extreme)
    assert answered


@pytest.mark.parametrize("name", [name for name in CALLS if name != "conv2d_output_size"])
def test_a_masked_array_is_refused_because_its_mask_would_be_lost(name):
    arrays, call = CALLS[name]
    for place in range(len(arrays)):
        masked = [np.ma.masked_array(array) if place == i else array for i, array in enumerate(arrays)]
        with pytest.raises(TypeError, match=r"is a masked array.*\.filled\(0\)"):
            call(*masked)


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_array_of_real_numbers_is_refused_by_its_name(name):
    arrays, call = CALLS[name]
    for place, argument in enumerate(list(inspect.signature(call).parameters)[: len(arrays)]):
        for wrong in (None, "image", [[1, 2], [3]], 1j * np.ones(arrays[place].shape), [object()]):
            if wrong is None and argument == "bias":
                continue  # no bias
            with pytest.raises((TypeError, ValueError), match=rf"\A{argument} (must be|cannot be read)"):
                call(*(wrong if place == i else array for i, array in enumerate(arrays)))
