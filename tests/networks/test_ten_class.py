"""TenClassCNN: two convolutions with channels, two pools, two dense layers, ten classes."""

import os
from pathlib import Path

import numpy as np
import pytest
from oracle import assert_same, conv2d_loops, draw, max_pool2d_loops

from cnnlab import _engine, _im2col, _threads, datasets
from cnnlab.networks import TenClassCNN
from cnnlab.training import gradient_descent

GENUINE = Path(os.environ.get("CNNLAB_MNIST_DIR") or Path(__file__).resolve().parents[3] / "shared" / "mnist")

# Sizes that leave a remainder in both pools, kernels that are not square, and counts that all differ.
SIZES = {
    "small": {"image_size": (13, 12), "filters": (2, 3), "kernel_size": 3, "hidden": 5, "classes": 4},
    "odd": {"image_size": (15, 10), "filters": (3, 2), "kernel_size": (4, 2), "hidden": 6, "classes": 3},
    "smallest": {"image_size": (4, 7), "filters": (1, 1), "kernel_size": (1, 2), "hidden": 4, "classes": 2},
    "many": {"image_size": 16, "filters": (12, 40), "kernel_size": 5, "hidden": 7, "classes": 10},
    "lenet": {},
}
every_size = pytest.mark.parametrize("sizes", SIZES)


def rng(seed=0):
    return np.random.default_rng(seed)


def make(sizes, n, dtype=np.float64):
    """Make a network whose parameters all matter, with n images and their labels."""
    options = SIZES[sizes]
    network = TenClassCNN.initialize(rng(), dtype=dtype, **options)
    for place, (key, value) in enumerate(network.parameters.items()):
        if key.endswith("bias"):
            value[...] = 0.3 * draw(20 + place, *value.shape)
    size = options.get("image_size", 28)
    labels = rng(1).integers(0, options.get("classes", 10), n)
    return network, draw(7, n, 1, *(size if isinstance(size, tuple) else (size, size)), dtype=dtype), labels


def shapes(network):
    return [value.shape for value in network.parameters.values()]


# The forward pass.


def test_the_record_is_the_formula_done_by_loops():
    network, x, _ = make("odd", 2)
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


# The fast path.


def assert_the_fast_path_agrees(network, x, labels, tolerance=1e-11):
    record = network.forward(x)
    expected = network.backward(record, labels)
    loss, gradients, hits = network.loss_gradients_and_correct(x, labels)
    assert type(loss) is float
    assert loss == pytest.approx(network.loss(record, labels), rel=tolerance)
    assert hits == np.sum(network.predict(x) == labels)
    assert list(gradients) == list(expected)
    for key, gradient in expected.items():
        assert_same(gradients[key], gradient, dtype=gradient.dtype, tolerance=tolerance)


@pytest.mark.thorough
@pytest.mark.parametrize("n", [1, 2, 5, 8, 33])
@every_size
def test_the_fast_path_gives_the_numbers_of_forward_and_backward(sizes, n):
    assert_the_fast_path_agrees(*make(sizes, n))


@pytest.mark.parametrize("block_bytes", [1, 20_000, 2**30])
def test_the_size_of_a_block_changes_nothing(monkeypatch, block_bytes):
    monkeypatch.setattr(_im2col, "BLOCK_BYTES", block_bytes)
    assert_the_fast_path_agrees(*make("small", 9))


@pytest.mark.parametrize("unshared", [1, 100, 1000, 2**40])
def test_products_in_parts_change_nothing(monkeypatch, unshared):
    monkeypatch.setattr(_threads, "UNSHARED", unshared)
    monkeypatch.setattr(_engine, "_in_this_thread", type(_engine._in_this_thread)())
    assert_the_fast_path_agrees(*make("small", 9))
    assert_the_fast_path_agrees(*make("many", 9))


# The first weights.


def test_initialize_draws_with_variance_2_over_the_numbers_summed():
    parameters = TenClassCNN.initialize(rng(), filters=(400, 50), kernel_size=(4, 6), hidden=300).parameters
    for layer, summed in (("conv1", 24), ("conv2", 400 * 24), ("dense1", 50 * 4 * 3), ("dense2", 300)):
        weight = parameters[f"{layer}_weight"]
        assert np.prod(weight.shape[1:]) == summed
        assert weight.mean() == pytest.approx(0, abs=0.1 * weight.std())
        assert weight.std() == pytest.approx((2 / summed) ** 0.5, rel=0.05)
        assert not parameters[f"{layer}_bias"].any()


# Training.


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
@pytest.mark.skipif(
    not (GENUINE / "t10k-images-idx3-ubyte.gz").exists(),
    reason="the published test set is not here (set CNNLAB_MNIST_DIR to the folder that holds it)",
)
def test_96_and_a_half_percent_of_the_published_test_set_are_answered_rightly(trained, monkeypatch):
    monkeypatch.setenv("CNNLAB_MNIST_DIR", str(GENUINE))
    digits = datasets.mnist("test")
    assert len(digits.labels) == 10_000
    assert accuracy(trained[0], digits) >= 0.965
