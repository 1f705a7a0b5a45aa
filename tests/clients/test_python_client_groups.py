"""Consumer groups, as each of Python's Kafka clients forms them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import pytest
from client_drivers import SESSION_MS, TIMEOUT_S, Driver, Member, Message, RefusedError, wait_until

Name = Callable[[str], str]
ALL = {0, 1, 2, 3}


class Group:
    """Members of one group, and what they have seen.

    Attributes:
        seen: partition and offset of each record, with how often it was seen.
    """

    def __init__(self, driver: Driver, group: str, topic: str, assignor: str) -> None:
        self._driver, self._group, self._topic, self._assignor = driver, group, topic, assignor
        self.members: list[Member] = []
        self.seen: dict[tuple[int, int], int] = {}

    def add(self, instance_id: str | None = None) -> Member:
        member = self._driver.member(
            self._group, self._topic, assignor=self._assignor, instance_id=instance_id
        )
        self.members.append(member)
        return member

    def close(self, member: Member) -> None:
        self.members.remove(member)
        member.close()

    def poll(self) -> int:
        """Let everybody poll once; how many records came."""
        count = 0
        for member in self.members:
            for message in member.poll():
                key = (message.partition, message.offset)
                self.seen[key] = self.seen.get(key, 0) + 1
                count += 1
        return count

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        def polled() -> bool:
            self.poll()
            return condition()

        wait_until(polled, what)

    def balanced(self) -> bool:
        """Whether the members share the partitions, none of them twice, as evenly as can be."""
        shares = [member.assignment() for member in self.members]
        sizes = [len(share) for share in shares]
        return (
            set().union(*shares) == ALL and sum(sizes) == len(ALL) and max(sizes) - min(sizes) <= 1
        )


@pytest.fixture
def group(driver: Driver, name: Name, topic: str) -> Iterator[Callable[..., Group]]:
    made: list[Group] = []

    def make(assignor: str = "range", group: str | None = None) -> Group:
        made.append(Group(driver, group or name("group"), topic, assignor))
        return made[-1]

    yield make
    for one in made:
        for member in one.members:
            member.close()


def fill(driver: Driver, topic: str, count: int, partitions: Iterable[int] = ALL) -> None:
    driver.produce(topic, [Message(b"v", partition=p) for p in partitions for _ in range(count)])


@pytest.mark.scenario("group_{assignor}")
@pytest.mark.parametrize("assignor", ["range", "roundrobin", "sticky", "cooperative-sticky"])
def test_group_of_two_shares_the_partitions_and_goes_on_where_it_was(
    driver: Driver, name: Name, topic: str, group: Callable[..., Group], assignor: str
) -> None:
    """One member, then two, then the other; nothing is read twice after it was committed."""
    if assignor not in driver.assignors:
        pytest.skip(f"{driver.name} has no {assignor}")
    group_id = name("group")
    fill(driver, topic, 10)
    members = group(assignor, group_id)
    first = members.add()
    members.wait_for(lambda: len(members.seen) == 40, "the first 40 records")
    assert first.assignment() == ALL
    first.commit()

    second = members.add()
    members.wait_for(members.balanced, "a share for each of two members")
    fill(driver, topic, 10)
    members.wait_for(lambda: len(members.seen) == 80, "80 records")
    first.commit()
    second.commit()

    members.close(first)
    members.wait_for(members.balanced, "all partitions for the one that is left")
    fill(driver, topic, 10)
    members.wait_for(lambda: len(members.seen) == 120, "120 records")
    second.commit()
    members.close(second)
    assert set(members.seen.values()) == {1}, "committed records were read again"

    resumed = group(assignor, group_id)
    resumed.add()
    resumed.wait_for(resumed.balanced, "an assignment")
    fill(driver, topic, 1)
    resumed.wait_for(lambda: len(resumed.seen) >= 4, "the records after the commit")
    assert set(resumed.seen) == {(partition, 30) for partition in ALL}


@pytest.mark.scenario("committed_offsets")
def test_what_was_not_committed_is_read_again(
    driver: Driver, name: Name, topic: str, group: Callable[..., Group]
) -> None:
    group_id = name("group")
    fill(driver, topic, 5)
    members = group(group=group_id)
    member = members.add()
    members.wait_for(lambda: len(members.seen) == 20, "20 records")
    member.commit()
    fill(driver, topic, 5)
    members.wait_for(lambda: len(members.seen) == 40, "40 records")
    members.close(member)

    again = group(group=group_id)
    again.add()
    again.wait_for(lambda: len(again.seen) == 20, "what was not committed")
    assert {offset for _, offset in again.seen} == {5, 6, 7, 8, 9}


@pytest.mark.scenario("lost_member")
def test_member_that_vanishes_is_replaced_after_its_session(
    driver: Driver, topic: str, group: Callable[..., Group]
) -> None:
    """A static member doesn't say goodbye when it closes: the group learns it from the silence."""
    members = group()
    members.add("stays")
    vanishing = members.add("vanishes")
    members.wait_for(members.balanced, "a share for each")
    started = time.monotonic()
    members.close(vanishing)
    members.wait_for(members.balanced, "all partitions for the one that stays")
    assert time.monotonic() - started > SESSION_MS / 1000 / 2


@pytest.mark.scenario("static_member")
def test_static_member_that_restarts_has_its_partitions_again_without_a_rebalance(
    driver: Driver, topic: str, group: Callable[..., Group]
) -> None:
    members = group()
    stays = members.add("one")
    restarts = members.add("two")
    members.wait_for(members.balanced, "a share for each")
    before = stays.assignment()
    share = restarts.assignment()
    members.close(restarts)
    again = members.add("two")
    members.wait_for(lambda: again.assignment() == share, "the same share as before")
    assert stays.assignment() == before


@pytest.mark.scenario("committed_offsets")
def test_positions_can_be_committed_without_a_group(driver: Driver, name: Name, topic: str) -> None:
    group_id = name("simple")
    assert driver.committed(group_id, topic, 1) is None
    driver.commit_offset(group_id, topic, 1, 42, "a note")
    assert driver.committed(group_id, topic, 1) == (42, "a note")
    driver.commit_offset(group_id, topic, 1, 7, "")
    assert driver.committed(group_id, topic, 1) == (7, "")
    assert driver.committed(group_id, topic, 0) is None


@pytest.mark.scenario("committed_offsets")
def test_outsider_can_not_commit_for_a_group_with_members(
    driver: Driver, name: Name, topic: str, group: Callable[..., Group]
) -> None:
    group_id = name("group")
    members = group(group=group_id)
    members.add()
    members.wait_for(members.balanced, "an assignment")
    with pytest.raises(RefusedError):
        driver.commit_offset(group_id, topic, 0, 1, "")


@pytest.mark.scenario("committed_offsets")
def test_metadata_longer_than_4096_is_refused(driver: Driver, name: Name, topic: str) -> None:
    with pytest.raises(RefusedError) as refused:
        driver.commit_offset(name("simple"), topic, 0, 1, "x" * 4097)
    assert refused.value.name == "OFFSET_METADATA_TOO_LARGE"


assert TIMEOUT_S > 2 * SESSION_MS / 1000
