"""EndTxn (key 26): commit or abort a transaction.

| version | change |
| --- | --- |
| 2 | PRODUCER_FENCED may be answered |
| 3 | flexible |
| 4 | TRANSACTION_ABORTABLE may be answered |
| 5 | transactions of version 2: the end raises the producer's epoch, and the answer tells it (KIP-890) |

When the answer says NONE, the decision survives the end of the process; the markers follow by themselves. Left out:
nothing.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.broker.transactions import Producer
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.end_txn import EndTxnRequest, EndTxnResponse

_PRODUCER_FENCED_KNOWN = 2
_RAISES_EPOCH = 5


@handles(EndTxnRequest)
def end_txn(broker: Broker, request: EndTxnRequest, context: RequestContext) -> EndTxnResponse:
    """Decide, write the markers, complete."""
    transactional_id = request.transactional_id
    if error := context.denied(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, transactional_id):
        return EndTxnResponse(error_code=error)
    reply = broker.transactions.end(
        transactional_id,
        Producer(request.producer_id, request.producer_epoch),
        committed=request.committed,
        client_version=2 if context.api_version >= _RAISES_EPOCH else 0,
    )
    error = reply.error
    if error is ErrorCode.PRODUCER_FENCED and context.api_version < _PRODUCER_FENCED_KNOWN:
        error = ErrorCode.INVALID_PRODUCER_EPOCH
    return EndTxnResponse(
        error_code=error,
        producer_id=reply.producer.producer_id,
        producer_epoch=reply.producer.epoch,
    )
