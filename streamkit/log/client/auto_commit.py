"""Commits that a consumer makes by itself: every so often, and before it loses partitions. On the polling thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future

from streamkit.errors import StreamkitError

__all__ = ["AutoCommit"]

_log = logging.getLogger(__name__)

_QUIET_SECONDS = 5.0


class AutoCommit:
    """Positions that are committed without being asked; a failure is logged, for records then only come again.

    Args:
        group_id: for the log.
        interval_ms: between two commits; None: never.
        commit: commits the positions, within so many seconds.
        commit_nowait: the same, without waiting.
    """

    def __init__(
        self,
        group_id: str | None,
        interval_ms: int | None,
        *,
        commit: Callable[[float], None],
        commit_nowait: Callable[[], Future[None]],
    ) -> None:
        self._group_id = group_id
        self._seconds = float("inf") if interval_ms is None else interval_ms / 1000
        self._commit = commit
        self._commit_nowait = commit_nowait
        self._next = time.monotonic() + self._seconds

    @property
    def enabled(self) -> bool:
        """Whether it does anything."""
        return self._seconds != float("inf")

    @property
    def is_due(self) -> bool:
        """Whether it is time for a commit."""
        return time.monotonic() >= self._next

    def commit_if_due(self) -> None:
        """Commit, when it is time, without waiting for it."""
        if self.is_due:
            self._next = time.monotonic() + self._seconds
            self._commit_nowait().add_done_callback(self._done)

    def commit_now(self, timeout: float | None) -> None:
        """Commit, if this is enabled, and wait for it: partitions are about to be given up."""
        if not self.enabled:
            return
        try:
            self._commit(_QUIET_SECONDS if timeout is None else timeout)
        except StreamkitError as error:
            self._warn(error)

    def _done(self, committed: Future[None]) -> None:
        if not committed.cancelled() and (error := committed.exception()) is not None:
            self._warn(error)

    def _warn(self, error: BaseException) -> None:
        _log.warning("group %s: offsets are not committed: %s", self._group_id, error)
