"""The kinds of things that have settings, and how changes of them are made."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from streamkit.errors import ConfigError
from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.dynamic_settings import check_broker_configs
from streamkit.log.broker.failures import code_of, message_of, refusal
from streamkit.log.broker.group_configs import check_group_configs
from streamkit.log.broker.metadata.service import check_topic_name
from streamkit.log.broker.topic_configs import check_topic_configs, log_defaults
from streamkit.log.protocol import ErrorCode

__all__ = [
    "BROKER",
    "GROUP",
    "TOPIC",
    "alter_each",
    "check_broker_name",
    "check_configs_right",
    "check_group_name",
    "configs_of",
    "set_configs",
]

TOPIC = 2
BROKER = 4
GROUP = 32

_NUMBER = re.compile(r"[-+]?[0-9]+")

Changes = Mapping[str, str | None]


class Resource(Protocol):
    """What both requests say of a resource."""

    resource_type: int
    resource_name: str


R = TypeVar("R", bound=Resource)


def check_broker_name(name: str, node_id: int) -> None:
    """Check the name of a broker as a resource: its number, or nothing for all brokers.

    Raises:
        BrokerError: INVALID_REQUEST.
    """
    if name and not _NUMBER.fullmatch(name):
        raise refusal(ErrorCode.INVALID_REQUEST, f"Node id must be an integer, but it is: {name}")
    if name and int(name) != node_id:
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


def check_configs_right(
    context: RequestContext, operation: Operation, kind: int, name: str
) -> None:
    """Check that the client may see or change a resource's settings; a broker's are the cluster's.

    Raises:
        BrokerError: the code that says it may not.
    """
    if kind == TOPIC:
        context.check(operation, ResourceType.TOPIC, name)
    elif kind == GROUP:
        context.check(operation, ResourceType.GROUP, name)
    else:
        context.check(operation, ResourceType.CLUSTER)


def configs_of(broker: Broker, kind: int, name: str) -> Mapping[str, str]:
    """The settings that a resource has itself.

    Raises:
        BrokerError: no such resource, or one that can't have settings.
    """
    match kind:
        case _ if kind == TOPIC:
            if not name:
                raise refusal(ErrorCode.INVALID_REQUEST, "Default topic resources are not allowed.")
            check_topic_name(name)
            return broker.topic(name).configs
        case _ if kind == GROUP:
            if not name:
                raise refusal(ErrorCode.INVALID_REQUEST, "Default group resources are not allowed.")
            return broker.cluster.group_configs(name)
        case _ if kind == BROKER:
            check_broker_name(name, broker.node_id)
            return broker.metadata.image.broker_configs(name and str(broker.node_id))
    raise refusal(
        ErrorCode.INVALID_REQUEST, f"settings of a resource of type {kind} can't be changed"
    )


def set_configs(
    broker: Broker, kind: int, name: str, changes: Changes, *, validate_only: bool
) -> None:
    """Set a resource's settings; None takes one back to its default.

    Raises:
        ConfigError: an unknown setting or a value out of range.
        BrokerError: no such resource, or none whose settings can be changed while the broker runs.
    """
    has = configs_of(broker, kind, name)
    if kind == BROKER and name:
        name = str(broker.node_id)  # it may have a sign
    will_have = {key: value for key, value in {**has, **changes}.items() if value is not None}
    if kind == GROUP:
        check_group_configs(will_have, broker.settings)
        if not validate_only:
            broker.metadata.set_group_configs(name, changes, broker.clock.now_ms())
    elif kind == BROKER:
        try:
            check_broker_configs(changes)
            # Values may be right by themselves, and wrong beside others.
            log_defaults(broker.dynamic_settings.changed(name, changes).in_force())
        except ConfigError as error:
            # Not INVALID_CONFIG, as for the other kinds: so Apache Kafka answers.
            raise refusal(ErrorCode.INVALID_REQUEST, str(error)) from error
        if not validate_only:
            broker.set_broker_configs(
                name,
                {key: value for key, value in changes.items() if value is not None or key in has},
            )
    else:
        check_topic_configs({key: value for key, value in changes.items() if value is not None})
        if not validate_only:
            broker.set_topic_configs(broker.topic(name), changes)


def alter_each(
    broker: Broker,
    resources: Iterable[R],
    changes_of: Callable[[Broker, R], Changes],
    context: RequestContext,
    *,
    validate_only: bool,
    during: str,
) -> list[tuple[R, int, str | None]]:
    """Change the settings of each resource by itself; each with its error code and message.

    Args:
        broker: whose settings they are.
        resources: as they stand in the request.
        changes_of: what one asks for.
        context: of the request.
        validate_only: check, and change nothing.
        during: the request, for the log.
    """
    found: list[tuple[R, int, str | None]] = []
    resources = list(resources)
    counts = Counter((each.resource_type, each.resource_name) for each in resources)
    for each in resources:
        try:
            if counts[each.resource_type, each.resource_name] > 1:
                raise refusal(ErrorCode.INVALID_REQUEST, "Each resource must appear at most once.")
            check_configs_right(
                context, Operation.ALTER_CONFIGS, each.resource_type, each.resource_name
            )
            changes = changes_of(broker, each)
            set_configs(
                broker,
                each.resource_type,
                each.resource_name,
                changes,
                validate_only=validate_only,
            )
        except Exception as error:  # noqa: BLE001 - mapped to a code
            found.append((each, code_of(error, during=during), message_of(error)))
        else:
            found.append((each, ErrorCode.NONE, None))
    return found
