"""What a versioned store answers."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Version"]


class Version(NamedTuple):
    """A value of a versioned store and the span of time in which it holds.

    Attributes:
        value: the value.
        from_ms: since when, inclusive.
        to_ms: until when, exclusive; None: it is the latest.
    """

    value: object
    from_ms: int
    to_ms: int | None
