"""What a group member asks of the polling thread while the group rebalances.

| event | what the polling thread does | its answer |
| --- | --- | --- |
| `Prepare` | give up partitions (eager), make the subscription's bytes | the protocols to join with |
| `Assigned` | take the assignment, call the listener | whether to join again at once |
| `Lost` | drop all partitions without committing | none |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamkit.log.client.assignors import Assignment, Assignor

__all__ = ["Assigned", "Lost", "Prepare"]


@dataclass(slots=True)
class Prepare:
    """The group is about to rebalance.

    Attributes:
        topics: what to subscribe to: given, or matching the pattern now.
        answer: called with what to join with: name and subscription by preference.
    """

    topics: tuple[str, ...]
    answer: Callable[[Sequence[tuple[str, bytes]]], None]


@dataclass(slots=True)
class Assigned:
    """A rebalance is over.

    Attributes:
        assignor: the strategy that the group agreed on.
        assignment: what this member got.
        generation: of the group.
        answer: called with True to join again at once (partitions were given up).
    """

    assignor: Assignor
    assignment: Assignment
    generation: int
    answer: Callable[[bool], None]


@dataclass(slots=True)
class Lost:
    """The group dropped this member: others may have its partitions already."""

    reason: str
