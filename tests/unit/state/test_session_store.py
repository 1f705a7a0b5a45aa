"""Session stores: changelog bytes, visibility, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit.errors import ConfigError, StorageError
from streamkit.model import Window, Windowed
from streamkit.serde import serde_for
from streamkit.state import (
    ChangelogWriter,
    SessionStore,
    StoreContext,
    StoreKind,
    StoreSpec,
    open_store,
)


class Collected(ChangelogWriter):
    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None, int]] = []

    def write(self, key: bytes, value: bytes | None, timestamp: int) -> None:
        self.records.append((key, value, timestamp))


def sessions(retention_ms: int) -> SessionStore[Any, Any]:
    spec = StoreSpec(
        "s", StoreKind.SESSION, serde_for(str), serde_for(int), retention_ms=retention_ms
    )
    store = open_store(spec)
    assert isinstance(store, SessionStore)
    return store


def session(key: str, start: int, end: int) -> Windowed[str]:
    return Windowed(key, Window(start, end))


def test_changelog_has_kafkas_key_and_the_time_of_the_record() -> None:
    store = sessions(1_000)
    context = StoreContext()
    store.init(context)
    context.timestamp = 77
    store.put(session("k", 1, 2), 6)
    store.commit(1)
    store.put(session("k", 1, 258), 5)
    store.remove(session("k", 1, 2))
    writer = Collected()
    store.commit(2, writer)
    one, end = bytes(7) + b"\x01", bytes(6) + b"\x01\x02"
    assert writer.records == [
        (b"k" + bytes(7) + b"\x02" + one, None, 77),
        (b"k" + end + one, bytes(7) + b"\x05", 77),
    ]


def test_session_that_came_and_went_between_two_commits_leaves_nothing() -> None:
    """A session that grows with each record would fill the changelog with tombstones of what it never had."""
    store = sessions(1_000)
    store.put(session("k", 1, 2), 5)
    store.remove(session("k", 1, 2))
    store.put(session("k", 1, 3), 6)
    writer = Collected()
    store.commit(1, writer)
    assert len(writer.records) == 1
    store.put(session("k", 1, 3), 7)
    store.remove(session("k", 1, 3))
    writer = Collected()
    store.commit(2, writer)
    assert [value for _, value, _ in writer.records] == [None]
    assert list(store.fetch("k")) == []


def test_session_is_visible_by_its_end() -> None:
    store = sessions(100)
    store.put(session("a", 0, 50), 1)
    store.put(session("b", 149, 149), 2)
    assert [found for found, _ in store.fetch("a")] == [session("a", 0, 50)]
    store.put(session("b", 150, 150), 3)
    assert list(store.fetch("a")) == []
    assert store.fetch_session("a", 0, 50) is None


@pytest.mark.parametrize(("observed", "lives"), [(119_999, True), (120_000, False)])
@pytest.mark.parametrize("committed", [True, False])
def test_closed_session_is_found_while_its_segment_lives(
    observed: int, lives: bool, committed: bool
) -> None:
    """A segment of a minute lives until its last millisecond is a millisecond past the retention, as in Kafka Streams."""
    store = sessions(60_000)
    old = session("k", 50_000, 59_000)
    store.put(old, 1)
    if committed:
        store.commit(1)
    store.put(session("j", observed, observed), 2)
    if committed:
        store.commit(2)
    assert list(store.ended_between(0, 60_000)) == ([(old, 1)] if lives else [])
    assert list(store.fetch("k")) == []


def test_session_that_ends_before_it_begins_is_refused() -> None:
    store = sessions(100)
    for start, end in ((5, 4), (-1, 4)):
        with pytest.raises(ConfigError, match="begins at 0 or later"):
            store.put(session("a", start, end), 1)


def test_changelog_key_that_is_too_short_is_refused() -> None:
    with pytest.raises(StorageError, match="at least 16 bytes"):
        sessions(100).restore_batch([b"short"], [b""], [0], 1)


def test_session_store_needs_a_retention() -> None:
    with pytest.raises(ConfigError, match="retention_ms"):
        open_store(StoreSpec("s", StoreKind.SESSION, serde_for(str), serde_for(int)))


@pytest.mark.parametrize("committed", [False, True])
def test_sessions_of_several_keys_come_by_segment_key_and_end_or_the_other_way_round(
    committed: bool,
) -> None:
    """A segment is a minute here. Bounds of keys are in the order of bytes, both inclusive."""
    store = sessions(100_000)
    for key, start, end in (("a", 1, 70_000), ("b", 5, 9), ("a", 3, 8), ("a", 2, 4), ("c", 1, 2)):
        store.put(session(key, start, end), end)
    if committed:
        store.commit(1)
    in_order = [("a", 4), ("a", 8), ("b", 9), ("a", 70_000)]
    for reverse in (False, True):
        expected = in_order[::-1] if reverse else in_order
        found = store.fetch_keys("a", "b", reverse=reverse)
        assert [(each.key, end) for each, end in found] == expected
        found = store.find_sessions_of_keys("a", "b", 8, 3, reverse=reverse)
        assert [(each.key, end) for each, end in found] == [
            each for each in expected if each in (("a", 8), ("a", 70_000))
        ]
