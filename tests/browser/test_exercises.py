"""An exercise, done by keyboard in a real browser as a learner does it."""

import re

IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
SETUP_CELLS = 2  # the setup cell and the imports
SLIP = """def update(weights, gradient, learning_rate):
    return weights + learning_rate * gradient


ex.update.check(update)"""
TYPO = """def update(weights, gradient, learning_rate):
    step = learning_rate * gradeint
    return weights - step


ex.update.check(update)"""
RIGHT = SLIP.replace("+", "-")


def run(page, cell):
    """Run a cell and return what it shows."""
    before = page.replies
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    for _ in range(600):
        if page.replies > before:
            break
        page.wait_for_timeout(50)
    page.wait_for_selector(IDLE)  # the last output may come after the count
    return cell.locator(".jp-OutputArea-output").all_text_contents()


def answer(page, cell, code):
    """Put code into a cell, run it, and return what it says, without the breaks in long lines."""
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(code)
    (said,) = run(page, cell)
    return said.replace("\n    ", " ")


def test_a_learner_gets_from_the_stub_by_a_typo_and_a_slip_to_a_right_answer(open_notebook):
    page = open_notebook("01_filter_update.ipynb")
    cells = page.locator(".jp-Notebook-cell.jp-CodeCell")
    exercise = cells.filter(has_text="ex.update.check(update)")
    stored = exercise.locator(".jp-OutputArea-output").text_content()
    assert stored.startswith("○ Exercise 1.4, one step of gradient descent: not attempted")

    for k in range(SETUP_CELLS):
        run(page, cells.nth(k))
    (untouched,) = run(page, exercise)
    assert untouched == stored

    said = answer(page, exercise, TYPO)
    assert "✗ Exercise 1.4" in said
    assert re.search(r"Line 2, `step = learning_rate \* gradeint`, raises NameError: name 'gradeint'", said)

    said = answer(page, exercise, SLIP)
    assert "You step uphill: the gradient points to where the loss grows. Subtract it." in said

    said = answer(page, exercise, RIGHT)
    assert said.startswith("✓ Exercise 1.4, one step of gradient descent: correct")

    (table,) = run(page, cells.filter(has_text="exercises.progress()"))
    assert "Notebook 1: 1 of 5 exercises correct" in table
    assert re.search(r"✓ 1\.4 .* correct", table)
    assert table.count("not attempted") == 4
    assert page.faults == []
