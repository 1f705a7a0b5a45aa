"""Batches as a produce request, and what its answer says of each; pure."""

from __future__ import annotations

from collections.abc import Sequence

from streamkit.log.client.accumulator import ProducerBatch
from streamkit.log.client.cluster import Cluster
from streamkit.log.protocol import NO_UUID
from streamkit.log.protocol.batch import BatchBuilder, decode_batch, read_header
from streamkit.log.protocol.compression import Compression
from streamkit.log.protocol.messages import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from streamkit.model import EMPTY_HEADERS

__all__ = ["answers_of", "halves", "produce_request"]


def produce_request(
    batches: Sequence[ProducerBatch],
    cluster: Cluster,
    *,
    acks: int,
    timeout_ms: int,
    transactional_id: str | None,
    adds_partitions: bool,
) -> tuple[ProduceRequest, int]:
    """Batches of different partitions as one request, and the highest version it may go out in.

    From version 12 on, producing adds partitions to the transaction by itself: a transaction that
    `adds_partitions` by requests is kept to version 11. From 13 on, topics go by their ids, which old
    brokers do not give.
    """
    topics: dict[str, TopicProduceData] = {}
    has_ids = True
    for batch in batches:
        data = batch.builder.build(
            producer_id=int(batch.producer_id),
            producer_epoch=int(batch.producer_epoch),
            base_sequence=int(batch.base_sequence),
            transactional=transactional_id is not None,
        )
        batch.tries += 1
        entry = topics.get(batch.topic)
        if entry is None:
            info = cluster.topics.get(batch.topic)
            topic_id = NO_UUID if info is None else info.topic_id
            has_ids = has_ids and topic_id != NO_UUID
            entry = topics[batch.topic] = TopicProduceData(name=batch.topic, topic_id=topic_id)
        entry.partition_data.append(PartitionProduceData(index=int(batch.partition), records=data))
    highest = 11 if adds_partitions else 13 if has_ids else 12
    request = ProduceRequest(
        transactional_id=transactional_id,
        acks=acks,
        timeout_ms=timeout_ms,
        topic_data=list(topics.values()),
    )
    return request, highest


def answers_of(
    request: ProduceRequest, response: ProduceResponse
) -> dict[tuple[str, int], PartitionProduceResponse]:
    """The answers by topic name and partition, whether topics went by name or by id."""
    names = {entry.topic_id: entry.name for entry in request.topic_data}
    return {
        (topic.name or names.get(topic.topic_id, ""), partition.index): partition
        for topic in response.responses
        for partition in topic.partition_responses
    }


def halves(
    batch: ProducerBatch, compression: Compression, level: int | None
) -> tuple[ProducerBatch, ProducerBatch]:
    """Two batches with the records of one that is too large for its topic."""
    data = batch.builder.build()
    columns = decode_batch(data, 0, read_header(data))
    middle = len(columns) // 2
    parts = []
    for low, high in ((0, middle), (middle, len(columns))):
        builder = BatchBuilder(compression, level=level)
        for i in range(low, high):
            headers = EMPTY_HEADERS if columns.headers is None else columns.headers[i]
            builder.append(columns.timestamps[i], columns.keys[i], columns.values[i], headers)
        part = ProducerBatch(batch.topic, batch.partition, builder, batch.created)
        part.count = high - low
        part.futures = [(i - low, ts, f) for i, ts, f in batch.futures if low <= i < high]
        part.plain = part.count - len(part.futures)
        # What is given back has to sum up to what was counted.
        part.size = batch.size // 2 if low == 0 else batch.size - batch.size // 2
        parts.append(part)
    return parts[0], parts[1]
