"""What holds for every board of sliders: one picture that changes, words that change, nothing that piles up."""

import gc
import io

import ipywidgets
import pytest
from PIL import Image

from cnnlab import widgets

BOARDS = [name for name in widgets.__all__ if name != "Board"]
every_board = pytest.mark.parametrize("name", BOARDS)


def make(name):
    return getattr(widgets, name)()


def all_widgets(board):
    yield board
    for child in getattr(board, "children", ()):
        yield from all_widgets(child)


def other_values(control):
    """The ends of a slider's range, or every choice among names."""
    if isinstance(control, ipywidgets.SelectionSlider):
        return [value for _, value in control._options_full]
    if isinstance(control, ipywidgets.FloatLogSlider):
        return [control.base**control.min, control.base**control.max]
    if hasattr(control, "min"):
        return [control.min, control.max]
    return [control.value]


@every_board
def test_it_keeps_to_what_old_and_new_ipywidgets_share(name):
    board = make(name)
    shared = "FloatSlider IntSlider FloatLogSlider SelectionSlider Button Label HTML Image HBox VBox Board"
    shared += " IntProgress FloatProgress"
    names = {type(widget).__name__ for widget in all_widgets(board) if not isinstance(widget, widgets.Board)}
    assert names <= set(shared.split())


@every_board
def test_it_has_one_picture_and_starts_with_words(name):
    board = make(name)
    assert sum(isinstance(widget, ipywidgets.Image) for widget in all_widgets(board)) == 1
    assert board.labels[0].value
    assert Image.open(io.BytesIO(board.image.value)).format == "PNG"
    assert board.image.layout.height.endswith("px")


@every_board
def test_every_control_reports_only_when_it_is_let_go_and_says_what_it_is(name):
    for control in make(name).controls.values():
        assert control.description
        assert not getattr(control, "continuous_update", False)


@every_board
def test_moving_a_control_changes_the_picture_or_the_words(name):
    board = make(name)
    for key, control in board.controls.items():
        start = control.value
        seen = set()
        for value in [start, *other_values(control)]:
            control.value = value
            seen.add((board.image.value, tuple(label.value for label in board.labels)))
        assert len(seen) >= 2, key
        control.value = start


@every_board
def test_words_fit_on_their_line_wherever_the_controls_stand(name):
    board = make(name)
    for control in board.controls.values():
        for value in other_values(control):
            control.value = value
            for label in board.labels:
                assert len(label.value) <= 110, label.value
                assert "\n" not in label.value


@pytest.mark.filterwarnings("ignore")  # pytest would keep each of an old library's warnings, and they pile up
@every_board
def test_a_hundred_moves_leave_one_figure_and_the_memory_where_it_was(name):
    board = make(name)
    control = next(iter(board.controls.values()))
    values = other_values(control)
    figure, picture, axes = board.figure, board.image, len(board.figure.axes)

    def move(times):
        for k in range(times):
            control.value = values[k % len(values)]
        gc.collect()

    move(4)
    artists, objects = len(figure.findobj()), len(gc.get_objects())
    move(100)
    assert (board.figure, board.image, len(board.figure.axes)) == (figure, picture, axes)
    assert len(figure.findobj()) == pytest.approx(artists, abs=30)
    assert len(gc.get_objects()) - objects < 1000


@every_board
def test_without_a_kernel_it_reads_as_words(name):
    board = make(name)
    assert repr(board).startswith("Sliders at their start. ")
    assert len(repr(board)) <= 110
