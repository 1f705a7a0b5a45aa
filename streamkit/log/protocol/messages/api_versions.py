"""ApiVersions (key 18): which APIs a broker serves, in which versions.

| version | change |
| --- | --- |
| 1 | answer: throttle time |
| 3 | flexible; client's name and version; features in the answer (KIP-511, KIP-584) |
| 4 | a feature may have 0 as its lowest version |

The answer's header is never flexible. A version that is too new is answered in version 0 with
UNSUPPORTED_VERSION and the versions of this API.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
    Int16,
    Int32,
    Int64,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "ApiVersion",
    "ApiVersionsRequest",
    "ApiVersionsResponse",
    "FinalizedFeatureKey",
    "SupportedFeatureKey",
]


@request(key=18, versions="0-4", flexible="3+")
class ApiVersionsRequest:
    client_software_name: String = wire("3+", ignorable=True)
    client_software_version: String = wire("3+", ignorable=True)


@struct()
class ApiVersion:
    api_key: Int16 = wire()
    min_version: Int16 = wire()
    max_version: Int16 = wire()


@struct()
class SupportedFeatureKey:
    name: String = wire("3+")
    min_version: Int16 = wire("3+")
    max_version: Int16 = wire("3+")


@struct()
class FinalizedFeatureKey:
    name: String = wire("3+")
    max_version_level: Int16 = wire("3+")
    min_version_level: Int16 = wire("3+")


@response(key=18, versions="0-4", flexible="3+")
class ApiVersionsResponse:
    error_code: Int16 = wire()
    api_keys: Array[ApiVersion] = wire()
    throttle_time_ms: Int32 = wire("1+", ignorable=True)
    supported_features: Array[SupportedFeatureKey] = wire("3+", tag=0, ignorable=True)
    finalized_features_epoch: Int64 = wire("3+", default=-1, tag=1, ignorable=True)
    finalized_features: Array[FinalizedFeatureKey] = wire("3+", tag=2, ignorable=True)
    zk_migration_ready: Bool = wire("3+", tag=3, ignorable=True)
