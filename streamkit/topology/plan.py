"""From a topology to what runs: sub-topologies, their topics and stores, internal topics, tasks.

`plan` needs no cluster: it names internal topics with the application id in front, plans stores and
changelogs, and decides which sources decode their values. `TopologyPlan.resolve` then takes the partition
counts of the source topics, derives those of repartition topics and changelogs, and checks
co-partitioning.

Source: InternalTopologyBuilder, RepartitionTopics, CopartitionedTopicsEnforcer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from re import Pattern

from streamkit.errors import TopologyError
from streamkit.model.tasks import TaskId
from streamkit.operators.timestamps import is_record_time
from streamkit.state.spec import StoreSpec
from streamkit.topology.changelogs import changelog_config, changelog_name, repartition_config
from streamkit.topology.nodes import (
    GlobalStoreNode,
    InternalTopic,
    ProcessorNode,
    SinkNode,
    SourceNode,
)
from streamkit.topology.partitions import CopartitionGroup, ResolvedTopics, resolve_partitions
from streamkit.topology.topology import Topology
from streamkit.topology.wiring import Node, NodeGroup, Wiring

__all__ = ["SubTopology", "TopologyPlan", "plan"]

_FLAGS = {"a": re.A, "i": re.I, "m": re.M, "s": re.S, "x": re.X}
_FLAGS_AHEAD = re.compile(r"\A\(\?[aimsux]+\)")
"""Flags for all of a pattern, which stand at its very beginning."""


@dataclass(frozen=True, slots=True)
class SubTopology:
    """What each of its tasks is made from.

    Attributes:
        id: its number, the first part of its tasks' ids.
        nodes: in the order of addition; parents come before their children, and a node's children
            get records in this order. Names of internal topics are complete.
        stores: those its processors are connected to, without global ones.
        changelogs: changelog topic of each logged store by store name; a source topic where the
            source serves as changelog.
    """

    id: int
    nodes: tuple[Node, ...]
    stores: tuple[StoreSpec, ...]
    changelogs: Mapping[str, str]

    @property
    def sources(self) -> tuple[SourceNode, ...]:
        """Its nodes that read topics, in the order of the program."""
        return tuple(node for node in self.nodes if isinstance(node, SourceNode))

    @property
    def processors(self) -> tuple[ProcessorNode, ...]:
        """Its nodes that process, in the order of the program."""
        return tuple(node for node in self.nodes if isinstance(node, ProcessorNode))

    @property
    def sinks(self) -> tuple[SinkNode, ...]:
        """Its nodes that write topics, in the order of the program."""
        return tuple(node for node in self.nodes if isinstance(node, SinkNode))

    @property
    def source_topics(self) -> tuple[str, ...]:
        """Topics named by its sources (not those that a pattern finds)."""
        return tuple(topic for source in self.sources for topic in source.topics)

    @property
    def patterns(self) -> tuple[Pattern[str], ...]:
        """The patterns of topics that it reads."""
        return tuple(source.pattern for source in self.sources if source.pattern is not None)

    @property
    def sink_topics(self) -> tuple[str, ...]:
        """Topics of its sinks that are known before the first record."""
        return tuple(sink.topic for sink in self.sinks if isinstance(sink.topic, str))


@dataclass(frozen=True, slots=True)
class TopologyPlan:
    """A topology of one application, ready to meet a cluster.

    Attributes:
        application_id: the app's id, the first part of internal topics' names.
        sub_topologies: those that make tasks; ids may have gaps where a global store takes a number.
        global_stores: filled by every worker.
        internal_topics: repartition topics and changelogs by name; partitions None where derived.
        copartition_groups: topics, by name or by pattern, that must have one number of partitions.
    """

    application_id: str
    sub_topologies: tuple[SubTopology, ...]
    global_stores: tuple[GlobalStoreNode, ...]
    internal_topics: Mapping[str, InternalTopic]
    copartition_groups: tuple[CopartitionGroup, ...]

    @property
    def source_topics(self) -> tuple[str, ...]:
        """Every topic that tasks read, repartition topics included, each once."""
        topics = (topic for sub in self.sub_topologies for topic in sub.source_topics)
        return tuple(dict.fromkeys(topics))

    @property
    def external_topics(self) -> tuple[str, ...]:
        """The source topics that the app expects to exist."""
        return tuple(topic for topic in self.source_topics if topic not in self.internal_topics)

    @property
    def patterns(self) -> tuple[Pattern[str], ...]:
        """The patterns of topics that it reads."""
        return tuple(pattern for sub in self.sub_topologies for pattern in sub.patterns)

    @property
    def subscription(self) -> tuple[str, ...] | Pattern[str]:
        """What a consumer subscribes to: names, or one pattern for all names and patterns together."""
        if not self.patterns:
            return self.source_topics
        names = (re.escape(topic) for topic in self.source_topics)
        return re.compile("|".join((*names, *map(_part, self.patterns))))

    def resolve(self, partitions: Mapping[str, int]) -> ResolvedTopics:
        """Partition counts of all topics.

        Args:
            partitions: counts of the external source topics (and of topics that patterns match).

        Returns:
            counts of source and internal topics, and the tasks of each sub-topology.

        Raises:
            TopologyError: a source topic is missing, topics that are joined differ in their counts, or a
                topic matches the patterns of two sources; the message names them.
        """
        return resolve_partitions(
            [
                (sub.id, sub.source_topics, sub.sink_topics, sub.patterns, sub.changelogs)
                for sub in self.sub_topologies
            ],
            self.internal_topics,
            self.copartition_groups,
            partitions,
        )

    def tasks(self, partitions: Mapping[str, int]) -> tuple[TaskId, ...]:
        """All tasks, given the partition counts of the external source topics."""
        return self.resolve(partitions).tasks

    def sub_topology(self, number: int) -> SubTopology:
        """The sub-topology with that id.

        Raises:
            KeyError: there is none.
        """
        for sub in self.sub_topologies:
            if sub.id == number:
                return sub
        raise KeyError(number)


def plan(topology: Topology, application_id: str) -> TopologyPlan:
    """Group, name and complete the parts of `topology`.

    Raises:
        TopologyError: it has no source, or a store that no processor is connected to keeps a task
            from being complete.
    """
    wiring = topology.wiring
    internal: dict[str, InternalTopic] = {}
    for spec in wiring.internal_topics.values():
        name = f"{application_id}-{spec.name}"
        internal[name] = InternalTopic(name, "repartition", spec.partitions, repartition_config())
    subs = [
        _sub_topology(group, wiring, application_id, internal)
        for group in wiring.groups()
        if group.global_store is None
    ]
    if not subs and not wiring.global_stores:
        raise TopologyError("the topology is empty: it reads no topic")
    return TopologyPlan(
        application_id=application_id,
        sub_topologies=tuple(subs),
        global_stores=tuple(wiring.global_stores.values()),
        internal_topics=internal,
        copartition_groups=_copartition_groups(wiring, application_id),
    )


def _sub_topology(
    group: NodeGroup, wiring: Wiring, application_id: str, internal: dict[str, InternalTopic]
) -> SubTopology:
    names = {
        store: wiring.stores[store]
        for node in group.nodes
        if isinstance(node, ProcessorNode)
        for store in node.stores
        if store not in wiring.global_stores
    }
    changelogs: dict[str, str] = {}
    for spec in names.values():
        if spec.source_changelog is not None:
            changelogs[spec.name] = _decorated(spec.source_changelog, wiring, application_id)
        elif spec.logged:
            topic = changelog_name(application_id, spec.name)
            changelogs[spec.name] = topic
            internal[topic] = InternalTopic(topic, "changelog", None, changelog_config(spec))
    return SubTopology(
        id=group.id,
        nodes=tuple(_finished(node, group, wiring, application_id) for node in group.nodes),
        stores=tuple(names.values()),
        changelogs=changelogs,
    )


def _finished(node: Node, group: NodeGroup, wiring: Wiring, application_id: str) -> Node:
    """The node with complete topic names; a source that nobody needs values of keeps them as bytes."""
    if isinstance(node, SourceNode):
        topics = tuple(_decorated(topic, wiring, application_id) for topic in node.topics)
        children = [
            child
            for child in group.nodes
            if not isinstance(child, SourceNode) and node.name in child.parents
        ]
        if (
            children
            and not node.changes
            and node.value_serde is not None
            and node.value_serde.any_bytes
            and is_record_time(node.timestamp_extractor)
            and all(isinstance(child, ProcessorNode) and child.ignores_value for child in children)
        ):
            return replace(node, topics=topics, value_serde=None)
        return replace(node, topics=topics)
    if isinstance(node, SinkNode) and isinstance(node.topic, str):
        return replace(node, topic=_decorated(node.topic, wiring, application_id))
    return node


def _decorated(topic: str, wiring: Wiring, application_id: str) -> str:
    return f"{application_id}-{topic}" if topic in wiring.internal_topics else topic


def _copartition_groups(wiring: Wiring, application_id: str) -> tuple[CopartitionGroup, ...]:
    """Groups that share a topic are one group."""
    groups: list[set[str | Pattern[str]]] = []
    for sources in wiring.copartitioned:
        topics: set[str | Pattern[str]] = {
            _decorated(topic, wiring, application_id) for topic in wiring.source_topics(sources)
        }
        topics.update(wiring.source_patterns(sources))
        apart = []
        for group in groups:
            if group & topics:
                topics |= group
            else:
                apart.append(group)
        groups = [*apart, topics]
    return tuple(frozenset(group) for group in groups if len(group) > 1 or _has_pattern(group))


def _has_pattern(group: Collection[str | Pattern[str]]) -> bool:
    """True if the group may be more topics than its size tells."""
    return any(not isinstance(member, str) for member in group)


def _part(pattern: Pattern[str]) -> str:
    """A pattern as a part of another one, its flags with it: `(?i:orders-.*)`."""
    flags = "".join(letter for letter, flag in _FLAGS.items() if pattern.flags & flag)
    end = "\n" if pattern.flags & re.X else ""  # it may end in a comment
    return f"(?{flags}:{_FLAGS_AHEAD.sub('', pattern.pattern)}{end})"
