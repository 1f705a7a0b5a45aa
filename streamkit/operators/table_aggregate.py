"""aggregate of a grouped table: the old part of a change is subtracted, then the new part added.

An old part of a group that has no entry is passed over. A None result deletes the entry. The result's
timestamp is the later of the record's and the entry's. Source: KTableAggregate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.keyed_state import KeyedRows
from streamkit.operators.table_rows import LATEST, TOO_OLD

__all__ = ["TableAggregate", "TableCount", "TableReduce"]


class TableAggregate(KeyedRows):
    """Folds with `adder` and `subtractor`, both `(key, value, aggregate)`, starting from `initializer()`."""

    def __init__(
        self,
        store: str,
        initializer: Callable[[], Any],
        adder: Callable[[Any, Any, Any], Any],
        subtractor: Callable[[Any, Any, Any], Any],
        *,
        send_old: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__(store, send_old=send_old, reuse_raw_key=reuse_raw_key)
        self._initializer: Final[Any] = initializer
        self._adder: Final[Any] = adder
        self._subtractor: Final[Any] = subtractor

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Change)
        raw_key = self._raw_key(key)
        entry = self._rows.get(raw_key)
        before: object = None
        entry_timestamp: i64 = -1
        if entry is not None:
            before = entry[0]
            entry_timestamp = entry[1]
        result = before
        if value.old is not None and before is not None:
            result = self._subtract(key, value.old, before)
            timestamp = max(timestamp, entry_timestamp)
        if value.new is not None:
            result = self._add(key, value.new, result)
            timestamp = max(timestamp, entry_timestamp)
        put = self._rows.put(raw_key, result, timestamp)
        if put == TOO_OLD:
            self.context.drop(self.name, "late")
            return
        change = Change(before if self._send_old else None, result, put == LATEST)
        self.forward(key, change, timestamp, headers)

    def _add(self, key: object, value: object, aggregate: Any) -> object:
        if aggregate is None:
            aggregate = self._initializer()
        result: object = self._adder(key, value, aggregate)
        return result

    def _subtract(self, key: object, value: object, aggregate: Any) -> object:
        result: object = self._subtractor(key, value, aggregate)
        return result


class TableCount(TableAggregate):
    """How many rows are in each group."""

    def __init__(self, store: str, *, send_old: bool = False, reuse_raw_key: bool = False) -> None:
        super().__init__(store, _zero, _pick, _pick, send_old=send_old, reuse_raw_key=reuse_raw_key)

    def _add(self, key: object, value: object, aggregate: Any) -> object:
        return 1 if aggregate is None else aggregate + 1

    def _subtract(self, key: object, value: object, aggregate: Any) -> object:
        return aggregate - 1


class TableReduce(TableAggregate):
    """Folds with `adder(so far, value)` and `subtractor(so far, value)`; the first value is taken as it is."""

    def __init__(
        self,
        store: str,
        adder: Callable[[Any, Any], Any],
        subtractor: Callable[[Any, Any], Any],
        *,
        send_old: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__(store, _zero, _pick, _pick, send_old=send_old, reuse_raw_key=reuse_raw_key)
        self._reduce_adder: Final[Any] = adder
        self._reduce_subtractor: Final[Any] = subtractor

    def _add(self, key: object, value: object, aggregate: Any) -> object:
        result: object = value if aggregate is None else self._reduce_adder(aggregate, value)
        return result

    def _subtract(self, key: object, value: object, aggregate: Any) -> object:
        result: object = self._reduce_subtractor(aggregate, value)
        return result


def _zero() -> int:
    return 0


def _pick(key: Any, value: Any, aggregate: Any) -> Any:
    return aggregate
