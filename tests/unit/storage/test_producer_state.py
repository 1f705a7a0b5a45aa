"""Sequences, duplicates, epochs, expiry and snapshots of idempotent producers."""

from __future__ import annotations

import pytest
from log_batches import OpenLog, batch

from streamkit.errors import CorruptRecordError
from streamkit.log.protocol import ErrorCode, read_header
from streamkit.log.storage import (
    InvalidProducerEpochError,
    OutOfOrderSequenceError,
    ProducerEntry,
)
from streamkit.log.storage.producer_state import (
    ProducerBatch,
    ProducerStates,
    decode_snapshot,
    encode_snapshot,
)

LAST = 2**31 - 1


def test_last_five_batches_are_recognized(open_log: OpenLog) -> None:
    log = open_log()
    sent = [batch(b"a", b"b", producer=(1, 0, 2 * index)) for index in range(7)]
    for data in sent:
        log.append(data, now_ms=0)
    for index in range(2, 7):
        result = log.append(sent[index], now_ms=0)
        assert result.duplicate
        assert (result.base_offset, result.last_offset) == (2 * index, 2 * index + 1)
    with pytest.raises(OutOfOrderSequenceError) as error:
        log.append(sent[1], now_ms=0)
    assert error.value.code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert log.end_offset == 14


def test_gap_is_refused(open_log: OpenLog) -> None:
    log = open_log()
    log.append(batch(producer=(1, 0, 0)), now_ms=0)
    with pytest.raises(OutOfOrderSequenceError):
        log.append(batch(producer=(1, 0, 2)), now_ms=0)
    assert log.append(batch(producer=(1, 0, 1)), now_ms=0).base_offset == 1


def test_new_epoch_starts_at_sequence_zero(open_log: OpenLog) -> None:
    log = open_log()
    log.append(batch(producer=(1, 0, 0)), now_ms=0)
    with pytest.raises(OutOfOrderSequenceError):
        log.append(batch(producer=(1, 1, 1)), now_ms=0)
    assert log.append(batch(producer=(1, 1, 0)), now_ms=0).base_offset == 1
    assert not log.append(batch(producer=(1, 1, 1)), now_ms=0).duplicate


def test_unknown_producer_may_start_anywhere(open_log: OpenLog) -> None:
    """Its earlier batches may be gone with retention."""
    log = open_log()
    assert log.append(batch(producer=(1, 0, 40)), now_ms=0).base_offset == 0
    assert log.append(batch(producer=(1, 0, 41)), now_ms=0).base_offset == 1


def test_batch_sent_behind_one_that_was_kept_out_waits_for_it(open_log: OpenLog) -> None:
    """Else the first one, sent again, would be out of order for ever."""
    log = open_log()
    first, second = (batch(producer=(1, 0, at), transactional=True) for at in (7, 8))
    log.attempt(read_header(first), 0, epoch_each=False)
    log.attempt(read_header(second), 0, epoch_each=False)
    with pytest.raises(OutOfOrderSequenceError):
        log.append(second, now_ms=0)
    assert log.append(first, now_ms=0).base_offset == 0
    assert log.append(second, now_ms=0).base_offset == 1


def test_first_batch_of_an_epoch_of_its_own_has_sequence_zero(open_log: OpenLog) -> None:
    log = open_log()
    first = batch(producer=(1, 3, 0), transactional=True)
    late = batch(producer=(1, 3, 4), transactional=True)
    log.attempt(read_header(late), 0, epoch_each=True)
    with pytest.raises(OutOfOrderSequenceError):
        log.append(late, now_ms=0)
    log.append(first, now_ms=0)
    with pytest.raises(InvalidProducerEpochError):
        log.attempt(read_header(batch(producer=(1, 2, 0))), 0, epoch_each=True)


def test_sequence_wraps_around(open_log: OpenLog) -> None:
    log = open_log()
    log.append(batch(b"a", b"b", producer=(1, 0, LAST - 2)), now_ms=0)
    data = batch(b"c", b"d", producer=(1, 0, LAST))
    log.append(data, now_ms=0)
    assert log.append(data, now_ms=0).duplicate
    assert log.append(batch(producer=(1, 0, 1)), now_ms=0).base_offset == 4


def test_silent_producers_are_forgotten() -> None:
    """Event time may be years old: what counts is when the batch came, too."""
    states = ProducerStates(("t", 0), expiration_ms=1000)
    for producer, now_ms in ((1, 0), (2, 500)):
        header = read_header(batch(timestamp=0, producer=(producer, 0, 0)))
        states.replay(header, None, now_ms)
    header = read_header(batch(timestamp=0, producer=(3, 0, 0), transactional=True))
    states.replay(header, None, 0)
    states.expire(1000)
    assert sorted(states.entries) == [2, 3]


def test_snapshot_has_kafkas_bytes() -> None:
    entry = ProducerEntry(5, 2, 7, 1234, 40, [ProducerBatch(8, 10, 42, 2, 1234)])
    data = encode_snapshot([entry])
    assert data[:2].hex() == "0001"
    assert data[6:].hex() == (
        "00000001"
        "0000000000000005" "0002" "0000000a" "000000000000002a" "00000002"
        "00000000000004d2" "00000007" "0000000000000028"
    )  # fmt: skip
    assert decode_snapshot(data, "x") == [entry]


def test_snapshot_of_a_producer_without_batches() -> None:
    entry = ProducerEntry(5, 2, 7, 1234)
    assert decode_snapshot(encode_snapshot([entry]), "x") == [entry]


def test_damaged_snapshot_is_refused() -> None:
    data = encode_snapshot([ProducerEntry(1), ProducerEntry(2)])
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1
        with pytest.raises(CorruptRecordError):
            decode_snapshot(bytes(damaged), "x")
        with pytest.raises(CorruptRecordError):
            decode_snapshot(data[:position], "x")
