"""A full disk: writes are refused and may be repeated, reads go on, and service comes back with the space.

The disk is full for the broker alone: `RLIMIT_FSIZE` of its process makes each write that would lengthen a file fail,
the last one half-way, as a full disk does.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka as ck
import pytest
from broker_lab import batch, fetch_request
from broker_process import BrokerProcess
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from wire_client import WireClient

from streamkit.log.broker.doctor import examine
from streamkit.log.protocol import ErrorCode, batches, decode_batch
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)

NOW_MS = int(time.time() * 1000)

pytestmark = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="limits of another process can be set on Linux only"
)


def limit_files(process: BrokerProcess, size: int) -> None:
    """From now on no file of the broker may grow beyond `size` bytes; -1: each may."""
    assert process.process is not None
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.fixture
def process(tmp_path: Path) -> Iterator[BrokerProcess]:
    with BrokerProcess(tmp_path / "data") as running:
        yield running


def produce(client: WireClient, payload: bytes, sequence: int = -1, topic: str = "t") -> int:
    """The error code of one batch; of an idempotent producer if a sequence is given."""
    producer = {} if sequence < 0 else {"producer_id": 5000, "producer_epoch": 0}
    records = batch(payload, timestamp=NOW_MS, base_sequence=sequence, **producer)
    data = PartitionProduceData(index=0, records=records)
    request = ProduceRequest(
        acks=-1, timeout_ms=1000, topic_data=[TopicProduceData(name=topic, partition_data=[data])]
    )
    (answer,) = client.ask(request, 9).responses[0].partition_responses
    return int(answer.error_code)


def all_values(client: WireClient, topic: str = "t") -> list[bytes | None]:
    found: list[bytes | None] = []
    while True:
        request = fetch_request(topic, [(0, len(found))], max_bytes=10 << 20)
        (answer,) = client.ask(request, 12).responses[0].partitions
        assert answer.error_code == 0
        if not answer.records:
            return found
        found += [value for offset, value in rows(answer.records) if offset >= len(found)]


def rows(data: bytes) -> list[tuple[int, bytes | None]]:
    """Offset and value of all records, markers of transactions as None."""
    found: list[tuple[int, bytes | None]] = []
    for position, header in batches(data):
        columns = decode_batch(data, position, header)
        payloads = [None] * header.count if header.is_control else columns.values
        found += zip(columns.offsets, payloads, strict=True)
    return found


def test_half_written_batches_leave_no_trace(process: BrokerProcess) -> None:
    """Refused in the middle of a batch, again and again; an idempotent producer's retries count once."""
    with WireClient(process.bootstrap) as client:
        client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 9)
        assert produce(client, b"first", 0) == 0
        path = process.folder / "t-0" / f"{0:020d}.log"
        size = path.stat().st_size
        for more in (0, 1, 60, 500):
            limit_files(process, size + more)
            assert produce(client, b"x" * 1000, 1) == ErrorCode.KAFKA_STORAGE_ERROR
            assert path.stat().st_size == size
            assert all_values(client) == [b"first"]
        limit_files(process, -1)
        assert produce(client, b"x" * 1000, 1) == 0
        assert produce(client, b"x" * 1000, 1) == 0, "a repeated batch is acknowledged once more"
        assert all_values(client) == [b"first", b"x" * 1000]
    assert process.terminate()[0] == 0
    assert examine(process.folder).sound


@pytest.mark.slow
def test_clients_are_told_to_repeat_and_reading_goes_on(process: BrokerProcess) -> None:
    """Producer, group, transaction and admin of an independent client, while the disk is full and after."""
    base: dict[str, str | int | float | bool] = {
        "bootstrap.servers": process.bootstrap,
        "retry.backoff.max.ms": 100,
    }
    producer = ck.Producer(base)
    delivered: list[bytes] = []

    def note(error: ck.KafkaError | None, message: ck.Message) -> None:
        assert error is None
        value = message.value()
        assert isinstance(value, bytes)
        delivered.append(value)

    producer.produce("t", b"before", on_delivery=note)
    assert producer.flush(10) == 0
    consumer = ck.Consumer(
        {**base, "group.id": "g", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    transactional = ck.Producer({**base, "transactional.id": "x"})
    transactional.init_transactions(10)
    try:
        consumer.subscribe(["t"])
        message = None
        while message is None:
            message = consumer.poll(1)
        consumer.commit(message=message, asynchronous=False)

        limit_files(process, 0)
        producer.produce("t", b"while full", on_delivery=note)
        assert producer.flush(0.5) == 1, "it is repeated until there is space"
        with pytest.raises(ck.KafkaException) as refused:
            consumer.commit(offsets=[ck.TopicPartition("t", 0, 1)], asynchronous=False)
        assert refused.value.args[0].code() == ck.KafkaError.NOT_COORDINATOR
        transactional.begin_transaction()
        transactional.produce("t", b"in a transaction")
        with pytest.raises(ck.KafkaException) as refused:
            transactional.commit_transaction(1)
        assert refused.value.args[0].retriable()
        admin = AdminClient(base)
        with pytest.raises(ck.KafkaException) as refused:
            admin.create_topics([NewTopic("new", 1, 1)])["new"].result(10)
        assert refused.value.args[0].code() == ck.KafkaError.KAFKA_STORAGE_ERROR
        with WireClient(process.bootstrap) as reader:
            assert all_values(reader) == [b"before"]

        limit_files(process, -1)
        assert producer.flush(10) == 0
        assert delivered == [b"before", b"while full"]
        transactional.commit_transaction(10)
        consumer.commit(offsets=[ck.TopicPartition("t", 0, 1)], asynchronous=False)
        admin.create_topics([NewTopic("new", 1, 1)])["new"].result(10)
        with WireClient(process.bootstrap) as reader:
            found = all_values(reader)
            assert [each for each in found if each in (b"before", b"while full")] == delivered
            assert found.count(b"in a transaction") == 1
    finally:
        consumer.close()


def test_broker_starts_on_a_full_disk_and_serves_what_there_is(tmp_path: Path) -> None:
    """After a kill, too: indexes stay in memory, and new leader epochs wait for the space."""
    process = BrokerProcess(tmp_path / "data")
    with process:
        with WireClient(process.bootstrap) as client:
            client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 9)
            for index in range(300):
                assert produce(client, b"%03d" % index * 100) == 0
        process.kill()
        for path in (process.folder / "t-0").glob("*.index"):
            path.write_bytes(b"odd")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        # Inherited by the child; this process writes no file meanwhile.
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            process.start()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        with WireClient(process.bootstrap) as client:
            assert len(all_values(client)) == 300
            assert produce(client, b"refused") == ErrorCode.KAFKA_STORAGE_ERROR
            assert leader_epoch(client) == 0
            limit_files(process, -1)
            deadline = time.monotonic() + 20
            while leader_epoch(client) == 0:
                assert time.monotonic() < deadline, "no new leader epoch"
                time.sleep(0.05)
            assert produce(client, b"taken") == 0
            assert len(all_values(client)) == 301
        assert process.terminate()[0] == 0
    assert examine(process.folder).sound


def leader_epoch(client: WireClient) -> int:
    answer = client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 9)
    return int(answer.topics[0].partitions[0].leader_epoch)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB; only root can make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_disk_that_is_really_full(small_disk: Path) -> None:
    """Segments roll, retention frees space, and every acknowledged record is there until then."""
    settings = ("--set", "log.segment.bytes=1048576", "--set", "log.index.size.max.bytes=1024")
    filler = small_disk / "filler"
    with (
        BrokerProcess(small_disk / "data", *settings) as process,
        WireClient(process.bootstrap) as client,
    ):
        client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 9)
        acknowledged = 0
        while produce(client, b"%06d" % acknowledged * 5000, acknowledged) == 0:
            acknowledged += 1
        assert acknowledged > 100
        for _ in range(20):
            code = produce(client, b"%06d" % acknowledged * 5000, acknowledged)
            assert code == ErrorCode.KAFKA_STORAGE_ERROR
        assert [value and value[:6] for value in all_values(client)] == [
            b"%06d" % index for index in range(acknowledged)
        ]
        process.kill()
        process.start()
        with WireClient(process.bootstrap) as again:
            assert len(all_values(again)) == acknowledged
            filler.unlink(missing_ok=True)
            subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
            assert produce(again, b"%06d" % acknowledged * 5000, acknowledged) == 0
            assert len(all_values(again)) == acknowledged + 1
        assert process.terminate()[0] == 0
    assert examine(small_disk / "data").sound
