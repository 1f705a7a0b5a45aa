"""For all tests: what Hypothesis finds doesn't depend on how busy the machine is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# An example that takes 0.2 s, or data that are slow to make, are failures by default; with load they come about.
settings.register_profile("streamkit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("streamkit")
