"""All logs of a data folder: opening with recovery, creating, deleting, and what is due from time to time.

One process holds a folder. `.kafka_cleanshutdown` is there only between a clean stop and the next
start; without it each log is recovered from its recovery point on, which `tick` moves forward by
forcing logs to the disk in the background, a few at a time.

The thread that opened it uses it; fsync and the removal of folders run on threads of its own.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from random import Random

from streamkit.clock import Clock
from streamkit.errors import ClosedError, StorageError
from streamkit.log.storage.checkpoints import (
    CLEANER_OFFSET_FILE,
    LOG_START_FILE,
    META_PROPERTIES_FILE,
    RECOVERY_POINT_FILE,
    is_damaged,
    read_meta_properties,
    read_offsets,
    remove_clean_shutdown,
    uuid_to_text,
    was_clean_shutdown,
    write_clean_shutdown,
    write_meta_properties,
    write_offsets,
)
from streamkit.log.storage.cleaner import DEFAULT_MAX_KEYS
from streamkit.log.storage.config import LogConfig
from streamkit.log.storage.errors import LogStorageError
from streamkit.log.storage.files import (
    OpenFiles,
    put_folder_away,
    remove_folder,
    storage_errors,
)
from streamkit.log.storage.flushing import Flusher
from streamkit.log.storage.lock import FolderLock
from streamkit.log.storage.log_cleaner import DEFAULT_BACKOFF_MS, LogCleaner
from streamkit.log.storage.partition_log import PartitionLog
from streamkit.log.storage.retention import expired_segments
from streamkit.model import TopicPartition

__all__ = ["LogManager"]

_FOLDER_NAME = re.compile(r"([a-zA-Z0-9._-]+)-(\d+)")
_DELETED_FOLDER = re.compile(r".+\.[0-9a-f]{32}-delete")
_CHECKPOINT_MS = 60_000
_START_OFFSETS_MS = 1_000
_RECOVERY_POINTS_MS = 5_000
_EXPIRE_PRODUCERS_MS = 600_000
# Logs that one tick looks at, so that it doesn't hold up the broker's loop; for retention it is fewer.
_LOGS_A_TICK = 1_000
_CHUNK = 100

log = logging.getLogger(__name__)


class LogManager:
    """The logs of one data folder.

    Args:
        data_dir: the folder; it is made if it isn't there.
        defaults: settings of topics that say nothing else.
        clock: the time.
        node_id: written into `meta.properties`.
        retention_check_ms: how often retention is applied.
        checkpoint_ms: how often each changed log is forced to the disk in the background, and the
            recovery points are saved.
        producer_expiration_ms: how long idempotent producers are remembered.
        max_open_files: descriptors of log files held at most.
        cleaner_max_keys: keys that one pass of compaction looks at; they take about 150 bytes each.
        cleaner_backoff_ms: how long compaction rests when no log needs it.
        seed: from it is drawn how much of `segment.jitter.ms` each segment is closed early; None: from the
            system's randomness.

    Attributes:
        cluster_id: of the folder, once it is open.
        recovered: the last process didn't stop cleanly, or a log has lost its end since.
        failed: partitions whose log can't be opened, and why.

    Example:
        >>> import tempfile
        >>> from streamkit.clock import SystemClock
        >>> from streamkit.log.protocol import BatchBuilder
        >>> from streamkit.model import TopicPartition
        >>> logs = LogManager(tempfile.mkdtemp(), LogConfig(), SystemClock())
        >>> logs.open()
        >>> partition = logs.create(TopicPartition("numbers", 0))
        >>> batch = BatchBuilder()
        >>> batch.append(0, b"key", b"value")
        >>> partition.append(batch.build(), now_ms=0).base_offset
        0
        >>> len(partition.read(0, 1_000_000).data)
        76
        >>> logs.close()
    """

    def __init__(
        self,
        data_dir: str | Path,
        defaults: LogConfig,
        clock: Clock,
        *,
        node_id: int = 1,
        retention_check_ms: int = 300_000,
        checkpoint_ms: int = _CHECKPOINT_MS,
        producer_expiration_ms: int = 86_400_000,
        max_open_files: int = 512,
        cleaner_max_keys: int = DEFAULT_MAX_KEYS,
        cleaner_backoff_ms: int = DEFAULT_BACKOFF_MS,
        seed: int | None = None,
    ) -> None:
        self.data_dir = Path(data_dir)
        self.defaults = defaults
        self.cluster_id = ""
        self.recovered = False
        self.failed: dict[TopicPartition, StorageError] = {}
        self._clock = clock
        self._node_id = node_id
        self._retention_check_ms = retention_check_ms
        self._checkpoint_ms = checkpoint_ms
        self._producer_expiration_ms = producer_expiration_ms
        self._files = OpenFiles(max_open=max_open_files)
        self._logs: dict[TopicPartition, PartitionLog] = {}
        self._lock: FolderLock | None = None
        self._flusher: Flusher | None = None
        self._cleaner: LogCleaner | None = None
        self._cleaner_max_keys = cleaner_max_keys
        self._cleaner_backoff_ms = cleaner_backoff_ms
        self._random = Random(seed)
        self._saved_starts: dict[TopicPartition, int] = {}
        self._saved_points: dict[TopicPartition, int] = {}
        self._round_left: list[TopicPartition] = []
        self._is_expiry_round = False
        self._last_round_ms = 0
        self._retention_due_ms = 0
        self._retention_left: list[TopicPartition] = []
        self._points_due_ms = 0
        self._starts_due_ms = 0
        self._expiry_due_ms = 0

    def open(self, configs: Mapping[str, LogConfig] | None = None) -> None:
        """Take the folder, and open every log in it, with recovery after an unclean stop.

        Args:
            configs: settings by topic; the defaults hold for others. A broker that reads them out
                of a log sets `PartitionLog.config` afterwards.

        Raises:
            LockedError: another process holds the folder.
            StorageError: the folder can't be used. A single log that can't be opened is put into
                `failed`.
        """
        now_ms = self._clock.now_ms()
        with storage_errors("create", str(self.data_dir)):
            self.data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(self.data_dir)
        try:
            self._flusher = Flusher()
            self._open_properties()
            clean = was_clean_shutdown(self.data_dir)
            remove_clean_shutdown(self.data_dir)
            self.recovered = not clean
            starts = read_offsets(self.data_dir / LOG_START_FILE)
            points = read_offsets(self.data_dir / RECOVERY_POINT_FILE)
            self._saved_starts, self._saved_points = starts, points
            with _without_garbage_collection():
                # Where a log was compacted records may be missing.
                checkpoint = self.data_dir / CLEANER_OFFSET_FILE
                compacted = read_offsets(checkpoint)
                is_known = checkpoint.exists() and not is_damaged(checkpoint, bool(compacted))
                for folder, name in self._folders():
                    config = (configs or {}).get(name.topic, self.defaults)
                    point = None if clean else points.get(name, 0)
                    try:
                        self._logs[name] = self._open_log(
                            folder,
                            name,
                            config,
                            now_ms,
                            starts.get(name, 0),
                            point,
                            gapless=is_known and name in points and name not in compacted,
                        )
                    except StorageError as error:
                        log.error(
                            "the log of %s can't be opened; the others go on: %s", name, error
                        )
                        self.failed[name] = error
                    else:
                        self._check_end(self._logs[name], points.get(name, 0))
        except BaseException:
            self._let_go()
            raise
        self._cleaner = LogCleaner(
            self.data_dir,
            self._logs,
            self._background(),
            max_keys=self._cleaner_max_keys,
            backoff_ms=self._cleaner_backoff_ms,
        )
        self._retention_due_ms = now_ms + self._retention_check_ms
        self._expiry_due_ms = now_ms + _EXPIRE_PRODUCERS_MS

    def reconfigure(
        self, defaults: LogConfig, *, producer_expiration_ms: int, cleaner_backoff_ms: int
    ) -> None:
        """Let other settings hold from now on; the settings of logs that are open are the caller's."""
        self.defaults = defaults
        self._producer_expiration_ms = producer_expiration_ms
        self._cleaner_backoff_ms = cleaner_backoff_ms
        for partition_log in self._logs.values():
            partition_log.remember_producers_for(producer_expiration_ms)
        if self._cleaner is not None:
            self._cleaner.backoff_ms = cleaner_backoff_ms

    def create(
        self,
        topic_partition: TopicPartition,
        topic_id: uuid.UUID | None = None,
        config: LogConfig | None = None,
    ) -> PartitionLog:
        """The log of a partition, made if it isn't there.

        Args:
            topic_partition: whose log.
            topic_id: written into the folder.
            config: its settings; None: the defaults.

        Raises:
            StorageError: there is a log with another topic id, or one that can't be opened.
            LogStorageError: the disk refused.
        """
        self._background()
        if topic_partition in self.failed:
            raise self.failed[topic_partition]
        known = self._logs.get(topic_partition)
        if known is not None:
            if topic_id is not None:
                known.adopt(topic_id)
            return known
        folder = self.data_dir / str(topic_partition)
        with storage_errors("create", str(folder)):
            folder.mkdir(exist_ok=True)
        created = self._open_log(
            folder,
            topic_partition,
            config or self.defaults,
            self._clock.now_ms(),
            0,
            None,
            topic_id,
        )
        if topic_id is not None:
            created.adopt(topic_id)
        self._forget_predecessors(topic_partition)
        self._logs[topic_partition] = created
        return created

    def _forget_predecessors(self, name: TopicPartition) -> None:
        """Take logs that are gone out of the checkpoints, before a new one of the name takes records."""
        if name in self._saved_starts or name in self._saved_points:
            flusher = self._background()
            known = self._logs
            self._saved_starts = {key: at for key, at in self._saved_starts.items() if key in known}
            self._saved_points = {key: at for key, at in self._saved_points.items() if key in known}
            flusher.save_offsets(self.data_dir / LOG_START_FILE, self._saved_starts)
            flusher.save_offsets(self.data_dir / RECOVERY_POINT_FILE, self._saved_points)
            flusher.wait_for_checkpoints()

    def get(self, topic_partition: TopicPartition) -> PartitionLog | None:
        """The log of a partition, or None."""
        return self._logs.get(topic_partition)

    def delete(self, topic_partition: TopicPartition) -> None:
        """Delete a log, also one that can't be opened.

        It is gone when this returns; its files are removed in the background.

        Raises:
            LogStorageError: the disk refused; the log is out of service.
        """
        self._background()
        if self._cleaner is not None:
            self._cleaner.forget(topic_partition)
        found = self._logs.pop(topic_partition, None)
        if found is not None:
            self._background().forget(topic_partition)
            self._background().run(found.delete())
        elif topic_partition in self.failed:
            self._background().run(put_folder_away(self.data_dir / str(topic_partition)))
            del self.failed[topic_partition]

    def partitions(self) -> Iterable[TopicPartition]:
        """Every partition that has a log here."""
        return tuple(self._logs)

    def logs(self) -> Iterable[PartitionLog]:
        """Every log."""
        return tuple(self._logs.values())

    @property
    def open_files(self) -> int:
        """Descriptors of log files that are open now."""
        return len(self._files)

    @property
    def bytes_read(self) -> int:
        """Bytes read from log files since the folder was opened, recovery included."""
        return self._files.bytes_read

    def flush_all(self) -> None:
        """Force every log to the disk, and save the recovery points."""
        self._background()
        now_ms = self._clock.now_ms()
        for partition_log in self._logs.values():
            if partition_log.is_dirty:
                partition_log.flush(now_ms)
        self._save_recovery_points()
        self.wait_for_flushes()

    def tick(self, now_ms: int) -> bool:
        """Do what is due: flushes by time, checkpoints, retention, expiry. Call it about each second.

        It never waits for an fsync, and looks at some logs each time. A log that fails is reported
        and tried again later; the others go on.

        Returns:
            Whether there are logs that it hasn't looked at in this round: call it again soon.
        """
        flusher = self._background()
        flusher.finish(now_ms)
        if not self._round_left:
            self._begin_round(now_ms)
        due, self._round_left = self._round_left[:_LOGS_A_TICK], self._round_left[_LOGS_A_TICK:]
        for name in due:
            partition_log = self._logs.get(name)
            if partition_log is not None:
                if partition_log.is_dirty:
                    self._flush_if_due(flusher, name, partition_log, now_ms)
                partition_log.remove_doomed(now_ms)
                if self._is_expiry_round:
                    partition_log.expire_producers(now_ms)
        due, self._retention_left = self._retention_left[:_CHUNK], self._retention_left[_CHUNK:]
        self._apply_retention(due, now_ms)
        return bool(self._round_left or self._retention_left)

    def _begin_round(self, now_ms: int) -> None:
        """What is done once for all logs, before they are looked at."""
        self._round_left = list(self._logs)
        if now_ms < self._last_round_ms:
            # The clock has gone back: what was due at some time is due now.
            self._starts_due_ms = self._points_due_ms = now_ms
            self._retention_due_ms = self._expiry_due_ms = now_ms
        self._last_round_ms = now_ms
        if now_ms >= self._starts_due_ms:
            self._starts_due_ms = now_ms + _START_OFFSETS_MS
            self._save_log_starts()
        # A pass over all logs may take longer than the interval: the last ones have their turn before the next.
        if now_ms >= self._retention_due_ms and not self._retention_left:
            self._retention_due_ms = now_ms + self._retention_check_ms
            self._retention_left = list(self._logs)
        self._is_expiry_round = now_ms >= self._expiry_due_ms
        if self._is_expiry_round:
            self._expiry_due_ms = now_ms + _EXPIRE_PRODUCERS_MS
        if now_ms >= self._points_due_ms:
            self._points_due_ms = now_ms + min(_RECOVERY_POINTS_MS, self._checkpoint_ms)
            self._save_recovery_points()

    def clean(self, now_ms: int, *, budget_ms: int = 5) -> bool:
        """Compact logs for a short while.

        Args:
            now_ms: the time.
            budget_ms: about how long; a step takes some milliseconds and isn't interrupted.

        Returns:
            Whether there is more to do at once; if not, ask again in a second or so.
        """
        self._background()
        cleaner = self._cleaner
        deadline_ms = self._clock.monotonic_ms() + budget_ms
        while cleaner is not None and cleaner.step(now_ms):
            if self._clock.monotonic_ms() >= deadline_ms:
                break
        return cleaner is not None and cleaner.is_busy

    def apply_retention(self, now_ms: int) -> int:
        """Remove the segments that are due in every log; the bytes in them."""
        return self._apply_retention(self._logs, now_ms)

    def _apply_retention(self, names: Iterable[TopicPartition], now_ms: int) -> int:
        removed = 0
        for name in names:
            partition_log = self._logs.get(name)
            if partition_log is None:
                continue
            try:
                due = expired_segments(
                    partition_log.segments,
                    partition_log.config,
                    partition_log.log_start_offset,
                    now_ms,
                )
                if due:
                    removed += partition_log.remove_segments(due, now_ms)
            except StorageError:
                log.exception("retention of %s failed; it is tried again later", name)
        return removed

    def close(self) -> None:
        """Force everything to the disk, note the clean stop, and let the folder go."""
        if self._lock is None:
            return
        flusher = self._background()
        now_ms = self._clock.now_ms()
        if self._cleaner is not None:
            self._cleaner.stop()
        flusher.wait()
        flusher.finish(now_ms)
        for name, partition_log in self._logs.items():
            if partition_log.is_dirty:
                flusher.begin(name, partition_log, now_ms)
        flusher.wait()
        flusher.finish(now_ms)
        failed = [name for name, partition_log in self._logs.items() if partition_log.is_dirty]
        for name in failed:
            log.error("closing the log of %s failed; the next start recovers it", name)
        self._save_recovery_points()
        self._save_log_starts()
        flusher.wait()
        if not failed:
            with contextlib.suppress(LogStorageError):
                write_clean_shutdown(self.data_dir)
        self.abandon()

    def abandon(self) -> None:
        """Let go of everything without writing, as if the process had been killed; for tests."""
        for partition_log in self._logs.values():
            partition_log.abandon()
        self._let_go()

    # ------------------------------------------------------------------ in the background

    def wait_for_flushes(self) -> None:
        """Wait until the flushes that have begun are done; the next tick takes note of them."""
        self._background().wait()

    def _flush_if_due(
        self, flusher: Flusher, name: TopicPartition, partition_log: PartitionLog, now_ms: int
    ) -> None:
        interval_ms = min(partition_log.config.flush_ms, self._checkpoint_ms)
        # The clock may have gone back since.
        due = not 0 <= now_ms - partition_log.flushed_ms < interval_ms
        if due and not flusher.is_busy and name not in flusher:
            flusher.begin(name, partition_log, now_ms)

    def _background(self) -> Flusher:
        if self._flusher is None:
            raise ClosedError(f"the logs of {self.data_dir} are not open")
        return self._flusher

    # ------------------------------------------------------------------ files of the data folder

    def _folders(self) -> list[tuple[Path, TopicPartition]]:
        found = []
        with storage_errors("list", str(self.data_dir)):
            entries = sorted(os.scandir(self.data_dir), key=lambda entry: entry.name)
            for entry in entries:
                if _DELETED_FOLDER.fullmatch(entry.name):
                    self._background().run(partial(remove_folder, entry.path))
                match = _FOLDER_NAME.fullmatch(entry.name)
                if match is not None and entry.is_dir():
                    name = TopicPartition(match[1], int(match[2]))
                    found.append((self.data_dir / entry.name, name))
        return found

    def _open_log(
        self,
        folder: Path,
        name: TopicPartition,
        config: LogConfig,
        now_ms: int,
        log_start_offset: int,
        recovery_point: int | None,
        topic_id: uuid.UUID | None = None,
        *,
        gapless: bool = False,
    ) -> PartitionLog:
        return PartitionLog(
            folder,
            name,
            config=config,
            files=self._files,
            topic_id=topic_id,
            log_start_offset=log_start_offset,
            recovery_point=recovery_point,
            gapless=gapless,
            producer_expiration_ms=self._producer_expiration_ms,
            now_ms=now_ms,
            random=self._random,
        )

    def _check_end(self, opened: PartitionLog, was_durable: int) -> None:
        """Whether a log still has all that was forced to the disk."""
        if opened.end_offset < was_durable:
            active = opened.segments[-1]
            log.error(
                "topic %s, partition %d: records %d to %d were on the disk and are gone: segment %s "
                "ends at byte %d",
                *opened.topic_partition,
                opened.end_offset,
                was_durable - 1,
                active.path,
                active.size,
            )
            self.recovered = True

    def _open_properties(self) -> None:
        path = self.data_dir / META_PROPERTIES_FILE
        properties = read_meta_properties(path)
        if not properties:
            properties = {
                "cluster.id": _random_id(),
                "directory.id": _random_id(),
                "node.id": str(self._node_id),
                "version": "1",
            }
            write_meta_properties(path, properties)
            # Nothing was ever compacted here. A folder without the file may have lost it.
            write_offsets(self.data_dir / CLEANER_OFFSET_FILE, {})
        self.cluster_id = properties.get("cluster.id", "")

    def _save_recovery_points(self) -> None:
        points = {name: found.recovery_point for name, found in self._logs.items()}
        if points != self._saved_points:
            self._background().save_offsets(self.data_dir / RECOVERY_POINT_FILE, points)
            self._saved_points = points

    def _save_log_starts(self) -> None:
        starts = {
            name: found.log_start_offset
            for name, found in self._logs.items()
            if found.log_start_offset > found.first_base_offset
        }
        if starts != self._saved_starts:
            self._background().save_offsets(self.data_dir / LOG_START_FILE, starts)
            self._saved_starts = starts

    def _let_go(self) -> None:
        if self._cleaner is not None:
            self._cleaner.stop()
            self._cleaner = None
        if self._flusher is not None:
            self._flusher.close()
            self._flusher = None
        self._files.close_all()
        self._logs.clear()
        if self._lock is not None:
            self._lock.release()
            self._lock = None


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Many objects are made that all stay: looking for garbage among them takes longer and longer."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _random_id() -> str:
    """A new id as Kafka writes them: 128 random bits in URL-safe base64, not beginning with a dash."""
    while (text := uuid_to_text(uuid.uuid4())).startswith("-"):
        pass
    return text
