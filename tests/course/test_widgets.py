"""What holds for every board of sliders: one picture that changes, words that change, nothing that piles up."""

import base64
import functools
import gc
import html
import io
import re
import threading
import weakref

import ipywidgets
import matplotlib.style
import numpy as np
import pytest
from boards import contrast, ends, few_examples, fit, words
from matplotlib.artist import Artist
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from cnnlab.course import plots, widgets
from cnnlab.course.plots import _figures
from cnnlab.course.widgets import _digit_stages, _digits
from cnnlab.course.widgets._lettering import Lettering

BOARDS = [name for name in widgets.__all__ if name != "Board"]
ONE_AT_ONCE = [BOARDS[0], *(pytest.param(name, marks=pytest.mark.thorough) for name in BOARDS[1:])]
SHARED = {"FloatSlider", "IntSlider", "FloatLogSlider", "SelectionSlider", "IntProgress"}
SHARED |= {"Button", "Label", "HTML", "Image", "HBox", "Play"}


# What a reader may have set, by a style or by hand: LaTeX (which need not be there), grids, other sizes and fonts.
ODD_SETTINGS = {"text.usetex": True, "axes.grid": True, "font.size": 20, "font.family": "serif", "figure.dpi": 300}
ODD_SETTINGS |= {"image.cmap": "hot", "image.origin": "lower", "savefig.facecolor": "black", "lines.linewidth": 9}
EVERY_STYLE = [*matplotlib.style.available, "dark_background", ODD_SETTINGS]  # whatever any of them sets is set


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def parts_of(board):
    yield board
    for child in getattr(board, "children", ()):
        yield from parts_of(child)


@pytest.fixture(scope="module", autouse=True)
def _only_new_objects_are_counted():
    """Set aside what was there before, so that looking for what is left does not look at all of it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module", autouse=True)
def _few_digits_a_network_that_need_not_be_trained_and_small_pictures():
    with pytest.MonkeyPatch.context() as patch:
        few = few_examples()
        patch.setattr(_digits, "load_examples", lambda: few)
        patch.setattr(_digit_stages, "quick_network", lambda: _digits.initial_network()[0])
        patch.setattr(_figures, "SHARPNESS", 0.5)  # small pictures differ as large ones do
        yield


def make(name, **arguments):
    """A board; the film is the only one that needs something to show."""
    rng = np.random.default_rng(0)
    film = {"filters": rng.normal(size=(30, 5, 5)), "maps": rng.normal(size=(30, 8, 8)), "accuracy": rng.random(30)}
    return getattr(widgets, name)(**(film if name == "filter_film" else {}) | arguments)


@functools.cache
def made(name):
    """Every board once; each test puts the controls back."""
    return make(name)


every_board = pytest.mark.parametrize("name", BOARDS)
one_board_and_thoroughly_all = pytest.mark.parametrize("name", ONE_AT_ONCE)


@every_board
def test_it_starts_with_words_and_one_picture_made_of_what_old_and_new_ipywidgets_share(name):
    board = made(name)
    kinds = [type(part).__name__ for part in parts_of(board)][1:]
    assert set(kinds) <= SHARED
    alt, data = re.fullmatch(r'<img alt="([^"]+)" .* src="data:image/png;base64,(.*)">', board.image.value).groups()
    assert html.unescape(alt) == " ".join(words(board)).strip()
    assert Image.open(io.BytesIO(base64.b64decode(data))).format == "PNG"
    assert board.image.layout.height.endswith("px"), "or the page jumps"
    assert repr(board) == f"Sliders at their start. {words(board)[0]}"[:108]


@every_board
def test_every_control_reports_while_it_is_dragged_and_says_what_it_is(name):
    board = made(name)
    for control in board.controls.values():
        assert control.description
        assert control.continuous_update is True


@every_board
def test_a_picture_of_what_has_changed_is_that_of_the_whole_figure(name):
    board = made(name)
    for control in board.controls.values():
        start = control.value
        for value in [*ends(control), start]:
            control.value = value
            np.testing.assert_array_equal(pixels(board._raster.png()), pixels(plots.png(board.figure)))


@every_board
def test_every_slider_changes_the_picture_or_the_words_which_fit_on_their_lines(name):
    board = made(name)
    artists = len(board.figure.findobj())
    for key, control in board.controls.items():
        start, seen = control.value, set()
        for value in [start, *ends(control)]:
            control.value = value
            assert all(fit(line) and "\n" not in line for line in words(board))
            assert not words(board)[0].startswith("this cannot be drawn")
            seen.add((board.image.value, *words(board)))
        control.value = start
        assert len(seen) >= 2, key
    assert len(board.figure.findobj()) == artists


@every_board
def test_all_words_have_nine_points_beside_a_side_bar_at_1000_pixels(name, monkeypatch):
    written = []
    write = Lettering.write

    def note(lettering, texts):
        written.extend(texts := list(texts))
        write(lettering, texts)

    monkeypatch.setattr(Lettering, "write", note)
    board = make(name)
    shown = min(1, 568 / (board.figure.get_figwidth() * 90))  # 568 of a figure's pixels, 90 to the inch, have room
    words = [text for text in board.figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    assert shown * min([text.get_fontsize() for text in words] + [text.size for text in written]) >= 9
    board.close()


@every_board
def test_all_words_in_a_picture_stand_out_from_what_lies_behind_them(name):
    board = made(name)
    written = [text for text in board.figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    renderer = board.figure.canvas.get_renderer()
    places = [text.get_window_extent(renderer) for text in written]
    for text in written:
        text.set_visible(False)
    behind = pixels(plots.png(board.figure)) / 255
    for text in written:
        text.set_visible(True)
    height = len(behind)
    for text, place in zip(written, places, strict=True):
        rows = slice(max(0, height - round(place.y1)), max(1, height - round(place.y0)))
        columns = slice(max(0, round(place.x0)), max(1, round(place.x1)))
        block = behind[rows, columns].reshape(-1, 3)
        if len(block):
            assert contrast(to_rgb(text.get_color()), np.median(block, axis=0)) >= 4.5, text.get_text()


@one_board_and_thoroughly_all
def test_a_board_looks_the_same_whatever_the_reader_has_set(name):
    with matplotlib.style.context(EVERY_STYLE):
        board = make(name)
        control = next(iter(board.controls.values()))
        start, (end, *_) = control.value, ends(control)
        control.value = end
        under_the_style = board.image.value.partition("src=")[2], words(board)
        plots.png(board.figure)
    board.close()
    made(name).controls[next(iter(board.controls))].value = end
    assert under_the_style == (made(name).image.value.partition("src=")[2], words(made(name)))
    made(name).controls[next(iter(board.controls))].value = start


@one_board_and_thoroughly_all
def test_moves_leave_one_figure_and_nothing_that_piles_up(name):
    board = made(name)
    control = next(iter(board.controls.values()))
    figure, picture, places = board.figure, board.image, [control.value, *ends(control)]

    def live():
        gc.collect()
        objects = gc.get_objects()
        figures, artists = (sum(isinstance(item, kind) for item in objects) for kind in (Figure, Artist))
        return figures, artists, len(objects)

    def move():
        for place in reversed(places):
            control.value = place

    move()
    figures, artists, objects = live()
    move()
    assert (board.figure, board.image) == (figure, picture)
    after = live()
    assert after[:2] == (figures, artists)
    assert after[2] - objects < 100


@pytest.mark.thorough
@pytest.mark.filterwarnings("error::RuntimeWarning")
@every_board
def test_it_draws_at_the_ends_of_all_controls_at_once_and_between_their_steps(name):
    board = made(name)
    start = {key: control.value for key, control in board.controls.items()}
    for place in (0, -1):
        for control in board.controls.values():
            control.value = ends(control)[place]
        for control in board.controls.values():
            if isinstance(control, ipywidgets.FloatLogSlider):
                control.value = control.base ** (control.min + 0.37 * control.step)
            elif isinstance(control, ipywidgets.FloatSlider):
                control.value = control.min + 0.37 * control.step
            assert not words(board)[0].startswith("this cannot be drawn")
    for key, value in start.items():
        board.controls[key].value = value


@every_board
def test_what_is_no_number_leaves_the_picture_and_the_words_say_so(name):
    board = made(name)
    for key, control in board.controls.items():
        if not isinstance(control, (ipywidgets.FloatSlider, ipywidgets.FloatLogSlider)):
            continue
        start, picture, before = control.value, board.image.value, words(board)
        control.value = float("nan")
        assert words(board) == [
            f"this cannot be drawn, ValueError: {key} must stand somewhere on its slider; got nan",
            "the picture is still the one before",
        ]
        assert board.image.value == picture
        control.value = start
        assert words(board) == before


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@one_board_and_thoroughly_all
def test_a_closed_or_refused_board_is_gone_with_all_its_parts(name):
    board = make(name)
    argument = "network" if name == "digit_stages" else next(iter(board.controls))
    parts = [weakref.ref(thing) for part in parts_of(board) for thing in (part, part.layout)]
    parts.append(weakref.ref(board.figure))
    board.close()
    board.close()
    del board
    with pytest.raises((TypeError, ValueError), match=argument):
        make(name, **{argument: "nonsense"})
    gc.collect()
    assert [part() for part in parts if part() is not None] == []


@pytest.fixture
def level():
    return ipywidgets.IntSlider(value=1, min=0, max=100)


def figure():
    return Figure(figsize=(1, 1), dpi=50)


def numbered(level, draw=None):
    """A board whose picture and words both say the level; `draw` is called first."""
    mine = figure()
    text = mine.text(0.5, 0.5, "")

    def both(level):
        text.set_text(str(level))
        if draw is not None:
            draw(level)
        return f"level {level}\nlevel {level}"

    return widgets.Board({"level": level}, mine, both)


@pytest.mark.parametrize("fault", [ValueError("two\nlines " + "x" * 500), ZeroDivisionError(), KeyError("level")])
def test_a_drawing_that_fails_leaves_the_last_picture_and_says_so(level, fault):
    def fail(level):
        if level == 13:
            raise fault

    board = numbered(level, fail)
    picture = board.image.value
    level.value = 13
    assert words(board)[0].startswith(f"this cannot be drawn, {type(fault).__name__}: ")
    assert fit(words(board)[0])
    assert "\n" not in words(board)[0]
    assert board.image.value == picture
    level.value = 14
    assert words(board)[0] == "level 14"
    assert board.image.value != picture


@pytest.mark.parametrize("answer", [None, 5, b"words", ["words"], "one\ntwo\nthree"])
def test_a_board_needs_words(level, answer):
    with pytest.raises(TypeError, match="draw must return words, one line or 2; got "):
        widgets.Board({"level": level}, figure(), lambda level: answer)


def test_a_control_that_is_moved_during_a_drawing_is_drawn_in_the_end(level):
    drawn = []

    def move_on(at):
        drawn.append(at)
        if at == 2:
            level.value = 3

    board = numbered(level, move_on)
    level.value = 2
    assert drawn == [1, 2, 3]
    assert words(board)[0] == "level 3"


def test_a_control_that_is_moved_while_the_words_are_written_is_drawn_in_the_end(level):
    board = numbered(level)
    board.labels[0].observe(lambda _: setattr(level, "value", 7), names="value")
    level.value = 2
    assert words(board) == ["level 7", "level 7"]
    picture = board.image.value
    board.redraw()
    assert board.image.value == picture


def test_moves_from_two_threads_do_not_meet_in_one_drawing(level):
    """The first drawing is held until the second thread has had its chance to begin one."""
    inside, drawing, moved = [], threading.Event(), threading.Event()

    def hold(at):
        assert not inside, "two drawings at once"
        inside.append(at)
        if at == 2:
            drawing.set()
            moved.wait(0.05)  # the second move waits for this drawing, so it is not over before
        inside.pop()

    board = numbered(level, hold)

    def move(to):
        if to == 3:
            drawing.wait(60)
        level.value = to
        if to == 3:
            moved.set()

    threads = [threading.Thread(target=move, args=(to,)) for to in (2, 3)]
    for step in (threading.Thread.start, lambda thread: thread.join(60)):
        for thread in threads:
            step(thread)
    assert words(board)[0] == "level 3"
