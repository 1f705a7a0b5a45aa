"""The part of the table of `edge_script` on groups and transactions; see `edge_requests`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["GROUP_EDGES"]

Edge = tuple[str, str, tuple[int, ...], dict[str, Any]]

A, C, MISSING, ILLEGAL, LONG = "edge-a", "edge-c", "edge-missing", "no spaces", "x" * 300
NOBODY = 9_000_000


def _fields(cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Cases by name, as fields of any type."""
    return cases


def _offsets() -> Iterator[Edge]:
    def commit(
        *partitions: tuple[int, int],
        group: str = "edge-committed",
        topic: str = C,
        topic_id: str = "<id of edge-c>",
        metadata: Any = "",
        **fields: Any,
    ) -> dict[str, Any]:
        listed = [
            {
                "partition_index": index,
                "committed_offset": offset,
                "committed_leader_epoch": -1,
                "committed_metadata": metadata,
            }
            for index, offset in partitions
        ]
        return {
            "group_id": group,
            "generation_id_or_member_epoch": -1,
            "member_id": "",
            "retention_time_ms": -1,
            "topics": [{"name": topic, "topic_id": topic_id, "partitions": listed}],
            **fields,
        }

    for name, content in _fields(
        {
            "nothing": commit() | {"topics": []},
            "no partitions": commit(),
            "no group": commit((0, 1), group=""),
            "no group, nothing": commit(group="") | {"topics": []},
            "long group": commit((0, 1), group=LONG),
            "negative offset": commit((0, -1)),
            "offset -5": commit((0, -5)),
            "missing partitions": commit((-1, 1), (7, 1), (0, 1)),
            "missing topic": commit((0, 1), topic=MISSING, topic_id="<unknown id>"),
            "empty topic": commit((0, 1), topic="", topic_id="<no id>"),
            "illegal topic": commit((0, 1), topic=ILLEGAL, topic_id="<no id>"),
            "twice": commit((0, 1), (0, 2)),
            "long metadata": commit((0, 1), metadata="m" * 5000),
            "no metadata": commit((0, 1), metadata=None),
            "generation of nobody": commit((0, 1), generation_id_or_member_epoch=3),
            "member of nobody": commit((0, 1), member_id="somebody"),
            "member and generation of nobody": commit(
                (0, 1), member_id="somebody", generation_id_or_member_epoch=3
            ),
            "generation of a new group": commit(
                (0, 1), group="edge-new-group", generation_id_or_member_epoch=3
            ),
            "member of a new group": commit((0, 1), group="edge-new-group", member_id="somebody"),
            "generation -2": commit((0, 1), group="edge-newer", generation_id_or_member_epoch=-2),
            "instance": commit((0, 1), group_instance_id="fixed"),
            "kept no time": commit((0, 1), group="edge-forgetful", retention_time_ms=0),
        }
    ).items():
        yield name, "OffsetCommitRequest", (2, 5, 6, 7, 8, 9, 10), content

    def asked(*topics: tuple[str, list[int]]) -> list[dict[str, Any]]:
        ids = {C: "<id of edge-c>", A: "<id of edge-a>"}
        return [
            {
                "name": name,
                "topic_id": ids.get(name, "<unknown id>" if name else "<no id>"),
                "partition_indexes": indexes,
            }
            for name, indexes in topics
        ]

    for name, group, topics in (
        ("some", "edge-committed", asked((C, [0, 1, 7, -1]), (MISSING, [0]))),
        ("all", "edge-committed", None),
        ("nothing", "edge-committed", []),
        ("no partitions", "edge-committed", asked((C, []))),
        ("twice", "edge-committed", asked((C, [0, 0]), (C, [0]))),
        ("empty topic", "edge-committed", asked(("", [0]))),
        ("illegal topic", "edge-committed", asked((ILLEGAL, [0]))),
        ("no group", "", asked((C, [0]))),
        ("no group, all", "", None),
        ("unknown group", "edge-nobody", asked((C, [0]))),
        ("unknown group, all", "edge-nobody", None),
    ):
        content = {"group_id": group, "topics": topics}
        versions = (1, 2, 5, 6, 7) if topics is not None else (2, 5, 7)
        yield name, "OffsetFetchRequest", versions, content
        for stable in (False, True):
            one = {"group_id": group, "topics": topics, "member_epoch": -1}
            content = {"groups": [one], "require_stable": stable}
            words = f"{name}, stable" if stable else name
            yield words, "OffsetFetchRequest", (8, 9, 10), content
    plain = {"group_id": "edge-committed", "topics": asked((C, [0])), "member_epoch": -1}
    for name, groups in {
        "no groups": [],
        "group twice": [plain, plain],
        "two groups": [plain, plain | {"group_id": "edge-nobody"}],
        "epoch of nobody": [plain | {"member_epoch": 3}],
        "member of nobody": [plain | {"member_id": "somebody", "member_epoch": 3}],
        "member without an epoch": [plain | {"member_id": "somebody"}],
        "member of an unknown group": [
            plain | {"group_id": "edge-nobody", "member_id": "somebody", "member_epoch": 3}
        ],
    }.items():
        yield name, "OffsetFetchRequest", (8, 9, 10), {"groups": groups}

    def forgotten(*topics: tuple[str, list[int]], group: str = "edge-committed") -> dict[str, Any]:
        return {
            "group_id": group,
            "topics": [
                {"name": name, "partitions": [{"partition_index": index} for index in indexes]}
                for name, indexes in topics
            ],
        }

    for name, content in _fields(
        {
            "nothing": forgotten(),
            "no partitions": forgotten((C, [])),
            "missing": forgotten((C, [-1, 7]), (MISSING, [0])),
            "not committed": forgotten((A, [0])),
            "twice": forgotten((C, [1, 1])),
            "no group": forgotten((C, [0]), group=""),
            "unknown group": forgotten((C, [0]), group="edge-nobody"),
            "unknown group, missing topic": forgotten((MISSING, [0]), group="edge-nobody"),
            "empty topic": forgotten(("", [0])),
        }
    ).items():
        yield name, "OffsetDeleteRequest", (0,), content


def _groups() -> Iterator[Edge]:
    for kind in (0, 1, 3, -1):
        for key in ("edge", "", LONG):
            content: dict[str, Any] = {"key": key, "key_type": kind}
            yield f"{key[:9]!r} of type {kind}", "FindCoordinatorRequest", (1, 3), content
            content = {"key_type": kind, "coordinator_keys": [key]}
            yield f"{key[:9]!r} of type {kind}", "FindCoordinatorRequest", (4, 6), content
    for name, keys in {"none": [], "twice": ["edge", "edge"], "some": ["edge", ""]}.items():
        content = {"key_type": 0, "coordinator_keys": keys}
        yield name, "FindCoordinatorRequest", (4, 6), content
    yield "old", "FindCoordinatorRequest", (0,), {"key": "edge"}
    yield "old, no key", "FindCoordinatorRequest", (0,), {"key": ""}

    protocol = {"name": "range", "metadata": b""}
    join = {
        "group_id": "edge-joined",
        "session_timeout_ms": 10_000,
        "rebalance_timeout_ms": 10_000,
        "member_id": "",
        "protocol_type": "consumer",
        "protocols": [protocol],
    }
    for name, change in _fields(
        {
            "no group": {"group_id": ""},
            "session 0": {"session_timeout_ms": 0},
            "session -1": {"session_timeout_ms": -1},
            "long session": {"session_timeout_ms": 2_000_000_000},
            "no protocols": {"protocols": []},
            "no protocol type": {"protocol_type": ""},
            "unknown member": {"member_id": "somebody"},
            "unknown member, no group": {"member_id": "somebody", "group_id": ""},
            "unknown static member": {"member_id": "somebody", "group_instance_id": "fixed"},
            "no type, no protocols": {"protocol_type": "", "protocols": []},
        }
    ).items():
        yield name, "JoinGroupRequest", (2, 5, 9), join | change
    for name, change in _fields(
        {
            "no group": {"group_id": ""},
            "unknown group": {"group_id": "edge-nobody"},
            "unknown member": {},
            "unknown static member": {"group_instance_id": "fixed"},
            "generation -1": {"generation_id": -1},
        }
    ).items():
        content = {
            "group_id": "edge-committed",
            "generation_id": 1,
            "member_id": "somebody",
            "protocol_type": "consumer",
            "protocol_name": "range",
            **change,
        }
        yield name, "SyncGroupRequest", (0, 3, 5), content
        plain = {k: v for k, v in content.items() if not k.startswith("protocol")}
        yield name, "HeartbeatRequest", (0, 3, 4), plain
    yield (
        "neither type nor protocol",
        "SyncGroupRequest",
        (5,),
        {"group_id": "edge-committed", "generation_id": 1, "member_id": "somebody"},
    )
    for name, group, members in (
        ("nobody", "edge-committed", []),
        ("no group", "", []),
        ("unknown group", "edge-nobody", [{"member_id": "somebody"}]),
        ("unknown group, nobody", "edge-nobody", []),
        ("unknown member", "edge-committed", [{"member_id": "somebody"}]),
        ("twice", "edge-committed", [{"member_id": "somebody"}] * 2),
        ("no name", "edge-committed", [{"member_id": ""}]),
        ("instance", "edge-committed", [{"member_id": "", "group_instance_id": "fixed"}]),
        ("both", "edge-committed", [{"member_id": "somebody", "group_instance_id": "fixed"}]),
    ):
        yield name, "LeaveGroupRequest", (3, 5), {"group_id": group, "members": members}
    for group in ("", "edge-nobody", "edge-committed"):
        left = {"group_id": group, "member_id": "somebody"}
        yield f"group {group!r}", "LeaveGroupRequest", (0, 2), left
    for name, groups in {
        "nothing": [],
        "no name": [""],
        "unknown": ["edge-nobody"],
        "twice": ["edge-committed", "edge-committed"],
        "some": ["edge-committed", "edge-nobody", ""],
        "long": [LONG],
    }.items():
        for operations in (False, True):
            asked = {"groups": groups, "include_authorized_operations": operations}
            words = f"{name}, operations" if operations else name
            yield words, "DescribeGroupsRequest", (0, 3, 5, 6), asked
        asked = {"group_ids": groups, "include_authorized_operations": True}
        yield name, "ConsumerGroupDescribeRequest", (0, 1), asked
    refused = {"groups_names": ["edge-joined"]}
    yield "that nobody could join", "DeleteGroupsRequest", (2,), refused
    for name, content in _fields(
        {
            "unknown state": {"states_filter": ["Sleeping"]},
            "small letters": {"states_filter": ["empty"]},
            "empty state": {"states_filter": [""]},
            "unknown type": {"types_filter": ["strange"]},
            "large letters": {"types_filter": ["CLASSIC"]},
            "empty type": {"types_filter": [""]},
            "dead": {"states_filter": ["Dead"]},
        }
    ).items():
        yield name, "ListGroupsRequest", (3, 4, 5), content
    for name, groups in {
        "nothing": [],
        "no name": [""],
        "unknown": ["edge-nobody"],
        "twice": ["edge-nobody", "edge-nobody"],
        "the same twice": ["edge-forgetful", "edge-forgetful"],
        "long": [LONG],
        "some": ["edge-committed", "edge-nobody"],
        "again": ["edge-committed"],
    }.items():
        yield name, "DeleteGroupsRequest", (2,), {"groups_names": groups}


def _transactions() -> Iterator[Edge]:
    def init(transactional_id: Any, timeout_ms: int = 60_000, **fields: Any) -> dict[str, Any]:
        return {
            "transactional_id": transactional_id,
            "transaction_timeout_ms": timeout_ms,
            "producer_id": -1,
            "producer_epoch": -1,
            **fields,
        }

    for name, content in _fields(
        {
            "empty id": init(""),
            "no time": init("edge-timed", 0),
            "negative time": init("edge-timed", -1),
            "long time": init("edge-timed", 2_000_000_000),
            "idempotent, no time": init(None, 0),
            "epoch alone": init("edge-timed", producer_epoch=3),
            "producer alone": init("edge-timed", producer_id=NOBODY),
            "unknown producer": init("edge-unknown-producer", producer_id=NOBODY, producer_epoch=3),
            "idempotent, with producer": init(None, producer_id=NOBODY, producer_epoch=3),
            "idempotent, epoch alone": init(None, producer_epoch=3),
            "producer -5": init("edge-timed", producer_id=-5, producer_epoch=-1),
        }
    ).items():
        yield name, "InitProducerIdRequest", (0, 3, 4, 5), content

    known = {"producer_id": "<producer>", "producer_epoch": "<epoch>"}
    nobody = {"producer_id": NOBODY, "producer_epoch": 0}

    def partitions(*topics: tuple[str, list[int]]) -> list[dict[str, Any]]:
        return [{"name": name, "partitions": indexes} for name, indexes in topics]

    adding: tuple[tuple[str, str, dict[str, Any], list[dict[str, Any]]], ...] = (
        ("nothing", "edge-known", known, []),
        ("no partitions", "edge-known", known, partitions((C, []))),
        ("no id", "", known, partitions((C, [0]))),
        ("unknown id", "edge-nobody", known, partitions((C, [0]))),
        ("unknown producer", "edge-known", nobody, partitions((C, [0]))),
        ("missing", "edge-known", known, partitions((C, [0, 7]), (MISSING, [0]))),
        ("negative", "edge-known", known, partitions((C, [-1]))),
        ("empty topic", "edge-known", known, partitions(("", [0]))),
        ("old epoch", "edge-known", known | {"producer_epoch": -1}, partitions((C, [0]))),
        ("later epoch", "edge-known", known | {"producer_epoch": 99}, partitions((C, [0]))),
    )
    for name, transactional_id, producer, topics in adding:
        old = {
            "v3_and_below_transactional_id": transactional_id,
            "v3_and_below_topics": topics,
            **{f"v3_and_below_{key}": value for key, value in producer.items()},
        }
        yield name, "AddPartitionsToTxnRequest", (0, 1, 2, 3), old
        for verify in (False, True):
            one = {
                "transactional_id": transactional_id,
                "verify_only": verify,
                "topics": topics,
                **producer,
            }
            words = f"{name}, verified" if verify else name
            yield words, "AddPartitionsToTxnRequest", (4, 5), {"transactions": [one]}
    # Apache Kafka never answers version 4 or later without transactions.
    for name, transactional_id, producer in (
        ("no id", "", known),
        ("unknown id", "edge-nobody", known),
        ("unknown producer", "edge-known", nobody),
        ("old epoch", "edge-known", known | {"producer_epoch": -1}),
        ("later epoch", "edge-known", known | {"producer_epoch": 99}),
    ):
        of = {"transactional_id": transactional_id, **producer}
        content = of | {"group_id": "edge-committed"}
        yield name, "AddOffsetsToTxnRequest", (0, 2, 3, 4), content
        for committed in (False, True):
            content = of | {"committed": committed}
            yield f"{name}, {committed}", "EndTxnRequest", (0, 2, 3, 4, 5), content
    content = {"transactional_id": "edge-nobody", "group_id": "", **known}
    yield "no group", "AddOffsetsToTxnRequest", (0, 4), content

    def commit(*names: tuple[str, list[int]], **fields: Any) -> dict[str, Any]:
        return {
            "transactional_id": "edge-nobody",
            "group_id": "edge-transactional",
            "generation_id": -1,
            "member_id": "",
            "topics": [
                {
                    "name": name,
                    "partitions": [
                        {
                            "partition_index": index,
                            "committed_offset": 1,
                            "committed_leader_epoch": -1,
                            "committed_metadata": "",
                        }
                        for index in indexes
                    ],
                }
                for name, indexes in names
            ],
            **known,
            **fields,
        }

    for name, content in _fields(
        {
            "nothing": commit(),
            "no partitions": commit((C, [])),
            "unknown id": commit((C, [0])),
            "no id": commit((C, [0]), transactional_id=""),
            "no group": commit((C, [0]), group_id=""),
            "missing": commit((C, [-1, 7]), (MISSING, [0])),
            "some missing": commit((C, [0, 7])),
            "empty topic": commit(("", [0])),
            "unknown producer": commit((C, [0]), transactional_id="edge-known", **nobody),
            "not begun": commit((C, [0]), transactional_id="edge-known"),
            "member of nobody": commit((C, [0]), member_id="somebody", generation_id=3),
        }
    ).items():
        yield name, "TxnOffsetCommitRequest", (0, 2, 3, 4), content

    def marked(*topics: tuple[str, list[int]], **fields: Any) -> dict[str, Any]:
        marker = {
            "producer_id": NOBODY,
            "producer_epoch": 0,
            "transaction_result": False,
            "topics": [{"name": name, "partition_indexes": indexes} for name, indexes in topics],
            "coordinator_epoch": 0,
            **fields,
        }
        return {"markers": [marker]}

    for name, content in _fields(
        {
            "nothing": {"markers": []},
            "no topics": marked(),
            "no partitions": marked((C, [])),
            "missing": marked((C, [-1, 7]), (MISSING, [0])),
            "empty topic": marked(("", [0])),
        }
    ).items():
        yield name, "WriteTxnMarkersRequest", (1, 2), content
    for name, names in {
        "nothing": [],
        "no id": [""],
        "unknown": ["edge-nobody"],
        "twice": ["edge-nobody", "edge-nobody"],
        "long": [LONG],
    }.items():
        yield name, "DescribeTransactionsRequest", (0,), {"transactional_ids": names}
    for name, content in _fields(
        {
            "unknown state": {"state_filters": ["Sleeping", "Empty"]},
            "small letters": {"state_filters": ["empty"]},
            "state twice": {"state_filters": ["Sleeping", "Sleeping"]},
            "producer -1": {"producer_id_filters": [-1]},
            "duration 0": {"duration_filter": 0},
            "duration -5": {"duration_filter": -5},
            "pattern": {"transactional_id_pattern": "edge-kn.*"},
            "part of a name": {"transactional_id_pattern": "known"},
            "empty pattern": {"transactional_id_pattern": ""},
            "no pattern of RE2": {"transactional_id_pattern": "(?=edge)edge-known"},
            "broken pattern": {"transactional_id_pattern": "("},
            "names' classes": {"transactional_id_pattern": "[[:alpha:]]+-known"},
        }
    ).items():
        yield name, "ListTransactionsRequest", (0, 1, 2), content
    topics_of: dict[str, list[dict[str, Any]]] = {
        "nothing": [],
        "no partitions": [{"name": C, "partition_indexes": []}],
        "missing": [
            {"name": C, "partition_indexes": [-1, 7, 0]},
            {"name": MISSING, "partition_indexes": [0]},
        ],
        "empty topic": [{"name": "", "partition_indexes": [0]}],
        "illegal topic": [{"name": ILLEGAL, "partition_indexes": [0]}],
        "twice": [{"name": C, "partition_indexes": [1, 1]}],
    }
    for name, topics in topics_of.items():
        yield name, "DescribeProducersRequest", (0,), {"topics": topics}


GROUP_EDGES: tuple[Edge, ...] = (*_offsets(), *_groups(), *_transactions())
"""All of them."""
