"""Bytes of records that wait in a left or outer join: Kafka Streams' own, and safe against damage."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.errors import SerdeError
from streamkit.serde import IntegerSerde, StringSerde
from streamkit.serde.pending_join import PendingKeySerde, PendingValuesSerde

KEYS = PendingKeySerde(StringSerde())
VALUES = PendingValuesSerde(StringSerde(), IntegerSerde())


def test_key_is_time_side_and_key_so_that_right_sorts_before_left() -> None:
    assert KEYS.serialize("t", (5, True, "k")) == b"\x00" * 7 + b"\x05\x01k"
    assert KEYS.serialize("t", (5, False, "k")) < KEYS.serialize("t", (5, True, "a"))


def test_values_are_a_list_of_sided_values() -> None:
    assert VALUES.serialize("t", (True, ["ab", "c"])) == (
        b"\x01\x00\x00\x00\x02\x00\x00\x00\x03\x01ab\x00\x00\x00\x02\x01c"
    )


@given(st.integers(0, 2**62), st.booleans(), st.text())
def test_keys_come_back(time: int, is_left: bool, key: str) -> None:
    assert KEYS.deserialize("t", KEYS.serialize("t", (time, is_left, key))) == (time, is_left, key)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_values_come_back(values: list[int]) -> None:
    data = VALUES.serialize("t", (False, values))
    assert VALUES.deserialize("t", data) == (False, values)


@given(st.binary(max_size=40))
def test_damaged_bytes_are_serde_errors(data: bytes) -> None:
    for serde in (KEYS, VALUES):
        with contextlib.suppress(SerdeError):
            serde.deserialize("t", data)


def test_count_that_lies_is_a_serde_error() -> None:
    with pytest.raises(SerdeError):
        VALUES.deserialize("t", b"\x01\x7f\xff\xff\xff")
