"""Groups in a whole broker without sockets: its log, its timers, its disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broker_lab import BrokerLab

from streamkit.errors import StorageError
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.handlers.join_group import join_group
from streamkit.log.broker.metadata import service
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from streamkit.log.protocol.messages.delete_topics import DeleteTopicsRequest
from streamkit.log.protocol.messages.heartbeat import HeartbeatRequest
from streamkit.log.protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from streamkit.log.protocol.messages.list_groups import ListGroupsRequest
from streamkit.log.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from streamkit.log.protocol.messages.offset_fetch import OffsetFetchRequest
from streamkit.log.protocol.messages.sync_group import SyncGroupRequest

MINUTE_MS = 60_000


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[BrokerLab]:
    lab = BrokerLab(tmp_path)
    topic = CreatableTopic(name="t", num_partitions=1, replication_factor=1)
    lab.call(CreateTopicsRequest(topics=[topic]))
    yield lab
    lab.close()


def commit(lab: BrokerLab, offset: int, *, group: str = "g", retention_ms: int = -1) -> int:
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset)
    request = OffsetCommitRequest(
        group_id=group,
        retention_time_ms=retention_ms,
        topics=[OffsetCommitRequestTopic(name="t", partitions=[partition])],
    )
    answer = lab.call(request, 4)
    return int(answer.topics[0].partitions[0].error_code)


def committed(lab: BrokerLab, group: str = "g") -> list[int]:
    answer = lab.call(OffsetFetchRequest(group_id=group, topics=None), 5)
    return [p.committed_offset for topic in answer.topics for p in topic.partitions]


def join(lab: BrokerLab, **fields: Any) -> Any:
    """The answer to a join of version 3, which needs no handshake; a coroutine."""
    request = JoinGroupRequest(
        **{
            "group_id": "g",
            "session_timeout_ms": 10_000,
            "rebalance_timeout_ms": 60_000,
            "protocol_type": "consumer",
            "protocols": [JoinGroupRequestProtocol(name="range", metadata=b"")],
            **fields,
        }
    )
    return lab.call(request, 3)


def groups(lab: BrokerLab) -> dict[str, str]:
    return {g.group_id: g.group_state for g in lab.call(ListGroupsRequest(), 5).groups}


def advance(lab: BrokerLab, ms: int) -> None:
    lab.clock.advance(ms)
    lab.timers.advance(ms)


@pytest.mark.parametrize("cleanly", [True, False])
def test_groups_and_offsets_are_there_after_a_restart(lab: BrokerLab, cleanly: bool) -> None:
    commit(lab, 7)
    commit(lab, 3, group="other")
    asyncio.run(join(lab, group_id="new"))
    lab.restart(cleanly=cleanly)
    assert (committed(lab), committed(lab, "other")) == ([7], [3])
    assert groups(lab) == {"g": "Empty", "other": "Empty", "new": "Empty"}


def test_groups_are_found_after_the_number_of_partitions_was_set_anew(
    lab: BrokerLab, tmp_path: Path
) -> None:
    for number in range(20):
        commit(lab, number, group=f"g{number}")
    lab.close()
    again = BrokerLab(tmp_path, offsets_topic_num_partitions=3)
    for number in range(20):
        commit(again, number + 1, group=f"g{number}")
    again.restart()
    assert [committed(again, f"g{number}") for number in range(20)] == [[n + 1] for n in range(20)]
    again.close()
    lab.broker = BrokerLab(tmp_path).broker


def create(lab: BrokerLab, name: str, partitions: int = 1) -> int:
    topic = CreatableTopic(name=name, num_partitions=partitions, replication_factor=1)
    return int(lab.call(CreateTopicsRequest(topics=[topic])).topics[0].error_code)


def test_groups_live_in_the_partitions_of_a_topic_that_a_client_has_made(lab: BrokerLab) -> None:
    assert create(lab, "__consumer_offsets", 3) == ErrorCode.NONE
    for number in range(20):
        assert commit(lab, number, group=f"g{number}") == ErrorCode.NONE
        assert asyncio.run(join(lab, group_id=f"m{number}")).error_code == ErrorCode.NONE
    lab.restart()
    assert [committed(lab, f"g{number}") for number in range(20)] == [[n] for n in range(20)]


def test_groups_move_when_their_topic_is_deleted_and_made_anew(lab: BrokerLab) -> None:
    commit(lab, 1, group="before")
    lab.call(DeleteTopicsRequest(topic_names=["__consumer_offsets"], timeout_ms=1000), 5)
    assert create(lab, "__consumer_offsets", 2) == ErrorCode.NONE
    for number in range(10):
        assert commit(lab, number, group=f"g{number}") == ErrorCode.NONE


def test_names_that_collide_with_internal_topics_are_refused(lab: BrokerLab) -> None:
    """They would keep the broker from making its own topic when the first group comes."""
    for name in ("__consumer.offsets", "._consumer.offsets", "__transaction.state"):
        assert create(lab, name) == ErrorCode.INVALID_TOPIC_EXCEPTION
    assert create(lab, "__consumer-offsets") == ErrorCode.NONE


def test_broker_that_cannot_make_its_topic_answers_and_goes_on(
    lab: BrokerLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder from before such names were refused."""
    with monkeypatch.context() as before:
        before.setattr(service, "INTERNAL_TOPICS", frozenset[str]())
        assert create(lab, "__consumer.offsets") == ErrorCode.NONE
    assert asyncio.run(join(lab)).error_code == ErrorCode.NOT_COORDINATOR
    assert commit(lab, 1) == ErrorCode.NOT_COORDINATOR
    advance(lab, 20_000)
    assert groups(lab) == {}
    lab.call(DeleteTopicsRequest(topic_names=["__consumer.offsets"], timeout_ms=1000), 5)
    assert asyncio.run(join(lab)).error_code == ErrorCode.NONE
    assert commit(lab, 1, group="other") == ErrorCode.NONE


def test_member_id_that_is_too_long_for_the_log_hinders_no_other_group(lab: BrokerLab) -> None:
    """A client's name of 32,767 bytes is legal, and the id that is made of it isn't."""

    async def run() -> None:
        request = JoinGroupRequest(
            group_id="long",
            session_timeout_ms=10_000,
            rebalance_timeout_ms=60_000,
            protocol_type="consumer",
            protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
        )
        context = RequestContext(3, lab.clock.now_ms(), client_id="x" * 0x7FFF)
        long = await join_group(lab.broker, request, context)
        sync = SyncGroupRequest(group_id="long", generation_id=1, member_id=long.member_id)
        assert (await lab.call(sync, 2)).error_code == ErrorCode.NOT_COORDINATOR
        other = (await join(lab)).member_id
        beat = HeartbeatRequest(group_id="g", generation_id=1, member_id=other)
        assert lab.call(beat).error_code == ErrorCode.NONE

    asyncio.run(run())
    advance(lab, 11_000)
    assert groups(lab)["g"] == "Empty"
    advance(lab, 60_000)
    assert groups(lab) == {"g": "Empty", "long": "Empty"}


def test_offsets_in_a_topic_go_though_the_broker_dies_while_it_deletes_it(
    lab: BrokerLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a topic that has its name later would be read from a place that means nothing there."""
    create(lab, "stays")
    commit(lab, 7)
    with monkeypatch.context() as dying:
        dying.setattr(lab.broker.groups, "topic_deleted", lambda _: None)
        lab.call(DeleteTopicsRequest(topic_names=["t"], timeout_ms=1000), 5)
    lab.restart(cleanly=False)
    create(lab, "t")
    assert committed(lab) == []
    lab.restart()
    assert committed(lab) == []


def test_join_and_sync_that_begin_while_the_broker_stops_are_answered(lab: BrokerLab) -> None:
    """They had been taken up before, and kept the broker from stopping until it lost its patience."""

    async def run() -> None:
        member_id = (await join(lab)).member_id
        joins = asyncio.ensure_future(join(lab))
        request = SyncGroupRequest(group_id="g", generation_id=1, member_id=member_id)
        syncs = asyncio.ensure_future(lab.call(request, 2))
        lab.broker.drain()
        async with asyncio.timeout(1):
            for answer in (await joins, await syncs):
                assert answer.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE

    asyncio.run(run())


def test_silent_member_is_removed_by_the_brokers_timer(lab: BrokerLab) -> None:
    member_id = asyncio.run(join(lab)).member_id
    beat = HeartbeatRequest(group_id="g", generation_id=1, member_id=member_id)
    for _ in range(3):
        advance(lab, 9_000)
        assert lab.call(beat).error_code == ErrorCode.NONE
    advance(lab, 10_000)
    assert lab.call(beat).error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert groups(lab) == {"g": "Empty"}


def test_members_that_did_not_come_back_after_a_restart_are_removed(lab: BrokerLab) -> None:
    asyncio.run(join(lab))
    lab.restart(cleanly=False)
    advance(lab, 10_000)
    assert groups(lab) == {"g": "Empty"}


def test_waiting_join_is_answered_when_the_broker_stops(lab: BrokerLab) -> None:
    async def run() -> Any:
        await join(lab)
        waiting = asyncio.ensure_future(join(lab))
        await asyncio.sleep(0)
        assert not waiting.done()
        lab.broker.groups.close()
        return await waiting

    assert asyncio.run(run()).error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE


def test_join_whose_connection_has_gone_disturbs_nobody(lab: BrokerLab) -> None:
    async def run() -> Any:
        first = await join(lab)
        waiting = asyncio.ensure_future(join(lab))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        return await join(lab, member_id=first.member_id)

    answer = asyncio.run(run())
    assert (answer.error_code, answer.generation_id, len(answer.members)) == (0, 2, 2)


def test_expired_offsets_are_removed_in_the_background(lab: BrokerLab) -> None:
    for number in range(120):
        commit(lab, 1, group=f"g{number}", retention_ms=MINUTE_MS)
    commit(lab, 1, group="kept")
    advance(lab, 10 * MINUTE_MS)
    advance(lab, 0)
    assert groups(lab) == {"kept": "Empty"}
    lab.restart()
    assert groups(lab) == {"kept": "Empty"}


def test_offsets_of_a_deleted_topic_are_gone(lab: BrokerLab) -> None:
    commit(lab, 5)
    lab.call(DeleteTopicsRequest(topic_names=["t"], timeout_ms=1000), 5)
    assert committed(lab) == []
    lab.restart()
    assert committed(lab) == []


def test_commit_that_can_not_be_written_is_refused_and_retried_elsewhere(
    lab: BrokerLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(lab, 1)

    def full(*arguments: object, **named: object) -> None:
        raise StorageError("no space left on device", path="/data", retriable=True)

    with monkeypatch.context() as patch:
        patch.setattr(lab.broker, "append_internal", full)
        assert commit(lab, 2) == ErrorCode.NOT_COORDINATOR
        assert committed(lab) == [1]
        answer = asyncio.run(join(lab, group_id="new"))
        assert answer.error_code == ErrorCode.NOT_COORDINATOR
    assert commit(lab, 2) == ErrorCode.NONE
    assert committed(lab) == [2]
    assert groups(lab) == {"g": "Empty"}
