"""Tables of the latest values of a topic or stream: what they add to the program."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from streamkit.dsl.backing import SourceBacking
from streamkit.dsl.options import optional_serde, resolve_store, table_store
from streamkit.dsl.stream_node import StreamNode, repartitioned
from streamkit.operators.table_source import TableSource
from streamkit.operators.versioned_table_source import VersionedTableSource
from streamkit.serde import Serde
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.graph_nodes import OperatorGraphNode
from streamkit.topology.nodes import MakeOperator

__all__ = ["table_of_stream", "table_source"]


def table_of_stream(
    place: StreamNode,
    name: str | None,
    value: Serde[Any] | None,
    options: Mapping[str, Any],
) -> tuple[StreamNode, SourceBacking]:
    """The place and the backing of the table of a stream's latest values."""
    graph = place.graph
    name = graph.names.node("KSTREAM-TOTABLE-", name)
    store, fields = resolve_store(graph, options, "KSTREAM-TOTABLE-")
    given = optional_serde(options.get("key"))
    key_serde = given or place.key_serde
    value_serde = value or place.value_serde
    if place.needs_repartition:
        place, _ = repartitioned(place, name, key=given, value=value)
    spec = table_store(store, key_serde, value_serde, fields, options)
    backing = SourceBacking(spec, options.get("store"))
    node = OperatorGraphNode(
        name,
        lambda: table_source(spec, backing, reuse_raw_key=place.reuses(key_serde)),
        store=backing.store,
        cache=backing.cache,
    )
    return place.then(node, key=key_serde, value=value_serde), backing


def table_source(spec: StoreSpec, backing: SourceBacking, *, reuse_raw_key: bool) -> MakeOperator:
    """Makes the operator that puts rows into the table's store, if it has one, and sends changes on."""
    if spec.kind is StoreKind.VERSIONED and backing.materialized:
        return partial(VersionedTableSource, spec.name, send_old=backing.send_old)
    return partial(
        TableSource,
        spec.name if backing.materialized else None,
        send_old=backing.send_old,
        reuse_raw_key=reuse_raw_key,
    )
