"""The course on other versions: `make test-versions`, or `nox --list` and `nox --session NAME`.

The workflow in .github/workflows/test.yml runs these sessions; a test holds the two together.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PYTHONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))  # those that the classifiers name
OLDEST, NEWEST = PYTHONS[0], PYTHONS[-1]
FILES = sorted(path.relative_to(ROOT) for path in ROOT.glob("cnnlab/**/*") if path.suffix in (".py", ".typed"))
MODULES = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in FILES if path.suffix == ".py"]

# Notebooks and test files that lean on each other stay together; two halves take the least time on two cores.
TEST = ("pytest", "--numprocesses=2", "--dist=loadscope")

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
def bare(session: nox.Session) -> None:
    """Run the notebooks without asserts and docstrings, and where nothing is UTF-8 that does not say so."""
    session.install("--requirement", "requirements.txt")
    session.install("--no-deps", "--editable", ".")
    plain = {"PYTHONOPTIMIZE": "2", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    session.run(*TEST, "notebooks", *session.posargs, env=plain)


@nox.session(python=NEWEST)
def colab(session: nox.Session) -> None:
    """Run the notebooks as Colab does: with its versions, cnnlab installed by their first cell."""
    session.run("python", "tools/colab.py", *session.posargs)


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """Build what an index would hold, and run each module's tests on it where the repository is out of sight."""
    session.install("build")
    folder = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "build", "--outdir", str(folder), silent=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    if held != {path.as_posix() for path in FILES}:
        session.error(f"the wheel and the folder cnnlab differ: {sorted(held ^ {path.as_posix() for path in FILES})}")

    session.install(str(built), "pytest", "pytest-xdist", "hypothesis")
    tests = [test for path in sorted(ROOT.glob("cnnlab/*.py")) for test in ROOT.glob(f"tests/*/test_{path.stem}.py")]
    session.chdir(folder)
    place = session.run("python", "-c", f"import {', '.join(MODULES)}; print(cnnlab.__file__)", silent=True).strip()
    if not Path(place).is_relative_to(session.virtualenv.location):
        session.error(f"what is tested is not the wheel: {place}")
    session.run(*TEST, "-c", os.devnull, f"--rootdir={folder}", *map(str, tests), *session.posargs)


def installed_wheel(session: nox.Session) -> None:
    """Install what `make test` does, but cnnlab as an index would give it: no trace of this folder."""
    session.install("--requirement", "requirements.txt")
    folder = session.create_tmp()
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ".")
    session.install("--no-deps", "--no-index", "--find-links", folder, "cnnlab")


@nox.session(python=NEWEST)
def audit(session: nox.Session) -> None:
    """Ask whether a library that `make test` installs has a known weakness."""
    installed_wheel(session)
    folder = session.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", silent=True).strip()
    session.run(sys.executable, "tools/audit.py", "--path", folder, *session.posargs, external=True)


@nox.session(python=NEWEST)
def sbom(session: nox.Session) -> None:
    """List what `make test` installs, with versions and licences: a software bill of materials, as CycloneDX has it."""
    installed_wheel(session)
    target = ROOT / "dist" / "sbom.cdx.json"
    target.parent.mkdir(exist_ok=True)
    options = ("--output-reproducible", "--validate", "--output-file", str(target))
    command = (sys.executable, "-m", "cyclonedx_py", "environment", *options, session.virtualenv.location)
    session.run(*command, external=True)
    (ours,) = (part for part in json.loads(target.read_bytes())["components"] if part["name"] == "cnnlab")
    session.log(f"wrote {target}: cnnlab {ours['version']}, {ours['licenses'][0]['license']['id']}, and its libraries")
