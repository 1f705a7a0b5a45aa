"""The same result by the csv module and two dictionaries: what the stream app is checked against."""

from __future__ import annotations

from examples.nyc_flights.app import HOUR_MS, Delays, Route
from examples.nyc_flights.data import DataSet, hour_ms, scheduled_departure_ms

__all__ = ["delays_per_hour"]


def delays_per_hour(data: DataSet) -> dict[tuple[Route, int], Delays]:
    """Delays by route and start of the hour in milliseconds since the epoch."""
    airline = {row["carrier"]: row["name"] for row in data.rows("airlines")}
    seats = {row["tailnum"]: int(row["seats"]) for row in data.rows("planes")}
    wind = {
        (row["origin"], hour_ms(row)): float(row["wind_speed"])
        for row in data.rows("weather")
        if row["wind_speed"] not in ("", "NA")
    }
    groups: dict[tuple[Route, int], list[tuple[int, int, float]]] = {}
    for row in data.rows("flights"):
        if row["dep_time"] in ("", "NA"):
            continue
        start_ms = scheduled_departure_ms(row) // HOUR_MS * HOUR_MS
        groups.setdefault((Route(row["origin"], airline[row["carrier"]]), start_ms), []).append(
            (
                int(row["dep_delay"]),
                seats.get(row["tailnum"], 0),
                wind.get((row["origin"], hour_ms(row)), 0.0),
            )
        )
    return {
        key: Delays(
            flights=len(rows),
            delay_minutes=sum(delay for delay, _, _ in rows),
            mean_delay_minutes=round(sum(delay for delay, _, _ in rows) / len(rows), 2),
            seats=sum(seats for _, seats, _ in rows),
            max_wind_mph=max(wind for _, _, wind in rows),
        )
        for key, rows in groups.items()
    }
