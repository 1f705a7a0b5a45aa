"""The two brokers that the conformance suite asks: the bundled one, and Apache Kafka 4.3.0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka_broker import KafkaBroker

from streamkit.testing.embedded_broker import EmbeddedBroker

__all__ = ["SETTINGS", "apache_kafka", "bundled"]

SETTINGS = {
    "group.consumer.heartbeat.interval.ms": "200",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.min.session.timeout.ms": "1000",
    "log.cleaner.backoff.ms": "200",
    "log.retention.check.interval.ms": "500",
    "log.retention.ms": "-1",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
}
"""Both get these, so that nothing that a test waits for takes long; some tests write records of years ago."""

_KAFKA_SETTINGS = {
    **SETTINGS,
    # The bundled broker looks after its logs from its first second on.
    "log.initial.task.delay.ms": "100",
}


@contextmanager
def bundled() -> Iterator[str]:
    """The bundled broker's address."""
    with EmbeddedBroker(settings=SETTINGS) as broker:
        yield broker.bootstrap


@contextmanager
def apache_kafka(folder: Path) -> Iterator[str]:
    """Apache Kafka's address."""
    with KafkaBroker(folder, _KAFKA_SETTINGS) as kafka:
        yield kafka.bootstrap
