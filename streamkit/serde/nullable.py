"""Values that may be None, for parts of a larger value.

| value | bytes |
| --- | --- |
| None | 1 |
| any other | 0, then the inner serde's bytes |

A record's null key or value never reaches a serde (it is null on the wire, a tombstone); this wrapper is
for serdes made of others, where null needs bytes of its own.
"""

from __future__ import annotations

from typing import Any, Final

from streamkit.errors import SerdeError
from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["NullableSerde"]

_NULL: Final = b"\x01"
_PRESENT: Final = b"\x00"


class NullableSerde(Serde[Any]):
    r"""None, or a value of another serde.

    Args:
        inner: serde of values that aren't None.

    Example:
        >>> from streamkit.serde.string import StringSerde
        >>> NullableSerde(StringSerde()).serialize("clicks", None)
        b'\x01'
    """

    def __init__(self, inner: Serde[Any]) -> None:
        super().__init__(
            f"nullable[{inner.name}]", canonical=inner.canonical, immutable=inner.immutable
        )
        self.inner = inner

    def serialize(self, topic: str, value: Any) -> bytes:
        if value is None:
            return _NULL
        try:
            return _PRESENT + self.inner.serialize(topic, value)
        except SerdeError as error:
            expected = f"None or what '{self.inner.name}' takes ({error})"
            raise unwritable(self.name, topic, value, expected, error) from error

    def deserialize(self, topic: str, data: bytes) -> Any:
        if data == _NULL:
            return None
        if data[:1] != _PRESENT:
            raise unreadable(self.name, topic, data, "byte 1 alone, or byte 0 and a value")
        return self.inner.deserialize(topic, data[1:])

    def fits(self, value: object) -> bool:
        return value is None or self.inner.fits(value)

    def __reduce__(self) -> tuple[type[NullableSerde], tuple[Serde[Any]]]:
        return NullableSerde, (self.inner,)
