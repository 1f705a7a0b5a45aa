"""One setting: its name, type, default, valid range and documentation, and how its text is read.

The command line's help, the answers to DescribeConfigs and the checks of a properties file all derive
from these declarations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamkit.errors import ConfigError
from streamkit.log.storage.topic_settings import SettingType

__all__ = ["LONG_MAX", "Setting", "SettingType", "SettingValue", "read_properties"]

LONG_MAX = 2**63 - 1
INT_MAX = 2**31 - 1

SettingValue = int | float | bool | str | tuple[str, ...] | None


_BOUNDS = {
    SettingType.SHORT: (-(2**15), 2**15 - 1),
    SettingType.INT: (-(2**31), INT_MAX),
    SettingType.LONG: (-(2**63), LONG_MAX),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """The declaration of one setting.

    Attributes:
        name: Kafka's name.
        type: how its text is read.
        default: its value when it isn't set; None for "not set".
        doc: one sentence or two for people.
        at_least, at_most: the valid range, both included; None for the type's own.
        choices: the valid words; None for any.
        synonym: the broker setting from which a topic setting takes its default.
        check: a further test of the value; returns what is wrong with it, or None.
    """

    name: str
    type: SettingType
    default: SettingValue
    doc: str
    at_least: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] | None = None
    synonym: str | None = None
    check: Callable[[Any], str | None] | None = None

    def parse(self, text: str) -> SettingValue:
        """The value that `text` stands for.

        Raises:
            ConfigError: not of the type, or out of range; the message gives the valid range.
        """
        value = self._read(text.strip())
        self.validate(value)
        return value

    def validate(self, value: SettingValue) -> None:
        """Check a value that is already of the right type.

        Raises:
            ConfigError: out of range.
        """
        problem: str | None = None
        if isinstance(value, int | float) and not isinstance(value, bool):
            lowest, highest = _BOUNDS.get(self.type, (-math.inf, math.inf))
            low = lowest if self.at_least is None else self.at_least
            high = highest if self.at_most is None else self.at_most
            if not low <= value <= high:
                problem = f"must be {self.valid_range}"
        elif self.choices is not None and value is not None:
            words = value if isinstance(value, tuple) else (value,)
            if any(word not in self.choices for word in words):
                problem = f"must be {self.valid_range}"
        if problem is None and self.check is not None and value is not None:
            problem = self.check(value)
        if problem is not None:
            raise ConfigError(
                f"Invalid value {self.text(value)} for configuration {self.name}: {problem}"
            )

    @property
    def valid_range(self) -> str:
        """The valid values in words, for messages and help."""
        if self.choices is not None:
            joined = ", ".join(self.choices)
            return f"a list of {joined}" if self.type is SettingType.LIST else f"one of {joined}"
        if self.type is SettingType.BOOLEAN:
            return "true or false"
        low, high = self.at_least, self.at_most
        if low is not None and high is not None:
            return f"from {low:.10g} to {high:.10g}"
        if low is not None:
            return f"at least {low:.10g}"
        return "any " + {SettingType.STRING: "text", SettingType.LIST: "list"}.get(
            self.type, "number"
        )

    @staticmethod
    def text(value: SettingValue) -> str | None:
        """The value as Kafka writes it."""
        match value:
            case None:
                return None
            case bool():
                return "true" if value else "false"
            case tuple():
                return ",".join(value)
            case _:
                return str(value)

    def _read(self, text: str) -> SettingValue:
        match self.type:
            case SettingType.BOOLEAN:
                if text.lower() not in ("true", "false"):
                    raise ConfigError(
                        f"Invalid value {text} for configuration {self.name}: must be true or false"
                    )
                return text.lower() == "true"
            case SettingType.INT | SettingType.LONG | SettingType.SHORT:
                try:
                    return int(text if "_" not in text else "")
                except ValueError:
                    raise ConfigError(
                        f"Invalid value {text} for configuration {self.name}: "
                        f"not a whole number; must be {self.valid_range}"
                    ) from None
            case SettingType.DOUBLE:
                try:
                    return float(text if "_" not in text else "")
                except ValueError:
                    raise ConfigError(
                        f"Invalid value {text} for configuration {self.name}: "
                        f"not a number; must be {self.valid_range}"
                    ) from None
            case SettingType.LIST:
                return (
                    tuple(dict.fromkeys(word.strip() for word in text.split(","))) if text else ()
                )
            case _:
                return text


def read_properties(path: Path) -> Mapping[str, str]:
    """Names and values of a `.properties` file: `name=value` lines, `#` and `!` begin comments.

    Raises:
        ConfigError: it can't be read, or a line has no `=`.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#!":
            continue
        name, equals, value = stripped.partition("=")
        if not equals:
            raise ConfigError(f"{path}, line {number}: expected name=value, found {stripped!r}")
        found[name.strip()] = value.strip()
    return found
