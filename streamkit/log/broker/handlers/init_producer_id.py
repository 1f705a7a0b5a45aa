"""InitProducerId (key 22): an id and an epoch for an idempotent or transactional producer.

| version | change |
| --- | --- |
| 2 | flexible |
| 3 | the producer's current id and epoch, to raise the epoch (KIP-360) |
| 4 | PRODUCER_FENCED may be answered |
| 5 | transactions of version 2 (KIP-890) |

Without a transactional id the answer is an id that was never used, with epoch 0. With one, its older producers are
fenced, and their open transaction is aborted: CONCURRENT_TRANSACTIONS tells the producer to ask again then. Left out:
version 6 (two-phase commit), which Apache Kafka 4.3 doesn't serve yet.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.broker.transactions import Producer
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)

_PRODUCER_FENCED_KNOWN = 4


@handles(InitProducerIdRequest, versions="0-5")
def init_producer_id(
    broker: Broker, request: InitProducerIdRequest, context: RequestContext
) -> InitProducerIdResponse:
    """Give out id and epoch; both survive restarts."""
    if refused := _denied(request.transactional_id, context):
        return InitProducerIdResponse(error_code=refused, producer_epoch=-1)
    given = Producer(request.producer_id, request.producer_epoch)
    if (given.producer_id == -1) != (given.epoch == -1):
        return InitProducerIdResponse(error_code=ErrorCode.INVALID_REQUEST, producer_epoch=-1)
    if request.transactional_id is None:
        return InitProducerIdResponse(producer_id=broker.new_producer_id())
    reply = broker.transactions.init_producer(
        request.transactional_id,
        request.transaction_timeout_ms,
        None if given.producer_id < 0 else given,
    )
    error = reply.error
    if error is ErrorCode.PRODUCER_FENCED and context.api_version < _PRODUCER_FENCED_KNOWN:
        error = ErrorCode.INVALID_PRODUCER_EPOCH
    return InitProducerIdResponse(
        error_code=error,
        producer_id=reply.producer.producer_id,
        producer_epoch=reply.producer.epoch,
    )


def _denied(transactional_id: str | None, context: RequestContext) -> ErrorCode:
    """Who may write to any topic may do so idempotently (KIP-679)."""
    if transactional_id is not None:
        return context.denied(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, transactional_id)
    denied = context.denied(Operation.IDEMPOTENT_WRITE, ResourceType.CLUSTER)
    if denied and context.denied_everywhere(Operation.WRITE, ResourceType.TOPIC):
        return denied
    return ErrorCode.NONE
