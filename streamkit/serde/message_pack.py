"""MessagePack through msgspec: plain values, or typed (dataclasses, msgspec.Struct, TypedDict, …).

As in JSON, the keys of maps are written sorted, so equal values give equal bytes whatever the order in
which their fields were set. Reading takes any order and any width of numbers, which is why the serde
isn't canonical.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from streamkit.errors import ConfigError, caused_by
from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["MessagePackSerde"]

_SORTED: Literal["sorted"] = "sorted"


class MessagePackSerde(Serde[Any]):
    r"""Values of one type as MessagePack.

    Args:
        type_: what decoding checks and builds; `Any` (the default) gives dict, list, str, bytes, int,
            float, bool and datetime.

    Raises:
        ConfigError: msgspec can't decode such a type.

    Example:
        >>> MessagePackSerde().serialize("clicks", {"n": 7})
        b'\x81\xa1n\x07'
    """

    def __init__(self, type_: Any = Any) -> None:
        name = "msgpack" if type_ is Any else f"msgpack[{_type_name(type_)}]"
        super().__init__(name)
        self._type = type_
        try:
            self._decoder = msgspec.msgpack.Decoder(type_)
        except (TypeError, NameError) as error:
            raise caused_by(
                ConfigError(f"type {_type_name(type_)} can't be read from MessagePack: {error}"),
                error,
            ) from error
        self._encoder = msgspec.msgpack.Encoder(order=_SORTED)

    def serialize(self, topic: str, value: Any) -> bytes:
        try:
            return self._encoder.encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise unwritable(
                self.name, topic, value, f"MessagePack values ({error})", error
            ) from error

    def deserialize(self, topic: str, data: bytes) -> Any:
        try:
            return self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError) as error:
            kind = (
                "MessagePack" if self._type is Any else f"MessagePack of {_type_name(self._type)}"
            )
            raise unreadable(self.name, topic, data, f"{kind} ({error})", error) from error

    def __reduce__(self) -> tuple[type[MessagePackSerde], tuple[Any]]:
        return MessagePackSerde, (self._type,)


def _type_name(type_: Any) -> str:
    return type_.__name__ if isinstance(type_, type) else str(type_).removeprefix("typing.")
