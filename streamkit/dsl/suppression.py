"""What `KTable.suppress` adds to the program."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from streamkit.dsl.backing import SuppressBacking, TableBacking
from streamkit.dsl.options import store_fields
from streamkit.dsl.stream_node import StreamNode
from streamkit.dsl.suppressed import UntilTimeLimit, UntilWindowCloses
from streamkit.errors import TopologyError
from streamkit.operators.table_suppress import TableSuppress
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.graph_nodes import (
    ChangeRepartitionGraphNode,
    GraphNode,
    OperatorGraphNode,
    RepartitionGraphNode,
)
from streamkit.topology.names import check_name

__all__ = ["suppress"]

_PREFIX = "KTABLE-SUPPRESS-"


def suppress(
    place: StreamNode,
    backing: TableBacking,
    until: UntilWindowCloses | UntilTimeLimit,
    name: str | None,
    *,
    log: bool | Mapping[str, str],
) -> tuple[StreamNode, SuppressBacking]:
    """The place and the backing of a suppressed table.

    Raises:
        TopologyError: the table has a history, or isn't windowed where windows shall close.
    """
    if backing.history_ms is not None:
        raise TopologyError("a table with a history can't be suppressed")
    backing.enable_old(force=True)  # look-ups find the value before while a newer one waits
    names = place.graph.names
    given = name
    name = names.node(_PREFIX) if given is None else check_name(given)
    if isinstance(until, UntilWindowCloses):
        wait_ms, emit_when_full = _window_grace_ms(place.node), False
    else:
        wait_ms, emit_when_full = until.limit_ms, until.when_full == "emit"
    store = names.store(_PREFIX) if given is None else f"{given}-store"
    spec = StoreSpec(
        store,
        StoreKind.SUPPRESS_BUFFER,
        place.key_serde,
        place.value_serde,
        **store_fields({"log": log}),
    )
    make = partial(
        TableSuppress,
        store,
        wait_ms,
        until_close=isinstance(until, UntilWindowCloses),
        max_records=-1 if until.max_records is None else until.max_records,
        max_bytes=-1 if until.max_bytes is None else until.max_bytes,
        emit_when_full=emit_when_full,
        idle_ms=-1 if isinstance(until, UntilWindowCloses) else until.idle_ms,
        closed_by=_idle_aggregations(place.node) if isinstance(until, UntilWindowCloses) else (),
    )
    node = OperatorGraphNode(name, lambda: make, store=lambda: spec)
    return place.then(node, raw_keys=()), SuppressBacking(backing, store)


def _window_grace_ms(node: GraphNode) -> int:
    """The longest grace of the windowed aggregations that the table comes from."""
    if node.window_grace_ms is not None:
        return node.window_grace_ms
    if not node.parents:
        raise TopologyError(
            "suppress until windows close needs a windowed table: aggregate after windowed_by(…)"
        )
    return max(_window_grace_ms(parent) for parent in node.parents)


def _idle_aggregations(node: GraphNode) -> tuple[str, ...]:
    """Names of the windowed aggregations above whose windows close while no data comes.

    Raises:
        TopologyError: one of them is in another sub-topology, from where nobody can tell.
    """
    if node.window_grace_ms is not None:
        return (node.name,) if node.window_idles else ()
    names = [name for parent in node.parents for name in _idle_aggregations(parent)]
    if names and isinstance(node, (RepartitionGraphNode, ChangeRepartitionGraphNode)):
        raise TopologyError(
            f"windows of {names[0]!r} close while no data comes, which suppress can't know behind a "
            "repartition topic: suppress before it"
        )
    return tuple(dict.fromkeys(names))
