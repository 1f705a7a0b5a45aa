"""count over tumbling and hopping windows. Null values count too; no value is ever looked at."""

from __future__ import annotations

from typing import Any

from mypy_extensions import i64

from streamkit.operators.windowed_state import WindowedState

__all__ = ["WindowCount"]


class WindowCount(WindowedState):
    """Counts."""

    def _first(self, key: object, value: object) -> object:
        return 1

    def _next(self, key: object, value: object, old: Any) -> object:
        before: i64 = old
        return before + 1
