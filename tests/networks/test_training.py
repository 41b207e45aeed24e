import io
import sys

import numpy as np
import pytest
from oracle import assert_same, draw

from cnnlab.networks import BinaryCNN, FilterRegression, SoftmaxCNN
from cnnlab.training import History, gradient_descent, sgd_step

IMAGE = [[1, 2, 1], [0, 1, 2], [2, 1, 0]]
TARGET = [[1, 2], [2, 1]]


def rng(seed=0):
    return np.random.default_rng(seed)


def regression():
    return FilterRegression({"conv_weight": [[[[0.5, 0.2], [0.3, 0.7]]]]})


def classifier(**options):
    """Make a small network of four classes, with 21 images and their labels."""
    network = SoftmaxCNN.initialize(rng(), image_size=6, classes=4, **options)
    return network, draw(1, 21, 1, 6, 6), np.arange(21) % 4


class Spy:
    """A network with one number for a parameter and no loss to speak of; it notes the images it is given."""

    def __init__(self, losses=None):
        self.parameters = {"w": np.zeros(1)}
        self.seen = []
        self.losses = losses

    def loss_and_gradients(self, x, target):
        self.seen.append(np.array(x)[:, 0, 0, 0].astype(int).tolist())
        assert (np.ravel(target) == 10 * np.array(x)[:, 0, 0, 0]).all()
        loss = 1.0 if self.losses is None else self.losses[len(self.seen) - 1]
        return loss, {"w": np.ones(1)}


def joined(lists):
    return [entry for part in lists for entry in part]


def numbered(n):
    """Make n images of one pixel, each its own number, and a target by which to know it."""
    return np.arange(n).reshape(n, 1, 1, 1), 10 * np.arange(n)


def test_sgd_step_by_hand():
    parameters = {"a": np.array([1.0, 2.0]), "b": np.array([[3.0]], np.float32)}
    a, b = parameters["a"], parameters["b"]
    assert sgd_step(parameters, {"b": np.array([[2]]), "a": np.array([10, -10])}, 0.5) is None
    assert a.tolist() == [-4, 7]
    assert b.tolist() == [[2]]
    assert parameters["a"] is a
    assert parameters["b"] is b
    assert b.dtype == np.float32


@pytest.mark.parametrize(
    ("gradients", "rate"),
    [
        ({"a": [1.0, 1.0], "b": [1.0]}, 1),
        ({"a": [1.0, 1.0], "b": ["x", "y"]}, 1),
        ({"a": [1.0, 1.0]}, 1),
        ({"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [1.0]}, 1),
        ({"a": [1.0, 1.0], "b": [1.0, 1.0]}, -1),
        ({"a": [1.0, 1.0], "b": [1.0, 1.0]}, np.nan),
    ],
)
def test_a_refused_sgd_step_changes_no_parameter(gradients, rate):
    parameters = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}
    with pytest.raises((TypeError, ValueError)):
        sgd_step(parameters, gradients, rate)
    assert parameters["a"].tolist() == [1, 2]
    assert parameters["b"].tolist() == [3, 4]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", np.longdouble])
def test_a_step_may_be_infinite_or_no_number(dtype):
    parameters = {"a": np.ones(5, dtype)}
    with np.errstate(all="raise"):
        sgd_step(parameters, {"a": [np.inf, -np.inf, np.nan, 1e308, 5e-324]}, 1e10)
    assert [str(float(value)) for value in parameters["a"]][:3] == ["-inf", "inf", "nan"]
    assert float(parameters["a"][3]) < -1e300
    assert parameters["a"][4] == 1


@pytest.mark.parametrize("wrong", [np.ma.ones(2), [1.0, 1.0], np.ones(2, complex), np.ones(2, object), None, 1.0])
def test_what_cannot_be_changed_in_place_is_no_parameter(wrong):
    parameters = {"a": np.ones(2), "b": wrong}
    with pytest.raises(TypeError, match=r"^parameters\['b'\] must be a writeable array of floats, .*; got \w+"):
        sgd_step(parameters, {"a": np.ones(2), "b": np.ones(2)}, 0.1)
    assert parameters["a"].tolist() == [1, 1]


def test_gradient_descent_is_repeated_sgd_steps():
    network, x, labels = classifier()
    by_hand, _, _ = classifier()
    losses = []
    for _ in range(5):
        loss, gradients = by_hand.loss_and_gradients(x, labels)
        losses.append(loss)
        for key, value in by_hand.parameters.items():
            value -= 0.3 * gradients[key]
    history = gradient_descent(network, x, labels, learning_rate=0.3, steps=5)
    assert isinstance(history, History)
    assert_same(history.loss, losses)
    assert history.diverged_at is None
    for key, value in by_hand.parameters.items():
        assert_same(network.parameters[key], value)


def test_accuracy_is_the_share_of_right_answers_before_each_update():
    network, x, labels = classifier()
    expected = []
    history = gradient_descent(
        network,
        x,
        labels,
        learning_rate=1,
        steps=30,
        on_step=lambda step, loss: expected.append((network.predict(x) == labels).mean()),
    )
    assert_same(history.accuracy, expected)
    assert history.accuracy[-1] > history.accuracy[0]


def test_what_does_not_fill_a_batch_waits_for_another_epoch():
    spy = Spy()
    gradient_descent(spy, *numbered(10), learning_rate=0, steps=60, batch_size=4, rng=rng())
    assert {len(batch) for batch in spy.seen} == {4}
    for first, second in zip(spy.seen[::2], spy.seen[1::2], strict=True):
        assert len(set(first + second)) == 8
    assert set(joined(spy.seen)) == set(range(10))


DIVERGING = {
    "FilterRegression": lambda: (regression(), IMAGE, TARGET),
    "SoftmaxCNN": classifier,
    "SoftmaxCNN in float32": lambda: classifier(dtype=np.float32),
    "BinaryCNN": lambda: (
        BinaryCNN.initialize(rng(), image_size=6, loss="cross_entropy"),
        draw(1, 8, 1, 6, 6),
        [0, 1, 1, 1, 0, 1, 0, 1],
    ),
    "BinaryCNN standardized": lambda: (
        BinaryCNN.initialize(rng(), image_size=6, standardized=True),
        draw(1, 8, 1, 6, 6),
        [0, 1, 1, 1, 0, 1, 0, 1],
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rate", [10, 1e4, 1e30, 1e200, 1e308])
@pytest.mark.parametrize("name", DIVERGING)
def test_divergence_is_neither_raised_nor_warned_of_nor_plotted(name, rate):
    network, x, target = DIVERGING[name]()
    history = gradient_descent(network, x, target, learning_rate=rate, steps=100)
    assert history.diverged_at == (len(history.loss) if len(history.loss) < 100 else None)
    assert np.isfinite(history.loss).all()
    if history.accuracy is not None:
        assert len(history.accuracy) == len(history.loss)
    if name in ("FilterRegression", "SoftmaxCNN") and rate == 1e200:
        assert history.diverged_at is not None


@pytest.mark.parametrize("last", [np.nan, np.inf, -np.inf])
def test_the_update_of_a_loss_that_is_not_finite_is_not_made(last):
    spy, seen = Spy(losses=[3.0, 2.0, last, 1.0]), []
    history = gradient_descent(
        spy, *numbered(2), learning_rate=1, steps=4, on_step=lambda step, loss: seen.append((step, loss))
    )
    assert history.loss.tolist() == [3, 2]
    assert history.diverged_at == 2
    assert spy.parameters["w"].tolist() == [-2]
    assert seen == [(0, 3), (1, 2)]


def test_on_step_sees_the_parameters_that_gave_the_loss():
    network, seen = regression(), []

    def note(step, loss):
        seen.append((step, loss, network.loss(network.forward(IMAGE), TARGET)))

    history = gradient_descent(network, IMAGE, TARGET, learning_rate=0.1, steps=4, on_step=note)
    assert [step for step, _, _ in seen] == [0, 1, 2, 3]
    for step, loss, own in seen:
        assert loss == history.loss[step]
        assert loss == pytest.approx(own, rel=1e-12)


def test_a_true_answer_of_on_step_ends_the_run_before_the_update():
    network = regression()
    history = gradient_descent(
        network, IMAGE, TARGET, learning_rate=0.1, steps=99, on_step=lambda step, loss: step == 2
    )
    assert len(history.loss) == 3
    assert history.diverged_at is None
    other = regression()
    gradient_descent(other, IMAGE, TARGET, learning_rate=0.1, steps=2)
    assert_same(network.parameters["conv_weight"], other.parameters["conv_weight"])


def test_an_error_in_on_step_reaches_the_caller():
    def stop(step, loss):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gradient_descent(regression(), IMAGE, TARGET, learning_rate=0.1, steps=3, on_step=stop, progress=True)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, labels: (x, np.where(np.arange(21) == 20, 4, labels)),
        lambda x, labels: (x, np.where(np.arange(21) == 20, -1, labels)),
        lambda x, labels: (x, labels + 0.5),
        lambda x, labels: (x, np.eye(4)[labels]),
        lambda x, labels: (x, labels.astype(str)),
        lambda x, labels: (x, labels[:20]),
        lambda x, labels: (x[:, :, 1:], labels),
        lambda x, labels: (x[:, :, :1], labels),
        lambda x, labels: (x[:, 0], labels),
    ],
)
@pytest.mark.parametrize("batch_size", [None, 1, 5])
def test_what_is_wrong_with_one_image_is_found_before_the_first_step(wrong, batch_size):
    network, x, labels = classifier()
    before = {key: value.copy() for key, value in network.parameters.items()}
    generator, called = rng(), []
    with pytest.raises((TypeError, ValueError), match=r"^(x|target) "):
        gradient_descent(
            *(network, *wrong(x, labels)),
            learning_rate=0.1,
            steps=9,
            batch_size=batch_size,
            rng=generator,
            on_step=lambda step, loss: called.append(step),
        )
    assert not called
    assert generator.bit_generator.state == rng().bit_generator.state
    assert all(np.array_equal(network.parameters[key], before[key]) for key in before)


@pytest.mark.filterwarnings("error")
def test_on_step_is_warned_of_its_own_slips():
    with pytest.raises(RuntimeWarning, match="divide by zero"):
        gradient_descent(
            regression(), IMAGE, TARGET, learning_rate=0.1, steps=1, on_step=lambda step, loss: np.ones(1) / np.zeros(1)
        )


@pytest.mark.parametrize("stream", [None, "closed"])
def test_without_a_console_there_is_no_progress_bar(monkeypatch, stream):
    if stream == "closed":
        stream = io.StringIO()
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    assert len(gradient_descent(regression(), IMAGE, TARGET, learning_rate=0.1, steps=3, progress=True).loss) == 3


def test_the_progress_bar_changes_no_number_and_writes_nothing_to_stdout(capsys):
    plain = gradient_descent(regression(), IMAGE, TARGET, learning_rate=0.1, steps=7)
    assert capsys.readouterr() == ("", "")
    shown = gradient_descent(regression(), IMAGE, TARGET, learning_rate=0.1, steps=7, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "7/7" in err
    assert (shown.loss == plain.loss).all()
