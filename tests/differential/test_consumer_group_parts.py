"""Parts of the consumer group coordinator beside Apache Kafka's own: assignors, patterns, the hash of topics.

One JVM answers lines of JSON (`tests/java/GroupCoordinatorParts.java`); hypothesis makes the questions.
`STREAMKIT_PARTS_EXAMPLES` says how many of each.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from group_lab import Topics
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from java import JAVA_FOLDER, java_command

from streamkit.errors import BrokerError
from streamkit.log.broker.groups.consumer.assignors import ASSIGNORS, GroupSpec, MemberSpec
from streamkit.log.broker.groups.consumer.java_order import grown, string_hash
from streamkit.log.broker.groups.consumer.patterns import TopicPattern
from streamkit.log.broker.groups.consumer.topics import TopicHashes

pytestmark = pytest.mark.kafka
EXAMPLES = settings(
    max_examples=int(os.environ.get("STREAMKIT_PARTS_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def kafka() -> Iterator[Ask]:
    command = java_command(JAVA_FOLDER / "GroupCoordinatorParts.java")
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    questions, answers = process.stdin, process.stdout
    assert questions is not None
    assert answers is not None

    def ask(what: str, **question: Any) -> Any:
        print(json.dumps({"ask": what, **question}), file=questions, flush=True)
        return json.loads(answers.readline())

    with process:
        yield ask
        questions.close()


TOPIC_IDS = st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number))
MEMBER_IDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=22)


@st.composite
def groups(draw: st.DrawFn) -> tuple[dict[str, MemberSpec], dict[UUID, int], bool]:
    """A group with targets that some earlier assignment might have left."""
    topic_ids = draw(st.lists(TOPIC_IDS, min_size=1, max_size=6, unique=True))
    counts = {topic_id: draw(st.integers(1, 40)) for topic_id in topic_ids}
    member_ids = draw(st.lists(MEMBER_IDS, min_size=1, max_size=20, unique=True))
    alike = draw(st.booleans())
    everything = draw(st.lists(st.sampled_from(topic_ids), unique=True))
    free = [(topic_id, p) for topic_id, count in counts.items() for p in range(count)]
    seed = draw(st.randoms(use_true_random=False))
    seed.shuffle(free)
    # A member may have lost topics that it read, and have some of all.
    free = free[: draw(st.integers(0, len(free)))]
    members = {}
    for member_id in member_ids:
        share = free[: seed.randint(0, max(1, 3 * len(free) // len(member_ids)))]
        free = free[len(share) :]
        assigned: dict[UUID, set[int]] = {}
        for topic_id, partition in share:
            assigned.setdefault(topic_id, set()).add(partition)
        reads = everything if alike else seed.sample(topic_ids, seed.randint(0, len(topic_ids)))
        members[member_id] = MemberSpec(
            f"i{seed.randint(0, 99)}-{member_id}" if seed.random() < 0.3 else None,
            dict.fromkeys(reads),
            {topic_id: frozenset(partitions) for topic_id, partitions in assigned.items()},
        )
    return members, counts, alike


@EXAMPLES
@given(group=groups(), assignor=st.sampled_from(["uniform", "range"]))
def test_assignments_are_apache_kafkas(kafka: Ask, group: Any, assignor: str) -> None:
    members, counts, alike = group
    taken: dict[UUID, set[int]] = {}
    for member in members.values():
        for topic_id, partitions in member.assigned.items():
            taken.setdefault(topic_id, set()).update(partitions)
    found = ASSIGNORS[assignor](
        GroupSpec(
            {each: members[each] for each in grown(members, string_hash)},
            alike,
            counts,
            {topic_id: frozenset(partitions) for topic_id, partitions in taken.items()},
        )
    )
    expected = kafka(
        "assign",
        assignor=assignor,
        alike=alike,
        topics={topic_id.hex: count for topic_id, count in counts.items()},
        members=[
            {
                "id": member_id,
                "instance": member.instance_id,
                "topics": [topic_id.hex for topic_id in member.topic_ids],
                "assigned": {t.hex: sorted(p) for t, p in member.assigned.items()},
            }
            for member_id, member in members.items()
        ],
    )
    plain = {
        member_id: {topic_id.hex: sorted(partitions) for topic_id, partitions in mine.items()}
        for member_id, mine in found.items()
    }
    nothing: dict[str, dict[str, list[int]]] = {}
    for member_id in members:
        assert plain.get(member_id, nothing) == expected.get(member_id, nothing)


NAMES = [
    *("a", "b", "ab", "abc", "aab", "A", "AB", "orders", "orders-eu", "orders_1", "orders.eu.2"),
    *("1", "42", "-", "_", ".", "a.b", "a-b", "a_b", "x1y2", "__consumer_offsets", "aaaaaaaaaa"),
    *("Orders", "ORDERS", "0", "zz.z", "a.", ".a", "b-1-a"),
]
PIECES = st.sampled_from(
    [
        *("a", "b", "o", "orders", ".", ".*", ".+", "[a-z]", "[^a-z]", "[a-z0-9]+", r"\d", r"\D"),
        *(r"\w+", r"\W", r"\s", r"\S*", r"\.", r"\-", "_", "-", "a|b", "(a|b)", "(?:ab)+", "(?i)"),
        *(
            "(?i:AB)",
            "(?-i:a)",
            "a?",
            "a*",
            "a+?",
            "a{2}",
            "a{1,3}",
            "a{2,}",
            "a{0}",
            "{",
            "}",
            "a{",
        ),
        *(
            "a{,2}",
            "[",
            "]",
            "[]a]",
            "[^]a]",
            "[a-]",
            "[-a]",
            "[[:alpha:]]+",
            "[[:^digit:]]",
            "^",
            "$",
        ),
        *(r"\A", r"\z", r"\b", r"\B", r"\Q.\E", r"\Qa", r"\x61", r"\x{62}", r"\141", r"\1", r"\8"),
        *(
            r"\pL+",
            r"\p{Lu}",
            r"\P{L}",
            r"\p{Greek}",
            "(?P<n>a)",
            "(?P<n",
            "(",
            ")",
            "()",
            "|",
            "**",
        ),
        *(
            "+",
            "?",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?s).",
            "(?m)^a$",
            "é",
            "[à-ÿ]",
            r"\C",
            r"\Z",
            r"\e",
        ),
        *(
            "[b-a]",
            "[a-z",
            r"[\d_]+",
            r"[^\w]",
            "(?U)a+",
            "(?x)a",
            r"\n",
            r"[\n]",
            "a{1001}",
            r"\p{No}",
        ),
        *("(a*)*", "(a|aa)+", "(.*)(.*)(.*)", "(?i)[a-c]+", r"[\x61-\x63]", r"\07", "[[:word:]]"),
    ]
)


@EXAMPLES
@given(pieces=st.lists(PIECES, min_size=1, max_size=5))
def test_patterns_match_as_apache_kafkas(kafka: Ask, pieces: list[str]) -> None:
    pattern = "".join(pieces)
    expected = kafka("match", pattern=pattern, names=NAMES)
    try:
        compiled = TopicPattern(pattern)
    except BrokerError:
        found = None
    else:
        found = [compiled.matches(name) for name in NAMES]
    assert found == expected, pattern


@EXAMPLES
@given(
    topics=st.lists(
        st.tuples(st.text("abcxyz._-09", min_size=1, max_size=249), TOPIC_IDS, st.integers(1, 300)),
        max_size=40,
        unique_by=(lambda topic: topic[0], lambda topic: topic[1]),
    )
)
def test_hash_of_topics_is_apache_kafkas(kafka: Ask, topics: list[tuple[str, UUID, int]]) -> None:
    cluster = Topics()
    for name, topic_id, partitions in topics:
        cluster.create(name, partitions, topic_id)
    expected = kafka(
        "hash",
        topics=[
            {"name": name, "id": topic_id.hex, "partitions": partitions}
            for name, topic_id, partitions in topics
        ],
    )
    assert TopicHashes(cluster).of_topics(name for name, _, _ in topics) == expected
