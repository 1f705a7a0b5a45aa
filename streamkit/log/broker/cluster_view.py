"""What a coordinator may know of the cluster: its topics, and the settings of its groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol
from uuid import UUID

__all__ = ["ClusterView"]


class ClusterView(Protocol):
    """The cluster's topics and the settings of its groups, as they are now."""

    @property
    def version(self) -> int:
        """Another number whenever a topic was created, changed or deleted; never a smaller one."""
        ...

    @property
    def created_version(self) -> int:
        """The version in which the newest topic came."""
        ...

    def topic_id_of(self, name: str) -> UUID | None:
        """The id of the topic called `name`, or None if there is none."""
        ...

    def topic_name_of(self, topic_id: UUID) -> str | None:
        """The name of the topic with that id, or None if there is none."""
        ...

    def partition_count(self, topic_id: UUID) -> int | None:
        """How many partitions the topic has, or None if there is no such topic."""
        ...

    def topic_names(self) -> Iterable[str]:
        """The names of all topics."""
        ...

    def group_configs(self, group_id: str) -> Mapping[str, str]:
        """The settings of a group, as texts by Kafka's names; empty if it has none of its own."""
        ...
