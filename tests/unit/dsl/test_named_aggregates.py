"""`agg`: what each aggregate gives on streams, windows, sessions, tables and cogrouped streams."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

import cloudpickle
import msgspec
import pytest

import streamkit as sk
from streamkit.dsl.aggregate_kinds import Aggregate
from streamkit.dsl.aggregate_state import AggregateStateSerde
from streamkit.dsl.named_aggregates import NamedAggregation
from streamkit.errors import ConfigError, ProcessingError, SerdeError, TopologyError
from streamkit.testing import TopologyTestDriver


@dataclass
class Order:
    item: str
    cents: int | None


@dataclass
class Stats:
    total: int
    n: int
    note: str = "-"


class StatsStruct(msgspec.Struct):
    total: int
    n: int


class StatsTuple(NamedTuple):
    total: int
    n: int


class StatsDict(TypedDict):
    total: int
    n: int


ORDERS = [Order("tea", 5), Order("mug", 7), Order("tea", None), Order("pot", 9), Order("cup", 1)]


def folded(aggregate: Aggregate[Any, Any], values: list[Any], *, split: int | None = None) -> Any:
    """The result over `values`; with `split`, of two sessions that merge there."""
    if split is None:
        state = aggregate.initial()
        for value in values:
            state = aggregate.add(state, value)
        return aggregate.result(state)
    states = []
    for part in (values[:split], values[split:]):
        state = aggregate.initial()
        for value in part:
            state = aggregate.add(state, value)
        states.append(state)
    return aggregate.result(
        aggregate.merge(aggregate.merge(aggregate.initial(), states[0]), states[1])
    )


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [
        (sk.count(), 5),
        (sk.count("cents"), 4),
        (sk.sum_of("cents"), 22),
        (sk.mean(lambda order: order.cents), 5.5),
        (sk.min_of("cents"), 1),
        (sk.max_of("cents"), 9),
        (sk.max_of("item"), "tea"),
        (sk.first("item"), "tea"),
        (sk.first(), ORDERS[0]),
        (sk.first(by="cents"), ORDERS[4]),
        (sk.last("cents"), 1),
        (sk.last(), ORDERS[4]),
        (sk.last("item", by="cents"), "pot"),
        (sk.distinct("item"), ["tea", "mug", "pot", "cup"]),
        (sk.count_distinct("item"), 4),
        (sk.top_k(2, by="cents"), [ORDERS[3], ORDERS[1]]),
        (sk.top_k(2, by="cents", of="item", lowest=True), ["cup", "tea"]),
        (sk.top_k(9, by="item", of="cents"), [5, None, 9, 7, 1]),
    ],
    ids=repr,
)
def test_aggregate_gives_its_result_however_sessions_merge(
    aggregate: Aggregate[Any, Any], expected: Any
) -> None:
    assert folded(aggregate, ORDERS) == expected
    for split in range(len(ORDERS) + 1):
        assert folded(aggregate, ORDERS, split=split) == expected


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [
        (sk.count(), 0),
        (sk.sum_of("x"), 0),
        (sk.mean("x"), None),
        (sk.min_of("x"), None),
        (sk.first(), None),
        (sk.last("x"), None),
        (sk.distinct("x"), []),
        (sk.count_distinct("x"), 0),
        (sk.top_k(1, by="x"), []),
    ],
    ids=repr,
)
def test_aggregate_of_nothing(aggregate: Aggregate[Any, Any], expected: Any) -> None:
    assert folded(aggregate, []) == expected


@pytest.mark.parametrize(
    ("values", "total", "average"),
    [
        ([True, True], 2, 1.0),
        ([Decimal("0.1"), Decimal("0.2")], Decimal("0.3"), Decimal("0.15")),
        ([timedelta(1), timedelta(3)], timedelta(4), timedelta(2)),
        ([1 << 70, 1], (1 << 70) + 1, ((1 << 70) + 1) / 2),
        ([None, 0.5, None], 0.5, 0.5),
    ],
)
def test_sum_and_mean_keep_the_type(values: list[Any], total: Any, average: Any) -> None:
    found = folded(sk.sum_of(lambda value: value["x"]), [{"x": value} for value in values])
    assert (found, type(found)) == (total, type(total))
    assert folded(sk.mean("x"), [{"x": value} for value in values]) == average


def test_nan_is_one_distinct_value_and_never_an_extreme() -> None:
    values = [{"x": math.nan}, {"x": 2.0}, {"x": float("nan")}, {"x": 1.0}]
    assert folded(sk.count_distinct("x"), values) == 3
    assert folded(sk.min_of("x"), values) == 1.0
    assert folded(sk.top_k(3, by="x", of="x"), values) == [2.0, 1.0]


@pytest.mark.parametrize(
    ("aggregate", "value", "message"),
    [
        (sk.sum_of("cents"), {"cent": 1}, "did you mean 'cent'?"),
        (sk.sum_of("zzz"), Order("tea", 1), "it has item, cents"),
        (sk.sum_of("item"), Order("tea", 1), r"sum_of\('item'\) adds numbers, not 'tea'"),
        (sk.distinct("x"), {"x": []}, "needs hashable values"),
    ],
)
def test_value_that_does_not_fit_says_so(
    aggregate: Aggregate[Any, Any], value: Any, message: str
) -> None:
    with pytest.raises((LookupError, TypeError), match=message):
        aggregate.add(aggregate.initial(), value)


def test_values_without_an_order_say_so() -> None:
    with pytest.raises(TypeError, match=r"max_of\('x'\) can't order 1 and 'a'"):
        folded(sk.max_of("x"), [{"x": 1}, {"x": "a"}])


STATES = [
    None,
    True,
    -5,
    1 << 80,
    -(1 << 63),
    0.5,
    "text",
    b"bytes",
    Decimal("1.50"),
    datetime(2024, 2, 29, 1, 2, 3, 4, UTC),
    datetime(2024, 2, 29),
    date(2024, 2, 29),
    time(1, 2, 3),
    timedelta(-1, 2, 3),
    UUID(int=7),
    (1, (2, "x"), [3]),
    {"a": 1},
    {},
]


@pytest.mark.parametrize("state", STATES, ids=repr)
def test_state_keeps_the_exact_type(state: Any) -> None:
    serde = AggregateStateSerde({"x": sk.min_of("x")}, {"x": sk.StringSerde()})
    back = serde.deserialize("t", serde.serialize("t", {"x": state}))["x"]
    assert back == state
    assert type(back) is type(state)


def test_distinct_state_comes_back_in_order_with_one_nan() -> None:
    aggregate = sk.distinct("x")
    serde = AggregateStateSerde({"x": aggregate}, {"x": sk.StringSerde()})
    state = {"b": None, math.nan: None, (1, 2): None}
    back = serde.deserialize("t", serde.serialize("t", {"x": state}))["x"]
    assert list(back)[0::2] == ["b", (1, 2)]
    assert aggregate.add(back, {"x": float("nan")}) is back


def test_state_of_a_type_that_cannot_be_kept_says_so() -> None:
    serde = AggregateStateSerde({"low": sk.min_of("x")}, {"low": sk.StringSerde()})
    with pytest.raises(SerdeError, match=r"low=min_of\('x'\) can't keep .*Order"):
        serde.serialize("t", {"low": Order("tea", 1)})
    with pytest.raises(SerdeError, match="3 bytes are no states of low"):
        serde.deserialize("t", b"\xc1ab")


def test_aggregate_that_is_new_or_of_another_kind_begins_anew() -> None:
    before = AggregateStateSerde(
        {"n": sk.count(), "x": sk.sum_of("x"), "gone": sk.count()},
        dict.fromkeys(("n", "x", "gone"), sk.StringSerde()),
    )
    after = AggregateStateSerde(
        {"n": sk.count(), "x": sk.mean("x"), "new": sk.distinct("x")},
        dict.fromkeys(("n", "x", "new"), sk.StringSerde()),
    )
    data = before.serialize("t", {"n": 4, "x": 9, "gone": 1})
    assert after.deserialize("t", data) == {"n": 4, "x": (None, 0), "new": {}}


def run(grouped: Any, builder: sk.StreamsBuilder, backend: str, **aggregates: Any) -> list[Any]:
    grouped.agg(**aggregates).to_stream().to("out")
    found = []
    with TopologyTestDriver(builder, backend=backend) as driver:
        for order, at in zip(ORDERS, (0, 3, 4, 12, 7), strict=True):
            driver.pipe_input("in", "ann", order, timestamp_ms=at)
            for record in driver.read_all("out"):
                key = record.key
                if isinstance(key, sk.Windowed):
                    key = (key.start_ms, key.end_ms)
                found.append((key, record.value))
    return found


def stream(builder: sk.StreamsBuilder) -> sk.KGroupedStream[str, Order]:
    return builder.stream("in", key=str, value=Order).group_by_key()


@pytest.mark.parametrize("backend", ["memory", "rocksdb"])
@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        (None, [("ann", 5), ("ann", 12), ("ann", 12), ("ann", 21), ("ann", 22)]),
        (
            sk.TumblingWindows(10, grace=5),
            [((0, 10), 5), ((0, 10), 12), ((0, 10), 12), ((10, 20), 9), ((0, 10), 13)],
        ),
        (
            sk.HoppingWindows(10, advance=5, grace=5),
            [
                ((0, 10), 5),
                ((0, 10), 12),
                ((0, 10), 12),
                ((5, 15), 9),
                ((10, 20), 9),
                ((0, 10), 13),
                ((5, 15), 10),
            ],
        ),
        (
            sk.SessionWindows(5, grace=9),
            [
                ((0, 0), 5),
                ((0, 0), None),
                ((0, 3), 12),
                ((0, 3), None),
                ((0, 4), 12),
                ((12, 12), 9),
                ((0, 4), None),
                ((12, 12), None),
                ((0, 12), 22),
            ],
        ),
        (
            sk.SlidingWindows(3, grace=9),
            [
                ((0, 3), 5),
                ((0, 3), 12),
                ((1, 4), 7),
                ((1, 4), 7),
                ((4, 7), 0),
                ((9, 12), 9),
                ((4, 7), 1),
                ((5, 8), 1),
            ],
        ),
    ],
    ids=["plain", "tumbling", "hopping", "session", "sliding"],
)
def test_every_kind_of_grouping(windows: Any, expected: list[Any], backend: str) -> None:
    builder = sk.StreamsBuilder()
    grouped: Any = stream(builder)
    if windows is not None:
        grouped = grouped.windowed_by(windows)
    found = run(grouped, builder, backend, total=sk.sum_of("cents"), store="totals")
    assert [(key, value and value["total"]) for key, value in found] == expected


@pytest.mark.parametrize("into", [Stats, StatsStruct, StatsTuple, StatsDict])
def test_results_have_the_type_that_was_asked_for(into: type[Any]) -> None:
    builder = sk.StreamsBuilder()
    found = run(
        stream(builder), builder, "memory", into=into, total=sk.sum_of("cents"), n=sk.count()
    )
    expected = {"total": 22, "n": 5}
    last = found[-1][1]
    assert last == (expected if into is StatsDict else into(**expected))


def test_single_aggregate_is_the_value_itself() -> None:
    builder = sk.StreamsBuilder()
    stream(builder).agg(sk.top_k(1, by="cents"), value=sk.JsonSerde(list[Order])).to_stream().to(
        "out"
    )
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "ann", ORDERS[0])
        assert [record.value for record in driver.read_all("out")] == [[ORDERS[0]]]


def test_a_mapping_gives_names_that_options_have() -> None:
    builder = sk.StreamsBuilder()
    stream(builder).agg({"name": sk.first("item")}, n=sk.count()).to_stream().to("out")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "ann", ORDERS[0])
        assert [record.value for record in driver.read_all("out")] == [{"name": "tea", "n": 1}]


def test_table_takes_old_rows_back() -> None:
    builder = sk.StreamsBuilder()
    (
        builder.table("in", key=str, value=Order)
        .group_by(lambda _, order: (order.item, order), key=str, value=Order)
        .agg(total=sk.sum_of("cents"), n=sk.count(), average=sk.mean("cents"), name="by-item")
        .to_stream()
        .to("out")
    )
    found = []
    with TopologyTestDriver(builder) as driver:
        for key, item, cents in [("a", "x", 5), ("b", "x", 6), ("a", "y", None), ("b", "z", 1)]:
            driver.pipe_input("in", key, Order(item, cents))
            found += [(record.key, *record.value.values()) for record in driver.read_all("out")]
    assert found == [  # average, n, total
        ("x", 5.0, 1, 5),
        ("x", 5.5, 2, 11),
        ("x", 6.0, 1, 6),
        ("y", None, 1, 0),
        ("x", None, 0, 0),
        ("z", 1.0, 1, 1),
    ]


def test_table_refuses_what_cannot_be_taken_back() -> None:
    builder = sk.StreamsBuilder()
    grouped = builder.table("in", key=str, value=Order).group_by(
        lambda _, order: (order.item, order)
    )
    with pytest.raises(TopologyError, match=r"best=max_of\('cents'\) can't be kept for a grouped"):
        grouped.agg(n=sk.count(), best=sk.max_of("cents"))


@pytest.mark.parametrize(
    ("windows", "key"),
    [
        (None, "ann"),
        (sk.TumblingWindows(10), (0, 10)),
        (sk.SessionWindows(10), (0, 1)),
    ],
)
def test_cogrouped_streams_feed_one_result(windows: Any, key: Any) -> None:
    builder = sk.StreamsBuilder()
    orders = builder.stream("in", key=str, value=Order).group_by_key()
    returns = builder.stream("returns", key=str, value=str).group_by_key()
    both: Any = orders.cogroup(
        sk.Aggregates(spent=sk.sum_of("cents"), first=sk.first(), n=sk.count())
    ).cogroup(returns, sk.Aggregates(returned=sk.distinct(str.upper), n=sk.count()))
    if windows is not None:
        both = both.windowed_by(windows)
    both.agg(store="both").to_stream().to("out")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "ann", ORDERS[0], timestamp_ms=0)
        driver.pipe_input("returns", "ann", "tea", timestamp_ms=1)
        record = driver.read_all("out")[-1]
        found = record.key
        if isinstance(found, sk.Windowed):
            found = (found.start_ms, found.end_ms)
        assert found == key
        assert record.value == {
            "spent": 5,
            "first": {"item": "tea", "cents": 5},
            "n": 2,
            "returned": ["TEA"],
        }


def test_cogrouped_windows_can_be_suppressed_until_they_close() -> None:
    """As in Kafka Streams 4.3, which knows the grace of a cogrouped window."""
    for windows in (sk.TumblingWindows(10, grace=2), sk.SessionWindows(5)):
        builder = sk.StreamsBuilder()
        cogrouped: Any = stream(builder).cogroup(sk.Aggregates(n=sk.count())).windowed_by(windows)
        cogrouped.agg().suppress(sk.UntilWindowCloses()).to_stream().to("out")
        with TopologyTestDriver(builder) as driver:
            for at in (0, 1, 30):
                driver.pipe_input("in", "ann", ORDERS[0], timestamp_ms=at)
            assert [record.value for record in driver.read_all("out")] == [{"n": 2}]


def test_cogrouped_streams_that_disagree_are_refused() -> None:
    builder = sk.StreamsBuilder()
    orders = stream(builder)
    other = builder.stream("other", key=str, value=str).group_by_key()
    one = orders.cogroup(sk.Aggregates(x=sk.count()))
    with pytest.raises(TopologyError, match=r"share 'x', as count\(\) and sum_of\('y'\)"):
        one.cogroup(other, sk.Aggregates(x=sk.sum_of("y"))).agg()
    with pytest.raises(TopologyError, match="needs named aggregates"):
        orders.cogroup(lambda _, order, total: total + 1).agg()


def test_final_results_only() -> None:
    for suppressed in (False, True):
        builder = sk.StreamsBuilder()
        windowed = stream(builder).windowed_by(sk.TumblingWindows(10))
        if not suppressed:
            windowed = windowed.emit_on_close(every=0)
        table = windowed.agg(sk.distinct("item"), store="items")
        if suppressed:
            table = table.suppress(sk.UntilWindowCloses(), name="final")
        table.to_stream().to("out")
        with TopologyTestDriver(builder) as driver:
            for order, at in zip(ORDERS, (0, 1, 2, 3, 10), strict=True):
                driver.pipe_input("in", "ann", order, timestamp_ms=at)
            assert [record.value for record in driver.read_all("out")] == [["tea", "mug", "pot"]]


def test_records_without_a_value_change_nothing() -> None:
    builder = sk.StreamsBuilder()
    windowed = stream(builder).windowed_by(sk.TumblingWindows(10))
    windowed.agg(n=sk.count(), last=sk.last("item")).to_stream().to("out")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "ann", ORDERS[0], timestamp_ms=0)
        driver.pipe_input("in", "ann", None, timestamp_ms=1)
        assert driver.read_all("out")[-1].value == {"n": 1, "last": "tea"}


def test_error_of_a_field_names_operator_and_record() -> None:
    builder = sk.StreamsBuilder()
    stream(builder).agg(total=sk.sum_of("cent"), name="totals").to_stream().to("out")
    with (
        TopologyTestDriver(builder) as driver,
        pytest.raises(ProcessingError, match=r"(?s)'totals'.*did you mean 'cents'.*topic in"),
    ):
        driver.pipe_input("in", "ann", ORDERS[0])


def _no_fields(grouped: NamedAggregation[str, Order]) -> None:
    grouped.agg()


def _wrong_sort(grouped: NamedAggregation[str, Order]) -> None:
    grouped.agg(n=sk.count)  # type: ignore[call-overload]  # that is what is tested


def _of_python(grouped: NamedAggregation[str, Order]) -> None:
    grouped.agg(total=sum)  # type: ignore[call-overload]  # that is what is tested


def _option(grouped: NamedAggregation[str, Order]) -> None:
    grouped.agg(key=sk.first("item"), n=sk.count())


def _unknown(grouped: NamedAggregation[str, Order]) -> None:
    grouped.agg(into=Stats, total=sk.count(), n=sk.count(), x=sk.count())


def _missing(grouped: NamedAggregation[str, Order]) -> None:
    grouped.agg(into=StatsDict, total=sk.count())


def _no_class(grouped: NamedAggregation[str, Order]) -> None:
    grouped.agg(into=int, total=sk.count())


def _unnamed(grouped: NamedAggregation[str, Order]) -> None:
    grouped.agg(sk.count(), n=sk.count())  # type: ignore[call-overload]  # that is what is tested


def _twice(grouped: NamedAggregation[str, Order]) -> None:
    fields: Mapping[str, Aggregate[Order, Any]] = {"n": sk.count()}
    grouped.agg(fields, n=sk.count())


def _retention(grouped: NamedAggregation[str, Order]) -> None:
    grouped.agg(n=sk.count(), retention=5)


def _cache_field(grouped: NamedAggregation[str, Order]) -> None:
    grouped.agg(cache=sk.count())  # type: ignore[call-overload]  # that is what is tested


def _history_field(grouped: NamedAggregation[str, Order]) -> None:
    grouped.agg(history=sk.count())  # type: ignore[call-overload]  # that is what is tested


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (_no_fields, "at least one aggregate"),
        (_wrong_sort, r"n= is an aggregate .* did you mean count\(…\)\?"),
        (_of_python, r"total= is an aggregate .* did you mean sum_of\(…\)\?"),
        (_option, r"key= is an option of agg; .* agg\({'key': first\('item'\)}\)"),
        (_unknown, r"Stats has no field 'x' for count\(\); it has: total, n, note"),
        (_missing, "field 'n' of StatsDict has no aggregate"),
        (_no_class, "into is a dataclass"),
        (_unnamed, r"give count\(\) a name too"),
        (_twice, "'n' is given twice"),
        (_retention, "retention is for windows"),
        (_cache_field, r"cache= is an option of agg; .* agg\({'cache': count\(\)}\)"),
        (_history_field, r"history= is an option of agg; .* agg\({'history': count\(\)}\)"),
    ],
)
def test_misuse_is_told(use: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        use(stream(sk.StreamsBuilder()))


def _grouped(builder: sk.StreamsBuilder) -> dict[str, Any]:
    """All that has `agg`, given the aggregates; the last four have windows."""
    one = builder.stream("in", key=str, value=str).group_by_key()
    fields = {"n": sk.count(), "last": sk.last()}
    both = one.cogroup(sk.Aggregates(fields))
    table = builder.table("t", key=str, value=str).group_by(lambda k, v: (k, v), key=str, value=str)
    spans, sessions = sk.TumblingWindows(10), sk.SessionWindows(10)
    return {
        "stream": partial(one.agg, fields),
        "cogrouped": both.agg,
        "table": partial(table.agg, n=sk.count()),
        "windows": partial(one.windowed_by(spans).agg, fields),
        "sessions": partial(one.windowed_by(sessions).agg, fields),
        "cogrouped windows": both.windowed_by(spans).agg,
        "cogrouped sessions": both.windowed_by(sessions).agg,
    }


SORTS = list(_grouped(sk.StreamsBuilder()))


@pytest.mark.parametrize("sort", SORTS)
def test_cache_false_leaves_a_store_out_of_the_apps_cache(sort: str) -> None:
    cached = []
    for options in ({}, {"cache": False}):
        builder = sk.StreamsBuilder()
        _grouped(builder)[sort](store="s", **options)
        cached.append(builder.build().stores["s"].cached)
    assert cached == [True, False]


@pytest.mark.parametrize("sort", SORTS[:3])
def test_history_lets_joins_look_results_up_as_of_a_time(sort: str) -> None:
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    result = _grouped(builder)[sort](store="s", history=100)
    looked_up = builder.stream("look").join(result, lambda _, row: row["n"], value=int)
    looked_up.to("out")
    topic = "t" if sort == "table" else "in"
    with TopologyTestDriver(builder, backend="memory") as driver:
        driver.pipe_input(topic, "k", "x", timestamp_ms=10)
        driver.pipe_input(topic, "k", None if sort == "table" else "y", timestamp_ms=20)
        for time in (15, 25):
            driver.pipe_input("look", "k", "-", timestamp_ms=time)
        assert [(row.value, row.timestamp_ms) for row in driver.read_all("out")] == [
            (1, 15),
            (0 if sort == "table" else 2, 25),
        ]


@pytest.mark.parametrize("sort", SORTS[3:])
def test_windows_have_no_history(sort: str) -> None:
    with pytest.raises(ConfigError, match="history is for tables without windows"):
        _grouped(sk.StreamsBuilder())[sort](store="s", history=100)


def test_arguments_are_checked() -> None:
    with pytest.raises(ConfigError, match="top_k keeps at least 1 value, not 0"):
        sk.top_k(0, by="x")
    with pytest.raises(ConfigError, match="sum_of takes the name of a field or a function"):
        sk.sum_of(5)  # type: ignore[call-overload]  # that is what is tested


def test_aggregates_cross_cloudpickle() -> None:
    """As apps do on their way to worker processes."""
    named = sk.Aggregates(
        n=sk.count(), x=sk.sum_of("x"), y=sk.top_k(2, by=lambda v: v["x"], of="x")
    )
    again = cloudpickle.loads(cloudpickle.dumps(named))
    states = again("k", {"x": 3}, again.initial())
    assert states == {"n": 1, "x": 3, "y": ((3, 3),)}
    serde = AggregateStateSerde(named.by_name, dict.fromkeys(named.by_name, sk.StringSerde()))
    again = cloudpickle.loads(cloudpickle.dumps(serde))
    assert again.deserialize("t", serde.serialize("t", states)) == states
