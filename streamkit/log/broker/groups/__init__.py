"""Consumer groups: members, generations and committed offsets, over `__consumer_offsets`.

`consumer` has the groups of the new protocol (KIP-848). `coordinator` (with `membership`, `rebalance`, `group`, `offsets`, `deadlines`) is pure; `service` ties it to a broker.
"""

from streamkit.log.broker.groups.config import GroupConfig
from streamkit.log.broker.groups.consumer.group import ConsumerGroup, ConsumerMember
from streamkit.log.broker.groups.consumer.requests import (
    ConsumerHeartbeat,
    ConsumerHeartbeatReply,
)
from streamkit.log.broker.groups.coordinator import GroupCoordinator
from streamkit.log.broker.groups.group import Group, GroupState, Member
from streamkit.log.broker.groups.group_offsets import CommitOffsets
from streamkit.log.broker.groups.outcome import (
    Completion,
    Join,
    JoinedMember,
    JoinReply,
    Leaver,
    Outcome,
    Sync,
    SyncReply,
)
from streamkit.log.broker.groups.records import CommittedOffset
from streamkit.log.broker.groups.service import GroupService

__all__ = [
    "CommitOffsets",
    "CommittedOffset",
    "Completion",
    "ConsumerGroup",
    "ConsumerHeartbeat",
    "ConsumerHeartbeatReply",
    "ConsumerMember",
    "Group",
    "GroupConfig",
    "GroupCoordinator",
    "GroupService",
    "GroupState",
    "Join",
    "JoinReply",
    "JoinedMember",
    "Leaver",
    "Member",
    "Outcome",
    "Sync",
    "SyncReply",
]
