"""Notebook 3: one training step of a small network, stage by stage, as `_backprop_stepper` draws it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, Sequence

import numpy as np

from cnnlab.course.plots._style import number, vector
from cnnlab.course.widgets._cells import Box
from cnnlab.course.widgets._small_network import KEYS, PARAMETERS, TARGET, forward_maps, gradient_maps
from cnnlab.networks import SingleFilterCNN
from cnnlab.training import sgd_step

LEARNING_RATE = 0.1
LAST_STEP = 24
BLOCKS = [(k, l) for k in range(2) for l in range(2)]  # noqa: E741
CELLS = [(i, j) for i in range(4) for j in range(4)]
OPERATIONS = ["convolution", "ReLU", "max pool", "row by row", "dense", "sigmoid", "loss"]
# The maps from the image to the loss. A gradient stands under its own name, and that of C is called E.
FORWARD = ["C", "R", "P", "f", "z", "ŷ", "L"]
NAMES = {"C": "E"} | {name: f"∂L/∂{name}" for name in ("R", "P", "f", "z", "ŷ", "K", "b", "w", "d")}
# What one cell of E adds to ∂L/∂K.
SHARE = {"window": (3, 3), "Eᵢⱼ": (1, 1), "product": (3, 3)}


class BackpropStage(NamedTuple):
    """One step of the walk.

    In formulas c[…], m[…] and g[…] stand around what comes in, what it meets, and what the step gives.
    """

    part: str
    operation: int  # which of OPERATIONS it goes through; -1 for none
    back: bool  # whether it goes back
    formula: str
    filled: str  # the formula with its numbers
    reason: str
    arrays: dict[str, np.ndarray]  # every map by its symbol; NaN where the walk has not been yet
    comes: tuple[Box, ...]
    meets: tuple[Box, ...]
    gives: tuple[Box, ...]
    arrows: tuple[tuple[Box, Box], ...]  # which cell goes where
    masked: tuple[tuple[int, int], ...]  # the cells of E that ReLU has masked
    stopped: tuple[tuple[int, int], ...]  # those of them where a gradient had arrived

    def words(self, step: int) -> str:
        """Say where the walk has got to, and why it goes on as it does."""
        return f"Step {step}, {self.part}: {plain(self.filled)}\n{self.reason}"


def plain(formula: str) -> str:
    """Return a formula without the marks of its parts."""
    return re.sub(r"[cmg]\[(.*?)\]", r"\1", formula)


@lru_cache(maxsize=1)
def backprop_stages() -> tuple[BackpropStage, ...]:
    """Take one training step with a small `SingleFilterCNN`.

    Returns
    -------
    tuple of BackpropStage
        The start; the seven operations up to the loss; the way back through all of them, with a step for each block of
        the pool and for each cell of the error map that is not 0; the update; and the next forward pass.
    """
    walk = _Walk()
    walk.forward()
    walk.back_through_loss_and_sigmoid()
    walk.back_through_dense()
    walk.back_through_pool()
    walk.back_through_relu()
    walk.into_the_kernel()
    walk.update()
    return tuple(walk.stages)


class _Walk:
    """The stages so far, and every map as far as it is known."""

    def __init__(self) -> None:
        self.maps = forward_maps()
        self.gradients = {NAMES[name]: map_ for name, map_ in gradient_maps(self.maps).items() if name in NAMES}
        known = ("I", "y", *KEYS)
        shapes = {name: map_.shape for name, map_ in (self.maps | self.gradients).items() if name not in known}
        self.arrays = {name: np.full(shape, np.nan) for name, shape in (shapes | SHARE).items()}
        self.arrays |= {name: self.maps[name] for name in known}
        self.stages: list[BackpropStage] = []
        self.masked: list[tuple[int, int]] = []
        self.stopped: list[tuple[int, int]] = []

    def add(
        self,
        part: str,
        operation: int,
        formula: str,
        filled: str,
        reason: str,
        comes: Sequence[Box] = (),
        meets: Sequence[Box] = (),
        gives: Sequence[Box] = (),
        arrows: Sequence[tuple[Box, Box]] = (),
        back: bool = True,
    ) -> None:
        """Add a stage with the maps as they are known now."""
        boxes = tuple(comes), tuple(meets), tuple(gives), tuple(arrows)
        marks = tuple(self.masked), tuple(self.stopped)
        self.stages.append(
            BackpropStage(part, operation, back, formula, filled, reason, dict(self.arrays), *boxes, *marks)
        )

    def whole(self, name: str) -> Box:
        """Return all cells of a map."""
        return Box(name, 0, 0, *self.arrays[name].shape)

    def forward(self) -> None:
        self.add(
            "start",
            -1,
            "one training step: forward, back, update",
            f"a 4×4 image, 15 parameters, the target y = {TARGET}",
            "The image has a border of zeros. Everything else is still to be computed.",
        )
        for operation, (formula, filled, reason, comes, meets) in enumerate(self.forward_words()):
            name = FORWARD[operation]
            self.arrays[name] = self.maps[name]
            gives = [self.whole(name), Box("C", 1, 1)] if name == "C" else [self.whole(name)]
            self.add(OPERATIONS[operation], operation, formula, filled, reason, comes, meets, gives, back=False)

    def forward_words(self) -> list[tuple[str, str, str, list[Box], list[Box]]]:
        """Give for each operation its formula, that with numbers, the reason, what comes in, and what it meets."""
        whole, (y_hat, loss) = self.whole, (self.maps["ŷ"].item(), self.maps["L"].item())
        return [
            (
                "g[C] = m[K] ⋆ c[I] + m[b]",
                "g[C₁₁] = m[2] · c[3] + m[1] · c[1] − m[1] · c[1] + m[2] · c[1] − m[1] · c[1] − m[1] = g[6]",
                "⋆ lays K on every window of I, multiplies, adds. Framed: the window of C₁₁.",
                [Box("I", 1, 1, 3, 3)],
                [whole("K"), Box("b")],
            ),
            (
                "g[Rᵢⱼ] = max(0, c[Cᵢⱼ])",
                "g[8] of 16 numbers stay, the rest becomes 0",
                "What is positive goes on as it is.",
                [whole("C")],
                [],
            ),
            (
                "g[Pₖₗ] = the largest number in block (k, l) of c[R]",
                "g[P] = 6, 0, 5, 4",
                "The upper right block is dead: four zeros, and it hands on a 0.",
                [Box("R", 2 * row, 2 * column, 2, 2) for row, column in BLOCKS],
                [],
            ),
            (
                "g[f₂ₖ₊ₗ] = c[Pₖₗ]",
                "g[f] = 6, 0, 5, 4",
                "No arithmetic: the rows of P, one after the other.",
                [whole("P")],
                [],
            ),
            (
                "g[z] = Σₘ m[wₘ] · c[fₘ] + m[d]",
                "g[z] = m[1.0] · c[6] + m[2.0] · c[0] − m[1.5] · c[5] + m[0.4] · c[4] + m[0.25] = g[0.350]",
                "Each weight meets one feature.",
                [whole("f")],
                [whole("w"), Box("d")],
            ),
            (
                "g[ŷ] = σ(c[z]) = 1 / (1 + e⁻ᶻ)",
                f"g[ŷ] = σ(c[0.350]) = g[{y_hat:.3f}]",
                "The sigmoid squashes the score into the interval from 0 to 1: the prediction.",
                [Box("z")],
                [],
            ),
            (
                "g[L] = ½ (c[ŷ] − m[y])²",
                f"g[L] = ½ (c[{y_hat:.3f}] − m[{TARGET}])² = g[{loss:.3f}]",
                "The target y is the right answer. The forward pass ends; the error goes back.",
                [Box("ŷ")],
                [Box("y")],
            ),
        ]

    def learn(self, *names: str) -> None:
        """From now on these gradients are known."""
        self.arrays |= {name: self.gradients[name] for name in names}

    def back_through_loss_and_sigmoid(self) -> None:
        y_hat, error = self.maps["ŷ"].item(), number(self.gradients["∂L/∂ŷ"].item(), ".3f")
        self.learn("∂L/∂ŷ")
        self.add(
            "back through the loss",
            6,
            "g[∂L/∂ŷ] = m[ŷ − y]",
            f"g[∂L/∂ŷ] = m[{y_hat:.3f} − {TARGET}] = g[{error}]",
            "It is negative: a larger ŷ would make the loss smaller.",
            meets=[Box("ŷ"), Box("y")],
            gives=[Box("∂L/∂ŷ")],
        )
        self.learn("∂L/∂z")
        slope, d_score = f"{y_hat:.3f} · (1 − {y_hat:.3f})", number(self.gradients["∂L/∂z"].item(), ".3f")
        self.add(
            "back through the sigmoid",
            5,
            "g[∂L/∂z] = c[∂L/∂ŷ] · m[ŷ (1 − ŷ)]",
            f"g[∂L/∂z] = c[{error}] · m[{slope}] = g[{d_score}]",
            "What comes from ŷ meets the slope of the sigmoid, which needs only ŷ.",
            [Box("∂L/∂ŷ")],
            [Box("ŷ")],
            [Box("∂L/∂z")],
        )

    def back_through_dense(self) -> None:
        whole, score = self.whole, Box("∂L/∂z")
        arrives = f"c[{number(self.gradients['∂L/∂z'].item(), '.3f')}]"
        self.learn("∂L/∂w", "∂L/∂d")
        self.add(
            "back to w and d",
            4,
            "g[∂L/∂wₘ] = c[∂L/∂z] · m[fₘ]      g[∂L/∂d] = c[∂L/∂z]",
            f"g[∂L/∂w] = {arrives} · m[{_vector(self.maps['f'], 0)}] = g[{_vector(self.gradients['∂L/∂w'], 2)}]",
            "Each weight gets the feature it met; the dead block's is 0, its weight stays.",
            [score],
            [whole("f")],
            [whole("∂L/∂w"), Box("∂L/∂d")],
        )
        self.learn("∂L/∂f")
        self.add(
            "back to f",
            4,
            "g[∂L/∂fₘ] = c[∂L/∂z] · m[wₘ]",
            f"{arrives} · m[(1, 2, −1.5, 0.4)] = g[{_vector(self.gradients['∂L/∂f'], 2)}]",
            "Each feature gets the weight it met: in a product, each factor gets the other.",
            [score],
            [whole("w")],
            [whole("∂L/∂f")],
        )
        self.learn("∂L/∂P")
        upper, lower = (_vector(row, 2) for row in self.gradients["∂L/∂P"])
        self.add(
            "back to P",
            3,
            "g[∂L/∂Pₖₗ] = c[∂L/∂f₂ₖ₊ₗ]",
            f"the rows g[{upper}] and g[{lower}]",
            "No arithmetic: each number returns to the block that its feature came from.",
            [whole("∂L/∂f")],
            gives=[whole("∂L/∂P")],
            arrows=[(Box("∂L/∂f", m), Box("∂L/∂P", *block)) for m, block in enumerate(BLOCKS)],
        )

    def back_through_pool(self) -> None:
        d_pool, d_relu, activated = self.gradients["∂L/∂P"], self.gradients["∂L/∂R"], self.maps["R"]
        blocks = np.arange(4).reshape(2, 2).repeat(2, 0).repeat(2, 1)
        for count, (k, l) in enumerate(BLOCKS, 1):  # noqa: E741
            self.arrays["∂L/∂R"] = np.where(blocks < count, d_relu, np.nan)
            row, column = np.argwhere(d_relu[2 * k : 2 * k + 2, 2 * l : 2 * l + 2])[0]
            winner = (2 * k + int(row), 2 * l + int(column))
            arrives = f"c[{_two_decimals(d_pool[k, l])}]"
            if activated[winner] > 0:
                filled = f"{arrives} goes to the winner, {winner}, where m[R = {activated[winner]:.0f}]"
                reason = "The other three cells get 0: a small change of theirs would not have changed P."
            else:
                filled = f"{arrives} goes to the first of m[four zeros], {winner}"
                reason = "The dead block: they tie, and that is the rule. Will this reach the kernel?"
            self.add(
                f"back through block ({k}, {l})",
                2,
                "g[∂L/∂Rᵢⱼ] = c[∂L/∂Pₖₗ] · m[1 if Rᵢⱼ won block (k, l), else 0]",
                filled,
                reason,
                [Box("∂L/∂P", k, l)],
                [Box("R", 2 * k, 2 * l, 2, 2)],
                [Box("∂L/∂R", *winner)],
                [(Box("∂L/∂P", k, l), Box("∂L/∂R", *winner))],
            )

    def back_through_relu(self) -> None:
        d_relu, conv = self.gradients["∂L/∂R"], self.maps["C"]
        self.learn("E")
        self.masked += [cell for cell in CELLS if conv[cell] <= 0]
        self.stopped += [cell for cell in self.masked if d_relu[cell]]
        passed, (first, *_) = self._passed(), self.stopped
        self.add(
            "back through ReLU",
            1,
            "g[Eᵢⱼ] = c[∂L/∂Rᵢⱼ] · m[1 if Cᵢⱼ > 0, else 0]",
            f"{len(passed)} gradients pass, c[{_two_decimals(d_relu[first])}] at {first} is stopped",
            f"Crossed out: where C is not positive. {first} won its block, but there C = {number(conv[first], '.0f')}.",
            [Box("∂L/∂R", *cell) for cell in self.stopped + passed],
            [Box("C", *cell) for cell in self.stopped + passed],
            [Box("E", *cell) for cell in passed],
            [(Box("∂L/∂R", *cell), Box("E", *cell)) for cell in passed],
        )

    def into_the_kernel(self) -> None:
        whole, passed = self.whole, self._passed()
        empty = [cell for cell in CELLS if cell not in passed]
        total: np.ndarray = np.zeros((3, 3))
        formula = "g[∂L/∂K] = Σᵢⱼ c[Eᵢⱼ] · m[window of I at (i, j)]"
        self.arrays["∂L/∂K"] = total
        self.add(
            "back to K",
            0,
            formula,
            f"{len(empty)} of the 16 windows meet c[E = 0] and add nothing",
            f"{len(self.masked)} are masked by ReLU, {len(empty) - len(self.masked)} lost their block: none reaches L.",
            [Box("E", *cell) for cell in empty],
            gives=[whole("∂L/∂K")],
        )
        for i, j in passed:
            error, window = self.gradients["E"][i, j], self.maps["I"][i : i + 3, j : j + 3]
            total = total + error * window
            self.arrays |= {"window": window, "Eᵢⱼ": np.array([[error]]), "product": error * window, "∂L/∂K": total}
            self.add(
                "back to K",
                0,
                formula,
                f"cell ({i}, {j}) adds c[{_two_decimals(error)}] times m[its window of I]",
                "These nine pixels met the kernel's weights when this cell was computed.",
                [Box("E", i, j), Box("Eᵢⱼ")],
                [Box("I", i, j, 3, 3), whole("window")],
                [whole("product"), whole("∂L/∂K")],
                [(whole("product"), whole("∂L/∂K"))],
            )
        self.arrays |= {name: np.full(shape, np.nan) for name, shape in SHARE.items()}
        self.learn("∂L/∂K", "∂L/∂b")
        terms = " + ".join(_two_decimals(self.gradients["E"][cell]) for cell in passed).replace("+ −", "− ")
        self.add(
            "back to b",
            0,
            "g[∂L/∂b] = Σᵢⱼ c[Eᵢⱼ]",
            f"g[∂L/∂b] = c[{terms}] = g[{_two_decimals(self.gradients['∂L/∂b'].item())}]",
            "b is added in every cell. Now the gradients of all 15 parameters are known.",
            [Box("E", *cell) for cell in passed],
            gives=[Box("∂L/∂b")],
        )

    def update(self) -> None:
        network, whole = SingleFilterCNN(PARAMETERS), self.whole
        d_first = self.gradients["∂L/∂K"][0, 0]
        sgd_step(
            network.parameters,
            {key: self.gradients[f"∂L/∂{name}"].reshape(PARAMETERS[key].shape) for name, key in KEYS.items()},
            LEARNING_RATE,
        )
        after = forward_maps(network.parameters)
        self.arrays |= {name: after[name] for name in KEYS}
        self.add(
            "update",
            -1,
            f"g[K′] = K − η m[∂L/∂K], and so with b, w and d; η = {LEARNING_RATE}",
            f"g[K′₀₀] = 2 − {LEARNING_RATE} · m[({_two_decimals(d_first)})] = g[{_two_decimals(after['K'][0, 0])}]",
            "Each parameter moves against its gradient; the maps are still the old ones.",
            meets=[whole(f"∂L/∂{name}") for name in KEYS],
            gives=[whole(name) for name in KEYS],
        )
        self.arrays |= {name: after[name] for name in FORWARD}
        self.arrays |= {name: np.full(map_.shape, np.nan) for name, map_ in self.gradients.items()}
        self.masked, self.stopped = [], []
        old, new = (f"ŷ = {maps['ŷ'].item():.3f}, L = {maps['L'].item():.3f}" for maps in (self.maps, after))
        self.add(
            "forward again",
            -1,
            "I → C → R → P → f → z → g[ŷ] → g[L], with the new parameters",
            f"before {old}; now g[{new}]",
            "One step brought ŷ closer to y. Training repeats it, with new gradients.",
            gives=[Box("ŷ"), Box("L")],
            back=False,
        )

    def _passed(self) -> list[tuple[int, int]]:
        return [cell for cell in CELLS if self.gradients["E"][cell]]


def _two_decimals(value: float) -> str:
    return number(value, ".2f")


def _vector(values: np.ndarray, decimals: int) -> str:
    return vector(values.flat, f".{decimals}f", zero="0")
