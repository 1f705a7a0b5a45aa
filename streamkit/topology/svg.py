"""A description as an SVG document, drawn without other programs.

One box a sub-topology, one below the other, records flowing down: topics that it reads above it, topics that it
writes below. A topic that one writes and the next one reads stands between the two. Stores are cylinders,
tied to their processors by dashed lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from streamkit.topology.layout import Layout, Point, Size, lay_out, spread_out
from streamkit.topology.parts import GlobalStoreDescription, NodeDescription, Part

__all__ = ["draw_svg"]

_CHARACTER = 7.3  # width at 12 px of the widest monospace fonts in use
_LINE = 15.0
_MARGIN = 20.0
_TITLE = 26.0
_LONGEST = 28  # characters of a line
_GAP = 44.0  # between bands and rows of topics
_ROW_GAP = 16.0  # between topics

_STYLE = """
text { font: 12px ui-monospace, Menlo, Consolas, monospace; text-anchor: middle; fill: #1c2733 }
.title { font-weight: bold; text-anchor: start; fill: #52606d }
.part { fill: #f5f7fa; stroke: #9aa5b1 }
.source, .sink { fill: #dceefb; stroke: #2680c2 }
.processor { fill: #ffffff; stroke: #52606d }
.store { fill: #fff3c4; stroke: #b7791f }
.topic { fill: #e3f9e5; stroke: #3f9142 }
.internal { fill: #f0e4fd; stroke: #7a3fb8 }
.edge { fill: none; stroke: #52606d; marker-end: url(#arrow) }
.tie { fill: none; stroke: #b7791f; stroke-dasharray: 4 3 }
"""

_ARROW = (
    '<marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#52606d"/></marker>'
)


def draw_svg(parts: Sequence[Part]) -> str:
    """The document, in the order of the parts."""
    bands = [_Band(part) for part in parts]
    read = {topic for band in bands for topic in band.inputs}
    internal = {topic for band in bands for topic in band.outputs if topic in read}
    width = max((band.width for band in bands), default=200.0)
    top = _MARGIN
    shapes: list[str] = []
    before: list[str] = []
    row: dict[str, Point] = {}  # topics that stand above the next band
    for band in bands:
        row_before = row if set(before) & set(band.inputs) else {}
        missing = [topic for topic in band.inputs if topic not in row_before]
        if missing or not row_before:
            middle = top + _row_height(missing) / 2
            row_before = {**row_before, **_row(band, missing, middle, width)}
            shapes += [_topic(topic, row_before[topic], internal) for topic in missing]
            top += _row_height(missing) + (_GAP if missing else 0.0)
        shapes += band.draw(top, width, row_before)
        top += band.height + _GAP
        middle = top + _row_height(band.outputs) / 2
        row = _row(band, band.outputs, middle, width)
        shapes += [_topic(topic, row[topic], internal) for topic in band.outputs]
        shapes += band.draw_outputs(row)
        if band.outputs:
            top += _row_height(band.outputs) + _GAP
        before = list(band.outputs)
    width += 2 * _MARGIN
    height = top - _GAP + _MARGIN if bands else 2 * _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">\n<title>Topology</title>\n'
        f"<style>{_STYLE}</style>\n<defs>{_ARROW}</defs>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(shapes) + "\n</svg>\n"
    )


class _Band:
    """One part of the topology: its box, and the topics around it."""

    def __init__(self, part: Part) -> None:
        is_global = isinstance(part, GlobalStoreDescription)
        self.title = f"Global store {part.id}" if is_global else f"Sub-topology {part.id}"
        self.nodes = {node.name: node for node in part.nodes}
        self.inputs = _topics(part.nodes, "source")
        self.outputs = _topics(part.nodes, "sink")
        self.stores = list(dict.fromkeys(store for node in part.nodes for store in node.stores))
        sizes: dict[str, Size] = {f"n{name}": _size(name) for name in self.nodes}
        sizes.update((f"s{store}", _size(store, extra=14.0)) for store in self.stores)
        edges = [(f"n{node.name}", f"n{child}") for node in part.nodes for child in node.successors]
        ties: list[tuple[str, str]] = []
        for store in self.stores:
            users = [node.name for node in part.nodes if store in node.stores]
            ties.extend((f"n{user}", f"s{store}") for user in users)
        self._sizes = sizes
        self._ties = ties
        self._layout: Layout = lay_out(sizes, [*edges, *ties])
        self._corner: Point = (0.0, 0.0)
        rows = max(_row_width(self.inputs), _row_width(self.outputs))
        self.box_width = max(self._layout.width + 2 * _MARGIN, _text_width(self.title) + 30.0)
        self.width = max(self.box_width, rows)
        self.height = self._layout.height + _TITLE + 1.5 * _MARGIN

    def center(self, ident: str) -> Point:
        """Where a box is in the drawing, once the band is drawn."""
        x, y = self._layout.centers[ident]
        return self._corner[0] + x, self._corner[1] + y

    def draw(self, top: float, width: float, row: dict[str, Point]) -> list[str]:
        """The box with everything in it, and the edges from the topics above."""
        left = _MARGIN + (width - self.box_width) / 2
        self._corner = (
            left + (self.box_width - self._layout.width) / 2,
            top + _TITLE + _MARGIN / 2,
        )
        shapes = [
            f'<rect class="part" x="{left:.1f}" y="{top:.1f}" width="{self.box_width:.1f}" '
            f'height="{self.height:.1f}" rx="8"/>',
            f'<text class="title" x="{left + 12:.1f}" y="{top + 18:.1f}">{_escaped(self.title)}</text>',
        ]
        for pair, points in self._layout.routes.items():
            shapes.append(self._edge(pair, points, "tie" if pair in self._ties else "edge"))
        for ident, size in self._sizes.items():
            kind = "store" if ident[0] == "s" else self.nodes[ident[1:]].kind
            shapes.append(_box(ident[1:], self.center(ident), size, kind))
        for node in self.nodes.values():
            if node.kind == "source":
                x, y = self.center(f"n{node.name}")
                end = (x, y - self._sizes[f"n{node.name}"][1] / 2)
                for topic in node.topic_labels:
                    start = row[topic]
                    begin = (start[0], start[1] + _size(topic)[1] / 2)
                    shapes.append(_curve([begin, end], "edge"))
        return shapes

    def draw_outputs(self, row: dict[str, Point]) -> list[str]:
        """The edges to the topics below."""
        shapes = []
        for node in self.nodes.values():
            if node.kind == "sink":
                x, y = self.center(f"n{node.name}")
                begin = (x, y + self._sizes[f"n{node.name}"][1] / 2)
                for topic in node.topic_labels:
                    end = (row[topic][0], row[topic][1] - _size(topic)[1] / 2)
                    shapes.append(_curve([begin, end], "edge"))
        return shapes

    def _edge(self, pair: tuple[str, str], points: Sequence[Point], kind: str) -> str:
        moved = [(self._corner[0] + x, self._corner[1] + y) for x, y in points]
        half = self._sizes[pair[0]][1] / 2, self._sizes[pair[1]][1] / 2
        moved[0] = moved[0][0], moved[0][1] + half[0]
        moved[-1] = moved[-1][0], moved[-1][1] - half[1]
        return _curve(moved, kind)

    def wanted_x(self, topic: str) -> float:
        """Where a topic is best placed, from the left edge of the drawing."""
        left = (self.box_width - self._layout.width) / 2
        found = [
            self._layout.centers[f"n{node.name}"][0] + left
            for node in self.nodes.values()
            if topic in node.topic_labels
        ]
        return sum(found) / len(found)


def _topics(nodes: Sequence[NodeDescription], kind: str) -> list[str]:
    return list(
        dict.fromkeys(topic for node in nodes if node.kind == kind for topic in node.topic_labels)
    )


def _row(band: _Band, topics: Sequence[str], middle: float, width: float) -> dict[str, Point]:
    """Topics side by side, each near the nodes that use it."""
    shift = _MARGIN + (width - band.box_width) / 2
    ranked = sorted(topics, key=band.wanted_x)
    widths = [_size(topic)[0] for topic in ranked]
    places = spread_out([band.wanted_x(topic) + shift for topic in ranked], widths, _ROW_GAP)
    edge = _MARGIN
    for number, half in enumerate(w / 2 for w in widths):
        places[number] = max(places[number], edge + half)
        edge = places[number] + half + _ROW_GAP
    edge = _MARGIN + width
    for number, half in reversed([*enumerate(w / 2 for w in widths)]):
        places[number] = min(places[number], edge - half)
        edge = places[number] - half - _ROW_GAP
    return {topic: (x, middle) for topic, x in zip(ranked, places, strict=True)}


def _row_width(topics: Sequence[str]) -> float:
    return sum(_size(topic)[0] + _ROW_GAP for topic in topics)


def _row_height(topics: Sequence[str]) -> float:
    return max((_size(topic)[1] for topic in topics), default=0.0)


def _topic(name: str, center: Point, internal: set[str]) -> str:
    return _box(name, center, _size(name), "internal" if name in internal else "topic")


def _box(name: str, center: Point, size: Size, kind: str) -> str:
    (x, y), (width, height) = center, size
    left, top = x - width / 2, y - height / 2
    if kind == "store":
        rim = 7.0
        shape = (
            f'<path class="store" d="M{left:.1f} {top + rim:.1f} a{width / 2:.1f} {rim} 0 0 1 {width:.1f} 0 '
            f"v{height - 2 * rim:.1f} a{width / 2:.1f} {rim} 0 0 1 {-width:.1f} 0 z "
            f'm0 0 a{width / 2:.1f} {rim} 0 0 0 {width:.1f} 0"/>'
        )
        y += rim / 2
    else:
        round_by = height / 2 if kind in ("topic", "internal") else 4.0
        shape = (
            f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" rx="{round_by:.1f}"/>'
        )
    lines = _lines(name)
    first = y - (len(lines) - 1) * _LINE / 2 + 4
    texts = "".join(
        f'<text x="{x:.1f}" y="{first + number * _LINE:.1f}">{_escaped(line)}</text>'
        for number, line in enumerate(lines)
    )
    return f"<g><title>{_escaped(name)}</title>{shape}{texts}</g>"


def _curve(points: Sequence[Point], kind: str) -> str:
    """A line through the points that begins and ends downwards."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in pairwise(points):
        bend = (to_y - y) / 2
        path += f" C{x:.1f} {y + bend:.1f} {to_x:.1f} {to_y - bend:.1f} {to_x:.1f} {to_y:.1f}"
    return f'<path class="{kind}" d="{path}"/>'


def _size(name: str, *, extra: float = 0.0) -> Size:
    lines = _lines(name)
    return max(_text_width(line) for line in lines) + 24.0, len(lines) * _LINE + 14.0 + extra


def _text_width(text: str) -> float:
    return len(text) * _CHARACTER


def _lines(name: str) -> list[str]:
    """The name, broken behind "-", "_" and "." so that lines stay short."""
    words = [""]
    for character in name:
        words[-1] += character
        if character in "-_. " or len(words[-1]) == _LONGEST:
            words.append("")
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > _LONGEST:
            lines.append("")
        lines[-1] += word
    return [line for line in lines if line] or [" "]


def _escaped(text: str) -> str:
    """As the content of an element: control characters, which XML can't hold, are replaced."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
