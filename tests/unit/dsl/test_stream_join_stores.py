"""The stores behind a join of two streams, as the program specifies them."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit.dsl import JoinWindows, StreamsBuilder
from streamkit.errors import ConfigError
from streamkit.state import StoreKind, StoreSpec


def joined(method: str = "outer_join", **options: Any) -> dict[str, StoreSpec]:
    builder = StreamsBuilder(default_key=str, default_value=str)
    left, right = builder.stream("left"), builder.stream("right")
    windows = JoinWindows(before=4, after=6, grace=5)
    getattr(left, method)(right, lambda one, other: f"{one}{other}", windows=windows, **options)
    return dict(builder.build().stores)


def window(name: str, **rest: Any) -> StoreSpec:
    return StoreSpec(name, StoreKind.WINDOW, **rest)


def test_each_side_can_have_a_store_of_its_own() -> None:
    """What waits for a partner lives where the left side's records do, and is named after them."""
    stores = joined(
        this_store=window("one", backend="memory", logged=False), other_store=window("two")
    )
    assert list(stores) == ["one", "two", "one-outer-shared-join-store"]
    assert [store.backend for store in stores.values()] == ["memory", None, "memory"]
    assert [store.logged for store in stores.values()] == [False, True, True]
    for name in ("one", "two"):
        assert (stores[name].window_size_ms, stores[name].retention_ms) == (10, 15)
        assert stores[name].retain_duplicates


def test_one_base_name_backend_and_log_for_all_stores() -> None:
    stores = joined("left_join", store="pairs", backend="memory", log={"segment.bytes": "1000"})
    assert list(stores) == [
        "pairs-this-join-store",
        "pairs-outer-other-join-store",
        "pairs-left-shared-join-store",
    ]
    for store in stores.values():
        assert (store.backend, store.changelog_config) == ("memory", {"segment.bytes": "1000"})


def test_nothing_is_logged_if_the_program_says_so() -> None:
    assert not any(store.logged for store in joined(log=False).values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"this_store": StoreSpec("one", StoreKind.KEY_VALUE)}, "is a window store"),
        ({"this_store": window("one", retention_ms=14)}, "retention of 15 ms"),
        ({"other_store": window("one", window_size_ms=9)}, "window size of 10 ms"),
        ({"this_store": window("one"), "other_store": window("one")}, "both called"),
        ({"backend": "paper"}, "backend is"),
    ],
)
def test_stores_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        joined(**options)


def test_joins_with_tables_take_no_stores() -> None:
    builder = StreamsBuilder(default_key=str, default_value=str)
    stream: Any = builder.stream("in")
    with pytest.raises(ConfigError, match="store is for joins of two streams"):
        stream.join(builder.table("rows"), lambda one, _: one, store="pairs")
