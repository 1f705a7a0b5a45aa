"""Unkind circumstances: clocks that go back, names that come again, folders that are left over, far offsets."""

from __future__ import annotations

import errno
import os
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from log_batches import OpenLog, OpenManager, all_rows, batch

from streamkit.clock import ManualClock
from streamkit.errors import StorageError
from streamkit.log.storage import LogConfig, LogManager, LogStorageError
from streamkit.model import TopicPartition

TP = TopicPartition("t", 0)
HOUR_MS = 3_600_000


def tick(manager: LogManager, now_ms: int) -> None:
    for _ in range(3):
        manager.tick(now_ms)
        manager.wait_for_flushes()


def test_housekeeping_goes_on_when_the_clock_goes_back(
    open_manager: OpenManager, clock: ManualClock
) -> None:
    """Else nothing would be forced to the disk, or retained, until the clock is where it was."""
    now_ms = clock.now_ms() + 1000 * HOUR_MS
    config = LogConfig(segment_bytes=200, retention_bytes=400, file_delete_delay_ms=0)
    manager = open_manager(config)
    log = manager.create(TP)
    log.append(batch(b"x" * 50), now_ms=now_ms)
    tick(manager, now_ms)
    tick(manager, now_ms + 61_000)
    assert not log.is_dirty
    for _ in range(20):
        log.append(batch(b"x" * 50), now_ms=now_ms)
    back_ms = now_ms - 500 * HOUR_MS
    tick(manager, back_ms)
    tick(manager, back_ms + 61_000)
    tick(manager, back_ms + 301_000)
    tick(manager, back_ms + 302_000)
    assert not log.is_dirty
    assert log.size_bytes <= 600
    points = manager.data_dir / "recovery-point-offset-checkpoint"
    assert f"t 0 {log.end_offset}" in points.read_text()


def test_compaction_goes_on_when_the_clock_goes_back(
    open_manager: OpenManager, clock: ManualClock
) -> None:
    config = LogConfig(
        cleanup_policy=frozenset({"compact"}), segment_bytes=200, min_cleanable_dirty_ratio=0.0
    )
    manager = open_manager(config)
    log = manager.create(TP)
    now_ms = clock.now_ms() + 1000 * HOUR_MS
    while manager.clean(now_ms):
        pass
    for _ in range(20):
        log.append(batch(b"x" * 50), now_ms=now_ms)
    back_ms = now_ms - 500 * HOUR_MS
    for step in range(3):
        while manager.clean(back_ms + 20_000 * step):
            pass
    assert len(all_rows(log)) < 10


def test_timestamps_that_go_back_are_found_in_order_of_offsets(open_log: OpenLog) -> None:
    config = LogConfig(
        segment_bytes=400, index_interval_bytes=0, message_timestamp_type="LogAppendTime"
    )
    log = open_log(config)
    for index in range(30):
        log.append(batch(b"%d" % index), now_ms=10_000 - 100 * index)
    found = log.offset_for_timestamp(8_000)
    assert found is not None
    assert (found.offset, found.timestamp) == (0, 10_000)
    newest = log.max_timestamp()
    assert newest is not None
    assert newest.offset == 0
    assert log.offset_for_timestamp(10_001) is None


def test_segment_is_closed_before_its_offsets_overflow(open_log: OpenLog) -> None:
    """Indexes hold offsets relative to the segment's, in 31 bits; compaction makes such distances."""
    config = LogConfig(cleanup_policy=frozenset({"compact"}), index_interval_bytes=0)
    log = open_log(config)
    log.append(batch(b"first"), now_ms=0)
    log.end_offset = 2**31 - 2
    log.append(batch(b"a"), now_ms=0)
    log.append(batch(b"b"), now_ms=0)
    assert len(log.segments) == 1
    log.append(batch(b"c"), now_ms=0)
    log.append(batch(b"d"), now_ms=0)
    assert [segment.base_offset for segment in log.segments] == [0, 2**31]
    log.close()
    for recovery_point in (None, 0):
        log = open_log(config, recovery_point=recovery_point)
        assert [row.offset for row in all_rows(log)] == [0, *range(2**31 - 2, 2**31 + 2)]
        assert log.end_offset == 2**31 + 2
        assert log.read(2**31 - 1, 10_000).next_offset == 2**31
        log.close()


def test_topic_with_the_longest_name_can_be_deleted(open_manager: OpenManager) -> None:
    manager = open_manager()
    name = TopicPartition("n" * 249, 12345)
    manager.create(name).append(batch(), now_ms=0)
    manager.delete(name)
    assert not (manager.data_dir / str(name)).exists()
    again = manager.create(name)
    assert again.end_offset == 0
    manager.close()
    assert not [path for path in manager.data_dir.iterdir() if path.name.endswith("-delete")]


def test_folder_left_over_from_another_topic_of_the_name_is_not_taken(
    open_manager: OpenManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion that failed half-way: nobody must read the old records under the new topic."""
    manager = open_manager()
    old, new = uuid.uuid4(), uuid.uuid4()
    manager.create(TP, old).append(batch(b"old"), now_ms=0)

    def refuse(path: Path, target: Path) -> Path:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as failing:
        failing.setattr(Path, "replace", refuse)
        with pytest.raises(LogStorageError):
            manager.delete(TP)
    with pytest.raises(StorageError, match="belongs to another topic"):
        manager.create(TP, new)
    assert manager.get(TP) is None


def test_log_that_cannot_be_opened_can_be_deleted(open_manager: OpenManager) -> None:
    manager = open_manager()
    manager.create(TP, uuid.uuid4()).append(batch(), now_ms=0)
    manager.close()
    (manager.data_dir / "t-0" / "partition.metadata").write_text("nonsense\n")
    manager = open_manager()
    assert TP in manager.failed
    manager.delete(TP)
    assert manager.create(TP, uuid.uuid4()).end_offset == 0


def test_topic_that_comes_again_after_a_kill_keeps_its_records(
    open_manager: OpenManager, clock: ManualClock
) -> None:
    """Checkpoints may still speak of the log that had the name before."""
    manager = open_manager()
    old = manager.create(TP)
    for _ in range(100):
        old.append(batch(), now_ms=0)
    old.delete_records_before(90)
    manager.flush_all()
    tick(manager, clock.now_ms())
    assert "t 0 90" in (manager.data_dir / "log-start-offset-checkpoint").read_text()
    manager.delete(TP)
    new = manager.create(TP)
    for index in range(10):
        new.append(batch(b"%d" % index), now_ms=0)
    manager.abandon()
    found = open_manager().get(TP)
    assert found is not None
    assert (found.log_start_offset, found.end_offset) == (0, 10)
    assert [row.value for row in all_rows(found)] == [b"%d" % index for index in range(10)]


def test_partition_behind_a_symbolic_link_is_used_and_deleted(
    open_manager: OpenManager, tmp_path: Path
) -> None:
    manager = open_manager()
    manager.create(TP).append(batch(b"here"), now_ms=0)
    manager.close()
    elsewhere = tmp_path / "elsewhere"
    (manager.data_dir / "t-0").rename(elsewhere)
    (manager.data_dir / "t-0").symlink_to(elsewhere)
    (manager.data_dir / "dangling-0").symlink_to(tmp_path / "nowhere")
    manager = open_manager()
    log = manager.get(TP)
    assert log is not None
    assert [row.value for row in all_rows(log)] == [b"here"]
    with pytest.raises(LogStorageError):
        manager.create(TopicPartition("dangling", 0))
    manager.delete(TP)
    assert manager.create(TP).end_offset == 0
    manager.close()
    assert not [path.name for path in manager.data_dir.iterdir() if path.name.endswith("-delete")]


def test_folder_behind_a_symbolic_link_has_one_holder(tmp_path: Path, clock: ManualClock) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    first = LogManager(real, LogConfig(), clock)
    first.open()
    link.symlink_to(real)
    with pytest.raises(StorageError, match="in use by the process"):
        LogManager(link, LogConfig(), clock).open()
    first.close()


def test_folder_that_may_not_be_written_is_refused_with_its_name(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def read_only(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(LogStorageError, match=f"{tmp_path}.*Read-only file system"):
        LogManager(tmp_path, LogConfig(), clock).open()


def test_files_vanish_under_a_running_broker(open_manager: OpenManager) -> None:
    """Somebody has cleaned up: what is open goes on, the rest is refused, nobody else is touched."""
    manager = open_manager(replace(LogConfig(), segment_bytes=200), max_open_files=1)
    log, other = manager.create(TP), manager.create(TopicPartition("other", 0))
    for _ in range(10):
        log.append(batch(b"x" * 50), now_ms=0)
        other.append(batch(b"x" * 50), now_ms=0)
    for path in (manager.data_dir / "t-0").iterdir():
        path.unlink()
    with pytest.raises(StorageError):
        all_rows(log)
    assert len(all_rows(other)) == 10
    other.append(batch(), now_ms=0)
