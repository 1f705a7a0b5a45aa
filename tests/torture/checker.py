"""Holds what the log has in the end against what the load was told, and says where they part.

    python checker.py BOOTSTRAP JOURNALS

It reads by kafka-python, which the load doesn't use, and prints a JSON object: `violations`, the sentences, and
`figures`. The checks themselves (`check`) know only journals and records.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from torture_journal import (
    LEDGER,
    MOVED,
    MOVERS,
    NEW_READERS,
    OWN_READERS,
    PARTITIONS,
    PLAIN,
    READERS,
    Fact,
    entries,
    record_name,
)

with warnings.catch_warnings():
    # kafka-python reads its message schemas by a call that Python 3.11 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka

_PATIENCE_S = 35.0  # more than the load's transactions may take
_SHOWN = 5
# Groups, and how their members' names begin.
READING = {READERS: "reader", NEW_READERS: "new_reader", OWN_READERS: "own_reader"}

Log = dict[int, dict[int, str]]  # values by partition and offset
Entries = Mapping[str, list[tuple[str, list[Fact]]]]  # by journal


@dataclass
class Found:
    """What the broker has in the end.

    Attributes:
        logs: by topic, what a read_committed consumer gets.
        committed: by group, the committed offset of each partition.
        unreadable: (topic, partition, last stable offset, end offset) where they aren't the same.
    """

    logs: dict[str, Log] = field(default_factory=dict)
    committed: dict[str, dict[int, int]] = field(default_factory=dict)
    unreadable: list[tuple[str, int, int, int]] = field(default_factory=list)


class Violations:
    """Sentences, by kind; of each kind some are kept and all are counted."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._shown: list[str] = []

    def add(self, kind: str, what: str) -> None:
        self._kinds[kind] += 1
        if self._kinds[kind] <= _SHOWN:
            self._shown.append(f"{kind}: {what}")

    def sentences(self) -> list[str]:
        more = [f"{kind}: {n} in all" for kind, n in self._kinds.items() if n > _SHOWN]
        return self._shown + more


def check(journals: Entries, found: Found) -> list[str]:
    """Every way in which the log isn't what the journals promise."""
    violations = Violations()
    for name, of_one in journals.items():
        for kind, facts in of_one:
            if kind == "gave_up":
                violations.add("a client gave up", f"{name}: {facts[0]}")
    for topic, partition, stable, end in found.unreadable:
        violations.add(
            "a transaction is left open",
            f"{topic}-{partition}: last stable offset {stable}, end offset {end}",
        )
    places = {topic: _places(topic, log, violations) for topic, log in found.logs.items()}
    _check_order(found.logs, violations)
    for of_one in journals.values():
        _check_acknowledged(of_one, places[PLAIN], violations)
    for name, of_one in journals.items():
        _check_transactions(name, of_one, places[LEDGER], violations)
    _check_moved(found, violations)
    for group, topic in (*((each, PLAIN) for each in READING), (MOVERS, LEDGER)):
        behind, records = _behind(found, group, topic)
        # Being slow is no fault: on a busy machine a group is well behind after so many rebalances.
        if behind > records * 0.8:
            violations.add("a group stood still", f"{group}: {behind} of {records} are not read")
    for group, prefix in READING.items():
        of_group = [one for name, one in journals.items() if name.startswith(prefix)]
        _check_readers(group, of_group, found, violations)
    return violations.sentences()


def _behind(found: Found, group: str, topic: str) -> tuple[int, int]:
    """How many records are after the group's offsets, and how many there are."""
    committed = found.committed[group]
    logs = found.logs[topic]
    behind = sum(
        offset >= committed.get(partition, 0) for partition, log in logs.items() for offset in log
    )
    return behind, sum(map(len, logs.values()))


def _places(topic: str, log: Log, violations: Violations) -> dict[str, tuple[int, int]]:
    """Where each value is; it should be in one place."""
    places: dict[str, tuple[int, int]] = {}
    for partition, values in log.items():
        for offset, value in values.items():
            if value in places:
                first = places[value]
                violations.add(
                    "a record is there twice",
                    f"{topic}: {value} at {first[0]}:{first[1]} and {partition}:{offset}",
                )
            places[value] = (partition, offset)
    return places


def _check_order(logs: Mapping[str, Log], violations: Violations) -> None:
    """In a partition, a producer's records stand in the order that it wrote them."""
    for topic in (PLAIN, LEDGER):
        for partition, values in logs[topic].items():
            last: dict[str, tuple[int, int]] = {}
            for offset in sorted(values):
                producer, number, index = values[offset].split("/")
                place = (int(number), int(index))
                if place < last.get(producer, (-1, -1)):
                    violations.add(
                        "records are out of order",
                        f"{topic}-{partition}: {values[offset]} at {offset} comes after {last[producer]}",
                    )
                last[producer] = place


def _check_acknowledged(
    of_one: Iterable[tuple[str, list[Fact]]],
    places: Mapping[str, tuple[int, int]],
    violations: Violations,
) -> None:
    for kind, facts in of_one:
        if kind != "acked":
            continue
        value, partition, offset = facts
        place = places.get(str(value))
        if place is None:
            violations.add("an acknowledged record is lost", f"{value}, {partition}:{offset}")
        elif place != (partition, offset):
            violations.add(
                "a record isn't where it was said to be",
                f"{value} at {place[0]}:{place[1]}, acknowledged at {partition}:{offset}",
            )


def _check_transactions(
    name: str,
    of_one: Iterable[tuple[str, list[Fact]]],
    places: Mapping[str, tuple[int, int]],
    violations: Violations,
) -> None:
    sizes: dict[Fact, int] = {}
    for kind, facts in of_one:
        if kind == "begun":
            sizes[facts[0]] = int(facts[1])
        elif kind in ("committed", "aborted", "unknown"):
            number = int(facts[0])
            size = sizes[number]
            seen = sum(record_name(name, number, index) in places for index in range(size))
            told = f"{name}/{number}: {seen} of {size} records are seen"
            if kind == "committed" and seen < size:
                violations.add("a committed transaction isn't whole", told)
            elif kind == "aborted" and seen:
                violations.add("an aborted transaction is seen", told)
            elif 0 < seen < size:
                violations.add("a transaction is torn", told)


def _check_moved(found: Found, violations: Violations) -> None:
    """The copies are those records of the ledger that the movers' offsets have passed, once each."""
    for partition, source in found.logs[LEDGER].items():
        end = found.committed[MOVERS].get(partition, 0)
        expected = {value for offset, value in source.items() if offset < end}
        copies = Counter(found.logs[MOVED].get(partition, {}).values())
        for value in expected - copies.keys():
            violations.add(
                "a record was passed over", f"{LEDGER}-{partition}: {value} before {end}"
            )
        for value in copies.keys() - expected:
            violations.add(
                "a copy is there without its offset", f"{MOVED}-{partition}: {value}, offset {end}"
            )


def _check_readers(
    group: str,
    journals: Iterable[list[tuple[str, list[Fact]]]],
    found: Found,
    violations: Violations,
) -> None:
    """Commits never go back, pass no record that none has read, and what was read is still there."""
    read: dict[int, set[int]] = {partition: set() for partition in range(PARTITIONS)}
    acknowledged: dict[int, list[tuple[int, int]]] = {each: [] for each in range(PARTITIONS)}
    answers: dict[int, list[tuple[int, int, str]]] = {each: [] for each in range(PARTITIONS)}
    for of_one in journals:
        for kind, facts in of_one:
            if kind == "read":
                partition, offset, value = int(facts[0]), int(facts[1]), facts[2]
                read[partition].add(offset)
                stands = found.logs[PLAIN].get(partition, {}).get(offset)
                if stands != value:
                    violations.add(
                        "a record that was read has changed",
                        f"{group}, {PLAIN}-{partition}, offset {offset}: {value}, now {stands}",
                    )
            elif kind == "offset_committed":
                partition, offset, sent, acked = map(int, facts)
                acknowledged[partition].append((acked, offset))
                answers[partition].append((sent, offset, "a later commit"))
            elif kind == "fetched":
                partition, offset, asked = map(int, facts)
                answers[partition].append((asked, offset, "the broker's answer"))
    for partition, at in found.committed[group].items():
        answers[partition].append((sys.maxsize, at, "the offset in the end"))
        missed = {offset for offset in found.logs[PLAIN][partition] if offset < at}
        missed -= read[partition]
        if missed:
            violations.add(
                "an offset was committed past a record that none has read",
                f"{group}, {PLAIN}-{partition}: {at}, not read: {sorted(missed)[:3]}",
            )
    for partition, told in answers.items():
        _check_advance(group, partition, sorted(acknowledged[partition]), sorted(told), violations)


def _check_advance(
    group: str,
    partition: int,
    acknowledged: list[tuple[int, int]],
    told: list[tuple[int, int, str]],
    violations: Violations,
) -> None:
    """No answer that was asked for after an acknowledged commit is below it."""
    highest, at = 0, 0
    for asked, offset, what in told:
        while at < len(acknowledged) and acknowledged[at][0] < asked:
            highest = max(highest, acknowledged[at][1])
            at += 1
        if offset < highest:
            violations.add(
                "a committed offset went back",
                f"{group}, {PLAIN}-{partition}: {highest} was acknowledged, {what} is {offset}",
            )


# What the broker has, by kafka-python.


def read_topic(bootstrap: str, topic: str, found: Found) -> None:
    """Read a topic to its end, as far as committed transactions let it be read."""
    places = [kafka.TopicPartition(topic, number) for number in range(PARTITIONS)]
    anything = kafka.KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        max_poll_records=5_000,
    )
    deadline = time.monotonic() + _PATIENCE_S
    stable, ends = consumer.end_offsets(places), anything.end_offsets(places)
    while stable != ends and time.monotonic() < deadline:
        time.sleep(0.2)
        stable, ends = consumer.end_offsets(places), anything.end_offsets(places)
    for place in places:
        if stable[place] != ends[place]:
            unreadable = (topic, place.partition, stable[place], ends[place])
            found.unreadable.append(unreadable)
    log: Log = {number: {} for number in range(PARTITIONS)}
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    while any(consumer.position(place) < stable[place] for place in places):
        for place, records in consumer.poll(timeout_ms=200).items():
            deadline = time.monotonic() + _PATIENCE_S
            values = log[place.partition]
            for record in records:
                values[record.offset] = record.value.decode()
        if time.monotonic() > deadline:
            break  # what is missing will be seen
    consumer.close()
    anything.close()
    found.logs[topic] = log


def committed_offsets(bootstrap: str, group: str, topic: str) -> dict[int, int]:
    """The group's committed offsets; a partition without one is left out."""
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False
    )
    offsets: dict[int, int] = {}
    for number in range(PARTITIONS):
        offset = consumer.committed(kafka.TopicPartition(topic, number))
        offsets[number] = 0 if offset is None else offset
    consumer.close(autocommit=False)
    return offsets


def main(bootstrap: str, folder: str) -> None:
    journals = {path.stem: list(entries(path)) for path in sorted(Path(folder).glob("*.journal"))}
    found = Found()
    for topic in (PLAIN, LEDGER, MOVED):
        read_topic(bootstrap, topic, found)
    for group in READING:
        found.committed[group] = committed_offsets(bootstrap, group, PLAIN)
    found.committed[MOVERS] = committed_offsets(bootstrap, MOVERS, LEDGER)
    told = Counter(kind for of_one in journals.values() for kind, _ in of_one)
    copies = sum(len(values) for values in found.logs[MOVED].values())
    figures = {
        "records acknowledged": told["acked"],
        "transactions committed": told["committed"],
        "transactions aborted": told["aborted"],
        "transactions of unknown end": told["unknown"],
        "records copied exactly once": copies,
        "records read by the groups": told["read"],
        "offset commits": told["offset_committed"],
        "records not read in the end, by the last group": max(
            _behind(found, group, PLAIN)[0] for group in READING
        ),
    }
    print(json.dumps({"violations": check(journals, found), "figures": figures}))


if __name__ == "__main__":
    main(*sys.argv[1:])
