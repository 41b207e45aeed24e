"""Properties of every network: the fast path, batches, gradients, and the memory kept from call to call."""

import copy
import threading
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from strategies import DTYPES, block_bytes, blocks_of, generators, one_of

from cnnlab import _engine
from cnnlab.networks import BinaryCNN, FilterRegression, SingleFilterCNN, SoftmaxCNN, TenClassCNN
from cnnlab.training import gradient_descent, sgd_step

pytestmark = pytest.mark.thorough

BINARY = {
    f"BinaryCNN {loss}{' standardized' * standardized}": {"loss": loss, "standardized": standardized}
    for loss in ("half_squared_error", "cross_entropy")
    for standardized in (False, True)
}
NAMES = ("FilterRegression", "SingleFilterCNN", *BINARY, "SoftmaxCNN", "TenClassCNN")
every_network = pytest.mark.parametrize("name", NAMES)
names = st.sampled_from(NAMES)
# A standardised answer depends on the whole batch.
names_of_single_images = st.sampled_from([name for name in NAMES if "standardized" not in name])


class Case(NamedTuple):
    network: Any
    x: np.ndarray
    target: np.ndarray
    rng: np.random.Generator


@st.composite
def cases(draw, name, *, counts=(0, 9), exact=None, dtype=None, alike=False):
    """Draw a network of any sizes, images and their target; those drawn `alike` often have the same sizes.

    `exact` numbers have so few digits that sums are not rounded. Then ties and zeros, where a gradient jumps, are the
    same on every path; other numbers come nowhere near them.
    """
    rng = draw(generators)
    dtype = dtype or one_of(rng, DTYPES)
    exact = draw(st.booleans()) if exact is None else exact
    n = draw(st.integers(*counts))
    if "standardized" in name:  # two images always become -1 and 1, which leaves no gradient but rounding
        n, exact = max(n, 3), False
    if alike:
        kernel, filters, classes = draw(st.sampled_from([(2, 2), (1, 3), (3, 1)])), draw(st.integers(1, 2)), 2
    else:
        kernel, filters = draw(st.tuples(st.integers(1, 3), st.integers(1, 3))), draw(st.integers(1, 5))
        classes = draw(st.integers(2, 5))
    smallest = {
        "SingleFilterCNN": (2, 2),  # one pool
        "SoftmaxCNN": [k + 1 for k in kernel],  # a kernel and a pool
        "TenClassCNN": [3 * k + 1 for k in kernel],  # two of each
    }.get(name, kernel)
    size = (10, 10) if alike else tuple(low + draw(st.integers(0, 4)) for low in smallest)
    sizes = {"image_size": size, "kernel_size": kernel, "dtype": dtype}
    if name == "FilterRegression":
        network = FilterRegression({"conv_weight": np.zeros((filters, 1, *kernel), dtype)})
    elif name == "SingleFilterCNN":
        network = SingleFilterCNN.initialize(rng, **sizes)
    elif name == "SoftmaxCNN":
        network = SoftmaxCNN.initialize(rng, filters=filters, classes=classes, **sizes)
    elif name == "TenClassCNN":
        both, hidden = (filters, filters if alike else draw(st.integers(1, 4))), draw(st.integers(1, 5))
        network = TenClassCNN.initialize(rng, filters=both, hidden=hidden, classes=classes, **sizes)
    else:
        network = BinaryCNN.initialize(rng, filters=filters, **BINARY[name], **sizes)
    for value in network.parameters.values():
        if exact:
            value[...] = rng.integers(-2, 3, value.shape) / 4
        else:
            value[...] = rng.standard_normal(value.shape) / np.sqrt(np.prod(value.shape[1:]))
    x = rng.integers(-2, 3, (n, 1, *size)) if exact else rng.standard_normal((n, 1, *size))
    x = x.astype(one_of(rng, [dtype, np.float64, np.int64 if exact else np.float32]))
    if name == "FilterRegression":
        target = rng.standard_normal((n, filters, size[0] - kernel[0] + 1, size[1] - kernel[1] + 1)).astype(dtype)
    else:
        target = rng.integers(0, classes if "Binary" not in name and "Single" not in name else 2, n)
    return Case(network, x, target, rng)


def eps_of(network):
    return float(np.finfo(next(iter(network.parameters.values())).dtype).eps)


def assert_same_gradients(ours, theirs, eps, times=1000):
    """Compare (loss, gradients). The numbers here are around 1 and the sums short: they err by some hundred ε."""
    (our_loss, our_gradients), (loss, gradients) = ours, theirs
    assert type(our_loss) is float
    assert list(our_gradients) == list(gradients)
    largest = 1 + max(np.abs(gradient).max() for gradient in gradients.values())
    for key, gradient in gradients.items():
        assert our_gradients[key].shape == gradient.shape
        assert our_gradients[key].dtype == gradient.dtype
        np.testing.assert_allclose(our_gradients[key], gradient, rtol=0, atol=times * eps * largest, err_msg=key)
    assert our_loss == pytest.approx(loss, rel=times * eps, abs=times * eps, nan_ok=True)


def by_steps(network, x, target):
    """The loss and the gradients by `forward` and `backward`, which keep nothing."""
    record = network.forward(x)
    return network.loss(record, target), network.backward(record, target)


def conditioning(network, x):
    """How much a standardisation makes of what its input errs."""
    if not getattr(network, "standardized", False) or not len(x):
        return 1
    dense = network.forward(x).dense.astype(np.float64)
    return (1 + np.abs(dense).max() / dense.std()) * (1 + 1 / dense.std())


@every_network
@given(data=st.data(), size=block_bytes)
def test_the_fast_path_gives_what_forward_and_backward_give_for_every_size_of_block(name, data, size):
    network, x, target, _ = data.draw(cases(name))
    expected, factor = by_steps(network, x, target), conditioning(network, x)
    assume(factor < 1e3)
    with blocks_of(size):
        *ours, hits = network.loss_gradients_and_correct(x, target)
        assert_same_gradients(network.loss_and_gradients(x, target), expected, eps_of(network), 1000 * factor)
        answers = network.predict(x)
    assert_same_gradients(ours, expected, eps_of(network), 1000 * factor)
    if name == "FilterRegression":
        assert hits is None
    else:
        assert hits == np.sum(answers == target)
    if len(x) == 1:
        image, answer = x[0, 0], target[0, 0] if name == "FilterRegression" and target.shape[1] == 1 else target[0]
        if np.ndim(answer) in (0, 2):
            assert_same_gradients(network.loss_and_gradients(image, answer), expected, eps_of(network), 1000)
            np.testing.assert_allclose(network.predict(image), answers[0], rtol=0, atol=1000 * eps_of(network))


@given(name=names_of_single_images, data=st.data(), size=block_bytes)
def test_the_loss_and_gradients_of_a_batch_are_the_means_of_its_images(name, data, size):
    network, x, target, rng = data.draw(cases(name, counts=(2, 9)))
    n, cut = len(x), int(rng.integers(1, len(x)))
    with blocks_of(size):
        parts = [network.loss_and_gradients(x[part], target[part]) for part in (slice(0, cut), slice(cut, n))]
        whole = network.loss_and_gradients(x, target)
    shares = (cut / n, (n - cut) / n)
    joined = {
        key: sum(share * gradients[key] for share, (_, gradients) in zip(shares, parts, strict=True)).astype(
            value.dtype
        )
        for key, value in whole[1].items()
    }
    loss = sum(share * part for share, (part, _) in zip(shares, parts, strict=True))
    assert_same_gradients(whole, (loss, joined), eps_of(network))


@given(name=names, data=st.data(), size=block_bytes)
def test_the_order_of_the_batch_changes_nothing(name, data, size):
    network, x, target, rng = data.draw(cases(name, counts=(1, 9)))
    factor = conditioning(network, x)
    assume(factor < 1e3)
    order = rng.permutation(len(x))
    with blocks_of(size):
        ours = network.loss_and_gradients(x[order], target[order])
        expected = network.loss_and_gradients(x, target)
    assert_same_gradients(ours, expected, eps_of(network), 1000 * factor)


@given(name=names, data=st.data())
def test_a_small_step_along_the_gradient_moves_the_loss_by_the_gradients_length(name, data):
    network, x, target, _ = data.draw(cases(name, counts=(1, 6), exact=False, dtype=np.float64))
    assume(conditioning(network, x) < 1e2)
    loss, gradients = network.loss_and_gradients(x, target)
    squared = sum(float(np.sum(np.square(gradient))) for gradient in gradients.values())
    assume(squared > 1e-8)
    length = 1e-6
    down, up = copy.deepcopy(network), copy.deepcopy(network)
    sgd_step(down.parameters, gradients, length / np.sqrt(squared))
    sgd_step(up.parameters, {key: -gradient for key, gradient in gradients.items()}, length / np.sqrt(squared))
    lower, higher = (other.loss_and_gradients(x, target)[0] for other in (down, up))
    assert lower < loss < higher
    # A maximum or a zero may change hands on the way, which bends the slope a little.
    assert (higher - lower) / (2 * length) == pytest.approx(np.sqrt(squared), rel=0.01)


@given(name=names, data=st.data(), rates=st.tuples(st.floats(0, 2), st.floats(0, 2)))
def test_a_step_is_linear_in_rate_and_gradient(name, data, rates):
    network, _, _, rng = data.draw(cases(name))
    gradients = {key: rng.standard_normal(value.shape) for key, value in network.parameters.items()}
    before = {key: value.copy() for key, value in network.parameters.items()}

    def stepped(*steps):
        parameters = {key: value.copy() for key, value in before.items()}
        for rate, factor in steps:
            sgd_step(parameters, {key: factor * gradient for key, gradient in gradients.items()}, rate)
        return parameters

    eps, (first, second) = eps_of(network), rates
    for key, value in before.items():
        allowed = 10 * eps * (np.abs(value) + 4 * np.abs(gradients[key]) + 1)
        expected = value.astype(np.float64) - first * gradients[key]
        once = stepped((first, 1))[key]
        assert once.dtype == value.dtype
        assert (np.abs(once - expected) <= allowed).all()
        assert (np.abs(stepped((first, 1), (second, 1))[key] - (expected - second * gradients[key])) <= allowed).all()
        np.testing.assert_array_equal(stepped((first, 2))[key], stepped((2 * first, 1))[key])
        assert (np.abs(stepped((first, 1), (first, -1))[key] - value) <= allowed).all()
        np.testing.assert_array_equal(stepped((0, 1))[key], value)
        np.testing.assert_array_equal(network.parameters[key], value)


@given(name=names, data=st.data(), steps=st.integers(0, 4))
def test_gradient_descent_is_steps_along_the_gradients(name, data, steps):
    network, x, target, rng = data.draw(cases(name, counts=(1, 6), exact=False))
    assume(conditioning(network, x) < 1e2)
    rate, size = 0.05, None if "standardized" in name else data.draw(st.none() | st.integers(1, len(x)))
    seed = int(rng.integers(2**32))
    by_hand = copy.deepcopy(network)
    before = (x.tobytes(), target.tobytes())
    history = gradient_descent(
        network, x, target, learning_rate=rate, steps=steps, batch_size=size, rng=np.random.default_rng(seed)
    )
    assert (x.tobytes(), target.tobytes()) == before
    assert len(history.loss) == steps
    assert history.diverged_at is None
    order, losses = np.random.default_rng(seed), []
    waiting = []
    for _ in range(steps):
        if size is None:
            images, answers = x, target
        else:
            if not waiting:
                shuffled = order.permutation(len(x))
                waiting = [shuffled[k * size : k * size + size] for k in range(len(x) // size)]
            chosen = waiting.pop(0)
            images, answers = x[chosen], target[chosen]
        loss, gradients = by_steps(by_hand, images, answers)
        losses.append(loss)
        for key, gradient in gradients.items():
            by_hand.parameters[key] -= rate * gradient
    times = 2e4 * eps_of(network)
    np.testing.assert_allclose(history.loss, losses, rtol=times, atol=times)
    for key, value in by_hand.parameters.items():
        np.testing.assert_allclose(network.parameters[key], value, rtol=0, atol=times * (1 + np.abs(value).max()))


class KeptMemory(RuleBasedStateMachine):
    """Networks of all kinds take turns with the memory that the fast path keeps; each must get what is its own."""

    @initialize(data=st.data())
    def make_networks(self, data):
        self.kept, _engine._in_this_thread = _engine._in_this_thread, threading.local()
        names = data.draw(st.lists(st.sampled_from(NAMES), min_size=3, max_size=5), label="networks")
        self.cases = [data.draw(cases(name, counts=(4, 9), alike=True)) for name in names]
        self.handed_out = []

    def teardown(self):
        if hasattr(self, "kept"):
            _engine._in_this_thread = self.kept

    @rule(which=st.integers(0, 4), data=st.data(), size=block_bytes, count=st.booleans())
    def run(self, which, data, size, count):
        network, x, target, _ = self.cases[which % len(self.cases)]
        n = len(x) if getattr(network, "standardized", False) else data.draw(st.integers(1, len(x)), label="n")
        x, target = x[-n:], target[-n:]
        factor = conditioning(network, x)
        if factor > 1e3:
            return
        with blocks_of(size):
            ours = network.loss_gradients_and_correct(x, target)[:2] if count else network.loss_and_gradients(x, target)
        assert_same_gradients(ours, by_steps(network, x, target), eps_of(network), 1000 * factor)
        kept, _engine._in_this_thread = _engine._in_this_thread, threading.local()
        with blocks_of(size):
            fresh = network.loss_and_gradients(x, target)
        _engine._in_this_thread = kept
        assert_same_gradients(ours, fresh, eps_of(network), 100 * factor)
        self.handed_out.append((ours[1], {key: gradient.copy() for key, gradient in ours[1].items()}))

    @rule(which=st.integers(0, 4), size=block_bytes)
    def predict(self, which, size):
        network, x, _, _ = self.cases[which % len(self.cases)]
        with blocks_of(size):
            ours = network.predict(x)
        record = network.forward(x)
        if hasattr(record, "logits"):
            np.testing.assert_array_equal(ours, record.logits.argmax(axis=1))
        elif hasattr(record, "logit"):
            np.testing.assert_array_equal(ours, record.prediction > 0.5)

    @precondition(lambda self: self.handed_out)
    @rule(which=st.integers(0, 4), rate=st.floats(0, 0.1))
    def train(self, which, rate):
        network, x, target, _ = self.cases[which % len(self.cases)]
        if conditioning(network, x) < 1e2:
            sgd_step(network.parameters, network.loss_and_gradients(x, target)[1], rate)

    @rule(which=st.integers(0, 4))
    def make_a_twin(self, which):
        case = self.cases[which % len(self.cases)]
        self.cases[which % len(self.cases)] = case._replace(network=copy.deepcopy(case.network), x=case.x[::-1])

    @invariant()
    def what_was_handed_out_stays_as_it_was(self):
        for gradients, as_they_were in getattr(self, "handed_out", ()):
            for key, value in gradients.items():
                np.testing.assert_array_equal(value, as_they_were[key])


TestKeptMemory = KeptMemory.TestCase
TestKeptMemory.settings = settings(settings(), stateful_step_count=12)
