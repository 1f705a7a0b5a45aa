"""What a record costs in each kind of topology, in one thread without sockets: nanoseconds a record.

`python -m bench.micro_operators [--records N] [--profile] [name ...]`. CPU time of the thread, so that other work on the
machine doesn't count. A commit follows every 20,000 records: that is far more often than in a worker at full speed
(one in 30 s), and shows what reads cost once state lies in RocksDB.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamkit as sk
from bench.micro_task import Discarded, encoded_batches
from streamkit._version import build_mode
from streamkit.clock import SystemClock
from streamkit.log.protocol.batch import batches, decode_batch
from streamkit.model import TopicPartition
from streamkit.model.tasks import TaskId
from streamkit.runtime.collector import ProducerCollector
from streamkit.runtime.partition_group import Columns
from streamkit.runtime.task_factory import TaskFactory
from streamkit.runtime.task_settings import TaskSettings
from streamkit.state import StoreSettings
from streamkit.topology.plan import plan

BATCHES_A_COMMIT = 4
Build = Callable[[sk.StreamsBuilder], None]


def stream(builder: sk.StreamsBuilder, topic: str = "in") -> sk.KStream[str, bytes]:
    return builder.stream(topic, key=str, value=bytes)


def table(builder: sk.StreamsBuilder, topic: str, store: str) -> sk.KTable[str, bytes]:
    return builder.table(topic, key=str, value=bytes, store=store)


def stateless(builder: sk.StreamsBuilder) -> None:
    kept = stream(builder).filter(lambda _key, _value: True)
    kept.map_values(lambda value: value[:10]).to("out", key=str, value=bytes)


def select_key(builder: sk.StreamsBuilder) -> None:
    stream(builder).select_key(lambda key, _value: key[-2:]).to("out", key=str, value=bytes)


def count(builder: sk.StreamsBuilder) -> None:
    counts = stream(builder).group_by_key().count(store="s")
    counts.to_stream().to("out", key=str, value=int)


def tumbling(builder: sk.StreamsBuilder) -> None:
    windows = stream(builder).group_by_key().windowed_by(sk.TumblingWindows(60_000))
    windows.count(store="s").to_stream().to("out", value=int)


def hopping(builder: sk.StreamsBuilder) -> None:
    windows = sk.HoppingWindows(60_000, advance=10_000)
    grouped = stream(builder).group_by_key().windowed_by(windows)
    grouped.count(store="s").to_stream().to("out", value=int)


def sliding(builder: sk.StreamsBuilder) -> None:
    windows = stream(builder).group_by_key().windowed_by(sk.SlidingWindows(5_000))
    windows.count(store="s").to_stream().to("out", value=int)


def sessions(builder: sk.StreamsBuilder) -> None:
    windows = stream(builder).group_by_key().windowed_by(sk.SessionWindows(5_000))
    windows.count(store="s").to_stream().to("out", value=int)


def suppress(builder: sk.StreamsBuilder) -> None:
    windows = stream(builder).group_by_key().windowed_by(sk.TumblingWindows(60_000))
    last = windows.count(store="s").suppress(sk.UntilWindowCloses(), name="last")
    last.to_stream().to("out", value=int)


def table_count(builder: sk.StreamsBuilder) -> None:
    """A table grouped by a part of its values: half of it, the other side of the repartition topic isn't here."""
    grouped = table(builder, "in", "s").group_by(lambda key, value: (key[-2:], value), key=str)
    grouped.count(store="counts")


def stream_table(builder: sk.StreamsBuilder) -> None:
    joined = stream(builder).join(table(builder, "in2", "s"), lambda left, _right: left)
    joined.to("out", key=str, value=bytes)


def stream_stream(builder: sk.StreamsBuilder) -> None:
    joined = stream(builder).join(
        stream(builder, "in2"),
        lambda left, _right: left,
        windows=sk.JoinWindows(1_000),
        store="s",
    )
    joined.to("out", key=str, value=bytes)


def table_table(builder: sk.StreamsBuilder) -> None:
    joined = table(builder, "in", "s").join(table(builder, "in2", "t"), lambda left, _right: left)
    joined.to_stream().to("out", key=str, value=bytes)


BUILDS: dict[str, Build] = {
    build.__name__.replace("_", "-"): build
    for build in (
        stateless,
        select_key,
        count,
        tumbling,
        hopping,
        sliding,
        sessions,
        suppress,
        table_count,
        stream_table,
        stream_stream,
        table_table,
    )
}


def spent(
    build: Build, data: list[bytes], profile: cProfile.Profile | None = None
) -> tuple[float, float]:
    """Nanoseconds a record for processing, and for committing and building what is sent."""
    builder = sk.StreamsBuilder()
    build(builder)
    planned = plan(builder.build(), "micro")
    producer: Any = Discarded()
    sources = [TopicPartition(topic, 0) for topic in ("in", "in2")]
    with tempfile.TemporaryDirectory() as folder:
        factory = TaskFactory(
            planned,
            planned.resolve({source.topic: 1 for source in sources}),
            settings=TaskSettings("micro"),
            collector=ProducerCollector(producer),
            clock=SystemClock(),
            store_settings=StoreSettings(),
        )
        task = factory.task(TaskId(0, 0), directory=Path(folder), global_stores={})
        task.start({})
        used = [source for source in sources if source in task.inputs]
        changelogs = dict.fromkeys(task.restorable(), 0)
        processing = rest = records = 0
        for number, raw in enumerate(data, start=1):
            for position, header in batches(raw):
                columns = decode_batch(raw, position, header)
                for source in used:
                    task.add(
                        source,
                        Columns(
                            columns.offsets,
                            columns.timestamps,
                            columns.keys,
                            columns.values,
                            columns.headers,
                            columns.offsets[-1] + 1,
                        ),
                    )
                    records += len(columns.offsets)
            begin = time.thread_time_ns()
            if profile is not None:
                profile.enable()
            while task.process(1000):
                pass
            if profile is not None:
                profile.disable()
            processed = time.thread_time_ns()
            processing += processed - begin
            producer.build()
            if number % BATCHES_A_COMMIT == 0:
                task.seal()
                task.write_changelog()
                task.persist(changelogs)
                task.committed()
                producer.build()
            rest += time.thread_time_ns() - processed
        task.close()
    return processing / records, rest / records


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.micro_operators", description=__doc__)
    options.add_argument("--records", type=int, default=200_000)
    options.add_argument("--profile", action="store_true")
    options.add_argument("names", nargs="*", metavar="name", help=", ".join(BUILDS))
    chosen = options.parse_args()
    data = encoded_batches(chosen.records)
    print(f"{build_mode()}: nanoseconds a record, over {chosen.records:,} records")
    print(f"  {'':16}{'process':>9}{'send, commit':>14}")
    for name in chosen.names or BUILDS:
        profile = cProfile.Profile() if chosen.profile else None
        processing, rest = spent(BUILDS[name], data, profile)
        print(f"  {name:16}{processing:9.0f}{rest:14.0f}", flush=True)
        if profile is not None:
            pstats.Stats(profile).sort_stats("tottime").print_stats(15)


if __name__ == "__main__":
    main()
