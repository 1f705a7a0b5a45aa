"""Compression of record batches, in the framings that Kafka's Java client writes and reads.

| kind | framing |
| --- | --- |
| gzip | RFC 1952 |
| snappy | written as snappy-java's stream: magic, two version numbers, then blocks of at most 32 KiB, each behind a 4-byte length; read also as one raw block, as librdkafka and others write it |
| lz4 | LZ4 frame with independent blocks |
| zstd | Zstandard frame |

A peer can send a few bytes that expand to gigabytes. `decompress` never produces more than its limit: sizes
that the data declares are checked before anything is allocated; where none is declared, the output grows
step by step and is given up at the limit.
"""

from __future__ import annotations

import zlib
from enum import IntEnum

import cramjam

from streamkit.errors import CorruptRecordError

__all__ = ["MAX_BATCH_BYTES", "Compression", "compress", "decompress"]

MAX_BATCH_BYTES = 100 * 1024 * 1024
"""The most that one batch may expand to, unless the caller says otherwise."""

_XERIAL_HEAD = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
_XERIAL_MAGIC = _XERIAL_HEAD[:8]
_SNAPPY_BLOCK_BYTES = 32 * 1024
_FIRST_OUTPUT_BYTES = 64 * 1024
# A snappy copy of 3 bytes makes at most 64; an LZ4 length byte adds at most 255.
_SNAPPY_MAX_RATIO = 22
_LZ4_MAX_RATIO = 255
_LZ4_INDEPENDENT_BLOCKS = 0x20
_OUTPUT_FULL = "failed to write whole buffer"


class Compression(IntEnum):
    """How a batch's records are compressed; the number in the batch's attributes."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


def compress(kind: int, data: bytes, level: int | None = None) -> bytes:
    """`data` compressed.

    Args:
        kind: a `Compression`.
        data: the records of a batch.
        level: gzip 1 to 9, lz4 1 to 16 (from 3 on slow and denser), zstd 1 to 22; None for what Kafka
            does by default: 6, fast, 3. Snappy has none.
    """
    if kind == Compression.ZSTD:
        return bytes(cramjam.zstd.compress(data, level=3 if level is None else level))
    if kind == Compression.LZ4:
        return _compress_lz4(data, 1 if level is None else level)
    if kind == Compression.SNAPPY:
        return _compress_snappy(data)
    if kind == Compression.GZIP:
        return bytes(cramjam.gzip.compress(data, level=6 if level is None else level))
    return data


def decompress(kind: int, data: bytes | memoryview, *, max_bytes: int = MAX_BATCH_BYTES) -> bytes:
    """`data` expanded to at most `max_bytes` bytes.

    Raises:
        CorruptRecordError: damaged, of an unknown kind, or larger than `max_bytes` when expanded.
    """
    if kind == Compression.NONE:
        if len(data) > max_bytes:
            raise _too_large(kind, max_bytes)
        return bytes(data)
    try:
        if kind == Compression.ZSTD:
            return _expand(kind, data, _zstd_size(data), max_bytes)
        if kind == Compression.LZ4:
            if len(data) > 4 and not data[4] & _LZ4_INDEPENDENT_BLOCKS:
                raise CorruptRecordError(
                    "lz4 blocks refer to each other: Java's client refuses them"
                )
            limit = min(max_bytes, len(data) * _LZ4_MAX_RATIO)
            return _expand(kind, data, _lz4_size(data), limit)
        if kind == Compression.SNAPPY:
            return _expand_snappy(data, max_bytes)
        if kind == Compression.GZIP:
            return _expand_gzip(data, max_bytes)
    except (cramjam.DecompressionError, zlib.error) as e:
        raise CorruptRecordError(f"damaged {Compression(kind).name.lower()} data: {e}") from e
    raise CorruptRecordError(f"no compression has number {kind}")


def _compress_lz4(data: bytes, level: int) -> bytes:
    # Java's client refuses frames whose blocks refer to each other.
    frame = cramjam.lz4.Compressor(level=level, content_checksum=False, block_linked=False)
    frame.compress(data)
    return bytes(frame.finish())


def _too_large(kind: int, max_bytes: int) -> CorruptRecordError:
    name = Compression(kind).name.lower()
    return CorruptRecordError(f"{name} data expands to more than {max_bytes} bytes")


def _expand(kind: int, data: bytes | memoryview, declared: int, max_bytes: int) -> bytes:
    """Expand into a buffer of fixed size; without a declared size try larger ones in turn."""
    if declared > max_bytes:
        raise _too_large(kind, max_bytes)
    expand_into = (cramjam.zstd if kind == Compression.ZSTD else cramjam.lz4).decompress_into
    room = declared if declared >= 0 else min(max_bytes, max(_FIRST_OUTPUT_BYTES, 4 * len(data)))
    while True:
        # One byte more than fits tells "exactly full" from "too large".
        output = bytearray(room + 1)
        try:
            size: int = expand_into(data, output)
        except cramjam.DecompressionError as e:
            if _OUTPUT_FULL not in str(e):
                raise
            size = room + 1
        if size <= room:
            del output[size:]
            return bytes(output)
        if declared >= 0 or room == max_bytes:
            raise _too_large(kind, room)
        room = min(max_bytes, 4 * room)


def _zstd_size(data: bytes | memoryview) -> int:
    """The size that a Zstandard frame declares, -1 if none. Source: RFC 8878, section 3.1.1.1."""
    if len(data) < 5:
        return -1
    descriptor = data[4]
    flag, single_segment = descriptor >> 6, descriptor >> 5 & 1
    width = (1 if single_segment else 0, 2, 4, 8)[flag]
    start = 5 + (0 if single_segment else 1) + (0, 1, 2, 4)[descriptor & 3]
    if width == 0 or len(data) < start + width:
        return -1
    return int.from_bytes(data[start : start + width], "little") + (256 if width == 2 else 0)


def _lz4_size(data: bytes | memoryview) -> int:
    """The size that an LZ4 frame declares, -1 if none. Source: the LZ4 frame format, 1.6.1."""
    if len(data) < 14 or not data[4] & 0x08:
        return -1
    return int.from_bytes(data[6:14], "little")


def _expand_gzip(data: bytes | memoryview, max_bytes: int) -> bytes:
    pieces: list[bytes] = []
    rest: bytes | memoryview = data
    left = max_bytes
    while rest:  # a gzip file may have several members
        member = zlib.decompressobj(wbits=31)
        piece = member.decompress(rest, left + 1)
        if len(piece) > left:
            raise _too_large(Compression.GZIP, max_bytes)
        if not member.eof:
            raise CorruptRecordError("gzip data is cut off")
        pieces.append(piece)
        left -= len(piece)
        rest = member.unused_data
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _compress_snappy(data: bytes) -> bytes:
    pieces = [_XERIAL_HEAD]
    for start in range(0, len(data), _SNAPPY_BLOCK_BYTES):
        block = bytes(cramjam.snappy.compress_raw(data[start : start + _SNAPPY_BLOCK_BYTES]))
        pieces += (len(block).to_bytes(4, "big"), block)
    return b"".join(pieces)


def _expand_snappy(data: bytes | memoryview, max_bytes: int) -> bytes:
    if bytes(data[:8]) != _XERIAL_MAGIC:
        return _expand_snappy_block(data, max_bytes, max_bytes)
    pieces: list[bytes] = []
    pos, left = len(_XERIAL_HEAD), max_bytes
    if len(data) < pos:
        raise CorruptRecordError("snappy stream cut off in its head")
    while pos < len(data):
        size = int.from_bytes(data[pos : pos + 4], "big")
        pos += 4
        if size > len(data) - pos:
            raise CorruptRecordError(f"snappy block of {size} bytes, {len(data) - pos} left")
        piece = _expand_snappy_block(data[pos : pos + size], left, max_bytes)
        pieces.append(piece)
        left -= len(piece)
        pos += size
    return b"".join(pieces)


def _expand_snappy_block(block: bytes | memoryview, left: int, max_bytes: int) -> bytes:
    size = cramjam.snappy.decompress_raw_len(block)
    if size > left:
        raise _too_large(Compression.SNAPPY, max_bytes)
    if size > len(block) * _SNAPPY_MAX_RATIO:
        raise CorruptRecordError(f"snappy block of {len(block)} bytes says it expands to {size}")
    return bytes(cramjam.snappy.decompress_raw(block))
