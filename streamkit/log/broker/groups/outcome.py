"""What the coordinator answers: requests and replies as values, and the outcome of an event.

An event (a request, a deadline) comes in with the time; an `Outcome` goes out. Its owner appends the records,
replays them into the coordinator, and then delivers the reply and the completions; if the append fails it
asks the coordinator for the outcome of that (`GroupCoordinator.append_failed`) and delivers this instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeAlias, TypeVar

from streamkit.log.broker.groups.records import GroupRecord
from streamkit.log.protocol import ErrorCode

__all__ = [
    "Completion",
    "Downgrade",
    "Join",
    "JoinReply",
    "JoinedMember",
    "Leaver",
    "Outcome",
    "Reply",
    "Sync",
    "SyncReply",
    "Waiter",
]

R = TypeVar("R")

Waiter: TypeAlias = object
"""Stands for a request that waits for its answer. The coordinator keeps it and hands it back, no more."""


@dataclass(frozen=True, slots=True)
class Join:
    """A JoinGroup request, of any version.

    Attributes:
        member_id: empty for a member that has none yet.
        instance_id: of a static member.
        rebalance_timeout_ms: how long the group waits for this member when it rebalances.
        protocols: names with the member's metadata for each, in order of preference.
        member_id_required: the version asks for the handshake in which a new member first gets its id (4 and later).
        can_skip_assignment: the version can tell a leader not to assign (9 and later).
    """

    group_id: str
    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocol_type: str
    protocols: tuple[tuple[str, bytes], ...]
    member_id_required: bool = True
    can_skip_assignment: bool = True


@dataclass(frozen=True, slots=True)
class JoinedMember:
    """A member as the leader gets to know it."""

    member_id: str
    instance_id: str | None
    metadata: bytes


@dataclass(frozen=True, slots=True)
class JoinReply:
    """The answer to a join; `members` is filled for the leader alone."""

    error: ErrorCode
    member_id: str
    generation: int = -1
    protocol_type: str | None = None
    protocol: str | None = None
    leader: str = ""
    skip_assignment: bool = False
    members: tuple[JoinedMember, ...] = ()

    def failed(self, error: ErrorCode) -> JoinReply:
        return JoinReply(error, self.member_id)


@dataclass(frozen=True, slots=True)
class Sync:
    """A SyncGroup request; the leader's carries an assignment for each member."""

    group_id: str
    member_id: str
    instance_id: str | None
    generation: int
    protocol_type: str | None
    protocol: str | None
    assignments: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class SyncReply:
    """The answer to a sync: what the member was assigned."""

    error: ErrorCode
    protocol_type: str | None = None
    protocol: str | None = None
    assignment: bytes = b""

    def failed(self, error: ErrorCode) -> SyncReply:
        return SyncReply(error)


Reply: TypeAlias = JoinReply | SyncReply


@dataclass(frozen=True, slots=True)
class Leaver:
    """A member to remove: by member id, or by instance id alone (with an empty member id)."""

    member_id: str
    instance_id: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A waiting request and its answer."""

    waiter: Waiter
    reply: Reply

    def failed(self, error: ErrorCode) -> Completion:
        return replace(self, reply=self.reply.failed(error))


@dataclass(frozen=True, slots=True)
class Downgrade:
    """What a classic group needs that was a consumer group, once it is written.

    Attributes:
        protocols: what each member supports, by member id; the record has but the one in use.
        rebalances: its members are to join again.
    """

    protocols: Mapping[str, tuple[tuple[str, bytes], ...]]
    rebalances: bool


@dataclass(slots=True)
class Outcome(Generic[R]):
    """What an event leads to.

    Attributes:
        reply: the answer to the event itself; joins and syncs get theirs as completions.
        group_id: the group that the records belong to.
        records: to append, in one batch, to the group's partition, and to replay then.
        completions: answers to requests that were waiting.
        downgrade: the records make a consumer group a classic one; what is to be done then.
    """

    reply: R
    group_id: str
    records: list[GroupRecord] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    downgrade: Downgrade | None = None
