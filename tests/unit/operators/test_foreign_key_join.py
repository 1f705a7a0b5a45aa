"""Foreign-key joins: what is asked, what is answered, which answers count, and the bytes in between.

The expected bytes and hashes were printed by Kafka Streams 4.3.0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_lab import Lab, Sent

from streamkit import StreamsBuilder
from streamkit.errors import ConfigError, ProcessingError, SerdeError
from streamkit.model import Change
from streamkit.model.murmur3 import murmur3_128
from streamkit.operators.foreign_key_join import (
    ForeignTableJoin,
    ResponseJoin,
    SubscriptionJoin,
    SubscriptionReceive,
    SubscriptionSend,
)
from streamkit.operators.getter import StoreGetter
from streamkit.serde import BytesSerde, StringSerde
from streamkit.serde.subscription import (
    DELETE_KEY_AND_PROPAGATE,
    DELETE_KEY_NO_PROPAGATE,
    PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE,
    PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE,
    Subscription,
    SubscriptionResponse,
    SubscriptionResponseSerde,
    SubscriptionSerde,
    combined_key,
    foreign_key_prefix,
    primary_key_of,
)
from streamkit.state import StoreKind, StoreSpec
from streamkit.testing import TopologyTestDriver
from streamkit.topology.plan import plan

TEXT = StringSerde()
HASH = bytes.fromhex("0102030405060708fffffffffffffffe")
ROWS = StoreSpec("rows", StoreKind.TIMESTAMPED_KEY_VALUE, TEXT, TEXT)
SUBSCRIPTIONS = StoreSpec(
    "subscriptions", StoreKind.TIMESTAMPED_KEY_VALUE, BytesSerde(), SubscriptionSerde()
)


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, "9d2764a018e329428c3cf3b035938518"),
        (1, "bff2166f25d4e3caad76f90042c32eb7"),
        (7, "e2c12aaa37615c8d78e8fff449acd2e3"),
        (8, "5376fe5d8752a4802bcfb922970c534c"),
        (9, "b79cc91e67eb164f7285936d18b5c4c8"),
        (15, "8541440932df88a8133781906f758397"),
        (16, "3b1ca826ba2a8ab100ff368af7e15570"),
        (17, "14606ec89b0c68c720e38f08a941bbdf"),
        (31, "0fc8bff6b4d635a2db8b6c0ce90a3cd8"),
        (33, "c811ac0257c06b43de4815d1c281354e"),
        (100, "ac5e6f34f01858a4773258770366c397"),
    ],
)
def test_hash_is_kafka_streams_murmur3(length: int, expected: str) -> None:
    data = bytes((i * 37 + 200) % 256 for i in range(length))
    assert murmur3_128(data).hex() == expected


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ((HASH, 0, 7), "01000102030405060708fffffffffffffffe706b00000007"),
        ((HASH, 3, 7), "01030102030405060708fffffffffffffffe706b00000007"),
        ((None, 1, 7), "8101706b00000007"),
        ((HASH, 1, None), "00010102030405060708fffffffffffffffe706b"),
    ],
)
def test_subscription_has_kafka_streams_bytes(
    given_: tuple[bytes | None, int, int | None], expected: str
) -> None:
    row_hash, instruction, partition = given_
    data = SubscriptionSerde().serialize("t", Subscription(row_hash, instruction, b"pk", partition))
    assert data.hex() == expected
    assert fields(SubscriptionSerde().deserialize("t", data)) == (
        row_hash,
        instruction,
        b"pk",
        partition,
    )


def test_response_has_kafka_streams_bytes() -> None:
    serde = SubscriptionResponseSerde(TEXT)
    full = serde.serialize("t", SubscriptionResponse(HASH, "vo", 7))
    assert full.hex() == "000102030405060708fffffffffffffffe766f"
    empty = serde.serialize("t", SubscriptionResponse(None, None, 7))
    assert empty.hex() == "80"
    assert answer(serde.deserialize("t", full)) == (HASH, "vo", None)
    assert answer(serde.deserialize("t", empty)) == (None, None, None)


@given(st.binary(max_size=40))
def test_damaged_bytes_are_a_serde_error(data: bytes) -> None:
    serdes: list[Any] = [SubscriptionSerde(), SubscriptionResponseSerde(BytesSerde())]
    for serde in serdes:
        try:
            read = serde.deserialize("t", data)
        except SerdeError:
            continue
        assert serde.serialize("t", read) == data


@given(st.binary(max_size=9), st.binary(max_size=9))
def test_combined_key_gives_the_primary_key_back(foreign: bytes, primary: bytes) -> None:
    prefix = foreign_key_prefix(foreign)
    combined = combined_key(foreign, primary)
    assert combined.startswith(prefix)
    assert primary_key_of(combined, prefix) == primary


def fields(subscription: Subscription) -> tuple[bytes | None, int, bytes, int | None]:
    return (
        subscription.row_hash,
        subscription.instruction,
        subscription.primary_key,
        subscription.primary_partition,
    )


def answer(response: Any) -> tuple[bytes | None, object, int | None]:
    return response.row_hash, response.value, response.primary_partition


def foreign_key(value: str) -> str | None:
    return value[0] if value[0] != "-" else None


def sender(*, left: bool) -> Lab:
    return Lab(SubscriptionSend(foreign_key, TEXT, TEXT, TEXT, "s-topic", left=left))


def asked(lab: Lab, old: str | None, new: str | None) -> list[tuple[object, int]]:
    sent = lab.send("k", Change(old, new), 5)
    row_hash = None if new is None else murmur3_128(new.encode())
    for each in sent:
        assert fields(each.value)[0] == row_hash
        assert fields(each.value)[2:] == (b"k", 0)
        assert each.timestamp == 5
    return [(each.key, each.value.instruction) for each in sent]


KEEP = DELETE_KEY_NO_PROPAGATE
DELETE = DELETE_KEY_AND_PROPAGATE
ALWAYS = PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE
FOUND = PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE


def test_inner_join_asks_as_foreign_keys_come_move_and_go() -> None:
    lab = sender(left=False)
    assert asked(lab, None, "a1") == [("a", FOUND)]
    assert asked(lab, "a1", "a2") == [("a", FOUND)]
    assert asked(lab, "a2", "b1") == [("a", KEEP), ("b", ALWAYS)]
    assert asked(lab, "b1", "-") == [("b", DELETE)]
    assert asked(lab, "-", "c1") == [("c", FOUND)]
    assert asked(lab, "c1", None) == [("c", DELETE)]
    assert asked(lab, None, None) == []
    assert asked(lab, "-", None) == []
    assert lab.dropped == {"null foreign key": 1}


def test_left_join_asks_in_any_case() -> None:
    lab = sender(left=True)
    assert asked(lab, None, "a1") == [("a", ALWAYS)]
    assert asked(lab, "a1", "b1") == [("a", KEEP), ("b", ALWAYS)]
    assert asked(lab, "b1", "-") == [("b", KEEP), (None, ALWAYS)]
    assert asked(lab, "-", None) == [(None, ALWAYS)]
    assert asked(lab, "a1", None) == [("a", KEEP), (None, ALWAYS)]
    assert asked(lab, None, None) == []


def test_out_of_order_rows_of_a_table_with_history_ask_nothing() -> None:
    lab = sender(left=True)
    assert lab.send("k", Change("a", "b", is_latest=False)) == []
    assert lab.dropped == {"out of order": 1}


def test_foreign_key_that_its_serde_cannot_write_names_the_node() -> None:
    lab = Lab(SubscriptionSend(len, TEXT, TEXT, TEXT, "s-topic", left=True))
    with pytest.raises(SerdeError) as raised:
        lab.send("k", Change("a", "bb"))
    assert raised.value.node == "op"


def test_subscriptions_are_kept_until_they_end() -> None:
    lab = Lab(SubscriptionReceive("subscriptions"), SUBSCRIPTIONS)
    store: Any = lab.stores["subscriptions"]
    asks = Subscription(HASH, FOUND, b"k", 0)
    assert lab.send("a", asks, 3, raw_key=b"a") == [Sent("a", asks, 3)]
    assert [(key, entry[1]) for key, entry in store.all()] == [(b"\0\0\0\x01ak", 3)]
    ends = Subscription(None, KEEP, b"k", 0)
    assert lab.send("a", ends, 4, raw_key=b"a") == [Sent("a", ends, 4)]
    assert list(store.all()) == []


def test_subscription_without_a_foreign_key_passes_only_if_it_is_answered_always() -> None:
    lab = Lab(SubscriptionReceive("subscriptions"), SUBSCRIPTIONS)
    assert lab.send(None, Subscription(HASH, FOUND, b"k", 0)) == []
    passes = Subscription(HASH, ALWAYS, b"k", 0)
    assert lab.send(None, passes, 1) == [Sent(None, passes, 1)]
    assert lab.dropped == {"null foreign key": 1}


def test_new_subscription_is_answered_with_the_later_time() -> None:
    lab = Lab(SubscriptionJoin(partial(StoreGetter, "rows")), ROWS)
    store: Any = lab.stores["rows"]
    store.put("a", "row", 9)

    def answers(key: str | None, instruction: int) -> list[tuple[object, object, int]]:
        sent = lab.send(key, Subscription(HASH, instruction, b"k", 4), 5)
        assert all(answer(each.value)[::2] == (HASH, 4) for each in sent)
        return [(each.key, each.value.value, each.timestamp) for each in sent]

    assert answers("a", FOUND) == [(b"k", "row", 9)]
    assert answers("a", ALWAYS) == [(b"k", "row", 9)]
    assert answers("a", DELETE) == [(b"k", None, 9)]
    assert answers("a", KEEP) == []
    assert answers("b", FOUND) == []
    assert answers("b", ALWAYS) == [(b"k", None, 5)]
    assert answers(None, ALWAYS) == [(b"k", None, 5)]


def test_changed_row_answers_its_subscriptions_and_no_others() -> None:
    lab = Lab(ForeignTableJoin("subscriptions", TEXT, "s-topic"), SUBSCRIPTIONS)
    store: Any = lab.stores["subscriptions"]
    for foreign, primary in [(b"a", b"2"), (b"a", b"1"), (b"ab", b"3"), (b"b", b"4")]:
        store.put(combined_key(foreign, primary), Subscription(HASH, FOUND, primary, 1), 0)
    sent = lab.send("a", Change(None, "row"), 7)
    assert [(each.key, answer(each.value), each.timestamp) for each in sent] == [
        (b"1", (HASH, "row", 1), 7),
        (b"2", (HASH, "row", 1), 7),
    ]
    assert lab.send(None, Change(None, "row")) == []
    assert lab.send("a", Change(None, "row", is_latest=False)) == []
    assert lab.dropped == {"null key": 1, "out of order": 1}


@pytest.mark.parametrize("left", [False, True])
def test_answer_to_a_row_that_changed_meanwhile_is_dropped(left: bool) -> None:
    join = ResponseJoin(partial(StoreGetter, "rows"), TEXT, "{}+{}".format, "s-topic", left=left)
    lab = Lab(join, ROWS)
    store: Any = lab.stores["rows"]
    store.put("k", "now", 0)
    then, now = murmur3_128(b"then"), murmur3_128(b"now")
    assert lab.send("k", SubscriptionResponse(then, "r", None), 1) == []
    assert lab.send("k", SubscriptionResponse(None, "r", None), 1) == []
    assert lab.dropped == {"row changed meanwhile": 2}
    assert lab.send("k", SubscriptionResponse(now, "r", None), 1) == [Sent("k", "now+r", 1)]
    alone = "now+None" if left else None
    assert lab.send("k", SubscriptionResponse(now, None, None), 1) == [Sent("k", alone, 1)]
    assert lab.send("gone", SubscriptionResponse(None, None, None), 1) == [Sent("gone", None, 1)]


def joined(b: StreamsBuilder) -> None:
    left = b.table("l", key=str, value=str)
    right = b.table("r", key=str, value=str)
    result = left.join(right, "{}+{}".format, foreign_key=foreign_key, name="j", value=str)
    result.to_stream().to("out")


def test_topics_are_as_wide_as_the_table_that_they_lead_to() -> None:
    b = StreamsBuilder()
    joined(b)
    planned = plan(b.build(), "app")
    partitions = planned.resolve({"l": 4, "r": 3}).partitions
    assert partitions["app-j-subscription-registration-topic"] == 3
    assert partitions["app-j-subscription-response-topic"] == 4
    assert partitions["app-j-subscription-store-changelog"] == 3


def test_result_can_be_joined_and_grouped_again() -> None:
    b = StreamsBuilder()
    left = b.table("l", key=str, value=str)
    right = b.table("r", key=str, value=str)
    once = left.join(right, "{}{}".format, foreign_key=foreign_key, value=str)
    twice = once.left_join(right, "{}/{}".format, foreign_key=lambda row: row[-1], value=str)
    twice.to_stream().to("out")
    once.group_by(lambda _, row: (row[-1], row), key=str, value=str).count().to_stream().to("n")
    with TopologyTestDriver(b) as driver:
        driver.pipe_input("r", "a", "b", 1)
        driver.pipe_input("r", "b", "c", 2)
        driver.pipe_input("l", "k", "a1", 3)
        assert [(r.key, r.value) for r in driver.read_all("out", key=str, value=str)] == [
            ("k", "a1b/c")
        ]
        assert [(r.key, r.value) for r in driver.read_all("n", key=str, value=int)] == [("b", 1)]


@pytest.mark.parametrize("left_join", [False, True])
def test_foreign_key_may_be_of_key_and_value(left_join: bool) -> None:
    """KIP-1104."""
    b = StreamsBuilder()
    left = b.table("l", key=str, value=str)
    right = b.table("r", key=str, value=str)
    method: Any = left.left_join if left_join else left.join
    joined = method(
        right, "{}+{}".format, foreign_key_with_key=lambda key, row: key[0] + row[0], value=str
    )
    joined.to_stream().to("out")
    with TopologyTestDriver(b, backend="memory") as driver:
        driver.pipe_input("r", "ka", "A", 1)
        driver.pipe_input("l", "k1", "a", 2)
        driver.pipe_input("l", "x1", "a", 3)
        driver.pipe_input("r", "xa", "X", 4)
        found = [(r.key, r.value) for r in driver.read_all("out", key=str, value=str)]
    expected = [("k1", "a+A"), ("x1", "a+None"), ("x1", "a+X")]
    assert found == [row for row in expected if left_join or "None" not in row[1]]


def test_partitioners_of_the_two_tables_see_their_keys_and_no_value() -> None:
    asked: list[tuple[str, str, Any, Any]] = []

    def partitioner(side: str) -> Callable[[str, Any, Any, int], int]:
        def choose(topic: str, key: Any, value: Any, partitions: int) -> int:
            asked.append((side, topic, key, value))
            return partitions - 1

        return choose

    b = StreamsBuilder()
    left = b.table("l", key=int, value=str)
    right = b.table("r", key=str, value=str)
    joined = left.join(
        right,
        "{}{}".format,
        foreign_key=lambda row: row[0],
        partitioner=partitioner("left"),
        other_partitioner=partitioner("right"),
        name="j",
        value=str,
    )
    joined.to_stream().to("out")
    with TopologyTestDriver(b, backend="memory") as driver:
        driver.pipe_input("r", "a", "A", 1)
        driver.pipe_input("l", 7, "a", 2)
    topics = [(side, topic.partition("-j-")[2], *rest) for side, topic, *rest in asked]
    assert topics == [
        ("right", "subscription-registration-topic", "a", None),
        ("left", "subscription-response-topic", 7, None),
    ]


def test_partitioner_of_a_foreign_key_join_gives_one_partition() -> None:
    b = StreamsBuilder()
    left = b.table("l", key=str, value=str)
    joined = left.join(
        left, "{}{}".format, foreign_key=lambda v: v, other_partitioner=lambda *_: {0, 1}, value=str
    )
    joined.to_stream().to("out")
    with (
        TopologyTestDriver(b, backend="memory") as driver,
        pytest.raises(ProcessingError, match=r"one partition a key, not \[0, 1\]"),
    ):
        driver.pipe_input("l", "k", "v", 2)


def test_joins_with_contradicting_options_are_refused() -> None:
    t = StreamsBuilder().table("l", key=str, value=str)
    untyped: Any = t.join
    with pytest.raises(ConfigError, match="not both"):
        untyped(t, max, foreign_key=len, foreign_key_with_key=max)
    with pytest.raises(ConfigError, match="partitioners only with a foreign key"):
        untyped(t, max, partitioner=lambda *_: 0)
