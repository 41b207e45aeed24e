"""A few threads for work that NumPy does outside Python's lock."""

from __future__ import annotations

import os
import threading

# Loaded now, though it is needed late: a process that divided while a thread loads it would leave its child locked out.
from concurrent.futures.thread import ThreadPoolExecutor
from itertools import pairwise
from typing import Callable, Iterable, TypeVar

import numpy as np

__all__ = ["count_parts", "dot", "share_out"]

Result = TypeVar("Result")
UNSHARED = 2**19  # multiplications of a matrix product that BLAS leaves to one thread
SHARES = 4  # the same on every machine, so that sums are made in the same order whatever the number of cores


def share_out(work: Callable[[slice], Result], pieces: int) -> list[Result]:
    """Deal pieces of work out to a few calls that run side by side, each with the slice of its pieces.

    Matrix products within a piece should be so small that BLAS does not share them out as well: both kinds of threads
    together would only get in each other's way. A worker does what it shares out itself, as it would wait for itself.
    """
    number = max(1, min(SHARES, pieces))
    ends = [-(-pieces * k // number) for k in range(number + 1)]  # the first share is among the largest
    shares = [slice(start, end) for start, end in pairwise(ends)]
    work = np.errstate(all="ignore")(work)  # a thread does not inherit the caller's
    results: Iterable[Result] = map(work, shares)
    if number > 1 and not hasattr(_this_thread, "is_worker"):
        try:
            results = _workers().map(work, shares)
        except RuntimeError:  # no thread is to be had: in a browser, or the interpreter is shutting down
            _forget_workers()  # it would keep what it could not start
    return list(results)


def count_parts(rows: int, cost: int) -> int:
    """Say into how many equal parts to divide rows of so many multiplications each, so that BLAS shares none out."""
    if rows * cost < UNSHARED:
        return 1
    divisors = (parts for parts in range(1, rows + 1) if rows % parts == 0)
    return next((parts for parts in divisors if rows // parts * cost < UNSHARED), rows)


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Sum the products of two arrays of one shape in one thread. Infinity or NaN in either shows in the sum."""
    if a.size < 2**13:  # BLAS shares out no dot product so short
        return float(np.vdot(a, b))
    with np.errstate(all="ignore"):
        return float(np.add.reduce(np.multiply(a, b), axis=None))


def _workers() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        threads = _threads(os.environ.get("OMP_NUM_THREADS", ""))
        _pool = ThreadPoolExecutor(threads, initializer=setattr, initargs=(_this_thread, "is_worker", True))
    return _pool


def _threads(setting: str) -> int:
    """Say how many threads are of use: as many as BLAS is allowed, or one for each core, but one for each share."""
    first = setting.split(",")[0].strip()  # OpenMP takes a list, with a number for each level of nesting
    allowed = int(first) if first.isdecimal() and len(first) < 10 else 0
    return min(SHARES, allowed or os.cpu_count() or 1)


def _forget_workers() -> None:
    global _pool
    _pool = None


_this_thread = threading.local()
_pool: ThreadPoolExecutor | None = None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)  # a child process inherits the pool, but not its threads
