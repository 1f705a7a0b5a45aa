"""range: each topic's partitions in order, a range for each member that reads it.

The first members, static ones by instance id and then the others by member id, get one more where it doesn't come
out even. Topics with as many partitions each are assigned alike, as joins need it. Not sticky.

Source: Apache Kafka 4.3, RangeAssignor.
"""

from __future__ import annotations

from uuid import UUID

from streamkit.log.broker.groups.consumer.assignors.spec import GroupSpec, Targets

__all__ = ["assign_ranges"]


def assign_ranges(group: GroupSpec) -> Targets:
    """A range of each topic that a member reads."""
    order = sorted(
        group.members,
        key=lambda member_id: (
            (instance := group.members[member_id].instance_id) is None,
            _java_order(member_id if instance is None else instance),
        ),
    )
    readers: dict[UUID, list[str]] = {}
    for member_id in order:
        for topic_id in group.members[member_id].topic_ids:
            readers.setdefault(topic_id, []).append(member_id)
    targets: Targets = {member_id: {} for member_id in order}
    for topic_id, members in readers.items():
        share, extra = divmod(group.partition_counts[topic_id], len(members))
        start = 0
        for index, member_id in enumerate(members):
            end = start + share + (index < extra)
            if start < end:
                targets[member_id][topic_id] = frozenset(range(start, end))
            start = end
    return targets


def _java_order(text: str) -> bytes:
    """Sorts as Java compares strings: by UTF-16 units."""
    return text.encode("utf-16-be", "surrogatepass")
