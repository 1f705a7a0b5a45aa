"""Keys and values keep their types through the DSL, lambdas included.

The functions here are checked by mypy and pyright (`assert_type` fails there if a type is another); the
tests run them too, so that the programs are also valid ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

from streamkit import (
    Aggregates,
    App,
    FixedKeyProcessor,
    GlobalKTable,
    HoppingWindows,
    KStream,
    KTable,
    Processor,
    ProcessorContext,
    Record,
    SessionWindows,
    StreamsBuilder,
    Topic,
    TumblingWindows,
    Windowed,
    count,
    distinct,
    first,
    max_of,
    sum_of,
    top_k,
)
from streamkit.dsl import KGroupedStream, KGroupedTable, TimeWindowedKStream


@dataclass
class Order:
    id: int
    customer: str
    amount: float


class Totals(Processor[str, Order, int, float]):
    def process(self, record: Record[str, Order]) -> None:
        assert_type(record.value, Order)
        assert_type(self.context, ProcessorContext[int, float])
        self.context.forward(Record(record.value.id, record.value.amount, record.timestamp_ms))


class Names(FixedKeyProcessor[str, Order, str]):
    def process(self, record: Record[str, Order]) -> None:
        self.context.forward(record.value.customer)


def no_names() -> list[str]:
    return []


def with_name(names: list[str], name: str) -> list[str]:
    return [*names, name]


def orders() -> KStream[str, Order]:
    return StreamsBuilder().stream("orders", key=str, value=Order)


def test_sources() -> None:
    b = StreamsBuilder()
    assert_type(b.stream("a", key=str, value=Order), KStream[str, Order])
    assert_type(b.stream("b", key=str), KStream[str, Any])
    assert_type(b.stream("c", value=Order), KStream[Any, Order])
    assert_type(b.stream(["d", "e"]), KStream[Any, Any])
    assert_type(b.table("f", key=int, value=Order, store="orders"), KTable[int, Order])
    assert_type(b.table("g", value=Order), KTable[Any, Order])
    assert_type(b.table("h"), KTable[Any, Any])
    assert_type(b.global_table("i", key=str, value=bytes), GlobalKTable[str, bytes])
    assert_type(b.global_table("j", key=str), GlobalKTable[str, Any])


def test_event_time_functions_see_the_types() -> None:
    b = StreamsBuilder()
    stream = b.stream("a", key=str, value=Order, timestamp=lambda _, order: order.id)
    assert_type(stream, KStream[str, Order])
    table = b.table("b", key=str, value=Order, timestamp=lambda _, order: order.id)
    assert_type(table, KTable[str, Order])
    codes = b.global_table("c", value=Order, timestamp=lambda _, order: order.id)
    assert_type(codes, GlobalKTable[Any, Order])


def test_stateless_operations() -> None:
    s = orders()
    assert_type(s.filter(lambda _, order: order.amount > 0), KStream[str, Order])
    assert_type(s.map(lambda key, order: (order.id, key)), KStream[int, str])
    assert_type(s.map_values(lambda order: order.amount), KStream[str, float])
    assert_type(
        s.map_values_with_key(lambda key, order: (key, order.id)), KStream[str, tuple[str, int]]
    )
    assert_type(s.select_key(lambda _, order: order.customer, key=str), KStream[str, Order])
    assert_type(s.flat_map(lambda key, order: [(order.id, key)]), KStream[int, str])
    assert_type(s.flat_map_values(lambda order: order.customer.split()), KStream[str, str])
    assert_type(s.peek(lambda _, order: print(order.id)), KStream[str, Order])
    assert_type(s.repartition(), KStream[str, Order])
    assert_type(s.merge(s.filter_not(lambda *_: False)), KStream[str, Order])
    branches = s.split().branch(lambda _, order: order.amount > 5).default_branch()
    assert_type(branches, dict[str, KStream[str, Order]])
    s.to(lambda _, order, info: f"{info.topic}-{order.customer}")


def test_aggregations() -> None:
    s = orders()
    assert_type(s.group_by_key(), KGroupedStream[str, Order])
    by_id = s.group_by(lambda _, order: order.id, key=int)
    assert_type(by_id, KGroupedStream[int, Order])
    assert_type(by_id.count(store="counts"), KTable[int, int])
    assert_type(by_id.reduce(lambda a, b: a if a.amount > b.amount else b), KTable[int, Order])
    assert_type(
        by_id.aggregate(lambda: 0.0, lambda _, order, total: total + order.amount, value=float),
        KTable[int, float],
    )
    windowed = by_id.windowed_by(TumblingWindows(hours=1, grace=timedelta(minutes=5)))
    assert_type(windowed, TimeWindowedKStream[int, Order])
    assert_type(windowed.count(), KTable[Windowed[int], int])
    hopping = by_id.windowed_by(HoppingWindows(10, advance=5))
    assert_type(
        hopping.aggregate(no_names, lambda _, order, names: with_name(names, order.customer)),
        KTable[Windowed[int], list[str]],
    )
    assert_type(
        hopping.count().to_stream().map(lambda k, v: (k.key, v)),
        KStream[int, int],
    )


@dataclass
class Sums:
    total: float
    n: int


def test_named_aggregates() -> None:
    s = orders().group_by_key()
    assert_type(
        s.agg(total=sum_of(lambda order: order.amount), n=count(), into=Sums),
        KTable[str, Sums],
    )
    assert_type(s.agg(total=sum_of("amount"), n=count()), KTable[str, dict[str, Any]])
    assert_type(s.agg(count()), KTable[str, int])
    assert_type(s.agg(max_of(lambda order: order.amount)), KTable[str, float | None])
    assert_type(s.agg(first()), KTable[str, Order | None])
    assert_type(s.agg(top_k(3, by=lambda order: order.amount)), KTable[str, list[Order]])
    assert_type(
        s.agg(top_k(3, by="amount", of=lambda order: order.customer)), KTable[str, list[str]]
    )
    windowed = s.windowed_by(SessionWindows(5))
    assert_type(
        windowed.agg(distinct(lambda order: order.customer)), KTable[Windowed[str], list[str]]
    )
    assert_type(
        windowed.agg(into=Sums, total=sum_of("amount"), n=count()), KTable[Windowed[str], Sums]
    )
    both = s.cogroup(Aggregates(total=sum_of("amount"))).cogroup(
        orders().group_by_key(), Aggregates(n=count())
    )
    assert_type(both.windowed_by(SessionWindows(5)).agg(into=Sums), KTable[Windowed[str], Sums])


def test_tables() -> None:
    table = orders().to_table(store="latest")
    assert_type(table, KTable[str, Order])
    assert_type(table.filter(lambda _, order: order.id > 0), KTable[str, Order])
    assert_type(table.map_values(lambda order: order.id), KTable[str, int])
    assert_type(table.to_stream(), KStream[str, Order])
    assert_type(table.to_stream(lambda key, _: len(key)), KStream[int, Order])
    customers = StreamsBuilder().table("customers", key=int, value=bytes)
    joined = table.join(
        customers, lambda order, row: (order, row), foreign_key=lambda order: order.id
    )
    assert_type(joined, KTable[str, tuple[Order, bytes]])
    kept = table.left_join(
        customers,
        lambda _, row: None if row is None else len(row),
        foreign_key=lambda order: order.id or None,
    )
    assert_type(kept, KTable[str, int | None])
    grouped = table.group_by(lambda _, order: (order.customer, order.amount))
    assert_type(grouped, KGroupedTable[str, float])
    assert_type(grouped.count(), KTable[str, int])
    assert_type(grouped.reduce(lambda a, b: a + b, lambda a, b: a - b), KTable[str, float])


def test_joins() -> None:
    b = StreamsBuilder()
    s = b.stream("orders", key=str, value=Order)
    names = b.table("names", key=str, value=str)
    codes = b.global_table("codes", key=int, value=bytes)
    assert_type(s.join(names, lambda order, name: (order.id, name)), KStream[str, tuple[int, str]])
    assert_type(s.left_join(names, lambda _, name: name), KStream[str, str | None])
    assert_type(
        s.join(names, lambda key, order, name: f"{key}{order.id}{name}", with_key=True),
        KStream[str, str],
    )
    assert_type(
        s.join_global(codes, key=lambda _, order: order.id, joiner=lambda _, code: code),
        KStream[str, bytes],
    )
    assert_type(
        s.left_join_global(codes, key=lambda _, order: order.id, joiner=lambda _, code: code),
        KStream[str, bytes | None],
    )


def test_processors() -> None:
    s = orders()
    assert_type(s.process(Totals), KStream[int, float])
    assert_type(s.process_values(Names), KStream[str, str])


def test_app() -> None:
    app = App("app")
    topic = app.topic("orders", key=str, value=Order, timestamp=lambda _, order: order.id)
    assert_type(topic, Topic[str, Order])

    @app.stream(topic)
    def build(orders: KStream[str, Order]) -> Iterable[str]:
        assert_type(orders.map_values(lambda order: order.id), KStream[str, int])
        return []

    @app.agent(topic)
    def handle(record: Record[str, Order], context: ProcessorContext[Any, Any]) -> None: ...

    assert callable(build)
    assert callable(handle)
    table = app.table(app.topic("names", key=str, value=str), store="names")
    assert_type(table.map_values(len), KTable[str, int])
    codes = app.global_table(app.topic("codes", key=int, value=bytes))
    assert_type(codes, GlobalKTable[int, bytes])
