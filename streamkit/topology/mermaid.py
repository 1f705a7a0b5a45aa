"""A description as a Mermaid flow chart: topics as stadiums, stores as cylinders, a box a sub-topology."""

from __future__ import annotations

from collections.abc import Sequence

from streamkit.topology.parts import GlobalStoreDescription, Part

__all__ = ["draw_mermaid"]


def draw_mermaid(parts: Sequence[Part]) -> str:
    """The text of the chart."""
    lines = ["flowchart TD"]
    ids: dict[str, str] = {}

    def ref(kind: str, name: str) -> str:
        return ids.setdefault(f"{kind}:{name}", f"{kind}{len(ids)}")

    topics: dict[str, str] = {}
    edges: list[str] = []
    for part in parts:
        is_global = isinstance(part, GlobalStoreDescription)
        nodes = part.nodes
        title = f"Global store {part.id}" if is_global else f"Sub-topology {part.id}"
        lines.append(f'  subgraph part{part.id}["{title}"]')
        for node in nodes:
            lines.append(f'    {ref("n", node.name)}["{node.name}"]')
            for store in node.stores:
                edges.append(f"  {ref('n', node.name)} <--> {ref('s', store)}")
                lines.append(f'    {ref("s", store)}[("{store}")]')
        lines.append("  end")
        for node in nodes:
            edges.extend(f"  {ref('n', node.name)} --> {ref('n', s)}" for s in node.successors)
            for topic in node.topic_labels:
                topics[topic] = ref("t", topic)
                pair = (ref("t", topic), ref("n", node.name))
                first, second = pair if node.kind == "source" else pair[::-1]
                edges.append(f"  {first} --> {second}")
    lines.extend(f'  {ident}(["{topic}"])' for topic, ident in topics.items())
    return "\n".join([*lines, *dict.fromkeys(edges)]) + "\n"
