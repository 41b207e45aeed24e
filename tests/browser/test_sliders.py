"""Every slider and button of every notebook, moved by keyboard in a real browser."""

import contextlib
import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from browser.accessibility import violations
from playwright.sync_api import Locator, Page, TimeoutError, expect

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
WAITING = "[...document.querySelectorAll('.jp-InputPrompt')].some(prompt => prompt.textContent.includes('*'))"
BOARDS_ARE_DRAWN = "boards => document.querySelectorAll('.cnnlab-board img').length === boards"


class Opened(NamedTuple):
    """A notebook whose cells have all been run."""

    name: str
    page: Page
    boards: Locator


@pytest.fixture(scope="module", params=NOTEBOOKS)
def notebook(request, open_notebook):
    """Each notebook, opened and run once for all tests."""
    page = open_notebook(request.param)
    yield Opened(request.param, page, run_all(page, request.param, boards_in(request.param)))
    page.context.close()


def boards_in(name):
    """How many boards the notebook displays, from its source."""
    cells = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))["cells"]
    return sum("".join(cell["source"]).startswith("display(") for cell in cells if cell["cell_type"] == "code")


def run_all(page, name, wanted):
    """Run all cells, and return the boards."""
    boards = page.locator(".cnnlab-board")
    for _ in range(5):  # a kernel that has only just started may drop the first request
        page.locator("li.lm-MenuBar-item", has_text=re.compile("^Run$")).click()
        page.locator("li[data-command='runmenu:run-all']").click()
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(WAITING, timeout=3_000)
        page.wait_for_function(f"!{WAITING}", timeout=300_000, polling=100)
        # A stored notebook holds no board, so all boards and no waiting cell mean that everything was run.
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(BOARDS_ARE_DRAWN, arg=wanted, timeout=15_000)
            return boards
    raise AssertionError(f"{name}: {boards.count()} of {wanted} boards appeared; {page.faults}")


def state(board):
    """What a board shows: its words, and the address of its picture's present content."""
    words = board.locator(":scope > .widget-label").all_text_contents()
    return words, board.locator("img").get_attribute("src")


def wait_for_change(page, board, before, what):
    for _ in range(600):
        after = state(board)
        if after != before:
            return after
        page.wait_for_timeout(50)
    raise AssertionError(f"{what}: nothing changed, still {before[0]}; {page.faults}")


def press_and_see(page, board, handle, what):
    """Move a slider by a key, away from the end of its range where it stands at one."""
    before = state(board)
    at_its_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    handle.press("ArrowLeft" if at_its_end else "ArrowRight")
    return wait_for_change(page, board, before, what)


def test_every_slider_moves_picture_and_words(notebook):
    name, page, boards = notebook
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


def test_every_picture_has_the_words_that_the_notebook_stores_and_every_board_its_own(notebook):
    name, page, boards = notebook
    stored = [
        "".join(output["data"]["text/plain"])
        for cell in json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    pictures = page.locator(".jp-RenderedHTMLCommon img")
    assert pictures.evaluate_all("images => images.map(image => image.alt)") == stored
    for k in range(boards.count()):
        words, _ = state(boards.nth(k))
        assert words[0]
        expect(boards.nth(k).locator("img")).to_have_attribute("alt", re.compile(f"^{re.escape(words[0])}"))


def test_every_slider_says_its_name_and_the_number_beside_it(notebook):
    boards = notebook.boards
    sliders = boards.locator(".widget-slider")
    for k in range(sliders.count()):
        handle, name = sliders.nth(k).locator(".noUi-handle"), sliders.nth(k).locator(".widget-label").text_content()
        assert name
        assert handle.get_attribute("aria-label") == name
        assert handle.get_attribute("aria-valuetext") == sliders.nth(k).locator(".widget-readout").text_content()


def test_a_board_answers_while_it_is_dragged_and_the_page_does_not_jump(notebook):
    name, page, boards = notebook
    for k in range(boards.count()):
        board = boards.nth(k)
        board.scroll_into_view_if_needed()
        handle, (height, before) = board.locator(".noUi-handle").first, (board.bounding_box()["height"], state(board))
        at_its_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        handle.hover()  # waits until the page has come to rest
        place = handle.bounding_box()
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        page.mouse.down()
        page.mouse.move(x + (-60 if at_its_end else 60), y, steps=6)
        wait_for_change(page, board, before, f"{name}, board {k}, while its first slider is held")
        assert board.bounding_box()["height"] == height
        page.mouse.up()


def test_a_decimal_comma_is_a_point(notebook):
    for readout in notebook.boards.locator(".widget-readout").all():
        if re.fullmatch(r"\d+\.\d+", number := readout.inner_text()):
            readout.fill(number.replace(".", ","))
            readout.press("Enter")
            assert float(readout.inner_text()) == pytest.approx(float(number), rel=0.2)


def test_a_name_beside_a_slider_cannot_be_typed_over(notebook):
    for choice in notebook.boards.locator(".cnnlab-choice").all():
        for key in ("ArrowRight", "ArrowLeft"):
            choice.locator(".noUi-handle").press(key)
            expect(choice.locator(".widget-readout")).to_have_attribute("contenteditable", "false")


def test_a_board_keeps_nobody_out(notebook):
    assert violations(notebook.page, ".cnnlab-board") == ""
    notebook.page.locator(".cnnlab-board .noUi-handle").first.evaluate("handle => handle.removeAttribute('aria-label')")
    assert "aria-input-field-name" in violations(notebook.page, ".cnnlab-board")


def test_tab_reaches_every_control_of_a_board(notebook):
    name, page, boards = notebook
    for k in range(boards.count()):
        board = boards.nth(k)
        wanted = board.locator(".noUi-handle, button.jupyter-button:not([disabled]):visible")
        board.locator(".noUi-handle").first.focus()
        reached = set()
        for _ in range(4 * wanted.count() + 4):
            index = wanted.evaluate_all("controls => controls.indexOf(document.activeElement)")
            reached.add(index)
            page.keyboard.press("Tab")
        assert reached >= set(range(wanted.count())), f"{name}, board {k}"


def test_no_board_needs_scroll_bars(notebook):
    """Playwright hides them, so they are counted as what does not fit."""
    too_large = "boards => boards.filter(b => b.scrollWidth > b.clientWidth || b.scrollHeight > b.clientHeight).length"
    for width in (1000, 1400):
        notebook.page.set_viewport_size({"width": width, "height": 1000})
        notebook.page.wait_for_function(f"() => ({too_large})([...document.querySelectorAll('.cnnlab-board')]) === 0")


def test_every_button_can_be_pressed_by_keyboard(notebook):
    name, page, boards = notebook
    for k in range(boards.count()):
        board = boards.nth(k)
        for n in range(board.locator("button.jupyter-button:visible").count()):
            button = board.locator("button.jupyter-button:visible").nth(n)
            assert button.inner_text().strip() or button.get_attribute("title")
            before = state(board)
            button.press("Enter")
            wait_for_change(page, board, before, f"{name}, board {k}, button {n}")
    assert page.faults == []


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
    page = open_notebook("faulty.ipynb")
    boards = run_all(page, "faulty.ipynb", 1)
    assert page.faults == []
    boards.first.locator(".noUi-handle").press("ArrowRight")
    boards.first.get_by_text("this cannot be drawn, AssertionError").wait_for()
    assert any("this cannot be drawn, AssertionError" in fault for fault in page.faults)
    assert boards.first.locator("img").count() == 1
    page.context.close()
