"""An update of a table, as it flows between table operators."""

from __future__ import annotations

__all__ = ["Change"]


class Change:
    """The new value of a key and, where the plan asks for it, the one before.

    Compiled, and built once a record on the hot path, hence a plain slotted class.

    Attributes:
        old: the value before this update; None if there was none, or if nobody downstream needs it.
        new: the value now; None if the key was deleted.
        is_latest: False for an out-of-order update of a versioned table, which joins and
            aggregations ignore.
    """

    __slots__ = ("is_latest", "new", "old")

    def __init__(self, old: object, new: object, is_latest: bool = True) -> None:
        self.old: object = old
        self.new: object = new
        self.is_latest: bool = is_latest

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Change):
            return NotImplemented
        return self.old == other.old and self.new == other.new and self.is_latest == other.is_latest

    def __hash__(self) -> int:
        return hash((self.old, self.new, self.is_latest))

    def __repr__(self) -> str:
        return f"Change(old={self.old!r}, new={self.new!r})"
