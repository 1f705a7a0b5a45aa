"""One script of requests, sent to any broker: what it answers, made comparable.

Names of topics are the script's own, so that it may run on a broker that has others. What legitimately differs
between two brokers (ids, addresses, times, texts) is replaced by what kind of thing it is.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from broker_lab import batch, fetch_request
from wire_client import WireClient

from streamkit.errors import BrokerError
from streamkit.log.protocol import ErrorCode, version_range
from streamkit.log.protocol.messages import alter_configs as plain
from streamkit.log.protocol.messages import create_partitions, create_topics, delete_records
from streamkit.log.protocol.messages import delete_topics as deletion
from streamkit.log.protocol.messages import incremental_alter_configs as incremental
from streamkit.log.protocol.messages.describe_cluster import DescribeClusterRequest
from streamkit.log.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
)
from streamkit.log.protocol.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    TopicRequest,
)
from streamkit.log.protocol.messages.fetch import ForgottenTopic
from streamkit.log.protocol.messages.init_producer_id import InitProducerIdRequest
from streamkit.log.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from streamkit.log.protocol.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
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
from streamkit.log.protocol.wire import info_of

A, B, MISSING, ILLEGAL = "script-a", "script-b", "script-missing", "no spaces"
EPOCH_MS = 1_600_000_000_000
_TEXTS = {"batch_index_error_message", "documentation"}
_DROPPED = {
    "throttle_time_ms",
    "error_message",
    "node_endpoints",
    "host",
    "port",
    "cluster_id",
    "session_id",
    "total_bytes",
    "usable_bytes",
    "producer_id",
}


def run_script(bootstrap: str) -> Iterator[tuple[str, Any]]:
    """Each step's name and the broker's answer, comparable."""
    with WireClient(bootstrap, timeout=20) as client:
        for name, request, versions in _steps(client):
            key = info_of(type(request)).key
            low, high = version_range(key)
            for version in versions or (high,):
                if low <= version <= high:
                    answer = client.ask(request, version)
                    while (
                        getattr(answer, "error_code", 0) == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
                    ):
                        time.sleep(0.05)  # Apache Kafka gets its first producer ids when asked
                        answer = client.ask(request, version)
                    yield f"{name} v{version}", _comparable(answer)


def _steps(client: WireClient) -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    yield "create", _create(A, 3, configs={"retention.ms": "-1"}), ()
    yield "create again", _create(A, 3), (4, 5, 7)
    yield "create by defaults", _create(B, -1, -1), (4,)
    for name, topic in {
        "illegal name": _topic(ILLEGAL),
        "empty name": _topic(""),
        "dots": _topic(".."),
        "long name": _topic("x" * 250),
        "colliding name": _topic("script_a.x"),
        "no partitions": _topic("script-x", 0),
        "negative partitions": _topic("script-x", -2),
        "too many partitions": _topic("script-x", 10_001),
        "two replicas": _topic("script-x", 1, 2),
        "no replicas": _topic("script-x", 1, 0),
        "unknown setting": _topic("script-x", configs={"no.such": "1"}),
        "wrong value": _topic("script-x", configs={"retention.ms": "soon"}),
        "value out of range": _topic("script-x", configs={"retention.ms": "-2"}),
        "null value": _topic("script-x", configs={"retention.ms": None}),
    }.items():
        request = create_topics.CreateTopicsRequest(topics=[topic], timeout_ms=5000)
        yield f"create: {name}", request, (4, 7)
    yield "create: validate only", _create("script-v", 2, validate_only=True), (5,)
    yield (
        "create: twice in one",
        create_topics.CreateTopicsRequest(
            topics=[_topic("script-x"), _topic("script-x")], timeout_ms=5000
        ),
        (7,),
    )

    ids = _topic_ids(client)
    yield "metadata", _metadata(A, MISSING, ILLEGAL), tuple(range(4, 14))
    yield (
        "metadata by id",
        MetadataRequest(
            topics=[
                MetadataRequestTopic(topic_id=ids[A], name=None),
                MetadataRequestTopic(topic_id=uuid.UUID(int=99), name=None),
            ]
        ),
        (12, 13),
    )
    yield "metadata of nothing", MetadataRequest(topics=[]), (1, 9)
    yield "cluster", DescribeClusterRequest(include_cluster_authorized_operations=True), (0, 1, 2)
    yield "controllers", DescribeClusterRequest(endpoint_type=2), (1,)
    yield (
        "partitions",
        DescribeTopicPartitionsRequest(
            topics=[TopicRequest(name=each) for each in (A, B, MISSING)], response_partition_limit=2
        ),
        (),
    )
    yield (
        "partitions from a cursor",
        DescribeTopicPartitionsRequest(
            topics=[TopicRequest(name=A), TopicRequest(name=B)],
            cursor=Cursor(topic_name=A, partition_index=2),
        ),
        (),
    )

    yield from _produce_steps(ids)
    yield from _fetch_steps(client, ids)
    yield from _offset_steps()
    yield from _config_steps()

    yield "reassignments", ListPartitionReassignmentsRequest(topics=None), ()
    yield "more partitions", _more(A, 5), ()
    yield "as many partitions", _more(A, 5), ()
    yield "fewer partitions", _more(A, 2), ()
    yield "partitions of a missing topic", _more(MISSING, 2), ()
    yield (
        "delete by id",
        deletion.DeleteTopicsRequest(
            topics=[
                deletion.DeleteTopicState(topic_id=ids[A]),
                deletion.DeleteTopicState(topic_id=uuid.UUID(int=99)),
            ],
            timeout_ms=5000,
        ),
        (),
    )
    yield (
        "delete by name",
        deletion.DeleteTopicsRequest(topic_names=[B, MISSING], timeout_ms=5000),
        (4, 5),
    )


def _produce_steps(ids: dict[str, uuid.UUID]) -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    first = batch(b"a", b"b", timestamp=EPOCH_MS)
    yield "produce", _produce(A, 0, first), tuple(range(3, 13))
    yield "produce by id", _produce("", 0, first, topic_id=ids[A]), (13,)
    yield "produce: unknown id", _produce("", 0, first, topic_id=uuid.UUID(int=99)), (13,)
    yield "produce: missing topic", _produce(MISSING, 0, first), (9,)
    yield "produce: missing partition", _produce(A, 77, first), (9,)
    yield "produce: wrong acks", _produce(A, 0, first, acks=5), (9,)
    yield "produce: no batch", _produce(A, 0, b""), (9,)
    yield "produce: two batches", _produce(A, 0, first + first), (9,)
    damaged = bytearray(first)
    damaged[-1] ^= 1
    yield "produce: damaged", _produce(A, 0, bytes(damaged)), (9,)
    yield "produce: too large", _produce(A, 0, batch(b"x" * 1_100_000, timestamp=EPOCH_MS)), (9,)
    future = int(time.time() * 1000) + 7_200_000
    yield "produce: from the future", _produce(A, 0, batch(b"f", timestamp=future)), (9,)
    for name, sequence, epoch in (
        ("first", 0, 0),
        ("again", 0, 0),
        ("gap", 5, 0),
        ("next", 1, 0),
        ("old again", 0, 0),
        ("next epoch", 0, 1),
        ("old epoch", 2, 0),
    ):
        data = batch(
            b"i", timestamp=EPOCH_MS, producer_id=7, producer_epoch=epoch, base_sequence=sequence
        )
        yield f"idempotent: {name}", _produce(A, 2, data), (9,)
    yield (
        "idempotent: stranger in the middle",
        _produce(
            A, 2, batch(b"s", timestamp=EPOCH_MS, producer_id=8, producer_epoch=0, base_sequence=4)
        ),
        (9,),
    )
    yield "producer id", InitProducerIdRequest(transactional_id=None), (0, 1, 4, 5)
    yield "empty transactional id", InitProducerIdRequest(transactional_id=""), (4,)


def _fetch_steps(
    client: WireClient, ids: dict[str, uuid.UUID]
) -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    read = fetch_request(A, [(0, 0), (1, 0), (2, 0)])
    yield "fetch", read, tuple(range(4, 13))
    by_id = fetch_request("", [(0, 3)])
    by_id.topics[0].topic_id = ids[A]
    yield "fetch by id", by_id, tuple(range(13, 19))
    by_id.topics[0].topic_id = uuid.UUID(int=99)
    yield "fetch: unknown id", by_id, (13, 18)
    yield "fetch: committed", fetch_request(A, [(0, 0), (1, 0)], isolation_level=1), (4, 11, 12)
    yield "fetch: one byte", fetch_request(A, [(0, 0), (2, 0)], max_bytes=1), (11,)
    yield "fetch: one byte each", fetch_request(A, [(0, 0), (2, 0)], partition_max_bytes=1), (11,)
    yield "fetch: at the end", fetch_request(A, [(1, 0)], min_bytes=1, max_wait_ms=20), (11,)
    yield "fetch: beyond the end", fetch_request(A, [(1, 9)], max_wait_ms=20), (11,)
    yield "fetch: negative offset", fetch_request(A, [(0, -5)]), (11,)
    yield "fetch: missing topic", fetch_request(MISSING, [(0, 0)]), (11,)
    yield "fetch: missing partition", fetch_request(A, [(77, 0)]), (11,)
    other_epoch = fetch_request(A, [(0, 0)])
    other_epoch.topics[0].partitions[0].current_leader_epoch = 5
    yield "fetch: other leader epoch", other_epoch, (9, 12)

    answer = client.ask(fetch_request(A, [(0, 0), (1, 0)], session_epoch=0), 12)
    session: dict[str, Any] = {"session_id": answer.session_id, "min_bytes": 0}
    nothing = fetch_request(A, [], session_epoch=1, **session)
    nothing.topics = []
    yield "session: nothing new to say", nothing, (12,)
    forget = fetch_request(A, [(1, 0)], session_epoch=2, **session)
    forget.forgotten_topics_data = [ForgottenTopic(topic=A, partitions=[0])]
    yield "session: forget", forget, (12,)
    yield "session: wrong epoch", fetch_request(A, [], session_epoch=9, **session), (12,)
    unknown = {**session, "session_id": answer.session_id ^ 1}
    yield "session: unknown", fetch_request(A, [], session_epoch=1, **unknown), (12,)


def _offset_steps() -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    for timestamp in (-1, -2, -3, -4, -5, 0, EPOCH_MS, EPOCH_MS + 1):
        request = ListOffsetsRequest(
            replica_id=-1,
            topics=[
                ListOffsetsTopic(
                    name=A,
                    partitions=[
                        ListOffsetsPartition(partition_index=index, timestamp=timestamp)
                        for index in (0, 1, 77)
                    ],
                ),
                ListOffsetsTopic(
                    name=MISSING,
                    partitions=[ListOffsetsPartition(partition_index=0, timestamp=timestamp)],
                ),
            ],
            timeout_ms=1000,
        )
        yield f"offsets at {timestamp}", request, (1, 4, 6, 7, 8, 9, 10, 11)
    for epoch, current in ((0, -1), (0, 0), (5, -1), (0, 3), (-1, -1)):
        partition = OffsetForLeaderPartition(
            partition=0, leader_epoch=epoch, current_leader_epoch=current
        )
        request_epoch = OffsetForLeaderEpochRequest(
            replica_id=-1, topics=[OffsetForLeaderTopic(topic=A, partitions=[partition])]
        )
        yield f"end of epoch {epoch}, current {current}", request_epoch, (2, 3, 4)
    for topic, offset in ((A, 4), (A, 2), (A, 10_000), (A, -2), (MISSING, 0), (A, -1)):
        part = delete_records.DeleteRecordsPartition(partition_index=0, offset=offset)
        yield (
            f"delete records of {topic} before {offset}",
            delete_records.DeleteRecordsRequest(
                topics=[delete_records.DeleteRecordsTopic(name=topic, partitions=[part])],
                timeout_ms=5000,
            ),
            (1,),
        )
    yield "fetch deleted records", fetch_request(A, [(0, 0)]), (11,)


def _config_steps() -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    some = ["retention.ms", "cleanup.policy", "segment.bytes", "max.message.bytes"]
    for kind, name, keys in (
        (2, A, some),
        (2, MISSING, None),
        (2, ILLEGAL, None),
        (4, "1", ["num.partitions", "auto.create.topics.enable"]),
        (4, "77", None),
        (4, "x", None),
        (99, "x", None),
    ):
        resource = DescribeConfigsResource(
            resource_type=kind, resource_name=name, configuration_keys=keys
        )
        yield (
            f"configs of {kind} {name}",
            DescribeConfigsRequest(resources=[resource], include_synonyms=kind == 2),
            (1, 2, 3, 4),
        )
    changes_by_name: dict[str, list[tuple[str, int, str | None]]] = {
        "set": [("retention.ms", 0, "5")],
        "delete": [("retention.ms", 1, None)],
        "append": [("cleanup.policy", 2, "compact")],
        "append again": [("cleanup.policy", 2, "compact")],
        "subtract": [("cleanup.policy", 3, "delete")],
        "unknown": [("no.such", 0, "1")],
        "out of range": [("retention.ms", 0, "-2")],
        "no list": [("retention.ms", 2, "1")],
        "unknown operation": [("retention.ms", 9, "1")],
        "twice": [("retention.ms", 0, "1"), ("retention.ms", 1, None)],
        "null": [("retention.ms", 0, None)],
    }
    for what, changes in changes_by_name.items():
        resource_changes = incremental.AlterConfigsResource(
            resource_type=2,
            resource_name=A,
            configs=[
                incremental.AlterableConfig(name=n, config_operation=o, value=v)
                for n, o, v in changes
            ],
        )
        yield (
            f"alter: {what}",
            incremental.IncrementalAlterConfigsRequest(resources=[resource_changes]),
            (0, 1),
        )
        yield (
            f"configs after: {what}",
            DescribeConfigsRequest(
                resources=[
                    DescribeConfigsResource(
                        resource_type=2, resource_name=A, configuration_keys=some
                    )
                ]
            ),
            (4,),
        )
    yield (
        "alter a missing topic",
        incremental.IncrementalAlterConfigsRequest(
            resources=[incremental.AlterConfigsResource(resource_type=2, resource_name=MISSING)]
        ),
        (1,),
    )
    yield (
        "replace configs",
        plain.AlterConfigsRequest(
            resources=[
                plain.AlterConfigsResource(
                    resource_type=2,
                    resource_name=A,
                    configs=[plain.AlterableConfig(name="segment.ms", value="7000")],
                )
            ]
        ),
        (2,),
    )


def _topic(
    name: str, partitions: int = 1, replicas: int = 1, configs: dict[str, Any] | None = None
) -> create_topics.CreatableTopic:
    return create_topics.CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replicas,
        configs=[
            create_topics.CreatableTopicConfig(name=key, value=value)
            for key, value in (configs or {}).items()
        ],
    )


def _create(
    name: str, partitions: int, replicas: int = 1, *, validate_only: bool = False, **fields: Any
) -> create_topics.CreateTopicsRequest:
    topic = _topic(name, partitions, replicas, **fields)
    return create_topics.CreateTopicsRequest(
        topics=[topic], validate_only=validate_only, timeout_ms=5000
    )


def _more(name: str, count: int) -> create_partitions.CreatePartitionsRequest:
    topic = create_partitions.CreatePartitionsTopic(name=name, count=count, assignments=None)
    return create_partitions.CreatePartitionsRequest(topics=[topic], timeout_ms=5000)


def _metadata(*names: str) -> MetadataRequest:
    return MetadataRequest(
        topics=[MetadataRequestTopic(name=name) for name in names], allow_auto_topic_creation=False
    )


def _produce(
    topic: str, partition: int, data: bytes, *, acks: int = -1, topic_id: uuid.UUID | None = None
) -> ProduceRequest:
    return ProduceRequest(
        acks=acks,
        timeout_ms=5000,
        topic_data=[
            TopicProduceData(
                name=topic,
                topic_id=topic_id or uuid.UUID(int=0),
                partition_data=[PartitionProduceData(index=partition, records=data)],
            )
        ],
    )


def _topic_ids(client: WireClient) -> dict[str, uuid.UUID]:
    """The ids of the script's topics, once their leaders are known."""
    for _ in range(200):
        topics = client.ask(_metadata(A, B), 13).topics
        ready = all(
            not topic.error_code and not any(each.error_code for each in topic.partitions)
            for topic in topics
        )
        if ready:
            return {topic.name: topic.topic_id for topic in topics}
        time.sleep(0.05)
    raise BrokerError("topics don't get a leader", code=ErrorCode.LEADER_NOT_AVAILABLE)


def _comparable(value: Any, name: str = "") -> Any:
    """Plain dictionaries and lists, without what may differ."""
    if name in _TEXTS:
        return None if value is None else "text" if value else ""
    if isinstance(value, uuid.UUID):
        return "no id" if value.int == 0 else "unknown id" if value.int == 99 else "id"
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    if isinstance(value, list):
        items = [_comparable(each) for each in value]
        key: Callable[[Any], str] = repr
        return sorted(items, key=key) if name != "synonyms" else items
    slots = getattr(type(value), "__slots__", None)
    if slots and not isinstance(value, int | str):
        return {
            each: _comparable(getattr(value, each), each) for each in slots if each not in _DROPPED
        }
    return value
