"""Zero padding, windows as columns, and the convolution layer with its three gradients.

Everything here is cross-correlation, as in every deep-learning framework: the kernel is not turned.
Images are `(N, C, H, W)` and kernels `(F, C, kH, kW)`; one grey image `(H, W)` with one kernel `(kH, kW)` works
in every function and gives `(H', W')` back.

Windows are copied into the columns of a matrix, so that the sum over a window becomes a matrix product. This is
done for a block of images at a time, few enough that the columns stay in the processor's cache: memory does not
grow with the number of images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, NamedTuple

import numpy as np

from cnnlab._checks import as_float, as_pair, require_shape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Padding = int | tuple[int, int] | str

__all__ = [
    "Conv2dGradients",
    "conv2d",
    "conv2d_backward",
    "conv2d_output_size",
    "fold",
    "unfold",
    "zero_pad",
]

# Columns of one block of images: about the size of a core's second-level cache.
BLOCK_BYTES = 2**21


class Conv2dGradients(NamedTuple):
    """Gradients of the loss with respect to the inputs of `conv2d`."""

    x: np.ndarray | None
    weight: np.ndarray
    bias: np.ndarray


class Window(NamedTuple):
    """How a kernel moves over an image: its size, its step, the zeros around the image, the output's size."""

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    before: tuple[int, int]
    after: tuple[int, int]
    output_size: tuple[int, int]

    def padded_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return (size[0] + self.before[0] + self.after[0], size[1] + self.before[1] + self.after[1])

    def cells(self, u: int, v: int) -> tuple[slice, slice]:
        """Select, in the padded image, the cell that kernel entry (u, v) meets at each position."""
        rows = slice(u, u + self.stride[0] * (self.output_size[0] - 1) + 1, self.stride[0])
        columns = slice(v, v + self.stride[1] * (self.output_size[1] - 1) + 1, self.stride[1])
        return rows, columns


def zero_pad(x: ArrayLike, padding: int | tuple[int, int]) -> np.ndarray:
    """Put zeros around an image.

    Parameters
    ----------
    x : (..., H, W) array_like
        One image or any stack of images; integers and bools become float64.
    padding : int or pair of int
        Rows added above and below, and columns added left and right.

    Returns
    -------
    (..., H + 2 pH, W + 2 pW) ndarray
        A new array of x's dtype.

    Raises
    ------
    TypeError, ValueError
        If x is not an array of real numbers with rows and columns, or padding is negative or not whole.

    References
    ----------
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, section 2.2.

    Examples
    --------
    >>> zero_pad([[1, 2], [3, 4]], 1)
    array([[0., 0., 0., 0.],
           [0., 1., 2., 0.],
           [0., 3., 4., 0.],
           [0., 0., 0., 0.]])
    """
    x = as_float("x", x)
    if x.ndim < 2:
        raise ValueError(f"x must have rows and columns, (..., H, W); got shape {x.shape}")
    if isinstance(padding, str):
        raise TypeError(f"padding must be a whole number or a pair here, as no kernel is known; got {padding!r}")
    padding = as_pair("padding", padding, 0)
    return _pad(x, padding, padding)


def conv2d_output_size(
    size: int | tuple[int, int],
    kernel_size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
) -> int | tuple[int, int]:
    """Count the positions of a kernel on an image.

    .. math:: H' = \\lfloor (H + 2p - k) / s \\rfloor + 1

    Parameters
    ----------
    size : int or pair of int
        Height and width of the image, in pixels.
    kernel_size : int or pair of int
        Height and width of the kernel, in pixels.
    stride : int or pair of int
        Pixels between neighbouring positions.
    padding : int, pair of int, "valid" or "same"
        Zeros on each side; "valid" is 0, "same" keeps the size and needs stride 1.

    Returns
    -------
    int or (int, int)
        One number if every argument is one number (or a word), else height and width.

    Raises
    ------
    TypeError, ValueError
        If an argument is not whole or too small, or the kernel does not fit into the padded image.

    References
    ----------
    Dumoulin and Visin, arXiv:1603.07285, relationship 6.

    Examples
    --------
    >>> conv2d_output_size(3, 2, padding=1)
    4
    >>> conv2d_output_size((28, 20), 5, stride=2)
    (12, 8)
    """
    window = make_window(as_pair("size", size, 0), as_pair("kernel_size", kernel_size, 1), stride, padding)
    if all(np.ndim(argument) == 0 for argument in (size, kernel_size, stride, padding)):
        return window.output_size[0]
    return window.output_size


def unfold(
    x: ArrayLike, kernel_size: int | tuple[int, int], *, stride: int | tuple[int, int] = 1, padding: Padding = 0
) -> np.ndarray:
    """Copy every window of an image into a column of a matrix.

    Parameters
    ----------
    x : (N, C, H, W) array_like, or (H, W)
        Images; integers and bools become float64.
    kernel_size, stride, padding
        As in `conv2d`.

    Returns
    -------
    (N, C kH kW, H' W') ndarray, or (kH kW, H' W')
        Column i W' + j holds the window at output cell (i, j), channel by channel, row by row.

    Raises
    ------
    TypeError, ValueError
        As in `conv2d`.

    References
    ----------
    Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing",
    2006, section 3.1.

    Examples
    --------
    >>> unfold([[1, 2, 1], [0, 1, 2], [2, 1, 0]], 2)
    array([[1., 2., 0., 1.],
           [2., 1., 1., 2.],
           [0., 1., 2., 1.],
           [1., 2., 1., 0.]])
    """
    x = as_float("x", x)
    single = x.ndim == 2
    images = _as_images(x)
    window = make_window(images.shape[2:], as_pair("kernel_size", kernel_size, 1), stride, padding)
    matrix = Columns(len(images), images.shape[1:], window, x.dtype).fill(images)
    return matrix[0] if single else matrix


def fold(
    columns: ArrayLike,
    output_size: int | tuple[int, int],
    kernel_size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
) -> np.ndarray:
    """Add every column back to its window: the adjoint of `unfold`, and so its backward.

    A pixel lies in several windows; `fold` sums what all of them say about it.

    Parameters
    ----------
    columns : (N, C kH kW, H' W') array_like, or (kH kW, H' W')
        Columns in `unfold`'s order, usually gradients.
    output_size : int or pair of int
        Height and width of the image to make.
    kernel_size, stride, padding
        As given to `unfold`.

    Returns
    -------
    (N, C, H, W) ndarray, or (H, W)

    Raises
    ------
    TypeError, ValueError
        If the columns do not have the shape that `unfold` gives for these sizes.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation 9.13.

    Examples
    --------
    The centre of a 3 × 3 image lies in all four 2 × 2 windows:

    >>> fold(np.ones((4, 4)), 3, 2)
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    columns = as_float("columns", columns)
    single = columns.ndim == 2
    if columns.ndim not in (2, 3):
        raise ValueError(f"columns must have shape (N, C kH kW, H' W') or (kH kW, H' W'); got {columns.shape}")
    size = as_pair("output_size", output_size, 1)
    window = make_window(size, as_pair("kernel_size", kernel_size, 1), stride, padding)
    stack = columns[None] if single else columns
    channels, remainder = divmod(stack.shape[1], _count(window.kernel_size))
    if remainder or (single and channels != 1) or stack.shape[2] != _count(window.output_size):
        raise ValueError(
            f"columns must have {_count(window.kernel_size)} rows per channel and {_count(window.output_size)} "
            f"columns for output_size {size} and kernel_size {window.kernel_size}; got shape {columns.shape}"
        )
    stack = stack.reshape(len(stack), channels, *window.kernel_size, *window.output_size)
    x = np.zeros((len(stack), channels, *window.padded_size(size)), columns.dtype)
    add_columns(x, stack, window)
    x = x[..., window.before[0] : window.before[0] + size[0], window.before[1] : window.before[1] + size[1]]
    return x[0, 0] if single else x


def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
) -> np.ndarray:
    """Slide kernels over images: a sum of products at each position (cross-correlation).

    .. math:: y_{n,f,i,j} = b_f + \\sum_{c,u,v} x_{n,c,\\,s i+u-p,\\,s j+v-p}\\; w_{f,c,u,v}

    with x = 0 outside the image.

    Parameters
    ----------
    x : (N, C, H, W) array_like, or (H, W)
        Images; integers and bools become float64.
    weight : (F, C, kH, kW) array_like, or (kH, kW)
        Kernels.
    bias : (F,) array_like, or one number with a single kernel, optional
        Added to each map.
    stride : int or pair of int
        Pixels between neighbouring positions.
    padding : int, pair of int, "valid" or "same"
        Zeros on each side. "valid" is 0; "same" keeps the image's size, needs stride 1, and gives an even kernel
        its extra zeros at the bottom and right.

    Returns
    -------
    (N, F, H', W') ndarray, or (H', W')
        float32 if every argument is float32, else float64.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value; the text says which and why.

    See Also
    --------
    conv2d_output_size : H' and W'.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation 9.6.

    Examples
    --------
    >>> conv2d([[1, 2, 1], [0, 1, 2], [2, 1, 0]], [[0.5, 0.2], [0.3, 0.7]])
    array([[1.6, 2.9],
           [1.5, 1.2]])
    """
    images, kernels, single = _images_and_kernels(x, weight)
    offsets = None if bias is None else _as_bias(bias, len(kernels))
    window = make_window(images.shape[2:], kernels.shape[2:], stride, padding)
    dtype = np.result_type(images, kernels, *([] if offsets is None else [offsets]))
    y = np.empty((len(images), len(kernels), *window.output_size), dtype)
    matrix = kernels.reshape(len(kernels), _count(kernels.shape[1:]))
    for block, columns in column_blocks(images, window, dtype):
        # One small product per image stays in cache; one wide product over all images would not.
        maps = np.matmul(matrix, columns)
        if offsets is not None:
            maps += offsets[:, None]
        y[block] = maps.reshape(y[block].shape)
    return y[0, 0] if single else y


def conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
    input_gradient: bool = True,
) -> Conv2dGradients:
    """Carry the gradient of the loss back through `conv2d`.

    .. math::
        \\frac{\\partial L}{\\partial w_{f,c,u,v}} &= \\sum_{n,i,j} x_{n,c,\\,s i+u-p,\\,s j+v-p}\\; dy_{n,f,i,j}

        \\frac{\\partial L}{\\partial b_f} &= \\sum_{n,i,j} dy_{n,f,i,j}

        \\frac{\\partial L}{\\partial x_{n,c,k,l}} &= \\sum_{f} \\sum_{\\substack{s i+u-p=k \\\\ s j+v-p=l}}
            w_{f,c,u,v}\\; dy_{n,f,i,j}

    Parameters
    ----------
    dy : (N, F, H', W') array_like, or (H', W')
        ∂L/∂y, the gradient with respect to the output of `conv2d`.
    x, weight, stride, padding
        As given to `conv2d`.
    input_gradient : bool
        Whether to compute ∂L/∂x, which a network's first layer does not need.

    Returns
    -------
    Conv2dGradients
        `x` (x's shape, or None), `weight` (weight's shape) and `bias`, (F,) or one number.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value; the text says which and why.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, equations 9.11 and 9.13.

    Examples
    --------
    >>> image = [[1, 2, 1], [0, 1, 2], [2, 1, 0]]
    >>> gradients = conv2d_backward([[1, 0], [0, 0]], image, [[0.5, 0.2], [0.3, 0.7]])
    >>> gradients.weight
    array([[1., 2.],
           [0., 1.]])
    >>> gradients.x
    array([[0.5, 0.2, 0. ],
           [0.3, 0.7, 0. ],
           [0. , 0. , 0. ]])
    """
    images, kernels, single = _images_and_kernels(x, weight)
    window = make_window(images.shape[2:], kernels.shape[2:], stride, padding)
    dy = as_float("dy", dy)
    expected = window.output_size if single else (len(images), len(kernels), *window.output_size)
    require_shape("dy", dy, expected, "the shape of conv2d's output")
    dy = dy[None, None] if single else dy
    dtype = np.result_type(dy, images, kernels)
    d_weight = np.zeros(kernels.shape, dtype)
    for block, columns in column_blocks(images, window, dtype):
        maps = dy[block].reshape(len(columns), len(kernels), _count(window.output_size))
        d_weight += np.matmul(maps, columns.transpose(0, 2, 1)).sum(axis=0).reshape(kernels.shape)
    d_x = _input_gradient(dy, images.shape, kernels, window, dtype) if input_gradient else None
    if single:
        return Conv2dGradients(None if d_x is None else d_x[0, 0], d_weight[0, 0], dy.sum(dtype=dtype))
    return Conv2dGradients(d_x, d_weight, dy.sum(axis=(0, 2, 3), dtype=dtype))


def _input_gradient(
    dy: np.ndarray, shape: tuple[int, ...], kernels: np.ndarray, window: Window, dtype: np.dtype
) -> np.ndarray:
    """Send each output's gradient back, through the kernel, to the window it came from."""
    n, channels, height, width = shape
    d_x = np.empty(shape, dtype)
    turned = kernels.reshape(len(kernels), _count(kernels.shape[1:])).T
    size = block_size(channels, window, dtype)
    padded = np.empty((min(size, n), channels, *window.padded_size((height, width))), dtype)
    top, left = window.before
    for start in range(0, n, size):
        part = dy[start : start + size]
        maps = part.reshape(len(part), len(kernels), _count(window.output_size))
        columns = np.matmul(turned, maps).reshape(len(part), channels, *window.kernel_size, *window.output_size)
        image = padded[: len(part)]
        image.fill(0)
        add_columns(image, columns, window)
        d_x[start : start + size] = image[..., top : top + height, left : left + width]
    return d_x


# The same convolution in steps, for a network that keeps the columns between its forward and backward pass.


def make_window(size: tuple[int, ...], kernel_size: tuple[int, ...], stride: Any, padding: Any) -> Window:
    """Work out where a kernel goes on an image of this size, and check that it goes anywhere."""
    stride = as_pair("stride", stride, 1)
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise ValueError(f'padding must be a whole number, a pair, "valid" or "same"; got {padding!r}')
        if padding == "same" and stride != (1, 1):
            raise ValueError(f'padding="same" keeps the size of the image only with stride 1; got stride {stride}')
        total = [(k - 1) if padding == "same" else 0 for k in kernel_size]
        before, after = (total[0] // 2, total[1] // 2), (total[0] - total[0] // 2, total[1] - total[1] // 2)
    else:
        before = after = as_pair("padding", padding, 0)
    room = [size[axis] + before[axis] + after[axis] - kernel_size[axis] for axis in (0, 1)]
    if min(room) < 0:
        raise ValueError(
            f"a kernel of {kernel_size[0]} × {kernel_size[1]} does not fit into an image of {size[0]} × {size[1]} "
            f"with padding {padding!r}: use a smaller kernel or more padding"
        )
    output_size = (room[0] // stride[0] + 1, room[1] // stride[1] + 1)
    return Window((kernel_size[0], kernel_size[1]), stride, before, after, output_size)


class Columns:
    """The windows of a block of images as columns, in memory that is made once and filled again for every block.

    Fresh memory for every block would cost more in page faults than the copying itself. A window is slid along the
    rows first, and then the result along the columns: two copies of long pieces take half the time of one copy of
    short ones for each kernel entry.

    Parameters
    ----------
    n : int
        How many images a block has.
    shape : (int, int, int)
        Channels, height and width of an image.
    window : Window
    dtype : dtype
    ones : bool
        Whether to add a last row of ones. A bias is a weight whose pixel is always 1, so that one product with
        [weight, bias] gives the maps, and one product with the maps' gradient the gradients of both.
    """

    def __init__(self, n: int, shape: tuple[int, ...], window: Window, dtype: np.dtype, *, ones: bool = False) -> None:
        self._window = window
        channels, height, width = shape
        (k_rows, k_columns), (s_rows, s_columns) = window.kernel_size, window.stride
        rows, columns = window.output_size
        padded = np.zeros((n, channels, *window.padded_size((height, width))), dtype)
        slid = np.empty((n, channels, k_columns, padded.shape[2], columns), dtype)
        entries = channels * k_rows * k_columns
        self.matrix = np.empty((n, entries + ones, rows * columns), dtype)
        if ones:
            self.matrix[:, entries] = 1
        top, left = window.before
        self._padded, self._inside = padded, padded[:, :, top : top + height, left : left + width]
        self._slid, self._cells = slid, _view(self.matrix, (n, channels, k_rows, k_columns, rows, columns))
        a, b, c, d = padded.strides
        self._along_rows = np.ndarray(slid.shape, dtype, padded, strides=(a, b, d, c, d * s_columns))
        a, b, c, d, e = slid.strides
        self._along_columns = np.ndarray(self._cells.shape, dtype, slid, strides=(a, b, d, c, d * s_rows, e))

    def fill(self, images: np.ndarray) -> np.ndarray:
        """Return the columns (n, C kH kW, H' W') of n images; the next call overwrites them."""
        self._inside[...] = images
        np.copyto(self._slid, self._along_rows)
        np.copyto(self._cells, self._along_columns)
        return self.matrix

    def fold(self) -> np.ndarray:
        """Return the images (n, C, H, W) to which the columns add up, as `fold` does."""
        padded = np.zeros(self._padded.shape, self._padded.dtype)
        add_columns(padded, self._cells, self._window, self._slid)
        (top, left), (height, width) = self._window.before, self._inside.shape[2:]
        return padded[:, :, top : top + height, left : left + width]


def column_blocks(images: np.ndarray, window: Window, dtype: np.dtype) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield, block by block, a slice of the images and their columns (n, C kH kW, H' W')."""
    size = min(block_size(images.shape[1], window, dtype), max(len(images), 1))
    columns = Columns(size, images.shape[1:], window, dtype)
    for start in range(0, len(images), size):
        block = slice(start, min(start + size, len(images)))
        if block.stop - start < size:  # what is left over at the end
            columns = Columns(block.stop - start, images.shape[1:], window, dtype)
        yield block, columns.fill(images[block])


def add_columns(images: np.ndarray, columns: np.ndarray, window: Window, slid: np.ndarray | None = None) -> None:
    """Add columns (n, C, kH, kW, H', W') to the windows of padded images: `Columns.fill` in reverse.

    It goes in the same two stages, by way of `slid` (n, C, kW, H, W'), which is overwritten: most of the additions then
    run over the long pieces of the columns, and few over the short rows of the images.
    """
    if slid is None:
        slid = np.empty((*columns.shape[:2], columns.shape[3], images.shape[2], columns.shape[5]), columns.dtype)
    slid.fill(0)
    for u in range(window.kernel_size[0]):
        slid[:, :, :, window.cells(u, 0)[0]] += columns[:, :, u]
    for v in range(window.kernel_size[1]):
        images[..., window.cells(0, v)[1]] += slid[:, :, v]


def block_size(channels: int, window: Window, dtype: np.dtype) -> int:
    """Count the images whose columns fill one block."""
    cells = channels * _count(window.kernel_size, window.output_size)
    return max(1, BLOCK_BYTES // max(1, cells * np.dtype(dtype).itemsize))


def _view(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """See the first rows of each matrix (n, entries, H' W') as cells (n, C, kH, kW, H', W')."""
    strides = [matrix.itemsize]
    for length in shape[:1:-1]:
        strides.insert(0, length * strides[0])
    return np.ndarray(shape, matrix.dtype, matrix, strides=(matrix.strides[0], *strides))


def _count(*sizes: tuple[int, ...]) -> int:
    """Multiply all sizes (spelled out, because reshape(-1) is undefined for empty arrays)."""
    total = 1
    for size in sizes:
        for length in size:
            total *= length
    return total


def _pad(x: np.ndarray, before: tuple[int, int], after: tuple[int, int]) -> np.ndarray:
    """Put `before` zeros above and left of the images and `after` zeros below and right of them."""
    *stack, height, width = x.shape
    padded = np.zeros((*stack, before[0] + height + after[0], before[1] + width + after[1]), x.dtype)
    padded[..., before[0] : before[0] + height, before[1] : before[1] + width] = x
    return padded


def _as_images(x: np.ndarray) -> np.ndarray:
    """Return x as (N, C, H, W)."""
    if x.ndim == 2:
        return x[None, None]
    if x.ndim != 4:
        hint = ": give a stack of grey images its channel axis with x[:, None]" if x.ndim == 3 else ""
        raise ValueError(f"x must have shape (N, C, H, W), or (H, W) for one grey image; got {x.shape}{hint}")
    return x


def _images_and_kernels(x: ArrayLike, weight: ArrayLike) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return x as (N, C, H, W), weight as (F, C, kH, kW), and whether they came as one image and one kernel."""
    x, weight = as_float("x", x), as_float("weight", weight)
    images = _as_images(x)
    if weight.ndim not in (2, 4):
        hint = ": give a stack of kernels its channel axis with weight[:, None]" if weight.ndim == 3 else ""
        raise ValueError(f"weight must have shape (F, C, kH, kW), or (kH, kW) for one kernel; got {weight.shape}{hint}")
    if x.ndim != weight.ndim:
        raise ValueError(
            f"x has shape {x.shape} and weight {weight.shape}: use (H, W) with (kH, kW), or (N, C, H, W) with "
            f"(F, C, kH, kW); [None, None] in front adds the two missing axes"
        )
    kernels = weight[None, None] if weight.ndim == 2 else weight
    if kernels.shape[1] != images.shape[1]:
        if images.shape[3] == kernels.shape[1]:
            hint = "x looks like (N, H, W, C), and needs np.moveaxis(x, -1, 1)"
        else:
            hint = "a single grey image needs shape (N, 1, H, W) and a kernel for it (F, 1, kH, kW)"
        raise ValueError(f"weight has {kernels.shape[1]} channels, x has {images.shape[1]}: {hint}")
    if 0 in kernels.shape[2:]:
        raise ValueError(f"weight must have at least one row and one column; got shape {weight.shape}")
    return images, kernels, weight.ndim == 2


def _as_bias(bias: ArrayLike, filters: int) -> np.ndarray:
    """Return bias as (F,)."""
    array = as_float("bias", bias)
    if array.shape != (filters,) and not (array.ndim == 0 and filters == 1):
        raise ValueError(f"bias must have shape ({filters},), one number for each kernel; got {array.shape}")
    return array.reshape(filters)
