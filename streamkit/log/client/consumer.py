"""Consumer: reads partitions, alone (`assign`) or with others of a group (`subscribe`).

The network thread prefetches whole record batches within a bound in bytes; the calling thread
decodes them. All calls belong to one thread at a time, except `wakeup`. Listeners run on the
polling thread, inside poll.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from re import Pattern
from typing import TypeVar

from streamkit.errors import (
    BrokerError,
    ClosedError,
    ConfigError,
)
from streamkit.log.client.assignors import (
    Assignor,
    CooperativeStickyAssignor,
    RangeAssignor,
)
from streamkit.log.client.auto_commit import AutoCommit
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.committer import Committer
from streamkit.log.client.errors import CommitFailedError
from streamkit.log.client.fetch_state import FetchState
from streamkit.log.client.fetcher import Fetcher, FetchSettings
from streamkit.log.client.member import MemberSettings
from streamkit.log.client.network import NetworkThread
from streamkit.log.client.offsets import (
    EARLIEST,
    LATEST,
    fetch_committed,
    list_offsets,
)
from streamkit.log.client.polling import Polling
from streamkit.log.client.records import (
    ConsumerGroupMetadata,
    ConsumerRecord,
    FetchedBatch,
    OffsetAndMetadata,
    OffsetAndTimestamp,
)
from streamkit.log.client.settings import (
    ClientSettings,
    parse_bootstrap,
    require_choice,
    require_range,
)
from streamkit.log.client.subscriber import RebalanceListener, Subscriber
from streamkit.log.protocol import ErrorCode
from streamkit.model import TopicPartition

__all__ = ["Consumer"]

T = TypeVar("T")

_DEFAULT_HEARTBEAT_MS = 3_000


class Consumer:
    """Reads records from topics.

    Args:
        bootstrap: `host:port`, more of them separated by commas.
        network: the thread that does the work; None for the one that the process shares.
        client_id: the name that the broker's logs see.
        group_id: the group that `subscribe` joins and `commit` commits for.
        group_instance_id: makes the member static: a restart within the session timeout causes
            no rebalance.
        auto_offset_reset: where to start without a committed offset, or when the position is not in
            the log: "earliest", "latest", or "none" (poll raises OffsetResetError); or a function
            that says so for a topic, called on the network thread.
        enable_auto_commit: commit positions every auto_commit_interval_ms, before partitions are
            given up, and at close.
        auto_commit_interval_ms: see there.
        isolation_level: "read_uncommitted", or "read_committed": aborted records are left out and
            open transactions hold the partition back.
        session_timeout_ms: the group drops a member that is silent for longer.
        heartbeat_interval_ms: 0 for a third of the session timeout, at most 3 s.
        max_poll_interval_ms: a caller that does not poll for longer gives its partitions up.
        assignors: strategies in order of preference; by default range, then cooperative-sticky, as Java.
        fetch_min_bytes: the broker waits for that much,
        fetch_max_wait_ms: but no longer than this.
        fetch_max_bytes: bound on one fetch.
        max_partition_fetch_bytes: bound a partition (a larger batch still comes whole).
        prefetch_bytes: bound on what is fetched and not polled yet, over all partitions.
        max_poll_records: bound on what `poll` returns.
        check_crcs: verify each batch's checksum.
        request_timeout_ms: how long one request may take before the connection is given up.
        api_timeout_ms: bound on blocking calls, and on how long no broker may answer.
        retry_backoff_ms: first pause before a retry; doubles, with jitter.
        metadata_max_age_ms: patterns and partition counts are looked up again that often.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        network: NetworkThread | None = None,
        client_id: str = "streamkit-consumer",
        group_id: str | None = None,
        group_instance_id: str | None = None,
        auto_offset_reset: str | Callable[[str], str] = "latest",
        enable_auto_commit: bool = False,
        auto_commit_interval_ms: int = 5_000,
        isolation_level: str = "read_uncommitted",
        session_timeout_ms: int = 45_000,
        heartbeat_interval_ms: int = 0,
        max_poll_interval_ms: int = 300_000,
        assignors: Collection[Assignor] = (),
        fetch_min_bytes: int = 1,
        fetch_max_wait_ms: int = 500,
        fetch_max_bytes: int = 50 * 1024 * 1024,
        max_partition_fetch_bytes: int = 1024 * 1024,
        prefetch_bytes: int = 64 * 1024 * 1024,
        max_poll_records: int = 500,
        check_crcs: bool = True,
        request_timeout_ms: int = 30_000,
        api_timeout_ms: int = 60_000,
        retry_backoff_ms: int = 100,
        metadata_max_age_ms: int = 300_000,
    ) -> None:
        self._settings = ClientSettings(
            parse_bootstrap(bootstrap),
            client_id,
            request_timeout_ms=request_timeout_ms,
            api_timeout_ms=api_timeout_ms,
            retry_backoff_ms=retry_backoff_ms,
            metadata_max_age_ms=metadata_max_age_ms,
        )
        if isinstance(auto_offset_reset, str):
            require_choice("auto_offset_reset", auto_offset_reset, "earliest", "latest", "none")
        require_choice("isolation_level", isolation_level, "read_uncommitted", "read_committed")
        require_range("max_poll_records", max_poll_records, 1)
        require_range("max_partition_fetch_bytes", max_partition_fetch_bytes, 1)
        require_range("prefetch_bytes", prefetch_bytes, 1)
        require_range("session_timeout_ms", session_timeout_ms, 1)
        require_range("max_poll_interval_ms", max_poll_interval_ms, 1)
        if heartbeat_interval_ms == 0:
            heartbeat_interval_ms = min(_DEFAULT_HEARTBEAT_MS, max(session_timeout_ms // 3, 1))
        require_range("heartbeat_interval_ms", heartbeat_interval_ms, 1, session_timeout_ms - 1)
        self._network = network or NetworkThread.shared()
        self._cluster = ClusterClient(self._settings)
        self._state = FetchState()
        self._group_id = group_id
        self._group_instance_id = group_instance_id
        self._read_committed = isolation_level == "read_committed"
        self._fetcher = Fetcher(
            self._network,
            self._cluster,
            self._state,
            FetchSettings(
                group_id=group_id,
                reset_of=_reset_of(auto_offset_reset),
                read_committed=self._read_committed,
                min_bytes=fetch_min_bytes,
                max_wait_ms=fetch_max_wait_ms,
                max_bytes=fetch_max_bytes,
                max_partition_bytes=max_partition_fetch_bytes,
                prefetch_bytes=prefetch_bytes,
            ),
        )
        self._subscriber = Subscriber(
            self._network,
            self._cluster,
            self._state,
            MemberSettings(
                group_id=group_id or "",
                group_instance_id=group_instance_id,
                session_timeout_ms=session_timeout_ms,
                heartbeat_interval_ms=heartbeat_interval_ms,
                max_poll_interval_ms=max_poll_interval_ms,
                assignors=tuple(assignors) or (RangeAssignor(), CooperativeStickyAssignor()),
            ),
            assign=self._set_assignment,
            before_loss=lambda timeout: self._auto_commit.commit_now(timeout),
        )
        self._polling = Polling(
            self._state,
            fetch_more=self._fetcher.notify,
            before_poll=self._before_poll,
            interrupts=lambda: self._subscriber.polled() or self._auto_commit.is_due,
            max_poll_records=max_poll_records,
            check_crcs=check_crcs,
        )
        self._committer = Committer(self._cluster, self._state)
        self._auto_commit = AutoCommit(
            group_id,
            auto_commit_interval_ms if enable_auto_commit and group_id is not None else None,
            commit=lambda timeout: self.commit(timeout=timeout),
            commit_nowait=self.commit_nowait,
        )
        self._closed = False

    # Which partitions

    def assign(self, partitions: Collection[TopicPartition]) -> None:
        """Read these partitions, outside of any group membership; replaces what was assigned.

        Positions of partitions that stay are kept.
        """
        self._check_open()
        if self._subscriber.is_active:
            raise ConfigError("the consumer subscribes to topics: unsubscribe before assign")
        self._set_assignment(partitions)

    def subscribe(
        self,
        topics: Collection[str] | Pattern[str],
        *,
        listener: RebalanceListener | None = None,
    ) -> None:
        """Share these topics with the other members of the group; replaces the subscription.

        Args:
            topics: names, or a compiled pattern that full names are matched against; topics that
                appear later are picked up.
            listener: told of what changes.

        Raises:
            ConfigError: the consumer has no group_id.
        """
        self._check_open()
        if self._group_id is None:
            raise ConfigError("subscribe needs a group_id; assign reads without a group")
        if not self._subscriber.is_active and self._state.partitions:
            raise ConfigError("partitions are assigned by hand: unsubscribe before subscribe")
        if isinstance(topics, str):
            raise ConfigError(f"topics is the text {topics!r}: give a list, or a compiled pattern")
        self._subscriber.subscribe(topics, listener)

    def unsubscribe(self) -> None:
        """Leave the group and drop all partitions."""
        self._check_open()
        self._subscriber.leave()
        self._set_assignment(())

    def assignment(self) -> set[TopicPartition]:
        """What is assigned now."""
        return set(self._state.partitions)

    def subscription(self) -> set[str]:
        """Names of the topics subscribed to."""
        return set(self._subscriber.topics)

    # Records

    def poll(self, timeout: float = 0.0) -> list[ConsumerRecord]:
        """Records that are there, at most max_poll_records; in offset order a partition.

        Args:
            timeout: seconds to wait for the first one.

        Raises:
            OffsetResetError: no position and no reset policy.
            NotReachableError: no broker answers for api_timeout_ms.
            BrokerError: the broker refuses.
            CorruptRecordError: a batch is damaged.
        """
        return self._polling.records(timeout)

    def poll_batches(
        self, timeout: float = 0.0, *, max_records: int = 10_000
    ) -> list[FetchedBatch]:
        """Whole record batches as columns: the hot path.

        Control batches, aborted records and records before the position are left out. The
        positions move past what is returned.

        Args:
            timeout: seconds to wait for the first one.
            max_records: no further batch is taken once this many records are in hand.

        Raises:
            As `poll`.
        """
        return self._polling.batches(timeout, max_records)

    def __iter__(self) -> Iterator[ConsumerRecord]:
        """Records for ever, waiting for more at the end."""
        while not self._closed:
            yield from self.poll(1.0)

    def wakeup(self) -> None:
        """Make a waiting poll of another thread return at once."""
        with self._state.condition:
            self._state.woken = True
            self._state.condition.notify_all()

    # Positions

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from this offset. The partition has to be assigned."""
        self._require_assigned(partition)
        require_range("offset", offset, 0)
        self._state.seek(partition, offset=offset)
        self._fetcher.notify()

    def seek_to_beginning(self, partitions: Collection[TopicPartition] = ()) -> None:
        """Read on from the first record; no partitions given: of all assigned."""
        self._seek_to(partitions, EARLIEST)

    def seek_to_end(self, partitions: Collection[TopicPartition] = ()) -> None:
        """Read only what comes from now on; no partitions given: of all assigned."""
        self._seek_to(partitions, LATEST)

    def position(self, partition: TopicPartition, timeout: float | None = None) -> int:
        """The offset of the next record that poll returns; waits until it is known.

        Raises:
            OffsetResetError: there is none, and no reset policy.
            BrokerError: REQUEST_TIMED_OUT after `timeout` (None: api_timeout_ms).
        """
        self._require_assigned(partition)
        seconds = self._settings.api_timeout_ms / 1000 if timeout is None else timeout
        deadline = time.monotonic() + seconds
        self._fetcher.notify()
        with self._state.condition:
            while True:
                self._raise_error()
                state = self._state.partitions[partition]
                if state.position >= 0:
                    return state.position
                rest = deadline - time.monotonic()
                if rest <= 0:
                    raise BrokerError(
                        f"no position of {partition} within {seconds} s",
                        code=ErrorCode.REQUEST_TIMED_OUT,
                        retriable=True,
                        topic_partition=partition,
                    )
                self._state.condition.wait(rest)

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Return nothing of these until `resume`; what was prefetched is kept."""
        for tp in partitions:
            self._require_assigned(tp)
        with self._state.condition:
            for tp in partitions:
                self._state.partitions[tp].paused = True
        self._fetcher.notify()

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """End a pause."""
        for tp in partitions:
            self._require_assigned(tp)
        with self._state.condition:
            for tp in partitions:
                self._state.partitions[tp].paused = False
        self._fetcher.notify()

    def paused(self) -> set[TopicPartition]:
        """What is paused now."""
        return {tp for tp, state in self._state.partitions.items() if state.paused}

    def fetch_lag(self, partition: TopicPartition) -> int | None:
        """Records between the position and the end known from the last fetch.

        Returns:
            0 or more; None as long as no fetch of this partition has been answered since it was
            assigned or sought. Never asks the broker.
        """
        with self._state.condition:
            state = self._state.partitions.get(partition)
            if state is None or state.end < 0 or state.position < 0:
                return None
            return max(state.end - state.position, 0)

    def beginning_offsets(
        self, partitions: Collection[TopicPartition], timeout: float | None = None
    ) -> dict[TopicPartition, int]:
        """The first offset in the log, asked now."""
        return self._offsets_at(partitions, EARLIEST, timeout)

    def end_offsets(
        self, partitions: Collection[TopicPartition], timeout: float | None = None
    ) -> dict[TopicPartition, int]:
        """The offset of the next record to be written (read_committed: last stable), asked now."""
        return self._offsets_at(partitions, LATEST, timeout)

    def offsets_for_times(
        self, times: Mapping[TopicPartition, int], timeout: float | None = None
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record at or after a time (milliseconds since the epoch); None if none is."""
        return self._run(
            lambda deadline: list_offsets(
                self._cluster, dict(times), read_committed=self._read_committed, deadline=deadline
            ),
            timeout,
        )

    def partitions_for(self, topic: str, timeout: float | None = None) -> int | None:
        """How many partitions a topic has; None if it does not exist."""

        async def ask(deadline: float) -> int | None:
            cluster = await self._cluster.retrying(self._cluster.refresh_all, deadline=deadline)
            info = cluster.topics.get(topic)
            return None if info is None else len(info.partitions)

        return self._run(ask, timeout)

    # The group

    def commit(
        self,
        offsets: Mapping[TopicPartition, OffsetAndMetadata | int] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Commit offsets for the group and wait until the coordinator has them.

        Args:
            offsets: next offset to read by partition; None for the positions of all that is assigned.
            timeout: seconds; None for api_timeout_ms.

        Raises:
            CommitFailedError: the group moved on without this member.
            BrokerError: another refusal.
            ConfigError: the consumer has no group_id.
        """
        entries = self._to_commit(offsets)
        if entries:
            self._run(
                lambda deadline: self._committer.commit(entries, self._committing_as, deadline),
                timeout,
            )

    def commit_nowait(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata | int] | None = None
    ) -> Future[None]:
        """Commit without waiting; commits reach the coordinator in the order of the calls."""
        entries = self._to_commit(offsets)

        async def run() -> None:
            if entries:
                await self._committer.commit(entries, self._committing_as, self._cluster.deadline())

        return self._network.submit(run())

    def committed(
        self, partitions: Collection[TopicPartition], timeout: float | None = None
    ) -> dict[TopicPartition, OffsetAndMetadata | None]:
        """What the group committed last; None where nothing."""
        group_id = self._require_group()
        wanted = list(partitions)
        found = self._run(
            lambda deadline: fetch_committed(self._cluster, group_id, wanted, deadline=deadline),
            timeout,
        )
        return {tp: found.get(tp) for tp in wanted}

    def group_metadata(self) -> ConsumerGroupMetadata:
        """Who this consumer is in its group, for transactions."""
        return self._subscriber.metadata() or ConsumerGroupMetadata(
            self._require_group(), group_instance_id=self._group_instance_id
        )

    def enforce_rebalance(self) -> None:
        """Join the group again at the next poll (for assignors that want another round)."""
        self._subscriber.rejoin()

    def close(self, timeout: float | None = None) -> None:
        """Commit if enable_auto_commit, leave the group, give up all resources.

        The listener's on_revoked is called first. A second call does nothing.
        """
        if self._closed:
            return
        try:
            self._subscriber.leave(timeout)
            if self._state.partitions:
                self._auto_commit.commit_now(timeout)
        finally:
            self._closed = True
            self._state.assign(())
            self._network.run(self._shut())

    def __enter__(self) -> Consumer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Polling

    def _before_poll(self) -> None:
        self._check_open()
        if self._subscriber.polled():
            self._subscriber.handle_events()
        self._auto_commit.commit_if_due()
        with self._state.condition:
            self._raise_error()

    def _raise_error(self) -> None:
        error, self._state.error = self._state.error, None
        if (error := error or self._state.fatal) is not None:
            raise error

    # Positions

    def _set_assignment(self, partitions: Collection[TopicPartition]) -> None:
        self._state.assign(partitions)
        self._fetcher.notify()

    def _seek_to(self, partitions: Collection[TopicPartition], reset_to: int) -> None:
        for tp in partitions:
            self._require_assigned(tp)
        for tp in partitions or list(self._state.partitions):
            self._state.seek(tp, reset_to=reset_to)
        self._fetcher.notify()

    def _offsets_at(
        self, partitions: Collection[TopicPartition], at: int, timeout: float | None
    ) -> dict[TopicPartition, int]:
        found = self._run(
            lambda deadline: list_offsets(
                self._cluster,
                dict.fromkeys(partitions, at),
                read_committed=self._read_committed,
                deadline=deadline,
            ),
            timeout,
        )
        return {tp: entry.offset for tp, entry in found.items() if entry is not None}

    # Commits

    def _committing_as(self) -> ConsumerGroupMetadata:
        """Who commits. One that has lost its membership may not: an empty group takes anybody's commit."""
        member = self._subscriber.metadata()
        if member is not None and member.generation_id < 0:
            raise CommitFailedError(
                f"group {member.group_id}: this consumer is no member of its group, it has not joined "
                "yet or was lost; poll more often, or raise max_poll_interval_ms",
                code=ErrorCode.UNKNOWN_MEMBER_ID,
            )
        return self.group_metadata()

    def _to_commit(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata | int] | None
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        self._check_open()
        self._require_group()
        if offsets is None:
            states = self._state.partitions
            return {
                tp: OffsetAndMetadata(state.position)
                for tp, state in states.items()
                if state.position >= 0
            }
        return {
            tp: o if isinstance(o, OffsetAndMetadata) else OffsetAndMetadata(o)
            for tp, o in offsets.items()
        }

    # Checks and calls

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the consumer was closed")
        self._network.check()

    def _require_assigned(self, tp: TopicPartition) -> None:
        self._check_open()
        if tp not in self._state.partitions:
            raise ConfigError(f"{tp} is not assigned to this consumer")

    def _require_group(self) -> str:
        if self._group_id is None:
            raise ConfigError("the consumer has no group_id: nothing can be committed")
        return self._group_id

    def _run(self, ask: Callable[[float], Awaitable[T]], timeout: float | None) -> T:
        self._check_open()

        async def run() -> T:
            return await ask(self._cluster.deadline(timeout))

        return self._network.run(run())

    async def _shut(self) -> None:
        await self._fetcher.close()
        await self._cluster.close()


def _reset_of(policy: str | Callable[[str], str]) -> Callable[[str], str]:
    return (lambda _topic: policy) if isinstance(policy, str) else policy
