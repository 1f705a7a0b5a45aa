"""A row: the entries of one key in a store that keeps several of them, in the order of their places.

What a place is, `layouts` tells. Places are kept sorted as they come, which is nearly always at the end, so that
a span of time is two searches, however many entries a busy key has.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from mypy_extensions import i64

from streamkit.state.entries import Tombstone

__all__ = ["NOTHING_KNOWN", "Row"]

NOTHING_KNOWN: Final[i64] = 2**63 - 1

_NEAR: Final[i64] = 8

Placed = list[tuple[int, object]]


class Row:
    """See the module.

    Attributes:
        places: sorted.
        entries: in the order of their places.
        complete_from: of a copy of what the backend has: entries of this time and later are all here.
        size: of such a copy: bytes, estimated.
    """

    __slots__ = ("complete_from", "entries", "places", "size")

    def __init__(self, complete_from: i64 = NOTHING_KNOWN) -> None:
        self.places: list[int] = []
        self.entries: list[object] = []
        self.complete_from: i64 = complete_from
        self.size: i64 = 0

    def get(self, place: int) -> object:
        """The entry at a place, or None."""
        index = self._index(place)
        if index < len(self.places) and self.places[index] == place:
            return self.entries[index]
        return None

    def put(self, place: int, entry: object) -> object:
        """Set the entry at a place; the one before, or None."""
        places = self.places
        index = self._index(place)
        if index == len(places):
            places.append(place)
            self.entries.append(entry)
            return None
        if places[index] != place:
            places.insert(index, place)
            self.entries.insert(index, entry)
            return None
        before = self.entries[index]
        self.entries[index] = entry
        return before

    def drop(self, place: int) -> object:
        """Forget the entry at a place; which it was, None if there was none."""
        index = self._index(place)
        if index == len(self.places) or self.places[index] != place:
            return None
        del self.places[index]
        return self.entries.pop(index)

    def _index(self, place: int) -> i64:
        """Where a place is, or would be: it is looked for at the end, then by halves (bench.micro_operators)."""
        places = self.places
        index: i64 = len(places)
        near: i64 = index - _NEAR
        while index > 0 and places[index - 1] >= place:
            index -= 1
            if index == near:
                return bisect_left(places, place, 0, index)
        return index

    def between(self, bottom: int, top: int) -> Placed:
        """(place, entry) with bottom <= place < top, sorted; tombstones too."""
        places = self.places
        size: i64 = len(places)
        if size == 0 or places[size - 1] < bottom or places[0] >= top:
            return []
        start: i64 = 0 if places[0] >= bottom else bisect_left(places, bottom)
        stop: i64 = size if places[size - 1] < top else bisect_left(places, top)
        entries = self.entries
        found: Placed = []
        while start < stop:
            found.append((places[start], entries[start]))
            start += 1
        return found

    def over(self, older: Placed, bottom: int, top: int) -> Placed:
        """`older`, which is sorted and given away, with the entries of this row over it; without tombstones."""
        newer = self.between(bottom, top)
        if not newer:
            return older
        if not older or older[-1][0] < newer[0][0]:
            for item in newer:
                if not isinstance(item[1], Tombstone):
                    older.append(item)
            return older
        found = dict(older)
        for place, entry in newer:
            if isinstance(entry, Tombstone):
                found.pop(place, None)
            else:
                found[place] = entry
        return [(place, found[place]) for place in sorted(found)]

    def prune(self, bottom: int) -> i64:
        """Forget entries below `bottom`; how many."""
        places = self.places
        if not places or places[0] >= bottom:
            return 0
        count: i64 = bisect_left(places, bottom)
        del places[:count]
        del self.entries[:count]
        return count

    def has_tombstones(self) -> bool:
        """Whether any entry is a tombstone."""
        return any(isinstance(entry, Tombstone) for entry in self.entries)
