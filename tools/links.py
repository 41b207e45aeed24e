"""Write the repository's address into every notebook: its link to Colab and its setup cell.

The address stands in pyproject.toml. Where this checkout has a remote called origin, its address is written there
first.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

SETUP_CELL = """\
# Setup: uses the cnnlab that is installed, and installs it only
# where it is missing, as on Colab.
import importlib
import os
import sys
from subprocess import run

try:
    from cnnlab import __version__
except ImportError:
    # A folder cnnlab beside this page is passed over, not a file.
    other = sys.modules.pop("cnnlab", None)
    if file := getattr(other, "__file__", None):
        raise ImportError(f"rename {{file}}: it hides cnnlab") from None
    address = "git+{address}"
    source = os.environ.get("CNNLAB_SOURCE", address)
    command = [sys.executable, "-m", "pip", "install", "-q", source]
    result = run(command, capture_output=True, text=True)
    if result.returncode != 0:
        reason = result.stderr
        raise RuntimeError(f"cnnlab not installed: {{reason}}") from None
    importlib.invalidate_caches()
    from cnnlab import __version__
print("cnnlab", __version__)"""

GITHUB = "https://github.com/"
COLAB = "https://colab.research.google.com/github/"
COLAB_LINK = "[Open this page in Colab]({colab}{path}/blob/main/notebooks/{name})"


def repository_address() -> str:
    """Read the address from pyproject.toml."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        address: str = tomllib.load(file)["project"]["urls"]["Repository"]
    return address


def web_address(remote: str) -> str:
    """Turn a remote's address into the one a browser opens.

    >>> web_address("git@github.com:someone/cnnlab.git")
    'https://github.com/someone/cnnlab'
    """
    remote = re.sub(r"^(ssh://)?git@([^:/]+)[:/]", r"https://\2/", remote.strip())
    return remote.removesuffix("/").removesuffix(".git")


def colab_link(address: str, name: str) -> str:
    """Return the line that opens a notebook on Colab."""
    return COLAB_LINK.format(colab=COLAB, path=address.removeprefix(GITHUB), name=name)


def site_address(address: str) -> str:
    """Return where GitHub shows the site of a repository.

    >>> site_address("https://github.com/someone/cnnlab")
    'https://someone.github.io/cnnlab/'
    """
    owner, name = address.removeprefix(GITHUB).split("/")
    return f"https://{owner}.github.io/{name}/"


def origin() -> str | None:
    """Return the web address of the remote called origin, where there is one."""
    command = ["git", "remote", "get-url", "origin"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        return None
    address = web_address(result.stdout)
    if not address.startswith(GITHUB):
        raise SystemExit(f"origin is {address}, but Colab opens notebooks from {GITHUB} only: nothing was changed")
    return address


def rewrite(file: Path, pattern: str, replacement: str) -> None:
    """Replace whatever matches the pattern in a text file."""
    file.write_text(re.sub(pattern, replacement, file.read_text(encoding="utf-8")), encoding="utf-8")


def main() -> None:
    """Update pyproject.toml, the README and the notebooks."""
    old = repository_address()
    new = origin() or old
    for part in (site_address, lambda address: f"/{address.removeprefix(GITHUB)}/"):
        rewrite(ROOT / "README.md", re.escape(part(old)), part(new))
    files = ("pyproject.toml", "CITATION.cff", "CHANGELOG.md", ".github/ISSUE_TEMPLATE/config.yml")
    for name in (*files, "docs/teaching/hub.md"):
        rewrite(ROOT / name, re.escape(old), new)
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        first, setup = notebook.cells[:2]
        lines = first.source.split("\n")
        first.source = "\n".join([colab_link(new, path.name), *lines[1:]])
        setup.source = SETUP_CELL.format(address=new)
        nbformat.write(notebook, path)
    print(f"{len(NOTEBOOKS)} notebooks point to {new}")


if __name__ == "__main__":
    main()
