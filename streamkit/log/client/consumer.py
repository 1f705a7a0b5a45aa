"""Consumer: reads partitions, alone (`assign`) or with others of a group (`subscribe`).

The network thread prefetches whole record batches within a bound in bytes; the calling thread
decodes them. All calls belong to one thread at a time, except `wakeup`. Listeners run on the
polling thread, inside poll.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from re import Pattern

from streamkit.log.client.assignors import Assignor
from streamkit.log.client.network import NetworkThread
from streamkit.log.client.records import (
    ConsumerGroupMetadata,
    ConsumerRecord,
    FetchedBatch,
    OffsetAndMetadata,
    OffsetAndTimestamp,
)
from streamkit.model import TopicPartition

__all__ = ["Consumer", "RebalanceListener"]


class RebalanceListener:
    """Told of what a consumer gains and loses; override what you need.

    All methods run on the polling thread, inside poll.
    """

    def on_assigned(self, partitions: list[TopicPartition]) -> None:
        """Partitions that are new; called after on_revoked, also with none."""

    def on_revoked(self, partitions: list[TopicPartition]) -> None:
        """Partitions that are given up; offsets can still be committed here."""

    def on_lost(self, partitions: list[TopicPartition]) -> None:
        """Partitions that others may have already: nothing can be committed any more.

        By default the same as on_revoked.
        """
        self.on_revoked(partitions)


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
            the log: "earliest", "latest", or "none" (poll raises OffsetResetError).
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
        auto_offset_reset: str = "latest",
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
        raise NotImplementedError

    # Which partitions

    def assign(self, partitions: Collection[TopicPartition]) -> None:
        """Read these partitions, outside of any group membership; replaces what was assigned.

        Positions of partitions that stay are kept.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    def unsubscribe(self) -> None:
        """Leave the group and drop all partitions."""
        raise NotImplementedError

    def assignment(self) -> set[TopicPartition]:
        """What is assigned now."""
        raise NotImplementedError

    def subscription(self) -> set[str]:
        """Names of the topics subscribed to."""
        raise NotImplementedError

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
        raise NotImplementedError

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
        raise NotImplementedError

    def __iter__(self) -> Iterator[ConsumerRecord]:
        """Records for ever, waiting for more at the end."""
        raise NotImplementedError

    def wakeup(self) -> None:
        """Make a waiting poll of another thread return at once."""
        raise NotImplementedError

    # Positions

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from this offset. The partition has to be assigned."""
        raise NotImplementedError

    def seek_to_beginning(self, partitions: Collection[TopicPartition] = ()) -> None:
        """Read on from the first record; no partitions given: of all assigned."""
        raise NotImplementedError

    def seek_to_end(self, partitions: Collection[TopicPartition] = ()) -> None:
        """Read only what comes from now on; no partitions given: of all assigned."""
        raise NotImplementedError

    def position(self, partition: TopicPartition, timeout: float | None = None) -> int:
        """The offset of the next record that poll returns; waits until it is known.

        Raises:
            OffsetResetError: there is none, and no reset policy.
            BrokerError: REQUEST_TIMED_OUT after `timeout` (None: api_timeout_ms).
        """
        raise NotImplementedError

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Return nothing of these until `resume`; what was prefetched is kept."""
        raise NotImplementedError

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """End a pause."""
        raise NotImplementedError

    def paused(self) -> set[TopicPartition]:
        """What is paused now."""
        raise NotImplementedError

    def fetch_lag(self, partition: TopicPartition) -> int | None:
        """Records between the position and the end known from the last fetch.

        Returns:
            0 or more; None as long as no fetch of this partition has been answered since it was
            assigned or sought. Never asks the broker.
        """
        raise NotImplementedError

    def beginning_offsets(
        self, partitions: Collection[TopicPartition], timeout: float | None = None
    ) -> dict[TopicPartition, int]:
        """The first offset in the log, asked now."""
        raise NotImplementedError

    def end_offsets(
        self, partitions: Collection[TopicPartition], timeout: float | None = None
    ) -> dict[TopicPartition, int]:
        """The offset of the next record to be written (read_committed: last stable), asked now."""
        raise NotImplementedError

    def offsets_for_times(
        self, times: Mapping[TopicPartition, int], timeout: float | None = None
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record at or after a time (milliseconds since the epoch); None if none is."""
        raise NotImplementedError

    def partitions_for(self, topic: str, timeout: float | None = None) -> int | None:
        """How many partitions a topic has; None if it does not exist."""
        raise NotImplementedError

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
            BrokerError: REBALANCE_IN_PROGRESS (poll, then commit again), or another refusal.
            ConfigError: the consumer has no group_id.
        """
        raise NotImplementedError

    def commit_nowait(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata | int] | None = None
    ) -> Future[None]:
        """Commit without waiting; commits reach the coordinator in the order of the calls."""
        raise NotImplementedError

    def committed(
        self, partitions: Collection[TopicPartition], timeout: float | None = None
    ) -> dict[TopicPartition, OffsetAndMetadata | None]:
        """What the group committed last; None where nothing."""
        raise NotImplementedError

    def group_metadata(self) -> ConsumerGroupMetadata:
        """Who this consumer is in its group, for transactions."""
        raise NotImplementedError

    def enforce_rebalance(self) -> None:
        """Join the group again at the next poll (for assignors that want another round)."""
        raise NotImplementedError

    def close(self, timeout: float | None = None) -> None:
        """Commit if enable_auto_commit, leave the group, give up all resources.

        The listener's on_revoked is called first. A second call does nothing.
        """
        raise NotImplementedError

    def __enter__(self) -> Consumer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
