"""What a handler is told about the request it answers, beside the request itself; and whom it asks for leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streamkit.log.broker.authorization import (
    ANONYMOUS,
    CLUSTER_NAME,
    DENIED,
    Authorizer,
    KafkaPrincipal,
    Operation,
    ResourceType,
    bits_of,
    operations_on,
)
from streamkit.log.broker.failures import refusal
from streamkit.log.protocol import ErrorCode

__all__ = ["Connection", "RequestContext"]

_ALL_BITS = {each: bits_of(operations_on(each)) for each in ResourceType}
_WORDS = {
    ResourceType.TOPIC: "topic",
    ResourceType.GROUP: "group",
    ResourceType.CLUSTER: "cluster",
    ResourceType.TRANSACTIONAL_ID: "transactional id",
}


class Connection(Protocol):
    """The connection that a request came by, as far as handlers may know it."""

    @property
    def id(self) -> int:
        """A number unique in this process, never used again."""
        ...

    def close(self, reason: str) -> None:
        """Close it after the answers that are on their way; `reason` goes to the log."""
        ...

    def abort(self) -> None:
        """Close it at once; answers that are on their way are lost."""
        ...


class _NoConnection:
    """The connection of requests that come by none: tests, and the broker's own."""

    __slots__ = ()

    @property
    def id(self) -> int:
        return 0

    def close(self, reason: str) -> None:  # noqa: ARG002
        return

    def abort(self) -> None:
        return


NO_CONNECTION = _NoConnection()


@dataclass(slots=True)
class RequestContext:
    """One request's circumstances; a new one for each request.

    Attributes:
        api_version: the version in which request and answer are written.
        now_ms: wall-clock time at which the request was taken up.
        client_id: what the client calls itself; may be empty.
        client_host: the peer's address, as in `/127.0.0.1` (Kafka's notation in group descriptions).
        principal: who the client is.
        authorizer: decides what it may do; None: everything.
        connection: for what is tied to a connection's life.
    """

    api_version: int
    now_ms: int
    client_id: str = ""
    client_host: str = "/127.0.0.1"
    principal: KafkaPrincipal = ANONYMOUS
    authorizer: Authorizer | None = None
    connection: Connection = NO_CONNECTION

    def denied(
        self, operation: Operation, resource_type: ResourceType, name: str = CLUSTER_NAME
    ) -> ErrorCode:
        """NONE if the client may do that to the resource, else the code that says it may not."""
        authorizer = self.authorizer
        if authorizer is None or authorizer.allows(
            self.principal, self.client_host.removeprefix("/"), operation, resource_type, name
        ):
            return ErrorCode.NONE
        return DENIED[resource_type]

    def check(
        self, operation: Operation, resource_type: ResourceType, name: str = CLUSTER_NAME
    ) -> None:
        """The same, for handlers that map exceptions to codes.

        Raises:
            BrokerError: the code of `denied`.
        """
        if error := self.denied(operation, resource_type, name):
            raise refusal(
                error,
                f"{self.principal} has no right to {operation.name} "
                f"on {_WORDS[resource_type]} {name}",
            )

    def denied_everywhere(self, operation: Operation, resource_type: ResourceType) -> bool:
        """Whether there can be no resource of the type to which the client may do that."""
        authorizer = self.authorizer
        return authorizer is not None and not authorizer.allows_any(
            self.principal, self.client_host.removeprefix("/"), operation, resource_type
        )

    def authorized_operations(self, resource_type: ResourceType, name: str = CLUSTER_NAME) -> int:
        """What the client may do to the resource, as bits."""
        if self.authorizer is None:
            return _ALL_BITS[resource_type]
        return bits_of(
            tuple(
                operation
                for operation in operations_on(resource_type)
                if not self.denied(operation, resource_type, name)
            )
        )

    def cluster_operations(self) -> int:
        """The same of the cluster; nothing for who may not describe it."""
        if self.denied(Operation.DESCRIBE, ResourceType.CLUSTER):
            return 0
        return self.authorized_operations(ResourceType.CLUSTER)
