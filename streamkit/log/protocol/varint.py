"""Unsigned varints of 32 bits, and the tagged fields that they delimit. Source: KIP-482."""

from __future__ import annotations

from typing import Final, TypeAlias

from streamkit.errors import ProtocolError

__all__ = ["Buffer", "encode_uvarint", "read_uvarint", "skip_tags", "uvarint_tail"]

Buffer: TypeAlias = bytes | memoryview


def encode_uvarint(value: int) -> bytes:
    """`value` as an unsigned varint: 7 bits a byte, low bits first."""
    if value < 0x80:
        return _SMALL_UVARINTS[value]
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL_UVARINTS: Final = [bytes([value]) for value in range(0x80)]


def read_uvarint(buf: Buffer, pos: int) -> tuple[int, int]:
    """The unsigned 32-bit varint at `pos`, and the position after it.

    Raises:
        ProtocolError: longer than 5 bytes or cut off.
    """
    try:
        first = buf[pos]
        return (first, pos + 1) if first < 0x80 else uvarint_tail(buf, pos + 1, first)
    except (IndexError, ValueError) as e:
        raise ProtocolError(f"varint at byte {pos} is cut off or too long: {e}") from e


def uvarint_tail(buf: Buffer, pos: int, value: int) -> tuple[int, int]:
    """The rest of a varint whose first byte, `value`, was read; IndexError or ValueError if damaged."""
    value &= 0x7F
    for shift in (7, 14, 21, 28):
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value > 0xFFFFFFFF:
                break
            return value, pos
    raise ValueError(f"varint of more than 32 bits ends at byte {pos}")


def skip_tags(buf: Buffer, pos: int, size: int) -> int:
    """The position after the tagged fields at `pos`, whatever they are.

    Raises:
        ProtocolError: a length passes the end.
    """
    count, pos = read_uvarint(buf, pos)
    for _ in range(count):
        _, pos = read_uvarint(buf, pos)
        length, pos = read_uvarint(buf, pos)
        if length > size - pos:
            raise ProtocolError(f"tagged field of {length} bytes, {size - pos} left")
        pos += length
    return pos
