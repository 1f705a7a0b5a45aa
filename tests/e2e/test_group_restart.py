"""Groups over a kill -9 of the broker: acknowledged commits are there, and members go on in their generation."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import confluent_kafka
import pytest
from broker_process import BrokerProcess
from client_drivers import Confluent, Message, wait_until
from wire_client import WireClient

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.heartbeat import HeartbeatRequest
from streamkit.log.protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from streamkit.log.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from streamkit.log.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
)
from streamkit.log.protocol.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

GROUPS = [f"group-{n}" for n in range(5)]
PARTITIONS = 4


def commit(group: str, offset: int, member_id: str = "", generation: int = -1) -> object:
    """Commit `offset` for all partitions of the topic."""
    return OffsetCommitRequest(
        group_id=group,
        member_id=member_id,
        generation_id_or_member_epoch=generation,
        topics=[
            OffsetCommitRequestTopic(
                name="t",
                partitions=[
                    OffsetCommitRequestPartition(
                        partition_index=partition, committed_offset=offset, committed_metadata=""
                    )
                    for partition in range(PARTITIONS)
                ],
            )
        ],
    )


def committed(client: WireClient, group: str) -> set[int]:
    """The offsets that a group has committed, over all partitions."""
    request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=group, topics=None)])
    (answer,) = client.ask(request, 8).groups
    return {partition.committed_offset for topic in answer.topics for partition in topic.partitions}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_acknowledged_commits_survive_kill_9_under_load(tmp_path: Path, seed: int) -> None:
    """Commits are in flight, unanswered, when the broker is killed: each counts wholly or not at all."""
    rng = random.Random(seed)
    with BrokerProcess(tmp_path / "log") as broker:
        Confluent(broker.bootstrap).create_topic("t", PARTITIONS)
        for round_number in range(3):
            base = round_number * 100_000
            acknowledged: dict[str, int] = {}
            sent: dict[str, int] = {}
            with WireClient(broker.bootstrap) as client:
                waiting: list[tuple[str, int]] = []
                for number in range(1, rng.randrange(100, 600)):
                    group = rng.choice(GROUPS)
                    sent[group] = base + number
                    client.send(commit(group, base + number), 7)
                    waiting.append((group, base + number))
                    if len(waiting) > 20:
                        answered, offset = waiting.pop(0)
                        (topic,) = client.receive().topics
                        assert {p.error_code for p in topic.partitions} == {ErrorCode.NONE}
                        acknowledged[answered] = offset
                broker.kill()
            broker.start()
            with WireClient(broker.bootstrap) as client:
                for group in sent:
                    (offset,) = committed(client, group) or {0}  # one: no commit was torn
                    assert acknowledged.get(group, 0) <= offset <= sent[group]


def test_member_goes_on_in_its_generation_after_kill_9(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "log") as broker:
        Confluent(broker.bootstrap).create_topic("t", PARTITIONS)
        join = JoinGroupRequest(
            group_id="g",
            session_timeout_ms=10_000,
            rebalance_timeout_ms=10_000,
            group_instance_id="static",
            protocol_type="consumer",
            protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
        )
        with WireClient(broker.bootstrap) as client:
            joined = client.ask(join, 7)
            assignment = SyncGroupRequestAssignment(member_id=joined.member_id, assignment=b"all")
            sync = SyncGroupRequest(
                group_id="g",
                generation_id=joined.generation_id,
                member_id=joined.member_id,
                group_instance_id="static",
                protocol_type="consumer",
                protocol_name="range",
                assignments=[assignment],
            )
            assert client.ask(sync, 5).assignment == b"all"
            (topic,) = client.ask(commit("g", 7, joined.member_id, 1), 7).topics
            assert {p.error_code for p in topic.partitions} == {ErrorCode.NONE}
            broker.kill()
        broker.start()
        with WireClient(broker.bootstrap) as client:
            heartbeat = HeartbeatRequest(
                group_id="g",
                generation_id=1,
                member_id=joined.member_id,
                group_instance_id="static",
            )
            assert client.ask(heartbeat, 4).error_code == ErrorCode.NONE
            assert client.ask(sync, 5).assignment == b"all"
            assert committed(client, "g") == {7}


def test_consumers_go_on_over_kill_9(tmp_path: Path) -> None:
    """Two consumers, the broker killed between their commits: nothing committed comes again, nothing is missed."""
    with BrokerProcess(tmp_path / "log") as broker:
        driver = Confluent(broker.bootstrap)
        driver.create_topic("t", PARTITIONS)
        settings: dict[str, str | int | float | bool] = {
            "bootstrap.servers": broker.bootstrap,
            "group.id": "g",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "reconnect.backoff.max.ms": 200,
            "heartbeat.interval.ms": 200,
            "log_level": 0,
        }
        members = [confluent_kafka.Consumer(settings) for _ in range(2)]
        seen: dict[tuple[int, int], int] = {}

        def poll() -> None:
            for member in members:
                message = member.poll(0.02)
                while message is not None:
                    if message.error() is None:
                        key = (message.partition() or 0, message.offset() or 0)
                        seen[key] = seen.get(key, 0) + 1
                    message = member.poll(0)

        def all_seen(count: int) -> bool:
            poll()
            return len(seen) == count

        for member in members:
            member.subscribe(["t"])
        for killed in range(1, 4):
            driver.produce("t", [Message(b"v", partition=p % PARTITIONS) for p in range(40)])
            wait_until(partial(all_seen, 40 * killed), "all records")
            for member in members:
                if member.assignment():
                    member.commit(asynchronous=False)
            broker.kill()
            broker.start()
        assert set(seen) == {(p, offset) for p in range(PARTITIONS) for offset in range(30)}
        assert set(seen.values()) == {1}
        for member in members:
            member.close()
