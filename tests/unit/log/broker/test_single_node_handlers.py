"""What one node can't mean, or only in a small way: answered as Apache Kafka answers it."""

from __future__ import annotations

import pytest
from broker_lab import BrokerLab

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import (
    AddRaftVoterRequest,
    ApiVersionsRequest,
    ConsumerGroupDescribeRequest,
    ConsumerGroupHeartbeatRequest,
    RemoveRaftVoterRequest,
    UnregisterBrokerRequest,
)
from streamkit.log.protocol.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    ReassignablePartition,
    ReassignableTopic,
)
from streamkit.log.protocol.messages.alter_replica_log_dirs import (
    AlterReplicaLogDir,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirTopic,
)
from streamkit.log.protocol.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumRequestPartitionData,
    DescribeQuorumRequestTopicData,
)
from streamkit.log.protocol.messages.elect_leaders import (
    ElectLeadersRequest,
    TopicPartitions,
)
from streamkit.log.protocol.messages.update_features import (
    FeatureUpdateKey,
    UpdateFeaturesRequest,
)

UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE = 1, 2, 3


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


def test_quorum_is_this_node(one_topic: BrokerLab) -> None:
    answer = one_topic.call(_quorum([("__cluster_metadata", [0])]))
    (partition,) = answer.topics[0].partitions
    assert partition.error_code == ErrorCode.NONE
    assert partition.leader_id == 1
    (voter,) = partition.current_voters
    assert voter.replica_id == 1
    assert voter.log_end_offset == partition.high_watermark > 0
    assert voter.last_caught_up_timestamp == one_topic.clock.now_ms()
    assert not partition.observers
    assert [each.node_id for each in answer.nodes] == [1]


def test_quorum_grows_with_the_metadata_log(one_topic: BrokerLab) -> None:
    asked = _quorum([("__cluster_metadata", [0])])
    before = one_topic.call(asked).topics[0].partitions[0].high_watermark
    one_topic.broker.create_topic("another", 1, {})
    assert one_topic.call(asked).topics[0].partitions[0].high_watermark > before


@pytest.mark.parametrize(
    "topics",
    [
        [("__cluster_metadata", [1])],
        [("__cluster_metadata", [0, 1])],
        [("__cluster_metadata", [0, 0])],
        [("__cluster_metadata", [0]), ("__cluster_metadata", [])],
        [("t", [0])],
    ],
)
def test_quorum_is_told_to_who_asks_for_it_alone(
    one_topic: BrokerLab, topics: list[tuple[str, list[int]]]
) -> None:
    answer = one_topic.call(_quorum(topics))
    errors = [each.error_code for topic in answer.topics for each in topic.partitions]
    assert errors == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION] * len(errors) != []
    assert not answer.nodes


def _quorum(topics: list[tuple[str, list[int]]]) -> DescribeQuorumRequest:
    return DescribeQuorumRequest(
        topics=[
            DescribeQuorumRequestTopicData(
                topic_name=name,
                partitions=[
                    DescribeQuorumRequestPartitionData(partition_index=each) for each in partitions
                ],
            )
            for name, partitions in topics
        ]
    )


def test_voters_stay(one_topic: BrokerLab) -> None:
    for request in (AddRaftVoterRequest, RemoveRaftVoterRequest):
        for cluster_id, voter, error in (
            ("another", 2, ErrorCode.INCONSISTENT_CLUSTER_ID),
            (None, -1, ErrorCode.INVALID_REQUEST),
            (one_topic.broker.cluster_id, 2, ErrorCode.UNSUPPORTED_VERSION),
        ):
            answer = one_topic.call(request(cluster_id=cluster_id, voter_id=voter))
            assert answer.error_code == error


def test_no_broker_can_be_unregistered(one_topic: BrokerLab) -> None:
    for broker_id, error in (
        (1, ErrorCode.INVALID_REQUEST),
        (2, ErrorCode.BROKER_ID_NOT_REGISTERED),
    ):
        answer = one_topic.call(UnregisterBrokerRequest(broker_id=broker_id))
        assert answer.error_code == error


def test_replica_stays_in_the_one_folder(one_topic: BrokerLab) -> None:
    here = str(one_topic.folder.absolute())
    long = "x" * 220
    answer = one_topic.call(
        AlterReplicaLogDirsRequest(
            dirs=[
                AlterReplicaLogDir(
                    path=path, topics=[AlterReplicaLogDirTopic(name=topic, partitions=partitions)]
                )
                for path, topic, partitions in (
                    (here, "t", [0, 5, -1]),
                    ("/elsewhere", "u", [0]),
                    (here, long, [0]),
                )
            ]
        )
    )
    assert {
        (topic.topic_name, each.partition_index): each.error_code
        for topic in answer.results
        for each in topic.partitions
    } == {
        ("t", 0): ErrorCode.NONE,
        ("t", 5): ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ("t", -1): ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ("u", 0): ErrorCode.LOG_DIR_NOT_FOUND,
        (long, 0): ErrorCode.INVALID_TOPIC_EXCEPTION,
    }


def test_feature_level_holds_over_a_restart(lab: BrokerLab) -> None:
    def announced() -> dict[str, int]:
        asked = ApiVersionsRequest(client_software_name="test", client_software_version="1")
        answer = lab.call(asked)
        return {each.name: each.max_version_level for each in answer.finalized_features}

    assert announced() == {"group.version": 1, "transaction.version": 2}
    assert _set_feature(lab, "transaction.version", 1, SAFE_DOWNGRADE) == ErrorCode.NONE
    lab.restart()
    assert announced() == {"group.version": 1, "transaction.version": 1}
    assert _set_feature(lab, "transaction.version", 2, UPGRADE) == ErrorCode.NONE
    assert announced() == {"group.version": 1, "transaction.version": 2}


def test_epoch_of_features_grows_when_one_changes(lab: BrokerLab) -> None:
    asked = ApiVersionsRequest(client_software_name="test", client_software_version="1")
    before = lab.call(asked).finalized_features_epoch
    _set_feature(lab, "transaction.version", 2, UPGRADE)
    assert lab.call(asked).finalized_features_epoch == before
    _set_feature(lab, "transaction.version", 1, UNSAFE_DOWNGRADE)
    assert lab.call(asked).finalized_features_epoch > before


def test_consumer_protocol_can_be_switched_off(lab: BrokerLab) -> None:
    heartbeat = ConsumerGroupHeartbeatRequest(
        group_id="g",
        member_id="m",
        rebalance_timeout_ms=1000,
        subscribed_topic_names=["t"],
        topic_partitions=[],
    )
    assert _set_feature(lab, "group.version", 0, SAFE_DOWNGRADE) == ErrorCode.NONE
    assert lab.call(heartbeat).error_code == ErrorCode.UNSUPPORTED_VERSION
    described = lab.call(ConsumerGroupDescribeRequest(group_ids=["g"]))
    assert [each.error_code for each in described.groups] == [ErrorCode.UNSUPPORTED_VERSION]
    assert _set_feature(lab, "group.version", 1, UPGRADE) == ErrorCode.NONE
    assert lab.call(heartbeat).error_code == ErrorCode.NONE


@pytest.mark.parametrize(
    ("feature", "level", "upgrade_type"),
    [
        ("transaction.version", 3, UPGRADE),
        ("transaction.version", -1, UNSAFE_DOWNGRADE),
        ("transaction.version", 1, UPGRADE),
        ("transaction.version", 1, 0),
        ("metadata.version", 25, UPGRADE),
        ("", 1, UPGRADE),
    ],
)
def test_update_that_cannot_be_made_is_refused(
    lab: BrokerLab, feature: str, level: int, upgrade_type: int
) -> None:
    assert _set_feature(lab, feature, level, upgrade_type) == ErrorCode.INVALID_UPDATE_VERSION


def test_one_wrong_update_stops_the_others(lab: BrokerLab) -> None:
    answer = lab.call(
        UpdateFeaturesRequest(
            feature_updates=[
                FeatureUpdateKey(
                    feature="group.version", max_version_level=0, upgrade_type=SAFE_DOWNGRADE
                ),
                FeatureUpdateKey(feature="no.such", max_version_level=1),
            ]
        )
    )
    assert answer.error_code == ErrorCode.INVALID_UPDATE_VERSION
    assert lab.broker.metadata.image.features["group.version"] == 1


def test_update_is_only_validated_if_so_asked(lab: BrokerLab) -> None:
    _set_feature(lab, "group.version", 0, SAFE_DOWNGRADE, validate_only=True)
    assert lab.broker.metadata.image.features["group.version"] == 1


def test_oldest_version_says_whether_a_level_may_fall(lab: BrokerLab) -> None:
    for allowed, error in ((False, ErrorCode.INVALID_UPDATE_VERSION), (True, ErrorCode.NONE)):
        update = FeatureUpdateKey(
            feature="group.version", max_version_level=0, allow_downgrade=allowed
        )
        answer = lab.call(UpdateFeaturesRequest(feature_updates=[update]), 0)
        assert answer.error_code == error
    assert [each.feature for each in answer.results] == ["group.version"]


def _set_feature(
    lab: BrokerLab, feature: str, level: int, upgrade_type: int, *, validate_only: bool = False
) -> int:
    update = FeatureUpdateKey(feature=feature, max_version_level=level, upgrade_type=upgrade_type)
    request = UpdateFeaturesRequest(feature_updates=[update], validate_only=validate_only)
    code: int = lab.call(request).error_code
    return code
