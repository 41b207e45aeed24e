"""TenClassCNN: two convolutions with channels, two pools, two dense layers, ten classes."""

import threading

import numpy as np
import pytest
from idx_files import GENUINE, needs_genuine
from oracle import assert_same, conv2d_loops, draw, max_pool2d_loops

from cnnlab import _engine, _threads, datasets
from cnnlab.networks import TenClassCNN
from cnnlab.training import gradient_descent

# Sizes that leave a remainder in both pools, kernels that are not square, and counts that all differ; and many filters.
ODD = {"image_size": (15, 10), "filters": (3, 2), "kernel_size": (4, 2), "hidden": 6, "classes": 3}
MANY = {"image_size": (16, 16), "filters": (12, 40), "kernel_size": 5, "hidden": 7, "classes": 10}


def rng(seed=0):
    return np.random.default_rng(seed)


def make(sizes, n):
    """Make a network whose parameters all matter, with n images and their labels."""
    network = TenClassCNN.initialize(rng(), **sizes)
    for place, (key, value) in enumerate(network.parameters.items()):
        if key.endswith("bias"):
            value[...] = 0.3 * draw(20 + place, *value.shape)
    return network, draw(7, n, 1, *sizes["image_size"]), rng(1).integers(0, sizes["classes"], n)


def test_the_record_is_the_formula_done_by_loops():
    network, x, _ = make(ODD, 2)
    p, record = network.parameters, network.forward(x)
    conv1 = conv2d_loops(x, p["conv1_weight"], p["conv1_bias"])
    pool1, _ = max_pool2d_loops(np.maximum(conv1, 0), (2, 2), (2, 2))
    conv2 = conv2d_loops(pool1, p["conv2_weight"], p["conv2_bias"])
    pool2, _ = max_pool2d_loops(np.maximum(conv2, 0), (2, 2), (2, 2))
    features = np.array([[value for plane in image for row in plane for value in row] for image in pool2])
    dense1 = features @ p["dense1_weight"].T + p["dense1_bias"]
    logits = np.maximum(dense1, 0) @ p["dense2_weight"].T + p["dense2_bias"]
    powers = np.exp(logits)
    expected = {
        "x": x,
        "conv1": conv1,
        "relu1": np.maximum(conv1, 0),
        "pool1": pool1,
        "conv2": conv2,
        "relu2": np.maximum(conv2, 0),
        "pool2": pool2,
        "features": features,
        "dense1": dense1,
        "relu3": np.maximum(dense1, 0),
        "logits": logits,
        "probabilities": powers / powers.sum(axis=1, keepdims=True),
    }
    assert record._fields == tuple(expected)
    for name, value in expected.items():
        assert_same(getattr(record, name), value)


@pytest.mark.parametrize("unshared", [1, 100, 1000, 2**40])
@pytest.mark.parametrize("sizes", [ODD, MANY], ids=["odd", "many"])
def test_products_in_parts_change_nothing(monkeypatch, sizes, unshared):
    network, x, labels = make(sizes, 9)
    record = network.forward(x)
    expected = network.backward(record, labels)
    monkeypatch.setattr(_threads, "UNSHARED", unshared)
    monkeypatch.setattr(_engine, "_in_this_thread", threading.local())
    loss, gradients, correct = network.loss_gradients_and_correct(x, labels)
    assert loss == pytest.approx(network.loss(record, labels), rel=1e-11)
    assert correct == np.sum(network.predict(x) == labels)
    for key, gradient in expected.items():
        assert_same(gradients[key], gradient, dtype=np.float64)


def test_initialize_draws_with_variance_2_over_the_numbers_summed():
    parameters = TenClassCNN.initialize(rng(), filters=(400, 50), kernel_size=(4, 6), hidden=300).parameters
    for layer, summed in (("conv1", 24), ("conv2", 400 * 24), ("dense1", 50 * 4 * 3), ("dense2", 300)):
        weight = parameters[f"{layer}_weight"]
        assert np.prod(weight.shape[1:]) == summed
        assert weight.mean() == pytest.approx(0, abs=0.1 * weight.std())
        assert weight.std() == pytest.approx((2 / summed) ** 0.5, rel=0.05)
        assert not parameters[f"{layer}_bias"].any()


@pytest.fixture(scope="module")
def trained():
    """Train on the 4,000 digits for ten epochs of plain gradient descent in batches of 32: a few seconds."""
    train, test = datasets.mnist_sample()
    network = TenClassCNN.initialize(rng(), dtype=np.float32)
    images = (train.images / 255).astype(np.float32)
    history = gradient_descent(network, images, train.labels, learning_rate=0.1, steps=1250, batch_size=32, rng=rng())
    return network, history, test


def accuracy(network, digits):
    images = (digits.images / 255).astype(np.float32)
    return np.mean(network.predict(images) == digits.labels)


@pytest.mark.thorough
def test_97_percent_of_the_digits_held_out_are_answered_rightly(trained):
    network, history, test = trained
    assert history.diverged_at is None
    assert history.accuracy[-125:].mean() > 0.99
    assert accuracy(network, test) >= 0.97


@pytest.mark.thorough
@needs_genuine
def test_96_and_a_half_percent_of_the_published_test_set_are_answered_rightly(trained, monkeypatch):
    monkeypatch.setenv("CNNLAB_MNIST_DIR", str(GENUINE))
    digits = datasets.mnist("test")
    assert len(digits.labels) == 10_000
    assert accuracy(trained[0], digits) >= 0.965
