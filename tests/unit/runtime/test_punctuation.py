"""Scheduled calls on their grid."""

from __future__ import annotations

from streamkit.runtime.punctuation import NEVER, PunctuationQueue, Punctuator


def run(queue: PunctuationQueue, now_ms: int) -> list[tuple[str, int]]:
    calls: list[tuple[str, int]] = []
    queue.run_due(now_ms, lambda punctuator, now: calls.append((punctuator.node, now)))
    return calls


def queue_of(*punctuators: Punctuator) -> PunctuationQueue:
    queue = PunctuationQueue()
    for punctuator in punctuators:
        queue.schedule(punctuator)
    return queue


def punctuator(node: str, due_ms: int, interval_ms: int) -> Punctuator:
    return Punctuator(node, due_ms, interval_ms, lambda _: None)


def test_first_call_comes_when_it_is_due() -> None:
    queue = queue_of(punctuator("a", 0, 1000))
    assert queue.next_due_ms == 0
    assert run(queue, -1) == []
    assert run(queue, 0) == [("a", 0)]
    assert queue.next_due_ms == 1000


def test_jump_over_several_points_makes_one_call_and_keeps_the_grid() -> None:
    queue = queue_of(punctuator("a", 0, 1000))
    assert run(queue, 3500) == [("a", 3500)]
    assert queue.next_due_ms == 4000
    assert run(queue, 3999) == []
    assert run(queue, 4000) == [("a", 4000)]


def test_those_due_at_one_time_run_in_the_order_of_scheduling() -> None:
    queue = queue_of(punctuator("a", 10, 10), punctuator("b", 10, 10), punctuator("c", 5, 10))
    assert run(queue, 10) == [("c", 10), ("a", 10), ("b", 10)]


def test_cancelled_punctuator_is_not_called() -> None:
    first = punctuator("a", 10, 10)
    queue = queue_of(first, punctuator("b", 10, 10))
    first.cancel()
    assert run(queue, 10) == [("b", 10)]


def test_punctuator_that_cancels_itself_runs_once() -> None:
    only = punctuator("a", 10, 10)
    queue = queue_of(only)
    queue.run_due(10, lambda called, _: called.cancel())
    assert queue.next_due_ms == NEVER
    assert run(queue, 1000) == []


def test_punctuator_scheduled_by_another_one_runs_in_the_same_round_if_due() -> None:
    queue = queue_of(punctuator("a", 10, 100))
    calls: list[str] = []

    def call(called: Punctuator, now_ms: int) -> None:
        calls.append(called.node)
        if called.node == "a":
            queue.schedule(punctuator("b", now_ms, 100))

    queue.run_due(10, call)
    assert calls == ["a", "b"]
