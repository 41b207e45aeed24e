"""How many examples hypothesis draws, and what a run has left out."""

import importlib.util
import os

from hypothesis import HealthCheck, settings

# How long an example takes says more about what else the machine does than about the code.
unhurried = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
# The same examples in every run, so that nobody's change fails for what it has nothing to do with.
settings.register_profile("ci", max_examples=200, derandomize=True, database=None, **unhurried)
# Others in every run. What fails is kept in .hypothesis and tried first the next time.
settings.register_profile("deep", max_examples=5000, print_blob=True, **unhurried)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_terminal_summary(terminalreporter, config):
    """Say in one line what this run left out."""
    left_out = []
    if config.option.markexpr == "not thorough":
        left_out.append("thorough tests (hostile arguments, drawn examples, damaged files, learners' answers)")
    if importlib.util.find_spec("torch") is None:
        left_out.append("comparisons with PyTorch, which is not installed")
    if left_out:
        terminalreporter.write_line(f"Not run: {'; '.join(left_out)}. `make test-all` runs everything that can be run.")
