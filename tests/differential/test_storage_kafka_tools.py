"""Apache Kafka's tools read our folders, and we read the folders of an Apache Kafka broker."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as Partition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # not in its stubs
from dump_log import dump_log
from kafka_broker import KafkaBroker
from log_batches import all_rows, batch, marker

from streamkit.clock import ManualClock, SystemClock
from streamkit.log.protocol import Compression, ControlKind
from streamkit.log.storage import LogConfig, LogManager
from streamkit.model import TopicPartition

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TP = TopicPartition("events", 0)


def write_events(folder: Path, *, stop: str) -> tuple[Path, int]:
    """A log with every codec, an idempotent producer, transactions, gaps in time, many segments."""
    manager = LogManager(
        folder, LogConfig(segment_bytes=6000, index_interval_bytes=500), ManualClock()
    )
    manager.open()
    log = manager.create(TP)
    codecs = list(Compression)
    for index in range(120):
        times = [1000 + 7 * index, 1000 + 5 * index]
        log.append(
            batch(
                b"%d" % index * 20,
                b"second",
                timestamps=times,
                key=None if index % 7 == 0 else b"k%d" % index,
                producer=(4, 0, 2 * index),
                compression=codecs[index % 5],
            ),
            now_ms=0,
            leader_epoch=index // 50,
        )
        if index % 10 == 0:
            data = batch(producer=(77, 1, index // 10), transactional=True)
            log.append(data, now_ms=0, leader_epoch=index // 50)
        if index % 10 == 5:
            kind = ControlKind.ABORT if index % 20 == 5 else ControlKind.COMMIT
            end = marker(kind, 77, 1, timestamp=1000 + 7 * index)
            log.append(end, now_ms=0, from_client=False, leader_epoch=index // 50)
    log.append(batch(producer=(78, 0, 0), transactional=True), now_ms=0, leader_epoch=2)
    end_offset = log.end_offset
    if stop == "clean":
        manager.close()
    else:
        manager.abandon()
        manager = LogManager(folder, LogConfig(segment_bytes=6000), ManualClock())
        manager.open()
        assert manager.recovered
        manager.close()
    return folder / str(TP), end_offset


@pytest.mark.parametrize("stop", ["clean", "killed"])
def test_kafka_dump_log_reads_our_folder(tmp_path: Path, stop: str) -> None:
    folder, end_offset = write_events(tmp_path, stop=stop)
    logs = sorted(folder.glob("*.log"))
    indexes = sorted(folder.glob("*.index"))
    times = sorted(folder.glob("*.timeindex"))
    assert len(logs) == len(indexes) == len(times) > 2
    printed = dump_log(logs, "--deep-iteration", "--print-data-log")
    assert len(re.findall(r"^\| offset: \d+", printed, re.M)) == end_offset
    assert printed.count("endTxnMarker: ABORT") == 6
    assert printed.count("endTxnMarker: COMMIT") == 6
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        assert f"compresscodec: {codec}" in printed
    entries = dump_log(indexes)
    assert len(re.findall(r"^offset: \d+ position: \d+", entries, re.M)) == sum(
        path.stat().st_size // 8 for path in indexes
    )
    dump_log(indexes, "--index-sanity-check")
    entries = dump_log(times)
    assert len(re.findall(r"^timestamp: \d+ offset: \d+", entries, re.M)) == sum(
        path.stat().st_size // 12 for path in times
    )
    dump_log(times, "--index-sanity-check")
    aborted = dump_log(sorted(folder.glob("*.txnindex")))
    assert aborted.count("producerId: 77") == 6
    snapshots = dump_log([sorted(folder.glob("*.snapshot"))[-1]])
    assert "producerId: 4 producerEpoch: 0" in snapshots
    assert "lastSequence: 239" in snapshots
    assert re.search(rf"producerId: 78 .*currentTxnFirstOffset: .*{end_offset - 1}", snapshots)


def test_folder_of_apache_kafka_is_read_and_carried_on(tmp_path: Path) -> None:
    """Kafka writes, we read and write, Kafka reads all of it."""
    with KafkaBroker(tmp_path, {"log.index.interval.bytes": "200"}) as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        settings = {"segment.bytes": "1048576"}
        admin.create_topics([NewTopic("events", 1, 1, config=settings)])["events"].result(30)
        plain = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True})
        sent: list[bytes] = []
        for index in range(3000):
            sent.append(b"%d" % index * 200)
            plain.produce("events", sent[-1], b"k%d" % index, timestamp=10_000 + index)
            plain.poll(0)
        plain.flush(30)
        for name, commit in (("t1", True), ("t2", False)):
            transactional = Producer(
                {"bootstrap.servers": kafka.bootstrap, "transactional.id": name}
            )
            transactional.init_transactions(30)
            transactional.begin_transaction()
            transactional.produce("events", name.encode(), timestamp=20_000)
            transactional.flush(30)
            if commit:
                transactional.commit_transaction(30)
                sent.append(name.encode())
            else:
                transactional.abort_transaction(30)
        kafka.stop()

        dump_log(sorted((tmp_path / "data" / "events-0").glob("*.log")), "--deep-iteration")
        manager = LogManager(tmp_path / "data", LogConfig(segment_bytes=1_048_576), SystemClock())
        manager.open()
        assert not manager.recovered
        assert not manager.failed
        log = manager.get(TP)
        assert log is not None
        assert log.topic_id is not None
        assert log.end_offset == 3004
        assert len(log.segments) >= 2
        read = [row.value for row in all_rows(log)]
        assert read == [*sent, b"t2"]
        found = log.offset_for_timestamp(11_234)
        assert found is not None
        assert found.offset == 1234
        aborted = log.read(3002, 10_000, isolation="read_committed").aborted
        assert [entry.first_offset for entry in aborted or []] == [3002]
        idempotent = [entry for entry in log.producers.values() if entry.last_sequence == 2999]
        assert len(idempotent) == 1
        for index in range(50):
            value = b"ours %d" % index
            log.append(batch(value, timestamp=30_000 + index), now_ms=30_000, leader_epoch=9)
            sent.append(value)
        manager.close()

        kafka.restart()
        got = [value for _, _, value in consumed(kafka.bootstrap, "events")]
        assert got == sent
    assert "ERROR" not in kafka.output.read_text()


def consumed(bootstrap: str, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
    """Offset, key and value of all committed records, as librdkafka reads them."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "judge",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "check.crcs": True,
        }
    )
    consumer.assign([Partition(topic, 0, 0)])
    got: list[tuple[int, bytes | None, bytes | None]] = []
    while True:
        message = consumer.poll(30)
        assert message is not None
        if message.error():
            break
        offset = message.offset()
        assert offset is not None
        got.append((offset, message.key(), message.value()))
    consumer.close()
    return got


def test_log_that_we_compacted_is_read_by_apache_kafka(tmp_path: Path) -> None:
    """Kafka writes a table with tombstones and transactions, we compact it, Kafka serves the rest."""
    with KafkaBroker(tmp_path, {"log.cleaner.enable": "false"}) as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        settings = {"segment.bytes": "1048576", "cleanup.policy": "compact"}
        admin.create_topics([NewTopic("table", 1, 1, config=settings)])["table"].result(30)
        plain = Producer({"bootstrap.servers": kafka.bootstrap, "compression.type": "lz4"})
        for index in range(6000):
            value = None if index % 11 == 0 else os.urandom(500)
            plain.produce("table", value, b"k%d" % (index % 300), headers={"n": b"%d" % index})
            plain.poll(0)
        plain.flush(30)
        for index in range(6):
            options = {"bootstrap.servers": kafka.bootstrap, "transactional.id": f"t{index % 2}"}
            transactional = Producer(options)
            transactional.init_transactions(30)
            transactional.begin_transaction()
            for key in range(50):
                transactional.produce("table", os.urandom(5000), b"k%d" % (key * (index + 1)))
            transactional.flush(30)
            if index % 3:
                transactional.abort_transaction(30)
            else:
                transactional.commit_transaction(30)
        before = consumed(kafka.bootstrap, "table")
        kafka.stop()

        config = LogConfig(
            segment_bytes=1_048_576,
            cleanup_policy=frozenset({"compact"}),
            min_cleanable_dirty_ratio=0,
        )
        manager = LogManager(tmp_path / "data", LogConfig(), SystemClock())
        manager.open({"table": config})
        log = manager.get(TopicPartition("table", 0))
        assert log is not None
        log.roll(SystemClock().now_ms())
        size, end_offset = log.size_bytes, log.end_offset
        while manager.clean(SystemClock().now_ms()):
            pass
        assert log.size_bytes < size / 4
        manager.close()
        folder = tmp_path / "data" / "table-0"
        indexes = [*folder.glob("*.index"), *folder.glob("*.txnindex")]
        dump_log(sorted(indexes))

        kafka.restart()
        after = consumed(kafka.bootstrap, "table")
        assert set(after) <= set(before)
        assert len(after) < 400
        assert {key: value for _, key, value in after} == {key: value for _, key, value in before}
        again = Producer({"bootstrap.servers": kafka.bootstrap})
        reports: list[int | None] = []
        again.produce("table", b"new", b"k0", on_delivery=lambda _, m: reports.append(m.offset()))
        again.flush(30)
        assert reports == [end_offset]
    assert "ERROR" not in kafka.output.read_text()
