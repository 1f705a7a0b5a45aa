"""Kill -9 of the broker under load: what was acknowledged is there once, in order, and clients go on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from broker_process import BrokerProcess
from kafka_broker import KafkaBroker

from streamkit.errors import NotReachableError
from streamkit.log.client import Admin, Consumer, NewTopic, Producer
from streamkit.model import EMPTY_HEADERS, TopicPartition

BASE_MS = 1_700_000_000_000
RECORDS = 30_000


class Broker(Protocol):
    """What this test does to a broker."""

    bootstrap: str

    def kill(self) -> None: ...


@pytest.fixture(params=["streamkit", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    if request.param == "streamkit":
        process = BrokerProcess(tmp_path / "data").start()
        yield process
        process.kill()
    else:
        with KafkaBroker(tmp_path / "kafka") as kafka:
            yield kafka


def start_again(broker: Broker) -> None:
    if isinstance(broker, BrokerProcess):
        broker.start()
    else:
        assert isinstance(broker, KafkaBroker)
        broker.restart()


@pytest.mark.slow
def test_idempotent_producer_loses_and_repeats_nothing_over_kills(broker: Broker) -> None:
    with Admin(broker.bootstrap) as admin:
        admin.create_topics([NewTopic("t", 3, configs={"retention.ms": "-1"})])
    read: dict[int, list[int]] = {0: [], 1: [], 2: []}
    stop = threading.Event()

    def consume() -> None:
        with Consumer(broker.bootstrap, auto_offset_reset="earliest") as consumer:
            consumer.assign([TopicPartition("t", p) for p in range(3)])
            while not stop.is_set() and sum(map(len, read.values())) < RECORDS:
                for batch in consumer.poll_batches(0.1):
                    values = [int(v or b"") for v in batch.columns.values]
                    read[batch.topic_partition.partition] += values

    reader = threading.Thread(target=consume)
    reader.start()
    try:
        # Small batches, so that many are under way when the broker dies.
        with Producer(broker.bootstrap, batch_bytes=500, linger_ms=1) as producer:
            for i in range(RECORDS):
                producer.append("t", i % 3, None, b"%d" % i, BASE_MS, EMPTY_HEADERS)
                if i in (RECORDS // 3, 2 * RECORDS // 3):
                    broker.kill()
                    start_again(broker)
            producer.flush(100)
        reader.join(60)
    finally:
        stop.set()
        reader.join()
    assert read == {p: list(range(p, RECORDS, 3)) for p in range(3)}


@pytest.mark.slow
def test_group_goes_on_after_a_kill(broker: Broker) -> None:
    with Admin(broker.bootstrap) as admin:
        admin.create_topics([NewTopic("t", 3, configs={"retention.ms": "-1"})])
    with (
        Producer(broker.bootstrap) as producer,
        Consumer(
            broker.bootstrap, group_id="g", auto_offset_reset="earliest", heartbeat_interval_ms=100
        ) as consumer,
    ):
        consumer.subscribe(["t"])
        for start in (0, 100):
            for i in range(start, start + 100):
                producer.append("t", i % 3, None, b"%d" % i, BASE_MS, EMPTY_HEADERS)
            producer.flush(60)
            seen: set[int] = set()
            while len(seen) < 100:
                for batch in consumer.poll_batches(0.1):
                    seen |= {int(v or b"") for v in batch.columns.values}
            assert seen == set(range(start, start + 100))
            consumer.commit()
            if start == 0:
                broker.kill()
                start_again(broker)
        assert {
            tp.partition: c.offset if c else None
            for tp, c in consumer.committed([TopicPartition("t", p) for p in range(3)]).items()
        } == {0: 67, 1: 67, 2: 66}


def test_broker_that_went_away_is_told_once_and_its_return_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        BrokerProcess(tmp_path) as broker,
        Consumer(broker.bootstrap, api_timeout_ms=500) as consumer,
    ):
        consumer.partitions_for("t")
        broker.kill()
        told(caplog, consumer, f"no broker answers any more, trying again: {broker.bootstrap}: ")
        broker.start()
        told(caplog, consumer, f"{broker.bootstrap} answers again")
    assert len(caplog.messages) == 2


def told(caplog: pytest.LogCaptureFixture, consumer: Consumer, text: str) -> None:
    deadline = time.monotonic() + 20
    while not any(message.startswith(text) for message in caplog.messages):
        assert time.monotonic() < deadline, caplog.messages
        with contextlib.suppress(NotReachableError):
            consumer.partitions_for("t")
