"""Records that are deleted before they were read, and topics that are deleted, while an application is away or runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import streamkit as sk
from streamkit.errors import StreamkitError, TopologyError
from streamkit.log.client import Admin, Consumer, NewTopic, Producer
from streamkit.model import TopicPartition
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.timeout(60)

IN = TopicPartition("in", 0)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(settings={"group.min.session.timeout.ms": "500"}) as running:
        create(running, "in", "out")
        yield running


def create(broker: EmbeddedBroker, *topics: str) -> None:
    with Admin(broker.bootstrap) as admin:
        admin.create_topics([NewTopic(topic, 1) for topic in topics])


def feed(broker: EmbeddedBroker, *values: str) -> None:
    """Records of ten days ago, but those whose name begins with "new"."""
    now_ms = int(time.time() * 1000)
    with Producer(broker.bootstrap) as producer:
        for value in values:
            age_ms = 0 if value.startswith("new") else 10 * 86_400_000
            producer.append("in", 0, b"k", value.encode(), now_ms - age_ms, ())
        producer.flush()


def read(broker: EmbeddedBroker) -> list[str]:
    out = TopicPartition("out", 0)
    with Consumer(broker.bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([out])
        end = consumer.end_offsets([out])[out]
        values = []
        while consumer.position(out) < end:
            values += [(record.value or b"").decode() for record in consumer.poll(0.2)]
    return values


def committed(admin: Admin) -> int | None:
    """What the application committed of its topic; a topic that is deleted takes that along."""
    offsets = admin.group_offsets("gone")
    return offsets[IN].offset if IN in offsets else None


def copy(reset: Any = None) -> sk.Topology:
    builder = sk.StreamsBuilder()
    builder.stream("in", key=str, value=str, offset_reset=reset).to("out")
    return builder.build()


def start(
    broker: EmbeddedBroker, folder: Path, reset: Any = None, *, commit_interval_ms: int = 50
) -> Worker:
    settings = WorkerSettings(
        "gone",
        broker.bootstrap,
        folder,
        commit_interval_ms=commit_interval_ms,
        linger_ms=5,
        session_timeout_ms=3_000,
    )
    worker = Worker(copy(reset), settings)
    worker.start()
    return worker


def wait_for(condition: Callable[[], bool], worker: Worker) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, worker.status
        worker.join(0.02)


def stop(worker: Worker) -> None:
    worker.stop()
    assert worker.join(20)


@pytest.mark.parametrize(
    ("reset", "read_on"),
    [
        (None, ["e", "new f", "new g", "new h"]),
        ("earliest", ["e", "new f", "new g", "new h"]),
        ("latest", ["new h"]),
        (timedelta(days=1), ["new f", "new g", "new h"]),
    ],
)
def test_next_offset_that_retention_has_deleted_is_looked_for_as_the_source_says(
    broker: EmbeddedBroker,
    tmp_path: Path,
    reset: Any,
    read_on: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    feed(broker, "a", "b")
    worker = start(broker, tmp_path, "earliest")
    wait_for(lambda: worker.status.processed == 2, worker)
    stop(worker)
    feed(broker, "c", "d", "e", "new f", "new g")
    with Admin(broker.bootstrap) as admin:
        admin.delete_records({IN: 4})
    with caplog.at_level(logging.WARNING):
        worker = start(broker, tmp_path, reset)
        wait_for(lambda: "is not in the log" in caplog.text or "gone unread" in caplog.text, worker)
        time.sleep(
            0.3
        )  # for the new position to be known: "latest" shall not pass over what follows
        feed(broker, "new h")
        wait_for(lambda: read(broker) == ["a", "b", *read_on], worker)
        stop(worker)
    with Admin(broker.bootstrap) as admin:
        assert committed(admin) == 8


def test_source_without_a_policy_stops_the_worker_with_a_reason(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    feed(broker, "a", "b", "c")
    worker = start(broker, tmp_path, "earliest")
    wait_for(lambda: worker.status.processed == 3, worker)
    stop(worker)
    feed(broker, "d", "e")
    with Admin(broker.bootstrap) as admin:
        admin.delete_records({IN: 4})
    worker = start(broker, tmp_path, "none")
    with pytest.raises(
        StreamkitError, match=r"does not hold the committed offset any more for in-0, .*'none'"
    ):
        worker.join(20)


@pytest.mark.parametrize("commit_interval_ms", [50, 1_500])
def test_topic_that_is_made_again_while_the_worker_runs_is_read_from_its_beginning(
    broker: EmbeddedBroker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    commit_interval_ms: int,
) -> None:
    """Whether what was read of the old one had been committed or not."""
    feed(broker, "a", "b", "c")
    worker = start(broker, tmp_path, commit_interval_ms=commit_interval_ms)
    wait_for(lambda: len(read(broker)) == 3, worker)
    with caplog.at_level(logging.WARNING), Admin(broker.bootstrap) as admin:
        admin.delete_topics(["in"])
        create(broker, "in")
        feed(broker, "d", "e")
        wait_for(lambda: read(broker) == ["a", "b", "c", "d", "e"], worker)
        wait_for(lambda: committed(admin) == 2, worker)
    stop(worker)


@pytest.mark.parametrize("commit_interval_ms", [50, 1_500])
def test_topic_that_is_gone_is_told_and_stops_the_worker(
    broker: EmbeddedBroker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    commit_interval_ms: int,
) -> None:
    """As in Kafka Streams.

    It shall not look like a topic without news for as long as metadata may be old, nor shall a commit of what was
    read before wait for it.
    """
    feed(broker, "a")
    worker = start(broker, tmp_path, commit_interval_ms=commit_interval_ms)
    wait_for(lambda: read(broker) == ["a"], worker)
    with caplog.at_level(logging.WARNING), Admin(broker.bootstrap) as admin:
        admin.delete_topics(["in"])
        with pytest.raises(TopologyError, match="in"):
            worker.join(20)
    assert "topic in does not exist any more" in caplog.text
