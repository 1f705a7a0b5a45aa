"""Compaction of a log, in small steps, so that the thread that owns the log serves others in between.

`compact` is a generator: each step reads or writes a bounded piece, some batches or a part of a large one. It works
on closed segments only, which nothing else changes; when retention, truncation or the end of the log comes in
between, it gives up and removes what it made. Memory is bounded by the number of keys that one pass looks at, and by
the records of a batch; what doesn't fit is left to the next pass.

What replaces older records is forced to the disk first. Then each group of segments is copied into files with the
suffix `.cleaned`, which are forced to the disk, and swapped in
(see `PartitionLog.replace_segments`). A crash at any moment loses nothing: recovery removes what is
unfinished, and finishes what is complete.

Source: KIP-58, KIP-354, KIP-534; org.apache.kafka.storage.internals.log.LogCleaner.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import pairwise

from streamkit.log.protocol import (
    BatchHeader,
    RecordColumns,
    decode_batch,
    decode_in_parts,
    read_header,
)
from streamkit.log.storage.batch_filter import Kept, delete_horizon_ms, emptied, with_records
from streamkit.log.storage.compaction import (
    CleanableRange,
    LastOffsets,
    Transactions,
    grouped,
    is_last_of_producer,
)
from streamkit.log.storage.flushing import FlushJob
from streamkit.log.storage.partition_log import PartitionLog
from streamkit.log.storage.segment import Segment
from streamkit.log.storage.transaction_index import AbortedTransaction
from streamkit.log.storage.validation import end_marker

__all__ = ["DEFAULT_MAX_KEYS", "Steps", "compact"]

DEFAULT_MAX_KEYS = 200_000
"""Keys that one pass looks at: about 30 MB."""

_RECORDS_A_STEP = 500
_BYTES_A_STEP = 256 * 1024
_BYTES_A_RECORD = _BYTES_A_STEP // _RECORDS_A_STEP + 1
"""That cost as much to read or write as the work on one record."""

Steps = Generator[bool, None, int]
"""A pass in steps; False from one that waits for the disk. Its value is the offset up to which the log is
clean now."""

Run = Callable[[FlushJob], "Future[None]"]


class _SupersededError(Exception):
    """The log's segments changed under the pass."""


@dataclass(slots=True)
class _Pass:
    """What the steps of one pass share; all before `end` has been noted in `last_offsets`.

    What was swapped in already, before `clean_to`, needs no other pass.
    """

    log: PartitionLog
    layout: int
    now_ms: int
    cleanable: CleanableRange
    last_offsets: LastOffsets
    end: int
    clean_to: int
    done: int = 0

    def is_step_over(self, records: int = 0, size: int = 0) -> bool:
        """Count the work on records or bytes; whether it is time to let others in."""
        self.done += records * _BYTES_A_RECORD + size
        if self.done < _BYTES_A_STEP:
            return False
        self.done = 0
        return True

    def check(self) -> None:
        """Give up when the segments aren't what they were."""
        if self.log.layout != self.layout:
            raise _SupersededError


def compact(
    log: PartitionLog,
    cleanable: CleanableRange,
    *,
    now_ms: int,
    run: Run,
    max_keys: int = DEFAULT_MAX_KEYS,
) -> Steps:
    """Compact the part of a log that `cleanable` names; to be advanced step by step.

    Args:
        log: not to be touched by others during a step.
        cleanable: as found by `cleanable_range` just now.
        now_ms: the time; tombstones whose delete horizon has come go.
        run: runs a flush on another thread.
        max_keys: keys looked at in this pass; at least those of one batch.

    Returns:
        (as the generator's value) The offset up to which the log is clean; if the pass was given up, as far
        as it has got.

    Raises:
        CorruptRecordError: a segment is damaged; the log stays as it is.
        LogStorageError: the disk refused; what was swapped in before stays.
    """
    start = cleanable.first_dirty
    state = _Pass(log, log.layout, now_ms, cleanable, LastOffsets(max_keys), start, start)
    try:
        yield from _make_durable(state, run)
        yield from _note_keys(state)
        inside = [segment for segment in log.segments if segment.base_offset < state.end]
        following = log.segments[len(inside)]
        aborted = log.aborted_transactions(inside[0].base_offset, following.base_offset)
        transactions = Transactions(aborted)
        for group in grouped([*inside, following], log.config):
            yield from _copy_group(state, transactions, group, run)
    except _SupersededError:
        return state.clean_to
    return state.end


def _make_durable(state: _Pass, run: Run) -> Generator[bool, None, None]:
    """Force the dirty part to the disk: a crash must not take the records that replace others, when those are gone."""
    log = state.log
    if log.durable_offset < state.cleanable.end:
        job = log.begin_flush()
        yield from _wait_for(state, run(job))
        log.finish_flush(job)


def _wait_for(state: _Pass, flush: Future[None]) -> Generator[bool, None, None]:
    while not flush.done():
        yield False
        state.check()
    flush.result()


def _note_keys(state: _Pass) -> Generator[bool, None, None]:
    """Note the last offset of each key in the dirty part, as far as there is room."""
    log, first_dirty, end = state.log, state.cleanable.first_dirty, state.cleanable.end
    transactions = Transactions(log.aborted_transactions(first_dirty, end))
    for segment, following in pairwise(log.segments):
        if following.base_offset <= first_dirty or segment.base_offset >= end:
            continue
        found = segment.find(first_dirty)
        start = segment.size if found is None else found[0]
        for _, header, data in segment.whole_batches(start):
            if header.is_control:
                transactions.is_obsolete(header, end_marker(data, 0, header))
            elif not transactions.is_aborted(header):
                if not state.last_offsets.has_room_for(header.count):
                    return
                for columns in decode_in_parts(data, 0, header, records=_RECORDS_A_STEP):
                    for key, offset in zip(columns.keys, columns.offsets, strict=True):
                        if key is not None:
                            state.last_offsets.put(key, offset)
                    if state.is_step_over(records=len(columns)):
                        yield True
                        state.check()
            state.end = max(state.end, header.next_offset)
            if state.is_step_over(size=header.size):
                yield True
                state.check()
        state.end = max(state.end, following.base_offset)


def _copy_group(
    state: _Pass, transactions: Transactions, group: Sequence[Segment], run: Run
) -> Generator[bool, None, None]:
    """Copy what stays of some segments into one, and put that in their place."""
    log = state.log
    cleaned = log.new_cleaned_segment(group[0].base_offset, state.now_ms)
    try:
        for segment in group:
            for _, header, data in segment.whole_batches(0):
                kept, aborted = yield from _filtered(state, transactions, header, data)
                if aborted is not None:
                    cleaned.txn_index.append(aborted)
                if kept is not None:
                    cleaned.append(kept, [(0, read_header(kept))])
                if state.is_step_over(size=header.size):
                    yield True
                    state.check()
        paths = tuple(cleaned.files_to_sync())
        job = FlushJob(log.topic_partition, str(log.folder), paths, state.end)
        yield from _wait_for(state, run(job))
    except BaseException:
        # Given up, failed, or the generator was closed: nobody needs the copy.
        cleaned.delete()
        raise
    following = log.replace_segments(group, cleaned, state.now_ms)
    state.clean_to = max(state.clean_to, min(following, state.end))


def _filtered(
    state: _Pass, transactions: Transactions, header: BatchHeader, data: bytes
) -> Generator[bool, None, tuple[bytes | None, AbortedTransaction | None]]:
    """What stays of a batch, and the aborted transaction whose marker it still is."""
    horizon_ms = delete_horizon_ms(header)
    is_due = 0 <= horizon_ms <= state.now_ms
    aborted: AbortedTransaction | None = None
    kept: list[Kept] = []
    wants_horizon = False
    if header.is_control:
        obsolete, aborted = transactions.is_obsolete(header, end_marker(data, 0, header))
        if not obsolete:
            return data, aborted
        if not is_due:
            wants_horizon = horizon_ms < 0 and header.count > 0
            columns = decode_batch(data, 0, header)
            kept.append((columns, range(header.count)))
    elif not transactions.is_aborted(header):
        for columns in decode_in_parts(data, 0, header, records=_RECORDS_A_STEP):
            indexes = _last_of_their_keys(state, columns, is_due=is_due)
            if indexes:
                kept.append((columns, indexes))
            if horizon_ms < 0 and any(columns.values[index] is None for index in indexes):
                wants_horizon = True
            if state.is_step_over(records=len(columns)):
                yield True
                state.check()
    count = sum(len(indexes) for _, indexes in kept)
    if not count:
        must_stay = header.next_offset == state.cleanable.end or is_last_of_producer(
            header, state.log.producers
        )
        return (emptied(header) if must_stay else None), None
    if wants_horizon:
        horizon_ms = state.now_ms + state.log.config.delete_retention_ms
    elif count == header.count:
        return data, None
    writing = with_records(header, kept, horizon_ms)
    while True:
        try:
            next(writing)
        except StopIteration as written:
            return written.value, None
        if state.is_step_over(records=_RECORDS_A_STEP):
            yield True
            state.check()


def _last_of_their_keys(state: _Pass, columns: RecordColumns, *, is_due: bool) -> list[int]:
    kept = []
    for index, (key, offset) in enumerate(zip(columns.keys, columns.offsets, strict=True)):
        is_last = key is not None and offset >= state.last_offsets.get(key)
        is_gone = columns.values[index] is None and is_due
        if offset >= state.end or (is_last and not is_gone):
            kept.append(index)
    return kept
