"""What the contract suite doesn't say: changelog bytes, retention edges, bounds, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamkit.errors import ConfigError, SerdeError
from streamkit.serde import Serde, serde_for
from streamkit.state import (
    ChangelogWriter,
    KeyValueStore,
    StoreContext,
    StoreKind,
    StoreSettings,
    StoreSpec,
    TimestampedKeyValueStore,
    TimestampedWindowStore,
    Version,
    VersionedKeyValueStore,
    changelog_topic,
    open_store,
)
from streamkit.state.keys import after_prefix


class Collected(ChangelogWriter):
    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None, int]] = []

    def write(self, key: bytes, value: bytes | None, timestamp: int) -> None:
        self.records.append((key, value, timestamp))


class Context(StoreContext):
    def __init__(self) -> None:
        super().__init__("0_0")
        self.asked = 0

    def request_commit(self) -> None:
        self.asked += 1


def table(
    key: Any = str, value: Any = int, settings: StoreSettings | None = None, **spec: Any
) -> TimestampedKeyValueStore[Any, Any]:
    store = open_store(
        StoreSpec("s", StoreKind.TIMESTAMPED_KEY_VALUE, serde_for(key), serde_for(value), **spec),
        settings=settings,
        application_id="app",
    )
    assert isinstance(store, TimestampedKeyValueStore)
    return store


def windows(retention_ms: int, size_ms: int = 10) -> TimestampedWindowStore[Any, Any]:
    store = open_store(
        StoreSpec(
            "w",
            StoreKind.TIMESTAMPED_WINDOW,
            serde_for(str),
            serde_for(int),
            retention_ms=retention_ms,
            window_size_ms=size_ms,
        )
    )
    assert isinstance(store, TimestampedWindowStore)
    return store


def test_changelog_has_the_plain_value_and_the_entrys_time() -> None:
    store = table()
    store.put("a", 1, 5)
    store.put("b", 2, 6)
    store.put("a", 3, 7)
    store.delete("b", 8)
    writer = Collected()
    store.commit(2, writer)
    assert writer.records == [(b"a", bytes(7) + b"\x03", 7), (b"b", None, 8)]


def test_window_changelog_has_kafkas_key() -> None:
    store = windows(1_000)
    store.put("k", 1, 256, 300)
    writer = Collected()
    store.commit(1, writer)
    assert writer.records == [(b"k" + bytes(6) + b"\x01\x00" + bytes(4), bytes(7) + b"\x01", 300)]


def test_plain_store_stamps_its_changelog_with_the_records_time() -> None:
    store = open_store(StoreSpec("s", StoreKind.KEY_VALUE, serde_for(str), serde_for(str)))
    assert isinstance(store, KeyValueStore)
    context = Context()
    store.init(context)
    context.timestamp = 42
    store.put("a", "x")
    writer = Collected()
    store.commit(1, writer)
    assert writer.records == [(b"a", b"x", 42)]


def test_window_is_visible_exactly_as_long_as_its_retention() -> None:
    """start > highest start ever put - retention; segments are far coarser."""
    store = windows(100)
    store.put("a", 1, 0, 0)
    store.put("a", 2, 99, 99)
    assert store.fetch("a", 0) == (1, 0)
    store.put("b", 3, 100, 100)
    assert store.fetch("a", 0) is None
    assert [start for start, _ in store.fetch_range("a", 0, 1_000)] == [99]
    store.put("a", 9, 0, 0)
    assert store.fetch("a", 0) is None


def test_deletion_moves_the_visible_span_too() -> None:
    store = windows(100)
    store.put("a", 1, 0, 0)
    store.put("a", None, 500, 500)
    assert store.fetch("a", 0) is None


@pytest.mark.parametrize("committed", [False, True])
def test_windows_of_several_keys_come_by_segment_key_and_start_or_the_other_way_round(
    committed: bool,
) -> None:
    """A segment is a minute here."""
    store = windows(100_000)
    for key, start in (("a", 70_000), ("b", 5), ("a", 30), ("a", 20), ("c", 1)):
        store.put(key, start, start, 0)
    if committed:
        store.commit(1)
    in_order = [("a", 20), ("a", 30), ("b", 5), ("c", 1), ("a", 70_000)]
    for found, expected in (
        (store.all(), in_order),
        (store.all(reverse=True), in_order[::-1]),
        (store.fetch_all(5, 60_000, reverse=True), [("b", 5), ("a", 30), ("a", 20)]),
        (store.fetch_keys("b", None, 0, 90_000, reverse=True), [("c", 1), ("b", 5)]),
    ):
        assert [(window.key, window.start_ms) for window, _ in found] == expected


def test_expired_segments_leave_the_backend() -> None:
    store = windows(60_000)
    for start in range(0, 600_000, 20_000):
        store.put("a", start, start, start)
        store.commit(start + 1)
    backend = store._parts.backend  # type: ignore[attr-defined]
    assert backend.approximate_entries() <= 6
    assert [start for start, _ in store.fetch_range("a", 0, 10**9)] == [540_000, 560_000, 580_000]


def test_negative_start_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 or later"):
        windows(100).put("a", 1, -1, 0)


@pytest.mark.parametrize("missing", ["retention_ms", "window_size_ms"])
def test_window_store_without_its_times_is_refused(missing: str) -> None:
    times: dict[str, Any] = {"retention_ms": 10, "window_size_ms": 10, missing: None}
    spec = StoreSpec("w", StoreKind.WINDOW, serde_for(str), serde_for(int), **times)
    with pytest.raises(ConfigError, match=missing):
        open_store(spec)


def test_stream_time_of_windows_outlives_a_restart(tmp_path: Path) -> None:
    spec = StoreSpec(
        "w",
        StoreKind.TIMESTAMPED_WINDOW,
        serde_for(str),
        serde_for(int),
        retention_ms=100,
        window_size_ms=10,
    )
    for _ in range(2):
        store = open_store(spec, directory=tmp_path)
        assert isinstance(store, TimestampedWindowStore)
        store.put("a", 1, 0, 0)
        store.put("a", None, 200, 200)
        store.commit(3)
        assert store.fetch("a", 0) is None
        store.close()


def test_full_overlay_asks_once_for_a_commit() -> None:
    store = table(settings=StoreSettings(overlay_max_bytes=2_000))
    context = Context()
    store.init(context)
    for number in range(50):
        store.put(str(number), number, number)
    assert store.is_full()
    assert context.asked == 1
    store.commit(50)
    assert not store.is_full()
    for number in range(50):
        store.put(str(number), number, number)
    assert context.asked == 2


def test_growing_values_fill_the_overlay() -> None:
    store = table(value=list, settings=StoreSettings(overlay_max_bytes=3_000))
    for number in range(100):
        store.put("one", list(range(number * 10)), number)
    assert store.is_full()


def test_second_seal_before_persist_is_a_mistake() -> None:
    store = table()
    store.put("a", 1, 1)
    assert store.seal() is not None
    assert store.seal() is None
    store.put("a", 2, 2)
    with pytest.raises(RuntimeError, match="sealed generation"):
        store.seal()


def test_discarded_generation_can_not_be_persisted() -> None:
    store = table()
    store.put("a", 1, 1)
    generation = store.seal()
    assert generation is not None
    store.discard()
    with pytest.raises(RuntimeError, match="discarded"):
        generation.persist(1)
    assert store.get("a") is None


def test_value_of_the_wrong_type_fails_at_the_put_and_names_the_store() -> None:
    store = table()
    with pytest.raises(SerdeError, match="type str") as caught:
        store.put("a", "text", 1)
    assert caught.value.node == "s"
    assert store.get("a") is None


def test_key_of_the_wrong_type_names_the_store() -> None:
    with pytest.raises(SerdeError) as caught:
        table().get(5)
    assert caught.value.node == "s"


def test_mutable_value_is_not_shared() -> None:
    store = table(value=dict)
    value = {"n": 1}
    store.put("a", value, 1)
    value["n"] = 2
    entry = store.get("a")
    assert entry == ({"n": 1}, 1)
    entry[0]["n"] = 3
    assert store.get("a") == ({"n": 1}, 1)


def test_serdes_see_the_changelog_topic() -> None:
    topics = set()

    class Spy(Serde[str]):
        def serialize(self, topic: str, value: str) -> bytes:
            topics.add(topic)
            return value.encode()

        def deserialize(self, topic: str, data: bytes) -> str:
            topics.add(topic)
            return data.decode()

    store = table(Spy(), Spy())
    store.put("a", "b", 1)
    store.get("a")
    assert topics == {"app-s-changelog"} == {changelog_topic("app", "s")}


def test_keys_of_a_source_topic_are_brought_to_the_stores_own_form() -> None:
    """Another program's JSON may have spaces; the store must find the key all the same."""
    store = table(Any, source_changelog="users")
    store.restore_batch([b'{"b": 1, "a": 2}', None], [bytes(8), b""], [5, 6], 2)
    assert store.get({"a": 2, "b": 1}) == (0, 5)
    assert store.checkpoint() == 2


def test_records_of_a_source_topic_are_restored_as_the_source_reads_them() -> None:
    """JSON's null deletes a row, and what can't be read was passed over."""
    store = table(Any, Any, source_changelog="users")
    keys = [b"1", b"2", b"1", b"2", b"{", b"3"]
    values = [b"5", b"6", b"null", b"}", b"7", b"8"]
    store.restore_batch([*keys], [*values], [1, 2, 3, 4, 5, 6], 6)
    assert list(store.all()) == [(2, (6, 2)), (3, (8, 6))]


def test_records_of_a_source_topic_that_the_source_could_not_read_are_not_restored() -> None:
    """Serdes whose bytes need no other form may refuse some all the same; JSON's null is no key."""
    store = table(int, source_changelog="users")
    store.restore_batch([b"short", bytes(8)], [bytes(8), bytes(8)], [1, 2], 2)
    assert list(store.all()) == [(0, (0, 2))]
    store = table(str, str, source_changelog="users")
    store.restore_batch([b"a", b"a", b"\xff"], [b"v", b"\xff", b"v"], [1, 2, 3], 3)
    assert list(store.all()) == [("a", ("v", 1))]
    store = table(Any, Any, source_changelog="users")
    store.restore_batch([b"null", b"1"], [b"5", b"6"], [1, 2], 2)
    assert list(store.all()) == [(1, (6, 2))]


def test_versions_from_a_source_topic_are_restored_as_the_source_reads_them() -> None:
    spec = StoreSpec(
        "s",
        StoreKind.VERSIONED,
        serde_for(Any),
        serde_for(Any),
        source_changelog="users",
        history_retention_ms=100,
    )
    store = open_store(spec)
    assert isinstance(store, VersionedKeyValueStore)
    keys = [b'{"b": 1, "a": 2}', b'{"b":1, "a":2}', b"{", b"3"]
    store.restore_batch([*keys], [b"5", b"null", b"6", b"}"], [10, 20, 30, 40], 4)
    assert store.versions({"a": 2, "b": 1}) == [Version(5, 10, 20)]
    assert list(store.all()) == [({"a": 2, "b": 1}, Version(5, 10, 20))]


def test_restore_takes_the_last_record_of_a_key_and_tombstones() -> None:
    store = table()
    store.restore_batch(
        [b"a", b"b", b"a", b"b"], [bytes(8), bytes(8), bytes(7) + b"\x05", None], [1, 2, 3, 4], 4
    )
    assert list(store.all()) == [("a", (5, 3))]


def test_restore_replaces_what_reads_left_in_memory() -> None:
    store = table()
    store.restore_batch([b"a"], [bytes(8)], [1], 1)
    assert store.get("a") == (0, 1)
    store.restore_batch([b"a"], [bytes(7) + b"\x01"], [2], 2)
    assert store.get("a") == (1, 2)


def test_unknown_backend_and_kind_are_refused(tmp_path: Path) -> None:
    spec = StoreSpec("s", StoreKind.KEY_VALUE, serde_for(str), serde_for(str), backend="disk")
    with pytest.raises(ConfigError, match="'rocksdb' or 'memory'"):
        open_store(spec, directory=tmp_path)
    with pytest.raises(ConfigError):
        StoreSettings(backend="disk")
    with pytest.raises(ConfigError, match="more than 0"):
        StoreSettings(overlay_max_bytes=0)


@pytest.mark.parametrize(
    ("prefix", "after"), [(b"a", b"b"), (b"a\xff", b"b"), (b"\xff", None), (b"", None)]
)
def test_after_prefix(prefix: bytes, after: bytes | None) -> None:
    assert after_prefix(prefix) == after
