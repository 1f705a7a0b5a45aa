"""Record batches that Apache Kafka built, read by us; and ours, read by Apache Kafka."""

from __future__ import annotations

import gzip
from typing import Any

import golden
import pytest

from streamkit.log.protocol import (
    BatchBuilder,
    Compression,
    ControlKind,
    RecordColumns,
    batches,
    check_crc,
    control_batch,
    control_kind,
    decode_batch,
    read_header,
    set_log_append_time,
    stamp,
)

LINES = golden.golden_batches()
NAMES = [line["name"] for line in LINES]
HEADER_FIELDS = [
    "base_offset",
    "last_offset",
    "partition_leader_epoch",
    "crc",
    "max_timestamp",
    "producer_id",
    "producer_epoch",
    "base_sequence",
    "last_sequence",
    "count",
    "compression",
    "is_transactional",
    "is_control",
    "log_append_time",
]
LACKING = {"gaps": "a builder makes offsets without gaps", "log append time": "set afterwards"}


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _unhex(value: str | None) -> bytes | None:
    return None if value is None else bytes.fromhex(value)


def _rows(columns: RecordColumns) -> list[list[Any]]:
    headers = columns.headers or [()] * len(columns)
    return [
        [offset, timestamp, _hex(key), _hex(value), [[n, _hex(v)] for n, v in pairs]]
        for offset, timestamp, key, value, pairs in zip(
            columns.offsets, columns.timestamps, columns.keys, columns.values, headers, strict=True
        )
    ]


def _rebuilt(line: dict[str, Any]) -> bytes:
    builder = BatchBuilder(line["compression"])
    for _, timestamp, key, value, headers in line["records"]:
        pairs = tuple((name, _unhex(v)) for name, v in headers)
        builder.append(timestamp, _unhex(key), _unhex(value), pairs)
    return builder.build(
        base_offset=line["base_offset"],
        leader_epoch=line["partition_leader_epoch"],
        producer_id=line["producer_id"],
        producer_epoch=line["producer_epoch"],
        base_sequence=line["base_sequence"],
        transactional=line["is_transactional"],
        control=line["is_control"],
    )


@pytest.mark.parametrize("line", LINES, ids=NAMES)
def test_header_says_what_kafka_says(line: dict[str, Any]) -> None:
    raw = bytes.fromhex(line["hex"])
    header = read_header(raw)
    assert {name: getattr(header, name) for name in HEADER_FIELDS} == {
        name: line[name] for name in HEADER_FIELDS
    }
    assert header.size == len(raw)
    assert check_crc(raw, 0, header)
    assert [(pos, found.count) for pos, found in batches(raw + raw[:-1])] == [(0, line["count"])]


@pytest.mark.parametrize("line", LINES, ids=NAMES)
def test_records_are_what_kafka_put_in(line: dict[str, Any]) -> None:
    raw = bytes.fromhex(line["hex"])
    assert _rows(decode_batch(raw, 0, read_header(raw))) == line["records"]
    shifted = memoryview(b"junk" + raw)
    assert _rows(decode_batch(shifted, 4, read_header(shifted, 4))) == line["records"]


@pytest.mark.parametrize("line", LINES, ids=NAMES)
def test_building_gives_kafkas_bytes(line: dict[str, Any]) -> None:
    """Compressed bytes depend on the compressor: of them only what is in them is compared."""
    if line["name"] in LACKING:
        return
    raw = _rebuilt(line)
    if line["compression"] == Compression.NONE:
        assert raw.hex() == line["hex"]
    else:
        assert _rows(decode_batch(raw, 0, read_header(raw))) == line["records"]


def test_log_append_time_is_set_as_kafka_sets_it() -> None:
    line = next(line for line in LINES if line["name"] == "log append time")
    raw = bytearray(bytes.fromhex(line["hex"]))
    builder = BatchBuilder()
    for _ in range(2):
        builder.append(line["max_timestamp"], b"k", b"v", ())
    ours = bytearray(builder.build())
    stamp(ours, 0, base_offset=line["base_offset"], leader_epoch=line["partition_leader_epoch"])
    set_log_append_time(ours, 0, line["max_timestamp"])
    header = read_header(ours)
    assert check_crc(ours, 0, header)
    assert header.log_append_time
    assert header.attributes == read_header(raw).attributes
    assert _rows(decode_batch(ours, 0, header)) == line["records"]


@pytest.mark.parametrize("kind", list(ControlKind))
def test_transaction_markers_are_kafkas(kind: ControlKind) -> None:
    line = next(line for line in LINES if line["name"] == f"marker {kind.name.lower()}")
    raw = control_batch(
        kind,
        producer_id=line["producer_id"],
        producer_epoch=line["producer_epoch"],
        timestamp=line["max_timestamp"],
        coordinator_epoch=6,
        base_offset=line["base_offset"],
        leader_epoch=line["partition_leader_epoch"],
    )
    assert raw.hex() == line["hex"]
    assert control_kind(_unhex(line["records"][0][2])) is kind


@pytest.mark.kafka
def test_recorded_batches_are_what_kafka_builds_today() -> None:
    assert golden.write_batches() == gzip.decompress(golden.BATCHES_FILE.read_bytes()).decode()


@pytest.mark.kafka
def test_kafka_reads_our_batches() -> None:
    """Every codec too: Java refuses, for one, LZ4 frames with linked blocks."""
    lines = [line for line in LINES if line["name"] not in LACKING]
    read = golden.read_batches([_rebuilt(line) for line in lines])
    for line, seen in zip(lines, read, strict=True):
        for name in (*HEADER_FIELDS, "records"):
            if name != "crc" or line["compression"] == Compression.NONE:
                assert seen[name] == line[name], (line["name"], name)
