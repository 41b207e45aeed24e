"""The fast path's memory: the same numbers as the reference, whatever is kept, shared out or repeated."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from strategies import blocks_of

from cnnlab import _engine, _im2col, _threads, layers
from cnnlab.layers import MaxPool2d, ReLU
from cnnlab.networks import BinaryCNN, SingleFilterCNN, SoftmaxCNN
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


def assert_same_numbers(found, expected, tolerance=1e-9):
    """Compare loss and gradients, infinities and NaN included."""
    if expected[0] != np.inf or not np.isfinite(found[0]):  # a mean may overflow where a sum of shares does not
        assert found[0] == pytest.approx(expected[0], rel=tolerance, nan_ok=True)
    for key, gradient in expected[1].items():
        finite = np.abs(gradient[np.isfinite(gradient)]).max(initial=0)
        np.testing.assert_allclose(found[1][key], gradient, rtol=tolerance, atol=tolerance * finite)


@pytest.mark.thorough
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("place", ["a pixel", "conv_weight", "conv_bias", "dense_weight", "dense_bias"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -1e-310])
@every_network
def test_extreme_numbers_take_the_same_way(name, number, place):
    """One of them in one image of a batch, in a batch of one, and in blocks of one image."""
    network, x, target = make(name)
    (x if place == "a pixel" else network.parameters[place]).reshape(-1)[3 if place == "a pixel" else 0] = number
    with np.errstate(all="raise"):  # whatever the caller has set
        assert_same_numbers(network.loss_and_gradients(x, target), by_reference(network, x, target))
        assert_same_numbers(network.loss_and_gradients(x[:1], target[:1]), by_reference(network, x[:1], target[:1]))
        with blocks_of(1):
            loss, gradients, hits = network.loss_gradients_and_correct(x, target)
        assert_same_numbers((loss, gradients), by_reference(network, x, target))
        assert hits == np.count_nonzero(network.predict(x) == target)


def test_a_gradient_too_large_for_a_number_does_not_spoil_its_neighbours():
    """A pool that multiplied an infinite gradient by 0 would make NaN of it."""
    network, x, target = make("softmax", n=2)
    network.parameters["conv_weight"] *= 1e-300
    network.parameters["conv_bias"][...] = 1e-300
    network.parameters["dense_weight"] *= 1e308 / np.abs(network.parameters["dense_weight"]).max()
    network.parameters["dense_weight"][1] = -network.parameters["dense_weight"][0]
    _, expected = by_reference(network, x, target)
    _, gradients = network.loss_and_gradients(x, target)
    for key, gradient in gradients.items():
        assert np.array_equal(np.isnan(gradient), np.isnan(expected[key]))
        assert np.array_equal(np.isinf(gradient), np.isinf(expected[key]))


@every_network
def test_an_image_too_large_to_keep_its_columns_gives_the_same_numbers(monkeypatch, name):
    network, x, target = make(name)
    expected, answers = network.loss_gradients_and_correct(x, target), network.predict(x)
    monkeypatch.setattr(layers, "MOST_KEPT_NUMBERS", 9 * 9 * 7 - 1)
    monkeypatch.setattr(_engine, "_in_this_thread", threading.local())
    loss, gradients, hits = network.loss_gradients_and_correct(x, target)
    assert_same_numbers((loss, gradients), expected)
    assert hits == expected[2]
    assert np.array_equal(network.predict(x), answers)


# Parameters that somebody has put in the place of others.


@every_network
def test_parameters_may_be_put_in_another_order_or_in_another_place_in_memory(name):
    network, x, target = make(name)
    expected = network.loss_and_gradients(x, target)
    network.parameters = dict(reversed(network.parameters.items()))
    for key, value in network.parameters.items():
        network.parameters[key] = np.asfortranarray(np.repeat(value, 2, axis=0))[::2]
        network.parameters[key].flags.writeable = False
    loss, gradients = network.loss_and_gradients(x, target)
    assert list(gradients) == list(network.parameters)
    assert loss == expected[0]
    assert all(np.array_equal(gradients[key], expected[1][key]) for key in gradients)
    assert_agrees(network, x, target)


def test_parameters_of_other_shapes_that_fit_make_another_network():
    network, x, target = make("softmax")
    other, _, _ = make("softmax", filters=5, classes=3)
    network.loss_and_gradients(x, target)
    network.parameters = dict(other.parameters)
    assert_agrees(network, x, target)
    assert network.loss_and_gradients(x, target)[0] == other.loss_and_gradients(x, target)[0]


@every_network
@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.update(conv_bias=p["conv_bias"].tolist()),
        lambda p: p.update(conv_bias=p["conv_bias"].astype(np.float32)),
        lambda p: p.update(conv_bias=p["conv_bias"].astype(">f8")),
        lambda p: p.update(conv_bias=np.ma.array(p["conv_bias"])),
        lambda p: p.update(conv_bias=np.append(p["conv_bias"], 1)),
        lambda p: p.update(conv_bias=None),
        lambda p: p.update(extra=np.ones(2)),
        lambda p: p.pop("conv_bias"),
        lambda p: p.update(dense_weight=p["dense_weight"][0]),
        lambda p: p.update(conv_weight=p["conv_weight"][:, 0]),
    ],
)
def test_parameters_that_do_not_fit_are_refused_wherever_they_are_used(name, change):
    network, x, target = make(name)
    record = network.forward(x)
    network.loss_and_gradients(x, target)
    change(network.parameters)
    for call in (
        lambda: network.forward(x),
        lambda: network.predict(x),
        lambda: network.loss_and_gradients(x, target),
        lambda: network.loss_gradients_and_correct(x, target),
        lambda: network.backward(record, target),
        lambda: network.loss(record, target),
    ):
        with pytest.raises((TypeError, ValueError), match=r"^(parameters|conv_\w+|dense_\w+)\b.* must .*; got "):
            call()


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
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_trains_by_itself(name, copied):
    network, x, target = make(name)
    network.loss_and_gradients(x, target)
    twin = copied(network)
    sgd_step(twin.parameters, twin.loss_and_gradients(x, target)[1], 0.1)
    assert_agrees(twin, x, target)
    assert_agrees(network, x, target)
    assert not np.array_equal(twin.parameters["conv_weight"], network.parameters["conv_weight"])


@every_network
def test_threads_may_use_one_network_at_the_same_time(monkeypatch, name):
    monkeypatch.setattr(_im2col, "BLOCK_BYTES", 2**14)  # several blocks, which use threads of their own
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
    monkeypatch.setattr(_im2col, "BLOCK_BYTES", 2**13)
    loss, gradients = network.loss_and_gradients(x, target)
    with ThreadPoolExecutor(workers) as pool:
        monkeypatch.setattr(_threads, "_pool", pool)
        other_loss, others = network.loss_and_gradients(x, target)
    assert other_loss == loss
    assert all(np.array_equal(gradients[key], others[key]) for key in gradients)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        *[("1", 1), ("3", 3), ("4", 4), ("2,1", 2), (" 2 , 4", 2)],  # OpenMP takes a list, for levels of nesting
        *[("", "cores"), ("0", "cores"), ("-1", "cores"), ("many", "cores"), ("1.5", "cores"), (",2", "cores")],
        *[("64", 4), ("9" * 9, 4), ("9" * 5000, "cores")],  # there is never work for more than the shares
    ],
)
@pytest.mark.parametrize(("cores", "used"), [(3, 3), (64, 4), (None, 1)])
def test_the_pool_has_as_many_threads_as_blas_may_have(monkeypatch, setting, expected, cores, used):
    monkeypatch.setattr(_threads, "_pool", None)
    monkeypatch.setenv("OMP_NUM_THREADS", setting)
    monkeypatch.setattr(_threads.os, "cpu_count", lambda: cores)
    assert _threads._workers()._max_workers == (used if expected == "cores" else expected)


@pytest.mark.parametrize("pieces", range(10))
def test_shares_are_all_pieces_in_order_and_the_first_is_among_the_largest(pieces):
    shares = _threads.share_out(lambda share: range(pieces)[share], pieces)
    assert [piece for share in shares for piece in share] == list(range(pieces))
    assert all(len(shares[0]) - 1 <= len(share) <= len(shares[0]) for share in shares)


def test_a_worker_may_share_out_work_of_its_own():
    def work(share):
        return sum(_threads.share_out(lambda part: part.stop - part.start, share.stop - share.start))

    assert sum(_threads.share_out(work, 50)) == 50


def test_an_error_in_a_block_reaches_the_caller(monkeypatch):
    network, x, target = make("binary", n=50)
    monkeypatch.setattr(_im2col, "BLOCK_BYTES", 2**13)
    monkeypatch.setattr(_engine, "_in_this_thread", threading.local())
    monkeypatch.setattr(layers.Sigmoid.Memory, "backward", lambda self, *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        network.loss_and_gradients(x, target)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interruption_in_the_middle_of_a_step_leaves_nothing_behind(monkeypatch, error):
    network, x, target = make("binary", n=50)
    monkeypatch.setattr(_im2col, "BLOCK_BYTES", 2**13)
    before = copy.deepcopy(network.parameters)
    expected = network.loss_and_gradients(x, target)
    calls, backward = [], layers.Sigmoid.Memory.backward

    def interrupted(self, *given):
        calls.append(1)
        if len(calls) == 6:
            raise error
        backward(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(layers.Sigmoid.Memory, "backward", interrupted)
        patch.setattr(_engine, "_in_this_thread", threading.local())
        with pytest.raises(error):
            network.loss_and_gradients(x, target)
    assert all(np.array_equal(network.parameters[key], before[key]) for key in before)
    found = network.loss_and_gradients(x, target)
    assert found[0] == expected[0]
    assert all(np.array_equal(found[1][key], expected[1][key]) for key in before)


def test_where_the_system_gives_no_more_threads_the_caller_works_alone(monkeypatch):
    network, x, target = make("binary", n=50)
    monkeypatch.setattr(_im2col, "BLOCK_BYTES", 2**13)
    loss, gradients = network.loss_and_gradients(x, target)

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_threads, "_pool", None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    alone = network.loss_and_gradients(x, target)
    assert alone[0] == loss
    assert all(np.array_equal(alone[1][key], gradients[key]) for key in gradients)


# Each runs in a Python of its own, after this:
WITH_SHARES = """
import atexit, builtins, hashlib, os, sys, threading, time
import numpy as np
from cnnlab import _im2col
from cnnlab.networks import BinaryCNN, SoftmaxCNN
_im2col.BLOCK_BYTES = 2**13
rng = np.random.default_rng(0)
network = BinaryCNN.initialize(rng, image_size=9, kernel_size=3)
x, target = rng.random((50, 1, 9, 9)), rng.integers(0, 2, 50)
def step():
    return network.loss_and_gradients(x, target)[0]
def forever():
    while True:
        step()
"""
LIVES = {
    "it ends with threads alive": "step()",
    "it computes once more after its end": "step(); atexit.register(step)",
    "it computes for the first time after its end": "atexit.register(step)",
    "an object computes as it dies": """
class Dying:
    def __del__(self): step()
builtins.dying = Dying()
""",
    "it ends while a thread computes": "threading.Thread(target=forever, daemon=True).start(); time.sleep(0.1)",
    "it forks while a thread computes": """
threading.Thread(target=forever, daemon=True).start()
for _ in range(5):
    child = os.fork()
    if child == 0:
        step()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
""",
}


def run_python(program, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", WITH_SHARES + program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.thorough
@pytest.mark.parametrize("life", LIVES)
def test_a_process_ends_without_a_word(life):
    if "fork" in life and sys.platform != "linux":
        pytest.skip("only Linux forks in the middle of anything")
    done = run_python(LIVES[life])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.thorough
def test_no_setting_of_threads_changes_a_digit():
    """A SoftmaxCNN whose dense layer is large enough for BLAS to share its products out, were its blocks not small."""
    program = """
_im2col.BLOCK_BYTES = 2**21
wide = SoftmaxCNN.initialize(rng, image_size=28, filters=8, classes=10)
found = [step(), wide.loss_and_gradients(rng.random((90, 1, 28, 28)), np.arange(90) % 10)]
print(hashlib.sha256(repr(found[0]).encode() + b"".join(v.tobytes() for v in found[1][1].values())).hexdigest())
"""
    results = {setting: run_python(program, OMP_NUM_THREADS=setting) for setting in ("1", "2", "2,1", "64", "abc")}
    assert {(done.returncode, done.stderr) for done in results.values()} == {(0, "")}
    assert len({done.stdout for done in results.values()}) == 1


def test_thousands_of_networks_leave_no_more_behind_than_a_few():
    def work(sizes):
        for size in sizes:
            network = SoftmaxCNN.initialize(np.random.default_rng(0), image_size=size)
            network.loss_and_gradients(np.zeros((1, 1, size, size)), [0])

    work(range(20, 40))
    tracemalloc.start()
    try:
        work(range(20, 40))
        few = tracemalloc.get_traced_memory()[0]
        for _ in range(30):
            work(range(20, 40))
        assert tracemalloc.get_traced_memory()[0] < few + 2**18
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_a_standardized_batch(monkeypatch):
    """Mean and deviation are those of the whole batch; its columns would take 24 times the images."""
    network = BinaryCNN.initialize(np.random.default_rng(0), image_size=20, standardized=True)
    peaks = []
    for n in (200, 2000):
        x, target = np.random.default_rng(0).random((n, 1, 20, 20)), np.arange(n) % 2
        monkeypatch.setattr(_engine, "_in_this_thread", threading.local())
        monkeypatch.setattr(_threads, "_pool", None)
        tracemalloc.start()
        network.loss_and_gradients(x, target)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2**21


def train_in_a_child(queue):
    network, x, target = make("binary", n=50)
    _im2col.BLOCK_BYTES = 2**13
    queue.put(network.loss_and_gradients(x, target)[0])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_a_child_process_has_threads_of_its_own(monkeypatch, way):
    if way not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system starts no processes by {way}")
    network, x, target = make("binary", n=50)
    monkeypatch.setattr(_im2col, "BLOCK_BYTES", 2**13)
    loss, _ = network.loss_and_gradients(x, target)  # the pool exists before the fork
    context = multiprocessing.get_context(way)
    queue = context.Queue()
    child = context.Process(target=train_in_a_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == loss
    child.join()


def test_memories_are_kept_and_those_not_used_for_long_are_let_go(monkeypatch):
    monkeypatch.setattr(_engine, "_in_this_thread", threading.local())
    network, x, target = make("binary", n=_engine.MOST_MEMORIES + 1)
    first = _engine._memory(network, x[:1].shape)
    assert _engine._memory(network, x[:1].shape) is first
    for n in range(2, _engine.MOST_MEMORIES + 2):
        network.loss_and_gradients(x[:n], target[:n])
    assert len(_engine._in_this_thread.memories) == _engine.MOST_MEMORIES
    assert _engine._memory(network, x[:1].shape) is not first


def test_relu_goes_behind_a_max_pool_and_not_behind_a_pool_of_ones_own_that_is_derived_from_it():
    class Mean(MaxPool2d):
        pass

    relu, pool, mean = ReLU(), MaxPool2d(), Mean()
    assert _engine._relu_after_pool([relu, pool, relu, mean]) == [pool, relu, relu, mean]
