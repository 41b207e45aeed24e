"""The right answer of every operation in float64: the formula with loops or broadcasting, or SciPy's function.

An answer has the operation's name and its arguments' names, and raises `Refuse` where the operation must refuse them.
Infinity, NaN and numbers near the ends of float64 go where the formula takes them; PyTorch agrees.
"""

from __future__ import annotations

import functools
import math
from itertools import product

import numpy as np
import scipy.special
from hostile import Near, Refuse
from oracle import zeros_around

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


# Activations.


@answer
def relu(x):
    return np.where(x <= 0, 0, x)


@answer
def relu_backward(dy, x):
    demand(dy.shape == x.shape)
    return np.where(x <= 0, 0, dy)


@answer
def sigmoid(x):
    return scipy.special.expit(x)


@answer
def sigmoid_backward(dy, y):
    demand(dy.shape == y.shape and not ((y < 0) | (y > 1)).any())
    return dy * (1 - y) * y


@answer
def softmax(x, axis):
    demand(x.ndim and -x.ndim <= axis < x.ndim and x.shape[axis])
    lost = (np.isnan(x) | (x == np.inf)).any(axis, keepdims=True) | (x == -np.inf).all(axis, keepdims=True)
    return np.where(lost, np.nan, scipy.special.softmax(x, axis))


@answer
def softmax_backward(dy, y, axis):
    demand(dy.shape == y.shape and y.ndim and -y.ndim <= axis < y.ndim)
    return y * (dy - (dy * y).sum(axis, keepdims=True))


# Linear.


@answer
def linear(x, weight, bias):
    demand(x.ndim in (1, 2) and weight.ndim == 2 and x.shape[-1] == weight.shape[1])
    demand(bias is None or bias.shape == weight.shape[:1])
    y = (x[..., None, :] * weight).sum(axis=-1)
    return y if bias is None else y + bias


@answer
def linear_backward(dy, x, weight):
    demand(x.ndim in (1, 2) and weight.ndim == 2 and x.shape[-1] == weight.shape[1])
    demand(dy.shape == (*x.shape[:-1], len(weight)))
    images = () if x.ndim == 1 else (0,)  # the axis to sum over
    return {
        "x": (dy[..., None] * weight).sum(axis=-2),
        "weight": (dy[..., :, None] * x[..., None, :]).sum(axis=images),
        "bias": dy.sum(axis=images),
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


def alike(loss):
    """Refuse a prediction and a target of different shapes."""

    @answer
    @functools.wraps(loss)
    def right(prediction, target):
        demand(prediction.shape == target.shape)
        return loss(prediction, target)

    return right


@alike
def mse_loss(prediction, target):
    return float(((prediction - target) ** 2).mean())


@alike
def mse_loss_backward(prediction, target):
    return 2 / np.float64(prediction.size) * (prediction - target)


@alike
def half_squared_error(prediction, target):
    demand(prediction.ndim < 2)
    return float(((prediction - target) ** 2).mean()) / 2


@alike
def half_squared_error_backward(prediction, target):
    demand(prediction.ndim < 2)
    return (prediction - target) / np.float64(prediction.size)


@alike
def binary_cross_entropy_with_logits(prediction, target):
    demand(((target >= 0) & (target <= 1)).all())
    yes, no = scipy.special.log_expit(prediction), scipy.special.log_expit(-prediction)
    return float((-target * yes - (1 - target) * no).mean())


@alike
def binary_cross_entropy_with_logits_backward(prediction, target):
    demand(((target >= 0) & (target <= 1)).all())
    return (scipy.special.expit(prediction) - target) / np.float64(prediction.size)


def labelled(loss):
    """Give a loss the scores as rows, and which class of each is the right one."""

    @functools.wraps(loss)
    def right(prediction, target):
        logits, labels = np.asarray(prediction, np.float64), np.asarray(target)
        demand(labels.dtype.kind in "iub" or not labels.size)
        demand(logits.ndim in (1, 2) and logits.shape[-1] and labels.shape == logits.shape[:-1])
        demand(((labels >= 0) & (labels < logits.shape[-1])).all())
        return loss(logits, labels[..., None] == np.arange(logits.shape[-1]))

    return right


@labelled
def cross_entropy(logits, right):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(axis=-1)) - shifted[right].reshape(logits.shape[:-1])).mean())


@labelled
def cross_entropy_backward(logits, right):
    return (softmax(x=logits, axis=-1) - right) / np.float64(logits[..., 0].size)


# Convolution and pooling. Every function goes by the same list of which pixel meets which kernel entry.


def pair(value, minimum):
    """Read a whole number, or a pair of them."""
    numbers = tuple(value) if isinstance(value, (tuple, list)) or np.ndim(value) == 1 else (value, value)
    demand(len(numbers) == 2 and all(minimum <= number < 2**63 for number in numbers))
    return tuple(int(number) for number in numbers)


def places(size, kernel_size, stride, padding=0):
    """Give the zeros before and after an image, and how many positions the kernel has, each as a pair."""
    kernel, stride = pair(kernel_size, 1), pair(stride, 1)
    word = isinstance(padding, str)
    demand(not word or padding == "valid" or stride == (1, 1))
    before, after = zeros_around(padding if word else pair(padding, 0), kernel)
    spare = [n + b + a - k for n, b, a, k in zip(pair(size, 0), before, after, kernel, strict=True)]
    demand(min(spare) >= 0)
    return before, after, tuple(r // s + 1 for r, s in zip(spare, stride, strict=True))


def met(size, kernel_size, stride, padding=0):
    """Number the pixel, from 1, that each kernel entry meets at each position, (kH kW, H' W'); 0 stands for none."""
    before, after, (rows, columns) = places(size, kernel_size, stride, padding)
    (kh, kw), (sh, sw) = pair(kernel_size, 1), pair(stride, 1)
    demand(math.prod(n + b + a for n, b, a in zip(size, before, after, strict=True)) <= MOST_NUMBERS)
    numbers = np.arange(1, size[0] * size[1] + 1).reshape(size)
    numbers = np.pad(numbers, [(before[0], after[0]), (before[1], after[1])])
    positions = [(sh * i, sw * j) for i, j in product(range(rows), range(columns))]
    return np.array([[numbers[i + u, j + v] for i, j in positions] for u, v in product(range(kh), range(kw))])


def stacked(x):
    """Give one grey image the axes of a batch."""
    demand(x.ndim in (2, 4))
    return x[None, None] if x.ndim == 2 else x


def columns_of(x, pixels):
    """Copy the pixels of images (N, C, H, W) into columns (N, C kH kW, H' W')."""
    outside = np.zeros((*x.shape[:2], 1))
    columns = np.concatenate([outside, x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])], axis=2)[:, :, pixels]
    return columns.reshape(len(x), x.shape[1] * len(pixels), pixels.shape[1])


def image_of(columns, pixels, shape):
    """Add columns to the pixels of images of this shape."""
    x = np.zeros((*shape[:2], 1 + shape[2] * shape[3]))
    np.add.at(x, (slice(None), slice(None), pixels), columns.reshape(*shape[:2], *pixels.shape))
    return x[..., 1:].reshape(shape)


@answer
def unfold(x, kernel_size, stride, padding):
    images = stacked(x)
    _, _, positions = places(images.shape[2:], kernel_size, stride, padding)
    demand(math.prod((*images.shape[:2], *pair(kernel_size, 1), *positions)) <= MOST_NUMBERS)
    matrix = columns_of(images, met(images.shape[2:], kernel_size, stride, padding))
    return matrix[0] if x.ndim == 2 else matrix


@answer
def fold(columns, output_size, kernel_size, stride, padding):
    demand(columns.ndim in (2, 3))
    size, entries = pair(output_size, 1), math.prod(pair(kernel_size, 1))
    _, _, positions = places(size, kernel_size, stride, padding)
    stack = columns if columns.ndim == 3 else columns[None]
    channels = stack.shape[1] // entries
    demand(stack.shape[1:] == (channels * entries, positions[0] * positions[1]))
    demand(channels == 1 or columns.ndim == 3)
    x = image_of(stack, met(size, kernel_size, stride, padding), (len(stack), channels, *size))
    return x if columns.ndim == 3 else x[0, 0]


def images_and_kernels(x, weight):
    demand(x.ndim == weight.ndim)
    x, weight = stacked(x), stacked(weight)
    demand(x.shape[1] == weight.shape[1] and 0 not in weight.shape[2:])
    return x, weight, weight.reshape(len(weight), math.prod(weight.shape[1:]))


@answer
def conv2d(x, weight, bias, stride, padding):
    images, kernels, rows = images_and_kernels(x, weight)
    _, _, positions = places(images.shape[2:], kernels.shape[2:], stride, padding)
    demand(bias is None or bias.shape == (len(kernels),) or (bias.ndim == 0 and len(kernels) == 1))
    columns = columns_of(images, met(images.shape[2:], kernels.shape[2:], stride, padding))
    y = np.einsum("fk,nkp->nfp", rows, columns)
    y = (y if bias is None else y + bias.reshape(-1, 1)).reshape(len(images), len(kernels), *positions)
    return y if x.ndim == 4 else y[0, 0]


@answer
def conv2d_backward(dy, x, weight, stride, padding, input_gradient):
    images, kernels, rows = images_and_kernels(x, weight)
    _, _, positions = places(images.shape[2:], kernels.shape[2:], stride, padding)
    shape = (len(images), len(kernels), *positions)
    demand(dy.shape == (shape if x.ndim == 4 else positions))
    maps = dy.reshape(*shape[:2], positions[0] * positions[1])
    pixels = met(images.shape[2:], kernels.shape[2:], stride, padding)
    found = {
        "x": image_of(np.einsum("fk,nfp->nkp", rows, maps), pixels, images.shape).reshape(x.shape),
        "weight": np.einsum("nfp,nkp->fk", maps, columns_of(images, pixels)).reshape(weight.shape),
        "bias": maps.sum(axis=(0, 2)).reshape(shape[1:2] if x.ndim == 4 else ()),
    }
    return found if input_gradient else found | {"x": None}


def conv2d_output_size(size, kernel_size, stride, padding):
    _, _, positions = places(size, kernel_size, stride, padding)
    return positions[0] if all(np.ndim(part) == 0 for part in (size, kernel_size, stride, padding)) else positions


@answer
def zero_pad(x, padding):
    demand(x.ndim >= 2)
    rows, columns = pair(padding, 0)
    demand(math.prod((*x.shape[:-2], x.shape[-2] + 2 * rows, x.shape[-1] + 2 * columns)) <= MOST_NUMBERS)
    return np.pad(x, [(0, 0)] * (x.ndim - 2) + [(rows, rows), (columns, columns)])


def pooled(x, kernel_size, stride):
    """Give the maps in rows, the pixel of each window's maximum (the first; NaN before every number), and the shape."""
    demand(x.ndim >= 2)
    stride = kernel_size if stride is None else stride
    _, _, positions = places(x.shape[-2:], kernel_size, stride)
    maps = x.reshape(math.prod(x.shape[:-2]), x.shape[-2] * x.shape[-1])
    pixels = met(x.shape[-2:], kernel_size, stride) - 1
    first = maps[:, pixels].argmax(axis=1)
    return maps, pixels[first, np.arange(pixels.shape[1])], (*x.shape[:-2], *positions)


@answer
def max_pool2d(x, kernel_size, stride):
    maps, pixels, shape = pooled(x, kernel_size, stride)
    return np.take_along_axis(maps, pixels, axis=1).reshape(shape)


@answer
def max_pool2d_backward(dy, x, kernel_size, stride):
    maps, pixels, shape = pooled(x, kernel_size, stride)
    demand(dy.shape == shape)
    dx = np.zeros(maps.shape)
    np.add.at(dx, (np.arange(len(maps))[:, None], pixels), dy.reshape(pixels.shape))
    return dx.reshape(x.shape)


# Gradient checks.


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
        "reason": "",  # of what these functions are, none
    }
