"""Pictures of topologies: valid, complete, without overlaps, the same every time."""

from __future__ import annotations

import json
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit import JoinWindows, StreamsBuilder
from streamkit.topology import TopologyDescription
from streamkit.topology.layout import lay_out, spread_out

SVG = "{http://www.w3.org/2000/svg}"


def described() -> TopologyDescription:
    b = StreamsBuilder()
    left, right = (b.stream(topic, key=str, value=str) for topic in ("left", "right"))
    t = b.table("t", key=str, value=str, store="rows")
    joined = left.left_join(right, lambda x, _: x, windows=JoinWindows(5), store="pairs")
    counts = joined.group_by(lambda _, v: v, key=str, name="by-value").count(store="counts")
    counts.to_stream().to(lambda _key, _value, _info: "some")
    t.join(t, lambda x, _: x, foreign_key=lambda v: v, name="by-key").to_stream().to("out")
    b.global_table("g", key=str, value=str, store="global-rows")
    return b.build().describe()


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}title")]


def test_svg_shows_every_node_store_and_topic() -> None:
    description = described()
    shown = texts(description.to_svg())
    nodes = [node for part in description.parts for node in part.nodes]
    expected = {node.name for node in nodes}
    expected |= {store for node in nodes for store in node.stores}
    expected |= {topic for node in nodes for topic in node.topic_labels}
    assert expected <= set(shown)


def test_svg_is_the_same_every_time_and_needs_nothing_from_elsewhere() -> None:
    assert described().to_svg() == described().to_svg()
    assert "href" not in described().to_svg()


def test_svg_escapes_names() -> None:
    """A lambda's name has "<", and a pattern any character, control characters included."""
    b = StreamsBuilder()
    b.stream(re.compile('a<b>&"c\x01.*]]>'), key=str, value=str).to(lambda _k, _v, _i: "x")
    shown = texts(b.build().describe().to_svg())
    assert 'a<b>&"c\N{REPLACEMENT CHARACTER}.*]]>' in shown
    assert any("<lambda>" in text for text in shown)


def test_empty_topology_is_an_empty_picture() -> None:
    assert texts(TopologyDescription(()).to_svg()) == ["Topology"]


def test_topic_between_neighbours_is_drawn_once() -> None:
    b = StreamsBuilder()
    s = b.stream("in", key=str, value=str).repartition(name="through")
    s.to("out")
    assert texts(b.build().describe().to_svg()).count("through-repartition") == 1


def test_boxes_of_a_sub_topology_do_not_overlap() -> None:
    boxes = []
    for rect in ElementTree.fromstring(described().to_svg()).iter(f"{SVG}rect"):
        if rect.get("class") not in (None, "part"):
            x, y, width, height = (float(rect.get(n, "")) for n in ("x", "y", "width", "height"))
            boxes.append((x, y, x + width, y + height))
    for one, other in combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)


def test_mermaid_and_json_name_the_same_nodes() -> None:
    description = described()
    names = [
        node["name"]
        for part in json.loads(description.to_json())["sub_topologies"]
        for node in part["nodes"]
    ]
    chart = description.to_mermaid()
    assert all(f'["{name}"]' in chart for name in names)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]:
    count = draw(st.integers(1, 12))
    side = st.floats(10, 300)
    sizes = {f"n{number}": (draw(side), draw(side)) for number in range(count)}
    edges = [
        (f"n{upper}", f"n{lower}")
        for upper in range(count)
        for lower in range(upper + 1, count)
        if draw(st.integers(0, 3)) == 0
    ]
    return sizes, edges


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_layout_keeps_boxes_apart_and_edges_downwards(
    graph: tuple[dict[str, tuple[float, float]], list[tuple[str, str]]],
) -> None:
    sizes, edges = graph
    layout = lay_out(sizes, edges)
    for upper, lower in edges:
        assert layout.centers[upper][1] < layout.centers[lower][1]
        points = layout.routes[upper, lower]
        assert [points[0], points[-1]] == [layout.centers[upper], layout.centers[lower]]
    for one, other in combinations(sizes, 2):
        (x, y), (width, height) = layout.centers[one], sizes[one]
        (to_x, to_y), (to_width, to_height) = layout.centers[other], sizes[other]
        across = abs(x - to_x) >= (width + to_width) / 2 - 1e-6
        along = abs(y - to_y) >= (height + to_height) / 2 - 1e-6
        assert across or along
    for name, (x, y) in layout.centers.items():
        width, height = sizes[name]
        assert x - width / 2 >= -1e-6
        assert x + width / 2 <= layout.width + 1e-6
        assert y - height / 2 >= -1e-6
        assert y + height / 2 <= layout.height + 1e-6


def test_places_are_the_wanted_ones_where_there_is_room() -> None:
    assert spread_out([0, 100], [10, 10], 5) == [0, 100]
    assert spread_out([50, 50], [10, 10], 5) == pytest.approx([42.5, 57.5])
    assert spread_out([], [], 5) == []
