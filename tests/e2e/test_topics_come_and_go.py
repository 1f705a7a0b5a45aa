"""Topics that are deleted and made again under clients that use them: by name and by id, reading and writing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from broker_lab import batch, fetch_request, values
from wire_client import WireClient

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from streamkit.log.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from streamkit.log.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from streamkit.testing import EmbeddedBroker

ROUNDS = 25
GONE = {
    0,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.UNKNOWN_TOPIC_ID,
    ErrorCode.OFFSET_OUT_OF_RANGE,
}
NOW_MS = int(time.time() * 1000)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    settings = {"auto.create.topics.enable": "false", "log.flush.interval.ms": "0"}
    with EmbeddedBroker(settings=settings) as running:
        yield running


def produce(client: WireClient, payload: bytes) -> int:
    data = PartitionProduceData(index=0, records=batch(payload, timestamp=NOW_MS))
    topics = [TopicProduceData(name="t", partition_data=[data])]
    answer = client.ask(ProduceRequest(acks=-1, timeout_ms=1000, topic_data=topics), 9)
    return int(answer.responses[0].partition_responses[0].error_code)


def test_readers_and_writers_only_ever_see_the_topic_that_there_is(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """Records tell the round that they were written in: after a deletion none of an earlier one is read."""
    finished = threading.Event()
    wrong: list[str] = []
    round_now = [0]

    def write() -> None:
        with WireClient(broker.bootstrap) as client:
            while not finished.is_set():
                if (code := produce(client, b"%d" % round_now[0])) not in GONE:
                    wrong.append(f"produce: {code}")

    def read() -> None:
        with WireClient(broker.bootstrap) as client:
            while not finished.is_set():
                oldest = round_now[0]
                request = fetch_request("t", [(0, 0)], max_wait_ms=20)
                (answer,) = client.ask(request, 12).responses[0].partitions
                if answer.error_code not in GONE:
                    wrong.append(f"fetch: {answer.error_code}")
                # The writer may be a round behind, at most.
                if any(int(value or b"0") < oldest - 1 for value in values(answer.records)):
                    wrong.append("a record of a deleted topic")

    threads = [threading.Thread(target=work) for work in (write, write, read, read)]
    with caplog.at_level(logging.ERROR), WireClient(broker.bootstrap) as admin:
        for thread in threads:
            thread.start()
        for number in range(ROUNDS):
            round_now[0] = number
            topic = CreatableTopic(name="t", num_partitions=1, replication_factor=1)
            created = client_ok(admin.ask(CreateTopicsRequest(topics=[topic], timeout_ms=1000), 5))
            assert created == 0
            time.sleep(0.01)
            request = DeleteTopicsRequest(topics=[DeleteTopicState(name="t")], timeout_ms=1000)
            assert admin.ask(request, 6).responses[0].error_code == 0
        finished.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong[:5]
    assert not [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


def client_ok(answer: object) -> int:
    return int(answer.topics[0].error_code)  # type: ignore[attr-defined]  # a decoded answer


def test_reader_by_id_is_told_that_its_topic_is_gone(broker: EmbeddedBroker) -> None:
    with ExitStack() as stack:
        admin, reader = (stack.enter_context(WireClient(broker.bootstrap)) for _ in range(2))
        topic = CreatableTopic(name="t", num_partitions=1, replication_factor=1)
        create = CreateTopicsRequest(topics=[topic], timeout_ms=1000)
        assert client_ok(admin.ask(create, 5)) == 0
        names = MetadataRequest(topics=[MetadataRequestTopic(name="t")])
        topic_id = admin.ask(names, 12).topics[0].topic_id
        partitions = [FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)]
        request = FetchRequest(
            max_wait_ms=10_000,
            min_bytes=1,
            max_bytes=1 << 20,
            session_epoch=-1,
            topics=[FetchTopic(topic_id=topic_id, partitions=partitions)],
        )
        reader.send(request, 13)
        delete = DeleteTopicsRequest(topics=[DeleteTopicState(name="t")], timeout_ms=1000)
        assert admin.ask(delete, 6).responses[0].error_code == 0
        assert client_ok(admin.ask(create, 5)) == 0
        assert produce(admin, b"of the new one") == 0
        (answer,) = reader.receive().responses[0].partitions
        assert answer.error_code == ErrorCode.UNKNOWN_TOPIC_ID
        assert not answer.records
        again = reader.ask(request, 13).responses[0].partitions[0]
        assert again.error_code == ErrorCode.UNKNOWN_TOPIC_ID
