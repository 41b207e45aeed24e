"""What a learner waits for before the first result: imports, the digits, each notebook as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from benchmarks.timing import summary

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
IMPORT_LIMIT = 1.2  # of `import cnnlab`, NumPy included, divided by `import numpy`
DIGITS_LIMIT = 0.1  # seconds

# Both imports in one process, one after the other, so that a busy machine slows both alike.
IMPORTS = """
from time import perf_counter as clock
start = clock()
import numpy
middle = clock()
import cnnlab
print(middle - start, clock() - start)
"""
DIGITS = """
from time import perf_counter as clock
from cnnlab import datasets
start = clock()
datasets.mnist_sample()
print(clock() - start)
"""


def run(quick: bool) -> dict[str, Any]:
    """Measure in fresh processes."""
    processes = 3 if quick else 31
    imports = times_of(IMPORTS, processes)
    return {
        "imports": {
            "times": {
                "numpy": summary([numpy for numpy, _ in imports]),
                "cnnlab": summary([both for _, both in imports]),
            },
            "ratio": summary([both / numpy for numpy, both in imports]),
        },
        "mnist_sample": summary([seconds for (seconds,) in times_of(DIGITS, processes)]),
        "notebooks": {path.stem: seconds_of(path) for path in NOTEBOOKS[: 1 if quick else None]},
    }


def times_of(code: str, processes: int) -> list[list[float]]:
    """Run code in several processes, one after the other; the first, which fills the caches, does not count."""
    command = [sys.executable, "-c", code]
    with tempfile.TemporaryDirectory() as folder:
        # Compiled once, as an installed package is, whatever the machine's settings and the state of its folders.
        environment = os.environ | {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        outputs = [
            subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
            for _ in range(processes + 1)
        ]
    return [[float(word) for word in output.split()] for output in outputs[1:]]


def seconds_of(path: Path) -> float:
    """Run one notebook from a fresh kernel and store nothing."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": path.parent}})
    start = time.perf_counter()
    client.execute()
    return time.perf_counter() - start
