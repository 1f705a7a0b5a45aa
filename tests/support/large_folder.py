"""Large data folders, made cheaply: one partition is written, the others get copies or links of its files."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from streamkit.clock import SystemClock
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.settings import BrokerSettings
from streamkit.log.broker.timers import ManualTimers
from streamkit.log.protocol import BatchBuilder
from streamkit.log.storage import LogConfig, LogManager
from streamkit.log.storage.checkpoints import RECOVERY_POINT_FILE, write_offsets
from streamkit.model import TopicPartition

TOPIC = "t"


@dataclass(frozen=True, slots=True)
class LargeFolder:
    """A folder as a killed broker leaves it.

    Attributes:
        size_bytes: of all segments.
        tail_bytes: of each partition, behind its recovery point.
        end_offset: of each partition.
    """

    folder: Path
    partitions: int
    size_bytes: int
    tail_bytes: int
    end_offset: int


def large_folder(
    folder: Path,
    *,
    partitions: int,
    segments: int,
    segment_bytes: int,
    tail_bytes: int,
    linked: bool = True,
) -> LargeFolder:
    """Make a folder of one topic, as after a kill -9.

    Args:
        folder: where; it isn't there yet.
        partitions: of the topic.
        segments: closed ones of each partition; there is an active one behind them.
        segment_bytes: of each.
        tail_bytes: about so much of the active segment lies behind the recovery point.
        linked: closed segments are links to one file, so they take no space; else copies.
    """
    topic_id = _make_topic(folder, partitions)
    config = LogConfig(segment_bytes=segment_bytes)
    logs = LogManager(folder, config, SystemClock())
    logs.open()
    first = logs.create(TopicPartition(TOPIC, 0), topic_id, config)
    while len(first.segments) <= segments:
        first.append(_batch(100), now_ms=0, from_client=False)
    while first.segments[-1].size < segment_bytes // 4:
        first.append(_batch(10), now_ms=0, from_client=False)
    first.flush()
    durable, size = first.recovery_point, first.size_bytes
    while first.size_bytes - size < tail_bytes:
        first.append(_batch(1), now_ms=0, from_client=False)
    made = LargeFolder(
        folder, partitions, first.size_bytes * partitions, first.size_bytes - size, first.end_offset
    )
    active = first.segments[-1].base_offset
    logs.abandon()
    for partition in range(1, partitions):
        _copy(folder / f"{TOPIC}-0", folder / f"{TOPIC}-{partition}", active, linked=linked)
    points = {TopicPartition(TOPIC, partition): durable for partition in range(partitions)}
    write_offsets(folder / RECOVERY_POINT_FILE, points)
    return made


def _make_topic(folder: Path, partitions: int) -> UUID:
    settings = BrokerSettings(log_dirs=str(folder))
    broker = Broker(settings, timers=ManualTimers())
    broker.open()
    made = broker.create_topic(TOPIC, partitions, {"retention.ms": "-1"})
    broker.logs.abandon()
    return made.topic_id


def _batch(records: int) -> bytes:
    builder = BatchBuilder()
    for _ in range(records):
        builder.append(1_700_000_000_000, b"key", os.urandom(10) * 100)
    return builder.build()


def _copy(source: Path, target: Path, active: int, *, linked: bool) -> None:
    target.mkdir()
    for path in source.iterdir():
        is_closed = path.name.endswith(".log") and int(path.stem) < active
        if linked and is_closed:
            (target / path.name).hardlink_to(path)
        else:
            shutil.copyfile(path, target / path.name)
