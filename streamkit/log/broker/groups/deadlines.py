"""Deadlines as plain data: what is due when, with no clock and no thread.

The coordinator sets and cancels deadlines by key; whoever owns it moves `now_ms` forward and takes out
what has become due. The broker does so with a steady clock, tests and simulations with a number.
"""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

__all__ = ["Deadlines"]

K = TypeVar("K")


class Deadlines(Generic[K]):
    """A set of keys, each with the time at which it becomes due.

    A key has one deadline: setting it again replaces the old one. Pushing a deadline back, as each heartbeat
    does, costs a dictionary write; the heap entry stays where it is and moves when it surfaces.

    Attributes:
        now_ms: the present, in milliseconds of a clock that never goes back.
    """

    def __init__(self, now_ms: int = 0) -> None:
        self.now_ms = now_ms
        self._due: dict[K, int] = {}
        self._entry: dict[K, int] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, key: K) -> bool:
        return key in self._due

    def set(self, key: K, delay_ms: int) -> None:
        """Make `key` due `delay_ms` from now."""
        due = self.now_ms + delay_ms
        self._due[key] = due
        entry = self._entry.get(key)
        if entry is None or entry > due:
            self._push(key, due)

    def cancel(self, key: K) -> None:
        """Forget `key`; harmless if it has no deadline."""
        self._due.pop(key, None)

    def next_ms(self) -> int | None:
        """When the earliest deadline is due, or None if there is none."""
        self._settle()
        return self._heap[0][0] if self._heap else None

    def pop_due(self) -> K | None:
        """Take out the key whose deadline passed longest ago, or None if none has passed.

        Keys due at the same moment come out in the order in which they were set.
        """
        self._settle()
        if not self._heap or self._heap[0][0] > self.now_ms:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._due[key]
        del self._entry[key]
        return key

    def _settle(self) -> None:
        """Bring the heap's top in line with the deadlines: drop what was cancelled, move what was pushed back."""
        while self._heap:
            due, _, key = self._heap[0]
            if self._entry.get(key) != due:
                heapq.heappop(self._heap)  # replaced by an earlier entry
                continue
            wanted = self._due.get(key)
            if wanted == due:
                return
            heapq.heappop(self._heap)
            del self._entry[key]
            if wanted is not None:
                self._push(key, wanted)

    def _push(self, key: K, due: int) -> None:
        self._sequence += 1
        self._entry[key] = due
        heapq.heappush(self._heap, (due, self._sequence, key))
