"""Produce (key 0): append record batches.

| version | change |
| --- | --- |
| 3 | the first with record batches of format 2 (KIP-98), the oldest served |
| 5 | log start offset in the answer |
| 8 | reasons for each refused record |
| 9 | flexible |
| 10 | where the leader is, when it isn't here |
| 12 | transactions add their partitions by themselves (KIP-890) |
| 13 | topics are named by id |

On one node the leader is every replica: acks=1 and acks=all are answered alike, when the records are in the page
cache (see `log.flush.*` for more). acks=0 has no answer; a failure closes the connection, as in Apache Kafka.
Batches of transactions are checked with the transaction coordinator first. Left out: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from streamkit.errors import BrokerError, StreamkitError
from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of, message_of, refusal
from streamkit.log.broker.metadata.image import INTERNAL_TOPICS
from streamkit.log.broker.registry import handles
from streamkit.log.broker.transactions.joining import (
    ADDS_BY_ITSELF,
    is_transactional,
    join_transaction,
)
from streamkit.log.protocol import Compression, ErrorCode, read_header
from streamkit.log.protocol.batch_header import (
    COMPRESSION_MASK,
    FRAME_BYTES,
    HEADER_BYTES,
    MAGIC,
)
from streamkit.log.protocol.messages.produce import (
    BatchIndexAndErrorMessage,
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
    TopicProduceResponse,
)
from streamkit.log.storage import (
    InvalidProducerEpochError,
    InvalidRecordError,
    InvalidTimestampError,
    InvalidTxnStateError,
    LogError,
    NotOneBatchError,
    OutOfOrderSequenceError,
)
from streamkit.model import TopicPartition

_BY_ID = 13
_ZSTD_SINCE = 7
_LEAST_LENGTH = 14  # of the oldest format
_LENGTH_AT, _MAGIC_AT, _ATTRIBUTES_AT = 8, 16, 22
_REFUSED_BY_LOG = (
    InvalidRecordError,
    OutOfOrderSequenceError,
    InvalidProducerEpochError,
    InvalidTimestampError,
    InvalidTxnStateError,
)


@handles(ProduceRequest)
def produce(
    broker: Broker, request: ProduceRequest, context: RequestContext
) -> ProduceResponse | None:
    """Append each partition's batch; one partition's failure doesn't touch the others."""
    kept_out = _not_its_transaction(request, context)
    answers = [
        TopicProduceResponse(
            name=topic.name,
            topic_id=topic.topic_id,
            partition_responses=_topic(broker, request, topic, context)
            if kept_out is None
            else [_failed(data.index, kept_out) for data in topic.partition_data],
        )
        for topic in request.topic_data
        if topic.partition_data
    ]
    if request.acks == 0:
        failed = [p for topic in answers for p in topic.partition_responses if p.error_code]
        if failed:
            code = ErrorCode(failed[0].error_code).name
            context.connection.close(f"Produce with acks=0 failed: {code}")
        return None
    return ProduceResponse(responses=answers)


def _not_its_transaction(request: ProduceRequest, context: RequestContext) -> BrokerError | None:
    """Records of a transaction in a request that names none are nobody's, or the client may not write in it."""
    transactional_id = request.transactional_id
    if transactional_id is not None and context.authorizer is None:
        return None
    if not any(
        is_transactional(data.records)
        for topic in request.topic_data
        for data in topic.partition_data
    ):
        return None
    if transactional_id is None:
        return refusal(
            ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            "the request has records of a transaction, and no transactional id",
        )
    try:
        context.check(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, transactional_id)
    except BrokerError as error:
        return error
    return None


def _topic(
    broker: Broker, request: ProduceRequest, topic: TopicProduceData, context: RequestContext
) -> list[PartitionProduceResponse]:
    try:
        by_id = context.api_version >= _BY_ID
        name = broker.topic_by_id(topic.topic_id).name if by_id else topic.name
        if context.authorizer is not None:
            context.check(Operation.WRITE, ResourceType.TOPIC, name)
        if name in INTERNAL_TOPICS and context.client_id != "__admin_client":
            raise refusal(
                ErrorCode.INVALID_TOPIC_EXCEPTION, f"{name} is written by the broker alone"
            )
        wrong_acks = _wrong_acks(request.acks)
        kept_out = {
            data.index: error
            for data in topic.partition_data
            if (error := wrong_acks or _shape_error(data.records, context.api_version)) is not None
        }
        sound = [data for data in topic.partition_data if data.index not in kept_out]
        kept_out |= _join(broker, request, context, name, sound)
        return [
            _partition(broker, name, data, context.now_ms, kept_out.get(data.index))
            for data in topic.partition_data
        ]
    except BrokerError as error:
        return [_failed(data.index, error) for data in topic.partition_data]


def _wrong_acks(acks: int) -> BrokerError | None:
    if acks in (-1, 0, 1):
        return None
    return refusal(ErrorCode.INVALID_REQUIRED_ACKS, f"acks is {acks}; it must be -1, 0 or 1")


def _join(
    broker: Broker,
    request: ProduceRequest,
    context: RequestContext,
    topic: str,
    partitions: list[PartitionProduceData],
) -> Mapping[int, BrokerError]:
    """Why batches of transactions may not be appended, by partition."""
    batches = [
        (TopicPartition(topic, data.index), data.records)
        for data in partitions
        if data.records is not None
        and is_transactional(data.records)
        and broker.partition_exists(topic, data.index)
    ]
    if not batches:
        return {}
    kept_out: dict[int, BrokerError] = {}
    epoch_each = context.api_version >= ADDS_BY_ITSELF
    for partition, records in batches:
        try:
            log = broker.partition_log(*partition)
            log.attempt(read_header(records), context.now_ms, epoch_each=epoch_each)
        except InvalidProducerEpochError as error:
            kept_out[partition.partition] = refusal(error.error_code, str(error))
        except StreamkitError:
            continue  # the append says it again
    batches = [each for each in batches if each[0].partition not in kept_out]
    found = join_transaction(
        broker.transactions, request.transactional_id, batches, context.api_version
    )
    return kept_out | {partition: error for (_, partition), error in found.items()}


def _partition(
    broker: Broker,
    topic: str,
    data: PartitionProduceData,
    now_ms: int,
    kept_out: BrokerError | None,
) -> PartitionProduceResponse:
    log_start_offset = -1
    try:
        log = broker.partition_log(topic, data.index)
        if kept_out is not None:
            raise kept_out
        records = data.records
        assert records  # what has no batch was kept out
        log_start_offset = log.log_start_offset
        result = log.append(records, now_ms=now_ms)
    except Exception as error:  # noqa: BLE001 - mapped to a code
        return _failed(data.index, error, log_start_offset)
    if not result.duplicate:
        broker.appended(topic, data.index, len(records))
    return PartitionProduceResponse(
        index=data.index,
        base_offset=result.base_offset,
        log_append_time_ms=result.log_append_time_ms,
        log_start_offset=result.log_start_offset,
    )


def _shape_error(records: bytes | memoryview | None, version: int) -> BrokerError | None:
    """Why what was sent is not one batch that a request of this version may bear; None if it is.

    Comes before all that looks into the batch: a transaction isn't begun by it.
    """
    size = 0 if records is None else len(records)
    if records is None or size <= _ATTRIBUTES_AT:
        return NotOneBatchError(f"no record batch in {size} bytes")
    if int.from_bytes(records[_LENGTH_AT:FRAME_BYTES], "big", signed=True) < _LEAST_LENGTH:
        return refusal(ErrorCode.CORRUPT_MESSAGE, "a batch that is too short to be any")
    if records[_MAGIC_AT] != MAGIC:
        return NotOneBatchError(f"a batch of format {records[_MAGIC_AT]}, only {MAGIC} is served")
    end = FRAME_BYTES + int.from_bytes(records[_LENGTH_AT:FRAME_BYTES], "big", signed=True)
    if end > size:
        return NotOneBatchError(f"{size} bytes of a batch of {end}")
    if version < _ZSTD_SINCE and records[_ATTRIBUTES_AT] & COMPRESSION_MASK == Compression.ZSTD:
        return refusal(
            ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
            f"zstd came with version {_ZSTD_SINCE} of Produce; this is version {version}",
        )
    if HEADER_BYTES <= end < size:
        return NotOneBatchError(f"{size - end} bytes behind the one batch that is allowed")
    return None


def _failed(index: int, error: Exception, log_start_offset: int = -1) -> PartitionProduceResponse:
    """A refusal; one that comes of the log's contents tells where the log starts."""
    reasons = error.record_errors if isinstance(error, LogError) else ()
    looked_at_log = bool(reasons) or (
        isinstance(error, _REFUSED_BY_LOG) and not isinstance(error, NotOneBatchError)
    )
    return PartitionProduceResponse(
        index=index,
        error_code=code_of(error, during="Produce"),
        base_offset=-1,
        log_start_offset=log_start_offset if looked_at_log else -1,
        error_message=message_of(error),
        record_errors=[
            BatchIndexAndErrorMessage(batch_index=at, batch_index_error_message=reason)
            for at, reason in reasons
        ],
    )
