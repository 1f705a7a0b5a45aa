from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamkit.log.broker.groups.deadlines import Deadlines


def test_keys_come_out_when_due_and_in_order() -> None:
    deadlines: Deadlines[str] = Deadlines(100)
    deadlines.set("late", 20)
    deadlines.set("early", 10)
    assert deadlines.next_ms() == 110
    assert deadlines.pop_due() is None
    deadlines.now_ms = 120
    assert [deadlines.pop_due() for _ in range(3)] == ["early", "late", None]


def test_deadline_pushed_back_again_and_again_takes_no_room() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for now in range(10_000):
        deadlines.now_ms = now
        deadlines.set("session", 10)
    assert len(deadlines._heap) == 1
    assert deadlines.next_ms() == 10_009


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("set"), st.integers(0, 3), st.integers(0, 20)),
            st.tuples(st.just("cancel"), st.integers(0, 3), st.just(0)),
            st.tuples(st.just("pass"), st.integers(0, 10), st.just(0)),
        )
    )
)
def test_deadlines_are_as_a_plain_dict(steps: list[tuple[str, int, int]]) -> None:
    deadlines: Deadlines[int] = Deadlines()
    model: dict[int, int] = {}
    for action, number, delay in steps:
        if action == "set":
            deadlines.set(number, delay)
            model[number] = deadlines.now_ms + delay
        elif action == "cancel":
            deadlines.cancel(number)
            model.pop(number, None)
        else:
            deadlines.now_ms += number
            due = {key: at for key, at in model.items() if at <= deadlines.now_ms}
            popped = []
            while (key := deadlines.pop_due()) is not None:
                popped.append(key)
            assert [due[key] for key in popped] == sorted(due.values())
            assert set(popped) == set(due)
            model = {key: at for key, at in model.items() if key not in due}
        assert deadlines.next_ms() == min(model.values(), default=None)
        assert len(deadlines) == len(model)
