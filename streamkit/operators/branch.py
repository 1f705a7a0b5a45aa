"""branch: each record goes to the first branch whose predicate accepts it, else to the default, if any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["StreamBranch"]


class StreamBranch(Operator):
    """Routes to one of its children.

    Args:
        predicates: `f(key, value)` of the branches in order.
        names: child of each branch; one more than predicates: the last one is the default.
    """

    def __init__(
        self, predicates: Sequence[Callable[[Any, Any], object]], names: Sequence[str]
    ) -> None:
        super().__init__()
        self._predicates: Final[list[Any]] = list(predicates)
        self._names: Final[list[str]] = list(names)
        self._targets: list[Operator] | None = None

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        targets = self._targets
        if targets is None:
            by_name = {child.name: child for child in self.children}
            targets = self._targets = [by_name[name] for name in self._names]
        index = 0
        for predicate in self._predicates:
            if predicate(key, value):
                targets[index].process(key, value, timestamp, headers)
                return
            index += 1
        if index < len(targets):
            targets[index].process(key, value, timestamp, headers)
