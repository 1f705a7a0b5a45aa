"""What a client may do. There are no access rules yet: everybody may do everything.

Answers list the permitted operations as bits; these are all that Kafka knows for each kind of resource.
"""

from __future__ import annotations

__all__ = ["ALL_CLUSTER_OPERATIONS", "ALL_TOPIC_OPERATIONS", "NOT_ASKED"]

NOT_ASKED = -(2**31)
"""Stands for operations when the client didn't ask for them."""

_CREATE, _ALTER, _DESCRIBE, _CLUSTER_ACTION = 5, 7, 8, 9
_DESCRIBE_CONFIGS, _ALTER_CONFIGS, _IDEMPOTENT_WRITE = 10, 11, 12

ALL_TOPIC_OPERATIONS = sum(
    1 << operation
    for operation in (3, 4, _CREATE, 6, _ALTER, _DESCRIBE, _DESCRIBE_CONFIGS, _ALTER_CONFIGS)
)
ALL_CLUSTER_OPERATIONS = sum(
    1 << operation
    for operation in (
        _CREATE,
        _ALTER,
        _DESCRIBE,
        _CLUSTER_ACTION,
        _DESCRIBE_CONFIGS,
        _ALTER_CONFIGS,
        _IDEMPOTENT_WRITE,
    )
)
