"""ListTransactions (key 66): the transactional ids that are known, filtered (KIP-664).

| version | change |
| --- | --- |
| 1 | only transactions that have been running for some time (KIP-994) |
| 2 | only ids that match a pattern as a whole (KIP-1152) |

Left out: nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from streamkit.errors import BrokerError
from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.groups.consumer.patterns import TopicPattern
from streamkit.log.broker.registry import handles
from streamkit.log.broker.transactions import Transaction
from streamkit.log.broker.transactions import TransactionState as State
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
        text = request.transactional_id_pattern
        pattern = TopicPattern(text) if text else None
    except BrokerError as error:
        return ListTransactionsResponse(error_code=error.code)
    wanted = {_STATES[name] for name in request.state_filters if name in _STATES}

    def passes(transactional_id: str, known: Transaction) -> bool:
        return (
            (not request.state_filters or known.state in wanted)
            and _in(known.producer_id, request.producer_id_filters)
            and not 0 <= request.duration_filter >= context.now_ms - known.started_ms
            and (pattern is None or pattern.matches(transactional_id))
            and not context.denied(
                Operation.DESCRIBE, ResourceType.TRANSACTIONAL_ID, transactional_id
            )
        )

    return ListTransactionsResponse(
        unknown_state_filters=[
            name for name in dict.fromkeys(request.state_filters) if name not in _STATES
        ],
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
