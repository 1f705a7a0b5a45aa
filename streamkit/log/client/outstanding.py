"""Batches that a producer has taken on and not answered for yet: their futures, and who waits for a flush.

On the network thread. Each batch ends here once: acknowledged or failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from streamkit.errors import StreamkitError
from streamkit.log.client.accumulator import Accumulator, ProducerBatch
from streamkit.log.client.records import RecordMetadata

__all__ = ["Outstanding"]


class Outstanding:
    """The batches that are under way or wait for their turn.

    Args:
        accumulator: gives their memory back, and takes failures of records without a future.

    Attributes:
        failure: of the first batch that failed since this was set to None.
    """

    def __init__(self, accumulator: Callable[[], Accumulator]) -> None:
        self.failure: StreamkitError | None = None
        self._accumulator = accumulator
        self._numbers: dict[int, None] = {}
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []

    def add(self, batch: ProducerBatch) -> None:
        """Take a batch on."""
        self._numbers[int(batch.number)] = None

    def split(self, batch: ProducerBatch, first: ProducerBatch, second: ProducerBatch) -> None:
        """Two batches take the place of one."""
        del self._numbers[int(batch.number)]
        self.add(first)
        self.add(second)

    async def flushed(self, number: int) -> None:
        """Wait until every batch up to a number has ended."""
        if self._oldest() <= number:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._flushes.append((number, waiter))
            await waiter

    def acknowledged(self, batch: ProducerBatch, base_offset: int, append_time_ms: int) -> None:
        """The batch is in the log; -1 for an offset or a time that the broker doesn't tell."""
        for index, timestamp, future in batch.futures:
            receipt = RecordMetadata(
                batch.topic,
                int(batch.partition),
                base_offset + index if base_offset >= 0 else -1,
                append_time_ms if append_time_ms >= 0 else timestamp,
            )
            _resolve(future, receipt)
        self._ended(batch)

    def failed(self, batch: ProducerBatch, error: StreamkitError) -> None:
        """The batch will not be sent any more."""
        self.failure = self.failure or error
        if batch.plain:
            self._accumulator().fail(error)
        for _, _, future in batch.futures:
            _reject(future, error)
        self._ended(batch)

    def _ended(self, batch: ProducerBatch) -> None:
        self._numbers.pop(int(batch.number), None)
        self._accumulator().release(int(batch.size))
        if not self._flushes:
            return
        oldest = self._oldest()
        waiting = []
        for number, waiter in self._flushes:
            if oldest <= number:
                waiting.append((number, waiter))
            elif not waiter.done():
                waiter.set_result(None)
        self._flushes = waiting

    def _oldest(self) -> float:
        # Keys go in by number, except for parts of a batch that was split.
        return min(self._numbers, default=float("inf"))


def _resolve(future: Future[Any], result: RecordMetadata) -> None:
    if future.set_running_or_notify_cancel():
        future.set_result(result)


def _reject(future: Future[Any], error: StreamkitError) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error)
