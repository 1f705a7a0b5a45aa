"""The producer's buffer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from random import Random

import pytest

from streamkit.errors import BrokerError, ClosedError, ConfigError
from streamkit.log.client.accumulator import Accumulator, ProducerBatch
from streamkit.log.client.partitioner import partition_for_key
from streamkit.log.client.records import RecordMetadata
from streamkit.log.protocol.batch import decode_batch, read_header
from streamkit.log.protocol.compression import Compression
from streamkit.model import EMPTY_HEADERS


class Signals:
    """Counts notifications."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def accumulator(
    *,
    batch_bytes: int = 1_000,
    max_record_bytes: int = 10_000,
    max_buffer_bytes: int = 1_000_000,
    max_block_ms: int = 50,
    notify: Callable[[], None] = lambda: None,
    partitions: int = 4,
    partitions_of: Callable[[str], int] | None = None,
) -> Accumulator:
    return Accumulator(
        batch_bytes=batch_bytes,
        max_record_bytes=max_record_bytes,
        max_buffer_bytes=max_buffer_bytes,
        max_block_ms=max_block_ms,
        compression=Compression.NONE,
        compression_level=None,
        partitions_of=partitions_of or (lambda _: partitions),
        notify=notify,
        random=Random(1),
    )


def append(
    made: Accumulator, value: bytes = b"v", *, key: bytes | None = None, to: int = 0
) -> None:
    made.append("t", to, key, value, 5, EMPTY_HEADERS)


def values(batch: ProducerBatch) -> list[bytes | None]:
    data = batch.builder.build()
    return decode_batch(data, 0, read_header(data)).values


def drained(made: Accumulator) -> list[ProducerBatch]:
    made.seal_all()
    found = list(made.sealed)
    made.sealed.clear()
    return found


def test_batch_is_sealed_before_it_grows_too_large() -> None:
    made = accumulator(batch_bytes=1_000)
    for i in range(30):
        append(made, b"%03d" % i + b"x" * 97)
    batches = drained(made)
    assert len(batches) > 3
    assert all(batch.size <= 1_000 for batch in batches)
    assert [v[:3] for b in batches for v in values(b) if v] == [b"%03d" % i for i in range(30)]
    assert [b.number for b in batches] == sorted(b.number for b in batches)


def test_record_larger_than_a_batch_goes_alone() -> None:
    made = accumulator(batch_bytes=100)
    append(made)
    append(made, b"x" * 5_000)
    append(made)
    assert [b.count for b in drained(made)] == [1, 1, 1]


def test_record_larger_than_the_limit_is_refused_and_leaves_no_trace() -> None:
    made = accumulator(max_record_bytes=1_000)
    with pytest.raises(BrokerError, match="1000"):
        append(made, b"x" * 1_001)
    assert not made.has_open()
    assert made.appended_bytes == 0


def test_key_chooses_the_partition() -> None:
    made = accumulator()
    for key in (b"a", b"b", b"c", b"d", b"e"):
        append(made, key, key=key, to=-1)
    for batch in drained(made):
        for value in values(batch):
            assert batch.partition == partition_for_key(value or b"", 4)


def test_records_without_a_key_stay_together_and_move_on() -> None:
    made = accumulator(batch_bytes=100_000)
    for _ in range(900):
        append(made, b"x" * 1_000, to=-1)
    counts = {int(b.partition): 0 for b in drained(made)}
    assert set(counts) == {0, 1, 2, 3}


def test_partition_out_of_range_is_refused() -> None:
    with pytest.raises(BrokerError, match="4 partitions"):
        append(accumulator(), to=4)


def test_network_thread_is_told_once_for_many_records() -> None:
    signals = Signals()
    made = accumulator(notify=signals, batch_bytes=100_000)
    for _ in range(100):
        append(made)
    assert signals.count == 1


def test_only_lingering_batches_of_ready_partitions_are_taken() -> None:
    made = accumulator()
    append(made, to=0)
    append(made, to=1)
    assert made.seal_lingering(0.0, lambda topic, partition: True) > 0
    assert not made.sealed
    assert made.seal_lingering(float("inf"), lambda topic, partition: partition == 1) == 0
    assert [b.partition for b in made.sealed] == [1]
    assert made.has_open()


def test_full_buffer_blocks_until_bytes_are_released() -> None:
    made = accumulator(max_buffer_bytes=500, batch_bytes=200, max_block_ms=10_000)
    while made.appended_bytes <= 500:
        append(made, b"x" * 50)
    size = made.appended_bytes
    timer = threading.Timer(0.05, lambda: made.release(size))
    timer.start()
    append(made, b"last")
    timer.join()
    assert made.appended_bytes - made.released_bytes < 200


def test_full_buffer_is_an_error_after_max_block_ms() -> None:
    made = accumulator(max_buffer_bytes=500, batch_bytes=200, max_block_ms=20)
    while made.appended_bytes <= 500:
        append(made, b"x" * 50)
    with pytest.raises(BrokerError, match="full"):
        append(made)


def test_bytes_are_counted_exactly() -> None:
    made = accumulator(batch_bytes=300)
    for i in range(50):
        append(made, b"x" * i, to=i % 4)
    batches = drained(made)
    assert sum(b.size for b in batches) == made.appended_bytes
    for batch in batches:
        assert batch.size == len(batch.builder.build())
        made.release(int(batch.size))
    assert made.appended_bytes == made.released_bytes


def test_failure_is_raised_once() -> None:
    made = accumulator()
    made.fail(ConfigError("first"))
    made.fail(ConfigError("second"))
    with pytest.raises(ConfigError, match="first"):
        append(made)
    append(made)


def test_futures_know_their_place_in_the_batch() -> None:
    made = accumulator()
    append(made)
    future: Future[RecordMetadata] = Future()
    made.append_shared("t", 0, None, b"v", 9, EMPTY_HEADERS, future)
    [batch] = drained(made)
    assert batch.futures == [(1, 9, future)]
    assert (batch.count, batch.plain) == (2, 1)


def test_closed_takes_nothing() -> None:
    made = accumulator()
    made.close()
    with pytest.raises(ClosedError):
        append(made)


def test_more_partitions_are_taken_up() -> None:
    made = accumulator()
    append(made, to=3)
    made.set_partitions("t", 6)
    made.set_partitions("t", 2)
    append(made, to=5)
    assert made.partition_count("t") == 6
    assert [b.partition for b in drained(made)] == [3, 5]


def test_appending_and_sealing_threads_lose_no_record() -> None:
    """The hand-over without a lock: one thread appends, one seals, two send."""
    made = accumulator(batch_bytes=500, max_buffer_bytes=1 << 30)
    done = threading.Event()
    found: list[ProducerBatch] = []

    def seal() -> None:
        while not done.is_set():
            made.seal_lingering(float("inf"), lambda topic, partition: True)
            while made.sealed:
                found.append(made.sealed.popleft())

    def send(name: bytes) -> None:
        for i in range(500):
            made.append_shared("t", 0, None, name + b"%d" % i, 1, EMPTY_HEADERS, Future())

    threads = [threading.Thread(target=seal)]
    threads += [threading.Thread(target=send, args=(name,)) for name in (b"x", b"y")]
    for thread in threads:
        thread.start()
    for i in range(5_000):
        append(made, b"a%d" % i)
    for thread in threads[1:]:
        thread.join()
    done.set()
    threads[0].join()
    found += drained(made)
    read = [v for b in sorted(found, key=lambda b: b.number) for v in values(b)]
    assert [v for v in read if v and v[:1] == b"a"] == [b"a%d" % i for i in range(5_000)]
    for name in (b"x", b"y"):
        assert [v for v in read if v and v[:1] == name] == [name + b"%d" % i for i in range(500)]


def test_batches_go_together_once_one_has_lingered() -> None:
    """One request for all partitions of a broker, as Apache Kafka's producer: later ones wait for less."""
    made = accumulator()
    append(made, to=0)
    between = time.monotonic()
    append(made, to=1)
    assert 0 < made.seal_lingering(between - 60, lambda topic, partition: True) <= between
    assert not made.sealed
    assert made.seal_lingering(between, lambda topic, partition: True) == 0
    assert [batch.partition for batch in made.sealed] == [0, 1]


def test_record_whose_call_began_before_close_is_refused() -> None:
    """It would be in a batch that nobody looks at any more: its future would never be done."""
    made: list[Accumulator] = []

    def close_meanwhile(topic: str) -> int:
        made[0].close()
        made[0].seal_all()
        return 1

    made.append(accumulator(partitions_of=close_meanwhile))
    future: Future[RecordMetadata] = Future()
    with pytest.raises(ClosedError):
        made[0].append_shared("t", 0, None, b"v", 5, EMPTY_HEADERS, future)
    assert not made[0].has_open()
