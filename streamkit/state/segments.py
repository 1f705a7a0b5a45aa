"""Segments of a backend: spans of time that are stored together, so that they expire together.

A segment's entries share the first 8 bytes of their keys, the segment id: the time divided by the length
of a segment. Expiry removes whole segments with one `delete_range`; what is visible is decided elsewhere,
exactly.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

from mypy_extensions import i64

from streamkit.state.backends.base import Backend
from streamkit.state.keys import long_bytes, long_from

__all__ = ["Segments", "segment_length_ms"]

_MIN_SEGMENT_MS: Final = 60_000


class Segments:
    """The segments of one store.

    Args:
        backend: where they lie.
        retention_ms: how long entries are visible. A segment covers half of it, at least a minute, as in
            Kafka Streams.
    """

    def __init__(self, backend: Backend, retention_ms: i64) -> None:
        self._backend = backend
        self._retention_ms = retention_ms
        self._length_ms = segment_length_ms(retention_ms)
        self._ids: list[int] = []
        self.reload()

    def reload(self) -> None:
        """Find out which segments the backend holds."""
        ids: list[int] = []
        low = b""
        while True:
            first = next(self._backend.range(low, None), None)
            if first is None:
                break
            segment = long_from(first[0])
            ids.append(segment)
            low = long_bytes(segment + 1)
        self._ids = ids

    def key(self, key: bytes, time_ms: i64) -> bytes:
        """The backend's key for the entry `key` of that time."""
        return long_bytes(time_ms // self._length_ms) + key

    def bounds(self, low_ms: i64, high_ms: i64) -> tuple[bytes, bytes]:
        """The range of backend keys that holds all entries of [low_ms, high_ms], and more."""
        return (
            long_bytes(low_ms // self._length_ms),
            long_bytes(high_ms // self._length_ms + 1),
        )

    def holds(self, time_ms: i64) -> bool:
        """Whether the backend has a segment for that time: without one there is nothing to look for."""
        segment = time_ms // self._length_ms
        position = bisect_left(self._ids, segment)
        return position < len(self._ids) and self._ids[position] == segment

    def end(self) -> i64:
        """The last time that the backend may hold; -1 if it is empty."""
        return (self._ids[-1] + 1) * self._length_ms - 1 if self._ids else -1

    def prefixes(self, low_ms: i64, high_ms: i64) -> list[bytes]:
        """The first bytes of the segments that may hold entries of [low_ms, high_ms], ascending."""
        start = bisect_left(self._ids, low_ms // self._length_ms)
        stop = bisect_right(self._ids, high_ms // self._length_ms)
        return [long_bytes(segment) for segment in self._ids[start:stop]]

    def written(self, backend_keys: list[bytes]) -> None:
        """Take note of what was written."""
        for key in backend_keys:
            segment = long_from(key)
            position = bisect_left(self._ids, segment)
            if position == len(self._ids) or self._ids[position] != segment:
                self._ids.insert(position, segment)

    def live_from(self, observed_ms: i64) -> i64:
        """Where the oldest segment begins that lives at `observed_ms`.

        It is the one with the last time that isn't visible any more. Source: AbstractSegments.
        """
        last = observed_ms - self._retention_ms
        return 0 if last <= 0 else last - last % self._length_ms

    def expire(self, observed_ms: i64) -> None:
        """Delete the segments that don't live any more once time has reached `observed_ms`."""
        count = bisect_left(self._ids, self.live_from(observed_ms) // self._length_ms)
        if count:
            self._backend.delete_range(
                long_bytes(self._ids[0]), long_bytes(self._ids[count - 1] + 1)
            )
            del self._ids[:count]


def segment_length_ms(retention_ms: i64) -> i64:
    """How much time a segment covers when entries are visible for `retention_ms`."""
    half: i64 = retention_ms // 2
    return half if half > _MIN_SEGMENT_MS else _MIN_SEGMENT_MS
