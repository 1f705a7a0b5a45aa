"""Windows that close on the wall clock, and late records, in a real worker against the bundled broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

import streamkit as sk
from streamkit.log.client import Admin, Consumer, NewTopic, Producer
from streamkit.model import TopicPartition
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.state import StoreSettings
from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.timeout(60)

PARTITIONS = 2


def topology(*, suppressed: bool) -> sk.Topology:
    builder = sk.StreamsBuilder()
    windows = sk.TumblingWindows(1000, idle=300)
    windowed = builder.stream("in", key=str, value=str).group_by_key().windowed_by(windows)
    if suppressed:
        table = windowed.count(store="counts").suppress(sk.UntilWindowCloses(), name="final")
    else:
        windowed = windowed.emit_on_close(every=0)
        table = windowed.count(store="counts")
    table.to_stream(lambda key, _: f"{key.key}@{key.start_ms}", key=str).to("out", value=int)
    windowed.late_records(name="late").to("late")
    return builder.build()


def read(broker: EmbeddedBroker, topic: str) -> list[tuple[str, bytes | None]]:
    rows = []
    with Consumer(broker.bootstrap, auto_offset_reset="earliest") as consumer:
        for number in range(PARTITIONS):
            partition = TopicPartition(topic, number)
            consumer.assign([partition])
            end = consumer.end_offsets([partition])[partition]
            consumer.seek_to_beginning()
            while consumer.position(partition) < end:
                rows += [((r.key or b"").decode(), r.value) for r in consumer.poll(0.2)]
    return rows


def feed(broker: EmbeddedBroker, *records: tuple[str, int]) -> None:
    with Producer(broker.bootstrap) as producer:
        for key, timestamp in records:
            producer.append("in", -1, key.encode(), b"x", timestamp, ())
        producer.flush()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("backend", "suppressed"),
    [("memory", True), ("rocksdb", False)],
    ids=["memory, suppress", "rocksdb, emit_on_close"],
)
def test_quiet_partitions_give_their_results_once_over_a_restart(
    tmp_path: Path, suppressed: bool, backend: str
) -> None:
    counted = (2).to_bytes(8, "big")
    with EmbeddedBroker(settings={"group.min.session.timeout.ms": "500"}) as broker:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic(topic, PARTITIONS) for topic in ("in", "out", "late")])
        given = WorkerSettings(
            application_id="idle",
            bootstrap=broker.bootstrap,
            state_dir=tmp_path,
            commit_interval_ms=100,
            linger_ms=5,
            session_timeout_ms=3_000,
            store_settings=StoreSettings(backend=backend),
        )
        expected = [(f"{key}@0", counted) for key in "abcd"]
        feed(broker, *((key, 900 + n) for key in "abcd" for n in range(2)))
        for round_ in range(2):
            worker = Worker(topology(suppressed=suppressed), given)
            worker.start()
            try:
                wait_for(lambda: sorted(read(broker, "out")) == expected)
                # Closed by the clock, and closed it stays: what comes now is late.
                feed(broker, ("a", 950))
                wait_for(lambda late=round_ + 1: len(read(broker, "late")) == late)  # type: ignore[misc]  # the default binds the loop's value
            finally:
                worker.stop()
                assert worker.join(30)
        assert sorted(read(broker, "out")) == expected
        assert read(broker, "late") == [("a", b"x")] * 2
