"""Foreign-key joins of two tables: what they add to the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from streamkit.dsl.backing import SourceBacking, TableBacking
from streamkit.dsl.options import optional_serde, resolve_store
from streamkit.dsl.stream_node import StreamNode
from streamkit.operators.foreign_key_join import (
    ForeignTableJoin,
    ResponseJoin,
    SubscriptionJoin,
    SubscriptionReceive,
    SubscriptionSend,
)
from streamkit.operators.table_source import TableSource
from streamkit.serde import BytesSerde, Serde
from streamkit.serde.subscription import (
    SubscriptionResponse,
    SubscriptionResponseSerde,
    SubscriptionSerde,
)
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.graph_nodes import (
    RawKey,
    InternalSourceGraphNode,
    OperatorGraphNode,
    SinkGraphNode,
    StoreGraphNode,
)
from streamkit.topology.nodes import MakeOperator

__all__ = ["join_by_foreign_key"]

_REGISTRATION = "KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-"
_RESPONSE = "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-"
_PROCESSOR = "KTABLE-FK-JOIN-SUBSCRIPTION-PROCESSOR-"
_RESOLVER = "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR-"
_STORE = "KTABLE-FK-JOIN-SUBSCRIPTION-STATE-STORE-"
_OUTPUT = "KTABLE-FK-JOIN-OUTPUT-"


def join_by_foreign_key(
    left: tuple[StreamNode, TableBacking],
    right: tuple[StreamNode, TableBacking],
    extractor: Callable[[Any], Any],
    joiner: Callable[[Any, Any], Any],
    name: str | None,
    value: Serde[Any] | None,
    options: Mapping[str, Any],
    *,
    keeps_left: bool,
) -> tuple[StreamNode, SourceBacking]:
    """The place and the backing of a join of two tables by a key in the left one's values.

    Names are handed out in the order in which Kafka Streams does it.

    Args:
        keeps_left: rows of the left table without a partner are in the result.
    """
    place, left_backing = left
    other, right_backing = right
    graph, names = place.graph, place.graph.names
    right_backing.enable_old(force=True)
    left_backing.enable_old(force=True)
    primary_key, foreign_key = place.key_serde, other.key_serde
    subscriptions = SubscriptionSerde()

    topic = names.suffixed(name, "-subscription-registration", _REGISTRATION) + "-topic"
    make_send = partial(
        SubscriptionSend,
        extractor,
        primary_key,
        place.value_serde,
        foreign_key,
        topic,
        left=keeps_left,
    )
    send = OperatorGraphNode(
        names.suffixed(name, "-subscription-registration-processor", _REGISTRATION),
        lambda: make_send,
    )
    graph.add(send, place.node)
    sink = SinkGraphNode(
        names.suffixed(name, "-subscription-registration-sink", "KTABLE-SINK-"),
        topic,
        foreign_key,
        subscriptions,
        None,
    )
    graph.add(sink, send)
    source = InternalSourceGraphNode(
        names.suffixed(name, "-subscription-registration-source", "KTABLE-SOURCE-"),
        topic,
        foreign_key,
        subscriptions,
    )
    graph.add(source, sink)
    graph.copartition(sorted(other.sources | {source.name}))

    store = names.suffixed(name, "-subscription-store", _STORE)
    graph.add_source(
        StoreGraphNode(
            StoreSpec(store, StoreKind.TIMESTAMPED_KEY_VALUE, BytesSerde(), subscriptions)
        )
    )
    make_receive = partial(SubscriptionReceive, store)
    receive = OperatorGraphNode(
        names.suffixed(name, "-subscription-receive", _PROCESSOR),
        lambda: make_receive,
        connect=lambda: (store,),
    )
    graph.add(receive, source)
    make_lookup = partial(SubscriptionJoin, right_backing.getter())
    lookup = OperatorGraphNode(
        names.suffixed(name, "-subscription-join-foreign", _PROCESSOR),
        lambda: make_lookup,
        connect=right_backing.store_names,
    )
    graph.add(lookup, receive)
    make_scan = partial(ForeignTableJoin, store, foreign_key, topic)
    scan = OperatorGraphNode(
        names.suffixed(name, "-foreign-join-subscription", _PROCESSOR),
        lambda: make_scan,
        connect=lambda: (store,),
    )
    graph.add(scan, other.node)

    response_topic = names.suffixed(name, "-subscription-response", _RESPONSE) + "-topic"
    responses = SubscriptionResponseSerde(other.value_serde)
    response_sink = SinkGraphNode(
        names.suffixed(name, "-subscription-response-sink", "KTABLE-SINK-"),
        response_topic,
        BytesSerde(),
        responses,
        _to_primary_partition,
    )
    graph.add(response_sink, lookup, scan)
    response_source = InternalSourceGraphNode(
        names.suffixed(name, "-subscription-response-source", "KTABLE-SOURCE-"),
        response_topic,
        primary_key,
        responses,
    )
    graph.add(response_source, response_sink)
    sources = place.sources | {response_source.name}
    graph.copartition(sorted(sources))
    make_resolve = partial(
        ResponseJoin,
        left_backing.getter(),
        place.value_serde,
        joiner,
        topic,
        left=keeps_left,
    )
    resolve = OperatorGraphNode(
        names.suffixed(name, "-subscription-response-resolver", _RESOLVER),
        lambda: make_resolve,
        connect=left_backing.store_names,
    )
    graph.add(resolve, response_source)
    behind = StreamNode(
        graph=graph,
        node=resolve,
        name=resolve.name,
        key=primary_key,
        value=None,
        sources=sources,
        raw_keys=(RawKey(primary_key),),
    )
    return _result(behind, name, value, options)


def _result(
    place: StreamNode, name: str | None, value: Serde[Any] | None, options: Mapping[str, Any]
) -> tuple[StreamNode, SourceBacking]:
    """The table of the results, which gets a store if it is given a name or somebody needs one."""
    graph = place.graph
    result = graph.names.suffixed(name, "-result", _OUTPUT)
    store, fields = resolve_store(graph, options, _OUTPUT)
    key = optional_serde(options.get("key")) or place.key_serde
    spec = StoreSpec(
        store,
        StoreKind.TIMESTAMPED_KEY_VALUE,
        key,
        value if value is not None else graph.default_value,
        **fields,
    )
    backing = SourceBacking(spec, options.get("store"))

    def make() -> MakeOperator:
        return partial(
            TableSource,
            spec.name if backing.materialized else None,
            send_old=backing.send_old,
            reuse_raw_key=place.reuses(key),
        )

    node = OperatorGraphNode(result, make, store=backing.store)
    return place.then(node, key=key, value=value), backing


def _to_primary_partition(
    _topic: str, _key: object, response: SubscriptionResponse, _partitions: int
) -> int | None:
    """Answers go where the row that asked is, however its topic was partitioned."""
    return response.primary_partition
