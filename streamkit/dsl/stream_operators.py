"""What operators on a stream add to the program, by what they change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamkit.dsl.options import SerdeLike, optional_serde
from streamkit.dsl.stream_node import StreamNode
from streamkit.operators.base import Operator
from streamkit.topology.graph_nodes import OperatorGraphNode
from streamkit.topology.names import check_name

__all__ = ["kept", "rekeyed", "revalued"]


def kept(
    place: StreamNode, prefix: str, name: str | None, make: Callable[[], Operator]
) -> StreamNode:
    """The place behind an operator that changes neither keys nor values."""
    name = place.graph.names.node(prefix, name)
    return place.then(OperatorGraphNode(name, lambda: make))


def revalued(
    place: StreamNode,
    prefix: str,
    name: str | None,
    make: Callable[[], Operator],
    value: SerdeLike[Any] | None,
    stores: tuple[str, ...] | None = None,
) -> StreamNode:
    """The place behind an operator that changes values; `stores` for processors."""
    name = _node_name(place, prefix, name, is_processor=stores is not None)
    node = OperatorGraphNode(name, lambda: make, connect=lambda: stores or (), value_changing=True)
    return place.then(node, value=optional_serde(value))


def rekeyed(
    place: StreamNode,
    prefix: str,
    name: str | None,
    make: Callable[[], Operator],
    key: SerdeLike[Any] | None,
    value: SerdeLike[Any] | None,
    stores: tuple[str, ...] | None = None,
) -> StreamNode:
    """The place behind an operator that changes keys and values; `stores` for processors."""
    name = _node_name(place, prefix, name, is_processor=stores is not None)
    node = OperatorGraphNode(
        name,
        lambda: make,
        connect=lambda: stores or (),
        key_changing=True,
        value_changing=stores is not None,
    )
    return place.then(
        node,
        key=optional_serde(key),
        value=optional_serde(value),
        needs_repartition=True,
        raw_keys=(),
    )


def _node_name(place: StreamNode, prefix: str, name: str | None, *, is_processor: bool) -> str:
    """As in Kafka Streams, a named processor uses up no number, other named operators do."""
    if is_processor and name is not None:
        return check_name(name)
    return place.graph.names.node(prefix, name)
