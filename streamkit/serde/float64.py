"""Floats as 8 bytes, big-endian IEEE 754.

Source: org.apache.kafka.common.serialization.DoubleSerializer.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["FloatSerde"]

_DOUBLE: Final = Struct(">d")


class FloatSerde(Serde[float]):
    """float to 8 bytes and back. An int is written as the float of the same value.

    Not canonical: 0.0 equals -0.0, and their bytes differ.

    Example:
        >>> FloatSerde().serialize("topic", 1.5).hex()
        '3ff8000000000000'
    """

    def __init__(self) -> None:
        super().__init__("float", canonical=False, immutable=True)

    def serialize(self, topic: str, value: object) -> bytes:
        if isinstance(value, bool) or not isinstance(value, (float, int)):
            raise unwritable(self.name, topic, value, "float")
        try:
            return _DOUBLE.pack(value)
        except OverflowError as error:
            raise unwritable(
                self.name, topic, value, "a number that a float can hold", error
            ) from error

    def deserialize(self, topic: str, data: bytes) -> float:
        if len(data) != 8:
            raise unreadable(self.name, topic, data, "8 bytes, big-endian (Kafka's Double)")
        number: float = _DOUBLE.unpack(data)[0]
        return number

    def fits(self, value: object) -> bool:
        return type(value) is float

    def __reduce__(self) -> tuple[type[FloatSerde], tuple[()]]:
        return FloatSerde, ()
