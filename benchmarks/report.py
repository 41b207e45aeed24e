"""Say in words and tables what was measured. All of it is made from the results as they stand in the JSON file."""

from __future__ import annotations

import datetime
from typing import Any

from benchmarks import measure, startup
from benchmarks.problems import DTYPES, STEPS
from benchmarks.timing import Summary

BEGIN = "<!-- make bench writes what follows -->"
END = "<!-- make bench wrote this -->"
BUSY = 5  # percent of the processor that others may take

Results = dict[str, Any]


def duration(seconds: float) -> str:
    """Write a time with two or three digits and its unit."""
    units = {"s": 1, "ms": 1e-3, "µs": 1e-6}
    unit = next((unit for unit, size in units.items() if seconds >= 0.9995 * size), "µs")
    return f"{_digits(seconds / units[unit])} {unit}"


def memory(amount: float) -> str:
    """Write bytes as MiB."""
    return f"{_digits(amount / 2**20)} MiB"


def ratio(values: Summary) -> str:
    """Write a median and its quartiles."""
    return f"{values['median']:.2f} ({values['lower']:.2f} to {values['upper']:.2f})"


def is_busy(results: Results) -> bool:
    """Tell whether something else ran, and so whether the times say nothing about the limits."""
    return results["machine"]["busy_percent"] > BUSY


def verdict(results: Results, value: float, limit: float) -> str:
    """Say whether a limit is reached."""
    if is_busy(results):
        return "not judged"
    return "reached" if value <= limit else "not reached"


def table(heading: list[str], rows: list[list[str]]) -> str:
    """Lay cells out in columns, as Markdown that also reads well as it stands."""
    widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading))]
    lines = [heading, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def place(results: Results) -> str:
    """Say when, where and with what it was measured."""
    machine, versions = results["machine"], results["versions"]
    names = {"torch": "PyTorch", "jax": "JAX"}
    used = [
        f"{names.get(name, name)} {version}" for name, version in versions.items() if name not in ("BLAS", "jaxlib")
    ]
    share = f"{machine['busy_percent']:.0f} %"
    noise = f" Something else kept the machine {share} busy, so the times are not to be trusted."
    vectors = f"{machine['vectors']}, " if "vectors" in machine else ""
    return (
        f"Measured on {_date(results['date'])}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB of memory, "
        f"{vectors}{machine['system']}. {', '.join(used)} "
        f"(NumPy with {versions['BLAS']}); {results['threads']} threads each."
        f"{noise if is_busy(results) else ''}"
    )


def steps_table(results: Results) -> str:
    """Show the steps a to d, with the limits."""
    names = _names(results["steps"][name][dtype] for name in results["steps"] for dtype in DTYPES)
    rows = []
    for name, both in results["steps"].items():
        for dtype, measured in both.items():
            limit = STEPS[name].limits[dtype]
            beside = measured["ratios"].get("PyTorch")
            rows.append(
                [
                    name,
                    dtype,
                    *_times(measured, names),
                    ratio(beside) if beside else "–",
                    f"≤ {limit:.2f}: {verdict(results, beside['median'], limit)}" if beside else f"≤ {limit:.2f}",
                ]
            )
    return table(["step", "dtype", *names, "cnnlab : PyTorch", "limit"], rows)


def steps(results: Results) -> str:
    """Explain the steps and show their table."""
    legend = "\n".join(
        f"- **{name}**: {STEPS[name].words} (notebook {STEPS[name].notebook})" for name in results["steps"]
    )
    both = [measured for step in results["steps"].values() for measured in step.values()]
    absent = sorted({f"{name}: {reason}" for one in both for name, reason in one["left_out"].items()})
    return "\n\n".join([legend, steps_table(results), *([f"Not measured: {'; '.join(absent)}."] if absent else [])])


def operations(results: Results) -> str:
    """Show the operations alone."""
    measured = [row[direction] for row in results["operations"] for direction in ("forward", "backward")]
    names = _names(measured)
    rows = [
        [
            row["operation"],
            row["case"],
            row["dtype"],
            direction,
            *_times(row[direction], names),
            *[_ratio_to(row[direction], name) for name in names[1:]],
        ]
        for row in results["operations"]
        for direction in ("forward", "backward")
    ]
    heading = ["operation", "size", "dtype", "direction", *names, *[f"cnnlab : {name}" for name in names[1:]]]
    return f"## Operations alone\n\n{table(heading, rows)}"


def growth(results: Results) -> str:
    """Show how time and memory grow."""
    points = [point for row in results["growth"].values() for point in row]
    names = _names(points)
    rows = [
        [
            f"{point['images']:,}",
            f"{point['side']}×{point['side']}",
            memory(data_bytes(point)),
            *_times(point, names),
            *[memory(point["peak_bytes"][name]) for name in names],
        ]
        for point in points
    ]
    heading = ["images", "size", "data", *names, *[f"{name}, memory" for name in names]]
    return (
        "## Growth\n\nA step of notebook 4's network in float64, with more images and with larger ones: its time, and "
        f"the memory it takes beyond the data, at the highest moment.\n\n{table(heading, rows)}"
    )


def data_bytes(point: dict[str, Any]) -> int:
    """Count the bytes of the images."""
    return point["images"] * point["side"] ** 2 * (8 if point["dtype"] == "float64" else 4)


def epoch(results: Results) -> str:
    """Say what an epoch of the ten-class network takes."""
    measured = results["epoch"]
    times = ", ".join(f"{name} {duration(values['median'])}" for name, values in measured["times"].items())
    text = f"{measured['images']:,} digits in batches of {measure.BATCH_SIZE}, {measured['dtype']}: {times}."
    beside = measured["ratios"].get("PyTorch")
    if not beside:
        return text
    judged = verdict(results, beside["median"], measure.EPOCH_LIMIT)
    return f"{text} cnnlab : PyTorch is {ratio(beside)}; limit {measure.EPOCH_LIMIT}: {judged}."


def start_up(results: Results) -> str:
    """Say what a learner waits for."""
    measured = results["startup"]
    imports, digits = measured["imports"], measured["mnist_sample"]
    whole = ", ".join(f"{name[:2]} in {duration(seconds)}" for name, seconds in measured["notebooks"].items())
    return (
        f"- `import cnnlab` takes {duration(imports['times']['cnnlab']['median'])}, `import numpy` alone "
        f"{duration(imports['times']['numpy']['median'])}: {ratio(imports['ratio'])} times as long; limit "
        f"{startup.IMPORT_LIMIT}: {verdict(results, imports['ratio']['median'], startup.IMPORT_LIMIT)}.\n"
        f"- `datasets.mnist_sample()` takes {duration(digits['median'])}; limit "
        f"{duration(startup.DIGITS_LIMIT)}: {verdict(results, digits['median'], startup.DIGITS_LIMIT)}.\n"
        f"- The notebooks run from beginning to end, kernel's start included: {whole}."
    )


PARTS = {"steps": steps, "operations": operations, "growth": growth, "epoch": epoch, "startup": start_up}


def tables(results: Results) -> str:
    """Write the page of the large tables."""
    return f"# Single operations, and larger data\n\n{place(results)}\n\n{operations(results)}\n\n{growth(results)}\n"


def growth_in_words(results: Results) -> str:
    """Say how the largest batch compares with the smallest."""
    first, last = results["growth"]["images"][0], results["growth"]["images"][-1]
    parts = [
        f"{name} needs {memory(first['peak_bytes'][name])} and {memory(last['peak_bytes'][name])}"
        for name in last["times"]
    ]
    return (
        f"Beyond the data, a step with {first['images']:,} and with {last['images']:,} images "
        f"({memory(data_bytes(last))} of data in {last['dtype']}): {'; '.join(parts)}."
    )


def alt(results: Results) -> str:
    """Say in words what the picture shows."""
    sentences = []
    for name, both in results["steps"].items():
        measured = both["float64"]
        order = sorted(measured["times"], key=lambda who: measured["times"][who]["median"])
        times = ", ".join(f"{who} {duration(measured['times'][who]['median'])}" for who in order)
        sentences.append(f"Step {name}: {times}.")
    last = results["growth"]["images"][-1]
    times = ", ".join(f"{who} {duration(last['times'][who]['median'])}" for who in last["times"])
    peaks = ", ".join(f"{who} {memory(last['peak_bytes'][who])}" for who in last["peak_bytes"])
    return (
        f"Three panels, all float64 and logarithmic. Left, the times of the steps. {' '.join(sentences)} "
        f"Middle, the time of a step over the number of images, nearly straight lines; with {last['images']:,} images "
        f"{times}. Right, the memory beyond the data over the number of images; with {last['images']:,} images {peaks}."
    )


def page(results: Results) -> str:
    """Write the page on speed, docs/speed.md."""
    paragraphs = [
        "# How fast",
        "One training step, forward, backward to every parameter and update, of the networks in the notebooks:",
        steps(results),
        "Times are medians. The ratio is cnnlab's time divided by PyTorch's, eager, turn by turn: the median of the "
        "pairs and, in brackets, its quartiles. The loops are those with which the notebooks begin. Everyone starts "
        "from the same parameters, and nothing is timed before loss and updated parameters agree.",
        "The processor's vectors matter. NumPy computes `exp` of float64 in vectors only where the processor has "
        "AVX-512. Without it the sigmoid takes a third of step b in float64, which is then about as fast as PyTorch's.",
        f"![{alt(results)}](speed.png)",
        growth_in_words(results),
        f"An epoch of the ten-class network: {epoch(results)}",
        start_up(results),
        f"{place(results)} `make bench` repeats it in about {max(1, round(results['minutes']))} minutes and writes "
        "this page, [larger tables](../benchmarks/RESULTS.md) of single operations and larger images, and "
        "[the numbers](../benchmarks/results.json).",
    ]
    return "\n\n".join(paragraphs) + "\n"


def readme(results: Results) -> str:
    """Write the README's section, without its heading: a paragraph and the picture."""
    medians = [step["float64"]["ratios"]["PyTorch"]["median"] for step in results["steps"].values()]
    last = results["growth"]["images"][-1]
    return (
        f"At the sizes of this course, a training step in plain NumPy takes {min(medians):.2f} to {max(medians):.2f} "
        f"times as long as PyTorch's on the same two cores (float64), and its memory does not grow with the images: "
        f"{memory(last['peak_bytes']['cnnlab'])} beyond the data for {last['images']:,} images. Without AVX-512 one "
        f"step of the four is only as fast as PyTorch's. What was measured, with what, and where PyTorch is faster: "
        f"[How fast][speed]."
        f"\n\n![{alt(results)}][speed picture]"
    )


def put_into(text: str, section: str) -> str:
    """Replace what stands between the two marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{section}\n\n{END}{after}"


def _digits(value: float) -> str:
    """Write two digits, or all before the point."""
    if value >= 9.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.995 else f"{value:.2f}"


def _date(iso: str) -> str:
    date = datetime.date.fromisoformat(iso)
    return f"{date.day} {date:%B %Y}"


def _names(measured: Any) -> list[str]:
    """Collect who was timed, in order."""
    return list(dict.fromkeys(name for one in measured for name in one["times"]))


def _times(measured: dict[str, Any], names: list[str]) -> list[str]:
    return [duration(measured["times"][name]["median"]) if name in measured["times"] else "–" for name in names]


def _ratio_to(measured: dict[str, Any], name: str) -> str:
    return ratio(measured["ratios"][name]) if name in measured["ratios"] else "–"
