"""`streamkit consume`: print the records of a topic."""

from __future__ import annotations

import itertools
import json
import struct
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import click

from streamkit.cli.cluster_option import API_TIMEOUT_MS, bootstrap_option, cluster_address
from streamkit.errors import BrokerError
from streamkit.log.client import Consumer, ConsumerRecord
from streamkit.log.protocol import ErrorCode
from streamkit.model import TopicPartition

__all__ = ["consume"]

_POLL_SECONDS = 0.5
_COMMIT_SECONDS = 5.0
_EMPTY_RECORD = {
    "topic": "",
    "partition": 0,
    "offset": 0,
    "timestamp": "",
    "key": "",
    "value": "",
    "headers": "",
}
_TYPES = ("text", "int", "float", "json", "hex", "base64")


@click.command()
@click.argument("topic")
@click.option(
    "--from",
    "start",
    metavar="WHERE",
    default="beginning",
    show_default=True,
    help="beginning, end, an offset, -N for the last N of each partition, or a time as 2026-01-31T12:00.",
)
@click.option("--partition", "-p", "partitions", type=click.IntRange(min=0), multiple=True)
@click.option("--group", metavar="ID", help="Read as a member of a group, and commit.")
@click.option("--max", "limit", type=click.IntRange(min=1), help="Stop after so many records.")
@click.option("--exit-at-end", "-e", is_flag=True, help="Stop at what is the end now.")
@click.option("--key", "key_type", type=click.Choice(_TYPES), default="text", show_default=True)
@click.option("--value", "value_type", type=click.Choice(_TYPES), default="text", show_default=True)
@click.option(
    "--format",
    "layout",
    metavar="TEXT",
    help="With {topic} {partition} {offset} {timestamp} {key} {value} {headers}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--committed", is_flag=True, help="Leave out what is not committed, or aborted.")
@bootstrap_option
def consume(
    *,
    topic: str,
    start: str,
    partitions: tuple[int, ...],
    group: str | None,
    limit: int | None,
    exit_at_end: bool,
    key_type: str,
    value_type: str,
    layout: str | None,
    as_json: bool,
    committed: bool,
    bootstrap: str | None,
) -> None:
    """Print the records of TOPIC, and wait for more until Ctrl-C.

    Types int and float are 8 bytes big-endian, as Kafka's Long and Double serializers write
    them. What is not of the type is shown as hex.
    """
    if group is not None and partitions:
        raise click.UsageError("--group shares out the partitions by itself: leave out --partition")
    if layout is not None:
        _check_layout(layout)
    show = (
        _json_printer(key_type, value_type) if as_json else _printer(key_type, value_type, layout)
    )
    with (
        cluster_address(bootstrap) as address,
        Consumer(
            address,
            client_id="streamkit-cli",
            group_id=group,
            auto_offset_reset="latest" if start == "end" else "earliest",
            isolation_level="read_committed" if committed else "read_uncommitted",
            api_timeout_ms=API_TIMEOUT_MS,
        ) as consumer,
    ):
        ends = _begin(consumer, topic, partitions, start, group)
        records = _records(consumer, ends if exit_at_end else None, topic)
        # Committed is what was printed, not what was fetched.
        printed: dict[TopicPartition, int] = {}
        commit_at = time.monotonic() + _COMMIT_SECONDS
        try:
            for record in itertools.islice(records, limit):
                click.echo(show(record))
                printed[TopicPartition(topic, record.partition)] = record.offset + 1
                if group is not None and time.monotonic() >= commit_at:
                    consumer.commit_nowait(printed)
                    commit_at = time.monotonic() + _COMMIT_SECONDS
        finally:
            if group is not None:
                consumer.commit(printed)


def _begin(
    consumer: Consumer, topic: str, partitions: tuple[int, ...], start: str, group: str | None
) -> dict[TopicPartition, int]:
    """Assign or subscribe, and go to the start; the end offsets now."""
    count = consumer.partitions_for(topic)
    if count is None:
        raise BrokerError(
            f"topic {topic} does not exist; all there are: streamkit topics list",
            code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
            topic_partition=(topic, -1),
        )
    wrong = [p for p in partitions if p >= count]
    if wrong:
        raise click.BadParameter(
            f"topic {topic} has partitions 0 to {count - 1}", param_hint="--partition"
        )
    wanted = [TopicPartition(topic, p) for p in partitions or range(count)]
    ends = consumer.end_offsets(wanted)
    if group is not None:
        consumer.subscribe([topic])
        return ends
    consumer.assign(wanted)
    firsts = consumer.beginning_offsets(wanted)
    for tp, offset in _start_offsets(consumer, start, firsts, ends).items():
        consumer.seek(tp, min(max(offset, firsts[tp]), ends[tp]))
    return ends


def _start_offsets(
    consumer: Consumer,
    start: str,
    firsts: dict[TopicPartition, int],
    ends: dict[TopicPartition, int],
) -> dict[TopicPartition, int]:
    if start == "beginning":
        return firsts
    if start == "end":
        return ends
    if start.startswith("-") and start[1:].isdecimal():
        return {tp: end - int(start[1:]) for tp, end in ends.items()}
    if start.isdecimal():
        return dict.fromkeys(firsts, int(start))
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        raise click.BadParameter(
            f"{start!r} is neither beginning, end, an offset nor a time", param_hint="--from"
        ) from None
    found = consumer.offsets_for_times(dict.fromkeys(firsts, int(moment.timestamp() * 1000)))
    return {tp: ends[tp] if at is None else at.offset for tp, at in found.items()}


def _records(
    consumer: Consumer, ends: dict[TopicPartition, int] | None, topic: str
) -> Iterator[ConsumerRecord]:
    """Records, for ever or up to the end offsets."""
    while True:
        records = consumer.poll(_POLL_SECONDS)
        if ends is None:
            yield from records
            continue
        for record in records:
            if record.offset < ends[TopicPartition(topic, record.partition)]:
                yield record
        assigned = consumer.assignment()
        if assigned and all(consumer.position(tp) >= ends.get(tp, 0) for tp in assigned):
            return


def _check_layout(layout: str) -> None:
    try:
        layout.format(**_EMPTY_RECORD)
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        names = " ".join(f"{{{name}}}" for name in _EMPTY_RECORD)
        raise click.BadParameter(
            f"{layout!r} can't be filled in ({error}); there are {names}", param_hint="--format"
        ) from None


def _printer(key_type: str, value_type: str, layout: str | None) -> Callable[[ConsumerRecord], str]:
    def show(record: ConsumerRecord) -> str:
        key, value = _shown(record.key, key_type), _shown(record.value, value_type)
        headers = ", ".join(f"{name}={_shown(data, 'text')}" for name, data in record.headers)
        at = _time(record.timestamp_ms)
        if layout is not None:
            return layout.format(
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                timestamp=at,
                key=key,
                value=value,
                headers=headers,
            )
        place = f"{record.partition}:{record.offset}"
        return f"{place:<12} {at}  {key}  {value}" + (f"  [{headers}]" if headers else "")

    return show


def _json_printer(key_type: str, value_type: str) -> Callable[[ConsumerRecord], str]:
    def show(record: ConsumerRecord) -> str:
        return json.dumps(
            {
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
                "timestamp_ms": record.timestamp_ms,
                "key": _value(record.key, key_type),
                "value": _value(record.value, value_type),
                "headers": [[name, _value(data, "text")] for name, data in record.headers],
            },
            ensure_ascii=False,
        )

    return show


def _shown(data: bytes | None, kind: str) -> str:
    value = _value(data, kind)
    if value is None:
        return "null"
    if isinstance(value, dict) and kind != "json":
        return f"0x{(data or b'').hex()}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _value(data: bytes | None, kind: str) -> object:
    """Bytes as a value of JSON; what is not of the type as {"base64": …}."""
    if data is None:
        return None
    try:
        if kind == "int":
            return struct.unpack(">q", data)[0]
        if kind == "float":
            return struct.unpack(">d", data)[0]
        if kind == "json":
            return json.loads(data)
        if kind == "text":
            return data.decode()
    except (ValueError, struct.error):
        return {"base64": b64encode(data).decode()}
    return data.hex() if kind == "hex" else b64encode(data).decode()


def _time(timestamp_ms: int) -> str:
    if timestamp_ms < 0:
        return "no time"
    try:
        moment = datetime.fromtimestamp(timestamp_ms / 1000, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return f"{timestamp_ms} ms"
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
