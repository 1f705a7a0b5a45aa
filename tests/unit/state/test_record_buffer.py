"""Buffers of waiting records: Kafka Streams' bytes, limits, errors. Their behaviour is in the contract suite."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit.errors import StorageError
from streamkit.model import Change
from streamkit.model.records import Headers
from streamkit.serde import serde_for
from streamkit.state import (
    Buffered,
    ChangelogWriter,
    RecordBuffer,
    StoreContext,
    StoreKind,
    StoreSettings,
    StoreSpec,
    open_store,
)

HEADERS: Headers = (("h", b"x"), ("n", None))
# What BufferValue.serialize and a buffer time of 99 give in Kafka Streams 4.3.0.
GOLDEN: list[tuple[bytes | None, bytes | None, bytes | None, str]] = [
    (
        b"prior",
        b"prior",
        b"new",
        "0000000000000102000000000000000700000005746f706963000000030000000200000001680000000178000000016effffffff000000057072696f72fffffffe000000036e65770000000000000063",
    ),
    (
        None,
        None,
        b"new",
        "0000000000000102000000000000000700000005746f706963000000030000000200000001680000000178000000016effffffffffffffffffffffff000000036e65770000000000000063",
    ),
    (
        b"prior",
        b"old",
        None,
        "0000000000000102000000000000000700000005746f706963000000030000000200000001680000000178000000016effffffff000000057072696f72000000036f6c64ffffffff0000000000000063",
    ),
]
JOIN_KEY = "0000000000000001026b657900000005"  # TimeFirstWindowKeySchema: "key" at 258, sequence 5


class Collected(ChangelogWriter):
    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None, int, Headers]] = []

    def write(self, key: bytes, value: bytes | None, timestamp: int) -> None:
        self.records.append((key, value, timestamp, ()))

    def write_with_headers(
        self, key: bytes, value: bytes, timestamp: int, headers: Headers
    ) -> None:
        self.records.append((key, value, timestamp, headers))


def buffer(kind: StoreKind = StoreKind.SUPPRESS_BUFFER) -> RecordBuffer[Any, Any]:
    store = open_store(StoreSpec("b", kind, serde_for(str), serde_for(str)))
    assert isinstance(store, RecordBuffer)
    return store


@pytest.mark.parametrize(("prior", "old", "new", "hexadecimal"), GOLDEN)
def test_changelog_value_has_kafka_streams_bytes(
    prior: bytes | None, old: bytes | None, new: bytes | None, hexadecimal: str
) -> None:
    record = Buffered(99, prior, old, new, 258, "topic", 3, 7, HEADERS)
    assert record.encode().hex() == hexadecimal
    again = Buffered.decode(bytes.fromhex(hexadecimal))
    assert (again.time, again.prior, again.old, again.new) == (99, prior, old, new)
    assert (again.timestamp, again.topic, again.partition) == (258, "topic", 3)
    assert (again.offset, again.headers) == (7, HEADERS)


def test_suppress_changelog_tells_its_version() -> None:
    store = buffer()
    context = StoreContext()
    store.init(context)
    context.timestamp = 44
    store.put("k", 5, Change(None, "v"), 6)
    writer = Collected()
    store.commit(1, writer)
    (key, value, timestamp, headers) = writer.records[0]
    assert (key, timestamp, headers) == (b"k", 44, (("v", b"\x03"),))
    assert value is not None
    assert Buffered.decode(value).new == b"v"
    store.pop()
    store.commit(2, writer)
    assert writer.records[1] == (b"k", None, 44, ())


def test_join_changelog_has_kafka_streams_key() -> None:
    store = buffer(StoreKind.JOIN_BUFFER)
    for _ in range(5):
        store.put("key", 258, Change(None, "v"), 258)
    writer = Collected()
    store.commit(1, writer)
    key, value, _, _ = writer.records[4]
    assert key.hex() == JOIN_KEY
    assert value is not None
    assert value.endswith(bytes(8)), "the buffer time stands in the key alone"


def test_key_that_left_and_came_back_is_one_changelog_record() -> None:
    store = buffer()
    store.put("k", 5, Change(None, "v"), 6)
    store.pop()
    store.put("k", 9, Change(None, "w"), 10)
    writer = Collected()
    store.commit(1, writer)
    assert [key for key, _, _, _ in writer.records] == [b"k"]


def test_size_counts_what_kafka_streams_counts() -> None:
    """8 + key; 20 + topic; each different value once."""
    store = buffer()
    store.put("key", 5, Change("old", "new"), 6, topic="topic")
    assert store.size_bytes() == 8 + 3 + 20 + 5 + 3 + 3
    store.put("key", 5, Change("other", "new"), 6, topic="topic")
    assert store.size_bytes() == 8 + 3 + 20 + 5 + 3 + 5 + 3
    store.pop()
    assert store.size_bytes() == 0


def test_empty_buffer_has_nothing_to_pop() -> None:
    with pytest.raises(IndexError, match="'b' is empty"):
        buffer().pop()


@pytest.mark.parametrize("cut", [1, 20, 40, 60])
def test_damaged_changelog_is_a_storage_error(cut: int) -> None:
    data = bytes.fromhex(GOLDEN[0][3])
    with pytest.raises(StorageError, match="no buffered record"):
        Buffered.decode(data[:cut])


def test_other_keys_in_a_join_changelog_are_refused() -> None:
    with pytest.raises(StorageError, match="no changelog key"):
        buffer(StoreKind.JOIN_BUFFER).restore_batch([b"short"], [None], [0], 1)


class Asking(StoreContext):
    def __init__(self) -> None:
        super().__init__("0_0")
        self.asked = 0

    def request_commit(self) -> None:
        self.asked += 1


def test_many_changes_ask_for_a_commit_once() -> None:
    """Those of records that have left count too: each needs a tombstone."""
    spec = StoreSpec("s", StoreKind.SUPPRESS_BUFFER, serde_for(str), serde_for(int))
    store = open_store(spec, settings=StoreSettings(overlay_max_bytes=300))
    assert isinstance(store, RecordBuffer)
    context = Asking()
    store.init(context)
    for commit in (1, 2):
        for number in range(6):
            store.put(f"{commit} {number}", number, Change(None, number), number)
            store.pop()
            assert context.asked == (commit if number > 3 else commit - 1)
        store.commit(commit)
        assert not store.is_full()


def test_changelog_of_a_join_buffer_tells_how_far_time_had_come() -> None:
    """By the keys of what has left it, too; its timestamps are those of the wall clock."""
    store = buffer(StoreKind.JOIN_BUFFER)
    assert store.restored_time() == -1
    key = bytes.fromhex(JOIN_KEY)
    store.restore_batch([key], [None], [10**12], 1)
    assert store.restored_time() == 258
    store.wipe()
    assert store.restored_time() == -1
