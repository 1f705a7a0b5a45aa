"""AddOffsetsToTxn (key 25): a transaction is about to commit offsets of a group.

| version | change |
| --- | --- |
| 1 | on a quota violation the answer comes first, the pause after it |
| 2 | answer: PRODUCER_FENCED (KIP-588) |
| 3 | flexible |
| 4 | answer: TRANSACTION_ABORTABLE (KIP-890) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Int16,
    Int32,
    Int64,
    String,
    request,
    response,
    wire,
)

__all__ = [
    "AddOffsetsToTxnRequest",
    "AddOffsetsToTxnResponse",
]


@request(key=25, versions="0-4", flexible="3+")
class AddOffsetsToTxnRequest:
    transactional_id: String = wire()
    producer_id: Int64 = wire()
    producer_epoch: Int16 = wire()
    group_id: String = wire()


@response(key=25, versions="0-4", flexible="3+")
class AddOffsetsToTxnResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire()
