"""Declarations and the rules of their codecs that golden bytes don't show."""

from __future__ import annotations

import copy
import pickle
import uuid
from typing import Any

import pytest

from streamkit.errors import ProtocolError
from streamkit.log.protocol import (
    NO_UUID,
    ApiKey,
    ErrorCode,
    decode_request,
    decode_request_header,
    decode_response,
    decode_struct,
    encode_request,
    encode_response,
    encode_struct,
    is_flexible,
    known_keys,
    request_class,
    version_range,
)
from streamkit.log.protocol.decoder_source import MAX_ITEMS
from streamkit.log.protocol.messages import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    CreatableTopic,
    CreateTopicsRequest,
    DescribeTopicPartitionsRequest,
    FetchRequest,
    FetchTopic,
    FindCoordinatorRequest,
    JoinGroupRequest,
    MetadataRequest,
    MetadataRequestTopic,
    OffsetCommitRequest,
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from streamkit.log.protocol.messages.fetch import ReplicaState
from streamkit.log.protocol.varint import encode_uvarint
from streamkit.log.protocol.wire import VersionRange, fields_of, info_of


def test_every_field_has_its_default() -> None:
    request = FetchRequest()
    assert request.max_bytes == 0x7FFFFFFF
    assert request.replica_id == -1
    assert request.cluster_id is None
    assert request.topics == []
    assert request.replica_state == ReplicaState(replica_id=-1, replica_epoch=-1)


def test_defaults_are_not_shared() -> None:
    first, second = FetchRequest(), FetchRequest()
    first.topics.append(FetchTopic())
    first.replica_state.replica_id = 5
    assert second.topics == []
    assert second.replica_state.replica_id == -1


def test_messages_are_equal_by_their_fields() -> None:
    assert MetadataRequest(topics=None) == MetadataRequest(topics=None)
    assert MetadataRequest(topics=None) != MetadataRequest(topics=[])
    other: object = FetchRequest()
    assert MetadataRequest() != other


def test_repr_names_class_and_fields() -> None:
    assert (
        repr(MetadataRequestTopic(name="a"))
        == f"MetadataRequestTopic(topic_id={NO_UUID!r}, name='a')"
    )


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(TypeError, match="topic"):
        MetadataRequest(topic=[])  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        MetadataRequest().topic = []  # type: ignore[attr-defined]


def test_messages_can_be_copied_and_pickled() -> None:
    request = MetadataRequest(topics=[MetadataRequestTopic(name="a", topic_id=uuid.uuid4())])
    assert copy.deepcopy(request) == request
    assert pickle.loads(pickle.dumps(request)) == request


@pytest.mark.parametrize(
    ("text", "low", "high"), [("3+", 3, 32767), ("0-6", 0, 6), ("2", 2, 2), ("none", 0, -1)]
)
def test_version_ranges_are_read_as_kafka_writes_them(text: str, low: int, high: int) -> None:
    assert VersionRange.parse(text) == (low, high)
    assert low in VersionRange.parse(text) or text == "none"
    assert high + 1 not in VersionRange.parse(text)


def test_a_field_that_the_version_lacks_is_refused_unless_it_is_default() -> None:
    assert encode_struct(FindCoordinatorRequest(key="g"), 0)
    with pytest.raises(ProtocolError, match=r"FindCoordinatorRequest.key_type is set, version 0"):
        encode_struct(FindCoordinatorRequest(key="g", key_type=1), 0)


def test_an_ignorable_field_that_the_version_lacks_is_dropped() -> None:
    request = JoinGroupRequest(group_id="g", reason="because")
    decoded = decode_struct(JoinGroupRequest, 7, encode_struct(request, 7))
    assert decoded.reason is None


def test_a_version_that_is_not_served_is_refused_both_ways() -> None:
    with pytest.raises(ProtocolError, match="versions 3 to 13, not 2"):
        encode_struct(ProduceRequest(), 2)
    with pytest.raises(ProtocolError, match="not 14"):
        decode_struct(ProduceRequest, 14, b"")


@pytest.mark.parametrize(
    "message",
    [
        CreateTopicsRequest(topics=[CreatableTopic(name=None)]),  # type: ignore[arg-type]
        CreateTopicsRequest(topics=[CreatableTopic(name=b"bytes")]),  # type: ignore[arg-type]
        CreateTopicsRequest(topics=[CreatableTopic(num_partitions=2**31)]),
        CreateTopicsRequest(topics=[CreatableTopic(name="x" * 40_000)]),
        CreateTopicsRequest(topics=["a"]),  # type: ignore[list-item]
        CreateTopicsRequest(topics=None),  # type: ignore[arg-type]
        CreateTopicsRequest(timeout_ms="soon"),  # type: ignore[arg-type]
        CreateTopicsRequest(topics=[CreatableTopic(name="\ud800")]),
    ],
)
def test_a_value_that_does_not_fit_is_a_protocol_error(message: Any) -> None:
    with pytest.raises(ProtocolError, match="CreateTopicsRequest can't be encoded in version 4"):
        encode_struct(message, 4)


def test_null_where_it_is_not_allowed_is_a_protocol_error() -> None:
    """Version 0 of Metadata has no null list."""
    with pytest.raises(ProtocolError):
        encode_struct(MetadataRequest(topics=None), 0)
    with pytest.raises(ProtocolError, match="topics"):
        decode_struct(MetadataRequest, 0, b"\xff\xff\xff\xff")


def test_unknown_tagged_fields_are_skipped() -> None:
    plain = encode_struct(OffsetCommitRequest(group_id="g"), 8)
    assert plain.endswith(b"\0")
    tagged = plain[:-1] + b"\x02" + b"\x03\x02hi" + b"\x84\x01\x00"
    assert decode_struct(OffsetCommitRequest, 8, tagged) == OffsetCommitRequest(group_id="g")


def test_a_tagged_field_must_end_where_it_says() -> None:
    raw = encode_struct(FetchRequest(cluster_id="id"), 12)
    assert raw.endswith(b"\x01\x00\x03\x03id")
    longer = raw[:-4] + b"\x04\x03id\x00"
    with pytest.raises(ProtocolError, match="ends elsewhere"):
        decode_struct(FetchRequest, 12, longer)


def test_an_unsigned_varint_of_more_than_five_bytes_is_refused() -> None:
    with pytest.raises(ProtocolError, match="varint"):
        decode_struct(DescribeTopicPartitionsRequest, 0, b"\xff" * 10)


def test_strings_that_no_log_could_hold_are_refused() -> None:
    """As by Apache Kafka: a flexible version could say more than the 32,767 bytes of all others."""
    longest = OffsetCommitRequest(group_id="g" * 0x7FFF)
    assert decode_struct(OffsetCommitRequest, 8, encode_struct(longest, 8)) == longest
    longer = encode_struct(OffsetCommitRequest(group_id="g" * 0x8000), 8)
    with pytest.raises(ProtocolError, match="32768 bytes, more than 32767"):
        decode_struct(OffsetCommitRequest, 8, longer)


def test_bytes_after_a_message_are_left_alone() -> None:
    raw = encode_struct(MetadataRequest(topics=None), 9)
    assert decode_struct(MetadataRequest, 9, raw + b"tail") == MetadataRequest(topics=None)


def test_records_of_a_memoryview_are_views() -> None:
    data = PartitionProduceData(index=1, records=b"the batch")
    request = ProduceRequest(topic_data=[TopicProduceData(name="t", partition_data=[data])])
    raw = encode_struct(request, 9)
    records = (
        decode_struct(ProduceRequest, 9, memoryview(raw)).topic_data[0].partition_data[0].records
    )
    assert isinstance(records, memoryview)
    assert records.obj is raw
    assert encode_struct(request, 9) == encode_struct(
        decode_struct(ProduceRequest, 9, memoryview(raw)), 9
    )


def test_request_header_of_each_kind() -> None:
    """Flexible versions add tagged fields; a null client id is allowed."""
    old = encode_request(ApiVersionsRequest(), 0, 7, "me")
    assert old == bytes.fromhex("0000000c 0012 0000 00000007 0002") + b"me"
    new = encode_request(ApiVersionsRequest(), 3, 7, None)
    assert new == bytes.fromhex("0000000e 0012 0003 00000007 ffff 00 01 01 00")
    header = decode_request_header(new[4:])
    assert header.client_id is None
    assert decode_request(header, new[4:]) == ApiVersionsRequest()


def test_header_of_an_unknown_api_can_be_read() -> None:
    header = decode_request_header(bytes.fromhex("7fff 0063 00000007 0001 78 dead"))
    assert (header.api_key, header.api_version, header.client_id) == (0x7FFF, 99, "x")
    with pytest.raises(ProtocolError, match="no API with key 32767"):
        decode_request(header, b"")


def test_header_of_a_version_too_new_is_read_as_flexible() -> None:
    """As franz-go opens: ApiVersions 5, which the broker must answer in version 0."""
    raw = bytes.fromhex("0012 0005 00000001 0001 78 00")
    header = decode_request_header(raw)
    assert (header.api_version, header.body_offset) == (5, len(raw))


def test_the_answer_to_api_versions_has_no_tags_in_its_header() -> None:
    raw = encode_response(ApiVersionsResponse(error_code=35), 3, 9)
    assert raw[4:8] == b"\0\0\0\x09"
    assert raw[8:10] == b"\0\x23"
    assert decode_response(ApiKey.API_VERSIONS, 3, raw[4:]) == (
        9,
        ApiVersionsResponse(error_code=35),
    )


def test_requests_and_responses_are_not_mixed_up() -> None:
    with pytest.raises(ProtocolError, match="not a response"):
        encode_response(ApiVersionsRequest(), 0, 1)
    with pytest.raises(ProtocolError, match="not a request"):
        encode_request(ApiVersionsResponse(), 0, 1)
    with pytest.raises(TypeError, match="not a wire message"):
        encode_request("hello", 0, 1)


@pytest.mark.parametrize("raw", [b"", b"\0", b"\0\0\0", bytes(9), bytes(8) + b"\x7f\xff"])
def test_a_header_cut_off_is_a_protocol_error(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_request_header(raw)


def test_keys_and_versions_are_told() -> None:
    assert ApiKey.PRODUCE in known_keys()
    assert version_range(ApiKey.FETCH) == (4, 18)
    assert is_flexible(ApiKey.FETCH, 12)
    assert not is_flexible(ApiKey.FETCH, 11)
    assert not is_flexible(999, 1)
    for key in known_keys():
        assert info_of(request_class(key)).key == key


def test_fields_keep_their_order() -> None:
    assert [field.name for field in fields_of(ProduceRequest)] == [
        "transactional_id",
        "acks",
        "timeout_ms",
        "topic_data",
    ]


def test_error_codes() -> None:
    assert ErrorCode(3) is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert ErrorCode(3).retriable
    assert not ErrorCode.INVALID_TOPIC_EXCEPTION.retriable
    assert ErrorCode(12_345) is ErrorCode.UNKNOWN_SERVER_ERROR


def test_honest_arrays_are_limited_too() -> None:
    """A million and one topics of two bytes each would be a hundred megabytes of objects."""
    empty_topic = b"\x01\x00"
    count = MAX_ITEMS + 2
    raw = encode_uvarint(count) + empty_topic * (count - 1) + b"\x01\x01\x00"
    with pytest.raises(ProtocolError, match="more than 1000000 elements"):
        decode_struct(MetadataRequest, 9, raw)
