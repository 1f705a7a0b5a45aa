"""For tests: a topology without sockets, and a broker in process.

`TopologyTestDriver` runs a topology step by step, `trace` prints what it makes of some records; `EmbeddedBroker` is a real broker on a free port, with
`Fault`s that a test sets (`FaultControl`). They load on first use, so that importing this package (as pytest does for the plugin) costs nothing.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "EmbeddedBroker",
    "Fault",
    "FaultControl",
    "TopologyTestDriver",
    "trace",
]  # all come from __getattr__


def __getattr__(name: str) -> Any:
    if name == "TopologyTestDriver":
        from streamkit.testing.driver import TopologyTestDriver

        return TopologyTestDriver
    if name == "trace":
        from streamkit.testing.tracing import trace

        return trace
    if name == "EmbeddedBroker":
        from streamkit.testing.embedded_broker import EmbeddedBroker

        return EmbeddedBroker
    if name in ("Fault", "FaultControl"):
        from streamkit.testing import fault_control

        return getattr(fault_control, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
