"""The scenarios of the conformance suite with Kafka's command line tools: what an administrator asks."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from client_drivers import Message, wait_until
from conformance import Verdict
from tool_lab import SETTLE_S, Tools, about, ordered
from tool_record_scenarios import RECORD_SCENARIOS


def _topics(lab: Tools) -> list[str]:
    topic, other = lab.name("topics"), lab.name("other")
    one = ("--topic", topic)
    config = ("--config", "retention.ms=1000", "--config", "cleanup.policy=compact")
    found = lab.run("topics", "--create", *one, "--partitions", "3", *config)
    time.sleep(SETTLE_S)
    found += lab.run("topics", "--create", *one, "--partitions", "3")
    found += lab.run("topics", "--create", *one, "--if-not-exists")
    found += lab.run("topics", "--create", "--topic", other, "--replica-assignment", "1,1")
    time.sleep(SETTLE_S)
    found += about("tools-topics")(lab.run("topics", "--list"))
    found += lab.run("topics", "--describe", *one)
    found += lab.run("topics", "--describe", "--topic", other, "--under-replicated-partitions")
    found += lab.run("topics", "--delete", "--topic", other)
    time.sleep(SETTLE_S)
    found += lab.run("topics", "--describe", "--topic", other)
    found += lab.run("topics", "--delete", "--topic", other)
    return found


def _refused_topics(lab: Tools) -> list[str]:
    """The tool tells the reason in words only; what shows is that none of them is there, and a right one is."""
    refused = (
        (lab.name("t"), "--replication-factor", "3"),
        (lab.name("t"), "--partitions", "0"),
        (lab.name("t"), "--config", "no.such=1"),
        (lab.name("t"), "--config", "retention.ms=soon"),
        (lab.name("t"), "--replica-assignment", "7"),
        ("not/a/name",),
        ("x" * 250,),
    )
    found = []
    for name, *more in refused:
        found += lab.run("topics", "--create", "--topic", name, *more)
    found += lab.works("topics", "--create", "--topic", lab.name("t"), "--partitions", "1")
    time.sleep(SETTLE_S)
    made = {name for name, *_ in refused} & lab.driver.topics().keys()
    return [*found, f"made: {', '.join(sorted(made)) or 'nothing'}"]


def _described_topic(lab: Tools) -> list[str]:
    topic = lab.topic("described")
    resource = ("--entity-type", "topics", "--entity-name", topic, "--describe", "--all")
    return [
        line for line in lab.run("configs", *resource) if line.startswith("min.insync.replicas")
    ]


def _partitions(lab: Tools) -> list[str]:
    topic = lab.topic("partitions", 2)
    one = ("--topic", topic)
    found = []
    for count in ("4", "4", "1"):
        found += lab.run("topics", "--alter", *one, "--partitions", count)
        time.sleep(SETTLE_S)
    return found + lab.run("topics", "--describe", *one)


def _topic_configs(lab: Tools) -> list[str]:
    topic = lab.topic("configs")
    one = ("--entity-type", "topics", "--entity-name", topic)
    found = lab.run("configs", "--describe", *one)
    for change in (
        "retention.ms=5000,cleanup.policy=[delete,compact]",
        "retention.ms=soon",
        "no.such=1",
    ):
        found += lab.run("configs", "--alter", *one, "--add-config", change)
    time.sleep(SETTLE_S)
    found += lab.run("configs", "--describe", *one)
    found += lab.run("configs", "--alter", *one, "--delete-config", "retention.ms")
    time.sleep(SETTLE_S)
    found += lab.run("configs", "--describe", *one)
    every = lab.run("configs", "--describe", "--all", *one)
    wanted = ("cleanup.policy=", "max.message.bytes=", "segment.ms=", "retention.ms=")
    return found + [line for line in every if line.startswith(wanted)]


def _broker_configs(lab: Tools) -> list[str]:
    own = ("--entity-type", "brokers", "--entity-name", "1")
    everywhere = ("--entity-type", "brokers", "--entity-default")
    setting = "log.segment.delete.delay.ms"
    found = lab.run("configs", "--alter", *everywhere, "--add-config", f"{setting}=55000")
    found += lab.run("configs", "--alter", *own, "--add-config", f"{setting}=45000")
    found += lab.run("configs", "--alter", *own, "--add-config", "num.partitions=3")
    found += lab.run("configs", "--alter", *own, "--add-config", f"{setting}=soon")
    time.sleep(SETTLE_S)

    def described() -> list[str]:
        lines = lab.run("configs", "--describe", *own)
        lines += lab.run("configs", "--describe", *everywhere)
        return [line for line in lines if "=" not in line or line.startswith(setting)]

    found += described()
    found += lab.run("configs", "--alter", *own, "--delete-config", setting)
    found += lab.run("configs", "--alter", *everywhere, "--delete-config", setting)
    time.sleep(SETTLE_S)
    every = lab.run("configs", "--describe", "--all", *own)
    return found + described() + [line for line in every if line.startswith(setting)]


def _unknown_broker_setting(lab: Tools) -> list[str]:
    one = ("--alter", "--entity-type", "brokers", "--entity-name", "1")
    found = lab.run("configs", *one, "--add-config", "no.such.config=1")
    lab.run("configs", *one, "--delete-config", "no.such.config")
    return found


def _groups_admin(lab: Tools) -> list[str]:
    topic, group = lab.topic("groups", 2), lab.name("admin-group")
    lab.driver.produce(topic, [Message(b"v", partition=p % 2) for p in range(10)])
    lab.driver.commit_offset(group, topic, 0, 3, "")
    one = ("--group", group)
    mine = about("tools-admin-group")
    found = mine(lab.run("consumer-groups", "--list"))
    found += lab.run("consumer-groups", "--describe", *one)
    with lab.member(group, topic, 2):
        found += mine(lab.run("consumer-groups", "--list", "--state"))
        found += mine(
            lab.run("consumer-groups", "--list", "--state", "stable", "--type", "classic")
        )
        found += mine(lab.run("groups", "--list"))
        found += ordered(lab.run("consumer-groups", "--describe", *one, "--offsets"))
        found += lab.run("consumer-groups", "--describe", *one, "--members", "--verbose")
        found += lab.run("consumer-groups", "--describe", *one, "--state", "--verbose")
        found += lab.run("consumer-groups", "--delete", *one)
    found += lab.run("consumer-groups", "--describe", *one, "--state")
    found += lab.run("consumer-groups", "--describe", *one, "--members")
    found += lab.run("consumer-groups", "--delete", *one)
    found += lab.run("consumer-groups", "--delete", *one)
    return found + lab.run("consumer-groups", "--describe", *one)


def _reset_offsets(lab: Tools) -> list[str]:
    topic, group = lab.topic("reset", 2), lab.name("group")
    hour_ago = int(time.time() * 1000) - 3_600_000
    lab.driver.produce(topic, [Message(b"v", None, p % 2, hour_ago) for p in range(20)])
    lab.driver.commit_offset(group, topic, 0, 3, "")
    lab.driver.commit_offset(group, topic, 1, 3, "")
    one = ("--group", group, "--reset-offsets")
    found = []
    for where in (
        ("--to-latest", "--topic", topic, "--dry-run"),
        ("--to-earliest", "--topic", f"{topic}:1", "--execute"),
        ("--shift-by", "4", "--all-topics", "--execute"),
        ("--shift-by", "-100", "--topic", topic, "--dry-run"),
        ("--to-offset", "99", "--topic", topic, "--dry-run"),
        ("--by-duration", "PT30M", "--topic", topic, "--dry-run"),
        ("--to-datetime", "2020-01-01T00:00:00.000", "--topic", topic, "--dry-run"),
        ("--to-current", "--topic", topic, "--export", "--dry-run"),
    ):
        found += [where[0], *ordered(lab.run("consumer-groups", *one, *where))]
    with lab.member(group, topic, 2):
        found += lab.run("consumer-groups", *one, "--to-earliest", "--topic", topic, "--execute")
    return found


def _delete_offsets(lab: Tools) -> list[str]:
    topic, group = lab.topic("offsets", 2), lab.name("group")
    lab.driver.commit_offset(group, topic, 0, 0, "")
    lab.driver.commit_offset(group, topic, 1, 0, "")
    one = ("--group", group, "--delete-offsets")
    found = lab.run("consumer-groups", *one, "--topic", f"{topic}:0")
    found += ordered(lab.run("consumer-groups", "--describe", "--group", group))
    found += lab.run("consumer-groups", *one, "--topic", lab.name("unknown"))
    with lab.member(group, topic, 2):
        found += lab.run("consumer-groups", *one, "--topic", topic)
    return found


def _transactions_admin(lab: Tools) -> list[str]:
    topic, transactional_id = lab.topic("transactions"), lab.name("id")
    open_one = lab.driver.transaction(transactional_id)
    open_one.send(topic, [b"v"])
    place = ("--topic", topic, "--partition", "0")

    def shape(lines: list[str]) -> list[str]:
        """Without ids of producers and durations: numbers of more than one digit."""
        return [re.sub(r"\b\d{2,}\b", "N", line) for line in lines]

    mine = about("tools-id")
    found = [re.sub(r"\d+", "N", line) for line in mine(lab.run("transactions", "list"))]
    described = lab.run("transactions", "describe", "--transactional-id", transactional_id)
    found += [re.sub(r"\d+", "N", line) for line in described]
    found += lab.run("transactions", "describe", "--transactional-id", lab.name("unknown"))
    producers = lab.run("transactions", "describe-producers", *place)
    found += [producers[1], " ".join(producers[2].split()[1:4] + producers[2].split()[5:])]
    found += shape(lab.run("transactions", "find-hanging", "--broker-id", "1"))
    found += shape(lab.run("transactions", "find-hanging", *place))
    found += shape(lab.run("transactions", "abort", *place, "--start-offset", "7"))
    found += shape(lab.run("transactions", "abort", *place, "--start-offset", "0"))
    after = lab.run("transactions", "describe-producers", *place)
    found += [after[0], after[-1].split()[-1]]
    open_one.close()
    return found


def _log_dirs(lab: Tools) -> list[str]:
    topic = lab.topic("folders", 2)
    lab.driver.produce(topic, [Message(b"v"), Message(b"v", partition=1)])
    lines = lab.run("log-dirs", "--describe", "--topic-list", topic, "--broker-list", "1")
    told = json.loads(next(line for line in lines if line.startswith("{")))
    (broker,) = told["brokers"]
    (folder,) = broker["logDirs"]
    partitions = sorted(folder["partitions"], key=lambda each: str(each["partition"]))
    return [
        lines[0],
        f"{broker['broker']} {folder['error']}",
        *(json.dumps(one, sort_keys=True) for one in partitions),
    ]


def _cluster(lab: Tools) -> list[str]:
    address = ("--bootstrap-server", lab.bootstrap)
    (first, told) = lab.run("cluster", "cluster-id", *address)
    found = [first, re.sub(r": \S{22}$", ": ID", told)]
    return found + lab.run("cluster", "list-endpoints", *address)


def _features(lab: Tools) -> list[str]:
    lines = lab.run("features", "describe")
    return [re.sub(r"Epoch: \d+", "Epoch: N", line) for line in lines]


def _feature_levels(lab: Tools) -> list[str]:
    found = lab.run("features", "upgrade", "--feature", "group.version=1")
    found += lab.run("features", "upgrade", "--feature", "group.version=9")
    found += lab.run("features", "upgrade", "--feature", "no.such=1")
    found += lab.run("features", "downgrade", "--feature", "transaction.version=1", "--dry-run")
    found += lab.run("features", "downgrade", "--feature", "transaction.version=2", "--dry-run")
    return found + lab.run("features", "upgrade", "--feature", "group.version=0", "--dry-run")


_ANNOUNCED_BY_KAFKA_ONLY = re.compile(
    r"\w*(Acls|Sasl|Share|StreamsGroup|DelegationToken|ClientQuotas|UserScramCredentials)\w*\("
)
"""APIs of security, quotas, share groups and Streams groups, which this broker doesn't have: see the page."""


def _api_versions(lab: Tools) -> list[str]:
    lines = lab.run("broker-api-versions")
    return [line for line in lines if not _ANNOUNCED_BY_KAFKA_ONLY.match(line)]


def _quorum(lab: Tools) -> list[str]:
    """Ids, and where the log of the metadata ends, differ; so does the listener that a controller has."""
    lines = lab.run("metadata-quorum", "describe", "--status")
    numbers = re.compile(r"(ClusterId|LeaderEpoch|HighWatermark): .*|(?<=\")\w+(?=://)")
    found = [numbers.sub(lambda match: f"{match[1] or 'LISTENER'}", line) for line in lines]
    rows = lab.run("metadata-quorum", "describe", "--replication")
    return found + [re.sub(r"\b\d+ 0 TIME TIME", "END 0 TIME TIME", row) for row in rows]


def _unregister(lab: Tools) -> list[str]:
    address = ("--bootstrap-server", lab.bootstrap)
    return lab.run("cluster", "unregister", *address, "--id", "7")


def _streams_reset(lab: Tools) -> list[str]:
    """Input topics are set back, internal topics are deleted; an application that runs is left alone."""
    application = lab.name("application")
    topic = lab.topic("input", 2)
    lab.driver.produce(topic, [Message(b"v", partition=p % 2) for p in range(6)])
    internal = f"{application}-store-changelog"
    lab.driver.create_topic(internal, 1)
    lab.driver.commit_offset(application, topic, 0, 3, "")
    lab.driver.commit_offset(application, topic, 1, 3, "")
    one = ("--application-id", application, "--input-topics", topic)
    tool = "streams-application-reset"
    found = ordered(lab.run(tool, *one, "--dry-run", "--force"))
    with lab.member(application, topic, 2):
        found += lab.run(tool, *one)[:1]
    found += ordered(lab.run(tool, *one, "--shift-by", "1", "--force"))
    wait_until(lambda: internal not in lab.driver.topics(), "the internal topic to be gone")
    return found + ordered(lab.run("consumer-groups", "--describe", "--group", application))


def _single_node(lab: Tools) -> list[str]:
    topic = lab.topic("node")
    place = ("--topic", topic, "--partition", "0")
    found = lab.run("leader-election", "--election-type", "preferred", *place)
    found += lab.run("leader-election", "--election-type", "unclean", *place)
    for replicas in ([1], [5]):
        partition = {"topic": topic, "partition": 0, "replicas": replicas}
        plan = lab.file({"version": 1, "partitions": [partition]})
        found += lab.run("reassign-partitions", "--execute", "--reassignment-json-file", plan)
    stays = {"version": 1, "partitions": [{"topic": topic, "partition": 0, "replicas": [1]}]}
    for step in ("--verify", "--cancel"):
        plan = lab.file(stays)
        found += lab.run("reassign-partitions", step, "--reassignment-json-file", plan)
    wanted = lab.file({"version": 1, "topics": [{"topic": topic}]})
    moved = ("--topics-to-move-json-file", wanted, "--broker-list", "1")
    found += lab.run("reassign-partitions", "--generate", *moved)
    return found + lab.run("reassign-partitions", "--list")


_SCENARIOS: dict[str, Callable[[Tools], list[str]]] = {
    "topics": _topics,
    "refused_topics": _refused_topics,
    "described_topic": _described_topic,
    "partitions": _partitions,
    "topic_configs": _topic_configs,
    "broker_configs": _broker_configs,
    "unknown_broker_setting": _unknown_broker_setting,
    "groups_admin": _groups_admin,
    "reset_offsets": _reset_offsets,
    "delete_offsets": _delete_offsets,
    "transactions_admin": _transactions_admin,
    "log_dirs": _log_dirs,
    "cluster": _cluster,
    "features": _features,
    "feature_levels": _feature_levels,
    "api_versions": _api_versions,
    "quorum": _quorum,
    "unregister": _unregister,
    "streams_reset": _streams_reset,
    "single_node": _single_node,
    **RECORD_SCENARIOS,
}


def ask_tools(bootstrap: str) -> dict[str, Verdict]:
    """Ask every scenario, one after the other: the tools share one JVM."""
    found: dict[str, Verdict] = {}
    with tempfile.TemporaryDirectory() as folder:
        lab = Tools(bootstrap, Path(folder))
        try:
            for name, ask in _SCENARIOS.items():
                try:
                    found[name] = Verdict(tuple(ask(lab)))
                except Exception as error:  # noqa: BLE001 - shown as this scenario's verdict
                    found[name] = Verdict(None, f"{type(error).__name__}: {error}")
        finally:
            lab.close()
    return found
