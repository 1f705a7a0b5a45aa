"""Topic patterns: whether a whole name matches, in time linear in its length.

A client chooses the pattern and the broker has one thread, so nothing may backtrack: the tree becomes a machine whose
states are followed all at once, and sets of states with what follows them are remembered (at most `_MOST_KNOWN`).

Source: Ken Thompson's construction, as RE2 uses it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from streamkit.errors import BrokerError
from streamkit.log.broker.failures import refusal
from streamkit.log.broker.groups.consumer.pattern_syntax import (
    Alternation,
    Assertion,
    Characters,
    Node,
    PatternSyntaxError,
    Repetition,
    Sequence,
    parse,
)
from streamkit.log.protocol import ErrorCode

__all__ = ["PatternMatching", "TopicPattern"]

_MOST_STATES = 2_500
_MOST_KNOWN = 5_000
_WORD = frozenset("0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_END = ""

_States = frozenset[int]


class _State(NamedTuple):
    """One state: it takes a character, or asserts something, or does neither.

    Attributes:
        mask: the characters that lead on; -1 where none is taken.
        assertion: what must hold to go on; None: nothing.
        after: the states that follow.
    """

    mask: int
    assertion: Assertion | None
    after: tuple[int, ...]


class TopicPattern:
    """A regular expression in RE2's syntax.

    Args:
        text: the expression.

    Attributes:
        work: how many states were looked at up to now: what matching costs.

    Raises:
        BrokerError: INVALID_REGULAR_EXPRESSION: it isn't one, or too large.
    """

    def __init__(self, text: str) -> None:
        try:
            self._states, self._first = _compiled(text)
        except (PatternSyntaxError, RecursionError) as error:
            raise refusal(
                ErrorCode.INVALID_REGULAR_EXPRESSION,
                f"{text!r} is no regular expression of RE2: {error}",
            ) from error
        self.work = 0
        self._known: dict[tuple[_States, bool | None, str], _States] = {}

    def matches(self, name: str) -> bool:
        """Whether the whole of `name` matches."""
        self.work += len(name)
        states = frozenset({self._first})
        before: bool | None = None
        for character in name:
            key = (states, before, character)
            found = self._known.get(key)
            if found is None:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                found = self._known[key] = self._after(states, before, character)
            if not found:
                return False
            states, before = found, character in _WORD
        return _ACCEPT in self._closure(states, before, _END)

    def _after(self, states: _States, before: bool | None, character: str) -> _States:
        code = ord(character)
        return frozenset(
            following
            for state in self._closure(states, before, character)
            if state != _ACCEPT
            and self._states[state].mask >= 0
            and code < 128
            and self._states[state].mask >> code & 1
            for following in self._states[state].after
        )

    def _closure(self, states: _States, before: bool | None, character: str) -> set[int]:
        """All states that can be reached without taking a character, between `before` and `character`."""
        edge = bool(before) != (character in _WORD)
        holds = {
            None: True,
            Assertion.BEGIN: before is None,
            Assertion.END: character == _END,
            Assertion.WORD_EDGE: edge,
            Assertion.NO_WORD_EDGE: not edge,
        }
        reached = set(states)
        waiting = list(states)
        while waiting:
            number = waiting.pop()
            if number == _ACCEPT:
                continue
            state = self._states[number]
            if state.mask < 0 and holds[state.assertion]:
                for following in state.after:
                    if following not in reached:
                        reached.add(following)
                        waiting.append(following)
        self.work += len(reached)
        return reached


_ACCEPT = 0


@lru_cache(maxsize=64)
def _compiled(text: str) -> tuple[list[_State], int]:
    builder = _Builder()
    first = builder.build(parse(text), _ACCEPT)
    return builder.states, first


class _Builder:
    """Builds states from their ends: each part is given what follows it."""

    def __init__(self) -> None:
        self.states = [_State(0, None, ())]

    def build(self, node: Node, after: int) -> int:
        """The state that `node`, followed by `after`, begins with."""
        match node:
            case Characters(mask=mask):
                return self._add(_State(mask, None, (after,)))
            case Assertion():
                return self._add(_State(-1, node, (after,)))
            case Sequence(parts=parts):
                for part in reversed(parts):
                    after = self.build(part, after)
                return after
            case Alternation(choices=choices):
                return self._add(
                    _State(-1, None, tuple(self.build(choice, after) for choice in choices))
                )
            case Repetition(part=part, least=least, most=most):
                return self._repeat(part, least, most, after)

    def _repeat(self, part: Node, least: int, most: int | None, after: int) -> int:
        if most is None:
            loop = self._add(_State(-1, None, ()))
            self.states[loop] = _State(-1, None, (self.build(part, loop), after))
            first = loop
        else:
            first = after
            for _ in range(most - least):
                first = self._add(_State(-1, None, (self.build(part, first), after)))
        for _ in range(least):
            first = self.build(part, first)
        return first

    def _add(self, state: _State) -> int:
        if len(self.states) >= _MOST_STATES:
            raise PatternSyntaxError("expression is too large")
        self.states.append(state)
        return len(self.states) - 1


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
        """Look at `work` states or a few more; whether all is done."""
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
