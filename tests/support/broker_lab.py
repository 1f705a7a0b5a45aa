"""A broker without sockets, whose time and timers a test moves by hand; and record batches for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streamkit.clock import ManualClock
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import apis
from streamkit.log.broker.settings import BrokerSettings
from streamkit.log.broker.timers import ManualTimers
from streamkit.log.protocol import BatchBuilder, batches, decode_batch
from streamkit.log.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from streamkit.log.protocol.wire import info_of

NOW_MS = 1_700_000_000_000


class NotedConnection:
    """Notes why a handler closed the connection."""

    id = 7

    def __init__(self) -> None:
        self.closed_because: str | None = None

    def close(self, reason: str) -> None:
        self.closed_because = reason

    def abort(self) -> None:
        self.closed_because = "aborted"


class BrokerLab:
    """One broker on a folder, and the way in to its handlers."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.clock = ManualClock(NOW_MS)
        self.timers = ManualTimers()
        self.connection = NotedConnection()
        self._settings = settings
        self.broker = self._open()

    def call(self, request: Any, version: int | None = None) -> Any:
        """The handler's answer; newest version unless one is named."""
        info = info_of(type(request))
        api = apis()[info.key]
        context = RequestContext(
            api.highest if version is None else version,
            self.clock.now_ms(),
            "test-client",
            authorizer=self.broker.authorizer,
            connection=self.connection,
        )
        return api.handler(self.broker, request, context)

    def produce(self, topic: str, partition: int, data: bytes | None, *, acks: int = -1) -> Any:
        """Produce one batch by topic name; the partition's answer."""
        answer = self.call(
            ProduceRequest(
                acks=acks,
                timeout_ms=1000,
                topic_data=[
                    TopicProduceData(
                        name=topic,
                        partition_data=[PartitionProduceData(index=partition, records=data)],
                    )
                ],
            ),
            version=12,
        )
        return None if answer is None else answer.responses[0].partition_responses[0]

    def restart(self, *, cleanly: bool = True) -> None:
        """Open the folder with a new broker; not cleanly: as after a kill."""
        if cleanly:
            self.broker.close()
        else:
            self.broker.logs.abandon()
        self.timers = ManualTimers()
        self.broker = self._open()

    def close(self) -> None:
        self.broker.close()

    def _open(self) -> Broker:
        settings = BrokerSettings(log_dirs=str(self.folder), **self._settings)
        broker = Broker(settings, timers=self.timers, clock=self.clock)
        broker.open()
        return broker


def batch(*values: bytes, timestamp: int = NOW_MS, **fields: Any) -> bytes:
    """A record batch with `values`, without keys."""
    builder = BatchBuilder()
    for value in values:
        builder.append(timestamp, None, value)
    return bytes(builder.build(**fields))


def values(data: bytes | memoryview | None) -> list[bytes | None]:
    """The values of all records in `data`."""
    found: list[bytes | None] = []
    for position, header in batches(data or b""):
        found.extend(decode_batch(data or b"", position, header).values)
    return found


def fetch_request(
    topic: str,
    offsets: Iterable[tuple[int, int]],
    *,
    partition_max_bytes: int = 1 << 20,
    **fields: Any,
) -> FetchRequest:
    """A fetch of (partition, offset) pairs by topic name, without a session, that waits for nothing."""
    given: dict[str, Any] = {"max_bytes": 1 << 20, "min_bytes": 1, "session_epoch": -1, **fields}
    return FetchRequest(
        **given,
        topics=[
            FetchTopic(
                topic=topic,
                partitions=[
                    FetchPartition(
                        partition=partition,
                        fetch_offset=offset,
                        partition_max_bytes=partition_max_bytes,
                    )
                    for partition, offset in offsets
                ],
            )
        ],
    )


async def until(condition: Any) -> None:
    """Let the loop turn until `condition()` holds; at most a second."""
    async with asyncio.timeout(1):
        while not condition():  # noqa: ASYNC110 - turns of the loop, not time, are waited for
            await asyncio.sleep(0)
