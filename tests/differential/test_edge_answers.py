"""Requests at the edges of every API to the bundled broker and to Apache Kafka 4.3.0: the same answers.

Empty and overlong names, nothing, the same twice, partitions that aren't there, epochs and times that can't be.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from consumer_group_script import differences
from edge_script import SETTINGS, Step, recorded_edges, run_edge_script
from kafka_broker import KafkaBroker

from streamkit.testing import EmbeddedBroker

_STUMBLES = "Apache Kafka stumbles (UNKNOWN_SERVER_ERROR)"
_NO_MEANING = "Apache Kafka takes a number that has no meaning"

DIFFERENCES: dict[str, str] = {
    "Fetch: isolation 5": f"{_STUMBLES} over a level that doesn't exist; ours reads what is committed",
    "ListOffsets: isolation 5": f"{_STUMBLES}, as in a fetch",
    "Fetch: no id": f"{_STUMBLES} over a topic id of zeros; ours knows no such topic",
    "Metadata: neither name nor id": f"{_STUMBLES}; ours says that the request is invalid",
    "CreatePartitions: too many": f"{_STUMBLES}; ours says POLICY_VIOLATION, as Kafka for new topics",
    "IncrementalAlterConfigs: negative operation": f"{_STUMBLES}; ours says INVALID_REQUEST",
    "OffsetForLeaderEpoch: epoch -5": "an epoch before the first has no end; Kafka gives the log's start",
    "DescribeConfigs: no keys": "Kafka sets min.insync.replicas for all brokers when it is formatted",
    "DescribeConfigs: unknown client metrics": "without telemetry, client metrics have no settings",
    "IncrementalAlterConfigs: log.flush.interval.ms = '-1'": _NO_MEANING,
    "IncrementalAlterConfigs: log.flush.interval.ms = '-2'": _NO_MEANING,
    "IncrementalAlterConfigs: log.retention.bytes = '-2'": _NO_MEANING,
    "IncrementalAlterConfigs: log.retention.ms = '-2'": _NO_MEANING,
    "DeleteGroups: that nobody could join": "Kafka remembers a group whose first member was refused",
}
"""Steps of whichever version whose answers differ, and why they may."""


def test_edge_answers_are_those_recorded_of_apache_kafka() -> None:
    with EmbeddedBroker(settings=SETTINGS) as broker:
        found = list(run_edge_script(broker.bootstrap))
    different = _assert_same(found, recorded_edges(), DIFFERENCES)
    assert different == DIFFERENCES.keys(), "a difference that is listed is gone"


@pytest.mark.kafka
def test_recorded_edge_answers_are_still_apache_kafkas(tmp_path: Path) -> None:
    with KafkaBroker(tmp_path / "kafka", SETTINGS) as kafka:
        found = list(run_edge_script(kafka.bootstrap))
    _assert_same(found, recorded_edges(), {})


def _assert_same(found: list[Step], expected: list[Step], allowed: dict[str, str]) -> set[str]:
    """Fail unless all but the allowed steps are the same; which ones differ, without their versions."""
    assert [name for name, _ in found] == [name for name, _ in expected]
    different: set[str] = set()
    lines: list[str] = []
    for (step, said), (_, kafka_said) in zip(found, expected, strict=True):
        if said != kafka_said:
            name = re.sub(r" v\d+:", ":", step)
            different.add(name)
            if name not in allowed:
                lines += differences(step, kafka_said, said)
    assert not lines, "\n".join(lines)
    return different
