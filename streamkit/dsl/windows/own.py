"""Windows of one's own: what a class of them has to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from streamkit.errors import ConfigError
from streamkit.model.windowed import Window

__all__ = ["Windows", "check_own_windows"]


class Windows(ABC):
    """Windows of one's own: subclass it for what the others don't cut, such as months or trading hours.

    The windows may differ in length, overlap, and leave gaps: a record in none of them counts nowhere. They
    must only depend on the record's time, and be the same at each call, also after a restart.

    Attributes:
        size_ms: length of the longest window, more than 0. The store keeps a window for that long, plus the
            grace; and where a key is read from bytes, which have only the start of its window, its end is
            `start_ms + size_ms`, as in Kafka Streams.
        grace_ms: how long after its end, in stream time, a window still takes late records; 0 or more.
        idle_ms: once no record has come for this long, stream time goes on by the wall clock; -1: never. See
            the reference of windows.

    Example:
        >>> class Shifts(Windows):
        ...     size_ms = 8 * 3_600_000  # from six in the morning on
        ...
        ...     def windows_for(self, timestamp_ms: int) -> list[Window]:
        ...         start = timestamp_ms - (timestamp_ms - 6 * 3_600_000) % self.size_ms
        ...         return [Window(max(0, start), start + self.size_ms)]
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=int)
        >>> begins = lambda window, _: f"{window.key} {window.start_ms // 3_600_000}:00"
        >>> shifts = orders.group_by_key().windowed_by(Shifts()).count(store="per-shift")
        >>> shifts.to_stream(begins, key=str).to("out")
        >>> trace(builder, ("orders", "ann", 250, 50_399_999), ("orders", "ann", 40, 50_400_000))
        orders ann=250 @50399999 -> ann 6:00=1 @50399999
        orders ann=40 @50400000 -> ann 14:00=1 @50400000

    Source: org.apache.kafka.streams.kstream.Windows.
    """

    size_ms: int
    grace_ms: int = 0
    idle_ms: int = -1

    @abstractmethod
    def windows_for(self, timestamp_ms: int) -> Iterable[Window]:
        """The windows that a record of that time is in, in the order in which they are updated.

        Each contains the time, `start_ms <= timestamp_ms < end_ms`, and starts at 0 or later; no two have the
        same start. Anything else stops the app with a `ProcessingError`.

        Example:
            >>> class Shifted(Windows):
            ...     size_ms = 10
            ...
            ...     def windows_for(self, timestamp_ms: int) -> list[Window]:
            ...         start = timestamp_ms - (timestamp_ms - 3) % 10
            ...         return [Window(max(0, start), start + 10)]
            >>> Shifted().windows_for(12)
            [Window(start_ms=3, end_ms=13)]
        """


def check_own_windows(windows: Windows) -> None:
    """
    Raises:
        ConfigError: lengths that are none.
    """
    kind = type(windows).__name__
    for name, least, never in (("size_ms", 1, None), ("grace_ms", 0, None), ("idle_ms", 1, -1)):
        length = getattr(windows, name, None)
        if not isinstance(length, int) or isinstance(length, bool):
            raise ConfigError(f"{kind}.{name} is an int of milliseconds, not {length!r}")
        if length < least and length != never:
            raise ConfigError(f"{kind}.{name} is at least {least} ms, not {length} ms")
