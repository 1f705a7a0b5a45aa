"""ListOffsets, OffsetForLeaderEpoch, DeleteRecords, InitProducerId, and what describes the node."""

from __future__ import annotations

from typing import Any

import pytest
from broker_lab import NOW_MS, BrokerLab, batch

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.api_versions import ApiVersionsRequest
from streamkit.log.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
)
from streamkit.log.protocol.messages.describe_cluster import DescribeClusterRequest
from streamkit.log.protocol.messages.describe_log_dirs import DescribeLogDirsRequest
from streamkit.log.protocol.messages.init_producer_id import InitProducerIdRequest
from streamkit.log.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from streamkit.log.protocol.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
)
from streamkit.log.protocol.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)


@pytest.fixture
def filled(lab: BrokerLab) -> BrokerLab:
    lab.broker.create_topic("t", 1, {})
    for age in (30, 10, 20):
        lab.produce("t", 0, batch(b"v", timestamp=NOW_MS - age))
    return lab


def offset(lab: BrokerLab, timestamp: int, version: int = 11, **fields: Any) -> Any:
    partition = ListOffsetsPartition(partition_index=0, timestamp=timestamp)
    request = ListOffsetsRequest(
        topics=[ListOffsetsTopic(name="t", partitions=[partition])], **fields
    )
    return lab.call(request, version).topics[0].partitions[0]


@pytest.mark.parametrize(
    ("timestamp", "found_timestamp", "found_offset"),
    [
        (-1, -1, 3),
        (-2, -1, 0),
        (-3, NOW_MS - 10, 1),
        (-4, -1, 0),
        (-5, -1, -1),
        (-6, -1, -1),
        (0, NOW_MS - 30, 0),
        (NOW_MS - 29, NOW_MS - 10, 1),
        (NOW_MS, -1, -1),
    ],
)
def test_offsets_by_timestamp(
    filled: BrokerLab, timestamp: int, found_timestamp: int, found_offset: int
) -> None:
    answer = offset(filled, timestamp)
    assert (answer.error_code, answer.timestamp, answer.offset) == (
        0,
        found_timestamp,
        found_offset,
    )


def test_special_timestamp_of_a_later_version_is_refused(filled: BrokerLab) -> None:
    assert offset(filled, -3, 6).error_code == ErrorCode.UNSUPPORTED_VERSION
    assert offset(filled, -99).error_code == ErrorCode.UNSUPPORTED_VERSION


def test_offset_of_an_unknown_topic(lab: BrokerLab) -> None:
    assert offset(lab, -1).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize(("epoch", "end"), [(0, (0, 3)), (5, (-1, -1))])
def test_end_of_a_leader_epoch(filled: BrokerLab, epoch: int, end: tuple[int, int]) -> None:
    partition = OffsetForLeaderPartition(partition=0, leader_epoch=epoch)
    request = OffsetForLeaderEpochRequest(
        topics=[OffsetForLeaderTopic(topic="t", partitions=[partition])]
    )
    answer = filled.call(request).topics[0].partitions[0]
    assert (answer.leader_epoch, answer.end_offset) == end


def delete(lab: BrokerLab, before: int) -> Any:
    partition = DeleteRecordsPartition(partition_index=0, offset=before)
    request = DeleteRecordsRequest(topics=[DeleteRecordsTopic(name="t", partitions=[partition])])
    return lab.call(request).topics[0].partitions[0]


def test_deleted_records_are_gone_and_stay_gone(filled: BrokerLab) -> None:
    assert delete(filled, 2).low_watermark == 2
    assert offset(filled, -2).offset == 2
    filled.restart()
    assert offset(filled, -2).offset == 2
    assert delete(filled, -1).low_watermark == 3


def test_records_beyond_the_end_are_not_deleted(filled: BrokerLab) -> None:
    assert delete(filled, 4).error_code == ErrorCode.OFFSET_OUT_OF_RANGE


def test_records_of_a_compacted_topic_are_not_deleted(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {"cleanup.policy": "compact"})
    assert delete(lab, 0).error_code == ErrorCode.POLICY_VIOLATION


def producer_id(lab: BrokerLab) -> int:
    answer = lab.call(InitProducerIdRequest(transactional_id=None))
    assert (answer.error_code, answer.producer_epoch) == (0, 0)
    return int(answer.producer_id)


def test_producer_ids_are_never_given_twice(lab: BrokerLab) -> None:
    """Not after a kill either: a block is reserved before its first id is given out."""
    given = [producer_id(lab) for _ in range(1001)]
    lab.restart(cleanly=False)
    given += [producer_id(lab) for _ in range(3)]
    assert len(set(given)) == len(given)


def test_versions_served_are_those_with_a_handler(lab: BrokerLab) -> None:
    answer = lab.call(ApiVersionsRequest(client_software_name="x", client_software_version="1"))
    ranges = {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys}
    assert ranges[0] == (0, 13)
    assert ranges[1] == (4, 18)
    assert ranges[22] == (0, 5)


def test_newer_apiversions_is_told_which_to_ask_for(lab: BrokerLab) -> None:
    """And nothing else: franz-go would take the list, and never learn of the features."""
    answer = lab.call(ApiVersionsRequest(), 5)
    assert answer.error_code == ErrorCode.UNSUPPORTED_VERSION
    assert [(each.api_key, each.max_version) for each in answer.api_keys] == [(18, 4)]


def test_apiversions_refuses_a_client_without_a_name(lab: BrokerLab) -> None:
    answer = lab.call(ApiVersionsRequest(client_software_name="-"), 3)
    assert answer.error_code == ErrorCode.INVALID_REQUEST


def test_cluster_is_described(lab: BrokerLab) -> None:
    answer = lab.call(DescribeClusterRequest())
    assert (answer.cluster_id, len(answer.brokers)) == (lab.broker.cluster_id, 1)
    wrong = lab.call(DescribeClusterRequest(endpoint_type=2))
    assert wrong.error_code == ErrorCode.MISMATCHED_ENDPOINT_TYPE


def test_log_dirs_tell_sizes(filled: BrokerLab) -> None:
    (result,) = filled.call(DescribeLogDirsRequest(topics=None)).results
    (topic,) = result.topics
    assert topic.name == "t"
    assert topic.partitions[0].partition_size == 3 * len(batch(b"v"))
    filled.broker.create_topic("unused", 2, {})
    (result,) = filled.call(DescribeLogDirsRequest(topics=None)).results
    assert [(each.name, len(each.partitions)) for each in result.topics] == [
        ("t", 1),
        ("unused", 2),
    ]
    assert result.total_bytes > result.usable_bytes > 0


def test_nothing_is_reassigned(lab: BrokerLab) -> None:
    assert lab.call(ListPartitionReassignmentsRequest(topics=None)).topics == []
