"""Where a broker's settings come from: a file, the environment, the command line; the later ones win.

| source | form |
| --- | --- |
| properties file | `log.retention.hours=24` |
| TOML file (`.toml`) | `log.retention.hours = 24`, or `retention.hours = 24` in a table `[log]` |
| environment | `STREAMKIT_BROKER_LOG_RETENTION_HOURS=24` |
| command line | `--set log.retention.hours=24`, and the options |

Everywhere a name that isn't known and a value out of range are refused, with the place where they stand. Whether values
fit each other shows only when all are known: `BrokerSettings` sees to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from streamkit.errors import ConfigError
from streamkit.log.broker.setting import Setting, read_properties
from streamkit.log.broker.settings import parse_settings

__all__ = ["ENVIRONMENT_PREFIX", "collect_settings"]

ENVIRONMENT_PREFIX = "STREAMKIT_BROKER_"


def collect_settings(
    file: Path | None, environment: Mapping[str, str], assignments: Iterable[str]
) -> dict[str, str]:
    """Settings as texts by Kafka's names, each checked by itself, from all places.

    Args:
        file: properties, or TOML if its name ends so; None: no file.
        environment: of the process; other variables in it are left alone.
        assignments: NAME=VALUE each, from the command line.

    Raises:
        ConfigError: a file that can't be read, an unknown name, or a value out of range.
    """
    found: dict[str, str] = {}
    if file is not None:
        read = _read_toml(file) if file.suffix == ".toml" else read_properties(file)
        found.update(_checked(read, str(file)))
    for variable, value in sorted(environment.items()):
        if variable.startswith(ENVIRONMENT_PREFIX):
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("_", ".")
            found.update(_checked({name: value}, f"environment variable {variable}"))
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment}: expected NAME=VALUE")
        found.update(_checked({name.strip(): value.strip()}, "--set"))
    return found


def _checked(values: Mapping[str, str], where: str) -> Mapping[str, str]:
    try:
        parse_settings(values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    return values


def _read_toml(path: Path) -> Mapping[str, str]:
    # Few files are of that form, and each broker's start would pay for it.
    import tomllib

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    return dict(_flat(tables, "", path))


def _flat(table: Mapping[str, Any], prefix: str, path: Path) -> Iterator[tuple[str, str]]:
    """Nested tables as dotted names."""
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.", path)
        elif isinstance(value, list) and all(isinstance(each, str) for each in value):
            yield name, ",".join(value)
        elif isinstance(value, str | bool | int | float):
            yield name, Setting.text(value) or ""
        else:
            raise ConfigError(f"{path}: {name} can't be a {type(value).__name__}")
