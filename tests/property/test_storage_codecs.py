"""Round trips and damage of the small files: indexes, producer snapshots, checkpoints."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from streamkit.errors import CorruptRecordError
from streamkit.log.storage import ProducerEntry
from streamkit.log.storage.checkpoints import (
    read_leader_epochs,
    read_meta_properties,
    read_offsets,
    uuid_from_text,
    uuid_to_text,
    write_leader_epochs,
    write_meta_properties,
    write_offsets,
)
from streamkit.log.storage.files import OpenFiles
from streamkit.log.storage.index import OffsetIndex, TimeIndex
from streamkit.log.storage.producer_state import ProducerBatch, decode_snapshot, encode_snapshot
from streamkit.model import TopicPartition

LONGS = st.integers(0, 2**62)
TOPICS = st.text("abcXYZ019._-", min_size=1, max_size=20)


@st.composite
def producer_entries(draw: st.DrawFn) -> ProducerEntry:
    batches = []
    timestamp = draw(st.integers(-1, 2**62))
    if draw(st.booleans()):
        delta = draw(st.integers(0, 1000))
        last = draw(st.integers(delta, 2**31 - 1))
        offset = draw(st.integers(delta, 2**62))
        batches.append(ProducerBatch(last - delta, last, offset, delta, timestamp))
    return ProducerEntry(
        draw(LONGS),
        draw(st.integers(0, 2**15 - 1)),
        draw(st.integers(-1, 2**31 - 1)),
        timestamp,
        draw(st.integers(-1, 2**62)),
        batches,
    )


@given(st.lists(producer_entries(), max_size=5))
def test_snapshots_round_trip(entries: list[ProducerEntry]) -> None:
    assert decode_snapshot(encode_snapshot(entries), "x") == entries


@given(st.binary(max_size=200))
def test_any_bytes_as_snapshot_are_refused_with_one_error(data: bytes) -> None:
    with contextlib.suppress(CorruptRecordError):
        decode_snapshot(data, "x")


@given(
    st.dictionaries(st.tuples(TOPICS, st.integers(0, 10_000)), LONGS),
    st.dictionaries(st.integers(0, 1000), LONGS),
)
def test_checkpoints_round_trip(
    offsets: dict[tuple[str, int], int], epochs: dict[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint"
        named = {TopicPartition(*key): value for key, value in offsets.items()}
        write_offsets(path, named)
        assert read_offsets(path) == named
        write_leader_epochs(path, sorted(epochs.items()))
        assert read_leader_epochs(path) == sorted(epochs.items())


@given(st.binary(max_size=100))
def test_any_bytes_as_checkpoint_are_read_or_count_as_missing(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint"
        path.write_bytes(data)
        assert all(offset >= 0 for offset in read_offsets(path).values())
        read_leader_epochs(path)
        read_meta_properties(path)


@given(st.dictionaries(st.from_regex(r"[a-z.]{1,20}", fullmatch=True), st.uuids()))
def test_properties_round_trip(ids: dict[str, uuid.UUID]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "meta.properties"
        properties = {name: str(value) for name, value in ids.items()}
        write_meta_properties(path, properties)
        assert read_meta_properties(path) == properties


@given(st.uuids())
def test_ids_round_trip(value: uuid.UUID) -> None:
    text = uuid_to_text(value)
    assert len(text) == 22
    assert uuid_from_text(text) == value


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 500), st.integers(-5, 5)), max_size=40),
    st.integers(0, 2**40),
    st.data(),
)
def test_indexes_find_what_a_plain_list_finds(
    steps: list[tuple[int, int, int]], base: int, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = OpenFiles()
        offsets = OffsetIndex(f"{folder}/i", base, files)
        times = TimeIndex(f"{folder}/t", base, files)
        offsets.reset()
        times.reset()
        plain: list[tuple[int, int]] = []
        plain_times: list[tuple[int, int]] = []
        offset, position, timestamp = base, 0, 0
        for step, size, late in steps:
            offset, position, timestamp = offset + step, position + size, timestamp + late
            offsets.append(offset, position)
            plain.append((offset, position))
            times.append(timestamp, offset)
            if timestamp > max((at for at, _ in plain_times), default=-1):
                plain_times.append((timestamp, offset))
        if data.draw(st.booleans()):
            cut = data.draw(st.integers(base, offset + 1))
            offsets.truncate_to(cut)
            times.truncate_to(cut)
            plain = [entry for entry in plain if entry[0] < cut]
            plain_times = [entry for entry in plain_times if entry[1] < cut]
        if data.draw(st.booleans()):
            offsets.save()
            times.save()
            offsets = OffsetIndex(f"{folder}/i", base, files)
            times = TimeIndex(f"{folder}/t", base, files)
            assert offsets.load(position + 1)
            assert times.load(0 if not plain_times else position + 1)
        assert (len(offsets), len(times)) == (len(plain), len(plain_times))
        for _ in range(5):
            target = data.draw(st.integers(base - 1, offset + 2))
            at_or_before = [entry for entry in plain if entry[0] <= target]
            assert offsets.lookup(target) == (at_or_before[-1] if at_or_before else (base, 0))
            place = data.draw(st.integers(0, position + 2))
            before = [entry[1] for entry in plain if entry[1] <= place]
            assert offsets.batch_before(place) == (before[-1] if before else 0)
            moment = data.draw(st.integers(-2, timestamp + 3 if timestamp > 0 else 3))
            earlier = [entry for entry in plain_times if entry[0] <= moment]
            assert times.lookup(moment) == (earlier[-1] if earlier else (-1, base))
        files.close_all()
