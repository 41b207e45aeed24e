"""Print the memory that a training step takes beyond its data: `python -m benchmarks.peak cnnlab 5000 28 float64`.

It is the process's memory (its resident set) at the highest moment of two steps, less what the process held before
them: the libraries, the images, the parameters, and what a step with a single image leaves behind. The system's count
sees what every library allocates; `tracemalloc`, which tests/networks/test_speed.py uses, sees NumPy's arrays alone,
but to the byte.
"""

from __future__ import annotations

import gc
import sys

import psutil

from benchmarks import contenders
from benchmarks.problems import binary_step


def bytes_beyond_data(name: str, images: int, side: int, dtype: str) -> int:
    """Measure in this process, which must be fresh."""
    make = contenders.TRAINING[name]
    make(binary_step(1, side, dtype)).step()  # threads, tables and kernels that are made once
    entrant = make(binary_step(images, side, dtype))
    gc.collect()
    forget_peak()
    before = psutil.Process().memory_info().rss
    entrant.step()
    entrant.step()
    return max(0, highest() - before)


def forget_peak() -> None:
    """Let the peak begin anew, where the system can; elsewhere an earlier, higher peak would be reported."""
    if sys.platform == "linux":
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")


def highest() -> int:
    """Return the process's highest resident set, in bytes."""
    if sys.platform == "linux":
        with open("/proc/self/status", encoding="utf-8") as file:
            return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    name, images, side, dtype = sys.argv[1:]
    print(bytes_beyond_data(name, int(images), int(side), dtype))
