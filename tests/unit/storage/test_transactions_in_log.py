"""Open transactions hold the last stable offset; aborted ones are told to readers."""

from __future__ import annotations

import pytest
from log_batches import OpenLog, batch, marker, markers, rows

from streamkit.log.protocol import ControlKind, ErrorCode
from streamkit.log.storage import (
    AbortedTransaction,
    CoordinatorFencedError,
    InvalidProducerEpochError,
    InvalidRecordError,
    InvalidTxnStateError,
    LogConfig,
)

COMMIT, ABORT = ControlKind.COMMIT, ControlKind.ABORT


def test_readers_of_committed_records_stop_at_the_oldest_open_transaction(
    open_log: OpenLog,
) -> None:
    log = open_log()
    log.append(batch(b"plain"), now_ms=0)
    log.append(batch(b"one", producer=(1, 0, 0), transactional=True), now_ms=0)
    log.append(batch(b"two", producer=(2, 0, 0), transactional=True), now_ms=0)
    log.append(batch(b"plain"), now_ms=0)
    assert log.last_stable_offset == 1
    result = log.read(0, 1000, isolation="read_committed")
    assert [row.offset for row in rows(result.data)] == [0]
    assert (result.next_offset, result.last_stable_offset, result.aborted) == (1, 1, [])
    assert log.read(1, 1000, isolation="read_committed").data == b""
    log.append(marker(COMMIT, 1), now_ms=0, from_client=False)
    assert log.last_stable_offset == 2
    log.append(marker(ABORT, 2), now_ms=0, from_client=False)
    assert log.last_stable_offset == log.end_offset == 6
    result = log.read(0, 1000, isolation="read_committed")
    assert [row.offset for row in rows(result.data)] == [0, 1, 2, 3]
    assert markers(result.data) == [(4, COMMIT), (5, ABORT)]
    assert result.aborted == [AbortedTransaction(2, 2, 5, 6)]
    assert log.read(0, 1000).aborted is None


def test_aborted_transactions_are_found_across_segments(open_log: OpenLog) -> None:
    log = open_log(LogConfig(segment_bytes=200))
    for producer in range(5):
        log.append(batch(producer=(producer, 0, 0), transactional=True), now_ms=0)
    for producer in (3, 1):
        log.append(marker(ABORT, producer), now_ms=0, from_client=False)
    for producer in (0, 2, 4):
        log.append(marker(COMMIT, producer), now_ms=0, from_client=False)
    assert len(log.segments) > 3
    seen: set[int] = set()
    offset = 0
    while offset < log.end_offset:
        result = log.read(offset, 10_000, isolation="read_committed")
        assert result.aborted is not None
        for entry in result.aborted:
            assert entry.first_offset < result.next_offset
            assert entry.last_offset >= offset
            seen.add(entry.producer_id)
        offset = result.next_offset
    assert seen == {1, 3}
    assert log.read(7, 10_000, isolation="read_committed").aborted == []


def test_client_may_not_write_markers(open_log: OpenLog) -> None:
    log = open_log()
    with pytest.raises(InvalidRecordError):
        log.append(marker(COMMIT, 1), now_ms=0)


def test_old_epochs_are_fenced(open_log: OpenLog) -> None:
    log = open_log()
    log.append(batch(producer=(1, 5, 0)), now_ms=0)
    with pytest.raises(InvalidProducerEpochError) as error:
        log.append(batch(producer=(1, 4, 1)), now_ms=0)
    assert error.value.code == ErrorCode.INVALID_PRODUCER_EPOCH
    with pytest.raises(InvalidProducerEpochError):
        log.append(marker(ABORT, 1, 4), now_ms=0, from_client=False)
    log.append(marker(ABORT, 1, 6, coordinator_epoch=3), now_ms=0, from_client=False)
    with pytest.raises(InvalidProducerEpochError):
        log.append(batch(producer=(1, 5, 1)), now_ms=0)
    with pytest.raises(CoordinatorFencedError):
        log.append(marker(ABORT, 1, 6, coordinator_epoch=2), now_ms=0, from_client=False)
    assert log.append(batch(producer=(1, 6, 0)), now_ms=0).base_offset == 2


def test_plain_batch_within_an_open_transaction_is_refused(open_log: OpenLog) -> None:
    log = open_log()
    log.append(batch(producer=(1, 0, 0), transactional=True), now_ms=0)
    with pytest.raises(InvalidTxnStateError):
        log.append(batch(producer=(1, 0, 1)), now_ms=0)


def test_marker_without_a_transaction_changes_nothing(open_log: OpenLog) -> None:
    log = open_log()
    log.append(marker(ABORT, 1), now_ms=0, from_client=False)
    assert log.last_stable_offset == log.end_offset == 1
    assert log.read(0, 1000, isolation="read_committed").aborted == []


def test_several_markers_in_one_append(open_log: OpenLog) -> None:
    log = open_log()
    for producer in (1, 2):
        log.append(batch(producer=(producer, 0, 0), transactional=True), now_ms=0)
    log.append(marker(ABORT, 1) + marker(COMMIT, 2), now_ms=0, from_client=False)
    assert log.last_stable_offset == 4
    aborted = log.read(0, 1000, isolation="read_committed").aborted
    assert aborted == [AbortedTransaction(1, 0, 2, 1)]


def test_truncation_reopens_a_transaction(open_log: OpenLog) -> None:
    log = open_log()
    log.append(batch(producer=(1, 0, 0), transactional=True), now_ms=0)
    log.append(marker(ABORT, 1), now_ms=0, from_client=False)
    log.append(batch(), now_ms=0)
    log.truncate_to(1)
    assert log.last_stable_offset == 0
    assert log.read(0, 1000, isolation="read_committed").data == b""
    log.append(marker(COMMIT, 1), now_ms=0, from_client=False)
    assert log.read(0, 1000, isolation="read_committed").aborted == []
