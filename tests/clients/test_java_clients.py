"""Kafka's own Java clients and command line tools.

`tests/java/ClientJudge.java` runs once a broker; each of its checks is a test here.
"""

from __future__ import annotations

from typing import Protocol

import pytest
from java import JAVA_FOLDER, run_java

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]


class Cluster(Protocol):
    """The broker to be judged, from the fixture in `conftest`."""

    @property
    def bootstrap(self) -> str: ...


CHECKS = {
    **{f"records_{codec}": f"codec_{codec}" for codec in ("none", "gzip", "snappy", "lz4", "zstd")},
    "group_Range": "group_range",
    "group_RoundRobin": "group_roundrobin",
    "group_Sticky": "group_sticky",
    "group_CooperativeSticky": "group_cooperative_sticky",
    "static_member": "static_member",
    "stale_member": "lost_member",
    "offsets_by_time": "offsets_by_time",
    "topics": "topics",
    "configs": "topic_configs",
    "too_large": "too_large_record",
    "delete_records": "delete_records",
    "groups_admin": "groups_admin",
    "cluster": "cluster",
    "transactions": "transactions",
    "fencing": "fencing",
    "offsets_in_transactions": "transaction_offsets",
}
"""What the judge prints for each check, and the scenario that it shows."""


@pytest.fixture(scope="session")
def verdicts(cluster: Cluster) -> dict[str, str]:
    """What the judge says of each check."""
    output = run_java(JAVA_FOLDER / "ClientJudge.java", cluster.bootstrap, timeout=300)
    lines = [line.partition(" ") for line in output.splitlines()]
    return {name: verdict for name, _, verdict in lines if name in CHECKS}


@pytest.mark.parametrize(
    "check",
    [pytest.param(c, marks=pytest.mark.scenario(s, client="java")) for c, s in CHECKS.items()],
)
def test_java_clients_work(verdicts: dict[str, str], check: str) -> None:
    assert verdicts[check] == "ok"


def test_no_check_is_forgotten(verdicts: dict[str, str]) -> None:
    assert sorted(verdicts) == sorted(CHECKS)
