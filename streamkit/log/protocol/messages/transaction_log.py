"""Records of `__transaction_state`: transactional ids and their transactions.

| version | change |
| --- | --- |
| 0 | the layout of old |
| 1 | value: flexible; the producer ids before and after, client's transaction version (KIP-890, KIP-915) |

A key stands behind its record type 0, a value behind its version, in two bytes each. A null value deletes.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int8,
    Int16,
    Int32,
    Int64,
    String,
    struct,
    wire,
)

__all__ = [
    "PartitionsSchema",
    "TransactionLogKey",
    "TransactionLogValue",
]


@struct(versions="0", key=0)
class TransactionLogKey:
    transactional_id: String = wire("0")


@struct()
class PartitionsSchema:
    topic: String = wire()
    partition_ids: Array[Int32] = wire()


@struct(versions="0-1", flexible="1+", key=0)
class TransactionLogValue:
    producer_id: Int64 = wire()
    previous_producer_id: Int64 = wire("1+", default=-1, tag=0)
    next_producer_id: Int64 = wire("1+", default=-1, tag=1)
    producer_epoch: Int16 = wire()
    next_producer_epoch: Int16 = wire("1+", default=-1, tag=3)
    transaction_timeout_ms: Int32 = wire()
    transaction_status: Int8 = wire()
    transaction_partitions: Array[PartitionsSchema] | None = wire(nullable="0+")
    transaction_last_update_timestamp_ms: Int64 = wire()
    transaction_start_timestamp_ms: Int64 = wire()
    client_transaction_version: Int16 = wire("1+", tag=2)
