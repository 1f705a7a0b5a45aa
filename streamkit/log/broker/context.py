"""What a handler is told about the request it answers, beside the request itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["ANONYMOUS", "Connection", "RequestContext"]

ANONYMOUS = "User:ANONYMOUS"
"""The principal of a connection that didn't authenticate, in Kafka's notation."""


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
        principal: who the client is, `User:name`.
        connection: for what is tied to a connection's life.
    """

    api_version: int
    now_ms: int
    client_id: str = ""
    client_host: str = "/127.0.0.1"
    principal: str = ANONYMOUS
    connection: Connection = NO_CONNECTION
