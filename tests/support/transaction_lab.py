"""Transactional producers and readers of committed records, over the handlers of a broker without sockets."""

from __future__ import annotations

from typing import Any

from broker_lab import BrokerLab, batch, fetch_request

from streamkit.log.broker.transactions import TransactionState
from streamkit.log.protocol import ErrorCode, batches, decode_batch
from streamkit.log.protocol.messages import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    EndTxnRequest,
    InitProducerIdRequest,
    ProduceRequest,
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from streamkit.log.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from streamkit.log.protocol.messages.produce import PartitionProduceData, TopicProduceData

TIMEOUT_MS = 60_000
NONE = ErrorCode.NONE


class Writer:
    """A transactional producer of version 2 (`modern`), or of before."""

    def __init__(self, lab: BrokerLab, transactional_id: str, *, modern: bool = True) -> None:
        self.lab = lab
        self.id = transactional_id
        self.modern = modern
        self.producer_id = self.epoch = -1
        self.sequences: dict[int, int] = {}

    def init(self, *, keep: bool = False, timeout_ms: int = TIMEOUT_MS) -> ErrorCode:
        answer = self.lab.call(
            InitProducerIdRequest(
                transactional_id=self.id,
                transaction_timeout_ms=timeout_ms,
                producer_id=self.producer_id if keep else -1,
                producer_epoch=self.epoch if keep else -1,
            )
        )
        if answer.error_code == NONE:
            self._become(answer.producer_id, answer.producer_epoch)
        return ErrorCode(answer.error_code)

    def _become(self, producer_id: int, epoch: int) -> None:
        if (producer_id, epoch) != (self.producer_id, self.epoch):
            self.sequences.clear()
        self.producer_id, self.epoch = producer_id, epoch

    def add(self, partition: int = 0) -> ErrorCode:
        answer = self.lab.call(
            AddPartitionsToTxnRequest(
                v3_and_below_transactional_id=self.id,
                v3_and_below_producer_id=self.producer_id,
                v3_and_below_producer_epoch=self.epoch,
                v3_and_below_topics=[AddPartitionsToTxnTopic(name="t", partitions=[partition])],
            ),
            version=3,
        )
        found = answer.results_by_topic_v3_and_below[0].results_by_partition[0]
        return ErrorCode(found.partition_error_code)

    def send(self, value: bytes, partition: int = 0) -> ErrorCode:
        records = batch(
            value,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            base_sequence=self.sequences.get(partition, 0),
            transactional=True,
        )
        data = PartitionProduceData(index=partition, records=records)
        answer = self.lab.call(
            ProduceRequest(
                transactional_id=self.id,
                acks=-1,
                timeout_ms=1000,
                topic_data=[TopicProduceData(name="t", partition_data=[data])],
            ),
            version=12 if self.modern else 11,
        )
        error = ErrorCode(answer.responses[0].partition_responses[0].error_code)
        if error is NONE:
            self.sequences[partition] = self.sequences.get(partition, 0) + 1
        return error

    def write(self, value: bytes, partition: int = 0) -> None:
        if not self.modern:
            assert self.add(partition) is NONE
        assert self.send(value, partition) is NONE

    def end(self, *, commit: bool = True) -> ErrorCode:
        answer = self.lab.call(
            EndTxnRequest(
                transactional_id=self.id,
                producer_id=self.producer_id,
                producer_epoch=self.epoch,
                committed=commit,
            ),
            version=5 if self.modern else 4,
        )
        if answer.error_code == NONE and self.modern:
            self._become(answer.producer_id, answer.producer_epoch)
        return ErrorCode(answer.error_code)

    def commit_offset(self, offset: int, partition: int = 0, **member: Any) -> ErrorCode:
        if not self.modern:
            added = self.lab.call(
                AddOffsetsToTxnRequest(
                    transactional_id=self.id,
                    producer_id=self.producer_id,
                    producer_epoch=self.epoch,
                    group_id="g",
                )
            )
            assert added.error_code == NONE
        part = TxnOffsetCommitRequestPartition(partition_index=partition, committed_offset=offset)
        answer = self.lab.call(
            TxnOffsetCommitRequest(
                transactional_id=self.id,
                group_id="g",
                producer_id=self.producer_id,
                producer_epoch=self.epoch,
                topics=[TxnOffsetCommitRequestTopic(name="t", partitions=[part])],
                **member,
            ),
            version=5 if self.modern else 3,
        )
        return ErrorCode(answer.topics[0].partitions[0].error_code)


def committed(lab: BrokerLab, partition: int = 0) -> list[bytes | None]:
    """What a reader of committed records sees, by the answer's own list of aborted transactions."""
    (topic,) = lab.call(
        fetch_request("t", [(partition, 0)], isolation_level=1), version=12
    ).responses
    data = topic.partitions[0]
    return visible(data)


def visible(data: Any) -> list[bytes | None]:
    aborted = sorted(data.aborted_transactions or [], key=lambda each: each.first_offset)
    dropped: set[int] = set()
    found: list[bytes | None] = []
    for position, header in batches(data.records or b""):
        while aborted and aborted[0].first_offset <= header.last_offset:
            dropped.add(aborted.pop(0).producer_id)
        if header.is_control:
            dropped.discard(header.producer_id)
        elif not (header.is_transactional and header.producer_id in dropped):
            found.extend(decode_batch(data.records, position, header).values)
    return found


def offset(lab: BrokerLab, *, stable: bool = False) -> tuple[int, ErrorCode]:
    asked = OffsetFetchRequestTopics(name="t", partition_indexes=[0])
    answer = lab.call(
        OffsetFetchRequest(
            groups=[OffsetFetchRequestGroup(group_id="g", topics=[asked])], require_stable=stable
        ),
        version=8,
    )
    found = answer.groups[0].topics[0].partitions[0]
    return found.committed_offset, ErrorCode(found.error_code)


def state(lab: BrokerLab, transactional_id: str) -> TransactionState:
    known = lab.broker.transactions.transaction(transactional_id)
    assert known is not None
    return known.state
