"""The same group requests to the bundled broker and to Apache Kafka 4.3.0: the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
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


def differences(path: str, expected: object, found: object) -> Iterator[str]:
    """A line for each leaf that differs."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in expected:
            yield from differences(f"{path}.{name}", expected[name], found[name])
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, pair in enumerate(zip(expected, found, strict=True)):
            yield from differences(f"{path}[{index}]", *pair)
    elif expected != found:
        yield f"{path}: Kafka {expected!r}, ours {found!r}"
