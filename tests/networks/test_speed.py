"""The shape of speed, not seconds: what a loop slipped into a hot path would change, and a busy machine does not.

How fast cnnlab is, `make bench` measures. Here are counted: the lines of Python that a step runs, the bytes that it
takes, and how many times as fast it is as the loops of the notebooks in the same minute. Each guard is shown a planted
fault at the end, and must see it.
"""

import statistics
import sys
import time
import tracemalloc
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from benchmarks import contenders, in_loops
from benchmarks.problems import binary_step
from cnnlab.convolution import conv2d, conv2d_backward
from cnnlab.networks import BinaryCNN, FilterRegression, SingleFilterCNN, SoftmaxCNN
from cnnlab.pooling import max_pool2d, max_pool2d_backward
from cnnlab.training import sgd_step

ROOT = Path(__file__).resolve().parents[2]

NETWORKS = [SingleFilterCNN, BinaryCNN, SoftmaxCNN]
SIDES = {SingleFilterCNN: 32, BinaryCNN: 28, SoftmaxCNN: 8}

# At least so many times as fast as the loops. Measured on two cores: over 100.
TIMES_AS_FAST = 20
# Lines and calls of one step with one image. Measured: under 250.
MOST_EVENTS = 500
# Lines and calls that a batch may take beyond those of another batch of one block, where a loop has slipped in.
ALLOWANCE = 6
# Images whose work surely fits into one block, and images that surely need another.
IN_ONE_BLOCK, OF_A_BLOCK = 8, 8
# Bytes that a batch may take beyond those of a smaller one: the memory of a block of another size. Measured: 4 MiB.
FEW_MIB = 8 * 2**20


def data(images, side, dtype=np.float64):
    problem = binary_step(images, side, np.dtype(dtype).name)
    return problem.x, problem.target.astype(int)


def training_step(kind, images, side, dtype=np.float64):
    """Return a function that makes a training step."""
    network = kind.initialize(np.random.default_rng(0), image_size=side, dtype=dtype)
    x, target = data(images, side, dtype)

    def step():
        _, gradients = network.loss_and_gradients(x, target)
        sgd_step(network.parameters, gradients, 0.1)

    return step


@pytest.fixture
def _one_thread(monkeypatch):
    """What would run in other threads runs in this one, where it can be counted."""

    def submit(self, function, /, *arguments, **named):
        future = Future()
        future.set_result(function(*arguments, **named))
        return future

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)


def events(function):
    """Count the lines of Python and the calls, of C functions too, in a call of the function; the first does not count.

    A loop over images or pixels shows in this number, however fast the machine and however short the loop.
    """
    function()  # what is made once and kept
    count = 0

    def on_line(frame, event, argument):
        nonlocal count
        count += event == "line"
        return on_line

    def on_call(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    tracer, profiler = sys.gettrace(), sys.getprofile()
    sys.settrace(on_line)
    sys.setprofile(on_call)
    try:
        function()
    finally:
        sys.setprofile(profiler)
        sys.settrace(tracer)
    return count


# The guards. Each raises AssertionError where what it guards has been lost.


def guard_images(kind, dtype):
    """Whole blocks of images go through the network, not one image after the other."""
    two = events(training_step(kind, 2, SIDES[kind], dtype))
    assert events(training_step(kind, IN_ONE_BLOCK, SIDES[kind], dtype)) <= two + ALLOWANCE
    assert events(training_step(kind, 40 * OF_A_BLOCK, SIDES[kind], dtype)) <= 40 * two


def guard_pixels(kind, dtype):
    """The size of an image does not matter."""
    small = events(training_step(kind, 2, SIDES[kind], dtype))
    assert events(training_step(kind, 2, SIDES[kind] + 8, dtype)) <= small + ALLOWANCE


def guard_one_image(kind, dtype):
    """On a small image every call counts."""
    assert events(training_step(kind, 1, SIDES[kind], dtype)) <= MOST_EVENTS


def guard_memory():
    """Ten times the images need no more memory beyond the data."""
    few, many = training_step(BinaryCNN, 200, 26), training_step(BinaryCNN, 2000, 26)
    few()  # what is made once and kept
    assert peak_bytes(many) <= peak_bytes(few) + FEW_MIB


def peak_bytes(function):
    """Measure what NumPy and Python hold at the highest moment of a call, beyond what they held before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def guard_speed(images=200):
    """A step is many times as fast as the notebooks' loops over the same images."""
    problem = binary_step(images, 28, "float64")
    assert seconds(in_loops.training(problem).step, 1) >= TIMES_AS_FAST * seconds(
        contenders.cnnlab_training(problem).step, 7
    )


def seconds(function, times):
    """Return the median of several calls; several follow a first that does not count."""
    taken = []
    for _ in range(times + (times > 1)):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[-times:])


# The guards hold.


@pytest.mark.usefixtures("_one_thread")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("guard", [guard_images, guard_pixels, guard_one_image])
def test_a_step_runs_as_many_lines_of_python_whatever_the_data(guard, kind, dtype):
    guard(kind, dtype)


@pytest.mark.usefixtures("_one_thread")
def test_filter_regression_runs_as_many_lines_for_larger_images():
    network = FilterRegression({"conv_weight": np.ones((1, 1, 2, 2))})
    small, large = (events(lambda n=n: network.loss_and_gradients(np.eye(n), np.eye(n - 1))) for n in (3, 30))
    assert large <= small + ALLOWANCE


@pytest.mark.usefixtures("_one_thread")  # every thread has memory of its own, however many cores there are
def test_memory_does_not_grow_with_the_images():
    guard_memory()


def test_a_step_is_many_times_as_fast_as_the_loops():
    guard_speed()


def on_arrays(function, *shapes, **named):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    return lambda: function(*arrays, **named)


@pytest.mark.usefixtures("_one_thread")
@pytest.mark.parametrize(
    ("small", "large"),
    [
        pytest.param(
            on_arrays(conv2d, (1, 1, 8, 8), (1, 1, 3, 3), (1,)),
            on_arrays(conv2d, (4, 2, 16, 20), (5, 2, 3, 3), (5,)),
            id="conv2d",
        ),
        pytest.param(
            on_arrays(conv2d_backward, (1, 1, 6, 6), (1, 1, 8, 8), (1, 1, 3, 3)),
            on_arrays(conv2d_backward, (4, 5, 14, 18), (4, 2, 16, 20), (5, 2, 3, 3)),
            id="conv2d_backward",
        ),
        pytest.param(on_arrays(max_pool2d, (1, 1, 4, 4)), on_arrays(max_pool2d, (5, 6, 20, 24)), id="max_pool2d"),
        pytest.param(
            on_arrays(max_pool2d_backward, (1, 1, 2, 2), (1, 1, 4, 4)),
            on_arrays(max_pool2d_backward, (5, 6, 10, 12), (5, 6, 20, 24)),
            id="max_pool2d_backward",
        ),
    ],
)
def test_an_operation_runs_as_many_lines_for_more_images_channels_filters_and_pixels(small, large):
    assert events(large) <= events(small) + ALLOWANCE


# The guards see what they are there for.


def image_by_image(network, x, target):
    """Do what `loss_and_gradients` does, an image at a time."""
    parts = [step(network, x[n : n + 1], target[n : n + 1]) for n in range(len(x))]
    gradients = {name: sum(part[1][name] for part in parts) / len(x) for name in network.parameters}
    return sum(part[0] for part in parts) / len(x), gradients


def whole_batch(network, x, target):
    """Do what `loss_and_gradients` does, keeping every intermediate result of every image."""
    record = network.forward(x)
    return network.loss(record, target), network.backward(record, target)


def with_a_loop_over_pixels(network, x, target):
    """Do what `loss_and_gradients` does, after a loop that calls nothing."""
    largest = [max(row) for row in x[0, 0].tolist()]
    return step(network, x, target) if largest else None


step = BinaryCNN.loss_and_gradients  # as it is, for the plants to call


@pytest.mark.usefixtures("_one_thread")
@pytest.mark.parametrize(("plant", "guard"), [(image_by_image, guard_images), (with_a_loop_over_pixels, guard_pixels)])
def test_a_planted_loop_is_seen(monkeypatch, plant, guard):
    network, (x, target) = BinaryCNN.initialize(np.random.default_rng(0)), data(20, 28)
    expected = network.loss_and_gradients(x, target)
    monkeypatch.setattr(BinaryCNN, "loss_and_gradients", plant)
    loss, gradients = network.loss_and_gradients(x, target)
    assert loss == pytest.approx(expected[0])  # it is right, and slow
    np.testing.assert_allclose(gradients["conv_weight"], expected[1]["conv_weight"])
    with pytest.raises(AssertionError):
        guard(BinaryCNN, np.float64)


@pytest.mark.usefixtures("_one_thread")
def test_a_loop_of_a_single_short_line_is_seen():
    numbers = list(range(8))
    few, many = (events(lambda n=n: [number + 1 for number in numbers[:n]]) for n in (1, 8))
    assert many > few + ALLOWANCE


@pytest.mark.usefixtures("_one_thread")
def test_memory_for_every_image_is_seen(monkeypatch):
    monkeypatch.setattr(BinaryCNN, "loss_and_gradients", whole_batch)
    with pytest.raises(AssertionError):
        guard_memory()


def test_loops_in_place_of_a_product_are_seen(monkeypatch):
    def in_python(network, x, target):
        problem = binary_step(len(x), 28, "float64")
        in_loops.training(problem).step()
        return step(network, x, target)

    monkeypatch.setattr(BinaryCNN, "loss_and_gradients", in_python)
    with pytest.raises(AssertionError):
        guard_speed(images=2)
