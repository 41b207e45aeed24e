"""A network is a list of layers and a loss: the five of the course, and your own.

Infinities and NaN are numbers here: they go through the layers as IEEE arithmetic has it, and nothing warns of them.
"""

from __future__ import annotations

import functools
from collections import namedtuple
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, Sequence

import numpy as np

from cnnlab import _engine
from cnnlab._checks import MOST_NUMBERS, as_array, as_float, as_int, as_pair, as_rng, layout_hint, require_room, shown
from cnnlab._criteria import CRITERIA, Binary, Criterion, CrossEntropy, MeanSquaredError, converted
from cnnlab.layers import Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Sigmoid, name_layers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["BinaryCNN", "FilterRegression", "Network", "SingleFilterCNN", "SoftmaxCNN", "TenClassCNN"]

Gradients = dict[str, np.ndarray]


class _ShapeInference(NamedTuple):
    """What became of the shape of an image on its way through the layers."""

    shape: tuple[int, ...]
    output: tuple[int, ...]
    images_per_block: int


class Network:
    """A list of layers and a loss, with parameters to be trained.

    The networks of the course are classes of their own; `Network.of` makes one of any layers.

    Attributes
    ----------
    parameters : dict of str to ndarray
        What training changes.
    """

    layers: Sequence[Layer] = ()
    criterion: Criterion
    _channels = 1
    _last_inference: _ShapeInference

    def __init_subclass__(cls) -> None:
        if "layers" in vars(cls):
            cls.layers = name_layers(cls.layers, cls.criterion.scores)
        if "loss_and_gradients" in vars(cls) and "loss_gradients_and_correct" not in vars(cls):
            cls.loss_gradients_and_correct = None  # type: ignore[method-assign, assignment]  # it would not call the new one

    def __init__(self, parameters: dict[str, ArrayLike]) -> None:
        if not self.layers:
            raise TypeError("a network needs layers: make one of your own with Network.of; got none")
        arrays = {name: as_float(name, parameters[name]) for name in self._checked_names(parameters)}
        self.dtype = np.result_type(*arrays.values())  # float32 only if all are
        self.parameters = {name: array.astype(self.dtype, order="C") for name, array in arrays.items()}
        self._check_parameter_shapes()

    @staticmethod
    def of(
        *layers: Layer,
        loss: str,
        image_size: int | tuple[int, int],
        rng: np.random.Generator,
        channels: int = 1,
        dtype: DTypeLike = np.float64,
    ) -> Network:
        """Make a network of your own from layers, and draw its weights.

        Weights come from a normal distribution with variance 2 / (numbers summed); biases are 0. The parameters are
        called `conv_weight`, `conv_bias`, `dense_weight` and `dense_bias`, or `conv1_weight`, `conv2_weight` and so on
        where there are several layers of a kind; the record of `forward` has a field for each layer.

        Parameters
        ----------
        *layers : Layer
            `Conv2d`, `ReLU`, `Sigmoid`, `MaxPool2d`, `Flatten` and `Linear` of `cnnlab.layers`, in the order in which
            an image meets them.
        loss : str
            "cross_entropy" for the number of a class; "half_squared_error" or "binary_cross_entropy_with_logits" for
            yes or no, where a sigmoid follows the one output of the last layer; "mse_loss" for numbers.
        image_size : int or pair of int
            Height and width of the images.
        rng : numpy.random.Generator
            Where the weights come from, as in `np.random.default_rng(0)`.
        channels : int
            Of the images: 1 for grey ones.
        dtype : dtype
            float64 or float32.

        Raises
        ------
        ValueError
            If what a layer gives does not fit the next one; the text names the layer and both shapes.

        References
        ----------
        He et al., "Delving deep into rectifiers", arXiv:1502.01852, equation 10 (the scale of the first weights).

        Examples
        --------
        >>> from cnnlab.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
        >>> layers = Conv2d(8, 3, padding="same"), ReLU(), MaxPool2d(), Flatten(), Linear(10)
        >>> network = Network.of(*layers, loss="cross_entropy", image_size=28, rng=np.random.default_rng(0))
        >>> network
        Network(conv_weight (8, 1, 3, 3), conv_bias (8,), dense_weight (10, 1568), dense_bias (10,))
        >>> network.forward(np.eye(28)).pool.shape
        (1, 8, 14, 14)
        """
        if not isinstance(loss, str) or loss not in CRITERIA:
            raise ValueError(f"loss must be one of {', '.join(CRITERIA)}; got {shown(loss)}")
        criterion = CRITERIA[loss]
        named = name_layers(layers, criterion.scores)
        parameters = _draw_parameters(rng, named, image_size, channels=channels, gain=2, dtype=dtype)
        if not parameters:
            raise ValueError("layers must hold a Conv2d or a Linear, as there is nothing to train; got none")
        last = named[-1]
        if criterion.has_classes and not (isinstance(last, Linear) and criterion.outputs in (None, last.outputs)):
            wanted = f"Linear({criterion.outputs or 'classes'})"
            raise ValueError(f"layers must end in {wanted} for loss {loss!r}; got {type(last).__name__}, {last.name}")
        network = Network.__new__(Network)
        network.layers, network.criterion, network._channels = named, criterion, channels
        Network.__init__(network, parameters)
        return network

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({shapes})"

    def forward(self, x: ArrayLike) -> Any:
        """Run the network and keep every intermediate result.

        Parameters
        ----------
        x : (N, C, H, W) array_like, or (H, W)
            Images; they are converted to the parameters' dtype.

        Returns
        -------
        record
            A named tuple with the images `x` and what each layer gives, each with the batch axis first.
        """
        values = [self._images(x)]
        for layer in self.layers:
            values.append(layer.forward(values[-1], self.parameters))
        names = ("x", *(layer.name for layer in self.layers), *self.criterion.fields)
        return _record_type(f"{type(self).__name__.removesuffix('CNN')}Record", names)(
            *values[:-1], *self.criterion.finish(values[-1])
        )

    def backward(self, record: Any, target: ArrayLike) -> Gradients:
        """Carry the gradient of the loss back to every parameter.

        Parameters
        ----------
        record
            What `forward` returned.
        target : (N,) array_like, or one number
            The right answers (for the mean squared error: numbers like those of the last layer).

        Returns
        -------
        dict of str to ndarray
            ∂L/∂parameter under each parameter's name.
        """
        scores, targets = self._scores_and_targets(record, target)
        with np.errstate(all="ignore"):
            dy: np.ndarray | None = self.criterion.loss_of_part(scores, targets, len(scores))[1]
            gradients: Gradients = {}
            values = [*record[: len(self.layers)], scores]
            for layer, x, y in zip(self.layers[::-1], values[-2::-1], values[:0:-1], strict=True):
                assert dy is not None  # noqa: S101 - only the first layer has nothing to carry back to
                dy, more = layer.backward(dy, x, y, self.parameters)
                gradients |= more
        return {name: gradients[name] for name in self.parameters}

    def loss(self, record: Any, target: ArrayLike) -> float:
        """Measure the loss of a forward pass.

        Parameters
        ----------
        record, target
            As in `backward`.

        Returns
        -------
        float
            The mean over the batch.
        """
        scores, targets = self._scores_and_targets(record, target)
        with np.errstate(all="ignore"):
            return self.criterion.loss_of_part(scores, targets, len(scores))[0]

    def loss_and_gradients(self, x: ArrayLike, target: ArrayLike) -> tuple[float, Gradients]:
        """Compute the loss and ∂L/∂parameter in one go: `forward` and `backward`, faster.

        Parameters
        ----------
        x, target
            As in `forward` and in `backward`.

        Returns
        -------
        (float, dict of str to ndarray)
            The loss, and the gradient under each parameter's name.
        """
        images = self._images(x)
        return _engine.loss_gradients_and_correct(self, images, self._targets(images, target), count_correct=False)[:2]

    def loss_gradients_and_correct(self, x: ArrayLike, target: ArrayLike) -> tuple[float, Gradients, int | None]:
        """Do as `loss_and_gradients`, and count the correct predictions (None without classes)."""
        images, count = self._images(x), self.criterion.has_classes
        *both, correct = _engine.loss_gradients_and_correct(
            self, images, self._targets(images, target), count_correct=count
        )
        return *both, correct if count else None  # type: ignore[return-value]

    def predict(self, x: ArrayLike) -> Any:
        """Predict the class of each image.

        Parameters
        ----------
        x
            As in `forward`.

        Returns
        -------
        (N,) ndarray of int, or one int
            The classes (for the mean squared error: the last layer's output).
        """
        predictions = self.criterion.predictions(_engine.compute_scores(self, self._images(x)))
        return predictions[0] if np.ndim(x) == 2 else predictions

    def _infer_shapes(self, shape: tuple[int, ...]) -> _ShapeInference:
        """Go through all layers with the shape of an image; it raises where that does not fit."""
        if self._last_inference.shape != shape:
            most, output = 2**30, shape
            for layer in self.layers:
                most = min(most, layer.images_per_block(output, self.parameters, self.dtype))
                output = layer.output_shape(output, self.parameters)
            self._last_inference = _ShapeInference(shape, output, most)
        return self._last_inference

    def _checked_names(self, parameters: Any) -> list[str]:
        """Return the names of the parameters in order, if these have them."""
        names = [name for layer in self.layers for name in layer.parameter_names]
        if not isinstance(parameters, dict) or set(parameters) != set(names):
            came = type(parameters).__name__
            if isinstance(parameters, dict):
                came = ", ".join(map(shown, parameters)) or "none"
            raise ValueError(f"parameters must be a dict with the keys {', '.join(names)}; got {came}")
        return names

    def _check_parameters(self) -> None:
        """Look at the parameters again, which anyone may have replaced since they were looked at last."""
        if self._parameter_signature() == self._checked_signature:
            return
        self._checked_names(self.parameters)
        for name, value in self.parameters.items():
            if type(value) is not np.ndarray or value.dtype != self.dtype:
                came = f"an array of dtype {value.dtype}" if type(value) is np.ndarray else type(value).__name__
                raise TypeError(
                    f"parameters[{name!r}] must be an array of {self.dtype}, as it was made; got {came}: write the "
                    f"new numbers into it, as in network.parameters[{name!r}][...] = numbers"
                )
        self._check_parameter_shapes()

    def _check_parameter_shapes(self) -> None:
        features: int | None = self._channels
        for layer in self.layers:
            features = layer.check_parameters(self.parameters, features)
        self._checked_signature = self._parameter_signature()
        self.memory_key = _memory_key(self.layers, self.dtype, *(value.shape for value in self.parameters.values()))
        self._last_inference = _ShapeInference((), (), 0)
        self._minimum_size = _minimum_image_size(self.layers, self.parameters)

    def _parameter_signature(self) -> Any:
        """Describe the parameters: equal descriptions need no second look."""
        try:
            return {name: (type(value), value.dtype, value.shape) for name, value in self.parameters.items()}
        except AttributeError:  # something else has been put there
            return None

    def _scores_and_targets(self, record: Any, target: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores of a record, if `forward` could have made it, and the targets."""
        x = getattr(record, "x", None)
        if type(x) is np.ndarray and x.ndim == 4 and x.dtype == self.dtype:
            empty = self.forward(x[:0])  # it shows the form
            if type(record) is type(empty) and all(
                type(part) is np.ndarray and part.dtype == like.dtype and part.shape == (len(x), *like.shape[1:])
                for part, like in zip(record, empty, strict=True)
            ):
                return self.criterion.scores_of(record), self._targets(x, target)
        raise TypeError(
            f"record must be what this network's forward returned for the images; got {type(record).__name__}: call "
            f"record = network.forward(x) first"
        )

    def _check_data(self, x: np.ndarray, target: np.ndarray) -> None:
        """Check all images and answers, and convert and compute nothing."""
        images = self._as_images(x)
        converted("x", images[:0], self.dtype)  # says what is wrong with their dtype
        self._targets(images, target)

    def _targets(self, images: np.ndarray, target: ArrayLike) -> np.ndarray:
        return self.criterion.targets(target, (len(images), *self._infer_shapes(images.shape[1:]).output), self.dtype)

    def _images(self, x: ArrayLike) -> np.ndarray:
        """Return x as (N, C, H, W) in the parameters' dtype."""
        return converted("x", self._as_images(x), self.dtype)

    def _as_images(self, x: ArrayLike) -> np.ndarray:
        """Return x as (N, C, H, W) in its own dtype."""
        self._check_parameters()
        channels = self._channels
        if type(x) is np.ndarray and x.ndim == 4 and x.shape[1] == channels and x.dtype == self.dtype:
            if x.size > MOST_NUMBERS:
                require_room("x", x.shape, "pass fewer images at a time")
            self._check_size(x.shape)
            return x  # as it comes in training, thousands of times
        array = as_array("x", x)
        shape = array.shape
        if array.ndim == 2 and channels == 1:
            array = array[None, None]
        if array.ndim != 4 or array.shape[1] != channels:
            single = ", or (H, W) for one image" if channels == 1 else ""
            raise ValueError(
                f"x must have shape (N, {channels}, H, W){single}; got {shape}{layout_hint(shape, channels)}"
            )
        try:
            self._check_size(array.shape)
        except ValueError:
            if len(shape) == 2 and (hint := layout_hint(shape)):
                raise ValueError(f"x has shape {shape}, which is not one image of the right size{hint}") from None
            raise
        return array

    def _check_size(self, shape: tuple[int, ...]) -> None:
        rows, columns = self._minimum_size
        if shape[2] < rows or shape[3] < columns:
            raise ValueError(
                f"x must have images of at least {rows} × {columns} pixels for the network's filters; got shape {shape}"
            )
        self._infer_shapes(shape[1:])


class FilterRegression(Network):
    """Notebook 1: a filter without bias, fitted to target maps by the mean squared error.

    .. math:: \\hat Y = I \\star W, \\qquad L = \\frac{1}{n} \\sum_{i,j} (\\hat Y_{ij} - Y_{ij})^2

    Parameters
    ----------
    parameters : dict
        `conv_weight` (F, 1, kH, kW); copied.

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

    layers = (Conv2d(bias=False),)
    criterion = MeanSquaredError()

    @classmethod
    def initialize(
        cls, rng: np.random.Generator, *, kernel_size: int | tuple[int, int] = 2, dtype: DTypeLike = np.float64
    ) -> FilterRegression:
        """Draw a filter uniformly from 0 to 1.

        Parameters
        ----------
        rng, dtype
            As in `Network.of`.
        kernel_size : int or pair of int
            Height and width of the filter.
        """
        rng, kind = as_rng(rng), _as_dtype(dtype)
        shape = (1, 1, *as_pair("kernel_size", kernel_size, 1))
        require_room("kernel_size", shape, "use a smaller kernel")
        return cls({"conv_weight": rng.random(shape).astype(kind)})


class SingleFilterCNN(Network):
    """Notebook 3: one filter, ReLU, max pool, a dense output and a sigmoid, fitted by half the squared error.

    Parameters
    ----------
    parameters : dict
        `conv_weight` (1, 1, kH, kW), `conv_bias` (1,), `dense_weight` (1, features), `dense_bias` (1,); copied.

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition", 1998, section II.

    Examples
    --------
    >>> network = SingleFilterCNN.initialize(np.random.default_rng(0), image_size=4, kernel_size=3)
    >>> network.forward(np.eye(4)).features.shape
    (1, 4)
    """

    layers = Conv2d(1, padding="same"), ReLU(), MaxPool2d(), Flatten(), Linear(1)
    criterion = Binary("half_squared_error")

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
        rng, dtype
            As in `Network.of`.
        image_size, kernel_size : int or pair of int
            Height and width of the images and of the filter.
        """
        rng, kind = as_rng(rng), _as_dtype(dtype)
        as_pair("image_size", image_size, 2)
        shapes = _parameter_shapes(_with_sizes(cls.layers, conv={"kernel_size": kernel_size}), image_size)
        return cls({name: _normal(rng, shape, 0.01**2, kind) for name, shape in shapes.items()})


class BinaryCNN(Network):
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

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.6 (the scale of the first weights).

    Examples
    --------
    >>> network = BinaryCNN.initialize(np.random.default_rng(0), image_size=6, filters=2, kernel_size=3)
    >>> network.forward(np.eye(6)).features.shape
    (1, 32)
    """

    layers = Conv2d(), Sigmoid(), Flatten(), Linear(1)
    criterion = Binary("half_squared_error", scores="dense")

    def __init__(
        self, parameters: dict[str, ArrayLike], *, loss: str = "half_squared_error", standardized: bool = False
    ) -> None:
        self.criterion = Binary(loss, standardized, scores="dense")
        super().__init__(parameters)

    @property
    def loss_name(self) -> str:
        """The loss, as it was given."""
        return self.criterion.loss

    @property
    def standardized(self) -> bool:
        """Whether the dense output is standardised over the batch."""
        return self.criterion.needs_whole_batch

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
        rng, dtype
            As in `Network.of`.
        image_size, kernel_size : int or pair of int
            Height and width of the images and of the filters.
        filters : int
            Number of filters.
        loss, standardized
            As in the class.
        """
        Binary(loss, standardized)  # says what is wrong with them before anything is drawn
        layers = _with_sizes(cls.layers, conv={"filters": filters, "kernel_size": kernel_size})
        parameters = _draw_parameters(rng, layers, image_size, gain=1, dtype=dtype)
        return cls(parameters, loss=loss, standardized=standardized)


class SoftmaxCNN(Network):
    """Notebook 5: a few filters, ReLU, max pool, a dense layer and softmax, fitted by cross-entropy.

    Parameters
    ----------
    parameters : dict
        `conv_weight` (F, 1, kH, kW), `conv_bias` (F,), `dense_weight` (K, features), `dense_bias` (K,); copied.

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

    layers = Conv2d(), ReLU(), MaxPool2d(), Flatten(), Linear()
    criterion = CrossEntropy()

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
        rng, dtype
            As in `Network.of`.
        image_size, kernel_size : int or pair of int
            Height and width of the images and of the filters.
        filters, classes : int
            Number of filters and of classes.
        """
        sizes: dict[str, Any] = {"conv": {"filters": filters, "kernel_size": kernel_size}}
        layers = _with_sizes(cls.layers, **sizes, dense={"outputs": as_int("classes", classes, 2)})
        return cls(_draw_parameters(rng, layers, image_size, gain=2, dtype=dtype))


class TenClassCNN(Network):
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

    layers = (
        *(Conv2d(), ReLU(), MaxPool2d()),
        *(Conv2d(), ReLU(), MaxPool2d()),
        *(Flatten(), Linear(), ReLU(), Linear()),
    )
    criterion = CrossEntropy()

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
        rng, dtype
            As in `Network.of`.
        image_size, kernel_size : int or pair of int
            Height and width of the images and of the filters of both convolutions.
        filters : pair of int
            F and G, the numbers of filters of the first and the second convolution.
        hidden : int
            M, the number of sums that the first dense layer forms.
        classes : int
            K, the number of classes.
        """
        several = isinstance(filters, (tuple, list)) or (isinstance(filters, np.ndarray) and filters.ndim == 1)
        if not several or len(filters) != 2:
            raise TypeError(f"filters must be a pair, one number for each convolution; got {shown(filters)}")
        first, second = as_pair("filters", filters, 1)
        layers = _with_sizes(
            cls.layers,
            conv1={"filters": first, "kernel_size": kernel_size},
            conv2={"filters": second, "kernel_size": kernel_size},
            dense1={"outputs": as_int("hidden", hidden, 1)},
            dense2={"outputs": as_int("classes", classes, 2)},
        )
        return cls(_draw_parameters(rng, layers, image_size, gain=2, dtype=dtype))


@functools.lru_cache(64)
def _memory_key(*parts: Any) -> object:
    """Return the same object for equal parts: networks of one form may share the memory of a training step."""
    return object()


@functools.cache
def _record_type(name: str, fields: tuple[str, ...]) -> Any:
    """Return the named tuple that holds a forward pass."""
    return namedtuple(name, fields)


def _minimum_image_size(layers: Sequence[Layer], parameters: Gradients) -> tuple[int, int]:
    """Return the size of the smallest images that leave something for every layer."""
    return functools.reduce(lambda size, layer: layer.minimum_input_size(size, parameters), layers[::-1], (1, 1))


def _with_sizes(layers: Sequence[Any], **sizes: dict[str, Any]) -> list[Layer]:
    """Copy layers, and give those with these keys their sizes."""
    return [layer.with_sizes(**sizes[layer.key]) if layer.key in sizes else layer for layer in layers]


def _parameter_shapes(layers: Sequence[Layer], image_size: Any, channels: Any = 1) -> dict[str, tuple[int, ...]]:
    """Work out the shapes of all parameters, layer by layer."""
    size = as_pair("image_size", image_size, 1)
    smallest = _minimum_image_size(layers, {})
    if size[0] < smallest[0] or size[1] < smallest[1]:
        raise ValueError(
            f"image_size must be at least {smallest} for these layers; got {size}: use larger images or a smaller "
            f"kernel_size"
        )
    shapes: dict[str, tuple[int, ...]] = {}
    inside: tuple[int, ...] = (as_int("channels", channels, 1), *size)
    for layer in layers:
        shapes |= layer.parameter_shapes(inside)
        # Only the shapes count, and these arrays hold one number each.
        inside = layer.output_shape(inside, {name: np.broadcast_to(0.0, shape) for name, shape in shapes.items()})
    return shapes


def _draw_parameters(
    rng: np.random.Generator, layers: Sequence[Layer], image_size: Any, *, channels: Any = 1, gain: float, dtype: Any
) -> dict[str, ArrayLike]:
    """Draw weights with variance gain / (numbers summed), so that sums neither explode nor vanish."""
    rng, kind = as_rng(rng), _as_dtype(dtype)
    return {
        name: _normal(rng, shape, gain / prod(shape[1:]), kind) if len(shape) > 1 else np.zeros(shape, kind)
        for name, shape in _parameter_shapes(layers, image_size, channels).items()
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
