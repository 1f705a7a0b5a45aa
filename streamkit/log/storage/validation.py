"""The rules that a batch must keep to be appended, and the changes that a topic's settings ask for.

Pure: bytes, settings and the time in; bytes out, or a typed refusal. The checks look at a batch's
header and its checksum; records are decoded only where a setting needs it: compacted topics, another
codec, a bound on old timestamps, and to name the offenders in a refusal.

Source: org.apache.kafka.storage.internals.log.LogValidator and UnifiedLog.
"""

from __future__ import annotations

import struct

from streamkit.errors import CorruptRecordError, ProtocolError
from streamkit.log.protocol import (
    BatchBuilder,
    BatchHeader,
    Compression,
    ControlKind,
    RecordColumns,
    batches,
    check_crc,
    control_kind,
    decode_batch,
)
from streamkit.log.protocol.batch_header import HEADER_BYTES
from streamkit.log.storage.config import LogConfig
from streamkit.log.storage.errors import (
    CorruptMessageError,
    InvalidRecordError,
    InvalidTimestampError,
    MessageTooLargeError,
    NotOneBatchError,
)
from streamkit.log.storage.producer_state import EndMarker
from streamkit.log.storage.topic_settings import LONG_MAX

__all__ = ["end_marker", "parse", "recompressed", "validate"]

_MAGIC = 2
_MAGIC_AT = 16
_NO_TIMESTAMP = -1
_MARKER_VALUE = struct.Struct(">hi")
_CODECS = {
    "uncompressed": Compression.NONE,
    "gzip": Compression.GZIP,
    "snappy": Compression.SNAPPY,
    "lz4": Compression.LZ4,
    "zstd": Compression.ZSTD,
}

# What a batch may unpack to when it must be unpacked here.
_MAX_UNPACKED_BYTES = 256 * 1024 * 1024

# Length, attributes, timestamp, offset, key, value and headers: a byte each.
_SMALLEST_RECORD = 7


def parse(
    data: bytes | bytearray | memoryview, topic_partition: tuple[str, int], *, from_client: bool
) -> list[tuple[int, BatchHeader]]:
    """The batches in `data`, checked for structure and checksum.

    Raises:
        NotOneBatchError: none, or more than one from a client, or another version.
        CorruptMessageError: bytes that are no batch, or a wrong checksum.
    """
    if len(data) > _MAGIC_AT and data[_MAGIC_AT] != _MAGIC:
        raise NotOneBatchError(
            f"{_name(topic_partition)}: batch of format {data[_MAGIC_AT]}, only 2 is supported",
            topic_partition=topic_partition,
        )
    try:
        found = batches(data)
    except (CorruptRecordError, ProtocolError) as error:
        raise CorruptMessageError(
            f"{_name(topic_partition)}: no record batch of version 2: {error}",
            topic_partition=topic_partition,
        ) from error
    if not found:
        raise NotOneBatchError(
            f"{_name(topic_partition)}: no whole record batch in {len(data)} bytes",
            topic_partition=topic_partition,
        )
    end, last = found[-1]
    if end + last.size != len(data):
        raise CorruptMessageError(
            f"{_name(topic_partition)}: {len(data) - end - last.size} bytes behind the last batch",
            topic_partition=topic_partition,
        )
    if from_client and len(found) > 1:
        raise NotOneBatchError(
            f"{_name(topic_partition)}: {len(found)} record batches where one is allowed",
            topic_partition=topic_partition,
        )
    for start, header in found:
        if not check_crc(data, start, header):
            raise CorruptMessageError(
                f"{_name(topic_partition)}: the batch's checksum is wrong",
                topic_partition=topic_partition,
            )
    return found


def validate(
    data: bytes | bytearray | memoryview,
    start: int,
    header: BatchHeader,
    config: LogConfig,
    topic_partition: tuple[str, int],
    *,
    now_ms: int,
) -> None:
    """Check a client's batch, which `parse` found at `start` of `data`, against the topic's rules.

    Raises:
        MessageTooLargeError, InvalidRecordError, InvalidTimestampError: the broken rule.
    """
    if header.size > min(config.max_message_bytes, config.segment_bytes):
        raise MessageTooLargeError(
            f"{_name(topic_partition)}: a batch of {header.size} bytes is larger than "
            f"max.message.bytes, {config.max_message_bytes}, or a segment",
            topic_partition=topic_partition,
        )
    _check_header(header, topic_partition)
    _check_records(data, start, header, config, topic_partition, now_ms)


def recompressed(
    data: bytes | bytearray | memoryview,
    start: int,
    header: BatchHeader,
    config: LogConfig,
    topic_partition: tuple[str, int],
) -> bytes | None:
    """The batch in the codec that the topic asks for, or None if it may stay as it is."""
    if config.compression_type == "producer" or header.is_control:
        return None
    codec = _CODECS[config.compression_type]
    if header.compression == codec:
        return None
    columns = _decoded(data, start, header, topic_partition)
    levels = {
        Compression.GZIP: config.compression_gzip_level,
        Compression.LZ4: config.compression_lz4_level,
        Compression.ZSTD: config.compression_zstd_level,
    }
    level = levels.get(codec)
    builder = BatchBuilder(codec, level=None if level == -1 else level)
    for index, timestamp in enumerate(columns.timestamps):
        headers = columns.headers[index] if columns.headers is not None else ()
        builder.append(timestamp, columns.keys[index], columns.values[index], headers)
    return builder.build(
        base_offset=0,
        leader_epoch=header.partition_leader_epoch,
        producer_id=header.producer_id,
        producer_epoch=header.producer_epoch,
        base_sequence=header.base_sequence,
        transactional=header.is_transactional,
    )


def end_marker(
    data: bytes | bytearray | memoryview, start: int, header: BatchHeader
) -> EndMarker | None:
    """What a control batch says about its producer's transaction; None if it is of another kind.

    Raises:
        CorruptRecordError: the control record can't be read.
    """
    columns = decode_batch(data, start, header, max_bytes=_MAX_UNPACKED_BYTES)
    kind = control_kind(columns.keys[0]) if columns.keys else None
    if kind is None:
        return None
    value = columns.values[0]
    if value is None or len(value) < _MARKER_VALUE.size:
        raise CorruptRecordError("a transaction marker has no coordinator epoch")
    _, coordinator_epoch = _MARKER_VALUE.unpack_from(value)
    return EndMarker(kind is ControlKind.COMMIT, coordinator_epoch)


def _check_header(header: BatchHeader, topic_partition: tuple[str, int]) -> None:
    reason = ""
    if header.base_offset != 0:
        reason = f"its base offset is {header.base_offset} instead of 0"
    elif header.count <= 0 or header.last_offset_delta + 1 != header.count:
        reason = f"{header.count} records, but offsets 0 to {header.last_offset_delta}"
    elif header.count * _SMALLEST_RECORD > (
        _MAX_UNPACKED_BYTES if header.compression else header.size - HEADER_BYTES
    ):
        # Records aren't looked at here, but their number is believed: offsets follow from it.
        reason = f"{header.count} records in {header.size} bytes"
    elif header.is_control:
        reason = "clients may not write control records"
    elif header.producer_id >= 0 and (header.base_sequence < 0 or header.producer_epoch < 0):
        reason = f"producer {header.producer_id} sent sequence {header.base_sequence}"
    elif header.is_transactional and header.producer_id < 0:
        reason = "transactional records without a producer id"
    if reason:
        raise InvalidRecordError(
            f"{_name(topic_partition)}: invalid record batch: {reason}",
            topic_partition=topic_partition,
        )
    if header.log_append_time:
        raise InvalidTimestampError(
            f"{_name(topic_partition)}: a producer may not set the timestamp type LogAppendTime",
            topic_partition=topic_partition,
        )


def _check_records(
    data: bytes | bytearray | memoryview,
    start: int,
    header: BatchHeader,
    config: LogConfig,
    topic_partition: tuple[str, int],
    now_ms: int,
) -> None:
    """Keys, where the topic is compacted, and timestamps, where they are the producer's; all offenders at once."""
    latest = now_ms + config.message_timestamp_after_max_ms
    earliest = now_ms - config.message_timestamp_before_max_ms
    timed = not config.log_append_time and (
        header.max_timestamp > latest or config.message_timestamp_before_max_ms < LONG_MAX
    )
    if not (timed or config.compacted):
        return
    columns = _decoded(data, start, header, topic_partition)
    untimely = False
    bad: list[tuple[int, str]] = []
    for index, timestamp in enumerate(columns.timestamps):
        if config.compacted and columns.keys[index] is None:
            where = _name(topic_partition)
            reason = (
                f"Compacted topic cannot accept message without key in topic partition {where}."
            )
        elif timed and timestamp != _NO_TIMESTAMP and not earliest <= timestamp <= latest:
            untimely = True
            reason = (
                f"Timestamp {timestamp} of message with offset {index} is out of range. "
                f"The timestamp should be within [{earliest}, {latest}]"
            )
        else:
            continue
        bad.append((index, reason))
    if untimely or (timed and not bad and header.max_timestamp > latest):
        raise InvalidTimestampError(
            f"{_name(topic_partition)}: {len(bad)} records are refused, some for a timestamp too far from "
            f"the broker's time: it should be within [{earliest}, {latest}]",
            topic_partition=topic_partition,
            record_errors=tuple(bad),
        )
    if bad:
        raise InvalidRecordError(
            "One or more records have been rejected due to "
            f"{len(bad)} record errors in total: {bad[0][1]}",
            topic_partition=topic_partition,
            record_errors=tuple(bad),
        )


def _decoded(
    data: bytes | bytearray | memoryview,
    start: int,
    header: BatchHeader,
    topic_partition: tuple[str, int],
) -> RecordColumns:
    try:
        return decode_batch(data, start, header, max_bytes=_MAX_UNPACKED_BYTES)
    except (CorruptRecordError, ProtocolError) as error:
        raise InvalidRecordError(
            f"{_name(topic_partition)}: the batch's records can't be read: {error}",
            topic_partition=topic_partition,
        ) from error


def _name(topic_partition: tuple[str, int]) -> str:
    return f"{topic_partition[0]}-{topic_partition[1]}"
