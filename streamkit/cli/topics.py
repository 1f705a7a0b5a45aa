"""`streamkit topics`: list, create, describe and delete topics."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from streamkit.cli.cluster_option import API_TIMEOUT_MS, bootstrap_option, cluster_address
from streamkit.errors import BrokerError
from streamkit.log.client import Admin, NewTopic, TopicDescription
from streamkit.log.protocol import ErrorCode
from streamkit.model import TopicPartition

__all__ = ["topics"]

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@click.group()
def topics() -> None:
    """List, create, describe and delete topics."""


@topics.command("list")
@click.option("--internal", is_flag=True, help="Also the broker's own topics.")
@_json_option
@bootstrap_option
def list_topics(*, internal: bool, as_json: bool, bootstrap: str | None) -> None:
    """List topics with their partitions and numbers of records."""
    with _admin(bootstrap) as admin:
        found = admin.describe_topics(admin.list_topics(internal=internal))
        records = _offset_counts(admin, found)
    if as_json:
        _print_json(
            [
                {"name": name, "partitions": len(topic.partitions), "records": records[name]}
                for name, topic in found.items()
            ]
        )
        return
    table = Table("topic", box=None, pad_edge=False)
    table.add_column("partitions", justify="right")
    table.add_column("records", justify="right")
    for name, topic in found.items():
        table.add_row(name, str(len(topic.partitions)), f"{records[name]:,}")
    if found:
        Console().print(table)
    else:
        click.echo("no topics yet; make one: streamkit topics create NAME", err=True)


@topics.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--partitions", type=click.IntRange(min=1), help="[default: the broker's]")
@click.option("--replication-factor", type=click.IntRange(min=1), help="[default: the broker's]")
@click.option("--config", "configs", metavar="NAME=VALUE", multiple=True, help="A topic setting.")
@click.option("--exist-ok", is_flag=True, help="One that exists already is fine.")
@bootstrap_option
def create(
    *,
    names: tuple[str, ...],
    partitions: int | None,
    replication_factor: int | None,
    configs: tuple[str, ...],
    exist_ok: bool,
    bootstrap: str | None,
) -> None:
    """Create topics."""
    settings = _assignments(configs)
    with _admin(bootstrap) as admin:
        admin.create_topics(
            [
                NewTopic(
                    name,
                    -1 if partitions is None else partitions,
                    -1 if replication_factor is None else replication_factor,
                    settings,
                )
                for name in names
            ],
            exist_ok=exist_ok,
        )
    click.echo(f"created {', '.join(names)}", err=True)


@topics.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@_json_option
@bootstrap_option
def describe(*, names: tuple[str, ...], as_json: bool, bootstrap: str | None) -> None:
    """Show partitions, offsets and the settings that differ from the defaults."""
    with _admin(bootstrap) as admin:
        found = admin.describe_topics(names)
        _require(names, found)
        described = [_describe(admin, found[name]) for name in names]
    if as_json:
        _print_json(described)
        return
    console = Console()
    for topic in described:
        table = Table("partition", title=f"{topic['name']}", title_justify="left", box=None)
        for column in ("leader", "replicas", "in sync", "first offset", "end offset"):
            table.add_column(column, justify="right")
        for p in topic["partitions"]:
            table.add_row(
                str(p["partition"]),
                "none" if p["leader"] is None else str(p["leader"]),
                _numbers(p["replicas"]),
                _numbers(p["in_sync_replicas"]),
                str(p["first_offset"]),
                str(p["end_offset"]),
            )
        console.print(table)
        for name, value in topic["configs"].items():
            console.print(f"  {name} = {value}", highlight=False)


@topics.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--missing-ok", is_flag=True, help="One that does not exist is fine.")
@bootstrap_option
def delete(*, names: tuple[str, ...], missing_ok: bool, bootstrap: str | None) -> None:
    """Delete topics with all their records."""
    with _admin(bootstrap) as admin:
        admin.delete_topics(names, missing_ok=missing_ok)
    click.echo(f"deleted {', '.join(names)}", err=True)


@contextlib.contextmanager
def _admin(bootstrap: str | None) -> Iterator[Admin]:
    with (
        cluster_address(bootstrap) as address,
        Admin(address, client_id="streamkit-cli", api_timeout_ms=API_TIMEOUT_MS) as admin,
    ):
        yield admin


def _require(names: tuple[str, ...], found: Mapping[str, TopicDescription]) -> None:
    for name in names:
        if name not in found:
            raise BrokerError(
                f"topic {name} does not exist; all there are: streamkit topics list",
                code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                topic_partition=(name, -1),
            )


def _offset_counts(admin: Admin, found: Mapping[str, TopicDescription]) -> dict[str, int]:
    """Offsets between the first and the end, by topic: records, but for compacted topics."""
    partitions = _partitions(found)
    first = admin.list_offsets(partitions, at="earliest") if partitions else {}
    end = admin.list_offsets(partitions, at="latest") if partitions else {}
    counts = dict.fromkeys(found, 0)
    for tp in partitions:
        low, high = first[tp], end[tp]
        if low is not None and high is not None:
            counts[tp.topic] += high.offset - low.offset
    return counts


def _partitions(found: Mapping[str, TopicDescription]) -> list[TopicPartition]:
    return [
        TopicPartition(name, p.partition)
        for name, topic in found.items()
        for p in topic.partitions
        if p.leader is not None
    ]


def _describe(admin: Admin, topic: TopicDescription) -> dict[str, Any]:
    partitions = _partitions({topic.name: topic})
    first = admin.list_offsets(partitions, at="earliest")
    end = admin.list_offsets(partitions, at="latest")
    rows = []
    for p in topic.partitions:
        low = first.get(TopicPartition(topic.name, p.partition))
        high = end.get(TopicPartition(topic.name, p.partition))
        rows.append(
            {
                "partition": p.partition,
                "leader": p.leader,
                "replicas": list(p.replicas),
                "in_sync_replicas": list(p.in_sync_replicas),
                "first_offset": None if low is None else low.offset,
                "end_offset": None if high is None else high.offset,
            }
        )
    configs = admin.describe_configs(topic.name)
    return {
        "name": topic.name,
        "topic_id": str(topic.topic_id),
        "partitions": rows,
        "configs": {name: c.value for name, c in configs.items() if not c.is_default},
    }


def _assignments(texts: tuple[str, ...]) -> dict[str, str]:
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--config")
        settings[name] = value
    return settings


def _numbers(numbers: list[int]) -> str:
    return ",".join(str(number) for number in numbers)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2))
