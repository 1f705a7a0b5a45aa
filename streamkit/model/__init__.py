"""Values without behaviour that every layer shares."""

from streamkit.model.change import Change
from streamkit.model.records import EMPTY_HEADERS, Headers, Record, RecordInfo, TopicPartition
from streamkit.model.tasks import TaskId
from streamkit.model.windowed import Window, Windowed

__all__ = [
    "EMPTY_HEADERS",
    "Change",
    "Headers",
    "Record",
    "RecordInfo",
    "TaskId",
    "TopicPartition",
    "Window",
    "Windowed",
]
