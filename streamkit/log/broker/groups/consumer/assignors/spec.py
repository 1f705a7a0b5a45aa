"""What an assignor is given: members, what they read and what they had."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from streamkit.log.broker.groups.consumer.records import Partitions

__all__ = ["Assignor", "GroupSpec", "MemberSpec", "Targets"]

Targets: TypeAlias = dict[str, dict[UUID, frozenset[int]]]
"""What each member is to have, by member id; members without anything may be left out."""


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """One member.

    Attributes:
        instance_id: of a static member.
        topic_ids: the topics that it reads, in the order in which an assignor is to go through them; all exist.
        assigned: its target so far.
    """

    instance_id: str | None
    topic_ids: Mapping[UUID, None]
    assigned: Partitions


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """The group to assign to.

    Attributes:
        members: by member id, in the order in which an assignor is to go through them.
        homogeneous: all of them read the same topics.
        partition_counts: of each topic that is read.
        taken: partitions that are in somebody's target, of whoever.
    """

    members: Mapping[str, MemberSpec]
    homogeneous: bool
    partition_counts: Mapping[UUID, int]
    taken: Partitions


Assignor: TypeAlias = Callable[[GroupSpec], Targets]
"""Computes targets. Pure: the same group gives the same targets."""
