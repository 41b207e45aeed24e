"""The problems solved as the notebooks first do: window by window, in Python's loops over NumPy's arrays."""

from __future__ import annotations

import numpy as np

from benchmarks.problems import Contender, Problem
from cnnlab.networks import BinaryCNN, SingleFilterCNN, SoftmaxCNN


def pad(x: np.ndarray, p: int) -> np.ndarray:
    """Put p zeros around each image."""
    return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))


def conv2d(x: np.ndarray, K: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Slide every filter over every image."""
    filters, _, height, width = K.shape
    C = np.zeros((len(x), filters, x.shape[2] - height + 1, x.shape[3] - width + 1), x.dtype)
    for n in range(len(x)):
        for k in range(filters):
            for i in range(C.shape[2]):
                for j in range(C.shape[3]):
                    C[n, k, i, j] = b[k] + np.sum(K[k] * x[n, :, i : i + height, j : j + width])
    return C


def conv2d_backward(E: np.ndarray, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Multiply the errors with what each weight met."""
    dK = np.zeros(shape, x.dtype)
    filters, _, height, width = shape
    rows, columns = E.shape[2:]
    for k in range(filters):
        for u in range(height):
            for v in range(width):
                dK[k, :, u, v] = np.sum(E[:, k : k + 1] * x[:, :, u : u + rows, v : v + columns], axis=(0, 2, 3))
    return dK


def max_pool2d(R: np.ndarray) -> np.ndarray:
    """Keep the largest of each 2×2 block."""
    P = np.zeros((*R.shape[:2], R.shape[2] // 2, R.shape[3] // 2), R.dtype)
    for n, f, i, j in np.ndindex(P.shape):
        P[n, f, i, j] = R[n, f, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max()
    return P


def max_pool2d_backward(dP: np.ndarray, R: np.ndarray) -> np.ndarray:
    """Carry each gradient to the largest of its block."""
    dR = np.zeros(R.shape, R.dtype)
    for n, f, i, j in np.ndindex(dP.shape):
        block = R[n, f, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        row, column = np.unravel_index(block.argmax(), (2, 2))
        dR[n, f, 2 * i + row, 2 * j + column] = dP[n, f, i, j]
    return dR


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Squeeze into 0 to 1."""
    return 1 / (1 + np.exp(-z))


def training(problem: Problem) -> Contender:
    """Train with the loops."""
    parameters = {name: value.copy() for name, value in problem.parameters.items()}
    loss_and_gradients = {SingleFilterCNN: _pooled, BinaryCNN: _binary, SoftmaxCNN: _pooled}[problem.network]
    padding = problem.parameters["conv_weight"].shape[2] // 2 if problem.network is SingleFilterCNN else 0

    def step() -> float:
        for x, target in problem.batches(problem.x, problem.target):
            loss, gradients = loss_and_gradients(parameters, pad(x, padding), target)
            for name, gradient in gradients.items():
                parameters[name] -= problem.learning_rate * gradient
        return loss

    return Contender(step, lambda: parameters)


def _binary(p: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
    """Notebook 4."""
    A = sigmoid(conv2d(x, p["conv_weight"], p["conv_bias"]))
    features = A.reshape(len(x), -1)
    loss, dz = _half_squared_error(features @ p["dense_weight"].T + p["dense_bias"], y)
    E = (dz @ p["dense_weight"]).reshape(A.shape) * A * (1 - A)
    return loss, _gradients(p, x, E, dz, features)


def _pooled(p: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
    """Notebooks 3 and 5."""
    C = conv2d(x, p["conv_weight"], p["conv_bias"])
    R = np.maximum(C, 0)
    P = max_pool2d(R)
    features = P.reshape(len(x), -1)
    z = features @ p["dense_weight"].T + p["dense_bias"]
    loss, dz = _half_squared_error(z, y) if z.shape[1] == 1 else _cross_entropy(z, y)
    E = max_pool2d_backward((dz @ p["dense_weight"]).reshape(P.shape), R) * (C > 0)
    return loss, _gradients(p, x, E, dz, features)


def _half_squared_error(z: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    y_hat = sigmoid(z[:, 0])
    dz = (y_hat - y) * y_hat * (1 - y_hat) / len(y)
    return float(np.mean((y_hat - y) ** 2) / 2), dz[:, None]


def _cross_entropy(z: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    one_hot = np.eye(z.shape[1], dtype=z.dtype)[y]
    return float(-np.mean(np.log(np.sum(p * one_hot, axis=1)))), (p - one_hot) / len(y)


def _gradients(
    p: dict[str, np.ndarray], x: np.ndarray, E: np.ndarray, dz: np.ndarray, features: np.ndarray
) -> dict[str, np.ndarray]:
    return {
        "conv_weight": conv2d_backward(E, x, p["conv_weight"].shape),
        "conv_bias": E.sum(axis=(0, 2, 3)),
        "dense_weight": dz.T @ features,
        "dense_bias": dz.sum(axis=0),
    }
