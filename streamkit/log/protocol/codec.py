"""Encoders and decoders, written from the declarations: one function for a (class, version), at first use.

A generated function reads or writes a whole message, its nested structs inlined as loops: runs of
fixed-size fields are one `struct` call, a version's absent fields cost nothing. Decoding trusts no length: every
count and length is held against the bytes that are left before anything is allocated, and whatever is
wrong in the input ends as `ProtocolError`.

Thread-safe: two threads that meet at the first use both generate, with equal results.
"""

from __future__ import annotations

import struct
from typing import TypeVar

from streamkit.errors import ProtocolError
from streamkit.log.protocol.decoder_source import Decoder, make_decoder
from streamkit.log.protocol.encoder_source import Encoder, make_encoder
from streamkit.log.protocol.varint import Buffer

__all__ = [
    "decode_struct",
    "decode_struct_at",
    "encode_parts",
    "encode_struct",
]

M = TypeVar("M")

_ENCODE_FAULTS = (struct.error, TypeError, ValueError, AttributeError, OverflowError)
_DECODE_FAULTS = (struct.error, IndexError, ValueError)


def encode_struct(message: object, version: int) -> bytes:
    """The bytes of a message's body in a version, without any header.

    Raises:
        ProtocolError: the class has no such version, a field that the version lacks is set and not
            ignorable, or a value does not fit its type.
    """
    parts: list[bytes] = []
    encode_parts(message, version, parts)
    return b"".join(parts)


def encode_parts(message: object, version: int, parts: list[bytes]) -> None:
    """Append the body's bytes to `parts`, large values uncopied; raises as `encode_struct`."""
    cls = type(message)
    encoder = _encoders.get((cls, version)) or _add_encoder(cls, version)
    try:
        encoder(message, parts.append)
    except _ENCODE_FAULTS as e:
        raise ProtocolError(f"{cls.__name__} can't be encoded in version {version}: {e}") from e


def decode_struct(cls: type[M], version: int, buf: Buffer) -> M:
    """The message of class `cls` at the start of `buf`; bytes after it are left alone.

    Raises:
        ProtocolError: the class has no such version, or the bytes are not such a message.
    """
    return decode_struct_at(cls, version, buf, 0)[0]


def decode_struct_at(cls: type[M], version: int, buf: Buffer, pos: int) -> tuple[M, int]:
    """The message at `pos`, and the position after it; raises as `decode_struct`."""
    decoder = _decoders.get((cls, version)) or _add_decoder(cls, version)
    try:
        return decoder(buf, pos, len(buf))
    except _DECODE_FAULTS as e:
        raise ProtocolError(f"damaged {cls.__name__} in version {version}: {e}") from e


_encoders: dict[tuple[type, int], Encoder] = {}
_decoders: dict[tuple[type, int], Decoder] = {}


def _add_encoder(cls: type, version: int) -> Encoder:
    made = _encoders[cls, version] = make_encoder(cls, version)
    return made


def _add_decoder(cls: type, version: int) -> Decoder:
    made = _decoders[cls, version] = make_decoder(cls, version)
    return made
