"""Types of windows of every kind, cogrouped streams, suppression and aggregates; see test_dsl_types.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from streamkit import (
    HoppingWindows,
    KStream,
    KTable,
    SessionWindows,
    SlidingWindows,
    StreamsBuilder,
    TumblingWindows,
    UnlimitedWindows,
    UntilTimeLimit,
    UntilWindowCloses,
    ValueTransformer,
    Windowed,
    count,
    count_distinct,
    distinct,
    last,
    mean,
    min_of,
    sum_of,
)
from streamkit.dsl import (
    CogroupedKStream,
    KGroupedStream,
    SessionWindowedCogroupedKStream,
    SessionWindowedKStream,
    TimeWindowedCogroupedKStream,
    TimeWindowedKStream,
)


@dataclass
class Order:
    id: int
    customer: str
    amount: float


@dataclass
class Refund:
    amount: float


Spent = KTable[Windowed[str], float]


def orders() -> KGroupedStream[str, Order]:
    return StreamsBuilder().stream("orders", key=str, value=Order).group_by_key()


def add(_name: str, order: Order, total: float) -> float:
    return total + order.amount


def dearer(one: Order, other: Order) -> Order:
    return one if one.amount > other.amount else other


def test_sliding_and_unlimited_windows() -> None:
    for windows in (SlidingWindows(10), UnlimitedWindows(start=5)):
        windowed = orders().windowed_by(windows)
        assert_type(windowed, TimeWindowedKStream[str, Order])
        assert_type(windowed.count(), KTable[Windowed[str], int])
        assert_type(windowed.reduce(dearer), KTable[Windowed[str], Order])
        assert_type(
            windowed.aggregate(lambda: 0.0, lambda _, order, total: total + order.amount), Spent
        )
        assert_type(windowed.late_records(), KStream[str, Order])


def test_sessions() -> None:
    windowed = orders().windowed_by(SessionWindows(10))
    assert_type(windowed, SessionWindowedKStream[str, Order])
    assert_type(windowed.emit_on_close(), SessionWindowedKStream[str, Order])
    assert_type(windowed.count(), KTable[Windowed[str], int])
    assert_type(windowed.reduce(dearer), KTable[Windowed[str], Order])
    totals = windowed.aggregate(
        lambda: 0.0,
        lambda _, order, total: total + order.amount,
        lambda _, one, other: one + other,
        value=float,
    )
    assert_type(totals, Spent)
    assert_type(windowed.late_records(name="late"), KStream[str, Order])


def test_emit_on_close_keeps_the_types() -> None:
    windowed = orders().windowed_by(HoppingWindows(10, advance=5)).emit_on_close(every=0)
    assert_type(windowed, TimeWindowedKStream[str, Order])
    assert_type(windowed.reduce(dearer), KTable[Windowed[str], Order])


def test_suppression_keeps_the_types() -> None:
    table = orders().windowed_by(TumblingWindows(10)).aggregate(lambda: 0.0, add)
    assert_type(table.suppress(UntilWindowCloses()), Spent)
    latest = StreamsBuilder().table("orders", key=str, value=Order)
    assert_type(latest.suppress(UntilTimeLimit(10)), KTable[str, Order])


def test_cogrouped_streams() -> None:
    first = orders()
    refunds = StreamsBuilder().stream("refunds", key=str, value=Refund).group_by_key()
    both = first.cogroup(add).cogroup(refunds, lambda _, refund, total: total - refund.amount)
    assert_type(both, CogroupedKStream[str, float])
    assert_type(both.aggregate(lambda: 0.0), KTable[str, float])
    windowed = both.windowed_by(TumblingWindows(10))
    assert_type(windowed, TimeWindowedCogroupedKStream[str, float])
    assert_type(windowed.aggregate(lambda: 0.0), Spent)
    assert_type(windowed.late_records(first), KStream[str, Order])
    assert_type(windowed.late_records(refunds), KStream[str, Refund])
    sessions = both.windowed_by(SessionWindows(10))
    assert_type(sessions, SessionWindowedCogroupedKStream[str, float])
    assert_type(sessions.aggregate(lambda: 0.0, lambda _, one, other: one + other), Spent)
    assert_type(sessions.late_records(refunds), KStream[str, Refund])


def test_cogrouped_streams_of_lambdas() -> None:
    """They tell nothing of what they make, so the program says it."""
    refunds = StreamsBuilder().stream("refunds", key=str, value=Refund).group_by_key()
    both = (
        orders()
        .cogroup(lambda _, order, total: total + order.amount, value=float)
        .cogroup(refunds, lambda _, refund, total: total - refund.amount)
    )
    assert_type(both, CogroupedKStream[str, float])
    assert_type(both.aggregate(lambda: 0.0), KTable[str, float])
    assert_type(both.windowed_by(SlidingWindows(10)).aggregate(lambda: 0.0), Spent)


def test_values_with_keys() -> None:
    s = StreamsBuilder().stream("orders", key=str, value=Order)
    assert_type(
        s.flat_map_values_with_key(lambda name, order: [(name, order.id)]),
        KStream[str, tuple[str, int]],
    )
    table = s.to_table(store="latest")
    assert_type(
        table.map_values_with_key(lambda name, order: (name, order.amount)),
        KTable[str, tuple[str, float]],
    )
    assert_type(table.filter_not(lambda name, order: name == order.customer), KTable[str, Order])


class Ids(ValueTransformer[str, Order, int]):
    def transform(self, key: str, value: Order | None) -> int:
        return 0 if value is None else len(key) + value.id


def test_transformed_values() -> None:
    table = StreamsBuilder().table("orders", key=str, value=Order)
    assert_type(table.transform_values(Ids, value=int), KTable[str, int])


def test_grouped_tables() -> None:
    table = StreamsBuilder().table("orders", key=str, value=Order)
    grouped = table.group_by(lambda _, order: (order.customer, order), key=str, value=Order)
    spent = grouped.aggregate(
        lambda: 0.0,
        lambda _, order, total: total + order.amount,
        lambda _, order, total: total - order.amount,
        value=float,
    )
    assert_type(spent, KTable[str, float])


@dataclass
class Most:
    least: float | None
    average: float | None


def test_aggregates() -> None:
    s = orders()
    assert_type(s.agg(mean(lambda order: order.amount)), KTable[str, float | None])
    assert_type(s.agg(min_of(lambda order: order.customer)), KTable[str, str | None])
    assert_type(s.agg(last()), KTable[str, Order | None])
    assert_type(s.agg(last(lambda order: order.id, by="amount")), KTable[str, int | None])
    assert_type(s.agg(count_distinct(lambda order: order.customer)), KTable[str, int])
    assert_type(s.agg(count(lambda order: order.id)), KTable[str, int])
    assert_type(s.agg(sum_of(lambda order: order.amount)), KTable[str, float])
    assert_type(s.agg(distinct("customer")), KTable[str, list[Any]])
    sliding = s.windowed_by(SlidingWindows(10))
    assert_type(
        sliding.agg(least=min_of("amount"), average=mean("amount"), into=Most),
        KTable[Windowed[str], Most],
    )
    assert_type(
        s.windowed_by(SessionWindows(5)).agg(mean(lambda order: order.amount)),
        KTable[Windowed[str], float | None],
    )
