"""Members of the application's group that are no workers of ours: Kafka Streams, or any other consumer.

They choose their partitions by a protocol of their own, so the group takes in one kind at a time. Those that were
stopped leave at once or, as Kafka Streams does by default, when their session has timed out; a worker that
takes the application over waits for that, and says so. Those that still run keep the group.
"""

from __future__ import annotations

import logging
import time

from streamkit.errors import BrokerError, StreamkitError, caused_by
from streamkit.log.client import Admin

__all__ = ["Strangers"]

log = logging.getLogger(__name__)

_MOST_NAMED = 3


class Strangers:
    """Decides how long a worker waits for them.

    Args:
        admin: asks who they are.
        group_id: the application's.
        patience_ms: how long from the first refusal on.
    """

    def __init__(self, admin: Admin, group_id: str, patience_ms: int) -> None:
        self._admin = admin
        self._group_id = group_id
        self._patience_ms = patience_ms
        self._give_up_at: float | None = None

    def met(self, error: BrokerError) -> None:
        """Take note that the group refused this worker.

        Raises:
            StreamkitError: they have not left for as long as the worker waits.
        """
        now = time.monotonic()
        if self._give_up_at is None:
            self._give_up_at = now + self._patience_ms / 1000
            log.warning(
                "%s. Waiting up to %d s, in case they have stopped and their session has to time out",
                self._who(),
                self._patience_ms // 1000,
            )
        elif now > self._give_up_at:
            refused = StreamkitError(
                f"{self._who()}. Stop them first (what they have committed is kept), or give this "
                "application another id"
            )
            raise caused_by(refused, error)

    def _who(self) -> str:
        group = self._admin.describe_groups([self._group_id])[self._group_id]
        names = sorted({f"{member.client_id} at {member.client_host}" for member in group.members})
        shown = ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
        speaking = f" of protocol {group.protocol!r}" if group.protocol else ""
        return (
            f"group {self._group_id!r} has members{speaking} that are no streamkit workers"
            f"{f' ({shown})' if shown else ''}: an application runs on streamkit or on Kafka Streams, "
            "not on both at once"
        )
