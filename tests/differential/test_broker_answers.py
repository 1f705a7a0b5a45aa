"""The same requests to the bundled broker and to Apache Kafka 4.3.0: the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_broker import KafkaBroker
from request_script import run_script

from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.kafka

_ELR = "Kafka sets min.insync.replicas for all brokers when it keeps eligible leader replicas"
_REPEATED = "Kafka answers a repeated batch's own timestamp as if it were that of its append"
_OPERATION = "Kafka stumbles over an unknown operation, ours says that the request is invalid"

DIFFERENCES: dict[str, str] = {
    "create v7": _ELR,
    "create: validate only v5": _ELR,
    "idempotent: again v9": _REPEATED,
    "idempotent: old again v9": _REPEATED,
    "alter: unknown operation v0": _OPERATION,
    "alter: unknown operation v1": _OPERATION,
}
"""Steps whose answers differ, and why they may."""


def test_answers_are_apache_kafkas(tmp_path: Path) -> None:
    with EmbeddedBroker() as ours, KafkaBroker(tmp_path / "kafka") as kafka:
        found = dict(run_script(ours.bootstrap))
        expected = dict(run_script(kafka.bootstrap))
    assert list(found) == list(expected)
    different = [step for step in expected if found[step] != expected[step]]
    unexplained = [step for step in different if step not in DIFFERENCES]
    assert not unexplained, "\n".join(
        line for step in unexplained for line in _differences(step, expected[step], found[step])
    )
    assert sorted(different) == sorted(DIFFERENCES), "a difference that is listed is gone"


def _differences(path: str, expected: object, found: object) -> Iterator[str]:
    """A line for each leaf that differs."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in expected:
            yield from _differences(f"{path}.{name}", expected[name], found[name])
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, pair in enumerate(zip(expected, found, strict=True)):
            yield from _differences(f"{path}[{index}]", *pair)
    elif expected != found:
        yield f"{path}: Kafka {expected!r}, ours {found!r}"
