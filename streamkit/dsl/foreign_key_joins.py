"""Foreign-key joins of two tables: what they add to the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from streamkit.dsl.backing import SourceBacking, TableBacking
from streamkit.dsl.options import optional_serde, resolve_store, table_store
from streamkit.dsl.stream_node import StreamNode
from streamkit.dsl.table_source import table_source
from streamkit.errors import ConfigError, TopologyError
from streamkit.operators.foreign_key_join import (
    ForeignTableJoin,
    ResponseJoin,
    SubscriptionJoin,
    SubscriptionReceive,
    SubscriptionSend,
)
from streamkit.serde import BytesSerde, Serde
from streamkit.serde.subscription import (
    SubscriptionResponse,
    SubscriptionResponseSerde,
    SubscriptionSerde,
)
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.graph_nodes import (
    InternalSourceGraphNode,
    OperatorGraphNode,
    RawKey,
    SinkGraphNode,
    StoreGraphNode,
)
from streamkit.topology.nodes import StreamPartitioner

__all__ = ["ForeignKey", "foreign_key_of", "join_by_foreign_key"]

_REGISTRATION = "KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-"
_RESPONSE = "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-"
_PROCESSOR = "KTABLE-FK-JOIN-SUBSCRIPTION-PROCESSOR-"
_RESOLVER = "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR-"
_STORE = "KTABLE-FK-JOIN-SUBSCRIPTION-STATE-STORE-"
_OUTPUT = "KTABLE-FK-JOIN-OUTPUT-"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """How rows of one table name their partners in another one.

    Attributes:
        extractor: `f(value)`, or `f(key, value)` if `with_key`.
        partitioner, other_partitioner: how the topics of this table and of the other one were partitioned;
            None: by murmur2 of the key.
    """

    extractor: Callable[..., Any]
    with_key: bool = False
    partitioner: StreamPartitioner | None = None
    other_partitioner: StreamPartitioner | None = None


def foreign_key_of(
    extractor: Callable[[Any], Any] | None,
    extractor_with_key: Callable[[Any, Any], Any] | None,
    partitioner: StreamPartitioner | None,
    other_partitioner: StreamPartitioner | None,
) -> ForeignKey | None:
    """What a join was asked for; None: it is one by equal keys.

    Raises:
        ConfigError: two extractors, or partitioners without one.
    """
    if extractor is not None and extractor_with_key is not None:
        raise ConfigError("give foreign_key or foreign_key_with_key, not both")
    if extractor_with_key is not None:
        return ForeignKey(extractor_with_key, True, partitioner, other_partitioner)
    if extractor is not None:
        return ForeignKey(extractor, False, partitioner, other_partitioner)
    if partitioner is not None or other_partitioner is not None:
        raise ConfigError("a join takes partitioners only with a foreign key")
    return None


def join_by_foreign_key(
    left: tuple[StreamNode, TableBacking],
    right: tuple[StreamNode, TableBacking],
    foreign_key: ForeignKey,
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
        foreign_key: how rows of the left table name their partners, and where the two topics' records go.
        keeps_left: rows of the left table without a partner are in the result.
    """
    place, left_backing = left
    other, right_backing = right
    graph, names = place.graph, place.graph.names
    right_backing.enable_old(force=True)
    left_backing.enable_old(force=True)
    primary_key, other_key = place.key_serde, other.key_serde
    subscriptions = SubscriptionSerde()

    topic = names.suffixed(name, "-subscription-registration", _REGISTRATION) + "-topic"
    make_send = partial(
        SubscriptionSend,
        foreign_key.extractor,
        primary_key,
        place.value_serde,
        other_key,
        topic,
        left=keeps_left,
        with_key=foreign_key.with_key,
    )
    send = OperatorGraphNode(
        names.suffixed(name, "-subscription-registration-processor", _REGISTRATION),
        lambda: make_send,
    )
    graph.add(send, place.node)
    sink = SinkGraphNode(
        names.suffixed(name, "-subscription-registration-sink", "KTABLE-SINK-"),
        topic,
        other_key,
        subscriptions,
        _subscription_partitioner(foreign_key.other_partitioner),
    )
    graph.add(sink, send)
    source = InternalSourceGraphNode(
        names.suffixed(name, "-subscription-registration-source", "KTABLE-SOURCE-"),
        topic,
        other_key,
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
    make_scan = partial(ForeignTableJoin, store, other_key, topic)
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
        _response_partitioner(foreign_key.partitioner, primary_key),
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
    serde = value if value is not None else graph.default_value
    spec = table_store(store, key, serde, fields, options)
    backing = SourceBacking(spec, options.get("store"))
    node = OperatorGraphNode(
        result,
        lambda: table_source(spec, backing, reuse_raw_key=place.reuses(key)),
        store=backing.store,
        cache=backing.cache,
    )
    return place.then(node, key=key, value=value), backing


def _subscription_partitioner(partitioner: StreamPartitioner | None) -> StreamPartitioner | None:
    """Sees keys of the other table, and no value."""
    if partitioner is None:
        return None
    return partial(_ask_partitioner, partitioner, None)


def _response_partitioner(
    partitioner: StreamPartitioner | None, primary_key: Serde[Any]
) -> StreamPartitioner:
    """Sees keys of this table, which come as bytes, and no value."""
    if partitioner is None:
        return _to_primary_partition
    return partial(_ask_partitioner, partitioner, primary_key)


def _ask_partitioner(
    partitioner: StreamPartitioner,
    serde: Serde[Any] | None,
    topic: str,
    key: Any,
    _value: object,
    partitions: int,
) -> int | None:
    chosen = partitioner(
        topic, key if serde is None else serde.deserialize(topic, key), None, partitions
    )
    if chosen is None or isinstance(chosen, int):
        return chosen
    if len(chosen) != 1:
        raise TopologyError(
            f"the partitioner of a foreign-key join gives one partition a key, not {sorted(chosen)}"
        )
    return next(iter(chosen))


def _to_primary_partition(
    _topic: str, _key: object, response: SubscriptionResponse, _partitions: int
) -> int | None:
    """Answers go where the row that asked is, however its topic was partitioned."""
    return response.primary_partition
