"""What one node can't mean: elections and reassignments are answered as Apache Kafka answers them."""

from __future__ import annotations

import pytest
from broker_lab import BrokerLab

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    ReassignablePartition,
    ReassignableTopic,
)
from streamkit.log.protocol.messages.elect_leaders import (
    ElectLeadersRequest,
    TopicPartitions,
)


@pytest.fixture
def one_topic(lab: BrokerLab) -> BrokerLab:
    lab.broker.create_topic("t", 1, {})
    return lab


def test_leader_is_never_elected_anew(one_topic: BrokerLab) -> None:
    asked = [TopicPartitions(topic="t", partitions=[0, 1])]
    answer = one_topic.call(ElectLeadersRequest(topic_partitions=asked))
    assert answer.error_code == ErrorCode.NONE
    assert [each.error_code for each in answer.replica_election_results[0].partition_result] == [
        ErrorCode.ELECTION_NOT_NEEDED,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]


def test_election_for_all_partitions_has_nothing_to_tell(one_topic: BrokerLab) -> None:
    assert one_topic.call(ElectLeadersRequest(topic_partitions=None)).replica_election_results == []


@pytest.mark.parametrize(
    ("partition", "replicas", "error"),
    [
        (0, [1], ErrorCode.NONE),
        (0, [2], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (0, [1, 2], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (0, [], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (0, None, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS),
        (5, [1], ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
    ],
)
def test_partition_can_be_put_where_it_is(
    one_topic: BrokerLab, partition: int, replicas: list[int] | None, error: ErrorCode
) -> None:
    asked = ReassignablePartition(partition_index=partition, replicas=replicas)
    topics = [ReassignableTopic(name="t", partitions=[asked])]
    answer = one_topic.call(AlterPartitionReassignmentsRequest(topics=topics))
    assert answer.error_code == ErrorCode.NONE
    assert answer.responses[0].partitions[0].error_code == error
