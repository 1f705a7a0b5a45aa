"""Cogrouped streams: what the first call says of their results holds for all that is made of them."""

from __future__ import annotations

from typing import Any

import pytest

import streamkit as sk

WINDOWS = (None, sk.TumblingWindows(10), sk.SessionWindows(10))


def serde_of_results(windows: Any, *, first: Any, last: Any) -> str:
    """The name of the store's serde, with these types given to `cogroup` and to `aggregate`."""
    builder = sk.StreamsBuilder()
    one = builder.stream("one", key=str, value=int).group_by_key()
    two = builder.stream("two", key=str, value=str).group_by_key()
    both: Any = one.cogroup(lambda _, n, total: total + n, value=first)
    both = both.cogroup(two, lambda _, text, total: total + len(text))
    merger = [lambda _, a, b: a + b] if isinstance(windows, sk.SessionWindows) else []
    if windows is not None:
        both = both.windowed_by(windows)
    both.aggregate(lambda: 0, *merger, store="totals", value=last)
    serde = builder.build().stores["totals"].value_serde
    assert serde is not None
    return serde.name


@pytest.mark.parametrize("windows", WINDOWS, ids=["plain", "tumbling", "sessions"])
def test_type_of_the_results_may_stand_where_cogrouping_begins(windows: Any) -> None:
    assert serde_of_results(windows, first=float, last=None) == "float"
    assert serde_of_results(windows, first=None, last=float) == "float"
    assert serde_of_results(windows, first=float, last=int) == "int"
