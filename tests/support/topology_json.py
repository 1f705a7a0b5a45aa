"""Topologies as JSON: built here with our DSL, and by `tests/java/StreamsOracle.java` with Kafka Streams.

A topology is a list of nodes. Each has an `op`, the numbers of the nodes that it goes on `of`, and what its operator
takes; `f` and `by` choose one of a few functions. Keys and values are texts everywhere, counts are written as
texts. All texts are cut to their last characters, so that nothing grows without end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from streamkit.dsl import (
    HoppingWindows,
    JoinWindows,
    SessionWindows,
    SlidingWindows,
    StreamsBuilder,
    TumblingWindows,
    UntilTimeLimit,
    UntilWindowCloses,
)
from streamkit.serde import serde_for
from streamkit.state import (
    SessionStore,
    StateStore,
    TimestampedKeyValueStore,
    TimestampedWindowStore,
)
from streamkit.testing import TopologyTestDriver

__all__ = ["Input", "Node", "answer", "build"]

Node = dict[str, Any]
Input = dict[str, Any]
Text = str | None


def answer(nodes: Sequence[Node], inputs: Sequence[Input]) -> dict[str, Any]:
    """What our test driver says, in the oracle's form."""
    outputs = [node["topic"] for node in nodes if node["op"] == "to"]
    text = serde_for(str)
    steps = []
    with TopologyTestDriver(build(nodes), backend="memory") as driver:
        for given in inputs:
            driver.pipe_raw(
                given["topic"], _bytes(given["key"]), _bytes(given["value"]), given["ts"]
            )
            steps.append(
                [
                    [topic, record.key, record.value, record.timestamp_ms]
                    for topic in outputs
                    for record in driver.read_all(topic, key=text, value=text)
                ]
            )
        stores = {
            node["store"]: list(_content(driver.store(node["store"])))
            for node in nodes
            if node.get("store")
        }
    return {"steps": steps, "stores": stores}


def _bytes(text: Text) -> bytes | None:
    return None if text is None else text.encode()


def _content(store: StateStore) -> Iterator[list[Any]]:
    if isinstance(store, TimestampedKeyValueStore):
        for key, (value, timestamp) in store.all():
            yield [key, str(value), timestamp]
    elif isinstance(store, TimestampedWindowStore):
        for window, (value, timestamp) in store.all():
            yield [window.key, window.start_ms, str(value), timestamp]
    else:
        assert isinstance(store, SessionStore)
        for window, value in store.all():
            yield [window.key, window.start_ms, window.end_ms, str(value)]


# -- the functions of the topologies -----------------------------------------------------------------


def text(value: Text) -> str:
    return "null" if value is None else value


def cap(value: str) -> str:
    return value[-24:]


def changed(which: int) -> Callable[[Text], Text]:
    def change(value: Text) -> Text:
        if which == 0:
            return None if value is None else cap(value + "'")
        if which == 1:
            return cap(text(value) + "x")
        return None if value is None or len(value) % 3 == 0 else value

    return change


def rekeyed(which: int) -> Callable[[Text, Text], Any]:
    def rekey(key: Text, value: Text) -> Text:
        if which == 0:
            return value[:1] if value else None
        if which == 1:
            return "a" if key is None else key
        if which == 2:
            return "k"
        return None if key is None else {"a": "b", "b": "c"}.get(key, "a")

    return rekey


def kept(which: int) -> Callable[[Text, Text], bool]:
    def keep(key: Text, value: Text) -> bool:
        if which == 0:
            return value is not None
        if which == 1:
            return value is None or len(value) % 2 == 0
        return key != "a"

    return keep


def joined(left: Text, right: Text) -> str:
    return cap(f"{text(left)}+{text(right)}")


def added(which: int) -> Callable[[Text, Text, str], Any]:
    def add(_key: Text, value: Text, aggregate: str) -> Text:
        return None if which == 1 and len(aggregate) > 6 else cap(f"{aggregate}{text(value)};")

    return add


def folded(sign: str) -> Callable[[Text, Text], str]:
    return lambda so_far, value: cap(f"{text(so_far)}{sign}{text(value)}")


# -- the operators -----------------------------------------------------------------------------------


def build(nodes: Sequence[Node]) -> StreamsBuilder:
    """The topology of these nodes."""
    builder = StreamsBuilder(default_key=str, default_value=str)
    built: list[Any] = []
    for node in nodes:
        of = [built[number] for number in node.get("of", ())]
        built.append(_OPERATORS[node["op"]](builder, node, *of))
    return builder


def _store(node: Node) -> dict[str, Any]:
    return {"store": node["store"]} if node.get("store") else {}


def _map(_builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    rekey, change = rekeyed(node["f"]), changed(1)
    return stream.map(lambda key, value: (rekey(key, value), change(value)), key=str, value=str)


def _flat_map(_builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    rekey = rekeyed(node["f"])

    def spread(key: Text, value: Text) -> list[tuple[Text, Text]]:
        return [] if value is None else [(rekey(key, value), value), (key, cap(value + "2"))]

    return stream.flat_map(spread, key=str, value=str)


def _spread(value: Text) -> list[str]:
    return [] if value is None else [value, cap(value + "2")]


def _windows(given: dict[str, int]) -> Any:
    grace = given["grace"]
    if "gap" in given:
        return SessionWindows(given["gap"], grace=grace)
    if "difference" in given:
        return SlidingWindows(given["difference"], grace=grace)
    if "advance" in given:
        return HoppingWindows(given["size"], advance=given["advance"], grace=grace)
    return TumblingWindows(given["size"], grace=grace)


def _aggregate(_builder: StreamsBuilder, node: Node, stream: Any) -> Any:
    grouped = (
        stream.group_by(rekeyed(node["by"]), key=str)
        if node.get("by") is not None
        else stream.group_by_key()
    )
    merger: tuple[Any, ...] = ()
    if node.get("windows"):
        grouped = grouped.windowed_by(_windows(node["windows"]))
        if node.get("on_close"):
            grouped = grouped.emit_on_close(every=0)
        if "gap" in node["windows"]:
            merger = (lambda _key, one, other: cap(f"{text(one)}&{text(other)}"),)
    if node["how"] == "count":
        return grouped.count(**_store(node)).map_values(str, value=str)
    if node["how"] == "reduce":
        return grouped.reduce(folded(","), value=str, **_store(node))
    add = added(node["f"])
    return grouped.aggregate(lambda: "", add, *merger, value=str, **_store(node))


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


def _stream_table_join(_builder: StreamsBuilder, node: Node, stream: Any, table: Any) -> Any:
    method = stream.left_join if node["how"] == "left" else stream.join
    return method(table, joined, value=str)


def _global_join(_builder: StreamsBuilder, node: Node, stream: Any, table: Any) -> Any:
    method = stream.left_join_global if node["how"] == "left" else stream.join_global
    return method(table, key=rekeyed(node["f"]), joiner=joined, value=str)


def _stream_join(_builder: StreamsBuilder, node: Node, left: Any, right: Any) -> Any:
    windows = JoinWindows(before=node["before"], after=node["after"], grace=node["grace"])
    if node["how"] == "inner":
        return left.join(right, joined, windows=windows, value=str)
    method = left.left_join if node["how"] == "left" else left.outer_join
    return method(right, joined, windows=windows, value=str, every=0)


def _windowed_to_stream(_builder: StreamsBuilder, _node: Node, table: Any) -> Any:
    return table.to_stream(lambda key, _: f"{key.key}@{key.start_ms}-{key.end_ms}", key=str)


_OPERATORS: dict[str, Callable[..., Any]] = {
    "stream": lambda builder, node: builder.stream(node["topic"], key=str, value=str),
    "table": lambda builder, node: builder.table(node["topic"], key=str, value=str, **_store(node)),
    "global": lambda builder, node: builder.global_table(
        node["topic"], key=str, value=str, **_store(node)
    ),
    "filter": lambda _, node, stream: stream.filter(kept(node["f"])),
    "filter_not": lambda _, node, stream: stream.filter_not(kept(node["f"])),
    "map_values": lambda _, node, stream: stream.map_values(changed(node["f"]), value=str),
    "map": _map,
    "select_key": lambda _, node, stream: stream.select_key(rekeyed(node["f"]), key=str),
    "flat_map_values": lambda _, node, stream: stream.flat_map_values(_spread, value=str),
    "flat_map": _flat_map,
    "merge": lambda _, node, left, right: left.merge(right),
    "repartition": lambda _, node, stream: stream.repartition(key=str, value=str),
    "to_table": lambda _, node, stream: stream.to_table(**_store(node)),
    "aggregate": _aggregate,
    "table_filter": lambda _, node, table: table.filter(kept(node["f"]), **_store(node)),
    "table_map_values": lambda _, node, table: table.map_values(
        changed(node["f"]), value=str, **_store(node)
    ),
    "windowed_map_values": lambda _, node, table: table.map_values(changed(node["f"]), value=str),
    "to_stream": lambda _, node, table: table.to_stream(),
    "windowed_to_stream": _windowed_to_stream,
    "table_group": _table_group,
    "table_join": _table_join,
    "stream_table_join": _stream_table_join,
    "global_join": _global_join,
    "stream_join": _stream_join,
    "suppress_limit": lambda _, node, table: table.suppress(UntilTimeLimit(node["limit"])),
    "suppress_close": lambda _, node, table: table.suppress(UntilWindowCloses()),
    "to": lambda _, node, stream: stream.to(node["topic"], key=str, value=str),
}
