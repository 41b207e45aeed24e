"""One digit on its way through notebook 4's network: every stage by SciPy, and the words and lists made of them."""

import numpy as np
import pytest
from boards import few_examples, fit, quick_png, sample, words
from scipy.signal import correlate2d
from scipy.special import expit

from cnnlab.course import widgets
from cnnlab.course.widgets import _digit_stages, _digits, _raster
from cnnlab.course.widgets._digit_stages import stages_of_digit
from cnnlab.networks import BinaryCNN
from cnnlab.training import gradient_descent


@pytest.fixture(scope="module")
def examples():
    return few_examples()


@pytest.fixture(scope="module")
def network(examples):
    """Trained a little, so that some of its answers are right and some are wrong."""
    network, rng = _digits.initial_network()
    gradient_descent(network, examples[0].images, examples[0].targets, learning_rate=0.2, steps=60, rng=rng)
    return network


@pytest.fixture(autouse=True)
def _few_digits(examples, monkeypatch):
    monkeypatch.setattr(_digits, "load_examples", lambda: examples)
    monkeypatch.setattr(_raster.Raster, "png", quick_png())


def few_mistakes(monkeypatch, examples, network, count):
    """Let the network be right about all held-out digits but the first few."""
    targets = network.predict(examples[1].images).astype(bool)
    targets[:count] ^= True
    changed = examples[0], examples[1]._replace(targets=targets)
    monkeypatch.setattr(_digits, "load_examples", lambda: changed)


def test_the_digits_are_those_of_the_sample_as_the_notebook_prepares_them(examples):
    for prepared, digits in zip(examples, sample(), strict=True):
        n = len(prepared.labels)
        np.testing.assert_array_equal(prepared.images, (digits.images[:n] / 255).astype(np.float32))
        np.testing.assert_array_equal(prepared.labels, digits.labels[:n])
        np.testing.assert_array_equal(prepared.targets, digits.labels[:n] > 4)


def test_every_stage_of_a_digit_is_what_scipy_computes(network, examples):
    parameters = {name: value.astype(float) for name, value in network.parameters.items()}
    image = examples[1].images[5, 0].astype(float)
    kernels = zip(parameters["conv_weight"][:, 0], parameters["conv_bias"], strict=True)
    maps = np.array([correlate2d(image, kernel, mode="valid") + bias for kernel, bias in kernels])
    parts = expit(maps) * parameters["dense_weight"].reshape(3, 24, 24)
    score = parts.sum() + parameters["dense_bias"][0]

    stages = stages_of_digit(network, examples[1], 5)
    for found, expected in ((stages.conv, maps), (stages.sigmoid, expit(maps)), (stages.parts, parts)):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(stages.sums, parts.sum(axis=(1, 2)), atol=1e-3)
    assert (stages.score, stages.prediction) == pytest.approx((score, expit(score)), abs=1e-3)
    sums = " ".join(f"{value:+.2f}" for value in parts.sum(axis=(1, 2))).replace("-", "−")
    assert f"parts {sums}, bias " in stages.words


def test_the_words_name_digit_answer_and_whether_it_is_right(network, examples):
    held_out = examples[1]
    for number, (label, answer) in enumerate(zip(held_out.labels, network.predict(held_out.images), strict=True)):
        said = '"greater than four"' if answer else '"not greater than four"'
        verdict = "right" if bool(answer) == (label > 4) else "wrong"
        first = stages_of_digit(network, held_out, number).words.split("\n")[0]
        assert first == f"picture {number} shows a {label}: answer {said}, {verdict}"


def test_only_the_wrong_ones_are_wrong_and_in_order(network, examples):
    board = widgets.digit_stages(network)
    wrong = np.flatnonzero(network.predict(examples[1].images) != (examples[1].labels > 4))
    board.controls["answers"].value = "wrong"
    for place in (0, 1, len(wrong) - 1):
        board.controls["digit"].value = place
        first = f"picture {wrong[place]}, one of {len(wrong)} answered wrongly, shows a "
        assert words(board)[0].startswith(first)


def test_the_slider_ends_at_the_last_wrong_answer_and_a_network_without_mistakes_has_none(
    network, examples, monkeypatch
):
    few_mistakes(monkeypatch, examples, network, 3)
    board = widgets.digit_stages(network, digit=99)
    board.controls["answers"].value = "wrong"
    assert (board.controls["digit"].value, board.controls["digit"].max) == (2, 2)
    assert words(board)[0].startswith("picture 2, one of 3 answered wrongly, shows a ")
    board.controls["answers"].value = "all"
    assert (board.controls["digit"].value, board.controls["digit"].max) == (2, 99)
    assert words(board)[0].startswith("picture 2 shows a ")

    few_mistakes(monkeypatch, examples, network, 1)
    board = widgets.digit_stages(network)
    board.controls["answers"].value = "wrong"
    assert words(board)[0].startswith("picture 0, the only one answered wrongly, shows a ")

    few_mistakes(monkeypatch, examples, network, 0)
    board = widgets.digit_stages(network)
    board.controls["answers"].value = "wrong"
    assert words(board) == ["this network answers all held-out digits rightly: there is no wrong answer to show", ""]
    board.controls["answers"].value = "all"
    assert words(board)[0].startswith("picture ")


@pytest.mark.thorough
def test_without_a_network_it_says_how_long_its_own_was_trained_which_is_kept(monkeypatch):
    board = widgets.digit_stages()
    assert words(board)[1].endswith("(trained for 800 steps)")
    monkeypatch.setattr(_digit_stages, "gradient_descent", None)
    assert words(widgets.digit_stages()) == words(board)
    _digit_stages.quick_network.cache_clear()  # it was trained on few digits


def test_training_on_leaves_what_is_shown_alone(network):
    other = BinaryCNN(network.parameters, loss="cross_entropy")
    board = widgets.digit_stages(other)
    before = words(board)
    other.parameters["dense_weight"][:] = 0
    board.redraw()
    assert words(board) == before


@pytest.mark.parametrize(("filters", "kernel_size"), [(1, 5), (4, 9)])
def test_other_numbers_and_sizes_of_filters_are_shown_too(filters, kernel_size):
    rng = np.random.default_rng(0)
    board = widgets.digit_stages(BinaryCNN.initialize(rng, filters=filters, kernel_size=kernel_size))
    assert words(board)[1].count("+") + words(board)[1].count("−") >= filters
    board.controls["answers"].value = "wrong"
    assert all(fit(line) for line in words(board))


def test_an_untrained_network_of_zeros_is_shown_too():
    parameters = {"conv_weight": np.zeros((3, 1, 5, 5)), "conv_bias": np.zeros(3)}
    parameters |= {"dense_weight": np.zeros((1, 1728)), "dense_bias": np.zeros(1)}
    board = widgets.digit_stages(BinaryCNN(parameters))
    assert words(board)[1] == "parts 0.00 0.00 0.00, bias 0.00: z = 0.00, ŷ = σ(z) = 0.500"


def test_a_network_that_cannot_be_shown_is_refused():
    options = {"must not be standardised": {"standardized": True}, "at most 4 filters": {"filters": 5}}
    options |= {"images of 28×28": {"image_size": 20}}
    for message, option in options.items():
        with pytest.raises(ValueError, match=message):
            widgets.digit_stages(BinaryCNN.initialize(np.random.default_rng(0), **option))
    with pytest.raises(TypeError, match="network must be a BinaryCNN; got str"):
        widgets.digit_stages("network")


@pytest.mark.parametrize("number", [np.nan, np.inf, -1e308, 1e30])
@pytest.mark.parametrize("key", ["conv_weight", "conv_bias", "dense_weight", "dense_bias"])
def test_a_network_whose_training_diverged_is_refused(key, number):
    network = BinaryCNN.initialize(np.random.default_rng(0))
    network.parameters[key].flat[0] = number
    with pytest.raises(ValueError, match="network must have weights and scores up to 100,000, to be drawn; got"):
        widgets.digit_stages(network)
