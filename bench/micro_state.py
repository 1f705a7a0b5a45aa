"""`python -m bench.micro_state`: what one count per key costs in a store, beside a dict and bare RocksDB.

10,000 keys, one get and one put a record, best of five rounds. "in the overlay" is what nearly all
records meet at a commit interval of 30 s; "behind a commit" has every key read once after a commit, from
the clean copies or, with these switched off, from RocksDB. Runs interpreted in the checkout, compiled
with the interpreter of a compiled wheel; the first line says which.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rocksdict
from rich.console import Console
from rich.table import Table

from streamkit.serde import serde_for
from streamkit.state import (
    ChangelogWriter,
    StoreKind,
    StoreSettings,
    StoreSpec,
    open_store,
    overlay,
)

KEYS = [f"user-{number:06d}" for number in range(10_000)]
RAW_KEYS = [key.encode() for key in KEYS]
ROUNDS = 5
RECORDS = 200_000


class Nowhere(ChangelogWriter):
    def write(self, key: bytes, value: bytes | None, timestamp: int) -> None:
        pass


def best_ns(run: Callable[[int], None], records: int = RECORDS, rounds: int = ROUNDS) -> float:
    """Nanoseconds a record, the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter_ns()
        run(records)
        best = min(best, (time.perf_counter_ns() - begin) / records)
    return best


def table_store(folder: Path | None, *, clean_bytes: int = 16 << 20, value: Any = int) -> Any:
    spec = StoreSpec("s", StoreKind.TIMESTAMPED_KEY_VALUE, serde_for(str), serde_for(value))
    settings = StoreSettings(clean_cache_bytes=clean_bytes)
    return open_store(spec, directory=folder, settings=settings)


def counting_dict(records: int) -> None:
    counts: dict[str, int] = {}
    for number in range(records):
        key = KEYS[number % 10_000]
        counts[key] = counts.get(key, 0) + 1


def counting(store: Any) -> Callable[[int], None]:
    def run(records: int) -> None:
        get, put = store.get, store.put
        for number in range(records):
            key = KEYS[number % 10_000]
            entry = get(key)
            put(key, 1 if entry is None else entry[0] + 1, number)

    return run


def counting_raw(store: Any) -> Callable[[int], None]:
    def run(records: int) -> None:
        get, put = store.get_raw, store.put_raw
        for number in range(records):
            key = RAW_KEYS[number % 10_000]
            entry = get(key)
            put(key, 1 if entry is None else entry[0] + 1, number)

    return run


def averaging(store: Any) -> Callable[[int], None]:
    def run(records: int) -> None:
        get, put = store.get_raw, store.put_raw
        for number in range(records):
            key = RAW_KEYS[number % 10_000]
            entry = get(key)
            value = {"count": 0, "sum": 0.0} if entry is None else entry[0]
            value["count"] += 1
            value["sum"] += 2.5
            put(key, value, number)

    return run


def windowed(store: Any) -> Callable[[int], None]:
    def run(records: int) -> None:
        fetch, put = store.fetch_raw, store.put_raw
        for number in range(records):
            key = RAW_KEYS[number % 10_000]
            entry = fetch(key, 60_000)
            put(key, 1 if entry is None else entry[0] + 1, 60_000, number)

    return run


def bare_rocksdb(folder: Path) -> Callable[[int], None]:
    database = rocksdict.Rdict(str(folder / "bare"), rocksdict.Options(raw_mode=True))

    def run(records: int) -> None:
        get, put = database.get, database.put
        for number in range(records):
            key = RAW_KEYS[number % 10_000]
            data = get(key)
            count = 1 if data is None else int.from_bytes(data, "big") + 1
            put(key, count.to_bytes(8, "big"))

    return run


def commit(store: Any) -> float:
    """Nanoseconds an entry to seal, write the changelog and persist."""
    counting_raw(store)(10_000)
    begin = time.perf_counter_ns()
    store.commit(1, Nowhere())
    return (time.perf_counter_ns() - begin) / 10_000


def main() -> None:
    mode = "interpreted" if (overlay.__file__ or "").endswith(".py") else "compiled"
    rows: list[tuple[str, float]] = [("a dict (no store)", best_ns(counting_dict))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows.append(("bare RocksDB, no overlay", best_ns(bare_rocksdb(folder), 50_000, 3)))
        store = table_store(folder)
        rows.append(("get + put, in the overlay", best_ns(counting(store))))
        rows.append(("get_raw + put_raw, in the overlay", best_ns(counting_raw(store))))
        rows.append(("commit, an entry", min(commit(store) for _ in range(ROUNDS))))
        rows.append(("get_raw + put_raw, behind a commit", best_ns(counting_raw(store), 10_000, 1)))
        store.close()
        store = table_store(folder, clean_bytes=0)
        rows.append(("the same, read from RocksDB", best_ns(counting_raw(store), 10_000, 1)))
        store.close()
        rows.append(("JSON aggregate", best_ns(averaging(table_store(None, value=dict)))))
        spec = StoreSpec(
            "w",
            StoreKind.TIMESTAMPED_WINDOW,
            serde_for(str),
            serde_for(int),
            retention_ms=3_600_000,
            window_size_ms=60_000,
        )
        rows.append(("window fetch_raw + put_raw", best_ns(windowed(open_store(spec)))))
    table = Table(title=f"count per key, streamkit {mode}")
    table.add_column("what")
    table.add_column("ns a record", justify="right")
    for what, cost in rows:
        table.add_row(what, f"{cost:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
