"""Which stores and internal topics have only a generated name, and how to name them.

A generated name holds a number that changes when operations are added before it. A new version of the program
then looks for its state and its repartition topics under other names, and finds nothing there.

Source: InternalResourcesNaming, InternalTopologyBuilder (KIP-1111).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from streamkit.errors import TopologyError
from streamkit.state.spec import StoreSpec
from streamkit.topology.names import NameCounter
from streamkit.topology.wiring import Wiring

__all__ = ["UnnamedResource", "report_unnamed", "unnamed_resources"]

_LOG = logging.getLogger(__name__)

_STORE_HINTS = (
    ("KTABLE-FK-JOIN-SUBSCRIPTION-STATE-STORE-", "the join's name="),
    ("KTABLE-SUPPRESS-", "suppress(…, name=…)"),
    ("KSTREAM-JOINTHIS-", "the join's store="),
    ("KSTREAM-JOINOTHER-", "the join's store="),
    ("KSTREAM-OUTER", "the join's store="),
    ("KSTREAM-JOIN-", "the join's name="),
    ("KSTREAM-LEFTJOIN-", "the join's name="),
    ("KTABLE-MERGE-", "the join's store="),
    ("KTABLE-FK-JOIN-OUTPUT-", "the join's store="),
    ("KSTREAM-TOTABLE-", "to_table(store=…)"),
    ("KTABLE-FILTER-", "the filter's store="),
    ("KTABLE-MAPVALUES-", "store= where values are mapped"),
    ("KTABLE-TRANSFORMVALUES-", "store= where values are transformed"),
    ("KSTREAM-", "the aggregation's store="),
    ("KTABLE-", "the aggregation's store="),
    ("COGROUPKSTREAM-", "the aggregation's store="),
    ("", "the table's store="),
)

_TOPIC_HINTS = (
    ("KSTREAM-REPARTITION-", "repartition(name=…)"),
    ("KTABLE-FK-JOIN-", "the join's name="),
    ("KTABLE-", "group_by(…, name=…) of the table"),
    ("COGROUPKSTREAM-", "name= of the group_by or group_by_key"),
    ("KSTREAM-TOTABLE-", "to_table(name=…)"),
    ("", "name= of the join behind it"),
)


@dataclass(frozen=True, slots=True)
class UnnamedResource:
    """A store or a topic with a generated name.

    Attributes:
        kind: "store", "store and changelog topic" or "repartition topic".
        name: of a store, that of its changelog without `-changelog`; of a topic, without the app's id.
        hint: the option that names it.
    """

    kind: str
    name: str
    hint: str


def unnamed_resources(wiring: Wiring, names: NameCounter) -> tuple[UnnamedResource, ...]:
    """The stores and internal topics of a topology whose names were generated, in the order of the program."""
    found = []
    for spec in wiring.stores.values():
        if names.is_generated(spec.name):
            hint = _hint(spec.name, _STORE_HINTS)
            logged = _has_changelog(spec, wiring.global_stores)
            kind = "store and changelog topic" if logged else "store"
            found.append(UnnamedResource(kind, spec.name, hint))
    for topic in wiring.internal_topics:
        if names.is_generated(topic):
            if "-STATE-STORE-" in topic and topic.startswith("KSTREAM-"):
                hint = "name= of the group_by or group_by_key"
            else:
                hint = _hint(topic, _TOPIC_HINTS)
            found.append(UnnamedResource("repartition topic", topic, hint))
    return tuple(found)


def report_unnamed(resources: Iterable[UnnamedResource], *, strict: bool) -> None:
    """Log what has no name of its own.

    Raises:
        TopologyError: there is something, and `strict` asks for names.
    """
    lines = [f"  {resource.kind} {resource.name}: {resource.hint}" for resource in resources]
    if not lines:
        return
    listing = "\n".join(lines)
    if strict:
        raise TopologyError(
            "ensure_explicit_internal_resource_naming asks for a name of your own for everything that is "
            f"kept between runs; there is none for\n{listing}"
        )
    _LOG.warning(
        "stores and internal topics with generated names, which change with the program:\n%s\n"
        "App(ensure_explicit_internal_resource_naming=True) makes this an error. A new name of a running app "
        "begins with empty state.",
        listing,
    )


def _has_changelog(spec: StoreSpec, global_stores: Mapping[str, object]) -> bool:
    return spec.logged and spec.source_changelog is None and spec.name not in global_stores


def _hint(name: str, hints: tuple[tuple[str, str], ...]) -> str:
    return next(hint for prefix, hint in hints if name.startswith(prefix))
