"""For all tests: what Hypothesis finds doesn't depend on how busy the machine is; who needs Java says so."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from judges import need

# An example that takes 0.2 s, or data that are slow to make, are failures by default; with load they come about.
settings.register_profile("streamkit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("streamkit")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture starts Apache Kafka: what its tests do where it can't be."""
    if item.get_closest_marker("kafka") is not None:
        need("java")
