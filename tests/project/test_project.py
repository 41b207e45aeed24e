"""The set-up: dependencies, layers, start-up cost, links."""

import ast
import importlib
import os
import re
import statistics
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import links
import nbformat
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def listed_in(path):
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return {Requirement(line) for line in lines if line and not line.startswith("#")}


def in_pyproject():
    project = PYPROJECT["project"]
    return {Requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["course"]}


def in_environment():
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    return {Requirement(line.removeprefix("  - ")) for line in lines if re.match(r"  - \w[\w-]*>=", line)}


def test_all_three_files_name_the_same_packages_with_the_same_bounds():
    wanted = listed_in("requirements.txt")
    assert in_pyproject() == wanted
    assert in_environment() == wanted
    # Binder reads a version of Python only where exactly one is named.
    (python,) = re.findall(
        r"  - python=([\d.]+)$", (ROOT / "environment.yml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert f"Programming Language :: Python :: {python}" in PYPROJECT["project"]["classifiers"]


def test_every_package_has_a_lower_bound_and_nothing_else():
    for requirement in listed_in("requirements.txt"):
        assert [specifier.operator for specifier in requirement.specifier] == [">="], requirement


def test_bounds_admit_the_versions_of_colab():
    listed = listed_in("tools/colab.txt")
    colab = {one.name: exactly.version for one in listed for exactly in one.specifier if exactly.operator == "=="}
    for requirement in listed_in("requirements.txt"):
        if requirement.name in colab:
            assert colab[requirement.name] in requirement.specifier


def test_what_colab_installs_leaves_jupyter_alone():
    names = {Requirement(line).name for line in PYPROJECT["project"]["dependencies"]}
    course = {Requirement(line).name for line in PYPROJECT["project"]["optional-dependencies"]["course"]}
    assert not names & {"jupyterlab", "notebook", "ipykernel", *course}


OPERATIONS = ("activations", "convolution", "linear", "losses", "normalization", "pooling", "gradient_check")
BELOW = {"_checks", "_threads", "_im2col"}
# Each module, or folder of the course, and what it may import of the package; ever more from the bottom up.
MAY_IMPORT = {
    "_checks": set(),
    "_threads": set(),
    "_im2col": {"_checks"},
    **{module: BELOW for module in OPERATIONS},
    "losses": {*BELOW, "activations"},
    "layers": {*BELOW, *OPERATIONS},
    "_criteria": {*BELOW, *OPERATIONS},
    "_engine": {"_threads", "layers"},
    "networks": {"_checks", "_criteria", "_engine", "layers"},
    "training": {"_checks"},
    "datasets": {"_checks"},
    "__init__": {*OPERATIONS, "layers", "networks", "training"},
    "course": set(),
    "course.plots": {"_checks", "course.plots", *OPERATIONS},
    "course.exercises": {*OPERATIONS, "course.exercises"},
    "course.widgets": {"_checks", *OPERATIONS, "networks", "training", "datasets", "course.plots", "course.widgets"},
}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == "cnnlab":
                yield from (f"cnnlab.{alias.name}" for alias in node.names)
            elif node.module == "cnnlab.course":
                yield from (f"cnnlab.course.{alias.name}" for alias in node.names)
            else:
                yield node.module


def modules():
    return sorted((ROOT / "cnnlab").glob("**/*.py"))


def place_of(name):
    """Name the module, or the folder of the course, that a name such as `cnnlab.course.plots.short` belongs to."""
    parts = name.split(".")[1:]
    return ".".join(parts[:2] if parts[0] == "course" else parts[:1])


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down_only(path):
    ours = {place_of(name) for name in imports_of(path) if name.startswith("cnnlab.")}
    parts = path.relative_to(ROOT / "cnnlab").with_suffix("").parts
    assert ours <= MAY_IMPORT[".".join(parts[:-1]) or parts[0]]


@pytest.mark.parametrize("module", OPERATIONS)
def test_the_ground_floor_needs_numpy_alone(module):
    others = {name.split(".")[0] for name in imports_of(ROOT / "cnnlab" / f"{module}.py")} - {"cnnlab"}
    assert others - sys.stdlib_module_names == {"numpy"}


def run_python(code, **environment):
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, cwd=ROOT, check=True)
    return result.stdout.strip()


def test_import_cnnlab_loads_neither_pictures_nor_widgets_nor_data():
    heavy = (
        "{'matplotlib', 'ipywidgets', 'IPython', 'pooch', 'sklearn', 'mlxtend', 'scipy', 'pandas', 'tqdm', 'requests'}"
    )
    assert run_python(f"import sys, cnnlab; print(sorted({heavy} & set(sys.modules)))") == "[]"


def test_import_cnnlab_brings_in_the_operations_under_one_roof_and_all_modules():
    names = run_python("import cnnlab; print(*sorted(n for n in vars(cnnlab) if not n.startswith('_')))").split()
    operations = {name for module in OPERATIONS for name in importlib.import_module(f"cnnlab.{module}").__all__}
    results = {name for name in operations if name[0].isupper()}  # named tuples and the like
    assert set(names) >= {*OPERATIONS, *(operations - results), "layers", "networks", "training"}


@pytest.mark.thorough
def test_import_cnnlab_costs_little_more_than_import_numpy(tmp_path):
    # Compiled once, as an installed package is, whatever the machine's settings and the state of its folders.
    compiled = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    # Both in one process, one after the other, so that a busy machine slows both alike.
    clock = (
        "from time import perf_counter as c; a = c(); import numpy; b = c(); import cnnlab; print((c() - a) / (b - a))"
    )
    run_python(clock, **compiled)
    assert statistics.median(float(run_python(clock, **compiled)) for _ in range(15)) <= 1.6  # 1.1 on a quiet machine


@pytest.mark.parametrize("path", links.NOTEBOOKS, ids=lambda path: path.stem)
def test_colab_link_and_setup_cell_hold_the_address_in_pyproject(path):
    address = links.repository_address()
    first, setup = nbformat.read(path, as_version=4).cells[:2]
    assert first.source.split("\n")[0] == links.colab_link(address, path.name)
    assert setup.source == links.SETUP_CELL.format(address=address)


def test_the_readme_links_to_the_address_in_pyproject_and_leads_to_files_wherever_it_is_shown():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not re.search(r"\]\((?!https://)", readme)  # would lead nowhere on PyPI
    addresses = dict(re.findall(r"^\[([\w ]+)\]: (\S+)$", readme, re.MULTILINE))
    assert set(re.findall(r"\]\[([\w ]+)\]", readme)) == set(addresses)
    assert addresses.pop("site") == links.site_address(links.repository_address())
    project = links.repository_address().removeprefix(links.GITHUB)
    hosts = rf"{links.GITHUB}{project}/blob|https://raw\.githubusercontent\.com/{project}|{links.COLAB}{project}/blob"
    for address in addresses.values():
        assert (ROOT / re.fullmatch(rf"(?:{hosts})/main/(.+)", address)[1]).is_file(), address
    on_colab = [address for address in addresses.values() if address.startswith(links.COLAB)]
    assert [address.rpartition("/")[2] for address in on_colab] == [path.name for path in links.NOTEBOOKS]


def copy_of_what_links_writes(folder):
    more = ("CITATION.cff", "CHANGELOG.md", ".github/ISSUE_TEMPLATE/config.yml", "docs/teaching/hub.md")
    for name in ("pyproject.toml", "README.md", "tools", "notebooks", *more):
        source = ROOT / name
        files = [source] if source.is_file() else [file for file in source.iterdir() if file.is_file()]
        for file in files:
            target = folder / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())


def test_the_readme_gives_the_minutes_that_each_page_gives():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in links.NOTEBOOKS:
        first = nbformat.read(path, as_version=4).cells[0].source
        minutes = re.search(r"About ([0-9]+) minutes", first)[1]
        assert re.search(rf"^\| {int(path.name[:2])} \|.*\| {minutes} \|", readme, re.MULTILINE)


@pytest.mark.thorough
def test_make_links_writes_the_address_of_origin_everywhere(tmp_path):
    copy_of_what_links_writes(tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    remote = "git@github.com:somebody/a-fork.git"
    subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    subprocess.run([sys.executable, tmp_path / "tools" / "links.py"], check=True, capture_output=True)
    old = links.repository_address().removeprefix("https://")
    written = ("CITATION.cff", "CHANGELOG.md", ".github/ISSUE_TEMPLATE/config.yml", "docs/teaching/hub.md")
    for file in ("pyproject.toml", "README.md", *written, *(f"notebooks/{path.name}" for path in links.NOTEBOOKS)):
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert "github.com/somebody/a-fork" in text or "github/somebody/a-fork" in text, file
        assert old not in text, file
        assert old.removeprefix("github.com/") + "/blob" not in text, file


@pytest.mark.thorough
def test_the_setup_cell_installs_from_a_folder_where_the_package_is_missing(tmp_path):
    """What Colab does, with CNNLAB_SOURCE in place of the repository's address."""
    venv.create(tmp_path / "fresh", with_pip=True, symlinks=os.name != "nt")
    python = tmp_path / "fresh" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # The fresh environment sees the libraries of this one (as Colab has them), but not an editable cnnlab.
    code = f"import sys\nsys.path.append({sysconfig.get_path('purelib')!r})\n"
    code += links.SETUP_CELL.format(address=links.repository_address()) + "\nimport cnnlab\nprint(cnnlab.__file__)"
    (tmp_path / "cnnlab" / "notebooks").mkdir(parents=True)  # as `git clone` leaves it beside the page
    environment = os.environ | {"CNNLAB_SOURCE": str(ROOT), "PIP_NO_DEPS": "1"}
    environment.pop("PYTHONPATH", None)
    result = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path)
    if "No matching distribution found for flit_core" in result.stderr:
        pytest.skip("pip cannot fetch the build tool flit_core: no package index can be reached")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert Path(result.stdout.splitlines()[-1]).is_relative_to(tmp_path / "fresh")


def test_a_failed_installation_stops_the_setup_cell(tmp_path):
    setup = links.SETUP_CELL.format(address=links.repository_address())
    code = "import sys\nsys.modules['cnnlab'] = None\n" + setup
    environment = os.environ | {"CNNLAB_SOURCE": str(tmp_path / "nowhere")}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert "RuntimeError: cnnlab not installed" in result.stderr


def test_the_setup_cell_names_a_file_that_hides_the_package(tmp_path):
    own = tmp_path / "cnnlab.py"
    own.write_text("my_first_network = 1\n", encoding="utf-8")
    setup = links.SETUP_CELL.format(address=links.repository_address())
    result = subprocess.run([sys.executable, "-c", setup], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1
    assert f"ImportError: rename {own}: it hides cnnlab" in result.stderr


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@github.com:someone/course.git\n", "https://github.com/someone/course"),
        ("https://github.com/someone/course.git", "https://github.com/someone/course"),
        ("https://github.com/someone/course/", "https://github.com/someone/course"),
        ("ssh://git@github.com/someone/course.git", "https://github.com/someone/course"),
    ],
)
def test_any_form_of_remote_becomes_a_web_address(remote, address):
    assert links.web_address(remote) == address


def test_the_readme_leads_to_the_site_and_names_both_commands_before_anything_else():
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").split("## ")[0]
    assert re.match(r"# cnnlab\n\n\*\*\[.+\]\[site\]\.\*\*", first_screen)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("lab", "test"):
        assert f"make {target}" in first_screen
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert "Windows" in first_screen
    assert "Colab" in first_screen
