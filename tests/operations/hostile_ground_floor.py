"""What every function of the ground floor accepts, and what the right answer then is.

The answers come from PyTorch in float64, or from the formula written out with loops or broadcasting. An answer refuses
(`Refuse`) what the function must refuse, by a rule stated here once more.
"""

from __future__ import annotations

import functools
from itertools import product

import numpy as np
from hostile import PASSES, Argument, Case, Near, Refuse, accept
from hostile_values import (
    BOOLS,
    EMPTY,
    EXTREMES,
    FLOATS,
    FORMS,
    HUGE_FLOATS,
    INTEGERS,
    NOT_FINITE,
    NUMPY_WHOLE,
    PAIRS,
    RANKS,
    SINGLE_FORMS,
    WHOLE,
)
from oracle import torch

from cnnlab import activations, convolution, gradient_check, linear, losses, normalization, pooling

# Whatever NumPy reads as real numbers. Whether its shape and its values fit, the answer says.
NUMBERS = (
    *(EXTREMES + RANKS + EMPTY + WHOLE + NUMPY_WHOLE + NOT_FINITE + HUGE_FLOATS + BOOLS + PAIRS),
    *("0.5", "1.5", "-0.5", "2.0", "2**31", "2**62", "-2**62", "2**63"),
    *("pair of floats", "pair of pairs", "three numbers", "no numbers"),
)
LONG = ("2**31", "2**62")  # steps so long that only one is made

MOST_NUMBERS = 2**30


ARRAYS = ("x", "y", "dy", "weight", "bias", "columns", "prediction", "target", "gradient")


def answer(function):
    """Give an answer its array arguments as float64."""

    @functools.wraps(function)
    def right(**arguments):
        for name, value in arguments.items():
            if name in ARRAYS and value is not None:
                arguments[name] = np.asarray(value, np.float64)
        return function(**arguments)

    return right


def demand(condition):
    if not condition:
        raise Refuse


def in_torch(function, *arrays):
    return function(*(torch.tensor(array) for array in arrays)).numpy()


def gradient_in_torch(function, array, *rest):
    tensor = torch.tensor(array, requires_grad=True)
    function(tensor, *(torch.tensor(other) for other in rest)).backward()
    return tensor.grad.numpy()


def arrays(sound, right, *, named=(), also=()):
    """Take whatever numbers have a fitting shape."""
    return Argument(
        sound,
        accept(FORMS, INTEGERS, FLOATS, "np.float32 2.0"),
        accept(NUMBERS, also, answer=right),
        named=named,
    )


def whole(sound, right, *, named=(), pairs=(), also=()):
    """Take whole numbers."""
    names = {"bool", *FLOATS}
    return Argument(
        sound,
        accept(SINGLE_FORMS, [name for name in INTEGERS if name not in names], NUMPY_WHOLE),
        accept(WHOLE, LONG, pairs, also, answer=right),
        named=named,
    )


# Activations.

ROWS, UNIT = np.random.default_rng(0).uniform(0.1, 1.4, (2, 5, 3))
UNIT = UNIT / 2
SHARES = UNIT / UNIT.sum(axis=1, keepdims=True)
DY = np.array([[1.0, 0.5, 0.2], [0.3, 2.0, 1.0], [0.7, 0.1, 0.4], [1.5, 0.6, 0.9], [0.2, 0.8, 1.1]])


@answer
def relu(x):
    return in_torch(torch.relu, x)


@answer
def relu_backward(dy, x):
    demand(dy.shape == x.shape)
    return in_torch(lambda dy, x: torch.ops.aten.threshold_backward(dy, x, 0), dy, x)


@answer
def sigmoid(x):
    return in_torch(torch.sigmoid, x)


@answer
def sigmoid_backward(dy, y):
    demand(dy.shape == y.shape and not ((y < 0) | (y > 1)).any())
    return in_torch(torch.ops.aten.sigmoid_backward, dy, y)


@answer
def softmax(x, axis):
    demand(x.ndim and -x.ndim <= axis < x.ndim and x.shape[axis])
    return in_torch(lambda x: torch.softmax(x, axis), x)


@answer
def softmax_backward(dy, y, axis):
    demand(dy.shape == y.shape and y.ndim and -y.ndim <= axis < y.ndim)
    return in_torch(lambda dy, y: torch.ops.aten._softmax_backward_data(dy, y, axis, dy.dtype), dy, y)


# Linear.

WEIGHTS = np.random.default_rng(1).uniform(0.1, 0.6, (4, 3))


@answer
def linear_right(x, weight, bias):
    demand(x.ndim in (1, 2) and weight.ndim == 2 and x.shape[-1] == weight.shape[1])
    demand(bias is None or bias.shape == weight.shape[:1])
    y = (x[..., None, :] * weight).sum(axis=-1)
    return y if bias is None else y + bias


@answer
def linear_backward(dy, x, weight):
    demand(x.ndim in (1, 2) and weight.ndim == 2 and x.shape[-1] == weight.shape[1])
    demand(dy.shape == (*x.shape[:-1], len(weight)))
    rows, images = dy.reshape(-1, len(weight)), x.reshape(-1, weight.shape[1])
    return {
        "x": (dy[..., None] * weight).sum(axis=-2),
        "weight": (rows[:, :, None] * images[:, None, :]).sum(axis=0),
        "bias": rows.sum(axis=0),
    }


# Standardisation: what scaling by the largest number first makes safe.


@answer
def standardize(x, axis):
    return _standardized(x, axis)[0]


@answer
def standardize_backward(dy, x, axis):
    demand(dy.shape == x.shape)
    y, deviation, largest = _standardized(x, axis)
    if not x.size:
        return y
    top = _largest(dy, axis)
    dy = dy / top
    mean = functools.partial(np.mean, axis=axis, keepdims=True)
    dx = (dy - mean(dy) - y * mean(dy * y)) / deviation * (top / largest)
    return Near(dx, 1e-13 * np.nan_to_num(top / largest / deviation))  # what is left of equal dy is rounding


def _standardized(x, axis):
    demand(x.ndim and -x.ndim <= axis < x.ndim)
    if not x.size:
        return x, x, x
    largest = _largest(x, axis)
    x = x / largest
    demand(not ((x == np.take(x, [0], axis)) & np.isfinite(x)).all(axis=axis).any())
    deviation = x.std(axis=axis, keepdims=True)
    return (x - x.mean(axis=axis, keepdims=True)) / deviation, deviation, largest


def _largest(x, axis):
    largest = np.abs(x).max(axis=axis, keepdims=True)
    return np.where((largest > 1e-320) & (largest < np.inf), largest, 1.0)


# Losses.


@answer
def mse_loss(prediction, target):
    demand(prediction.shape == target.shape)
    return float(in_torch(torch.nn.functional.mse_loss, prediction, target))


@answer
def mse_loss_backward(prediction, target):
    demand(prediction.shape == target.shape)
    return gradient_in_torch(torch.nn.functional.mse_loss, prediction, target)


@answer
def half_squared_error(prediction, target):
    demand(prediction.shape == target.shape and prediction.ndim < 2)
    return float(in_torch(torch.nn.functional.mse_loss, prediction, target)) / 2


@answer
def half_squared_error_backward(prediction, target):
    demand(prediction.shape == target.shape and prediction.ndim < 2)
    return (prediction - target) / max(prediction.size, 1)


@answer
def bce(prediction, target):
    """Add PyTorch's losses up, but at infinite scores, where its formula gives NaN for −∞ alone."""
    demand(prediction.shape == target.shape and ((target >= 0) & (target <= 1)).all())
    loss = functools.partial(torch.nn.functional.binary_cross_entropy_with_logits, reduction="none")
    found = in_torch(loss, prediction, target)
    wrong = np.where(prediction > 0, 1 - target, target)  # the share of the answer that the score denies
    found = np.where(np.isinf(prediction), np.where(wrong > 0, np.inf, np.nan), found)
    return float(found.mean()) if found.size else float("nan")


@answer
def bce_backward(prediction, target):
    demand(prediction.shape == target.shape and ((target >= 0) & (target <= 1)).all())
    return gradient_in_torch(torch.nn.functional.binary_cross_entropy_with_logits, prediction, target)


def labelled(function):
    def right(prediction, target):
        logits, labels = np.asarray(prediction, np.float64), np.asarray(target)
        demand(labels.dtype.kind in "iub" or not labels.size)
        demand(logits.ndim in (1, 2) and logits.shape[-1] and labels.shape == logits.shape[:-1])
        demand(((labels >= 0) & (labels < logits.shape[-1])).all())
        rows, numbers = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1).astype(np.int64)
        return np.asarray(function(torch.nn.functional.cross_entropy, rows, numbers)).reshape(
            logits.shape if function is gradient_in_torch else ()
        )

    return right


LABELS = np.array([0, 2, 1, 1, 0])


def labels(right):
    return Argument(LABELS, accept(FORMS, INTEGERS), accept(NUMBERS, answer=right))


# Convolution. x and y may be one image: (H, W).

IMAGES, KERNELS, BIAS = (
    np.random.default_rng(2).uniform(0.1, 1.0, shape) for shape in ((2, 3, 6, 5), (4, 3, 3, 2), (4,))
)
GRADIENTS = np.random.default_rng(3).uniform(0.1, 1.0, (2, 4, 4, 4))


def pair(value, minimum):
    """Read a whole number, or a pair of them."""
    numbers = tuple(value) if isinstance(value, (tuple, list)) or np.ndim(value) == 1 else (value, value)
    demand(len(numbers) == 2 and all(minimum <= number < 2**63 for number in numbers))
    return tuple(int(number) for number in numbers)


def outputs(size, kernel, stride, padding):
    return tuple((n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, padding, strict=True))


def windows(x, kernel, stride, padding):
    """Give for each kernel entry the padded pixels (N, C, H', W') that it meets."""
    size = x.shape[2:]
    demand(all(n + 2 * p >= k for n, p, k in zip(size, padding, kernel, strict=True)))
    demand(x.shape[0] * x.shape[1] * (size[0] + 2 * padding[0]) * (size[1] + 2 * padding[1]) <= MOST_NUMBERS)
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    rows, columns = outputs(size, kernel, stride, padding)
    places = [[s * i for i in range(n)] for n, s in ((rows, stride[0]), (columns, stride[1]))]
    for u, v in product(range(kernel[0]), range(kernel[1])):
        yield u, v, padded[:, :, [u + i for i in places[0]]][..., [v + j for j in places[1]]]


def images_and_kernels(x, weight):
    demand(x.ndim == weight.ndim and x.ndim in (2, 4))
    single = x.ndim == 2
    x, weight = (x[None, None], weight[None, None]) if single else (x, weight)
    demand(x.shape[1] == weight.shape[1] and 0 not in weight.shape[2:])
    return x, weight, single


@answer
def conv2d(x, weight, bias, stride, padding):
    stride, padding = pair(stride, 1), pair(padding, 0)
    x, weight, single = images_and_kernels(x, weight)
    if bias is not None:
        demand(bias.shape == weight.shape[:1] or (bias.ndim == 0 and len(weight) == 1))
    total = 0.0
    for u, v, pixels in windows(x, weight.shape[2:], stride, padding):
        total = total + (pixels[:, None] * weight[None, :, :, u, v, None, None]).sum(axis=2)
    if bias is not None:
        total = total + bias.reshape(-1)[None, :, None, None]
    return total[0, 0] if single else total


@answer
def conv2d_backward(dy, x, weight, stride, padding, input_gradient):
    stride, padding = pair(stride, 1), pair(padding, 0)
    x, weight, single = images_and_kernels(x, weight)
    kernel = weight.shape[2:]
    demand(all(n + 2 * p >= k for n, p, k in zip(x.shape[2:], padding, kernel, strict=True)))
    rows, columns = outputs(x.shape[2:], kernel, stride, padding)
    dy = dy[None, None] if single and dy.ndim == 2 else dy
    demand(dy.shape == (len(x), len(weight), rows, columns))
    d_weight, places = (
        np.zeros(weight.shape),
        np.pad(np.arange(x[0, 0].size).reshape(x.shape[2:]) + 1, [(p, p) for p in padding]),
    )
    d_x = np.zeros((*x.shape[:2], x[0, 0].size + 1))
    for u, v, pixels in windows(x, kernel, stride, padding):
        d_weight[:, :, u, v] = (pixels[:, None] * dy[:, :, None]).sum(axis=(0, 3, 4))
        back = (dy[:, :, None] * weight[None, :, :, u, v, None, None]).sum(axis=1)
        for i, j in np.ndindex(rows, columns):
            d_x[..., places[u + stride[0] * i, v + stride[1] * j]] += back[..., i, j]
    d_x = d_x[..., 1:].reshape(x.shape)
    d_bias = dy.sum(axis=(0, 2, 3))
    if single:
        d_x, d_weight, d_bias = d_x[0, 0], d_weight[0, 0], d_bias[0]
    return {"x": d_x if input_gradient else None, "weight": d_weight, "bias": d_bias}


def output_size(size, kernel_size, stride, padding):
    pairs = pair(size, 0), pair(kernel_size, 1), pair(stride, 1), pair(padding, 0)
    demand(all(n + 2 * p >= k for n, k, p in zip(pairs[0], pairs[1], pairs[3], strict=True)))
    found = outputs(*pairs)
    return found[0] if all(np.ndim(argument) == 0 for argument in (size, kernel_size, stride, padding)) else found


@answer
def unfold(x, kernel_size, stride, padding):
    kernel_size, stride, padding = pair(kernel_size, 1), pair(stride, 1), pair(padding, 0)
    demand(x.ndim in (2, 4))
    images = x[None, None] if x.ndim == 2 else x
    demand(all(n + 2 * p >= k for n, p, k in zip(images.shape[2:], padding, kernel_size, strict=True)))
    n, channels, *size = images.shape
    rows, columns = outputs(size, kernel_size, stride, padding)
    demand(n * channels * kernel_size[0] * kernel_size[1] * rows * columns <= MOST_NUMBERS)
    matrix = np.zeros((n, channels, *kernel_size, rows, columns))
    for u, v, pixels in windows(images, kernel_size, stride, padding):
        matrix[:, :, u, v] = pixels
    matrix = matrix.reshape(n, channels * kernel_size[0] * kernel_size[1], rows * columns)
    return matrix[0] if x.ndim == 2 else matrix


@answer
def fold(columns, output_size, kernel_size, stride, padding):
    size, kernel = pair(output_size, 1), pair(kernel_size, 1)
    stride, padding = pair(stride, 1), pair(padding, 0)
    demand(columns.ndim in (2, 3))
    single = columns.ndim == 2
    columns = columns[None] if single else columns
    demand(all(n + 2 * p >= k for n, p, k in zip(size, padding, kernel, strict=True)))
    rows, across = outputs(size, kernel, stride, padding)
    channels = columns.shape[1] // (kernel[0] * kernel[1])
    demand(columns.shape[1:] == (channels * kernel[0] * kernel[1], rows * across) and (channels == 1 or not single))
    demand(len(columns) * channels * (size[0] + 2 * padding[0]) * (size[1] + 2 * padding[1]) <= MOST_NUMBERS)
    cells = columns.reshape(len(columns), channels, *kernel, rows, across)
    x = np.zeros((len(columns), channels, size[0] + 2 * padding[0], size[1] + 2 * padding[1]))
    for u, v, i, j in product(range(kernel[0]), range(kernel[1]), range(rows), range(across)):
        x[:, :, u + stride[0] * i, v + stride[1] * j] += cells[:, :, u, v, i, j]
    x = x[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]
    return x[0, 0] if single else x


@answer
def zero_pad(x, padding):
    demand(x.ndim >= 2)
    rows, columns = pair(padding, 0)
    demand((x.shape[-2] + 2 * rows) * (x.shape[-1] + 2 * columns) * int(np.prod(x.shape[:-2])) <= MOST_NUMBERS)
    return np.pad(x, [(0, 0)] * (x.ndim - 2) + [(rows, rows), (columns, columns)])


# Pooling: the first maximum of each window, and NaN before every number.


def pooled(x, kernel_size, stride):
    demand(x.ndim >= 2)
    kernel = pair(kernel_size, 1)
    stride = kernel if stride is None else pair(stride, 1)
    demand(kernel[0] <= x.shape[-2] and kernel[1] <= x.shape[-1])
    rows, columns = outputs(x.shape[-2:], kernel, stride, (0, 0))
    flat = x.reshape(int(np.prod(x.shape[:-2])), *x.shape[-2:])
    for n, i, j in product(range(len(flat)), range(rows), range(columns)):
        top, left = stride[0] * i, stride[1] * j
        u, v = divmod(int(flat[n, top : top + kernel[0], left : left + kernel[1]].argmax()), kernel[1])
        yield (n, i, j), (n, top + u, left + v)


def pooled_shape(x, kernel_size, stride):
    kernel = pair(kernel_size, 1)
    return (*x.shape[:-2], *outputs(x.shape[-2:], kernel, kernel if stride is None else pair(stride, 1), (0, 0)))


@answer
def max_pool2d(x, kernel_size, stride):
    found = list(pooled(x, kernel_size, stride))
    y = np.zeros(pooled_shape(x, kernel_size, stride))
    flat, pixels = y.reshape(-1, *y.shape[-2:]) if y.size else y, x.reshape(-1, *x.shape[-2:]) if x.size else x
    for place, pixel in found:
        flat[place] = pixels[pixel]
    return y


@answer
def max_pool2d_backward(dy, x, kernel_size, stride):
    found = list(pooled(x, kernel_size, stride))
    demand(dy.shape == pooled_shape(x, kernel_size, stride))
    dx = np.zeros(x.shape)
    for place, pixel in found:
        dx.reshape(-1, *x.shape[-2:])[pixel] += dy.reshape(-1, *dy.shape[-2:])[place]
    return dx


# Gradient checks.


def cubes(x):
    with np.errstate(all="ignore"):
        return (x**3).sum()


@answer
def numerical_gradient(f, x, eps):
    demand(0 < eps < np.inf)
    with np.errstate(all="ignore"):
        step = (x + eps) - (x - eps)
    demand((step > 0).all())
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += eps
        down[index] -= eps
        gradient[index] = (f(up) - f(down)) / (up[index] - down[index])
    return gradient


@answer
def check_gradient(f, x, gradient, tolerance):
    demand(0 < tolerance < np.inf and x.size and x.shape == gradient.shape)
    numerical = numerical_gradient(f=f, x=x, eps=1e-6)
    both = np.abs(np.stack([gradient, numerical]))
    scale = max([0.001, *both[np.isfinite(both)]])
    errors = [abs(a - b) / scale for a, b in zip(gradient.ravel(), numerical.ravel(), strict=True)]
    errors = [float("inf") if error != error else error for error in errors]
    worst = np.unravel_index(errors.index(max(errors)), x.shape)
    return {
        "passed": bool(max(errors) <= tolerance),
        "max_relative_error": float(max(errors)),
        "worst_index": tuple(map(int, worst)),
        "tolerance": tolerance,
    }


def function_argument():
    return Argument(cubes, accept("function", "class", answer=PASSES))


AXES = ("-1", "0", "1")


def axes(sound, right):
    integers = [name for name in INTEGERS if name != "bool"]
    return Argument(sound, accept(SINGLE_FORMS, integers, NUMPY_WHOLE), accept(WHOLE, answer=right))


def both(function, right):
    """Make the case of a loss."""
    return Case(function, prediction=arrays(UNIT, right), target=arrays(SHARES, right))


def row(function, right):
    return Case(function, prediction=arrays(UNIT[0], right), target=arrays(SHARES[0], right))


def steps(right):
    return {
        "stride": whole(1, right, pairs=PAIRS),
        "padding": whole(1, right, pairs=PAIRS, named=("kernel",)),
    }


def kernels(right, sound=2):
    return whole(sound, right, pairs=PAIRS, named=("kernel", "columns"))


def positive(sound, right):
    """Take a number above 0."""
    numbers = [*WHOLE, *NOT_FINITE, *HUGE_FLOATS, "0.5", "1.5", "-0.5", "2.0", "2**31", "2**62", "2**63", "10**30"]
    extremes = [name for name in EXTREMES if name.startswith(("all ", "one "))]
    forms = [*SINGLE_FORMS, "object with __array__", "memoryview", *FLOATS]
    return Argument(
        sound, accept(forms, "np.float32 2.0", NUMPY_WHOLE), accept(numbers, extremes, "-2**62", answer=right)
    )


CASES = {
    "activations.relu": Case(activations.relu, x=arrays(ROWS, relu)),
    "activations.relu_backward": Case(
        activations.relu_backward, dy=arrays(DY, relu_backward), x=arrays(ROWS - 0.7, relu_backward)
    ),
    "activations.sigmoid": Case(activations.sigmoid, x=arrays(ROWS, sigmoid)),
    "activations.sigmoid_backward": Case(
        activations.sigmoid_backward, dy=arrays(DY, sigmoid_backward), y=arrays(UNIT, sigmoid_backward)
    ),
    "activations.softmax": Case(activations.softmax, x=arrays(ROWS, softmax, named=("axis",)), axis=axes(-1, softmax)),
    "activations.softmax_backward": Case(
        activations.softmax_backward,
        dy=arrays(DY, softmax_backward),
        y=arrays(SHARES, softmax_backward),
        axis=axes(1, softmax_backward),
    ),
    "linear.linear": Case(
        linear.linear,
        x=arrays(ROWS, linear_right),
        weight=arrays(WEIGHTS, linear_right, named=("bias",)),
        bias=arrays(BIAS, linear_right, also=("None",)),
    ),
    "linear.linear_backward": Case(
        linear.linear_backward,
        dy=arrays(GRADIENTS[0, 0, [0, 1, 2, 3, 0]], linear_backward),
        x=arrays(ROWS, linear_backward, named=("dy",)),
        weight=arrays(WEIGHTS, linear_backward, named=("dy",)),
    ),
    "normalization.standardize": Case(
        normalization.standardize, x=arrays(ROWS, standardize), axis=axes(0, standardize)
    ),
    "normalization.standardize_backward": Case(
        normalization.standardize_backward,
        dy=arrays(DY, standardize_backward),
        x=arrays(ROWS, standardize_backward),
        axis=axes(0, standardize_backward),
    ),
    "losses.mse_loss": both(losses.mse_loss, mse_loss),
    "losses.mse_loss_backward": both(losses.mse_loss_backward, mse_loss_backward),
    "losses.half_squared_error": row(losses.half_squared_error, half_squared_error),
    "losses.half_squared_error_backward": row(losses.half_squared_error_backward, half_squared_error_backward),
    "losses.binary_cross_entropy_with_logits": both(losses.binary_cross_entropy_with_logits, bce),
    "losses.binary_cross_entropy_with_logits_backward": both(
        losses.binary_cross_entropy_with_logits_backward, bce_backward
    ),
    "losses.cross_entropy": Case(
        losses.cross_entropy,
        prediction=arrays(ROWS, labelled(in_torch)),
        target=labels(labelled(in_torch)),
    ),
    "losses.cross_entropy_backward": Case(
        losses.cross_entropy_backward,
        prediction=arrays(ROWS, labelled(gradient_in_torch)),
        target=labels(labelled(gradient_in_torch)),
    ),
    "convolution.zero_pad": Case(
        convolution.zero_pad, x=arrays(IMAGES, zero_pad), padding=whole(1, zero_pad, pairs=PAIRS)
    ),
    "convolution.conv2d_output_size": Case(
        convolution.conv2d_output_size,
        size=whole(7, output_size, pairs=PAIRS, named=("image",)),
        kernel_size=whole(3, output_size, pairs=PAIRS, named=("kernel",)),
        **steps(output_size),
    ),
    "convolution.unfold": Case(
        convolution.unfold, x=arrays(IMAGES, unfold, named=("image",)), kernel_size=kernels(unfold), **steps(unfold)
    ),
    "convolution.fold": Case(
        convolution.fold,
        columns=arrays(np.random.default_rng(4).uniform(0.1, 1, (2, 12, 36)), fold),
        output_size=whole(5, fold, pairs=PAIRS, named=("image",)),
        kernel_size=kernels(fold),
        stride=whole(1, fold, pairs=PAIRS, named=("columns",)),
        padding=whole(1, fold, pairs=PAIRS, named=("columns",)),
    ),
    "convolution.conv2d": Case(
        convolution.conv2d,
        x=arrays(IMAGES, conv2d, named=("image",)),
        weight=arrays(KERNELS, conv2d, named=("kernel", "bias")),
        bias=arrays(BIAS, conv2d, also=("None",)),
        **steps(conv2d),
    ),
    "convolution.conv2d_backward": Case(
        convolution.conv2d_backward,
        dy=arrays(GRADIENTS, conv2d_backward),
        x=arrays(IMAGES, conv2d_backward, named=("image", "dy")),
        weight=arrays(KERNELS, conv2d_backward, named=("kernel", "dy")),
        stride=whole(1, conv2d_backward, pairs=PAIRS, named=("dy",)),
        padding=whole(0, conv2d_backward, pairs=PAIRS, named=("dy",)),
        input_gradient=Argument(True, accept(BOOLS, answer=conv2d_backward)),
    ),
    "pooling.max_pool2d": Case(
        pooling.max_pool2d,
        x=arrays(IMAGES, max_pool2d, named=("map",)),
        kernel_size=whole(2, max_pool2d, pairs=PAIRS),
        stride=whole(2, max_pool2d, pairs=PAIRS, also=("None",)),
    ),
    "pooling.max_pool2d_backward": Case(
        pooling.max_pool2d_backward,
        dy=arrays(np.random.default_rng(5).uniform(0.1, 1, (2, 3, 3, 2)), max_pool2d_backward),
        x=arrays(IMAGES, max_pool2d_backward, named=("map", "dy")),
        kernel_size=whole(2, max_pool2d_backward, pairs=PAIRS, named=("dy",)),
        stride=whole(2, max_pool2d_backward, pairs=PAIRS, also=("None",), named=("dy",)),
    ),
    "gradient_check.numerical_gradient": Case(
        gradient_check.numerical_gradient,
        f=function_argument(),
        x=arrays(ROWS, numerical_gradient),
        eps=positive(1e-6, numerical_gradient),
    ),
    "gradient_check.check_gradient": Case(
        gradient_check.check_gradient,
        f=function_argument(),
        x=arrays(ROWS, check_gradient, named=("gradient",)),
        gradient=arrays(3 * ROWS**2, check_gradient),
        tolerance=positive(1e-6, check_gradient),
    ),
}
