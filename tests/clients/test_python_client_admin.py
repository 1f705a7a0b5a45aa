"""What an administrator asks of a broker, with each of Python's Kafka clients, as far as its calls go."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest
from client_drivers import Administrator, Driver, Message, RefusedError, wait_until

Name = Callable[[str], str]
TOPIC_SETTING, DYNAMIC_BROKER, DYNAMIC_DEFAULT, DEFAULT = 1, 2, 3, 5
"""Where a setting comes from, in Kafka's numbers."""


class Cluster(Protocol):
    """The broker to be judged, from the fixture in `conftest`."""

    @property
    def kind(self) -> str: ...
    @property
    def bootstrap(self) -> str: ...


@pytest.fixture
def admin(driver: Driver, request: pytest.FixtureRequest) -> Administrator:
    """The client's, unless it has no such calls."""
    found = driver.admin()
    marker = request.node.get_closest_marker("scenario")
    if marker is not None and marker.args[0] in found.lacks:
        pytest.skip(f"{driver.name} has no call for it")
    return found


@contextlib.contextmanager
def refused(error: str) -> Iterator[None]:
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.name == error


@contextlib.contextmanager
def member(driver: Driver, group: str, topic: str) -> Iterator[None]:
    """Somebody who is in the group meanwhile, and has all partitions."""
    one = driver.member(group, topic)
    over, ready = threading.Event(), threading.Event()

    def poll() -> None:
        while not over.is_set():
            one.poll()
            if len(one.assignment()) == 4:
                ready.set()
        one.close()

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        assert ready.wait(20), "no assignment"
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.scenario("partitions")
def test_partitions_become_more_and_never_less(
    driver: Driver, admin: Administrator, topic: str
) -> None:
    driver.produce(topic, [Message(b"v")])
    admin.create_partitions(topic, 6)
    wait_until(lambda: driver.topics()[topic] == 6, "the new partitions")
    for count in (6, 3):
        with refused("INVALID_PARTITIONS"):
            admin.create_partitions(topic, count)
    assert driver.watermarks(topic, 0) == (0, 1)
    wait_until(lambda: driver.watermarks(topic, 5) == (0, 0), "a new partition's leader")


@pytest.mark.scenario("topic_configs")
def test_settings_of_a_topic_are_changed(admin: Administrator, topic: str) -> None:
    def value() -> tuple[str | None, int]:
        return admin.config("topic", topic, "retention.ms")

    before = value()
    assert before[1] != TOPIC_SETTING
    admin.alter_config("topic", topic, "retention.ms", "7654321")
    wait_until(lambda: value() == ("7654321", TOPIC_SETTING), "the change")
    with refused("INVALID_CONFIG"):
        admin.alter_config("topic", topic, "retention.ms", "soon")
    with refused("INVALID_CONFIG"):
        admin.alter_config("topic", topic, "no.such.config", "1")
    assert value() == ("7654321", TOPIC_SETTING)
    admin.reset_config("topic", topic, "retention.ms")
    wait_until(lambda: value() == before, "the change back")


@pytest.mark.scenario("described_topic")
def test_setting_says_where_it_comes_from(
    cluster: Cluster, admin: Administrator, topic: str
) -> None:
    """One of the differences: the reason stands in `conformance_scenarios.DIFFERENCES`."""
    source = DYNAMIC_DEFAULT if cluster.kind == "kafka" else DEFAULT
    assert admin.config("topic", topic, "min.insync.replicas") == ("1", source)


@pytest.mark.scenario("broker_configs")
def test_settings_of_the_running_broker_are_changed(admin: Administrator) -> None:
    setting = "log.segment.delete.delay.ms"

    def value() -> tuple[str | None, int]:
        return admin.config("broker", "1", setting)

    before = value()
    assert before == ("60000", DEFAULT)
    admin.alter_config("broker", "1", setting, "45000")
    wait_until(lambda: value() == ("45000", DYNAMIC_BROKER), "the change")
    with refused("INVALID_REQUEST"):
        admin.alter_config("broker", "1", setting, "soon")
    admin.reset_config("broker", "1", setting)
    wait_until(lambda: value() == before, "the change back")


@pytest.mark.scenario("unknown_broker_setting")
def test_unknown_setting_of_the_broker(cluster: Cluster, admin: Administrator) -> None:
    """One of the differences: the reason stands in `conformance_scenarios.DIFFERENCES`."""
    if cluster.kind == "kafka":
        admin.alter_config("broker", "1", "no.such.config", "1")
        admin.reset_config("broker", "1", "no.such.config")
    else:
        with refused("INVALID_REQUEST"):
            admin.alter_config("broker", "1", "no.such.config", "1")


@pytest.mark.scenario("cluster")
def test_nodes_and_the_controller_are_told(cluster: Cluster, admin: Administrator) -> None:
    assert admin.nodes() == (1, [(1, cluster.bootstrap)])


@pytest.mark.scenario("groups_admin")
def test_groups_are_listed_described_and_deleted(
    driver: Driver, admin: Administrator, name: Name, topic: str
) -> None:
    group = name("group")
    with member(driver, group, topic):
        assert group in admin.groups()
        described = admin.group(group)
        assert (described.state, described.protocol, described.members) == ("STABLE", "range", 1)
        if "groups_deleted" not in admin.lacks:
            with refused("NON_EMPTY_GROUP"):
                admin.delete_group(group)
    wait_until(lambda: admin.group(group).state == "EMPTY", "an empty group")
    assert admin.group(group).members == 0
    if "groups_deleted" not in admin.lacks:
        admin.delete_group(group)
        assert group not in admin.groups()
        with refused("GROUP_ID_NOT_FOUND"):
            admin.delete_group(group)


@pytest.mark.scenario("reset_offsets")
def test_offsets_of_a_group_are_set_from_outside(
    driver: Driver, admin: Administrator, name: Name, topic: str
) -> None:
    group = name("group")
    for offset in (7, 3):
        admin.set_offset(group, topic, 1, offset)
        assert driver.committed(group, topic, 1) == (offset, "")
    assert driver.committed(group, topic, 0) is None
    with member(driver, group, topic), pytest.raises(RefusedError):
        admin.set_offset(group, topic, 1, 0)
    assert driver.committed(group, topic, 1) == (3, "")


@pytest.mark.scenario("delete_offsets")
def test_offsets_of_a_group_are_deleted(
    driver: Driver, admin: Administrator, name: Name, topic: str
) -> None:
    group = name("group")
    for partition in (0, 1):
        driver.commit_offset(group, topic, partition, 5, "")
    admin.delete_offset(group, topic, 0)
    assert driver.committed(group, topic, 0) is None
    assert driver.committed(group, topic, 1) == (5, "")
    with member(driver, group, topic), refused("GROUP_SUBSCRIBED_TO_TOPIC"):
        admin.delete_offset(group, topic, 1)


@pytest.mark.scenario("single_node")
def test_one_node_has_nobody_to_elect(driver: Driver, admin: Administrator, topic: str) -> None:
    with refused("ELECTION_NOT_NEEDED"):
        admin.elect_leader(topic, 0)
    if driver.name == "kafka-python":
        admin.reassign(topic, 0, [1])
        with refused("INVALID_REPLICA_ASSIGNMENT"):
            admin.reassign(topic, 0, [5])


@pytest.mark.scenario("features")
def test_features_of_the_cluster(cluster: Cluster, admin: Administrator) -> None:
    """One of the differences: the reason stands in `conformance_scenarios.DIFFERENCES`."""
    found = admin.features()
    ours = {"group.version": (1, 1), "transaction.version": (2, 2)}
    assert {name: found.get(name) for name in ours} == ours
    kafkas = ("eligible.leader.replicas", "metadata", "share", "streams")
    others = {f"{name}.version" for name in kafkas} if cluster.kind == "kafka" else set()
    assert found.keys() - ours.keys() == others


@pytest.mark.scenario("feature_levels")
def test_level_of_a_feature_is_one_that_the_nodes_have(admin: Administrator) -> None:
    admin.set_feature("group.version", 1)
    for feature, level in (("group.version", 9), ("no.such", 1)):
        with pytest.raises(RefusedError):
            admin.set_feature(feature, level)


@pytest.mark.scenario("api_versions")
def test_versions_of_apis_are_announced(admin: Administrator) -> None:
    """Those of records, offsets and transactions; the client may know fewer, and tells what it is told."""
    found = admin.api_versions()
    wanted = {0: (0, 13), 1: (4, 18), 2: (1, 11), 3: (0, 13), 8: (2, 10), 9: (1, 10), 22: (0, 5)}
    assert {key: tuple(found[key]) for key in wanted} == wanted


@pytest.mark.scenario("quorum")
def test_one_node_is_its_own_quorum(admin: Administrator) -> None:
    assert admin.quorum() == (1, [1])


@pytest.mark.scenario("log_dirs")
def test_log_folders_tell_the_bytes_of_partitions(
    driver: Driver, admin: Administrator, topic: str
) -> None:
    driver.produce(topic, [Message(b"v", timestamp_ms=1), Message(b"v", partition=2)])
    sizes = admin.log_sizes(topic)
    # A batch's head is 61 bytes, a record with a value of one 8.
    assert sizes == {0: 69, 1: 0, 2: 69, 3: 0}


@pytest.mark.scenario("transactions_admin")
def test_transactions_are_described_and_aborted(
    driver: Driver, admin: Administrator, name: Name, topic: str
) -> None:
    transactional_id = name("transactional")
    with pytest.raises(RefusedError):
        admin.transaction_state(transactional_id)
    transaction = driver.transaction(transactional_id)
    try:
        transaction.send(topic, [b"a", b"b"])
        assert admin.transaction_state(transactional_id) == "Ongoing"
        assert transactional_id in admin.transactions()
        assert admin.producers(topic, 0) == [(1, 0)]
        admin.abort_transaction(topic, 0)
        wait_until(lambda: admin.producers(topic, 0)[0][1] == -1, "the marker")
        assert driver.watermarks(topic, 0) == (0, 3)
    finally:
        transaction.close()
