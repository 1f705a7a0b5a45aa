"""Every kind of join against brute-force models over random streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

import streamkit as sk
from streamkit.testing import TopologyTestDriver

LONG = 10_000
Pair = list[Any]


class Given(NamedTuple):
    """A record of the left or the right topic."""

    left: bool
    key: str | None
    value: int | None
    time: int


class Sent(NamedTuple):
    key: str | None
    value: Any
    time: int


@st.composite
def inputs(
    draw: st.DrawFn, *, nulls: bool = False, disorder: bool = True, null_keys: bool = False
) -> list[Given]:
    found = []
    time = 0
    lates = st.sampled_from((0, 0, 1, 4, 15)) if disorder else st.just(0)
    keys = st.sampled_from(("a", "b", None)) if null_keys else st.sampled_from(("a", "b"))
    for number in range(draw(st.integers(0, 20))):
        time += draw(st.integers(0, 6))
        value = None if nulls and draw(st.integers(0, 3)) == 0 else number
        found.append(Given(draw(st.booleans()), draw(keys), value, max(time - draw(lates), 0)))
    return found


def run(build: Callable[[sk.StreamsBuilder], Any], records: list[Given]) -> list[list[Sent]]:
    """What each record sent."""
    builder = sk.StreamsBuilder()
    out = build(builder)
    (out.to_stream() if isinstance(out, sk.KTable) else out).to(
        "out", key=str, value=sk.JsonSerde()
    )
    steps = []
    with TopologyTestDriver(builder, backend="memory") as driver:
        for record in records:
            topic = "left" if record.left else "right"
            driver.pipe_input(topic, record.key, record.value, timestamp_ms=record.time)
            steps.append([Sent(o.key, o.value, o.timestamp_ms) for o in driver.read_all("out")])
    return steps


def pair(left: Any, right: Any) -> Pair:
    return [left, right]


def stream(builder: sk.StreamsBuilder, topic: str) -> sk.KStream[str, int]:
    return builder.stream(topic, key=str, value=int)


def table(builder: sk.StreamsBuilder, topic: str) -> sk.KTable[str, int]:
    return builder.table(topic, key=str, value=int, store=topic)


# -- streams -----------------------------------------------------------------------------------------


def stream_join(method: str, windows: sk.JoinWindows) -> Callable[[sk.StreamsBuilder], Any]:
    def build(builder: sk.StreamsBuilder) -> Any:
        join = getattr(stream(builder, "left"), method)
        options = {} if method == "join" else {"every": 0}
        return join(stream(builder, "right"), pair, windows=windows, store="join", **options)

    return build


def matches(one: Given, other: Given, before: int, after: int) -> bool:
    left, right = (one, other) if one.left else (other, one)
    return (
        one.left is not other.left
        and one.key == other.key
        and left.time - before <= right.time <= left.time + after
    )


@settings(max_examples=50, deadline=None)
@given(
    records=inputs(nulls=True, null_keys=True), before=st.integers(0, 12), after=st.integers(0, 12)
)
def test_stream_join_sends_each_pair_once_when_the_second_comes(
    records: list[Given], before: int, after: int
) -> None:
    windows = sk.JoinWindows(before=before, after=after, grace=LONG)
    steps = run(stream_join("join", windows), records)
    for number, (record, step) in enumerate(zip(records, steps, strict=True)):
        if record.key is None or record.value is None:
            assert step == []
            continue
        partners = [
            other
            for other in records[:number]
            if other.value is not None and matches(record, other, before, after)
        ]
        partners.sort(key=lambda other: other.time)
        assert step == [
            Sent(
                record.key,
                pair(record.value, other.value) if record.left else pair(other.value, record.value),
                max(record.time, other.time),
            )
            for other in partners
        ]


@settings(max_examples=80, deadline=None)
@given(
    records=inputs(nulls=True, null_keys=True),
    before=st.integers(0, 12),
    after=st.integers(0, 12),
    outer=st.booleans(),
)
def test_stream_left_and_outer_join_send_each_record_with_or_without_partner(
    records: list[Given], before: int, after: int, outer: bool
) -> None:
    """With a grace that nothing exceeds: all pairs, and once each what has no partner at all.

    As in Kafka Streams, a record that comes when its last partner should have come already doesn't wait.
    """
    windows = sk.JoinWindows(before=before, after=after, grace=50)
    far = [Given(left, f"z{left}", -1, 1_000) for left in (True, False)]
    steps = run(stream_join("outer_join" if outer else "left_join", windows), [*records, *far])
    expected = []
    stream_time = -1
    for number, record in enumerate(records):
        stream_time = max(stream_time, record.time)
        keeps = record.left or outer
        if record.value is None:
            continue
        alone = pair(record.value, None) if record.left else pair(None, record.value)
        if record.key is None:
            if keeps:
                assert steps[number] == [Sent(None, alone, record.time)]
                expected += steps[number]
            continue
        partners = [
            other
            for other in records
            if other.value is not None and matches(record, other, before, after)
        ]
        if record.left:
            expected += [
                Sent(record.key, pair(record.value, other.value), max(record.time, other.time))
                for other in partners
            ]
        reach = after if record.left else before
        waits = record.time + reach >= stream_time
        known = partners if waits else [other for other in partners if other in records[:number]]
        if keeps and not known:
            expected.append(Sent(record.key, alone, record.time))
    sent = [each for step in steps for each in step if not str(each.key).startswith("z")]
    assert sorted(sent, key=repr) == sorted(expected, key=repr)


@settings(max_examples=60, deadline=None)
@given(
    records=inputs(disorder=False),
    before=st.integers(0, 8),
    after=st.integers(0, 8),
    grace=st.integers(1, 5),
)
def test_record_without_partner_goes_out_once_its_time_is_over(
    records: list[Given], before: int, after: int, grace: int
) -> None:
    """In order, so that nothing is late: never before its time, never with a partner still to come.

    Without any grace the windows' stores forget a record when its last partner may come, as in Kafka Streams.
    """
    windows = sk.JoinWindows(before=before, after=after, grace=grace)
    steps = run(stream_join("outer_join", windows), records)
    alone = []
    for record, step in zip(records, steps, strict=True):
        for each in step:
            if None in each.value:
                reach = after if each.value[1] is None else before
                assert each.time + reach + grace < record.time
                alone.append(
                    (
                        each.value[0] is not None,
                        each.key,
                        max(v for v in each.value if v is not None),
                    )
                )
    for left, key, value in alone:
        (record,) = (r for r in records if (r.left, r.key, r.value) == (left, key, value))
        assert not any(matches(record, other, before, after) for other in records)
    assert len(alone) == len(set(alone))


# -- streams and tables ------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(records=inputs(nulls=True), left=st.booleans())
def test_stream_table_join_finds_the_row_of_the_moment(records: list[Given], left: bool) -> None:
    def build(builder: sk.StreamsBuilder) -> Any:
        one = stream(builder, "left")
        return (one.left_join if left else one.join)(table(builder, "right"), pair)

    rows: dict[str | None, int | None] = {}
    for record, step in zip(records, run(build, records), strict=True):
        if not record.left:
            rows[record.key] = record.value
            assert step == []
            continue
        row = rows.get(record.key)
        goes_on = record.value is not None and (left or row is not None)
        assert step == ([Sent(record.key, pair(record.value, row), record.time)] if goes_on else [])


@settings(max_examples=50, deadline=None)
@given(records=inputs(nulls=True), left=st.booleans())
def test_stream_global_table_join_maps_each_record_to_a_row(
    records: list[Given], left: bool
) -> None:
    def build(builder: sk.StreamsBuilder) -> Any:
        rows = builder.global_table("right", key=str, value=int)
        one = stream(builder, "left")
        join = one.left_join_global if left else one.join_global
        return join(rows, key=lambda _, value: "ab"[(value or 0) % 2], joiner=pair)

    rows: dict[str | None, int | None] = {}
    for record, step in zip(records, run(build, records), strict=True):
        if not record.left:
            rows[record.key] = record.value
            continue
        if record.value is None:
            continue
        row = rows.get("ab"[record.value % 2])
        goes_on = left or row is not None
        assert step == ([Sent(record.key, pair(record.value, row), record.time)] if goes_on else [])


@settings(max_examples=50, deadline=None)
@given(records=inputs(nulls=True), left=st.booleans())
def test_stream_table_join_with_grace_finds_the_row_as_of_the_records_time(
    records: list[Given], left: bool
) -> None:
    """All records wait until the last one; by then the table knows every version.

    Without deletions: Kafka Streams forgets one that has the time of the row it deletes.
    """
    records = [record for record in records if record.left or record.value is not None]

    def build(builder: sk.StreamsBuilder) -> Any:
        rows = builder.table("right", key=str, value=int, store="rows", history=LONG)
        one = stream(builder, "left")
        return (one.left_join if left else one.join)(rows, pair, grace=500, name="join")

    steps = run(build, [*records, Given(True, "z", -1, 5_000)])
    assert all(step == [] for step in steps[:-1])
    versions: dict[tuple[str | None, int], int | None] = {}
    for record in records:
        if not record.left:
            versions[record.key, record.time] = record.value
    waiting = [record for record in records if record.left and record.value is not None]
    waiting.sort(key=lambda record: (record.time, record.key))
    expected = []
    for record in waiting:
        known = [time for key, time in versions if key == record.key and time <= record.time]
        row = versions[record.key, max(known)] if known else None
        if left or row is not None:
            expected.append(Sent(record.key, pair(record.value, row), record.time))
    assert steps[-1] == expected


# -- tables ------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    records=inputs(nulls=True, disorder=False),
    how=st.sampled_from(("join", "left_join", "outer_join")),
)
def test_table_join_is_always_the_join_of_both_tables(records: list[Given], how: str) -> None:
    def build(builder: sk.StreamsBuilder) -> Any:
        return getattr(table(builder, "left"), how)(table(builder, "right"), pair, store="joined")

    rows: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {})
    result: dict[Any, Any] = {}
    for record, step in zip(records, run(build, records), strict=True):
        rows[0 if record.left else 1][record.key] = record.value
        one, other = (side.get(record.key) for side in rows)
        present = (one is not None or how == "outer_join") and (other is not None or how != "join")
        now = pair(one, other) if present and (one, other) != (None, None) else None
        for each in step:
            assert each.key == record.key
            result[each.key] = each.value
        assert result.get(record.key) == now
        assert len(step) <= 1


@settings(max_examples=80, deadline=None)
@given(records=inputs(nulls=True, disorder=False), left=st.booleans())
def test_foreign_key_join_is_always_the_join_of_both_tables(
    records: list[Given], left: bool
) -> None:
    def build(builder: sk.StreamsBuilder) -> Any:
        one = table(builder, "left")
        join = one.left_join if left else one.join
        return join(
            table(builder, "right"),
            pair,
            foreign_key=lambda value: "ab"[value % 2],
            name="fk",
            store="fk",
        )

    lefts: dict[Any, Any] = {}
    rights: dict[Any, Any] = {}
    result: dict[Any, Any] = {}
    for record, step in zip(records, run(build, records), strict=True):
        (lefts if record.left else rights)[record.key] = record.value
        for each in step:
            result[each.key] = each.value
        expected = {}
        for key, value in lefts.items():
            if value is not None:
                row = rights.get("ab"[value % 2])
                if left or row is not None:
                    expected[key] = pair(value, row)
        assert {key: value for key, value in result.items() if value is not None} == expected
