"""One suite for every serde: round trips, determinism, errors, pickling."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.errors import SerdeError
from streamkit.model import Window, Windowed
from streamkit.serde import (
    AvroRegistrySerde,
    AvroSerde,
    DateTimeSerde,
    ListSerde,
    MessagePackSerde,
    NullableSerde,
    SchemaRegistry,
    Serde,
    SessionWindowedSerde,
    TimeWindowedSerde,
    UUIDSerde,
    XmlSerde,
    serde_for,
)


@dataclass
class Flight:
    carrier: str
    delay: float | None


class Point(msgspec.Struct):
    x: int
    y: int


class Visit(TypedDict):
    page: str
    seconds: int


LONGS = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8"))
FLOATS = st.floats(allow_nan=False)
TIMES = st.integers(0, 2**62 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | LONGS | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
WINDOWS = st.builds(lambda key, start: Windowed(key, Window(start, start + 10)), TEXT, TIMES)
SESSIONS = st.builds(
    lambda key, start, length: Windowed(key, Window(start, start + length)), TEXT, TIMES, TIMES
)
AVRO_FLIGHT = {
    "type": "record",
    "name": "Flight",
    "fields": [
        {"name": "carrier", "type": "string"},
        {"name": "delay", "type": ["null", "double"]},
    ],
}


class OneSchema(SchemaRegistry):
    """A registry that has one schema, and no network."""

    def schema(self, schema_id: int) -> Any:
        if schema_id != 1:
            raise SerdeError(f"no schema id {schema_id}")
        return AVRO_FLIGHT

    def register(self, subject: str, schema: Any) -> int:
        return 1


XML_TEXT = st.text("aé<&>\"' ")


def element(text: str, attribute: str) -> Element:
    made = Element("click", {"page": attribute})
    SubElement(made, "by").text = text or None
    return made


def plain(value: Any) -> Any:
    """What tells values apart; elements have no equality."""
    return tostring(value) if isinstance(value, Element) else value


MOMENTS = st.integers(-(10**13), 10**13).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)

CASES: dict[str, tuple[Serde[Any], st.SearchStrategy[Any]]] = {
    "bytes": (serde_for(bytes), st.binary()),
    "str": (serde_for(str), TEXT),
    "int": (serde_for(int), LONGS),
    "float": (serde_for(float), FLOATS),
    "bool": (serde_for(bool), st.booleans()),
    "json": (serde_for(Any), JSON),
    "json dict": (serde_for(dict), st.dictionaries(TEXT, JSON, max_size=3)),
    "json list": (serde_for(list[int]), st.lists(LONGS)),
    "json dataclass": (serde_for(Flight), st.builds(Flight, TEXT, st.none() | st.floats(0, 9))),
    "json struct": (serde_for(Point), st.builds(Point, LONGS, LONGS)),
    "json typed dict": (
        serde_for(Visit),
        st.fixed_dictionaries({"page": TEXT, "seconds": LONGS}),
    ),
    "time window": (TimeWindowedSerde(serde_for(str), 10), WINDOWS),
    "msgpack": (MessagePackSerde(), JSON),
    "msgpack struct": (MessagePackSerde(Point), st.builds(Point, LONGS, LONGS)),
    "avro": (
        AvroSerde(AVRO_FLIGHT),
        st.fixed_dictionaries({"carrier": TEXT, "delay": st.none() | FLOATS}),
    ),
    "avro with registry": (
        AvroRegistrySerde(AVRO_FLIGHT, OneSchema("http://nowhere")),
        st.fixed_dictionaries({"carrier": TEXT, "delay": st.none() | FLOATS}),
    ),
    "xml": (XmlSerde(), st.builds(element, XML_TEXT, XML_TEXT)),
    "uuid": (UUIDSerde(), st.uuids()),
    "datetime": (DateTimeSerde(), MOMENTS),
    "list of fixed size": (ListSerde(serde_for(int)), st.lists(st.none() | LONGS)),
    "list of any size": (ListSerde(serde_for(str)), st.lists(st.none() | TEXT)),
    "nullable": (NullableSerde(serde_for(str)), TEXT),
    "session window": (SessionWindowedSerde(serde_for(str)), SESSIONS),
}
# Values that none of them writes, unless named.
ODD: list[Any] = [object(), {1, object()}, lambda: None, 2**200]

cases = pytest.mark.parametrize("name", CASES)


@cases
def test_value_comes_back(name: str) -> None:
    serde, values = CASES[name]

    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    @given(values)
    def check(value: Any) -> None:
        if value is None:
            return  # never reaches a serde
        data = serde.serialize("t", value)
        assert type(data) is bytes
        back = serde.deserialize("t", data)
        assert plain(back) == plain(value)
        assert type(back) is type(value)
        assert serde.serialize("t", back) == data
        if serde.fits(value):
            assert serde.immutable

    check()


@cases
def test_damaged_bytes_give_a_serde_error_or_a_value(name: str) -> None:
    serde, _ = CASES[name]

    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    @given(st.binary(max_size=20))
    def check(data: bytes) -> None:
        failure: SerdeError | None = None
        value = None
        try:
            value = serde.deserialize("clicks", data)
        except SerdeError as error:
            failure = error
        if failure is None:
            assert not serde.canonical or serde.serialize("clicks", value) == data
        else:
            assert failure.serde in serde.name  # the inner one, for a windowed key
            assert failure.topic == "clicks"
            assert "clicks" in str(failure)

    check()


@cases
@pytest.mark.parametrize("value", ODD, ids=["object", "set", "function", "huge"])
def test_value_of_another_type_is_refused_by_name(name: str, value: Any) -> None:
    serde, _ = CASES[name]
    if name.startswith("json") and value == 2**200:
        return  # JSON numbers have no bound
    if name == "float" and value == 2**200:
        assert math.isfinite(serde.deserialize("t", serde.serialize("t", value)))
        return
    with pytest.raises(SerdeError) as caught:
        serde.serialize("clicks", value)
    assert type(value).__name__ in str(caught.value)
    assert caught.value.serde == serde.name
    assert not serde.fits(value)


@cases
def test_serde_crosses_processes(name: str) -> None:
    serde, _ = CASES[name]
    copy = pickle.loads(pickle.dumps(serde))
    assert (copy.name, copy.canonical, copy.immutable) == (
        serde.name,
        serde.canonical,
        serde.immutable,
    )
