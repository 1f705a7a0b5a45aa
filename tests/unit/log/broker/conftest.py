"""A broker without sockets for the tests of its handlers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_lab import BrokerLab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[BrokerLab]:
    made = BrokerLab(tmp_path / "data")
    yield made
    made.close()
