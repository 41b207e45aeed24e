"""The numbers that the course rests on, and the slips that its lessons show."""

import numpy as np
import pytest
from oracle import assert_same, conv2d_loops, draw, needs_torch, torch

from cnnlab.activations import relu, sigmoid, sigmoid_backward
from cnnlab.convolution import conv2d, conv2d_backward, conv2d_output_size
from cnnlab.gradient_check import check_gradient, numerical_gradient
from cnnlab.losses import cross_entropy_backward, half_squared_error, half_squared_error_backward
from cnnlab.networks import BinaryCNN, FilterRegression, SingleFilterCNN, SoftmaxCNN
from cnnlab.normalization import standardize, standardize_backward
from cnnlab.pooling import max_pool2d, max_pool2d_backward
from cnnlab.training import gradient_descent

IMAGE = np.array([[1, 2, 1], [0, 1, 2], [2, 1, 0]])
TARGET = np.array([[1, 2], [2, 1]])
BY_HAND = np.array([[0.5, 0.2], [0.3, 0.7]])


def rng(seed=0):
    return np.random.default_rng(seed)


def network_01(kernel):
    return FilterRegression({"conv_weight": np.asarray(kernel)[None, None]})


def loss_01(kernel):
    network = network_01(kernel)
    return network.loss(network.forward(IMAGE), TARGET)


def seed_42():
    return np.random.RandomState(42).rand(2, 2)


def loss_of(network, key, x, target):
    """Write the loss as a function of one parameter, for a gradient check."""
    options = {"loss": network.loss_name, "standardized": network.standardized} if type(network) is BinaryCNN else {}

    def loss(value):
        other = type(network)({**network.parameters, key: value}, **options)
        return other.loss(other.forward(x), target)

    return loss


def check(network, key, x, target, gradient):
    return check_gradient(loss_of(network, key, x, target), network.parameters[key], gradient)


# Notebook 1: a filter learns.


def test_01_by_hand():
    network = network_01(BY_HAND)
    record = network.forward(IMAGE)
    assert_same(record.prediction[0, 0], [[1.6, 2.9], [1.5, 1.2]])
    assert network.loss(record, TARGET) == pytest.approx(0.365, abs=1e-12)
    assert_same(network.backward(record, TARGET)["conv_weight"][0, 0], [[1.3, 1.0], [0.05, 0.95]])
    history = gradient_descent(network, IMAGE, TARGET, learning_rate=0.1, steps=1)
    assert_same(history.loss, [0.365])
    assert_same(network.parameters["conv_weight"][0, 0], [[0.37, 0.1], [0.295, 0.605]])
    assert network.loss(network.forward(IMAGE), TARGET) == pytest.approx(0.166225, abs=1e-12)


def test_01_ten_steps_from_seed_42():
    network = network_01(seed_42())
    history = gradient_descent(network, IMAGE, TARGET, learning_rate=0.1, steps=10)
    expected = [
        2.806756433470147,
        0.13343994332929213,
        0.08700468787655283,
        0.06365044833742013,
        0.04665387773998236,
        0.0342376249141862,
        0.025163498876980828,
        0.01852886611869977,
        0.013675331471486415,
        0.010122541172529635,
    ]
    np.testing.assert_allclose(history.loss, expected, rtol=1e-12)
    final = [[0.03657673, 0.25244035], [0.58689807, 0.5030603]]
    np.testing.assert_allclose(network.parameters["conv_weight"][0, 0], final, atol=5e-9)


def test_01_after_two_steps_each_takes_off_what_the_middle_axes_lose():
    losses = gradient_descent(network_01(seed_42()), IMAGE, TARGET, learning_rate=0.1, steps=11).loss
    kept = losses[3:] / losses[2:-1]
    # Along the middle axes the loss keeps (1 − 0.1 λ)² a step, with λ = 1.4242 and 1.5720; along the flattest 0.949.
    assert ((kept > 0.71) & (kept < 0.744)).all()
    assert kept.mean() == pytest.approx((1 - 0.14242) ** 2, abs=0.002)
    long = gradient_descent(network_01(seed_42()), IMAGE, TARGET, learning_rate=0.1, steps=1000).loss
    assert long[60] / long[59] == pytest.approx((1 - 0.02598) ** 2, abs=1e-4)
    assert np.sum(long >= 1e-12) == 392


def test_01_the_bowl_and_its_steepest_direction():
    windows = [[1, 2, 0, 1], [2, 1, 1, 2], [0, 1, 2, 1], [1, 2, 1, 0]]
    hessian = 2 / 4 * np.transpose(windows) @ windows
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), [0.2598, 1.4242, 1.5720, 10.7440], atol=5e-5)
    # The package's gradient is a straight line with that slope.
    gradient = lambda kernel: network_01(kernel).loss_and_gradients(IMAGE, TARGET)[1]["conv_weight"].ravel()
    columns = [gradient(np.eye(4)[i].reshape(2, 2)) - gradient(np.zeros((2, 2))) for i in range(4)]
    assert_same(np.array(columns), hessian)
    assert 2 / np.linalg.eigvalsh(hessian)[-1] == pytest.approx(0.18615, abs=5e-6)


def test_01_the_optimum_has_no_loss():
    network = network_01([[0, 0.2], [0.6, 0.6]])
    loss, gradients = network.loss_and_gradients(IMAGE, TARGET)
    assert loss < 1e-30
    assert np.abs(gradients["conv_weight"]).max() < 1e-15
    network = network_01(seed_42())
    gradient_descent(network, IMAGE, TARGET, learning_rate=0.1, steps=2000)
    np.testing.assert_allclose(network.parameters["conv_weight"][0, 0], [[0, 0.2], [0.6, 0.6]], atol=1e-12)


@pytest.mark.parametrize("rate", [0.18, 0.186])
def test_01_a_rate_below_the_limit_converges(rate):
    history = gradient_descent(network_01(seed_42()), IMAGE, TARGET, learning_rate=rate, steps=3000)
    assert history.diverged_at is None
    assert history.loss[-1] < 1e-3 * history.loss[0]


@pytest.mark.parametrize(("rate", "kept"), [(0.18, 0.872), (0.19, 1.084)])
def test_01_near_the_limit_each_step_keeps_what_the_steepest_axis_keeps(rate, kept):
    losses = gradient_descent(network_01(seed_42()), IMAGE, TARGET, learning_rate=rate, steps=61).loss
    np.testing.assert_allclose(losses[5:] / losses[4:-1], kept, atol=0.003)


@pytest.mark.thorough
@pytest.mark.parametrize("rate", [0.1865, 0.19])
def test_01_a_rate_above_the_limit_explodes(rate):
    history = gradient_descent(network_01(seed_42()), IMAGE, TARGET, learning_rate=rate, steps=400)
    assert history.loss[-1] > 2 * history.loss[200]
    assert gradient_descent(network_01(seed_42()), IMAGE, TARGET, learning_rate=0.19, steps=12000).diverged_at > 1000


def test_slip_01_a_gradient_over_two_of_the_four_windows():
    error = conv2d(IMAGE, BY_HAND) - TARGET
    slip = np.zeros((2, 2))
    for i in range(2):  # the left windows only
        slip += 2 / 4 * error[i, 0] * IMAGE[i : i + 2, 0:2]
    assert_same(slip, [[0.3, 0.35], [-0.5, 0.05]])
    assert not check_gradient(loss_01, BY_HAND, slip).passed
    assert check_gradient(loss_01, BY_HAND, [[1.3, 1.0], [0.05, 0.95]]).passed
    assert loss_01(BY_HAND - 0.1 * slip) == pytest.approx(0.2937875, abs=1e-12)
    assert_same(BY_HAND - 0.1 * slip, [[0.47, 0.165], [0.35, 0.695]])


# Notebook 2: padding and convolution.


def test_slip_02_an_output_as_large_as_the_image_whatever_the_kernel():
    def slip(image, kernel, padding):
        padded = np.pad(image, padding)
        out = np.zeros(image.shape)
        for i in range(padded.shape[0] - kernel.shape[0] + 1):
            for j in range(padded.shape[1] - kernel.shape[1] + 1):
                out[i, j] = (padded[i : i + kernel.shape[0], j : j + kernel.shape[1]] * kernel).sum()
        return out

    image, kernel = np.arange(1, 10).reshape(3, 3), np.array([[1, 0], [0, -1]])
    with pytest.raises(IndexError):
        slip(image, kernel, 1)
    right = conv2d(image, kernel, padding=1)
    assert right.shape == (4, 4)
    assert conv2d_output_size(3, 2, padding=1) == 4
    # By hand: corners and edges see zeros, the inside is x[i, j] − x[i+1, j+1] = −4.
    assert right.tolist() == [[-1, -2, -3, 0], [-4, -4, -4, 3], [-7, -4, -4, 6], [0, 7, 8, 9]]
    # With a kernel twice the padding and one, the two sizes agree, and the slip stays unseen.
    assert_same(slip(image, np.ones((3, 3)), 1), conv2d(image, np.ones((3, 3)), padding=1))


def test_02_gradients_of_the_matrix_product_and_a_kernel_that_is_not_turned():
    image = np.array([[1, 2, 0, 3], [0, 1, 2, 1], [3, 0, 1, 2]])
    kernel, error = np.array([[1, 2], [0, -1]]), np.array([[1, 0, -1], [2, 1, 0]])
    assert conv2d(image, kernel).tolist() == [[4, 0, 5], [2, 4, 2]]
    gradients = conv2d_backward(error, image, kernel)
    assert gradients.weight.tolist() == [[2, 3], [4, 1]]
    assert gradients.x.tolist() == [[1, 2, -1, -2], [2, 4, 2, 1], [0, -2, -1, 0]]
    f = lambda x: (error * conv2d(x, kernel)).sum()
    assert check_gradient(f, image, gradients.x).passed
    slip = check_gradient(f, image, conv2d(error, kernel, padding=1))
    assert slip.max_relative_error == pytest.approx(1.5, abs=1e-6)
    assert slip.worst_index == (2, 1)


# Notebook 3: one filter, a whole network.


def test_03_sizes_and_fifty_steps():
    r = rng()
    image = r.integers(1, 255, (32, 32))
    network = SingleFilterCNN.initialize(r)
    record = network.forward(image)
    assert record.conv.shape == record.relu.shape == (1, 1, 32, 32)
    assert record.pool.shape == (1, 1, 16, 16)
    assert record.features.shape == (1, 256)
    answers = []
    history = gradient_descent(
        network,
        image,
        0,
        learning_rate=0.001,
        steps=50,
        on_step=lambda step, loss: answers.append(network.forward(image).prediction[0]),
    )
    assert_same(history.loss, 0.5 * np.square(answers))
    assert (np.diff(answers) < 0).all()
    assert answers[-1] < 0.05 < answers[0]


def after_steps_on_noise(learning_rate, steps):
    """Train the page's network on its image of noise, with the target 0; return both."""
    r = rng(9)
    image = r.integers(1, 255, (32, 32))
    network = SingleFilterCNN.initialize(r)
    gradient_descent(network, image, 0, learning_rate=learning_rate, steps=steps)
    return network, image


def test_03_a_network_trained_on_one_image_gives_its_answer_to_every_image():
    network, image = after_steps_on_noise(0.001, 50)
    assert network.forward(image).prediction[0] == pytest.approx(0.0135, abs=5e-5)
    others = [network.forward(rng(seed).integers(1, 255, (32, 32))).prediction[0] for seed in range(100, 105)]
    assert 0.02 < min(others) < max(others) < 0.055


def test_03_at_rate_0004_the_sigmoid_saturates_though_the_relu_lives():
    network, image = after_steps_on_noise(0.004, 4)
    record = network.forward(image)
    assert 1e-10 < record.prediction[0] < 1e-8
    assert record.features.all()
    towards_1 = network.backward(record, 1)
    assert max(np.abs(gradient).max() for gradient in towards_1.values()) < 1e-5


def test_03_at_rate_01_the_relu_is_dead_after_one_step_and_only_the_dense_bias_moves():
    network, image = after_steps_on_noise(0.1, 1)
    record = network.forward(image)
    assert not record.features.any()
    gradients = network.backward(record, 0)
    assert {key for key, gradient in gradients.items() if gradient.any()} == {"dense_bias"}
    # Only d is left: the score is d, and falls by η (ŷ − 0) ŷ (1 − ŷ) at each step.
    z = network.parameters["dense_bias"][0]
    for _ in range(49):
        y_hat = 1 / (1 + np.exp(-z))
        z -= 0.1 * y_hat * y_hat * (1 - y_hat)
    network, image = after_steps_on_noise(0.1, 50)
    assert network.forward(image).prediction[0] == pytest.approx(1 / (1 + np.exp(-z)), rel=1e-12)
    assert 1 / (1 + np.exp(-z)) == pytest.approx(0.37, abs=0.005)


@pytest.mark.parametrize("seed", range(4))
def test_slip_03_a_kernel_gradient_that_reads_backwards(seed):
    r = rng(seed)
    image = r.integers(1, 255, (12, 12)).astype(float)
    network = SingleFilterCNN.initialize(r, image_size=12)
    record = network.forward(image)
    d_features = half_squared_error_backward(record.prediction, [0]) * record.prediction * (1 - record.prediction)
    d_pool = (d_features * network.parameters["dense_weight"]).reshape(1, 1, 6, 6)
    d_conv = (max_pool2d_backward(d_pool, record.relu) * (record.conv > 0))[0, 0]

    def gradient(sign):
        """Sum image × error, with the image read at i + sign·u, j + sign·v."""
        total = np.zeros((5, 5))
        for u in range(-2, 3):
            for v in range(-2, 3):
                for i in range(12):
                    for j in range(12):
                        k, m = i + sign * u, j + sign * v
                        if 0 <= k < 12 and 0 <= m < 12:
                            total[u + 2, v + 2] += image[k, m] * d_conv[i, j]
        return total[None, None]

    slip = check(network, "conv_weight", image, 0, gradient(-1))
    assert not slip.passed
    assert 0.6 < slip.max_relative_error < 1.4
    turned_back = check(network, "conv_weight", image, 0, gradient(-1)[..., ::-1, ::-1])
    assert turned_back.max_relative_error < 1e-7
    ours = network.backward(record, 0)["conv_weight"]
    assert_same(ours, gradient(+1), tolerance=1e-9)
    assert_same(ours, gradient(-1)[..., ::-1, ::-1], tolerance=1e-9)


def test_slip_03_a_factor_lost_in_the_derivative_of_the_sigmoid():
    score = np.log(0.8 / 0.2)  # the score whose sigmoid is 0.8
    f = lambda z: half_squared_error(sigmoid(z), 1)
    right = sigmoid_backward(half_squared_error_backward(0.8, 1), 0.8)
    assert right == pytest.approx(-0.032, abs=1e-15)
    assert check_gradient(f, score, right).passed
    slip = (0.8 - 1) * 0.8  # (1 − ŷ) is missing
    assert slip == pytest.approx(-0.16)
    failed = check_gradient(f, score, slip)
    assert not failed.passed
    assert failed.max_relative_error == pytest.approx(0.8, abs=1e-6)


def test_slip_03_a_gradient_beside_the_maximum():
    x = np.array([[1.0, 3, 2, 4], [5, 6, 7, 8], [9, 2, 4, 1], [3, 7, 5, 6]])
    dy = np.array([[1.0, 2], [3, 4]])
    right = max_pool2d_backward(dy, x)
    assert right.tolist() == [[0, 0, 0, 0], [0, 1, 0, 2], [3, 0, 0, 0], [0, 0, 0, 4]]
    f = lambda x: (dy * max_pool2d(x)).sum()
    assert check_gradient(f, x, right).passed
    slip = np.array([[0, 0, 0, 2], [0, 1, 0, 0], [3, 0, 0, 0], [0, 0, 0, 4.0]])
    failed = check_gradient(f, x, slip)
    assert not failed.passed
    assert failed.worst_index in ((0, 3), (1, 3))


def test_slip_03_a_relu_that_works_in_place():
    def slip(x):
        x[x < 0] = 0
        return x

    conv = np.array([-1.0, 2.0, -3.0])
    slip(conv)
    assert conv.tolist() == [0, 2, 0]  # what was negative is forgotten
    conv = np.array([-1.0, 2.0, -3.0])
    assert relu(conv).tolist() == [0, 2, 0]
    assert conv.tolist() == [-1, 2, -3]


@pytest.mark.parametrize(("size", "kernel"), [(32, 5), (10, 3), ((9, 14), (3, 4)), ((5, 4), 1)])
def test_03_sizes_follow_the_input(size, kernel):
    network = SingleFilterCNN.initialize(rng(1), image_size=size, kernel_size=kernel)
    network.parameters["conv_bias"][0] = 1
    height, width = (size, size) if isinstance(size, int) else size
    image = draw(1, height, width)
    assert network.forward(image).features.shape == (1, (height // 2) * (width // 2))
    assert check(network, "conv_weight", image, 0, network.loss_and_gradients(image, 0)[1]["conv_weight"]).passed


# Notebook 4: is the digit greater than four?


def binary_case(n=4, **options):
    network = BinaryCNN.initialize(rng(), image_size=(7, 6), filters=3, kernel_size=3, **options)
    network.parameters["dense_weight"] *= 4
    return network, draw(1, n, 1, 7, 6), np.arange(n) % 2


def errors_04(network, x, target):
    """Compute, as the network does, the error of every map cell: (N, F, H', W')."""
    record = network.forward(x)
    d_logit = (record.prediction - target) * record.prediction * (1 - record.prediction) / len(x)
    d_dense = standardize_backward(d_logit, record.dense) if network.standardized else d_logit
    d_maps = (d_dense[:, None] * network.parameters["dense_weight"]).reshape(record.sigmoid.shape)
    return d_maps * record.sigmoid * (1 - record.sigmoid)


def test_04_sizes():
    record = BinaryCNN.initialize(rng(), standardized=True).forward(draw(1, 3, 1, 28, 28))
    assert record.conv.shape == (3, 3, 24, 24)
    assert record.features.shape == (3, 1728)


def test_04_full_batch_descent_on_the_standardised_network_lowers_the_loss():
    x = rng().random((60, 1, 28, 28))
    target = (x[:, 0, :, :14].mean(axis=(1, 2)) > x[:, 0, :, 14:].mean(axis=(1, 2))).astype(int)
    network = BinaryCNN.initialize(rng(), standardized=True)
    history = gradient_descent(network, x, target, learning_rate=0.5, steps=40)
    assert history.loss[-1] < 0.6 * history.loss[0]


def test_slip_04_weights_from_0_to_1_saturate_the_output():
    x, target = rng().random((20, 1, 28, 28)), np.arange(20) % 2
    r = rng(1)
    parameters = {
        "conv_weight": r.random((3, 1, 5, 5)),
        "conv_bias": np.zeros(3),
        "dense_weight": r.random((1, 1728)),
        "dense_bias": [0],
    }
    uniform = BinaryCNN(parameters)
    record = uniform.forward(x)
    assert record.dense.min() > 700
    assert (record.prediction == 1).all()
    assert all((gradient == 0).all() for gradient in uniform.backward(record, target).values())
    history = gradient_descent(uniform, x, target, learning_rate=10, steps=5)
    assert set(history.loss) == {0.25}

    scaled = BinaryCNN.initialize(r)
    record = scaled.forward(x)
    assert 0.1 < record.prediction.min() < record.prediction.max() < 0.9
    assert all(np.abs(gradient).max() > 1e-3 for gradient in scaled.backward(record, target).values())


def test_slip_04_without_an_update_nothing_is_learned():
    network, x, target = binary_case()
    history = gradient_descent(network, x, target, learning_rate=0, steps=5)
    assert len(set(history.loss)) == 1
    before = {key: value.copy() for key, value in network.parameters.items()}
    gradient_descent(network, x, target, learning_rate=0.1, steps=1)
    assert all((value != before[key]).any() for key, value in network.parameters.items())


def correlate_each(x, errors):
    """Sum over images the correlation of each with its own error map."""
    return sum(
        np.array([[conv2d(image[0], error_map) for error_map in error]]).transpose(1, 0, 2, 3)
        for image, error in zip(x, errors, strict=True)
    )


@pytest.mark.parametrize("standardized", [False, True])
def test_04_the_filter_gradient_correlates_each_image_with_its_own_error(standardized):
    network, x, target = binary_case(standardized=standardized)
    gradient = correlate_each(x, errors_04(network, x, target))
    assert check(network, "conv_weight", x, target, gradient).passed
    assert_same(network.loss_and_gradients(x, target)[1]["conv_weight"], gradient)


def slip_first_image(x, errors):
    """Use one image for every image."""
    return correlate_each(np.repeat(x[1:2], len(x), axis=0), errors)


def slip_sum_of_errors(x, errors):
    """Multiply each patch by the sum of the error map."""
    height, width = errors.shape[2:]
    gradient = np.zeros((errors.shape[1], 1, 3, 3))
    for f, _, u, v in np.ndindex(gradient.shape):
        for image, error in zip(x, errors, strict=True):
            gradient[f, 0, u, v] += image[0, u : u + height, v : v + width].sum() * error[f].sum()
    return gradient


def slip_last_entry_repeated(x, errors):
    """Keep only what the loop computed last, and fill the array by repeating it."""
    last = correlate_each(x, errors)[-1:, :, -1:, -1:]
    return np.resize(last, (errors.shape[1], 1, 3, 3))


def slip_averages_first(x, errors):
    """Average images and errors before they meet."""
    mean_image, mean_error = x.mean(axis=0, keepdims=True), errors.mean(axis=0, keepdims=True)
    return len(x) * correlate_each(mean_image, mean_error)


def slip_scrambled(x, errors):
    """Read features that lie filter by filter as if they lay position by position."""
    _, filters, height, width = errors.shape
    scrambled = np.stack([np.resize(error, (height, width, filters)).transpose(2, 0, 1) for error in errors])
    return correlate_each(x, scrambled)


SLIPS_04 = [slip_first_image, slip_sum_of_errors, slip_last_entry_repeated, slip_averages_first, slip_scrambled]


@pytest.mark.parametrize("standardized", [False, True])
@pytest.mark.parametrize("slip", SLIPS_04)
def test_slip_04_each_slip_of_the_filter_gradient_fails(slip, standardized):
    network, x, target = binary_case(standardized=standardized)
    failed = check(network, "conv_weight", x, target, slip(x, errors_04(network, x, target)))
    assert not failed.passed
    assert failed.max_relative_error > 0.05


def test_slip_04_resize_mixes_filter_and_position():
    features = np.arange(1728)  # filter by filter: 0 … 575 belong to the first
    read = np.resize(features, (24, 24, 3))
    assert read[0, 0].tolist() == [0, 1, 2]  # three positions of the first filter, taken for three filters
    assert np.unique(read[..., 0] // 576).tolist() == [0, 1, 2]
    kept = features.reshape(3, 24, 24)
    assert np.unique(kept[0] // 576).tolist() == [0]


def test_slip_04_the_derivative_of_the_standardisation_left_out():
    z, dy = 3 + 2 * draw(1, 6), draw(2, 6)
    f = lambda z: (dy * standardize(z)).sum()
    assert not check_gradient(f, z, dy).passed
    assert not check_gradient(f, z, dy / z.std()).passed  # mean and deviation held fixed
    assert not check_gradient(f, z, (dy - dy.mean()) / z.std()).passed  # the deviation held fixed
    assert check_gradient(f, z, standardize_backward(dy, z)).passed
    network, x, target = binary_case(standardized=True)
    record = network.forward(x)
    d_logit = (record.prediction - target) * record.prediction * (1 - record.prediction) / len(x)
    left_out = (d_logit @ record.features)[None]
    assert not check(network, "dense_weight", x, target, left_out).passed
    right = network.backward(record, target)["dense_weight"]
    assert check(network, "dense_weight", x, target, right).passed


# Notebook 5: two filters and softmax.


def case_05(seed=0):
    r = rng(seed)
    return SoftmaxCNN.initialize(r), r.standard_normal((8, 8))


def test_05_sizes_and_the_single_step():
    network, image = case_05()
    record = network.forward(image)
    assert record.conv.shape == (1, 2, 6, 6)
    assert record.pool.shape == (1, 2, 3, 3)
    assert record.features.shape == (1, 18)
    kernels, bias = network.parameters["conv_weight"], network.parameters["conv_bias"]
    assert_same(record.conv, conv2d_loops(image[None, None], kernels, bias))
    exponentials = np.exp(record.logits - record.logits.max())
    assert_same(record.probabilities, exponentials / exponentials.sum())
    loss, gradients = network.loss_and_gradients(image, 1)
    assert loss == pytest.approx(-np.log(record.probabilities[0, 1]), rel=1e-12)
    for key in network.parameters:
        assert check(network, key, image, 1, gradients[key]).passed
    for key, value in network.parameters.items():
        value -= 0.01 * gradients[key]
    assert network.loss(network.forward(image), 1) < loss


def test_05_the_error_of_the_scores_is_p_minus_y():
    network, image = case_05()
    record = network.forward(image)
    expected = record.probabilities - [[0, 1]]
    assert_same(cross_entropy_backward(record.logits, [1]), expected)
    assert_same(network.backward(record, 1)["dense_bias"], expected[0])
    assert_same(network.backward(record, 1)["dense_weight"], np.outer(expected, record.features))


@needs_torch
def test_05_the_single_step_equals_pytorch():
    network, image = case_05()
    tensors = [torch.tensor(value, requires_grad=True) for value in network.parameters.values()]

    def loss(kernels, bias, weight, offset):
        functional = torch.nn.functional
        maps = functional.max_pool2d(functional.conv2d(torch.tensor(image)[None, None], kernels, bias).relu(), 2)
        return functional.cross_entropy(functional.linear(maps.flatten(1), weight, offset), torch.tensor([1]))

    loss(*tensors).backward()
    gradient_descent(network, image, 1, learning_rate=0.01, steps=1)
    for value, tensor in zip(network.parameters.values(), tensors, strict=True):
        assert_same(value, (tensor - 0.01 * tensor.grad).detach().numpy())


def every_tied_maximum(dy, x):
    """Give each window's gradient to every cell that equals its maximum."""
    dx = np.zeros(x.shape)
    for i in range(x.shape[0] // 2):
        for j in range(x.shape[1] // 2):
            window = x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            dx[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = np.where(window == window.max(), dy[i, j], 0)
    return dx


def test_slip_05_every_tied_maximum_gets_the_gradient():
    x = np.array([[0.0, 0, 3, 1], [0, 0, 3, 2]])  # after ReLU, equal zeros are common
    dy = np.array([[5.0, 7.0]])
    assert every_tied_maximum(dy, x).sum() == 4 * 5 + 2 * 7
    right = max_pool2d_backward(dy, x)
    assert right.tolist() == [[5, 0, 7, 0], [0, 0, 0, 0]]
    # Raising all cells together by a small step raises each maximum by that step and no more.
    rise = ((max_pool2d(x + 1e-6) - max_pool2d(x)) * dy).sum() / 1e-6
    assert rise == pytest.approx(right.sum(), rel=1e-6)
    # Without ties nobody notices.
    x = draw(1, 4, 6)
    dy = draw(2, 2, 3)
    assert_same(every_tied_maximum(dy, x), max_pool2d_backward(dy, x))


def test_slip_05_an_output_size_that_ignores_the_window():
    def slip(x, stride=2):
        height, width = x.shape
        out = np.zeros((height // stride, width // stride))
        for i in range(0, height, stride):
            for j in range(0, width, stride):
                out[i // stride, j // stride] = x[i : i + 2, j : j + 2].max()
        return out

    even, odd = draw(1, 6, 6), draw(2, 7, 7)
    assert_same(slip(even), max_pool2d(even))
    with pytest.raises(IndexError):
        slip(odd)
    assert max_pool2d(odd).shape == (3, 3)
    assert_same(max_pool2d(odd), slip(odd[:6, :6]))


@pytest.mark.parametrize("size", [8, 9, (12, 7)])
def test_05_sizes_follow_the_input(size):
    network = SoftmaxCNN.initialize(rng(), image_size=size)
    height, width = (size, size) if isinstance(size, int) else size
    features = 2 * ((height - 2) // 2) * ((width - 2) // 2)
    assert network.forward(draw(1, height, width)).features.shape == (1, features)
    assert size != 8 or features == 18


def test_05_the_input_gradient_of_the_convolution_is_right_too():
    image, kernels = draw(1, 1, 1, 8, 8), draw(2, 2, 1, 3, 3)
    dy = draw(3, 1, 2, 6, 6)
    gradient = conv2d_backward(dy, image, kernels).x
    assert check_gradient(lambda x: (dy * conv2d(x, kernels)).sum(), image, gradient).passed
    assert_same(numerical_gradient(lambda x: (dy * conv2d(x, kernels)).sum(), image), gradient, tolerance=1e-7)
