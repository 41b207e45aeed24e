"""Run the course many times and under many surroundings: `python tools/repeat.py [--times N] [--only NAME]`.

Every run compares every cell of every notebook with what is stored, as `make test` does, and every picture too. Two
runs go side by side. A table says what gave the stored output; below it stand the cells that did not.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Generator, NamedTuple, Sequence

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = [path.name[:2] for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
SIDE_BY_SIDE = 2


class Skipped(Exception):
    """Such surroundings cannot be had on this machine; the text says what is missing."""


@dataclass
class Place:
    """Where and how a run takes place, until the surroundings change something of it."""

    scratch: Path  # a folder for this run alone
    course: Path = ROOT  # holds notebooks/ and cnnlab/
    start: Path = ROOT  # where pytest is started
    prefix: list[str] = field(default_factory=list)  # stands before the command
    plugins: list[str] = field(default_factory=lambda: ["-p", "repeat"])  # this file
    variables: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run Python here."""
        # The package of this folder, and this file as pytest's plugin; kernels inherit it.
        path = os.pathsep.join([str(self.course), str(self.course / "tools")])
        return subprocess.run(
            [*self.prefix, sys.executable, *arguments],
            cwd=self.start,
            env=self.variables | {"PYTHONPATH": path},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )

    def value(self, expression: str) -> str:
        """Say what an expression is worth here."""
        code = f"import locale, os, sys, time, numpy as np, threadpoolctl; print(ascii({expression}))"
        result = self.run("-P", "-c", code)  # not from the folder it is started in, as a kernel does
        return result.stdout.strip() or result.stderr.strip().rpartition("\n")[2]


class Surroundings(NamedTuple):
    """What a run changes, and how one sees that it was really so."""

    name: str
    change: Callable[[Place], None]
    proof: str = "True"  # an expression, evaluated there ...
    wanted: object = True  # ... and what it must be worth; else the surroundings count as skipped


# What may be changed


def variables(**values: str | None) -> Callable[[Place], None]:
    """Set environment variables; None removes one, and {scratch} stands for the run's own folder."""

    def change(place: Place) -> None:
        for name, value in values.items():
            if value is None:
                place.variables.pop(name, None)
            else:
                place.variables[name] = value.format(scratch=place.scratch)

    return change


def all_of(*changes: Callable[[Place], None]) -> Callable[[Place], None]:
    """Make several changes."""

    def change(place: Place) -> None:
        for one in changes:
            one(place)

    return change


def started_in(folder: str) -> Callable[[Place], None]:
    """Start pytest in another folder, seen from the course's."""
    return lambda place: setattr(place, "start", place.course / folder)


def kernel_begins_with(code: str) -> Callable[[Place], None]:
    """Give IPython a start-up file, as a user may have one."""

    def change(place: Place) -> None:
        folder = place.scratch / "ipython" / "profile_default" / "startup"
        folder.mkdir(parents=True)
        (folder / "start.py").write_text(code, encoding="utf-8")
        place.variables["IPYTHONDIR"] = str(place.scratch / "ipython")

    return change


def speaking(name: str) -> Callable[[Place], None]:
    """Take a locale, made for the run where it is missing; the kernel calls `setlocale`, as some libraries do."""

    def change(place: Place) -> None:
        place.variables["LC_ALL"] = name
        try:
            known = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=True).stdout
            if name.lower().replace("-", "") not in known.lower().replace("-", "").split():
                language, _, charset = name.partition(".")
                folder = place.scratch / "locales"
                folder.mkdir()
                command = ["localedef", "-i", language, "-f", charset, folder / name]
                subprocess.run(command, capture_output=True, check=True)
                place.variables["LOCPATH"] = str(folder)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Skipped(f"there is no locale {name}, and none could be made: {error}") from None

    return all_of(change, kernel_begins_with("import locale\nlocale.setlocale(locale.LC_ALL, '')"))


def copied_to(name: str) -> Callable[[Place], None]:
    """Run a copy of the course that lies in a folder of this name."""

    def change(place: Place) -> None:
        place.course = place.start = place.scratch / name
        for part in ("notebooks", "cnnlab", "tools"):
            shutil.copytree(ROOT / part, place.course / part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        shutil.copy(ROOT / "pyproject.toml", place.course)
        (place.course / "notebooks" / ".env").write_text("OMP_NUM_THREADS=many\nMPLBACKEND=none\n", encoding="utf-8")

    return change


def read_only(place: Place) -> None:
    """Take the right to write from a copy of the course, and from root the power to write all the same."""
    copied_to("course")(place)
    for path in (place.course, *place.course.glob("**/*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            raise Skipped("root may write anywhere, and there is no setpriv to give that up")
        place.prefix = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]


def matplotlibrc(text: str) -> Callable[[Place], None]:
    """Give matplotlib the settings of somebody who likes other pictures: only the words are compared."""

    def change(place: Place) -> None:
        (place.scratch / "matplotlibrc").write_text(text, encoding="utf-8")
        place.variables["MPLCONFIGDIR"] = str(place.scratch)
        place.plugins = []

    return change


def without(name: str, features: list[str]) -> Surroundings:
    """Switch off what NumPy would choose at run time, by the names that this NumPy has for it."""

    def change(place: Place) -> None:
        if not features:
            raise Skipped("this processor or this NumPy has none")
        place.variables["NPY_DISABLE_CPU_FEATURES"] = " ".join(features)

    proof = f"any(np._core._multiarray_umath.__cpu_features__[name] for name in {features})"
    return Surroundings(f"NumPy without {name}", change, proof, False)


def blas(architecture: str, known_as: str | None = None) -> Surroundings:
    """Let OpenBLAS take the kernels for another processor, which it may know by another name."""
    change = variables(OPENBLAS_CORETYPE=architecture)
    proof = "threadpoolctl.threadpool_info()[0]['architecture']"
    return Surroundings(f"OpenBLAS for {architecture}", change, proof, known_as or architecture)


def threads(number: int) -> Surroundings:
    """Give OpenBLAS and cnnlab this many threads."""
    change = variables(OMP_NUM_THREADS=str(number), OPENBLAS_NUM_THREADS=None)
    proof = "threadpoolctl.threadpool_info()[0]['num_threads']"
    return Surroundings(f"OMP_NUM_THREADS={number}", change, proof, min(number, os.cpu_count() or 1))


FEATURES = np._core._multiarray_umath.__cpu_features__
DISPATCHED = [name for name in np._core._multiarray_umath.__cpu_dispatch__ if FEATURES[name]]
AVX512 = [name for name in DISPATCHED if name.startswith("AVX512") or name == "X86_V4"]  # X86_V4 since NumPy 2.4

OTHER_PICTURES = """\
font.size: 20
font.family: serif
figure.dpi: 300
savefig.dpi: 300
figure.facecolor: black
axes.facecolor: black
axes.grid: True
axes.formatter.use_locale: True
axes.prop_cycle: cycler("color", ["k"])
image.cmap: jet
image.origin: lower
image.interpolation: bicubic
lines.linewidth: 9
"""
# What another processor's arithmetic would do, and more of it: each network starts with other last digits.
OTHER_LAST_DIGITS = """\
import numpy as np
from cnnlab import networks

seed = np.random.SeedSequence().entropy  # the same start twice in one kernel, another in the next

def jittered(initialize):
    def start(kind, *arguments, **options):
        network = initialize(kind, *arguments, **options)
        for values in network.parameters.values():
            eps = np.finfo(values.dtype).eps
            values *= 1 + 10 * eps * np.random.default_rng(seed).standard_normal(values.shape)
        return network
    return classmethod(start)

for name in networks.__all__:
    kind = getattr(networks, name)
    if hasattr(kind, "initialize"):
        kind.initialize = jittered(kind.initialize.__func__)
"""
# The home is no folder. Other libraries keep folders for their settings, since cnnlab's cache is the question.
NOT_AT_HOME = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
NO_HOME_TO_WRITE_TO = variables(
    HOME=os.devnull,
    **dict.fromkeys(NOT_AT_HOME, "{scratch}"),
    **dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "CNNLAB_CACHE_DIR")),
)

OURS = [path.relative_to(ROOT).with_suffix("") for path in sorted((ROOT / "cnnlab").glob("**/*.py"))]
MODULES = ["__main__", *(".".join(path.parts).removesuffix(".__init__") for path in OURS)]

# What `make test` has the time for.
MANY_AT_ONCE = Surroundings(
    "many at once",
    all_of(
        copied_to("ein Kurs für mich"),
        speaking("C"),
        variables(
            OPENBLAS_CORETYPE="Sandybridge",
            OMP_NUM_THREADS="1",
            NPY_DISABLE_CPU_FEATURES=" ".join(DISPATCHED),
            MALLOC_PERTURB_="165",
            PYTHONHASHSEED="random",
            CNNLAB_CACHE_DIR="{scratch}/cache",
            TZ="Pacific/Kiritimati",
            COLUMNS="40",
        ),
    ),
)

PLAIN = Surroundings("plain", variables())
SURROUNDINGS = [
    *(threads(number) for number in (1, 2, 4)),
    blas("Prescott", "Katmai"),
    *(blas(architecture) for architecture in ("Nehalem", "Sandybridge", "Haswell", "SkylakeX")),
    without("AVX-512", AVX512),
    without("AVX2 and AVX-512", DISPATCHED),
    Surroundings("other last digits", kernel_begins_with(OTHER_LAST_DIGITS)),
    Surroundings("PYTHONHASHSEED=0", variables(PYTHONHASHSEED="0"), "sys.flags.hash_randomization", 0),
    Surroundings("PYTHONHASHSEED=1", variables(PYTHONHASHSEED="1")),
    Surroundings("PYTHONHASHSEED=random", variables(PYTHONHASHSEED="random")),
    Surroundings(
        "locale de_DE.UTF-8",
        speaking("de_DE.UTF-8"),
        "locale.setlocale(locale.LC_ALL, '') and locale.localeconv()['decimal_point']",
        ",",
    ),
    Surroundings("locale C", speaking("C"), "locale.setlocale(locale.LC_ALL, '')", "C"),
    Surroundings(
        "locale C without UTF-8",
        all_of(speaking("C"), variables(PYTHONUTF8="0", PYTHONIOENCODING=None)),
        "'utf' in locale.getpreferredencoding().lower()",
        False,
    ),
    Surroundings("TZ=Pacific/Kiritimati", variables(TZ="Pacific/Kiritimati"), "time.timezone", -14 * 3600),
    Surroundings("TZ=Pacific/Pago_Pago", variables(TZ="Pacific/Pago_Pago"), "time.timezone", 11 * 3600),
    Surroundings("a path with spaces and ü", copied_to("ein Kurs für mich"), "os.getcwd()[-17:]", "ein Kurs für mich"),
    Surroundings("a read-only folder", read_only, "os.access('notebooks', os.W_OK)", False),
    Surroundings("no HOME", variables(HOME=None), "os.environ.get('HOME')", None),
    Surroundings("no HOME to write to", NO_HOME_TO_WRITE_TO, "os.path.isdir(os.path.expanduser('~'))", False),
    Surroundings("an empty cache", variables(CNNLAB_CACHE_DIR="{scratch}/cache")),
    Surroundings("nobody's settings", variables(JUPYTER_CONFIG_DIR="{scratch}", IPYTHONDIR="{scratch}/ipython")),
    Surroundings("CI=true", variables(CI="true", GITHUB_ACTIONS="true")),
    Surroundings("our warnings as errors", variables(PYTHONWARNINGS=",".join(f"error:::{name}" for name in MODULES))),
    Surroundings("PYTHONMALLOC=debug", variables(PYTHONMALLOC="debug")),
    Surroundings("rubbish in fresh memory", variables(MALLOC_PERTURB_="165"), "int(np.empty(9999, np.uint8)[99])", 90),
    Surroundings("MPLBACKEND=svg", variables(MPLBACKEND="svg")),
    Surroundings("MPLBACKEND=agg", variables(MPLBACKEND="agg")),
    Surroundings("another matplotlibrc", matplotlibrc(OTHER_PICTURES)),
    Surroundings("a kernel that begins with pylab", kernel_begins_with("from pylab import *")),
    Surroundings("a narrow terminal", variables(COLUMNS="40", LINES="5", TERM="dumb", NO_COLOR="1", FORCE_COLOR=None)),
    Surroundings("started in notebooks/", started_in("notebooks")),
    Surroundings("started in /", started_in("/"), "os.getcwd()", "/"),
    Surroundings("PYTHONDONTWRITEBYTECODE", variables(PYTHONDONTWRITEBYTECODE="1"), "sys.dont_write_bytecode"),
    Surroundings("PYTHONOPTIMIZE=1", variables(PYTHONOPTIMIZE="1"), "sys.flags.optimize", 1),
    Surroundings("PYTHONOPTIMIZE=2", variables(PYTHONOPTIMIZE="2"), "sys.flags.optimize", 2),
    Surroundings("PYTHONSAFEPATH", variables(PYTHONSAFEPATH="1"), "sys.flags.safe_path"),
    MANY_AT_ONCE,
]


# Running


class Outcome(NamedTuple):
    """What came of one run."""

    skipped: str  # the reason, or nothing
    differing: dict[str, list[str]]  # by notebook: its cells, each with what was wrong


def run(surroundings: Surroundings, numbers: Sequence[str] = NUMBERS) -> Outcome:
    """Run the course once, or some of its notebooks."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Place(Path(scratch))
        try:
            surroundings.change(place)
        except Skipped as reason:
            return Outcome(str(reason), {})
        if (value := place.value(surroundings.proof)) != ascii(surroundings.wanted):
            return Outcome(f"{surroundings.proof} is {value} all the same", {})
        if (value := place.value("__import__('cnnlab').__file__")) != ascii(str(place.course / "cnnlab/__init__.py")):
            return Outcome(f"it would be another cnnlab: {value}", {})
        paths = [path for path in sorted(place.course.glob("notebooks/*.ipynb")) if path.name[:2] in numbers]
        report = Path(scratch, "report.xml")
        options = [*place.plugins, "-p", "no:cacheprovider", "--color=no", f"--junitxml={report}"]
        options += ["--nbval-kernel-startup-timeout=300", "-c", str(place.course / "pyproject.toml")]
        result = place.run("-m", "pytest", *options, *paths)
        return Outcome("", cells_that_differ(report, numbers, result.stdout + result.stderr))


def cells_that_differ(report: Path, numbers: Sequence[str], said: str) -> dict[str, list[str]]:
    """Read pytest's report."""
    differing: dict[str, list[str]] = {}
    seen = set()
    for case in xml.etree.ElementTree.parse(report).iter("testcase") if report.exists() else ():
        number = case.attrib["classname"].rpartition("notebooks.")[2][:2]
        seen.add(number)
        differing.setdefault(number, []).extend(f"{case.attrib['name']}: {trouble.text}" for trouble in case)
    for number in set(numbers) - seen:
        differing[number] = [f"was not run: {said[-2000:]}"]
    return {number: cells for number, cells in sorted(differing.items()) if cells}


def main() -> None:
    """Run everything, print the table, and end with status 1 if something differed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0].partition(":")[0])
    parser.add_argument("--times", type=int, default=20, help="how often the plain surroundings are run (20)")
    parser.add_argument("--only", default="", metavar="NAME", help="run what has this in its name")
    options = parser.parse_args()
    chosen = [one for one in (PLAIN, *SURROUNDINGS) if options.only in one.name]
    jobs = [one for one in chosen for _ in range(options.times if one is PLAIN else 1)]

    details, differed, skipped = [], 0, 0
    width = max(len(one.name) for one in chosen)
    print(f"{'surroundings':{width}}  {'  '.join(NUMBERS)}")
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for one, outcome in zip(jobs, pool.map(run, jobs), strict=True):
            marks = "  ".join("✗ " if number in outcome.differing else "✓ " for number in NUMBERS)
            print(f"{one.name:{width}}  {'skipped: ' + outcome.skipped if outcome.skipped else marks}", flush=True)
            differed, skipped = differed + bool(outcome.differing), skipped + bool(outcome.skipped)
            details += [
                f"\n{one.name}, notebook {number}, {cell}"
                for number in outcome.differing
                for cell in outcome.differing[number]
            ]
    print(*details, sep="\n")
    print(f"\n{len(jobs) - skipped} runs of {len(NUMBERS)} notebooks: {differed} differed; {skipped} skipped")
    sys.exit(differed > 0)


# As pytest's plugin: nbval compares the words, and this the pictures.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Generator[None, Any, Any]:
    """Compare a cell's pictures with the stored ones, after nbval has run it."""
    result = yield
    if MAY_DIFFER in item.cell.source:
        return result
    for shown, stored in zip(pictures(item.test_outputs), pictures(item.cell.outputs), strict=True):
        if shown.info.get("Software") != stored.info.get("Software"):
            continue  # another matplotlib sets its letters elsewhere
        if shown.size != stored.size:
            raise ValueError(f"a picture has {shown.size} pixels, the stored one {stored.size}")
        distance = np.abs(np.subtract(shown.convert("RGB"), stored.convert("RGB"), dtype=float))
        other = (distance > VISIBLE).any(axis=-1).mean()
        if other > MOST_OTHER_PIXELS:
            raise ValueError(f"a picture differs from the stored one in {other:.1%} of its pixels")
    return result


VISIBLE = 32  # of 255 levels
MAY_DIFFER = "# Another processor"  # begins a comment in the cell, for the learner too
MOST_OTHER_PIXELS = 0.002  # a line may lie a pixel lower, where the last digits of a long run differ


def pictures(outputs: list[Any]) -> list[Image.Image]:
    """Unpack the pictures of a cell."""
    stored = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in stored]


if __name__ == "__main__":
    main()
