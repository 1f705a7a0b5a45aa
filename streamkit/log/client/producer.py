"""Producer: records in, record batches out, in order a partition.

Records are encoded into an open batch of their partition on the calling thread. The network
thread takes batches when they are full or have lingered, and only when the partition can send, so
that batches grow while the network is behind. With idempotence (the default) no retry
makes a duplicate or changes the order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from concurrent.futures import Future

from streamkit.clock import Clock, SystemClock
from streamkit.errors import BrokerError, ClosedError, ConfigError, StreamkitError
from streamkit.log.client.accumulator import Accumulator
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.network import NetworkThread
from streamkit.log.client.records import ConsumerGroupMetadata, OffsetAndMetadata, RecordMetadata
from streamkit.log.client.sender import Sender, SenderSettings
from streamkit.log.client.settings import ClientSettings, parse_bootstrap, require_range
from streamkit.log.client.transactions import Transactions
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.compression import Compression
from streamkit.model import EMPTY_HEADERS, Headers, TopicPartition

__all__ = ["Producer"]

_CLOSE_AFTER_FAILURE_SECONDS = 5.0


class Producer:
    """Writes records to topics. Thread-safe, but see `append`.

    Attributes:
        append: the hot path, a function `(topic, partition, key, value, timestamp, headers) -> None`
            that buffers one record without a future; for one thread at a time. Partition -1 is chosen by the
            key. Blocks while the buffer is full. Raises as `send`; a failed delivery is raised
            once, by the next append or flush.

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
        clock: gives the timestamps of records without one.

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
        clock: Clock | None = None,
    ) -> None:
        settings = ClientSettings(
            parse_bootstrap(bootstrap),
            client_id,
            request_timeout_ms=request_timeout_ms,
            api_timeout_ms=max_block_ms,
            retry_backoff_ms=retry_backoff_ms,
        )
        require_range("linger_ms", linger_ms, 0)
        require_range("batch_bytes", batch_bytes, 1)
        require_range("max_buffer_bytes", max_buffer_bytes, 1)
        require_range("delivery_timeout_ms", delivery_timeout_ms, 1)
        require_range("max_request_bytes", max_request_bytes, 1)
        require_range("max_in_flight", max_in_flight, 1, 5)
        acks_code = _acks(acks)
        if transactional_id is not None:
            idempotence = True
        if idempotence and acks_code != -1:
            raise ConfigError(f'idempotence needs acks="all", not {acks!r}; or idempotence=False')
        kind = _compression(compression)
        self._network = network or NetworkThread.shared()
        self._clock = clock or SystemClock()
        self._settings = settings
        self._cluster = ClusterClient(settings)
        self._max_block_ms = max_block_ms
        self._create = auto_create_topics
        self._sender = Sender(
            self._network,
            self._cluster,
            SenderSettings(
                acks=acks_code,
                linger_ms=linger_ms,
                idempotence=idempotence,
                transactional_id=transactional_id,
                delivery_timeout_ms=delivery_timeout_ms,
                max_request_bytes=max_request_bytes,
                max_in_flight=max_in_flight,
                compression=kind,
                compression_level=compression_level,
            ),
        )
        self._accumulator = Accumulator(
            batch_bytes=batch_bytes,
            max_record_bytes=max_request_bytes,
            max_buffer_bytes=max_buffer_bytes,
            max_block_ms=max_block_ms,
            compression=kind,
            compression_level=compression_level,
            partitions_of=self._ask_partitions,
            notify=self._sender.notify,
            random=settings.random,
        )
        self._sender.accumulator = self._accumulator
        # The hot path: the accumulator's own method, no call in between.
        self.append = self._accumulator.append
        self._transactions: Transactions | None = None
        if transactional_id is not None:
            self._transactions = Transactions(
                transactional_id, transaction_timeout_ms, self._cluster, self._sender
            )
        self._closed = False

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
        future: Future[RecordMetadata] = Future()
        self._accumulator.append_shared(
            topic,
            -1 if partition is None else partition,
            key,
            value,
            self._clock.now_ms() if timestamp_ms is None else timestamp_ms,
            headers,
            future,
        )
        return future

    def flush(self, timeout: float | None = None) -> None:
        """Send all that was buffered before this call and wait until it is acknowledged.

        Args:
            timeout: seconds; None: as long as delivery takes (delivery_timeout_ms bounds it).

        Raises:
            StreamkitError: what the first record since the last flush failed with that has no
                future, or a timeout (BrokerError with REQUEST_TIMED_OUT).
        """
        self._wait(self.flush_nowait(), timeout)

    def flush_nowait(self) -> Future[None]:
        """Like `flush`, without waiting: done once all that was buffered before is acknowledged.

        Failures of records without a future go to this future.
        """
        return self._network.submit(self._flush(self._accumulator.seal_all()))

    def partitions_for(self, topic: str) -> int:
        """How many partitions a topic has.

        Raises:
            BrokerError: it does not exist.
            NotReachableError: no broker answers within max_block_ms.
        """
        return self._accumulator.partition_count(topic)

    @property
    def buffered_bytes(self) -> int:
        """Bytes of records that are not acknowledged yet."""
        return int(self._accumulator.appended_bytes - self._accumulator.released_bytes)

    def close(self, timeout: float | None = None) -> None:
        """Flush, then give up all resources; a second call does nothing.

        A transaction that is open is aborted, so that readers of committed records need not wait for it.

        Args:
            timeout: seconds for the flush and an abort; 0: drop what is not sent, and abort nothing.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if timeout != 0:
                if self._transactions is not None and self._transactions.is_open:
                    # If it can't be aborted, the coordinator does it after its timeout.
                    with contextlib.suppress(StreamkitError):
                        self._abort(self._transactions, timeout)
                self.flush(timeout)
        finally:
            self._accumulator.close()
            self._accumulator.seal_all()  # so that no future is forgotten
            self._network.run(self._shut())

    def init_transactions(self) -> None:
        """Take over the transactional id: fences older producers and ends what they left open.

        Raises:
            BrokerError: the coordinator refuses.
        """
        self._wait(self._network.submit(self._transactional().init()), None)

    def begin_transaction(self) -> None:
        """Start a transaction; what is sent from now on belongs to it."""
        self._transactional().begin()

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
        transactions = self._transactional()
        self._wait(self._network.submit(transactions.send_offsets(dict(offsets), group)), None)

    def commit_transaction(self) -> None:
        """Flush and commit; returns once the coordinator has the commit on disk.

        Raises:
            FencedError: a newer producer has the transactional id.
            StreamkitError: a record failed; the transaction has to be aborted.
        """
        transactions = self._transactional()
        transactions.check_open()
        self.flush()
        self._wait(self._network.submit(transactions.end(committed=True)), None)

    def abort_transaction(self) -> None:
        """Drop what is buffered and abort."""
        self._abort(self._transactional(), None)

    def __enter__(self) -> Producer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            self.close()
            return
        # What went wrong in the block is the news: not what could not be sent any more.
        with contextlib.suppress(StreamkitError):
            self.close(_CLOSE_AFTER_FAILURE_SECONDS)

    def _abort(self, transactions: Transactions, timeout: float | None) -> None:
        self._accumulator.seal_all()
        self._wait(self._network.submit(transactions.abort()), timeout)
        # What failed because of the abort is no news.
        self._accumulator.take_failure()

    async def _flush(self, number: int) -> None:
        await self._sender.flush(number)
        failure = self._accumulator.take_failure()
        if failure is not None:
            raise failure

    async def _shut(self) -> None:
        await self._sender.close()
        await self._cluster.close()

    def _wait(self, future: Future[None], timeout: float | None) -> None:
        try:
            self._network.wait(future, timeout)
        except TimeoutError:
            raise BrokerError(
                f"records are not acknowledged after {timeout} s",
                code=ErrorCode.REQUEST_TIMED_OUT,
                retriable=True,
            ) from None

    def _ask_partitions(self, topic: str) -> int:
        if self._closed:
            raise ClosedError("the producer was closed")
        return self._network.run(self._partitions(topic))

    async def _partitions(self, topic: str) -> int:
        deadline = self._cluster.deadline(self._max_block_ms / 1000)
        info = await self._cluster.topic(topic, deadline=deadline, create=self._create)
        return len(info.partitions)

    def _transactional(self) -> Transactions:
        if self._transactions is None:
            raise ConfigError("transactions need a producer with a transactional_id")
        return self._transactions


def _acks(acks: str | int) -> int:
    codes = {"all": -1, "-1": -1, "1": 1, "0": 0}
    code = codes.get(str(acks))
    if code is None:
        raise ConfigError(f'acks is {acks!r}: it has to be "all", 1 or 0')
    return code


def _compression(name: str) -> Compression:
    try:
        return Compression[name.upper()]
    except KeyError:
        known = ", ".join(kind.name.lower() for kind in Compression)
        raise ConfigError(f"compression is {name!r}: it has to be one of {known}") from None
