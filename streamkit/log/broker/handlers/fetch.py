"""Fetch (key 1): read record batches, waiting until enough has come.

| version | change |
| --- | --- |
| 4 | the oldest served: format 2, isolation level, aborted transactions |
| 5 | log start offset |
| 7 | incremental sessions (KIP-227) |
| 9 | the consumer's leader epoch |
| 11 | rack of the consumer |
| 12 | flexible; divergence by epoch (KIP-595) |
| 13 | topics are named by id |
| 15 | replica state, for replicas |
| 16 | where the leader is, when it isn't here |
| 17-18 | for replicas |

Records go out as they lie in the log: whole batches, the first of which may begin before the offset asked for.
At least one batch is sent, however large. Left out: replicas (there are none), and the choice of a nearer
replica by rack.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from uuid import UUID

from streamkit.errors import BrokerError
from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of, refusal
from streamkit.log.broker.fetch_sessions import FetchItem, FetchSession, TopicKey
from streamkit.log.broker.leader_epochs import check_leader_epoch
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.fetch import (
    AbortedTransaction,
    EpochEndOffset,
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    PartitionData,
)

_BY_ID = 13
_READ_UNCOMMITTED = 0
_BEFORE_THE_LOG = (
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.UNKNOWN_TOPIC_ID,
    ErrorCode.TOPIC_AUTHORIZATION_FAILED,
)


@handles(FetchRequest)
def fetch(
    broker: Broker, request: FetchRequest, context: RequestContext
) -> FetchResponse | asyncio.Future[FetchResponse]:
    """Read what is there; when that is less than `min_bytes`, wait up to `max_wait_ms` for more."""
    try:
        reading = _Reading(broker, request, context)
    except BrokerError as error:
        return FetchResponse(error_code=error.code)
    read = reading.read()
    missing = request.min_bytes - reading.bytes_read
    if missing <= 0 or reading.is_due or request.max_wait_ms <= 0 or not reading.items:
        return reading.answer(read)

    answer: asyncio.Future[FetchResponse] = asyncio.get_running_loop().create_future()

    def look(last: bool) -> int:
        if answer.done():
            return 0
        try:
            again = reading.read()
            missing = request.min_bytes - reading.bytes_read
            if missing > 0 and not (last or reading.is_due):
                return missing
            answer.set_result(reading.answer(again))
        except Exception as error:  # noqa: BLE001 - goes on to the connection
            answer.set_exception(error)
        return 0

    waiter = broker.waiters.wait(
        reading.watched(), missing, request.max_wait_ms, look, committed=reading.committed
    )
    # When the client goes away its connection cancels the answer.
    answer.add_done_callback(lambda _: broker.waiters.cancel(waiter))
    return answer


class _Reading:
    """One fetch: may be read more than once until there is enough.

    Attributes:
        bytes_read: bytes of records in the last reading.
        is_due: it is answered whatever its size: a partition has an error, or there is more than could be read.
    """

    def __init__(self, broker: Broker, request: FetchRequest, context: RequestContext) -> None:
        self._broker = broker
        self._request = request
        self._by_id = context.api_version >= _BY_ID
        # A level that doesn't exist reads too little rather than too much.
        self.committed = request.isolation_level != _READ_UNCOMMITTED
        self._isolation = "read_committed" if self.committed else "read_uncommitted"
        found = broker.fetch_sessions.begin(request, self._by_id)
        self.items: list[FetchItem] = found[0]
        self._session: FetchSession | None = found[1]
        self._incremental: bool = found[2]
        self._denied = self._may_not_read(context)
        self.bytes_read = 0
        self.is_due = False

    def read(self) -> list[tuple[FetchItem, PartitionData]]:
        """Read every partition, until the answer is full."""
        left = min(self._request.max_bytes, self._broker.settings.fetch_max_bytes)
        left = self._broker.memory.room_for_answer(left)
        self.bytes_read = 0
        self.is_due = False
        read = []
        for item in self.items:
            try:
                data = self._partition(item, left)
            except Exception as error:  # noqa: BLE001 - mapped to a code
                self.is_due = True
                data = _failed(item, error)
            size = len(data.records or b"")
            left = max(0, left - size)
            self.bytes_read += size
            read.append((item, data))
        return read

    def watched(self) -> Iterable[tuple[str, int]]:
        """The partitions whose appends end the waiting."""
        return [(self._name(item.topic), item.partition) for item in self.items]

    def answer(self, read: Iterable[tuple[FetchItem, PartitionData]]) -> FetchResponse:
        """The answer with what was read; in an incremental session, with what is new."""
        session = self._session
        topics: dict[TopicKey, FetchableTopicResponse] = {}
        for item, data in read:
            if session is not None:
                news = (
                    data.records
                    or data.error_code
                    or data.diverging_epoch.epoch >= 0
                    or item.sent_high_watermark != data.high_watermark
                    or item.sent_log_start_offset != data.log_start_offset
                )
                if self._incremental and not news:
                    continue
                item.sent_high_watermark = -1 if data.error_code else data.high_watermark
                item.sent_log_start_offset = data.log_start_offset
                if data.records:
                    session.rotate(item)
            topic = topics.get(item.topic)
            if topic is None:
                topic = topics[item.topic] = (
                    FetchableTopicResponse(topic_id=item.topic)
                    if isinstance(item.topic, UUID)
                    else FetchableTopicResponse(topic=item.topic)
                )
            topic.partitions.append(data)
        return FetchResponse(
            session_id=0 if session is None else session.session_id,
            responses=list(topics.values()),
        )

    def _may_not_read(self, context: RequestContext) -> frozenset[TopicKey]:
        """The topics that aren't for this client; asked once a request, however often it is read."""
        if context.authorizer is None:
            return frozenset()
        names = {
            topic: self._broker.topic_name(topic) if isinstance(topic, UUID) else topic
            for topic in {item.topic for item in self.items}
        }
        return frozenset(
            topic
            for topic, name in names.items()
            if name is not None and context.denied(Operation.READ, ResourceType.TOPIC, name)
        )

    def _name(self, topic: TopicKey) -> str:
        if isinstance(topic, UUID):
            return self._broker.topic_by_id(topic).name
        return topic

    def _partition(self, item: FetchItem, left: int) -> PartitionData:
        name = self._name(item.topic)
        if self._denied and item.topic in self._denied:
            raise refusal(
                ErrorCode.TOPIC_AUTHORIZATION_FAILED, f"the client may not read topic {name}"
            )
        log = self._broker.readable_log(name, item.partition)
        check_leader_epoch(
            max(-1, item.leader_epoch), self._broker.topic(name).leader_epochs[item.partition]
        )
        if item.last_fetched_epoch >= 0:
            epoch, end_offset = log.end_offset_for_epoch(item.last_fetched_epoch)
            if end_offset < 0:
                raise refusal(
                    ErrorCode.OFFSET_OUT_OF_RANGE,
                    f"{name}-{item.partition} has no leader epoch {item.last_fetched_epoch}",
                )
            if end_offset < item.fetch_offset or epoch < item.last_fetched_epoch:
                self.is_due = True
                return PartitionData(
                    partition_index=item.partition,
                    high_watermark=log.high_watermark,
                    last_stable_offset=log.last_stable_offset,
                    log_start_offset=log.log_start_offset,
                    diverging_epoch=EpochEndOffset(epoch=epoch, end_offset=end_offset),
                    aborted_transactions=None,
                    records=b"",
                )
        result = log.read(
            item.fetch_offset,
            min(item.max_bytes, left),
            min_one=self.bytes_read == 0,
            isolation=self._isolation,
        )
        # A later segment is for a later fetch, however little this one holds.
        self.is_due |= result.more
        aborted = result.aborted
        return PartitionData(
            partition_index=item.partition,
            high_watermark=result.high_watermark,
            last_stable_offset=result.last_stable_offset,
            log_start_offset=result.log_start_offset,
            aborted_transactions=None
            if aborted is None
            else [
                AbortedTransaction(producer_id=each.producer_id, first_offset=each.first_offset)
                for each in aborted
            ],
            records=result.data,
        )


def _failed(item: FetchItem, error: Exception) -> PartitionData:
    code = code_of(error, during=f"Fetch of {item.topic}-{item.partition}")
    # As Apache Kafka: a list, if empty, of a partition that isn't looked for; null of one that refuses.
    missing = code in _BEFORE_THE_LOG
    return PartitionData(
        partition_index=item.partition,
        error_code=code,
        high_watermark=-1,
        aborted_transactions=[] if missing else None,
        records=b"",
    )
