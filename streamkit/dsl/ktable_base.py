"""What all operations of a table have in common: its place in the program, and what stands behind it."""

from __future__ import annotations

from typing import Generic, TypeVar

from streamkit.dsl.backing import TableBacking
from streamkit.dsl.stream_node import StreamNode

__all__ = ["TableOperations"]

K = TypeVar("K")
V = TypeVar("V")


class TableOperations(Generic[K, V]):
    """Operations on the rows at one place in the program."""

    def __init__(self, place: StreamNode, backing: TableBacking) -> None:
        self._place = place
        self._backing = backing
        if backing.says_history:
            place.node.has_history = backing.history_ms is not None

    @property
    def store_name(self) -> str | None:
        """Name of its store if the program gave one, for queries."""
        return self._backing.queryable

    @property
    def place(self) -> StreamNode:
        """Where the table stands in the program; for joins."""
        return self._place

    @property
    def backing(self) -> TableBacking:
        """What stands behind it; for joins."""
        return self._backing
