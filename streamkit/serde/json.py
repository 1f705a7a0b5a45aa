"""JSON through msgspec: plain values, or typed (dataclasses, msgspec.Struct, TypedDict, unions, …).

Object keys are written sorted, so equal values give equal bytes whatever the order in which their
fields were set: a key in JSON always lands in the same partition. Reading takes any order and any white
space, which is why the serde isn't canonical.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from streamkit.errors import ConfigError, caused_by
from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable
from streamkit.serde.json_types import foreign_class
from streamkit.serde.models import is_model

__all__ = ["JsonSerde"]

_SORTED: Literal["sorted"] = "sorted"


class JsonSerde(Serde[Any]):
    """Values of one type as JSON.

    Args:
        type_: what decoding checks and builds; `Any` (the default) gives dict, list, str, int, float,
            bool. Numbers keep their JSON type: 1 stays an int, 1.0 a float.

    Raises:
        ConfigError: JSON can't be read into such a type.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Order:
        ...     item: str
        ...     cents: int
        >>> orders = JsonSerde(Order)
        >>> orders.serialize("orders", Order("tea", 250))
        b'{"cents":250,"item":"tea"}'
        >>> orders.deserialize("orders", b'{"cents": 250, "item": "tea"}')
        Order(item='tea', cents=250)
    """

    def __init__(self, type_: Any = Any) -> None:
        name = "json" if type_ is Any else f"json[{_type_name(type_)}]"
        super().__init__(name)
        self._type = type_
        try:
            self._decoder = msgspec.json.Decoder(type_)
            foreign = foreign_class(type_)
        except (TypeError, NameError) as error:
            raise caused_by(
                ConfigError(f"type {_type_name(type_)} can't be read from JSON: {error}"), error
            ) from error
        if foreign is not None:
            raise ConfigError(
                f"type {_type_name(type_)} can't be read from JSON: {foreign.__name__} is neither a scalar, a "
                "dataclass, a msgspec.Struct, a TypedDict nor a collection of such; "
                + (
                    "give a model of the whole, such as a RootModel"
                    if is_model(foreign)
                    else "give a serde of your own: serde_from(to_bytes, from_bytes)"
                )
            )
        self._encoder = msgspec.json.Encoder(order=_SORTED)

    def serialize(self, topic: str, value: Any) -> bytes:
        try:
            return self._encoder.encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise unwritable(self.name, topic, value, f"JSON values ({error})", error) from error

    def deserialize(self, topic: str, data: bytes) -> Any:
        try:
            return self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            expected = "JSON" if self._type is Any else f"JSON of {_type_name(self._type)}"
            raise unreadable(self.name, topic, data, f"{expected} ({error})", error) from error

    def __reduce__(self) -> tuple[type[JsonSerde], tuple[Any]]:
        return JsonSerde, (self._type,)


def _type_name(type_: Any) -> str:
    return type_.__name__ if isinstance(type_, type) else str(type_).removeprefix("typing.")
