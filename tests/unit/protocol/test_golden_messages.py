"""Every message in every version, against the bytes that Apache Kafka 4.3.0 writes."""

from __future__ import annotations

import gzip
from typing import Any

import golden
import pytest

from streamkit.log.protocol import decode_struct, encode_struct
from streamkit.log.protocol.wire import info_of

CLASSES = golden.message_classes()


def _lines_of(name: str) -> list[dict[str, Any]]:
    return [line for line in golden.golden_messages() if line["message"] == name]


@pytest.mark.parametrize("name", CLASSES)
def test_decoding_kafkas_bytes_gives_kafkas_fields(name: str) -> None:
    cls = CLASSES[name]
    for line in _lines_of(name):
        expected = golden.from_json(cls, line["json"], line["version"])
        assert decode_struct(cls, line["version"], bytes.fromhex(line["hex"])) == expected, line


@pytest.mark.parametrize("name", CLASSES)
def test_encoding_kafkas_fields_gives_kafkas_bytes(name: str) -> None:
    cls = CLASSES[name]
    for line in _lines_of(name):
        message = golden.from_json(cls, line["json"], line["version"])
        assert encode_struct(message, line["version"]).hex() == line["hex"], line


@pytest.mark.parametrize("name", CLASSES)
def test_versions_are_kafkas(name: str) -> None:
    """The recording has every version from Kafka's lowest to its highest."""
    low, high = info_of(CLASSES[name]).versions
    assert sorted({line["version"] for line in _lines_of(name)}) == list(range(low, high + 1))


@pytest.mark.parametrize("name", CLASSES)
def test_a_new_instance_is_kafkas_new_instance(name: str) -> None:
    cls = CLASSES[name]
    for line in _lines_of(name):
        if line["kind"] == "default":
            assert encode_struct(cls(), line["version"]).hex() == line["hex"], line


@pytest.mark.parametrize("kind", ["filled", "nulls"])
@pytest.mark.parametrize("name", CLASSES)
def test_a_memoryview_decodes_like_bytes(name: str, kind: str) -> None:
    cls = CLASSES[name]
    for line in _lines_of(name):
        if line["kind"] == kind:
            raw = bytes.fromhex(line["hex"])
            version = line["version"]
            assert decode_struct(cls, version, memoryview(raw)) == decode_struct(cls, version, raw)


@pytest.mark.kafka
def test_recorded_messages_are_what_kafka_writes_today() -> None:
    assert golden.write_messages() == gzip.decompress(golden.MESSAGES_FILE.read_bytes()).decode()
