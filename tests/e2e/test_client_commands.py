"""`streamkit topics`, `produce` and `consume`, as a user runs them."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from streamkit.cli.main import cli
from streamkit.errors import StreamkitError
from streamkit.log.client import Producer
from streamkit.testing import EmbeddedBroker

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    with EmbeddedBroker(settings={"auto.create.topics.enable": "true"}) as broker:
        yield broker.bootstrap


@pytest.fixture
def run(bootstrap: str) -> Run:
    """Runs `streamkit …` against the broker."""

    def run(*arguments: str, stdin: str | bytes = "", bootstrap: str = bootstrap) -> Result:
        return CliRunner().invoke(
            cli, arguments, input=stdin, env={"STREAMKIT_BOOTSTRAP": bootstrap}
        )

    return run


def good(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def failure(result: Result) -> str:
    """The message that `main` prints for this error; wrong usage is click's own affair."""
    assert result.exit_code != 0
    if isinstance(result.exception, StreamkitError):
        message = str(result.exception)
        assert "\n" not in message
        return message
    return result.stderr


def test_topics_are_created_listed_described_and_deleted(run: Run) -> None:
    good(run("topics", "create", "a1", "a2", "--partitions", "3", "--config", "retention.ms=-1"))
    good(run("topics", "create", "a1", "--exist-ok"))
    good(run("produce", "a1", stdin="x\ny\n"))
    listed = {t["name"]: t for t in json.loads(good(run("topics", "list", "--json")))}
    assert listed["a1"] == {"name": "a1", "partitions": 3, "records": 2}
    assert re.search(r"a2 +3 +0", good(run("topics", "list")))
    [described] = json.loads(good(run("topics", "describe", "a1", "--json")))
    assert described["configs"]["retention.ms"] == "-1"
    assert sum(p["end_offset"] for p in described["partitions"]) == 2
    shown = good(run("topics", "describe", "a1"))
    assert "retention.ms = -1" in shown
    good(run("topics", "delete", "a1", "a2"))
    assert "a1" not in good(run("topics", "list"))
    good(run("topics", "delete", "a1", "--missing-ok"))


def test_lines_with_keys_come_back_with_their_headers(run: Run) -> None:
    good(run("topics", "create", "b", "--partitions", "1"))
    good(run("produce", "b", "-k", ":", "--header", "h=1", stdin="k:v:w\n:empty key\n"))
    lines = good(
        run("consume", "b", "-e", "--format", "{partition}:{offset} {key} {value} {headers}")
    )
    assert lines.splitlines() == ["0:0 k v:w h=1", "0:1  empty key h=1"]
    assert re.search(r"^0:0 +20\d\d-.*Z  k  v:w  \[h=1\]$", good(run("consume", "b", "-e")), re.M)


def test_json_goes_in_and_comes_out_the_same(run: Run) -> None:
    records: list[dict[str, object]] = [
        {"key": "k", "value": "text", "timestamp_ms": 1_700_000_000_000, "headers": [["h", "x"]]},
        {"key": None, "value": None, "timestamp_ms": 1_700_000_000_001, "headers": []},
        {"key": "k", "value": {"base64": "/wA="}, "timestamp_ms": 1_700_000_000_002, "headers": []},
    ]
    good(run("topics", "create", "c", "--partitions", "1", "--config", "retention.ms=-1"))
    good(run("produce", "c", "--json", stdin="".join(json.dumps(r) + "\n" for r in records)))
    found = [json.loads(line) for line in good(run("consume", "c", "-e", "--json")).splitlines()]
    assert [{k: r[k] for k in records[0]} for r in found] == records
    assert [r["offset"] for r in found] == [0, 1, 2]
    # What consume prints, produce reads.
    good(run("produce", "c", "--json", stdin=good(run("consume", "c", "-e", "--json"))))


def test_consume_starts_where_it_is_told(run: Run) -> None:
    good(run("topics", "create", "d", "--partitions", "1", "--config", "retention.ms=-1"))
    times = [1_700_000_000_000 + 60_000 * i for i in range(5)]
    lines = [json.dumps({"value": str(i), "timestamp_ms": t}) for i, t in enumerate(times)]
    good(run("produce", "d", "--json", stdin="\n".join(lines) + "\n"))

    def values(*arguments: str) -> list[str]:
        return good(run("consume", "d", "-e", "--format", "{value}", *arguments)).split()

    assert values() == ["0", "1", "2", "3", "4"]
    assert values("--from", "3") == ["3", "4"]
    assert values("--from", "-1") == ["4"]
    assert values("--from", "end") == []
    assert values("--from", "2023-11-14T22:15:20+00:00") == ["2", "3", "4"]
    assert values("--max", "2") == ["0", "1"]
    assert values("--partition", "0", "--from", "99") == []


def test_group_goes_on_after_what_was_printed(run: Run) -> None:
    good(run("topics", "create", "e", "--partitions", "2"))
    good(run("produce", "e", stdin="".join(f"{i}\n" for i in range(10))))
    command = ("consume", "e", "--group", "g", "--format", "{value}", "--max")
    first = good(run(*command, "4")).split()
    second = good(run(*command, "6")).split()
    assert sorted(first + second, key=int) == [str(i) for i in range(10)]


def test_values_are_shown_by_their_type(run: Run, bootstrap: str) -> None:
    good(run("topics", "create", "f", "--partitions", "1"))
    with Producer(bootstrap) as producer:
        producer.send("f", struct.pack(">q", -5), key=b"\xff")
        producer.send("f", struct.pack(">d", 1.5), key=b"[1]")

    def values(kind: str) -> list[str]:
        return good(run("consume", "f", "-e", "--value", kind, "--format", "{value}")).split()

    assert values("int")[0] == "-5"
    assert values("float")[1] == "1.5"
    assert values("hex")[1] == struct.pack(">d", 1.5).hex()
    keys = good(run("consume", "f", "-e", "--key", "json", "--format", "{key}")).splitlines()
    assert keys == ['{"base64": "/w=="}', "[1]"]
    keys = good(run("consume", "f", "-e", "--format", "{key}")).splitlines()
    assert keys == ["0xff", "[1]"]


def test_lines_that_are_no_text_go_in_as_they_are(run: Run) -> None:
    good(run("topics", "create", "raw", "--partitions", "1"))
    good(run("produce", "raw", stdin=b"\xff\xfe\n"))
    good(run("produce", "raw", "-k", "→", stdin="k→".encode() + b"\xff\r\n"))
    assert good(run("consume", "raw", "-e", "--format", "{key} {value}")) == "null 0xfffe\nk 0xff\n"


@pytest.mark.parametrize("layout", ["{nope}", "{", "{0}", "{key:d}", "{key.nope}", "{key[x]}"])
def test_format_that_cannot_be_filled_in_is_wrong_usage(run: Run, layout: str) -> None:
    result = run("consume", "any", "--format", layout)
    assert result.exit_code == 2
    assert "--format" in result.stderr
    assert "{topic} {partition} {offset}" in result.stderr


def test_mistakes_are_one_clear_line(run: Run) -> None:
    good(run("topics", "create", "h", "--partitions", "1"))
    assert "topic nope does not exist" in failure(run("consume", "nope"))
    assert "topic nope does not exist" in failure(run("topics", "describe", "nope"))
    assert "TOPIC_ALREADY_EXISTS" in failure(run("topics", "create", "h"))
    assert "nope" in failure(run("topics", "delete", "nope"))
    assert "no key separator" in failure(run("produce", "h", "-k", ":", stdin="no separator\n"))
    assert "line 2" in failure(run("produce", "h", "--json", stdin='{"value": 1}\n{"v": 1}\n'))
    assert "NAME=VALUE" in failure(run("topics", "create", "i", "--config", "x"))
    assert "--from" in failure(run("consume", "h", "--from", "yesterday"))
    assert "partitions 0 to 0" in failure(run("consume", "h", "--partition", "1"))
    assert "--group" in failure(run("consume", "h", "--partition", "0", "--group", "g"))


def test_broker_that_is_not_there_is_one_clear_line(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("topics", "produce", "consume"):
        monkeypatch.setattr(f"streamkit.cli.{command}.API_TIMEOUT_MS", 100)
    for arguments in (("topics", "list"), ("consume", "t"), ("produce", "t")):
        message = failure(run(*arguments, stdin="x\n", bootstrap="127.0.0.1:1"))
        assert "127.0.0.1:1" in message
        assert "streamkit broker" in message
