"""The scenarios of the conformance suite with kcat: what it prints, without what differs between two runs.

kcat makes no topics with settings of their own and asks for none of an administrator's things: librdkafka's
admin client (confluent-kafka) makes the topics.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable

from client_drivers import Confluent, Message, wait_until
from conformance import Verdict, ask_all, kcat

_numbers = itertools.count(1)


class Kcat:
    """kcat against one broker."""

    def __init__(self, bootstrap: str) -> None:
        self._command, extra = kcat()
        self._environment = {**os.environ, **extra}
        self.bootstrap = bootstrap
        self.driver = Confluent(bootstrap)

    def name(self, what: str) -> str:
        return f"{what}-kcat-{os.getpid()}-{next(_numbers)}"

    def topic(self, partitions: int = 1, **configs: str) -> str:
        topic = self.name("topic")
        self.driver.create_topic(
            topic, partitions, {name.replace("_", "."): value for name, value in configs.items()}
        )
        wait_until(lambda: self.driver.topics().get(topic) == partitions, "the topic")
        time.sleep(0.1)
        return topic

    def command(self, *arguments: str) -> list[str]:
        return [*self._command, "-b", self.bootstrap, *arguments]

    def run(self, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
        done = subprocess.run(
            self.command(*arguments),
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def produce(self, topic: str, text: str, *arguments: str) -> list[str]:
        """Send lines; what went wrong."""
        code, _, errors = self.run("-P", "-t", topic, "-p", "0", *arguments, stdin=text)
        lines = [_without_names(line) for line in errors.splitlines() if "failed" in line.lower()]
        return [f"exit code {code}", *lines] if code else lines

    def read(
        self, topic: str, *arguments: str, layout: str = "%p/%o %K=%k %S=%s [%h]\\n"
    ) -> list[str]:
        """All records there are, in this layout."""
        where = ("-o", "beginning") if "-o" not in arguments else ()
        code, text, _ = self.run(
            *("-C", "-q", "-e", "-t", topic, "-f", layout, "-X", "fetch.wait.max.ms=50"),
            *(*where, *arguments),
        )
        lines = text.splitlines()
        return lines if code == 0 else [*lines, f"exit code {code}"]


def _without_names(line: str) -> str:
    """The reason that a line ends with: what is before it names topics and times."""
    return line.rpartition("failed")[2].rpartition(":")[2].strip() or line


def _codec(lab: Kcat, codec: str) -> list[str]:
    topic = lab.topic()
    lines = "".join(f"key {n % 7}|value {n}\n" for n in range(50))
    sent = ("-K", "|", "-H", "a=1", "-H", "b=", "-H", "a=2", "-z", codec)
    return [
        *lab.produce(topic, lines, *sent),
        *lab.produce(topic, "|\nkey|\n" + "x|" + "x" * 30_000 + "\n", *sent[:2], "-Z", "-z", codec),
        *lab.read(topic, layout="%p/%o %K=%k %S [%h]\\n"),
        *lab.read(topic, "-o", "10", "-c", "3"),
    ]


def _acks(lab: Kcat) -> list[str]:
    topic = lab.topic()
    said = [
        lab.produce(topic, f"acks {acks}\n", "-X", f"acks={acks}") for acks in ("all", "1", "0")
    ]
    wait_until(lambda: lab.driver.watermarks(topic, 0)[1] == 3, "the unacknowledged record")
    return [*map(str, said), *lab.read(topic)]


def _idempotence(lab: Kcat) -> list[str]:
    topic = lab.topic()
    lines = "".join(f"{n}\n" for n in range(300))
    settings = ("-X", "enable.idempotence=true", "-X", "batch.num.messages=10", "-X", "linger.ms=0")
    return [*lab.produce(topic, lines, *settings), *lab.read(topic, layout="%o %s\\n")]


def _json_envelope(lab: Kcat) -> list[str]:
    topic = lab.topic()
    lab.produce(topic, "key|value\n|\n", "-K", "|", "-Z", "-H", "a=1")
    _, text, _ = lab.run("-C", "-q", "-e", "-J", "-t", topic, "-o", "beginning")
    found = []
    for line in text.splitlines():
        told = json.loads(line)
        del told["topic"], told["ts"]
        found.append(json.dumps(told, sort_keys=True))
    return found


def _too_large(lab: Kcat) -> list[str]:
    topic = lab.topic(max_message_bytes="1000")
    said = lab.produce(topic, "x" * 2000 + "\n", "-X", "message.max.bytes=100000")
    return [*said, *lab.produce(topic, "small\n"), *lab.read(topic)]


def _large(lab: Kcat) -> list[str]:
    topic = lab.topic(max_message_bytes="10000000")
    said = lab.produce(topic, "x" * 5_000_000 + "\nafter\n", "-X", "message.max.bytes=9000000")
    small = ("-X", "fetch.message.max.bytes=1000", "-X", "fetch.max.bytes=10000000")
    return [*said, *lab.read(topic, *small, layout="%o %S\\n")]


def _metadata(lab: Kcat) -> list[str]:
    topic = lab.topic(3)
    _, text, _ = lab.run("-L", "-J", "-t", topic)
    told = json.loads(text)
    (one,) = told["topics"]
    return [
        f"controller {told['controllerid']}, brokers {[broker['id'] for broker in told['brokers']]}",
        *(json.dumps(partition, sort_keys=True) for partition in one["partitions"]),
    ]


def _unknown_topic(lab: Kcat) -> list[str]:
    topic = lab.name("unknown")
    no_creation = ("-X", "allow.auto.create.topics=false")
    _, text, _ = lab.run("-L", "-J", "-t", topic, *no_creation)
    errors = [one.get("error") for one in json.loads(text)["topics"]]
    code, _, said = lab.run("-C", "-q", "-t", topic, "-p", "0", "-e", *no_creation)
    return [
        f"metadata: {errors}",
        f"read: exit code {code}",
        *map(_without_names, said.splitlines()),
    ]


def _auto_created(lab: Kcat) -> list[str]:
    topic = lab.name("auto")
    return [*lab.produce(topic, "v\n"), *lab.read(topic), str(lab.driver.topics()[topic])]


def _offsets_by_time(lab: Kcat) -> list[str]:
    topic = lab.topic()
    base_ms = int(time.time() * 1000) - 3_600_000
    for at in (0, 1000, 5000, 3000):
        lab.driver.produce(topic, [Message(b"v", timestamp_ms=base_ms + at)])
    found = []
    for at in (-1, 0, 1, 2500, 5000, 5001):
        _, text, _ = lab.run("-Q", "-t", f"{topic}:0:{base_ms + at}")
        found.append(f"{at}: {text.split()[-1]}")
    from_time = lab.read(topic, "-o", f"s@{base_ms + 1000}", "-o", f"e@{base_ms + 4000}")
    return [*found, *from_time, *lab.read(topic, "-o", "-2")]


def _timestamps(lab: Kcat) -> list[str]:
    topic = lab.topic(message_timestamp_type="LogAppendTime")
    before_ms = int(time.time() * 1000)
    lab.driver.produce(topic, [Message(b"v", timestamp_ms=before_ms - 3_600_000)])
    (line,) = lab.read(topic, layout="%T\\n")
    return [f"the broker's time: {int(line) >= before_ms}"]


def _group(lab: Kcat, assignor: str) -> list[str]:
    """Two members share four partitions; what is in each is read once."""
    topic, group = lab.topic(4), lab.name("group")
    lab.driver.produce(topic, [Message(str(n).encode(), partition=n % 4) for n in range(40)])
    settings = (
        "-X",
        f"partition.assignment.strategy={assignor}",
        "-X",
        "auto.offset.reset=earliest",
    )
    quick = ("-X", "session.timeout.ms=3000", "-X", "heartbeat.interval.ms=100")
    arguments = ("-G", group, "-q", "-u", "-f", "%p/%o\\n", *settings, *quick, topic)
    members = [lab.start(*arguments) for _ in range(2)]
    try:

        def shares() -> list[int]:
            described = lab.driver.describe_group(group)
            return sorted(len(share) for share in described.shares)

        wait_until(lambda: shares() == [2, 2], f"two shares, not {shares()}")
        wait_until(
            lambda: (
                sum((lab.driver.committed(group, topic, p) or (0, ""))[0] for p in range(4)) == 40
            ),
            "40 committed offsets",
        )
        described = lab.driver.describe_group(group)
    finally:
        for one in members:
            one.terminate()
    seen = [line for one in members for line in one.communicate(timeout=20)[0].split()]
    wait_until(lambda: lab.driver.describe_group(group).state == "EMPTY", "an empty group")
    committed = [lab.driver.committed(group, topic, partition) for partition in range(4)]
    return [
        f"{described.state} {described.assignor}",
        f"read {sorted(set(seen))}",
        f"at {committed}",
    ]


def _transactions(lab: Kcat) -> list[str]:
    """kcat commits its transaction at the end of its input, and reads that in large pieces, so that its own is
    never open for long; an open and an aborted one are librdkafka's."""
    topic = lab.topic()
    said = lab.produce(topic, "a\nb\n", "-X", f"transactional.id={lab.name('id')}")
    wait_until(lambda: lab.driver.watermarks(topic, 0)[1] == 3, "the marker of the commit")
    other = lab.driver.transaction(lab.name("id"))
    other.send(topic, [b"lost"])
    lab.produce(topic, "c\n")
    committed, everything = (
        ("-X", f"isolation.level=read_{which}") for which in ("committed", "uncommitted")
    )
    open_now = [*lab.read(topic, *committed, "-c", "2"), *lab.read(topic, *everything)]
    other.abort()
    wait_until(lambda: lab.driver.watermarks(topic, 0)[1] == 6, "the marker of the abort")
    return [*said, *open_now, *lab.read(topic, *committed), *lab.read(topic, *everything)]


def _watermarks(lab: Kcat) -> list[str]:
    topic = lab.topic()

    def tell() -> list[str]:
        places = [lab.run("-Q", "-t", f"{topic}:0:{which}")[1].split()[-1] for which in (-2, -1)]
        return [" to ".join(places)]

    found = tell()
    lab.driver.produce(topic, [Message(b"v")] * 5)
    lab.driver.delete_records(topic, 0, 2)
    return [*found, *tell()]


def _compaction(lab: Kcat) -> list[str]:
    topic = lab.topic(
        cleanup_policy="compact",
        min_cleanable_dirty_ratio="0.001",
        segment_ms="100",
        delete_retention_ms="0",
    )
    for n in range(12):
        line = f"key {n % 3}|" + ("" if n == 10 else f"value {n}") + "\n"
        lab.produce(topic, line, "-K", "|", "-Z")
    found = lab.produce(topic, "without a key\n")
    left: list[str] = []

    def compacted() -> bool:
        # The newest segment isn't compacted: filler closes those before it.
        time.sleep(0.15)
        lab.produce(topic, "filler|filler\n", "-K", "|")
        read = lab.read(topic, layout="%o %k %S %s\n")
        left[:] = [line for line in read if "filler" not in line]
        return len(left) <= 2

    wait_until(compacted, "compaction")
    return [*found, *left]


def _retention(lab: Kcat) -> list[str]:
    topic = lab.topic(retention_ms="60000", segment_ms="100")
    an_hour_ago = int(time.time() * 1000) - 3_600_000
    for _ in range(3):
        lab.driver.produce(topic, [Message(b"old", timestamp_ms=an_hour_ago)])
    wait_until(lambda: lab.driver.watermarks(topic, 0)[0] == 3, "retention")
    return [
        *lab.produce(topic, "new\n"),
        *lab.read(topic, "-o", "0", "-X", "auto.offset.reset=earliest"),
    ]


_MEMBER = (
    *("-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=2500"),
    *("-X", "heartbeat.interval.ms=100", "-X", "fetch.wait.max.ms=50"),
)


def _committed_offsets(lab: Kcat) -> list[str]:
    """A member goes on where the one before it was."""
    topic, group = lab.topic(), lab.name("group")
    lab.driver.produce(topic, [Message(str(n).encode()) for n in range(6)])
    found = []
    for count in ("4", "2"):
        layout = ("-q", "-c", count, "-f", "%o %s\\n")
        code, text, _ = lab.run("-G", group, *layout, *_MEMBER, topic)
        found += [f"exit code {code}", *text.splitlines()]
        found.append(f"at {lab.driver.committed(group, topic, 0)}")
    return found


def _static_member(lab: Kcat) -> list[str]:
    """It doesn't leave when it ends, and has its partitions again when it is back in time."""
    topic, group = lab.topic(2), lab.name("group")
    lab.driver.produce(topic, [Message(str(n).encode()) for n in range(3)])
    found = []
    for count in ("2", "1"):
        layout = ("-q", "-c", count, "-f", "%p/%o\\n", "-X", "group.instance.id=me")
        code, text, _ = lab.run("-G", group, *layout, *_MEMBER, topic)
        described = lab.driver.describe_group(group)
        found += [f"exit code {code}", *text.split(), f"{described.state} {described.shares}"]
    return found


def _lost_member(lab: Kcat) -> list[str]:
    """A member that is killed is replaced after its session."""
    topic, group = lab.topic(4), lab.name("group")
    members = [lab.start("-G", group, "-q", *_MEMBER, topic) for _ in range(2)]
    try:

        def shares() -> list[int]:
            return sorted(len(share) for share in lab.driver.describe_group(group).shares)

        wait_until(lambda: shares() == [2, 2], "two shares")
        members[0].kill()
        wait_until(lambda: shares() == [4], "all partitions for the one that is left")
        found = [f"{lab.driver.describe_group(group).state} {shares()}"]
    finally:
        for one in members:
            one.kill()
            one.communicate(timeout=20)
    return found


def _below_the_start(lab: Kcat) -> list[str]:
    """Records are deleted; who stands before the start gets the error, or begins where it is told to."""
    topic = lab.topic()
    lab.driver.produce(topic, [Message(str(n).encode()) for n in range(10)])
    lab.driver.delete_records(topic, 0, 6)
    earliest = lab.read(topic, "-o", "2", "-X", "auto.offset.reset=earliest", layout="%o %s\\n")
    strict = lab.read(topic, "-o", "2", "-X", "auto.offset.reset=error", layout="%o %s\\n")
    return [*lab.read(topic, layout="%o %s\\n"), "earliest", *earliest, "error", *strict]


def _small_fetches(lab: Kcat) -> list[str]:
    topic = lab.topic(3)
    lab.driver.produce(topic, [Message(str(n).encode(), partition=n % 3) for n in range(60)])
    settings = ("fetch.message.max.bytes=1", "fetch.max.bytes=1000", "message.max.bytes=1000")
    tiny = [word for each in (*settings, "check.crcs=true") for word in ("-X", each)]
    return sorted(lab.read(topic, *tiny, layout="%p/%o %s\\n"))


def _patient_fetches(lab: Kcat) -> list[str]:
    topic = lab.topic()
    lab.produce(topic, "v\n", "-X", "linger.ms=900", "-X", "batch.num.messages=100000")
    return lab.read(topic, "-X", "fetch.min.bytes=1000000", "-X", "fetch.wait.max.ms=700")


_SCENARIOS: dict[str, Callable[[Kcat], list[str]]] = {
    **{
        f"codec_{codec}": lambda lab, codec=codec: _codec(lab, codec)  # type: ignore[misc]
        for codec in ("none", "gzip", "snappy", "lz4", "zstd")
    },
    "acks": _acks,
    "idempotence": _idempotence,
    "json_envelope": _json_envelope,
    "too_large_record": _too_large,
    "large_record": _large,
    "cluster": _metadata,
    "unknown_topic": _unknown_topic,
    "auto_created_topic": _auto_created,
    "offsets_by_time": _offsets_by_time,
    "timestamps": _timestamps,
    "group_range": lambda lab: _group(lab, "range"),
    "group_roundrobin": lambda lab: _group(lab, "roundrobin"),
    "group_cooperative_sticky": lambda lab: _group(lab, "cooperative-sticky"),
    "committed_offsets": _committed_offsets,
    "static_member": _static_member,
    "lost_member": _lost_member,
    "transactions": _transactions,
    "watermarks": _watermarks,
    "compaction": _compaction,
    "retention": _retention,
    "delete_records": _below_the_start,
    "small_fetches": _small_fetches,
    "patient_fetches": _patient_fetches,
}


def ask_kcat(bootstrap: str) -> dict[str, Verdict]:
    """Ask every scenario."""
    lab = Kcat(bootstrap)
    return ask_all({name: lambda ask=ask: ask(lab) for name, ask in _SCENARIOS.items()})  # type: ignore[misc]
