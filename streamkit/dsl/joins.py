"""Joins of a stream with a table: what they add to the program."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from streamkit.dsl.ktable import GlobalKTable, KTable
from streamkit.dsl.stream_node import StreamNode, repartitioned
from streamkit.operators.stream_global_table_join import StreamGlobalTableJoin
from streamkit.operators.stream_table_join import StreamTableJoin
from streamkit.serde import Serde
from streamkit.topology.graph_nodes import OperatorGraphNode

__all__ = ["join_global_table", "join_table", "repartitioned_for_join"]


def join_table(
    place: StreamNode,
    table: KTable[Any, Any],
    joiner: Callable[..., Any],
    name: str | None,
    value: Serde[Any] | None,
    *,
    left: bool,
    with_key: bool,
) -> StreamNode:
    """The place behind a stream-table join."""
    if place.needs_repartition:
        place = repartitioned_for_join(place, place.name if name is None else name)
    other = table.place
    sources = place.sources | other.sources
    place.graph.copartition(sorted(sources))
    name = place.graph.names.node("KSTREAM-LEFTJOIN-" if left else "KSTREAM-JOIN-", name)
    make_getter = table.backing.getter()
    make = partial(
        StreamTableJoin,
        make_getter,
        joiner,
        left=left,
        with_key=with_key,
        reuse_raw_key=place.reuses(other.key_serde),
    )
    node = OperatorGraphNode(
        name, lambda: make, connect=table.backing.store_names, emits_null_keys=left
    )
    return place.then(node, value=value, sources=sources)


def join_global_table(
    place: StreamNode,
    table: GlobalKTable[Any, Any],
    selector: Callable[[Any, Any], Any],
    joiner: Callable[..., Any],
    name: str | None,
    value: Serde[Any] | None,
    *,
    left: bool,
    with_key: bool,
) -> StreamNode:
    """The place behind a join with a global table."""
    name = place.graph.names.node("KSTREAM-LEFTJOIN-", name)
    make = partial(
        StreamGlobalTableJoin, table.getter, selector, joiner, left=left, with_key=with_key
    )
    return place.then(OperatorGraphNode(name, lambda: make, emits_null_keys=left), value=value)


def repartitioned_for_join(place: StreamNode, name: str) -> StreamNode:
    """The place behind a repartition topic; joins without a name of their own share the stream's."""
    shared = place.node.repartition if name == place.name else None
    behind, node = repartitioned(place, name, into=shared)
    place.node.repartition = node
    return behind
