"""Recovery reads what isn't on the disk for certain, not what is: counted in bytes, not in seconds."""

from __future__ import annotations

from pathlib import Path

from large_folder import TOPIC, large_folder

from streamkit.clock import SystemClock
from streamkit.log.storage import LogConfig, LogManager
from streamkit.model import TopicPartition

PARTITIONS = 100
MORE_THAN_THE_TAIL = 32 << 10


def test_start_after_a_kill_reads_the_tails_of_the_logs(tmp_path: Path) -> None:
    """100 partitions of 5 MB, of each 64 kB behind the recovery point."""
    made = large_folder(
        tmp_path / "data",
        partitions=PARTITIONS,
        segments=4,
        segment_bytes=1 << 20,
        tail_bytes=64 << 10,
    )
    assert made.size_bytes > 400 << 20
    logs = LogManager(made.folder, LogConfig(segment_bytes=1 << 20), SystemClock())
    logs.open()
    assert logs.recovered
    assert logs.bytes_read < PARTITIONS * (made.tail_bytes + MORE_THAN_THE_TAIL)
    ends = {log.end_offset for log in logs.logs() if log.topic_partition.topic == TOPIC}
    assert ends == {made.end_offset}
    logs.close()

    logs = LogManager(made.folder, LogConfig(segment_bytes=1 << 20), SystemClock())
    logs.open()
    assert not logs.recovered
    assert logs.bytes_read < PARTITIONS * MORE_THAN_THE_TAIL
    last = logs.get(TopicPartition(TOPIC, PARTITIONS - 1))
    assert last is not None
    assert last.end_offset == made.end_offset
    assert last.read(made.end_offset - 1, 1).data
    logs.close()


def test_checkpoints_keep_the_work_after_a_kill_small(tmp_path: Path) -> None:
    """The broker's own housekeeping moves the recovery points forward, whatever `flush.*` says."""
    made = large_folder(
        tmp_path / "data", partitions=20, segments=1, segment_bytes=1 << 20, tail_bytes=512 << 10
    )
    logs = LogManager(made.folder, LogConfig(segment_bytes=1 << 20), SystemClock())
    logs.open()
    before = logs.bytes_read
    assert before > 20 * made.tail_bytes
    now_ms = SystemClock().now_ms() + 61_000
    for step in range(10):
        logs.tick(now_ms + 6_000 * step)
        logs.wait_for_flushes()
    logs.abandon()
    logs = LogManager(made.folder, LogConfig(segment_bytes=1 << 20), SystemClock())
    logs.open()
    assert logs.recovered
    assert logs.bytes_read < 20 * MORE_THAN_THE_TAIL
    logs.close()
