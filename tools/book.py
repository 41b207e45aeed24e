"""Build the book into site/: `python tools/book.py`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import nbformat
from links import COLAB, GITHUB, NOTEBOOKS, ROOT, repository_address

BINDER = "https://mybinder.org/v2/gh/"


def main() -> None:
    """Gather what belongs to the book in one folder, and build it; nothing is executed."""
    from sphinx.cmd.build import build_main  # loaded here, as only the site's builder has it

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        shutil.copytree(ROOT / "docs" / "book", source, dirs_exist_ok=True)
        shutil.copytree(ROOT / "docs", source / "docs", ignore=shutil.ignore_patterns("book", "publication.md"))
        for file in (source / "docs").rglob("*.md"):
            text = file.read_text(encoding="utf-8")
            outside = rf"]({repository_address()}/blob/main/"
            file.write_text(text.replace("](../benchmarks", f"{outside}benchmarks"), encoding="utf-8")
        (source / "notebooks").mkdir()
        for path in NOTEBOOKS:
            nbformat.write(page(path), source / "notebooks" / path.name)
        built = source / "built" / "html"  # MyST-NB leaves a folder of its own beside it
        if status := build_main(["-q", "-W", "--keep-going", "-b", "html", str(source), str(built)]):
            raise SystemExit(status)
        shutil.rmtree(ROOT / "site", ignore_errors=True)
        shutil.copytree(built, ROOT / "site")
    size = sum(file.stat().st_size for file in (ROOT / "site").rglob("*") if file.is_file())
    print(f"site/ holds {size / 1e6:.0f} MB")


def page(path: Path) -> nbformat.NotebookNode:
    """Return a notebook whose first line leads to all places where it runs."""
    notebook = nbformat.read(path, as_version=4)
    project = repository_address().removeprefix(GITHUB)
    places = {
        "Colab": f"{COLAB}{project}/blob/main/notebooks/{path.name}",
        "Binder": f"{BINDER}{project}/main?labpath=notebooks/{path.name}",
    }
    links = " · ".join(f"[{name}]({address})" for name, address in places.items())
    here = f'<a class="run" href="../lab/notebooks/index.html?path={path.name}">Run in the browser</a>'
    first = notebook.cells[0]
    title = first.source.split("\n", 1)[1].strip().split("\n", 1)
    words = f"{here} Nothing to install; what you write stays in your browser. Or: {links}, or download it above."
    first.source = f"{title[0]}\n\n{words}\n\n{title[1]}"
    notebook.cells[1].metadata["tags"] = ["hide-input"]  # the setup cell, which a reader need not see
    return notebook


if __name__ == "__main__":
    main()
