"""Types of foreign keys, partitioners, decorators and topologies; see test_dsl_types.py."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, assert_type

from streamkit import (
    App,
    KStream,
    KTable,
    ProcessorContext,
    Record,
    StreamsBuilder,
)
from streamkit.topology import StreamPartitioner, TopologyDescription


@dataclass
class Order:
    id: int
    customer: str


@dataclass
class Customer:
    name: str


def test_foreign_keys() -> None:
    b = StreamsBuilder()
    orders = b.table("orders", key=int, value=Order, store="orders")
    customers = b.table("customers", key=str, value=Customer, store="customers")
    by_value = orders.join(
        customers, lambda order, customer: (order, customer), foreign_key=lambda o: o.customer
    )
    assert_type(by_value, KTable[int, tuple[Order, Customer]])
    by_both = orders.join(
        customers,
        lambda order, customer: customer.name * order.id,
        foreign_key_with_key=lambda number, order: order.customer * number,
        name="both",
    )
    assert_type(by_both, KTable[int, str])
    left = orders.left_join(
        customers,
        lambda order, customer: customer.name if customer else order.customer,
        foreign_key_with_key=lambda _, order: order.customer or None,
        partitioner=lambda _topic, key, _value, partitions: key % partitions,
        other_partitioner=lambda _topic, key, _value, partitions: len(key) % partitions,
        name="left",
    )
    assert_type(left, KTable[int, str])


def test_partitioners() -> None:
    def everywhere(topic: str, key: Any, value: Any, partitions: int, /) -> Collection[int] | None:
        return range(partitions) if topic and key is not value else None

    partitioner: StreamPartitioner = everywhere
    s = StreamsBuilder().stream("orders", key=int, value=Order)
    s.to("out", partitioner=partitioner)
    s.to("one", partitioner=lambda _topic, key, _value, _partitions: key)
    s.to("some", partitioner=lambda _topic, key, _value, _partitions: {key, 0})


def test_decorators_keep_the_function() -> None:
    app = App("typed")

    @app.stream("orders")
    def by_id(orders: KStream[int, Order]) -> None:
        assert_type(orders.map_values(lambda order: order.customer), KStream[int, str])

    @app.table("customers")
    def names(customers: KTable[str, Customer]) -> None:
        assert_type(customers.map_values(lambda c: c.name), KTable[str, str])

    @app.agent("more-orders", to="ids")
    def ids(record: Record[int, Order], context: ProcessorContext[int, str]) -> None:
        context.forward(Record(record.value.id, record.value.customer, record.timestamp_ms))

    kept: Callable[[Record[int, Order], ProcessorContext[int, str]], None] = ids
    assert kept is ids
    assert callable(by_id)
    assert callable(names)


def test_descriptions() -> None:
    b = StreamsBuilder()
    b.stream("in", key=int, value=Order).to("out")
    description = b.build(optimize="merge.repartition.topics").describe()
    assert_type(description, TopologyDescription)
    assert_type(description.to_svg(), str)
    assert_type(b.build(optimize=["single.store.self.join"]).describe().to_json(), str)
