"""The benchmarks' workloads on streamkit: RocksDB, changelogs, every update emitted.

`BENCH_WORKLOAD` says which one; `BENCH_LEFT`, `BENCH_RIGHT` and `BENCH_SINK` name the topics, `BENCH_APP` the
application. It imports nothing of the benchmarks, so that any interpreter with streamkit runs it.
"""

from __future__ import annotations

import os
from typing import Any

import streamkit as sk

app = sk.App(os.environ["BENCH_APP"])
build = app.builder
LEFT, RIGHT, SINK = (os.environ[f"BENCH_{name}"] for name in ("LEFT", "RIGHT", "SINK"))


def count() -> None:
    clicks = build.stream(LEFT, key=str, value=bytes)
    clicks.group_by_key().count(store="counts").to_stream().to(SINK, key=str, value=int)


def transform() -> None:
    clicks = build.stream(LEFT, key=str, value=dict[str, Any])
    fast = clicks.filter(lambda _user, click: click["ms"] < 900)
    fast.map_values(lambda click: {"page": click["page"], "s": click["ms"] / 1000}).to(
        SINK, key=str, value=dict[str, Any]
    )


def windows() -> None:
    clicks = build.stream(LEFT, key=str, value=bytes)
    minutes = clicks.group_by_key().windowed_by(sk.TumblingWindows(60_000))
    minutes.count(store="counts").to_stream().to(SINK, value=int)


def suppress() -> None:
    clicks = build.stream(LEFT, key=str, value=bytes)
    minutes = clicks.group_by_key().windowed_by(sk.TumblingWindows(60_000))
    last = minutes.count(store="counts").suppress(sk.UntilWindowCloses(), name="last")
    last.to_stream().to(SINK, value=int)


def sessions() -> None:
    clicks = build.stream(LEFT, key=str, value=bytes)
    visits = clicks.group_by_key().windowed_by(sk.SessionWindows(5_000))
    visits.count(store="counts").to_stream().to(SINK, value=int)


def stream_join() -> None:
    left = build.stream(LEFT, key=str, value=bytes)
    right = build.stream(RIGHT, key=str, value=bytes)
    near = sk.JoinWindows(5_000)
    left.join(right, lambda a, b: a[:40] + b[:40], windows=near).to(SINK, key=str, value=bytes)


def table_join() -> None:
    clicks = build.stream(LEFT, key=str, value=bytes)
    users = build.table(RIGHT, key=str, value=bytes, store="users")
    clicks.left_join(users, lambda click, user: click[:40] + (user or b"")[:40]).to(
        SINK, key=str, value=bytes
    )


WORKLOADS = {
    "count": count,
    "transform": transform,
    "windows": windows,
    "suppress": suppress,
    "sessions": sessions,
    "stream-join": stream_join,
    "table-join": table_join,
}
WORKLOADS[os.environ["BENCH_WORKLOAD"]]()
