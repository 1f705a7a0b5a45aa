"""Avro binary and what its schemas may become."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from streamkit.errors import ConfigError, SerdeError
from streamkit.serde import AvroSerde
from streamkit.serde.avro import AvroCodec
from streamkit.serde.avro_evolution import first_mismatch


def record(*fields: Any, name: str = "Flight", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "air", "fields": list(fields), **more}


def field(name: str, type_: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **more}


CARRIER = field("carrier", "string")


def test_record_is_its_fields_one_after_the_other() -> None:
    serde = AvroSerde(record(CARRIER, field("delay", ["null", "long"], default=None)))
    assert serde.name == "avro[air.Flight]"
    assert serde.serialize("t", {"carrier": "AA", "delay": -3}) == b"\x04AA\x02\x05"
    assert serde.deserialize("t", b"\x04AA\x00") == {"carrier": "AA", "delay": None}


def test_field_that_the_value_lacks_gets_its_default() -> None:
    serde = AvroSerde(record(CARRIER, field("delay", "long", default=7)))
    data = serde.serialize("t", {"carrier": "AA"})
    assert serde.deserialize("t", data) == {"carrier": "AA", "delay": 7}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "carrier"),
        ({"carrier": 3}, "on field carrier"),
        ({"carrier": "A", "x": 1}, "more fields"),
    ],
)
def test_value_that_does_not_fit_the_schema_is_refused_with_its_field(
    value: Any, said: str
) -> None:
    with pytest.raises(SerdeError, match=said):
        AvroSerde(record(CARRIER)).serialize("t", value)


@pytest.mark.parametrize("data", [b"", b"\x04A", b"\xff\xff\xff", b"\x04AA\x00"])
def test_short_and_long_data_is_refused(data: bytes) -> None:
    with pytest.raises(SerdeError, match=r"avro\[air.Flight\]"):
        AvroSerde(record(CARRIER)).deserialize("t", data)


def test_reader_schema_fills_drops_widens_and_renames() -> None:
    old = record(CARRIER, field("delay", "int"), field("note", "string"))
    new = record(
        field("airline", "string", aliases=["carrier"]),
        field("delay", "double"),
        field("gate", "string", default="?"),
    )
    data = AvroSerde(old).serialize("t", {"carrier": "AA", "delay": 3, "note": "x"})
    assert AvroSerde(old, new).deserialize("t", data) == {
        "airline": "AA",
        "delay": 3.0,
        "gate": "?",
    }


def test_reader_schema_that_cannot_read_is_refused_at_once_with_the_field() -> None:
    with pytest.raises(ConfigError, match="field 'gate': the writer doesn't have it"):
        AvroSerde(record(CARRIER), record(CARRIER, field("gate", "string")))


def test_what_is_no_schema_is_refused() -> None:
    with pytest.raises(ConfigError, match="no Avro schema"):
        AvroSerde({"type": "recrod", "name": "x"})


def test_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastavro", None)
    with pytest.raises(ConfigError, match=r"'fastavro': pip install 'streamkit\[avro\]'"):
        AvroSerde("string")


STREET = record(field("street", "string"), name="Address")
NODE = record(field("value", "int"), field("next", ["null", "Flight"], default=None))
WIDE_NODE = record(field("value", "long"), field("next", ["null", "Flight"], default=None))


@pytest.mark.parametrize(
    ("writer", "reader", "expected"),
    [
        ("int", "long", None),
        ("long", "int", ("", "written as long, read as int")),
        ("string", "bytes", None),
        (["null", "int"], "int", ("", "written as null, read as int")),
        ("int", ["null", "double"], None),
        ("string", ["null", "int"], ("", "written as string, read as union of null, int")),
        (record(CARRIER), record(), None),
        (
            record(field("home", STREET)),
            record(field("home", record(field("street", "int"), name="Address"))),
            ("home.street", "written as string, read as int"),
        ),
        (
            record(field("tags", {"type": "array", "items": "string"})),
            record(field("tags", {"type": "array", "items": "int"})),
            ("tags[]", "written as string, read as int"),
        ),
        (
            {"type": "map", "values": "string"},
            {"type": "map", "values": "int"},
            ("{}", "written as string, read as int"),
        ),
        (
            record(field("home", ["null", STREET])),
            record(field("home", ["null", record(field("zip", "int"), name="Address")])),
            ("home.zip", "the writer doesn't have it and the reader gives no default"),
        ),
        (
            {"type": "enum", "name": "E", "symbols": ["A", "B"]},
            {"type": "enum", "name": "E", "symbols": ["A"]},
            ("", "the reader's enum has neither the symbol 'B' nor a default"),
        ),
        (
            {"type": "enum", "name": "E", "symbols": ["A", "B"]},
            {"type": "enum", "name": "E", "symbols": ["A"], "default": "A"},
            None,
        ),
        (
            {"type": "fixed", "name": "F", "size": 2},
            {"type": "fixed", "name": "F", "size": 3},
            ("", "written with 2 bytes, read with 3"),
        ),
        (record(name="A"), record(name="B"), ("", "written as record air.A, read as record air.B")),
        (record(name="A"), record(name="B", aliases=["A"]), None),
        (NODE, WIDE_NODE, None),
        (WIDE_NODE, NODE, ("value", "written as long, read as int")),
        (
            record(field("when", {"type": "long", "logicalType": "timestamp-millis"})),
            record(field("when", "long")),
            None,
        ),
    ],
)
def test_first_mismatch_names_the_field(
    writer: Any, reader: Any, expected: tuple[str, str] | None
) -> None:
    codec = AvroCodec()
    assert first_mismatch(codec.parse(writer), codec.parse(reader)) == expected


LINKED = {
    "type": "record",
    "name": "Linked",
    "fields": [{"name": "value", "type": "int"}, {"name": "next", "type": ["null", "Linked"]}],
}


def test_schema_that_refers_to_itself_goes_there_and_back() -> None:
    serde = AvroSerde(LINKED)
    value = {"value": 1, "next": {"value": 2, "next": None}}
    assert serde.deserialize("t", serde.serialize("t", value)) == value


def test_data_nested_without_end_is_an_error_and_no_crash() -> None:
    """fastavro's compiled reader would take the process with it."""
    with pytest.raises(SerdeError, match="RecursionError"):
        AvroSerde(LINKED).deserialize("t", b"\x00\x02" * 100_000)
    value: dict[str, Any] | None = None
    for _ in range(100_000):
        value = {"value": 1, "next": value}
    with pytest.raises(SerdeError, match="RecursionError"):
        AvroSerde(LINKED).serialize("t", value)
