"""How many partitions an internal topic has, before and after it is made."""

from __future__ import annotations

from uuid import UUID

from streamkit.log.broker.cluster_view import ClusterView

__all__ = ["InternalPartitions"]


class InternalPartitions:
    """Counts the partitions of an internal topic, which is made when it is first written to, or by a client.

    The topic that exists decides, whatever the setting says, with the partitions that it was found with: keys
    must not move to others while the broker runs.

    Args:
        cluster: the topics.
        topic: the internal one.
        configured: the partitions that the broker would give it.
    """

    def __init__(self, cluster: ClusterView, topic: str, configured: int) -> None:
        self._cluster = cluster
        self._topic = topic
        self._configured = self._count = configured
        self._topic_id: UUID | None = None

    @property
    def count(self) -> int:
        """How many partitions there are, or will be."""
        topic_id = self._cluster.topic_id_of(self._topic)
        if topic_id != self._topic_id:
            self._topic_id = topic_id
            found = None if topic_id is None else self._cluster.partition_count(topic_id)
            self._count = found or self._configured
        return self._count
