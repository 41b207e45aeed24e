"""Run notebooks from a fresh kernel and store their outputs: `python tools/run_notebooks.py [NOTEBOOK ...]`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"

# The same in every notebook, whatever machine stored it.
KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def run(path: Path) -> None:
    """Run one notebook in its own folder and write it back."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(KERNEL)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()
    widgets = notebook.metadata.get("widgets")
    notebook.metadata = nbformat.from_dict(KERNEL)
    if widgets:
        notebook.metadata.widgets = widgets
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for path in [Path(name) for name in sys.argv[1:]] or sorted(NOTEBOOKS.glob("*.ipynb")):
        start = time.perf_counter()
        run(path)
        print(f"{path.name}: {time.perf_counter() - start:.1f} s")
