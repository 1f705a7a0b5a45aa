"""For tests: a topology without sockets, and a broker in process.

`TopologyTestDriver` runs a topology step by step; `EmbeddedBroker` is a real broker on a free port. Both
load on first use, so that importing this package (as pytest does for the plugin) costs nothing.
"""

from __future__ import annotations

from typing import Any

__all__ = ["EmbeddedBroker", "TopologyTestDriver"]  # both come from __getattr__


def __getattr__(name: str) -> Any:
    if name == "TopologyTestDriver":
        from streamkit.testing.driver import TopologyTestDriver

        return TopologyTestDriver
    if name == "EmbeddedBroker":
        from streamkit.testing.embedded_broker import EmbeddedBroker

        return EmbeddedBroker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
