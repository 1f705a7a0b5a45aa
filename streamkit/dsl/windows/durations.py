"""Lengths of time as users give them: a `timedelta`, or an `int` of milliseconds."""

from __future__ import annotations

from datetime import timedelta

from streamkit.errors import ConfigError

__all__ = ["idle_to_ms", "to_ms"]


def to_ms(value: timedelta | int, name: str, *, least: int = 0) -> int:
    """`value` in milliseconds.

    Raises:
        ConfigError: neither a timedelta nor an int, or below `least`; names the argument.
    """
    if isinstance(value, timedelta):
        ms = value // timedelta(milliseconds=1)
    elif isinstance(value, int) and not isinstance(value, bool):
        ms = value
    else:
        raise ConfigError(f"{name} is a timedelta or an int of milliseconds, not {value!r}")
    if ms < least:
        raise ConfigError(f"{name} is at least {least} ms, not {ms} ms")
    return ms


def idle_to_ms(value: timedelta | int | None) -> int:
    """An idle time in milliseconds, -1 for none.

    Raises:
        ConfigError: as `to_ms`, or 0.
    """
    return -1 if value is None else to_ms(value, "idle", least=1)
