"""WriteTxnMarkers (key 27): a transaction coordinator tells brokers to end a transaction in partitions.

| version | change |
| --- | --- |
| 1 | the oldest left; flexible |
| 2 | transaction version of each marker (KIP-1228) |

Sent between brokers.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "WritableTxnMarker",
    "WritableTxnMarkerPartitionResult",
    "WritableTxnMarkerResult",
    "WritableTxnMarkerTopic",
    "WritableTxnMarkerTopicResult",
    "WriteTxnMarkersRequest",
    "WriteTxnMarkersResponse",
]


@struct()
class WritableTxnMarkerTopic:
    name: String = wire()
    partition_indexes: Array[Int32] = wire()


@struct()
class WritableTxnMarker:
    producer_id: Int64 = wire()
    producer_epoch: Int16 = wire()
    transaction_result: Bool = wire()
    topics: Array[WritableTxnMarkerTopic] = wire()
    coordinator_epoch: Int32 = wire()
    transaction_version: Int8 = wire("2+", ignorable=True)


@request(key=27, versions="1-2", flexible="1+")
class WriteTxnMarkersRequest:
    markers: Array[WritableTxnMarker] = wire()


@struct()
class WritableTxnMarkerPartitionResult:
    partition_index: Int32 = wire()
    error_code: Int16 = wire()


@struct()
class WritableTxnMarkerTopicResult:
    name: String = wire()
    partitions: Array[WritableTxnMarkerPartitionResult] = wire()


@struct()
class WritableTxnMarkerResult:
    producer_id: Int64 = wire()
    topics: Array[WritableTxnMarkerTopicResult] = wire()


@response(key=27, versions="1-2", flexible="1+")
class WriteTxnMarkersResponse:
    markers: Array[WritableTxnMarkerResult] = wire()
