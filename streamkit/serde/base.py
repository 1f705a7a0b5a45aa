"""The contract between values and bytes.

`None` never reaches a serde: a null key or value stays null on the wire.
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Serde"]

T = TypeVar("T")


class Serde(Generic[T]):
    """Turns values of one type into bytes and back.

    Attributes:
        name: short name for messages ("str", "json[Flight]").
        canonical: equal values always give equal bytes and equal bytes equal values, so raw key bytes
            may be reused instead of encoding again.
        immutable: decoded values can't be changed by who holds them, so a store may keep and share
            the value itself instead of its bytes.
    """

    name: str = ""
    canonical: bool = False
    immutable: bool = False

    def serialize(self, topic: str, value: T) -> bytes:
        """`value` as bytes.

        Raises:
            SerdeError: the serde can't write such a value; names the type.
        """
        raise NotImplementedError

    def deserialize(self, topic: str, data: bytes) -> T:
        """The value that `data` stands for.

        Raises:
            SerdeError: `data` isn't what the serde writes.
        """
        raise NotImplementedError
