from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from log_batches import OpenLog, OpenManager

from streamkit.clock import ManualClock
from streamkit.log.storage import LogConfig, LogManager, PartitionLog
from streamkit.log.storage.files import OpenFiles
from streamkit.model import TopicPartition

TP = TopicPartition("t", 0)


@pytest.fixture
def open_log(tmp_path: Path) -> Iterator[OpenLog]:
    """Opens the log of `t-0` in a folder; a second call reopens it."""
    folder = tmp_path / "t-0"
    folder.mkdir()
    opened: list[PartitionLog] = []

    def open_log(
        config: LogConfig | None = None,
        *,
        recovery_point: int | None = None,
        log_start_offset: int = 0,
        files: OpenFiles | None = None,
        now_ms: int = 0,
        seed: int = 0,
    ) -> PartitionLog:
        log = PartitionLog(
            folder,
            TP,
            config=config or LogConfig(),
            files=files,
            recovery_point=recovery_point,
            log_start_offset=log_start_offset,
            now_ms=now_ms,
            random=Random(seed),
        )
        opened.append(log)
        return log

    yield open_log
    for log in opened:
        log.abandon()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000_000)


@pytest.fixture
def open_manager(tmp_path: Path, clock: ManualClock) -> Iterator[OpenManager]:
    """Opens a data folder; each call another manager of the same folder."""
    managers: list[LogManager] = []

    def open_manager(config: LogConfig | None = None, **options: int) -> LogManager:
        manager = LogManager(tmp_path / "data", config or LogConfig(), clock, **options)
        manager.open()
        managers.append(manager)
        return manager

    yield open_manager
    for manager in managers:
        manager.abandon()
