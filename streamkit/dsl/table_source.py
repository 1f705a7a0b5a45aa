"""The operator at the start of a table: chosen once it is known what the table needs."""

from __future__ import annotations

from functools import partial

from streamkit.dsl.backing import SourceBacking
from streamkit.operators.table_source import TableSource
from streamkit.operators.versioned_table_source import VersionedTableSource
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.nodes import MakeOperator

__all__ = ["table_source"]


def table_source(spec: StoreSpec, backing: SourceBacking, *, reuse_raw_key: bool) -> MakeOperator:
    """Makes the operator that puts rows into the table's store, if it has one, and sends changes on."""
    if spec.kind is StoreKind.VERSIONED and backing.materialized:
        return partial(VersionedTableSource, spec.name, send_old=backing.send_old)
    return partial(
        TableSource,
        spec.name if backing.materialized else None,
        send_old=backing.send_old,
        reuse_raw_key=reuse_raw_key,
    )
