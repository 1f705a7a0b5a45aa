"""RemoveRaftVoter (key 81): take a voter out of the metadata quorum, which has one node and stays so.

Version 0.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.quorum import why_voters_stay
from streamkit.log.broker.registry import handles
from streamkit.log.protocol.messages.remove_raft_voter import (
    RemoveRaftVoterRequest,
    RemoveRaftVoterResponse,
)


@handles(RemoveRaftVoterRequest)
def remove_raft_voter(
    broker: Broker,
    request: RemoveRaftVoterRequest,
    context: RequestContext,
) -> RemoveRaftVoterResponse:
    """Refuse, with the reason."""
    context.check(Operation.ALTER, ResourceType.CLUSTER)
    error, message = why_voters_stay(
        broker.cluster_id, request.cluster_id, request.voter_id, "Remove voter"
    )
    return RemoveRaftVoterResponse(error_code=error, error_message=message)
