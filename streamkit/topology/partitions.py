"""How many partitions internal topics get, and whether joined topics agree: pure arithmetic on counts.

Source: RepartitionTopics, CopartitionedTopicsEnforcer, ChangelogTopics.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from re import Pattern
from typing import TypeAlias

from streamkit.errors import TopologyError
from streamkit.model.tasks import TaskId
from streamkit.topology.nodes import InternalTopic

__all__ = ["CopartitionGroup", "ResolvedTopics", "resolve_partitions"]

Part: TypeAlias = tuple[
    int, tuple[str, ...], tuple[str, ...], tuple[Pattern[str], ...], Mapping[str, str]
]
"""Id, source topics, sink topics, patterns and changelogs of one sub-topology."""

CopartitionGroup: TypeAlias = frozenset[str | Pattern[str]]
"""Topics, by name or by pattern, that must have one number of partitions."""


@dataclass(frozen=True, slots=True)
class ResolvedTopics:
    """Counts for everything that tasks read and write.

    Attributes:
        partitions: of each source topic and internal topic by name.
        task_counts: number of tasks by sub-topology id.
        topics: source topics by sub-topology id, those that patterns found included.
    """

    partitions: Mapping[str, int]
    task_counts: Mapping[int, int]
    topics: Mapping[int, tuple[str, ...]]

    @property
    def tasks(self) -> tuple[TaskId, ...]:
        """Every task, by sub-topology, then partition."""
        return tuple(
            TaskId(sub, partition)
            for sub, count in self.task_counts.items()
            for partition in range(count)
        )


def resolve_partitions(
    parts: Sequence[Part],
    internal_topics: Mapping[str, InternalTopic],
    copartition_groups: Collection[CopartitionGroup],
    known: Mapping[str, int],
) -> ResolvedTopics:
    """Derive what is open from `known`, the counts of external topics.

    Raises:
        TopologyError: a source topic is missing, joined topics differ, or a topic matches two patterns.
    """
    counts = dict(known)
    patterns = [pattern for part in parts for pattern in part[3]]
    _refuse_shared(patterns, known, internal_topics)
    groups = [_as_topics(group, known, internal_topics) for group in copartition_groups]
    topics = {part[0]: _topics_of(part, known, internal_topics) for part in parts}
    _check_external(topics, internal_topics, counts)
    _set_repartition_counts(parts, topics, internal_topics, groups, counts)
    for group in groups:
        _enforce(group, internal_topics, counts)
    task_counts: dict[int, int] = {}
    for number, _, _, _, changelogs in parts:
        task_counts[number] = max((counts[topic] for topic in topics[number]), default=0)
        for changelog in changelogs.values():
            counts.setdefault(changelog, task_counts[number])
    wanted = set(internal_topics).union(*topics.values()) if topics else set(internal_topics)
    return ResolvedTopics(
        {topic: count for topic, count in counts.items() if topic in wanted}, task_counts, topics
    )


def _topics_of(
    part: Part, known: Mapping[str, int], internal_topics: Mapping[str, InternalTopic]
) -> tuple[str, ...]:
    found = [topic for pattern in part[3] for topic in _matching(pattern, known, internal_topics)]
    return tuple(dict.fromkeys((*part[1], *found)))


def _matching(
    pattern: Pattern[str], known: Mapping[str, int], internal_topics: Mapping[str, InternalTopic]
) -> list[str]:
    return [
        topic
        for topic in sorted(known)
        if topic not in internal_topics and pattern.fullmatch(topic)
    ]


def _as_topics(
    group: CopartitionGroup,
    known: Mapping[str, int],
    internal_topics: Mapping[str, InternalTopic],
) -> frozenset[str]:
    """The topics of a group, those included that its patterns match."""
    topics: set[str] = set()
    for member in group:
        if isinstance(member, str):
            topics.add(member)
        else:
            topics.update(_matching(member, known, internal_topics))
    return frozenset(topics)


def _refuse_shared(
    patterns: Sequence[Pattern[str]],
    known: Mapping[str, int],
    internal_topics: Mapping[str, InternalTopic],
) -> None:
    """Of two sources that read one topic, only one would get its records.

    Raises:
        TopologyError: the patterns of two sources match one topic.
    """
    owners: dict[str, Pattern[str]] = {}
    for pattern in patterns:
        for topic in _matching(pattern, known, internal_topics):
            if topic in owners:
                raise TopologyError(
                    f"topic {topic!r} matches the patterns {owners[topic].pattern!r} and "
                    f"{pattern.pattern!r} of two sources: a topic is read by one source only"
                )
            owners[topic] = pattern


def _check_external(
    topics: Mapping[int, tuple[str, ...]],
    internal_topics: Mapping[str, InternalTopic],
    counts: Mapping[str, int],
) -> None:
    missing = sorted(
        {
            topic
            for names in topics.values()
            for topic in names
            if topic not in internal_topics and counts.get(topic, 0) <= 0
        }
    )
    if missing:
        names = ", ".join(repr(topic) for topic in missing)
        raise TopologyError(
            f"source {'topic does' if len(missing) == 1 else 'topics do'} not exist: {names}; "
            "create them first (streamkit topics create NAME --partitions N)"
        )


def _set_repartition_counts(
    parts: Sequence[Part],
    topics: Mapping[int, tuple[str, ...]],
    internal_topics: Mapping[str, InternalTopic],
    copartition_groups: Collection[frozenset[str]],
    counts: dict[str, int],
) -> None:
    """A repartition topic has as many partitions as the widest topic above it, unless told otherwise.

    The two topics of a foreign-key join feed each other. Where nothing else goes on, topics beside an
    external one take its count, and failing that, topics count what is known above them.
    """
    open_topics = []
    for name, topic in internal_topics.items():
        if topic.kind == "repartition":
            if topic.partitions is not None:
                counts[name] = topic.partitions
            else:
                counts.pop(name, None)
                open_topics.append(name)
    while open_topics:
        settled = []
        partly: dict[str, int] = {}
        for name in open_topics:
            feeding = [topics[part[0]] for part in parts if name in part[2]]
            above = {topic for names in feeding for topic in names if topic != name}
            known = [counts[topic] for topic in above if topic in counts]
            if above and len(known) == len(above):
                counts[name] = max(known)
                settled.append(name)
            elif known:
                partly[name] = max(known)
        if not settled:
            beside = _beside_external(open_topics, internal_topics, copartition_groups, counts)
            counts.update(beside or partly)
            settled.extend(beside or partly)
        if not settled:
            names = ", ".join(repr(name) for name in open_topics)
            raise TopologyError(
                f"can't derive the partitions of repartition topics {names}: they feed each other; "
                "give partitions= to one of them"
            )
        open_topics = [name for name in open_topics if name not in settled]


def _beside_external(
    open_topics: Sequence[str],
    internal_topics: Mapping[str, InternalTopic],
    copartition_groups: Collection[frozenset[str]],
    counts: Mapping[str, int],
) -> dict[str, int]:
    """Those of `open_topics` that are joined with external topics, and the counts of these."""
    found: dict[str, int] = {}
    for group in copartition_groups:
        external = [counts[topic] for topic in group if topic not in internal_topics]
        if external:
            found.update((topic, max(external)) for topic in open_topics if topic in group)
    return found


def _enforce(
    group: frozenset[str], internal_topics: Mapping[str, InternalTopic], counts: dict[str, int]
) -> None:
    """One count for the whole group: that of its external topics, else of the fixed, else the largest."""
    repartition = sorted(topic for topic in group if topic in internal_topics)
    external = sorted(topic for topic in group if topic not in internal_topics)
    fixed = [topic for topic in repartition if internal_topics[topic].partitions is not None]
    deciding = external or fixed or repartition
    wanted = max((counts[topic] for topic in deciding), default=0)
    given = sorted({*external, *fixed})
    if any(counts[topic] != wanted for topic in given):
        listing = ", ".join(f"{topic!r} has {counts[topic]}" for topic in given)
        raise TopologyError(
            f"joined topics differ in their number of partitions: {listing}. Records of one key would "
            "be in different tasks: create the topics with one count, or call repartition() before "
            "the join"
        )
    for topic in repartition:
        counts[topic] = wanted
