"""Any records survive a batch, in every codec; damaged bytes raise `CorruptRecordError` and nothing else."""

from __future__ import annotations

import contextlib
from typing import TypeAlias

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.errors import CorruptRecordError
from streamkit.log.protocol import (
    BatchBuilder,
    Compression,
    batches,
    check_crc,
    compress,
    decode_batch,
    decode_in_parts,
    decompress,
    read_header,
    stamp,
)
from streamkit.model import Headers

Row: TypeAlias = tuple[int, bytes | None, bytes | None, Headers]

data = st.binary(max_size=40) | st.binary(min_size=60, max_size=70) | st.just(b"z" * 9000)
optional = st.none() | data
header_pairs = st.lists(st.tuples(st.text(max_size=5), optional), max_size=3).map(tuple)
times = st.integers(0, 100) | st.integers(-(2**60), 2**60)
record = st.tuples(times, optional, optional, st.just(()) | header_pairs)
records = st.lists(record, min_size=1, max_size=12)
codecs = st.sampled_from(list(Compression))


def _batch(
    rows: list[Row],
    codec: int = 0,
) -> bytes:
    builder = BatchBuilder(codec)
    for row in rows:
        builder.append(*row)
    return builder.build(base_offset=7)


@given(records, codecs)
@settings(deadline=None)
def test_records_are_decoded_as_they_were_appended(rows: list[Row], codec: Compression) -> None:
    raw = _batch(rows, codec)
    header = read_header(raw)
    assert (header.size, header.count, header.compression) == (len(raw), len(rows), codec)
    assert check_crc(raw, 0, header)
    columns = decode_batch(raw, 0, header)
    headers = columns.headers or [()] * len(rows)
    assert list(zip(columns.timestamps, columns.keys, columns.values, headers, strict=True)) == rows
    assert columns.offsets == list(range(7, 7 + len(rows)))
    assert (columns.headers is None) == all(not row[3] for row in rows)
    assert header.max_timestamp == max(row[0] for row in rows)


@given(records)
def test_size_so_far_is_the_size_of_the_uncompressed_batch(rows: list[Row]) -> None:
    builder = BatchBuilder()
    for row in rows:
        builder.append(*row)
    assert builder.size == len(builder.build())


@given(st.lists(records, min_size=1, max_size=3), st.integers(1, 60))
@settings(deadline=None)
def test_batches_are_found_and_a_cut_one_is_left_out(many: list[list[Row]], cut: int) -> None:
    whole = [_batch(rows) for rows in many]
    raw = bytearray(b"".join(whole))
    offset = 100
    expected = []
    for pos, header in batches(raw):
        stamp(raw, pos, base_offset=offset, leader_epoch=3)
        expected.append((pos, offset, header.size))
        offset += header.count
    assert [size for _, _, size in expected] == [len(one) for one in whole]
    tail = whole[0][: min(cut, len(whole[0]) - 1)]
    found = batches(bytes(raw) + tail)
    assert [(pos, header.base_offset, header.size) for pos, header in found] == expected
    assert all(check_crc(raw, pos, header) for pos, header in found)


@given(records, codecs, st.integers(0, 10_000), st.integers(1, 255))
@settings(deadline=None)
def test_a_changed_byte_is_seen_by_the_checksum(
    rows: list[Row],
    codec: Compression,
    position: int,
    change: int,
) -> None:
    raw = bytearray(_batch(rows, codec))
    place = 21 + position % (len(raw) - 21)
    header = read_header(raw)
    raw[place] ^= change
    assert not check_crc(raw, 0, header)


@given(records, codecs, st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1))
@settings(max_examples=200, deadline=None)
def test_damage_raises_nothing_but_corrupt_record_error(
    rows: list[Row],
    codec: Compression,
    changes: list[tuple[int, int]],
) -> None:
    """As if the checksum had been made after the damage: it is not looked at."""
    raw = bytearray(_batch(rows, codec))
    for position, value in changes:
        raw[position % len(raw)] = value
    with contextlib.suppress(CorruptRecordError):
        for pos, header in batches(raw):
            counted = 0
            with contextlib.suppress(CorruptRecordError):
                for part in decode_in_parts(raw, pos, header, records=3, max_bytes=1 << 20):
                    counted += len(part)
            columns = decode_batch(raw, pos, header, max_bytes=1 << 20)
            assert len(columns.keys) == len(columns.values) == len(columns) == header.count
            assert counted == header.count


@given(st.binary(max_size=120))
def test_noise_behind_a_good_header_raises_nothing_but_corrupt_record_error(noise: bytes) -> None:
    raw = bytearray(_batch([(0, b"k", b"v", ())] * 3))[:61] + noise
    raw[8:12] = (len(raw) - 12).to_bytes(4, "big")
    with contextlib.suppress(CorruptRecordError):
        assert len(decode_batch(raw, 0, read_header(raw))) == 3


@given(codecs, st.binary(max_size=300), st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_noise_is_not_decompressed(codec: Compression, noise: bytes, keep: int) -> None:
    for junk in (
        noise,
        compress(codec, noise * 40)[:keep],
        compress(codec, b"abc" * 200)[:keep] + noise,
    ):
        with contextlib.suppress(CorruptRecordError):
            assert len(decompress(codec, junk, max_bytes=100_000)) <= 100_000


@given(codecs, data, st.integers(1, 40), st.none() | st.integers(1, 9))
@settings(deadline=None)
def test_compressed_bytes_expand_to_what_they_were(
    codec: Compression, piece: bytes, times_over: int, level: int | None
) -> None:
    whole = piece * times_over
    packed = compress(codec, whole, level)
    assert decompress(codec, packed) == whole
    assert decompress(codec, memoryview(packed), max_bytes=len(whole)) == whole
    if whole:
        with pytest.raises(CorruptRecordError):
            decompress(codec, packed, max_bytes=len(whole) - 1)


@given(data, st.integers(1, 40))
@settings(deadline=None)
def test_framings_of_other_clients_are_read(piece: bytes, times_over: int) -> None:
    """Raw snappy (librdkafka), LZ4 with sizes and checksums, gzip in several members."""
    whole = piece * times_over
    assert decompress(Compression.SNAPPY, bytes(cramjam.snappy.compress_raw(whole))) == whole
    frame = cramjam.lz4.Compressor(content_checksum=True, block_linked=False)
    frame.compress(whole)
    assert decompress(Compression.LZ4, bytes(frame.finish())) == whole
    members = compress(Compression.GZIP, whole) + compress(Compression.GZIP, piece)
    assert decompress(Compression.GZIP, members) == whole + piece
