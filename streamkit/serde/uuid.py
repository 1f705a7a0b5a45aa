"""UUIDs as text. Source: org.apache.kafka.common.serialization.UUIDSerializer."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["UUIDSerde"]

_TEXT: Final = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class UUIDSerde(Serde[UUID]):
    """UUID to its 36 characters, lower-case with hyphens, and back.

    Not canonical: upper-case text is read too, and written in lower case.

    Example:
        >>> from uuid import UUID
        >>> UUIDSerde().serialize("topic", UUID(int=42))
        b'00000000-0000-0000-0000-00000000002a'
    """

    def __init__(self) -> None:
        super().__init__("uuid", canonical=False, immutable=True)

    def serialize(self, topic: str, value: object) -> bytes:
        if not isinstance(value, UUID):
            raise unwritable(self.name, topic, value, "uuid.UUID")
        return str(value).encode()

    def deserialize(self, topic: str, data: bytes) -> UUID:
        if _TEXT.fullmatch(data) is None:
            raise unreadable(self.name, topic, data, "a UUID as text of 36 characters")
        return UUID(data.decode())

    def fits(self, value: object) -> bool:
        return type(value) is UUID

    def __reduce__(self) -> tuple[type[UUIDSerde], tuple[()]]:
        return UUIDSerde, ()
