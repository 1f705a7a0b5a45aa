"""`trace`: what a topology makes of some records, printed; for trying things out, and for examples."""

from __future__ import annotations

from typing import Any

from streamkit.model.records import Record
from streamkit.model.windowed import Windowed
from streamkit.testing.driver import Buildable, TopologyTestDriver

__all__ = ["trace"]

_INPUT_WIDTH = 20


def trace(source: Buildable, *records: tuple[str, Any, Any] | tuple[str, Any, Any, int]) -> None:
    """Feed records to a topology, one after the other; print each, and what it sends to topics.

    What comes out stands behind the arrow, as `key=value @timestamp`, with its topic where the topology
    writes to several. Records that were dropped are counted at the end. Stores are in memory.

    The wall clock goes with the timestamps: it is at the highest so far when a record is taken, so that
    timers of either clock are called, and what waits for the wall clock comes out.

    Args:
        source: a `Topology`, a `StreamsBuilder`, or an `App`.
        records: topic, key, value and timestamp in ms; without one the first is at 0, the second at 1, ….

    Raises:
        ConfigError: the topology doesn't read a topic.
        ProcessingError: a function of the program raised.

    Example:
        >>> builder = StreamsBuilder()
        >>> words = builder.stream("words", key=str, value=str)
        >>> words.group_by_key().count(store="counts").to_stream().to("counts")
        >>> trace(builder, ("words", "a", "x"), ("words", "a", "y", 500), ("words", None, "z"))
        words a=x @0         -> a=1 @0
        words a=y @500       -> a=2 @500
        words None=z @2      -> -
        dropped: 1 (null key)
    """
    start_ms = records[0][3] if records and len(records[0]) == 4 else 0
    with TopologyTestDriver(source, backend="memory", wall_clock_start_ms=start_ms) as driver:
        topics = _written_topics(driver)
        named = len(topics) > 1 or any(map(callable, topics))
        for index, (topic, key, value, *at) in enumerate(records):
            at_ms = at[0] if at else index
            driver.advance_wall_clock(max(0, at_ms - driver.wall_clock_ms))
            driver.pipe_input(topic, key, value, timestamp_ms=at_ms)
            out = "  ".join(
                f"{to}: {_text(record)}" if named else _text(record)
                for to in driver.output_topics
                if to not in driver.plan.internal_topics
                for record in driver.read_all(to)
            )
            print(f"{topic} {key}={value} @{at_ms}".ljust(_INPUT_WIDTH), "->", out or "-")
        for (_, reason), count in driver.dropped.items():
            print(f"dropped: {count} ({reason})")


def _written_topics(driver: TopologyTestDriver) -> set[object]:
    """What the program writes to: names, and functions that name topics."""
    return {
        sink.topic
        for sub in driver.plan.sub_topologies
        for sink in sub.sinks
        if sink.topic not in driver.plan.internal_topics
    }


def _text(record: Record[Any, Any]) -> str:
    key = record.key
    if isinstance(key, Windowed):
        key = f"{key.key}[{key.start_ms},{key.end_ms}]"
    return f"{key}={record.value} @{record.timestamp_ms}"
