"""Passes over the program before it is written: sources of the same topics become one, and what
`topology.optimization` asks for.

* `reuse.ktable.source.topics`: the topic of a table serves as its changelog.
* `merge.repartition.topics`: where several operations need the same new keys, the records go through one
  repartition topic, right behind the operation that changes keys.
* `single.store.self.join`: a stream joined with itself keeps its records once.

A topic moves up only where every record that it took still passes it, or one like it. Kafka Streams 4.3 looks at one
way only where streams were merged, and by default moves topics above `process` and `process_values` (KAFKA-19668);
there, its results would be wrong, or it stops with an error.

Source: StreamsConfig, InternalStreamsBuilder.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

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
        TopologyError: two sources share some but not all of their topics, or begin at different places.
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
            _check_same_begin(first, node)
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


def _check_same_begin(one: SourceGraphNode, other: SourceGraphNode) -> None:
    resets = one.options.offset_reset, other.options.offset_reset
    if resets[0] != resets[1]:
        raise TopologyError(
            f"{one.name!r} and {other.name!r} read the same topics, with offset_reset {resets[0]!r} and "
            f"{resets[1]!r}: a topic is read once, from one place on; give both the same"
        )


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
    for changer, replaced in _repartitions_by_key_changer(arranged).items():
        merged = merged_repartition(replaced, names)
        arranged.add(merged, arranged.priority[changer])
        beside: set[str] = set()
        for node in replaced:
            above = arranged.ancestors(node)
            beside |= _sources_beside(arranged, node, changer) or set()
            for child in arranged.children(changer):
                if child in above:
                    arranged.link(merged, child)
                    arranged.unlink(changer, child)
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
        if beside:
            # Streams that are merged in below must be partitioned as the topic is.
            arranged.copartitioned.append((merged.name, *sorted(beside)))


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
            changer = _key_changer(arranged, node) if node.optimizable else None
            if changer is not None:
                found[changer].append(node)
        elif node.is_merge:
            merges.append(node)

    below = {node: arranged.ancestors(node) for nodes in found.values() for node in nodes}
    by_merge: dict[GraphNode, list[RepartitionGraphNode]] = {}
    moved: set[GraphNode] = set()
    for merge in merges:
        above_merge = arranged.ancestors(merge)
        for changer, repartitions in found.items():
            if changer in above_merge and all(merge in below[node] for node in repartitions):
                by_merge.setdefault(merge, []).extend(repartitions)
                moved.add(changer)
    # Below several merges, the last one has all records.
    last = {node: merge for merge in by_merge for node in by_merge[merge]}
    for merge, repartitions in by_merge.items():
        found[merge] = [node for node in dict.fromkeys(repartitions) if last[node] is merge]
    safe = {
        changer: [node for node in nodes if _sources_beside(arranged, node, changer) is not None]
        for changer, nodes in found.items()
        if changer not in moved
    }
    return {changer: nodes for changer, nodes in safe.items() if nodes}


def _key_changer(arranged: Arrangement, node: GraphNode) -> GraphNode | None:
    """The nearest operation above that changes keys, unless a nearer one changes values."""
    changer = arranged.nearest_above(node, lambda n: n.key_changing or n.value_changing)
    if changer is not None and changer is arranged.nearest_above(node, lambda n: n.key_changing):
        return changer
    return None


def _sources_beside(arranged: Arrangement, node: GraphNode, changer: GraphNode) -> set[str] | None:
    """Sources whose records come to `node` without passing `changer`.

    Returns:
        None if the topic must not move up to `changer`: another operation on the way changes keys or values.
    """
    beside: set[str] = set()
    queue = list(arranged.parents(node))
    while queue:
        upper = queue.pop()
        if upper is changer:
            continue
        if upper.key_changing or (upper.value_changing and changer in arranged.ancestors(upper)):
            return None
        if upper.source_name is not None:
            beside.add(upper.source_name)
        else:
            queue.extend(arranged.parents(upper))
    return beside


def _join_with_single_store(arranged: Arrangement) -> None:
    for node in arranged.nodes:
        parents = arranged.parents(node)
        if isinstance(node, StreamJoinGraphNode) and len(parents) == 1:
            right = [c for c in arranged.children(parents[0]) if c.name == node.right_window]
            if any(arranged.children(window) for window in right):
                continue  # its late records are asked for
            node.is_self_join = True
            for window in right:
                arranged.unlink(parents[0], window)
