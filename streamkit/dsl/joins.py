"""Joins of a stream with a table: what they add to the program."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from streamkit.dsl.global_ktable import GlobalKTable
from streamkit.dsl.ktable import KTable
from streamkit.dsl.stream_node import StreamNode, repartitioned
from streamkit.dsl.windows.durations import to_ms
from streamkit.errors import TopologyError
from streamkit.operators.stream_global_table_join import StreamGlobalTableJoin
from streamkit.operators.stream_table_grace_join import StreamTableGraceJoin
from streamkit.operators.stream_table_join import StreamTableJoin
from streamkit.serde import Serde
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.graph_nodes import OperatorGraphNode, StoreGraphNode
from streamkit.topology.nodes import MakeOperator

__all__ = ["join_global_table", "join_table", "repartitioned_for_join"]


def join_table(
    place: StreamNode,
    table: KTable[Any, Any],
    joiner: Callable[..., Any],
    name: str | None,
    value: Serde[Any] | None,
    grace: timedelta | int | None,
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
    stores = table.backing.store_names
    if grace is not None:
        grace_ms = _checked_grace(grace, table)
        buffer = StoreSpec(
            f"{name}-Buffer",
            StoreKind.JOIN_BUFFER,
            place.key_serde,
            place.value_serde,
        )
        place.graph.add_source(StoreGraphNode(buffer))
        waiting = partial(
            StreamTableGraceJoin,
            make_getter,
            joiner,
            grace_ms,
            buffer.name,
            left=left,
            with_key=with_key,
        )
        node = OperatorGraphNode(
            name,
            lambda: waiting,
            connect=lambda: (buffer.name, *stores()),
            emits_null_keys=left,
        )
        return place.then(node, value=value, sources=sources, raw_keys=())

    def make() -> MakeOperator:
        return partial(
            StreamTableJoin,
            make_getter,
            joiner,
            left=left,
            with_key=with_key,
            reuse_raw_key=place.reuses(other.key_serde),
        )

    node = OperatorGraphNode(name, make, connect=stores, emits_null_keys=left)
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
    shared = place.graph.join_repartitions.get(place.node) if name == place.name else None
    behind, node = repartitioned(place, name, into=shared)
    place.graph.join_repartitions[place.node] = node
    return behind


def _checked_grace(grace: timedelta | int, table: KTable[Any, Any]) -> int:
    grace_ms = to_ms(grace, "grace")
    history_ms = table.backing.history_ms
    if history_ms is None:
        raise TopologyError(
            "a join with a grace period needs a table with a history: table(…, history=…)"
        )
    if history_ms < grace_ms:
        raise TopologyError(
            f"the table's history must cover the grace period of {grace_ms} ms, but is {history_ms} ms"
        )
    return grace_ms
