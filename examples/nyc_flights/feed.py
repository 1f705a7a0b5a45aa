"""Feeds the data into topics: the tables first, then the flights in the order of the file."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from examples.nyc_flights.app import Flight, Plane, Weather
from examples.nyc_flights.data import DataSet, Row, hour_ms, scheduled_departure_ms
from streamkit.log.client import Admin, NewTopic, Producer

__all__ = ["PARTITIONS", "feed"]

PARTITIONS = 4
TOPICS = ("airlines", "planes", "weather", "flights", "delays-per-hour")

_json = msgspec.json.Encoder()


def feed(
    bootstrap: str,
    data: DataSet,
    *,
    partitions: int = PARTITIONS,
    progress: Callable[[str, int], None] = lambda _topic, _records: None,
) -> int:
    """Create the topics and write all records; how many flights there were.

    Args:
        progress: called now and then with a topic and the records written to it so far.
    """
    # The flights are of 2013: by a broker's default, a week, retention would take them as soon as it looks.
    keep = {"retention.ms": "-1"}
    topics = [NewTopic(name, partitions, configs=keep) for name in TOPICS]
    with Admin(bootstrap) as admin:
        admin.create_topics(topics, exist_ok=True)
    with Producer(bootstrap, compression="lz4", linger_ms=20) as producer:

        def write(topic: str, key: str, value: bytes, timestamp_ms: int) -> None:
            producer.append(topic, -1, key.encode(), value, timestamp_ms, ())

        for row in data.rows("airlines"):
            write("airlines", row["carrier"], row["name"].encode(), 0)
        for row in data.rows("planes"):
            plane = Plane(row["manufacturer"], row["model"], int(row["seats"]))
            write("planes", row["tailnum"], _json.encode(plane), 0)
        # The file lists the airports one after the other. A task takes the oldest of its partitions'
        # next records, so weather goes in by time, each row just before the flights of its hour.
        for row in sorted(data.rows("weather"), key=hour_ms):
            key = f"{row['origin']}@{hour_ms(row)}"
            write("weather", key, _json.encode(_weather(row)), hour_ms(row) - 1)
        producer.flush()
        count = 0
        for count, row in enumerate(data.rows("flights"), start=1):
            flight = _flight(row)
            key = f"{flight.carrier}{flight.number}"
            write("flights", key, _json.encode(flight), flight.scheduled_ms)
            if count % 1000 == 0:
                progress("flights", count)
        producer.flush()
        progress("flights", count)
    return count


def _number(text: str) -> float | None:
    return None if text in ("", "NA") else float(text)


def _weather(row: Row) -> Weather:
    return Weather(_number(row["wind_speed"]), _number(row["visib"]))


def _flight(row: Row) -> Flight:
    cancelled = row["dep_time"] in ("", "NA")
    return Flight(
        carrier=row["carrier"],
        number=row["flight"],
        tail_number=row["tailnum"],
        origin=row["origin"],
        destination=row["dest"],
        scheduled_ms=scheduled_departure_ms(row),
        delay_minutes=None if cancelled else int(row["dep_delay"]),
    )
