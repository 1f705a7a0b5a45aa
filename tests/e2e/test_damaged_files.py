"""Damaged data folders: what is wrong is never served silently, it is named, and other partitions go on."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import pytest
from broker_lab import batch, fetch_request, values
from wire_client import WireClient

from streamkit.errors import CorruptRecordError
from streamkit.log.broker.doctor import examine
from streamkit.log.protocol import ErrorCode, batches
from streamkit.log.protocol.messages import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
    ConsumerGroupDescribeRequest,
    ConsumerGroupHeartbeatRequest,
    DeleteGroupsRequest,
    DescribeGroupsRequest,
    DescribeTransactionsRequest,
    EndTxnRequest,
    HeartbeatRequest,
    InitProducerIdRequest,
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    LeaveGroupRequest,
    OffsetDeleteRequest,
    SyncGroupRequest,
)
from streamkit.log.protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from streamkit.log.protocol.messages.find_coordinator import FindCoordinatorRequest
from streamkit.log.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from streamkit.log.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from streamkit.testing import EmbeddedBroker

COUNT = 60
SETTINGS = {"log.segment.bytes": str(1 << 20)}
COORDINATORS = {
    "offsets.topic.num.partitions": "50",
    "transaction.state.log.num.partitions": "50",
}
PADDING = b"." * 40_000
REFUSED = {ErrorCode.CORRUPT_MESSAGE, ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.OFFSET_OUT_OF_RANGE}
NOW_MS = 1_700_000_000_000


def produce(client: WireClient, topic: str, payload: bytes) -> int:
    data = PartitionProduceData(index=0, records=batch(payload, timestamp=NOW_MS))
    topics = [TopicProduceData(name=topic, partition_data=[data])]
    request = ProduceRequest(acks=-1, timeout_ms=1000, topic_data=topics)
    (answer,) = client.ask(request, 9).responses[0].partition_responses
    return int(answer.error_code)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that was closed cleanly: `t` and `other` with several segments each."""
    with (
        EmbeddedBroker(data_dir=tmp_path, settings=SETTINGS) as broker,
        WireClient(broker.bootstrap) as client,
    ):
        for name in ("t", "other"):
            topic = CreatableTopic(name=name, num_partitions=1, replication_factor=1)
            client.ask(CreateTopicsRequest(topics=[topic], timeout_ms=1000), 5)
            for index in range(COUNT):
                payload = b"%s-%03d" % (name.encode(), index)
                assert produce(client, name, payload + PADDING) == 0
    assert len(segments(tmp_path)) == 3
    return tmp_path


def segments(folder: Path, suffix: str = "log") -> list[Path]:
    return sorted((folder / "t-0").glob(f"*.{suffix}"))


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 4
    path.write_bytes(data)


def starts(path: Path) -> list[int]:
    return [position for position, _ in batches(path.read_bytes())]


def bit_flip_in_a_closed_segment(folder: Path) -> None:
    flip(segments(folder)[1], starts(segments(folder)[1])[3] + 70)


def bit_flip_in_a_length(folder: Path) -> None:
    flip(segments(folder)[1], starts(segments(folder)[1])[3] + 10)


def bit_flip_in_an_offset(folder: Path) -> None:
    """The offset isn't part of the checksum."""
    flip(segments(folder)[1], starts(segments(folder)[1])[3] + 7)


def bit_flip_in_the_active_segment(folder: Path) -> None:
    flip(segments(folder)[-1], starts(segments(folder)[-1])[1] + 70)


def closed_segment_torn_in_a_batch(folder: Path) -> None:
    path = segments(folder)[1]
    path.write_bytes(path.read_bytes()[: starts(path)[-1] + 30])


def closed_segment_torn_between_batches(folder: Path) -> None:
    path = segments(folder)[1]
    path.write_bytes(path.read_bytes()[: starts(path)[-2]])


def empty_segment_in_the_middle(folder: Path) -> None:
    segments(folder)[1].write_bytes(b"")


def segment_missing_in_the_middle(folder: Path) -> None:
    segments(folder)[1].unlink()


def batch_cut_out(folder: Path) -> None:
    path = segments(folder)[1]
    data, at = path.read_bytes(), starts(path)
    path.write_bytes(data[: at[2]] + data[at[3] :])


def last_segment_missing(folder: Path) -> None:
    segments(folder)[-1].unlink()


def stray_empty_segment(folder: Path) -> None:
    base = int(segments(folder)[1].stem)
    (folder / "t-0" / f"{base + 3:020d}.log").write_bytes(b"")


def stray_segment_of_garbage(folder: Path) -> None:
    base = int(segments(folder)[1].stem)
    (folder / "t-0" / f"{base + 3:020d}.log").write_bytes(b"garbage" * 100)


def stray_copy_of_a_segment(folder: Path) -> None:
    base = int(segments(folder)[1].stem)
    (folder / "t-0" / f"{base + 3:020d}.log").write_bytes(segments(folder)[0].read_bytes())


DAMAGES = [
    bit_flip_in_a_closed_segment,
    bit_flip_in_a_length,
    bit_flip_in_an_offset,
    bit_flip_in_the_active_segment,
    closed_segment_torn_in_a_batch,
    closed_segment_torn_between_batches,
    empty_segment_in_the_middle,
    segment_missing_in_the_middle,
    batch_cut_out,
    last_segment_missing,
    stray_empty_segment,
    stray_segment_of_garbage,
    stray_copy_of_a_segment,
]


@pytest.mark.parametrize("unclean", [False, True], ids=["after a clean stop", "after a kill"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_named_and_nothing_wrong_is_served(
    folder: Path,
    damage: Callable[[Path], None],
    unclean: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    damage(folder)
    if unclean:
        (folder / ".kafka_cleanshutdown").unlink()
    assert not examine(folder).sound
    with (
        caplog.at_level(logging.WARNING),
        EmbeddedBroker(data_dir=folder, settings=SETTINGS) as broker,
        WireClient(broker.bootstrap) as client,
    ):
        refused = [offset for offset in range(COUNT) if not is_served_rightly(client, offset)]
        assert refused, "the damage was somewhere"
        assert len(refused) < COUNT, "what is whole is served"
        assert produce(client, "other", b"more") == 0
        request = fetch_request("other", [(0, 0)], max_bytes=1 << 20)
        assert client.ask(request, 12).responses[0].partitions[0].records
    named = re.compile(r"topic t, partition 0: .*segment \S+/t-0/\d{20}\.log")
    lines = [each.getMessage() for each in caplog.records if named.search(each.getMessage())]
    assert lines
    assert any("byte" in line or "records" in line for line in lines)


def is_served_rightly(client: WireClient, offset: int) -> bool:
    """Whether the record at `offset` of `t` comes; if not, the broker says so, and sends no other."""
    request = fetch_request("t", [(0, offset)], partition_max_bytes=300)
    (answer,) = client.ask(request, 12).responses[0].partitions
    if answer.error_code:
        assert answer.error_code in REFUSED
        return False
    found = {
        header.base_offset: value
        for (position, header), value in zip(
            batches(answer.records), values(answer.records), strict=True
        )
    }
    for at, value in found.items():
        assert value == b"t-%03d" % at + PADDING
    if not found:
        # Only the end of the log looks like this.
        assert answer.high_watermark <= offset
        return False
    assert offset in found
    return True


@pytest.mark.parametrize("suffix", ["index", "timeindex", "snapshot"])
@pytest.mark.parametrize("how", ["flipped", "torn", "missing", "swapped"])
def test_what_can_be_made_anew_is(folder: Path, suffix: str, how: str) -> None:
    for path in segments(folder, suffix):
        data = path.read_bytes()
        match how:
            case "flipped" if data:
                flip(path, len(data) // 2)
            case "torn":
                path.write_bytes(data[: len(data) // 2])
            case "missing":
                path.unlink()
            case "swapped":
                path.write_bytes(data[::-1])
    with (
        EmbeddedBroker(data_dir=folder, settings=SETTINGS) as broker,
        WireClient(broker.bootstrap) as client,
    ):
        assert all(is_served_rightly(client, offset) for offset in range(COUNT))
        assert produce(client, "t", b"t-%03d" % COUNT + PADDING) == 0
        assert is_served_rightly(client, COUNT)


def test_stray_files_disturb_nobody(folder: Path) -> None:
    (folder / "t-0" / "notes.txt").write_text("hello")
    (folder / "t-0" / "7.log").write_bytes(b"garbage")
    (folder / "t-0" / f"{99:020d}.log.bak").write_bytes(b"garbage")
    (folder / "t-0" / "folder").mkdir()
    (folder / "lost+found").mkdir()
    (folder / "late-0").write_text("a file with the name of a partition's folder")
    with (
        EmbeddedBroker(data_dir=folder, settings=SETTINGS) as broker,
        WireClient(broker.bootstrap) as client,
    ):
        assert all(is_served_rightly(client, offset) for offset in range(COUNT))
        topic = CreatableTopic(name="late", num_partitions=1, replication_factor=1)
        client.ask(CreateTopicsRequest(topics=[topic], timeout_ms=1000), 5)
        assert produce(client, "late", b"x") == ErrorCode.KAFKA_STORAGE_ERROR
        assert produce(client, "t", b"x") == 0


def test_unreadable_partition_answers_with_a_storage_error(folder: Path) -> None:
    (folder / "t-0" / "partition.metadata").write_text("nonsense\n")
    with (
        EmbeddedBroker(data_dir=folder, settings=SETTINGS) as broker,
        WireClient(broker.bootstrap) as client,
    ):
        assert produce(client, "t", b"x") == ErrorCode.KAFKA_STORAGE_ERROR
        (answer,) = client.ask(fetch_request("t", [(0, 0)]), 12).responses[0].partitions
        assert answer.error_code == ErrorCode.KAFKA_STORAGE_ERROR
        assert produce(client, "other", b"x") == 0


@pytest.fixture
def coordinated(tmp_path: Path) -> Path:
    """A folder with committed offsets of two groups, and two transactional ids."""
    with EmbeddedBroker(data_dir=tmp_path, settings=COORDINATORS) as broker:
        for name in ("sound", "bad"):
            consumer = ck.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": name})
            producer = ck.Producer(
                {"bootstrap.servers": broker.bootstrap, "transactional.id": name}
            )
            producer.init_transactions(10)
            producer.begin_transaction()
            producer.produce("t", b"x")
            producer.commit_transaction(10)
            consumer.commit(offsets=[ck.TopicPartition("t", 0, 2)], asynchronous=False)
            consumer.close()
    return tmp_path


def test_coordinator_of_a_damaged_partition_is_not_available_and_others_are(
    coordinated: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedBroker(data_dir=coordinated) as broker:
        groups = broker.server.broker.groups.partition_of("bad")
        ids = broker.server.broker.transactions.partition_of("bad")
    damaged = {"__consumer_offsets": groups, "__transaction_state": ids}
    for topic, partition in damaged.items():
        flip(coordinated / f"{topic}-{partition}" / f"{0:020d}.log", 70)
    with (
        EmbeddedBroker(data_dir=coordinated) as broker,
        WireClient(broker.bootstrap) as client,
    ):
        for topic, partition in damaged.items():
            assert f"{topic}-{partition} can't be replayed" in caplog.text
        for kind in (0, 1):
            request = FindCoordinatorRequest(key_type=kind, coordinator_keys=["sound", "bad"])
            answers = client.ask(request, 4).coordinators
            assert [each.error_code for each in answers] == [
                0,
                ErrorCode.COORDINATOR_NOT_AVAILABLE,
            ]
            old = client.ask(FindCoordinatorRequest(key_type=kind, key="bad"), 3)
            assert old.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
        assert {code for _, code in group_errors(client, "bad")} == {ErrorCode.NOT_COORDINATOR}
        assert set(transaction_errors(client, "bad")) == {ErrorCode.NOT_COORDINATOR}
        assert ErrorCode.NOT_COORDINATOR not in transaction_errors(client, "sound")
        consumer = ck.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "sound"})
        (committed,) = consumer.committed([ck.TopicPartition("t", 0)], timeout=10)
        assert committed.offset == 2
        consumer.close()
        assert ErrorCode.NOT_COORDINATOR not in {code for _, code in group_errors(client, "sound")}


def transaction_errors(client: WireClient, transactional_id: str) -> list[int]:
    """What each request about a transactional id says."""
    of: dict[str, Any] = {
        "transactional_id": transactional_id,
        "producer_id": 5,
        "producer_epoch": 0,
    }
    described = DescribeTransactionsRequest(transactional_ids=[transactional_id])
    added = AddPartitionsToTxnRequest(
        v3_and_below_transactional_id=transactional_id,
        v3_and_below_topics=[AddPartitionsToTxnTopic(name="t", partitions=[0])],
    )
    verified = AddPartitionsToTxnRequest(
        transactions=[
            AddPartitionsToTxnTransaction(
                transactional_id=transactional_id,
                verify_only=True,
                topics=[AddPartitionsToTxnTopic(name="t", partitions=[0])],
            )
        ]
    )
    (new,) = client.ask(added, 3).results_by_topic_v3_and_below[0].results_by_partition
    (old,) = client.ask(verified, 4).results_by_transaction[0].topic_results
    return [
        client.ask(described, 0).transaction_states[0].error_code,
        client.ask(EndTxnRequest(**of, committed=True), 5).error_code,
        client.ask(AddOffsetsToTxnRequest(**of, group_id="sound"), 4).error_code,
        new.partition_error_code,
        old.results_by_partition[0].partition_error_code,
        client.ask(
            InitProducerIdRequest(
                transactional_id=transactional_id,
                transaction_timeout_ms=1000,
                producer_id=-1,
                producer_epoch=-1,
            ),
            4,
        ).error_code,
    ]


def group_errors(client: WireClient, group_id: str) -> list[tuple[str, int]]:
    """What each request about a group says, sent without looking for its coordinator."""
    found: list[tuple[str, int]] = []

    def note(answer: Any, code: int) -> None:
        found.append((type(answer).__name__, code))

    topic = OffsetFetchRequestTopic(name="t", partition_indexes=[0])
    for version in range(1, 8):
        answer = client.ask(OffsetFetchRequest(group_id=group_id, topics=[topic]), version)
        note(
            answer,
            answer.error_code if version >= 2 else answer.topics[0].partitions[0].error_code,
        )
    group = OffsetFetchRequestGroup(
        group_id=group_id, topics=[OffsetFetchRequestTopics(name="t", partition_indexes=[0])]
    )
    for version in (8, 9):
        answer = client.ask(OffsetFetchRequest(groups=[group]), version)
        note(answer, answer.groups[0].error_code)
    commit = OffsetCommitRequestTopic(
        name="t",
        partitions=[
            OffsetCommitRequestPartition(
                partition_index=0, committed_offset=1, committed_leader_epoch=-1
            )
        ],
    )
    answer = client.ask(
        OffsetCommitRequest(
            group_id=group_id, generation_id_or_member_epoch=-1, member_id="", topics=[commit]
        ),
        8,
    )
    note(answer, answer.topics[0].partitions[0].error_code)
    for request, version in (
        (
            JoinGroupRequest(
                group_id=group_id,
                session_timeout_ms=10_000,
                rebalance_timeout_ms=10_000,
                protocol_type="consumer",
                protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
            ),
            5,
        ),
        (SyncGroupRequest(group_id=group_id, generation_id=1, member_id="m"), 4),
        (HeartbeatRequest(group_id=group_id, generation_id=1, member_id="m"), 4),
        (LeaveGroupRequest(group_id=group_id, members=[]), 5),
        (LeaveGroupRequest(group_id=group_id, member_id="m"), 2),
        (OffsetDeleteRequest(group_id=group_id), 0),
        (
            ConsumerGroupHeartbeatRequest(
                group_id=group_id,
                member_id="m",
                rebalance_timeout_ms=1000,
                subscribed_topic_names=["t"],
                topic_partitions=[],
            ),
            1,
        ),
    ):
        answer = client.ask(request, version)
        note(answer, answer.error_code)
    for describe, version in (
        (DescribeGroupsRequest(groups=[group_id]), 6),
        (DescribeGroupsRequest(groups=[group_id]), 5),
        (ConsumerGroupDescribeRequest(group_ids=[group_id]), 1),
    ):
        answer = client.ask(describe, version)
        note(answer, answer.groups[0].error_code)
    if group_id == "bad":
        answer = client.ask(DeleteGroupsRequest(groups_names=[group_id]), 2)
        note(answer, answer.results[0].error_code)
    return found


def test_damaged_metadata_ends_the_start_with_its_place(coordinated: Path) -> None:
    """Without it nobody knows which topics there are: nothing may be served, or deleted."""
    flip(coordinated / "__cluster_metadata-0" / f"{0:020d}.log", 70)
    before = sorted(path.name for path in coordinated.iterdir())
    with pytest.raises(
        CorruptRecordError, match=r"topic __cluster_metadata, partition 0: .*byte 0 "
    ):
        EmbeddedBroker(data_dir=coordinated).start()
    assert sorted(path.name for path in coordinated.iterdir()) == before
