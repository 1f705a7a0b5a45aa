"""What stands behind a table: a store, or a view on another table's store.

Two questions go up the chain of tables while a program is built: can the value before an update be told,
and where is a key looked up? Answering may materialize a source table. Source: KTableImpl
(enableSendingOldValues, valueGetterSupplier).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from streamkit.operators.getter import (
    FilteredGetter,
    JoinGetter,
    MappedGetter,
    StoreGetter,
    SuppressedGetter,
    ValueGetter,
    VersionedGetter,
)
from streamkit.operators.table_transform_values import (
    TransformedGetter,
    ValueTransformerSupplier,
)
from streamkit.serde import Serde
from streamkit.state.spec import StoreSpec
from streamkit.topology.nodes import NodeCache, node_cache

__all__ = [
    "AggregateBacking",
    "FilterView",
    "JoinBacking",
    "JoinView",
    "MakeGetter",
    "MapView",
    "SourceBacking",
    "SuppressBacking",
    "TableBacking",
    "TransformView",
    "ViewBacking",
]

MakeGetter: TypeAlias = Callable[[], ValueGetter]


class TableBacking(ABC):
    """Behind one table.

    Attributes:
        send_old: its operator puts the value before into each change.
        queryable: name of the store if the user gave one.
        history_ms: of a versioned table; None: the table has no history.
        says_history: the table says itself whether it has a history; else those above it do, as in Kafka Streams.
    """

    history_ms: int | None = None
    says_history: bool = True

    def __init__(self, queryable: str | None) -> None:
        self.send_old: bool = False
        self.queryable = queryable

    @abstractmethod
    def enable_old(self, *, force: bool) -> bool:
        """Ask for old values.

        Args:
            force: materialize the table if that is what it takes.

        Returns:
            whether they will come.
        """

    @abstractmethod
    def getter(self) -> MakeGetter:
        """Makes what looks up rows; materializes a source table."""

    @abstractmethod
    def store_names(self) -> tuple[str, ...]:
        """The stores that `getter` reads."""


class SourceBacking(TableBacking):
    """A table read from a topic or made of a stream; gets its store only if somebody needs it."""

    def __init__(self, spec: StoreSpec, queryable: str | None) -> None:
        super().__init__(queryable)
        self._spec = spec
        self.history_ms: int | None = spec.history_retention_ms
        self.materialized: bool = queryable is not None

    def enable_old(self, *, force: bool) -> bool:
        if not force and not self.materialized:
            return False
        self.send_old = self.materialized = True
        return True

    def getter(self) -> MakeGetter:
        self.materialized = True
        return _store_getter(self._spec.name, self.history_ms)

    def store_names(self) -> tuple[str, ...]:
        return (self._spec.name,)

    def set_serdes(self, key: Serde[Any], value: Serde[Any]) -> None:
        """Keep rows of other types than was said so far."""
        self._spec = replace(self._spec, key_serde=key, value_serde=value)

    def store(self) -> StoreSpec | None:
        """The store to add, None while nobody needs it."""
        return self._spec if self.materialized else None

    def cache(self) -> NodeCache | None:
        """What merges its updates, if the app has a record cache."""
        return node_cache(self.store(), self.send_old)


class AggregateBacking(TableBacking):
    """The result of an aggregation: always has a store."""

    def __init__(
        self,
        store: str,
        queryable: str | None,
        getter: Callable[[str], ValueGetter] = StoreGetter,
        *,
        history_ms: int | None = None,
    ) -> None:
        super().__init__(queryable)
        self.history_ms: int | None = history_ms
        self._store = store
        self._getter = getter if history_ms is None else VersionedGetter

    def enable_old(self, *, force: bool) -> bool:  # noqa: ARG002  # it has its store anyway
        self.send_old = True
        return True

    def getter(self) -> MakeGetter:
        return partial(self._getter, self._store)

    def store_names(self) -> tuple[str, ...]:
        return (self._store,)


class ViewBacking(TableBacking):
    """A filtered or mapped table: its own store if it was given a name, else computed from its parent's."""

    def __init__(
        self,
        parent: TableBacking,
        store: StoreSpec | None,
        view: Callable[[MakeGetter], MakeGetter],
    ) -> None:
        super().__init__(None if store is None else store.name)
        self.history_ms: int | None = (
            parent.history_ms if store is None else store.history_retention_ms
        )
        self.says_history: bool = store is not None
        self._parent = parent
        self._view = view

    def enable_old(self, *, force: bool) -> bool:
        if self.queryable is not None or self._parent.enable_old(force=force):
            self.send_old = True
        return self.send_old

    def getter(self) -> MakeGetter:
        if self.queryable is not None:
            return _store_getter(self.queryable, self.history_ms)
        return self._view(self._parent.getter())

    def store_names(self) -> tuple[str, ...]:
        return (self.queryable,) if self.queryable is not None else self._parent.store_names()


class SuppressBacking(TableBacking):
    """A suppressed table: what its parent has, but for the keys that wait.

    Args:
        buffer: name of the buffer.
    """

    says_history = False

    def __init__(self, parent: TableBacking, buffer: str) -> None:
        super().__init__(None)
        self._parent = parent
        self._buffer = buffer

    def enable_old(self, *, force: bool) -> bool:
        self.send_old: bool = self._parent.enable_old(force=force)
        return self.send_old

    def getter(self) -> MakeGetter:
        return partial(_suppressed, self._parent.getter(), self._buffer)

    def store_names(self) -> tuple[str, ...]:
        return (self._buffer, *self._parent.store_names())


class JoinBacking(TableBacking):
    """A join of two tables: its own store if it was given options, else joined at each look-up.

    Args:
        store: its store, if it has one.
    """

    def __init__(
        self,
        left: TableBacking,
        right: TableBacking,
        store: StoreSpec | None,
        queryable: str | None,
        join: Callable[[MakeGetter, MakeGetter], ValueGetter],
    ) -> None:
        super().__init__(queryable)
        self._left = left
        self._right = right
        self._store = store
        self.history_ms: int | None = None if store is None else store.history_retention_ms
        self._join = join

    def enable_old(self, *, force: bool) -> bool:  # noqa: ARG002  # both sides have stores anyway
        self._left.enable_old(force=True)
        self._right.enable_old(force=True)
        self.send_old = True
        return True

    def getter(self) -> MakeGetter:
        if self._store is not None:
            return _store_getter(self._store.name, self.history_ms)
        return partial(self._join, self._left.getter(), self._right.getter())

    def store_names(self) -> tuple[str, ...]:
        if self._store is not None:
            return (self._store.name,)
        return tuple(dict.fromkeys((*self._left.store_names(), *self._right.store_names())))


def _store_getter(store: str, history_ms: int | None) -> MakeGetter:
    """Makes what looks up the rows of a store."""
    return partial(StoreGetter if history_ms is None else VersionedGetter, store)


class FilterView:
    """Makes getters of a filtered view; a class, so that it crosses cloudpickle."""

    def __init__(self, predicate: Callable[[Any, Any], object], *, negate: bool) -> None:
        self._predicate = predicate
        self._negate = negate

    def __call__(self, parent: MakeGetter) -> MakeGetter:
        return partial(_filtered, parent, self._predicate, self._negate)


class MapView:
    """Makes getters of a mapped view."""

    def __init__(self, mapper: Callable[..., Any], *, with_key: bool) -> None:
        self._mapper = mapper
        self._with_key = with_key

    def __call__(self, parent: MakeGetter) -> MakeGetter:
        return partial(_mapped, parent, self._mapper, self._with_key)


def _transformed(
    parent: MakeGetter, supplier: ValueTransformerSupplier[Any, Any, Any]
) -> ValueGetter:
    return TransformedGetter(parent(), supplier)


def _filtered(
    parent: MakeGetter, predicate: Callable[[Any, Any], object], negate: bool
) -> ValueGetter:
    return FilteredGetter(parent(), predicate, negate=negate)


def _mapped(parent: MakeGetter, mapper: Callable[..., Any], with_key: bool) -> ValueGetter:
    return MappedGetter(parent(), mapper, with_key=with_key)


class TransformView:
    """Makes getters of a transformed view."""

    def __init__(self, supplier: ValueTransformerSupplier[Any, Any, Any]) -> None:
        self._supplier = supplier

    def __call__(self, parent: MakeGetter) -> MakeGetter:
        return partial(_transformed, parent, self._supplier)


class JoinView:
    """Makes getters of a joined view."""

    def __init__(
        self,
        joiner: Callable[[Any, Any], Any],
        *,
        needs_left: bool,
        needs_right: bool,
        same_keys: bool,
    ) -> None:
        self._joiner = joiner
        self._needs_left = needs_left
        self._needs_right = needs_right
        self._same_keys = same_keys

    def __call__(self, left: MakeGetter, right: MakeGetter) -> ValueGetter:
        return JoinGetter(
            left(),
            right(),
            self._joiner,
            needs_left=self._needs_left,
            needs_right=self._needs_right,
            same_keys=self._same_keys,
        )


def _suppressed(parent: MakeGetter, buffer: str) -> ValueGetter:
    return SuppressedGetter(parent(), buffer)
