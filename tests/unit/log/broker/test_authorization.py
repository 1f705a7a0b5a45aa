"""The place where handlers ask for leave: what reaches the authorizer, and when it isn't asked at all.

What each API asks, and what is refused, is compared with Apache Kafka in `differential/test_denied_answers.py`.
"""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from broker_lab import BrokerLab, batch, fetch_request, values

from streamkit.errors import BrokerError
from streamkit.log.broker.authorization import (
    ANONYMOUS,
    NOT_ASKED,
    KafkaPrincipal,
    Operation,
    ResourceType,
)
from streamkit.log.broker.connection import ClientConnection, ConnectionOwner
from streamkit.log.broker.context import RequestContext
from streamkit.log.protocol import ErrorCode, decode_response, encode_request
from streamkit.log.protocol.messages.describe_cluster import DescribeClusterRequest
from streamkit.log.protocol.messages.describe_quorum import DescribeQuorumRequest
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from streamkit.log.protocol.wire import info_of

Question = tuple[str, str, Operation, ResourceType, str]


class Noting:
    """Notes what it is asked; denies what names one of `denied`."""

    def __init__(self, *denied: str) -> None:
        self.denied = set(denied)
        self.asked: list[Question] = []

    def allows(
        self,
        principal: KafkaPrincipal,
        host: str,
        operation: Operation,
        resource_type: ResourceType,
        name: str,
    ) -> bool:
        self.asked.append((str(principal), host, operation, resource_type, name))
        return name not in self.denied

    def allows_any(
        self,
        principal: KafkaPrincipal,
        host: str,
        operation: Operation,
        resource_type: ResourceType,
    ) -> bool:
        return self.allows(principal, host, operation, resource_type, "any")


@pytest.fixture
def topics(lab: BrokerLab) -> BrokerLab:
    for name in ("open", "shut"):
        lab.broker.create_topic(name, 2, {})
    return lab


def test_principal_is_written_as_kafka_writes_it() -> None:
    assert str(ANONYMOUS) == "User:ANONYMOUS"
    assert str(KafkaPrincipal("User", "alice")) == "User:alice"


def test_without_an_authorizer_everything_is_allowed() -> None:
    context = RequestContext(0, 0)
    assert context.denied(Operation.ALTER, ResourceType.CLUSTER) is ErrorCode.NONE
    assert not context.denied_everywhere(Operation.WRITE, ResourceType.TOPIC)
    assert context.authorized_operations(ResourceType.TOPIC, "t") == 0b1101_1111_1000
    assert context.authorized_operations(ResourceType.GROUP, "g") == 0b1101_0100_1000
    assert context.cluster_operations() == 0b1_1111_1010_0000


def test_authorizer_is_told_who_asks_from_where_for_what() -> None:
    noting = Noting()
    alice = KafkaPrincipal("User", "alice")
    context = RequestContext(0, 0, "client", "/10.0.0.7", alice, noting)
    assert not context.denied(Operation.READ, ResourceType.GROUP, "g")
    assert not context.denied(Operation.DESCRIBE, ResourceType.CLUSTER)
    assert noting.asked == [
        ("User:alice", "10.0.0.7", Operation.READ, ResourceType.GROUP, "g"),
        ("User:alice", "10.0.0.7", Operation.DESCRIBE, ResourceType.CLUSTER, "kafka-cluster"),
    ]


@pytest.mark.parametrize(
    ("resource_type", "code"),
    [
        (ResourceType.TOPIC, ErrorCode.TOPIC_AUTHORIZATION_FAILED),
        (ResourceType.GROUP, ErrorCode.GROUP_AUTHORIZATION_FAILED),
        (ResourceType.CLUSTER, ErrorCode.CLUSTER_AUTHORIZATION_FAILED),
        (ResourceType.TRANSACTIONAL_ID, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
    ],
)
def test_each_kind_of_resource_has_its_code(resource_type: ResourceType, code: ErrorCode) -> None:
    context = RequestContext(0, 0, authorizer=Noting("x"))
    assert context.denied(Operation.DESCRIBE, resource_type, "x") is code
    with pytest.raises(
        BrokerError, match=r"User:ANONYMOUS has no right to DESCRIBE on .* x"
    ) as info:
        context.check(Operation.DESCRIBE, resource_type, "x")
    assert info.value.code == code
    assert context.authorized_operations(resource_type, "x") == 0


def test_denied_topic_takes_nothing_from_the_others_of_a_request(topics: BrokerLab) -> None:
    topics.broker.authorizer = Noting("shut")
    request = ProduceRequest(
        acks=1,
        topic_data=[
            TopicProduceData(
                name=name, partition_data=[PartitionProduceData(index=0, records=batch(b"a"))]
            )
            for name in ("shut", "open")
        ],
    )
    answer = topics.call(request, 12)
    assert [each.partition_responses[0].error_code for each in answer.responses] == [
        ErrorCode.TOPIC_AUTHORIZATION_FAILED,
        ErrorCode.NONE,
    ]
    topics.broker.authorizer = None
    assert topics.broker.partition_log("shut", 0).end_offset == 0
    assert topics.broker.partition_log("open", 0).end_offset == 1


def test_fetch_asks_once_a_topic_however_often_it_reads(topics: BrokerLab) -> None:
    noting = topics.broker.authorizer = Noting()

    async def scenario() -> None:
        answer = topics.call(fetch_request("open", [(0, 0), (1, 0)], max_wait_ms=1000), 12)
        topics.produce("open", 0, batch(b"a"))
        topics.timers.advance()
        assert values(answer.result().responses[0].partitions[0].records) == [b"a"]

    asyncio.run(scenario())
    reads = [each for each in noting.asked if each[2] is Operation.READ]
    assert reads == [("User:ANONYMOUS", "127.0.0.1", Operation.READ, ResourceType.TOPIC, "open")]


def test_fetch_of_a_denied_topic_waits_for_nothing(topics: BrokerLab) -> None:
    topics.broker.authorizer = Noting("shut")
    answer = topics.call(fetch_request("shut", [(0, 0)], max_wait_ms=60_000), 12)
    (partition,) = answer.responses[0].partitions
    assert partition.error_code == ErrorCode.TOPIC_AUTHORIZATION_FAILED
    assert (partition.records, partition.aborted_transactions) == (b"", [])


def test_metadata_tells_of_no_topic_that_may_not_be_described(topics: BrokerLab) -> None:
    topics.broker.authorizer = Noting("shut", "missing")
    everything = topics.call(MetadataRequest(topics=None), 12)
    assert [each.name for each in everything.topics] == ["open"]
    named = [MetadataRequestTopic(name=name) for name in ("shut", "missing")]
    answer = topics.call(MetadataRequest(topics=named), 12)
    assert {
        (each.error_code, each.topic_id.int, len(each.partitions)) for each in answer.topics
    } == {(ErrorCode.TOPIC_AUTHORIZATION_FAILED, 0, 0)}
    assert "missing" not in topics.broker.metadata.image.topics


def test_operations_are_told_only_when_asked_for(lab: BrokerLab) -> None:
    noting = lab.broker.authorizer = Noting()
    assert lab.call(DescribeClusterRequest()).cluster_authorized_operations == NOT_ASKED
    assert noting.asked == []


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)


class _Owner:
    faults = metrics = None

    def __init__(self, lab: BrokerLab) -> None:
        self.broker = lab.broker

    def opened(self, connection: ClientConnection) -> None:
        pass


def test_connection_carries_its_principal_into_each_request(lab: BrokerLab) -> None:
    """A refusal of all that was asked for is an answer, not a closed connection."""
    noting = lab.broker.authorizer = Noting("kafka-cluster")
    connection = ClientConnection(cast(ConnectionOwner, _Owner(lab)), 1, "10.0.0.7")
    assert connection.principal == ANONYMOUS
    connection.principal = KafkaPrincipal("User", "alice")
    transport = _Transport()
    connection.connection_made(transport)
    frame = encode_request(DescribeQuorumRequest(), 2, 5, "client")
    connection.get_buffer(len(frame))[: len(frame)] = frame
    connection.buffer_updated(len(frame))
    key = info_of(DescribeQuorumRequest).key
    assert noting.asked == [
        ("User:alice", "10.0.0.7", Operation.DESCRIBE, ResourceType.CLUSTER, "kafka-cluster")
    ]
    _, answer = decode_response(key, 2, transport.written[4:])
    assert answer.error_code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED
