"""Java's orders of sets, where sizes don't change meanwhile and where they do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamkit.topology.java_order import TreeOrder, hash_order

NAMES = st.lists(st.text("abcdef-0123", min_size=1, max_size=8), unique=True, max_size=60)


@given(NAMES)
def test_tree_sorts_names_when_their_order_stays(names: list[str]) -> None:
    tree = TreeOrder(lambda one, other: one < other)
    for name in names:
        tree.add(name)
    assert list(tree) == sorted(names)


@given(NAMES)
def test_hash_order_holds_each_name_once(names: list[str]) -> None:
    assert sorted(hash_order([*names, *names])) == sorted(names)


def test_hash_order_is_javas() -> None:
    """As in the topic set of `several_topics` in kafka_descriptions.txt."""
    assert hash_order(["orders", "payments", "a", "b", "topic-12"]) == [
        "a",
        "b",
        "payments",
        "orders",
        "topic-12",
    ]
