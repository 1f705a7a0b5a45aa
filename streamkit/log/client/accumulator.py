"""The producer's buffer: records go into the open batch of their partition, whole batches come out.

Compiled: `append` runs once a record on the processing thread.

Two threads meet here. One thread at a time appends; the network thread takes sealed batches from a
deque, and open ones when they have lingered. The appending thread takes no lock: it raises
`_appending`, then looks at `_wanted`; whoever else wants the open batches holds `_mutex`, raises
`_wanted`, then looks at `_appending`. The GIL orders the four steps, so at least one of the two sees
the other: the appender then waits for the mutex, the network thread comes back later. Other
threads (`append_shared`) take the mutex and wait for the appender to be out, which is never long:
it leaves before it blocks.

Byte counts have one writer each: who appends counts up `appended_bytes`, the network thread
`released_bytes`; the difference is what is in memory.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from random import Random
from typing import Final

from mypy_extensions import i64

from streamkit.errors import BrokerError, ClosedError, StreamkitError
from streamkit.log.client.partitioner import partition_for_key
from streamkit.log.client.records import RecordMetadata
from streamkit.log.protocol.batch import BatchBuilder
from streamkit.log.protocol.compression import Compression
from streamkit.model import Headers

__all__ = ["Accumulator", "ProducerBatch"]

_RECORD_OVERHEAD: Final = 24
"""More than the varints of a record take; used to close a batch before it grows too large."""

_STICKY_BYTES: Final = 16_384
"""Records without a key stay with a partition for so many bytes, as Java's uniform sticky ones do."""

_SPAN: Final = 1 << 20

_MESSAGE_TOO_LARGE: Final = 10
_UNKNOWN_TOPIC_OR_PARTITION: Final = 3
_REQUEST_TIMED_OUT: Final = 7


class ProducerBatch:
    """A batch on its way: filled by one thread, then sealed and owned by the network thread.

    Attributes:
        number: order of sealing over all partitions; -1 while open. Numbers are `span` apart, so
            that the parts of a batch that had to be split find their place.
        builder: the records; built anew for each try, since only retries need that.
        count: records.
        size: bytes before compression, as counted against the buffer.
        created: time.monotonic() of its first record.
        futures: index, timestamp and future of the records that have one.
        plain: how many records have no future: their failure is the producer's.
        producer_id, producer_epoch, base_sequence: given before the first try; -1 without.
        tries: how often it was sent.
    """

    __slots__ = (
        "base_sequence",
        "builder",
        "count",
        "created",
        "futures",
        "number",
        "partition",
        "plain",
        "producer_epoch",
        "producer_id",
        "size",
        "span",
        "topic",
        "tries",
    )

    def __init__(self, topic: str, partition: i64, builder: BatchBuilder, created: float) -> None:
        self.topic = topic
        self.partition = partition
        self.builder = builder
        self.created = created
        self.number: i64 = -1
        self.span: i64 = _SPAN
        self.count: i64 = 0
        self.size: i64 = 0
        self.futures: list[tuple[int, int, Future[RecordMetadata]]] = []
        self.plain: i64 = 0
        self.producer_id: i64 = -1
        self.producer_epoch: i64 = -1
        self.base_sequence: i64 = -1
        self.tries: i64 = 0


class _Queue:
    """One partition: its open batch, if any."""

    __slots__ = ("batch", "builder", "partition", "topic")

    def __init__(self, topic: str, partition: i64) -> None:
        self.topic = topic
        self.partition = partition
        self.batch: ProducerBatch | None = None
        self.builder: BatchBuilder | None = None


class _Topic:
    """The partitions of a topic, and which one takes records without a key now."""

    __slots__ = ("count", "queues", "sticky", "sticky_bytes")

    def __init__(self, queues: list[_Queue], sticky: i64) -> None:
        self.queues = queues
        self.count: i64 = len(queues)
        self.sticky = sticky
        self.sticky_bytes: i64 = 0


class Accumulator:
    """Open batches by partition, bounded in bytes.

    Args:
        batch_bytes: a batch is sealed at this size.
        max_record_bytes: a larger record is refused.
        max_buffer_bytes: appending blocks above it,
        max_block_ms: for no longer than this.
        compression, compression_level: of the batches.
        partitions_of: asked for a topic's partition count when it is first used; may block.
        notify: called when the network thread has something to do; from any thread.
        random: chooses partitions for records without a key.
    """

    def __init__(
        self,
        *,
        batch_bytes: int,
        max_record_bytes: int,
        max_buffer_bytes: int,
        max_block_ms: int,
        compression: Compression,
        compression_level: int | None,
        partitions_of: Callable[[str], int],
        notify: Callable[[], None],
        random: Random,
    ) -> None:
        self.appended_bytes: i64 = 0
        self.released_bytes: i64 = 0
        self.sealed: deque[ProducerBatch] = deque()
        self.last_number: i64 = 0
        self.timer_armed = False
        self._batch_bytes: i64 = batch_bytes
        self._max_record_bytes: i64 = max_record_bytes
        self._max_buffer_bytes: i64 = max_buffer_bytes
        self._max_block_ms = max_block_ms
        self._compression = compression
        self._level = compression_level
        self._partitions_of = partitions_of
        self._notify = notify
        self._random = random
        self._topics: dict[str, _Topic] = {}
        self._open: dict[_Queue, None] = {}
        self._failure: StreamkitError | None = None
        self._closed = False
        self._stopped = False  # _failure is set, or closed: one look a record
        self._appending = False
        self._wanted = False
        self._mutex = threading.Lock()
        self._space = threading.Condition()
        self._waiting: i64 = 0

    # The appending thread

    def append(
        self,
        topic: str,
        partition: i64,
        key: bytes | None,
        value: bytes | None,
        timestamp: i64,
        headers: Headers,
    ) -> None:
        """Buffer a record; one thread at a time.

        Raises:
            StreamkitError: what an earlier record failed with, or why this one can't be taken.
        """
        if self._stopped:
            self._raise()
        if self.appended_bytes - self.released_bytes > self._max_buffer_bytes:
            self._wait_for_space()
        queue = self._queue_of(topic, partition, key, value)
        try:
            # Within the try: an interrupt between here and there would shut all others out.
            self._appending = True
            if self._wanted:
                self._appending = False
                with self._mutex:
                    self._put(queue, key, value, timestamp, headers, None)
            else:
                self._put(queue, key, value, timestamp, headers, None)
        finally:
            self._appending = False

    def append_shared(
        self,
        topic: str,
        partition: i64,
        key: bytes | None,
        value: bytes | None,
        timestamp: i64,
        headers: Headers,
        future: Future[RecordMetadata],
    ) -> None:
        """Buffer a record with a future, from any thread; raises as `append`."""
        if self._closed:
            self._raise()
        if self.appended_bytes - self.released_bytes > self._max_buffer_bytes:
            self._wait_for_space()
        queue = self._queue_of(topic, partition, key, value)
        self._enter()
        try:
            if self._closed:
                # While this call waited: nobody would ever look at the record, and its future.
                raise ClosedError("the producer was closed")
            self._put(queue, key, value, timestamp, headers, future)
        finally:
            self._leave()

    def seal_all(self) -> int:
        """Seal every open batch; returns the last number of a batch sealed so far, or of its parts."""
        self._enter()
        try:
            for queue in list(self._open):
                self._seal(queue)
            number = self.last_number + _SPAN - 1
        finally:
            self._leave()
        return int(number)

    def take_failure(self) -> StreamkitError | None:
        """What the first record without a future failed with since the last call, if any."""
        with self._mutex:
            failure, self._failure = self._failure, None
            self._stopped = self._closed
        return failure

    def partition_count(self, topic: str) -> int:
        """How many partitions a topic has; may block for the answer."""
        return int(self._topic_of(topic).count)

    def _raise(self) -> None:
        failure = self.take_failure()
        if failure is not None:
            raise failure
        if self._closed:
            raise ClosedError("the producer was closed")

    def _wait_for_space(self) -> None:
        self._notify()
        deadline = time.monotonic() + self._max_block_ms / 1000
        with self._space:
            self._waiting += 1
            try:
                while self.appended_bytes - self.released_bytes > self._max_buffer_bytes:
                    rest = deadline - time.monotonic()
                    if self._closed:
                        raise ClosedError("the producer was closed")
                    if rest <= 0:
                        raise BrokerError(
                            f"the producer's buffer of {self._max_buffer_bytes} bytes has been full "
                            f"for {self._max_block_ms} ms: the brokers take records too slowly",
                            code=_REQUEST_TIMED_OUT,
                            retriable=True,
                        )
                    # In slices: a wake-up that is missed costs a slice, not the deadline.
                    self._space.wait(min(rest, 0.1))
            finally:
                self._waiting -= 1

    def _topic_of(self, topic: str) -> _Topic:
        found = self._topics.get(topic)
        if found is None:
            count = self._partitions_of(topic)
            self.set_partitions(topic, count)
            found = self._topics[topic]
        return found

    def _queue_of(
        self, topic: str, partition: i64, key: bytes | None, value: bytes | None
    ) -> _Queue:
        found = self._topic_of(topic)
        if partition < 0:
            if key is not None:
                partition = partition_for_key(key, found.count)
            else:
                partition = self._sticky(found, value)
        elif partition >= found.count:
            raise BrokerError(
                f"topic {topic} has {found.count} partitions, none with number {partition}",
                code=_UNKNOWN_TOPIC_OR_PARTITION,
                topic_partition=(topic, int(partition)),
            )
        return found.queues[partition]

    def _sticky(self, topic: _Topic, value: bytes | None) -> i64:
        if topic.sticky_bytes >= _STICKY_BYTES:
            topic.sticky_bytes = 0
            topic.sticky = self._random.randrange(int(topic.count))
        topic.sticky_bytes += _RECORD_OVERHEAD + (0 if value is None else len(value))
        return topic.sticky

    def _put(
        self,
        queue: _Queue,
        key: bytes | None,
        value: bytes | None,
        timestamp: i64,
        headers: Headers,
        future: Future[RecordMetadata] | None,
    ) -> None:
        """Encode into the open batch. The caller has excluded all others."""
        need: i64 = _RECORD_OVERHEAD
        if key is not None:
            need += len(key)
        if value is not None:
            need += len(value)
        if headers:
            need += _headers_size(headers)
        builder = queue.builder
        if builder is not None and builder.size + need > self._batch_bytes:
            self._seal(queue)
            builder = None
        if builder is None:
            if need > self._max_record_bytes:
                raise BrokerError(
                    f"a record of {need} bytes for topic {queue.topic} is larger than "
                    f"max_request_bytes ({self._max_record_bytes})",
                    code=_MESSAGE_TOO_LARGE,
                    topic_partition=(queue.topic, int(queue.partition)),
                )
            builder = self._start(queue)
        before: i64 = builder.size
        builder.append(timestamp, key, value, headers)
        size: i64 = builder.size
        self.appended_bytes += size - before
        if future is not None:
            batch = queue.batch
            assert batch is not None
            batch.futures.append((builder.count - 1, int(timestamp), future))
        if size >= self._batch_bytes:
            self._seal(queue)

    def _start(self, queue: _Queue) -> BatchBuilder:
        builder = BatchBuilder(
            self._compression, level=self._level, max_bytes=int(self._max_record_bytes)
        )
        queue.builder = builder
        queue.batch = ProducerBatch(queue.topic, queue.partition, builder, time.monotonic())
        self.appended_bytes += builder.size
        self._open[queue] = None
        if not self.timer_armed:
            # Once for many batches: the network thread lowers it when it has looked.
            self.timer_armed = True
            self._notify()
        return builder

    def _seal(self, queue: _Queue) -> None:
        batch, builder = queue.batch, queue.builder
        assert batch is not None
        assert builder is not None
        queue.batch = None
        queue.builder = None
        del self._open[queue]
        if builder.count == 0:
            # Its only record could not be encoded: sent, it would be refused with all batches beside it.
            self.appended_bytes -= builder.size
            return
        self.last_number += _SPAN
        batch.number = self.last_number
        batch.count = builder.count
        batch.size = builder.size
        batch.plain = batch.count - len(batch.futures)
        self.sealed.append(batch)
        self._notify()

    # Exclusion

    def _enter(self) -> None:
        self._mutex.acquire()
        self._wanted = True
        while self._appending:
            time.sleep(0)

    def _try_enter(self) -> bool:
        if not self._mutex.acquire(False):
            return False
        self._wanted = True
        if self._appending:
            self._leave()
            return False
        return True

    def _leave(self) -> None:
        self._wanted = False
        self._mutex.release()

    # The network thread

    def seal_lingering(self, before: float, ready: Callable[[str, int], bool]) -> float:
        """Once an open batch was opened at or before a time, seal it and all others that could go with it.

        Args:
            before: as time.monotonic().
            ready: whether a partition could send now; others go on filling.

        Returns:
            when the oldest batch that stays open was opened; 0 if none does; -1 if the batches are in use: to
            be tried again in a moment.
        """
        if not self._try_enter():
            return -1.0
        oldest = 0.0
        try:
            due = False
            for queue in list(self._open):
                batch = queue.batch
                assert batch is not None
                if batch.created <= before:
                    due = True
            for queue in list(self._open):
                batch = queue.batch
                assert batch is not None
                if due and ready(queue.topic, int(queue.partition)):
                    self._seal(queue)
                elif batch.created > before and (oldest == 0.0 or batch.created < oldest):
                    oldest = batch.created
        finally:
            self._leave()
        return oldest

    def has_open(self) -> bool:
        """Whether any record is in an open batch."""
        return len(self._open) > 0

    def set_partitions(self, topic: str, count: int) -> None:
        """Tell how many partitions a topic has; they only grow."""
        with self._mutex:
            known = self._topics.get(topic)
            queues: list[_Queue] = [] if known is None else list(known.queues)
            if known is not None and len(queues) >= count:
                return
            queues.extend([_Queue(topic, partition) for partition in range(len(queues), count)])
            # Replaced as a whole: the appending thread reads without a lock.
            self._topics[topic] = _Topic(queues, self._random.randrange(count))

    def release(self, size: int) -> None:
        """Give back the bytes of a batch that is done with."""
        self.released_bytes += size
        if self._waiting:
            with self._space:
                self._space.notify_all()

    def fail(self, failure: StreamkitError) -> None:
        """Remember why a record without a future was not delivered; the first counts."""
        with self._mutex:
            if self._failure is None:
                self._failure = failure
            self._stopped = True

    def close(self) -> None:
        """Take no more records; who waits for space is turned away."""
        with self._mutex:
            self._closed = True
            self._stopped = True
        with self._space:
            self._space.notify_all()


def _headers_size(headers: Headers) -> i64:
    size: i64 = 0
    for name, value in headers:
        size += 4 * len(name) + 10 + (0 if value is None else len(value))
    return size
