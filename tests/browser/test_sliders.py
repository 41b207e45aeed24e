"""Every slider of every notebook, moved by keyboard in a real browser."""

import contextlib
import json
import re
import statistics
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
WAITING = "[...document.querySelectorAll('.jp-InputPrompt')].some(prompt => prompt.textContent.includes('*'))"
BOARDS_ARE_DRAWN = "boards => document.querySelectorAll('.cnnlab-board img').length === boards"
every_notebook = pytest.mark.parametrize("name", NOTEBOOKS)


def boards_in(name):
    """How many boards the notebook displays, from its source."""
    cells = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))["cells"]
    return sum("".join(cell["source"]).startswith("display(") for cell in cells if cell["cell_type"] == "code")


def opened(open_notebook, name, wanted=None, **size):
    """Open a notebook and run all its cells; return the page and its boards."""
    page = open_notebook(name, **size)
    boards = page.locator(".cnnlab-board")
    wanted = boards_in(name) if wanted is None else wanted
    for _ in range(5):  # a kernel that has only just started may drop the first request
        page.locator("li.lm-MenuBar-item", has_text=re.compile("^Run$")).click()
        page.locator("li[data-command='runmenu:run-all']").click()
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(WAITING, timeout=3_000)
        page.wait_for_function(f"!{WAITING}", timeout=180_000, polling=100)
        # A stored notebook holds no board, so all boards and no waiting cell mean that everything was run.
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(BOARDS_ARE_DRAWN, arg=wanted, timeout=5_000)
            return page, boards
    raise AssertionError(f"{name}: {boards.count()} of {wanted} boards appeared; {page.faults}")


def state(board):
    """What a board shows: its words, and the address of its picture's present content."""
    words = board.locator(":scope > .widget-label").all_text_contents()
    return words, board.locator("img").get_attribute("src")


def wait_for_change(page, board, before, what):
    for _ in range(100):
        after = state(board)
        if after != before:
            return after
        page.wait_for_timeout(50)
    raise AssertionError(f"{what}: nothing changed, still {before[0]}")


def press_and_see(page, board, control, what):
    """Press a key at a control; where it stands at an end of its range, the opposite key."""
    before = state(board)
    control.press("ArrowRight")
    page.wait_for_timeout(400)
    if state(board) == before:
        control.press("ArrowLeft")
    return wait_for_change(page, board, before, what)


@every_notebook
def test_every_slider_moves_picture_and_words(open_notebook, name):
    page, boards = opened(open_notebook, name)
    assert boards.count() == boards_in(name) > 0
    for k in range(boards.count()):
        board = boards.nth(k)
        board.scroll_into_view_if_needed()
        sliders = board.locator(".noUi-handle")
        assert sliders.count() > 0
        for n in range(sliders.count()):
            words, _ = press_and_see(page, board, sliders.nth(n), f"{name}, board {k}, slider {n}")
            assert words[0]
            assert board.locator("img").count() == 1
    assert boards.count() == boards_in(name), "no board was drawn twice"
    assert page.faults == []
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0


@every_notebook
def test_every_button_can_be_pressed_by_keyboard(open_notebook, name):
    if "ipywidgets.Button(" not in source_of_widgets(name):
        pytest.skip("this notebook's boards have no buttons")
    page, boards = opened(open_notebook, name)
    for k in range(boards.count()):
        board = boards.nth(k)
        for n in range(board.locator("button.jupyter-button").count()):
            button = board.locator("button.jupyter-button").nth(n)
            before = state(board)
            button.press("Enter")
            wait_for_change(page, board, before, f"{name}, board {k}, button {n}")
    assert page.faults == []


def source_of_widgets(name):
    module = ROOT / "cnnlab" / "course" / "widgets" / (re.sub(r"^\d+_", "", name).removesuffix(".ipynb") + ".py")
    return module.read_text(encoding="utf-8")


@every_notebook
def test_tab_reaches_every_control_of_a_board(open_notebook, name):
    page, boards = opened(open_notebook, name)
    for k in range(boards.count()):
        board = boards.nth(k)
        wanted = board.locator(".noUi-handle, button.jupyter-button:not([disabled])")
        board.locator(".noUi-handle").first.focus()
        reached = set()
        for _ in range(4 * wanted.count() + 4):
            index = wanted.evaluate_all("controls => controls.indexOf(document.activeElement)")
            reached.add(index)
            page.keyboard.press("Tab")
        assert reached >= set(range(wanted.count())), f"{name}, board {k}"


# Notes when a board's words last changed, and when its words or its picture, decoded and shown, did.
WATCH = """board => {
    window.pressed = window.said = window.changed = 0;
    const words = [...board.querySelectorAll(':scope > .widget-label')];
    const heard = new MutationObserver(() => { window.said = window.changed = performance.now(); });
    words.forEach(label => heard.observe(label, {childList: true, subtree: true, characterData: true}));
    board.querySelector('img').addEventListener('load', () => { window.changed = performance.now(); });
    document.addEventListener('keydown', () => { window.pressed = performance.now(); }, true);
}"""
# The words come before the picture, so a picture that was late for the last press is not taken for this one's.
ANSWERED = "window.said > window.pressed && performance.now() > window.changed + 150"


@every_notebook
def test_a_move_answers_promptly(open_notebook, name):
    """From key press to the changed picture. The limit is wide: a busy machine keeps it, a hang does not."""
    page, boards = opened(open_notebook, name)
    for k in range(boards.count()):
        board = boards.nth(k)
        board.evaluate(WATCH)
        handle = board.locator(".noUi-handle").first
        at_its_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        times = []
        for press in range(20):
            key = "ArrowRight" if (press % 2 == 0) != at_its_end else "ArrowLeft"
            for _ in range(3):  # JupyterLab may take the focus, and with it a key, as it finishes a run
                handle.press(key)
                with contextlib.suppress(TimeoutError):
                    page.wait_for_function(ANSWERED, polling=10, timeout=5_000)
                    break
            else:
                raise AssertionError(f"{name}, board {k}: no answer to {key}; {page.faults}")
            times.append(page.evaluate("window.changed - window.pressed"))
        median = statistics.median(times)
        print(f"{name}, board {k}: {median:.0f} ms from key press to picture (median of 20)")
        assert median < 1500


def test_a_callback_that_raises_is_noticed(open_notebook, notebooks):
    """The other tests would be worth nothing if a failing callback went unseen."""
    source = [
        "from cnnlab.course import plots, widgets",
        "import ipywidgets",
        "def draw(x):",
        "    assert x < 1",
        "    return 'well'",
        "s = ipywidgets.IntSlider(0, 0, 3)",
        "widgets.Board({'x': s}, plots.figure_of(plots.new_axes()), draw)",
    ]
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "id": "a"}
    cell["source"] = "\n".join(source)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": [cell]}
    (notebooks / "faulty.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    page, boards = opened(open_notebook, "faulty.ipynb", wanted=1)
    assert page.faults == []
    boards.first.locator(".noUi-handle").press("ArrowRight")
    page.wait_for_timeout(2000)
    assert any("this cannot be drawn, AssertionError" in fault for fault in page.faults)
    assert boards.first.locator("img").count() == 1
