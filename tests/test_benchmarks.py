"""That the benchmarks run; how fast they find things depends on the machine, and is not tested."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments):
    command = [sys.executable, str(ROOT / "benchmarks" / "slider_latency.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)


def test_slider_latency_names_board_and_control_with_a_time():
    result = run("filter_update", "logits")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == ["board", "control", "median", "ms"]
    assert [row.split()[0] for row in rows] == ["filter_update", "logits"]
    assert [row[24:48].strip() for row in rows] == ["learning rate η", "logit z₀"]
    assert all(float(row.split()[-1]) > 0 for row in rows)


def test_slider_latency_knows_its_boards():
    result = run("no_such_board")
    assert result.returncode == 2
    assert "there is no board no_such_board; there are" in result.stderr
