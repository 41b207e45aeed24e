"""Every slider of every notebook, moved by keyboard in a real browser."""

import json
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("name", NOTEBOOKS)


def boards_in(name):
    """How many boards the notebook displays, from its source."""
    cells = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))["cells"]
    return sum("".join(cell["source"]).startswith("display(") for cell in cells if cell["cell_type"] == "code")


def opened(open_notebook, name, wanted=None, **size):
    """Open a notebook and run all its cells; return the page and its boards."""
    page = open_notebook(name, **size)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    # A stored notebook holds no board, so all boards and no waiting cell mean that everything was run.
    page.wait_for_function(
        """boards => document.querySelectorAll('.cnnlab-board img').length === boards
            && [...document.querySelectorAll('.jp-InputPrompt')].every(prompt => !prompt.textContent.includes('*'))
            && document.querySelector('.jp-Notebook-ExecutionIndicator').dataset.status === 'idle'""",
        arg=boards_in(name) if wanted is None else wanted,
        timeout=180_000,
        polling=100,
    )
    return page, page.locator(".cnnlab-board")


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
    control.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(400)
    if state(board) == before:
        page.keyboard.press("ArrowLeft")
    return wait_for_change(page, board, before, what)


@every_notebook
def test_every_slider_moves_picture_and_words(open_notebook, name):
    page, boards = opened(open_notebook, name)
    assert boards.count() == boards_in(name) > 0
    for k in range(boards.count()):
        board = boards.nth(k)
        board.scroll_into_view_if_needed()
        sliders = board.locator(".noUi-handle")
        menus = board.locator("select")
        assert sliders.count() + menus.count() > 0
        for n in range(sliders.count()):
            words, _ = press_and_see(page, board, sliders.nth(n), f"{name}, board {k}, slider {n}")
            assert words[0]
            assert board.locator("img").count() == 1
        for n in range(menus.count()):
            before = state(board)
            menu = menus.nth(n)
            menu.focus()
            chosen = menu.input_value()
            page.keyboard.press("ArrowDown")
            if menu.input_value() == chosen:
                page.keyboard.press("ArrowUp")
            wait_for_change(page, board, before, f"{name}, board {k}, menu {n}")
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
            button.focus()
            page.keyboard.press("Enter")
            wait_for_change(page, board, before, f"{name}, board {k}, button {n}")
    assert page.faults == []


def source_of_widgets(name):
    module = ROOT / "cnnlab" / "widgets" / (re.sub(r"^\d+_", "", name).removesuffix(".ipynb") + ".py")
    return module.read_text(encoding="utf-8")


@every_notebook
def test_tab_reaches_every_control_of_a_board(open_notebook, name):
    page, boards = opened(open_notebook, name)
    for k in range(boards.count()):
        board = boards.nth(k)
        wanted = board.locator(".noUi-handle, select, button.jupyter-button:not([disabled])")
        board.locator(".noUi-handle, select").first.focus()
        reached = set()
        for _ in range(4 * wanted.count() + 4):
            index = wanted.evaluate_all("controls => controls.indexOf(document.activeElement)")
            reached.add(index)
            page.keyboard.press("Tab")
        assert reached >= set(range(wanted.count())), f"{name}, board {k}"


@every_notebook
def test_a_move_answers_promptly(open_notebook, name, record_property):
    """From key press to the new picture on the page. The limits are wide: a busy machine passes, a new figure for
    every move, or training where nothing trains, does not."""
    page, boards = opened(open_notebook, name)
    for k in range(boards.count()):
        board = boards.nth(k)
        handle = board.locator(".noUi-handle").first
        handle.focus()
        board.locator("img").evaluate(
            """image => {
                window.times = [];
                document.addEventListener('keydown', () => { window.pressed = performance.now(); }, true);
                image.addEventListener('load', () => { window.times.push(performance.now() - window.pressed); });
            }"""
        )
        for press in range(20):
            count = page.evaluate("window.times.length")
            page.keyboard.press("ArrowRight" if press % 2 == 0 else "ArrowLeft")
            page.wait_for_function(f"window.times.length > {count}", polling=5)
        median = statistics.median(page.evaluate("window.times"))
        record_property(f"{name} board {k}", f"{median:.0f} ms")
        print(f"{name} board {k}: {median:.0f} ms")
        assert median < 1000


def test_a_callback_that_raises_is_noticed(open_notebook, notebooks):
    """The other tests would be worth nothing if a failing callback went unseen."""
    source = [
        "from cnnlab import plots, widgets",
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
    boards.first.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(2000)
    assert any("AssertionError" in fault for fault in page.faults)
