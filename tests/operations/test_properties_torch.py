"""PyTorch gives the same values and gradients for whatever is drawn."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from oracle import needs_torch, torch
from strategies import arrays, as_pair, block_bytes, blocks_of, convolutions, generators, kinds_but, poolings

from cnnlab import activations, convolution, linear, losses, pooling

pytestmark = [needs_torch, pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")]
F = None if torch is None else torch.nn.functional
modest = kinds_but("wide")


def tensors(*arrays):
    return [torch.tensor(np.array(array), requires_grad=array.dtype.kind == "f") for array in arrays]


def compare(ours, theirs, *, sizes=1.0, eps=None):
    """Compare values; `sizes` says how large the numbers are that were added up, at most some hundred of them."""
    ours, theirs = np.asarray(ours), theirs.detach().numpy()
    assert ours.shape == theirs.shape
    eps = eps or np.finfo(theirs.dtype).eps
    np.testing.assert_allclose(ours, theirs, rtol=100 * eps, atol=500 * eps * sizes)


def largest(*arrays):
    """The largest product of one number of each, or 1 if that is larger."""
    return float(np.prod([max(1, np.abs(array).max(initial=0)) for array in arrays]))


def in_one_dtype(*arrays):
    dtype = np.result_type(*arrays).newbyteorder("=")
    return [array.astype(dtype) for array in arrays]


@given(case=convolutions(fewest=1, flavours=modest), size=block_bytes)
def test_conv2d_and_its_gradients(case, size):
    x, weight, bias, dy = in_one_dtype(*case[:4])
    with blocks_of(size):
        y = convolution.conv2d(x, weight, bias, **case.options)
        gradients = convolution.conv2d_backward(dy, x, weight, **case.options)
    if x.ndim == 2:
        x, weight, bias = x[None, None], weight[None, None], bias[None]
    inputs = tensors(x, weight, bias)
    theirs = F.conv2d(*inputs, **case.options)
    theirs.backward(torch.tensor(dy.reshape(theirs.shape)))
    compare(y.reshape(theirs.shape), theirs, sizes=largest(x, weight))
    for gradient, tensor, factors in zip(gradients, inputs, ((dy, weight), (dy, x), (dy,)), strict=True):
        compare(gradient.reshape(tensor.shape), tensor.grad, sizes=largest(*factors))


@given(case=convolutions(fewest=1, flavours=modest), size=block_bytes)
def test_unfold_and_fold(case, size):
    x, kernel = in_one_dtype(case.x)[0], case.weight.shape[-2:]
    with blocks_of(size):
        columns = convolution.unfold(x, kernel, **case.options)
        image = convolution.fold(columns, x.shape[-2:], kernel, **case.options)
    (top, left), (bottom, right) = case.zeros
    images = torch.tensor(x if x.ndim == 4 else x[None, None])
    padded = F.pad(images, (left, right, top, bottom))  # PyTorch's unfold knows no "same"
    theirs = F.unfold(padded, kernel, stride=case.stride)
    compare(columns.reshape(theirs.shape), theirs)
    theirs = F.fold(theirs, padded.shape[2:], kernel, stride=case.stride)
    theirs = theirs[:, :, top : theirs.shape[2] - bottom, left : theirs.shape[3] - right]
    compare(image.reshape(theirs.shape), theirs, sizes=largest(x))


@given(case=poolings())
def test_max_pool2d_and_its_gradient(case):
    assume(case.x.size)
    x, dy = in_one_dtype(case.x, case.dy)
    y = pooling.max_pool2d(x, case.kernel_size, stride=case.stride)
    dx = pooling.max_pool2d_backward(dy, x, case.kernel_size, stride=case.stride)
    (tensor,) = tensors(x.reshape(-1, 1, *x.shape[-2:]))
    theirs = F.max_pool2d(tensor, as_pair(case.kernel_size), None if case.stride is None else as_pair(case.stride))
    theirs.backward(torch.tensor(dy.reshape(theirs.shape)))
    np.testing.assert_array_equal(y.reshape(theirs.shape), theirs.detach().numpy())
    compare(dx.reshape(tensor.shape), tensor.grad, sizes=np.abs(dy).max(initial=1))


@given(x=arrays(axes=(1, 4)), rng=generators)
def test_relu_sigmoid_and_softmax_and_their_gradients(x, rng):
    x = x.astype(x.dtype.newbyteorder("="))
    x = x[..., None] if x.shape[-1] == 0 else x
    dy = rng.standard_normal(x.shape).astype(x.dtype)
    axis = int(rng.integers(-x.ndim, x.ndim))
    cases = [
        (activations.relu(x), lambda y: activations.relu_backward(dy, x), torch.relu),
        (activations.sigmoid(x), lambda y: activations.sigmoid_backward(dy, y), torch.sigmoid),
    ]
    if x.shape[axis]:
        cases.append(
            (
                activations.softmax(x, axis),
                lambda y: activations.softmax_backward(dy, y, axis),
                lambda tensor: torch.softmax(tensor, axis),
            )
        )
    for y, backward, theirs in cases:
        (tensor,) = tensors(x)
        answer = theirs(tensor)
        answer.backward(torch.tensor(dy))
        compare(y, answer)
        compare(backward(y), tensor.grad, sizes=largest(dy))


@given(rng=generators, sizes=st.tuples(*[st.integers(1, 6)] * 3), single=st.booleans(), data=st.data())
def test_linear_and_its_gradients(rng, sizes, single, data):
    n, features, outputs = sizes
    stack = () if single else (n,)
    shapes = [(*stack, features), (outputs, features), (outputs,), (*stack, outputs)]
    x, weight, bias, dy = in_one_dtype(*(data.draw(arrays(shape=shape, flavours=modest)) for shape in shapes))
    inputs = tensors(x, weight, bias)
    theirs = F.linear(*inputs)
    theirs.backward(torch.tensor(dy))
    compare(linear.linear(x, weight, bias), theirs, sizes=largest(x, weight))
    gradients = linear.linear_backward(dy, x, weight)
    for gradient, tensor, factors in zip(gradients, inputs, ((dy, weight), (dy, x), (dy,)), strict=True):
        compare(gradient, tensor.grad, sizes=largest(*factors))


@given(x=arrays(axes=(1, 2), flavours=modest), rng=generators)
def test_the_losses_and_their_gradients(x, rng):
    x = x.astype(x.dtype.newbyteorder("="))
    target, sure = rng.standard_normal(x.shape).astype(x.dtype), rng.random(x.shape).astype(x.dtype)
    cases = [
        ("mse_loss", target, F.mse_loss),
        ("binary_cross_entropy_with_logits", sure, F.binary_cross_entropy_with_logits),
    ]
    if x.ndim == 1:
        cases.append(("half_squared_error", target, lambda z, y: F.mse_loss(z, y) / 2))
    if x.shape[-1]:
        labels = np.asarray(rng.integers(0, x.shape[-1], x.shape[:-1]))
        cases.append(("cross_entropy", labels, F.cross_entropy))
    eps = np.finfo(x.dtype).eps
    for name, y, theirs in cases:
        (tensor,) = tensors(x)
        answer = theirs(tensor, torch.tensor(y))
        answer.backward()
        compare(getattr(losses, name)(x, y), answer, sizes=largest(x) ** 2, eps=eps)
        compare(getattr(losses, f"{name}_backward")(x, y), tensor.grad, sizes=largest(x))
