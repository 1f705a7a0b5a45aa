"""A sound request frame for every API and version that there is a declaration of, and ways to damage one."""

from __future__ import annotations

import random
import struct
import uuid
from typing import Any

from broker_lab import batch

from streamkit.log.protocol import encode_request, known_keys, request_class, version_range
from streamkit.log.protocol.wire import Field, fields_of

_LENGTH = struct.Struct(">i")
_INTERESTING = (0x00, 0x01, 0x7F, 0x80, 0xFF)


def sound_frames() -> list[bytes]:
    """One filled request for each API and version, its length in front."""
    frames = []
    for key in known_keys():
        cls = request_class(key)
        low, high = version_range(key)
        frames += [
            encode_request(_filled(cls, version), version, 7, "fuzz")
            for version in range(low, high + 1)
        ]
    return frames


def damaged(frame: bytes, chance: random.Random) -> bytes:
    """`frame` with some bytes changed, cut, doubled or put in; its length is right nine times in ten."""
    body = bytearray(frame[4:])
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at = chance.randrange(len(body)) if body else 0
        match chance.randrange(6):
            case 0 if body:
                body[at] ^= 1 << chance.randrange(8)
            case 1 if body:
                body[at] = chance.choice(_INTERESTING)
            case 2 if body:
                body[at : at + 4] = chance.randbytes(4)
            case 3:
                del body[at:]
            case 4:
                body[at:at] = chance.randbytes(chance.randrange(1, 16))
            case _:
                body += body[at : at + 64]
    length = len(body)
    if chance.random() < 0.1:
        length += chance.choice((-1, 1, 100, 1 << 20, -(1 << 30)))
    return _LENGTH.pack(length) + bytes(body)


def _filled(cls: type[Any], version: int) -> Any:
    message = cls()
    for field in fields_of(cls):
        if version in field.versions:
            setattr(message, field.name, _value(field, version))
    return message


def _value(field: Field, version: int) -> Any:
    if field.kind == "array":
        if field.item_kind == "struct":
            assert field.struct is not None
            return [_filled(field.struct, version)]
        return [_plain(field.item_kind, field.name)]
    if field.kind == "struct":
        assert field.struct is not None
        return _filled(field.struct, version)
    return _plain(field.kind, field.name)


def _plain(kind: str, name: str) -> Any:
    match kind:
        case "string":
            return "fuzz"
        case "bytes":
            return b"bytes"
        case "records":
            return batch(b"value")
        case "uuid":
            return uuid.UUID(int=5)
        case "bool":
            return False
        case "float64":
            return 1.0
    # Waiting as long as the client says is no fault, but would make the test wait too.
    if "timeout" in name or "wait" in name:
        return 10
    return 0 if name in ("acks", "session_epoch", "config_operation") else 1
