"""Joins of two streams and of two tables: an operator a side, and one that merges their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from streamkit.serde import Serde
from streamkit.state.spec import StoreSpec
from streamkit.topology.graph_nodes.node import GraphNode, MakeLater
from streamkit.topology.nodes import MakeOperator, NodeCache, ProcessorNode
from streamkit.topology.topology import Topology

__all__ = ["JoinSide", "StreamJoinGraphNode", "TableJoinGraphNode"]

JoinSide: TypeAlias = tuple[str, str, MakeOperator, StoreSpec]
"""Of one side of a stream-stream join: the join's name, its parent's, how it is made, its window store."""


class StreamJoinGraphNode(GraphNode):
    """A join of two streams: an operator on each side and one that merges their results.

    Args:
        name: of the merging operator.
        make_self_join: the one operator, under that name, of a stream joined with itself through one store.
        pending: the store of records that wait for a partner, if any do.
        emits_null_keys: a left or outer join.
        joined: the nodes of the streams that the program joins, before any repartition topic.

    Attributes:
        is_self_join: the left side's window store serves both sides; set when the whole graph is known.
    """

    def __init__(
        self,
        name: str,
        *,
        left: JoinSide,
        right: JoinSide,
        make_merge: MakeOperator,
        make_self_join: MakeOperator,
        pending: StoreSpec | None,
        emits_null_keys: bool,
        joined: tuple[GraphNode, GraphNode],
    ) -> None:
        super().__init__(name)
        self.emits_null_keys = emits_null_keys
        self.joined = joined
        self.is_self_join = False
        self._sides = (left, right)
        self._make_merge = make_merge
        self._make_self_join = make_self_join
        self._pending = pending

    @property
    def left_window(self) -> str:
        """Name of the node that keeps the left side's records."""
        return self._sides[0][1]

    @property
    def right_window(self) -> str:
        """Name of the node that keeps the right side's records."""
        return self._sides[1][1]

    @property
    def value_serdes(self) -> tuple[Serde[Any] | None, Serde[Any] | None]:
        """The serdes of the left and the right side's values."""
        return self._sides[0][3].value_serde, self._sides[1][3].value_serde

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        (left, left_window, _, left_store), (right, right_window, _, right_store) = self._sides
        if self.is_self_join:
            topology.add_processor_node(
                ProcessorNode(self.name, (left_window,), self._make_self_join)
            )
            topology.add_state_store(left_store, left_window, self.name)
            return
        for name, window, make, _ in self._sides:
            topology.add_processor_node(ProcessorNode(name, (window,), make))
        topology.add_processor_node(ProcessorNode(self.name, (left, right), self._make_merge))
        topology.add_state_store(left_store, left_window, right)
        topology.add_state_store(right_store, right_window, left)
        if self._pending is not None:
            topology.add_state_store(self._pending, left, right)


class TableJoinGraphNode(GraphNode):
    """A join of two tables: an operator on each side and one that merges their results.

    Args:
        name: of the merging operator.
        this_parent, other_parent: the nodes that the two sides hang on.
        this_stores, other_stores: asked when written; what each side looks up.
        store: of the result, if it is materialized.
        cache: asked when written; merges its updates, see `NodeCache`.
    """

    def __init__(
        self,
        name: str,
        this_name: str,
        other_name: str,
        this_parent: str,
        other_parent: str,
        make_this: MakeLater,
        make_other: MakeLater,
        make_merge: MakeOperator,
        *,
        this_stores: Callable[[], Sequence[str]],
        other_stores: Callable[[], Sequence[str]],
        store: StoreSpec | None,
        cache: Callable[[], NodeCache | None],
    ) -> None:
        super().__init__(name)
        self._sides = (
            (this_name, this_parent, make_this, this_stores),
            (other_name, other_parent, make_other, other_stores),
        )
        self._make_merge = make_merge
        self._store = store
        self._cache = cache

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        for name, parent, make, _ in self._sides:
            topology.add_processor_node(ProcessorNode(name, (parent,), make()))
        names = tuple(side[0] for side in self._sides)
        topology.add_processor_node(
            ProcessorNode(self.name, names, self._make_merge, cache=self._cache())
        )
        for name, _, _, stores in self._sides:
            topology.connect(name, *stores())
        if self._store is not None:
            topology.add_state_store(self._store, self.name)
