"""Convolutional networks trained by hand: forward and backward passes in NumPy."""

from cnnlab import (
    activations,
    convolution,
    gradient_check,
    linear,
    losses,
    networks,
    normalization,
    pooling,
    training,
)

__version__ = "0.1.0"

__all__ = [
    "activations",
    "convolution",
    "gradient_check",
    "linear",
    "losses",
    "networks",
    "normalization",
    "pooling",
    "training",
]
