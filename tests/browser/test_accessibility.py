"""The search for violations finds some, and the page for the teacher has none."""

import pytest
from browser.accessibility import violations

from cnnlab.course.exercises import _report
from cnnlab.course.exercises._collect import Answer

# An answer of each state, one with lines too long for a phone.
ANSWERS = [
    Answer("Ada", "01_filter_update", "1.1", "correct"),
    Answer("Ada", "01_filter_update", "1.2", "not yet", "", f"def loss(output, target):\n    return {'1 + ' * 60}1"),
    Answer("Ada", "01_filter_update", "1.3", "out of time"),
    Answer("Li", "01_filter_update", "1.4", "crashed"),
    Answer("Li", "01_filter_update", "1.5", "not attempted"),
    Answer("Li", "my cats", "", "unreadable"),
]


def test_a_violation_is_found_also_where_it_is_folded(chromium):
    page = chromium.new_page()
    page.set_content(
        "<html lang=en><title>a page</title><img src=x><details><summary>open</summary><p style='color: #999'>pale"
    )
    report = violations(page)
    assert "image-alt" in report
    assert "color-contrast" in report
    page.close()


@pytest.mark.parametrize("width", [390, 1400])
def test_the_page_for_the_teacher_can_be_read_by_everybody(chromium, width):
    page = chromium.new_page(viewport={"width": width, "height": 1000})
    page.set_content(_report.page(ANSWERS))
    assert violations(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
