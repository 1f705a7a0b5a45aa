"""Bounds on memory: of one store, and of all stores of a process together."""

from __future__ import annotations

import pytest

from streamkit.errors import ConfigError
from streamkit.state import StoreSettings

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("stores", "overlay", "clean"),
    [(0, 64 * MIB, 16 * MIB), (8, 64 * MIB, 16 * MIB), (64, 8 * MIB, 4 * MIB)],
)
def test_many_stores_share_the_bounds_of_the_process(stores: int, overlay: int, clean: int) -> None:
    shared = StoreSettings().shared_by(stores)
    assert (shared.overlay_max_bytes, shared.clean_cache_bytes) == (overlay, clean)


@pytest.mark.parametrize("stores", [1, 7, 400, 10**10])
def test_all_stores_together_keep_to_the_bounds(stores: int) -> None:
    shared = StoreSettings().shared_by(stores)
    assert shared.overlay_max_bytes >= 1
    assert stores * shared.overlay_max_bytes <= max(512 * MIB, stores)
    assert stores * shared.clean_cache_bytes <= 256 * MIB


def test_bounds_of_the_process_are_more_than_nothing() -> None:
    with pytest.raises(ConfigError, match="overlays_max_bytes"):
        StoreSettings(overlays_max_bytes=0)
