"""The tables of `denied_script`: request class, versions (none: the oldest and the newest), content.

Texts in angle brackets stand for names and ids of the profile that asks. What changes or takes away what others ask for
comes last.
"""

from __future__ import annotations

from typing import Any

__all__ = ["REQUESTS", "SETUP"]

Content = dict[str, Any]

_COMMITTED = [{"partition_index": 0, "committed_offset": 1}]
_NEW = {"name": "<topic>", "num_partitions": 2, "replication_factor": 1}
_TXN = {"transactional_id": "<txn>", "producer_id": "<producer>", "producer_epoch": "<epoch>"}
_OLD_TXN = {f"v3_and_below_{name}": value for name, value in _TXN.items()}

SETUP: tuple[tuple[str, int, Content], ...] = (
    ("CreateTopicsRequest", 7, {"topics": [_NEW], "timeout_ms": 10_000}),
    ("MetadataRequest", 12, {"topics": [{"name": "<topic>"}]}),
    (
        "ListOffsetsRequest",
        7,
        {
            "replica_id": -1,
            "topics": [
                {
                    "name": "<topic>",
                    "partitions": [{"partition_index": index, "timestamp": -1} for index in (0, 1)],
                }
            ],
        },
    ),
    ("FindCoordinatorRequest", 4, {"key_type": 0, "coordinator_keys": ["<group>"]}),
    ("FindCoordinatorRequest", 4, {"key_type": 1, "coordinator_keys": ["<txn>"]}),
    (
        "OffsetCommitRequest",
        9,
        {
            "group_id": "<group>",
            "generation_id_or_member_epoch": -1,
            "topics": [{"name": "<topic>", "partitions": _COMMITTED}],
        },
    ),
    (
        "ConsumerGroupHeartbeatRequest",
        0,
        {
            "group_id": "<consumers>",
            "member_epoch": 0,
            "rebalance_timeout_ms": 60_000,
            "subscribed_topic_names": ["<topic>"],
            "topic_partitions": [],
        },
    ),
    ("InitProducerIdRequest", 5, {"transactional_id": "<txn>", "transaction_timeout_ms": 60_000}),
    (
        "AddPartitionsToTxnRequest",
        3,
        {**_OLD_TXN, "v3_and_below_topics": [{"name": "<topic>", "partitions": [0]}]},
    ),
)


def _produce(records: str, topic: Content, **fields: Any) -> Content:
    data = [{"index": 0, "records": records}]
    return {
        "acks": -1,
        "timeout_ms": 5000,
        "topic_data": [{**topic, "partition_data": data}],
        **fields,
    }


def _fetch(topic: Content) -> Content:
    partitions = [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 10_000}]
    return {
        "max_wait_ms": 0,
        "min_bytes": 1,
        "max_bytes": 100_000,
        "session_epoch": -1,
        "topics": [{**topic, "partitions": partitions}],
    }


def _resources(**fields: Any) -> list[Content]:
    return [
        {"resource_type": kind, "resource_name": name, **fields}
        for kind, name in ((2, "<topic>"), (32, "<group>"), (4, "1"), (4, ""))
    ]


def _commit(topic: Content, **fields: Any) -> Content:
    return {"group_id": "<group>", "topics": [{**topic, "partitions": _COMMITTED}], **fields}


_NAMED, _BY_ID = {"name": "<topic>"}, {"topic_id": "<id>"}
_OPERATIONS = {
    "include_cluster_authorized_operations": True,
    "include_topic_authorized_operations": True,
}
_SIMPLE = {"generation_id_or_member_epoch": -1}

REQUESTS: tuple[tuple[str, tuple[int, ...], Content], ...] = (
    ("ApiVersionsRequest", (0,), {}),
    ("ProduceRequest", (3, 12), _produce("<batch>", _NAMED)),
    ("ProduceRequest", (13,), _produce("<batch>", _BY_ID)),
    (
        "ProduceRequest",
        (9, 12),
        _produce("<transactional batch>", _NAMED, transactional_id="<txn>"),
    ),
    ("FetchRequest", (4, 12), _fetch({"topic": "<topic>"})),
    ("FetchRequest", (13, 17), _fetch(_BY_ID)),
    (
        "ListOffsetsRequest",
        (),
        {
            "replica_id": -1,
            "topics": [
                {"name": name, "partitions": [{"partition_index": 0, "timestamp": -1}]}
                for name in ("<topic>", "<new>")
            ],
        },
    ),
    ("MetadataRequest", (1,), {"topics": [_NAMED]}),
    (
        "MetadataRequest",
        (8, 10, 12),
        {
            "topics": [_NAMED, {"name": "<new>"}],
            "allow_auto_topic_creation": False,
            **_OPERATIONS,
        },
    ),
    ("MetadataRequest", (8, 12), {"topics": [{"name": "<made>"}]}),
    ("MetadataRequest", (1, 8, 13), {"topics": None, **_OPERATIONS}),
    ("MetadataRequest", (12, 13), {"topics": [{**_BY_ID, "name": None}], **_OPERATIONS}),
    (
        "OffsetForLeaderEpochRequest",
        (2, 4),
        {
            "replica_id": -1,
            "topics": [
                {"topic": name, "partitions": [{"partition": 0, "leader_epoch": 0}]}
                for name in ("<topic>", "<new>")
            ],
        },
    ),
    (
        "DescribeTopicPartitionsRequest",
        (),
        {"topics": [_NAMED, {"name": "<new>"}], "response_partition_limit": 100},
    ),
    ("DescribeTopicPartitionsRequest", (), {"topics": [], "response_partition_limit": 1000}),
    (
        "DescribeProducersRequest",
        (),
        {"topics": [{"name": name, "partition_indexes": [0]} for name in ("<topic>", "<new>")]},
    ),
    ("DescribeClusterRequest", (), {"include_cluster_authorized_operations": True}),
    ("DescribeLogDirsRequest", (), {"topics": [{"topic": "<topic>", "partitions": [0]}]}),
    ("DescribeConfigsRequest", (), {"resources": _resources(configuration_keys=["none"])}),
    ("ListConfigResourcesRequest", (0,), {}),
    (
        "DescribeQuorumRequest",
        (),
        {"topics": [{"topic_name": "__cluster_metadata", "partitions": [{"partition_index": 0}]}]},
    ),
    ("ListPartitionReassignmentsRequest", (), {"timeout_ms": 5000, "topics": None}),
    # Groups.
    ("FindCoordinatorRequest", (0, 3), {"key_type": 0, "key": "<group>"}),
    ("FindCoordinatorRequest", (4, 6), {"key_type": 0, "coordinator_keys": ["<group>"]}),
    ("FindCoordinatorRequest", (4, 6), {"key_type": 1, "coordinator_keys": ["<txn>"]}),
    (
        "DescribeGroupsRequest",
        (0, 5),
        {"groups": ["<group>", "<new>"], "include_authorized_operations": True},
    ),
    ("DescribeGroupsRequest", (6,), {"groups": ["<group>"], "include_authorized_operations": True}),
    (
        "ConsumerGroupDescribeRequest",
        (),
        {"group_ids": ["<consumers>", "<new>"], "include_authorized_operations": True},
    ),
    ("ListGroupsRequest", (), {}),
    (
        "OffsetFetchRequest",
        (1, 2, 7),
        {"group_id": "<group>", "topics": [{**_NAMED, "partition_indexes": [0, 1]}]},
    ),
    ("OffsetFetchRequest", (2, 7), {"group_id": "<group>", "topics": None}),
    (
        "OffsetFetchRequest",
        (8, 9),
        {"groups": [{"group_id": "<group>", "topics": [{**_NAMED, "partition_indexes": [0]}]}]},
    ),
    (
        "OffsetFetchRequest",
        (10,),
        {"groups": [{"group_id": "<group>", "topics": [{**_BY_ID, "partition_indexes": [0]}]}]},
    ),
    ("OffsetFetchRequest", (8, 10), {"groups": [{"group_id": "<group>", "topics": None}]}),
    ("OffsetCommitRequest", (2, 9), _commit(_NAMED, **_SIMPLE)),
    ("OffsetCommitRequest", (10,), _commit(_BY_ID, **_SIMPLE)),
    (
        "JoinGroupRequest",
        (5, 9),
        {
            "group_id": "<new>",
            "session_timeout_ms": 10_000,
            "rebalance_timeout_ms": 10_000,
            "protocol_type": "consumer",
            "protocols": [{"name": "range", "metadata": b""}],
        },
    ),
    (
        "SyncGroupRequest",
        (),
        {
            "group_id": "<group>",
            "member_id": "nobody",
            "generation_id": 1,
            "protocol_type": "consumer",
            "protocol_name": "range",
        },
    ),
    ("HeartbeatRequest", (), {"group_id": "<group>", "member_id": "nobody", "generation_id": 1}),
    (
        "ConsumerGroupHeartbeatRequest",
        (),
        {
            "group_id": "<consumers>",
            "member_id": "<member>",
            "member_epoch": 99,
            "subscribed_topic_names": ["<topic>"],
        },
    ),
    ("LeaveGroupRequest", (0,), {"group_id": "<group>", "member_id": "nobody"}),
    ("LeaveGroupRequest", (5,), {"group_id": "<group>", "members": [{"member_id": "nobody"}]}),
    # Transactions.
    ("DescribeTransactionsRequest", (), {"transactional_ids": ["<txn>", "<new>"]}),
    ("ListTransactionsRequest", (), {"duration_filter": -1}),
    (
        "AddPartitionsToTxnRequest",
        (0, 3),
        {
            **_OLD_TXN,
            "v3_and_below_topics": [
                {"name": "<topic>", "partitions": [1]},
                {"name": "<new>", "partitions": [0]},
            ],
        },
    ),
    (
        "AddPartitionsToTxnRequest",
        (3,),
        {**_OLD_TXN, "v3_and_below_topics": [{"name": "__consumer_offsets", "partitions": [0]}]},
    ),
    (
        "AddPartitionsToTxnRequest",
        (4, 5),
        {
            "transactions": [
                {**_TXN, "verify_only": True, "topics": [{"name": "<topic>", "partitions": [0]}]}
            ]
        },
    ),
    ("AddOffsetsToTxnRequest", (), {**_TXN, "group_id": "<group>"}),
    (
        "TxnOffsetCommitRequest",
        (0, 4),
        {**_commit(_NAMED), **_TXN, "generation_id": -1},
    ),
    (
        "WriteTxnMarkersRequest",
        (),
        {
            "markers": [
                {
                    "producer_id": 9_000_000,
                    "producer_epoch": 0,
                    "transaction_result": True,
                    "topics": [{"name": "<topic>", "partition_indexes": [1]}],
                }
            ]
        },
    ),
    ("EndTxnRequest", (0, 5), {**_TXN, "committed": False}),
    (
        "InitProducerIdRequest",
        (0, 5),
        {"transactional_id": None, "transaction_timeout_ms": 60_000},
    ),
    (
        "InitProducerIdRequest",
        (4, 5),
        {
            "transactional_id": "<txn>",
            "transaction_timeout_ms": 60_000,
            "producer_id": 9_000_000,
            "producer_epoch": 0,
        },
    ),
    # What changes topics, groups and the node.
    # Not all brokers': Apache Kafka doesn't let go of a setting that it was formatted with.
    (
        "AlterConfigsRequest",
        (),
        {"resources": _resources(configs=[])[:-1], "validate_only": True},
    ),
    (
        "IncrementalAlterConfigsRequest",
        (),
        {"resources": _resources(configs=[]), "validate_only": True},
    ),
    (
        "CreateTopicsRequest",
        (2, 5, 7),
        {
            "topics": [{**_NEW, "name": "<new>"}, _NEW, {**_NEW, "name": "no spaces"}],
            "timeout_ms": 5000,
            "validate_only": True,
        },
    ),
    (
        "CreatePartitionsRequest",
        (),
        {
            "topics": [{"name": name, "count": 3} for name in ("<topic>", "<new>")],
            "timeout_ms": 5000,
            "validate_only": True,
        },
    ),
    (
        "ElectLeadersRequest",
        (),
        {"topic_partitions": [{"topic": "<topic>", "partitions": [0]}], "timeout_ms": 5000},
    ),
    (
        "AlterPartitionReassignmentsRequest",
        (),
        {
            "timeout_ms": 5000,
            "topics": [{**_NAMED, "partitions": [{"partition_index": 0, "replicas": [1]}]}],
        },
    ),
    (
        "AlterReplicaLogDirsRequest",
        (),
        {"dirs": [{"path": "/nowhere", "topics": [{"name": "<topic>", "partitions": [0]}]}]},
    ),
    ("UpdateFeaturesRequest", (1, 2), {"timeout_ms": 5000, "validate_only": True}),
    ("UnregisterBrokerRequest", (), {"broker_id": 77}),
    ("AddRaftVoterRequest", (), {"cluster_id": "another", "voter_id": 2}),
    ("RemoveRaftVoterRequest", (), {"cluster_id": "another", "voter_id": 2}),
    (
        "DeleteRecordsRequest",
        (),
        {
            "topics": [
                {"name": name, "partitions": [{"partition_index": 0, "offset": 0}]}
                for name in ("<topic>", "<new>")
            ],
            "timeout_ms": 5000,
        },
    ),
    (
        "OffsetDeleteRequest",
        (),
        {"group_id": "<group>", "topics": [{**_NAMED, "partitions": [{"partition_index": 1}]}]},
    ),
    ("DeleteGroupsRequest", (), {"groups_names": ["<group>", "<consumers>"]}),
    (
        "DeleteTopicsRequest",
        (6,),
        {
            "topics": [{**_NAMED}, {**_BY_ID, "name": None}, {"name": "<new>"}],
            "timeout_ms": 5000,
        },
    ),
    ("DeleteTopicsRequest", (6,), {"topics": [{**_BY_ID, "name": None}], "timeout_ms": 5000}),
    ("DeleteTopicsRequest", (1, 5), {"topic_names": ["<topic>", "<new>"], "timeout_ms": 5000}),
)
