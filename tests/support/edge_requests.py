"""The table of requests of `edge_script`: name, request class, versions (none: the newest), content.

Texts in angle brackets stand for what the script finds out: `<id of edge-a>`, `<batch>`. Topics that are changed are
named apart, so that the order hardly matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge_requests_groups import GROUP_EDGES

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

    for name, content in {
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
    }.items():
        if name != "all":
            yield name, "DescribeTopicPartitionsRequest", (), content


def _node() -> Iterator[Edge]:
    for kind in (0, 1, 2, 3):
        yield f"endpoints {kind}", "DescribeClusterRequest", (1, 2), {"endpoint_type": kind}

    def placed(*partitions: int, topic: str = C, path: str = "<data folder>") -> dict[str, Any]:
        return {"path": path, "topics": [{"name": topic, "partitions": list(partitions)}]}

    for name, dirs in {
        "nothing": [],
        "no partitions": [placed()],
        "here": [placed(0, 1, 7, -1)],
        "elsewhere": [placed(0, 7, path="/nowhere")],
        "no path": [placed(0, path="")],
        "relative path": [placed(0, path="data")],
        "missing topics": [placed(0, topic=MISSING), placed(0, topic="")],
        "long topic": [placed(0, topic="x" * 240)],
        "at two places": [placed(0), placed(0, path="/nowhere")],
        "two topics": [placed(0), placed(0, topic=A)],
    }.items():
        yield name, "AlterReplicaLogDirsRequest", (1, 2), {"dirs": dirs}

    for name, topics in {
        "nothing": [],
        "no partitions": [{"topic": C, "partitions": []}],
        "missing ones": [
            {"topic": C, "partitions": [-1, 7, 0]},
            {"topic": MISSING, "partitions": [0]},
        ],
        "twice": [{"topic": C, "partitions": [0, 0]}],
        "empty name": [{"topic": "", "partitions": [0]}],
    }.items():
        yield name, "DescribeLogDirsRequest", (1, 3, 4, 5), {"topics": topics}

    def quorum(*topics: tuple[str, list[int]]) -> dict[str, Any]:
        return {
            "topics": [
                {
                    "topic_name": name,
                    "partitions": [{"partition_index": index} for index in partitions],
                }
                for name, partitions in topics
            ]
        }

    for name, content in {
        "nothing": quorum(),
        "no partitions": quorum(("__cluster_metadata", [])),
        "another partition": quorum(("__cluster_metadata", [0, 1])),
        "twice": quorum(("__cluster_metadata", [0, 0])),
        "another topic": quorum((C, [0])),
        "empty name": quorum(("", [0])),
        "two topics": quorum(("__cluster_metadata", [0]), (C, [0])),
    }.items():
        yield name, "DescribeQuorumRequest", (0, 1, 2), content

    def level(name: str, number: int, kind: int = 1) -> dict[str, Any]:
        return {"feature": name, "max_version_level": number, "upgrade_type": kind}

    for name, updates in {
        "nothing": [],
        "as it is": [level("group.version", 1), level("transaction.version", 2)],
        "as it is, down": [level("group.version", 1, 2)],
        "unknown": [level("no.such", 1)],
        "no name": [level("", 1)],
        "too high": [level("group.version", 9)],
        "negative": [level("group.version", -1)],
        "down": [level("transaction.version", 1)],
        "safely down": [level("transaction.version", 1, 2)],
        "unsafely down": [level("transaction.version", 0, 3)],
        "type 0": [level("transaction.version", 2, 0)],
        "type 9": [level("transaction.version", 2, 9)],
        "twice": [level("transaction.version", 1, 2)] * 2,
        "twice, last one wrong": [level("group.version", 1), level("group.version", 9)],
        "twice, first one wrong": [level("group.version", 9), level("group.version", 1)],
    }.items():
        content = {"feature_updates": updates, "validate_only": True}
        yield name, "UpdateFeaturesRequest", (1, 2), content
    for name, updates in {
        "as it is": [level("group.version", 1)],
        "unknown": [level("x", 1)],
    }.items():
        yield name, "UpdateFeaturesRequest", (0,), {"feature_updates": updates}
    for broker in (7, -1):
        yield f"broker {broker}", "UnregisterBrokerRequest", (), {"broker_id": broker}
    for cluster in ("another", "", None):
        for voter in (-1, 1, 7):
            content = {
                "cluster_id": cluster,
                "voter_id": voter,
                "voter_directory_id": "<unknown id>",
            }
            name = f"{voter} in {cluster}"
            listeners = [{"name": "CONTROLLER", "host": "nowhere", "port": 9}]
            yield name, "AddRaftVoterRequest", (0, 1), content | {"listeners": listeners}
            yield name, "RemoveRaftVoterRequest", (0,), content

    for kind in (0, 1, 5, -1):
        for name, elected in {
            "nothing": [],
            "no partitions": [{"topic": C, "partitions": []}],
            "some": [{"topic": C, "partitions": [0, 7, -1]}, {"topic": "", "partitions": [0]}],
            "twice": [{"topic": C, "partitions": [0, 0]}],
        }.items():
            content = {"election_type": kind, "topic_partitions": elected, "timeout_ms": 5000}
            yield f"{name}, type {kind}", "ElectLeadersRequest", (0, 1, 2), content

    def moved(*partitions: tuple[int, Any], name: str = C) -> dict[str, Any]:
        listed = [{"partition_index": index, "replicas": nodes} for index, nodes in partitions]
        return {"topics": [{"name": name, "partitions": listed}], "timeout_ms": 5000}

    for name, content in {
        "nothing": moved() | {"topics": []},
        "no partitions": moved(),
        "missing partitions": moved((-1, [1]), (7, [1]), (7, None)),
        "to nobody": moved((0, [])),
        "twice to a node": moved((0, [1, 1])),
        "elsewhere": moved((0, [7]), (1, [-1])),
        "cancelled": moved((0, None)),
        "here": moved((0, [1])),
        "empty name": moved((0, [1]), name=""),
        "growing": moved((0, [1, 7])),
    }.items():
        yield name, "AlterPartitionReassignmentsRequest", (0, 1), content
    late = moved((0, [1]), (7, [1])) | {"timeout_ms": 0}
    yield "no time", "AlterPartitionReassignmentsRequest", (1,), late
    late = {"topic_partitions": [{"topic": C, "partitions": [0]}], "timeout_ms": 0}
    yield "no time", "ElectLeadersRequest", (0, 2), late
    for content in (late | {"topic_partitions": []}, late | {"topic_partitions": None}):
        yield f"no time, {content['topic_partitions']}", "ElectLeadersRequest", (2,), content
    everything = {"topic_partitions": None, "timeout_ms": 5000, "election_type": 5}
    yield "all, type 5", "ElectLeadersRequest", (2,), everything
    for name, listed in {
        "nothing": [],
        "no partitions": [{"name": C, "partition_indexes": []}],
        "missing": [
            {"name": MISSING, "partition_indexes": [0]},
            {"name": C, "partition_indexes": [7]},
        ],
        "some": [{"name": C, "partition_indexes": [0]}],
    }.items():
        content = {"topics": listed, "timeout_ms": 5000}
        yield name, "ListPartitionReassignmentsRequest", (0,), content


def _configs() -> Iterator[Edge]:
    topic, broker, logger, metrics, group = 2, 4, 8, 16, 32

    def described(*resources: tuple[int, str, Any]) -> dict[str, Any]:
        return {
            "resources": [
                {"resource_type": kind, "resource_name": name, "configuration_keys": keys}
                for kind, name, keys in resources
            ]
        }

    for name, content in {
        "nothing": described(),
        "twice": described((topic, C, ["retention.ms"]), (topic, C, ["segment.ms"])),
        "no keys": described((topic, C, [])),
        "unknown key": described((topic, C, ["no.such"])),
        "keys twice": described((topic, C, ["retention.ms", "retention.ms"])),
        "empty topic": described((topic, "", None)),
        "missing topic": described((topic, MISSING, None)),
        "illegal topic": described((topic, ILLEGAL, None)),
        "all brokers": described((broker, "", ["num.partitions"])),
        "broker -1": described((broker, "-1", None)),
        "broker 1 with a sign": described((broker, "+1", ["num.partitions"])),
        "group without a name": described((group, "", None)),
        "long group": described((group, LONG, ["consumer.session.timeout.ms"])),
        "client metrics without a name": described((metrics, "", None)),
        "unknown client metrics": described((metrics, "edge", [])),
        "another broker's loggers": described((logger, "7", None)),
        "loggers without a name": described((logger, "", None)),
        "type 0": described((0, "x", None)),
        "type -1": described((-1, "x", None)),
    }.items():
        yield name, "DescribeConfigsRequest", (1, 4), content

    def altered(*resources: tuple[int, str, list[tuple[str, int, Any]]]) -> dict[str, Any]:
        return {
            "validate_only": True,
            "resources": [
                {
                    "resource_type": kind,
                    "resource_name": name,
                    "configs": [
                        {"name": key, "config_operation": operation, "value": value}
                        for key, operation, value in changes
                    ],
                }
                for kind, name, changes in resources
            ],
        }

    keep = [("retention.ms", 0, "5")]
    several: dict[str, dict[str, Any]] = {
        "nothing": altered(),
        "no settings": altered((topic, C, [])),
        "resource twice": altered((topic, C, keep), (topic, C, keep)),
        "empty topic": altered((topic, "", keep)),
        "illegal topic": altered((topic, ILLEGAL, keep)),
        "missing topic": altered((topic, MISSING, keep)),
        "setting without a name": altered((topic, C, [("", 0, "1")])),
        "nothing taken back": altered((topic, C, [("no.such", 1, None)])),
        "value with spaces": altered((topic, C, [("retention.ms", 0, " 5 ")])),
        "empty value": altered((topic, C, [("retention.ms", 0, "")])),
        "empty list": altered((topic, C, [("cleanup.policy", 0, "")])),
        "list with repeats": altered((topic, C, [("cleanup.policy", 0, "delete,delete")])),
        "list with unknown": altered((topic, C, [("cleanup.policy", 0, "delete,shrink")])),
        "appended nothing": altered((topic, C, [("cleanup.policy", 2, "")])),
        "holes": altered((topic, C, [("cleanup.policy", 0, "delete,,compact")])),
        "hole at the end": altered((topic, C, [("cleanup.policy", 0, "delete,")])),
        "comma": altered((topic, C, [("cleanup.policy", 0, ",")])),
        "appended comma": altered((topic, C, [("cleanup.policy", 2, ",")])),
        "appended with a comma": altered((topic, C, [("cleanup.policy", 2, "compact,")])),
        "subtracted nothing": altered((topic, C, [("cleanup.policy", 3, "")])),
        "broker: list with repeats of all": altered(
            (broker, "", [("log.cleanup.policy", 0, "delete,delete")])
        ),
        "broker: comma": altered((broker, "1", [("log.cleanup.policy", 0, ",")])),
        "broker: empty list": altered((broker, "1", [("log.cleanup.policy", 0, "")])),
        "broker: appended nothing": altered((broker, "1", [("log.cleanup.policy", 2, "")])),
        "appended null": altered((topic, C, [("cleanup.policy", 2, None)])),
        "subtracted what isn't there": altered((topic, C, [("cleanup.policy", 3, "compact")])),
        "subtracted all": altered((topic, C, [("cleanup.policy", 3, "delete")])),
        "negative operation": altered((topic, C, [("retention.ms", -1, "1")])),
        "broker x": altered((broker, "x", [("log.retention.ms", 0, "1")])),
        "broker 7": altered((broker, "7", [("log.retention.ms", 0, "1")])),
        "broker: fixed": altered((broker, "1", [("node.id", 0, "1")])),
        "broker: listeners of all": altered((broker, "", [("listeners", 0, "PLAINTEXT://:1")])),
        "broker: read-only of all": altered((broker, "", [("num.partitions", 0, "1")])),
        "broker: small segments": altered((broker, "1", [("log.segment.bytes", 0, "1000")])),
        "broker: interval of all": altered(
            (broker, "", [("group.consumer.assignment.interval.ms", 0, "500")])
        ),
        "broker: long interval": altered(
            (broker, "1", [("group.consumer.assignment.interval.ms", 0, "15001")])
        ),
        "broker: negative interval": altered(
            (broker, "1", [("group.consumer.assignment.interval.ms", 0, "-1")])
        ),
        "group without a name": altered((group, "", [("consumer.session.timeout.ms", 0, "46000")])),
        "group: unknown": altered((group, "edge", [("no.such", 0, "1")])),
        "group: too small": altered((group, "edge", [("consumer.session.timeout.ms", 0, "1")])),
        "group: text": altered((group, "edge", [("consumer.session.timeout.ms", 0, "long")])),
        "type 0": altered((0, "x", [("a", 0, "b")])),
        "type -1": altered((-1, "x", [("a", 0, "b")])),
        "type 64": altered((64, "x", [("a", 0, "b")])),
    }
    for name, content in several.items():
        yield name, "IncrementalAlterConfigsRequest", (0, 1), content
        plain = [
            {
                **resource,
                "configs": [
                    {"name": each["name"], "value": each["value"]} for each in resource["configs"]
                ],
            }
            for resource in content["resources"]
        ]
        # Apache Kafka never answers AlterConfigs that names a resource twice.
        if not any(
            word in name for word in ("append", "subtract", "operation", "taken", "twice", "of all")
        ):
            replaced = {"resources": plain, "validate_only": True}
            yield name, "AlterConfigsRequest", (0, 2), replaced
    for name, types in {
        "groups": [group],
        "nobody": [metrics],
        "unknown": [99],
        "unknown among others": [group, 0],
        "twice": [group, group],
    }.items():
        yield name, "ListConfigResourcesRequest", (1,), {"resource_types": types}


EDGES: tuple[Edge, ...] = (*_records(), *_topics(), *_node(), *_configs(), *GROUP_EDGES)
"""All of them."""
