"""What the networks and training accept, and what the right answer then is.

The answers come from PyTorch in float64, or from the formula written out; what `initialize` should make is counted.
The sound numbers are small enough for images of 1e308 to pass through without an overflow that depends on the order
in which a sum is made.
"""

from __future__ import annotations

import math
from typing import Any, Callable, NamedTuple

import numpy as np
from hostile import PASSES, Argument, Case, Refuse, accept
from hostile_values import (
    BOOLS,
    EMPTY,
    EXTREMES,
    FLOATS,
    FORMS,
    HUGE_FLOATS,
    INTEGERS,
    NOT_FINITE,
    NUMPY_WHOLE,
    PAIRS,
    RANKS,
    SINGLE_FORMS,
    WHOLE,
)
from oracle import torch

from cnnlab import networks, training

F = None if torch is None else torch.nn.functional

MOST_NUMBERS = 2**30
SMALL = (
    *WHOLE,
    *NUMPY_WHOLE,
    *SINGLE_FORMS,
    *INTEGERS[1:],
    "2**31",
    "2**62",
)  # whole numbers, of which an answer says which will do


def demand(condition):
    if not condition:
        raise Refuse


def uniform(seed, low, high, *shape):
    return np.random.default_rng(seed).uniform(low, high, shape)


def rng():
    return np.random.default_rng(0)


class Kind(NamedTuple):
    """A network, its sound arguments, and the same network in PyTorch."""

    network: Any
    x: np.ndarray
    target: np.ndarray
    record: Callable[..., dict[str, Any]]  # from x and the parameters: every intermediate result
    loss: Callable[..., Any]  # from the record and the target
    labels: Callable[[np.ndarray], bool]  # whether a target of the right shape makes sense
    choose: Callable[[dict[str, Any]], Any]  # the answers, from the record


def filter_record(x, conv_weight):
    return {"x": x, "prediction": F.conv2d(x, conv_weight)}


def single_record(x, conv_weight, conv_bias, dense_weight, dense_bias):
    conv = F.conv2d(x, conv_weight, conv_bias, padding=1)
    pool = F.max_pool2d(conv.relu(), 2)
    logit = F.linear(pool.flatten(1), dense_weight, dense_bias)[:, 0]
    return {
        "x": x, "conv": conv, "relu": conv.relu(), "pool": pool, "features": pool.flatten(1), "logit": logit,
        "prediction": logit.sigmoid(),
    }  # fmt: skip


def binary_record(x, conv_weight, conv_bias, dense_weight, dense_bias):
    conv = F.conv2d(x, conv_weight, conv_bias)
    features = conv.sigmoid().flatten(1)
    dense = F.linear(features, dense_weight, dense_bias)[:, 0]
    return {
        "x": x, "conv": conv, "sigmoid": conv.sigmoid(), "features": features, "dense": dense, "logit": dense,
        "prediction": dense.sigmoid(),
    }  # fmt: skip


def softmax_record(x, conv_weight, conv_bias, dense_weight, dense_bias):
    conv = F.conv2d(x, conv_weight, conv_bias)
    pool = F.max_pool2d(conv.relu(), 2)
    logits = F.linear(pool.flatten(1), dense_weight, dense_bias)
    return {
        "x": x, "conv": conv, "relu": conv.relu(), "pool": pool, "features": pool.flatten(1), "logits": logits,
        "probabilities": logits.softmax(1),
    }  # fmt: skip


def ten_record(x, w1, b1, w2, b2, u1, c1, u2, c2):
    conv1 = F.conv2d(x, w1, b1)
    pool1 = F.max_pool2d(conv1.relu(), 2)
    conv2 = F.conv2d(pool1, w2, b2)
    pool2 = F.max_pool2d(conv2.relu(), 2)
    dense1 = F.linear(pool2.flatten(1), u1, c1)
    logits = F.linear(dense1.relu(), u2, c2)
    return {
        "x": x, "conv1": conv1, "relu1": conv1.relu(), "pool1": pool1, "conv2": conv2, "relu2": conv2.relu(),
        "pool2": pool2, "features": pool2.flatten(1), "dense1": dense1, "relu3": dense1.relu(), "logits": logits,
        "probabilities": logits.softmax(1),
    }  # fmt: skip


def squared(record, target):
    return F.mse_loss(record["prediction"], target)


def cross_entropy(record, target):
    return F.cross_entropy(record["logits"], target.long())


def classes(number):
    return lambda target: target.dtype.kind in "iub" and ((target >= 0) & (target < number)).all()


def drawn(kind, low, high, **sizes):
    """Make a network with numbers from so small a range."""
    network = kind.initialize(rng(), **sizes)
    for place, value in enumerate(network.parameters.values()):
        value[...] = uniform(place, low, high, *value.shape)
    return network


def yes_or_no(record):
    return (record["logit"] > 0).astype(int)


KINDS = {
    "FilterRegression": Kind(
        drawn(networks.FilterRegression, 0.01, 0.1),
        uniform(7, 0.1, 1, 3, 1, 4, 3),
        uniform(8, 0.1, 1, 3, 1, 3, 2),
        filter_record,
        squared,
        lambda target: True,
        lambda record: record["prediction"][:, 0],
    ),
    "SingleFilterCNN": Kind(
        drawn(networks.SingleFilterCNN, -0.03, 0.05, image_size=(4, 5), kernel_size=3),
        uniform(7, 0.1, 1, 3, 1, 4, 5),
        np.array([0.0, 1.0, 1.0]),
        single_record,
        lambda record, target: squared(record, target) / 2,
        lambda target: True,
        yes_or_no,
    ),
    "BinaryCNN": Kind(
        networks.BinaryCNN(
            drawn(networks.BinaryCNN, -0.03, 0.05, image_size=(4, 5), filters=2, kernel_size=2).parameters,
            loss="cross_entropy",
        ),
        uniform(7, 0.1, 1, 3, 1, 4, 5),
        np.array([0.0, 1.0, 1.0]),
        binary_record,
        lambda record, target: F.binary_cross_entropy_with_logits(record["logit"], target),
        lambda target: ((target >= 0) & (target <= 1)).all(),
        yes_or_no,
    ),
    "SoftmaxCNN": Kind(
        drawn(networks.SoftmaxCNN, -0.03, 0.05, image_size=(5, 6), filters=2, kernel_size=2, classes=3),
        uniform(7, 0.1, 1, 3, 1, 5, 6),
        np.array([0, 2, 1]),
        softmax_record,
        cross_entropy,
        classes(3),
        lambda record: record["logits"].argmax(axis=1),
    ),
    "TenClassCNN": Kind(
        drawn(
            networks.TenClassCNN, -0.03, 0.05, image_size=(7, 8), filters=(2, 3), kernel_size=2, hidden=4, classes=3
        ),
        uniform(7, 0.1, 1, 3, 1, 7, 8),
        np.array([0, 2, 1]),
        ten_record,
        cross_entropy,
        classes(3),
        lambda record: record["logits"].argmax(axis=1),
    ),
}  # fmt: skip


def answers(kind):
    """Write the right answer of each method of a network in PyTorch."""
    maps = "prediction" in kind.network.forward(kind.x)._fields and kind.target.ndim == 4

    def as_images(x):
        x = np.asarray(x, np.float64)
        x = x[None, None] if x.ndim == 2 else x
        demand(x.ndim == 4 and x.shape[1] == 1)
        demand(
            all(n >= k for n, k in zip(x.shape[2:], (2, 2), strict=True)) if maps else x.shape[2:] == kind.x.shape[2:]
        )
        return x

    def as_targets(target, x):
        target = np.asarray(target)
        if maps:
            target = target[None, None] if target.ndim == 2 else target
            demand(target.shape == (len(x), 1, x.shape[2] - 1, x.shape[3] - 1))
        else:
            demand(target.shape == (len(x),))
        demand(not target.size or kind.labels(target))
        return target.astype(np.float64)

    def record(x, parameters=kind.network.parameters):
        tensors = [torch.tensor(value) for value in parameters.values()]
        return {name: part.numpy() for name, part in kind.record(torch.tensor(x), *tensors).items()}

    def forward(x):
        return record(as_images(x))

    def predict(x):
        answers = kind.choose(record(as_images(x)))
        return answers[0] if np.ndim(x) == 2 else answers

    def loss_gradients_correct(x, target, parameters=kind.network.parameters):
        images = as_images(x)
        targets = as_targets(target, images)
        tensors = [torch.tensor(value, requires_grad=True) for value in parameters.values()]
        loss = kind.loss(kind.record(torch.tensor(images), *tensors), torch.tensor(targets))
        loss.backward()
        gradients = {key: value.grad.numpy() for key, value in zip(kind.network.parameters, tensors, strict=True)}
        if not len(images):
            gradients = {key: np.zeros(value.shape) for key, value in gradients.items()}
        hits = None if maps else int((kind.choose(record(images, parameters)) == targets).sum())
        return loss.item() if len(images) else math.nan, gradients, hits

    return {
        "forward": forward,
        "predict": predict,
        "loss_gradients_correct": loss_gradients_correct,
        "loss_and_gradients": lambda x, target: loss_gradients_correct(x, target)[:2],
        "loss": lambda record, target: loss_gradients_correct(record.x, target)[0],
        "backward": lambda record, target: loss_gradients_correct(record.x, target)[1],
    }


IMAGES = (*EXTREMES, *RANKS, *EMPTY[:3], *WHOLE, "pair of pairs")  # numbers, whose shape an answer looks at
LABELS = (*IMAGES, *BOOLS, *PAIRS, "three numbers", "no numbers")


def cases_of(name, kind):
    right = answers(kind)
    cases = {}
    for method, answer in right.items():
        x = Argument(kind.x, accept(FORMS, INTEGERS, FLOATS), accept(IMAGES, answer=answer), named=("target",))
        target = Argument(kind.target, accept(FORMS, INTEGERS), accept(FLOATS, LABELS, answer=answer))
        record = Argument(kind.network.forward(kind.x))
        arguments = {
            **({"record": record} if method in ("loss", "backward") else {"x": x}),
            **({} if method in ("forward", "predict") else {"target": target}),
        }
        cases[f"networks.{name}.{method}"] = Case(getattr(kind.network, method), **arguments)
    return cases


def shapes(network):
    return {name: value.shape for name, value in network.parameters.items()}


def pair(value, minimum):
    """Read a whole number, or a pair of them."""
    numbers = tuple(value) if isinstance(value, (tuple, list)) or np.ndim(value) == 1 else (value, value)
    demand(len(numbers) == 2)
    return tuple(whole(number, minimum) for number in numbers)


def whole(value, minimum):
    demand(minimum <= value)
    return int(value)


def one_layer(filters, kernel, outputs, features):
    """Give the shapes of a network with one convolution, where they are none too many."""
    made = {
        "conv_weight": (filters, 1, *kernel),
        "conv_bias": (filters,),
        "dense_weight": (outputs, features),
        "dense_bias": (outputs,),
    }
    demand(features and all(math.prod(shape) <= MOST_NUMBERS for shape in made.values()))
    return made


def filter_shapes(rng, kernel_size, dtype):
    demand(math.prod(pair(kernel_size, 1)) <= MOST_NUMBERS)
    return {"conv_weight": (1, 1, *pair(kernel_size, 1))}


def single_shapes(rng, image_size, kernel_size, dtype):
    rows, columns = pair(image_size, 2)
    return one_layer(1, pair(kernel_size, 1), 1, (rows // 2) * (columns // 2))


def valid_shapes(image_size, filters, kernel_size, pool, outputs):
    kernel = pair(kernel_size, 1)
    rows, columns = (n - k + 1 for n, k in zip(pair(image_size, 1), kernel, strict=True))
    demand(rows > 0 and columns > 0)
    filters = whole(filters, 1)
    return one_layer(filters, kernel, outputs, filters * (rows // pool) * (columns // pool))


def binary_shapes(rng, image_size, filters, kernel_size, loss, standardized, dtype):
    return valid_shapes(image_size, filters, kernel_size, 1, 1)


def softmax_shapes(rng, image_size, filters, kernel_size, classes, dtype):
    return valid_shapes(image_size, filters, kernel_size, 2, whole(classes, 2))


def ten_shapes(rng, image_size, filters, kernel_size, hidden, classes, dtype):
    demand(isinstance(filters, (tuple, list, np.ndarray)))
    (first, second), kernel = pair(filters, 1), pair(kernel_size, 1)
    sizes = pair(image_size, 1)
    for _ in range(2):
        sizes = [(n - k + 1) // 2 for n, k in zip(sizes, kernel, strict=True)]
        demand(min(sizes) > 0)
    hidden, classes = whole(hidden, 1), whole(classes, 2)
    made = {
        "conv1_weight": (first, 1, *kernel),
        "conv1_bias": (first,),
        "conv2_weight": (second, first, *kernel),
        "conv2_bias": (second,),
        "dense1_weight": (hidden, second * sizes[0] * sizes[1]),
        "dense1_bias": (hidden,),
        "dense2_weight": (classes, hidden),
        "dense2_bias": (classes,),
    }
    demand(all(math.prod(shape) <= MOST_NUMBERS for shape in made.values()))
    return made


PARTS = {
    "image_size": (*SMALL, *PAIRS),
    "kernel_size": (*SMALL, *PAIRS),
    "filters": SMALL,
    "hidden": SMALL,
    "classes": SMALL,
    "standardized": BOOLS,
}


def initialize(name, answer, **sound):
    """Give the case of a network's `initialize`: the shapes of what it makes."""
    make = getattr(networks, name).initialize
    arguments = {"rng": Argument(rng())}
    for key, value in {**sound, "dtype": np.float64}.items():
        parts = PAIRS if isinstance(value, tuple) else PARTS.get(key, ())
        arguments[key] = Argument(value, accept(parts, answer=answer))
    return {f"networks.{name}.initialize": Case(lambda **k: shapes(make(**k)), changes=("rng",), **arguments)}


def descent(network, x, target, learning_rate, steps, batch_size, rng, progress, on_step):
    """Descend the gradient with PyTorch."""
    x, target = np.asarray(x, np.float64), np.asarray(target)
    parameters = {name: value.copy() for name, value in network.parameters.items()}
    learning_rate = rate(learning_rate)
    demand(steps >= 0)
    DESCENT["loss_and_gradients"](x, target)  # refuses
    size = len(x) if batch_size is None else int(batch_size)
    demand(x.ndim == 4 and 1 <= size <= len(x))
    order, losses, accuracy, diverged_at = [], [], [], None
    for step in range(int(steps)):
        if batch_size is not None and len(order) < size:
            order = rng.permutation(len(x)).tolist()
        chosen = slice(None) if batch_size is None else [order.pop(0) for _ in range(size)]
        loss, gradients, hits = DESCENT["loss_gradients_correct"](x[chosen], target[chosen], parameters)
        if not np.isfinite(loss):
            diverged_at = step
            break
        losses.append(loss)
        accuracy.append(hits / size)
        if on_step is not None and on_step(step, loss):
            break
        for key, value in parameters.items():
            value -= learning_rate * gradients[key]
    return {
        "loss": np.array(losses), "accuracy": np.array(accuracy) if losses else None, "diverged_at": diverged_at
    }  # fmt: skip


def rate(learning_rate):
    number = float(np.asarray(learning_rate))
    demand(0 <= number < np.inf)
    return number


def moved(parameters, gradients, learning_rate):
    training.sgd_step(parameters, gradients, learning_rate)
    return parameters


def one_step(parameters, gradients, learning_rate):
    return {key: value - rate(learning_rate) * gradients[key] for key, value in parameters.items()}


def second(step, loss):
    return step == 1


DESCENT = answers(KINDS["SoftmaxCNN"])
RATES = (
    *(WHOLE + NUMPY_WHOLE + SINGLE_FORMS + EXTREMES + INTEGERS[1:] + FLOATS + NOT_FINITE + HUGE_FLOATS),
    *("object with __array__", "memoryview", "0.5", "1.5", "-0.5", "2.0", "np.float32 2.0"),
    *("2**31", "2**62", "-2**62", "2**63", "10**30"),
)

CASES = {
    "training.gradient_descent": Case(
        training.gradient_descent,
        changes=("network", "rng"),
        network=Argument(KINDS["SoftmaxCNN"].network),
        x=Argument(KINDS["SoftmaxCNN"].x, accept(FORMS, INTEGERS, FLOATS), accept(IMAGES, answer=descent)),
        target=Argument(KINDS["SoftmaxCNN"].target, accept(FORMS, INTEGERS), accept(FLOATS, LABELS, answer=descent)),
        learning_rate=Argument(0.1, accept(RATES, answer=descent)),
        steps=Argument(3, accept(SMALL, answer=descent)),
        batch_size=Argument(2, accept(SMALL, "None", answer=descent)),
        rng=Argument(rng()),
        progress=Argument(False, accept(BOOLS, answer=descent)),
        on_step=Argument(second, accept("None", answer=descent), accept("function", "class", answer=PASSES)),
    ),
    "training.sgd_step": Case(
        moved,
        changes=("parameters",),
        parameters=Argument({"a": np.ones(2)}),
        gradients=Argument({"a": np.ones(2)}),
        learning_rate=Argument(0.1, accept(RATES, answer=one_step)),
    ),
    **initialize("FilterRegression", filter_shapes, kernel_size=2),
    **initialize("SingleFilterCNN", single_shapes, image_size=2, kernel_size=1),
    **initialize(
        "BinaryCNN",
        binary_shapes,
        image_size=1,
        filters=1,
        kernel_size=1,
        loss="cross_entropy",
        standardized=False,
    ),
    **initialize("SoftmaxCNN", softmax_shapes, image_size=2, filters=1, kernel_size=1, classes=2),
    **initialize("TenClassCNN", ten_shapes, image_size=4, filters=(1, 1), kernel_size=1, hidden=1, classes=2),
}


def constructor(kind, **options):
    made = lambda **_: shapes(kind.network)
    arguments = {key: Argument(value, accept(PARTS.get(key, ()), answer=made)) for key, value in options.items()}
    parameters = Argument(dict(kind.network.parameters))
    return Case(lambda **k: shapes(type(kind.network)(**k)), parameters=parameters, **arguments)


for name, kind in KINDS.items():
    options = {"loss": "cross_entropy", "standardized": False} if name == "BinaryCNN" else {}
    CASES |= cases_of(name, kind) | {f"networks.{name}": constructor(kind, **options)}
