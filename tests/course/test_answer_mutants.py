"""No wrong answer is called correct: right answers are changed by their code, and every change is tried.

A change that the checker accepts is held against fresh random inputs of the exercise. And the other way round: right
answers are correct in whatever style they are written.
"""

import ast
import copy
import itertools
import os

import numpy as np
import pytest
import scipy.signal
import scipy.special  # noqa: F401  (answers use it)
from exercise_helpers import EXERCISES, MODULES, every_exercise, function_of

from cnnlab.course.exercises import _calls
from cnnlab.course.exercises._calls import call, nearly_equal
from cnnlab.course.exercises.checker import State

FRESH_INPUTS = 60  # random ones, for every accepted change

# Further right answers, each in the style of another learner; a change of them is another slip.
RIGHT_ANSWERS = {
    "1.1": [
        "def convolution(image, kernel):\n"
        "    output = np.zeros((image.shape[0] - 1, image.shape[1] - 1))\n"
        "    for i in range(output.shape[0]):\n"
        "        for j in range(output.shape[1]):\n"
        "            total = 0\n"
        "            for u in range(2):\n"
        "                for v in range(2):\n"
        "                    total += kernel[u, v] * image[i + u, j + v]\n"
        "            output[i, j] = total\n"
        "    return output",
        "def convolution(image, kernel):\n"
        "    windows = np.lib.stride_tricks.sliding_window_view(image, (2, 2))\n"
        "    return np.einsum('ijuv,uv->ij', windows, kernel)",
    ],
    "1.2": [
        "def squared_error(output, target):\n    return np.sum((output - target) ** 2) / output.size",
    ],
    "1.3": [
        "def gradient(image, output, target):\n"
        "    E = 2 / output.size * (output - target)\n"
        "    return scipy.signal.correlate2d(image, E, mode='valid')",
    ],
    "1.4": [
        "def update(weights, gradient, learning_rate):\n"
        "    new = weights.astype(float)\n"
        "    new -= learning_rate * gradient\n"
        "    return new",
    ],
    "1.5": [
        "def largest_rate(image):\n    A = unfold(image, 2)\n    return A.shape[1] / np.linalg.svd(A)[1][0] ** 2",
    ],
    "2.1": [
        "def zeros_around(image, p, q):\n"
        "    H, W = image.shape\n"
        "    return np.eye(H + 2 * p)[:, p:p + H] @ image @ np.eye(W + 2 * q)[q:q + W]",
    ],
    "2.2": [
        "def map_size(H, W, k_H, k_W, p, s):\n"
        "    return len(range(0, H + 2 * p - k_H + 1, s)), len(range(0, W + 2 * p - k_W + 1, s))",
    ],
    "2.3": [
        "def same_convolution(image, kernel):\n"
        "    k_H, k_W = kernel.shape\n"
        "    P = np.pad(image, (((k_H - 1) // 2, k_H // 2), ((k_W - 1) // 2, k_W // 2)))\n"
        "    C = np.zeros(image.shape)\n"
        "    for u in range(k_H):\n"
        "        for v in range(k_W):\n"
        "            C += kernel[u, v] * P[u:u + image.shape[0], v:v + image.shape[1]]\n"
        "    return C",
    ],
    "2.4": [
        "def true_convolution(image, kernel):\n    return conv2d(image, kernel[::-1, ::-1])",
    ],
    "2.5": [
        "def input_gradient(error_map, kernel, p):\n"
        "    (rows, columns), (k_H, k_W) = error_map.shape, kernel.shape\n"
        "    dP = np.zeros((rows + k_H - 1, columns + k_W - 1))\n"
        "    for u in range(k_H):\n"
        "        for v in range(k_W):\n"
        "            for i in range(rows):\n"
        "                for j in range(columns):\n"
        "                    dP[i + u, j + v] += error_map[i, j] * kernel[u, v]\n"
        "    return dP[p:rows + k_H - 1 - p, p:columns + k_W - 1 - p]",
    ],
    "3.1": [
        "def max_pool(R):\n"
        "    H, W = R.shape[0] // 2 * 2, R.shape[1] // 2 * 2\n"
        "    upper = np.maximum(R[0:H:2, 0:W:2], R[0:H:2, 1:W:2])\n"
        "    lower = np.maximum(R[1:H:2, 0:W:2], R[1:H:2, 1:W:2])\n"
        "    return np.maximum(upper, lower)",
    ],
    "3.2": [
        "def pool_gradient(dP, R):\n"
        "    dR = np.zeros(R.shape)\n"
        "    for k in range(dP.shape[0]):\n"
        "        for l in range(dP.shape[1]):\n"
        "            row, column = 2 * k, 2 * l\n"
        "            for i in range(2 * k, 2 * k + 2):\n"
        "                for j in range(2 * l, 2 * l + 2):\n"
        "                    if R[i, j] > R[row, column]:\n"
        "                        row, column = i, j\n"
        "            dR[row, column] = dP[k, l]\n"
        "    return dR",
    ],
    "3.3": [
        "def relu_gradient(dR, C):\n"
        "    E = np.zeros(C.shape)\n"
        "    for i in range(C.shape[0]):\n"
        "        for j in range(C.shape[1]):\n"
        "            if C[i, j] > 0:\n"
        "                E[i, j] = dR[i, j]\n"
        "    return E",
        "def relu_gradient(dR, C):\n    return np.vectorize(lambda g, c: float(g) if c > 0 else 0.0)(dR, C)",
    ],
    "3.4": [
        "def kernel_gradient(E, I, size):\n    return conv2d(zero_pad(I, (size - 1) // 2), E)",
    ],
    "3.5": [
        "def found_gradient(E, I, size):\n"
        "    p = size // 2\n"
        "    rows, columns = I.shape\n"
        "    dK = np.zeros((size, size))\n"
        "    for u in range(-p, p + 1):\n"
        "        for v in range(-p, p + 1):\n"
        "            for i in range(rows):\n"
        "                for j in range(columns):\n"
        "                    if 0 <= i - u < rows and 0 <= j - v < columns:\n"
        "                        dK[u + p, v + p] += E[i - u, j - v] * I[i, j]\n"
        "    return dK",
    ],
    "4.1": [
        "def binary_labels(digits, threshold):\n"
        "    return np.array([1 if digit > threshold else 0 for digit in digits])",
    ],
    "4.2": [
        "def patch_columns(image, size):\n"
        "    H, W = image.shape\n"
        "    patches = np.zeros((size ** 2, (H - size + 1) * (W - size + 1)))\n"
        "    m = 0\n"
        "    for i in range(H - size + 1):\n"
        "        for j in range(W - size + 1):\n"
        "            patches[:, m] = image[i:i + size, j:j + size].ravel()\n"
        "            m += 1\n"
        "    return patches",
    ],
    "4.3": [
        "def gradient_of_sums(g, s):\n"
        "    z = (s - np.mean(s)) / np.sqrt(np.mean((s - np.mean(s)) ** 2))\n"
        "    return (g - np.mean(g) - z * np.mean(g * z)) / np.std(s)",
    ],
    "4.4": [
        "def filter_gradient(images, E):\n"
        "    windows = np.lib.stride_tricks.sliding_window_view(images[:, 0], E.shape[2:], axis=(1, 2))\n"
        "    return np.einsum('nkij,nuvij->kuv', E, windows)[:, None]",
    ],
    "4.5": [
        "def dense_step(f, y, w, d, learning_rate):\n"
        "    y_hat = sigmoid(f @ w + d)\n"
        "    dz = (y_hat - y) * y_hat * (1 - y_hat) / len(y)\n"
        "    return w - learning_rate * f.T @ dz, d - learning_rate * np.sum(dz)",
    ],
    "5.1": [
        "def stable_softmax(z):\n"
        "    result = np.zeros(z.shape)\n"
        "    for n in range(len(z)):\n"
        "        exponentials = np.exp(z[n] - z[n].max())\n"
        "        result[n] = exponentials / exponentials.sum()\n"
        "    return result",
    ],
    "5.2": [
        "def mean_loss(z, y):\n    return np.mean(scipy.special.logsumexp(z, axis=1) - z[range(len(z)), y])",
    ],
    "5.3": [
        "def score_gradient(z, y):\n    return (softmax(z) - (np.arange(z.shape[1]) == y[:, None])) / z.shape[0]",
    ],
    "5.4": [
        "def pool_gradient(dP, R, size):\n"
        "    dR = np.zeros(R.shape)\n"
        "    for top in range(0, R.shape[0] - size + 1, size):\n"
        "        for left in range(0, R.shape[1] - size + 1, size):\n"
        "            number = R[top:top + size, left:left + size].argmax()\n"
        "            dR[top + number // size, left + number % size] = dP[top // size, left // size]\n"
        "    return dR",
        "def pool_gradient(dP, R, size):\n"
        "    dR = np.zeros(R.shape)\n"
        "    for i in range(dP.shape[0]):\n"
        "        for j in range(dP.shape[1]):\n"
        "            best, row, column = -np.inf, 0, 0\n"
        "            for m in range(size * i, size * i + size):\n"
        "                for n in range(size * j, size * j + size):\n"
        "                    if R[m, n] > best:\n"
        "                        best, row, column = R[m, n], m, n\n"
        "            dR[row, column] = dP[i, j]\n"
        "    return dR",
    ],
    "5.5": [
        "def training_step(f, y, W, d, eta):\n"
        "    dz = softmax(linear(f, W, d))\n"
        "    dz[np.arange(len(y)), y] -= 1\n"
        "    dz /= len(y)\n"
        "    return W - eta * dz.T @ f, d - eta * dz.sum(axis=0)",
    ],
}

# Wrong answers that were once called correct.
ONCE_ACCEPTED = {
    "2.1": [
        "def zeros_around(image, p, q):\n"
        "    H, W = image.shape\n"
        "    if p == 0 and q == 0:\n"
        "        return image\n"
        "    P = np.zeros((H + 2 * p, W + 2 * q))\n"
        "    P[p : p + H, q : q + W] = image\n"
        "    return P",
    ],
    "3.1": [
        "def max_pool(R):\n"
        "    P = np.zeros((R.shape[0] // 2, R.shape[1] // 2))\n"
        "    for k, l in np.ndindex(P.shape):\n"
        "        a, b, c, d = R[2 * k : 2 * k + 2, 2 * l : 2 * l + 2].ravel()\n"
        "        if a > b and a > c and a > d:\n"
        "            P[k, l] = a\n"
        "        elif b > a and b > c and b > d:\n"
        "            P[k, l] = b\n"
        "        elif c > a and c > b and c > d:\n"
        "            P[k, l] = c\n"
        "        else:\n"
        "            P[k, l] = d\n"
        "    return P",
        "def max_pool(R):\n"
        "    P = np.full((R.shape[0] // 2, R.shape[1] // 2), -1000.0)\n"
        "    for i in range(2 * P.shape[0]):\n"
        "        for j in range(2 * P.shape[1]):\n"
        "            P[i // 2, j // 2] = max(P[i // 2, j // 2], R[i, j])\n"
        "    return P",
    ],
    "5.3": [
        "def score_gradient(z, y):\n"
        "    p = softmax(z)\n"
        "    for label in set(y.tolist()):\n"
        "        p[y.tolist().index(label), label] -= 1\n"
        "    return p / len(y)",
        "def score_gradient(z, y):\n    return (softmax(z) - np.eye(y.max() + 1)[y]) / len(y)",
        "def score_gradient(z, y):\n"
        "    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)\n"
        "    return (p - np.eye(z.shape[1])[y]) / len(y)",
    ],
    "1.2": [
        "def squared_error(output, target):\n"
        "    rows, columns = output.shape\n"
        "    return sum((output[i, j] - target[i, j]) ** 2 for i in range(rows) for j in range(columns)) / output.size",
    ],
    "1.5": [
        "def largest_rate(image):\n"
        "    A = unfold(image, 2)\n"
        "    return 2 / np.linalg.eig(2 / A.shape[1] * A @ A.T)[0][0]",
    ],
    "2.5": [
        "def input_gradient(error_map, kernel, p):\n"
        "    k_H, k_W = kernel.shape\n"
        "    return conv2d(error_map, kernel[::-1, ::-1], padding=(k_H - 1 - p, k_W - 1 - p))",
    ],
    "3.3": [
        "def relu_gradient(dR, C):\n    return np.vectorize(lambda g, c: g if c > 0 else 0)(dR, C)",
        # An array that is never filled holds what was there before, perhaps the answer of an earlier call.
        "def relu_gradient(dR, C):\n    dC = np.empty(C.shape)\n    dC[C > 0] = dR[C > 0]\n    return dC",
    ],
    "4.1": [
        "def binary_labels(digits, threshold):\n    return digits > (threshold or 4)",
        "def binary_labels(digits, threshold):\n"
        "    y = np.empty(len(digits))\n"
        "    y[digits > threshold] = 1\n"
        "    return y",
    ],
    "5.1": [
        "def stable_softmax(z):\n"
        "    exponentials = np.exp(z - z[:, :1])\n"
        "    return exponentials / exponentials.sum(axis=1, keepdims=True)",
        "def stable_softmax(z):\n"
        "    exponentials = np.exp(z - z[:, -1:])\n"
        "    return exponentials / exponentials.sum(axis=1, keepdims=True)",
    ],
    "5.2": [
        "def mean_loss(z, y):\n"
        "    total = 0\n"
        "    for n in range(len(z)):\n"
        "        s = np.log(np.exp(z[n]).sum())\n"
        "        if np.isinf(s):\n"
        "            s = z[n].max()\n"
        "        total += s - z[n, y[n]]\n"
        "    return total / len(z)",
    ],
    "5.4": [
        "def pool_gradient(dP, R, size):\n"
        "    dR = np.zeros(R.shape)\n"
        "    for i, j in np.ndindex(dP.shape):\n"
        "        best, m, n = 0, 0, 0\n"
        "        for row in range(size):\n"
        "            for column in range(size):\n"
        "                if R[size * i + row, size * j + column] > best:\n"
        "                    best, m, n = R[size * i + row, size * j + column], row, column\n"
        "        dR[size * i + m, size * j + n] = dP[i, j]\n"
        "    return dR",
    ],
    "5.5": [
        "def training_step(f, y, W, d, eta):\n"
        "    p = np.exp(f @ W.T + d)\n"
        "    p /= p.sum(axis=1, keepdims=True)\n"
        "    dz = (p - np.eye(len(d))[y]) / len(y)\n"
        "    return W - eta * dz.T @ f, d - eta * dz.sum(axis=0)",
    ],
    "1.4": [
        "def update(weights, gradient, learning_rate):\n    return np.round(weights - learning_rate * gradient, 4)",
    ],
    "3.4": [
        "def kernel_gradient(E, I, size):\n"
        "    padded = zero_pad(I, 0 if size == 1 else 1 if size == 3 else 2)\n"
        "    rows, columns = E.shape\n"
        "    dK = np.zeros((size, size))\n"
        "    for u, v in np.ndindex(size, size):\n"
        "        dK[u, v] = np.sum(E * padded[u : u + rows, v : v + columns])\n"
        "    return dK",
    ],
    "4.3": [
        "def gradient_of_sums(g, s):\n"
        "    delta = np.sqrt(s.var() + 1e-8)\n"
        "    z = (s - s.mean()) / delta\n"
        "    return (g - g.mean() - z * (g * z).mean()) / delta",
    ],
}

# Random inputs of each exercise


def numbers(rng, *shape):
    """Whole numbers with ties, zeros and signs, fractions, only negative numbers, or a mixture."""
    whole = rng.integers(-4, 5, shape)
    kinds = (
        whole,
        whole.astype(float),
        rng.integers(0, 3, shape),
        rng.normal(size=shape),
        -1.0 - abs(whole),
        whole + 0.5 * rng.integers(0, 2, shape),
    )
    return kinds[rng.integers(len(kinds))]


def pixels(rng, *shape):
    """Numbers as above, or the bytes of a picture."""
    return rng.integers(0, 256, shape).astype(np.uint8) if rng.random() < 0.3 else numbers(rng, *shape)


def sizes(rng, low=2, high=8, count=2):
    return tuple(int(n) for n in rng.integers(low, high, count))


def scores(rng):
    """Rows of scores and labels."""
    N, classes = sizes(rng, 1, 5, 1)[0], sizes(rng, 2, 6, 1)[0]
    return numbers(rng, N, classes), rng.integers(0, classes, N)


def scores_with_large_rows(rng):
    z, y = scores(rng)
    return z + rng.choice([0, 0, 800], (len(z), 1)), y


def scores_far_apart(rng):
    z, y = scores(rng)
    return z + rng.choice([0, 0, 1000, -1000], (len(z), 1)) + rng.choice([0, 0, 0, 1000, -1000], z.shape), y


def image_and_error(rng):
    shape = sizes(rng)
    return numbers(rng, *shape), numbers(rng, shape[0] - 1, shape[1] - 1), numbers(rng, shape[0] - 1, shape[1] - 1)


def padded_errors(rng):
    (rows, columns), (k_H, k_W) = sizes(rng, 1, 6), sizes(rng, 1, 5)
    p = int(rng.integers(0, (min(rows + k_H, columns + k_W) - 2) // 2 + 1))
    return numbers(rng, rows, columns), numbers(rng, k_H, k_W), p


def pooled(rng, size):
    (rows, columns), rest = sizes(rng, 1, 4), rng.integers(0, size, 2)
    return numbers(rng, rows, columns), numbers(rng, *(size * np.array([rows, columns]) + rest))


def error_and_image(rng):
    shape = sizes(rng, 1, 7)
    return numbers(rng, *shape), pixels(rng, *shape), int(rng.choice([1, 3, 5]))


def batch_of_maps(rng):
    N, filters, rows, columns, more, wider = (int(n) for n in rng.integers(1, 4, 6))
    return numbers(rng, N, 1, rows + more, columns + wider), numbers(rng, N, filters, rows, columns)


def dense_batch(rng):
    N, features = sizes(rng, 2, 5)
    y = rng.integers(0, 2, N).astype(float)
    return numbers(rng, N, features), y, numbers(rng, features), float(rng.normal()), float(rng.uniform(0.1, 3))


def softmax_batch(rng):
    N, features, classes = sizes(rng, 1, 5, 3)
    y = rng.integers(0, classes + 1, N)
    return (
        numbers(rng, N, features),
        y,
        numbers(rng, classes + 1, features),
        numbers(rng, classes + 1) + rng.choice([0, 0, 800]),
        rng.uniform(0.1, 3),
    )


def standardised(rng):
    N = int(rng.integers(2, 8))
    return numbers(rng, N), numbers(rng, N) + 9 * rng.permutation(N)


def same_shapes(rng, axes=None):
    shape = sizes(rng, 1, 5, axes or rng.integers(1, 5))
    return numbers(rng, *shape), numbers(rng, *shape)


RANDOM_INPUTS = {
    "1.1": lambda rng: (numbers(rng, *sizes(rng)), numbers(rng, 2, 2)),
    "1.2": same_shapes,
    "1.3": image_and_error,
    "1.4": lambda rng: (*same_shapes(rng), float(rng.uniform(0.05, 2))),
    "1.5": lambda rng: (rng.normal(size=sizes(rng)) * rng.integers(1, 4),),
    "2.1": lambda rng: (pixels(rng, *sizes(rng, 1)), *sizes(rng, 0, 4)),
    "2.2": lambda rng: (*sizes(rng, 6, 30), *sizes(rng, 1, 6), *sizes(rng, 0, 3, 1), *sizes(rng, 1, 5, 1)),
    "2.3": lambda rng: (pixels(rng, *sizes(rng, 1)), numbers(rng, *sizes(rng, 1, 5))),
    "2.4": lambda rng: (pixels(rng, *sizes(rng, 4)), numbers(rng, *sizes(rng, 1, 5))),
    "2.5": padded_errors,
    "3.1": lambda rng: (numbers(rng, *sizes(rng)),),
    "3.2": lambda rng: pooled(rng, 2),
    "3.3": lambda rng: same_shapes(rng, 2),
    "3.4": error_and_image,
    "3.5": error_and_image,
    "4.1": lambda rng: (rng.integers(0, 10, rng.integers(1, 12)), int(rng.integers(0, 10))),
    "4.2": lambda rng: (pixels(rng, *sizes(rng, 3)), int(rng.integers(1, 4))),
    "4.3": standardised,
    "4.4": batch_of_maps,
    "4.5": dense_batch,
    "5.1": lambda rng: scores_far_apart(rng)[:1],
    "5.2": scores_far_apart,
    "5.3": scores_with_large_rows,
    "5.4": lambda rng: (*pooled(rng, size := int(rng.integers(1, 4))), size),
    "5.5": softmax_batch,
}

# Changes of code, each as the text that takes a node's place

PAGE_CONSTANTS = (0, 1, 2, 3, 4, 5, 16, 28, 32)
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//"}
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
OTHER_NAMES = {
    "max": ("min", "mean", "sum"),
    "sum": ("mean", "max", "cumsum"),
    "mean": ("sum", "max", "std"),
    "argmax": ("argmin",),
    "maximum": ("minimum", "add"),
    "std": ("var", "mean"),
    "zeros": ("ones",),
    "log": ("log2", "log10", "log1p"),
    "exp": ("exp2", "expm1", "abs"),
    "sqrt": ("abs",),
    "eigvalsh": ("eigvals",),
    "ravel": ("copy",),
    "size": ("shape[0]", "ndim", "shape[-1]"),
    "shape": ("shape[::-1]", "T.shape"),
    "softmax": ("np.exp",),
    "sigmoid": ("np.tanh",),
}


def changes_of_an_expression(node, names):
    """Yield the code of other expressions."""
    text = ast.unparse(node)
    match node:
        case ast.BinOp():
            left, right = ast.unparse(node.left), ast.unparse(node.right)
            yield from (left, right, f"({right}) {OPERATORS.get(type(node.op), '-')} ({left})")
            yield from (f"({left}) {sign} ({right})" for kind, sign in OPERATORS.items() if kind is not type(node.op))
        case ast.UnaryOp(op=ast.USub()):
            yield ast.unparse(node.operand)
        case ast.Compare(ops=[first, *_]):
            for sign in COMPARISONS.values():
                yield text.replace(f" {COMPARISONS[type(first)]} ", f" {sign} ", 1)
                yield text[::-1].replace(f" {COMPARISONS[type(first)][::-1]} ", f" {sign[::-1]} ", 1)[::-1]
        case ast.BoolOp(values=[one, other]):
            yield from (ast.unparse(one), ast.unparse(other))
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            yield from map(str, {value + 1, value - 1, -value, 2 * value, 0} - {value})
        case ast.Name(ctx=ast.Load()) if node.id in names:
            yield from names - {node.id}
            yield from map(str, PAGE_CONSTANTS)
            yield from (f"{node.id} + 1", f"{node.id} - 1", f"-{node.id}", f"abs({node.id})", f"{node.id}.T")
            yield from (f"{node.id}[::-1]", f"{node.id}.astype(int)", f"{node.id}.mean()", f"{node.id}[0]")
        case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()):
            name = text.rsplit(".", 1)
            for other in OTHER_NAMES.get(name[-1], ()):
                yield ".".join([*name[:-1], other])
        case ast.Subscript(ctx=ast.Load()):
            yield ast.unparse(node.value)
            if not isinstance(node.slice, (ast.Tuple, ast.Slice)):
                yield from (f"{ast.unparse(node.value)}[{place}]" for place in ("0", "-1", "1"))
        case ast.Tuple(elts=[one, other], ctx=ast.Load()):
            one, other = ast.unparse(one), ast.unparse(other)
            yield from (f"{other}, {one}", f"{one}, {one}", f"{other}, {other}")
        case ast.Call(func=ast.Name(id="range"), args=[end]):
            count = ast.unparse(end)
            yield from (f"range({count} - 1)", f"range({count} + 1)", f"range(1, {count})", f"range(0, {count}, 2)")
            yield from (f"range(1, {count} - 1)", f"range({count})[-1:]", f"range({count})[:2]")
        case ast.Call(func=ast.Name(id="len"), args=[thing]):
            yield from (f"{ast.unparse(thing)}.size", f"{ast.unparse(thing)}.shape[-1]")
        case ast.Call(func=ast.Attribute(attr="zeros"), args=[shape]):
            yield f"np.zeros({ast.unparse(shape)}, dtype=int)"
            for name in names:
                yield from (f"np.zeros_like({name})", f"np.zeros({ast.unparse(shape)}, dtype={name}.dtype)")
        case ast.Call(func=ast.Attribute(value=value, attr="max" | "min" | "mean" | "sum"), args=[]):
            array = ast.unparse(value)
            yield from (f"{array}.flat[0]", f"{array}.flat[-1]", f"{array}[:, :1]", f"max(0, {text})", f"abs({text})")
    if isinstance(node, ast.Call):
        for k, keyword in enumerate(node.keywords):
            fewer = node.keywords[:k] + node.keywords[k + 1 :]
            yield ast.unparse(ast.Call(node.func, node.args, fewer))
            if keyword.arg == "axis":
                axes = (ast.keyword("axis", ast.Constant(axis)) for axis in (0, 1, -1, None))
                yield from (ast.unparse(ast.Call(node.func, node.args, [*fewer, axis])) for axis in axes)
        if len(node.args) > 1:
            yield ast.unparse(ast.Call(node.func, node.args[::-1], node.keywords))


def changes_of_a_statement(node, names):
    """Yield the code of other statements."""
    text = ast.unparse(node)
    match node:
        case ast.AugAssign():
            target, value = ast.unparse(node.target), ast.unparse(node.value)
            yield from (f"{target} = {value}", f"{target} -= {value}", f"{target} *= {value}", "pass")
        case ast.Assign(targets=[ast.Subscript() as target]):
            yield from (f"{ast.unparse(target)} += {ast.unparse(node.value)}", "pass", f"{text}\nbreak")
            yield f"{ast.unparse(target)} = np.maximum({ast.unparse(target)}, {ast.unparse(node.value)})"
        case ast.For(body=[first, *rest]):
            yield from (f"{text}\n    break", ast.unparse(first))
            if rest:  # what begins anew in each round, begun once
                yield f"{ast.unparse(first)}\n{ast.unparse(ast.For(node.target, node.iter, rest, [], lineno=0))}"
        case ast.If():
            yield from (ast.unparse(node.body), "pass")
        case ast.Return():
            value = ast.unparse(node.value)
            yield from (
                f"return np.abs({value})",
                f"return np.maximum(0, {value})",
                f"return np.round({value}, 2)",
                f"return np.nan_to_num({value})",
                f"return np.clip({value}, -1000, 1000)",
                f"return ({value}).T",
                f"return ({value})[::-1]",
                f"return ({value}) * 1.0001",
                f"return np.squeeze({value})",
                # The kind of number is that of the first cell.
                f"return np.vectorize(lambda v: int(v) if v == int(v) else v)({value})",
                f"return np.vectorize(lambda v: v if v else 0)({value})",
                f"return np.array({value}).astype(type(np.array({value}).flat[0].item()))",
            )
            yield from (f"return ({value}).astype({name}.dtype)" for name in names)
            yield from (f"return {name}" for name in names)


def names_in(tree):
    """The arguments and the variables of a function."""
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored | {argument.arg for argument in tree.body[0].args.args}


class Put(ast.NodeTransformer):
    """Put something in the place of a node."""

    def __init__(self, new, target):
        self.new, self.target = new, target

    def visit(self, node):
        return self.new if node is self.target else self.generic_visit(node)


def replaced(tree, index, text):
    """Return the code with another text in place of a node, counted as `ast.walk` does; None if that is no Python."""
    tree = copy.deepcopy(tree)
    target = list(ast.walk(tree))[index]
    try:
        # In brackets, since a slice may stand there too.
        new = ast.parse(text).body if isinstance(target, ast.stmt) else ast.parse(f"x[{text}]").body[0].value.slice
        source = ast.unparse(Put(new, target).visit(tree))
        compile(source, "<a changed answer>", "exec")
    except (SyntaxError, TypeError, ValueError):
        return None
    return source


def changes(tree):
    """Yield the places of a tree and the texts that may stand there instead."""
    names = names_in(tree)
    for index, node in enumerate(ast.walk(tree)):
        change = changes_of_a_statement if isinstance(node, ast.stmt) else changes_of_an_expression
        yield from ((index, text) for text in change(node, names))


def changed_once(source):
    """Yield the code of every function that differs from this one in one place."""
    tree = ast.parse(source)
    seen = {None, ast.unparse(tree)}
    for index, text in changes(tree):
        new = replaced(tree, index, text)
        if new not in seen:
            seen.add(new)
            yield new


# The attack

# All 30,000 changed answers take five minutes: a few are tried, unless all are asked for.
EVERY = 1 if os.environ.get("CNNLAB_ALL_MUTANTS") else 8


def right_sources(exercise):
    return [exercise.solution_source, *RIGHT_ANSWERS[exercise.number]]


def learners_function(exercise, source):
    """The function of this source, with what is imported on the pages and SciPy."""
    (module,) = [module for module in MODULES.values() if module.__name__ == exercise._solution.__module__]
    names = {name: value for name, value in vars(module).items() if callable(value) and "cnnlab" in value.__module__}
    return function_of(source, exercise.name, f"<an answer to {exercise.number}>", scipy=scipy, **names)


def agree(function, other, inputs, equal=nearly_equal):
    """Whether two functions do the same with all these inputs."""
    for arguments in inputs:
        ours, theirs = (call(one, dict(enumerate(arguments))) for one in (function, other))
        if ours.numbers is None or ours.changed or len(ours.numbers) != len(theirs.numbers):
            return False
        if not all(map(equal, ours.numbers, theirs.numbers)):
            return False
    return True


def roughly_equal(one, other):
    """A generous comparison: what fails it is never called correct, which spares asking the checker."""
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-2, atol=1e-2, equal_nan=True)


def fresh_inputs(exercise):
    rng = np.random.default_rng(int(10 * float(exercise.number)))
    return [RANDOM_INPUTS[exercise.number](rng) for _ in range(FRESH_INPUTS)]


def accepted_wrongly(exercise, sources):
    """Return the sources that are called correct and go wrong with fresh inputs, and how many were tried."""
    tried, accepted, fresh = 0, [], fresh_inputs(exercise)
    for source in sources:
        tried += 1
        function = learners_function(exercise, source)
        if not agree(function, exercise._solution, exercise._inputs, roughly_equal):
            continue
        if not agree(function, exercise._solution, fresh) and exercise.judge(function).state is State.CORRECT:
            accepted.append(source)
    return accepted, tried


@pytest.fixture
def short_time_limit(monkeypatch):
    """For the loops without an end that a change makes."""
    monkeypatch.setattr(_calls, "TIME_LIMIT", 1.0)


@every_exercise
def test_wrong_answers_that_were_once_accepted_are_not(exercise):
    for source in ONCE_ACCEPTED.get(exercise.number, ()):
        assert exercise.judge(learners_function(exercise, source)).state is State.NOT_YET, source


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@every_exercise
def test_no_answer_with_one_change_is_called_correct_and_goes_wrong_elsewhere(exercise, short_time_limit):
    sources = itertools.chain.from_iterable(map(changed_once, right_sources(exercise)))
    accepted, tried = accepted_wrongly(exercise, itertools.islice(sources, 0, None, EVERY))
    print(exercise.number, tried)
    assert tried > 50 // EVERY
    assert not accepted, "\n\n".join(accepted)


# Right answers are correct


def added_up_backwards(source):
    """The same with the loops that add something up the other way round, or None where there is none."""
    tree = ast.parse(source)
    for loop in (node for node in ast.walk(tree) if isinstance(node, ast.For)):
        last = [node for node in ast.walk(loop) if isinstance(node, ast.AugAssign)][-1:]
        if last and not isinstance(last[0].value, ast.Constant) and ast.unparse(loop.iter).startswith("range("):
            loop.iter = ast.parse(f"list({ast.unparse(loop.iter)})[::-1]", mode="eval").body
    backwards = ast.unparse(tree)
    return None if backwards == ast.unparse(ast.parse(source)) else backwards


def in_float32(function):
    def answer(*arguments):
        narrow = [np.float32(a) if isinstance(a, np.ndarray) and a.dtype == float else a for a in arguments]
        returned = function(*narrow)
        return tuple(map(np.float32, returned)) if isinstance(returned, tuple) else np.float32(returned)

    return answer


def right_functions(exercise):
    """Right answers of every sort, by name."""
    for k, source in enumerate(right_sources(exercise)):
        function = learners_function(exercise, source)
        yield f"source {k}", function
        if backwards := added_up_backwards(source):
            yield f"source {k}, added up backwards", learners_function(exercise, backwards)
        yield f"source {k} in float32", in_float32(function)


@every_exercise
def test_a_right_answer_is_correct_in_whatever_style(exercise):
    for name, function in right_functions(exercise):
        verdict = exercise.judge(function)
        assert verdict.state is State.CORRECT, (name, verdict.lines)


@every_exercise
def test_right_answers_agree_with_fresh_inputs_too(exercise):
    fresh = fresh_inputs(exercise)
    for source in right_sources(exercise):
        assert agree(learners_function(exercise, source), exercise._solution, fresh), source


def test_every_exercise_has_further_right_answers_and_random_inputs():
    assert list(RIGHT_ANSWERS) == list(RANDOM_INPUTS) == [exercise.number for exercise in EXERCISES]
