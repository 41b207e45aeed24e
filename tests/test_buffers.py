"""The fast path's memory: the same numbers as the reference, whatever is kept, shared out or repeated."""

import copy
import multiprocessing
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cnnlab import _buffers, convolution
from cnnlab.convolution import Columns, conv2d, conv2d_backward, make_window
from cnnlab.networks import BinaryCNN, SingleFilterCNN, SoftmaxCNN
from cnnlab.pooling import max_pool2d, max_pool2d_backward
from cnnlab.training import sgd_step


def by_reference(network, x, target):
    record = network.forward(x)
    return network.loss(record, target), network.backward(record, target)


def make(name, n=9, dtype=np.float64, seed=0, **options):
    rng = np.random.default_rng(seed)
    network = {"single": SingleFilterCNN, "binary": BinaryCNN, "softmax": SoftmaxCNN}[name].initialize(
        rng, image_size=(9, 7), kernel_size=3, dtype=dtype, **options
    )
    for value in network.parameters.values():
        value += rng.normal(size=value.shape).astype(dtype) / 4
    target = rng.integers(0, 2, n)
    return network, rng.normal(size=(n, 1, 9, 7)).astype(dtype), target if name == "softmax" else target.astype(dtype)


def assert_agrees(network, x, target, tolerance=1e-12):
    loss, gradients = network.loss_and_gradients(x, target)
    expected_loss, expected = by_reference(network, x, target)
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    assert gradients.keys() == expected.keys()
    for key, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[key], rtol=0, atol=tolerance * (1 + np.abs(expected[key]).max()))


every_network = pytest.mark.parametrize("name", ["single", "binary", "softmax"])


@every_network
@pytest.mark.parametrize("images_in_a_block", [1, 2, 4, 5, 8, 9, 100])
def test_every_size_of_block_gives_what_forward_and_backward_give(monkeypatch, name, images_in_a_block):
    network, x, target = make(name)
    window = make_window((9, 7), (3, 3), 1, network.padding)
    one = convolution.BLOCK_BYTES // convolution.block_size(1, window, np.dtype(float))
    monkeypatch.setattr(convolution, "BLOCK_BYTES", images_in_a_block * one + one // 2)
    assert_agrees(network, x, target)


@every_network
@pytest.mark.parametrize("filters", [1, 2, 3, 4, 5])
def test_every_number_of_filters_does(name, filters):
    options = {} if name == "single" else {"filters": filters}
    assert_agrees(*make(name, n=5, **options))
    assert_agrees(*make(name, n=1, **options))


@every_network
def test_float32_does(name):
    network, x, target = make(name, dtype=np.float32)
    assert_agrees(network, x, target, tolerance=1e-5)
    assert all(value.dtype == np.float32 for value in network.loss_and_gradients(x, target)[1].values())


@every_network
def test_images_full_of_ties_and_dead_blocks_do(name):
    network, x, target = make(name)
    x = np.round(x)
    x[:4] = 0
    x[4:6] = -3
    assert_agrees(network, x, target)


@every_network
def test_gradients_are_the_callers_own(name):
    """Not views of memory that the next call overwrites."""
    network, x, target = make(name)
    _, first = network.loss_and_gradients(x, target)
    before = copy.deepcopy(first)
    network.loss_and_gradients(x[::-1] * 2, target)
    for key, value in first.items():
        assert np.array_equal(value, before[key])
        value += 1  # and may be changed
    assert_agrees(network, x, target)


@every_network
def test_networks_of_the_same_shape_do_not_disturb_each_other(name):
    networks = [make(name, seed=seed) for seed in (1, 2)]
    for _ in range(2):
        for network, x, target in networks:
            assert_agrees(network, x, target)


@every_network
def test_a_deep_copy_trains_by_itself(name):
    network, x, target = make(name)
    network.loss_and_gradients(x, target)
    twin = copy.deepcopy(network)
    sgd_step(twin.parameters, twin.loss_and_gradients(x, target)[1], 0.1)
    assert_agrees(twin, x, target)
    assert_agrees(network, x, target)
    assert not np.array_equal(twin.parameters["conv_weight"], network.parameters["conv_weight"])


@every_network
def test_threads_may_use_one_network_at_the_same_time(monkeypatch, name):
    monkeypatch.setattr(convolution, "BLOCK_BYTES", 2**14)  # several blocks, which use threads of their own
    network, x, target = make(name, n=40)
    batches = [(x[k::8] * (k + 1), target[k::8]) for k in range(8)]
    expected = [network.loss_and_gradients(*batch)[1]["conv_weight"] for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(20):
            results = list(threads.map(lambda batch: network.loss_and_gradients(*batch)[1]["conv_weight"], batches))
            assert all(map(np.array_equal, results, expected))


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_the_number_of_threads_changes_no_digit(monkeypatch, workers):
    network, x, target = make("binary", n=50)
    monkeypatch.setattr(convolution, "BLOCK_BYTES", 2**13)
    loss, gradients = network.loss_and_gradients(x, target)
    with ThreadPoolExecutor(workers) as pool:
        monkeypatch.setattr(_buffers, "_pool", pool)
        other_loss, others = network.loss_and_gradients(x, target)
    assert other_loss == loss
    assert all(np.array_equal(gradients[key], others[key]) for key in gradients)


@pytest.mark.parametrize(("threads", "expected"), [("1", 1), ("3", 3), ("0", None), ("many", None), ("", None)])
def test_the_pool_has_as_many_threads_as_blas_may_have(monkeypatch, threads, expected):
    monkeypatch.setattr(_buffers, "_pool", None)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setattr(_buffers.os, "cpu_count", lambda: 5)
    assert _buffers._workers()._max_workers == (expected or 5)


def test_an_error_in_a_block_reaches_the_caller(monkeypatch):
    network, x, target = make("binary", n=50)
    monkeypatch.setattr(convolution, "BLOCK_BYTES", 2**13)
    monkeypatch.setattr(_buffers.Sigmoid, "backward", lambda self, dy: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        network.loss_and_gradients(x, target)


def train_in_a_child(queue):
    network, x, target = make("binary", n=50)
    convolution.BLOCK_BYTES = 2**13
    queue.put(network.loss_and_gradients(x, target)[0])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux starts processes by fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(monkeypatch):
    network, x, target = make("binary", n=50)
    monkeypatch.setattr(convolution, "BLOCK_BYTES", 2**13)
    loss, _ = network.loss_and_gradients(x, target)  # the pool exists before the fork
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=train_in_a_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == loss
    child.join()


def test_layers_are_kept_and_those_not_used_for_long_are_let_go():
    made = []

    def layers(key):
        return _buffers.kept(("test", key), lambda: made.append(key) or [key])

    first = layers(0)
    assert layers(0) is first
    for key in range(1, _buffers.MOST_KEPT + 1):
        layers(key)
    assert made == list(range(_buffers.MOST_KEPT + 1))
    assert layers(0) == [0]
    assert made[-1] == 0  # made anew
    assert len(_buffers._kept.layers) == _buffers.MOST_KEPT


@pytest.mark.parametrize("padding", [0, 1, "same"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_convolution_layer_is_conv2d_and_its_backward(padding, channels):
    rng = np.random.default_rng(0)
    images, weight = rng.normal(size=(4, channels, 6, 7)), rng.normal(size=(3, channels, 3, 2))
    bias = rng.normal(size=3)
    window = make_window((6, 7), (3, 2), 1, padding)
    layer = _buffers.Convolution(4, images.shape[1:], window, 3, np.dtype(float))
    for _ in range(2):  # the second time in used memory
        maps = layer.forward(images, weight, bias)
        np.testing.assert_allclose(
            maps.reshape(4, 3, *window.output_size), conv2d(images, weight, bias, padding=padding)
        )
        dy = rng.normal(size=maps.shape)
        layer.gradients[...] = dy
        expected = conv2d_backward(dy.reshape(4, 3, *window.output_size), images, weight, padding=padding)
        d_weight, d_bias = layer.backward()
        np.testing.assert_allclose(d_weight.reshape(weight.shape), expected.weight)
        np.testing.assert_allclose(d_bias, expected.bias)


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (2, 3)])
def test_a_pool_layer_is_max_pool2d_of_relu_and_its_backward(size):
    rng = np.random.default_rng(0)
    maps, gradients = np.empty((3, 2, size[0] * size[1])), np.zeros((3, 2, size[0] * size[1]))
    layer = _buffers.Pool(maps, gradients, size)
    for scale in (1, 3):
        maps[...] = np.round(scale * rng.normal(size=maps.shape))  # many ties and zeros
        x = np.maximum(maps.reshape(3, 2, *size), 0)
        pooled = max_pool2d(x)
        assert np.array_equal(layer.forward(), pooled.reshape(3, -1))
        dy = rng.normal(size=pooled.shape)
        layer.backward(dy.reshape(3, -1))
        expected = max_pool2d_backward(dy, x) * (maps.reshape(x.shape) > 0)
        assert np.array_equal(gradients.reshape(x.shape), expected)


@pytest.mark.parametrize("stride", [1, 2, (2, 3)])
@pytest.mark.parametrize("padding", [0, (1, 2)])
def test_columns_hold_the_windows_and_a_last_row_of_ones(stride, padding):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 3, 6, 7))
    window = make_window((6, 7), (3, 2), stride, padding)
    columns = Columns(2, (3, 6, 7), window, np.dtype(float), ones=True)
    padded = np.pad(images, ((0, 0), (0, 0), (window.before[0],) * 2, (window.before[1],) * 2))
    for _ in range(2):
        matrix = columns.fill(images)
        assert matrix.shape == (2, 3 * 3 * 2 + 1, window.output_size[0] * window.output_size[1])
        assert (matrix[:, -1] == 1).all()
        for cell, (i, j) in enumerate(np.ndindex(window.output_size)):
            i, j = i * window.stride[0], j * window.stride[1]
            piece = padded[:, :, i : i + 3, j : j + 2]
            assert np.array_equal(matrix[:, :-1, cell], piece.reshape(2, -1))
        images = images[::-1] + 1
        padded = np.pad(images, ((0, 0), (0, 0), (window.before[0],) * 2, (window.before[1],) * 2))
