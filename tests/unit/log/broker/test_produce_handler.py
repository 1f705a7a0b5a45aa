"""Produce: appends, refusals, acks."""

from __future__ import annotations

import uuid

import pytest
from broker_lab import NOW_MS, BrokerLab, batch, fetch_request, values

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)


def test_produced_records_can_be_fetched(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    first = lab.produce("t", 0, batch(b"a", b"b"))
    second = lab.produce("t", 0, batch(b"c"))
    assert (first.error_code, first.base_offset) == (0, 0)
    assert (second.error_code, second.base_offset, second.log_start_offset) == (0, 2, 0)
    answer = lab.call(fetch_request("t", [(0, 0)]), 12)
    assert values(answer.responses[0].partitions[0].records) == [b"a", b"b", b"c"]


def test_log_append_time_is_told(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {"message.timestamp.type": "LogAppendTime"})
    assert lab.produce("t", 0, batch(b"a", timestamp=5)).log_append_time_ms == NOW_MS


def test_topic_named_by_id_is_answered_by_id(lab: BrokerLab) -> None:
    topic = lab.broker.create_topic("t", 1, {})
    request = ProduceRequest(
        acks=1,
        topic_data=[
            TopicProduceData(
                topic_id=topic.topic_id,
                partition_data=[PartitionProduceData(index=0, records=batch(b"a"))],
            )
        ],
    )
    answer = lab.call(request, 13).responses[0]
    assert answer.topic_id == topic.topic_id
    assert answer.partition_responses[0].error_code == ErrorCode.NONE


def test_unknown_topic_id_is_refused(lab: BrokerLab) -> None:
    request = ProduceRequest(
        acks=1,
        topic_data=[
            TopicProduceData(
                topic_id=uuid.UUID(int=99),
                partition_data=[PartitionProduceData(index=0, records=batch(b"a"))],
            )
        ],
    )
    answer = lab.call(request, 13).responses[0]
    assert answer.partition_responses[0].error_code == ErrorCode.UNKNOWN_TOPIC_ID


def test_one_failing_partition_leaves_the_other_alone(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    request = ProduceRequest(
        acks=1,
        topic_data=[
            TopicProduceData(
                name="t",
                partition_data=[
                    PartitionProduceData(index=9, records=batch(b"a")),
                    PartitionProduceData(index=0, records=batch(b"b")),
                ],
            )
        ],
    )
    codes = [each.error_code for each in lab.call(request, 9).responses[0].partition_responses]
    assert codes == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.NONE]


def test_damaged_batch_is_refused(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    damaged = bytearray(batch(b"a"))
    damaged[-1] ^= 1
    assert lab.produce("t", 0, bytes(damaged)).error_code == ErrorCode.CORRUPT_MESSAGE
    assert lab.broker.partition_log("t", 0).end_offset == 0


def test_produce_does_not_create_topics(lab: BrokerLab) -> None:
    answer = lab.produce("nowhere", 0, batch(b"a"))
    assert answer.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("records", [None, b""])
def test_missing_batch_is_refused(lab: BrokerLab, records: bytes | None) -> None:
    lab.broker.create_topic("t", 1, {})
    assert lab.produce("t", 0, records).error_code == ErrorCode.INVALID_RECORD


def test_internal_topic_is_not_written_by_clients(lab: BrokerLab) -> None:
    lab.broker.append_internal("__consumer_offsets", 0, [(b"k", b"v")], NOW_MS)
    answer = lab.produce("__consumer_offsets", 0, batch(b"a"))
    assert answer.error_code == ErrorCode.INVALID_TOPIC_EXCEPTION


def test_acks_other_than_the_known_are_refused(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    assert lab.produce("t", 0, batch(b"a"), acks=2).error_code == ErrorCode.INVALID_REQUIRED_ACKS


def test_acks_0_has_no_answer(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    assert lab.produce("t", 0, batch(b"a"), acks=0) is None
    assert lab.broker.partition_log("t", 0).end_offset == 1
    assert lab.connection.closed_because is None


def test_failure_with_acks_0_closes_the_connection(lab: BrokerLab) -> None:
    """Nothing else can tell the client."""
    assert lab.produce("nowhere", 0, batch(b"a"), acks=0) is None
    assert "UNKNOWN_TOPIC_OR_PARTITION" in str(lab.connection.closed_because)


def test_repeated_idempotent_batch_is_stored_once(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    sent = batch(b"a", producer_id=5, producer_epoch=0, base_sequence=0)
    assert lab.produce("t", 0, sent).base_offset == 0
    again = lab.produce("t", 0, sent)
    assert (again.error_code, again.base_offset) == (ErrorCode.NONE, 0)
    assert lab.broker.partition_log("t", 0).end_offset == 1


def test_gap_in_sequences_is_refused(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    lab.produce("t", 0, batch(b"a", producer_id=5, producer_epoch=0, base_sequence=0))
    answer = lab.produce("t", 0, batch(b"c", producer_id=5, producer_epoch=0, base_sequence=2))
    assert answer.error_code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
