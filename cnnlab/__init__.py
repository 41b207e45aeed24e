"""Convolutional networks trained by hand: forward and backward passes in NumPy.

The operations are here under one roof: `cnnlab.conv2d` is `cnnlab.convolution.conv2d`. (`cnnlab.linear` is the module.)
Layers, networks and what trains them are in their modules.

Whatever a function cannot take, it refuses with a TypeError or a ValueError that names the argument and says what came,
what was expected and what the likely slip is. A docstring speaks of errors where there is more to say.
"""

from cnnlab import layers, linear, networks, training
from cnnlab.activations import relu, relu_backward, sigmoid, sigmoid_backward, softmax, softmax_backward
from cnnlab.convolution import conv2d, conv2d_backward, conv2d_output_size, fold, unfold, zero_pad
from cnnlab.gradient_check import check_gradient, numerical_gradient
from cnnlab.linear import linear_backward
from cnnlab.losses import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    cross_entropy,
    cross_entropy_backward,
    half_squared_error,
    half_squared_error_backward,
    mse_loss,
    mse_loss_backward,
)
from cnnlab.normalization import standardize, standardize_backward
from cnnlab.pooling import max_pool2d, max_pool2d_backward

__version__ = "0.2.0"

__all__ = [
    "binary_cross_entropy_with_logits",
    "binary_cross_entropy_with_logits_backward",
    "check_gradient",
    "conv2d",
    "conv2d_backward",
    "conv2d_output_size",
    "cross_entropy",
    "cross_entropy_backward",
    "fold",
    "half_squared_error",
    "half_squared_error_backward",
    "layers",
    "linear",
    "linear_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "mse_loss",
    "mse_loss_backward",
    "networks",
    "numerical_gradient",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "standardize",
    "standardize_backward",
    "training",
    "unfold",
    "zero_pad",
]
