"""A program's own topics, producers and groups on a broker, and the broker's answers made comparable.

What is random or depends on the clock has a name; answers that only ask for patience are asked for again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from group_script import fitting
from random_programs import EPOCH_MS, GROUPS, PRODUCERS, TOPICS, Step
from wire_client import WireClient

from streamkit.log.protocol import BatchBuilder, ErrorCode, batches, decode_batch
from streamkit.log.protocol.crc import crc32c
from streamkit.log.protocol.messages import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    EndTxnRequest,
    FindCoordinatorRequest,
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
    create_partitions,
    create_topics,
    delete_records,
    delete_topics,
    describe_producers,
    describe_transactions,
    fetch,
    list_offsets,
    metadata,
    offset_fetch,
    offset_for_leader_epoch,
    produce,
)
from streamkit.log.protocol.messages import incremental_alter_configs as alter
from streamkit.log.protocol.messages.list_transactions import ListTransactionsRequest

__all__ = ["World"]

_RECENT_MS = 1_700_000_000_000
_PASSING = {
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_COORDINATOR,
    ErrorCode.CONCURRENT_TRANSACTIONS,
    ErrorCode.NOT_ENOUGH_REPLICAS,
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
}
_DROPPED = {
    "throttle_time_ms",
    "error_message",
    "log_append_time_ms",
    "node_endpoints",
    "current_leader",
    "transaction_timeout_ms",
    "batch_index_error_message",
    "coordinator_epoch",  # grows when a busy machine lets Apache Kafka's broker miss its heartbeats
}
_TIMES = {"timestamp", "last_timestamp", "transaction_start_time_ms"}


@dataclass
class Producer:
    """What a program's producer knows of itself."""

    transactional_id: str | None
    producer_id: int = -1
    epoch: int = -1
    sequences: dict[tuple[str, int], int] = field(default_factory=dict)
    last: dict[tuple[str, int], int] = field(default_factory=dict)


class World:
    """One program's own topics, ids and groups on a broker.

    Args:
        client: a connection that is used for all requests.
        prefix: of all names.
    """

    def __init__(self, client: WireClient, prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self.producers = {
            name: Producer(f"{prefix}{name[:2]}" if name[0] == "x" else None) for name in PRODUCERS
        }
        self.names: dict[int, str] = {-1: "none"}
        self.session_id = self.session_epoch = 0
        self.topic_ids: dict[str, uuid.UUID] = {}

    def run(self, program: Sequence[Step]) -> Iterator[tuple[str, Any]]:
        """Each step and the answer to it; in the end, all that can be seen."""
        self.prepare()
        for number, (kind, step) in enumerate([*program, *_EPILOGUE]):
            ask = getattr(self, "do_" + kind.replace(" ", "_"))
            self.settle()
            yield f"{number} {kind} {step}", ask(**step)

    def prepare(self) -> None:
        for kind in (0, 1):
            self.ask_until_ready(FindCoordinatorRequest(key=self.prefix, key_type=kind), 2)
        for each in TOPICS:
            self.create(each, 2, TOPICS[each])
        for group in GROUPS:
            request = offset_fetch.OffsetFetchRequest(group_id=self.prefix + group, topics=None)
            self.ask_until_ready(request, 5)

    def create(self, topic: str, partitions: int, configs: dict[str, str]) -> Any:
        settings = {"retention.ms": "-1", "min.cleanable.dirty.ratio": "1", **configs}
        creatable = create_topics.CreatableTopic(
            name=self.prefix + topic,
            num_partitions=partitions,
            replication_factor=1,
            configs=[
                create_topics.CreatableTopicConfig(name=name, value=value)
                for name, value in settings.items()
            ],
        )
        request = create_topics.CreateTopicsRequest(topics=[creatable], timeout_ms=5000)
        answer = self.client.ask(request, 6)
        self.topic_known(topic, exists=True)
        return answer.topics[0].error_code

    def topic_known(self, topic: str, *, exists: bool, partitions: int = 0) -> None:
        """Wait until the broker's metadata has the change."""
        asked = [metadata.MetadataRequestTopic(name=self.prefix + topic)]
        request = metadata.MetadataRequest(topics=asked, allow_auto_topic_creation=False)
        for _ in range(500):
            (found,) = self.client.ask(request, 12).topics
            ready = not found.error_code and all(not p.error_code for p in found.partitions)
            if ready == exists and len(found.partitions) >= partitions:
                if exists:
                    self.topic_ids[topic] = found.topic_id
                elif self.bounds(topic, 0)[0] >= 0:
                    continue  # its log is still there
                return
            time.sleep(0.02)

    def settle(self) -> None:
        """Wait until no transaction is between its decision and its end."""
        ids = sorted({each.transactional_id or "" for each in self.producers.values()} - {""})
        request = describe_transactions.DescribeTransactionsRequest(transactional_ids=ids)
        while any(
            each.transaction_state.startswith("Prepare")
            or each.error_code in (ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_NOT_AVAILABLE)
            for each in self.client.ask(request, 0).transaction_states
        ):
            time.sleep(0.01)

    def ask_until_ready(self, request: Any, version: int) -> Any:
        request = fitting(request, version)
        for _ in range(100):
            answer = self.client.ask(request, version)
            if not _PASSING & set(_codes(answer)):
                break
            time.sleep(0.05)
        return answer

    def ask(self, request: Any, version: int) -> Any:
        return self.plain(self.ask_until_ready(request, version))

    # Producers and transactions

    def do_init(
        self, producer: str, version: int, keep: bool = False, timeout: int = 60_000
    ) -> Any:
        one = self.producers[producer]
        request = InitProducerIdRequest(
            transactional_id=one.transactional_id,
            transaction_timeout_ms=timeout,
            producer_id=one.producer_id if keep else -1,
            producer_epoch=one.epoch if keep else -1,
        )
        answer = self.ask_until_ready(request, version)
        if not answer.error_code:
            self.adopt(one, answer.producer_id, answer.producer_epoch)
        return self.plain(answer)

    def adopt(self, one: Producer, producer_id: int, epoch: int) -> None:
        self.names.setdefault(producer_id, f"producer {len(self.names)}")
        one.producer_id, one.epoch = producer_id, epoch
        one.sequences.clear()

    def do_produce(
        self,
        producer: str | None,
        topic: str,
        partition: int,
        version: int,
        keys: list[str | None],
        times: list[int],
        codec: int,
        sequence: str,
        epoch: int,
        transactional: bool,
        as_id: str | None,
        flaw: str | None,
    ) -> Any:
        one = self.producers[producer] if producer else Producer(None)
        at = (topic, partition)
        following = one.sequences.get(at, 0)
        base = {
            "next": following,
            "gap": following + 3,
            "repeat": one.last.get(at, 0),
            "zero": 0,
            "back": following - 1,
            "last": 2**31 - 1,
            "none": -1,
        }[sequence]
        if one.transactional_id is not None:
            # Without a sequence Apache Kafka keeps the batch's order in ways that no client meets.
            base = max(base, 0)
        builder = BatchBuilder(codec)
        for key, offset in zip(keys, times, strict=True):
            stamp = offset if offset < 0 else EPOCH_MS + offset
            builder.append(
                stamp, None if key is None else key.encode(), b"v%d" % len(keys), (("h", b"1"),)
            )
        in_transaction = one.transactional_id is not None and transactional
        data = builder.build(
            producer_id=one.producer_id if producer else -1,
            producer_epoch=max(0, one.epoch + epoch) if producer else -1,
            base_sequence=base if producer else -1,
            transactional=in_transaction,
            control=flaw == "control",
            base_offset=3 if flaw == "offset" else 0,
        )
        data = _flawed(data, flaw)
        request = produce.ProduceRequest(
            transactional_id=one.transactional_id if as_id else None,
            acks=-1,
            timeout_ms=5000,
            topic_data=[
                produce.TopicProduceData(
                    name=self.prefix + topic,
                    partition_data=[produce.PartitionProduceData(index=partition, records=data)],
                )
            ],
        )
        answer = self.ask_until_ready(request, version)
        if not answer.responses[0].partition_responses[0].error_code:
            one.sequences[at] = (base + len(keys)) % 2**31
            one.last[at] = base
        return self.plain(answer)

    def do_add(
        self, producer: str, topic: str, partition: int, epoch: int, version: int, **_: Any
    ) -> Any:
        one = self.producers[producer]
        topics = [AddPartitionsToTxnTopic(name=self.prefix + topic, partitions=[partition])]
        version = min(version, 3)
        request = AddPartitionsToTxnRequest(
            v3_and_below_transactional_id=one.transactional_id or "",
            v3_and_below_producer_id=one.producer_id,
            v3_and_below_producer_epoch=one.epoch + epoch,
            v3_and_below_topics=topics,
        )
        return self.ask(request, version)

    def do_add_group(self, producer: str, group: str, epoch: int, version: int, **_: Any) -> Any:
        one = self.producers[producer]
        request = AddOffsetsToTxnRequest(
            transactional_id=one.transactional_id or "",
            producer_id=one.producer_id,
            producer_epoch=one.epoch + epoch,
            group_id=self.prefix + group,
        )
        return self.ask(request, version)

    def do_commit_offsets(
        self,
        producer: str,
        group: str,
        topic: str,
        partition: int,
        epoch: int,
        version: int,
        offset: int,
        **_: Any,
    ) -> Any:
        one = self.producers[producer]
        part = TxnOffsetCommitRequestPartition(partition_index=partition, committed_offset=offset)
        request = TxnOffsetCommitRequest(
            transactional_id=one.transactional_id or "",
            group_id=self.prefix + group,
            producer_id=one.producer_id,
            producer_epoch=one.epoch + epoch,
            topics=[TxnOffsetCommitRequestTopic(name=self.prefix + topic, partitions=[part])],
        )
        return self.ask(request, version)

    def do_end(
        self, producer: str, epoch: int, version: int, commit: bool, adopt: bool, **_: Any
    ) -> Any:
        one = self.producers[producer]
        request = EndTxnRequest(
            transactional_id=one.transactional_id or "",
            producer_id=one.producer_id,
            producer_epoch=one.epoch + epoch,
            committed=commit,
        )
        answer = self.ask_until_ready(request, version)
        if not answer.error_code and version >= 5 and adopt:
            self.adopt(one, answer.producer_id, answer.producer_epoch)
        return self.plain(answer)

    # Reading

    def bounds(self, topic: str, partition: int) -> tuple[int, int, int]:
        """First offset, last stable offset and end of a partition; -1 where there is none."""
        found = []
        for at, isolation in ((-2, 0), (-1, 1), (-1, 0)):
            request = self.offsets_request(topic, partition, at, -1, committed=isolation == 1)
            answer = self.ask_until_ready(request, 6)
            found.append(answer.topics[0].partitions[0].offset)
        return found[0], found[1], found[2]

    def offset(self, topic: str, partition: int, what: str) -> int:
        start, stable, end = self.bounds(topic, partition)
        return {
            "start": start,
            "middle": (start + end) // 2,
            "stable": stable,
            "end": end,
            "beyond": end + 3,
            "before": start - 1,
            "minus": -7,
            "high": -1,
        }[what]

    def do_fetch(
        self,
        topic: str,
        partition: int,
        committed: bool,
        version: int,
        offset: str,
        size: int,
        all_bytes: int,
        min_bytes: int,
        leader_epoch: int,
        fetched_epoch: int,
    ) -> Any:
        request = fetch.FetchRequest(
            max_wait_ms=0,
            min_bytes=min_bytes,
            max_bytes=all_bytes,
            isolation_level=int(committed),
            session_epoch=-1,
            topics=[
                fetch.FetchTopic(
                    topic=self.prefix + topic,
                    topic_id=self.topic_ids.get(topic, uuid.UUID(int=99)),
                    partitions=[
                        fetch.FetchPartition(
                            partition=partition,
                            fetch_offset=self.offset(topic, partition, offset),
                            partition_max_bytes=size,
                            current_leader_epoch=leader_epoch,
                            last_fetched_epoch=fetched_epoch,
                        )
                    ],
                )
            ],
        )
        return self.ask(request, version)

    def do_session(
        self,
        version: int,
        epoch: str,
        add: list[dict[str, Any]],
        forget: list[dict[str, Any]],
        committed: bool,
    ) -> Any:
        following = self.session_epoch + 1
        session_id, number = {
            "new": (0, 0),
            "next": (self.session_id, following),
            "same": (self.session_id, self.session_epoch),
            "jump": (self.session_id, following + 5),
            "none": (0, -1),
        }[epoch]
        request = fetch.FetchRequest(
            max_wait_ms=0,
            min_bytes=0,
            max_bytes=1 << 20,
            isolation_level=int(committed),
            session_id=session_id,
            session_epoch=number,
            topics=[
                fetch.FetchTopic(
                    topic=self.prefix + each["topic"],
                    partitions=[
                        fetch.FetchPartition(
                            partition=each["partition"],
                            fetch_offset=each["offset"],
                            partition_max_bytes=1 << 20,
                        )
                    ],
                )
                for each in add
            ],
            forgotten_topics_data=[
                fetch.ForgottenTopic(
                    topic=self.prefix + each["topic"], partitions=[each["partition"]]
                )
                for each in forget
            ],
        )
        # Asked once: a repetition would have an epoch that the session is past.
        answer = self.client.ask(fitting(request, version), version)
        if not answer.error_code:
            if epoch != "none":
                self.session_id, self.session_epoch = answer.session_id, number
            answer.session_id = min(answer.session_id, 1)
        return self.plain(answer)

    def offsets_request(
        self, topic: str, partition: int, at: int, leader_epoch: int, *, committed: bool
    ) -> list_offsets.ListOffsetsRequest:
        asked = list_offsets.ListOffsetsPartition(
            partition_index=partition, timestamp=at, current_leader_epoch=leader_epoch
        )
        return list_offsets.ListOffsetsRequest(
            replica_id=-1,
            isolation_level=int(committed),
            topics=[list_offsets.ListOffsetsTopic(name=self.prefix + topic, partitions=[asked])],
        )

    def do_offsets(
        self, topic: str, partition: int, committed: bool, version: int, at: int, leader_epoch: int
    ) -> Any:
        request = self.offsets_request(topic, partition, at, leader_epoch, committed=committed)
        return self.ask(request, version)

    def do_epoch(
        self, topic: str, partition: int, version: int, epoch: int, leader_epoch: int, **_: Any
    ) -> Any:
        asked = offset_for_leader_epoch.OffsetForLeaderPartition(
            partition=partition, leader_epoch=epoch, current_leader_epoch=leader_epoch
        )
        request = offset_for_leader_epoch.OffsetForLeaderEpochRequest(
            replica_id=-1,
            topics=[
                offset_for_leader_epoch.OffsetForLeaderTopic(
                    topic=self.prefix + topic, partitions=[asked]
                )
            ],
        )
        return self.ask(request, version)

    def do_producers(self, topic: str, partition: int, **_: Any) -> Any:
        asked = describe_producers.TopicRequest(
            name=self.prefix + topic, partition_indexes=[partition]
        )
        return self.ask(describe_producers.DescribeProducersRequest(topics=[asked]), 0)

    def do_transactions(self) -> Any:
        ids = [self.names_id(name) for name in PRODUCERS[2:]]
        answer = self.client.ask(ListTransactionsRequest(producer_id_filters=ids), 1)
        return self.plain(answer)

    def names_id(self, producer: str) -> int:
        return self.producers[producer].producer_id

    def do_transaction(self) -> Any:
        ids = [self.prefix + each for each in ("x0", "x1", "x9")]
        request = describe_transactions.DescribeTransactionsRequest(transactional_ids=ids)
        return self.ask(request, 0)

    def do_committed(self) -> Any:
        answers = []
        for group in GROUPS:
            for stable in (False, True):
                request = offset_fetch.OffsetFetchRequest(
                    group_id=self.prefix + group, topics=None, require_stable=stable
                )
                answers.append(self.plain(self.client.ask(fitting(request, 7), 7)))
        return answers

    def do_all(self) -> Any:
        """All records as readers of both kinds see them."""
        found = []
        for topic in (*TOPICS, "made"):
            for partition in (0, 1):
                found += [
                    self.do_fetch(
                        topic, partition, committed, 12, "start", 1 << 20, 1 << 20, 0, -1, -1
                    )
                    for committed in (False, True)
                ]
                found.append(self.do_producers(topic, partition))
        return found

    # Topics

    def do_delete_records(self, topic: str, partition: int, offset: str) -> Any:
        at = self.offset(topic, partition, offset)
        part = delete_records.DeleteRecordsPartition(partition_index=partition, offset=at)
        request = delete_records.DeleteRecordsRequest(
            topics=[delete_records.DeleteRecordsTopic(name=self.prefix + topic, partitions=[part])],
            timeout_ms=5000,
        )
        return self.ask(request, 2)

    def do_make(self, partitions: int) -> Any:
        return self.create("made", partitions, {})

    def do_drop(self, topic: str) -> Any:
        request = delete_topics.DeleteTopicsRequest(
            topic_names=[self.prefix + topic], timeout_ms=5000
        )
        answer = self.ask(request, 5)
        self.topic_known(topic, exists=False)
        return answer

    def do_grow(self, topic: str, to: int) -> Any:
        more = create_partitions.CreatePartitionsTopic(
            name=self.prefix + topic, count=to, assignments=None
        )
        request = create_partitions.CreatePartitionsRequest(topics=[more], timeout_ms=5000)
        answer = self.client.ask(request, 3)
        if not answer.results[0].error_code:
            self.topic_known(topic, exists=True, partitions=to)
        return self.plain(answer)

    def do_alter(self, topic: str, name: str, value: str) -> Any:
        resource = alter.AlterConfigsResource(
            resource_type=2,
            resource_name=self.prefix + topic,
            configs=[alter.AlterableConfig(name=name, config_operation=0, value=value)],
        )
        answer = self.ask(alter.IncrementalAlterConfigsRequest(resources=[resource]), 1)
        # Apache Kafka's logs hear of it a little later.
        time.sleep(0.1)
        return answer

    # Answers

    def plain(self, value: Any, name: str = "") -> Any:
        """Dicts and lists; names for ids and times of today."""
        if name == "records":
            return [self.batch(value, *each) for each in batches(value or b"")]
        if isinstance(value, fetch.FetchResponse):
            # Whether a topic is named once or for each partition again is the broker's choice.
            value.responses = [
                fetch.FetchableTopicResponse(
                    topic=topic.topic, topic_id=topic.topic_id, partitions=[each]
                )
                for topic in value.responses
                for each in topic.partitions
            ]
        if isinstance(value, list):
            return sorted((self.plain(each) for each in value), key=repr)
        if isinstance(value, uuid.UUID):
            return "id" if value.int else "no id"
        if name == "producer_id":
            return self.names.get(value, "stranger")
        if name in _TIMES and value > _RECENT_MS:
            return "now"
        if name == "session_id":
            return value and 1
        if isinstance(value, list_offsets.ListOffsetsPartitionResponse):
            # Which of the records of today is the last one in time is a matter of milliseconds.
            value.offset = -1 if value.timestamp > _RECENT_MS else value.offset
        if isinstance(value, fetch.PartitionData):
            # Both tell of more aborted transactions, or of an earlier stable offset, than a reader needs.
            ends = [header.next_offset for _, header in batches(value.records or b"")]
            value.last_stable_offset = max(value.last_stable_offset, value.log_start_offset)
            value.aborted_transactions = [
                each
                for each in value.aborted_transactions or ()
                if ends and each.first_offset < ends[-1]
            ]
        if isinstance(value, describe_transactions.TopicData) and value.topic.startswith("__"):
            value.partitions = []  # where a group is depends on its name and the broker's settings
        if isinstance(value, str):
            return value.replace(self.prefix, "")
        slots = getattr(type(value), "__slots__", None)
        if slots and not isinstance(value, int):
            return {
                each: self.plain(getattr(value, each), each)
                for each in slots
                # Apache Kafka's defaults beside an error may be those of a real producer.
                if each not in _DROPPED
                and not (each == "producer_id" and getattr(value, "error_code", 0))
            }
        return value

    def batch(self, data: Any, start: int, header: Any) -> Any:
        columns = decode_batch(data, start, header)
        return {
            "offset": header.base_offset,
            "delta": header.last_offset_delta,
            "attributes": header.attributes,
            "producer": self.names.get(header.producer_id, "stranger"),
            "epoch": header.producer_epoch,
            "sequence": header.base_sequence,
            "max": self.plain(header.max_timestamp, "timestamp"),
            "times": [self.plain(each, "timestamp") for each in columns.timestamps],
            "keys": [None if each is None else bytes(each).hex() for each in columns.keys],
            "values": []
            if header.is_control
            else [None if each is None else bytes(each).hex() for each in columns.values],
            "offsets": [int(each) for each in columns.offsets],
        }


_EPILOGUE: list[Step] = [
    ("transaction", {}),
    ("committed", {}),
    ("all", {}),
    *(
        ("end", {"producer": each, "epoch": 0, "version": 1, "commit": True, "adopt": False})
        for each in ("x0", "x1")
    ),
    ("transaction", {}),
    ("committed", {}),
    ("all", {}),
]


def _codes(value: Any) -> Iterator[int]:
    """All error codes in an answer."""
    if isinstance(value, list):
        for each in value:
            yield from _codes(each)
        return
    for name in getattr(type(value), "__slots__", ()):
        found = getattr(value, name)
        if name in ("error_code", "partition_error_code"):
            yield found
        elif isinstance(found, list):
            yield from _codes(found)


def _flawed(data: bytes, flaw: str | None) -> bytes:
    batch = bytearray(data)
    match flaw:
        case "count":
            batch[60] += 1
        case "crc":
            batch[-1] ^= 1
            return bytes(batch)
        case "magic":
            batch[16] = 1
            return bytes(batch)
        case "cut":
            return data[:-3]
        case "twice":
            return data + data
        case _:
            return data
    batch[17:21] = crc32c(bytes(batch[21:])).to_bytes(4, "big")
    return bytes(batch)
