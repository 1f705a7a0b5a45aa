"""Streams of late records: what they add to the program."""

from __future__ import annotations

from collections.abc import Sequence

from streamkit.dsl.grouping import Grouping
from streamkit.dsl.stream_node import StreamNode
from streamkit.errors import ConfigError, TopologyError
from streamkit.operators.late_records import LateRecords
from streamkit.topology.graph_nodes import GraphNode, OperatorGraphNode, StreamJoinGraphNode

__all__ = ["late_records", "late_records_of_join", "late_records_of_part"]


def late_records(aggregated: StreamNode | None, grouping: Grouping, name: str | None) -> StreamNode:
    """The place behind what comes too late for an aggregation.

    Raises:
        TopologyError: there is none yet.
    """
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
    return _late_place(place, node, name)


def late_records_of_join(
    joined: StreamNode, side: str | StreamNode, name: str | None
) -> StreamNode:
    """The place behind one side's records that come too late for later partners.

    Args:
        side: "left", "right" or the place of the stream that is that side.

    Raises:
        ConfigError: no side of that name.
        TopologyError: `joined` is no join of two streams, or not of that one and another.
    """
    if isinstance(side, str) and side not in ("left", "right"):
        raise ConfigError(f"a join has a 'left' and a 'right' side, no {side!r}")
    node = joined.node
    if not isinstance(node, StreamJoinGraphNode):
        raise TopologyError(
            "late_records of a stream needs the join of two streams itself: "
            "joined = left.join(right, …); joined.late_records('left')"
        )
    if isinstance(side, StreamNode):
        side = _side_of(node, side)
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
    return _late_place(place, window, name)


def _side_of(join: StreamJoinGraphNode, stream: StreamNode) -> str:
    left, right = (each is stream.node for each in join.joined)
    if left and right:
        raise TopologyError("late_records of a stream joined with itself: say 'left' or 'right'")
    if not left and not right:
        raise TopologyError("late_records of a stream that is not joined here")
    return "left" if left else "right"


def late_records_of_part(
    parts: Sequence[tuple[Grouping, object]],
    aggregated: Sequence[StreamNode],
    grouping: Grouping,
    name: str | None,
) -> StreamNode:
    """The place behind what of one grouped stream comes too late for a cogrouped aggregation.

    Args:
        parts: the grouped streams that are aggregated together.
        aggregated: the place behind the operator of each.

    Raises:
        TopologyError: nothing is aggregated yet, or the grouped stream is no part of it.
    """
    if not aggregated:
        raise TopologyError(
            "late_records comes after the aggregation, on the same object: "
            "windowed = cogrouped.windowed_by(…); windowed.aggregate(…); windowed.late_records(clicks)"
        )
    places = [place for (part, _), place in zip(parts, aggregated, strict=True) if part is grouping]
    if not places:
        raise TopologyError("late_records of a grouped stream that is not cogrouped here")
    graph = places[0].graph
    late = OperatorGraphNode(graph.names.node("KSTREAM-LATE-", name), lambda: LateRecords)
    graph.add(late, *(place.node for place in places))
    return StreamNode(
        graph=graph,
        node=late,
        name=late.name,
        key=grouping.key,
        value=grouping.value,
        sources=frozenset[str]().union(*(place.sources for place in places)),
    )


def _late_place(place: StreamNode, node: GraphNode, name: str | None) -> StreamNode:
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
