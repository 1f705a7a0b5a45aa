"""Fetch: reading, limits, waiting, sessions."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from broker_lab import NOW_MS, BrokerLab, batch, fetch_request, until, values

from streamkit.log.protocol import ControlKind, ErrorCode
from streamkit.log.protocol.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchTopic,
    ForgottenTopic,
)
from streamkit.log.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from streamkit.log.protocol.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from streamkit.model import TopicPartition


@pytest.fixture
def filled(lab: BrokerLab) -> BrokerLab:
    lab.broker.create_topic("t", 3, {})
    for partition in range(3):
        lab.produce("t", partition, batch(b"%d-a" % partition))
        lab.produce("t", partition, batch(b"%d-b" % partition))
    return lab


def partitions(answer: Any) -> dict[int, Any]:
    return {each.partition_index: each for topic in answer.responses for each in topic.partitions}


def test_reads_from_the_offset_on(filled: BrokerLab) -> None:
    data = partitions(filled.call(fetch_request("t", [(0, 1)]), 12))[0]
    assert values(data.records) == [b"0-b"]
    assert (data.high_watermark, data.last_stable_offset, data.log_start_offset) == (2, 2, 0)
    assert data.aborted_transactions is None


def test_read_committed_lists_aborted_transactions(filled: BrokerLab) -> None:
    data = partitions(filled.call(fetch_request("t", [(0, 0)], isolation_level=1), 12))[0]
    assert data.aborted_transactions == []


def test_answer_is_filled_up_to_max_bytes_but_never_empty(filled: BrokerLab) -> None:
    """The first partition gets one batch, whatever its size; the others wait for the next fetch."""
    answer = filled.call(fetch_request("t", [(0, 0), (1, 0), (2, 0)], max_bytes=1), 12)
    sizes = [len(each.records) for each in partitions(answer).values()]
    assert sizes[0] == len(batch(b"0-a"))
    assert sizes[1:] == [0, 0]


def test_partition_max_bytes_bounds_each_partition(filled: BrokerLab) -> None:
    size = len(batch(b"0-a"))
    answer = filled.call(fetch_request("t", [(0, 0), (1, 0)], partition_max_bytes=size), 12)
    assert [len(each.records) for each in partitions(answer).values()] == [size, size]


@pytest.mark.parametrize("offset", [-1, 3])
def test_offset_out_of_range(filled: BrokerLab, offset: int) -> None:
    data = partitions(filled.call(fetch_request("t", [(0, offset)]), 12))[0]
    assert data.error_code == ErrorCode.OFFSET_OUT_OF_RANGE
    assert data.high_watermark == -1


def test_unknown_partition_and_topic(filled: BrokerLab) -> None:
    for topic, partition in (("t", 7), ("nowhere", 0)):
        answer = filled.call(fetch_request(topic, [(partition, 0)], max_wait_ms=1000), 12)
        code = partitions(answer)[partition].error_code
        assert code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def by_id(topic_id: uuid.UUID, *offsets: tuple[int, int], **fields: Any) -> FetchRequest:
    request = fetch_request("", offsets, **fields)
    request.topics[0].topic_id = topic_id
    return request


def test_topic_named_by_id(filled: BrokerLab) -> None:
    topic = filled.broker.topic("t")
    answer = filled.call(by_id(topic.topic_id, (0, 0)))
    assert answer.responses[0].topic_id == topic.topic_id
    assert values(partitions(answer)[0].records) == [b"0-a", b"0-b"]


def test_unknown_topic_id(filled: BrokerLab) -> None:
    answer = filled.call(by_id(uuid.UUID(int=9), (0, 0), max_wait_ms=1000))
    assert partitions(answer)[0].error_code == ErrorCode.UNKNOWN_TOPIC_ID


def test_consumer_with_another_leader_epoch_must_refresh(filled: BrokerLab) -> None:
    request = fetch_request("t", [(0, 0)])
    request.topics[0].partitions[0].current_leader_epoch = 3
    data = partitions(filled.call(request, 12))[0]
    assert data.error_code == ErrorCode.UNKNOWN_LEADER_EPOCH


def test_waits_until_records_come(filled: BrokerLab) -> None:
    async def scenario() -> None:
        answer = filled.call(fetch_request("t", [(0, 2), (1, 2)], max_wait_ms=500), 12)
        assert not answer.done()
        filled.produce("t", 1, batch(b"new"))
        assert not answer.done(), "the producer is answered first"
        filled.timers.advance()
        data = partitions(answer.result())
        assert values(data[1].records) == [b"new"]
        assert len(filled.broker.waiters) == 0

    asyncio.run(scenario())


def test_waits_until_min_bytes_have_come(filled: BrokerLab) -> None:
    async def scenario() -> None:
        size = len(batch(b"x"))
        request = fetch_request("t", [(0, 2)], max_wait_ms=500, min_bytes=2 * size)
        answer = filled.call(request, 12)
        filled.produce("t", 0, batch(b"x"))
        filled.timers.advance()
        assert not answer.done()
        filled.produce("t", 0, batch(b"y"))
        filled.timers.advance()
        assert values(partitions(answer.result())[0].records) == [b"x", b"y"]

    asyncio.run(scenario())


@pytest.mark.parametrize("isolation_level", [0, 1])
def test_end_of_a_segment_is_not_waited_at(lab: BrokerLab, isolation_level: int) -> None:
    """A fetch reads one segment: what is in the next one makes it no larger."""

    async def scenario() -> None:
        lab.broker.create_topic("t", 1, {})
        size = len(batch(b"a"))
        options = {"max_wait_ms": 500, "min_bytes": 3 * size, "isolation_level": isolation_level}
        lab.produce("t", 0, batch(b"a"))
        waiting = lab.call(fetch_request("t", [(0, 0)], **options), 12)
        lab.broker.partition_log("t", 0).roll(NOW_MS)
        lab.produce("t", 0, batch(b"b"))
        lab.produce("t", 0, batch(b"c"))
        lab.timers.advance()
        assert values(partitions(waiting.result())[0].records) == [b"a"]
        at_once = lab.call(fetch_request("t", [(0, 0)], **options), 12)
        assert values(partitions(at_once)[0].records) == [b"a"]
        behind = lab.call(fetch_request("t", [(0, 1)], **options), 12)
        assert not behind.done()
        behind.cancel()

    asyncio.run(scenario())


def test_what_is_left_in_an_older_segment_is_not_waited_for(lab: BrokerLab) -> None:
    """There is more than the partition may have in an answer, and no append makes that larger."""

    async def scenario() -> None:
        lab.broker.create_topic("t", 1, {})
        size = len(batch(b"a"))
        lab.produce("t", 0, batch(b"a"))
        lab.produce("t", 0, batch(b"b"))
        lab.broker.partition_log("t", 0).roll(NOW_MS)
        lab.produce("t", 0, batch(b"c"))
        request = fetch_request(
            "t", [(0, 0)], max_wait_ms=500, min_bytes=3 * size, partition_max_bytes=size
        )
        assert values(partitions(lab.call(request, 12))[0].records) == [b"a"]

    asyncio.run(scenario())


def test_waiting_ends_with_its_time(filled: BrokerLab) -> None:
    async def scenario() -> None:
        answer = filled.call(fetch_request("t", [(0, 2)], max_wait_ms=500), 12)
        filled.timers.advance(499)
        assert not answer.done()
        filled.timers.advance(1)
        filled.timers.advance()
        assert partitions(answer.result())[0].records == b""

    asyncio.run(scenario())


def test_waiting_ends_when_the_topic_is_deleted(filled: BrokerLab) -> None:
    async def scenario() -> None:
        answer = filled.call(fetch_request("t", [(0, 2)], max_wait_ms=500), 12)
        filled.broker.delete_topic(filled.broker.topic("t"))
        filled.timers.advance()
        code = partitions(answer.result())[0].error_code
        assert code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION

    asyncio.run(scenario())


def test_who_goes_away_waits_no_more(filled: BrokerLab) -> None:
    async def scenario() -> None:
        answer = filled.call(fetch_request("t", [(0, 2)], max_wait_ms=500), 12)
        assert len(filled.broker.waiters) == 1
        answer.cancel()
        await until(lambda: len(filled.broker.waiters) == 0)

    asyncio.run(scenario())


def test_reader_of_committed_records_waits_for_the_end_of_the_transaction(
    filled: BrokerLab,
) -> None:
    """Records of an open transaction, and what comes behind them, end nobody's waiting for stable ones."""

    async def scenario() -> None:
        request = fetch_request("t", [(0, 2)], max_wait_ms=500, isolation_level=1)
        committed = filled.call(request, 12)
        uncommitted = filled.call(fetch_request("t", [(0, 2)], max_wait_ms=500), 12)
        log = filled.broker.partition_log("t", 0)
        for producer_id in (7, 8):
            data = batch(
                b"open",
                producer_id=producer_id,
                producer_epoch=0,
                base_sequence=0,
                transactional=True,
            )
            log.append(data, now_ms=NOW_MS)
            filled.broker.appended("t", 0, len(data))
        filled.produce("t", 0, batch(b"behind"))
        filled.timers.advance()
        assert uncommitted.done()
        assert not committed.done()
        # The end of the second transaction moves nothing, since the first one is open.
        for producer_id, is_read in ((8, False), (7, True)):
            filled.broker.append_marker(
                TopicPartition("t", 0), ControlKind.COMMIT, producer_id, 0, NOW_MS
            )
            filled.timers.advance()
            assert committed.done() == is_read
        assert values(partitions(committed.result())[0].records)[:3] == [
            b"open",
            b"open",
            b"behind",
        ]
        assert len(filled.broker.waiters) == 0

    asyncio.run(scenario())


def test_reader_of_committed_records_waits_on_when_too_few_become_stable(
    filled: BrokerLab,
) -> None:
    async def scenario() -> None:
        request = fetch_request("t", [(0, 2)], max_wait_ms=500, min_bytes=10_000, isolation_level=1)
        answer = filled.call(request, 12)
        log = filled.broker.partition_log("t", 0)
        log.append(
            batch(b"few", producer_id=7, producer_epoch=0, base_sequence=0, transactional=True),
            now_ms=NOW_MS,
        )
        filled.timers.advance(100)
        filled.broker.append_marker(TopicPartition("t", 0), ControlKind.ABORT, 7, 0, NOW_MS)
        filled.timers.advance(399)
        assert not answer.done()
        filled.timers.advance(1)
        filled.timers.advance()
        assert partitions(answer.result())[0].last_stable_offset == 4

    asyncio.run(scenario())


def test_error_in_one_partition_is_answered_without_waiting(filled: BrokerLab) -> None:
    answer = filled.call(fetch_request("t", [(0, 2), (1, 99)], max_wait_ms=500), 12)
    assert partitions(answer)[1].error_code == ErrorCode.OFFSET_OUT_OF_RANGE


# Sessions.


def session_request(
    session_id: int, epoch: int, *offsets: tuple[int, int], forget: tuple[int, ...] = ()
) -> FetchRequest:
    request = fetch_request("t", offsets, session_id=session_id, session_epoch=epoch)
    if not offsets:
        request.topics = []
    if forget:
        request.forgotten_topics_data = [ForgottenTopic(topic="t", partitions=list(forget))]
    return request


def test_incremental_fetch_answers_news_only(filled: BrokerLab) -> None:
    first = filled.call(session_request(0, 0, (0, 0), (1, 2)), 12)
    assert first.session_id != 0
    assert set(partitions(first)) == {0, 1}, "the full answer has every partition"

    second = filled.call(session_request(first.session_id, 1, (0, 2)), 12)
    assert second.session_id == first.session_id
    assert partitions(second) == {}, "nothing new: neither records nor watermarks"

    filled.produce("t", 1, batch(b"new"))
    third = filled.call(session_request(first.session_id, 2), 12)
    assert values(partitions(third)[1].records) == [b"new"]
    assert set(partitions(third)) == {1}


def test_forgotten_partition_is_read_no_more(filled: BrokerLab) -> None:
    first = filled.call(session_request(0, 0, (0, 0), (1, 2)), 12)
    answer = filled.call(session_request(first.session_id, 1, forget=(0,)), 12)
    assert partitions(answer) == {}


def test_session_epochs_must_follow(filled: BrokerLab) -> None:
    first = filled.call(session_request(0, 0, (0, 0)), 12)
    answer = filled.call(session_request(first.session_id, 2), 12)
    assert answer.error_code == ErrorCode.INVALID_FETCH_SESSION_EPOCH
    unknown = filled.call(session_request(first.session_id ^ 1, 1), 12)
    assert unknown.error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND


def test_session_by_name_is_not_continued_by_id(filled: BrokerLab) -> None:
    first = filled.call(session_request(0, 0, (0, 0)), 12)
    answer = filled.call(session_request(first.session_id, 1), 13)
    assert answer.error_code == ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR


def test_final_epoch_ends_the_session(filled: BrokerLab) -> None:
    first = filled.call(session_request(0, 0, (0, 0)), 12)
    last = filled.call(session_request(first.session_id, -1, (0, 0)), 12)
    assert last.session_id == 0
    assert len(filled.broker.fetch_sessions) == 0


def test_full_answer_turns_the_order_so_that_all_get_their_turn(filled: BrokerLab) -> None:
    request = session_request(0, 0, (0, 0), (1, 0), (2, 0))
    request.max_bytes = 1
    answer = filled.call(request, 12)
    served = [index for index, each in partitions(answer).items() if each.records]
    assert served == [0]
    for epoch, expected in ((1, 1), (2, 2), (3, 0)):
        more = session_request(answer.session_id, epoch)
        more.max_bytes = 1
        given = partitions(filled.call(more, 12))
        assert [index for index, each in given.items() if each.records] == [expected]


def test_fetch_before_sessions_has_none(filled: BrokerLab) -> None:
    request = FetchRequest(
        max_bytes=100,
        topics=[
            FetchTopic(
                topic="t",
                partitions=[FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=100)],
            )
        ],
    )
    assert filled.call(request, 4).session_id == 0


# Partitions that were never written to.


def test_readers_of_unwritten_partitions_make_no_files(lab: BrokerLab) -> None:
    lab.broker.create_topic("empty", 3, {})
    data = partitions(lab.call(fetch_request("empty", [(0, 0), (1, 5)]), 12))
    assert (data[0].error_code, data[0].records, data[0].high_watermark) == (0, b"", 0)
    assert data[1].error_code == ErrorCode.OFFSET_OUT_OF_RANGE
    for timestamp in (-1, -2, -3, 0):
        asked = [ListOffsetsPartition(partition_index=2, timestamp=timestamp)]
        topics = [ListOffsetsTopic(name="empty", partitions=asked)]
        (found,) = lab.call(ListOffsetsRequest(topics=topics), 7).topics[0].partitions
        assert found.error_code == 0
        assert found.offset == (0 if timestamp in (-1, -2) else -1)
    epochs = [OffsetForLeaderPartition(partition=1, leader_epoch=0)]
    request = OffsetForLeaderEpochRequest(
        topics=[OffsetForLeaderTopic(topic="empty", partitions=epochs)]
    )
    assert lab.call(request, 4).topics[0].partitions[0].end_offset == 0
    assert not list(lab.folder.glob("empty-*"))


def test_waiting_for_an_unwritten_partition_ends_with_its_first_record(lab: BrokerLab) -> None:
    async def scenario() -> None:
        lab.broker.create_topic("empty", 1, {})
        for isolation in (0, 1):
            lab.broker.create_topic(f"empty{isolation}", 1, {})
            request = fetch_request(
                f"empty{isolation}", [(0, 0)], max_wait_ms=500, isolation_level=isolation
            )
            answer = lab.call(request, 12)
            assert not answer.done()
            lab.produce(f"empty{isolation}", 0, batch(b"first"))
            lab.timers.advance()
            assert values(partitions(answer.result())[0].records) == [b"first"]

    asyncio.run(scenario())
