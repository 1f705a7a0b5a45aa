"""Transactions of Kafka's Java clients, Kafka Streams and command line tools.

`tests/java/TransactionJudge.java` runs once a broker; each of its checks is a test here.
"""

from __future__ import annotations

from typing import Protocol

import pytest
from java import JAVA_FOLDER, run_java

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

CHECKS = {
    "abort_by_admin": "transactions_admin",
    "commit_and_abort": "transactions",
    "describe": "transactions_admin",
    "fence_by_admin": "fencing",
    "fencing": "fencing",
    "new_epoch_each_transaction": "transactions",
    "offsets": "transaction_offsets",
    "streams_exactly_once": "transactions",
    "timeout": "transaction_timeout",
    "timeout_too_long": "transaction_timeout",
}
"""What the judge prints for each check, and the scenario that it shows."""


class Cluster(Protocol):
    """The broker to be judged, from the fixture in `conftest`."""

    @property
    def bootstrap(self) -> str: ...


@pytest.fixture(scope="session")
def bootstrap(cluster: Cluster) -> str:
    return cluster.bootstrap


@pytest.fixture(scope="session")
def verdicts(bootstrap: str) -> dict[str, str]:
    """What the judge says of each check."""
    output = run_java(JAVA_FOLDER / "TransactionJudge.java", bootstrap, timeout=350)
    lines = [line.partition(" ") for line in output.splitlines()]
    return {name: verdict for name, _, verdict in lines if name in CHECKS}


@pytest.mark.parametrize(
    "check",
    [pytest.param(c, marks=pytest.mark.scenario(s, client="java")) for c, s in CHECKS.items()],
)
def test_java_transactions_work(verdicts: dict[str, str], check: str) -> None:
    assert verdicts[check] == "ok"
