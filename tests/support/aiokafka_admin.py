"""The calls of aiokafka for administrators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiokafka.admin
import aiokafka.errors
import aiokafka.structs
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from client_admin import Administrator, DescribedGroup
from client_driver import RefusedError, code_name


class AiokafkaAdmin(Administrator):
    """`use` calls a function with an admin client and returns what it says."""

    lacks = frozenset(
        {
            "api_versions",
            "delete_offsets",
            "feature_levels",
            "features",
            "groups_deleted",
            "log_dirs",
            "quorum",
            "reset_offsets",
            "single_node",
            "transactions_admin",
        }
    )

    def __init__(self, use: Callable[[Callable[[Any], Any]], Any]) -> None:
        self._use = use

    def delete_records(self, topic: str, partition: int, before: int) -> int:
        tp = aiokafka.structs.TopicPartition(topic, partition)
        wanted = {tp: aiokafka.admin.RecordsToDelete(before_offset=before)}
        with _refusals():
            return int(self._use(lambda admin: admin.delete_records(wanted))[tp])

    def create_partitions(self, topic: str, count: int) -> None:
        wanted = {topic: aiokafka.admin.NewPartitions(count)}
        with _refusals():
            self._use(lambda admin: admin.create_partitions(wanted))

    def config(self, kind: str, name: str, setting: str) -> tuple[str | None, int]:
        resource = ConfigResource(ConfigResourceType[kind.upper()], name)
        (answer,) = self._use(lambda admin: admin.describe_configs([resource]))
        ((code, _, _, _, entries),) = answer.resources
        _check(code)
        ((value, source),) = [(entry[1], entry[3]) for entry in entries if entry[0] == setting]
        return value, source

    def alter_config(self, kind: str, name: str, setting: str, value: str) -> None:
        self._alter(kind, name, {setting: value})

    def reset_config(self, kind: str, name: str, setting: str) -> None:
        # It replaces all of them.
        self._alter(kind, name, {})

    def _alter(self, kind: str, name: str, settings: dict[str, str]) -> None:
        resource = ConfigResource(ConfigResourceType[kind.upper()], name, settings)
        answers = self._use(lambda admin: admin.alter_configs([resource]))
        # It asks for the topics in any case, and for the brokers' settings, if any, after that.
        (code,) = [one[0] for answer in answers for one in answer.resources]
        _check(code)

    def nodes(self) -> tuple[int, list[tuple[int, str]]]:
        found = self._use(lambda admin: admin.describe_cluster())
        nodes = [(node["node_id"], f"{node['host']}:{node['port']}") for node in found["brokers"]]
        return found["controller_id"], nodes

    def groups(self) -> set[str]:
        return {group for group, _ in self._use(lambda admin: admin.list_consumer_groups())}

    def group(self, group: str) -> DescribedGroup:
        (answer,) = self._use(lambda admin: admin.describe_consumer_groups([group]))
        ((code, _, state, _, protocol, members, *_),) = answer.groups
        _check(code)
        return DescribedGroup(state.upper(), protocol, len(members))


@contextmanager
def _refusals() -> Iterator[None]:
    """Turns the client's exceptions into `RefusedError`."""
    try:
        yield
    except aiokafka.errors.KafkaError as error:
        raise RefusedError(code_name(getattr(error, "errno", None), error)) from error


def _check(code: int) -> None:
    if code:
        raise RefusedError(code_name(code, None))
