"""Table-table join: an update of one side meets the live row of the other.

One operator stands on each side, both feed a merge. Nothing goes out where the result was and is absent,
except that an update of an inner join's one side repeats the result of a live other side. The result has
the later timestamp of the update and the other row. Source: KTableKTableInnerJoin, …LeftJoin, …RightJoin,
…OuterJoin, KTableKTableJoinMerger.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.getter import ValueGetter
from streamkit.operators.table_state import TableState

__all__ = ["TableJoinMerge", "TableTableJoin"]


class TableTableJoin(Operator):
    """One side's updates against the other side's rows.

    Args:
        make_getter: makes what looks up the other side.
        joiner: `f(left, right)`.
        is_left: this side is the left one.
        needs_this: no result without a row of this side.
        needs_other: no result without a row of the other side.
        send_old: put the result before into each `Change`.
    """

    def __init__(
        self,
        make_getter: Callable[[], ValueGetter],
        joiner: Callable[[Any, Any], Any],
        *,
        is_left: bool,
        needs_this: bool,
        needs_other: bool,
        send_old: bool = False,
    ) -> None:
        super().__init__()
        self._getter: Final[ValueGetter] = make_getter()
        self._joiner: Final[Any] = joiner
        self._is_left: Final = is_left
        self._needs_this: Final = needs_this
        self._needs_other: Final = needs_other
        self._send_old: Final = send_old

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._getter.init(context, self.name)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Change)
        if key is None:
            self.context.drop(self.name, "null key")
            return
        if not value.is_latest:
            self.context.drop(self.name, "out of order")
            return
        entry = self._getter.get(key, None)
        other: object = None
        if entry is not None:
            other = entry[0]
        if other is None:
            if self._needs_other or (value.new is None and value.old is None):
                return
        else:
            assert entry is not None
            entry_timestamp: i64 = entry[1]
            if entry_timestamp > timestamp:
                timestamp = entry_timestamp
        new = self._joined(value.new, other)
        old = self._joined(value.old, other) if self._send_old else None
        self.forward(key, Change(old, new), timestamp, headers)

    def _joined(self, this: object, other: object) -> object:
        if this is None and (self._needs_this or other is None):
            return None
        result: object = self._joiner(this, other) if self._is_left else self._joiner(other, this)
        return result

    def close(self) -> None:
        self._getter.close()


class TableJoinMerge(TableState):
    """The results of both sides as one table.

    Args:
        store: name of its store; None: not materialized.
    """

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Change)
        if self._rows is not None:
            self._keep(key, value.old, value.new, timestamp, headers)
        else:
            self.forward(key, value, timestamp, headers)
