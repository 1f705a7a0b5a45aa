"""ApiVersions (key 18): what this broker serves.

| version | change |
| --- | --- |
| 3 | flexible; the client's name and version; finalized features |
| 4 | features whose lowest version is 0 |

A newer version is answered in version 0 with UNSUPPORTED_VERSION and the versions served, so that the client can
ask again (KIP-511).
"""

from __future__ import annotations

import re

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.metadata.features import NEWEST_LEVELS
from streamkit.log.broker.registry import apis, handles
from streamkit.log.protocol import ApiKey, ErrorCode
from streamkit.log.protocol.messages.api_versions import (
    ApiVersion,
    ApiVersionsRequest,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)

_NEWEST = 4
_SOFTWARE_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")


@handles(ApiVersionsRequest)
def api_versions(
    broker: Broker, request: ApiVersionsRequest, context: RequestContext
) -> ApiVersionsResponse:
    """List the APIs with a handler, the transaction version that producers are to use (KIP-890), and that of groups.

    Left out: Apache Kafka's other features, see `metadata.features`.
    """
    if context.api_version > _NEWEST:
        # Only what the client needs to ask again: given all the others it would go without the features.
        own = [each for each in _served() if each.api_key == ApiKey.API_VERSIONS]
        return ApiVersionsResponse(error_code=ErrorCode.UNSUPPORTED_VERSION, api_keys=own)
    if context.api_version >= 3 and not (
        _SOFTWARE_NAME.fullmatch(request.client_software_name)
        and _SOFTWARE_NAME.fullmatch(request.client_software_version)
    ):
        return ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST)
    image = broker.metadata.image
    # Version 3 can't tell a feature whose lowest version is 0.
    supported = [
        SupportedFeatureKey(name=name, min_version=0, max_version=newest)
        for name, newest in NEWEST_LEVELS.items()
    ]
    finalized = [
        FinalizedFeatureKey(name=name, min_version_level=level, max_version_level=level)
        for name, level in image.features.items()
        if level > 0
    ]
    return ApiVersionsResponse(
        api_keys=_served(),
        supported_features=supported if context.api_version >= _NEWEST else [],
        finalized_features_epoch=image.features_epoch,
        finalized_features=finalized,
    )


def _served() -> list[ApiVersion]:
    # librdkafka takes compression for unsupported unless Produce is announced from version 0 on;
    # Apache Kafka announces it so too (KAFKA-18659) and serves it from version 3.
    return [
        ApiVersion(
            api_key=key,
            min_version=0 if key == ApiKey.PRODUCE else api.lowest,
            max_version=api.highest,
        )
        for key, api in sorted(apis().items())
    ]
