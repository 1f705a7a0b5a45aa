"""Departure delays per airport, airline and hour, enriched on the way.

```
flights ─ drop cancelled ─ join airlines (global) ─┬ by tail number ─ left join planes
                                                   └ by airport and hour ─ left join weather
        ─ by airport and airline ─ windows of an hour ─ count, sums, maximum ─> delays-per-hour
```

Run it with `streamkit worker examples/nyc_flights/app.py`; `make demo` feeds it and shows the result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import streamkit as sk

__all__ = ["Delays", "Flight", "Plane", "Route", "Weather", "app"]

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Flight:
    """One departure; `delay_minutes` is None when it was cancelled."""

    carrier: str
    number: str
    tail_number: str
    origin: str
    destination: str
    scheduled_ms: int
    delay_minutes: int | None
    airline: str = ""
    seats: int = 0
    wind_mph: float = 0.0

    @property
    def weather_key(self) -> str:
        """Airport and hour, the key of the weather table."""
        return f"{self.origin}@{self.scheduled_ms - self.scheduled_ms % HOUR_MS}"


@dataclass(frozen=True)
class Plane:
    """What flew: the planes table, by tail number."""

    manufacturer: str
    model: str
    seats: int


@dataclass(frozen=True)
class Weather:
    """An hour at an airport: the weather table, by `Flight.weather_key`."""

    wind_mph: float | None
    visibility_miles: float | None


@dataclass(frozen=True)
class Route:
    """What is counted together."""

    origin: str
    airline: str


@dataclass(frozen=True)
class Delays:
    """The departures of one airline from one airport in one hour."""

    flights: int = 0
    delay_minutes: int = 0
    mean_delay_minutes: float = 0.0
    seats: int = 0
    max_wind_mph: float = 0.0


def scheduled(_key: str, flight: Flight) -> int:
    """Event time of a flight: when it was to leave."""
    return flight.scheduled_ms


def add_flight(_route: Route, flight: Flight, delays: Delays) -> Delays:
    """`delays` with one more flight."""
    flights = delays.flights + 1
    minutes = delays.delay_minutes + (flight.delay_minutes or 0)
    return Delays(
        flights=flights,
        delay_minutes=minutes,
        mean_delay_minutes=round(minutes / flights, 2),
        seats=delays.seats + flight.seats,
        max_wind_mph=max(delays.max_wind_mph, flight.wind_mph),
    )


app = sk.App("nyc-flights")

flights = app.topic("flights", key=str, value=Flight, timestamp=scheduled)
airlines = app.topic("airlines", key=str, value=str)
planes = app.topic("planes", key=str, value=Plane)
weather = app.topic("weather", key=str, value=Weather)

# Two joins and the aggregation each re-key, so the flights pass three repartition topics. There the
# tasks of one step run ahead of each other: one partition may be through the year before the next one
# starts. Nothing is late until every flight of the data set has been seen: the grace is all of it.
WINDOWS = sk.TumblingWindows(size=timedelta(hours=1), grace=timedelta(days=366))


@app.stream(flights)
def delays_per_hour(flights: sk.KStream[str, Flight]) -> None:
    """The whole job."""
    plane_table = app.table(planes, store="planes")
    weather_table = app.table(weather, store="weather")
    (
        flights.filter(lambda _, flight: flight.delay_minutes is not None, name="flown")
        .join_global(
            app.global_table(airlines, store="airlines"),
            key=lambda _, flight: flight.carrier,
            joiner=lambda flight, airline: replace(flight, airline=airline),
            value=Flight,
            name="with-airline",
        )
        .select_key(lambda _, flight: flight.tail_number, key=str, name="by-plane")
        .left_join(
            plane_table,
            lambda flight, plane: replace(flight, seats=plane.seats if plane else 0),
            value=Flight,
            name="with-plane",
        )
        .select_key(lambda _, flight: flight.weather_key, key=str, name="by-airport-hour")
        .left_join(
            weather_table,
            lambda flight, now: replace(flight, wind_mph=(now and now.wind_mph) or 0.0),
            value=Flight,
            name="with-weather",
        )
        .group_by(
            lambda _, flight: Route(flight.origin, flight.airline), key=Route, name="by-route"
        )
        .windowed_by(WINDOWS)
        .aggregate(Delays, add_flight, store="delays", value=Delays)
        .to_stream()
        .to("delays-per-hour")
    )
