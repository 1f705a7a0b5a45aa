"""Topics as `Admin` makes and describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

__all__ = [
    "ConfigEntry",
    "GroupDescription",
    "GroupListing",
    "GroupMember",
    "NewTopic",
    "Node",
    "PartitionDescription",
    "TopicDescription",
]


@dataclass(frozen=True, slots=True)
class Node:
    """A broker of the cluster."""

    id: int
    host: str
    port: int
    rack: str | None = None


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A topic to create.

    Attributes:
        name: 1 to 249 of letters, digits, `.`, `_`, `-`.
        partitions: how many; -1 for the broker's default.
        replication_factor: -1 for the broker's default.
        configs: topic settings by Kafka's names, e.g. `{"cleanup.policy": "compact"}`.
    """

    name: str
    partitions: int = -1
    replication_factor: int = -1
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartitionDescription:
    """One partition of a topic: its leader (None while there is none) and replicas by node id."""

    partition: int
    leader: int | None
    leader_epoch: int
    replicas: tuple[int, ...]
    in_sync_replicas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic and its partitions, in order of their number."""

    name: str
    topic_id: UUID
    internal: bool
    partitions: tuple[PartitionDescription, ...]


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """A setting in force.

    Attributes:
        name: Kafka's name of it.
        value: None if it is secret or has none.
        is_default: nobody set it for this resource.
        read_only: it can't be altered at run time.
        sensitive: the value is never shown.
    """

    name: str
    value: str | None
    is_default: bool
    read_only: bool = False
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class GroupListing:
    """A group as a broker lists it."""

    group_id: str
    protocol_type: str
    state: str


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One member of a described group; bytes are the protocol's own."""

    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    metadata: bytes
    assignment: bytes


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """A group with its members."""

    group_id: str
    state: str
    protocol_type: str
    protocol: str
    members: tuple[GroupMember, ...]
