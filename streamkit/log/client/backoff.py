"""How long to wait before trying again: exponential, with jitter so that clients spread out."""

from __future__ import annotations

from random import Random

__all__ = ["Backoff"]

_JITTER = 0.2


class Backoff:
    """Pauses of `base_ms`, doubled each time up to `max_ms`, each ±20 %.

    Args:
        base_ms: the first pause.
        max_ms: the longest.
        random: the source of jitter.
    """

    __slots__ = ("_attempts", "_base_ms", "_max_ms", "_random")

    def __init__(self, base_ms: int, max_ms: int, random: Random) -> None:
        self._base_ms = base_ms
        self._max_ms = max(max_ms, base_ms)
        self._random = random
        self._attempts = 0

    @property
    def attempts(self) -> int:
        """How many pauses since the last success."""
        return self._attempts

    def next_seconds(self) -> float:
        """The next pause, in seconds."""
        # 30 doublings exceed every bound; more would only overflow.
        pause = min(self._base_ms << min(self._attempts, 30), self._max_ms)
        self._attempts += 1
        return pause * self._random.uniform(1 - _JITTER, 1 + _JITTER) / 1000

    def reset(self) -> None:
        """Start over after a success."""
        self._attempts = 0
