"""uniform for members that read different topics: deal out what is free, then move partitions until it is even.

Topics with the most partitions for each reader come first. Within a topic, its least loaded reader gets the next
partition; afterwards the most loaded gives to the least loaded while that evens out, topic by topic, until a whole
round changes nothing or 16 rounds are over: then it is nearly even at least.

Source: Apache Kafka 4.3, UniformHeterogeneousAssignmentBuilder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from streamkit.log.broker.groups.consumer.assignors.spec import GroupSpec, Targets

__all__ = ["assign_mixed"]

_MOST_ROUNDS = 16
_NOBODY = -1


def assign_mixed(group: GroupSpec) -> Targets:
    """Nearly as many partitions for each member as for the others that read the same."""
    return _Mixed(group).assign()


class _Mixed:
    """One assignment under way. Members are numbers: their place in the group."""

    def __init__(self, group: GroupSpec) -> None:
        self._group = group
        self._member_ids = list(group.members)
        self._loads = [0] * len(self._member_ids)
        self._readers: dict[UUID, list[int]] = {}
        for number, member in enumerate(group.members.values()):
            for topic_id in member.topic_ids:
                self._readers.setdefault(topic_id, []).append(number)
        self._owners = {
            topic_id: [_NOBODY] * group.partition_counts[topic_id] for topic_id in self._readers
        }

    def assign(self) -> Targets:
        if not self._readers:
            return {}
        for number, member in enumerate(self._group.members.values()):
            for topic_id in member.topic_ids.keys() & member.assigned.keys():
                owners = self._owners[topic_id]
                for partition in member.assigned[topic_id]:
                    if partition < len(owners):
                        owners[partition] = number
                        self._loads[number] += 1
        self._deal_out()
        self._even_out()
        targets: dict[str, dict[UUID, set[int]]] = {each: {} for each in self._member_ids}
        for topic_id, owners in self._owners.items():
            for partition, owner in enumerate(owners):
                targets[self._member_ids[owner]].setdefault(topic_id, set()).add(partition)
        return {
            member_id: {topic_id: frozenset(partitions) for topic_id, partitions in mine.items()}
            for member_id, mine in targets.items()
        }

    def _deal_out(self) -> None:
        free = {
            topic_id: [p for p, owner in enumerate(owners) if owner == _NOBODY]
            for topic_id, owners in self._owners.items()
            if _NOBODY in owners
        }
        for topic_id in self._in_order(free):
            balance = _Balance(self._loads, self._readers[topic_id])
            for partition in free[topic_id]:
                self._give(topic_id, partition, balance.next_least())

    def _even_out(self) -> None:
        topic_ids = self._in_order(each for each in self._readers if len(self._readers[each]) > 1)
        last_changed: UUID | None = None
        for _ in range(_MOST_ROUNDS):
            for topic_id in topic_ids:
                if topic_id == last_changed:
                    return
                if self._even_out_topic(topic_id) or last_changed is None:
                    last_changed = topic_id

    def _even_out_topic(self, topic_id: UUID) -> bool:
        """Move partitions of one topic among its readers; whether one was moved."""
        owners = self._owners[topic_id]
        readers = self._readers[topic_id]
        loads = [self._loads[number] for number in readers]
        if max(loads) - min(loads) <= 1:
            return False
        balance = _Balance(self._loads, readers)
        by_owner: dict[int, list[int]] = {}
        for partition, owner in enumerate(owners):
            by_owner.setdefault(owner, []).append(partition)
        moved = False
        while not balance.even:
            giver = balance.next_most()
            while giver is not None and not by_owner.get(giver):
                balance.exclude_most()
                giver = balance.next_most()
            if giver is None:
                break
            partition = by_owner[giver].pop()
            taker = balance.next_least()
            if balance.even:
                break
            self._give(topic_id, partition, taker)
            moved = True
        return moved

    def _give(self, topic_id: UUID, partition: int, number: int) -> None:
        owners = self._owners[topic_id]
        if owners[partition] != _NOBODY:
            self._loads[owners[partition]] -= 1
        owners[partition] = number
        self._loads[number] += 1

    def _in_order(self, topic_ids: Iterable[UUID]) -> list[UUID]:
        """By partitions a reader, most first; then by readers; then by id, as Kafka compares ids."""

        def key(topic_id: UUID) -> tuple[float, int, int, int]:
            readers = len(self._readers[topic_id])
            high, low = divmod(topic_id.int, 1 << 64)
            sign = 1 << 63
            return -(len(self._owners[topic_id]) / readers), readers, high ^ sign, low ^ sign

        return sorted(topic_ids, key=key)


class _Balance:
    """Readers of a topic by load: a range of the least loaded grows from below, one of the most loaded from above.

    Within a range all have the same load; who was handed out counts as loaded, or relieved, by one partition.
    """

    def __init__(self, loads: list[int], readers: Sequence[int]) -> None:
        self._loads = loads
        self._sorted = sorted(readers, key=lambda number: (loads[number], number))
        self._least_end = 0
        self._least_load = loads[self._sorted[0]] - 1
        self._next_least = 0
        self._most_start = self._most_end = len(self._sorted)
        self._most_load = loads[self._sorted[-1]] + 1
        self._next_most = len(self._sorted) - 1

    @property
    def even(self) -> bool:
        return self._most_load - self._least_load <= 1

    def next_least(self) -> int:
        """The least loaded reader, which gets a partition."""
        if self._next_least >= self._least_end:
            self._least_load += 1
            while (
                self._least_end < len(self._sorted)
                and self._loads[self._sorted[self._least_end]] == self._least_load
            ):
                self._least_end += 1
            self._next_least = 0
        found = self._sorted[self._next_least]
        self._next_least += 1
        return found

    def next_most(self) -> int | None:
        """The most loaded reader, which is to give a partition away; None if nobody is left."""
        if self._next_most < self._most_start:
            if self._most_end <= self._most_start and self._most_start > 0:
                # All of the range were excluded: it begins anew with the next load that there is.
                self._most_load = self._loads[self._sorted[self._most_start - 1]]
            else:
                self._most_load -= 1
            while (
                self._most_start > 0
                and self._loads[self._sorted[self._most_start - 1]] == self._most_load
            ):
                self._most_start -= 1
            self._next_most = self._most_end - 1
        if self._next_most < 0:
            return None
        found = self._sorted[self._next_most]
        self._next_most -= 1
        return found

    def exclude_most(self) -> None:
        """Take the reader that `next_most` gave last out of the range: it has nothing to give."""
        at, last = self._next_most + 1, self._most_end - 1
        self._sorted[at], self._sorted[last] = self._sorted[last], self._sorted[at]
        self._most_end -= 1
