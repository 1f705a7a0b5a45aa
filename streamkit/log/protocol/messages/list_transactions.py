"""ListTransactions (key 66): the transactional ids that a coordinator knows.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | only transactions that run for at least a duration (KIP-994) |
| 2 | only ids that match a pattern (KIP-1152) |

Source: KIP-664.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
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
    "ListTransactionsRequest",
    "ListTransactionsResponse",
    "TransactionState",
]


@request(key=66, versions="0-2", flexible="0+")
class ListTransactionsRequest:
    state_filters: Array[String] = wire()
    producer_id_filters: Array[Int64] = wire()
    duration_filter: Int64 = wire("1+", default=-1)
    transactional_id_pattern: String | None = wire("2+", default=None, nullable="2+")


@struct()
class TransactionState:
    transactional_id: String = wire()
    producer_id: Int64 = wire()
    transaction_state: String = wire()


@response(key=66, versions="0-2", flexible="0+")
class ListTransactionsResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire()
    unknown_state_filters: Array[String] = wire()
    transaction_states: Array[TransactionState] = wire()
