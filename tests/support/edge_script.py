"""Requests at the edges of what each API takes, sent to any broker: what it answers, made comparable.

The requests are a table, `edge_requests`. Apache Kafka's answers to them stand in `RECORDED`; to write them anew, run
`PYTHONPATH=. python tests/support/edge_script.py`.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from broker_lab import batch
from edge_requests import EDGES, NOBODY, TOPICS
from kafka_broker import KafkaBroker
from wire_client import WireClient

from streamkit.log.protocol import ErrorCode, messages, version_range
from streamkit.log.protocol.wire import Field, fields_of, info_of

__all__ = ["RECORDED", "SETTINGS", "Step", "recorded_edges", "run_edge_script"]

Step = tuple[str, Any]

RECORDED = Path(__file__).parent.parent / "golden" / "edge_answers.json.gz"
SETTINGS: Mapping[str, str] = {"group.consumer.assignment.interval.ms": "0"}
EPOCH_MS = 1_600_000_000_000
_LOADING = {
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_COORDINATOR,
}
_DROPPED = {
    "error_message",
    "batch_index_error_message",
    "throttle_time_ms",
    "node_endpoints",
    "host",
    "port",
    "cluster_id",
    "session_id",
    "total_bytes",
    "usable_bytes",
    "log_dir",
    "partition_size",
    "documentation",
    "coordinator_epoch",
    "last_timestamp",
}
_IDS = {"producer_id"}


def run_edge_script(bootstrap: str) -> Iterator[Step]:
    """Each step's name and the broker's answer, comparable; "closed" where it closes the connection."""
    client = WireClient(bootstrap, timeout=20)
    known = _prepare(client)
    for name, request, versions, content in EDGES:
        cls = getattr(messages, request)
        low, high = version_range(info_of(cls).key)
        for version in versions or (high,):
            if not low <= version <= high:
                continue
            filled = _filled(content, known)
            try:
                answer = _json(client.ask(build(cls, filled, version), version))
            except (AssertionError, OSError):
                client.close()
                client = WireClient(bootstrap, timeout=20)
                answer = "closed"
            yield f"{request.removesuffix('Request')} v{version}: {name}", answer
    client.close()


def build(cls: type[Any], content: Mapping[str, Any], version: int) -> Any:
    """The message that `content` describes, less the fields that this version doesn't have."""
    fields = {field.name: field for field in fields_of(cls)}
    assert content.keys() <= fields.keys(), (cls, content.keys() - fields.keys())
    return cls(
        **{
            name: _built(fields[name], value, version)
            for name, value in content.items()
            if version in fields[name].versions or version in fields[name].tagged
        }
    )


def _built(field: Field, value: Any, version: int) -> Any:
    if field.struct is None or value is None:
        return value
    if isinstance(value, list):
        return [build(field.struct, each, version) for each in value]
    return build(field.struct, value, version)


def _prepare(client: WireClient) -> dict[str, Any]:
    """Make the topics, wait for leaders and coordinators; what stands for names in the table."""
    new = [
        {
            "name": name,
            "num_partitions": 2,
            "replication_factor": 1,
            # The script's records are of 2020.
            "configs": [{"name": "retention.ms", "value": "-1"}],
        }
        for name in TOPICS
    ]
    create = {"topics": new, "timeout_ms": 10_000}
    client.ask(build(messages.CreateTopicsRequest, create, 7), 7)
    _ready(client, "FindCoordinatorRequest", {"key_type": 0, "coordinator_keys": ["edge"]}, 4)
    _ready(client, "FindCoordinatorRequest", {"key_type": 1, "coordinator_keys": ["edge"]}, 4)
    _ready(client, "OffsetCommitRequest", _COMMIT, 9)
    found = _ready(
        client,
        "InitProducerIdRequest",
        {"transactional_id": "edge-known", "transaction_timeout_ms": 60_000},
        5,
    )
    asked = build(messages.MetadataRequest, {"topics": [{"name": name} for name in TOPICS]}, 12)
    topics = client.ask(asked, 12).topics
    while any(_codes(_json(topics))):
        time.sleep(0.05)
        topics = client.ask(asked, 12).topics
    ids = {f"id of {each.name}": each.topic_id for each in topics}
    data = batch(b"a", b"b", timestamp=EPOCH_MS)
    return {
        **ids,
        "unknown id": uuid.UUID(int=99),
        "no id": uuid.UUID(int=0),
        "batch": data,
        "producer": found.producer_id,
        "epoch": found.producer_epoch,
        "transactional batch": batch(
            b"t",
            timestamp=EPOCH_MS,
            producer_id=found.producer_id,
            producer_epoch=found.producer_epoch,
            base_sequence=0,
            transactional=True,
        ),
        "batch of nobody": batch(
            b"n", timestamp=EPOCH_MS, producer_id=NOBODY, producer_epoch=0, base_sequence=5
        ),
        "data folder": _folder(client),
    }


_COMMIT = {
    "group_id": "edge",
    "generation_id_or_member_epoch": -1,
    "topics": [{"name": TOPICS[0], "partitions": [{"partition_index": 0, "committed_offset": 1}]}],
}


def _folder(client: WireClient) -> str:
    request = build(messages.DescribeLogDirsRequest, {"topics": []}, 4)
    return str(client.ask(request, 4).results[0].log_dir)


def _ready(client: WireClient, name: str, content: Mapping[str, Any], version: int) -> Any:
    """The first answer to a request that isn't about a coordinator which isn't there yet."""
    request = build(getattr(messages, name), content, version)
    while True:
        answer = client.ask(request, version)
        if not _codes(_json(answer)) & _LOADING:
            return answer
        time.sleep(0.1)


def _codes(answer: Any) -> set[int]:
    if isinstance(answer, list):
        return {code for each in answer for code in _codes(each)}
    if isinstance(answer, dict):
        own = {value for name, value in answer.items() if name == "error_code"}
        return own.union(*(_codes(value) for value in answer.values()))
    return set()


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    """`value` with what stands for names in angle brackets."""
    if isinstance(value, dict):
        return {name: _filled(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if isinstance(value, str) and value.startswith("<") and value.endswith(">"):
        return known[value[1:-1]]
    return value


def _json(value: Any, name: str = "") -> Any:
    """Plain dictionaries and lists, without what may differ."""
    if name in _IDS:
        return "id" if value >= 0 and value != NOBODY else value
    if isinstance(value, uuid.UUID):
        return "no id" if value.int == 0 else "unknown id" if value.int == 99 else "id"
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, list):
        return sorted((_json(each) for each in value), key=repr)
    slots = getattr(type(value), "__slots__", None)
    if slots and not isinstance(value, int | str):
        return {each: _json(getattr(value, each), each) for each in slots if each not in _DROPPED}
    return value


def recorded_edges() -> list[Step]:
    """What Apache Kafka answers to the script."""
    return [(name, answer) for name, answer in json.loads(gzip.decompress(RECORDED.read_bytes()))]


def main() -> None:
    """Record Apache Kafka's answers."""
    with (
        tempfile.TemporaryDirectory() as folder,
        KafkaBroker(Path(folder) / "kafka", SETTINGS) as kafka,
    ):
        answers = list(run_edge_script(kafka.bootstrap))
    RECORDED.write_bytes(gzip.compress(json.dumps(answers).encode(), mtime=0))


if __name__ == "__main__":
    main()
