"""The command line: measure, print, and write what the README shows."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import measure, picture, report, startup, surroundings

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
PARTS = {
    "steps": measure.steps,
    "operations": measure.operations,
    "growth": measure.growth,
    "epoch": measure.epoch,
    "startup": startup.run,
}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="try the benchmarks out: small and careless; writes nothing"
    )
    parser.add_argument(
        "--only",
        choices=[*PARTS, "report"],
        help="print one part; 'report' writes the README from what was measured last",
    )
    chosen = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8")  # µ, × and ≤ wherever it goes
    if chosen.only == "report":
        write(json.loads(RESULTS.read_text(encoding="utf-8")))
        return
    results = measured([chosen.only] if chosen.only else list(PARTS), chosen.quick)
    if not (chosen.quick or chosen.only):
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
        write(results)


def measured(parts: list[str], quick: bool) -> dict[str, Any]:
    """Measure part by part, and print each when it is there."""
    start = time.perf_counter()
    results = surroundings.describe()
    print(report.place(results), flush=True)
    for part in parts:
        print(f"\nmeasuring {part} …", file=sys.stderr, flush=True)
        results["machine"]["busy_percent"] = max(results["machine"]["busy_percent"], surroundings.busy_percent())
        results[part] = PARTS[part](quick)
        print(f"\n{report.PARTS[part](results)}", flush=True)
    results["minutes"] = round((time.perf_counter() - start) / 60, 1)
    return results


def write(results: dict[str, Any]) -> None:
    """Write the picture, the tables, the page on speed and the README's section from the results."""
    picture.draw(results, ROOT / "docs" / "speed.png")
    (ROOT / "benchmarks" / "RESULTS.md").write_text(report.tables(results), encoding="utf-8", newline="\n")
    (ROOT / "docs" / "speed.md").write_text(report.page(results), encoding="utf-8", newline="\n")
    readme = ROOT / "README.md"
    text = report.put_into(readme.read_text(encoding="utf-8"), report.readme(results))
    readme.write_text(text, encoding="utf-8", newline="\n")
    print(f"\nWritten: {RESULTS.relative_to(ROOT)}, benchmarks/RESULTS.md, docs/speed.md and .png, README.md")
