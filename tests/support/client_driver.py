"""What a test wants of a Kafka client, whichever it is.

A driver says it in its client's own words and adds nothing: retries, rebalances and errors are the client's.
`RefusedError` carries the error code that the client reports, by Kafka's name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import confluent_kafka
from client_admin import Administrator

TIMEOUT_S = 20.0
SESSION_MS = 2_500


@dataclass(frozen=True)
class Message:
    """A record as it went in or came out; partition -1 lets the client choose."""

    value: bytes | None
    key: bytes | None = None
    partition: int = 0
    timestamp_ms: int | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    offset: int = -1


@dataclass(frozen=True)
class Fetch:
    """How a consumer asks for records."""

    min_bytes: int = 1
    max_bytes: int = 52_428_800
    partition_bytes: int = 1_048_576
    wait_ms: int = 50


USUAL = Fetch()


class RefusedError(Exception):
    """The client reports an error of the broker.

    Attributes:
        name: of the error code, as in `TOPIC_ALREADY_EXISTS`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Member(Protocol):
    """A consumer in a group."""

    def poll(self) -> list[Message]:
        """What has come; takes part in rebalances."""
        ...

    def assignment(self) -> set[int]: ...

    def commit(self) -> None:
        """Commit what was polled, and wait for the answer."""
        ...

    def close(self) -> None: ...


class Transaction(Protocol):
    """A producer that has begun a transaction."""

    def send(self, topic: str, values: Sequence[bytes]) -> None:
        """Send to partition 0 and wait until it is there."""
        ...

    def send_offset(self, group: str, topic: str, partition: int, offset: int) -> None: ...

    def commit(self) -> None:
        """Commit, and begin the next one."""
        ...

    def abort(self) -> None:
        """Abort, and begin the next one."""
        ...

    def close(self) -> None: ...


class Driver(Protocol):
    """One client library."""

    @property
    def name(self) -> str: ...

    @property
    def codecs(self) -> tuple[str, ...]: ...

    @property
    def null_headers(self) -> bool:
        """Whether it can send headers without a value."""
        ...

    @property
    def assignors(self) -> tuple[str, ...]: ...

    def create_topic(
        self, topic: str, partitions: int, configs: Mapping[str, str] | None = None
    ) -> None: ...

    def delete_topic(self, topic: str) -> None: ...

    def topics(self) -> dict[str, int]:
        """Names with their numbers of partitions."""
        ...

    def topic_configs(self, topic: str) -> dict[str, str | None]: ...

    def produce(
        self,
        topic: str,
        messages: Sequence[Message],
        *,
        codec: str = "none",
        acks: str = "all",
        idempotent: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> list[tuple[int, int]]:
        """Send and wait: partition and offset of each."""
        ...

    def size_settings(self, max_bytes: int) -> dict[str, object]:
        """The settings of a producer of records of up to so many bytes."""
        ...

    def read(
        self,
        topic: str,
        partitions: Iterable[int],
        count: int,
        *,
        committed: bool = False,
        fetch: Fetch = USUAL,
        start: int | None = None,
        last: int | None = None,
    ) -> list[Message]:
        """`count` records from the beginning of the partitions, or from offset `start`, without a group.

        With `last`, only those up to one of this offset or a later one.
        With `committed`, only those outside of transactions and in committed ones.
        """
        ...

    def transaction(self, transactional_id: str, *, timeout_ms: int = 60_000) -> Transaction:
        """A producer of transactions, which fences earlier ones of the same id."""
        ...

    def offsets_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int | None: ...

    def watermarks(self, topic: str, partition: int) -> tuple[int, int]: ...

    def member(
        self, group: str, topic: str, *, assignor: str = "range", instance_id: str | None = None
    ) -> Member: ...

    def committed(self, group: str, topic: str, partition: int) -> tuple[int, str] | None:
        """Offset and metadata."""
        ...

    def commit_offset(
        self, group: str, topic: str, partition: int, offset: int, metadata: str
    ) -> None:
        """Commit as a consumer without a group does."""
        ...

    def admin(self) -> Administrator:
        """What its client has for administrators."""
        ...

    def close(self) -> None: ...


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> None:
    """Call `condition` until it holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"


def new_topic(
    driver: Driver, topic: str, partitions: int, configs: Mapping[str, str] | None = None
) -> str:
    """Make a topic that is known at once: a cluster's broker may hear of it later than its controller."""
    driver.create_topic(topic, partitions, configs)
    wait_until(lambda: driver.topics().get(topic) == partitions, "the topic")
    return topic


def enough(found: Sequence[Message], count: int, last: int | None) -> bool:
    """Whether all that was asked for has come."""
    return len(found) >= count or (last is not None and any(m.offset >= last for m in found))


def code_name(code: int | None, error: object) -> str:
    """Kafka's name of an error code, from a list that is not ours."""
    if code is None:
        return type(error).__name__
    return str(confluent_kafka.KafkaError(code).name())
