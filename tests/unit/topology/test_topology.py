"""The low-level topology: what is refused, and how descriptions look."""

from __future__ import annotations

import json
import re

import pytest

from streamkit import Processor, Record, StoreKind, StoreSpec, TopologyError
from streamkit.topology import Topology, plan
from streamkit.topology.names import NameCounter, check_name


class Nothing(Processor[bytes, bytes, bytes, bytes]):
    def process(self, record: Record[bytes, bytes]) -> None:
        pass


def spec(name: str) -> StoreSpec:
    return StoreSpec(name, StoreKind.KEY_VALUE)


def small() -> Topology:
    topology = Topology()
    topology.add_source("source", "in")
    topology.add_processor("work", Nothing, "source")
    topology.add_sink("sink", "out", "work")
    return topology


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.add_source("source", "other"), "a node named 'source' is there already"),
        (lambda t: t.add_source("again", "in"), "topic 'in' is read by source 'source' already"),
        (lambda t: t.add_source("none", []), "reads no topic"),
        (lambda t: t.add_processor("p", Nothing), "node 'p' has no parent"),
        (lambda t: t.add_processor("p", Nothing, "missing"), "its parent 'missing' is not added"),
        (lambda t: t.add_processor("p", Nothing, "p"), "its parent 'p' is not added"),
        (lambda t: t.add_processor("p", Nothing, "sink"), "a sink \\('sink'\\) can't be a parent"),
        (lambda t: t.connect("work", "store"), "asks for store 'store', which is not added"),
        (lambda t: t.add_state_store(spec("s"), "missing"), "node 'missing' is unknown"),
        (lambda t: t.add_state_store(spec("s"), "sink"), "node 'sink' is not a processor"),
        (
            lambda t: t.add_state_store(spec("s")).add_state_store(spec("s")),
            "a store named 's' is there already",
        ),
    ],
)
def test_wrong_wiring_is_refused_by_name(change: object, message: str) -> None:
    assert callable(change)
    with pytest.raises(TopologyError, match=message):
        change(small())


def test_empty_topology_cant_be_planned() -> None:
    with pytest.raises(TopologyError, match="the topology is empty"):
        plan(Topology(), "app")


def test_processors_that_share_a_store_are_one_sub_topology() -> None:
    topology = Topology()
    for name in ("a", "b", "c"):
        topology.add_source(f"source-{name}", name)
        topology.add_processor(f"work-{name}", Nothing, f"source-{name}")
    topology.add_state_store(spec("store"), "work-a", "work-c")
    described = topology.describe().sub_topologies
    assert [[node.name for node in part.nodes] for part in described] == [
        ["source-a", "source-c", "work-a", "work-c"],
        ["source-b", "work-b"],
    ]


def test_stores_and_topics_stand_in_the_order_of_javas_hash_sets() -> None:
    """[payments, a, orders, b, topic-12] and so on: what java.util.HashSet gives, see kafka_descriptions.txt."""
    topology = Topology()
    topology.add_source("source", ["orders", "payments", "a", "b", "topic-12"])
    topology.add_processor("work", Nothing, "source")
    for name in ("zeta", "alpha", "store-1", "store-2"):
        topology.add_state_store(spec(name), "work")
    [part] = topology.describe().sub_topologies
    assert sorted(part.nodes[0].topics) == ["a", "b", "orders", "payments", "topic-12"]
    assert sorted(part.nodes[1].stores) == ["alpha", "store-1", "store-2", "zeta"]


def test_description_as_json_and_mermaid_hold_the_same_nodes() -> None:
    topology = small()
    topology.add_state_store(spec("store"), "work")
    topology.add_source("by-pattern", re.compile("x-.*"))
    topology.add_sink("dynamic", lambda *_: "x", "by-pattern")
    topology.add_global_store(spec("codes"), "codes", source_name="g", processor_name="fill")
    description = topology.describe()
    parts = json.loads(description.to_json())["sub_topologies"]
    assert [part["global"] for part in parts] == [False, False, True]
    assert parts[0]["nodes"][1] == {
        "name": "work",
        "kind": "processor",
        "topics": [],
        "pattern": None,
        "topic_function": None,
        "stores": ["store"],
        "successors": ["sink"],
        "predecessors": ["source"],
    }
    mermaid = description.to_mermaid()
    for text in ("flowchart TD", '["work"]', '[("store")]', '(["in"])', "x-.*", "Global store 2"):
        assert text in mermaid
    assert "extractor class: " in str(description)
    assert "topics: x-.*" in str(description)


def test_names_use_up_numbers_whether_generated_or_not() -> None:
    names = NameCounter()
    assert names.node("KSTREAM-MAP-") == "KSTREAM-MAP-0000000000"
    assert names.node("KSTREAM-MAP-", "mine") == "mine"
    assert names.store("KSTREAM-AGGREGATE-") == "KSTREAM-AGGREGATE-STATE-STORE-0000000002"
    assert names.suffixed("mine", "-sink", "KSTREAM-SINK-") == "mine-sink"
    assert names.suffixed(None, "-sink", "KSTREAM-SINK-") == "KSTREAM-SINK-0000000004"


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "ü", "x" * 250, "a/b"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(TopologyError):
        check_name(name)


def test_good_names_pass() -> None:
    assert check_name("a.B_9-" + "x" * 243) == "a.B_9-" + "x" * 243
