"""That the benchmarks run, compare before they time, and report what they found; how fast is not tested here."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from benchmarks import bench, contenders, in_loops, measure, picture, report
from benchmarks.measure import Disagreement, require_same
from benchmarks.problems import (
    CASES,
    DTYPES,
    STEPS,
    Unavailable,
    binary_step,
    training_step,
)
from benchmarks.timing import QUICK, Effort, by_turns, compared, pairwise, summary

ROOT = Path(__file__).resolve().parents[2]

RESULTS = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))


def run(*arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8"
    )


# Results are compared before anything is timed


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["a", "c"])
def test_everyone_who_is_here_makes_the_same_first_step(name, dtype):
    makers = {who: make for who, make in contenders.TRAINING.items() if who != "torch.compile"}
    problem = training_step(name, dtype)
    entrants, _ = contenders.available(makers, problem)
    assert {"cnnlab", "loops"} <= set(entrants)
    measure.require_same_first_step(entrants, problem)


def test_the_loops_make_the_first_step_of_notebook_4_too():
    problem = binary_step(3, 12, "float64")
    measure.require_same_first_step(
        {"cnnlab": contenders.cnnlab_training(problem), "loops": in_loops.training(problem)}, problem
    )


@pytest.mark.parametrize("case", [case for case in CASES if np.prod(case.shape) < 2000], ids=lambda case: case.words)
def test_operations_agree(case):
    entrants, _ = contenders.available(contenders.OPERATIONS, case, case.arrays("float64"))
    results = {name: measure.results_of(entrant) for name, entrant in entrants.items()}
    for name, result in results.items():
        require_same(name, result, results["cnnlab"])


def slipped(problem, factor=1.001):
    """A contender whose gradients are a little too long."""
    return contenders.cnnlab_training(problem._replace(learning_rate=factor * problem.learning_rate))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["a", "b", "c"])  # d is b with more images
def test_a_slip_of_a_thousandth_is_found_before_anything_is_timed(monkeypatch, name, dtype):
    monkeypatch.setattr(measure, "compared", lambda *_: pytest.fail("timed"))
    with pytest.raises(Disagreement, match="slipped differs from cnnlab by"):
        measure.beside_each_other(
            training_step(name, dtype), {"cnnlab": contenders.cnnlab_training, "slipped": slipped}, QUICK
        )


def test_a_loss_that_is_no_number_disagrees():
    def diverged(problem):
        return contenders.cnnlab_training(problem)._replace(step=lambda: float("nan"))

    with pytest.raises(Disagreement, match="loss"):
        measure.beside_each_other(
            training_step("c", "float64"), {"cnnlab": contenders.cnnlab_training, "other": diverged}, QUICK
        )


@pytest.mark.parametrize(
    ("theirs", "what"),
    [
        ({"x": np.ones(2, np.float32)}, "float32"),
        ({"x": np.ones((2, 1))}, r"\(2, 1\)"),
        ({"y": np.ones(2)}, "gives"),
        ({"x": np.array([1, 1 + 1e-8])}, "differs"),
    ],
)
def test_dtype_shape_name_and_value_are_compared(theirs, what):
    with pytest.raises(Disagreement, match=what):
        require_same("other", theirs, {"x": np.ones(2)})


@pytest.mark.thorough
def test_who_cannot_take_part_is_left_out_with_a_reason():
    def absent(problem):
        raise Unavailable("it needs a C++ compiler, and there is none")

    problem = training_step("c", "float64")
    measured = measure.beside_each_other(problem, {"cnnlab": contenders.cnnlab_training, "other": absent}, QUICK)
    assert measured["left_out"] == {"other": "it needs a C++ compiler, and there is none"}
    assert set(measured["times"]) == {"cnnlab"}


# Timing


def test_ratios_are_those_of_the_pairs():
    ours, theirs = [1.0, 2.0, 3.0], [2.0, 8.0, 3.0]
    assert pairwise(ours, theirs) == [0.5, 0.25, 1.0]
    assert summary(pairwise(ours, theirs))["median"] == 0.5  # and not 2/3, the ratio of the medians
    assert pairwise([1.0, 2.0, 3.0], [4.0]) == [0.25]


def test_summary_gives_median_and_quartiles():
    assert summary([5.0, 1.0, 3.0, 2.0, 4.0]) == {"median": 3.0, "lower": 2.0, "upper": 4.0, "turns": 5}
    assert summary([7.0]) == {"median": 7.0, "lower": 7.0, "upper": 7.0, "turns": 1}


@pytest.mark.thorough
def test_two_take_turns_and_change_who_begins():
    calls = []

    def contender(name):
        return lambda: (calls.append(name), time.sleep(0.002))

    samples = by_turns({"A": contender("A"), "B": contender("B")}, Effort(rounds=4, turn=0, budget=1))
    assert [len(values) for values in samples.values()] == [4, 4]
    turns = calls[-16:]  # each turn is a call that does not count and one that does
    assert "".join(turns) == "AABBBBAAAABBBBAA"


@pytest.mark.thorough
def test_who_is_slow_takes_fewer_turns():
    functions = {"fast": lambda: None, "slow": lambda: time.sleep(0.03)}
    samples = by_turns(functions, Effort(rounds=9, turn=0.0001, budget=0.1))
    assert len(samples["fast"]) == 9
    assert 1 <= len(samples["slow"]) < 9


@pytest.mark.thorough
def test_everyone_is_timed_with_the_first_alone():
    functions = {"cnnlab": lambda: None, "B": lambda: time.sleep(0.001), "C": lambda: time.sleep(0.002)}
    measured = compared(functions, Effort(rounds=3, turn=0.001, budget=1))
    assert list(measured["times"]) == ["cnnlab", "B", "C"]
    assert measured["times"]["cnnlab"]["turns"] == 6
    assert list(measured["ratios"]) == ["B", "C"]
    assert all(values["median"] < 0.5 for values in measured["ratios"].values())


def test_an_epoch_is_a_step_for_each_batch():
    problem = binary_step(6, 12, "float64")
    whole = contenders.cnnlab_training(problem._replace(batch_size=2))
    whole.step()
    by_hand = problem.parameters
    for start in (0, 2, 4):
        part = problem._replace(
            parameters=by_hand, x=problem.x[start : start + 2], target=problem.target[start : start + 2]
        )
        contender = contenders.cnnlab_training(part)
        contender.step()
        by_hand = contender.parameters()
    for name, value in whole.parameters().items():
        np.testing.assert_array_equal(value, by_hand[name])


def test_peak_memory_is_that_of_the_step(monkeypatch):
    if sys.platform != "linux":
        pytest.skip("the peak cannot be made to begin anew here")
    code = """
import numpy as np
from benchmarks import contenders, peak
from benchmarks.problems import Contender
kept = []
take = lambda images: kept.append(np.ones(images * 2**17))  # a MiB for each image
contenders.TRAINING["greedy"] = lambda problem: Contender(lambda: take(len(problem.x)) or kept.clear(), dict)
print(peak.bytes_beyond_data("greedy", 50, 28, "float64"))
"""
    result = run("-c", code)
    assert result.returncode == 0, result.stderr
    assert 48 * 2**20 < int(result.stdout) < 56 * 2**20


# The report


def test_the_steps_and_limits_are_those_promised():
    limits = {name: (step.limits["float64"], step.limits["float32"]) for name, step in STEPS.items()}
    assert limits == {"a": (0.40, 0.25), "b": (0.45, 1.0), "c": (0.40, 0.45), "d": (0.20, 0.30)}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.00000345, "3.5 µs"),
        (0.000042, "42 µs"),
        (0.0098, "9.8 ms"),
        (0.9999, "1.0 s"),
        (61.2, "61 s"),
        (2e-7, "0.20 µs"),
    ],
)
def test_a_time_is_written_with_its_unit(seconds, words):
    assert report.duration(seconds) == words


def test_readme_and_tables_say_what_was_measured():
    """They are made from benchmarks/results.json, by `make bench` or `python -m benchmarks --only report`."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == report.put_into(readme, report.readme(RESULTS))
    assert (ROOT / "docs" / "speed.md").read_text(encoding="utf-8") == report.page(RESULTS)
    assert (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8") == report.tables(RESULTS)


def test_the_stored_results_are_complete_and_name_nobody():
    assert set(bench.PARTS) <= set(RESULTS)
    known = {"processor", "cores", "memory_gib", "vectors", "system", "busy_percent"}
    assert set(RESULTS["machine"]) | {"vectors"} == known
    assert all(set(RESULTS["steps"][name]) == set(DTYPES) for name in STEPS)
    for both in RESULTS["steps"].values():
        for measured in both.values():
            assert set(measured["times"]) | set(measured["left_out"]) == set(contenders.TRAINING)
            assert all(one["lower"] <= one["median"] <= one["upper"] for one in measured["times"].values())


def test_on_a_busy_machine_no_limit_is_judged():
    quiet, busy = ({**RESULTS, "machine": {**RESULTS["machine"], "busy_percent": percent}} for percent in (1.0, 60.0))
    assert "not to be trusted" not in report.place(quiet)
    assert "reached" in report.page(quiet)
    assert report.place(busy).endswith("Something else kept the machine 60 % busy, so the times are not to be trusted.")
    assert "reached" not in report.page(busy)


def test_the_picture_is_drawn_from_the_results_and_told_in_words(tmp_path):
    picture.draw(RESULTS, tmp_path / "speed.png")
    height, width, _ = imread(tmp_path / "speed.png").shape
    assert width > 2 * height > 600
    words = report.alt(RESULTS)
    assert all(f"Step {name}:" in words for name in STEPS)
    assert not set("[]\n") & set(words)  # it stands in a Markdown link


# The command


@pytest.mark.thorough
def test_the_benchmarks_run_and_write_nothing():
    before = {path: path.read_bytes() for path in (ROOT / "README.md", bench.RESULTS)}
    result = run("-m", "benchmarks", "--quick", "--only", "steps")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Measured on ")
    assert "| a    | float64 |" in result.stdout
    assert "loops" in result.stdout
    assert {path: path.read_bytes() for path in before} == before
