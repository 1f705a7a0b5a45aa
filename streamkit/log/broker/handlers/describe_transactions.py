"""DescribeTransactions (key 65): state, producer and partitions of transactional ids (KIP-664).

Version 0. An id that isn't known has TRANSACTIONAL_ID_NOT_FOUND. Left out: nothing.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.broker.transactions.records import by_topic
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.describe_transactions import (
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
    TopicData,
    TransactionState,
)


@handles(DescribeTransactionsRequest)
def describe_transactions(
    broker: Broker,
    request: DescribeTransactionsRequest,
    context: RequestContext,
) -> DescribeTransactionsResponse:
    """Describe each id that is named."""
    return DescribeTransactionsResponse(
        transaction_states=[_describe(broker, each, context) for each in request.transactional_ids]
    )


def _describe(broker: Broker, transactional_id: str, context: RequestContext) -> TransactionState:
    """One id; of its topics, those that the client may know of."""
    if error := (
        context.denied(Operation.DESCRIBE, ResourceType.TRANSACTIONAL_ID, transactional_id)
        or broker.transactions.availability(transactional_id)
    ):
        return TransactionState(transactional_id=transactional_id, error_code=error)
    known = broker.transactions.transaction(transactional_id)
    if known is None:
        error = (
            ErrorCode.TRANSACTIONAL_ID_NOT_FOUND if transactional_id else ErrorCode.INVALID_REQUEST
        )
        return TransactionState(transactional_id=transactional_id, error_code=error)
    return TransactionState(
        transactional_id=transactional_id,
        transaction_state=known.state.label,
        transaction_timeout_ms=known.timeout_ms,
        transaction_start_time_ms=known.started_ms,
        producer_id=known.producer_id,
        producer_epoch=known.producer_epoch,
        topics=[
            TopicData(topic=topic, partitions=partitions)
            for topic, partitions in by_topic(known.partitions).items()
            if not context.denied(Operation.DESCRIBE, ResourceType.TOPIC, topic)
        ],
    )
