"""Those who wait for records: fetches that found too little wait here until enough has come.

Lives on the thread that owns the broker. A waiter is told of each append to a partition that it watches; it
looks again when enough bytes have come, when its time is up, or when the broker stops. What has come is
counted, not read again, so that an append costs a waiter one subtraction. Who reads committed records only
counts what is stable: an append behind an open transaction is nothing to it, until a marker moves the last
stable offset. Looks follow the call that caused them: an append is answered before its readers are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streamkit.log.broker.timers import TimerHandle, Timers

__all__ = ["FetchWaiters", "Look", "Waiter"]

TopicPartitionKey = tuple[str, int]
Look = Callable[[bool], int]
"""Called with whether this is the last look; returns how many bytes are still missing, 0: waits no more."""


class Waiter:
    """One who waits; `FetchWaiters.cancel` takes it back."""

    __slots__ = ("committed", "is_due", "keys", "look", "missing_bytes", "timer")

    def __init__(
        self,
        keys: tuple[TopicPartitionKey, ...],
        missing_bytes: int,
        look: Look,
        *,
        committed: bool,
    ) -> None:
        self.keys = keys
        self.missing_bytes = missing_bytes
        self.look: Look | None = look
        self.committed = committed
        self.is_due = False
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
        look: Look,
        *,
        committed: bool = False,
    ) -> Waiter:
        """Look again when `missing_bytes` more have come to `keys`, for the last time after `max_wait_ms`.

        Args:
            keys: the partitions to watch.
            missing_bytes: what is to come before it is worth a look.
            max_wait_ms: when it is the last look.
            look: see `Look`.
            committed: only what is stable counts.
        """
        waiter = Waiter(tuple(keys), missing_bytes, look, committed=committed)
        for key in waiter.keys:
            self._watching.setdefault(key, set()).add(waiter)
        if self._stopped:
            self._finish(waiter)
        else:
            waiter.timer = self._timers.call_later(max_wait_ms, lambda: self._finish(waiter))
        return waiter

    def watches(self, key: TopicPartitionKey) -> bool:
        """Whether anybody waits for the partition `key`."""
        return key in self._watching

    def arrived(self, key: TopicPartitionKey, size: int, *, stable: bool = True) -> None:
        """`size` bytes more have come to the partition `key`; not `stable`: behind an open transaction."""
        for waiter in self._watching.get(key, ()):
            if stable or not waiter.committed:
                waiter.missing_bytes -= size
                if waiter.missing_bytes <= 0:
                    self._look_soon(waiter)

    def stabilized(self, key: TopicPartitionKey) -> None:
        """The last stable offset of the partition `key` has moved: what came before may count now."""
        for waiter in self._watching.get(key, ()):
            if waiter.committed:
                self._look_soon(waiter)

    def changed(self, key: TopicPartitionKey) -> None:
        """The partition was deleted or cut: whoever watches it must look at once."""
        for waiter in self._watching.get(key, ()):
            self._look_soon(waiter)

    def stop(self) -> None:
        """Let everybody look for the last time now, and nobody wait any more."""
        self._stopped = True
        for waiter in {waiter for watching in self._watching.values() for waiter in watching}:
            self._finish(waiter)

    def cancel(self, waiter: Waiter) -> None:
        """Forget the waiter; harmless if it has had its last look or was cancelled before."""
        waiter.look = None
        self._forget(waiter)

    def __len__(self) -> int:
        return len({waiter for watching in self._watching.values() for waiter in watching})

    def _look_soon(self, waiter: Waiter) -> None:
        if not waiter.is_due:
            waiter.is_due = True
            self._timers.call_soon(lambda: self._look(waiter))

    def _look(self, waiter: Waiter) -> None:
        waiter.is_due = False
        if waiter.look is not None:
            waiter.missing_bytes = waiter.look(False)
            if waiter.missing_bytes <= 0:
                self.cancel(waiter)

    def _finish(self, waiter: Waiter) -> None:
        """Have it look for the last time, soon."""
        self._forget(waiter)
        look, waiter.look = waiter.look, None
        if look is not None:
            self._timers.call_soon(lambda: _last(look))

    def _forget(self, waiter: Waiter) -> None:
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


def _last(look: Look) -> None:
    look(True)
