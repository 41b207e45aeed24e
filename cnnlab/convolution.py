"""Zero padding, windows as columns, and the convolution layer with its three gradients.

Everything here is cross-correlation, as in every deep-learning framework: the kernel is not turned.
Images are `(N, C, H, W)` and kernels `(F, C, kH, kW)`; one grey image `(H, W)` with one kernel `(kH, kW)` works
in every function and gives `(H', W')` back.

Windows are copied into the columns of a matrix, so that the sum over a window becomes a matrix product. This is
done for a block of images at a time, few enough that the columns stay in the processor's cache, and of a large image
for a few rows of the output at a time: memory grows neither with the number of images nor with the kernel.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Callable, Iterator, NamedTuple

import numpy as np

from cnnlab._checks import as_flag, as_float, as_pair, require_room, require_shape

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
    rows, columns = as_pair("padding", padding, 0)
    *stack, height, width = x.shape
    shape = (*stack, height + 2 * rows, width + 2 * columns)
    require_room("the image with this padding", shape, "use a smaller padding")
    padded = np.zeros(shape, x.dtype)
    padded[..., rows : rows + height, columns : columns + width] = x
    return padded


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
    n, channels, _, _ = images.shape
    shape = (n, channels * _count(window.kernel_size), _count(window.output_size))
    require_room("the matrix for these x, kernel_size, stride and padding", shape, "pass fewer images at a time")
    matrix = np.empty(shape, x.dtype)
    cells = matrix.reshape(*shape[:2], *window.output_size)
    for piece, columns in _columns(images, window, x.dtype):
        windows = columns.reshape(len(columns), shape[1], *piece.window.output_size)
        cells[piece.images, :, piece.rows, piece.across] = windows
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
    shape = (len(stack), channels, *size)
    require_room("the image of this output_size", shape, "pass fewer columns at a time")
    x = np.zeros(shape, columns.dtype)
    with np.errstate(all="ignore"):
        _add_pieces(x, window, 0, lambda piece: stack[piece.images, :, :, :, piece.rows, piece.across])
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
    shape = (len(images), len(kernels), *window.output_size)
    require_room("the output for these x, weight, stride and padding", shape, "pass fewer images at a time")
    y = np.empty(shape, dtype)
    matrix = kernels.reshape(len(kernels), _count(kernels.shape[1:]))
    with np.errstate(all="ignore"):
        for piece, columns in _columns(images, window, dtype, len(kernels)):
            # One small product per image stays in cache; one wide product over all images would not.
            maps = np.matmul(matrix, columns)
            if offsets is not None:
                maps += offsets[:, None]
            y[piece.images, :, piece.rows, piece.across] = maps.reshape(*maps.shape[:2], *piece.window.output_size)
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
    wants_x = as_flag("input_gradient", input_gradient)
    dtype = np.result_type(dy, images, kernels)
    d_weight = np.zeros(kernels.shape, dtype)
    with np.errstate(all="ignore"):
        for piece, columns in _columns(images, window, dtype, len(kernels)):
            maps = dy[piece.images, :, piece.rows, piece.across].reshape(len(columns), len(kernels), columns.shape[2])
            d_weight += np.matmul(maps, columns.transpose(0, 2, 1)).sum(axis=0).reshape(kernels.shape)
        d_x = _input_gradient(dy, images.shape, kernels, window, dtype) if wants_x else None
        if single:
            return Conv2dGradients(None if d_x is None else d_x[0, 0], d_weight[0, 0], dy.sum(dtype=dtype))
        return Conv2dGradients(d_x, d_weight, dy.sum(axis=(0, 2, 3), dtype=dtype))


def _input_gradient(
    dy: np.ndarray, shape: tuple[int, ...], kernels: np.ndarray, window: Window, dtype: np.dtype
) -> np.ndarray:
    """Send each output's gradient back, through the kernel, to the window it came from."""
    d_x = np.zeros(shape, dtype)
    turned = kernels.reshape(len(kernels), _count(kernels.shape[1:])).T

    def columns(piece: Piece) -> np.ndarray:
        part = dy[piece.images, :, piece.rows, piece.across]
        product = np.matmul(turned, part.reshape(len(part), len(kernels), _count(piece.window.output_size)))
        return product.reshape(len(part), shape[1], *window.kernel_size, *piece.window.output_size)

    _add_pieces(d_x, window, len(kernels), columns)
    return d_x


class Piece(NamedTuple):
    """Part of a convolution: some of the images, and some rows and columns of the output."""

    images: slice
    rows: slice
    across: slice
    inside: tuple[slice, slice]  # the pixels under these windows
    window: Window  # how the kernel moves over those pixels


def _cut(shape: tuple[int, ...], window: Window, dtype: np.dtype, filters: int) -> Iterator[Piece]:
    """Cut a convolution of images (N, C, H, W) into pieces so small that what is made for one fills a block.

    Usually a piece is several images. Where one image is too much for a block, it is a few rows of its output; where
    one row is, a part of that.
    """
    n, channels, *size = shape
    (k_rows, k_columns), (s_rows, s_columns), (rows, columns) = window.kernel_size, window.stride, window.output_size
    entries = max(channels * k_rows * k_columns, filters, 1)
    room = BLOCK_BYTES // dtype.itemsize

    def needed(rows: int, columns: int) -> int:
        """Count the numbers of one image's columns (or maps), and of its rows while they become columns."""
        height = (rows - 1) * s_rows + k_rows
        width = max((columns - 1) * s_columns + k_columns, columns * k_columns)
        return max(entries * rows * columns, channels * height * width)

    if needed(rows, columns) <= room:
        # The product that gives ∂L/∂weight is made for each image, too.
        together = room // max(needed(rows, columns), filters * channels * k_rows * k_columns) or 1
        cells = slice(0, rows), slice(0, columns)
        beneath = _beneath(cells, size, window)
        for start in range(0, n, together):
            yield Piece(slice(start, min(start + together, n)), *cells, *beneath)
        return
    some, part = _most(rows, lambda count: needed(count, columns) <= room), columns
    if some == 1:
        part = _most(columns, lambda count: needed(1, count) <= room)
    for image in range(n):
        for top in range(0, rows, some):
            for left in range(0, columns, part):
                cells = slice(top, min(top + some, rows)), slice(left, min(left + part, columns))
                yield Piece(slice(image, image + 1), *cells, *_beneath(cells, size, window))


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """Find the largest count up to a limit that fits, at least 1."""
    return bisect_left(range(2, limit + 1), True, key=lambda count: not fits(count)) + 1


def _beneath(cells: tuple[slice, slice], size: list[int], window: Window) -> tuple[tuple[slice, slice], Window]:
    """Find the pixels under some cells of the output, and how the kernel moves over those pixels alone."""
    inside, stride, before, after, counts = [], [], [], [], []
    for axis in (0, 1):
        count, step = cells[axis].stop - cells[axis].start, window.stride[axis]
        first = cells[axis].start * step - window.before[axis]  # negative in the padding
        length = (count - 1) * step + window.kernel_size[axis]
        start = min(max(first, 0), size[axis])
        stop = max(start, min(first + length, size[axis]))
        zeros = min(max(-first, 0), length)
        inside.append(slice(start, stop))
        stride.append(step if count > 1 else 1)
        before.append(zeros)
        after.append(length - zeros - (stop - start))
        counts.append(count)
    moves = (window.kernel_size, *((pair[0], pair[1]) for pair in (stride, before, after, counts)))
    return (inside[0], inside[1]), Window(*moves)


def _columns(
    images: np.ndarray, window: Window, dtype: np.dtype, filters: int = 0
) -> Iterator[tuple[Piece, np.ndarray]]:
    """Yield, piece by piece, the columns (n, C kH kW, H' W') of the images; the next piece may overwrite them."""
    made: dict[Any, Columns] = {}
    for piece in _cut(images.shape, window, dtype, filters):
        part = images[(piece.images, slice(None), *piece.inside)]
        kind = (part.shape, piece.window)
        if kind not in made:
            made = {kind: Columns(len(part), part.shape[1:], piece.window, dtype)}
        yield piece, made[kind].fill(part)


def _add_pieces(x: np.ndarray, window: Window, filters: int, columns: Callable[[Piece], np.ndarray]) -> None:
    """Add columns (n, C, kH, kW, H', W'), which are asked for piece by piece, to the windows of images x."""
    padded: np.ndarray = np.empty(0)
    for piece in _cut(x.shape, window, x.dtype, filters):
        inside = x[(piece.images, slice(None), *piece.inside)]
        (n, channels, height, width), (top, left) = inside.shape, piece.window.before
        shape = (n, channels, *piece.window.padded_size((height, width)))
        if padded.shape != shape:
            padded = np.empty(shape, x.dtype)
        padded.fill(0)
        add_columns(padded, columns(piece), piece.window)
        inside += padded[..., top : top + height, left : left + width]


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
