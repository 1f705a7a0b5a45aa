"""App: one application: its settings, its topics, and the decorators that build its topology.

An app builds while its module is imported: each decorator calls the function beneath it at once, with
the stream or table that it asks for. `app.topology()` gives the result; the worker runs it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from re import Pattern
from typing import Any, TypeVar, Unpack, overload

from streamkit.app_settings import AppSettings
from streamkit.dsl import GlobalKTable
from streamkit.dsl.agents import Agent, AgentFunction, Agents, TimerFunction
from streamkit.dsl.annotations import Annotations
from streamkit.dsl.builder import StreamsBuilder
from streamkit.dsl.options import GlobalTableOptions, SerdeLike, SourceTableOptions, optional_serde
from streamkit.dsl.sources import (
    StreamSource,
    TableSource,
    Topic,
    check_described,
    check_same_types,
)
from streamkit.dsl.windows.durations import to_ms
from streamkit.errors import ConfigError
from streamkit.model.records import Record
from streamkit.operators.process import ProcessorContext
from streamkit.serde import Serde
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.names import check_name
from streamkit.topology.nodes import OffsetReset, TimestampExtractor
from streamkit.topology.optimize import optimizations
from streamkit.topology.topology import Topology

__all__ = ["Agent", "App", "AppSettings", "StreamSource", "TableSource", "Topic"]

K = TypeVar("K")
V = TypeVar("V")
F = TypeVar("F", bound=Callable[..., object])


class App:
    """One application.

    Args:
        app_id: names the consumer group, the state folder and internal topics: letters, digits,
            ".", "_" and "-".
        commit_interval_ms: a timedelta or milliseconds.
        default_key, default_value: types or serdes where the program says none; JSON by default.
        topology_optimization: "none" (or False), "all" (or True), or names, see `StreamsBuilder.build`.

    The other arguments are the attributes of `AppSettings`.

    Raises:
        ConfigError: a setting out of range; the message names the range.

    Example:
        >>> app = App("word-count")
        >>> lines = app.topic("lines", key=str, value=str)
        >>> @app.stream(lines)
        ... def count_words(lines: KStream[str, str]) -> None:
        ...     words = lines.flat_map_values(str.split, value=str)
        ...     words.group_by(lambda _, word: word, key=str).count(store="words").to_stream().to("totals")
        >>> [store.name for store in app.topology().stores.values()]
        ['words']
    """

    def __init__(
        self,
        app_id: str,
        *,
        bootstrap: str | None = None,
        state_dir: str | Path | None = None,
        processing_guarantee: str = "at_least_once",
        commit_interval_ms: timedelta | int = 30_000,
        max_task_idle_ms: int = 0,
        auto_offset_reset: str = "earliest",
        on_processing_error: str = "fail",
        on_deserialization_error: str = "fail",
        statestore_cache_max_bytes: int = 0,
        store_backend: str = "rocksdb",
        default_key: SerdeLike[Any] | None = None,
        default_value: SerdeLike[Any] | None = None,
        topology_optimization: bool | str | Iterable[str] = "none",
        ensure_explicit_internal_resource_naming: bool = False,
    ) -> None:
        self.settings: AppSettings = AppSettings(
            app_id=app_id,
            bootstrap=bootstrap,
            state_dir=None if state_dir is None else Path(state_dir),
            processing_guarantee=processing_guarantee,
            commit_interval_ms=to_ms(commit_interval_ms, "commit_interval_ms", least=1),
            max_task_idle_ms=max_task_idle_ms,
            auto_offset_reset=auto_offset_reset,
            on_processing_error=on_processing_error,
            on_deserialization_error=on_deserialization_error,
            statestore_cache_max_bytes=statestore_cache_max_bytes,
            store_backend=store_backend,
            default_key=optional_serde(default_key),
            default_value=optional_serde(default_value),
            topology_optimization=frozenset(optimizations(topology_optimization)),
            ensure_explicit_internal_resource_naming=ensure_explicit_internal_resource_naming,
        )
        self._builder = StreamsBuilder(default_key=default_key, default_value=default_value)
        self._sources: dict[tuple[str, object], Any] = {}
        self._agents = Agents()

    @property
    def app_id(self) -> str:
        """The application's id."""
        return self.settings.app_id

    @property
    def builder(self) -> StreamsBuilder:
        """The program, for what the decorators don't offer."""
        return self._builder

    def topology(self) -> Topology:
        """What the decorators have built so far.

        Raises:
            TopologyError: names or topics clash, or names are missing where the settings ask for them.

        Example:
            >>> app = App("shop")
            >>> orders = app.topic("orders", key=str, value=int)
            >>> app.stream(orders).to("copies")
            >>> print(app.topology().describe())
            Topologies:
               Sub-topology: 0
                Source: KSTREAM-SOURCE-0000000000 (topics: [orders])
                  --> KSTREAM-SINK-0000000001
                Sink: KSTREAM-SINK-0000000001 (topic: copies)
                  <-- KSTREAM-SOURCE-0000000000
        """
        settings = self.settings
        return self._builder.build(
            optimize=settings.topology_optimization or "none",
            ensure_explicit_internal_resource_naming=settings.ensure_explicit_internal_resource_naming,
        )

    # -- topics ------------------------------------------------------------------------------------

    @overload
    def topic(
        self,
        name: str,
        *,
        key: SerdeLike[K],
        value: SerdeLike[V],
        timestamp: Callable[[K, V], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
    ) -> Topic[K, V]: ...

    @overload
    def topic(
        self,
        name: str,
        *,
        key: SerdeLike[K],
        timestamp: Callable[[K, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
    ) -> Topic[K, Any]: ...

    @overload
    def topic(
        self,
        name: str,
        *,
        value: SerdeLike[V],
        timestamp: Callable[[Any, V], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
    ) -> Topic[Any, V]: ...

    @overload
    def topic(
        self,
        name: str,
        *,
        timestamp: Callable[[Any, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
    ) -> Topic[Any, Any]: ...

    def topic(
        self,
        name: str,
        *,
        key: SerdeLike[Any] | None = None,
        value: SerdeLike[Any] | None = None,
        timestamp: Callable[[Any, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
    ) -> Topic[Any, Any]:
        """Describe a topic, to be read with `stream`, `table`, `global_table` or `agent`.

        Args:
            key, value: types or serdes; by default the app's.
            timestamp: event time, `f(key, value)` -> ms since the epoch; by default the record's own.
            timestamp_extractor: the same with all that is known, see `TimestampExtractor`.
            offset_reset: as for `StreamsBuilder.stream`; by default the app's setting.

        Example:
            >>> app = App("shop")
            >>> orders = app.topic("orders", key=str, value=int, offset_reset="latest")
            >>> app.stream(orders).map_values(str, value=str).to("texts")
            >>> trace(app, ("orders", "ann", 250))
            orders ann=250 @0    -> ann=250 @0
        """
        return Topic(
            check_name(name),
            optional_serde(key) or self._builder.default_key,
            optional_serde(value) or self._builder.default_value,
            timestamp,
            timestamp_extractor,
            offset_reset,
        )

    @overload
    def stream(self, topic: Topic[K, V], *, name: str | None = None) -> StreamSource[K, V]: ...

    @overload
    def stream(
        self, topic: str | Pattern[str], *, name: str | None = None
    ) -> StreamSource[Any, Any]: ...

    def stream(
        self, topic: Topic[Any, Any] | str | Pattern[str], *, name: str | None = None
    ) -> StreamSource[Any, Any]:
        """A topic as a stream; as a decorator, the function beneath gets it and builds on it.

        Asking for a topic again gives the same stream.

        Args:
            topic: a `Topic`, or a name or compiled pattern of topics: the function's annotation
                `KStream[str, Order]` then says how they are read, else the app's serdes do.
            name: of the source in the topology.

        Raises:
            ConfigError: the topic was read as other types before.

        Example:
            >>> app = App("shop")
            >>> @app.stream("orders")
            ... def large(orders: KStream[str, int]) -> None:
            ...     orders.filter(lambda name, cents: cents >= 100).to("large")
            >>> trace(app, ("orders", "ann", 250), ("orders", "bob", 40))
            orders ann=250 @0    -> ann=250 @0
            orders bob=40 @1     -> -
        """
        _check_topic(topic, "stream")

        def make() -> StreamSource[Any, Any]:
            if isinstance(topic, Topic):
                stream = self._builder.stream(topic.name, name=name, **topic.reading())
            else:
                stream = self._builder.stream(topic, name=name)
            return StreamSource(stream.place, open_types=not isinstance(topic, Topic))

        identity = topic.name if isinstance(topic, Topic) else topic
        stream: StreamSource[Any, Any] = self._once("stream", identity, make)
        if isinstance(topic, Topic):
            check_described(stream.place, topic)
        return stream

    @overload
    def table(
        self, topic: Topic[K, V], *, name: str | None = None, **options: Unpack[SourceTableOptions]
    ) -> TableSource[K, V]: ...

    @overload
    def table(
        self, topic: str, *, name: str | None = None, **options: Unpack[SourceTableOptions]
    ) -> TableSource[Any, Any]: ...

    def table(
        self,
        topic: Topic[Any, Any] | str,
        *,
        name: str | None = None,
        **options: Unpack[SourceTableOptions],
    ) -> TableSource[Any, Any]:
        """A topic as a table; as a decorator, the function beneath gets it and builds on it.

        Asking for a topic again gives the same table.

        Args:
            topic: a `Topic`, or the name of one: the function's annotation `KTable[str, Order]` then says
                how it is read, else the app's serdes do.
            name: of the source in the topology.
            options: see `SourceTableOptions`.

        Raises:
            ConfigError: the topic was read as other types before.

        Example:
            >>> app = App("shop")
            >>> @app.table("stock")
            ... def reorder(stock: KTable[str, int]) -> None:
            ...     stock.filter(lambda item, left: left < 5).to_stream().to("reorder")
            >>> trace(app, ("stock", "tea", 3), ("stock", "tea", 9))
            stock tea=3 @0       -> tea=3 @0
            stock tea=9 @1       -> tea=None @1
        """
        _check_topic(topic, "table")

        def make() -> TableSource[Any, Any]:
            described = topic if isinstance(topic, Topic) else self.topic(topic)
            table = self._builder.table(described.name, name=name, **described.reading(), **options)
            open_types = not isinstance(topic, Topic)
            return TableSource(table.place, table.backing, open_types=open_types)

        table: TableSource[Any, Any] = self._once("table", str(topic), make)
        if isinstance(topic, Topic):
            check_described(table.place, topic)
        return table

    @overload
    def global_table(
        self, topic: Topic[K, V], *, name: str | None = None, **options: Unpack[GlobalTableOptions]
    ) -> GlobalKTable[K, V]: ...

    @overload
    def global_table(
        self, topic: str, *, name: str | None = None, **options: Unpack[GlobalTableOptions]
    ) -> GlobalKTable[Any, Any]: ...

    def global_table(
        self,
        topic: Topic[Any, Any] | str,
        *,
        name: str | None = None,
        **options: Unpack[GlobalTableOptions],
    ) -> GlobalKTable[Any, Any]:
        """A topic as a table that every worker holds whole. Asking for a topic again gives the same one.

        Args:
            topic: a `Topic`, or the name of one with the app's serdes.
            name: of the source in the topology.
            options: see `GlobalTableOptions`.

        Raises:
            ConfigError: the topic was read as other types before.

        Example:
            >>> app = App("shop")
            >>> orders = app.topic("orders", key=str, value=int)
            >>> names = app.global_table(app.topic("names", key=str, value=str), store="names")
            >>> bills = app.stream(orders).join_global(
            ...     names,
            ...     key=lambda id, cents: id,
            ...     joiner=lambda cents, name: f"{name}: {cents}",
            ...     value=str,
            ... )
            >>> bills.to("bills")
            >>> trace(app, ("names", "a", "Ann"), ("orders", "a", 250))
            names a=Ann @0       -> -
            orders a=250 @1      -> a=Ann: 250 @1
        """
        _check_topic(topic, "global_table")
        described = topic if isinstance(topic, Topic) else self.topic(topic)

        def make() -> tuple[GlobalKTable[Any, Any], Topic[Any, Any]]:
            reading = described.reading()
            reading.pop("offset_reset")
            table = self._builder.global_table(described.name, name=name, **reading, **options)
            return table, described

        found: tuple[GlobalKTable[Any, Any], Topic[Any, Any]]
        found = self._once("global table", described.name, make)
        table, first = found
        if isinstance(topic, Topic):
            check_same_types(topic, (first.key, first.value), topic.offset_reset)
        return table

    def store(
        self,
        name: str,
        *,
        key: SerdeLike[Any] | None = None,
        value: SerdeLike[Any] | None = None,
        log: bool | Mapping[str, str] = True,
        backend: str | None = None,
    ) -> StoreSpec:
        """Add a key-value store for agents and processors, who ask for it by name.

        Args:
            key, value: types or serdes; by default the app's.
            log: False: no changelog, state is lost with its folder; a mapping: the changelog topic's
                settings.
            backend: "rocksdb" or "memory"; by default the app's setting decides.

        Example:
            >>> app = App("shop")
            >>> orders = app.topic("orders", key=str, value=int)
            >>> _ = app.store("totals", key=str, value=int)
            >>> @app.agent(orders, stores=["totals"], to=app.topic("spent", key=str, value=int))
            ... def add_up(order: Record[str, int], context: ProcessorContext[str, int]) -> None:
            ...     totals = context.store("totals")
            ...     total = (totals.get(order.key) or 0) + order.value
            ...     totals.put(order.key, total)
            ...     context.forward(order.with_value(total))
            >>> trace(app, ("orders", "ann", 250), ("orders", "ann", 40))
            orders ann=250 @0    -> ann=250 @0
            orders ann=40 @1     -> ann=290 @1
        """
        spec = StoreSpec(
            check_name(name),
            StoreKind.KEY_VALUE,
            optional_serde(key) or self._builder.default_key,
            optional_serde(value) or self._builder.default_value,
            backend=backend,
            logged=log is not False,
            changelog_config=dict(log) if isinstance(log, Mapping) else {},
        )
        self._builder.add_state_store(spec)
        return spec

    # -- handlers ----------------------------------------------------------------------------------

    @overload
    def agent(
        self,
        topic: Topic[K, V],
        *,
        stores: Iterable[str] = (),
        to: Topic[Any, Any] | str | None = None,
        name: str | None = None,
    ) -> Callable[[AgentFunction[K, V]], AgentFunction[K, V]]: ...

    @overload
    def agent(
        self,
        topic: str,
        *,
        stores: Iterable[str] = (),
        to: Topic[Any, Any] | str | None = None,
        name: str | None = None,
    ) -> Callable[[F], F]: ...

    def agent(
        self,
        topic: Topic[Any, Any] | str,
        *,
        stores: Iterable[str] = (),
        to: Topic[Any, Any] | str | None = None,
        name: str | None = None,
    ) -> Callable[[Any], Any]:
        """Decorate `f(record, context)` to handle each record of a topic inside its task.

        It shares the task's commit: what it stores and sends counts together with the record's offset.

        Args:
            topic: a `Topic`, or the name of one: the annotation `Record[str, Order]` of the record then says
                how it is read, else the app's serdes do.
            stores: names of stores that it uses (`context.store(name)`).
            to: where what it forwards (`context.forward(record)`) is written, a topic's name as the context is
                annotated (`ProcessorContext[str, int]`); None: nowhere.
            name: of the agent in the topology; by default the function's.

        Example:
            >>> app = App("shop")
            >>> orders = app.topic("orders", key=str, value=int)
            >>> @app.agent(orders, to="large")
            ... def forward_large(order: Record[str, int], context: ProcessorContext[str, int]) -> None:
            ...     if order.value >= 100:
            ...         context.forward(order)
            >>> trace(app, ("orders", "ann", 250), ("orders", "bob", 40))
            orders ann=250 @0    -> ann=250 @0
            orders bob=40 @1     -> -
        """
        _check_topic(topic, "agent")
        source: StreamSource[Any, Any] = self.stream(topic)

        def decorate(function: AgentFunction[Any, Any]) -> AgentFunction[Any, Any]:
            agent_name = name if name is not None else getattr(function, "__name__", "agent")
            agent = self._agents.add(agent_name, function)
            scope = sys._getframe(1).f_locals
            source.take_types(function, Record, scope)
            key: Serde[Any] | None = None
            value: Serde[Any] | None = None
            if isinstance(to, str):
                key, value = Annotations(function, scope).serdes(1, ProcessorContext)
            forwarded = source.process(
                agent.supplier, stores=stores, name=agent_name, key=key, value=value
            )
            if isinstance(to, Topic):
                forwarded.to(to.name, key=to.key, value=to.value)
            elif to is not None:
                forwarded.to(to)
            return function

        return decorate

    def timer(
        self, *, every: timedelta | int, clock: str = "stream", agent: str | None = None
    ) -> Callable[[TimerFunction], TimerFunction]:
        """Decorate `f(timestamp_ms, context)` to be called again and again in each task of an agent.

        It sees the agent's stores, and what it forwards goes where the agent's records go.

        Args:
            every: a timedelta or milliseconds, at least 1 ms.
            clock: "stream": as record timestamps advance; "wall": by the machine's clock.
            agent: name of the agent; None: the only one.

        Raises:
            ConfigError: an interval or clock out of range, or no such agent.

        Example:
            >>> app = App("shop")
            >>> orders = app.topic("orders", key=str, value=int)
            >>> seen: list[str] = []
            >>> @app.agent(orders, to=app.topic("reports", key=str, value=int))
            ... def note(order: Record[str, int], context: ProcessorContext[str, int]) -> None:
            ...     seen.append(order.key)
            >>> @app.timer(every=timedelta(seconds=10))
            ... def report(now_ms: int, context: ProcessorContext[str, int]) -> None:
            ...     context.forward(Record("orders", len(seen), timestamp_ms=now_ms))
            >>> trace(app, ("orders", "ann", 250, 1_000), ("orders", "bob", 40, 12_000))
            orders ann=250 @1000 -> orders=1 @1000
            orders bob=40 @12000 -> orders=2 @12000
        """
        interval_ms = to_ms(every, "every", least=1)
        if clock not in ("stream", "wall"):
            raise ConfigError(f"clock is 'stream' or 'wall', not {clock!r}")
        timers = self._agents.named(agent).timers

        def decorate(function: TimerFunction) -> TimerFunction:
            timers.append((interval_ms, clock, function))
            return function

        return decorate

    def _once(self, kind: str, identity: object, make: Callable[[], Any]) -> Any:
        if isinstance(identity, Pattern):
            identity = (identity.pattern, identity.flags)
        key = (kind, identity)
        if key not in self._sources:
            self._sources[key] = make()
        return self._sources[key]


def _check_topic(topic: object, call: str) -> None:
    """
    Raises:
        ConfigError: it is no topic; mostly the decorated function, where the call was left out.
    """
    if not isinstance(topic, (Topic, str, Pattern)):
        raise ConfigError(f'app.{call} takes a topic: app.{call}("orders"), not {topic!r}')
