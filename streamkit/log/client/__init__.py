"""The Kafka client: `Producer`, `Consumer` and `Admin` over one network thread a process."""

from streamkit.log.client.admin import Admin
from streamkit.log.client.assignors import (
    Assignment,
    Assignor,
    CooperativeStickyAssignor,
    GroupCluster,
    RangeAssignor,
    RoundRobinAssignor,
    StickyAssignor,
    Subscription,
)
from streamkit.log.client.consumer import Consumer
from streamkit.log.client.errors import CommitFailedError, FencedError, OffsetResetError
from streamkit.log.client.network import NetworkThread
from streamkit.log.client.producer import Producer
from streamkit.log.client.records import (
    ConsumerGroupMetadata,
    ConsumerRecord,
    FetchedBatch,
    OffsetAndMetadata,
    OffsetAndTimestamp,
    RecordMetadata,
)
from streamkit.log.client.subscriber import RebalanceListener
from streamkit.log.client.topics import (
    ConfigEntry,
    GroupDescription,
    GroupListing,
    GroupMember,
    NewTopic,
    Node,
    PartitionDescription,
    TopicDescription,
)

__all__ = [
    "Admin",
    "Assignment",
    "Assignor",
    "CommitFailedError",
    "ConfigEntry",
    "Consumer",
    "ConsumerGroupMetadata",
    "ConsumerRecord",
    "CooperativeStickyAssignor",
    "FencedError",
    "FetchedBatch",
    "GroupCluster",
    "GroupDescription",
    "GroupListing",
    "GroupMember",
    "NetworkThread",
    "NewTopic",
    "Node",
    "OffsetAndMetadata",
    "OffsetAndTimestamp",
    "OffsetResetError",
    "PartitionDescription",
    "Producer",
    "RangeAssignor",
    "RebalanceListener",
    "RecordMetadata",
    "RoundRobinAssignor",
    "StickyAssignor",
    "Subscription",
    "TopicDescription",
]
