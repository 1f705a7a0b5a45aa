"""Booleans as one byte. Source: org.apache.kafka.common.serialization.BooleanSerializer."""

from __future__ import annotations

from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["BooleanSerde"]


class BooleanSerde(Serde[bool]):
    """True to byte 1, False to byte 0, and back.

    Example:
        >>> BooleanSerde().serialize("topic", True).hex()
        '01'
    """

    def __init__(self) -> None:
        super().__init__("bool", canonical=True, immutable=True)

    def serialize(self, topic: str, value: object) -> bytes:
        if value is True:
            return b"\x01"
        if value is False:
            return b"\x00"
        raise unwritable(self.name, topic, value, "True or False")

    def deserialize(self, topic: str, data: bytes) -> bool:
        if data == b"\x01":
            return True
        if data == b"\x00":
            return False
        raise unreadable(self.name, topic, data, "one byte, 0 or 1")

    def fits(self, value: object) -> bool:
        return value is True or value is False

    def __reduce__(self) -> tuple[type[BooleanSerde], tuple[()]]:
        return BooleanSerde, ()
