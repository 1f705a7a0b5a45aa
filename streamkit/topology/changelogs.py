"""Names and settings of internal topics, as Kafka Streams creates them.

Source: InternalTopicConfig and its subclasses.
"""

from __future__ import annotations

from streamkit.state.spec import StoreKind, StoreSpec

__all__ = ["changelog_config", "changelog_name", "repartition_config"]

_LONGEST_MS = 2**63 - 1
_DAY_MS = 24 * 60 * 60 * 1000
_WINDOWED = (StoreKind.WINDOW, StoreKind.TIMESTAMPED_WINDOW, StoreKind.SESSION)


def changelog_name(application_id: str, store: str) -> str:
    """Topic that a store's updates are written to."""
    return f"{application_id}-{store}-changelog"


def changelog_config(spec: StoreSpec) -> dict[str, str]:
    """Topic settings of a store's changelog; the specification's own come last.

    A windowed changelog keeps records for a day longer than the store, for clocks that differ. That of a
    stream join is never compacted: the numbers in its keys begin anew with each start of Kafka Streams.
    """
    config = {"message.timestamp.type": "CreateTime"}
    if spec.kind in _WINDOWED:
        config["cleanup.policy"] = "delete" if spec.retain_duplicates else "compact,delete"
        config["retention.ms"] = str(min((spec.retention_ms or 0) + _DAY_MS, _LONGEST_MS))
    else:
        config["cleanup.policy"] = "compact"
        if spec.kind is StoreKind.VERSIONED:
            config["min.compaction.lag.ms"] = str((spec.history_retention_ms or 0) + _DAY_MS)
    return {**config, **spec.changelog_config}


def repartition_config() -> dict[str, str]:
    """Topic settings of a repartition topic: kept until the app itself deletes what it has read."""
    return {
        "cleanup.policy": "delete",
        "segment.bytes": str(50 * 1024 * 1024),
        "retention.ms": "-1",
        "message.timestamp.type": "CreateTime",
    }
