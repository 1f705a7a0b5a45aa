"""Inputs and changelogs that transactional producers wrote: a worker takes what was committed, and only that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamkit.dsl import StreamsBuilder
from streamkit.log.client import Admin, Consumer, NewTopic, Producer
from streamkit.model import TopicPartition
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.testing import EmbeddedBroker

GROUP = "counter"
OUT = TopicPartition("out", 0)
CHANGELOG = f"{GROUP}-counts-changelog"


@pytest.fixture
def bootstrap() -> Iterator[str]:
    with EmbeddedBroker() as broker:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic("in", 1), NewTopic("out", 1), NewTopic(CHANGELOG, 1)])
        yield broker.bootstrap


@pytest.fixture
def producer(bootstrap: str) -> Iterator[Producer]:
    with Producer(bootstrap, transactional_id="writer") as running:
        running.init_transactions()
        yield running


def worker(bootstrap: str, folder: Path, *, stop_at_end: bool) -> Worker:
    builder = StreamsBuilder(default_key=str, default_value=str)
    counts = builder.stream("in").group_by_key().count(store="counts")
    counts.map_values(str, value=str).to_stream().to("out")
    settings = WorkerSettings(
        GROUP, bootstrap, folder, commit_interval_ms=50, linger_ms=0, stop_at_end=stop_at_end
    )
    return Worker(builder.build(), settings)


def outputs(bootstrap: str) -> list[tuple[bytes | None, bytes | None]]:
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([OUT])
        end = consumer.end_offsets([OUT])[OUT]
        records = []
        while consumer.position(OUT) < end:
            records += consumer.poll(0.2)
    return [(record.key, record.value) for record in records]


def give(producer: Producer, topic: str, key: bytes, value: bytes) -> None:
    producer.append(topic, 0, key, value, 0, ())


def test_worker_is_done_when_markers_end_the_input(
    bootstrap: str, producer: Producer, tmp_path: Path
) -> None:
    """It commits past markers and aborted records, and processes none of them."""
    producer.begin_transaction()
    give(producer, "in", b"a", b"committed")
    producer.commit_transaction()
    running = worker(bootstrap, tmp_path, stop_at_end=True)
    running.start()
    producer.begin_transaction()
    give(producer, "in", b"a", b"aborted")
    producer.flush()
    producer.abort_transaction()
    assert running.join(30), running.status
    assert outputs(bootstrap) == [(b"a", b"1")]
    with Admin(bootstrap) as admin:
        committed = admin.group_offsets(GROUP)[TopicPartition("in", 0)]
        end = admin.list_offsets([TopicPartition("in", 0)])[TopicPartition("in", 0)]
    assert end is not None
    assert committed.offset == end.offset == 4


def test_restore_waits_for_the_end_of_a_transaction_in_the_changelog(
    bootstrap: str, producer: Producer, tmp_path: Path
) -> None:
    """The input offsets of that transaction may be committed before its records are readable."""
    producer.begin_transaction()
    give(producer, CHANGELOG, b"a", (41).to_bytes(8, "big"))
    producer.flush()
    with Producer(bootstrap) as plain:
        give(plain, "in", b"a", b"one more")
    running = worker(bootstrap, tmp_path, stop_at_end=False)
    running.start()
    deadline = time.monotonic() + 20
    while running.status.state != "restoring":
        assert time.monotonic() < deadline, running.status
        time.sleep(0.005)
    producer.commit_transaction()
    while not running.join(0) and not outputs(bootstrap):
        assert time.monotonic() < deadline, running.status
    running.stop()
    assert running.join(20)
    assert outputs(bootstrap) == [(b"a", b"42")]
