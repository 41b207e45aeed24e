"""A network of one's own: any list of layers, any loss, trained as the course's networks are."""

import numpy as np
import pytest
from oracle import assert_same

from cnnlab.gradient_check import check_gradient
from cnnlab.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sigmoid
from cnnlab.networks import Network, SoftmaxCNN
from cnnlab.training import gradient_descent

LISTS = {
    "a pool with a remainder": (Conv2d(2, 3, padding="same"), ReLU(), MaxPool2d(), Flatten(), Linear(3)),
    "a pool before everything": (MaxPool2d(2, stride=1), Conv2d(3, 2), Sigmoid(), Flatten(), Linear(3)),
    "dense layers alone": (Flatten(), Linear(4), Sigmoid(), Linear(3)),
    "overlapping windows": (Conv2d(3, 3, padding=1), MaxPool2d(3, stride=2), ReLU(), Flatten(), Linear(3)),
    "two convolutions": (Conv2d(2, 2), Sigmoid(), Conv2d(3, (2, 3), bias=False), ReLU(), Flatten(), Linear(3)),
    "a sigmoid first": (Sigmoid(), Flatten(), Linear(3)),
    "a ReLU first": (ReLU(), Conv2d(3, 3), Flatten(), Linear(3)),
}
LABELS = np.array([0, 2, 1, 1])


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def own(layers, loss="cross_entropy", **options):
    settings = {"image_size": (5, 6), "channels": 2, "rng": np.random.default_rng(0)} | options
    network = Network.of(*layers, loss=loss, **settings)
    for value in network.parameters.values():
        value += draw(1, *value.shape).astype(value.dtype) / 10  # biases too
    return network


def assert_gradients_are_slopes(network, x, target):
    record = network.forward(x)
    gradients = network.backward(record, target)
    loss, fast = network.loss_and_gradients(x, target)
    assert loss == pytest.approx(network.loss(record, target), rel=1e-12)
    for name, value in network.parameters.items():
        assert_same(fast[name], gradients[name])
        start = value.copy()

        def loss_of(changed, value=value, start=start):
            value[...] = changed
            loss = network.loss(network.forward(x), target)
            value[...] = start
            return loss

        assert check_gradient(loss_of, start, gradients[name]).passed, name


@pytest.mark.parametrize("name", LISTS)
def test_the_gradients_of_any_list_are_slopes_of_its_loss(name):
    assert_gradients_are_slopes(own(LISTS[name]), draw(2, 4, 2, 5, 6), LABELS)


@pytest.mark.parametrize("loss", ["half_squared_error", "binary_cross_entropy_with_logits"])
def test_a_yes_or_no_has_one_output_a_logit_and_a_prediction(loss):
    network, x = own((Conv2d(2, 3), ReLU(), Flatten(), Linear(1)), loss), draw(2, 4, 2, 5, 6)
    assert_gradients_are_slopes(network, x, np.array([0, 1, 1, 0]))
    record = network.forward(x)
    assert record._fields == ("x", "conv", "relu", "features", "logit", "prediction")
    assert_same(record.prediction, 1 / (1 + np.exp(-record.logit)))
    assert network.predict(x).tolist() == (record.logit > 0).astype(int).tolist()


def test_numbers_may_be_fitted_too():
    rows = own((Flatten(), Linear(3)), "mse_loss")
    assert_gradients_are_slopes(rows, draw(2, 4, 2, 5, 6), draw(3, 4, 3))
    maps = own((Conv2d(2, 3), Sigmoid(), Conv2d(1, 1)), "mse_loss")
    assert_gradients_are_slopes(maps, draw(2, 4, 2, 5, 6), draw(3, 4, 1, 3, 4))
    assert rows.loss_gradients_and_correct(draw(2, 4, 2, 5, 6), draw(3, 4, 3))[2] is None


def test_it_is_the_courses_network_where_the_layers_are_the_same():
    layers = Conv2d(2, 3), ReLU(), MaxPool2d(), Flatten(), Linear(2)
    ours = Network.of(*layers, loss="cross_entropy", image_size=8, rng=np.random.default_rng(0))
    theirs = SoftmaxCNN.initialize(np.random.default_rng(0))
    x, target = draw(1, 3, 1, 8, 8), np.array([0, 1, 1])
    assert list(ours.parameters) == list(theirs.parameters)
    assert ours.forward(x)._fields == theirs.forward(x)._fields
    for a, b in zip(ours.forward(x), theirs.forward(x), strict=True):
        assert np.array_equal(a, b)
    assert ours.loss_and_gradients(x, target)[0] == theirs.loss_and_gradients(x, target)[0]


def test_several_layers_of_a_kind_are_numbered_in_parameters_and_record():
    network = own(LISTS["two convolutions"])
    assert list(network.parameters) == ["conv1_weight", "conv1_bias", "conv2_weight", "dense_weight", "dense_bias"]
    fields = network.forward(draw(2, 1, 2, 5, 6))._fields
    assert fields == ("x", "conv1", "sigmoid", "conv2", "relu", "features", "logits", "probabilities")


def test_weights_are_scaled_by_the_numbers_they_sum_and_biases_are_0():
    layers = Conv2d(50, 5), ReLU(), Flatten(), Linear(50)
    network = Network.of(*layers, loss="cross_entropy", image_size=20, channels=3, rng=np.random.default_rng(0))
    assert network.parameters["conv_weight"].std() == pytest.approx(np.sqrt(2 / (3 * 25)), rel=0.05)
    assert network.parameters["dense_weight"].std() == pytest.approx(np.sqrt(2 / (50 * 16 * 16)), rel=0.05)
    assert not network.parameters["conv_bias"].any()


def test_two_networks_of_the_same_layers_do_not_share_what_belongs_to_one():
    layers = LISTS["a pool with a remainder"]
    one, other = own(layers), own(layers, rng=np.random.default_rng(7))
    before = one.loss_and_gradients(draw(2, 4, 2, 5, 6), LABELS)[0]
    other.loss_and_gradients(draw(2, 4, 2, 5, 6), LABELS)
    assert one.loss_and_gradients(draw(2, 4, 2, 5, 6), LABELS)[0] == before
    assert layers[0].name == ""  # what was given is not changed


class LearnersOwn:
    """What a learner may write: parameters, and a loss with its gradients."""

    def __init__(self):
        self.parameters = {"w": np.zeros(1)}

    def loss_and_gradients(self, x, target):
        error = self.parameters["w"] * x.mean() - np.mean(target)
        return float(error[0] ** 2), {"w": 2 * error * x.mean()}


def test_a_class_with_parameters_and_loss_and_gradients_can_be_trained():
    network = LearnersOwn()
    history = gradient_descent(network, np.ones((2, 1, 3, 3)), np.array([3.0, 3.0]), learning_rate=0.1, steps=100)
    assert network.parameters["w"][0] == pytest.approx(3, abs=1e-6)
    assert history.accuracy is None


def test_a_subclass_that_changes_loss_and_gradients_is_trained_with_its_own():
    class Frozen(SoftmaxCNN):
        def loss_and_gradients(self, x, target):
            loss, gradients = super().loss_and_gradients(x, target)
            return loss, {name: 0 * gradient for name, gradient in gradients.items()}

    network = Frozen.initialize(np.random.default_rng(0))
    before = {name: value.copy() for name, value in network.parameters.items()}
    gradient_descent(network, np.eye(8), 1, learning_rate=0.1, steps=3)
    assert all(np.array_equal(network.parameters[name], value) for name, value in before.items())
