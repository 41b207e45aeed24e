"""The networks of notebooks 1, 3, 4 and 5, built from the ground floor.

Every network begins with one convolution. What comes after it is its *head*: `forward` and `backward` are the
convolution and the head in turn (`TenClassCNN`, which has two convolutions, spells them out).
`loss_and_gradients` gives the same numbers faster: it works through the batch in blocks and keeps each block's
columns from the forward to the backward pass.

Infinities and NaN are numbers here: they go through the layers as IEEE arithmetic has it, and nothing warns of them.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import TYPE_CHECKING, Any, Callable, ClassVar, Iterable, NamedTuple

import numpy as np

from cnnlab import _buffers
from cnnlab._checks import as_array, as_flag, as_float, as_int, as_pair, as_rng, require_room, shown
from cnnlab._threads import SHARES, share_out
from cnnlab.activations import relu, relu_backward, sigmoid, sigmoid_backward, softmax
from cnnlab.convolution import Window, block_size, conv2d, conv2d_backward, make_window
from cnnlab.linear import linear, linear_backward
from cnnlab.losses import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    cross_entropy,
    cross_entropy_backward,
    half_squared_error,
    half_squared_error_backward,
    mse_loss,
    mse_loss_backward,
)
from cnnlab.normalization import standardize, standardize_backward
from cnnlab.pooling import max_pool2d, max_pool2d_backward

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["BinaryCNN", "FilterRegression", "SingleFilterCNN", "SoftmaxCNN", "TenClassCNN"]

Gradients = dict[str, np.ndarray]


class _Network:
    """One convolution and a head."""

    keys: ClassVar[tuple[str, ...]] = ("conv_weight", "conv_bias", "dense_weight", "dense_bias")
    to_features: ClassVar[str] = "dense_weight"  # which weights the features meet
    padding: ClassVar[str] = "valid"
    has_classes: ClassVar[bool] = True
    pool: ClassVar[int] = 1  # the size of the pool after the convolution, if there is one
    filters: ClassVar[int | None] = None  # how many there must be, if that is fixed
    outputs: ClassVar[int | None] = None

    def __init__(self, parameters: dict[str, ArrayLike]) -> None:
        self._check_keys(parameters)
        arrays = {name: as_float(name, parameters[name]) for name in self.keys}
        self._dtype = np.result_type(*arrays.values())  # float32 only if all are
        self.parameters = {name: array.astype(self._dtype, order="C") for name, array in arrays.items()}
        self._check_shapes()
        self._known = self._forms()

    def _check_keys(self, parameters: Any) -> None:
        if not isinstance(parameters, dict) or set(parameters) != set(self.keys):
            came = type(parameters).__name__
            if isinstance(parameters, dict):
                came = ", ".join(map(shown, parameters)) or "none"
            raise ValueError(f"parameters must be a dict with the keys {', '.join(self.keys)}; got {came}")

    def _check_parameters(self) -> None:
        """Look at the parameters again, which anyone may have replaced since they were looked at last."""
        if self._forms() == self._known:
            return
        self._check_keys(self.parameters)
        for name, value in self.parameters.items():
            if type(value) is not np.ndarray or value.dtype != self._dtype:
                came = f"an array of dtype {value.dtype}" if type(value) is np.ndarray else type(value).__name__
                raise TypeError(
                    f"parameters[{name!r}] must be an array of {self._dtype}, as it was made; got {came}: write the "
                    f"new numbers into it, as in network.parameters[{name!r}][...] = numbers"
                )
        self._check_shapes()
        self._known = self._forms()

    def _forms(self) -> Any:
        """Describe the parameters: equal descriptions need no second look."""
        try:
            return {name: (type(value), value.dtype, value.shape) for name, value in self.parameters.items()}
        except AttributeError:  # something else has been put there
            return None

    def _check_shapes(self) -> None:
        arrays = self.parameters
        shape = arrays["conv_weight"].shape
        if len(shape) != 4 or shape[1] != 1 or 0 in shape or shape[0] != (self.filters or shape[0]):
            hint = ": kernel[None, None] adds the first two axes" if len(shape) == 2 else ""
            raise ValueError(f"conv_weight must have shape ({self.filters or 'F'}, 1, kH, kW); got {shape}{hint}")
        outputs = 0
        if "dense_weight" in arrays:
            dense = arrays["dense_weight"].shape
            if len(dense) != 2 or 0 in dense or dense[0] != (self.outputs or dense[0]):
                raise ValueError(f"dense_weight must have shape ({self.outputs or 'K'}, features); got {dense}")
            outputs = dense[0]
        for name, expected in (("conv_bias", (shape[0],)), ("dense_bias", (outputs,))):
            if name in self.parameters and self.parameters[name].shape != expected:
                raise ValueError(f"{name} must have shape {expected}; got {self.parameters[name].shape}")
        kernel = (1, 1) if self.padding == "same" else shape[2:]
        self._smallest = (kernel[0] + self.pool - 1, kernel[1] + self.pool - 1)
        self._entries = shape[2] * shape[3]  # of a column, for each pixel

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({shapes})"

    def forward(self, x: ArrayLike) -> Any:
        """Run the network and keep every intermediate result.

        Parameters
        ----------
        x : (N, 1, H, W) array_like, or (H, W)
            Images; they are converted to the parameters' dtype.

        Returns
        -------
        record
            A named tuple with the images and every intermediate result, each with the batch axis first.

        Raises
        ------
        TypeError, ValueError
            If x is no image or batch of images, or not of the size that the network was made for.
        """
        return self._forward(self._images(x))

    def backward(self, record: Any, target: ArrayLike) -> Gradients:
        """Carry the gradient of the loss back to every parameter.

        Parameters
        ----------
        record
            What `forward` returned.
        target : (N,) array_like, or one number
            The right answers (for `FilterRegression`: the target maps).

        Returns
        -------
        dict of str to ndarray
            ∂L/∂parameter under each parameter's key.

        Raises
        ------
        TypeError, ValueError
            If the record is not one of this network's, or the target does not fit the images.
        """
        self._check_record(record)
        return self._backward(record, self._targets(target, len(record.x)))

    def loss(self, record: Any, target: ArrayLike) -> float:
        """Measure the loss of a forward pass.

        Parameters
        ----------
        record
            What `forward` returned.
        target : (N,) array_like, or one number
            The right answers (for `FilterRegression`: the target maps).

        Returns
        -------
        float
            The mean over the batch.

        Raises
        ------
        TypeError, ValueError
            If the record is not one of this network's, or the target does not fit the images.
        """
        self._check_record(record)
        return self._loss(record, self._targets(target, len(record.x)))

    def loss_and_gradients(self, x: ArrayLike, target: ArrayLike) -> tuple[float, Gradients]:
        """Compute the loss and ∂L/∂parameter in one go: `forward` and `backward`, faster.

        Parameters
        ----------
        x : (N, 1, H, W) array_like, or (H, W)
            Images.
        target : (N,) array_like, or one number
            The right answers (for `FilterRegression`: the target maps).

        Returns
        -------
        (float, dict of str to ndarray)
            The loss, and the gradient under each parameter's key.

        Raises
        ------
        TypeError, ValueError
            If x or the target has a wrong type or shape.
        """
        loss, gradients, _ = self.loss_gradients_hits(x, target)
        return loss, gradients

    def loss_gradients_hits(self, x: ArrayLike, target: ArrayLike) -> tuple[float, Gradients, int | None]:
        """Do as `loss_and_gradients`, and count the images answered rightly (None without classes)."""
        images = self._images(x)
        return self._by_reference(images, self._targets(target, len(images)))

    def predict(self, x: ArrayLike) -> Any:
        """Answer for each image.

        Parameters
        ----------
        x : (N, 1, H, W) array_like, or (H, W)
            Images.

        Returns
        -------
        (N,) ndarray of int, or one int
            The class of each image (for `FilterRegression`: the maps).

        Raises
        ------
        TypeError, ValueError
            If x is no image or batch of images, or not of the size that the network was made for.
        """
        images = self._images(x)
        answers = self._predict(images)
        return answers[0] if np.ndim(x) == 2 else answers

    def _predict(self, images: np.ndarray) -> np.ndarray:
        return self._answers(self._forward(images))

    def _by_reference(self, images: np.ndarray, targets: np.ndarray) -> tuple[float, Gradients, int | None]:
        """Compute loss, gradients and hits by the ground floor's functions."""
        record = self._forward(images)
        hits = int(np.count_nonzero(self._answers(record) == targets)) if self.has_classes else None
        return self._loss(record, targets), self._backward(record, targets), hits

    def _forward(self, images: np.ndarray) -> Any:
        conv = conv2d(images, self.parameters["conv_weight"], self.parameters.get("conv_bias"), padding=self.padding)
        return self._head(images, conv)

    def _backward(self, record: Any, targets: np.ndarray) -> Gradients:
        return self._carry_back(record, self._loss_backward(record, targets))

    def _carry_back(self, record: Any, d_outputs: np.ndarray) -> Gradients:
        """Carry the gradient back from what `_loss_backward` gives it for."""
        d_conv, gradients = self._head_backward(record, d_outputs)
        conv = conv2d_backward(
            d_conv, record.x, self.parameters["conv_weight"], padding=self.padding, input_gradient=False
        )
        gradients = {"conv_weight": conv.weight, "conv_bias": conv.bias, **gradients}
        return {name: gradients[name] for name in self.keys}

    def _check_record(self, record: Any) -> None:
        """Check that a record has the form of those that `forward` makes: an empty batch shows it."""
        x = getattr(record, "x", None)
        if type(x) is np.ndarray and x.ndim == 4 and x.dtype == self._dtype:
            empty = self.forward(x[:0])
            if type(record) is type(empty) and all(
                type(part) is np.ndarray and part.dtype == like.dtype and part.shape == (len(x), *like.shape[1:])
                for part, like in zip(record, empty, strict=True)
            ):
                return
        raise TypeError(
            f"record must be what this network's forward returned for the images; got {type(record).__name__}: call "
            f"record = network.forward(x) first"
        )

    def _check_data(self, x: np.ndarray, target: np.ndarray) -> None:
        """Check all images and answers, and compute nothing: an empty batch shows whether the images' size fits."""
        self.forward(x[None, None][:0] if x.ndim == 2 else x[:0])
        self._targets(target, 1 if x.ndim == 2 else len(x))

    def _images(self, x: ArrayLike) -> np.ndarray:
        """Return x as (N, 1, H, W) in the parameters' dtype."""
        self._check_parameters()
        if type(x) is np.ndarray and x.ndim == 4 and x.shape[1] == 1 and x.dtype == self._dtype:
            require_room("x", x.shape, "pass fewer images at a time")
            self._check_size(x)
            return x  # as it comes in training, thousands of times
        array = as_array("x", x)
        if array.ndim == 2:
            array = array[None, None]
        if array.ndim != 4 or array.shape[1] != 1:
            hint = ": give a stack of grey images its channel axis with x[:, None]" if array.ndim == 3 else ""
            raise ValueError(f"x must have shape (N, 1, H, W), or (H, W) for one image; got {array.shape}{hint}")
        self._check_size(array)
        return self._converted("x", array)

    def _check_size(self, images: np.ndarray) -> None:
        rows, columns = self._smallest
        if images.shape[2] < rows or images.shape[3] < columns:
            raise ValueError(
                f"x must have images of at least {rows} × {columns} pixels for the network's filters; got shape "
                f"{images.shape}"
            )

    def _targets(self, target: ArrayLike, n: int) -> np.ndarray:
        """Return the target as (N,)."""
        array = as_array("target", target)
        if array.ndim == 0 and n == 1:
            array = array[None]
        if array.shape != (n,):
            hint = ": reshape(-1) drops the extra axes" if array.size == n else ""
            if array.ndim == 2 and len(array) == n and not hint:
                hint = ": one-hot rows become class numbers with argmax(axis=1)"
            raise ValueError(f"target must have shape ({n},), one answer for each image; got {array.shape}{hint}")
        # One output is compared with a number, several with the number of a class.
        return array if self.outputs is None else self._converted("target", array)

    def _converted(self, name: str, array: np.ndarray) -> np.ndarray:
        """Convert to the parameters' dtype; what float32 cannot hold becomes infinite."""
        if array.dtype != self._dtype:
            array = as_float(name, array) if array.dtype.kind == "f" else array.astype(np.float64)
        if array.dtype == self._dtype:
            return array
        with np.errstate(all="ignore"):
            return array.astype(self._dtype)

    def _features(self, maps: np.ndarray) -> np.ndarray:
        """Lay the maps (N, F, H, W) of each image out in a row: filter by filter, row by row."""
        features = maps.reshape(len(maps), maps.shape[1] * maps.shape[2] * maps.shape[3])
        expected = self.parameters[self.to_features].shape[1]
        if features.shape[1] != expected:
            raise ValueError(
                f"x gives {features.shape[1]} features, {self.to_features} takes {expected}: the network was made for "
                f"images of another size, so make one with this image_size"
            )
        return features

    # What each network adds.

    def _head(self, x: np.ndarray, conv: np.ndarray) -> Any:
        """Continue from the convolution's maps to the answer; return the record."""
        raise NotImplementedError

    def _head_backward(self, record: Any, d_outputs: np.ndarray) -> tuple[np.ndarray, Gradients]:
        """Carry the gradient back to the convolution's maps: ∂L/∂conv and the head's gradients."""
        raise NotImplementedError

    def _loss_backward(self, record: Any, target: np.ndarray) -> np.ndarray:
        """Return the loss's gradient with respect to the maps, or to the scores (N, K) of the dense layer."""
        raise NotImplementedError

    def _loss(self, record: Any, target: np.ndarray) -> float:
        raise NotImplementedError

    def _answers(self, record: Any) -> np.ndarray:
        raise NotImplementedError


class FilterRecord(NamedTuple):
    """The forward pass of `FilterRegression`."""

    x: np.ndarray  # (N, 1, H, W) images
    prediction: np.ndarray  # (N, F, H', W') maps


class FilterRegression(_Network):
    """Notebook 1: a filter without bias, fitted to target maps by the mean squared error.

    .. math:: \\hat Y = I \\star W, \\qquad L = \\frac{1}{n} \\sum_{i,j} (\\hat Y_{ij} - Y_{ij})^2

    Parameters
    ----------
    parameters : dict
        `conv_weight` (F, 1, kH, kW); copied.

    Raises
    ------
    TypeError, ValueError
        If the parameters have wrong keys or shapes.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equations 9.6 and 9.11.

    Examples
    --------
    >>> network = FilterRegression({"conv_weight": [[[[0.5, 0.2], [0.3, 0.7]]]]})
    >>> loss, gradients = network.loss_and_gradients([[1, 2, 1], [0, 1, 2], [2, 1, 0]], [[1, 2], [2, 1]])
    >>> round(loss, 6), gradients["conv_weight"][0, 0].round(6).tolist()
    (0.365, [[1.3, 1.0], [0.05, 0.95]])
    """

    keys = ("conv_weight",)
    has_classes = False

    @classmethod
    def initialize(
        cls, rng: np.random.Generator, *, kernel_size: int | tuple[int, int] = 2, dtype: DTypeLike = np.float64
    ) -> FilterRegression:
        """Draw a filter uniformly from 0 to 1.

        Parameters
        ----------
        rng : numpy.random.Generator
            Where the random numbers come from, as in `np.random.default_rng(0)`.
        kernel_size : int or pair of int
            Height and width of the filter.
        dtype : dtype
            float64 or float32.

        Returns
        -------
        FilterRegression

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type or value.
        """
        rng, kind = as_rng(rng), _as_dtype(dtype)
        shape = (1, 1, *as_pair("kernel_size", kernel_size, 1))
        require_room("kernel_size", shape, "use a smaller kernel")
        return cls({"conv_weight": rng.random(shape).astype(kind)})

    def _targets(self, target: ArrayLike, n: int) -> np.ndarray:
        array = as_array("target", target)
        if array.ndim == 2:
            array = array[None, None]
        if array.ndim != 4 or len(array) != n:
            raise ValueError(
                f"target must have shape ({n}, F, H', W'), maps for each image, or (H', W') for one; "
                f"got {np.shape(target)}"
            )
        return self._converted("target", array)

    def _head(self, x: np.ndarray, conv: np.ndarray) -> FilterRecord:
        return FilterRecord(x, conv)

    def _head_backward(self, record: FilterRecord, d_outputs: np.ndarray) -> tuple[np.ndarray, Gradients]:
        return d_outputs, {}

    def _loss_backward(self, record: FilterRecord, target: np.ndarray) -> np.ndarray:
        return mse_loss_backward(record.prediction, target)

    def _loss(self, record: FilterRecord, target: np.ndarray) -> float:
        return mse_loss(record.prediction, target)

    def _answers(self, record: FilterRecord) -> np.ndarray:
        return record.prediction[:, 0] if record.prediction.shape[1] == 1 else record.prediction


Part = tuple[float, list[np.ndarray], int]


def _sum(total: Part, part: Part) -> Part:
    """Add one block's loss, gradients and hits to those of others, in place where there are arrays."""
    for gradient, more in zip(total[1], part[1], strict=True):
        gradient += more
    return total[0] + part[0], total[1], total[2] + part[2]


def _sum_of(step: Callable[[slice], Part], blocks: list[slice]) -> Part:
    """Take a step for every block, side by side, and add up what comes of them."""

    def work(lane: Iterable[int]) -> Part:
        return functools.reduce(_sum, (step(blocks[k]) for k in lane))

    return functools.reduce(_sum, share_out(work, len(blocks)))


class _Layers(NamedTuple):
    """What a block of images goes through before the dense layer, with its memory."""

    convolution: _buffers.Convolution
    activation: _buffers.Sigmoid | _buffers.Pool


class _DenseNetwork(_Network):
    """A convolution, an activation and a dense layer, with a fast path through all three and back.

    A block of images goes forward and backward before the next block begins, so that its columns are kept for the
    backward pass and stay in the cache, and memory does not grow with the number of images.
    """

    pool = 2

    def loss_and_gradients(self, x: ArrayLike, target: ArrayLike) -> tuple[float, Gradients]:
        loss, gradients, _ = self._run(x, target, count=False)
        return loss, gradients

    def loss_gradients_hits(self, x: ArrayLike, target: ArrayLike) -> tuple[float, Gradients, int | None]:
        return self._run(x, target, count=True)

    @np.errstate(all="ignore")
    def _run(self, x: ArrayLike, target: ArrayLike, *, count: bool) -> tuple[float, Gradients, int | None]:
        images = self._images(x)
        targets = self._targets(target, len(images))
        if self._has_no_fast_path(images):
            return self._by_reference(images, targets)
        loss, gradients, hits = self._steps(images, targets, self._blocks(images), count)
        shaped = zip(self.keys, gradients, strict=True)
        return loss, {name: gradient.reshape(self.parameters[name].shape) for name, gradient in shaped}, hits

    @np.errstate(all="ignore")
    def _predict(self, images: np.ndarray) -> np.ndarray:
        if self._has_no_fast_path(images):
            return super()._predict(images)
        return self._choices(self._scores(images, self._blocks(images)))

    def _has_no_fast_path(self, images: np.ndarray) -> bool:
        n, _, height, width = images.shape
        return n == 0 or height * width * self._entries > _buffers.MOST_NUMBERS

    def _blocks(self, images: np.ndarray) -> list[slice]:
        """Divide the images into those that go through the network at a time, about as many each time."""
        n, most = len(images), self._block_size(images)
        if n == most:
            return [slice(n)]
        size = -(-n // -(-n // most))
        return [slice(start, start + size) for start in range(0, n, size)]

    def _block_size(self, images: np.ndarray) -> int:
        """Say how many of the images may go through the network at a time."""
        if len(images) == 1:
            return 1
        weight = self.parameters["conv_weight"]
        window = make_window(images.shape[2:], weight.shape[2:], 1, self.padding)
        # BLAS must not share out the products of the dense layer: in parts, their sums would have other digits.
        unshared = max(1, _buffers.UNSHARED // self.parameters["dense_weight"].size)
        return min(len(images), unshared, block_size(1, window, weight.dtype))

    def _steps(self, images: np.ndarray, targets: np.ndarray, blocks: list[slice], count: bool) -> Part:
        """Take all images forward and back."""
        n = len(images)
        if len(blocks) == 1:
            return self._step(images, targets, n, count)
        return _sum_of(lambda block: self._step(images[block], targets[block], n, count), blocks)

    def _step(self, images: np.ndarray, targets: np.ndarray, n: int, count: bool) -> Part:
        """Take a block of the n images forward and back: its share of the loss and of each gradient, and its hits."""
        scores, kept = self._up(images)
        hits = self._hits(scores, targets) if count else 0
        loss, d_scores = self._scores_loss(scores, targets, n)
        gradients = self._down(d_scores, kept)
        # A pool without NaN takes less time. One that met NaN or infinities shows in the loss, or in the gradient of
        # the first bias, as every gradient comes down to it: then the ground floor does it all once more.
        if self.pool > 1 and not math.isfinite(sum(gradients[1].tolist(), loss)):
            return self._step_by_reference(images, targets, n)
        return loss, gradients, hits

    def _step_by_reference(self, images: np.ndarray, targets: np.ndarray, n: int) -> Part:
        record = self._forward(images)
        loss, d_scores = self._scores_loss(self._scores_of(record).copy(), targets, n)
        gradients = self._carry_back(record, d_scores)
        shapes = ((len(value), -1) if value.ndim > 1 else (-1,) for value in gradients.values())
        flat = [value.reshape(shape) for value, shape in zip(gradients.values(), shapes, strict=True)]
        return loss, flat, int(np.count_nonzero(self._answers(record) == targets))

    def _scores(self, images: np.ndarray, blocks: list[slice]) -> np.ndarray:
        """Take all images forward."""
        if len(blocks) == 1:
            return self._up(images)[0]

        def work(lane: Iterable[int]) -> list[tuple[int, np.ndarray]]:
            return [(k, self._up(images[blocks[k]])[0]) for k in lane]

        by_block = dict(itertools.chain.from_iterable(share_out(work, len(blocks))))
        return np.concatenate([by_block[k] for k in range(len(blocks))])

    def _up(self, images: np.ndarray) -> tuple[np.ndarray, Any]:
        """Take a block of images forward: the scores (m, K), and what `_down` needs."""
        p = self.parameters
        conv_weight, weight = p["conv_weight"], p["dense_weight"]
        key = (self.pool, self.padding, images.shape, conv_weight.shape, images.dtype.char)
        layers = _buffers.kept(key, lambda: self._make_layers(images))
        layers.convolution.forward(images, conv_weight, p["conv_bias"])
        features = layers.activation.forward()
        if features.shape[1] != weight.shape[1]:
            self._features(features[:, :, None, None])  # raises
        scores = _buffers.dot(features, weight.T)
        scores += p["dense_bias"]
        return scores, (layers, features)

    def _down(self, d_scores: np.ndarray, kept: Any) -> list[np.ndarray]:
        """Take the gradient of a block's scores back: the gradients in the order of `keys`."""
        layers, features = kept
        layers.activation.backward(_buffers.dot(d_scores, self.parameters["dense_weight"]))
        return [*layers.convolution.backward(), _buffers.dot(d_scores.T, features), np.add.reduce(d_scores, axis=0)]

    def _make_layers(self, images: np.ndarray) -> _Layers:
        weight = self.parameters["conv_weight"]
        window = make_window(images.shape[2:], weight.shape[2:], 1, self.padding)
        convolution = _buffers.Convolution(len(images), images.shape[1:], window, len(weight), weight.dtype)
        if self.pool > 1:
            pool = _buffers.Pool(convolution.maps, convolution.gradients, window.output_size)
            return _Layers(convolution, pool)
        return _Layers(convolution, _buffers.Sigmoid(convolution.maps, convolution.gradients))

    def _head_backward(self, record: Any, d_outputs: np.ndarray) -> tuple[np.ndarray, Gradients]:
        dense = linear_backward(d_outputs, record.features, self.parameters["dense_weight"])
        return self._activation_backward(record, dense.x), {"dense_weight": dense.weight, "dense_bias": dense.bias}

    def _activation_backward(self, record: Any, d_features: np.ndarray) -> np.ndarray:
        d_relu = max_pool2d_backward(d_features.reshape(record.pool.shape), record.relu)
        return relu_backward(d_relu, record.conv)

    def _hits(self, scores: np.ndarray, targets: np.ndarray) -> int:
        """Count the right answers."""
        return int(np.count_nonzero(self._choices(scores) == targets))

    def _choices(self, scores: np.ndarray) -> np.ndarray:
        """Return the classes (m,) that the scores (m, K) speak for."""
        return (scores[:, 0] > 0).astype(np.intp)

    def _scores_loss(self, scores: np.ndarray, targets: np.ndarray, n: int) -> tuple[float, np.ndarray]:
        """Return a block's share of the loss and ∂L/∂scores (m, K)."""
        raise NotImplementedError

    def _scores_of(self, record: Any) -> np.ndarray:
        """Return a record's scores (m, K)."""
        raise NotImplementedError


class SingleFilterRecord(NamedTuple):
    """The forward pass of `SingleFilterCNN`."""

    x: np.ndarray  # (N, 1, H, W) images
    conv: np.ndarray  # (N, 1, H, W) convolution with bias
    relu: np.ndarray  # (N, 1, H, W)
    pool: np.ndarray  # (N, 1, H / 2, W / 2)
    features: np.ndarray  # (N, H W / 4)
    logit: np.ndarray  # (N,) the score z
    prediction: np.ndarray  # (N,) ŷ = σ(z)


class SingleFilterCNN(_DenseNetwork):
    """Notebook 3: one filter, ReLU, max pool, a dense output and a sigmoid, fitted by half the squared error.

    Parameters
    ----------
    parameters : dict
        `conv_weight` (1, 1, kH, kW), `conv_bias` (1,), `dense_weight` (1, features), `dense_bias` (1,); copied.

    Raises
    ------
    TypeError, ValueError
        If the parameters have wrong keys or shapes.

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition", 1998, section II.

    Examples
    --------
    >>> network = SingleFilterCNN.initialize(np.random.default_rng(0), image_size=4, kernel_size=3)
    >>> network.forward(np.eye(4)).features.shape
    (1, 4)
    """

    padding = "same"
    filters = 1
    outputs = 1

    @classmethod
    def initialize(
        cls,
        rng: np.random.Generator,
        *,
        image_size: int | tuple[int, int] = 32,
        kernel_size: int | tuple[int, int] = 5,
        dtype: DTypeLike = np.float64,
    ) -> SingleFilterCNN:
        """Draw every parameter from a normal distribution with standard deviation 0.01.

        Parameters
        ----------
        rng : numpy.random.Generator
            Where the random numbers come from, as in `np.random.default_rng(0)`.
        image_size, kernel_size : int or pair of int
            Height and width of the images and of the filter.
        dtype : dtype
            float64 or float32.

        Returns
        -------
        SingleFilterCNN

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type or value.
        """
        rng, dtype = as_rng(rng), _as_dtype(dtype)
        height, width = as_pair("image_size", image_size, 2)
        shapes = {
            "conv_weight": (1, 1, *as_pair("kernel_size", kernel_size, 1)),
            "conv_bias": (1,),
            "dense_weight": (1, (height // 2) * (width // 2)),
            "dense_bias": (1,),
        }
        require_room("kernel_size", shapes["conv_weight"], "use a smaller kernel")
        require_room("image_size", shapes["dense_weight"], "use smaller images")
        return cls({name: _normal(rng, shape, 0.01**2, dtype) for name, shape in shapes.items()})

    def _head(self, x: np.ndarray, conv: np.ndarray) -> SingleFilterRecord:
        activated = relu(conv)
        pool = max_pool2d(activated)
        features = self._features(pool)
        logit = linear(features, self.parameters["dense_weight"], self.parameters["dense_bias"])[:, 0]
        return SingleFilterRecord(x, conv, activated, pool, features, logit, sigmoid(logit))

    def _loss_backward(self, record: SingleFilterRecord, target: np.ndarray) -> np.ndarray:
        d_prediction = half_squared_error_backward(record.prediction, target)
        return sigmoid_backward(d_prediction, record.prediction)[:, None]

    def _scores_loss(self, scores: np.ndarray, targets: np.ndarray, n: int) -> tuple[float, np.ndarray]:
        return _half_squared_error_of_scores(scores[:, 0], targets, n)

    def _scores_of(self, record: SingleFilterRecord) -> np.ndarray:
        return record.logit[:, None]

    def _loss(self, record: SingleFilterRecord, target: np.ndarray) -> float:
        return half_squared_error(record.prediction, target)

    def _answers(self, record: SingleFilterRecord) -> np.ndarray:
        return (record.logit > 0).astype(np.intp)


class BinaryRecord(NamedTuple):
    """The forward pass of `BinaryCNN`."""

    x: np.ndarray  # (N, 1, H, W) images
    conv: np.ndarray  # (N, F, H', W') convolution with bias
    sigmoid: np.ndarray  # (N, F, H', W')
    features: np.ndarray  # (N, F H' W')
    dense: np.ndarray  # (N,) weighted sums
    logit: np.ndarray  # (N,) the score z: `dense`, standardised if the network does so
    prediction: np.ndarray  # (N,) ŷ = σ(z)


class BinaryCNN(_DenseNetwork):
    """Notebook 4: a few filters with sigmoid, a dense output and a sigmoid, for a yes-or-no question.

    Parameters
    ----------
    parameters : dict
        `conv_weight` (F, 1, kH, kW), `conv_bias` (F,), `dense_weight` (1, features), `dense_bias` (1,); copied.
    loss : "half_squared_error" or "cross_entropy"
        What training makes small.
    standardized : bool
        Whether to standardise the dense output over the batch before the sigmoid. An answer then depends on the
        other images of its batch, and a batch needs at least two.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value, or the parameters have wrong keys or shapes.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.6 (the scale of the first weights).

    Examples
    --------
    >>> network = BinaryCNN.initialize(np.random.default_rng(0), image_size=6, filters=2, kernel_size=3)
    >>> network.forward(np.eye(6)).features.shape
    (1, 32)
    """

    outputs = 1
    pool = 1

    def __init__(
        self, parameters: dict[str, ArrayLike], *, loss: str = "half_squared_error", standardized: bool = False
    ) -> None:
        self.loss_name, self.standardized = self._as_options(loss, standardized)
        super().__init__(parameters)

    @staticmethod
    def _as_options(loss: Any, standardized: Any) -> tuple[str, bool]:
        if not isinstance(loss, str) or loss not in ("half_squared_error", "cross_entropy"):
            raise ValueError(f'loss must be "half_squared_error" or "cross_entropy"; got {shown(loss)}')
        standardized = as_flag("standardized", standardized)
        return loss, bool(standardized)

    @classmethod
    def initialize(
        cls,
        rng: np.random.Generator,
        *,
        image_size: int | tuple[int, int] = 28,
        filters: int = 3,
        kernel_size: int | tuple[int, int] = 5,
        loss: str = "half_squared_error",
        standardized: bool = False,
        dtype: DTypeLike = np.float64,
    ) -> BinaryCNN:
        """Draw weights from a normal distribution with variance 1 / (numbers summed); biases are 0.

        Parameters
        ----------
        rng : numpy.random.Generator
            Where the random numbers come from, as in `np.random.default_rng(0)`.
        image_size, kernel_size : int or pair of int
            Height and width of the images and of the filters.
        filters : int
            Number of filters.
        loss, standardized
            As in the class.
        dtype : dtype
            float64 or float32.

        Returns
        -------
        BinaryCNN

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type or value.
        """
        cls._as_options(loss, standardized)  # before anything is drawn
        parameters = _scaled(rng, image_size, filters, kernel_size, pool=1, outputs=1, gain=1, dtype=dtype)
        return cls(parameters, loss=loss, standardized=standardized)

    def _check_data(self, x: np.ndarray, target: np.ndarray) -> None:
        super()._check_data(x, target)
        if self.loss_name == "cross_entropy":
            binary_cross_entropy_with_logits(np.zeros(target.shape), target)  # says what is wrong with them

    def _steps(self, images: np.ndarray, targets: np.ndarray, blocks: list[slice], count: bool) -> Part:
        if not self.standardized or len(blocks) == 1:
            return super()._steps(images, targets, blocks, count)
        # Mean and deviation are those of the whole batch: every block goes forward before the first one goes back.
        # Going forward twice takes less time than to keep all columns, and memory does not grow with the images.
        scores = self._scores(images, blocks)
        hits = self._hits(scores, targets) if count else 0
        loss, d_scores = self._scores_loss(scores, targets, len(images))
        _, gradients, _ = _sum_of(
            lambda block: (0.0, self._down(d_scores[block], self._up(images[block])[1]), 0), blocks
        )
        return loss, gradients, hits

    def _choices(self, scores: np.ndarray) -> np.ndarray:
        return super()._choices(standardize(scores) if self.standardized else scores)

    def _scores_loss(self, scores: np.ndarray, targets: np.ndarray, n: int) -> tuple[float, np.ndarray]:
        dense = scores[:, 0]
        logit = standardize(dense) if self.standardized else dense
        if self.loss_name == "cross_entropy":
            share = len(logit) / n
            loss = share * binary_cross_entropy_with_logits(logit, targets)
            d_logit = share * binary_cross_entropy_with_logits_backward(logit, targets)[:, None]
        else:
            loss, d_logit = _half_squared_error_of_scores(logit, targets, n)
        if self.standardized:
            d_logit = standardize_backward(d_logit[:, 0], dense)[:, None]
        return loss, d_logit

    def _head(self, x: np.ndarray, conv: np.ndarray) -> BinaryRecord:
        activated = sigmoid(conv)
        features = self._features(activated)
        dense = linear(features, self.parameters["dense_weight"], self.parameters["dense_bias"])[:, 0]
        logit = standardize(dense) if self.standardized else dense
        return BinaryRecord(x, conv, activated, features, dense, logit, sigmoid(logit))

    def _loss_backward(self, record: BinaryRecord, target: np.ndarray) -> np.ndarray:
        if self.loss_name == "cross_entropy":
            d_logit = binary_cross_entropy_with_logits_backward(record.logit, target)
        else:
            d_prediction = half_squared_error_backward(record.prediction, target)
            d_logit = sigmoid_backward(d_prediction, record.prediction)
        return (standardize_backward(d_logit, record.dense) if self.standardized else d_logit)[:, None]

    def _activation_backward(self, record: BinaryRecord, d_features: np.ndarray) -> np.ndarray:
        return sigmoid_backward(d_features.reshape(record.sigmoid.shape), record.sigmoid)

    def _loss(self, record: BinaryRecord, target: np.ndarray) -> float:
        if self.loss_name == "cross_entropy":
            return binary_cross_entropy_with_logits(record.logit, target)
        return half_squared_error(record.prediction, target)

    def _answers(self, record: BinaryRecord) -> np.ndarray:
        return (record.logit > 0).astype(np.intp)


class _SoftmaxNetwork(_DenseNetwork):
    """A network that ends in one score for each class, fitted by cross-entropy."""

    def _targets(self, target: ArrayLike, n: int) -> np.ndarray:
        labels = super()._targets(target, n)
        classes = len(self.parameters[self.keys[-1]])
        if labels.dtype.kind not in "iub" or (
            n and (np.minimum.reduce(labels) < 0 or np.maximum.reduce(labels) >= classes)
        ):
            cross_entropy(np.zeros((n, classes)), labels)  # says what is wrong with them
        return labels.astype(np.intp, copy=False)

    def _choices(self, scores: np.ndarray) -> np.ndarray:
        return scores.argmax(axis=1)

    def _scores_loss(self, scores: np.ndarray, targets: np.ndarray, n: int) -> tuple[float, np.ndarray]:
        right = targets[:, None] == np.arange(scores.shape[1])
        scores -= np.maximum.reduce(scores, axis=1, keepdims=True)
        p = np.exp(scores)
        sums = np.add.reduce(p, axis=1, keepdims=True)
        loss = np.add.reduce(np.log(sums), axis=None) - np.add.reduce(scores[right])
        p /= sums
        p -= right
        p /= n
        return float(loss) / n, p

    def _scores_of(self, record: Any) -> np.ndarray:
        return record.logits

    def _loss_backward(self, record: Any, target: np.ndarray) -> np.ndarray:
        return cross_entropy_backward(record.logits, target)

    def _loss(self, record: Any, target: np.ndarray) -> float:
        return cross_entropy(record.logits, target)

    def _answers(self, record: Any) -> np.ndarray:
        return record.logits.argmax(axis=1)


class SoftmaxRecord(NamedTuple):
    """The forward pass of `SoftmaxCNN`."""

    x: np.ndarray  # (N, 1, H, W) images
    conv: np.ndarray  # (N, F, H', W') convolution with bias
    relu: np.ndarray  # (N, F, H', W')
    pool: np.ndarray  # (N, F, H' / 2, W' / 2)
    features: np.ndarray  # (N, F H' W' / 4)
    logits: np.ndarray  # (N, K) one score z for each class
    probabilities: np.ndarray  # (N, K) p = softmax(z)


class SoftmaxCNN(_SoftmaxNetwork):
    """Notebook 5: a few filters, ReLU, max pool, a dense layer and softmax, fitted by cross-entropy.

    Parameters
    ----------
    parameters : dict
        `conv_weight` (F, 1, kH, kW), `conv_bias` (F,), `dense_weight` (K, features), `dense_bias` (K,); copied.

    Raises
    ------
    TypeError, ValueError
        If the parameters have wrong keys or shapes.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.4;
    He et al., "Delving deep into rectifiers", arXiv:1502.01852, equation 10 (the scale of the first weights).

    Examples
    --------
    >>> network = SoftmaxCNN.initialize(np.random.default_rng(0))
    >>> network.forward(np.eye(8)).features.shape
    (1, 18)
    """

    @classmethod
    def initialize(
        cls,
        rng: np.random.Generator,
        *,
        image_size: int | tuple[int, int] = 8,
        filters: int = 2,
        kernel_size: int | tuple[int, int] = 3,
        classes: int = 2,
        dtype: DTypeLike = np.float64,
    ) -> SoftmaxCNN:
        """Draw weights from a normal distribution with variance 2 / (numbers summed); biases are 0.

        Parameters
        ----------
        rng : numpy.random.Generator
            Where the random numbers come from, as in `np.random.default_rng(0)`.
        image_size, kernel_size : int or pair of int
            Height and width of the images and of the filters.
        filters, classes : int
            Number of filters and of classes.
        dtype : dtype
            float64 or float32.

        Returns
        -------
        SoftmaxCNN

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type or value.
        """
        outputs = as_int("classes", classes, 2)
        return cls(_scaled(rng, image_size, filters, kernel_size, pool=2, outputs=outputs, gain=2, dtype=dtype))

    def _head(self, x: np.ndarray, conv: np.ndarray) -> SoftmaxRecord:
        activated = relu(conv)
        pool = max_pool2d(activated)
        features = self._features(pool)
        logits = linear(features, self.parameters["dense_weight"], self.parameters["dense_bias"])
        return SoftmaxRecord(x, conv, activated, pool, features, logits, softmax(logits))


def _half_squared_error_of_scores(scores: np.ndarray, targets: np.ndarray, n: int) -> tuple[float, np.ndarray]:
    """Return a block's share of the loss ½ (σ(z) − y)² over n images, and ∂L/∂z (m, 1)."""
    prediction = 1 / (1 + np.exp(-scores))
    error = prediction - targets
    d_scores = error * prediction
    d_scores *= 1 - prediction
    d_scores /= n
    return float(np.dot(error, error)) / (2 * n), d_scores[:, None]


def _scaled(
    rng: np.random.Generator,
    image_size: int | tuple[int, int],
    filters: int,
    kernel_size: int | tuple[int, int],
    *,
    pool: int,
    outputs: int,
    gain: float,
    dtype: DTypeLike,
) -> dict[str, ArrayLike]:
    """Draw weights with variance gain / (numbers summed), so that sums neither explode nor vanish."""
    rng, kind = as_rng(rng), _as_dtype(dtype)
    kernel = as_pair("kernel_size", kernel_size, 1)
    filters = as_int("filters", filters, 1)
    size = as_pair("image_size", image_size, 1)
    smallest = (kernel[0] + pool - 1, kernel[1] + pool - 1)
    if size[0] < smallest[0] or size[1] < smallest[1]:
        after = " and a pool" if pool > 1 else ""
        raise ValueError(f"image_size must be at least {smallest} for kernel_size {kernel}{after}; got {size}")
    rows, columns = ((length - k + 1) // pool for length, k in zip(size, kernel, strict=True))
    features = filters * rows * columns
    require_room("filters", (filters, 1, *kernel), "use fewer or smaller filters")
    require_room("classes", (outputs,), "use fewer classes")
    require_room("image_size", (outputs, features), "use smaller images, or fewer filters")
    return {
        "conv_weight": _normal(rng, (filters, 1, *kernel), gain / (kernel[0] * kernel[1]), kind),
        "conv_bias": np.zeros(filters, kind),
        "dense_weight": _normal(rng, (outputs, features), gain / features, kind),
        "dense_bias": np.zeros(outputs, kind),
    }


def _normal(rng: np.random.Generator, shape: tuple[int, ...], variance: float, dtype: np.dtype) -> np.ndarray:
    """Draw from a normal distribution around 0."""
    numbers = rng.standard_normal(shape)
    numbers *= np.sqrt(variance)
    return numbers.astype(dtype, copy=False)


def _as_dtype(dtype: Any) -> np.dtype:
    try:
        kind = np.dtype(dtype if isinstance(dtype, (str, type, np.dtype)) else object)
    except Exception:  # a word that NumPy does not know, or one that it is about to forget
        kind = np.dtype(object)
    if kind not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise TypeError(f"dtype must be float64 or float32; got {shown(dtype)}")
    return kind


class TenClassRecord(NamedTuple):
    """The forward pass of `TenClassCNN`."""

    x: np.ndarray  # (N, 1, H, W) images
    conv1: np.ndarray  # (N, F, H', W') first convolution with bias
    relu1: np.ndarray  # (N, F, H', W')
    pool1: np.ndarray  # (N, F, H' / 2, W' / 2)
    conv2: np.ndarray  # (N, G, H'', W'') second convolution with bias, over all F maps
    relu2: np.ndarray  # (N, G, H'', W'')
    pool2: np.ndarray  # (N, G, H'' / 2, W'' / 2)
    features: np.ndarray  # (N, G H'' W'' / 4)
    dense1: np.ndarray  # (N, M) weighted sums
    relu3: np.ndarray  # (N, M)
    logits: np.ndarray  # (N, K) one score z for each class
    probabilities: np.ndarray  # (N, K) p = softmax(z)


class TenClassCNN(_SoftmaxNetwork):
    """Where notebook 4 leads: two convolutions, each with ReLU and max pool, two dense layers, softmax.

    .. math::
        P = \\mathrm{pool}(\\mathrm{relu}(b + x \\star w)), \\quad
        Q = \\mathrm{pool}(\\mathrm{relu}(c + P \\star v)), \\quad
        z = e + U \\, \\mathrm{relu}(d + V Q), \\quad
        L = -\\frac{1}{N} \\sum_n \\ln \\mathrm{softmax}(z_n)_{y_n}

    The second convolution sums over all maps of the first: its filters have as many channels.

    Parameters
    ----------
    parameters : dict
        `conv1_weight` w (F, 1, kH, kW), `conv1_bias` b (F,), `conv2_weight` v (G, F, kH, kW), `conv2_bias` c (G,),
        `dense1_weight` V (M, features), `dense1_bias` d (M,), `dense2_weight` U (K, M), `dense2_bias` e (K,); copied.

    Raises
    ------
    TypeError, ValueError
        If the parameters have wrong keys or shapes.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998, section II
    (the order of the layers);
    He et al., "Delving deep into rectifiers", arXiv:1502.01852, equation 10 (the scale of the first weights).

    Examples
    --------
    >>> network = TenClassCNN.initialize(np.random.default_rng(0))
    >>> record = network.forward(np.eye(28))
    >>> record.pool1.shape, record.pool2.shape, record.probabilities.shape
    ((1, 20, 12, 12), (1, 50, 4, 4), (1, 10))
    """

    keys = (
        "conv1_weight", "conv1_bias", "conv2_weight", "conv2_bias",
        "dense1_weight", "dense1_bias", "dense2_weight", "dense2_bias",
    )  # fmt: skip
    to_features = "dense1_weight"

    def _check_shapes(self) -> None:
        shapes = {name: value.shape for name, value in self.parameters.items()}
        filters, channels = shapes["conv1_weight"][:1], shapes["conv2_weight"][:1]
        hidden, classes = shapes["dense1_weight"][:1], shapes["dense2_weight"][:1]
        expected: dict[str, tuple[int | str, ...]] = {
            "conv1_weight": ("F", 1, "kH", "kW"),
            "conv1_bias": filters,
            "conv2_weight": ("G", *filters, "kH", "kW"),
            "conv2_bias": channels,
            "dense1_weight": ("M", "features"),
            "dense1_bias": hidden,
            "dense2_weight": ("K", *hidden),
            "dense2_bias": classes,
        }
        for name, wanted in expected.items():
            shape = shapes[name]
            fits = len(shape) == len(wanted) and all(
                length > 0 if isinstance(size, str) else length == size
                for length, size in zip(shape, wanted, strict=True)
            )
            if not fits:
                sizes = ", ".join(map(str, wanted)) + ("," if len(wanted) == 1 else "")
                raise ValueError(f"{name} must have shape ({sizes}); got {shape}")
        kernels = zip(shapes["conv1_weight"][2:], shapes["conv2_weight"][2:], strict=True)
        rows, columns = (first + 2 * second + 1 for first, second in kernels)  # room for both kernels and both pools
        self._smallest = (rows, columns)
        self._entries = max(math.prod(shapes[name][1:]) for name in ("conv1_weight", "conv2_weight"))

    @classmethod
    def initialize(
        cls,
        rng: np.random.Generator,
        *,
        image_size: int | tuple[int, int] = 28,
        filters: tuple[int, int] = (20, 50),
        kernel_size: int | tuple[int, int] = 5,
        hidden: int = 500,
        classes: int = 10,
        dtype: DTypeLike = np.float64,
    ) -> TenClassCNN:
        """Draw weights from a normal distribution with variance 2 / (numbers summed); biases are 0.

        Parameters
        ----------
        rng : numpy.random.Generator
            Where the random numbers come from, as in `np.random.default_rng(0)`.
        image_size, kernel_size : int or pair of int
            Height and width of the images and of the filters of both convolutions.
        filters : pair of int
            F and G, the numbers of filters of the first and the second convolution.
        hidden : int
            M, the number of sums that the first dense layer forms.
        classes : int
            K, the number of classes.
        dtype : dtype
            float64 or float32.

        Returns
        -------
        TenClassCNN

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type or value.
        """
        rng, kind = as_rng(rng), _as_dtype(dtype)
        size, kernel = as_pair("image_size", image_size, 1), as_pair("kernel_size", kernel_size, 1)
        several = isinstance(filters, (tuple, list)) or (isinstance(filters, np.ndarray) and filters.ndim == 1)
        if not several or len(filters) != 2:
            raise TypeError(f"filters must be a pair, one number for each convolution; got {shown(filters)}")
        first, second = as_pair("filters", filters, 1)
        hidden, classes = as_int("hidden", hidden, 1), as_int("classes", classes, 2)
        smallest = tuple(3 * k + 1 for k in kernel)  # room for both kernels and both pools
        if size[0] < smallest[0] or size[1] < smallest[1]:
            raise ValueError(
                f"image_size must be at least {smallest} for kernel_size {kernel} twice, each with a pool; got {size}"
            )
        rows, columns = (((length - k + 1) // 2 - k + 1) // 2 for length, k in zip(size, kernel, strict=True))
        shapes = {
            "conv1": (first, 1, *kernel),
            "conv2": (second, first, *kernel),
            "dense1": (hidden, second * rows * columns),
            "dense2": (classes, hidden),
        }
        largest = {
            "filters": shapes["conv2"],
            "hidden": (hidden,),
            "classes": shapes["dense2"],
            "image_size": shapes["dense1"],
        }
        for name, shape in largest.items():
            require_room(name, shape, "make the network smaller")
        parameters: dict[str, ArrayLike] = {}
        for layer, shape in shapes.items():
            parameters[f"{layer}_weight"] = _normal(rng, shape, 2 / math.prod(shape[1:]), kind)
            parameters[f"{layer}_bias"] = np.zeros(shape[0], kind)
        return cls(parameters)

    def _forward(self, images: np.ndarray) -> TenClassRecord:
        p = self.parameters
        conv1 = conv2d(images, p["conv1_weight"], p["conv1_bias"])
        relu1 = relu(conv1)
        pool1 = max_pool2d(relu1)
        conv2 = conv2d(pool1, p["conv2_weight"], p["conv2_bias"])
        relu2 = relu(conv2)
        pool2 = max_pool2d(relu2)
        features = self._features(pool2)
        dense1 = linear(features, p["dense1_weight"], p["dense1_bias"])
        relu3 = relu(dense1)
        logits = linear(relu3, p["dense2_weight"], p["dense2_bias"])
        return TenClassRecord(
            images, conv1, relu1, pool1, conv2, relu2, pool2, features, dense1, relu3, logits, softmax(logits)
        )

    def _carry_back(self, record: TenClassRecord, d_outputs: np.ndarray) -> Gradients:
        p = self.parameters
        dense2 = linear_backward(d_outputs, record.relu3, p["dense2_weight"])
        d_dense1 = relu_backward(dense2.x, record.dense1)
        dense1 = linear_backward(d_dense1, record.features, p["dense1_weight"])
        d_pool2 = dense1.x.reshape(record.pool2.shape)
        d_relu2 = max_pool2d_backward(d_pool2, record.relu2)
        d_conv2 = relu_backward(d_relu2, record.conv2)
        conv2 = conv2d_backward(d_conv2, record.pool1, p["conv2_weight"])
        assert conv2.x is not None  # noqa: S101  (it is unless one asks for none: this tells mypy so)
        d_relu1 = max_pool2d_backward(conv2.x, record.relu1)
        d_conv1 = relu_backward(d_relu1, record.conv1)
        conv1 = conv2d_backward(d_conv1, record.x, p["conv1_weight"], input_gradient=False)
        layers = {"conv1": conv1, "conv2": conv2, "dense1": dense1, "dense2": dense2}
        return {
            f"{layer}_{name}": getattr(gradients, name)
            for layer, gradients in layers.items()
            for name in ("weight", "bias")
        }

    def _block_size(self, images: np.ndarray) -> int:
        """Say how many of the images go through the network at a time."""
        windows = self._windows(images.shape[2:])
        channels = (1, len(self.parameters["conv1_weight"]))
        fits = min(block_size(c, window, images.dtype) for c, window in zip(channels, windows, strict=True))
        # A block for every lane, but none under 16: each makes gradients of all the weights, and they must be added up.
        return min(fits, len(images), max(16, -(-len(images) // SHARES)))

    def _windows(self, size: tuple[int, ...]) -> tuple[Window, Window]:
        """Work out where the filters of the first and of the second convolution go, on images of this size."""
        first = make_window(size, self.parameters["conv1_weight"].shape[2:], 1, 0)
        pooled = (first.output_size[0] // 2, first.output_size[1] // 2)
        return first, make_window(pooled, self.parameters["conv2_weight"].shape[2:], 1, 0)

    def _up(self, images: np.ndarray) -> tuple[np.ndarray, Any]:
        p, layers = self.parameters, self._two_layers(images)
        conv1, pool1, conv2, pool2 = layers
        conv1.forward(images, p["conv1_weight"], p["conv1_bias"])
        conv2.forward(pool1.forward().reshape(conv2.shape), p["conv2_weight"], p["conv2_bias"])
        features = pool2.forward()
        if features.shape[1] != p["dense1_weight"].shape[1]:
            self._features(features[:, :, None, None])  # raises
        dense1 = _buffers.product(features, p["dense1_weight"].T)
        dense1 += p["dense1_bias"]
        relu3 = np.maximum(dense1, 0, out=dense1)
        scores = _buffers.product(relu3, p["dense2_weight"].T)
        scores += p["dense2_bias"]
        return scores, (layers, features, relu3)

    def _down(self, d_scores: np.ndarray, kept: Any) -> list[np.ndarray]:
        p, (layers, features, relu3) = self.parameters, kept
        d_dense1 = _buffers.product(d_scores, p["dense2_weight"])
        d_dense1 *= relu3 > 0
        layers.pool2.backward(_buffers.product(d_dense1, p["dense1_weight"]))
        of_conv2 = layers.conv2.backward()
        layers.pool1.backward(layers.conv2.input_gradient())
        return [
            *layers.conv1.backward(),
            *of_conv2,
            _buffers.product(d_dense1.T, features),
            np.add.reduce(d_dense1, axis=0),
            _buffers.product(d_scores.T, relu3),
            np.add.reduce(d_scores, axis=0),
        ]

    def _two_layers(self, images: np.ndarray) -> _TwoLayers:
        """Return the memory for a block of these images."""
        p = self.parameters
        key = (type(self), images.shape, p["conv1_weight"].shape, p["conv2_weight"].shape, images.dtype.char)
        return _buffers.kept(key, lambda: self._make_two_layers(images))

    def _make_two_layers(self, images: np.ndarray) -> _TwoLayers:
        p, (first, second) = self.parameters, self._windows(images.shape[2:])
        filters, channels = len(p["conv1_weight"]), len(p["conv2_weight"])
        shape = (filters, first.output_size[0] // 2, first.output_size[1] // 2)
        conv1 = _buffers.Convolution(len(images), images.shape[1:], first, filters, images.dtype)
        conv2 = _buffers.Convolution(len(images), shape, second, channels, images.dtype)
        pool1 = _buffers.Pool(conv1.maps, conv1.gradients, first.output_size)
        return _TwoLayers(conv1, pool1, conv2, _buffers.Pool(conv2.maps, conv2.gradients, second.output_size))


class _TwoLayers(NamedTuple):
    """What a block of images goes through before the dense layers, with its memory."""

    conv1: _buffers.Convolution
    pool1: _buffers.Pool
    conv2: _buffers.Convolution
    pool2: _buffers.Pool
