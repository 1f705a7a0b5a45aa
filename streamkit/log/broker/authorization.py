"""Who a client is, and what it may do: the question that handlers ask, and whom the broker passes it to.

A connection has a principal, each request's context carries it, and a handler asks its context before it looks at
what a request names: `context.denied(operation, resource_type, name)`. The answer is the authorizer's, which
`Broker.authorizer` holds. None stands for no authorizer: everybody may do everything, and asking costs one look at
an attribute. So it is today, with every client `User:ANONYMOUS`; there is no authorizer here yet, and nothing
that authenticates.

Asked is what Apache Kafka asks, operation by operation, and what is refused has its codes. Who may not describe a
topic isn't told whether it exists. Whether one operation implies another (reading a topic implies describing it) is
the authorizer's to know. ApiVersions asks nothing: clients send it before they say who they are.

Left out, since nobody could tell yet: the topics that a pattern of a consumer group matches are not narrowed to
those that its member may describe, and requests that replicas send are asked for what consumers need.

Source: KIP-11, KIP-430 (operations in answers), KIP-679 (idempotent writes without a right of their own).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from streamkit.log.protocol import ErrorCode

__all__ = [
    "ANONYMOUS",
    "CLUSTER_NAME",
    "DENIED",
    "NOT_ASKED",
    "Authorizer",
    "KafkaPrincipal",
    "Operation",
    "ResourceType",
    "bits_of",
    "operations_on",
]

CLUSTER_NAME = "kafka-cluster"
"""The name of the one resource of type CLUSTER."""

NOT_ASKED = -(2**31)
"""Stands for operations when the client didn't ask for them."""


@dataclass(frozen=True, slots=True)
class KafkaPrincipal:
    """Who a client is.

    Attributes:
        type: `User`, unless an authenticator knows other kinds.
        name: unique within the type.
    """

    type: str
    name: str

    def __str__(self) -> str:
        """As Kafka writes it in rules and logs: `User:alice`."""
        return f"{self.type}:{self.name}"


ANONYMOUS = KafkaPrincipal("User", "ANONYMOUS")
"""Who didn't authenticate."""


class Operation(IntEnum):
    """What may be allowed, with Kafka's codes."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12


class ResourceType(IntEnum):
    """What it may be allowed on, with Kafka's codes."""

    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5


DENIED: Mapping[ResourceType, ErrorCode] = {
    ResourceType.TOPIC: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    ResourceType.GROUP: ErrorCode.GROUP_AUTHORIZATION_FAILED,
    ResourceType.CLUSTER: ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
    ResourceType.TRANSACTIONAL_ID: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
"""What a client is told that may not do what it asks for."""

_OPERATIONS: Mapping[ResourceType, tuple[Operation, ...]] = {
    ResourceType.TOPIC: (
        Operation.READ,
        Operation.WRITE,
        Operation.CREATE,
        Operation.DELETE,
        Operation.ALTER,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ),
    ResourceType.GROUP: (
        Operation.READ,
        Operation.DELETE,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ),
    ResourceType.CLUSTER: (
        Operation.CREATE,
        Operation.ALTER,
        Operation.DESCRIBE,
        Operation.CLUSTER_ACTION,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
        Operation.IDEMPOTENT_WRITE,
    ),
    ResourceType.TRANSACTIONAL_ID: (Operation.WRITE, Operation.DESCRIBE),
}


class Authorizer(Protocol):
    """Decides; called on the broker's event loop, so that it answers at once, from memory."""

    def allows(
        self,
        principal: KafkaPrincipal,
        host: str,
        operation: Operation,
        resource_type: ResourceType,
        name: str,
    ) -> bool:
        """Whether a client may do that to the resource.

        Args:
            principal: who the client is.
            host: where it is, as in `127.0.0.1`.
            operation: what it asks for.
            resource_type: to what kind of thing.
            name: to which one; it needn't exist. `CLUSTER_NAME` for the cluster.
        """
        ...

    def allows_any(
        self,
        principal: KafkaPrincipal,
        host: str,
        operation: Operation,
        resource_type: ResourceType,
    ) -> bool:
        """Whether there may be a resource of the type to which the client may do that."""
        ...


def operations_on(resource_type: ResourceType) -> tuple[Operation, ...]:
    """The operations that Kafka knows for a kind of resource."""
    return _OPERATIONS[resource_type]


def bits_of(operations: tuple[Operation, ...]) -> int:
    """Operations as answers list them: a bit for each, at the place of its code."""
    return sum(1 << operation for operation in operations)
