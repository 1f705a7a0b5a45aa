"""A clock that tests move, and timers that follow."""

from __future__ import annotations

import asyncio

import pytest

from streamkit.clock import ManualClock
from streamkit.testing.moving_time import MovingClock, MovingTimers


def test_clock_is_ahead_of_its_base() -> None:
    base = ManualClock(1000)
    clock = MovingClock(base)
    clock.advance(500)
    base.advance(1)
    assert (clock.now_ms(), clock.monotonic_ms()) == (1501, 1501)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)


def test_timers_that_became_due_run_in_order() -> None:
    async def scenario() -> list[str]:
        clock = MovingClock(ManualClock())
        timers = MovingTimers(asyncio.get_running_loop(), clock)
        ran: list[str] = []
        timers.call_later(60_000, lambda: ran.append("second"))
        timers.call_later(30_000, lambda: ran.append("first"))
        timers.call_later(90_000, lambda: ran.append("later"))
        taken_back = timers.call_later(40_000, lambda: ran.append("never"))
        timers.call_later(35_000, taken_back.cancel)
        timers.catch_up()
        assert ran == []
        clock.advance(60_000)
        timers.catch_up()
        assert len(timers.pending) == 1
        return ran

    assert asyncio.run(scenario()) == ["first", "second"]


def test_timer_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> list[str]:
        clock = MovingClock(ManualClock())
        timers = MovingTimers(asyncio.get_running_loop(), clock)
        ran: list[str] = []

        def fail() -> None:
            raise RuntimeError

        timers.call_later(1000, fail)
        timers.call_later(2000, lambda: ran.append("next"))
        clock.advance(5000)
        timers.catch_up()
        return ran

    assert asyncio.run(scenario()) == ["next"]
    assert "a timer failed" in caplog.text


def test_timers_run_without_a_move() -> None:
    async def scenario() -> None:
        timers = MovingTimers(asyncio.get_running_loop(), MovingClock(ManualClock()))
        done = asyncio.Event()
        timers.call_later(0, done.set)
        await done.wait()
        done.clear()
        timers.call_soon(done.set)
        await done.wait()
        assert not timers.pending

    asyncio.run(scenario())
