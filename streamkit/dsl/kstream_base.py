"""What all operations of a stream have in common: the place that they begin at."""

from __future__ import annotations

from typing import Generic, TypeVar

from streamkit.dsl.stream_node import StreamNode

__all__ = ["StreamOperations"]

K = TypeVar("K")
V = TypeVar("V")


class StreamOperations(Generic[K, V]):
    """Operations on the records at one place in the program."""

    def __init__(self, place: StreamNode) -> None:
        self._place = place

    @property
    def place(self) -> StreamNode:
        """Where the stream stands in the program."""
        return self._place
