"""Who of a consumer group reads which partition: the interface, and Kafka's four strategies.

Assignment is a pure function of subscriptions and partition counts; only the leader of a group
runs it, on the network thread. `user_data` and `on_assignment` run on the polling thread.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from streamkit.log.client.topics import NewTopic
from streamkit.model import TopicPartition

__all__ = [
    "Assignment",
    "Assignor",
    "CooperativeStickyAssignor",
    "GroupCluster",
    "RangeAssignor",
    "RoundRobinAssignor",
    "StickyAssignor",
    "Subscription",
    "assign_sticky",
]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a member told its group's leader.

    Attributes:
        topics: the topics it subscribes to.
        owned_partitions: what it still holds (cooperative members, and sticky ones).
        user_data: bytes of the assignor's own.
        group_instance_id: of a static member.
        generation_id: the generation of `owned_partitions`; -1 if not known.
        rack_id: where the member is.
    """

    topics: tuple[str, ...]
    owned_partitions: tuple[TopicPartition, ...] = ()
    user_data: bytes | None = None
    group_instance_id: str | None = None
    generation_id: int = -1
    rack_id: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a member got.

    Attributes:
        partitions: to read from now on; replaces what it had.
        user_data: bytes of the assignor's own.
    """

    partitions: tuple[TopicPartition, ...] = ()
    user_data: bytes | None = None


class GroupCluster(Protocol):
    """What a leader may ask of the cluster while it assigns. All on the network thread."""

    def partition_count(self, topic: str) -> int | None:
        """How many partitions a topic has as of the last refresh; None if it does not exist."""
        ...

    async def refresh(self, topics: Collection[str]) -> None:
        """Learn the present state of these topics. Creates none."""
        ...

    async def create_topics(self, topics: Sequence[NewTopic]) -> None:
        """Create topics; one that exists already is fine.

        Raises:
            BrokerError: a topic can't be created.
        """
        ...


class Assignor(Protocol):
    """A strategy; all members of a group have to agree on one by its name.

    Attributes:
        name: as it goes over the wire.
        cooperative: True for the incremental protocol: members keep what they hold during a
            rebalance and give up only what moves. The assignor then must not hand a partition
            to a member while another one owns it; the next rebalance follows by itself.
    """

    name: str
    cooperative: bool

    def user_data(self, topics: Collection[str]) -> bytes | None:
        """Bytes for the leader. Called in poll(), before each join."""
        ...

    async def assign(
        self, cluster: GroupCluster, subscriptions: Mapping[str, Subscription]
    ) -> Mapping[str, Assignment]:
        """Assign all partitions of all subscribed topics to the members, by member id.

        Called at the leader only, on the network thread: it must not block. Topics whose
        partition count is None are left out. A raised error fails the rebalance and reaches
        the leader's caller in poll().
        """
        ...

    def on_assignment(self, assignment: Assignment, generation: int) -> None:
        """This member's assignment. Called in poll(), before the listener's on_assigned."""
        ...


class RangeAssignor:
    """Kafka's `range`: each topic's partitions in runs, so that topics of one size line up.

    Members are taken in order of their instance id or member id; the first ones get one more.
    """

    name = "range"
    cooperative = False

    def user_data(self, topics: Collection[str]) -> bytes | None:  # noqa: ARG002
        return None

    async def assign(
        self, cluster: GroupCluster, subscriptions: Mapping[str, Subscription]
    ) -> Mapping[str, Assignment]:
        assigned: dict[str, list[TopicPartition]] = {member: [] for member in subscriptions}
        for topic, members in _members_by_topic(cluster, subscriptions):
            count = cluster.partition_count(topic) or 0
            each, more = divmod(count, len(members))
            start = 0
            for index, member in enumerate(members):
                end = start + each + (1 if index < more else 0)
                assigned[member] += [TopicPartition(topic, p) for p in range(start, end)]
                start = end
        return _assignments(assigned)

    def on_assignment(self, assignment: Assignment, generation: int) -> None:
        pass


class RoundRobinAssignor:
    """Kafka's `roundrobin`: all partitions of all topics in order, dealt out one by one."""

    name = "roundrobin"
    cooperative = False

    def user_data(self, topics: Collection[str]) -> bytes | None:  # noqa: ARG002
        return None

    async def assign(
        self, cluster: GroupCluster, subscriptions: Mapping[str, Subscription]
    ) -> Mapping[str, Assignment]:
        assigned: dict[str, list[TopicPartition]] = {member: [] for member in subscriptions}
        members = _in_order(subscriptions)
        turn = 0
        for topic, subscribed in _members_by_topic(cluster, subscriptions):
            for partition in range(cluster.partition_count(topic) or 0):
                while members[turn % len(members)] not in subscribed:
                    turn += 1
                assigned[members[turn % len(members)]].append(TopicPartition(topic, partition))
                turn += 1
        return _assignments(assigned)

    def on_assignment(self, assignment: Assignment, generation: int) -> None:
        pass


class StickyAssignor:
    """Balanced, and every member keeps as much as balance allows of what it had.

    What a member had is in its subscription's owned partitions. Kafka's `sticky` (eager) sends them in
    the user data too, for brokers and clients before 2.4; this one needs members that do not.
    """

    name = "sticky"
    cooperative = False

    def user_data(self, topics: Collection[str]) -> bytes | None:  # noqa: ARG002
        return None

    async def assign(
        self, cluster: GroupCluster, subscriptions: Mapping[str, Subscription]
    ) -> Mapping[str, Assignment]:
        return _assignments(assign_sticky(cluster, subscriptions))

    def on_assignment(self, assignment: Assignment, generation: int) -> None:
        pass


class CooperativeStickyAssignor(StickyAssignor):
    """As `StickyAssignor`, by the incremental protocol: nobody stops for what does not move."""

    name = "cooperative-sticky"
    cooperative = True

    async def assign(
        self, cluster: GroupCluster, subscriptions: Mapping[str, Subscription]
    ) -> Mapping[str, Assignment]:
        assigned = assign_sticky(cluster, subscriptions)
        owners = _owners(subscriptions)
        # A partition that moves is given to nobody now; its owner gives it up, joins again, and the
        # next round hands it over.
        return _assignments(
            {
                member: [tp for tp in partitions if owners.get(tp, member) == member]
                for member, partitions in assigned.items()
            }
        )


def assign_sticky(
    cluster: GroupCluster, subscriptions: Mapping[str, Subscription]
) -> dict[str, list[TopicPartition]]:
    """A balanced assignment that moves few partitions.

    Everyone first keeps what it owns and still subscribes to, up to a fair share; what is left goes to
    whoever has least; last, partitions move from the fullest to the emptiest member that takes
    them while they differ by more than one.
    """
    members = _in_order(subscriptions)
    topics = {member: frozenset(subscriptions[member].topics) for member in members}
    everything = [
        TopicPartition(topic, p)
        for topic, _ in _members_by_topic(cluster, subscriptions)
        for p in range(cluster.partition_count(topic) or 0)
    ]
    existing = frozenset(everything)
    owners = _owners(subscriptions)
    assigned: dict[str, list[TopicPartition]] = {member: [] for member in members}
    for tp in sorted(owners):
        if tp in existing and tp.topic in topics[owners[tp]]:
            assigned[owners[tp]].append(tp)
    _trim(assigned, len(everything), len(members))
    taken = {tp for partitions in assigned.values() for tp in partitions}
    for tp in everything:
        if tp not in taken:
            takers = [m for m in members if tp.topic in topics[m]]
            assigned[min(takers, key=lambda m: len(assigned[m]))].append(tp)
    _balance(assigned, topics)
    return assigned


def _trim(assigned: dict[str, list[TopicPartition]], total: int, members: int) -> None:
    """Take from members what exceeds a fair share."""
    each, more = divmod(total, max(members, 1))
    for partitions in sorted(assigned.values(), key=len, reverse=True):
        share = each + (1 if more > 0 else 0)
        if len(partitions) > each:
            more -= 1
        del partitions[max(share, each) :]


def _balance(
    assigned: dict[str, list[TopicPartition]], topics: Mapping[str, frozenset[str]]
) -> None:
    # Every move shrinks the sum of squares of the loads, so this ends.
    moved = True
    while moved:
        moved = False
        for giver in sorted(assigned, key=lambda m: -len(assigned[m])):
            for taker in sorted(assigned, key=lambda m: len(assigned[m])):
                if len(assigned[giver]) - len(assigned[taker]) < 2:
                    break
                movable = [tp for tp in assigned[giver] if tp.topic in topics[taker]]
                if movable:
                    assigned[giver].remove(movable[-1])
                    assigned[taker].append(movable[-1])
                    moved = True
                    break
            if moved:
                break


def _owners(subscriptions: Mapping[str, Subscription]) -> dict[TopicPartition, str]:
    """Who owns what; of two that claim the same, the one of the newer generation, else nobody."""
    owners: dict[TopicPartition, str] = {}
    generations: dict[TopicPartition, int] = {}
    for member in _in_order(subscriptions):
        subscription = subscriptions[member]
        for tp in subscription.owned_partitions:
            known = generations.get(tp)
            if known is None or subscription.generation_id > known:
                owners[tp] = member
                generations[tp] = subscription.generation_id
            elif known == subscription.generation_id:
                owners.pop(tp, None)
    return owners


def _in_order(subscriptions: Mapping[str, Subscription]) -> list[str]:
    # Kafka's order: static members by their instance id before the others.
    return sorted(
        subscriptions,
        key=lambda m: (
            subscriptions[m].group_instance_id is None,
            subscriptions[m].group_instance_id or m,
        ),
    )


def _members_by_topic(
    cluster: GroupCluster, subscriptions: Mapping[str, Subscription]
) -> list[tuple[str, list[str]]]:
    """Topics that exist, in order, with the members that subscribe to them, in order."""
    topics: dict[str, list[str]] = {}
    for member in _in_order(subscriptions):
        for topic in subscriptions[member].topics:
            topics.setdefault(topic, []).append(member)
    return [(topic, topics[topic]) for topic in sorted(topics) if cluster.partition_count(topic)]


def _assignments(assigned: Mapping[str, Collection[TopicPartition]]) -> dict[str, Assignment]:
    return {member: Assignment(tuple(sorted(tps))) for member, tps in assigned.items()}
