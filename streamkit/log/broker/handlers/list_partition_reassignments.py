"""ListPartitionReassignments (key 46): partitions that move between nodes; on one node, none."""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
)


@handles(ListPartitionReassignmentsRequest)
def list_partition_reassignments(
    broker: Broker,  # noqa: ARG001
    request: ListPartitionReassignmentsRequest,  # noqa: ARG001
    context: RequestContext,
) -> ListPartitionReassignmentsResponse:
    """Nothing moves. Left out: nothing."""
    context.check(Operation.DESCRIBE, ResourceType.CLUSTER)
    return ListPartitionReassignmentsResponse(error_message=None)
