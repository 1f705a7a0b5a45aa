"""UpdateFeatures (key 57): raise or lower feature levels of the cluster.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | `validate_only`; up- and downgrade types |
| 2 | no result a feature |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
    Int8,
    Int16,
    Int32,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "FeatureUpdateKey",
    "UpdatableFeatureResult",
    "UpdateFeaturesRequest",
    "UpdateFeaturesResponse",
]


@struct()
class FeatureUpdateKey:
    feature: String = wire()
    max_version_level: Int16 = wire()
    allow_downgrade: Bool = wire("0")
    upgrade_type: Int8 = wire("1+", default=1)


@request(key=57, versions="0-2", flexible="0+")
class UpdateFeaturesRequest:
    timeout_ms: Int32 = wire(default=60_000)
    feature_updates: Array[FeatureUpdateKey] = wire()
    validate_only: Bool = wire("1+")


@struct()
class UpdatableFeatureResult:
    feature: String = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+")


@response(key=57, versions="0-2", flexible="0+")
class UpdateFeaturesResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+")
    results: Array[UpdatableFeatureResult] = wire("0-1", ignorable=True)
