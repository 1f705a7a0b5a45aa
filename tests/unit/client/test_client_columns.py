"""Which of the fetched records reach the caller."""

from __future__ import annotations

import pytest

from streamkit.errors import CorruptRecordError
from streamkit.log.client.columns import split_batch, take_batch, to_records
from streamkit.log.client.fetch_state import Chunk, FetchState
from streamkit.log.client.records import FetchedBatch
from streamkit.log.protocol.batch import BatchBuilder, ControlKind, batches, control_batch
from streamkit.model import Headers, TopicPartition

TP = TopicPartition("t", 0)


def records(
    base_offset: int, values: list[bytes], *, producer_id: int = -1, headers: Headers = ()
) -> bytes:
    builder = BatchBuilder()
    for i, value in enumerate(values):
        builder.append(100 + i, b"k", value, headers if i == 1 else ())
    transactional = producer_id >= 0
    return builder.build(
        base_offset=base_offset,
        producer_id=producer_id,
        producer_epoch=0 if transactional else -1,
        base_sequence=0 if transactional else -1,
        transactional=transactional,
    )


def chunk(*data: bytes, position: int = 0, aborted: list[tuple[int, int]] | None = None) -> Chunk:
    shared = FetchState()
    shared.assign([TP])
    state = shared.partitions[TP]
    state.position = position
    joined = b"".join(data)
    return Chunk(state, state.epoch, joined, batches(joined), 1_000, aborted or [])


def taken(made: Chunk) -> list[list[bytes | None]]:
    found = []
    while made.next < len(made.entries):
        batch = take_batch(made, check_crcs=True)
        if batch is not None:
            found.append(batch.columns.values)
    return found


def test_records_before_the_position_are_cut_off() -> None:
    made = chunk(records(5, [b"a", b"b", b"c"]), position=6)
    batch = take_batch(made, check_crcs=True)
    assert batch is not None
    assert (batch.columns.offsets, batch.columns.values) == ([6, 7], [b"b", b"c"])
    assert (batch.next_offset, batch.high_watermark) == (8, 1_000)


def test_batch_wholly_before_the_position_is_passed_over() -> None:
    """After compaction the offsets of a batch may end before its header says so."""
    made = chunk(records(5, [b"a", b"b"]), position=7)
    assert take_batch(made, check_crcs=True) is None
    assert made.next == 1


def test_control_batches_and_aborted_records_are_left_out() -> None:
    abort = control_batch(
        ControlKind.ABORT, producer_id=1, producer_epoch=0, timestamp=0, base_offset=4
    )
    commit = control_batch(
        ControlKind.COMMIT, producer_id=2, producer_epoch=0, timestamp=0, base_offset=6
    )
    made = chunk(
        records(0, [b"plain"]),
        records(1, [b"lost"], producer_id=1),
        records(2, [b"kept"], producer_id=2),
        records(3, [b"lost"], producer_id=1),
        abort,
        records(5, [b"again"], producer_id=1),
        commit,
        aborted=[(1, 1)],
    )
    assert taken(made) == [[b"plain"], [b"kept"], [b"again"]]


def test_damaged_batch_is_refused_and_stays() -> None:
    data = bytearray(records(5, [b"a", b"b"]))
    data[-2] ^= 1
    made = chunk(bytes(data))
    for _ in range(2):
        with pytest.raises(CorruptRecordError, match=r"t-0.*offset 5.*seek to 7") as caught:
            take_batch(made, check_crcs=True)
        assert caught.value.topic_partition == TP


def test_batches_are_split_and_turned_into_records() -> None:
    made = chunk(records(0, [b"a", b"b", b"c"], headers=(("h", b"1"),)))
    batch = take_batch(made, check_crcs=False)
    assert isinstance(batch, FetchedBatch)
    first, rest = split_batch(batch, 2)
    assert rest is not None
    assert (first.next_offset, rest.next_offset) == (2, 3)
    assert [(r.offset, r.value, r.timestamp_ms, r.headers) for r in to_records(first)] == [
        (0, b"a", 100, ()),
        (1, b"b", 101, (("h", b"1"),)),
    ]
    assert split_batch(rest, 1) == (rest, None)


def test_seek_drops_what_was_fetched_before_it() -> None:
    state = FetchState()
    other = TopicPartition("t", 1)
    state.assign([TP, other])
    data = records(0, [b"a"])
    for tp in (TP, other):
        partition = state.partitions[tp]
        with state.condition:
            state.arrived(Chunk(partition, partition.epoch, data, batches(data), 1, []))
    assert state.buffered == 2 * len(data)
    epoch = state.partitions[TP].epoch
    state.seek(TP, offset=7)
    assert state.partitions[TP].epoch != epoch
    assert state.partitions[TP].position == 7
    chunk_left = state.next_chunk()
    assert chunk_left is not None
    assert chunk_left.state.topic_partition == other
    state.finish(chunk_left)
    assert state.buffered == 0
    assert state.next_chunk() is None


def test_partitions_take_turns_and_paused_ones_wait() -> None:
    state = FetchState()
    tps = [TopicPartition("t", p) for p in range(3)]
    state.assign(tps)
    data = records(0, [b"a"])
    for tp in tps:
        for _ in range(2):
            partition = state.partitions[tp]
            with state.condition:
                state.arrived(Chunk(partition, partition.epoch, data, batches(data), 1, []))
    state.partitions[tps[1]].paused = True
    order = []
    while (made := state.next_chunk()) is not None:
        order.append(made.state.topic_partition.partition)
        state.finish(made)
    assert sorted(order) == [0, 0, 2, 2]
    assert order[:2] in ([0, 2], [2, 0])
    state.partitions[tps[1]].paused = False
    assert state.next_chunk() is not None
