"""Draw what was measured; `report.alt` says the same in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.style
from matplotlib.figure import Figure

MARKERS = {"cnnlab": "o", "PyTorch": "s", "torch.compile": "^", "JAX jit": "D", "loops": "X"}
LINES = {"cnnlab": "-", "PyTorch": "--", "torch.compile": ":", "JAX jit": "-.", "loops": ":"}
SMALLEST = 0.1  # MiB: less cannot be told from nothing, and nothing has no place on a logarithmic axis


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw the steps, the growth of time and the growth of memory."""
    with matplotlib.style.context("petroff10"), matplotlib.rc_context({"font.size": 11}):
        figure = Figure(figsize=(13, 4.6), layout="constrained")
        figure.patch.set_facecolor("white")
        steps, time, memory = figure.subplots(1, 3, width_ratios=(1.2, 1, 1))
        draw_steps(steps, results["steps"])
        points = results["growth"]["images"]
        images = [point["images"] for point in points]
        for name in points[0]["times"]:
            look = {"color": colour(name), "marker": MARKERS[name], "linestyle": LINES[name], "label": name}
            time.plot(images, [1000 * point["times"][name]["median"] for point in points], **look)
            memory.plot(images, [max(SMALLEST, point["peak_bytes"][name] / 2**20) for point in points], **look)
        time.set(title="A step with more images", xlabel="images", ylabel="ms")
        memory.set(title="Memory beyond the data", xlabel="images", ylabel="MiB")
        for axes in (time, memory):
            axes.set(xscale="log", yscale="log")
            axes.set_xticks(images, [f"{count:,}" for count in images])
            axes.set_xticks([], minor=True)
            axes.grid(alpha=0.3)
            axes.legend()
        figure.savefig(path, dpi=110, metadata={"Software": None})


def draw_steps(axes: Any, measured: dict[str, Any]) -> None:
    """Draw a row for each step and a mark for everyone's time."""
    names = list(dict.fromkeys(name for both in measured.values() for name in both["float64"]["times"]))
    for name in names:
        rows = [row for row, both in enumerate(measured.values()) if name in both["float64"]["times"]]
        times = [
            both["float64"]["times"][name]["median"] for both in measured.values() if name in both["float64"]["times"]
        ]
        axes.plot(
            [1000 * seconds for seconds in times], rows, MARKERS[name], color=colour(name), markersize=9, label=name
        )
    axes.set(title="A training step, float64", xlabel="ms", xscale="log", yticks=range(len(measured)))
    axes.set_yticklabels([f"step {name}" for name in measured])
    axes.set_ylim(len(measured) - 0.5, -0.5)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right")


def colour(name: str) -> str:
    """Return a contender's colour, the same in every panel."""
    return f"C{list(MARKERS).index(name)}"
