"""AddOffsetsToTxn (key 25): a transaction is about to commit offsets of a group.

| version | change |
| --- | --- |
| 2 | PRODUCER_FENCED may be answered |
| 3 | flexible |
| 4 | TRANSACTION_ABORTABLE may be answered |

The group's partition of `__consumer_offsets` becomes part of the transaction. Left out: nothing; from transactions of
version 2 on producers don't send it.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.broker.transactions import Producer
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.add_offsets_to_txn import (
    AddOffsetsToTxnRequest,
    AddOffsetsToTxnResponse,
)

_PRODUCER_FENCED_KNOWN = 2


@handles(AddOffsetsToTxnRequest)
def add_offsets_to_txn(
    broker: Broker, request: AddOffsetsToTxnRequest, context: RequestContext
) -> AddOffsetsToTxnResponse:
    """Add the group's partition; the answer survives the end of the process."""
    transactional_id = request.transactional_id
    if error := (
        context.denied(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, transactional_id)
        or context.denied(Operation.READ, ResourceType.GROUP, request.group_id)
    ):
        return AddOffsetsToTxnResponse(error_code=error)
    error = broker.transactions.add_partitions(
        transactional_id,
        Producer(request.producer_id, request.producer_epoch),
        [broker.transactions.offsets_partition(request.group_id)],
        client_version=0,
    )
    if error is ErrorCode.PRODUCER_FENCED and context.api_version < _PRODUCER_FENCED_KNOWN:
        error = ErrorCode.INVALID_PRODUCER_EPOCH
    return AddOffsetsToTxnResponse(error_code=error)
