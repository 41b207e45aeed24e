"""The network of notebook 3 in small, with every number of its forward and its backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlab.activations import relu_backward, sigmoid_backward
from cnnlab.convolution import conv2d_backward, zero_pad
from cnnlab.linear import linear_backward
from cnnlab.losses import half_squared_error_backward
from cnnlab.networks import SingleFilterCNN
from cnnlab.pooling import max_pool2d_backward

# Small enough to read every number. The upper right block of C is negative throughout: it is dead.
IMAGE = np.array([[3.0, 1, 0, 0], [1, 1, 0, 1], [0, 1, 0, 2], [3, 0, 0, 0]])
PARAMETERS: dict[str, Any] = {
    "conv_weight": np.array([[[[2.0, 1, 0], [-1, 2, -1], [0, -1, -1]]]]),
    "conv_bias": np.array([-1.0]),
    "dense_weight": np.array([[1.0, 2, -1.5, 0.4]]),
    "dense_bias": np.array([0.25]),
}
TARGET = 1
# The letters of the parameters, and the names under which a network keeps them.
KEYS = {"K": "conv_weight", "b": "conv_bias", "w": "dense_weight", "d": "dense_bias"}


def forward_maps(parameters: dict[str, Any] = PARAMETERS, image: np.ndarray = IMAGE) -> dict[str, np.ndarray]:
    """Return every map from the padded image to the loss, and the parameters, by their symbols."""
    network = SingleFilterCNN(parameters)
    record = network.forward(image)
    maps = {"I": zero_pad(image, 1), "C": record.conv[0, 0], "R": record.relu[0, 0], "P": record.pool[0, 0]}
    maps |= {"f": record.features.T, "z": record.logit[None], "ŷ": record.prediction[None]}
    maps |= {"y": np.array([[float(TARGET)]]), "L": np.array([[network.loss(record, TARGET)]])}
    return maps | {
        name: np.atleast_2d(parameters[key].reshape(parameters[key].shape[-2:])) for name, key in KEYS.items()
    }


def gradient_maps(maps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the gradient of the loss for each of these maps, under the same symbols."""
    d_prediction = half_squared_error_backward(maps["ŷ"][0], maps["y"][0])
    d_score = sigmoid_backward(d_prediction, maps["ŷ"][0])
    dense = linear_backward(d_score[None], maps["f"].T, maps["w"])
    d_pool = dense.x.reshape(2, 2)
    d_relu = max_pool2d_backward(d_pool, maps["R"])
    d_conv = relu_backward(d_relu, maps["C"])
    kernel = conv2d_backward(d_conv, maps["I"][1:-1, 1:-1], maps["K"], padding="same")
    gradients: dict[str, Any] = {"I": kernel.x, "K": kernel.weight, "b": np.reshape(kernel.bias, (1, 1))}
    gradients |= {"C": d_conv, "R": d_relu, "P": d_pool, "f": dense.x.T, "w": dense.weight, "d": dense.bias[None]}
    return gradients | {"z": d_score[None], "ŷ": d_prediction[None], "L": np.ones((1, 1))}
