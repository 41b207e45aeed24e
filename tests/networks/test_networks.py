import inspect

import numpy as np
import pytest
import scipy.special
from hostile import Argument, Case, Refuse, accept, failures
from hostile_values import EMPTY, EXTREMES, FLOATS, FORMS, INTEGERS, RANKS, WHOLE
from oracle import assert_same, central_differences, draw, needs_torch, torch
from strategies import blocks_of

from cnnlab import _im2col
from cnnlab.convolution import conv2d
from cnnlab.networks import BinaryCNN, FilterRegression, SingleFilterCNN, SoftmaxCNN, TenClassCNN

F = None if torch is None else torch.nn.functional


def rng(seed=0):
    return np.random.default_rng(seed)


def yes_or_no(n):
    return np.arange(n) % 2


# How to make a small one of each network, how large its images are, and a target for n images.
NETWORKS = {
    "FilterRegression": (
        lambda **k: FilterRegression.initialize(rng(), kernel_size=(3, 2), **k),
        (6, 7),
        lambda n: draw(8, n, 1, 4, 6),
    ),
    "SingleFilterCNN": (
        lambda **k: SingleFilterCNN.initialize(rng(), image_size=(7, 6), kernel_size=(3, 4), **k),
        (7, 6),
        yes_or_no,
    ),
    "SoftmaxCNN": (
        lambda **k: SoftmaxCNN.initialize(rng(), image_size=(7, 8), kernel_size=(2, 3), filters=3, classes=4, **k),
        (7, 8),
        lambda n: np.arange(n) % 4,
    ),
    "TenClassCNN": (
        lambda **k: TenClassCNN.initialize(
            rng(), image_size=(13, 12), filters=(2, 3), kernel_size=(3, 2), hidden=5, classes=4, **k
        ),
        (13, 12),
        lambda n: np.arange(n) % 4,
    ),
}
for loss in ("half_squared_error", "cross_entropy"):
    for standardized in (False, True):
        NETWORKS[f"BinaryCNN {loss}{' standardized' * standardized}"] = (
            lambda loss=loss, standardized=standardized, **k: BinaryCNN.initialize(
                rng(),
                image_size=(5, 6),
                filters=2,
                kernel_size=(2, 3),
                loss=loss,
                standardized=standardized,
                **k,
            ),
            (5, 6),
            yes_or_no,
        )


def make(name, n, dtype=np.float64):
    """Make a network whose parameters are all of a size to matter, with n images and their target."""
    create, size, target = NETWORKS[name]
    network = create(dtype=dtype)
    for place, (key, value) in enumerate(network.parameters.items()):
        network.parameters[key][...] = (0.5 * draw(20 + place, *value.shape)).astype(dtype)
    return network, draw(7, n, 1, *size, dtype=dtype), target(n)


def with_parameter(network, key, value):
    """Copy a network, with one parameter replaced."""
    options = {"loss": network.loss_name, "standardized": network.standardized} if type(network) is BinaryCNN else {}
    return type(network)({**network.parameters, key: value}, **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_gradient_equals_central_differences(name):
    network, x, target = make(name, 3)
    record = network.forward(x)
    if hasattr(record, "relu"):
        assert np.abs(record.conv).min() > 1e-4  # away from the kink
    gradients = network.backward(record, target)
    assert list(gradients) == list(network.parameters) == list(network.parameters)
    for key, value in network.parameters.items():

        def loss(changed, key=key):
            other = with_parameter(network, key, changed)
            return other.loss(other.forward(x), target)

        assert np.abs(gradients[key]).max() > 1e-3 or (key == "dense_bias" and "standardized" in name)
        assert_same(gradients[key], central_differences(loss, value), dtype=np.float64, tolerance=1e-6)


def binary_torch(loss, standardized, x, target, conv_weight, conv_bias, dense_weight, dense_bias):
    maps = F.conv2d(x, conv_weight, conv_bias).sigmoid()
    z = F.linear(maps.flatten(1), dense_weight, dense_bias)[:, 0]
    if standardized:
        z = (z - z.mean()) / z.std(correction=0)
    if loss == "cross_entropy":
        return F.binary_cross_entropy_with_logits(z, target)
    return 0.5 * F.mse_loss(z.sigmoid(), target)


@needs_torch
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [name for name in NETWORKS if name.startswith("BinaryCNN")])
def test_a_binary_network_equals_pytorch_with_either_loss_standardized_or_not(name, dtype):
    """The other networks are held against PyTorch in the test of their arguments."""
    network, x, target = make(name, 5, dtype)
    tensors = [torch.tensor(value, requires_grad=True) for value in network.parameters.values()]
    x_tensor, target_tensor = torch.tensor(x), torch.tensor(target.astype(dtype))
    expected = binary_torch(network.loss_name, network.standardized, x_tensor, target_tensor, *tensors)
    expected.backward()
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    loss, gradients = network.loss_and_gradients(x, target)
    assert loss == pytest.approx(expected.item(), rel=tolerance)
    for key, tensor in zip(gradients, tensors, strict=True):
        assert_same(gradients[key], tensor.grad.numpy(), dtype=dtype, tolerance=tolerance)


@pytest.mark.parametrize("block_bytes", [_im2col.BLOCK_BYTES, 1, 2000, 8000])
@pytest.mark.parametrize("n", [0, 2, 9])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_fast_path_gives_the_numbers_of_forward_and_backward(name, n, block_bytes):
    network, x, target = make(name, n)
    record = network.forward(x)
    expected = network.backward(record, target)
    with blocks_of(block_bytes):
        loss, gradients, correct = network.loss_gradients_and_correct(x, target)
    assert type(loss) is float
    assert loss == pytest.approx(network.loss(record, target), rel=1e-12, nan_ok=True)
    assert correct == (None if name == "FilterRegression" else np.sum(network.predict(x) == target))
    assert list(gradients) == list(expected)
    for key in expected:
        assert_same(gradients[key], expected[key], dtype=np.float64)


@pytest.mark.parametrize("target_dtype", [None, np.uint8, bool, np.float64, np.float32])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_float32_network_computes_in_float32(name, target_dtype):
    network, x, target = make(name, 4, np.float32)
    has_labels = name in ("SoftmaxCNN", "TenClassCNN")
    if target_dtype is not None and not (has_labels and np.issubdtype(target_dtype, np.floating)):
        target = (target > 0).astype(target_dtype)
    for images in (x, x.astype(np.float64)):
        record = network.forward(images)
        assert {part.dtype for part in record} == {np.dtype(np.float32)}
        for gradients in (network.backward(record, target), network.loss_and_gradients(images, target)[1]):
            assert {gradient.dtype for gradient in gradients.values()} == {np.dtype(np.float32)}


def test_parameters_are_copied():
    given = {"conv_weight": np.ones((1, 1, 2, 2))}
    network = FilterRegression(given)
    network.parameters["conv_weight"] += 1
    assert (given["conv_weight"] == 1).all()
    given["conv_weight"][...] = 5
    assert (network.parameters["conv_weight"] == 2).all()
    frozen = np.ones((1, 1, 2, 2))
    frozen.flags.writeable = False
    assert FilterRegression({"conv_weight": frozen}).parameters["conv_weight"].flags.writeable


def test_parameters_share_one_dtype():
    given = {
        "conv_weight": np.ones((1, 1, 2, 2), np.float32),
        "conv_bias": np.zeros(1, np.float32),
        "dense_weight": np.ones((2, 1), np.float32),
        "dense_bias": np.zeros(2, np.float32),
    }
    assert {value.dtype for value in SoftmaxCNN(given).parameters.values()} == {np.dtype(np.float32)}
    given["dense_bias"] = [0, 1]
    assert {value.dtype for value in SoftmaxCNN(given).parameters.values()} == {np.dtype(np.float64)}
    given["dense_weight"] = np.ones((2, 1), ">f4")
    assert all(value.dtype.isnative for value in SoftmaxCNN(given).parameters.values())


def test_the_sizes_that_initialize_takes_by_default():
    def sizes(network):
        options = inspect.signature(network.initialize).parameters.values()
        assert [option.name for option in options if option.kind is not option.KEYWORD_ONLY] == ["rng"]
        return {option.name: option.default for option in options if type(option.default) is int}

    assert sizes(FilterRegression) == {"kernel_size": 2}
    assert sizes(SingleFilterCNN) == {"image_size": 32, "kernel_size": 5}
    assert sizes(BinaryCNN) == {"image_size": 28, "filters": 3, "kernel_size": 5}
    assert sizes(SoftmaxCNN) == {"image_size": 8, "filters": 2, "kernel_size": 3, "classes": 2}


def test_initialize_draws_on_the_scale_it_states():
    uniform = FilterRegression.initialize(rng(), kernel_size=80).parameters["conv_weight"]
    assert 0 <= uniform.min() < 0.001
    assert 0.999 < uniform.max() < 1
    assert uniform.mean() == pytest.approx(0.5, abs=0.02)
    single = SingleFilterCNN.initialize(rng(), image_size=128, kernel_size=50).parameters
    assert single["conv_weight"].std() == pytest.approx(0.01, rel=0.05)
    assert single["dense_weight"].std() == pytest.approx(0.01, rel=0.05)
    assert 0 < abs(single["conv_bias"][0]) < 0.05
    assert 0 < abs(single["dense_bias"][0]) < 0.05
    binary = BinaryCNN.initialize(rng(), filters=200).parameters
    assert binary["conv_weight"].std() == pytest.approx(1 / 5, rel=0.05)
    assert binary["dense_weight"].std() == pytest.approx((200 * 24 * 24) ** -0.5, rel=0.05)
    oblong = BinaryCNN.initialize(rng(), filters=500, kernel_size=(2, 8)).parameters
    assert oblong["conv_weight"].std() == pytest.approx(1 / 4, rel=0.05)
    softmax = SoftmaxCNN.initialize(rng(), filters=500).parameters
    assert softmax["conv_weight"].std() == pytest.approx((2 / 9) ** 0.5, rel=0.05)
    assert softmax["dense_weight"].std() == pytest.approx((2 / 4500) ** 0.5, rel=0.05)
    for parameters in (binary, softmax):
        assert not parameters["conv_bias"].any()
        assert not parameters["dense_bias"].any()


def test_records_name_every_intermediate_result():
    def shapes(record):
        return {name: part.shape for name, part in record._asdict().items()}

    x = draw(1, 4, 1, 9, 8)
    assert shapes(FilterRegression.initialize(rng()).forward(x)) == {"x": (4, 1, 9, 8), "prediction": (4, 1, 8, 7)}
    assert shapes(SingleFilterCNN.initialize(rng(), image_size=(9, 8)).forward(x)) == {
        "x": (4, 1, 9, 8),
        "conv": (4, 1, 9, 8),
        "relu": (4, 1, 9, 8),
        "pool": (4, 1, 4, 4),
        "features": (4, 16),
        "logit": (4,),
        "prediction": (4,),
    }
    assert shapes(BinaryCNN.initialize(rng(), image_size=(9, 8)).forward(x)) == {
        "x": (4, 1, 9, 8),
        "conv": (4, 3, 5, 4),
        "sigmoid": (4, 3, 5, 4),
        "features": (4, 60),
        "dense": (4,),
        "logit": (4,),
        "prediction": (4,),
    }
    assert shapes(SoftmaxCNN.initialize(rng(), image_size=(9, 8), classes=5).forward(x)) == {
        "x": (4, 1, 9, 8),
        "conv": (4, 2, 7, 6),
        "relu": (4, 2, 7, 6),
        "pool": (4, 2, 3, 3),
        "features": (4, 18),
        "logits": (4, 5),
        "probabilities": (4, 5),
    }


def test_features_keep_the_order_filter_row_column():
    network = BinaryCNN.initialize(rng(), image_size=6, filters=2, kernel_size=3)
    record = network.forward(draw(1, 2, 1, 6, 6))
    for f, i, j in np.ndindex(2, 4, 4):
        assert (record.features[:, 16 * f + 4 * i + j] == record.sigmoid[:, f, i, j]).all()


def test_the_record_of_a_binary_network_is_its_formula():
    network, x, _ = make("BinaryCNN cross_entropy standardized", 5)
    record = network.forward(x)
    p = network.parameters
    assert_same(record.conv, conv2d(x, p["conv_weight"], p["conv_bias"]))
    assert_same(record.sigmoid, scipy.special.expit(record.conv))
    assert_same(record.dense, record.sigmoid.reshape(5, -1) @ p["dense_weight"][0] + p["dense_bias"][0])
    assert_same(record.logit, (record.dense - record.dense.mean()) / record.dense.std())
    assert_same(record.prediction, scipy.special.expit(record.logit))
    plain = BinaryCNN(p, loss="cross_entropy")
    assert_same(plain.forward(x).logit, record.dense)


def test_predict_answers_with_a_class():
    for name in NETWORKS:
        network, x, _ = make(name, 40)
        answers, record = network.predict(x), network.forward(x)
        if name == "FilterRegression":
            assert_same(answers, record.prediction[:, 0])
        elif name in ("SoftmaxCNN", "TenClassCNN"):
            assert (answers == record.probabilities.argmax(axis=1)).all()
            assert len(set(answers)) > 1
        else:
            assert answers.tolist() == [int(p > 0.5) for p in record.prediction]
            assert set(answers) == {0, 1}
            assert answers.dtype.kind == "i"
    filters = FilterRegression({"conv_weight": np.ones((2, 1, 2, 2))})
    assert filters.predict(np.ones((5, 1, 3, 3))).shape == (5, 2, 2, 2)
    assert filters.predict(np.ones((3, 3))).shape == (2, 2, 2)


def test_the_target_must_have_one_answer_for_each_image_even_when_blocks_would_hide_it():
    network = FilterRegression.initialize(rng())
    for block_bytes in (_im2col.BLOCK_BYTES, 1):
        for n in (3, 5):
            with blocks_of(block_bytes), pytest.raises(ValueError, match="target must have shape"):
                network.loss_and_gradients(np.ones((4, 1, 3, 3)), np.ones((n, 1, 2, 2)))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_record_that_forward_did_not_make_is_refused(name):
    network, x, target = make(name, 3)
    record = network.forward(x)
    last = record._fields[-1]
    larger = network.forward(draw(7, 4, *x.shape[1:]))
    for wrong in (
        *(None, "record", 1.0, x, tuple(record), list(record), record._asdict(), type(record), network),
        record._replace(x=x.tolist()),
        record._replace(x=x[:2]),
        record._replace(x=x[:, 0]),
        record._replace(x=x.astype(np.float32)),
        record._replace(x=np.ma.array(x)),
        record._replace(**{last: None}),
        record._replace(**{last: larger[-1]}),
        record._replace(**{last: record[-1].astype(complex)}),
        record._replace(**{last: record[-1].astype(object)}),
    ):
        for method in (network.backward, network.loss):
            with pytest.raises(
                TypeError, match=r"^record must be what this network's forward returned .*; got \w+: call"
            ):
                method(wrong, target)
    network.backward(record, target)  # which is as it was


@pytest.mark.parametrize("key", ["conv_weight", "conv_bias", "dense_weight", "dense_bias"])
def test_a_network_takes_any_numbers_for_parameters_and_nothing_else(key):
    sound = SoftmaxCNN.initialize(rng(), image_size=5, filters=4, kernel_size=2, classes=5).parameters

    def fitting(**parameters):
        found = {name: np.asarray(value, float) for name, value in parameters.items()}
        if found[key].shape != sound[key].shape:
            raise Refuse
        return found

    arguments = {name: Argument(value) for name, value in sound.items()}
    others = accept(EXTREMES, RANKS, EMPTY, WHOLE, answer=fitting)
    arguments[key] = Argument(sound[key], accept(FORMS, INTEGERS, FLOATS), others, named=("dense_bias",))
    found = failures("SoftmaxCNN", Case(lambda **parameters: SoftmaxCNN(parameters).parameters, **arguments), key)
    assert not found, "\n".join(found)


def test_repr_names_the_shapes():
    network = SoftmaxCNN.initialize(rng())
    assert repr(network) == (
        "SoftmaxCNN(conv_weight (2, 1, 3, 3), conv_bias (2,), dense_weight (2, 18), dense_bias (2,))"
    )
