"""Stores, keys and operators of windowed tables, by kind of window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias, get_args

from streamkit.dsl.options import resolve_store
from streamkit.dsl.windows.durations import to_ms
from streamkit.dsl.windows.hopping import HoppingWindows
from streamkit.dsl.windows.own import Windows, check_own_windows
from streamkit.dsl.windows.session import SessionWindows
from streamkit.dsl.windows.sliding import SlidingWindows
from streamkit.dsl.windows.tumbling import TumblingWindows
from streamkit.dsl.windows.unlimited import UnlimitedWindows
from streamkit.errors import ConfigError
from streamkit.operators.base import Operator
from streamkit.operators.fold import Fold
from streamkit.operators.own_window import OwnWindowAggregate
from streamkit.operators.sliding_window import SlidingWindowAggregate
from streamkit.operators.time_window import TimeWindowAggregate, UnlimitedWindowAggregate
from streamkit.serde import Serde
from streamkit.serde.windowed import SessionWindowedSerde, TimeWindowedSerde
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.graph import Graph

__all__ = [
    "TimeWindows",
    "check_windows",
    "session_key_serde",
    "session_store",
    "time_key_serde",
    "window_idles",
    "window_store",
    "windowed_operator",
]

TimeWindows: TypeAlias = (
    TumblingWindows | HoppingWindows | SlidingWindows | UnlimitedWindows | Windows
)


def check_windows(windows: object) -> None:
    """
    Raises:
        ConfigError: they are no windows, those of a join, or one's own with lengths that are none.
    """
    if isinstance(windows, Windows):
        check_own_windows(windows)
    if not isinstance(windows, (*get_args(TimeWindows), SessionWindows)):
        raise ConfigError(
            "windowed_by takes windows such as TumblingWindows(timedelta(hours=1)), or windows of a class of "
            f"your own, of sk.Windows, not {windows!r}"
        )


def window_store(
    graph: Graph,
    windows: TimeWindows,
    options: Mapping[str, Any],
    prefix: str,
    key: Serde[Any],
    value: Serde[Any],
    *,
    on_close: bool = False,
) -> StoreSpec:
    """The store of a table by windows of time."""
    store, fields = resolve_store(graph, options, prefix)
    if isinstance(windows, SlidingWindows):
        size = windows.difference_ms
        least = 2 * size + windows.grace_ms
        parts = f"2 * {size} + {windows.grace_ms}"
    else:
        size = windows.size_ms
        least = size + windows.grace_ms
        parts = f"{size} + {windows.grace_ms}"
    return StoreSpec(
        store,
        StoreKind.TIMESTAMPED_WINDOW,
        key,
        value,
        retention_ms=_retention_ms(store, options, least, parts),
        window_size_ms=size,
        time_first=on_close,
        **fields,
    )


def session_store(
    graph: Graph,
    windows: SessionWindows,
    options: Mapping[str, Any],
    prefix: str,
    key: Serde[Any],
    value: Serde[Any],
) -> StoreSpec:
    """The store of a table by sessions."""
    store, fields = resolve_store(graph, options, prefix)
    least = windows.gap_ms + windows.grace_ms
    parts = f"{windows.gap_ms} + {windows.grace_ms}"
    retention = _retention_ms(store, options, least, parts)
    return StoreSpec(store, StoreKind.SESSION, key, value, retention_ms=retention, **fields)


def time_key_serde(key: Serde[Any], windows: TimeWindows) -> Serde[Any]:
    """The serde of a windowed table's keys."""
    if isinstance(windows, SlidingWindows):
        return TimeWindowedSerde(key, windows.difference_ms)
    if isinstance(windows, UnlimitedWindows):
        return TimeWindowedSerde(key)
    return TimeWindowedSerde(key, windows.size_ms)


def window_idles(windows: TimeWindows | SessionWindows) -> bool:
    """True if such windows close on the wall clock while no data comes."""
    return not isinstance(windows, UnlimitedWindows) and windows.idle_ms >= 0


def session_key_serde(key: Serde[Any]) -> Serde[Any]:
    """The serde of a session table's keys."""
    return SessionWindowedSerde(key)


def windowed_operator(
    windows: TimeWindows, make_fold: Callable[[], Fold], emit_every_ms: int
) -> Callable[..., Operator]:
    """Makes the operator, given the store's name, `send_old` and `reuse_raw_key`."""
    if isinstance(windows, SlidingWindows):
        return partial(
            SlidingWindowAggregate,
            difference_ms=windows.difference_ms,
            grace_ms=windows.grace_ms,
            make_fold=make_fold,
            emit_every_ms=emit_every_ms,
            idle_ms=windows.idle_ms,
        )
    if isinstance(windows, UnlimitedWindows):
        return partial(UnlimitedWindowAggregate, start_ms=windows.start_ms, make_fold=make_fold)
    if isinstance(windows, Windows):
        return partial(
            OwnWindowAggregate,
            windows_for=windows.windows_for,
            kind=type(windows).__name__,
            size_ms=windows.size_ms,
            grace_ms=windows.grace_ms,
            make_fold=make_fold,
            idle_ms=windows.idle_ms,
        )
    return partial(
        TimeWindowAggregate,
        size_ms=windows.size_ms,
        advance_ms=windows.advance_ms,
        grace_ms=windows.grace_ms,
        make_fold=make_fold,
        emit_every_ms=emit_every_ms,
        idle_ms=windows.idle_ms,
    )


def _retention_ms(store: str, options: Mapping[str, Any], least: int, parts: str) -> int:
    retention = options.get("retention")
    if retention is None:
        return least
    retention_ms = to_ms(retention, "retention")
    if retention_ms < least:
        raise ConfigError(
            f"the retention of window store {store!r} must cover its windows and their grace: at least "
            f"{parts} = {least} ms, not {retention_ms} ms"
        )
    return retention_ms
