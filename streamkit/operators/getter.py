"""How joins look up the other table's row: in a store, or through the views above one.

A filtered or mapped table without a store of its own is computed at each look-up from the nearest store
upstream. Source: KTableValueGetter and its suppliers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64, mypyc_attr

from streamkit.errors import TopologyError
from streamkit.model.windowed import Windowed
from streamkit.operators.context import TaskContext
from streamkit.operators.keyed_state import timestamped_store
from streamkit.operators.table_suppress import record_buffer
from streamkit.operators.versioned_table_source import versioned_store
from streamkit.state.buffer import RecordBuffer
from streamkit.state.store import (
    SessionStore,
    TimestampedKeyValueStore,
    TimestampedWindowStore,
    VersionedKeyValueStore,
)

__all__ = [
    "FilteredGetter",
    "JoinGetter",
    "MappedGetter",
    "SessionGetter",
    "StoreGetter",
    "SuppressedGetter",
    "ValueGetter",
    "VersionedGetter",
    "WindowGetter",
]


@mypyc_attr(allow_interpreted_subclasses=True)
class ValueGetter:
    """Looks up rows by key."""

    def init(self, context: TaskContext, node: str) -> None:
        """Find the store; `node` is the operator that asks."""
        raise NotImplementedError

    def get(self, key: object, raw_key: bytes | None) -> tuple[Any, int] | None:
        """Value and timestamp of `key`, None if there is no row.

        Args:
            raw_key: the key as the store has it, if the caller has it at hand.
        """
        raise NotImplementedError

    def get_as_of(
        self, key: object, raw_key: bytes | None, timestamp: i64
    ) -> tuple[Any, int] | None:
        """The row that `key` had at `timestamp`; of a table without history, the one that it has now."""
        return self.get(key, raw_key)

    def close(self) -> None:
        """Let go of what `init` took; called once, with the operator that asks."""


class StoreGetter(ValueGetter):
    """Rows of a store."""

    _store: TimestampedKeyValueStore[Any, Any]

    def __init__(self, store: str) -> None:
        self._name: Final = store

    def init(self, context: TaskContext, node: str) -> None:
        self._store = timestamped_store(context, self._name, node)

    def get(self, key: object, raw_key: bytes | None) -> tuple[Any, int] | None:
        if raw_key is not None:
            return self._store.get_raw(raw_key)
        return self._store.get(key)


class VersionedGetter(ValueGetter):
    """Rows of a versioned store."""

    _store: VersionedKeyValueStore[Any, Any]

    def __init__(self, store: str) -> None:
        self._name: Final = store

    def init(self, context: TaskContext, node: str) -> None:
        self._store = versioned_store(context, self._name, node)

    def get(self, key: object, raw_key: bytes | None) -> tuple[Any, int] | None:
        version = self._store.get(key)
        return None if version is None else (version.value, version.from_ms)

    def get_as_of(
        self, key: object, raw_key: bytes | None, timestamp: i64
    ) -> tuple[Any, int] | None:
        version = self._store.get(key, timestamp)
        return None if version is None else (version.value, version.from_ms)


class WindowGetter(ValueGetter):
    """Rows of a window store, under `Windowed` keys."""

    _store: TimestampedWindowStore[Any, Any]

    def __init__(self, store: str) -> None:
        self._name: Final = store

    def init(self, context: TaskContext, node: str) -> None:
        store = context.store(self._name)
        if not isinstance(store, TimestampedWindowStore):
            raise TopologyError(
                f"operator {node!r} needs a timestamped window store, "
                f"{self._name!r} is a {type(store).__name__}"
            )
        self._store = store

    def get(self, key: object, raw_key: bytes | None) -> tuple[Any, int] | None:
        assert isinstance(key, Windowed)
        return self._store.fetch(key.key, key.window.start_ms)


class SessionGetter(ValueGetter):
    """Rows of a session store, under `Windowed` keys; their timestamp is the session's end."""

    _store: SessionStore[Any, Any]

    def __init__(self, store: str) -> None:
        self._name: Final = store

    def init(self, context: TaskContext, node: str) -> None:
        store = context.store(self._name)
        if not isinstance(store, SessionStore):
            raise TopologyError(
                f"operator {node!r} needs a session store, {self._name!r} is a {type(store).__name__}"
            )
        self._store = store

    def get(self, key: object, raw_key: bytes | None) -> tuple[Any, int] | None:
        assert isinstance(key, Windowed)
        window = key.window
        value = self._store.fetch_session(key.key, window.start_ms, window.end_ms)
        return None if value is None else (value, window.end_ms)


class SuppressedGetter(ValueGetter):
    """Rows of a suppressed table: what went out last, while a newer change waits."""

    _buffer: RecordBuffer[Any, Any]

    def __init__(self, parent: ValueGetter, buffer: str) -> None:
        self._parent: Final = parent
        self._name: Final = buffer

    def init(self, context: TaskContext, node: str) -> None:
        self._parent.init(context, node)
        self._buffer = record_buffer(context, self._name, node)

    def get(self, key: object, raw_key: bytes | None) -> tuple[Any, int] | None:
        waits, prior = self._buffer.prior(key)
        if not waits:
            return self._parent.get(key, raw_key)
        return None if prior is None else (prior, -1)

    def close(self) -> None:
        self._parent.close()


class FilteredGetter(ValueGetter):
    """Rows of `parent` that the predicate accepts (or rejects, if `negate`)."""

    def __init__(
        self, parent: ValueGetter, predicate: Callable[[Any, Any], object], *, negate: bool
    ) -> None:
        self._parent: Final = parent
        self._predicate: Final[Any] = predicate
        self._negate: Final = negate

    def init(self, context: TaskContext, node: str) -> None:
        self._parent.init(context, node)

    def get(self, key: object, raw_key: bytes | None) -> tuple[Any, int] | None:
        return self._kept(key, self._parent.get(key, raw_key))

    def get_as_of(
        self, key: object, raw_key: bytes | None, timestamp: i64
    ) -> tuple[Any, int] | None:
        return self._kept(key, self._parent.get_as_of(key, raw_key, timestamp))

    def _kept(self, key: object, entry: tuple[Any, int] | None) -> tuple[Any, int] | None:
        if entry is not None and bool(self._predicate(key, entry[0])) is not self._negate:
            return entry
        return None

    def close(self) -> None:
        self._parent.close()


class MappedGetter(ValueGetter):
    """Rows of `parent` with their values mapped; a None result is no row."""

    def __init__(self, parent: ValueGetter, mapper: Callable[..., Any], *, with_key: bool) -> None:
        self._parent: Final = parent
        self._mapper: Final[Any] = mapper
        self._with_key: Final = with_key

    def init(self, context: TaskContext, node: str) -> None:
        self._parent.init(context, node)

    def get(self, key: object, raw_key: bytes | None) -> tuple[Any, int] | None:
        return self._mapped(key, self._parent.get(key, raw_key))

    def get_as_of(
        self, key: object, raw_key: bytes | None, timestamp: i64
    ) -> tuple[Any, int] | None:
        return self._mapped(key, self._parent.get_as_of(key, raw_key, timestamp))

    def _mapped(self, key: object, entry: tuple[Any, int] | None) -> tuple[Any, int] | None:
        if entry is None:
            return None
        value = self._mapper(key, entry[0]) if self._with_key else self._mapper(entry[0])
        return None if value is None else (value, entry[1])

    def close(self) -> None:
        self._parent.close()


class JoinGetter(ValueGetter):
    """Rows of a table-table join that has no store of its own: joined at each look-up.

    Args:
        needs_left, needs_right: no row without one on that side.
        same_keys: the right side has keys as the same bytes as the left one, which are those of the join.
    """

    def __init__(
        self,
        left: ValueGetter,
        right: ValueGetter,
        joiner: Callable[[Any, Any], Any],
        *,
        needs_left: bool,
        needs_right: bool,
        same_keys: bool = False,
    ) -> None:
        self._left: Final = left
        self._right: Final = right
        self._joiner: Final[Any] = joiner
        self._needs_left: Final = needs_left
        self._needs_right: Final = needs_right
        self._same_keys: Final = same_keys

    def init(self, context: TaskContext, node: str) -> None:
        self._left.init(context, node)
        self._right.init(context, node)

    def get(self, key: object, raw_key: bytes | None) -> tuple[Any, int] | None:
        left = self._left.get(key, raw_key)
        right = self._right.get(key, raw_key if self._same_keys else None)
        if (left is None and (self._needs_left or right is None)) or (
            right is None and self._needs_right
        ):
            return None
        value = self._joiner(None if left is None else left[0], None if right is None else right[0])
        if value is None:
            return None
        timestamp = -1 if left is None else left[1]
        if right is not None and right[1] > timestamp:
            timestamp = right[1]
        return value, timestamp

    def close(self) -> None:
        self._left.close()
        self._right.close()
