"""The producer's buffer against a plain model: any order of appends, seals and releases."""

from __future__ import annotations

from concurrent.futures import Future
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streamkit.log.client.accumulator import Accumulator, ProducerBatch
from streamkit.log.client.partitioner import partition_for_key
from streamkit.log.client.records import RecordMetadata
from streamkit.log.protocol.batch import decode_batch, read_header
from streamkit.log.protocol.compression import Compression
from streamkit.model import EMPTY_HEADERS, Headers

_PARTITIONS = 3
_BATCH_BYTES = 400

_headers = st.one_of(
    st.just(EMPTY_HEADERS),
    st.lists(
        st.tuples(st.text(max_size=3), st.one_of(st.none(), st.binary(max_size=9))), max_size=2
    ).map(tuple),
)


class AccumulatorMachine(RuleBasedStateMachine):
    """Records go in; what comes out by partition is what went in, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.notified = 0
        self.accumulator = Accumulator(
            batch_bytes=_BATCH_BYTES,
            max_record_bytes=10_000,
            max_buffer_bytes=1 << 40,
            max_block_ms=1,
            compression=Compression.NONE,
            compression_level=None,
            partitions_of=lambda _: _PARTITIONS,
            notify=self._notify,
            random=Random(0),
        )
        self.expected: dict[int, list[tuple[bytes | None, bytes | None]]] = {
            p: [] for p in range(_PARTITIONS)
        }
        self.found: dict[int, list[tuple[bytes | None, bytes | None]]] = {
            p: [] for p in range(_PARTITIONS)
        }
        self.futures: set[Future[RecordMetadata]] = set()
        self.found_futures: set[Future[RecordMetadata]] = set()
        self.last_number = 0
        self.released = 0

    def _notify(self) -> None:
        self.notified += 1

    @rule(
        key=st.one_of(st.none(), st.binary(max_size=12)),
        value=st.one_of(st.none(), st.binary(max_size=600)),
        partition=st.integers(0, _PARTITIONS - 1),
        headers=_headers,
        by_key=st.booleans(),
        shared=st.booleans(),
    )
    def append(
        self,
        key: bytes | None,
        value: bytes | None,
        partition: int,
        headers: Headers,
        by_key: bool,
        shared: bool,
    ) -> None:
        to = partition
        if by_key and key is not None:
            to, partition = -1, partition_for_key(key, _PARTITIONS)
        if shared:
            future: Future[RecordMetadata] = Future()
            self.futures.add(future)
            self.accumulator.append_shared("t", to, key, value, 7, headers, future)
        else:
            self.accumulator.append("t", to, key, value, 7, headers)
        self.expected[partition].append((key, value))

    @rule(ready=st.sets(st.integers(0, _PARTITIONS - 1)))
    def linger(self, ready: set[int]) -> None:
        assert self.accumulator.seal_lingering(float("inf"), lambda topic, p: p in ready) >= 0
        self.take()

    @rule()
    def flush(self) -> None:
        number = self.accumulator.seal_all()
        self.take()
        assert self.last_number <= number
        assert not self.accumulator.has_open()
        assert self.found == self.expected
        assert self.found_futures == self.futures
        assert self.accumulator.appended_bytes == self.accumulator.released_bytes

    @rule()
    def take(self) -> None:
        while self.accumulator.sealed:
            self._check(self.accumulator.sealed.popleft())

    def _check(self, batch: ProducerBatch) -> None:
        assert batch.number > self.last_number
        self.last_number = int(batch.number)
        assert batch.count == 1 or batch.size <= _BATCH_BYTES
        data = batch.builder.build()
        assert len(data) == batch.size
        columns = decode_batch(data, 0, read_header(data))
        self.found[int(batch.partition)] += zip(columns.keys, columns.values, strict=True)
        assert batch.plain == batch.count - len(batch.futures)
        self.found_futures |= {future for _, _, future in batch.futures}
        self.accumulator.release(int(batch.size))

    @invariant()
    def open_records_are_announced(self) -> None:
        """The network thread has been told of whatever waits."""
        if self.accumulator.sealed or self.accumulator.has_open():
            assert self.notified > 0


TestAccumulator = AccumulatorMachine.TestCase
TestAccumulator.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
