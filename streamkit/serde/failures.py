"""The messages of serdes that refuse: what was there, what was expected, what to do."""

from __future__ import annotations

from typing import Final

from streamkit.errors import SerdeError, caused_by

__all__ = ["short", "unreadable", "unwritable"]

_REPR_CHARS: Final = 60


def short(value: object) -> str:
    """The repr of `value`, cut to one line's length."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a user's __repr__; the message must come out anyway
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= _REPR_CHARS else text[: _REPR_CHARS - 1] + "…"


def unwritable(
    serde: str, topic: str, value: object, expected: str, cause: BaseException | None = None
) -> SerdeError:
    """The error for a value that `serde` can't write."""
    error = SerdeError(
        f"serde '{serde}' can't write a value of type {type(value).__name__} for topic '{topic}': "
        f"{short(value)}; it takes {expected}",
        serde=serde,
        topic=topic or None,
    )
    if cause is not None:
        caused_by(error, cause)
    return error


def unreadable(
    serde: str, topic: str, data: bytes, expected: str, cause: BaseException | None = None
) -> SerdeError:
    """The error for bytes that `serde` can't read."""
    error = SerdeError(
        f"serde '{serde}' can't read {len(data)} bytes of topic '{topic}': {short(data)}; "
        f"it expects {expected}",
        serde=serde,
        topic=topic or None,
    )
    if cause is not None:
        caused_by(error, cause)
    return error
