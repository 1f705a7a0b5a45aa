"""Requests at the edges of every API to the bundled broker and to Apache Kafka 4.3.0: the same answers.

Empty and overlong names, nothing, the same twice, partitions that aren't there, epochs and times that can't be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from answer_differences import Difference, Explained
from edge_script import SETTINGS, Step, recorded_edges, run_edge_script
from kafka_broker import KafkaBroker

from streamkit.testing import EmbeddedBroker

_STUMBLES = "Apache Kafka stumbles (UNKNOWN_SERVER_ERROR)"
_NO_MEANING = Difference(
    "Apache Kafka takes a number that has no meaning", {".responses[0].error_code": 42}
)
_UNKNOWN_ID = {
    "topic": "",
    "topic_id": "no id",
    "partitions": [
        {
            "partition_index": partition,
            "error_code": 100,
            "high_watermark": -1,
            "last_stable_offset": -1,
            "log_start_offset": -1,
            "diverging_epoch": {"epoch": -1, "end_offset": -1},
            "current_leader": {"leader_id": -1, "leader_epoch": -1},
            "snapshot_id": {"end_offset": -1, "epoch": -1},
            "aborted_transactions": [],
            "preferred_read_replica": -1,
            "records": "",
        }
        for partition in (0, 9)
    ],
}

DIFFERENCES: dict[str, Difference] = {
    "Fetch: isolation 5": Difference(
        f"{_STUMBLES} over a level that doesn't exist; ours reads what is committed",
        {
            ".error_code": 0,
            ".responses[0].partitions[0].error_code": 0,
            ".responses[0].partitions[0].high_watermark": 0,
            ".responses[0].partitions[0].last_stable_offset": 0,
            ".responses[0].partitions[0].log_start_offset": 0,
        },
    ),
    "ListOffsets: isolation 5": Difference(
        f"{_STUMBLES}, as in a fetch",
        {
            ".topics[edge-c].partitions[0].error_code": 0,
            ".topics[edge-c].partitions[0].leader_epoch": 0,
            ".topics[edge-c].partitions[0].offset": 0,
        },
    ),
    "Fetch: no id": Difference(
        f"{_STUMBLES} over a topic id of zeros; ours knows no such topic",
        {".error_code": 0, ".responses": [_UNKNOWN_ID]},
    ),
    "Metadata: neither name nor id": Difference(
        f"{_STUMBLES}; ours says that the request is invalid",
        {".error_code": 42, ".topics[0].error_code": 42},
    ),
    "CreatePartitions: too many": Difference(
        f"{_STUMBLES}; ours says POLICY_VIOLATION, as Kafka for new topics",
        {".results[edge-c].error_code": 44},
    ),
    "IncrementalAlterConfigs: negative operation": Difference(
        f"{_STUMBLES}; ours says INVALID_REQUEST", {".responses[0].error_code": 42}
    ),
    "OffsetForLeaderEpoch: epoch -5": Difference(
        "an epoch before the first has no end; Kafka gives the log's start",
        {
            ".topics[0].partitions[0].end_offset": -1,
            ".topics[0].partitions[0].leader_epoch": -1,
        },
    ),
    "DescribeConfigs: no keys": Difference(
        "Kafka sets min.insync.replicas for all brokers when it is formatted",
        {".results[0].configs[min.insync.replicas].config_source": 5},
    ),
    "DescribeConfigs: unknown client metrics": Difference(
        "without telemetry, client metrics have no settings",
        {".results[0].configs": [], ".results[0].error_code": 42},
    ),
    "IncrementalAlterConfigs: log.flush.interval.ms = '-1'": _NO_MEANING,
    "IncrementalAlterConfigs: log.flush.interval.ms = '-2'": _NO_MEANING,
    "IncrementalAlterConfigs: log.retention.bytes = '-2'": _NO_MEANING,
    "IncrementalAlterConfigs: log.retention.ms = '-2'": _NO_MEANING,
    "DeleteGroups: that nobody could join": Difference(
        "Kafka remembers a group whose first member was refused", {".results[0].error_code": 69}
    ),
}
"""Steps of whichever version whose answers differ, in what, and why they may."""


def test_edge_answers_are_those_recorded_of_apache_kafka() -> None:
    with EmbeddedBroker(settings=SETTINGS) as broker:
        found = list(run_edge_script(broker.bootstrap))
    _assert_same(found, recorded_edges(), DIFFERENCES)


@pytest.mark.kafka
def test_recorded_edge_answers_are_still_apache_kafkas(tmp_path: Path) -> None:
    with KafkaBroker(tmp_path / "kafka", SETTINGS) as kafka:
        found = list(run_edge_script(kafka.bootstrap))
    _assert_same(found, recorded_edges(), {})


def _assert_same(found: list[Step], expected: list[Step], listed: Mapping[str, Difference]) -> None:
    """Fail unless all is the same but what is listed; its names say nothing of versions."""
    assert [name for name, _ in found] == [name for name, _ in expected]
    explained = Explained(listed)
    for (step, said), (_, kafka_said) in zip(found, expected, strict=True):
        explained.take(step, re.sub(r" v\d+:", ":", step), kafka_said, said)
    assert not explained.others, "\n".join(explained.others)
    assert explained.gone() == [], "a difference that is listed is gone"
