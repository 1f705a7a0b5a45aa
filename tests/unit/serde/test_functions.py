"""A serde of two functions."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

import streamkit as sk
from streamkit.errors import SerdeError
from streamkit.testing import TopologyTestDriver


def amount_to_bytes(amount: Decimal) -> bytes:
    return str(amount.quantize(Decimal("0.01"))).encode()


def amount(data: bytes) -> Decimal:
    return Decimal(data.decode())


AMOUNT: sk.Serde[Any] = sk.serde_from(amount_to_bytes, amount)


def test_values_go_through_both_functions_and_a_program() -> None:
    builder = sk.StreamsBuilder()
    paid = builder.stream("paid", key=str, value=AMOUNT)
    paid.group_by_key().reduce(lambda one, other: one + other, store="sums").to_stream().to("sums")
    with TopologyTestDriver(builder) as driver:
        for value in ("1.10", "2.2"):
            driver.pipe_input("paid", "a", Decimal(value), timestamp_ms=0)
        assert [record.value for record in driver.read_all("sums")] == [
            Decimal("1.10"),
            Decimal("3.30"),
        ]


def test_what_a_function_raises_is_a_serde_error_with_serde_and_topic() -> None:
    with pytest.raises(
        SerdeError, match="serde 'amount' can't read 3 bytes of topic 'paid'"
    ) as error:
        AMOUNT.deserialize("paid", b"abc")
    assert isinstance(error.value.__cause__, InvalidOperation)
    with pytest.raises(SerdeError, match="can't write a value of type str"):
        AMOUNT.serialize("paid", "no amount")


def test_function_that_returns_no_bytes_is_refused() -> None:
    to_text: Any = str
    text = sk.serde_from(to_text, bytes.decode, name="text")
    with pytest.raises(SerdeError, match="a function that returns bytes, not str"):
        text.serialize("paid", "x")
