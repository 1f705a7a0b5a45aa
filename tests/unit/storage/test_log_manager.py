"""A data folder: lock, checkpoints, clean and unclean stops, creation, deletion, what is due by time."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from log_batches import OpenManager, all_rows, batch

from streamkit.clock import ManualClock
from streamkit.errors import ClosedError, LockedError, StorageError
from streamkit.log.storage import LogConfig, LogManager, PartitionLog
from streamkit.model import TopicPartition

TP = TopicPartition("my-topic.1", 3)


def settle(manager: LogManager, clock: ManualClock) -> None:
    """Run what is due, and wait for the flushes that it started."""
    manager.tick(clock.now_ms())
    manager.wait_for_flushes()
    manager.tick(clock.now_ms())


def test_second_broker_is_kept_out(open_manager: OpenManager, tmp_path: Path) -> None:
    open_manager()
    program = (
        "import sys\n"
        "from streamkit.clock import SystemClock\n"
        "from streamkit.errors import LockedError\n"
        "from streamkit.log.storage import LogConfig, LogManager\n"
        "try:\n"
        "    LogManager(sys.argv[1], LogConfig(), SystemClock()).open()\n"
        "except LockedError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "data")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert str(tmp_path / "data") in printed
    assert f"pid {os.getpid()}" in printed
    with pytest.raises(LockedError):
        open_manager()


def test_folder_is_free_after_close(open_manager: OpenManager) -> None:
    open_manager().close()
    open_manager().close()


def test_logs_survive_a_clean_stop(open_manager: OpenManager, tmp_path: Path) -> None:
    topic_id = uuid.uuid4()
    manager = open_manager()
    assert manager.recovered
    cluster = manager.cluster_id
    log = manager.create(TP, topic_id)
    log.append(batch(b"a"), now_ms=0)
    manager.close()
    assert (
        tmp_path / "data" / ".kafka_cleanshutdown"
    ).read_text() == '{"version":0,"brokerEpoch":-1}'
    checkpoint = (tmp_path / "data" / "recovery-point-offset-checkpoint").read_text()
    assert checkpoint == "0\n1\nmy-topic.1 3 1\n"
    manager = open_manager()
    assert not manager.recovered
    assert not (tmp_path / "data" / ".kafka_cleanshutdown").exists()
    assert manager.cluster_id == cluster
    found = manager.get(TP)
    assert found is not None
    assert found.topic_id == topic_id
    assert [row.value for row in all_rows(found)] == [b"a"]
    assert list(manager.partitions()) == [TP]


@pytest.mark.parametrize("compacted", ["never", "perhaps", "unknown"])
def test_log_ends_where_the_machine_has_lost_the_end_of_a_segment(
    open_manager: OpenManager, compacted: str
) -> None:
    """The name of the segment behind it is on the disk, and perhaps its records: they would follow a hole."""
    manager = open_manager(LogConfig(segment_bytes=200))
    log = manager.create(TP)
    for index in range(4):
        log.append(batch(b"%d" % index), now_ms=0)
    manager.flush_all()
    flushed = log.end_offset
    for index in range(4, 12):
        log.append(batch(b"%d" % index), now_ms=0)
    lost = next(segment for segment in log.segments if segment.base_offset >= flushed)
    manager.abandon()
    Path(lost.path).write_bytes(b"")
    # Where it was compacted, it may have been emptied by that.
    checkpoint = manager.data_dir / "cleaner-offset-checkpoint"
    assert checkpoint.read_text() == "0\n0\n"
    if compacted == "perhaps":
        checkpoint.write_text(f"0\n1\n{TP.topic} {TP.partition} 0\n")
    elif compacted == "unknown":
        checkpoint.unlink()
    again = open_manager().get(TP)
    assert again is not None
    if compacted != "never":
        assert again.end_offset == 12
        return
    assert again.end_offset == lost.base_offset
    assert [row.value for row in all_rows(again)] == [b"%d" % i for i in range(lost.base_offset)]
    assert again.append(batch(b"on"), now_ms=0).base_offset == lost.base_offset


def test_logs_survive_a_kill(open_manager: OpenManager) -> None:
    manager = open_manager()
    manager.create(TP).append(batch(b"a", b"b"), now_ms=0)
    manager.abandon()
    manager = open_manager()
    assert manager.recovered
    found = manager.get(TP)
    assert found is not None
    assert [row.value for row in all_rows(found)] == [b"a", b"b"]


def test_checkpoint_moves_the_recovery_point(open_manager: OpenManager, clock: ManualClock) -> None:
    manager = open_manager(checkpoint_ms=1_000)
    log = manager.create(TP)
    for index in range(100):
        log.append(batch(b"x" * 1000, producer=(1, 0, index)), now_ms=0)
    settle(manager, clock)
    assert log.recovery_point == 0
    clock.advance(1_000)
    settle(manager, clock)
    assert log.recovery_point == 100
    clock.advance(1_000)
    settle(manager, clock)
    log.append(batch(b"x", producer=(1, 0, 100)), now_ms=0)
    manager.abandon()
    manager = open_manager()
    assert manager.bytes_read < 20_000
    found = manager.get(TP)
    assert found is not None
    assert found.end_offset == 101
    assert found.producers[1].last_sequence == 100


def test_flush_ms_forces_logs_to_the_disk(open_manager: OpenManager, clock: ManualClock) -> None:
    manager = open_manager(LogConfig(flush_ms=50))
    log = manager.create(TP)
    log.append(batch(), now_ms=clock.now_ms())
    clock.advance(49)
    settle(manager, clock)
    assert log.recovery_point == 0
    clock.advance(1)
    settle(manager, clock)
    assert log.recovery_point == 1


def test_every_append_is_forced_to_the_disk(open_manager: OpenManager) -> None:
    log = open_manager(LogConfig(flush_messages=1)).create(TP)
    log.append(batch(b"a", b"b"), now_ms=0)
    assert log.durable_offset == 2


def test_at_most_the_last_records_below_flush_messages_are_not_on_the_disk(
    open_manager: OpenManager,
) -> None:
    log = open_manager(LogConfig(flush_messages=3)).create(TP)
    durable = []
    for count in (1, 1, 1, 2, 1, 5, 2):
        log.append(batch(*[b"v"] * count), now_ms=0)
        durable.append((log.end_offset, log.durable_offset))
    assert durable == [(1, 0), (2, 0), (3, 3), (5, 3), (6, 6), (11, 11), (13, 11)]


def test_logs_do_not_all_roll_at_once(open_manager: OpenManager) -> None:
    config = LogConfig(segment_ms=1_000, segment_jitter_ms=500)

    def ages(seed: int) -> list[int]:
        """How old the first segment of each log becomes."""
        manager = open_manager(config, seed=seed)
        found = []
        for partition in range(20):
            log = manager.create(TopicPartition("t", partition))
            at = 0
            while len(log.segments) == 1:
                log.append(batch(timestamp=at), now_ms=0)
                at += 50
            found.append(at)
            manager.delete(log.topic_partition)
        manager.close()
        return found

    assert len(set(ages(seed=1))) > 5
    assert ages(seed=1) == ages(seed=1) != ages(seed=2)


def test_deleted_log_is_gone(open_manager: OpenManager, tmp_path: Path) -> None:
    manager = open_manager()
    log = manager.create(TP)
    log.append(batch(), now_ms=0)
    manager.delete(TP)
    manager.delete(TP)
    assert manager.get(TP) is None
    with pytest.raises(ClosedError):
        log.append(batch(), now_ms=0)
    again = manager.create(TP)
    assert again.end_offset == 0
    manager.close()
    assert sorted(path.name for path in (tmp_path / "data").iterdir() if path.is_dir()) == [str(TP)]


def test_half_deleted_folder_is_removed_at_the_start(
    open_manager: OpenManager, tmp_path: Path
) -> None:
    half = tmp_path / "data" / f"t-0.{uuid.uuid4().hex}-delete"
    half.mkdir(parents=True)
    manager = open_manager()
    assert list(manager.partitions()) == []
    manager.close()
    assert not half.exists()


def test_another_topic_of_the_same_name_is_refused(open_manager: OpenManager) -> None:
    manager = open_manager()
    first = uuid.uuid4()
    log = manager.create(TP, first)
    assert manager.create(TP, first) is log
    with pytest.raises(StorageError, match="another topic"):
        manager.create(TP, uuid.uuid4())


def test_log_start_survives(open_manager: OpenManager, clock: ManualClock, tmp_path: Path) -> None:
    manager = open_manager()
    log = manager.create(TP)
    log.append(batch(b"a", b"b", b"c"), now_ms=0)
    log.delete_records_before(2)
    settle(manager, clock)
    assert (
        tmp_path / "data" / "log-start-offset-checkpoint"
    ).read_text() == "0\n1\nmy-topic.1 3 2\n"
    manager.abandon()
    found = open_manager().get(TP)
    assert found is not None
    assert found.log_start_offset == 2


def test_log_start_behind_a_lost_end_starts_the_log_anew(
    open_manager: OpenManager, clock: ManualClock
) -> None:
    manager = open_manager()
    log = manager.create(TP)
    log.append(batch(b"a", b"b", b"c"), now_ms=0)
    log.delete_records_before(3)
    settle(manager, clock)
    path = Path(log.segments[0].path)
    manager.abandon()
    path.write_bytes(b"")
    found = open_manager().get(TP)
    assert found is not None
    assert (found.log_start_offset, found.end_offset) == (3, 3)
    assert found.append(batch(), now_ms=0).base_offset == 3


def test_one_broken_log_does_not_stop_the_others(open_manager: OpenManager, tmp_path: Path) -> None:
    manager = open_manager()
    other = TopicPartition("other", 0)
    manager.create(TP, uuid.uuid4()).append(batch(), now_ms=0)
    manager.create(other, uuid.uuid4()).append(batch(), now_ms=0)
    manager.close()
    (tmp_path / "data" / str(TP) / "partition.metadata").write_text("rubbish\n")
    manager = open_manager()
    assert list(manager.partitions()) == [other]
    assert list(manager.failed) == [TP]
    with pytest.raises(StorageError):
        manager.create(TP)


def test_retention_by_time(open_manager: OpenManager, clock: ManualClock) -> None:
    config = LogConfig(segment_bytes=200, retention_ms=1_000, file_delete_delay_ms=500)
    manager = open_manager(config, retention_check_ms=100)
    log = manager.create(TP)
    for at in range(10):
        log.append(batch(b"x" * 60, timestamp=clock.now_ms() + 100 * at), now_ms=clock.now_ms())
    folder = log.folder
    clock.advance(1_450)
    settle(manager, clock)
    assert log.log_start_offset == 5
    assert [row.offset for row in all_rows(log)] == list(range(5, 10))
    assert len(list(folder.glob("*.log.deleted"))) == 5
    clock.advance(500)
    settle(manager, clock)
    assert len(list(folder.glob("*.log.deleted"))) == 5
    clock.advance(10_000)
    settle(manager, clock)
    assert (log.log_start_offset, log.end_offset, log.size_bytes) == (10, 10, 0)
    assert log.append(batch(), now_ms=0).base_offset == 10


def test_retention_reaches_the_last_log_when_it_is_checked_often(
    open_manager: OpenManager, clock: ManualClock
) -> None:
    """Each tick looks at some logs: a new pass doesn't begin before the last one is through."""
    manager = open_manager(LogConfig(retention_ms=1_000), retention_check_ms=1)
    for index in range(250):
        manager.create(TopicPartition("many", index))
    last = manager.create(TP)
    last.append(batch(b"x", timestamp=clock.now_ms()), now_ms=clock.now_ms())
    clock.advance(5_000)
    for _ in range(8):
        manager.tick(clock.now_ms())
        clock.advance(1_000)
    assert last.log_start_offset == 1


def test_retention_by_size(open_manager: OpenManager, clock: ManualClock) -> None:
    manager = open_manager(LogConfig(segment_bytes=200, retention_ms=-1, retention_bytes=400))
    log = manager.create(TP)
    for _ in range(10):
        log.append(batch(b"x" * 60), now_ms=clock.now_ms())
    size = log.segments[0].size
    assert manager.apply_retention(clock.now_ms()) == log.log_start_offset * size
    assert 400 <= log.size_bytes < 400 + size


def test_retention_of_no_bytes_leaves_none(open_manager: OpenManager, clock: ManualClock) -> None:
    manager = open_manager(LogConfig(segment_bytes=200, retention_bytes=0))
    log = manager.create(TP)
    for _ in range(5):
        log.append(batch(b"x" * 50), now_ms=0)
    assert manager.apply_retention(clock.now_ms()) > 0
    assert (log.log_start_offset, log.end_offset, log.size_bytes) == (5, 5, 0)
    assert manager.apply_retention(clock.now_ms()) == 0
    layout = log.layout
    manager.apply_retention(clock.now_ms())
    assert log.layout == layout
    assert log.append(batch(b"y"), now_ms=0).base_offset == 5


def test_retention_after_delete_records(open_manager: OpenManager, clock: ManualClock) -> None:
    policy = frozenset({"compact"})
    manager = open_manager(LogConfig(segment_bytes=200, retention_ms=1, cleanup_policy=policy))
    log = manager.create(TP)
    for _ in range(10):
        log.append(batch(b"x" * 60), now_ms=clock.now_ms())
    clock.advance(100)
    assert manager.apply_retention(clock.now_ms()) == 0
    log.delete_records_before(4)
    manager.apply_retention(clock.now_ms())
    assert log.segments[0].base_offset == 4


def test_producers_expire(open_manager: OpenManager, clock: ManualClock) -> None:
    manager = open_manager(producer_expiration_ms=1_000)
    log = manager.create(TP)
    log.append(batch(timestamp=0, producer=(1, 0, 0)), now_ms=clock.now_ms())
    clock.advance(601_000)
    manager.tick(clock.now_ms())
    assert not log.producers


def test_many_partitions_hold_few_descriptors(open_manager: OpenManager) -> None:
    manager = open_manager(max_open_files=20)
    logs: list[PartitionLog] = []
    for partition in range(100):
        log = manager.create(TopicPartition("many", partition))
        log.append(batch(b"%d" % partition), now_ms=0)
        logs.append(log)
    assert [all_rows(log)[0].value for log in logs] == [b"%d" % index for index in range(100)]
    assert manager.open_files <= 20


def test_use_before_open_and_after_close_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    manager = LogManager(tmp_path, LogConfig(), clock)
    with pytest.raises(ClosedError):
        manager.create(TP)
    manager.open()
    manager.close()
    manager.close()
    with pytest.raises(ClosedError):
        manager.tick(0)


def test_folder_without_topic_id_is_adopted(open_manager: OpenManager, tmp_path: Path) -> None:
    """A power failure can leave the id's file empty."""
    topic_id = uuid.uuid4()
    manager = open_manager()
    manager.create(TP, topic_id).append(batch(), now_ms=0)
    manager.close()
    (tmp_path / "data" / str(TP) / "partition.metadata").write_bytes(b"")
    manager = open_manager()
    log = manager.create(TP, topic_id)
    assert (log.topic_id, log.end_offset) == (topic_id, 1)
    manager.close()
    found = open_manager().get(TP)
    assert found is not None
    assert found.topic_id == topic_id


def test_records_can_be_forced_to_the_disk_alone(open_manager: OpenManager) -> None:
    log = open_manager().create(TP)
    log.append(batch(b"a", b"b"), now_ms=0)
    log.sync_records()
    assert (log.durable_offset, log.recovery_point) == (2, 0)
