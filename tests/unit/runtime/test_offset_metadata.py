"""Committed metadata has Kafka Streams' layout, and damaged metadata is no reason to stop."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.runtime.offset_metadata import OffsetMetadata

INT64 = st.integers(-(2**63), 2**63 - 1)


def test_layout_is_that_of_kafka_streams() -> None:
    """Bytes written down from the layout of TopicPartitionMetadata, version 2, with one node."""
    expected = bytes.fromhex("0200000000000003e80000000100000005") + b"agg-1"
    expected += (77).to_bytes(8, "big")
    text = OffsetMetadata(1000, {"agg-1:emitted": 77}).encode()
    assert base64.b64decode(text) == expected


def test_node_and_store_of_one_name_have_an_entry_each() -> None:
    """Kafka Streams' entries go by the store's name, and tell of its emission, not of stream time."""
    metadata = OffsetMetadata(1, {"sums": 20, "sums:emitted": 10})
    raw = base64.b64decode(metadata.encode())
    assert b"\x00\x00\x00\x04sums" + (10).to_bytes(8, "big") in raw
    assert b"\x00\x00\x00\x10sums:stream-time" + (20).to_bytes(8, "big") in raw
    assert OffsetMetadata.decode(metadata.encode()) == metadata


def test_no_nodes_leave_the_map_out() -> None:
    assert base64.b64decode(OffsetMetadata(5).encode()) == b"\x02" + (5).to_bytes(8, "big")


def test_version_1_has_the_partition_time_alone() -> None:
    text = base64.b64encode(b"\x01" + (123).to_bytes(8, "big")).decode()
    assert OffsetMetadata.decode(text) == OffsetMetadata(123)


@given(INT64, st.dictionaries(st.text(max_size=20), INT64, max_size=5))
def test_round_trip(partition_time: int, node_times: dict[str, int]) -> None:
    metadata = OffsetMetadata(partition_time, node_times)
    assert OffsetMetadata.decode(metadata.encode()) == metadata


@given(
    st.one_of(
        st.text(max_size=60), st.binary(max_size=60).map(lambda b: base64.b64encode(b).decode())
    )
)
def test_anything_else_gives_metadata_and_no_error(text: str) -> None:
    assert isinstance(OffsetMetadata.decode(text), OffsetMetadata)


@pytest.mark.parametrize("text", ["", None, "AwAAAAAAAAAA", "not base64!"])
def test_unknown_metadata_gives_unknown_times(text: str | None) -> None:
    assert OffsetMetadata.decode(text) == OffsetMetadata(-1, {})
