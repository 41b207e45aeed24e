"""The shape of speed, not seconds: what a loop slipped into a hot path would change, and a busy machine does not.

How fast cnnlab is, `make bench` measures. Here are counted: the lines of Python that a step runs, the bytes that it
takes, and how many times as fast it is as the loops of the notebooks in the same minute.
"""

import statistics
import sys
import time
import tracemalloc
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from benchmarks import contenders, in_loops
from benchmarks.problems import binary_step
from cnnlab.convolution import conv2d, conv2d_backward
from cnnlab.networks import BinaryCNN, FilterRegression, SingleFilterCNN, SoftmaxCNN
from cnnlab.pooling import max_pool2d, max_pool2d_backward
from cnnlab.training import sgd_step

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


def training_step(kind, images, side, dtype=np.float64):
    """Return a function that makes a training step."""
    network = kind.initialize(np.random.default_rng(0), image_size=side, dtype=dtype)
    problem = binary_step(images, side, np.dtype(dtype).name)
    x, target = problem.x, problem.target.astype(int)

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
    assert count > 0, "nothing was counted"
    return count


every_step = pytest.mark.parametrize(("kind", "dtype"), [*product(NETWORKS, (np.float64, np.float32))])


@every_step
@pytest.mark.usefixtures("_one_thread")
def test_whole_blocks_of_images_go_through_the_network_not_one_image_after_the_other(kind, dtype):
    two = events(training_step(kind, 2, SIDES[kind], dtype))
    assert events(training_step(kind, IN_ONE_BLOCK, SIDES[kind], dtype)) <= two + ALLOWANCE
    assert events(training_step(kind, 40 * OF_A_BLOCK, SIDES[kind], dtype)) <= 40 * two


@every_step
@pytest.mark.usefixtures("_one_thread")
def test_a_step_runs_as_many_lines_for_larger_images(kind, dtype):
    small = events(training_step(kind, 2, SIDES[kind], dtype))
    assert events(training_step(kind, 2, SIDES[kind] + 8, dtype)) <= small + ALLOWANCE


@every_step
@pytest.mark.usefixtures("_one_thread")
def test_a_step_with_one_small_image_makes_few_calls(kind, dtype):
    assert events(training_step(kind, 1, SIDES[kind], dtype)) <= MOST_EVENTS


@pytest.mark.usefixtures("_one_thread")
def test_filter_regression_runs_as_many_lines_for_larger_images():
    network = FilterRegression({"conv_weight": np.ones((1, 1, 2, 2))})
    small, large = (events(lambda n=n: network.loss_and_gradients(np.eye(n), np.eye(n - 1))) for n in (3, 30))
    assert large <= small + ALLOWANCE


def peak_bytes(function):
    """Measure what NumPy and Python hold at the highest moment of a call, beyond what they held before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("_one_thread")  # every thread has memory of its own, however many cores there are
def test_memory_does_not_grow_with_the_images():
    few, many = training_step(BinaryCNN, 200, 26), training_step(BinaryCNN, 2000, 26)
    few()  # what is made once and kept
    assert peak_bytes(many) <= peak_bytes(few) + FEW_MIB


def seconds(function, times):
    """Return the median of several calls; several follow a first that does not count."""
    taken = []
    for _ in range(times + (times > 1)):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[-times:])


def test_a_step_is_many_times_as_fast_as_the_loops():
    problem = binary_step(200, 28, "float64")
    loops, ours = in_loops.training(problem).step, contenders.cnnlab_training(problem).step
    assert seconds(loops, 1) >= TIMES_AS_FAST * seconds(ours, 7)


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
