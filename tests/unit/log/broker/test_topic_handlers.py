"""Topics: metadata, creation, deletion, partitions, configs; and that they survive a kill."""

from __future__ import annotations

import errno
import os
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from broker_lab import BrokerLab, batch, fetch_request, values

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.alter_configs import AlterableConfig as PlainConfig
from streamkit.log.protocol.messages.alter_configs import AlterConfigsRequest
from streamkit.log.protocol.messages.alter_configs import AlterConfigsResource as PlainResource
from streamkit.log.protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from streamkit.log.protocol.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from streamkit.log.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from streamkit.log.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
)
from streamkit.log.protocol.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    TopicRequest,
)
from streamkit.log.protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.storage import LogStorageError, partition_log


def create(lab: BrokerLab, name: str, partitions: int = 1, replicas: int = 1, **fields: Any) -> Any:
    validate_only = fields.pop("validate_only", False)
    configs = fields.pop("configs", {})
    topic = CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replicas,
        configs=[CreatableTopicConfig(name=k, value=v) for k, v in configs.items()],
        **fields,
    )
    return lab.call(CreateTopicsRequest(topics=[topic], validate_only=validate_only)).topics[0]


def named(*names: str) -> list[MetadataRequestTopic]:
    return [MetadataRequestTopic(name=name) for name in names]


# Metadata.


def test_metadata_names_the_node_and_all_topics(lab: BrokerLab) -> None:
    lab.broker.create_topic("a", 2, {})
    lab.broker.host, lab.broker.port = "here", 1234
    answer = lab.call(MetadataRequest(topics=None))
    assert [(each.node_id, each.host, each.port) for each in answer.brokers] == [(1, "here", 1234)]
    assert answer.cluster_id == lab.broker.cluster_id
    (topic,) = answer.topics
    assert (topic.name, len(topic.partitions), topic.is_internal) == ("a", 2, False)
    assert {(each.leader_id, each.leader_epoch) for each in topic.partitions} == {(1, 0)}


def test_empty_list_means_all_topics_in_version_0_only(lab: BrokerLab) -> None:
    lab.broker.create_topic("a", 1, {})
    assert len(lab.call(MetadataRequest(topics=[]), 0).topics) == 1
    assert lab.call(MetadataRequest(topics=[]), 1).topics == []


def test_metadata_creates_a_missing_topic(lab: BrokerLab) -> None:
    answer = lab.call(MetadataRequest(topics=named("new")))
    assert (answer.topics[0].error_code, len(answer.topics[0].partitions)) == (0, 1)


def test_metadata_creates_nothing_against_the_clients_will(lab: BrokerLab) -> None:
    answer = lab.call(MetadataRequest(topics=named("new"), allow_auto_topic_creation=False))
    assert answer.topics[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_metadata_creates_nothing_when_switched_off(tmp_path: Any) -> None:
    lab = BrokerLab(tmp_path, auto_create_topics_enable=False)
    answer = lab.call(MetadataRequest(topics=named("new")))
    assert answer.topics[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    lab.close()


def test_metadata_refuses_an_illegal_name(lab: BrokerLab) -> None:
    answer = lab.call(MetadataRequest(topics=named("no spaces")))
    assert answer.topics[0].error_code == ErrorCode.INVALID_TOPIC_EXCEPTION


def test_metadata_by_id(lab: BrokerLab) -> None:
    topic = lab.broker.create_topic("a", 1, {})
    known, unknown = lab.call(
        MetadataRequest(
            topics=[
                MetadataRequestTopic(topic_id=topic.topic_id, name=None),
                MetadataRequestTopic(topic_id=uuid.UUID(int=8), name=None),
            ]
        )
    ).topics
    assert (known.error_code, known.name) == (0, "a")
    assert (unknown.error_code, unknown.name) == (ErrorCode.UNKNOWN_TOPIC_ID, None)


# CreateTopics.


def test_created_topic_tells_id_partitions_and_configs(lab: BrokerLab) -> None:
    result = create(lab, "t", 3, configs={"retention.ms": "1000"})
    assert (result.error_code, result.num_partitions, result.replication_factor) == (0, 3, 1)
    assert result.topic_id == lab.broker.topic("t").topic_id
    configs = {each.name: (each.value, each.config_source) for each in result.configs}
    assert configs["retention.ms"] == ("1000", 1)
    assert configs["segment.bytes"] == ("1073741824", 5)
    assert lab.broker.partition_log("t", 0).config.retention_ms == 1000


def test_defaults_for_partitions_and_replicas(lab: BrokerLab) -> None:
    assert create(lab, "t", -1, -1).num_partitions == 1


def test_validate_only_makes_nothing(lab: BrokerLab) -> None:
    assert create(lab, "t", validate_only=True).error_code == 0
    assert "t" not in lab.broker.metadata.image.topics


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("taken", {}, ErrorCode.TOPIC_ALREADY_EXISTS),
        ("a_b", {}, ErrorCode.INVALID_TOPIC_EXCEPTION),
        ("", {}, ErrorCode.INVALID_TOPIC_EXCEPTION),
        ("..", {}, ErrorCode.INVALID_TOPIC_EXCEPTION),
        ("x" * 250, {}, ErrorCode.INVALID_TOPIC_EXCEPTION),
        ("ü", {}, ErrorCode.INVALID_TOPIC_EXCEPTION),
        ("__cluster_metadata", {}, ErrorCode.INVALID_REQUEST),
        ("t", {"partitions": 0}, ErrorCode.INVALID_PARTITIONS),
        ("t", {"partitions": 10_001}, ErrorCode.POLICY_VIOLATION),
        ("t", {"replicas": 2}, ErrorCode.INVALID_REPLICATION_FACTOR),
        ("t", {"configs": {"no.such": "1"}}, ErrorCode.INVALID_CONFIG),
        ("t", {"configs": {"retention.ms": "soon"}}, ErrorCode.INVALID_CONFIG),
        ("t", {"configs": {"retention.ms": None}}, ErrorCode.INVALID_CONFIG),
        ("t", {"configs": {"cleanup.policy": "burn"}}, ErrorCode.INVALID_CONFIG),
        (
            "t",
            {
                "partitions": -1,
                "replicas": -1,
                "assignments": [CreatableReplicaAssignment(partition_index=0, broker_ids=[9])],
            },
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        ),
    ],
)
def test_topic_that_cannot_be_is_refused(
    lab: BrokerLab, name: str, options: dict[str, Any], code: ErrorCode
) -> None:
    lab.broker.create_topic("taken", 1, {})
    lab.broker.create_topic("a.b", 1, {})
    result = create(lab, name, **options)
    assert result.error_code == code
    assert result.error_message


def test_name_given_twice_is_refused(lab: BrokerLab) -> None:
    topic = CreatableTopic(name="t", num_partitions=1, replication_factor=1)
    (result,) = lab.call(CreateTopicsRequest(topics=[topic, topic])).topics
    assert result.error_code == ErrorCode.INVALID_REQUEST


# DeleteTopics.


def test_deleted_topic_is_gone_with_its_records(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    lab.produce("t", 0, batch(b"old"))
    first_id = lab.broker.topic("t").topic_id
    (result,) = lab.call(DeleteTopicsRequest(topic_names=["t"], timeout_ms=1000), 5).responses
    assert result.error_code == 0
    again = lab.broker.create_topic("t", 1, {})
    assert again.topic_id != first_id
    assert lab.produce("t", 0, batch(b"new")).base_offset == 0


def test_topic_whose_files_cannot_be_put_away_is_gone_all_the_same(
    lab: BrokerLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.broker.create_topic("t", 2, {})
    for partition in (0, 1):
        lab.produce("t", partition, batch(b"old"))

    def refuse(folder: Path) -> None:
        raise LogStorageError("Input/output error", path=str(folder))

    with monkeypatch.context() as failing:
        failing.setattr(partition_log, "put_folder_away", refuse)
        answer = lab.call(DeleteTopicsRequest(topics=[DeleteTopicState(name="t")], timeout_ms=1))
        assert answer.responses[0].error_code == ErrorCode.NONE
    for partition in (0, 1):
        refused = lab.produce("t", partition, batch(b"late"))
        assert refused.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    lab.broker.create_topic("t", 2, {})
    lab.restart()
    for partition in (0, 1):
        assert lab.produce("t", partition, batch(b"new")).base_offset == 0


def test_topic_is_deleted_by_id(lab: BrokerLab) -> None:
    topic = lab.broker.create_topic("t", 1, {})
    asked = [DeleteTopicState(topic_id=topic.topic_id), DeleteTopicState(name="nowhere")]
    answers = lab.call(DeleteTopicsRequest(topics=asked, timeout_ms=1000)).responses
    assert {each.name: each.error_code for each in answers} == {
        "t": ErrorCode.NONE,
        "nowhere": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    }


# CreatePartitions.


def test_partitions_are_added(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    lab.produce("t", 0, batch(b"kept"))
    asked = CreatePartitionsRequest(
        timeout_ms=1000, topics=[CreatePartitionsTopic(name="t", count=3, assignments=None)]
    )
    assert lab.call(asked).results[0].error_code == 0
    assert lab.produce("t", 2, batch(b"x")).error_code == 0
    assert lab.call(asked).results[0].error_code == ErrorCode.INVALID_PARTITIONS


# Configs.


def describe(lab: BrokerLab, kind: int, name: str, *keys: str) -> Any:
    resource = DescribeConfigsResource(
        resource_type=kind, resource_name=name, configuration_keys=list(keys) or None
    )
    request = DescribeConfigsRequest(
        resources=[resource], include_synonyms=True, include_documentation=True
    )
    return lab.call(request).results[0]


def test_topic_configs_have_synonyms_types_and_documentation(tmp_path: Any) -> None:
    lab = BrokerLab(tmp_path, log_segment_bytes=2 << 20)
    lab.broker.create_topic("t", 1, {"segment.bytes": str(1 << 20)})
    (config,) = describe(lab, 2, "t", "segment.bytes").configs
    assert (config.value, config.config_source, config.config_type) == ("1048576", 1, 3)
    assert [(each.name, each.value, each.source) for each in config.synonyms] == [
        ("segment.bytes", "1048576", 1),
        ("log.segment.bytes", "2097152", 4),
        ("log.segment.bytes", "1073741824", 5),
    ]
    assert config.documentation
    lab.close()


def test_broker_configs_are_described(lab: BrokerLab) -> None:
    configs = {each.name: each for each in describe(lab, 4, "1").configs}
    assert configs["num.partitions"].value == "1"
    assert configs["num.partitions"].read_only
    assert configs["log.dirs"].config_source == 4
    assert describe(lab, 4, "2").error_code == ErrorCode.INVALID_REQUEST


def test_configs_of_an_unknown_topic(lab: BrokerLab) -> None:
    assert describe(lab, 2, "t").error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def alter(lab: BrokerLab, *changes: tuple[str, int, str | None], kind: int = 2) -> Any:
    resource = AlterConfigsResource(
        resource_type=kind,
        resource_name="t",
        configs=[AlterableConfig(name=n, config_operation=o, value=v) for n, o, v in changes],
    )
    return lab.call(IncrementalAlterConfigsRequest(resources=[resource])).responses[0]


def test_changed_config_holds_at_once(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    log = lab.broker.partition_log("t", 0)
    assert alter(lab, ("retention.ms", 0, "5")).error_code == 0
    assert log.config.retention_ms == 5
    assert alter(lab, ("retention.ms", 1, None)).error_code == 0
    assert log.config.retention_ms == 604_800_000


def test_lists_are_added_to_and_taken_from(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    assert alter(lab, ("cleanup.policy", 2, "compact")).error_code == 0
    assert lab.broker.topic("t").configs["cleanup.policy"] == "delete,compact"
    assert alter(lab, ("cleanup.policy", 3, "delete")).error_code == 0
    assert lab.broker.topic("t").configs["cleanup.policy"] == "compact"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([("no.such", 0, "1")], ErrorCode.INVALID_CONFIG),
        ([("retention.ms", 0, "-2")], ErrorCode.INVALID_CONFIG),
        ([("retention.ms", 2, "1")], ErrorCode.INVALID_CONFIG),
        ([("retention.ms", 9, "1")], ErrorCode.INVALID_REQUEST),
        ([("retention.ms", 0, "1"), ("retention.ms", 1, None)], ErrorCode.INVALID_REQUEST),
        ([("retention.ms", 0, "1"), ("segment.ms", 0, "x")], ErrorCode.INVALID_CONFIG),
    ],
)
def test_wrong_change_changes_nothing(
    lab: BrokerLab, changes: list[tuple[str, int, str | None]], code: ErrorCode
) -> None:
    lab.broker.create_topic("t", 1, {})
    assert alter(lab, *changes).error_code == code
    assert lab.broker.topic("t").configs == {}


def test_broker_configs_are_fixed(lab: BrokerLab) -> None:
    assert alter(lab, ("num.partitions", 0, "2"), kind=4).error_code == ErrorCode.INVALID_REQUEST


def test_plain_alter_configs_resets_what_it_does_not_name(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {"retention.ms": "5", "segment.ms": "6"})
    resource = PlainResource(
        resource_type=2, resource_name="t", configs=[PlainConfig(name="segment.ms", value="7")]
    )
    assert lab.call(AlterConfigsRequest(resources=[resource])).responses[0].error_code == 0
    assert lab.broker.topic("t").configs == {"segment.ms": "7"}


# DescribeTopicPartitions.


def test_topics_are_described_page_by_page(lab: BrokerLab) -> None:
    for name, partitions in (("a", 2), ("b", 3)):
        lab.broker.create_topic(name, partitions, {})
    seen = []
    cursor = None
    while True:
        answer = lab.call(DescribeTopicPartitionsRequest(response_partition_limit=2, cursor=cursor))
        seen += [(t.name, p.partition_index) for t in answer.topics for p in t.partitions]
        cursor = answer.next_cursor
        if cursor is None:
            break
    assert seen == [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2)]


def test_missing_topics_are_described_as_missing(lab: BrokerLab) -> None:
    for cursor, error in (
        (Cursor(topic_name="x"), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (Cursor(topic_name="a"), ErrorCode.INVALID_REQUEST),
        (Cursor(topic_name="x", partition_index=-1), ErrorCode.INVALID_REQUEST),
    ):
        asked = DescribeTopicPartitionsRequest(topics=[TopicRequest(name="x")], cursor=cursor)
        assert lab.call(asked).topics[0].error_code == error


# After a kill.


@pytest.mark.parametrize("cleanly", [True, False])
def test_topics_ids_configs_and_records_survive(lab: BrokerLab, cleanly: bool) -> None:
    lab.broker.create_topic("t", 2, {"retention.ms": "77777777"})
    lab.broker.create_topic("gone", 1, {})
    lab.produce("t", 1, batch(b"kept"))
    lab.produce("gone", 0, batch(b"lost"))
    lab.broker.delete_topic(lab.broker.topic("gone"))
    alter(lab, ("max.message.bytes", 0, "5000"))
    before = lab.broker.topic("t")
    cluster_id = lab.broker.cluster_id

    lab.restart(cleanly=cleanly)
    after = lab.broker.topic("t")
    # After a kill ends of logs may be lost, so leaders begin a new epoch.
    assert after == replace(before, leader_epochs=[0, 0] if cleanly else [1, 1])
    assert lab.broker.cluster_id == cluster_id
    assert "gone" not in lab.broker.metadata.image.topics
    assert lab.broker.partition_log("t", 1).config.max_message_bytes == 5000
    answer = lab.call(fetch_request("t", [(1, 0)]), 12)
    assert values(answer.responses[0].partitions[0].records) == [b"kept"]


def test_log_of_a_topic_deleted_in_the_middle_is_removed_at_the_next_start(lab: BrokerLab) -> None:
    """The metadata record is what deletes; a kill may come before the folder goes."""
    topic = lab.broker.create_topic("t", 1, {})
    lab.produce("t", 0, batch(b"old"))
    lab.broker.metadata.delete_topic(topic, lab.clock.now_ms())
    lab.restart(cleanly=False)
    assert [log.topic_partition.topic for log in lab.broker.logs.logs()] == ["__cluster_metadata"]


def test_topic_that_could_not_be_forced_to_the_disk_was_never_there(
    lab: BrokerLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as failing:
        failing.setattr(os, "fsync", refuse)
        with pytest.raises(LogStorageError):
            lab.broker.create_topic("t", 2, {})
    assert "t" not in lab.broker.metadata.image.topics
    lab.restart(cleanly=False)
    assert "t" not in lab.broker.metadata.image.topics
    assert lab.broker.create_topic("t", 3, {}).partitions == 3
