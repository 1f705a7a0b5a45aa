"""Text as UTF-8. Source: org.apache.kafka.common.serialization.StringSerializer."""

from __future__ import annotations

from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["StringSerde"]


class StringSerde(Serde[str]):
    """str to UTF-8 and back; bytes that are not UTF-8 are an error, not replaced.

    Example:
        >>> StringSerde().serialize("topic", "ü").hex()
        'c3bc'
    """

    def __init__(self) -> None:
        # Java's reads what isn't UTF-8, too.
        super().__init__("str", canonical=True, immutable=True, any_bytes=True)

    def serialize(self, topic: str, value: object) -> bytes:
        if not isinstance(value, str):
            raise unwritable(self.name, topic, value, "str")
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise unwritable(
                self.name, topic, value, "text without lone surrogates", error
            ) from error

    def deserialize(self, topic: str, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise unreadable(self.name, topic, data, "UTF-8 text", error) from error

    def fits(self, value: object) -> bool:
        # Text beyond ASCII might hold a lone surrogate, which only encoding finds out.
        return type(value) is str and value.isascii()

    def __reduce__(self) -> tuple[type[StringSerde], tuple[()]]:
        return StringSerde, ()
