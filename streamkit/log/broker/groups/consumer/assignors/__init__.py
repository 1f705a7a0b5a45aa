"""The assignors of the broker, by the names that consumers and `group.consumer.assignors` give them."""

from collections.abc import Mapping

from streamkit.log.broker.groups.consumer.assignors.range_assignor import assign_ranges
from streamkit.log.broker.groups.consumer.assignors.spec import (
    Assignor,
    GroupSpec,
    MemberSpec,
    Targets,
)
from streamkit.log.broker.groups.consumer.assignors.uniform import assign_uniformly

__all__ = ["ASSIGNORS", "Assignor", "GroupSpec", "MemberSpec", "Targets"]

ASSIGNORS: Mapping[str, Assignor] = {"uniform": assign_uniformly, "range": assign_ranges}
