"""What the answers of the conformance suite's programs have to hold, beside being those of Apache Kafka.

Two answers are also equal if the client did nothing on either broker. So for each scenario `SHOWN` says what an answer
shows if it did, and for the scenarios in which the brokers differ `DIFFERENT_LINES` has the lines that only one of them
answers: all others have to be equal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["DIFFERENT_LINES", "SHOWN", "other_lines", "shows"]

SHOWN: Mapping[str, str] = {
    **{
        f"codec_{codec}": "value 10 | value 0"
        for codec in ("none", "gzip", "snappy", "lz4", "zstd")
    },
    "acks": 'acks 0 | [all, 1, 0] | Offset:2 NO_HEADERS null 0 | "v" "v" "v"',
    "idempotence": "sequence 199 | 299 299 | next 100,101,102,103 | epoch 0, sequence 99",
    "large_record": "5000000 | 9.5367 MB in 2",
    "too_large_record": "message too large | message size too large | tools-small:0:1",
    "timestamps": "the broker's: true | broker's time: true | LogAppendTime:TIME Partition:0 Offset:0",
    "offsets_by_time": "2500: 2 | after 2500: 0/2 | after 2500 0: 2 at 5000 | tools-times:0:2",
    "watermarks": "2 to 5 | low 2 high 3 | end 1: 3 | tools-watermarks:0:5",
    "unknown_topic": "unknown topic or partition",
    "auto_created_topic": "1 partitions | PartitionCount: 1 | 0/0 -1= 1=v",
    "delete_records": "4: ok, low 4 | low 4 high 10 | low_watermark: 4 | 6 6 7 7 8 8 9 9 earliest",
    "compaction": "9 key 0 value 9 | 9 key 0 7 value 9 | Offset:9 NO_HEADERS key 0 value 9",
    "retention": "next 3 new | 0/3 -1= 3=new | Offset:3 NO_HEADERS null new",
    "small_fetches": "0:20 1:20 2:20 | 20,20,20 | 2/19 59 | Offset:19 NO_HEADERS null 19",
    "small_fetches java": "30",
    "patient_fetches": "value 0 | waited: true | 0/0 -1= 1=v | Offset:0 NO_HEADERS null v",
    "patient_fetches kafkajs": "v",
    "console": "Offset:1 c:3 k2 v2",
    "performance": "60000",
    "json_envelope": '"payload": "value"',
    "topics": "topic already exists | listed: true | Created topic tools-topics",
    "refused_topics": "invalid partitions | made: nothing",
    "described_topic": "min.insync.replicas=1",
    "partitions": "invalid partitions | PartitionCount: 4",
    "topic_configs": (
        "retention.ms=7654321 DYNAMIC_TOPIC_CONFIG | retention.ms=99 DYNAMIC_TOPIC_CONFIG"
        " | segment.ms=5000 1 | DYNAMIC_TOPIC_CONFIG:retention.ms=5000"
    ),
    "cluster": "controller 1 | 1 HOST PORT null unfenced broker",
    "features": "group.version",
    "api_versions": "Produce(0): 0 to 13 | 0 Produce: 0 to 13",
    "feature_levels": "invalid update version",
    "quorum": "leader 1, voters 1 | LeaderId: 1",
    "unregister": "broker id not registered",
    "single_node": "election not needed | replica already elected | invalid replica assignment",
    "broker_configs": (
        "lag.ms=12 DYNAMIC_BROKER_CONFIG | interval.bytes=6000 DYNAMIC_BROKER_CONFIG"
        " | DYNAMIC_BROKER_CONFIG:log.segment.delete.delay.ms=45000 | num.partitions=1 5 read-only"
    ),
    "unknown_broker_setting": "ok | updating config for broker 1 | invalid request | exit code 1",
    "log_dirs": "69 bytes | size: 69",
    "leader_epochs": "epoch 0 ends at 2 ok",
    "group_range": "range Stable 1 | STABLE range | Stable consumer range 2 members",
    "group_roundrobin": ("roundrobin Stable 1 | STABLE roundrobin | Stable consumer roundrobin"),
    "group_sticky": "sticky Stable 1 | Stable consumer sticky 2 members",
    "group_cooperative_sticky": "cooperative-sticky",
    "consumer_protocol": "uniform",
    "static_member": "same generation: true | range Stable 1 | STABLE [{0, 1}]",
    "lost_member": "unknown member id | Stable 1 | STABLE [4] | Empty 0",
    "committed_offsets": "42 Optional[0] a note | 7 note | 7 epoch 3 'note' | at (4, '') | 0 4 6 2",
    "groups_admin": "Stable consumer range 1 | Stable consumer RoundRobinAssigner 1 | range Stable - - 1",
    "streams_reset": "Deleting inferred internal topics [tools-application-store-changelog]",
    "reset_offsets": "ok 7 | set 7: ok, at 7 | one: ok | tools-reset 0 7",
    "delete_offsets": "group subscribed to topic",
    "transactions": "lost",
    "open_transaction": "open",
    "fencing": "invalid producer epoch | the commit is refused",
    "transaction_offsets": "commit true: 7 | 2 in 1",
    "transaction_timeout": "after",
    "transactions_admin": "Ongoing",
}
"""Of each scenario, or of what it is to one client: ways to say it, of which one has to be there.

Only letters and digits count: `unknown topic or partition` is an error by all its names.
"""

Lines = tuple[str, ...]

DIFFERENT_LINES: Mapping[str, Mapping[str, tuple[Lines, Lines]]] = {
    "described_topic": {
        "java": (
            ("min.insync.replicas=1 DYNAMIC_DEFAULT_BROKER_CONFIG INT",),
            ("min.insync.replicas=1 DEFAULT_CONFIG INT",),
        ),
        "kafka-tools": (
            (
                "min.insync.replicas=1 sensitive=false synonyms="
                "{DYNAMIC_DEFAULT_BROKER_CONFIG:min.insync.replicas=1, DEFAULT_CONFIG:min.insync.replicas=1}",
            ),
            (
                "min.insync.replicas=1 sensitive=false synonyms={DEFAULT_CONFIG:min.insync.replicas=1}",
            ),
        ),
        "kafkajs": (
            ("min.insync.replicas=1 3 [min.insync.replicas=1 3,min.insync.replicas=1 5]",),
            ("min.insync.replicas=1 5 [min.insync.replicas=1 5]",),
        ),
        "franz-go": (
            ("min.insync.replicas=1 DYNAMIC_DEFAULT_BROKER_CONFIG",),
            ("min.insync.replicas=1 DEFAULT_CONFIG",),
        ),
    },
    "features": {
        "java": (
            (
                "eligible.leader.replicas.version 1",
                "metadata.version 30",
                "share.version 1",
                "streams.version 1",
            ),
            (),
        ),
        "kafka-tools": (
            tuple(
                f"Feature: {name} SupportedMinVersion: {low} SupportedMaxVersion: {high} "
                f"FinalizedVersionLevel: {level} Epoch: N"
                for name, low, high, level in (
                    ("eligible.leader.replicas.version", "0", "1", "1"),
                    ("kraft.version", "0", "1", "0"),
                    ("metadata.version", "3.3-IV3", "4.3-IV0", "4.3-IV0"),
                    ("share.version", "0", "1", "1"),
                    ("streams.version", "0", "1", "1"),
                )
            ),
            (),
        ),
        "franz-go": (
            (
                "eligible.leader.replicas.version 1 to 1",
                "metadata.version 30 to 30",
                "share.version 1 to 1",
                "streams.version 1 to 1",
            ),
            (),
        ),
    },
    "unknown_broker_setting": {
        "java": (("ok",), ("InvalidRequestException",)),
        "kafka-tools": (
            ("configs --alter: exit code 0", "Completed updating config for broker 1."),
            (
                "configs --alter: exit code 1",
                "Error while executing config command with args '--bootstrap-server ADDRESS --alter "
                "--entity-type brokers --entity-name 1 --add-config no.such.config=1'",
            ),
        ),
        "kafkajs": (("ok",), ("INVALID_REQUEST",)),
        "franz-go": (("ok",), ("INVALID_REQUEST",)),
    },
}
"""By scenario and client: the lines that only Apache Kafka answers, and those that only the bundled broker does."""


def shows(client: str, scenario: str, answer: Sequence[str]) -> bool:
    """Whether the answer holds what shows that the scenario took place."""
    ways = SHOWN.get(f"{scenario} {client}") or SHOWN[scenario]
    found = _bare(" ".join(answer))
    return any(_bare(way) in found for way in ways.split(" | "))


def other_lines(answer: Sequence[str], expected: Lines) -> list[str] | None:
    """The answer without the lines that are expected of one broker only, or None if these aren't there."""
    if [line for line in answer if line in expected] != list(expected):
        return None
    return [line for line in answer if line not in expected]


def _bare(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower())
