"""streamkit: Kafka Streams for Python, with the log in the box.

The names that applications use. `streamkit.testing` holds what tests need, `streamkit.log.client` the Kafka
client beneath, `streamkit.topology` the low-level topology.

Each name is imported when it is first used: importing one part of the package (the pytest plugin, the
command line) doesn't load the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from streamkit._version import VERSION

if TYPE_CHECKING:
    from streamkit.app import App, AppSettings, Topic
    from streamkit.dsl import (
        Aggregates,
        BranchedKStream,
        CogroupedKStream,
        GlobalKTable,
        HoppingWindows,
        JoinWindows,
        KGroupedStream,
        KGroupedTable,
        KStream,
        KTable,
        SessionWindowedKStream,
        SessionWindows,
        SlidingWindows,
        StreamsBuilder,
        TimeWindowedKStream,
        TumblingWindows,
        UnlimitedWindows,
        UntilTimeLimit,
        UntilWindowCloses,
        count,
        count_distinct,
        distinct,
        first,
        last,
        max_of,
        mean,
        min_of,
        sum_of,
        top_k,
    )
    from streamkit.errors import (
        BrokerError,
        ConfigError,
        ProcessingError,
        SerdeError,
        StorageError,
        StreamkitError,
        TopologyError,
    )
    from streamkit.model import Record, RecordInfo, TaskId, TopicPartition, Window, Windowed
    from streamkit.operators.process import (
        FixedKeyProcessor,
        FixedKeyProcessorContext,
        Processor,
        ProcessorContext,
    )
    from streamkit.operators.table_transform_values import (
        ValueTransformer,
        ValueTransformerContext,
    )
    from streamkit.operators.timestamps import (
        partition_time_if_negative,
        record_time,
        record_time_or_fail,
        wall_clock_time,
    )
    from streamkit.serde import (
        AvroRegistrySerde,
        AvroSerde,
        BooleanSerde,
        BytesSerde,
        DateTimeSerde,
        FloatSerde,
        IntegerSerde,
        JsonSerde,
        ListSerde,
        MessagePackSerde,
        NullableSerde,
        SchemaRegistry,
        Serde,
        StringSerde,
        UUIDSerde,
        XmlSerde,
        serde_for,
    )
    from streamkit.state.spec import StoreKind, StoreSpec
    from streamkit.topology import Topology

__all__ = [
    "Aggregates",
    "App",
    "AppSettings",
    "AvroRegistrySerde",
    "AvroSerde",
    "BooleanSerde",
    "BranchedKStream",
    "BrokerError",
    "BytesSerde",
    "CogroupedKStream",
    "ConfigError",
    "DateTimeSerde",
    "FixedKeyProcessor",
    "FixedKeyProcessorContext",
    "FloatSerde",
    "GlobalKTable",
    "HoppingWindows",
    "IntegerSerde",
    "JoinWindows",
    "JsonSerde",
    "KGroupedStream",
    "KGroupedTable",
    "KStream",
    "KTable",
    "ListSerde",
    "MessagePackSerde",
    "NullableSerde",
    "ProcessingError",
    "Processor",
    "ProcessorContext",
    "Record",
    "RecordInfo",
    "SchemaRegistry",
    "Serde",
    "SerdeError",
    "SessionWindowedKStream",
    "SessionWindows",
    "SlidingWindows",
    "StorageError",
    "StoreKind",
    "StoreSpec",
    "StreamkitError",
    "StreamsBuilder",
    "StringSerde",
    "TaskId",
    "TimeWindowedKStream",
    "Topic",
    "TopicPartition",
    "Topology",
    "TopologyError",
    "TumblingWindows",
    "UUIDSerde",
    "UnlimitedWindows",
    "UntilTimeLimit",
    "UntilWindowCloses",
    "ValueTransformer",
    "ValueTransformerContext",
    "Window",
    "Windowed",
    "XmlSerde",
    "__version__",
    "count",
    "count_distinct",
    "distinct",
    "first",
    "last",
    "max_of",
    "mean",
    "min_of",
    "partition_time_if_negative",
    "record_time",
    "record_time_or_fail",
    "serde_for",
    "sum_of",
    "top_k",
    "wall_clock_time",
]

__version__ = VERSION

_HOMES = {
    "Aggregates": "streamkit.dsl",
    "count": "streamkit.dsl",
    "count_distinct": "streamkit.dsl",
    "distinct": "streamkit.dsl",
    "first": "streamkit.dsl",
    "last": "streamkit.dsl",
    "max_of": "streamkit.dsl",
    "mean": "streamkit.dsl",
    "min_of": "streamkit.dsl",
    "sum_of": "streamkit.dsl",
    "top_k": "streamkit.dsl",
    "SlidingWindows": "streamkit.dsl",
    "SessionWindows": "streamkit.dsl",
    "SessionWindowedKStream": "streamkit.dsl",
    "CogroupedKStream": "streamkit.dsl",
    "App": "streamkit.app",
    "AppSettings": "streamkit.app",
    "BooleanSerde": "streamkit.serde",
    "BranchedKStream": "streamkit.dsl",
    "BrokerError": "streamkit.errors",
    "BytesSerde": "streamkit.serde",
    "ConfigError": "streamkit.errors",
    "FixedKeyProcessor": "streamkit.operators.process",
    "FixedKeyProcessorContext": "streamkit.operators.process",
    "FloatSerde": "streamkit.serde",
    "GlobalKTable": "streamkit.dsl",
    "HoppingWindows": "streamkit.dsl",
    "JoinWindows": "streamkit.dsl",
    "IntegerSerde": "streamkit.serde",
    "JsonSerde": "streamkit.serde",
    "KGroupedStream": "streamkit.dsl",
    "KGroupedTable": "streamkit.dsl",
    "KStream": "streamkit.dsl",
    "KTable": "streamkit.dsl",
    "ProcessingError": "streamkit.errors",
    "Processor": "streamkit.operators.process",
    "ProcessorContext": "streamkit.operators.process",
    "Record": "streamkit.model",
    "RecordInfo": "streamkit.model",
    "DateTimeSerde": "streamkit.serde",
    "ListSerde": "streamkit.serde",
    "MessagePackSerde": "streamkit.serde",
    "NullableSerde": "streamkit.serde",
    "UUIDSerde": "streamkit.serde",
    "AvroSerde": "streamkit.serde",
    "AvroRegistrySerde": "streamkit.serde",
    "SchemaRegistry": "streamkit.serde",
    "XmlSerde": "streamkit.serde",
    "Serde": "streamkit.serde",
    "SerdeError": "streamkit.errors",
    "StorageError": "streamkit.errors",
    "StoreKind": "streamkit.state.spec",
    "StoreSpec": "streamkit.state.spec",
    "StreamkitError": "streamkit.errors",
    "StreamsBuilder": "streamkit.dsl",
    "StringSerde": "streamkit.serde",
    "TaskId": "streamkit.model",
    "TimeWindowedKStream": "streamkit.dsl",
    "Topic": "streamkit.app",
    "TopicPartition": "streamkit.model",
    "Topology": "streamkit.topology",
    "TopologyError": "streamkit.errors",
    "TumblingWindows": "streamkit.dsl",
    "UnlimitedWindows": "streamkit.dsl",
    "UntilTimeLimit": "streamkit.dsl",
    "UntilWindowCloses": "streamkit.dsl",
    "ValueTransformer": "streamkit.operators.table_transform_values",
    "ValueTransformerContext": "streamkit.operators.table_transform_values",
    "Window": "streamkit.model",
    "Windowed": "streamkit.model",
    "partition_time_if_negative": "streamkit.operators.timestamps",
    "record_time": "streamkit.operators.timestamps",
    "record_time_or_fail": "streamkit.operators.timestamps",
    "serde_for": "streamkit.serde",
    "wall_clock_time": "streamkit.operators.timestamps",
}


if not TYPE_CHECKING:  # a checker shall refuse names that are not there

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'streamkit' has no attribute {name!r}")
        value: object = getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return __all__
