"""The log of one partition: an ordered list of segments, appended to at the end.

Records lie in `[log_start_offset, end_offset)`; compaction may leave gaps. Readers of committed
records stop at the last stable offset, the first offset of the oldest open transaction. One node has
no replicas, so the high watermark is the end.

An append is one pass over the batch: header, checksum, sequence; then offsets are stamped into a copy
and written with one `pwrite`. Only when that has succeeded does any state change, so a refused or
failed append leaves the log as it was.

Not thread-safe: the thread that opened the log uses it. `begin_flush` hands out work for another one.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

from streamkit.errors import ClosedError, StorageError
from streamkit.log.protocol import BatchHeader
from streamkit.log.storage.appending import prepare
from streamkit.log.storage.checkpoints import (
    LEADER_EPOCH_FILE,
    PARTITION_METADATA_FILE,
    read_topic_id,
    write_topic_id,
)
from streamkit.log.storage.config import LogConfig
from streamkit.log.storage.errors import LogStorageError, OffsetOutOfRangeError
from streamkit.log.storage.files import OpenFiles, put_folder_away
from streamkit.log.storage.flushing import FlushJob
from streamkit.log.storage.leader_epochs import LeaderEpochs
from streamkit.log.storage.lookup import Lookup
from streamkit.log.storage.producer_state import ProducerBatch, ProducerEntry, ProducerStates
from streamkit.log.storage.recovery import load_producers, open_folder
from streamkit.log.storage.results import AppendResult, ReadResult, TimestampOffset
from streamkit.log.storage.segment import Segment
from streamkit.log.storage.segment_list import SegmentList
from streamkit.log.storage.topic_settings import LONG_MAX
from streamkit.log.storage.transaction_index import AbortedTransaction
from streamkit.model import TopicPartition

__all__ = ["PartitionLog"]


class PartitionLog:
    """The log of one partition; `LogManager` makes them.

    Attributes:
        topic_partition: whose log it is.
        topic_id: the topic's, from `partition.metadata`; None in folders older than topic ids.
        folder: where its files are.
        config: its settings; may be replaced at any time.
        log_start_offset: first offset that readers see.
        end_offset: the offset that the next record gets.
        leader_epoch: stamped into new batches; whoever knows of a later one sets it.
        recovery_point: everything before it has been forced to the disk, indexes and producer state
            too; recovery begins there.
        durable_offset: the records before it have been forced to the disk.
        compacted_to: before it records may be missing, since they were compacted away.
        bytes_cut: bytes that recovery cut off when the log was opened.
    """

    def __init__(
        self,
        folder: Path,
        topic_partition: TopicPartition,
        *,
        config: LogConfig,
        files: OpenFiles | None = None,
        topic_id: uuid.UUID | None = None,
        log_start_offset: int = 0,
        recovery_point: int | None = None,
        gapless: bool = False,
        producer_expiration_ms: int = 86_400_000,
        now_ms: int = 0,
        random: Random | None = None,
    ) -> None:
        self.folder = folder
        self.topic_partition = topic_partition
        self.config = config
        self.topic_id = self._topic_id(topic_id)
        self._files = files if files is not None else OpenFiles()
        self._states = ProducerStates(topic_partition, expiration_ms=producer_expiration_ms)
        self._epochs = LeaderEpochs(folder)
        opened = open_folder(
            folder,
            config,
            self._files,
            self._states,
            self._epochs,
            log_start_offset=log_start_offset,
            recovery_point=recovery_point,
            now_ms=now_ms,
            gapless=gapless,
        )
        self._opened = opened
        self._random = random if random is not None else Random()
        # A share, since the setting that it is a share of may change while the segment is filled.
        self._jitter_share = self._random.random()
        self._segments = SegmentList(folder, opened.segments, self._files)
        self._snapshots = opened.snapshots
        self.bytes_cut = opened.bytes_cut
        self.end_offset = opened.end_offset
        self.log_start_offset = max(log_start_offset, opened.segments[0].base_offset)
        if self.log_start_offset > self.end_offset:
            self._start_anew(self.log_start_offset, now_ms)
        self._epochs.start_at(self.log_start_offset)
        # What recovery has read may be in the page cache only: it is not on the disk for that.
        known = self.end_offset if recovery_point is None else recovery_point
        self.recovery_point = min(known, self.end_offset)
        self.durable_offset = self.recovery_point
        self.flushed_ms = now_ms
        self.leader_epoch = max(0, self._epochs.latest)
        self.compacted_to = 0
        self._out_of_service = ""
        self._closed = False

    # ------------------------------------------------------------------ what it holds

    @property
    def high_watermark(self) -> int:
        """The offset after the last record that all replicas have: the end."""
        return self.end_offset

    @property
    def last_stable_offset(self) -> int:
        """First offset of the oldest open transaction, or the end when none is open."""
        unstable = self._states.first_unstable_offset
        return self.end_offset if unstable < 0 else max(unstable, self.log_start_offset)

    @property
    def is_dirty(self) -> bool:
        """Whether something was appended that isn't known to be on the disk."""
        return self.recovery_point < self.end_offset

    def remember_producers_for(self, expiration_ms: int) -> None:
        """Change how long idempotent producers that send nothing are remembered."""
        self._states.expiration_ms = expiration_ms

    @property
    def size_bytes(self) -> int:
        """Bytes in all segments."""
        return sum(segment.size for segment in self._segments.items)

    @property
    def first_base_offset(self) -> int:
        """Where the first segment begins; the log's start may lie behind it."""
        return self._segments.items[0].base_offset

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments by offset; the last one is appended to."""
        return tuple(self._segments.items)

    @property
    def producers(self) -> Mapping[int, ProducerEntry]:
        """Producers with recent batches, by producer id; not to be changed."""
        return self._states.entries

    @property
    def leader_epochs(self) -> LeaderEpochs:
        """The leader epochs of its batches."""
        return self._epochs

    # ------------------------------------------------------------------ append

    def attempt(self, header: BatchHeader, now_ms: int, *, epoch_each: bool) -> None:
        """Note a transaction's batch that the coordinator may keep out; see `ProducerStates.attempt`."""
        self._states.attempt(header, now_ms, epoch_each=epoch_each)

    def append(
        self,
        data: bytes | bytearray | memoryview,
        *,
        now_ms: int,
        leader_epoch: int | None = None,
        from_client: bool = True,
    ) -> AppendResult:
        """Add record batches to the end.

        They survive the end of the process when this returns, and the end of the machine after the
        next flush; with `flush.messages` 1 that has happened too.

        Args:
            data: one batch; several are allowed if not `from_client`.
            now_ms: the broker's time.
            leader_epoch: stamped into the batches; None: the log's own.
            from_client: check sizes, records, timestamps and sequences; coordinators are trusted,
                and may write control batches.

        Raises:
            LogError: the batch is refused; its subclass and `code` say why.
            LogStorageError: the disk refused; the log is as it was.
        """
        self._check_open()
        if leader_epoch is None:
            leader_epoch = self.leader_epoch
        prepared = prepare(
            data,
            self.config,
            self._states,
            self.topic_partition,
            offset=self.end_offset,
            leader_epoch=leader_epoch,
            now_ms=now_ms,
            from_client=from_client,
        )
        if prepared.duplicate is not None:
            # It may be sent again because its flush had failed.
            self._sync_if_due()
            return self._duplicate(prepared.duplicate)
        found, first, offset = prepared.batches, self.end_offset, prepared.next_offset
        timestamp = found[0][1].max_timestamp
        segment = self._writable(len(prepared.data), offset - 1, timestamp, now_ms)
        if leader_epoch > self._epochs.latest:
            self._epochs.assign(leader_epoch, first)
            self.leader_epoch = max(self.leader_epoch, leader_epoch)
        if not from_client and any(marker is not None for marker in prepared.markers):
            # Its index is read first: once the marker is in the log, the entry must not be lost.
            segment.txn_index.entries()
        position = segment.append(prepared.data, found)
        self._segments.reader.remember(first, segment, position)
        self.end_offset = offset
        for (_, header), marker in zip(found, prepared.markers, strict=True):
            aborted = self._states.replay(header, marker, now_ms)
            if aborted is not None:
                segment.txn_index.append(aborted)
        self._sync_if_due()
        log_append_time_ms = now_ms if self.config.log_append_time else -1
        return AppendResult(first, offset - 1, log_append_time_ms, self.log_start_offset)

    def sync_records(self) -> None:
        """Force the records appended so far to the disk, and nothing else.

        Cheaper than `flush`; recovery after a crash still begins at the recovery point.

        Raises:
            LogStorageError: the disk refused.
        """
        behind = self._segments.from_offset(self.durable_offset)
        for segment in behind:
            self._files.sync(segment.path)
        if len(behind) > 1 or self.durable_offset == behind[0].base_offset:
            # New files: their names must be on the disk too, and whose log it is.
            begin = (str(self.folder / PARTITION_METADATA_FILE),)
            FlushJob(self.topic_partition, str(self.folder), begin, self.end_offset).run()
        self.durable_offset = self.end_offset

    def _sync_if_due(self) -> None:
        """Force the records to the disk, if `flush.messages` asks for it by now."""
        if self.end_offset - self.durable_offset >= self.config.flush_messages:
            self.sync_records()

    def _duplicate(self, batch: ProducerBatch) -> AppendResult:
        log_append_time_ms = batch.timestamp if self.config.log_append_time else -1
        return AppendResult(
            batch.first_offset,
            batch.last_offset,
            log_append_time_ms,
            self.log_start_offset,
            duplicate=True,
        )

    def _writable(self, size: int, last_offset: int, timestamp: int, now_ms: int) -> Segment:
        """The segment that takes a batch: the active one, or a new one if that is full or old."""
        config, active = self.config, self._segments.active
        full = active.is_full(size, last_offset, config.segment_bytes, config.segment_index_bytes)
        oldest_ms = config.segment_ms
        if config.compacted:
            oldest_ms = min(oldest_ms, config.max_compaction_lag_ms)
        if config.segment_jitter_ms:
            oldest_ms -= config.roll_jitter_ms(self._jitter_share, oldest_ms)
        if full or (active.size and active.age_ms(now_ms, timestamp) > oldest_ms):
            return self.roll(now_ms)
        return active

    def roll(self, now_ms: int) -> Segment:
        """Close the active segment and begin one at the end offset; the new one."""
        active = self._segments.active
        if active.size == 0 and active.base_offset == self.end_offset:
            return active
        active.settle()
        self._snapshots.take(self._states)
        self._jitter_share = self._random.random()
        return self._segments.begin(self.end_offset, self.config.index_interval_bytes, now_ms)

    # ------------------------------------------------------------------ read

    def read(
        self,
        offset: int,
        max_bytes: int,
        *,
        min_one: bool = True,
        isolation: str = "read_uncommitted",
    ) -> ReadResult:
        """Whole batches from the one that holds `offset` on, out of one segment.

        Args:
            offset: first offset wanted, from the log's start to its end.
            max_bytes: bytes returned at most.
            min_one: return the first batch even if it is larger.
            isolation: `read_committed` stops at the last stable offset and names the aborted
                transactions; `read_uncommitted`.

        Raises:
            OffsetOutOfRangeError: `offset` isn't in the log.
            CorruptRecordError: the batch there is damaged on the disk, or missing.
            LogStorageError: the disk refused.
        """
        self._check_open()
        self._check_range(offset)
        committed = isolation == "read_committed"
        stable = self.last_stable_offset
        limit = stable if committed else self.end_offset
        data: bytes | memoryview = b""
        next_offset = offset
        if offset < limit and (max_bytes > 0 or min_one):
            data, next_offset = self._segments.reader.read(
                offset,
                max_bytes,
                limit=limit,
                end_offset=self.end_offset,
                min_one=min_one,
                verify=self.config.verify_reads,
                whole_from=LONG_MAX if self.config.compacted else self.compacted_to,
            )
        aborted = self._segments.reader.aborted(offset, next_offset) if committed else None
        more = bool(data) and next_offset < limit and self._segments.is_split(offset, limit)
        return ReadResult(
            data, self.end_offset, stable, self.log_start_offset, aborted, next_offset, more
        )

    # ------------------------------------------------------------------ look up

    def offset_for_timestamp(self, timestamp_ms: int) -> TimestampOffset | None:
        """The first record whose timestamp is at or after `timestamp_ms`; None if there is none."""
        return self._lookup().first_at_or_after(timestamp_ms)

    def earliest(self) -> TimestampOffset:
        """The log's first offset, without a timestamp."""
        start = self.log_start_offset
        epoch = self.leader_epoch if start == self.end_offset else self._epochs.epoch_of(start)
        return TimestampOffset(-1, start, epoch)

    def latest(self, isolation: str = "read_uncommitted") -> TimestampOffset:
        """The offset after the last record, or the last stable offset; without a timestamp."""
        committed = isolation == "read_committed"
        offset = self.last_stable_offset if committed else self.end_offset
        return TimestampOffset(-1, offset, self.leader_epoch)

    def max_timestamp(self) -> TimestampOffset | None:
        """The first record with the largest timestamp; None in a log without timestamps."""
        return self._lookup().with_max_timestamp()

    def end_offset_for_epoch(self, epoch: int) -> tuple[int, int]:
        """The largest leader epoch at or before `epoch`, and the offset where it ended.

        Returns:
            Epoch and end offset; `(-1, -1)` for an epoch that hasn't been.
        """
        latest = self._epochs.latest
        if epoch == self.leader_epoch or latest <= epoch < self.leader_epoch:
            # Since the latest epoch of which there are records, none has been written.
            known = epoch if epoch == self.leader_epoch or latest < 0 else latest
            return (known, self.end_offset) if epoch >= 0 else (-1, -1)
        return self._epochs.end_offset_of(epoch, self.end_offset)

    def _lookup(self) -> Lookup:
        self._check_open()
        return Lookup(self._segments.items, self.log_start_offset)

    # ------------------------------------------------------------------ remove

    def delete_records_before(self, offset: int) -> int:
        """Make `offset` the first one that readers see; the log's new start.

        Segments that end before it are removed with the next retention.

        Args:
            offset: at most the end offset; -1 for the end.

        Raises:
            OffsetOutOfRangeError: behind the end.
        """
        self._check_open()
        target = self.end_offset if offset == -1 else offset
        if not 0 <= target <= self.end_offset:
            raise self._out_of_range(target)
        if target > self.log_start_offset:
            self.log_start_offset = target
            self._epochs.start_at(target)
        return self.log_start_offset

    def truncate_to(self, offset: int, *, now_ms: int = 0) -> None:
        """Remove all batches that hold `offset` or later ones."""
        self._check_open()
        if offset >= self.end_offset:
            return
        if offset <= self._segments.items[0].base_offset:
            self._start_anew(offset, now_ms)
        else:
            offset = self._segments.cut(offset)
            self.end_offset = offset
            self.log_start_offset = min(self.log_start_offset, offset)
        self._epochs.truncate_to(offset)
        load_producers(self._opened, self._states, offset, now_ms)
        self.recovery_point = min(self.recovery_point, offset)
        self.durable_offset = min(self.durable_offset, offset)

    def remove_segments(self, count: int, now_ms: int) -> int:
        """Take the `count` oldest segments out of the log; the bytes in them.

        Their files are renamed now and removed by `remove_doomed` after `file.delete.delay.ms`.
        When all go, an empty segment at the end takes their place.
        """
        if count >= len(self._segments.items):
            self.roll(now_ms)
        removed = self._segments.take_out(count, now_ms + self.config.file_delete_delay_ms)
        start = self._segments.items[0].base_offset
        self.log_start_offset = max(self.log_start_offset, start)
        self._epochs.start_at(self.log_start_offset)
        self._snapshots.keep(self._segments.base_offsets)
        return removed

    def replace_segments(self, old: Sequence[Segment], new: Segment, now_ms: int) -> int:
        """Put a compacted segment in the place of those it was made from.

        Args:
            old: neighbours in the log, none of them active.
            new: from `new_cleaned_segment`, with the base offset of the first of them; forced to
                the disk.
            now_ms: the time.

        Returns:
            Where the segment behind it begins: before that records may be missing from now on.

        Raises:
            LogStorageError: the disk refused; the log is closed, and recovered by the next start.
        """
        following = self.segments[self.segments.index(old[-1]) + 1].base_offset
        try:
            self._segments.replace(old, new, now_ms + self.config.file_delete_delay_ms)
        except LogStorageError as error:
            # The files are between two states: only the next start can say which it is.
            self.abandon()
            self._out_of_service = str(error)
            raise
        self._snapshots.keep(self._segments.base_offsets)
        self.compacted_to = max(self.compacted_to, following)
        return following

    def new_cleaned_segment(self, base_offset: int, now_ms: int) -> Segment:
        """An empty segment that isn't part of the log; for `replace_segments`."""
        interval = self.config.index_interval_bytes
        return self._segments.new(base_offset, interval, now_ms, cleaned=True)

    @property
    def layout(self) -> int:
        """Changes whenever segments are removed or cut, and at the end: who holds some starts anew."""
        return self._segments.layout

    def aborted_transactions(self, offset: int, end: int) -> list[AbortedTransaction]:
        """The aborted transactions that overlap `[offset, end)`, by first offset."""
        return self._segments.reader.aborted(offset, end)

    def remove_doomed(self, now_ms: int) -> None:
        """Remove the files of segments that were taken out long enough ago."""
        self._segments.remove_doomed(now_ms)

    def expire_producers(self, now_ms: int) -> None:
        """Forget idempotent producers that have been silent for too long."""
        self._states.expire(now_ms)

    def _start_anew(self, offset: int, now_ms: int) -> None:
        self._segments.start_anew(offset, self.config.index_interval_bytes, now_ms)
        self._snapshots.remove(list(self._snapshots.offsets))
        self._states.load((), offset, now_ms)
        self.end_offset = self.log_start_offset = offset

    # ------------------------------------------------------------------ make durable, close

    def flush(self, now_ms: int | None = None) -> None:
        """Force everything appended so far to the disk.

        Raises:
            LogStorageError: the disk refused.
        """
        self._check_open()
        job = self.begin_flush()
        job.run()
        self.finish_flush(job, now_ms)

    def begin_flush(self) -> FlushJob:
        """What forces everything appended so far to the disk; to be run on any thread.

        A producer snapshot is part of it, so that recovery can begin at its end.
        """
        paths = [str(self.folder / name) for name in (PARTITION_METADATA_FILE, LEADER_EPOCH_FILE)]
        for segment in self._segments.from_offset(self.recovery_point):
            paths.extend(segment.files_to_sync())
        snapshot = self._snapshots.take(self._states)
        if snapshot is not None:
            paths.append(snapshot)
        return FlushJob(
            self.topic_partition,
            str(self.folder),
            tuple(paths),
            self.end_offset,
            self._segments.layout,
        )

    def finish_flush(self, job: FlushJob, now_ms: int | None = None) -> None:
        """Take note that `job` has run; recovery begins at its end from now on."""
        if now_ms is not None:
            self.flushed_ms = now_ms
        if job.layout != self._segments.layout:
            # The log was cut meanwhile: other records may stand at the offsets that were flushed.
            return
        self.recovery_point = max(self.recovery_point, job.end_offset)
        self.durable_offset = max(self.durable_offset, self.recovery_point)
        self._snapshots.keep(self._segments.base_offsets)

    def close(self) -> None:
        """Force everything to the disk and close the files; the log can't be used after it."""
        if not self._closed:
            if self.is_dirty:
                self.flush()
            self.abandon()

    def abandon(self) -> None:
        """Close the files without writing anything, as the end of the process would."""
        self._closed = True
        self._segments.release()

    def delete(self) -> Callable[[], None]:
        """Take the log out of service: the folder gets a name that is never opened again.

        Returns:
            What removes the files; it may take long and may run on any thread.
        """
        self.abandon()
        return put_folder_away(self.folder)

    def _check_open(self) -> None:
        if self._out_of_service:
            raise LogStorageError(
                f"the log of {self.topic_partition} is out of service until the next start: "
                f"{self._out_of_service}",
                path=str(self.folder),
            )
        if self._closed:
            raise ClosedError(f"the log of {self.topic_partition} is closed")

    def _check_range(self, offset: int) -> None:
        if not self.log_start_offset <= offset <= self.end_offset:
            raise self._out_of_range(offset)

    def _out_of_range(self, offset: int) -> OffsetOutOfRangeError:
        return OffsetOutOfRangeError(
            f"offset {offset} of {self.topic_partition} is out of range: the log holds "
            f"[{self.log_start_offset}, {self.end_offset})",
            topic_partition=self.topic_partition,
            log_start_offset=self.log_start_offset,
            end_offset=self.end_offset,
        )

    def _topic_id(self, given: uuid.UUID | None) -> uuid.UUID | None:
        path = f"{self.folder}/{PARTITION_METADATA_FILE}"
        known = read_topic_id(path)
        if known is None and given is not None:
            write_topic_id(path, given)
        return known or given

    def adopt(self, topic_id: uuid.UUID) -> None:
        """Note whose log it is, in a folder that doesn't say so.

        Raises:
            StorageError: the folder says that it is another topic's.
        """
        if self.topic_id is None:
            write_topic_id(self.folder / PARTITION_METADATA_FILE, topic_id)
            self.topic_id = topic_id
        if self.topic_id != topic_id:
            raise StorageError(
                f"the folder {self.folder} belongs to another topic of that name: its id is "
                f"{self.topic_id}, not {topic_id}",
                path=str(self.folder),
            )
