"""AddRaftVoter (key 80): one more voter for the metadata quorum, which has one node and stays so.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | whether the answer waits for the commit |
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.quorum import why_voters_stay
from streamkit.log.broker.registry import handles
from streamkit.log.protocol.messages.add_raft_voter import AddRaftVoterRequest, AddRaftVoterResponse


@handles(AddRaftVoterRequest)
def add_raft_voter(
    broker: Broker,
    request: AddRaftVoterRequest,
    context: RequestContext,
) -> AddRaftVoterResponse:
    """Refuse, with the reason."""
    context.check(Operation.ALTER, ResourceType.CLUSTER)
    error, message = why_voters_stay(
        broker.cluster_id, request.cluster_id, request.voter_id, "Add voter"
    )
    return AddRaftVoterResponse(error_code=error, error_message=message)
