"""Taking what was fetched: chunks become columns or records, in the order of their partitions' turns.

On the calling thread. A partition's position moves past what is returned, and past batches that hold nothing
for the caller.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from streamkit.errors import CorruptRecordError
from streamkit.log.client.columns import split_batch, take_batch, to_records
from streamkit.log.client.fetch_state import Chunk, FetchState
from streamkit.log.client.records import ConsumerRecord, FetchedBatch

__all__ = ["Polling"]

_WAIT_SECONDS = 0.5


class Polling:
    """The polls of one consumer.

    Args:
        state: what was fetched.
        fetch_more: called when there is room for more.
        before_poll: called first in each poll, and after each interruption of its wait.
        interrupts: called now and then while a poll waits; True: `before_poll` has something to do.
        max_poll_records: bound on what `records` returns.
        check_crcs: verify each batch's checksum.
    """

    def __init__(
        self,
        state: FetchState,
        *,
        fetch_more: Callable[[], None],
        before_poll: Callable[[], None],
        interrupts: Callable[[], bool],
        max_poll_records: int,
        check_crcs: bool,
    ) -> None:
        self._state = state
        self._fetch_more = fetch_more
        self._before_poll = before_poll
        self._interrupts = interrupts
        self._max_poll_records = max_poll_records
        self._check_crcs = check_crcs
        # Of `records` only: fetched under an epoch, and not returned yet.
        self._leftover: deque[tuple[int, FetchedBatch]] = deque()

    def records(self, timeout: float) -> list[ConsumerRecord]:
        """At most `max_poll_records` records; waits for the first one."""
        if self._leftover:
            self._before_poll()
            records = self._from_leftover()
            # What is left of paused partitions must not keep the others waiting.
            if records:
                return records
        for batch in self._take(timeout, self._max_poll_records, advance=False):
            epoch = self._state.partitions[batch.topic_partition].epoch
            self._leftover.append((epoch, batch))
        return self._from_leftover()

    def batches(self, timeout: float, max_records: int) -> list[FetchedBatch]:
        """Whole batches, none taken any more once `max_records` are in hand; waits for the first one."""
        if self._leftover:
            self._before_poll()
            batches = self._whole_leftover()
            if batches:
                return batches
        return self._take(timeout, max_records, advance=True)

    def _whole_leftover(self) -> list[FetchedBatch]:
        """What is left of polls for records, of partitions that are not paused: it comes before all else."""
        batches: list[FetchedBatch] = []
        for _ in range(len(self._leftover)):
            epoch, batch = self._leftover.popleft()
            state = self._state.partitions.get(batch.topic_partition)
            if state is None or state.epoch != epoch:
                continue
            if state.paused:
                self._leftover.append((epoch, batch))
                continue
            batches.append(batch)
            state.position = batch.next_offset
        return batches

    def _from_leftover(self) -> list[ConsumerRecord]:
        records: list[ConsumerRecord] = []
        for _ in range(len(self._leftover)):
            room = self._max_poll_records - len(records)
            if room <= 0:
                break
            epoch, batch = self._leftover.popleft()
            state = self._state.partitions.get(batch.topic_partition)
            # A seek or a rebalance since it was fetched makes it void.
            if state is None or state.epoch != epoch:
                continue
            if state.paused:
                self._leftover.append((epoch, batch))
                continue
            taken, rest = split_batch(batch, room)
            records += to_records(taken)
            state.position = taken.next_offset
            if rest is not None:
                self._leftover.appendleft((epoch, rest))
        return records

    def _take(self, timeout: float, max_records: int, *, advance: bool) -> list[FetchedBatch]:
        deadline = time.monotonic() + timeout
        batches: list[FetchedBatch] = []
        count = 0
        while True:
            self._before_poll()
            while count < max_records:
                with self._state.condition:
                    chunk = self._state.next_chunk()
                if chunk is None:
                    break
                state = chunk.state
                try:
                    batch = take_batch(chunk, check_crcs=self._check_crcs)
                except CorruptRecordError:
                    if not batches:
                        raise
                    # What came before it counts; the next poll meets it again.
                    return batches
                if batch is not None:
                    batches.append(batch)
                    count += len(batch.columns)
                    if advance:
                        state.position = batch.next_offset
                else:
                    self._pass_over(chunk, batches, advance=advance)
                if chunk.next >= len(chunk.entries):
                    self._state.finish(chunk)
                    self._fetch_more()
            if batches or not self._wait_for_news(deadline):
                return batches

    def _pass_over(self, chunk: Chunk, batches: list[FetchedBatch], *, advance: bool) -> None:
        """Move past a batch without records: with the batch before it, if there is one."""
        tp = chunk.state.topic_partition
        offset = chunk.entries[chunk.next - 1][1].next_offset
        before = next((b for b in reversed(batches) if b.topic_partition == tp), None)
        if before is not None:
            before.next_offset = offset
        if before is None or advance:
            chunk.state.position = offset

    def _wait_for_news(self, deadline: float) -> bool:
        """Wait until something has happened; False at the deadline, or when woken."""
        condition = self._state.condition
        with condition:
            while True:
                if self._state.woken:
                    self._state.woken = False
                    return False
                if self._state.error is not None or self._state.fatal is not None:
                    return True
                if self._state.next_chunk() is not None or self._interrupts():
                    return True
                rest = deadline - time.monotonic()
                if rest <= 0:
                    return False
                # In slices: a caller that waits here is polling all the time.
                condition.wait(min(rest, _WAIT_SECONDS))
