"""`streamkit doctor`: check a data folder that no broker has open."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from streamkit.log.broker.doctor import examine
from streamkit.log.storage.checkup import Checkup

__all__ = ["doctor"]

_ORDER = {"error": 0, "warning": 1, "note": 2}
_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


@click.command
@click.argument("data_dir", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def doctor(*, data_dir: Path, as_json: bool) -> None:
    """Check the segments, indexes, checkpoints and metadata in DATA_DIR, and say what is the matter.

    Each byte of each segment is read. Nothing is mended: that is done by the broker's next start, where it can
    be. Exit code 1 if there are errors; warnings are what the next start mends.
    """
    found = examine(data_dir)
    found.findings.sort(key=lambda each: (_ORDER[each.severity], each.path))
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2))
    else:
        _show(found)
    if not found.sound:
        sys.exit(1)


def _totals(found: Checkup) -> dict[str, int]:
    partitions = found.partitions.values()
    return {
        "partitions": len(partitions),
        "segments": sum(each.segments for each in partitions),
        "batches": sum(each.batches for each in partitions),
        "bytes": sum(each.size_bytes for each in partitions),
    }


def _as_json(found: Checkup) -> dict[str, object]:
    return {
        "data_dir": str(found.data_dir),
        "sound": found.sound,
        "clean_shutdown": found.clean,
        **_totals(found),
        "findings": [asdict(each) for each in found.findings],
    }


def _show(found: Checkup) -> None:
    console = Console(soft_wrap=True)
    if found.findings:
        table = Table("", "where", "what", box=None, pad_edge=False)
        for each in found.findings:
            table.add_row(each.severity, each.path, each.message, style=_STYLES[each.severity])
        console.print(table)
    totals = _totals(found)
    console.print(
        f"{totals['partitions']:,} partitions, {totals['segments']:,} segments, "
        f"{totals['batches']:,} batches, {totals['bytes']:,} bytes read",
        highlight=False,
    )
    errors = sum(each.severity == "error" for each in found.findings)
    console.print("sound" if found.sound else f"{errors} error{'s' * (errors != 1)}")
