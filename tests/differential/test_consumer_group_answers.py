"""The same requests of the consumer protocol to the bundled broker and to Apache Kafka 4.3.0: the same answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from answer_differences import differences
from consumer_group_script import (
    SETTINGS,
    recorded_answers,
    run_consumer_group_script,
)
from kafka_broker import KafkaBroker

from streamkit.testing import EmbeddedBroker


def test_consumer_group_answers_are_those_recorded_of_apache_kafka() -> None:
    with EmbeddedBroker(settings=SETTINGS) as broker:
        found = list(run_consumer_group_script(broker.bootstrap))
    assert_same(found, recorded_answers())


@pytest.mark.kafka
def test_recorded_answers_are_still_apache_kafkas(tmp_path: Path) -> None:
    with KafkaBroker(tmp_path / "kafka", SETTINGS) as kafka:
        found = list(run_consumer_group_script(kafka.bootstrap))
    assert_same(found, recorded_answers())


def assert_same(found: list[tuple[str, object]], expected: list[tuple[str, object]]) -> None:
    assert [name for name, _ in found] == [name for name, _ in expected]
    lines = [
        line
        for (step, ours_said), (_, kafka_said) in zip(found, expected, strict=True)
        for line in differences(step, kafka_said, ours_said)
    ]
    assert not lines, "\n".join(lines)
