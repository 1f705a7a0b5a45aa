"""Where two answers differ that were made plain, and which of these differences are meant.

A difference that is meant is pinned leaf by leaf: what else of the same answer changes, shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Difference", "Explained", "differences", "leaves"]


@dataclass(frozen=True)
class Difference:
    """What our answer says in its own way.

    Attributes:
        reason: why it may.
        ours: what it says, by the path of the leaf.
    """

    reason: str
    ours: Mapping[str, Any]


class Explained:
    """Takes the answers to steps one after the other, and knows which of their differences are listed.

    Args:
        listed: by the names of the steps.

    Attributes:
        others: a line for each leaf that differs and isn't listed so.
    """

    def __init__(self, listed: Mapping[str, Difference]) -> None:
        self._listed = listed
        self._seen: set[tuple[str, str]] = set()
        self.others: list[str] = []

    def take(self, step: str, name: str, expected: object, found: object) -> None:
        """Compare the answers to a step, which the list calls `name`."""
        ours = self._listed[name].ours if name in self._listed else {}
        for path, kafka_says, we_say in leaves("", expected, found):
            if path in ours and ours[path] == we_say:
                self._seen.add((name, path))
            else:
                self.others.append(f"{step}{path}: Kafka {kafka_says!r}, ours {we_say!r}")

    def gone(self) -> list[str]:
        """What is listed and didn't come about."""
        return [
            f"{name}{path}"
            for name, difference in self._listed.items()
            for path in difference.ours
            if (name, path) not in self._seen
        ]


def leaves(path: str, expected: object, found: object) -> Iterator[tuple[str, object, object]]:
    """Each leaf that differs: where it is, what Apache Kafka says there, and what ours does.

    What has a name is found by it in a list, all else by its place.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in sorted(expected.keys() | found.keys()):
            yield from leaves(f"{path}.{name}", expected.get(name), found.get(name))
    elif (
        isinstance(expected, list | tuple)
        and isinstance(found, list | tuple)
        and len(expected) == len(found)
    ):
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            name = one.get("name") if isinstance(one, dict) else None
            yield from leaves(f"{path}[{name or index}]", one, other)
    elif expected != found:
        yield path, expected, found


def differences(path: str, expected: object, found: object) -> Iterator[str]:
    """A line for each leaf that differs."""
    for place, kafka_says, we_say in leaves(path, expected, found):
        yield f"{place}: Kafka {kafka_says!r}, ours {we_say!r}"
