"""What has only a generated name is listed, with the option that names it (KIP-1111)."""

from __future__ import annotations

import logging

import pytest

from streamkit import (
    App,
    JoinWindows,
    KStream,
    StreamsBuilder,
    TopologyError,
    TumblingWindows,
    UntilWindowCloses,
)
from streamkit.topology.naming import unnamed_resources


def stream(b: StreamsBuilder, topic: str = "in") -> KStream[str, str]:
    return b.stream(topic, key=str, value=str)


def listed(b: StreamsBuilder) -> dict[str, str]:
    with pytest.raises(TopologyError) as raised:
        b.build(ensure_explicit_internal_resource_naming=True)
    lines = str(raised.value).splitlines()[1:]
    return dict(line.strip().split(": ", 1) for line in lines)


def first(one: str, _other: str | None) -> str:
    return one


def test_aggregation_of_rekeyed_stream() -> None:
    b = StreamsBuilder()
    stream(b).group_by(lambda _, v: v, key=str).count()
    store = "KSTREAM-AGGREGATE-STATE-STORE-0000000002"
    assert listed(b) == {
        f"store and changelog topic {store}": "the aggregation's store=",
        f"repartition topic {store}-repartition": "name= of the group_by or group_by_key",
    }


def test_joins() -> None:
    b = StreamsBuilder()
    left, right = stream(b), stream(b, "other").select_key(lambda _, v: v, key=str)
    left.left_join(right, first, windows=JoinWindows(5))
    found = listed(b)
    assert found["repartition topic KSTREAM-KEY-SELECT-0000000002-repartition"] == (
        "name= of the join behind it"
    )
    stores = [name for name in found if name.startswith("store ")]
    assert len(stores) == 3
    assert {found[name] for name in stores} == {"the join's store="}


def test_tables() -> None:
    b = StreamsBuilder()
    t = b.table("t", key=str, value=str)
    t.join(b.table("u", key=str, value=str), first, foreign_key=lambda v: v)
    t.group_by(lambda k, v: (v, k), key=str, value=str).count()
    assert set(listed(b).values()) == {
        "the table's store=",
        "the join's name=",
        "the aggregation's store=",
        "group_by(…, name=…) of the table",
    }


def test_suppress_and_grace() -> None:
    b = StreamsBuilder()
    t = b.table("t", key=str, value=str, store="t", history=100)
    s = stream(b)
    s.join(t, first, grace=5)
    windows = s.group_by_key().windowed_by(TumblingWindows(5)).count(store="counts")
    windows.suppress(UntilWindowCloses())
    hints = set(listed(b).values())
    assert hints == {"the join's name=", "suppress(…, name=…)"}


def test_named_program_has_nothing_to_list(caplog: pytest.LogCaptureFixture) -> None:
    b = StreamsBuilder()
    t = b.table("t", key=str, value=str, store="t")
    s = stream(b).select_key(lambda _, v: v, key=str)
    s.join(t, first, name="with-t").to("out")
    s.left_join(s, first, windows=JoinWindows(5), name="pairs", store="pair-stores")
    s.repartition(name="through").group_by_key().reduce(first, store="latest")
    s.group_by_key(name="by-key").count(store="counts")
    joined = t.join(t, first, foreign_key=lambda v: v, name="by-value", store="joined")
    joined.group_by(lambda k, v: (v, k), key=str, value=str, name="again").count(store="n")
    topology = b.build(ensure_explicit_internal_resource_naming=True)
    assert not caplog.records
    assert unnamed_resources(topology.wiring, b._graph.names) == ()


def test_a_name_that_looks_generated_is_the_users_own() -> None:
    b = StreamsBuilder()
    stream(b).group_by_key().count(store="KSTREAM-AGGREGATE-STATE-STORE-0000000001")
    b.build(ensure_explicit_internal_resource_naming=True)


def test_view_without_a_store_needs_no_name() -> None:
    b = StreamsBuilder()
    b.table("t", key=str, value=str).to_stream().to("out")
    b.build(ensure_explicit_internal_resource_naming=True)


def test_app_warns_or_refuses(caplog: pytest.LogCaptureFixture) -> None:
    def build(app: App) -> None:
        app.stream(app.topic("in", key=str, value=str)).group_by_key().count()
        app.topology()

    with caplog.at_level(logging.WARNING):
        build(App("warned"))
    assert "KSTREAM-AGGREGATE-STATE-STORE-0000000001: the aggregation's store=" in caplog.text
    with pytest.raises(TopologyError, match="asks for a name"):
        build(App("refused", ensure_explicit_internal_resource_naming=True))


@pytest.mark.parametrize("names", [("twice", "twice"), ("KSTREAM-FILTER-0000000002", None)])
def test_name_that_is_taken_is_told(names: tuple[str, str | None]) -> None:
    """Also by the node right above, and by a generated name that a user's own looks like."""
    b = StreamsBuilder()
    one, other = names
    stream(b).filter(lambda *_: True, name=one).filter(lambda *_: True, name=other)
    with pytest.raises(TopologyError, match=f"a node named '{one}' is there already"):
        b.build()
