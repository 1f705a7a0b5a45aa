"""The kinds of things that have settings, and how changes of them are made."""

from __future__ import annotations

from collections.abc import Mapping

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.failures import refusal
from streamkit.log.broker.group_configs import check_group_configs
from streamkit.log.broker.topic_configs import check_topic_configs
from streamkit.log.protocol import ErrorCode

__all__ = ["BROKER", "GROUP", "TOPIC", "check_broker_name", "check_group_name", "set_configs"]

TOPIC = 2
BROKER = 4
GROUP = 32


def check_broker_name(name: str, node_id: int) -> None:
    """Check the name of a broker as a resource: its number, or nothing for all brokers.

    Raises:
        BrokerError: INVALID_REQUEST.
    """
    if name and name != str(node_id):
        raise refusal(
            ErrorCode.INVALID_REQUEST, f"Unexpected broker id {name}: this is broker {node_id}"
        )


def check_group_name(name: str) -> None:
    """Check the name of a group as a resource.

    Raises:
        BrokerError: INVALID_REQUEST.
    """
    if not name:
        raise refusal(ErrorCode.INVALID_REQUEST, "Group name must not be empty")


def set_configs(
    broker: Broker, kind: int, name: str, changes: Mapping[str, str | None], *, validate_only: bool
) -> None:
    """Set a resource's settings; None takes one back to its default.

    Raises:
        ConfigError: an unknown setting or a value out of range.
        BrokerError: no such resource, or none whose settings can be changed while the broker runs.
    """
    if kind == GROUP:
        if not name:
            raise refusal(ErrorCode.INVALID_REQUEST, "Default group resources are not allowed.")
        kept = {**broker.cluster.group_configs(name), **changes}
        check_group_configs(
            {key: value for key, value in kept.items() if value is not None}, broker.settings
        )
        if not validate_only:
            broker.metadata.set_group_configs(name, changes, broker.clock.now_ms())
        return
    if kind != TOPIC:
        what = "of a broker" if kind == BROKER else f"of a resource of type {kind}"
        raise refusal(
            ErrorCode.INVALID_REQUEST,
            f"settings {what} can't be changed while it runs; set them in its properties file",
        )
    topic = broker.topic(name)
    check_topic_configs({key: value for key, value in changes.items() if value is not None})
    if not validate_only:
        broker.set_topic_configs(topic, changes)
