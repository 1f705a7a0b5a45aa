"""Prefetching: whole record batches from the leaders into bounded buffers.

`Fetcher` runs on the network thread: it resolves positions and keeps fetches under way. What it
shares with the calling thread is `FetchState`.

A broker answers a connection's requests one by one, and a fetch of partitions without news
waits there; so fetches go over several connections (lanes). Partitions that had data last time may use all
of them, those that wait only the first two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from streamkit.errors import BrokerError, NotReachableError, StreamkitError
from streamkit.log.client.backoff import Backoff
from streamkit.log.client.cluster import broker_error
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.errors import OffsetResetError
from streamkit.log.client.fetch_state import Chunk, FetchState, PartitionState
from streamkit.log.client.network import NetworkThread
from streamkit.log.client.offsets import EARLIEST, LATEST, by_topic, fetch_committed, list_offsets
from streamkit.log.client.unexpected import told
from streamkit.log.protocol import NO_UUID, ErrorCode
from streamkit.log.protocol.batch import batches
from streamkit.log.protocol.messages import FetchRequest, FetchTopic
from streamkit.log.protocol.messages.fetch import FetchPartition, PartitionData
from streamkit.model import TopicPartition

__all__ = ["FetchSettings", "Fetcher"]

_log = logging.getLogger(__name__)

_WAITING_LANES = 2
_LANES = 6
_STALE_METADATA = frozenset(
    {
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.INCONSISTENT_TOPIC_ID,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.UNKNOWN_LEADER_EPOCH,
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.REPLICA_NOT_AVAILABLE,
        ErrorCode.KAFKA_STORAGE_ERROR,
        ErrorCode.OFFSET_NOT_AVAILABLE,
    }
)


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """The consumer's settings that matter for fetching; see `Consumer`."""

    group_id: str | None
    reset_of: Callable[[str], str]
    read_committed: bool
    min_bytes: int
    max_wait_ms: int
    max_bytes: int
    max_partition_bytes: int
    prefetch_bytes: int


class Fetcher:
    """Keeps positions resolved and fetches under way, on the network thread.

    Args:
        network: whose loop this runs on.
        cluster: the connections.
        state: shared with the calling thread.
        settings: of the consumer.
    """

    def __init__(
        self,
        network: NetworkThread,
        cluster: ClusterClient,
        state: FetchState,
        settings: FetchSettings,
    ) -> None:
        self._network = network
        self._cluster = cluster
        self._state = state
        self._settings = settings
        self._signalled = False
        self._lanes: dict[int, set[int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._resolving: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._closed = False
        self._silent_since: float | None = None
        self._gone: set[str] = set()

    def notify(self) -> None:
        """Look at the state soon; from any thread."""
        if not self._signalled:
            self._signalled = True
            self._network.call_soon(self._on_signal)

    async def close(self) -> None:
        """Stop; buffers stay as they are."""
        self._closed = True
        tasks = [t for t in (self._resolving, self._refreshing, *self._tasks) if t is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _on_signal(self) -> None:
        self._signalled = False
        self._schedule()

    def _schedule(self) -> None:
        """Start the fetches that are possible now."""
        if self._closed:
            return
        nodes: dict[int, list[PartitionState]] = {}
        unresolved = False
        leaderless = False
        now = asyncio.get_running_loop().time()
        cluster = self._cluster.cluster
        with self._state.condition:
            states = self._state.partitions
            self._cluster.track({tp.topic for tp in states})
            full = self._state.buffered >= self._settings.prefetch_bytes
            # If paused partitions hold all of it, the others would get nothing until these are resumed.
            starved = full and not any(s.chunks and not s.paused for s in states.values())
            for tp, state in states.items():
                if state.fetch_offset < 0:
                    unresolved = True
                    continue
                if (
                    state.paused
                    or (full and (state.chunks or not starved))
                    or state.in_flight == state.epoch
                    or state.buffered >= self._settings.max_partition_bytes
                ):
                    continue
                if state.not_before > now:
                    self._network.loop.call_at(state.not_before, self.notify)
                    continue
                leader = cluster.leader(tp.topic, tp.partition)
                if leader < 0:
                    leaderless = True
                else:
                    nodes.setdefault(leader, []).append(state)
        if unresolved and (self._resolving is None or self._resolving.done()):
            self._resolving = asyncio.create_task(self._resolve())
        if leaderless:
            self._tell_of_gone()
            self._refresh()
        for node, ready in nodes.items():
            self._start(node, ready)

    def _start(self, node: int, ready: list[PartitionState]) -> None:
        busy = self._lanes.setdefault(node, set())
        free = [lane for lane in range(_LANES) if lane not in busy]
        if not free:
            return
        lane = free[0]
        if lane >= _WAITING_LANES:
            ready = [state for state in ready if state.active]
            if not ready:
                return
        with self._state.condition:
            asked = [(state, state.epoch, state.fetch_offset) for state in ready]
            for state in ready:
                state.in_flight = state.epoch
        busy.add(lane)
        task = asyncio.create_task(self._fetch(node, lane, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(
        self, node: int, lane: int, asked: list[tuple[PartitionState, int, int]]
    ) -> None:
        pause = 0.0
        try:
            await self._fetch_once(node, lane, asked)
            self._silent_since = None
        except NotReachableError as error:
            _log.debug("fetch from broker %d: %s", node, error)
            pause = self._cluster.settings.retry_backoff_ms / 1000
            self._unreachable(error)
            self._refresh()
        except Exception as error:  # noqa: BLE001  the boundary of this task
            self._state.fail(told(error, f"fetching from broker {node}"))
            pause = 1.0
        finally:
            self._lanes[node].discard(lane)
            not_before = self._network.loop.time() + pause
            with self._state.condition:
                for state, epoch, _ in asked:
                    if state.in_flight == epoch:
                        state.in_flight = -1
                        if pause:
                            state.not_before = not_before
            if not self._closed:
                self._network.loop.call_soon(self._schedule)

    async def _fetch_once(
        self, node: int, lane: int, asked: list[tuple[PartitionState, int, int]]
    ) -> None:
        connection = await self._cluster.connection(node, f"fetch{lane}")
        topics = self._cluster.cluster.topics
        wanted = {state.topic_partition: (state, epoch, offset) for state, epoch, offset in asked}
        ids = {}
        for topic in {tp.topic for tp in wanted}:
            info = topics.get(topic)
            ids[topic] = NO_UUID if info is None else info.topic_id
        # From 13 on, topics go by id; brokers that are too old for ids have none.
        highest = 12 if NO_UUID in ids.values() else None
        version = connection.version_of(FetchRequest, highest=highest)
        response = await connection.request(
            self._request(wanted, ids),
            version,
            timeout_ms=self._cluster.settings.request_timeout_ms + self._settings.max_wait_ms,
        )
        if response.error_code != ErrorCode.NONE:
            error = broker_error(response.error_code, f"fetching from broker {node}")
            if not error.retriable and response.error_code not in _STALE_METADATA:
                raise error
            raise NotReachableError(str(error))
        names = {topic_id: topic for topic, topic_id in ids.items()}
        arrived = False
        for topic in response.responses:
            name = topic.topic or names.get(topic.topic_id, "")
            for answer in topic.partitions:
                asked_for = wanted.get(TopicPartition(name, answer.partition_index))
                if asked_for is not None:
                    arrived = self._answered(*asked_for, answer) or arrived
        if arrived:
            with self._state.condition:
                self._state.condition.notify_all()

    def _request(
        self,
        wanted: Mapping[TopicPartition, tuple[PartitionState, int, int]],
        ids: Mapping[str, UUID],
    ) -> FetchRequest:
        settings = self._settings
        return FetchRequest(
            max_wait_ms=settings.max_wait_ms,
            min_bytes=settings.min_bytes,
            max_bytes=settings.max_bytes,
            isolation_level=1 if settings.read_committed else 0,
            topics=[
                FetchTopic(
                    topic=topic,
                    topic_id=ids[topic],
                    partitions=[
                        FetchPartition(
                            partition=p,
                            fetch_offset=wanted[TopicPartition(topic, p)][2],
                            partition_max_bytes=settings.max_partition_bytes,
                        )
                        for p in indexes
                    ],
                )
                for topic, indexes in by_topic(wanted).items()
            ],
        )

    def _answered(
        self, state: PartitionState, epoch: int, offset: int, answer: PartitionData
    ) -> bool:
        """Take in what came for a partition; whether the caller has something to see."""
        tp = state.topic_partition
        code = ErrorCode(answer.error_code)
        if code is not ErrorCode.NONE:
            return self._refused(state, epoch, offset, code)
        end = answer.last_stable_offset if self._settings.read_committed else answer.high_watermark
        # Part of the frame as it was received: copied only when it is decoded.
        data = answer.records if answer.records is not None else b""
        try:
            entries = batches(data)
        except StreamkitError as error:
            self._state.fail(error)
            self._hold(state, epoch)
            return True
        if data and not entries:
            # A batch larger than the bound comes whole, unless the broker is broken.
            self._state.fail(
                broker_error(ErrorCode.CORRUPT_MESSAGE, f"{tp}: a fetch brought no whole batch")
            )
            self._hold(state, epoch)
            return True
        aborted = sorted((a.first_offset, a.producer_id) for a in answer.aborted_transactions or ())
        with self._state.condition:
            if state.epoch != epoch:
                return False
            changed = state.end != end
            state.end = end
            state.active = bool(entries)
            if entries:
                state.fetch_offset = entries[-1][1].next_offset
                self._state.arrived(Chunk(state, epoch, data, entries, end, aborted))
        return bool(entries) or changed

    def _refused(self, state: PartitionState, epoch: int, offset: int, code: ErrorCode) -> bool:
        tp = state.topic_partition
        if code is ErrorCode.OFFSET_OUT_OF_RANGE:
            with self._state.condition:
                unread = state.epoch == epoch and state.position != offset
            if unread:
                # What was fetched before still counts: the position is lost only once it gets here.
                self._hold(state, epoch, self._cluster.settings.retry_backoff_ms / 1000)
                return False
            if self._settings.reset_of(tp.topic) == "none":
                self._state.fail(
                    OffsetResetError(
                        f"offset {offset} of {tp} is not in the log, and auto_offset_reset is "
                        '"none": seek, or set a policy',
                        code=code,
                        offsets={tp: offset},
                    )
                )
                self._hold(state, epoch)
                return True
            _log.warning(
                "offset %d of %s is not in the log: reading on from its %s",
                *(offset, tp, "beginning" if self._policy(tp.topic) == EARLIEST else "end"),
            )
            with self._state.condition:
                if state.epoch == epoch:
                    state.position = state.fetch_offset = -1
                    state.reset_to = self._policy(tp.topic)
            return False
        if code in _STALE_METADATA:
            _log.debug("fetching %s: %s", tp, code.name)
            self._hold(state, epoch, self._cluster.settings.retry_backoff_ms / 1000)
            self._refresh()
            return False
        self._state.fail(broker_error(code, f"fetching {tp}", topic_partition=tp))
        self._hold(state, epoch)
        return True

    def _hold(self, state: PartitionState, epoch: int, seconds: float = 1.0) -> None:
        with self._state.condition:
            if state.epoch == epoch:
                state.not_before = self._network.loop.time() + seconds

    def _policy(self, topic: str) -> int:
        return EARLIEST if self._settings.reset_of(topic) == "earliest" else LATEST

    # Positions

    async def _resolve(self) -> None:
        """Find positions for partitions without one, until all have one."""
        backoff = Backoff(
            self._cluster.settings.retry_backoff_ms,
            self._cluster.settings.retry_backoff_max_ms,
            self._cluster.settings.random,
        )
        while not self._closed:
            with self._state.condition:
                missing = [
                    (s, s.epoch, s.reset_to)
                    for s in self._state.partitions.values()
                    if s.fetch_offset < 0
                ]
            if not missing:
                break
            try:
                await self._resolve_once(missing)
                self._silent_since = None
            except (BrokerError, NotReachableError) as error:
                if not error.retriable:
                    self._state.fail(error)
                elif isinstance(error, NotReachableError):
                    self._unreachable(error)
                await asyncio.sleep(backoff.next_seconds())
            except Exception as error:  # noqa: BLE001  the boundary of this task
                self._state.fail(told(error, "looking for positions"))
                await asyncio.sleep(backoff.next_seconds())
            else:
                backoff.reset()
        self.notify()

    async def _resolve_once(self, missing: list[tuple[PartitionState, int, int | None]]) -> None:
        cluster = self._cluster
        # Short: a seek or a new assignment should not wait for an old question.
        deadline = cluster.deadline(min(5.0, cluster.settings.api_timeout_ms / 1000))
        found: dict[TopicPartition, int] = {}
        unknown = [s.topic_partition for s, _, reset_to in missing if reset_to is None]
        if unknown and self._settings.group_id is not None:
            committed = await fetch_committed(
                cluster, self._settings.group_id, unknown, deadline=deadline
            )
            found = {tp: entry.offset for tp, entry in committed.items()}
        without = [tp for tp in unknown if tp not in found]
        unruled = [tp for tp in without if self._settings.reset_of(tp.topic) == "none"]
        if unruled:
            names = ", ".join(str(tp) for tp in sorted(unruled))
            self._state.fail(
                OffsetResetError(
                    f'no committed offset for {names}, and auto_offset_reset is "none"',
                    code=ErrorCode.OFFSET_OUT_OF_RANGE,
                    offsets=dict.fromkeys(unruled, -1),
                )
            )
        times = {tp: self._policy(tp.topic) for tp in without if tp not in unruled}
        times |= {s.topic_partition: r for s, _, r in missing if r is not None}
        self._set_positions(missing, found)
        if times:
            await list_offsets(
                cluster,
                times,
                read_committed=self._settings.read_committed,
                deadline=deadline,
                arrived=lambda listed: self._set_positions(
                    missing, {tp: entry.offset for tp, entry in listed.items() if entry is not None}
                ),
            )
        if unruled:
            await asyncio.sleep(1.0)

    def _set_positions(
        self,
        asked: Iterable[tuple[PartitionState, int, int | None]],
        found: Mapping[TopicPartition, int],
    ) -> None:
        with self._state.condition:
            for state, epoch, _ in asked:
                offset = found.get(state.topic_partition)
                if offset is not None and state.epoch == epoch:
                    state.position = state.fetch_offset = offset
            self._state.condition.notify_all()
        self.notify()

    def _unreachable(self, error: NotReachableError) -> None:
        """Tell the caller once no broker has answered for too long."""
        now = self._network.loop.time()
        if self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since > self._cluster.settings.api_timeout_ms / 1000:
            self._state.fail(error)
            self._silent_since = now

    def _tell_of_gone(self) -> None:
        """A topic that was deleted comes back or not: either way there is nothing to read meanwhile."""
        errors = self._cluster.cluster.errors
        gone = {
            tp.topic
            for tp in self._state.partitions
            if errors.get(tp.topic) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        }
        for topic in sorted(gone - self._gone):
            _log.warning("topic %s does not exist any more: nothing is read from it", topic)
        self._gone = gone

    def _refresh(self) -> None:
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh_once())

    async def _refresh_once(self) -> None:
        await asyncio.sleep(self._cluster.settings.retry_backoff_ms / 1000)
        try:
            await self._cluster.refresh()
        except NotReachableError as error:
            self._unreachable(error)
        except Exception as error:  # noqa: BLE001  the boundary of this task
            self._state.fail(told(error, "asking for metadata"))
        self.notify()
