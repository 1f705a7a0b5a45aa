"""A machine that goes down loses what wasn't forced to the disk: whoever had read it is told so (KIP-320)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka as ck
import pytest
from broker_lab import batch, fetch_request, values
from broker_process import BrokerProcess
from wire_client import WireClient

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)

NOW_MS = int(time.time() * 1000)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[BrokerProcess]:
    with BrokerProcess(tmp_path / "data") as running:
        yield running


def produce(bootstrap: str, *payloads: bytes) -> int:
    """One batch for each payload; the offset of the first."""
    with WireClient(bootstrap) as client:
        client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 9)
        offsets = []
        for payload in payloads:
            data = PartitionProduceData(index=0, records=batch(payload, timestamp=NOW_MS))
            request = ProduceRequest(
                acks=-1,
                timeout_ms=1000,
                topic_data=[TopicProduceData(name="t", partition_data=[data])],
            )
            (answer,) = client.ask(request, 9).responses[0].partition_responses
            assert answer.error_code == 0
            offsets.append(answer.base_offset)
        return int(offsets[0])


def lose_tail(process: BrokerProcess, kept: int) -> None:
    """Kill the broker, and the machine: of the log's batches only `kept` had reached the disk."""
    process.kill()
    path = process.folder / "t-0" / f"{0:020d}.log"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size * kept // 10)


def epoch_end(client: WireClient, epoch: int, current: int) -> tuple[int, int, int]:
    """Error, epoch and end offset that the broker answers for `epoch`."""
    asked = OffsetForLeaderPartition(partition=0, current_leader_epoch=current, leader_epoch=epoch)
    topics = [OffsetForLeaderTopic(topic="t", partitions=[asked])]
    (found,) = client.ask(OffsetForLeaderEpochRequest(topics=topics), 4).topics[0].partitions
    return found.error_code, found.leader_epoch, found.end_offset


def test_epoch_tells_where_the_lost_records_were(process: BrokerProcess) -> None:
    produce(process.bootstrap, *(b"old-%d" % index for index in range(10)))
    lose_tail(process, 5)
    process.start()
    produce(process.bootstrap, b"new")
    with WireClient(process.bootstrap) as client:
        metadata = client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 9)
        assert metadata.topics[0].partitions[0].leader_epoch == 1
        assert epoch_end(client, 0, 1) == (0, 0, 5)
        assert epoch_end(client, 1, 1) == (0, 1, 6)
        assert epoch_end(client, 2, 1) == (0, -1, -1)
        assert epoch_end(client, 0, 0)[0] == ErrorCode.FENCED_LEADER_EPOCH
        request = fetch_request("t", [(0, 8)])
        request.topics[0].partitions[0].last_fetched_epoch = 0
        (answer,) = client.ask(request, 12).responses[0].partitions
        assert (answer.diverging_epoch.epoch, answer.diverging_epoch.end_offset) == (0, 5)
        request = fetch_request("t", [(0, 5)])
        request.topics[0].partitions[0].last_fetched_epoch = 0
        (answer,) = client.ask(request, 12).responses[0].partitions
        assert values(answer.records) == [b"new"]


def test_epochs_without_records_end_where_the_log_did(process: BrokerProcess) -> None:
    """Killed three times, written to in the first and the last life only; a clean stop begins no epoch."""
    produce(process.bootstrap, b"0", b"1")
    for _ in range(3):
        process.kill()
        process.start()
    process.terminate()
    process.start()
    with WireClient(process.bootstrap) as client:
        assert [epoch_end(client, epoch, 3) for epoch in (0, 1, 2, 3)] == [
            (0, 0, 2),
            (0, 0, 2),
            (0, 0, 2),
            (0, 3, 2),
        ]
        produce(process.bootstrap, b"2")
        assert [epoch_end(client, epoch, 3) for epoch in (0, 1, 2, 3)] == [
            (0, 0, 2),
            (0, 0, 2),
            (0, 0, 2),
            (0, 3, 3),
        ]
        for timestamp, expected in ((-1, (3, 3)), (-2, (0, 0))):
            asked = ListOffsetsPartition(partition_index=0, timestamp=timestamp)
            topics = [ListOffsetsTopic(name="t", partitions=[asked])]
            (found,) = (
                client.ask(ListOffsetsRequest(replica_id=-1, topics=topics), 7).topics[0].partitions
            )
            assert (found.offset, found.leader_epoch) == expected


def test_consumer_that_had_read_the_lost_records_reads_those_that_took_their_place(
    process: BrokerProcess,
) -> None:
    """Without a new epoch it would go on behind them, and never see them."""
    produce(process.bootstrap, *(b"old-%d" % index for index in range(10)))
    consumer = ck.Consumer(
        {
            "bootstrap.servers": process.bootstrap,
            "group.id": "g",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "reconnect.backoff.max.ms": 200,
            "topic.metadata.refresh.interval.ms": 500,
        }
    )
    try:
        consumer.assign([ck.TopicPartition("t", 0, 0)])
        assert take(consumer, 10) == [b"old-%d" % index for index in range(10)]
        lose_tail(process, 5)
        process.start()
        produce(process.bootstrap, *(b"new-%d" % index for index in range(10)))
        seen: list[bytes] = []
        while b"new-9" not in seen:
            seen += take(consumer, 1)
        assert [each for each in seen if each.startswith(b"new")] == [
            b"new-%d" % index for index in range(10)
        ]
    finally:
        consumer.close()


def take(consumer: ck.Consumer, count: int) -> list[bytes]:
    """The values of the next `count` records."""
    found: list[bytes] = []
    deadline = time.monotonic() + 30
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {found} came"
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            value = message.value()
            assert isinstance(value, bytes)
            found.append(value)
    return found
