"""The page for the teacher: its counts, its examples, that it holds no names, and that everybody can read it."""

import re
from html.parser import HTMLParser

from boards import contrast
from exercise_helpers import OF_NOTEBOOK
from matplotlib.colors import to_hex, to_rgb

from cnnlab.course.exercises import _report
from cnnlab.course.exercises import filter_update as ex
from cnnlab.course.exercises._collect import Answer
from cnnlab.course.plots import _style as style

SLIP = ex.update.slips[0]
CODE = "def update(weights, gradient, learning_rate):\n    # by Zoë <b>\n    return 'Berg' if weights < 0 else 0"
ANSWERS = [
    *(Answer("Zoë Berg", "01_filter_update", f"1.{k}", "correct") for k in (1, 2, 3)),
    Answer("Zoë Berg", "01_filter_update", "1.4", "not yet", SLIP.name, CODE),
    Answer("<script>alert(1)</script>", "01_filter_update", "1.4", "not yet", SLIP.name, CODE + "\n" + CODE),
    Answer("Li", "01_filter_update", "1.4", "out of time"),
    Answer("Li", "01_filter_update", "1.5", "not attempted"),
    Answer("Li", "02_padding_and_convolution", "2.1", "crashed"),
    Answer("Li", "02_padding_and_convolution", "2.2", "not yet", "", "def map_size(): return 7"),
    Answer("Quincy", "my cats", "", "unreadable"),
]


class Reader(HTMLParser):
    """The tables of a page as lists of texts, what is in pictures, and every element with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.tables, self.elements, self.open = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in ("meta", "rect"):
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data


def test_the_tables_count_what_was_handed_in():
    first, *slips, second, other, students = Reader(_report.page(ANSWERS)).tables
    assert first[0] == ["exercise", "correct", "not yet", "out of time", "not attempted"]
    assert first[1] == ["1.1 a 2×2 filter on an image of any size", "1", "0", "0", "0"]
    assert first[4] == ["1.4 one step of gradient descent", "0", "2", "1", "0"]
    (wrong,) = slips
    assert wrong[1] == ["2", SLIP.name, f"{SLIP.sentence}an example{CODE}"]  # the shorter code
    assert second[0] == ["exercise", "not yet", "crashed"]
    assert other[1] == ["1", "", "Wrong in another way.an exampledef map_size(): return 7"]
    numbers = [exercise.number for exercises in OF_NOTEBOOK.values() for exercise in exercises]
    assert students[0] == ["student", "correct", *numbers]
    rows = {row[0]: row[1:] for row in students[1:]}
    assert list(rows) == ["<script>alert(1)</script>", "Li", "Quincy", "Zoë Berg"]
    assert rows["Zoë Berg"][:6] == ["3", "✓correct", "✓correct", "✓correct", "✗not yet", "not handed in"]


def test_a_file_that_is_no_notebook_of_the_course_is_named():
    assert "<p>Files that are no notebook of the course: 1: Quincy: my cats.ipynb.</p>" in _report.page(ANSWERS)
    assert "<p>Files that are no notebook of the course: 1.</p>" in _report.page(ANSWERS, anonymous=True)


def test_texts_are_escaped_and_nothing_is_fetched():
    page = _report.page(ANSWERS)
    assert "<script" not in page
    assert "<b>" not in page
    assert not re.search(r"https?:|src=|href=|url\(", page)


def test_without_names_none_is_left_and_the_order_does_not_tell():
    page = _report.page(ANSWERS, anonymous=True)
    assert not re.search("Zoë|Berg|Li|alert|Quincy|cats", page)
    students = Reader(page).tables[-1]
    assert [row[:2] for row in students[1:]] == [["student 1", "3"], *(["student " + k, "0"] for k in "234")]
    assert "return &#x27;…&#x27; if weights &lt; 0 else 0" in page
    for code in ("zoë = 1", "of_zoë = 1", "zoës = bergs", "no python ("):
        assert _report._shown(code, {"zoë", "berg"}) == ""
    assert _report._shown("line = 1", {"li"}) == "line = 1"


def test_everybody_can_read_it():
    elements = Reader(_report.page(ANSWERS)).elements
    assert ("html", {"lang": "en"}) in elements
    assert [tag for tag, _ in elements if tag in ("h1", "h2")] == ["h1", "h2", "h2", "h2"]
    assert all(attributes.get("scope") in ("row", "col") for tag, attributes in elements if tag == "th")
    pictures = [attributes for tag, attributes in elements if tag == "svg"]
    assert [picture["role"] for picture in pictures] == ["img", "img"]
    assert "1.4: 2 not yet, 1 out of time; 1.5: 1 not attempted." in pictures[0]["aria-label"]
    assert len([tag for tag, _ in elements if tag == "caption"]) == len([tag for tag, _ in elements if tag == "table"])


def test_its_colours_are_those_of_the_course_s_pictures():
    scales = [style.colours_of(style.SIGNED).resampled(11), style.colours_of(style.PIXELS)]
    in_pictures = {to_hex(scale(k)) for scale in scales for k in range(scale.N)}
    assert {colour for _, colour, _ in _report.STATES.values()} <= in_pictures


def test_letters_stand_out_from_their_bars():
    """By the rule of the Web Content Accessibility Guidelines: 4.5 times as much light."""
    for _, colour, letters in _report.STATES.values():
        assert contrast(to_rgb(letters), to_rgb(colour)) >= 4.5
