"""Topic patterns: RE2's syntax, whole names, and no pattern that takes long."""

from __future__ import annotations

import pytest

from streamkit.errors import BrokerError
from streamkit.log.broker.groups.consumer.patterns import TopicPattern
from streamkit.log.protocol import ErrorCode


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("orders", ["orders"], ["orders1", "xorders", "Orders"]),
        ("orders.*", ["orders", "orders-eu"], ["order"]),
        ("^orders$", ["orders"], ["orders-"]),
        ("a|bc", ["a", "bc"], ["abc", "b"]),
        ("(?i)orders", ["ORDERS", "Orders"], ["order"]),
        ("(?i:a)b", ["ab", "Ab"], ["aB"]),
        (r"[a-c]+\.\d{2,3}", ["abc.12", "a.123"], ["a.1", "a.1234", "ax12"]),
        (r"[^a-z]+", ["1_2", "-"], ["a1"]),
        (r"[[:alpha:]]+_\w*", ["ab_", "ab_c1"], ["a1_"]),
        (r"\pL+", ["abc"], ["a1"]),
        (r"\Qa.b\E", ["a.b"], ["axb"]),
        (r".*\beu\b.*", ["orders-eu", "eu.orders"], ["neu", "orders_eu"]),
        ("a{0}b", ["b"], ["ab"]),
        ("", [], ["a"]),
        # What looks like the refused ones below, and isn't.
        (r"\Q\C{*\E|a[{]?|[]{]*b|[[:digit:]{]+c|a{1}?d", ["a", "b", "1c", "ad"], ["c"]),
        (r"a\{*|\\C|x{y?", ["a"], ["C"]),
    ],
)
def test_whole_names_match(pattern: str, matches: list[str], others: list[str]) -> None:
    compiled = TopicPattern(pattern)
    assert [name for name in [*matches, *others] if compiled.matches(name)] == matches


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "[a",
        "a**",
        "*a",
        "(?=a)",
        "(?!a)",
        r"\1",
        r"\Z",
        "[b-a]",
        "a{1001}",
        "(?P<n>a)(?P<n>b)",
        "(?x)a",
        r"\p{}",
        r"a\C",
        "a{*",
        "a|{?",
        r"\Qa\E{+",
        "((a{1000}){1000}){1000}",
        "(" * 5000,
    ],
)
def test_what_re2_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(BrokerError) as refused:
        TopicPattern(pattern)
    assert refused.value.code == ErrorCode.INVALID_REGULAR_EXPRESSION


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|aa)+$", "(.*)(.*)(.*)(.*)x", "(a?){200}a{200}"])
def test_patterns_that_ruin_a_backtracker_are_quick(pattern: str) -> None:
    """Each step of a name follows at most as many states as the pattern has; the test ends, that is the point."""
    compiled = TopicPattern(pattern)
    assert not compiled.matches("a" * 248 + "-")
