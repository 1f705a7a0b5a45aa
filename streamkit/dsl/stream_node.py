"""What streams and tables share while a program is built: their node in the graph and what is known of keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from streamkit.operators.select_key import SelectKey
from streamkit.serde import Serde
from streamkit.topology.graph import Graph
from streamkit.topology.graph_nodes import (
    GraphNode,
    OperatorGraphNode,
    RawKey,
    RepartitionGraphNode,
    RepartitionOptions,
)
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
        raw_keys: what the source record's key bytes stand for, on each way that leads here, if the key is
            still the source record's own; operators then use the bytes instead of encoding the key again.
    """

    graph: Graph
    node: GraphNode
    name: str
    key: Serde[Any] | None
    value: Serde[Any] | None
    sources: frozenset[str]
    needs_repartition: bool = False
    raw_keys: tuple[RawKey, ...] = ()

    @property
    def key_serde(self) -> Serde[Any]:
        return self.key if self.key is not None else self.graph.default_key

    @property
    def value_serde(self) -> Serde[Any]:
        return self.value if self.value is not None else self.graph.default_value

    def reuses(self, serde: Serde[Any]) -> bool:
        """True if the source record's key bytes are what `serde` would write; final when nodes are written."""
        if not self.raw_keys or not serde.canonical:
            return False
        return all(raw_key.serde is serde for raw_key in self.raw_keys)

    def common_raw_keys(self, other: StreamNode) -> tuple[RawKey, ...]:
        """What key bytes stand for behind an operator that takes records from here and from `other`."""
        if not self.raw_keys or not other.raw_keys:
            return ()
        return tuple(dict.fromkeys((*self.raw_keys, *other.raw_keys)))

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
    return place.then(node, key=key, needs_repartition=True, raw_keys=())


def repartitioned(
    place: StreamNode,
    name: str,
    *,
    key: Serde[Any] | None = None,
    value: Serde[Any] | None = None,
    partitions: int | None = None,
    partitioner: StreamPartitioner | None = None,
    into: RepartitionGraphNode | None = None,
    optimizable: bool = True,
) -> tuple[StreamNode, RepartitionGraphNode]:
    """The place behind a repartition topic named after `name`.

    Args:
        into: an existing repartition node to use instead of adding one (numbers are used up anyway).
        optimizable: the topic may be merged with others.
    """
    names = place.graph.names
    topic = name if name.endswith(_SUFFIX) else name + _SUFFIX
    sink_name = names.node("KSTREAM-SINK-")
    filter_name = names.node("KSTREAM-FILTER-")
    source_name = names.node("KSTREAM-SOURCE-")
    if not _is_generated(name):
        sink_name, filter_name, source_name = f"{topic}-sink", f"{topic}-filter", f"{topic}-source"
    node = into
    if node is None:
        node = RepartitionGraphNode(
            source_name,
            topic=topic,
            sink_name=sink_name,
            filter_name=filter_name,
            options=_options(place, key, value, partitions, partitioner, optimizable=optimizable),
        )
        place.graph.add(node, place.node)
    behind = StreamNode(
        graph=place.graph,
        node=node,
        name=source_name,
        key=key if key is not None else place.key_serde,
        value=value if value is not None else place.value_serde,
        sources=frozenset((node.name,)),
        raw_keys=(node.raw_key,),
    )
    return behind, node


def _options(
    place: StreamNode,
    key: Serde[Any] | None,
    value: Serde[Any] | None,
    partitions: int | None,
    partitioner: StreamPartitioner | None,
    *,
    optimizable: bool,
) -> RepartitionOptions:
    key_serde = key if key is not None else place.key_serde
    return RepartitionOptions(
        key if key is not None else place.key,
        value if value is not None else place.value,
        place.graph.default_key,
        place.graph.default_value,
        partitions,
        partitioner,
        reuse_raw_key=partial(place.reuses, key_serde),
        optimizable=optimizable,
    )


def _is_generated(name: str) -> bool:
    """True for names such as KSTREAM-MAP-0000000001, whose repartition nodes get generated names too."""
    return name.startswith("KSTREAM") and name[-11:-10] == "-" and name[-10:].isdecimal()
