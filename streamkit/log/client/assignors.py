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
    "GroupCluster",
    "Subscription",
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
