"""Stream-table join: each record of the stream meets the row that the table has for its key at that moment.

The table's updates send nothing. Records without a value are dropped; without a key too, but a left join
sends them on with None. Of a versioned table it is the row at the record's time. The result has the stream record's timestamp. Source: KStreamKTableJoin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.getter import ValueGetter

__all__ = ["StreamTableJoin"]


class StreamTableJoin(Operator):
    """Joins with `joiner(value, row)`, or `joiner(key, value, row)` if `with_key`.

    Args:
        make_getter: makes what looks up rows.
        left: records without a row go on with None.
        with_key: the joiner takes the key too.
        reuse_raw_key: the source record's key bytes are what the table's key serde would write.
    """

    def __init__(
        self,
        make_getter: Callable[[], ValueGetter],
        joiner: Callable[..., Any],
        *,
        left: bool = False,
        with_key: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__()
        self._getter: Final[ValueGetter] = make_getter()
        self._joiner: Final[Any] = joiner
        self._left: Final = left
        self._with_key: Final = with_key
        self._reuse_raw_key: Final = reuse_raw_key

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._getter.init(context, self.name)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if value is None:
            self.context.drop(self.name, "null value")
            return
        row: object = None
        if key is not None:
            raw_key = self.context.record.raw_key if self._reuse_raw_key else None
            entry = self._getter.get_as_of(key, raw_key, timestamp)
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
