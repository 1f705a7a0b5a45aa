"""What the consumer does about what fetches bring, and about partitions that can't be fetched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest
from scripted_broker import ScriptedBroker

from streamkit.errors import CorruptRecordError
from streamkit.log.client import Consumer, NetworkThread
from streamkit.log.client.cluster import Cluster
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.settings import ClientSettings
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.batch import BatchBuilder
from streamkit.log.protocol.messages import (
    FetchRequest,
    FetchResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    MetadataRequest,
    MetadataResponse,
)
from streamkit.log.protocol.messages.fetch import FetchableTopicResponse, PartitionData
from streamkit.log.protocol.messages.list_offsets import (
    ListOffsetsPartitionResponse,
    ListOffsetsTopicResponse,
)
from streamkit.model import TopicPartition

A, B = TopicPartition("t", 0), TopicPartition("t", 1)

Read = Callable[[int, int], bytes | ErrorCode]
"""From partition and offset to what a fetch brings."""


@pytest.fixture
def network() -> Iterator[NetworkThread]:
    thread = NetworkThread("test-network")
    yield thread
    thread.close()


def batch(base_offset: int, *values: bytes) -> bytes:
    builder = BatchBuilder()
    for value in values:
        builder.append(100, None, value)
    return builder.build(base_offset=base_offset)


def broker(read: Read, *, begins_at: int = 0) -> ScriptedBroker:
    def fetch(request: FetchRequest, version: int) -> FetchResponse:
        answers = []
        for topic in request.topics:
            partitions = []
            for asked in topic.partitions:
                brought = read(asked.partition, asked.fetch_offset)
                answer = PartitionData(partition_index=asked.partition, high_watermark=100)
                if isinstance(brought, ErrorCode):
                    answer.error_code = brought
                else:
                    answer.records = brought
                partitions.append(answer)
            answers.append(FetchableTopicResponse(topic=topic.topic, partitions=partitions))
        time.sleep(0.005)
        return FetchResponse(responses=answers)

    def list_offsets(request: ListOffsetsRequest, version: int) -> ListOffsetsResponse:
        return ListOffsetsResponse(
            topics=[
                ListOffsetsTopicResponse(
                    name=topic.name,
                    partitions=[
                        ListOffsetsPartitionResponse(
                            partition_index=asked.partition_index, offset=begins_at
                        )
                        for asked in topic.partitions
                    ],
                )
                for topic in request.topics
            ]
        )

    return ScriptedBroker({FetchRequest: fetch, ListOffsetsRequest: list_offsets}, topics={"t": 2})


def values(consumer: Consumer, count: int) -> list[bytes | None]:
    """What polls of some seconds bring, until it is that many records."""
    found: list[bytes | None] = []
    end = time.monotonic() + 10
    while len(found) < count and time.monotonic() < end:
        found += [record.value for record in consumer.poll(0.1)]
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    assert condition()


def test_what_was_fetched_is_read_before_the_position_is_looked_up_anew(
    network: NetworkThread,
) -> None:
    """Retention took the log up to beyond what was fetched ahead: that is here, and not lost."""
    asked: list[int] = []

    def read(partition: int, offset: int) -> bytes | ErrorCode:
        asked.append(offset)
        log = {0: batch(0, b"a", b"b"), 7: batch(7, b"c")}
        return log.get(offset, b"" if offset == 8 else ErrorCode.OFFSET_OUT_OF_RANGE)

    with (
        broker(read, begins_at=7) as kafka,
        Consumer(
            kafka.bootstrap, network=network, auto_offset_reset="earliest", retry_backoff_ms=10
        ) as consumer,
    ):
        consumer.assign([A])
        consumer.seek(A, 0)
        wait_for(lambda: asked.count(2) > 0)
        time.sleep(0.1)
        assert values(consumer, 3) == [b"a", b"b", b"c"]
        assert consumer.position(A) == 8


def test_damaged_answer_is_not_asked_for_again_at_once(network: NetworkThread) -> None:
    with (
        broker(lambda partition, offset: bytes(100)) as kafka,
        Consumer(kafka.bootstrap, network=network) as consumer,
    ):
        consumer.assign([A])
        consumer.seek(A, 0)
        with pytest.raises(CorruptRecordError):
            consumer.poll(10)
        time.sleep(0.2)
        # One more if the position was looked up before it was sought.
        assert kafka.count(FetchRequest) <= 2


def test_paused_partitions_that_fill_the_buffer_do_not_starve_the_others(
    network: NetworkThread,
) -> None:
    has_news = False

    def read(partition: int, offset: int) -> bytes | ErrorCode:
        if partition == 0:
            return batch(offset, b"a")
        return batch(offset, b"b") if has_news else b""

    with (
        broker(read) as kafka,
        Consumer(kafka.bootstrap, network=network, prefetch_bytes=1) as consumer,
    ):
        consumer.assign([A, B])
        for tp in (A, B):
            consumer.seek(tp, 0)
        wait_for(lambda: consumer.fetch_lag(A) is not None)
        consumer.pause([A])
        has_news = True
        assert values(consumer, 3) == [b"b"] * 3


def test_partition_without_a_leader_does_not_keep_the_others_from_a_position(
    network: NetworkThread,
) -> None:
    kafka = broker(lambda partition, offset: batch(0, b"a") if offset == 0 else b"")
    described = kafka.metadata

    def without_leader() -> MetadataResponse:
        response = described()
        response.topics[0].partitions[1].leader_id = -1
        return response

    kafka.metadata = without_leader  # type: ignore[method-assign]  # what its answer is made by
    with (
        kafka,
        Consumer(kafka.bootstrap, network=network, auto_offset_reset="earliest") as consumer,
    ):
        consumer.assign([B, A])
        assert values(consumer, 1) == [b"a"]


def test_refresh_tells_of_topics_tracked_while_another_is_under_way(
    network: NetworkThread,
) -> None:
    kafka = ScriptedBroker(topics={"a": 1, "b": 1})

    def metadata(request: MetadataRequest, version: int) -> MetadataResponse:
        time.sleep(0.02)
        response = kafka.metadata()
        wanted = {topic.name for topic in request.topics or ()}
        response.topics = [topic for topic in response.topics if topic.name in wanted]
        return response

    kafka._answers[MetadataRequest] = metadata

    async def ask() -> Cluster:
        cluster = ClusterClient(ClientSettings((("127.0.0.1", kafka.port),), "test"))
        cluster.track(["a"])
        await cluster.refresh()
        first = network.loop.create_task(cluster.refresh())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        cluster.track(["b"])
        known = await cluster.refresh()
        await first
        await cluster.close()
        return known

    with kafka:
        assert set(network.run(ask(), timeout=5).topics) == {"a", "b"}
