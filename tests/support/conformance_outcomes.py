"""What the conformance suite saw of the bundled broker, kept from one run to the next.

The Python clients ask the bundled broker in `make test` and Apache Kafka in `make judges`: each run knows one of
the table's halves. The first is kept beside the tests, with a digest of all sources that it depends on, and
holds for later runs as long as none of them changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["Place", "digest", "load", "save"]

Place = tuple[str, str]
"""Client and scenario."""

_ROOT = Path(__file__).resolve().parents[2]
_FILE = _ROOT / "tests" / "clients" / "target" / "outcomes.json"
_SOURCES = ("streamkit", "tests/clients", "tests/support")


def digest(folders: Iterable[Path] | None = None) -> str:
    """A digest of the sources, names and contents."""
    found = hashlib.sha256()
    for folder in folders or [_ROOT / name for name in _SOURCES]:
        for path in sorted(folder.rglob("*.py")):
            found.update(f"{path.relative_to(folder)}\0".encode())
            found.update(path.read_bytes())
    return found.hexdigest()


def load(sources: str, path: Path = _FILE) -> dict[Place, set[str]]:
    """What was kept for these sources."""
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    if kept.get("sources") != sources:
        return {}
    return {(client, scenario): set(seen) for client, scenario, seen in kept["outcomes"]}


def save(sources: str, outcomes: Mapping[Place, set[str]], path: Path = _FILE) -> None:
    """Keep these outcomes beside those that are kept for the same sources."""
    merged = {**load(sources, path), **outcomes}
    rows = [[client, scenario, sorted(seen)] for (client, scenario), seen in sorted(merged.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"sources": sources, "outcomes": rows}))
    draft.replace(path)
