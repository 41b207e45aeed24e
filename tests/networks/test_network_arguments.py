"""Which arguments the networks and training take, and how they refuse the others.

The right answers come from PyTorch in float64; what `initialize` should make is counted. The sound numbers are small
enough for images of 1e308 to pass through without an overflow that depends on the order in which a sum is made.
"""

import math
from typing import Any, NamedTuple

import hostile
import hostile_values as hv
import numpy as np
import pytest
from hostile import PASSES, RIGHT, Argument, Case, Refuse, accept
from oracle import torch

from cnnlab.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sigmoid
from cnnlab.networks import BinaryCNN, FilterRegression, Network, SingleFilterCNN, SoftmaxCNN, TenClassCNN
from cnnlab.training import gradient_descent, sgd_step

F = None if torch is None else torch.nn.functional
MOST_NUMBERS = 2**30
# Numbers, whose shape an answer looks at; and whole numbers, of which an answer says which will do.
IMAGES = (*hv.EXTREMES, *hv.RANKS, *hv.EMPTY[:3], *hv.WHOLE, "pair of pairs")
LABELS = (*IMAGES, *hv.FLOATS, *hv.BOOLS, *hv.PAIRS, "three numbers", "no numbers")
SMALL = (*hv.WHOLE, *hv.NUMPY_WHOLE, *hv.SINGLE_FORMS, *hv.INTEGERS[1:], "2**31", "2**62")


def demand(condition):
    if not condition:
        raise Refuse


def uniform(seed, low, high, *shape):
    return np.random.default_rng(seed).uniform(low, high, shape)


def rng():
    return np.random.default_rng(0)


# The networks once more, in PyTorch: what each stage of a record is made of the one before and the next parameters.

STAGES = {
    "filter": lambda x, p: F.conv2d(x, next(p)),
    "same": lambda x, p: F.conv2d(x, next(p), next(p), padding="same"),
    "conv": lambda x, p: F.conv2d(x, next(p), next(p)),
    "relu": lambda x, p: x.relu(),
    "pool": lambda x, p: F.max_pool2d(x, 2),
    "flat": lambda x, p: x.flatten(1),
    "linear": lambda x, p: F.linear(x, next(p), next(p)),
    "score": lambda x, p: F.linear(x, next(p), next(p))[:, 0],
    "itself": lambda x, p: x,
    "sigmoid": lambda x, p: x.sigmoid(),
    "softmax": lambda x, p: x.softmax(1),
}


class Kind(NamedTuple):
    """A network, its sound arguments, and what it computes."""

    network: Any
    x: np.ndarray
    target: np.ndarray
    stages: str

    def record(self, x, parameters):
        found, parameters = {"x": x}, iter(parameters)
        for stage in self.stages.split():
            name, operation = stage.split("=")
            x = found[name] = STAGES[operation](x, parameters)
        return found

    def loss(self, record, target):
        if "logits" in record:
            return F.cross_entropy(record["logits"], target.long())
        if isinstance(self.network, BinaryCNN):
            return F.binary_cross_entropy_with_logits(record["logit"], target)
        return F.mse_loss(record["prediction"], target) / (2 if "logit" in record else 1)

    def is_target(self, target):
        if "logits" in self.stages:
            return target.dtype.kind in "iub" and ((target >= 0) & (target < 3)).all()
        return "logit" not in self.stages or ((target >= 0) & (target <= 1)).all()

    def choose(self, record):
        if "logits" in record:
            return record["logits"].argmax(axis=1)
        return (record["logit"] > 0).astype(int) if "logit" in record else record["prediction"][:, 0]


def drawn(kind, low, high, **sizes):
    """Make a network with numbers from so small a range."""
    return redrawn(kind.initialize(rng(), **sizes), low, high)


def redrawn(network, low, high):
    for place, value in enumerate(network.parameters.values()):
        value[...] = uniform(place, low, high, *value.shape)
    return network


def own(*given, loss="cross_entropy", **options):
    return Network.of(*given, loss=loss, **{"image_size": 6, "rng": rng()} | options)


SHARES, CLASSES = np.array([0.0, 1.0, 1.0]), np.array([0, 2, 1])
KINDS = {
    "FilterRegression": Kind(
        drawn(FilterRegression, 0.01, 0.1),
        uniform(7, 0.1, 1, 3, 1, 4, 3),
        uniform(8, 0.1, 1, 3, 1, 3, 2),
        "prediction=filter",
    ),
    "SingleFilterCNN": Kind(
        drawn(SingleFilterCNN, -0.03, 0.05, image_size=(4, 5), kernel_size=3),
        uniform(7, 0.1, 1, 3, 1, 4, 5),
        SHARES,
        "conv=same relu=relu pool=pool features=flat logit=score prediction=sigmoid",
    ),
    "BinaryCNN": Kind(
        drawn(BinaryCNN, -0.03, 0.05, image_size=(4, 5), filters=2, kernel_size=2, loss="cross_entropy"),
        uniform(7, 0.1, 1, 3, 1, 4, 5),
        SHARES,
        "conv=conv sigmoid=sigmoid features=flat dense=score logit=itself prediction=sigmoid",
    ),
    "SoftmaxCNN": Kind(
        drawn(SoftmaxCNN, -0.03, 0.05, image_size=(5, 6), filters=2, kernel_size=2, classes=3),
        uniform(7, 0.1, 1, 3, 1, 5, 6),
        CLASSES,
        "conv=conv relu=relu pool=pool features=flat logits=linear probabilities=softmax",
    ),
    "Network": Kind(
        redrawn(own(Conv2d(2, 2), Sigmoid(), MaxPool2d(), Flatten(), Linear(3), image_size=(5, 6)), -0.03, 0.05),
        uniform(7, 0.1, 1, 3, 1, 5, 6),
        CLASSES,
        "conv=conv sigmoid=sigmoid pool=pool features=flat logits=linear probabilities=softmax",
    ),
    "TenClassCNN": Kind(
        drawn(TenClassCNN, -0.03, 0.05, image_size=(7, 8), filters=(2, 3), kernel_size=2, hidden=4, classes=3),
        uniform(7, 0.1, 1, 3, 1, 7, 8),
        CLASSES,
        "conv1=conv relu1=relu pool1=pool conv2=conv relu2=relu pool2=pool features=flat dense1=linear relu3=relu "
        "logits=linear probabilities=softmax",
    ),
}


def answers(kind):
    """Write the right answer of each method of a network."""
    maps = kind.target.ndim == 4
    own = kind.network.parameters

    def as_images(x):
        x = np.asarray(x, np.float64)
        x = x[None, None] if x.ndim == 2 else x
        demand(x.ndim == 4 and x.shape[1] == 1)
        demand(min(x.shape[2:]) >= 2 if maps else x.shape[2:] == kind.x.shape[2:])
        return x

    def as_targets(target, x):
        target = np.asarray(target)
        if maps:
            target = target[None, None] if target.ndim == 2 else target
        elif target.ndim == 0 and len(x) == 1:
            target = target[None]
        demand(target.shape == ((len(x), 1, x.shape[2] - 1, x.shape[3] - 1) if maps else (len(x),)))
        demand(not target.size or kind.is_target(target))
        return target.astype(np.float64)

    def record(x, parameters=own):
        tensors = [torch.tensor(value) for value in parameters.values()]
        return {name: part.numpy() for name, part in kind.record(torch.tensor(x), tensors).items()}

    def forward(x):
        return record(as_images(x))

    def predict(x):
        found = kind.choose(record(as_images(x)))
        return found[0] if np.ndim(x) == 2 else found

    def loss_gradients_and_correct(x, target, parameters=own):
        images = as_images(x)
        targets = as_targets(target, images)
        tensors = [torch.tensor(value, requires_grad=True) for value in parameters.values()]
        loss = kind.loss(kind.record(torch.tensor(images), tensors), torch.tensor(targets))
        loss.backward()
        gradients = {key: value.grad.numpy() for key, value in zip(parameters, tensors, strict=True)}
        if not len(images):
            gradients = {key: np.zeros(value.shape) for key, value in gradients.items()}
        correct = None if maps else int((kind.choose(record(images, parameters)) == targets).sum())
        return loss.item() if len(images) else math.nan, gradients, correct

    return {
        "forward": forward,
        "predict": predict,
        "loss_gradients_and_correct": loss_gradients_and_correct,
        "loss_and_gradients": lambda x, target: loss_gradients_and_correct(x, target)[:2],
        "loss": lambda record, target: loss_gradients_and_correct(record.x, target)[0],
        "backward": lambda record, target: loss_gradients_and_correct(record.x, target)[1],
    }


def cases_of(name, kind):
    network = kind.network
    x = Argument(kind.x, accept(hv.FORMS, hv.INTEGERS, hv.FLOATS), accept(IMAGES, answer=RIGHT), named=("target",))
    target = Argument(kind.target, accept(hv.FORMS, hv.INTEGERS), accept(LABELS, answer=RIGHT))
    record = Argument(network.forward(kind.x))
    found = {
        f"networks.{name}.{method}": Case(
            getattr(network, method),
            right,
            keeps=("x",) if method == "forward" else (),
            **({"record": record} if method in ("loss", "backward") else {"x": x}),
            **({} if method in ("forward", "predict") else {"target": target}),
        )
        for method, right in answers(kind).items()
    }
    if name == "Network":
        return found
    made = {"parameters": Argument(dict(network.parameters))}
    if name == "BinaryCNN":
        made |= {"loss": Argument("cross_entropy"), "standardized": Argument(False, accept(hv.BOOLS, answer=RIGHT))}
    right = lambda **_: shapes(network)
    return found | {f"networks.{name}": Case(lambda **k: shapes(type(network)(**k)), right, **made)}


# What initialize makes, counted.


def shapes(network):
    return {name: value.shape for name, value in network.parameters.items()}


def pair(value, minimum):
    """Read a whole number, or a pair of them."""
    numbers = tuple(value) if isinstance(value, (tuple, list)) or np.ndim(value) == 1 else (value, value)
    demand(len(numbers) == 2 and min(numbers) >= minimum)
    return tuple(map(int, numbers))


def few(made):
    demand(all(0 < math.prod(shape) <= MOST_NUMBERS for shape in made.values()))
    return made


def one_layer(size, kernel, filters, outputs, pool, *, same=False):
    """Give the shapes of a network with one convolution."""
    kernel, (filters, outputs) = pair(kernel, 1), map(int, (filters, outputs))
    rows, columns = ((n if same else n - k + 1) // pool for n, k in zip(pair(size, 1), kernel, strict=True))
    demand(filters >= 1 and rows > 0 and columns > 0)
    return few(
        {
            "conv_weight": (filters, 1, *kernel),
            "conv_bias": (filters,),
            "dense_weight": (outputs, filters * rows * columns),
            "dense_bias": (outputs,),
        }
    )


def classes_of(classes):
    demand(classes >= 2)
    return classes


def filter_shapes(rng, kernel_size, dtype):
    return few({"conv_weight": (1, 1, *pair(kernel_size, 1))})


def single_shapes(rng, image_size, kernel_size, dtype):
    return one_layer(image_size, kernel_size, 1, 1, 2, same=True)


def binary_shapes(rng, image_size, filters, kernel_size, loss, standardized, dtype):
    return one_layer(image_size, kernel_size, filters, 1, 1)


def softmax_shapes(rng, image_size, filters, kernel_size, classes, dtype):
    return one_layer(image_size, kernel_size, filters, classes_of(classes), 2)


def ten_shapes(rng, image_size, filters, kernel_size, hidden, classes, dtype):
    demand(isinstance(filters, (tuple, list, np.ndarray)))
    (first, second), kernel, hidden, classes = pair(filters, 1), pair(kernel_size, 1), int(hidden), int(classes)
    rows, columns = (((n - k + 1) // 2 - k + 1) // 2 for n, k in zip(pair(image_size, 1), kernel, strict=True))
    demand(rows > 0 and columns > 0 and hidden >= 1)
    return few(
        {
            "conv1_weight": (first, 1, *kernel),
            "conv1_bias": (first,),
            "conv2_weight": (second, first, *kernel),
            "conv2_bias": (second,),
            "dense1_weight": (hidden, second * rows * columns),
            "dense1_bias": (hidden,),
            "dense2_weight": (classes_of(classes), hidden),
            "dense2_bias": (classes,),
        }
    )


def initialize(kind, right, **sound):
    """Give the case of a network's `initialize`."""
    arguments = {"rng": Argument(rng()), "dtype": Argument(np.float64)}
    for key, value in sound.items():
        pairs = hv.PAIRS if key in ("image_size", "kernel_size") or isinstance(value, tuple) else ()
        given = {str: (), bool: hv.BOOLS, tuple: hv.PAIRS}.get(type(value), (*SMALL, *pairs))
        arguments[key] = Argument(value, accept(given, answer=RIGHT))
    make = lambda **k: shapes(kind.initialize(**k))
    return {f"networks.{kind.__name__}.initialize": Case(make, right, changes=("rng",), **arguments)}


def descent(network, x, target, learning_rate, steps, batch_size, rng, progress, on_step):
    """Descend the gradient with PyTorch."""
    x, target, found = np.asarray(x, np.float64), np.asarray(target), answers(KINDS["SoftmaxCNN"])
    found = found["loss_gradients_and_correct"]
    parameters = {name: value.copy() for name, value in network.parameters.items()}
    learning_rate = rate(learning_rate)
    demand(steps >= 0)
    found(x, target)  # refuses
    size = len(x) if batch_size is None else int(batch_size)
    demand(x.ndim == 4 and 1 <= size <= len(x))
    order, losses, accuracy, diverged_at = [], [], [], None
    for step in range(int(steps)):
        if batch_size is not None and len(order) < size:
            order = rng.permutation(len(x)).tolist()
        chosen = slice(None) if batch_size is None else [order.pop(0) for _ in range(size)]
        loss, gradients, correct = found(x[chosen], target[chosen], parameters)
        if not np.isfinite(loss):
            diverged_at = step
            break
        losses.append(loss)
        accuracy.append(correct / size)
        if on_step is not None and on_step(step, loss):
            break
        for key, value in parameters.items():
            value -= learning_rate * gradients[key]
    return {"loss": np.array(losses), "accuracy": np.array(accuracy) if losses else None, "diverged_at": diverged_at}


def rate(learning_rate):
    number = float(np.asarray(learning_rate))
    demand(0 <= number < np.inf)
    return number


def moved(parameters, gradients, learning_rate):
    sgd_step(parameters, gradients, learning_rate)
    return parameters


def one_step(parameters, gradients, learning_rate):
    return {key: value - rate(learning_rate) * gradients[key] for key, value in parameters.items()}


def second(step, loss):
    return step == 1


RATES = (
    *(hv.WHOLE + hv.NUMPY_WHOLE + hv.SINGLE_FORMS + hv.EXTREMES + hv.INTEGERS[1:] + hv.FLOATS + hv.EXTREME_FLOATS),
    *("object with __array__", "memoryview", "0.5", "1.5", "-0.5", "2.0", "np.float32 2.0"),
    *("2**31", "2**62", "-2**62", "2**63", "10**30"),
)
LEARNING_RATE = Argument(0.1, accept(RATES, answer=RIGHT))


def own_shapes(layers, loss, image_size, rng, channels, dtype):
    (rows, columns), channels = pair(image_size, 1), int(channels)
    demand(channels >= 1)
    return few({"dense_weight": (2, channels * rows * columns), "dense_bias": (2,)})


def sizes_of(layer):
    names = ("filters", "kernel_size", "stride", "outputs")
    return {name: value for name, value in vars(layer).items() if name in names}


def conv_sizes(filters, kernel_size, padding, bias):
    demand(filters is None or filters >= 1)
    pair(padding, 0)
    return {
        "filters": None if filters is None else int(filters),
        "kernel_size": None if kernel_size is None else pair(kernel_size, 1),
    }


def pool_sizes(kernel_size, stride):
    kernel_size = pair(kernel_size, 1)
    return {"kernel_size": kernel_size, "stride": kernel_size if stride is None else pair(stride, 1)}


def linear_sizes(outputs):
    demand(outputs is None or outputs >= 1)
    return {"outputs": None if outputs is None else int(outputs)}


def whole(value, *more):
    return Argument(value, accept(SMALL, *more, answer=RIGHT))


CASES = {
    "training.gradient_descent": Case(
        gradient_descent,
        descent,
        changes=("network", "rng"),
        network=Argument(KINDS["SoftmaxCNN"].network),
        x=Argument(KINDS["SoftmaxCNN"].x, accept(hv.FORMS, hv.INTEGERS, hv.FLOATS), accept(IMAGES, answer=RIGHT)),
        target=Argument(CLASSES, accept(hv.FORMS, hv.INTEGERS), accept(LABELS, answer=RIGHT)),
        learning_rate=LEARNING_RATE,
        steps=Argument(3, accept(SMALL, answer=RIGHT)),
        batch_size=Argument(2, accept(SMALL, "None", answer=RIGHT)),
        rng=Argument(rng()),
        progress=Argument(False, accept(hv.BOOLS, answer=RIGHT)),
        on_step=Argument(second, accept("None", answer=RIGHT), accept("function", "class", answer=PASSES)),
    ),
    "training.sgd_step": Case(
        moved,
        one_step,
        changes=("parameters",),
        parameters=Argument({"a": np.ones(2)}),
        gradients=Argument({"a": np.ones(2)}),
        learning_rate=LEARNING_RATE,
    ),
    **initialize(FilterRegression, filter_shapes, kernel_size=2),
    **initialize(SingleFilterCNN, single_shapes, image_size=2, kernel_size=1),
    **initialize(
        BinaryCNN, binary_shapes, image_size=1, filters=1, kernel_size=1, loss="cross_entropy", standardized=False
    ),
    **initialize(SoftmaxCNN, softmax_shapes, image_size=2, filters=1, kernel_size=1, classes=2),
    **initialize(TenClassCNN, ten_shapes, image_size=4, filters=(1, 1), kernel_size=1, hidden=1, classes=2),
    "networks.Network.of": Case(
        lambda layers, **k: shapes(Network.of(Flatten(), layers, **k)),
        own_shapes,
        changes=("rng",),
        layers=Argument(Linear(2)),
        loss=Argument("cross_entropy"),
        image_size=whole(1, hv.PAIRS),
        rng=Argument(rng()),
        channels=whole(1),
        dtype=Argument(np.float64),
    ),
    "layers.Conv2d": Case(
        lambda **k: sizes_of(Conv2d(**k)),
        conv_sizes,
        filters=whole(2, "None"),
        kernel_size=whole(3, hv.PAIRS, "None"),
        padding=whole(1, hv.PAIRS),
        bias=Argument(True, accept(hv.BOOLS, answer=RIGHT)),
    ),
    "layers.MaxPool2d": Case(
        lambda **k: sizes_of(MaxPool2d(**k)),
        pool_sizes,
        kernel_size=whole(2, hv.PAIRS),
        stride=whole(2, hv.PAIRS, "None"),
    ),
    "layers.Linear": Case(lambda **k: sizes_of(Linear(**k)), linear_sizes, outputs=whole(2, "None")),
    **{f"layers.{kind.__name__}": Case(lambda kind=kind: sizes_of(kind()), dict) for kind in (ReLU, Sigmoid, Flatten)},
}
for _name, _kind in KINDS.items():
    CASES |= cases_of(_name, _kind)


(
    test_telling_values_get_the_right_answer_or_an_error_that_helps,
    test_every_other_value_gets_the_right_answer_or_an_error_that_helps,
    test_every_public_function_and_argument_has_a_case,
) = hostile.make_tests(CASES, "networks")


def ones(*shape):
    return np.ones(shape)


def read_only():
    array = ones(2)
    array.flags.writeable = False
    return array


def parameters(**changed):
    """Give the parameters of a network with one 2 × 2 filter on 3 × 3 images, some of them changed."""
    sound = {"conv_weight": ones(1, 1, 2, 2), "conv_bias": ones(1), "dense_weight": ones(1, 4), "dense_bias": ones(1)}
    return sound | changed


def descend(**changed):
    """Train a network on two images, with some argument changed."""
    arguments = {"x": ones(2, 1, 3, 3), "target": ones(2, 1, 2, 2), "learning_rate": 0.1, "steps": 1} | changed
    return gradient_descent(FilterRegression({"conv_weight": ones(1, 1, 2, 2)}), **arguments)


def softmax(**replaced):
    """Make a network for 6 × 6 images, and put other things in the place of its parameters."""
    network = SoftmaxCNN.initialize(rng(), image_size=6)
    network.parameters.update(replaced)
    return network


SENTENCES = """
FilterRegression([1, 2])
    ValueError: parameters must be a dict with the keys conv_weight; got list
SoftmaxCNN({"conv_weight": ones(1, 1, 2, 2), "bias": ones(1)})
    ValueError: parameters must be a dict with the keys conv_weight, conv_bias, dense_weight, dense_bias; got
    'conv_weight', 'bias'
FilterRegression({"conv_weight": ones(2, 2)})
    ValueError: conv_weight must have shape (F, 1, kH, kW); got (2, 2): kernel[None, None] adds the first two axes
SingleFilterCNN(parameters(conv_weight=ones(2, 1, 2, 2), conv_bias=ones(2)))
    ValueError: conv_weight must have shape (1, 1, kH, kW); got (2, 1, 2, 2)
BinaryCNN(parameters(conv_bias=ones(2)))
    ValueError: conv_bias must have shape (1,); got (2,)
BinaryCNN(parameters(dense_weight=ones(2, 4), dense_bias=ones(2)))
    ValueError: dense_weight must have shape (1, features); got (2, 4)
SoftmaxCNN(parameters(dense_weight=ones(4)))
    ValueError: dense_weight must have shape (K, features); got (4,)
BinaryCNN(parameters(conv_weight=None))
    TypeError: conv_weight must be an array of real numbers; got NoneType
TenClassCNN({**TenClassCNN.initialize(rng()).parameters, "conv2_bias": ones(20)})
    ValueError: conv2_bias must have shape (50,); got (20,)
BinaryCNN(parameters(), loss="mse")
    ValueError: loss must be "half_squared_error" or "cross_entropy"; got 'mse'
BinaryCNN(parameters(), standardized="yes")
    TypeError: standardized must be True or False; got 'yes'
FilterRegression.initialize(0)
    TypeError: rng must be a random generator, as in np.random.default_rng(0); got 0
BinaryCNN.initialize(rng(), dtype=int)
    TypeError: dtype must be float64 or float32; got <class 'int'>
SoftmaxCNN.initialize(rng(), classes=1)
    ValueError: classes must be at least 2; got 1
SingleFilterCNN.initialize(rng(), image_size=1)
    ValueError: image_size must be at least 2; got 1
BinaryCNN.initialize(rng(), image_size=4)
    ValueError: image_size must be at least (5, 5) for these layers; got (4, 4): use larger images or a smaller
    kernel_size
SoftmaxCNN.initialize(rng(), image_size=3)
    ValueError: image_size must be at least (4, 4) for these layers; got (3, 3): use larger images or a smaller
    kernel_size
TenClassCNN.initialize(rng(), filters=8)
    TypeError: filters must be a pair, one number for each convolution; got 8
TenClassCNN.initialize(rng(), image_size=(16, 15))
    ValueError: image_size must be at least (16, 16) for these layers; got (16, 15): use larger images or a smaller
    kernel_size
SingleFilterCNN.initialize(rng(), image_size=2**20)
    ValueError: channels, image_size, filters, hidden and classes: dense_weight must hold at most 1,073,741,824 numbers;
    got shape (1, 274877906944): make the network smaller
own(Conv2d(2, 3), loss="l2")
    ValueError: loss must be one of mse_loss, half_squared_error, binary_cross_entropy_with_logits, cross_entropy; got
    'l2'
own(ReLU(), loss="mse_loss")
    ValueError: layers must hold a Conv2d or a Linear, as there is nothing to train; got none
own(Conv2d(2, 3))
    ValueError: layers must end in Linear(classes) for loss 'cross_entropy'; got Conv2d, logits
own(Flatten(), Linear(2), loss="half_squared_error")
    ValueError: layers must end in Linear(1) for loss 'half_squared_error'; got Linear, logit
own(Linear(2))
    ValueError: logits needs features; it gets maps of shape (1, 6, 6): put Flatten() before it
own(Flatten(), Conv2d(2, 3), Linear(2))
    ValueError: conv needs maps (C, H, W); it gets (36,): put it before Flatten
own(Flatten(), MaxPool2d(), Linear(2))
    ValueError: pool needs maps (C, H, W); it gets (36,): put it before Flatten
own(Conv2d(2, 3), MaxPool2d(5), Flatten(), Linear(2))
    ValueError: image_size must be at least (7, 7) for these layers; got (6, 6): use larger images or a smaller
    kernel_size
own(Conv2d(), Flatten(), Linear(2))
    ValueError: conv must say how many filters it has and how large they are, as in Conv2d(8, 3)
own(Flatten(), Linear())
    ValueError: logits must say how many outputs it has, as in Linear(10)
own()
    TypeError: layers must be layers, as in Conv2d(8, 3), ReLU(), Flatten(), Linear(2); got none
Network({})
    TypeError: a network needs layers: make one of your own with Network.of; got none
softmax(conv_bias=[0.0, 0.0]).forward(ones(6, 6))
    TypeError: parameters['conv_bias'] must be an array of float64, as it was made; got list: write the new numbers into
    it, as in network.parameters['conv_bias'][...] = numbers
softmax(conv_bias=np.zeros(2, np.float32)).forward(ones(6, 6))
    TypeError: parameters['conv_bias'] must be an array of float64, …; got an array of dtype float32: …
BinaryCNN.initialize(rng(), image_size=6).backward(softmax().forward(ones(2, 1, 6, 6)), 1)
    TypeError: record must be what this network's forward returned for the images; got SoftmaxRecord: call record =
    network.forward(x) first
softmax().forward(ones(6, 3))
    ValueError: x must have images of at least 4 × 4 pixels for the network's filters; got shape (1, 1, 6, 3)
softmax().forward(ones(5, 6, 6))
    ValueError: x must have shape (N, 1, H, W), or (H, W) for one image; got (5, 6, 6): give a stack of grey images its
    channel axis with x[:, None]
softmax().predict(ones(5, 3, 6, 6))
    ValueError: x must have shape (N, 1, H, W), or (H, W) for one image; got (5, 3, 6, 6): x looks like colour
    images, and needs x.mean(axis=1, keepdims=True) to become grey
softmax().predict(ones(5, 6, 6, 1))
    ValueError: x must have shape (N, 1, H, W), …; got (5, 6, 6, 1): x looks like (N, H, W, C), and needs
    np.moveaxis(x, -1, 1)
softmax().predict(ones(5, 6, 6, 3))
    ValueError: x must have shape (N, 1, H, W), …: x looks like (N, H, W, C), and needs x.mean(axis=-1)[:, None]
    to become grey
softmax().predict(ones(5, 64))
    ValueError: x has shape (5, 64), which is not one image of the right size: rows of 64 pixels, as a table has them,
    become images with x.reshape(-1, 1, 8, 8)
softmax().predict(ones(64))
    ValueError: x must have shape (N, 1, H, W), or (H, W) for one image; got (64,): rows of 64 pixels, as a table has
    them, become images with x.reshape(-1, 1, 8, 8)
gradient_descent(softmax(), ones(5, 64), np.zeros(5, int), learning_rate=0.1, steps=1)
    ValueError: x has shape (5, 64), which is not one image of the right size: …x.reshape(-1, 1, 8, 8)
gradient_descent(softmax(), ones(5, 6, 6), np.zeros(5, int), learning_rate=0.1, steps=1)
    ValueError: x must have shape (N, 1, H, W), …; got (5, 6, 6): give a stack of grey images its channel axis with
    x[:, None]
BinaryCNN(parameters()).loss_and_gradients(ones(3, 3), 7)
    ValueError: target must lie between 0 and 1; got values from 7 to 7: …
softmax().forward(ones(8, 8))
    ValueError: x gives 18 features, dense_weight takes 8: the network was made for images of another size, so make one
    with this image_size
softmax().loss_and_gradients(ones(3, 1, 6, 6), np.eye(3)[:, :2])
    ValueError: target must have shape (3,), one answer for each image; got (3, 2): one-hot rows become class numbers
    with argmax(axis=1)
softmax().loss_and_gradients(ones(2, 1, 6, 6), [[0], [1]])
    ValueError: target must have shape (2,), one answer for each image; got (2, 1): reshape(-1) drops the extra axes
softmax().backward(softmax().forward(ones(2, 1, 6, 6)), 1)
    ValueError: target must have shape (2,), one answer for each image; got ()
softmax().loss_and_gradients(ones(2, 1, 6, 6), [0, 2])
    ValueError: target must hold class numbers from 0 to 1; got 0 to 2
BinaryCNN(parameters(), loss="cross_entropy").loss_and_gradients(ones(3, 3), 7)
    ValueError: target must lie between 0 and 1; got values from 7 to 7: …
BinaryCNN(parameters(), standardized=True).forward(ones(3, 3))
    ValueError: x does not vary along axis 0, …: a batch of one image, …
descend(target=5)
    ValueError: target must have shape (2, F, H', W'), maps for each image, or (H', W') for one; got ()
descend(target=ones(2, 1, 3, 3))
    ValueError: prediction has shape (2, 1, 2, 2), target (2, 1, 3, 3); they must be equal
sgd_step([ones(2)], {"a": ones(2)}, 0.1)
    TypeError: parameters must be a dict of arrays, as a network has and gives them; got […]
sgd_step({"a": ones(2)}, {"b": ones(2)}, 0.1)
    ValueError: gradients must have the keys of parameters, 'a'; got 'b'
sgd_step({"a": ones(2)}, {"a": ones(3)}, 0.1)
    ValueError: gradients['a'] must have shape (2,), its parameter's shape; got (3,)
sgd_step({"a": ones(2)}, {"a": "up"}, 0.1)
    TypeError: gradients['a'] must be an array of real numbers; got str
sgd_step({"a": [1.0, 1.0]}, {"a": ones(2)}, 0.1)
    TypeError: parameters['a'] must be a writeable array of floats, to be changed in place; got list
sgd_step({"a": np.ones(2, np.int64)}, {"a": ones(2)}, 0.1)
    TypeError: parameters['a'] must be a writeable array of floats, …; got an array of dtype int64 (ndarray)
sgd_step({"a": read_only()}, {"a": ones(2)}, 0.1)
    TypeError: parameters['a'] must be a writeable array of floats, …; got a read-only array of dtype float64 (ndarray)
gradient_descent(FilterRegression, ones(3, 3), ones(2, 2), learning_rate=0.1, steps=1)
    TypeError: network must …; got …FilterRegression…
descend(learning_rate=-0.1)
    ValueError: learning_rate must be finite and not negative; got -0.1: a negative one would climb the loss
descend(batch_size=3, rng=rng())
    ValueError: batch_size must be at most the number of images, 2; got 3
descend(batch_size=1)
    TypeError: rng must be a random generator with batch_size, as in np.random.default_rng(0); got None
descend(x=ones(3, 3), target=ones(2, 2), batch_size=1, rng=rng())
    ValueError: x must have shape (N, 1, H, W) and target N answers for batches; got (3, 3) and (2, 2)
descend(progress=1)
    TypeError: progress must be True or False; got 1
descend(on_step="stop")
    TypeError: on_step must be a function, to be called as on_step(step, loss); got 'stop'
descend(on_step=lambda step, loss: ones(2))
    TypeError: on_step must return True, to end the run, or None; got an array of shape (2,)
"""


@pytest.mark.parametrize(("call", "sentence"), hostile.sentences(SENTENCES))
def test_a_slip_is_answered_in_these_words(call, sentence):
    hostile.check_sentence(call, sentence, globals())
