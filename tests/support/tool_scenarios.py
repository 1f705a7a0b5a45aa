"""The scenarios of the conformance suite with Kafka's command line tools: what they print.

Out go what differs between two runs: addresses, ids, times, the names' suffix; columns are one space apart.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from client_drivers import Confluent, Message, wait_until
from conformance import Verdict
from java import JAVA_FOLDER, java_command

_TOOLS = "org.apache.kafka.tools."
_MAIN = {
    "topics": _TOOLS + "TopicCommand",
    "configs": "kafka.admin.ConfigCommand",
    "consumer-groups": _TOOLS + "consumer.group.ConsumerGroupCommand",
    "groups": _TOOLS + "GroupsCommand",
    "transactions": _TOOLS + "TransactionsCommand",
    "console-producer": _TOOLS + "ConsoleProducer",
    "console-consumer": _TOOLS + "consumer.ConsoleConsumer",
    "producer-perf-test": _TOOLS + "ProducerPerformance",
    "consumer-perf-test": _TOOLS + "ConsumerPerformance",
    "delete-records": _TOOLS + "DeleteRecordsCommand",
    "get-offsets": _TOOLS + "GetOffsetShell",
    "log-dirs": _TOOLS + "LogDirsCommand",
    "cluster": _TOOLS + "ClusterTool",
    "features": _TOOLS + "FeatureCommand",
    "leader-election": _TOOLS + "LeaderElectionCommand",
    "reassign-partitions": _TOOLS + "reassign.ReassignPartitionsCommand",
}
_NORMAL = [
    # What an error says is for people; its exception, where the tool tells it, is not.
    (re.compile(r"^(Error while executing \w+ command) : .*"), r"\1"),
    (re.compile(r"^(Error: .* due to [\w.]+Exception): .*"), r"\1"),
    # See `_described_topic`.
    (re.compile(r"Configs: min\.insync\.replicas=1,?"), "Configs: "),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"/127\.0\.0\.1"), "HOST"),
    (re.compile(r"127\.0\.0\.1 \d+"), "HOST PORT"),
    (re.compile(r'"log_dirs":\["/[^"]*"\]'), '"log_dirs":["FOLDER"]'),
    (re.compile(r"-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "-UUID"),
    (re.compile(r"TopicId: \S+"), "TopicId: ID"),
    (re.compile(r"\b1[0-9]{12}\b"), "TIME"),
    (re.compile(r"[ \t]+"), " "),
]
# Parts of a broker may hear of a change a little later than the client that made it.
_SETTLE_S = 0.4
_numbers = itertools.count(1)


class Tools:
    """Kafka's tools, in one JVM, against one broker."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.driver = Confluent(bootstrap)
        self.folder = folder
        self._suffix = f"-{os.getpid()}"
        self._process = subprocess.Popen(
            java_command(JAVA_FOLDER / "ToolRunner.java"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def name(self, what: str) -> str:
        return f"tools-{what}-{next(_numbers)}{self._suffix}"

    def topic(self, what: str, partitions: int = 1) -> str:
        topic = self.name(what)
        self.driver.create_topic(topic, partitions)
        wait_until(lambda: self.driver.topics().get(topic) == partitions, "the topic")
        time.sleep(_SETTLE_S)
        return topic

    def file(self, content: object) -> str:
        path = self.folder / f"{next(_numbers)}.json"
        path.write_text(json.dumps(content))
        return str(path)

    def run(self, tool: str, *arguments: str, stdin: str = "") -> list[str]:
        """What the tool printed, without what differs between runs."""
        server = (
            ("--bootstrap-server", self.bootstrap)
            if tool not in ("producer-perf-test", "cluster")
            else ()
        )
        call = {"main": _MAIN[tool], "arguments": [*server, *arguments], "stdin": stdin}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        lines = [f"{tool} {arguments[0] if arguments else ''}: exit code {told['code']}"]
        text = told["out"]
        if told["code"] != 0:
            # Of a failure that isn't printed for people, only the first line.
            text += "\n".join(told["err"].splitlines()[:1])
        for line in text.splitlines():
            for pattern, replacement in _NORMAL:
                line = pattern.sub(replacement, line)
            line = re.sub(rf"-\d+{self._suffix}\b", "", line).strip()
            if line and "\tat " not in line and not line.startswith("at "):
                lines.append(line)
        return lines

    @contextmanager
    def member(self, group: str, topic: str, partitions: int) -> Iterator[None]:
        """Somebody who is in the group meanwhile, and has all partitions."""
        one = self.driver.member(group, topic)
        over = threading.Event()
        ready = threading.Event()

        def poll() -> None:
            while not over.is_set():
                one.poll()
                if len(one.assignment()) == partitions:
                    ready.set()
            one.close()

        thread = threading.Thread(target=poll)
        thread.start()
        try:
            assert ready.wait(20), "no assignment"
            yield
        finally:
            over.set()
            thread.join()


def _ordered(lines: list[str]) -> list[str]:
    """Lines whose order the tool leaves to chance."""
    return [lines[0], *sorted(lines[1:])]


def _about(name: str) -> Callable[[list[str]], list[str]]:
    """Leaves of a list the lines that begin with this name: others come from other runs."""
    return lambda lines: [line for line in lines if line.split()[:1] == [name]]


def _topics(lab: Tools) -> list[str]:
    topic, other = lab.name("topics"), lab.name("other")
    one = ("--topic", topic)
    config = ("--config", "retention.ms=1000", "--config", "cleanup.policy=compact")
    found = lab.run("topics", "--create", *one, "--partitions", "3", *config)
    time.sleep(_SETTLE_S)
    found += lab.run("topics", "--create", *one, "--partitions", "3")
    found += lab.run("topics", "--create", *one, "--if-not-exists")
    found += lab.run("topics", "--create", "--topic", other, "--replica-assignment", "1,1")
    found += lab.run("topics", "--create", "--topic", lab.name("t"), "--replication-factor", "3")
    found += lab.run("topics", "--create", "--topic", lab.name("t"), "--config", "no.such=1")
    time.sleep(_SETTLE_S)
    found += _about("tools-topics")(lab.run("topics", "--list"))
    found += lab.run("topics", "--describe", *one)
    found += lab.run("topics", "--describe", "--topic", other, "--under-replicated-partitions")
    found += lab.run("topics", "--delete", "--topic", other)
    time.sleep(_SETTLE_S)
    found += lab.run("topics", "--describe", "--topic", other)
    found += lab.run("topics", "--delete", "--topic", other)
    return found


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
        time.sleep(_SETTLE_S)
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
    time.sleep(_SETTLE_S)
    found += lab.run("configs", "--describe", *one)
    found += lab.run("configs", "--alter", *one, "--delete-config", "retention.ms")
    time.sleep(_SETTLE_S)
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
    time.sleep(_SETTLE_S)

    def described() -> list[str]:
        lines = lab.run("configs", "--describe", *own)
        lines += lab.run("configs", "--describe", *everywhere)
        return [line for line in lines if "=" not in line or line.startswith(setting)]

    found += described()
    found += lab.run("configs", "--alter", *own, "--delete-config", setting)
    found += lab.run("configs", "--alter", *everywhere, "--delete-config", setting)
    time.sleep(_SETTLE_S)
    every = lab.run("configs", "--describe", "--all", *own)
    return found + described() + [line for line in every if line.startswith(setting)]


def _groups_admin(lab: Tools) -> list[str]:
    topic, group = lab.topic("groups", 2), lab.name("admin-group")
    lab.driver.produce(topic, [Message(b"v", partition=p % 2) for p in range(10)])
    lab.driver.commit_offset(group, topic, 0, 3, "")
    one = ("--group", group)
    mine = _about("tools-admin-group")
    found = mine(lab.run("consumer-groups", "--list"))
    found += lab.run("consumer-groups", "--describe", *one)
    with lab.member(group, topic, 2):
        found += mine(lab.run("consumer-groups", "--list", "--state"))
        found += mine(
            lab.run("consumer-groups", "--list", "--state", "stable", "--type", "classic")
        )
        found += mine(lab.run("groups", "--list"))
        found += _ordered(lab.run("consumer-groups", "--describe", *one, "--offsets"))
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
        found += [where[0], *_ordered(lab.run("consumer-groups", *one, *where))]
    with lab.member(group, topic, 2):
        found += lab.run("consumer-groups", *one, "--to-earliest", "--topic", topic, "--execute")
    return found


def _delete_offsets(lab: Tools) -> list[str]:
    topic, group = lab.topic("offsets", 2), lab.name("group")
    lab.driver.commit_offset(group, topic, 0, 0, "")
    lab.driver.commit_offset(group, topic, 1, 0, "")
    one = ("--group", group, "--delete-offsets")
    found = lab.run("consumer-groups", *one, "--topic", f"{topic}:0")
    found += _ordered(lab.run("consumer-groups", "--describe", "--group", group))
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

    mine = _about("tools-id")
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


def _console(lab: Tools) -> list[str]:
    topic = lab.topic("console")
    one = ("--topic", topic)
    wait = ("--timeout-ms", "6000")
    keys = (
        "--reader-property",
        "parse.key=true",
        "--reader-property",
        "key.separator=|",
        "--reader-property",
        "parse.headers=true",
    )
    found = lab.run("console-producer", *one, *keys, stdin="a:1,b:2\tkey|value\nc:3\tk2|v2\n")
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        found += lab.run(
            "console-producer", *one, "--compression-codec", codec, stdin=f"in {codec}\n"
        )
    shown = [
        word
        for what in ("key", "headers", "partition", "offset")
        for word in ("--formatter-property", f"print.{what}=true")
    ]
    found += lab.run(
        "console-consumer", *one, "--from-beginning", "--max-messages", "6", *wait, *shown
    )
    found += lab.run(
        "console-consumer", *one, "--partition", "0", "--offset", "4", "--max-messages", "2", *wait
    )
    committed = ("--isolation-level", "read_committed", "--group", lab.name("group"))
    found += lab.run(
        "console-consumer", *one, "--from-beginning", "--max-messages", "3", *wait, *committed
    )
    return found + lab.run("console-consumer", *one, "--timeout-ms", "1000")


def _performance(lab: Tools) -> list[str]:
    topic = lab.topic("performance", 2)
    count = ("--num-records", "20000", "--record-size", "100", "--throughput", "-1")
    produced = []
    for more in (
        ("acks=all", "compression.type=lz4"),
        ("acks=1", "linger.ms=100"),
        ("acks=0", "linger.ms=5"),
    ):
        properties = ("--producer-props", f"bootstrap.servers={lab.bootstrap}", *more)
        lines = lab.run("producer-perf-test", "--topic", topic, *count, *properties)
        produced += [lines[0], lines[-1].partition(",")[0]]
    wait_until(
        lambda: sum(lab.driver.watermarks(topic, p)[1] for p in (0, 1)) == 60_000, "all of them"
    )
    read = lab.run(
        "consumer-perf-test", "--topic", topic, "--messages", "60000", "--timeout", "20000"
    )
    header, row = read[-2:]
    return [*produced, header, " ".join(row.split(", ")[index] for index in (2, 4))]


def _delete_records(lab: Tools) -> list[str]:
    topic = lab.topic("records")
    lab.driver.produce(topic, [Message(b"v")] * 10)
    found = []
    for offset in (4, 99, -1):
        place = {"topic": topic, "partition": 0, "offset": offset}
        wanted = lab.file({"partitions": [place], "version": 1})
        found += lab.run("delete-records", "--offset-json-file", wanted)
    return found


def _offsets_by_time(lab: Tools) -> list[str]:
    topic = lab.topic("times", 2)
    base_ms = int(time.time() * 1000) - 3_600_000
    for later_ms in (0, 1000, 5000, 3000):
        lab.driver.produce(topic, [Message(b"v", timestamp_ms=base_ms + later_ms)])
    found = []
    for at in ("earliest", "latest", "max-timestamp", str(base_ms + 2000), str(base_ms + 9000)):
        found += lab.run("get-offsets", "--topic", topic, "--time", at)
    found += lab.run("get-offsets", "--topic-partitions", f"{topic}:1")
    return found + lab.run("get-offsets", "--topic", lab.name("unknown"))


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


def _single_node(lab: Tools) -> list[str]:
    topic = lab.topic("node")
    place = ("--topic", topic, "--partition", "0")
    found = lab.run("leader-election", "--election-type", "preferred", *place)
    found += lab.run("leader-election", "--election-type", "unclean", *place)
    for replicas in ([1], [5]):
        partition = {"topic": topic, "partition": 0, "replicas": replicas}
        plan = lab.file({"version": 1, "partitions": [partition]})
        found += lab.run("reassign-partitions", "--execute", "--reassignment-json-file", plan)
    return found + lab.run("reassign-partitions", "--list")


_SCENARIOS: dict[str, Callable[[Tools], list[str]]] = {
    "topics": _topics,
    "described_topic": _described_topic,
    "partitions": _partitions,
    "topic_configs": _topic_configs,
    "broker_configs": _broker_configs,
    "groups_admin": _groups_admin,
    "reset_offsets": _reset_offsets,
    "delete_offsets": _delete_offsets,
    "transactions_admin": _transactions_admin,
    "console": _console,
    "performance": _performance,
    "delete_records": _delete_records,
    "offsets_by_time": _offsets_by_time,
    "log_dirs": _log_dirs,
    "cluster": _cluster,
    "features": _features,
    "single_node": _single_node,
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
