"""aggregate over tumbling and hopping windows: one value a key and window. Null values are folded too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.operators.windowed_state import WindowedState

__all__ = ["WindowAggregate"]


class WindowAggregate(WindowedState):
    """Folds with `aggregator(key, value, aggregate)`, starting from `initializer()`."""

    def __init__(
        self,
        store: str,
        size_ms: i64,
        advance_ms: i64,
        grace_ms: i64,
        initializer: Callable[[], Any],
        aggregator: Callable[[Any, Any, Any], Any],
        *,
        send_old: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__(
            store, size_ms, advance_ms, grace_ms, send_old=send_old, reuse_raw_key=reuse_raw_key
        )
        self._initializer: Final[Any] = initializer
        self._aggregator: Final[Any] = aggregator

    def _first(self, key: object, value: object) -> object:
        result: object = self._aggregator(key, value, self._initializer())
        return result

    def _next(self, key: object, value: object, old: Any) -> object:
        result: object = self._aggregator(key, value, old)
        return result
