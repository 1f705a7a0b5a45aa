"""How aggregations cut event time."""

from streamkit.dsl.windows.hopping import HoppingWindows
from streamkit.dsl.windows.tumbling import TumblingWindows

__all__ = ["HoppingWindows", "TumblingWindows"]
