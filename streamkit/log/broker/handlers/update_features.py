"""UpdateFeatures (key 57): raise or lower feature levels of the cluster.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | `validate_only`; whether it's an upgrade, a safe or an unsafe downgrade |
| 2 | no result a feature |

All of the features are updated, or none. See `metadata.features` for those that there are. Left out: the timeout;
the update is done when the answer goes out.
"""

from __future__ import annotations

from streamkit.errors import BrokerError
from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.metadata.features import FeatureUpdate, UpgradeType, checked_levels
from streamkit.log.broker.registry import handles
from streamkit.log.protocol.messages.update_features import (
    FeatureUpdateKey,
    UpdatableFeatureResult,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)


@handles(UpdateFeaturesRequest)
def update_features(
    broker: Broker, request: UpdateFeaturesRequest, context: RequestContext
) -> UpdateFeaturesResponse:
    """Set the levels, or check only (`validate_only`); they hold over a restart."""
    context.check(Operation.ALTER, ResourceType.CLUSTER)
    updates = [_update(each, context.api_version) for each in request.feature_updates]
    try:
        changes = checked_levels(broker.metadata.image.features, updates, broker.node_id)
    except BrokerError as error:
        return UpdateFeaturesResponse(
            error_code=error.code,
            error_message="The update failed for all features since the following feature had "
            f"an error: {error}",
        )
    if not request.validate_only:
        broker.metadata.set_features(changes, context.now_ms)
    return UpdateFeaturesResponse(
        error_message=None,
        results=[
            UpdatableFeatureResult(feature=each.feature, error_message="NONE") for each in updates
        ]
        if context.api_version < 2
        else [],
    )


def _update(asked: FeatureUpdateKey, version: int) -> FeatureUpdate:
    kind = asked.upgrade_type
    if version < 1:
        kind = UpgradeType.SAFE_DOWNGRADE if asked.allow_downgrade else UpgradeType.UPGRADE
    return FeatureUpdate(asked.feature, asked.max_version_level, kind)
