"""Offsets of open transactions beside committed ones."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.log.broker.groups.offsets import OffsetStore, Origin
from streamkit.log.broker.groups.records import CommittedOffset, OffsetCommitRecord
from streamkit.model import TopicPartition

PARTITION = TopicPartition("t", 0)
FIRST, SECOND, ELSEWHERE = Origin(0, 1), Origin(0, 2), Origin(7, 1)


def record(offset: int | None, *, group_id: str = "g") -> OffsetCommitRecord:
    value = None if offset is None else CommittedOffset(offset, -1, "", 0)
    return OffsetCommitRecord(group_id, PARTITION, value)


def offset(store: OffsetStore, group_id: str = "g") -> int | None:
    found = store.of_group(group_id).get(PARTITION)
    return None if found is None else found.offset


def test_offset_of_a_transaction_counts_from_its_commit_on() -> None:
    store = OffsetStore()
    store.replay(record(1))
    store.replay(record(2), FIRST)
    assert (offset(store), store.is_unstable("g", PARTITION)) == (1, True)
    store.end(FIRST, committed=True)
    assert (offset(store), store.is_unstable("g", PARTITION)) == (2, False)


def test_offset_of_an_aborted_transaction_never_counts() -> None:
    store = OffsetStore()
    store.replay(record(2), FIRST)
    store.end(FIRST, committed=False)
    assert (offset(store), store.is_unstable("g", PARTITION)) == (None, False)


def test_commit_outside_that_came_after_it_wins_over_a_transaction() -> None:
    store = OffsetStore()
    store.replay(record(2), FIRST)
    store.replay(record(3))
    assert store.is_unstable("g", PARTITION)
    store.end(FIRST, committed=True)
    assert offset(store) == 3


def test_later_offset_of_two_transactions_wins_whichever_ends_first() -> None:
    for order in ((FIRST, SECOND), (SECOND, FIRST)):
        store = OffsetStore()
        store.replay(record(1), FIRST)
        store.replay(record(2), SECOND)
        for origin in order:
            store.end(origin, committed=True)
        assert offset(store) == 2


def test_marker_ends_the_transaction_of_its_own_partition_alone() -> None:
    store = OffsetStore()
    store.replay(record(2), FIRST)
    store.replay(record(5, group_id="elsewhere"), ELSEWHERE)
    store.end(FIRST, committed=True)
    assert (offset(store), offset(store, "elsewhere")) == (2, None)
    store.end(ELSEWHERE, committed=True)
    assert offset(store, "elsewhere") == 5


def test_tombstone_takes_pending_offsets_along() -> None:
    store = OffsetStore()
    store.replay(record(2), FIRST)
    store.replay(record(None))
    store.end(FIRST, committed=True)
    assert offset(store) is None
    assert list(store.of_topic("t")) == []


def test_offsets_of_a_topic_are_told_once_pending_or_not() -> None:
    store = OffsetStore()
    store.replay(record(1))
    store.replay(record(2), FIRST)
    store.replay(record(3, group_id="pending"), SECOND)
    assert list(store.of_topic("t")) == [("g", PARTITION), ("pending", PARTITION)]


EVENTS = st.one_of(
    st.tuples(st.just("commit"), st.integers(0, 9), st.none()),
    st.tuples(st.just("commit"), st.integers(0, 9), st.sampled_from([FIRST, SECOND])),
    st.tuples(st.just("end"), st.booleans(), st.sampled_from([FIRST, SECOND])),
    st.tuples(st.just("commit"), st.none(), st.none()),
)


@settings(max_examples=400)
@given(st.lists(EVENTS, max_size=20))
def test_latest_record_that_counts_wins(
    events: list[tuple[str, int | None, Origin | None]],
) -> None:
    """As Apache Kafka has it: by the place of the records in the log, whenever the marker comes."""
    store = OffsetStore()
    found: tuple[int, int | None] = (-1, None)
    pending: dict[Origin, tuple[int, int]] = {}
    for place, (kind, value, origin) in enumerate(events):
        if kind == "end":
            assert origin is not None
            store.end(origin, committed=bool(value))
            ended = pending.pop(origin, None)
            if value and ended is not None:
                found = max(found, ended)
        elif value is None:
            store.replay(record(None))
            found, pending = (-1, None), {}
        elif origin is None:
            store.replay(record(value))
            found = (place, value)
        else:
            store.replay(record(value), origin)
            pending[origin] = (place, value)
        assert offset(store) == found[1]
        assert store.is_unstable("g", PARTITION) == bool(pending)
