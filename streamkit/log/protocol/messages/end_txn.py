"""EndTxn (key 26): commit or abort a transaction.

| version | change |
| --- | --- |
| 1 | on a quota violation the answer comes first, the pause after it |
| 2 | answer: PRODUCER_FENCED (KIP-588) |
| 3 | flexible |
| 4 | answer: TRANSACTION_ABORTABLE (KIP-890) |
| 5 | each transaction gets a new epoch, which the answer tells (KIP-890) |
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
    "EndTxnRequest",
    "EndTxnResponse",
]


@request(key=26, versions="0-5", flexible="3+")
class EndTxnRequest:
    transactional_id: String = wire()
    producer_id: Int64 = wire()
    producer_epoch: Int16 = wire()
    committed: Bool = wire()


@response(key=26, versions="0-5", flexible="3+")
class EndTxnResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire()
    producer_id: Int64 = wire("5+", default=-1, ignorable=True)
    producer_epoch: Int16 = wire("5+", default=-1, ignorable=True)
