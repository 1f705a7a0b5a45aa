"""A disk that is full or fails: the append is refused, may be repeated, and leaves no trace."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from log_batches import OpenLog, all_rows, batch, marker

from streamkit.log.protocol import ControlKind, ErrorCode
from streamkit.log.storage import LogConfig, LogStorageError
from streamkit.log.storage.files import OpenFiles

Write = Callable[[int, bytes, int], int]


def break_writes(monkeypatch: pytest.MonkeyPatch, allowed_bytes: int) -> None:
    """After so many bytes the disk is full; the last write is a short one."""
    real: Write = os.pwrite
    left = allowed_bytes

    def pwrite(descriptor: int, data: bytes, position: int) -> int:
        nonlocal left
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = bytes(data)[:left]
        left -= len(taken)
        return real(descriptor, taken, position)

    monkeypatch.setattr(os, "pwrite", pwrite)


@pytest.mark.parametrize("allowed", [0, 1, 60, 80])
def test_full_disk_refuses_the_append_and_keeps_the_log(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    log = open_log()
    log.append(batch(b"first", producer=(1, 0, 0)), now_ms=0)
    before = Path(log.segments[0].path).read_bytes()
    with monkeypatch.context() as broken:
        break_writes(broken, allowed)
        with pytest.raises(LogStorageError, match="No space left") as error:
            log.append(batch(b"second" * 10, producer=(1, 0, 1)), now_ms=0)
    assert error.value.code == ErrorCode.KAFKA_STORAGE_ERROR
    assert error.value.retriable
    assert error.value.path == log.segments[0].path
    assert Path(log.segments[0].path).read_bytes() == before
    assert [row.value for row in all_rows(log)] == [b"first"]
    assert log.append(batch(b"second", producer=(1, 0, 1)), now_ms=0).base_offset == 1


def test_partial_write_that_cannot_be_cut_is_cut_before_the_next_append(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, size: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    log = open_log()
    log.append(batch(b"first"), now_ms=0)
    with monkeypatch.context() as broken:
        break_writes(broken, 100)
        broken.setattr(os, "ftruncate", refuse)
        with pytest.raises(LogStorageError):
            log.append(batch(b"x" * 1000), now_ms=0)
        with pytest.raises(LogStorageError):
            log.append(batch(b"y"), now_ms=0)
    assert [row.value for row in all_rows(log)] == [b"first"]
    log.append(batch(b"z"), now_ms=0)
    log.abandon()
    log = open_log(recovery_point=0)
    assert log.bytes_cut == 0
    assert [row.value for row in all_rows(log)] == [b"first", b"z"]


def test_marker_is_refused_while_the_transaction_index_cannot_be_read(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the abort would be in the log, and readers would never be told of it."""

    def refuse(files: OpenFiles, path: str) -> bytes:
        raise LogStorageError("read failed", path=path)

    log = open_log()
    log.append(batch(b"void", producer=(7, 0, 0), transactional=True), now_ms=0)
    log.close()
    log = open_log()
    with monkeypatch.context() as broken:
        broken.setattr(OpenFiles, "read_all", refuse)
        with pytest.raises(LogStorageError):
            log.append(marker(ControlKind.ABORT, 7), now_ms=0, from_client=False)
    assert (log.end_offset, log.last_stable_offset) == (1, 0)
    log.append(marker(ControlKind.ABORT, 7), now_ms=0, from_client=False)
    assert [entry.producer_id for entry in log.aborted_transactions(0, log.end_offset)] == [7]


def test_failed_roll_leaves_the_log_usable(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(LogConfig(segment_bytes=100))
    log.append(batch(b"a" * 20, producer=(1, 0, 0)), now_ms=0)
    real = os.open

    def no_new_files(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_TRUNC:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, flags, mode)

    with monkeypatch.context() as broken:
        broken.setattr(os, "open", no_new_files)
        with pytest.raises(LogStorageError):
            log.append(batch(b"b" * 20, producer=(1, 0, 1)), now_ms=0)
        assert [row.value for row in all_rows(log)] == [b"a" * 20]
    log.append(batch(b"b" * 20, producer=(1, 0, 1)), now_ms=0)
    assert [row.value for row in all_rows(log)] == [b"a" * 20, b"b" * 20]
    assert len(log.segments) == 2


def test_index_that_cannot_be_written_does_not_fail_the_append(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(LogConfig(index_interval_bytes=0))
    log.append(batch(producer=(1, 0, 0), transactional=True), now_ms=0)
    real: Write = os.pwrite
    batches_only = len(batch()) - 10

    def pwrite(descriptor: int, data: bytes, position: int) -> int:
        if len(data) % 8 == 0 and len(data) > batches_only:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data, position)

    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", pwrite)
        for index in range(1, 400):
            data = batch(b"odd!", producer=(1, 0, index), transactional=True)
            log.append(data, now_ms=0)
        log.append(marker(ControlKind.ABORT, 1), now_ms=0, from_client=False)
    log.close()
    log = open_log()
    assert len(all_rows(log)) == 400
    result = log.read(0, 100, isolation="read_committed")
    assert [entry[:3] for entry in result.aborted or []] == [(1, 0, 400)]


def test_failed_flush_keeps_the_recovery_point(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    log = open_log()
    log.append(batch(), now_ms=0)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        with pytest.raises(LogStorageError):
            log.flush()
    assert log.recovery_point == 0
    log.flush()
    assert log.recovery_point == 1


def test_repeated_batch_is_flushed_when_its_first_flush_failed(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    log = open_log(LogConfig(flush_messages=1))
    data = batch(producer=(1, 0, 0))
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        for _ in range(2):
            with pytest.raises(LogStorageError):
                log.append(data, now_ms=0)
    assert log.durable_offset == 0
    assert log.append(data, now_ms=0).duplicate
    assert log.durable_offset == 1


def test_reading_goes_on_when_an_index_can_be_neither_read_nor_written(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = LogConfig(segment_bytes=500, index_interval_bytes=100)
    log = open_log(config)
    for index in range(30):
        log.append(batch(b"%d" % index), now_ms=0)
    log.close()
    for path in Path(log.segments[0].path).parent.glob("*.index"):
        path.write_bytes(b"odd")
    log = open_log(config)
    break_writes(monkeypatch, 0)
    assert len(all_rows(log)) == 30
