"""The runs under other surroundings: that they find what differs, and the fast part of them."""

import base64
from pathlib import Path

import nbformat
import numpy as np
import pytest
import repeat

from cnnlab.course import plots

ROOT = Path(__file__).resolve().parents[2]


def test_the_first_and_the_last_notebook_say_the_same_under_many_surroundings_at_once():
    outcome = repeat.run(repeat.MANY_AT_ONCE, ["01", "05"])
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert outcome.differing == {}


def test_a_changed_word_a_changed_picture_and_an_error_are_found():
    def cell(source, *outputs):
        return nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=1)

    def words(text):
        return nbformat.v4.new_output("stream", name="stdout", text=text)

    def picture(rows):
        data = {"image/png": base64.b64encode(plots.png(plots.image(rows))).decode(), "text/plain": "a map"}
        return nbformat.v4.new_output("display_data", data=data)

    start = "import numpy as np\nfrom cnnlab.course import plots\n"
    cells = [
        cell(start + "print(1)", words("1\n")),
        cell("print(0.1 + 0.2)", words("0.3\n")),
        cell('plots.show(plots.image(np.eye(3)), alt="a map")', picture(np.eye(3))),
        cell('plots.show(plots.image(np.eye(3)), alt="a map")', picture(np.eye(3)[::-1])),
        cell("1 / 0"),
    ]

    def small_course(place):
        repeat.copied_to("course")(place)
        nbformat.write(nbformat.v4.new_notebook(cells=cells), place.course / "notebooks" / "01_filter_update.ipynb")

    outcome = repeat.run(repeat.Surroundings("here", small_course), ["01"])
    assert [text.split(":")[0] for text in outcome.differing["01"]] == ["Cell 1", "Cell 3", "Cell 4"]
    assert "0.30000000000000004" in outcome.differing["01"][0]
    assert "a picture differs" in outcome.differing["01"][1]
    assert "ZeroDivisionError" in outcome.differing["01"][2]


def test_surroundings_that_do_not_take_effect_are_skipped_and_say_so():
    ignored = repeat.Surroundings("another processor", repeat.variables(CNNLAB="x"), "os.environ['CNNLAB']", "y")
    assert repeat.run(ignored) == ("os.environ['CNNLAB'] is 'x' all the same", {})


def test_a_notebook_that_was_not_run_counts_as_different(tmp_path):
    assert repeat.cells_that_differ(tmp_path / "report.xml", ["01"], "killed") == {"01": ["was not run: killed"]}
