"""TenClassCNN: two convolutions with channels, two pools, two dense layers, ten classes."""

import os
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from oracle import assert_same, conv2d_loops, draw, max_pool2d_loops, needs_torch, torch

from cnnlab import _engine, _im2col, _threads, datasets
from cnnlab.gradient_check import check_gradient
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


def test_the_shapes_of_the_network_for_digits():
    record = TenClassCNN.initialize(rng()).forward(draw(1, 3, 1, 28, 28))
    assert [part.shape[1:] for part in record] == [
        (1, 28, 28), (20, 24, 24), (20, 24, 24), (20, 12, 12), (50, 8, 8), (50, 8, 8), (50, 4, 4),
        (800,), (500,), (500,), (10,), (10,),
    ]  # fmt: skip


# Gradients.


@pytest.mark.parametrize("sizes", ["small", "odd", "smallest"])
def test_every_gradient_passes_the_check(sizes):
    network, x, labels = make(sizes, 3)
    record = network.forward(x)
    assert min(np.abs(part).min() for part in (record.conv1, record.conv2, record.dense1)) > 1e-5  # off the kinks
    gradients = network.backward(record, labels)
    assert list(gradients) == list(network.parameters) == list(network.parameters)
    for key, value in network.parameters.items():

        def loss(changed, key=key):
            other = TenClassCNN({**network.parameters, key: changed})
            return other.loss(other.forward(x), labels)

        assert np.abs(gradients[key]).max() > 1e-4
        check = check_gradient(loss, value, gradients[key])
        assert check.passed, (key, str(check))


@needs_torch
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@every_size
def test_loss_and_every_gradient_equal_pytorch(sizes, dtype):
    network, x, labels = make(sizes, 6, dtype)
    tensors = [torch.tensor(value, requires_grad=True) for value in network.parameters.values()]
    f, (w1, b1, w2, b2, u1, c1, u2, c2) = torch.nn.functional, tensors
    maps = f.max_pool2d(f.conv2d(torch.tensor(x), w1, b1).relu(), 2)
    maps = f.max_pool2d(f.conv2d(maps, w2, b2).relu(), 2)
    expected = f.cross_entropy(f.linear(f.linear(maps.flatten(1), u1, c1).relu(), u2, c2), torch.tensor(labels))
    expected.backward()
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    record = network.forward(x)
    assert network.loss(record, labels) == pytest.approx(expected.item(), rel=tolerance)
    loss, gradients = network.loss_and_gradients(x, labels)
    assert loss == pytest.approx(expected.item(), rel=tolerance)
    for ours in (gradients, network.backward(record, labels)):
        assert list(ours) == list(network.parameters)
        for key, tensor in zip(network.parameters, tensors, strict=True):
            assert_same(ours[key], tensor.grad.numpy(), dtype=dtype, tolerance=tolerance)


# The fast path.


def assert_the_fast_path_agrees(network, x, labels, tolerance=1e-11):
    record = network.forward(x)
    expected = network.backward(record, labels)
    loss, gradients, hits = network.loss_gradients_correct(x, labels)
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
    monkeypatch.setattr(_engine, "_kept", type(_engine._kept)())
    assert_the_fast_path_agrees(*make("small", 9))
    assert_the_fast_path_agrees(*make("many", 9))


def test_the_fast_path_agrees_on_ties_and_paper():
    network, x, labels = make("small", 9)
    x = np.round(x)
    x[:4] = 0
    assert_the_fast_path_agrees(network, x, labels)


def test_what_the_fast_path_keeps_serves_other_networks_and_batches():
    first, x, labels = make("small", 9)
    second, wide, others = make("odd", 9)
    third = TenClassCNN({key: -value for key, value in first.parameters.items()})
    for network, images, answers in ((first, x, labels), (second, wide, others), (third, x, labels)) * 2:
        assert_the_fast_path_agrees(network, images, answers)
        assert_the_fast_path_agrees(network, images[:3], answers[:3])


def test_memory_of_the_fast_path_does_not_grow_with_the_batch():
    network = TenClassCNN.initialize(rng(), image_size=16, filters=(4, 4), dtype=np.float32)
    peaks = []
    for n in (1000, 10_000):
        x, labels = np.zeros((n, 1, 16, 16), np.float32), np.zeros(n, int)
        tracemalloc.start()
        network.loss_and_gradients(x, labels)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 2**20


# The interface that the networks share.


def test_float32_stays_float32_whatever_the_images_are():
    network, x, labels = make("small", 4, np.float32)
    assert_the_fast_path_agrees(network, x, labels, tolerance=1e-5)
    for images in (x, x.astype(np.float64)):
        record = network.forward(images)
        assert {part.dtype for part in record} == {np.dtype(np.float32)}
        for gradients in (network.backward(record, labels), network.loss_and_gradients(images, labels)[1]):
            assert {gradient.dtype for gradient in gradients.values()} == {np.dtype(np.float32)}


def test_one_image_is_a_batch_of_one():
    network, x, labels = make("odd", 1)
    image, label = x[0, 0], labels[0]
    for ours, theirs in zip(network.forward(image), network.forward(x), strict=True):
        assert_same(ours, theirs)
    loss, gradients = network.loss_and_gradients(image, label)
    expected_loss, expected = network.loss_and_gradients(x, labels)
    assert loss == expected_loss
    for key, gradient in expected.items():
        assert_same(gradients[key], gradient)
        assert_same(network.backward(network.forward(image), label)[key], gradient)
    assert np.ndim(network.predict(image)) == 0
    assert network.predict(image.tolist()) == network.predict(x)[0]


@pytest.mark.filterwarnings("error")
def test_an_empty_batch_gives_nan_and_zero_gradients():
    network, x, labels = make("small", 0)
    record = network.forward(x)
    assert all(len(part) == 0 for part in record)
    assert np.isnan(network.loss(record, labels))
    loss, gradients, hits = network.loss_gradients_correct(x, [])
    assert np.isnan(loss)
    assert hits == 0
    for key, value in network.parameters.items():
        assert_same(gradients[key], np.zeros(value.shape))
        assert_same(network.backward(record, labels)[key], np.zeros(value.shape))
    assert network.predict(x).shape == (0,)


def test_integer_images_are_read_as_numbers():
    network, _, labels = make("small", 4)
    images = rng(3).integers(0, 256, (4, 1, 13, 12)).astype(np.uint8)
    for ours, theirs in zip(network.forward(images), network.forward(images.astype(float)), strict=True):
        assert_same(ours, theirs)
    assert network.loss_and_gradients(images, labels)[0] == network.loss_and_gradients(images / 1.0, labels)[0]


def test_nothing_is_changed_but_by_training():
    network, x, labels = make("small", 9)
    copies = {key: value.copy() for key, value in network.parameters.items()}
    kept = x.copy(), labels.copy()
    record = network.forward(x)
    parts = [part.copy() for part in record]
    network.backward(record, labels)
    _, gradients = network.loss_and_gradients(x, labels)
    first = {key: gradient.copy() for key, gradient in gradients.items()}
    network.loss_and_gradients(-x, labels)
    assert all((gradients[key] == first[key]).all() for key in first)  # not memory that the next call overwrites
    assert all((network.parameters[key] == copies[key]).all() for key in copies)
    assert (x == kept[0]).all()
    assert (labels == kept[1]).all()
    assert all((part == copy).all() for part, copy in zip(record, parts, strict=True))


def test_predict_answers_with_the_most_probable_class():
    network, x, _ = make("small", 40)
    network.parameters["dense2_bias"] -= network.forward(x).logits.mean(axis=0)  # so that no class is always ahead
    answers = network.predict(x)
    assert (answers == network.forward(x).probabilities.argmax(axis=1)).all()
    assert len(set(answers)) > 2


def test_repr_names_the_shapes():
    assert repr(TenClassCNN.initialize(rng())) == (
        "TenClassCNN(conv1_weight (20, 1, 5, 5), conv1_bias (20,), conv2_weight (50, 20, 5, 5), conv2_bias (50,), "
        "dense1_weight (500, 800), dense1_bias (500,), dense2_weight (10, 500), dense2_bias (10,))"
    )


# The first weights.


@pytest.mark.parametrize("dtype", [np.float64, np.float32, "float32"])
def test_initialize_gives_the_sizes_asked_for(dtype):
    network = TenClassCNN.initialize(rng(), dtype=dtype, **SIZES["odd"])
    assert shapes(network) == [(3, 1, 4, 2), (3,), (2, 3, 4, 2), (2,), (6, 2), (6,), (3, 6), (3,)]
    assert {value.dtype for value in network.parameters.values()} == {np.dtype(dtype)}
    network.forward(np.zeros((15, 10)))


def test_initialize_draws_with_variance_2_over_the_numbers_summed():
    parameters = TenClassCNN.initialize(rng(), filters=(400, 50), kernel_size=(4, 6), hidden=300).parameters
    for layer, summed in (("conv1", 24), ("conv2", 400 * 24), ("dense1", 50 * 4 * 3), ("dense2", 300)):
        weight = parameters[f"{layer}_weight"]
        assert np.prod(weight.shape[1:]) == summed
        assert weight.mean() == pytest.approx(0, abs=0.1 * weight.std())
        assert weight.std() == pytest.approx((2 / summed) ** 0.5, rel=0.05)
        assert not parameters[f"{layer}_bias"].any()


def test_initialize_is_repeatable_from_the_seed():
    first, second, other = (TenClassCNN.initialize(rng(seed)).parameters for seed in (4, 4, 5))
    assert all((first[key] == second[key]).all() for key in first)
    assert all((first[key] != other[key]).any() for key in first if key.endswith("weight"))


def test_parameters_are_copied_and_share_one_dtype():
    given = TenClassCNN.initialize(rng(), dtype=np.float32).parameters
    network = TenClassCNN(given)
    assert all(value.dtype == np.float32 for value in network.parameters.values())
    network.parameters["conv2_weight"] += 1
    assert all((given[key] == TenClassCNN.initialize(rng(), dtype=np.float32).parameters[key]).all() for key in given)
    mixed = TenClassCNN({**given, "dense2_bias": list(range(10))})
    assert all(value.dtype == np.float64 for value in mixed.parameters.values())


# What it refuses.


def parameters(**changed):
    return TenClassCNN.initialize(rng(), **SIZES["small"]).parameters | changed


BAD_PARAMETERS = {
    "conv1_weight": (
        np.ones((3, 3)),
        "conv1_weight must have shape (F, 1, kH, kW); got (3, 3): kernel[None, None] adds the first two axes",
    ),
    "conv1_bias": (np.ones(3), "conv1_bias must have shape (2,); got (3,)"),
    "conv2_weight": (np.ones((3, 1, 3, 3)), "conv2_weight must have shape (F, 2, kH, kW); got (3, 1, 3, 3)"),
    "conv2_bias": (np.ones((3, 1)), "conv2_bias must have shape (3,); got (3, 1)"),
    "dense1_weight": (np.ones((5, 0)), "dense1_weight must have shape (K, features); got (5, 0)"),
    "dense1_bias": (np.ones(4), "dense1_bias must have shape (5,); got (4,)"),
    "dense2_weight": (np.ones((4, 6)), "dense2_weight must have shape (K, 5); got (4, 6)"),
    "dense2_bias": (5.0, "dense2_bias must have shape (4,); got ()"),
}


@pytest.mark.parametrize("key", BAD_PARAMETERS)
def test_a_parameter_of_a_wrong_shape_is_refused(key):
    value, text = BAD_PARAMETERS[key]
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        TenClassCNN(parameters(**{key: value}))


def test_parameters_with_other_keys_are_refused():
    for given in ({}, {"conv_weight": 1}, parameters(extra=1), list(parameters())):
        with pytest.raises(ValueError, match=r"^parameters must be a dict with the keys conv1_weight, conv1_bias, con"):
            TenClassCNN(given)
    with pytest.raises(TypeError, match=r"^dense1_bias must be an array of real numbers; got str$"):
        TenClassCNN(parameters(dense1_bias="zero"))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"filters": 8}, TypeError, "filters must be a pair, one number for each convolution; got 8"),
        ({"filters": (1, 2, 3)}, TypeError, "filters must be a pair, one number for each convolution; got (1, 2, 3)"),
        ({"filters": (4, 0)}, ValueError, "filters must be at least 1; got 0"),
        ({"filters": (4.0, 1)}, TypeError, "filters must be a whole number; got 4.0 (float)"),
        ({"hidden": 0}, ValueError, "hidden must be at least 1; got 0"),
        ({"classes": 1}, ValueError, "classes must be at least 2; got 1"),
        ({"kernel_size": 0}, ValueError, "kernel_size must be at least 1; got 0"),
        ({"dtype": "int"}, TypeError, "dtype must be float64 or float32; got 'int'"),
        (
            {"image_size": (16, 15)},
            ValueError,
            "image_size must be at least (16, 16) for these layers; got (16, 15): use larger images or a smaller "
            "kernel_size",
        ),
    ],
)
def test_initialize_refuses(options, error, text):
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        TenClassCNN.initialize(rng(), **options)


def test_initialize_needs_a_generator():
    with pytest.raises(TypeError, match=r"^rng must be a random generator"):
        TenClassCNN.initialize(0)


@pytest.mark.parametrize("n", [1, 9])
def test_images_and_targets_that_do_not_fit_are_refused(n):
    network, x, labels = make("small", n)
    for run in (network.forward, network.predict, lambda images: network.loss_and_gradients(images, labels)):
        with pytest.raises(ValueError, match=r"^x gives 27 features, dense1_weight takes 3: the network was made for"):
            run(np.zeros((n, 1, 20, 18)))
        with pytest.raises(ValueError, match=r"^x must have images of at least 10 × 10 pixels"):
            run(np.zeros((n, 1, 6, 12)))
        with pytest.raises(ValueError, match=r"^x must have shape \(N, 1, H, W\), or \(H, W\) for one image; got"):
            run(np.zeros((n, 3, 13, 12)))
    record = network.forward(x)
    for run in (lambda y: network.loss_and_gradients(x, y), lambda y: network.backward(record, y)):
        with pytest.raises(ValueError, match=r"^target must hold class numbers from 0 to 3; got "):
            run(labels + 4)
        with pytest.raises(TypeError, match=r"^target must hold class numbers, whole numbers; got dtype float64$"):
            run(labels / 2)
        with pytest.raises(ValueError, match=rf"^target must have shape \({n},\), one answer for each image; got"):
            run(np.zeros(n + 1, int))


# Training.


def test_gradient_descent_repeats_and_moves_every_parameter():
    def run():
        network, x, labels = make("small", 20)
        before = {key: value.copy() for key, value in network.parameters.items()}
        history = gradient_descent(network, x, labels, learning_rate=0.1, steps=40, batch_size=8, rng=rng(2))
        return network, before, history

    (network, before, history), (same, _, again) = run(), run()
    assert (history.loss == again.loss).all()
    assert all((network.parameters[key] == same.parameters[key]).all() for key in before)
    assert all((network.parameters[key] != before[key]).any() for key in before)
    assert history.loss[-10:].mean() < history.loss[:10].mean()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rate", [1e4, 1e30, 1e300])
def test_divergence_is_neither_raised_nor_warned_of(rate):
    network, x, labels = make("small", 9)
    history = gradient_descent(network, x, labels, learning_rate=rate, steps=30)
    assert np.isfinite(history.loss).all()
    assert history.diverged_at == (len(history.loss) if len(history.loss) < 30 else None)


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
