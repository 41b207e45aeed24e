"""How many examples hypothesis draws, and what a run has left out."""

import importlib.util

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, so that nobody's change fails for what it has nothing to do with; and no deadline, as
# how long an example takes says more about what else the machine does than about the code.
settings.register_profile(
    "repeatable",
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

LEFT_OUT = pytest.StashKey[list]()
THOROUGH = "thorough tests (hostile arguments, drawn examples, damaged files, learners' answers)"
WITH_TORCH = "comparisons with PyTorch, which is not installed"


def pytest_configure(config):
    config.stash[LEFT_OUT] = []


def pytest_deselected(items):
    """Note what the marker left out; what -k leaves out, whoever wrote it knows."""
    if all(item.get_closest_marker("thorough") for item in items):
        items[0].config.stash[LEFT_OUT].append(THOROUGH)


def pytest_collection_finish(session):
    left_out = session.config.stash[LEFT_OUT]
    modules = {item.module for item in session.items if hasattr(item, "module")}
    if importlib.util.find_spec("torch") is None and any("torch" in name for part in modules for name in vars(part)):
        left_out.append(WITH_TORCH)
    if hasattr(session.config, "workeroutput"):  # with xdist, only the processes that test know
        session.config.workeroutput["left_out"] = left_out


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    if hasattr(node, "workeroutput"):
        node.config.stash[LEFT_OUT] = node.workeroutput["left_out"]


def pytest_terminal_summary(terminalreporter, config):
    """Say in one line what this run left out."""
    if left_out := config.stash[LEFT_OUT]:
        terminalreporter.write_line(f"Not run: {'; '.join(left_out)}. `make test-all` runs everything that can be run.")
