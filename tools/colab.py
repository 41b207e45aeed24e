"""Run the course as Colab would: its versions of the libraries, and cnnlab installed by a notebook's first cell.

Makes the environment `.venv-colab` from `colab.txt`, with Python 3.13 where this machine has it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".venv-colab"
VERSIONS = ROOT / "tools" / "colab.txt"


def python_of_colab() -> str:
    """Find a Python 3.13, or fall back on the one that runs this."""
    pyenv = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.13*/bin/python3.13"))
    for candidate in (*map(str, pyenv), shutil.which("python3.13")):
        if candidate and subprocess.run([candidate, "--version"], capture_output=True).returncode == 0:
            return candidate
    print(f"no Python 3.13 here; Colab's versions are tried on {sys.version.split()[0]}")
    return sys.executable


def main() -> None:
    """Make the environment where it is missing, then run the notebooks and the tests of what they show in it."""
    python = FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    mark = FOLDER / "ready"
    if not mark.exists() or mark.read_text(encoding="utf-8") != VERSIONS.read_text(encoding="utf-8"):
        subprocess.run([python_of_colab(), "-m", "venv", "--clear", FOLDER], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", VERSIONS], check=True)
        mark.write_text(VERSIONS.read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "cnnlab"], check=True)

    # The setup cell of the first notebook installs the package from this folder; the others find it.
    environment = os.environ | {"CNNLAB_SOURCE": str(ROOT)}
    environment.pop("PYTHONPATH", None)
    folder = ROOT / "tests" / "course"
    tests = sorted(str(path) for name in ("widgets", "exercises") for path in folder.glob(f"test_{name}*.py"))
    # One notebook after the other, as the first one installs; of the tests two files at a time.
    for paths in (["notebooks"], ["-n", "2", "--dist", "loadscope", *tests]):
        command = [python, "-m", "pytest", "-p", "no:cacheprovider", *paths]
        result = subprocess.run(command, cwd=ROOT, env=environment)
        if result.returncode:
            sys.exit(result.returncode)
    command = [python, "-I", "-c", "import cnnlab; print(cnnlab.__file__)"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=FOLDER).stdout.strip()
    if not Path(found).is_relative_to(FOLDER):
        sys.exit(f"the setup cell did not install cnnlab: the notebooks ran with {found}")


if __name__ == "__main__":
    main()
