"""What control records say: how a producer's transaction ended."""

from __future__ import annotations

import struct
from enum import IntEnum

from streamkit.errors import CorruptRecordError

__all__ = ["ControlKind", "control_kind"]

_KEY = struct.Struct(">hh")


class ControlKind(IntEnum):
    """What a control record says; the numbers are the protocol's."""

    ABORT = 0
    COMMIT = 1


def control_kind(key: bytes | None) -> ControlKind | None:
    """What a control record with this key says; None for kinds that don't end a transaction.

    Raises:
        CorruptRecordError: a key too short.
    """
    if key is None or len(key) < 4:
        raise CorruptRecordError("control record without a type")
    number: int = _KEY.unpack_from(key)[1]
    if number == 0:
        return ControlKind.ABORT
    return ControlKind.COMMIT if number == 1 else None
