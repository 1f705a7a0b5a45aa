"""MessagePack, UUID, datetime, list and nullable: their exact bytes and what they refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from streamkit.errors import ConfigError, SerdeError
from streamkit.serde import (
    DateTimeSerde,
    ListSerde,
    MessagePackSerde,
    NullableSerde,
    UUIDSerde,
    serde_for,
)

ID = UUID("12345678-9abc-def0-1234-56789abcdef0")


def test_msgpack_writes_map_keys_sorted() -> None:
    serde = MessagePackSerde()
    assert serde.serialize("t", {"b": 1, "a": 2}) == serde.serialize("t", {"a": 2, "b": 1})
    assert serde.deserialize("t", b"\x82\xa1b\x01\xa1a\x02") == {"b": 1, "a": 2}


def test_msgpack_of_another_type_is_refused() -> None:
    with pytest.raises(SerdeError, match=r"msgpack\[int\].*Expected `int`, got `str`"):
        MessagePackSerde(int).deserialize("t", b"\xa1a")


def test_type_that_msgpack_cannot_build_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="can't be read from MessagePack"):
        MessagePackSerde(list[int] | tuple[int, ...])


def test_uuid_is_kafkas_text() -> None:
    assert UUIDSerde().serialize("t", ID) == b"12345678-9abc-def0-1234-56789abcdef0"
    assert UUIDSerde().deserialize("t", b"12345678-9ABC-DEF0-1234-56789ABCDEF0") == ID


@pytest.mark.parametrize(
    "text", [ID.hex.encode(), b"{" + str(ID).encode() + b"}", b"", str(ID).encode() + b"\n"]
)
def test_other_spellings_of_a_uuid_are_refused(text: bytes) -> None:
    with pytest.raises(SerdeError, match="36 characters"):
        UUIDSerde().deserialize("t", text)


def test_datetime_is_milliseconds_as_a_kafka_long() -> None:
    moment = datetime(2024, 2, 29, 12, 0, 0, 5999, timezone(timedelta(hours=2)))
    data = DateTimeSerde().serialize("t", moment)
    assert serde_for(int).deserialize("t", data) == 1709200800005
    assert DateTimeSerde().deserialize("t", data) == datetime(2024, 2, 29, 10, 0, 0, 5000, UTC)


def test_time_before_the_epoch_is_cut_toward_the_past() -> None:
    moment = datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)
    assert serde_for(int).deserialize("t", DateTimeSerde().serialize("t", moment)) == -1


def test_datetime_without_a_zone_is_refused() -> None:
    with pytest.raises(SerdeError, match="with a time zone"):
        DateTimeSerde().serialize("t", datetime(2024, 1, 1))


def test_time_beyond_what_datetime_holds_is_refused() -> None:
    with pytest.raises(SerdeError, match="years 1 to 9999"):
        DateTimeSerde().deserialize("t", serde_for(int).serialize("t", 2**62))


# The bytes that Kafka 4.3.0's ListSerializer gives for [7, null] and [[], "hé", null].
def test_list_bytes_are_those_of_kafka() -> None:
    longs = ListSerde(serde_for(int))
    expected = "00" + "00000001" + "00000001" + "00000002" + "0000000000000007"
    assert longs.serialize("t", [7, None]).hex() == expected
    texts = ListSerde(serde_for(str))
    expected = "01" + "00000003" + "00000000" + "00000003" + "68c3a9" + "ffffffff"
    assert texts.serialize("t", ["", "hé", None]).hex() == expected
    assert texts.deserialize("t", bytes.fromhex(expected)) == ["", "hé", None]


def test_uuids_in_a_list_have_no_lengths() -> None:
    serde = ListSerde(UUIDSerde())
    assert serde.serialize("t", [ID]) == b"\0" + bytes(4) + b"\0\0\0\1" + str(ID).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "1 bytes missing"),
        ("02", "first byte is 2"),
        ("01ffffffff", "a count of -1"),
        ("0100000001fffffffe", "a length of -2"),
        ("017fffffff", "4 bytes missing"),
        ("010000000000", "1 bytes too many"),
        ("000000000000000000", "fixed size"),
    ],
)
def test_damaged_list_says_what_is_wrong(data: str, said: str) -> None:
    with pytest.raises(SerdeError, match=said):
        ListSerde(serde_for(str)).deserialize("t", bytes.fromhex(data))


def test_nullable_tells_none_from_empty() -> None:
    serde = NullableSerde(serde_for(str))
    assert serde.serialize("t", None) == b"\x01"
    assert serde.serialize("t", "") == b"\x00"
    assert serde.deserialize("t", b"\x01") is None
    assert serde.deserialize("t", b"\x00") == ""
    assert serde.fits(None)
