"""DescribeCluster (key 60): the cluster's id and its nodes.

| version | change |
| --- | --- |
| 1 | endpoint type: 1 brokers, 2 controllers |
| 2 | fenced brokers |
"""

from __future__ import annotations

from streamkit.log.broker.authorization import NOT_ASKED
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.describe_cluster import (
    DescribeClusterBroker,
    DescribeClusterRequest,
    DescribeClusterResponse,
)

_BROKERS, _CONTROLLERS = 1, 2


@handles(DescribeClusterRequest)
def describe_cluster(
    broker: Broker,
    request: DescribeClusterRequest,
    context: RequestContext,
) -> DescribeClusterResponse:
    """Name the one node. Left out: controllers, which clients can't ask here."""
    if request.endpoint_type not in (_BROKERS, _CONTROLLERS):
        return DescribeClusterResponse(
            error_code=ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
            error_message=f"there are no endpoints of type {request.endpoint_type}",
        )
    if request.endpoint_type != _BROKERS:
        return DescribeClusterResponse(
            error_code=ErrorCode.MISMATCHED_ENDPOINT_TYPE,
            error_message="this endpoint serves brokers, not controllers",
        )
    return DescribeClusterResponse(
        cluster_id=broker.cluster_id,
        controller_id=broker.node_id,
        brokers=[
            DescribeClusterBroker(broker_id=broker.node_id, host=broker.host, port=broker.port)
        ],
        cluster_authorized_operations=context.cluster_operations()
        if request.include_cluster_authorized_operations
        else NOT_ASKED,
    )
