"""The rows behind a table operator: of a timestamped or of a versioned store, used alike.

Whether a row goes on downstream is for the store to say: a versioned one turns away what is older than its history,
and tells the latest version from one that came out of order. Source: KeyValueStoreWrapper (KIP-889, KIP-914).
"""

from __future__ import annotations

from typing import Any, Final

from mypy_extensions import i64, mypyc_attr

from streamkit.errors import TopologyError
from streamkit.operators.context import TaskContext
from streamkit.state.store import TimestampedKeyValueStore, VersionedKeyValueStore

__all__ = ["LATEST", "OUT_OF_ORDER", "TOO_OLD", "TableRows", "table_rows"]

TOO_OLD: Final[i64] = 0
"""What `TableRows.put` says of a row that it didn't take: nothing goes on."""

LATEST: Final[i64] = 1
"""The key has nothing newer."""

OUT_OF_ORDER: Final[i64] = 2
"""The key has something newer."""


@mypyc_attr(allow_interpreted_subclasses=True)
class TableRows:
    """Rows of a table by the bytes of their keys."""

    def raw_key(self, key: object) -> bytes:
        """The key as the store has it."""
        raise NotImplementedError

    def get(self, raw_key: bytes) -> tuple[Any, int] | None:
        """Value and timestamp of the latest row, None if there is none."""
        raise NotImplementedError

    def put(self, raw_key: bytes, value: object, timestamp: i64) -> i64:
        """Set a row, None deletes it: `TOO_OLD`, `LATEST` or `OUT_OF_ORDER`."""
        raise NotImplementedError


class TimestampedRows(TableRows):
    """What was put last is the latest, whatever its timestamp."""

    def __init__(self, store: TimestampedKeyValueStore[Any, Any]) -> None:
        self._store: Final = store

    def raw_key(self, key: object) -> bytes:
        return self._store.raw_key(key)

    def get(self, raw_key: bytes) -> tuple[Any, int] | None:
        return self._store.get_raw(raw_key)

    def put(self, raw_key: bytes, value: object, timestamp: i64) -> i64:
        self._store.put_raw(raw_key, value, timestamp)
        return LATEST


class VersionedRows(TableRows):
    """What has the highest timestamp is the latest."""

    def __init__(self, store: VersionedKeyValueStore[Any, Any]) -> None:
        self._store: Final = store

    def raw_key(self, key: object) -> bytes:
        return self._store.raw_key(key)

    def get(self, raw_key: bytes) -> tuple[Any, int] | None:
        version = self._store.get_raw(raw_key)
        return None if version is None else (version.value, version.from_ms)

    def put(self, raw_key: bytes, value: object, timestamp: i64) -> i64:
        if not self._store.put_raw(raw_key, value, timestamp):
            return TOO_OLD
        return LATEST if self._store.is_latest_raw(raw_key, timestamp) else OUT_OF_ORDER


def table_rows(context: TaskContext, name: str, node: str) -> TableRows:
    """The rows of the store called `name`.

    Raises:
        TopologyError: it is of another kind.
    """
    store = context.store(name)
    if isinstance(store, VersionedKeyValueStore):
        return VersionedRows(store)
    if isinstance(store, TimestampedKeyValueStore):
        return TimestampedRows(store)
    raise TopologyError(
        f"operator {node!r} needs a timestamped key-value store or a versioned one, {name!r} is a "
        f"{type(store).__name__}"
    )
