"""What GitHub runs is what nox runs here, and is written as GitHub reads it."""

import json
import re
import subprocess
import sys
import tomllib
from itertools import product
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(ROOT.glob(".github/workflows/*.yml"))
WORKFLOWS = {path.name: YAML(typ="safe").load(path) for path in FILES}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CLASSIFIER = "Programming Language :: Python :: "
PYTHONS = [line.removeprefix(CLASSIFIER) for line in PROJECT["classifiers"] if line.startswith(CLASSIFIER)]


def runs():
    """Every (system, session, Python) of the job `versions`."""
    matrix = WORKFLOWS["test.yml"]["jobs"]["versions"]["strategy"]["matrix"]
    included = [(run["os"], run["session"], run["python"]) for run in matrix["include"]]
    return [*product(matrix["os"], matrix["session"], matrix["python"]), *included]


def test_github_runs_every_session_of_nox_with_its_python():
    pytest.importorskip("nox", reason="nox comes with the extra dev")
    command = [sys.executable, "-m", "nox", "--list-sessions", "--json"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    sessions = {(session["name"], session["python"]) for session in json.loads(result.stdout)}
    assert {(session, python) for _, session, python in runs()} == sessions


def test_no_session_runs_twice():
    assert len(runs()) == len(set(runs()))


def test_every_python_runs_on_every_system():
    newest = {(system, python) for system, session, python in runs() if session == "newest"}
    assert newest == set(product(["ubuntu-latest", "macos-latest", "windows-latest"], PYTHONS))


def test_the_classifiers_name_every_python_from_the_oldest_allowed_on():
    minors = [int(version.removeprefix("3.")) for version in PYTHONS]
    assert minors == list(range(minors[0], minors[-1] + 1))
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert PYTHONS[0] in allowed
    assert f"3.{minors[0] - 1}" not in allowed


MAY_WRITE = {("site.yml", "deploy"): {"pages": "write", "id-token": "write"}}


def test_no_job_may_hang_or_write_what_it_need_not():
    for file, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {}
        for name, job in workflow["jobs"].items():
            assert job["timeout-minutes"] <= 30
            assert job["permissions"] == MAY_WRITE.get((file, name), {"contents": "read"})


def test_every_action_is_pinned_by_its_hash_to_one_version():
    lines = re.findall(r"uses: (.+)", "".join(path.read_text(encoding="utf-8") for path in FILES))
    pinned = {re.fullmatch(r"([\w/-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)[1]: line for line in lines}
    assert set(pinned.values()) == set(lines)


def test_what_it_makes_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"make ([\w-]+)", "".join(path.read_text(encoding="utf-8") for path in FILES))
    assert set(targets) <= set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))


def test_only_a_site_that_passed_in_a_browser_is_deployed():
    build, deploy = (WORKFLOWS["site.yml"]["jobs"][name] for name in ("build", "deploy"))
    assert deploy["needs"] == "build"
    steps = [(step.get("run") or step["uses"]).split("@")[0] for step in build["steps"]]
    make, test, upload = map(
        steps.index, ("make site PYTHON=python", "make test-site", "actions/upload-pages-artifact")
    )
    assert make < test < upload
    assert build["steps"][test]["env"] == {"SITE": "built"}
    assert build["steps"][upload]["with"] == {"path": "site"}
    assert not any({"if", "continue-on-error"} & set(step) for step in [build, deploy, *build["steps"]])
