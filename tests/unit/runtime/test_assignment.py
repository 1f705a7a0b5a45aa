"""Tasks over members: complete, balanced, sticky."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.model.tasks import TaskId
from streamkit.runtime.assignment import MemberState, assign_tasks

TASKS = [TaskId(sub, partition) for sub in range(2) for partition in range(4)]


def states(draw: st.DrawFn) -> tuple[dict[str, MemberState], list[TaskId], list[TaskId]]:
    tasks = draw(
        st.lists(st.builds(TaskId, st.integers(0, 3), st.integers(0, 7)), unique=True, max_size=20)
    )
    members = draw(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1))
    unowned = list(tasks)
    result = {}
    for member in members:
        owned = draw(st.sets(st.sampled_from(unowned))) if unowned else set()
        unowned = [task for task in unowned if task not in owned]
        stored = draw(st.dictionaries(st.sampled_from(tasks), st.integers(0, 9))) if tasks else {}
        host = draw(st.sampled_from(["h1", "h2"]))
        result[member] = MemberState(host, frozenset(owned), stored)
    stateful = [task for task in tasks if draw(st.booleans())]
    return result, tasks, stateful


CASES = st.composite(states)()


@given(CASES)
def test_every_task_has_one_member_and_numbers_are_balanced(
    case: tuple[dict[str, MemberState], list[TaskId], list[TaskId]],
) -> None:
    members, tasks, stateful = case
    active = assign_tasks(members, tasks, stateful).active
    assert sorted(task for given_tasks in active.values() for task in given_tasks) == sorted(tasks)
    counts = [len(given_tasks) for given_tasks in active.values()]
    assert max(counts) - min(counts) <= 1
    assert set(active) == set(members)


@given(CASES)
def test_an_assignment_in_force_is_kept(
    case: tuple[dict[str, MemberState], list[TaskId], list[TaskId]],
) -> None:
    """What was assigned comes out again: a rebalance without a reason moves nothing."""
    members, tasks, stateful = case
    active = assign_tasks(members, tasks, stateful).active
    owning = {
        member: MemberState(state.host, frozenset(active[member]), state.stored)
        for member, state in members.items()
    }
    assert assign_tasks(owning, tasks, stateful).active == active


@given(CASES, st.randoms())
def test_order_of_inputs_does_not_matter(
    case: tuple[dict[str, MemberState], list[TaskId], list[TaskId]], random: object
) -> None:
    members, tasks, stateful = case
    mixed = dict(sorted(members.items(), reverse=True))
    assert assign_tasks(members, tasks, stateful) == assign_tasks(
        mixed, list(reversed(tasks)), list(reversed(stateful))
    )


def test_newcomer_takes_no_more_than_its_share() -> None:
    members = {
        "old": MemberState("h1", frozenset(TASKS)),
        "new": MemberState("h2"),
    }
    active = assign_tasks(members, TASKS, TASKS).active
    assert len(active["old"]) == len(active["new"]) == 4
    assert set(active["old"]) < set(TASKS)


def test_state_moves_within_its_host() -> None:
    """The newcomer on the owner's machine gets the tasks, not the one that would have to restore."""
    members = {
        "a": MemberState("h1", frozenset(TASKS[:4])),
        "b": MemberState("h2", frozenset(TASKS[4:])),
        "c": MemberState("h1"),
    }
    active = assign_tasks(members, TASKS, TASKS).active
    assert set(active["c"]) <= set(TASKS[:4]) | set(TASKS[4:])
    assert set(active["a"]) <= set(TASKS[:4])
    moved = set(TASKS[:4]) - set(active["a"])
    assert moved <= set(active["c"])


def test_task_of_nobody_goes_where_the_least_is_missing() -> None:
    task = TaskId(0, 0)
    members = {
        "a": MemberState("h1", stored={task: 100}),
        "b": MemberState("h2", stored={task: 3}),
        "c": MemberState("h3"),
    }
    assert assign_tasks(members, [task], [task]).active["b"] == (task,)


def test_sub_topologies_spread() -> None:
    active = assign_tasks({"a": MemberState("h1"), "b": MemberState("h2")}, TASKS).active
    for tasks in active.values():
        assert sorted(task.sub_topology for task in tasks) == [0, 0, 1, 1]


def test_nobody_to_assign_to_is_an_error() -> None:
    with pytest.raises(ValueError, match="member"):
        assign_tasks({}, TASKS)
