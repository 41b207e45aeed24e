"""How many examples hypothesis draws: `ci` unless HYPOTHESIS_PROFILE says `deep`, as `make test-deep` does."""

import os

from hypothesis import HealthCheck, settings

# How long an example takes says more about what else the machine does than about the code.
unhurried = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
# The same examples in every run, so that nobody's change fails for what it has nothing to do with.
settings.register_profile("ci", max_examples=200, derandomize=True, database=None, **unhurried)
# Others in every run. What fails is kept in .hypothesis and tried first the next time.
settings.register_profile("deep", max_examples=5000, print_blob=True, **unhurried)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
