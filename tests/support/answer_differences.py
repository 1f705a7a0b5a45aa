"""Where two answers differ that were made plain."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["differences"]


def differences(path: str, expected: object, found: object) -> Iterator[str]:
    """A line for each leaf that differs: what Apache Kafka says there, and what ours does."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in sorted(expected.keys() | found.keys()):
            yield from differences(f"{path}.{name}", expected.get(name), found.get(name))
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, pair in enumerate(zip(expected, found, strict=True)):
            yield from differences(f"{path}[{index}]", *pair)
    elif expected != found:
        yield f"{path}: Kafka {expected!r}, ours {found!r}"
