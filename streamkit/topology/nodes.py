"""The physical topology's parts as frozen specifications: what the DSL ends in and what a task is made from.

No behaviour here: `Topology` (topology.py) holds and checks them, `plan.py` groups them into sub-topologies.
Operators are made afresh for each task by `make`, so a specification may serve many tasks and cross
cloudpickle.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from re import Pattern
from typing import Any, Protocol, TypeAlias

from streamkit.model.records import RecordInfo
from streamkit.operators.base import Operator
from streamkit.serde import Serde
from streamkit.state.spec import StoreKind, StoreSpec

__all__ = [
    "GlobalStoreNode",
    "InternalTopic",
    "MakeOperator",
    "NodeCache",
    "OffsetReset",
    "ProcessorNode",
    "SinkNode",
    "SourceNode",
    "StreamPartitioner",
    "TimestampExtractor",
    "TopicNameExtractor",
    "node_cache",
]

MakeOperator: TypeAlias = Callable[[], Operator]

OffsetReset: TypeAlias = str | timedelta
"""Where to begin without a committed offset: "earliest", "latest", "none" (an error), or that long before now.

Source: org.apache.kafka.streams.AutoOffsetReset (KIP-1106).
"""


class TimestampExtractor(Protocol):
    """Event time of a source record. Source: org.apache.kafka.streams.processor.TimestampExtractor."""

    def __call__(
        self, key: Any, value: Any, record_timestamp_ms: int, partition_time_ms: int, /
    ) -> int:
        """Milliseconds since the epoch; negative drops the record (counted).

        Args:
            record_timestamp_ms: the timestamp in the log.
            partition_time_ms: highest timestamp of the partition so far, -1 at first.
        """
        ...


class TopicNameExtractor(Protocol):
    """The topic of each record that a sink writes; `info` tells where the record came from.

    Source: org.apache.kafka.streams.processor.TopicNameExtractor.
    """

    def __call__(self, key: Any, value: Any, info: RecordInfo, /) -> str: ...


class StreamPartitioner(Protocol):
    """Where each record goes that a sink writes.

    It gives a partition, or several: the record then goes to each of them, and nowhere if there are none (it is
    counted as dropped). None leaves it to the producer: murmur2 of the key.

    Source: org.apache.kafka.streams.processor.StreamPartitioner (KIP-837).
    """

    def __call__(
        self, topic: str, key: Any, value: Any, partitions: int, /
    ) -> int | Collection[int] | None: ...


@dataclass(frozen=True, slots=True)
class SourceNode:
    """Reads topics into the topology.

    Attributes:
        name: KSTREAM-SOURCE-0000000000 or the user's.
        topics: exact names; empty when `pattern` is set.
        pattern: a compiled pattern of topic names, or None.
        changes: values are `Change`s, as a sink with `changes` writes them.
        key_serde, value_serde: None: bytes as they are.
        timestamp_extractor: None: the app's default (the record's own time).
        offset_reset: see `OffsetReset`; None: the app's default.
    """

    name: str
    topics: tuple[str, ...]
    key_serde: Serde[Any] | None = None
    value_serde: Serde[Any] | None = None
    timestamp_extractor: TimestampExtractor | None = None
    offset_reset: OffsetReset | None = None
    pattern: Pattern[str] | None = None
    changes: bool = False


@dataclass(frozen=True, slots=True)
class NodeCache:
    """How updates of an operator's table are merged where the app has a record cache.

    Attributes:
        store: the table's.
        send_old: somebody downstream needs the value before an update.
    """

    store: str
    send_old: bool


_CACHED_KINDS = (
    StoreKind.TIMESTAMPED_KEY_VALUE,
    StoreKind.TIMESTAMPED_WINDOW,
    StoreKind.SESSION,
)


def node_cache(store: StoreSpec | None, send_old: bool) -> NodeCache | None:
    """The cache of an operator that fills `store`; None: it has none.

    Windows that are sent on when they close are merged anyway.
    """
    if store is None or not store.cached or store.time_first or store.kind not in _CACHED_KINDS:
        return None
    return NodeCache(store.name, send_old)


@dataclass(frozen=True, slots=True)
class ProcessorNode:
    """An operator in the graph.

    Attributes:
        parents: names of the nodes that forward to it.
        make: builds the operator, once for each task.
        stores: names of the stores it is connected to.
        ignores_value: it only tells a null value from others and doesn't pass values on, so a source
            above it need not decode them.
        cache: merges its updates, where the app has a record cache.
    """

    name: str
    parents: tuple[str, ...]
    make: MakeOperator
    stores: tuple[str, ...] = ()
    ignores_value: bool = False
    cache: NodeCache | None = None


@dataclass(frozen=True, slots=True)
class SinkNode:
    """Writes to a topic, or to the topic that the extractor names for each record.

    Attributes:
        key_serde, value_serde: None: keys and values are bytes already.
        partitioner: None: murmur2 of the key, as Kafka's producer.
        window_bytes: how many bytes at the end of the key are its window, which doesn't choose the partition.
        reuse_raw_key: the source record's key bytes are what `key_serde` would write.
        changes: values are `Change`s, written as Kafka Streams writes them between a table and its
            aggregation.
    """

    name: str
    parents: tuple[str, ...]
    topic: str | TopicNameExtractor
    key_serde: Serde[Any] | None = None
    value_serde: Serde[Any] | None = None
    partitioner: StreamPartitioner | None = None
    window_bytes: int = 0
    reuse_raw_key: bool = False
    changes: bool = False


@dataclass(frozen=True, slots=True)
class GlobalStoreNode:
    """A store that every worker fills with the whole of a topic before tasks start."""

    store: StoreSpec
    source: SourceNode
    processor: ProcessorNode


@dataclass(frozen=True, slots=True)
class InternalTopic:
    """A topic that the app makes for itself: repartition or changelog.

    Attributes:
        name: with the application id in front.
        partitions: None: derived from the co-partitioned sources when the plan meets the cluster.
        config: topic settings under Kafka's names.
    """

    name: str
    kind: str  # "repartition" | "changelog"
    partitions: int | None
    config: Mapping[str, str] = field(default_factory=dict)
