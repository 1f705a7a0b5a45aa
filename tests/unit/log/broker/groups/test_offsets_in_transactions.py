"""Offsets of open transactions: kept aside, and taken over in the order of the log."""

from __future__ import annotations

from streamkit.log.broker.groups.offsets import OffsetStore, Origin
from streamkit.log.broker.groups.records import CommittedOffset, OffsetCommitRecord
from streamkit.model import TopicPartition

TP = TopicPartition("t", 0)
ONE, OTHER, ELSEWHERE = Origin(0, 1), Origin(0, 2), Origin(1, 1)


def commit(offset: int, group: str = "g") -> OffsetCommitRecord:
    value = CommittedOffset(offset=offset, leader_epoch=-1, metadata="", commit_timestamp_ms=0)
    return OffsetCommitRecord(group, TP, value)


def tombstone() -> OffsetCommitRecord:
    return OffsetCommitRecord("g", TP, None)


def committed(store: OffsetStore) -> int:
    found = store.of_group("g").get(TP)
    return -1 if found is None else found.offset


def test_offset_is_committed_with_the_marker() -> None:
    store = OffsetStore()
    store.replay(commit(5), ONE)
    assert (committed(store), store.is_unstable("g", TP)) == (-1, True)
    store.end(ONE, committed=True)
    assert (committed(store), store.is_unstable("g", TP)) == (5, False)


def test_offset_of_an_aborted_transaction_is_dropped() -> None:
    store = OffsetStore()
    store.replay(commit(4))
    store.replay(commit(5), ONE)
    store.end(ONE, committed=False)
    assert (committed(store), store.is_unstable("g", TP)) == (4, False)
    store.end(ONE, committed=True)
    assert committed(store) == 4


def test_marker_ends_only_its_producer_in_its_partition() -> None:
    store = OffsetStore()
    store.replay(commit(5), ONE)
    store.end(OTHER, committed=True)
    store.end(ELSEWHERE, committed=True)
    assert (committed(store), store.is_unstable("g", TP)) == (-1, True)


def test_later_plain_commit_is_not_overwritten() -> None:
    store = OffsetStore()
    store.replay(commit(5), ONE)
    store.replay(commit(3))
    assert store.is_unstable("g", TP)
    store.end(ONE, committed=True)
    assert (committed(store), store.is_unstable("g", TP)) == (3, False)


def test_later_of_two_transactions_counts_whichever_ends_first() -> None:
    for first, second in ((ONE, OTHER), (OTHER, ONE)):
        store = OffsetStore()
        store.replay(commit(5), ONE)
        store.replay(commit(6), OTHER)
        store.end(first, committed=True)
        store.end(second, committed=True)
        assert committed(store) == 6


def test_deletion_takes_open_offsets_along() -> None:
    store = OffsetStore()
    store.replay(commit(5), ONE)
    store.replay(tombstone())
    assert not store.is_unstable("g", TP)
    store.end(ONE, committed=True)
    assert committed(store) == -1


def test_offsets_of_a_deleted_topic_are_found_in_open_transactions_too() -> None:
    store = OffsetStore()
    store.replay(commit(5), ONE)
    store.replay(commit(5, "h"))
    assert sorted(store.of_topic("t")) == [("g", TP), ("h", TP)]
    assert list(store.of_topic("u")) == []
