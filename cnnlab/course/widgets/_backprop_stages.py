"""Notebook 3: the backward pass of a small network, one step at a time, as `_backprop_stepper` draws it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, Sequence

import numpy as np

from cnnlab.activations import relu_backward, sigmoid_backward
from cnnlab.convolution import conv2d_backward, unfold, zero_pad
from cnnlab.course.plots._style import number, vector
from cnnlab.linear import linear_backward
from cnnlab.losses import half_squared_error_backward
from cnnlab.networks import SingleFilterCNN
from cnnlab.pooling import max_pool2d_backward

# Small enough to read every number. The upper right block of C is negative throughout: it is dead.
IMAGE = np.array([[3.0, 1, 0, 0], [1, 1, 0, 1], [0, 1, 0, 2], [3, 0, 0, 0]])
KERNEL = np.array([[2.0, 1, 0], [-1, 2, -1], [0, -1, -1]])
PARAMETERS: dict[str, Any] = {
    "conv_weight": KERNEL[None, None],
    "conv_bias": np.array([-1.0]),
    "dense_weight": np.array([[1.0, 2, -1.5, 0.4]]),
    "dense_bias": np.array([0.25]),
}
TARGET = 1
BLOCKS = [(k, l) for k in range(2) for l in range(2)]  # noqa: E741
CELLS = [(i, j) for i in range(4) for j in range(4)]
LAST_STEP = 27

# The maps from the image to the loss, their gradients, and the operation between each and the next.
CHAIN = ["I", "C", "R", "P", "f", "z", "ŷ", "L"]
GRADIENTS = ["∂L/∂K", "E", "∂L/∂R", "∂L/∂P", "∂L/∂f", "∂L/∂z", "∂L/∂ŷ", "∂L/∂L"]
OPERATIONS = ["convolution", "ReLU", "max pool", "flatten", "dense", "sigmoid", "loss"]
# Each part of the walk: which operation it goes back through, -1 in the forward pass, and its formula.
PARTS = {
    "forward": (-1, "I → C → R → P → f → z → ŷ → L"),
    "loss": (6, "∂L/∂ŷ = ŷ − y"),
    "sigmoid": (5, "∂L/∂z = ∂L/∂ŷ · ŷ (1 − ŷ)"),
    "dense, its parameters": (4, "∂L/∂wₘ = ∂L/∂z · fₘ        ∂L/∂d = ∂L/∂z"),
    "dense, the features": (4, "∂L/∂fₘ = ∂L/∂z · wₘ"),
    "unflatten": (3, "∂L/∂Pₖₗ = ∂L/∂f₂ₖ₊ₗ"),
    "max pool": (2, "∂L/∂Rᵢⱼ = ∂L/∂Pₖₗ if Rᵢⱼ won block (k, l), else 0"),
    "ReLU": (1, "Eᵢⱼ = ∂L/∂Cᵢⱼ = ∂L/∂Rᵢⱼ if Cᵢⱼ > 0, else 0"),
    "kernel": (0, "∂L/∂K = Σᵢⱼ Eᵢⱼ · (window of I at (i, j))"),
    "done": (0, "∂L/∂K = Σᵢⱼ Eᵢⱼ · (window of I at (i, j))        ∂L/∂b = Σᵢⱼ Eᵢⱼ"),
}
# What one cell of E adds to ∂L/∂K.
SHARE = ["window", "Eᵢⱼ", "product"]
# What the forward pass does not know yet, and its shape.
UNKNOWN = {"∂L/∂K": (3, 3), "E": (4, 4), "∂L/∂R": (4, 4), "∂L/∂P": (2, 2), "∂L/∂f": (4, 1), "∂L/∂z": (1, 1)}
UNKNOWN |= {"∂L/∂ŷ": (1, 1), "∂L/∂L": (1, 1), "product": (3, 3), "Eᵢⱼ": (1, 1), "window": (3, 3)}
UNKNOWN |= {"∂L/∂b": (1, 1), "∂L/∂w": (1, 4), "∂L/∂d": (1, 1)}


class Box(NamedTuple):
    """A rectangle of cells of a map."""

    name: str
    row: int = 0
    column: int = 0
    height: int = 1
    width: int = 1


def whole(name: str) -> Box:
    """Return all cells of a map that the backward pass fills."""
    return Box(name, 0, 0, *UNKNOWN[name])


class BackpropStage(NamedTuple):
    """One step of the backward pass."""

    part: str
    operation: int  # which of OPERATIONS it goes back through; -1 in the forward pass
    formula: str
    filled: str  # the formula with its numbers
    source: str  # where the gradient comes from
    arrays: dict[str, np.ndarray]  # every map by its symbol; NaN where the backward pass has not been yet
    reads: tuple[Box, ...]
    computes: tuple[Box, ...]
    arrows: tuple[tuple[Box, Box], ...]  # which cell goes where
    masked: tuple[tuple[int, int], ...]  # the cells of E that ReLU has masked
    stopped: tuple[tuple[int, int], ...]  # those of them where a gradient had arrived

    def words(self, step: int) -> str:
        """Say where the walk has got to, and where the gradient comes from."""
        return f"Step {step} of {LAST_STEP}, {self.part}: {self.filled}\n{self.source}"


@lru_cache(maxsize=1)
def backprop_stages() -> tuple[BackpropStage, ...]:
    """Carry the gradient back through a small `SingleFilterCNN`, stage by stage.

    Returns
    -------
    tuple of BackpropStage
        First the forward pass; then ten steps from the loss to the error map; one for each of its 16 cells, with the
        window of the image that the cell looked at; and the result.
    """
    walk = _Walk()
    walk.back_through_loss_and_sigmoid()
    walk.back_through_dense()
    walk.back_through_pool()
    walk.back_through_relu()
    walk.into_the_kernel()
    walk.result()
    return tuple(walk.stages)


class _Walk:
    """The stages so far, and every map as far as it is known."""

    def __init__(self) -> None:
        network = SingleFilterCNN(PARAMETERS)
        record = network.forward(IMAGE)
        self.prediction, self.loss = record.prediction, network.loss(record, TARGET)
        self.arrays: dict[str, np.ndarray] = {"I": zero_pad(IMAGE, 1), "C": record.conv[0, 0], "R": record.relu[0, 0]}
        self.arrays |= {"P": record.pool[0, 0], "f": record.features.T, "z": record.logit[None]}
        self.arrays |= {"ŷ": record.prediction[None], "L": np.array([[self.loss]])}
        self.arrays |= {"K": KERNEL, "b": np.array([[-1.0]]), "w": PARAMETERS["dense_weight"], "d": np.array([[0.25]])}
        self.arrays |= {name: np.full(shape, np.nan) for name, shape in UNKNOWN.items()}
        self.masked: list[tuple[int, int]] = []
        self.stopped: list[tuple[int, int]] = []
        self.stages: list[BackpropStage] = []
        self.add(
            "forward",
            f"ŷ = {self.prediction[0]:.3f}, the target is y = {TARGET}, the loss is L = {self.loss:.3f}",
            "Every map of the upper row is known. Now the error goes the other way, from right to left.",
        )

    def add(
        self,
        part: str,
        filled: str,
        source: str,
        reads: Sequence[Box] = (),
        arrows: Sequence[tuple[Box, Box]] = (),
        computes: Sequence[Box] | None = None,
    ) -> None:
        """Add a stage with the maps as they are known now; it computes what its arrows go to, if nothing is said."""
        (operation, formula), maps, ends = PARTS[part], dict(self.arrays), tuple(arrows)
        computed = tuple(end for _, end in ends) if computes is None else tuple(computes)
        masked, stopped = tuple(self.masked), tuple(self.stopped)
        self.stages.append(
            BackpropStage(part, operation, formula, filled, source, maps, tuple(reads), computed, ends, masked, stopped)
        )

    def back_through_loss_and_sigmoid(self) -> None:
        d_prediction = half_squared_error_backward(self.prediction, [TARGET])
        self.arrays |= {"∂L/∂L": np.ones((1, 1)), "∂L/∂ŷ": d_prediction[None]}
        y_hat, error = self.prediction[0], number(d_prediction[0], ".3f")
        self.add(
            "loss",
            f"∂L/∂ŷ = {y_hat:.3f} − {TARGET} = {error}",
            "It comes from the loss L = ½ (ŷ − y)². It is negative: a larger ŷ would make the loss smaller.",
            [Box("ŷ"), Box("L")],
            [(Box("∂L/∂L"), Box("∂L/∂ŷ"))],
        )
        d_score = sigmoid_backward(d_prediction, self.prediction)
        self.arrays["∂L/∂z"] = d_score[None]
        self.add(
            "sigmoid",
            f"∂L/∂z = {error} · {y_hat:.3f} · {1 - y_hat:.3f} = {number(d_score[0], '.3f')}",
            "It comes from ∂L/∂ŷ, times the slope of the sigmoid, which needs only ŷ.",
            [Box("ŷ"), Box("∂L/∂ŷ")],
            [(Box("∂L/∂ŷ"), Box("∂L/∂z"))],
        )

    def back_through_dense(self) -> None:
        features, weight = self.arrays["f"].T, self.arrays["w"]
        d_features, d_weight, d_bias = linear_backward(self.arrays["∂L/∂z"], features, weight)
        score, d_f, d_w = Box("∂L/∂z"), whole("∂L/∂f"), whole("∂L/∂w")
        times = f"{number(self.arrays['∂L/∂z'].item(), '.3f')} ·"
        self.arrays |= {"∂L/∂w": d_weight, "∂L/∂d": d_bias[None]}
        self.add(
            "dense, its parameters",
            f"∂L/∂w = {times} {_vector(features, 0)} = {_vector(d_weight, 2)}",
            "Each weight gets ∂L/∂z times the feature it met. "
            "The dead block's feature is 0: its weight learns nothing.",
            [score, Box("f", height=4)],
            [(score, d_w), (score, Box("∂L/∂d"))],
        )
        self.arrays["∂L/∂f"] = d_features.T
        self.add(
            "dense, the features",
            f"∂L/∂f = {times} {_vector(weight, 1)} = {_vector(d_features, 2)}",
            "Each feature gets ∂L/∂z times the weight that it met: each factor of a product gets the other one.",
            [score, Box("w", width=4)],
            [(score, d_f)],
        )
        self.arrays["∂L/∂P"] = d_pool = d_features.reshape(2, 2)
        self.add(
            "unflatten",
            f"the four numbers go back to two rows, {_vector(d_pool[0], 2)} and {_vector(d_pool[1], 2)}",
            "No arithmetic: each number returns to the block that its feature came from.",
            [d_f],
            [(Box("∂L/∂f", m), Box("∂L/∂P", *block)) for m, block in enumerate(BLOCKS)],
            [whole("∂L/∂P")],
        )

    def back_through_pool(self) -> None:
        d_pool, activated = self.arrays["∂L/∂P"], self.arrays["R"]
        blocks = np.arange(4).reshape(2, 2)
        for count, (k, l) in enumerate(BLOCKS, 1):  # noqa: E741
            # The blocks so far: the others' gradients are held back.
            d_relu = max_pool2d_backward(np.where(blocks < count, d_pool, 0), activated)
            self.arrays["∂L/∂R"] = np.where(blocks.repeat(2, 0).repeat(2, 1) < count, d_relu, np.nan)
            row, column = np.argwhere(d_relu[2 * k : 2 * k + 2, 2 * l : 2 * l + 2])[0]
            winner = (2 * k + int(row), 2 * l + int(column))
            value = _two_decimals(d_pool[k, l])
            if activated[winner] > 0:
                filled = (
                    f"block ({k}, {l}) sends {value} to the cell that won, {winner}, where R = {activated[winner]:.0f}"
                )
                source = "The other three cells get 0: a small change of theirs would not have changed P."
            else:
                filled = f"block ({k}, {l}) is dead; four zeros tie, and {value} goes to the first of them, {winner}"
                source = "That is the rule for ties. This number is the largest of the four: will it reach the kernel?"
            self.add(
                "max pool",
                filled,
                source,
                [Box("∂L/∂P", k, l), Box("R", 2 * k, 2 * l, 2, 2)],
                [(Box("∂L/∂P", k, l), Box("∂L/∂R", *winner))],
            )

    def back_through_relu(self) -> None:
        d_relu, conv = self.arrays["∂L/∂R"], self.arrays["C"]
        self.arrays["E"] = relu_backward(d_relu, conv)
        self.masked += [cell for cell in CELLS if conv[cell] <= 0]
        self.stopped += [cell for cell in self.masked if d_relu[cell]]
        passed, first = self._passed(), self.stopped[0]
        self.add(
            "ReLU",
            f"{len(self.masked)} of 16 cells are masked; {len(passed)} gradients pass, "
            f"{_two_decimals(d_relu[first])} at {first} is stopped",
            f"Crossed out: where C is not positive. Cell {first} won its block, but with C = "
            f"{number(conv[first], '.0f')} it sends nothing on.",
            [Box(name, *cell) for name in ("C", "∂L/∂R") for cell in self.stopped + passed],
            [(Box("∂L/∂R", *cell), Box("E", *cell)) for cell in passed],
            [whole("E")],
        )

    def into_the_kernel(self) -> None:
        windows = unfold(IMAGE, 3, padding="same").T.reshape(4, 4, 3, 3)
        total = np.zeros((3, 3))
        for i, j in CELLS:
            error, window = self.arrays["E"][i, j], windows[i, j]
            product = error * window
            total = total + product
            self.arrays |= {"window": window, "Eᵢⱼ": np.array([[error]]), "product": product, "∂L/∂K": total}
            self.add(
                "kernel",
                *self._what_a_cell_adds(i, j),
                [Box("I", i, j, 3, 3), Box("C", i, j), Box("E", i, j), whole("window"), Box("Eᵢⱼ")],
                [(Box("E", i, j), Box("Eᵢⱼ")), (whole("product"), whole("∂L/∂K"))],
                [whole("product"), whole("∂L/∂K")],
            )

    def _what_a_cell_adds(self, i: int, j: int) -> tuple[str, str]:
        error = self.arrays["E"][i, j]
        if error:
            return (
                f"cell ({i}, {j}) adds E = {_two_decimals(error)} times its window of I to ∂L/∂K",
                "These are the nine pixels that met the kernel's weights when this cell was computed.",
            )
        if (i, j) in self.masked:
            although = ", although it won its block" if (i, j) in self.stopped else ""
            return (
                f"cell ({i}, {j}) adds nothing: E = 0, masked by ReLU{although}",
                f"C is {number(self.arrays['C'][i, j], '.0f')} there: after a small change of the kernel R is still 0.",
            )
        return (
            f"cell ({i}, {j}) adds nothing: E = 0, it lost its block",
            f"R is {self.arrays['R'][i, j]:.0f} there, but only the largest cell of the block went on to P.",
        )

    def result(self) -> None:
        gradients = conv2d_backward(self.arrays["E"], IMAGE, KERNEL, padding="same")
        same = np.allclose(self.arrays["∂L/∂K"], gradients.weight)
        self.arrays |= {name: np.full(UNKNOWN[name], np.nan) for name in SHARE}
        self.arrays |= {"∂L/∂K": gradients.weight, "∂L/∂b": np.array([[gradients.bias]])}
        passed, error = self._passed(), whole("E")
        terms = " + ".join(_two_decimals(self.arrays["E"][cell]) for cell in passed).replace("+ −", "− ")
        self.add(
            "done",
            f"{len(passed)} of 16 windows made ∂L/∂K; ∂L/∂b = {terms} = {_two_decimals(float(gradients.bias))}",
            f"The sum is what conv2d_backward returns: {same}. All 15 gradients are known; the parameters can move.",
            [Box("E", *cell) for cell in passed],
            [(error, whole("∂L/∂K")), (error, whole("∂L/∂b"))],
        )

    def _passed(self) -> list[tuple[int, int]]:
        return [cell for cell in CELLS if self.arrays["E"][cell]]


def _two_decimals(value: float) -> str:
    return number(value, ".2f")


def _vector(values: np.ndarray, decimals: int) -> str:
    return vector(values.flat, f".{decimals}f", zero="0")
