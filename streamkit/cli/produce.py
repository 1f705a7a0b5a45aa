"""`streamkit produce`: write lines from standard input to a topic."""

from __future__ import annotations

import binascii
import json
import sys
from base64 import b64decode
from concurrent.futures import Future
from typing import BinaryIO, NamedTuple

import click

from streamkit.cli.cluster_option import API_TIMEOUT_MS, bootstrap_option, cluster_address
from streamkit.log.client import Producer, RecordMetadata
from streamkit.model import EMPTY_HEADERS, Headers

__all__ = ["produce"]


class _Line(NamedTuple):
    """What one line of input asks to be written."""

    key: bytes | None
    value: bytes | None
    headers: Headers = EMPTY_HEADERS
    timestamp_ms: int | None = None
    partition: int | None = None


@click.command()
@click.argument("topic")
@click.option("--key-separator", "-k", metavar="TEXT", help="What parts key and value of a line.")
@click.option("--header", "headers", metavar="NAME=VALUE", multiple=True, help="For all records.")
@click.option("--partition", type=click.IntRange(min=0), help="[default: the key chooses]")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help='Each line is an object: {"key": …, "value": …, "headers": {…}, "timestamp_ms": …, '
    '"partition": …}; texts stand for themselves, null for null, {"base64": …} for bytes, '
    "all else is written as JSON.",
)
@click.option(
    "--compression",
    type=click.Choice(["none", "gzip", "snappy", "lz4", "zstd"]),
    default="none",
    show_default=True,
)
@bootstrap_option
def produce(
    *,
    topic: str,
    key_separator: str | None,
    headers: tuple[str, ...],
    partition: int | None,
    as_json: bool,
    compression: str,
    bootstrap: str | None,
) -> None:
    """Write each line of standard input as one record to TOPIC, byte for byte.

    A topic that does not exist is created, if the broker is set up to. The command ends when
    all records are acknowledged.
    """
    common = tuple(_header(text) for text in headers)
    written: list[Future[RecordMetadata]] = []
    count = 0
    with (
        cluster_address(bootstrap) as address,
        Producer(
            address,
            client_id="streamkit-cli",
            compression=compression,
            auto_create_topics=True,
            max_block_ms=API_TIMEOUT_MS,
            delivery_timeout_ms=2 * API_TIMEOUT_MS,
        ) as producer,
    ):
        for number, text in enumerate(_lines(sys.stdin.buffer), start=1):
            line = _from_json(text, number) if as_json else _from_text(text, key_separator, number)
            written.append(
                producer.send(
                    topic,
                    line.value,
                    key=line.key,
                    partition=partition if line.partition is None else line.partition,
                    timestamp_ms=line.timestamp_ms,
                    headers=common + line.headers,
                )
            )
            count += 1
            # A failure shows soon, and what is done is forgotten.
            while written and written[0].done():
                written.pop(0).result()
        producer.flush()
        for future in written:
            future.result()
    click.echo(f"{count:,} records written to {topic}", err=True)


def _lines(stream: BinaryIO) -> BinaryIO:
    if stream.isatty():
        click.echo("a record a line; Ctrl-D ends", err=True)
    return stream


def _from_text(text: bytes, separator: str | None, number: int) -> _Line:
    line = text.rstrip(b"\r\n")
    if separator is None:
        return _Line(None, line)
    key, found, value = line.partition(separator.encode())
    if not found:
        start = line[:60].decode(errors="replace")
        raise click.ClickException(f"line {number} has no key separator {separator!r}: {start}")
    return _Line(key, value)


def _from_json(text: bytes, number: int) -> _Line:
    try:
        record = json.loads(text)
        if not isinstance(record, dict):
            raise ValueError("not an object")
        unknown = set(record) - {"key", "value", "headers", "timestamp_ms", "partition"}
        unknown -= {"topic", "offset"}  # as `streamkit consume --json` prints them
        if unknown:
            raise ValueError(f"unknown fields {', '.join(sorted(unknown))}")
        headers = record.get("headers") or {}
        pairs = headers.items() if isinstance(headers, dict) else headers
        return _Line(
            _bytes(record.get("key")),
            _bytes(record.get("value")),
            tuple((str(name), _bytes(value)) for name, value in pairs),
            record.get("timestamp_ms"),
            record.get("partition"),
        )
    except (ValueError, TypeError, binascii.Error) as error:
        raise click.ClickException(f"line {number} is not a record as JSON: {error}") from error


def _bytes(value: object) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and set(value) == {"base64"}:
        return b64decode(value["base64"], validate=True)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _header(text: str) -> tuple[str, bytes | None]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--header")
    return name, value.encode()
