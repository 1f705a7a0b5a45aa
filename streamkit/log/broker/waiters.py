"""Those who wait for records: fetches that found too little wait here until enough has come.

Lives on the thread that owns the broker. A waiter is told of each append to a partition that it watches; it
is called back when enough bytes have come, when its time is up, or when the broker stops. What has come is
counted, not read again, so that an append costs a waiter one subtraction. Callbacks run after the call that
caused them: an append is answered before its readers are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streamkit.log.broker.timers import TimerHandle, Timers

__all__ = ["FetchWaiters", "Waiter"]

TopicPartitionKey = tuple[str, int]


class Waiter:
    """One who waits; `FetchWaiters.cancel` takes it back."""

    __slots__ = ("callback", "keys", "missing_bytes", "timer")

    def __init__(
        self,
        keys: tuple[TopicPartitionKey, ...],
        missing_bytes: int,
        callback: Callable[[], None],
    ) -> None:
        self.keys = keys
        self.missing_bytes = missing_bytes
        self.callback: Callable[[], None] | None = callback
        self.timer: TimerHandle | None = None


class FetchWaiters:
    """Waiters by the partitions that they watch."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._watching: dict[TopicPartitionKey, set[Waiter]] = {}
        self._stopped = False

    def wait(
        self,
        keys: Iterable[TopicPartitionKey],
        missing_bytes: int,
        max_wait_ms: int,
        callback: Callable[[], None],
    ) -> Waiter:
        """Call back once, when `missing_bytes` more have come to `keys`, at the latest after `max_wait_ms`."""
        waiter = Waiter(tuple(keys), missing_bytes, callback)
        for key in waiter.keys:
            self._watching.setdefault(key, set()).add(waiter)
        if self._stopped:
            self._finish(waiter)
        else:
            waiter.timer = self._timers.call_later(max_wait_ms, lambda: self._finish(waiter))
        return waiter

    def arrived(self, key: TopicPartitionKey, size: int) -> None:
        """`size` bytes more can be read from the partition `key`."""
        watching = self._watching.get(key)
        if watching is None:
            return
        for waiter in tuple(watching):
            waiter.missing_bytes -= size
            if waiter.missing_bytes <= 0:
                self._finish(waiter)

    def changed(self, key: TopicPartitionKey) -> None:
        """The partition was deleted or cut: whoever watches it must look at once."""
        for waiter in tuple(self._watching.get(key, ())):
            self._finish(waiter)

    def stop(self) -> None:
        """Let everybody look now, and nobody wait any more."""
        self._stopped = True
        for waiter in {waiter for watching in self._watching.values() for waiter in watching}:
            self._finish(waiter)

    def cancel(self, waiter: Waiter) -> None:
        """Forget the waiter; harmless if it was called back or cancelled before."""
        waiter.callback = None
        self._finish(waiter)

    def __len__(self) -> int:
        return len({waiter for watching in self._watching.values() for waiter in watching})

    def _finish(self, waiter: Waiter) -> None:
        if waiter.timer is not None:
            waiter.timer.cancel()
            waiter.timer = None
        for key in waiter.keys:
            watching = self._watching.get(key)
            if watching is not None:
                watching.discard(waiter)
                if not watching:
                    del self._watching[key]
        waiter.keys = ()
        callback, waiter.callback = waiter.callback, None
        if callback is not None:
            self._timers.call_soon(callback)
