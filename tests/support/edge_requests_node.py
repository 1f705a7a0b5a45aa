"""The part of the table of `edge_script` on the node, its quorum and settings; see `edge_requests`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["NODE_EDGES"]

Edge = tuple[str, str, tuple[int, ...], dict[str, Any]]

A, C, MISSING, ILLEGAL, LONG = "edge-a", "edge-c", "edge-missing", "no spaces", "x" * 300


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


NODE_EDGES: tuple[Edge, ...] = (*_node(), *_configs())
"""All of them."""
