"""What happens to records in between: one operator with its stores, or a store alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streamkit.state.spec import StoreSpec
from streamkit.topology.graph_nodes.node import GraphNode, MakeLater
from streamkit.topology.nodes import NodeCache, ProcessorNode
from streamkit.topology.topology import Topology

__all__ = ["OperatorGraphNode", "StoreGraphNode"]


class OperatorGraphNode(GraphNode):
    """One operator, with a store of its own and those it is connected to.

    Args:
        make: asked when written.
        store: asked when written; a store to add and connect, or None.
        connect: asked when written; names of stores to connect.
        key_changing, value_changing: keys or values after it are not those before.
        is_merge: it merges streams.
        emits_null_keys: a left join.
        ignores_value: it only tells null values from others.
        cache: asked when written; merges its updates, see `NodeCache`.
    """

    def __init__(
        self,
        name: str,
        make: MakeLater,
        *,
        store: Callable[[], StoreSpec | None] | None = None,
        connect: Callable[[], Sequence[str]] | None = None,
        key_changing: bool = False,
        value_changing: bool = False,
        is_merge: bool = False,
        emits_null_keys: bool = False,
        ignores_value: bool = False,
        cache: Callable[[], NodeCache | None] | None = None,
    ) -> None:
        super().__init__(name)
        self.key_changing = key_changing
        self.value_changing = value_changing
        self.is_merge = is_merge
        self.emits_null_keys = emits_null_keys
        self._make = make
        self._store = store
        self._connect = connect
        self.ignores_value = ignores_value
        self._cache = cache

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:
        topology.add_processor_node(
            ProcessorNode(
                self.name,
                parents,
                self._make(),
                ignores_value=self.ignores_value,
                cache=None if self._cache is None else self._cache(),
            )
        )
        if self._connect is not None:
            topology.connect(self.name, *self._connect())
        store = self._store() if self._store is not None else None
        if store is not None:
            topology.add_state_store(store, self.name)


class StoreGraphNode(GraphNode):
    """A store that the user added for processors."""

    def __init__(self, store: StoreSpec) -> None:
        super().__init__(store.name)
        self._store = store

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        topology.add_state_store(self._store)
