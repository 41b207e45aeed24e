"""A class of 120 whose answers are known, collected: `make test-teaching`."""

import os
import time

import pytest
from class_of_learners import BROKEN, answers_of_a_class, notebook_with
from exercise_helpers import NOTEBOOKS, OF_NOTEBOOK
from test_collect import FIRST, collected, files_in, hand_in


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be copied here")
def test_of_a_mixed_class_of_120_every_cell_of_the_table_is_what_was_put_in(tmp_path):
    folder = tmp_path / "class"
    wanted = {}
    for (student, path), (sources, states) in answers_of_a_class(folder / "s000" / FIRST.name, 120, seed=0).items():
        hand_in(folder, f"s{student:03}/{path.name}", notebook_with(path, sources))
        wanted |= {(f"s{student:03}", path.stem, number): state for number, state in states.items()}
    for k, content in enumerate(BROKEN.values()):
        path = NOTEBOOKS[k % len(NOTEBOOKS)]
        hand_in(folder, f"broken{k}/{path.name}", content)
        wanted |= {(f"broken{k}", path.stem, one.number): ("unreadable", "") for one in OF_NOTEBOOK[path]}
    put_in = {(notebook, slip) for (_, notebook, _), (_, slip) in wanted.items() if slip}
    assert put_in == {(path.stem, slip.name) for path in NOTEBOOKS for one in OF_NOTEBOOK[path] for slip in one.slips}
    before = files_in(folder)
    start = time.monotonic()
    table = collected(folder, "--report", "report.html")
    print(f"{len(table)} answers in {time.monotonic() - start:.0f} seconds, with a load of {os.getloadavg()}")
    assert table == wanted
    assert files_in(folder) == before
