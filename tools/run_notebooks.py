"""Run notebooks from a fresh kernel and store their outputs: `python tools/run_notebooks.py [NOTEBOOK ...]`."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"

# The same in every notebook, whatever machine stored it.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py"},  # by which nbconvert names a script
}
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


def run(path: Path) -> None:
    """Run one notebook in its own folder and write it back."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(METADATA)
    resources = {"metadata": {"path": path.parent}}
    # Without `coalesce_streams` one cell's text may be stored in several pieces, differently from run to run.
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources, coalesce_streams=True).execute()
    store_words_for_widgets(notebook)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, path)


def store_words_for_widgets(notebook: nbformat.NotebookNode) -> None:
    """Keep of each widget only its words: without a running kernel a reader sees nothing else, or a broken sign.

    A progress bar's words are those of its beginning, so they are replaced by what it said in the end.
    """
    widgets = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            view = output.get("data", {}).pop(VIEW, None)
            if view is not None and "%|" in output.data["text/plain"]:
                parts = widgets[view["model_id"]]["state"]["children"]
                said = " ".join(str(widgets[part.removeprefix("IPY_MODEL_")]["state"].get("value")) for part in parts)
                output.data["text/plain"] = re.search(r"(\d+)/(\d+)", said).expand(r"\1 of \2 steps")


if __name__ == "__main__":
    for path in [Path(name) for name in sys.argv[1:]] or sorted(NOTEBOOKS.glob("*.ipynb")):
        start = time.perf_counter()
        run(path)
        print(f"{path.name}: {time.perf_counter() - start:.1f} s")
