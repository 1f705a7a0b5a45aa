"""What the conformance suite asks, and which client can be asked it.

The rows of the table in `docs/reference/clients.md` and at the end of a run. A client that lacks a feature isn't
asked for it: its library has no such call, as `LACKS` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "CLIENTS",
    "DIFFERENCES",
    "LACKS",
    "SCENARIOS",
    "TOOLS_OWN",
    "Scenario",
    "clients_of",
    "lacks_of",
    "page_lacks",
    "page_table",
]

CLIENTS = (
    "confluent-kafka",
    "kafka-python",
    "aiokafka",
    "java",
    "kafka-tools",
    "kcat",
    "kafkajs",
    "franz-go",
)
"""In the order of the table's columns."""

_PYTHON = "confluent-kafka kafka-python aiokafka"


@dataclass(frozen=True)
class Scenario:
    """One question.

    Attributes:
        title: what is shown.
        clients: who is asked, separated by spaces.
    """

    title: str
    clients: str


SCENARIOS: Mapping[str, Scenario] = {
    "codec_none": Scenario(
        "headers, nulls, keys, timestamps", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "codec_gzip": Scenario("the same in gzip", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"),
    "codec_snappy": Scenario(
        "the same in snappy", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "codec_lz4": Scenario("the same in lz4", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"),
    "codec_zstd": Scenario("the same in zstd", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"),
    "acks": Scenario("acks 0, 1 and all", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"),
    "idempotence": Scenario(
        "idempotent producer", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "large_record": Scenario(
        "records of 5 MB, fetched with small limits",
        f"{_PYTHON} java kafka-tools kcat kafkajs franz-go",
    ),
    "too_large_record": Scenario(
        "too large records", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "timestamps": Scenario(
        "LogAppendTime; timestamps out of range",
        f"{_PYTHON} java kafka-tools kcat kafkajs franz-go",
    ),
    "offsets_by_time": Scenario(
        "offsets by time", f"{_PYTHON} java kcat kafkajs franz-go kafka-tools"
    ),
    "watermarks": Scenario(
        "where a partition begins and ends", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "unknown_topic": Scenario(
        "unknown topics", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "auto_created_topic": Scenario(
        "topics made at their first use", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "delete_records": Scenario(
        "delete records", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "compaction": Scenario("compaction", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"),
    "retention": Scenario("retention", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"),
    "small_fetches": Scenario(
        "fetches of a byte", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "patient_fetches": Scenario(
        "fetches that wait for more than comes", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "console": Scenario("console producer and consumer", "kafka-tools"),
    "performance": Scenario("performance tools", "kafka-tools"),
    "json_envelope": Scenario("records as JSON", "kcat"),
    "topics": Scenario(
        "topics: create, list, delete", f"{_PYTHON} java kafkajs franz-go kafka-tools"
    ),
    "refused_topics": Scenario(
        "topics that can't be", f"{_PYTHON} java kafka-tools kafkajs franz-go"
    ),
    "described_topic": Scenario(
        "where a topic's settings come from", f"{_PYTHON} java kafka-tools kafkajs franz-go"
    ),
    "partitions": Scenario("more partitions", f"{_PYTHON} java kafka-tools kafkajs franz-go"),
    "topic_configs": Scenario("settings of topics", f"{_PYTHON} java kafka-tools kafkajs franz-go"),
    "cluster": Scenario(
        "nodes and coordinators", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "features": Scenario("features of the cluster", "kafka-python java kafka-tools franz-go"),
    "api_versions": Scenario("versions of APIs", "kafka-python kafka-tools franz-go"),
    "feature_levels": Scenario("levels of features, set", "kafka-python java kafka-tools franz-go"),
    "quorum": Scenario("the quorum", "kafka-python java kafka-tools"),
    "unregister": Scenario("nodes that are not there", "java kafka-tools"),
    "single_node": Scenario(
        "elections and reassignments, on one node",
        "confluent-kafka kafka-python java kafka-tools kafkajs franz-go",
    ),
    "broker_configs": Scenario(
        "settings of the running broker", f"{_PYTHON} java kafka-tools kafkajs franz-go"
    ),
    "unknown_broker_setting": Scenario(
        "an unknown setting of the broker", f"{_PYTHON} java kafka-tools kafkajs franz-go"
    ),
    "log_dirs": Scenario("log folders", "kafka-python java kafka-tools franz-go"),
    "leader_epochs": Scenario("ends of leader epochs", "franz-go"),
    "group_range": Scenario("group: range", f"{_PYTHON} java kafka-tools kcat franz-go"),
    "group_roundrobin": Scenario(
        "group: round robin", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "group_sticky": Scenario("group: sticky", "kafka-python aiokafka java kafka-tools franz-go"),
    "group_cooperative_sticky": Scenario(
        "group: cooperative sticky", "confluent-kafka kafka-python java kafka-tools kcat franz-go"
    ),
    "consumer_protocol": Scenario(
        "the new consumer protocol (KIP-848)", "confluent-kafka java kafka-tools franz-go"
    ),
    "static_member": Scenario("static membership", f"{_PYTHON} java kafka-tools kcat franz-go"),
    "lost_member": Scenario(
        "members that vanish or are late", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "committed_offsets": Scenario(
        "committed offsets", f"{_PYTHON} java kafka-tools kcat kafkajs franz-go"
    ),
    "groups_admin": Scenario(
        "groups: list, describe, delete", f"{_PYTHON} java kafka-tools kafkajs franz-go"
    ),
    "streams_reset": Scenario("applications of Kafka Streams reset", "kafka-tools"),
    "reset_offsets": Scenario(
        "groups: offsets set by an administrator",
        "confluent-kafka kafka-python java kafka-tools kafkajs franz-go",
    ),
    "delete_offsets": Scenario(
        "groups: offsets deleted by an administrator", "kafka-python java kafka-tools franz-go"
    ),
    "transactions": Scenario(
        "transactions: commit, abort, read_committed",
        f"{_PYTHON} java kafka-tools kcat kafkajs franz-go",
    ),
    "open_transaction": Scenario(
        "an open transaction", f"{_PYTHON} java kafka-tools kafkajs franz-go"
    ),
    "fencing": Scenario("fencing", f"{_PYTHON} java kafka-tools kafkajs franz-go"),
    "transaction_offsets": Scenario("offsets in transactions", f"{_PYTHON} java kafkajs franz-go"),
    "transaction_timeout": Scenario(
        "transactions that take too long", f"{_PYTHON} java kafkajs franz-go"
    ),
    "transactions_admin": Scenario(
        "transactions and producers, described", "kafka-python java kafka-tools franz-go"
    ),
}

DIFFERENCES: Mapping[str, str] = {
    "described_topic": (
        "A new Apache Kafka cluster sets min.insync.replicas=1 for all brokers at run time, which its eligible "
        "leader replicas need; a node without replicas has the same value as a default."
    ),
    "features": (
        "Only what clients go by is told, group.version and transaction.version: the other features are the "
        "agreement of KRaft nodes on their log, and share and streams groups, which this broker announces nowhere."
    ),
    "unknown_broker_setting": (
        "Apache Kafka keeps any name of a broker's setting for plugins that may know it; this broker has no "
        "plugins, so a name that it doesn't know is a mistake and is refused."
    ),
}
"""Scenarios in which the brokers differ, to every client that can ask, and why that is right: at most five."""


LACKS: Mapping[str, Mapping[str, str]] = {
    "confluent-kafka": {
        "group_sticky": "librdkafka has the cooperative sticky assignor only",
        "features feature_levels quorum unregister api_versions": "no call for it",
        "log_dirs delete_offsets transactions_admin": "no call for it",
        "leader_epochs": "asked by librdkafka itself when a leader changes, no call for it",
    },
    "kafka-python": {
        "consumer_protocol": "kafka-python 3.0 has the classic protocol only",
        "unregister": "no call for it",
        "leader_epochs": "no call for it",
    },
    "aiokafka": {
        "group_cooperative_sticky": "range, round robin and sticky only",
        "consumer_protocol": "aiokafka 0.14 has the classic protocol only",
        "features feature_levels quorum unregister api_versions single_node": "no call for it",
        "log_dirs delete_offsets reset_offsets transactions_admin": "no call for it",
        "leader_epochs": "no call for it",
    },
    "java": {
        "api_versions": "no public call for it; the tool has its own way",
        "leader_epochs": "asked by the consumer itself when a leader changes, no call for it",
    },
    "kafka-tools": {
        "leader_epochs": "no tool asks for it",
        "transaction_offsets transaction_timeout": "no tool makes transactions",
    },
    "kcat": {
        "topics refused_topics described_topic partitions topic_configs": "no calls for administrators",
        "features feature_levels quorum unregister api_versions": "no calls for administrators",
        "single_node broker_configs unknown_broker_setting log_dirs": "no calls for administrators",
        "groups_admin reset_offsets delete_offsets transactions_admin": "no calls for administrators",
        "group_sticky": "librdkafka has the cooperative sticky assignor only",
        "consumer_protocol": "its librdkafka, 2.0.2, is older than the protocol",
        "leader_epochs": "no call for it",
        "open_transaction fencing transaction_timeout": (
            "it reads its input in large pieces and ends its transaction with it: "
            "it can't be held open in the middle"
        ),
        "transaction_offsets": "it can't read and write in one transaction",
    },
    "kafkajs": {
        "group_range group_sticky group_cooperative_sticky": (
            "kafkajs brings the round robin assignor only"
        ),
        "consumer_protocol": "the classic protocol only",
        "static_member": "no setting for it",
        "features feature_levels quorum unregister api_versions": "no call for it",
        "log_dirs delete_offsets transactions_admin leader_epochs": "no call for it",
    },
    "franz-go": {
        "quorum unregister": "its administrator's client has no call for it",
    },
}
"""Why a client isn't asked, of which scenarios: what it is that the client hasn't got."""

TOOLS_OWN = {
    "console": "kafka-tools",
    "performance": "kafka-tools",
    "streams_reset": "kafka-tools",
    "json_envelope": "kcat",
}
"""Scenarios about one tool's own work, which no other client has."""


def clients_of(scenario: str) -> tuple[str, ...]:
    """Who is asked it."""
    return tuple(SCENARIOS[scenario].clients.split())


def lacks_of(client: str) -> dict[str, str]:
    """The scenarios that the client isn't asked for a lack of its own, and the reasons."""
    return {
        scenario: reason for names, reason in LACKS[client].items() for scenario in names.split()
    }


def page_lacks() -> str:
    """The list of the documentation: why cells are empty."""
    lines = []
    for client in CLIENTS:
        by_reason: dict[str, list[str]] = {}
        for scenario, reason in lacks_of(client).items():
            by_reason.setdefault(reason, []).append(SCENARIOS[scenario].title)
        lines.append(f"- **{client}**")
        lines += [f"  - {'; '.join(titles)}: {reason}." for reason, titles in by_reason.items()]
    return "\n".join(lines)


def page_table() -> str:
    """The table of the documentation: who is asked what."""
    rows = [
        "| scenario | " + " | ".join(CLIENTS) + " |",
        "| --- |" + " :---: |" * len(CLIENTS),
    ]
    for name, scenario in SCENARIOS.items():
        mark = "≠" if name in DIFFERENCES else "="
        cells = [mark if client in clients_of(name) else "" for client in CLIENTS]
        rows.append(f"| {scenario.title} | " + " | ".join(cells) + " |")
    return "\n".join(rows)
