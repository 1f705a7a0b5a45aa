"""Windows and sessions against brute-force models: which records are in which window, and which are late."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

import streamkit as sk
from streamkit.testing import TopologyTestDriver

LONG = 1_000_000


class Given(NamedTuple):
    key: str
    value: int
    time: int


TIMES = st.lists(st.tuples(st.integers(0, 12), st.sampled_from((0, 0, 1, 5, 20, 60))), max_size=25)


@st.composite
def streams(draw: st.DrawFn) -> list[Given]:
    """Records whose times go on, some of them late; values tell them apart."""
    found = []
    time = draw(st.integers(0, 30))
    for number, (step, late) in enumerate(draw(TIMES)):
        time += step
        found.append(Given(draw(st.sampled_from("ab")), number, max(time - late, 0)))
    return found


class Result(NamedTuple):
    """Of one run: (key, start, end) and values by step, what was late, what is left in the store."""

    steps: list[list[tuple[tuple[str, int, int], Any]]]
    late: list[int]
    dropped: int
    store: dict[tuple[str, int, int], list[int]]


def run(
    windows: Any, records: list[Given], *, on_close: bool = False, retention: int = LONG
) -> Result:
    builder = sk.StreamsBuilder()
    grouped: Any = builder.stream("in", key=str, value=int).group_by_key().windowed_by(windows)
    if on_close:
        grouped = grouped.emit_on_close(every=0)
    merger = (lambda _, one, other: one + other,) if isinstance(windows, sk.SessionWindows) else ()
    table = grouped.aggregate(
        list, lambda _, value, so_far: [*so_far, value], *merger, store="store", retention=retention
    )
    table.to_stream().to("out")
    grouped.late_records(name="late").to("late")
    steps = []
    with TopologyTestDriver(builder, backend="memory") as driver:
        for record in records:
            driver.pipe_input("in", record.key, record.value, timestamp_ms=record.time)
            steps.append([(_place(out.key), out.value) for out in driver.read_all("out")])
        store: Any = driver.store("store")
        left = {
            _place(key): value[0] if isinstance(value, tuple) else value
            for key, value in store.all()
        }
        late = [record.value for record in driver.read_all("late")]
        return Result(steps, late, sum(driver.dropped.values()), left)


def _place(key: sk.Windowed[str]) -> tuple[str, int, int]:
    return key.key, key.start_ms, key.end_ms


# -- tumbling and hopping ----------------------------------------------------------------------------


@st.composite
def fixed_windows(draw: st.DrawFn) -> tuple[int, int, int]:
    size = draw(st.integers(1, 20))
    return size, draw(st.integers(max(1, size // 4), size)), draw(st.sampled_from((0, 3, 25)))


@settings(max_examples=60, deadline=None)
@given(records=streams(), lengths=fixed_windows())
def test_record_updates_every_window_that_it_is_in_and_that_is_open(
    records: list[Given], lengths: tuple[int, int, int]
) -> None:
    size, advance, grace = lengths
    found = run(sk.HoppingWindows(size, advance=advance, grace=grace), records)
    held: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    late, missed, stream_time = [], 0, -1
    for record, step in zip(records, found.steps, strict=True):
        stream_time = max(stream_time, record.time)
        starts = [
            start
            for start in range(0, record.time + 1, advance)
            if start <= record.time < start + size
        ]
        taken = [start for start in starts if start + size > stream_time - grace]
        expected = []
        for start in taken:
            place = (record.key, start, start + size)
            held[place].append(record.value)
            expected.append((place, list(held[place])))
        assert step == expected
        missed += len(starts) - len(taken)
        if len(taken) < len(starts):
            late.append(record.value)
    assert found == Result(found.steps, late, missed, dict(held))


class SameWindows(sk.Windows):
    """A class of somebody's own that says what hopping windows are."""

    def __init__(self, windows: sk.HoppingWindows) -> None:
        self.size_ms = windows.size_ms
        self.grace_ms = windows.grace_ms
        self.windows = windows

    def windows_for(self, timestamp_ms: int) -> list[sk.Window]:
        return self.windows.windows_for(timestamp_ms)


@settings(max_examples=60, deadline=None)
@given(records=streams(), lengths=fixed_windows())
def test_own_windows_that_are_hopping_windows_give_what_those_give(
    records: list[Given], lengths: tuple[int, int, int]
) -> None:
    size, advance, grace = lengths
    hopping = sk.HoppingWindows(size, advance=advance, grace=grace)
    assert run(SameWindows(hopping), records) == run(hopping, records)


@settings(max_examples=60, deadline=None)
@given(records=streams(), lengths=fixed_windows(), tumbling=st.booleans())
def test_closed_windows_go_out_once_and_in_order(
    records: list[Given], lengths: tuple[int, int, int], tumbling: bool
) -> None:
    size, advance, grace = lengths
    windows: Any = sk.HoppingWindows(size, advance=advance, grace=grace)
    if tumbling:
        windows, advance = sk.TumblingWindows(size, grace=grace), size
    found = run(windows, records, on_close=True)
    held: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    stream_time, closed = -1, -1
    for record, step in zip(records, found.steps, strict=True):
        stream_time = max(stream_time, record.time)
        for start in range(0, record.time + 1, advance):
            if start <= record.time < start + size and start + size > stream_time - grace:
                held[record.key, start, start + size].append(record.value)
        due = [place for place in held if closed < place[2] <= stream_time - grace]
        due.sort(key=lambda place: (place[1], place[0]))
        assert step == [(place, held[place]) for place in due]
        closed = max(closed, stream_time - grace)


# -- sliding -----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(records=streams(), difference=st.integers(0, 15))
def test_sliding_windows_are_all_sets_of_records_near_each_other(
    records: list[Given], difference: int
) -> None:
    """A window ends at each record, and one begins just after it if later records fall in."""
    found = run(sk.SlidingWindows(difference, grace=LONG), records, retention=3 * LONG)
    expected: dict[tuple[str, int, int], list[int]] = {}
    for key in {record.key for record in records}:
        own = [record for record in records if record.key == key]
        starts = {max(record.time - difference, 0) for record in own}
        starts |= {record.time + 1 for record in own}
        for start in starts:
            end = start + difference
            inside = [record.value for record in own if start <= record.time <= end]
            if inside:
                expected[key, start, end] = inside
    # Aggregates of windows that begin later take over others in an order of their own.
    assert {place: sorted(values) for place, values in found.store.items()} == expected
    assert (found.late, found.dropped) == ([], 0)
    final = {place: value for step in found.steps for place, value in step}
    assert final == found.store


@settings(max_examples=60, deadline=None)
@given(records=streams(), difference=st.integers(0, 15), grace=st.sampled_from((0, 4)))
def test_sliding_windows_that_closed_go_out_once(
    records: list[Given], difference: int, grace: int
) -> None:
    found = run(sk.SlidingWindows(difference, grace=grace), records, on_close=True)
    sent: list[tuple[str, int, int]] = []
    stream_time = -1
    for record, step in zip(records, found.steps, strict=True):
        stream_time = max(stream_time, record.time)
        assert all(place[2] < stream_time - grace for place, _ in step)
        assert [place[1::-1] for place, _ in step] == sorted(place[1::-1] for place, _ in step)
        sent += [place for place, _ in step]
        for place, values in step:
            assert values == found.store[place]
    assert len(sent) == len(set(sent))
    # A look may be skipped at a record that is late or near time 0; later ones make up for it.
    closed = max((place[2] for place in sent), default=-1)
    assert {place for place in found.store if place[2] <= closed} <= set(sent)


# -- sessions ----------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(records=streams(), gap=st.integers(1, 15), grace=st.sampled_from((0, 4, 30)))
def test_sessions_merge_and_drop_as_one_by_one(records: list[Given], gap: int, grace: int) -> None:
    found = run(sk.SessionWindows(gap, grace=grace), records)
    sessions: dict[tuple[str, int, int], list[int]] = {}
    late, stream_time = [], -1
    for record, step in zip(records, found.steps, strict=True):
        stream_time = max(stream_time, record.time)
        near = [
            place
            for place in sessions
            if place[0] == record.key
            and place[2] >= record.time - gap
            and place[1] <= record.time + gap
        ]
        near.sort(key=lambda place: (place[2], place[1]))
        start = min([record.time, *(place[1] for place in near)])
        end = max([record.time, *(place[2] for place in near)])
        if end < stream_time - gap - grace:
            late.append(record.value)
            assert step == []
            continue
        merged = [value for place in near for value in sessions[place]]
        new = (record.key, start, end)
        gone = [] if (start, end) == (record.time, record.time) else near
        for place in near:
            del sessions[place]
        sessions[new] = [*merged, record.value]
        assert step == [*((place, None) for place in gone), (new, sessions[new])]
    assert found == Result(found.steps, late, len(late), sessions)


@settings(max_examples=60, deadline=None)
@given(records=streams(), gap=st.integers(1, 15))
def test_sessions_without_late_records_are_runs_without_a_longer_pause(
    records: list[Given], gap: int
) -> None:
    found = run(sk.SessionWindows(gap, grace=LONG), records, retention=3 * LONG)
    expected = {}
    for key in {record.key for record in records}:
        own = sorted((record.time, record.value) for record in records if record.key == key)
        runs = [[own[0]]]
        for time, value in own[1:]:
            if time - runs[-1][-1][0] > gap:
                runs.append([])
            runs[-1].append((time, value))
        for each in runs:
            expected[key, each[0][0], each[-1][0]] = sorted(value for _, value in each)
    assert {place: sorted(values) for place, values in found.store.items()} == expected


@settings(max_examples=60, deadline=None)
@given(records=streams(), gap=st.integers(1, 15), grace=st.sampled_from((0, 4)))
def test_sessions_that_closed_go_out_once(records: list[Given], gap: int, grace: int) -> None:
    """With the least retention, as one that is kept longer may still grow into a later record's session."""
    far = Given("z", -1, max([0, *(record.time for record in records)]) + 10 * (gap + grace))
    windows = sk.SessionWindows(gap, grace=grace)
    retention = gap + grace
    found = run(windows, [*records, far], on_close=True, retention=retention)
    latest: dict[Any, Any] = {}
    for step in run(windows, [*records, far], retention=retention).steps:
        latest.update(step)
    sent = [pair for step in found.steps for pair in step]
    assert sorted(sent) == sorted(
        (place, values)
        for place, values in latest.items()
        if place[0] != "z" and values is not None
    )


# -- late records ------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(records=streams(), grace=st.sampled_from((0, 3)))
def test_every_record_is_either_counted_or_late(records: list[Given], grace: int) -> None:
    for windows in (sk.TumblingWindows(10, grace=grace), sk.SessionWindows(5, grace=grace)):
        found = run(windows, records)
        counted = [value for values in found.store.values() for value in values]
        assert sorted([*counted, *found.late]) == sorted(record.value for record in records)
