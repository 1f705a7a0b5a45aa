"""What users write: streams, tables and windows."""

from streamkit.dsl.builder import StreamsBuilder
from streamkit.dsl.kgrouped import KGroupedStream, TimeWindowedKStream
from streamkit.dsl.kstream import BranchedKStream, KStream
from streamkit.dsl.ktable import GlobalKTable, KGroupedTable, KTable
from streamkit.dsl.windows import HoppingWindows, TumblingWindows

__all__ = [
    "BranchedKStream",
    "GlobalKTable",
    "HoppingWindows",
    "KGroupedStream",
    "KGroupedTable",
    "KStream",
    "KTable",
    "StreamsBuilder",
    "TimeWindowedKStream",
    "TumblingWindows",
]
