"""The public methods of Kafka Streams, as `javap` tells them from its jars."""

from __future__ import annotations

import re
import subprocess

from java import java_classpath

__all__ = ["public_methods"]

_CLASSES = {
    "": "StreamsBuilder Topology TopologyTestDriver TestInputTopic TestOutputTopic",
    "kstream.": "KStream BranchedKStream KTable GlobalKTable KGroupedStream KGroupedTable CogroupedKStream "
    "TimeWindowedKStream SessionWindowedKStream TimeWindowedCogroupedKStream "
    "SessionWindowedCogroupedKStream TimeWindows SlidingWindows SessionWindows UnlimitedWindows JoinWindows "
    "Windows Suppressed Suppressed$BufferConfig EmitStrategy Consumed Produced Grouped Joined StreamJoined "
    "TableJoined Repartitioned Materialized Branched Named Printed Windowed WindowedSerdes "
    "ValueTransformerWithKey",
    "processor.": "StreamPartitioner TopicNameExtractor TimestampExtractor Punctuator Cancellable "
    "ConnectedStoreProvider",
    "processor.api.": "Processor FixedKeyProcessor ProcessorSupplier FixedKeyProcessorSupplier "
    "ContextualProcessor ContextualFixedKeyProcessor ProcessingContext ProcessorContext "
    "FixedKeyProcessorContext Record RecordMetadata",
    "state.": "Stores ReadOnlyKeyValueStore KeyValueStore ReadOnlyWindowStore WindowStore "
    "ReadOnlySessionStore SessionStore VersionedKeyValueStore VersionedRecord ValueAndTimestamp "
    "KeyValueIterator",
}
_OF_EVERY_OBJECT = ("equals", "hashCode", "toString")
_DECLARED = re.compile(r"(?:class|interface) org\.apache\.kafka\.streams\.(?:\w+\.)*([\w$]+)")
_METHOD = re.compile(r" (\w+)\(")


def public_methods() -> list[str]:
    """`Class.method`, sorted, of what programs are written and tested with."""
    classes = [
        f"org.apache.kafka.streams.{package}{name}"
        for package, names in _CLASSES.items()
        for name in names.split()
    ]
    command = ["javap", "-cp", java_classpath(), "-public", *classes]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: set[str] = set()
    owner = ""
    for line in listed.splitlines():
        declared = _DECLARED.search(line)
        if declared is not None and not line.startswith(" "):
            owner = declared[1].rpartition("$")[2]
            continue
        method = _METHOD.search(line)
        if method is not None and method[1] not in _OF_EVERY_OBJECT:
            found.add(f"{owner}.{method[1]}")
    return sorted(found)
