"""Errors of the client that callers tell apart by type. All are `BrokerError`s."""

from __future__ import annotations

from collections.abc import Mapping

from streamkit.errors import BrokerError
from streamkit.model import TopicPartition

__all__ = ["CommitFailedError", "FencedError", "OffsetResetError"]


class CommitFailedError(BrokerError):
    """The group moved on without this member: its partitions belong to others by now.

    What was processed since the last commit will be processed again by the new owners.
    """


class FencedError(BrokerError):
    """A newer producer or group member with the same id has taken over; close this one."""


class OffsetResetError(BrokerError):
    """A position is not in the log (any more), or there is none, and no reset policy is set.

    Attributes:
        offsets: the position by partition; -1 where none was committed.
    """

    def __init__(self, message: str, *, code: int, offsets: Mapping[TopicPartition, int]) -> None:
        super().__init__(message, code=code)
        self.offsets = dict(offsets)
