"""uniform: the same number of partitions for each member, moving as few as possible.

Where all members read the same topics, each keeps what it has up to its share, and the rest is dealt out. Otherwise
`uniform_mixed` balances topic by topic.

Source: Apache Kafka 4.3, UniformHomogeneousAssignmentBuilder.
"""

from __future__ import annotations

from uuid import UUID

from streamkit.log.broker.groups.consumer.assignors.spec import GroupSpec, Targets
from streamkit.log.broker.groups.consumer.assignors.uniform_mixed import assign_mixed
from streamkit.log.broker.groups.consumer.java_order import (
    copied,
    grown,
    number_hash,
    uuid_hash,
)

__all__ = ["assign_uniformly"]


def assign_uniformly(group: GroupSpec) -> Targets:
    """As many partitions for each member as for the others, give or take one."""
    if not group.members:
        return {}
    return _assign_alike(group) if group.homogeneous else assign_mixed(group)


def _assign_alike(group: GroupSpec) -> Targets:
    topic_ids = next(iter(group.members.values())).topic_ids
    if not topic_ids:
        return {}
    nobody = frozenset[int]()
    free = [
        (topic_id, partition)
        for topic_id in copied(topic_ids, uuid_hash)
        for partition in range(group.partition_counts[topic_id])
        if partition not in group.taken.get(topic_id, nobody)
    ]
    total = sum(group.partition_counts[topic_id] for topic_id in topic_ids)
    share, extra = divmod(total, len(group.members))
    kept: dict[str, dict[UUID, set[int]]] = {}
    wanting: list[tuple[str, int]] = []
    for index, (member_id, member) in enumerate(group.members.items()):
        quota = share + (extra > 0)
        has_extra = extra > 0
        mine = kept[member_id] = {}
        for topic_id in grown(member.assigned, uuid_hash):
            if topic_id not in topic_ids:
                continue
            partitions = member.assigned[topic_id]
            if len(partitions) <= quota:
                mine[topic_id] = set(partitions)
                quota -= len(partitions)
                continue
            order = copied(partitions, number_hash)
            if quota:
                mine[topic_id] = set(order[:quota])
            free.extend((topic_id, partition) for partition in order[quota:])
            quota = 0
        if quota and has_extra and len(group.members) - index > extra:
            # Others have more already, and those after it can still take what is over.
            quota -= 1
            has_extra = False
        if quota:
            wanting.append((member_id, quota))
        extra -= has_extra
    dealt = iter(free)
    for member_id, quota in wanting:
        for _, (topic_id, partition) in zip(range(quota), dealt, strict=False):
            kept[member_id].setdefault(topic_id, set()).add(partition)
    return {
        member_id: {topic_id: frozenset(partitions) for topic_id, partitions in mine.items()}
        for member_id, mine in kept.items()
    }
