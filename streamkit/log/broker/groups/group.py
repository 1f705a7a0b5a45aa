"""One group of the classic protocol: its members and the rules for who may do what.

```
            a member joins                all have joined, or time is up
   Empty ------------------> PreparingRebalance ------------------> CompletingRebalance
     ^                         ^    |         ^                         |         |
     |   nobody is left        |    |         |  a member leaves, joins |         | the leader's
     +-------------------------|----+         |  anew or doesn't sync   |         | assignment
                               |              +-------------------------+         v
                               |   a member leaves, fails, or joins anew
                               +---------------------------------------------- Stable
```

Nothing here knows of time, timers or the log: `membership` and `coordinator` call it.

Source: the classic group protocol of Apache Kafka, KIP-62, KIP-134, KIP-345 (static members), KIP-394.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from enum import Enum

from streamkit.log.broker.groups.outcome import JoinedMember, Waiter
from streamkit.log.broker.groups.records import GroupMetadata, MemberMetadata
from streamkit.log.protocol import ErrorCode

__all__ = ["CONSUMER_PROTOCOL_TYPE", "Group", "GroupState", "Member"]

CONSUMER_PROTOCOL_TYPE = "consumer"
"""The protocol type of consumers, whose subscriptions the coordinator can read."""


class GroupState(Enum):
    """The states of a group, with the names that clients see."""

    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


class Member:
    """A member of a group.

    Attributes:
        is_new: it has never had an answer to a join, so it can't send heartbeats yet.
        awaiting_join, awaiting_sync: its request that waits for an answer, if there is one.
    """

    __slots__ = (
        "assignment",
        "awaiting_join",
        "awaiting_sync",
        "client_host",
        "client_id",
        "instance_id",
        "is_new",
        "member_id",
        "protocols",
        "rebalance_timeout_ms",
        "session_timeout_ms",
    )

    def __init__(
        self,
        *,
        member_id: str,
        instance_id: str | None,
        client_id: str,
        client_host: str,
        rebalance_timeout_ms: int,
        session_timeout_ms: int,
        protocols: tuple[tuple[str, bytes], ...],
        assignment: bytes = b"",
    ) -> None:
        self.member_id = member_id
        self.instance_id = instance_id
        self.client_id = client_id
        self.client_host = client_host
        self.rebalance_timeout_ms = rebalance_timeout_ms
        self.session_timeout_ms = session_timeout_ms
        self.protocols = protocols
        self.assignment = assignment
        self.is_new = False
        self.awaiting_join: Waiter | None = None
        self.awaiting_sync: Waiter | None = None

    def metadata(self, protocol: str | None) -> bytes:
        """What the member sent for `protocol`; empty if it doesn't support it."""
        for name, metadata in self.protocols:
            if name == protocol:
                return metadata
        return b""

    def keeps_itself_alive(self) -> bool:
        """Whether it needs no heartbeat now, since the group owes it an answer."""
        return not self.is_new and (
            self.awaiting_join is not None or self.awaiting_sync is not None
        )


class Group:
    """The members of a group, its generation and its state.

    Attributes:
        state_timestamp_ms: when it entered its state.
        members: by member id, in the order in which they joined.
        pending_members: ids given to members that haven't come back with them yet.
        pending_sync: members of the new generation that haven't sent their SyncGroup yet.
        subscribed_topics: what a group of consumers reads in all, or None if that isn't known.
        initial_remaining_ms: during the initial delay of an empty group: how far it may still be extended.
        new_member_added: a member has joined during the initial delay, which is extended for it.
    """

    def __init__(self, group_id: str, now_ms: int) -> None:
        self.group_id = group_id
        self.created_ms = now_ms
        self.state = GroupState.EMPTY
        self.state_timestamp_ms = now_ms
        self.protocol_type: str | None = None
        self.protocol: str | None = None
        self.generation = 0
        self.leader: str | None = None
        self.members: dict[str, Member] = {}
        self.pending_members: set[str] = set()
        self.pending_sync: set[str] = set()
        self.subscribed_topics: frozenset[str] | None = None
        self.initial_remaining_ms: int | None = None
        self.new_member_added = False
        self._static: dict[str, str] = {}

    # What is written down

    def apply(self, value: GroupMetadata) -> None:
        """Become what a record says: the generation, complete with assignments, or empty.

        This is the only way into Stable, live and at a restart alike. A record of an older generation, or of
        a group that was new then (generation 0), says nothing about the group that there is now. Members
        keep their waiting requests.
        """
        if value.generation < self.generation or value.generation == 0 < len(self.members):
            return
        self.enter(
            GroupState.STABLE if value.members else GroupState.EMPTY, value.state_timestamp_ms
        )
        self.protocol_type = value.protocol_type or None
        self.protocol = value.protocol
        self.generation = value.generation
        self.leader = value.leader
        self.members = {
            m.member_id: self._member_as_written(m, value.protocol) for m in value.members
        }
        self._static = {
            m.instance_id: m.member_id for m in value.members if m.instance_id is not None
        }
        self.subscribed_topics = self._compute_subscribed_topics()

    def _member_as_written(self, value: MemberMetadata, protocol: str | None) -> Member:
        member = self.members.get(value.member_id)
        if member is None:
            member = Member(
                member_id=value.member_id,
                instance_id=value.instance_id,
                client_id=value.client_id,
                client_host=value.client_host,
                rebalance_timeout_ms=value.rebalance_timeout_ms,
                session_timeout_ms=value.session_timeout_ms,
                protocols=((protocol or "", value.subscription),),
            )
        elif member.metadata(protocol) != value.subscription:
            member.protocols = ((protocol or "", value.subscription),)
        member.assignment = value.assignment
        member.client_id = value.client_id
        member.client_host = value.client_host
        member.rebalance_timeout_ms = value.rebalance_timeout_ms
        member.session_timeout_ms = value.session_timeout_ms
        return member

    def as_record(self, assignments: Mapping[str, bytes], now_ms: int) -> GroupMetadata:
        """This generation as a record's value, with `assignments` by member id (missing ones are empty)."""
        return GroupMetadata(
            protocol_type=self.protocol_type or "",
            generation=self.generation,
            protocol=self.protocol,
            leader=self.leader,
            state_timestamp_ms=now_ms,
            members=tuple(
                MemberMetadata(
                    member_id=member.member_id,
                    instance_id=member.instance_id,
                    client_id=member.client_id,
                    client_host=member.client_host,
                    rebalance_timeout_ms=member.rebalance_timeout_ms,
                    session_timeout_ms=member.session_timeout_ms,
                    subscription=member.metadata(self.protocol),
                    assignment=assignments.get(member.member_id, b""),
                )
                for member in self.members.values()
            ),
        )

    # State and questions about it

    def enter(self, state: GroupState, now_ms: int) -> None:
        self.state = state
        self.state_timestamp_ms = now_ms

    @property
    def is_consumer_group(self) -> bool:
        return self.protocol_type == CONSUMER_PROTOCOL_TYPE

    @property
    def can_rebalance(self) -> bool:
        return (
            self.state is not GroupState.PREPARING_REBALANCE and self.state is not GroupState.DEAD
        )

    @property
    def rebalance_timeout_ms(self) -> int:
        """The longest that any member asks the group to wait."""
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    @property
    def awaiting_join(self) -> int:
        """How many members wait for the answer to their join."""
        return sum(member.awaiting_join is not None for member in self.members.values())

    @property
    def all_joined(self) -> bool:
        return not self.pending_members and self.awaiting_join == len(self.members)

    def is_leader(self, member_id: str) -> bool:
        return self.leader == member_id

    def static_member_id(self, instance_id: str) -> str | None:
        return self._static.get(instance_id)

    def is_subscribed_to(self, topic: str) -> bool:
        """Whether members read `topic`; consumers whose subscriptions are unknown may read any."""
        if self.subscribed_topics is not None:
            return topic in self.subscribed_topics
        return self.is_consumer_group

    def check_member(self, member_id: str, instance_id: str | None) -> ErrorCode:
        """Whether a request of this member may be taken: it is known, and not fenced by a newer instance."""
        if instance_id is not None:
            current = self._static.get(instance_id)
            if current is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            if current != member_id:
                return ErrorCode.FENCED_INSTANCE_ID
        return ErrorCode.NONE if member_id in self.members else ErrorCode.UNKNOWN_MEMBER_ID

    def joined_members(self) -> tuple[JoinedMember, ...]:
        """The members as the leader is told of them."""
        return tuple(
            JoinedMember(member.member_id, member.instance_id, member.metadata(self.protocol))
            for member in self.members.values()
        )

    # Members

    def add(self, member: Member, protocol_type: str) -> None:
        if not self.members:
            self.protocol_type = protocol_type
        if member.instance_id is not None:
            self._static[member.instance_id] = member.member_id
        if self.leader is None:
            self.leader = member.member_id
        self.members[member.member_id] = member
        self.pending_members.discard(member.member_id)

    def remove(self, member_id: str) -> None:
        """Take a member out, pending or not; if it led, the one that has been there longest leads."""
        member = self.members.pop(member_id, None)
        if member is not None and member.instance_id is not None:
            del self._static[member.instance_id]
        if self.leader == member_id:
            self.leader = next(iter(self.members), None)
        self.pending_members.discard(member_id)
        self.pending_sync.discard(member_id)

    def replace_static(self, old_member_id: str, new_member_id: str) -> Member:
        """Let a static member that came back go on under a new id, with its assignment.

        Returns:
            The member as it was under its old id, whose waiting requests are to be refused.
        """
        old = self.members[old_member_id]
        new = Member(
            member_id=new_member_id,
            instance_id=old.instance_id,
            client_id=old.client_id,
            client_host=old.client_host,
            rebalance_timeout_ms=old.rebalance_timeout_ms,
            session_timeout_ms=old.session_timeout_ms,
            protocols=old.protocols,
            assignment=old.assignment,
        )
        # The new one stands where the old one stood, so that the order of members doesn't change.
        self.members = {
            member_id if member_id != old_member_id else new_member_id: (
                member if member_id != old_member_id else new
            )
            for member_id, member in self.members.items()
        }
        if self.leader == old_member_id:
            self.leader = new_member_id
        if old.instance_id is not None:
            self._static[old.instance_id] = new_member_id
        self.pending_sync.discard(old_member_id)
        return old

    def elect_joined_leader(self) -> bool:
        """Keep the leader if it has joined again, else take a member that has; False if none has."""
        leader = self.members.get(self.leader) if self.leader is not None else None
        if leader is None:
            return False
        if leader.awaiting_join is not None:
            return True
        for member in self.members.values():
            if member.awaiting_join is not None:
                self.leader = member.member_id
                return True
        return False

    # Protocols

    def supports(self, protocol_type: str, names: Iterable[str]) -> bool:
        """Whether a member with these protocols can join: one of them is supported by all members."""
        names = set(names)
        if self.state is GroupState.EMPTY:
            return bool(protocol_type) and bool(names)
        if self.protocol_type != protocol_type:
            return False
        return bool(names & self._common_protocols()) if self.members else bool(names)

    def select_protocol(self) -> str | None:
        """The protocol that most members prefer among those that all support."""
        common = self._common_protocols()
        votes: dict[str, int] = {}
        for member in self.members.values():
            vote = next((name for name, _ in member.protocols if name in common), None)
            if vote is not None:
                votes[vote] = votes.get(vote, 0) + 1
        return max(votes, key=lambda name: votes[name], default=None)

    def next_generation(self, now_ms: int) -> None:
        """Begin the next generation with the members that are there."""
        self.generation += 1
        self.protocol = self.select_protocol() if self.members else None
        self.subscribed_topics = self._compute_subscribed_topics()
        self.pending_sync.clear()
        self.enter(
            GroupState.COMPLETING_REBALANCE if self.members else GroupState.EMPTY,
            now_ms,
        )

    def _common_protocols(self) -> set[str]:
        counts: dict[str, int] = {}
        for member in self.members.values():
            for name in {name for name, _ in member.protocols}:
                counts[name] = counts.get(name, 0) + 1
        return {name for name, count in counts.items() if count == len(self.members)}

    def _compute_subscribed_topics(self) -> frozenset[str] | None:
        if not self.is_consumer_group:
            return None
        topics: set[str] = set()
        if self.members and self.protocol is None:
            return None
        for member in self.members.values():
            subscribed = _subscription_topics(member.metadata(self.protocol))
            if subscribed is None:
                return None
            topics |= subscribed
        return frozenset(topics)


def _subscription_topics(data: bytes) -> set[str] | None:
    """The topics of a ConsumerProtocolSubscription of any version, or None if it isn't one.

    Every version begins as version 0 does: int16 version, then int32 count of topics, each an int16 length
    with UTF-8.
    """
    try:
        (_, count) = struct.unpack_from(">hi", data)
        if count < 0 or count > len(data) // 2:
            return None
        topics: set[str] = set()
        position = 6
        for _ in range(count):
            (length,) = struct.unpack_from(">h", data, position)
            position += 2
            if length < 0 or position + length > len(data):
                return None
            topics.add(data[position : position + length].decode())
            position += length
    except (struct.error, UnicodeDecodeError):
        return None
    return topics
