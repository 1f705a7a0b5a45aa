"""Which log is compacted next, and the steps of it.

One pass runs at a time. The broker's loop calls `LogManager.clean` often and for a few milliseconds; between
passes all compacted logs are looked at, and the one with the largest dirty share is taken. Up to where
each log is clean stands in `cleaner-offset-checkpoint`, in Kafka's format; without it a log counts as
dirty from its start. A log that stands there may have gaps: recovery goes by that, so it is there before
anything is taken out for the first time; without the file, every log may have some.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from streamkit.errors import StreamkitError
from streamkit.log.storage.checkpoints import CLEANER_OFFSET_FILE, read_offsets
from streamkit.log.storage.cleaner import DEFAULT_MAX_KEYS, Steps, compact
from streamkit.log.storage.compaction import CleanableRange, cleanable_range
from streamkit.log.storage.errors import LogStorageError
from streamkit.log.storage.flushing import Flusher
from streamkit.log.storage.partition_log import PartitionLog
from streamkit.model import TopicPartition

__all__ = ["DEFAULT_BACKOFF_MS", "LogCleaner"]

DEFAULT_BACKOFF_MS = 15_000
"""How long the cleaner rests when no log has anything to compact."""
_RETRY_MS = 60_000
_LOGS_A_STEP = 500

log = logging.getLogger(__name__)


class LogCleaner:
    """Compacts the logs of a data folder.

    A log whose compaction fails is reported and left alone until the next start; for want of space, for a
    minute.

    Args:
        data_dir: holds the checkpoint.
        logs: the manager's own mapping.
        flusher: forces compacted segments to the disk.
        max_keys: keys looked at in one pass.
        backoff_ms: how long it rests when no log has anything to compact.
    """

    __slots__ = (
        "_best",
        "_checkpoint",
        "_clean_to",
        "_current",
        "_due_ms",
        "_flusher",
        "_left",
        "_logs",
        "_looking",
        "_marking",
        "_max_keys",
        "_postponed",
        "_steps",
        "backoff_ms",
        "failed",
    )

    def __init__(
        self,
        data_dir: Path,
        logs: Mapping[TopicPartition, PartitionLog],
        flusher: Flusher,
        *,
        max_keys: int = DEFAULT_MAX_KEYS,
        backoff_ms: int = DEFAULT_BACKOFF_MS,
    ) -> None:
        self.backoff_ms = backoff_ms
        self._checkpoint = data_dir / CLEANER_OFFSET_FILE
        self._clean_to = read_offsets(self._checkpoint)
        for name, offset in self._clean_to.items():
            if name in logs:
                logs[name].compacted_to = offset
        self._logs = logs
        self._flusher = flusher
        self._max_keys = max_keys
        self._current: TopicPartition | None = None
        self._steps: Steps | None = None
        self._due_ms = 0
        self._looking = False
        # Saves, before the first pass over a log, that its records may be missing from then on.
        self._marking: Future[None] | None = None
        self._left: list[TopicPartition] = []
        self._best: tuple[TopicPartition, tuple[bool, float]] | None = None
        self._postponed: dict[TopicPartition, int] = {}
        self.failed: dict[TopicPartition, StreamkitError] = {}

    @property
    def is_busy(self) -> bool:
        """Whether a pass is under way, or being looked for."""
        return self._steps is not None or self._looking

    def step(self, now_ms: int) -> bool:
        """Do a bounded piece of work; False when there is none, or it waits for the disk."""
        if self._steps is None or self._current is None:
            # Longer than it ever rests: the clock has gone back.
            rests = 0 < self._due_ms - now_ms <= self.backoff_ms
            return not rests and self._look(now_ms)
        name, marking = self._current, self._marking
        if marking is not None:
            if not marking.done():
                return False
            self._marking = None
            if marking.exception() is not None:
                del self._clean_to[name]
        try:
            if marking is not None:
                marking.result()
            return next(self._steps)
        except StopIteration as result:
            if name in self._logs:
                self._clean_to[name] = result.value
                self._logs[name].compacted_to = max(self._logs[name].compacted_to, result.value)
                self._save()
            self._steps = None
        except StreamkitError as error:
            self._put_aside(name, error, now_ms)
            self._steps = None
        return True

    def stop(self) -> None:
        """Give up the pass that is under way; what it has swapped in stays."""
        if self._steps is not None:
            self._steps.close()
            self._steps = self._marking = None

    def forget(self, name: TopicPartition) -> None:
        """The log is about to be deleted: what is known of it says nothing about a later one of its name."""
        if name == self._current:
            self.stop()
        self.failed.pop(name, None)
        self._postponed.pop(name, None)
        if self._clean_to.pop(name, None) is not None:
            self._save()

    def _put_aside(self, name: TopicPartition, error: StreamkitError, now_ms: int) -> None:
        """Let the others go on without a log that can't be compacted."""
        if isinstance(error, LogStorageError):
            log.error("compaction of %s failed; it is tried again later: %s", name, error)
            self._postponed[name] = now_ms + _RETRY_MS
        else:
            log.error(
                "compaction of %s failed; it is left alone until the next start",
                name,
                exc_info=error,
            )
            self.failed[name] = error

    def cleanable(self, name: TopicPartition, now_ms: int) -> CleanableRange:
        """What of a log may be compacted now."""
        partition_log = self._logs[name]
        return cleanable_range(
            partition_log.segments,
            partition_log.config,
            first_dirty=max(self._clean_to.get(name, 0), partition_log.log_start_offset),
            last_stable_offset=partition_log.last_stable_offset,
            now_ms=now_ms,
        )

    def _look(self, now_ms: int) -> bool:
        """Look at some logs for the one that needs it most; begin with that when all were looked at."""
        if not self._looking:
            self._looking, self._best = True, None
            self._left = [
                name
                for name, partition_log in self._logs.items()
                if partition_log.config.compacted
                and name not in self.failed
                and not 0 < self._postponed.get(name, 0) - now_ms <= _RETRY_MS
            ]
        some, self._left = self._left[:_LOGS_A_STEP], self._left[_LOGS_A_STEP:]
        for name in some:
            partition_log = self._logs.get(name)
            if partition_log is None:
                continue
            try:
                found = self.cleanable(name, now_ms)
            except StreamkitError as error:
                self._put_aside(name, error, now_ms)
                continue
            need = (found.overdue, found.ratio)
            if found.is_due(partition_log.config) and (self._best is None or need > self._best[1]):
                self._best = name, need
        if self._left:
            return True
        self._looking = False
        if self._best is None:
            self._due_ms = now_ms + self.backoff_ms
            return False
        # Much may have happened to it since it was looked at.
        self._current = self._best[0]
        partition_log = self._logs.get(self._current)
        if partition_log is None:
            return True
        found = self.cleanable(self._current, now_ms)
        if not found.is_due(partition_log.config):
            return True
        if self._current not in self._clean_to:
            self._clean_to[self._current] = found.first_dirty
            self._marking = self._save()
        self._steps = compact(
            partition_log,
            found,
            now_ms=now_ms,
            run=self._flusher.submit,
            max_keys=self._max_keys,
        )
        return True

    def _save(self) -> Future[None]:
        offsets = {name: offset for name, offset in self._clean_to.items() if name in self._logs}
        return self._flusher.save_offsets(self._checkpoint, offsets)
