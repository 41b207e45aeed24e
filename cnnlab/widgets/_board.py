"""Controls with a picture and a label that follow them."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import ipywidgets
from matplotlib.figure import Figure

from cnnlab import plots

# A label is cut off at the edge of a narrow window unless it may go on in the next line.
WRAP = """<style>
.cnnlab-board > .widget-label { white-space: normal; height: auto; min-height: 28px; line-height: 1.6; }
</style>"""


class Board(ipywidgets.VBox):
    """Controls, one picture, and one or two lines that say in words what it shows.

    Moving a control redraws one and the same figure and puts it into one and the same image. Neither `interact`
    nor `Output` takes part: what they capture cannot be tested, and new figures flicker and stack.

    Parameters
    ----------
    controls : dict of str to widget
        What can be moved, by the name under which `draw` takes its value.
    figure : Figure
        What `draw` draws into.
    draw : callable
        Called as `draw(**values)` with the controls' values; changes the figure's artists and returns the state in
        words, a line or two of at most 110 characters.
    extra : sequence of widget
        Buttons and the like that stand under the controls.

    Attributes
    ----------
    image : ipywidgets.Image
        The picture.
    labels : list of ipywidgets.Label
        The words, a label for each line.
    """

    def __init__(
        self,
        controls: dict[str, Any],
        figure: Figure,
        draw: Callable[..., str],
        *,
        extra: Sequence[Any] = (),
    ) -> None:
        self.controls = controls
        self.figure = figure
        self.draw = draw
        width, height = (round(inches * plots.PIXELS_PER_INCH) for inches in figure.get_size_inches())
        # The height is fixed, so that the page does not jump when a picture arrives.
        layout = {"width": f"{width}px", "max_width": "100%", "height": f"{height}px"}
        layout |= {"object_fit": "contain", "object_position": "left top"}  # in a narrow window it shrinks whole
        self.image = ipywidgets.Image(format="png", layout=layout)
        self.labels = [ipywidgets.Label(layout={"width": "100%"}) for _ in range(2)]
        style = ipywidgets.HTML(WRAP, layout={"display": "none"})
        super().__init__([*controls.values(), *extra, *self.labels, self.image, style])
        self.add_class("cnnlab-board")  # by which a browser test finds it
        for control in controls.values():
            control.observe(lambda _: self.redraw(), names="value")
        self.redraw()
        figure.set_layout_engine("none")  # the places found in the first drawing stay, and later ones are faster

    def redraw(self) -> None:
        """Draw the controls' present values."""
        words = self.draw(**{name: control.value for name, control in self.controls.items()})
        lines = words.split("\n")
        for label, line in zip(self.labels, lines + [""] * len(self.labels), strict=False):
            label.value = line
        self.image.value = plots.png(self.figure)

    def __repr__(self) -> str:
        # What a page shows without a kernel, and what a notebook test compares.
        return f"Sliders at their start. {self.labels[0].value}"[:108]


def slider(kind: Any, description: str, value: Any, low: Any, high: Any, step: Any, **options: Any) -> Any:
    """Make a slider with its name in full and a readout; it reports when it is let go or a key is pressed."""
    return kind(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
        continuous_update=False,
        style={"description_width": "130px"},
        layout={"width": "460px"},
        **options,
    )
