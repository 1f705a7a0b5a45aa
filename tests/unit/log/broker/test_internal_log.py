"""The broker's own logs, read back after compaction and damage."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

from streamkit.log.broker.internal_log import batch_of, check_records, records_of
from streamkit.log.storage import LogConfig, PartitionLog
from streamkit.log.storage.cleaner import compact
from streamkit.log.storage.compaction import cleanable_range
from streamkit.log.storage.flushing import FlushJob
from streamkit.model import TopicPartition

CONFIG = LogConfig(cleanup_policy=frozenset({"compact"}))


def run_now(job: FlushJob) -> Future[None]:
    done: Future[None] = Future()
    job.run()
    done.set_result(None)
    return done


def test_log_whose_last_records_are_compacted_away_and_cut_can_be_checked(tmp_path: Path) -> None:
    folder = tmp_path / "__consumer_offsets-0"
    folder.mkdir()
    name = TopicPartition("__consumer_offsets", 0)
    log = PartitionLog(folder, name, config=CONFIG)
    for value in (b"old", b"new", b"newest"):
        log.append(batch_of([(b"key", value)], 0), now_ms=0, from_client=False)
        log.roll(0)
    found = cleanable_range(
        log.segments, CONFIG, first_dirty=0, last_stable_offset=log.end_offset, now_ms=0
    )
    for _ in compact(log, found, now_ms=0, run=run_now):
        pass
    end = log.end_offset
    log.abandon()
    # The record that replaced the others is lost; the segment behind it tells where it ended.
    Path(log.segments[0].path).write_bytes(b"")
    again = PartitionLog(folder, name, config=CONFIG, recovery_point=0)
    assert again.end_offset == end == 3
    check_records(again)
    assert list(records_of(again)) == []
    again.abandon()
