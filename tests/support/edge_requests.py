"""The table of requests of `edge_script`: name, request class, versions (none: the newest), content.

Texts in angle brackets stand for what the script finds out: `<id of edge-a>`, `<batch>`. Topics that are changed are
named apart, so that the order hardly matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge_requests_groups import GROUP_EDGES
from edge_requests_node import NODE_EDGES
from edge_requests_settings import SETTING_EDGES

__all__ = ["EDGES", "NOBODY", "TOPICS", "Edge"]

Edge = tuple[str, str, tuple[int, ...], dict[str, Any]]

TOPICS = ("edge-a", "edge-b", "edge-c", "edge-gone")
A, B, C, GONE, MISSING, ILLEGAL = *TOPICS, "edge-missing", "no spaces"
NOBODY = 9_000_000
"""A producer id that nobody was given."""
LONG = "x" * 300
_NAMES = (A, MISSING, ILLEGAL, "..", LONG)


def _records() -> Iterator[Edge]:
    def produce(*topics: Any, **fields: Any) -> dict[str, Any]:
        return {"acks": -1, "timeout_ms": 5000, "topic_data": list(topics), **fields}

    def to(name: str, *partitions: int, records: Any = "<batch>", **fields: Any) -> dict[str, Any]:
        data = [{"index": index, "records": records} for index in partitions]
        return {"name": name, "partition_data": data, **fields}

    for name, content in {
        "nothing": produce(),
        "no partitions": produce(to(A)),
        "negative partition": produce(to(A, -1)),
        "some partitions missing": produce(to(A, 0, 5, -7)),
        "empty name": produce(to("", 0)),
        "illegal name": produce(to(ILLEGAL, 0)),
        "internal topic": produce(to("__consumer_offsets", 0)),
        "empty records": produce(to(A, 0, records=b"")),
        "too short": produce(to(A, 0, records=b"\0" * 40)),
        "acks 2": produce(to(A, 0), acks=2),
        "acks -2": produce(to(A, 0), acks=-2),
        "acks 2, missing": produce(to(MISSING, 0), acks=2),
        "no time": produce(to(A, 0), timeout_ms=0),
        "negative time": produce(to(A, 0), timeout_ms=-1),
        "transactional id, plain batch": produce(to(A, 0), transactional_id="edge-known"),
        "transactional batch, unknown id": produce(
            to(A, 0, records="<transactional batch>"), transactional_id="edge-unknown"
        ),
    }.items():
        yield name, "ProduceRequest", (3, 7, 9, 12), content
    nobody = produce(to(B, 1, records="<batch of nobody>"))
    yield "unknown producer in the middle", "ProduceRequest", (9,), nobody
    for name, topic_id in {
        "known": "<id of edge-a>",
        "no": "<no id>",
        "an": "<unknown id>",
    }.items():
        content = produce(to("", 0, 9, topic_id=topic_id))
        yield f"{name} id", "ProduceRequest", (13,), content

    def fetch(*topics: Any, **fields: Any) -> dict[str, Any]:
        return {
            "max_wait_ms": 10,
            "min_bytes": 1,
            "max_bytes": 100_000,
            "session_epoch": -1,
            "topics": list(topics),
            **fields,
        }

    def of(name: str, *partitions: int, topic_id: str = "<no id>", **fields: Any) -> dict[str, Any]:
        asked = {
            "fetch_offset": 0,
            "partition_max_bytes": 10_000,
            "last_fetched_epoch": -1,
            "current_leader_epoch": -1,
            "log_start_offset": -1,
            **fields,
        }
        return {
            "topic": name,
            "topic_id": topic_id,
            "partitions": [{"partition": index, **asked} for index in partitions],
        }

    for name, content in {
        "nothing": fetch(),
        "no partitions": fetch(of(A)),
        "negative partition": fetch(of(A, -1)),
        "some partitions missing": fetch(of(C, 0, 7)),
        "empty name": fetch(of("", 0)),
        "illegal name": fetch(of(ILLEGAL, 0)),
        "offset -1": fetch(of(C, 0, fetch_offset=-1)),
        "offset beyond": fetch(of(C, 0, fetch_offset=1)),
        "no bytes": fetch(of(C, 0, 1), max_bytes=0),
        "negative bytes": fetch(of(C, 0), max_bytes=-1),
        "no bytes of a partition": fetch(of(C, 0, partition_max_bytes=0)),
        "negative bytes of a partition": fetch(of(C, 0, partition_max_bytes=-5)),
        "negative min": fetch(of(C, 0), min_bytes=-1),
        "negative wait": fetch(of(C, 0), max_wait_ms=-1),
        "isolation 5": fetch(of(C, 0), isolation_level=5),
        "later leader epoch": fetch(of(C, 0, current_leader_epoch=9)),
        "leader epoch -5": fetch(of(C, 0, current_leader_epoch=-5)),
        "later last epoch": fetch(of(C, 0, last_fetched_epoch=9)),
        "unknown session": fetch(of(C, 0), session_id=77, session_epoch=1),
        "session closed": fetch(of(C, 0), session_id=77, session_epoch=-1),
        "no session, epoch 5": fetch(of(C, 0), session_epoch=5),
        "epoch -2": fetch(of(C, 0), session_epoch=-2),
    }.items():
        yield name, "FetchRequest", (4, 7, 11, 12), content
    for name, topic_id in {
        "known": "<id of edge-c>",
        "no": "<no id>",
        "an": "<unknown id>",
    }.items():
        content = fetch(of("", 0, 9, topic_id=topic_id))
        yield f"{name} id", "FetchRequest", (13, 17, 18), content

    def offsets(*partitions: dict[str, Any], name: str = C, **fields: Any) -> dict[str, Any]:
        topic = {"name": name, "partitions": list(partitions)}
        return {"replica_id": -1, "topics": [topic], "timeout_ms": 1000, **fields}

    def at(timestamp: int, partition: int = 0, epoch: int = -1) -> dict[str, Any]:
        return {
            "partition_index": partition,
            "timestamp": timestamp,
            "current_leader_epoch": epoch,
        }

    for name, content in {
        "no topics": offsets() | {"topics": []},
        "no partitions": offsets(),
        "twice": offsets(at(-1), at(-2)),
        "twice, one missing": offsets(at(-1, 7), at(-2, 7), at(-1, 1)),
        "negative partition": offsets(at(-1, -1)),
        "empty name": offsets(at(-1), name=""),
        "illegal name": offsets(at(-1), name=ILLEGAL),
        "timestamp -7": offsets(at(-7)),
        "timestamp -100": offsets(at(-100)),
        "timestamp 0": offsets(at(0)),
        "later epoch": offsets(at(-1, 0, 9)),
        "epoch -5": offsets(at(-1, 0, -5)),
        "debugging replica": offsets(at(-1), replica_id=-2),
        "isolation 5": offsets(at(-1), isolation_level=5),
        "no time": offsets(at(-1), timeout_ms=0),
    }.items():
        yield name, "ListOffsetsRequest", (1, 2, 4, 6, 7, 10, 11), content

    def delete(*partitions: tuple[int, int], name: str = B, **fields: Any) -> dict[str, Any]:
        listed = [{"partition_index": index, "offset": offset} for index, offset in partitions]
        return {"topics": [{"name": name, "partitions": listed}], "timeout_ms": 1000, **fields}

    for name, content in {
        "no topics": delete() | {"topics": []},
        "no partitions": delete(),
        "negative partition": delete((-1, 0)),
        "offset -2": delete((0, -2)),
        "offset beyond": delete((0, 5)),
        "all": delete((0, -1)),
        "empty name": delete((0, 0), name=""),
        "illegal name": delete((0, 0), name=ILLEGAL),
        "internal topic": delete((0, 0), name="__consumer_offsets"),
        "twice": delete((0, 0), (0, -1)),
        "no time": delete((0, 0), timeout_ms=0),
    }.items():
        yield name, "DeleteRecordsRequest", (0, 2), content

    def epochs(*partitions: tuple[int, int, int], name: str = C) -> dict[str, Any]:
        listed = [
            {"partition": index, "current_leader_epoch": current, "leader_epoch": epoch}
            for index, current, epoch in partitions
        ]
        return {"replica_id": -1, "topics": [{"topic": name, "partitions": listed}]}

    for name, content in {
        "no topics": epochs() | {"topics": []},
        "no partitions": epochs(),
        "missing partitions": epochs((-1, -1, 0), (7, -1, 0)),
        "epoch -5": epochs((0, -1, -5)),
        "current epoch -5": epochs((0, -5, 0)),
        "later epochs": epochs((0, 9, 0)),
        "empty name": epochs((0, -1, 0), name=""),
        "illegal name": epochs((0, -1, 0), name=ILLEGAL),
    }.items():
        yield name, "OffsetForLeaderEpochRequest", (2, 3, 4), content


def _topics() -> Iterator[Edge]:
    def metadata(*topics: Any, **fields: Any) -> dict[str, Any]:
        listed = [each if isinstance(each, dict) else {"name": each} for each in topics]
        return {"topics": listed, "allow_auto_topic_creation": False, **fields}

    for name, content in {
        "no topics": metadata(),
        "empty name": metadata(""),
        "illegal names": metadata(ILLEGAL, "..", LONG),
        "illegal name, may be made": metadata(ILLEGAL, allow_auto_topic_creation=True),
        "twice": metadata(C, C, MISSING, MISSING),
        "operations": metadata(
            C,
            include_topic_authorized_operations=True,
            include_cluster_authorized_operations=True,
        ),
    }.items():
        yield name, "MetadataRequest", (4, 8, 9, 10, 12, 13), content
    for name, topic in {
        "neither name nor id": {"name": None},
        "name and id": {"name": C, "topic_id": "<id of edge-c>"},
        "name and other id": {"name": C, "topic_id": "<unknown id>"},
        "id": {"name": None, "topic_id": "<id of edge-c>"},
        "unknown id": {"name": None, "topic_id": "<unknown id>"},
    }.items():
        yield name, "MetadataRequest", (10, 11, 12, 13), metadata(topic)
    yield (
        "ids and names",
        "MetadataRequest",
        (12, 13),
        metadata({"name": None, "topic_id": "<id of edge-c>"}, C),
    )

    def create(*topics: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return {"topics": list(topics), "timeout_ms": 5000, **fields}

    def new(name: str = "edge-new", *nodes: Any, **fields: Any) -> dict[str, Any]:
        assignments = [{"partition_index": at, "broker_ids": list(ids)} for at, ids in nodes]
        counts = -1 if nodes else 1
        return {
            "name": name,
            "num_partitions": counts,
            "replication_factor": counts,
            "assignments": assignments,
            **fields,
        }

    def setting(name: str, value: Any) -> dict[str, Any]:
        return {"name": name, "value": value}

    for name, content in {
        "nothing": create(),
        "there already": create(new(A)),
        "assigned from 1": create(new("edge-new", (1, [1]))),
        "assigned with a hole": create(new("edge-new", (0, [1]), (2, [1]))),
        "assigned twice": create(new("edge-new", (0, [1]), (0, [1]))),
        "assigned to nobody": create(new("edge-new", (0, []))),
        "assigned twice to a node": create(new("edge-new", (0, [1, 1]))),
        "assigned to a missing node": create(new("edge-new", (0, [7]))),
        "assigned to a node -1": create(new("edge-new", (0, [-1]))),
        "assigned to numbers of nodes": create(new("edge-new", (0, [1]), (1, [1, 7]))),
        "assigned and counted": create(new("edge-new", (0, [1]), num_partitions=1)),
        "assigned and replicated": create(new("edge-new", (0, [1]), replication_factor=1)),
        "replicas -2": create(new(replication_factor=-2)),
        "config without a name": create(new(configs=[setting("", "1")])),
        "list with a hole": create(new(configs=[setting("cleanup.policy", "delete,,compact")])),
        "metadata topic": create(new("__cluster_metadata")),
        "one good, one bad": create(new(""), new(A)),
        "colliding": create(new("edge.a")),
    }.items():
        for validate_only in (False, True):
            words = f"{name}, only checked" if validate_only else name
            versions = (2, 4, 5, 7)
            yield words, "CreateTopicsRequest", versions, content | {"validate_only": validate_only}
    repeated = [setting("retention.ms", "1"), setting("retention.ms", "soon")]
    twice = create(new("edge-repeated", configs=repeated), validate_only=True)
    yield "config twice", "CreateTopicsRequest", (7,), twice
    repeated = [setting("retention.ms", "soon"), setting("retention.ms", "1")]
    twice = create(new("edge-repeated", configs=repeated), validate_only=True)
    yield "config twice, wrong first", "CreateTopicsRequest", (2,), twice
    yield "no time", "CreateTopicsRequest", (7,), create(new("edge-at-once"), timeout_ms=0)
    yield "negative time", "CreateTopicsRequest", (7,), create(new("edge-sooner"), timeout_ms=-1)

    def grow(*topics: tuple[str, int, Any], **fields: Any) -> dict[str, Any]:
        listed = [
            {
                "name": name,
                "count": count,
                "assignments": None if nodes is None else [{"broker_ids": each} for each in nodes],
            }
            for name, count, nodes in topics
        ]
        return {"topics": listed, "timeout_ms": 5000, **fields}

    for name, content in {
        "nothing": grow(),
        "none": grow((C, 0, None)),
        "negative": grow((C, -1, None)),
        "twice": grow((C, 3, None), (C, 4, None)),
        "assigned to nobody": grow((C, 3, [])),
        "assigned to empty": grow((C, 3, [[]])),
        "assigned too many": grow((C, 3, [[1], [1]])),
        "assigned elsewhere": grow((C, 3, [[7]])),
        "assigned twice to a node": grow((C, 3, [[1, 1]])),
        "assigned well": grow((C, 3, [[1]])),
        "empty name": grow(("", 3, None)),
        "too many": grow((C, 20_000, None)),
        "internal topic": grow(("__consumer_offsets", 60, None)),
    }.items():
        yield name, "CreatePartitionsRequest", (0, 2, 3), content | {"validate_only": True}
    yield "no time", "CreatePartitionsRequest", (3,), grow((B, 3, None), timeout_ms=0)

    for name, names in {
        "nothing": [],
        "empty name": [""],
        "illegal name": [ILLEGAL],
        "twice missing": [MISSING, MISSING],
    }.items():
        content = {"topic_names": names, "timeout_ms": 5000}
        yield name, "DeleteTopicsRequest", (1, 4, 5), content
    states: dict[str, list[dict[str, Any]]] = {
        "nothing": [],
        "neither name nor id": [{"name": None}],
        "name and id": [{"name": GONE, "topic_id": "<id of edge-gone>"}],
        "unknown id": [{"name": None, "topic_id": "<unknown id>"}],
        "unknown id twice": [{"name": None, "topic_id": "<unknown id>"}] * 2,
        "missing and empty": [{"name": MISSING}, {"name": ""}],
        "missing twice": [{"name": MISSING}] * 2,
        "once by name, once by id": [
            {"name": GONE},
            {"name": None, "topic_id": "<id of edge-gone>"},
        ],
        "twice by id": [{"name": None, "topic_id": "<id of edge-gone>"}] * 2,
        "twice by name": [{"name": GONE}] * 2,
        "by name": [{"name": GONE}],
        "again": [{"name": GONE}],
    }
    for name, topics in states.items():
        yield name, "DeleteTopicsRequest", (6,), {"topics": topics, "timeout_ms": 5000}
    late: dict[str, Any] = {"topics": [{"name": A}], "timeout_ms": 0}
    yield "no time", "DeleteTopicsRequest", (6,), late

    described: dict[str, dict[str, Any]] = {
        "all": {"topics": [], "response_partition_limit": 1},
        "names": {"topics": [{"name": each} for each in _NAMES]},
        "twice": {"topics": [{"name": C}, {"name": C}]},
        "no limit": {"topics": [{"name": C}], "response_partition_limit": 0},
        "limit -1": {"topics": [{"name": C}], "response_partition_limit": -1},
        "cursor before": {
            "topics": [{"name": C}],
            "cursor": {"topic_name": A, "partition_index": 1},
        },
        "cursor behind": {
            "topics": [{"name": A}],
            "cursor": {"topic_name": C, "partition_index": 0},
        },
        "cursor too far": {
            "topics": [{"name": C}],
            "cursor": {"topic_name": C, "partition_index": 9},
        },
        "cursor -1": {"topics": [{"name": C}], "cursor": {"topic_name": C, "partition_index": -1}},
        "cursor nowhere": {
            "topics": [{"name": C}],
            "cursor": {"topic_name": "", "partition_index": 0},
        },
    }
    for name, content in described.items():
        if name != "all":
            yield name, "DescribeTopicPartitionsRequest", (), content


EDGES: tuple[Edge, ...] = (
    *_records(),
    *_topics(),
    *NODE_EDGES,
    *SETTING_EDGES,
    *GROUP_EDGES,
)
"""All of them."""
