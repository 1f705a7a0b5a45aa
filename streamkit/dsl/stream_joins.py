"""Joins of two streams: what they add to the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from streamkit.dsl.joins import repartitioned_for_join
from streamkit.dsl.options import StreamJoinOptions, store_fields
from streamkit.dsl.stream_node import StreamNode
from streamkit.dsl.windows.join import JoinWindows
from streamkit.errors import ConfigError
from streamkit.operators.pass_through import PassThrough
from streamkit.operators.stream_join_window import StreamJoinWindow
from streamkit.operators.stream_self_join import StreamSelfJoin
from streamkit.operators.stream_stream_join import StreamStreamJoin
from streamkit.serde import Serde
from streamkit.serde.pending_join import PendingKeySerde, PendingValuesSerde
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.graph_nodes import OperatorGraphNode, StreamJoinGraphNode
from streamkit.topology.names import check_name
from streamkit.topology.nodes import MakeOperator

__all__ = ["join_streams", "refuse_grace", "refuse_join_options"]


def join_streams(
    left: StreamNode,
    right: StreamNode,
    joiner: Callable[..., Any],
    windows: JoinWindows,
    name: str | None,
    value: Serde[Any] | None,
    options: StreamJoinOptions,
    *,
    keeps_left: bool,
    keeps_right: bool,
    with_key: bool,
    look_every_ms: int,
) -> StreamNode:
    """The place behind a join of two streams.

    Args:
        options: of its stores.
        keeps_left, keeps_right: records of that side without a partner go out too.
    """
    graph = left.graph
    names = graph.names
    store = options.get("store")
    if store is not None:
        check_name(store)
    fields = store_fields(options)
    joined = (left.node, right.node)
    this_store, other_store = options.get("this_store"), options.get("other_store")
    if this_store is not None and other_store is not None and this_store.name == other_store.name:
        raise ConfigError(f"this_store and other_store are both called {this_store.name!r}")
    if left.needs_repartition:
        left = repartitioned_for_join(left, left.name if name is None else f"{name}-left")
    if right.needs_repartition:
        right = repartitioned_for_join(right, right.name if name is None else f"{name}-right")
    sources = left.sources | right.sources
    graph.copartition(sorted(sources))

    this_suffix = "-outer-this-join" if keeps_right else "-this-join"
    other_suffix = "-outer-other-join" if keeps_left else "-other-join"
    left_window = names.suffixed(name, "-this-windowed", "KSTREAM-WINDOWED-")
    right_window = names.suffixed(name, "-other-windowed", "KSTREAM-WINDOWED-")
    this_generated = names.node("KSTREAM-OUTERTHIS-" if keeps_right else "KSTREAM-JOINTHIS-")
    other_generated = names.node("KSTREAM-OUTEROTHER-" if keeps_left else "KSTREAM-JOINOTHER-")
    merge = names.suffixed(name, "-merge", "KSTREAM-MERGE-")
    key = left.key_serde
    make_store = partial(_window_store, key=key, windows=windows, fields=fields)
    left_store = make_store(
        this_generated if store is None else store + this_suffix, this_store, left.value_serde
    )
    right_store = make_store(
        other_generated if store is None else store + other_suffix, other_store, right.value_serde
    )
    pending: StoreSpec | None = None
    if keeps_left:
        shared = "-outer-shared-join" if keeps_right else "-left-shared-join"
        generated = names.sibling("KSTREAM-OUTERSHARED-", this_generated)
        base = store
        if this_store is not None:  # what waits lives where the records of the left side do
            base = this_store.name
            fields["backend"] = fields["backend"] or this_store.backend
        pending = StoreSpec(
            f"{generated if base is None else base + shared}-store",
            StoreKind.KEY_VALUE,
            PendingKeySerde(key),
            PendingValuesSerde(left.value_serde, right.value_serde),
            **fields,
        )
    for place, window, spec in (
        (left, left_window, left_store),
        (right, right_window, right_store),
    ):
        make = partial(_window_operator, spec.name, place, key)
        graph.add(OperatorGraphNode(window, make), place.node)
    side = partial(
        StreamStreamJoin,
        joiner=joiner,
        grace_ms=windows.grace_ms,
        pending=pending.name if pending is not None else None,
        shared=merge,
        look_every_ms=look_every_ms,
        idle_ms=windows.idle_ms,
        with_key=with_key,
    )
    node = StreamJoinGraphNode(
        merge,
        left=(
            this_generated if name is None else name + this_suffix,
            left_window,
            partial(
                side,
                right_store.name,
                before_ms=windows.before_ms,
                after_ms=windows.after_ms,
                is_left=True,
                keeps=keeps_left,
            ),
            left_store,
        ),
        right=(
            other_generated if name is None else name + other_suffix,
            right_window,
            partial(
                side,
                left_store.name,
                before_ms=windows.after_ms,
                after_ms=windows.before_ms,
                is_left=False,
                keeps=keeps_right,
            ),
            right_store,
        ),
        make_merge=PassThrough,
        make_self_join=partial(
            StreamSelfJoin,
            left_store.name,
            joiner,
            windows.before_ms,
            windows.after_ms,
            windows.size_ms + windows.grace_ms,
            with_key=with_key,
        ),
        pending=pending,
        emits_null_keys=keeps_left or keeps_right,
        joined=joined,
    )
    graph.add(node, left.node, right.node)
    return StreamNode(
        graph=graph,
        node=node,
        name=merge,
        key=left.key,
        value=value,
        sources=sources,
    )


def refuse_grace(grace: object) -> None:
    """A join of two streams has its grace in its windows.

    Raises:
        ConfigError: another one is given.
    """
    if grace is not None:
        raise ConfigError(
            "grace= is for joins with a table; of two streams it is part of JoinWindows(…, grace=…)"
        )


def refuse_join_options(options: StreamJoinOptions, windows: JoinWindows | None) -> None:
    """A join with a table has neither windows nor stores of its own.

    Raises:
        ConfigError: windows, or options of stores, are given.
    """
    if windows is not None:
        raise ConfigError(
            "windows= is for joins of two streams; a table's row is the one of the moment"
        )
    for option in options:
        raise ConfigError(f"{option} is for joins of two streams; a table brings its own store")


def _window_store(
    name: str,
    given: StoreSpec | None,
    value: Serde[Any],
    *,
    key: Serde[Any],
    windows: JoinWindows,
    fields: Mapping[str, Any],
) -> StoreSpec:
    """The window store of one side, as the program specifies it or with these fields.

    Raises:
        ConfigError: what is given is of another kind, or its times are not those of the windows.
    """
    retention_ms = windows.size_ms + windows.grace_ms
    if given is None:
        given = StoreSpec(f"{name}-store", StoreKind.WINDOW, **fields)
    check_name(given.name)
    if given.kind is not StoreKind.WINDOW:
        raise ConfigError(
            f"store {given.name!r} of a join is a window store, not one of kind {given.kind.value}"
        )
    size_fits = given.window_size_ms in (None, windows.size_ms)
    if not size_fits or given.retention_ms not in (None, retention_ms):
        raise ConfigError(
            f"store {given.name!r} of a join has a window size of {windows.size_ms} ms and a retention "
            f"of {retention_ms} ms: leave them out, or give these"
        )
    return replace(
        given,
        key_serde=given.key_serde or key,
        value_serde=given.value_serde or value,
        retention_ms=retention_ms,
        window_size_ms=windows.size_ms,
        retain_duplicates=True,
    )


def _window_operator(store: str, place: StreamNode, key: Serde[Any]) -> MakeOperator:
    return partial(StreamJoinWindow, store, reuse_raw_key=place.reuses(key))
