"""How time and memory of notebook 4's step grow with the number of images and with their side.

Time is measured by turns, as everywhere. Memory is measured in a process of its own for each contender and size: see
`benchmarks.peak`.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import contenders
from benchmarks.problems import binary_step
from benchmarks.steps import measure
from benchmarks.timing import FULL, QUICK

ROOT = Path(__file__).resolve().parents[1]
DTYPE = "float64"  # the notebook's
IMAGES = [(images, 28) for images in (200, 1000, 5000, 20000, 60000)]
SIDES = [(200, side) for side in (28, 56, 112, 224)]


def run(quick: bool) -> dict[str, list[dict[str, Any]]]:
    """Measure both rows of sizes."""
    if quick:
        return {"images": [point(20, 28, quick), point(40, 28, quick)], "side": []}
    return {
        "images": [point(images, side, quick) for images, side in IMAGES],
        "side": [point(images, side, quick) for images, side in SIDES],
    }


def point(images: int, side: int, quick: bool) -> dict[str, Any]:
    """Measure one size."""
    makers = {name: contenders.TRAINING[name] for name in contenders.GROWTH}
    effort = QUICK if quick else FULL._replace(rounds=9, budget=15)
    measured = measure(binary_step(images, side, DTYPE), makers, effort)
    gc.collect()
    peaks = {name: peak_bytes(name, images, side) for name in measured["times"]}
    return {"images": images, "side": side, "dtype": DTYPE, **measured, "peak_bytes": peaks}


def peak_bytes(name: str, images: int, side: int) -> int:
    """Ask a fresh process how much memory a step takes beyond the data."""
    command = [sys.executable, "-m", "benchmarks.peak", name, str(images), str(side), DTYPE]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
