"""Joins of two tables: what they add to the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from streamkit.dsl.backing import JoinBacking, JoinView, TableBacking
from streamkit.dsl.options import optional_serde, resolve_store, table_store
from streamkit.dsl.stream_node import StreamNode
from streamkit.operators.table_table_join import TableJoinMerge, TableTableJoin
from streamkit.serde import Serde
from streamkit.state.spec import StoreSpec
from streamkit.topology.graph_nodes import TableJoinGraphNode
from streamkit.topology.nodes import MakeOperator, node_cache

__all__ = ["join_tables"]


def join_tables(
    left: tuple[StreamNode, TableBacking],
    right: tuple[StreamNode, TableBacking],
    joiner: Callable[[Any, Any], Any],
    name: str | None,
    value: Serde[Any] | None,
    options: Mapping[str, Any],
    *,
    keeps_left: bool,
    keeps_right: bool,
) -> tuple[StreamNode, JoinBacking]:
    """The place and the backing of a join of two tables by key.

    Args:
        keeps_left, keeps_right: rows of that side without a partner are in the result.
    """
    place, left_backing = left
    other, right_backing = right
    graph = place.graph
    store: StoreSpec | None = None
    if options:
        store_name, fields = resolve_store(graph, options, "KTABLE-MERGE-")
        store = table_store(
            store_name,
            optional_serde(options.get("key")) or place.key_serde,
            value if value is not None else graph.default_value,
            fields,
            options,
        )
    merge_name = graph.names.node("KTABLE-MERGE-", name)
    sources = place.sources | other.sources
    graph.copartition(sorted(sources))
    if keeps_left:
        left_backing.enable_old(force=True)
    if keeps_right:
        right_backing.enable_old(force=True)
    this_name = graph.names.suffixed(name, "-join-this", "KTABLE-JOINTHIS-")
    other_name = graph.names.suffixed(name, "-join-other", "KTABLE-JOINOTHER-")
    left_getter, right_getter = left_backing.getter(), right_backing.getter()
    view = JoinView(
        joiner,
        needs_left=not keeps_right,
        needs_right=not keeps_left,
        same_keys=place.key_serde is other.key_serde,
    )
    backing = JoinBacking(
        left_backing,
        right_backing,
        store,
        options.get("store"),
        view,
    )

    def make(*, is_left: bool) -> MakeOperator:
        needs_left, needs_right = not keeps_right, not keeps_left
        return partial(
            TableTableJoin,
            right_getter if is_left else left_getter,
            joiner,
            is_left=is_left,
            needs_this=needs_left if is_left else needs_right,
            needs_other=needs_right if is_left else needs_left,
            send_old=backing.send_old,
        )

    node = TableJoinGraphNode(
        merge_name,
        this_name,
        other_name,
        place.node.name,
        other.node.name,
        lambda: make(is_left=True),
        lambda: make(is_left=False),
        partial(TableJoinMerge, store.name if store is not None else None),
        this_stores=right_backing.store_names,
        other_stores=left_backing.store_names,
        store=store,
        cache=lambda: node_cache(store, backing.send_old),
    )
    graph.add(node, place.node, other.node)
    behind = StreamNode(
        graph=graph,
        node=node,
        name=merge_name,
        key=store.key_serde if store is not None else place.key,
        value=value,
        sources=sources,
        raw_keys=place.common_raw_keys(other),
    )
    return behind, backing
