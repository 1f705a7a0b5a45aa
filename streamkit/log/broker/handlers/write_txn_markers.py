"""WriteTxnMarkers (key 27): end a transaction in partitions, whatever its coordinator thinks.

| version | change |
| --- | --- |
| 1 | the oldest served; flexible |
| 2 | transaction version of each marker (KIP-1228) |

Between brokers there is no use for it on one node; administrators abort a hanging transaction with it
(`kafka-transactions abort`). Left out: nothing; the transaction version is not needed to judge an epoch, since the
coordinator never writes a marker under an epoch that a producer was given.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerPartitionResult,
    WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)
from streamkit.model import TopicPartition


@handles(WriteTxnMarkersRequest)
def write_txn_markers(
    broker: Broker,
    request: WriteTxnMarkersRequest,
    context: RequestContext,
) -> WriteTxnMarkersResponse:
    """Write each marker; a code for each partition."""
    denied = context.denied(Operation.ALTER, ResourceType.CLUSTER) and context.denied(
        Operation.CLUSTER_ACTION, ResourceType.CLUSTER
    )
    return WriteTxnMarkersResponse(
        markers=[
            WritableTxnMarkerResult(
                producer_id=marker.producer_id,
                topics=[
                    WritableTxnMarkerTopicResult(
                        name=topic.name,
                        partitions=[
                            WritableTxnMarkerPartitionResult(
                                partition_index=index,
                                error_code=denied
                                or _write(broker, marker, TopicPartition(topic.name, index)),
                            )
                            for index in topic.partition_indexes
                        ],
                    )
                    for topic in marker.topics
                    if topic.partition_indexes
                ],
            )
            for marker in request.markers
            if any(topic.partition_indexes for topic in marker.topics)
        ]
    )


def _write(broker: Broker, marker: WritableTxnMarker, partition: TopicPartition) -> ErrorCode:
    try:
        broker.transactions.write_marker(
            partition,
            marker.producer_id,
            marker.producer_epoch,
            committed=marker.transaction_result,
            coordinator_epoch=marker.coordinator_epoch,
        )
    except Exception as error:  # noqa: BLE001 - mapped to a code
        return code_of(error, during="WriteTxnMarkers")
    return ErrorCode.NONE
