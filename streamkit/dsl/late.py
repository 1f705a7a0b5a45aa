"""Streams of late records: what they add to the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamkit.dsl.grouping import Grouping
from streamkit.dsl.stream_node import StreamNode
from streamkit.errors import ConfigError, TopologyError
from streamkit.operators.late_records import LateRecords
from streamkit.topology.graph_nodes import GraphNode, OperatorGraphNode, StreamJoinGraphNode

if TYPE_CHECKING:  # what comes too late for an operation on a stream is a stream again
    from streamkit.dsl.kstream import KStream

__all__ = ["late_place", "late_stream", "late_stream_of_join"]


def late_stream(
    aggregated: StreamNode | None, grouping: Grouping, name: str | None
) -> KStream[Any, Any]:
    """The stream of what comes too late for an aggregation.

    Raises:
        TopologyError: there is none yet.
    """
    from streamkit.dsl.kstream import KStream

    if aggregated is None:
        raise TopologyError(
            "late_records comes after the aggregation, on the same object: "
            "windowed = grouped.windowed_by(…); windowed.count(…); windowed.late_records()"
        )
    node = aggregated.node
    if isinstance(node, OperatorGraphNode):
        node.ignores_value = False  # a count doesn't read values, but now passes some on
    place = StreamNode(
        graph=aggregated.graph,
        node=node,
        name=node.name,
        key=grouping.key,
        value=grouping.value,
        sources=aggregated.sources,
    )
    return KStream(late_place(place, node, name))


def late_stream_of_join(joined: StreamNode, side: str, name: str | None) -> KStream[Any, Any]:
    """The stream of one side's records that come too late for later partners.

    Raises:
        ConfigError: no side of that name.
        TopologyError: `joined` is no join of two streams.
    """
    from streamkit.dsl.kstream import KStream

    if side not in ("left", "right"):
        raise ConfigError(f"a join has a 'left' and a 'right' side, no {side!r}")
    node = joined.node
    if not isinstance(node, StreamJoinGraphNode):
        raise TopologyError(
            "late_records of a stream needs the join of two streams itself: "
            "joined = left.join(right, …); joined.late_records('left')"
        )
    keeper = node.left_window if side == "left" else node.right_window
    (window,) = {
        child for parent in node.parents for child in parent.children if child.name == keeper
    }
    value = node.value_serdes[0 if side == "left" else 1]
    place = StreamNode(
        graph=joined.graph,
        node=window,
        name=window.name,
        key=joined.key,
        value=value,
        sources=joined.sources,
    )
    return KStream(late_place(place, window, name))


def late_place(place: StreamNode, node: GraphNode, name: str | None) -> StreamNode:
    """The place behind what comes too late for the operator of `node`.

    Args:
        place: where its records come from.
    """
    graph = place.graph
    late = OperatorGraphNode(graph.names.node("KSTREAM-LATE-", name), lambda: LateRecords)
    graph.add(late, node)
    return StreamNode(
        graph=graph,
        node=late,
        name=late.name,
        key=place.key,
        value=place.value,
        sources=place.sources,
    )
