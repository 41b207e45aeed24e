"""Which arguments the operations take, and how they refuse the others."""

import inspect

import hostile
import hostile_values as hv
import numpy as np
import operation_answers
import pytest
from hostile import PASSES, RIGHT, Argument, Case, accept

from cnnlab import activations, convolution, gradient_check, linear, losses, normalization, pooling

# Whatever NumPy reads as real numbers. Whether shape and values fit, the answer says.
NUMBERS = (
    *(hv.EXTREMES + hv.RANKS + hv.EMPTY + hv.WHOLE + hv.NUMPY_WHOLE + hv.EXTREME_FLOATS + hv.BOOLS + hv.PAIRS),
    *("0.5", "1.5", "-0.5", "2.0", "2**31", "2**62", "-2**62", "2**63"),
    *("pair of floats", "pair of pairs", "three numbers", "no numbers"),
)


def numbers(sound, *also, named=()):
    """Take any real numbers of a fitting shape."""
    same = accept(hv.FORMS, hv.INTEGERS, hv.FLOATS, "np.float32 2.0")
    return Argument(sound, same, accept(NUMBERS, *also, answer=RIGHT), named=named)


def whole(sound, *also, named=()):
    """Take a whole number, and a pair of them; steps may be so long that only one is made."""
    integers = [name for name in hv.INTEGERS if name != "bool"]
    right = accept(hv.WHOLE, hv.PAIRS, "2**31", "2**62", *also, answer=RIGHT)
    return Argument(sound, accept(hv.SINGLE_FORMS, integers, hv.NUMPY_WHOLE), right, named=named)


def axis(sound):
    integers = [name for name in hv.INTEGERS if name != "bool"]
    return Argument(sound, accept(hv.SINGLE_FORMS, integers, hv.NUMPY_WHOLE), accept(hv.WHOLE, answer=RIGHT))


def labels(sound):
    return Argument(sound, accept(hv.FORMS, hv.INTEGERS), accept(NUMBERS, answer=RIGHT))


def positive(sound):
    """Take a number above 0."""
    given = [*hv.WHOLE, *hv.EXTREME_FLOATS, "0.5", "1.5", "-0.5", "2.0", "2**31", "2**62", "2**63", "10**30"]
    extremes = [name for name in hv.EXTREMES if name.startswith(("all ", "one "))]
    forms = [*hv.SINGLE_FORMS, *hv.FLOATS, *hv.NUMPY_WHOLE, "object with __array__", "memoryview", "np.float32 2.0"]
    return Argument(sound, accept(forms), accept(given, extremes, "-2**62", answer=RIGHT))


def cubes(x):
    with np.errstate(all="ignore"):
        return (x**3).sum()


def cases(module, **arguments):
    """Give each function of a module its arguments, and its right answer."""
    return {
        f"{module.__name__.removeprefix('cnnlab.')}.{name}": Case(
            getattr(module, name), getattr(operation_answers, name), **parts
        )
        for name, parts in arguments.items()
    }


def draw(seed, *shape):
    return np.random.default_rng(seed).uniform(0.1, 1.0, shape)


ROWS, UNIT, DY, WEIGHTS = draw(0, 5, 3) * 1.4, draw(1, 5, 3) / 2, draw(2, 5, 3) * 2, draw(3, 4, 3)
SHARES = UNIT / UNIT.sum(axis=1, keepdims=True)
LABELS = np.array([0, 2, 1, 1, 0])
IMAGES, KERNELS, BIAS, MAPS = draw(4, 2, 3, 6, 5), draw(5, 4, 3, 3, 2), draw(6, 4), draw(7, 2, 4, 4, 4)
FUNCTION = Argument(cubes, accept("function", "class", answer=PASSES))
ALIKE = {"prediction": numbers(UNIT), "target": numbers(SHARES)}
ROW = {"prediction": numbers(UNIT[0]), "target": numbers(SHARES[0])}
LABELLED = {"prediction": numbers(ROWS), "target": labels(LABELS)}
STEPS = {"stride": whole(1), "padding": whole(1, named=("kernel",))}
KERNEL = whole(2, named=("kernel", "columns"))

CASES = {
    **cases(
        activations,
        relu={"x": numbers(ROWS)},
        relu_backward={"dy": numbers(DY), "x": numbers(ROWS - 0.7)},
        sigmoid={"x": numbers(ROWS)},
        sigmoid_backward={"dy": numbers(DY), "y": numbers(UNIT)},
        softmax={"x": numbers(ROWS, named=("axis",)), "axis": axis(-1)},
        softmax_backward={"dy": numbers(DY), "y": numbers(SHARES), "axis": axis(1)},
    ),
    **cases(
        linear,
        linear={"x": numbers(ROWS), "weight": numbers(WEIGHTS, named=("bias",)), "bias": numbers(BIAS, "None")},
        linear_backward={
            "dy": numbers(draw(8, 5, 4)),
            "x": numbers(ROWS, named=("dy",)),
            "weight": numbers(WEIGHTS, named=("dy",)),
        },
    ),
    **cases(
        normalization,
        standardize={"x": numbers(ROWS), "axis": axis(0)},
        standardize_backward={"dy": numbers(DY), "x": numbers(ROWS), "axis": axis(0)},
    ),
    **cases(
        losses,
        mse_loss=ALIKE,
        mse_loss_backward=ALIKE,
        half_squared_error=ROW,
        half_squared_error_backward=ROW,
        binary_cross_entropy_with_logits=ALIKE,
        binary_cross_entropy_with_logits_backward=ALIKE,
        cross_entropy=LABELLED,
        cross_entropy_backward=LABELLED,
    ),
    **cases(
        convolution,
        zero_pad={"x": numbers(IMAGES), "padding": whole(1)},
        conv2d_output_size={
            "size": whole(7, named=("image",)),
            "kernel_size": whole(3, named=("kernel",)),
            **STEPS,
        },
        unfold={"x": numbers(IMAGES, named=("image",)), "kernel_size": KERNEL, **STEPS},
        fold={
            "columns": numbers(draw(9, 2, 12, 36)),
            "output_size": whole(5, named=("image",)),
            "kernel_size": KERNEL,
            "stride": whole(1, named=("columns",)),
            "padding": whole(1, named=("columns",)),
        },
        conv2d={
            "x": numbers(IMAGES, named=("image",)),
            "weight": numbers(KERNELS, named=("kernel", "bias")),
            "bias": numbers(BIAS, "None"),
            **STEPS,
        },
        conv2d_backward={
            "dy": numbers(MAPS),
            "x": numbers(IMAGES, named=("image", "dy")),
            "weight": numbers(KERNELS, named=("kernel", "dy")),
            "stride": whole(1, named=("dy",)),
            "padding": whole(0, named=("dy",)),
            "input_gradient": Argument(True, accept(hv.BOOLS, answer=RIGHT)),
        },
    ),
    **cases(
        pooling,
        max_pool2d={"x": numbers(IMAGES, named=("map",)), "kernel_size": whole(2), "stride": whole(2, "None")},
        max_pool2d_backward={
            "dy": numbers(draw(10, 2, 3, 3, 2)),
            "x": numbers(IMAGES, named=("map", "dy")),
            "kernel_size": whole(2, named=("dy",)),
            "stride": whole(2, "None", named=("dy",)),
        },
    ),
    **cases(
        gradient_check,
        numerical_gradient={"f": FUNCTION, "x": numbers(ROWS), "eps": positive(1e-6)},
        check_gradient={
            "f": FUNCTION,
            "x": numbers(ROWS, named=("gradient",)),
            "gradient": numbers(3 * ROWS**2),
            "tolerance": positive(1e-6),
        },
    ),
}


(
    test_telling_values_get_the_right_answer_or_an_error_that_helps,
    test_every_other_value_gets_the_right_answer_or_an_error_that_helps,
    test_every_public_function_and_argument_has_a_case,
) = hostile.make_tests(CASES, "operations")


STEP, WINDOW = {"stride": 1, "padding": 0}, {"kernel_size": 2, "stride": None}
DEFAULTS = {
    "activations.softmax": {"axis": -1},
    "activations.softmax_backward": {"axis": -1},
    "linear.linear": {"bias": None},
    "normalization.standardize": {"axis": 0},
    "normalization.standardize_backward": {"axis": 0},
    "convolution.conv2d_output_size": STEP,
    "convolution.unfold": STEP,
    "convolution.fold": STEP,
    "convolution.conv2d": {"bias": None, **STEP},
    "convolution.conv2d_backward": {**STEP, "input_gradient": True},
    "pooling.max_pool2d": WINDOW,
    "pooling.max_pool2d_backward": WINDOW,
    "gradient_check.numerical_gradient": {"eps": 1e-6},
    "gradient_check.check_gradient": {"tolerance": 1e-6},
}


@pytest.mark.parametrize("name", CASES)
def test_what_may_be_left_out_and_what_then_is_taken(name):
    parameters = inspect.signature(CASES[name].call).parameters.values()
    assert {one.name: one.default for one in parameters if one.default is not one.empty} == DEFAULTS.get(name, {})


def is_float(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


@pytest.mark.parametrize("name", [name for name in CASES if not name.endswith(("_size", "_gradient"))])
def test_float32_stays_and_one_float64_makes_the_results_float64(name):
    case = CASES[name]
    sound = {key: argument.make() for key, argument in case.arguments.items()}
    right = case.call(**sound)
    for wide in (None, *filter(lambda key: is_float(sound[key]), sound)):
        kinds = {key: ">f4" if key == wide or not is_float(value) else "f4" for key, value in sound.items()}
        narrow = {k: value.astype(kinds[k]) if is_float(value) and k != wide else value for k, value in sound.items()}
        found = case.call(**narrow)
        for ours, theirs in zip(*(x if isinstance(x, tuple) else (x,) for x in (found, right)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
        kinds = {part.dtype for part in (found if isinstance(found, tuple) else (found,)) if is_float(part)}
        assert kinds <= {np.dtype(np.float32)} if wide is None else not kinds or np.dtype(np.float64) in kinds


def ones(*shape):
    return np.ones(shape)


# The likely slips in full, and what the tables above do not reach.
SENTENCES = """
conv2d("image.png", ones(2, 2))
    TypeError: x must be an array of real numbers; got str
conv2d(1j * ones(3, 3), ones(2, 2))
    TypeError: x must be an array of real numbers; got an array of dtype complex128
linear(10**30, ones(1, 2))
    TypeError: x must be … got a whole number beyond 64 bits: write it as a float, as in 1e30
max_pool2d([[1, 2], [3]])
    ValueError: x cannot be read as an array of numbers (list): rows of different lengths are the usual reason
linear(iter([1, 2]), ones(1, 2))
    TypeError: x must be an array of real numbers; got list_iterator
max_pool2d(np.ma.masked_array(ones(2, 2)))
    TypeError: x is a masked array, whose mask would be lost: fill the masked entries first, as in x.filled(0)
conv2d_output_size(5, 2.0)
    TypeError: kernel_size must be a whole number or a pair (rows, columns); got 2.0
conv2d_output_size(5, True)
    TypeError: kernel_size must be a whole number; got True (bool)
max_pool2d(ones(4, 4), (2, 2, 2))
    ValueError: kernel_size must be a whole number or a pair (rows, columns); got 3 numbers
conv2d_backward(ones(2, 2), ones(3, 3), ones(2, 2), input_gradient="no")
    TypeError: input_gradient must be True or False; got 'no'
max_pool2d(np.broadcast_to(1.0, (2**16, 2**15)))
    ValueError: x must hold at most 1,073,741,824 numbers; got shape (65536, 32768): pass fewer images at a time
zero_pad(ones(2, 2), 10**6)
    ValueError: the image with this padding must hold at most 1,073,741,824 numbers; got shape (2000002, 2000002): use a
    smaller padding
conv2d(ones(2, 2), ones(2, 2), padding=2**62)
    ValueError: the output for these x, weight, stride and padding must hold at most …: pass fewer images at a time
unfold(ones(2, 2), 2, padding=20000)
    ValueError: the matrix for these x, kernel_size, stride and padding must hold at most 1,073,741,824 numbers; got
    shape (1, 4, 1600080001): pass fewer images at a time
fold(ones(4, 1), (2**30, 2), 2, stride=2**30)
    ValueError: the image of this output_size must hold at most …: pass fewer columns at a time
linear(np.broadcast_to(1.0, (2**16, 1)), np.broadcast_to(1.0, (2**15, 1)))
    ValueError: the output for these x and weight must hold …; got shape (65536, 32768): pass fewer rows of x at a time
zero_pad([1, 2], 1)
    ValueError: x must have rows and columns, (..., H, W); got shape (2,)
zero_pad(ones(2, 2), "same")
    TypeError: padding must be a whole number or a pair here, as no kernel is known; got 'same'
conv2d(ones(4, 4), ones(2, 2), padding="full")
    ValueError: padding must be a whole number, a pair, "valid" or "same"; got 'full'
conv2d(ones(4, 4), ones(2, 2), padding="same", stride=2)
    ValueError: padding="same" keeps the size of the image only with stride 1; got stride (2, 2)
conv2d(ones(4, 3), ones(2, 5), padding=(0, 0))
    ValueError: a kernel of 2 × 5 does not fit into an image of 4 × 3 with padding (0, 0): use a smaller kernel or more
    padding
conv2d(ones(7, 4, 4), ones(1, 1, 2, 2))
    ValueError: x must have shape (N, C, H, W), or (H, W) for one grey image; got (7, 4, 4): give a stack of grey images
    its channel axis with x[:, None]
conv2d(ones(1, 1, 4, 4), ones(3, 2, 2))
    ValueError: weight must have shape (F, C, kH, kW), or (kH, kW) for one kernel; got (3, 2, 2): give a stack of
    kernels its channel axis with weight[:, None]
conv2d(ones(1, 1, 4, 4), ones(2, 2))
    ValueError: x has shape (1, 1, 4, 4) and weight (2, 2): use (H, W) with (kH, kW), or (N, C, H, W) with
    (F, C, kH, kW); [None, None] in front adds the two missing axes
conv2d(ones(2, 1, 4, 4), ones(5, 3, 2, 2))
    ValueError: weight has 3 channels, x has 1: a single grey image needs shape (N, 1, H, W) and a kernel for it
    (F, 1, kH, kW)
conv2d(ones(2, 8, 8, 3), ones(5, 3, 2, 2))
    ValueError: weight has 3 channels, x has 8: x looks like (N, H, W, C), and needs np.moveaxis(x, -1, 1)
conv2d(ones(9, 8, 3), ones(5, 3, 2, 2))
    ValueError: x must have shape (N, C, H, W), or (H, W) for one grey image; got (9, 8, 3): x looks like one picture
    (H, W, C), and needs np.moveaxis(x, -1, 0)[None]
conv2d(ones(9, 8, 3), ones(5, 1, 2, 2))
    ValueError: x must have shape (N, C, H, W), …: x looks like one picture (H, W, C), and needs x.mean(axis=-1)
    to become grey
conv2d(ones(3, 9, 8), ones(5, 3, 2, 2))
    ValueError: x must have shape (N, C, H, W), …; got (3, 9, 8): give one picture its first axis with x[None]
conv2d(ones(5, 784), ones(5, 1, 2, 2))
    ValueError: x has shape (5, 784) and weight (5, 1, 2, 2): …: rows of 784 pixels, as a table has them, become images
    with x.reshape(-1, 1, 28, 28)
conv2d(ones(2, 3, 9, 8), ones(2, 2, 3, 7))
    ValueError: weight has 2 channels, x has 3: weight looks like (kH, kW, C, F), and needs
    weight.transpose(3, 2, 0, 1)
max_pool2d(ones(5, 8, 8, 1))
    ValueError: a window of 2 × 2 does not fit into a map of 8 × 1: x looks like (N, H, W, C), and needs
    np.moveaxis(x, -1, 1)
conv2d(ones(4, 4), ones(0, 2))
    ValueError: weight must have at least one row and one column; got shape (0, 2)
conv2d(ones(1, 1, 4, 4), ones(3, 1, 2, 2), 0.5)
    ValueError: bias must have shape (3,), one number for each kernel; got ()
conv2d_backward(ones(4, 4), ones(4, 4), ones(2, 2))
    ValueError: dy must have shape (3, 3), the shape of conv2d's output; got (4, 4)
fold(ones(4), 3, 2)
    ValueError: columns must have shape (N, C kH kW, H' W') or (kH kW, H' W'); got (4,)
fold(ones(5, 4), 3, 2)
    ValueError: columns must have 4 rows per channel and 4 columns for output_size (3, 3) and kernel_size (2, 2); got
    shape (5, 4)
fold(ones(8, 4), 3, 2)
    ValueError: columns must have 4 rows per channel …; got shape (8, 4)
max_pool2d(ones(1, 5), (2, 3))
    ValueError: a window of 2 × 3 does not fit into a map of 1 × 5: use a smaller kernel_size
max_pool2d_backward(ones(3, 3), ones(4, 4))
    ValueError: dy must have shape (2, 2), the shape of max_pool2d's output; got (3, 3)
relu_backward(ones(3), ones(4))
    ValueError: dy must have shape (4,), the shape of x; got (3,)
sigmoid_backward([1.0], [1.5])
    ValueError: y must lie between 0 and 1; got values from 1.5 to 1.5: give the output of sigmoid, not its input
softmax(3.0)
    ValueError: x must hold one number for each class; got a single number
softmax(ones(3, 0))
    ValueError: x must have at least one class along axis 1; got shape (3, 0)
softmax(ones(3, 2), axis=-3)
    ValueError: axis must lie between -2 and 1 for an array with 2 axes; got -3
linear(ones(2, 3, 4, 4), ones(1, 48))
    ValueError: x must have shape (N, in), or (in,); got (2, 3, 4, 4): flatten the maps first with x.reshape(len(x), -1)
linear(ones(2, 3), ones(3))
    ValueError: weight must have shape (out, in), one row for each output; got (3,)
linear(ones(2, 3), ones(3, 5))
    ValueError: weight takes 5 features, x has 3: weight may need transposing, weight.T
linear(ones(2, 3), ones(1, 5))
    ValueError: weight takes 5 features, x has 3
linear(ones(2, 3), ones(4, 3), ones(3))
    ValueError: bias must have shape (4,), one number for each output; got (3,)
linear_backward(ones(2, 3), ones(2, 3), ones(4, 3))
    ValueError: dy must have shape (2, 4), the shape of linear's output; got (2, 3)
standardize(3.0)
    ValueError: x must have an axis to standardise along; got a single number
standardize([[2.0, 3.0]])
    ValueError: x does not vary along axis 0, so its standard deviation is 0 and it cannot be standardised: a batch of
    one image, or an output that has saturated, is the usual reason
mse_loss(ones(2, 2), ones(3))
    ValueError: prediction has shape (2, 2), target (3,); they must be equal
mse_loss_backward(ones(3, 1), ones(3))
    ValueError: prediction has shape (3, 1), target (3,); they must be equal: the same count of numbers, so reshape one,
    as in prediction.reshape(target.shape)
half_squared_error(ones(3, 1), ones(3, 1))
    ValueError: prediction must have shape (N,), one number for each image; got (3, 1)
binary_cross_entropy_with_logits([1.0, 2.0], [0, 7])
    ValueError: target must lie between 0 and 1; got values from 0 to 7: turn class numbers into yes or no first, as in
    digits > 4
binary_cross_entropy_with_logits([1.0], [-1e-9])
    ValueError: target must lie between 0 and 1; got values from -1e-09 to -1e-09: …
cross_entropy(ones(2, 3, 4), [0, 1])
    ValueError: prediction must have shape (N, K), or (K,), with at least one class; got (2, 3, 4)
cross_entropy(ones(2, 3), np.eye(3)[:2])
    ValueError: target must have shape (2,), one class number for each row of prediction (2, 3); got (2, 3): a one-hot
    target becomes class numbers with target.argmax(-1)
cross_entropy(ones(3), [1])
    ValueError: target must have shape (), one class number for each row of prediction (3,); got (1,)
cross_entropy(ones(2, 3), [0.0, 1.0])
    TypeError: target must hold class numbers, whole numbers; got dtype float64
cross_entropy(ones(2, 3), [0, 3])
    ValueError: target must hold class numbers from 0 to 2; got 0 to 3
cross_entropy_backward(ones(3), -1)
    ValueError: target must hold class numbers from 0 to 2; got -1 to -1
numerical_gradient(3.0, ones(2))
    TypeError: f must be a function of one array; got 3.0: leave out the brackets behind its name
numerical_gradient(lambda x: x, ones(2))
    ValueError: f must return one number; got shape (2,): take the loss, not the output
check_gradient(lambda x: "loss", [1.0], [1.0])
    TypeError: the result of f must be an array of real numbers; got str
numerical_gradient(np.sum, ones(2), eps="small")
    TypeError: eps must be one number; got 'small' (str)
numerical_gradient(np.sum, [1.0, 1e20])
    ValueError: eps must be large enough to move every entry of x; 1e-06 is lost beside 1e+20
check_gradient(np.sum, ones(2), ones(3))
    ValueError: gradient must have shape (2,), the shape of x; got (3,)
check_gradient(np.sum, [], [])
    ValueError: x is empty, so there is nothing to check
check_gradient(np.sum, ones(2), ones(2), tolerance=-1)
    ValueError: tolerance must be a finite number above 0; got -1
"""
NAMES = {"np": np, "ones": ones}
for _module in (activations, convolution, gradient_check, linear, losses, normalization, pooling):
    NAMES |= {name: getattr(_module, name) for name in _module.__all__}


@pytest.mark.parametrize(("call", "sentence"), hostile.sentences(SENTENCES))
def test_a_slip_is_answered_in_these_words(call, sentence):
    hostile.check_sentence(call, sentence, NAMES)
