"""Avro in Confluent's wire format, against a schema registry over HTTP inside the test."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest

from streamkit.errors import ConfigError, NotReachableError, SerdeError
from streamkit.serde import AvroRegistrySerde, SchemaRegistry

OLD = {
    "type": "record",
    "name": "Flight",
    "fields": [{"name": "carrier", "type": "string"}, {"name": "delay", "type": "int"}],
}
GATE = {"name": "gate", "type": "string"}
NEW = {**OLD, "fields": [OLD["fields"][0], {**GATE, "default": "?"}]}
BROKEN = {**OLD, "fields": [OLD["fields"][0], GATE]}


class Registry:
    """Subjects with their schemas, in memory; counts what it is asked."""

    def __init__(self) -> None:
        self.schemas: list[str] = []
        self.subjects: dict[str, list[int]] = {}
        self.calls: list[str] = []
        self.refusal: tuple[int, str] | None = None
        self.authorization: str | None = None

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if self.refusal is not None:
            return self.refusal[0], {"error_code": self.refusal[0], "message": self.refusal[1]}
        if parts[0] == "schemas":
            schema_id = int(parts[2])
            if schema_id > len(self.schemas):
                return 404, {"error_code": 40403, "message": "Schema not found"}
            if len(parts) == 3:
                return 200, {"schema": self.schemas[schema_id - 1]}
            return 200, [
                {"subject": subject, "version": ids.index(schema_id) + 1}
                for subject, ids in self.subjects.items()
                if schema_id in ids
            ]
        ids = self.subjects.setdefault(parts[1], [])
        text = body["schema"]
        known = self.schemas.index(text) + 1 if text in self.schemas else None
        if len(parts) == 2:
            if known not in ids:
                return 404, {"error_code": 40403, "message": "Schema not found"}
            return 200, {"id": known, "version": ids.index(known) + 1}
        if known is None:
            self.schemas.append(text)
            known = len(self.schemas)
        if known not in ids:
            ids.append(known)
        return 200, {"id": known}


@pytest.fixture
def registry() -> Iterator[tuple[Registry, str]]:
    state = Registry()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(size)) if size else None
            state.calls.append(f"{self.command} {self.path}")
            state.authorization = self.headers.get("Authorization")
            status, answer = state.answer(self.path, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_value_follows_magic_and_schema_id(registry: tuple[Registry, str]) -> None:
    _, url = registry
    serde = AvroRegistrySerde(OLD, url)
    data = serde.serialize("flights", {"carrier": "AA", "delay": -3})
    assert data == b"\x00\x00\x00\x00\x01\x04AA\x05"
    assert serde.deserialize("flights", data) == {"carrier": "AA", "delay": -3}


def test_registry_is_asked_once_for_each_schema(registry: tuple[Registry, str]) -> None:
    state, url = registry
    serde = AvroRegistrySerde(OLD, url, is_key=True)
    for _ in range(3):
        data = serde.serialize("my flights", {"carrier": "AA", "delay": -3})
        serde.deserialize("my flights", data)
    assert state.calls == ["POST /subjects/my%20flights-key/versions", "GET /schemas/ids/1"]


def test_old_value_is_read_as_the_new_schema(registry: tuple[Registry, str]) -> None:
    _, url = registry
    data = AvroRegistrySerde(OLD, url).serialize("flights", {"carrier": "AA", "delay": 1})
    assert AvroRegistrySerde(NEW, url).deserialize("flights", data) == {
        "carrier": "AA",
        "gate": "?",
    }
    as_written = AvroRegistrySerde(None, url)
    assert as_written.deserialize("flights", data) == {"carrier": "AA", "delay": 1}
    with pytest.raises(SerdeError, match="no schema to write with"):
        as_written.serialize("flights", {})


@pytest.mark.parametrize("registered", [True, False])
def test_evolution_error_names_subject_versions_and_field(
    registry: tuple[Registry, str], registered: bool
) -> None:
    _, url = registry
    data = AvroRegistrySerde(OLD, url).serialize("flights", {"carrier": "AA", "delay": 1})
    reader = AvroRegistrySerde(BROKEN, url)
    if registered:
        reader.serialize("flights", {"carrier": "AA", "gate": "3"})
    with pytest.raises(SerdeError) as caught:
        reader.deserialize("flights", data)
    version = "2" if registered else "not registered"
    assert (
        f"subject 'flights-value', written with version 1 (schema id 1), read with version {version}: "
        "field 'gate': the writer doesn't have it and the reader gives no default"
    ) in str(caught.value)
    assert caught.value.topic == "flights"


def test_bytes_schema_has_no_length(registry: tuple[Registry, str]) -> None:
    serde = AvroRegistrySerde("bytes", registry[1])
    data = serde.serialize("t", b"raw")
    assert data == b"\x00\x00\x00\x00\x01raw"
    assert serde.deserialize("t", data) == b"raw"


@pytest.mark.parametrize("data", [b"", b"\x00\x00\x00", b"\x01\x00\x00\x00\x01\x04AA\x05"])
def test_data_without_the_head_is_refused(registry: tuple[Registry, str], data: bytes) -> None:
    with pytest.raises(SerdeError, match="Confluent's format"):
        AvroRegistrySerde(OLD, registry[1]).deserialize("t", data)


def test_unknown_schema_id_is_a_serde_error(registry: tuple[Registry, str]) -> None:
    with pytest.raises(SerdeError, match="schema id 9: HTTP 404 Schema not found") as caught:
        AvroRegistrySerde(OLD, registry[1]).deserialize("t", b"\x00\x00\x00\x00\x09")
    assert caught.value.serde == "avro[Flight]"


def test_refused_schema_carries_the_registrys_reason(registry: tuple[Registry, str]) -> None:
    state, url = registry
    state.refusal = (409, "incompatible: READER_FIELD_MISSING_DEFAULT_VALUE gate")
    with pytest.raises(SerdeError, match=r"'flights-value'.*409 incompatible.*gate"):
        AvroRegistrySerde(OLD, url).serialize("flights", {"carrier": "AA", "delay": 1})


@pytest.mark.parametrize(("status", "kind"), [(401, ConfigError), (503, NotReachableError)])
def test_trouble_with_the_registry_is_not_blamed_on_the_data(
    registry: tuple[Registry, str], status: int, kind: type[Exception]
) -> None:
    state, url = registry
    state.refusal = (status, "no")
    with pytest.raises(kind, match=f"HTTP {status} no"):
        AvroRegistrySerde(OLD, SchemaRegistry(url)).serialize("t", {"carrier": "AA", "delay": 1})


def test_without_auto_register_only_known_schemas_are_written(
    registry: tuple[Registry, str],
) -> None:
    state, url = registry
    value = {"carrier": "AA", "delay": 1}
    strict = AvroRegistrySerde(OLD, url, subject="flight", auto_register=False)
    with pytest.raises(SerdeError, match="under subject 'flight'"):
        strict.serialize("t", value)
    assert state.schemas == []
    data = AvroRegistrySerde(OLD, url, subject="flight").serialize("t", value)
    assert strict.serialize("t", value) == data


def test_silent_registry_is_not_reachable(registry: tuple[Registry, str]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as unused:
        port = unused.server_address[1]
    with pytest.raises(NotReachableError, match="can't be reached"):
        SchemaRegistry(f"http://127.0.0.1:{port}", timeout_s=5).schema(1)


def test_credentials_are_sent_and_survive_pickling(registry: tuple[Registry, str]) -> None:
    state, url = registry
    serde = AvroRegistrySerde(OLD, SchemaRegistry(url, user="me", password="pw"), subject="s")
    copy = pickle.loads(pickle.dumps(serde))
    copy.serialize("t", {"carrier": "AA", "delay": 1})
    assert state.authorization == "Basic bWU6cHc="
    assert list(state.subjects) == ["s"]


def test_url_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="http://host:port"):
        SchemaRegistry("file:///etc/passwd")
