"""GlobalKTable: a table that every worker holds whole.

Source: org.apache.kafka.streams.kstream.GlobalKTable.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from streamkit.dsl.backing import MakeGetter

__all__ = ["GlobalKTable"]

K = TypeVar("K")
V = TypeVar("V")


class GlobalKTable(Generic[K, V]):
    """A topic as a table that every worker holds whole, for joins on any key.

    Example:
        >>> builder = StreamsBuilder()
        >>> names = builder.global_table("names", key=str, value=str, store="names")
        >>> names.store_name
        'names'
    """

    def __init__(self, getter: MakeGetter, store_name: str | None) -> None:
        self._getter = getter
        self._store_name = store_name

    @property
    def store_name(self) -> str | None:
        """Name of its store if the program gave one, for queries."""
        return self._store_name

    @property
    def getter(self) -> MakeGetter:
        """Makes what looks up its rows; for joins."""
        return self._getter
