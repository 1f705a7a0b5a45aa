"""The order of one partition's batches on their way: sequences, retries, in-flight bound.

Pure: no socket, no clock. Lives on the network thread.

Why no duplicate and no gap: a batch gets its sequence when it is first sent and keeps it over all
retries. After a failure nothing new is sent; what failed is sent again in order, each only once
no younger batch is under way. A broker that has a batch already answers with its offset or as a duplicate,
and one that misses an earlier batch refuses the later ones. A refusal for a
sequence is final only for the oldest batch not acknowledged: then an older one was given up and never
written, and the partition starts over under a new producer id from sequence 0.

A broker remembers the last five batches of a producer. So no sixth one is sent while the first of them is not
acknowledged, even if its retry alone is under way: the broker would have forgotten that it has that one, and refuse it.

A broker takes any sequence from a producer id that it does not know. So the first batch under an id goes
alone, until it is acknowledged: else a second one could overtake a first that failed on its way.

Source: KIP-98, KIP-360.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from streamkit.log.client.accumulator import ProducerBatch

__all__ = ["Identity", "Pipeline", "next_sequence"]

_SEQUENCE_MASK = 0x7FFFFFFF
_REMEMBERED = 5


class Identity(NamedTuple):
    """Producer id and epoch; -1 and -1: not idempotent."""

    producer_id: int
    producer_epoch: int


def next_sequence(sequence: int, count: int) -> int:
    """The sequence `count` records later; after 2^31 - 1 comes 0."""
    return (sequence + count) & _SEQUENCE_MASK


class Pipeline:
    """Batches of one partition, in order.

    Args:
        identity: of the producer, when the partition is first used.
        max_in_flight: batches under way at most, 1 to 5 (a broker remembers five).

    Attributes:
        not_before: no batch is sent before this time (the owner's clock).
        needs_reset: a new identity is needed before anything else is sent.
    """

    __slots__ = (
        "_in_flight",
        "_known",
        "_max_in_flight",
        "_next",
        "_pending",
        "_retries",
        "_unsettled",
        "identity",
        "needs_reset",
        "not_before",
    )

    def __init__(self, identity: Identity, max_in_flight: int = 5) -> None:
        self.identity = identity
        self.not_before = 0.0
        self.needs_reset = False
        self._max_in_flight = max_in_flight
        self._next = 0
        self._known = identity.producer_id < 0  # the broker has acknowledged this identity
        self._pending: deque[ProducerBatch] = deque()
        self._retries: list[ProducerBatch] = []
        self._in_flight: list[ProducerBatch] = []
        # Numbers of what was sent with a sequence, from the oldest batch not acknowledged on.
        self._unsettled: list[int] = []

    def __len__(self) -> int:
        return len(self._pending) + len(self._retries) + len(self._in_flight)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def waiting(self) -> bool:
        """Whether a batch waits to be sent."""
        return bool(self._retries or self._pending)

    def add(self, batch: ProducerBatch) -> None:
        """A new batch, younger than all others."""
        self._pending.append(batch)

    def peek(self) -> ProducerBatch | None:
        """The batch that may be sent now, if any."""
        limit = self._max_in_flight if self._known else 1
        if self.needs_reset or len(self._in_flight) >= limit:
            return None
        if self._retries:
            first = self._retries[0]
            younger = any(batch.number >= first.number for batch in self._in_flight)
            return None if younger or self._must_wait(first) else first
        if not self._pending or self._must_wait(self._pending[0]):
            return None
        return self._pending[0]

    def take(self) -> ProducerBatch:
        """Start sending what `peek` showed: gives it its sequence if it has none."""
        batch = self._retries.pop(0) if self._retries else self._pending.popleft()
        if batch.base_sequence < 0 and self.identity.producer_id >= 0:
            batch.producer_id, batch.producer_epoch = self.identity
            batch.base_sequence = self._next
            self._next = next_sequence(self._next, int(batch.count))
        self._in_flight.append(batch)
        if batch.base_sequence >= 0:
            oldest = min(each.number for each in self._in_flight)
            self._unsettled = [n for n in self._unsettled if n >= oldest and n != batch.number]
            self._unsettled.append(batch.number)
        return batch

    def acknowledged(self, batch: ProducerBatch) -> None:
        """A batch under way is in the log."""
        self._in_flight.remove(batch)
        self._known = True

    def failed(self, batch: ProducerBatch) -> None:
        """A batch under way failed for good."""
        self._in_flight.remove(batch)

    def retry(self, batch: ProducerBatch) -> None:
        """A batch under way has to be sent again."""
        self._in_flight.remove(batch)
        self._insert(batch)

    def split(self, batch: ProducerBatch, first: ProducerBatch, second: ProducerBatch) -> None:
        """A batch under way has to be sent again in two parts, which share out its sequences."""
        self._in_flight.remove(batch)
        half = batch.span // 2
        first.number, first.span = batch.number, half
        second.number, second.span = batch.number + half, half
        for part in (first, second):
            part.producer_id, part.producer_epoch = batch.producer_id, batch.producer_epoch
        if batch.base_sequence >= 0:
            first.base_sequence = batch.base_sequence
            second.base_sequence = next_sequence(int(batch.base_sequence), int(first.count))
        self._insert(first)
        self._insert(second)

    def is_oldest(self, batch: ProducerBatch) -> bool:
        """Whether no older batch is unacknowledged: then a refusal of its sequence is final."""
        older = batch.number
        return not any(b.number < older for b in self._retries) and not any(
            b.number < older for b in self._in_flight
        )

    def reset(self, identity: Identity) -> None:
        """Go on under a new producer id, from sequence 0. Nothing may be under way."""
        assert not self._in_flight
        self.identity = identity
        self.needs_reset = False
        self._known = identity.producer_id < 0
        self._next = 0
        self._unsettled = []
        for batch in self._retries:
            batch.producer_id, batch.producer_epoch = identity
            batch.base_sequence = self._next
            self._next = next_sequence(self._next, int(batch.count))

    def expire(self, before: float) -> list[ProducerBatch]:
        """Give up batches that are older than a time (of their first record) and not under way."""
        expired = [b for b in self._retries if b.created <= before]
        if expired:
            self._retries = [b for b in self._retries if b.created > before]
        while self._pending and self._pending[0].created <= before:
            expired.append(self._pending.popleft())
        return expired

    def drop(self) -> list[ProducerBatch]:
        """Give up all that is not under way."""
        dropped = [*self._retries, *self._pending]
        self._retries = []
        self._pending.clear()
        return dropped

    def abandon(self) -> list[ProducerBatch]:
        """Give up what is under way: nobody will tell what came of it."""
        abandoned, self._in_flight = self._in_flight, []
        return abandoned

    def _must_wait(self, batch: ProducerBatch) -> bool:
        """Whether the broker would forget one under way over this one."""
        if len(self._unsettled) < _REMEMBERED or not self._in_flight:
            return False
        oldest = min(each.number for each in self._in_flight)
        if batch.number < oldest or batch.number in self._unsettled:
            return False
        return sum(number >= oldest for number in self._unsettled) >= _REMEMBERED

    def _insert(self, batch: ProducerBatch) -> None:
        at = len(self._retries)
        while at > 0 and self._retries[at - 1].number > batch.number:
            at -= 1
        self._retries.insert(at, batch)
