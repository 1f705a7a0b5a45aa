"""Window, join and session stores against plain dicts: whatever is committed, discarded or reopened in between.

Clean copies, what is known of the backend and what is forgotten on the way shall never show.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.model import Window, Windowed
from streamkit.serde import serde_for
from streamkit.state import (
    ChangelogWriter,
    StoreContext,
    StoreKind,
    StoreSettings,
    StoreSpec,
    open_store,
)

MINUTE = 60_000
RETENTION = 2 * MINUTE
KEYS = st.sampled_from(["a", "a", "ab"])
# Bounds of segments, of the retention, and times near each other.
TIMES = st.builds(
    lambda minute, millisecond: minute * MINUTE + millisecond, st.integers(0, 4), st.integers(0, 3)
)
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, TIMES, st.integers(0, 3), st.integers(1, 9)),
    st.tuples(st.just("put"), KEYS, TIMES, st.integers(0, 3), st.integers(1, 9)),
    st.tuples(st.just("remove"), KEYS, TIMES, st.integers(0, 3)),
    st.tuples(st.just("look"), KEYS, TIMES, st.integers(0, 2 * MINUTE)),
    st.tuples(st.just("commit"), st.integers(0, 3)),
    st.tuples(st.just("seal")),
    st.tuples(st.just("persist")),
    st.tuples(st.just("discard")),
    st.tuples(st.just("reopen")),
    st.tuples(st.just("restore")),
)


class Collected(ChangelogWriter):
    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None, int]] = []

    def write(self, key: bytes, value: bytes | None, timestamp: int) -> None:
        self.records.append((key, value, timestamp))


class Model:
    """Entries by (key, time, number), what of them is committed, and the highest time put."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, int, int], int] = {}
        self.observed = -1
        self.committed: tuple[dict[tuple[str, int, int], int], int] = ({}, -1)
        self.sealed: tuple[dict[tuple[str, int, int], int], int] | None = None

    def put(self, place: tuple[str, int, int], value: int | None, segment_ms: int) -> None:
        time_ms = place[1]
        self.observed = max(self.observed, time_ms)
        lowest = self.observed - RETENTION + 1
        if lowest > 0 and time_ms < lowest - lowest % segment_ms:
            return
        if value is None:
            self.entries.pop(place, None)
        else:
            self.entries[place] = value

    def visible(self, key: str, low: int, high: int) -> list[tuple[tuple[str, int, int], int]]:
        return [
            (place, value)
            for place, value in sorted(self.entries.items())
            if place[0] == key
            and max(low, self.observed - RETENTION + 1) <= place[1] <= min(high, self.observed)
        ]


class Lab:
    """A store, its model, and its changelog."""

    def __init__(
        self, kind: StoreKind, folder: Path | None, clean_bytes: int, duplicates: bool
    ) -> None:
        self.kind = kind
        self.duplicates = duplicates
        self.folder = folder
        self.settings = StoreSettings(
            backend="memory" if folder is None else "rocksdb", clean_cache_bytes=clean_bytes
        )
        self.spec = StoreSpec(
            "s",
            kind,
            serde_for(str),
            serde_for(int),
            retention_ms=RETENTION,
            window_size_ms=10,
            retain_duplicates=duplicates,
        )
        self.model = Model()
        self.changelog: list[tuple[bytes, bytes | None, int]] = []
        self.generation: Any = None
        self.number = 0
        self.restores = 0
        self.store: Any = None
        self.open()

    def open(self) -> None:
        self.store = open_store(self.spec, directory=self.folder, settings=self.settings)
        self.store.init(StoreContext())

    def put(self, key: str, time_ms: int, length: int, value: int | None) -> None:
        store, model = self.store, self.model
        if self.kind is StoreKind.SESSION:
            start = max(time_ms - length, 0)
            store.put(Windowed(key, Window(start, time_ms)), value)
            model.put((key, time_ms, start), value, MINUTE)
        elif self.duplicates:
            if value is not None:
                self.number += 1
                store.put(key, value, time_ms)
                model.put((key, time_ms, self.number), value, MINUTE)
        elif self.kind is StoreKind.WINDOW:
            store.put(key, value, time_ms)
            model.put((key, time_ms, 0), value, MINUTE)
        else:
            store.put(key, value, time_ms, 5)
            model.put((key, time_ms, 0), value, MINUTE)

    def look(self, key: str, low: int, high: int) -> None:
        expected = self.model.visible(key, low, high)
        if self.kind is StoreKind.SESSION:
            found = [
                ((windowed.window.end_ms, windowed.window.start_ms), value)
                for windowed, value in self.store.find_sessions(key, low, 2**62)
                if windowed.window.end_ms <= high
            ]
            assert found == [((place[1], place[2]), value) for place, value in expected]
            for place, value in expected:
                assert self.store.fetch_session(key, place[2], place[1]) == value
            return
        seen = list(self.store.fetch_range(key, low, high))
        backwards = list(self.store.fetch_range(key, low, high, reverse=True))
        assert backwards == seen[::-1]
        if self.kind is StoreKind.TIMESTAMPED_WINDOW:
            assert seen == [(place[1], (value, 5)) for place, value in expected]
        else:
            assert seen == [(place[1], value) for place, value in expected]
        if not self.duplicates:
            for time_ms in {low, *(place[1] for place, _ in expected)}:
                entry = self.store.fetch(key, time_ms)
                want = dict(seen).get(time_ms)
                assert entry == want

    def seal(self) -> None:
        if self.generation is None:
            self.generation = self.store.seal()
            if self.generation is not None:
                self.model.sealed = (dict(self.model.entries), self.model.observed)

    def persist(self, limit: int) -> None:
        if self.generation is None:
            return
        writer = Collected()
        self.generation.write_changelog(writer)
        self.changelog += writer.records
        while not self.generation.persist(len(self.changelog), limit):
            pass
        self.generation = None
        assert self.model.sealed is not None
        self.model.committed = self.model.sealed
        self.model.sealed = None

    def back(self) -> None:
        """What was not committed is gone."""
        self.generation = None
        self.model.sealed = None
        entries, self.model.observed = self.model.committed
        self.model.entries = dict(entries)

    def step(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("put", key, time_ms, length, value):
                self.put(key, time_ms, length, value)
            case ("remove", key, time_ms, length):
                self.put(key, time_ms, length, None)
            case ("look", key, time_ms, span):
                self.look(key, time_ms, time_ms + span)
            case ("commit", limit):
                self.seal()
                self.persist(limit)
            case ("seal",):
                self.seal()
            case ("persist",):
                self.persist(0)
            case ("discard",):
                self.store.discard()
                self.back()
            case ("reopen",) if self.folder is not None:
                self.store.close()
                self.back()
                self.open()
            case ("restore",):
                self.store.close()
                self.back()
                self.restores += 1
                if self.folder is not None:
                    self.folder = self.folder.parent / f"again{self.restores}"
                self.open()
                keys, values, timestamps = (
                    [record[part] for record in self.changelog] for part in range(3)
                )
                self.store.restore_batch(keys, values, timestamps, len(self.changelog))


@pytest.mark.parametrize(("backend", "examples"), [("memory", 40), ("rocksdb", 5)])
@pytest.mark.parametrize("clean_bytes", [0, 900, 1 << 20])
@pytest.mark.parametrize("kind", ["window", "timestamped window", "join buffer", "session"])
def test_rows_are_those_of_a_plain_model(
    kind: str, clean_bytes: int, backend: str, examples: int
) -> None:
    kinds = {
        "window": StoreKind.WINDOW,
        "timestamped window": StoreKind.TIMESTAMPED_WINDOW,
        "join buffer": StoreKind.WINDOW,
        "session": StoreKind.SESSION,
    }

    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.lists(STEPS, min_size=12, max_size=50))
    def check(steps: list[tuple[Any, ...]]) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "s" if backend == "rocksdb" else None
            lab = Lab(kinds[kind], folder, clean_bytes, kind == "join buffer")
            try:
                for step in steps:
                    lab.step(step)
                for key in ("a", "ab"):
                    lab.look(key, 0, 2**40)
            finally:
                lab.store.close()

    check()
