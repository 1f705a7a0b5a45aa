"""Integers as 8 bytes, big-endian, two's complement, as Kafka's Long.

Source: org.apache.kafka.common.serialization.LongSerializer.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from mypy_extensions import i64

from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["IntegerSerde"]

_LONG: Final = Struct(">q")
_MIN: Final = -(2**63)
_MAX: Final = 2**63 - 1


class IntegerSerde(Serde[int]):
    """int to 8 bytes and back; beyond 64 bits it is an error. bool is refused: it has a serde of its own.

    Example:
        >>> IntegerSerde().serialize("topic", 258).hex()
        '0000000000000102'
        >>> IntegerSerde().deserialize("topic", bytes(7) + b"*")
        42
    """

    def __init__(self) -> None:
        super().__init__("int", canonical=True, immutable=True)

    def serialize(self, topic: str, value: object) -> bytes:
        if not isinstance(value, int) or isinstance(value, bool):
            raise unwritable(self.name, topic, value, "int")
        if not _MIN <= value <= _MAX:
            raise unwritable(
                self.name, topic, value, "an int of at most 64 bits (-2**63 to 2**63 - 1)"
            )
        return _LONG.pack(value)

    def deserialize(self, topic: str, data: bytes) -> int:
        if len(data) != 8:
            raise unreadable(self.name, topic, data, "8 bytes, big-endian (Kafka's Long)")
        number: i64 = _LONG.unpack(data)[0]
        return number

    def fits(self, value: object) -> bool:
        return type(value) is int and _MIN <= value <= _MAX

    def __reduce__(self) -> tuple[type[IntegerSerde], tuple[()]]:
        return IntegerSerde, ()
