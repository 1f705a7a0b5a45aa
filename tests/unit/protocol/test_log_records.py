"""The envelopes of structs that stand in records."""

from __future__ import annotations

import uuid

import pytest

from streamkit.errors import ProtocolError
from streamkit.log.protocol import (
    decode_metadata_record,
    decode_record_key,
    decode_versioned,
    encode_metadata_record,
    encode_record_key,
    encode_versioned,
)
from streamkit.log.protocol.messages import (
    ConsumerProtocolSubscription,
    GroupMetadataKey,
    OffsetCommitKey,
    OffsetCommitValue,
    TopicRecord,
    TransactionLogKey,
)


def test_a_key_bears_its_record_type() -> None:
    key = OffsetCommitKey(group="g", topic="t", partition=3)
    raw = encode_record_key(key)
    assert raw == bytes.fromhex("0001 0001 67 0001 74 00000003")
    assert decode_record_key("__consumer_offsets", raw) == key
    assert decode_record_key("__consumer_offsets", b"\0\0" + raw[2:]) == key
    assert encode_record_key(GroupMetadataKey(group="g")) == bytes.fromhex("0002 0001 67")
    transaction = TransactionLogKey(transactional_id="t")
    assert encode_record_key(transaction) == bytes.fromhex("0000 0001 74")
    assert decode_record_key("__transaction_state", encode_record_key(transaction)) == transaction


@pytest.mark.parametrize("raw", [b"", b"\0", b"\0\x63", b"\0\x01", b"\0\x01\0\x05g"])
def test_an_unknown_or_damaged_key_is_a_protocol_error(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_record_key("__consumer_offsets", raw)


def test_a_value_bears_its_version() -> None:
    value = OffsetCommitValue(offset=5, metadata="m", commit_timestamp=9)
    raw = encode_versioned(value, 3)
    assert raw[:2] == b"\0\x03"
    assert decode_versioned(OffsetCommitValue, raw) == value
    with pytest.raises(ProtocolError, match="not 9"):
        decode_versioned(OffsetCommitValue, b"\0\x09" + raw[2:])


def test_a_subscription_of_the_future_is_read_as_the_newest_known() -> None:
    subscription = ConsumerProtocolSubscription(topics=["a"], generation_id=4, rack_id="r")
    raw = encode_versioned(subscription, 3)
    future = b"\0\x09" + raw[2:] + b"more"
    assert decode_versioned(ConsumerProtocolSubscription, future) == subscription


def test_metadata_records_bear_frame_version_type_and_version() -> None:
    record = TopicRecord(name="t", topic_id=uuid.UUID(int=5))
    raw = encode_metadata_record(record, 0)
    assert raw[:3] == b"\x01\x02\x00"
    assert decode_metadata_record(raw) == (record, 0)
    for damaged in (b"", b"\x02\x02\x00", b"\x01\x7f\x00", b"\x01\x02\x09", raw[:-3]):
        with pytest.raises(ProtocolError):
            decode_metadata_record(damaged)
