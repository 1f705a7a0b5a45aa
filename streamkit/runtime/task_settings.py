"""What a task needs to know of its application's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streamkit.errors import ConfigError

__all__ = ["TaskSettings"]


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """Settings of every task of an application.

    Attributes:
        application_id: the app's id.
        max_task_idle_ms: how long an empty partition holds a task back; see `PartitionGroup`.
        on_deserialization_error: "fail" stops the worker at a record that can't be decoded,
            "continue" counts it and goes on.
        on_processing_error: "fail" stops the worker when a user's function raises, "continue" counts
            the record and goes on with the next; what was done before the error stays done.
        values: further settings, for operators.
        cache_max_bytes: what the record caches of all tasks may hold together; 0: there are none.

    Raises:
        ConfigError: a value out of range.
    """

    application_id: str
    max_task_idle_ms: int = 0
    on_deserialization_error: str = "fail"
    on_processing_error: str = "fail"
    values: Mapping[str, object] = field(default_factory=dict)
    cache_max_bytes: int = 0

    def __post_init__(self) -> None:
        if self.max_task_idle_ms < -1:
            raise ConfigError(f"max_task_idle_ms is -1 or more, not {self.max_task_idle_ms}")
        for name in ("on_deserialization_error", "on_processing_error"):
            if getattr(self, name) not in ("fail", "continue"):
                raise ConfigError(f"{name} is 'fail' or 'continue', not {getattr(self, name)!r}")
