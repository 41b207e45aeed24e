"""The assignments that are made of the notebooks; tests/teaching tries them in nbgrader and Otter."""

import nbformat
import pytest
from exercise_helpers import OF_NOTEBOOK, every_notebook, words_of

from cnnlab.course.exercises import __main__ as command
from cnnlab.course.exercises import _assignment


@every_notebook
@pytest.mark.parametrize("tool", _assignment.TOOLS)
def test_an_assignment_holds_each_exercise_with_its_text_its_solution_and_a_test(path, tool, tmp_path):
    made = _assignment.write(path, tool, tmp_path)
    notebook = nbformat.read(made, as_version=4)
    nbformat.validate(notebook)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "<details>" not in text
    places = []
    for exercise in OF_NOTEBOOK[path]:
        assert f"### Exercise {exercise.number}: " in text
        places += [
            text.index(f"Exercise {exercise.number}"),
            text.index(f"ex.{exercise.name}.require({exercise.name})"),
        ]
        (answer,) = [cell.source for cell in notebook.cells if f"ex.{exercise.name}.check(" in cell.source]
        begin, end = answer.index("# BEGIN SOLUTION"), answer.index("# END SOLUTION")
        assert exercise.solution_source.split("\n", 1)[1] in answer[begin:end]
        assert exercise.solution_source.split("\n", 1)[1] not in answer[:begin] + answer[end:]
    assert places == sorted(places)


def test_a_teachers_own_settings_are_left_alone(tmp_path):
    path = next(iter(OF_NOTEBOOK))
    said = words_of(command.main, ["assignment", str(path), "--for", "nbgrader", "-o", str(tmp_path)])
    assert said == f"{tmp_path / 'source' / path.stem / path.name}\n"
    settings = tmp_path / "nbgrader_config.py"
    assert "code_stub" in settings.read_text(encoding="utf-8")
    settings.write_text("# mine", encoding="utf-8")
    _assignment.write(path, "nbgrader", tmp_path)
    assert settings.read_text(encoding="utf-8") == "# mine"


def test_only_notebooks_of_the_course_are_taken(tmp_path):
    with pytest.raises(SystemExit, match=r"other.ipynb is no notebook of the course, which has 01_filter_update, 02"):
        _assignment.write(tmp_path / "other.ipynb", "otter", tmp_path)
