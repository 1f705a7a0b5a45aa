"""What users write: streams, tables and windows."""

from streamkit.dsl.aggregates import (
    count,
    count_distinct,
    distinct,
    first,
    last,
    max_of,
    mean,
    min_of,
    sum_of,
    top_k,
)
from streamkit.dsl.aggregates_by_name import Aggregates
from streamkit.dsl.branched import BranchedKStream
from streamkit.dsl.builder import StreamsBuilder
from streamkit.dsl.cogrouped import (
    CogroupedKStream,
    SessionWindowedCogroupedKStream,
    TimeWindowedCogroupedKStream,
)
from streamkit.dsl.global_ktable import GlobalKTable
from streamkit.dsl.kgrouped import KGroupedStream
from streamkit.dsl.kgrouped_table import KGroupedTable
from streamkit.dsl.kstream import KStream
from streamkit.dsl.ktable import KTable
from streamkit.dsl.kwindowed import SessionWindowedKStream, TimeWindowedKStream
from streamkit.dsl.suppressed import UntilTimeLimit, UntilWindowCloses
from streamkit.dsl.windows import (
    HoppingWindows,
    JoinWindows,
    SessionWindows,
    SlidingWindows,
    TumblingWindows,
    UnlimitedWindows,
    Windows,
)

__all__ = [
    "Aggregates",
    "BranchedKStream",
    "CogroupedKStream",
    "GlobalKTable",
    "HoppingWindows",
    "JoinWindows",
    "KGroupedStream",
    "KGroupedTable",
    "KStream",
    "KTable",
    "SessionWindowedCogroupedKStream",
    "SessionWindowedKStream",
    "SessionWindows",
    "SlidingWindows",
    "StreamsBuilder",
    "TimeWindowedCogroupedKStream",
    "TimeWindowedKStream",
    "TumblingWindows",
    "UnlimitedWindows",
    "UntilTimeLimit",
    "UntilWindowCloses",
    "Windows",
    "count",
    "count_distinct",
    "distinct",
    "first",
    "last",
    "max_of",
    "mean",
    "min_of",
    "sum_of",
    "top_k",
]
