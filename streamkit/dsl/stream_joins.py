"""Joins of two streams: what they add to the program."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from streamkit.dsl.joins import repartitioned_for_join
from streamkit.dsl.stream_node import StreamNode
from streamkit.dsl.windows.join import JoinWindows
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

__all__ = ["join_streams"]


def join_streams(
    left: StreamNode,
    right: StreamNode,
    joiner: Callable[..., Any],
    windows: JoinWindows,
    name: str | None,
    store: str | None,
    value: Serde[Any] | None,
    *,
    keeps_left: bool,
    keeps_right: bool,
    with_key: bool,
    look_every_ms: int,
) -> StreamNode:
    """The place behind a join of two streams.

    Args:
        store: what the names of its stores begin with; None: generated names.
        keeps_left, keeps_right: records of that side without a partner go out too.
    """
    graph = left.graph
    names = graph.names
    if store is not None:
        check_name(store)
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
    left_store = _window_store(
        this_generated if store is None else store + this_suffix, key, left.value_serde, windows
    )
    right_store = _window_store(
        other_generated if store is None else store + other_suffix, key, right.value_serde, windows
    )
    pending: StoreSpec | None = None
    if keeps_left:
        shared = "-outer-shared-join" if keeps_right else "-left-shared-join"
        generated = names.sibling("KSTREAM-OUTERSHARED-", this_generated)
        pending = StoreSpec(
            f"{generated if store is None else store + shared}-store",
            StoreKind.KEY_VALUE,
            PendingKeySerde(key),
            PendingValuesSerde(left.value_serde, right.value_serde),
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


def _window_store(name: str, key: Serde[Any], value: Serde[Any], windows: JoinWindows) -> StoreSpec:
    return StoreSpec(
        f"{name}-store",
        StoreKind.WINDOW,
        key,
        value,
        retention_ms=windows.size_ms + windows.grace_ms,
        window_size_ms=windows.size_ms,
        retain_duplicates=True,
    )


def _window_operator(store: str, place: StreamNode, key: Serde[Any]) -> MakeOperator:
    return partial(StreamJoinWindow, store, reuse_raw_key=place.reuses(key))
