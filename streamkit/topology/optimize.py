"""Passes over the program before it is written: sources of the same topics become one, and what
`topology.optimization` asks for.

* `reuse.ktable.source.topics`: the topic of a table serves as its changelog.
* `merge.repartition.topics`: where several operations need the same new keys, the records go through one
  repartition topic, right behind the operation that changes keys.
* `single.store.self.join`: a stream joined with itself keeps its records once.

Source: StreamsConfig, InternalStreamsBuilder (with the fix of KAFKA-19668, which Kafka Streams 4.3 leaves off by
default: the topic doesn't move above `process` and `process_values`, which change keys or values).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import partial

from streamkit.errors import ConfigError, TopologyError
from streamkit.topology.arrangement import Arrangement
from streamkit.topology.graph_nodes import (
    GraphNode,
    RepartitionGraphNode,
    SourceGraphNode,
    StreamJoinGraphNode,
    TableSourceGraphNode,
    merged_repartition,
)
from streamkit.topology.names import NameCounter

__all__ = [
    "Optimization",
    "keep_null_keys_for_left_joins",
    "merge_sources",
    "optimizations",
    "optimize",
]


class Optimization(StrEnum):
    """What `topology.optimization` may list."""

    REUSE_KTABLE_SOURCE_TOPICS = "reuse.ktable.source.topics"
    MERGE_REPARTITION_TOPICS = "merge.repartition.topics"
    SINGLE_STORE_SELF_JOIN = "single.store.self.join"


def optimizations(setting: bool | str | Iterable[str]) -> frozenset[Optimization]:
    """What a value of `topology.optimization` asks for.

    Args:
        setting: "none" (or False), "all" (or True), or names, in one text separated by commas or as a
            collection.

    Raises:
        ConfigError: an unknown name, or "none" or "all" beside others.
    """
    if isinstance(setting, bool):
        return frozenset(Optimization) if setting else frozenset()
    names = setting.split(",") if isinstance(setting, str) else list(setting)
    names = [name.strip() for name in names]
    if names == ["none"]:
        return frozenset()
    if names == ["all"]:
        return frozenset(Optimization)
    known = set(Optimization)
    if not names or not known.issuperset(names):
        raise ConfigError(
            f"topology_optimization is 'none', 'all', or some of {', '.join(sorted(known))}, "
            f"separated by commas, not {setting!r}"
        )
    return frozenset(Optimization(name) for name in names)


def merge_sources(arranged: Arrangement) -> None:
    """Sources of the same topics become one: the first, with the children of all.

    Raises:
        TopologyError: two sources share some but not all of their topics.
    """
    by_topics: dict[object, SourceGraphNode] = {}
    by_topic: dict[str, SourceGraphNode] = {}
    for node in arranged.children(arranged.root):
        if not isinstance(node, SourceGraphNode):
            continue
        identity: object = frozenset(node.topics)
        if node.pattern is not None:
            identity = (node.pattern.pattern, node.pattern.flags)
        first = by_topics.get(identity)
        if first is not None:
            for child in arranged.children(node):
                arranged.link(first, child)
                arranged.unlink(node, child)
            arranged.unlink(arranged.root, node)
            arranged.replace_source(node.name, first.name)
            continue
        for topic in node.topics:
            other = by_topic.setdefault(topic, node)
            if other is not node:
                raise TopologyError(
                    f"topic {topic!r} is read by {other.name!r} together with other topics than "
                    f"by {node.name!r}: read the same topics in both, or each topic on its own"
                )
        by_topics[identity] = node


def optimize(arranged: Arrangement, wanted: frozenset[Optimization], names: NameCounter) -> None:
    """Do what is `wanted`; sources are merged already.

    Args:
        names: hands out the names of merged repartition topics' nodes.
    """
    for node in arranged.nodes:
        if isinstance(node, TableSourceGraphNode):
            node.reuse_topic = Optimization.REUSE_KTABLE_SOURCE_TOPICS in wanted
        elif isinstance(node, RepartitionGraphNode):
            node.raw_key.serde = node.key_serde
        elif isinstance(node, StreamJoinGraphNode):
            node.is_self_join = False
    if Optimization.MERGE_REPARTITION_TOPICS in wanted:
        _merge_repartition_topics(arranged, names)
    if Optimization.SINGLE_STORE_SELF_JOIN in wanted:
        _join_with_single_store(arranged)


def keep_null_keys_for_left_joins(arranged: Arrangement) -> None:
    """Repartitioning drops records without a key unless a left join downstream emits them."""
    above_left_join: set[GraphNode] = set()
    done: set[GraphNode] = set()

    def visit(node: GraphNode) -> None:
        if node in done:
            return
        for child in arranged.children(node):
            visit(child)
            if child.emits_null_keys or child in above_left_join:
                above_left_join.add(node)
        done.add(node)
        if isinstance(node, RepartitionGraphNode):
            node.keep_null_keys = node in above_left_join

    visit(arranged.root)


def _merge_repartition_topics(arranged: Arrangement, names: NameCounter) -> None:
    for changer, repartitions in _repartitions_by_key_changer(arranged).items():
        replaced = [node for node in repartitions if arranged.parents(node)]
        if not replaced:
            continue
        merged = merged_repartition(replaced, names)
        arranged.add(merged, arranged.priority[changer])
        for node in replaced:
            top = arranged.above(node, partial(_is_below, arranged, changer))
            assert top is not None  # it was found by going up from there
            arranged.link(merged, top)
            arranged.unlink(changer, top)
            for parent in arranged.parents(node):
                for child in arranged.children(node):
                    arranged.link(parent, child)
            for parent in arranged.parents(node):
                arranged.unlink(parent, node)
            for child in arranged.children(node):
                arranged.unlink(node, child)
            arranged.replace_source(node.name, merged.name)
            node.raw_key.serde = merged.key_serde
        arranged.link(changer, merged)


def _repartitions_by_key_changer(
    arranged: Arrangement,
) -> dict[GraphNode, list[RepartitionGraphNode]]:
    """The operations that change keys, or merge streams of such, and what repartitions for them."""
    found: dict[GraphNode, list[RepartitionGraphNode]] = {}
    merges: list[GraphNode] = []
    for node in arranged.nodes:
        if node.key_changing:
            found[node] = []
        elif isinstance(node, RepartitionGraphNode):
            if not node.optimizable:
                continue
            changer = arranged.above(node, lambda n: n.key_changing or n.value_changing)
            # Where values change after the keys, the merged topic would carry values of both kinds.
            if changer is not None and changer is arranged.above(node, lambda n: n.key_changing):
                found[changer].append(node)
        elif node.is_merge:
            merges.append(node)

    def is_above(upper: GraphNode, lower: GraphNode) -> bool:
        return arranged.above(lower, partial(_is_below, arranged, upper)) is not None

    above_merge = {
        merge: [
            changer
            for changer, repartitions in found.items()
            if all(is_above(merge, node) for node in repartitions) and is_above(changer, merge)
        ]
        for merge in merges
    }
    moved: set[GraphNode] = set()
    for merge, changers in above_merge.items():
        found[merge] = list(dict.fromkeys(node for changer in changers for node in found[changer]))
        moved.update(changers)
    return {changer: nodes for changer, nodes in found.items() if changer not in moved and nodes}


def _is_below(arranged: Arrangement, upper: GraphNode, node: GraphNode) -> bool:
    return upper in arranged.parents(node)


def _join_with_single_store(arranged: Arrangement) -> None:
    for node in arranged.nodes:
        parents = arranged.parents(node)
        if isinstance(node, StreamJoinGraphNode) and len(parents) == 1:
            node.is_self_join = True
            right = [c for c in arranged.children(parents[0]) if c.name == node.right_window]
            for window in right:
                arranged.unlink(parents[0], window)
