"""The records of a consumer group (KIP-848) in `__consumer_offsets`, as values.

| record | what it says |
| --- | --- |
| GroupEpochRecord | the group's epoch, which counts changes of members and topics |
| SubscriptionRecord | who a member is, and what it subscribes to |
| TargetEpochRecord | the group's epoch for which the targets were computed |
| TargetRecord | the partitions that a member is to have |
| CurrentAssignmentRecord | the partitions that a member has, and its epoch |
| ResolvedPatternRecord | the topics that a regular expression stands for |
| PartitionMetadataRecord | the group's topics, as brokers before 4.1 kept them; only ever deleted |

Without a value each says that what it spoke of is gone. Their bytes are in `record_codec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias
from uuid import UUID

__all__ = [
    "ClassicMetadata",
    "ConsumerGroupRecord",
    "CurrentAssignment",
    "CurrentAssignmentRecord",
    "GroupEpoch",
    "GroupEpochRecord",
    "MemberState",
    "PartitionEpochs",
    "PartitionMetadataRecord",
    "Partitions",
    "ResolvedPattern",
    "ResolvedPatternRecord",
    "Subscription",
    "SubscriptionRecord",
    "TargetEpoch",
    "TargetEpochRecord",
    "TargetRecord",
]

Partitions: TypeAlias = Mapping[UUID, frozenset[int]]
"""Partitions by the id of their topic; no topic without partitions."""

PartitionEpochs: TypeAlias = Mapping[UUID, Mapping[int, int]]
"""Partitions by topic id, each with the epoch in which its member got it."""


class MemberState(IntEnum):
    """How far a member is on its way to its target."""

    STABLE = 0
    UNREVOKED_PARTITIONS = 1
    UNRELEASED_PARTITIONS = 2
    UNKNOWN = 127


@dataclass(frozen=True, slots=True)
class GroupEpoch:
    """A group's epoch, and the hash of its topics when it was reached."""

    epoch: int
    metadata_hash: int


@dataclass(frozen=True, slots=True)
class GroupEpochRecord:
    group_id: str
    value: GroupEpoch | None


@dataclass(frozen=True, slots=True)
class ClassicMetadata:
    """What a member of the classic protocol has said when it joined."""

    session_timeout_ms: int
    protocols: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a member says of itself.

    Attributes:
        topics: names that it subscribes to; they need not exist.
        pattern: a regular expression that it subscribes to; empty or None for none.
        rebalance_timeout_ms: how long it may take to give partitions up.
        server_assignor: by name; None for the broker's choice.
        classic: set for a member that uses the classic protocol.
    """

    instance_id: str | None = None
    rack_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    topics: frozenset[str] = frozenset()
    pattern: str | None = ""
    rebalance_timeout_ms: int = -1
    server_assignor: str | None = None
    classic: ClassicMetadata | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionRecord:
    group_id: str
    member_id: str
    value: Subscription | None


@dataclass(frozen=True, slots=True)
class TargetEpoch:
    """The epoch of the targets, and when they were computed (0: unknown)."""

    epoch: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class TargetEpochRecord:
    group_id: str
    value: TargetEpoch | None


@dataclass(frozen=True, slots=True)
class TargetRecord:
    group_id: str
    member_id: str
    value: Partitions | None


@dataclass(frozen=True, slots=True)
class CurrentAssignment:
    """What a member has.

    Attributes:
        epoch: the member's; -1 once it has left, -2 for a static member that will be back.
        previous_epoch: the one before, with which it may still come when an answer was lost.
        assigned: what it owns, or may take at its next heartbeat.
        revoking: what it is to give up before it gets anything new.
    """

    epoch: int = 0
    previous_epoch: int = -1
    state: MemberState = MemberState.STABLE
    assigned: PartitionEpochs = field(default_factory=dict)
    revoking: PartitionEpochs = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CurrentAssignmentRecord:
    group_id: str
    member_id: str
    value: CurrentAssignment | None


@dataclass(frozen=True, slots=True)
class ResolvedPattern:
    """The topics whose names match a pattern.

    Attributes:
        version: of the cluster's metadata that was looked at.
        timestamp_ms: when.
    """

    topics: frozenset[str]
    version: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class ResolvedPatternRecord:
    group_id: str
    pattern: str
    value: ResolvedPattern | None


@dataclass(frozen=True, slots=True)
class PartitionMetadataRecord:
    """`value` is kept as bytes: nobody reads it any more."""

    group_id: str
    value: bytes | None


ConsumerGroupRecord: TypeAlias = (
    GroupEpochRecord
    | SubscriptionRecord
    | TargetEpochRecord
    | TargetRecord
    | CurrentAssignmentRecord
    | ResolvedPatternRecord
    | PartitionMetadataRecord
)
