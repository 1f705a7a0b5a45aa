"""Values without behaviour that every layer shares."""

from streamkit.model.change import Change
from streamkit.model.records import EMPTY_HEADERS, Headers, Record, TopicPartition
from streamkit.model.tasks import TaskId
from streamkit.model.windowed import Window, Windowed

__all__ = [
    "EMPTY_HEADERS",
    "Change",
    "Headers",
    "Record",
    "TaskId",
    "TopicPartition",
    "Window",
    "Windowed",
]
