"""Scheduled calls of one task, on the grid of one clock.

Stream time: multiples of the interval from 0, so the first call comes with the first record. Wall clock:
multiples of the interval from the time of scheduling. A jump over several points makes one call, with the
time after the jump; the grid stays.

Between two records, when commits take place, nothing that a processor's `init` scheduled is due: so a task that
starts again knows from its stream time where each of them stands on its grid. Not so the order of those due
at one time, which comes from what ran before: it is saved with the commit (`places`, `rearrange`).

Source: org.apache.kafka.streams.processor.internals.PunctuationQueue, PunctuationSchedule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mypy_extensions import i64

from streamkit.operators.context import Cancellable

__all__ = ["NEVER", "TIMER", "PunctuationQueue", "Punctuator"]

NEVER: Final[i64] = 0x7FFF_FFFF_FFFF_FFFF
"""A due time that no clock reaches."""

TIMER: Final = ":timer-"
"""Between a node's name and the number of its schedule, where places are saved."""


class Punctuator(Cancellable):
    """One scheduled callback.

    Attributes:
        node: name of the operator that scheduled it, for messages.
        saved_as: the name of its place in a commit; empty if it was not scheduled by an `init`.
    """

    def __init__(
        self,
        node: str,
        due_ms: i64,
        interval_ms: i64,
        callback: Callable[[int], None],
        saved_as: str = "",
    ) -> None:
        self.node = node
        self.saved_as = saved_as
        self.due_ms: i64 = due_ms
        self.interval_ms: i64 = interval_ms
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class PunctuationQueue:
    """The punctuators of one task on one clock, earliest first.

    Those due at one time run in the order of Java's PriorityQueue, which is that of the heap below: one
    may feed the other, so the order shows in the results.

    Attributes:
        next_due_ms: when the earliest is due, `NEVER` if there is none. Compared once a record.
        ran: how many calls so far.
    """

    def __init__(self) -> None:
        self.next_due_ms: i64 = NEVER
        self.ran: i64 = 0
        self._heap: list[Punctuator] = []

    def schedule(self, punctuator: Punctuator) -> None:
        """Add `punctuator`."""
        self._offer(punctuator)
        self.next_due_ms = self._heap[0].due_ms

    def run_due(self, now_ms: i64, call: Callable[[Punctuator, int], None]) -> int:
        """Run what is due at `now_ms` through `call(punctuator, now_ms)`; how many ran."""
        ran = 0
        heap = self._heap
        while heap and heap[0].due_ms <= now_ms:
            punctuator = self._take()
            if punctuator.cancelled:
                continue
            call(punctuator, now_ms)
            ran += 1
            if punctuator.cancelled:
                continue
            missed = (now_ms - punctuator.due_ms) // punctuator.interval_ms
            punctuator.due_ms += (missed + 1) * punctuator.interval_ms
            self._offer(punctuator)
        self.next_due_ms = heap[0].due_ms if heap else NEVER
        self.ran += ran
        return ran

    def places(self) -> dict[str, int]:
        """Where each one stands among those due at one time; nothing if there are no two."""
        if len(self._heap) < 2:
            return {}
        places = enumerate(self._heap)
        return {punctuator.saved_as: place for place, punctuator in places if punctuator.saved_as}

    def rearrange(self, places: Mapping[str, int]) -> None:
        """Order those due at one time as they stood when `places` was asked for."""
        last = len(places)
        again = sorted(self._heap, key=lambda punctuator: places.get(punctuator.saved_as, last))
        self._heap.clear()
        for punctuator in again:
            self._offer(punctuator)

    def _offer(self, punctuator: Punctuator) -> None:
        heap = self._heap
        heap.append(punctuator)
        due = punctuator.due_ms
        index = len(heap) - 1
        while index > 0:
            parent = (index - 1) >> 1
            if due >= heap[parent].due_ms:
                break
            heap[index] = heap[parent]
            index = parent
        heap[index] = punctuator

    def _take(self) -> Punctuator:
        heap = self._heap
        first = heap[0]
        last = heap.pop()
        size = len(heap)
        if size == 0:
            return first
        due = last.due_ms
        index = 0
        half = size >> 1
        while index < half:
            child = 2 * index + 1
            right = child + 1
            if right < size and heap[child].due_ms > heap[right].due_ms:
                child = right
            if due <= heap[child].due_ms:
                break
            heap[index] = heap[child]
            index = child
        heap[index] = last
        return first
