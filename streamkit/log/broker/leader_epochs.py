"""Whether a client knows the leader that it talks to (KIP-320)."""

from __future__ import annotations

from streamkit.log.broker.failures import refusal
from streamkit.log.protocol import ErrorCode

__all__ = ["check_leader_epoch"]


def check_leader_epoch(known: int, current: int) -> None:
    """Compare the leader epoch that the client knows, -1 if it knows none, with the partition's.

    Raises:
        BrokerError: UNKNOWN_LEADER_EPOCH or FENCED_LEADER_EPOCH: the client refreshes its metadata.
    """
    if known in (-1, current):
        return
    if known > current:
        raise refusal(ErrorCode.UNKNOWN_LEADER_EPOCH, f"leader epoch {known} isn't known here")
    raise refusal(ErrorCode.FENCED_LEADER_EPOCH, f"leader epoch {known} is older than {current}")
