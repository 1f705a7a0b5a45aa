"""Hypothesis machines: a store against a plain dict, over seal, persist, abort, crash and reopen."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streamkit.model import Change, Window, Windowed
from streamkit.serde import Serde, serde_for
from streamkit.state import (
    NEVER,
    ChangelogWriter,
    SealedGeneration,
    StateStore,
    StoreContext,
    StoreKind,
    StoreSettings,
    StoreSpec,
    open_store,
)

RETENTION_MS = 150_000
WINDOW_MS = 10
SMALL = StoreSettings(
    overlay_max_bytes=1_000,
    clean_cache_bytes=1_500,
    flush_bytes=4_096,
    block_cache_bytes=8 * 1024 * 1024,
    write_buffer_bytes=8 * 1024 * 1024,
)

KEYS = st.sampled_from(["", "a", "aa", "ab", "b", "b\x00", "é", "zz"])
LONGS = st.integers(-(2**63), 2**63 - 1)
JSON_VALUES: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"n": st.integers(0, 9), "s": st.lists(st.integers(0, 9), max_size=3)}
)
TIMES = st.integers(0, 10**12)
STARTS = st.one_of(st.integers(0, 40), st.integers(0, 8).map(lambda n: n * 60_000))


class CollectedChangelog(ChangelogWriter):
    """The records that a store wrote, in order."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None, int]] = []

    def write(self, key: bytes, value: bytes | None, timestamp: int) -> None:
        self.records.append((key, value, timestamp))


class Context(StoreContext):
    """Counts how often a store asks for a commit."""

    def __init__(self) -> None:
        super().__init__("0_0")
        self.commits_asked = 0

    def request_commit(self) -> None:
        self.commits_asked += 1


class StoreMachine(RuleBasedStateMachine):
    """What all kinds share. `live` is what reads must show, `durable` what a crash must leave at most."""

    kind: StoreKind
    backend = "memory"
    repeats_keys = False
    keeps_offset = True
    value_type: Any = int
    values: st.SearchStrategy[Any] = LONGS
    live: dict[Any, Any]
    sealed_state: dict[Any, Any]
    durable: dict[Any, Any]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="streamkit-store-"))
        self.live = {}
        self.durable = {}
        self.generation: SealedGeneration | None = None
        self.offset = 0
        self.log: list[tuple[bytes, bytes | None, int]] = []
        self.store: Any = None
        self.context = Context()

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.value_type, self.values = data.draw(
            st.sampled_from([(int, LONGS), (str, st.text(max_size=4)), (dict, JSON_VALUES)])
        )
        self.open()

    def spec(self) -> StoreSpec:
        return StoreSpec(
            "s",
            self.kind,
            serde_for(str),
            self.value_serde(),
            backend=self.backend,
            retention_ms=RETENTION_MS,
            window_size_ms=WINDOW_MS,
        )

    def value_serde(self) -> Serde[Any]:
        return serde_for(self.value_type)

    def open(self) -> None:
        store: StateStore = open_store(
            self.spec(), directory=self.folder, settings=SMALL, application_id="app"
        )
        store.init(self.context)
        self.store = store

    @precondition(lambda self: self.generation is None)
    @rule()
    def seal(self) -> None:
        self.generation = self.store.seal()
        self.sealed_state = dict(self.live)
        self.after_seal()

    @precondition(lambda self: self.generation is not None)
    @rule(step=st.integers(1, 3))
    def persist(self, step: int) -> None:
        generation = self.generation
        assert generation is not None
        writer = CollectedChangelog()
        while not generation.write_changelog(writer, step):
            pass
        assert len(writer.records) == generation.entries()
        assert self.repeats_keys or len({key for key, _, _ in writer.records}) == len(
            writer.records
        )
        self.offset += len(writer.records)
        while not generation.persist(self.offset, step):
            self.check()
        assert generation.write_changelog(writer, step)
        assert generation.persist(self.offset, step)
        assert len(writer.records) == generation.entries()
        self.log.extend(writer.records)
        self.generation = None
        self.durable = self.sealed_state
        self.after_persist()
        assert self.store.checkpoint() == (self.offset if self.keeps_offset else -1)

    @rule()
    def abort(self) -> None:
        """A transaction that failed: both generations go."""
        self.store.discard()
        self.generation = None
        self.live = dict(self.durable)
        self.after_abort()

    @rule()
    def reopen(self) -> None:
        """A restart; what was not persisted is lost. Memory comes back from the changelog."""
        self.store.close()
        self.store.close()
        self.generation = None
        self.open()
        if self.backend == "memory":
            assert self.store.checkpoint() == -1
            self.restore()
        else:
            assert self.store.checkpoint() == (self.offset or -1)
        self.live = dict(self.durable)
        self.after_abort()

    @rule()
    def wipe_and_restore(self) -> None:
        """The changelog alone is enough."""
        self.store.wipe()
        self.generation = None
        assert self.store.checkpoint() == -1
        self.restore()
        self.live = dict(self.durable)
        self.after_abort()

    def restore(self) -> None:
        for start in range(0, len(self.log), 3):
            chunk = self.log[start : start + 3]
            self.store.restore_batch(
                [key for key, _, _ in chunk],
                [value for _, value, _ in chunk],
                [timestamp for _, _, timestamp in chunk],
                start + len(chunk),
            )

    def after_seal(self) -> None:
        """For models with more state than the entries."""

    def after_persist(self) -> None:
        """For models with more state than the entries."""

    def after_abort(self) -> None:
        """For models with more state than the entries."""

    @invariant()
    def same(self) -> None:
        if self.store is not None:
            self.check()

    def check(self) -> None:
        raise NotImplementedError

    def teardown(self) -> None:
        if self.store is not None:
            self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def by_bytes(key: str) -> bytes:
    return key.encode()


class KeyValueMachine(StoreMachine):
    """The plain key-value store."""

    kind = StoreKind.KEY_VALUE

    @rule(key=KEYS, data=st.data(), raw=st.booleans())
    def put(self, key: str, data: st.DataObject, raw: bool) -> None:
        value = data.draw(st.none() | self.values)
        if raw:
            self.store.put_raw(self.store.raw_key(key), value)
        else:
            self.store.put(key, value)
        if value is None:
            self.live.pop(key, None)
        else:
            self.live[key] = value

    @rule(keys=st.lists(KEYS, max_size=3), data=st.data())
    def put_all(self, keys: list[str], data: st.DataObject) -> None:
        entries = [(key, data.draw(st.none() | self.values)) for key in keys]
        self.store.put_all(entries)
        self.live.update(entries)
        self.live = {key: value for key, value in self.live.items() if value is not None}

    @rule(key=KEYS, data=st.data())
    def put_if_absent(self, key: str, data: st.DataObject) -> None:
        value = data.draw(self.values)
        assert self.store.put_if_absent(key, value) == self.live.get(key)
        self.live.setdefault(key, value)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        assert self.store.delete(key) == self.live.pop(key, None)

    @rule(low=st.none() | KEYS, high=st.none() | KEYS, reverse=st.booleans())
    def range(self, low: str | None, high: str | None, reverse: bool) -> None:
        expected = [
            (key, value)
            for key, value in sorted(self.live.items(), key=lambda item: by_bytes(item[0]))
            if (low is None or by_bytes(key) >= by_bytes(low))
            and (high is None or by_bytes(key) <= by_bytes(high))
        ]
        found = list(self.store.range(low, high, reverse=reverse))
        assert found == (expected[::-1] if reverse else expected)

    @rule(prefix=KEYS)
    def prefix_scan(self, prefix: str) -> None:
        raw = by_bytes(prefix)
        expected = sorted(key for key in self.live if by_bytes(key).startswith(raw))
        assert [key for key, _ in self.store.prefix_scan(raw)] == expected

    @rule()
    def delete_while_iterating(self) -> None:
        """An iterator shows the store as it was when it was made."""
        seen = []
        for key, _ in self.store.all():
            seen.append(key)
            self.delete(key)
        assert not self.live
        assert len(seen) == len(set(seen))

    def check(self) -> None:
        for key in ("", "a", "aa", "é", "nothing"):
            assert self.store.get(key) == self.live.get(key)
        expected = sorted(self.live.items(), key=lambda item: by_bytes(item[0]))
        assert list(self.store.all()) == expected
        assert list(self.store.all(reverse=True)) == expected[::-1]


class TimestampedKeyValueMachine(StoreMachine):
    """The key-value store of the DSL; the model keeps (value, timestamp)."""

    kind = StoreKind.TIMESTAMPED_KEY_VALUE

    @rule(key=KEYS, data=st.data(), timestamp=TIMES, raw=st.booleans())
    def put(self, key: str, data: st.DataObject, timestamp: int, raw: bool) -> None:
        value = data.draw(st.none() | self.values)
        if raw:
            self.store.put_raw(self.store.raw_key(key), value, timestamp)
        else:
            self.store.put(key, value, timestamp)
        if value is None:
            self.live.pop(key, None)
        else:
            self.live[key] = (value, timestamp)

    @rule(keys=st.lists(KEYS, max_size=3), data=st.data(), timestamp=TIMES)
    def put_all(self, keys: list[str], data: st.DataObject, timestamp: int) -> None:
        entries = [(key, data.draw(st.none() | self.values), timestamp) for key in keys]
        self.store.put_all(iter(entries))
        for key, value, _ in entries:
            self.live.pop(key, None)
            if value is not None:
                self.live[key] = (value, timestamp)

    @rule(key=KEYS, data=st.data(), timestamp=TIMES)
    def put_if_absent(self, key: str, data: st.DataObject, timestamp: int) -> None:
        value = data.draw(self.values)
        assert self.store.put_if_absent(key, value, timestamp) == self.live.get(key)
        self.live.setdefault(key, (value, timestamp))

    @rule(key=KEYS, timestamp=TIMES)
    def delete(self, key: str, timestamp: int) -> None:
        assert self.store.delete(key, timestamp) == self.live.pop(key, None)

    @rule(low=KEYS, high=KEYS, reverse=st.booleans())
    def range(self, low: str, high: str, reverse: bool) -> None:
        expected = [
            (key, self.live[key])
            for key in sorted(self.live, key=by_bytes)
            if by_bytes(low) <= by_bytes(key) <= by_bytes(high)
        ]
        found = list(self.store.range(low, high, reverse=reverse))
        assert found == (expected[::-1] if reverse else expected)

    def check(self) -> None:
        for key in ("", "a", "aa", "é", "nothing"):
            assert self.store.get(key) == self.live.get(key)
            assert self.store.get_raw(by_bytes(key)) == self.live.get(key)
        expected = sorted(self.live.items(), key=lambda item: by_bytes(item[0]))
        assert list(self.store.all()) == expected


class TimestampedWindowMachine(StoreMachine):
    """The window store of the DSL; the model keeps all windows and filters by retention."""

    kind = StoreKind.TIMESTAMPED_WINDOW
    observed = -1
    durable_observed = -1
    sealed_observed = -1

    def visible(self) -> dict[Any, Any]:
        return {
            window: entry
            for window, entry in self.live.items()
            if window[1] > self.observed - RETENTION_MS
        }

    @rule(key=KEYS, start=STARTS, data=st.data(), timestamp=TIMES)
    def put(self, key: str, start: int, data: st.DataObject, timestamp: int) -> None:
        value = data.draw(st.none() | self.values)
        self.put_in_store(key, value, start, timestamp)
        self.observed = max(self.observed, start)
        if value is None:
            self.live.pop((key, start), None)
        else:
            self.live[key, start] = (value, timestamp)
        self.live = self.visible()

    def put_in_store(self, key: str, value: Any, start: int, timestamp: int) -> None:
        self.store.put(key, value, start, timestamp)

    def after_seal(self) -> None:
        self.sealed_observed = self.observed

    def after_persist(self) -> None:
        self.durable_observed = self.sealed_observed

    def after_abort(self) -> None:
        self.observed = self.durable_observed
        self.live = self.visible()

    @rule(key=KEYS, first=STARTS, last=STARTS, reverse=st.booleans())
    def fetch_range(self, key: str, first: int, last: int, reverse: bool) -> None:
        expected = [
            (start, self.shown(self.live[name, start]))
            for name, start in sorted(self.live)
            if name == key and first <= start <= last
        ]
        found = list(self.store.fetch_range(key, first, last, reverse=reverse))
        assert found == (expected[::-1] if reverse else expected)

    @rule(low=KEYS, high=KEYS, first=STARTS, last=STARTS)
    def fetch_keys(self, low: str, high: str, first: int, last: int) -> None:
        expected = {
            (name, start): self.shown(entry)
            for (name, start), entry in self.live.items()
            if by_bytes(low) <= by_bytes(name) <= by_bytes(high) and first <= start <= last
        }
        found = list(self.store.fetch_keys(low, high, first, last))
        assert {(key.key, key.start_ms): entry for key, entry in found} == expected
        assert list(self.store.fetch_keys(low, high, first, last, reverse=True)) == found[::-1]
        assert len(found) == len(expected)

    def shown(self, entry: Any) -> Any:
        return entry

    def check(self) -> None:
        for key in ("", "a", "b"):
            for start in (0, 1, 60_000, 120_000):
                entry = self.live.get((key, start))
                expected = None if entry is None else self.shown(entry)
                assert self.store.fetch(key, start) == expected
        found = list(self.store.all())
        assert list(self.store.all(reverse=True)) == found[::-1]
        some = list(self.store.fetch_all(10, 60_000))
        assert list(self.store.fetch_all(10, 60_000, reverse=True)) == some[::-1]
        assert {(key.key, key.start_ms): entry for key, entry in found} == {
            window: self.shown(entry) for window, entry in self.live.items()
        }
        assert all(key.end_ms == key.start_ms + WINDOW_MS for key, _ in found)


class WindowMachine(TimestampedWindowMachine):
    """The plain window store."""

    kind = StoreKind.WINDOW

    def put_in_store(self, key: str, value: Any, start: int, timestamp: int) -> None:
        self.context.timestamp = timestamp
        self.store.put(key, value, start)

    def shown(self, entry: Any) -> Any:
        return entry[0]


class DuplicatesMachine(TimestampedWindowMachine):
    """The window store of stream joins; the model keeps a list a window."""

    kind = StoreKind.WINDOW

    def spec(self) -> StoreSpec:
        return replace(super().spec(), retain_duplicates=True)

    @rule(key=KEYS, start=STARTS, data=st.data(), timestamp=TIMES)
    def put(self, key: str, start: int, data: st.DataObject, timestamp: int) -> None:
        value = data.draw(st.none() | self.values)
        self.store.put(key, value, start)
        if value is not None:
            self.observed = max(self.observed, start)
            self.live[key, start] = [*self.live.get((key, start), []), value]
            self.live = self.visible()

    @rule(key=KEYS, first=STARTS, last=STARTS, reverse=st.booleans())
    def fetch_range(self, key: str, first: int, last: int, reverse: bool) -> None:
        expected = [
            (start, value)
            for name, start in sorted(self.live)
            if name == key and first <= start <= last
            for value in self.live[name, start]
        ]
        found = list(self.store.fetch_range(key, first, last, reverse=reverse))
        assert found == (expected[::-1] if reverse else expected)

    @rule(low=KEYS, high=KEYS, first=STARTS, last=STARTS)
    def fetch_keys(self, low: str, high: str, first: int, last: int) -> None:
        expected = {
            (name, start): values
            for (name, start), values in self.live.items()
            if by_bytes(low) <= by_bytes(name) <= by_bytes(high) and first <= start <= last
        }
        found = list(self.store.fetch_keys(low, high, first, last))
        assert grouped(found) == expected
        assert list(self.store.fetch_keys(low, high, first, last, reverse=True)) == found[::-1]

    def check(self) -> None:
        for key in ("", "a", "b"):
            for start in (0, 60_000):
                values = self.live.get((key, start))
                assert self.store.fetch(key, start) == (values[0] if values else None)
        assert grouped(self.store.all()) == self.live


def grouped(entries: Any) -> dict[tuple[str, int], list[Any]]:
    """Values by key and start, in the order they came."""
    found: dict[tuple[str, int], list[Any]] = {}
    for window, value in entries:
        found.setdefault((window.key, window.start_ms), []).append(value)
    return found


class SessionMachine(StoreMachine):
    """The session store; the model keeps (key, start, end) to value."""

    kind = StoreKind.SESSION
    observed = -1
    durable_observed = -1
    sealed_observed = -1

    def visible(self) -> dict[Any, Any]:
        return {
            session: value
            for session, value in self.live.items()
            if session[2] > self.observed - RETENTION_MS
        }

    @rule(key=KEYS, start=STARTS, length=st.sampled_from([0, 1, 30, 60_000]), data=st.data())
    def put(self, key: str, start: int, length: int, data: st.DataObject) -> None:
        value = data.draw(st.none() | self.values)
        end = start + length
        self.store.put(Windowed(key, Window(start, end)), value)
        self.observed = max(self.observed, end)
        if value is None:
            self.live.pop((key, start, end), None)
        else:
            self.live[key, start, end] = value
        self.live = self.visible()

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        key, start, end = data.draw(st.sampled_from(sorted(self.live)))
        self.store.remove(Windowed(key, Window(start, end)))
        del self.live[key, start, end]

    @rule(key=KEYS, earliest_end=STARTS, latest_start=STARTS)
    def find_sessions(self, key: str, earliest_end: int, latest_start: int) -> None:
        expected = [
            (Windowed(key, Window(start, end)), value)
            for (name, start, end), value in sorted(
                self.live.items(), key=lambda item: (item[0][2], item[0][1])
            )
            if name == key and end >= earliest_end and start <= latest_start
        ]
        find = self.store.find_sessions
        assert list(find(key, earliest_end, latest_start)) == expected
        assert list(find(key, earliest_end, latest_start, reverse=True)) == expected[::-1]

    @rule(low=st.none() | KEYS, high=st.none() | KEYS, earliest_end=STARTS, latest_start=STARTS)
    def find_sessions_of_keys(
        self, low: str | None, high: str | None, earliest_end: int, latest_start: int
    ) -> None:
        of_keys = {
            session: value
            for session, value in self.live.items()
            if (low is None or by_bytes(session[0]) >= by_bytes(low))
            and (high is None or by_bytes(session[0]) <= by_bytes(high))
        }
        expected = {
            session: value
            for session, value in of_keys.items()
            if session[2] >= earliest_end and session[1] <= latest_start
        }
        find, span = self.store.find_sessions_of_keys, (earliest_end, latest_start)
        found = list(find(low, high, *span))
        assert by_session(found) == expected
        assert len(found) == len(expected)
        assert list(find(low, high, *span, reverse=True)) == found[::-1]
        fetched = list(self.store.fetch_keys(low, high))
        assert by_session(fetched) == of_keys
        assert list(self.store.fetch_keys(low, high, reverse=True)) == fetched[::-1]

    @rule(earliest=STARTS, latest=STARTS)
    def ended_between(self, earliest: int, latest: int) -> None:
        expected = (
            sorted(
                (end, start, by_bytes(name), value)
                for (name, start, end), value in self.live.items()
                if earliest <= end <= latest
            )
            if self.value_type is int
            else None
        )
        found = [
            (session.end_ms, session.start_ms, by_bytes(session.key), value)
            for session, value in self.store.ended_between(earliest, latest)
        ]
        if expected is not None:
            assert found == expected

    def after_seal(self) -> None:
        self.sealed_observed = self.observed

    def after_persist(self) -> None:
        self.durable_observed = self.sealed_observed

    def after_abort(self) -> None:
        self.observed = self.durable_observed
        self.live = self.visible()

    def check(self) -> None:
        for (key, start, end), value in self.live.items():
            assert self.store.fetch_session(key, start, end) == value
        assert self.store.fetch_session("a", 0, 7) is None
        found = list(self.store.all())
        assert by_session(found) == self.live
        assert len(found) == len(self.live)
        assert list(self.store.all(reverse=True)) == found[::-1]
        of_one = [session.key for session, _ in self.store.fetch("a")]
        assert of_one == ["a"] * sum(name == "a" for name, _, _ in self.live)
        assert list(self.store.fetch("a", reverse=True)) == list(self.store.fetch("a"))[::-1]


def by_session(entries: Any) -> dict[tuple[str, int, int], Any]:
    """Values by key, start and end."""
    return {(session.key, session.start_ms, session.end_ms): value for session, value in entries}


class VersionedMachine(StoreMachine):
    """The versioned store; the model keeps every put that was taken, and computes what shows."""

    kind = StoreKind.VERSIONED
    repeats_keys = True
    observed = -1
    durable_observed = -1
    sealed_observed = -1
    history_ms = 20

    def spec(self) -> StoreSpec:
        return replace(super().spec(), history_retention_ms=self.history_ms)

    @rule(key=KEYS, data=st.data(), timestamp=st.integers(0, 60))
    def put(self, key: str, data: st.DataObject, timestamp: int) -> None:
        value = data.draw(st.none() | self.values)
        taken = timestamp >= self.observed - self.history_ms
        assert self.store.put(key, value, timestamp) is taken
        if taken:
            self.observed = max(self.observed, timestamp)
            puts = self.live.get(key, {})
            begin = self.observed - self.history_ms
            # What the store may still know of the past: nothing before the version that held then.
            known = [at for at in puts if at > begin] + sorted(at for at in puts if at <= begin)[
                -1:
            ]
            if value is None and known == [timestamp] and puts[timestamp] is not None:
                self.live[key] = {}
            else:
                self.live[key] = {**puts, timestamp: value}

    def shown(self, key: str) -> list[tuple[Any, int, int | None]]:
        puts = sorted(self.live.get(key, {}).items())
        begin = self.observed - self.history_ms
        found = []
        for number, (start, value) in enumerate(puts):
            end = puts[number + 1][0] if number + 1 < len(puts) else None
            if value is not None and (end is None or end > begin):
                found.append((value, start, end))
        return found

    @rule(key=KEYS, as_of=st.integers(0, 70))
    def get_as_of(self, key: str, as_of: int) -> None:
        begin = self.observed - self.history_ms
        expected = [
            version
            for version in self.shown(key)
            if version[1] <= as_of
            and (version[2] is None or as_of < version[2])
            and (version[2] is None or as_of >= begin)
        ]
        found = self.store.get(key, as_of)
        assert ([tuple(found)] if found is not None else []) == expected

    def after_seal(self) -> None:
        self.sealed_observed = self.observed

    def after_persist(self) -> None:
        self.durable_observed = self.sealed_observed

    def after_abort(self) -> None:
        self.observed = self.durable_observed

    def check(self) -> None:
        for key in ("", "a", "b"):
            shown = self.shown(key)
            assert [tuple(version) for version in self.store.versions(key)] == shown
            latest = shown[-1] if shown and shown[-1][2] is None else None
            found = self.store.get(key)
            assert (None if found is None else tuple(found)) == latest
        expected = [
            (key, *version)
            for key in sorted(self.live, key=by_bytes)
            for version in self.shown(key)
        ]
        assert [(key, *version) for key, version in self.store.all()] == expected


class SuppressBufferMachine(StoreMachine):
    """The buffer of suppress; the model keeps key to (time, prior, old, new, timestamp)."""

    kind = StoreKind.SUPPRESS_BUFFER
    keeps_offset = False

    def in_order(self) -> list[tuple[str, Any]]:
        return sorted(self.live.items(), key=lambda item: (item[1][0], by_bytes(item[0])))

    @rule(key=KEYS, time=st.integers(0, 30), data=st.data(), timestamp=TIMES)
    def put(self, key: str, time: int, data: st.DataObject, timestamp: int) -> None:
        old, new = data.draw(st.none() | self.values), data.draw(st.none() | self.values)
        self.store.put(
            key, time, Change(old, new), timestamp, topic="t", headers=(("h", b"x"), ("n", None))
        )
        known = self.live.get(key)
        prior = known[1] if known else old
        self.live[key] = (known[0] if known else time, prior, old, new, timestamp)

    @precondition(lambda self: self.live)
    @rule()
    def pop(self) -> None:
        key, (time, _, old, new, timestamp) = self.in_order()[0]
        found, change, record = self.store.pop()
        assert (found, change, record.time, record.timestamp) == (
            key,
            Change(old, new),
            time,
            timestamp,
        )
        assert (record.topic, record.headers) == ("t", (("h", b"x"), ("n", None)))
        del self.live[key]

    def check(self) -> None:
        entries = self.in_order()
        assert self.store.records() == len(entries)
        assert self.store.first_time() == (entries[0][1][0] if entries else NEVER)
        assert (self.store.size_bytes() > 0) is bool(entries)
        for key in ("", "a", "b"):
            known = self.live.get(key)
            assert self.store.prior(key) == ((True, known[1]) if known else (False, None))


class JoinBufferMachine(StoreMachine):
    """The buffer of a join with grace; the model keeps arrival to (time, key, new, timestamp)."""

    kind = StoreKind.JOIN_BUFFER
    keeps_offset = False
    arrivals = 0

    def in_order(self) -> list[tuple[int, Any]]:
        return sorted(
            self.live.items(), key=lambda item: (item[1][0], by_bytes(item[1][1]), item[0])
        )

    @rule(key=KEYS, time=st.integers(0, 30), data=st.data())
    def put(self, key: str, time: int, data: st.DataObject) -> None:
        new = data.draw(self.values)
        self.store.put(key, time, Change(None, new), time + 1)
        self.live[self.arrivals] = (time, key, new)
        self.arrivals += 1

    @precondition(lambda self: self.live)
    @rule()
    def pop(self) -> None:
        arrival, (time, key, new) = self.in_order()[0]
        found, change, record = self.store.pop()
        assert (found, change.new, record.time, record.timestamp) == (key, new, time, time + 1)
        del self.live[arrival]

    def check(self) -> None:
        entries = self.in_order()
        assert self.store.records() == len(entries)
        assert self.store.first_time() == (entries[0][1][0] if entries else NEVER)
