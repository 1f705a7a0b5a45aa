"""Transactions, as each of Python's Kafka clients makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from client_drivers import Driver, Message, RefusedError, Transaction

Begin = Callable[[str], Transaction]


@pytest.fixture
def begin(driver: Driver) -> Iterator[Begin]:
    made: list[Transaction] = []

    def make(transactional_id: str) -> Transaction:
        made.append(driver.transaction(transactional_id))
        return made[-1]

    yield make
    for one in made:
        one.close()


def values(messages: list[Message]) -> list[bytes | None]:
    return [message.value for message in messages]


@pytest.mark.scenario("transactions")
def test_committed_records_are_seen_and_aborted_ones_are_not(
    driver: Driver, topic: str, begin: Begin, name: Callable[[str], str]
) -> None:
    transaction = begin(name("transactional"))
    transaction.send(topic, [b"a", b"b"])
    transaction.commit()
    transaction.send(topic, [b"lost", b"gone"])
    transaction.abort()
    transaction.send(topic, [b"c"])
    transaction.commit()
    driver.produce(topic, [Message(b"plain")])
    assert values(driver.read(topic, [0], 4, committed=True)) == [b"a", b"b", b"c", b"plain"]
    everything = [b"a", b"b", b"lost", b"gone", b"c", b"plain"]
    assert values(driver.read(topic, [0], 6)) == everything
    assert driver.watermarks(topic, 0)[1] == len(everything) + 3, "each transaction has its marker"


@pytest.mark.scenario("fencing")
def test_newer_producer_of_the_same_id_fences_the_older_one(
    driver: Driver, topic: str, begin: Begin, name: Callable[[str], str]
) -> None:
    transactional_id = name("transactional")
    older = begin(transactional_id)
    older.send(topic, [b"of the older one"])
    newer = begin(transactional_id)
    with pytest.raises(RefusedError):
        older.commit()
    newer.send(topic, [b"of the newer one"])
    newer.commit()
    assert values(driver.read(topic, [0], 1, committed=True)) == [b"of the newer one"]


@pytest.mark.scenario("transaction_offsets")
def test_offsets_are_committed_with_their_transaction_or_not_at_all(
    driver: Driver, topic: str, begin: Begin, name: Callable[[str], str]
) -> None:
    group = name("group")
    transaction = begin(name("transactional"))
    transaction.send(topic, [b"out"])
    transaction.send_offset(group, topic, 1, 5)
    transaction.commit()
    assert driver.committed(group, topic, 1) == (5, "")
    transaction.send(topic, [b"lost"])
    transaction.send_offset(group, topic, 1, 9)
    transaction.abort()
    assert driver.committed(group, topic, 1) == (5, "")


@pytest.mark.scenario("open_transaction")
def test_open_transaction_holds_committed_readers_back(
    driver: Driver, topic: str, begin: Begin, name: Callable[[str], str]
) -> None:
    driver.produce(topic, [Message(b"before")])
    transaction = begin(name("transactional"))
    transaction.send(topic, [b"open"])
    driver.produce(topic, [Message(b"after")])
    everything = [b"before", b"open", b"after"]
    assert values(driver.read(topic, [0], 3)) == everything
    assert values(driver.read(topic, [0], 1, committed=True)) == [b"before"]
    transaction.abort()
    assert values(driver.read(topic, [0], 2, committed=True)) == [b"before", b"after"]


@pytest.mark.scenario("transaction_timeout")
def test_transaction_that_takes_too_long_is_aborted(
    driver: Driver, topic: str, begin: Begin, name: Callable[[str], str]
) -> None:
    late = driver.transaction(name("transactional"), timeout_ms=1_000)
    late.send(topic, [b"late"])
    driver.produce(topic, [Message(b"after")])
    assert values(driver.read(topic, [0], 1, committed=True)) == [b"after"]
    with pytest.raises(RefusedError):
        late.commit()
    late.close()


@pytest.mark.scenario("transaction_timeout")
def test_timeout_longer_than_the_broker_grants_is_refused(
    driver: Driver, name: Callable[[str], str]
) -> None:
    with pytest.raises(RefusedError) as refused:
        driver.transaction(name("transactional"), timeout_ms=900_001)
    # kafka-python tells no number.
    by_name = driver.name != "kafka-python"
    assert refused.value.name == ("INVALID_TRANSACTION_TIMEOUT" if by_name else "KafkaError")
