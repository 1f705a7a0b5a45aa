"""Stream-global-table join: each record meets the row of a key that a function takes from it.

Only the mapped key counts, the record's own may be None. A mapped key of None: an inner join drops the
record, a left join sends it on with None. Records without a value are dropped. The result keeps the
record's key and timestamp. Source: KStreamGlobalKTableJoin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.getter import ValueGetter

__all__ = ["StreamGlobalTableJoin"]


class StreamGlobalTableJoin(Operator):
    """Joins with `joiner(value, row)`, or `joiner(key, value, row)` if `with_key`.

    Args:
        make_getter: makes what looks up rows.
        selector: `f(key, value)` -> key of the global table, or None.
        left: records without a row go on with None.
        with_key: the joiner takes the record's key too.
    """

    def __init__(
        self,
        make_getter: Callable[[], ValueGetter],
        selector: Callable[[Any, Any], Any],
        joiner: Callable[..., Any],
        *,
        left: bool = False,
        with_key: bool = False,
    ) -> None:
        super().__init__()
        self._getter: Final[ValueGetter] = make_getter()
        self._selector: Final[Any] = selector
        self._joiner: Final[Any] = joiner
        self._left: Final = left
        self._with_key: Final = with_key

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._getter.init(context, self.name)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if value is None:
            self.context.drop(self.name, "null value")
            return
        row: object = None
        row_key = self._selector(key, value)
        if row_key is not None:
            entry = self._getter.get(row_key, None)
            if entry is not None:
                row = entry[0]
        elif not self._left:
            self.context.drop(self.name, "null key")
            return
        if row is not None or self._left:
            result = self._joiner(key, value, row) if self._with_key else self._joiner(value, row)
            self.forward(key, result, timestamp, headers)

    def close(self) -> None:
        self._getter.close()
