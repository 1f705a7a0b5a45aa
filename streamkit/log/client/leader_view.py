"""The cluster as the leader of a group sees it while it assigns."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from streamkit.log.client.admin_calls import create_topics
from streamkit.log.client.cluster import Cluster
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.topics import NewTopic

__all__ = ["LeaderView", "partition_count"]


class LeaderView:
    """A `GroupCluster` over a client's connections."""

    def __init__(self, cluster: ClusterClient) -> None:
        self._cluster = cluster
        self._known = Cluster()

    def partition_count(self, topic: str) -> int | None:
        return partition_count(self._known, topic)

    async def refresh(self, topics: Collection[str]) -> None:
        self._cluster.track(topics)

        async def ask() -> None:
            self._known = await self._cluster.refresh()

        await self._cluster.retrying(ask, deadline=self._cluster.deadline())

    async def create_topics(self, topics: Sequence[NewTopic]) -> None:
        await create_topics(self._cluster, topics, exist_ok=True, deadline=self._cluster.deadline())
        await self.refresh([topic.name for topic in topics])


def partition_count(cluster: Cluster, topic: str) -> int | None:
    """How many partitions a topic has; None if it does not exist."""
    info = cluster.topics.get(topic)
    return None if info is None else len(info.partitions)
