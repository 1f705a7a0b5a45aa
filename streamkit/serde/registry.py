"""Which serde a type stands for where users name a type: `key=str, value=Flight`."""

from __future__ import annotations

from typing import Any

from streamkit.errors import ConfigError
from streamkit.serde.base import Serde
from streamkit.serde.boolean import BooleanSerde
from streamkit.serde.byte_string import BytesSerde
from streamkit.serde.float64 import FloatSerde
from streamkit.serde.integer import IntegerSerde
from streamkit.serde.json import JsonSerde
from streamkit.serde.models import ModelSerde, is_model
from streamkit.serde.string import StringSerde

__all__ = ["serde_for"]

_SCALARS: dict[Any, Serde[Any]] = {
    bytes: BytesSerde(),
    str: StringSerde(),
    int: IntegerSerde(),
    float: FloatSerde(),
    bool: BooleanSerde(),
}
_PLAIN_JSON = JsonSerde()


def serde_for(type_or_serde: Any) -> Serde[Any]:
    r"""The serde for a type, or the serde itself.

    Args:
        type_or_serde: `bytes`, `str`, `int` (8 bytes, big-endian), `float` and `bool` have binary serdes,
            Kafka's own. Any other type is read and written as JSON through msgspec: dataclasses,
            `msgspec.Struct`, `TypedDict`, `list[Flight]`, `Flight | None`; `dict`, `list`, `object` and
            `Any` mean plain JSON. Pydantic models are read and written by themselves. A `Serde` object is returned as it is.

    Raises:
        ConfigError: neither a serde nor a type that JSON can be read into.

    Example:
        >>> serde_for(int).serialize("clicks", 7)
        b'\x00\x00\x00\x00\x00\x00\x00\x07'
    """
    if isinstance(type_or_serde, Serde):
        return type_or_serde
    if isinstance(type_or_serde, type) and issubclass(type_or_serde, Serde):
        raise ConfigError(f"give an instance of {type_or_serde.__name__}, not the class")
    if type_or_serde is Any or type_or_serde is object:
        return _PLAIN_JSON
    if type_or_serde is None or isinstance(type_or_serde, str):
        raise ConfigError(f"{type_or_serde!r} is neither a type nor a serde")
    if is_model(type_or_serde):
        return ModelSerde(type_or_serde)
    try:
        known = _SCALARS.get(type_or_serde)
    except TypeError:  # an unhashable annotation, such as Annotated[int, []]
        known = None
    return known if known is not None else JsonSerde(type_or_serde)
