"""Groups of the consumer protocol over a kill -9 of the broker: epochs, targets, owners and commits are there."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from broker_process import BrokerProcess
from client_drivers import Confluent
from wire_client import WireClient

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from streamkit.log.protocol.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    TopicPartitions,
)
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)


def beat(
    client: WireClient, member: str, epoch: int, topic_id: UUID, owned: list[int] | None = None
) -> ConsumerGroupHeartbeatResponse:
    has = None if owned is None else [TopicPartitions(topic_id=topic_id, partitions=owned)]
    answer: ConsumerGroupHeartbeatResponse = client.ask(
        ConsumerGroupHeartbeatRequest(
            group_id="g",
            member_id=member,
            member_epoch=epoch,
            rebalance_timeout_ms=60_000 if epoch == 0 else -1,
            subscribed_topic_names=["t"] if epoch == 0 else None,
            topic_partitions=[] if epoch == 0 else has,
        ),
        1,
    )
    return answer


def partitions(answer: ConsumerGroupHeartbeatResponse) -> list[int]:
    assert answer.error_code == ErrorCode.NONE
    assert answer.assignment is not None
    return [p for each in answer.assignment.topic_partitions for p in each.partitions]


def commit(client: WireClient, member: str, epoch: int, offset: int) -> int:
    partition = OffsetCommitRequestPartition(
        partition_index=0, committed_offset=offset, committed_metadata=""
    )
    request = OffsetCommitRequest(
        group_id="g",
        member_id=member,
        generation_id_or_member_epoch=epoch,
        topics=[OffsetCommitRequestTopic(name="t", partitions=[partition])],
    )
    return int(client.ask(request, 9).topics[0].partitions[0].error_code)


def test_rebalance_goes_on_after_kill_9_at_each_of_its_steps(tmp_path: Path) -> None:
    """A member gives a half up to a second one; the broker is killed after each answer that changes something."""
    settings = ("--set", "group.consumer.assignment.interval.ms=0")
    with BrokerProcess(tmp_path / "log", *settings) as broker:
        Confluent(broker.bootstrap).create_topic("t", 4)
        metadata = MetadataRequest(topics=[MetadataRequestTopic(name="t")])
        with WireClient(broker.bootstrap) as client:
            topic_id = client.ask(metadata, 12).topics[0].topic_id

        def step(
            member: str, epoch: int, owned: list[int] | None = None
        ) -> ConsumerGroupHeartbeatResponse:
            with WireClient(broker.bootstrap) as client:
                answer = beat(client, member, epoch, topic_id, owned)
                broker.kill()
            broker.start()
            return answer

        with WireClient(broker.bootstrap) as client:
            assert partitions(beat(client, "a", 0, topic_id)) == [0, 1, 2, 3]
            assert commit(client, "a", 2, 7) == ErrorCode.NONE
            assert commit(client, "b", 2, 7) == ErrorCode.UNKNOWN_MEMBER_ID
        second = step("b", 0)
        assert (second.member_epoch, partitions(second)) == (3, [])
        kept = partitions(step("a", 2))
        assert len(kept) == 2
        assert step("a", 2, kept).member_epoch == 3
        with WireClient(broker.bootstrap) as client:
            got = partitions(beat(client, "b", 3, topic_id))
            assert sorted([*kept, *got]) == [0, 1, 2, 3]
            (group,) = client.ask(ConsumerGroupDescribeRequest(group_ids=["g"]), 1).groups
            assert (group.group_state, group.group_epoch, group.assignment_epoch) == (
                "Stable",
                3,
                3,
            )
            assert beat(client, "a", 1, topic_id).error_code == ErrorCode.FENCED_MEMBER_EPOCH
