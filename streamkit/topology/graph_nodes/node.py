"""What every node of the logical graph has.

What an operator is built with (does anybody need old values? is the table materialized?) is known only
when the whole program is: nodes therefore ask their `make` at the time of writing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

from streamkit.topology.nodes import MakeOperator
from streamkit.topology.topology import Topology

__all__ = ["GraphNode", "MakeLater", "RootNode"]

MakeLater: TypeAlias = Callable[[], MakeOperator]
"""Makes what makes an operator, asked when the graph is written."""


class GraphNode(ABC):
    """One operation.

    Attributes:
        name: what its children name as their parent.
        parents, children: those above and below it in the program.
        priority: position in the order of writing.
        key_changing: keys after it are not those before.
        value_changing: values after it are not those before.
        is_merge: it merges streams.
        emits_null_keys: a left join, which sends on records without a key.
        window_grace_ms: of a windowed aggregation: how far stream time is beyond a window's end (of a
            session: its last record) when it takes no more records; None for other operations.
        window_idles: of a windowed aggregation: windows close on the wall clock while no data comes.
        has_history: of a table: whether it keeps versions; None: as what is above it, streams too.
        source_name: of the source that it reads a topic with, None for other operations.
    """

    key_changing = False
    value_changing = False
    is_merge = False
    emits_null_keys = False
    window_grace_ms: int | None = None
    window_idles = False
    has_history: bool | None = None
    source_name: str | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.parents: list[GraphNode] = []
        self.children: list[GraphNode] = []
        self.priority = 0

    def reads_history(self) -> bool:
        """Whether it keeps versions, or all the nearest tables above it that say whether they do."""
        if self.has_history is not None:
            return self.has_history
        return bool(self.parents) and all(parent.reads_history() for parent in self.parents)

    @abstractmethod
    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:
        """Add its nodes and stores to the topology, below those called `parents`."""


class RootNode(GraphNode):
    """Above all sources; writes nothing."""

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:
        pass
