"""Producer: records in, record batches out, in order a partition.

Records are encoded into an open batch of their partition on the calling thread. The network
thread takes batches when they are full or have lingered, and only when the partition can send, so
that batches grow while the network is behind. With idempotence (the default) no retry
makes a duplicate or changes the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

from streamkit.log.client.network import NetworkThread
from streamkit.log.client.records import ConsumerGroupMetadata, OffsetAndMetadata, RecordMetadata
from streamkit.model import EMPTY_HEADERS, Headers, TopicPartition

__all__ = ["Producer"]


class Producer:
    """Writes records to topics. Thread-safe, but see `append`.

    Args:
        bootstrap: `host:port`, more of them separated by commas.
        network: the thread that does the work; None for the one that the process shares.
        client_id: the name that the broker's logs and quotas see.
        acks: "all" (or -1): every in-sync replica has the record; 1: the leader; 0: sent only.
        linger_ms: how long a batch waits for more records at most; a full one never waits.
        batch_bytes: a batch is closed at this size (before compression).
        compression: "none", "gzip", "snappy", "lz4" or "zstd".
        compression_level: None for the codec's default.
        idempotence: no duplicates by retries; needs acks="all".
        transactional_id: makes the producer transactional; see `init_transactions`.
        transaction_timeout_ms: the broker aborts a transaction that is open for longer.
        max_buffer_bytes: a bound on what is not acknowledged yet; calls block when it is reached.
        max_block_ms: for how long they (and the wait for a topic's metadata) block at most.
        delivery_timeout_ms: a record that is not acknowledged by then has failed.
        request_timeout_ms: how long one request may take before the connection is given up.
        max_request_bytes: bound on one produce request, and on one record.
        max_in_flight: unanswered produce requests a connection, 1 to 5.
        retry_backoff_ms: first pause before a retry; doubles, with jitter.
        auto_create_topics: let a metadata request create a missing topic, where the broker allows.

    Raises:
        ConfigError: an argument is out of range.

    Example:
        >>> from streamkit.testing import EmbeddedBroker
        >>> with EmbeddedBroker() as broker, Producer(broker.bootstrap, auto_create_topics=True) as p:
        ...     p.send("greetings", b"hello").result().offset
        0
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        network: NetworkThread | None = None,
        client_id: str = "streamkit-producer",
        acks: str | int = "all",
        linger_ms: int = 5,
        batch_bytes: int = 1_000_000,
        compression: str = "none",
        compression_level: int | None = None,
        idempotence: bool = True,
        transactional_id: str | None = None,
        transaction_timeout_ms: int = 60_000,
        max_buffer_bytes: int = 32 * 1024 * 1024,
        max_block_ms: int = 60_000,
        delivery_timeout_ms: int = 120_000,
        request_timeout_ms: int = 30_000,
        max_request_bytes: int = 8 * 1024 * 1024,
        max_in_flight: int = 5,
        retry_backoff_ms: int = 100,
        auto_create_topics: bool = False,
    ) -> None:
        raise NotImplementedError

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Headers = EMPTY_HEADERS,
    ) -> Future[RecordMetadata]:
        """Buffer one record, from any thread.

        Args:
            topic: where to.
            value: None for a tombstone.
            key: chooses the partition, by Java's murmur2; without one, batches go round.
            partition: None to let the key choose.
            timestamp_ms: milliseconds since the epoch; None for now.
            headers: name and value pairs.

        Returns:
            A future of the receipt; done once the broker acknowledged, or delivery failed for good.
            Its callbacks run on the network thread: they must be short.

        Raises:
            BrokerError: the topic or partition does not exist, the record is too large, or the
                producer is fenced.
            NotReachableError: no broker answers within max_block_ms.
            ClosedError: after close.
        """
        raise NotImplementedError

    def append(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Headers,
    ) -> None:
        """Buffer one record without a future: the hot path. One thread at a time.

        Partition -1: chosen by the key. A failed delivery is raised once, by the next append or
        flush. Blocks while the buffer is full.

        Raises:
            As `send`, and what an earlier record failed with.
        """
        raise NotImplementedError

    def flush(self, timeout: float | None = None) -> None:
        """Send all that was buffered before this call and wait until it is acknowledged.

        Args:
            timeout: seconds; None: as long as delivery takes (delivery_timeout_ms bounds it).

        Raises:
            StreamkitError: what the first record since the last flush failed with that has no
                future, or a timeout (BrokerError with REQUEST_TIMED_OUT).
        """
        raise NotImplementedError

    def flush_nowait(self) -> Future[None]:
        """Like `flush`, without waiting: done once all that was buffered before is acknowledged.

        Failures of records without a future go to this future.
        """
        raise NotImplementedError

    def partitions_for(self, topic: str) -> int:
        """How many partitions a topic has.

        Raises:
            BrokerError: it does not exist.
            NotReachableError: no broker answers within max_block_ms.
        """
        raise NotImplementedError

    @property
    def buffered_bytes(self) -> int:
        """Bytes of records that are not acknowledged yet."""
        raise NotImplementedError

    def close(self, timeout: float | None = None) -> None:
        """Flush, then give up all resources; a second call does nothing.

        Args:
            timeout: seconds for the flush; 0: drop what is not sent.
        """
        raise NotImplementedError

    def init_transactions(self) -> None:
        """Take over the transactional id: fences older producers and ends what they left open.

        Raises:
            BrokerError: the coordinator refuses.
        """
        raise NotImplementedError

    def begin_transaction(self) -> None:
        """Start a transaction; what is sent from now on belongs to it."""
        raise NotImplementedError

    def send_offsets_to_transaction(
        self,
        offsets: Mapping[TopicPartition, OffsetAndMetadata],
        group: ConsumerGroupMetadata,
    ) -> None:
        """Commit a group's offsets as part of the transaction.

        Raises:
            CommitFailedError: the group moved on without this member.
            FencedError: a newer producer has the transactional id.
        """
        raise NotImplementedError

    def commit_transaction(self) -> None:
        """Flush and commit; returns once the coordinator has the commit on disk.

        Raises:
            FencedError: a newer producer has the transactional id.
            StreamkitError: a record failed; the transaction has to be aborted.
        """
        raise NotImplementedError

    def abort_transaction(self) -> None:
        """Drop what is buffered and abort."""
        raise NotImplementedError

    def __enter__(self) -> Producer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
