"""Layers: that their memory does what the public operations do, that shapes are followed, that names are given."""

import numpy as np
import pytest
from oracle import assert_same

from cnnlab import layers
from cnnlab.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, name_layers
from cnnlab.linear import _product


class Before:
    """What stands before a layer's memory."""

    def __init__(self, y):
        self.y, self.dy = y, np.full_like(y, 7.0)  # what was there before does not count


def both_ways(layer, x, parameters, dtype=float):
    """Compare a layer's memory with its public operations, twice, the second time in used memory."""
    (layer,) = name_layers([layer], "last")
    layer.is_first = False
    before = Before(np.zeros(x.shape, dtype))
    memory = layer.memory(before, parameters)
    for scale in (1, 3):
        before.y[...] = np.round(scale * x, 2)
        memory.forward(parameters)
        y = layer.forward(before.y.copy(), parameters)
        assert_same(memory.y, y)
        memory.dy[...] = np.random.default_rng(1).normal(size=y.shape)
        gradients = {}
        dx, expected = layer.backward(memory.dy.copy(), before.y.copy(), y, parameters)
        memory.backward(parameters, gradients)
        assert gradients.keys() == expected.keys() == parameters.keys()
        for name in gradients:
            assert_same(gradients[name].reshape(expected[name].shape), expected[name])
        assert_same(before.dy, dx)


def draw(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


@pytest.mark.parametrize("kept", [layers.MOST_KEPT_NUMBERS, 1])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("filters", [1, 3, 5])
@pytest.mark.parametrize("padding", ["valid", "same", 1, (2, 0)])
def test_a_convolution_in_memory_is_conv2d(monkeypatch, padding, filters, bias, kept):
    monkeypatch.setattr(layers, "MOST_KEPT_NUMBERS", kept)
    parameters = {"conv_weight": draw(filters, 2, 3, 2)} | ({"conv_bias": draw(filters)} if bias else {})
    both_ways(Conv2d(padding=padding, bias=bias), draw(4, 2, 6, 7), parameters)
    both_ways(Conv2d(padding=padding, bias=bias), draw(1, 2, 6, 7), parameters)


@pytest.mark.parametrize(
    "layer", [MaxPool2d(), MaxPool2d(3), MaxPool2d((2, 3), stride=1), MaxPool2d(1), MaxPool2d(2, stride=3)]
)
def test_a_pool_in_memory_is_max_pool2d_with_its_ties(layer):
    both_ways(layer, np.round(draw(3, 2, 5, 7)), {})  # rounded, for ties
    both_ways(layer, np.where(draw(3, 2, 5, 7) > 1, np.nan, draw(3, 2, 5, 7)), {})


@pytest.mark.parametrize("shape", [((1, 1), (1, 3)), ((3, 1), (1, 1)), ((1, 1), (1, 1)), ((2, 3), (3, 2))])
def test_a_product_with_0_is_not_left_out(shape):
    a, b = np.zeros(shape[0]), np.full(shape[1], np.inf)
    with np.errstate(invalid="ignore"):
        assert np.isnan(_product(a, b)).all()
        assert np.isnan(_product(b.T, a.T)).all()


def test_layers_are_numbered_where_there_are_several_of_a_kind():
    arranged = name_layers([Conv2d(), ReLU(), Conv2d(), ReLU(), Flatten(), Linear(), ReLU(), Linear()], "logits")
    assert [layer.name for layer in arranged] == [
        "conv1", "relu1", "conv2", "relu2", "features", "dense1", "relu3", "logits",
    ]  # fmt: skip
    assert [layer.key for layer in arranged if layer.parameter_names] == ["conv1", "conv2", "dense1", "dense2"]
    assert [layer.name for layer in name_layers([Conv2d(), Flatten(), Linear()], "logits")] == [
        "conv",
        "features",
        "logits",
    ]


@pytest.mark.parametrize(
    ("layer", "shape", "parameters", "expected"),
    [
        (Conv2d(), (2, 6, 7), {"conv_weight": np.zeros((5, 2, 3, 2))}, (5, 4, 6)),
        (Conv2d(padding="same"), (2, 6, 7), {"conv_weight": np.zeros((5, 2, 3, 2))}, (5, 6, 7)),
        (Conv2d(padding=(1, 0)), (2, 6, 7), {"conv_weight": np.zeros((5, 2, 3, 2))}, (5, 6, 6)),
        (MaxPool2d(), (5, 7, 6), {}, (5, 3, 3)),
        (MaxPool2d(3, stride=1), (5, 7, 6), {}, (5, 5, 4)),
        (Flatten(), (5, 3, 2), {}, (30,)),
        (Linear(), (30,), {"dense_weight": np.zeros((4, 30))}, (4,)),
    ],
)
def test_shapes_are_followed_as_the_operations_give_them(layer, shape, parameters, expected):
    (layer,) = name_layers([layer], "last")
    assert layer.output_shape(shape, parameters) == expected
    biases = {name: np.zeros(expected[0]) for name in layer.parameter_names if name.endswith("bias")}
    assert layer.forward(np.zeros((2, *shape)), parameters | biases).shape == (2, *expected)
    if len(expected) == 3:
        assert layer.minimum_input_size(expected[1:], parameters) <= shape[1:]
        smallest = (shape[0], *layer.minimum_input_size((1, 1), parameters))
        assert layer.output_shape(smallest, parameters)[1:] == (1, 1)
