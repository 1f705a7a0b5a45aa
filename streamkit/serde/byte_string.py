"""bytes as they are. Source: org.apache.kafka.common.serialization.ByteArraySerializer."""

from __future__ import annotations

from streamkit.serde.base import Serde
from streamkit.serde.failures import unwritable

__all__ = ["BytesSerde"]


class BytesSerde(Serde[bytes]):
    """Passes bytes through.

    Example:
        >>> BytesSerde().deserialize("topic", b"as it is")
        b'as it is'
    """

    def __init__(self) -> None:
        super().__init__("bytes", canonical=True, immutable=True, any_bytes=True)

    def serialize(self, topic: str, value: object) -> bytes:
        if isinstance(value, bytes):
            return value
        if isinstance(value, (bytearray, memoryview)):
            return bytes(value)
        raise unwritable(self.name, topic, value, "bytes")

    def deserialize(self, topic: str, data: bytes) -> bytes:  # noqa: ARG002
        return data

    def fits(self, value: object) -> bool:
        return type(value) is bytes

    def __reduce__(self) -> tuple[type[BytesSerde], tuple[()]]:
        return BytesSerde, ()
