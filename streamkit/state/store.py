"""What operators, tasks and users see of a state store.

A store belongs to one task and is used on the processing thread only. Writes stay in its overlay until
the task commits:

1. `seal()` closes the current generation of writes; processing may go on into the next one.
2. `SealedGeneration.write_changelog(writer)` sends one record a key, its latest value.
3. After the log acknowledged them, `SealedGeneration.persist(next_offset)` moves the entries to the
   backend together with the changelog offset up to which the backend is complete.

`commit` does all three at once. `discard()` drops both generations (an aborted transaction). Restore
goes straight to the backend: `restore_batch`.

Stores take decoded keys. The `*_raw` twins take the key as the store's key serde writes it, so that an
operator that gets and puts the same key encodes it once, or reuses the source record's bytes.
`None` as a value deletes. Iterators show the store as it was when they were made, so a loop may write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from mypy_extensions import i64, mypyc_attr

from streamkit.model.records import Headers
from streamkit.model.windowed import Windowed
from streamkit.state.spec import StoreSpec
from streamkit.state.version import Version

__all__ = [
    "ChangelogWriter",
    "KeyValueStore",
    "SealedGeneration",
    "SessionStore",
    "StateStore",
    "StoreContext",
    "TimestampedKeyValueStore",
    "TimestampedWindowStore",
    "VersionedKeyValueStore",
    "WindowStore",
]

K = TypeVar("K")
V = TypeVar("V")


@mypyc_attr(allow_interpreted_subclasses=True)
class StoreContext:
    """What a store sees of its task.

    Attributes:
        task: the task's id as text, for messages.
        timestamp: of the record being processed, in milliseconds; the task keeps it up to date.
            Plain stores (without timestamps of their own) stamp their changelog records with it.
    """

    task: str
    timestamp: i64

    def __init__(self, task: str = "") -> None:
        self.task = task
        self.timestamp = 0

    def request_commit(self) -> None:
        """Commit soon: an overlay is full. Overridden by the runtime."""


@mypyc_attr(allow_interpreted_subclasses=True)
class ChangelogWriter:
    """Where a store's changelog records go. The runtime sends them, a test collects them."""

    def write(self, key: bytes, value: bytes | None, timestamp: i64) -> None:
        """Take one record; `value` None is a tombstone."""
        raise NotImplementedError

    def write_with_headers(
        self,
        key: bytes,
        value: bytes,
        timestamp: i64,
        headers: Headers,  # noqa: ARG002 - for writers that can
    ) -> None:
        """Take one record with headers, which tell Kafka Streams the version of its layout."""
        self.write(key, value, timestamp)


@mypyc_attr(allow_interpreted_subclasses=True)
class SealedGeneration:
    """The writes between two commits: one entry a key.

    Both methods work in steps, so that a caller can let other threads run between them: each call takes
    up to `limit` more entries (0: all) and returns True once it is through, and after that.
    """

    def entries(self) -> int:
        """How many keys were written."""
        raise NotImplementedError

    def write_changelog(self, writer: ChangelogWriter, limit: i64 = 0) -> bool:
        """Send the entries to the changelog, in the order in which their keys were first written.

        Those of one key, in stores that have several, go in the order of their times.
        """
        raise NotImplementedError

    def persist(self, next_offset: i64, limit: i64 = 0) -> bool:
        """Move the entries to the backend; the last step saves `next_offset`.

        Args:
            limit: how many entries at most in this step; 0: all.
            next_offset: first changelog offset that the backend does not hold; negative: leave the
                saved one as it is (a store without a changelog).
        """
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class StateStore:
    """What a task needs of every store.

    Attributes:
        name: unique in the topology.
        spec: what the topology says about it.
    """

    name: str
    spec: StoreSpec

    def __init__(self, spec: StoreSpec) -> None:
        self.name = spec.name
        self.spec = spec

    def is_full(self) -> bool:
        """True once the overlay holds more than it should: commit before the next record."""
        raise NotImplementedError

    def init(self, context: StoreContext) -> None:
        """Meet the task. Called once, after the store is open and before its first use."""
        raise NotImplementedError

    def checkpoint(self) -> int:
        """First changelog offset that the backend does not hold; -1 if it was never told."""
        raise NotImplementedError

    def restore_batch(
        self,
        keys: list[bytes | None],
        values: list[bytes | None],
        timestamps: list[int],
        next_offset: i64,
    ) -> None:
        """Apply changelog records in order, straight to the backend, and save `next_offset`.

        Records without a key are passed over.
        """
        raise NotImplementedError

    def seal(self) -> SealedGeneration | None:
        """Close the current generation of writes; None if nothing was written.

        Raises:
            RuntimeError: the generation before is neither persisted nor discarded.
        """
        raise NotImplementedError

    def commit(self, next_offset: i64 = -1, writer: ChangelogWriter | None = None) -> None:
        """Seal, write the changelog and persist in one go."""
        generation = self.seal()
        if generation is None:
            return
        if writer is not None:
            generation.write_changelog(writer)
        generation.persist(next_offset)

    def discard(self) -> None:
        """Forget every write that was not persisted."""
        raise NotImplementedError

    def flush(self) -> None:
        """Make durable what was persisted. Blocks."""
        raise NotImplementedError

    def wipe(self) -> None:
        """Delete all content, overlay, backend and saved offset."""
        raise NotImplementedError

    def close(self) -> None:
        """Flush and let go of files. Writes that were not persisted are lost. Safe to call twice."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class KeyValueStore(StateStore, Generic[K, V]):
    """Keys to values, sorted by key bytes. Kind `KEY_VALUE`."""

    def raw_key(self, key: K) -> bytes:
        """`key` as the store's key serde writes it, for the `*_raw` calls."""
        raise NotImplementedError

    def get(self, key: K) -> V | None:
        """The value of `key`; None if there is none."""
        raise NotImplementedError

    def get_raw(self, raw_key: bytes) -> V | None:
        """Like `get`, with the key as its serde writes it."""
        raise NotImplementedError

    def put(self, key: K, value: V | None) -> None:
        """Set the value of `key`; None deletes."""
        raise NotImplementedError

    def put_raw(self, raw_key: bytes, value: V | None) -> None:
        """Like `put`, with the key as its serde writes it."""
        raise NotImplementedError

    def put_all(self, entries: Iterable[tuple[K, V | None]]) -> None:
        """`put` each (key, value), in order."""
        raise NotImplementedError

    def put_if_absent(self, key: K, value: V) -> V | None:
        """Set the value of `key` unless it has one; the value it had."""
        raise NotImplementedError

    def delete(self, key: K) -> V | None:
        """Remove `key`; the value it had."""
        raise NotImplementedError

    def range(
        self, low: K | None = None, high: K | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[K, V]]:
        """Entries with `low` <= key bytes <= `high`, both inclusive; None: open at that end."""
        raise NotImplementedError

    def all(self, *, reverse: bool = False) -> Iterator[tuple[K, V]]:
        """Every entry, by key bytes."""
        raise NotImplementedError

    def prefix_scan(self, prefix: bytes) -> Iterator[tuple[K, V]]:
        """Entries whose key bytes begin with `prefix`."""
        raise NotImplementedError

    def approximate_entries(self) -> int:
        """Roughly how many keys it holds."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class TimestampedKeyValueStore(StateStore, Generic[K, V]):
    """Keys to (value, timestamp), sorted by key bytes. Kind `TIMESTAMPED_KEY_VALUE`, what the DSL uses."""

    def raw_key(self, key: K) -> bytes:
        """`key` as the store's key serde writes it, for the `*_raw` calls."""
        raise NotImplementedError

    def get(self, key: K) -> tuple[V, int] | None:
        """Value and timestamp of `key`; None if there is none."""
        raise NotImplementedError

    def get_raw(self, raw_key: bytes) -> tuple[V, int] | None:
        """Like `get`, with the key as its serde writes it."""
        raise NotImplementedError

    def put(self, key: K, value: V | None, timestamp: i64) -> None:
        """Set value and timestamp of `key`; a value of None deletes (`timestamp` goes to the changelog)."""
        raise NotImplementedError

    def put_raw(self, raw_key: bytes, value: V | None, timestamp: i64) -> None:
        """Like `put`, with the key as its serde writes it."""
        raise NotImplementedError

    def put_all(self, entries: Iterable[tuple[K, V | None, int]]) -> None:
        """`put` each (key, value, timestamp), in order."""
        raise NotImplementedError

    def put_if_absent(self, key: K, value: V, timestamp: i64) -> tuple[V, int] | None:
        """Set value and timestamp of `key` unless it has some; those it had."""
        raise NotImplementedError

    def delete(self, key: K, timestamp: i64) -> tuple[V, int] | None:
        """Remove `key`; the value and timestamp it had."""
        raise NotImplementedError

    def range(
        self, low: K | None = None, high: K | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[K, tuple[V, int]]]:
        """Entries with `low` <= key bytes <= `high`, both inclusive; None: open at that end."""
        raise NotImplementedError

    def all(self, *, reverse: bool = False) -> Iterator[tuple[K, tuple[V, int]]]:
        """Every entry, by key bytes."""
        raise NotImplementedError

    def prefix_scan(self, prefix: bytes) -> Iterator[tuple[K, tuple[V, int]]]:
        """Entries whose key bytes begin with `prefix`."""
        raise NotImplementedError

    def approximate_entries(self) -> int:
        """Roughly how many keys it holds."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class WindowStore(StateStore, Generic[K, V]):
    """(key, window start) to value, kept for `retention_ms`. Kind `WINDOW`.

    Visible are windows whose start lies above the highest start ever put, minus the retention; a put
    below that is ignored. Time ranges include both ends.

    With `retain_duplicates` in the specification every put adds an entry, a put of None does nothing, and
    ranges have the entries of one start in the order of their arrival; `fetch` gives the first.
    """

    def raw_key(self, key: K) -> bytes:
        """`key` as the store's key serde writes it, for the `*_raw` calls."""
        raise NotImplementedError

    def fetch(self, key: K, start_ms: i64) -> V | None:
        """The value of the window of `key` that starts at `start_ms`."""
        raise NotImplementedError

    def fetch_raw(self, raw_key: bytes, start_ms: i64) -> V | None:
        """Like `fetch`, with the key as its serde writes it."""
        raise NotImplementedError

    def put(self, key: K, value: V | None, start_ms: i64) -> None:
        """Set the value of a window; None deletes."""
        raise NotImplementedError

    def put_raw(self, raw_key: bytes, value: V | None, start_ms: i64) -> None:
        """Like `put`, with the key as its serde writes it."""
        raise NotImplementedError

    def expired(self, start_ms: i64) -> bool:
        """True if a window that starts then can't be seen any more, be it put or not."""
        raise NotImplementedError

    def fetch_range(
        self, key: K, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[int, V]]:
        """(start, value) of the windows of `key` that start in [from_ms, to_ms], by start."""
        raise NotImplementedError

    def fetch_range_raw(self, raw_key: bytes, from_ms: i64, to_ms: i64) -> list[tuple[int, V]]:
        """Like `fetch_range`, with the key as its serde writes it."""
        raise NotImplementedError

    def fetch_keys(
        self, low: K | None, high: K | None, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[K], V]]:
        """Windows of the keys with `low` <= key bytes <= `high` that start in [from_ms, to_ms].

        None as a key: open at that end. They come by segment of time, key bytes and start, as in Kafka Streams;
        with `reverse` the other way round.
        """
        raise NotImplementedError

    def fetch_all(
        self, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[K], V]]:
        """Windows of all keys that start in [from_ms, to_ms], in the order of `fetch_keys`."""
        raise NotImplementedError

    def all(self, *, reverse: bool = False) -> Iterator[tuple[Windowed[K], V]]:
        """Every visible window."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class TimestampedWindowStore(StateStore, Generic[K, V]):
    """(key, window start) to (value, timestamp), kept for `retention_ms`. Kind `TIMESTAMPED_WINDOW`.

    Visibility and time ranges as in `WindowStore`.
    """

    def raw_key(self, key: K) -> bytes:
        """`key` as the store's key serde writes it, for the `*_raw` calls."""
        raise NotImplementedError

    def fetch(self, key: K, start_ms: i64) -> tuple[V, int] | None:
        """Value and timestamp of the window of `key` that starts at `start_ms`."""
        raise NotImplementedError

    def fetch_raw(self, raw_key: bytes, start_ms: i64) -> tuple[V, int] | None:
        """Like `fetch`, with the key as its serde writes it."""
        raise NotImplementedError

    def put(self, key: K, value: V | None, start_ms: i64, timestamp: i64) -> None:
        """Set value and timestamp of a window; a value of None deletes."""
        raise NotImplementedError

    def put_raw(self, raw_key: bytes, value: V | None, start_ms: i64, timestamp: i64) -> None:
        """Like `put`, with the key as its serde writes it."""
        raise NotImplementedError

    def expired(self, start_ms: i64) -> bool:
        """True if a window that starts then can't be seen any more, be it put or not."""
        raise NotImplementedError

    def fetch_range(
        self, key: K, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[int, tuple[V, int]]]:
        """(start, (value, timestamp)) of the windows of `key` that start in [from_ms, to_ms], by start."""
        raise NotImplementedError

    def fetch_keys(
        self, low: K | None, high: K | None, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[K], tuple[V, int]]]:
        """Windows of the keys with `low` <= key bytes <= `high` that start in [from_ms, to_ms].

        None as a key: open at that end. In the order of `WindowStore.fetch_keys`.
        """
        raise NotImplementedError

    def fetch_all(
        self, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[K], tuple[V, int]]]:
        """Windows of all keys that start in [from_ms, to_ms], in the order of `fetch_keys`."""
        raise NotImplementedError

    def all(self, *, reverse: bool = False) -> Iterator[tuple[Windowed[K], tuple[V, int]]]:
        """Every visible window."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class SessionStore(StateStore, Generic[K, V]):
    """(key, session) to value, kept for `retention_ms`. Kind `SESSION`.

    A session's start and end are the times of its first and last record, both inclusive. Visible are
    sessions whose end lies above the highest end ever put, minus the retention; a put below that is
    ignored. Sessions of one key come in the order of their ends, those of several keys by segment of time, key
    bytes and end, as in Kafka Streams; with `reverse` the other way round.
    """

    def raw_key(self, key: K) -> bytes:
        """`key` as the store's key serde writes it, for the `*_raw` calls."""
        raise NotImplementedError

    def find_sessions(
        self, key: K, earliest_end_ms: i64, latest_start_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[K], V]]:
        """Sessions of `key` with end >= `earliest_end_ms` and start <= `latest_start_ms`."""
        raise NotImplementedError

    def find_sessions_of_keys(
        self,
        low: K | None,
        high: K | None,
        earliest_end_ms: i64,
        latest_start_ms: i64,
        *,
        reverse: bool = False,
    ) -> Iterator[tuple[Windowed[K], V]]:
        """As `find_sessions`, of the keys with `low` <= key bytes <= `high`; None: open at that end."""
        raise NotImplementedError

    def find_raw(
        self, raw_key: bytes, earliest_end_ms: i64, latest_start_ms: i64
    ) -> list[tuple[int, int, V]]:
        """Like `find_sessions`, with the key as its serde writes it: (start, end, value) of each."""
        raise NotImplementedError

    def fetch_session(self, key: K, start_ms: i64, end_ms: i64) -> V | None:
        """The value of one session."""
        raise NotImplementedError

    def fetch(self, key: K, *, reverse: bool = False) -> Iterator[tuple[Windowed[K], V]]:
        """Every visible session of `key`."""
        raise NotImplementedError

    def fetch_keys(
        self, low: K | None, high: K | None, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[K], V]]:
        """Every visible session of the keys with `low` <= key bytes <= `high`; None: open at that end."""
        raise NotImplementedError

    def ended_between(self, earliest_ms: i64, latest_ms: i64) -> Iterator[tuple[Windowed[K], V]]:
        """Sessions of all keys with an end in [earliest_ms, latest_ms], by end, start and key bytes.

        Those past the retention too, while the segment that they lie in lives, as in Kafka Streams.
        """
        raise NotImplementedError

    def all(self, *, reverse: bool = False) -> Iterator[tuple[Windowed[K], V]]:
        """Every visible session."""
        raise NotImplementedError

    def put(self, session: Windowed[K], value: V | None) -> None:
        """Set the value of a session; None deletes."""
        raise NotImplementedError

    def put_raw(self, raw_key: bytes, value: V | None, start_ms: i64, end_ms: i64) -> None:
        """Like `put`, with the key as its serde writes it."""
        raise NotImplementedError

    def remove(self, session: Windowed[K]) -> None:
        """Delete a session."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class VersionedKeyValueStore(StateStore, Generic[K, V]):
    """Keys to their values over time. Kind `VERSIONED`.

    Time is the highest timestamp ever put; a put older than time minus the history retention is dropped.
    The past can be asked for as far back as that; the latest version always.

    Source: KIP-889.
    """

    def get(self, key: K, as_of_ms: i64 | None = None) -> Version | None:
        """The version that holds now, or held at `as_of_ms`; None if the key had no value then."""
        raise NotImplementedError

    def put(self, key: K, value: V | None, timestamp: i64) -> bool:
        """Set the value of `key` since `timestamp`; None: it has none since then.

        Returns:
            False if it was too old and was dropped.
        """
        raise NotImplementedError

    def delete(self, key: K, timestamp: i64) -> Version | None:
        """End the key's value at `timestamp`; the version that held then."""
        raise NotImplementedError

    def versions(self, key: K) -> list[Version]:
        """Every version of `key` that can be asked for, the oldest first."""
        raise NotImplementedError

    def all(self) -> Iterator[tuple[K, Version]]:
        """Every version that can be asked for, by key bytes, then the oldest first."""
        raise NotImplementedError

    def is_latest(self, key: K, timestamp: i64) -> bool:
        """Whether nothing newer than `timestamp` was put for `key`."""
        raise NotImplementedError

    def raw_key(self, key: K) -> bytes:
        """The key as the store's key serde writes it."""
        raise NotImplementedError

    def get_raw(self, raw_key: bytes) -> Version | None:
        """`get` of the latest version by the bytes of a key."""
        raise NotImplementedError

    def put_raw(self, raw_key: bytes, value: V | None, timestamp: i64) -> bool:
        """`put` by the bytes of a key."""
        raise NotImplementedError

    def is_latest_raw(self, raw_key: bytes, timestamp: i64) -> bool:
        """`is_latest` by the bytes of a key."""
        raise NotImplementedError
