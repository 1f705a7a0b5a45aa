"""Requests of clients that may not do one thing or another, sent to any broker: what it answers, made comparable.

A profile is what a client may not do: one operation on one kind of resource, or nothing at all. Each profile
sends every request of the table, with topics, groups and transactional ids of its own. Apache Kafka's answers stand in
`RECORDED`; to write them anew, run `PYTHONPATH=. python tests/support/denied_script.py`, on Linux: there, a client's
profile is its address, 127.0.0.10 and up.
"""

from __future__ import annotations

import gzip
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import confluent_kafka.admin
from broker_lab import batch
from denied_requests import REQUESTS, SETUP
from edge_script import build
from kafka_broker import KafkaBroker
from wire_client import WireClient

from streamkit.log.broker.authorization import Operation, ResourceType, operations_on
from streamkit.log.protocol import ErrorCode, messages, version_range
from streamkit.log.protocol.wire import info_of

__all__ = ["PROFILES", "RECORDED", "Denied", "Profile", "recorded_denials", "run_denied_script"]

Denied = frozenset[tuple[Operation, ResourceType]]
Profile = tuple[str, Denied]

_EACH = (
    *((operation, kind) for kind in ResourceType for operation in operations_on(kind)),
    # Not among the cluster's own operations, and asked for all the same.
    (Operation.DELETE, ResourceType.CLUSTER),
)
_TOPIC, _CLUSTER = ResourceType.TOPIC, ResourceType.CLUSTER
_EITHER = (
    {(Operation.CREATE, _CLUSTER), (Operation.CREATE, _TOPIC)},
    {(Operation.DELETE, _CLUSTER), (Operation.DELETE, _TOPIC)},
    {(Operation.DELETE, _CLUSTER), (Operation.DESCRIBE, _TOPIC)},
    {(Operation.DELETE, _CLUSTER), (Operation.DESCRIBE, _TOPIC), (Operation.DELETE, _TOPIC)},
    {(Operation.CLUSTER_ACTION, _CLUSTER), (Operation.DESCRIBE, _TOPIC)},
    {(Operation.CLUSTER_ACTION, _CLUSTER), (Operation.ALTER, _CLUSTER)},
    {(Operation.IDEMPOTENT_WRITE, _CLUSTER), (Operation.WRITE, _TOPIC)},
    {(Operation.DESCRIBE, _CLUSTER), (Operation.DESCRIBE, ResourceType.GROUP)},
)
"""Where one right is enough, or one decides what is told when the other is missing."""
PROFILES: tuple[Profile, ...] = (
    ("nothing", frozenset()),
    ("everything", frozenset(_EACH)),
    *(
        (
            ", ".join(sorted(f"{each.name} on {kind.name}" for each, kind in denied)),
            frozenset(denied),
        )
        for denied in (*({each} for each in _EACH), *_EITHER)
    ),
)
"""What is denied."""

RECORDED = Path(__file__).parent.parent / "golden" / "denied_answers.json.gz"
_TOLD = {
    "error_code",
    "partition_error_code",
    "topic_config_error_code",
    "authorized_operations",
    "topic_authorized_operations",
    "cluster_authorized_operations",
    "num_partitions",
    "replication_factor",
}
_NAMES = {"name", "topic", "topic_name", "group_id", "transactional_id", "key"}
_LEFT_OUT = {"nodes"}  # of the quorum: they listen under other names
_SOON = {
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_COORDINATOR,
    ErrorCode.CONCURRENT_TRANSACTIONS,
    ErrorCode.LEADER_NOT_AVAILABLE,
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
}
"""What Apache Kafka has to say until it is ready."""

ck: Any = confluent_kafka.admin  # which exports rules, but not to checkers of types

Connect = Callable[[int | None], WireClient]
"""A client of the profile with that number; None: one that may do everything."""


def run_denied_script(connect: Connect) -> Iterator[tuple[str, Any]]:
    """Each step's name and the broker's answer, comparable; "closed" where it closes the connection."""
    for number, (denied, _) in enumerate(PROFILES):
        with connect(None) as client:
            known = _prepare(client, number)
        client = connect(number)
        for request, versions, content in REQUESTS:
            cls = getattr(messages, request)
            low, high = version_range(info_of(cls).key)
            for version in versions or sorted({low, high}):
                try:
                    asked = build(cls, _filled(content, known), version)
                    answer = client.ask(asked, version)
                    while _codes(answer) & _SOON:
                        time.sleep(0.02)
                        answer = client.ask(asked, version)
                    said = _said(answer, number)
                except (AssertionError, OSError):
                    client.close()
                    client = connect(number)
                    said = "closed"
                yield f"without {denied}: {request.removesuffix('Request')} v{version}", said
        client.close()


def _prepare(client: WireClient, number: int) -> dict[str, Any]:
    """Make the profile's topic, groups and transaction; what stands for names in the table."""
    known: dict[str, Any] = {
        name: f"{name}-p{number}-" for name in ("topic", "new", "made", "group", "consumers", "txn")
    }
    known["batch"] = batch(b"a", b"b", timestamp=int(time.time() * 1000))
    for request, version, content in SETUP:
        cls = getattr(messages, request)
        answer = client.ask(build(cls, _filled(content, known), version), version)
        while _codes(answer) & {*_SOON, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}:
            time.sleep(0.05)
            answer = client.ask(build(cls, _filled(content, known), version), version)
        assert not _codes(answer), (request, _codes(answer))
        if request == "InitProducerIdRequest":
            known |= {"producer": answer.producer_id, "epoch": answer.producer_epoch}
            known["transactional batch"] = batch(
                b"t",
                timestamp=int(time.time() * 1000),
                producer_id=answer.producer_id,
                producer_epoch=answer.producer_epoch,
                base_sequence=0,
                transactional=True,
            )
        elif request == "MetadataRequest":
            known["id"] = answer.topics[0].topic_id
        elif request == "ConsumerGroupHeartbeatRequest":
            known["member"] = answer.member_id
    return known


def _filled(value: Any, known: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if isinstance(value, str) and value.startswith("<"):
        return known[value[1:-1]]
    return value


def _codes(value: Any) -> set[int]:
    if isinstance(value, list):
        return {code for each in value for code in _codes(each)}
    slots = getattr(type(value), "__slots__", ())
    own = {getattr(value, each) for each in slots if each == "error_code"} - {0}
    return own.union(
        *(_codes(getattr(value, each)) for each in slots if not isinstance(value, int))
    )


def _said(value: Any, number: int) -> Any:
    """Codes, operations and names as plain dictionaries and lists, without what is another profile's."""
    if isinstance(value, list):
        parts = [_said(each, number) for each in value]
        return sorted((each for each in parts if each), key=repr)
    slots = getattr(type(value), "__slots__", ())
    if isinstance(value, int | str) or not slots:
        return None
    names = [str(getattr(value, each)) for each in slots if each in _NAMES and getattr(value, each)]
    if any(re.search(r"-p\d+-$", each) and not each.endswith(f"-p{number}-") for each in names):
        return None
    told: dict[str, Any] = {}
    for each in slots:
        if each in _LEFT_OUT:
            continue
        part = getattr(value, each)
        if not (isinstance(part, str) and each in _NAMES) and each not in _TOLD:
            part = _said(part, number)
        if part:
            told[each] = part
    if any(each.startswith("made-") for each in names):
        # Apache Kafka makes topics later, ours at once: only who may not is told the same.
        denied = ErrorCode.TOPIC_AUTHORIZATION_FAILED
        return told if told.get("error_code") == denied else None
    return told


def recorded_denials() -> list[tuple[str, Any]]:
    """What Apache Kafka answers to the script."""
    return [(name, answer) for name, answer in json.loads(gzip.decompress(RECORDED.read_bytes()))]


SETTINGS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
    "group.consumer.assignment.interval.ms": "0",
}


def _host(number: int) -> str:
    return f"127.0.0.{number + 10}"


def kafka_client(kafka: KafkaBroker) -> Connect:
    """Give Apache Kafka its rules; clients of a profile then come from the profile's address."""
    kinds = {
        ResourceType.TOPIC: (ck.ResourceType.TOPIC, "*"),
        ResourceType.GROUP: (ck.ResourceType.GROUP, "*"),
        ResourceType.CLUSTER: (ck.ResourceType.BROKER, "kafka-cluster"),
        ResourceType.TRANSACTIONAL_ID: (ck.ResourceType.TRANSACTIONAL_ID, "*"),
    }

    def rule(kind: ResourceType, host: str, operation: str, permission: str) -> Any:
        return ck.AclBinding(
            *kinds[kind],
            *(ck.ResourcePatternType.LITERAL, "User:*", host),
            *(ck.AclOperation[operation], ck.AclPermissionType[permission]),
        )

    # What is allowed comes first: the broker asks itself for leave, too.
    rules = [rule(kind, "*", "ALL", "ALLOW") for kind in ResourceType]
    rules += [
        rule(kind, _host(number), operation.name, "DENY")
        for number, (_, denied) in enumerate(PROFILES)
        for operation, kind in denied
    ]
    admin = ck.AdminClient({"bootstrap.servers": kafka.bootstrap})
    for future in admin.create_acls(rules).values():
        future.result(30)

    def connect(number: int | None) -> WireClient:
        return WireClient(
            kafka.bootstrap, timeout=20, source="" if number is None else _host(number)
        )

    return connect


def main() -> None:
    """Record Apache Kafka's answers."""
    with (
        tempfile.TemporaryDirectory() as folder,
        KafkaBroker(Path(folder) / "kafka", SETTINGS) as kafka,
    ):
        answers = list(run_denied_script(kafka_client(kafka)))
    RECORDED.write_bytes(gzip.compress(json.dumps(answers).encode(), mtime=0))


if __name__ == "__main__":
    main()
