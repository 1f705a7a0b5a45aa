"""The record cache against a model: of what goes on without a cache, the last of each key and commit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from restart_lab import RestartingDriver

import streamkit as sk

WINDOWS: dict[str, Any] = {
    "none": None,
    "tumbling": sk.TumblingWindows(10, grace=20),
    "hopping": sk.HoppingWindows(10, advance=3, grace=20),
    "sliding": sk.SlidingWindows(6, grace=20),
    "session": sk.SessionWindows(5, grace=20),
    "unlimited": sk.UnlimitedWindows(start=5),
}

Sent = tuple[Any, int | None, int]

records = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.integers(0, 40)),
    min_size=1,
    max_size=20,
)


def summed(windows: Any, *, rows: bool) -> sk.StreamsBuilder:
    """Sums by key, which a 4 ends; `rows`: of a table's rows by group, so that old values count."""
    builder = sk.StreamsBuilder()
    stream = builder.stream("in", key=str, value=int)
    if rows:
        table = stream.to_table(store="rows")
        groups = table.group_by(lambda _, value: (value % 2, value), key=int, value=int)
        sums: Any = groups.reduce(lambda a, b: a + b, lambda a, b: a - b, store="sums", value=int)
    else:
        grouped: Any = stream.group_by_key()
        merger = [_merged] * isinstance(windows, sk.SessionWindows)
        if windows is not None:
            grouped = grouped.windowed_by(windows)
        sums = grouped.aggregate(int, _added, *merger, value=int, store="sums")
    sums.to_stream().to("out")
    return builder


def _added(_key: str, value: int, total: int) -> int | None:
    return None if value == 4 else total + value


def _merged(_key: str, one: int, other: int) -> int:
    return one + other


def run(builder: Any, given_records: list[Any], every: int, cache: int) -> list[list[Sent]]:
    """What went out at each record, and at the end."""
    steps = []
    driver = RestartingDriver(
        builder, commit_every=every, backend="memory", statestore_cache_max_bytes=cache
    )
    with driver:
        for key, value, time in given_records:
            driver.pipe_input("in", key, value, timestamp_ms=time)
            steps.append(driver.read_all("out"))
        for _ in range(2):  # what the first task's commit sends on, the second one commits
            driver.commit()
        steps.append(driver.read_all("out"))
    return [[(row.key, row.value, row.timestamp_ms) for row in step] for step in steps]


def merged(steps: list[list[Sent]], every: int) -> list[Sent]:
    """The model: one update a key and commit, in the order of last writes."""
    sent: dict[Any, int | None] = {}
    waits: dict[Any, tuple[int | None, int]] = {}
    out: list[Sent] = []
    for number, step in enumerate(steps):
        for key, value, timestamp in step:
            waits.pop(key, None)
            waits[key] = value, timestamp
        # The driver's first commit is that of an empty task.
        if (number + 2) % every == 0 or number == len(steps) - 1:
            for key, (value, timestamp) in waits.items():
                if value is not None or sent.get(key) is not None:
                    out.append((key, value, timestamp))
                    sent[key] = value
            waits = {}
    return out


@pytest.mark.parametrize("name", WINDOWS)
@settings(max_examples=25, deadline=None)
@given(given_records=records, every=st.sampled_from((1, 2, 3, 7, 100)))
def test_cache_sends_the_last_update_of_each_key_and_commit(
    name: str, given_records: list[Any], every: int
) -> None:
    plain = run(summed(WINDOWS[name], rows=False), given_records, every, 0)
    cached = run(summed(WINDOWS[name], rows=False), given_records, every, 10_000_000)
    values = [(key, value) for step in cached for key, value, _ in step]
    assert values == [(key, value) for key, value, _ in merged(plain, every)]


@settings(max_examples=30, deadline=None)
@given(
    given_records=records,
    every=st.sampled_from((1, 2, 3, 7, 100)),
    cache=st.sampled_from((1, 600, 10_000_000)),
)
def test_groups_of_a_cached_table_end_with_the_same_sums(
    given_records: list[Any], every: int, cache: int
) -> None:
    """What is subtracted is what was added, however updates were merged."""
    plain = run(summed(None, rows=True), given_records, every, 0)
    cached = run(summed(None, rows=True), given_records, every, cache)
    last = [{key: value for step in steps for key, value, _ in step} for steps in (plain, cached)]
    assert last[0].keys() >= last[1].keys()
    assert all((last[1].get(key) or 0) == (value or 0) for key, value in last[0].items())
