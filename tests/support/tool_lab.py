"""Kafka's command line tools against one broker: what they print.

Out goes what differs between two runs: addresses, ids, times, the names' suffix; columns are one space apart.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from client_drivers import Confluent, wait_until
from java import JAVA_FOLDER, java_command

_TOOLS = "org.apache.kafka.tools."
_MAIN = {
    "broker-api-versions": _TOOLS + "BrokerApiVersionsCommand",
    "end-to-end-latency": _TOOLS + "EndToEndLatency",
    "metadata-quorum": _TOOLS + "MetadataQuorumCommand",
    "streams-application-reset": _TOOLS + "StreamsResetter",
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
SETTLE_S = 0.4
__all__ = ["SETTLE_S", "Tools", "about", "ordered"]

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

    def topic(self, what: str, partitions: int = 1, **configs: str) -> str:
        topic = self.name(what)
        settings = {name.replace("_", "."): value for name, value in configs.items()}
        self.driver.create_topic(topic, partitions, settings)
        wait_until(lambda: self.driver.topics().get(topic) == partitions, "the topic")
        time.sleep(SETTLE_S)
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

    def works(self, tool: str, *arguments: str, stdin: str = "") -> list[str]:
        """The same of a tool that has to do its work: two equal failures show nothing."""
        lines = self.run(tool, *arguments, stdin=stdin)
        if not lines[0].endswith(": exit code 0"):
            raise RuntimeError("; ".join(lines))
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


def ordered(lines: list[str]) -> list[str]:
    """Lines whose order the tool leaves to chance."""
    return [lines[0], *sorted(lines[1:])]


def about(name: str) -> Callable[[list[str]], list[str]]:
    """Leaves of a list the lines that begin with this name: others come from other runs."""
    return lambda lines: [line for line in lines if line.split()[:1] == [name]]
