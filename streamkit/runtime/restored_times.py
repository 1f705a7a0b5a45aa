"""Stream times of nodes that no commit tells, from the changelogs that their stores were restored from.

Kafka Streams saves none of them: its windows and joins forget at a restart how far time had come, and take in
what was too late before. Each of their updates is in a changelog with the time of the record that caused it,
though, so whoever restores all of a changelog knows the highest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from streamkit.state.spec import StoreKind
from streamkit.topology.plan import SubTopology

__all__ = ["restored_times"]

_TIMED = (
    StoreKind.WINDOW,
    StoreKind.TIMESTAMPED_WINDOW,
    StoreKind.SESSION,
    StoreKind.JOIN_BUFFER,
)


def restored_times(sub: SubTopology, latest: Mapping[str, int]) -> dict[str, int]:
    """Stream time of each node, as far as changelogs tell.

    A node without a window store, session store or join buffer of its own has seen what its parents have. A store that several nodes
    write, as in a cogroup, tells of none of them.

    Args:
        sub: the task's sub-topology.
        latest: highest time in the changelog of each store that was restored from all of it.
    """
    users = Counter(store for node in sub.processors for store in node.stores)
    telling = {
        spec.name: latest[spec.name]
        for spec in sub.stores
        if spec.name in latest
        and spec.kind in _TIMED
        and (spec.retain_duplicates or users[spec.name] == 1)
    }
    times: dict[str, int] = {}
    for node in sub.processors:
        own = [telling[store] for store in node.stores if store in telling]
        above = [times[parent] for parent in node.parents if parent in times]
        if own or above:
            times[node.name] = max(own or above)
    return times
