"""The same requests to the bundled broker and to Apache Kafka 4.3.0: the same answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from answer_differences import Difference, Explained
from kafka_broker import KafkaBroker
from request_script import run_script

from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.kafka

_ELR = "Kafka sets min.insync.replicas for all brokers when it keeps eligible leader replicas"
_REPEATED = Difference(
    "Kafka answers a repeated batch's own timestamp as if it were that of its append",
    {".responses[script-a].partition_responses[0].log_append_time_ms": -1},
)
_OPERATION = Difference(
    "Kafka stumbles over an unknown operation, ours says that the request is invalid",
    {".responses[0].error_code": 42},
)

DIFFERENCES: dict[str, Difference] = {
    "create v7": Difference(
        _ELR, {".topics[script-a].configs[min.insync.replicas].config_source": 5}
    ),
    "create: validate only v5": Difference(
        _ELR, {".topics[script-v].configs[min.insync.replicas].config_source": 5}
    ),
    "idempotent: again v9": _REPEATED,
    "idempotent: old again v9": _REPEATED,
    "alter: unknown operation v0": _OPERATION,
    "alter: unknown operation v1": _OPERATION,
}
"""Steps whose answers differ, in what, and why they may."""


def test_answers_are_apache_kafkas(tmp_path: Path) -> None:
    with EmbeddedBroker() as ours, KafkaBroker(tmp_path / "kafka") as kafka:
        found = dict(run_script(ours.bootstrap))
        expected = dict(run_script(kafka.bootstrap))
    assert list(found) == list(expected)
    explained = Explained(DIFFERENCES)
    for step in expected:
        explained.take(step, step, expected[step], found[step])
    assert not explained.others, "\n".join(explained.others)
    assert explained.gone() == [], "a difference that is listed is gone"
