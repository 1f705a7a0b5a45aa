r"""The syntax of topic patterns: RE2's regular expressions, as Apache Kafka takes them, read into a tree.

Names of topics are ASCII, so a set of characters is a number with a bit for each of 128; characters beyond are legal
in a pattern and match nothing. Groups capture nothing here, and lazy or greedy makes no difference to whether a whole
name matches.

| served | |
| --- | --- |
| characters | literals, `.`, `[a-z]`, `[^a-z]`, `[[:alpha:]]`, `\d \s \w` and their opposites, `\pL`, `\p{Lu}`, `\Q...\E` |
| escapes | `\a \f \n \r \t \v`, `\x7F`, `\x{7F}`, `\012`, punctuation |
| repetition | `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}` up to 1,000, each also lazy |
| groups | `(a)`, `(?:a)`, `(?P<name>a)`, `(?i)`, `(?i-s:a)`, flags `i m s U` |
| assertions | `^ $ \A \z \b \B` |

Refused, as by RE2: back references, look-around, atomic groups.

Source: RE2's syntax page.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TypeAlias

__all__ = [
    "Alternation",
    "Assertion",
    "Characters",
    "Node",
    "PatternSyntaxError",
    "Repetition",
    "Sequence",
    "parse",
]

_ALL = (1 << 128) - 1
_MOST_REPEATS = 1000
_MOST_NESTED = 200


class PatternSyntaxError(ValueError):
    """A pattern that RE2 doesn't know."""


class Assertion(Enum):
    """What must hold at a place, without taking a character."""

    BEGIN = "begin"
    END = "end"
    WORD_EDGE = "word edge"
    NO_WORD_EDGE = "no word edge"


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of a set."""

    mask: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternation:
    """One of several."""

    choices: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repetition:
    """At least `least` times, at most `most` times (None: any number)."""

    part: Node
    least: int
    most: int | None


Node: TypeAlias = Characters | Sequence | Alternation | Repetition | Assertion


def parse(text: str) -> Node:
    """The tree of a pattern.

    Raises:
        PatternSyntaxError: it isn't one.
    """
    parser = _Parser(text)
    node = parser.alternation(_Flags(), 0)
    if not parser.done:
        raise PatternSyntaxError("unexpected )")
    return node


def _mask(characters: str) -> int:
    return sum(1 << ord(each) for each in set(characters) if ord(each) < 128)


def _span(first: int, last: int) -> int:
    return sum(1 << code for code in range(first, min(last, 127) + 1))


_DIGITS = _mask("0123456789")
_LOWER, _UPPER = _span(97, 122), _span(65, 90)
_WORD = _DIGITS | _LOWER | _UPPER | _mask("_")
_SPACES = _mask("\t\n\f\r ")
_PERL = {"d": _DIGITS, "s": _SPACES, "w": _WORD}
_POSIX = {
    "alnum": _DIGITS | _LOWER | _UPPER,
    "alpha": _LOWER | _UPPER,
    "ascii": _ALL,
    "blank": _mask("\t "),
    "cntrl": _span(0, 31) | 1 << 127,
    "digit": _DIGITS,
    "graph": _span(33, 126),
    "lower": _LOWER,
    "print": _span(32, 126),
    "punct": _span(33, 47) | _span(58, 64) | _span(91, 96) | _span(123, 126),
    "space": _mask("\t\n\v\f\r "),
    "upper": _UPPER,
    "word": _WORD,
    "xdigit": _DIGITS | _mask("abcdefABCDEF"),
}
_CONTROLS = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


@cache
def _categories() -> frozenset[str]:
    """Unicode's categories and their first letters; few patterns name one, and it takes its time."""
    return frozenset(
        found[:size]
        for code in range(0x3000)
        for found in [unicodedata.category(chr(code))]
        for size in (1, 2)
    ) | {"Co", "Cs"}


@dataclass(frozen=True, slots=True)
class _Flags:
    fold_case: bool = False
    dot_is_all: bool = False


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._names: set[str] = set()

    @property
    def done(self) -> bool:
        return self._at >= len(self._text)

    def _peek(self) -> str:
        return self._text[self._at] if not self.done else ""

    def _take(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _next(self, what: str) -> str:
        if self.done:
            raise PatternSyntaxError(f"missing {what}")
        self._at += 1
        return self._text[self._at - 1]

    # Structure

    def alternation(self, flags: _Flags, depth: int) -> Node:
        """Up to the end or an unmatched `)`; flags set inside hold for what follows."""
        if depth > _MOST_NESTED:
            raise PatternSyntaxError("groups are nested too deep")
        choices: list[Node] = []
        parts: list[Node] = []
        repeatable = False
        while not self.done and self._peek() != ")":
            character = self._next("character")
            if character == "|":
                choices.append(Sequence(tuple(parts)))
                parts, repeatable = [], False
            elif character in "*+?":
                if not repeatable:
                    raise PatternSyntaxError(f"missing argument to repetition operator {character}")
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[character]
                parts.append(self._repeated(parts.pop(), least, most))
                repeatable = self._no_second_repetition()
            elif character == "{" and (bounds := self._bounds()) is not None:
                if not repeatable:
                    raise PatternSyntaxError("missing argument to repetition operator {")
                parts.append(self._repeated(parts.pop(), *bounds))
                repeatable = self._no_second_repetition()
            elif character == "(":
                flags, group = self._group(flags, depth)
                if group is not None:
                    parts.append(group)
                repeatable = group is not None
            elif character == "\\" and self._take("Q"):
                literal = self._quoted()
                parts.extend(self._folded(_mask(each), flags) for each in literal)
                repeatable = bool(literal) or repeatable
            else:
                parts.append(self._atom(character, flags))
                # RE2/J takes a brace that repeats nothing for a repetition all the same.
                repeatable = self._no_second_repetition() if character == "{" else True
        choices.append(Sequence(tuple(parts)))
        return choices[0] if len(choices) == 1 else Alternation(tuple(choices))

    def _repeated(self, part: Node, least: int, most: int | None) -> Node:
        self._take("?")
        return Repetition(part, least, most)

    def _no_second_repetition(self) -> bool:
        at = self._at
        if self._peek() and self._peek() in "*+?":
            raise PatternSyntaxError(f"invalid nested repetition operator {self._peek()}")
        if self._take("{"):
            if self._bounds() is not None:
                raise PatternSyntaxError("invalid nested repetition operator {")
            self._at = at
        return True

    def _bounds(self) -> tuple[int, int | None] | None:
        """The numbers behind a `{`, or None where it is a literal brace."""
        end = self._text.find("}", self._at)
        inside = self._text[self._at : end] if end >= 0 else ""
        first, comma, second = inside.partition(",")
        if not _is_number(first) or (second and not _is_number(second)):
            return None
        least = int(first)
        most = (int(second) if second else None) if comma else least
        if least > _MOST_REPEATS or (most is not None and not least <= most <= _MOST_REPEATS):
            raise PatternSyntaxError(f"invalid repeat count {{{inside}}}")
        self._at = end + 1
        return least, most

    def _group(self, flags: _Flags, depth: int) -> tuple[_Flags, Node | None]:
        inner = flags
        if self._take("?"):
            if self._take("P<") or self._take("<"):
                name = self._up_to(">")
                if not name or not all(
                    each.isascii() and (each.isalnum() or each == "_") for each in name
                ):
                    raise PatternSyntaxError(f"invalid named capture {name}")
                if name in self._names:
                    raise PatternSyntaxError(f"duplicate capture group name {name}")
                self._names.add(name)
            else:
                inner, ends = self._flags(flags)
                if ends:
                    return inner, None
        node = self.alternation(inner, depth + 1)
        if not self._take(")"):
            raise PatternSyntaxError("missing closing )")
        return flags, node

    def _flags(self, flags: _Flags) -> tuple[_Flags, bool]:
        """The flags of `(?flags)` or `(?flags:`, and whether the group ends with them."""
        values = {"i": flags.fold_case, "s": flags.dot_is_all, "m": False, "U": False}
        on, given = True, False
        while True:
            character = self._next("closing )")
            if character in values:
                values[character] = on
                given = True
            elif character == "-" and on:
                on, given = False, False
            elif character in ":)" and (on or given):
                return _Flags(values["i"], values["s"]), character == ")"
            else:
                raise PatternSyntaxError("invalid or unsupported Perl syntax after (?")

    def _up_to(self, end: str) -> str:
        found = self._text.find(end, self._at)
        if found < 0:
            raise PatternSyntaxError(f"missing {end}")
        inside = self._text[self._at : found]
        self._at = found + len(end)
        return inside

    def _quoted(self) -> str:
        if "\\E" in self._text[self._at :]:
            return self._up_to("\\E")
        rest = self._text[self._at :]
        self._at = len(self._text)
        return rest

    # Characters

    def _atom(self, character: str, flags: _Flags) -> Node:
        if character == ".":
            return Characters(_ALL if flags.dot_is_all else _ALL & ~_mask("\n"))
        if character == "^":
            return Assertion.BEGIN
        if character == "$":
            return Assertion.END
        if character == "[":
            return Characters(self._class(flags))
        if character == "\\":
            return self._escape(flags)
        return self._folded(_mask(character), flags)

    def _escape(self, flags: _Flags) -> Node:
        match self._peek():
            case "A":
                node: Node = Assertion.BEGIN
            case "z":
                node = Assertion.END
            case "b":
                node = Assertion.WORD_EDGE
            case "B":
                node = Assertion.NO_WORD_EDGE
            case _:
                known = self._known_class()
                if known is not None:
                    return self._folded(known, flags)
                return self._folded(_bit(self._code()), flags)
        self._at += 1
        return node

    def _known_class(self) -> int | None:
        """The set of a class such as d or pL, behind the backslash; None if there is none."""
        letter = self._peek()
        if letter and letter.lower() in _PERL:
            self._at += 1
            found = _PERL[letter.lower()]
            return found if letter.islower() else _ALL & ~found
        if letter not in ("p", "P") or not letter:
            return None
        self._at += 1
        name = self._up_to("}") if self._take("{") else self._next("name of a class")
        negated = (letter == "P") != name.startswith("^")
        found = _unicode_class(name.removeprefix("^"))
        return _ALL & ~found if negated else found

    def _code(self) -> int:
        """The code of an escaped character, behind the backslash."""
        character = self._next("escaped character")
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character == "x":
            digits = (
                self._up_to("}") if self._take("{") else self._next("digit") + self._next("digit")
            )
            if not digits or any(each not in "0123456789abcdefABCDEF" for each in digits):
                raise PatternSyntaxError(f"invalid escape \\x{digits}")
            if (code := int(digits, 16)) > 0x10FFFF:
                raise PatternSyntaxError(f"invalid escape \\x{{{digits}}}")
            return code
        if character in "01234567":
            digits = character
            # A digit other than 0 by itself would be a back reference.
            if character != "0" and (not self._peek() or self._peek() not in "01234567"):
                raise PatternSyntaxError(f"invalid escape \\{character}")
            while len(digits) < 3 and self._peek() and self._peek() in "01234567":
                digits += self._next("digit")
            return int(digits, 8)
        if character.isascii() and not character.isalnum():
            return ord(character)
        raise PatternSyntaxError(f"invalid escape \\{character}")

    def _class(self, flags: _Flags) -> int:
        """A set in brackets, behind the `[`."""
        negated = self._take("^")
        found, first = 0, True
        while first or self._peek() != "]":
            if self.done:
                raise PatternSyntaxError("missing closing ]")
            if self._peek() == "-" and not first and self._text[self._at + 1 : self._at + 2] != "]":
                if not self._text[self._at + 1 : self._at + 2]:
                    raise PatternSyntaxError("missing closing ]")
                raise PatternSyntaxError("invalid character class range")
            first = False
            if self._take("[:"):
                found |= self._posix()
                continue
            if self._peek() == "\\":
                self._at += 1
                if (known := self._known_class()) is not None:
                    found |= known
                    continue
                self._at -= 1
            low = self._class_character()
            high = low
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("", "]"):
                self._at += 1
                high = self._class_character()
                if high < low:
                    raise PatternSyntaxError("invalid character class range")
            found |= _fold(_span(low, high)) if flags.fold_case else _span(low, high)
        self._at += 1
        return _ALL & ~found if negated else found

    def _posix(self) -> int:
        end = self._text.find(":]", self._at)
        name = self._text[self._at : end] if end >= 0 else ""
        found = _POSIX.get(name.removeprefix("^"))
        if found is None:
            raise PatternSyntaxError(f"invalid character class [:{name}")
        self._at = end + 2
        return _ALL & ~found if name.startswith("^") else found

    def _class_character(self) -> int:
        if self._take("\\"):
            return self._code()
        return ord(self._next("closing ]"))

    @staticmethod
    def _folded(mask: int, flags: _Flags) -> Characters:
        return Characters(_fold(mask) if flags.fold_case else mask)


def _bit(code: int) -> int:
    return 1 << code if code < 128 else 0


def _fold(mask: int) -> int:
    """With each letter its other case."""
    return mask | (mask & _UPPER) << 32 | (mask & _LOWER) >> 32


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or not text.startswith("0"))


def _unicode_class(name: str) -> int:
    if name == "Any":
        return _ALL
    if name in _categories():
        codes = range(128)
        return sum(1 << c for c in codes if unicodedata.category(chr(c)).startswith(name))
    if name == "Latin":
        return _LOWER | _UPPER
    if name == "Common":
        return _ALL & ~(_LOWER | _UPPER)
    words = name.split("_")
    if len(name) > 2 and all(word.isascii() and word.isalpha() for word in words):
        return 0  # another script: none of its characters is ASCII
    raise PatternSyntaxError(f"invalid character class range \\p{{{name}}}")
