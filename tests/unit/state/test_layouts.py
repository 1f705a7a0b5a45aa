"""Key layouts against what Kafka Streams 4.3.0 writes for the key "key", start 258."""

from __future__ import annotations

import pytest

from streamkit.state.layouts import (
    DuplicatesLayout,
    RowLayout,
    SessionLayout,
    WindowLayout,
    numbered_place,
    session_place,
)

CASES: list[tuple[RowLayout, int, int, str]] = [
    (WindowLayout(), 258, 258, "6b6579000000000000010200000000"),
    (DuplicatesLayout(), numbered_place(258, 5), 258, "6b6579000000000000010200000005"),
    (SessionLayout(), session_place(258, 300), 300, "6b6579000000000000012c0000000000000102"),
]


@pytest.mark.parametrize(("layout", "place", "time", "hexadecimal"), CASES)
def test_layout_has_kafka_streams_bytes(
    layout: RowLayout, place: int, time: int, hexadecimal: str
) -> None:
    key = b"key" + layout.suffix(place)
    assert key.hex() == hexadecimal
    assert len(key) == 3 + layout.suffix_bytes
    assert layout.place(key) == place
    assert layout.time(place) == time


def test_sequence_numbers_start_over_at_31_bits() -> None:
    assert numbered_place(1, 2**31) == numbered_place(1, 0)
