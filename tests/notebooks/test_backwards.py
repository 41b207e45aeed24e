"""Pages that can be read backwards: each cell, run again after all others, shows what it showed.

A cell that trains or draws random numbers does so from a state of its own making, and no later section takes a name
that an earlier one still needs.
"""

import contextlib
import io
import os
import pickle
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def shown_by(shell, source):
    """Run a cell and return what it shows: its printed text and the words of its results, or its error."""
    with capture_output() as captured:
        result = shell.run_cell(source)
    if error := result.error_before_exec or result.error_in_exec:
        return f"{type(error).__name__}: {error}"
    return [captured.stdout, *(output.data.get("text/plain", "") for output in captured.outputs)]


def in_a_copy(function, *arguments):
    """Call a function in a forked copy of this process, so that what it changes is forgotten."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException), open(writing, "wb") as pipe:
            pipe.write(pickle.dumps(function(*arguments)))
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(answer)  # noqa: S301  (what the copy itself wrote)


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the state of a page is copied by fork")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_run_again_from_the_end_shows_what_it_showed(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    shell = InteractiveShell()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    first = [shown_by(shell, source) for source in cells]
    different = []
    for number, (source, before) in enumerate(zip(cells, first, strict=True), start=1):
        again = in_a_copy(shown_by, shell, source)
        if again != before and ("NBVAL_IGNORE_OUTPUT" not in source or isinstance(again, str)):
            different.append(f"[{number}] {source[:60]!r}: first {str(before)[:200]}, again {str(again)[:200]}")
    assert not different, f"{len(different)} of {len(cells)} cells differ\n" + "\n".join(different)
