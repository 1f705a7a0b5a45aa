"""A user's own format as two functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from streamkit.errors import SerdeError
from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["FunctionSerde", "serde_from"]

T = TypeVar("T")


class FunctionSerde(Serde[Any]):
    """What `serde_from` returns."""

    def __init__(
        self,
        to_bytes: Callable[[Any], bytes],
        from_bytes: Callable[[bytes], Any],
        name: str,
        *,
        canonical: bool,
    ) -> None:
        super().__init__(name, canonical=canonical)
        self._to_bytes = to_bytes
        self._from_bytes = from_bytes

    def serialize(self, topic: str, value: Any) -> bytes:
        try:
            data = self._to_bytes(value)
        except SerdeError:
            raise
        except Exception as error:  # a user's function raises what it likes
            raise unwritable(
                self.name, topic, value, f"what its function takes ({error!r})", error
            ) from error
        if type(data) is not bytes:
            raise unwritable(
                self.name, topic, value, f"a function that returns bytes, not {type(data).__name__}"
            )
        return data

    def deserialize(self, topic: str, data: bytes) -> Any:
        try:
            return self._from_bytes(data)
        except SerdeError:
            raise
        except Exception as error:
            raise unreadable(
                self.name, topic, data, f"what its function reads ({error!r})", error
            ) from error


def serde_from(
    to_bytes: Callable[[T], bytes],
    from_bytes: Callable[[bytes], T],
    *,
    name: str | None = None,
    canonical: bool = False,
) -> Serde[T]:
    r"""A serde of two functions. They never get None: a null key or value stays null.

    Args:
        to_bytes: a value to its bytes. For keys, equal ones have equal bytes: records of one key would part.
        from_bytes: the value that bytes stand for.
        name: for messages; by default that of `from_bytes`.
        canonical: equal values always give equal bytes, and equal bytes equal values.

    Returns:
        the serde; what the functions raise becomes a `SerdeError`.

    Example:
        >>> celsius = serde_from(lambda degrees: b"%.1f" % degrees, float, name="celsius")
        >>> celsius.serialize("weather", 21.25), celsius.deserialize("weather", b"21.5")
        (b'21.2', 21.5)
    """
    known = name or str(getattr(from_bytes, "__name__", type(from_bytes).__name__))
    return FunctionSerde(to_bytes, from_bytes, known, canonical=canonical)
