"""Nothing here runs what it was not written to run. Ruff's rules S say most of it; here is what they do not see."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from cnnlab import datasets
from cnnlab.course.exercises._source import compiled

ROOT = Path(__file__).resolve().parents[2]

CODE = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("cnnlab", "tools", "benchmarks")
    for path in sorted((ROOT / folder).glob("**/*.py"))
}
PACKAGE = [name for name in CODE if name.startswith("cnnlab/")]
PAGES = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
for page in PAGES:
    cells = [cell.source for cell in nbformat.read(ROOT / page, as_version=4).cells if cell.cell_type == "code"]
    CODE[page] = "\n".join(cells[1:])  # the first, which installs cnnlab on Colab, is the same everywhere
every_code = pytest.mark.parametrize("name", CODE)

STARTS_PROGRAMS = {"subprocess", "multiprocessing", "pty", "code", "runpy", "webbrowser"}
BRINGS_BACK_OBJECTS = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
DOWNLOADS = {"requests", "urllib3", "http", "ftplib", "socket", "ssl", "aiohttp", "httpx", "pooch"}
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}


def imports(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


def calls(code):
    """Every call as (what is called, the names of its keyword arguments)."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {keyword.arg for keyword in node.keywords}


def brings_back_objects(code):
    return bool(BRINGS_BACK_OBJECTS & set(imports(code))) or any(
        function in ("np.load", "torch.load", "pd.read_pickle") or "allow_pickle" in given
        for function, given in calls(code)
    )


def starts_programs(code):
    return bool(STARTS_PROGRAMS & set(imports(code))) or any(
        re.match(r"os\.(system|popen|exec|spawn|posix_spawn|fork)", function) for function, _ in calls(code)
    )


def runs_text(code):
    return bool(RUNS_TEXT & {function for function, _ in calls(code)})


@every_code
def test_no_objects_are_brought_back_from_files(name):
    assert not brings_back_objects(CODE[name])


# What a teacher starts to collect the work of a class: a program for each answer, which runs what strangers wrote.
COLLECTS = ["cnnlab/course/exercises/_collect.py", "cnnlab/course/exercises/_sandbox.py"]


@pytest.mark.parametrize("name", [*PACKAGE, *PAGES])
def test_neither_the_package_nor_a_page_starts_a_program_but_to_collect_the_work_of_a_class(name):
    assert starts_programs(CODE[name]) == (name in COLLECTS)


@pytest.mark.parametrize("name", [*PACKAGE, *PAGES])
def test_text_is_compiled_in_one_place_alone_and_run_in_one(name):
    assert runs_text(CODE[name]) == (name in ("cnnlab/course/exercises/_source.py", COLLECTS[1]))


def test_no_page_and_no_module_beside_those_for_teachers_loads_what_collects():
    loads = [
        name for name in [*PACKAGE, *PAGES] if re.search(r"import .*_collect|\b_(collect|sandbox) import", CODE[name])
    ]
    assert [name.split("/")[-1] for name in loads] == ["__main__.py", "_assignment.py", "_collect.py", "_report.py"]


def test_what_is_compiled_there_is_not_run(capsys):
    assert compiled("print('run')\ndef answer(x=print('run')): return x").co_name == "answer"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", [*CODE, "README.md", "CONTRIBUTING.md"])
def test_every_address_is_https(name):
    assert "http://" not in (ROOT / name).read_text(encoding="utf-8")


def test_one_module_downloads_and_has_a_checksum_of_everything():
    assert [name for name in PACKAGE if DOWNLOADS & set(imports(CODE[name]))] == ["cnnlab/datasets.py"]
    for *_, sha256 in datasets.MNIST_FILES.values():
        assert re.fullmatch("[0-9a-f]{64}", sha256)
    assert all(mirror.startswith("https://") for mirror in datasets.MNIST_MIRRORS)
