"""Which records a poll returns, and in which order."""

from __future__ import annotations

from streamkit.log.client.fetch_state import Chunk, FetchState
from streamkit.log.client.polling import Polling
from streamkit.log.protocol.batch import BatchBuilder, batches
from streamkit.model import TopicPartition

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


def arrive(shared: FetchState, tp: TopicPartition, base_offset: int, values: list[bytes]) -> None:
    builder = BatchBuilder()
    for value in values:
        builder.append(100, None, value)
    data = builder.build(base_offset=base_offset)
    state = shared.partitions[tp]
    if state.position < 0:
        state.position = base_offset
    with shared.condition:
        shared.arrived(Chunk(state, state.epoch, data, batches(data), 1_000, []))


def polling(shared: FetchState, max_poll_records: int) -> Polling:
    return Polling(
        shared,
        fetch_more=lambda: None,
        before_poll=lambda: None,
        interrupts=lambda: False,
        max_poll_records=max_poll_records,
        check_crcs=True,
    )


def polled(polls: Polling) -> list[bytes | None]:
    return [record.value for record in polls.records(0)]


def test_paused_rest_of_a_batch_holds_up_no_other_partition() -> None:
    shared = FetchState()
    shared.assign([A, B])
    arrive(shared, A, 0, [b"a0", b"a1", b"a2"])
    polls = polling(shared, 1)
    assert polled(polls) == [b"a0"]
    shared.partitions[A].paused = True
    arrive(shared, B, 0, [b"b0", b"b1"])
    assert [polled(polls), polled(polls), polled(polls)] == [[b"b0"], [b"b1"], []]
    shared.partitions[A].paused = False
    assert [polled(polls), polled(polls)] == [[b"a1"], [b"a2"]]


def test_batches_begin_with_what_a_poll_of_records_left() -> None:
    shared = FetchState()
    shared.assign([A, B])
    arrive(shared, A, 0, [b"a0", b"a1", b"a2"])
    arrive(shared, A, 3, [b"a3"])
    polls = polling(shared, 1)
    assert polled(polls) == [b"a0"]
    taken = [batch.columns.values for _ in range(2) for batch in polls.batches(0, 1)]
    assert taken == [[b"a1", b"a2"], [b"a3"]]
    assert shared.partitions[A].position == 4
