"""reduce over tumbling and hopping windows; the first value of a window is taken as it is, null too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.operators.windowed_state import WindowedState

__all__ = ["WindowReduce"]


class WindowReduce(WindowedState):
    """Folds with `reducer(value so far, new value)`."""

    def __init__(
        self,
        store: str,
        size_ms: i64,
        advance_ms: i64,
        grace_ms: i64,
        reducer: Callable[[Any, Any], Any],
        *,
        send_old: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__(
            store, size_ms, advance_ms, grace_ms, send_old=send_old, reuse_raw_key=reuse_raw_key
        )
        self._reducer: Final[Any] = reducer

    def _first(self, key: object, value: object) -> object:
        return value

    def _next(self, key: object, value: object, old: Any) -> object:
        result: object = self._reducer(old, value)
        return result
