"""Order and sequences of one partition's batches."""

from __future__ import annotations

from streamkit.log.client.accumulator import ProducerBatch
from streamkit.log.client.pipeline import Identity, Pipeline, next_sequence
from streamkit.log.protocol.batch import BatchBuilder

SPAN = 1 << 20


def batch(number: int, count: int = 1, created: float = 0.0) -> ProducerBatch:
    made = ProducerBatch("t", 0, BatchBuilder(), created)
    made.number = number * SPAN
    made.count = count
    return made


def sent(pipeline: Pipeline, count: int) -> list[ProducerBatch]:
    taken = []
    for _ in range(count):
        assert pipeline.peek() is not None
        taken.append(pipeline.take())
    return taken


def known() -> Pipeline:
    """A pipeline whose producer id the broker has acknowledged, at sequence 0 again."""
    pipeline = Pipeline(Identity(7, 0))
    pipeline.add(batch(0, 1 << 31))
    pipeline.acknowledged(pipeline.take())
    return pipeline


def filled(counts: list[int]) -> Pipeline:
    pipeline = known()
    for number, count in enumerate(counts, start=1):
        pipeline.add(batch(number, count))
    return pipeline


def test_sequences_count_records() -> None:
    pipeline = filled([3, 2, 5])
    assert [b.base_sequence for b in sent(pipeline, 3)] == [0, 3, 5]


def test_sequence_wraps_to_zero() -> None:
    assert next_sequence(0x7FFFFFFF, 1) == 0
    assert next_sequence(0x7FFFFFFE, 5) == 3


def test_first_batch_under_an_id_goes_alone() -> None:
    """A broker takes any first sequence: a second batch could overtake a first that got lost."""
    pipeline = Pipeline(Identity(7, 0))
    for number in (1, 2, 3):
        pipeline.add(batch(number))
    [first] = sent(pipeline, 1)
    assert pipeline.peek() is None
    pipeline.retry(first)
    assert sent(pipeline, 1) == [first]
    assert pipeline.peek() is None
    pipeline.acknowledged(first)
    sent(pipeline, 2)


def test_without_idempotence_nothing_waits_for_the_first() -> None:
    pipeline = Pipeline(Identity(-1, -1))
    for number in (1, 2):
        pipeline.add(batch(number))
    assert [b.base_sequence for b in sent(pipeline, 2)] == [-1, -1]


def test_at_most_five_are_under_way() -> None:
    pipeline = filled([1] * 6)
    first, *_ = sent(pipeline, 5)
    assert pipeline.peek() is None
    pipeline.acknowledged(first)
    assert pipeline.peek() is not None


def test_retry_keeps_its_sequence_and_waits_for_younger_batches() -> None:
    pipeline = filled([1, 1, 1, 1])
    a, b, c = sent(pipeline, 3)
    pipeline.retry(a)
    assert pipeline.peek() is None
    pipeline.retry(b)
    pipeline.acknowledged(c)
    assert [sent(pipeline, 1)[0] for _ in range(2)] == [a, b]
    assert (a.base_sequence, b.base_sequence) == (0, 1)
    [d] = sent(pipeline, 1)
    assert d.base_sequence == 3


def test_refusal_is_final_only_for_the_oldest() -> None:
    pipeline = filled([1, 1])
    a, b = sent(pipeline, 2)
    assert pipeline.is_oldest(a)
    assert not pipeline.is_oldest(b)
    pipeline.retry(a)
    assert not pipeline.is_oldest(b)
    pipeline.take()
    pipeline.acknowledged(a)
    assert pipeline.is_oldest(b)


def test_parts_of_a_split_batch_share_its_sequences_and_keep_its_place() -> None:
    pipeline = filled([4, 1])
    a, b = sent(pipeline, 2)
    first, second = batch(0, 3), batch(0, 1)
    pipeline.split(a, first, second)
    pipeline.retry(b)
    assert sent(pipeline, 1) == [first]
    assert not pipeline.is_oldest(second)
    assert sent(pipeline, 2) == [second, b]
    assert [x.base_sequence for x in (first, second, b)] == [0, 3, 4]
    assert first.number < second.number < b.number


def test_reset_numbers_what_is_left_anew() -> None:
    pipeline = filled([2, 2, 2])
    a, b = sent(pipeline, 2)
    pipeline.retry(a)
    pipeline.retry(b)
    pipeline.needs_reset = True
    assert pipeline.peek() is None
    pipeline.reset(Identity(8, 0))
    found = []
    while pipeline.peek() is not None:
        [x] = sent(pipeline, 1)
        found.append((x.producer_id, x.base_sequence))
        pipeline.acknowledged(x)
    assert found == [(8, 0), (8, 2), (8, 4)]


def test_old_batches_expire_unless_under_way() -> None:
    pipeline = known()
    for number in range(1, 4):
        pipeline.add(batch(number, created=float(number)))
    [a] = sent(pipeline, 1)
    expired = pipeline.expire(2.0)
    assert [b.number // SPAN for b in expired] == [2]
    pipeline.retry(a)
    assert pipeline.expire(2.0) == [a]
    assert len(pipeline) == 1
    assert pipeline.waiting
    assert len(pipeline.drop()) == 1
    assert len(pipeline) == 0


def test_nothing_new_is_sent_while_the_broker_would_forget_a_batch_under_way_for_it() -> None:
    """It remembers five: the answer to the first of five is lost, and so is the request of its retry. A sixth
    one meanwhile, and the retry after that would be refused, though its records are in the log."""
    pipeline = filled([1] * 6)
    first, *others = sent(pipeline, 5)
    pipeline.retry(first)
    for other in others:
        pipeline.acknowledged(other)
    for _ in range(2):
        assert sent(pipeline, 1) == [first]
        assert pipeline.peek() is None
        pipeline.retry(first)
    assert sent(pipeline, 1) == [first]
    pipeline.acknowledged(first)
    sent(pipeline, 1)
