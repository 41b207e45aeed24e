"""What holds for every board of sliders: one picture that changes, words that change, nothing that piles up."""

import gc
import io
import threading
import time
import weakref

import ipywidgets
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cnnlab.course import widgets

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


@pytest.mark.thorough
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


@pytest.mark.thorough
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


@pytest.mark.thorough
@every_board
def test_words_fit_on_their_line_wherever_the_controls_stand(name):
    board = make(name)
    for control in board.controls.values():
        for value in other_values(control):
            control.value = value
            for label in board.labels:
                assert len(label.value) <= 110, label.value
                assert "\n" not in label.value


@pytest.mark.thorough
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


@pytest.mark.thorough
@every_board
def test_without_a_kernel_it_reads_as_words(name):
    board = make(name)
    assert repr(board).startswith("Sliders at their start. ")
    assert len(repr(board)) <= 110


def between(control):
    """Values between two steps of a slider."""
    if isinstance(control, ipywidgets.FloatLogSlider):
        return [control.base ** (control.min + 0.37 * control.step)]
    if isinstance(control, ipywidgets.FloatSlider):
        return [control.min + 0.37 * control.step, control.max - 1e-9]
    return []


@pytest.mark.thorough
@pytest.mark.filterwarnings("error::RuntimeWarning")
@every_board
def test_it_draws_at_the_ends_of_all_controls_at_once_and_between_their_steps(name):
    board = make(name)
    for place in (0, -1):
        for control in board.controls.values():
            control.value = other_values(control)[place]
        for control in board.controls.values():
            for value in between(control):
                control.value = value
                assert not board.labels[0].value.startswith("this cannot be drawn")
    board.close()


@pytest.mark.thorough
@every_board
def test_what_is_no_number_leaves_the_picture_and_the_words_say_so(name):
    board = make(name)
    for key, control in board.controls.items():
        if not isinstance(control, (ipywidgets.FloatSlider, ipywidgets.FloatLogSlider)):
            continue
        start, picture, words = control.value, board.image.value, [label.value for label in board.labels]
        control.value = float("nan")
        assert board.labels[0].value == (
            f"this cannot be drawn, ValueError: {key} must stand somewhere on its slider; got nan"
        )
        assert board.labels[1].value == "the picture is still the one before"
        assert board.image.value == picture
        control.value = start
        assert [label.value for label in board.labels] == words
    board.close()


@pytest.fixture
def level():
    return ipywidgets.IntSlider(value=1, min=0, max=100)


def figure():
    return Figure(figsize=(1, 1), dpi=50)


@pytest.mark.parametrize("fault", [ValueError("two\nlines " + "x" * 500), ZeroDivisionError(), KeyError("level")])
def test_a_drawing_that_fails_leaves_the_last_picture_and_says_so(level, fault):
    mine = figure()
    text = mine.text(0.5, 0.5, "")

    def draw(level):
        text.set_text(str(level))
        if level == 13:
            raise fault
        return f"level {level}"

    board = widgets.Board({"level": level}, mine, draw)
    picture = board.image.value
    level.value = 13
    assert board.labels[0].value.startswith(f"this cannot be drawn, {type(fault).__name__}: ")
    assert len(board.labels[0].value) <= 110
    assert "\n" not in board.labels[0].value
    assert board.image.value == picture
    level.value = 14
    assert board.labels[0].value == "level 14"
    assert board.image.value != picture


@pytest.mark.parametrize("words", [None, 5, b"words", ["words"], "one\ntwo\nthree"])
def test_a_board_needs_words(level, words):
    with pytest.raises(TypeError, match="draw must return words, one line or 2; got "):
        widgets.Board({"level": level}, figure(), lambda level: words)


def test_a_control_that_is_moved_during_a_drawing_is_drawn_in_the_end(level):
    drawn = []

    def draw(level):
        drawn.append(level)
        if level == 2:
            controls["level"].value = 3
        return f"level {level}"

    controls = {"level": level}
    board = widgets.Board(controls, figure(), draw)
    level.value = 2
    assert drawn == [1, 2, 3]
    assert board.labels[0].value == "level 3"


def test_a_control_that_is_moved_while_the_words_are_written_is_drawn_in_the_end(level):
    mine = figure()
    text = mine.text(0.5, 0.5, "")

    def draw(level):
        text.set_text(str(level))
        return f"level {level}\nlevel {level}"

    board = widgets.Board({"level": level}, mine, draw)
    board.labels[0].observe(lambda _: setattr(level, "value", 7), names="value")
    level.value = 2
    assert [label.value for label in board.labels] == ["level 7", "level 7"]
    picture = board.image.value
    board.redraw()
    assert board.image.value == picture


def test_moves_from_two_threads_do_not_meet_in_one_drawing(level):
    inside = worst = 0

    def draw(level):
        nonlocal inside, worst
        inside += 1
        worst = max(worst, inside)
        time.sleep(0.002)
        inside -= 1
        return f"level {level}"

    board = widgets.Board({"level": level}, figure(), draw)

    def move(values):
        for value in values:
            level.value = value

    threads = [threading.Thread(target=move, args=(range(start, 40, 2),)) for start in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert worst == 1
    assert board.labels[0].value == f"level {level.value}"


@pytest.mark.thorough
@every_board
def test_a_closed_board_is_gone_with_all_its_parts(name):
    board = make(name)
    parts = [weakref.ref(part) for part in all_widgets(board)]
    parts += [weakref.ref(part.layout) for part in all_widgets(board)] + [weakref.ref(board.figure)]
    board.close()
    board.close()
    del board
    gc.collect()
    assert [part() for part in parts if part() is not None] == []


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")  # pytest would keep every deprecation that old ipywidgets are told of
def test_fifty_boards_leave_the_memory_where_it_was():
    def make_and_close(count):
        for _ in range(count):
            widgets.backprop_stepper().close()
        gc.collect()
        return len(gc.get_objects())

    make_and_close(3)
    before = make_and_close(3)
    assert make_and_close(50) - before < 500


def test_closing_a_board_stops_its_training():
    board = widgets.binary_training(steps=10_000)
    board.train.click()
    thread = board.thread
    board.close()
    thread.join(60)
    assert not thread.is_alive()
    assert board.error is None
    assert board.run.state == "stopped"


@pytest.mark.thorough
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@every_board
def test_a_refused_argument_leaves_no_half_made_board_behind(name):
    board = make(name)
    argument = "network" if name == "digit_stages" else next(iter(board.controls))
    board.close()
    with pytest.raises((TypeError, ValueError), match=argument):
        getattr(widgets, name)(**{argument: "nonsense"})
    gc.collect()
