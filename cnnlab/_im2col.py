"""Windows as columns of a matrix, so that the sum over a window becomes a matrix product.

This is done for a block of images at a time, few enough that the columns stay in the processor's cache, and of a large
image for a few rows of the output at a time: memory grows neither with the number of images nor with the kernel.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from math import prod
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import numpy as np

from cnnlab._checks import as_pair

# Columns of one block of images: about the size of a core's second-level cache.
BLOCK_BYTES = 2**21


class Geometry(NamedTuple):
    """How a kernel moves over an image: its size, its step, the zeros around the image, the output's size."""

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding_before: tuple[int, int]
    padding_after: tuple[int, int]
    output_size: tuple[int, int]

    def padded_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return (
            size[0] + self.padding_before[0] + self.padding_after[0],
            size[1] + self.padding_before[1] + self.padding_after[1],
        )

    def positions(self, axis: int, entry: int) -> slice:
        """Select the rows (axis 0) or columns of the padded image that a kernel's row or column meets."""
        step = self.stride[axis]
        return slice(entry, entry + step * (self.output_size[axis] - 1) + 1, step)


def make_geometry(size: tuple[int, ...], kernel_size: tuple[int, ...], stride: Any, padding: Any) -> Geometry:
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
    moves = [size[axis] + before[axis] + after[axis] - kernel_size[axis] for axis in (0, 1)]
    if min(moves) < 0:
        raise ValueError(
            f"a kernel of {kernel_size[0]} × {kernel_size[1]} does not fit into an image of {size[0]} × {size[1]} "
            f"with padding {padding!r}: use a smaller kernel or more padding"
        )
    output_size = (moves[0] // stride[0] + 1, moves[1] // stride[1] + 1)
    return Geometry((kernel_size[0], kernel_size[1]), stride, before, after, output_size)


class Columns:
    """The windows of a block of images as columns, in memory that is made once and filled again for every block.

    Fresh memory for every block would cost more in page faults than the copying itself. A window is slid along the
    rows first, and then the result along the columns: two copies of long runs take half the time of one copy of
    short ones for each kernel entry.

    Parameters
    ----------
    n : int
        How many images a block has.
    shape : (int, int, int)
        Channels, height and width of an image.
    geometry : Geometry
    dtype : dtype
    ones : bool
        Whether to add a last row of ones. A bias is a weight whose pixel is always 1, so that one product with
        [weight, bias] gives the maps, and one product with the maps' gradient the gradients of both.
    """

    def __init__(
        self, n: int, shape: tuple[int, ...], geometry: Geometry, dtype: np.dtype, *, ones: bool = False
    ) -> None:
        self._geometry = geometry
        channels, height, width = shape
        (k_rows, k_columns), (s_rows, s_columns) = geometry.kernel_size, geometry.stride
        rows, columns = geometry.output_size
        padded = np.zeros((n, channels, *geometry.padded_size((height, width))), dtype)
        row_windows = np.empty((n, channels, k_columns, padded.shape[2], columns), dtype)
        entries = channels * k_rows * k_columns
        self.matrix = np.empty((n, entries + ones, rows * columns), dtype)
        if ones:
            self.matrix[:, entries] = 1
        top, left = geometry.padding_before
        self._padded, self._interior = padded, padded[:, :, top : top + height, left : left + width]
        self._row_windows = row_windows
        self._cells = _view(self.matrix, (n, channels, k_rows, k_columns, rows, columns))
        a, b, c, d = padded.strides
        self._padded_windows = np.ndarray(row_windows.shape, dtype, padded, strides=(a, b, d, c, d * s_columns))
        a, b, c, d, e = row_windows.strides
        self._row_windows_view = np.ndarray(self._cells.shape, dtype, row_windows, strides=(a, b, d, c, d * s_rows, e))

    def fill(self, images: np.ndarray) -> np.ndarray:
        """Return the columns (n, C kH kW, H' W') of n images; the next call overwrites them."""
        self._interior[...] = images
        np.copyto(self._row_windows, self._padded_windows)
        np.copyto(self._cells, self._row_windows_view)
        return self.matrix

    def col2im(self) -> np.ndarray:
        """Return the images (n, C, H, W) to which the columns add up, as `fold` does."""
        padded = np.zeros(self._padded.shape, self._padded.dtype)
        col2im(padded, self._cells, self._geometry, self._row_windows)
        (top, left), (height, width) = self._geometry.padding_before, self._interior.shape[2:]
        return padded[:, :, top : top + height, left : left + width]


def col2im(images: np.ndarray, columns: np.ndarray, geometry: Geometry, row_windows: np.ndarray | None = None) -> None:
    """Add columns (n, C, kH, kW, H', W') to the windows of padded images: `Columns.fill` in reverse.

    It goes in the same two stages, by way of `row_windows` (n, C, kW, H, W'), which is overwritten: most of the
    additions then run over the long runs of the columns, and few over the short rows of the images.
    """
    if row_windows is None:
        row_windows = np.empty((*columns.shape[:2], columns.shape[3], images.shape[2], columns.shape[5]), columns.dtype)
    row_windows.fill(0)
    for u in range(geometry.kernel_size[0]):
        met = row_windows[:, :, :, geometry.positions(0, u)]
        met += columns[:, :, u]
    for v in range(geometry.kernel_size[1]):
        met = images[..., geometry.positions(1, v)]
        met += row_windows[:, :, v]


def images_per_block(channels: int, geometry: Geometry, dtype: np.dtype) -> int:
    """Count the images whose columns fill one block."""
    cells = channels * prod((*geometry.kernel_size, *geometry.output_size))
    return max(1, BLOCK_BYTES // max(1, cells * np.dtype(dtype).itemsize))


def _view(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """See the first rows of each matrix (n, entries, H' W') as cells (n, C, kH, kW, H', W')."""
    strides = [matrix.itemsize]
    for length in shape[:1:-1]:
        strides.insert(0, length * strides[0])
    return np.ndarray(shape, matrix.dtype, matrix, strides=(matrix.strides[0], *strides))


class Tile(NamedTuple):
    """Part of a convolution: some of the images, and some rows and columns of the output."""

    images: slice
    rows: slice
    columns: slice
    pixels: tuple[slice, slice]  # the pixels under these windows
    geometry: Geometry  # how the kernel moves over those pixels


def tiles(shape: tuple[int, ...], geometry: Geometry, dtype: np.dtype, filters: int = 0) -> Iterator[Tile]:
    """Cut a convolution of images (N, C, H, W) into tiles so small that what is made for one fills a block.

    Usually a tile is several images. Where one image is too much for a block, it is a few rows of its output; where
    one row is, a part of that.
    """
    together, (some, part), whole = _plan_tiles(shape[1:], geometry, filters, BLOCK_BYTES // dtype.itemsize)
    if whole:
        for start in range(0, shape[0], together):
            yield Tile(slice(start, min(start + together, shape[0])), *whole)
        return
    rows, columns = geometry.output_size
    for image in range(shape[0]):
        for top in range(0, rows, some):
            for left in range(0, columns, part):
                cells = slice(top, min(top + some, rows)), slice(left, min(left + part, columns))
                yield Tile(slice(image, image + 1), *cells, *_receptive_field(cells, shape[2:], geometry))


@lru_cache(maxsize=64)  # small images are convolved in about the time that this takes
def _plan_tiles(
    shape: tuple[int, ...], geometry: Geometry, filters: int, capacity: int
) -> tuple[int, tuple[int, int], tuple[Any, ...]]:
    """Count a tile's images, and its rows and columns of the output; with the tile itself where it is whole images.

    `capacity` is how many numbers a block holds.
    """
    channels, *size = shape
    (k_rows, k_columns), (s_rows, s_columns) = geometry.kernel_size, geometry.stride
    rows, columns = geometry.output_size
    entries = max(channels * k_rows * k_columns, filters, 1)

    def needed(rows: int, columns: int) -> int:
        """Count the numbers of one image's columns (or maps), and of its rows while they become columns."""
        height = (rows - 1) * s_rows + k_rows
        width = max((columns - 1) * s_columns + k_columns, columns * k_columns)
        return max(entries * rows * columns, channels * height * width)

    if needed(rows, columns) <= capacity:
        # The product that gives ∂L/∂weight is made for each image, too.
        together = capacity // max(needed(rows, columns), filters * channels * k_rows * k_columns) or 1
        cells = slice(0, rows), slice(0, columns)
        return together, (rows, columns), (*cells, *_receptive_field(cells, size, geometry))
    some = _largest_count(rows, lambda count: needed(count, columns) <= capacity)
    part = columns if some > 1 else _largest_count(columns, lambda count: needed(1, count) <= capacity)
    return 1, (some, part), ()


def _largest_count(limit: int, fits: Callable[[int], bool]) -> int:
    """Find the largest count up to a limit that fits, at least 1."""
    return bisect_left(range(2, limit + 1), True, key=lambda count: not fits(count)) + 1


def _receptive_field(
    cells: tuple[slice, slice], size: Sequence[int], geometry: Geometry
) -> tuple[tuple[slice, slice], Geometry]:
    """Find the pixels under some cells of the output, and how the kernel moves over those pixels alone."""
    pixels, stride, before, after, counts = [], [], [], [], []
    for axis in (0, 1):
        count, step = cells[axis].stop - cells[axis].start, geometry.stride[axis]
        first = cells[axis].start * step - geometry.padding_before[axis]  # negative in the padding
        length = (count - 1) * step + geometry.kernel_size[axis]
        start = min(max(first, 0), size[axis])
        stop = max(start, min(first + length, size[axis]))
        zeros = min(max(-first, 0), length)
        pixels.append(slice(start, stop))
        stride.append(step if count > 1 else 1)
        before.append(zeros)
        after.append(length - zeros - (stop - start))
        counts.append(count)
    moves = (geometry.kernel_size, *((pair[0], pair[1]) for pair in (stride, before, after, counts)))
    return (pixels[0], pixels[1]), Geometry(*moves)


def im2col_by_tiles(
    images: np.ndarray, geometry: Geometry, dtype: np.dtype, filters: int = 0
) -> Iterator[tuple[Tile, np.ndarray]]:
    """Yield, tile by tile, the columns (n, C kH kW, H' W') of the images; the next tile may overwrite them."""
    made: dict[Any, Columns] = {}
    for tile in tiles(images.shape, geometry, dtype, filters):
        part = images[(tile.images, slice(None), *tile.pixels)]
        kind = (part.shape, tile.geometry)
        if kind not in made:
            made = {kind: Columns(len(part), part.shape[1:], tile.geometry, dtype)}
        yield tile, made[kind].fill(part)


def col2im_by_tiles(x: np.ndarray, geometry: Geometry, filters: int, columns: Callable[[Tile], np.ndarray]) -> None:
    """Add columns (n, C, kH, kW, H', W'), which are asked for tile by tile, to the windows of images x."""
    padded: np.ndarray = np.empty(0)
    for tile in tiles(x.shape, geometry, x.dtype, filters):
        part = x[(tile.images, slice(None), *tile.pixels)]
        (n, channels, height, width), (top, left) = part.shape, tile.geometry.padding_before
        shape = (n, channels, *tile.geometry.padded_size((height, width)))
        if padded.shape != shape:
            padded = np.empty(shape, x.dtype)
        padded.fill(0)
        col2im(padded, columns(tile), tile.geometry)
        part += padded[..., top : top + height, left : left + width]
