"""InitProducerId (key 22): an id for an idempotent producer.

| version | change |
| --- | --- |
| 2 | flexible |
| 3 | the producer's current id and epoch, to raise the epoch (KIP-360) |
| 4 | PRODUCER_FENCED may be answered |
| 5 | transactions of version 2 (KIP-890) |

Left out: transactional ids, and version 6, which Apache Kafka 4.3 doesn't serve yet.
"""

from __future__ import annotations

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)


@handles(InitProducerIdRequest, versions="0-5")
def init_producer_id(
    broker: Broker, request: InitProducerIdRequest, context: RequestContext
) -> InitProducerIdResponse:
    """Give out an id that was never used, with epoch 0; ids survive restarts."""
    if request.transactional_id is not None:
        code = (
            ErrorCode.UNSUPPORTED_VERSION if request.transactional_id else ErrorCode.INVALID_REQUEST
        )
        return InitProducerIdResponse(error_code=code, producer_epoch=-1)
    return InitProducerIdResponse(producer_id=broker.metadata.next_producer_id(context.now_ms))
