"""Topologies as JSON: built here with our DSL, and by `tests/java/StreamsOracle.java` with Kafka Streams.

A topology is a list of nodes. Each has an `op`, the numbers of the nodes that it goes on `of`, and what its operator
takes; `f` and `by` choose one of a few functions (`oracle_functions.py`). Counts are written as texts. An input is
a record, or `advance`: milliseconds that the wall clock goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from oracle_functions import (
    KEYS,
    LAST_TIME,
    Idle,
    Putting,
    Remembering,
    RememberingValues,
    Text,
    Ticking,
    Transforming,
    added,
    cap,
    changed,
    folded,
    foreign,
    joined,
    kept,
    raising,
    rekeyed,
    text,
)

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
    try:
        topology = build(nodes).build(optimize=optimize)
    except StreamkitError as error:
        return {"error": repr(error)}
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
            found["steps"].append([row for topic in outputs for row in _read(driver, topic)])
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
        for window, (value, timestamp) in store.all():
            yield [window.key, window.start_ms, str(value), timestamp]
    elif isinstance(store, VersionedKeyValueStore):
        for key in KEYS:
            for time in range(0, LAST_TIME + 1, 4):
                found = store.get(key, time)
                if found is not None:
                    yield [key, time, str(found.value), found.from_ms]
    else:
        assert isinstance(store, SessionStore)
        for window, value in store.all():
            yield [window.key, window.start_ms, window.end_ms, str(value)]


# -- the operators -----------------------------------------------------------------------------------


def build(nodes: Sequence[Node]) -> StreamsBuilder:
    """The topology of these nodes."""
    builder = StreamsBuilder(default_key=str, default_value=str)
    built: list[Any] = []
    for number, node in enumerate(nodes):
        of = [built[above] for above in node.get("of", ())]
        built.append(_OPERATORS[node["op"]](builder, {**node, "number": number}, *of))
    return builder


def _store(node: Node) -> dict[str, Any]:
    return {name: node[name] for name in ("store", "history", "retention") if node.get(name)}


def _source(node: Node) -> dict[str, Any]:
    earlier = node.get("earlier")
    if earlier is None:
        return {"key": str, "value": str}

    def extract(_key: Text, _value: Text, record_time: int, _partition_time: int) -> int:
        return record_time - int(earlier)

    return {"key": str, "value": str, "timestamp_extractor": extract}


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


def _windows(given: Mapping[str, int]) -> Any:
    if "from" in given:
        return UnlimitedWindows(start=given["from"])
    grace = given["grace"]
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
            lambda _key, value, so_far: cap(f"{text(so_far)}/{text(value)}"),
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
        lambda _key, value, so_far: cap(f"{so_far}{value};"),
        lambda _key, value, so_far: cap(f"{so_far}!{value}"),
        value=str,
        **_store(node),
    )


def _table_join(_builder: StreamsBuilder, node: Node, left: Any, right: Any) -> Any:
    method = {"inner": left.join, "left": left.left_join, "outer": left.outer_join}[node["how"]]
    return method(right, joined, value=str, **_store(node))


def _foreign_join(_builder: StreamsBuilder, node: Node, left: Any, right: Any) -> Any:
    method = left.left_join if node["how"] == "left" else left.join
    return method(right, joined, foreign_key=foreign(node["f"]), value=str, **_store(node))


def _stream_table_join(_builder: StreamsBuilder, node: Node, stream: Any, table: Any) -> Any:
    method = stream.left_join if node["how"] == "left" else stream.join
    return method(table, joined, value=str, grace=node.get("grace"))


def _global_join(_builder: StreamsBuilder, node: Node, stream: Any, table: Any) -> Any:
    method = stream.left_join_global if node["how"] == "left" else stream.join_global
    return method(table, key=rekeyed(node["f"]), joiner=joined, value=str)


def _stream_join(_builder: StreamsBuilder, node: Node, left: Any, right: Any) -> Any:
    windows = JoinWindows(before=node["before"], after=node["after"], grace=node["grace"])
    options: dict[str, Any] = {"log": False} if node.get("unlogged") else {}
    if "base" in node:
        options["store"] = node["base"]
    for side in ("this", "other"):
        if side in node:
            backend = "memory" if node[side].endswith("memory") else None
            options[f"{side}_store"] = StoreSpec(node[side], StoreKind.WINDOW, backend=backend)
    if node["how"] == "inner":
        return left.join(right, joined, windows=windows, value=str, **options)
    method = left.left_join if node["how"] == "left" else left.outer_join
    return method(right, joined, windows=windows, value=str, every=0, **options)


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


def _to(_builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    topic = node["topic"]
    if node.get("dynamic"):
        return stream.to(
            lambda _key, value, _info: f"{topic}-{len(value or '') % 2}", key=str, value=str
        )
    return stream.to(topic, key=str, value=str)


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
    "flat_map": _flat_map,
    "raise": lambda _, node, stream: stream.map_values(raising(node["at"]), value=str),
    "peek": lambda _, node, stream: stream.peek(lambda _key, _value: None),
    "merge": lambda _, node, left, right: left.merge(right),
    "split": _split,
    "repartition": lambda _, node, stream: stream.repartition(key=str, value=str),
    "to_table": lambda _, node, stream: stream.to_table(**_store(node)),
    "aggregate": _aggregate,
    "cogroup": _cogroup,
    "table_filter": lambda _, node, table: table.filter(kept(node["f"]), **_store(node)),
    "table_filter_not": lambda _, node, table: table.filter_not(kept(node["f"]), **_store(node)),
    "table_map_values": lambda _, node, table: table.map_values(
        changed(node["f"]), value=str, **_store(node)
    ),
    "table_transform_values": _transform_values,
    "windowed_filter": lambda _, node, table: table.filter(
        lambda key, value: kept(node["f"])(key.key, value)
    ),
    "windowed_map_values": lambda _, node, table: table.map_values(changed(node["f"]), value=str),
    "to_stream": lambda _, node, table: table.to_stream(),
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
    "punctuate": _punctuate,
    "link": _link,
    "to": _to,
}
