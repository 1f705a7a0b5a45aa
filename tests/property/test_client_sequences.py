"""The pipeline against a model of a broker and of a network that loses requests and answers.

Whatever is lost, the log ends with every record once and in order.
"""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamkit.log.client.accumulator import ProducerBatch
from streamkit.log.client.pipeline import Identity, Pipeline, next_sequence
from streamkit.log.protocol.batch import BatchBuilder

_SPAN = 1 << 20
_REMEMBERED = 5


class Log:
    """A partition that checks sequences as a broker does: it remembers the last five batches, and takes
    any sequence from a producer id that is new to it."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._recent: list[tuple[int, int]] = []
        self._producer_id = -1
        self._next = 0

    def append(self, producer_id: int, sequence: int, number: int, count: int) -> str:
        if producer_id != self._producer_id:
            self._producer_id, self._recent, self._next = producer_id, [], sequence
        if (sequence, count) in self._recent:
            return "duplicate"
        if sequence != self._next:
            return "out of order"
        self._recent = [*self._recent, (sequence, count)][-_REMEMBERED:]
        self._next = next_sequence(sequence, count)
        self.numbers.append(number)
        return "written"


@given(
    counts=st.lists(st.integers(1, 5), min_size=1, max_size=25),
    fates=st.lists(st.sampled_from(["ok", "ok", "request lost", "answer lost"]), max_size=60),
    turns=st.lists(st.integers(0, 4), max_size=60),
    in_flight=st.integers(1, 5),
)
@example(
    counts=[1] * 7,
    fates=["request lost", "ok", "ok", "ok", "ok", "answer lost", "ok"],
    turns=[],
    in_flight=5,
)
@settings(max_examples=400, deadline=None)
def test_no_loss_and_no_duplicate_whatever_the_network_does(
    counts: list[int], fates: list[str], turns: list[int], in_flight: int
) -> None:
    pipeline = Pipeline(Identity(1, 0), in_flight)
    log = Log()
    for number, count in enumerate(counts, start=1):
        made = ProducerBatch("t", 0, BatchBuilder(), 0.0)
        made.number, made.count = number * _SPAN, count
        pipeline.add(made)
    under_way: list[tuple[ProducerBatch, str]] = []
    for _ in range(2_000):
        while pipeline.peek() is not None and (not under_way or not turns or turns.pop() > 0):
            batch = pipeline.take()
            fate = fates.pop() if fates else "ok"
            answer = "lost"
            if fate != "request lost":
                answer = log.append(
                    int(batch.producer_id),
                    int(batch.base_sequence),
                    int(batch.number) // _SPAN,
                    int(batch.count),
                )
            under_way.append((batch, "lost" if fate == "answer lost" else answer))
        if not under_way:
            break
        batch, answer = under_way.pop(0)
        if answer in ("written", "duplicate"):
            pipeline.acknowledged(batch)
        else:
            # Nothing is ever given up here, so a refusal is never final for the oldest.
            assert answer == "lost" or not pipeline.is_oldest(batch)
            pipeline.retry(batch)
    assert len(pipeline) == 0
    assert log.numbers == list(range(1, len(counts) + 1))


@given(
    counts=st.lists(st.integers(1, 5), min_size=3, max_size=15),
    given_up=st.integers(0, 4),
    was_written=st.booleans(),
)
@settings(deadline=None)
def test_partition_goes_on_after_a_batch_was_given_up(
    counts: list[int], given_up: int, was_written: bool
) -> None:
    """A batch expires with its outcome unknown; if it was never written, a new id heals the gap."""
    pipeline = Pipeline(Identity(1, 0))
    log = Log()
    for number, count in enumerate(counts, start=1):
        made = ProducerBatch("t", 0, BatchBuilder(), float(number))
        made.number, made.count = number * _SPAN, count
        pipeline.add(made)
    lost = min(given_up, len(counts) - 1)
    identities = iter(range(2, 100))
    expired = False
    for _ in range(500):
        if pipeline.needs_reset and not pipeline.in_flight:
            pipeline.reset(Identity(next(identities), 0))
        if pipeline.peek() is None:
            break
        batch = pipeline.take()
        number = int(batch.number) // _SPAN
        if number == lost + 1 and not expired:
            if was_written:
                log.append(
                    int(batch.producer_id), int(batch.base_sequence), number, int(batch.count)
                )
            pipeline.retry(batch)
            assert pipeline.expire(batch.created)[0] is batch
            expired = True
            continue
        answer = log.append(
            int(batch.producer_id), int(batch.base_sequence), number, int(batch.count)
        )
        if answer == "out of order":
            assert pipeline.is_oldest(batch)
            pipeline.needs_reset = True
            pipeline.retry(batch)
        else:
            pipeline.acknowledged(batch)
    expected = [n for n in range(1, len(counts) + 1) if was_written or n != lost + 1]
    assert log.numbers == expected
