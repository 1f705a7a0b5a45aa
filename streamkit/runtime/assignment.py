"""Which member of the group runs which task: a pure function of members and tasks.

Goals, in this order:

1. every task has exactly one member;
2. members have equal numbers of tasks, give or take one;
3. a task with state stays where its state is: with its owner, else with a member of the owner's host
   (workers of one host share a state folder), else with the member that has the most of its changelog;
4. the tasks of one sub-topology spread over the members, as they cost about the same.

Nothing depends on the order of its inputs, so each leader would decide the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from streamkit.model.tasks import TaskId

__all__ = ["MemberState", "TaskAssignment", "assign_tasks"]


@dataclass(frozen=True, slots=True)
class MemberState:
    """What a member tells the leader.

    Attributes:
        host: names the state folder's machine; members of one host can take each other's folders.
        owned: tasks that it runs now.
        stored: tasks of which its folder holds state, with the changelog records still missing
            there (0: none).
    """

    host: str
    owned: frozenset[TaskId] = frozenset()
    stored: Mapping[TaskId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskAssignment:
    """What each member shall run.

    Attributes:
        active: by member id, sorted; every member is there.
    """

    active: Mapping[str, tuple[TaskId, ...]]


def assign_tasks(
    members: Mapping[str, MemberState],
    tasks: Collection[TaskId],
    stateful: Collection[TaskId] = (),
) -> TaskAssignment:
    """Balanced and sticky.

    Args:
        members: by member id, at least one.
        tasks: all tasks of the application.
        stateful: those of them that have stores with a changelog.

    Raises:
        ValueError: no member.
    """
    if not members:
        raise ValueError("an assignment needs a member")
    ids = sorted(members)
    floor, extra = divmod(len(tasks), len(ids))
    load: dict[str, list[TaskId]] = {member: [] for member in ids}
    remaining = set(tasks)

    def room(member: str) -> bool:
        """Whether one task more keeps the balance: `extra` members may have one above the floor."""
        count = len(load[member])
        if count < floor:
            return True
        full = sum(1 for other in ids if len(load[other]) > floor)
        return count == floor and full < extra

    def give(task: TaskId, member: str) -> None:
        load[member].append(task)
        remaining.discard(task)

    owners = {task: member for member in ids for task in members[member].owned}
    by_weight = sorted(remaining, key=lambda task: (task not in stateful, task))
    for task in by_weight:
        owner = owners.get(task)
        if owner is not None and room(owner):
            give(task, owner)
    for task in by_weight:
        if task in remaining and task in stateful:
            member = _nearest(task, [m for m in ids if room(m)], members, owners.get(task))
            if member is not None:
                give(task, member)
    for task in by_weight:
        if task in remaining:
            candidates = [member for member in ids if room(member)]
            give(task, min(candidates, key=lambda m: (len(load[m]), _kin(load[m], task), m)))
    return TaskAssignment({member: tuple(sorted(load[member])) for member in ids})


def _nearest(
    task: TaskId, candidates: list[str], members: Mapping[str, MemberState], owner: str | None
) -> str | None:
    """The candidate with the least to restore; None if no one has any of the task's state."""
    if owner is not None:
        host = members[owner].host
        siblings = [member for member in candidates if members[member].host == host]
        if siblings:
            return min(siblings, key=lambda m: (len(members[m].owned), m))
    missing = [
        (members[member].stored[task], member)
        for member in candidates
        if task in members[member].stored
    ]
    return min(missing)[1] if missing else None


def _kin(tasks: list[TaskId], task: TaskId) -> int:
    """How many tasks of the same sub-topology are there already."""
    return sum(1 for other in tasks if other.sub_topology == task.sub_topology)
