"""Compaction of random logs: readers of committed records end up with the same table as before."""

from __future__ import annotations

import tempfile
from concurrent.futures import Future
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from log_batches import marker

from streamkit.log.protocol import (
    BatchBuilder,
    Compression,
    ControlKind,
    batches,
    control_kind,
    decode_batch,
)
from streamkit.log.storage import LogConfig, PartitionLog
from streamkit.log.storage.cleaner import compact
from streamkit.log.storage.compaction import cleanable_range
from streamkit.log.storage.flushing import FlushJob
from streamkit.model import TopicPartition

CONFIG = LogConfig(
    cleanup_policy=frozenset({"compact"}),
    segment_bytes=600,
    index_interval_bytes=100,
    delete_retention_ms=50,
    min_cleanable_dirty_ratio=0.0,
)

RECORDS = st.lists(
    st.tuples(st.integers(0, 6), st.none() | st.binary(max_size=20)), min_size=1, max_size=4
)
WRITE = st.tuples(st.just("write"), RECORDS, st.integers(0, 3), st.sampled_from(Compression))
END = st.tuples(st.just("end"), st.integers(1, 3), st.sampled_from(ControlKind), st.none())
CLEAN = st.tuples(st.just("clean"), st.integers(3, 50), st.integers(0, 100), st.none())
REOPEN = st.tuples(st.just("reopen"), st.booleans(), st.none(), st.none())
STEPS = st.lists(WRITE | WRITE | WRITE | END | CLEAN | REOPEN, max_size=60)


def run_now(job: FlushJob) -> Future[None]:
    done: Future[None] = Future()
    job.run()
    done.set_result(None)
    return done


def committed(log: PartitionLog) -> list[tuple[int, bytes | None, bytes | None]]:
    """What a consumer with read_committed gets: it goes by the aborted list and the markers."""
    found: list[tuple[int, bytes | None, bytes | None]] = []
    offset = log.log_start_offset
    while offset < log.last_stable_offset:
        result = log.read(offset, 1000, isolation="read_committed")
        assert result.next_offset > offset
        waiting = list(result.aborted or [])
        void: set[int] = set()
        for position, header in batches(result.data):
            while waiting and waiting[0].first_offset <= header.last_offset:
                void.add(waiting.pop(0).producer_id)
            columns = decode_batch(result.data, position, header)
            if header.is_control:
                if columns.keys and control_kind(columns.keys[0]) is ControlKind.ABORT:
                    void.discard(header.producer_id)
            elif not (header.is_transactional and header.producer_id in void):
                found.extend(zip(columns.offsets, columns.keys, columns.values, strict=True))
        offset = result.next_offset
    return [row for row in found if row[0] >= log.log_start_offset]


def table(
    found: list[tuple[int, bytes | None, bytes | None]],
) -> dict[bytes | None, tuple[int, bytes]]:
    last = {key: (offset, value) for offset, key, value in found}
    return {key: (at, value) for key, (at, value) in last.items() if value is not None}


@settings(max_examples=60, deadline=None)
@patch("streamkit.log.storage.cleaner._RECORDS_A_STEP", 2)
@given(STEPS)
def test_compaction_keeps_the_table_of_committed_readers(
    steps: list[tuple[str, object, object, object]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "t-0"
        folder.mkdir()
        topic = TopicPartition("t", 0)
        log = PartitionLog(folder, topic, config=CONFIG)
        sequences: dict[int, int] = {}
        open_ones: set[int] = set()
        clean_to = now_ms = 0
        for kind, first, second, third in steps:
            now_ms += 1
            if kind == "write":
                assert isinstance(first, list)
                assert isinstance(second, int)
                assert isinstance(third, Compression)
                builder = BatchBuilder(third)
                for key, value in first:
                    builder.append(now_ms, b"key %d" % key, value)
                sequence = -1
                if second:
                    sequence = sequences.get(second, 0)
                    sequences[second] = sequence + len(first)
                    open_ones.add(second)
                data = builder.build(
                    producer_id=second or -1,
                    producer_epoch=0 if second else -1,
                    base_sequence=sequence,
                    transactional=bool(second),
                )
                log.append(data, now_ms=now_ms)
            elif kind == "end" and first in open_ones:
                assert isinstance(first, int)
                assert isinstance(second, ControlKind)
                open_ones.discard(first)
                log.append(marker(second, first), now_ms=now_ms, from_client=False)
            elif kind == "clean":
                assert isinstance(first, int)
                assert isinstance(second, int)
                now_ms += second
                before, end, stable = committed(log), log.end_offset, log.last_stable_offset
                found = cleanable_range(
                    log.segments,
                    log.config,
                    first_dirty=clean_to,
                    last_stable_offset=stable,
                    now_ms=now_ms,
                )
                if found.is_due(log.config):
                    passed = compact(log, found, now_ms=now_ms, run=run_now, max_keys=first)
                    while True:
                        try:
                            next(passed)
                        except StopIteration as result:
                            clean_to = int(result.value)
                            break
                after = committed(log)
                assert set(after) <= set(before)
                assert after == sorted(after, key=lambda row: row[0])
                assert table(after) == table(before)
                assert (log.end_offset, log.last_stable_offset) == (end, stable)
                values = [key for offset, key, _ in after if offset < clean_to]
                if first == 50:
                    assert len(values) == len(set(values))
            elif kind == "reopen":
                before, producers = committed(log), dict(log.producers)
                if first:
                    log.close()
                else:
                    log.abandon()
                log = PartitionLog(
                    folder, topic, config=CONFIG, recovery_point=None if first else 0
                )
                assert log.bytes_cut == 0
                assert committed(log) == before
                for key, entry in producers.items():
                    assert log.producers[key].last_sequence == entry.last_sequence
                    assert log.producers[key].txn_first_offset == entry.txn_first_offset
        log.abandon()
