"""Time two functions by turns, and compare them pair by pair.

pyperf, pytest-benchmark and asv time one function for seconds, then the next. A machine that slows down in between
changes the ratio. Here two functions take short turns in one process, A B B A A B B A, and a ratio is that of two turns
of the same round, so what slows one down slows the other down too. There are never more than two: the waiting threads
of a third library would be in their way. (What pyperf knows about the machine is taken from it.)
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from typing import Any, Callable, NamedTuple

Summary = dict[str, float]


class Effort(NamedTuple):
    """How long to measure."""

    rounds: int  # turns of each function, at most
    turn: float  # seconds that a turn lasts, at least
    budget: float  # seconds for one function's turns; who is slow gets fewer turns, but one


FULL = Effort(rounds=31, turn=0.03, budget=10)
QUICK = Effort(rounds=3, turn=0.002, budget=0.05)

UNTIMED = 0.3  # of a turn
LONG = 1.0  # seconds: a function this slow is timed without an untimed call before


def by_turns(functions: dict[str, Callable[[], Any]], effort: Effort) -> dict[str, list[float]]:
    """Return the seconds per call of each function, a number for each of its turns.

    Every turn begins with untimed calls, so that the caches hold the function's own data and the threads of the
    function before have gone to sleep. Each round begins with another function.
    """
    calls, untimed, turns = {}, {}, {}
    for name, function in functions.items():
        seconds = _seconds(function, 1)
        if seconds < LONG:
            seconds = min(_seconds(function, 1) for _ in range(3))  # the first may have been slow to start
        calls[name] = max(1, round(effort.turn / seconds))
        untimed[name] = math.ceil(UNTIMED * calls[name]) if seconds < LONG else 0
        turns[name] = min(effort.rounds, max(1, int(effort.budget / (seconds * (calls[name] + untimed[name])))))
    names = list(functions)
    samples: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    gc.freeze()  # what the libraries have made is not searched for garbage during somebody's turn
    try:
        for number in range(max(turns.values())):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                if number < turns[name]:
                    for _ in range(untimed[name]):
                        functions[name]()
                    samples[name].append(_seconds(functions[name], calls[name]))
    finally:
        gc.unfreeze()
    return samples


def _seconds(function: Callable[[], Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls


def pairwise(ours: list[float], theirs: list[float]) -> list[float]:
    """Divide turn by turn; turns that only one of them took are left out."""
    return [a / b for a, b in zip(ours, theirs, strict=False)]


def summary(values: list[float]) -> Summary:
    """Return the median and the quartiles."""
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return {"median": median, "lower": lower, "upper": upper, "turns": len(values)}


def compared(functions: dict[str, Callable[[], Any]], effort: Effort) -> dict[str, dict[str, Summary]]:
    """Time the first with each of the others: the times of each, and the ratios of the first to the others."""
    ours, *others = functions
    times: dict[str, list[float]] = {ours: []}
    ratios = {}
    for name in others:
        samples = by_turns({ours: functions[ours], name: functions[name]}, effort)
        times[ours] += samples[ours]
        times[name] = samples[name]
        ratios[name] = summary(pairwise(samples[ours], samples[name]))
    if not others:
        times = by_turns(functions, effort)
    return {"times": {name: summary(values) for name, values in times.items()}, "ratios": ratios}
