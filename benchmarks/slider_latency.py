"""Measure the kernel's share of a slider's move: from the new value to the finished picture and words.

    python benchmarks/slider_latency.py                  every board
    python benchmarks/slider_latency.py logits           only this one

The first slider of each board goes back and forth between its starting value and the one beside it. What the browser
adds, to send the value and to show the picture, is not measured here.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from typing import Any

from cnnlab.course import widgets

WARM_UP = 4
MOVES = 20


def first_slider(board: widgets.Board) -> Any:
    """Return the first control that slides; the first control, if none does."""
    controls = list(board.controls.values())
    return next((control for control in controls if hasattr(control, "readout")), controls[0])


def neighbours(control: Any) -> tuple[str, Any, Any]:
    """Return what a move sets, its present value, and the value beside it."""
    if hasattr(control, "index"):  # one of several options
        index = control.index or 0
        return "index", index, index - 1 if index else 1
    value = control.value
    if hasattr(control, "base"):  # the slider is even in the exponent
        exponent = math.log(value, control.base)
        step = control.step if exponent + control.step <= control.max else -control.step
        return "value", value, control.base ** (exponent + step)
    return "value", value, value + control.step if value + control.step <= control.max else value - control.step


def milliseconds_per_move(control: Any) -> float:
    """Return the median time of a move, after a few to warm up."""
    name, here, beside = neighbours(control)
    times = []
    for move in range(WARM_UP + MOVES):
        start = time.perf_counter()
        setattr(control, name, here if move % 2 else beside)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[WARM_UP:])


def main() -> None:
    """Print a line for each board."""
    names = [name for name in widgets.__all__ if name != "Board"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("boards", nargs="*", metavar="board", help=f"{', '.join(names)}; all of them by default")
    chosen = parser.parse_args().boards or names
    unknown = sorted(set(chosen) - set(names))
    if unknown:
        parser.error(f"there is no board {', '.join(unknown)}; there are {', '.join(names)}")
    print(f"{'board':24}{'control':24}{'median ms':>10}")
    for name in chosen:
        board = getattr(widgets, name)()
        pictures: list[Any] = []
        board.image.observe(pictures.append, names="value")
        control = first_slider(board)
        line = f"{name:24}{control.description:24}{milliseconds_per_move(control):>10.1f}"
        print(line if pictures else f"{line}   (a move alone draws nothing)", flush=True)


if __name__ == "__main__":
    main()
