"""Windowed keys as they stand in topics.

| window | bytes |
| --- | --- |
| time (tumbling, hopping, sliding) | key, then start (8 bytes, big-endian) |
| session | key, then end (8 bytes), then start (8 bytes) |

Source: org.apache.kafka.streams.kstream.internals.WindowKeySchema, SessionKeySchema.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Final

from streamkit.model.windowed import Window, Windowed
from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["SessionWindowedSerde", "TimeWindowedSerde", "window_bytes"]

_START: Final = Struct(">q")
_END_START: Final = Struct(">qq")


def window_bytes(serde: Serde[Any]) -> int:
    """How many bytes at the end of a key are its window; 0 of keys that aren't windowed.

    Example:
        >>> window_bytes(TimeWindowedSerde(StringSerde(), 10)), window_bytes(StringSerde())
        (8, 0)
    """
    if isinstance(serde, TimeWindowedSerde):
        return _START.size
    return _END_START.size if isinstance(serde, SessionWindowedSerde) else 0


class TimeWindowedSerde(Serde[Any]):
    """`Windowed` keys of time windows; the end isn't written, reading adds the size.

    Args:
        inner: serde of the key.
        window_size_ms: length of the windows; None: unknown, `end_ms` is then the largest there is.

    Example:
        >>> serde = TimeWindowedSerde(StringSerde(), 10)
        >>> serde.serialize("topic", Windowed("ann", Window(20, 30))).hex()
        '616e6e0000000000000014'
        >>> serde.deserialize("topic", b"ann" + bytes(7) + bytes([20]))
        Windowed(key='ann', window=Window(start_ms=20, end_ms=30))
    """

    def __init__(self, inner: Serde[Any], window_size_ms: int | None = None) -> None:
        super().__init__(
            f"windowed[{inner.name}]", canonical=inner.canonical, immutable=inner.immutable
        )
        self.inner = inner
        self.window_size_ms = window_size_ms

    def serialize(self, topic: str, value: Any) -> bytes:
        if not isinstance(value, Windowed):
            raise unwritable(self.name, topic, value, "a Windowed key")
        return self.inner.serialize(topic, value.key) + _START.pack(value.window.start_ms)

    def deserialize(self, topic: str, data: bytes) -> Any:
        if len(data) < 8:
            raise unreadable(
                self.name, topic, data, "a key followed by its window's start (8 bytes)"
            )
        start = _START.unpack_from(data, len(data) - 8)[0]
        size = self.window_size_ms
        end = 2**63 - 1 if size is None else start + size
        return Windowed(self.inner.deserialize(topic, data[:-8]), Window(start, end))

    def __reduce__(self) -> tuple[type[TimeWindowedSerde], tuple[Serde[Any], int | None]]:
        return TimeWindowedSerde, (self.inner, self.window_size_ms)


class SessionWindowedSerde(Serde[Any]):
    """`Windowed` keys of session windows.

    Args:
        inner: serde of the key.

    Example:
        >>> serde = SessionWindowedSerde(StringSerde())
        >>> serde.serialize("topic", Windowed("ann", Window(20, 30))).hex()
        '616e6e000000000000001e0000000000000014'
    """

    def __init__(self, inner: Serde[Any]) -> None:
        super().__init__(
            f"session[{inner.name}]", canonical=inner.canonical, immutable=inner.immutable
        )
        self.inner = inner

    def serialize(self, topic: str, value: Any) -> bytes:
        if not isinstance(value, Windowed):
            raise unwritable(self.name, topic, value, "a Windowed key")
        suffix = _END_START.pack(value.window.end_ms, value.window.start_ms)
        return self.inner.serialize(topic, value.key) + suffix

    def deserialize(self, topic: str, data: bytes) -> Any:
        if len(data) < 16:
            raise unreadable(self.name, topic, data, "a key followed by end and start (16 bytes)")
        end, start = _END_START.unpack_from(data, len(data) - 16)
        return Windowed(self.inner.deserialize(topic, data[:-16]), Window(start, end))

    def __reduce__(self) -> tuple[type[SessionWindowedSerde], tuple[Serde[Any]]]:
        return SessionWindowedSerde, (self.inner,)
