"""Reading `__consumer_offsets` in one go leads where reading it record by record does."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from group_lab import Topics
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.log.broker.groups import CommittedOffset, GroupConfig, GroupCoordinator
from streamkit.log.broker.groups.log_replay import replay_log
from streamkit.log.broker.groups.offsets import Origin
from streamkit.log.broker.groups.record_codec import decode_record, encode_record
from streamkit.log.broker.groups.records import (
    GroupMetadata,
    GroupMetadataRecord,
    OffsetCommitRecord,
)
from streamkit.log.broker.services import InternalBatch
from streamkit.model import TopicPartition

PARTITION = 7
OFFSETS = [(group, TopicPartition("t", partition)) for group in "ab" for partition in range(3)]
_number = itertools.count()


@st.composite
def batches(draw: st.DrawFn) -> InternalBatch:
    """Commits (some as old keys), tombstones, generations, each by itself or in a transaction; markers."""
    producer_id = draw(st.sampled_from([-1, -1, 1, 2]))
    if producer_id >= 0 and draw(st.booleans()):
        return InternalBatch(producer_id, draw(st.booleans()), ())
    records: list[tuple[bytes | None, bytes | None]] = []
    for group, topic_partition in draw(st.lists(st.sampled_from(OFFSETS), min_size=1, max_size=4)):
        gone = producer_id < 0 and draw(st.integers(0, 4)) == 0
        value = None if gone else CommittedOffset(next(_number), 0, "", 5)
        key, data = encode_record(OffsetCommitRecord(group, topic_partition, value))
        records.append((b"\0\0" + key[2:] if draw(st.integers(0, 9)) == 0 else key, data))
    if producer_id < 0 and draw(st.integers(0, 3)) == 0:
        generation = GroupMetadata("consumer", draw(st.integers(1, 5)), None, None, 5)
        records.append(encode_record(GroupMetadataRecord("a", generation)))
    return InternalBatch(producer_id, None, records)


@settings(max_examples=300, deadline=None)
@given(
    log=st.lists(batches(), max_size=25),
    end=st.lists(st.tuples(st.sampled_from([1, 2]), st.booleans())),
)
def test_both_ways_lead_to_the_same_offsets(
    log: Sequence[InternalBatch], end: list[tuple[int, bool]]
) -> None:
    one_by_one, at_once = coordinator(), coordinator()
    for batch in log:
        if batch.committed is not None:
            one_by_one.transaction_ended(Origin(PARTITION, batch.producer_id), batch.committed)
        origin = None if batch.producer_id < 0 else Origin(PARTITION, batch.producer_id)
        for key, value in batch.records:
            take(one_by_one, key, value, origin)
    replay_log(PARTITION, log, lambda key, value, origin: take(at_once, key, value, origin))
    assert state_of(at_once) == state_of(one_by_one)
    for producer_id, committed in end:
        for each in (one_by_one, at_once):
            each.transaction_ended(Origin(PARTITION, producer_id), committed)
        assert state_of(at_once) == state_of(one_by_one)


def coordinator() -> GroupCoordinator:
    return GroupCoordinator(GroupConfig(), Topics(), new_id=lambda: "id")


def take(
    to: GroupCoordinator, key: bytes | None, value: bytes | None, origin: Origin | None
) -> None:
    record = decode_record(key, value)
    assert record is not None
    to.replay(record, origin)


def state_of(coordinator: GroupCoordinator) -> object:
    return (
        {group: dict(coordinator.committed(group)) for group in "ab"},
        {each: coordinator.is_unstable(*each) for each in OFFSETS},
        {group.group_id for group in coordinator.groups() if coordinator.committed(group.group_id)},
    )
