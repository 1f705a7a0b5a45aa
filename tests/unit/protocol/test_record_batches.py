"""Rules of record batches that golden bytes and properties don't show."""

from __future__ import annotations

import struct

import pytest

from streamkit.errors import CorruptRecordError, ProtocolError
from streamkit.log.protocol import (
    HEADER_BYTES,
    BatchBuilder,
    Compression,
    batches,
    check_crc,
    control_kind,
    decode_batch,
    read_header,
    stamp,
)


def _batch(count: int = 3) -> bytearray:
    builder = BatchBuilder()
    for number in range(count):
        builder.append(1000 + number, b"key", b"value %d" % number)
    return bytearray(builder.build(base_offset=10))


def test_a_batch_without_records_is_refused() -> None:
    with pytest.raises(ProtocolError, match="at least one record"):
        BatchBuilder().build()


def test_a_builder_starts_anew_after_reset() -> None:
    builder = BatchBuilder(max_bytes=100)
    builder.append(5, b"k", b"v" * 60)
    assert builder.is_full
    assert (builder.count, builder.max_timestamp) == (1, 5)
    builder.reset()
    assert (builder.count, builder.size, builder.is_full) == (0, HEADER_BYTES, False)
    builder.append(3, None, None)
    raw = builder.build()
    header = read_header(raw)
    assert (header.count, header.base_timestamp, header.max_timestamp) == (1, 3, 3)


def test_a_batch_can_be_built_twice() -> None:
    """A producer that gets a new epoch sends the same records under another sequence."""
    builder = BatchBuilder(Compression.ZSTD)
    builder.append(5, b"k", b"v")
    first = builder.build(producer_id=7, producer_epoch=0, base_sequence=5)
    second = builder.build(producer_id=7, producer_epoch=1, base_sequence=0)
    assert first[HEADER_BYTES:] == second[HEADER_BYTES:]
    assert (read_header(second).producer_epoch, read_header(second).base_sequence) == (1, 0)


def test_a_number_out_of_range_is_a_protocol_error() -> None:
    builder = BatchBuilder()
    builder.append(0, None, None)
    with pytest.raises(ProtocolError, match="can't be built"):
        builder.build(producer_id=1, producer_epoch=1 << 15)


def test_stamping_leaves_the_checksum_right() -> None:
    raw = _batch()
    stamp(raw, 0, base_offset=1 << 40, leader_epoch=9)
    header = read_header(raw)
    assert (header.base_offset, header.partition_leader_epoch) == (1 << 40, 9)
    assert (header.last_offset, header.next_offset) == ((1 << 40) + 2, (1 << 40) + 3)
    assert check_crc(raw, 0, header)
    assert decode_batch(raw, 0, header).offsets == [1 << 40, (1 << 40) + 1, (1 << 40) + 2]


def test_sequences_wrap_to_zero() -> None:
    builder = BatchBuilder()
    for _ in range(3):
        builder.append(0, None, None)
    raw = builder.build(producer_id=1, producer_epoch=0, base_sequence=2**31 - 2)
    assert read_header(raw).last_sequence == 0
    assert read_header(builder.build()).last_sequence == -1
    assert not read_header(builder.build()).has_producer_id


@pytest.mark.parametrize("magic", [0, 1, 3, -1])
def test_other_formats_are_refused_by_name(magic: int) -> None:
    raw = _batch()
    struct.pack_into(">b", raw, 16, magic)
    with pytest.raises(CorruptRecordError, match=f"format {magic}"):
        read_header(raw)
    with pytest.raises(CorruptRecordError):
        batches(raw)


@pytest.mark.parametrize("length", [-1, 0, 48, -(2**31)])
def test_a_length_that_can_not_be_is_refused(length: int) -> None:
    raw = _batch()
    struct.pack_into(">i", raw, 8, length)
    with pytest.raises(CorruptRecordError, match="length"):
        read_header(raw)
    with pytest.raises(CorruptRecordError, match="length"):
        batches(raw)


@pytest.mark.parametrize(
    ("place", "code", "value"),
    [
        (57, ">i", -1),
        (57, ">i", 2**31 - 1),
        (57, ">i", 2),
        (57, ">i", 4),
        (23, ">i", -1),
        (27, ">q", 2**63 - 1),
    ],
)
def test_a_header_that_lies_is_refused(place: int, code: str, value: int) -> None:
    raw = _batch()
    struct.pack_into(code, raw, place, value)
    with pytest.raises(CorruptRecordError):
        decode_batch(raw, 0, read_header(raw))


def test_a_batch_cut_off_is_refused_or_left_out() -> None:
    raw = _batch()
    header = read_header(raw)
    for size in range(len(raw)):
        cut = raw[:size]
        assert batches(cut) == []
        assert not check_crc(cut, 0, header)
        with pytest.raises(CorruptRecordError):
            decode_batch(cut, 0, header)
    with pytest.raises(CorruptRecordError):
        read_header(raw[: HEADER_BYTES - 1])


def test_errors_tell_the_position() -> None:
    raw = b"x" * 7 + bytes(_batch())
    header = read_header(raw, 7)
    damaged = bytearray(raw)
    damaged[7 + HEADER_BYTES] = 0xFF
    with pytest.raises(CorruptRecordError) as caught:
        decode_batch(damaged, 7, header)
    assert caught.value.position == 7


def test_compression_that_nobody_knows_is_refused() -> None:
    raw = _batch()
    struct.pack_into(">h", raw, 21, 7)
    with pytest.raises(CorruptRecordError, match="number 7"):
        decode_batch(raw, 0, read_header(raw))


def test_all_timestamps_are_the_brokers_with_log_append_time() -> None:
    raw = _batch()
    struct.pack_into(">h", raw, 21, 0x08)
    assert decode_batch(raw, 0, read_header(raw)).timestamps == [1002] * 3


@pytest.mark.parametrize("key", [None, b"", b"\0\0\0"])
def test_a_control_record_without_a_type_is_refused(key: bytes | None) -> None:
    with pytest.raises(CorruptRecordError):
        control_kind(key)


def test_control_records_that_end_no_transaction_have_no_kind() -> None:
    assert control_kind(b"\0\0\0\x02") is None
