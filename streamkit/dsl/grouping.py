"""Where an aggregation stands in the program: behind a repartition topic if keys were changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from streamkit.dsl.backing import AggregateBacking
from streamkit.dsl.ktable import KTable
from streamkit.dsl.stream_node import StreamNode, repartitioned
from streamkit.operators.base import Operator
from streamkit.operators.getter import StoreGetter, ValueGetter
from streamkit.serde import Serde
from streamkit.state.spec import StoreSpec
from streamkit.topology.graph_nodes import OperatorGraphNode, RepartitionGraphNode
from streamkit.topology.names import check_name
from streamkit.topology.nodes import MakeOperator, node_cache

__all__ = ["Grouping", "use_up_number"]


class Grouping:
    """A grouped place in the program: adds the repartition topic before an aggregation, where needed."""

    def __init__(
        self,
        place: StreamNode,
        name: str | None,
        key: Serde[Any] | None,
        value: Serde[Any] | None,
    ) -> None:
        self.place = place
        self.key: Serde[Any] = key if key is not None else place.key_serde
        self.value: Serde[Any] = value if value is not None else place.value_serde
        self._given = key, value
        self._name = name if name is None else check_name(name)
        self._repartition: RepartitionGraphNode | None = None

    def for_store(self, store: str) -> StreamNode:
        """The place to aggregate at; its records of one key are in one task."""
        if not self.place.needs_repartition:
            return self.place
        into = self._repartition if self._name is not None else None
        behind, self._repartition = repartitioned(
            self.place,
            self._name if self._name is not None else store,
            key=self._given[0],
            value=self._given[1],
            into=into,
        )
        if into is not None:
            self.place.graph.add(
                into, self.place.node
            )  # once more: as in Kafka Streams, it moves behind
        return behind

    def table(
        self,
        spec: StoreSpec,
        queryable: str | None,
        name: str,
        make: Callable[..., Operator],
        *,
        key: Serde[Any],
        ignores_value: bool,
        getter: Callable[[str], ValueGetter] = StoreGetter,
        grace_ms: int | None = None,
        idles: bool = False,
    ) -> KTable[Any, Any]:
        """The table of an aggregation.

        Args:
            make: takes the store's name, `send_old` and `reuse_raw_key`.
            key: serde of the table's keys.
            getter: how the table is looked up.
            grace_ms, idles: of a windowed table, see `GraphNode.window_grace_ms`, `window_idles`. Windows that
                idle are not cached: a suppression below must have had all updates when they close.
        """
        place = self.for_store(spec.name)
        backing = AggregateBacking(
            spec.name, queryable, getter, history_ms=spec.history_retention_ms
        )
        assert spec.key_serde is not None
        store_key = spec.key_serde

        def make_later() -> MakeOperator:
            return partial(
                make,
                spec.name,
                send_old=backing.send_old,
                reuse_raw_key=place.reuses(store_key),
            )

        node = OperatorGraphNode(
            name,
            make_later,
            store=lambda: spec,
            ignores_value=ignores_value,
            cache=lambda: None if idles else node_cache(spec, backing.send_old),
        )
        node.window_grace_ms = grace_ms
        node.window_idles = idles
        behind = place.then(
            node,
            key=key,
            value=spec.value_serde,
            raw_keys=place.raw_keys if getter is StoreGetter else (),
        )
        return KTable(behind, backing)


def use_up_number(place: StreamNode, options: Mapping[str, Any]) -> None:
    """As in Kafka Streams, where a count with options but no store name takes one number more."""
    if options and options.get("store") is None:
        place.graph.names.store("KSTREAM-AGGREGATE-")
