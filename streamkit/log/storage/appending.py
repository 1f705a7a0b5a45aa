"""Getting record batches ready to be written: judged, converted, and with their final offsets.

Nothing changes here: what is refused leaves no trace, and the caller changes the log's state only once
the bytes are written.
"""

from __future__ import annotations

from streamkit.log.protocol import BatchHeader, read_header, set_log_append_time, stamp
from streamkit.log.storage.config import LogConfig
from streamkit.log.storage.producer_state import EndMarker, ProducerBatch, ProducerStates
from streamkit.log.storage.validation import end_marker, parse, recompressed, validate
from streamkit.model import TopicPartition

__all__ = ["PreparedAppend", "prepare"]


class PreparedAppend:
    """Batches as they will stand in the log.

    Attributes:
        data: their bytes.
        batches: position in `data` and header of each, with final offsets and timestamps.
        markers: for each, what it says if it ends a transaction.
        next_offset: the offset after the last record.
        duplicate: the batch in the log that this one repeats; then nothing is to be written.
    """

    __slots__ = ("batches", "data", "duplicate", "markers", "next_offset")

    def __init__(
        self,
        data: bytearray,
        batches: list[tuple[int, BatchHeader]],
        markers: list[EndMarker | None],
        next_offset: int,
        duplicate: ProducerBatch | None = None,
    ) -> None:
        self.data = data
        self.batches = batches
        self.markers = markers
        self.next_offset = next_offset
        self.duplicate = duplicate


def prepare(
    data: bytes | bytearray | memoryview,
    config: LogConfig,
    states: ProducerStates,
    topic_partition: TopicPartition,
    *,
    offset: int,
    leader_epoch: int,
    now_ms: int,
    from_client: bool,
) -> PreparedAppend:
    """Judge `data` and give its records the offsets from `offset` on; see `PartitionLog.append`."""
    found = parse(data, topic_partition, from_client=from_client)
    if from_client:
        start, header = found[0]
        validate(data, start, header, config, topic_partition, now_ms=now_ms)
        converted = recompressed(data, start, header, config, topic_partition)
        if converted is not None:
            data = converted
            found = [(0, read_header(data))]
    markers: list[EndMarker | None] = []
    for start, header in found:
        marker = None
        if header.producer_id >= 0:
            if header.is_control:
                marker = end_marker(data, start, header)
                if marker is not None:
                    states.check_marker(header, marker)
            else:
                duplicate = states.check(header, from_client=from_client)
                if duplicate is not None:
                    return PreparedAppend(bytearray(), [], [], -1, duplicate)
        markers.append(marker)
    buffer = bytearray(data)
    for start, header in found:
        stamp(buffer, start, base_offset=offset, leader_epoch=leader_epoch)
        header.base_offset = offset
        header.partition_leader_epoch = leader_epoch
        if config.log_append_time:
            set_log_append_time(buffer, start, now_ms)
            header.max_timestamp = now_ms
        offset = header.next_offset
    return PreparedAppend(buffer, found, markers, offset)
