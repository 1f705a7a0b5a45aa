"""The part of the table of `edge_script` on values of settings; see `edge_requests`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamkit.log.broker.dynamic_settings import DYNAMIC_SETTINGS
from streamkit.log.broker.group_configs import GROUP_SETTINGS
from streamkit.log.broker.setting import SettingType
from streamkit.log.broker.settings import BROKER_SETTINGS
from streamkit.log.storage import TOPIC_SETTINGS

__all__ = ["SETTING_EDGES"]

Edge = tuple[str, str, tuple[int, ...], dict[str, Any]]

_TOPIC, _BROKER, _GROUP = 2, 4, 32
_NUMBERS = (
    *("", "x", "1.5", "1e3", "0x10", "+5", " 7 ", "1_0", "-2", "-1", "0", "1", "3", "4", "13"),
    *("14", "999", "1048575", "1048576", "2147483647", "2147483648", "9223372036854775807"),
    *("9223372036854775808", "0.5", "1.1", "-0.1", "true"),
)
_WORDS = (
    *("", " ", "1", "TRUE", "False", "yes", "delete", "Delete", "compact,delete", "none", "a,,b"),
    *("delete, compact", "zstd", "ZSTD", "gzip", "producer", "uncompressed", "CreateTime", "*,1:1"),
    *("createtime", "LogAppendTime", "*", "0:1,1:1", "0:1,x", "127.0.0.1:5", "::1:5"),
)
_NUMERIC = {SettingType.INT, SettingType.LONG, SettingType.DOUBLE, SettingType.SHORT}


def _settings() -> Iterator[Edge]:
    topics = {name: setting.type for name, setting in TOPIC_SETTINGS.items()}
    groups = {name: setting.type for name, setting in GROUP_SETTINGS.items()}
    # Apache Kafka lets nobody set min.insync.replicas for a node while it keeps eligible replicas.
    node = {name: BROKER_SETTINGS[name].type for name in DYNAMIC_SETTINGS - {"min.insync.replicas"}}
    for kind, resource, types in (
        (_TOPIC, "edge-c", topics),
        (_BROKER, "1", node),
        (_GROUP, "edge", groups),
    ):
        for name, of in sorted(types.items()):
            for value in _NUMBERS if of in _NUMERIC else _WORDS:
                config = {"name": name, "config_operation": 0, "value": value}
                changed = {"resource_type": kind, "resource_name": resource, "configs": [config]}
                content = {"validate_only": True, "resources": [changed]}
                yield f"{name} = {value!r}", "IncrementalAlterConfigsRequest", (1,), content


SETTING_EDGES: tuple[Edge, ...] = tuple(_settings())
"""All of them."""
