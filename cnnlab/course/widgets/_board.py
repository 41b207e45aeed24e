"""Controls with a picture and a label that follow them."""

from __future__ import annotations

import html
import inspect
import threading
from math import isfinite
from pathlib import Path
from typing import Any, Callable, Sequence

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cnnlab._checks import as_int, as_number, shown
from cnnlab.course import plots
from cnnlab.course.plots._figures import image_tag
from cnnlab.course.plots._style import PIXELS_PER_INCH, course_style
from cnnlab.course.widgets._raster import Raster

LONGEST_LINE = 110  # characters that fit beside a picture
STYLE = (
    # A label is cut off at the edge of a narrow window unless it may go on in the next line.
    ".cnnlab-board > .widget-label { white-space: normal; height: auto; min-height: 28px; line-height: 1.6; }"
    # A picture that a narrow page shrinks leaves no empty place below: its tag tells the browser its shape beforehand.
    ".cnnlab-board > .widget-html { height: auto !important; }"
    # Margins beside what is as wide as the board, and the room for letters below a picture, would give it scroll bars.
    ".cnnlab-board > .jupyter-widgets { margin-left: 0; margin-right: 0; }"
    ".cnnlab-board img { display: block; }"
    # After a restart of the kernel a board still stands there, and its buttons look as if they could be pressed.
    ".cnnlab-board.jupyter-widgets-disconnected { opacity: 0.6; pointer-events: none; }"
    ".cnnlab-board.jupyter-widgets-disconnected::before { content: 'The kernel was restarted: run this cell again.'; }"
)
SLIDERS_SCRIPT = Path(__file__).with_name("_sliders.js").read_text(encoding="utf-8")


class Board(ipywidgets.VBox):
    """Controls, one picture, and one or two lines that say in words what it shows.

    Moving a control redraws one and the same figure and puts it into one and the same image. Neither `interact`
    nor `Output` takes part: what they capture cannot be tested, and new figures flicker and stack. A position that
    cannot be drawn leaves the last picture, and the words say so. `close` frees all that belongs to a board.

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
    image : ipywidgets.HTML
        The picture, with the words as its alternative text.
    labels : list of ipywidgets.Label
        The words, a label for each line.

    Raises
    ------
    TypeError
        If controls, figure, draw or extra is something else, or `draw` returns no words.
    """

    @course_style()
    def __init__(
        self,
        controls: dict[str, Any],
        figure: Figure,
        draw: Callable[..., str],
        *,
        extra: Sequence[Any] = (),
    ) -> None:
        if not isinstance(controls, dict) or not all(
            isinstance(name, str) and isinstance(control, ipywidgets.Widget) and control.has_trait("value")
            for name, control in controls.items()
        ):
            raise TypeError(f"controls must be widgets with a value, in a dict by their names; got {shown(controls)}")
        if not isinstance(figure, Figure):
            raise TypeError(f"figure must be a figure of matplotlib; got {shown(figure)}")
        if not _can_be_called_with(draw, controls):
            names = ", ".join(controls)
            raise TypeError(f"draw must be a function of the controls' values, draw({names}); got {shown(draw)}")
        if not isinstance(extra, (list, tuple)) or not all(isinstance(part, ipywidgets.Widget) for part in extra):
            raise TypeError(f"extra must be widgets in a list; got {shown(extra)}")
        self.controls = controls
        self.figure = figure
        self.draw = draw
        # Whoever changes the picture or the words holds it: a callback, or a thread.
        self._lock = threading.RLock()
        self._drawing = False
        FigureCanvasAgg(figure).draw()  # finds the places of all, which stay from now on
        figure.set_layout_engine("none")
        self._raster = Raster(figure)
        self._picture = b""
        width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
        # The height is fixed, so that the page does not jump when a picture arrives.
        self.image = ipywidgets.HTML(layout={"width": f"{width}px", "max_width": "100%", "height": f"{height}px"})
        self.labels = [ipywidgets.Label(layout={"width": "100%"}) for _ in range(2)]
        page = f'<style onload="{html.escape(SLIDERS_SCRIPT)}">{STYLE}</style>'
        style = ipywidgets.HTML(page, layout={"display": "none"})
        super().__init__([*controls.values(), *extra, *self.labels, self.image, style])
        self.add_class("cnnlab-board")  # by which a browser test finds it
        for control in controls.values():
            control.observe(lambda _: self._redraw_or_say_why_not(), names="value")
        self.redraw()

    def redraw(self) -> None:
        """Draw the controls' present values."""
        with self._lock:
            if self._drawing:  # whoever is at it looks again when it is done
                return
            self._drawing = True
            try:
                drawn = None
                while drawn != (values := self._values()):
                    with course_style():
                        lines, picture = self._lines(values), self._raster.png()
                    for label, line in zip(self.labels, lines, strict=True):
                        label.value = line
                    if picture is not self._picture:
                        self._picture = picture
                        self.image.value = image_tag(picture, self.figure, " ".join(lines).strip())
                    drawn = values
            finally:
                self._drawing = False

    def close(self) -> None:
        """Take the board and all that belongs to it off the page, and out of the memory."""
        for control in getattr(self, "controls", {}).values():  # it has none where an argument was refused
            control.unobserve_all()
        for part in _parts_of(self):
            part.close()
        super().close()

    def _redraw_or_say_why_not(self) -> None:
        """Redraw after a move; what goes wrong is said, as an error in a callback would be lost."""
        try:
            self.redraw()
        except Exception as error:
            with self._lock:
                self.labels[0].value = error_in_words("this cannot be drawn", error)
                self.labels[1].value = "the picture is still the one before"

    def _values(self) -> dict[str, Any]:
        values = {name: control.value for name, control in self.controls.items()}
        for name, value in values.items():
            if isinstance(value, float) and not isfinite(value):
                raise ValueError(f"{name} must stand somewhere on its slider; got {value}")
        return values

    def _lines(self, values: dict[str, Any]) -> list[str]:
        words = self.draw(**values)
        lines = words.split("\n") if isinstance(words, str) else []
        if not 1 <= len(lines) <= len(self.labels):
            raise TypeError(f"draw must return words, one line or {len(self.labels)}; got {shown(words)}")
        return lines + [""] * (len(self.labels) - len(lines))

    def __repr__(self) -> str:
        # What a page shows without a kernel, and what a notebook test compares.
        return f"Sliders at their start. {self.labels[0].value}"[:108]


def error_in_words(what: str, error: Exception) -> str:
    """Say on one line what an error ended, and what it was."""
    return f"{what}, {type(error).__name__}: {' '.join(str(error).split())}"[:LONGEST_LINE]


def _can_be_called_with(function: Any, names: dict[str, Any]) -> bool:
    try:
        inspect.signature(function).bind(**names)
    except Exception:  # whatever it is, it is no function of these names
        return False
    return True


def _parts_of(widget: Any) -> list[Any]:
    """List the widgets of which a widget is made, with their layouts and styles."""
    parts = []
    for child in widget.children:
        parts += _parts_of(child) if child.has_trait("children") else []
        parts += [child, child.layout, *([child.style] if child.has_trait("style") else [])]
    return [*parts, widget.layout]


# It has room for its name in full, and answers while it is dragged, at the kernel's pace.
_LOOK: dict[str, Any] = {
    "continuous_update": True,
    "style": {"description_width": "130px"},
    "layout": {"width": "460px"},
}


def slider(name: str, value: Any, description: str, low: float, high: float, step: float = 1, **options: Any) -> Any:
    """Make a slider over whole numbers, or over fractions where its step is one.

    `name` is the argument that `value` came as; a value beyond the ends is refused.
    """
    kind, convert = (ipywidgets.IntSlider, as_int) if isinstance(step, int) else (ipywidgets.FloatSlider, as_number)
    number = convert(name, value)
    _require_between(name, value, number, low, high)
    return kind(value=number, min=low, max=high, step=step, description=description, **_LOOK, **options)


def learning_rate_slider(value: Any, low: int, high: int, step: float, **options: Any) -> Any:
    """Make a slider over learning rates from 10 to the power of `low` to 10 to the power of `high`."""
    number = as_number("learning_rate", value)
    _require_between("learning_rate", value, number, 10.0**low, 10.0**high)
    look = {"description": "learning rate η", **_LOOK, **options}
    return ipywidgets.FloatLogSlider(value=number, min=low, max=high, step=step, **look)


def _require_between(name: str, value: Any, number: float, low: float, high: float) -> None:
    if not low <= number <= high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}, its slider's ends; got {shown(value)}")


def choice(name: str, value: Any, description: str, options: Sequence[Any]) -> Any:
    """Make a slider over names, each with what it stands for or alone."""
    # No Dropdown: JupyterLab takes the arrow keys away from it, to move between cells.
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    if not (isinstance(value, type(values[0])) and value in values):
        raise ValueError(f"{name} must be one of {', '.join(map(str, values))}; got {shown(value)}")
    control = ipywidgets.SelectionSlider(value=value, options=options, description=description, **_LOOK)
    control.add_class("cnnlab-choice")  # by which `_sliders.js` finds it
    return control


def figure_without_layout(width: float, height: float) -> Figure:
    """Make an empty figure whose axes stand where `axes_at` puts them: no drawing of it then needs a layout."""
    figure = plots.figure_of(plots.new_axes(width, height))
    figure.set_layout_engine("none")
    figure.clear()
    return figure


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place in inches."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / down, width / across, height / down))
