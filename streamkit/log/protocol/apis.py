"""The APIs of the protocol: their keys, and which versions of them there are here.

`ApiKey` names every key of Apache Kafka 4.3.0; messages are declared for those that a broker
of one node and its clients use. What a broker *serves* is its own business: its registry of handlers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from streamkit.errors import ProtocolError
from streamkit.log.protocol import messages
from streamkit.log.protocol.wire import VersionRange, info_of

__all__ = [
    "ApiKey",
    "is_flexible",
    "known_keys",
    "request_class",
    "response_class",
    "version_range",
]


class ApiKey(IntEnum):
    """The number that a request names its API with."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    LEADER_AND_ISR = 4
    STOP_REPLICA = 5
    UPDATE_METADATA = 6
    CONTROLLED_SHUTDOWN = 7
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    DESCRIBE_GROUPS = 15
    LIST_GROUPS = 16
    SASL_HANDSHAKE = 17
    API_VERSIONS = 18
    CREATE_TOPICS = 19
    DELETE_TOPICS = 20
    DELETE_RECORDS = 21
    INIT_PRODUCER_ID = 22
    OFFSET_FOR_LEADER_EPOCH = 23
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    WRITE_TXN_MARKERS = 27
    TXN_OFFSET_COMMIT = 28
    DESCRIBE_ACLS = 29
    CREATE_ACLS = 30
    DELETE_ACLS = 31
    DESCRIBE_CONFIGS = 32
    ALTER_CONFIGS = 33
    ALTER_REPLICA_LOG_DIRS = 34
    DESCRIBE_LOG_DIRS = 35
    SASL_AUTHENTICATE = 36
    CREATE_PARTITIONS = 37
    CREATE_DELEGATION_TOKEN = 38
    RENEW_DELEGATION_TOKEN = 39
    EXPIRE_DELEGATION_TOKEN = 40
    DESCRIBE_DELEGATION_TOKEN = 41
    DELETE_GROUPS = 42
    ELECT_LEADERS = 43
    INCREMENTAL_ALTER_CONFIGS = 44
    ALTER_PARTITION_REASSIGNMENTS = 45
    LIST_PARTITION_REASSIGNMENTS = 46
    OFFSET_DELETE = 47
    DESCRIBE_CLIENT_QUOTAS = 48
    ALTER_CLIENT_QUOTAS = 49
    DESCRIBE_USER_SCRAM_CREDENTIALS = 50
    ALTER_USER_SCRAM_CREDENTIALS = 51
    VOTE = 52
    BEGIN_QUORUM_EPOCH = 53
    END_QUORUM_EPOCH = 54
    DESCRIBE_QUORUM = 55
    ALTER_PARTITION = 56
    UPDATE_FEATURES = 57
    ENVELOPE = 58
    FETCH_SNAPSHOT = 59
    DESCRIBE_CLUSTER = 60
    DESCRIBE_PRODUCERS = 61
    BROKER_REGISTRATION = 62
    BROKER_HEARTBEAT = 63
    UNREGISTER_BROKER = 64
    DESCRIBE_TRANSACTIONS = 65
    LIST_TRANSACTIONS = 66
    ALLOCATE_PRODUCER_IDS = 67
    CONSUMER_GROUP_HEARTBEAT = 68
    CONSUMER_GROUP_DESCRIBE = 69
    CONTROLLER_REGISTRATION = 70
    GET_TELEMETRY_SUBSCRIPTIONS = 71
    PUSH_TELEMETRY = 72
    ASSIGN_REPLICAS_TO_DIRS = 73
    LIST_CONFIG_RESOURCES = 74
    DESCRIBE_TOPIC_PARTITIONS = 75
    SHARE_GROUP_HEARTBEAT = 76
    SHARE_GROUP_DESCRIBE = 77
    SHARE_FETCH = 78
    SHARE_ACKNOWLEDGE = 79
    ADD_RAFT_VOTER = 80
    REMOVE_RAFT_VOTER = 81
    UPDATE_RAFT_VOTER = 82
    INITIALIZE_SHARE_GROUP_STATE = 83
    READ_SHARE_GROUP_STATE = 84
    WRITE_SHARE_GROUP_STATE = 85
    DELETE_SHARE_GROUP_STATE = 86
    READ_SHARE_GROUP_STATE_SUMMARY = 87
    STREAMS_GROUP_HEARTBEAT = 88
    STREAMS_GROUP_DESCRIBE = 89
    DESCRIBE_SHARE_GROUP_OFFSETS = 90
    ALTER_SHARE_GROUP_OFFSETS = 91
    DELETE_SHARE_GROUP_OFFSETS = 92


def _by_key(kind: str) -> dict[int, type[Any]]:
    classes = (getattr(messages, name) for name in messages.__all__)
    return {info.key: cls for cls in classes if (info := info_of(cls)).kind == kind}


_REQUESTS = _by_key("request")
_RESPONSES = _by_key("response")
_FLEXIBLE = {key: info_of(cls).flexible for key, cls in _REQUESTS.items()}


def known_keys() -> tuple[ApiKey, ...]:
    """The APIs that have messages here, in the order of their keys."""
    return tuple(ApiKey(key) for key in sorted(_REQUESTS))


def request_class(api_key: int) -> type[Any]:
    """The request's class.

    Raises:
        ProtocolError: there is no such API here.
    """
    try:
        return _REQUESTS[api_key]
    except KeyError:
        raise ProtocolError(f"no API with key {api_key}") from None


def response_class(api_key: int) -> type[Any]:
    """The response's class; raises as `request_class`."""
    try:
        return _RESPONSES[api_key]
    except KeyError:
        raise ProtocolError(f"no API with key {api_key}") from None


def version_range(api_key: int) -> VersionRange:
    """The versions of an API that can be encoded and decoded; raises as `request_class`."""
    return info_of(request_class(api_key)).versions


def is_flexible(api_key: int, version: int) -> bool:
    """Whether a version of an API has compact lengths and tagged fields; False for an unknown API."""
    found = _FLEXIBLE.get(api_key)
    return found is not None and found.low <= version <= found.high
