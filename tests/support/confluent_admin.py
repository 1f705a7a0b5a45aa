"""The calls of confluent-kafka for administrators."""

from __future__ import annotations

from typing import Any

import confluent_kafka as ck
import confluent_kafka.admin
from client_admin import Administrator, DescribedGroup
from client_driver import TIMEOUT_S, RefusedError

_admin: Any = confluent_kafka.admin
"""Its names are not declared as exported."""


class ConfluentAdmin(Administrator):
    lacks = frozenset(
        {
            "api_versions",
            "delete_offsets",
            "feature_levels",
            "features",
            "log_dirs",
            "quorum",
            "transactions_admin",
        }
    )

    def __init__(self, client: Any) -> None:
        self._client = client

    def delete_records(self, topic: str, partition: int, before: int) -> int:
        wanted = ck.TopicPartition(topic, partition, before)
        (future,) = self._client.delete_records([wanted]).values()
        return int(_result(future).low_watermark)

    def create_partitions(self, topic: str, count: int) -> None:
        new = _admin.NewPartitions(topic, count)
        _result(self._client.create_partitions([new])[topic])

    def config(self, kind: str, name: str, setting: str) -> tuple[str | None, int]:
        resource = _resource(kind, name)
        entry = _result(self._client.describe_configs([resource])[resource])[setting]
        return entry.value, entry.source

    def alter_config(self, kind: str, name: str, setting: str, value: str) -> None:
        self._alter(kind, name, setting, value, _admin.AlterConfigOpType.SET)

    def reset_config(self, kind: str, name: str, setting: str) -> None:
        self._alter(kind, name, setting, None, _admin.AlterConfigOpType.DELETE)

    def _alter(
        self, kind: str, name: str, setting: str, value: str | None, operation: object
    ) -> None:
        change = _admin.ConfigEntry(setting, value, incremental_operation=operation)
        resource = _resource(kind, name, incremental_configs=[change])
        _result(self._client.incremental_alter_configs([resource])[resource])

    def nodes(self) -> tuple[int, list[tuple[int, str]]]:
        found = _result(self._client.describe_cluster())
        return found.controller.id, [(node.id, f"{node.host}:{node.port}") for node in found.nodes]

    def groups(self) -> set[str]:
        found = _result(self._client.list_consumer_groups())
        assert not found.errors
        return {group.group_id for group in found.valid}

    def group(self, group: str) -> DescribedGroup:
        found = _result(self._client.describe_consumer_groups([group])[group])
        return DescribedGroup(
            found.state.name.upper(), found.partition_assignor, len(found.members)
        )

    def delete_group(self, group: str) -> None:
        _result(self._client.delete_consumer_groups([group])[group])

    def set_offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        wanted = ck.TopicPartition(topic, partition, offset)
        request = [ck.ConsumerGroupTopicPartitions(group, [wanted])]
        found = _result(self._client.alter_consumer_group_offsets(request)[group])
        _check(found.topic_partitions[0].error)

    def elect_leader(self, topic: str, partition: int) -> None:
        wanted = ck.TopicPartition(topic, partition)
        found = _result(self._client.elect_leaders(ck.ElectionType.PREFERRED, [wanted]))
        _check(found[wanted])


def _resource(kind: str, name: str, **settings: Any) -> Any:
    return _admin.ConfigResource(_admin.ResourceType[kind.upper()], name, **settings)


def _check(error: Any) -> None:
    if error is not None:
        raise RefusedError(error.name().lstrip("_"))


def _result(future: Any) -> Any:
    try:
        return future.result(TIMEOUT_S)
    except ck.KafkaException as error:
        raise RefusedError(error.args[0].name().lstrip("_")) from error
