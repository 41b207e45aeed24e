"""Every error text: it names the argument, says what came and what was expected."""

import ast
import contextlib
import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from cnnlab.activations import relu_backward, sigmoid_backward, softmax, softmax_backward
from cnnlab.convolution import conv2d, conv2d_backward, conv2d_output_size, fold, unfold, zero_pad
from cnnlab.gradient_check import check_gradient, numerical_gradient
from cnnlab.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from cnnlab.linear import linear, linear_backward
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
from cnnlab.networks import BinaryCNN, FilterRegression, Network, SingleFilterCNN, SoftmaxCNN, TenClassCNN
from cnnlab.normalization import standardize, standardize_backward
from cnnlab.pooling import max_pool2d, max_pool2d_backward
from cnnlab.training import gradient_descent, sgd_step

MODULES = (
    "_checks",
    "activations",
    "convolution",
    "gradient_check",
    "linear",
    "losses",
    "networks",
    "normalization",
    "pooling",
    "training",
    "layers",
    "_criteria",
)


def ones(*shape):
    return np.ones(shape)


class Unreadable:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("on another device")


def rng():
    return np.random.default_rng(0)


def read_only():
    array = ones(2)
    array.flags.writeable = False
    return array


def parameters(**changed):
    """Give the parameters of a network with one 2 × 2 filter on 3 × 3 images, some of them changed."""
    sound = {
        "conv_weight": ones(1, 1, 2, 2),
        "conv_bias": ones(1),
        "dense_weight": ones(1, 4),
        "dense_bias": ones(1),
    }
    return sound | changed


def own(*given, loss="cross_entropy", **options):
    return Network.of(*given, loss=loss, image_size=6, rng=rng(), **options)


def descend(**changed):
    """Train a network on two images, with some argument changed."""
    sound = {"x": ones(2, 1, 3, 3), "target": ones(2, 1, 2, 2), "learning_rate": 0.1, "steps": 1}
    arguments = sound | changed
    return gradient_descent(
        FilterRegression({"conv_weight": ones(1, 1, 2, 2)}), arguments.pop("x"), arguments.pop("target"), **arguments
    )


def replaced(network, **parameters):
    """Put other things in the place of a network's parameters."""
    network.parameters.update(parameters)
    return network


def softmax_network():
    return SoftmaxCNN.initialize(rng(), image_size=6)


def binary_network():
    return BinaryCNN.initialize(rng(), image_size=6)


# A call, the exception, and a regular expression that its text must match from beginning to end.
CASES = [
    # What is no array of real numbers.
    (lambda: conv2d(None, ones(2, 2)), TypeError, r"x must be an array of real numbers; got NoneType"),
    (lambda: conv2d("image.png", ones(2, 2)), TypeError, r"x must be an array of real numbers; got str"),
    (lambda: conv2d(1j * ones(3, 3), ones(2, 2)), TypeError, r"x must be .* numbers; got an array of dtype complex128"),
    (lambda: linear([1, None], ones(1, 2)), TypeError, r"x must be .* numbers; got an array of dtype object"),
    (lambda: linear(10**30, ones(1, 2)), TypeError, r"x must be .* got a whole number beyond 64 bits: write it as .*"),
    (
        lambda: linear(Unreadable(), ones(1, 2)),
        ValueError,
        r"x cannot be read as an array of numbers \(Unreadable\): turn it into a NumPy array first",
    ),
    (
        lambda: max_pool2d([[1, 2], [3]]),
        ValueError,
        r"x cannot be read as an array of numbers \(list\): rows of different lengths are the usual reason",
    ),
    (
        lambda: max_pool2d(np.ma.masked_array(ones(2, 2))),
        TypeError,
        r"x is a masked array, whose mask would be lost: fill the masked entries first, as in x\.filled\(0\)",
    ),
    # Whole numbers and pairs of them.
    (
        lambda: conv2d_output_size(5, 2.0),
        TypeError,
        r"kernel_size must be a whole number or a pair \(rows, columns\); got 2\.0",
    ),
    (
        lambda: conv2d_output_size(5, None),
        TypeError,
        r"kernel_size must be a whole number or a pair \(rows, columns\); got None",
    ),
    (lambda: conv2d_output_size(5, True), TypeError, r"kernel_size must be a whole number; got True \(bool\)"),
    (lambda: max_pool2d(ones(4, 4), (2, 1.5)), TypeError, r"kernel_size must be a whole number; got 1\.5 \(float\)"),
    (lambda: max_pool2d(ones(4, 4), [2, [2]]), TypeError, r"kernel_size must be a whole number; got \[2\] \(list\)"),
    (
        lambda: max_pool2d(ones(4, 4), (2, 2, 2)),
        ValueError,
        r"kernel_size must be a whole number or a pair \(rows, columns\); got 3 numbers",
    ),
    (lambda: max_pool2d(ones(4, 4), 0), ValueError, r"kernel_size must be at least 1; got 0"),
    (lambda: max_pool2d(ones(4, 4), stride=(1, 0)), ValueError, r"stride must be at least 1; got 0"),
    (lambda: conv2d(ones(4, 4), ones(2, 2), stride=0), ValueError, r"stride must be at least 1; got 0"),
    (lambda: conv2d(ones(4, 4), ones(2, 2), padding=-1), ValueError, r"padding must be at least 0; got -1"),
    (lambda: conv2d_output_size(5, 0), ValueError, r"kernel_size must be at least 1; got 0"),
    (lambda: conv2d_output_size(-1, 2), ValueError, r"size must be at least 0; got -1"),
    (lambda: fold(ones(4, 4), 0, 2), ValueError, r"output_size must be at least 1; got 0"),
    (lambda: fold(ones(4, 4), 2, (0, 2)), ValueError, r"kernel_size must be at least 1; got 0"),
    (lambda: unfold(ones(4, 4), (0, 2)), ValueError, r"kernel_size must be at least 1; got 0"),
    (lambda: conv2d_output_size(2**63, 2), ValueError, r"size must be a number of at most 64 bits; got 9223.*5808"),
    (
        lambda: conv2d_backward(ones(2, 2), ones(3, 3), ones(2, 2), input_gradient="no"),
        TypeError,
        r"input_gradient must be True or False; got 'no'",
    ),
    # What would take the machine's memory.
    (
        lambda: max_pool2d(np.broadcast_to(1.0, (2**16, 2**15))),
        ValueError,
        r"x must hold at most 1,073,741,824 numbers; got shape \(65536, 32768\): pass fewer images at a time",
    ),
    (
        lambda: linear([range(2**31)], ones(1, 2)),
        ValueError,
        r"x must hold at most 1,073,741,824 numbers; got shape \(1, 2147483648\): pass fewer images at a time",
    ),
    (
        lambda: zero_pad(ones(2, 2), 10**6),
        ValueError,
        r"the image with this padding must hold at most .*; got shape \(2000002, 2000002\): use a smaller padding",
    ),
    (
        lambda: conv2d(ones(2, 2), ones(2, 2), padding=2**62),
        ValueError,
        r"the output for these x, weight, stride and padding must hold at most .*: pass fewer images at a time",
    ),
    (
        lambda: unfold(ones(2, 2), 2, padding=20000),
        ValueError,
        r"the matrix for these x, kernel_size, stride and padding must hold .*; got shape \(1, 4, 1600080001\): "
        r"pass fewer images at a time",
    ),
    (
        lambda: fold(ones(4, 1), (2**30, 2), 2, stride=2**30),
        ValueError,
        r"the image of this output_size must hold at most .*; got shape \(1, 1, 1073741824, 2\): "
        r"pass fewer columns at a time",
    ),
    (
        lambda: linear(np.broadcast_to(1.0, (2**16, 1)), np.broadcast_to(1.0, (2**15, 1))),
        ValueError,
        r"the output for these x and weight must hold .*; got shape \(65536, 32768\): pass fewer rows of x at a time",
    ),
    # zero_pad.
    (lambda: zero_pad([1, 2], 1), ValueError, r"x must have rows and columns, \(\.\.\., H, W\); got shape \(2,\)"),
    (
        lambda: zero_pad(ones(2, 2), "same"),
        TypeError,
        r"padding must be a whole number or a pair here, as no kernel is known; got 'same'",
    ),
    (lambda: zero_pad(ones(2, 2), -1), ValueError, r"padding must be at least 0; got -1"),
    # Convolution.
    (
        lambda: conv2d(ones(4, 4), ones(2, 2), padding="full"),
        ValueError,
        r'padding must be a whole number, a pair, "valid" or "same"; got \'full\'',
    ),
    (
        lambda: conv2d(ones(4, 4), ones(2, 2), padding="same", stride=2),
        ValueError,
        r'padding="same" keeps the size of the image only with stride 1; got stride \(2, 2\)',
    ),
    (
        lambda: conv2d(ones(4, 3), ones(2, 5), padding=(0, 0)),
        ValueError,
        r"a kernel of 2 × 5 does not fit into an image of 4 × 3 with padding \(0, 0\): "
        r"use a smaller kernel or more padding",
    ),
    (
        lambda: conv2d_output_size(3, 5, padding="valid"),
        ValueError,
        r"a kernel of 5 × 5 does not fit into an image of 3 × 3 with padding 'valid': .*",
    ),
    (
        lambda: conv2d(ones(7, 4, 4), ones(1, 1, 2, 2)),
        ValueError,
        r"x must have shape \(N, C, H, W\), or \(H, W\) for one grey image; got \(7, 4, 4\): "
        r"give a stack of grey images its channel axis with x\[:, None\]",
    ),
    (
        lambda: unfold(ones(4), 2),
        ValueError,
        r"x must have shape \(N, C, H, W\), or \(H, W\) for one grey image; got \(4,\)",
    ),
    (
        lambda: conv2d(ones(1, 1, 4, 4), ones(3, 2, 2)),
        ValueError,
        r"weight must have shape \(F, C, kH, kW\), or \(kH, kW\) for one kernel; got \(3, 2, 2\): "
        r"give a stack of kernels its channel axis with weight\[:, None\]",
    ),
    (
        lambda: conv2d(ones(4, 4), 2),
        ValueError,
        r"weight must have shape \(F, C, kH, kW\), or \(kH, kW\) for one kernel; got \(\)",
    ),
    (
        lambda: conv2d(ones(1, 1, 4, 4), ones(2, 2)),
        ValueError,
        r"x has shape \(1, 1, 4, 4\) and weight \(2, 2\): use \(H, W\) with \(kH, kW\), or \(N, C, H, W\) with "
        r"\(F, C, kH, kW\); \[None, None\] in front adds the two missing axes",
    ),
    (
        lambda: conv2d(ones(2, 1, 4, 4), ones(5, 3, 2, 2)),
        ValueError,
        r"weight has 3 channels, x has 1: a single grey image needs shape \(N, 1, H, W\) and a kernel for it "
        r"\(F, 1, kH, kW\)",
    ),
    (
        lambda: conv2d(ones(2, 8, 8, 3), ones(5, 3, 2, 2)),
        ValueError,
        r"weight has 3 channels, x has 8: x looks like \(N, H, W, C\), and needs np\.moveaxis\(x, -1, 1\)",
    ),
    (
        lambda: conv2d(ones(4, 4), ones(0, 2)),
        ValueError,
        r"weight must have at least one row and one column; got shape \(0, 2\)",
    ),
    (
        lambda: conv2d(ones(1, 1, 4, 4), ones(3, 1, 2, 2), ones(2)),
        ValueError,
        r"bias must have shape \(3,\), one number for each kernel; got \(2,\)",
    ),
    (
        lambda: conv2d(ones(1, 1, 4, 4), ones(3, 1, 2, 2), 0.5),
        ValueError,
        r"bias must have shape \(3,\), one number for each kernel; got \(\)",
    ),
    (
        lambda: conv2d_backward(ones(4, 4), ones(4, 4), ones(2, 2)),
        ValueError,
        r"dy must have shape \(3, 3\), the shape of conv2d's output; got \(4, 4\)",
    ),
    (
        lambda: conv2d_backward(ones(2, 1, 3, 3), ones(2, 1, 4, 4), ones(5, 1, 2, 2)),
        ValueError,
        r"dy must have shape \(2, 5, 3, 3\), the shape of conv2d's output; got \(2, 1, 3, 3\)",
    ),
    (
        lambda: fold(ones(4), 3, 2),
        ValueError,
        r"columns must have shape \(N, C kH kW, H' W'\) or \(kH kW, H' W'\); got \(4,\)",
    ),
    (
        lambda: fold(ones(5, 4), 3, 2),
        ValueError,
        r"columns must have 4 rows per channel and 4 columns for output_size \(3, 3\) and kernel_size \(2, 2\); "
        r"got shape \(5, 4\)",
    ),
    (lambda: fold(ones(8, 4), 3, 2), ValueError, r"columns must have 4 rows per channel .*; got shape \(8, 4\)"),
    (lambda: fold(ones(1, 8, 5), 3, 2), ValueError, r"columns must have .* 4 columns for .*; got shape \(1, 8, 5\)"),
    # Pooling.
    (lambda: max_pool2d(ones(4)), ValueError, r"x must have rows and columns, \(\.\.\., H, W\); got shape \(4,\)"),
    (
        lambda: max_pool2d(ones(1, 5), (2, 3)),
        ValueError,
        r"a window of 2 × 3 does not fit into a map of 1 × 5: use a smaller kernel_size",
    ),
    (
        lambda: max_pool2d_backward(ones(3, 3), ones(4, 4)),
        ValueError,
        r"dy must have shape \(2, 2\), the shape of max_pool2d's output; got \(3, 3\)",
    ),
    # Activations.
    (
        lambda: relu_backward(ones(3), ones(4)),
        ValueError,
        r"dy must have shape \(4,\), the shape of x; got \(3,\)",
    ),
    (
        lambda: sigmoid_backward(ones(3), ones(4)),
        ValueError,
        r"dy must have shape \(4,\), the shape of y; got \(3,\)",
    ),
    (
        lambda: sigmoid_backward([1.0], [1.5]),
        ValueError,
        r"y must lie between 0 and 1; got values from 1\.5 to 1\.5: give the output of sigmoid, not its input",
    ),
    (lambda: softmax(3.0), ValueError, r"x must hold one number for each class; got a single number"),
    (lambda: softmax_backward(1.0, 1.0), ValueError, r"y must hold one number for each class; got a single number"),
    (lambda: softmax(ones(3, 0)), ValueError, r"x must have at least one class along axis 1; got shape \(3, 0\)"),
    (
        lambda: softmax(ones(3, 2), axis=2),
        ValueError,
        r"axis must lie between -2 and 1 for an array with 2 axes; got 2",
    ),
    (lambda: softmax(ones(3, 2), axis=-3), ValueError, r"axis must lie .* with 2 axes; got -3"),
    (lambda: softmax(ones(3, 2), axis=1.0), TypeError, r"axis must be a whole number; got 1\.0 \(float\)"),
    (
        lambda: softmax_backward(ones(2), ones(3)),
        ValueError,
        r"dy must have shape \(3,\), the shape of y; got \(2,\)",
    ),
    # Linear.
    (
        lambda: linear(ones(2, 3, 4, 4), ones(1, 48)),
        ValueError,
        r"x must have shape \(N, in\), or \(in,\); got \(2, 3, 4, 4\): "
        r"flatten the maps first with x\.reshape\(len\(x\), -1\)",
    ),
    (lambda: linear(ones(2, 3, 4), ones(1, 12)), ValueError, r"x must .*; got \(2, 3, 4\): flatten the maps first .*"),
    (lambda: linear(ones(3), ones(3, 5)), ValueError, r"weight takes 5 features, x has 3: .* turning, weight\.T"),
    (lambda: linear(3.0, ones(1, 1)), ValueError, r"x must have shape \(N, in\), or \(in,\); got \(\)"),
    (
        lambda: linear(ones(2, 3), ones(3)),
        ValueError,
        r"weight must have shape \(out, in\), one row for each output; got \(3,\)",
    ),
    (
        lambda: linear(ones(2, 3), ones(3, 5)),
        ValueError,
        r"weight takes 5 features, x has 3: weight may need turning, weight\.T",
    ),
    (lambda: linear(ones(2, 3), ones(1, 5)), ValueError, r"weight takes 5 features, x has 3"),
    (
        lambda: linear(ones(2, 3), ones(4, 3), ones(3)),
        ValueError,
        r"bias must have shape \(4,\), one number for each output; got \(3,\)",
    ),
    (
        lambda: linear_backward(ones(2, 3), ones(2, 3), ones(4, 3)),
        ValueError,
        r"dy must have shape \(2, 4\), the shape of linear's output; got \(2, 3\)",
    ),
    # Standardisation.
    (lambda: standardize(3.0), ValueError, r"x must have an axis to standardise along; got a single number"),
    (
        lambda: standardize([[2.0, 3.0]]),
        ValueError,
        r"x does not vary along axis 0, so its standard deviation is 0 and it cannot be standardised: "
        r"a batch of one image, or an output that has saturated, is the usual reason",
    ),
    (lambda: standardize(ones(2, 2), axis=5), ValueError, r"axis must .*; got 5"),
    (
        lambda: standardize_backward(ones(2), [1, 2, 3]),
        ValueError,
        r"dy must have shape \(3,\), the shape of x; got \(2,\)",
    ),
    # Losses.
    (
        lambda: mse_loss(ones(2, 2), ones(3)),
        ValueError,
        r"prediction has shape \(2, 2\), target \(3,\); they must be equal",
    ),
    (
        lambda: mse_loss_backward(ones(3, 1), ones(3)),
        ValueError,
        r"prediction has shape \(3, 1\), target \(3,\); they must be equal: the same count of numbers, so reshape one, "
        r"as in prediction\.reshape\(target\.shape\)",
    ),
    (
        lambda: half_squared_error(ones(3, 1), ones(3, 1)),
        ValueError,
        r"prediction must have shape \(N,\), one number for each image; got \(3, 1\)",
    ),
    (lambda: half_squared_error_backward([1, 2], [1]), ValueError, r"prediction has shape \(2,\), target \(1,\); .*"),
    (
        lambda: binary_cross_entropy_with_logits([1.0, 2.0], [0, 7]),
        ValueError,
        r"target must lie between 0 and 1; got values from 0 to 7: turn class numbers into yes or no first, "
        r"as in digits > 4",
    ),
    (
        lambda: binary_cross_entropy_with_logits([1.0, 2.0], [-0.5, 1.5]),
        ValueError,
        r"target must lie between 0 and 1; got values from -0\.5 to 1\.5: .*",
    ),
    (lambda: binary_cross_entropy_with_logits([1.0], [1.01]), ValueError, r"target must .* from 1\.01 to 1\.01: .*"),
    (lambda: binary_cross_entropy_with_logits([1.0], [-1e-9]), ValueError, r"target must .* from -1e-09 to -1e-09: .*"),
    (
        lambda: binary_cross_entropy_with_logits_backward([1.0], [np.nan]),
        ValueError,
        r"target must lie between 0 and 1; got values from nan to nan: .*",
    ),
    (
        lambda: cross_entropy(ones(2, 3, 4), [0, 1]),
        ValueError,
        r"prediction must have shape \(N, K\), or \(K,\), with at least one class; got \(2, 3, 4\)",
    ),
    (lambda: cross_entropy(ones(2, 0), [0, 1]), ValueError, r"prediction must .* at least one class; got \(2, 0\)"),
    (lambda: cross_entropy(1.0, 0), ValueError, r"prediction must have shape \(N, K\), or \(K,\), .*; got \(\)"),
    (
        lambda: cross_entropy(ones(2, 3), np.eye(3)[:2]),
        ValueError,
        r"target must have shape \(2,\), one class number for each row of prediction \(2, 3\); got \(2, 3\): "
        r"a one-hot target becomes class numbers with target\.argmax\(-1\)",
    ),
    (
        lambda: cross_entropy(ones(2, 3), [0, 1, 2]),
        ValueError,
        r"target must have shape \(2,\), one class number for each row of prediction \(2, 3\); got \(3,\)",
    ),
    (lambda: cross_entropy(ones(3), [1]), ValueError, r"target must have shape \(\), .* \(3,\); got \(1,\)"),
    (
        lambda: cross_entropy(ones(2, 3), [0.0, 1.0]),
        TypeError,
        r"target must hold class numbers, whole numbers; got dtype float64",
    ),
    (
        lambda: cross_entropy(ones(2, 3), [0, 3]),
        ValueError,
        r"target must hold class numbers from 0 to 2; got 0 to 3",
    ),
    (lambda: cross_entropy_backward(ones(3), -1), ValueError, r"target must hold .* from 0 to 2; got -1 to -1"),
    # Gradient checks.
    (
        lambda: numerical_gradient(3.0, ones(2)),
        TypeError,
        r"f must be a function of one array; got 3\.0: leave out the brackets behind its name",
    ),
    (
        lambda: numerical_gradient(lambda x: x, ones(2)),
        ValueError,
        r"f must return one number; got shape \(2,\): take the loss, not the output",
    ),
    (
        lambda: numerical_gradient(lambda x: None, ones(2)),
        TypeError,
        r"the result of f must be an array of real numbers; got NoneType",
    ),
    (lambda: numerical_gradient(np.sum, ones(2), eps=0), ValueError, r"eps must be a finite number above 0; got 0"),
    (
        lambda: numerical_gradient(np.sum, ones(2), eps=np.inf),
        ValueError,
        r"eps must be a finite number above 0; got inf",
    ),
    (lambda: numerical_gradient(np.sum, ones(2), eps="small"), TypeError, r"eps must be one number; got 'small' .*"),
    (
        lambda: numerical_gradient(np.sum, [1.0, 1e20]),
        ValueError,
        r"eps must be large enough to move every entry of x; 1e-06 is lost beside 1e\+20",
    ),
    (lambda: numerical_gradient(np.sum, [np.inf]), ValueError, r"eps must be large enough .* lost beside inf"),
    (
        lambda: check_gradient(np.sum, ones(2), ones(3)),
        ValueError,
        r"gradient must have shape \(2,\), the shape of x; got \(3,\)",
    ),
    (lambda: check_gradient(np.sum, [], []), ValueError, r"x is empty, so there is nothing to check"),
    (
        lambda: check_gradient(np.sum, ones(2), ones(2), tolerance=-1),
        ValueError,
        r"tolerance must be a finite number above 0; got -1",
    ),
    # Networks: their parameters.
    (
        lambda: FilterRegression([1, 2]),
        ValueError,
        r"parameters must be a dict with the keys conv_weight; got list",
    ),
    (
        lambda: SoftmaxCNN({"conv_weight": ones(1, 1, 2, 2), "bias": ones(1)}),
        ValueError,
        r"parameters must be a dict with the keys conv_weight, conv_bias, dense_weight, dense_bias; "
        r"got 'conv_weight', 'bias'",
    ),
    (
        lambda: FilterRegression({"conv_weight": ones(2, 2)}),
        ValueError,
        r"conv_weight must have shape \(F, 1, kH, kW\); got \(2, 2\): kernel\[None, None\] adds the first two axes",
    ),
    (
        lambda: FilterRegression({"conv_weight": ones(1, 3, 2, 2)}),
        ValueError,
        r"conv_weight must have shape \(F, 1, kH, kW\); got \(1, 3, 2, 2\)",
    ),
    (
        lambda: FilterRegression({"conv_weight": ones(1, 1, 0, 2)}),
        ValueError,
        r"conv_weight must have shape \(F, 1, kH, kW\); got \(1, 1, 0, 2\)",
    ),
    (
        lambda: SingleFilterCNN(parameters(conv_weight=ones(2, 1, 2, 2), conv_bias=ones(2))),
        ValueError,
        r"conv_weight must have shape \(1, 1, kH, kW\); got \(2, 1, 2, 2\)",
    ),
    (lambda: BinaryCNN(parameters(conv_bias=ones(2))), ValueError, r"conv_bias must have shape \(1,\); got \(2,\)"),
    (
        lambda: BinaryCNN(parameters(dense_weight=ones(2, 4), dense_bias=ones(2))),
        ValueError,
        r"dense_weight must have shape \(1, features\); got \(2, 4\)",
    ),
    (
        lambda: SoftmaxCNN(parameters(dense_weight=ones(4))),
        ValueError,
        r"dense_weight must have shape \(K, features\); got \(4,\)",
    ),
    (lambda: SoftmaxCNN(parameters(dense_bias=ones(3))), ValueError, r"dense_bias must have shape \(1,\); got \(3,\)"),
    (
        lambda: BinaryCNN(parameters(conv_weight=None)),
        TypeError,
        r"conv_weight must be an array of real numbers; got NoneType",
    ),
    (
        lambda: BinaryCNN(parameters(), loss="mse"),
        ValueError,
        r'loss must be "half_squared_error" or "cross_entropy"; got \'mse\'',
    ),
    (
        lambda: BinaryCNN(parameters(), standardized="yes"),
        TypeError,
        r"standardized must be True or False; got 'yes'",
    ),
    # Networks: initialize.
    (
        lambda: FilterRegression.initialize(0),
        TypeError,
        r"rng must be a random generator, as in np\.random\.default_rng\(0\); got 0",
    ),
    (lambda: SoftmaxCNN.initialize(None), TypeError, r"rng must be a random generator, .*; got None"),
    (
        lambda: BinaryCNN.initialize(rng(), dtype=int),
        TypeError,
        r"dtype must be float64 or float32; got <class 'int'>",
    ),
    (
        lambda: SingleFilterCNN.initialize(rng(), dtype="double-precision"),
        TypeError,
        r"dtype must be float64 or float32; got 'double-precision'",
    ),
    (lambda: SoftmaxCNN.initialize(rng(), dtype=None), TypeError, r"dtype must be float64 or float32; got None"),
    (lambda: SoftmaxCNN.initialize(rng(), classes=1), ValueError, r"classes must be at least 2; got 1"),
    (lambda: BinaryCNN.initialize(rng(), filters=0), ValueError, r"filters must be at least 1; got 0"),
    (lambda: SingleFilterCNN.initialize(rng(), image_size=1), ValueError, r"image_size must be at least 2; got 1"),
    (
        lambda: BinaryCNN.initialize(rng(), image_size=4),
        ValueError,
        r"image_size must be at least \(5, 5\) for these layers; got \(4, 4\): use larger .*",
    ),
    (
        lambda: SoftmaxCNN.initialize(rng(), image_size=3),
        ValueError,
        r"image_size must be at least \(4, 4\) for these layers; got \(3, 3\): use larger .*",
    ),
    (
        lambda: TenClassCNN.initialize(rng(), filters=8),
        TypeError,
        r"filters must be a pair, one number for each convolution; got 8",
    ),
    (
        lambda: TenClassCNN.initialize(rng(), image_size=(16, 15)),
        ValueError,
        r"image_size must be at least \(16, 16\) for these layers; got \(16, 15\): use larger .*",
    ),
    (
        lambda: TenClassCNN({**TenClassCNN.initialize(rng()).parameters, "conv2_bias": ones(20)}),
        ValueError,
        r"conv2_bias must have shape \(50,\); got \(20,\)",
    ),
    (
        lambda: SingleFilterCNN.initialize(rng(), image_size=2**20),
        ValueError,
        r"image_size.* must hold at most 1,073,741,824 numbers; got .*\(1, 274877906944\): make the network smaller",
    ),
    # Networks: parameters that were replaced, and records that are none.
    (
        lambda: replaced(softmax_network(), conv_bias=[0.0, 0.0]).forward(ones(6, 6)),
        TypeError,
        r"parameters\['conv_bias'\] must be an array of float64, as it was made; got list: write the new numbers "
        r"into it, as in network\.parameters\['conv_bias'\]\[\.\.\.\] = numbers",
    ),
    (
        lambda: replaced(softmax_network(), conv_bias=np.zeros(2, np.float32)).forward(ones(6, 6)),
        TypeError,
        r"parameters\['conv_bias'\] must be an array of float64, .*; got an array of dtype float32: .*",
    ),
    (
        lambda: binary_network().backward(softmax_network().forward(ones(2, 1, 6, 6)), 1),
        TypeError,
        r"record must be what this network's forward returned for the images; got SoftmaxRecord: "
        r"call record = network\.forward\(x\) first",
    ),
    # A network of one's own.
    (lambda: Network({}), TypeError, r"a network needs layers: make one of your own with Network.of; got none"),
    (
        lambda: own(Conv2d(2, 3), loss="l2"),
        ValueError,
        r"loss must be one of mse_loss, half_squared_error, binary_cross_entropy_with_logits, cross_entropy; got 'l2'",
    ),
    (
        lambda: own(ReLU(), loss="mse_loss"),
        ValueError,
        r"layers must hold a Conv2d or a Linear, as there is nothing to train; got none",
    ),
    (
        lambda: own(Conv2d(2, 3), loss="cross_entropy"),
        ValueError,
        r"layers must end in Linear\(classes\) for loss 'cross_entropy'; got Conv2d, logits",
    ),
    (
        lambda: own(Flatten(), Linear(2), loss="half_squared_error"),
        ValueError,
        r"layers must end in Linear\(1\) for loss 'half_squared_error'; got Linear, logit",
    ),
    (
        lambda: own(Linear(2)),
        ValueError,
        r"logits needs features; it gets maps of shape \(1, 6, 6\): put Flatten\(\) before it",
    ),
    (
        lambda: own(Flatten(), Conv2d(2, 3), Linear(2)),
        ValueError,
        r"conv needs maps \(C, H, W\); it gets \(36,\): put it before Flatten",
    ),
    (
        lambda: own(Flatten(), MaxPool2d(), Linear(2)),
        ValueError,
        r"pool needs maps \(C, H, W\); it gets \(36,\): put it before Flatten",
    ),
    (
        lambda: own(Conv2d(2, 3), MaxPool2d(5), Flatten(), Linear(2)),
        ValueError,
        r"image_size must be at least \(7, 7\) for these layers; got \(6, 6\): use larger .*",
    ),
    (
        lambda: own(Conv2d(), Flatten(), Linear(2)),
        ValueError,
        r"conv must say how many filters it has and how large they are, as in Conv2d\(8, 3\)",
    ),
    (lambda: own(Flatten(), Linear()), ValueError, r"logits must say how many outputs it has, as in Linear\(10\)"),
    (
        lambda: own(Flatten(), 5),
        TypeError,
        r"layers must be layers, as in Conv2d\(8, 3\), ReLU\(\), Flatten\(\), Linear\(2\); got 5",
    ),
    (
        lambda: own(),
        TypeError,
        r"layers must be layers, as in Conv2d\(8, 3\), ReLU\(\), Flatten\(\), Linear\(2\); got none",
    ),
    # Networks: images and targets.
    (
        lambda: softmax_network().forward(ones(6, 3)),
        ValueError,
        r"x must have images of at least 4 × 4 pixels for the network's filters; got shape \(1, 1, 6, 3\)",
    ),
    (
        lambda: softmax_network().loss_and_gradients(ones(3, 1, 6, 6), np.eye(3)[:, :2]),
        ValueError,
        r"target must have shape \(3,\), .*; got \(3, 2\): one-hot rows become class numbers with argmax\(axis=1\)",
    ),
    (
        lambda: softmax_network().forward(ones(5, 6, 6)),
        ValueError,
        r"x must have shape \(N, 1, H, W\), or \(H, W\) for one image; got \(5, 6, 6\): "
        r"give a stack of grey images its channel axis with x\[:, None\]",
    ),
    (
        lambda: softmax_network().predict(ones(5, 3, 6, 6)),
        ValueError,
        r"x must have shape \(N, 1, H, W\), or \(H, W\) for one image; got \(5, 3, 6, 6\)",
    ),
    (
        lambda: softmax_network().forward(ones(8, 8)),
        ValueError,
        r"x gives 18 features, dense_weight takes 8: the network was made for images of another size, "
        r"so make one with this image_size",
    ),
    (
        lambda: softmax_network().loss_and_gradients(ones(2, 1, 6, 6), [0, 1, 1]),
        ValueError,
        r"target must have shape \(2,\), one answer for each image; got \(3,\)",
    ),
    (
        lambda: softmax_network().loss_and_gradients(ones(2, 1, 6, 6), [[0], [1]]),
        ValueError,
        r"target must have shape \(2,\), one answer for each image; got \(2, 1\): reshape\(-1\) drops the extra axes",
    ),
    (
        lambda: softmax_network().backward(softmax_network().forward(ones(2, 1, 6, 6)), 1),
        ValueError,
        r"target must have shape \(2,\), one answer for each image; got \(\)",
    ),
    (
        lambda: softmax_network().loss_and_gradients(ones(2, 1, 6, 6), [0, 2]),
        ValueError,
        r"target must hold class numbers from 0 to 1; got 0 to 2",
    ),
    (
        lambda: BinaryCNN(parameters(), loss="cross_entropy").loss_and_gradients(ones(3, 3), 7),
        ValueError,
        r"target must lie between 0 and 1; got values from 7 to 7: .*",
    ),
    (
        lambda: BinaryCNN(parameters(), standardized=True).forward(ones(3, 3)),
        ValueError,
        r"x does not vary along axis 0, .*: a batch of one image, .*",
    ),
    (
        lambda: descend(target=5),
        ValueError,
        r"target must have shape \(2, F, H', W'\), maps for each image, or \(H', W'\) for one; got \(\)",
    ),
    (lambda: descend(target=ones(3, 1, 2, 2)), ValueError, r"target must have shape \(2, .*; got \(3, 1, 2, 2\)"),
    (
        lambda: descend(target=ones(2, 1, 3, 3)),
        ValueError,
        r"prediction has shape \(2, 1, 2, 2\), target \(2, 1, 3, 3\); they must be equal",
    ),
    # Training.
    (
        lambda: sgd_step({"a": ones(2)}, {"b": ones(2)}, 0.1),
        ValueError,
        r"gradients must have the keys of parameters, 'a'; got 'b'",
    ),
    (
        lambda: sgd_step({"a": ones(2)}, {"a": ones(3)}, 0.1),
        ValueError,
        r"gradients\['a'\] must have shape \(2,\), its parameter's shape; got \(3,\)",
    ),
    (
        lambda: sgd_step({"a": ones(2)}, {"a": "up"}, 0.1),
        TypeError,
        r"gradients\['a'\] must be an array of real numbers; got str",
    ),
    (
        lambda: sgd_step({"a": [1.0, 1.0]}, {"a": ones(2)}, 0.1),
        TypeError,
        r"parameters\['a'\] must be a writeable array of floats, to be changed in place; got list",
    ),
    (
        lambda: sgd_step({"a": np.ones(2, int)}, {"a": ones(2)}, 0.1),
        TypeError,
        r"parameters\['a'\] must be a writeable array of floats, .*; got an array of dtype int64 \(ndarray\)",
    ),
    (lambda: sgd_step({"a": read_only()}, {"a": ones(2)}, 0.1), TypeError, r"parameters\['a'\] must be a writeable .*"),
    (
        lambda: descend(learning_rate=-0.1),
        ValueError,
        r"learning_rate must be finite and not negative; got -0\.1: a negative one would climb the loss",
    ),
    (lambda: descend(learning_rate=np.nan), ValueError, r"learning_rate must be finite and not negative; got nan: .*"),
    (lambda: descend(learning_rate="0.1"), TypeError, r"learning_rate must be one number; got '0\.1' \(str\)"),
    (lambda: descend(learning_rate=[0.1, [2]]), TypeError, r"learning_rate must be one number; got \[.*\] \(list\)"),
    (lambda: descend(learning_rate=True), TypeError, r"learning_rate must be one number; got True \(bool\)"),
    (lambda: descend(steps=1.5), TypeError, r"steps must be a whole number; got 1\.5 \(float\)"),
    (lambda: descend(steps=-1), ValueError, r"steps must be at least 0; got -1"),
    (lambda: descend(batch_size=0, rng=rng()), ValueError, r"batch_size must be at least 1; got 0"),
    (
        lambda: sgd_step([ones(2)], {"a": ones(2)}, 0.1),
        TypeError,
        r"parameters must be a dict of arrays, as a network has and gives them; got \[.*\]",
    ),
    (
        lambda: gradient_descent(FilterRegression, ones(3, 3), ones(2, 2), learning_rate=0.1, steps=1),
        TypeError,
        r"network must have parameters and loss_and_gradients, as SoftmaxCNN.initialize\(rng\) has; got .*FilterReg.*",
    ),
    (lambda: descend(progress=1), TypeError, r"progress must be True or False; got 1"),
    (
        lambda: descend(on_step="stop"),
        TypeError,
        r"on_step must be a function, to be called as on_step\(step, loss\); got 'stop'",
    ),
    (
        lambda: descend(on_step=lambda step, loss: ones(2)),
        TypeError,
        r"on_step must return True, to end the run, or None; got an array of shape \(2,\)",
    ),
    (
        lambda: descend(batch_size=3, rng=rng()),
        ValueError,
        r"batch_size must be at most the number of images, 2; got 3",
    ),
    (
        lambda: descend(batch_size=1),
        TypeError,
        r"rng must be a random generator with batch_size, as in np\.random\.default_rng\(0\); got None",
    ),
    (
        lambda: descend(x=ones(3, 3), target=ones(2, 2), batch_size=1, rng=rng()),
        ValueError,
        r"x must have shape \(N, 1, H, W\) and target N answers for batches; got \(3, 3\) and \(2, 2\)",
    ),
    (
        lambda: descend(target=ones(3, 1, 2, 2), batch_size=1, rng=rng()),
        ValueError,
        r"x must have shape .* and target N answers for batches; got \(2, 1, 3, 3\) and \(3, 1, 2, 2\)",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: re.sub(r"[^ -[\]-~]", "", case[2])[:60])
def test_the_text_says_what_came_and_what_was_expected(case):
    call, exception, text = case
    with pytest.raises(exception, match=rf"\A{text}\Z") as caught:
        call()
    assert type(caught.value) is exception
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="longdouble is float64 on this machine")
def test_a_wider_float_is_refused_because_it_would_lose_digits():
    with pytest.raises(
        TypeError, match=r"\Ax has dtype \w+, which would lose digits here: convert it to float64 first\Z"
    ):
        conv2d(np.ones((3, 3), np.longdouble), ones(2, 2))


def test_a_sum_of_none_as_loss_is_a_type_error():
    with pytest.raises(TypeError, match=r"the result of f must be an array of real numbers; got str"):
        check_gradient(lambda x: "loss", [1.0], [1.0])


def raise_lines(module):
    """Find the lines of a module's source that raise an error (an abstract method's NotImplementedError is none)."""
    path = importlib.import_module(f"cnnlab.{module}").__file__
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    abstract = "NotImplementedError"
    return {
        (path, node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and not (isinstance(node.exc, ast.Name) and node.exc.id == abstract)
    }


def test_no_error_is_without_a_case():
    expected = set().union(*map(raise_lines, MODULES))
    files = {path for path, _ in expected}
    reached = set()

    def trace(frame, event, argument):
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            reached.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    wide = lambda: conv2d(np.ones((3, 3), np.longdouble), ones(2, 2))
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for call in [case[0] for case in CASES] + [wide]:
            with contextlib.suppress(TypeError, ValueError):
                call()
    finally:
        sys.settrace(before)
    missing = expected - reached
    if np.dtype(np.longdouble).itemsize == 8:
        missing = {(path, line) for path, line in missing if not path.endswith("_checks.py")}
    assert len(expected) > 50
    assert not sorted(f"{Path(path).name}:{line}" for path, line in missing)
