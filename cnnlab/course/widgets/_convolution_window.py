"""Notebook 2: one window of a convolution, from the padded image to its cell of the map."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from cnnlab._checks import as_float
from cnnlab.convolution import conv2d, zero_pad
from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets._board import Board, choice, slider
from cnnlab.course.widgets._lettering import Lettering, Text

# A square with a foot that reaches the lower border. With 0 and 9 the products of the blur kernel are whole numbers.
IMAGE = np.zeros((5, 6))
IMAGE[1:4, 1:4] = IMAGE[4, 3] = 9

KERNELS = {
    "edge": np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    "blur": np.full((3, 3), 1 / 9),
    "sharpen": np.array([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "identity": np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]),
}
OWN_KERNEL = np.array([[1.0, 0], [0, -1]])

MOST_PADDING = 2
MOST_STRIDE = 3
LARGEST_IMAGE = 8
LARGEST_KERNEL = 5
LARGEST_NUMBER = 1000
LONGEST_SUM = 84  # characters in a line beside an open side bar
CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])  # of a cell


class ConvolutionStep(NamedTuple):
    """One output cell of a convolution; where no window fits, products, total and output are None."""

    padded: np.ndarray
    corner: tuple[int, int]  # where the window starts in the padded image
    products: np.ndarray | None  # window times kernel, cell by cell
    total: float | None
    output: np.ndarray | None  # the whole map
    words: str


def convolution_step(
    image: np.ndarray, kernel: np.ndarray, row: int, column: int, padding: int, stride: int
) -> ConvolutionStep:
    """Compute one output cell of (H, W) pixels before padding and a (kH, kW) kernel, or say why there is none."""
    padded = zero_pad(image, padding)
    corner = (stride * row, stride * column)
    (kernel_rows, kernel_columns), (rows, columns) = kernel.shape, padded.shape
    if kernel_rows > rows or kernel_columns > columns:
        words = (
            f"no window fits: the kernel has {kernel_rows}×{kernel_columns} cells, "
            f"the padded image only {rows}×{columns}\n{_missing_padding(image.shape, kernel.shape, padding)}"
        )
        return ConvolutionStep(padded, (0, 0), None, None, None, words)
    output = conv2d(image, kernel, stride=stride, padding=padding)
    names = ("H'", "W'"), ("row", "column")
    formula = ", ".join(
        f"{name} = ⌊({size} + 2·{padding} − {k}) / {stride}⌋ + 1 = {count} {thing}{'s'[: count > 1]}"
        for name, thing, size, k, count in zip(*names, image.shape, kernel.shape, output.shape, strict=True)
    )
    window = padded[corner[0] : corner[0] + kernel_rows, corner[1] : corner[1] + kernel_columns]
    total = float(output[row, column])
    words = f"output ({row}, {column}) is {style.compact(total)}: "
    terms = " + ".join(
        f"{_as_factor(style.compact(pixel))}·{_as_factor(style.fraction(weight))}"
        for pixel, weight in zip(window.flat, kernel.flat, strict=True)
    )
    words += terms if len(words + terms) <= LONGEST_SUM else f"the sum of the {kernel.size} products in the picture"
    return ConvolutionStep(padded, corner, window * kernel, total, output, f"{words}\n{formula}")


@style.course_style()
def convolution_window(
    row: int = 1,
    column: int = 0,
    kernel: str = "edge",
    padding: int = 1,
    stride: int = 1,
    *,
    own: ArrayLike | None = None,
    image: ArrayLike | None = None,
) -> Board:
    """Move a kernel's window over a small image, and see the products, their sum and the cell it lands in.

    Parameters
    ----------
    row, column : int
        The output cell at which the first two sliders stand.
    kernel : {"edge", "blur", "sharpen", "identity", "own"}
        Where the third slider stands.
    padding : int
        Where the fourth slider stands, from 0 to 2.
    stride : int
        Where the fifth slider stands, from 1 to 3.
    own : (kH, kW) array_like, optional
        The kernel that the slider calls own, of up to 5 × 5 numbers; 1 0, 0 −1 by default.
    image : (H, W) array_like, optional
        The image, of up to 8 × 8 numbers; a square with a foot by default.

    Raises
    ------
    TypeError, ValueError
        If own or image is not a small array of numbers with rows and columns, or a slider cannot stand there.
    """
    kernels = {**KERNELS, "own": _as_small_matrix("own", OWN_KERNEL if own is None else own, LARGEST_KERNEL)}
    pixels = _as_small_matrix("image", IMAGE if image is None else image, LARGEST_IMAGE)
    smallest = [min(weights.shape[axis] for weights in kernels.values()) for axis in (0, 1)]
    last = [size + 2 * MOST_PADDING - k for size, k in zip(pixels.shape, smallest, strict=True)]
    controls = {
        "row": slider("row", row, "output row", 0, last[0]),
        "column": slider("column", column, "output column", 0, last[1]),
        "kernel": choice("kernel", kernel, "kernel", list(kernels)),
        "padding": slider("padding", padding, "padding p", 0, MOST_PADDING),
        "stride": slider("stride", stride, "stride s", 1, MOST_STRIDE),
    }
    picture = _WindowPicture(pixels, kernels, (last[0] + 1, last[1] + 1))

    def draw(row: int, column: int, kernel: str, padding: int, stride: int) -> str:
        sizes = zip(pixels.shape, kernels[kernel].shape, strict=True)
        rows, columns = (max(0, size + 2 * padding - k) // stride + 1 for size, k in sizes)
        row = _last_at(controls["row"], rows - 1, row)
        column = _last_at(controls["column"], columns - 1, column)
        step = convolution_step(pixels, kernels[kernel], row, column, padding, stride)
        picture.draw(step, kernels[kernel], kernel, (row, column), padding)
        return step.words

    return Board(controls, plots.figure_of(picture.ax), draw)


def _last_at(control: Any, last: int, value: int) -> int:
    """End a slider at the last row or column that there is, and return its value."""
    control.disabled = last == 0
    control.max = max(1, last)  # one without length could not be drawn
    control.value = min(value, last)
    return int(control.value)


class _WindowPicture:
    """Padded image, kernel, products and map on one axes, whose unit is a cell, rows counted downwards.

    One axes without ticks, all cells in one collection, and all that is written in three paths: this draws in a
    fraction of the time that four axes and two hundred texts take.
    """

    def __init__(self, pixels: np.ndarray, kernels: dict[str, np.ndarray], largest_map: tuple[int, int]) -> None:
        height, width = (size + 2 * MOST_PADDING for size in pixels.shape)
        self.kernel_height = max(kernel.shape[0] for kernel in kernels.values())
        upper = max(height, largest_map[0])
        across, down = width + largest_map[1] + 3, upper + self.kernel_height + 4.2
        self.middle, self.lower_middle = 1.2 + upper / 2, upper + 3.5 + self.kernel_height / 2
        self.image_centre, self.map_centre = 1 + width / 2, across - 0.5 - largest_map[1] / 2
        self.kernel_centre, self.products_centre, self.sum_centre = (share * across for share in (0.2, 0.5, 0.8))
        cell = min(6 / across, 5.4 / down)  # inches
        self.texts: list[Text] = []
        self.cells: list[np.ndarray] = []
        self.colours: list[Any] = []
        self.reach = float(np.abs(pixels).max()) or 1.0
        self.shape = pixels.shape
        self.pixel_colours = style.SIGNED if pixels.min() < 0 else style.PIXELS

        self.ax: Axes = plots.new_axes(across * cell, down * cell)
        self.ax.set(position=(0, 0, 1, 1), xlim=(0, across), ylim=(down, 0))
        self.ax.set_axis_off()
        self.font = min(10.0, cell * 72 * 0.48)  # points
        self.squares = PolyCollection([], edgecolors=style.PALE, linewidths=0.6)
        self.ax.add_collection(self.squares, autolim=False)
        self.border = self._frame(edgecolor="black" if pixels.min() < 0 else "white", linewidth=2)
        self.window = self._frame(edgecolor=style.RED, linewidth=3)
        self.cell = self._frame(edgecolor=style.RED, linewidth=3)
        self.lettering = Lettering(self.ax, ["black", "white", style.QUIET], 1 / 72 / cell)

    def _frame(self, **look: Any) -> Rectangle:
        frame = Rectangle((0, 0), 1, 1, fill=False, zorder=3, **look)
        self.ax.add_patch(frame)
        return frame

    def draw(self, step: ConvolutionStep, kernel: np.ndarray, name: str, cell: tuple[int, int], padding: int) -> None:
        """Show a step."""
        self.texts, self.cells, self.colours = [], [], []
        title = f"image with p = {padding}: {step.padded.shape[0]}×{step.padded.shape[1]}"
        scale = self.pixel_colours, self.reach
        x, y = self._matrix(step.padded, self.image_centre, self.middle, title, *scale, index=True)
        self.border.set_bounds(x + padding, y + padding, self.shape[1], self.shape[0])
        self.window.set_bounds(x + step.corner[1], y + step.corner[0], kernel.shape[1], kernel.shape[0])

        largest_weight = float(np.abs(kernel).max()) or 1.0
        scale = style.SIGNED, largest_weight
        self._matrix(kernel, self.kernel_centre, self.lower_middle, f"kernel: {name}", *scale, write=style.fraction)
        for part in (self.border, self.window, self.cell):
            part.set_visible(step.output is not None)
        if step.products is not None and step.total is not None and step.output is not None:
            # The products and the sums of them have one scale.
            scale = style.SIGNED, max(largest_weight * self.reach, float(np.abs(step.output).max()))
            self._matrix(step.products, self.products_centre, self.lower_middle, "products", *scale)
            words = f"sum = {style.compact(step.total)}"
            self.texts.append(Text(self.sum_centre, self.lower_middle, words, 11, bold=True))
            title = f"map C: {step.output.shape[0]}×{step.output.shape[1]}"
            x, y = self._matrix(step.output, self.map_centre, self.middle, title, *scale, index=True)
            self.cell.set_bounds(x + cell[1], y + cell[0], 1, 1)
        self.squares.set_verts(self.cells)
        self.squares.set_facecolor(self.colours)
        self.lettering.write(self.texts)

    def _matrix(
        self,
        values: np.ndarray,
        centre: float,
        middle: float,
        title: str,
        cmap: str,
        largest: float,
        *,
        index: bool = False,
        write: Callable[[float], str] = style.compact,
    ) -> tuple[float, float]:
        """Put numbers around a point, from -largest to largest or from 0; return their left and their upper edge."""
        rows, columns = values.shape
        x, y = centre - columns / 2, middle - rows / 2
        lowest = -largest if cmap == style.SIGNED else 0.0
        colours = style.colours_of(cmap)((values - lowest) / (largest - lowest))
        self.texts.append(Text(centre, y - 0.55, title, style.TITLE))
        for (i, j), value in np.ndenumerate(values):
            self.cells.append(np.add(CORNERS, (x + j, y + i)))
            self.colours.append(colours[i, j])
            ink = style.ink_on(colours[i, j])
            self.texts.append(Text(x + j + 0.5, y + i + 0.5, write(value), self.font, ink, room=0.86))
        if index:
            self.texts += [Text(x - 0.5, y + i + 0.5, str(i), self.font, style.QUIET) for i in range(rows)]
            self.texts += [Text(x + j + 0.5, y + rows + 0.5, str(j), self.font, style.QUIET) for j in range(columns)]
        return x, y


def _as_small_matrix(name: str, values: ArrayLike, largest: int) -> np.ndarray:
    array = as_float(name, values).astype(float)
    if array.ndim != 2 or not array.size or max(array.shape) > largest:
        raise ValueError(f"{name} must have 1 to {largest} rows and columns; got shape {array.shape}")
    beyond = array[~(np.abs(array) <= LARGEST_NUMBER)]
    if beyond.size:
        raise ValueError(f"{name} must hold numbers from −{LARGEST_NUMBER:,} to {LARGEST_NUMBER:,}; got {beyond[0]:g}")
    return array


def _as_factor(text: str) -> str:
    return f"({text})" if text.startswith("−") else text


def _missing_padding(size: tuple[int, ...], kernel_size: tuple[int, ...], padding: int) -> str:
    """Show that the numerator of the size formula is below 0, and say which padding would do."""
    letter, total, k = next(
        (letter, n, k) for letter, n, k in zip("HW", size, kernel_size, strict=True) if k > n + 2 * padding
    )
    needed = max(-(-(k - n) // 2) for n, k in zip(size, kernel_size, strict=True))
    return (
        f"{letter} + 2p − k = {total} + 2·{padding} − {k} = −{k - total - 2 * padding} is below 0; "
        f"p must be at least {needed}"
    )
