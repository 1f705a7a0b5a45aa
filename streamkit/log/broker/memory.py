"""Memory for requests and answers in flight: a bound over all connections, whatever clients do.

| what | bound | beyond it |
| --- | --- | --- |
| requests larger than the buffer that every connection has | `queued.max.request.bytes` | the connection isn't read from until others have given back; in the order of asking |
| answers that clients haven't taken yet | the same again | fetches answer with one batch at a time |

A request asks for its whole size once, when the small buffer is full: so a length that lies takes nothing, and no
two requests wait half-way for each other. A single request always fits. Lives on the broker's loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["FlightMemory", "MemoryHolder"]


class MemoryHolder(Protocol):
    """A connection, as far as memory is concerned."""

    def trim(self) -> None:
        """Give back what isn't needed at the moment."""
        ...


class FlightMemory:
    """Who holds how much; see the module.

    Args:
        limit: bytes of large requests, and again of answers that wait; -1: no bound.

    Attributes:
        request_bytes, answer_bytes: what is held now.
    """

    __slots__ = ("_answers", "_limit", "_requests", "_waiting", "answer_bytes", "request_bytes")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._requests: dict[MemoryHolder, int] = {}
        self._answers: dict[MemoryHolder, int] = {}
        self._waiting: dict[MemoryHolder, tuple[int, Callable[[], None]]] = {}
        self.request_bytes = 0
        self.answer_bytes = 0

    def ask(self, holder: MemoryHolder, size: int, granted: Callable[[], None]) -> bool:
        """Let `holder` have `size` bytes in all for its request.

        Returns:
            True: it has them; False: `granted` is called when it has, until then it must not grow.
        """
        if not self._waiting and self._grant(holder, size):
            return True
        self._waiting[holder] = (size, granted)
        # Connections that are idle may sit on the buffer of their last large request.
        for other in list(self._requests):
            other.trim()
        self._serve()
        return holder not in self._waiting

    def give_back(self, holder: MemoryHolder) -> None:
        """`holder` has no large request any more, and waits for no room."""
        self._waiting.pop(holder, None)
        held = self._requests.pop(holder, 0)
        self.request_bytes -= held
        if held:
            self._serve()

    @property
    def is_short(self) -> bool:
        """Whether a connection waits for memory."""
        return bool(self._waiting)

    def hold_answer(self, holder: MemoryHolder, size: int) -> None:
        """`size` bytes of answers wait for `holder` to take them; 0: none any more."""
        self.answer_bytes += size - self._answers.pop(holder, 0)
        if size:
            self._answers[holder] = size

    def room_for_answer(self, wanted: int) -> int:
        """How much of `wanted` bytes an answer may have; 0: as little as makes sense."""
        if self._limit < 0:
            return wanted
        return max(0, min(wanted, self._limit - self.answer_bytes))

    @property
    def is_full_of_answers(self) -> bool:
        """Whether answers are cut short for want of memory."""
        return 0 <= self._limit <= self.answer_bytes

    def _grant(self, holder: MemoryHolder, size: int) -> bool:
        more = size - self._requests.get(holder, 0)
        others = self.request_bytes > self._requests.get(holder, 0)
        if 0 <= self._limit < self.request_bytes + more and others:
            return False
        if more > 0:
            self._requests[holder] = size
            self.request_bytes += more
        return True

    def _serve(self) -> None:
        """Grant those who wait what there is now, the first first."""
        while self._waiting:
            holder, (size, granted) = next(iter(self._waiting.items()))
            if not self._grant(holder, size):
                return
            del self._waiting[holder]
            granted()
