"""What streams and tables share while a program is built: their node in the graph and what is known of keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from streamkit.operators.select_key import SelectKey
from streamkit.serde import Serde
from streamkit.topology.graph import Graph
from streamkit.topology.graph_nodes import GraphNode, OperatorGraphNode, RepartitionGraphNode
from streamkit.topology.nodes import StreamPartitioner

__all__ = ["StreamNode", "repartitioned", "select_key"]

_SUFFIX = "-repartition"


@dataclass(frozen=True, slots=True)
class StreamNode:
    """A place in the program.

    Attributes:
        graph: the program.
        node: the operation that the records come from.
        name: its name; repartition topics are named after it.
        key, value: serdes, None where the operation changed the type and none was given.
        sources: names of the source nodes above, up to the last repartition topic.
        needs_repartition: keys were changed, so records of one key may be in different tasks.
        raw_key: the serde that the source record's key bytes stand for, if the key is still the source
            record's own; operators then use the bytes instead of encoding the key again.
    """

    graph: Graph
    node: GraphNode
    name: str
    key: Serde[Any] | None
    value: Serde[Any] | None
    sources: frozenset[str]
    needs_repartition: bool = False
    raw_key: Serde[Any] | None = None

    @property
    def key_serde(self) -> Serde[Any]:
        return self.key if self.key is not None else self.graph.default_key

    @property
    def value_serde(self) -> Serde[Any]:
        return self.value if self.value is not None else self.graph.default_value

    def reuses(self, serde: Serde[Any]) -> bool:
        """True if the source record's key bytes are what `serde` would write."""
        return self.raw_key is serde and serde.canonical

    def then(self, node: GraphNode, **changes: Any) -> StreamNode:
        """The place behind `node`, which is added below this one."""
        self.graph.add(node, self.node)
        return replace(self, node=node, name=node.name, **changes)


def select_key(
    place: StreamNode,
    selector: Callable[[Any, Any], Any],
    key: Serde[Any] | None,
    name: str | None,
) -> StreamNode:
    """The place behind an operator that gives records new keys."""
    make = partial(SelectKey, selector)
    node = OperatorGraphNode(
        place.graph.names.node("KSTREAM-KEY-SELECT-", name), lambda: make, key_changing=True
    )
    return place.then(node, key=key, needs_repartition=True, raw_key=None)


def repartitioned(
    place: StreamNode,
    name: str,
    *,
    key: Serde[Any] | None = None,
    value: Serde[Any] | None = None,
    partitions: int | None = None,
    partitioner: StreamPartitioner | None = None,
    into: RepartitionGraphNode | None = None,
) -> tuple[StreamNode, RepartitionGraphNode]:
    """The place behind a repartition topic named after `name`.

    Args:
        into: an existing repartition node to use instead of adding one (numbers are used up anyway).
    """
    names = place.graph.names
    topic = name if name.endswith(_SUFFIX) else name + _SUFFIX
    sink_name = names.node("KSTREAM-SINK-")
    filter_name = names.node("KSTREAM-FILTER-")
    source_name = names.node("KSTREAM-SOURCE-")
    if not _is_generated(name):
        sink_name, filter_name, source_name = f"{topic}-sink", f"{topic}-filter", f"{topic}-source"
    key_serde = key if key is not None else place.key_serde
    value_serde = value if value is not None else place.value_serde
    node = into
    if node is None:
        node = RepartitionGraphNode(
            source_name,
            topic=topic,
            sink_name=sink_name,
            filter_name=filter_name,
            key=key_serde,
            value=value_serde,
            partitions=partitions,
            partitioner=partitioner,
            reuse_raw_key=place.reuses(key_serde),
        )
        place.graph.add(node, place.node)
    behind = StreamNode(
        graph=place.graph,
        node=node,
        name=source_name,
        key=key_serde,
        value=value_serde,
        sources=frozenset((node.name,)),
        raw_key=key_serde,
    )
    return behind, node


def _is_generated(name: str) -> bool:
    """True for names such as KSTREAM-MAP-0000000001, whose repartition nodes get generated names too."""
    return name.startswith("KSTREAM") and name[-11:-10] == "-" and name[-10:].isdecimal()
