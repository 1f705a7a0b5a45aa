"""What Apache Kafka wrote, recorded, and how its JSON reads as our messages."""

from __future__ import annotations

import base64
import gzip
import json
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from java import JAVA_FOLDER, run_java

from streamkit.log.protocol import messages
from streamkit.log.protocol.messages import group_log, metadata_log, transaction_log
from streamkit.log.protocol.wire import Field, default_of, fields_of, info_of

GOLDEN_FOLDER = Path(__file__).resolve().parents[1] / "golden"
MESSAGES_FILE = GOLDEN_FOLDER / "messages.jsonl.gz"
BATCHES_FILE = GOLDEN_FOLDER / "batches.jsonl.gz"

_PACKAGES = {
    group_log.__name__: "org.apache.kafka.coordinator.group.generated",
    transaction_log.__name__: "org.apache.kafka.coordinator.transaction.generated",
    metadata_log.__name__: "org.apache.kafka.common.metadata",
}
_RECORDS = b"these bytes stand for a record batch"


def message_classes() -> dict[str, type[Any]]:
    """Every class that stands by itself, by Java's simple name."""
    found: dict[str, type[Any]] = {}
    for name in messages.__all__:
        cls = getattr(messages, name)
        info = info_of(cls)
        if info.kind != "struct":
            found[name + "Data"] = cls
        elif info.versions.high < 1000:  # nested structs have no versions of their own
            found[name] = cls
    return found


def java_class(simple_name: str, cls: type) -> str:
    """The full name of the Java class."""
    package = _PACKAGES.get(cls.__module__, "org.apache.kafka.common.message")
    return f"{package}.{simple_name}"


def write_messages() -> str:
    """What Apache Kafka writes now: a JSON line each; needs a JVM."""
    names = [java_class(name, cls) for name, cls in message_classes().items()]
    return run_java(JAVA_FOLDER / "GoldenMessages.java", stdin="\n".join(names) + "\n")


@cache
def golden_messages() -> tuple[dict[str, Any], ...]:
    """The recorded lines."""
    return tuple(_lines(MESSAGES_FILE))


@cache
def golden_batches() -> tuple[dict[str, Any], ...]:
    """The recorded batches."""
    return tuple(_lines(BATCHES_FILE))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") as lines:
        yield from map(json.loads, lines)


def record(path: Path, text: str) -> None:
    """Write recorded lines, the same bytes for the same text."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def from_json(cls: type[Any], node: dict[str, Any], version: int) -> Any:
    """The message that Kafka's JSON describes; every name in it must be a field of ours."""
    given = {_plain(name): value for name, value in node.items()}
    values = {}
    for field in fields_of(cls):
        if version not in field.versions:
            continue
        name = _plain(field.name)
        if field.kind == "records" and given[name] is not None:
            # Kafka's JSON leaves records out; these are what GoldenMessages.java put in.
            given[name] = base64.b64encode(_RECORDS).decode()
        if name not in given:
            assert version in field.tagged, f"{cls.__name__}.{field.name}, version {version}"
            values[field.name] = default_of(field)
            continue
        values[field.name] = _value(field, given.pop(name), version)
    assert not given, f"{cls.__name__} version {version} lacks {sorted(given)}"
    return cls(**values)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _value(field: Field, value: Any, version: int) -> Any:
    if value is None:
        assert version in field.nullable, field.name
        return None
    if field.kind == "array":
        return [_item(field.item_kind, field.struct, item, version) for item in value]
    return _item(field.kind, field.struct, value, version)


def _item(kind: str, cls: type | None, value: Any, version: int) -> Any:
    if kind == "struct":
        assert cls is not None
        return from_json(cls, value, version)
    if kind == "uuid":  # URL-safe base64 without padding
        return uuid.UUID(bytes=base64.urlsafe_b64decode(value + "=="))
    if kind in ("bytes", "records"):
        return base64.b64decode(value)
    return value


def write_batches() -> str:
    """The record batches that Apache Kafka builds now: a JSON line each; needs a JVM."""
    return run_java(JAVA_FOLDER / "GoldenBatches.java", "write")


def read_batches(raw: list[bytes]) -> list[dict[str, Any]]:
    """What Apache Kafka reads in these batches; needs a JVM."""
    text = "".join(one.hex() + "\n" for one in raw)
    lines = run_java(JAVA_FOLDER / "GoldenBatches.java", "read", stdin=text)
    return [json.loads(line) for line in lines.splitlines()]
