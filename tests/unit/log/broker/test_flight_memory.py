"""Memory in flight: who gets some, who waits, and in which order."""

from __future__ import annotations

from streamkit.log.broker.memory import FlightMemory


class Holder:
    """A connection that notes what it got, and gives back what it can when asked."""

    def __init__(self, memory: FlightMemory, *, idle: bool = False) -> None:
        self.memory = memory
        self.idle = idle
        self.granted = 0

    def ask(self, size: int) -> bool:
        if self.memory.ask(self, size, self.grant):
            self.granted += 1
            return True
        return False

    def grant(self) -> None:
        self.granted += 1

    def trim(self) -> None:
        if self.idle:
            self.memory.give_back(self)


def test_requests_get_memory_until_it_is_used_up_and_then_in_order() -> None:
    memory = FlightMemory(100)
    first, second, third, fourth = (Holder(memory) for _ in range(4))
    assert first.ask(60)
    assert not second.ask(60)
    assert not third.ask(10), "it would fit, but others have waited longer"
    assert not fourth.ask(100)
    assert memory.is_short
    memory.give_back(first)
    assert (second.granted, third.granted, fourth.granted) == (1, 1, 0)
    memory.give_back(second)
    assert fourth.granted == 0
    memory.give_back(third)
    assert fourth.granted == 1
    assert memory.request_bytes == 100
    assert not memory.is_short


def test_idle_holders_give_theirs_to_those_who_wait() -> None:
    memory = FlightMemory(100)
    idle = Holder(memory, idle=True)
    assert idle.ask(90)
    assert Holder(memory).ask(50)
    assert memory.request_bytes == 50


def test_single_request_always_fits_and_may_grow() -> None:
    memory = FlightMemory(100)
    only = Holder(memory)
    assert only.ask(120)
    assert only.ask(200)
    assert memory.request_bytes == 200
    assert not Holder(memory).ask(1)


def test_who_goes_away_while_waiting_is_forgotten() -> None:
    memory = FlightMemory(100)
    first, second, third = (Holder(memory) for _ in range(3))
    assert first.ask(80)
    assert not second.ask(90)
    assert not third.ask(20)
    memory.give_back(second)
    memory.give_back(first)
    assert (second.granted, third.granted) == (0, 1)


def test_answers_are_cut_short_when_too_much_of_them_waits() -> None:
    memory = FlightMemory(100)
    slow, other = Holder(memory), Holder(memory)
    assert memory.room_for_answer(80) == 80
    memory.hold_answer(slow, 70)
    assert memory.room_for_answer(80) == 30
    memory.hold_answer(other, 60)
    assert memory.room_for_answer(80) == 0
    assert memory.is_full_of_answers
    memory.hold_answer(slow, 10)
    assert memory.answer_bytes == 70
    memory.hold_answer(slow, 0)
    memory.hold_answer(other, 0)
    assert memory.answer_bytes == 0


def test_without_a_limit_nobody_waits() -> None:
    memory = FlightMemory(-1)
    assert Holder(memory).ask(1 << 40)
    assert Holder(memory).ask(1 << 40)
    memory.hold_answer(Holder(memory), 1 << 40)
    assert memory.room_for_answer(7) == 7
    assert not memory.is_full_of_answers
