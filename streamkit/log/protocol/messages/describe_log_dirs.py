"""DescribeLogDirs (key 35): how much room partitions take in which folder.

| version | change |
| --- | --- |
| 1 | the oldest left |
| 2 | flexible |
| 3 | an error code for the whole answer |
| 4 | answer: total and usable bytes (KIP-827) |
| 5 | answer: whether the folder is cordoned (KIP-1066) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
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
    "DescribableLogDirTopic",
    "DescribeLogDirsPartition",
    "DescribeLogDirsRequest",
    "DescribeLogDirsResponse",
    "DescribeLogDirsResult",
    "DescribeLogDirsTopic",
]


@struct()
class DescribableLogDirTopic:
    topic: String = wire()
    partitions: Array[Int32] = wire()


@request(key=35, versions="1-5", flexible="2+")
class DescribeLogDirsRequest:
    topics: Array[DescribableLogDirTopic] | None = wire(nullable="0+")


@struct()
class DescribeLogDirsPartition:
    partition_index: Int32 = wire()
    partition_size: Int64 = wire()
    offset_lag: Int64 = wire()
    is_future_key: Bool = wire()


@struct()
class DescribeLogDirsTopic:
    name: String = wire()
    partitions: Array[DescribeLogDirsPartition] = wire()


@struct()
class DescribeLogDirsResult:
    error_code: Int16 = wire()
    log_dir: String = wire()
    topics: Array[DescribeLogDirsTopic] = wire()
    total_bytes: Int64 = wire("4+", default=-1, ignorable=True)
    usable_bytes: Int64 = wire("4+", default=-1, ignorable=True)
    is_cordoned: Bool = wire("5+", ignorable=True)


@response(key=35, versions="1-5", flexible="2+")
class DescribeLogDirsResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire("3+", ignorable=True)
    results: Array[DescribeLogDirsResult] = wire()
