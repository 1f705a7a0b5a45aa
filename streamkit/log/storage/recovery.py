"""Opening a partition's folder: which segments there are, and making them fit after a crash.

After a clean stop nothing is scanned but the tail behind the active segment's last index entry. After
a crash everything from the recovery point on is: each batch's checksum is checked; at the first
torn, damaged or missing one the log is cut, later segments are dropped, and the indexes, the producer state and
the leader epochs of that part are made anew. What lies before the recovery point was forced to the disk
and is taken as it is. Transaction indexes are looked at in any case: with a damaged one, readers of committed records
would get none of its segment.

Files that a crash can leave behind are dealt with first:

| suffix | meaning | done |
| --- | --- | --- |
| `.deleted` | segment taken out of the log | removed |
| `.cleaned`, `.tmp` | a file that wasn't finished | removed |
| `.swap` | compacted segment, complete | takes the place of the segments it replaces |
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from streamkit.errors import CorruptRecordError
from streamkit.log.protocol import BatchHeader
from streamkit.log.storage.config import LogConfig
from streamkit.log.storage.errors import LogStorageError
from streamkit.log.storage.files import OpenFiles, remove, storage_errors
from streamkit.log.storage.leader_epochs import LeaderEpochs
from streamkit.log.storage.producer_state import ProducerStates
from streamkit.log.storage.segment import (
    DELETED_SUFFIX,
    INDEX_SUFFIX,
    LOG_SUFFIX,
    TIME_INDEX_SUFFIX,
    TXN_INDEX_SUFFIX,
    Segment,
)
from streamkit.log.storage.snapshots import SNAPSHOT_SUFFIX, Snapshots
from streamkit.log.storage.validation import end_marker

__all__ = ["CLEANED_SUFFIX", "SWAP_SUFFIX", "OpenedLog", "load_producers", "open_folder"]

CLEANED_SUFFIX = ".cleaned"
SWAP_SUFFIX = ".swap"
_UNFINISHED = (DELETED_SUFFIX, CLEANED_SUFFIX, ".tmp")
_INDEX_SUFFIXES = (INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class OpenedLog:
    """A partition's folder, open.

    Attributes:
        segments: by base offset; at least one.
        end_offset: the offset after the last record.
        bytes_cut: what recovery cut off.
    """

    segments: list[Segment]
    snapshots: Snapshots
    end_offset: int = 0
    bytes_cut: int = 0


@dataclass(slots=True)
class _Listing:
    sizes: dict[int, int] = field(default_factory=dict)
    snapshots: set[int] = field(default_factory=set)
    txn_indexes: set[int] = field(default_factory=set)


def open_folder(
    folder: Path,
    config: LogConfig,
    files: OpenFiles,
    states: ProducerStates,
    epochs: LeaderEpochs,
    *,
    log_start_offset: int,
    recovery_point: int | None,
    now_ms: int,
    gapless: bool = False,
) -> OpenedLog:
    """Open the segments of a folder, and recover them if need be.

    Args:
        folder: the partition's; it exists.
        config: the partition's settings.
        files: opens the files.
        states: gets the producers of the log.
        epochs: gets the leader epochs that recovery finds.
        log_start_offset: first offset of the log, as far as it is known.
        recovery_point: all before it is on the disk; None after a clean stop.
        now_ms: the time.
        gapless: no record may be missing behind the recovery point: the log was never compacted.
    """
    listing = _list(folder)
    segments = [
        Segment(
            folder,
            base_offset,
            files,
            index_interval_bytes=config.index_interval_bytes,
            size=size,
            created_ms=now_ms,
        )
        for base_offset, size in sorted(listing.sizes.items())
    ]
    opened = OpenedLog(segments, Snapshots(folder, listing.snapshots, files))
    if not segments:
        opened.segments = [_first_segment(folder, config, files, log_start_offset, now_ms)]
        opened.end_offset = log_start_offset
        load_producers(opened, states, log_start_offset, now_ms)
        return opened
    if recovery_point is not None:
        _recover(opened, states, epochs, recovery_point, now_ms, gapless=gapless)
    else:
        try:
            opened.end_offset = segments[-1].open_active()
            load_producers(opened, states, opened.end_offset, now_ms)
        except CorruptRecordError as error:
            log.warning("%s; the log is recovered from its start", error)
            _recover(opened, states, epochs, 0, now_ms)
    for segment in opened.segments:
        if segment.base_offset in listing.txn_indexes and not segment.txn_index.is_sound():
            _remake_txn_index(opened, segment, folder, files, now_ms)
    opened.snapshots.keep([segment.base_offset for segment in opened.segments])
    return opened


def load_producers(opened: OpenedLog, states: ProducerStates, end: int, now_ms: int) -> None:
    """Make `states` those as of offset `end`: from the last snapshot, and the batches after it.

    Batches before the log's start count too, as long as they are there: the producers are then the
    same as without a restart.
    """
    start = opened.segments[0].base_offset
    offset = opened.snapshots.load(states, start, end, now_ms)
    if offset < end:
        _replay(opened.segments, states, offset, end, now_ms)
    states.end_offset = end


def _recover(
    opened: OpenedLog,
    states: ProducerStates,
    epochs: LeaderEpochs,
    recovery_point: int,
    now_ms: int,
    *,
    gapless: bool = False,
) -> None:
    segments = opened.segments
    first = max(
        (i for i, segment in enumerate(segments) if segment.base_offset <= recovery_point),
        default=0,
    )
    position, offset = segments[first].recovery_start(recovery_point)
    load_producers(opened, states, offset, now_ms)
    states.end_offset = offset
    for index in range(first, len(segments)):
        segment = segments[index]
        if index > first:
            position, offset = 0, segment.base_offset
        size = segment.size
        damage = segment.recover(position, offset, _taker(segment, states, epochs, now_ms))
        end = max(states.end_offset, segment.base_offset)
        if damage is None and gapless and index + 1 < len(segments) and end >= recovery_point:
            following = segments[index + 1].base_offset
            # The machine has kept the name of the next segment, and not the end of this one.
            damage = segment.missing(end, following) if following > end else None
        if damage is not None:
            cut = size - segment.size
            opened.bytes_cut += cut
            log.warning("%s; cut off %d bytes that weren't on the disk for certain", damage, cut)
            for later in segments[index + 1 :]:
                opened.bytes_cut += later.size
                log.warning(
                    "dropped %s with %d bytes, which follows the damage", later.path, later.size
                )
                later.delete()
            del segments[index + 1 :]
            break
    active = segments[-1]
    opened.end_offset = max(active.base_offset, states.end_offset)
    states.end_offset = opened.end_offset
    epochs.truncate_to(opened.end_offset)


def _taker(
    segment: Segment,
    states: ProducerStates,
    epochs: LeaderEpochs,
    now_ms: int,
) -> Callable[[BatchHeader, bytes], None]:
    def take(header: BatchHeader, data: bytes) -> None:
        epochs.assign(header.partition_leader_epoch, header.base_offset)
        marker = end_marker(data, 0, header) if header.is_control else None
        aborted = states.replay(header, marker, now_ms)
        if aborted is not None:
            segment.txn_index.append(aborted)

    return take


def _replay(
    segments: list[Segment], states: ProducerStates, offset: int, end: int, now_ms: int
) -> None:
    """Take the batches in `[offset, end)` into the producer state; indexes stay as they are."""
    for index, segment in enumerate(segments):
        following = segments[index + 1].base_offset if index + 1 < len(segments) else end
        if following <= offset or segment.base_offset >= end:
            continue
        found = segment.find(offset)
        if found is None:
            continue
        for position, header in segment.headers(found[0]):
            if header.base_offset >= end:
                return
            marker = None
            if header.is_control:
                marker = end_marker(segment.read_batch(position, header), 0, header)
            states.replay(header, marker, now_ms)
            if header.next_offset >= end:
                # What follows isn't known to be good.
                return


def _remake_txn_index(
    opened: OpenedLog, segment: Segment, folder: Path, files: OpenFiles, now_ms: int
) -> None:
    """Make a segment's damaged transaction index anew from the batches; these stay as they are."""
    states = ProducerStates((folder.name, -1))
    base = segment.base_offset
    known = {offset for offset in opened.snapshots.offsets if offset <= base}
    earlier = OpenedLog(opened.segments, Snapshots(folder, known, files))
    try:
        load_producers(earlier, states, base, now_ms)
        aborted = []
        for position, header in segment.headers(0):
            marker = None
            if header.is_control:
                marker = end_marker(segment.read_batch(position, header), 0, header)
            entry = states.replay(header, marker, now_ms)
            if entry is not None:
                aborted.append(entry)
    except CorruptRecordError as error:
        log.error("%s can't be made anew: %s", segment.txn_index.path, error)
        return
    log.warning("%s was damaged; it is made anew", segment.txn_index.path)
    segment.txn_index.reset()
    for entry in aborted:
        segment.txn_index.append(entry)
    # On a full disk the entries stay in memory, and reading goes on.
    with contextlib.suppress(LogStorageError):
        segment.txn_index.save()


def _first_segment(
    folder: Path, config: LogConfig, files: OpenFiles, base_offset: int, now_ms: int
) -> Segment:
    segment = Segment(
        folder,
        base_offset,
        files,
        index_interval_bytes=config.index_interval_bytes,
        size=0,
        created_ms=now_ms,
    )
    segment.create()
    return segment


def _list(folder: Path) -> _Listing:
    """What is in the folder, after the remains of a crash are dealt with."""
    # With 10,000 partitions `Path` takes a second.
    prefix = f"{folder}{os.sep}"
    with storage_errors("list", prefix):
        names = set(os.listdir(prefix))  # noqa: PTH208
        for name in [name for name in names if name.endswith(_UNFINISHED)]:
            remove(prefix + name)
            names.discard(name)
        if any(name.endswith(SWAP_SUFFIX) for name in names):
            _finish_swaps(folder)
            names = set(os.listdir(prefix))  # noqa: PTH208
        listing = _Listing()
        for name in names:
            stem, dot, suffix = name.partition(".")
            suffix = dot + suffix
            if len(stem) != 20 or not stem.isdigit():
                continue
            if suffix == LOG_SUFFIX:
                listing.sizes[int(stem)] = os.stat(prefix + name).st_size  # noqa: PTH116
            elif suffix == SNAPSHOT_SUFFIX:
                listing.snapshots.add(int(stem))
            elif suffix in _INDEX_SUFFIXES and stem + LOG_SUFFIX not in names:
                remove(prefix + name)
                log.warning("removed %s, which has no segment", prefix + name)
            elif suffix == TXN_INDEX_SUFFIX:
                listing.txn_indexes.add(int(stem))
    return listing


def _finish_swaps(folder: Path) -> None:
    """Put compacted segments in the place of those whose offsets they cover."""
    swaps = sorted(folder.glob(f"*{LOG_SUFFIX}{SWAP_SUFFIX}"))
    for swap in swaps:
        base_offset = int(swap.name[:20])
        end = _end_offset(swap, base_offset)
        for path in folder.glob(f"*{LOG_SUFFIX}"):
            if path.stem.isdigit() and base_offset <= int(path.stem) < end:
                for suffix in (*_INDEX_SUFFIXES, LOG_SUFFIX):
                    remove(str(path.with_suffix(suffix)))
        for suffix in _INDEX_SUFFIXES:
            index = folder / f"{base_offset:020d}{suffix}{SWAP_SUFFIX}"
            if index.exists():
                index.replace(index.with_suffix(""))
        swap.replace(swap.with_suffix(""))
    for path in folder.glob(f"*{SWAP_SUFFIX}"):
        remove(str(path))


def _end_offset(path: Path, base_offset: int) -> int:
    files = OpenFiles()
    segment = Segment(
        path.parent,
        base_offset,
        files,
        index_interval_bytes=4096,
        size=path.stat().st_size,
        created_ms=0,
    )
    segment.path = str(path)
    end = base_offset + 1
    for _, header in segment.headers(0):
        end = header.next_offset
    files.close_all()
    return end
