"""InitProducerId (key 22): a producer id and epoch; fences older instances of a transactional id.

| version | change |
| --- | --- |
| 1 | on a quota violation the answer comes first, the pause after it |
| 2 | flexible |
| 3 | a producer that had an id asks for its next epoch (KIP-360) |
| 4 | answer: PRODUCER_FENCED (KIP-588) |
| 5 | answer: TRANSACTION_ABORTABLE (KIP-890) |
| 6 | two-phase commit (KIP-939); Kafka 4.3 does not announce it |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Bool,
    Int16,
    Int32,
    Int64,
    String,
    request,
    response,
    wire,
)

__all__ = [
    "InitProducerIdRequest",
    "InitProducerIdResponse",
]


@request(key=22, versions="0-6", flexible="2+")
class InitProducerIdRequest:
    transactional_id: String | None = wire(nullable="0+")
    transaction_timeout_ms: Int32 = wire()
    producer_id: Int64 = wire("3+", default=-1)
    producer_epoch: Int16 = wire("3+", default=-1)
    enable2_pc: Bool = wire("6+")
    keep_prepared_txn: Bool = wire("6+")


@response(key=22, versions="0-6", flexible="2+")
class InitProducerIdResponse:
    throttle_time_ms: Int32 = wire(ignorable=True)
    error_code: Int16 = wire()
    producer_id: Int64 = wire(default=-1)
    producer_epoch: Int16 = wire()
    ongoing_txn_producer_id: Int64 = wire("6+", default=-1)
    ongoing_txn_producer_epoch: Int16 = wire("6+", default=-1)
