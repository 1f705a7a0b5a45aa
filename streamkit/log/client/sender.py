"""The producer's half on the network thread: which batch goes where and when, and what came of it.

A pipeline a partition keeps order and sequences; requests gather one batch of each ready partition of a
broker. Everything here runs on the network thread, except `notify`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from streamkit.errors import BrokerError, ClosedError, NotReachableError, StreamkitError
from streamkit.log.client.accumulator import Accumulator, ProducerBatch
from streamkit.log.client.backoff import Backoff
from streamkit.log.client.cluster import broker_error
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.connection import Connection
from streamkit.log.client.errors import FencedError
from streamkit.log.client.network import NetworkThread
from streamkit.log.client.outstanding import Outstanding
from streamkit.log.client.pipeline import Identity, Pipeline
from streamkit.log.client.produce_request import answers_of, halves, produce_request
from streamkit.log.client.unexpected import told
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.compression import Compression
from streamkit.log.protocol.messages import (
    InitProducerIdRequest,
    PartitionProduceResponse,
    ProduceRequest,
)

__all__ = ["Sender", "SenderSettings"]

_log = logging.getLogger(__name__)

_NO_IDENTITY = Identity(-1, -1)
_SEQUENCE_LOST = frozenset(
    {
        ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
        ErrorCode.UNKNOWN_PRODUCER_ID,
        ErrorCode.INVALID_PRODUCER_EPOCH,
    }
)
_TOO_LARGE = frozenset({ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.RECORD_LIST_TOO_LARGE})
_FENCED = frozenset({ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.PRODUCER_FENCED})


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """The producer's settings that matter for sending; see `Producer`."""

    acks: int
    linger_ms: int
    idempotence: bool
    transactional_id: str | None
    delivery_timeout_ms: int
    max_request_bytes: int
    max_in_flight: int
    compression: Compression
    compression_level: int | None


class Sender:
    """Sends what an accumulator holds.

    Args:
        network: whose loop this runs on.
        cluster: the connections.
        settings: of the producer.
    """

    def __init__(
        self, network: NetworkThread, cluster: ClusterClient, settings: SenderSettings
    ) -> None:
        self.accumulator: Accumulator | None = None
        self.identity = _NO_IDENTITY
        # Of a transactional producer: told of partitions before a batch is sent to them. True if it
        # has added them to the transaction; if not, the produce request does.
        self.before_send: Callable[[list[tuple[str, int]]], Awaitable[bool]] | None = None
        self.fatal: StreamkitError | None = None
        self._network = network
        self._cluster = cluster
        self._settings = settings
        self._pipelines: dict[tuple[str, int], Pipeline] = {}
        self._busy: dict[tuple[str, int], Pipeline] = {}
        self._outstanding = Outstanding(self._accumulator)
        self._in_flight: dict[int, int] = {}
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._signalled = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._preparing: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._backoff = Backoff(
            cluster.settings.retry_backoff_ms,
            cluster.settings.retry_backoff_max_ms,
            cluster.settings.random,
        )
        self._last_failure: StreamkitError | None = None
        self._held = False
        self._closed = False

    # Any thread

    def notify(self) -> None:
        """Look at the accumulator soon."""
        if not self._signalled:
            self._signalled = True
            self._network.call_soon(self._on_signal)

    # The network thread

    async def flush(self, number: int) -> None:
        """Wait until every batch up to a number is acknowledged or has failed."""
        self._collect()
        self._drain()
        await self._outstanding.flushed(number)

    async def abort_unsent(self, failure: StreamkitError) -> None:
        """Drop what is not under way, and wait for the rest."""
        self._collect()
        for key, pipeline in list(self._busy.items()):
            for batch in pipeline.drop():
                self._outstanding.failed(batch, failure)
            self._tidy(key, pipeline)
        while self._tasks:
            await asyncio.wait(set(self._tasks))
            for key, pipeline in list(self._busy.items()):
                for batch in pipeline.drop():
                    self._outstanding.failed(batch, failure)
                self._tidy(key, pipeline)

    async def hold(self) -> None:
        """Send nothing more until `release`; returns when nothing is under way."""
        self._held = True
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def release(self) -> None:
        """End a hold."""
        self._held = False
        if not self._closed:
            self._drain()

    def take_failure(self) -> StreamkitError | None:
        """Why a record failed, with or without a future; None if none has since the last call."""
        failure, self._outstanding.failure = self._outstanding.failure, None
        return failure

    def use_identity(self, identity: Identity) -> None:
        """Go on under another producer id or epoch. Nothing may be under way."""
        self.identity = identity
        self._pipelines = {key: each for key, each in self._pipelines.items() if len(each)}
        for pipeline in self._pipelines.values():
            pipeline.reset(identity)

    async def close(self) -> None:
        """Fail all that is left and stop."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in (self._preparing, self._refreshing):
            if task is not None:
                task.cancel()
        failure = ClosedError("the producer was closed before the record was acknowledged")
        self._collect()
        for pipeline in self._busy.values():
            for batch in pipeline.drop():
                self._outstanding.failed(batch, failure)
        for running in list(self._tasks):
            running.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        for pipeline in self._busy.values():
            # Of tasks that were cancelled before their first step.
            for batch in pipeline.abandon():
                self._outstanding.failed(batch, failure)

    def _on_signal(self) -> None:
        self._signalled = False
        self._collect()
        self._drain()

    def _collect(self) -> None:
        """Move sealed batches to their partitions."""
        accumulator = self.accumulator
        if accumulator is None:
            return
        sealed = accumulator.sealed
        while sealed:
            batch = sealed.popleft()
            key = (batch.topic, int(batch.partition))
            pipeline = self._pipelines.get(key)
            if pipeline is None:
                pipeline = Pipeline(self.identity, self._settings.max_in_flight)
                self._pipelines[key] = pipeline
            pipeline.add(batch)
            self._busy[key] = pipeline
            self._outstanding.add(batch)

    def _drain(self) -> None:
        """Send what can be sent now, and set the timer for what comes later."""
        if self._closed or self._held:
            return
        accumulator = self.accumulator
        assert accumulator is not None
        loop = asyncio.get_running_loop()
        now = loop.time()
        accumulator.timer_armed = False
        if accumulator.has_open():
            accumulator.timer_armed = True
            linger = self._settings.linger_ms / 1000
            moment = time.monotonic()
            oldest = accumulator.seal_lingering(moment - linger, self._can_take)
            if oldest < 0:
                self._wake_at(now + 0.001)
            self._collect()
            if accumulator.has_open():
                # Batches may have been opened at any time since the timer was set (bench.latency).
                rest = oldest + linger - moment if oldest > 0 else linger
                self._wake_at(now + max(rest, 0.001))
            else:
                accumulator.timer_armed = False
        self._expire()
        if not self._busy or not self._ready():
            return
        leaderless: set[str] = set()
        requests: dict[int, list[ProducerBatch]] = {}
        sizes: dict[int, int] = {}
        for (topic, partition), pipeline in self._busy.items():
            if pipeline.needs_reset and not pipeline.in_flight:
                self._prepare()
                continue
            batch = pipeline.peek()
            if batch is None:
                continue
            if pipeline.not_before > now:
                self._wake_at(pipeline.not_before)
                continue
            node = self._cluster.cluster.leader(topic, partition)
            if node < 0:
                leaderless.add(topic)
                continue
            if self._in_flight.get(node, 0) >= self._settings.max_in_flight:
                continue
            size = sizes.get(node, 0) + int(batch.size)
            if node in requests and size > self._settings.max_request_bytes:
                continue
            sizes[node] = size
            requests.setdefault(node, []).append(pipeline.take())
        for node, batches in requests.items():
            self._in_flight[node] = self._in_flight.get(node, 0) + 1
            task = asyncio.create_task(self._produce(node, batches))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if leaderless:
            self._refresh()

    def _can_take(self, topic: str, partition: int) -> bool:
        """Whether an open batch would be sent at once, rather than wait in line."""
        pipeline = self._pipelines.get((topic, partition))
        if pipeline is not None and pipeline.waiting:
            return False
        node = self._cluster.cluster.leader(topic, partition)
        return self._in_flight.get(node, 0) < self._settings.max_in_flight

    def _ready(self) -> bool:
        """Whether the producer has the id that it needs; if not, it is being asked for."""
        if self.fatal is not None:
            for key, pipeline in list(self._busy.items()):
                for batch in pipeline.drop():
                    self._outstanding.failed(batch, self.fatal)
                self._tidy(key, pipeline)
            return False
        if not self._settings.idempotence or self.identity.producer_id >= 0:
            return True
        self._prepare()
        return False

    def _prepare(self) -> None:
        if self._preparing is None or self._preparing.done():
            self._preparing = asyncio.create_task(self._take_identities())

    async def _take_identities(self) -> None:
        """Get a producer id: the first one, or one for partitions that have to start over."""
        if self._settings.transactional_id is not None:
            return
        cluster = self._cluster
        try:
            identity = await cluster.retrying(
                lambda: _init_producer_id(cluster),
                deadline=cluster.deadline(self._settings.delivery_timeout_ms / 1000),
            )
        except Exception as error:  # noqa: BLE001  the boundary of this task
            failure = told(error, "asking for a producer id")
            self._last_failure = failure
            if not failure.retriable:
                self.fatal = failure
            self._drain()
            return
        if self.identity.producer_id < 0:
            self.identity = identity
            for pipeline in self._pipelines.values():
                pipeline.reset(identity)
        for pipeline in self._busy.values():
            if pipeline.needs_reset and not pipeline.in_flight:
                _log.info("a partition starts over under producer id %d", identity.producer_id)
                pipeline.reset(identity)
        self._drain()

    async def _produce(self, node: int, batches: list[ProducerBatch]) -> None:
        try:
            # First come, first sent: who waits for a connection must not be overtaken by who comes
            # when it has just been made.
            async with self._turns[node]:
                added = self.before_send is not None and await self.before_send(
                    [(b.topic, int(b.partition)) for b in batches]
                )
                connection = await self._cluster.connection(node)
                answer = self._send(connection, batches, adds_partitions=added)
            answers = await answer
            for batch in batches:
                self._answered(batch, answers)
        except (NotReachableError, BrokerError) as error:
            self._broken(batches, error)
        except StreamkitError as error:
            for batch in batches:
                self._give_up(batch, error)
        except asyncio.CancelledError:
            failure = ClosedError("the producer was closed before the record was acknowledged")
            for batch in batches:
                self._give_up(batch, failure)
            raise
        except Exception as error:  # noqa: BLE001  the boundary of this task; no batch may get lost
            _log.exception("sending to broker %d failed", node)
            failure = ClosedError(f"sending failed: {error!r}")
            for batch in batches:
                self._give_up(batch, failure)
        finally:
            self._in_flight[node] -= 1
            if not self._closed:
                self._drain()

    def _send(
        self, connection: Connection, batches: list[ProducerBatch], *, adds_partitions: bool
    ) -> Awaitable[dict[tuple[str, int], PartitionProduceResponse]]:
        """Send one request now; its answers by partition come later, none with acks=0."""
        settings = self._settings
        request, highest = produce_request(
            batches,
            self._cluster.cluster,
            acks=settings.acks,
            timeout_ms=self._cluster.settings.request_timeout_ms,
            transactional_id=settings.transactional_id,
            adds_partitions=adds_partitions,
        )
        version = connection.version_of(ProduceRequest, highest=highest)
        if settings.acks == 0:
            connection.send_unanswered(request, version)
            return _no_answers()
        return _answers(request, connection.send(request, version))

    def _answered(
        self, batch: ProducerBatch, answers: dict[tuple[str, int], PartitionProduceResponse]
    ) -> None:
        key = (batch.topic, int(batch.partition))
        if self._settings.acks == 0:
            self._acknowledged(batch, -1, -1)
            return
        answer = answers.get(key)
        if answer is None:
            self._give_up(batch, broker_error(-1, f"{key[0]}-{key[1]} is missing in the answer"))
            return
        code = ErrorCode(answer.error_code)
        if code is ErrorCode.NONE:
            self._acknowledged(batch, answer.base_offset, answer.log_append_time_ms)
        elif code is ErrorCode.DUPLICATE_SEQUENCE_NUMBER:
            self._acknowledged(batch, -1, -1)
        else:
            self._refused(batch, code, answer.error_message)

    def _acknowledged(self, batch: ProducerBatch, base_offset: int, append_time_ms: int) -> None:
        key = (batch.topic, int(batch.partition))
        pipeline = self._pipelines[key]
        pipeline.acknowledged(batch)
        pipeline.not_before = 0.0
        self._backoff.reset()
        self._outstanding.acknowledged(batch, base_offset, append_time_ms)
        self._tidy(key, pipeline)

    def _refused(self, batch: ProducerBatch, code: ErrorCode, message: str | None) -> None:
        key = (batch.topic, int(batch.partition))
        pipeline = self._pipelines[key]
        if code in _TOO_LARGE and batch.count > 1:
            first, second = halves(
                batch, self._settings.compression, self._settings.compression_level
            )
            pipeline.split(batch, first, second)
            self._outstanding.split(batch, first, second)
            return
        if code in _FENCED and self._settings.transactional_id is not None:
            self.fatal = FencedError(
                f"a newer producer uses transactional id {self._settings.transactional_id}: "
                f"{code.name} ({code})",
                code=code,
            )
            self._give_up(batch, self.fatal)
            return
        if code in _SEQUENCE_LOST:
            oldest = pipeline.is_oldest(batch)
            if not oldest or self._settings.transactional_id is None:
                # Refusals of younger batches, under way with it, say nothing against that of the oldest.
                pipeline.needs_reset = pipeline.needs_reset or oldest
                self._again(batch, broker_error(code, f"writing to {key[0]}-{key[1]}"))
                return
        error = broker_error(
            code, f"writing to {key[0]}-{key[1]}", topic_partition=key, hint=message or ""
        )
        if code.retriable:
            self._again(batch, error)
            self._refresh()
        else:
            self._give_up(batch, error)

    def _broken(self, batches: list[ProducerBatch], error: NotReachableError | BrokerError) -> None:
        if isinstance(error, BrokerError) and not error.retriable:
            for batch in batches:
                self._give_up(batch, error)
            return
        for batch in batches:
            self._again(batch, error)
        self._refresh()

    def _again(self, batch: ProducerBatch, error: StreamkitError) -> None:
        """Send a batch once more, unless its time is up."""
        _log.debug("a batch of %s-%d is sent again: %s", batch.topic, batch.partition, error)
        self._last_failure = error
        key = (batch.topic, int(batch.partition))
        pipeline = self._pipelines[key]
        pipeline.retry(batch)
        pipeline.not_before = asyncio.get_running_loop().time() + self._backoff.next_seconds()

    def _give_up(self, batch: ProducerBatch, error: StreamkitError) -> None:
        key = (batch.topic, int(batch.partition))
        pipeline = self._pipelines[key]
        pipeline.failed(batch)
        self._outstanding.failed(batch, error)
        self._tidy(key, pipeline)

    def _expire(self) -> None:
        before = time.monotonic() - self._settings.delivery_timeout_ms / 1000
        for key, pipeline in list(self._busy.items()):
            for batch in pipeline.expire(before):
                cause = f": {self._last_failure}" if self._last_failure is not None else ""
                self._outstanding.failed(
                    batch,
                    BrokerError(
                        f"{batch.count} records for {batch.topic}-{batch.partition} were not "
                        f"acknowledged within {self._settings.delivery_timeout_ms} ms{cause}",
                        code=ErrorCode.REQUEST_TIMED_OUT,
                        topic_partition=key,
                    ),
                )
            self._tidy(key, pipeline)
        if self._busy:
            now = asyncio.get_running_loop().time()
            self._wake_at(now + 1.0)
            if now - self._cluster.refreshed_at > self._cluster.settings.metadata_max_age_ms / 1000:
                self._refresh()

    def _accumulator(self) -> Accumulator:
        assert self.accumulator is not None
        return self.accumulator

    def _tidy(self, key: tuple[str, int], pipeline: Pipeline) -> None:
        if not len(pipeline):
            self._busy.pop(key, None)

    def _refresh(self) -> None:
        """Look for leaders; then go on."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh_once())

    async def _refresh_once(self) -> None:
        await asyncio.sleep(self._cluster.settings.retry_backoff_ms / 1000)
        try:
            cluster = await self._cluster.refresh()
        except Exception as error:  # noqa: BLE001  the boundary of this task
            self._last_failure = told(error, "asking for metadata")
            _log.debug("metadata: %s", error)
        else:
            for name, info in cluster.topics.items():
                self._accumulator().set_partitions(name, len(info.partitions))
        self._network.loop.call_soon(self._drain)

    def _wake_at(self, when: float) -> None:
        loop = self._network.loop
        if self._timer is not None:
            if self._timer_at <= when:
                return
            self._timer.cancel()
        self._timer_at = when
        self._timer = loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._collect()
        self._drain()


async def _answers(
    request: ProduceRequest, response: Awaitable[Any]
) -> dict[tuple[str, int], PartitionProduceResponse]:
    return answers_of(request, await response)


async def _no_answers() -> dict[tuple[str, int], PartitionProduceResponse]:
    return {}


async def _init_producer_id(cluster: ClusterClient) -> Identity:
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0x7FFFFFFF)
    response = await cluster.call_any(request)
    if response.error_code != ErrorCode.NONE:
        raise broker_error(response.error_code, "asking for a producer id")
    return Identity(response.producer_id, response.producer_epoch)
