"""Options that several operations share, and what follows from them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeAlias, TypedDict, TypeVar

from streamkit.dsl.windows.durations import to_ms
from streamkit.errors import ConfigError
from streamkit.serde import Serde, serde_for
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.graph import Graph
from streamkit.topology.names import check_name

__all__ = [
    "GlobalTableOptions",
    "SerdeLike",
    "SourceTableOptions",
    "StoreOptions",
    "StreamJoinOptions",
    "WindowStoreOptions",
    "optional_serde",
    "refuse_history",
    "resolve_store",
    "store_fields",
    "table_store",
]

T = TypeVar("T")

SerdeLike: TypeAlias = type[T] | Serde[T]
"""Where a serde is wanted: a type (`str`, `int`, a dataclass, …) or a `Serde`."""


class GlobalTableOptions(TypedDict, total=False):
    """Options of the store behind a global table.

    Attributes:
        store: its name; the changelog is called `<app>-<store>-changelog`. Without one a name is
            generated, which changes when the program does.
        log: False: no changelog, state is lost with its folder; a mapping: the changelog topic's settings.
        backend: "rocksdb" or "memory"; by default the app's setting decides.
    """

    store: str
    log: bool | Mapping[str, str]
    backend: str


class SourceTableOptions(GlobalTableOptions, total=False):
    """Options of the store behind a table that is read from a topic.

    Attributes:
        history: keeps the versions of each key for this long: joins then see the table as of a record's
            time, and what comes out of order changes the past only; needs `store`.
        cache: False: every update goes on, also where the app has a record cache.
    """

    history: timedelta | int
    cache: bool


class StoreOptions(SourceTableOptions, total=False):
    """Options of the store behind a table.

    Attributes:
        key: type or serde of its keys; by default those of the stream.
    """

    key: Any


class WindowStoreOptions(GlobalTableOptions, total=False):
    """Options of a window store.

    Attributes:
        key: type or serde of its keys; by default those of the stream.
        retention: how long windows stay, at least size plus grace, which is the default.
        cache: False: every update goes on, also where the app has a record cache.
    """

    key: Any
    retention: timedelta | int
    cache: bool


class StreamJoinOptions(TypedDict, total=False):
    """Options of the stores behind a join of two streams.

    Attributes:
        store: what the names of the join's stores begin with.
        log: False: no changelogs, what waits is lost with its folder; a mapping: the changelog topics' settings.
        backend: "rocksdb" or "memory"; by default the app's setting decides.
        this_store, other_store: the window store of the left or of the right side as a whole: its name,
            backend, changelog. Window size and retention are left out, or those of the join's windows.
    """

    store: str
    log: bool | Mapping[str, str]
    backend: str
    this_store: StoreSpec
    other_store: StoreSpec


_OPTIONS = sorted(
    {
        *StoreOptions.__annotations__,
        *WindowStoreOptions.__annotations__,
        *StreamJoinOptions.__annotations__,
    }
)


def optional_serde(type_or_serde: SerdeLike[Any] | None) -> Serde[Any] | None:
    """The serde that is asked for, None if none is."""
    return None if type_or_serde is None else serde_for(type_or_serde)


def table_store(
    name: str,
    key: Serde[Any],
    value: Serde[Any],
    fields: Mapping[str, Any],
    options: Mapping[str, Any],
) -> StoreSpec:
    """The store of a table: one with versions if a history is asked for.

    Raises:
        ConfigError: the history is negative, or the store has no name of its own.
    """
    history = options.get("history")
    if history is None:
        return StoreSpec(name, StoreKind.TIMESTAMPED_KEY_VALUE, key, value, **fields)
    history_ms = to_ms(history, "history")
    refuse_history(options)
    return StoreSpec(
        name, StoreKind.VERSIONED, key, value, history_retention_ms=history_ms, **fields
    )


def refuse_history(options: Mapping[str, Any]) -> None:
    """A history is kept in a store that has a name of its own.

    Raises:
        ConfigError: it has none.
    """
    if options.get("history") is not None and options.get("store") is None:
        raise ConfigError("a table with a history needs a name for its store: store=")


def resolve_store(
    graph: Graph, options: Mapping[str, Any], prefix: str
) -> tuple[str, dict[str, Any]]:
    """Name and `StoreSpec` fields of a store.

    Returns:
        the name, generated from `prefix` unless given, and fields without name, kind and serdes.

    Raises:
        ConfigError: an unknown option or backend.
    """
    name = options.get("store")
    if name is None:
        name = graph.names.store(prefix)
    else:
        check_name(name)
    return name, store_fields(options)


def store_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `StoreSpec` that say where it lives and how it is logged.

    Raises:
        ConfigError: an unknown option or backend.
    """
    for option in options:
        if option not in _OPTIONS:
            close = difflib.get_close_matches(option, _OPTIONS, n=1)
            hint = f"; did you mean {close[0]}=?" if close else ""
            raise ConfigError(f"there is no option {option}=, only: {', '.join(_OPTIONS)}{hint}")
    backend = options.get("backend")
    if backend not in (None, "rocksdb", "memory"):
        raise ConfigError(f"backend is 'rocksdb' or 'memory', not {backend!r}")
    log = options.get("log", True)
    fields: dict[str, Any] = {
        "backend": backend,
        "logged": log is not False,
        "cached": options.get("cache", True),
    }
    if isinstance(log, Mapping):
        fields["changelog_config"] = dict(log)
    return fields
