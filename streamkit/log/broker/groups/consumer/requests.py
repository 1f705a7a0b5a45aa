"""What members of consumer groups ask, and what they are answered, as values."""

from __future__ import annotations

from dataclasses import dataclass

from streamkit.log.broker.groups.consumer.records import Partitions
from streamkit.log.protocol import ErrorCode

__all__ = ["JOINS", "LEAVES", "LEAVES_FOR_A_WHILE", "ConsumerHeartbeat", "ConsumerHeartbeatReply"]

JOINS, LEAVES, LEAVES_FOR_A_WHILE = 0, -1, -2
"""Member epochs with a meaning of their own in a heartbeat."""


@dataclass(frozen=True, slots=True)
class ConsumerHeartbeat:
    """A ConsumerGroupHeartbeat request. What is None has not changed since the last one.

    Attributes:
        member_id: empty for a member without one, which only version 0 allows.
        member_epoch: the member's own; 0 to join, -1 to leave, -2 for a static member that will be back.
        rebalance_timeout_ms: -1 if it has not changed.
        owned: the partitions that the member has.
    """

    group_id: str
    member_id: str
    member_epoch: int
    instance_id: str | None = None
    rack_id: str | None = None
    rebalance_timeout_ms: int = -1
    topics: frozenset[str] | None = None
    pattern: str | None = None
    server_assignor: str | None = None
    owned: Partitions | None = None
    client_id: str = ""
    client_host: str = ""
    member_id_required: bool = True

    @property
    def is_full(self) -> bool:
        """Whether it says everything: then the answer does, too."""
        subscribes = self.topics is not None or self.pattern is not None
        return self.rebalance_timeout_ms != -1 and subscribes and self.owned is not None


@dataclass(frozen=True, slots=True)
class ConsumerHeartbeatReply:
    """The answer; `assigned` is None where nothing has changed for the member."""

    error: ErrorCode = ErrorCode.NONE
    message: str | None = None
    member_id: str | None = None
    member_epoch: int = 0
    heartbeat_interval_ms: int = 0
    assigned: Partitions | None = None
