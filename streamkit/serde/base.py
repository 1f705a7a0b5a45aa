"""The contract between values and bytes.

`None` never reaches a serde: a null key or value stays null on the wire.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from mypy_extensions import mypyc_attr

__all__ = ["Serde"]

T = TypeVar("T")


@mypyc_attr(allow_interpreted_subclasses=True)
class Serde(Generic[T]):
    """Turns values of one type into bytes and back. Subclasses hand their attributes to `__init__`.

    Attributes:
        name: short name for messages ("str", "json[Flight]").
        canonical: equal values always give equal bytes and equal bytes equal values, so raw key bytes
            may be reused instead of encoding again.
        immutable: decoded values can't be changed by who holds them, so a store may keep and share
            the value itself instead of its bytes.
        any_bytes: whatever bytes there are, they stand for a value, never for None: those that nobody looks at
            need not be read. Others may say None (JSON's null), or refuse what isn't theirs.

    Example:
        >>> class Celsius(Serde[float]):
        ...     def serialize(self, topic: str, value: float) -> bytes:
        ...         return f"{value:.1f} C".encode()
        ...     def deserialize(self, topic: str, data: bytes) -> float:
        ...         return float(data.removesuffix(b" C"))
        >>> Celsius().serialize("weather", 21)
        b'21.0 C'
        >>> Celsius().deserialize("weather", b"21.0 C")
        21.0
    """

    name: str = ""
    canonical: bool = False
    immutable: bool = False
    any_bytes: bool = False

    def __init__(
        self,
        name: str = "",
        *,
        canonical: bool = False,
        immutable: bool = False,
        any_bytes: bool = False,
    ) -> None:
        self.name = name or type(self).__name__
        self.canonical = canonical
        self.immutable = immutable
        self.any_bytes = any_bytes

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

    def fits(self, value: object) -> bool:  # noqa: ARG002 - for those that know
        """True if `value` comes back equal, and of the same type, from its bytes.

        A store asks this before it keeps the value of an `immutable` serde instead of its bytes; a
        serde that doesn't know says False.
        """
        return False
