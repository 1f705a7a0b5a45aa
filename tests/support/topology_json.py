"""Topologies as JSON: built here with our DSL, and by `tests/java/StreamsOracle.java` with Kafka Streams.

A topology is a list of nodes. Each has an `op`, the numbers of the nodes that it goes on `of`, and what its operator
takes; `f` and `by` choose one of a few functions (`oracle_functions.py`). Counts are written as texts. An input is
a record, or `advance`: milliseconds that the wall clock goes on. What the nodes `for_each` see stands behind the records
of a step, and what the nodes `print` write to files is compared in the end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from oracle_functions import (
    KEYS,
    LAST_TIME,
    Idle,
    Putting,
    Remembering,
    RememberingValues,
    Routing,
    RoutingValues,
    Text,
    Ticking,
    Transforming,
    added,
    beyond,
    cap,
    changed,
    folded,
    foreign,
    foreign_with_key,
    joined,
    joined_with_key,
    kept,
    partitioner,
    raising,
    rekeyed,
    text,
    together,
)
from oracle_windows import Days, Unequal

from streamkit.dsl import (
    HoppingWindows,
    JoinWindows,
    KStream,
    SessionWindows,
    SlidingWindows,
    StreamsBuilder,
    TumblingWindows,
    UnlimitedWindows,
    UntilTimeLimit,
    UntilWindowCloses,
)
from streamkit.errors import StreamkitError
from streamkit.operators.timestamps import (
    partition_time_if_negative,
    record_time,
    record_time_or_fail,
)
from streamkit.serde import serde_for
from streamkit.state import (
    KeyValueStore,
    SessionStore,
    StateStore,
    StoreKind,
    StoreSpec,
    TimestampedKeyValueStore,
    TimestampedWindowStore,
    VersionedKeyValueStore,
)
from streamkit.testing import TopologyTestDriver
from streamkit.topology import Topology

__all__ = ["Input", "Node", "answer", "build"]

Node = dict[str, Any]
Input = dict[str, Any]


def answer(
    nodes: Sequence[Node],
    inputs: Sequence[Input],
    *,
    backend: str = "memory",
    optimize: bool = False,
    go_on: bool = False,
    cache: bool = False,
) -> dict[str, Any]:
    """What our test driver says, in the oracle's form; `go_on`: behind errors of processing."""
    with tempfile.TemporaryDirectory(prefix="streamkit-printed-") as folder:
        seen: list[list[Any]] = []
        try:
            topology = build(nodes, seen, Path(folder)).build(optimize=optimize)
        except StreamkitError as error:
            return {"error": repr(error)}
        found = _run(nodes, inputs, topology, seen, backend, go_on, cache)
        found["printed"] = {
            file.name: file.read_text(encoding="utf-8").replace("None", "null")
            for file in Path(folder).iterdir()
        }
    return found


def _run(
    nodes: Sequence[Node],
    inputs: Sequence[Input],
    topology: Topology,
    seen: list[list[Any]],
    backend: str,
    go_on: bool,
    cache: bool,
) -> dict[str, Any]:
    outputs = [topic for node in nodes if node["op"] == "to" for topic in topics_of(node)]
    found: dict[str, Any] = {"described": str(topology.describe()), "steps": []}
    # The application's name is part of topics' names, whose length counts in bounded buffers.
    with TopologyTestDriver(
        topology,
        application_id="oracle",
        backend=backend,
        on_processing_error="continue" if go_on else "fail",
        statestore_cache_max_bytes=10_000_000 if cache else 0,
    ) as driver:
        for given in inputs:
            try:
                _give(driver, given)
            except StreamkitError as error:
                found["failed"] = repr(error)
                return found
            read = [row for topic in outputs for row in _read(driver, topic)]
            found["steps"].append(read + seen)
            seen.clear()
        found["stores"] = {
            node["store"]: list(_content(driver.store(node["store"])))
            for node in nodes
            if node.get("store")
        }
    return found


def topics_of(node: Node) -> list[str]:
    """The topics that a node `to` writes."""
    topic = node["topic"]
    return [f"{topic}-0", f"{topic}-1"] if node.get("dynamic") else [topic]


def _give(driver: TopologyTestDriver, given: Input) -> None:
    if "advance" in given:
        driver.advance_wall_clock(given["advance"])
        return
    headers = tuple((name, value.encode()) for name, value in given.get("headers", ()))
    key, value = _bytes(given["key"]), _bytes(given["value"])
    driver.pipe_raw(given["topic"], key, value, given["ts"], headers)


def _bytes(value: Text) -> bytes | None:
    return None if value is None else value.encode()


def _read(driver: TopologyTestDriver, topic: str) -> Iterator[list[Any]]:
    as_text = serde_for(str)
    for record in driver.read_all(topic, key=as_text, value=as_text):
        headers = [[name, (value or b"").decode()] for name, value in record.headers]
        yield [
            topic,
            record.key,
            record.value,
            record.timestamp_ms,
            *([headers] if headers else []),
        ]


def _content(store: StateStore) -> Iterator[list[Any]]:
    if isinstance(store, TimestampedKeyValueStore):
        for key, (value, timestamp) in store.all():
            yield [key, str(value), timestamp]
    elif isinstance(store, KeyValueStore):
        for key, value in store.all():
            yield [key, str(value)]
    elif isinstance(store, TimestampedWindowStore):
        for windows in (
            store.all(),
            store.all(reverse=True),
            store.fetch_keys("a", "k", 5, 50, reverse=True),
            store.fetch_all(5, 50, reverse=True),
        ):
            for window, (value, timestamp) in windows:
                yield [window.key, window.start_ms, str(value), timestamp]
    elif isinstance(store, VersionedKeyValueStore):
        for key in KEYS:
            for time in range(0, LAST_TIME + 1, 4):
                found = store.get(key, time)
                if found is not None:
                    yield [key, time, str(found.value), found.from_ms]
    else:
        assert isinstance(store, SessionStore)
        for sessions in (
            store.all(),
            store.fetch_keys("a", "k", reverse=True),
            store.find_sessions_of_keys("a", "k", 10, 40),
            store.find_sessions_of_keys("a", "b", 10, 40, reverse=True),
        ):
            for window, value in sessions:
                yield [window.key, window.start_ms, window.end_ms, str(value)]


# -- the operators -----------------------------------------------------------------------------------


def build(
    nodes: Sequence[Node], seen: list[list[Any]] | None = None, folder: Path | None = None
) -> StreamsBuilder:
    """The topology of these nodes.

    Args:
        seen: takes what the nodes `for_each` see.
        folder: where the nodes `print` write files; None: to standard output.
    """
    builder = StreamsBuilder(default_key=str, default_value=str)
    built: list[Any] = []
    around = {"seen": [] if seen is None else seen, "folder": folder}
    for number, node in enumerate(nodes):
        of = [built[above] for above in node.get("of", ())]
        built.append(_OPERATORS[node["op"]](builder, {**node, **around, "number": number}, *of))
    return builder


def _store(node: Node) -> dict[str, Any]:
    return {name: node[name] for name in ("store", "history", "retention") if node.get(name)}


def _source(node: Node) -> dict[str, Any]:
    earlier = node.get("earlier")
    if "extractor" in node:
        return {"key": str, "value": str, "timestamp_extractor": _EXTRACTORS[node["extractor"]]}
    if earlier is None:
        return {"key": str, "value": str}

    def extract(_key: Text, _value: Text, record_time: int, _partition_time: int) -> int:
        return record_time - int(earlier)

    return {"key": str, "value": str, "timestamp_extractor": extract}


_EXTRACTORS = {
    "partition": partition_time_if_negative,
    "skip": record_time,
    "fail": record_time_or_fail,
    "beyond": beyond,
}


def _stream(builder: StreamsBuilder, node: Node) -> Any:
    return builder.stream([node["topic"], *node.get("more", ())], **_source(node))


def _table(builder: StreamsBuilder, node: Node) -> Any:
    return builder.table(node["topic"], **_source(node), **_store(node))


def _global_table(builder: StreamsBuilder, node: Node) -> Any:
    return builder.global_table(node["topic"], **_source(node), **_store(node))


def _global_store(builder: StreamsBuilder, node: Node) -> None:
    store, text_serde = node["store"], serde_for(str)
    spec = StoreSpec(store, StoreKind.KEY_VALUE, text_serde, text_serde)
    builder.add_global_store(spec, node["topic"], lambda: Putting(store), **_source(node))


def _map(_builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    rekey, change = rekeyed(node["f"]), changed(1)
    return stream.map(lambda key, value: (rekey(key, value), change(value)), key=str, value=str)


def _map_values_with_key(_builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    change = changed(node["f"])
    return stream.map_values_with_key(
        lambda key, value: cap(text(key) + text(change(value))), value=str
    )


def _flat_map(_builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    rekey = rekeyed(node["f"])

    def spread(key: Text, value: Text) -> list[tuple[Text, Text]]:
        return [] if value is None else [(rekey(key, value), value), (key, cap(value + "2"))]

    return stream.flat_map(spread, key=str, value=str)


def _flat_map_values_with_key(_builder: StreamsBuilder, _node: Node, stream: Any) -> Any:
    return stream.flat_map_values_with_key(
        lambda key, value: [] if value is None else [cap(text(key) + value), value], value=str
    )


def _for_each(_builder: StreamsBuilder, node: Node, stream: Any) -> None:
    name = f"seen{node['number']}"
    stream.for_each(lambda key, value: node["seen"].append([name, key, value]))


def _print(_builder: StreamsBuilder, node: Node, stream: Any) -> None:
    folder = node["folder"]
    stream.print(
        label="label" if node["f"] >= 1 else None,
        mapper=joined if node["f"] == 2 else None,
        file=None if folder is None else folder / f"printed{node['number']}",
    )


def _spread(value: Text) -> list[str]:
    return [] if value is None else [value, cap(value + "2")]


def _split(_builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    name = f"split{node['number']}-"
    branches = (
        stream.split(name=name)
        .branch(kept(node["f"]), name="one")
        .branch(lambda key, _: key is not None, name="two")
        .default_branch(name="rest")
    )
    if node["take"] == 2:
        return branches[name + "rest"].merge(branches[name + "one"])
    return branches[name + ("one", "two")[node["take"]]]


def _windows(given: Mapping[str, Any]) -> Any:
    if "from" in given:
        return UnlimitedWindows(start=given["from"])
    grace = given["grace"]
    if "zone" in given:
        return Days(given["zone"], grace_ms=grace)
    if "lengths" in given:
        return Unequal(given["lengths"], grace_ms=grace)
    if "gap" in given:
        return SessionWindows(given["gap"], grace=grace)
    if "difference" in given:
        return SlidingWindows(given["difference"], grace=grace)
    if "advance" in given:
        return HoppingWindows(given["size"], advance=given["advance"], grace=grace)
    return TumblingWindows(given["size"], grace=grace)


def _merger(node: Node) -> tuple[Callable[[Text, Text, Text], str], ...]:
    """What aggregations of sessions take besides."""
    if "gap" not in (node.get("windows") or {}):
        return ()
    return (lambda _key, one, other: cap(f"{text(one)}&{text(other)}"),)


def _grouped(stream: Any, by: int | None, name: str | None = None) -> Any:
    if by is None:
        return stream.group_by_key(name=name)
    return stream.group_by(rekeyed(by), key=str, name=name)


def _aggregate(_builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    grouped = _grouped(stream, node.get("by"))
    if node.get("windows"):
        grouped = grouped.windowed_by(_windows(node["windows"]))
        if node.get("on_close"):
            grouped = grouped.emit_on_close(every=0)
    if node["how"] == "count":
        return grouped.count(**_store(node)).map_values(str, value=str)
    if node["how"] == "reduce":
        return grouped.reduce(folded(","), value=str, **_store(node))
    add = added(node["f"])
    return grouped.aggregate(lambda: "", add, *_merger(node), value=str, **_store(node))


def _cogroup(_builder: StreamsBuilder, node: Node, first: Any, *others: Any) -> Any:
    names = [f"cogroup{node['number']}-{place}" for place in range(len(node["by"]))]
    cogrouped = _grouped(first, node["by"][0], names[0]).cogroup(added(node["f"]))
    for other, by, name in zip(others, node["by"][1:], names[1:], strict=True):
        cogrouped = cogrouped.cogroup(
            _grouped(other, by, name),
            lambda _key, value, so_far: folded("/")(so_far, value),
        )
    if node.get("windows"):
        cogrouped = cogrouped.windowed_by(_windows(node["windows"]))
    return cogrouped.aggregate(lambda: "", *_merger(node), value=str, **_store(node))


def _transform_values(builder: StreamsBuilder, node: Node, table: Any) -> Any:
    used = node.get("uses")
    return table.transform_values(
        lambda: Transforming(used, node["f"]),
        stores=[_add_store(builder, used)] if used else [],
        value=str,
        **_store(node),
    )


def _table_group(_builder: StreamsBuilder, node: Node, table: Any) -> Any:
    rekey = rekeyed(node["f"])
    grouped = table.group_by(lambda key, value: (rekey(key, value), value), key=str, value=str)
    if node["how"] == "count":
        return grouped.count(**_store(node)).map_values(str, value=str)
    if node["how"] == "reduce":
        return grouped.reduce(folded(","), folded("-"), value=str, **_store(node))
    return grouped.aggregate(
        lambda: "",
        added(0),
        lambda _key, value, so_far: folded("!")(so_far, value),
        value=str,
        **_store(node),
    )


def _table_join(_builder: StreamsBuilder, node: Node, left: Any, right: Any) -> Any:
    method = {"inner": left.join, "left": left.left_join, "outer": left.outer_join}[node["how"]]
    return method(right, joined, value=str, **_store(node))


def _foreign_join(_builder: StreamsBuilder, node: Node, left: Any, right: Any) -> Any:
    method = left.left_join if node["how"] == "left" else left.join
    options: dict[str, Any] = {"foreign_key": foreign(node["f"])}
    if node.get("keyed"):
        options = {"foreign_key_with_key": foreign_with_key(node["f"])}
    if "partitioner" in node:
        chosen = partitioner(node["partitioner"])
        options.update(partitioner=chosen, other_partitioner=chosen)
    return method(right, joined, value=str, **options, **_store(node))


def _joiner(node: Node) -> dict[str, Any]:
    """How streams are joined: with or without the key."""
    if node.get("keyed"):
        return {"joiner": joined_with_key, "with_key": True}
    waits = node["op"] == "stream_join" and node["how"] != "inner"
    if node["op"] == "stream_table_join":
        waits = "grace" in node
    return {"joiner": together if waits else joined}


def _stream_table_join(_builder: StreamsBuilder, node: Node, stream: Any, table: Any) -> Any:
    method = stream.left_join if node["how"] == "left" else stream.join
    return method(table, value=str, grace=node.get("grace"), **_joiner(node))


def _global_join(_builder: StreamsBuilder, node: Node, stream: Any, table: Any) -> Any:
    method = stream.left_join_global if node["how"] == "left" else stream.join_global
    return method(table, key=rekeyed(node["f"]), value=str, **_joiner(node))


def _stream_join(_builder: StreamsBuilder, node: Node, left: Any, right: Any) -> Any:
    windows = JoinWindows(before=node["before"], after=node["after"], grace=node["grace"])
    options: dict[str, Any] = _joiner(node)
    if node.get("unlogged"):
        options["log"] = False
    if "base" in node:
        options["store"] = node["base"]
    for side in ("this", "other"):
        if side in node:
            backend = "memory" if node[side].endswith("memory") else None
            options[f"{side}_store"] = StoreSpec(node[side], StoreKind.WINDOW, backend=backend)
    if node["how"] == "inner":
        return left.join(right, windows=windows, value=str, **options)
    method = left.left_join if node["how"] == "left" else left.outer_join
    return method(right, windows=windows, value=str, every=0, **options)


def _suppress(_builder: StreamsBuilder, node: Node, table: Any) -> Any:
    bounds = {"max_records": node.get("records"), "max_bytes": node.get("bytes")}
    return table.suppress(UntilTimeLimit(node["limit"], when_full=node["full"], **bounds))


def _windowed_to_stream(_builder: StreamsBuilder, node: Node, table: Any) -> Any:
    if node.get("f") == 1:
        return table.to_stream(lambda key, _: key.key, key=str)
    return table.to_stream(lambda key, _: f"{key.key}@{key.start_ms}-{key.end_ms}", key=str)


def _add_store(builder: StreamsBuilder, name: str) -> str:
    builder.add_state_store(StoreSpec(name, StoreKind.KEY_VALUE, serde_for(str), serde_for(str)))
    return name


def _process(builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    store = _add_store(builder, node["store"])
    return stream.process(lambda: Remembering(store, node["f"]), stores=[store], key=str, value=str)


def _process_values(builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    store = _add_store(builder, node["store"])
    return stream.process_values(
        lambda: RememberingValues(store, node["f"]), stores=[store], value=str
    )


def _route(_builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    names = [f"{place}{node['number']}" for place in ("one", "two")]
    if node["f"] == 0:
        routed = stream.process(lambda: Routing(names), key=str, value=str)
    else:
        routed = stream.process_values(lambda: RoutingValues(names), value=str)
    children = [
        routed.map_values(changed(which), value=str, name=name) for which, name in enumerate(names)
    ]
    return children[node["take"]]


def _punctuate(builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    store = _add_store(builder, node["store"])
    return stream.process(
        lambda: Ticking(store, node["clock"], node["every"], node.get("start")),
        stores=[store],
        key=str,
        value=str,
    )


def _link(builder: StreamsBuilder, node: Node, source: Any) -> None:
    """A store that everything shares makes one task of all."""
    if node["first"]:
        _add_store(builder, "linked")
    stream = source if isinstance(source, KStream) else source.to_stream()
    stream.process(Idle, stores=["linked"], key=str, value=str)


def _partitioned(node: Node) -> dict[str, Any]:
    return {"partitioner": partitioner(node["partitioner"])} if "partitioner" in node else {}


def _to(_builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    topic = node["topic"]
    write = partial(stream.to, key=str, value=str, **_partitioned(node))
    if node.get("dynamic"):
        return write(lambda _key, value, _info: f"{topic}-{len(value or '') % 2}")
    return write(topic)


def _table_map_values(_builder: StreamsBuilder, node: Node, table: Any) -> Any:
    change = changed(node["f"])
    if not node.get("keyed"):
        return table.map_values(change, value=str, **_store(node))
    return table.map_values_with_key(
        lambda key, value: cap(text(key) + text(change(value))), value=str, **_store(node)
    )


def _to_stream(_builder: StreamsBuilder, node: Node, table: Any) -> Any:
    return table.to_stream(rekeyed(node["by"]), key=str) if "by" in node else table.to_stream()


_OPERATORS: dict[str, Callable[..., Any]] = {
    "stream": _stream,
    "table": _table,
    "global": _global_table,
    "global_store": _global_store,
    "filter": lambda _, node, stream: stream.filter(kept(node["f"])),
    "filter_not": lambda _, node, stream: stream.filter_not(kept(node["f"])),
    "map_values": lambda _, node, stream: stream.map_values(changed(node["f"]), value=str),
    "map_values_with_key": _map_values_with_key,
    "map": _map,
    "select_key": lambda _, node, stream: stream.select_key(rekeyed(node["f"]), key=str),
    "flat_map_values": lambda _, node, stream: stream.flat_map_values(_spread, value=str),
    "flat_map_values_with_key": _flat_map_values_with_key,
    "flat_map": _flat_map,
    "raise": lambda _, node, stream: stream.map_values(raising(node["at"]), value=str),
    "peek": lambda _, node, stream: stream.peek(lambda _key, _value: None),
    "for_each": _for_each,
    "print": _print,
    "merge": lambda _, node, left, right: left.merge(right),
    "split": _split,
    "repartition": lambda _, node, stream: stream.repartition(
        key=str, value=str, **_partitioned(node)
    ),
    "to_table": lambda _, node, stream: stream.to_table(**_store(node)),
    "aggregate": _aggregate,
    "cogroup": _cogroup,
    "table_filter": lambda _, node, table: table.filter(kept(node["f"]), **_store(node)),
    "table_filter_not": lambda _, node, table: table.filter_not(kept(node["f"]), **_store(node)),
    "table_map_values": _table_map_values,
    "table_transform_values": _transform_values,
    "windowed_filter": lambda _, node, table: table.filter(
        lambda key, value: kept(node["f"])(key.key, value)
    ),
    "windowed_map_values": lambda _, node, table: table.map_values(changed(node["f"]), value=str),
    "to_stream": _to_stream,
    "windowed_to_stream": _windowed_to_stream,
    "table_group": _table_group,
    "table_join": _table_join,
    "fk_join": _foreign_join,
    "stream_table_join": _stream_table_join,
    "global_join": _global_join,
    "stream_join": _stream_join,
    "suppress": _suppress,
    "suppress_close": lambda _, node, table: table.suppress(
        UntilWindowCloses(max_records=node.get("records"))
    ),
    "process": _process,
    "process_values": _process_values,
    "route": _route,
    "punctuate": _punctuate,
    "link": _link,
    "to": _to,
}
