"""The same group requests to the bundled broker and to Apache Kafka 4.3.0: the same answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from answer_differences import differences
from group_script import run_group_script
from kafka_broker import KafkaBroker

from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.kafka


def test_group_answers_are_apache_kafkas(tmp_path: Path) -> None:
    with EmbeddedBroker() as ours, KafkaBroker(tmp_path / "kafka") as kafka:
        found = list(run_group_script(ours.bootstrap))
        expected = list(run_group_script(kafka.bootstrap))
    assert [name for name, _ in found] == [name for name, _ in expected]
    lines = [
        line
        for (step, ours_said), (_, kafka_said) in zip(found, expected, strict=True)
        for line in differences(step, kafka_said, ours_said)
    ]
    assert not lines, "\n".join(lines)
