r"""Topic patterns: whether a whole name matches, in time linear in its length.

A client chooses the pattern and the broker has one thread, so nothing may backtrack: the engine is RE2, as Apache
Kafka's is its sibling RE2/J. What RE2 takes and RE2/J doesn't is refused here too: `\C`, a brace that stands for itself
with a repetition right behind it, such as `{*`, and two groups of one name, or of one that isn't ASCII.

The library is loaded with the first pattern.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from streamkit.errors import BrokerError
from streamkit.log.broker.failures import refusal
from streamkit.log.protocol import ErrorCode

__all__ = ["PatternMatching", "TopicPattern"]

_MEMORY_BYTES = (
    1 << 20
)  # with RE2's own bound, 8 MB, the hardest patterns take 180 ms a name; so 10 ms
_TOKENS = re.compile(
    r"""
    \\Q .*? (?: \\E | \Z )              # quoted
    | (?P<refused> \\C | \{ [?*+] )
    | \( \? P? < (?P<name> [^>]* ) >
    | \\ .
    | \[ \^? \]? (?: \[:\^?\w+:\] | \\. | [^]\\] )* \]
    | \{ \d+ (?: ,\d* )? \}             # a repetition
    | .
    """,
    re.VERBOSE | re.DOTALL,
)


class TopicPattern:
    """A regular expression in RE2's syntax.

    Args:
        text: the expression.

    Attributes:
        work: how many steps were taken at most up to now: what matching costs.

    Raises:
        BrokerError: INVALID_REGULAR_EXPRESSION: it isn't one, or too large.
    """

    def __init__(self, text: str) -> None:
        self._compiled, self._size = _compiled(text)
        self.work = 0

    def matches(self, name: str) -> bool:
        """Whether the whole of `name` matches."""
        self.work += self._size * (len(name) + 1)
        return self._compiled.fullmatch(name) is not None


@lru_cache(maxsize=64)
def _compiled(text: str) -> tuple[Any, int]:
    """The compiled expression and how many instructions it has."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    try:
        _check(text)
        compiled = re2.compile(text, options)
    except (re2.error, ValueError) as error:
        raise refusal(
            ErrorCode.INVALID_REGULAR_EXPRESSION,
            f"{text!r} is no regular expression of RE2: {_reason(error)}",
        ) from error
    return compiled, compiled.programsize


def _check(text: str) -> None:
    """Raise ValueError for what RE2/J doesn't know."""
    names: set[str] = set()
    for token in _TOKENS.finditer(text):
        if token["refused"]:
            raise ValueError(f"it has {token['refused']}")
        name = token["name"]
        if name is not None:
            if name in names or not re.fullmatch(r"\w+", name, re.ASCII):
                raise ValueError(f"{name!r} can't be the name of a group, or is twice")
            names.add(name)


def _reason(error: Exception) -> str:
    """RE2 gives it in bytes."""
    (reason,) = error.args
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


class PatternMatching:
    """Patterns being matched with names, some at a time, so that nobody waits for all of it.

    Args:
        patterns: expressions; one that isn't any matches nothing.
        names: of topics.
        version: of the cluster's metadata that the names are of.

    Attributes:
        version: the same.
        found: the names that match, by pattern; complete once `go_on` has said so.
    """

    def __init__(self, patterns: Iterable[str], names: Iterable[str], version: int) -> None:
        self.version = version
        self.found: dict[str, set[str]] = {pattern: set() for pattern in patterns}
        self._left = itertools.product(self.found, names)
        self._compiled: dict[str, TopicPattern | None] = {}

    def go_on(self, work: int) -> bool:
        """Take `work` steps or somewhat more; whether all is done."""
        for text, name in self._left:
            if text not in self._compiled:
                self._compiled[text] = _pattern_or_none(text)
            pattern = self._compiled[text]
            if pattern is None:
                continue
            before = pattern.work
            if pattern.matches(name):
                self.found[text].add(name)
            work -= pattern.work - before
            if work <= 0:
                return False
        return True


def _pattern_or_none(text: str) -> TopicPattern | None:
    try:
        return TopicPattern(text)
    except BrokerError:
        # It was taken by another broker. Its members keep what they name.
        return None
