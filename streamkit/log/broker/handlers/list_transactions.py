"""ListTransactions (key 66): the transactional ids that are known, filtered (KIP-664).

| version | change |
| --- | --- |
| 1 | only transactions that have been running for some time (KIP-994) |
| 2 | only ids that match a pattern as a whole (KIP-1152) |

Left out: nothing. Patterns are Python's regular expressions, which for ids differ from Apache Kafka's (RE2) in
rarities only.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.broker.transactions import Transaction
from streamkit.log.broker.transactions import TransactionState as State
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.list_transactions import (
    ListTransactionsRequest,
    ListTransactionsResponse,
    TransactionState,
)

_STATES = {state.label: state for state in State}


@handles(ListTransactionsRequest)
def list_transactions(
    broker: Broker, request: ListTransactionsRequest, context: RequestContext
) -> ListTransactionsResponse:
    """List what passes all filters; an empty filter lets everything pass."""
    try:
        pattern = re.compile(request.transactional_id_pattern or "")
    except re.error:
        return ListTransactionsResponse(error_code=ErrorCode.INVALID_REGULAR_EXPRESSION)
    wanted = {_STATES[name] for name in request.state_filters if name in _STATES}

    def passes(transactional_id: str, known: Transaction) -> bool:
        return (
            (not request.state_filters or known.state in wanted)
            and _in(known.producer_id, request.producer_id_filters)
            and not 0 <= request.duration_filter >= context.now_ms - known.started_ms
            and (not pattern.pattern or pattern.fullmatch(transactional_id) is not None)
        )

    return ListTransactionsResponse(
        unknown_state_filters=[name for name in request.state_filters if name not in _STATES],
        transaction_states=[
            TransactionState(
                transactional_id=transactional_id,
                producer_id=known.producer_id,
                transaction_state=known.state.label,
            )
            for transactional_id, known in broker.transactions.transactions().items()
            if passes(transactional_id, known)
        ],
    )


def _in(value: int, allowed: Collection[int]) -> bool:
    return not allowed or value in allowed
