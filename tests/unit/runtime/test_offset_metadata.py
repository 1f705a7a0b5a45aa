"""Committed metadata has Kafka Streams' layout, and damaged metadata is no reason to stop."""

from __future__ import annotations

import base64
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.runtime.offset_metadata import PACKED, OffsetMetadata

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


def node_names(count: int) -> list[str]:
    return [f"KSTREAM-AGGREGATE-{number * 7:010d}" for number in range(count)]


def test_times_of_many_nodes_fit_into_what_brokers_take() -> None:
    """4,096 characters by default, here and in Apache Kafka: an application of more nodes could not commit."""
    times = {name: 1_700_000_000_000 + number for number, name in enumerate(node_names(300))}
    times["sums:emitted"] = 77
    metadata = OffsetMetadata(1_000, times)
    text = metadata.encode()
    assert len(text) <= 4_096
    assert OffsetMetadata.decode(text) == metadata
    assert b"\x00\x00\x00\x04sums" + (77).to_bytes(8, "big") in base64.b64decode(text)


def test_times_that_do_not_fit_are_left_out_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Their changelogs tell of them after a restart; a commit that is refused stops the application."""
    noise = random.Random(5)
    ours = {f"{noise.getrandbits(200):x}": noise.getrandbits(60) for _ in range(100)}
    text = OffsetMetadata(1_000, {**ours, "sums:emitted": 77}).encode()
    assert OffsetMetadata.decode(text) == OffsetMetadata(1_000, {"sums:emitted": 77})
    assert "stream times of 100 nodes don't fit" in caplog.text
    theirs = {f"{name}:emitted": time for name, time in ours.items()}
    assert OffsetMetadata.decode(OffsetMetadata(1_000, theirs).encode()) == OffsetMetadata(1_000)


@pytest.mark.parametrize("inside", [b"[1]", b'{"a":"b"}', b'{"a":[]}', b"[" * 5_000, b"\xff"])
def test_damaged_packed_times_are_unknown(inside: bytes) -> None:
    name = PACKED.encode() + base64.b64encode(zlib.compress(inside))
    raw = (
        bytes.fromhex("0200000000000003e800000001") + len(name).to_bytes(4, "big") + name + bytes(8)
    )
    assert OffsetMetadata.decode(base64.b64encode(raw).decode()) == OffsetMetadata()


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
