"""The scenarios of the conformance suite with Kafka's command line tools: records, and who reads them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from client_drivers import Message, RefusedError, wait_until
from tool_lab import Tools

__all__ = ["RECORD_SCENARIOS"]


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
    found = lab.works("console-producer", *one, *keys, stdin="a:1,b:2\tkey|value\nc:3\tk2|v2\n")
    shown = [
        word
        for what in ("key", "headers", "partition", "offset")
        for word in ("--formatter-property", f"print.{what}=true")
    ]
    found += lab.works(
        "console-consumer", *one, "--from-beginning", "--max-messages", "2", *wait, *shown
    )
    found += lab.works(
        "console-consumer", *one, "--partition", "0", "--offset", "1", "--max-messages", "1", *wait
    )
    committed = ("--isolation-level", "read_committed", "--group", lab.name("group"))
    found += lab.works(
        "console-consumer", *one, "--from-beginning", "--max-messages", "2", *wait, *committed
    )
    return found + lab.works("console-consumer", *one, "--timeout-ms", "1000")


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
        lines = lab.works("producer-perf-test", "--topic", topic, *count, *properties)
        produced += [lines[0], lines[-1].partition(",")[0]]
    wait_until(
        lambda: sum(lab.driver.watermarks(topic, p)[1] for p in (0, 1)) == 60_000, "all of them"
    )
    read = lab.works(
        "consumer-perf-test", "--topic", topic, "--messages", "60000", "--timeout", "20000"
    )
    header, row = read[-2:]
    latency = lab.works(
        "end-to-end-latency",
        *("--topic", topic, "--num-records", "20", "--producer-acks", "all"),
        *("--record-size", "10"),
    )
    shape = [re.sub(r"[\d.]+", "N", line) for line in latency if "th = " in line]
    return [*produced, header, " ".join(row.split(", ")[index] for index in (2, 4)), *shape]


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
        found += lab.works("get-offsets", "--topic", topic, "--time", at)
    found += lab.works("get-offsets", "--topic-partitions", f"{topic}:1")
    return found + lab.run("get-offsets", "--topic", lab.name("unknown"))


def _property(name: str, value: object) -> tuple[str, str]:
    return "--command-property", f"{name}={value}"


def _read(lab: Tools, topic: str, count: int, *more: str) -> list[str]:
    """Records from the beginning, with all that the console consumer shows."""
    what = ("timestamp", "partition", "offset", "headers", "key")
    shown = [word for each in what for word in ("--formatter-property", f"print.{each}=true")]
    arguments = ("--from-beginning", "--max-messages", str(count), "--timeout-ms", "6000")
    return lab.works("console-consumer", "--topic", topic, *arguments, *shown, *more)


def _end(lab: Tools, topic: str, time_: str = "latest") -> list[str]:
    return lab.works("get-offsets", "--topic", topic, "--time", time_)


def _codec(lab: Tools, codec: str) -> list[str]:
    topic = lab.topic("codec")
    properties = {
        "parse.key": "true",
        "parse.headers": "true",
        "key.separator": "|",
        "null.marker": "NULL",
    }
    parsed = [
        word
        for name, value in properties.items()
        for word in ("--reader-property", f"{name}={value}")
    ]
    lines = [
        "a:1,b:2,a:3\tkey|value",
        "a:1\tkey|NULL",
        "NULL\tNULL|v",
        "NULL\t|",
        "NULL\tk|" + "x" * 900,
    ]
    lines += [f"NULL\tk{n % 7}|value {n}" for n in range(40)]
    stdin = "\n".join(lines) + "\n"
    found = lab.works(
        "console-producer", "--topic", topic, *parsed, "--compression-codec", codec, stdin=stdin
    )
    return found + _read(lab, topic, len(lines))


def _acks(lab: Tools) -> list[str]:
    topic = lab.topic("acks")
    found = []
    for count, acks in enumerate(("all", "1", "0"), 1):
        plain = (*_property("acks", acks), *_property("enable.idempotence", "false"))
        found += lab.works("console-producer", "--topic", topic, *plain, stdin=f"{acks}\n")
        wait_until(lambda count=count: lab.driver.watermarks(topic, 0)[1] == count, "it")  # type: ignore[misc]
    return found + _read(lab, topic, 3)


def _idempotence(lab: Tools) -> list[str]:
    topic = lab.topic("idempotent")
    lines = "".join(f"{n}\n" for n in range(200))
    small = (*_property("batch.size", 100), *_property("enable.idempotence", "true"))
    found = lab.works("console-producer", "--topic", topic, *small, stdin=lines)
    found += _read(lab, topic, 200)
    place = ("--topic", topic, "--partition", "0")
    row = lab.run("transactions", "describe-producers", *place)[-1].split()
    return [*found, f"epoch {row[1]}, sequence {row[3]}"]


def _large_record(lab: Tools) -> list[str]:
    topic = lab.topic("large", max_message_bytes="10000000")
    size = ("--num-records", "2", "--record-size", "5000000", "--throughput", "-1")
    properties = (
        *_property("bootstrap.servers", lab.bootstrap),
        *("max.request.size=9000000", "buffer.memory=30000000"),
    )
    sent = lab.works("producer-perf-test", "--topic", topic, *size, *properties)
    read = lab.works(
        "consumer-perf-test",
        *("--topic", topic, "--num-records", "2", "--fetch-size", "1000", "--timeout", "9000"),
    )
    row = read[-1].split(", ")
    return [*sent[:1], sent[-1].partition(",")[0], f"{row[2]} MB in {row[4]}"]


def _too_large_record(lab: Tools) -> list[str]:
    """The console producer tells a refused record only to its log."""
    topic = lab.topic("small", max_message_bytes="1000")
    found = lab.works("console-producer", "--topic", topic, stdin="x" * 2000 + "\n")
    found += lab.works("console-producer", "--topic", topic, stdin="small\n")
    return found + _end(lab, topic) + _read(lab, topic, 1)


def _timestamps(lab: Tools) -> list[str]:
    found = []
    for kind in ("CreateTime", "LogAppendTime"):
        topic = lab.topic("times", message_timestamp_type=kind)
        found += lab.works("console-producer", "--topic", topic, stdin="v\n")
        found += _read(lab, topic, 1)
    return found


def _watermarks(lab: Tools) -> list[str]:
    topic = lab.topic("watermarks", 2)
    found = _end(lab, topic, "earliest") + _end(lab, topic)
    lab.driver.produce(topic, [Message(b"v")] * 5)
    lab.driver.delete_records(topic, 0, 2)
    return found + _end(lab, topic, "earliest") + _end(lab, topic)


def _unknown_topic(lab: Tools) -> list[str]:
    topic = lab.name("unknown")
    one = ("--topic", topic)
    found = lab.run("topics", "--describe", *one)
    found += lab.run("topics", "--alter", *one, "--partitions", "3")
    found += lab.run("topics", "--delete", *one)
    entity = ("--entity-type", "topics", "--entity-name", topic)
    found += lab.run("configs", "--describe", *entity)
    found += lab.run("configs", "--alter", *entity, "--add-config", "retention.ms=1000")
    place = {"topic": topic, "partition": 0, "replicas": [1]}
    plan = lab.file({"version": 1, "partitions": [place]})
    found += lab.run("reassign-partitions", "--execute", "--reassignment-json-file", plan)
    return [*found, f"made: {topic in lab.driver.topics()}"]


def _auto_created_topic(lab: Tools) -> list[str]:
    topic = lab.name("auto")
    found = lab.works("console-producer", "--topic", topic, stdin="v\n")
    found += _read(lab, topic, 1)
    return found + lab.run("topics", "--describe", "--topic", topic)


def _compaction(lab: Tools) -> list[str]:
    topic = lab.topic(
        "compacted",
        cleanup_policy="compact",
        min_cleanable_dirty_ratio="0.001",
        segment_ms="100",
        delete_retention_ms="0",
    )
    keys = [
        word
        for each in ("parse.key=true", "key.separator=|", "null.marker=NULL")
        for word in ("--reader-property", each)
    ]

    def send(line: str) -> list[str]:
        return lab.works("console-producer", "--topic", topic, *keys, stdin=line + "\n")

    for n in range(12):
        send(f"key {n % 3}|" + ("NULL" if n == 10 else f"value {n}"))
    # Refused, which the tool tells only to its log.
    found = send("NULL|without a key")
    found += _end(lab, topic)
    left: list[str] = []

    def compacted() -> bool:
        # The newest segment isn't compacted: filler closes those before it.
        time.sleep(0.15)
        send("filler|filler")
        high = lab.driver.watermarks(topic, 0)[1]
        read = lab.driver.read(topic, [0], 1_000, last=high - 1)
        return len([m for m in read if m.key != b"filler"]) <= 2

    wait_until(compacted, "compaction")
    left = _read(lab, topic, 3)
    return found + [line for line in left if "filler" not in line]


def _retention(lab: Tools) -> list[str]:
    topic = lab.topic("retained", retention_ms="60000", segment_ms="100")
    an_hour_ago = int(time.time() * 1000) - 3_600_000
    for _ in range(3):
        lab.driver.produce(topic, [Message(b"old", timestamp_ms=an_hour_ago)])
    wait_until(lambda: lab.driver.watermarks(topic, 0)[0] == 3, "retention")
    found = _end(lab, topic, "earliest")
    found += lab.works("console-producer", "--topic", topic, stdin="new\n")
    return found + _read(lab, topic, 1)


def _small_fetches(lab: Tools) -> list[str]:
    topic = lab.topic("tiny")
    lab.driver.produce(topic, [Message(str(n).encode()) for n in range(20)])
    tiny = (*_property("fetch.max.bytes", 1), *_property("max.partition.fetch.bytes", 1))
    return _read(lab, topic, 20, *tiny)


def _patient_fetches(lab: Tools) -> list[str]:
    topic = lab.topic("patient")
    lab.driver.produce(topic, [Message(b"v")])
    patient = (*_property("fetch.min.bytes", 1_000_000), *_property("fetch.max.wait.ms", 600))
    return _read(lab, topic, 1, *patient)


def _group(lab: Tools, *properties: str) -> list[str]:
    """Reads some, and then goes on where it was; members aren't there any more, or are static."""
    topic, group = lab.topic("group"), lab.name("group")
    lab.driver.produce(topic, [Message(str(n).encode()) for n in range(6)])
    arguments = ("--topic", topic, "--group", group, "--timeout-ms", "6000", *properties)
    found = lab.works("console-consumer", *arguments, "--from-beginning", "--max-messages", "4")
    found += lab.run("consumer-groups", "--describe", "--group", group)
    found += lab.run("consumer-groups", "--describe", "--group", group, "--members", "--verbose")
    found += lab.works("console-consumer", *arguments, "--max-messages", "2")
    found += lab.run("consumer-groups", "--describe", "--group", group, "--state")
    return found + lab.run("consumer-groups", "--delete", "--group", group)


def _static(strategy: str = "Range", session_ms: int = 30_000) -> tuple[str, ...]:
    """Static, so that the group can be looked at when the console consumer is gone."""
    return (
        *_property("group.instance.id", "me"),
        *_property("session.timeout.ms", session_ms),
        *_property("heartbeat.interval.ms", 300),
        *_property(
            "partition.assignment.strategy",
            f"org.apache.kafka.clients.consumer.{strategy}Assignor",
        ),
    )


def _lost_member(lab: Tools) -> list[str]:
    """A static member says nothing when it goes: its group learns it from the silence."""
    topic, group = lab.topic("lost"), lab.name("group")
    lab.driver.produce(topic, [Message(b"v")])
    arguments = ("--topic", topic, "--group", group, "--max-messages", "1")
    static = _static(session_ms=2_000)
    found = lab.works("console-consumer", *arguments, *static, "--from-beginning")
    wait_until(lambda: lab.driver.describe_group(group).state == "EMPTY", "an empty group")
    return found + lab.run("consumer-groups", "--describe", "--group", group, "--state")


def _fencing(lab: Tools) -> list[str]:
    """The tool ends somebody's transaction, who is out then."""
    topic, transactional_id = lab.topic("fenced"), lab.name("id")
    one = lab.driver.transaction(transactional_id)
    one.send(topic, [b"lost"])
    end = ("forceTerminateTransaction", "--transactionalId")
    found = lab.run("transactions", *end, transactional_id)
    wait_until(lambda: lab.driver.watermarks(topic, 0)[1] == 2, "the marker")
    try:
        one.commit()
    except RefusedError:
        found.append("the commit is refused")
    found += lab.run("transactions", *end, lab.name("unknown"))[:1]
    lab.driver.produce(topic, [Message(b"after")])
    return found + _read(lab, topic, 1, "--isolation-level", "read_committed")


def _transactions(lab: Tools) -> list[str]:
    """Begun by librdkafka, for no tool can end one; read by the console consumer."""
    topic = lab.topic("committed")
    one = lab.driver.transaction(lab.name("id"))
    one.send(topic, [b"a", b"b"])
    one.commit()
    one.send(topic, [b"lost"])
    one.abort()
    one.send(topic, [b"c"])
    one.commit()
    found = _read(lab, topic, 3, "--isolation-level", "read_committed")
    return found + _read(lab, topic, 4) + _end(lab, topic)


def _open_transaction(lab: Tools) -> list[str]:
    topic = lab.topic("open")
    lab.driver.produce(topic, [Message(b"before")])
    one = lab.driver.transaction(lab.name("id"))
    one.send(topic, [b"open"])
    found = _read(lab, topic, 1, "--isolation-level", "read_committed") + _read(lab, topic, 2)
    one.abort()
    lab.driver.produce(topic, [Message(b"after")])
    return found + _read(lab, topic, 2, "--isolation-level", "read_committed")


RECORD_SCENARIOS: dict[str, Callable[[Tools], list[str]]] = {
    **{
        f"codec_{codec}": lambda lab, codec=codec: _codec(lab, codec)  # type: ignore[misc]
        for codec in ("none", "gzip", "snappy", "lz4", "zstd")
    },
    "acks": _acks,
    "idempotence": _idempotence,
    "large_record": _large_record,
    "too_large_record": _too_large_record,
    "timestamps": _timestamps,
    "offsets_by_time": _offsets_by_time,
    "watermarks": _watermarks,
    "unknown_topic": _unknown_topic,
    "auto_created_topic": _auto_created_topic,
    "delete_records": _delete_records,
    "compaction": _compaction,
    "retention": _retention,
    "small_fetches": _small_fetches,
    "patient_fetches": _patient_fetches,
    "console": _console,
    "performance": _performance,
    "committed_offsets": _group,
    "consumer_protocol": lambda lab: _group(lab, *_property("group.protocol", "consumer")),
    **{
        scenario: lambda lab, strategy=strategy: _group(lab, *_static(strategy))  # type: ignore[misc]
        for scenario, strategy in {
            "static_member": "Range",
            "group_range": "Range",
            "group_roundrobin": "RoundRobin",
            "group_sticky": "Sticky",
            "group_cooperative_sticky": "CooperativeSticky",
        }.items()
    },
    "lost_member": _lost_member,
    "fencing": _fencing,
    "transactions": _transactions,
    "open_transaction": _open_transaction,
}
"""Each by its name in `conformance_scenarios`."""
