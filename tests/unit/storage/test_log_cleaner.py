"""Compaction: which records stay, when it is due, and crashes at every step."""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from log_batches import OpenLog, OpenManager, Row, all_bytes, all_rows, batch, marker, markers, rows

from streamkit.clock import ManualClock
from streamkit.log.protocol import BatchBuilder, Compression, ControlKind, batches
from streamkit.log.storage import (
    AbortedTransaction,
    LogConfig,
    LogManager,
    LogStorageError,
    PartitionLog,
)
from streamkit.log.storage.cleaner import Steps, compact
from streamkit.log.storage.compaction import LastOffsets, cleanable_range
from streamkit.log.storage.files import OpenFiles
from streamkit.log.storage.flushing import FlushJob
from streamkit.model import TopicPartition

TP = TopicPartition("table", 0)
COMPACT = frozenset({"compact"})
CONFIG = LogConfig(
    cleanup_policy=COMPACT,
    segment_bytes=400,
    index_interval_bytes=100,
    min_cleanable_dirty_ratio=0.0,
    delete_retention_ms=1_000,
)


def clean_all(manager: LogManager, now_ms: int) -> None:
    while manager.clean(now_ms):
        pass


def run_now(job: FlushJob) -> Future[None]:
    done: Future[None] = Future()
    job.run()
    done.set_result(None)
    return done


def clean(log: PartitionLog, *, now_ms: int = 0, first_dirty: int = 0, max_keys: int = 1000) -> int:
    """One pass over everything but the active segment; the offset up to which the log is clean."""
    found = cleanable_range(
        log.segments,
        log.config,
        first_dirty=first_dirty,
        last_stable_offset=log.last_stable_offset,
        now_ms=now_ms,
    )
    return finish(compact(log, found, now_ms=now_ms, run=run_now, max_keys=max_keys))


def finish(steps: Steps) -> int:
    """Take the steps that are left; the offset up to which the log is clean."""
    while True:
        try:
            next(steps)
        except StopIteration as result:
            return int(result.value)


def put(log: PartitionLog, key: bytes, value: bytes | None) -> None:
    builder = BatchBuilder()
    builder.append(1_000, key, value)
    log.append(builder.build(), now_ms=0)


def table(found: list[Row]) -> dict[bytes | None, bytes | None]:
    """What a reader makes of the records: the last value of each key, tombstones left out."""
    values = {row.key: row.value for row in found}
    return {key: value for key, value in values.items() if value is not None}


def test_last_record_of_each_key_stays_where_it_is(open_log: OpenLog) -> None:
    log = open_log(CONFIG)
    for index in range(100):
        put(log, b"k%d" % (index % 7), b"v%d" % index)
    before = all_rows(log)
    active = log.segments[-1].base_offset
    assert clean(log) == active
    last = {row.key: row.offset for row in before if row.offset < active}
    expected = [row for row in before if row.offset >= active or last[row.key] == row.offset]
    assert all_rows(log) == expected
    assert log.size_bytes < 2000
    # What has shrunk is put together by the next pass.
    put(log, b"last", b"x" * 200)
    log.roll(0)
    clean(log, first_dirty=active)
    assert len(log.segments) <= 6
    for row in all_rows(log):
        assert row in all_rows_from(log, row.offset)


def all_rows_from(log: PartitionLog, offset: int) -> list[Row]:
    return rows(log.read(offset, 1_000_000).data)


def test_every_offset_can_still_be_read_from(open_log: OpenLog) -> None:
    log = open_log(CONFIG)
    for index in range(60):
        put(log, b"k%d" % (index % 3), b"v%d" % index)
    clean(log)
    kept = [row.offset for row in all_rows(log)]
    for offset in range(log.end_offset):
        following = [row.offset for row in all_rows_from(log, offset) if row.offset >= offset]
        assert following[:1] == [kept_one for kept_one in kept if kept_one >= offset][:1]


def test_batches_with_many_records_lose_some_of_them(open_log: OpenLog) -> None:
    log = open_log(replace(CONFIG, segment_bytes=2000))
    for codec in Compression:
        builder = BatchBuilder(codec)
        for index in range(10):
            headers = (("h", b"%d" % index), ("n", None))
            builder.append(1_000 - index, b"k%d" % index, b"%s" % codec.name.encode(), headers)
        log.append(builder.build(), now_ms=0)
        builder = BatchBuilder(codec)
        for index in range(0, 10, 2):
            builder.append(2_000, b"k%d" % index, b"later")
        log.append(builder.build(), now_ms=0)
    before = all_rows(log)
    log.roll(0)
    clean(log)
    after = all_rows(log)
    assert set(after) < set(before)
    assert table(after) == table(before)
    assert [row.offset for row in after] == sorted({row.key: row.offset for row in before}.values())


def test_tombstones_go_after_their_delete_horizon(open_log: OpenLog) -> None:
    log = open_log(CONFIG)
    put(log, b"a", b"1")
    put(log, b"a", None)
    put(log, b"b", b"2")
    log.roll(0)
    put(log, b"z", b"active")
    clean(log, now_ms=10_000)
    assert [(row.key, row.value) for row in all_rows(log)][:2] == [(b"a", None), (b"b", b"2")]
    assert all_rows(log)[0].timestamp == 1_000
    log.roll(0)
    put(log, b"z", b"active")
    clean(log, now_ms=10_999, first_dirty=3)
    assert (b"a", None) in [(row.key, row.value) for row in all_rows(log)]
    log.roll(0)
    put(log, b"z", b"active")
    clean(log, now_ms=11_000, first_dirty=4)
    assert b"a" not in [row.key for row in all_rows(log)]


def test_aborted_records_go_and_the_marker_follows(open_log: OpenLog) -> None:
    log = open_log(CONFIG)
    put(log, b"key", b"before")
    log.append(batch(b"void", producer=(1, 0, 0), transactional=True), now_ms=0)
    log.append(marker(ControlKind.ABORT, 1), now_ms=0, from_client=False)
    log.append(batch(b"other", key=b"k2", producer=(2, 0, 0), transactional=True), now_ms=0)
    log.append(marker(ControlKind.COMMIT, 2), now_ms=0, from_client=False)
    # The producers go on, so that nothing is kept for their sake.
    log.append(batch(b"3", key=b"k3", producer=(1, 1, 0)), now_ms=0)
    log.append(batch(b"4", key=b"k4", producer=(2, 1, 0)), now_ms=0)
    log.roll(0)
    put(log, b"z", b"active")
    end = clean(log, now_ms=10_000)
    assert b"void" not in [row.value for row in all_rows(log)]
    assert table(all_rows(log))[b"key"] == b"before"
    assert len(markers(all_bytes(log))) == 2
    aborted = log.read(0, 10_000, isolation="read_committed").aborted
    assert aborted == [AbortedTransaction(1, 1, 2, 3)]
    # A marker stays for delete.retention.ms after the first pass without records of its transaction.
    for now_ms in (20_000, 20_999):
        log.roll(0)
        put(log, b"z", b"active")
        end = clean(log, now_ms=now_ms, first_dirty=end)
        kept = [kind for _, kind in markers(all_bytes(log))]
        assert kept == [ControlKind.ABORT, ControlKind.COMMIT]
    log.roll(0)
    put(log, b"z", b"active")
    clean(log, now_ms=21_000, first_dirty=end)
    # A commit marker stays as long as records of its transaction do.
    assert [kind for _, kind in markers(all_bytes(log))] == [ControlKind.COMMIT]
    assert log.read(0, 10_000, isolation="read_committed").aborted == []


def test_last_batch_of_a_producer_keeps_its_header(open_log: OpenLog) -> None:
    log = open_log(CONFIG)
    for index in range(10):
        log.append(batch(b"%d" % index, producer=(5, 0, index)), now_ms=0)
    put(log, b"key", b"last")
    log.roll(0)
    put(log, b"z", b"active")
    clean(log)
    assert [row.value for row in all_rows(log)] == [b"last", b"active"]
    assert [header.count for _, header in batches(all_bytes(log))] == [0, 1, 1]
    log.abandon()
    folder = Path(log.segments[0].path).parent
    for path in folder.glob("*.snapshot"):
        path.unlink()
    log = open_log(CONFIG, recovery_point=0)
    assert log.producers[5].last_sequence == 9
    assert log.append(batch(producer=(5, 0, 10)), now_ms=0).base_offset == 12


def test_open_transaction_bounds_what_is_compacted(open_log: OpenLog) -> None:
    log = open_log(CONFIG)
    for index in range(20):
        put(log, b"k", b"%d" % index)
    log.append(batch(producer=(1, 0, 0), transactional=True), now_ms=0)
    stable = log.last_stable_offset
    for index in range(20):
        put(log, b"k", b"%d" % index)
    assert clean(log) <= stable
    assert sum(1 for row in all_rows(log) if row.offset > stable) == 20


def test_young_records_are_left(open_log: OpenLog) -> None:
    log = open_log(replace(CONFIG, min_compaction_lag_ms=500))
    for index in range(40):
        log.append(batch(b"%d" % index, timestamp=1_000 + 100 * index), now_ms=0)
    end = clean(log, now_ms=4_000)
    assert 0 < end <= 25
    assert [row.offset for row in all_rows(log) if row.offset >= end] == list(range(end, 40))


def test_few_keys_at_a_time_get_there_in_the_end(open_log: OpenLog) -> None:
    log = open_log(CONFIG)
    for index in range(80):
        put(log, b"k%d" % (index % 10), b"%d" % index)
    before = table(all_rows(log))
    active = log.segments[-1].base_offset
    end, passes = 0, 0
    while end < active:
        reached = clean(log, first_dirty=end, max_keys=4)
        assert reached > end
        end, passes = reached, passes + 1
    assert passes > 2
    assert table(all_rows(log)) == before
    assert len(all_rows(log)) < 40


def test_ratio_and_lag_decide_when(open_log: OpenLog) -> None:
    config = replace(CONFIG, min_cleanable_dirty_ratio=0.5)
    log = open_log(config)
    for index in range(40):
        put(log, b"%d" % index, b"x")
    segments, stable = log.segments, log.last_stable_offset
    middle = segments[len(segments) // 2 + 1].base_offset

    def found(first_dirty: int, now_ms: int = 0, lag_ms: int = 2**62) -> bool:
        changed = replace(config, max_compaction_lag_ms=lag_ms)
        return cleanable_range(
            segments, changed, first_dirty=first_dirty, last_stable_offset=stable, now_ms=now_ms
        ).is_due(changed)

    assert found(0)
    assert not found(middle)
    assert not found(segments[-1].base_offset)
    assert found(middle, now_ms=2_001, lag_ms=1_000)
    assert not found(middle, now_ms=1_999, lag_ms=1_000)


def test_pass_gives_up_when_segments_change(open_log: OpenLog) -> None:
    log = open_log(replace(CONFIG, segment_bytes=20_000))
    for index in range(3_000):
        put(log, b"k%d" % index, b"v" * 20)
    before = all_rows(log)
    found = cleanable_range(
        log.segments, log.config, first_dirty=0, last_stable_offset=log.end_offset, now_ms=0
    )
    steps = compact(log, found, now_ms=0, run=run_now)
    for _ in range(8):
        next(steps)
    log.remove_segments(1, 0)
    assert finish(steps) < found.end
    assert all_rows(log) == [row for row in before if row.offset >= log.log_start_offset]
    assert not list(Path(log.segments[0].path).parent.glob("*.cleaned"))


def test_pass_that_gives_up_half_way_keeps_what_it_has_done(open_log: OpenLog) -> None:
    log = open_log(CONFIG)
    for index in range(200):
        put(log, b"k%d" % (index % 7), b"v%d" % index)
    log.flush()
    wanted = table(all_rows(log))
    found = cleanable_range(
        log.segments, log.config, first_dirty=0, last_stable_offset=log.end_offset, now_ms=0
    )
    jobs: list[FlushJob] = []

    def run(job: FlushJob) -> Future[None]:
        jobs.append(job)
        return run_now(job) if len(jobs) == 1 else Future()

    steps = compact(log, found, now_ms=0, run=run)
    while next(steps):
        pass
    # The first group is swapped in, the second one is still on its way to the disk.
    after_first = log.compacted_to
    log.remove_segments(1, 0)
    assert finish(steps) == after_first
    assert 0 < after_first < found.end
    log.config = replace(CONFIG, cleanup_policy=frozenset({"delete"}))
    assert table(all_rows(log)) == wanted
    log.config = CONFIG
    assert clean(log, first_dirty=after_first) == found.end
    assert table(all_rows(log)) == wanted


def test_what_replaces_older_records_is_on_the_disk_before_they_go(open_log: OpenLog) -> None:
    """Else the machine's crash would take both: the older ones were on the disk already."""
    log = open_log(CONFIG)
    for index in range(100):
        put(log, b"k%d" % (index % 7), b"v%d" % index)
    found = cleanable_range(
        log.segments, log.config, first_dirty=0, last_stable_offset=log.end_offset, now_ms=0
    )
    dirty = {segment.path for segment in log.segments[:-1]}
    jobs: list[FlushJob] = []

    def run(job: FlushJob) -> Future[None]:
        jobs.append(job)
        return run_now(job)

    assert finish(compact(log, found, now_ms=0, run=run)) == found.end
    assert dirty <= set(jobs[0].paths)
    assert all(path.endswith(".cleaned") for job in jobs[1:] for path in job.paths)
    assert log.durable_offset >= found.end
    # There is no need for it twice.
    jobs.clear()
    finish(compact(log, found, now_ms=0, run=run))
    assert all(path.endswith(".cleaned") for path in jobs[0].paths)


def test_crash_at_every_file_operation_loses_nothing(
    open_log: OpenLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is saved before each rename and removal, and each of the copies is opened."""
    log = open_log(CONFIG)
    for index in range(40):
        put(log, b"k%d" % (index % 4), b"v%d" % index)
    wanted = table(all_rows(log))
    end_offset = log.end_offset
    copies: list[Path] = []
    folder = log.folder

    def save() -> None:
        copies.append(tmp_path / f"copy-{len(copies)}" / "t-0")
        shutil.copytree(folder, copies[-1])

    rename, create = OpenFiles.rename, OpenFiles.create

    def save_and_rename(files: OpenFiles, path: str, target: str) -> None:
        save()
        rename(files, path, target)

    def save_and_create(files: OpenFiles, path: str) -> None:
        save()
        create(files, path)

    monkeypatch.setattr(OpenFiles, "rename", save_and_rename)
    monkeypatch.setattr(OpenFiles, "create", save_and_create)
    clean(log)
    save()
    monkeypatch.undo()
    assert len(copies) > 20, len(copies)
    for copy in copies:
        for recovery_point in (0, None):
            again = PartitionLog(
                copy, TopicPartition("t", 0), config=CONFIG, recovery_point=recovery_point
            )
            assert again.bytes_cut == 0
            assert again.end_offset == end_offset
            assert table(all_rows(again)) == wanted
            offsets = [row.offset for row in all_rows(again)]
            assert offsets == sorted(set(offsets))
            assert not list(copy.glob("*.cleaned")) + list(copy.glob("*.swap"))
            again.abandon()


def test_manager_compacts_what_is_due(open_manager: OpenManager, clock: ManualClock) -> None:
    manager = open_manager(CONFIG)
    log = manager.create(TP)
    plain = manager.create(TopicPartition("plain", 0), config=LogConfig(segment_bytes=400))
    for index in range(60):
        put(log, b"k%d" % (index % 5), b"%d" % index)
        put(plain, b"k", b"v")
    size = plain.size_bytes
    before = table(all_rows(log))
    clean_all(manager, clock.now_ms())
    assert log.size_bytes < 1_000
    assert plain.size_bytes == size
    assert table(all_rows(log)) == before
    settled = log.size_bytes
    clock.advance(20_000)
    clean_all(manager, clock.now_ms())
    assert log.size_bytes == settled
    manager.close()
    checkpoint = manager.data_dir / "cleaner-offset-checkpoint"
    assert checkpoint.read_text() == f"0\n1\ntable 0 {log.segments[-1].base_offset}\n"
    again = open_manager(CONFIG).get(TP)
    assert again is not None
    assert table(all_rows(again)) == before


def test_cleaner_that_has_found_nothing_rests_for_the_backoff(
    open_manager: OpenManager, clock: ManualClock
) -> None:
    manager = open_manager(CONFIG, cleaner_backoff_ms=5_000)
    log = manager.create(TP)

    def compacts() -> bool:
        before = log.size_bytes
        clean_all(manager, clock.now_ms())
        return log.size_bytes < before

    assert not compacts()
    for backoff_ms in (5_000, 100):
        # A shorter one holds at once, also for the rest that has begun.
        manager.reconfigure(CONFIG, producer_expiration_ms=1, cleaner_backoff_ms=backoff_ms)
        compacts()
        for index in range(12):
            put(log, b"k", b"%d" % index)
        clock.advance(backoff_ms - 1)
        assert not compacts()
        clock.advance(1)
        assert compacts()


def test_damaged_segment_is_left_alone(open_manager: OpenManager, clock: ManualClock) -> None:
    manager = open_manager(CONFIG)
    log = manager.create(TP)
    other = manager.create(TopicPartition("other", 0))
    for index in range(40):
        put(log, b"k%d" % (index % 5), b"%d" % index)
        put(other, b"k%d" % (index % 5), b"%d" % index)
    path = Path(log.segments[1].path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    size = log.size_bytes
    clean_all(manager, clock.now_ms())
    assert log.size_bytes == size
    assert other.size_bytes < 1_000


def test_segment_that_cannot_be_looked_at_holds_up_no_other_log(
    open_manager: OpenManager, clock: ManualClock
) -> None:
    manager = open_manager(CONFIG)
    log, later = manager.create(TP), manager.create(TopicPartition("zebra", 0))
    for index in range(40):
        put(log, b"k%d" % (index % 5), b"%d" % index)
        put(later, b"k%d" % (index % 5), b"%d" % index)
    manager.close()
    path = Path(log.segments[1].path)
    path.write_bytes(b"\xff" * path.stat().st_size)
    again = open_manager(CONFIG)
    clean_all(again, clock.now_ms())
    found = again.get(TopicPartition("zebra", 0))
    assert found is not None
    assert found.size_bytes < 1_000


@pytest.mark.parametrize("damaged", [True, False])
def test_log_of_a_name_that_was_there_before_is_compacted_from_its_start(
    open_manager: OpenManager, clock: ManualClock, damaged: bool
) -> None:
    manager = open_manager(CONFIG)
    log = manager.create(TP)
    for index in range(60):
        put(log, b"k%d" % (index % 5), b"%d" % index)
    if damaged:
        path = Path(log.segments[1].path)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    clean_all(manager, clock.now_ms())
    manager.delete(TP)
    log = manager.create(TP)
    for index in range(120):
        put(log, b"k%d" % (index % 5 if index < 50 else 9), b"%d" % index)
    clock.advance(20_000)
    clean_all(manager, clock.now_ms())
    assert log.size_bytes < 1_000
    manager.delete(TP)
    manager.wait_for_flushes()
    checkpoint = manager.data_dir / "cleaner-offset-checkpoint"
    assert checkpoint.read_text() == "0\n0\n"


def test_compacted_and_deleted_log_loses_old_segments_too(
    open_manager: OpenManager, clock: ManualClock
) -> None:
    policy = frozenset({"compact", "delete"})
    manager = open_manager(replace(CONFIG, cleanup_policy=policy, retention_ms=5_000))
    log = manager.create(TP)
    for index in range(100):
        put(log, b"k%d" % index, b"v")
    clean_all(manager, clock.now_ms())
    assert len(all_rows(log)) == 100
    assert manager.apply_retention(6_000) == 0
    manager.apply_retention(6_001)
    assert all_rows(log) == []
    assert log.end_offset == 100


def test_segment_that_compaction_has_emptied_does_not_hold_up_retention(
    open_manager: OpenManager, clock: ManualClock
) -> None:
    policy = frozenset({"compact", "delete"})
    manager = open_manager(replace(CONFIG, cleanup_policy=policy, retention_ms=5_000))
    log = manager.create(TP)
    for index in range(30):
        put(log, b"k" if index < 20 else b"k%d" % index, b"v" * 20)
    clean_all(manager, clock.now_ms())
    assert log.segments[0].size == 0
    manager.apply_retention(6_001)
    assert all_rows(log) == []
    assert log.log_start_offset == log.end_offset == 30


def test_compaction_for_which_there_is_no_space_is_tried_again(
    open_manager: OpenManager, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = open_manager(CONFIG)
    log = manager.create(TP)
    for index in range(60):
        put(log, b"k%d" % (index % 5), b"%d" % index)
    before = table(all_rows(log))
    checkpoint = manager.data_dir / "cleaner-offset-checkpoint"

    def refuse(files: OpenFiles, path: str, data: bytes, position: int) -> None:
        raise LogStorageError("No space left on device", path=path)

    with monkeypatch.context() as full:
        full.setattr(OpenFiles, "write", refuse)
        clean_all(manager, clock.now_ms())
    assert table(all_rows(log)) == before
    for wait_ms, is_clean in ((59_000, False), (20_000, True)):
        clock.advance(wait_ms)
        clean_all(manager, clock.now_ms())
        manager.wait_for_flushes()
        clean_to = log.segments[-1].base_offset if is_clean else 0
        assert checkpoint.read_text() == f"0\n1\ntable 0 {clean_to}\n"
    assert table(all_rows(log)) == before


def test_nothing_is_taken_out_before_the_checkpoint_tells_of_it(
    open_manager: OpenManager, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recovery would take the gaps for what the machine has lost, and cut the log there."""
    manager = open_manager(replace(CONFIG, segment_bytes=200))
    log = manager.create(TP)
    put(log, b"k", b"v")
    manager.flush_all()
    for index in range(60):
        put(log, b"k%d" % (index % 5), b"%d" % index)
    before = table(all_rows(log))

    def refuse(path: Path, offsets: object) -> None:
        raise LogStorageError("No space left on device", path=str(path))

    with monkeypatch.context() as full:
        full.setattr("streamkit.log.storage.flushing.write_offsets", refuse)
        clean_all(manager, clock.now_ms())
        manager.abandon()
    again = open_manager(CONFIG)
    found = again.get(TP)
    assert found is not None
    assert (found.end_offset, table(all_rows(found))) == (61, before)
    size = found.size_bytes
    clean_all(again, clock.now_ms())
    assert found.size_bytes < size
    assert table(all_rows(found)) == before


def test_log_between_two_states_answers_with_a_storage_error_until_the_next_start(
    open_manager: OpenManager, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = open_manager(CONFIG)
    log = manager.create(TP)
    for index in range(60):
        put(log, b"k%d" % (index % 5), b"%d" % index)
    before = table(all_rows(log))
    rename, left = OpenFiles.rename, 6

    def fail_once(files: OpenFiles, path: str, target: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise LogStorageError("Input/output error", path=path)
        rename(files, path, target)

    with monkeypatch.context() as failing:
        failing.setattr(OpenFiles, "rename", fail_once)
        clean_all(manager, clock.now_ms())
    for use in (lambda: log.read(0, 100), lambda: put(log, b"k", b"v")):
        with pytest.raises(LogStorageError, match="out of service until the next start"):
            use()
    manager.tick(clock.now_ms())
    manager.abandon()
    again = open_manager(CONFIG).get(TP)
    assert again is not None
    assert table(all_rows(again)) == before


@pytest.mark.parametrize("codec", [Compression.NONE, Compression.ZSTD])
def test_step_takes_a_part_of_a_batch_of_many_records(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch, codec: Compression
) -> None:
    """However many records a batch has: a step notes, judges or writes 500 of them, or few more."""
    count, most = 5_000, 0
    log = open_log(replace(CONFIG, segment_bytes=1 << 20))
    for value in (b"old", b"new"):
        builder = BatchBuilder(codec)
        for index in range(count):
            # Every other record is replaced, so that the first batch has to be written anew.
            builder.append(1_000, b"%s%d" % (value if index % 2 else b"", index), value)
        log.append(builder.build(), now_ms=0)
    log.roll(0)
    before = all_rows(log)
    done = 0

    def noted(
        last_offsets: LastOffsets, key: bytes, offset: int, put: Any = LastOffsets.put
    ) -> None:
        nonlocal done
        done += 1
        put(last_offsets, key, offset)

    def looked_up(last_offsets: LastOffsets, key: bytes, get: Any = LastOffsets.get) -> int:
        nonlocal done
        done += 1
        return int(get(last_offsets, key))

    monkeypatch.setattr(LastOffsets, "put", noted)
    monkeypatch.setattr(LastOffsets, "get", looked_up)
    found = cleanable_range(
        log.segments, log.config, first_dirty=0, last_stable_offset=log.end_offset, now_ms=0
    )
    steps = 0
    for _ in (passing := compact(log, found, now_ms=0, run=run_now)):
        most, done, steps = max(most, done), 0, steps + 1
    passing.close()
    assert most == 500
    assert steps >= 2 * (2 * count) // 500 + count // 2 // 500
    after = all_rows(log)
    assert table(after) == table(before)
    assert len(after) == count + count // 2
