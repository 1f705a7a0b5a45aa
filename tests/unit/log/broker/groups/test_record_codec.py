from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.errors import ProtocolError
from streamkit.log.broker.groups.record_codec import decode_record, encode_record
from streamkit.log.broker.groups.records import (
    CommittedOffset,
    GroupMetadata,
    GroupMetadataRecord,
    MemberMetadata,
    OffsetCommitRecord,
    partition_for,
)
from streamkit.model import TopicPartition

TEXT = st.text(max_size=20)
BYTES = st.binary(max_size=20)
INT32 = st.integers(0, 2**31 - 1)
INT64 = st.integers(0, 2**63 - 1)

OFFSETS = st.builds(
    OffsetCommitRecord,
    TEXT,
    st.builds(TopicPartition, TEXT, INT32),
    st.none() | st.builds(CommittedOffset, INT64, INT32, TEXT, INT64, st.none(), st.uuids()),
)
MEMBERS = st.builds(MemberMetadata, TEXT, st.none() | TEXT, TEXT, TEXT, INT32, INT32, BYTES, BYTES)
GROUPS = st.builds(
    GroupMetadataRecord,
    TEXT,
    st.none()
    | st.builds(
        GroupMetadata,
        TEXT,
        INT32,
        st.none() | TEXT,
        st.none() | TEXT,
        INT64,
        st.lists(MEMBERS, max_size=3).map(tuple),
    ),
)


@given(OFFSETS | GROUPS)
def test_records_come_back_as_they_were(record: OffsetCommitRecord | GroupMetadataRecord) -> None:
    assert decode_record(*encode_record(record)) == record


@given(st.binary(max_size=40), st.none() | st.binary(max_size=80))
def test_damaged_record_is_a_protocol_error(key: bytes, value: bytes | None) -> None:
    try:
        decode_record(key, value)
    except ProtocolError:
        return


def test_bytes_of_an_offset_are_kafkas() -> None:
    """Written down from Kafka 4.3's OffsetCommitValue, version 4."""
    record = OffsetCommitRecord(
        "g", TopicPartition("t", 1), CommittedOffset(7, 3, "m", 9, topic_id=UUID(int=5))
    )
    key, value = encode_record(record)
    assert key == bytes.fromhex("0001 0001 67 0001 74 00000001")
    assert value == bytes.fromhex(
        "0004 0000000000000007 00000003 026d 0000000000000009 01 00 10" + UUID(int=5).hex
    )


def test_retention_of_its_own_takes_version_1() -> None:
    record = OffsetCommitRecord("g", TopicPartition("t", 1), CommittedOffset(7, -1, "", 9, 11))
    key, value = encode_record(record)
    assert value == bytes.fromhex("0001 0000000000000007 0000 0000000000000009 000000000000000b")
    assert decode_record(key, value) == record


def test_other_types_are_passed_over() -> None:
    """That of share groups, for one."""
    assert decode_record(b"\0\x0b\0\1g", b"\0\0") is None


def test_record_without_a_key_is_refused() -> None:
    with pytest.raises(ProtocolError):
        decode_record(None, b"")


@pytest.mark.parametrize(
    ("group_id", "partition"),
    [("", 0), ("g", 3), ("console-consumer-1", 24), ("polygenelubricants", 0), ("é☃𝄞", 38)],
)
def test_partition_is_javas_hash(group_id: str, partition: int) -> None:
    """The fourth one's hash is the smallest integer, of which there is no absolute value."""
    assert partition_for(group_id, 50) == partition
