"""The hash that tells that the topics of a consumer group have changed: XXH3, as in Apache Kafka."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from uuid import UUID

from xxhash import xxh3_64_intdigest

from streamkit.log.broker.cluster_view import ClusterView

__all__ = ["TopicHashes"]


class TopicHashes:
    """Hashes of topics, each computed once as long as the topic stays as it is.

    Args:
        cluster: where the topics are.
    """

    def __init__(self, cluster: ClusterView) -> None:
        self._cluster = cluster
        self._known: dict[str, tuple[UUID, int, int]] = {}

    def of_topics(self, names: Iterable[str]) -> int:
        """The hash of all topics in `names` that exist, as a signed number of 64 bits; 0 for none."""
        hashes = [
            found for name in sorted(set(names)) if (found := self._of_topic(name)) is not None
        ]
        return _signed(xxh3_64_intdigest(struct.pack(f"<{len(hashes)}Q", *hashes))) if hashes else 0

    def _of_topic(self, name: str) -> int | None:
        topic_id = self._cluster.topic_id_of(name)
        partitions = None if topic_id is None else self._cluster.partition_count(topic_id)
        if topic_id is None or partitions is None:
            self._known.pop(name, None)
            return None
        known = self._known.get(name)
        if known is not None and known[:2] == (topic_id, partitions):
            return known[2]
        text = name.encode("utf-16-le")
        high, low = divmod(topic_id.int, 1 << 64)
        # The racks of each partition's replicas would follow its number; a broker here has none.
        data = (
            struct.pack("<BQQ", 0, high, low)
            + text
            + struct.pack("<ii", len(text) // 2, partitions)
            + struct.pack(f"<{partitions}i", *range(partitions))
        )
        computed = xxh3_64_intdigest(data)
        self._known[name] = (topic_id, partitions, computed)
        return computed


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
