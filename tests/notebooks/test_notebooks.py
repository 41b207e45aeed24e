"""What every notebook keeps to, and that a notebook can fail."""

import html
import os
import re
import shutil
import statistics
import subprocess
import sys
import unicodedata
from pathlib import Path

import nbformat
import pytest
from nbconvert import PythonExporter

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [
    "01_filter_update",
    "02_padding_and_convolution",
    "03_single_filter_cnn",
    "04_mnist_binary",
    "05_two_class_softmax",
]
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def code(path):
    return [cell.source for cell in cells(path, "code")]


def prose(path):
    """The words of a notebook, without formulas, code, addresses and pictures."""
    text = "\n".join(cell.source for cell in cells(path, "markdown"))
    for pattern in (r"```.*?```", r"\$\$.*?\$\$", r"\$[^$]*\$", r"`[^`]*`", r"!\[", r"\]\([^)]*\)", r"<[^>]*>"):
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    return text


def outputs(path):
    return [output for cell in cells(path, "code") for output in cell.outputs]


def test_the_five_notebooks_are_there():
    assert [path.stem for path in NOTEBOOKS] == NAMES


@every_notebook
def test_it_was_run_once_from_top_to_bottom(path):
    counts = [cell.execution_count for cell in cells(path, "code")]
    assert counts == list(range(1, len(counts) + 1))


@every_notebook
def test_it_stores_no_error_and_nothing_on_stderr(path):
    assert not [output for output in outputs(path) if output.output_type == "error" or output.get("name") == "stderr"]


@every_notebook
def test_it_is_for_the_plain_python_kernel(path):
    metadata = nbformat.read(path, as_version=4).metadata
    assert metadata.kernelspec == {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    assert metadata.language_info == {"name": "python", "file_extension": ".py"}


@every_notebook
def test_it_opens_with_what_you_will_do_learn_and_need_and_the_time_it_takes(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    assert re.search(r"^# \w+", first, re.MULTILINE), "a title"
    headings = re.findall(r"\*\*(What you .*?)\*\*", first)
    assert headings == ["What you will do", "What you will learn", "What you need"]
    assert re.search(r"\b\d+ minutes", first)


@every_notebook
def test_it_closes_with_exercises_what_comes_next_and_references(path):
    text = "\n".join(cell.source for cell in cells(path, "markdown"))
    own, following, references = (text.find(words) for words in ("On your own", "What comes next", "**References**"))
    assert 0 < own < following < references
    assert "<summary>Answers</summary>" in text


@every_notebook
def test_code_cells_are_short(path):
    lengths = [sum(bool(line.strip()) for line in source.splitlines()) for source in code(path)]
    assert statistics.median(lengths) <= 4
    assert max(lengths) <= 25


@every_notebook
def test_code_keeps_to_what_nbval_can_compare(path):
    for source in code(path):
        assert not re.search(r"^\s*[%!]", source, re.MULTILINE), "a magic"
        assert not re.search(r";\s*$", source, re.MULTILINE), "a trailing semicolon, which is not honoured"
        assert not re.search(r"\b(interact|interactive|interactive_output|Output)\(", source), "a forbidden widget"
        assert "filterwarnings" not in source, "a hidden warning"


@every_notebook
def test_only_a_progress_bar_or_a_time_may_differ_from_run_to_run(path):
    sources = code(path)
    for k, source in enumerate(sources):
        if "NBVAL_IGNORE_OUTPUT" in source:
            assert source.startswith("# NBVAL_IGNORE_OUTPUT")
            assert re.search("progress=True|perf_counter|timeit", source)
            assert k + 1 < len(sources), "a compared cell follows"
            assert "NBVAL_IGNORE_OUTPUT" not in sources[k + 1]
    assert not any("NBVAL_SKIP" in source or "raises-exception" in source for source in sources)


@every_notebook
def test_outputs_are_words_or_pictures_and_need_no_kernel_to_be_read(path):
    allowed = {"text/plain", "text/html"}
    for output in outputs(path):
        assert output.output_type in ("stream", "display_data", "execute_result")
        assert set(output.get("data", {})) <= allowed


@every_notebook
def test_every_picture_says_in_words_what_it_shows(path):
    pictures = [output.data for output in outputs(path) if "text/html" in output.get("data", {})]
    assert len(pictures) >= 5
    for picture in pictures:
        words = picture["text/plain"]
        assert picture["text/html"].startswith(f'<img alt="{html.escape(words)}" ')
        assert len(words.split()) >= 8


@every_notebook
def test_sliders_follow_a_picture_of_their_start_and_questions_to_answer_first(path):
    everything = nbformat.read(path, as_version=4).cells
    boards = [k for k, cell in enumerate(everything) if cell.source.startswith("display(")]
    assert boards
    for k in boards:
        name = re.fullmatch(r"display\((\w+)\)", everything[k].source)[1]
        shown = [cell.source for cell in everything[:k] if f"plots.show(\n    {name}.figure," in cell.source]
        assert shown, f"a picture of {name} at its start"
        assert everything[k - 1].cell_type == "markdown"
        assert "?" in everything[k - 1].source
        (output,) = everything[k].outputs
        assert output.data["text/plain"].startswith("Sliders at their start. ")


@every_notebook
def test_prose_has_no_exclamation_marks_and_no_emoji(path):
    text = prose(path)
    assert "!" not in text
    assert not [sign for sign in text if unicodedata.category(sign) == "So" and sign != "°"]


@every_notebook
def test_it_checks_gradients(path):
    assert sum("check_gradient(" in source for source in code(path)) >= 2


@every_notebook
def test_it_names_no_place_on_anyones_machine(path):
    assert not re.search(r"/(home|root|tmp|work|Users)/", path.read_text(encoding="utf-8"))


@every_notebook
def test_links_to_other_notebooks_lead_somewhere(path):
    text = "\n".join(cell.source for cell in cells(path, "markdown"))
    for name in re.findall(r"\]\(([\w./]+\.ipynb)\)", text):
        assert (path.parent / name).is_file()


def test_notebooks_are_compared_strictly():
    options = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"--nbval",' in options
    assert "lax" not in options


@pytest.mark.thorough
@every_notebook
def test_it_runs_as_a_script_in_plain_python_and_prints_words_for_its_pictures(path, tmp_path):
    script, _ = PythonExporter().from_filename(path)
    (tmp_path / "page.py").write_text(script, encoding="utf-8")
    result = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "base64" not in result.stdout
    first_picture = next(output.data["text/plain"] for output in outputs(path) if "text/html" in output.get("data", {}))
    assert first_picture in result.stdout


@pytest.mark.thorough
@every_notebook
def test_a_turned_kernel_makes_it_fail(path, tmp_path):
    """Convolution instead of correlation: the classic slip, planted in a copy of the package."""
    shutil.copytree(ROOT / "cnnlab", tmp_path / "cnnlab", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(path, tmp_path)
    module = tmp_path / "cnnlab" / "convolution.py"
    right, turned = "matrix = kernels.reshape(", "matrix = kernels[..., ::-1, ::-1].reshape("
    source = module.read_text(encoding="utf-8")
    assert source.count(right) == 1
    module.write_text(source.replace(right, turned), encoding="utf-8")

    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-current-env",
        f"--nbval-sanitize-with={ROOT / 'tests' / 'notebooks' / 'pictures.cfg'}",
        "-x",
        "-p",
        "no:cacheprovider",
        path.name,
    ]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    # Stopped at a cell whose output differed, after cells that passed: not at an import or a missing file.
    passed = re.search(r"1 failed, (\d+) passed", result.stdout)
    assert passed, result.stdout
    assert int(passed[1]) >= 3
    assert "mismatch" in result.stdout
