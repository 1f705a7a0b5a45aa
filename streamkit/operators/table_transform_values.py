"""transform_values of a table: a user's `ValueTransformer` makes each row's value, with stores and timers.

Interpreted, like `process`. Where the result has no store of its own, the value before and the rows that joins look
up are made by the transformer too, at the time when they are asked for: one that keeps state then sees more calls
than updates. Source: KTableTransformValues.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

from streamkit.model.change import Change
from streamkit.model.records import EMPTY_HEADERS, Headers
from streamkit.operators.context import TaskContext
from streamkit.operators.getter import ValueGetter
from streamkit.operators.process import ContextServices, OperatorAdapter
from streamkit.operators.table_rows import LATEST, TOO_OLD, TableRows, table_rows

__all__ = [
    "TableTransformValues",
    "TransformedGetter",
    "ValueTransformer",
    "ValueTransformerContext",
    "ValueTransformerSupplier",
]

K = TypeVar("K")
V = TypeVar("V")
VOut = TypeVar("VOut")


class ValueTransformerContext(ContextServices):
    """A value transformer's view of its task: as that of a processor, but it can't forward."""


class ValueTransformer(Generic[K, V, VOut]):
    """Subclass it: `transform` gets each row's key and value and returns the new value.

    Example:
        >>> class Numbered(ValueTransformer[str, str, str]):
        ...     def init(self, context: ValueTransformerContext) -> None:
        ...         self.calls = context.store("calls")
        ...
        ...     def transform(self, key: str, value: str | None) -> str | None:
        ...         number = (self.calls.get(key) or 0) + 1
        ...         self.calls.put(key, number)
        ...         return None if value is None else f"{value} ({number})"
    """

    context: ValueTransformerContext

    def init(self, context: ValueTransformerContext) -> None:
        """Get ready: look up stores, schedule punctuators. Called once, before any row."""
        self.context = context

    def transform(self, key: K, value: V | None) -> VOut | None:
        """The new value; unlike other functions on tables it sees deletions: `value` is then None."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what `init` took."""


ValueTransformerSupplier: TypeAlias = Callable[[], ValueTransformer[K, V, VOut]]


class TableTransformValues(OperatorAdapter):
    """Runs a user's `ValueTransformer`.

    Args:
        supplier: makes it, once for each task.
        store: name of the result's store; None: not materialized.
        send_old: put the value before into each `Change`.
    """

    def __init__(
        self,
        supplier: ValueTransformerSupplier[Any, Any, Any],
        store: str | None = None,
        *,
        send_old: bool = False,
    ) -> None:
        super().__init__()
        self._transformer = supplier()
        self._store_name = store
        self._rows: TableRows | None = None
        self._send_old = send_old

    def init(self, context: TaskContext) -> None:
        super().init(context)
        if self._store_name is not None:
            self._rows = table_rows(context, self._store_name, self.name)
        self._transformer.init(ValueTransformerContext(self, context))

    def process(self, key: object, value: object, timestamp: int, headers: Headers) -> None:
        assert isinstance(value, Change)
        new = self._transformer.transform(key, value.new)
        old: object = None
        rows = self._rows
        if rows is None:
            if self._send_old:
                old = self._transformer.transform(key, value.old)
            self.forward(key, Change(old, new, value.is_latest), timestamp, headers)
            return
        raw_key = rows.raw_key(key)
        if self._send_old:
            entry = rows.get(raw_key)
            old = None if entry is None else entry[0]
        put = rows.put(raw_key, new, timestamp)
        if put == TOO_OLD:
            self.context.drop(self.name, "late")
            return
        self.forward(key, Change(old, new, put == LATEST), timestamp, headers)

    def close(self) -> None:
        self._transformer.close()


class TransformedGetter(ValueGetter):
    """Rows of `parent`, transformed at each look-up by a transformer of this getter's own."""

    def __init__(
        self, parent: ValueGetter, supplier: ValueTransformerSupplier[Any, Any, Any]
    ) -> None:
        self._parent = parent
        self._transformer = supplier()
        self._host = OperatorAdapter()

    def init(self, context: TaskContext, node: str) -> None:
        self._parent.init(context, node)
        self._host.name = node
        self._host.init(context)
        self._transformer.init(ValueTransformerContext(self._host, context))

    def get(self, key: object, raw_key: bytes | None) -> tuple[Any, int] | None:
        return self._transformed(key, self._parent.get(key, raw_key))

    def get_as_of(
        self, key: object, raw_key: bytes | None, timestamp: int
    ) -> tuple[Any, int] | None:
        return self._transformed(key, self._parent.get_as_of(key, raw_key, timestamp))

    def close(self) -> None:
        self._parent.close()
        self._transformer.close()

    def _transformed(self, key: object, entry: tuple[Any, int] | None) -> tuple[Any, int] | None:
        """The transformer sees where the row came from: nowhere that is known, at the row's time."""
        record = self._host.context.record
        before = record.copy()
        time = -1 if entry is None else entry[1]
        record.topic, record.partition, record.offset = None, -1, -1
        record.timestamp, record.headers = time, EMPTY_HEADERS
        try:
            value = self._transformer.transform(key, None if entry is None else entry[0])
        finally:
            record.show(before)
        return None if value is None else (value, time)
