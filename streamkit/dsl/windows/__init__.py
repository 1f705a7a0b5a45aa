"""How aggregations cut event time."""

from streamkit.dsl.windows.hopping import HoppingWindows
from streamkit.dsl.windows.join import JoinWindows
from streamkit.dsl.windows.own import Windows
from streamkit.dsl.windows.session import SessionWindows
from streamkit.dsl.windows.sliding import SlidingWindows
from streamkit.dsl.windows.tumbling import TumblingWindows
from streamkit.dsl.windows.unlimited import UnlimitedWindows

__all__ = [
    "HoppingWindows",
    "JoinWindows",
    "SessionWindows",
    "SlidingWindows",
    "TumblingWindows",
    "UnlimitedWindows",
    "Windows",
]
