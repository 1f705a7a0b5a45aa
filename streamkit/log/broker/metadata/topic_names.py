"""Which names topics may have; the rules are Kafka's."""

from __future__ import annotations

import re

__all__ = ["colliding_name", "topic_name_problem"]

_LEGAL = re.compile(r"[a-zA-Z0-9._-]+")
_LONGEST = 249


def topic_name_problem(name: str) -> str | None:
    """What is wrong with `name`, or None if a topic may have it."""
    if not name:
        return "Topic name is invalid: the empty string is not allowed"
    if name in (".", ".."):
        return "Topic name is invalid: '.' or '..' is not allowed"
    if len(name) > _LONGEST:
        return (
            "Topic name is invalid: the length of "
            f"'{name}' is longer than the max allowed length {_LONGEST}"
        )
    if not _LEGAL.fullmatch(name):
        return (
            f"Topic name is invalid: '{name}' contains one or more characters other than "
            "ASCII alphanumerics, '.', '_' and '-'"
        )
    return None


def colliding_name(name: str) -> str:
    """What names must differ in: metrics make no difference between `.` and `_`."""
    return name.replace(".", "_")
